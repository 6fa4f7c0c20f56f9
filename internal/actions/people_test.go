package actions

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"switchboard/internal/intercom"
)

// office is an Intercom with contacts, companies, tickets and attributes.
func office() *api {
	a := newAPI()
	attributes := func(list string) string { return `{"type":"list","data":[` + list + `]}` }
	for key, answer := range map[string]string{
		"GET /data_attributes": attributes(`
			{"name":"plan","full_name":"custom_attributes.plan","label":"Plan","data_type":"string","options":["Pro","Free"],"api_writable":true,"custom":true},
			{"name":"seats","full_name":"custom_attributes.seats","label":"Seats","data_type":"integer","api_writable":true,"custom":true},
			{"name":"score","full_name":"custom_attributes.score","label":"Score","data_type":"float","api_writable":true,"custom":true},
			{"name":"vip","full_name":"custom_attributes.vip","label":"VIP","data_type":"boolean","api_writable":true,"custom":true},
			{"name":"since","full_name":"custom_attributes.since","label":"Since","data_type":"date","api_writable":true,"custom":true},
			{"name":"email","full_name":"email","label":"Email","data_type":"string","api_writable":true,"custom":false},
			{"name":"locked","full_name":"custom_attributes.locked","label":"Locked","data_type":"string","api_writable":false,"custom":true}`),
		"GET /contacts/c9":                 `{"type":"contact","id":"c9","role":"lead"}`,
		"PUT /contacts/c9":                 `{"type":"contact","id":"c9"}`,
		"PUT /contacts/c1":                 `{"type":"contact","id":"c1"}`,
		"POST /contacts":                   `{"type":"contact","id":"c7"}`,
		"POST /contacts/c9/archive":        `{"type":"contact","id":"c9","archived":true}`,
		"POST /contacts/c9/notes":          `{"type":"note","id":"n1","body":"<p>Hi</p>"}`,
		"GET /contacts/c9/notes":           `{"type":"list","data":[]}`,
		"POST /contacts/search":            `{"type":"list","data":[]}`,
		"POST /contacts/c9/tags":           `{"type":"tag","id":"5"}`,
		"DELETE /contacts/c9/tags/5":       `{"type":"tag","id":"5"}`,
		"POST /tickets/8/tags":             `{"type":"tag","id":"5"}`,
		"POST /companies":                  `{"type":"company","id":"k1","company_id":"acme"}`,
		"GET /companies":                   `{"type":"company","id":"k1","company_id":"acme"}`,
		"POST /contacts/c9/companies":      `{"type":"company","id":"k1"}`,
		"DELETE /contacts/c9/companies/k1": `{"type":"company","id":"k1"}`,
		"PUT /conversations/77":            conversation(),
		"POST /conversations/77/convert":   `{"type":"ticket","id":"8"}`,
		"POST /tickets":                    `{"type":"ticket","id":"8"}`,
		"POST /tickets/search":             `{"type":"ticket.list","tickets":[]}`,
		"GET /tickets/8":                   `{"type":"ticket","id":"8","ticket_type":` + bug + `,"ticket_parts":{"ticket_parts":[],"total_count":0}}`,
		"PUT /tickets/8":                   `{"type":"ticket","id":"8"}`,
		"POST /tickets/8/reply":            `{"type":"ticket_part","id":"p5"}`,
		"GET /ticket_types":                `{"type":"list","data":[` + bug + `]}`,
		"GET /ticket_states":               `{"type":"list","data":[{"id":"s2","category":"in_progress","internal_label":"Working on it","external_label":"In progress"}]}`,
		"POST /events":                     ``,
		"POST /messages":                   `{"type":"admin_message","id":"m1"}`,
	} {
		a.answers[key] = answer
	}
	a.quiet = []string{"GET /data_attributes", "GET /ticket_types", "GET /ticket_states"}
	return a
}

