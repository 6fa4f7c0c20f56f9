package intercom

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// memoryState is a SharedState in memory, on a clock that is far from ours. Who changes it takes
// some time, as with a database.
type memoryState struct {
	turn    chan struct{} // not a mutex: those who wait for one keep the time of a bubble from going on
	texts   map[string][]byte
	ahead   time.Duration
	latency func() time.Duration
	rounds  int
	writes  int
	longest int // text
}

func newMemoryState(ahead time.Duration) *memoryState {
	return &memoryState{turn: make(chan struct{}, 1), texts: map[string][]byte{}, ahead: ahead}
}

func (s *memoryState) Update(ctx context.Context, workspace string, fn func([]byte, time.Time) ([]byte, error)) error {
	if err := s.travel(ctx); err != nil {
		return err
	}
	select {
	case s.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-s.turn }()
	s.rounds++
	next, err := fn(s.texts[workspace], time.Now().Add(s.ahead))
	if err == nil && next != nil {
		s.texts[workspace] = next
		s.writes++
		s.longest = max(s.longest, len(next))
	}
	return errors.Join(err, s.travel(ctx))
}

func (s *memoryState) travel(ctx context.Context) error {
	if s.latency == nil {
		return ctx.Err()
	}
	return pause(ctx, s.latency())
}

// storeLatency is 1 to 20 ms for a round.
func storeLatency(seed uint64) func() time.Duration {
	r := rand.New(rand.NewPCG(seed, 7))
	var mu sync.Mutex
	return func() time.Duration {
		mu.Lock()
		defer mu.Unlock()
		return 500*time.Microsecond + time.Duration(r.Int64N(int64(9500*time.Microsecond)))
	}
}

// link is how one replica reaches the state.
type link struct {
	SharedState
	// before and after, if set, say whether a round fails before or after it was kept.
	before, after func(ctx context.Context) error
}

func (l *link) Update(ctx context.Context, workspace string, fn func([]byte, time.Time) ([]byte, error)) error {
	if l.before != nil {
		if err := l.before(ctx); err != nil {
			return err
		}
	}
	err := l.SharedState.Update(ctx, workspace, fn)
	if err == nil && l.after != nil {
		err = l.after(ctx)
	}
	return err
}

func newShared(t *testing.T, state SharedState) *SharedBudget {
	t.Helper()
	b := NewSharedBudget(SharedOptions{State: state, Workspace: "app"})
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		_ = b.Close(ctx)
	})
	return b
}

// together has a backlog of calls made by workers of several clients.
func together(ctx context.Context, t *testing.T, workers, calls int, clients ...*Client) {
	t.Helper()
	var all sync.WaitGroup
	for _, c := range clients {
		all.Go(func() { backlog(ctx, t, c, workers, calls/len(clients)) })
	}
	all.Wait()
}

// rest waits until nobody does anything any more.
func rest() {
	time.Sleep(time.Second)
	synctest.Wait()
}

func (f *fakeAPI) overruns() (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, w := range f.windows {
		n += w.overruns
	}
	return n
}

