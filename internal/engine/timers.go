package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"switchboard/internal/event"
	"switchboard/internal/rules"
	"switchboard/internal/store"
)

// timerRows are what a decision does to timers, as the store keeps them.
func timerRows(d *rules.Decision) (changes []store.TimerChange, cancels []store.Cancel) {
	for _, ch := range d.Timers {
		row := store.TimerChange{Rule: ch.Rule}
		switch t := ch.Timer; {
		case t == nil:
		case ch.Change == rules.TimerKept:
			row.Newest = encodeTrigger(t.Newest)
		default:
			row.Set = &store.Timer{
				Seq: t.Trigger.Seq, Event: t.Trigger.ID, Topic: t.Trigger.Topic, Part: t.Trigger.Part,
				HappenedAt: t.Trigger.At, StartedAt: t.Trigger.Started, DueAt: t.DueAt, Place: t.Place, Clock: t.Clock,
				Newest: encodeTrigger(t.Newest),
			}
		}
		changes = append(changes, row)
	}
	for _, c := range d.Cancels {
		cancels = append(cancels, store.Cancel(c))
	}
	return changes, cancels
}

func encodeTrigger(t *event.Trigger) string {
	if t == nil {
		return ""
	}
	text, _ := json.Marshal(t) // texts, numbers and times of this era
	return string(text)
}

// Timers implements rules.State.
func (s state) Timers(ctx context.Context) ([]rules.Timer, error) {
	rows, err := s.store.TimersOn(ctx, s.workspace, s.subject)
	list := make([]rules.Timer, len(rows))
	for i, t := range rows {
		list[i] = rules.Timer{
			Rule:    t.Rule,
			Trigger: event.Trigger{Seq: t.Seq, ID: t.Event, Topic: t.Topic, Part: t.Part, At: t.HappenedAt, Started: t.StartedAt},
			DueAt:   t.DueAt, Place: t.Place, Clock: t.Clock, Version: t.Version,
		}
		if t.Newest != "" {
			list[i].Newest = &event.Trigger{}
			if err := json.Unmarshal([]byte(t.Newest), list[i].Newest); err != nil {
				return nil, fmt.Errorf("read a timer: %w", err)
			}
		}
	}
	return list, err
}

// Cancels implements rules.State.
func (s state) Cancels(ctx context.Context) ([]rules.Cancel, error) {
	rows, err := s.store.CancelsOn(ctx, s.workspace, s.subject)
	list := make([]rules.Cancel, len(rows))
	for i, c := range rows {
		list[i] = rules.Cancel(c)
	}
	return list, err
}

// reportTimers counts what a decision did to timers, and says it in a few words each.
func (e *Engine) reportTimers(ev event.Event, d *rules.Decision) []string {
	if ev.Topic == event.TopicTimer {
		e.metrics.timerLag.Observe(max(d.At.Sub(ev.CreatedAt), 0).Seconds())
	}
	var words []string
	for _, ch := range d.Timers {
		e.metrics.timers.WithLabelValues(string(ch.Change)).Inc()
		word := ch.Rule + " " + string(ch.Change)
		if ch.Timer != nil && ch.Change != rules.TimerKept {
			word += " until " + ch.Timer.DueAt.UTC().Format(time.RFC3339)
		}
		words = append(words, word)
	}
	return words
}

// timerCollector counts the timers that wait, by rule, whenever metrics are gathered.
type timerCollector struct{ engine *Engine }

var descTimers = prometheus.NewDesc("switchboard_timers_waiting", "Timers that wait, by rule.", []string{"rule"}, nil)

// Describe implements prometheus.Collector.
func (timerCollector) Describe(ch chan<- *prometheus.Desc) { ch <- descTimers }

// Collect implements prometheus.Collector.
func (c timerCollector) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	waiting, err := c.engine.WaitingTimers(ctx)
	if err != nil {
		ch <- prometheus.NewInvalidMetric(descTimers, err)
		return
	}
	for rule, n := range waiting {
		ch <- prometheus.MustNewConstMetric(descTimers, prometheus.GaugeValue, float64(n), rule)
	}
}

// WaitingTimers counts the timers that wait, by rule: all rules that have `after`, and those that
// are gone and left some.
func (e *Engine) WaitingTimers(ctx context.Context) (map[string]int, error) {
	groups, err := e.o.Store.TimerGroups(ctx, e.o.Workspace)
	if err != nil {
		return nil, err
	}
	waiting := map[string]int{}
	for _, r := range e.o.Rules().Rules() {
		if r.After != "" {
			waiting[r.Name] = 0
		}
	}
	for _, g := range groups {
		waiting[g.Rule] += g.Waiting
	}
	return waiting, nil
}

