package simulator

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// tellsOfTicket checks what was told of a ticket, and that every notification carries the
// part that caused it, with the app's code.
func (b *bench) tellsOfTicket(id string, since int, topics ...string) {
	b.Helper()
	b.tellsOf("ticket/"+id, since, topics...)
	for _, n := range b.Notifications()[since:] {
		ev, v := b.parse(n.Body())
		if n.Topic != "ticket.created" && (ev.Part == "" || ev.Part != n.Part) { // which no part causes
			b.Errorf("%s carries part %q, it is about %q", n.Topic, ev.Part, n.Part)
		}
		part := get(v, "data.item.ticket_part")
		if part == nil {
			parts := get(v, "data.item.ticket_parts.ticket_parts").([]any)
			part = parts[len(parts)-1]
		}
		b.expect(part, "app_package_code", DefaultAppPackageCode, "id", n.Part)
	}
}

func TestTickets_are_made_about_a_contact(t *testing.T) {
	b := newRichBench(t, Options{AppID: "app1"})
	since := b.now()
	r := b.call("POST", "/tickets", `{"ticket_type_id":`+b.bug+`,"contacts":[{"external_id":"c-1"}],"ticket_attributes":{"_default_title_":"Broken","Severity":"2","Count":3},"assignment":{"team_assignee_id":"`+b.finance+`"},"company_id":"`+b.acme+`","conversation_to_link_id":"`+b.conversation+`"}`)
	id := get(r.body, "id").(string)
	b.expect(r.body, "type", "ticket", "ticket_attributes._default_title_", "Broken", "ticket_attributes._default_description_", nil,
		"ticket_attributes.Severity", "2", "ticket_attributes.Count", "3", "ticket_state.category", "submitted", "ticket_type.name", "Bug",
		"ticket_type.workspace_id", "app1", "contacts.contacts.0.id", b.contact, "admin_assignee_id", "0", "team_assignee_id", b.finance,
		"open", true, "is_shared", true, "category", "Customer", "linked_objects.data.0.id", b.conversation,
		"ticket_parts.ticket_parts.0.part_type", "ticket_state_updated_by_admin", "ticket_parts.ticket_parts.0.ticket_state", "submitted")
	b.tellsOfTicket(id, since, "ticket.created", "ticket.state.updated")
	if get(r.body, "ticket_id") == id {
		t.Error("the number that people see is not the id")
	}
	b.expect(b.call("GET", "/tickets/"+id, "").body, "ticket_attributes.Severity", "2")
	b.expect(b.call("GET", "/conversations/"+b.conversation, "").body, "linked_objects.data.0.id", id, "linked_objects.data.0.type", "ticket")
	b.refused(b.call("GET", "/conversations/"+id, ""), 404, "not_found", "")
	if e := b.Journal()[len(b.Journal())-4]; e.Effect != EffectTicket || e.Ticket != id || e.Contact != b.contact {
		t.Errorf("journal: %+v", e)
	}
	contacts := `"contacts":[{"id":"` + b.contact + `"}]`
	kind := `"ticket_type_id":"` + b.bug + `"`
	for body, want := range map[string]string{
		`{` + contacts + `}`:                                                     "400 parameter_missing",
		`{` + kind + `}`:                                                         "400 parameter_missing",
		`{` + kind + `,"contacts":[{},{}]}`:                                      "400 parameter_invalid",
		`{` + kind + `,"contacts":[{}]}`:                                         "400 parameter_missing",
		`{` + kind + `,"contacts":[{"id":"1"}]}`:                                 "404 not_found",
		`{"ticket_type_id":"1",` + contacts + `}`:                                "404 not_found",
		`{` + kind + `,` + contacts + `,"x":1,"ticket_attributes":{"Nope":1}}`:   "400 parameter_invalid",
		`{` + kind + `,` + contacts + `,"ticket_attributes":{"Severity":"3"}}`:   "400 parameter_invalid",
		`{` + kind + `,` + contacts + `,"ticket_attributes":{"Count":"3"}}`:      "400 parameter_invalid",
		`{` + kind + `,` + contacts + `,"assignment":{"admin_assignee_id":"1"}}`: "404 assignee_not_found",
		`{` + kind + `,` + contacts + `,"company_id":"1"}`:                       "404 company_not_found",
		`{` + kind + `,` + contacts + `,"conversation_to_link_id":"1"}`:          "404 not_found",
	} {
		r := b.call("POST", "/tickets", body)
		if got := fmt.Sprint(r.status, " ", get(r.body, "errors.0.code")); got != want {
			t.Errorf("%s: %s, want %s", body, got, want)
		}
	}
}

