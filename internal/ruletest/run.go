package ruletest

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"switchboard/internal/actions"
	"switchboard/internal/dryrun"
	"switchboard/internal/event"
	"switchboard/internal/rules"
)

// Bounds of one test: rules that set each other off, or timers that start each other, end there.
const (
	mostDecisions = 20_000 // or so many for each event, if that is more
	mostPerEvent  = 20
	horizon       = 2 * 365 * 24 * time.Hour // after the last event, if the test does not say until when
)

// run is a test that runs.
type run struct {
	test     *Test
	world    *world
	service  *dryrun.Service
	coverage *Coverage
	decided  []decided
	runs     []ruleRun
	events   int // that happened in the test
}

// decided is a decision and how it came about.
type decided struct {
	event happening
	d     *rules.Decision
	why   []rules.Explanation
}

// ruleRun is what became of a rule on one event, as far as a test may expect it.
type ruleRun struct {
	rule, kind string
	detail     string
	at         time.Time
	planned    []rules.Planned
	decided    int // index
	matched    bool
}

// Run runs a test by the rules, which are those of its file unless somebody has changed a clause. coverage, if not nil, is told
// what was seen.
func (t *Test) Run(ctx context.Context, rs *rules.Ruleset, coverage *Coverage) Result {
	r := &run{test: t, world: newWorld(t.given, t.steps), service: dryrun.New(rs), coverage: coverage}
	result := Result{File: t.File, Name: t.Name, Line: t.Line}
	if err := r.steps(ctx); err != nil {
		result.Failures = []Failure{{Line: t.Line, Message: err.Error()}}
		return result
	}
	result.Failures = r.compare()
	return result
}

// steps lets everything happen.
func (r *run) steps(ctx context.Context) error {
	for _, s := range r.test.steps {
		for i := range s.times {
			if err := r.step(ctx, s, i); err != nil {
				return fmt.Errorf("event in line %d: %w", s.line, err)
			}
		}
	}
	end := r.world.now.Add(horizon)
	switch {
	case !r.test.end.IsZero():
		if end = r.test.end; end.Before(r.world.now) {
			return fmt.Errorf("until is %s, before the last event (%s)", r.clock(end), r.clock(r.world.now))
		}
	case r.test.length > 0:
		end = r.world.now.Add(r.test.length)
	}
	return r.passUntil(ctx, end)
}

// step lets one thing happen.
func (r *run) step(ctx context.Context, s step, i int) error {
	at, err := r.when(s, i)
	if err != nil {
		return err
	}
	if err := r.passUntil(ctx, at); err != nil {
		return err
	}
	w := r.world
	w.now = at
	w.contact = merge(w.contact, s.given.contact)
	if s.given.has {
		w.companies = cloneList(s.given.companies)
	}
	on := s.on
	if s.times > 1 {
		on = fmt.Sprintf("%s/%d", s.on, i)
	}
	if len(s.given.conversation) > 0 {
		if c := w.conversation(on); c != nil {
			merge(c, s.given.conversation)
			c["open"] = c["state"] != "closed"
		} else {
			w.coming[on] = s.given
		}
	}
	if t := w.tickets[w.ticketOf[on]]; t != nil {
		merge(t, s.given.ticket)
	} else if s.given.ticket != nil {
		w.newTicket(on, s.given.ticket)
	}
	if file, ok := s.deed.(arrives); ok && s.at.set {
		file.event.CreatedAt = at
		s.deed = file
	}
	events, err := s.deed.do(w, on)
	if err != nil {
		return err
	}
	r.events++
	return r.decideAll(ctx, events)
}

// when is when a step happens.
func (r *run) when(s step, i int) (time.Time, error) {
	now := r.world.now
	at := now
	dated, isDated := s.deed.(interface{ when() time.Time })
	switch {
	case i > 0:
		at = now.Add(s.every)
	case !s.at.at.IsZero():
		at = s.at.at
	case s.at.set:
		at = now.Add(s.at.after)
	case isDated && dated.when().After(now):
		at = dated.when()
	}
	if at.Year() > lastYear {
		return at, fmt.Errorf("it happens after the year %d", lastYear)
	}
	if at.Before(now) {
		return at, fmt.Errorf("it happens at %s, before what stands above it (%s)", r.clock(at), r.clock(now))
	}
	return at, nil
}

