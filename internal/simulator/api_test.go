package simulator

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestAPI_reads_the_workspace(t *testing.T) {
	b := newBench(t, Options{AppID: "app1"})
	me := b.TokenAdmin()
	away := b.AddAdmin(Admin{Name: "Away", Away: true, NoInboxSeat: true})
	r := b.call("GET", "/me", "")
	b.expect(r.body, "type", "admin", "id", me, "email", "ops-bot@acme.test", "app.id_code", "app1", "app.type", "app",
		"has_inbox_seat", true)
	r = b.call("GET", "/admins", "")
	b.expect(r.body, "type", "admin.list", "admins.0.id", me, "admins.1.name", "Ines", "admins.1.has_inbox_seat", true,
		"admins.1.team_ids.0", b.finance, "admins.3.id", away, "admins.3.away_mode_enabled", true, "admins.3.has_inbox_seat", false)
	r = b.call("GET", "/admins/"+b.ines, "")
	b.expect(r.body, "type", "admin", "id", b.ines, "email", "ines@acme.test", "away_mode_enabled", false)
	r = b.call("GET", "/teams", "")
	b.expect(r.body, "type", "team.list", "teams.0.id", b.finance, "teams.0.admin_ids.0", b.ines)
	r = b.call("GET", "/teams/"+b.finance, "")
	b.expect(r.body, "type", "team", "name", "Finance", "distribution_method", "manual")
	b.refused(b.call("GET", "/admins/1", ""), 404, "admin_not_found", "Admin not found")
	b.refused(b.call("GET", "/teams/1", ""), 404, "team_not_found", "Team not found")
	if b.lastEntry().Effect != EffectNone || b.lastEntry().Endpoint != "GET /teams/{id}" {
		t.Errorf("journal: %+v", b.lastEntry())
	}
}

func TestAPI_tags_ignore_case(t *testing.T) {
	b := newBench(t, Options{})
	b.expect(b.call("GET", "/tags", "").body, "type", "list", "data.0", nil)
	if raw := b.call("GET", "/tags", "").raw; !strings.Contains(string(raw), `"data":[]`) {
		t.Errorf("an empty list is %s", raw)
	}
	first := b.call("POST", "/tags", `{"name":" VIP "}`)
	id := get(first.body, "id").(string)
	b.expect(first.body, "type", "tag", "name", "VIP")
	b.expect(b.call("POST", "/tags", `{"name":"vip"}`).body, "id", id, "name", "VIP")
	b.expect(b.call("POST", "/tags", `{"name":"Very important","id":`+id+`}`).body, "id", id, "name", "Very important")
	b.expect(b.call("GET", "/tags", "").body, "data.0.id", id, "data.0.name", "Very important", "data.1", nil)
	b.expect(b.call("GET", "/tags/"+id, "").body, "id", id)
	b.refused(b.call("POST", "/tags", `{"test":"x"}`), 400, "parameter_invalid", "invalid tag parameters")
	b.refused(b.call("POST", "/tags", `{"name":"x","id":"9"}`), 404, "tag_not_found", "Tag not found")
	b.refused(b.call("POST", "/tags", `{"name":"x","users":[{"id":"1"}]}`), 404, "not_found", "User Not Found")
	b.call("POST", "/tags", `{"name":"Other"}`)
	b.refused(b.call("POST", "/tags", `{"name":"other","id":"`+id+`"}`), 409, "conflict", "")
	var effects []Effect
	for _, e := range b.Journal()[2:5] {
		effects = append(effects, e.Effect)
	}
	if !slices.Equal(effects, []Effect{EffectMakeTag, EffectNone, EffectMakeTag}) {
		t.Errorf("effects = %v", effects)
	}
}

