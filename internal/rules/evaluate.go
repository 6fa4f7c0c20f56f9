package rules

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"switchboard/internal/actions"
	"switchboard/internal/event"
)

// Input is everything that a decision depends on, beside the ruleset.
type Input struct {
	Event event.Event
	// Now is the time of the decision: expressions know no other clock.
	Now time.Time
	// Lookup reads what the payload lacks. Without it a rule that needs more than the payload
	// fails.
	Lookup Lookup
	// State tells what ran before; nil means that nothing did.
	State State
	// Own tells that Switchboard itself caused the event. Only rules with `from: any` see it
	// then. OwnReason says how that is known.
	Own       bool
	OwnReason string
	// explain, if set, is told how the decision comes about.
	explain *explainer
	// Replay is what became of the event before, if it is one that is replayed.
	Replay *Replay
}

// Evaluate decides what every rule that listens to the event's topic does about it. The
// same input gives the same decision, on any machine at any time.
//
// An error is always a *LookupError: nothing was decided, and it is worth trying again. Whatever else goes wrong concerns one rule, which fails.
// Evaluate does not panic and is safe for concurrent use.
func (rs *Ruleset) Evaluate(ctx context.Context, in Input) (*Decision, error) {
	switch in.Event.Topic {
	case event.TopicTimer:
		return rs.evaluateTimer(ctx, in)
	case event.TopicSchedule:
		return rs.evaluateScheduled(ctx, in)
	}
	listening := rs.rulesFor(in.Event.Topic)
	d := &Decision{
		Ruleset: rs.hash, Event: in.Event.ID, At: in.Now.UTC(),
		Considered: len(listening.run), Total: len(rs.rules),
	}
	if len(listening.run)+len(listening.cancel) == 0 {
		return d, nil
	}
	e, broken := newEvaluation(ctx, &in)
	if broken != nil {
		for _, r := range listening.run {
			d.Rules = append(d.Rules, Outcome{Rule: r.name, File: r.file, Line: r.line, Verdict: Failed, Reason: broken.Error()})
		}
		return d, nil
	}
	e.breakerRuns = rs.breaker
	d.Own = OwnNo
	if in.Own {
		d.Own, d.OwnReason = OwnYes, in.OwnReason
	}
	if err := rs.evaluateRules(e, listening, d); err != nil {
		return nil, err
	}
	d.Timers, d.Cancels = e.timerChanges, e.cancels
	e.record(d)
	return d, nil
}

// evaluateRules fills in the outcomes of the rules that listen, in order, and then cancels timers.
func (rs *Ruleset) evaluateRules(e *evaluation, listening listeners, d *Decision) error {
	var starts map[*rule]bool // rules whose timers the event starts, or would if they did not wait already
	decide := rs.decide
	if e.in.Replay != nil {
		decide = rs.replay
	}
	d.Rules = make([]Outcome, 0, len(listening.run))
	for _, r := range listening.run {
		d.Rules = append(d.Rules, Outcome{Rule: r.name, File: r.file, Line: r.line})
		o := &d.Rules[len(d.Rules)-1]
		if err := rs.runRule(e, r, o, func() error { return decide(e, r, o) }); err != nil {
			return err
		}
		if o.HeldBy == HeldByTimer {
			if starts == nil {
				starts = map[*rule]bool{}
			}
			starts[r] = true
		}
		if o.Stop {
			break
		}
	}
	if e.in.Replay != nil {
		return nil
	}
	return e.cancelTimers(listening.cancel, starts)
}

// newEvaluation prepares an evaluation on a notification's item.
func newEvaluation(ctx context.Context, in *Input) (*evaluation, error) {
	item, err := decodeItem(in.Event.Payload)
	if err != nil {
		return nil, err
	}
	return evaluationOf(ctx, in, item, strings.Split(in.Event.Topic, ".")), nil
}

// evaluationOf prepares an evaluation on an item. The words are those of a topic: the first of
// them tells what kind of object the item is.
func evaluationOf(ctx context.Context, in *Input, item object, words []string) *evaluation {
	return &evaluation{
		ctx: ctx, in: in, item: item, explain: in.explain,
		topic:  words,
		slots:  make([]any, len(leaves)),
		known:  make([]bool, len(leaves)),
		folded: make([]string, len(leaves)),
	}
}

// runRule lets decide fill in the outcome of one rule. What goes wrong there makes the rule fail;
// an error ends the whole evaluation.
func (rs *Ruleset) runRule(e *evaluation, r *rule, o *Outcome, decide func() error) error {
	e.begin(r)
	var err error
	failure := guard(func() { err = decide() })
	if e.explain != nil {
		e.explain.finish(e)
	}
	if err == nil {
		err = failure
	}
	if e.lookups.failed != nil {
		return e.lookups.failed
	}
	switch lookup, ok := errors.AsType[*LookupError](err); {
	case err == nil:
	case ok:
		return lookup
	default:
		*o = Outcome{Rule: r.name, File: r.file, Line: r.line, Verdict: Failed, Reason: err.Error()}
	}
	return nil
}

