package simulator

import (
	"errors"
	"testing"
)

// What people do to tickets carries no app's code, so that nobody takes it for own work.
func TestTickets_change_by_peoples_hands(t *testing.T) {
	b := newRichBench(t, Options{NoEcho: true})
	id := ok(b.CustomerOpensTicket(b.contact, b.bug, map[string]any{"Severity": "1"}))(t)
	if len(b.told(0)) < 3 {
		t.Fatal("what people do is told although calls are not")
	}
	since := b.now()
	ok(b.AdminRepliesTicket(id, b.ines, "we look"))(t)
	ok(b.AdminNotesTicket(id, b.ines, "hm"))(t)
	ok(b.CustomerRepliesTicket(id, "thanks"))(t)
	ok(b.AdminAssignsTicket(id, b.ines, b.finance))(t)
	ok(b.AdminAssignsTicket(id, b.ines, b.jonas))(t)
	if err := errors.Join(b.AdminSetsTicket(id, b.ines, "Severity", "2"), b.AdminMovesTicket(id, b.ines, "resolved")); err != nil {
		t.Fatal(err)
	}
	ok(b.AdminClosesTicket(id, b.ines))(t)
	b.tellsOf("ticket/"+id, since, "ticket.admin.replied", "ticket.note.created", "ticket.contact.replied", "ticket.team.assigned",
		"ticket.admin.assigned", "ticket.attribute.updated", "ticket.state.updated", "ticket.closed")
	for _, n := range b.Notifications()[since:] {
		_, v := b.parse(n.Body())
		part := get(v, "data.item.ticket_part")
		if part == nil {
			parts := get(v, "data.item.ticket_parts.ticket_parts").([]any)
			part = parts[len(parts)-1]
		}
		b.expect(part, "id", n.Part, "app_package_code", nil)
		if author := get(part, "author.id"); author != b.ines && author != b.contact {
			t.Errorf("%s: author %v", n.Topic, author)
		}
	}
	k, _ := b.Ticket(id)
	if k.Attributes["Severity"] != "2" || k.Thread.State != StateClosed || k.Thread.TeamAssigneeID != b.finance {
		t.Errorf("state: %+v", k)
	}

	since = b.now()
	if err := b.AdminConverts(b.conversation, b.ines, b.bug); err != nil {
		t.Fatal(err)
	}
	b.tellsOf("ticket/"+b.conversation, since, "ticket.created", "ticket.state.updated")
	_, noType := b.CustomerOpensTicket(b.contact, "1", nil)
	_, noContact := b.CustomerOpensTicket("1", b.bug, nil)
	_, noTicket := b.AdminRepliesTicket("1", b.ines, "x")
	_, noAdmin := b.AdminNotesTicket(id, "1", "x")
	for name, err := range map[string]error{
		"type": noType, "contact": noContact, "ticket": noTicket, "admin": noAdmin, "back office": b.AdminConverts(b.starts("x"), b.ines, b.task),
		"state": b.AdminMovesTicket(id, b.ines, "lost"), "company": b.ContactJoins(b.contact, "1"), "plan": b.CompanyChanges("1", "x"),
		"doer": b.ContactDoes("1", "x", nil),
	} {
		if !errors.Is(err, ErrNotFound) {
			t.Errorf("%s: %v does not wrap ErrNotFound", name, err)
		}
	}
	if b.AdminConverts(b.conversation, b.ines, b.bug) == nil {
		t.Error("converted twice")
	}
}

func TestCompanies_and_events_change_by_peoples_hands(t *testing.T) {
	b := newBench(t, Options{NoEcho: true})
	globex, since := b.AddCompany(Company{Name: "Globex"}), b.now()
	if err := errors.Join(b.ContactJoins(b.contact, globex), b.ContactJoins(b.contact, globex), b.CompanyChanges(globex, "pro")); err != nil {
		t.Fatal(err)
	}
	b.tellsOf("company/"+globex, since, "company.contact.attached", "company.updated")
	since = b.now()
	if err := b.ContactDoes(b.contact, "ordered", map[string]any{"price": 5}); err != nil {
		t.Fatal(err)
	}
	b.sameTopics(b.told(since), "event.created")
}
