package intercom

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"
)

func TestQuery_is_written_in_Intercoms_grammar(t *testing.T) {
	at := time.Date(2020, 1, 1, 9, 0, 0, 0, time.UTC)
	for want, q := range map[string]Query{
		`{"field":"email","operator":"=","value":"a@b.c"}`:                      Eq("email", "a@b.c"),
		`{"field":"email","operator":"!=","value":null}`:                        NotEq("email", nil),
		`{"field":"role","operator":"IN","value":["user","lead"]}`:              In("role", "user", "lead"),
		`{"field":"role","operator":"NIN","value":["user"]}`:                    NotIn("role", "user"),
		`{"field":"created_at","operator":"<","value":1577869200}`:              Less("created_at", at),
		`{"field":"updated_at","operator":">","value":1577869200}`:              Greater("updated_at", Time{at}),
		`{"field":"owner_id","operator":"<=","value":5}`:                        AtMost("owner_id", uint8(5)),
		`{"field":"owner_id","operator":">=","value":5}`:                        AtLeast("owner_id", 5.0),
		`{"field":"name","operator":"~","value":"jo"}`:                          Contains("name", "jo"),
		`{"field":"name","operator":"!~","value":"jo"}`:                         NotContains("name", "jo"),
		`{"field":"name","operator":"^","value":"jo"}`:                          StartsWith("name", "jo"),
		`{"field":"name","operator":"$","value":"jo"}`:                          EndsWith("name", "jo"),
		`{"field":"custom_attributes.plan","operator":"=","value":"007"}`:       Eq("custom_attributes.plan", ID("007")),
		`{"field":"custom_attributes.score","operator":"\u003e","value":0.5}`:   Greater("custom_attributes.score", 0.5),
		`{"field":"custom_attributes.since","operator":"=","value":1577869200}`: Eq("custom_attributes.since", at),
		`{"operator":"OR","value":[{"operator":"AND","value":[{"field":"id","operator":"=","value":"1"}]},{"operator":"OR","value":[{"field":"os","operator":"=","value":"mac"}]}]}`: Or(And(Eq("id", 1)), Eq("os", "mac")),
	} {
		checked, err := q.check(Contacts)
		if err != nil {
			t.Errorf("%s: %v", want, err)
			continue
		}
		if got, err := json.Marshal(checked); err != nil || !sameJSON(t, string(got), want) {
			t.Errorf("%s, %v; want %s", got, err, want)
		}
	}
}

// Every operator on a field of each kind, as the descriptions of the three searches have it.
func TestQuery_each_field_takes_its_operators_only(t *testing.T) {
	for _, tt := range []struct {
		resource Resource
		field    string
		takes    string
	}{
		{Contacts, "email", "= != IN NIN ~ !~ ^ $"},
		{Contacts, "owner_id", "= != IN NIN < > <= >="},
		{Contacts, "created_at", "= < >"},
		{Contacts, "last_seen_at", "= < >"},
		{Contacts, "ios_last_seen_at", "= < >"},
		{Contacts, "tag_id", "= !="},
		{Contacts, "unsubscribed_from_emails", "= != IN NIN"},
		{Contacts, "custom_attributes.plan", "= != IN NIN < > <= >= ~ !~ ^ $"},
		{Conversations, "source.body", "= != IN NIN ~ !~ ^ $"},
		{Conversations, "admin_assignee_id", "= != IN NIN < >"},
		{Conversations, "statistics.count_reopens", "= != IN NIN < >"},
		{Conversations, "created_at", "= != IN NIN < >"},
		{Conversations, "open", "= != IN NIN"},
		{Conversations, "custom_attributes.plan", "= != IN NIN < > ~ !~ ^ $"},
		{Tickets, "title", "= != IN NIN ~ !~ ^ $"},
		{Tickets, "admin_assignee_id", "= != IN NIN ~ !~ ^ $"},
		{Tickets, "created_at", "= != IN NIN < > <= >="},
		{Tickets, "updated_at", "= != IN NIN < >"},
		{Tickets, "open", "= != IN NIN"},
		{Tickets, "ticket_attribute.5", "= != IN NIN < > ~ !~ ^ $"},
	} {
		takes := strings.Fields(tt.takes)
		for _, op := range operators {
			var value any = "5" // as good as a number
			if tt.resource.kindOf(tt.field) == kindBool {
				value = true
			}
			if op == OpIn || op == OpNotIn {
				value = []any{value}
			}
			err := Where(tt.field, op, value).Check(tt.resource)
			if want := strings.Contains(" "+tt.takes+" ", " "+string(op)+" "); want != (err == nil) {
				t.Errorf("%s: %s %s: %v, want it to take %s", tt.resource, tt.field, op, err, takes)
			}
			if err == nil {
				continue
			}
			if !strings.Contains(err.Error(), tt.field+" "+string(op)) || !strings.HasSuffix(err.Error(), strings.Join(takes, ", ")) {
				t.Errorf("%q does not name field, operator and what is allowed", err)
			}
		}
	}
}

