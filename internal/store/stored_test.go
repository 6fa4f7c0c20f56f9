package store_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"switchboard/internal/event"
	"switchboard/internal/store"
	"switchboard/internal/store/storetest"
)

// BenchmarkStored shows what an event costs, from being stored to being decided, when few are stored
// already and when a million are, and how long a start takes then. For PostgreSQL set
// SWITCHBOARD_TEST_ENGINE=postgres. Run it once:
//
//	go test ./internal/store -run '^$' -bench Stored -benchtime 1x -timeout 30m
func BenchmarkStored(b *testing.B) {
	const few, many = 1_000, 1_000_000
	for b.Loop() {
		path := map[int]string{few: filepath.Join(b.TempDir(), "few.db"), many: filepath.Join(b.TempDir(), "many.db")}
		stores := map[int]*store.Store{}
		for n, p := range path {
			s := openFile(b, p)
			if err := store.FillDecided(s, n); err != nil {
				b.Fatal(err)
			}
			if err := store.Settle(s); err != nil {
				b.Fatal(err)
			}
			if err := s.Close(); err != nil {
				b.Fatal(err)
			}
			began := time.Now()
			stores[n] = openFile(b, p)
			b.ReportMetric(time.Since(began).Seconds()*1e3, fmt.Sprintf("start-with-%d-ms", n))
		}
		costs := map[int][]time.Duration{}
		for round := range 9 { // in turn, so that a machine that changes its speed changes it for both
			for n, s := range stores {
				costs[n] = append(costs[n], decideNew(b, s, round))
			}
		}
		few, many := middle(costs[few]), middle(costs[many])
		b.ReportMetric(few.Seconds()*1e6, "us/event-few")
		b.ReportMetric(many.Seconds()*1e6, "us/event-many")
		b.ReportMetric(many.Seconds()/few.Seconds(), "many-of-few")
		for _, s := range stores {
			_ = s.Close()
		}
	}
	b.ReportMetric(0, "ns/op")
}

func middle(list []time.Duration) time.Duration {
	slices.Sort(list)
	return list[len(list)/2]
}

func openFile(b *testing.B, path string) *store.Store {
	b.Helper()
	s, err := store.Open(b.Context(), storetest.URL(b, path), store.Options{})
	if err != nil {
		b.Fatal(err)
	}
	return s
}

// decideNew stores new events, on new and on old conversations, decides them, and tells how long one took.
func decideNew(b *testing.B, s *store.Store, round int) time.Duration {
	b.Helper()
	const n, each = 1920, 32
	began := time.Now()
	for i := range n / each {
		events := make([]event.Event, each)
		for k := range events {
			at := 1_000_000 + (round*n+i*each+k)*7919%400_000
			events[k] = newEvent(fmt.Sprintf("new-%d-%d-%d", round, i, k), fmt.Sprint("conversation/", at))
		}
		store.PutTogether(s, events)
	}
	for decided := 0; decided < n; {
		claims, err := s.Claim(b.Context(), store.LaneEvents, "", 32, time.Now(), time.Minute)
		if err != nil {
			b.Fatal(err)
		}
		for _, c := range claims {
			events, err := s.PendingEvents(b.Context(), c, 10)
			if err != nil {
				b.Fatal(err)
			}
			for i, ev := range events {
				d := store.Decision{Seq: ev.Seq, At: start, Trace: json.RawMessage(`{"rules":[]}`)}
				if err := s.SaveDecision(b.Context(), c, d, i == len(events)-1); err != nil {
					b.Fatal(err)
				}
				decided++
			}
		}
	}
	return time.Since(began) / n
}
