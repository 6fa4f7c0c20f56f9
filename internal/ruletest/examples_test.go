package ruletest

import "testing"

// The rules that come with the program have tests that a user can rely on: every rule runs in one, every
// clause is seen true and false, and turning one of them into its opposite makes a test fail.
func TestExamples(t *testing.T) {
	names, err := Find([]string{"../../rules.example.test.yaml", "../../examples"})
	if err != nil {
		t.Fatal(err)
	}
	var files []*File
	for _, name := range names {
		f, problems := Load(name)
		if f == nil {
			t.Fatal(problems)
		}
		files = append(files, f)
	}
	if len(files) < 7 {
		t.Errorf("only %d files of tests: %q", len(files), names)
	}
	report, err := Run(t.Context(), files, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range report.Results {
		if !r.Passed() {
			t.Errorf("%s:%d %s: %s", r.File, r.Line, r.Name, r.Failures[0].Message)
		}
	}
	for _, c := range report.Coverage {
		rules, ran, clauses, covered := c.Counts()
		if ran < rules || 10*covered < 9*clauses {
			t.Errorf("%s: %d of %d rules ran, %d of %d clauses are covered", c.Rules[0].File, ran, rules, covered, clauses)
		}
	}
	tried, err := report.Flip(t.Context(), files)
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range report.Unnoticed {
		t.Errorf("%s:%d: no test notices that %s of %s (%s) is turned into its opposite", u.File, u.Line, u.At, u.Rule, u.Text)
	}
	t.Logf("%d tests, %d clauses flipped", len(report.Results), tried)
}