// planner carries out what a change of rules means for the timers that wait.
type planner struct {
	changed chan struct{}

	mu   sync.Mutex
	last TimerPlan
}

// TimerPlan is what the last change of rules did to the timers that waited.
type TimerPlan struct {
	At    time.Time // zero: no change concerned any
	Lines []string  // such as "12 timers of first-response-sla move from 20m to 30m"
}

// TimerPlan returns what the last change of rules did to timers.
func (e *Engine) TimerPlan() TimerPlan {
	e.planner.mu.Lock()
	defer e.planner.mu.Unlock()
	return e.planner.last
}

// replan says that the rules have changed. It never blocks.
func (p *planner) replan() {
	select {
	case p.changed <- struct{}{}:
	default:
	}
}

// planTimers keeps, moves or cancels the timers that wait as the rules say, until ctx ends: at the
// start, after each change, and now and then, because a decision that was under way during a change
// may have started a timer by the rules of before. A timer that it has not come to yet is safe: when
// it comes due it is held against the rules in use.
func (e *Engine) planTimers(ctx context.Context) {
	for {
		wait := e.o.Lease
		if err := e.planOnce(ctx); err != nil && ctx.Err() == nil {
			e.log.ErrorContext(ctx, "cannot hold timers against the rules in use, will try again", "err", err)
			wait = time.Second
		}
		select {
		case <-ctx.Done():
			return
		case <-e.planner.changed:
		case <-time.After(wait):
		}
	}
}

// planOnce goes over the timers that wait.
func (e *Engine) planOnce(ctx context.Context) error {
	rs := e.o.Rules()
	if e.o.Store.Outdated() {
		return nil // whoever has newer rules does it
	}
	groups, err := e.o.Store.TimerGroups(ctx, e.o.Workspace)
	if err != nil {
		return err
	}
	// What is known of the others is some seconds old: one that has joined since may have started timers
	// of rules that are new to us.
	if err := e.o.Store.Beat(ctx); err != nil {
		return err
	}
	var lines []string
	still := func() bool { return e.o.Rules() == rs && !e.o.Store.Outdated() }
	for _, g := range groups {
		if !still() {
			e.planner.replan() // by the rules that are in use now
			break
		}
		line, err := e.planGroup(ctx, rs.PlanTimers(g.Rule, g.Topic), g, still)
		if line != "" {
			lines = append(lines, line)
			e.log.WarnContext(ctx, "timers follow a change of the rules: "+line, "ruleset", rs.Hash(), "rule", g.Rule)
		}
		if err != nil {
			return err
		}
	}
	if len(lines) > 0 {
		e.planner.mu.Lock()
		e.planner.last = TimerPlan{At: e.o.Store.Now(), Lines: lines}
		e.planner.mu.Unlock()
		e.Nudge()
	}
	return nil
}

// planGroup does with the timers of a group what the rules say, and says what that was.
func (e *Engine) planGroup(ctx context.Context, plan rules.Plan, g store.TimerGroup, still func() bool) (line string, err error) {
	if plan.Cancel != "" {
		n, err := e.o.Store.CancelGroup(ctx, g, still)
		e.metrics.timers.WithLabelValues(string(rules.TimerCancelled)).Add(float64(n))
		if n == 0 {
			return "", err
		}
		return fmt.Sprintf("%s of %s cancelled: %s", counted(n), g.Rule, plan.Cancel), err
	}
	if plan.Clock == g.Clock {
		return "", nil
	}
	var never error
	n, err := e.o.Store.MoveGroup(ctx, g, plan.Clock, func(started time.Time) time.Time {
		due, err := plan.Due(started)
		if err != nil { // the rule fails when the timer comes due, and says why
			never, due = err, time.Time{}
		}
		if now := e.o.Store.Now(); due.Before(now) { // it comes due now, and is not late
			return now
		}
		return due
	}, still)
	e.metrics.timers.WithLabelValues(string(rules.TimerMoved)).Add(float64(n))
	if never != nil {
		e.log.WarnContext(ctx, "timers cannot be moved", "rule", g.Rule, "err", never)
	}
	if n == 0 {
		return "", err
	}
	before := rules.ClockWords(g.Clock)
	if before == plan.After {
		return fmt.Sprintf("%s of %s move: the calendar has changed (%s)", counted(n), g.Rule, plan.After), err
	}
	return fmt.Sprintf("%s of %s move from %s to %s", counted(n), g.Rule, before, plan.After), err
}

func counted(n int) string {
	if n == 1 {
		return "1 timer"
	}
	return strconv.Itoa(n) + " timers"
}
