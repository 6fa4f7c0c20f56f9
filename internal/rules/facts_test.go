package rules

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"switchboard/internal/event"
)

// compileValue compiles an expression as a template would.
func compileValue(t testing.TB, source string) fn {
	t.Helper()
	p := testLoader(source)
	x := &expression{p: p, source: source, locate: func(from, to int) span { return span{1, from + 1, to + 1} }}
	node := x.parse(false)
	if node == nil {
		t.Fatalf("%s:\n%s", source, drawn(t, p.problems))
	}
	f := (&compiler{x: x}).fn(node)
	if x.failed {
		t.Fatalf("%s:\n%s", source, drawn(t, p.problems))
	}
	return f
}

func testLoader(source string) *loader {
	p := &loader{lists: map[string]*list{
		"domains": newList([]any{"acme.test", "globex.test"}),
		"numbers": newList([]any{1, 2, 3.5}),
		"empty":   newList(nil),
	}, names: map[string]string{}}
	p.config = exprConfig(p.lists)
	p.file = newSourceFile("rules.yaml", source)
	return p
}

// valueOf evaluates an expression on an event.
func valueOf(t testing.TB, source string, ev event.Event, l Lookup) (v any, err error) {
	t.Helper()
	f := compileValue(t, source)
	in := Input{Event: ev, Now: time.Unix(1768032600, 0), Lookup: l}
	e, err := newEvaluation(t.Context(), &in)
	if err != nil {
		return nil, err
	}
	name := "test"
	e.begin(&rule{name: name, boxedName: name})
	err = guard(func() { v = f(e) })
	return v, err
}

func unix(s int64) time.Time { return time.Unix(s, 0).UTC() }

