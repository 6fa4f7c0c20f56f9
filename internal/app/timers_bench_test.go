package app_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"switchboard/internal/app"
	"switchboard/internal/event"
	"switchboard/internal/simulator"
	"switchboard/internal/store"
)

const benchRules = `
version: 1
rules:
  - name: sla
    when: conversation.user.created
    after: 1d
    if: conversation.state == "closed"
    then: [close]
`

// fillTimers stores timers of the rule sla that come due from first on, one after each step. The
// conversations have the ids that the simulator gave.
func fillTimers(tb testing.TB, path string, ids []string, first time.Time, step time.Duration) {
	tb.Helper()
	s, err := store.Open(tb.Context(), "sqlite:"+path, store.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	due := map[string]time.Time{}
	for i, id := range ids {
		due["conversation/"+id] = first.Add(time.Duration(i) * step)
	}
	var wg sync.WaitGroup
	for worker := range 64 {
		wg.Go(func() {
			for i := worker; i < len(ids); i += 64 {
				now := time.Now()
				ev := event.Event{ID: "n" + ids[i], Workspace: "demo1234", Topic: "conversation.user.created", Subject: "conversation/" + ids[i], CreatedAt: now, ReceivedAt: now, Payload: []byte("{}")}
				if _, err := s.Put(tb.Context(), ev); err != nil {
					tb.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	for range 64 {
		wg.Go(func() {
			for {
				claims, err := s.Claim(tb.Context(), store.LaneEvents, "", 8, time.Now(), time.Hour)
				if err != nil || len(claims) == 0 {
					return
				}
				for _, c := range claims {
					decideTimer(tb, s, c, due[c.Subject])
				}
			}
		})
	}
	wg.Wait()
}

func decideTimer(tb testing.TB, s *store.Store, c store.Claim, due time.Time) {
	events, err := s.PendingEvents(tb.Context(), c, 1)
	if err != nil || len(events) != 1 {
		tb.Error(len(events), err)
		return
	}
	started := due.Add(-24 * time.Hour)
	d := store.Decision{Seq: events[0].Seq, At: time.Now(), Trace: []byte("{}"), Timers: []store.TimerChange{{Rule: "sla", Set: &store.Timer{
		Seq: events[0].Seq, Event: events[0].ID, Topic: events[0].Topic, StartedAt: started, DueAt: due, Clock: "1d",
	}}}}
	if err := s.SaveDecision(tb.Context(), c, d, true); err != nil {
		tb.Error(err)
	}
}

// timerService is a service over loopback whose timers wait already.
func timerService(b *testing.B, path string, sim *simulator.Simulator) (*app.App, *prometheus.Registry) {
	b.Helper()
	api := httptest.NewServer(sim.Handler())
	b.Cleanup(api.Close)
	file := filepath.Join(b.TempDir(), "rules.yaml")
	(&world{t: &testing.T{}, rules: file}).writeRules(benchRules)
	registry := prometheus.NewRegistry()
	a, err := app.New(b.Context(), app.Options{
		Database: "sqlite:" + path, Rules: []string{file}, Listen: "127.0.0.1:0", Token: token, Secrets: []string{secret},
		BaseURL: api.URL, HTTP: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}, Registry: registry,
	})
	if err != nil {
		b.Fatal(err)
	}
	a.Start()
	return a, registry
}

func stopService(b *testing.B, a *app.App) {
	b.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := a.Stop(ctx); err != nil {
		b.Error(err)
	}
}

// lags are how many timers were decided, and how many of them within a second.
func lags(b *testing.B, registry *prometheus.Registry) (decided, prompt uint64, mean float64) {
	b.Helper()
	families, err := registry.Gather()
	if err != nil {
		b.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != "switchboard_timer_lag_seconds" {
			continue
		}
		h := f.GetMetric()[0].GetHistogram()
		for _, bucket := range h.GetBucket() {
			if bucket.GetUpperBound() == 1 {
				prompt = bucket.GetCumulativeCount()
			}
		}
		decided, mean = h.GetSampleCount(), h.GetSampleSum()/max(float64(h.GetSampleCount()), 1)
	}
	return decided, prompt, mean
}

func conversationsIn(b *testing.B, sim *simulator.Simulator, n int) (ids []string) {
	b.Helper()
	simulator.DemoWorkspace(sim)
	contact := sim.Contacts()[0].ID
	for range n {
		id, err := sim.CustomerStarts(contact, "hello")
		if err != nil {
			b.Fatal(err)
		}
		ids = append(ids, id)
	}
	return ids
}

// BenchmarkTimersDue has 10,000 timers wait on a service that has nothing else to do, each for a
// conversation of its own that has to be read again, 400 of them due each second. All must be
// decided within a second of their time.
//
//	go test ./internal/app -run '^$' -bench TimersDue -benchtime 1x
func BenchmarkTimersDue(b *testing.B) {
	const n, step = 10_000, 2500 * time.Microsecond
	for b.Loop() {
		sim := simulator.New(simulator.Options{Token: token, Secret: secret, RateLimit: 1_000_000})
		path := filepath.Join(b.TempDir(), "state.db")
		ids := conversationsIn(b, sim, n)
		fillTimers(b, path, ids, time.Now().Add(20*time.Second), step)
		a, registry := timerService(b, path, sim)
		var decided, prompt uint64
		var mean float64
		for decided < n {
			time.Sleep(200 * time.Millisecond)
			decided, prompt, mean = lags(b, registry)
		}
		stopService(b, a)
		if prompt != n {
			b.Errorf("%d of %d timers were decided within a second", prompt, decided)
		}
		b.ReportMetric(mean*1000, "ms-mean-lag")
		b.ReportMetric(float64(decided-prompt), "later-than-1s")
	}
}

// BenchmarkTimersStart starts a service whose store holds 100,000 timers, and ends when it has
// decided the first that came due while it was away. It must take less than 5 seconds.
//
//	go test ./internal/app -run '^$' -bench TimersStart -benchtime 1x
func BenchmarkTimersStart(b *testing.B) {
	const n = 100_000
	sim := simulator.New(simulator.Options{Token: token, Secret: secret, RateLimit: 1_000_000})
	ids := conversationsIn(b, sim, 100)
	for i := len(ids); i < n; i++ {
		ids = append(ids, fmt.Sprint(1_000_000+i))
	}
	path := filepath.Join(b.TempDir(), "state.db")
	// The first hundred come due while the service is away, the others wait for hours.
	fillTimers(b, path, ids[100:], time.Now().Add(time.Hour), time.Second)
	first := time.Now().Add(3 * time.Second)
	fillTimers(b, path, ids[:100], first, 0)
	time.Sleep(time.Until(first))
	for b.Loop() {
		begun := time.Now()
		a, registry := timerService(b, path, sim)
		for decided := uint64(0); decided == 0; decided, _, _ = lags(b, registry) {
			time.Sleep(5 * time.Millisecond)
			if time.Since(begun) > 5*time.Second {
				b.Fatal("no timer was decided within 5 seconds")
			}
		}
		took := time.Since(begun)
		b.ReportMetric(took.Seconds(), "s-to-first-timer")
		stopService(b, a)
	}
}