func TestAPI_contacts(t *testing.T) {
	b := newBench(t, Options{})
	r := b.call("GET", "/contacts/"+b.contact, "")
	b.expect(r.body, "type", "contact", "id", b.contact, "external_id", "c-1", "role", "user", "email", "amara@acme.com",
		"custom_attributes.plan", "pro", "companies.data.0.id", b.acme, "companies.total_count", "1", "phone", nil,
		"tags.data.0", nil, "tags.has_more", false)
	if _, isNumber := get(r.body, "created_at").(string); !isNumber || get(r.body, "created_at").(string)[0] == '2' {
		t.Errorf("created_at = %v, want Unix seconds", get(r.body, "created_at"))
	}
	b.refused(b.call("GET", "/contacts/none", ""), 404, "not_found", "User Not Found")
	r = b.call("GET", "/contacts/"+b.contact+"/companies", "")
	b.expect(r.body, "type", "list", "data.0.company_id", "acme", "data.0.name", "Acme", "data.0.plan.name", "enterprise",
		"data.0.user_count", "1", "pages.next", nil, "total_count", "1")
	b.refused(b.call("GET", "/contacts/none/companies", ""), 404, "not_found", "User Not Found")

	r = b.call("POST", "/contacts", `{"email":"new@example.com","role":"user","custom_attributes":{"plan":"free"}}`)
	id := get(r.body, "id").(string)
	b.expect(r.body, "type", "contact", "role", "user", "custom_attributes.plan", "free")
	_, v := b.newest()
	b.expect(v, "topic", "contact.user.created", "data.item.id", id)
	if e := b.lastEntry(); e.Effect != EffectContact || e.Contact != id {
		t.Errorf("journal: %+v", e)
	}
	b.refused(b.call("POST", "/contacts", `{"email":"NEW@example.com"}`), 409, "conflict",
		"A contact matching those details already exists with id="+id)
	b.refused(b.call("POST", "/contacts", `{"external_id":"c-1"}`), 409, "conflict",
		"A contact matching those details already exists with id="+b.contact)
	if r = b.call("POST", "/contacts", `{"email":"new@example.com","role":"lead"}`); r.status != 200 {
		t.Errorf("leads may share an address: %s", r.raw)
	}
	b.refused(b.call("POST", "/contacts", `{"name":"x"}`), 400, "parameter_missing", "")
	b.refused(b.call("POST", "/contacts", `{"email":"x"}`), 400, "parameter_invalid", "")
	b.refused(b.call("POST", "/contacts", `{"role":"boss"}`), 400, "parameter_invalid", "")

	tag := b.AddTag("VIP")
	r = b.call("POST", "/contacts/"+b.contact+"/tags", `{"id":`+tag+`}`)
	b.expect(r.body, "id", tag, "name", "VIP", "applied_by.type", "admin")
	_, v = b.newest()
	b.expect(v, "topic", "contact.user.tag.created", "data.item.tag.name", "VIP", "data.item.contact.id", b.contact)
	b.expect(b.call("GET", "/contacts/"+b.contact+"/tags", "").body, "type", "list", "data.0.name", "VIP")
	b.expect(b.call("GET", "/contacts/"+b.contact, "").body, "tags.data.0.id", tag, "tags.data.0.name", nil)
	b.call("DELETE", "/contacts/"+b.contact+"/tags/"+tag, "")
	b.expect(b.call("GET", "/contacts/"+b.contact+"/tags", "").body, "data.0", nil)
	b.refused(b.call("DELETE", "/contacts/"+b.contact+"/tags/"+tag, ""), 404, "tag_not_found", "Tag not found")
	b.refused(b.call("POST", "/contacts/"+b.contact+"/tags", `{"id":"1"}`), 404, "tag_not_found", "")
}

func TestAPI_companies_come_in_pages(t *testing.T) {
	b := newBench(t, Options{})
	ids := []string{}
	for i := range 7 {
		ids = append(ids, b.AddCompany(Company{Name: fmt.Sprint("c", i)}))
	}
	contact := b.AddContact(Contact{Companies: ids})
	var got []string
	next := "/contacts/" + contact + "/companies?per_page=3"
	for pages := 0; next != ""; pages++ {
		r := b.call("GET", next, "")
		for _, c := range get(r.body, "data").([]any) {
			got = append(got, get(c, "id").(string))
		}
		next, _ = get(r.body, "pages.next").(string)
		next = strings.TrimPrefix(next, b.url)
		if pages > 3 {
			t.Fatal("the pages do not end")
		}
	}
	if !slices.Equal(got, ids) {
		t.Errorf("companies = %v, want %v", got, ids)
	}
	b.refused(b.call("GET", "/contacts/"+contact+"/companies?page=x", ""), 400, "parameter_invalid", "")
}

