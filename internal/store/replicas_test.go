package store_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"switchboard/internal/event"
	"switchboard/internal/store"
	"switchboard/internal/store/storetest"
)

// replicas opens a new database of PostgreSQL n times, on a clock that starts at start.
func replicas(t *testing.T, n int) (list []*store.Store, clock *fakeClock) {
	t.Helper()
	url := storetest.PostgresURL(t, t.TempDir())
	clock = &fakeClock{now: start}
	for i := range n {
		s, err := store.Open(t.Context(), url, store.Options{Clock: clock.Now})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		join(t, s, fmt.Sprint("replica-", i), "rules-1")
		clock.Add(time.Millisecond)
		list = append(list, s)
	}
	for _, s := range list {
		beat(t, s)
	}
	return list, clock
}

type fakeClock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *fakeClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *fakeClock) Add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func join(t *testing.T, s *store.Store, name, rules string) {
	t.Helper()
	if err := s.Join(t.Context(), name, "test", rules); err != nil {
		t.Fatal(err)
	}
}

func beat(t *testing.T, s *store.Store) {
	t.Helper()
	if err := s.Beat(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// TestI3_replicas has three replicas take events in and decide them, and perform what follows, all at
// once. Each event is decided once, in the order of its subject, and so are actions performed.
func TestI3_replicas(t *testing.T) {
	const subjects, each = 40, 8
	list, clock := replicas(t, 3)
	var sending sync.WaitGroup
	for i := range subjects {
		sending.Go(func() { // one after the other, wherever the balancer sends them
			for n := range each {
				put(t, list[(i+n)%len(list)], fmt.Sprintf("%d/%d", i, n), fmt.Sprint("conversation/", i))
			}
		})
	}
	w := &workers{t: t, decided: map[string][]string{}, done: map[string][]int64{}, busy: map[string]bool{}}
	var working sync.WaitGroup
	stop := make(chan struct{})
	for i, s := range list {
		for _, lane := range []store.Lane{store.LaneEvents, store.LaneActions} {
			for range 3 {
				working.Go(func() { w.run(s, lane, clock, stop) })
			}
		}
		working.Go(func() { // leave and join in the midst of it, as one that was stopped for long
			if i == 2 {
				w.disturb(s, clock)
			}
		})
	}
	sending.Wait()
	deadline := time.Now().Add(60 * time.Second)
	for {
		st, err := list[0].Stats(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if st.EventsWaiting+st.ActionsWaiting == 0 || time.Now().After(deadline) {
			break
		}
	}
	close(stop)
	working.Wait()
	for i := range subjects {
		subject := fmt.Sprint("conversation/", i)
		var want []string
		for n := range each {
			want = append(want, fmt.Sprintf("%d/%d", i, n))
		}
		if got := w.decided[subject]; !slices.Equal(got, want) {
			t.Errorf("%s: decided %v", subject, got)
		}
		if got := w.done[subject]; len(got) != each || !slices.IsSorted(got) || len(slices.Compact(got)) != each {
			t.Errorf("%s: performed %v", subject, got)
		}
	}
}

// workers are what all replicas do together, as the test sees it.
type workers struct {
	t       *testing.T
	mu      sync.Mutex
	decided map[string][]string
	done    map[string][]int64
	busy    map[string]bool
}

// enter notes that somebody works on a subject, who must be alone.
func (w *workers) enter(c store.Claim, works bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	key := fmt.Sprint(c.Lane, c.Subject)
	if works && w.busy[key] {
		w.t.Errorf("two work on %s", key)
	}
	w.busy[key] = works
}

func (w *workers) run(s *store.Store, lane store.Lane, clock *fakeClock, stop chan struct{}) {
	for {
		select {
		case <-stop:
			return
		default:
		}
		claims, err := s.Claim(context.Background(), lane, "", 4, clock.Now(), time.Hour)
		if err != nil {
			w.t.Error(err)
			return
		}
		for _, c := range claims {
			w.enter(c, true)
			if lane == store.LaneEvents {
				err = w.decide(s, c)
			} else {
				err = w.act(s, c, clock.Now())
			}
			w.enter(c, false)
			if err == nil {
				err = s.Release(context.Background(), c, time.Time{})
			}
			if err != nil {
				w.t.Error(err)
			}
		}
	}
}

func (w *workers) decide(s *store.Store, c store.Claim) error {
	events, err := s.PendingEvents(context.Background(), c, 100)
	if err != nil {
		return err
	}
	for _, ev := range events {
		w.mu.Lock()
		w.decided[c.Subject] = append(w.decided[c.Subject], ev.ID)
		w.mu.Unlock()
		d := store.Decision{Seq: ev.Seq, At: start, Trace: json.RawMessage(`{}`), Runs: []store.Run{{
			Rule: "r", Actions: []store.PlannedAction{{Kind: "note", Params: json.RawMessage(`{}`)}},
			Remember: []store.Quota{{Key: "shared", Runs: 1 << 30, Per: time.Hour, Shared: true}}, // a row that all want
		}}}
		if err := s.SaveDecision(context.Background(), c, d, false); err != nil {
			return err
		}
	}
	return nil
}

func (w *workers) act(s *store.Store, c store.Claim, now time.Time) error {
	for {
		a, ok, err := s.NextAction(context.Background(), c)
		if err != nil || !ok {
			return err
		}
		if err := s.BeginAttempt(context.Background(), c, a.ID, now, time.Time{}); err != nil {
			return err
		}
		w.mu.Lock()
		w.done[c.Subject] = append(w.done[c.Subject], a.ID)
		w.mu.Unlock()
		if err := s.FinishAttempt(context.Background(), c, store.AttemptEnd{Action: a, State: store.StateDone, Attempts: 1}); err != nil {
			return err
		}
	}
}

// disturb renews signs of life, which must not touch what others hold.
func (w *workers) disturb(s *store.Store, clock *fakeClock) {
	for range 20 {
		clock.Add(100 * time.Millisecond)
		if err := s.Beat(context.Background()); err != nil {
			w.t.Error(err)
		}
	}
}

// TestI4_a_replica_that_was_taken_for_dead can change nothing under the claims it had, and its work is
// taken over at once.
func TestI4_a_replica_that_was_taken_for_dead(t *testing.T) {
	list, clock := replicas(t, 2)
	a, b := list[0], list[1]
	put(t, a, "n1", "conversation/1")
	plan(t, a, claimOne(t, a, store.LaneEvents, clock.Now()), 2, true)
	held := claimOne(t, a, store.LaneActions, clock.Now())
	first, _, err := a.NextAction(t.Context(), held)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.BeginAttempt(t.Context(), held, first.ID, clock.Now(), time.Time{}); err != nil {
		t.Fatal(err)
	}

	clock.Add(store.DefaultTakeover - time.Second)
	beat(t, b)
	if claims, err := b.Claim(t.Context(), store.LaneActions, "", 10, clock.Now(), time.Minute); err != nil || len(claims) != 0 {
		t.Fatalf("before its time: %v, %v", claims, err)
	}
	clock.Add(2 * time.Second)
	beat(t, b)
	if all, self := b.Replicas(); len(all) != 1 || all[0].ID != self || !b.Leads() {
		t.Errorf("%+v are left, %v leads", all, b.Leads())
	}
	taken := claimOne(t, b, store.LaneActions, clock.Now())

	for what, err := range map[string]error{
		"renew":   a.Renew(t.Context(), held, clock.Now().Add(time.Hour)),
		"attempt": a.BeginAttempt(t.Context(), held, first.ID, clock.Now(), time.Time{}),
		"finish":  a.FinishAttempt(t.Context(), held, store.AttemptEnd{Action: first, State: store.StateDone}),
	} {
		if !errors.Is(err, store.ErrLost) {
			t.Errorf("%s: %v, want ErrLost", what, err)
		}
	}
	if err := a.Release(t.Context(), held, time.Time{}); err != nil {
		t.Error(err)
	}
	if got, _, err := b.NextAction(t.Context(), taken); err != nil || got.State != store.StateAttempting || got.ID != first.ID {
		t.Errorf("%+v, %v; want the first, in doubt", got, err)
	}
	if err := b.FinishAttempt(t.Context(), taken, store.AttemptEnd{Action: first, State: store.StateDone}); err != nil {
		t.Error(err)
	}
	beat(t, a) // it joins again
	if all, self := a.Replicas(); len(all) != 2 || all[1].ID != self || a.Leads() {
		t.Errorf("%+v after it has joined again; leads %v", all, a.Leads())
	}
}

// TestI4_nothing_is_sent_without_a_sign_of_life is what a replica knows by itself, whatever others do.
func TestI4_nothing_is_sent_without_a_sign_of_life(t *testing.T) {
	url := storetest.PostgresURL(t, t.TempDir())
	synctest.Test(t, func(t *testing.T) {
		s, err := store.Open(t.Context(), url, store.Options{Clock: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = s.Close() }()
		if s.Alive() != nil {
			t.Error("one that is no replica is cut off")
		}
		join(t, s, "a", "r")
		time.Sleep(19 * time.Second)
		if err := s.Alive(); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Second)
		if err := s.Alive(); !errors.Is(err, store.ErrCutOff) || s.Leads() {
			t.Errorf("after 20 seconds: %v, leads %v", err, s.Leads())
		}
		beat(t, s)
		if err := s.Alive(); err != nil || !s.Leads() {
			t.Errorf("after a sign of life: %v, leads %v", err, s.Leads())
		}
	})
}

// What a replica holds when it leaves need not wait for its death to be noticed, not even when its stop has
// used up its time.
func TestReplicas_leave(t *testing.T) {
	list, clock := replicas(t, 2)
	put(t, list[0], "n1", "conversation/1")
	claimOne(t, list[0], store.LaneEvents, clock.Now())
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if err := list[0].Leave(over); err != nil {
		t.Fatal(err)
	}
	claimOne(t, list[1], store.LaneEvents, clock.Now())
}

// TestReplicas_sweeps: of two who sweep one learns that the other has.
func TestReplicas_sweeps(t *testing.T) {
	list, _ := replicas(t, 2)
	row := store.Sweep{Workspace: "ws", Rule: "r", NextAt: start}
	if err := list[0].SaveSweep(t.Context(), &row); err != nil {
		t.Fatal(err)
	}
	rows, err := list[1].Sweeps(t.Context(), "ws")
	if err != nil || len(rows) != 1 {
		t.Fatal(rows, err)
	}
	row.Pages = 1
	if err := list[0].SaveSweep(t.Context(), &row); err != nil {
		t.Fatal(err)
	}
	if err := list[1].SaveSweep(t.Context(), &rows[0]); !errors.Is(err, store.ErrLost) {
		t.Errorf("%v, want ErrLost", err)
	}
}

// TestReplicas_join_waits: a database that is busy for a moment when a replica starts is no reason not to start.
func TestReplicas_join_waits(t *testing.T) {
	url := storetest.PostgresURL(t, t.TempDir())
	s, err := store.Open(t.Context(), url, store.Options{Takeover: 3 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	db, err := sql.Open("pgx", url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	busy, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := busy.ExecContext(t.Context(), "LOCK TABLE replicas IN ACCESS EXCLUSIVE MODE"); err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(t.Context(), 900*time.Millisecond) // more than one sign of life may take
	defer cancel()
	if err := s.Join(short, "early", "test", "r"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("while it is busy: %v", err)
	}
	time.AfterFunc(900*time.Millisecond, func() { _ = busy.Rollback() })
	join(t, s, "late", "r")
	if all, _ := s.Replicas(); len(all) != 1 {
		t.Errorf("%d replicas are known, want this one", len(all))
	}
}

// Two replicas that start at once bring the schema up to date once.
func TestReplicas_start_together(t *testing.T) {
	url := storetest.PostgresURL(t, t.TempDir())
	var starting sync.WaitGroup
	for range 4 {
		starting.Go(func() {
			s, err := store.Open(t.Context(), url, store.Options{})
			if err != nil {
				t.Error(err)
				return
			}
			_ = s.Close()
		})
	}
	starting.Wait()
}

// On one clock: the database's.
func TestClock(t *testing.T) {
	s, err := store.Open(t.Context(), storetest.PostgresURL(t, t.TempDir()), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	if off := time.Until(s.Now()).Abs(); off > 10*time.Second || s.Now().Location() != time.UTC {
		t.Errorf("%s off, %s", off, s.Now())
	}
}

// What PostgreSQL cannot hold in a text does not stop an event from being filed.
func TestPut_hostile_texts(t *testing.T) {
	s := open(t)
	for i, text := range []string{"\x00", "a\xff", "\xe2\x82"} {
		ev := newEvent(fmt.Sprint(i, text), "conversation/"+text)
		ev.Part = text
		if _, err := s.Put(t.Context(), ev); err != nil {
			t.Fatal(err)
		}
	}
	var pending []event.Event
	claims, err := s.Claim(t.Context(), store.LaneEvents, "", 10, start, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range claims {
		events, err := s.PendingEvents(t.Context(), c, 10)
		if err != nil {
			t.Fatal(err)
		}
		pending = append(pending, events...)
	}
	if len(pending) != 3 {
		t.Errorf("%d of 3 events are filed", len(pending))
	}
}

// TestI3_a_claim_is_not_held_by_who_has_joined_again: one that was taken for dead is alive once more, and
// yet must not send what it held.
func TestI3_a_claim_is_not_held_by_who_has_joined_again(t *testing.T) {
	list, clock := replicas(t, 2)
	a, b := list[0], list[1]
	put(t, a, "n1", "conversation/1")
	held := claimOne(t, a, store.LaneEvents, clock.Now())
	if err := a.Holds(held); err != nil {
		t.Fatal(err)
	}
	clock.Add(store.DefaultTakeover + time.Second)
	beat(t, b)
	beat(t, a)
	if err := a.Alive(); err != nil {
		t.Fatal("it has not joined again: ", err)
	}
	if err := a.Holds(held); !errors.Is(err, store.ErrLost) {
		t.Errorf("%v, want ErrLost", err)
	}
	if err := b.Holds(claimOne(t, b, store.LaneEvents, clock.Now())); err != nil {
		t.Error(err)
	}
}

// TestReplicas_outage: when the database was away for long, all look dead, and nobody buries the others.
func TestReplicas_outage(t *testing.T) {
	url := storetest.PostgresURL(t, t.TempDir())
	synctest.Test(t, func(t *testing.T) {
		var list []*store.Store
		for i := range 3 {
			s, err := store.Open(t.Context(), url, store.Options{Clock: time.Now})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = s.Close() }()
			join(t, s, fmt.Sprint(i), "r")
			list = append(list, s)
		}
		put(t, list[0], "n1", "conversation/1")
		held := claimOne(t, list[0], store.LaneEvents, time.Now())
		time.Sleep(2 * store.DefaultTakeover)
		var beats sync.WaitGroup
		for _, s := range list {
			beats.Go(func() { beat(t, s) })
		}
		beats.Wait()
		for _, s := range list {
			beat(t, s)
			if all, _ := s.Replicas(); len(all) != 3 {
				t.Errorf("%d replicas are left", len(all))
			}
		}
		if err := list[0].Holds(held); err != nil {
			t.Error(err)
		}
	})
}

// TestTimers_I3_replicas: what another replica received before a timer came due is filed before the
// timer, although its segment has a higher number.
func TestTimers_I3_replicas(t *testing.T) {
	list, clock := replicas(t, 2)
	a, b := list[0], list[1]
	put(t, a, "start", "conversation/1")
	c := claimOne(t, a, store.LaneEvents, clock.Now())
	events, err := a.PendingEvents(t.Context(), c, 1)
	if err != nil {
		t.Fatal(err)
	}
	due := clock.Now().Add(time.Minute)
	d := store.Decision{Seq: events[0].Seq, At: clock.Now(), Trace: json.RawMessage(`{}`), Timers: []store.TimerChange{{
		Rule: "r", Set: &store.Timer{Rule: "r", Seq: events[0].Seq, Event: "start", StartedAt: clock.Now(), DueAt: due, Clock: "1m"},
	}}}
	if err := a.SaveDecision(t.Context(), c, d, true); err != nil {
		t.Fatal(err)
	}
	clock.Add(2 * time.Minute)
	for i := range 100 { // a backlog that is not filed at once, received after the timer came due
		ev := newEvent(fmt.Sprint("backlog", i), fmt.Sprint("conversation/", 100+i))
		ev.ReceivedAt = clock.Now()
		store.PutTogether(a, []event.Event{ev})
	}
	late := newEvent("cancels", "conversation/1")
	late.ReceivedAt = due.Add(-time.Second)
	store.PutTogether(b, []event.Event{late})
	var order []string
	for range 20 {
		claims, err := b.Claim(t.Context(), store.LaneEvents, "", 100, clock.Now(), time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range claims {
			if c.Subject != "conversation/1" {
				continue
			}
			events, err := b.PendingEvents(t.Context(), c, 10)
			if err != nil {
				t.Fatal(err)
			}
			for _, ev := range events {
				order = append(order, ev.Topic)
			}
			if err := b.Release(t.Context(), c, clock.Now()); err != nil {
				t.Fatal(err)
			}
		}
	}
	if len(order) == 0 || order[0] != "conversation.user.replied" {
		t.Errorf("the timer overtook what was received before it came due: %.3q", order)
	}
}
