package app_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"switchboard/internal/simulator"
)

// slowly makes look-ups take a while, so that several events are decided at once.
var slowly = simulator.Options{NoEcho: true, Faults: simulator.Faults{Latency: simulator.Latency{Min: 100 * time.Millisecond}}}

// notes tells how many notes there are once all is done.
func notes(w *world) int {
	w.t.Helper()
	w.settle(time.Minute)
	return calls(w, simulator.EffectNote)
}

// restartFresh restarts with a registry of its own, as another process has.
func (w *world) restartFresh() {
	w.options.Registry = prometheus.NewRegistry()
	w.restart()
}

// paused is what the gauge says about a rule.
func (w *world) paused(rule string) float64 {
	w.t.Helper()
	families, err := w.options.Registry.Gather()
	if err != nil {
		w.t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == "switchboard_rules_paused" && m.GetLabel()[0].GetValue() == rule {
				return m.GetGauge().GetValue()
			}
		}
	}
	w.t.Errorf("no gauge says whether %s is paused", rule)
	return -1
}

func TestCooldown(t *testing.T) {
	t.Parallel()
	const rules = `
version: 1
rules:
  - name: calm
    when: conversation.user.replied
    then:
      - note: "seen"
    cooldown: 1h
`
	inBubble(t, rules, simulator.Options{}, func(w *world) {
		id := must(t)(w.sim.CustomerStarts(w.customer(), "Hello"))
		other := must(t)(w.sim.CustomerStarts(w.customer(), "Another thing"))
		w.settle(time.Minute)
		began := time.Now()
		for i, step := range []struct {
			after        time.Duration
			conversation string
			want         int
			before       func()
		}{
			{0, id, 1, nil},
			{10 * time.Minute, id, 1, nil},
			{20 * time.Minute, other, 2, nil}, // each conversation has its own
			{40 * time.Minute, id, 2, w.restart},
			{45 * time.Minute, id, 2, func() { // a reload that does not change the cooldown
				w.writeRules(rules + "  - { name: other, when: ping, then: [close] }\n")
				if err := w.app.Reload(); err != nil {
					t.Error(err)
				}
			}},
			{61 * time.Minute, id, 3, nil},
			{62 * time.Minute, other, 3, nil},
			{130 * time.Minute, id, 4, w.restart},
		} {
			time.Sleep(time.Until(began.Add(step.after)))
			if step.before != nil {
				step.before()
			}
			must(t)(w.sim.CustomerReplies(step.conversation, "and?"))
			if n := notes(w); n != step.want {
				t.Fatalf("step %d, after %s: %d notes, want %d", i, step.after, n, step.want)
			}
		}
	})
}

func TestI2_cooldown_of_a_contact_with_conversations_at_once(t *testing.T) {
	t.Parallel()
	const rules = `
version: 1
rules:
  - name: calm
    when: conversation.user.created
    if: contact.custom_attributes.plan != "none"
    then:
      - note: "seen"
    cooldown: { for: 1h, per: contact }
`
	inBubble(t, rules, slowly, func(w *world) {
		time.Sleep(5 * time.Second) // the budget knows its window: calls go side by side
		for round := range 3 {
			for range 5 {
				must(t)(w.sim.CustomerStarts(w.customer(), "Hello"))
			}
			if n := notes(w); n != round+1 {
				t.Errorf("round %d: %d notes to one contact, want one in each hour", round, n)
			}
			time.Sleep(time.Hour)
		}
		time.Sleep(time.Hour)
		if n, err := w.app.Store().Forget(context.Background(), time.Now(), 100); err != nil || n != 0 {
			t.Errorf("%d cooldowns that are over are still stored, %v", n, err)
		}
	})
}

func limitRules(limit string) string {
	return `
version: 1
rules:
  - name: eager
    when: conversation.user.created
    if: contact.custom_attributes.plan != "none"
    then:
      - note: "seen"
    limit: ` + limit + "\n"
}

// start10 lets ten people write at once.
func start10(w *world) {
	w.t.Helper()
	for range 10 {
		id := w.sim.AddContact(simulator.Contact{Name: "Jo"})
		must(w.t)(w.sim.CustomerStarts(id, "Hello"))
	}
}

func TestI2_limit_is_exact_when_many_conversations_are_decided_at_once(t *testing.T) {
	t.Parallel()
	for runs := 1; runs < 12; runs += 5 {
		inBubble(t, limitRules(fmt.Sprintf("{ runs: %d, per: 1h }", runs)), slowly, func(w *world) {
			time.Sleep(5 * time.Second)
			start10(w)
			if n := notes(w); n != min(runs, 10) {
				t.Errorf("%d notes, the limit is %d", n, runs)
			}
		})
	}
}

func TestLimit(t *testing.T) {
	t.Parallel()
	change := func(w *world) { w.options.Registry = prometheus.NewRegistry() }
	inBubbleWith(t, limitRules("{ runs: 3, per: 1h }"), slowly, change, func(w *world) {
		time.Sleep(5 * time.Second)
		if w.paused("eager") != 0 {
			t.Error("the rule is paused before it ran")
		}
		began := time.Now()
		start10(w)
		start10(w)
		if n := notes(w); n != 3 || w.paused("eager") != 1 {
			t.Errorf("%d notes, paused %v; want 3 and a pause", n, w.paused("eager"))
		}
		const said = "rule paused by its limit"
		if n := strings.Count(w.log.String(), said); n != 1 {
			t.Errorf("the pause is said %d times, want once", n)
		}

		time.Sleep(50 * time.Minute)
		w.restartFresh()
		start10(w)
		if n := notes(w); n != 3 || w.paused("eager") != 1 {
			t.Errorf("after a restart %d notes, paused %v; want still 3 and a pause", n, w.paused("eager"))
		}
		if n := strings.Count(w.log.String(), said); n != 2 {
			t.Errorf("after a restart the pause is said %d times, want once more", n)
		}

		time.Sleep(time.Until(began.Add(time.Hour + time.Second)))
		if w.paused("eager") != 0 {
			t.Error("the pause does not end with its window")
		}
		start10(w)
		if n := notes(w); n != 6 || w.paused("eager") != 1 {
			t.Errorf("in the next window %d notes, paused %v; want 3 more", n, w.paused("eager"))
		}

		// A changed limit counts at once.
		reload := func(limit string) {
			w.writeRules(limitRules(limit))
			if err := w.app.Reload(); err != nil {
				t.Error(err)
			}
		}
		reload("{ runs: 5, per: 1h }")
		start10(w)
		if n := notes(w); n != 8 || w.paused("eager") != 1 {
			t.Errorf("with room for 2 more: %d notes, paused %v", n, w.paused("eager"))
		}
		reload("{ runs: 5, per: 1d }")
		time.Sleep(3 * time.Hour)
		start10(w)
		if n := notes(w); n != 8 {
			t.Errorf("with a window of a day: %d notes", n)
		}
		reload("{ runs: 5, per: 2h }")
		start10(w)
		if n := notes(w); n != 13 {
			t.Errorf("with a window that is over: %d notes", n)
		}
		if st, err := w.app.Store().Limits(context.Background(), ""); err != nil || len(st) != 1 {
			t.Errorf("the limit is %d rows, %v; want one however often the rule ran", len(st), err)
		}
	})
}