// decide runs through what can keep a rule from running, cheapest first.
func (rs *Ruleset) decide(e *evaluation, r *rule, o *Outcome) error {
	switch {
	case r.state == stateOff:
		o.Verdict, o.HeldBy, o.Reason = HeldBack, HeldByOff, "state: off"+because(r)
		return nil
	case e.in.Own && r.from != fromAny:
		o.Verdict, o.HeldBy, o.Reason = HeldBack, HeldByOwnWork, e.ownReason()
		return nil
	}
	if reason := e.wrongActor(r.from); reason != "" {
		o.Verdict, o.Reason = DidNotMatch, reason
		return nil
	}
	if reason := r.closedFor(e.in.Now); reason != "" {
		o.Verdict, o.Reason = DidNotMatch, reason
		return nil
	}
	if r.wait != nil {
		return e.startTimer(r, o)
	}
	return rs.ask(e, r, o)
}

// ask decides by the conditions.
func (rs *Ruleset) ask(e *evaluation, r *rule, o *Outcome) error {
	ok, reason := r.condition.holds(e)
	if o.Reason = reason; !ok {
		o.Verdict = DidNotMatch
		return nil
	}
	return rs.matched(e, r, o)
}

// matched decides about a rule whose conditions hold.
func (rs *Ruleset) matched(e *evaluation, r *rule, o *Outcome) error {
	quotas, err := e.quotas(r)
	if err != nil {
		return err
	}
	h, held, err := e.held(r, quotas)
	switch {
	case err != nil:
		return err
	case held && r.state == stateShadow:
		o.Verdict, o.HeldBy = HeldBack, HeldByShadow
		o.Reason = "state: shadow" + because(r) + "; live it would be held back by " + h.by + ": " + h.reason
		return nil
	case held:
		o.Verdict, o.HeldBy, o.Reason, o.Until = HeldBack, h.by, h.reason, h.until
		// What one person did is told by several notifications: where the rule ran on one of them and ended
		// the evaluation, the others are not for the rules behind it either (I2).
		o.Stop = r.stop && h.by == HeldByPart
		return nil
	}
	planned, err := rs.plan(e, r)
	if err != nil {
		return err
	}
	if r.state == stateShadow {
		o.Verdict, o.HeldBy, o.Would = HeldBack, HeldByShadow, planned
		o.Reason = "state: shadow" + because(r)
		return nil
	}
	o.Verdict, o.Actions, o.Stop, o.Remember = Ran, planned, r.stop, quotas
	e.planned += len(planned)
	return nil
}

func because(r *rule) string {
	if r.because == "" {
		return ""
	}
	return " because: " + r.because
}

func (e *evaluation) ownReason() string {
	if e.in.OwnReason == "" {
		return "Switchboard did this itself"
	}
	return "Switchboard did this itself: " + e.in.OwnReason
}

// wrongActor says why a rule does not listen to who acted; empty when it does. Events that
// nobody in particular caused are for rules that listen to people in general (human, the
// default) and to anybody: a contact's update must not be lost because nobody signed it.
func (e *evaluation) wrongActor(want string) string {
	if want == fromAny {
		return ""
	}
	acted := e.actor().from()
	switch {
	case want == acted:
		return ""
	case want == fromHuman && acted != fromBot:
		return ""
	case want == fromHuman:
		return "from: a bot acted"
	}
	return wrongActorReasons[want+" "+acted]
}

// wrongActorReasons are made once, because most events are not for most rules.
var wrongActorReasons = func() map[string]string {
	m := map[string]string{}
	for _, want := range []string{fromCustomer, fromTeammate, fromBot} {
		for _, acted := range []string{fromCustomer, fromTeammate, fromBot} {
			m[want+" "+acted] = fmt.Sprintf("from: a %s acted, not a %s", acted, want)
		}
		m[want+" "+fromUnknown] = fmt.Sprintf("from: the event does not say that a %s acted", want)
	}
	return m
}()

// plan makes the actions concrete: all of them or none.
func (rs *Ruleset) plan(e *evaluation, r *rule) ([]Planned, error) {
	planned := make([]Planned, 0, len(r.actions))
	for i, a := range r.actions {
		params, err := a.spec.Plan(actions.Plan{
			Facts: e, Now: e.now(), At: e.in.Event.CreatedAt, Event: e.subjectEvent(), Rule: r.name, Index: i, Contact: e.contactID,
		})
		if err != nil {
			return nil, fmt.Errorf("then: %s: %w", a.kind, err)
		}
		planned = append(planned, Planned{
			Kind: a.kind, Params: params, Admin: rs.admin, Summary: a.spec.Summary(),
		})
	}
	return planned, nil
}

// subjectEvent is what actions learn of the event. A timer's tells of what started it; its id is its
// own, so that whoever is told twice can tell.
func (e *evaluation) subjectEvent() event.Event {
	ev := e.in.Event
	if e.trigger != nil {
		ev.Topic, ev.CreatedAt = e.trigger.Topic, e.trigger.At
	}
	return ev
}

// contactID is the id of the contact whom the event concerns.
func (e *evaluation) contactID() (id string, err error) {
	failure := guard(func() { id = e.contact().id })
	switch {
	case failure != nil:
		return "", failure
	case id == "":
		return "", errors.New("the event does not name a contact")
	}
	return id, nil
}