func TestAPI_lists_conversations_by_cursor(t *testing.T) {
	b := newBench(t, Options{})
	var want []string
	for range 7 {
		want = append(want, b.starts("hello"))
	}
	slices.Reverse(want)
	var got []string
	path := "/conversations?per_page=3"
	for range 5 {
		r := b.call("GET", path, "")
		b.expect(r.body, "type", "conversation.list", "pages.type", "pages", "pages.total_pages", "3")
		for _, c := range get(r.body, "conversations").([]any) {
			got = append(got, get(c, "id").(string))
			if _, has := c.(map[string]any)["conversation_parts"]; has {
				t.Error("lists have no parts")
			}
		}
		cursor, _ := get(r.body, "pages.next.starting_after").(string)
		if cursor == "" {
			break
		}
		b.starts("this one comes in between and shifts nothing")
		path = "/conversations?per_page=3&starting_after=" + cursor
	}
	if !slices.Equal(got, want) {
		t.Errorf("conversations = %v, want %v", got, want)
	}
	b.refused(b.call("GET", "/conversations?per_page=151", ""), 400, "parameter_invalid", "")
	b.refused(b.call("GET", "/conversations?starting_after=!", ""), 400, "parameter_invalid", "")
}

func TestAPI_gets_a_conversation_with_its_history(t *testing.T) {
	b := newBench(t, Options{})
	id := b.starts("hello & welcome")
	for i := range 510 {
		ok(b.AdminNotes(id, b.ines, fmt.Sprint("note ", i)))(t)
	}
	r := b.call("GET", "/conversations/"+id, "")
	parts := get(r.body, "conversation_parts.conversation_parts").([]any)
	if len(parts) != 500 {
		t.Errorf("%d parts, want the 500 most recent", len(parts))
	}
	b.expect(parts, "0.body", "<p>note 10</p>", "499.body", "<p>note 509</p>")
	b.expect(r.body, "conversation_parts.total_count", "510", "source.body", "<p>hello &amp; welcome</p>",
		"teammates.teammates.0.id", b.ines, "contacts.contacts.0.id", b.contact)
	if at, _ := get(r.body, "statistics.first_contact_reply_at").(string); len(at) != 10 {
		t.Errorf("first_contact_reply_at = %q, want Unix seconds", at)
	}
	r = b.call("GET", "/conversations/"+id+"?display_as=plaintext", "")
	b.expect(r.body, "source.body", "hello & welcome", "conversation_parts.conversation_parts.499.body", "note 509")
	b.refused(b.call("GET", "/conversations/1", ""), 404, "not_found", "Resource Not Found")
}

func TestAPI_starts_and_updates_conversations(t *testing.T) {
	b := newBench(t, Options{})
	b.AddConversationAttribute("issue")
	r := b.call("POST", "/conversations", `{"from":{"type":"user","id":"`+b.contact+`"},"body":"a < b"}`)
	id := get(r.body, "conversation_id").(string)
	b.expect(r.body, "type", "user_message", "body", "a < b", "message_type", "inapp")
	_, v := b.newest()
	b.expect(v, "topic", "conversation.user.created", "data.item.id", id, "data.item.source.body", "<p>a &lt; b</p>")
	if e := b.lastEntry(); e.Effect != EffectStart || e.Conversation != id || e.Text != "a < b" {
		t.Errorf("journal: %+v", e)
	}
	told := len(b.Notifications())
	r = b.call("PUT", "/conversations/"+id, `{"read":false,"title":"Maths","custom_attributes":{"issue":"Billing"}}`)
	b.expect(r.body, "title", "Maths", "read", false, "custom_attributes.issue", "Billing",
		"conversation_parts.conversation_parts.0.part_type", "conversation_attribute_updated_by_admin",
		"conversation_parts.conversation_parts.0.author.type", "bot",
		"conversation_parts.conversation_parts.0.event_details.attribute.name", "issue",
		"conversation_parts.conversation_parts.1.part_type", "title_changed")
	if len(b.Notifications()) != told {
		t.Error("no notification tells of an update")
	}
	b.refused(b.call("PUT", "/conversations/"+id, `{"custom_attributes":{"isue":"x"}}`), 400, "parameter_invalid", "")
	b.refused(b.call("PUT", "/conversations/1", `{}`), 404, "not_found", "")
	b.refused(b.call("POST", "/conversations", `{"body":"x"}`), 400, "parameter_missing", "from is required")
	b.refused(b.call("POST", "/conversations", `{"from":{"type":"user","id":"1"}}`), 400, "parameter_missing", "body is required")
	b.refused(b.call("POST", "/conversations", `{"from":{"type":"user","id":"1"},"body":"x"}`), 404, "not_found", "User Not Found")
	b.refused(b.call("POST", "/conversations", `{"from":{"type":"admin","id":"1"},"body":"x"}`), 400, "parameter_invalid", "")
}

