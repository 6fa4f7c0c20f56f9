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
	if r.Events == 0 {
		t.line("no event was decided in that time")
	} else {
		t.line("%s from %s to %s", counted(r.Events, "event"), stamp(r.Since), stamp(r.Through))
	}
	t.line("the old rules (%s) ran %s, the new ones (%s) %s", r.Old, times(r.OldRuns), r.New, times(r.NewRuns))
	if r.Fetched != nil {
		t.line("%s", strings.Join(r.Fetched.sentences(), "\n"))
	}
	if !r.Differs() {
		t.line("%s", r.noDifference())
	}
	for _, one := range r.Rules {
		if one.empty() {
			continue
		}
		t.line("")
		t.line("%s", one.Rule)
		t.difference("+", "would run in addition", one.Gained)
		t.difference("-", "would not run any more", one.Lost)
		t.difference("~", "would do something else", one.Changed)
		t.difference("o", "would run if it were not in shadow", one.Shadow)
		for _, doubt := range one.doubts() {
			t.line("  ? %s", doubt)
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
		old, changed := deeds(x.Old, false), deeds(x.New, false)
		if old == changed { // the rules say the same, and it comes to something else
			old, changed = deeds(x.Old, true), deeds(x.New, true)
		}
		t.line("      %s, %s", x.Subject, x.Cause)
		if !x.OldAt.IsZero() {
			t.line("        - %s  %s", stamp(x.OldAt), old)
		}
		if !x.NewAt.IsZero() {
			t.line("        + %s  %s", stamp(x.NewAt), changed)
		}
	}
	if more := d.Total - len(d.Examples); more > 0 {
		t.line("      and %d more", more)
	}
}

// noDifference says that there is none, as far as that is known.
func (r *Report) noDifference() string {
	for _, one := range r.Rules {
		if one.Unknown+one.OldUnknown > 0 {
			return "no difference, as far as it can be told: some rules need facts that are unknown"
		}
	}
	return "no difference: nothing would have been done otherwise"
}

// sentences say what was fetched.
func (f *Fetched) sentences() []string {
	list := []string{fmt.Sprintf("%s of at most %d asked Intercom for facts that were not recorded; %s made on what is true now, not then",
		counted(f.Calls, "call"), f.Limit, were(f.Decisions, "decision"))}
	if f.Refused > 0 {
		list = append(list, counted(f.Refused, "question")+" Intercom does not answer: those facts stay unknown")
	}
	if f.Stopped != "" {
		list = append(list, "no more was asked: "+f.Stopped)
	}
	if f.Beyond > 0 {
		list = append(list, fmt.Sprintf("%s no more could be asked: those facts stay unknown", times(f.Beyond)))
	}
	return list
}

// doubts say what is not certain about a rule.
func (one *RuleReport) doubts() (list []string) {
	if one.Unknown > 0 {
		list = append(list, fmt.Sprintf("cannot be told for %s: it needs facts that were not read then (%s)", counted(one.Unknown, "event"), kinds(one.Facts)))
	}
	if one.OldUnknown > 0 {
		list = append(list, fmt.Sprintf("cannot be told for %s with the old rule (%s)", counted(one.OldUnknown, "event"), kinds(one.OldFacts)))
	}
	if one.Fetched > 0 {
		list = append(list, were(one.Fetched, "decision")+" made on what Intercom says now, which may not be what was true then")
	}
	if one.OtherTimes > 0 {
		list = append(list, fmt.Sprintf("%s would come due at another time than then, decided on what was read then", counted(one.OtherTimes, "timer")))
	}
	return list
}

func kinds(facts map[string]int) string {
	list := make([]string, 0, len(facts))
	for _, kind := range slices.Sorted(maps.Keys(facts)) {
		list = append(list, kind+" "+times(facts[kind]))
	}
	return strings.Join(list, ", ")
}

func were(n int, what string) string {
	if n == 1 {
		return "1 " + what + " was"
	}
	return counted(n, what) + " were"
}

// deeds are the actions in the words of the rules, or with what comes of them.
func deeds(list []rules.Planned, full bool) string {
	words := make([]string, len(list))
	for i, a := range list {
		if words[i] = a.Summary; full {
			words[i] += " " + params(a)
		}
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
