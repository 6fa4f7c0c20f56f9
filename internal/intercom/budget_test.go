package intercom

import (
	"cmp"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// usage checks the windows of a backlog: nothing refused, and each window from the second to
// the last but one used to at least the given part.
func (f *fakeAPI) usage(t *testing.T, least float64) {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	first, last := int64(1<<62), int64(0)
	for n, w := range f.windows {
		if w.overruns > 0 {
			t.Errorf("window %d: %d calls refused with 429 (limit %d, ours %d, others %d)", n, w.overruns, w.limit, w.ours, w.others)
		}
		if w.ours > 0 {
			first, last = min(first, n), max(last, n)
		}
	}
	full := 0
	for n := first + 1; n < last; n++ {
		w := f.windows[n]
		if w == nil {
			t.Errorf("window %d was not used at all", n)
			continue
		}
		full++
		if part := float64(w.used()) / float64(w.limit); part < least {
			t.Errorf("window %d: %d of %d calls used (%.1f %%), want at least %.0f %%", n, w.used(), w.limit, 100*part, 100*least)
		}
	}
	if full == 0 {
		t.Error("no full window: the test shows nothing")
	}
}

func TestMemoryBudget_I5_a_backlog_uses_the_windows_up_without_a_429(t *testing.T) {
	tests := []struct {
		name    string
		limit   int
		calls   int
		workers int
		slowest time.Duration
		others  time.Duration // between calls of another app; 0: none
		random  bool          // the others come at random times
		least   float64       // of each full window; 0: 95 %
		seeds   uint64        // 0: 6
	}{
		{name: "167 per window and 16 workers", limit: 167, calls: 1000, workers: 16, slowest: 300 * time.Millisecond},
		{name: "83 per window", limit: 83, calls: 500, workers: 16, slowest: 300 * time.Millisecond},
		{name: "1667 per window and 128 workers", limit: 1667, calls: 5500, workers: 128, slowest: 300 * time.Millisecond, seeds: 1},
		{name: "more workers than calls", limit: 20, calls: 200, workers: 64, slowest: 300 * time.Millisecond},
		{name: "one call per window", limit: 1, calls: 6, workers: 4, slowest: 300 * time.Millisecond},
		{name: "slow answers", limit: 40, calls: 300, workers: 16, slowest: 4 * time.Second, least: 0.9},
		// Here the workers are the limit. What is shown is that calls which last over the end
		// of a window are counted in neither too few nor too many.
		{name: "calls that last as long as a window", limit: 30, calls: 200, workers: 16, slowest: 9 * time.Second, least: 0.3},
		{name: "another app takes a fifth", limit: 167, calls: 1000, workers: 16, slowest: 300 * time.Millisecond, others: 300 * time.Millisecond},
		{name: "another app takes some at random", limit: 167, calls: 1000, workers: 16, slowest: 300 * time.Millisecond, others: 500 * time.Millisecond, random: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for seed := range cmp.Or(tt.seeds, 6) {
				synctest.Test(t, func(t *testing.T) {
					r := rand.New(rand.NewPCG(seed, 1))
					api := newFakeAPI(tt.limit)
					api.latency = randomLatency(r, 5*time.Millisecond, tt.slowest)
					// Windows begin at a random moment of ours, on a clock that is far off.
					api.clock = time.Duration(r.Int64N(int64(2*time.Hour))) - time.Hour
					stop := make(chan struct{})
					if tt.others > 0 {
						go otherApp(api, rand.New(rand.NewPCG(seed, 2)), tt.others, tt.random, stop)
					}
					c := api.client(t, NewMemoryBudget(BudgetOptions{}))
					backlog(t.Context(), t, c, tt.workers, tt.calls)
					close(stop)
					synctest.Wait()
					api.usage(t, cmp.Or(tt.least, 0.95))
				})
				if t.Failed() {
					t.Fatalf("with seed %d", seed)
				}
			}
		})
	}
}

func otherApp(api *fakeAPI, r *rand.Rand, every time.Duration, random bool, stop chan struct{}) {
	for {
		wait := every
		if random {
			wait = time.Duration(r.ExpFloat64() * float64(every))
		}
		select {
		case <-stop:
			return
		case <-time.After(wait):
			api.byOthers()
		}
	}
}

