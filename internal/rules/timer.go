package rules

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"switchboard/internal/calendar"
	"switchboard/internal/event"
)

// A rule with `after` does not run on the event that triggers it: it starts a timer on the event's
// subject, one for each rule and subject. When the timer comes due the engine is handed an event of
// our own (event.TopicTimer). On that the subject is read again, the conditions are asked about what
// holds now, and the rule runs or not. So there are two decisions: one that waits and one that ends
// the waiting.
//
// What counts is when things happened, not when their events arrived: an event of `cancel_on`
// cancels the timers that were started by what happened before it, whichever of the two arrives
// first.

// Timer is a run that waits.
type Timer struct {
	Rule string `json:"rule"`
	// Trigger is the event that started it.
	Trigger event.Trigger `json:"trigger"`
	// Newest is the newest event that would have started it anew, of a rule that keeps the first.
	Newest *event.Trigger `json:"newest,omitempty"`
	DueAt  time.Time      `json:"due_at"`
	// Place orders timers that come due at the same time: that of the rule in the files.
	Place int `json:"place"`
	// Clock identifies what the rule said when DueAt was worked out.
	Clock string `json:"clock"`
	// Version counts the changes since it was started; whoever keeps the timers counts them.
	Version int64 `json:"version,omitempty"`
}

// Cancel is an event that cancels the timers of a rule.
type Cancel struct {
	Rule  string    `json:"rule"`
	Topic string    `json:"topic"`
	Part  string    `json:"part,omitempty"`
	At    time.Time `json:"at"` // when it happened
}

// TimerChange is what a decision does to a timer.
type TimerChange struct {
	Rule   string          `json:"rule"`
	Change TimerTransition `json:"change"`
	// Timer is the timer as it is from now on; nil when there is none any more.
	Timer *Timer `json:"timer,omitempty"`
	// Reason says for people why.
	Reason string `json:"reason,omitempty"`
}

// TimerTransition is what becomes of a timer. It is a label of metrics.
type TimerTransition string

// The transitions.
const (
	TimerStarted   TimerTransition = "started"
	TimerRestarted TimerTransition = "restarted" // the trigger came again
	TimerKept      TimerTransition = "kept"      // the trigger came again, and the first counts (restart: false)
	TimerMoved     TimerTransition = "moved"     // the rule says another time now
	TimerCancelled TimerTransition = "cancelled"
	TimerFired     TimerTransition = "fired"   // its time came and the rule was decided
	TimerSkipped   TimerTransition = "skipped" // its time was too long ago (if_late)
)

// TimerTransitions are all transitions.
func TimerTransitions() []TimerTransition {
	return []TimerTransition{TimerStarted, TimerRestarted, TimerKept, TimerMoved, TimerCancelled, TimerFired, TimerSkipped}
}

// beforeTrigger tells whether the event happened before the one that started a timer.
func (c Cancel) beforeTrigger(t event.Trigger) bool { return earlier(c.At, c.Part, t.At, t.Part) }

// earlier tells whether one thing happened before another, on one subject. The ids of parts tell the
// order, if both have one: times are exact to the second only. What came with the same part is one
// thing that somebody did.
func earlier(at time.Time, part string, otherAt time.Time, otherPart string) bool {
	if digitsOnly(part) && digitsOnly(otherPart) {
		return olderPart(part, otherPart)
	}
	return at.Before(otherAt)
}

// olderPart compares the ids of parts, which are numbers that grow.
func olderPart(a, b string) bool {
	if len(a) != len(b) {
		return len(a) < len(b)
	}
	return a < b
}

func digitsOnly(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == "" && s[0] != '0'
}

// triggerOf is what a timer keeps of the event that starts it.
func triggerOf(ev *event.Event) event.Trigger {
	return event.Trigger{Seq: ev.Seq, ID: ev.ID, Topic: ev.Topic, Part: ev.Part, At: ev.Happened().UTC(), Started: ev.Began().UTC()}
}

// timers are the timers and cancels of the event's subject, read once.
type timers struct {
	waiting map[string]Timer
	cancels map[string]Cancel

	recorded  []Timer
	cancelled []Cancel
}