// Both generations of payloads, and everything else that Intercom sends, have the same names.
func TestFacts(t *testing.T) {
	none := fixedLookup{}
	full := fixedLookup{contact: contactObject, companies: companiesList, conversation: `{"type":"conversation",
		"id":"21320000001","state":"closed","priority":"priority","title":"T","custom_attributes":{"seats":3},
		"source":{"type":"email","delivered_as":"customer_initiated","body":"<p>first</p>","author":{"type":"user","id":"x"}},
		"statistics":{"first_contact_reply_at":1768031789,"count_reopens":2},
		"conversation_rating":{"rating":5,"remark":"nice"},
		"conversation_parts":{"conversation_parts":[{"part_type":"comment","body":"<p>latest</p>","author":{"type":"admin","id":"1"}}]}}`}
	linked := fixedLookup{ticket: `{"type":"ticket","id":"215470000009999","ticket_state":{"category":"waiting_on_customer","internal_label":"New"},
		"ticket_attributes":{"_default_title_":"Lost"},"admin_assignee_id":"77","team_assignee_id":"0","open":true,
		"linked_objects":{"data":[{"type":"ticket","id":"8"},{"type":"conversation","id":"9"}]},
		"ticket_parts":{"ticket_parts":[{"part_type":"comment","body":"<p>words</p>","author":{"type":"user","id":"6a1b2c3d4e5f60718293a4b5"}}]}}`}
	excerpt := "Hello team, the parcel I ordered two weeks ago has not arrived, and the page that should tell me…"
	tests := []struct {
		payload string
		lookup  Lookup
		want    map[string]any
	}{
		{conversationCreated, nil, map[string]any{
			"event.topic": "conversation.user.created", "event.workspace": "wk12ab34",
			"event.subject": "conversation/215470000000123", "event.part": nil, "event.from": "customer",
			"event.created_at": unix(1768031790), "event.received_at": unix(1768032500),
			"conversation.id": "215470000000123", "conversation.state": "open", "conversation.open": true,
			"conversation.read": false, "conversation.title": nil, "conversation.subject": nil,
			"conversation.priority": "not_priority", "conversation.created_at": unix(1768031789),
			"conversation.waiting_since": unix(1768031789), "conversation.snoozed_until": nil,
			"conversation.admin_assignee_id": nil, "conversation.team_assignee_id": nil,
			`conversation.tags`:                                 []any{"Billing", "Straße"},
			`conversation.custom_attributes.seats`:              7,
			`conversation.custom_attributes["Has attachments"]`: false,
			"conversation.custom_attributes.absent":             nil,
			"conversation.source.type":                          "conversation",
			"conversation.source.delivered_as":                  "customer_initiated",
			"conversation.source.author.name":                   "Jo Miller",
			"conversation.source.url":                           "https://shop.example/help",
			"conversation.statistics.count_assignments":         1,
			"conversation.statistics.first_contact_reply_at":    unix(1768031789),
			"conversation.statistics.first_close_at":            nil,
			"conversation.rating.rating":                        nil,
			"conversation.sla.name":                             nil,
			"conversation.ai_agent_participated":                false,
			"message.text":                                      "Hi, I would like a REFUND please",
			"message.html":                                      "<p>Hi, I would like a <b>REFUND</b> please</p>",
			"message.excerpt":                                   "Hi, I would like a REFUND please",
			"message.from":                                      "customer",
			"message.author.type":                               "user",
			"message.author.email":                              "jo@globex.test",
			"message.created_at":                                unix(1768031789),
			"message.part_type":                                 nil,
			"contact.id":                                        "6a1b2c3d4e5f60718293a4b5",
			"contact.external_id":                               "70",
			"contact.email":                                     "jo@globex.test",
			"contact.name":                                      "Jo Miller",
			"contact.first_name":                                "Jo",
			"actor.type":                                        "user",
			"actor.id":                                          "6a1b2c3d4e5f60718293a4b5",
			"admin.id":                                          nil,
			"ticket.id":                                         nil,
			"item.id":                                           "215470000000123",
			"item.contacts.contacts[0].external_id":             "70",
			"item.absent.absent.absent":                         nil,
			"rule.name":                                         "test",
			"lists.numbers[2]":                                  3.5,
			"message":                                           "object",
			"conversation.source":                               "object",
		}},
		{conversationCreatedOld, nil, map[string]any{
			"event.from": "customer", "conversation.id": "21320000001", "conversation.state": "open",
			"conversation.subject": "Order 7", "conversation.tags": []any{"Billing"},
			"conversation.admin_assignee_id": nil, "conversation.team_assignee_id": nil,
			"conversation.source.author.name": "Jo Miller", "conversation.source.url": "https://shop.example/help",
			"message.text": "Hi, I would like a REFUND please", "message.from": "customer",
			"message.author.email": "jo@globex.test", "message.created_at": unix(1553290198),
			"contact.id": "6a1b2c3d4e5f60718293a4b5", "contact.external_id": "70", "contact.role": "lead",
			"contact.email": "jo@globex.test", "contact.first_name": "Jo",
		}},
		{conversationReplied, none, map[string]any{
			"event.part": "37350000002", "event.from": "customer", "conversation.admin_assignee_id": "9600001",
			"message.part_type": "comment", "message.author.name": "Jo Miller", "message.excerpt": excerpt,
			"message.created_at": unix(1768032000), "contact.role": nil, "contact.custom_attributes.plan": nil,
			"company.name": nil, "companies": []any{},
		}},
		{conversationReplied, full, map[string]any{
			"contact.role": "user", "contact.phone": "+15550100", "contact.owner_id": "123456789012345678",
			"contact.custom_attributes.account": 9007199254740993, "contact.created_at": unix(1734537424),
			"contact.last_seen_at": nil, "contact.location.city": "Dublin", "contact.location.country_code": "IRL",
			"company.name": "Globex", "company.plan": "gold", "company.monthly_spend": 1200.5,
			"company.custom_attributes.tier": 1, "company.created_at": unix(1734537382),
			"len(companies)": 2, "companies[1].name": "Initech", "companies[1].plan": nil,
			"companies[-1].company_id": "43", "companies[7].name": nil, `any(companies, .name == "Initech")`: true,
		}},
		{conversationRepliedOld, full, map[string]any{
			"event.part": "2824000002", "message.excerpt": excerpt, "conversation.admin_assignee_id": "1950001",
			"actor.name": "Jo Miller",
			// Not in the payload: looked up.
			"conversation.priority": "priority", "conversation.custom_attributes.seats": 3,
			"conversation.source.delivered_as": "customer_initiated", "conversation.title": "T",
			"conversation.statistics.first_contact_reply_at": unix(1768031789),
			"conversation.rating.rating":                     5, "conversation.rating.remark": "nice",
			// In the payload: as it says.
			"conversation.state": "open",
		}},
		{"conversation_user_replied_reopen.json", nil, map[string]any{
			"message.text": "It broke again", "message.part_type": "open", "event.from": "customer",
		}},
		{"conversation_admin_noted.json", nil, map[string]any{
			"event.from": "teammate", "message.text": "Hi, where is my order?", "message.from": "customer",
			"admin.id": "9600001", "admin.name": "Kim Park", "admin.email": "kim@acme.test",
			"contact.email": "jo@globex.test",
		}},
		{"conversation_admin_open_assigned.json", nil, map[string]any{
			"event.from": "teammate", "message.text": "I take this one", "message.part_type": "assignment",
			"message.from": "teammate",
		}},
		{"conversation_admin_assigned_old.json", nil, map[string]any{
			"event.from": "teammate", "message.text": "Hey Jo! How can I help?", "admin.email": "kim@acme.test",
			"conversation.admin_assignee_id": "1950001",
		}},
		{"conversation_operator_replied.json", nil, map[string]any{
			"event.from": "bot", "message.from": "bot", "admin.id": nil, "actor.name": "Fin",
		}},
		{"conversation_contact_attached.json", full, map[string]any{
			"event.subject": "conversation/215470000000123", "event.from": "teammate", "admin.name": "Kim Park",
			"admin.id": "9600001", "conversation.id": "215470000000123", "conversation.created_at": unix(1768031789),
			"contact.email": "jo@globex.test", "contact.custom_attributes.plan": "enterprise",
			"conversation.state": "closed", "message.text": "latest", "message.from": "teammate",
		}},
		{"conversation_deleted.json", full, map[string]any{
			"conversation.id": "215470000000123", "conversation.state": nil, "conversation.tags": []any{},
			"message.text": nil, "contact.id": nil, "contact.email": nil, "event.from": nil,
		}},
		{"contact_user_updated.json", nil, map[string]any{
			"event.from": nil, "contact.email": "jo@globex.test", "contact.role": "user", "contact.phone": nil,
			"contact.created_at":   time.Date(2026, 1, 10, 4, 23, 23, 215e6, time.UTC),
			"contact.updated_at":   time.Date(2026, 1, 10, 4, 39, 55, 465e6, time.UTC),
			"contact.signed_up_at": nil, "contact.custom_attributes.plan": "enterprise",
			"contact.unsubscribed_from_emails": true, "contact.language": "en", "contact.browser": "firefox",
			"contact.location.region": nil, "conversation.id": nil, "conversation.state": nil, "message.text": nil,
			"conversation.tags": nil,
			"contact.custom_attributes.trial_ends_at > now()": true,
		}},
		{"contact_created_old.json", nil, map[string]any{
			"contact.external_id": "8f9ef493", "contact.role": "lead", "contact.name": nil, "contact.first_name": nil,
			"contact.last_seen_at":  time.Date(2019, 3, 23, 22, 20, 52, 453e6, time.UTC),
			"contact.location.city": "Cork", "contact.custom_attributes.plan": "free",
		}},
		{"contact_archived.json", full, map[string]any{"contact.external_id": "70", "contact.email": "jo@globex.test"}},
		{"contact_deleted.json", full, map[string]any{"contact.external_id": "70", "contact.email": nil, "companies": []any{}}},
		{"contact_user_tag_created.json", nil, map[string]any{"contact.email": "jo@globex.test", "item.tag.name": "VIP"}},
		{"user_tag_created_old.json", nil, map[string]any{
			"contact.role": "user", "event.from": "teammate", "item.tag.name": "VIP",
			"contact.created_at": time.Date(2019, 3, 26, 22, 46, 55, 851e6, time.UTC),
		}},
		{"company_contact_attached.json", nil, map[string]any{
			"company.name": "Globex", "company.monthly_spend": 99.5, "company.custom_attributes.tier": 2,
			"company.created_at": time.Date(2026, 1, 10, 4, 11, 34, 13e6, time.UTC), "contact.role": "user",
		}},
		{"company_created.json", nil, map[string]any{"company.company_id": "42", "company.plan": nil, "contact.id": nil}},
		{"event_created.json", full, map[string]any{
			"contact.id": "6a1b2c3d4e5f60718293a4b5", "contact.email": "jo@globex.test", "contact.name": "Jo Miller",
			"item.event_name": "invited-friend", "item.metadata.count": 3,
		}},
		{"admin_added.json", nil, map[string]any{
			"admin.id": "1234567", "admin.name": "Bo Lind", "event.from": "teammate", "contact.id": nil,
		}},
		{"ping.json", nil, map[string]any{"item.message": "something something", "event.from": nil, "contact.email": nil}},
		{"ticket_contact_replied.json", full, map[string]any{
			"ticket.id": "215470000009999", "ticket.ticket_id": "66040342", "ticket.title": "Parcel lost",
			"ticket.description": "It never came", "ticket.state": "in_progress", "ticket.state_label": "Working",
			"ticket.type": "Bug report", "ticket.category": "Customer", "ticket.open": true,
			"ticket.admin_assignee_id": "9600001", "ticket.team_assignee_id": nil, "ticket.attributes.Severity": 2,
			"ticket.created_at": unix(1768113868), "event.from": "customer", "message.text": "any news?",
			"contact.id": "6a1b2c3d4e5f60718293a4b5", "contact.email": "jo@globex.test", "contact.phone": "+15550100",
			"event.subject": "ticket/215470000009999", "conversation.id": nil,
		}},
		{"ticket_created.json", full, map[string]any{
			"event.from": nil, "ticket.state": "in_progress", "message.text": nil,
		}},
		{"ticket_state_updated.json", full, map[string]any{
			"event.from": "teammate", "ticket.previous_state": "submitted", "admin.email": "kim@acme.test",
		}},
		{"ticket_admin_assigned.json", full, map[string]any{
			"ticket.id": "215470000009999", "ticket.description": nil, "ticket.previous_state": "submitted",
			"map(ticket.parts, .part_type)": []any{"comment", "assignment"}, "ticket.parts[0].text": "It is lost", "ticket.parts[1].from": "teammate",
			"admin.id": "9600001", "admin.away_mode_enabled": nil, "message.text": "It is lost", "message.author.email": "jo@globex.test",
			"contact.email": "jo@globex.test", "contact.phone": "+15550100", "company.name": "Initech", "companies[0].name": "Globex",
			// The conversation that the ticket is linked to.
			"conversation.id": "215470000000123", "conversation.state": "closed", "conversation.rating.rating": 5,
		}},
		{"ticket_closed_nested.json", full, map[string]any{
			"ticket.state": "in_progress", "event.from": "teammate", "contact.id": "6a1b2c3d4e5f60718293a4b5",
		}},
		{"ticket_contact_attached.json", linked, map[string]any{
			"ticket.state": "submitted", "ticket.state_label": "New", "ticket.admin_assignee_id": "77", "ticket.title": nil,
			"ticket.type": "Bug report", "ticket.open": true, "conversation.id": "9", "message.text": "words", "message.from": "customer",
		}},
		{"conversation_read_linked.json", linked, map[string]any{
			"ticket.id": "215470000009999", "ticket.state": "waiting_on_customer", "ticket.title": "Lost", "ticket.previous_state": nil,
			"ticket.team_assignee_id": nil, "event.from": "customer", "message.text": "Look here", "contact.id": "6a1b2c3d4e5f60718293a4b5",
			"conversation.id": "215470000000123",
		}},
		{conversationReplied, fixedLookup{conversation: `{"id":"1","source":{"id":"5","body":"<p>First</p>","author":{"type":"user","id":"6a1b2c3d4e5f60718293a4b5"}},
			"created_at":1768031000,"conversation_parts":{"conversation_parts":[
			{"id":"6","part_type":"note","body":"<p>Psst</p>","created_at":1768031100,"author":{"type":"admin","id":"7","name":"Kim"}},
			{"id":"7","part_type":"close","body":null,"author":{"type":"admin","id":"7"}},
			{"id":8,"part_type":"open","body":"<p>Again</p>","author":{"type":"user","id":"6a1b2c3d4e5f60718293a4b5","email":"jo@globex.test"}}]}}`}, map[string]any{
			"len(conversation.parts)": 3, "conversation.parts[0].text": "Psst", "conversation.parts[0].author.name": "Kim",
			"conversation.parts[0].created_at": unix(1768031100), "conversation.parts[0].part_type": "note", "conversation.parts[1].html": nil,
			"conversation.parts[2].id": "8", "conversation.parts[2].from": "customer", `any(conversation.parts, .part_type == "close" and .from == "teammate")`: true,
			"map(conversation.messages, .text)": []any{"First", "Again"}, "conversation.messages[0].id": "5", "conversation.messages[0].created_at": unix(1768031000),
			"conversation.messages[0].author.email": "jo@globex.test", "conversation.messages[0].part_type": nil,
			"conversation.messages[-1].excerpt": "Again",
		}},
		{conversationReplied, none, map[string]any{"conversation.parts": nil, "len(conversation.messages)": 0}},
		{"contact_user_updated.json", none, map[string]any{"conversation.parts": nil, "ticket.id": nil, "ticket.state": nil, "admin.team_ids": nil}},
		{"visitor_signed_up.json", full, map[string]any{
			"contact.role": "user", "contact.external_id": "70", "contact.location.city": "Cork", "event.from": "customer", "company.name": "Globex",
		}},
		{"contact_unsubscribed.json", nil, map[string]any{"contact.email": "jo@globex.test", "actor.id": "6a1b2c3d4e5f60718293a4b5", "item.subscription_types.data[0].id": "1943066"}},
		{"granular_subscribe.json", nil, map[string]any{"contact.custom_attributes.plan": "enterprise", "event.from": "customer"}},
		{"contact_merged.json", nil, map[string]any{"contact.role": "user", "item.merged_from.id": "6a3b2c4d5e6f7a8b9c0d1e2f"}},
		{"content_stat_email.json", full, map[string]any{
			"contact.email": "jo@globex.test", "company.name": "Globex", "item.content_stat.stat_type": "click", "event.from": nil,
		}},
		{"company_deleted.json", none, map[string]any{"company.id": "6961d175205cf6a4438f0aaa", "company.name": nil, "contact.id": nil, "companies": []any{}}},
		{"admin_away_mode_updated.json", nil, map[string]any{
			"admin.id": "9600001", "admin.email": "kim@acme.test", "admin.away_mode_enabled": true, "admin.away_mode_reassign": false,
			"admin.has_inbox_seat": true, "admin.team_ids": []any{"9680998", "9680999"}, "actor.type": "admin", "contact.email": nil,
		}},
		{"admin_activity_log.json", nil, map[string]any{
			"admin.id": "9600001", "admin.email": "kim@acme.test", "admin.name": nil, "item.activity_type": "admin_away_mode_change",
		}},
		{"call_ended.json", full, map[string]any{
			"conversation.id": "215470000000123", "conversation.state": "closed", "contact.id": "6a1b2c3d4e5f60718293a4b5",
			"contact.email": "jo@globex.test", "contact.role": "user", "item.direction": "inbound", "event.from": nil, "ticket.id": nil, "message.text": nil,
		}},
		{"data_connector_execution.json", full, map[string]any{
			"conversation.state": "closed", "contact.phone": "+15550100", "item.success": false, "admin.id": nil,
		}},
		{"unknown_item.json", none, map[string]any{
			"item.points": 500, "item.person.name": "Jo", "event.subject": "loyalty_grant/77", "contact.email": nil, "company.name": nil,
			"ticket.state": nil, "conversation.state": nil, "message.text": nil, "admin.id": nil, "event.from": nil, "companies": []any{},
		}},
		{"ticket_contact_attached.json", nil, map[string]any{
			"ticket.id": "215470000009999", "ticket.state": "submitted", "ticket.type": "Bug report",
			"ticket.attributes.Severity": 2, "contact.email": "jo@globex.test",
		}},
	}
	for _, tt := range tests {
		for source, want := range tt.want {
			t.Run(tt.payload+"/"+source, func(t *testing.T) {
				got, err := valueOf(t, source, mustEvent(t, tt.payload), tt.lookup)
				if err != nil {
					t.Fatal(err)
				}
				if want == "object" {
					if _, ok := got.(object); !ok {
						t.Errorf("got %#v, want an object", got)
					}
					return
				}
				if !sameValue(got, want) {
					t.Errorf("got %#v, want %#v", got, want)
				}
			})
		}
	}
}

