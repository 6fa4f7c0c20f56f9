package store_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"switchboard/internal/store"
	"switchboard/internal/store/storetest"
)

// TestReplicas_lock_in_one_order: who works on a subject locks its row of lanes and then what hangs on it.
// Those who come without a claim do the same: PostgreSQL would end one of two transactions, after a second
// in which both stood still, whose locks are taken in different orders.
func TestReplicas_lock_in_one_order(t *testing.T) {
	t.Run("timers that come due", func(t *testing.T) {
		url := storetest.PostgresURL(t, t.TempDir())
		s := openOn(t, url)
		put(t, s, "start", "conversation/1")
		c := claimOne(t, s, store.LaneEvents, start)
		events, err := s.PendingEvents(t.Context(), c, 1)
		if err != nil {
			t.Fatal(err)
		}
		timer := &store.Timer{Rule: "r", Seq: events[0].Seq, Event: "start", StartedAt: start, DueAt: start, Clock: "1m"}
		d := store.Decision{Seq: events[0].Seq, At: start, Trace: json.RawMessage(`{}`), Timers: []store.TimerChange{{Rule: "r", Set: timer}}}
		if err := s.SaveDecision(t.Context(), c, d, false); err != nil {
			t.Fatal(err)
		}
		behind(t, url, "lanes", "timers", func() error {
			_, err := s.Claim(t.Context(), store.LaneEvents, "", 10, start.Add(time.Minute), time.Minute)
			return err
		})
		timers, err := s.TimersOn(t.Context(), "ws", "conversation/1")
		if err != nil || len(timers) != 1 || !timers[0].Ripe {
			t.Errorf("timers %+v, %v; want one that came due", timers, err)
		}
	})
	t.Run("the end of waiting is planned", func(t *testing.T) {
		url := storetest.PostgresURL(t, t.TempDir())
		s := openOn(t, url)
		a := act(t, s, 1)[0]
		asks := &store.Wait{Action: a.action, Since: start, Params: json.RawMessage(`{}`)}
		if ok, err := s.RecordPick(t.Context(), a.claim, pickOf(a, ""), memory(t, s, a.action), asks); err != nil || !ok {
			t.Fatal(ok, err)
		}
		w := inLine(t, s)[0]
		behind(t, url, "lanes", "waiting", func() error {
			planned, err := s.PlanWaiting(t.Context(), w, json.RawMessage(`{}`), start)
			if err == nil && !planned {
				t.Error("nothing was planned")
			}
			return err
		})
	})
}

func openOn(t *testing.T, url string) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), url, store.Options{Clock: func() time.Time { return start }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// behind locks the rows of the first table, and those of the second when do waits for it: do must not have
// them.
func behind(t *testing.T, url, first, second string, do func() error) {
	t.Helper()
	ctx := t.Context()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(ctx) }()
	lock := func(table string) error {
		_, err := conn.Exec(ctx, "SELECT 1 FROM "+table+" FOR UPDATE NOWAIT")
		return err
	}
	if _, err := conn.Exec(ctx, "BEGIN"); err != nil {
		t.Fatal(err)
	}
	if err := lock(first); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- do() }()
	for waits := false; !waits; {
		const behindMe = "SELECT EXISTS (SELECT 1 FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid)))"
		if err := conn.QueryRow(ctx, behindMe).Scan(&waits); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-done:
			t.Fatalf("it did not wait for %s: %v", first, err)
		default:
		}
	}
	if err := lock(second); err != nil {
		t.Errorf("who waits for %s has %s: %v", first, second, err)
	}
	if _, err := conn.Exec(ctx, "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}