// timersOf reads the timers of the event's subject when they are first asked for.
func (e *evaluation) timersOf() (*timers, error) {
	if e.timers != nil || e.in.State == nil {
		if e.timers == nil {
			e.timers = &timers{}
		}
		return e.timers, nil
	}
	waiting, err := e.in.State.Timers(e.ctx)
	if err != nil {
		return nil, &LookupError{What: "timers", Err: err}
	}
	cancels, err := e.in.State.Cancels(e.ctx)
	if err != nil {
		return nil, &LookupError{What: "what cancels timers", Err: err}
	}
	e.timers = &timers{waiting: map[string]Timer{}, cancels: map[string]Cancel{}, recorded: waiting, cancelled: cancels}
	for _, t := range waiting {
		e.timers.waiting[t.Rule] = t
	}
	for _, c := range cancels {
		e.timers.cancels[c.Rule] = c
	}
	return e.timers, nil
}

// startTimer decides about a rule with `after` on an event that triggers it.
func (e *evaluation) startTimer(r *rule, o *Outcome) error {
	if kind := subjectKind(e.in.Event.Subject); !slices.Contains(timerKinds, kind) {
		return fmt.Errorf("after: a timer waits on a conversation, a contact or a ticket, not on %s", e.in.Event.Subject)
	}
	known, err := e.timersOf()
	if err != nil {
		return err
	}
	trigger := triggerOf(&e.in.Event)
	if c, ok := known.cancels[r.name]; ok && !c.beforeTrigger(trigger) {
		o.Verdict, o.Reason = DidNotMatch, c.reason()
		return nil
	}
	due, err := r.wait.due(trigger.Started)
	if err != nil {
		return err
	}
	timer := Timer{Rule: r.name, Trigger: trigger, DueAt: due, Place: r.place, Clock: r.wait.clock()}
	change := TimerChange{Rule: r.name, Change: TimerStarted, Timer: &timer}
	if before, waits := known.waiting[r.name]; waits {
		newest := before.newest()
		newer := earlier(newest.At, newest.Part, trigger.At, trigger.Part)
		change.Change = TimerRestarted
		if !newer || !r.wait.restart {
			o.Verdict, o.HeldBy, o.Until, o.Reason = HeldBack, HeldByTimer, before.DueAt, "it waits already, until "+stamp(before.DueAt)
			if before.Newest = &trigger; newer {
				e.setTimer(TimerChange{Rule: r.name, Change: TimerKept, Timer: &before})
			}
			return nil
		}
	}
	o.Verdict, o.HeldBy, o.Until, o.Reason = HeldBack, HeldByTimer, due, "it waits "+r.wait.String()+", until "+stamp(due)
	e.setTimer(change)
	return nil
}

// newest is the newest event that started the timer, or would have.
func (t Timer) newest() event.Trigger {
	if t.Newest != nil {
		return *t.Newest
	}
	return t.Trigger
}

// reason says why a timer is not started.
func (c Cancel) reason() string {
	if c.Topic == event.TopicTimer {
		return "its timer has come due already, for this or for what happened after it"
	}
	return "cancel_on: " + c.Topic + " happened at " + stamp(c.At) + ", and not before what starts the timer"
}

func (e *evaluation) setTimer(ch TimerChange) { e.timerChanges = append(e.timerChanges, ch) }

// cancelTimers notes what the event cancels: for each of the rules, the timer that waits, and any
// that is still to be started by something that happened before. What starts a timer does not
// cancel it.
func (e *evaluation) cancelTimers(rules []*rule, triggered map[*rule]bool) error {
	for _, r := range rules {
		if triggered[r] || r.state == stateOff || e.in.Own && r.from != fromAny {
			continue
		}
		known, err := e.timersOf()
		if err != nil {
			return err
		}
		ev := &e.in.Event
		e.cancel(r, known, Cancel{Rule: r.name, Topic: ev.Topic, Part: ev.Part, At: ev.Happened().UTC()})
	}
	return nil
}

// cancel notes what an event cancels of one rule, unless it is known that something later has done so.
func (e *evaluation) cancel(r *rule, known *timers, c Cancel) {
	if last, ok := known.cancels[r.name]; !ok || !earlier(c.At, c.Part, last.At, last.Part) {
		e.cancels = append(e.cancels, c)
	}
	t, waits := known.waiting[r.name]
	if !waits || c.beforeTrigger(t.Trigger) {
		return
	}
	reason := "cancel_on: " + c.Topic
	if t.Newest != nil && c.beforeTrigger(*t.Newest) {
		// The rule kept the first trigger, which is answered, and not the one after that.
		if due, err := r.wait.due(t.Newest.Started); err == nil {
			e.setTimer(TimerChange{Rule: r.name, Change: TimerRestarted, Reason: reason, Timer: &Timer{
				Rule: r.name, Trigger: *t.Newest, DueAt: due, Place: r.place, Clock: r.wait.clock(),
			}})
			return
		}
	}
	e.setTimer(TimerChange{Rule: r.name, Change: TimerCancelled, Reason: reason})
}

