package simulator

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"switchboard/internal/event"
)

// deed is something that people do, with what the notifications must show.
type deed struct {
	name   string
	do     func(b *bench, id string) error
	topics []string
	part   string // part_type; empty: the notification has no part
	body   string
	author string
	state  string
}

var deeds = []deed{
	{"customer replies", func(b *bench, id string) error {
		_, err := b.CustomerReplies(id, "me again")
		return err
	}, []string{"conversation.user.replied"}, "comment", "<p>me again</p>", "user", "open"},
	{"admin replies", func(b *bench, id string) error {
		_, err := b.AdminReplies(id, b.ines, "hi there", "")
		return err
	}, []string{"conversation.admin.replied"}, "comment", "<p>hi there</p>", "admin", "open"},
	{"reply and assign", func(b *bench, id string) error {
		_, err := b.AdminReplies(id, b.ines, "mine", b.ines)
		return err
	}, []string{
		"conversation.admin.replied", "conversation.admin.assigned", "conversation.admin.open.assigned",
	}, "assignment", "<p>mine</p>", "admin", "open"},
	{"admin notes", func(b *bench, id string) error {
		_, err := b.AdminNotes(id, b.ines, "between us")
		return err
	}, []string{"conversation.admin.noted"}, "note", "<p>between us</p>", "admin", "open"},
	{"admin assigns", func(b *bench, id string) error {
		_, err := b.AdminAssigns(id, b.ines, b.finance)
		return err
	}, []string{"conversation.admin.assigned"}, "assignment", "", "admin", "open"},
	{"admin closes", func(b *bench, id string) error {
		_, err := b.AdminCloses(id, b.ines, "")
		return err
	}, []string{"conversation.admin.closed"}, "close", "", "admin", "closed"},
	{"admin closes with a text", func(b *bench, id string) error {
		_, err := b.AdminCloses(id, b.ines, "bye")
		return err
	}, []string{"conversation.admin.closed", "conversation.admin.replied"}, "close", "<p>bye</p>", "admin", "closed"},
	{"admin opens", func(b *bench, id string) error {
		_, err := b.AdminOpens(id, b.ines)
		return err
	}, []string{"conversation.admin.opened"}, "open", "", "admin", "open"},
	{"admin snoozes", func(b *bench, id string) error {
		_, err := b.AdminSnoozes(id, b.ines, time.Now().Add(time.Hour))
		return err
	}, []string{"conversation.admin.snoozed"}, "snoozed", "", "admin", "snoozed"},
	{"bot replies", func(b *bench, id string) error {
		_, err := b.BotReplies(id, "beep")
		return err
	}, []string{"conversation.operator.replied"}, "comment", "<p>beep</p>", "bot", "open"},
	{"admin prioritises", func(b *bench, id string) error {
		return b.AdminPrioritises(id, b.ines, true)
	}, []string{"conversation.priority.updated"}, "priority_changed", "", "admin", "open"},
	{"customer rates", func(b *bench, id string) error {
		return b.CustomerRates(id, 4, "fine")
	}, []string{"conversation.rating.added"}, "", "", "", "open"},
	{"customer reads", func(b *bench, id string) error {
		return b.CustomerReads(id)
	}, []string{"conversation.read"}, "", "", "", "open"},
	{"admin tags", func(b *bench, id string) error {
		return b.TagPart(id, b.ines, "VIP")
	}, []string{"conversation_part.tag.created"}, "comment", "<p>hello</p>", "user", "open"},
}

func TestNotification_shows_what_people_did(t *testing.T) {
	for _, old := range []bool{false, true} {
		for _, d := range deeds {
			name := d.name
			if old {
				name += ", old shape"
			}
			t.Run(name, func(t *testing.T) {
				b := newBench(t, Options{AppID: "app1", Old: old})
				id := b.starts("hello")
				if err := d.do(b, id); err != nil {
					t.Fatal(err)
				}
				b.sameTopics(b.told(1), d.topics...)
				for _, n := range b.Notifications()[1:] {
					b.checkDeed(d, old, id, n)
				}
			})
		}
	}
}