const bug = `{"type":"ticket_type","id":"t3","name":"Bug","ticket_type_attributes":{"data":[
	{"id":"1","name":"Order","data_type":"string"},
	{"id":"2","name":"Count","data_type":"integer"},
	{"id":"3","name":"Level","data_type":"list","input_options":{"list_items":[{"id":"i1","name":"Low"},{"id":"i2","name":"High"}]}}]},
	"ticket_states":{"data":[{"id":"s1","category":"submitted","internal_label":"New","external_label":"Submitted"},{"id":"s2","category":"in_progress","internal_label":"Working on it","external_label":"In progress"}]}}`

// perform plans an action on a subject and carries it out.
func perform(t *testing.T, a *api, src, subject string, facts map[string]string) (Result, error) {
	t.Helper()
	kind, spec, problems := parse(t, src)
	if len(problems) > 0 || spec == nil {
		t.Fatalf("%s: problems %q", src, problems)
	}
	params, err := spec.Plan(planOf(facts, subject))
	if err != nil {
		return Result{}, err
	}
	if strings.Contains(Describe(kind.Name(), params), "SECRET") {
		t.Errorf("%s: its description holds customer text: %s", src, Describe(kind.Name(), params))
	}
	r, err := kind.Do(t.Context(), a.env(t), Call{Kind: kind.Name(), Subject: subject, Params: params})
	if err != nil && strings.Contains(err.Error(), "SECRET") {
		t.Errorf("%s: its error holds customer text: %v", src, err)
	}
	return r, err
}

