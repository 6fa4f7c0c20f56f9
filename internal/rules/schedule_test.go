package rules

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"switchboard/internal/event"
	"switchboard/internal/intercom"
)

// sweepRule is a rule with `every`; keys come on lines of their own.
func sweepRule(keys string) string {
	s := header + "  - name: stale\n    every: 1h\n"
	for line := range strings.SplitSeq(keys, "; ") {
		s += "    " + line + "\n"
	}
	if !strings.Contains(keys, "then:") {
		s += "    then: [close]\n"
	}
	return s
}

func mustSweep(t testing.TB, rs *Ruleset) Sweep {
	t.Helper()
	list := rs.Sweeps()
	if len(list) != 1 {
		t.Fatalf("sweeps %+v, want one", list)
	}
	return list[0]
}

var noon = time.Date(2026, 1, 10, 12, 0, 0, 0, time.UTC)

// What stands under `search` is asked as the expression with the same text would ask it, and the
// client takes it.
func TestSweep_queries(t *testing.T) {
	for _, tt := range []struct{ search, text, query string }{
		{
			`{ state: open, admin_assignee_id: 0 }`, `conversations({state: "open", admin_assignee_id: 0})`,
			`{"operator":"AND","value":[{"field":"state","operator":"=","value":"open"},{"field":"admin_assignee_id","operator":"=","value":0}]}`,
		},
		{
			`{operator: AND, value: [{field: state, operator: "=", value: open}, {field: updated_at, operator: "<", value: "{{ now() - duration('72h') }}"}]}`,
			`conversations({operator: "AND", value: [{field: "state", operator: "=", value: "open"}, {field: "updated_at", operator: "<", value: now() - duration("72h")}]})`,
			`{"operator":"AND","value":[{"field":"state","operator":"=","value":"open"},{"field":"updated_at","operator":"<","value":1767787200}]}`,
		},
		{`{ open: true }`, `conversations({open: true})`, `{"field":"open","operator":"=","value":true}`},
		{`{ priority: null }`, `conversations({priority: nil})`, `{"field":"priority","operator":"=","value":null}`},
		{`{ "state": [open, "snoozed"] }`, `conversations({state: ["open", "snoozed"]})`, `{"field":"state","operator":"IN","value":["open","snoozed"]}`},
		{`{ contacts: { email_domain: "{{ lists.vip_domains }}" } }`, `contacts({email_domain: lists.vip_domains})`, `{"field":"email_domain","operator":"IN","value":["acme.test","globex.test"]}`},
		{`{ contacts: { custom_attributes.plan: pro } }`, `contacts({"custom_attributes.plan": "pro"})`, `{"field":"custom_attributes.plan","operator":"=","value":"pro"}`},
		{`{ conversations: { custom_attributes.rule: "{{ rule.name }}" } }`, `conversations({"custom_attributes.rule": rule.name})`, `{"field":"custom_attributes.rule","operator":"=","value":"stale"}`},
		{`{ tickets: { ticket_attribute.9: 1.5 } }`, `tickets({"ticket_attribute.9": 1.5})`, `{"field":"ticket_attribute.9","operator":"=","value":1.5}`},
		{`{ tickets: { admin_assignee_id: 0, category: request } }`, `tickets({admin_assignee_id: 0, category: "request"})`, `{"operator":"AND","value":[{"field":"admin_assignee_id","operator":"=","value":"0"},{"field":"category","operator":"=","value":"request"}]}`},
		{`{ tickets: { field: created_at, operator: "<=", value: 1700000000 } }`, `tickets({field: "created_at", operator: "<=", value: 1700000000})`, `{"field":"created_at","operator":"<=","value":1700000000}`},
	} {
		t.Run(tt.text, func(t *testing.T) {
			then := "then: [close]"
			if strings.HasPrefix(tt.text, "contacts") {
				then = "then: [{ contact: { note: hello } }]"
			}
			if strings.HasPrefix(tt.text, "tickets") {
				then = "then: [{ tag: Seen }]"
			}
			s := mustSweep(t, mustParse(t, sweepRule("search: "+tt.search+"; "+then)))
			query, ok, err := s.Query(noon)
			if err != nil || !ok || query != tt.query || s.Search != tt.text {
				t.Errorf("got  %s %v %v\nwant %s\ntext %s", query, ok, err, tt.query, s.Search)
			}
			var v any
			if err := json.Unmarshal([]byte(query), &v); err != nil {
				t.Fatal(err)
			}
			q, err := intercom.ParseQuery(v)
			if err == nil {
				err = q.Check(intercom.Resource(s.Kind + "s"))
			}
			if err != nil {
				t.Error("the client refuses it: ", err)
			}
		})
	}
}

