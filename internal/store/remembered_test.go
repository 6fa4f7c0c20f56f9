package store_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"switchboard/internal/store"
	"switchboard/internal/store/storetest"
)

// run stores a decision on a new event of the subject whose rule "r" ran with the quotas.
func run(t testing.TB, s *store.Store, id string, at time.Time, quotas ...store.Quota) error {
	t.Helper()
	subject := "conversation/" + id
	put(t, s, id, subject)
	c := claimOne(t, s, store.LaneEvents, at)
	events, err := s.PendingEvents(t.Context(), c, 1)
	if err != nil || len(events) != 1 {
		t.Fatal(events, err)
	}
	err = s.SaveDecision(t.Context(), c, decisionWith(events[0].Seq, at, quotas), true)
	if err != nil {
		_, decided, err2 := s.DecisionOf(t.Context(), events[0].Seq)
		if decided || err2 != nil {
			t.Errorf("a refused decision is stored: %v, %v", decided, err2)
		}
		if err := s.Release(t.Context(), c, at.Add(1000*time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	return err
}

func decisionWith(seq int64, at time.Time, quotas []store.Quota) store.Decision {
	return store.Decision{Seq: seq, At: at, Trace: json.RawMessage(`{}`), Runs: []store.Run{{Rule: "r", Remember: quotas}}}
}

func recall(t testing.TB, s *store.Store, key string) store.Memory {
	t.Helper()
	m, err := s.Recall(t.Context(), "ws", "r", key)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

var limitOf3 = store.Quota{Key: store.LimitKey, Runs: 3, Per: time.Hour, Keep: 24 * time.Hour}

func TestRemembered(t *testing.T) {
	t.Run("a quota has room for its runs, and again when its window is over", func(t *testing.T) {
		s := open(t)
		for i, step := range []struct {
			after   time.Duration
			refused bool
			want    store.Memory
		}{
			{0, false, store.Memory{Runs: 1, Since: start, By: 1}},
			{30 * time.Minute, false, store.Memory{Runs: 2, Since: start, By: 2}},
			{59 * time.Minute, false, store.Memory{Runs: 3, Since: start, By: 3}},
			{time.Hour - time.Microsecond, true, store.Memory{Runs: 3, Since: start, By: 3}},
			{time.Hour, false, store.Memory{Runs: 1, Since: start.Add(time.Hour), By: 5}},
		} {
			err := run(t, s, fmt.Sprint("n", i), start.Add(step.after), limitOf3)
			step.want.Until = step.want.Since.Add(24 * time.Hour)
			if m := recall(t, s, store.LimitKey); errors.Is(err, store.ErrRemembered) != step.refused || m != step.want {
				t.Errorf("after %s: %v, %+v; want refused %v, %+v", step.after, err, m, step.refused, step.want)
			}
		}
		if limits, err := s.Limits(t.Context(), ""); err != nil || len(limits) != 1 || limits[0].Rule != "r" || limits[0].Runs != 1 {
			t.Errorf("Limits = %+v, %v; want the one window of the rule", limits, err)
		}
	})

	t.Run("the numbers of the newest decision count", func(t *testing.T) {
		s := open(t)
		for i, step := range []struct {
			quota   store.Quota
			refused bool
		}{
			{store.Quota{Key: "k", Runs: 1, Per: time.Hour, Keep: time.Hour}, false},
			{store.Quota{Key: "k", Runs: 1, Per: time.Hour, Keep: time.Hour}, true},
			{store.Quota{Key: "k", Runs: 2, Per: time.Hour, Keep: time.Hour}, false},
			{store.Quota{Key: "k", Runs: 2, Per: time.Hour, Keep: time.Hour}, true},
			{store.Quota{Key: "k", Runs: 1, Per: time.Second, Keep: time.Hour}, false},
		} {
			if err := run(t, s, fmt.Sprint("n", i), start.Add(time.Duration(i)*time.Second), step.quota); errors.Is(err, store.ErrRemembered) != step.refused {
				t.Errorf("step %d: %v, want refused %v", i, err, step.refused)
			}
		}
	})

	t.Run("a window that may be forgotten counts as forgotten", func(t *testing.T) {
		s := open(t)
		if err := run(t, s, "n1", start, store.Quota{Key: "k", Runs: 1, Per: time.Hour, Keep: time.Hour}); err != nil {
			t.Fatal(err)
		}
		if err := run(t, s, "n2", start.Add(time.Hour), store.Quota{Key: "k", Runs: 1, Per: 24 * time.Hour, Keep: 24 * time.Hour}); err != nil {
			t.Error(err)
		}
	})

	t.Run("one quota that is used up refuses the whole decision", func(t *testing.T) {
		s := open(t)
		if err := run(t, s, "n1", start, once("once/conversation/1")[0]); err != nil {
			t.Fatal(err)
		}
		if err := run(t, s, "n2", start, limitOf3, once("once/conversation/1")[0]); !errors.Is(err, store.ErrRemembered) {
			t.Errorf("SaveDecision = %v", err)
		}
		if m := recall(t, s, store.LimitKey); m.Runs != 0 {
			t.Errorf("a refused decision counted as a run: %+v", m)
		}
	})

	t.Run("I2 a quota is exact when many decide at once", func(t *testing.T) {
		s := open(t)
		const n = 20
		for i := range n {
			put(t, s, fmt.Sprint("n", i), fmt.Sprint("conversation/", i))
		}
		claims, err := s.Claim(t.Context(), store.LaneEvents, "", n, start, time.Minute)
		for err == nil && len(claims) < n { // events are filed a few at a time
			var more []store.Claim
			more, err = s.Claim(t.Context(), store.LaneEvents, "", n, start, time.Minute)
			claims = append(claims, more...)
		}
		if err != nil {
			t.Fatal(err)
		}
		errs := make([]error, n)
		var wg sync.WaitGroup
		for i, c := range claims {
			wg.Go(func() {
				events, err := s.PendingEvents(t.Context(), c, 1)
				if err == nil {
					err = s.SaveDecision(t.Context(), c, decisionWith(events[0].Seq, start, []store.Quota{limitOf3}), true)
				}
				errs[i] = err
			})
		}
		wg.Wait()
		ran := 0
		for _, err := range errs {
			switch {
			case err == nil:
				ran++
			case !errors.Is(err, store.ErrRemembered):
				t.Error(err)
			}
		}
		if m := recall(t, s, store.LimitKey); ran != 3 || m.Runs != 3 {
			t.Errorf("%d ran, %+v; want exactly 3", ran, m)
		}
	})

	t.Run("windows survive a restart", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "state.db")
		s := openAt(t, path)
		if err := run(t, s, "n1", start, limitOf3); err != nil {
			t.Fatal(err)
		}
		want := recall(t, s, store.LimitKey)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if got := recall(t, openAt(t, path), store.LimitKey); got != want || got.Runs != 1 {
			t.Errorf("after a restart %+v, before %+v", got, want)
		}
	})
}

// I2: what ran once before the schema knew of windows does not run again after an upgrade.
func TestI2_once_survives_the_upgrade_to_windows(t *testing.T) {
	storetest.OnlySQLite(t)
	path := filepath.Join(t.TempDir(), "state.db")
	if err := store.MakeFirstVersion(t.Context(), path, "ws", "r", "once/conversation/1"); err != nil {
		t.Fatal(err)
	}
	s := openAt(t, path)
	if n, err := s.Forget(t.Context(), start, 10); err != nil || n != 0 {
		t.Errorf("Forget = %d, %v; want nothing forgotten", n, err)
	}
	if err := run(t, s, "n1", start, once("once/conversation/1")...); !errors.Is(err, store.ErrRemembered) {
		t.Errorf("SaveDecision = %v; want it refused", err)
	}
}

func TestForget(t *testing.T) {
	s := open(t)
	for i := range 5 {
		id := fmt.Sprint("n", i)
		err := run(t, s, id, start, store.Quota{Key: "cooldown/conversation/" + id, Runs: 1, Per: time.Hour, Keep: time.Duration(1+i/3) * time.Hour}, once("once/conversation/" + id)[0])
		if err != nil {
			t.Fatal(err)
		}
	}
	for i, step := range []struct {
		after time.Duration
		most  int
		want  int64
	}{
		{time.Hour - time.Microsecond, 10, 0},
		{time.Hour, 2, 2}, // a few at a time
		{time.Hour, 2, 1},
		{time.Hour, 2, 0},
		{1000 * time.Hour, 10, 2},
		{1000 * time.Hour, 10, 0},
	} {
		if n, err := s.Forget(t.Context(), start.Add(step.after), step.most); err != nil || n != step.want {
			t.Errorf("step %d: Forget = %d, %v; want %d", i, n, err, step.want)
		}
	}
	for i := range 5 {
		if m := recall(t, s, fmt.Sprint("once/conversation/n", i)); m.Runs != 1 {
			t.Error("what counts for ever was forgotten")
		}
	}
}
