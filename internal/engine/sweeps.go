package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"switchboard/internal/intercom"
	"switchboard/internal/rules"
	"switchboard/internal/store"
)

// SweepOptions are the parts and settings of sweeps.
type SweepOptions struct {
	Store *store.Store
	// Rules gives the ruleset in use; Nudge says that it has changed.
	Rules  func() *rules.Ruleset
	Client *intercom.Client
	// Workspace is the app id; empty as long as it is not known.
	Workspace func() string
	// Ready tells since when calls make sense.
	Ready func() time.Time
	// Stored is called after events were put.
	Stored func()
	// MostResults is how many results one sweep acts on; 10,000 if 0.
	MostResults int

	Logger     *slog.Logger
	Registerer prometheus.Registerer
}

// Sweeps runs rules with a schedule on what their search finds. It reads the search page by page,
// puts an event for each result, and stores where the next page begins; the engine evaluates the
// events as any other. Its loop is Run.
//
// The cursor is stored after the events of its page. After a crash the page is read again, and the
// events that were put are there already, by their ids (I2). What leaves the search because a rule
// acted on it moves later results to pages that were read, so a search of several pages is made
// again until it finds nothing new.
//
// A rule has one sweep at a time. An occurrence that falls into a sweep whose pages are not read or
// whose events are not evaluated is skipped; all that were missed while nobody ran are one.
type Sweeps struct {
	o       SweepOptions
	log     *slog.Logger
	metrics *sweepMetrics
	nudge   chan struct{}

	// What follows belongs to the loop.
	ruleset *rules.Ruleset
	list    []*sweeping
}

// sweeping is a rule with a schedule, as the loop knows it.
type sweeping struct {
	rule    rules.Sweep
	row     store.Sweep
	retryAt time.Time // the next page is not read before; on this machine's clock
	tries   int       // failed in a row
	skipped int       // occurrences, during this sweep
}

// The bounds of a sweep.
const (
	// sweepPage is how many results are read at once. They are decided within seconds.
	sweepPage = 25
	// mostPasses is how often its search is begun. Each pass finds at least half of what moved
	// during the one before.
	mostPasses = 10
	// idle is the longest time without a look at the clock, which may have been set.
	idle = 30 * time.Second
	// pace is how long a sweep waits before it looks again whether what it has begun is done.
	pace = 250 * time.Millisecond
	// stuck is how long an event of a sweep may wait to be evaluated before the rule goes on without
	// it: facts of one contact that cannot be read must not stop the rule for all others.
	stuck = 25 * time.Hour
	// firstWait is how long it waits after a failure; the next waits are longer.
	firstWait = time.Second
)

// NewSweeps makes the runner of schedules.
func NewSweeps(o SweepOptions) *Sweeps {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Stored == nil {
		o.Stored = func() {}
	}
	if o.MostResults == 0 {
		o.MostResults = 10_000
	}
	return &Sweeps{o: o, log: o.Logger, metrics: newSweepMetrics(o.Registerer), nudge: make(chan struct{}, 1)}
}

// Nudge says that the rules have changed. It never blocks.
func (s *Sweeps) Nudge() {
	select {
	case s.nudge <- struct{}{}:
	default:
	}
}

// SetRules makes the counters of the rules with a schedule start at zero.
func (s *Sweeps) SetRules(rs *rules.Ruleset) {
	for _, r := range rs.Sweeps() {
		s.metrics.declare(r.Rule)
	}
	s.Nudge()
}

// Run sweeps until ctx ends, and ends between two pages; work ends the patience with a page that
// is under way.
func (s *Sweeps) Run(ctx, work context.Context) {
	for ctx.Err() == nil {
		wait, err := s.look(ctx, work, s.o.Store.Now())
		switch {
		case errors.Is(err, store.ErrLost): // another replica thought that it was its turn
			s.ruleset, wait = nil, firstWait
		case err != nil && ctx.Err() == nil:
			s.log.ErrorContext(ctx, "schedules stand still: their state cannot be read or stored", "err", err)
			s.ruleset, wait = nil, firstWait // what is in memory may be ahead of what is stored
		}
		select {
		case <-time.After(wait):
		case <-s.nudge:
		case <-ctx.Done():
		}
	}
}

