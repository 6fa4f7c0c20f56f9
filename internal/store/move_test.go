package store_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"switchboard/internal/store"
	"switchboard/internal/store/storetest"
)

func move(t *testing.T, from, to string) error {
	t.Helper()
	_, err := store.Move(t.Context(), from, to, store.Options{}, func(store.Moved) {})
	return err
}

func dump(t *testing.T, url string) map[string][]string {
	t.Helper()
	s, err := store.Open(t.Context(), url, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	return store.Dump(s)
}

// TestI1_moved_there_and_back moves any content from SQLite to PostgreSQL, and back into another file: it
// is the same everywhere, and so are the numbers that come next.
func TestI1_moved_there_and_back(t *testing.T) {
	sqliteOnly(t)
	for round := range 4 {
		seed := uint64(time.Now().UnixNano())
		t.Logf("seed %d", seed)
		dir := t.TempDir()
		first, second := "sqlite:"+filepath.Join(dir, "first.db"), "sqlite:"+filepath.Join(dir, "second.db")
		middle := storetest.PostgresURL(t, filepath.Join(dir, "middle"))
		s, err := store.Open(t.Context(), first, store.Options{})
		if err != nil {
			t.Fatal(err)
		}
		store.FillRandom(s, rand.New(rand.NewPCG(seed, 1)), 80*round) //nolint:gosec // no secret
		store.DeleteNewest(s)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		want := dump(t, first)
		if round > 0 && len(want["events"]) < 2 && len(want["actions"]) < 2 && len(want["segments"]) < 2 {
			t.Error("next to nothing is there: the test has shown nothing")
		}
		if err := errors.Join(move(t, first, middle), move(t, middle, second)); err != nil {
			t.Fatal(err)
		}
		for url, what := range map[string]string{first: "the source", middle: "PostgreSQL", second: "the way back"} {
			if got := dump(t, url); !reflect.DeepEqual(got, want) {
				for table := range want {
					if !slices.Equal(got[table], want[table]) {
						t.Errorf("%s differs in %s: %d rows, want %d", what, table, len(got[table]), len(want[table]))
					}
				}
			}
		}
	}
}

// TestI3_goes_on_after_a_move: what was planned is done on the other database, in order, and what comes
// in there gets numbers of its own.
func TestI3_goes_on_after_a_move(t *testing.T) {
	sqliteOnly(t)
	dir := t.TempDir()
	first, middle := "sqlite:"+filepath.Join(dir, "first.db"), storetest.PostgresURL(t, filepath.Join(dir, "middle"))
	second := "sqlite:" + filepath.Join(dir, "second.db")
	s := openAt(t, filepath.Join(dir, "first.db"))
	put(t, s, "a", "c/1")
	plan(t, s, claimFor(t, s, "c/1"), 2, true)
	claimOne(t, s, store.LaneActions, time.Now()) // and dies with it
	put(t, s, "b", "c/2")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, way := range [][2]string{{first, middle}, {middle, second}} {
		if err := move(t, way[0], way[1]); err != nil {
			t.Fatal(err)
		}
		s, err := store.Open(t.Context(), way[1], store.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if stored, err := s.Put(t.Context(), newEvent("a", "c/1")); err != nil || stored {
			t.Errorf("Put of an event that is known = %v, %v", stored, err)
		}
		switch way[1] {
		case middle:
			finish(t, s, claimOne(t, s, store.LaneActions, time.Now()), store.StateDone)
		case second:
			finish(t, s, claimOne(t, s, store.LaneActions, time.Now()), store.StateDone)
			put(t, s, "c", "c/3")
			if got := allPending(t, s); len(got) != 2 || got[0].ID != "b" || got[1].Seq <= 1 {
				t.Errorf("events %v, want b and c", got)
			}
			list, err := s.ActionsOf(t.Context(), 1)
			if err != nil || len(list) != 2 || list[0].State != store.StateDone || list[1].State != store.StateDone {
				t.Errorf("actions %v, %v; want each done, on one database each", list, err)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestMove_refuses(t *testing.T) {
	sqliteOnly(t)
	dir := t.TempDir()
	url := func(name string) string { return "sqlite:" + filepath.Join(dir, name) }
	full := openAt(t, filepath.Join(dir, "full.db"))
	put(t, full, "e", "c/1")
	if err := full.Close(); err != nil {
		t.Fatal(err)
	}
	used := openAt(t, filepath.Join(dir, "used.db"))
	put(t, used, "e", "c/1")
	shared := storetest.PostgresURL(t, filepath.Join(dir, "shared"))
	replica, err := store.Open(t.Context(), shared, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer replica.Close()
	if err := replica.Join(t.Context(), "the-replica", "v1", "abc"); err != nil {
		t.Fatal(err)
	}
	also := openAt(t, filepath.Join(dir, "also.db"))
	put(t, also, "e", "c/1")
	if err := also.Close(); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct{ from, to, want string }{
		"the same":               {url("full.db"), url("full.db"), "the same database"},
		"a target with content":  {url("full.db"), url("also.db"), "is not empty"},
		"a source in use":        {url("used.db"), url("new.db"), "in use"},
		"a target in use":        {url("full.db"), url("used.db"), "in use"},
		"a source with replicas": {shared, url("new.db"), "the-replica"},
		"a target with replicas": {url("full.db"), shared, "the-replica"},
		"no URL":                 {"full.db", url("new.db"), "has no scheme"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := move(t, tt.from, tt.to); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v, want %q", err, tt.want)
			}
		})
	}
	if err := replica.Leave(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := move(t, url("full.db"), shared); err != nil {
		t.Errorf("when the replica is gone: %v", err)
	}
}

// TestI1_a_move_that_fails_leaves_nothing: it ends in the midst of it, and can be begun again.
func TestI1_a_move_that_fails_leaves_nothing(t *testing.T) {
	sqliteOnly(t)
	dir := t.TempDir()
	first, target := "sqlite:"+filepath.Join(dir, "first.db"), storetest.PostgresURL(t, filepath.Join(dir, "target"))
	s := openAt(t, filepath.Join(dir, "first.db"))
	store.FillRandom(s, rand.New(rand.NewPCG(1, 1)), 200) //nolint:gosec // no secret
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	func() {
		defer func() { _ = recover() }()
		tables := 0
		_, _ = store.Move(t.Context(), first, target, store.Options{}, func(store.Moved) {
			if tables++; tables == 5 {
				panic("the process ends")
			}
		})
		t.Error("it did not end")
	}()
	for table, rows := range dump(t, target) {
		if len(rows) > 1 {
			t.Errorf("the target has %d rows of %s", len(rows), table)
		}
	}
	if err := move(t, first, target); err != nil {
		t.Error(err)
	}
}

// TestMove_knows_what_is_numbered holds the list of tables against the schema.
func TestMove_knows_what_is_numbered(t *testing.T) {
	if got, want := store.NumberedTables(), store.Numbered(open(t)); !slices.Equal(got, want) {
		t.Errorf("a move numbers %v, the schema %v", got, want)
	}
}

// TestI3_nobody_joins_during_a_move: a replica that is started on either database meanwhile has to wait.
func TestI3_nobody_joins_during_a_move(t *testing.T) {
	sqliteOnly(t)
	dir := t.TempDir()
	from, to := storetest.PostgresURL(t, filepath.Join(dir, "from")), storetest.PostgresURL(t, filepath.Join(dir, "to"))
	joins := func(url string) error {
		s, err := store.Open(t.Context(), url, store.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		err = s.Join(ctx, "early", "v1", "abc")
		return errors.Join(err, s.Leave(t.Context()))
	}
	asked := false
	_, err := store.Move(t.Context(), from, to, store.Options{}, func(m store.Moved) {
		if m.Table != "events" {
			return
		}
		asked = true
		if joins(from) == nil || joins(to) == nil {
			t.Error("a replica joined while the state was being moved")
		}
	})
	if err != nil || !asked {
		t.Fatal(err, asked)
	}
	if err := joins(to); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}
