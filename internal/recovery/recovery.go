// Package recovery finds the events that no notification told of (I11). Intercom sends a notification
// that could not be delivered once more after a minute, and then never again; what happened is still
// to be seen in the conversation.
//
// A pass searches the conversations that changed since the watermark, less an overlap, reads each and
// rebuilds from its parts what notifications would have told (history.go). What is not stored yet is
// put as an event of its own and goes through the engine like any other: with the time when it
// happened, known as our own work if it is, and decided once. Its id follows from what happened, so
// that a pass that was cut off can simply be made again; a notification that is only late is dropped
// in its favour when it is filed, and the other way round (event.Twin, store.PutRecovered).
//
// What happened in the last two minutes is left to the notifications, which may be on their way, unless
// something older in the same conversation is missing: what happened there keeps its order. The
// watermark moves when a pass is complete. Until the first pass after a start is, timers that came due
// meanwhile wait, because what cancels them may be among what was missed.
package recovery

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/prometheus/client_golang/prometheus"

	"switchboard/internal/intercom"
	"switchboard/internal/store"
)

// Options are the parts and settings of a recovery.
type Options struct {
	Store  *store.Store
	Client *intercom.Client
	// Workspace is the app id; empty as long as it is not known.
	Workspace func() string
	// Wants tells whether a rule listens to a topic: others are not worth recovering.
	Wants func(topic string) bool
	// Ready tells since when calls make sense; nil: always.
	Ready func() time.Time
	// Stored is called after events were put.
	Stored func()
	// Leads tells whether this replica is the one that does what only one must do; nil: it is.
	Leads func() bool
	// Now is the time that everybody goes by; nil: the store's.
	Now func() time.Time
	// Every is how long after a pass the next one begins; 0 makes none.
	Every time.Duration
	// Overlap is how much earlier than the watermark a search begins: Intercom's search lags behind;
	// 10 minutes if 0.
	Overlap time.Duration
	// Grace is how long a notification may be on its way; 2 minutes if 0.
	Grace time.Duration
	// Retention is how long events are kept: what is older cannot be told from what was missed. 0
	// keeps them for ever.
	Retention time.Duration
	// MaxAge is how old an event may be for customers to hear of it, if a request does not say; for
	// reports.
	MaxAge time.Duration

	Logger     *slog.Logger
	Registerer prometheus.Registerer
}

// Recovery finds missed events. Its loop is Run.
type Recovery struct {
	o       Options
	log     *slog.Logger
	metrics *metrics
	turn    chan struct{} // holds a token while nobody searches
	read    *lru.Cache[string, reading]
}

// reading is up to when a conversation was looked at that had last changed at a time.
type reading struct{ changed, through time.Time }

// The bounds of a recovery.
const (
	// mostRead is of how many conversations it is known that nothing has changed since they were read.
	mostRead = 20_000
	// holdFor is how long timers wait for the first pass after a start at the most.
	holdFor = 5 * time.Minute
	// longest is how far back the first pass on a database looks that has events and no watermark.
	longest = 24 * time.Hour
	// firstWait is the pause after a pass that failed; the next are longer.
	firstWait = 5 * time.Second
	// lookout is how often a replica looks whether it leads now.
	lookout = 5 * time.Second
)

// New makes a recovery.
func New(o Options) *Recovery {
	if o.Overlap == 0 {
		o.Overlap = 10 * time.Minute
	}
	if o.Grace == 0 {
		o.Grace = 2 * time.Minute
	}
	if o.Leads == nil {
		o.Leads = func() bool { return true }
	}
	if o.Now == nil {
		o.Now = o.Store.Now
	}
	if o.Ready == nil {
		o.Ready = func() time.Time { return time.Time{} }
	}
	if o.Stored == nil {
		o.Stored = func() {}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	read, err := lru.New[string, reading](mostRead)
	if err != nil {
		panic(err) // only for a size below 1
	}
	r := &Recovery{o: o, log: o.Logger, metrics: newMetrics(o.Registerer), turn: make(chan struct{}, 1), read: read}
	r.turn <- struct{}{}
	return r
}

// Hold keeps timers that came due while nobody ran waiting for the first pass. It is called before
// anything is decided.
func (r *Recovery) Hold(ctx context.Context) error {
	if r.o.Every <= 0 || !r.o.Leads() {
		return nil
	}
	return r.o.Store.HoldTimers(ctx, r.o.Now().Add(holdFor))
}

// Run makes passes until ctx ends; work ends the patience with calls that are under way.
func (r *Recovery) Run(ctx, work context.Context) {
	if r.o.Every <= 0 {
		return
	}
	var l looping
	for {
		wait := r.look(ctx, work, &l)
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return
		}
	}
}

// looping is what the loop knows from one turn to the next.
type looping struct {
	next  time.Time // pass; zero: now
	tries int       // failed in a row
}

