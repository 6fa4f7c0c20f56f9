package rules

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// decideAndExplain decides and explains, and holds the two against each other and against the decision's record.
func decideAndExplain(t *testing.T, rs *Ruleset, in Input) (*Decision, []Explanation) {
	t.Helper()
	d, err := rs.Evaluate(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	again, list, err := rs.Explain(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	sameDecision(t, d, again)
	sameDecision(t, d, remake(t, rs, in, d))
	return again, list
}

// TestExplain holds explanations against testdata/explain: UPDATE=1 writes them anew.
func TestExplain(t *testing.T) {
	const text = `
version: 1
rules:
  - name: all-hold
    when: conversation.user.replied
    if:
      - message.text != nil and event.from == "customer"
      - contact.custom_attributes.plan == "pro"
    then: [tag: Pro]
  - name: first-of-several
    when: conversation.user.replied
    if: message.text contains "nothing like it" or contact.email == nil or len(conversation.tags) > 3
    then: [close]
  - name: in-the-middle
    when: conversation.user.replied
    if:
      - event.topic == "conversation.user.replied"
      - company.name == "Nobody"
      - conversation.rating.rating > 3
    then: [close]
  - name: any-of
    when: conversation.user.replied
    any:
      - contact.role == "lead"
      - contact.custom_attributes.plan in ["pro", "max"]
      - message.text == "x"
    then: [{ note: "{{ contact.email }}" }]
  - name: none-of
    when: conversation.user.replied
    none: [contact.custom_attributes.plan == "pro"]
    then: [close]
  - name: fails
    when: conversation.user.replied
    if: contact.custom_attributes.plan > 3
    then: [close]
  - name: switched-off
    state: off
    because: not now
    when: conversation.user.replied
    if: message.text != nil
    then: [close]
  - name: in-the-shadow
    state: shadow
    when: conversation.user.replied
    if: message.text != nil
    then: [tag: Shadow]
  - name: for-teammates
    from: teammate
    when: conversation.user.replied
    then: [close]
  - name: waits
    when: conversation.user.replied
    after: 10m
    if: conversation.open
    then: [close]
  - name: once-only
    once: conversation
    when: conversation.user.replied
    then: [tag: Once]
  - name: ends-it
    when: conversation.user.replied
    then: [tag: Last]
    stop: true
  - name: behind
    when: conversation.user.replied
    then: [close]
  - name: another-topic
    when: [conversation.admin.replied, ticket.*]
    then: [close]
`
	rs := mustParseAny(t, text)
	in := Input{
		Event: mustEvent(t, conversationReplied), Now: time.Unix(1768032600, 0).UTC(),
		Lookup: fixedLookup{contact: contactObject, companies: companiesList, conversation: `{"conversation_rating": {"rating": 2}}`},
		State:  remembers{"once-only": {Runs: 1, Since: time.Unix(1768032000, 0).UTC()}},
	}
	_, list := decideAndExplain(t, rs, in)
	var got bytes.Buffer
	if err := WriteExplanation(&got, list); err != nil {
		t.Fatal(err)
	}
	golden := filepath.Join("testdata", "explain", "replied.txt")
	if os.Getenv("UPDATE") != "" {
		if err := os.MkdirAll(filepath.Dir(golden), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(golden, got.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got.String() != string(want) {
		t.Errorf("got\n%s\nwant\n%s", &got, want)
	}
}

// remembers is a state in which rules have run for whatever they ask.
type remembers map[string]Memory

func (s remembers) Recall(_ context.Context, rule, _ string) (Memory, error) { return s[rule], nil }
func (s remembers) Timers(context.Context) ([]Timer, error)                  { return nil, nil }
func (s remembers) Cancels(context.Context) ([]Cancel, error)                { return nil, nil }
