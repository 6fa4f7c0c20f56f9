package store_test

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"switchboard/internal/store"
	"switchboard/internal/store/storetest"
)

// TestI3_claims_go_by_the_shared_clock: a machine whose clock is ahead of the one that all share, or
// behind it, neither takes what is held or not due yet, nor misses what is due.
func TestI3_claims_go_by_the_shared_clock(t *testing.T) {
	for name, off := range map[string]time.Duration{"the machine is ahead": -time.Hour, "it is behind": time.Hour} {
		t.Run(name, func(t *testing.T) {
			url := storetest.URL(t, filepath.Join(t.TempDir(), "state.db"))
			synctest.Test(t, func(t *testing.T) {
				s, err := store.Open(t.Context(), url, store.Options{Clock: func() time.Time { return time.Now().Add(off) }})
				if err != nil {
					t.Fatal(err)
				}
				defer s.Close()
				put(t, s, "n1", "conversation/1")
				ctx, stop := context.WithCancel(t.Context())
				claimed := 0
				w := &store.Worker{
					Store: s, Lane: store.LaneEvents, Concurrency: 2, Lease: time.Minute, Logger: slog.New(slog.DiscardHandler),
					Work: func(ctx, _ context.Context, c store.Claim) error {
						claimed++
						return s.Release(ctx, c, s.Now().Add(10*time.Second))
					},
				}
				time.AfterFunc(35*time.Second, stop)
				w.Run(ctx, context.WithoutCancel(ctx))
				if claimed != 4 { // at once, and after 10, 20 and 30 seconds
					t.Errorf("it was claimed %d times, want 4", claimed)
				}
			})
		})
	}
}