// passUntil lets timers come due.
func (r *run) passUntil(ctx context.Context, by time.Time) error {
	for {
		due, ok := r.service.Next(by)
		if !ok {
			return nil
		}
		ev, err := due.Fires()
		if err != nil {
			return err
		}
		if due.DueAt.After(r.world.now) {
			r.world.now = due.DueAt
		}
		r.world.seq++
		ev.Seq = r.world.seq
		if err := r.decideAll(ctx, []happening{{Event: ev}}); err != nil {
			return err
		}
	}
}

// decideAll has the rules decide events, and what comes of what they do.
func (r *run) decideAll(ctx context.Context, events []happening) error {
	for len(events) > 0 {
		more, err := r.decide(ctx, events[0])
		if err != nil {
			return err
		}
		if most := max(mostDecisions, mostPerEvent*r.events); len(r.decided) > most {
			return fmt.Errorf("this does not end: more than %d decisions", most)
		}
		events = append(events[1:], more...)
	}
	return nil
}

// decide has the rules decide one event, carries out what they do, and returns the events that tell of it.
func (r *run) decide(ctx context.Context, h happening) (echoes []happening, err error) {
	in := rules.Input{Event: h.Event, Now: r.world.now, Lookup: r.world, Own: h.own}
	var d *rules.Decision
	var why []rules.Explanation
	if h.recorded != nil {
		d, why, err = r.service.Ruleset().Explain(ctx, *h.recorded)
	} else {
		d, why, err = r.service.Explain(ctx, in)
	}
	if err != nil {
		return nil, err
	}
	if h.recorded == nil {
		r.service.Keep(d, in)
	}
	r.decided = append(r.decided, decided{h, d, why})
	r.coverage.add(why)
	for _, o := range d.Rules {
		rr := ruleRun{rule: o.Rule, at: d.At, decided: len(r.decided) - 1, detail: o.HeldBy, planned: o.Actions}
		switch {
		case o.Verdict == rules.Ran:
			rr.kind = did
		case o.HeldBy == rules.HeldByShadow && o.Would != nil:
			rr.kind, rr.planned = would, o.Would
		case o.Verdict == rules.HeldBack:
			rr.kind = held
		case o.Verdict == rules.Failed:
			rr.kind, rr.detail = failed, o.Reason
		default:
			continue
		}
		r.runs = append(r.runs, rr)
		if o.Verdict != rules.Ran || h.recorded != nil {
			continue
		}
		for _, a := range o.Actions {
			events, err := r.world.carryOut(a.Kind, a.Params, h.Subject, r.self())
			if err != nil {
				return nil, err
			}
			for _, ev := range events {
				echoes = append(echoes, happening{Event: ev, own: true})
			}
		}
	}
	return echoes, nil
}

// self is the teammate that actions act as.
func (r *run) self() object {
	name := r.service.Ruleset().Admin()
	return object{"type": "admin", "id": r.world.adminID(name), "name": name, "email": name}
}

// plan makes the actions concrete that a test expects, as they would be planned on the event that was decided.
func (r *run) plan(x expectedAction, rr ruleRun, index int) ([]byte, error) {
	d := r.decided[rr.decided]
	return planOn(x, d.event.Event, d.d.At, rr.rule, index, r.world.contactOf(d.event.Subject))
}

// planOn makes an action concrete as a rule would have it that ran on an event. contact is the id of the contact
// if the event does not name one.
func planOn(x expectedAction, ev event.Event, now time.Time, rule string, index int, contact string) (json.RawMessage, error) {
	at := ev.CreatedAt
	about := ev
	if timer, err := event.ReadTimer(ev); ev.Topic == event.TopicTimer && err == nil {
		about.Topic, about.CreatedAt = timer.Trigger.Topic, timer.Trigger.At
	}
	return x.spec.Plan(actions.Plan{
		Now: now, At: at, Event: about, Rule: rule, Index: index,
		Contact: func() (string, error) { return cmp.Or(rules.ContactOf(ev), contact), nil },
	})
}

// clock is a time as people of the test's zone read it.
func (r *run) clock(at time.Time) string {
	at = at.In(r.test.given.zone)
	if at.Second() != 0 {
		return at.Format("Mon 2006-01-02 15:04:05")
	}
	return at.Format("Mon 2006-01-02 15:04")
}
