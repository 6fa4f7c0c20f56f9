// Package backtest tells what a change of the rules would have done: it has two rulesets decide the events
// that are stored, side by side, on a clock that the events set, and reports where they differ.
//
// Both sides begin with nothing remembered and see the same events in the order of their arrival, at the
// times when they were decided, with the facts that were recorded then. Timers come due on the virtual
// clock: before an event is decided, the timers that are due by then are. A fact that was not recorded is
// unknown and never guessed: the rule that needs it fails, which is counted and named. Whoever wants it can
// have such facts fetched: what is true now is not what was true then, so that is counted and named, too.
//
// What rules do changes what happens next; a backtest cannot know how. The events are those that followed
// what was done then. Nothing is stored and nothing is sent.
package backtest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"switchboard/internal/dryrun"
	"switchboard/internal/event"
	"switchboard/internal/rules"
)

// History gives what is stored.
type History struct {
	// Events calls back with the events that were decided, oldest first, with their decisions. Those
	// that say that a timer came due, and replays, are left out.
	Events func(ctx context.Context, each func(event.Event, *rules.Decision) error) error
	// Decision gives the decision on the event with an id, for timers; nil if there is none.
	Decision func(ctx context.Context, workspace, id string) (*rules.Decision, error)
}

// run is one rule that ran.
type run struct {
	rule, cause               string
	workspace, subject, topic string
	at                        time.Time
	actions                   []rules.Planned
}

// side is one ruleset with what its decisions leave behind.
type side struct {
	*dryrun.Service
	runs []run // of the step that is being made
}

// Options say what is held against what.
type Options struct {
	History  History
	Old, New *rules.Ruleset
	// Fetch, if not nil, looks up what was not recorded.
	Fetch *Fetch
	// Progress, if not nil, is told how far it is after every event and before every look-up. It must
	// be quick.
	Progress func(Progress)
}

// Progress is how far a backtest is.
type Progress struct {
	Events int       `json:"events"`
	At     time.Time `json:"at,omitzero"`     // of the last of them
	Calls  int       `json:"calls,omitempty"` // to Intercom
}

// Backtest has the rulesets decide the history.
func Backtest(ctx context.Context, o Options) (*Report, error) {
	t := &test{history: o.History, sides: [2]*side{{Service: dryrun.New(o.Old)}, {Service: dryrun.New(o.New)}}, report: newReport(o.Old, o.New), open: map[string]pending{}, tell: o.Progress}
	if o.Fetch != nil {
		t.fetch = newFetcher(o.Fetch, t.progress)
		t.report.Fetched = &t.fetch.Fetched
	}
	err := o.History.Events(ctx, func(ev event.Event, d *rules.Decision) error {
		if err := t.event(ctx, ev, d); err != nil {
			return err
		}
		t.report.Events++
		t.progress()
		return ctx.Err()
	})
	if err != nil {
		return nil, err
	}
	if err := t.timers(ctx, t.report.Through); err != nil {
		return nil, err
	}
	t.end()
	return t.report, nil
}

// test is a backtest that goes on.
type test struct {
	history History
	sides   [2]*side // the old rules and the changed ones
	report  *Report
	// open are runs of timers of which the other side has had none yet, by rule and cause.
	open  map[string]pending
	fetch *fetcher // nil: nothing is looked up
	tell  func(Progress)
}

func (t *test) progress() {
	if t.tell == nil {
		return
	}
	p := Progress{Events: t.report.Events, At: t.report.Through}
	if t.fetch != nil {
		p.Calls = t.fetch.Calls
	}
	t.tell(p)
}

// pending is a run that one side had.
type pending struct {
	side int
	run  run
}

// keep remembers the decision that was made last, and notes what ran. cause names what both sides may do
// something about.
func (s *side) keep(d *rules.Decision, in rules.Input, cause string) {
	s.Keep(d, in)
	for _, o := range d.Rules {
		if o.Verdict == rules.Ran {
			s.runs = append(s.runs, runOf(o, in, cause))
		}
	}
}

func runOf(o rules.Outcome, in rules.Input, cause string) run {
	return run{
		rule: o.Rule, cause: cause, workspace: in.Event.Workspace, subject: in.Event.Subject, topic: in.Event.Topic, at: in.Now, actions: o.Actions,
	}
}

// waits tells whether the timer still waits that a run of the other side came of.
func (s *side) waits(r run) bool {
	timer, ok := s.Waits(r.workspace, r.subject, r.rule)
	return ok && causeOf(timer.Trigger) == r.cause
}

// event decides one event on both sides.
func (t *test) event(ctx context.Context, ev event.Event, d *rules.Decision) error {
	if err := t.timers(ctx, d.At); err != nil {
		return err
	}
	if t.report.Since.IsZero() {
		t.report.Since = d.At
	}
	t.report.Through = d.At
	for _, s := range t.sides {
		in := d.Input(ev)
		in.Replay = nil
		if err := t.decide(ctx, s, in, ev.ID); err != nil {
			return fmt.Errorf("event %d: %w", ev.Seq, err)
		}
		s.Forget(d.At)
	}
	t.compare()
	return nil
}

