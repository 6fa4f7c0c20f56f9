package app_test

import (
	"testing"
	"time"

	"switchboard/internal/simulator"
)

// TestI9_tags_of_ours_are_ours: the notification of a tag names neither a part of its own nor who
// put it on. Rules that listen to tags run on those of people alone, also when the call that made
// one had no answer.
func TestI9_tags_of_ours_are_ours(t *testing.T) {
	t.Parallel()
	const rules = `
version: 1
rules:
  - { name: again, when: conversation_part.tag.created, then: [untag: Seen, tag: Seen] }
  - { name: first, when: conversation.user.created, then: [tag: New] }
`
	for name, o := range map[string]simulator.Options{"new": {}, "old": {Old: true}, "slow": {Delivery: simulator.DeliveryOptions{Jitter: 3 * time.Second}}} {
		for _, answered := range []bool{true, false} {
			if !answered {
				name += ", no answer"
			}
			t.Run(name, func(t *testing.T) {
				inBubble(t, rules, o, func(w *world) {
					if !answered {
						w.sim.FaultNext(simulator.Fault{Kind: simulator.ResetAfter, Endpoint: "POST /conversations/{id}/tags"})
					}
					id := must(t)(w.sim.CustomerStarts(w.customer(), "Hello"))
					w.settle(10 * time.Minute)
					if ran := w.ran(); ran != 1 {
						w.t.Fatalf("the rules ran %v times, and nobody but us has tagged anything", ran)
					}
					if !answered {
						w.sim.FaultNext(simulator.Fault{Kind: simulator.ResetAfter, Endpoint: "POST /conversations/{id}/tags"})
					}
					must(t)("", w.sim.TagPart(id, w.sim.Admins()[1].ID, "VIP"))
					w.settle(10 * time.Minute)
					if ran := w.ran(); ran != 2 {
						w.t.Errorf("the rules ran %v times, want once more for the tag of a person", ran)
					}
				})
			})
		}
	}
}

// TestI9_a_tag_of_ours_hides_nothing_else: what else happens to the conversation in that second is
// somebody's, and so is a tag a second later.
func TestI9_a_tag_of_ours_hides_nothing_else(t *testing.T) {
	t.Parallel()
	const rules = `
version: 1
rules:
  - { name: first, when: conversation.user.created, then: [tag: New] }
  - { name: tagged, when: conversation_part.tag.created, then: [note: tagged] }
  - { name: other, when: [conversation.user.replied, conversation.admin.noted, conversation.rating.added], then: [note: other] }
`
	inBubble(t, rules, simulator.Options{}, func(w *world) {
		admin := w.sim.Admins()[1].ID
		id := must(t)(w.sim.CustomerStarts(w.customer(), "Hello"))
		time.Sleep(300 * time.Millisecond) // of the bubble's clock: the tag has been put on
		must(t)(w.sim.CustomerReplies(id, "One more thing"))
		must(t)(w.sim.AdminNotes(id, admin, "by hand"))
		must(t)("", w.sim.CustomerRates(id, 5, "fine"))
		time.Sleep(2 * time.Second)
		must(t)("", w.sim.TagPart(id, admin, "VIP"))
		w.settle(10 * time.Minute)
		notes := map[string]int{}
		for _, text := range w.texts(id) {
			notes[text]++
		}
		if notes["<p>other</p>"] != 3 || notes["<p>tagged</p>"] != 1 {
			w.t.Errorf("the notes are %v, want 3 other and 1 tagged", notes)
		}
	})
}
