package app_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"switchboard/internal/operations"
	"switchboard/internal/simulator"
)

// reload has the app go on with other rules.
func (w *world) reload(rules string) {
	w.t.Helper()
	w.writeRules(rules)
	if err := w.app.Reload(); err != nil {
		w.t.Fatal(err)
	}
}

// replay replays, and tells in a line for each event and rule what the answer says.
func (w *world) replay(r operations.ReplayRequest) string {
	w.t.Helper()
	if r.Limit == 0 {
		r.Limit = 1000
	}
	answer, err := w.app.Replay(w.t.Context(), r)
	if err != nil {
		w.t.Fatal(err)
	}
	var b strings.Builder
	for _, ev := range answer.Events {
		_, _ = fmt.Fprintf(&b, "%s: %s%s\n", ev.Topic, ev.Outcome, ev.Problem)
		for _, rule := range ev.Rules {
			_, _ = fmt.Fprintf(&b, "  %s: %s %s: %s", rule.Rule, rule.Verdict, rule.HeldBy, rule.Reason)
			for _, a := range rule.Actions {
				_, _ = fmt.Fprintf(&b, " [%s %s]", a.Action, a.Parked)
			}
			b.WriteByte('\n')
		}
	}
	if r.Run {
		w.settle(time.Minute)
	}
	return b.String()
}

// calmly has an app look at the store less often: hours of waiting are about nothing else.
func calmly(w *world) { w.options.Poll = time.Minute }

// want holds an answer against the texts that it must have, each so often.
func want(t *testing.T, what, got string, texts map[string]int) {
	t.Helper()
	for text, n := range texts {
		if strings.Count(got, text) != n {
			t.Errorf("%s: %q stands there %d times, want %d:\n%s", what, text, strings.Count(got, text), n, got)
		}
	}
}

const replied = "version: 1\nrules:\n" + `  - { name: remember, when: conversation.user.replied, then: [note: "seen"] }
`

// TestReplay mends a rule and asks it again.
func TestReplay(t *testing.T) {
	const broken = replied + `  - { name: vip, when: conversation.user.replied, if: 'message.text contains "goId"', then: [tag: VIP] }
`
	inBubbleWith(t, broken, simulator.Options{}, calmly, func(w *world) {
		var conversations []string
		for range 3 {
			id := must(t)(w.sim.CustomerStarts(w.customer(), "Hello"))
			must(t)(w.sim.CustomerReplies(id, "I have the gold plan"))
			conversations = append(conversations, id)
		}
		w.settle(time.Minute)
		time.Sleep(time.Hour)
		w.reload(strings.ReplaceAll(broken, "goId", "gold"))
		all := operations.ReplayRequest{Topic: "conversation.user.replied", Since: time.Now().Add(-2 * time.Hour)}
		tags := func() (n int) { return calls(w, simulator.EffectTag) }

		want(t, "told", w.replay(all), map[string]int{"would run": 3, "vip: ran": 3, "remember: held_back replay: it has run on this event": 3})
		if tags() != 0 {
			t.Error("telling what would be done has done it")
		}
		run := all
		run.Run = true
		want(t, "done", w.replay(run), map[string]int{"replied: replayed": 3})
		if tags() != 3 || calls(w, simulator.EffectNote) != 3 {
			t.Errorf("%d tags and %d notes, want 3 each", tags(), calls(w, simulator.EffectNote))
		}
		w.restart()
		want(t, "again", w.replay(run), map[string]int{"nothing to do": 3, "vip: held_back replay: it has run on this event": 3})
		one := run
		one.Rules, one.Force = []string{"vip"}, true
		want(t, "forced", w.replay(one), map[string]int{"replied: replayed": 3, "the replay is for other rules": 0, "remember: held_back replay: it has run": 3})
		if tags() != 6 || calls(w, simulator.EffectNote) != 3 {
			t.Errorf("%d tags and %d notes, want 6 and 3", tags(), calls(w, simulator.EffectNote))
		}
		none := all
		none.Until = all.Since.Add(time.Minute)
		want(t, "another time", w.replay(none), map[string]int{"\n": 0})
		for name, r := range map[string]operations.ReplayRequest{
			"a rule that is not there":  {Topic: all.Topic, Rules: []string{"vips"}, Limit: 9},
			"an event that is not":      {Events: []string{"99999"}, Limit: 9},
			"force without a rule":      {Topic: all.Topic, Force: true, Limit: 9},
			"no limit":                  {Topic: all.Topic},
			"no event":                  {Rules: []string{"vip"}, Limit: 9, Run: true},
			"a workspace of nobody's":   {Topic: all.Topic, Workspace: "other", Limit: 9},
			"more events than allowed":  {Events: []string{"1", "2"}, Limit: 1},
			"a negative age":            {Topic: all.Topic, Limit: 9, MaxAgeSeconds: -1},
			"events that are not meant": {Topic: "conversation.deleted", Events: []string{"1"}, Limit: 9},
		} {
			if _, err := w.app.Replay(w.t.Context(), r); err == nil {
				t.Error(name, "was not refused")
			} else if _, ok := err.(*operations.Refused); !ok { //nolint:errorlint // as the console asks
				t.Error(name, err)
			}
		}
		_ = conversations
	})
}

