package rules

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"
)

// remake decides again with nothing but what a decision recorded, read back from JSON.
func remake(t *testing.T, rs *Ruleset, in Input, d *Decision) *Decision {
	t.Helper()
	text, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	var recorded Decision
	if err := json.Unmarshal(text, &recorded); err != nil {
		t.Fatal(err)
	}
	again, err := rs.Evaluate(t.Context(), recorded.Input(in.Event))
	if err != nil {
		t.Fatal(err)
	}
	return again
}

func sameDecision(t *testing.T, a, b *Decision) {
	t.Helper()
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	if errX != nil || errY != nil || string(x) != string(y) {
		t.Errorf("decided\n%s\nand again\n%s", x, y)
	}
}

// A decision can be made again from the event and what the decision recorded, also when
// Intercom had nothing, or refused.
func TestEvaluate_the_same_decision_from_its_record(t *testing.T) {
	rs := mustParse(t, `
version: 1
rules:
  - {name: contact, when: conversation.user.replied, if: 'contact.custom_attributes.plan == "pro"', then: [{tag: "{{ company.name }}"}]}
  - {name: whole, when: conversation.user.replied, if: 'conversation.rating.rating == nil', then: [close]}
`)
	in := Input{Event: mustEvent(t, conversationReplied), Now: time.Unix(1768032600, 0)}
	for name, l := range map[string]Lookup{
		"answered": fixedLookup{contact: contactObject, companies: companiesList, conversation: `{"conversation_rating": {"rating": 2}}`},
		"gone":     fixedLookup{},
		"refused":  refusing{},
	} {
		t.Run(name, func(t *testing.T) {
			in.Lookup = l
			d, err := rs.Evaluate(t.Context(), in)
			if err != nil {
				t.Fatal(err)
			}
			sameDecision(t, d, remake(t, rs, in, d))
		})
	}
}

type refusing struct{}

func (refusing) Look(context.Context, Question) (json.RawMessage, error) {
	return nil, &UnavailableError{errors.New("the plan does not include it")}
}

// What was not recorded is unknown: a rule that needs it fails, and does not guess.
func TestEvaluate_what_was_not_recorded_is_unknown(t *testing.T) {
	in := Input{Event: mustEvent(t, conversationReplied), Now: time.Unix(1768032600, 0), Lookup: (&Decision{}).Recorded()}
	rs := mustParse(t, `{version: 1, rules: [{name: r, when: conversation.user.replied, if: 'contact.phone == nil', then: [close]}]}`)
	d, err := rs.Evaluate(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	if o := outcome(t, d, "r"); o.Verdict != Failed || !strings.Contains(o.Reason, "not read when the event came") {
		t.Errorf("%s: %s", o.Verdict, o.Reason)
	}
}

// What Intercom refused once is not asked again by the next rule.
func TestEvaluate_a_refusal_is_asked_for_once(t *testing.T) {
	rs := mustParse(t, `
version: 1
rules:
  - {name: a, when: conversation.user.replied, if: 'contact.phone == nil', then: [close]}
  - {name: b, when: conversation.user.replied, if: 'contact.phone != nil', then: [close]}
`)
	l := &countingLookup{err: &UnavailableError{errors.New("no")}}
	d, err := rs.Evaluate(t.Context(), Input{Event: mustEvent(t, conversationReplied), Now: time.Unix(1768032600, 0), Lookup: l})
	if err != nil {
		t.Fatal(err)
	}
	a, b := outcome(t, d, "a"), outcome(t, d, "b")
	if a.Verdict != Failed || b.Verdict != Failed || a.Reason != b.Reason || len(l.asked) != 1 {
		t.Errorf("%q, %q, asked %v", a.Reason, b.Reason, l.asked)
	}
}

var errTest = errors.New("no answer")