func TestDo_on_people_companies_and_tickets(t *testing.T) {
	facts := map[string]string{"n": "41", "text": "SECRET <b>", "day": "2026-12-24"}
	const conv, ticket = "conversation/77", "ticket/8"
	for _, tt := range []struct {
		src, subject string
		calls        []string
		detail       string
	}{
		{"tag: {name: VIP, on: contact}", conv, []string{`POST /contacts/c9/tags {"id":"5"}`}, "tag VIP on the contact"},
		{"tag: VIP", "contact/c9", []string{`POST /contacts/c9/tags {"id":"5"}`}, "tag VIP"},
		{"tag: VIP", ticket, []string{`POST /tickets/8/tags {"admin_id":"9","id":"5"}`}, "tag VIP"},
		{"untag: {name: [VIP], on: contact}", ticket, []string{`DELETE /contacts/c9/tags/5`}, "untag VIP on the contact"},

		{"set: {title: 'For {{ n }}'}", conv, []string{`PUT /conversations/77 {"title":"For 41"}`}, "set attributes of the conversation"},
		{
			"set: {attributes: {Plan: pro, SEATS: '{{ n }}', score: 1.5, vip: true, since: '{{ day }}'}}", conv,
			[]string{`PUT /conversations/77 {"custom_attributes":{"plan":"Pro","score":1.5,"seats":41,"since":1798070400,"vip":true}}`},
			"set attributes of the conversation",
		},
		{"set: {contact: {plan: null}}", conv, []string{`PUT /contacts/c9 {"custom_attributes":{"plan":null}}`}, "set attributes of the contact"},
		{
			"set: {ticket: {order: '{{ text }}', level: high}}", ticket,
			[]string{`GET /tickets/8`, `PUT /tickets/8 {"admin_id":9,"ticket_attributes":{"Level":"i2","Order":"SECRET \u003cb\u003e"}}`},
			"set attributes of the ticket",
		},

		{
			"contact: {update: {name: '{{ text }}', owner: Ada, unsubscribed: true, attributes: {vip: false}}}", conv,
			[]string{`PUT /contacts/c9 {"name":"SECRET \u003cb\u003e","unsubscribed_from_emails":true,"custom_attributes":{"vip":false},"owner_id":10}`},
			"updated the contact",
		},
		{"contact: {create: {email: new@acme.test, role: user}}", conv, []string{`POST /contacts {"role":"user","email":"new@acme.test"}`}, "created contact c7"},
		{"contact: {note: Hi}", conv, []string{`POST /contacts/c9/notes {"body":"\u003cp\u003eHi\u003c/p\u003e","admin_id":"9"}`}, "contact note (2 characters)"},
		{"contact: archive", conv, []string{`POST /contacts/c9/archive`}, "archived the contact"},
		{"contact: {archive: true}", "contact/c9", []string{`POST /contacts/c9/archive`}, "archived the contact"},

		{
			"company: {save: {company_id: acme, name: Acme, size: '{{ n }}', attributes: {seats: 3}}}", conv,
			[]string{`POST /companies {"company_id":"acme","name":"Acme","size":41,"custom_attributes":{"seats":3}}`},
			"saved company k1",
		},
		{"company: {attach: acme}", conv, []string{`GET /companies`, `POST /contacts/c9/companies {"id":"k1"}`}, "attached to company k1"},
		{"company: {detach: acme}", conv, []string{`GET /companies`, `DELETE /contacts/c9/companies/k1`}, "detached from company k1"},

		{
			"ticket: {convert: {type: bug, attributes: {count: '{{ n }}'}}}", conv,
			[]string{`POST /conversations/77/convert {"ticket_type_id":"t3","attributes":{"Count":41}}`},
			"converted to ticket 8",
		},
		{
			"ticket: {create: {type: Bug, title: '{{ text }}', link: true}}", conv,
			[]string{`POST /tickets {"ticket_type_id":"t3","contacts":[{"id":"c9"}],"ticket_attributes":{"_default_title_":"SECRET \u003cb\u003e"},"conversation_to_link_id":"77"}`},
			"created ticket 8",
		},
		{"ticket: {reply: Hi}", ticket, []string{`POST /tickets/8/reply {"message_type":"comment","type":"admin","admin_id":"9","body":"\u003cp\u003eHi\u003c/p\u003e"}`}, "ticket reply (2 characters)"},
		{"ticket: {note: Hi}", ticket, []string{`POST /tickets/8/reply {"message_type":"note","type":"admin","admin_id":"9","body":"\u003cp\u003eHi\u003c/p\u003e"}`}, "ticket note (2 characters)"},
		{"ticket: {state: in progress}", ticket, []string{`GET /tickets/8`, `PUT /tickets/8 {"admin_id":9,"ticket_state_id":"s2"}`}, "ticket state set to Working on it"},

		{
			"event: {name: asked, metadata: {n: 3, text: '{{ text }}'}}", conv,
			[]string{`POST /events {"created_at":1772600000,"event_name":"asked","id":"c9","metadata":{"n":3,"text":"SECRET \u003cb\u003e"}}`},
			"recorded event asked",
		},
		{
			"message: 'Hi {{ text }}'", conv,
			[]string{`GET /contacts/c9`, `POST /messages {"message_type":"inapp","body":"\u003cp\u003eHi SECRET \u0026lt;b\u0026gt;\u003c/p\u003e","from":{"type":"admin","id":9},"to":{"type":"lead","id":"c9"}}`},
			"message (13 characters)",
		},
		{
			"message: {text: Hi, by: email, subject: Your export, template: plain}", conv,
			[]string{`GET /contacts/c9`, `POST /messages {"message_type":"email","subject":"Your export","body":"\u003cp\u003eHi\u003c/p\u003e","template":"plain","from":{"type":"admin","id":9},"to":{"type":"lead","id":"c9"}}`},
			"message (2 characters)",
		},
	} {
		a := office()
		r, err := perform(t, a, tt.src, tt.subject, facts)
		if err != nil || !slices.Equal(a.calls, tt.calls) || r.Detail != tt.detail {
			t.Errorf("%s on %s: %q, %v\n sent %s\n want %s", tt.src, tt.subject, r.Detail, err, strings.Join(a.calls, "\n      "), strings.Join(tt.calls, "\n      "))
		}
	}
}

