package ruletest_test

import (
	"strings"
	"testing"

	"switchboard/internal/ruletest"
)

// What users start from is tested as they are told to test their own: every rule runs, nearly every clause
// decides, and no clause can be turned into its opposite without a test failing.
func TestExamples(t *testing.T) {
	t.Parallel()
	names, err := ruletest.Find([]string{"../../rules.example.test.yaml", "../../examples"})
	if err != nil {
		t.Fatal(err)
	}
	if len(names) != 7 {
		t.Errorf("found %q, want the tests of rules.example.yaml and of six packs", names)
	}
	var files []*ruletest.File
	for _, name := range names {
		f, problems := ruletest.Load(name)
		if f == nil {
			t.Fatal(problems)
		}
		files = append(files, f)
	}
	report, err := ruletest.Run(t.Context(), files, nil, func(r ruletest.Result) {
		if !r.Passed() {
			var text strings.Builder
			_ = ruletest.WriteResult(&text, r) // a Builder takes everything
			t.Error(text.String())
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range report.Coverage {
		var text strings.Builder
		_ = ruletest.WriteCoverage(&text, []*ruletest.Coverage{c})
		if rules, ran, clauses, covered := c.Counts(); ran < rules || 10*covered < 9*clauses {
			t.Error(text.String())
		}
	}
	if err := report.Flip(t.Context(), files, nil); err != nil {
		t.Fatal(err)
	}
	for _, u := range report.Unnoticed {
		t.Errorf("%s:%d: %s, %s: no test notices that %s is turned into its opposite", u.File, u.Line, u.Rule, u.At, u.Text)
	}
}
