package app_test

import (
	"testing"
	"time"

	"switchboard/internal/simulator"
)

// TestI9_what_we_change_is_ours lets rules listen to just what their own actions cause, on
// things whose notifications name no part: contacts, companies, tickets. What a person does
// runs the rule once; what follows from that runs nothing.
func TestI9_what_we_change_is_ours(t *testing.T) {
	for name, tc := range map[string]struct {
		rule string
		deed func(w *world, contact string)
	}{
		"an update of a contact": {
			`when: contact.user.updated, then: [contact: {update: {phone: "{{ now() }}"}}]`,
			func(w *world, contact string) { must(w.t)("", w.sim.SetContactAttribute(contact, "plan", "free")) },
		},
		"attributes of a contact": {
			`when: contact.user.updated, then: [set: {contact: {seats: "{{ minutes_since(contact.created_at) | int() }}"}}]`,
			func(w *world, contact string) { must(w.t)("", w.sim.SetContactAttribute(contact, "plan", "free")) },
		},
		"a tag on a contact": {
			`when: [contact.user.tag.created, contact.user.tag.deleted], then: [untag: Seen, tag: Seen]`,
			func(w *world, contact string) {
				must(w.t)("", w.sim.TagContact(contact, w.sim.Admins()[1].ID, "VIP"))
			},
		},
		"a new contact": {
			`when: contact.user.created, then: [contact: {create: {external_id: "{{ event.id }}"}}]`,
			func(w *world, _ string) { w.sim.ContactSignsUp(simulator.Contact{Email: "new@example.net"}) },
		},
		"a company": {
			`when: [company.updated, company.created], then: [company: {save: {company_id: acme, name: "{{ event.id }}"}}]`,
			func(w *world, _ string) { must(w.t)("", w.sim.CompanyChanges(w.sim.Companies()[0].ID, "free")) },
		},
		"an event of a contact": {
			`when: event.created, then: [event: again]`,
			func(w *world, contact string) { must(w.t)("", w.sim.ContactDoes(contact, "clicked", nil)) },
		},
		"a ticket": {
			`when: ["ticket.*", "conversation.*"], then: [ticket: {note: again}, ticket: {state: resolved}, ticket: {state: in_progress}, set: {ticket: {Invoice: "{{ event.id }}"}}, tag: Seen]`,
			func(w *world, contact string) {
				must(w.t)(w.sim.CustomerOpensTicket(contact, w.sim.TicketTypes()[1].ID, map[string]any{"_default_title_": "By hand"}))
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, "version: 1\nrules:\n  - {name: r, from: human, "+tc.rule+"}\n", simulator.Options{}, func(w *world) {
				tc.deed(w, w.customer())
				w.settle(10 * time.Minute)
				if ran := w.metric("switchboard_rule_outcomes_total", "outcome", "ran"); ran == 0 || ran > 3 {
					t.Errorf("the rule ran %v times", ran)
				}
			})
		})
	}
}
