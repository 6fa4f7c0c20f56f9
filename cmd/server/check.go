package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"switchboard/internal/diag"
	"switchboard/internal/diag/codes"
	"switchboard/internal/rules"
	"switchboard/internal/ruletest"
)

type checkCmd struct {
	Paths   []string `arg:"" optional:"" help:"Rule files or folders; without any, those of --rules."`
	Rules   []string `help:"Rule files or folders, as for serve." default:"rules.yaml" env:"SWITCHBOARD_RULES"`
	Format  string   `help:"How problems are printed: text, json, github (annotations of a workflow) or sarif (2.1.0)." enum:"text,json,github,sarif" default:"text"`
	FailOn  string   `help:"What makes the exit code 1: an error, or a warning, too." enum:"error,warning" default:"error"`
	Explain string   `help:"Explain the code of a problem, such as rules/loop, and check nothing." placeholder:"CODE"`

	namesOf
}

// Help is shown below the flags.
func (*checkCmd) Help() string {
	return `A comment silences a warning in its line, or alone on a line in what begins below:
  # switchboard:ignore CODE: why

Examples:
  switchboard check
  switchboard check rules.example.yaml
  switchboard check --explain rules/loop
  switchboard check --fail-on warning --format github rules/
  switchboard check --format sarif rules/ > check.sarif
  switchboard check --online rules/
  switchboard check --snapshot workspace.json rules/

With --online, Intercom is asked whether the names in the rules exist; INTERCOM_ACCESS_TOKEN is needed, as
for serve. With --snapshot, a file that "switchboard snapshot" wrote tells, and nothing is asked.

Exit code: 0 fine (warnings included), 1 errors found (with --fail-on warning: or warnings), 2 wrong usage,
3 a path does not exist, or the names of the workspace cannot be read. docs/check.md has the codes and the formats.`
}

// Run prints every problem of the rules.
func (c *checkCmd) Run(ctx context.Context, io streams) error {
	if c.Explain != "" {
		return explainCode(io, c.Explain)
	}
	paths := c.Paths
	if len(paths) == 0 {
		paths = c.Rules
	}
	if err := rulesExist(paths); err != nil {
		return err
	}
	found := rules.Check(paths)
	names, against, err := c.checkNames(ctx, io, found.Ruleset)
	if err != nil {
		return err
	}
	if against != "" {
		found.AddOnline(names)
	}
	if err := c.write(io, found, against); err != nil {
		return err
	}
	if c.fails(found) {
		return exitError(exitProblems)
	}
	return nil
}

// rulesExist tells when a path leads nowhere: that is no problem of the rules.
func rulesExist(paths []string) error {
	for _, path := range paths {
		_, err := os.Stat(path)
		switch {
		case err == nil && ruletest.IsTestFile(path):
			return fmt.Errorf("%s holds tests of rules: \"switchboard test %s\" runs them", path, path)
		case errors.Is(err, fs.ErrNotExist):
			return fmt.Errorf("there is no %s here: name a file or a folder with rules; rules.example.yaml is one to start from", path)
		case err != nil:
			return fmt.Errorf("cannot read rules: %w", err)
		}
	}
	return nil
}

// fails tells whether the exit code is that of problems.
func (c *checkCmd) fails(found rules.Report) bool {
	return found.Ruleset == nil || c.FailOn == "warning" && len(found.Problems) > 0
}

func (c *checkCmd) write(io streams, found rules.Report, against string) error {
	switch c.Format {
	case "json":
		return diag.WriteJSON(io.out, found.Problems, found.Silenced)
	case "github":
		return diag.WriteGitHub(io.out, found.Problems)
	case "sarif":
		return diag.WriteSARIF(io.out, version(), found.Problems, codes.Lookup)
	}
	if err := diag.WriteText(io.out, found.Problems, colorful(io.out)); err != nil {
		return err
	}
	return c.sumUp(io, found, against)
}

// sumUp says for people where codes are explained, and what came of the check. against is what names were
// compared with, if they were.
func (c *checkCmd) sumUp(io streams, found rules.Report, against string) error {
	var lines []string
	if len(found.Problems) > 0 {
		first := found.Problems[0]
		if i := slices.IndexFunc(found.Problems, func(p diag.Problem) bool { return p.Severity == diag.Error }); i > 0 {
			first = found.Problems[i]
		}
		lines = append(lines, fmt.Sprintf(`"switchboard check --explain %s" tells more`, first.Code))
	}
	if n := len(found.Silenced); n > 0 {
		lines = append(lines, plural(n, "warning")+" silenced by comments")
	}
	switch rs := found.Ruleset; {
	case rs == nil:
	case c.fails(found):
		lines = append(lines, plural(len(found.Problems), "warning")+", and --fail-on warning allows none")
	default:
		lines = append(lines, fmt.Sprintf("%s fine (ruleset %s)", plural(len(rs.Rules()), "rule"), rs.Hash()))
		if b := rs.Bound(""); b.Feeds {
			lines = append(lines, fmt.Sprintf("rules set each other off: one event can lead to %s at most", plural(b.Actions, "action")))
		}
		if against != "" {
			lines = append(lines, against)
		}
	}
	for _, line := range lines {
		if _, err := fmt.Fprintln(io.out, line); err != nil {
			return err
		}
	}
	return nil
}

func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}