// write is a call that changes a conversation.
type write struct {
	name, path, body string
	effect           Effect
	part             string
	topics           []string
}

func (b *bench) writes() []write {
	admin := `"admin_id":"` + b.ines + `"`
	return []write{
		{
			"comment", "reply", `{"message_type":"comment","type":"admin",` + admin + `,"body":"hi"}`, EffectReply, "comment",
			[]string{"conversation.admin.replied"},
		},
		{
			"comment, admin_id a number", "reply", `{"message_type":"comment","type":"admin","admin_id":` + b.ines + `,"body":"hi"}`,
			EffectReply, "comment",
			[]string{"conversation.admin.replied"},
		},
		{
			"note", "reply", `{"message_type":"note","type":"admin",` + admin + `,"body":"hi"}`, EffectNote, "note",
			[]string{"conversation.admin.noted"},
		},
		{
			"quick replies", "reply", `{"message_type":"quick_reply","type":"admin",` + admin + `,"reply_options":[{"text":"yes","uuid":"u"}]}`,
			EffectReply, "quick_reply",
			[]string{"conversation.admin.replied"},
		},
		{
			"contact by id", "reply", `{"message_type":"comment","type":"user","intercom_user_id":"` + b.contact + `","body":"hi"}`,
			EffectReply, "comment",
			[]string{"conversation.user.replied"},
		},
		{
			"contact by external id", "reply", `{"message_type":"comment","type":"user","user_id":"c-1","body":"hi"}`,
			EffectReply, "comment",
			[]string{"conversation.user.replied"},
		},
		{
			"contact by e-mail", "reply", `{"message_type":"comment","type":"user","email":"amara@acme.com","body":"hi"}`,
			EffectReply, "comment",
			[]string{"conversation.user.replied"},
		},
		{
			"close", "parts", `{"message_type":"close","type":"admin",` + admin + `}`, EffectClose, "close",
			[]string{"conversation.admin.closed"},
		},
		{
			"close with a text", "parts", `{"message_type":"close","type":"admin",` + admin + `,"body":"hi"}`, EffectClose, "close",
			[]string{"conversation.admin.closed", "conversation.admin.replied"},
		},
		{
			"snooze", "parts", fmt.Sprintf(`{"message_type":"snoozed",%s,"snoozed_until":%d}`, admin, time.Now().Add(time.Hour).Unix()),
			EffectSnooze, "snoozed",
			[]string{"conversation.admin.snoozed"},
		},
		{"open", "parts", `{"message_type":"open",` + admin + `}`, EffectOpen, "open", []string{"conversation.admin.opened"}},
		{
			"assign an admin", "parts", `{"message_type":"assignment","type":"admin",` + admin + `,"assignee_id":"` + b.jonas + `"}`,
			EffectAssign, "assignment",
			[]string{"conversation.admin.assigned"},
		},
		{
			"assign a team", "parts", `{"message_type":"assignment","type":"team",` + admin + `,"assignee_id":"` + b.finance + `"}`,
			EffectAssign, "assignment",
			[]string{"conversation.admin.assigned"},
		},
		{
			"assign nobody", "parts", `{"message_type":"assignment","type":"admin",` + admin + `,"assignee_id":"0"}`,
			EffectAssign, "assignment",
			[]string{"conversation.admin.assigned"},
		},
		{
			"assign with a text", "parts", `{"message_type":"assignment","type":"admin",` + admin + `,"assignee_id":"` + b.ines + `","body":"hi"}`,
			EffectAssign, "assignment",
			[]string{"conversation.admin.replied", "conversation.admin.assigned", "conversation.admin.open.assigned"},
		},
	}
}

