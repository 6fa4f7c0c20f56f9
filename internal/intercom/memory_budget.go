package intercom

import (
	"container/heap"
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// MemoryBudget is a Budget for one process.
//
// It learns limit, use and the end of the window from the answers. As long as nothing has
// been answered it sends one call at a time, because a process that just started does not
// know what it spent before; the same holds after a 429, and at the start of a window whose
// bounds are unknown because Intercom sends no X-RateLimit-Reset. Otherwise calls are sent
// as fast as they come until the window is used up, except for a hundredth of it (up to three
// hundredths when other apps use the same limit), and go on as soon as the next has begun for
// sure. A 429 stops everything until the reset, and refused credentials stop everything for a
// minute, after which one call tries again.
//
// It starts no goroutines and needs no closing.
type MemoryBudget struct {
	share   float64
	metrics *budgetMetrics

	mu       sync.Mutex
	win      window
	inFlight int
	probing  bool      // only one call in flight
	probedAt time.Time // an answer to a call taken after this ends probing
	paused   time.Time // nothing is sent before
	strikes  int       // 429s in a row that did not say when to go on
	trouble  string    // why credentials or plan were refused, until a call succeeds
	waiting  waiters
	arrivals uint64
	timer    *time.Timer // runs while calls wait
	timerAt  time.Time
}

// BudgetOptions configure a MemoryBudget.
type BudgetOptions struct {
	// Share is the part of the limit that may be used, more than 0 and at most 1, so that
	// something is left for other apps. 0 means 1.
	Share float64
	// Registerer takes the metrics; nil registers nothing.
	Registerer prometheus.Registerer
}

// Validate names a value that is out of range.
func (o BudgetOptions) Validate() error {
	if !(o.Share >= 0 && o.Share <= 1) { // written so that NaN is refused
		return fmt.Errorf("budget share is %v; it must be more than 0 and at most 1", o.Share)
	}
	return nil
}

// NewMemoryBudget makes a budget that knows nothing yet. It panics when the options are not
// valid.
func NewMemoryBudget(o BudgetOptions) *MemoryBudget {
	if err := o.Validate(); err != nil {
		panic("intercom: " + err.Error())
	}
	b := &MemoryBudget{share: o.Share, win: window{limit: defaultLimit}}
	if b.share == 0 {
		b.share = 1
	}
	b.metrics = newBudgetMetrics(o.Registerer, b)
	return b
}

// Take waits for a free call.
func (b *MemoryBudget) Take(ctx context.Context, p Priority) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	b.mu.Lock()
	now := time.Now()
	b.arrivals++
	w := &waiter{priority: p, arrival: b.arrivals, since: now, granted: make(chan struct{})}
	heap.Push(&b.waiting, w)
	b.pump(now)
	b.mu.Unlock()

	select {
	case <-w.granted:
		return nil
	case <-ctx.Done():
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if w.index >= 0 {
		heap.Remove(&b.waiting, w.index)
	} else { // granted at the same moment: somebody else can have it
		b.settle(Usage{NotSent: true, Taken: w.since}, time.Now())
		b.inFlight--
	}
	b.pump(time.Now())
	return ctx.Err()
}

// Report takes in what became of a call.
func (b *MemoryBudget) Report(u Usage) {
	u = u.plausible()
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	b.move(now)
	b.settle(u, now)
	b.inFlight = max(b.inFlight-1, 0)
	if u.Status == statusTooManyRequests {
		b.metrics.limited.Inc()
	}
	b.pump(now)
}

// settle accounts for one call; it is still among those in flight.
func (b *MemoryBudget) settle(u Usage, now time.Time) {
	w := &b.win
	if !u.Taken.IsZero() && u.Taken.Before(w.start) {
		w.carried = max(w.carried-1, 0)
	}
	switch {
	case u.NotSent && !u.Answered:
		w.ours--
		return
	case w.stale(u):
		w.ours--
		return // counted, and if need be refused, in a window that is over
	case !u.Answered || u.Limit < 0:
		w.blind = append(w.blind, now)
	default:
		w.place(u, now, b.inFlight)
		w.count(u, now, b.inFlight)
	}
	switch {
	case u.Status == statusTooManyRequests:
		b.pause(u, now)
		return
	case u.Refused != "":
		b.trouble = u.Refused
		b.paused = later(b.paused, now.Add(refusedPause))
		b.probe(now)
		return
	case u.Answered && u.Status < 300:
		b.trouble = ""
	}
	// An answer without the headers ends probing too, unless it is one that never has them:
	// a proxy's failure, or refused credentials.
	telling := u.Limit >= 0 || (u.Status < 500 && u.Status != 401)
	if u.Answered && telling {
		b.strikes = 0
		if u.Taken.IsZero() || !u.Taken.Before(b.probedAt) {
			b.probing = false
		}
	}
}

// pause stops everything after a 429.
func (b *MemoryBudget) pause(u Usage, now time.Time) {
	until := now.Add(max(u.RetryAfter, shortestPause))
	switch {
	case u.Reset > 0 && u.Window == b.win.id && u.Window != 0:
		until = later(until, b.win.end) // known better than from this one answer
	case u.Reset > 0:
		until = later(until, now.Add(u.Reset))
	case u.RetryAfter <= 0:
		if u.Taken.IsZero() || !u.Taken.Before(b.probedAt) {
			b.strikes++ // not for calls that were on their way already at the last one
		}
		until = now.Add(min(shortestPause<<min(max(b.strikes-1, 0), 10), windowLength))
	}
	b.paused = later(b.paused, until)
	b.probe(now)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func (b *MemoryBudget) probe(now time.Time) {
	b.probing, b.probedAt = true, now
}

// move goes on to the next window when the present one is over.
func (b *MemoryBudget) move(now time.Time) {
	if b.win.passed(now, b.inFlight) && b.win.id == 0 {
		b.probe(now)
	}
}

// pump grants what can be granted and sees to being called again when more can be.
func (b *MemoryBudget) pump(now time.Time) {
	b.move(now)
	for len(b.waiting) > 0 && b.ready(now) {
		w := heap.Pop(&b.waiting).(*waiter)
		b.inFlight++
		b.win.ours++
		b.metrics.wait(w.priority, now.Sub(w.since))
		w.since = now
		close(w.granted)
	}
	if len(b.waiting) == 0 {
		if b.timer != nil {
			b.timer.Stop()
			b.timerAt = time.Time{}
		}
		return
	}
	at := b.win.end
	if now.Before(b.paused) {
		at = b.paused
	}
	if at.Equal(b.timerAt) {
		return
	}
	b.timerAt = at
	if b.timer == nil {
		b.timer = time.AfterFunc(at.Sub(now), b.wake)
	} else {
		b.timer.Reset(at.Sub(now))
	}
}

func (b *MemoryBudget) wake() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.timerAt = time.Time{}
	b.pump(time.Now())
}

// ready tells whether one more call can be sent.
func (b *MemoryBudget) ready(now time.Time) bool {
	if now.Before(b.paused) || (b.probing && b.inFlight > 0) {
		return false
	}
	return b.win.free(b.inFlight, b.ownShare()) > 0
}

func (b *MemoryBudget) ownShare() int {
	return max(int(float64(b.win.limit)*b.share), 1)
}

// State is a glance at the budget.
func (b *MemoryBudget) State() BudgetState {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	b.pump(now)
	s := BudgetState{
		Limit:     b.win.limit,
		Remaining: max(b.win.left(b.ownShare()), 0),
		ResetAt:   b.win.end,
		Waiting:   len(b.waiting),
		Trouble:   b.trouble,
	}
	if now.Before(b.paused) {
		s.PausedUntil, s.Remaining = b.paused, 0
	}
	return s
}

// Spent tells whether nothing can be sent for now whatever the calls in flight bring, and
// when that ends. Who would only wait in Take does better not to begin.
func (b *MemoryBudget) Spent() (until time.Time, spent bool) {
	s := b.State()
	switch {
	case !s.PausedUntil.IsZero():
		return s.PausedUntil, true
	case s.Remaining == 0:
		return s.ResetAt, true
	}
	return time.Time{}, false
}

// plausible drops numbers that cannot be meant.
func (u Usage) plausible() Usage {
	if !u.Answered {
		return Usage{NotSent: u.NotSent, Limit: -1, Remaining: -1, Taken: u.Taken}
	}
	if u.Limit <= 0 {
		u.Limit, u.Remaining = -1, -1
	}
	u.Remaining = min(u.Remaining, u.Limit)
	if u.Reset > longestPause {
		u.Reset, u.Window = 0, 0
	}
	u.RetryAfter = min(u.RetryAfter, longestPause)
	return u
}

const statusTooManyRequests = 429