func sameValue(a, b any) bool {
	if x, ok := a.(time.Time); ok {
		y, ok := b.(time.Time)
		return ok && x.Equal(y) && x.Location() == time.UTC
	}
	return fmt.Sprintf("%#v", a) == fmt.Sprintf("%#v", b)
}

// What a customer wrote is the message, whatever else came along.
func TestFacts_the_customers_message(t *testing.T) {
	parts := func(item object) []any {
		return item["conversation_parts"].(object)["conversation_parts"].([]any)
	}
	bot := object{"id": "1", "part_type": "comment", "body": "<p>I am a robot</p>", "author": object{"type": "bot", "id": "9"}}
	tests := map[string]struct {
		payload string
		edit    func(envelope, item object)
		want    any
	}{
		"a bot answered at once": {conversationCreated, func(_, item object) {
			item["conversation_parts"] = object{"conversation_parts": []any{bot}}
		}, "Hi, I would like a REFUND please"},
		"a bot answered the reply": {conversationReplied, func(_, item object) {
			parts(item)[0].(object)["body"] = "<p>words</p>"
			item["conversation_parts"] = object{"conversation_parts": append(parts(item), bot)}
		}, "words"},
		"an attachment without words": {conversationReplied, func(_, item object) { parts(item)[0].(object)["body"] = nil }, nil},
		"the reply is missing": {conversationReplied, func(_, item object) {
			item["conversation_parts"] = object{"conversation_parts": []any{}}
		}, "Hi, I would like a refund please"},
		"begun by a teammate": {conversationCreated, func(_, item object) {
			item["source"].(object)["author"] = object{"type": "admin", "id": "5"}
			item["conversation_parts"] = object{"conversation_parts": []any{bot}}
		}, "I am a robot"},
		"a book": {conversationCreated, func(_, item object) {
			item["source"].(object)["body"] = "<p>" + strings.Repeat("é", maxMessageText) + "</p>"
		}, strings.Repeat("é", maxMessageText/2)},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := valueOf(t, "message.text", edited(t, tt.payload, tt.edit), nil)
			if err != nil || got != tt.want {
				t.Errorf("got %.60v and %v", got, err)
			}
		})
	}
}

