// Package engine turns events into decisions. It claims subjects whose events wait, asks the
// rules about each event in the order of arrival, and stores the decision together with the
// actions that follow from it, in one transaction (I2, I3).
//
// An event is decided once or not at all: until its decision is committed it stays on the
// list of those that wait, so a crash at any instant leads to the same decision being made
// after the restart. When the rules need facts that cannot be read at the moment, nothing is
// decided; the subject waits and is tried again later, and the events of other subjects go
// on.
package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"switchboard/internal/event"
	"switchboard/internal/intercom"
	"switchboard/internal/rules"
	"switchboard/internal/store"
)

// Options are the parts and settings of an engine.
type Options struct {
	Store *store.Store
	// Workspace is whose events these are; all if empty.
	Workspace string
	// Rules gives the ruleset to use for the next event; it changes with a reload (I8).
	Rules func() *rules.Ruleset
	// Facts reads what payloads lack.
	Facts *Facts
	// Planned is called after actions were stored, so that the queue need not wait for its
	// next look at the store.
	Planned func()
	// Seen is called with each event before it is evaluated, for those who keep facts that it may
	// change; perhaps more than once. It must not block.
	Seen func(event.Event)
	// MaxAge is how old a recovered event may be for customers to hear of it; DefaultMaxAge if 0.
	MaxAge time.Duration
	// Concurrency is how many subjects are worked on at once; 32 if 0.
	Concurrency int
	// Lease is how long a subject is held before another may take it over; 1 minute if 0.
	Lease time.Duration
	// Poll is how often the store is asked for work when nothing announces it; 1 second if 0.
	Poll time.Duration
	// KeepParts is how long it is known that a rule ran for a part of a conversation; 0 is for ever.
	KeepParts time.Duration

	Logger     *slog.Logger
	Registerer prometheus.Registerer
}

// Engine evaluates events. Its loop is Run.
type Engine struct {
	o       Options
	log     *slog.Logger
	metrics *metrics
	pauses  pauses
	counts  counts
	planner planner
	loop    *store.Worker
}

