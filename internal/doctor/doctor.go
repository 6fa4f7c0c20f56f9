// Package doctor says what is wrong with a set-up: with its settings and rules, with what Intercom lets it do,
// and with the service that runs, or the database that one left behind.
//
// Each check is one function that looks at the Patient and says what it finds. Checks run at the same time and
// change nothing. What several of them need is asked for once (facts.go), and each has five seconds: one that
// hangs says so and keeps nobody waiting. What a check cannot know because something else is missing is a note;
// the check whose matter that is says what to do.
package doctor

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Level is how bad a finding is.
type Level int

// The levels.
const (
	OK Level = iota
	Note
	Warning
	Error
)

var levelNames = []string{"ok", "note", "warning", "error"}

func (l Level) String() string { return levelNames[l] }

// MarshalText is for JSON.
func (l Level) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// Finding is what a check has found.
type Finding struct {
	Check     string `json:"check"`
	Workspace string `json:"workspace,omitempty"` // where there are several
	Level     Level  `json:"level"`
	Text      string `json:"text"`
	// Fix says what to do; empty where nothing is.
	Fix string `json:"fix,omitempty"`
	// See is the check that says why this one could not look; empty if it could.
	See string `json:"see,omitempty"`
	// Docs is the section about the check.
	Docs string `json:"docs"`
}

// check is one of the checks.
type check struct {
	name string
	// about says in a few words what it looks at.
	about string
	look  func(context.Context, *Patient) []Finding
}

// checks are all there are, in the order in which their findings are told.
var checks = []check{
	{"secrets", "settings and the files that hold secrets", secrets},
	{"rules", "rules files", rulesFiles},
	{"intercom", "Intercom's API, the access token and the region", eachWorkspace(reached)},
	{"clock", "the clocks here and at Intercom", eachWorkspace(clocks)},
	{"permissions", "what the token may do", eachWorkspace(permissions)},
	{"names", "names in rules that the workspace does not have", eachWorkspace(names)},
	{"admin", "the teammate who acts", eachWorkspace(admin)},
	{"service", "whether the service runs, and reaches Intercom", service},
	{"database", "the database: writable, schema, size", database},
	{"database-clock", "the clock of PostgreSQL", databaseClock},
	{"disk", "space and inodes of the database's folder", disk},
	{"files", "open files and connections", openFiles},
	{"backlog", "events and actions that wait", backlog},
	{"events", "when the last notification came", eachServed(lastEvent)},
	{"missed", "what no notification told of", eachServed(missed)},
	{"topics", "topics that rules want and that never came", eachServed(topics)},
	{"signatures", "webhooks that were refused", signatures},
	{"reload", "rules that were not taken over", eachServed(reload)},
	{"paused", "rules that are paused by their limit", eachServed(paused)},
	{"timers", "timers that are overdue", timers},
	{"dead-letters", "actions that wait for a person", deadLetters},
	{"replicas", "replicas with other versions or rules", replicas},
	{"public-url", "the address that Intercom sends to, and its certificate", publicURL},
}

// patience is how long a check may take.
const patience = 5 * time.Second

// Run makes all checks and tells what they find, in their order.
func Run(ctx context.Context, p *Patient) []Finding {
	found := make([][]Finding, len(checks))
	var looking sync.WaitGroup
	for i, c := range checks {
		looking.Go(func() { found[i] = c.bounded(ctx, p) })
	}
	looking.Wait()
	return slices.Concat(found...)
}

// bounded makes a check and waits for it no longer than it may take.
func (c check) bounded(ctx context.Context, p *Patient) []Finding {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	done := make(chan []Finding, 1)
	go func() { done <- c.look(ctx, p) }()
	var found []Finding
	select {
	case found = <-done:
	case <-ctx.Done():
		found = []Finding{warn("it did not come to an end within "+patience.String(), "try again; if it stays so, something that it asks hangs")}
	}
	for i := range found {
		found[i].Check, found[i].Docs = c.name, "docs/doctor.md#"+c.name
	}
	return found
}

// Worst is the worst level of the findings.
func Worst(found []Finding) (worst Level) {
	for _, f := range found {
		worst = max(worst, f.Level)
	}
	return worst
}

// Checks are the names of all checks, and what each looks at, in their order.
func Checks() (list [][2]string) {
	for _, c := range checks {
		list = append(list, [2]string{c.name, c.about})
	}
	return list
}

func fine(format string, args ...any) Finding {
	return Finding{Level: OK, Text: fmt.Sprintf(format, args...)}
}

func note(text, fix string) Finding { return Finding{Level: Note, Text: text, Fix: fix} }

func warn(text, fix string) Finding { return Finding{Level: Warning, Text: text, Fix: fix} }

func fail(text, fix string) Finding { return Finding{Level: Error, Text: text, Fix: fix} }

// unknown says that a check could not look, and which one says why.
func unknown(of string) Finding {
	return Finding{Level: Note, Text: "not looked at: see " + of, See: of}
}

// anyOr is what was found or, if that is nothing, that all is well.
func anyOr(found []Finding, format string, args ...any) []Finding {
	if len(found) == 0 {
		return []Finding{fine(format, args...)}
	}
	return found
}

// plural writes a number of things.
func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}

// ago is a time of the past in words.
func ago(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d seconds", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d minutes", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d hours", int(d.Hours()))
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}