func TestQuery_assignees_are_numbers_for_conversations_and_texts_for_tickets(t *testing.T) {
	for _, id := range []any{"9", 9, int64(9), ID("9"), json.Number("9"), 9.0} {
		for resource, want := range map[Resource]string{Conversations: `9`, Tickets: `"9"`} {
			for _, field := range []string{"admin_assignee_id", "team_assignee_id"} {
				for _, q := range []Query{Eq(field, id), In(field, id)} {
					checked, err := q.check(resource)
					got, _ := json.Marshal(checked)
					if err != nil || !strings.Contains(strings.NewReplacer("[", "", "]", "").Replace(string(got)), `"value":`+want+`}`) {
						t.Errorf("%s by %T: %s, %v; want %s", resource, id, got, err, want)
					}
				}
			}
		}
	}
}

func TestQuery_values_must_be_what_the_field_holds(t *testing.T) {
	for _, tt := range []struct {
		q    Query
		want string
	}{
		{Eq("created_at", "yesterday"), "created_at =: the value must be a time or Unix seconds"},
		{Eq("created_at", time.Time{}), "a time or Unix seconds"},
		{Eq("created_at", true), "a time or Unix seconds"},
		{Less("created_at", nil), "a time or Unix seconds"},
		{Eq("admin_assignee_id", "Sam"), "admin_assignee_id =: the value must be a whole number"},
		{Eq("admin_assignee_id", 1.5), "a whole number"},
		{Eq("admin_assignee_id", math.Inf(1)), "a whole number"},
		{Eq("admin_assignee_id", uint64(math.MaxUint64)), "a whole number"},
		{Eq("open", "true"), "open =: the value must be true or false"},
		{Eq("state", true), "state =: the value must be a text"},
		{Eq("state", map[string]any{}), "a text"},
		{Eq("custom_attributes.x", map[string]any{}), "a text, a number, a time, or true or false"},
		{Greater("custom_attributes.x", nil), "a text, a number, a time, or true or false"},
		{Eq("state", []string{"open"}), "state =: the value is a list, which only IN and NIN take"},
		{Where("state", OpIn, "open"), "state IN: the value must be a list of at least one value"},
		{In("state"), "a list of at least one value"},
		{Where("state", OpNotIn, nil), "a list of at least one value"},
		{In("state", "open", false), "state IN: value 2: the value must be a text"},
		{Where("state", "LIKE", "open"), "state LIKE: a text of conversations takes ="},
		{Where("state", "", "open"), "takes ="},
		{Where("", OpEq, "open"), "needs a field"},
		{Query{}, "needs a field"},
	} {
		for _, q := range []Query{tt.q, And(Eq("id", "1"), tt.q), Or(And(tt.q))} {
			if err := q.Check(Conversations); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%+v: %v, want %q", q, err, tt.want)
			}
		}
	}
	for _, q := range []Query{
		Where("state", OpIn, []string{"open", "closed"}), Where("id", OpIn, []int{1, 2}), Where("id", OpIn, []ID{"1"}),
		Eq("admin_assignee_id", nil), NotEq("state", nil), Eq("unlisted_field", 1), Eq("created_at", "1577869200"),
	} {
		if err := q.Check(Conversations); err != nil {
			t.Errorf("%+v: %v", q, err)
		}
	}
}

