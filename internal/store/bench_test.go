package store_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"switchboard/internal/store"
)

// BenchmarkPut stores events of 3.5 KB from 32 callers at once: with commits that callers
// share, and with one commit for each.
func BenchmarkPut(b *testing.B) {
	for _, single := range []bool{false, true} {
		name := "group commit"
		if single {
			name = "one commit per event"
		}
		b.Run(name, func(b *testing.B) {
			s, err := store.Open(b.Context(), "sqlite:"+filepath.Join(b.TempDir(), "state.db"), store.Options{SingleCommits: single})
			if err != nil {
				b.Fatal(err)
			}
			defer func() { _ = s.Close() }()
			payload := bytes.Repeat([]byte("x"), 3500)
			var n atomic.Int64
			b.SetParallelism(16)
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					i := n.Add(1)
					ev := newEvent(fmt.Sprint("notif_", i*7919), fmt.Sprint("conversation/", i%1000))
					ev.Payload = payload
					if _, err := s.Put(context.Background(), ev); err != nil {
						b.Error(err)
					}
				}
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
		})
	}
}

// BenchmarkDecide claims, reads and decides stored events that lead to nothing, which is what most events do, and
// events about contacts on each of which a rule runs.
func BenchmarkDecide(b *testing.B) {
	b.Run("nothing", func(b *testing.B) { decideEvents(b, "conversation/", nil) })
	b.Run("a run", func(b *testing.B) {
		action := store.PlannedAction{Kind: "tag", Params: json.RawMessage(`{"tags":["Refund"]}`)}
		decideEvents(b, "contact/", []store.Run{{Rule: "refunds-to-finance", Actions: []store.PlannedAction{action, action}}})
	})
}

func decideEvents(b *testing.B, kind string, runs []store.Run) {
	b.Helper()
	s := open(b)
	for i := range b.N {
		put(b, s, fmt.Sprint("n", i), fmt.Sprint(kind, i))
	}
	trace := json.RawMessage(`{"rules":[]}`)
	b.ResetTimer()
	for done := 0; done < b.N; {
		claims, err := s.Claim(b.Context(), store.LaneEvents, "", 32, time.Now(), time.Minute)
		if err != nil {
			b.Fatal(err)
		}
		results := make(chan error, len(claims))
		for _, c := range claims {
			go func() {
				events, err := s.PendingEvents(b.Context(), c, 16)
				for i, ev := range events {
					if err == nil {
						err = s.SaveDecision(b.Context(), c, store.Decision{Seq: ev.Seq, At: start, Trace: trace, Runs: runs}, i == len(events)-1)
					}
				}
				results <- err
			}()
		}
		for range claims {
			if err := <-results; err != nil {
				b.Fatal(err)
			}
		}
		done += len(claims)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}