func TestSharedBudget_I5_three_replicas_use_the_windows_up_without_a_429(t *testing.T) {
	tests := []struct {
		name    string
		limit   int
		calls   int
		workers int
		slowest time.Duration
		others  time.Duration
		random  bool
		least   float64
		seeds   uint64
	}{
		{name: "167 per window and 16 workers each", limit: 167, calls: 1500, workers: 16, slowest: 300 * time.Millisecond},
		{name: "83 per window", limit: 83, calls: 600, workers: 16, slowest: 300 * time.Millisecond, seeds: 3},
		{name: "1667 per window and 64 workers each", limit: 1667, calls: 6000, workers: 64, slowest: 300 * time.Millisecond, seeds: 1},
		{name: "more workers than calls", limit: 20, calls: 150, workers: 32, slowest: 300 * time.Millisecond, seeds: 3},
		{name: "slow answers", limit: 40, calls: 300, workers: 8, slowest: 4 * time.Second, least: 0.9, seeds: 3},
		{name: "another app takes a fifth", limit: 167, calls: 900, workers: 16, slowest: 300 * time.Millisecond, others: 300 * time.Millisecond, seeds: 3},
		{name: "another app takes some at random", limit: 167, calls: 900, workers: 16, slowest: 300 * time.Millisecond, others: 500 * time.Millisecond, random: true, seeds: 3},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for seed := range cmp.Or(tt.seeds, 6) {
				synctest.Test(t, func(t *testing.T) {
					r := rand.New(rand.NewPCG(seed, 1))
					api := newFakeAPI(tt.limit)
					api.latency = randomLatency(r, 5*time.Millisecond, tt.slowest)
					api.clock = time.Duration(r.Int64N(int64(2*time.Hour))) - time.Hour
					state := newMemoryState(time.Duration(r.Int64N(int64(20*time.Minute))) - 10*time.Minute)
					state.latency = storeLatency(seed)
					stop := make(chan struct{})
					if tt.others > 0 {
						go otherApp(api, rand.New(rand.NewPCG(seed, 2)), tt.others, tt.random, stop)
					}
					var clients []*Client
					for range 3 {
						clients = append(clients, api.client(t, newShared(t, state)))
					}
					together(t.Context(), t, tt.workers, tt.calls, clients...)
					close(stop)
					rest()
					api.usage(t, cmp.Or(tt.least, 0.95))
					if state.writes > 3*tt.calls {
						t.Errorf("%d writes for %d calls", state.writes, tt.calls)
					}
					t.Logf("seed %d: %d rounds, %d writes, %d bytes at most", seed, state.rounds, state.writes, state.longest)
				})
				if t.Failed() {
					t.Fatalf("with seed %d", seed)
				}
			}
		})
	}
}

// The checker is worth something: replicas that do not share a budget exceed it.
func TestSharedBudget_I5_replicas_with_a_budget_each_get_429s(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := newFakeAPI(167)
		api.latency = randomLatency(rand.New(rand.NewPCG(1, 1)), 5*time.Millisecond, 300*time.Millisecond)
		var clients []*Client
		for range 3 {
			clients = append(clients, api.client(t, newShared(t, newMemoryState(0))))
		}
		together(t.Context(), t, 16, 600, clients...)
		rest()
		if api.overruns() == 0 {
			t.Error("no 429 although nothing was shared: the other tests show nothing")
		}
	})
}

func TestSharedBudget_I5_failing_rounds_cost_nothing_but_time(t *testing.T) {
	for seed := range uint64(6) {
		synctest.Test(t, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 1))
			var mu sync.Mutex
			start := time.Now()
			random := func(n int) int {
				mu.Lock()
				defer mu.Unlock()
				return r.IntN(n)
			}
			fail := func(ctx context.Context) error {
				if since := time.Since(start); since > 12*time.Second && since < 19*time.Second {
					return errors.New("connection refused")
				}
				switch random(60) {
				case 0, 1:
					return errors.New("connection reset")
				case 2:
					<-ctx.Done() // neither answer nor error
					return ctx.Err()
				}
				return nil
			}
			api := newFakeAPI(167)
			api.latency = randomLatency(rand.New(rand.NewPCG(seed, 2)), 5*time.Millisecond, 300*time.Millisecond)
			state := newMemoryState(7 * time.Minute)
			state.latency = storeLatency(seed)
			var clients []*Client
			for range 3 {
				clients = append(clients, api.client(t, newShared(t, &link{SharedState: state, before: fail, after: fail})))
			}
			together(t.Context(), t, 16, 1200, clients...)
			rest()
			if n := api.overruns(); n > 0 {
				t.Errorf("%d calls refused", n)
			}
			// 1,200 calls are 8 windows; the outage takes one, rounds without an answer a good part.
			if took := time.Since(start); took > 150*time.Second {
				t.Errorf("it took %v", took)
			}
		})
		if t.Failed() {
			t.Fatalf("with seed %d", seed)
		}
	}
}

