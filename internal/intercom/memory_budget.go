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
	metrics *budgetMetrics

	mu sync.Mutex
	machine
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
	b := &MemoryBudget{machine: newMachine(o.Share)}
	b.metrics = newBudgetMetrics(o.Registerer, b.State)
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
		b.giveBack(time.Now(), w.since)
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
	b.report(now, u)
	if u.Status == statusTooManyRequests {
		b.metrics.limited.Inc()
	}
	b.pump(now)
}

// pump grants what can be granted and sees to being called again when more can be.
func (b *MemoryBudget) pump(now time.Time) {
	b.move(now)
	for len(b.waiting) > 0 && b.take(now) {
		w := heap.Pop(&b.waiting).(*waiter)
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
	at := b.changesAt(now)
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

// State is a glance at the budget.
func (b *MemoryBudget) State() BudgetState {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	b.pump(now)
	s := b.glance(now)
	s.Waiting = len(b.waiting)
	return s
}

// Spent tells whether nothing can be sent for now whatever the calls in flight bring, and
// when that ends. Who would only wait in Take does better not to begin.
func (b *MemoryBudget) Spent() (until time.Time, spent bool) {
	s := b.State()
	return s.spent()
}
