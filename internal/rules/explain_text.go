package rules

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

// WriteExplanation writes explanations for people: a line for each rule that was asked with its outcome,
// its conditions below it with what they read, and at the end the rules that were not asked.
func WriteExplanation(w io.Writer, list []Explanation) error {
	t := textWriter{bufio.NewWriter(w)}
	var deaf []Explanation
	for _, x := range list {
		if x.Outcome == nil {
			deaf = append(deaf, x)
			continue
		}
		t.outcome(x)
	}
	if len(deaf) > 0 {
		t.line("not asked:")
		for _, x := range deaf {
			t.line("  %s: %s", x.Rule, x.NotAsked)
		}
	}
	return t.Flush()
}

// textWriter writes lines; the first error is told by Flush.
type textWriter struct{ *bufio.Writer }

func (t textWriter) line(format string, args ...any) { _, _ = fmt.Fprintf(t, format+"\n", args...) }

// verdictWords are the verdicts for people.
var verdictWords = map[Verdict]string{Ran: "ran", DidNotMatch: "did not match", HeldBack: "held back", Failed: "failed"}

func (t textWriter) outcome(x Explanation) {
	o := x.Outcome
	held := ""
	if o.HeldBy != "" {
		held = " by " + o.HeldBy
	}
	t.line("%s: %s%s (%s:%d)", x.Rule, verdictWords[o.Verdict], held, x.File, x.Line)
	asked := len(x.If)+len(x.Any)+len(x.None) > 0
	if o.Reason != "" && !x.decided() && (o.Verdict != Ran || !asked) {
		t.line("  %s", o.Reason)
	}
	if asked && reached(x) {
		for _, part := range []struct {
			key  string
			list []*Clause
		}{{"if", x.If}, {"any", x.Any}, {"none", x.None}} {
			if len(part.list) > 0 {
				t.line("  %s:", part.key)
				t.clauses(part.list, "    ")
			}
		}
	}
	t.actions("then", o.Actions)
	t.actions("would", o.Would)
	if o.Stop {
		t.line("  stop: rules behind it are not asked")
	}
}

// unescapeHTML has JSON as people write it.
var unescapeHTML = strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&")

// decided tells whether a clause decided that the rule does not match.
func (x Explanation) decided() bool {
	return x.Outcome.Verdict == DidNotMatch &&
		(leafWith(x.If, ClauseFalse) != nil || leafWith(x.None, ClauseTrue) != nil)
}

// reached tells whether any condition was asked.
func reached(x Explanation) bool {
	for _, list := range [][]*Clause{x.If, x.Any, x.None} {
		for _, c := range list {
			if c.Value != ClauseNotReached {
				return true
			}
		}
	}
	return false
}

// clauseMarks stand before clauses; the one that decided has an arrow.
var clauseMarks = map[ClauseValue]string{ClauseTrue: "✓", ClauseFalse: "✗", ClauseFailed: "!", ClauseNotReached: "·"}

func (t textWriter) clauses(list []*Clause, indent string) {
	for _, c := range list {
		decided := ""
		if c.Decided {
			decided = "   ← this decided"
		}
		text := c.Text
		if c.Op != "" {
			text = map[string]string{"and": "all of:", "or": "one of:"}[c.Op]
		}
		t.line("%s%s %s%s", indent, clauseMarks[c.Value], text, decided)
		for _, f := range c.Facts {
			from := ""
			if f.LookedUp {
				from = "   (looked up)"
			}
			value := unescapeHTML.Replace(string(f.Value))
			if value == "null" {
				value = "absent"
			}
			t.line("%s    %s = %s%s", indent, f.Name, value, from)
		}
		t.clauses(c.Clauses, indent+"  ")
	}
}

func (t textWriter) actions(key string, list []Planned) {
	if len(list) == 0 {
		return
	}
	t.line("  %s:", key)
	for _, a := range list {
		params := ""
		if len(a.Params) > 0 && string(a.Params) != "{}" {
			params = " " + unescapeHTML.Replace(string(a.Params))
		}
		t.line("    - %s%s", a.Kind, params)
	}
}
