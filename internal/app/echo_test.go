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
	t.Parallel()
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
		"a tag on a lead": {
			`when: [contact.lead.tag.created, contact.lead.tag.deleted], then: [untag: Seen, tag: Seen]`,
			func(w *world, _ string) {
				lead := w.sim.ContactSignsUp(simulator.Contact{Role: "lead"})
				must(w.t)("", w.sim.TagContact(lead, w.sim.Admins()[1].ID, "VIP"))
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

// TestI9_what_we_changed_without_an_answer_is_ours cuts the call off after its effect: the
// notification of it comes all the same.
func TestI9_what_we_changed_without_an_answer_is_ours(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ action, endpoint, topic string }{
		"tag":     {"tag: {name: Seen, on: contact}", "POST /contacts/{id}/tags", "contact.user.tag.created"},
		"update":  {"contact: {update: {phone: '555'}}", "PUT /contacts/{id}", "contact.user.updated"},
		"event":   {"event: seen", "POST /events", "event.created"},
		"company": {"company: {attach: globex}", "POST /contacts/{id}/companies", "company.contact.attached"},
	} {
		t.Run(name, func(t *testing.T) {
			rules := "version: 1\nrules:\n  - {name: act, when: conversation.user.created, then: [" + tc.action + "]}\n" +
				"  - {name: echo, when: " + tc.topic + ", then: [contact: {note: echo}]}\n"
			inBubble(t, rules, simulator.Options{}, func(w *world) {
				w.sim.FaultNext(simulator.Fault{Kind: simulator.ResetAfter, Endpoint: tc.endpoint})
				contact := w.customer()
				must(t)(w.sim.CustomerStarts(contact, "Hello"))
				w.settle(10 * time.Minute)
				if c, _ := w.sim.Contact(contact); len(c.Notes) > 0 {
					t.Errorf("our own work ran the rule %d times", len(c.Notes))
				}
			})
		})
	}
}

// TestI9_an_answer_in_the_same_second_is_the_customers lets a customer answer on a ticket while
// an action changes it: the part says who wrote.
func TestI9_an_answer_in_the_same_second_is_the_customers(t *testing.T) {
	t.Parallel()
	const rules = `
version: 1
rules:
  - name: act
    when: ticket.created
    then: [ticket: {state: in_progress}]
  - name: answer
    when: ticket.contact.replied
    then: [contact: {note: answered}]
`
	inBubble(t, rules, simulator.Options{}, func(w *world) {
		contact := w.customer()
		id := must(t)(w.sim.CustomerOpensTicket(contact, w.sim.TicketTypes()[1].ID, map[string]any{"_default_title_": "x"}))
		time.Sleep(300 * time.Millisecond) // of the bubble's clock: the action has been done
		must(t)(w.sim.CustomerRepliesTicket(id, "One more thing"))
		w.settle(10 * time.Minute)
		if c, _ := w.sim.Contact(contact); len(c.Notes) != 1 {
			t.Errorf("the answer was noticed %d times", len(c.Notes))
		}
	})
}