func (b *bench) checkDeed(d deed, old bool, id string, n Notification) {
	b.Helper()
	ev, v := b.parse(n.Body())
	if ev.Subject != "conversation/"+id || ev.Topic != n.Topic || ev.ID != n.ID || ev.Workspace != "app1" {
		b.Errorf("event = %q %q %q %q", ev.Subject, ev.Topic, ev.ID, ev.Workspace)
	}
	if n.Topic != "conversation_part.tag.created" && ev.Part != n.Part {
		b.Errorf("event.Part = %q, the notification was about %q", ev.Part, n.Part)
	}
	if !event.KnownTopic(n.Topic) {
		b.Errorf("Intercom has no topic %q", n.Topic)
	}
	b.expect(v, "data.item.type", "conversation", "data.item.id", id, "data.item.state", d.state,
		"data.item.open", d.state != "closed")
	const part = "data.item.conversation_parts.conversation_parts.0"
	if d.part == "" {
		b.expect(v, part, nil, "data.item.conversation_parts.total_count", "0")
		return
	}
	b.expect(v, "data.item.conversation_parts.total_count", "1", part+".part_type", d.part, part+".author.type", d.author)
	if body, _ := get(v, part+".body").(string); body != d.body {
		b.Errorf("body = %q, want %q", body, d.body)
	}
	if code := get(v, part+".app_package_code"); code != nil {
		b.Errorf("app_package_code = %v for a person in the inbox", code)
	}
	if old {
		b.expect(v, "data.item.source", nil, "data.item.conversation_message.body", "<p>hello</p>",
			"data.item.user.email", "amara@acme.com")
		return
	}
	b.expect(v, "data.item.user", nil, "data.item.source.body", "<p>hello</p>", "data.item.contacts.contacts.0.id", b.contact,
		"data.item.contacts.contacts.0.email", nil)
}

func TestNotification_reply_and_assign_shares_one_part(t *testing.T) {
	b := newBench(t, Options{})
	id := b.starts("hello")
	part := ok(b.AdminReplies(id, b.ines, "mine", b.ines))(b)
	seen := map[string]bool{}
	for _, n := range b.Notifications()[1:] {
		if n.Part != part {
			t.Errorf("%s is about part %q, want %q", n.Topic, n.Part, part)
		}
		if seen[n.ID] {
			t.Errorf("notification id %q is used twice", n.ID)
		}
		seen[n.ID] = true
	}
	if len(seen) != 3 {
		t.Errorf("%d notifications, want 3", len(seen))
	}
	_, v := b.newest()
	b.expect(v, "data.item.conversation_parts.conversation_parts.0.assigned_to.id", b.ines,
		"data.item.admin_assignee_id", b.ines)
}

func TestNotification_created_has_the_words_in_the_source(t *testing.T) {
	b := newBench(t, Options{AppID: "app1"})
	id := b.starts("1 < 2 & <b>bold</b>\n\nnext")
	b.sameTopics(b.told(0), "conversation.user.created")
	ev, v := b.newest()
	if ev.Part != "" || ev.Subject != "conversation/"+id {
		t.Errorf("event part %q, subject %q", ev.Part, ev.Subject)
	}
	b.expect(v, "type", "notification_event", "app_id", "app1", "data.type", "notification_event_data",
		"delivery_status", "pending", "delivery_attempts", "1", "delivered_at", "0", "self", nil, "topic", ev.Topic,
		"data.item.source.body", "<p>1 &lt; 2 &amp; &lt;b&gt;bold&lt;/b&gt;</p>\n<p>next</p>",
		"data.item.source.author.type", "user", "data.item.source.author.email", "amara@acme.com",
		"data.item.source.delivered_as", "customer_initiated", "data.item.admin_assignee_id", nil)
	if !strings.HasPrefix(ev.ID, "notif_") || len(ev.ID) != len("notif_")+36 {
		t.Errorf("id = %q", ev.ID)
	}
}

// The keys of a published conversation notification of the new shape, in order.
var newShapeKeys = []string{
	"type", "id", "created_at", "updated_at", "waiting_since", "snoozed_until", "source", "contacts",
	"first_contact_reply", "admin_assignee_id", "team_assignee_id", "open", "state", "read", "tags", "priority",
	"sla_applied", "statistics", "conversation_rating", "teammates", "title", "custom_attributes", "topics", "ticket",
	"linked_objects", "ai_agent", "ai_agent_participated", "conversation_parts",
}

var newPartKeys = []string{
	"type", "id", "part_type", "body", "created_at", "updated_at", "notified_at", "assigned_to", "author", "attachments",
	"external_id", "redacted", "metadata", "email_message_metadata", "state", "tags", "event_details", "app_package_code",
}

