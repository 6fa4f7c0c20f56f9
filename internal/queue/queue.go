// Package queue carries out planned actions. It claims subjects whose actions are due and
// performs them in plan order, one at a time for each subject (I3), many subjects at once.
//
// # What may be done twice, and what may not
//
// A tag, an assignment or a close can be sent again when it is unknown whether it arrived.
// A reply or a note cannot: people would see it twice. So before such a call leaves, the
// store records that it is attempted. When its end is not known after that (a timeout, a
// broken connection, a 5xx, a crash), the action stays "attempting", and the next thing that
// happens to it is a look at the conversation: if the effect is there the action is done, if
// it is surely absent it is sent again, and if that cannot be told it is parked for a person
// (I4). In the words of the states (package store): planned, attempting, done, dead, parked.
//
// # What counts as an attempt
//
// A call that failed, or that could not reach Intercom, counts against the limit of attempts.
// A spent budget, a 429, a refused credential or a clean stop before the call was sent do
// not (I5, I6): they say nothing about the action.
//
// # Picking teammates
//
// Whom an assignment that picks goes to is decided when it is performed, and recorded before its
// call leaves; after a crash the same teammate gets it (pick.go). Conversations for which there is
// nobody wait in a line that the store keeps, and a loop of its own plans the actions that end the
// waiting (line.go).
package queue

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/prometheus/client_golang/prometheus"

	"switchboard/internal/actions"
	"switchboard/internal/intercom"
	"switchboard/internal/store"
)

// Options are the parts and settings of a queue.
type Options struct {
	Store *store.Store
	// Workspace is whose actions these are; all if empty.
	Workspace string
	// Env is what actions are performed with.
	Env *actions.Env
	// Ready tells since when calls may be made: a time in the future says that the budget is
	// spent or the workspace is paused, and nothing is claimed until then.
	Ready func() time.Time
	// Concurrency is how many subjects are worked on at once; 16 if 0.
	Concurrency int
	// MaxAttempts is how often an action is tried before it becomes a dead letter, or is
	// parked when in doubt; 40 if 0, which takes about eight hours.
	MaxAttempts int
	// Settle is how long after a call in doubt was sent the conversation is read back: long
	// enough for Intercom to have finished what it began, even when the connection broke or
	// this process was killed right after sending. It should not be shorter than the time
	// that a call may take; 25 seconds if 0.
	Settle time.Duration
	// Patience bounds one attempt, waiting for the budget included; 90 seconds if 0.
	Patience time.Duration
	// Poll is how often the store is asked for work when nothing announces it; 1 second if 0.
	Poll time.Duration

	Logger     *slog.Logger
	Registerer prometheus.Registerer
}

// Queue performs actions. Its loop is Run.
type Queue struct {
	o       Options
	log     *slog.Logger
	metrics *metrics
	now     func() time.Time // the clock that everybody goes by who shares the store
	loop    *store.Worker
	freed   chan struct{}
	waiting atomic.Bool // conversations may wait for a teammate
	// recounted is when everybody's open conversations were last counted anew, in nanoseconds.
	recounted atomic.Int64
	// Of conversations, by workspace and subject: who was picked lately, and when an action was
	// planned for one that waited.
	given  *lru.Cache[string, gift]
	served *lru.Cache[string, time.Time]
}

// mostGiven is for how many conversations it is known without asking who was picked.
const mostGiven = 2000

// New makes a queue.
func New(o Options) *Queue {
	o.Concurrency = orDefault(o.Concurrency, 16)
	o.MaxAttempts = orDefault(o.MaxAttempts, 40)
	o.Settle = orDefault(o.Settle, 25*time.Second)
	o.Patience = orDefault(o.Patience, 90*time.Second)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	given, err := lru.New[string, gift](mostGiven)
	served, err2 := lru.New[string, time.Time](mostServed)
	if err := errors.Join(err, err2); err != nil {
		panic(err) // only for a size below 1
	}
	q := &Queue{o: o, log: o.Logger, metrics: newMetrics(o.Registerer), freed: make(chan struct{}, 1), given: given, served: served, now: time.Now}
	if o.Store != nil {
		q.now = o.Store.Now
	}
	q.loop = &store.Worker{
		Store: o.Store, Lane: store.LaneActions, Workspace: o.Workspace, Concurrency: o.Concurrency,
		Lease: q.lease(), Poll: o.Poll, Logger: o.Logger, Ready: o.Ready, Work: q.drain,
	}
	return q
}

// lease is longer than an attempt may take: who still holds a call in his hands holds the
// subject, too.
func (q *Queue) lease() time.Duration { return q.o.Patience + 30*time.Second }

func orDefault[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}

// Nudge says that actions were planned. It never blocks.
func (q *Queue) Nudge() { q.loop.Nudge() }

// Run performs actions until ctx ends, then lets calls in flight end; work cuts them short.
func (q *Queue) Run(ctx, work context.Context) {
	var lines sync.WaitGroup
	lines.Go(func() { q.watchLines(ctx) })
	q.loop.Run(ctx, work)
	lines.Wait()
}