func TestSharedBudget_I5_nothing_is_sent_while_the_state_cannot_be_reached(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := newFakeAPI(50)
		var down atomic.Bool
		down.Store(true)
		l := &link{SharedState: newMemoryState(0), before: func(context.Context) error {
			if down.Load() {
				return errors.New("connection refused")
			}
			return nil
		}}
		c := api.client(t, newShared(t, l))
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if _, err := c.Me(ctx); !errors.Is(err, context.DeadlineExceeded) || api.calls != 0 {
			t.Errorf("%d calls sent, error %v; want none, and the context's error", api.calls, err)
		}
		time.AfterFunc(10*time.Second, func() { down.Store(false) })
		start := time.Now()
		if _, err := c.Me(t.Context()); err != nil || time.Since(start) > 12*time.Second {
			t.Errorf("after the outage: %v after %v", err, time.Since(start))
		}
	})
}

// A replica dies in the midst of a window with calls on their way: they count, and what it held
// is used by the others again.
func TestSharedBudget_I5_a_dead_replica_takes_nothing_with_it(t *testing.T) {
	for seed := range uint64(6) {
		synctest.Test(t, func(t *testing.T) {
			api := newFakeAPI(167)
			api.latency = randomLatency(rand.New(rand.NewPCG(seed, 2)), 5*time.Millisecond, 300*time.Millisecond)
			api.clock = time.Duration(seed) * 1700 * time.Millisecond
			state := newMemoryState(-3 * time.Minute)
			state.latency = storeLatency(seed)
			life, die := context.WithCancel(t.Context())
			dead := func(context.Context) error { return life.Err() }
			mortal := newShared(t, &link{SharedState: state, before: dead, after: dead})
			// Its requests that are out arrive; nobody is there to hear the answer.
			reckless := roundTrip(func(req *http.Request) (*http.Response, error) {
				return api.RoundTrip(req.WithContext(context.WithoutCancel(req.Context())))
			})
			for range 16 {
				c := newTestClient(t, Options{BaseURL: "https://api.test", HTTP: httpClient(reckless), Budget: mortal})
				go func() {
					for life.Err() == nil {
						_, _ = c.Me(life)
					}
				}()
			}
			time.AfterFunc(14*time.Second+time.Duration(seed)*time.Second, die)
			together(t.Context(), t, 16, 1200, api.client(t, newShared(t, state)), api.client(t, newShared(t, state)))
			rest()
			api.usage(t, 0.95)
		})
		if t.Failed() {
			t.Fatalf("with seed %d", seed)
		}
	}
}

// A replica is stopped between Take and sending, for longer than the others reckon with its calls.
func TestSharedBudget_I5_a_replica_that_was_stopped_sends_nothing_on_old_permits(t *testing.T) {
	var stopped atomic.Int32
	for seed := range uint64(6) {
		synctest.Test(t, func(t *testing.T) {
			api := newFakeAPI(167)
			api.latency = randomLatency(rand.New(rand.NewPCG(seed, 2)), 5*time.Millisecond, 300*time.Millisecond)
			state := newMemoryState(2 * time.Minute)
			state.latency = storeLatency(seed)
			var sentLate atomic.Int32
			var from atomic.Pointer[time.Time] // when it is stopped
			start := time.Now()
			freeze := func(context.Context) error {
				if at := from.Load(); at != nil && time.Since(*at) >= 0 {
					time.Sleep(time.Until(at.Add(40 * time.Second)))
				}
				return nil
			}
			frozen := newShared(t, &link{SharedState: state, before: freeze, after: freeze})
			c := newTestClient(t, Options{BaseURL: "https://api.test", Budget: frozen, HTTP: httpClient(roundTrip(func(req *http.Request) (*http.Response, error) {
				if at, ok := req.Context().Value(sentKey{}).(*time.Time); ok && time.Since(*at) > permitAge {
					sentLate.Add(1)
				}
				return api.RoundTrip(req)
			}))})
			var all sync.WaitGroup
			for range 16 {
				all.Go(func() {
					for range 30 {
						var told time.Time
						ctx := context.WithValue(t.Context(), sentKey{}, &told)
						ctx = WithTrace(ctx, &Trace{BeforeSend: func(ctx context.Context, _, _ string) error {
							told = time.Now()
							if soon := told.Add(10 * time.Millisecond); told.Sub(start) > time.Duration(12+seed)*time.Second {
								from.CompareAndSwap(nil, &soon)
							}
							time.Sleep(20 * time.Millisecond) // it records the attempt
							_ = freeze(ctx)
							if time.Since(told) > permitAge {
								stopped.Add(1)
							}
							return nil
						}})
						if _, err := c.Open(ctx, "1", "2"); err != nil {
							t.Error(err)
						}
						time.Sleep(rand.N(time.Second))
					}
				})
			}
			together(t.Context(), t, 16, 1200, api.client(t, newShared(t, state)), api.client(t, newShared(t, state)))
			all.Wait()
			rest()
			if n := api.overruns(); n > 0 {
				t.Errorf("%d calls refused", n)
			}
			if n := sentLate.Load(); n > 0 {
				t.Errorf("%d calls sent on permits that were too old", n)
			}
		})
		if t.Failed() {
			t.Fatalf("with seed %d", seed)
		}
	}
	if stopped.Load() == 0 {
		t.Error("nothing was stopped: the test shows nothing")
	}
}