func TestMemoryBudget_I5_a_process_that_just_started_sends_one_call_at_a_time(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := newFakeAPI(50)
		api.latency = func() (time.Duration, time.Duration) { return 100 * time.Millisecond, 100 * time.Millisecond }
		// A process before this one spent nearly everything.
		for range 48 {
			api.byOthers()
		}
		c := api.client(t, NewMemoryBudget(BudgetOptions{}))
		go func() {
			time.Sleep(150 * time.Millisecond)
			api.mu.Lock()
			defer api.mu.Unlock()
			if api.busiest != 1 {
				t.Errorf("%d calls in flight before the first answer, want 1", api.busiest)
			}
		}()
		if refused := backlog(t.Context(), t, c, 16, 60); refused != 0 {
			t.Errorf("%d calls refused", refused)
		}
		if api.busiest < 8 {
			t.Errorf("at most %d calls in flight, want the workers busy after the first answer", api.busiest)
		}
	})
}

func TestMemoryBudget_I5_a_429_pauses_everything_until_the_reset(t *testing.T) {
	tests := []struct {
		name    string
		headers func(h http.Header, reset, now time.Time)
		least   time.Duration
		most    time.Duration
	}{
		{"until X-RateLimit-Reset", nil, 6 * time.Second, 7100 * time.Millisecond},
		{"Retry-After beyond the reset", func(h http.Header, _, _ time.Time) { h.Set("Retry-After", "9") }, 9 * time.Second, 9100 * time.Millisecond},
		{"Retry-After as a date", func(h http.Header, _, now time.Time) {
			h.Set("Retry-After", now.Add(12*time.Second).UTC().Format(http.TimeFormat))
		}, 11 * time.Second, 12100 * time.Millisecond},
		{"a reset in the past", func(h http.Header, _, now time.Time) {
			h.Set("X-RateLimit-Reset", strconv.FormatInt(now.Unix()-3, 10))
		}, time.Second, 10 * time.Second},
		{"no reset at all", func(h http.Header, _, _ time.Time) { h.Del("X-RateLimit-Reset") }, time.Second, 10 * time.Second},
		{"a reset that cannot be meant", func(h http.Header, _, now time.Time) {
			h.Set("X-RateLimit-Reset", strconv.FormatInt(now.UnixMilli(), 10))
		}, time.Second, 10 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				api := newFakeAPI(10)
				api.clock = 3500 * time.Millisecond // 6.5 s remain
				api.headers = tt.headers
				for range 10 {
					api.byOthers()
				}
				b := NewMemoryBudget(BudgetOptions{})
				c := api.client(t, b)
				_, err := c.Me(t.Context())
				if ClassOf(err) != RateLimited {
					t.Fatalf("first call: %v, want it rate limited", err)
				}
				start := time.Now()
				if until, spent := b.Spent(); !spent || until.Before(start.Add(time.Second)) {
					t.Errorf("Spent = %v, %v; want spent for at least a second", until.Sub(start), spent)
				}
				api.setLimit(1000) // so that the second call tells only of the pause
				if _, err := c.Me(t.Context()); err != nil {
					t.Fatal(err)
				}
				if waited := time.Since(start); waited < tt.least || waited > tt.most {
					t.Errorf("next call after %v, want %v to %v", waited, tt.least, tt.most)
				}
			})
		})
	}
}

func TestMemoryBudget_I5_after_a_429_one_call_finds_out_before_the_others_follow(t *testing.T) {
	for _, headers := range []bool{true, false} {
		t.Run(fmt.Sprintf("headers %v", headers), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				// For a while nothing but 429 although the app's own limit is far: the workspace
				// has a limit too.
				start := time.Now()
				refused := 0
				api := newFakeAPI(100_000)
				api.noHeaders = func(int) bool { return !headers }
				c := newTestClient(t, Options{BaseURL: "https://api.test", Budget: NewMemoryBudget(BudgetOptions{}), HTTP: httpClient(roundTrip(func(r *http.Request) (*http.Response, error) {
					time.Sleep(50 * time.Millisecond)
					resp, err := api.RoundTrip(r)
					if since := time.Since(start); since > 4*time.Second && since < 59*time.Second {
						resp.StatusCode = 429
						api.mu.Lock()
						refused++
						api.mu.Unlock()
					}
					return resp, err
				}))})
				backlog(t.Context(), t, c, 16, 1600)
				// Sixteen calls can be on their way at the first refusal. Then it is one at a
				// time: after each reset, or after 1, 2, 4, 8 and 10 seconds.
				if most := 16 + 9; refused < 16 || refused > most {
					t.Errorf("%d calls refused in 55 seconds, want 16 to %d", refused, most)
				}
			})
		})
	}
}