// drain performs the due actions of a claimed subject in plan order.
func (q *Queue) drain(ctx, claims context.Context, c store.Claim) error {
	ctx = intercom.WithWait(ctx, claims)
	for {
		a, ok, err := q.o.Store.NextAction(ctx, c)
		switch {
		case err != nil:
			return err
		case !ok:
			return q.o.Store.Release(ctx, c, time.Time{})
		case claims.Err() != nil:
			return q.o.Store.Release(context.WithoutCancel(ctx), c, a.DueAt)
		}
		if due := q.due(a); due.After(q.now()) {
			return q.o.Store.Release(ctx, c, due)
		}
		if err := q.o.Store.Renew(ctx, c, q.now().Add(q.lease())); err != nil {
			return err
		}
		if err := q.attempt(ctx, c, a); err != nil {
			return err
		}
	}
}

// clockSlip is what a clock may be set back without anybody noticing.
const clockSlip = time.Second

// due is when the action may be tried. One in doubt has to settle first, also when this
// process was killed before it could note that.
func (q *Queue) due(a store.Action) time.Time {
	if a.State != store.StateAttempting {
		return a.DueAt
	}
	settled, sure := q.settled(a)
	switch {
	case !settled.After(a.DueAt):
		return a.DueAt
	case !sure && settled.After(q.now().Add(q.o.Settle+clockSlip)):
		// A clock that was set back would have it wait for as long as it was wrong. Then reading back
		// would look for parts that are newer than any which it made. Now it finds that it cannot tell.
		return q.now()
	}
	return settled
}

// settled is when an attempt in doubt may be read back. It is sure where Intercom's clock tells: ours may
// have been set since.
func (q *Queue) settled(a store.Action) (at time.Time, sure bool) {
	if !a.AttemptedTheirs.IsZero() {
		if theirs, known := q.o.Env.Client.TheirNow(); known {
			at = q.now().Add(a.AttemptedTheirs.Add(q.o.Settle).Sub(theirs))
			return at.Truncate(time.Microsecond), true // as the store keeps it: it must be due when it is claimed for that
		}
	}
	return a.AttemptedAt.Add(q.o.Settle), false
}

// attempt tries one action once and records how it ended.
func (q *Queue) attempt(ctx context.Context, c store.Claim, a store.Action) error {
	started := q.now()
	t := &try{queue: q, claim: c, action: a}
	out := t.run(ctx)
	if errors.Is(out.err, store.ErrLost) || errors.Is(out.err, store.ErrCutOff) && !t.attempted {
		return out.err // there is nothing to record
	}
	end := q.end(a, out, q.now())
	end.Started, end.Finished = started, q.now()
	end.TouchedFrom, end.TouchedTo = q.touched(a, out, started, end.Finished)
	end.Line = line(a.Kind, end.State)
	// The end must be recorded even if the service is stopping: it saves the read-back.
	if err := q.o.Store.FinishAttempt(context.WithoutCancel(ctx), c, end); err != nil {
		return err
	}
	q.report(ctx, a, end)
	if end.Line != store.LineStays {
		q.Freed()
	}
	return nil
}

// line is what the end of an attempt means for the place of its conversation in a team's line.
func line(kind string, state store.ActionState) store.Line {
	switch {
	case !actions.Assigns(kind):
	case state == store.StateDone:
		return store.LineLeft
	case state == store.StateDead || state == store.StateParked:
		return store.LineLost
	}
	return store.LineStays
}

// touched is when an attempt may have changed something, on Intercom's clock: while it lasted,
// or, when reading back found what an earlier one did, while Intercom may have worked on that.
func (q *Queue) touched(a store.Action, out outcome, started, finished time.Time) (from, to time.Time) {
	if out.found {
		if !a.AttemptedTheirs.IsZero() {
			return a.AttemptedTheirs, a.AttemptedTheirs.Add(q.o.Settle)
		}
		started, finished = a.AttemptedAt, a.AttemptedAt.Add(q.o.Settle)
	}
	skew := q.o.Env.Client.Skew()
	return started.Add(skew), finished.Add(skew)
}

// outcome is what came of trying an action once.
type outcome struct {
	result actions.Result
	err    error
	// doubt: the call may or may not have taken effect, and doing it twice would be seen.
	doubt bool
	// unclear: reading back could not tell; a person has to.
	unclear bool
	// found: reading back found what an earlier attempt did.
	found bool
}

// Results of attempts: the values of a metric's label and of the history.
const (
	resultDone     = "done"
	resultRetry    = "retry"     // failed, will be tried again
	resultDoubt    = "doubt"     // may have taken effect, will be read back
	resultDead     = "dead"      // failed for good
	resultParked   = "parked"    // in doubt for good
	resultLimited  = "limited"   // 429 or no budget in time: not counted
	resultPaused   = "paused"    // credential or plan refused: not counted
	resultHandback = "hand_back" // stopped before it was sent: not counted
)

