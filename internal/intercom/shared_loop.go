package intercom

import (
	"container/heap"
	"context"
	"log/slog"
	"math/rand/v2"
	"slices"
	"time"
)

// run makes rounds until there is nothing to say and nobody waits.
func (b *SharedBudget) run() {
	for {
		if b.quiet() {
			b.pauseFor(linger, true)
		}
		r := b.prepare()
		if r == nil {
			return
		}
		var res roundResult
		ctx, cancel := context.WithTimeout(context.Background(), roundTimeout)
		err := b.o.State.Update(ctx, b.o.Workspace, func(text []byte, now time.Time) (next []byte, err error) {
			next, res, err = r.apply(text, now)
			return next, err
		})
		cancel()
		if err != nil {
			b.pauseFor(b.failed(err), false)
			continue
		}
		if wait := b.succeeded(r, res); wait > 0 {
			b.pauseFor(wait, true)
		}
	}
}

// quiet tells whether nobody waits for what the next round brings.
func (b *SharedBudget) quiet() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.waiting) == 0 && !b.look && !b.closed
}

func (b *SharedBudget) pauseFor(d time.Duration, interruptible bool) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	wake := b.wake
	if !interruptible {
		wake = nil
	}
	select {
	case <-timer.C:
	case <-wake:
	case <-b.gone:
	}
}

// prepare gathers what is to be said, or ends the goroutine when that is nothing.
func (b *SharedBudget) prepare() *round {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	b.dropOld(now)
	if b.given() {
		b.reports, b.wished = nil, false
		clear(b.grants)
	}
	waiting := len(b.waiting) > 0 && !b.closed
	// A wish that the others were told of and that is gone is taken back in the last round.
	if !waiting && len(b.reports) == 0 && !b.look && !b.wished || b.given() {
		b.running = false
		close(b.idle)
		return nil
	}
	b.look = false
	b.grant++
	r := &round{
		replica: b.replica, share: b.o.Share, life: b.life, grant: b.grant,
		reports: slices.Clone(b.reports), grants: map[uint64]bool{}, before: now,
	}
	if waiting {
		for _, w := range b.waiting {
			r.waiting[w.priority]++
		}
	}
	for grant := range b.grants {
		r.grants[grant] = true
	}
	return r
}

// dropOld forgets reports of calls that the state counts as over by now: it would not listen.
func (b *SharedBudget) dropOld(now time.Time) {
	n := 0
	for n < len(b.reports) && !within(b.reports[n].usage.permit.at, now, b.life) {
		b.landed(b.reports[n].usage.permit.grant)
		n++
	}
	b.reports = b.reports[n:]
}

// landed counts a call of a grant that nothing more will be said about.
func (b *SharedBudget) landed(grant uint64) {
	if b.grants[grant]--; b.grants[grant] <= 0 {
		delete(b.grants, grant)
	}
}

// succeeded hands out what a round has brought and tells when the next is due.
func (b *SharedBudget) succeeded(r *round, res roundResult) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	if b.failures > 0 {
		if !b.logged.IsZero() {
			b.o.Logger.Info("the budget that replicas share is reached again", slog.Int("failures", b.failures))
		}
		b.failures, b.logged = 0, time.Time{}
	}
	for len(b.reports) > 0 && len(r.reports) > 0 && b.reports[0].number <= r.reports[len(r.reports)-1].number {
		b.landed(b.reports[0].usage.permit.grant)
		b.reports = b.reports[1:]
	}
	b.last, b.lastAt = res, now
	b.handOut(r, res, now)
	b.wished = false
	for p, n := range r.waiting {
		b.wished = b.wished || n > res.granted[p]
	}
	if len(b.waiting) == 0 || len(b.reports) > 0 {
		return 0
	}
	return res.nextLook()
}

// handOut gives the calls to those who wait. Somebody may have left meanwhile, and more urgent ones
// may have come; what is too much is given back.
func (b *SharedBudget) handOut(r *round, res roundResult, now time.Time) {
	n := 0
	for _, k := range res.granted {
		n += k
	}
	if n == 0 {
		return
	}
	b.grants[r.grant] = n
	// A process that was stopped in the midst of the round has permits that are too old.
	usable := within(r.before, now, roundTimeout)
	p := &permit{
		grant: r.grant, taken: res.now, at: now,
		life: min(permitAge, res.machine.win.end.Sub(res.now)-now.Sub(r.before)),
	}
	for range n {
		if !usable || len(b.waiting) == 0 || b.closed {
			b.giveBack(p)
			continue
		}
		w := heap.Pop(&b.waiting).(*waiter)
		w.permit = p
		b.metrics.wait(w.priority, now.Sub(w.since))
		close(w.granted)
	}
}

// nextLook is how long to wait for a call before asking again: until time brings one, or for a
// moment when an answer that another replica gets may.
func (res *roundResult) nextLook() time.Duration {
	const least, most = 50 * time.Millisecond, 250 * time.Millisecond
	s := res.machine.glance(res.now)
	wait := least + rand.N(most-least) //nolint:gosec // it is no secret
	if _, spent := s.spent(); spent {
		wait = demandEvery
	}
	return min(wait, res.machine.changesAt(res.now).Sub(res.now)+time.Millisecond)
}

// failed notes that a round failed, and tells how long to wait before the next.
func (b *SharedBudget) failed(err error) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.failures++
	b.look, b.wished = false, false // that is not worth trying for ever; wishes expire
	if now := time.Now(); b.failures > 1 && now.Sub(b.logged) >= complainEvery {
		b.logged = now
		b.o.Logger.Warn("the budget that replicas share cannot be reached: nothing is sent until it can",
			slog.Int("waiting", len(b.waiting)), slog.Int("failures", b.failures), slog.Any("err", err))
	}
	longest := min(50*time.Millisecond<<min(b.failures, 5), time.Second)
	return longest/2 + rand.N(longest/2) //nolint:gosec // it is no secret
}
