package rules

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"switchboard/internal/actions"
	"switchboard/internal/event"
)

const header = "version: 1\nsettings: {admin: ops-bot@acme.test}\nlists: {vip_domains: [acme.test, globex.test]}\nrules:\n"

// ruleText writes one rule that listens to what customers write.
func ruleText(name, keys string) string {
	s := "  - name: " + name + "\n"
	if !strings.Contains(keys, "when:") {
		s += "    when: [conversation.user.created, conversation.user.replied]\n"
	}
	for line := range strings.SplitSeq(keys, "; ") {
		if line != "" {
			s += "    " + line + "\n"
		}
	}
	if !strings.Contains(keys, "then:") {
		s += "    then: [{tag: " + name + "}]\n"
	}
	return s
}

func input(t testing.TB, payload string) Input {
	t.Helper()
	return Input{
		Event: mustEvent(t, payload), Now: unix(1768032600),
		Lookup: fixedLookup{contact: contactObject, companies: companiesList, conversation: `{}`},
	}
}

func evaluate(t testing.TB, rs *Ruleset, in Input) *Decision {
	t.Helper()
	d, err := rs.Evaluate(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// said is an outcome in one line.
func said(o Outcome) string {
	s := string(o.Verdict)
	if o.HeldBy != "" {
		s += " by " + o.HeldBy
	}
	return s + ": " + o.Reason
}

func TestEvaluate_reasons(t *testing.T) {
	tests := []struct{ keys, want string }{
		{``, "ran: it has no condition"},
		{`if: message.text contains "parcel"`, `ran: if: message.text contains "parcel" is true`},
		{`if: message.text matches "(?i)refund|chargeback"`, `did_not_match: if: message.text matches "(?i)refund|chargeback" is false`},
		{`if: conversation.open and contact.name == "Jo" and conversation.read`, `did_not_match: if: contact.name == "Jo" is false`},
		{`if: contact.name == "Jo" or conversation.open`, `ran: if: conversation.open is true`},
		{`if: contact.name == "Jo" or conversation.read`, `did_not_match: if: contact.name == "Jo" or conversation.read is false`},
		{`if: conversation.open and (conversation.read or contact.name == "Jo")`, `did_not_match: if: conversation.read or contact.name == "Jo" is false`},
		{`if: not conversation.open`, `did_not_match: if: not conversation.open is false`},
		{`if: [conversation.open, conversation.state == "closed"]`, `did_not_match: if: conversation.state == "closed" is false`},
		{`if: [conversation.open, conversation.state == "open"]`, `ran: all conditions hold`},
		{`any: [conversation.read, contact.name == "Jo"]`, `did_not_match: any: none of them is true`},
		{`any: [conversation.read, conversation.open]`, `ran: all conditions hold`},
		{`none: [conversation.read, contact.name == "Jo Miller"]`, `did_not_match: none: contact.name == "Jo Miller" is true`},
		{`none: conversation.read`, `ran: all conditions hold`},
		{`if: conversation.open; any: [conversation.read]; none: [conversation.open]`, `did_not_match: any: none of them is true`},
		{`state: off; because: broken`, `held_back by off: state: off because: broken`},
		{`state: off; if: conversation.read`, `held_back by off: state: off`},
		{`state: shadow`, `held_back by shadow: state: shadow`},
		{`state: shadow; if: conversation.read`, `did_not_match: if: conversation.read is false`},
		{`from: teammate`, `did_not_match: from: a customer acted, not a teammate`},
		{`from: bot; if: conversation.open`, `did_not_match: from: a customer acted, not a bot`},
		{`from: customer`, `ran: it has no condition`},
		{`from: human`, `ran: it has no condition`},
		{`from: any`, `ran: it has no condition`},
		{`if: contact.custom_attributes.plan > 5`, `failed: cannot compare a text with a number (line 7, column 40)`},
		{`if: upper(contact.custom_attributes.seats) == "X"`, `failed: upper() cannot work with this (a number) (line 7, column 9)`},
		{`if: message.text contains "x` + strings.Repeat("y", 300) + `"`, `did_not_match: if: message.text contains "x` + strings.Repeat("y", 95) + `… is false`},
		{`then: [{tag: "{{ contact.custom_attributes.none }}"}]`, `failed: then: tag: the name of a tag came out empty`},
		{`then: [{tag: ok}, {note: "{{ 1 % 0 }}"}]`, `failed: then: note: cannot divide by zero (line 7, column 36)`},
		{`if: conversation.admin_assignee_id == nil or "12345678" in conversation.tags or conversation.title == "" `, `ran: if: conversation.title == "" is true`},
	}
	for _, tt := range tests {
		t.Run(tt.keys, func(t *testing.T) {
			d := evaluate(t, mustParseAny(t, header+ruleText("r", tt.keys)), input(t, conversationReplied))
			o := outcome(t, d, "r")
			if got := said(o); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			if ran := o.Verdict == Ran; (len(o.Actions) > 0) != ran || (len(o.Remember) > 0) != ran {
				t.Errorf("%s, with %d actions and %d keys to remember", o.Verdict, len(o.Actions), len(o.Remember))
			}
			if strings.Contains(fmt.Sprint(d.Rules), "carrier") {
				t.Error("the decision repeats what the customer wrote")
			}
		})
	}
}

// The decision names rules in order, says what is planned, and can be stored.
func TestEvaluate_decision(t *testing.T) {
	rs := mustParse(t, header+
		ruleText("first", "if: conversation.open; then: [{tag: [A, '{{ contact.first_name }}']}, {assign: {team: Finance}}, {note: 'By {{ rule.name }}: {{ message.text }}'}]")+
		ruleText("elsewhere", "when: conversation.read")+
		ruleText("second", "state: shadow; then: [{close: {reply: Bye}}]")+
		ruleText("third", "when: conversation.*; then: [{snooze: 2h}]"))
	ev := edited(t, conversationReplied, func(_, item object) {
		item["conversation_parts"].(object)["conversation_parts"].([]any)[0].(object)["body"] = "<p>1 &lt; 2</p>"
	})
	in := input(t, conversationReplied)
	in.Event = ev
	d := evaluate(t, rs, in)
	if d.Ruleset != rs.Hash() || d.Event != ev.ID || !d.At.Equal(in.Now) || d.Considered != 3 || d.Total != 4 || len(d.Rules) != 3 {
		t.Errorf("%+v", d)
	}
	first := outcome(t, d, "first")
	var kinds []string
	for _, a := range first.Actions {
		kinds = append(kinds, a.Kind+" "+string(a.Params))
		if a.Admin != "ops-bot@acme.test" || a.Summary == "" {
			t.Errorf("%+v", a)
		}
	}
	want := `tag {"tags":["A","Jo"]}`
	if len(kinds) != 3 || kinds[0] != want || !strings.Contains(kinds[2], `By first: 1 \u0026lt; 2`) && !strings.Contains(kinds[2], `By first: 1 &lt; 2`) {
		t.Errorf("%v", kinds)
	}
	if got, want := first.Remember, []Quota{
		{Key: "part/conversation/215470000000123/37350000002", Runs: 1},
		{Key: "breaker/conversation/215470000000123", Runs: 100, Per: time.Hour, Keep: time.Hour, Count: 3, Shared: true},
	}; !slices.Equal(got, want) {
		t.Errorf("remember %v, want %v", got, want)
	}
	shadow := outcome(t, d, "second")
	if shadow.HeldBy != HeldByShadow || len(shadow.Would) != 1 || shadow.Would[0].Kind != "close" || len(shadow.Actions)+len(shadow.Remember) > 0 {
		t.Errorf("%+v", shadow)
	}
	if third := outcome(t, d, "third"); !strings.Contains(string(third.Actions[0].Params), fmt.Sprint(1768032600+7200)) {
		t.Errorf("%s", third.Actions[0].Params)
	}
	if string(d.Lookups["contact/6a1b2c3d4e5f60718293a4b5"]) != "" {
		t.Error("the name is in the payload, and the contact was looked up")
	}
	b, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	var back Decision
	if err := json.Unmarshal(b, &back); err != nil || !reflect.DeepEqual(&back, d) {
		t.Errorf("%v\n got %+v\nwant %+v", err, back, *d)
	}
	for _, v := range Verdicts() {
		if !slices.Contains([]Verdict{Ran, DidNotMatch, HeldBack, Failed}, v) {
			t.Error(v)
		}
	}
}

// The same input gives the same decision, byte for byte.
func TestEvaluate_is_a_pure_function(t *testing.T) {
	rs := mustParse(t, typicalRules(200, func(int) string { return "conversation.user.replied" }))
	in := input(t, conversationReplied)
	first, _ := json.Marshal(evaluate(t, rs, in))
	again, _ := json.Marshal(evaluate(t, mustParse(t, typicalRules(200, func(int) string { return "conversation.user.replied" })), in))
	if string(first) != string(again) {
		t.Error("two decisions on the same input differ")
	}
}

func TestEvaluate_stop(t *testing.T) {
	text := func(stop string) string {
		return header + ruleText("a", "if: conversation.read; stop: true") + ruleText("b", stop) + ruleText("c", "")
	}
	for stop, want := range map[string]int{
		"stop: true":                2,
		"stop: false":               3,
		"stop: true; state: shadow": 3,
		"stop: true; state: off":    3,
		"stop: true; if: contact.custom_attributes.plan > 5": 3,
	} {
		d := evaluate(t, mustParseAny(t, text(stop)), input(t, conversationReplied))
		if len(d.Rules) != want || d.Considered != 3 || d.Rules[len(d.Rules)-1].Stop != (want == 2) {
			t.Errorf("%s: %d outcomes, want %d: %+v", stop, len(d.Rules), want, d.Rules)
		}
	}
}

// I2: one thing that a person did runs a rule once, however many topics tell of it.
func TestEvaluate_I2_once_per_part(t *testing.T) {
	rs := mustParse(t, header+ruleText("r", "when: conversation.admin.*")+ruleText("never", "when: conversation.admin.*; if: conversation.read"))
	state := memory{}
	seen := map[Verdict]int{}
	for _, topic := range []string{"conversation.admin.replied", "conversation.admin.assigned", "conversation.admin.open.assigned"} {
		in := input(t, conversationReplied)
		in.Event = edited(t, "conversation_admin_open_assigned.json", func(envelope, _ object) {
			envelope["topic"], envelope["id"] = topic, "notif_"+topic
		})
		in.State = state
		d := evaluate(t, rs, in)
		o := outcome(t, d, "r")
		seen[o.Verdict]++
		if o.Verdict == HeldBack && o.HeldBy != HeldByPart {
			t.Errorf("%+v", o)
		}
		if got := outcome(t, d, "never").Verdict; got != DidNotMatch {
			t.Errorf("a rule that does not match is %s", got)
		}
		state.remember(t, d)
	}
	if seen[Ran] != 1 || seen[HeldBack] != 2 {
		t.Errorf("%v", seen)
	}
	// Another part, and an event without a part, run again.
	in := input(t, conversationReplied)
	in.Event = edited(t, "conversation_admin_open_assigned.json", func(_, item object) {
		item["conversation_parts"].(object)["conversation_parts"].([]any)[0].(object)["id"] = "37359999999"
	})
	in.State = state
	if o := outcome(t, evaluate(t, rs, in), "r"); o.Verdict != Ran {
		t.Errorf("another part: %s", said(o))
	}
}

// What one person did comes in several notifications: a rule that ran on one of them and stopped keeps the rules
// behind it from all of them, also from those that only they listen to with it.
func TestEvaluate_I2_stop_is_for_the_part(t *testing.T) {
	rs := mustParse(t, header+ruleText("r", "when: conversation.admin.*; stop: true")+ruleText("behind", "when: conversation.admin.assigned; from: any"))
	state := memory{}
	for _, topic := range []string{"conversation.admin.replied", "conversation.admin.assigned"} {
		in := input(t, conversationReplied)
		in.Event = edited(t, "conversation_admin_open_assigned.json", func(envelope, _ object) {
			envelope["topic"], envelope["id"] = topic, "notif_"+topic
		})
		in.State = state
		d := evaluate(t, rs, in)
		if len(d.Rules) != 1 || !d.Rules[0].Stop {
			t.Errorf("%s: %+v", topic, d.Rules)
		}
		state.remember(t, d)
	}
}

func TestEvaluate_once(t *testing.T) {
	rs := mustParse(t, header+ruleText("per-conversation", "when: '*'; once: conversation; from: any")+ruleText("per-contact", "when: '*'; once: contact; from: any"))
	state := memory{}
	next := func(payload string, edit func(envelope, item object)) (conversation, contact string) {
		in := input(t, payload)
		in.Event, in.State = edited(t, payload, edit), state
		d := evaluate(t, rs, in)
		state.remember(t, d)
		return said(outcome(t, d, "per-conversation")), said(outcome(t, d, "per-contact"))
	}
	same := func(_, _ object) {}
	otherConversation := func(_, item object) { item["id"] = "999" }
	otherContact := func(_, item object) {
		item["id"] = "998"
		item["contacts"].(object)["contacts"].([]any)[0].(object)["id"] = "c9"
		item["source"].(object)["author"].(object)["id"] = "c9"
	}
	ran, heldConversation, heldContact := "ran: it has no condition", "held_back by once: it ran already for this conversation", "held_back by once: it ran already for this contact"
	for i, step := range []struct {
		payload                         string
		edit                            func(envelope, item object)
		wantConversation, wantByContact string
	}{
		{conversationCreated, same, ran, ran},
		{conversationReplied, same, heldConversation, heldContact},
		{conversationCreated, otherConversation, ran, heldContact},
		{conversationCreated, otherContact, ran, ran},
		{"contact_user_updated.json", same, "failed: once: the event is not about a conversation", heldContact},
		{"ticket_created.json", same, ran, heldContact},
		{"company_created.json", same, "failed: once: the event is not about a conversation", "failed: once: the event does not name a contact"},
	} {
		gotConversation, gotContact := next(step.payload, step.edit)
		if gotConversation != step.wantConversation || gotContact != step.wantByContact {
			t.Errorf("step %d: got %q and %q", i, gotConversation, gotContact)
		}
	}
}

// A shadow rule leaves no trace in the state: taken live, it runs on the next occasion.
func TestEvaluate_shadow_remembers_nothing(t *testing.T) {
	rs := mustParse(t, header+ruleText("r", "state: shadow; once: conversation"))
	d := evaluate(t, rs, input(t, conversationReplied))
	if o := outcome(t, d, "r"); len(o.Remember) > 0 || len(o.Would) != 1 {
		t.Errorf("%+v", o)
	}
}

// I9: what Switchboard did itself triggers only rules with from: any.
func TestEvaluate_I9_own_work(t *testing.T) {
	rs := mustParse(t, header+ruleText("default", "when: conversation.admin.*")+ruleText("teammate", "when: conversation.admin.*; from: teammate")+
		ruleText("any", "when: conversation.admin.*; from: any"))
	in := input(t, "conversation_admin_open_assigned.json")
	in.Own, in.OwnReason = true, "part 5 is ours"
	d := evaluate(t, rs, in)
	for rule, want := range map[string]string{
		"default":  "held_back by own_work: Switchboard did this itself: part 5 is ours",
		"teammate": "held_back by own_work: Switchboard did this itself: part 5 is ours",
		"any":      "ran: it has no condition",
	} {
		if got := said(outcome(t, d, rule)); got != want {
			t.Errorf("%s: %s", rule, got)
		}
	}
}

func TestEvaluate_from(t *testing.T) {
	text := header
	for _, from := range []string{"customer", "teammate", "bot", "human", "any"} {
		text += ruleText(from, "when: '*'; from: "+from)
	}
	text += ruleText("default", "when: '*'")
	rs := mustParseAny(t, text)
	for payload, want := range map[string]string{
		conversationCreated:                  "customer human any default",
		conversationCreatedOld:               "customer human any default",
		"conversation_admin_noted.json":      "teammate human any default",
		"conversation_operator_replied.json": "bot any",
		"conversation_contact_attached.json": "teammate human any default",
		"contact_user_updated.json":          "human any default",
		"event_created.json":                 "customer human any default",
		"ticket_created.json":                "human any default",
		"ticket_contact_replied.json":        "customer human any default",
		"admin_added.json":                   "teammate human any default",
		"conversation_deleted.json":          "human any default",
	} {
		var ran []string
		for _, o := range evaluate(t, rs, input(t, payload)).Rules {
			if o.Verdict != DidNotMatch {
				ran = append(ran, o.Rule)
			}
		}
		if got := strings.Join(ran, " "); got != want {
			t.Errorf("%s: %s, want %s", payload, got, want)
		}
	}
}

// Rules listen to topics, exactly or with *; ping and our own API calls only by their name.
func TestEvaluate_topics(t *testing.T) {
	rs := mustParse(t, header+
		ruleText("exact", "when: conversation.user.created")+ruleText("list", "when: [ping, conversation.user.created]")+
		ruleText("all", "when: '*'")+ruleText("tail", "when: conversation.*")+ruleText("middle", "when: conversation.*.created")+
		ruleText("admin", "when: conversation.admin.*")+ruleText("both", "when: [conversation.*, conversation.user.*]"))
	for topic, want := range map[string]string{
		"conversation.user.created":         "exact list all tail middle both",
		"conversation.admin.single.created": "all tail admin both",
		"conversation.admin.open.assigned":  "all tail admin both",
		"conversation.admin":                "all tail both",
		"conversation":                      "all",
		"conversations.user.created":        "all",
		"ping":                              "list",
		"api.request.completed":             "",
		"never.heard.of":                    "all",
	} {
		var got []string
		for _, r := range rs.rulesFor(topic).run {
			got = append(got, r.name)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %v, want %s", topic, got, want)
		}
		if rs.Wants(topic) != (want != "") {
			t.Errorf("Wants(%q) is %v", topic, rs.Wants(topic))
		}
	}
}

// Look-ups happen when evaluation gets to them, each once, and are recorded.
func TestEvaluate_lookups(t *testing.T) {
	contact, companies := "contact/6a1b2c3d4e5f60718293a4b5", "companies/6a1b2c3d4e5f60718293a4b5"
	tests := []struct {
		payload, keys string
		want          []string
	}{
		{conversationReplied, `if: contact.email == "x" or contact.name == "x" or contact.external_id == "x"`, nil},
		{conversationReplied, `if: conversation.read and contact.custom_attributes.plan == "pro"`, nil},
		{conversationReplied, `if: conversation.open or contact.custom_attributes.plan == "pro"`, nil},
		{conversationReplied, `if: 'conversation.open ? conversation.open : contact.phone == "x"'`, nil},
		{conversationReplied, `if: [conversation.read, contact.phone == "x"]`, nil},
		{conversationReplied, `if: (conversation.open or contact.phone == "x") == true`, nil},
		{conversationReplied, `if: (conversation.read and contact.phone == "x") == true`, nil},
		{conversationReplied, `if: any(["a", "b"], (#) == "a" or contact.phone == "x")`, nil},
		{conversationReplied, `state: off; if: contact.phone == "x"`, nil},
		{conversationReplied, `from: bot; if: contact.phone == "x"`, nil},
		{conversationReplied, `if: conversation.read; then: [{tag: "{{ contact.phone }}"}]`, nil},
		{conversationReplied, `if: conversation.open and contact.custom_attributes.plan == "pro"`, []string{contact}},
		{conversationReplied, `if: contact.custom_attributes.plan == "pro" and contact.phone != nil and contact.custom_attributes.seats > 1`, []string{contact}},
		{conversationReplied, `then: [{tag: "{{ contact.phone }}"}]`, []string{contact}},
		{conversationReplied, `state: shadow; then: [{tag: "{{ contact.phone }}"}]`, []string{contact}},
		{conversationReplied, `if: company.name == "Globex" and len(companies) == 2`, []string{companies}},
		{conversationReplied, `if: company.name == "Globex" and contact.role == "user"`, []string{companies, contact}},
		{"contact_user_updated.json", `when: '*'; if: contact.custom_attributes.plan == "x" or contact.signed_up_at != nil or contact.phone == "x"`, nil},
		{"contact_user_updated.json", `when: '*'; if: company.name == "x"`, []string{companies}},
		{"company_created.json", `when: '*'; if: company.name == "x" or len(companies) > 0`, nil},
		{"conversation_deleted.json", `when: '*'; if: conversation.state == "x" or contact.email == "x" or message.text == "x"`, nil},
		{conversationRepliedOld, `if: conversation.state == "x" or message.text == "x" or contact.email == "x" or contact.role == "x"`, nil},
		{conversationRepliedOld, `if: conversation.priority == "priority" or conversation.custom_attributes.a == 1`, []string{"conversation/21320000001"}},
	}
	for _, tt := range tests {
		t.Run(tt.keys, func(t *testing.T) {
			l := &countingLookup{fixedLookup: fixedLookup{contact: contactObject, companies: companiesList, conversation: `{"priority":null}`}}
			in := input(t, tt.payload)
			in.Lookup = l
			d := evaluate(t, mustParse(t, header+ruleText("r", tt.keys)+ruleText("again", tt.keys)), in)
			if !slices.Equal(l.asked, tt.want) {
				t.Errorf("asked for %v, want %v", l.asked, tt.want)
			}
			if len(d.Lookups) != len(tt.want) {
				t.Errorf("recorded %v", d.Lookups)
			}
			for _, key := range tt.want {
				if !json.Valid(d.Lookups[key]) {
					t.Errorf("%s recorded as %q", key, d.Lookups[key])
				}
			}
			for _, o := range d.Rules {
				if o.Verdict == Failed && !strings.Contains(tt.keys, "{{") {
					t.Errorf("%+v", o)
				}
			}
		})
	}
}

// A contact that does not exist has no facts; that it does not exist is recorded.
func TestEvaluate_lookup_of_nothing(t *testing.T) {
	for _, answer := range []string{"", "null"} {
		in := input(t, conversationReplied)
		in.Lookup = fixedLookup{contact: answer, companies: answer}
		d := evaluate(t, mustParse(t, header+ruleText("r", `if: contact.phone == nil and contact.custom_attributes.plan != "pro" and company.name == nil and companies == []`)), in)
		if o := outcome(t, d, "r"); o.Verdict != Ran {
			t.Error(said(o))
		}
		if got := string(d.Lookups["contact/6a1b2c3d4e5f60718293a4b5"]); got != "null" {
			t.Errorf("recorded %q", got)
		}
	}
}

// A look-up or a state that fails leaves nothing decided, wherever it was needed.
func TestEvaluate_lookup_errors(t *testing.T) {
	cause := errors.New("connection refused")
	for _, keys := range []string{
		`if: contact.custom_attributes.plan == "pro"`, `if: any([1], contact.phone == "x")`, `then: [{tag: "{{ contact.phone }}"}]`,
		`then: [{note: "{{ company.name }}"}]`, `if: conversation.open and (conversation.read or contact.phone == "x")`,
		`state: shadow; then: [{tag: "{{ contact.phone }}"}]`, `if: minutes_since(contact.signed_up_at) > 1`,
	} {
		in := input(t, conversationReplied)
		in.Lookup = &countingLookup{err: cause}
		d, err := mustParse(t, header+ruleText("before", "")+ruleText("r", keys)).Evaluate(t.Context(), in)
		lookupErr, ok := errors.AsType[*LookupError](err)
		if d != nil || !ok || !errors.Is(err, cause) || !strings.HasPrefix(lookupErr.What, "co") {
			t.Errorf("%s: %v and %v", keys, d, err)
		}
	}
	in := input(t, conversationReplied)
	in.State = brokenState{cause}
	if d, err := mustParse(t, header+ruleText("r", "")).Evaluate(t.Context(), in); d != nil || !errors.Is(err, cause) {
		t.Errorf("%v and %v", d, err)
	}
	if _, ok := errors.AsType[*LookupError](error(&LookupError{"contact/1", cause})); !ok {
		t.Error("not found by its type")
	}
	// An answer that is not JSON is an error of the look-up too.
	in = input(t, conversationReplied)
	in.Lookup = fixedLookup{contact: `{"a":`}
	if d, err := mustParse(t, header+ruleText("r", `if: contact.phone == nil`)).Evaluate(t.Context(), in); d != nil || err == nil {
		t.Errorf("%v and %v", d, err)
	}
	// Without look-ups at all, only the rule that needs one fails.
	in.Lookup = nil
	d := evaluate(t, mustParse(t, header+ruleText("r", `if: contact.phone == nil`)+ruleText("other", `if: contact.email != nil`)), in)
	if outcome(t, d, "r").Verdict != Failed || outcome(t, d, "other").Verdict != Ran {
		t.Errorf("%+v", d.Rules)
	}
}

// A kind of action that keeps the cause of its error to itself changes nothing about that.
func TestEvaluate_lookup_error_hidden_by_an_action(t *testing.T) {
	rs := mustParse(t, header+ruleText("r", `then: [{tag: "{{ contact.phone }}"}]`))
	rs.rules[0].actions[0].spec = hidingSpec{rs.rules[0].actions[0].spec}
	in := input(t, conversationReplied)
	cause := errors.New("connection refused")
	in.Lookup = &countingLookup{err: cause}
	if d, err := rs.Evaluate(t.Context(), in); d != nil || !errors.Is(err, cause) {
		t.Errorf("%v and %v", d, err)
	}
}

type hidingSpec struct{ actions.Spec }

func (s hidingSpec) Plan(p actions.Plan) (json.RawMessage, error) {
	if params, err := s.Spec.Plan(p); err == nil {
		return params, nil
	}
	return nil, errors.New("it did not work")
}

type brokenState struct{ err error }

func (s brokenState) Recall(context.Context, string, string) (Memory, error) { return Memory{}, s.err }
func (s brokenState) Timers(context.Context) ([]Timer, error)                { return nil, s.err }
func (s brokenState) Cancels(context.Context) ([]Cancel, error)              { return nil, s.err }

// One rule that fails leaves the others alone.
func TestEvaluate_failures_are_contained(t *testing.T) {
	rs := mustParse(t, header+ruleText("a", "")+ruleText("b", `if: contact.custom_attributes.plan > 5`)+
		ruleText("c", `then: [{tag: x}, {tag: "{{ 1 % 0 }}"}]`)+ruleText("d", `if: all(1..90000, all(1..90000, true))`)+ruleText("e", "if: any(1..900, (#) == 900)"))
	d := evaluate(t, rs, input(t, conversationReplied))
	var got []string
	for _, o := range d.Rules {
		got = append(got, string(o.Verdict))
		if o.Verdict == Failed && (o.Reason == "" || len(o.Actions) > 0) {
			t.Errorf("%+v", o)
		}
	}
	if want := "ran failed failed failed ran"; strings.Join(got, " ") != want {
		t.Errorf("%v, want %s", got, want)
	}
}

// An event that cannot be read fails every rule, and is not tried again for ever.
func TestEvaluate_unreadable_payload(t *testing.T) {
	rs := mustParse(t, header+ruleText("r", "when: '*'"))
	for _, payload := range []string{"", "{", `{"data":{}}`, `{"data":{"item":5}}`, `[]`, "\xff"} {
		d, err := rs.Evaluate(t.Context(), Input{Event: event.Event{Topic: "conversation.user.created", Payload: []byte(payload)}, Now: time.Now()})
		if err != nil || d.Rules[0].Verdict != Failed || d.Rules[0].Reason == "" {
			t.Errorf("%q: %+v %v", payload, d, err)
		}
	}
}

// Some actions are for conversations; on other events the rule fails and says so.
func TestEvaluate_action_on_another_subject(t *testing.T) {
	rs := mustParse(t, header+"  - {name: r, when: [conversation.user.created, contact.user.updated], then: [close]}\n")
	if o := outcome(t, evaluate(t, rs, input(t, "contact_user_updated.json")), "r"); o.Verdict != Failed || !strings.Contains(o.Reason, "conversation") {
		t.Error(said(o))
	}
}

// A ruleset serves any number of goroutines.
func TestEvaluate_concurrently(t *testing.T) {
	rs := mustParse(t, typicalRules(100, func(int) string { return "'*'" })+ruleText("dynamic", `when: '*'; if: any(["(?i)refund", "x"], message.text matches (#))`))
	payloads := []string{conversationCreated, conversationReplied, conversationRepliedOld, "contact_user_updated.json", "ticket_created.json"}
	want := make([]string, len(payloads))
	for i, p := range payloads {
		b, _ := json.Marshal(evaluate(t, rs, input(t, p)))
		want[i] = string(b)
	}
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for n := range 20 {
				i := (g + n) % len(payloads)
				d, err := rs.Evaluate(context.Background(), input(t, payloads[i]))
				b, _ := json.Marshal(d)
				if err != nil || string(b) != want[i] {
					t.Errorf("%s: another decision, %v", payloads[i], err)
				}
			}
		})
	}
	wg.Wait()
}

// Rules that do not match cost no memory: a thousand of them allocate as often as a hundred.
func TestEvaluate_unmatched_rules_allocate_nothing(t *testing.T) {
	allocs := func(n int) float64 {
		rs := mustParse(t, typicalRules(n, func(int) string { return "conversation.user.replied" }))
		in := input(t, conversationReplied)
		if d := evaluate(t, rs, in); len(d.Rules) != n || slices.ContainsFunc(d.Rules, func(o Outcome) bool { return o.Verdict != DidNotMatch }) {
			t.Fatal("some rules match")
		}
		return testing.AllocsPerRun(20, func() { evaluate(t, rs, in) })
	}
	few, many := allocs(100), allocs(1000)
	if many > few+5 { // a collection in between may empty a pool
		t.Errorf("%v allocations with 100 rules, %v with 1000", few, many)
	}
}
