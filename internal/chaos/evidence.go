// Package chaos lets Switchboard run through schedules of faults that are drawn from seeds, and holds
// what came of it against the invariants.
//
// Draw makes a Schedule of a seed: what customers and teammates do, and what goes wrong meanwhile.
// The tests perform it with real replicas on a real database, the simulator as Intercom, and a clock
// that jumps. Check then reads the Evidence, which is what the simulator has seen and what is left in
// the end, and tells each Violation of an invariant. It knows nothing of how Switchboard works, only
// what Rules must lead to. See docs/chaos.md.
package chaos

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"switchboard/internal/simulator"
)

// Evidence is all that the checker judges by.
type Evidence struct {
	Schedule Schedule
	Began    time.Time

	// What the simulator saw, and its state in the end.
	Journal       []simulator.Entry
	Deliveries    []simulator.Delivery
	Notifications []simulator.Notification // also those that were never sent
	Windows       []simulator.WindowUse
	Conversations []simulator.Conversation

	// Left are the actions that did not end well, by the store; AtRest says that nothing waits any
	// more, Waiting what does.
	Left    []Left
	AtRest  bool
	Waiting string

	Starts []time.Time // of replicas
	Stops  []Stop      // clean ones
	// Recovers says that notifications which were lost must be made up for (I11).
	Recovers bool
}

// Left is an action that a person has to look at.
type Left struct {
	Conversation, Kind, Text string
	State                    string // dead, parked or held
	Error                    string
}

// Stop is a clean stop of a replica.
type Stop struct {
	At      time.Time
	Took    time.Duration
	Err     error
	Excused bool // the schedule made it impossible
}

// Grace is how long a clean stop may take (I7).
const Grace = 20 * time.Second

// Violation is one finding: an invariant that does not hold.
type Violation struct {
	Invariant    string // such as I4
	At           time.Time
	Conversation string // empty when it is about none
	What         string
	Around       []string // what was seen about that time
}

func (v Violation) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s at %s", v.Invariant, v.At.UTC().Format("15:04:05.000"))
	if v.Conversation != "" {
		fmt.Fprint(&b, ", conversation ", v.Conversation)
	}
	fmt.Fprint(&b, ": ", v.What)
	for _, line := range v.Around {
		fmt.Fprint(&b, "\n      ", line)
	}
	return b.String()
}

// Render shows violations for people, with the schedule that led to them.
func Render(s Schedule, list []Violation) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d violations by %s", len(list), s)
	for _, v := range list {
		fmt.Fprintf(&b, "  %s\n", v)
	}
	return b.String()
}

// line is something that happened, for Around.
type line struct {
	at   time.Time
	text string
}

// around are the lines of a conversation and the faults from a while before a time to a while after.
func (e *Evidence) around(conversation string, at time.Time, before, after time.Duration) (out []string) {
	var list []line
	for _, f := range e.Schedule.Faults {
		from := e.Began.Add(f.At)
		if !from.After(at.Add(after)) && !from.Add(f.For).Before(at.Add(-before)) {
			list = append(list, line{from, "FAULT " + f.String()})
		}
	}
	for _, d := range e.Deliveries {
		if conversation == "" || d.Subject == "conversation/"+conversation {
			list = append(list, line{d.SentAt, fmt.Sprintf("%s, attempt %d: %d, %s after %s", d.Topic, d.Attempt, d.Status, d.Outcome, d.Latency)})
		}
	}
	for _, c := range e.Journal {
		if conversation == "" || about(c) == conversation {
			list = append(list, line{c.Time, describe(c)})
		}
	}
	slices.SortStableFunc(list, func(a, b line) int { return a.at.Compare(b.at) })
	const most = 40
	for _, l := range list {
		fault := strings.HasPrefix(l.text, "FAULT")
		if (fault || !l.at.Before(at.Add(-before)) && !l.at.After(at.Add(after))) && len(out) < most {
			out = append(out, l.at.UTC().Format("15:04:05.000")+" "+l.text)
		}
	}
	return out
}

// describe is a call in a line.
func describe(c simulator.Entry) string {
	text := fmt.Sprintf("call #%d %s: %d", c.Seq, c.Endpoint, c.Status)
	if c.Fault != "" {
		text += " " + string(c.Fault)
	}
	if c.Effect != simulator.EffectNone {
		text += ", " + string(c.Effect)
	}
	if words := cmp.Or(c.Text, c.Tag); words != "" {
		text += fmt.Sprintf(" %q", words)
	}
	return text
}

// about is the conversation of a call, also of one that was refused.
func about(c simulator.Entry) string {
	if c.Conversation != "" {
		return c.Conversation
	}
	rest, ok := strings.CutPrefix(c.Path, "/conversations/")
	if !ok {
		return ""
	}
	id, _, _ := strings.Cut(rest, "/")
	return id
}