func TestQuery_groups_have_limits(t *testing.T) {
	one := Eq("id", "1")
	many := func(n int) []Query {
		all := make([]Query, n)
		for i := range all {
			all[i] = one
		}
		return all
	}
	for _, tt := range []struct {
		q    Query
		want string
	}{
		{And(many(15)...), ""},
		{Or(many(16)...), "a group OR holds 16 filters; at most 15 are allowed"},
		{And(Or(many(15)...), Or(many(15)...)), ""},
		{And(one, Or(many(16)...)), "a group OR holds 16 filters"},
		{And(Or(one, one), Or(one, one)), ""},
		{And(Or(And(one))), "nested more than 2 deep"},
		{And(), "a group AND is empty"},
		{And(one, Or()), "a group OR is empty"},
	} {
		err := tt.q.Check(Tickets)
		if (err == nil) != (tt.want == "") || (err != nil && !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%v, want %q", err, tt.want)
		}
	}
}

func TestSearch_what_Intercom_would_refuse_is_refused_for_good_without_a_call(t *testing.T) {
	rec := record(t, answerWith(200, emptyList))
	err := drain(rec.client(t).SearchContacts(t.Context(), AtLeast("created_at", 1), 0))
	if ClassOf(err) != Permanent || !strings.Contains(fmt.Sprint(err), "POST /contacts/search: created_at >=: a date of contacts takes =, <, >") {
		t.Errorf("%v of class %v", err, ClassOf(err))
	}
	if n := len(rec.all()); n != 0 {
		t.Errorf("%d requests went out", n)
	}
}

func TestSearch_sends_the_cursor_with_the_same_query(t *testing.T) {
	rec := pageAnswers(t,
		`{"conversations":[{"id":"1"},{"id":2}],"pages":{"next":{"starting_after":"a"}}}`,
		`{"conversations":[{"id":"3"}],"pages":{"next":null}}`)
	var ids []string
	for item, err := range rec.client(t).SearchConversations(t.Context(), Eq("open", true), 0) {
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, string(item.Value.ID))
	}
	if strings.Join(ids, " ") != "1 2 3" {
		t.Errorf("found %q", ids)
	}
	const query = `{"query":{"field":"open","operator":"=","value":true},"pagination":`
	want := []string{query + `{"per_page":150}}`, query + `{"per_page":150,"starting_after":"a"}}`}
	for i, r := range rec.all() {
		if i >= len(want) || !sameJSON(t, r.body, want[i]) {
			t.Errorf("call %d sent %s", i+1, r.body)
		}
	}
}

func TestSearch_I4_reads_although_it_is_a_POST(t *testing.T) {
	rec := record(t, answerWith(200, emptyList))
	budget := &watchedBudget{}
	c := newTestClient(t, Options{BaseURL: rec.URL, Budget: budget})
	if err := drain(c.SearchContacts(t.Context(), Eq("email", "a@b.c"), 1)); err != nil || budget.last != PriorityRead {
		t.Errorf("%v with priority %v, want that of reads", err, budget.last)
	}
}

func TestParseQuery_reads_what_is_written_as_Intercom_writes_it(t *testing.T) {
	for _, in := range []string{
		`{"field":"email","operator":"=","value":"a@b.c"}`,
		`{"field":"email","operator":"!=","value":null}`,
		`{"field":"role","operator":"IN","value":["user","lead"]}`,
		`{"operator":"AND","value":[{"operator":"OR","value":[{"field":"created_at","operator":">","value":1306054154},{"field":"name","operator":"^","value":"a"}]}]}`,
	} {
		var v any
		if err := json.Unmarshal([]byte(in), &v); err != nil {
			t.Fatal(err)
		}
		q, err := ParseQuery(v)
		if err != nil {
			t.Errorf("%s: %v", in, err)
			continue
		}
		if got, _ := json.Marshal(q); !sameJSON(t, string(got), in) {
			t.Errorf("%s became %s", in, got)
		}
		if err := q.Check(Contacts); err != nil {
			t.Errorf("%s: %v", in, err)
		}
	}
	q, err := ParseQuery(map[string]any{"operator": "or", "value": []any{map[string]any{"field": "id", "operator": "in", "value": []any{1}}}})
	if got, _ := json.Marshal(q); err != nil || !sameJSON(t, string(got), `{"operator":"OR","value":[{"field":"id","operator":"IN","value":[1]}]}`) {
		t.Errorf("in small letters: %s, %v", got, err)
	}
}

