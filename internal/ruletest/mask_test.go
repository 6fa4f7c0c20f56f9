package ruletest

import (
	"context"
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"switchboard/internal/dryrun"
	"switchboard/internal/event"
	"switchboard/internal/rules"
)

// everyRecord calls back with what was decided in the tests of the examples, as it would be on record.
func everyRecord(t *testing.T, each func(rs *rules.Ruleset, r *rules.Record)) {
	t.Helper()
	names, err := Find([]string{"../../rules.example.test.yaml", "../../examples"})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		file, problems := Load(name)
		if file == nil {
			t.Fatal(problems)
		}
		for _, test := range file.Tests {
			r := &run{test: test, world: newWorld(test.given, test.steps), service: dryrun.New(file.Ruleset)}
			if err := r.steps(t.Context()); err != nil {
				t.Fatal(err)
			}
			for _, d := range r.decided {
				if d.event.recorded == nil {
					each(file.Ruleset, rules.RecordOf(d.event.Event, d.d))
				}
			}
		}
	}
}

var morning = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

var wordInJSON = regexp.MustCompile(`\p{L}{4,}`)

// A masked record is decided as the one that it was made of, and says nothing of people but what is named as
// kept.
func TestMask(t *testing.T) {
	records := 0
	everyRecord(t, func(rs *rules.Ruleset, r *rules.Record) {
		records++
		masked, kept, err := Mask(t.Context(), rs, r)
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(masked)
		if err != nil {
			t.Fatal(err)
		}
		whole := &masker{ruleset: rs, values: map[string]string{}, numbers: map[string]bool{}}
		if err := whole.read(r); err != nil {
			t.Fatal(err)
		}
		want, err := whole.outcome(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		again := &masker{ruleset: rs, values: map[string]string{}, numbers: map[string]bool{}}
		if err := again.read(masked); err != nil {
			t.Fatal(err)
		}
		if got, err := again.outcome(t.Context()); err != nil || got != want {
			t.Errorf("masked it is decided otherwise (%v):\n%s\n%s", err, got, want)
		}
		left := strings.Join(kept, " ")
		for _, secret := range []string{"Ada", "Miller", "ada@", "teammate@example.com"} {
			if strings.Contains(string(text), secret) && !strings.Contains(left, secret) {
				t.Errorf("%q is left, and %q is said to be", secret, kept)
			}
		}
		for _, value := range whole.found {
			for _, word := range wordInJSON.FindAllString(htmlTag.ReplaceAllString(value, " "), -1) {
				pattern := regexp.MustCompile(`(^|\PL)` + word + `($|\PL)`)
				if !pattern.MatchString(left) && slices.ContainsFunc(again.found, func(s string) bool {
					return pattern.MatchString(htmlTag.ReplaceAllString(s, " ")) && s != "person1@example.com"
				}) && word != "example" && word != "person" {
					t.Errorf("%q is left of %q, and %q is said to be", word, value, kept)
				}
			}
		}
	})
	if records < 5 {
		t.Errorf("only %d records", records)
	}
}

// What is left is what the rules decide by: a word, a domain, a number.
func TestMask_keeps_what_decides(t *testing.T) {
	rs, problems := rules.Parse([]rules.Source{{Name: "rules.yaml", Text: []byte(`
version: 1
rules:
  - name: refund
    when: conversation.user.created
    if: message.text contains "refund" and domain(contact.email) == "acme.test" and contact.custom_attributes.seats > 10
    then: [note: "{{ contact.name }}"]
`)}})
	if rs == nil {
		t.Fatal(problems)
	}
	ev, err := event.Parse([]byte(`{"topic":"conversation.user.created","app_id":"ws","id":"n1","created_at":1772452800,"data":{"item":{
"type":"conversation","id":"7","source":{"id":"1","body":"<p>Dear Ben, I want a refund of &euro; 4711!</p>","author":{"type":"user","id":"c1","name":"Ada Miller","email":"ada@acme.test"}},
"contacts":{"contacts":[{"type":"contact","id":"c1"}]},"tags":{"tags":[{"type":"tag","id":"1","name":"Priority"}]}}}}`), morning)
	if err != nil {
		t.Fatal(err)
	}
	contact := json.RawMessage(`{"type":"contact","id":"c1","phone":"+353 1 555","custom_attributes":{"seats":25,"revenue":12345,"plan":"gold"}}`)
	record := rules.RecordOf(ev, &rules.Decision{At: morning, Lookups: map[string]json.RawMessage{"contact/c1": contact}})
	masked, kept, err := Mask(t.Context(), rs, record)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{`"refund"`, "the domain acme.test", "the number seats"}; !slices.Equal(slices.Sorted(slices.Values(kept)), slices.Sorted(slices.Values(want))) {
		t.Errorf("kept %q, want %q", kept, want)
	}
	for _, want := range []string{"<p>Xxxx Xxx, X xxxx x refund xx &euro; 0000!</p>", "@acme.test", "Xxx Xxxxxx", `"Priority"`} {
		if !strings.Contains(string(masked.Payload), want) {
			t.Errorf("%s is not in %s", want, masked.Payload)
		}
	}
	if got := string(masked.Decision.Lookups["contact/c1"]); got != `{"custom_attributes":{"plan":"xxxx","revenue":0,"seats":25},"id":"c1","phone":"+000 0 000","type":"contact"}` {
		t.Error(got)
	}
	if len(record.Decision.Lookups) != 1 || !strings.Contains(string(record.Payload), "Dear Ben") {
		t.Error("the record itself was changed", maps.Keys(record.Decision.Lookups))
	}
}

// What people wrote can stand in many places.
func TestMask_places(t *testing.T) {
	rs, problems := rules.Parse([]rules.Source{{Name: "rules.yaml", Text: []byte(`
version: 1
rules:
  - name: known
    when: conversation.user.created
    if: 'len(contacts({email: contact.email})) > 0'
    then: [tag: Known]
`)}})
	if rs == nil {
		t.Fatal(problems)
	}
	ev, err := event.Parse([]byte(`{"topic":"conversation.user.created","app_id":"ws","id":"n1","created_at":1772452800,"data":{"item":{
"type":"conversation","id":"7","met_at":"at Miller's house","phone_no":35315550100,"ada@acme.test":"x","custom_attributes":{"flat":{"id":"Miller","points":4711},"cards":[4111]},
"source":{"id":"1","body":"<p>See <a href='mailto:ada@acme.test'>this</a> <!-- Miller --> <img alt=\"Miller\"> &Miller; Ada <miller@acme.test></p>","url":"https://acme.test/miller",
"author":{"type":"user","id":"c1","name":"Ada Miller <ada@acme.test>","email":"ada@acme.test"}},
"contacts":{"contacts":[{"type":"contact","id":"c1","external_id":"ada@acme.test"}]}}}}`), morning)
	if err != nil {
		t.Fatal(err)
	}
	in := rules.Input{Event: ev, Now: morning, Lookup: answers{}}
	d, err := rs.Evaluate(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	if len(d.Lookups) != 1 || d.Rules[0].Verdict != rules.Ran {
		t.Fatalf("%+v", d)
	}
	d.Lookups["articles/5/Miller and Ada"] = json.RawMessage("[]") // of rules that are gone
	d.Unavailable = map[string]string{"contacts/5/Miller": "400: no such Miller"}
	masked, kept, err := Mask(t.Context(), rs, rules.RecordOf(ev, d))
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(masked)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"iller", "ada@", "4711", "4111", "35315550100", "ouse"} {
		if strings.Contains(strings.ToLower(string(text)), secret) {
			t.Errorf("%q is left in %s", secret, text)
		}
	}
	if len(kept) > 0 {
		t.Errorf("kept %q: the search can be masked with what it is made of", kept)
	}
	again, err := rs.Evaluate(t.Context(), masked.Input())
	if err != nil || again.Rules[0].Verdict != rules.Ran {
		t.Errorf("%+v %v", again.Rules, err)
	}
}

// answers finds somebody in every search.
type answers struct{}

func (answers) Look(context.Context, rules.Question) (json.RawMessage, error) {
	return json.RawMessage(`[{"type":"contact","id":"c9","name":"Ada Miller"}]`), nil
}
