package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"

	"switchboard/internal/diag"
	"switchboard/internal/ruletest"
)

type testCmd struct {
	Paths []string `arg:"" optional:"" help:"Files of tests (*.test.yaml) or folders with such; without any, those beside the rules."`
	Rules []string `help:"Rule files or folders, as for serve: the tests beside them are run." default:"rules.yaml" env:"SWITCHBOARD_RULES"`
	Only  string   `name:"run" help:"Run only the tests whose names match this regular expression." placeholder:"PATTERN"`

	Coverage   bool    `help:"Say which rules never ran and which clauses were never seen true or false."`
	MinRules   float64 `help:"Fail when fewer rules ran, in percent." placeholder:"PERCENT"`
	MinClauses float64 `help:"Fail when fewer clauses were seen true and false, in percent." placeholder:"PERCENT"`
	Flip       bool    `help:"Turn each covered clause into its opposite and name those of which no test takes notice."`

	Format string `help:"Print text, json, or junit." enum:"text,json,junit" default:"text"`
}

// Help is shown below the flags.
func (*testCmd) Help() string {
	return `A test says what is given, what happens and at what time, and what the rules are expected to do, or nothing.
It runs on a virtual clock by the same function that serve decides with, timers, once and limits included.
Nothing is sent. docs/test.md tells how tests are written.

Examples:
  switchboard test
  switchboard test rules/ --coverage
  switchboard test --run "(?i)refund"
  switchboard test examples --min-rules 100 --min-clauses 90 --flip
  switchboard test --format junit > results.xml

Exit code: 0 all passed, 1 a test failed, a file is wrong or too little is covered, 2 wrong usage, 3 it could not
run or there are no tests.`
}

// Run runs the tests.
func (c *testCmd) Run(ctx context.Context, io streams) error {
	var match *regexp.Regexp
	if c.Only != "" {
		var err error
		if match, err = regexp.Compile(c.Only); err != nil {
			return usageError{fmt.Errorf("--run: %w", err)}
		}
	}
	files, err := c.load(io)
	if err != nil {
		return err
	}
	var each func(ruletest.Result)
	if c.Format == "text" {
		each = func(r ruletest.Result) {
			if !r.Passed() {
				_ = ruletest.WriteResult(io.out, r)
			}
		}
	}
	report, err := ruletest.Run(ctx, files, match, each)
	if err != nil {
		return err
	}
	if len(report.Results) == 0 {
		return fmt.Errorf("no test has a name that matches %s", c.Only)
	}
	if c.Flip && report.Failed() > 0 {
		_, _ = fmt.Fprintln(io.err, "switchboard: clauses are flipped when all tests pass")
		c.Flip = false
	}
	if c.Flip {
		if err := report.Flip(ctx, files, match); err != nil {
			return err
		}
	}
	if err := c.write(io, report); err != nil {
		return err
	}
	if report.Failed() > 0 || len(report.Unnoticed) > 0 || !c.enough(io, report) {
		return exitError(exitProblems)
	}
	return nil
}

// load reads the files of tests.
func (c *testCmd) load(io streams) ([]*ruletest.File, error) {
	paths := c.Paths
	if len(paths) == 0 {
		paths = besides(c.Rules)
	}
	names, err := ruletest.Find(paths)
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, errors.New("there are no tests here: write what the rules are to do into a file beside them, such as rules.test.yaml (docs/test.md)")
	}
	var files []*ruletest.File
	var problems []diag.Problem
	for _, name := range names {
		f, wrong := ruletest.Load(name)
		if problems = append(problems, wrong...); f != nil {
			files = append(files, f)
		}
	}
	if diag.HasErrors(problems) {
		diag.Sort(problems)
		problems = slices.Compact(problems) // rules may have several files of tests
		if err := diag.WriteText(io.err, problems, colorful(io.err)); err != nil {
			return nil, err
		}
		return nil, exitError(exitProblems)
	}
	return files, nil
}

// besides are the files of tests or the folders that belong to rules.
func besides(rules []string) (paths []string) {
	for _, path := range rules {
		if info, err := os.Stat(path); err == nil && info.IsDir() {
			paths = append(paths, path)
			continue
		}
		for _, suffix := range []string{".yaml", ".yml"} {
			if base := path[:max(0, len(path)-len(suffix))]; base+suffix == path {
				if _, err := os.Stat(base + ".test" + suffix); err == nil {
					paths = append(paths, base+".test"+suffix)
				}
			}
		}
	}
	if len(paths) == 0 && len(rules) > 0 {
		paths = []string{filepath.Dir(rules[0])}
	}
	return paths
}

func (c *testCmd) write(io streams, report *ruletest.Report) error {
	switch c.Format {
	case "json":
		return writeJSON(io.out, report)
	case "junit":
		return ruletest.WriteJUnit(io.out, report)
	}
	n := len(report.Results)
	if failed := report.Failed(); failed > 0 {
		_, _ = fmt.Fprintf(io.out, "%d of %s failed\n", failed, plural(n, "test"))
	} else {
		_, _ = fmt.Fprintf(io.out, "%s passed\n", plural(n, "test"))
	}
	if c.Coverage || c.MinRules > 0 || c.MinClauses > 0 {
		if err := ruletest.WriteCoverage(io.out, report.Coverage); err != nil {
			return err
		}
	}
	if c.Flip {
		_, _ = fmt.Fprintf(io.out, "%s flipped, %d unnoticed\n", plural(report.Flipped, "clause"), len(report.Unnoticed))
		for _, u := range report.Unnoticed {
			_, _ = fmt.Fprintf(io.out, "  %s:%d: %s, %s: no test notices that %s is turned into its opposite\n", u.File, u.Line, u.Rule, u.At, u.Text)
		}
	}
	return nil
}

// enough tells whether as much is covered as is demanded, and says what is not.
func (c *testCmd) enough(io streams, report *ruletest.Report) bool {
	fine := true
	demand := func(what string, have, of int, least float64) {
		if of > 0 && 100*float64(have) < least*float64(of) {
			_, _ = fmt.Fprintf(io.err, "switchboard: %d of %d %s are covered, less than %g %%\n", have, of, what, least)
			fine = false
		}
	}
	for _, cov := range report.Coverage {
		if len(cov.Rules) == 0 { // all are off
			continue
		}
		rules, ran, clauses, covered := cov.Counts()
		demand("rules of "+cov.Rules[0].File, ran, rules, c.MinRules)
		demand("clauses of "+cov.Rules[0].File, covered, clauses, c.MinClauses)
	}
	return fine
}
