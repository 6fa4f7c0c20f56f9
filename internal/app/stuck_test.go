package app_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"switchboard/internal/simulator"
)

// What follows has kept conversations stuck, or doubled a reply, in earlier forms of the
// engine and the queue.

const lookupRules = `
version: 1
rules:
  - name: needs-the-contact
    when: conversation.user.created
    if: contact.custom_attributes.plan != "none"
    then:
      - note: "looked up"
  - name: needs-nothing
    when: conversation.user.created
    if: message.text contains "plain"
    then:
      - tag: Plain
`

func TestI2_once_for_a_contact_with_two_conversations(t *testing.T) {
	t.Parallel()
	const rules = `
version: 1
rules:
  - name: welcome
    when: conversation.user.created
    if: contact.custom_attributes.plan != "none"
    then:
      - reply: "Welcome!"
    once: contact
`
	o := simulator.Options{NoEcho: true, Faults: simulator.Faults{Latency: simulator.Latency{Min: 100 * time.Millisecond}}}
	inBubble(t, rules, o, func(w *world) {
		time.Sleep(5 * time.Second) // the budget knows its window: calls go side by side
		for range 5 {               // at the same time: each is evaluated before the others are stored
			must(t)(w.sim.CustomerStarts(w.customer(), "Hello"))
		}
		w.settle(time.Minute)
		if n := calls(w, simulator.EffectReply); n != 1 {
			t.Errorf("%d replies to one contact, want 1", n)
		}
	})
}

func TestI6_a_fact_that_is_refused_fails_its_rule_only(t *testing.T) {
	t.Parallel()
	o := simulator.Options{NoEcho: true, Faults: simulator.Faults{Rules: []simulator.Fault{
		{Kind: simulator.FailBefore, Endpoint: "GET /contacts/{id}", Status: 403},
	}}}
	inBubble(t, lookupRules, o, func(w *world) {
		id := must(t)(w.sim.CustomerStarts(w.customer(), "plain question"))
		w.settle(time.Minute)
		if names := w.sim.TagNames(id); len(names) != 1 {
			t.Errorf("tags %v: the rule that needs no look-up did not run", names)
		}
		d, ok, err := w.app.Store().DecisionOf(context.Background(), 1)
		if err != nil || !ok || !strings.Contains(string(d.Trace), `"failed"`) || !strings.Contains(string(d.Trace), "not available") {
			t.Errorf("decision %s, %v, %v; want the other rule failed, with the reason", d.Trace, ok, err)
		}
	})
}

func TestI5_events_that_need_no_call_do_not_wait_for_the_budget(t *testing.T) {
	t.Parallel()
	inBubble(t, lookupRules, simulator.Options{NoEcho: true}, func(w *world) {
		synctest.Wait()
		w.sim.SetFaults(simulator.Faults{TokenRevoked: true})
		for range 60 { // more than are evaluated at once
			must(t)(w.sim.CustomerStarts(w.customer(), "needs a look-up"))
		}
		time.Sleep(5 * time.Second)
		// A reply wants no look-up: no rule listens.
		id := w.sim.Conversations()[0].ID
		must(t)(w.sim.CustomerReplies(id, "hello?"))
		other := must(t)(w.sim.AdminStarts(w.sim.Admins()[1].ID, w.customer(), "an offer"))
		time.Sleep(5 * time.Second)
		st, err := w.app.Store().Stats(context.Background())
		if err != nil || st.EventsWaiting > 61 {
			t.Errorf("%d events wait, %v; the one of conversation %s needs nothing", st.EventsWaiting, err, other)
		}
		w.sim.SetFaults(simulator.Faults{})
		w.settle(10 * time.Minute)
		if n := calls(w, simulator.EffectNote); n != 60 {
			t.Errorf("%d notes after the token was restored, want 60", n)
		}
	})
}

func TestI4_a_pause_of_hours_parks_nothing(t *testing.T) {
	t.Parallel()
	const rules = `
version: 1
rules:
  - name: answer
    when: conversation.user.created
    then:
      - reply: "Hello"
`
	pause := 12 * time.Hour
	if racing {
		pause = 2 * time.Hour
	}
	inBubble(t, rules, simulator.Options{NoEcho: true}, func(w *world) {
		synctest.Wait()
		w.sim.SetFaults(simulator.Faults{Rules: []simulator.Fault{{Kind: simulator.ResetAfter, Endpoint: "POST /conversations/{id}/reply"}}})
		for range 20 {
			must(t)(w.sim.CustomerStarts(w.customer(), "Hello"))
		}
		time.Sleep(5 * time.Second)
		w.sim.SetFaults(simulator.Faults{TokenRevoked: true})
		time.Sleep(pause)
		w.sim.SetFaults(simulator.Faults{})
		w.settle(2 * time.Hour)
		st, err := w.app.Store().Stats(context.Background())
		if err != nil || st.Parked != 0 || st.Dead != 0 {
			t.Errorf("Stats = %+v, %v; want nothing parked: each reply can be read back", st, err)
		}
		if n := calls(w, simulator.EffectReply); n != 20 {
			t.Errorf("%d replies, want 20", n)
		}
	})
}

