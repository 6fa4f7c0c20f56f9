package ruletest_test

import (
	"os"
	"path/filepath"
	"testing"

	"switchboard/internal/ruletest"
)

// A test that ends before its last event would look at less than its author thinks.
func TestRun_until_before_the_last_event(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"rules.yaml":      "version: 1\nrules:\n  - name: tags\n    when: conversation.user.created\n    after: 1h\n    then: [{ tag: A }]\n",
		"rules.test.yaml": "version: 1\ntests:\n  - name: early\n    until: 10:30\n    events: [{ at: 11:00, customer: hi }]\n    expect: nothing\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f, problems := ruletest.Load(filepath.Join(dir, "rules.test.yaml"))
	if f == nil {
		t.Fatal(problems)
	}
	result := f.Tests[0].Run(t.Context(), f.Ruleset, nil)
	const want = "until is Mon 2026-01-05 10:30, before the last event (Mon 2026-01-05 11:00)"
	if len(result.Failures) != 1 || result.Failures[0].Message != want {
		t.Errorf("failures %+v, want %q", result.Failures, want)
	}
}
