package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"switchboard/internal/rules"
	"switchboard/internal/ruletest"
)

// docsCmd prints the parts of the documentation that are made from the code.
type docsCmd struct {
	Facts     docsFactsCmd     `cmd:"" help:"List the facts that rules can ask about."`
	Functions docsFunctionsCmd `cmd:"" help:"List the functions that rules can call."`
	Codes     docsCodesCmd     `cmd:"" help:"List the codes of problems that check finds."`
	Schema    docsSchemaCmd    `cmd:"" help:"Print the JSON Schema of rules or tests, for editors."`
}

// docsFormat is how a list is printed.
type docsFormat struct {
	Format string `help:"How the list is printed: text, markdown (what is in docs) or json." enum:"text,markdown,json" default:"text"`
}

type docsFactsCmd struct{ docsFormat }

// Help is shown below the flags.
func (*docsFactsCmd) Help() string {
	return `Examples:
  switchboard docs facts
  switchboard docs facts --format markdown > docs/facts.md`
}

// Run prints every fact.
func (c *docsFactsCmd) Run(io streams) error {
	facts := rules.Facts()
	if c.Format == "json" {
		return c.json(io.out, facts)
	}
	t := docsTable{
		title: "Facts", command: "facts", head: []string{"fact", "type", "looked up", "meaning", "example"},
		about: "What expressions of [rules](rules.md#facts) can ask about. A fact that the event does not have is absent:\n[what each event has](rules.md#what-each-event-has).",
	}
	for _, f := range facts {
		object, _, _ := strings.Cut(f.Path, ".")
		t.add(object, "`"+f.Path+"`", f.Type, f.LookUp, f.Meaning, "`"+f.Example+"`")
	}
	return c.write(io.out, t)
}

type docsFunctionsCmd struct{ docsFormat }

// Help is shown below the flags.
func (*docsFunctionsCmd) Help() string {
	return `Examples:
  switchboard docs functions
  switchboard docs functions --format markdown > docs/functions.md`
}

// Run prints every function.
func (c *docsFunctionsCmd) Run(io streams) error {
	functions := rules.Functions()
	if c.Format == "json" {
		return c.json(io.out, functions)
	}
	t := docsTable{
		title: "Functions", command: "functions", head: []string{"function", "gives", "example"},
		about: "What expressions of [rules](rules.md#functions) can call.",
	}
	for _, f := range functions {
		t.add("", "`"+f.Signature+"`", f.Meaning, "`"+f.Example+"`")
	}
	return c.write(io.out, t)
}

type docsSchemaCmd struct {
	Of string `help:"Of which files: rules or tests (*.test.yaml)." enum:"rules,tests" default:"rules"`
}

// Help is shown below the flags.
func (*docsSchemaCmd) Help() string {
	return `Editors with the YAML language server use it for files that begin with
  # yaml-language-server: $schema=docs/rules.schema.json

Examples:
  switchboard docs schema > rules.schema.json
  switchboard docs schema --of tests > tests.schema.json`
}

// Run prints the schema.
func (c *docsSchemaCmd) Run(io streams) error {
	if c.Of == "tests" {
		return writeJSON(io.out, ruletest.JSONSchema())
	}
	return writeJSON(io.out, rules.JSONSchema())
}

// docsTable is a list as a page, with a table for each group of rows.
type docsTable struct {
	title, command, about string
	head                  []string
	groups                []string
	rows                  map[string][][]string
}

func (t *docsTable) add(group string, cells ...string) {
	if t.rows == nil {
		t.rows = map[string][][]string{}
	}
	if t.rows[group] == nil {
		t.groups = append(t.groups, group)
	}
	t.rows[group] = append(t.rows[group], cells)
}

func (docsFormat) json(w io.Writer, list any) error { return writeJSON(w, list) }

func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

func (f docsFormat) write(w io.Writer, t docsTable) error {
	var b strings.Builder
	if f.Format == "markdown" {
		fmt.Fprintf(&b, "# %s\n\n%s\n\nThis page is what `switchboard docs %s --format markdown` prints.\n", t.title, t.about, t.command)
	}
	for _, group := range t.groups {
		if f.Format == "text" {
			for _, cells := range t.rows[group] {
				fmt.Fprintln(&b, strings.ReplaceAll(strings.Join(cells, "\n    "), "`", ""))
			}
			continue
		}
		if group != "" {
			fmt.Fprintf(&b, "\n## %s\n", group)
		}
		fmt.Fprintf(&b, "\n| %s |\n|%s\n", strings.Join(t.head, " | "), strings.Repeat("---|", len(t.head)))
		for _, cells := range t.rows[group] {
			fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | "))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}