// TestI4_replay_answers_nobody_twice: what customers would read is sent when it is not too late, and only
// if nothing says that they have read it.
func TestI4_replay_answers_nobody_twice(t *testing.T) {
	const answer = "version: 1\nrules:\n  - { name: answer, when: conversation.user.replied, then: [tag: Seen, reply: Soon] }\n"
	type step struct {
		rules string
		wait  time.Duration
		r     operations.ReplayRequest
		// want is what the answer says; parked tells whether the reply is, or is sent if it was not
		want    string
		replies int
		tags    int
	}
	for name, c := range map[string]struct {
		before string
		steps  []step
	}{
		"a new rule, in time": {replied, []step{
			{answer, time.Hour, operations.ReplayRequest{}, "[reply ", 1, 1},
			{answer, time.Second, operations.ReplayRequest{}, "nothing to do", 1, 1},
		}},
		"a new rule, too late": {replied, []step{
			{answer, 3 * time.Hour, operations.ReplayRequest{}, "the event is replayed 3h0m", 0, 1},
		}},
		"a new rule, too late for others": {replied, []step{
			{answer, 3 * time.Hour, operations.ReplayRequest{MaxAgeSeconds: 4 * 3600}, "would run", 1, 1},
		}},
		"a rule that has answered": {answer, []step{
			{answer, time.Minute, operations.ReplayRequest{}, "it has run on this event", 1, 1},
			{answer, time.Minute, operations.ReplayRequest{Force: true, Rules: []string{"answer"}}, "the rule answer has answered it already", 1, 2},
		}},
		"a rule with a new name": {answer, []step{
			{strings.ReplaceAll(answer, "name: answer", "name: reassure"), time.Minute, operations.ReplayRequest{}, "the rule answer has answered it already", 1, 2},
		}},
		"one that was in the shadow": {strings.ReplaceAll(answer, "name: answer", "state: shadow, name: answer"), []step{
			{answer, time.Minute, operations.ReplayRequest{}, "would run", 1, 1},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			inBubbleWith(t, c.before, simulator.Options{}, calmly, func(w *world) {
				id := must(t)(w.sim.CustomerStarts(w.customer(), "Hello"))
				must(t)(w.sim.CustomerReplies(id, "Is anybody there?"))
				w.settle(time.Minute)
				for i, s := range c.steps {
					time.Sleep(s.wait)
					w.reload(s.rules)
					s.r.Topic = "conversation.user.replied"
					got := w.replay(s.r)
					if !strings.Contains(got, s.want) {
						t.Errorf("step %d: %s\nwant %q", i, got, s.want)
					}
					s.r.Run = true
					w.replay(s.r)
					if replies, tags := calls(w, simulator.EffectReply), calls(w, simulator.EffectTag); replies != s.replies || tags != s.tags {
						t.Errorf("step %d: %d replies and %d tags, want %d and %d", i, replies, tags, s.replies, s.tags)
					}
				}
			})
		})
	}
}

// TestI4_replays_at_once has several people replay the same events, while the app is killed.
func TestI4_replays_at_once(t *testing.T) {
	const answer = replied + "  - { name: answer, when: conversation.user.replied, then: [reply: Soon] }\n"
	for seed := range uint64(4) {
		inBubble(t, replied, simulator.Options{Faults: simulator.Faults{Latency: simulator.Latency{Min: 50 * time.Millisecond}}}, func(w *world) {
			random := rand.New(rand.NewPCG(seed, 0))
			const conversations = 8
			for range conversations {
				must(t)(w.sim.CustomerReplies(must(t)(w.sim.CustomerStarts(w.customer(), "Hello")), "Is anybody there?"))
			}
			w.settle(time.Minute)
			w.reload(answer)
			for range 4 {
				var people sync.WaitGroup
				for range 3 {
					people.Go(func() {
						// It may be cut off; then it is asked again.
						_, _ = w.app.Replay(w.t.Context(), operations.ReplayRequest{Topic: "conversation.user.replied", Limit: 100, Run: true})
					})
				}
				people.Wait()
				time.Sleep(time.Duration(random.IntN(300)) * time.Millisecond)
				w.kill()
			}
			w.settle(10 * time.Minute)
			time.Sleep(5 * time.Minute) // budgets of the killed have given up
			if replies, notes := calls(w, simulator.EffectReply), calls(w, simulator.EffectNote); replies != conversations || notes != conversations {
				t.Errorf("seed %d: %d replies and %d notes, want %d each", seed, replies, notes, conversations)
			}
		})
	}
}

