package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"
)

// Worker is the loop that both lanes share: it claims subjects that have work and runs Work
// on each, up to Concurrency at once. Asking the store is what it relies on; a nudge only
// makes it ask sooner.
type Worker struct {
	Store       *Store
	Lane        Lane
	Workspace   string // whose work; all if empty
	Concurrency int
	Lease       time.Duration
	Poll        time.Duration // how long to wait at the most before asking again; 1 second if 0
	Logger      *slog.Logger
	// Ready, if set, tells since when claiming makes sense: a later time keeps the loop from
	// claiming until then.
	Ready func() time.Time
	// Work does the work of one claimed subject and releases the claim. No further piece of
	// work should be begun after claims has ended; ctx ends later.
	Work func(ctx, claims context.Context, c Claim) error

	once  sync.Once
	nudge chan struct{}

	mu sync.Mutex
	// stranded are claims of ours whose end could not be stored.
	stranded []Claim
}

func (w *Worker) init() {
	w.once.Do(func() {
		w.nudge = make(chan struct{}, 1)
		if w.Poll == 0 {
			w.Poll = time.Second
		}
	})
}

// Nudge says that there may be new work. It never blocks.
func (w *Worker) Nudge() {
	w.init()
	select {
	case w.nudge <- struct{}{}:
	default:
	}
}

// Run claims and works until ctx ends, then returns when what was begun is finished. Work
// gets the context work, which outlives ctx by the time allowed for a clean stop.
func (w *Worker) Run(ctx, work context.Context) {
	w.init()
	slots := make(chan struct{}, w.Concurrency)
	var wg sync.WaitGroup
	defer wg.Wait()
	var claimed time.Time
	for {
		if !w.waitForSlots(ctx, slots, claimed) {
			return
		}
		claimed = time.Now()
		w.giveBack(ctx)
		claims, err := w.claim(ctx, w.Concurrency-len(slots))
		if err != nil && ctx.Err() == nil {
			w.Logger.ErrorContext(ctx, "cannot claim work", "err", err)
		}
		for _, c := range claims {
			slots <- struct{}{}
			wg.Go(func() {
				w.work(ctx, work, c)
				<-slots
				w.Nudge() // work that came for the subject meanwhile was nudged for in vain
			})
		}
		if ctx.Err() != nil {
			return
		}
		if len(claims) == 0 {
			w.wait(ctx, err != nil)
		}
	}
}

// elsewhere is how long the loop waits at the least before it asks again when there was nothing to claim.
const elsewhere = 20 * time.Millisecond

// breather is how long the loop waits for more places to become free before it claims for
// few: a claim is a write whether it takes one subject or thirty.
const breather = 5 * time.Millisecond

// waitForSlots waits until half of the places are free, or at least one when the last claim
// was some time ago. It returns false when ctx ended. Claiming for nobody would waste a lease.
func (w *Worker) waitForSlots(ctx context.Context, slots chan struct{}, claimed time.Time) bool {
	if rest := breather - time.Since(claimed); rest > 0 && len(slots) > w.Concurrency/2 {
		timer := time.NewTimer(rest)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return false
		}
	}
	select {
	case slots <- struct{}{}:
		<-slots
		return true
	case <-ctx.Done():
		return false
	}
}

func (w *Worker) claim(ctx context.Context, n int) ([]Claim, error) {
	if w.Ready != nil && w.Ready().After(time.Now()) {
		return nil, nil
	}
	// When work is due goes by the clock that all share, which need not be this machine's: a machine
	// that is ahead would take what others hold. A claim whose answer is not waited for would be held
	// until its lease ends, so the end of ctx does not interrupt it.
	return w.Store.Claim(context.WithoutCancel(ctx), w.Lane, w.Workspace, n, w.Store.Now(), w.Lease)
}

// wait returns when there may be work: at the next due time, on a nudge, or when it is time
// to ask again.
func (w *Worker) wait(ctx context.Context, failed bool) {
	pause := w.Poll
	if !failed {
		if due, ok, err := w.Store.NextDue(ctx, w.Lane, w.Workspace); err == nil && ok {
			pause = min(pause, due.Sub(w.Store.Now()))
		}
		if w.Store.Shared() { // what is due and cannot be claimed is being filed by another replica
			pause = max(pause, elsewhere)
		}
		if w.Ready != nil {
			pause = max(pause, time.Until(w.Ready()))
		}
	}
	if pause <= 0 {
		return
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	if failed || (w.Ready != nil && w.Ready().After(time.Now())) {
		select { // a nudge cannot help now; it stays for later
		case <-timer.C:
		case <-ctx.Done():
		}
		return
	}
	select {
	case <-timer.C:
	case <-w.nudge:
	case <-ctx.Done():
	}
}

// giveBack releases the claims that could not be released before, so that their work need not wait for
// the end of a lease once the store is well again.
func (w *Worker) giveBack(ctx context.Context) {
	w.mu.Lock()
	list := w.stranded
	w.stranded = nil
	w.mu.Unlock()
	for i, c := range list {
		if err := w.Store.Release(context.WithoutCancel(ctx), c, w.Store.Now()); err != nil {
			w.mu.Lock()
			w.stranded = append(w.stranded, list[i:]...)
			w.mu.Unlock()
			return
		}
	}
}

// work runs Work on one claim. A claim that ends with an error is given back later: whoever could not
// write its end cannot release it now either.
func (w *Worker) work(ctx, work context.Context, c Claim) {
	defer func() {
		if r := recover(); r != nil {
			w.Logger.ErrorContext(ctx, "panic while working on a subject", "subject", c.Subject,
				"err", fmt.Sprint(r), "stack", string(debug.Stack()))
		}
	}()
	err := w.Work(work, ctx, c)
	if err == nil {
		return
	}
	if !errors.Is(err, ErrLost) {
		w.Logger.ErrorContext(ctx, "cannot work on a subject", "subject", c.Subject, "err", err)
	}
	// Also if it is said to be lost: a claim that was made while this replica was taken for dead is of
	// no use to it, and nobody else knows of it. To release what is really lost does nothing.
	w.mu.Lock()
	w.stranded = append(w.stranded, c)
	w.mu.Unlock()
}