// TestDo_what_is_wrong_ends_for_good shows that names and values that can never work make dead
// letters, with what would be right, and send nothing.
func TestDo_what_is_wrong_ends_for_good(t *testing.T) {
	for src, want := range map[string]string{
		"set: {contact: {plna: x}}":                                   `plan`,
		"set: {contact: {plan: Gold}}":                                "Pro, Free",
		"set: {contact: {seats: '{{ text }}'}}":                       "whole numbers",
		"set: {contact: {score: '{{ text }}'}}":                       "takes numbers",
		"set: {contact: {score: NaN}}":                                "takes numbers",
		"set: {contact: {email: a@b.test}}":                           "no attribute of your own",
		"company: {save: {company_id: a, size: '{{ text }}'}}":        "whole numbers",
		"contact: {create: {email: '{{ empty }}'}}":                   "came out empty",
		"set: {contact: {vip: perhaps}}":                              "true or false",
		"set: {contact: {since: yesterday}}":                          "2026-12-24",
		"set: {contact: {locked: x}}":                                 "cannot be set",
		"contact: {update: {owner: Nobody at all}}":                   "the owner",
		"contact: {update: {email: '{{ bad }}'}}":                     "not an e-mail address",
		"ticket: {convert: {type: Bgu}}":                              "Bug",
		"ticket: {convert: {type: Bug, attributes: {Ordr: 1}}}":       `no attribute "Ordr"`,
		"ticket: {convert: {type: Bug, attributes: {level: Huge}}}":   "Low, High",
		"ticket: {create: {type: Bug, attributes: {Count: several}}}": "whole numbers",
		"company: {save: {company_id: ' {{ empty }} '}}":              "came out empty",
		"event: '{{ empty }}'":                                        "came out empty",
		"message: {text: Hi, by: email, subject: '{{ empty }}'}":      "came out empty",
		"set: {title: '{{ empty }}'}":                                 "came out empty",
	} {
		a := office()
		_, err := perform(t, a, src, "conversation/77", map[string]string{"bad": "not one", "empty": "", "text": "SECRET"})
		if intercom.ClassOf(err) != intercom.Permanent || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", src, err, want)
		}
		if len(a.calls) > 0 {
			t.Errorf("%s: sent %q", src, a.calls)
		}
	}
}

func TestParse_problems_of_people_companies_and_tickets(t *testing.T) {
	keys := make([]string, 11)
	for i := range keys {
		keys[i] = fmt.Sprintf("k%d: 1", i)
	}
	for src, want := range map[string]string{
		"set: {}":                                                        "1:6: nothing is set (actions/parameter) [title, attributes, contact or ticket]",
		"set: {title: x, contact: {a: 1}}":                               "1:26: one set is about one thing, and this is about the contact, too (actions/parameter) [use two set actions]",
		"set: {attributes: {}}":                                          "1:19: no attribute is set (actions/parameter)",
		"set: {attributes: {a: [1]}}":                                    "1:23: this must be a text, a number, true, false or null (actions/parameter)",
		"contact: {}":                                                    "1:10: contact needs to know what to do (actions/parameter) [one of archive, create, note, update]",
		"contact: delete":                                                "1:10: contact needs to know what to do (actions/parameter) [one of archive, create, note, update]",
		"contact: {note: a, archive: true}":                              "1:29: one contact does one thing (actions/parameter) [use two contact actions]",
		"contact: {archive: soon}":                                       "1:20: archive takes no value (actions/parameter) [write `contact: archive`]",
		"contact: {create: {name: Kim}}":                                 "1:19: a new contact needs an email, an external_id or a role (actions/parameter)",
		"contact: {create: {email: kim at acme.test}}":                   "1:27: this is not an e-mail address (actions/parameter)",
		"contact: {update: {role: boss}}":                                "1:26: role is user or lead (actions/parameter)",
		"contact: {update: {unsubscribed: 'yes'}}":                       "1:34: unsubscribed is true or false (actions/parameter)",
		"contact: {update: {email: true}}":                               "1:27: email cannot be true (actions/parameter)",
		"contact: {update: {}}":                                          "1:19: nothing is set (actions/parameter) [fields: email, external_id, name, owner, phone, role, unsubscribed, attributes]",
		"company: {save: {name: Acme}}":                                  "1:17: a company is known by your own id of it: company_id (actions/parameter)",
		"company: {save: {company_id: a, size: true}}":                   "1:39: size cannot be true (actions/parameter)",
		"company: {attach: ''}":                                          "1:19: your id of the company is empty (actions/parameter)",
		"ticket: {convert: {}}":                                          "1:19: a ticket needs a type (actions/parameter) [write type: NAME]",
		"ticket: {create: {type: Bug, link: maybe}}":                     "1:36: link is true or false (actions/parameter)",
		"ticket: {reply: ''}":                                            "1:17: the text of the reply is empty (actions/parameter)",
		"event: {metadata: {a: 1}}":                                      "1:8: event needs a name (actions/parameter) [write `event: NAME` or `event: {name: NAME, metadata: {...}}`]",
		"event: {name: x, metadata: {" + strings.Join(keys, ", ") + "}}": "1:99: an event has at most 10 keys of metadata, and these are 11 (actions/parameter)",
		"event: {name: x, metadata: {a: 1, a: 2}}":                       `1:35: "a" is here twice (actions/parameter)`,
		"message: {text: Hi, by: email}":                                 "1:10: an e-mail needs a subject (actions/parameter) [write subject: …]",
		"message: {text: Hi, subject: x}":                                "1:10: only an e-mail has a subject and a template (actions/parameter) [write by: email]",
		"message: {text: Hi, by: pigeon}":                                "1:25: by is messenger or email (actions/parameter)",
	} {
		_, spec, problems := parse(t, src)
		if len(problems) != 1 || problems[0] != want {
			t.Errorf("%s\n got %s\nwant %s", src, strings.Join(problems, "\n     "), want)
		}
		if spec != nil {
			t.Errorf("%s: a spec in spite of problems", src)
		}
	}
}

