package app_test

import (
	"context"
	"testing"
	"time"

	"switchboard/internal/simulator"
)

// TestI2_parts_are_known_longer_than_events: that a rule ran for a part is known for four weeks longer
// than the event is kept, and not for ever; that it ran once for a conversation is.
func TestI2_parts_are_known_longer_than_events(t *testing.T) {
	t.Parallel()
	const rules = `
version: 1
rules:
  - { name: tags, when: conversation.user.replied, once: conversation, then: [tag: VIP] }
`
	const retention, weeks = 24 * time.Hour, 28 * 24 * time.Hour
	inBubbleWith(t, rules, simulator.Options{}, func(w *world) { w.options.Retention = retention }, func(w *world) {
		id := must(t)(w.sim.CustomerStarts(w.customer(), "Hello"))
		must(t)(w.sim.CustomerReplies(id, "Are you there?"))
		w.settle(time.Minute)
		began := time.Now()
		for _, step := range []struct {
			after time.Duration
			want  int64
			what  string
		}{
			{26 * time.Hour, 1, "what counts for an hour or a day"},
			{retention + weeks - time.Hour, 0, "nothing yet"},
			{retention + weeks + time.Hour, 1, "the part"},
			{10 * 365 * 24 * time.Hour, 0, "nothing: once is for ever"},
		} {
			if n, err := w.app.Store().Forget(context.Background(), began.Add(step.after), 100); err != nil || n != step.want {
				t.Errorf("after %s %d keys are forgotten, %v; want %d, %s", step.after, n, err, step.want, step.what)
			}
		}
	})
}
