package store_test

import (
	"encoding/json"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"switchboard/internal/event"
	"switchboard/internal/store"
)

const sweepPrefix = "schedule/r/1772438400/"

func newSweep() store.Sweep {
	return store.Sweep{
		Workspace: "ws", Rule: "r", Schedule: "0 8 * * *", Search: `conversations({open: true})`, NextAt: start.Add(time.Hour),
		Running: true, DueAt: start, BegunAt: start.Add(time.Second), Query: `{}`, Cursor: "c2", Pass: 2, Pages: 3, Fresh: 4, Results: 5,
	}
}

func putResult(t testing.TB, s *store.Store, id string) {
	t.Helper()
	ev := newEvent(sweepPrefix+id, "conversation/"+id)
	ev.Topic = event.TopicSchedule
	if _, err := s.Put(t.Context(), ev); err != nil {
		t.Fatal(err)
	}
}

func saveSweep(t testing.TB, s *store.Store, w *store.Sweep) {
	t.Helper()
	if err := s.SaveSweep(t.Context(), w); err != nil {
		t.Fatal(err)
	}
}

// A row is what was stored last, also after a restart.
func TestSweeps_are_kept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	s := openAt(t, path)
	w, other := newSweep(), newSweep()
	other.Rule, other.Workspace = "s", "elsewhere"
	saveSweep(t, s, &w)
	saveSweep(t, s, &other)
	w.Cursor, w.Running, w.Results = "", false, 9
	saveSweep(t, s, &w)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openAt(t, path)
	list, err := s.Sweeps(t.Context(), "ws")
	if err != nil || !reflect.DeepEqual(list, []store.Sweep{w}) {
		t.Errorf("%+v, %v, want %+v", list, err, w)
	}
	if err := s.DeleteSweep(t.Context(), "ws", "r"); err != nil {
		t.Fatal(err)
	}
	if list, err := s.Sweeps(t.Context(), "ws"); err != nil || len(list) != 0 {
		t.Errorf("%+v, %v", list, err)
	}
	if list, err := s.Sweeps(t.Context(), "elsewhere"); err != nil || len(list) != 1 {
		t.Errorf("%+v, %v", list, err)
	}
}

// What is left of a sweep are its own events, from the moment they were put until they are
// evaluated, and then the actions of its rule.
func TestSweepWork(t *testing.T) {
	s := open(t)
	w := newSweep()
	want := func(what string, events, actions int) {
		t.Helper()
		gotEvents, gotActions, err := s.SweepWork(t.Context(), &w, sweepPrefix, time.Time{}, 10)
		if err != nil || gotEvents != events || gotActions != actions {
			t.Errorf("%s: %d events and %d actions, %v; want %d and %d", what, gotEvents, gotActions, err, events, actions)
		}
	}
	saveSweep(t, s, &w)
	put(t, s, "n1", "conversation/1") // arrives later than the sweep was stored
	want("before", 0, 0)
	putResult(t, s, "7")
	putResult(t, s, "8")
	saveSweep(t, s, &w)
	want("not filed", 10, 0)
	claims, err := s.Claim(t.Context(), store.LaneEvents, "", 10, start, time.Minute)
	if err != nil || len(claims) != 3 {
		t.Fatal(claims, err)
	}
	put(t, s, "n2", "conversation/2") // not filed, and not the sweep's
	want("filed", 2, 0)
	if events, _, err := s.SweepWork(t.Context(), &w, sweepPrefix, time.Time{}, 1); err != nil || events != 1 {
		t.Errorf("at most one: %d, %v", events, err)
	}
	if events, _, err := s.SweepWork(t.Context(), &w, sweepPrefix, start.Add(time.Second), 10); err != nil || events != 0 {
		t.Errorf("%d events count that are stuck, %v", events, err)
	}
	if events, _, err := s.SweepWork(t.Context(), &w, "schedule/r/1/", time.Time{}, 10); err != nil || events != 0 {
		t.Errorf("of another sweep: %d, %v", events, err)
	}
	for _, c := range claims {
		events, err := s.PendingEvents(t.Context(), c, 1)
		if err != nil {
			t.Fatal(err)
		}
		d := decisionWith(events[0].Seq, start, nil)
		d.Runs[0].Actions = []store.PlannedAction{{Kind: "close", Params: json.RawMessage(`{}`)}}
		if c.Subject == "conversation/1" {
			d.Runs[0].Rule = "other"
		}
		if err := s.SaveDecision(t.Context(), c, d, true); err != nil {
			t.Fatal(err)
		}
	}
	want("evaluated", 0, 2)
}

// An event is known before and after it is filed, also to a store that has just been opened.
func TestHasEvent(t *testing.T) {
	s := open(t)
	has := func(id string, want bool) {
		t.Helper()
		if got, err := s.HasEvent(t.Context(), "ws", id); err != nil || got != want {
			t.Errorf("%s: %v, %v; want %v", id, got, err, want)
		}
	}
	has(sweepPrefix+"7", false)
	putResult(t, s, "7")
	has(sweepPrefix+"7", true)
	if _, err := s.Claim(t.Context(), store.LaneEvents, "", 1, start, time.Minute); err != nil {
		t.Fatal(err)
	}
	store.ForgetRecent(s)
	has(sweepPrefix+"7", true)
	has(sweepPrefix+"70", false)
}
