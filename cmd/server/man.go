package main

import (
	"fmt"
	"io"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"
)

type manCmd struct{}

// Help is shown below the flags.
func (*manCmd) Help() string {
	return `Prints the manual page, in the language of man.

Examples:
  switchboard man > /usr/local/share/man/man1/switchboard.1
  switchboard man | man -l -`
}

// Run prints the page.
func (*manCmd) Run(app *kong.Kong, io streams) error {
	m := manual{root: app.Model.Node}
	m.page()
	return m.write(io.out)
}

// manual writes the page from the same model that help is made of, so the two cannot differ.
type manual struct {
	root *kong.Node
	b    strings.Builder
}

func (m *manual) write(w io.Writer) error {
	_, err := io.WriteString(w, m.b.String())
	return err
}

func (m *manual) page() {
	name := m.root.Name
	m.request("TH", strings.ToUpper(name), "1", built(), name+" "+version(), "Automation for Intercom")
	m.request("SH", "NAME")
	m.text(name + ` - automation for Intercom`)
	m.request("SH", "SYNOPSIS")
	m.request("B", name)
	m.text("[command] [argument ...] [--flag value ...]")
	m.request("SH", "DESCRIPTION")
	m.text(m.root.Help)
	m.request("PP")
	m.text("Without a command it is serve that runs. Where a flag names a variable, the environment gives the value unless the flag does.")
	m.request("SH", "COMMANDS")
	for _, command := range m.root.Leaves(true) {
		m.command(command)
	}
	m.exitStatus()
}

func (m *manual) command(n *kong.Node) {
	m.request("SS", n.Summary())
	m.text(n.Help)
	m.values(n.Positional)
	for _, flag := range n.Flags {
		if !flag.Hidden && flag.Name != "help" {
			m.flag(flag)
		}
	}
	if n.Detail != "" {
		m.request("PP")
		m.request("nf")
		m.text(strings.TrimSpace(n.Detail))
		m.request("fi")
	}
}

func (m *manual) values(list []*kong.Positional) {
	for _, arg := range list {
		m.request("TP")
		m.request("I", arg.Name)
		m.text(arg.Help)
	}
}

func (m *manual) flag(f *kong.Flag) {
	m.request("TP")
	m.request("B", flagNames(f))
	m.text(f.Help)
	if f.Enum != "" {
		m.text("One of " + strings.Join(f.EnumSlice(), ", ") + ".")
	}
	if f.HasDefault && f.Default != "" {
		m.text("Default: " + f.Default + ".")
	}
	if len(f.Envs) > 0 {
		m.text("Variable: " + strings.Join(f.Envs, ", ") + ".")
	}
}

// flagNames are all ways to write a flag, such as "-f, --force".
func flagNames(f *kong.Flag) string {
	long := f.Summary()
	if f.Short != 0 {
		return fmt.Sprintf("-%c, %s", f.Short, long)
	}
	return long
}

func (m *manual) exitStatus() {
	m.request("SH", "EXIT STATUS")
	for code, meaning := range []string{exitOK: "Fine.", exitProblems: "Problems were found.", exitUsage: "Wrong usage.", exitFailed: "It could not run."} {
		m.request("TP")
		m.request("B", strconv.Itoa(code))
		m.text(meaning)
	}
}

// request writes a request with its arguments.
func (m *manual) request(name string, args ...string) {
	m.b.WriteString("." + name)
	for _, arg := range args {
		m.b.WriteString(` "` + strings.ReplaceAll(roff(arg), `"`, `\(dq`) + `"`)
	}
	m.b.WriteByte('\n')
}

// text writes lines of text. One that begins with a dot or a quote would be taken for a request.
func (m *manual) text(s string) {
	for line := range strings.SplitSeq(s, "\n") {
		if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
			line = `\&` + roff(line)
		} else {
			line = roff(line)
		}
		m.b.WriteString(line + "\n")
	}
}

// roff writes text so that it comes out as it is, to be copied into a shell.
func roff(s string) string { return roffEscapes.Replace(s) }

var roffEscapes = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "`", `\(ga`, "^", `\(ha`, "~", `\(ti`)

// built is the day of the commit that was built, so that the page of a version is always the same.
func built() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if at, err := time.Parse(time.RFC3339, s.Value); s.Key == "vcs.time" && err == nil {
				return at.UTC().Format(time.DateOnly)
			}
		}
	}
	return ""
}