// TestRepeatable_I4 is the table of what may be sent again after a doubt.
func TestRepeatable_I4(t *testing.T) {
	for src, want := range map[string]bool{
		"set: {title: x}": true, "set: {contact: {plan: Pro}}": true,
		"contact: {update: {name: x}}": true, "contact: archive": true, "contact: {note: x}": false,
		"contact: {create: {external_id: x}}": true, "contact: {create: {email: a@b.test}}": true,
		"contact: {create: {email: a@b.test, role: lead}}": false, "contact: {create: {role: lead}}": false,
		"company: {attach: x}": true, "company: {save: {company_id: x}}": true,
		"ticket: {convert: {type: Bug}}": false, "ticket: {create: {type: Bug}}": false,
		"event: x": true, "message: x": false, "count: plain": true, "http: https://acme.test": true,
	} {
		kind, params, err := plan(t, src, nil)
		if err != nil || kind.Repeatable(params) != want {
			t.Errorf("%s: repeatable %v, %v; want %v", src, kind.Repeatable(params), err, want)
		}
	}
	ticketKind, _ := Lookup("ticket")
	for do, want := range map[string]bool{"reply": false, "note": false, "state": true} {
		if ticketKind.Repeatable(json.RawMessage(`{"do":"`+do+`"}`)) != want {
			t.Errorf("ticket %s: repeatable is not %v", do, want)
		}
	}
}

// TestDo_I4_a_contact_that_exists_is_updated shows what a 409 does: whoever made the contact,
// there is one, with what the rule wants.
func TestDo_I4_a_contact_that_exists_is_updated(t *testing.T) {
	a := office()
	a.statuses["POST /contacts"] = 409
	a.answers["POST /contacts"] = `{"type":"error.list","errors":[{"code":"conflict","message":"A contact matching those details already exists with id=c1"}]}`
	r, err := perform(t, a, "contact: {create: {email: kim@acme.test, name: Kim}}", "conversation/77", nil)
	want := []string{`POST /contacts {"email":"kim@acme.test","name":"Kim"}`, `PUT /contacts/c1 {"email":"kim@acme.test","name":"Kim"}`}
	if err != nil || !slices.Equal(a.calls, want) || r.Detail != "updated contact c1, which existed" {
		t.Errorf("%+v, %v after %q", r, err, a.calls)
	}
	a.answers["POST /contacts"] = `{"type":"error.list","errors":[{"code":"conflict","message":"An archived contact matching those details already exists"}]}`
	if _, err := perform(t, a, "contact: {create: {email: kim@acme.test}}", "conversation/77", nil); intercom.ClassOf(err) != intercom.Conflict {
		t.Errorf("a conflict that names nobody: %v", err)
	}
}

