package rules

import (
	"strings"
	"testing"
	"time"
)

// What a search asks is exactly what its key says.
func TestSearch_keys(t *testing.T) {
	ev := mustEvent(t, conversationReplied)
	for source, want := range map[string]string{
		`articles("refund policy")`:                                                                                   "articles/5/refund policy",
		"articles(\"  refund \\n policy \", 3)":                                                                       "articles/3/refund policy",
		`contacts({email: contact.email})`:                                                                            `contacts/10/{"field":"email","operator":"=","value":"jo@globex.test"}`,
		`contacts({"email": contact.email}, 50)`:                                                                      `contacts/50/{"field":"email","operator":"=","value":"jo@globex.test"}`,
		`contacts({role: "lead", id: contact.id})`:                                                                    `contacts/10/{"operator":"AND","value":[{"field":"role","operator":"=","value":"lead"},{"field":"id","operator":"=","value":"6a1b2c3d4e5f60718293a4b5"}]}`,
		`contacts({external_id: ["a", contact.external_id]})`:                                                         `contacts/10/{"field":"external_id","operator":"IN","value":["a","70"]}`,
		`contacts({"custom_attributes.plan": nil})`:                                                                   `contacts/10/{"field":"custom_attributes.plan","operator":"=","value":null}`,
		`contacts({field: "created_at", operator: ">", value: now() - duration("24h")})`:                              `contacts/10/{"field":"created_at","operator":">","value":1767946200}`,
		`conversations({admin_assignee_id: conversation.admin_assignee_id})`:                                          `conversations/10/{"field":"admin_assignee_id","operator":"=","value":9600001}`,
		`conversations({open: true, priority: "priority"})`:                                                           `conversations/10/{"operator":"AND","value":[{"field":"open","operator":"=","value":true},{"field":"priority","operator":"=","value":"priority"}]}`,
		`conversations({operator: "OR", value: [{state: "open"}, {field: "state", operator: "=", value: "closed"}]})`: `conversations/10/{"operator":"OR","value":[{"field":"state","operator":"=","value":"open"},{"field":"state","operator":"=","value":"closed"}]}`,
		`conversations({field: "source.author.email", operator: "$", value: "<b>&" + domain(contact.email)})`:         `conversations/10/{"field":"source.author.email","operator":"$","value":"<b>&globex.test"}`,
		`map(["a", "b"], contacts({name: #}))[0]`:                                                                     `contacts/10/{"field":"name","operator":"=","value":"a"} contacts/10/{"field":"name","operator":"=","value":"b"}`,
	} {
		t.Run(source, func(t *testing.T) {
			l := &countingLookup{fixedLookup: fixedLookup{contact: contactObject}}
			if _, err := valueOf(t, source, ev, l); err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(l.asked, " "); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
}

// A search for what is absent would find strangers: nothing is asked, and nothing found.
func TestSearch_for_nothing_asks_nothing(t *testing.T) {
	ev := mustEvent(t, conversationCreatedOld)
	for _, source := range []string{
		`contacts({email: item.absent})`, `contacts({name: "x", email: item.absent})`, `contacts({email: [item.absent]})`,
		`contacts({email: item.absent.list})`, `articles(item.absent)`, `articles(" ")`,
		`conversations({operator: "OR", value: [{state: "open"}, {contact_ids: item.absent}]})`,
	} {
		l := &countingLookup{}
		got, err := valueOf(t, source, ev, l)
		if got != nil || err != nil || l.asked != nil {
			t.Errorf("%s gives %v, %v and asks %v", source, got, err, l.asked)
		}
		if n, err := valueOf(t, "len("+source+")", ev, l); n != 0 || err != nil {
			t.Errorf("len(%s) is %v, %v", source, n, err)
		}
	}
}

// The objects that a search finds have the names and types of facts.
func TestSearch_results(t *testing.T) {
	l := fixedLookup{
		contact:  contactObject,
		contacts: "[" + contactObject + `, {"id": "2", "role": "lead", "name": "jo@x.test"}]`,
		articles: `[{"id":"55","type":"article","title":"Refunds","description":"","url":"https://help.acme.test/55","updated_at":1734537306}]`,
		conversations: `[{"id":"9","state":"closed","admin_assignee_id":77,"team_assignee_id":null,"created_at":1734537306,
			"tags":{"tags":[{"name":"VIP"}]},"source":{"subject":"<p>Hi</p>"},"statistics":{"first_close_at":1734537306}}]`,
	}
	ev := mustEvent(t, conversationReplied)
	for source, want := range map[string]any{
		`articles("refund")[0].title`:                                            "Refunds",
		`articles("refund")[0].url`:                                              "https://help.acme.test/55",
		`articles("refund")[0].description`:                                      nil,
		`articles("refund")[3].url`:                                              nil,
		`articles("refund")[0].updated_at`:                                       unix(1734537306),
		`len(contacts({email: "a"}))`:                                            2,
		`len(contacts({email: "a"}, 1))`:                                         1,
		`contacts({email: "a"})[0].custom_attributes.plan`:                       "pro",
		`contacts({email: "a"})[0].first_name`:                                   "Jo",
		`contacts({email: "a"})[1].first_name`:                                   nil,
		`any(contacts({email: "a"}), .id != contact.id and .role == "lead")`:     true,
		`conversations({open: true})[0].tags[0]`:                                 "VIP",
		`"VIP" in conversations({open: true})[0].tags`:                           true,
		`conversations({open: true})[0].subject`:                                 "Hi",
		`conversations({open: true})[0].admin_assignee_id`:                       "77",
		`conversations({open: true})[0].team_assignee_id`:                        nil,
		`conversations({open: true})[0].statistics.first_close_at`:               unix(1734537306),
		`count(conversations({open: true}), hours_since(.created_at) > 1)`:       1,
		`let found = contacts({email: "a"}); found[-1].id`:                       "2",
		`contacts({email: "a"}) | filter(.role == "user") | map(.email) | len()`: 1,
	} {
		t.Run(source, func(t *testing.T) {
			got, err := valueOf(t, source, ev, l)
			if err != nil || !sameValue(got, want) {
				t.Errorf("got %#v and %v, want %#v", got, err, want)
			}
		})
	}
}

// A loop cannot spend the budget of a whole workspace.
func TestSearch_look_ups_are_bounded(t *testing.T) {
	l := &countingLookup{}
	_, err := valueOf(t, `map(item.conversation_parts.conversation_parts, contacts({name: string(#index)}))`, edited(t, conversationReplied, func(_, item object) {
		item["conversation_parts"] = object{"conversation_parts": make([]any, 500)}
	}), l)
	if err == nil || len(l.asked) != maxLookups {
		t.Errorf("%d look-ups, %v", len(l.asked), err)
	}
}

// Values of the wrong type that only show when the rule runs make it fail, without showing
// them.
func TestSearch_wrong_values(t *testing.T) {
	ev := edited(t, conversationReplied, func(_, item object) {
		item["flag"], item["words"], item["object"] = true, "secret", object{"a": 1}
	})
	for source, want := range map[string]string{
		`contacts({email: item.flag})`:                                      "email is searched by a text, not by true or false",
		`contacts({owner_id: item.words})`:                                  "owner_id is searched by a number, not by a text",
		`contacts({field: "created_at", operator: ">", value: item.words})`: "created_at is searched by a time, not by a text",
		`conversations({open: item.words})`:                                 "open is searched by true or false, not by a text",
		`contacts({"custom_attributes.x": item.object})`:                    "custom_attributes.x is searched by anything, not by an object",
		`articles(item.flag)`:                                               "articles() searches for words, not for true or false",
	} {
		l := &countingLookup{}
		_, err := valueOf(t, source, ev, l)
		if err == nil || !strings.Contains(err.Error(), want) || l.asked != nil {
			t.Errorf("%s: %v, asked %v", source, err, l.asked)
		}
	}
}

// What was searched for may be what a customer wrote: it is in no error (I10).
func TestSearch_I10_errors_do_not_name_what_was_searched(t *testing.T) {
	rs := mustParse(t, header+`  - {name: r, when: conversation.user.replied, if: 'len(contacts({email: contact.email})) > 0', then: [close]}`)
	in := Input{Event: mustEvent(t, conversationReplied), Now: time.Unix(1768032600, 0)}
	in.Lookup = &countingLookup{err: errTest}
	_, err := rs.Evaluate(t.Context(), in)
	if err == nil || strings.Contains(err.Error(), "globex") || !strings.Contains(err.Error(), "a search for contacts") {
		t.Error(err)
	}
	in.Lookup = refusing{}
	d, err := rs.Evaluate(t.Context(), in)
	if err != nil || outcome(t, d, "r").Verdict != Failed || strings.Contains(outcome(t, d, "r").Reason, "globex") {
		t.Error(d, err)
	}
	sameDecision(t, d, remake(t, rs, in, d))
}

// Decisions with searches are made again from their record.
func TestSearch_the_same_decision_from_its_record(t *testing.T) {
	rs := mustParse(t, header+`
  - name: r
    when: conversation.user.replied
    if: 'len(contacts({email: contact.email})) == 1 and len(conversations({contact_ids: contact.id, state: "open"}, 2)) > 0'
    then:
      - note: 'See {{ articles(message.excerpt)[0].url ?? "the help centre" }} and {{ map(conversations({contact_ids: contact.id, state: "open"}, 2), .id) }}'
`)
	in := Input{Event: mustEvent(t, conversationReplied), Now: time.Unix(1768032600, 0), Lookup: fixedLookup{
		contacts: "[" + contactObject + "]", articles: `[{"id":"1","url":"https://help.acme.test/1"}]`, conversations: `[{"id":"9"},{"id":"10"}]`,
	}}
	d, err := rs.Evaluate(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	if o := outcome(t, d, "r"); o.Verdict != Ran || !strings.Contains(string(o.Actions[0].Params), "https://help.acme.test/1 and 9, 10") || len(d.Lookups) != 3 {
		t.Errorf("%+v", d)
	}
	sameDecision(t, d, remake(t, rs, in, d))
}
