package app_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"switchboard/internal/operations"
	"switchboard/internal/rules"
	"switchboard/internal/simulator"
)

// TestBacktest_tells_what_happens lives through the same hours twice, with old and with changed rules, and has
// the first of the two worlds backtest the changed ones: it tells exactly how often each rule runs more or less in the second.
func TestBacktest_tells_what_happens(t *testing.T) {
	const old = `
version: 1
rules:
  - { name: refund, when: conversation.user.replied, if: 'message.text contains "refund"', then: [note: refund] }
  - { name: calm, when: conversation.user.replied, cooldown: 30m, then: [note: calm] }
  - { name: sla, when: conversation.user.replied, after: 20m, restart: false, cancel_on: conversation.admin.replied, then: [note: sla] }
  - { name: once, when: conversation.user.replied, once: conversation, if: 'message.text contains "invoice"', then: [note: once] }
  - { name: kept, when: conversation.admin.replied, then: [note: kept] }
`
	change := strings.NewReplacer(`contains "refund"`, `matches "refund|invoice"`, "cooldown: 30m", "cooldown: 1h", "after: 20m", "after: 45m",
		"name: once,", "state: off, name: once,")
	type key struct{ conversation, rule string }
	live := func(text string, then func(w *world)) map[key]int {
		notes := map[key]int{}
		inBubbleWith(t, text, simulator.Options{NoEcho: true, Seed: 5}, func(w *world) { w.options.Poll = 10 * time.Second }, func(w *world) {
			random, deeds := rand.New(rand.NewPCG(3, 3)), 150
			if racing {
				deeds = 60
			}
			var conversations []string
			for range 12 {
				conversations = append(conversations, must(t)(w.sim.CustomerStarts(w.customer(), "Hello")))
			}
			for range deeds {
				time.Sleep(time.Duration(1+random.IntN(180)) * time.Second)
				id := conversations[random.IntN(len(conversations))]
				if random.IntN(3) == 0 {
					must(t)(w.sim.AdminReplies(id, w.sim.Admins()[0].ID, "We are on it", ""))
				} else {
					must(t)(w.sim.CustomerReplies(id, []string{"refund please", "the invoice", "hello?"}[random.IntN(3)]))
				}
			}
			time.Sleep(2 * time.Hour) // timers
			must(t)(w.sim.CustomerStarts(w.customer(), "the last event"))
			w.settle(time.Minute)
			for i, id := range conversations {
				for _, text := range w.texts(id) {
					notes[key{fmt.Sprint(i), strings.Trim(text, "</p>")}]++
				}
			}
			then(w)
		})
		return notes
	}
	want := map[key]int{}
	for k, n := range live(change.Replace(old), func(*world) {}) {
		want[k] += n
	}
	got := map[key]int{}
	before := live(old, func(w *world) {
		rs, problems := rules.Parse([]rules.Source{{Name: "new.yaml", Text: []byte(change.Replace(old))}})
		if rs == nil {
			t.Fatal(problems)
		}
		report, err := w.app.Backtest(w.t.Context(), operations.BacktestRequest{New: rs.Sources()})
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range report.Rules {
			// Where nobody read the conversation when a timer of the new rules would have come due, it
			// says that it cannot tell. Here they would all have run.
			got[key{"", one.Rule}] = one.Gained.Total - one.Lost.Total + one.Unknown
			if one.Unknown > 5 || one.Unknown > 0 && one.Rule != "sla" {
				t.Errorf("%s: %d times a fact was unknown", one.Rule, one.Unknown)
			}
		}
		same, err := w.app.Backtest(w.t.Context(), operations.BacktestRequest{New: mustParseRules(t, old).Sources()})
		if err != nil || same.Differs() {
			t.Errorf("the same rules differ: %+v, %v", same, err)
		}
	})
	differs := map[key]int{}
	for k, n := range want {
		differs[key{"", k.rule}] += n
	}
	for k, n := range before {
		differs[key{"", k.rule}] -= n
	}
	for _, m := range []map[key]int{differs, got} {
		maps.DeleteFunc(m, func(_ key, n int) bool { return n == 0 })
	}
	if !maps.Equal(differs, got) || len(differs) < 4 {
		t.Errorf("the worlds differ by %v, the backtest says %v", differs, got)
	}
}

func mustParseRules(t *testing.T, text string) *rules.Ruleset {
	t.Helper()
	rs, problems := rules.Parse([]rules.Source{{Name: "rules.yaml", Text: []byte(text)}})
	if rs == nil {
		t.Fatal(problems)
	}
	return rs
}
