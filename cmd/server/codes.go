package main

import (
	"fmt"
	"io"
	"strings"

	"switchboard/internal/diag"
	"switchboard/internal/diag/codes"
)

// explainCode prints what a code means and what to do about it.
func explainCode(io streams, name string) error {
	code, ok := codes.Lookup(name)
	if !ok {
		hint := `"switchboard docs codes" lists them`
		if nearest, ok := codes.Nearest(name); ok {
			hint = fmt.Sprintf("did you mean %s?", nearest)
		}
		return usageError{fmt.Errorf("there is no code %q; %s", name, hint)}
	}
	text := code.Text()
	switch {
	case code.Severity == diag.Error && !code.Varies:
		text += "\nAn error cannot be silenced: with one the rules cannot be used.\n"
	case code.Name != codes.Ignore && code.Name != codes.UnusedIgnore:
		text += "\nIf it is meant to be so, silence it with a comment in the line, or alone on the line above:\n\n    # switchboard:ignore " + code.Name + ": why\n"
	}
	if code.Online {
		text += "\nOnly check --online finds it.\n"
	}
	_, err := fmt.Fprint(io.out, text)
	return err
}

type docsCodesCmd struct{ docsFormat }

// Help is shown below the flags.
func (*docsCodesCmd) Help() string {
	return `One of them is explained by
  switchboard check --explain CODE

Examples:
  switchboard docs codes
  switchboard docs codes --format json`
}

// Run prints every code.
func (c *docsCodesCmd) Run(io streams) error {
	switch c.Format {
	case "json":
		return c.json(io.out, codes.All())
	case "markdown":
		return writeCodes(io.out)
	}
	var t docsTable
	for _, code := range codes.All() {
		t.add("", code.Name, code.Severities(), code.Title)
	}
	return c.write(io.out, t)
}

// writeCodes writes the part of docs/check.md that is about codes.
func writeCodes(w io.Writer) error {
	var b strings.Builder
	b.WriteString("## Codes\n\nThis part of the page is what `switchboard docs codes --format markdown` prints.\n")
	b.WriteString("\n| code | severity | what is wrong |\n|---|---|---|\n")
	for _, code := range codes.All() {
		_, heading, _ := strings.Cut(diag.Page(code.Name), "#")
		fmt.Fprintf(&b, "| [%s](#%s) | %s | %s |\n", code.Name, heading, code.Severities(), code.Title)
	}
	for _, code := range codes.All() {
		fmt.Fprintf(&b, "\n### %s\n\n%s", code.Name, code.Markdown())
		if code.Online {
			b.WriteString("\nOnly `check --online` finds it.\n")
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}
