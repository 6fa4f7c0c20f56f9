package app_test

import (
	"strings"
	"testing"
	"time"

	"switchboard/internal/rules"
	"switchboard/internal/simulator"
)

// withLoops lets the app take rules that check refuses.
func withLoops(w *world) { w.options.LoadRules = rules.LoadWithLoops }

// TestI9_circuit_breaker lets a rule answer itself because it says so, for ever. The breaker
// stops the conversation, loudly, and no other; after the hour it may go on.
func TestI9_circuit_breaker(t *testing.T) {
	t.Parallel()
	const loop = `
version: 1
settings: { breaker: 20 }
rules:
  - name: parrot
    when: [conversation.user.created, conversation.admin.replied]
    if: not (message.text startsWith "Please")
    from: any
    then:
      - reply: "Hello"
      - note: "said hello"
  - name: polite
    when: conversation.user.created
    if: message.text startsWith "Please"
    then: [close]
`
	inBubbleWith(t, loop, simulator.Options{}, withLoops, func(w *world) {
		id := must(t)(w.sim.CustomerStarts(w.customer(), "Hello"))
		w.settle(30 * time.Minute)
		if n := len(w.texts(id)); n != 20 {
			t.Errorf("%d texts, want the 20 that the breaker allows", n)
		}
		if held := w.metric("switchboard_breaker_held_back_total", "", ""); held != 1 {
			t.Errorf("%v runs were held back, want 1", held)
		}
		if !strings.Contains(w.log.String(), "circuit breaker") {
			t.Error("the log does not say so")
		}
		other := must(t)(w.sim.CustomerStarts(w.customer(), "Please help"))
		w.settle(time.Minute)
		if c, _ := w.sim.Conversation(other); c.State != simulator.StateClosed {
			t.Error("another conversation was held back, too")
		}
		w.restart()
		time.Sleep(61 * time.Minute)
		must(t)(w.sim.AdminReplies(id, w.sim.Admins()[1].ID, "Again?", ""))
		w.settle(30 * time.Minute)
		if n := len(w.texts(id)); n != 40 {
			t.Errorf("%d texts after the hour, want 40", n)
		}
	})
}
