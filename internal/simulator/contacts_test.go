package simulator

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"switchboard/internal/event"
)

// since checks the topics told after a moment, and that each notification is about subject.
func (b *bench) tellsOf(subject string, since int, topics ...string) {
	b.Helper()
	b.sameTopics(b.told(since), topics...)
	for _, n := range b.Notifications()[since:] {
		ev, _ := b.parse(n.Body())
		if ev.Subject != subject || !event.KnownTopic(n.Topic) {
			b.Errorf("%s is about %q, want %q", n.Topic, ev.Subject, subject)
		}
	}
}

// now is how many notifications there were so far.
func (b *bench) now() int { return len(b.Notifications()) }

func TestContacts_are_updated_by_PUT_and_PATCH(t *testing.T) {
	for _, method := range []string{"PUT", "PATCH"} {
		b := newBench(t, Options{})
		path := "/contacts/" + b.contact
		since := b.now()
		r := b.call(method, path, `{"name":"A","phone":null,"owner_id":`+b.ines+`,"signed_up_at":1700000000,"custom_attributes":{"plan":"free"}}`)
		b.expect(r.body, "name", "A", "phone", nil, "owner_id", b.ines, "signed_up_at", "1700000000", "email", "amara@acme.com",
			"custom_attributes.plan", "free", "external_id", "c-1")
		b.tellsOf("contact/"+b.contact, since, "contact.user.updated")
		b.expect(b.call(method, path, `{"custom_attributes":{"plan":null},"name":null}`).body, "name", nil, "custom_attributes.plan", nil)
		since = b.now()
		b.call(method, path, `{"email":"other@acme.com"}`)
		b.tellsOf("contact/"+b.contact, since, "contact.user.updated", "contact.email.updated")
		if e := b.lastEntry(); e.Effect != EffectContact || e.Contact != b.contact || e.Endpoint != method+" /contacts/{id}" {
			t.Errorf("journal: %+v", e)
		}
	}
}

func TestContacts_refuse_what_cannot_be(t *testing.T) {
	b := newBench(t, Options{})
	other := b.AddContact(Contact{Email: "other@example.com", ExternalID: "c-2"})
	path := "/contacts/" + b.contact
	since := b.now()
	for body, code := range map[string]string{
		`{"email":"nonsense"}`: "parameter_invalid", `{"email":5}`: "parameter_invalid", `{"role":"boss"}`: "parameter_invalid",
		`{"role":"lead"}`: "parameter_invalid", `{"custom_attributes":{"plna":"x"}}`: "parameter_invalid",
		`{"custom_attributes":{"plan":["a"]}}`: "parameter_invalid", `{"signed_up_at":"soon"}`: "parameter_invalid", `[]`: "bad_request",
	} {
		b.refused(b.call("PUT", path, body), 400, code, "")
	}
	b.expect(b.call("PUT", path, `{"email":5}`).body, "errors.0.field", "email")
	b.refused(b.call("PUT", path, `{"custom_attributes":{"plna":"x"}}`), 400, "parameter_invalid", "Custom attribute 'plna' does not exist")
	b.refused(b.call("PUT", path, `{"owner_id":1}`), 404, "admin_not_found", "")
	b.refused(b.call("PUT", path, `{"external_id":"c-2"}`), 409, "conflict", "A contact matching those details already exists with id="+other)
	b.refused(b.call("PUT", path, `{"email":"OTHER@example.com"}`), 409, "conflict", "")
	b.refused(b.call("PUT", "/contacts/none", `{"name":"x"}`), 404, "not_found", "User Not Found")
	b.expect(b.call("GET", path, "").body, "email", "amara@acme.com", "name", "Amara Diallo", "custom_attributes.plan", "pro")
	if b.now() != since {
		t.Error("what is refused must not be told")
	}
	b.call("POST", "/contacts/"+other+"/archive", "")
	b.refused(b.call("POST", "/contacts", `{"external_id":"c-2"}`), 409, "conflict", "An archived contact matching those details already exists with id="+other)
}

func TestContacts_keep_whole_numbers_to_the_last_digit(t *testing.T) {
	b := newBench(t, Options{})
	b.AddAttribute(Attribute{Model: "contact", Name: "account", Type: "integer"})
	r := b.call("PUT", "/contacts/"+b.contact, `{"custom_attributes":{"account":9007199254740993}}`)
	b.expect(r.body, "custom_attributes.account", "9007199254740993")
	r = b.call("POST", "/contacts/search", `{"query":{"field":"custom_attributes.account","operator":">","value":9007199254000000}}`)
	b.expect(r.body, "data.0.id", b.contact)
}