// look does what is due now: it begins sweeps, and reads a page of each that goes on. It tells how
// long nothing will be due.
func (s *Sweeps) look(ctx, work context.Context, now time.Time) (wait time.Duration, err error) {
	workspace := s.o.Workspace()
	if workspace == "" {
		return firstWait, nil
	}
	if !s.o.Store.Leads() {
		s.ruleset = nil // what is in memory gets out of date while another replica does it
		return firstWait, nil
	}
	if rs := s.o.Rules(); rs != s.ruleset {
		if err := s.take(work, workspace, rs, now); err != nil {
			return 0, err
		}
		s.ruleset = rs
	}
	wait = idle
	for _, w := range s.list {
		if over(ctx) {
			return 0, nil
		}
		if err := s.due(work, w, s.o.Store.Now()); err != nil {
			return 0, err
		}
		if w.row.Running {
			if err := s.goOn(ctx, work, w); err != nil {
				return 0, err
			}
		}
		wait = min(wait, w.wait(s.o.Store.Now()))
	}
	return wait, nil
}

// over tells whether a context has ended: the service stops.
func over(ctx context.Context) bool { return ctx.Err() != nil }

// wait is how long there is nothing to do for the rule.
func (w *sweeping) wait(now time.Time) time.Duration {
	wait := idle
	if !w.row.NextAt.IsZero() {
		wait = min(wait, w.row.NextAt.Sub(now))
	}
	if w.row.Running {
		wait = min(wait, time.Until(w.retryAt))
	}
	return max(wait, 0)
}

// take compares what is stored with the rules. A sweep whose rule is as it was goes on; one whose
// rule is gone, off, or has another schedule or search ends.
func (s *Sweeps) take(ctx context.Context, workspace string, rs *rules.Ruleset, now time.Time) error {
	rows, err := s.o.Store.Sweeps(ctx, workspace)
	if err != nil {
		return err
	}
	stored := map[string]store.Sweep{}
	for _, row := range rows {
		stored[row.Rule] = row
	}
	before := s.list
	s.list = nil
	for _, r := range rs.Sweeps() {
		w := &sweeping{rule: r}
		row, known := stored[r.Rule]
		delete(stored, r.Rule)
		s.list = append(s.list, w)
		if known && row.Schedule == r.Every && row.Search == r.Search {
			w.row = row
			w.row.Fresh = max(row.Fresh, 1) // events may have been put for a page that was not counted
			if !w.follow(before) && row.Running {
				s.log.InfoContext(ctx, "sweep goes on", "rule", r.Rule, "due", row.DueAt, "results", row.Results)
			}
			continue
		}
		s.drop(ctx, row)
		w.row = store.Sweep{Workspace: workspace, Rule: r.Rule, Schedule: r.Every, Search: r.Search, NextAt: r.Next(now), Version: row.Version}
		if err := s.o.Store.SaveSweep(ctx, &w.row); err != nil {
			return err
		}
		s.log.InfoContext(ctx, "schedule set", "rule", r.Rule, "every", r.Every, "next", w.row.NextAt)
	}
	for _, row := range stored {
		s.drop(ctx, row)
		if err := s.o.Store.DeleteSweep(ctx, workspace, row.Rule); err != nil {
			return err
		}
	}
	return nil
}

// follow takes over what only the loop knew of the rule; known is false after a start.
func (w *sweeping) follow(before []*sweeping) (known bool) {
	for _, old := range before {
		if old.rule.Rule == w.rule.Rule {
			w.retryAt, w.tries, w.skipped = old.retryAt, old.tries, old.skipped
			return true
		}
	}
	return false
}

// drop says that a sweep ends because its rule is not what it was.
func (s *Sweeps) drop(ctx context.Context, row store.Sweep) {
	if row.Running {
		s.log.WarnContext(ctx, "sweep ended early: its rule has changed or is gone", "rule", row.Rule, "due", row.DueAt,
			"results", row.Results)
	}
}

// due begins the sweep of a rule when its time has come, or skips it.
func (s *Sweeps) due(ctx context.Context, w *sweeping, now time.Time) error {
	next := w.rule.Next(now)
	switch {
	case w.row.NextAt.IsZero(), w.row.NextAt.After(now) && !next.Before(w.row.NextAt):
		return nil
	case w.row.NextAt.After(now): // a clock that was ahead has stored it
		w.row.NextAt = next
		return s.o.Store.SaveSweep(ctx, &w.row)
	}
	due, onTime := w.rule.OnTime(w.row.NextAt, now)
	missed := w.row.NextAt
	w.row.NextAt = next
	if !onTime {
		return s.leaveOut(ctx, w, missed)
	}
	busy, err := s.busy(ctx, w)
	if err != nil {
		return err
	}
	if busy {
		return s.skip(ctx, w, due)
	}
	return s.begin(ctx, w, due, now)
}

