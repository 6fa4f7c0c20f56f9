package intercom

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// told is a budget that knows its window: limit calls until ten seconds from now.
func told(t *testing.T, limit int, o BudgetOptions) (b *MemoryBudget, window int64) {
	t.Helper()
	b = NewMemoryBudget(o)
	take(t, b)
	window = 1_700_000_010
	b.Report(Usage{Answered: true, Status: 200, Limit: limit, Remaining: limit - 1, Reset: 10 * time.Second, Window: window, Taken: time.Now()})
	return b, window
}

func take(t *testing.T, b Budget) time.Time {
	t.Helper()
	if err := b.Take(t.Context(), PriorityAction); err != nil {
		t.Fatal(err)
	}
	return time.Now()
}

func answered(limit, remaining int, window int64, reset time.Duration, taken time.Time) Usage {
	return Usage{Answered: true, Status: 200, Limit: limit, Remaining: remaining, Window: window, Reset: reset, Taken: taken}
}

func TestMemoryBudget_waiters_are_served_by_priority_then_first_come(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewMemoryBudget(BudgetOptions{})
		held := take(t, b) // probing: everybody else waits for this one
		var mu sync.Mutex
		var order []string
		for _, w := range []struct {
			name string
			p    Priority
		}{
			{"sweep", PriorityBackground},
			{"look-up 1", PriorityRead},
			{"tag", PriorityAction},
			{"look-up 2", PriorityRead},
			{"reply 1", PriorityReply},
			{"reply 2", PriorityReply},
		} {
			go func() {
				if err := b.Take(t.Context(), w.p); err != nil {
					t.Error(err)
				}
				mu.Lock()
				order = append(order, w.name)
				mu.Unlock()
				// Without headers the answer of one lets the next go.
				b.Report(Usage{Answered: true, Status: 500, Limit: -1, Remaining: -1, Taken: time.Now()})
			}()
			synctest.Wait()
		}
		if n := b.State().Waiting; n != 6 {
			t.Errorf("%d waiting, want 6", n)
		}
		b.Report(Usage{Answered: true, Status: 500, Limit: -1, Remaining: -1, Taken: held})
		synctest.Wait()
		want := []string{"reply 1", "reply 2", "tag", "look-up 1", "look-up 2", "sweep"}
		if !slices.Equal(order, want) {
			t.Errorf("served %q, want %q", order, want)
		}
	})
}

func TestMemoryBudget_a_call_that_gives_up_waiting_frees_its_place(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, _ := told(t, 1, BudgetOptions{})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- b.Take(ctx, PriorityReply) }()
		second := make(chan error, 1)
		synctest.Wait()
		go func() { second <- b.Take(t.Context(), PriorityBackground) }()
		synctest.Wait()
		if n := b.State().Waiting; n != 2 {
			t.Fatalf("%d waiting, want 2", n)
		}
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("Take = %v, want the context's error", err)
		}
		start := time.Now()
		if err := <-second; err != nil {
			t.Error(err)
		}
		if waited := time.Since(start); waited > 11*time.Second {
			t.Errorf("the next waiter got its call after %v, want it in the next window", waited)
		}
		if n := b.State().Waiting; n != 0 {
			t.Errorf("%d waiting, want none", n)
		}
	})
}

func TestMemoryBudget_a_call_granted_as_its_caller_gives_up_goes_to_the_next(t *testing.T) {
	gaveUp := 0
	for range 300 {
		b := NewMemoryBudget(BudgetOptions{})
		failed := Usage{Answered: true, Status: 500, Limit: -1, Remaining: -1}
		take(t, b) // probing: everybody else waits for this one
		ctx, cancel := context.WithCancel(t.Context())
		first, second := make(chan error, 1), make(chan error, 1)
		wait := func(ctx context.Context, p Priority, done chan error, waiting int) {
			go func() { done <- b.Take(ctx, p) }()
			for b.State().Waiting < waiting {
				runtime.Gosched()
			}
		}
		wait(ctx, PriorityReply, first, 1)
		wait(t.Context(), PriorityRead, second, 2)
		cancel()
		b.Report(failed) // grants the first, unless it has noticed by now
		if err := <-first; err == nil {
			b.Report(failed)
		} else {
			gaveUp++
		}
		select {
		case err := <-second:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(5 * time.Second):
			t.Fatal("the next waiter never got a call")
		}
		b.mu.Lock()
		if b.inFlight != 1 {
			t.Errorf("%d in flight, want only the second", b.inFlight)
		}
		b.mu.Unlock()
	}
	if gaveUp == 0 {
		t.Error("nobody gave up: the test shows nothing")
	}
}