func TestContacts_are_found_by_external_id(t *testing.T) {
	b := newBench(t, Options{})
	b.expect(b.call("GET", "/contacts/find_by_external_id/c-1", "").body, "id", b.contact)
	b.refused(b.call("GET", "/contacts/find_by_external_id/c-9", ""), 404, "not_found", "User Not Found")
}

func TestContacts_are_archived_and_come_back(t *testing.T) {
	b := newBench(t, Options{})
	path, since := "/contacts/"+b.contact, b.now()
	listed := func() string { return fmt.Sprint(get(b.call("GET", "/contacts", "").body, "total_count")) }
	b.expect(b.call("POST", path+"/archive", "").body, "type", "contact", "id", b.contact, "external_id", "c-1", "archived", true)
	b.call("POST", path+"/archive", "") // again: nothing more to tell
	_, v := b.newest()
	b.expect(v, "data.item.archived", true, "data.item.email", nil)
	if listed() != "0" {
		t.Error("an archived contact is listed")
	}
	b.expect(b.call("POST", path+"/unarchive", "").body, "archived", false)
	b.tellsOf("contact/"+b.contact, since, "contact.archived", "contact.unarchived")
	if listed() != "1" {
		t.Error("a contact that came back is not listed")
	}
}

func TestContacts_who_are_blocked_cannot_write(t *testing.T) {
	b := newBench(t, Options{})
	id := b.starts("hello")
	b.expect(b.call("POST", "/contacts/"+b.contact+"/block", "").body, "blocked", true, "type", "contact")
	b.refused(b.call("POST", "/conversations", `{"from":{"type":"user","id":"`+b.contact+`"},"body":"x"}`), 403, "action_forbidden", "")
	b.refused(b.call("POST", "/conversations/"+id+"/reply", `{"message_type":"comment","type":"user","user_id":"c-1","body":"x"}`), 403, "action_forbidden", "")
}

func TestContacts_are_deleted_for_good(t *testing.T) {
	b := newBench(t, Options{})
	id, since := b.starts("hello"), 1
	b.expect(b.call("DELETE", "/contacts/"+b.contact, "").body, "deleted", true, "id", b.contact, "external_id", "c-1")
	b.tellsOf("contact/"+b.contact, since, "contact.deleted")
	b.refused(b.call("GET", "/contacts/"+b.contact, ""), 404, "not_found", "User Not Found")
	b.refused(b.call("DELETE", "/contacts/"+b.contact, ""), 404, "not_found", "")
	b.expect(b.call("GET", "/conversations/"+id, "").body, "contacts.contacts.0.id", b.contact) // what was said stays
	if e := b.Journal()[0]; e.Effect != EffectDelete {
		t.Errorf("journal: %+v", e)
	}
}

func TestContacts_leads_are_merged_into_users(t *testing.T) {
	b := newRichBench(t, Options{})
	b.call("POST", "/contacts/"+b.lead+"/tags", `{"id":"`+b.tag+`"}`)
	b.call("POST", "/contacts/"+b.lead+"/notes", `{"body":"from before"}`)
	told := ok(b.CustomerStarts(b.lead, "who am I?"))(t)
	ticket := b.does("POST", "/tickets", `{"ticket_type_id":"`+b.bug+`","contacts":[{"id":"`+b.lead+`"}]}`, "id")
	since := b.now()
	b.refused(b.call("POST", "/contacts/merge", `{"from":"`+b.contact+`","into":"`+b.lead+`"}`), 400, "parameter_invalid", "")
	b.refused(b.call("POST", "/contacts/merge", `{"from":"`+b.lead+`"}`), 400, "parameter_missing", "into is required")
	r := b.call("POST", "/contacts/merge", `{"from":"`+b.lead+`","into":"`+b.contact+`"}`)
	b.expect(r.body, "id", b.contact, "role", "user", "email", "amara@acme.com", "tags.total_count", "1", "notes.total_count", "2")
	b.tellsOf("contact/"+b.contact, since, "contact.merged")
	b.refused(b.call("GET", "/contacts/"+b.lead, ""), 404, "not_found", "")
	b.expect(b.call("GET", "/conversations/"+told, "").body, "contacts.contacts.0.id", b.contact)
	b.expect(b.call("GET", "/tickets/"+ticket, "").body, "contacts.contacts.0.id", b.contact)
}