// New makes an engine.
func New(o Options) *Engine {
	if o.Concurrency == 0 {
		o.Concurrency = 32
	}
	if o.Lease == 0 {
		o.Lease = time.Minute
	}
	if o.MaxAge == 0 {
		o.MaxAge = DefaultMaxAge
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Planned == nil {
		o.Planned = func() {}
	}
	if o.Seen == nil {
		o.Seen = func(event.Event) {}
	}
	e := &Engine{o: o, log: o.Logger, metrics: newMetrics(o.Registerer), planner: planner{changed: make(chan struct{}, 1)}}
	if o.Registerer != nil {
		o.Registerer.MustRegister(pausedCollector{e}, timerCollector{e})
	}
	e.loop = &store.Worker{
		Store: o.Store, Lane: store.LaneEvents, Workspace: o.Workspace, Concurrency: o.Concurrency,
		Lease: o.Lease, Poll: o.Poll, Logger: o.Logger, Ready: e.ready, Work: e.evaluateSubject,
	}
	return e
}

// Nudge says that an event was stored. It never blocks.
func (e *Engine) Nudge() { e.loop.Nudge() }

// Run evaluates events until ctx ends, then finishes what it has begun; work ends the
// patience with that.
func (e *Engine) Run(ctx, work context.Context) {
	var planning sync.WaitGroup
	planning.Go(func() { e.planTimers(ctx) })
	e.loop.Run(ctx, work)
	planning.Wait()
}

// ready tells since when claiming makes sense: not while another replica has newer rules, whose it is
// to decide then, nor while this one has lost touch with the others.
func (e *Engine) ready() time.Time {
	if e.o.Store.Outdated() || e.o.Store.Alive() != nil {
		return time.Now().Add(time.Second)
	}
	return time.Time{}
}

// batch is how many events of one subject are read at once.
const batch = 4

// evaluateSubject decides the events of a claimed subject, oldest first.
func (e *Engine) evaluateSubject(ctx, claims context.Context, c store.Claim) error {
	ctx = intercom.WithWait(ctx, claims)
	for {
		events, err := e.o.Store.PendingEvents(ctx, c, batch)
		if err != nil {
			return err
		}
		if len(events) == 0 {
			return e.o.Store.Release(ctx, c, time.Time{})
		}
		for i, ev := range events {
			last := i == len(events)-1 && len(events) < batch
			if err := e.evaluate(ctx, c, ev, last); err != nil {
				return e.postpone(ctx, c, ev, err)
			}
			if last {
				return nil
			}
			if claims.Err() != nil {
				return e.o.Store.Release(ctx, c, e.o.Store.Now())
			}
			if err := e.o.Store.Renew(ctx, c, e.o.Store.Now().Add(e.o.Lease)); err != nil {
				return err
			}
		}
	}
}

// evaluate decides one event and stores the decision.
func (e *Engine) evaluate(ctx context.Context, c store.Claim, ev event.Event, last bool) error {
	// Within the lease: a decision that comes later would be refused anyway.
	ctx, cancel := context.WithTimeout(ctx, e.o.Lease/2)
	defer cancel()
	ruleset := e.o.Rules()
	for {
		err := e.decide(ctx, c, ruleset, ev, last)
		if !errors.Is(err, store.ErrRemembered) {
			return err
		}
		// Another subject was quicker; the rule will see now that its quota is used up.
	}
}

// leaveToNewer puts an event of our own off that another replica may have newer rules for: a timer whose
// rule these rules do not know must not end here, and a replay is for the rules of whoever asked for it.
// What is known of the others is some seconds old, so they are asked.
func (e *Engine) leaveToNewer(ctx context.Context, ruleset *rules.Ruleset, ev event.Event) error {
	if ev.Topic != event.TopicTimer && !ev.Replayed() || !e.o.Store.Shared() {
		return nil
	}
	if ev.Topic == event.TopicTimer {
		timer, err := event.ReadTimer(ev)
		if err != nil || ruleset.Has(timer.Rule) {
			return nil //nolint:nilerr // whoever evaluates it says so
		}
	}
	if err := e.o.Store.Beat(ctx); err != nil {
		return err
	}
	if e.o.Store.Outdated() {
		return &notYetError{time.Second}
	}
	return nil
}

// decide makes and stores the decision on one event with one ruleset.
func (e *Engine) decide(ctx context.Context, c store.Claim, ruleset *rules.Ruleset, ev event.Event, last bool) error {
	if err := e.leaveToNewer(ctx, ruleset, ev); err != nil {
		return err
	}
	e.o.Seen(ev)
	now := e.o.Store.Now()
	in := rules.Input{Event: ev, Now: now, Lookup: e.o.Facts, State: state{e.o.Store, ev.Workspace, ev.Subject}}
	var before *past
	var err error
	switch {
	case ev.Replayed():
		if before, err = e.pastOf(ctx, ruleset, ev); err != nil {
			return err
		}
		before.fill(&in)
	case ruleset.Wants(ev.Topic):
		if in.Own, in.OwnReason, err = e.ownWork(ctx, ruleset.Admin(), ev); err != nil {
			return err
		}
	}
	e.o.Facts.forget(ev)
	d, err := ruleset.Evaluate(ctx, in)
	if err != nil {
		return err
	}
	trace, err := json.Marshal(d)
	if err != nil {
		return fmt.Errorf("encode decision: %w", err)
	}
	row := store.Decision{Seq: ev.Seq, Ruleset: d.Ruleset, At: now, ReceivedAt: ev.ReceivedAt, Trace: trace, Runs: e.runs(d)}
	row.Timers, row.Cancels = timerRows(d)
	parked := e.park(ev, now, row.Runs, before)
	if err := e.o.Store.SaveDecision(ctx, c, row, last); err != nil {
		return err
	}
	e.report(ctx, ev, d, row.Runs)
	if parked > 0 {
		e.log.WarnContext(ctx, "actions parked: customers would hear of their event too late, or perhaps again", "event", ev.Seq,
			"topic", ev.Topic, "subject", ev.Subject, "happened", ev.CreatedAt, "actions", parked)
	}
	return nil
}

// runs are the rules that ran, as the store keeps them.
func (e *Engine) runs(d *rules.Decision) []store.Run {
	var list []store.Run
	for _, o := range d.Rules {
		if o.Verdict != rules.Ran {
			continue
		}
		r := store.Run{Rule: o.Rule}
		for _, q := range o.Remember {
			row := store.Quota(q)
			if strings.HasPrefix(q.Key, rules.HeldByPart+"/") {
				row.Keep = e.o.KeepParts
			}
			r.Remember = append(r.Remember, row)
		}
		for _, a := range o.Actions {
			r.Actions = append(r.Actions, store.PlannedAction{Kind: a.Kind, Params: a.Params, Admin: a.Admin})
		}
		list = append(list, r)
	}
	return list
}

// report counts and logs a decision after it was stored.
func (e *Engine) report(ctx context.Context, ev event.Event, d *rules.Decision, ran []store.Run) {
	e.metrics.evaluated.Observe(e.o.Store.Now().Sub(ev.ReceivedAt).Seconds())
	level, planned := slog.LevelDebug, 0
	for _, o := range d.Rules {
		e.metrics.outcomes.WithLabelValues(o.Rule, o.Result()).Inc()
		e.counts.add(o.Rule, o.Result())
		switch o.Verdict {
		case rules.Failed:
			e.log.WarnContext(ctx, "rule failed", "event", ev.Seq, "topic", ev.Topic, "subject", ev.Subject,
				"rule", o.Rule, "err", o.Reason)
		case rules.HeldBack:
			switch {
			case o.HeldBy == rules.HeldByLimit:
				e.sayPaused(ctx, ev, o)
			case o.HeldBy == rules.HeldByBreaker:
				e.metrics.broken.Inc()
				e.log.ErrorContext(ctx, "circuit breaker: too many actions on one subject in an hour, what rules would do on it is not done",
					"event", ev.Seq, "subject", ev.Subject, "rule", o.Rule, "until", o.Until, "reason", o.Reason)
			case len(o.Would) > 0:
				for _, a := range o.Would {
					e.metrics.shadowed.WithLabelValues(o.Rule, a.Kind).Inc()
				}
				e.log.InfoContext(ctx, "shadow rule would have run", "event", ev.Seq, "topic", ev.Topic,
					"subject", ev.Subject, "rule", o.Rule, "would", summaries(o.Would))
			}
		case rules.Ran:
			level = slog.LevelInfo
			planned += len(o.Actions)
		}
	}
	if planned > 0 {
		e.o.Planned()
	}
	timers := e.reportTimers(ev, d)
	if len(timers) > 0 {
		level = slog.LevelInfo
	}
	if !e.log.Enabled(ctx, level) {
		return
	}
	names := make([]string, len(ran))
	for i, r := range ran {
		names[i] = r.Rule
	}
	e.log.Log(ctx, level, "event evaluated", "event", ev.Seq, "notification", ev.ID, "topic", ev.Topic, "subject", ev.Subject, "part", ev.Part,
		"considered", len(d.Rules), "ran", names, "actions", planned, "timers", timers)
}

// summaries are planned actions in a few words each, texts as the rules file has them.
func summaries(list []rules.Planned) []string {
	words := make([]string, len(list))
	for i, a := range list {
		words[i] = a.Summary
	}
	return words
}

// postpone gives a subject back whose next event cannot be decided now. It waits about as
// long as the event has waited already, which doubles the pause each time.
func (e *Engine) postpone(ctx context.Context, c store.Claim, ev event.Event, cause error) error {
	if errors.Is(cause, store.ErrLost) {
		return cause
	}
	wait := min(max(e.o.Store.Now().Sub(ev.ReceivedAt), time.Second), time.Minute)
	if spent, ok := errors.AsType[*notYetError](cause); ok {
		wait = max(spent.wait, 0)
	} else if errors.Is(cause, context.Canceled) {
		wait = 0 // stopping: whoever comes next need not wait
	} else {
		e.metrics.postponed.Inc()
		e.log.WarnContext(ctx, "event postponed", "event", ev.Seq, "topic", ev.Topic, "subject", ev.Subject,
			"wait", wait.Round(time.Millisecond), "err", cause)
	}
	return e.o.Store.Release(context.WithoutCancel(ctx), c, e.o.Store.Now().Add(wait))
}

// SetRules makes the counters of a new ruleset's rules start at zero, so that rates and
// alerts on them work from their first increase, lets pauses be announced again, and has the timers
// that wait held against them.
func (e *Engine) SetRules(rs *rules.Ruleset) {
	e.pauses.reset()
	e.planner.replan()
	for _, r := range rs.Rules() {
		for _, result := range rules.Results() {
			e.metrics.outcomes.WithLabelValues(r.Name, result)
		}
	}
}

// state answers the rules from what the store remembers for one workspace and one subject there.
type state struct {
	store              *store.Store
	workspace, subject string
}

func (s state) Recall(ctx context.Context, rule, key string) (rules.Memory, error) {
	m, err := s.store.Recall(ctx, s.workspace, rule, key)
	return rules.Memory(m), err
}