func TestDo_what_is_off_already_is_done(t *testing.T) {
	for _, src := range []string{"company: {detach: acme}", "untag: {name: VIP, on: contact}"} {
		a := office()
		a.statuses["DELETE /contacts/c9/companies/k1"], a.statuses["DELETE /contacts/c9/tags/5"] = 404, 404
		if _, err := perform(t, a, src, "conversation/77", nil); err != nil {
			t.Errorf("%s: %v", src, err)
		}
	}
	a := office()
	a.statuses["GET /companies"] = 404
	if _, err := perform(t, a, "company: {detach: acme}", "conversation/77", nil); err != nil {
		t.Errorf("no such company: %v", err)
	}
}

func TestReadBack_I4_of_people_and_tickets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		attempt := time.Now()
		at := func(d time.Duration) int64 { return attempt.Add(d).Unix() }
		note := func(body, admin string, created int64) string {
			return fmt.Sprintf(`{"type":"list","data":[{"type":"note","id":"n1","body":%q,"created_at":%d,"author":{"type":"admin","id":%q}}]}`, body, created, admin)
		}
		fullPage := func(created int64) string {
			one := fmt.Sprintf(`{"type":"note","id":"n","body":"<p>x</p>","created_at":%d,"author":{"type":"admin","id":"10"}}`, created)
			return `{"type":"list","data":[` + strings.TrimSuffix(strings.Repeat(one+",", 50), ",") + `]}`
		}
		lead := func(created int64) string {
			return fmt.Sprintf(`{"type":"list","data":[{"type":"contact","id":"c7","role":"lead","created_at":%d}]}`, created)
		}
		made := func(typeID, title string, created int64) string {
			return fmt.Sprintf(`{"type":"ticket.list","tickets":[{"type":"ticket","id":"8","ticket_type":{"id":%q},"created_at":%d,"ticket_attributes":{"_default_title_":%q}}]}`, typeID, created, title)
		}
		parts := func(list string, n int) string {
			return fmt.Sprintf(`{"type":"ticket","id":"8","ticket_parts":{"ticket_parts":[%s],"total_count":%d}}`, list, n)
		}
		ours := fmt.Sprintf(`{"id":"p5","part_type":"comment","body":"<p>Hi</p>","created_at":%d,"author":{"type":"admin","id":"9"}}`, at(time.Second))
		for _, tt := range []struct {
			src, subject, call, answer string
			want                       Finding
		}{
			{"contact: {note: Hi}", "conversation/77", "GET /contacts/c9/notes", note("<p>Hi</p>", "9", at(time.Second)), Happened},
			{"contact: {note: Hi}", "conversation/77", "GET /contacts/c9/notes", note("<p>Hi</p>", "9", at(-time.Hour)), DidNotHappen},
			{"contact: {note: Hi}", "conversation/77", "GET /contacts/c9/notes", note("<p>Hi</p>", "10", at(time.Second)), DidNotHappen},
			{"contact: {note: Hi}", "conversation/77", "GET /contacts/c9/notes", note("<p>Ho</p>", "9", at(time.Second)), Unclear},
			{"contact: {note: Hi}", "conversation/77", "GET /contacts/c9/notes", note("<p>Hi</p>", "9", 0), Unclear},
			{"contact: {note: Hi}", "conversation/77", "GET /contacts/c9/notes", fullPage(at(time.Second)), Unclear},
			{"contact: {note: Hi}", "conversation/77", "GET /contacts/c9/notes", fullPage(at(-time.Hour)), DidNotHappen},
			{`contact: {note: '<img src="https://a.test/a.png">'}`, "conversation/77", "GET /contacts/c9/notes", note(`<img src="https://a.test/b.png">`, "9", at(time.Second)), Unclear},
			{"contact: {create: {email: a@b.test, role: lead}}", "conversation/77", "POST /contacts/search", lead(at(time.Second)), Happened},
			{"contact: {create: {email: a@b.test, role: lead}}", "conversation/77", "POST /contacts/search", lead(at(-time.Hour)), Unclear},
			{"contact: {create: {role: lead}}", "conversation/77", "POST /contacts/search", lead(at(time.Second)), Unclear},
			{"ticket: {convert: {type: Bug}}", "conversation/77", "GET /conversations/77", `{"type":"conversation","id":"77","ticket":{"id":"8"}}`, Happened},
			{"ticket: {convert: {type: Bug}}", "conversation/77", "GET /conversations/77", `{"type":"conversation","id":"77","ticket":null,"linked_objects":{"data":[]}}`, DidNotHappen},
			{"ticket: {convert: {type: Bug}}", "conversation/77", "GET /conversations/77", `{"type":"conversation","id":"77"}`, Unclear},
			{"ticket: {convert: {type: Bug}}", "conversation/77", "GET /conversations/77", `{"type":"conversation","id":"77","ticket":null,"linked_objects":{"data":[{"type":"ticket","id":"8"}]}}`, Unclear},
			{"ticket: {create: {type: Bug, title: T}}", "conversation/77", "POST /tickets/search", made("t3", "T", at(time.Second)), Happened},
			{"ticket: {create: {type: Bug, title: T}}", "conversation/77", "POST /tickets/search", made("t4", "T", at(time.Second)), Unclear},
			{"ticket: {create: {type: Bug, title: T}}", "conversation/77", "POST /tickets/search", made("t3", "other", at(time.Second)), Unclear},
			{"ticket: {create: {type: Bug, title: T}}", "conversation/77", "POST /tickets/search", `{"type":"ticket.list","tickets":[]}`, Unclear},
			{"ticket: {reply: Hi}", "ticket/8", "GET /tickets/8", parts(ours, 1), Happened},
			{"ticket: {reply: Hi}", "ticket/8", "GET /tickets/8", parts("", 0), DidNotHappen},
			{"ticket: {reply: Hi}", "ticket/8", "GET /tickets/8", `{"type":"ticket","id":"8"}`, Unclear},
			{"ticket: {note: Hi}", "ticket/8", "GET /tickets/8", parts(ours, 1), DidNotHappen},
			{"message: Hi", "conversation/77", "", "", Unclear},
		} {
			a := office()
			if tt.call != "" {
				a.answers[tt.call] = tt.answer
			}
			kind, spec, _ := parse(t, tt.src)
			params, err := spec.Plan(planOf(nil, tt.subject))
			if err != nil {
				t.Fatal(err)
			}
			got, _, err := kind.ReadBack(t.Context(), a.env(t), Call{Kind: kind.Name(), Subject: tt.subject, Params: params, AttemptedAt: attempt})
			if err != nil || got != tt.want {
				t.Errorf("%s with %s: %s, %v; want %s", tt.src, tt.answer, got, err, tt.want)
			}
		}
	})
}