func TestAPI_writes_have_effects_and_echoes(t *testing.T) {
	for i := range newBench(t, Options{}).writes() {
		b := newBench(t, Options{AppPackageCode: "my-app"})
		w := b.writes()[i]
		t.Run(w.name, func(t *testing.T) {
			b.T = t
			id := b.starts("hello")
			r := b.call("POST", "/conversations/"+id+"/"+w.path, w.body)
			if r.status != 200 {
				t.Fatalf("status %d: %s", r.status, r.raw)
			}
			part := get(r.body, "conversation_parts.conversation_parts.0").(map[string]any)
			b.expect(r.body, "type", "conversation", "id", id, "conversation_parts.total_count", "1")
			b.expect(part, "part_type", w.part, "app_package_code", "my-app", "type", "conversation_part")
			e := b.lastEntry()
			if e.Effect != w.effect || e.Conversation != id || e.Part != part["id"] || e.Status != 200 || e.Count != 1 {
				t.Errorf("journal: %+v", e)
			}
			if strings.Contains(w.body, `"body":"hi"`) {
				b.expect(part, "body", "<p>hi</p>")
				if e.Text != "hi" {
					t.Errorf("journal has the text %q", e.Text)
				}
			} else {
				b.expect(part, "body", nil)
			}
			b.sameTopics(b.told(1), w.topics...)
			for _, n := range b.Notifications()[1:] {
				ev, v := b.parse(n.Body())
				b.expect(v, "data.item.conversation_parts.conversation_parts.0.app_package_code", "my-app")
				if ev.Part != e.Part {
					t.Errorf("%s is about part %q, want %q", ev.Topic, ev.Part, e.Part)
				}
			}
		})
	}
}

func TestAPI_echo_can_be_switched_off(t *testing.T) {
	b := newBench(t, Options{NoEcho: true})
	id := b.starts("hello")
	for _, w := range b.writes() {
		b.call("POST", "/conversations/"+id+"/"+w.path, w.body)
	}
	tag := b.AddTag("VIP")
	b.call("POST", "/conversations/"+id+"/tags", `{"id":"`+tag+`","admin_id":"`+b.ines+`"}`)
	b.call("POST", "/contacts", `{"role":"lead"}`)
	b.sameTopics(b.told(0), "conversation.user.created")
}

func TestAPI_echo_of_the_old_shape_has_no_code(t *testing.T) {
	b := newBench(t, Options{Old: true})
	id := b.starts("hello")
	b.call("POST", "/conversations/"+id+"/reply", b.writes()[0].body)
	ev, v := b.newest()
	if ev.Topic != "conversation.admin.replied" {
		t.Errorf("topic = %q", ev.Topic)
	}
	if part := get(v, "data.item.conversation_parts.conversation_parts.0").(map[string]any); part["app_package_code"] != nil {
		t.Error("the old shape has no app_package_code")
	}
}