func TestContacts_leads_sign_up_and_leave_an_address(t *testing.T) {
	b := newBench(t, Options{})
	lead, since := b.AddContact(Contact{Role: "lead"}), b.now()
	b.call("PUT", "/contacts/"+lead, `{"email":"x@example.com"}`)
	b.call("PUT", "/contacts/"+lead, `{"role":"user"}`)
	b.tellsOf("contact/"+lead, since, "contact.lead.updated", "contact.lead.added_email", "contact.user.updated", "contact.lead.signed_up")
}

func TestContacts_are_listed_by_cursor_and_by_number(t *testing.T) {
	b := newBench(t, Options{})
	want := []string{b.contact}
	for i := range 6 {
		want = append(want, b.AddContact(Contact{Email: fmt.Sprint(i, "@example.com")}))
	}
	slices.Reverse(want)
	var byCursor, byNumber []string
	path := "/contacts?per_page=3"
	for range 4 {
		r := b.call("GET", path, "")
		b.expect(r.body, "type", "list", "pages.total_pages", "3", "pages.per_page", "3")
		for _, c := range get(r.body, "data").([]any) {
			byCursor = append(byCursor, get(c, "id").(string))
		}
		after, more := get(r.body, "pages.next.starting_after").(string)
		if !more {
			break
		}
		path = "/contacts?per_page=3&starting_after=" + after
	}
	for page := 1; page < 5; page++ {
		r := b.call("GET", fmt.Sprint("/contacts?per_page=3&page=", page), "")
		for _, c := range get(r.body, "data").([]any) {
			byNumber = append(byNumber, get(c, "id").(string))
		}
	}
	if !slices.Equal(byCursor, want) || !slices.Equal(byNumber, want) {
		t.Errorf("by cursor %v\nby number %v\nwant %v", byCursor, byNumber, want)
	}
	for _, bad := range []string{"per_page=0", "per_page=151", "per_page=x", "starting_after=x", "page=0"} {
		b.refused(b.call("GET", "/contacts?"+bad, ""), 400, "parameter_invalid", "")
	}
}

func TestNotes_are_listed_newest_first_and_inlined(t *testing.T) {
	b := newBench(t, Options{})
	path := "/contacts/" + b.contact + "/notes"
	var ids []string
	for i := range 12 {
		ids = append(ids, b.does("POST", path, fmt.Sprintf(`{"body":"note %d","admin_id":%s}`, i, b.ines), "id"))
	}
	if e := b.lastEntry(); e.Effect != EffectContactNote || e.Text != "note 11" || e.Admin != b.ines {
		t.Errorf("journal: %+v", e)
	}
	r := b.call("GET", path+"?per_page=5", "")
	b.expect(r.body, "data.0.id", ids[11], "data.0.body", "<p>note 11</p>", "data.0.author.id", b.ines, "data.4.id", ids[7],
		"data.5", nil, "total_count", "12", "pages.total_pages", "3", "data.0.contact.id", b.contact)
	b.expect(b.call("GET", path+"?per_page=5&page=9", "").body, "data.0", nil, "pages.next", nil) // past the end
	b.expect(b.call("GET", "/contacts/"+b.contact, "").body, "notes.total_count", "12", "notes.has_more", true,
		"notes.data.0.id", ids[11], "notes.data.9.id", ids[2], "notes.data.10", nil)
	b.expect(b.call("GET", "/notes/"+ids[3], "").body, "body", "<p>note 3</p>")
	b.refused(b.call("POST", path, `{"admin_id":"`+b.ines+`"}`), 400, "parameter_missing", "body is required")
	b.refused(b.call("POST", path, `{"body":"x","admin_id":"1"}`), 404, "not_found", "Resource Not Found")
	b.refused(b.call("POST", "/contacts/none/notes", `{"body":"x"}`), 404, "not_found", "User Not Found")
}