// TestDo_I6_classes shows that what Intercom answers decides, for each kind of call.
func TestDo_I6_classes(t *testing.T) {
	for status, want := range map[int]intercom.Class{
		429: intercom.RateLimited, 401: intercom.Credential, 404: intercom.Permanent, 422: intercom.Permanent, 503: intercom.Ambiguous,
	} {
		for src, call := range map[string]string{
			"set: {title: x}": "PUT /conversations/77", "contact: {update: {name: x}}": "PUT /contacts/c9", "contact: archive": "POST /contacts/c9/archive",
			"company: {save: {company_id: x}}": "POST /companies", "ticket: {convert: {type: Bug}}": "POST /conversations/77/convert",
			"ticket: {create: {type: Bug}}": "POST /tickets", "event: x": "POST /events", "message: x": "POST /messages", "contact: {note: x}": "POST /contacts/c9/notes",
		} {
			a := office()
			a.statuses[call] = status
			a.answers[call] = `{"type":"error.list","errors":[{"code":"x","message":"y"}]}`
			_, err := perform(t, a, src, "conversation/77", nil)
			if intercom.ClassOf(err) != want {
				t.Errorf("%s with %d: %v is %s, want %s", src, status, err, intercom.ClassOf(err), want)
			}
			var e *intercom.Error
			if !errors.As(err, &e) {
				t.Errorf("%s with %d: %T", src, status, err)
			}
		}
	}
}