func TestAPI_refuses_bad_writes(t *testing.T) {
	b := newBench(t, Options{})
	id := b.starts("hello")
	seatless := b.AddAdmin(Admin{Name: "Reader", NoInboxSeat: true})
	stranger := b.AddContact(Contact{Email: "x@example.com"})
	admin := `"admin_id":"` + b.ines + `"`
	for _, c := range []struct {
		path, body, code string
		status           int
	}{
		{"reply", `{`, "bad_request", 400},
		{"reply", `[]`, "bad_request", 400},
		{"reply", `{"message_type":5}`, "parameter_invalid", 400},
		{"reply", ``, "parameter_missing", 400},
		{"reply", `{"message_type":"close","type":"admin",` + admin + `}`, "parameter_invalid", 400},
		{"reply", `{"message_type":"comment",` + admin + `,"body":"x"}`, "parameter_missing", 400},
		{"reply", `{"message_type":"comment","type":"bot",` + admin + `,"body":"x"}`, "parameter_invalid", 400},
		{"reply", `{"message_type":"comment","type":"admin","body":"x"}`, "parameter_missing", 400},
		{"reply", `{"message_type":"comment","type":"admin",` + admin + `}`, "parameter_missing", 400},
		{"reply", `{"message_type":"comment","type":"admin",` + admin + `,"body":" "}`, "parameter_missing", 400},
		{"reply", `{"message_type":"comment","type":"admin","admin_id":"1","body":"x"}`, "admin_not_found", 404},
		{"reply", `{"message_type":"comment","type":"admin","admin_id":"` + seatless + `","body":"x"}`, "parameter_invalid", 400},
		{"reply", `{"message_type":"comment","type":"admin",` + admin + `,"body":"x","created_at":99999999999}`, "parameter_invalid", 400},
		{"reply", `{"message_type":"comment","type":"admin",` + admin + `,"body":"x","attachment_urls":["ftp://x"]}`, "parameter_invalid", 400},
		{"reply", `{"message_type":"quick_reply","type":"admin",` + admin + `}`, "parameter_missing", 400},
		{"reply", `{"message_type":"comment","type":"user","body":"x"}`, "parameter_missing", 400},
		{"reply", `{"message_type":"note","type":"user","body":"x","user_id":"c-1"}`, "parameter_invalid", 400},
		{"reply", `{"message_type":"comment","type":"user","user_id":"nobody","body":"x"}`, "not_found", 404},
		{"reply", `{"message_type":"comment","type":"user","intercom_user_id":"` + stranger + `","body":"x"}`, "not_found", 404},
		{"parts", `{}`, "parameter_missing", 400},
		{"parts", `{"message_type":"comment","type":"user","user_id":"c-1","body":"x"}`, "parameter_invalid", 400},
		{"parts", `{"message_type":"quick_reply","type":"admin",` + admin + `,"body":"x"}`, "parameter_invalid", 400},
		{"parts", `{"message_type":"close",` + admin + `}`, "parameter_missing", 400},
		{"parts", `{"message_type":"close","type":"team",` + admin + `}`, "parameter_invalid", 400},
		{"parts", `{"message_type":"open"}`, "parameter_missing", 400},
		{"parts", `{"message_type":"snoozed",` + admin + `}`, "parameter_missing", 400},
		{"parts", `{"message_type":"snoozed",` + admin + `,"snoozed_until":5}`, "parameter_invalid", 400},
		{"parts", `{"message_type":"assignment","type":"admin",` + admin + `}`, "parameter_missing", 400},
		{"parts", `{"message_type":"assignment","type":"admin",` + admin + `,"assignee_id":"1"}`, "assignee_not_found", 404},
		{"parts", `{"message_type":"assignment","type":"team",` + admin + `,"assignee_id":"` + b.jonas + `"}`, "assignee_not_found", 404},
		{"parts", `{"message_type":"assignment","type":"admin",` + admin + `,"assignee_id":"` + seatless + `"}`, "parameter_invalid", 400},
		{"tags", `{"id":"1",` + admin + `}`, "tag_not_found", 404},
		{"tags", `{` + admin + `}`, "parameter_missing", 400},
		{"tags", `{"id":"1"}`, "parameter_missing", 400},
	} {
		b.refused(b.call("POST", "/conversations/"+id+"/"+c.path, c.body), c.status, c.code, "")
		if t.Failed() {
			t.Fatalf("POST %s %s", c.path, c.body)
		}
		if e := b.lastEntry(); e.Effect != EffectNone || e.Code != c.code || e.Status != c.status {
			t.Errorf("journal: %+v", e)
		}
	}
	for _, w := range b.writes() {
		b.refused(b.call("POST", "/conversations/1/"+w.path, w.body), 404, "not_found", "Resource Not Found")
	}
	b.refused(b.call("POST", "/conversations/1/tags", `{"id":"1",`+admin+`}`), 404, "not_found", "Conversation not found")
	if n := len(b.Notifications()); n != 1 {
		t.Errorf("%d notifications: what is refused must not be told", n)
	}
	if c, _ := b.Conversation(id); len(c.Parts) != 0 {
		t.Errorf("%d parts, want none", len(c.Parts))
	}
}