func TestMemoryBudget_Take_with_a_context_that_has_ended_takes_nothing(t *testing.T) {
	b := NewMemoryBudget(BudgetOptions{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := b.Take(ctx, PriorityReply); !errors.Is(err, context.Canceled) {
		t.Errorf("Take = %v", err)
	}
	if b.inFlight != 0 {
		t.Errorf("%d in flight", b.inFlight)
	}
}

func TestMemoryBudget_Report_I5_answers_out_of_order_take_the_highest_use(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, win := told(t, 10, BudgetOptions{})
		var taken []time.Time
		for range 5 {
			taken = append(taken, take(t, b))
		}
		// The last of five is answered first, then the others with older numbers.
		for _, remaining := range []int{4, 8, 5, 7, 6} {
			b.Report(answered(10, remaining, win, 10*time.Second, taken[0]))
		}
		// One is left alone in the first window, because nobody knows yet what others do.
		if got := b.State().Remaining; got != 4-1 {
			t.Errorf("remaining = %d, want one less than the 4 of the newest answer", got)
		}
	})
}

func TestMemoryBudget_Report_I5_calls_of_others_are_counted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, win := told(t, 1000, BudgetOptions{})
		at := take(t, b)
		b.Report(answered(1000, 700, win, 10*time.Second, at)) // two are ours
		// Three hundredths are left alone because others use the limit.
		if got, want := b.State().Remaining, 700-30; got != want {
			t.Errorf("remaining = %d, want %d", got, want)
		}
	})
}

func TestMemoryBudget_Report_I5_a_late_answer_from_the_last_window_spoils_nothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, win := told(t, 10, BudgetOptions{})
		late := take(t, b)
		for range 5 {
			b.Report(answered(10, 3, win, 10*time.Second, take(t, b)))
		}
		time.Sleep(10 * time.Second) // the next window
		inNew := take(t, b)
		b.Report(answered(10, 9, win+10, 10*time.Second, inNew))
		if _, spent := b.Spent(); spent {
			t.Error("spent at the start of a window")
		}
		before := b.State().Remaining
		b.Report(Usage{Answered: true, Status: 429, Limit: 10, Remaining: 0, Window: win, Reset: 0, Taken: late})
		s := b.State()
		if !s.PausedUntil.IsZero() {
			t.Error("a 429 of a window that has passed pauses the present one")
		}
		if s.Remaining < before {
			t.Errorf("remaining = %d after the late answer, want at least %d", s.Remaining, before)
		}
	})
}

func TestMemoryBudget_Report_I5_calls_in_flight_at_the_end_count_in_the_new_window_until_answered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, win := told(t, 10, BudgetOptions{})
		var taken []time.Time
		for range 6 {
			taken = append(taken, take(t, b))
		}
		time.Sleep(10*time.Second + time.Millisecond)
		granted := 0
		for range 10 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			if b.Take(ctx, PriorityAction) == nil {
				granted++
			}
			cancel()
		}
		if granted != 4 {
			t.Errorf("%d calls granted beside 6 in flight, want 4 of 10", granted)
		}
		// It turns out that they were counted in the old window.
		for _, at := range taken {
			b.Report(answered(10, 4, win, 0, at))
		}
		if got := b.State().Remaining; got != 6 {
			t.Errorf("remaining = %d, want 6: only 4 were sent in this window", got)
		}
	})
}

func TestMemoryBudget_Report_I5_an_answer_from_the_next_window_begins_it_at_once(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, win := told(t, 10, BudgetOptions{})
		slow := take(t, b)
		for i := range 7 {
			b.Report(answered(10, 8-i, win, 10*time.Second, take(t, b)))
		}
		time.Sleep(9200 * time.Millisecond) // the end is known to a second
		if _, spent := b.Spent(); !spent {
			t.Fatal("not spent")
		}
		b.Report(answered(10, 9, win+10, 10*time.Second, slow))
		if s := b.State(); s.Remaining != 9 || time.Until(s.ResetAt) > 10*time.Second {
			t.Errorf("%d remaining until %v from now, want 9 until 10s or less", s.Remaining, time.Until(s.ResetAt))
		}
	})
}

func TestMemoryBudget_Report_I5_the_end_of_the_window_is_narrowed_down(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, win := told(t, 100, BudgetOptions{}) // ends in 9 to 10 s
		check := func(want time.Duration) {
			t.Helper()
			if got := time.Until(b.State().ResetAt); got != want {
				t.Errorf("ends in %v, want %v", got, want)
			}
		}
		check(10 * time.Second)
		time.Sleep(300 * time.Millisecond)
		// The Date has moved on by a second: it ends in 8 to 9 s.
		b.Report(answered(100, 98, win, 9*time.Second, take(t, b)))
		check(9 * time.Second)
		// A slow answer, made some time ago, proves nothing new.
		b.Report(answered(100, 97, win, 10*time.Second, take(t, b).Add(-time.Second)))
		check(9 * time.Second)
		// But this one, made just now, ends in more than 13 s: the clock there was set.
		b.Report(answered(100, 96, win, 14*time.Second, take(t, b)))
		check(14 * time.Second)
	})
}

