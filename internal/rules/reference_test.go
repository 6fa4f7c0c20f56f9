package rules

import (
	"slices"
	"strings"
	"testing"

	"switchboard/internal/diag"
)

// Every leaf of the schema has a text, and no other.
func TestReference_facts(t *testing.T) {
	var got []string
	for _, f := range factTexts {
		got = append(got, f.path)
		if f.meaning == "" {
			t.Errorf("%s has no meaning", f.path)
		}
	}
	sameNames(t, got, leafNames)
	for _, f := range Facts() {
		checkExample(t, f.Path, f.Example)
	}
}

// Every function has a text, and no other.
func TestReference_functions(t *testing.T) {
	var got []string
	for _, f := range Functions() {
		got = append(got, f.Name)
		if f.Meaning == "" {
			t.Errorf("%s has no meaning", f.Name)
		}
		checkExample(t, f.Name+"(", f.Example)
	}
	want := slices.Concat(sortedNames(functions), sortedNames(builtins), loopNames)
	sameNames(t, got, want)
}

func sameNames(t *testing.T, got, want []string) {
	t.Helper()
	got, want = slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want))
	if !slices.Equal(got, want) {
		t.Errorf("texts are about\n%v\nthere are\n%v", got, want)
	}
}

// checkExample holds that an example shows what it is about and is a condition of a rule.
func checkExample(t *testing.T, about, example string) {
	t.Helper()
	if !strings.Contains(example, about) {
		t.Errorf("the example of %s does not show it: %s", about, example)
	}
	_, problems := Parse([]Source{{Name: "example.yaml", Text: []byte(`version: 1
settings:
  calendars:
    support: { timezone: Europe/Dublin, open: { mon-fri: 09:00-17:00 } }
rules:
  - name: example
    when: [conversation.user.created, ticket.created, admin.away_mode_updated]
    if: >-
      ` + example + `
    then: [{ http: "https://acme.test/hook" }]
`)}})
	for _, p := range problems {
		if p.Severity == diag.Error {
			t.Errorf("%s: %s: %s", about, example, p.Message)
		}
	}
}