// busy tells whether the sweep before has not ended: pages are unread, or events wait.
func (s *Sweeps) busy(ctx context.Context, w *sweeping) (bool, error) {
	if w.row.Running || w.row.DueAt.IsZero() {
		return w.row.Running, nil
	}
	events, _, err := s.o.Store.SweepWork(ctx, &w.row, w.rule.EventPrefix(w.row.DueAt), s.o.Store.Now().Add(-stuck), 1)
	return events > 0, err
}

// skip leaves an occurrence out, and says so once in a sweep.
func (s *Sweeps) skip(ctx context.Context, w *sweeping, due time.Time) error {
	if err := s.o.Store.SaveSweep(ctx, &w.row); err != nil {
		return err
	}
	s.metrics.ended(w.rule.Rule, sweepSkipped)
	if w.skipped++; w.skipped == 1 {
		s.log.WarnContext(ctx, "sweep skipped: the one before has not ended", "rule", w.rule.Rule, "due", due,
			"before", w.row.DueAt, "results", w.row.Results, "next", w.row.NextAt)
	}
	return nil
}

// leaveOut skips an occurrence that was missed for too long.
func (s *Sweeps) leaveOut(ctx context.Context, w *sweeping, due time.Time) error {
	if err := s.o.Store.SaveSweep(ctx, &w.row); err != nil {
		return err
	}
	s.metrics.ended(w.rule.Rule, sweepSkipped)
	s.log.WarnContext(ctx, "sweep skipped: it is too late for it (if_late)", "rule", w.rule.Rule, "due", due, "next", w.row.NextAt)
	return nil
}

// begin stores that a sweep has begun, and what it searches for.
func (s *Sweeps) begin(ctx context.Context, w *sweeping, due, now time.Time) error {
	w.retryAt, w.tries, w.skipped = time.Time{}, 0, 0
	query, ok, err := w.rule.Query(now)
	w.row = store.Sweep{
		Workspace: w.row.Workspace, Rule: w.row.Rule, Schedule: w.row.Schedule, Search: w.row.Search, NextAt: w.row.NextAt, Version: w.row.Version,
		Running: ok && err == nil, DueAt: due, BegunAt: now, Query: query, Pass: 1,
	}
	if err := s.o.Store.SaveSweep(ctx, &w.row); err != nil {
		return err
	}
	s.log.InfoContext(ctx, "sweep begins", "rule", w.rule.Rule, "due", due, "late", now.Sub(due).Round(time.Second), "search", w.row.Search)
	switch {
	case err != nil:
		s.sayEnd(ctx, w, sweepFailed, err.Error())
	case !ok:
		s.sayEnd(ctx, w, sweepFinished, "a value of the search is absent, so there is nothing to find")
	}
	return nil
}

// goOn reads the next page of a sweep, unless that has to wait.
func (s *Sweeps) goOn(ctx, work context.Context, w *sweeping) error {
	now := time.Now()
	if w.retryAt.After(now) {
		return nil
	}
	if ready := s.o.Ready(); ready.After(now) {
		w.retryAt = ready
		return nil
	}
	events, actions, err := s.o.Store.SweepWork(work, &w.row, w.rule.EventPrefix(w.row.DueAt), s.o.Store.Now().Add(-stuck), sweepPage+1)
	if err != nil {
		return err
	}
	if events+actions > sweepPage { // it must not fill the queue before others
		w.retryAt = now.Add(pace)
		return nil
	}
	items, next, err := s.read(ctx, work, w)
	if err != nil {
		return s.trouble(ctx, work, w, err)
	}
	w.tries = 0
	fresh, err := s.put(work, w, items)
	if err != nil {
		return err
	}
	return s.turn(work, w, fresh, next)
}

// read makes the call for the next page, when nobody else needs the budget.
func (s *Sweeps) read(ctx, work context.Context, w *sweeping) (items []json.RawMessage, next string, err error) {
	query, err := parseSearch(rules.Question{Search: w.row.Query})
	if err != nil {
		return nil, "", err
	}
	work = intercom.WithPriority(intercom.WithWait(work, ctx), intercom.PriorityBackground)
	items, next, err = s.o.Client.SearchPage(work, intercom.Resource(w.rule.Kind+"s"), query, sweepPage, w.row.Cursor)
	return items, next, silent(err)
}

