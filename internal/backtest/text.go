package backtest

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"switchboard/internal/rules"
)

// WriteText writes a report for people.
func WriteText(w io.Writer, r *Report) error {
	t := textWriter{bufio.NewWriter(w)}
	t.line("%d events from %s to %s", r.Events, stamp(r.Since), stamp(r.Through))
	t.line("the old rules (%s) ran %s, the new ones (%s) %s", r.Old, times(r.OldRuns), r.New, times(r.NewRuns))
	if !r.Differs() {
		t.line("no difference: nothing would have been done otherwise")
	}
	for _, one := range r.Rules {
		if one.Gained.Total+one.Lost.Total+one.Changed.Total+one.Unknown+one.OtherTimes == 0 {
			continue
		}
		t.line("")
		t.line("%s", one.Rule)
		t.difference("+", "would run in addition", one.Gained)
		t.difference("-", "would not run any more", one.Lost)
		t.difference("~", "would do something else", one.Changed)
		if one.Unknown > 0 {
			var facts []string
			for _, kind := range slices.Sorted(maps.Keys(one.Facts)) {
				facts = append(facts, fmt.Sprintf("%s %d times", kind, one.Facts[kind]))
			}
			t.line("  ? cannot be told for %d events: it needs facts that were not read then (%s)", one.Unknown, strings.Join(facts, ", "))
		}
		if one.OtherTimes > 0 {
			t.line("  ? %s would come due at another time than then, and are decided on what was read then", counted(one.OtherTimes, "timer"))
		}
	}
	return t.Flush()
}

// textWriter writes lines; the first error is told by Flush.
type textWriter struct{ *bufio.Writer }

func (t textWriter) line(format string, args ...any) { _, _ = fmt.Fprintf(t, format+"\n", args...) }

func (t textWriter) difference(sign, words string, d Difference) {
	if d.Total == 0 {
		return
	}
	t.line("  %s %s: on %s about %s", sign, words, counted(d.Total, "event"), counted(d.Subjects, "subject"))
	for _, x := range d.Examples {
		t.line("      %s, %s", x.Subject, x.Cause)
		if !x.OldAt.IsZero() {
			t.line("        - %s  %s", stamp(x.OldAt), deeds(x.Old))
		}
		if !x.NewAt.IsZero() {
			t.line("        + %s  %s", stamp(x.NewAt), deeds(x.New))
		}
	}
	if more := d.Total - len(d.Examples); more > 0 {
		t.line("      and %d more", more)
	}
}

func deeds(list []rules.Planned) string {
	words := make([]string, len(list))
	for i, a := range list {
		words[i] = a.Summary
	}
	return strings.Join(words, "; ")
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