func TestMentions_scripts(t *testing.T) {
	for body, want := range map[string]bool{
		"我要退款！": true, "please refund me": true, "Refunds": false, "REFUND.": true, "pre-refund": true, "refund_id": false, "re fund": false, "환불을 원해요": true,
	} {
		ev := edited(t, conversationCreated, func(_, item object) { item["source"].(object)["body"] = body })
		if got, err := valueOf(t, `mentions("refund", "退款", "환불")`, ev, nil); got != want {
			t.Errorf("%s: %v %v", body, got, err)
		}
	}
}

// A lead who wrote among several participants is the contact.
func TestFacts_the_participant_who_wrote_is_the_contact(t *testing.T) {
	ev := edited(t, conversationReplied, func(_, item object) {
		contacts := item["contacts"].(object)
		contacts["contacts"] = append([]any{object{"type": "contact", "id": "somebody-else"}}, contacts["contacts"].([]any)...)
	})
	got, err := valueOf(t, "contact.id", ev, nil)
	if got != "6a1b2c3d4e5f60718293a4b5" {
		t.Error(got, err)
	}
}

// Whatever types a payload has, facts are decoded or absent; nothing crashes.
func TestFacts_odd_types(t *testing.T) {
	odd := []any{nil, "", "0", "x", 0, -1, 1.5, 1e300, true, []any{}, []any{nil, 5, []any{}}, object{}, object{"id": object{}}}
	var all []string
	for _, el := range leaves {
		all = append(all, el.name)
	}
	if len(all) < 80 {
		t.Fatalf("only %d leaves", len(all))
	}
	for _, payload := range []string{conversationReplied, conversationRepliedOld, "ticket_contact_replied.json", "contact_user_updated.json", "company_contact_attached.json", "conversation_contact_attached.json"} {
		for i := range odd {
			ev := edited(t, payload, func(_, item object) {
				n := 0
				for key := range item {
					if key != "id" && key != "type" {
						item[key] = odd[(i+n)%len(odd)]
						n++
					}
				}
			})
			in := Input{Event: ev, Now: unix(1768032600), Lookup: fixedLookup{contact: `[5]`, companies: `{"data":[5,{}]}`, conversation: `"x"`}}
			e, err := newEvaluation(t.Context(), &in)
			if err != nil {
				t.Fatal(err)
			}
			for _, el := range leaves {
				if err := guard(func() { e.value(el.slot) }); err != nil {
					t.Errorf("%s %s: %v", payload, el.name, err)
				}
			}
		}
	}
}

