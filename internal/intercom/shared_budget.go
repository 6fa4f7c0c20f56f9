package intercom

import (
	"container/heap"
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// SharedState keeps a text for each workspace, which several processes change one after the other.
type SharedState interface {
	// Update hands the state of a workspace (empty: there is none yet) and the time, on a clock that
	// is the same for all processes, to fn, and keeps what fn returns; nil: nothing has changed. Nobody
	// else changes that state between the two. The time is read after Update was called. fn may be
	// called more than once: the last call counts. When Update fails, the change may have been kept.
	Update(ctx context.Context, workspace string, fn func(state []byte, now time.Time) ([]byte, error)) error
}

// SharedBudget is a Budget that several processes share: it goes by the same rules as MemoryBudget,
// on a state that lies where all of them can reach it. A process takes calls for all who wait at
// once and tells of many answers at once, so calls cost fewer round trips than there are.
//
// Nothing is sent while the state cannot be reached. Calls of a process that died count as in flight
// until they must be over, and then as calls of which nobody knows whether they were counted.
//
// It has a goroutine only while something waits or is to be reported.
type SharedBudget struct {
	o       SharedOptions
	metrics *budgetMetrics
	replica string
	life    time.Duration // of a flight

	mu       sync.Mutex
	waiting  waiters
	arrivals uint64
	loose    []*permit      // of callers who take and report without looking at permits
	grants   map[uint64]int // calls of each that the state counts as ours
	grant    uint64
	reports  []lateReport // not yet told, in the order of their numbers
	reported uint64
	look     bool // the state should be read
	wished   bool // the others know of calls that wait here
	running  bool
	idle     chan struct{} // closed when the goroutine ends
	closed   bool
	wake     chan struct{}
	gone     chan struct{} // closed when what is not said yet is given up
	last     roundResult
	lastAt   time.Time // when last was learned, on this machine's clock; zero: never
	failures int       // rounds in a row
	logged   time.Time
}

// SharedOptions configure a SharedBudget.
type SharedOptions struct {
	BudgetOptions
	// State is where the budget is kept, and Workspace whose it is.
	State     SharedState
	Workspace string
	// CallTimeout bounds a call, as Options.Timeout does; 0 means 20 s.
	CallTimeout time.Duration
	// Logger is told when the state cannot be reached; nil discards.
	Logger *slog.Logger
}

const (
	// roundTimeout bounds one round.
	roundTimeout = 5 * time.Second
	// lateness is more than a call may be late beside all that is bounded.
	lateness = 5 * time.Second
	// linger is waited for more reports when nobody waits for a call.
	linger = 10 * time.Millisecond
	// complainEvery is how often it is logged that the state cannot be reached.
	complainEvery = time.Minute
)

// NewSharedBudget makes a budget on a state. It panics when the options are not valid.
func NewSharedBudget(o SharedOptions) *SharedBudget {
	if err := o.Validate(); err != nil {
		panic("intercom: " + err.Error())
	}
	if o.State == nil {
		panic("intercom: a shared budget needs a state")
	}
	if o.CallTimeout <= 0 {
		o.CallTimeout = defaultTimeout
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	b := &SharedBudget{
		o: o, replica: rand.Text()[:13], life: o.CallTimeout + permitAge + roundTimeout + lateness,
		grants: map[uint64]int{}, wake: make(chan struct{}, 1), gone: make(chan struct{}), last: roundResult{machine: newMachine(o.Share)},
	}
	b.metrics = newBudgetMetrics(o.Registerer, b.State)
	return b
}

// Take waits for a free call.
func (b *SharedBudget) Take(ctx context.Context, p Priority) error {
	got, err := b.take(ctx, p)
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.loose = append(b.loose, got)
	return nil
}

func (b *SharedBudget) take(ctx context.Context, p Priority) (*permit, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	b.mu.Lock()
	b.arrivals++
	w := &waiter{priority: min(max(p, PriorityBackground), PriorityReply), arrival: b.arrivals, since: time.Now(), granted: make(chan struct{})}
	heap.Push(&b.waiting, w)
	b.kick()
	b.mu.Unlock()

	select {
	case <-w.granted:
		return w.permit, nil
	case <-ctx.Done():
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if w.index >= 0 {
		heap.Remove(&b.waiting, w.index)
		b.kick() // the others need not leave a call for it
	} else { // granted at the same moment: somebody else can have it
		b.giveBack(w.permit)
	}
	return nil, ctx.Err()
}

// Report takes in what became of a call.
func (b *SharedBudget) Report(u Usage) {
	u = u.plausible()
	b.mu.Lock()
	defer b.mu.Unlock()
	if u.permit == nil && len(b.loose) > 0 {
		u.permit, b.loose = b.loose[0], b.loose[1:]
	}
	if u.Status == statusTooManyRequests {
		b.metrics.limited.Inc()
	}
	if u.permit != nil {
		b.late(u)
	}
}

func (b *SharedBudget) giveBack(p *permit) {
	b.late(Usage{NotSent: true, Limit: -1, Remaining: -1, permit: p})
}

func (b *SharedBudget) late(u Usage) {
	b.reported++
	b.reports = append(b.reports, lateReport{number: b.reported, usage: u, at: time.Now()})
	b.kick()
}

// State is a glance at the budget, as of the last time that this process dealt with it.
func (b *SharedBudget) State() BudgetState {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	theirs, stale := now, true
	if !b.lastAt.IsZero() {
		theirs, stale = b.last.now.Add(now.Sub(b.lastAt)), now.Sub(b.lastAt) > demandEvery
	}
	m := b.last.machine
	m.move(theirs)
	s := m.glance(theirs)
	s.Waiting = len(b.waiting)
	ahead := theirs.Sub(now)
	s.ResetAt = s.ResetAt.Add(-ahead)
	if !s.PausedUntil.IsZero() {
		s.PausedUntil = s.PausedUntil.Add(-ahead)
	}
	if _, spent := s.spent(); stale && (spent || s.Trouble != "" || m.win.id == 0) {
		b.look = true // another replica may know better
		b.kick()
	}
	return s
}

// Spent tells whether nothing can be sent for now whatever the calls in flight bring, and
// when that ends.
func (b *SharedBudget) Spent() (until time.Time, spent bool) {
	s := b.State()
	return s.spent()
}

// Close tells the state what has not been told yet. Nothing is granted any more.
func (b *SharedBudget) Close(ctx context.Context) error {
	b.mu.Lock()
	b.closed = true
	idle, running := b.idle, b.running
	b.nudge()
	if !running && ctx.Err() != nil {
		b.giveUp() // calls that are cut off report later
	}
	b.mu.Unlock()
	if !running {
		return nil
	}
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		// Nobody waits for it any more, so it must not go on by itself: the process ends, or its store is
		// closed. The others count the calls in flight as over when their time has passed.
		b.mu.Lock()
		b.giveUp()
		b.mu.Unlock()
		return fmt.Errorf("tell the shared budget of the last calls: %w", ctx.Err())
	}
}

// giveUp lets the goroutine end with what it has not said. b.mu is held.
func (b *SharedBudget) giveUp() {
	select {
	case <-b.gone:
	default:
		close(b.gone)
	}
}

// given tells whether giveUp was called.
func (b *SharedBudget) given() bool {
	select {
	case <-b.gone:
		return true
	default:
		return false
	}
}

// kick sees to a round soon. b.mu is held.
func (b *SharedBudget) kick() {
	switch {
	case !b.running:
		if b.closed && len(b.reports) == 0 || b.given() {
			return
		}
		b.running, b.idle = true, make(chan struct{})
		go b.run()
	case len(b.waiting) > 0:
		b.nudge()
	}
}

func (b *SharedBudget) nudge() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}