func TestTickets_change(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newRichBench(t, Options{})
		path := "/tickets/" + b.ticket
		since := b.now()
		later := time.Now().Add(time.Hour).Unix()
		r := b.call("PUT", path, fmt.Sprintf(`{"ticket_attributes":{"_default_title_":"New","Severity":"2"},"ticket_state_id":%s,"admin_id":%s,"assignee_id":"%s","snoozed_until":%d,"is_shared":false}`,
			b.working, b.ines, b.jonas, later))
		b.expect(r.body, "ticket_attributes._default_title_", "New", "ticket_state.category", "in_progress", "admin_assignee_id", b.jonas,
			"snoozed_until", fmt.Sprint(later), "is_shared", false, "open", true)
		b.tellsOfTicket(b.ticket, since, "ticket.attribute.updated", "ticket.attribute.updated", "ticket.state.updated", "ticket.admin.assigned")
		_, v := b.parse(b.Notifications()[since].Body())
		b.expect(v, "data.item.type", "ticket_ticket_part", "data.item.ticket_part.updated_attribute_data.attribute.label", "Severity",
			"data.item.ticket_part.updated_attribute_data.value.id", "2", "data.item.ticket_part.updated_attribute_data.value.label", "High")
		_, v = b.parse(b.Notifications()[since+2].Body())
		b.expect(v, "data.item.ticket_state.category", "in_progress", "data.item.admin_assignee_id", "0")
		_, v = b.newest()
		b.expect(v, "data.item.ticket_part.part_type", "assignment", "data.item.ticket_part.assigned_to.id", b.jonas, "data.item.ticket_part.author.id", b.ines)

		time.Sleep(2 * time.Hour)
		b.expect(b.call("GET", path, "").body, "snoozed_until", nil) // the time has come
		since = b.now()
		b.expect(b.call("PUT", path, `{"open":false}`).body, "open", false)
		b.expect(b.call("PUT", path, `{"open":true}`).body, "open", true)
		b.expect(b.call("PUT", path, `{"assignee_id":"`+b.finance+`"}`).body, "team_assignee_id", b.finance, "admin_assignee_id", "0")
		b.expect(b.call("PUT", path, `{"assignee_id":"0"}`).body, "team_assignee_id", "0")
		b.tellsOfTicket(b.ticket, since, "ticket.closed", "ticket.team.assigned", "ticket.admin.assigned")

		since = b.now()
		b.refused(b.call("PUT", path, `{"ticket_state_id":"0"}`), 400, "ticket_state_id_invalid", "Ticket state id is not valid or is not associated with the ticket type")
		b.refused(b.call("PUT", path, `{"assignee_id":"1"}`), 404, "assignee_not_found", "Assignee not found")
		b.refused(b.call("PUT", path, `{"admin_id":1,"assignee_id":"0"}`), 404, "assignee_not_found", "Assignee not found")
		b.refused(b.call("PUT", path, `{"snoozed_until":5,"ticket_state_id":"`+b.working+`"}`), 400, "parameter_invalid", "")
		b.refused(b.call("PUT", path, `{"ticket_attributes":{"x":1}}`), 400, "parameter_invalid", "")
		b.refused(b.call("PUT", "/tickets/1", `{}`), 404, "ticket_not_found", "Ticket not found")
		if b.now() != since {
			t.Error("what is refused must not be told")
		}
	})
}

