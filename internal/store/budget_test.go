package store_test

import (
	"errors"
	"strconv"
	"sync"
	"testing"
	"time"

	"switchboard/internal/store"
	"switchboard/internal/store/storetest"
)

func increment(state []byte, _ time.Time) ([]byte, error) {
	n, err := strconv.Atoi("0" + string(state))
	return []byte(strconv.Itoa(n + 1)), err
}

func budgetOf(t *testing.T, s *store.Store, workspace string) (state string, now time.Time) {
	t.Helper()
	err := s.Budgets().Update(t.Context(), workspace, func(text []byte, at time.Time) ([]byte, error) {
		state, now = string(text), at
		return nil, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return state, now
}

func addMany(t *testing.T, n int, stores ...*store.Store) {
	t.Helper()
	var all sync.WaitGroup
	for _, s := range stores {
		for range 4 {
			all.Go(func() {
				for range n {
					if err := s.Budgets().Update(t.Context(), "acme", increment); err != nil {
						t.Error(err)
					}
				}
			})
		}
	}
	all.Wait()
}

func TestBudgets_I5_no_change_is_lost(t *testing.T) {
	s, err := store.Open(t.Context(), storetest.URL(t, t.TempDir()+"/switchboard.db"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	addMany(t, 10, s)
	if got, _ := budgetOf(t, s, "acme"); got != "40" {
		t.Errorf("%s changes of 40 were kept", got)
	}
	if got, now := budgetOf(t, s, "globex"); got != "" || time.Since(now).Abs() > time.Minute {
		t.Errorf("another workspace has %q at %v, want its own state and the time", got, now)
	}
	failed := errors.New("no")
	err = s.Budgets().Update(t.Context(), "acme", func([]byte, time.Time) ([]byte, error) { return []byte("lost"), failed })
	if got, _ := budgetOf(t, s, "acme"); !errors.Is(err, failed) || got != "40" {
		t.Errorf("after a failure %v the state is %q", err, got)
	}
}

func TestBudgets_I5_no_change_of_a_replica_is_lost(t *testing.T) {
	list := sharing(t, 3)
	addMany(t, 25, list...)
	if got, _ := budgetOf(t, list[0], "acme"); got != "300" {
		t.Errorf("%s changes of 300 were kept", got)
	}
}

// Whoever waits for another's change is given the time after that, not the time when it came.
func TestBudgets_I5_time_goes_on_from_replica_to_replica(t *testing.T) {
	list := sharing(t, 2)
	var mu sync.Mutex
	var last time.Time
	var all sync.WaitGroup
	for _, s := range list {
		all.Go(func() {
			for range 50 {
				err := s.Budgets().Update(t.Context(), "acme", func(state []byte, now time.Time) ([]byte, error) {
					mu.Lock() // nobody else is here
					defer mu.Unlock()
					if now.Before(last) {
						t.Errorf("the clock goes back by %v", last.Sub(now))
					}
					last = now
					return increment(state, now)
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
}

// sharing opens one database of PostgreSQL n times, on its own clock.
func sharing(t *testing.T, n int) (list []*store.Store) {
	t.Helper()
	url := storetest.PostgresURL(t, t.TempDir())
	for range n {
		s, err := store.Open(t.Context(), url, store.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		list = append(list, s)
	}
	return list
}
