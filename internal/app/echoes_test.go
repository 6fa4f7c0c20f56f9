package app_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"switchboard/internal/rules"
	"switchboard/internal/simulator"
)

// echoCase is what a rule does, on an event about what.
type echoCase struct{ on, then string }

var echoCases = []echoCase{
	{"conversation", "assign: { team: Support }"},
	{"conversation", "assign: { admin: ines@acme.test }"},
	{"conversation", "assign: nobody"},
	{"conversation", "close"},
	{"conversation", "close: { reply: Bye }"},
	{"conversation", "open"},
	{"conversation", "snooze: 1h"},
	{"conversation", "snooze: 1h }, { open: "},
	{"conversation", "reply: Hello"},
	{"conversation", "note: Hello"},
	{"conversation", "tag: Seen"},
	{"conversation", "tag: [One, Two]"},
	{"conversation", "untag: Seen"},
	{"conversation", "tag: { name: Seen, on: contact }"},
	{"conversation", "untag: { name: Seen, on: contact }"},
	{"conversation", "set: { title: A title, attributes: { order_number: '1' } }"},
	{"conversation", "set: { contact: { seats: 7 } }"},
	{"conversation", "contact: { update: { email: other@acme.test } }"},
	{"conversation", "contact: { create: { external_id: new-1 } }"},
	{"conversation", "contact: { create: { role: lead, name: New } }"},
	{"conversation", "contact: { note: A note }"},
	{"conversation", "company: { save: { company_id: newco, name: Newco } }"},
	{"conversation", "company: { save: { company_id: newco, plan: pro } }"},
	{"conversation", "company: { attach: newco }"},
	{"conversation", "company: { detach: newco }"},
	{"conversation", "event: seen"},
	{"conversation", "message: Hello"},
	{"conversation", "count: seen"},
	{"conversation", "ticket: { create: { type: Refund, title: Money } }"},
	{"conversation", "ticket: { convert: { type: Bug } }"},
	{"conversation", "contact: archive"},
	{"lead", "contact: { update: { email: lead@acme.test } }"},
	{"lead", "contact: { update: { role: user, external_id: lead-1 } }"},
	{"lead", "tag: Seen"},
	{"lead", "tag: Seen }, { untag: Seen"},
	{"ticket", "ticket: { reply: Hello }"},
	{"ticket", "ticket: { note: Hello }"},
	{"ticket", "ticket: { state: in_progress }"},
	{"ticket", "set: { ticket: { Invoice: I-1 } }"},
	{"ticket", "tag: Seen"},
}

// neverSent are topics in the table that the simulator never sends for a call: it tells only what
// is documented or was seen. Beside them stand the names of API 1.x for users and leads.
var neverSent = []string{
	"ticket.resolved", "ticket.closed", // newer topics, which Intercom may send beside ticket.state.updated
	"contact.signed_up", "contact.added_email", "user.email.updated", // generation 1.x
}

// TestI9_echoes_are_in_the_table performs every action in the simulator, in both generations of
// payloads. Every topic that comes back must be among those by which check looks for loops, and
// each of those must come back from something.
func TestI9_echoes_are_in_the_table(t *testing.T) {
	t.Parallel()
	told, listed := map[string]bool{}, map[string]bool{}
	for name, o := range map[string]simulator.Options{
		"new": {}, "old": {Old: true}, "who answers is assigned": {ReplyAssigns: true},
	} {
		t.Run(name, func(t *testing.T) {
			text, when := "version: 1\nsettings: { counters: { seen: } }\nrules:\n", map[string]string{
				"conversation": "conversation.user.created", "lead": "[contact.lead.created, contact.created]", "ticket": "ticket.created",
			}
			for i, c := range echoCases {
				text += fmt.Sprintf("  - { name: '%d', when: %s, if: message.text == 'case %d' or contact.name == 'case %d' or ticket.title == 'case %d', then: [{ %s }] }\n",
					i, when[c.on], i, i, i, c.then)
			}
			inBubble(t, text, o, func(w *world) {
				w.performAll(loadRules(t, text), told, listed)
			})
		})
	}
	for topic := range listed {
		if !told[topic] && !slices.Contains(neverSent, topic) {
			t.Errorf("%s is in the table, and no action brought it", topic)
		}
	}
	for _, topic := range neverSent {
		if told[topic] {
			t.Errorf("%s was sent after all", topic)
		}
	}
}

func loadRules(t *testing.T, text string) *rules.Ruleset {
	t.Helper()
	rs, problems := rules.Parse([]rules.Source{{Name: "rules.yaml", Text: []byte(text)}})
	if rs == nil {
		t.Fatal(problems)
	}
	return rs
}

// performAll performs the cases one by one and compares what comes back with what is listed.
func (w *world) performAll(rs *rules.Ruleset, told, listed map[string]bool) {
	for i, c := range echoCases {
		before := len(w.sim.Notifications())
		own := w.triggers(c.on, fmt.Sprintf("case %d", i))
		w.settle(10 * time.Minute)
		var allowed []string
		for _, e := range rs.Echoes(fmt.Sprint(i)) {
			allowed = append(allowed, e.Topics...)
		}
		for _, topic := range allowed {
			listed[topic] = true
		}
		for _, n := range w.sim.Notifications()[before+own:] {
			told[n.Topic] = true
			if !slices.Contains(allowed, n.Topic) {
				w.t.Errorf("%s on a %s brought %s, which is not in the table", c.then, c.on, n.Topic)
			}
		}
	}
	if ran := w.metric("switchboard_rule_outcomes_total", "outcome", "ran"); int(ran) != len(echoCases) {
		w.t.Errorf("%v rules ran, want %d", ran, len(echoCases))
	}
}

// triggers makes a person do what the rule of a case waits for; it returns how many notifications
// that has.
func (w *world) triggers(on, words string) int {
	switch on {
	case "lead":
		w.sim.ContactSignsUp(simulator.Contact{Name: words, Role: "lead"})
		return 1
	case "ticket":
		must(w.t)(w.sim.CustomerOpensTicket(w.customer(), w.sim.TicketTypes()[1].ID, map[string]any{"_default_title_": words}))
		return 2
	}
	must(w.t)(w.sim.CustomerStarts(w.customer(), words))
	return 1
}