func TestTickets_are_answered(t *testing.T) {
	b := newRichBench(t, Options{})
	path, admin := "/tickets/"+b.ticket+"/reply", `"type":"admin","admin_id":"`+b.ines+`"`
	since := b.now()
	r := b.call("POST", path, `{"message_type":"comment",`+admin+`,"body":"we look at it"}`)
	b.expect(r.body, "type", "ticket_part", "part_type", "comment", "body", "<p>we look at it</p>", "author.id", b.ines, "app_package_code", DefaultAppPackageCode)
	if e := b.lastEntry(); e.Effect != EffectReply || e.Ticket != b.ticket || e.Part != get(r.body, "id") || e.Text != "we look at it" {
		t.Errorf("journal: %+v", e)
	}
	b.expect(b.call("POST", path, `{"message_type":"note",`+admin+`,"body":"x"}`).body, "part_type", "note")
	b.expect(b.call("POST", path, `{"message_type":"comment","type":"user","email":"amara@acme.com","body":"thanks"}`).body, "author.type", "user")
	b.tellsOfTicket(b.ticket, since, "ticket.admin.replied", "ticket.note.created", "ticket.contact.replied")
	_, v := b.newest()
	b.expect(v, "data.item.ticket_part.body", "<p>thanks</p>", "data.item.ticket.ticket_parts.total_count", "4")

	task := b.does("POST", "/tickets", `{"ticket_type_id":"`+b.task+`","contacts":[{"id":"`+b.contact+`"}]}`, "id")
	b.refused(b.call("POST", "/tickets/"+task+"/reply", `{"message_type":"comment","type":"user","user_id":"c-1","body":"x"}`), 400,
		"parameter_mismatch", "User replies are not allowed on Backoffice tickets")
	b.refused(b.call("POST", path, `{"message_type":"close",`+admin+`}`), 400, "parameter_invalid", "")
	b.refused(b.call("POST", path, `{"message_type":"comment",`+admin+`}`), 400, "parameter_missing", "body is required")
	b.refused(b.call("POST", "/tickets/1/reply", `{"message_type":"comment",`+admin+`,"body":"x"}`), 404, "not_found", "Resource Not Found")
}

func TestTickets_come_from_conversations(t *testing.T) {
	b := newRichBench(t, Options{})
	path, since := "/conversations/"+b.conversation+"/convert", b.now()
	b.refused(b.call("POST", path, `{"ticket_type_id":"`+b.task+`"}`), 400, "parameter_invalid", "Ticket type is not a customer ticket type")
	b.refused(b.call("POST", path, `{}`), 400, "parameter_missing", "ticket_type_id is required")
	b.refused(b.call("POST", "/conversations/1/convert", `{"ticket_type_id":"`+b.bug+`"}`), 404, "not_found", "")
	r := b.call("POST", path, `{"ticket_type_id":"`+b.bug+`","attributes":{"_default_title_":"From a chat"}}`)
	b.expect(r.body, "id", b.conversation, "ticket_attributes._default_title_", "From a chat", "ticket_parts.ticket_parts.0.id", b.part,
		"ticket_parts.ticket_parts.1.part_type", "ticket_state_updated_by_admin", "ticket_parts.total_count", "2")
	b.tellsOfTicket(b.conversation, since, "ticket.created", "ticket.state.updated")
	if e := b.lastEntry(); e.Effect != EffectConvert || e.Ticket != b.conversation || e.Conversation != b.conversation {
		t.Errorf("journal: %+v", e)
	}
	number := get(r.body, "ticket_id")
	b.expect(b.call("POST", path, `{"ticket_type_id":"`+b.bug+`"}`).body, "ticket_id", number) // it is a ticket already
	if b.lastEntry().Effect != EffectNone {
		t.Error("converting twice has an effect")
	}
	b.call("POST", "/conversations/"+b.conversation+"/reply", `{"message_type":"comment","type":"admin","admin_id":"`+b.ines+`","body":"more"}`)
	b.expect(b.call("GET", "/tickets/"+b.conversation, "").body, "ticket_parts.ticket_parts.2.body", "<p>more</p>") // one thread
	b.expect(b.call("GET", "/conversations/"+b.conversation, "").body, "ticket.ticket_id", number)
	b.call("DELETE", "/conversations/"+b.conversation, "")
	b.refused(b.call("GET", "/tickets/"+b.conversation, ""), 404, "ticket_not_found", "")
}

