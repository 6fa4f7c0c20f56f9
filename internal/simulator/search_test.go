package simulator

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// finds are the ids that a search has found, over all pages of two, oldest first.
func (b *bench) finds(what, key, query string) []string {
	b.Helper()
	var ids []string
	after := ""
	for range 50 {
		r := b.call("POST", "/"+what+"/search", `{"query":`+query+`,"pagination":{"per_page":2`+after+`}}`)
		if r.status != 200 {
			b.Fatalf("%s: %s", query, r.raw)
		}
		items := get(r.body, key).([]any)
		for _, item := range items {
			ids = append(ids, get(item, "id").(string))
		}
		cursor, more := get(r.body, "pages.next.starting_after").(string)
		if !more {
			b.expect(r.body, "total_count", fmt.Sprint(len(ids)))
			slices.Reverse(ids)
			return ids
		}
		if len(items) != 2 {
			b.Errorf("%d items on a page that is not the last", len(items))
		}
		after = `,"starting_after":"` + cursor + `"`
	}
	b.Fatal("the pages do not end")
	return nil
}

func TestSearch_contacts_with_every_operator(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // it is midnight
		b := newBench(t, Options{})
		time.Sleep(10 * 24 * time.Hour)
		b.AddAttribute(Attribute{Model: "contact", Name: "seats", Type: "integer"})
		b.AddAttribute(Attribute{Model: "contact", Name: "score", Type: "float"})
		b.AddAttribute(Attribute{Model: "contact", Name: "vip", Type: "boolean"})
		b.AddAttribute(Attribute{Model: "contact", Name: "renewal", Type: "date"})
		today := time.Now()
		names := map[string]string{b.contact: "amara"}
		add := func(name string, c Contact) {
			c.Name = name
			names[b.AddContact(c)] = name
		}
		add("ben", Contact{
			Email: "Ben@Globex.com", OwnerID: b.ines, CreatedAt: today.AddDate(0, 0, -1).Add(9 * time.Hour),
			CustomAttributes: map[string]any{"seats": 5, "score": 1.5, "vip": true, "renewal": float64(today.Unix())},
		})
		add("cai", Contact{
			Role: "lead", Email: "cai@globex.com", Phone: "+353", CreatedAt: today.AddDate(0, 0, -2).Add(23 * time.Hour),
			CustomAttributes: map[string]any{"seats": 9},
		})
		add("dee", Contact{Country: "Ireland", CreatedAt: today, UnsubscribedFromEmails: true})
		tag := b.AddTag("T")
		for id, name := range names {
			if name == "ben" {
				b.call("POST", "/contacts/"+id+"/tags", `{"id":"`+tag+`"}`)
			}
		}
		noon := func(days int) string { return fmt.Sprint(today.AddDate(0, 0, days).Add(12 * time.Hour).Unix()) }
		filter := func(field, operator, value string) string {
			return `{"field":"` + field + `","operator":"` + operator + `","value":` + value + `}`
		}
		for query, want := range map[string]string{
			filter("email", "=", `"ben@globex.com"`):                     "ben",
			filter("email", "!=", `"ben@globex.com"`):                    "amara cai dee",
			filter("email", "IN", `["ben@globex.com","amara@acme.com"]`): "amara ben",
			filter("email", "NIN", `["ben@globex.com"]`):                 "amara cai dee",
			filter("email", "~", `"GLOBEX"`):                             "ben cai",
			filter("email", "!~", `"globex"`):                            "amara dee",
			filter("email", "^", `"ca"`):                                 "cai",
			filter("email", "$", `".com"`):                               "amara ben cai",
			filter("email", "=", `null`):                                 "dee",
			filter("phone", "!=", `null`):                                "cai",
			filter("email_domain", "=", `"globex.com"`):                  "ben cai",
			filter("role", "=", `"lead"`):                                "cai",
			filter("owner_id", "=", b.ines):                              "ben",
			filter("location.country", "=", `"ireland"`):                 "dee",
			filter("unsubscribed_from_emails", "=", `true`):              "dee",
			filter("tag_id", "=", `"`+tag+`"`):                           "ben",
			filter("tag_id", "!=", `"`+tag+`"`):                          "amara cai dee",
			filter("custom_attributes.seats", ">", `5`):                  "cai",
			filter("custom_attributes.seats", ">=", `5`):                 "ben cai",
			filter("custom_attributes.seats", "<", `9`):                  "ben",
			filter("custom_attributes.seats", "<=", `9`):                 "ben cai",
			filter("custom_attributes.seats", "IN", `[9]`):               "cai",
			filter("custom_attributes.score", ">", `1.2`):                "ben",
			filter("custom_attributes.vip", "=", `true`):                 "ben",
			filter("custom_attributes.plan", "=", `"pro"`):               "amara",
			// Dates by calendar day: the hour that is asked for does not matter.
			filter("created_at", "=", noon(-1)):               "ben",
			filter("created_at", ">", noon(-1)):               "dee",
			filter("created_at", ">", noon(-2)):               "ben dee",
			filter("created_at", "<", noon(-1)):               "amara cai",
			filter("created_at", "<", `"`+noon(-1)+`"`):       "amara cai",
			filter("custom_attributes.renewal", "=", noon(0)): "ben",
			filter("last_replied_at", "<", noon(0)):           "",
			`{"operator":"AND","value":[` + filter("role", "=", `"user"`) + `,` + filter("email", "~", `"globex"`) + `]}`: "ben",
			`{"operator":"OR","value":[` + filter("name", "=", `"dee"`) + `,` + filter("role", "=", `"lead"`) + `]}`:      "cai dee",
			`{"operator":"AND","value":[{"operator":"OR","value":[` + filter("name", "=", `"ben"`) + `,` + filter("name", "=", `"cai"`) + `]},{"operator":"OR","value":[` +
				filter("role", "=", `"lead"`) + `,` + filter("name", "=", `"dee"`) + `]}]}`: "cai",
		} {
			var got []string
			for _, id := range b.finds("contacts", "data", query) {
				got = append(got, strings.Fields(strings.ToLower(names[id]))[0])
			}
			slices.Sort(got)
			if strings.Join(got, " ") != want {
				t.Errorf("%s finds %v, want %s", query, got, want)
			}
		}
	})
}