// trouble decides what an error of a search means for its sweep.
func (s *Sweeps) trouble(ctx, work context.Context, w *sweeping, cause error) error {
	switch {
	case over(ctx) || over(work):
		return nil // stopping: the page is read after the start
	case intercom.ClassOf(cause) != intercom.Permanent && !errors.As(cause, new(*rules.UnavailableError)):
		w.tries++
		wait := min(firstWait<<min(w.tries-1, 10), time.Minute)
		w.retryAt = time.Now().Add(wait)
		s.log.WarnContext(ctx, "search of a sweep failed and is tried again", "rule", w.rule.Rule, "due", w.row.DueAt,
			"attempt", w.tries, "wait", wait, "err", cause)
		return nil
	case w.row.Cursor != "" && w.row.Pass < mostPasses: // it may be too old to go on from
		s.log.WarnContext(ctx, "a page of a sweep was refused: its search begins anew", "rule", w.rule.Rule, "due", w.row.DueAt, "err", cause)
		return s.again(work, w)
	}
	return s.end(work, w, sweepFailed, cause.Error())
}

// put stores an event for each result that has none yet, and tells for how many.
func (s *Sweeps) put(ctx context.Context, w *sweeping, items []json.RawMessage) (fresh int, err error) {
	now := s.o.Store.Now()
	var group errgroup.Group // puts that come together share a commit
	for _, item := range items {
		ev, err := w.rule.Event(w.row.Workspace, w.row.DueAt, now, item)
		if err != nil {
			s.log.WarnContext(ctx, "a result of a sweep cannot be used", "rule", w.rule.Rule, "err", err)
			continue
		}
		known, err := s.o.Store.HasEvent(ctx, ev.Workspace, ev.ID)
		if err != nil {
			return 0, err
		}
		if known || w.row.Results+fresh >= s.o.MostResults {
			continue
		}
		fresh++
		group.Go(func() error {
			_, err := s.o.Store.Put(ctx, ev)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return 0, fmt.Errorf("put results of a sweep: %w", err)
	}
	if fresh > 0 {
		s.o.Stored()
	}
	return fresh, nil
}

// turn stores that a page was read, and decides what comes next: the page behind it, the search
// from its beginning, or the end.
func (s *Sweeps) turn(ctx context.Context, w *sweeping, fresh int, next string) error {
	row := &w.row
	row.Pages++
	row.Fresh += fresh
	row.Results += fresh
	s.metrics.results.WithLabelValues(w.rule.Rule).Add(float64(fresh))
	last := next == "" || next == row.Cursor || row.Pages > s.o.MostResults/sweepPage
	switch {
	case row.Results >= s.o.MostResults:
		return s.end(ctx, w, sweepFinished, fmt.Sprintf("it has found the %d results that a sweep may have; the rest is for the next", s.o.MostResults))
	case !last:
		row.Cursor = next
		return s.o.Store.SaveSweep(ctx, row)
	case row.Pages == 1 || row.Fresh == 0:
		return s.end(ctx, w, sweepFinished, "")
	case row.Pass >= mostPasses:
		return s.end(ctx, w, sweepFinished, fmt.Sprintf("its search still found more after %d times; the rest is for the next", mostPasses))
	}
	return s.again(ctx, w)
}

// again begins the search anew: pages move while results leave it.
func (s *Sweeps) again(ctx context.Context, w *sweeping) error {
	w.row.Pass++
	w.row.Cursor, w.row.Pages, w.row.Fresh = "", 0, 0
	return s.o.Store.SaveSweep(ctx, &w.row)
}

// end stores that the last page was read.
func (s *Sweeps) end(ctx context.Context, w *sweeping, result, why string) error {
	w.row.Running, w.row.Cursor = false, ""
	if err := s.o.Store.SaveSweep(ctx, &w.row); err != nil {
		return err
	}
	s.sayEnd(ctx, w, result, why)
	return nil
}

// sayEnd counts and logs the end of a sweep.
func (s *Sweeps) sayEnd(ctx context.Context, w *sweeping, result, why string) {
	s.metrics.ended(w.rule.Rule, result)
	level := slog.LevelInfo
	switch {
	case result == sweepFailed:
		level = slog.LevelError
	case why != "":
		level = slog.LevelWarn
	}
	s.log.Log(ctx, level, "sweep ended", "rule", w.rule.Rule, "result", result, "due", w.row.DueAt, "results", w.row.Results,
		"passes", w.row.Pass, "skipped", w.skipped, "took", s.o.Store.Now().Sub(w.row.BegunAt).Round(time.Millisecond), "next", w.row.NextAt, "reason", why)
}