var results = []string{
	resultDone, resultRetry, resultDoubt, resultDead, resultParked,
	resultLimited, resultPaused, resultHandback,
}

// end decides what becomes of an action after an attempt.
func (q *Queue) end(a store.Action, out outcome, now time.Time) store.AttemptEnd {
	e := store.AttemptEnd{Action: a, Attempts: a.Attempts, DueAt: now, OwnParts: out.result.Parts, Touched: out.result.Touched}
	again := store.StatePlanned
	if out.doubt {
		again = store.StateAttempting
	}
	if out.err != nil {
		e.Error = out.err.Error()
	} else {
		e.Detail = out.result.Detail
	}
	switch class := intercom.ClassOf(out.err); {
	case out.unclear:
		e.State, e.Result = store.StateParked, resultParked
	case out.err == nil:
		e.State, e.Result, e.Attempts = store.StateDone, resultDone, a.Attempts+1
	case stopped(out.err): // nothing was sent in this try
		e.State, e.Result = again, resultHandback
	case class == intercom.RateLimited:
		e.State, e.Result = again, resultLimited
	case class == intercom.Credential:
		e.State, e.Result = again, resultPaused
	case class == intercom.Permanent || class == intercom.Conflict:
		e.State, e.Result, e.Attempts = store.StateDead, resultDead, a.Attempts+1
		if out.doubt { // reading back is refused: nobody but a person can tell
			e.State, e.Result = store.StateParked, resultParked
		}
	default:
		e.Attempts++
		e.State, e.Result, e.DueAt = again, resultRetry, now.Add(backoff(e.Attempts))
		if out.doubt {
			e.Result, e.DueAt = resultDoubt, now.Add(max(q.o.Settle, backoff(e.Attempts-1)))
		}
		if e.Attempts >= q.mostAttempts(a.Kind) {
			e.State, e.Result = store.StateDead, resultDead
			if out.doubt {
				e.State, e.Result = store.StateParked, resultParked
			}
		}
	}
	return e
}

// mostAttempts is how often an action of this kind is tried.
func (q *Queue) mostAttempts(kind string) int {
	if limit := actions.AttemptLimit(kind); limit > 0 {
		return min(limit, q.o.MaxAttempts)
	}
	return q.o.MaxAttempts
}

// stopped tells whether an attempt ended before anything was sent, because time ran out or
// the service stops: once something was sent, the client's error says what became of it.
func stopped(err error) bool {
	_, answered := errors.AsType[*intercom.Error](err)
	return !answered && (errors.Is(err, store.ErrCutOff) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded))
}

// Back-off doubles from a second to a quarter of an hour. The jitter of a quarter to both sides keeps
// the actions that one outage stopped from coming back all at once.
const (
	firstBackoff = time.Second
	mostBackoff  = 15 * time.Minute
)

func backoff(attempts int) time.Duration {
	d := mostBackoff
	if attempts < 20 {
		d = min(firstBackoff<<max(attempts-1, 0), mostBackoff)
	}
	return time.Duration(float64(d) * (0.75 + rand.Float64()/2)) //nolint:gosec // jitter is no secret
}

// report counts and logs the end of an attempt.
func (q *Queue) report(ctx context.Context, a store.Action, e store.AttemptEnd) {
	q.metrics.actions.WithLabelValues(a.Kind, e.Result).Inc()
	attrs := []any{
		"action", a.ID, "kind", a.Kind, "event", a.Seq, "subject", a.Subject, "rule", a.Rule,
		"attempt", e.Attempts, "what", actions.Describe(a.Kind, a.Params),
	}
	switch e.Result {
	case resultDone:
		q.metrics.toEffect.Observe(e.Finished.Sub(a.ReceivedAt).Seconds())
		q.log.InfoContext(ctx, "action done", append(attrs, "took", e.Finished.Sub(e.Started), "detail", e.Detail)...)
	case resultDead:
		q.log.ErrorContext(ctx, "action failed for good: dead letter, the rest of its run is held back", append(attrs, "err", e.Error)...)
	case resultParked:
		q.log.ErrorContext(ctx, "action parked: it is unclear whether it happened, look at the conversation", append(attrs, "err", e.Error)...)
	case resultLimited, resultHandback:
		q.log.DebugContext(ctx, "action put back", append(attrs, "err", e.Error)...)
	default:
		q.log.WarnContext(ctx, "action will be tried again", append(attrs, "result", e.Result, "due", e.DueAt, "err", e.Error)...)
	}
}

func (q *Queue) kind(name string) (actions.Kind, error) {
	kind, ok := actions.Lookup(name)
	if !ok {
		// A newer version planned it; this one must not guess. Another replica may know it.
		class := intercom.Permanent
		if all, _ := q.o.Store.Replicas(); len(all) > 1 {
			class = intercom.Retry
		}
		return nil, &intercom.Error{Class: class, Message: fmt.Sprintf("this version knows no action %q", name)}
	}
	return kind, nil
}