func TestSearch_conversations(t *testing.T) {
	b := newRichBench(t, Options{})
	other := b.starts("I need support, please!")
	ok(b.AdminAssigns(other, b.ines, b.ines))(t)
	ok(b.AdminCloses(other, b.ines, ""))(t)
	if err := b.TagPart(other, b.ines, "VIP"); err != nil {
		t.Fatal(err)
	}
	if err := b.CustomerRates(other, 5, "great"); err != nil {
		t.Fatal(err)
	}
	b.call("PUT", "/conversations/"+other, `{"custom_attributes":{"issue":"Billing"},"title":"A title"}`)
	c, _ := b.Conversation(other)
	updated := fmt.Sprint(c.UpdatedAt.Unix())
	first, second, both := []string{b.conversation}, []string{other}, []string{b.conversation, other}
	for query, want := range map[string][]string{
		`{"field":"source.body","operator":"=","value":"Support"}`:                                                             second,
		`{"field":"source.body","operator":"=","value":"need support"}`:                                                        nil, // words count one by one
		`{"field":"state","operator":"=","value":"closed"}`:                                                                    second,
		`{"field":"open","operator":"=","value":true}`:                                                                         first,
		`{"field":"open","operator":"!=","value":true}`:                                                                        second,
		`{"field":"admin_assignee_id","operator":"=","value":` + b.ines + `}`:                                                  second,
		`{"field":"admin_assignee_id","operator":"=","value":null}`:                                                            first,
		`{"field":"admin_assignee_id","operator":"=","value":0}`:                                                               first,
		`{"field":"contact_ids","operator":"=","value":"` + b.contact + `"}`:                                                   both,
		`{"field":"teammate_ids","operator":"IN","value":["` + b.ines + `"]}`:                                                  both,
		`{"field":"tag_ids","operator":"=","value":"` + b.tag + `"}`:                                                           second,
		`{"field":"id","operator":"NIN","value":["` + other + `"]}`:                                                            first,
		`{"field":"updated_at","operator":">","value":` + updated + `}`:                                                        both, // > includes the second itself
		`{"field":"updated_at","operator":"<","value":5}`:                                                                      nil,
		`{"field":"statistics.count_assignments","operator":">","value":0}`:                                                    second,
		`{"field":"statistics.last_close_at","operator":">","value":1}`:                                                        second,
		`{"field":"statistics.time_to_admin_reply","operator":"<","value":60}`:                                                 first,
		`{"field":"conversation_rating.score","operator":"=","value":5}`:                                                       second,
		`{"field":"custom_attributes.issue","operator":"=","value":"Billing"}`:                                                 second,
		`{"field":"source.author.email","operator":"$","value":"acme.com"}`:                                                    both,
		`{"field":"priority","operator":"=","value":"not_priority"}`:                                                           both,
		`{"field":"title","operator":"~","value":"title"}`:                                                                     second,
		`{"operator":"AND","value":[{"field":"read","operator":"=","value":true},{"field":"id","operator":"!=","value":"1"}]}`: second,
	} {
		if got := b.finds("conversations", "conversations", query); !slices.Equal(got, want) {
			t.Errorf("%s finds %v, want %v", query, got, want)
		}
	}
	r := b.call("POST", "/conversations/search", `{"query":{"field":"open","operator":"=","value":true}}`)
	b.expect(r.body, "type", "conversation.list", "conversations.0.conversation_parts", nil, "pages.per_page", "20")
}

