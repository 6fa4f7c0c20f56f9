package app_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"switchboard/internal/simulator"
	"switchboard/internal/store"
)

const answerRules = `
version: 1
rules:
  - name: answer
    when: conversation.user.created
    then:
      - tag: Seen
      - reply: "Hello, we have your message."
      - note: "answered"
`

func TestEventBecomesActions(t *testing.T) {
	t.Parallel()
	inBubble(t, answerRules, simulator.Options{}, func(w *world) {
		id := must(t)(w.sim.CustomerStarts(w.customer(), "Can you help?"))
		w.settle(time.Minute)
		c, _ := w.sim.Conversation(id)
		if len(c.Tags) != 1 {
			t.Errorf("tags %v, want one", c.Tags)
		}
		if got := w.texts(id); len(got) != 2 {
			t.Errorf("parts made: %q", got)
		}
	})
}

// TestI5 works off a backlog of 1,000 calls against a limit of 167 in 10 seconds.
func TestI5_backlog(t *testing.T) {
	t.Parallel()
	const rules = `
version: 1
rules:
  - name: tag
    when: conversation.user.created
    then:
      - note: "seen"
`
	const calls, limit = 1000, 167
	o := simulator.Options{RateLimit: limit, NoEcho: true, Faults: simulator.Faults{
		Latency: simulator.Latency{Min: 20 * time.Millisecond, Spread: 40 * time.Millisecond, Max: time.Second},
	}}
	inBubble(t, rules, o, func(w *world) {
		for range calls {
			must(t)(w.sim.CustomerStarts(w.customer(), "Hello"))
		}
		w.settle(3 * time.Minute)
		windows := w.sim.Windows()
		total := 0
		for i, win := range windows {
			total += win.Used
			if win.Rejected > 0 {
				t.Errorf("window %d: %d calls were refused with 429", i, win.Rejected)
			}
			// The first window begins in the middle; the last one has only what was left.
			if full := i > 0 && i < len(windows)-1; full && win.Used*100 < limit*95 {
				t.Errorf("window %d: %d of %d calls used, want 95 %%", i, win.Used, limit)
			}
		}
		if total < calls || len(windows) < calls/limit {
			t.Errorf("%d calls in %d windows; want at least %d", total, len(windows), calls)
		}
	})
}

func TestI4_effects_once(t *testing.T) {
	t.Parallel()
	reply := "POST /conversations/{id}/reply"
	for name, fault := range map[string]simulator.Fault{
		"reset after the effect":          {Kind: simulator.ResetAfter, Endpoint: reply},
		"reset before the effect":         {Kind: simulator.ResetBefore, Endpoint: reply},
		"hang after the effect":           {Kind: simulator.HangAfter, Endpoint: reply},
		"hang before the effect":          {Kind: simulator.HangBefore, Endpoint: reply},
		"500 after the effect":            {Kind: simulator.FailAfter, Endpoint: reply},
		"503 before the effect":           {Kind: simulator.FailBefore, Endpoint: reply, Status: 503},
		"an answer that breaks off":       {Kind: simulator.BadJSON, Endpoint: reply},
		"an answer that is cut short":     {Kind: simulator.Truncated, Endpoint: reply},
		"an empty answer":                 {Kind: simulator.EmptyBody, Endpoint: reply},
		"429":                             {Kind: simulator.TooMany, Endpoint: reply},
		"reading back fails at first":     {Kind: simulator.ResetAfter, Endpoint: reply},
		"tagging is cut off after effect": {Kind: simulator.ResetAfter, Endpoint: "POST /conversations/{id}/tags"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, answerRules, simulator.Options{}, func(w *world) {
				w.sim.FaultNext(fault)
				if strings.HasPrefix(name, "reading back") {
					for range 3 {
						w.sim.FaultNext(simulator.Fault{Kind: simulator.FailBefore, Endpoint: "GET /conversations/{id}"})
					}
				}
				id := must(t)(w.sim.CustomerStarts(w.customer(), "Can you help?"))
				w.settle(10 * time.Minute)
				if !slices.ContainsFunc(w.sim.Journal(), func(e simulator.Entry) bool { return e.Fault == fault.Kind }) {
					t.Error("the fault did not strike: the test has shown nothing")
				}
				got := w.texts(id)
				if len(got) != 2 || !strings.Contains(got[0], "Hello, we have") || !strings.Contains(got[1], "answered") {
					t.Errorf("parts made: %q; want one reply, then one note", got)
				}
			})
		})
	}

	t.Run("what stays unclear is parked, and the rest of its run is held back", func(t *testing.T) {
		inBubble(t, answerRules, simulator.Options{}, func(w *world) {
			w.sim.SetFaults(simulator.Faults{Rules: []simulator.Fault{
				{Kind: simulator.ResetAfter, Endpoint: reply, Times: 1},
				{Kind: simulator.FailBefore, Endpoint: "GET /conversations/{id}", Status: 502},
			}})
			id := must(t)(w.sim.CustomerStarts(w.customer(), "Can you help?"))
			w.settle(12 * time.Hour)
			st, err := w.app.Store().Stats(context.Background())
			if err != nil || st.Parked != 1 || st.Held != 1 || st.Dead != 0 {
				t.Errorf("Stats = %+v, %v; want one parked, one held", st, err)
			}
			if got := w.texts(id); len(got) != 1 {
				t.Errorf("parts made: %q; want the one reply", got)
			}
		})
	})
}