func TestMemoryBudget_I6_refused_credentials_pause_everything_for_a_minute(t *testing.T) {
	for _, refusal := range []struct {
		status int
		body   string
	}{
		{401, `{"errors":[{"code":"token_revoked","message":"Token revoked"}]}`},
		{403, `{"errors":[{"code":"api_plan_restricted","message":"Active subscription needed."}]}`},
		{302, ""},
	} {
		t.Run(fmt.Sprint(refusal.status), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				api := newFakeAPI(100)
				refused := 0
				b := NewMemoryBudget(BudgetOptions{})
				c := newTestClient(t, Options{BaseURL: "https://api.test", Budget: b, HTTP: httpClient(roundTrip(func(r *http.Request) (*http.Response, error) {
					time.Sleep(50 * time.Millisecond)
					if time.Since(start) > 5*time.Minute { // somebody has put it right
						return api.RoundTrip(r)
					}
					api.mu.Lock()
					refused++
					api.mu.Unlock()
					return &http.Response{StatusCode: refusal.status, Header: http.Header{}, Request: r, Body: io.NopCloser(strings.NewReader(refusal.body))}, nil
				}))})
				var wg sync.WaitGroup
				for range 16 {
					wg.Go(func() {
						for {
							if _, err := c.Me(t.Context()); err == nil {
								return
							} else if ClassOf(err) != Credential {
								t.Errorf("class %v: %v", ClassOf(err), err)
								return
							}
							if until, spent := b.Spent(); !spent || b.State().Trouble == "" {
								t.Errorf("spent %v until %v, trouble %q", spent, time.Until(until), b.State().Trouble)
							}
						}
					})
				}
				wg.Wait()
				if refused < 5 || refused > 6 {
					t.Errorf("%d calls refused in five minutes, want one a minute", refused)
				}
				if s := b.State(); s.Trouble != "" || !s.PausedUntil.IsZero() {
					t.Errorf("state %+v after a call succeeded", s)
				}
			})
		})
	}
}

// Windows counted from our own clock begin in the midst of Intercom's.
func TestMemoryBudget_I5_with_unknown_bounds_one_call_looks_before_each_window(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := newFakeAPI(100)
		api.latency = func() (time.Duration, time.Duration) { return 20 * time.Millisecond, 20 * time.Millisecond }
		api.clock = 4 * time.Second // Intercom's windows begin 6 s after ours
		api.headers = func(h http.Header, _, _ time.Time) { h.Del("X-RateLimit-Reset") }
		c := api.client(t, NewMemoryBudget(BudgetOptions{}))
		if refused := backlog(t.Context(), t, c, 1, 1); refused != 0 {
			t.Fatal("refused at once")
		}
		time.Sleep(9 * time.Second)
		if refused := backlog(t.Context(), t, c, 16, 95); refused != 0 {
			t.Errorf("%d calls refused", refused)
		}
		time.Sleep(800 * time.Millisecond) // our next window, but still the same one of Intercom's
		if refused := backlog(t.Context(), t, c, 16, 50); refused != 0 {
			t.Errorf("%d calls refused", refused)
		}
	})
}

func TestMemoryBudget_I5_without_reset_headers_windows_are_counted_on_our_own_clock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := newFakeAPI(100)
		api.latency = randomLatency(rand.New(rand.NewPCG(1, 1)), 5*time.Millisecond, 300*time.Millisecond)
		api.clock = 4 * time.Second
		api.headers = func(h http.Header, _, _ time.Time) { h.Del("X-RateLimit-Reset") }
		c := api.client(t, NewMemoryBudget(BudgetOptions{}))
		start := time.Now()
		if refused := backlog(t.Context(), t, c, 16, 500); refused > 5 {
			t.Errorf("%d calls refused, want at most one for each window", refused)
		}
		if took := time.Since(start); took > 110*time.Second {
			t.Errorf("took %v", took)
		}
	})
}

func TestMemoryBudget_I5_a_reset_that_is_always_past_stops_nothing_and_floods_nobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := newFakeAPI(100)
		api.latency = randomLatency(rand.New(rand.NewPCG(1, 1)), 5*time.Millisecond, 300*time.Millisecond)
		api.clock = 4 * time.Second
		api.headers = func(h http.Header, reset, _ time.Time) {
			h.Set("X-RateLimit-Reset", strconv.FormatInt(reset.Unix()-10, 10)) // the start of the window
		}
		c := api.client(t, NewMemoryBudget(BudgetOptions{}))
		start := time.Now()
		if refused := backlog(t.Context(), t, c, 16, 500); refused > 5 {
			t.Errorf("%d calls refused, want at most one for each window", refused)
		}
		if took := time.Since(start); took > 110*time.Second {
			t.Errorf("took %v", took)
		}
	})
}

