package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"switchboard/internal/diag"
	"switchboard/internal/rules"
)

type checkCmd struct {
	Paths  []string `arg:"" optional:"" help:"Rule files or folders; without any, those of --rules."`
	Rules  []string `help:"Rule files or folders, as for serve." default:"rules.yaml" env:"SWITCHBOARD_RULES"`
	Format string   `help:"How problems are printed: text, json, or github (annotations of a workflow)." enum:"text,json,github" default:"text"`
}

// Help is shown below the flags.
func (*checkCmd) Help() string {
	return `Examples:
  switchboard check
  switchboard check rules.example.yaml
  switchboard check --format github rules/

Exit code: 0 fine (warnings included), 1 errors found, 2 wrong usage, 3 a path does not exist.`
}

// Run prints every problem of the rules.
func (c *checkCmd) Run(io streams) error {
	paths := c.Paths
	if len(paths) == 0 {
		paths = c.Rules
	}
	if err := rulesExist(paths); err != nil {
		return err
	}
	rs, problems := rules.Load(paths)
	if err := c.write(io, problems); err != nil {
		return err
	}
	if rs == nil {
		return exitError(exitProblems)
	}
	if c.Format == "text" {
		n := len(rs.Rules())
		_, err := fmt.Fprintf(io.out, "%s fine (ruleset %s)\n", plural(n, "rule"), rs.Hash())
		if b := rs.Bound(""); b.Feeds && err == nil {
			_, err = fmt.Fprintf(io.out, "rules set each other off: one event can lead to %s at most\n", plural(b.Actions, "action"))
		}
		return err
	}
	return nil
}

// rulesExist tells when a path leads nowhere: that is no problem of the rules.
func rulesExist(paths []string) error {
	for _, path := range paths {
		_, err := os.Stat(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return fmt.Errorf("there is no %s here: name a file or a folder with rules; rules.example.yaml is one to start from", path)
		case err != nil:
			return fmt.Errorf("cannot read rules: %w", err)
		}
	}
	return nil
}

func (c *checkCmd) write(io streams, problems []diag.Problem) error {
	switch c.Format {
	case "json":
		return diag.WriteJSON(io.out, problems)
	case "github":
		return diag.WriteGitHub(io.out, problems)
	}
	return diag.WriteText(io.out, problems, colorful(io.out))
}

func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}