func TestI6_failures_are_contained(t *testing.T) {
	t.Parallel()
	t.Run("a permanent error is a dead letter at once and touches nothing else", func(t *testing.T) {
		inBubble(t, answerRules, simulator.Options{}, func(w *world) {
			gone := must(t)(w.sim.CustomerStarts(w.customer(), "Can you help?"))
			if err := w.sim.DeleteConversation(gone); err != nil {
				t.Fatal(err)
			}
			id := must(t)(w.sim.CustomerStarts(w.customer(), "Me too"))
			w.settle(10 * time.Second)
			dead, err := w.app.Store().ActionsIn(context.Background(), store.StateDead, 10)
			if err != nil || len(dead) != 1 || dead[0].Attempts != 1 || dead[0].Error == "" {
				t.Errorf("dead letters %+v, %v; want one with its error, after one attempt", dead, err)
			}
			if got := w.texts(id); len(got) != 2 {
				t.Errorf("the other conversation got %q", got)
			}
		})
	})

	t.Run("an outage of hours loses nothing", func(t *testing.T) {
		inBubble(t, answerRules, simulator.Options{}, func(w *world) {
			w.sim.Outage(true)
			id := must(t)(w.sim.CustomerStarts(w.customer(), "Can you help?"))
			time.Sleep(90 * time.Minute)
			w.sim.Outage(false)
			w.settle(30 * time.Minute)
			if got := w.texts(id); len(got) != 2 {
				t.Errorf("parts made: %q", got)
			}
		})
	})

	t.Run("a refused token pauses the workspace instead of burning the queue", func(t *testing.T) {
		inBubble(t, answerRules, simulator.Options{}, func(w *world) {
			synctest.Wait()
			w.sim.SetFaults(simulator.Faults{TokenRevoked: true})
			var ids []string
			for range 50 {
				ids = append(ids, must(t)(w.sim.CustomerStarts(w.customer(), "Can you help?")))
			}
			before := len(w.sim.Journal())
			time.Sleep(time.Hour)
			if calls := len(w.sim.Journal()) - before; calls > 100 {
				t.Errorf("%d calls in an hour with a refused token", calls)
			}
			if st, _ := w.app.Store().Stats(context.Background()); st.Dead != 0 {
				t.Errorf("%d dead letters because of a refused token", st.Dead)
			}
			if w.app.Budget().Trouble == "" {
				t.Error("nothing says that the token is refused")
			}
			w.sim.SetFaults(simulator.Faults{})
			w.settle(10 * time.Minute)
			for _, id := range ids {
				if got := w.texts(id); len(got) != 2 {
					t.Fatalf("conversation %s: parts made: %q", id, got)
				}
			}
		})
	})
}

func TestI2_one_part_one_run(t *testing.T) {
	t.Parallel()
	const rules = `
version: 1
rules:
  - name: teammate-was-here
    when: conversation.admin.*
    then:
      - tag: Answered
`
	inBubble(t, rules, simulator.Options{}, func(w *world) {
		admins := w.sim.Admins()
		teammate := admins[len(admins)-1].ID
		id := must(t)(w.sim.CustomerStarts(w.customer(), "Hello"))
		part := must(t)(w.sim.AdminReplies(id, teammate, "Hi, I take this", teammate))
		w.settle(time.Minute)
		told := 0
		for _, n := range w.sim.Notifications() {
			if n.Part == part {
				told++
			}
		}
		tagged := 0
		for _, e := range w.sim.Journal() {
			if e.Effect == simulator.EffectTag {
				tagged++
			}
		}
		if told < 2 || tagged != 1 {
			t.Errorf("%d notifications of one part led to %d runs, want 1", told, tagged)
		}
	})
}

func TestI2_redelivered(t *testing.T) {
	t.Parallel()
	inBubble(t, answerRules, simulator.Options{Delivery: simulator.DeliveryOptions{DuplicateRate: 1}}, func(w *world) {
		id := must(t)(w.sim.CustomerStarts(w.customer(), "Hello"))
		w.settle(5 * time.Minute)
		if got := w.texts(id); len(got) != 2 {
			t.Errorf("parts made: %q; want each once", got)
		}
	})
}

