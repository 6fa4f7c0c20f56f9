package store_test

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"switchboard/internal/event"
	"switchboard/internal/store"
)

// BenchmarkBackup copies a database of about 200 MB while an event comes in every ten milliseconds, and
// reports how long those wait: before, and during the copy.
func BenchmarkBackup(b *testing.B) {
	sqliteOnly(b)
	const megabytes = 200
	s := openAt(b, filepath.Join(b.TempDir(), "state.db"))
	payload := make([]byte, 64<<10) // does not compress: 12 of 16 bytes are random
	for n := range megabytes * 16 {
		for i := range payload {
			payload[i] = byte(rand.IntN(256)) //nolint:gosec // no secret
		}
		ev := newEvent("e"+strconv.Itoa(n), "c/"+strconv.Itoa(n))
		ev.Payload, _ = json.Marshal(map[string][]byte{"data": payload[:48<<10]})
		store.PutTogether(s, []event.Event{ev})
	}
	intake := func(ctx context.Context) (waits []time.Duration) {
		for n := 0; ctx.Err() == nil; n++ {
			begun := time.Now()
			if _, err := s.Put(context.Background(), newEvent(strconv.FormatInt(begun.UnixNano(), 36), "c/x")); err != nil {
				b.Error(err)
			}
			waits = append(waits, time.Since(begun))
			time.Sleep(10 * time.Millisecond)
		}
		slices.Sort(waits)
		return waits
	}
	report := func(name string, waits []time.Duration) {
		b.Logf("%s: %d events, median %s, 99%% %s, worst %s", name, len(waits), waits[len(waits)/2], waits[len(waits)*99/100], waits[len(waits)-1])
	}
	quiet, cancel := context.WithTimeout(b.Context(), 3*time.Second)
	report("before", intake(quiet))
	cancel()
	for b.Loop() {
		ctx, cancel := context.WithCancel(b.Context())
		done := make(chan []time.Duration)
		go func() { done <- intake(ctx) }()
		copied, err := s.Backup(b.Context(), store.BackupOptions{Path: filepath.Join(b.TempDir(), "copy.db"), Visible: onlyTags})
		cancel()
		if err != nil {
			b.Fatal(err)
		}
		report("during", <-done)
		b.Logf("%d MB in %s", copied.Bytes>>20, copied.Took)
	}
}