func TestTickets_have_tags_and_types_and_end(t *testing.T) {
	b := newRichBench(t, Options{})
	path, admin := "/tickets/"+b.ticket+"/tags", `"admin_id":"`+b.ines+`"`
	b.expect(b.call("POST", path, `{"id":"`+b.tag+`",`+admin+`}`).body, "id", b.tag, "applied_by.id", b.ines)
	if k, _ := b.Ticket(b.ticket); len(k.Thread.Tags) != 1 {
		t.Errorf("tags: %v", k.Thread.Tags)
	}
	b.expect(b.call("DELETE", path+"/"+b.tag, `{`+admin+`}`).body, "id", b.tag)
	b.refused(b.call("DELETE", path+"/"+b.tag, `{`+admin+`}`), 404, "tag_not_found", "Tag not found")
	b.refused(b.call("POST", path, `{"id":"1",`+admin+`}`), 404, "tag_not_found", "")
	b.refused(b.call("POST", path, `{"id":"`+b.tag+`"}`), 400, "parameter_missing", "admin_id is required")
	b.refused(b.call("POST", "/tickets/1/tags", `{}`), 404, "ticket_not_found", "Ticket not found")

	r := b.call("GET", "/ticket_types", "")
	b.expect(r.body, "type", "list", "data.0.id", b.bug, "data.0.ticket_states.data.3.category", "resolved",
		"data.0.ticket_type_attributes.data.2.input_options.list_items.1.label", "High", "data.1.category", "Back-office")
	b.expect(b.call("GET", "/ticket_types/"+b.bug, "").body, "name", "Bug")
	b.refused(b.call("GET", "/ticket_types/1", ""), 404, "not_found", "")
	b.expect(b.call("GET", "/ticket_states", "").body, "data.1.id", b.working, "data.1.ticket_types.data.0.id", b.bug, "data.4", nil)

	job := b.does("POST", "/tickets/enqueue", `{"ticket_type_id":"`+b.bug+`","contacts":[{"id":"`+b.contact+`"}]}`, "id")
	made := b.does("GET", "/jobs/status/"+job, "", "resource_id")
	b.expect(b.call("GET", "/tickets/"+made, "").body, "id", made)
	b.refused(b.call("GET", "/jobs/status/9", ""), 404, "not_found", "")

	b.expect(b.call("DELETE", "/tickets/"+b.ticket, "").body, "id", b.ticket, "object", "ticket", "deleted", true)
	b.refused(b.call("GET", "/tickets/"+b.ticket, ""), 404, "ticket_not_found", "Ticket not found")
	if len(b.Tickets()) != 1 {
		t.Errorf("%d tickets are left, want 1", len(b.Tickets()))
	}
}

func TestTicketTypes_are_made_through_the_API(t *testing.T) {
	b := newBench(t, Options{})
	id := b.does("POST", "/ticket_types", `{"name":"Request","category":"Customer","icon":"📨"}`, "id")
	r := b.call("POST", "/ticket_types/"+id+"/attributes", `{"name":"Size","description":"","data_type":"list","list_items":"Small, Large","required_to_create":true}`)
	b.expect(r.body, "type", "ticket_type_attribute", "order", "2", "input_options.list_items.1.label", "Large", "ticket_type_id", id)
	contacts := `"ticket_type_id":"` + id + `","contacts":[{"id":"` + b.contact + `"}]`
	b.refused(b.call("POST", "/tickets", `{`+contacts+`}`), 400, "parameter_missing", "ticket_attributes.Size is required")
	b.expect(b.call("POST", "/tickets", `{`+contacts+`,"ticket_attributes":{"Size":"2"}}`).body, "ticket_attributes.Size", "2", "ticket_type.icon", "📨")
	b.expect(b.call("PUT", "/ticket_types/"+id, `{"name":"Order","archived":true}`).body, "name", "Order", "archived", true, "category", "Customer")
	b.refused(b.call("POST", "/tickets", `{`+contacts+`,"ticket_attributes":{"Size":"2"}}`), 404, "not_found", "") // nobody makes those any more
	b.refused(b.call("POST", "/ticket_types", `{"category":"Customer"}`), 400, "parameter_missing", "name is required")
	b.refused(b.call("POST", "/ticket_types", `{"name":"x","category":"Secret"}`), 400, "parameter_invalid", "")
	b.refused(b.call("PUT", "/ticket_types/1", `{}`), 404, "not_found", "")
	for _, bad := range []string{
		`{}`, `{"name":"x"}`, `{"name":"x","description":"","data_type":"blob"}`, `{"name":"x","description":"","data_type":"list"}`,
		`{"name":"Size","description":"","data_type":"string"}`,
	} {
		if r := b.call("POST", "/ticket_types/"+id+"/attributes", bad); r.status != 400 {
			t.Errorf("%s: %d", bad, r.status)
		}
	}
}

func TestTickets_old_ones_are_forgotten(t *testing.T) {
	b := newRichBench(t, Options{KeepConversations: 10})
	for range 40 {
		id := b.does("POST", "/tickets", `{"ticket_type_id":"`+b.bug+`","contacts":[{"id":"`+b.contact+`"}]}`, "id")
		b.call("PUT", "/tickets/"+id, `{"open":false}`)
	}
	if n := len(b.Tickets()); n > 12 {
		t.Errorf("%d tickets are kept, want about 10", n)
	}
}

