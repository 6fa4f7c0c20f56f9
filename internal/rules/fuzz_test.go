package rules

import (
	"os"
	"path/filepath"
	"testing"

	"switchboard/internal/diag"
)

// Whatever a file holds, the answer is a ruleset or problems with a place in it, and a
// ruleset can be evaluated.
func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("testdata/problems/*.yaml")
	if err != nil || len(files) == 0 {
		f.Fatal("no seeds")
	}
	for _, file := range append(files, "../../rules.example.yaml") {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	for _, text := range []string{
		header + ruleText("a", `if: message.text matches "(?i)x|y"; once: contact; then: [{note: "{{ contact.name }}"}, close]`),
		header + ruleText("b", `cooldown: { for: 1d12h, per: contact }; limit: { runs: 50, per: 1h }`),
		sweepRule(`search: { operator: OR, value: [ { state: [open, 5], priority: null }, { field: updated_at, operator: "<", value: "{{ now() - duration('1h') }}" } ] }`),
		sweepRule(`search: { contacts: { custom_attributes.x: '{{ lists.vip_domains | first() }}' } }; then: [ { tag: { name: x, on: contact } } ]`),
		header + ruleText("a", "if: >-\n      any(companies, .name == \"x\")\n      and conversation.tags[0] != nil"),
		"version: 1\nrules:\n- name: x\n  when: ping\n  if: |2\n     a\n  then: [close]",
		"%YAML 1.2\n---\nversion: 1\n...", "\ufeffversion: 1", "version: 1 # x\n\n\n", "a: 'b", "a: \"\\", "? x\n: y", "!!map {a: b}",
		"version: 1\nlists: {a: [1, .inf, .nan, 0o7, 1_000, 1e3, -0]}", "version: 1\nrules:\n  - name: \"\\x85\"\n",
	} {
		f.Add(text)
	}
	ev := mustEvent(f, conversationReplied)
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 20_000 {
			t.Skip()
		}
		rs, problems := Parse([]Source{{"rules.yaml", []byte(text)}})
		if (rs == nil) != diag.HasErrors(problems) {
			t.Fatalf("a ruleset: %v, problems:\n%s", rs != nil, drawn(t, problems))
		}
		for _, p := range problems {
			if p.Line == 0 {
				continue
			}
			if n := len([]rune(p.Source)); n > 0 && p.Column > n+1 || p.Column < 1 || p.EndColumn <= p.Column || p.Code == "" || p.Message == "" {
				t.Errorf("%+v", p)
			}
		}
		if rs == nil {
			return
		}
		rs.Rules()
		for _, sweep := range rs.Sweeps() {
			_, _, _ = sweep.Query(noon)
			if next := sweep.Next(noon); !next.After(noon) && !next.IsZero() {
				t.Errorf("%s comes at %s, after %s", sweep.Every, next, noon)
			}
			if found, err := sweep.Event("ws", noon, noon, []byte(staleConversation)); err != nil {
				t.Error(err)
			} else if _, err := rs.Evaluate(t.Context(), Input{Event: found, Now: noon}); err != nil {
				t.Error(err)
			}
		}
		for _, r := range rs.rules {
			ev := ev
			if len(r.topics) > 0 && r.topics[0].exact {
				ev.Topic = r.topics[0].text
			}
			in := input(t, conversationReplied)
			in.Event = ev
			if _, err := rs.Evaluate(t.Context(), in); err != nil {
				t.Errorf("%v", err)
			}
		}
	})
}
