package store_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"switchboard/internal/event"
	"switchboard/internal/store"
)

// TestI10_pruning_keeps_the_file_small stores 15,000 events, prunes all but the last 500 as the service
// does, and looks at the file: it has shrunk close to what is left, while events came in.
func TestI10_pruning_keeps_the_file_small(t *testing.T) {
	sqliteOnly(t)
	if testing.Short() {
		t.Skip("it takes seconds")
	}
	const all, left, chunk = 15_000, 500, 200
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
	if full < 6<<20 {
		t.Errorf("the file had %d bytes: the test has shown nothing", full)
	}
	if most := 3 * full * left / all; file > most || log > 4<<20 || free > 0 {
		t.Errorf("the file has %d bytes (log %d, %d pages free) of %d, want at most %d", file, log, free, full, most)
	}
}

// TestI10_tidying_empties_the_log although commits follow one another without a gap, as they do where the
// disk is slow.
func TestI10_tidying_empties_the_log(t *testing.T) {
	sqliteOnly(t)
	s := open(t)
	ctx, cancel := context.WithCancel(t.Context())
	var writing sync.WaitGroup
	for i := range 4 {
		writing.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				if _, err := s.Put(context.Background(), newEvent(fmt.Sprint("e", i, "-", n), "c/x")); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for i := range 3 {
		events := make([]event.Event, 2000)
		for n := range events {
			events[n] = newEvent(fmt.Sprint("many", i, "-", n), "c/"+strconv.Itoa(n))
		}
		store.Load(s, events)
		_, before, _ := store.Size(s)
		if err := s.Tidy(t.Context()); err != nil {
			t.Error(err)
		}
		if _, after, _ := store.Size(s); before < 1<<20 || after > 512<<10 {
			t.Errorf("the log has %d bytes of %d: want next to nothing of much", after, before)
		}
	}
	cancel()
	writing.Wait()
}

// TestI10_tidying_tells_that_it_did_not: while somebody reads an old state, the log cannot be emptied.
// SQLite itself calls that a success.
func TestI10_tidying_tells_that_it_did_not(t *testing.T) {
	sqliteOnly(t)
	s := open(t)
	put(t, s, "e1", "c/1")
	end := store.ReadOn(s)
	put(t, s, "e2", "c/1")
	if err := s.Tidy(t.Context()); err == nil {
		t.Error("Tidy has not emptied the log and reports no error")
	}
	end()
	if err := s.Tidy(t.Context()); err != nil {
		t.Error(err)
	}
	if _, log, _ := store.Size(s); log != 0 {
		t.Errorf("the log has %d bytes", log)
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