func TestNotification_has_all_keys_of_the_new_shape(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, Options{})
		id := b.starts("hello")
		time.Sleep(211 * time.Second)
		ok(b.AdminReplies(id, b.ines, "a first answer, of about the length that answers have", b.ines))(b)
		_, v := b.newest()
		item := get(v, "data.item").(map[string]any)
		sameKeys(t, "item", item, newShapeKeys)
		sameKeys(t, "part", get(item, "conversation_parts.conversation_parts.0").(map[string]any), newPartKeys)
		b.expect(item, "statistics.time_to_admin_reply", "211", "statistics.time_to_assignment", "211",
			"statistics.median_time_to_reply", "211", "statistics.first_contact_reply_at", "2000-01-01T00:00:00.000Z",
			"statistics.first_admin_reply_at", "2000-01-01T00:03:31.000Z", "statistics.first_close_at", nil,
			"statistics.count_assignments", "1", "statistics.count_conversation_parts", "2",
			"teammates.admins.0.id", b.ines, "topics.type", "topic.list", "waiting_since", nil, "title", "")
		all := b.Notifications()
		if n := len(all[len(all)-1].Body()); n < 3000 || n > 4500 {
			t.Errorf("the notification has %d bytes; published ones have 3 to 4 KB", n)
		}
	})
}

func sameKeys(t *testing.T, what string, got map[string]any, want []string) {
	t.Helper()
	for _, key := range want {
		if _, there := got[key]; !there {
			t.Errorf("%s: key %q is missing", what, key)
		}
	}
	for key := range got {
		if !slices.Contains(want, key) {
			t.Errorf("%s: key %q is not in the published ones", what, key)
		}
	}
}

func TestConversation_moves_as_Intercoms_does(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, Options{})
		id := b.starts("hello")
		is := func(state, admin, team string, waits bool) {
			t.Helper()
			c, _ := b.Conversation(id)
			if c.State != state || c.AdminAssigneeID != admin || c.TeamAssigneeID != team || c.WaitingSince.IsZero() == waits {
				t.Errorf("state %q, admin %q, team %q, waiting since %v; want %q %q %q %v",
					c.State, c.AdminAssigneeID, c.TeamAssigneeID, c.WaitingSince, state, admin, team, waits)
			}
		}
		lastPart := func(want string) {
			t.Helper()
			c, _ := b.Conversation(id)
			if got := c.Parts[len(c.Parts)-1].Type; got != want {
				t.Errorf("last part is of type %q, want %q", got, want)
			}
		}
		is("open", "", "", true)
		ok(b.AdminAssigns(id, b.ines, b.finance))(t)
		is("open", "", b.finance, true)
		ok(b.AdminAssigns(id, b.ines, b.jonas))(t)
		is("open", b.jonas, b.finance, true) // an admin and a team at once
		ok(b.AdminReplies(id, b.jonas, "hi", ""))(t)
		is("open", b.jonas, b.finance, false)
		ok(b.AdminAssigns(id, b.ines, "0"))(t)
		is("open", "", "", false)
		ok(b.AdminCloses(id, b.ines, ""))(t)
		is("closed", "", "", false)
		since := len(b.Notifications())
		ok(b.AdminAssigns(id, b.ines, b.ines))(t) // reopens
		is("open", b.ines, "", false)
		lastPart("assign_and_reopen")
		b.sameTopics(b.told(since), "conversation.admin.assigned", "conversation.admin.open.assigned")
		ok(b.AdminCloses(id, b.ines, "bye"))(t)
		ok(b.CustomerReplies(id, "wait"))(t) // reopens
		is("open", b.ines, "", true)
		lastPart("open")
		ok(b.AdminSnoozes(id, b.ines, time.Now().Add(time.Hour)))(t)
		is("snoozed", b.ines, "", true)
		time.Sleep(59 * time.Minute)
		is("snoozed", b.ines, "", true)
		time.Sleep(time.Minute)
		is("open", b.ines, "", true)
		lastPart("unsnoozed")
		ok(b.AdminSnoozes(id, b.ines, time.Now().Add(time.Hour)))(t)
		since = len(b.Notifications())
		ok(b.AdminOpens(id, b.ines))(t)
		b.sameTopics(b.told(since), "conversation.admin.unsnoozed")
		if c, _ := b.Conversation(id); c.Statistics.Reopens != 2 {
			t.Errorf("%d reopens, want 2", c.Statistics.Reopens)
		}
	})
}

func TestAdminStarts_is_closed_until_the_customer_answers(t *testing.T) {
	b := newBench(t, Options{})
	id := ok(b.AdminStarts(b.ines, b.contact, "how are you doing?"))(t)
	_, v := b.newest()
	b.expect(v, "topic", "conversation.admin.single.created", "data.item.state", "closed", "data.item.open", false,
		"data.item.source.delivered_as", "admin_initiated", "data.item.source.author.type", "admin",
		"data.item.first_contact_reply", nil)
	ok(b.CustomerReplies(id, "well"))(t)
	_, v = b.newest()
	b.expect(v, "data.item.state", "open", "data.item.conversation_parts.conversation_parts.0.part_type", "open")
}

