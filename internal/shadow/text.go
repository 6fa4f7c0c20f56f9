package shadow

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"
)

// WriteText writes a report for people.
func WriteText(w io.Writer, r *Report) error {
	t := textWriter{bufio.NewWriter(w)}
	if r.Events == 0 {
		t.line("no event of that time is stored")
		return t.Flush()
	}
	t.line("%s from %s to %s; what people did within %s after the event counts", counted(r.Events, "event"), stamp(r.Since), stamp(r.Through), r.Within())
	if len(r.Rules) == 0 {
		t.line("no rule was in shadow")
	}
	for _, one := range r.Rules {
		t.line("")
		t.line("%s", one.Title())
		for _, note := range one.Notes() {
			t.line("  %s", note)
		}
		for _, a := range one.Actions {
			t.line("  %s: %s", a.Action, counted(a.Total, a.of()))
			t.agreement(a)
		}
	}
	for _, topic := range r.Unheard {
		t.line("")
		t.line("no event of the topic %s came in that time: is the app subscribed to it? Nothing else tells what people do", topic)
	}
	return t.Flush()
}

func (t textWriter) agreement(a *ActionReport) {
	if people := a.People(); people != "" {
		t.line("    %s", people)
	}
	for _, x := range a.Examples {
		t.line("      %s  %s  (event %d, %s)", x.Subject, x.Did, x.Event, stamp(x.At))
	}
	if more := a.Other - len(a.Examples); more > 0 {
		t.line("      and %d more", more)
	}
	for _, s := range a.Rest() {
		t.line("    %s", s)
	}
}

// Title says how often the rule would have run.
func (r *RuleReport) Title() string {
	name := r.Rule
	if state := map[string]string{"shadow": "in shadow", "live": "live now", "off": "off now", "gone": "not there any more"}[r.State]; state != "" {
		name += " (" + state + ")"
	}
	if r.Would == 0 {
		return name + ": would not have run"
	}
	return fmt.Sprintf("%s: would have run on %s about %s", name, counted(r.Would, "event"), counted(r.Subjects, "subject"))
}

// Notes say what else there is to know of the rule.
func (r *RuleReport) Notes() (list []string) {
	if r.Held > 0 {
		list = append(list, "live, it would have been held back on "+counted(r.Held, "event"))
	}
	if r.Rulesets > 1 {
		list = append(list, fmt.Sprintf("%d versions of the rules decided; --since leaves out what older ones did", r.Rulesets))
	}
	return list
}

// of is what the action is counted by.
func (a *ActionReport) of() string {
	if a.Kind == "assign" {
		return "conversation"
	}
	return "subject"
}

// verb is what people do.
func (a *ActionReport) verb() string {
	if a.Kind == "assign" {
		return "assigned"
	}
	return "tagged"
}

// People says how the action agrees with what people did; it is empty when they did nothing of the kind.
func (a *ActionReport) People() string {
	percent, ok := a.Percent()
	if !ok {
		return ""
	}
	otherwise := "with other tags only"
	if a.Kind == "assign" {
		otherwise = "to others"
	}
	return fmt.Sprintf("people %s %d: %d (%d %%) the same, %d %s", a.verb(), a.Same+a.Other, a.Same, percent, a.Other, otherwise)
}

// Rest says what became of those about which people did nothing of the kind.
func (a *ActionReport) Rest() (list []string) {
	if !a.Compared {
		return []string{"not compared with what people did"}
	}
	say := func(n int, words string) {
		if n > 0 {
			list = append(list, fmt.Sprintf("%d %s", n, words))
		}
	}
	say(a.Nobody, "not "+a.verb()+" by people")
	say(a.Waiting, "not "+a.verb()+" by people yet, and there is still time")
	say(a.Already, "so already: the rule would have changed nothing")
	say(a.Left, "with others before, and left there: the rule would have taken them away")
	say(a.Automated, "done the same by live rules, bots or apps")
	for _, why := range slices.Sorted(maps.Keys(a.Reasons)) {
		say(a.Reasons[why], "cannot be told: "+why)
	}
	return list
}

// textWriter writes lines; the first error is told by Flush.
type textWriter struct{ *bufio.Writer }

func (t textWriter) line(format string, args ...any) { _, _ = fmt.Fprintf(t, format+"\n", args...) }

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