// evaluateTimer decides about a timer that came due.
func (rs *Ruleset) evaluateTimer(ctx context.Context, in Input) (*Decision, error) {
	d := &Decision{Ruleset: rs.hash, Event: in.Event.ID, At: in.Now.UTC(), Considered: 1, Total: len(rs.rules)}
	timer, err := event.ReadTimer(in.Event)
	if err != nil {
		d.Rules = []Outcome{{Verdict: Failed, Reason: err.Error()}}
		return d, nil //nolint:nilerr // we wrote it ourselves: the disk is damaged, and trying again changes nothing
	}
	o := Outcome{Rule: timer.Rule}
	e := evaluationOf(ctx, &in, nil, []string{subjectKind(in.Event.Subject)})
	e.breakerRuns, e.trigger = rs.breaker, &timer.Trigger
	r := rs.named(timer.Rule)
	if r != nil {
		o.File, o.Line = r.file, r.line
	}
	ends, err := rs.due(e, r, timer, &o)
	if err != nil {
		return nil, err
	}
	if ends.Change != "" {
		d.Timers = []TimerChange{ends}
	}
	if ends.Change == TimerFired || ends.Change == TimerSkipped {
		d.Cancels = []Cancel{e.settled(timer)}
	}
	d.Rules = []Outcome{o}
	e.record(d)
	return d, nil
}

// settled keeps triggers that arrive late from starting what has come due a second time (I2): another
// notification of the same part, and what happened before.
func (e *evaluation) settled(timer event.Timer) Cancel {
	last := timer.Trigger
	if t, ok := e.timers.waiting[timer.Rule]; ok {
		last = t.newest()
	}
	return Cancel{Rule: timer.Rule, Topic: event.TopicTimer, Part: last.Part, At: last.At}
}

// due fills in the outcome of a rule whose timer came due, and tells what becomes of the timer:
// nothing when another event was quicker.
func (rs *Ruleset) due(e *evaluation, r *rule, timer event.Timer, o *Outcome) (TimerChange, error) {
	change := TimerChange{Rule: timer.Rule}
	o.Verdict = DidNotMatch
	known, err := e.timersOf()
	if err != nil {
		return change, err
	}
	switch now, ok := known.waiting[timer.Rule]; {
	case !ok:
		o.Reason = "the timer was cancelled"
		return change, nil
	case now.Trigger.Seq != timer.Trigger.Seq || now.Version != timer.Version:
		o.Reason = "the timer was started again, or moved: it waits until " + stamp(now.DueAt)
		return change, nil
	}
	if reason := r.abandons(timer.Trigger.Topic); reason != "" {
		o.Reason = "cancelled: " + reason
		change.Change, change.Reason = TimerCancelled, reason
		return change, nil
	}
	moved, err := r.moved(timer)
	if err != nil {
		o.Verdict, o.Reason, change.Change = Failed, err.Error(), TimerFired
		return change, nil //nolint:nilerr // the rule fails, and the timer is over
	}
	if moved != nil && moved.DueAt.After(e.in.Now) {
		o.Verdict, o.HeldBy, o.Until = HeldBack, HeldByTimer, moved.DueAt
		o.Reason = "the rule says " + r.wait.String() + " now: it waits until " + stamp(moved.DueAt)
		change.Change, change.Timer = TimerMoved, moved
		return change, nil
	}
	if late := e.in.Now.Sub(timer.DueAt); r.skipLate > 0 && late > r.skipLate {
		o.Verdict, o.HeldBy = HeldBack, HeldByLate
		o.Reason = "if_late: it came due at " + stamp(timer.DueAt) + ", " + late.Round(time.Second).String() + " ago"
		change.Change = TimerSkipped
		return change, nil
	}
	change.Change = TimerFired
	*o = Outcome{Rule: r.name, File: r.file, Line: r.line}
	return change, rs.runRule(e, r, o, func() error { return rs.fire(e, r, timer, o) })
}