func TestMemoryBudget_I5_answers_without_headers_in_between_change_nothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := newFakeAPI(167)
		api.latency = randomLatency(rand.New(rand.NewPCG(7, 1)), 5*time.Millisecond, 300*time.Millisecond)
		api.clock = 1234 * time.Millisecond
		api.noHeaders = func(n int) bool { return n%3 == 1 }
		c := api.client(t, NewMemoryBudget(BudgetOptions{}))
		backlog(t.Context(), t, c, 16, 1000)
		api.usage(t, 0.95)
	})
}

func TestMemoryBudget_I5_a_limit_that_changes_is_followed(t *testing.T) {
	for _, limits := range [][2]int{{167, 83}, {83, 167}, {1667, 20}} {
		t.Run(fmt.Sprintf("%d to %d", limits[0], limits[1]), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				api := newFakeAPI(limits[0])
				api.latency = randomLatency(rand.New(rand.NewPCG(3, 1)), 5*time.Millisecond, 300*time.Millisecond)
				api.clock = 700 * time.Millisecond
				b := NewMemoryBudget(BudgetOptions{})
				c := api.client(t, b)
				ctx := t.Context()
				backlog(ctx, t, c, 16, limits[0])
				// The change comes while a window has just begun.
				time.Sleep(time.Until(b.State().ResetAt) + 20*time.Millisecond)
				api.setLimit(limits[1])
				backlog(ctx, t, c, 16, 5*limits[1])
				api.usage(t, 0)
				if got := b.State().Limit; got != limits[1] {
					t.Errorf("limit = %d, want %d", got, limits[1])
				}
			})
		})
	}
}

func TestMemoryBudget_I5_a_share_is_left_for_other_apps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := newFakeAPI(100)
		api.latency = randomLatency(rand.New(rand.NewPCG(3, 1)), 5*time.Millisecond, 300*time.Millisecond)
		stop := make(chan struct{})
		go otherApp(api, nil, 200*time.Millisecond, false, stop) // 50 per window
		c := api.client(t, NewMemoryBudget(BudgetOptions{Share: 0.4}))
		backlog(t.Context(), t, c, 16, 300)
		close(stop)
		api.mu.Lock()
		defer api.mu.Unlock()
		most := 0
		for n, w := range api.windows {
			if w.ours > 40 {
				t.Errorf("window %d: %d calls of ours, want at most 40", n, w.ours)
			}
			most = max(most, w.ours)
		}
		if most < 38 {
			t.Errorf("at most %d calls in a window, want the share of 40 used", most)
		}
	})
}

func TestMemoryBudget_I5_after_an_idle_hour_the_windows_still_fit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := newFakeAPI(50)
		api.latency = randomLatency(rand.New(rand.NewPCG(3, 1)), 5*time.Millisecond, 100*time.Millisecond)
		api.clock = 3 * time.Second
		c := api.client(t, NewMemoryBudget(BudgetOptions{}))
		for range 4 {
			backlog(t.Context(), t, c, 16, 260)
			time.Sleep(time.Hour + 1234*time.Millisecond)
		}
		for n, w := range api.windows {
			if w.overruns > 0 {
				t.Errorf("window %d: %d calls refused", n, w.overruns)
			}
		}
	})
}

func TestMemoryBudget_I5_a_server_clock_that_is_set_is_noticed(t *testing.T) {
	for _, by := range []time.Duration{-7 * time.Second, -25 * time.Second, 7 * time.Second, time.Hour} {
		t.Run(by.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				api := newFakeAPI(50)
				api.latency = randomLatency(rand.New(rand.NewPCG(3, 1)), 5*time.Millisecond, 100*time.Millisecond)
				c := api.client(t, NewMemoryBudget(BudgetOptions{}))
				ctx := t.Context()
				backlog(ctx, t, c, 16, 120)
				api.mu.Lock()
				api.clock += by
				clear(api.windows)
				api.mu.Unlock()
				backlog(ctx, t, c, 16, 60) // it may be wrong once
				api.mu.Lock()
				clear(api.windows)
				api.mu.Unlock()
				time.Sleep(20 * time.Second)
				backlog(ctx, t, c, 16, 260)
				api.usage(t, 0.95)
			})
		})
	}
}
