package ruletest

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Report is what came of the tests of some files.
type Report struct {
	Results  []Result    `json:"tests"`
	Coverage []*Coverage `json:"coverage,omitempty"` // one for each ruleset
	// Unnoticed are the covered clauses that can be turned into their opposite without a test failing, if
	// that was tried.
	Unnoticed []Unnoticed `json:"unnoticed,omitempty"`
	// Flipped is how many were tried.
	Flipped int `json:"flipped,omitempty"`
}

// Unnoticed is a clause whose opposite no test notices.
type Unnoticed struct {
	Rule string `json:"rule"`
	File string `json:"file"`
	Line int    `json:"line"`
	At   string `json:"at"`
	Text string `json:"text"`
}

// Failed is how many tests failed.
func (r *Report) Failed() (n int) {
	for _, result := range r.Results {
		if !result.Passed() {
			n++
		}
	}
	return n
}

// Find returns the files of tests that paths stand for: a file is itself, a folder all *.test.yaml and
// *.test.yml in it and below, without hidden folders.
func Find(paths []string) ([]string, error) {
	var names []string
	for _, path := range paths {
		info, err := os.Stat(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil, errors.New("there is no " + path + " here: name files of tests (*.test.yaml) or folders with such")
		case err != nil:
			return nil, err
		case !info.IsDir():
			names = append(names, filepath.Clean(path))
			continue
		}
		err = filepath.WalkDir(path, func(name string, entry fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case entry.IsDir() && name != path && strings.HasPrefix(entry.Name(), "."):
				return fs.SkipDir
			case !entry.IsDir() && IsTestFile(name):
				names = append(names, filepath.Clean(name))
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// Run runs the tests of files whose names match; nil is all. each, if not nil, is told each result.
func Run(ctx context.Context, files []*File, match *regexp.Regexp, each func(Result)) (*Report, error) {
	report := &Report{Results: []Result{}}
	for _, f := range files {
		i := slices.IndexFunc(report.Coverage, func(c *Coverage) bool { return c.of(f) })
		if i < 0 {
			i = len(report.Coverage)
			report.Coverage = append(report.Coverage, NewCoverage(f.Ruleset))
		}
		coverage := report.Coverage[i]
		for _, t := range f.Tests {
			if match != nil && !match.MatchString(t.Name) {
				continue
			}
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			began := time.Now()
			result := t.Run(ctx, f.Ruleset, coverage)
			result.Took = time.Since(began)
			report.Results = append(report.Results, result)
			if each != nil {
				each(result)
			}
		}
	}
	return report, nil
}

// Flip turns each covered clause into its opposite, one at a time, and notes those of which no test takes
// notice. The tests are those whose names match, and all must have passed.
func (r *Report) Flip(ctx context.Context, files []*File, match *regexp.Regexp) error {
	r.Unnoticed = []Unnoticed{}
	for _, coverage := range r.Coverage {
		for _, rule := range coverage.Rules {
			for _, clause := range rule.Clauses {
				if !clause.Covered() {
					continue
				}
				if err := ctx.Err(); err != nil {
					return err
				}
				r.Flipped++
				if !noticed(ctx, files, match, coverage, rule.Rule, clause.At) {
					r.Unnoticed = append(r.Unnoticed, Unnoticed{rule.Rule, rule.File, rule.Line, clause.At, clause.Text})
				}
			}
		}
	}
	return nil
}

// noticed tells whether a test fails when a clause is flipped.
func noticed(ctx context.Context, files []*File, match *regexp.Regexp, c *Coverage, rule, at string) bool {
	for _, f := range files {
		if !c.of(f) {
			continue
		}
		flipped := f.Ruleset.Flipped(rule, at)
		for _, t := range f.Tests {
			if (match == nil || match.MatchString(t.Name)) && !t.Run(ctx, flipped, nil).Passed() {
				return true
			}
		}
	}
	return false
}