func TestMemoryBudget_Report_a_call_that_was_never_sent_costs_nothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, _ := told(t, 10, BudgetOptions{})
		before := b.State().Remaining
		at := take(t, b)
		b.Report(Usage{NotSent: true, Limit: -1, Remaining: -1, Taken: at})
		if got := b.State().Remaining; got != before {
			t.Errorf("remaining = %d, want %d", got, before)
		}
		at = take(t, b)
		b.Report(Usage{Limit: -1, Remaining: -1, Taken: at}) // no answer, but sent
		if got := b.State().Remaining; got != before-1 {
			t.Errorf("remaining = %d after a call without an answer, want %d", got, before-1)
		}
	})
}

func TestMemoryBudget_Report_I5_calls_without_an_answer_may_have_counted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, win := told(t, 10, BudgetOptions{})
		var last time.Time
		for range 8 { // one was used before, and one is left alone
			last = take(t, b)
			b.Report(Usage{Limit: -1, Remaining: -1, Taken: last})
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := b.Take(ctx, PriorityReply); err == nil {
			t.Error("a ninth call was granted")
		}
		if _, spent := b.Spent(); !spent {
			t.Error("not spent")
		}
		// A number that was counted after all of them tells what they really cost.
		b.mu.Lock()
		b.inFlight++
		b.win.ours++
		b.mu.Unlock()
		b.Report(answered(10, 5, win, 8*time.Second, time.Now()))
		if err := b.Take(t.Context(), PriorityReply); err != nil || time.Since(last) > 2*time.Second {
			t.Errorf("Take = %v after %v, want a call at once", err, time.Since(last))
		}
	})
}

func TestMemoryBudget_Report_numbers_that_cannot_be_meant_are_not_believed(t *testing.T) {
	for name, u := range map[string]Usage{
		"no answer, and zero everywhere": {},
		"a limit of 0":                   {Answered: true, Status: 200},
		"more remaining than the limit":  {Answered: true, Status: 200, Limit: 10, Remaining: 1000},
		"a reset next year":              {Answered: true, Status: 200, Limit: 10, Remaining: 9, Reset: 365 * 24 * time.Hour, Window: 1_800_000_000},
		"a Retry-After of a day":         {Answered: true, Status: 429, Limit: 10, Remaining: 9, Reset: time.Second, RetryAfter: 24 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, _ := told(t, 10, BudgetOptions{})
				u.Taken = take(t, b)
				b.Report(u)
				s := b.State()
				if s.Limit != 10 || time.Until(s.ResetAt) > 11*time.Second || time.Until(s.PausedUntil) > longestPause {
					t.Errorf("state %+v", s)
				}
				start := time.Now()
				take(t, b)
				if waited := time.Since(start); waited > longestPause {
					t.Errorf("the next call waited %v", waited)
				}
			})
		})
	}
}

func TestMemoryBudget_Report_without_a_time_works_too(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewMemoryBudget(BudgetOptions{})
		for i := range 8 {
			take(t, b)
			b.Report(Usage{Answered: true, Status: 200, Limit: 10, Remaining: 9 - i, Reset: 5 * time.Second})
		}
		if got := b.State(); got.Limit != 10 || got.Remaining != 2-1 {
			t.Errorf("state = %+v, want 2 of 10 left, and one of them alone", got)
		}
	})
}

func TestMemoryBudget_Spent_says_until_when(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, win := told(t, 3, BudgetOptions{})
		if _, spent := b.Spent(); spent {
			t.Error("spent with calls left")
		}
		at := take(t, b)
		b.Report(answered(3, 0, win, 7*time.Second, at))
		until, spent := b.Spent()
		if !spent || time.Until(until) != 7*time.Second {
			t.Errorf("Spent = %v from now, %v; want 7s, true", time.Until(until), spent)
		}
		time.Sleep(7 * time.Second)
		if until, spent := b.Spent(); spent {
			t.Errorf("still spent after the window, until %v from now", time.Until(until))
		}
	})
}

func TestMemoryBudget_Spent_when_the_rest_is_in_flight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, _ := told(t, 10, BudgetOptions{})
		for range 8 { // and one before, and one is left alone
			take(t, b)
		}
		if until, spent := b.Spent(); !spent || time.Until(until) != 10*time.Second {
			t.Errorf("Spent = %v, %v; want spent whatever the answers say", time.Until(until), spent)
		}
		// In the next window they may turn out to belong to the last one.
		time.Sleep(10*time.Second + time.Millisecond)
		take(t, b)
		take(t, b)
		if until, spent := b.Spent(); spent {
			t.Errorf("spent until %v from now with two of ten sent in this window", time.Until(until))
		}
	})
}

