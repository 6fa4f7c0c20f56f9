package intercom

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestSharedBudget_Spent_is_known_to_replicas_that_call_nothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := newFakeAPI(10)
		api.clock = 3 * time.Second
		for range 10 {
			api.byOthers()
		}
		state := newMemoryState(-4 * time.Minute)
		busy, idle := newShared(t, state), newShared(t, state)
		if _, err := api.client(t, busy).Me(t.Context()); ClassOf(err) != RateLimited {
			t.Fatalf("%v, want it rate limited", err)
		}
		rest()
		idle.State() // asks
		rest()
		mine, spentHere := busy.Spent()
		theirs, spentThere := idle.Spent()
		if !spentHere || !spentThere || mine.Sub(theirs).Abs() > time.Millisecond || time.Until(theirs) > 7*time.Second {
			t.Errorf("spent until %v (%v) and %v (%v) from now; want both until the reset on this machine's clock",
				time.Until(mine), spentHere, time.Until(theirs), spentThere)
		}
		rest()
	})
}

func TestSharedBudget_Close_tells_of_the_last_calls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := newFakeAPI(10)
		state := newMemoryState(0)
		b := newShared(t, state)
		c := api.client(t, b)
		if _, err := c.Me(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := b.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		s, err := readState(state.texts["app"])
		if err != nil || s.Machine.InFlight != 0 || s.Machine.Used != 1 || len(s.Flights) != 0 {
			t.Errorf("state %+v, %v; want the call reported", s, err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := c.Me(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("after Close: %v, want nothing granted", err)
		}
	})
}

// A state that is gone for good keeps Close for as long as its context lasts, and nothing after that.
func TestSharedBudget_gives_reports_up_when_nobody_would_listen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := newFakeAPI(10)
		gone := false
		b := NewSharedBudget(SharedOptions{Workspace: "app", State: &link{SharedState: newMemoryState(0), before: func(context.Context) error {
			if gone {
				return errors.New("connection refused")
			}
			return nil
		}}})
		if err := b.Take(t.Context(), PriorityAction); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		gone = true
		b.Report(Usage{Answered: true, Status: 200, Limit: api.limit, Remaining: 9, Taken: time.Now()})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := b.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Close: %v, want it to say that the last calls were not told", err)
		}
		synctest.Wait()
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.running || len(b.reports) != 0 || len(b.grants) != 0 {
			t.Errorf("running %v, %d reports, grants %v; want nothing left", b.running, len(b.reports), b.grants)
		}
	})
}