func TestI9_own_work_triggers_nothing(t *testing.T) {
	t.Parallel()
	rules := func(from string) string {
		return fmt.Sprintf(`
version: 1
rules:
  - name: echo
    when: [conversation.user.created, conversation.admin.replied]
    from: %s
    once: conversation
    then:
      - reply: "Hello"
  - name: loop
    when: conversation.admin.replied
    then:
      - reply: "Hello again"
`, from)
	}
	for _, old := range []bool{false, true} {
		t.Run(fmt.Sprintf("old payloads %v", old), func(t *testing.T) {
			inBubble(t, rules("human"), simulator.Options{Old: old}, func(w *world) {
				id := must(t)(w.sim.CustomerStarts(w.customer(), "Hello"))
				w.settle(time.Minute)
				time.Sleep(time.Hour)
				if n := calls(w, simulator.EffectReply); n != 1 {
					t.Errorf("%d replies to conversation %s, want 1", n, id)
				}
			})
		})
	}
}

func calls(w *world, effect simulator.Effect) int {
	n := 0
	for _, e := range w.sim.Journal() {
		if e.Effect == effect {
			n++
		}
	}
	return n
}

func TestI3_order_of_a_subject(t *testing.T) {
	t.Parallel()
	const rules = `
version: 1
rules:
  - name: echo
    when: conversation.user.replied
    then:
      - note: "{{ message.text }}"
`
	o := simulator.Options{NoEcho: true, Delivery: simulator.DeliveryOptions{Order: simulator.InOrder}, Faults: simulator.Faults{
		Latency: simulator.Latency{Min: time.Millisecond, Spread: 200 * time.Millisecond},
		Rules: []simulator.Fault{
			{Kind: simulator.FailBefore, Rate: 0.1}, {Kind: simulator.ResetAfter, Rate: 0.1}, {Kind: simulator.TooMany, Rate: 0.02},
		},
	}}
	inBubble(t, rules, o, func(w *world) {
		const conversations, messages = 10, 10
		var ids []string
		for range conversations {
			ids = append(ids, must(t)(w.sim.CustomerStarts(w.customer(), "first")))
		}
		for i := range messages {
			for _, id := range ids {
				must(t)(w.sim.CustomerReplies(id, fmt.Sprint("message ", i)))
			}
		}
		w.settle(time.Hour)
		for _, id := range ids {
			got := w.texts(id)
			var want []string
			for i := range messages {
				want = append(want, fmt.Sprintf("<p>message %d</p>", i))
			}
			if !slices.Equal(got, want) {
				t.Errorf("conversation %s: %q", id, got)
			}
		}
	})
}

func TestI7_stop_is_clean(t *testing.T) {
	t.Parallel()
	o := simulator.Options{NoEcho: true, Faults: simulator.Faults{Latency: simulator.Latency{Min: 300 * time.Millisecond}}}
	inBubble(t, answerRules, o, func(w *world) {
		var ids []string
		for range 40 {
			ids = append(ids, must(t)(w.sim.CustomerStarts(w.customer(), "Hello")))
		}
		for range 5 {
			time.Sleep(700 * time.Millisecond)
			began := time.Now()
			w.restart() // fails the test when the stop is not clean
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("stopping took %s", took)
			}
		}
		w.settle(10 * time.Minute)
		for _, id := range ids {
			if got := w.texts(id); len(got) != 2 {
				t.Errorf("conversation %s: parts made: %q", id, got)
			}
		}
		if n := calls(w, simulator.EffectReply); n != len(ids) {
			t.Errorf("%d replies for %d conversations", n, len(ids))
		}
	})
}

func TestI8_reload_is_atomic(t *testing.T) {
	t.Parallel()
	with := func(tag string) string {
		return "version: 1\nrules:\n  - name: r\n    when: conversation.user.created\n    then:\n      - tag: " + tag + "\n"
	}
	inBubble(t, with("First"), simulator.Options{}, func(w *world) {
		tagOf := func() string {
			id := must(t)(w.sim.CustomerStarts(w.customer(), "Hello"))
			w.settle(time.Minute)
			c, _ := w.sim.Conversation(id)
			if len(c.Tags) != 1 {
				t.Fatalf("tags: %v", c.Tags)
			}
			tags := w.sim.Tags()
			return tags[slices.IndexFunc(tags, func(tag simulator.Tag) bool { return tag.ID == c.Tags[0].ID })].Name
		}
		if got := tagOf(); got != "First" {
			t.Errorf("tag %q", got)
		}
		w.writeRules(with("Second"))
		time.Sleep(3 * time.Second)
		if got := tagOf(); got != "Second" {
			t.Errorf("tag %q after a change of the file", got)
		}
		w.writeRules(with("Third") + "    iff: broken\n")
		time.Sleep(3 * time.Second)
		if got := tagOf(); got != "Second" {
			t.Errorf("tag %q after a broken file; the old rules must go on", got)
		}
		if log := w.log.String(); !strings.Contains(log, "rules.yaml:7:5: error") || !strings.Contains(log, "^^^") {
			t.Errorf("the log does not point at the problem: %s", log)
		}
		w.writeRules(with("Fourth"))
		time.Sleep(3 * time.Second)
		if got := tagOf(); got != "Fourth" {
			t.Errorf("tag %q after the file was mended", got)
		}
	})
}