// With calls in flight nothing can be granted for the moment, but their answers may allow
// more within milliseconds: a queue that slept until the reset would waste the window.
func TestMemoryBudget_Spent_is_not_yet_true_while_answers_may_allow_more(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, win := told(t, 20, BudgetOptions{})
		var taken []time.Time
		for range 10 {
			taken = append(taken, take(t, b))
		}
		// Two answers show that all ten were counted already.
		b.Report(answered(20, 9, win, 10*time.Second, taken[0]))
		b.Report(answered(20, 9, win, 10*time.Second, taken[1]))
		if until, spent := b.Spent(); spent {
			t.Errorf("spent until %v from now with 8 calls unanswered and 9 left", time.Until(until))
		}
	})
}

func TestMemoryBudget_leaves_no_timer_and_no_goroutine_behind(t *testing.T) {
	// synctest fails when a goroutine of the bubble is still blocked at its end; a timer that
	// still ran would keep a waiter.
	synctest.Test(t, func(t *testing.T) {
		b, _ := told(t, 1, BudgetOptions{})
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
				defer cancel()
				if err := b.Take(ctx, PriorityRead); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("Take = %v, want it to give up", err)
				}
			})
		}
		wg.Wait()
		b.mu.Lock()
		defer b.mu.Unlock()
		if len(b.waiting) != 0 || !b.timerAt.IsZero() {
			t.Errorf("%d waiting, timer at %v; want neither", len(b.waiting), b.timerAt)
		}
	})
}

func TestMemoryBudget_concurrent_use(t *testing.T) {
	b := NewMemoryBudget(BudgetOptions{})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 50 {
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				if b.Take(ctx, PriorityRead) == nil {
					b.State()
					b.Report(answered(1_000_000, 999_000, 1_700_000_010, 10*time.Second, time.Now()))
				}
				cancel()
			}
		})
	}
	wg.Wait()
	if b.inFlight != 0 {
		t.Errorf("%d in flight at the end", b.inFlight)
	}
}

func TestWindow_I5_something_can_always_be_sent_in_a_new_window(t *testing.T) {
	for limit := range 200 {
		for _, w := range []window{
			{limit: limit + 1},
			{limit: limit + 1, before: limit + 1, watched: true},
			{limit: limit + 1, others: 1, before: 1, watched: true, sure: true},
		} {
			if free := w.free(0, limit+1); free < 1 {
				t.Errorf("%+v: %d free", w, free)
			}
		}
	}
}

func TestBudgetOptions_Validate(t *testing.T) {
	for _, share := range []float64{0, 0.01, 1} {
		if err := (BudgetOptions{Share: share}).Validate(); err != nil {
			t.Errorf("share %v: %v", share, err)
		}
	}
	for _, share := range []float64{-0.1, 1.1} {
		if err := (BudgetOptions{Share: share}).Validate(); err == nil {
			t.Errorf("share %v is accepted", share)
		}
	}
}

func TestMetrics_names_and_help(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	b := NewMemoryBudget(BudgetOptions{Registerer: reg})
	api := newFakeAPI(100)
	c := newTestClient(t, Options{BaseURL: "https://api.test", HTTP: httpClient(api), Budget: b, Registerer: reg})
	if _, err := c.Me(t.Context()); err != nil {
		t.Fatal(err)
	}
	problems, err := testutil.GatherAndLint(reg)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	want := `
# HELP switchboard_api_calls_total Calls of Intercom's API, by endpoint and status of the answer (none: no answer).
# TYPE switchboard_api_calls_total counter
switchboard_api_calls_total{endpoint="GET /me",status="200"} 1
# HELP switchboard_budget_limit API calls that Intercom allows in one rate-limit window.
# TYPE switchboard_budget_limit gauge
switchboard_budget_limit 100
# HELP switchboard_rate_limited_total API calls that Intercom refused with status 429.
# TYPE switchboard_rate_limited_total counter
switchboard_rate_limited_total 0
`
	if err := testutil.GatherAndCompare(reg, strings.NewReader(want),
		"switchboard_api_calls_total", "switchboard_budget_limit", "switchboard_rate_limited_total"); err != nil {
		t.Error(err)
	}
	for _, name := range []string{"switchboard_api_call_seconds", "switchboard_budget_remaining", "switchboard_budget_wait_seconds"} {
		if n, err := testutil.GatherAndCount(reg, name); err != nil || n == 0 {
			t.Errorf("%s: %d series, %v", name, n, err)
		}
	}
}

func TestStatusLabel_has_few_values(t *testing.T) {
	for status, want := range map[int]string{0: "none", 200: "200", 418: "4xx", 599: "5xx", 301: "3xx", 999: "other", -1: "other"} {
		if got := statusLabel(status); got != want {
			t.Errorf("statusLabel(%d) = %q, want %q", status, got, want)
		}
	}
}