func TestParseQuery_says_where_and_what_is_wrong(t *testing.T) {
	condition := map[string]any{"field": "id", "operator": "=", "value": "1"}
	for _, tt := range []struct {
		in   any
		want string
	}{
		{nil, "query: must have field, operator and value"},
		{[]any{condition}, "query: must have field, operator and value"},
		{"id = 1", "query: must have field, operator and value"},
		{map[string]any{}, "query: value is missing"},
		{map[string]any{"field": "id", "operator": "="}, "query: value is missing"},
		{map[string]any{"operator": "=", "value": 1}, "query: field is missing"},
		{map[string]any{"field": 1, "operator": "=", "value": 1}, "query: field is missing or not a text"},
		{map[string]any{"field": "id", "value": 1}, `query: operator of id is ""; it must be one of =, !=, IN, NIN, <, >, <=, >=, ~, !~, ^, $, or AND or OR`},
		{map[string]any{"field": "id", "operator": "==", "value": 1}, `operator of id is "=="`},
		{map[string]any{"field": "id", "op": "=", "value": 1}, `query: has "op"; only field, operator and value are known`},
		{map[string]any{"field": "id", "operator": "AND", "value": []any{}}, "query: AND takes no field"},
		{map[string]any{"operator": "AND", "value": condition}, "query: the value of AND must be a list"},
		{map[string]any{"operator": "AND", "value": []any{condition, "x"}}, "query.value[1]: must have"},
		{map[string]any{"operator": "AND", "value": []any{map[string]any{"operator": "OR", "value": []any{nil}}}}, "query.value[0].value[0]: must have"},
	} {
		if q, err := ParseQuery(tt.in); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%v: %+v, %v; want %q", tt.in, q, err, tt.want)
		}
	}
}

func TestSearchPage_is_one_call_and_says_where_the_next_page_begins(t *testing.T) {
	rec := pageAnswers(t,
		`{"tickets":[{"id":"1"},{"id":2,"more":true}],"pages":{"next":{"starting_after":"a"}}}`,
		`{"tickets":[{"id":"3"}],"pages":{"next":null}}`)
	c := rec.client(t)
	items, next, err := c.SearchPage(t.Context(), Tickets, Eq("open", true), 2, "")
	if err != nil || len(items) != 2 || string(items[1]) != `{"id":2,"more":true}` || next != "a" {
		t.Errorf("%s, %q, %v", items, next, err)
	}
	items, next, err = c.SearchPage(t.Context(), Tickets, Eq("open", true), 2, next)
	if err != nil || len(items) != 1 || next != "" {
		t.Errorf("%s, %q, %v", items, next, err)
	}
	const query = `{"query":{"field":"open","operator":"=","value":true},"pagination":`
	for i, want := range []string{query + `{"per_page":2}}`, query + `{"per_page":2,"starting_after":"a"}}`} {
		if got := rec.all()[i]; got.uri != "/tickets/search" || !sameJSON(t, got.body, want) {
			t.Errorf("call %d sent %s to %s", i+1, got.body, got.uri)
		}
	}
	if _, _, err := c.SearchPage(t.Context(), Contacts, AtLeast("created_at", 1), 2, ""); ClassOf(err) != Permanent || len(rec.all()) != 2 {
		t.Errorf("what Intercom would refuse: %v", err)
	}
}