// timers lets the timers come due that are by a time, side by side in the order of their times.
func (t *test) timers(ctx context.Context, by time.Time) error {
	for i, s := range t.sides {
		for {
			due, ok := s.Next(by)
			if !ok {
				break
			}
			if err := t.fire(ctx, s, due); err != nil {
				return err
			}
			t.note(i)
		}
	}
	return nil
}

// fire decides about a timer that came due. What was read when it came due then, if it did, is known.
func (t *test) fire(ctx context.Context, s *side, due dryrun.Timer) error {
	ev, err := due.Fires()
	if err != nil {
		return err
	}
	then, err := t.history.Decision(ctx, ev.Workspace, ev.ID)
	if err != nil {
		return err
	}
	if then == nil { // no timer of this rule came due then
		then = &rules.Decision{}
	}
	now := due.DueAt
	if s == t.sides[1] && len(then.Lookups) > 0 && !then.At.IsZero() && then.At.Sub(now).Abs() > onTime {
		t.report.rule(due.Rule).OtherTimes++
	}
	if err := t.decide(ctx, s, rules.Input{Event: ev, Now: now, Lookup: then.Recorded()}, causeOf(due.Trigger)); err != nil {
		return fmt.Errorf("timer of %s: %w", due.Rule, err)
	}
	return nil
}

// decide has a side decide, first by what was recorded. Where a rule fails for what was not, that is fetched,
// if it may be, and all is decided again.
func (t *test) decide(ctx context.Context, s *side, in rules.Input, cause string) error {
	d, err := s.Evaluate(ctx, in)
	if err != nil {
		return err
	}
	if lacking := lacking(d); t.fetch != nil && len(lacking) > 0 {
		with := &fetching{recorded: in.Lookup, fetch: t.fetch, workspace: in.Event.Workspace}
		in.Lookup = with
		if d, err = s.Evaluate(ctx, in); err != nil {
			return err
		}
		if with.used {
			t.fetch.Decisions++
			for _, o := range d.Rules {
				if slices.Contains(lacking, o.Rule) && !lacks(o) {
					t.report.rule(o.Rule).Fetched++
				}
			}
		}
	}
	for _, rule := range lacking(d) {
		t.report.unknown(rule, d, s == t.sides[0])
	}
	s.keep(d, in, cause)
	if s == t.sides[1] {
		for _, o := range d.Rules {
			if o.HeldBy == rules.HeldByShadow && o.Would != nil {
				r := runOf(o, in, cause)
				r.actions = o.Would
				t.report.rule(o.Rule).Shadow.add(nil, &r)
			}
		}
	}
	return nil
}

// lacking are the rules that failed for a fact that is unknown.
func lacking(d *rules.Decision) (list []string) {
	if !d.Unrecorded() {
		return nil
	}
	for _, o := range d.Rules {
		if lacks(o) {
			list = append(list, o.Rule)
		}
	}
	return list
}

// lacks tells whether a rule failed for a fact that is unknown, and not for another reason.
func lacks(o rules.Outcome) bool {
	return o.Verdict == rules.Failed && strings.Contains(o.Reason, rules.ErrNotRecorded.Error())
}

// onTime is how far the time when a timer comes due may be from when its facts were read.
const onTime = time.Minute

// causeOf names what both sides may do when a timer comes due.
func causeOf(trigger event.Trigger) string { return "timer " + trigger.ID }

// note keeps the runs of a timer until the other side has had its own: the two may come due at different
// times.
func (t *test) note(i int) {
	for _, r := range t.sides[i].runs {
		key := r.workspace + "\x00" + r.rule + "\x00" + r.cause
		other, waits := t.open[key]
		switch {
		case waits && other.side != i:
			delete(t.open, key)
			pair := [2]*run{&r, &other.run}
			if i == 1 {
				pair = [2]*run{&other.run, &r}
			}
			t.report.add(pair[0], pair[1])
		case waits:
			t.settle(other)
			t.open[key] = pending{i, r}
		default:
			t.open[key] = pending{i, r}
		}
	}
	t.sides[i].runs = t.sides[i].runs[:0]
}

// settle reports a run that only one side had.
func (t *test) settle(p pending) {
	if p.side == 0 {
		t.report.add(&p.run, nil)
	} else {
		t.report.add(nil, &p.run)
	}
}

// end reports what is open.
func (t *test) end() {
	keys := make([]string, 0, len(t.open))
	for key := range t.open {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	for _, key := range keys {
		if p := t.open[key]; !t.sides[1-p.side].waits(p.run) { // else the history ends too early to tell
			t.settle(p)
		}
	}
	t.report.finish()
}

// compare reports what the two sides have done on one event.
func (t *test) compare() {
	old, changed := t.sides[0].runs, t.sides[1].runs
	for i := range old {
		j := slices.IndexFunc(changed, func(r run) bool { return r.rule == old[i].rule })
		if j < 0 {
			t.report.add(&old[i], nil)
		} else {
			t.report.add(&old[i], &changed[j])
		}
	}
	for j := range changed {
		if !slices.ContainsFunc(old, func(r run) bool { return r.rule == changed[j].rule }) {
			t.report.add(nil, &changed[j])
		}
	}
	t.sides[0].runs, t.sides[1].runs = old[:0], changed[:0]
}
