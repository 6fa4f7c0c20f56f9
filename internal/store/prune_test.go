package store_test

import (
	"context"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"switchboard/internal/event"
	"switchboard/internal/store"
)

// TestI10_pruning_keeps_the_file_small stores 50,000 events, prunes all but the last 1,000 as the service
// does, and looks at the file: it has shrunk close to what is left, while events came in.
func TestI10_pruning_keeps_the_file_small(t *testing.T) {
	sqliteOnly(t)
	if testing.Short() {
		t.Skip("it takes seconds")
	}
	const all, left, chunk = 50_000, 1_000, 200
	s := openAt(t, filepath.Join(t.TempDir(), "state.db"))
	events := make([]event.Event, all)
	for i := range events {
		ev := newEvent("e"+strconv.Itoa(i), "c/"+strconv.Itoa(i%5000))
		ev.Payload = []byte(`{"id":"` + ev.ID + `","body":"` + strings.Repeat(strconv.Itoa(i*7919), 100) + `"}`)
		ev.ReceivedAt = start.Add(time.Duration(i) * time.Second)
		events[i] = ev
	}
	store.Load(s, events)
	if err := s.Tidy(t.Context()); err != nil {
		t.Fatal(err)
	}
	full, _, _ := store.Size(s)
	t.Logf("loaded: %s", store.SizeString(s))

	ctx, cancel := context.WithCancel(t.Context())
	intake := make(chan []time.Duration)
	go func() {
		var waits []time.Duration
		for n := 0; ctx.Err() == nil; n++ {
			begun := time.Now()
			if _, err := s.Put(context.Background(), newEvent("late"+strconv.Itoa(n), "c/x")); err != nil {
				t.Error(err)
			}
			waits = append(waits, time.Since(begun))
			time.Sleep(5 * time.Millisecond)
		}
		slices.Sort(waits)
		intake <- waits
	}()
	before, begun := start.Add((all-left)*time.Second), time.Now()
	deleted, worst := int64(0), time.Duration(0)
	for {
		step := time.Now()
		n, err := s.Prune(t.Context(), before, chunk)
		if err != nil {
			t.Fatal(err)
		}
		deleted, worst = deleted+n, max(worst, time.Since(step))
		if n < chunk {
			break
		}
	}
	tidy := time.Now()
	if err := s.Tidy(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Logf("tidied in %s", time.Since(tidy))
	cancel()
	waits := <-intake
	t.Logf("pruned %d in %s, the longest step %s; %d events came in, median %s, worst %s", deleted, time.Since(begun), worst,
		len(waits), waits[len(waits)/2], waits[len(waits)-1])
	file, log, free := store.Size(s)
	t.Logf("pruned: %s", store.SizeString(s))
	if deleted != all-left {
		t.Errorf("deleted %d, want %d", deleted, all-left)
	}
	if full < 20<<20 {
		t.Errorf("the file had %d bytes: the test has shown nothing", full)
	}
	if most := 3 * full * left / all; file > most || log > 4<<20 || free > 0 {
		t.Errorf("the file has %d bytes (log %d, %d pages free) of %d, want at most %d", file, log, free, full, most)
	}
}

// TestTidy_gives_large_values_back prunes more than the steps of pruning give back.
func TestTidy_gives_large_values_back(t *testing.T) {
	sqliteOnly(t)
	s := open(t)
	events := make([]event.Event, 200)
	for i := range events {
		events[i] = newEvent("e"+strconv.Itoa(i), "c/1")
		events[i].Payload = []byte(`"` + random(100<<10) + `"`)
	}
	store.Load(s, events)
	if n, err := s.Prune(t.Context(), start.Add(time.Hour), 200); err != nil || n != 200 {
		t.Fatalf("Prune = %d, %v", n, err)
	}
	if _, _, free := store.Size(s); free < 1000 {
		t.Errorf("%d pages free after pruning: the test has shown nothing", free)
	}
	if err := s.Tidy(t.Context()); err != nil {
		t.Fatal(err)
	}
	if file, log, free := store.Size(s); file > 1<<20 || log > 1<<20 || free > 0 {
		t.Errorf("%s, want next to nothing", store.SizeString(s))
	}
}

// random is a text that does not compress.
func random(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte('!' + 2 + rand.IntN(57))
	}
	return string(b)
}

// TestI9_own_parts_are_kept_for_a_while: they go when they are old, and not before.
func TestI9_own_parts_are_kept_for_a_while(t *testing.T) {
	s := open(t)
	put(t, s, "e", "c/1")
	plan(t, s, claimOne(t, s, store.LaneEvents, time.Now()), 1, true)
	finish(t, s, claimOne(t, s, store.LaneActions, time.Now()), store.StateDone, "p1", "p2", "p3") // at start
	if n, err := s.ForgetParts(t.Context(), start, 2); err != nil || n != 0 {
		t.Errorf("ForgetParts(younger) = %d, %v", n, err)
	}
	for _, want := range []int64{2, 1, 0} {
		if n, err := s.ForgetParts(t.Context(), start.Add(time.Second), 2); err != nil || n != want {
			t.Errorf("ForgetParts = %d, %v; want %d", n, err, want)
		}
	}
	if own, err := s.OwnPart(t.Context(), "ws", "p2"); err != nil || own {
		t.Errorf("OwnPart = %v, %v; want none left", own, err)
	}
}