// TestI9_replayed_own_work: what Switchboard did itself is not taken for a person's, whenever it is
// replayed, and whether or not a rule listened when it came. A change of a contact that nobody saw counts
// as our own once nobody can tell any more.
func TestI9_replayed_own_work(t *testing.T) {
	const does = "version: 1\nrules:\n  - { name: does, when: conversation.user.replied, then: [note: ours, { tag: { name: Ours, on: contact } }] }\n"
	listens := func(name string) string {
		return does + "  - { name: " + name + ", when: [conversation.admin.noted, contact.user.tag.created], then: [{ tag: { name: " + name + ", on: contact } }] }\n"
	}
	for name, c := range map[string]struct {
		rules          string
		later, perhaps int
	}{
		// Two of the events are ours, two a teammate's.
		"a rule listened": {strings.Replace(listens("see"), "{ name: see", "{ state: shadow, name: see", 1), 2, 0},
		"nobody listened": {does, 1, 2},
	} {
		t.Run(name, func(t *testing.T) {
			inBubbleWith(t, c.rules, simulator.Options{}, calmly, func(w *world) {
				contact := w.customer()
				id := must(t)(w.sim.CustomerStarts(contact, "Hello"))
				must(t)(w.sim.CustomerReplies(id, "Is anybody there?"))
				w.settle(time.Minute)
				time.Sleep(time.Minute)
				must(t)(w.sim.AdminNotes(id, w.sim.Admins()[0].ID, "a person's note"))
				if err := w.sim.TagContact(contact, w.sim.Admins()[0].ID, "Theirs"); err != nil {
					t.Fatal(err)
				}
				w.settle(time.Minute)
				w.reload(listens("new"))
				r := operations.ReplayRequest{Since: time.Now().Add(-time.Hour), Rules: []string{"new"}}
				want(t, "at once", w.replay(r), map[string]int{"new: ran": 2, "new: held_back own_work": 2, "perhaps": 0})
				time.Sleep(25 * time.Hour)
				want(t, "a day later", w.replay(r), map[string]int{"new: ran": c.later, "new: held_back own_work": 4 - c.later, "perhaps": c.perhaps})
			})
		})
	}
}

// TestReplay_stop: a rule that ended the evaluation does so in a replay, too.
func TestReplay_stop(t *testing.T) {
	const first = "version: 1\nrules:\n  - { name: first, when: conversation.user.replied, if: 'message.text contains \"stop\"', then: [note: first], stop: true }\n"
	const second = first + "  - { name: second, when: conversation.user.replied, then: [note: second] }\n" +
		"  - { name: later, when: conversation.user.replied, after: 1m, then: [note: later] }\n"
	inBubbleWith(t, first, simulator.Options{}, calmly, func(w *world) {
		id := must(t)(w.sim.CustomerStarts(w.customer(), "Hello"))
		must(t)(w.sim.CustomerReplies(id, "stop"))
		must(t)(w.sim.CustomerReplies(id, "go on"))
		w.settle(time.Minute)
		w.reload(second)
		r := operations.ReplayRequest{Topic: "conversation.user.replied", Run: true, Rules: []string{"second", "later"}}
		want(t, "stop", w.replay(r), map[string]int{
			"second: ran": 1, "first: held_back replay: it has run on this event": 1,
			"first: held_back replay: the replay is for other rules": 0, "later: held_back replay: it waits": 1, "replied: replayed": 1, "nothing to do": 1,
		})
		time.Sleep(time.Hour)
		w.settle(time.Minute)
		if texts := strings.Join(w.texts(id), " "); texts != "<p>first</p> <p>second</p>" {
			t.Error(texts)
		}
		// Rules that would have stopped then are asked as well, if only to know.
		w.reload(strings.ReplaceAll(second, "stop\\\"", "go on\\\""))
		w.reload(strings.NewReplacer("name: first", "name: other", `"stop"`, `"go"`, "name: second", "name: third").Replace(second))
		r.Rules = []string{"third"}
		want(t, "another rule stops", w.replay(r), map[string]int{"third: ran": 1, "this one would run and stop": 1})
	})
}