func TestSearch_tickets(t *testing.T) {
	b := newRichBench(t, Options{})
	task := b.does("POST", "/tickets", `{"ticket_type_id":"`+b.task+`","contacts":[{"id":"`+b.lead+`"}],"ticket_attributes":{"_default_title_":"Look into it"}}`, "id")
	b.call("PUT", "/tickets/"+b.ticket, `{"ticket_attributes":{"Count":3,"Severity":"2"},"assignee_id":"`+b.ines+`"}`)
	count := ""
	for _, a := range b.TicketTypes()[0].Attributes {
		if a.Name == "Count" {
			count = a.ID
		}
	}
	k, _ := b.Ticket(task)
	at := fmt.Sprint(k.Thread.CreatedAt.Unix())
	bug := []string{b.ticket}
	for query, want := range map[string][]string{
		`{"field":"category","operator":"=","value":"task"}`:                    {task},
		`{"field":"category","operator":"=","value":"Back-office"}`:             nil, // the search has words of its own
		`{"field":"title","operator":"~","value":"look"}`:                       {task},
		`{"field":"ticket_type_id","operator":"=","value":"` + b.bug + `"}`:     bug,
		`{"field":"admin_assignee_id","operator":"=","value":"0"}`:              {task},
		`{"field":"admin_assignee_id","operator":"=","value":"` + b.ines + `"}`: bug,
		`{"field":"contact_ids","operator":"=","value":"` + b.lead + `"}`:       {task},
		`{"field":"state","operator":"=","value":"submitted"}`:                  {b.ticket, task},
		`{"field":"created_at","operator":">=","value":` + at + `}`:             {b.ticket, task},
		`{"field":"ticket_attribute.` + count + `","operator":">","value":2}`:   bug,
		`{"field":"open","operator":"=","value":false}`:                         nil,
	} {
		if got := b.finds("tickets", "tickets", query); !slices.Equal(got, want) {
			t.Errorf("%s finds %v, want %v", query, got, want)
		}
	}
}