// look makes a pass if it is time for one, and tells how long there will be nothing to do.
func (r *Recovery) look(ctx, work context.Context, l *looping) (wait time.Duration) {
	workspace, now := r.o.Workspace(), r.o.Now()
	switch ready := r.o.Ready(); {
	case workspace == "":
		return time.Second
	case !r.o.Leads():
		*l = looping{} // should it lead, nobody may have looked for a while
		return lookout
	case l.next.After(now):
		return min(l.next.Sub(now), lookout)
	case ready.After(now):
		return ready.Sub(now)
	}
	err := r.pass(ctx, work, workspace)
	switch {
	case ctx.Err() != nil:
		return 0
	case err != nil:
		l.tries++
		wait := min(firstWait<<min(l.tries-1, 10), r.o.Every)
		l.next = now.Add(wait)
		r.metrics.passes.WithLabelValues(passFailed).Inc()
		r.log.WarnContext(ctx, "the search for missed events failed and is made again", "attempt", l.tries, "wait", wait, "err", err)
		return wait
	}
	l.tries, l.next = 0, now.Add(r.o.Every)
	r.metrics.passes.WithLabelValues(passDone).Inc()
	return min(r.o.Every, lookout)
}

// pass searches from the watermark on and moves it.
func (r *Recovery) pass(ctx, work context.Context, workspace string) error {
	if err := r.take(ctx); err != nil {
		return err
	}
	defer r.give()
	row, err := r.begin(work, workspace)
	if err != nil {
		return err
	}
	through := r.theirNow().Add(-r.o.Grace)
	since := row.Watermark.Add(-r.o.Overlap)
	if since.Before(row.BeganAt) {
		since = row.BeganAt
	}
	s := r.newSearch(workspace, since, through)
	err = s.run(ctx, work)
	s.report.count(r.metrics)
	if err != nil {
		return err
	}
	if err := s.filed(ctx); err != nil {
		return err
	}
	if err := r.o.Store.EndRecovery(work, workspace, through); err != nil {
		return err
	}
	r.metrics.watermark.Set(float64(through.Unix()))
	r.o.Stored() // timers may go now
	r.say(ctx, &s.report)
	return nil
}

// say tells what a pass has found, if it has.
func (r *Recovery) say(ctx context.Context, p *Report) {
	level := slog.LevelDebug
	if p.Total() > 0 || p.Long > 0 || p.Unreadable > 0 {
		level = slog.LevelInfo
	}
	r.log.Log(ctx, level, "searched for missed events", "since", p.Since, "through", p.Through, "conversations", p.Conversations,
		"recovered", p.Total(), "topics", p.Recovered, "there", p.Known, "long", p.Long, "tickets", p.Tickets, "unreadable", p.Unreadable, "gone", p.Gone)
}

// begin gives how far the workspace has been searched. The first time that is until now: history is
// not recovered by itself.
func (r *Recovery) begin(ctx context.Context, workspace string) (store.Recovery, error) {
	row, ok, err := r.o.Store.RecoveryOf(ctx, workspace)
	if err != nil || ok {
		return row, err
	}
	// A database from before there was a recovery has seen events: what came after them counts.
	last, err := r.o.Store.LastReceived(ctx, workspace)
	if err != nil {
		return row, err
	}
	now := r.theirNow()
	if last.IsZero() || last.After(now) {
		last = now
	} else if oldest := now.Add(-longest); last.Before(oldest) {
		last = oldest
	}
	if err := r.o.Store.BeginRecovery(ctx, workspace, last); err != nil {
		return row, err
	}
	r.log.InfoContext(ctx, "missed events are looked for from now on; for what happened before there is \"switchboard backfill\"", "since", last)
	row, _, err = r.o.Store.RecoveryOf(ctx, workspace)
	return row, err
}

// theirNow is the time by Intercom's clock.
func (r *Recovery) theirNow() time.Time { return r.o.Now().Add(r.o.Client.Skew()).UTC() }

// take waits until nobody else in this process searches.
func (r *Recovery) take(ctx context.Context) error {
	select {
	case <-r.turn:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (r *Recovery) give() { r.turn <- struct{}{} }

// Request asks for what happened since a time to be recovered.
type Request struct {
	Since time.Time
	// DryRun finds and puts nothing.
	DryRun bool
	// MaxAge is how old an event may be for customers to hear of it; 0 is what is usual.
	MaxAge time.Duration
}

// ErrRefused is wrapped by the errors of Backfill that asking again does not change.
var ErrRefused = errors.New("refused")

// Backfill searches from any time on. progress, if set, is called now and then with what has been
// found so far. The watermark stays where it is.
func (r *Recovery) Backfill(ctx context.Context, q Request, progress func(Report)) (Report, error) {
	workspace, now := r.o.Workspace(), r.o.Now()
	switch {
	case workspace == "":
		return Report{}, fmt.Errorf("%w: Intercom has not been reached yet, so it is not known which workspace this is", ErrRefused)
	case q.Since.IsZero() || !q.Since.Before(now):
		return Report{}, fmt.Errorf("%w: since must be a time in the past", ErrRefused)
	case r.o.Retention > 0 && now.Sub(q.Since) > r.o.Retention:
		return Report{}, fmt.Errorf("%w: events are kept for %s only (--retention), so what was missed before cannot be told from what was not",
			ErrRefused, r.o.Retention)
	case q.MaxAge < 0:
		return Report{}, fmt.Errorf("%w: max age is negative", ErrRefused)
	}
	if err := r.take(ctx); err != nil {
		return Report{}, err
	}
	defer r.give()
	if _, err := r.begin(ctx, workspace); err != nil {
		return Report{}, err
	}
	s := r.newSearch(workspace, q.Since.Truncate(time.Second), r.theirNow().Add(-r.o.Grace))
	s.request, s.progress = q, progress
	err := s.run(ctx, ctx)
	if !q.DryRun {
		s.report.count(r.metrics)
	}
	r.say(ctx, &s.report)
	return s.report, err
}