func TestParticipants_come_and_go(t *testing.T) {
	b := newRichBench(t, Options{})
	path, admin := "/conversations/"+b.conversation+"/customers", `"admin_id":"`+b.ines+`"`
	since := b.now()
	r := b.call("POST", path, `{`+admin+`,"customer":{"intercom_user_id":"`+b.lead+`"}}`)
	b.expect(r.body, "id", b.conversation, "customers.1.id", b.lead, "customers.1.type", "lead", "contacts.contacts.1.id", b.lead)
	ev, v := b.newest()
	b.expect(v, "topic", "conversation.contact.attached", "data.item.type", nil, "data.item.conversation.model.id", b.conversation, "data.item.contact.id", b.lead)
	if ev.Subject != "conversation/"+b.conversation {
		t.Errorf("subject %q", ev.Subject)
	}
	b.call("POST", path, `{`+admin+`,"customer":{"intercom_user_id":"`+b.lead+`"}}`) // again: nothing more to tell
	b.expect(b.call("DELETE", path+"/"+b.lead, `{`+admin+`}`).body, "customers.1", nil)
	b.sameTopics(b.told(since), "conversation.contact.attached", "conversation.contact.detached")
	b.refused(b.call("DELETE", path+"/"+b.contact, `{`+admin+`}`), 422, "parameter_invalid", "Removing the last customer is not allowed")
	b.refused(b.call("DELETE", path+"/"+b.lead, `{`+admin+`}`), 404, "not_found", "User Not Found")
	b.refused(b.call("DELETE", "/conversations/1/customers/"+b.lead, `{`+admin+`}`), 404, "not_found", "Resource Not Found")
	b.refused(b.call("POST", path, `{`+admin+`,"customer":{"intercom_user_id":"1"}}`), 404, "not_found", "Resource Not Found")
	b.refused(b.call("POST", path, `{`+admin+`}`), 400, "parameter_missing", "customer is required")
}

func TestRedaction_takes_the_words_away(t *testing.T) {
	b := newRichBench(t, Options{})
	since := b.now()
	r := b.call("POST", "/conversations/redact", `{"type":"conversation_part","conversation_id":`+b.conversation+`,"conversation_part_id":`+b.part+`}`)
	b.expect(r.body, "conversation_parts.conversation_parts.0.redacted", true, "conversation_parts.conversation_parts.0.body", redactedBody)
	source := get(r.body, "source.id").(string)
	r = b.call("POST", "/conversations/redact", `{"type":"source","conversation_id":"`+b.conversation+`","source_id":"`+source+`"}`)
	b.expect(r.body, "source.redacted", true, "source.body", redactedBody)
	b.tellsOf("conversation/"+b.conversation, since, "conversation_part.redacted", "conversation_part.redacted")
	for body, status := range map[string]int{
		`{"type":"conversation_part","conversation_id":"1","conversation_part_id":"1"}`:                      404,
		`{"type":"conversation_part","conversation_id":"` + b.conversation + `","conversation_part_id":"1"}`: 404,
		`{"type":"source","conversation_id":"` + b.conversation + `","source_id":"1"}`:                       404,
		`{"type":"source","conversation_id":"1"}`:                                                            400, `{"type":"x","conversation_id":"1"}`: 400, `{}`: 400,
	} {
		if r := b.call("POST", "/conversations/redact", body); r.status != status {
			t.Errorf("%s: %d, want %d", body, r.status, status)
		}
	}
}

func TestConversations_are_deleted(t *testing.T) {
	b := newBench(t, Options{})
	id := b.starts("hello")
	since := b.now()
	b.expect(b.call("DELETE", "/conversations/"+id, "").body, "id", id, "object", "conversation", "deleted", true)
	b.tellsOf("conversation/"+id, since, "conversation.deleted")
	b.refused(b.call("GET", "/conversations/"+id, ""), 404, "not_found", "")
}

// Older texts about the API answer through /parts.
func TestParts_take_comments_and_notes(t *testing.T) {
	b := newBench(t, Options{})
	id := b.starts("hello")
	for kind, effect := range map[string]Effect{"comment": EffectReply, "note": EffectNote} {
		r := b.call("POST", "/conversations/"+id+"/parts", `{"message_type":"`+kind+`","type":"admin","admin_id":"`+b.ines+`","body":"x"}`)
		parts := get(r.body, "conversation_parts.conversation_parts").([]any)
		b.expect(parts[len(parts)-1], "part_type", kind, "body", "<p>x</p>")
		if e := b.lastEntry(); e.Effect != effect {
			t.Errorf("journal: %+v", e)
		}
	}
}