func TestSearch_refuses_what_intercom_refuses(t *testing.T) {
	b := newRichBench(t, Options{})
	b.AddAttribute(Attribute{Model: "contact", Name: "seats", Type: "integer"})
	deep := `{"field":"role","operator":"=","value":"user"}`
	for range 3 {
		deep = `{"operator":"AND","value":[` + deep + `]}`
	}
	many := strings.Repeat(`{"field":"role","operator":"=","value":"user"},`, 15) + `{"field":"role","operator":"=","value":"user"}`
	contact := func(filter string) string { return `{"query":{` + filter + `}}` }
	for _, c := range []struct{ what, body, code string }{
		{"contacts", ``, "parameter_missing"},
		{"contacts", `{"query":null}`, "parameter_missing"},
		{"contacts", `{"query":5}`, "parameter_invalid"},
		{"contacts", contact(`"operator":"XOR","value":[]`), "parameter_invalid"},
		{"contacts", contact(`"operator":"AND","value":[]`), "parameter_invalid"},
		{"contacts", contact(`"operator":"AND","value":"x"`), "parameter_invalid"},
		{"contacts", `{"query":` + deep + `}`, "parameter_invalid"},
		{"contacts", contact(`"operator":"OR","value":[` + many + `]`), "parameter_invalid"},
		{"contacts", contact(`"field":"nonsense","operator":"=","value":"x"`), "parameter_invalid"},
		{"contacts", contact(`"field":"custom_attributes.nope","operator":"=","value":"x"`), "parameter_invalid"},
		{"contacts", contact(`"field":"email","operator":">","value":"x"`), "parameter_invalid"},
		{"contacts", contact(`"field":"email","operator":"==","value":"x"`), "parameter_invalid"},
		{"contacts", contact(`"field":"email","operator":"=","value":5`), "parameter_invalid"},
		{"contacts", contact(`"field":"email","operator":"="`), "parameter_missing"},
		{"contacts", contact(`"field":"email","operator":"IN","value":"x"`), "parameter_invalid"},
		{"contacts", contact(`"field":"email","operator":"IN","value":[5]`), "parameter_invalid"},
		{"contacts", contact(`"field":"owner_id","operator":"=","value":"5"`), "parameter_invalid"},
		{"contacts", contact(`"field":"custom_attributes.seats","operator":"=","value":5.5`), "parameter_invalid"},
		{"contacts", contact(`"field":"unsubscribed_from_emails","operator":"=","value":"true"`), "parameter_invalid"},
		{"contacts", contact(`"field":"created_at","operator":"=","value":"foobar"`), "parameter_invalid"},
		{"contacts", contact(`"field":"created_at","operator":"!=","value":5`), "parameter_invalid"},
		{"contacts", contact(`"field":"created_at","operator":">=","value":5`), "parameter_invalid"},
		{"contacts", contact(`"field":"created_at","operator":"IN","value":[5]`), "parameter_invalid"},
		{"contacts", contact(`"field":"tag_id","operator":"IN","value":["5"]`), "parameter_invalid"},
		{"conversations", contact(`"field":"admin_assignee_id","operator":"=","value":"5"`), "parameter_invalid"},
		{"conversations", contact(`"field":"updated_at","operator":">=","value":5`), "parameter_invalid"},
		{"conversations", contact(`"field":"statistics.count_reopens","operator":"<=","value":5`), "parameter_invalid"},
		{"tickets", contact(`"field":"admin_assignee_id","operator":"=","value":5`), "parameter_invalid"},
		{"tickets", contact(`"field":"updated_at","operator":">=","value":5`), "parameter_invalid"},
		{"contacts", `{"query":{"field":"role","operator":"=","value":"user"},"pagination":{"per_page":0}}`, "parameter_invalid"},
		{"contacts", `{"query":{"field":"role","operator":"=","value":"user"},"pagination":{"per_page":151}}`, "parameter_invalid"},
		{"conversations", `{"query":{"field":"open","operator":"=","value":true},"pagination":{"starting_after":"x"}}`, "parameter_invalid"},
	} {
		r := b.call("POST", "/"+c.what+"/search", c.body)
		if code := get(r.body, "errors.0.code"); r.status != 400 || code != c.code {
			t.Errorf("%s %s: %d %v, want 400 %s", c.what, c.body, r.status, code, c.code)
		}
	}
	allowed := `{"operator":"AND","value":[{"operator":"OR","value":[` + strings.TrimSuffix(strings.Repeat(`{"field":"role","operator":"=","value":"user"},`, 15), ",") + `]}]}`
	if got := b.finds("contacts", "data", allowed); !slices.Equal(got, []string{b.contact}) {
		t.Errorf("two levels of fifteen find %v", got)
	}
}

// A cursor goes on behind the last one shown, although others come and go meanwhile.
func TestSearch_pages_do_not_shift(t *testing.T) {
	b := newBench(t, Options{})
	var want []string
	for range 6 {
		want = append(want, b.AddContact(Contact{Role: "lead"}))
	}
	slices.Reverse(want)
	var got []string
	after := ""
	for range 4 {
		r := b.call("POST", "/contacts/search", `{"query":{"field":"role","operator":"=","value":"lead"},"pagination":{"per_page":2`+after+`}}`)
		for _, item := range get(r.body, "data").([]any) {
			got = append(got, get(item, "id").(string))
		}
		cursor, more := get(r.body, "pages.next.starting_after").(string)
		if !more {
			break
		}
		after = `,"starting_after":"` + cursor + `"`
		b.AddContact(Contact{Role: "lead"})
		b.call("DELETE", "/contacts/"+got[len(got)-1], "") // the one that the cursor names
	}
	if !slices.Equal(got, want) {
		t.Errorf("found %v, want %v", got, want)
	}
}