// A search whose value is absent finds nothing, instead of strangers.
func TestSweep_absent_value_finds_nothing(t *testing.T) {
	s := mustSweep(t, mustParse(t, sweepRule(`search: { source.author.email: "{{ first(filter(lists.vip_domains, # == 'x')) }}" }`)))
	if query, ok, err := s.Query(noon); ok || err != nil {
		t.Error(query, ok, err)
	}
}

// Rules that are off have no sweep; others say what they are.
func TestSweeps(t *testing.T) {
	const text = `version: 1
rules:
  - { name: a, every: { cron: "0  8 * * mon", timezone: Europe/Dublin }, search: { open: true }, then: [close] }
  - { name: b, every: 15m, search: { open: true }, then: [close], state: off }
  - { name: c, every: 90m, search: { tickets: { open: true } }, then: [{ tag: x }], state: shadow }
  - { name: d, when: conversation.user.created, then: [close] }
`
	rs := mustParse(t, text)
	var got []string
	for _, s := range rs.Sweeps() {
		got = append(got, s.Rule+" "+s.Every+" "+s.Kind+" "+s.Next(noon).Format(time.DateTime))
	}
	want := []string{"a 0 8 * * mon (Europe/Dublin) conversation 2026-01-12 08:00:00", "c 90m ticket 2026-01-10 13:30:00"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if info := rs.Rules()[0]; info.Every != "0 8 * * mon (Europe/Dublin)" || info.Search != `conversations({open: true})` || info.When != nil {
		t.Errorf("%+v", info)
	}
	if rs.Wants(event.TopicSchedule) {
		t.Error("a rule listens to the topic")
	}
}

const staleConversation = `{"type":"conversation","id":"77","state":"open","created_at":1734537306,"updated_at":1734537306,"contacts":{"contacts":[{"type":"contact","id":"c1"}]},
 "tags":{"tags":[]},"admin_assignee_id":null,"team_assignee_id":null}`

// resultOf is an event as the sweep of a ruleset makes it, that has waited for some time.
func resultOf(t testing.TB, s Sweep, object string, waited time.Duration) Input {
	t.Helper()
	ev, err := s.Event("ws", noon.Add(-time.Minute), noon.Add(-waited), json.RawMessage(object))
	if err != nil {
		t.Fatal(err)
	}
	return Input{Event: ev, Now: noon}
}

// The event of a result has the same id however often the result is found, and names its subject.
func TestI2_a_result_has_one_event(t *testing.T) {
	s := mustSweep(t, mustParse(t, strings.Replace(sweepRule("search: { open: true }"), "name: stale", `name: "a/b %"`, 1)))
	in := resultOf(t, s, staleConversation, 0)
	again := resultOf(t, s, strings.Replace(staleConversation, "open", "closed", 1), time.Hour)
	if in.Event.ID != "schedule/a%2Fb %25/1768046340/77" || again.Event.ID != in.Event.ID || in.Event.Subject != "conversation/77" {
		t.Errorf("%+v", in.Event)
	}
	if !strings.HasPrefix(in.Event.ID, s.EventPrefix(noon.Add(-time.Minute))) || !in.Event.CreatedAt.Equal(noon.Add(-time.Minute)) {
		t.Errorf("%+v", in.Event)
	}
	for _, object := range []string{`{}`, `{"id":0}`, `[]`, `x`} {
		if _, err := s.Event("ws", noon, noon, json.RawMessage(object)); err == nil {
			t.Errorf("%s makes an event", object)
		}
	}
}

// A result goes through the same decision as a notification, and only its own rule is asked.
func TestEvaluate_results(t *testing.T) {
	const others = `
  - name: everything
    when: "*"
    then: [close]
  - name: other
    every: 1h
    search: { open: true }
    then: [close]
`
	for keys, want := range map[string]string{
		`search: { open: true }`: "ran",
		`search: { open: true }; if: conversation.state == "open" and event.topic == "switchboard.schedule" and event.from == nil`: "ran",
		`search: { open: true }; if: item.id == "77" and contact.id == "c1" and rule.name == "stale"`:                              "ran",
		`search: { open: true }; if: conversation.state == "closed"`:                                                               "did_not_match",

		`search: { open: true }; state: off`:         "held_back by off",
		`search: { open: true }; state: shadow`:      "held_back by shadow",
		`search: { open: true }; once: conversation`: "ran",
	} {
		t.Run(keys, func(t *testing.T) {
			rs := mustParseAny(t, sweepRule(keys)+others)
			live := mustSweep(t, mustParse(t, sweepRule(`search: { open: true }`)))
			in := resultOf(t, live, staleConversation, 10*time.Second)
			l := &countingLookup{}
			in.Lookup = l
			d := evaluate(t, rs, in)
			if len(d.Rules) != 1 || d.Considered != 1 || d.Total != 3 {
				t.Fatalf("%+v", d)
			}
			if got := said(d.Rules[0]); !strings.HasPrefix(got, want) || l.asked != nil {
				t.Errorf("%s, asked %v; want %s and no look-up", got, l.asked, want)
			}
			sameDecision(t, d, remake(t, rs, in, d))
		})
	}
}

// What a search finds has no parts: the newest message is read, and the first one not taken for it.
func TestEvaluate_results_have_the_newest_message(t *testing.T) {
	rs := mustParse(t, sweepRule(`search: { open: true }; if: message.text == "newest" and message.from == "teammate"`))
	object := strings.Replace(staleConversation, `"tags"`, `"source":{"type":"conversation","body":"<p>first</p>","author":{"type":"user","id":"c1"}},"tags"`, 1)
	in := resultOf(t, mustSweep(t, rs), object, 0)
	l := &countingLookup{fixedLookup: fixedLookup{conversation: `{"id":"77","conversation_parts":{"conversation_parts":[
		{"id":"1","part_type":"comment","body":"<p>newest</p>","author":{"type":"admin","id":"9"}}]}}`}}
	in.Lookup = l
	d := evaluate(t, rs, in)
	if !slices.Equal(l.asked, []string{"conversation/77"}) || d.Rules[0].Verdict != Ran {
		t.Errorf("asked %v, %+v", l.asked, d.Rules)
	}
	sameDecision(t, d, remake(t, rs, in, d))
}

// Each result counts once, in the quotas of any rule.
func TestEvaluate_results_have_quotas(t *testing.T) {
	rs := mustParse(t, sweepRule("search: { open: true }; once: conversation; limit: { runs: 5, per: 1h }"))
	in := resultOf(t, mustSweep(t, rs), staleConversation, 0)
	m := memory{}
	in.State = m
	m.remember(t, evaluate(t, rs, in))
	if o := evaluate(t, rs, in).Rules[0]; o.HeldBy != HeldByOnce {
		t.Errorf("%+v", o)
	}
}

// What has waited is read again: only what is so now counts.
func TestEvaluate_results_that_waited_are_read_again(t *testing.T) {
	rs := mustParse(t, sweepRule(`search: { open: true }; if: conversation.state == "open"`))
	in := resultOf(t, mustSweep(t, rs), staleConversation, 31*time.Second)
	for answer, want := range map[string]string{
		staleConversation: "ran",
		strings.Replace(staleConversation, `"state":"open"`, `"state":"closed"`, 1):                 "did_not_match",
		strings.Replace(staleConversation, `"updated_at":1734537306`, `"updated_at":1734537311`, 1): "did_not_match: the conversation has changed since it was found",
		"": "did_not_match: the conversation does not exist any more",
	} {
		l := &countingLookup{fixedLookup: fixedLookup{conversation: answer}}
		in.Lookup = l
		d := evaluate(t, rs, in)
		if got := said(d.Rules[0]); !strings.HasPrefix(got, want) || !slices.Equal(l.asked, []string{"conversation/77"}) {
			t.Errorf("%s, asked %v; want %s", got, l.asked, want)
		}
		sameDecision(t, d, remake(t, rs, in, d))
	}
	in.Lookup = &countingLookup{err: errTest}
	if d, err := rs.Evaluate(t.Context(), in); !errors.As(err, new(*LookupError)) {
		t.Error(d, err)
	}
	in.Lookup = refusing{}
	if d := evaluate(t, rs, in); d.Rules[0].Verdict != Failed {
		t.Errorf("%+v", d)
	}
}

// Events outlive the rule that made them: then nothing runs, and the decision says why.
func TestEvaluate_results_of_rules_that_are_gone(t *testing.T) {
	s := mustSweep(t, mustParse(t, sweepRule("search: { open: true }")))
	in := resultOf(t, s, staleConversation, 0)
	for text, want := range map[string]string{
		"  - {name: x, when: conversation.user.created, then: [close]}\n":     "there is no rule",
		"  - {name: stale, when: conversation.user.created, then: [close]}\n": "no schedule any more",
	} {
		d := evaluate(t, mustParse(t, header+text), in)
		if len(d.Rules) != 1 || d.Rules[0].Rule != "stale" || d.Rules[0].Verdict != DidNotMatch || !strings.Contains(d.Rules[0].Reason, want) {
			t.Errorf("%+v", d)
		}
	}
	in.Event.Payload = []byte(`{}`)
	if d := evaluate(t, mustParse(t, sweepRule("search: { open: true }")), in); d.Rules[0].Verdict != Failed {
		t.Errorf("%+v", d)
	}
}