type sentKey struct{}

func TestSharedBudget_I5_one_call_at_a_time_across_replicas_until_the_first_answer(t *testing.T) {
	for _, refuse := range []bool{false, true} {
		t.Run(fmt.Sprintf("after a 429 %v", refuse), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				api := newFakeAPI(50)
				api.clock = 5 * time.Second
				api.latency = func() (time.Duration, time.Duration) { return 100 * time.Millisecond, 400 * time.Millisecond }
				want := int32(1)
				if refuse {
					for range 50 {
						api.byOthers()
					}
					want = 2 // the one that is refused, and one that finds out
				}
				state := newMemoryState(time.Minute)
				state.latency = storeLatency(1)
				var early atomic.Int32
				var answered atomic.Bool
				var clients []*Client
				for range 3 {
					clients = append(clients, newTestClient(t, Options{
						BaseURL: "https://api.test", Budget: newShared(t, state),
						HTTP: httpClient(roundTrip(func(req *http.Request) (*http.Response, error) {
							if !answered.Load() {
								early.Add(1)
							}
							resp, err := api.RoundTrip(req)
							if err == nil && resp.StatusCode == 200 {
								answered.Store(true)
							}
							return resp, err
						})),
					}))
				}
				together(t.Context(), t, 8, 90, clients...)
				rest()
				if n := early.Load(); n != want {
					t.Errorf("%d calls before the first success, want %d", n, want)
				}
				if n := api.overruns(); refuse && n != 1 || !refuse && n != 0 {
					t.Errorf("%d calls refused", n)
				}
				if api.busiest < 8 {
					t.Errorf("at most %d calls at once after the first answer", api.busiest)
				}
			})
		})
	}
}

func TestSharedBudget_sweeps_of_one_replica_leave_calls_for_replies_of_another(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := newFakeAPI(30)
		api.latency = randomLatency(rand.New(rand.NewPCG(1, 2)), 5*time.Millisecond, 300*time.Millisecond)
		state := newMemoryState(time.Minute)
		state.latency = storeLatency(1)
		sweeper, replier := api.client(t, newShared(t, state)), api.client(t, newShared(t, state))
		ctx, stop := context.WithCancel(t.Context())
		for range 32 {
			go func() {
				for ctx.Err() == nil {
					_, _ = sweeper.Me(WithPriority(ctx, PriorityBackground))
				}
			}()
		}
		time.Sleep(25 * time.Second)
		var mu sync.Mutex
		var waits []time.Duration
		var all sync.WaitGroup
		for range 25 { // nearly all of a window, while the present one is spent
			all.Go(func() {
				start := time.Now()
				if _, err := replier.Me(WithPriority(t.Context(), PriorityReply)); err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				waits = append(waits, time.Since(start))
			})
		}
		all.Wait()
		stop()
		if longest := slices.Max(waits); longest > 10*time.Second {
			t.Errorf("a reply waited %v for sweeps of another replica", longest)
		}
		if n := api.overruns(); n > 0 {
			t.Errorf("%d calls refused", n)
		}
		rest()
	})
}