func TestI4_a_restart_in_doubt_and_equal_texts(t *testing.T) {
	t.Parallel()
	const rules = `
version: 1
rules:
  - name: twice-the-same
    when: conversation.user.created
    then:
      - reply: "Hello"
      - reply: "Hello"
`
	for strike := range 2 { // the first or the second of the two is in doubt
		inBubble(t, rules, simulator.Options{NoEcho: true}, func(w *world) {
			for range strike {
				w.sim.FaultNext(simulator.Fault{Kind: simulator.Slow, Endpoint: "POST /conversations/{id}/reply", Delay: time.Millisecond})
			}
			w.sim.FaultNext(simulator.Fault{Kind: simulator.ResetAfter, Endpoint: "POST /conversations/{id}/reply"})
			id := must(t)(w.sim.CustomerStarts(w.customer(), "Hello"))
			time.Sleep(time.Second)
			w.restart()
			w.settle(10 * time.Minute)
			if got := w.texts(id); len(got) != 2 {
				t.Errorf("strike %d: parts made: %q; want exactly the two", strike, got)
			}
		})
	}
}

// TestI4_a_clock_that_was_ahead_at_the_attempt: it is set right, and what was sent is read back when the
// time has come that it showed then. What it made is found all the same.
func TestI4_a_clock_that_was_ahead_at_the_attempt(t *testing.T) {
	const rules = `
version: 1
rules:
  - name: answer
    when: conversation.user.created
    then:
      - reply: "Hello"
`
	for _, restart := range []bool{false, true} {
		var ahead atomic.Int64
		ahead.Store(int64(time.Hour))
		inBubbleWith(t, rules, simulator.Options{NoEcho: true}, func(w *world) {
			w.options.Clock = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
		}, func(w *world) {
			w.sim.FaultNext(simulator.Fault{Kind: simulator.ResetAfter, Endpoint: "POST /conversations/{id}/reply"})
			id := must(t)(w.sim.CustomerStarts(w.customer(), "Hello"))
			time.Sleep(time.Second)
			if got := w.texts(id); len(got) != 1 {
				t.Fatalf("parts made: %q; want the one whose answer was lost", got)
			}
			if restart {
				w.stop()
			}
			ahead.Store(0)
			time.Sleep(2 * time.Hour)
			if restart {
				w.listenAnew()
				w.start()
			}
			w.settle(time.Hour)
			if got := w.texts(id); len(got) != 1 {
				t.Errorf("restart %t: parts made: %q; want exactly the one", restart, got)
			}
			st, err := w.app.Store().Stats(context.Background())
			if err != nil || st.Parked != 0 {
				t.Errorf("restart %t: Stats = %+v, %v; want nothing parked: it can be told", restart, st, err)
			}
		})
	}
}

func TestI7_stopping_does_not_wait_for_the_budget(t *testing.T) {
	t.Parallel()
	inBubble(t, answerRules, simulator.Options{NoEcho: true}, func(w *world) {
		synctest.Wait()
		w.sim.SetFaults(simulator.Faults{TokenRevoked: true})
		for range 30 {
			must(t)(w.sim.CustomerStarts(w.customer(), "Hello"))
		}
		time.Sleep(10 * time.Second)
		began := time.Now()
		w.restart()
		if took := time.Since(began); took > time.Second {
			t.Errorf("stopping took %s although nothing was in flight", took)
		}
		w.sim.SetFaults(simulator.Faults{})
		w.settle(10 * time.Minute)
		if n := calls(w, simulator.EffectReply); n != 30 {
			t.Errorf("%d replies, want 30", n)
		}
	})
}

func TestWorkThatComesDuringAClaimIsNotLate(t *testing.T) {
	t.Parallel()
	const rules = `
version: 1
rules:
  - name: echo
    when: conversation.user.*
    if: contact.custom_attributes.plan != "none"
    then:
      - open
`
	o := simulator.Options{NoEcho: true, Faults: simulator.Faults{Latency: simulator.Latency{Min: 50 * time.Millisecond}}}
	inBubble(t, rules, o, func(w *world) {
		synctest.Wait()
		time.Sleep(time.Second)
		id := must(t)(w.sim.CustomerStarts(w.customer(), "Hello"))
		time.Sleep(20 * time.Millisecond) // the first is being evaluated
		began := time.Now()
		must(t)(w.sim.CustomerReplies(id, "and another thing"))
		for calls(w, simulator.EffectOpen) < 2 {
			time.Sleep(10 * time.Millisecond)
		}
		if took := time.Since(began); took > 500*time.Millisecond {
			t.Errorf("the second event took %s", took)
		}
	})
}