func TestEvents_of_one_second_are_one(t *testing.T) {
	b := newBench(t, Options{})
	at := time.Now().Unix()
	track := func(more string, at int64) response {
		return b.call("POST", "/events", fmt.Sprintf(`{"event_name":"ordered","created_at":%d,%s}`, at, more))
	}
	since := b.now()
	r := track(`"user_id":"c-1","metadata":{"price":5}`, at)
	if r.status != 202 || len(r.raw) != 0 {
		t.Errorf("answer: %d %q, want 202 without a body", r.status, r.raw)
	}
	_, v := b.newest()
	b.expect(v, "data.item.type", "event", "data.item.event_name", "ordered", "data.item.intercom_user_id", b.contact, "data.item.metadata.price", "5")
	if r := track(`"id":"`+b.contact+`"`, at); r.status != 202 || b.lastEntry().Effect != EffectNone {
		t.Errorf("the same second: %d, effect %s", r.status, b.lastEntry().Effect)
	}
	track(`"email":"amara@acme.com"`, at-1)
	b.sameTopics(b.told(since), "event.created", "event.created")
	b.expect(b.call("GET", "/events?type=user&user_id=c-1", "").body, "events.0.created_at", fmt.Sprint(at-1), "events.1.metadata.price", "5", "events.2", nil)
	b.expect(b.call("GET", "/events?type=user&user_id=c-1&summary=true", "").body, "events.0.name", "ordered", "events.0.count", "2")
	b.refused(track(`"user_id":"nobody"`, at), 404, "not_found", "User Not Found")
	b.refused(track(`"metadata":{}`, at), 400, "parameter_missing", "")
	b.refused(track(`"user_id":"c-1"`, 0), 400, "parameter_missing", "created_at is required")
	b.refused(track(`"user_id":"c-1"`, at+99999), 400, "parameter_invalid", "")
	b.refused(track(`"user_id":"c-1","metadata":{"1":1,"2":1,"3":1,"4":1,"5":1,"6":1,"7":1,"8":1,"9":1,"10":1,"11":1}`, at), 400, "parameter_invalid", "")
	for range keepEvents {
		at--
		track(`"user_id":"c-1"`, at-10)
	}
	if c, _ := b.Contact(b.contact); len(c.Events) != keepEvents {
		t.Errorf("%d events are kept, want %d", len(c.Events), keepEvents)
	}
}

func TestMessages_go_to_contacts_without_a_conversation(t *testing.T) {
	b := newBench(t, Options{})
	from, to := `"from":{"type":"admin","id":`+b.ines+`}`, `"to":{"type":"user","id":"`+b.contact+`"}`
	since := b.now()
	r := b.call("POST", "/messages", `{"message_type":"in_app","body":"hey <b>you</b>",`+from+`,`+to+`}`)
	b.expect(r.body, "type", "admin_message", "message_type", "inapp", "owner.id", b.ines, "conversation_id", nil)
	m := b.Messages()
	if len(m) != 1 || m[0].AdminID != b.ines || !slices.Equal(m[0].Contacts, []string{b.contact}) || m[0].Body != "<p>hey <b>you</b></p>" {
		t.Errorf("messages: %+v", m)
	}
	if len(b.Conversations()) != 0 || b.now() != since {
		t.Error("a message alone begins no conversation")
	}
	r = b.call("POST", "/messages", `{"message_type":"email","subject":"s","body":"x","create_conversation_without_contact_reply":true,`+from+`,"to":[{"type":"user","user_id":"c-1"}]}`)
	id := get(r.body, "conversation_id").(string)
	b.tellsOf("conversation/"+id, since, "conversation.admin.single.created")
	b.refused(b.call("POST", "/messages", `{"message_type":"email","body":"x",`+from+`,`+to+`}`), 422, "parameter_not_found", "No subject supplied for email message")
	b.refused(b.call("POST", "/messages", `{"message_type":"inapp","body":null,`+from+`,`+to+`}`), 400, "parameter_invalid", "Body is required")
	b.refused(b.call("POST", "/messages", `{"message_type":"fax","body":"x",`+from+`,`+to+`}`), 400, "parameter_invalid", "")
	b.refused(b.call("POST", "/messages", `{"message_type":"inapp","body":"x",`+from+`}`), 400, "parameter_missing", "to is required")
	b.refused(b.call("POST", "/messages", `{"message_type":"inapp","body":"x",`+from+`,"to":{"type":"user","id":"1"}}`), 404, "not_found", "")
	b.refused(b.call("POST", "/messages", `{"message_type":"inapp","body":"x","from":{"type":"admin","id":1},`+to+`}`), 404, "admin_not_found", "")
	r = b.call("POST", "/messages", `{"body":"from me","from":{"type":"user","id":"`+b.contact+`"}}`)
	b.expect(r.body, "type", "user_message")
	if e := b.lastEntry(); e.Effect != EffectStart {
		t.Errorf("journal: %+v", e)
	}
}