func TestNotification_of_contacts_and_deletion(t *testing.T) {
	for _, old := range []bool{false, true} {
		b := newBench(t, Options{Old: old})
		user := b.ContactSignsUp(Contact{Email: "new@example.com", CustomAttributes: map[string]any{"plan": "free"}})
		if err := errors.Join(b.SetContactAttribute(user, "plan", "pro"), b.TagContact(user, b.ines, "Trial")); err != nil {
			t.Fatal(err)
		}
		lead := b.ContactSignsUp(Contact{Role: "lead"})
		want := []string{"contact.user.created", "contact.user.updated", "contact.user.tag.created", "contact.lead.created"}
		if old {
			want = []string{"user.created", "user.updated", "user.tag.created", "contact.created"}
		}
		b.sameTopics(b.told(0), want...)
		for i, n := range b.Notifications() {
			subject := "contact/" + user
			if i == 3 {
				subject = "contact/" + lead
			}
			if ev, _ := b.parse(n.Body()); ev.Subject != subject || ev.Part != "" {
				t.Errorf("%s: subject %q, part %q; want %q and none", n.Topic, ev.Subject, ev.Part, subject)
			}
		}
		id := b.starts("hello")
		if err := b.DeleteConversation(id); err != nil {
			t.Fatal(err)
		}
		ev, v := b.newest()
		b.expect(v, "data.item.id", nil, "data.item.conversation_id", id)
		if ev.Subject != "conversation/"+id {
			t.Errorf("subject = %q", ev.Subject)
		}
	}
}

func TestPing_has_no_id(t *testing.T) {
	b := newBench(t, Options{Topics: []string{}}) // always subscribed
	b.Ping()
	b.starts("nobody is told of this")
	b.sameTopics(b.told(0), "ping")
	ev, v := b.newest()
	b.expect(v, "id", nil, "delivery_status", nil, "data.item.type", "ping")
	if ev.Topic != event.TopicPing {
		t.Errorf("topic = %q", ev.Topic)
	}
}

func TestDeeds_of_nobody_and_on_nothing_are_errors(t *testing.T) {
	b := newBench(t, Options{})
	id := b.starts("hello")
	away := b.AddAdmin(Admin{Name: "Reader", NoInboxSeat: true})
	b.AddTag("VIP")
	_, noContact := b.CustomerStarts("none", "x")
	_, noConversation := b.CustomerReplies("none", "x")
	_, noAdmin := b.AdminReplies(id, "none", "x", "")
	_, noAssignee := b.AdminAssigns(id, b.ines, "none")
	for name, err := range map[string]error{
		"contact": noContact, "conversation": noConversation, "admin": noAdmin, "assignee": noAssignee,
		"tag": b.UntagConversation(id, "none"), "tag not on it": b.UntagConversation(id, "vip"),
		"rating": b.CustomerRates("none", 5, ""), "away": b.SetAway("none", true), "contact to tag": b.TagContact("none", b.ines, "x"),
		"delivery": b.Redeliver("none"), "team": b.SetTeam("none"), "team of nobody": b.SetTeam(b.finance, "none"),
	} {
		if !errors.Is(err, ErrNotFound) {
			t.Errorf("%s: %v does not wrap ErrNotFound", name, err)
		}
	}
	if _, err := b.AdminReplies(id, away, "x", ""); err == nil {
		t.Error("an admin without a seat could reply")
	}
	if _, err := b.AdminSnoozes(id, b.ines, time.Now()); err == nil {
		t.Error("snoozed until now")
	}
	if n := len(b.Notifications()); n != 1 {
		t.Errorf("%d notifications, want 1: what failed must not be told", n)
	}
}

func TestSeed_gives_the_same_workspace(t *testing.T) {
	run := func(seed uint64) string {
		var all strings.Builder
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t, Options{Seed: seed})
			id := b.starts("hello")
			ok(b.AdminReplies(id, b.ines, "hi", b.finance))(t)
			b.call("POST", "/tags", `{"name":"VIP"}`)
			all.WriteString(string(b.call("GET", "/conversations/"+id, "").raw))
			for _, n := range b.Notifications() {
				all.Write(n.Body())
			}
		})
		return all.String()
	}
	first := run(7)
	if again := run(7); again != first {
		t.Error("two runs with one seed differ")
	}
	if run(8) == first {
		t.Error("another seed gives the same ids")
	}
}