// Payloads as published decode too, where they are at hand.
func TestFacts_published_payloads(t *testing.T) {
	dir := filepath.Join("..", "..", "..", "shared", "intercom", "fixtures")
	files, _ := filepath.Glob(filepath.Join(dir, "*.json"))
	if len(files) == 0 {
		t.Skip("the published payloads are not here")
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			body, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			ev := parseEvent(t, body)
			in := Input{Event: ev, Now: unix(1768032600), Lookup: fixedLookup{contact: contactObject, companies: companiesList, conversation: `{}`}}
			e, err := newEvaluation(t.Context(), &in)
			if err != nil {
				t.Fatal(err)
			}
			for _, el := range leaves {
				if err := guard(func() { e.value(el.slot) }); err != nil {
					t.Errorf("%s: %v", el.name, err)
				}
			}
			kind, id, _ := strings.Cut(ev.Subject, "/")
			root, ok := schema[kind]
			if !ok || kind == "event" {
				return
			}
			if got := e.value(root.byName["id"].slot); got != id {
				t.Errorf("%s.id is %v, the subject is %s", kind, got, ev.Subject)
			}
			if kind == "conversation" && ev.Topic != "conversation.deleted" && ev.Topic != "conversation.contact.attached" {
				for _, path := range []string{"state", "created_at", "open"} {
					if e.value(schema["conversation"].byName[path].slot) == nil {
						t.Errorf("conversation.%s is nil", path)
					}
				}
				if e.contact().id == "" || e.value(slotMessageText) == nil || e.actor().from() == "" && !strings.HasPrefix(ev.Topic, "conversation_part") {
					t.Errorf("contact %q, message %v, from %q", e.contact().id, e.value(slotMessageText), e.actor().from())
				}
			}
		})
	}
}