func TestAPI_tags_conversations(t *testing.T) {
	b := newBench(t, Options{})
	id, tag := b.starts("hello"), b.AddTag("VIP")
	admin := `"admin_id":"` + b.ines + `"`
	for range 2 { // the second time changes nothing
		r := b.call("POST", "/conversations/"+id+"/tags", `{"id":`+tag+`,`+admin+`}`)
		b.expect(r.body, "type", "tag", "id", tag, "name", "VIP", "applied_by.type", "admin", "applied_by.id", b.ines)
		if e := b.lastEntry(); e.Effect != EffectTag || e.Tag != "VIP" || e.Conversation != id || e.Admin != b.ines {
			t.Errorf("journal: %+v", e)
		}
	}
	b.sameTopics(b.told(1), "conversation_part.tag.created")
	ev, v := b.newest()
	b.expect(v, "data.item.tags.tags.0.name", "VIP", "data.item.conversation_parts.conversation_parts.0.tags.0.name", "VIP",
		"data.item.conversation_parts.conversation_parts.0.author.type", "user")
	if ev.Part != "" {
		t.Errorf("the tagged part %q is not the cause", ev.Part)
	}
	if got := b.TagNames(id); !slices.Equal(got, []string{"VIP"}) {
		t.Errorf("tags = %q", got)
	}
	r := b.call("DELETE", "/conversations/"+id+"/tags/"+tag, `{`+admin+`}`)
	b.expect(r.body, "type", "tag", "id", tag)
	if e := b.lastEntry(); e.Effect != EffectUntag || e.Tag != "VIP" {
		t.Errorf("journal: %+v", e)
	}
	b.refused(b.call("DELETE", "/conversations/"+id+"/tags/"+tag, `{`+admin+`}`), 404, "tag_not_found", "Tag not found")
	b.refused(b.call("DELETE", "/conversations/1/tags/"+tag, `{`+admin+`}`), 404, "not_found", "Conversation not found")
	b.refused(b.call("DELETE", "/conversations/"+id+"/tags/"+tag, ``), 400, "parameter_missing", "admin_id is required")
	if len(b.TagNames(id)) != 0 || len(b.Notifications()) != 2 {
		t.Error("untagging takes the tag off and tells nothing")
	}
}

func TestAPI_reopens_closed_conversations(t *testing.T) {
	b := newBench(t, Options{})
	for _, c := range []struct {
		name, path, body, state, part string
		topics                        []string
	}{
		{
			"assign", "parts", `{"message_type":"assignment","type":"team","admin_id":"` + b.ines + `","assignee_id":"` + b.finance + `"}`,
			"open", "assign_and_reopen",
			[]string{"conversation.admin.assigned", "conversation.admin.open.assigned"},
		},
		{
			"contact replies", "reply", `{"message_type":"comment","type":"user","user_id":"c-1","body":"and?"}`,
			"open", "open",
			[]string{"conversation.user.replied"},
		},
		{
			"admin replies", "reply", `{"message_type":"comment","type":"admin","admin_id":"` + b.ines + `","body":"ps"}`,
			"closed", "comment",
			[]string{"conversation.admin.replied"},
		},
		{
			"admin notes", "reply", `{"message_type":"note","type":"admin","admin_id":"` + b.ines + `","body":"ps"}`,
			"closed", "note",
			[]string{"conversation.admin.noted"},
		},
	} {
		id := b.starts("hello")
		ok(b.AdminCloses(id, b.ines, ""))(t)
		since := len(b.Notifications())
		r := b.call("POST", "/conversations/"+id+"/"+c.path, c.body)
		b.expect(r.body, "state", c.state, "conversation_parts.conversation_parts.1.part_type", c.part)
		b.sameTopics(b.told(since), c.topics...)
	}
}