// asksNow is how late a timer may be and still count as on time: then `during` and `outside` are
// asked about the moment when it came due, which may be the very last of the open hours.
const asksNow = time.Minute

// fire decides with what holds now.
func (rs *Ruleset) fire(e *evaluation, r *rule, timer event.Timer, o *Outcome) error {
	at := e.in.Now
	if at.Sub(timer.DueAt) <= asksNow {
		if at = timer.DueAt; r.wait.hours != nil && r.wait.hours == r.during {
			at = at.Add(-1)
		}
	}
	if reason := r.closedFor(at); reason != "" {
		o.Verdict, o.Reason = DidNotMatch, reason
		return nil
	}
	if e.item = e.readSubject(); e.item == nil {
		o.Verdict, o.Reason = DidNotMatch, e.in.Event.Subject+" does not exist any more"
		return nil
	}
	return rs.ask(e, r, o)
}

// readSubject reads what the event is about as it is now; nil when it does not exist any more.
func (e *evaluation) readSubject() object {
	kind, id, _ := strings.Cut(e.in.Event.Subject, "/")
	return objectOf(e.lookup(Question{Kind: QuestionKind(kind), ID: id}))
}

// subjectKind is the kind of a subject, such as conversation.
func subjectKind(subject string) string {
	kind, _, _ := strings.Cut(subject, "/")
	return kind
}

// abandons says why timers that an event of the topic started do not fire under this rule; empty
// when they do. The rule is nil when there is none of that name.
func (r *rule) abandons(topic string) string {
	switch {
	case r == nil:
		return "the rule is gone"
	case r.wait == nil:
		return "the rule does not wait any more"
	case r.state == stateOff:
		return "state: off" + because(r)
	case !matchesAny(r.topics, topic):
		return "the rule does not listen to " + topic + " any more"
	}
	return ""
}

// moved is the timer with the time that the rule says now; nil when that is the same.
func (r *rule) moved(timer event.Timer) (*Timer, error) {
	due, err := r.wait.due(timer.Trigger.Started)
	if err != nil || due.Equal(timer.DueAt) {
		return nil, err
	}
	return &Timer{Rule: r.name, Trigger: timer.Trigger, DueAt: due, Place: r.place, Clock: r.wait.clock()}, nil
}

// wait is when a rule runs that does not run at once.
type wait struct {
	after    time.Duration
	written  string // after as the file has it
	hours    *hours // the clock runs only then; nil for always
	cancelOn []topicPattern
	restart  bool // the trigger starts it again
}

// String is the wait in a few words, such as "15m of support".
func (w *wait) String() string {
	if w.hours != nil {
		return w.written + " of " + w.hours.name
	}
	return w.written
}

// clock identifies how due works.
func (w *wait) clock() string {
	if w.hours != nil {
		return w.String() + " " + w.hours.version
	}
	return w.written
}

// due is when a timer comes due that was started at a time.
func (w *wait) due(started time.Time) (time.Time, error) {
	if w.hours == nil {
		return started.Add(w.after), nil
	}
	due, ok := w.hours.calendar.Add(started, w.after)
	if !ok {
		return time.Time{}, fmt.Errorf("after: %s is not open for %s in the next %d years", w.hours.name, w.written, calendar.Horizon)
	}
	return due.UTC(), nil
}

// ClockWords is the wait that a timer's clock stands for, in a few words.
func ClockWords(clock string) string {
	if i := strings.LastIndexByte(clock, ' '); i > 0 {
		return clock[:i]
	}
	return clock
}

// cancelOn are the topics that cancel the rule's timers.
func (r *rule) cancelOn() []topicPattern {
	if r.wait == nil {
		return nil
	}
	return r.wait.cancelOn
}

// Plan is what a ruleset does with the timers that a rule started on a topic with a clock.
type Plan struct {
	// Cancel says why they are cancelled; empty when they are not.
	Cancel string
	// Clock is the clock of the rule, and After the wait in a few words. With the clock that the
	// timers have they keep their time, else they move to the one that Due works out.
	Clock, After string
	Due          func(started time.Time) (time.Time, error)
}

// PlanTimers tells what becomes of timers under this ruleset.
func (rs *Ruleset) PlanTimers(rule, topic string) Plan {
	r := rs.named(rule)
	if reason := r.abandons(topic); reason != "" {
		return Plan{Cancel: reason}
	}
	return Plan{Clock: r.wait.clock(), After: r.wait.String(), Due: r.wait.due}
}
