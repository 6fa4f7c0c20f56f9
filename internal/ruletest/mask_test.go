package ruletest

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

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
			r := &run{test: test, world: newWorld(test.given), service: dryrun.New(file.Ruleset)}
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
"contacts":{"contacts":[{"type":"contact","id":"c1"}]},"tags":{"tags":[{"type":"tag","id":"1","name":"Priority"}]}}}}`), defaultStart)
	if err != nil {
		t.Fatal(err)
	}
	contact := json.RawMessage(`{"type":"contact","id":"c1","phone":"+353 1 555","custom_attributes":{"seats":25,"revenue":12345,"plan":"gold"}}`)
	record := rules.RecordOf(ev, &rules.Decision{At: defaultStart, Lookups: map[string]json.RawMessage{"contact/c1": contact}})
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