func TestAPI_reply_can_assign(t *testing.T) {
	b := newBench(t, Options{ReplyAssigns: true})
	id := b.starts("hello")
	r := b.call("POST", "/conversations/"+id+"/reply", b.writes()[0].body)
	b.expect(r.body, "admin_assignee_id", b.ines, "conversation_parts.conversation_parts.0.part_type", "assignment",
		"conversation_parts.conversation_parts.0.body", "<p>hi</p>")
	if e := b.lastEntry(); e.Effect != EffectReply {
		t.Errorf("effect = %q, want %q", e.Effect, EffectReply)
	}
}

func TestAPI_replies_to_the_last_conversation_and_with_files(t *testing.T) {
	b := newBench(t, Options{})
	b.starts("first")
	id := b.starts("second")
	r := b.call("POST", "/conversations/last/reply", `{"message_type":"comment","type":"user","user_id":"c-1","body":"here",
		"attachment_urls":["https://example.com/a.png"],"attachment_files":[{"name":"x.txt","content_type":"text/plain","data":"aGk="}]}`)
	b.expect(r.body, "id", id, "conversation_parts.conversation_parts.0.attachments.0.name", "a.png",
		"conversation_parts.conversation_parts.0.attachments.1.filesize", "2")
	first, _ := get(r.body, "conversation_parts.conversation_parts.0.attachments.0").(map[string]any)
	if _, has := first["width"]; has {
		t.Errorf("attachment = %v, want no size of a picture that nobody measured", first)
	}
	if e := b.lastEntry(); e.Conversation != id {
		t.Errorf("journal: %+v", e)
	}
}

func TestAPI_a_reply_may_have_been_made_earlier(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, Options{})
		id := b.starts("hello")
		time.Sleep(time.Hour)
		at := time.Now().Add(-time.Minute).Unix()
		r := b.call("POST", "/conversations/"+id+"/reply",
			fmt.Sprintf(`{"message_type":"note","type":"admin","admin_id":"%s","body":"x","created_at":%d}`, b.ines, at))
		b.expect(r.body, "conversation_parts.conversation_parts.0.created_at", fmt.Sprint(at))
	})
}

func TestAPI_checks_token_version_path_and_method(t *testing.T) {
	b := newBench(t, Options{})
	header := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	for _, token := range []string{"", "Bearer", "Bearer wrong", testToken, "Basic " + testToken} {
		r, err := b.try("GET", "/me", "", header("Authorization", token))
		if err != nil {
			t.Fatal(err)
		}
		b.refused(r, 401, "unauthorized", "Access Token Invalid")
		for _, h := range []string{"X-Ratelimit-Limit", "X-Ratelimit-Remaining", "X-Ratelimit-Reset"} {
			if r.header.Get(h) != "" {
				t.Errorf("%s without a good token", h)
			}
		}
	}
	for version, good := range map[string]bool{"2.14": true, "1.4": true, "": true, "2.99": false, "v2": false} {
		r, err := b.try("GET", "/me", "", header("Intercom-Version", version))
		if err != nil {
			t.Fatal(err)
		}
		if good && r.status != 200 {
			t.Errorf("version %q: status %d", version, r.status)
		}
		if !good {
			b.refused(r, 400, "intercom_version_invalid", "The requested version could not be found")
		}
	}
	b.refused(b.call("GET", "/nothing/here", ""), 404, "not_found", "")
	b.refused(b.call("PATCH", "/me", ""), 405, "client_error", "")
	r, err := b.try("POST", "/tags", `{"name":"x"}`, header("Content-Type", "text/plain"))
	if err != nil {
		t.Fatal(err)
	}
	b.refused(r, 400, "bad_request", "")
	if got := len(b.Journal()); got != 13 {
		t.Errorf("%d journal entries, want every call: 13", got)
	}
	if none := New(Options{}); none.authorized(&http.Request{Header: http.Header{"Authorization": {"Bearer "}}}) {
		t.Error("without a token of its own the simulator accepts the empty one")
	}
}

func TestEndpoints_are_all_there(t *testing.T) {
	if n := len(Endpoints()); n != len(routes) || !slices.Contains(Endpoints(), "POST /conversations/{id}/reply") {
		t.Errorf("endpoints: %q", Endpoints())
	}
}
