package store_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"switchboard/internal/event"
	"switchboard/internal/store"
	"switchboard/internal/store/storetest"
)

// open opens a new database, closed when the test ends.
func open(t testing.TB) *store.Store {
	t.Helper()
	return openAt(t, filepath.Join(t.TempDir(), "state.db"))
}

func openAt(t testing.TB, path string) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), storetest.URL(t, path), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

var start = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

func newEvent(id, subject string) event.Event {
	return event.Event{
		ID: id, Workspace: "ws", Topic: "conversation.user.replied", Subject: subject,
		CreatedAt: start, ReceivedAt: start, Payload: []byte(`{"id":"` + id + `"}`),
	}
}

func put(t testing.TB, s *store.Store, id, subject string) {
	t.Helper()
	if stored, err := s.Put(t.Context(), newEvent(id, subject)); err != nil || !stored {
		t.Fatalf("Put(%s) = %v, %v; want stored", id, stored, err)
	}
}

// claimOne claims the only subject that is due.
func claimOne(t testing.TB, s *store.Store, lane store.Lane, now time.Time) store.Claim {
	t.Helper()
	claims, err := s.Claim(t.Context(), lane, "", 10, now, time.Minute)
	if err != nil || len(claims) != 1 {
		t.Fatalf("Claim = %v, %v; want one claim", claims, err)
	}
	return claims[0]
}

// allPending claims every subject and returns the events that wait, in the order of arrival.
func allPending(t testing.TB, s *store.Store) []event.Event {
	t.Helper()
	var events []event.Event
	for range 1000 {
		claims, err := s.Claim(t.Context(), store.LaneEvents, "", 100, time.Now(), time.Nanosecond)
		if err != nil {
			t.Fatal(err)
		}
		st, err := s.Stats(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range claims {
			list, err := s.PendingEvents(t.Context(), c, 1_000_000)
			if err != nil {
				t.Fatal(err)
			}
			for _, ev := range list {
				if !slices.ContainsFunc(events, func(have event.Event) bool { return have.Seq == ev.Seq }) {
					events = append(events, ev)
				}
			}
		}
		if len(events) == st.EventsWaiting {
			break
		}
	}
	slices.SortFunc(events, func(a, b event.Event) int { return cmp.Compare(a.Seq, b.Seq) })
	return events
}

// claimFor claims one subject among several that are due.
func claimFor(t testing.TB, s *store.Store, subject string) store.Claim {
	t.Helper()
	claims, err := s.Claim(t.Context(), store.LaneEvents, "", 10, time.Now(), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(claims, func(c store.Claim) bool { return c.Subject == subject })
	if i < 0 {
		t.Fatalf("claims %v, want %s among them", claims, subject)
	}
	return claims[i]
}

func noClaims(t testing.TB, s *store.Store, lane store.Lane, now time.Time) {
	t.Helper()
	if claims, err := s.Claim(t.Context(), lane, "", 10, now, time.Minute); err != nil || len(claims) != 0 {
		t.Fatalf("Claim = %v, %v; want none", claims, err)
	}
}

// plan stores a decision on the oldest event of the claim with one run of n tags.
func plan(t testing.TB, s *store.Store, c store.Claim, n int, last bool) {
	t.Helper()
	events, err := s.PendingEvents(t.Context(), c, 1)
	if err != nil || len(events) != 1 {
		t.Fatalf("PendingEvents = %v, %v", events, err)
	}
	run := store.Run{Rule: "r-" + events[0].ID, Remember: once("once/" + c.Subject)}
	for i := range n {
		run.Actions = append(run.Actions, store.PlannedAction{Kind: "tag", Params: json.RawMessage(fmt.Sprintf(`{"n":%d}`, i))})
	}
	err = s.SaveDecision(t.Context(), c, store.Decision{
		Seq: events[0].Seq, Ruleset: "abc", At: start, ReceivedAt: start, Trace: json.RawMessage(`{}`), Runs: []store.Run{run},
	}, last)
	if err != nil {
		t.Fatal(err)
	}
}

// once is the quota of a rule that runs once for a key.
func once(key string) []store.Quota { return []store.Quota{{Key: key, Runs: 1}} }

func finish(t testing.TB, s *store.Store, c store.Claim, state store.ActionState, parts ...string) store.Action {
	t.Helper()
	a, ok, err := s.NextAction(t.Context(), c)
	if err != nil || !ok {
		t.Fatalf("NextAction = %v, %v", ok, err)
	}
	err = s.FinishAttempt(t.Context(), c, store.AttemptEnd{
		Action: a, State: state, Attempts: a.Attempts + 1, Started: start, Finished: start, Result: string(state), OwnParts: parts,
	})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestPut(t *testing.T) {
	t.Run("a notification is stored once, whoever sends it again", func(t *testing.T) {
		s := open(t)
		put(t, s, "n1", "conversation/1")
		if stored, err := s.Put(t.Context(), newEvent("n1", "conversation/1")); err != nil || stored {
			t.Fatalf("second Put = %v, %v; want a duplicate", stored, err)
		}
		other := newEvent("n1", "conversation/1")
		other.Workspace = "another"
		if stored, err := s.Put(t.Context(), other); err != nil || !stored {
			t.Fatalf("Put for another workspace = %v, %v; want stored", stored, err)
		}
	})

	t.Run("concurrent events are all stored, duplicates among them once", func(t *testing.T) {
		s := open(t)
		var wg sync.WaitGroup
		for i := range 200 {
			wg.Go(func() {
				if _, err := s.Put(t.Context(), newEvent(fmt.Sprint("n", i%100), fmt.Sprint("conversation/", i%7))); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if n := len(allPending(t, s)); n != 100 {
			t.Errorf("%d events, want 100", n)
		}
		if st, err := s.Stats(t.Context()); err != nil || st.EventsWaiting != 100 {
			t.Errorf("Stats = %+v, %v; want 100 waiting", st, err)
		}
	})

	t.Run("I2 a duplicate that nobody remembers is dropped when it is filed", func(t *testing.T) {
		s := open(t)
		put(t, s, "n1", "conversation/1")
		put(t, s, "n2", "conversation/1")
		allPending(t, s)
		store.ForgetRecent(s)
		put(t, s, "n1", "conversation/1") // said to be stored, because nobody could know
		put(t, s, "n3", "conversation/1")
		var ids []string
		for _, ev := range allPending(t, s) {
			ids = append(ids, ev.ID)
		}
		if got := strings.Join(ids, " "); got != "n1 n2 n3" {
			t.Errorf("events %s, want n1 n2 n3", got)
		}
		if n := store.Segments(s); n != 3 {
			t.Errorf("%d segments are kept, want 3: the duplicate's is of no use", n)
		}
	})

	t.Run("the newest events are known again after a restart", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "state.db")
		s := openAt(t, path)
		put(t, s, "n1", "conversation/1")
		allPending(t, s)
		_ = s.Close()
		if stored, err := openAt(t, path).Put(t.Context(), newEvent("n1", "conversation/1")); err != nil || stored {
			t.Errorf("Put = %v, %v; want a duplicate", stored, err)
		}
	})

	t.Run("large events are stored like others", func(t *testing.T) {
		s := open(t)
		var wg sync.WaitGroup
		for i := range 12 {
			wg.Go(func() {
				ev := newEvent(fmt.Sprint("n", i), "conversation/1")
				ev.Payload = bytes.Repeat([]byte{byte('a' + i)}, 200<<10)
				if _, err := s.Put(t.Context(), ev); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		events := allPending(t, s)
		for _, ev := range events {
			if len(ev.Payload) != 200<<10 || ev.Payload[0] != ev.Payload[len(ev.Payload)-1] || fmt.Sprint("n", ev.Payload[0]-'a') != ev.ID {
				t.Errorf("event %s came back with another payload", ev.ID)
			}
		}
		if len(events) != 12 {
			t.Errorf("%d events, want 12", len(events))
		}
	})

	t.Run("what a damaged disk took does not hold up the rest", func(t *testing.T) {
		s := open(t)
		put(t, s, "n1", "conversation/1")
		store.DamageSegments(s)
		put(t, s, "n2", "conversation/1")
		if events := allPending(t, s); len(events) != 1 || events[0].ID != "n2" {
			t.Errorf("events %v, want n2", events)
		}
		if n := store.Segments(s); n != 2 {
			t.Errorf("%d segments are kept, want the damaged one, too", n)
		}
	})

	t.Run("an event whose payload a damaged disk took is decided without, and pruned", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "state.db")
		s := openAt(t, path)
		put(t, s, "n1", "conversation/1")
		put(t, s, "n2", "conversation/2")
		allPending(t, s)
		_ = s.Close()
		s = openAt(t, path) // nothing is in memory
		store.DamageSegments(s)
		events := allPending(t, s)
		if len(events) != 2 || events[0].ID != "n1" || len(events[0].Payload) != 0 {
			t.Fatalf("events %v, want both, without payloads", events)
		}
		plan(t, s, claimFor(t, s, "conversation/1"), 0, true)
		if n, err := s.Prune(t.Context(), start.Add(time.Hour), 10); err != nil || n != 1 {
			t.Errorf("Prune = %d, %v; want one", n, err)
		}
	})

	t.Run("a clock that was ahead holds up nobody", func(t *testing.T) {
		s := open(t)
		put(t, s, "n1", "conversation/1")
		early := newEvent("n2", "conversation/2")
		early.ReceivedAt = start.Add(24 * time.Hour)
		if _, err := s.Put(t.Context(), early); err != nil {
			t.Fatal(err)
		}
		claims, err := s.Claim(t.Context(), store.LaneEvents, "", 10, start, time.Minute)
		if err != nil || len(claims) != 2 {
			t.Errorf("Claim = %v, %v; want both subjects", claims, err)
		}
	})

	t.Run("bytes are kept as they came", func(t *testing.T) {
		s := open(t)
		ev := newEvent("n1", "conversation/1")
		ev.Payload = []byte("{\"a\":\t\"\\u0000 é\"}\n")
		ev.Part = "77"
		if _, err := s.Put(t.Context(), ev); err != nil {
			t.Fatal(err)
		}
		got, err := s.PendingEvents(t.Context(), claimOne(t, s, store.LaneEvents, start), 5)
		if err != nil || len(got) != 1 {
			t.Fatal(got, err)
		}
		ev.Seq = got[0].Seq
		if fmt.Sprint(got[0]) != fmt.Sprint(ev) {
			t.Errorf("read back %v\nwant %v", got[0], ev)
		}
	})
}

func TestClaims(t *testing.T) {
	t.Run("I3 a claimed subject is nobody else's, in its lane", func(t *testing.T) {
		s := open(t)
		put(t, s, "n1", "conversation/1")
		c := claimOne(t, s, store.LaneEvents, start)
		noClaims(t, s, store.LaneEvents, start)
		plan(t, s, c, 1, false)
		claimOne(t, s, store.LaneActions, start) // the other lane is free
	})

	t.Run("I3 events come in the order of arrival", func(t *testing.T) {
		s := open(t)
		for i := range 20 {
			put(t, s, fmt.Sprint("n", i), "conversation/1")
		}
		events, err := s.PendingEvents(t.Context(), claimOne(t, s, store.LaneEvents, start), 50)
		if err != nil {
			t.Fatal(err)
		}
		for i, ev := range events {
			if want := fmt.Sprint("n", i); ev.ID != want {
				t.Fatalf("event %d is %s, want %s", i, ev.ID, want)
			}
		}
	})

	t.Run("work that arrives during a claim is found after it", func(t *testing.T) {
		s := open(t)
		put(t, s, "n1", "conversation/1")
		c := claimOne(t, s, store.LaneEvents, start)
		put(t, s, "n2", "conversation/1")
		noClaims(t, s, store.LaneEvents, start)
		plan(t, s, c, 0, true) // n1 only, and releases as if nothing remained
		c = claimOne(t, s, store.LaneEvents, start)
		plan(t, s, c, 0, true)
		noClaims(t, s, store.LaneEvents, start.Add(time.Hour))
	})

	t.Run("a released subject waits for its time", func(t *testing.T) {
		s := open(t)
		put(t, s, "n1", "conversation/1")
		c := claimOne(t, s, store.LaneEvents, start)
		if err := s.Release(t.Context(), c, start.Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		put(t, s, "n2", "conversation/1") // newer work does not overtake
		noClaims(t, s, store.LaneEvents, start.Add(59*time.Second))
		claimOne(t, s, store.LaneEvents, start.Add(time.Minute))
	})

	t.Run("a lease that ended can be taken over, and its holder can change nothing", func(t *testing.T) {
		s := open(t)
		put(t, s, "n1", "conversation/1")
		late := claimOne(t, s, store.LaneEvents, start)
		noClaims(t, s, store.LaneEvents, start.Add(59*time.Second))
		now := claimOne(t, s, store.LaneEvents, start.Add(time.Minute))
		d := store.Decision{Seq: 1, Ruleset: "abc", At: start, Trace: json.RawMessage(`{}`)}
		for name, err := range map[string]error{
			"SaveDecision": s.SaveDecision(t.Context(), late, d, true),
			"Renew":        s.Renew(t.Context(), late, start.Add(time.Hour)),
		} {
			if !errors.Is(err, store.ErrLost) {
				t.Errorf("%s of the late holder = %v, want ErrLost", name, err)
			}
		}
		if err := s.Release(t.Context(), late, time.Time{}); err != nil { // changes nothing
			t.Fatal(err)
		}
		plan(t, s, now, 1, true)

		late = claimOne(t, s, store.LaneActions, start)
		now = claimOne(t, s, store.LaneActions, start.Add(time.Hour))
		a, _, err := s.NextAction(t.Context(), late)
		if err != nil {
			t.Fatal(err)
		}
		for name, err := range map[string]error{
			"BeginAttempt":  s.BeginAttempt(t.Context(), late, a.ID, start, time.Time{}),
			"FinishAttempt": s.FinishAttempt(t.Context(), late, store.AttemptEnd{Action: a, State: store.StateDone}),
		} {
			if !errors.Is(err, store.ErrLost) {
				t.Errorf("%s of the late holder = %v, want ErrLost", name, err)
			}
		}
		finish(t, s, now, store.StateDone)
	})

	t.Run("those that waited longest are claimed first", func(t *testing.T) {
		s := open(t)
		for i := range 5 {
			ev := newEvent(fmt.Sprint("n", i), fmt.Sprint("conversation/", i))
			ev.ReceivedAt = start.Add(-time.Duration(i) * time.Second)
			if _, err := s.Put(t.Context(), ev); err != nil {
				t.Fatal(err)
			}
		}
		claims, err := s.Claim(t.Context(), store.LaneEvents, "", 2, start, time.Minute)
		if err != nil || len(claims) != 2 {
			t.Fatal(claims, err)
		}
		for _, c := range claims {
			if c.Subject != "conversation/3" && c.Subject != "conversation/4" {
				t.Errorf("claimed %s, which came last", c.Subject)
			}
		}
	})
}

func TestSaveDecision(t *testing.T) {
	t.Run("I2 an event is evaluated once", func(t *testing.T) {
		s := open(t)
		put(t, s, "n1", "conversation/1")
		c := claimOne(t, s, store.LaneEvents, start)
		plan(t, s, c, 1, false)
		err := s.SaveDecision(t.Context(), c, store.Decision{Seq: 1, Ruleset: "abc", At: start, Trace: json.RawMessage(`{}`)}, false)
		if !errors.Is(err, store.ErrLost) {
			t.Errorf("second decision on one event = %v, want ErrLost", err)
		}
	})

	t.Run("I2 a key that is taken refuses the whole decision", func(t *testing.T) {
		s := open(t)
		put(t, s, "n1", "conversation/1")
		put(t, s, "n2", "conversation/2")
		claims, err := s.Claim(t.Context(), store.LaneEvents, "", 10, start, time.Minute)
		if err != nil || len(claims) != 2 {
			t.Fatal(claims, err)
		}
		var errs []error
		for _, c := range claims { // both were evaluated before either was stored
			events, _ := s.PendingEvents(t.Context(), c, 1)
			errs = append(errs, s.SaveDecision(t.Context(), c, store.Decision{
				Seq: events[0].Seq, At: start, Trace: json.RawMessage(`{}`),
				Runs: []store.Run{{Rule: "hello", Remember: once("once/contact/7"), Actions: []store.PlannedAction{{Kind: "reply"}}}},
			}, true))
		}
		if errs[0] != nil || !errors.Is(errs[1], store.ErrRemembered) {
			t.Errorf("SaveDecision = %v, %v; want the second refused", errs[0], errs[1])
		}
		if st, _ := s.Stats(t.Context()); st.ActionsWaiting != 1 || st.EventsWaiting != 1 {
			t.Errorf("Stats = %+v; want one action planned, one event to evaluate again", st)
		}
	})

	t.Run("I2 decision, actions and memory commit together or not at all", func(t *testing.T) {
		s := open(t)
		put(t, s, "n1", "conversation/1")
		c := claimOne(t, s, store.LaneEvents, start)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		err := s.SaveDecision(ctx, c, store.Decision{Seq: 1, Runs: []store.Run{{Rule: "r", Remember: once("k")}}}, false)
		if err == nil {
			t.Fatal("a cancelled write reported success")
		}
		m, err1 := s.Recall(t.Context(), "ws", "r", "k")
		_, decided, err2 := s.DecisionOf(t.Context(), 1)
		events, err3 := s.PendingEvents(t.Context(), c, 1)
		if err := errors.Join(err1, err2, err3); err != nil {
			t.Fatal(err)
		}
		if m.Runs != 0 || decided || len(events) != 1 {
			t.Errorf("%d runs, decided %v, %d events waiting; want nothing of a write that failed", m.Runs, decided, len(events))
		}
		plan(t, s, c, 2, true)
		m, _ = s.Recall(t.Context(), "ws", "r-n1", "once/conversation/1")
		list, _ := s.ActionsOf(t.Context(), 1)
		if m.Runs != 1 || len(list) != 2 {
			t.Errorf("%d runs, %d actions; want all of a write that succeeded", m.Runs, len(list))
		}
	})
}

func TestActions(t *testing.T) {
	ready := func(t *testing.T, n int) (*store.Store, store.Claim) {
		s := open(t)
		put(t, s, "n1", "conversation/1")
		plan(t, s, claimOne(t, s, store.LaneEvents, start), n, true)
		return s, claimOne(t, s, store.LaneActions, start)
	}

	t.Run("I3 actions come in plan order", func(t *testing.T) {
		s, c := ready(t, 5)
		for i := range 5 {
			if a := finish(t, s, c, store.StateDone); string(a.Params) != fmt.Sprintf(`{"n":%d}`, i) {
				t.Fatalf("action %d has parameters %s", i, a.Params)
			}
		}
		if _, ok, _ := s.NextAction(t.Context(), c); ok {
			t.Error("a done action came again")
		}
	})

	t.Run("I4 an attempt is on record before its end is known", func(t *testing.T) {
		s, c := ready(t, 1)
		a, _, _ := s.NextAction(t.Context(), c)
		at := start.Add(time.Second)
		for _, theirs := range []time.Time{at.Add(-time.Hour), {}} {
			if err := s.BeginAttempt(t.Context(), c, a.ID, at, theirs); err != nil {
				t.Fatal(err)
			}
			a, _, _ = s.NextAction(t.Context(), c)
			if a.State != store.StateAttempting || !a.AttemptedAt.Equal(at) || !a.AttemptedTheirs.Equal(theirs) {
				t.Errorf("after BeginAttempt: %s at %s, at %s theirs", a.State, a.AttemptedAt, a.AttemptedTheirs)
			}
		}
		if err := s.BeginAttempt(t.Context(), c, a.ID, at, at); err != nil {
			t.Fatal(err)
		}
		store.BeginAttemptAsBefore10(s, a.ID, at.Add(time.Minute))
		if a, _, _ = s.NextAction(t.Context(), c); !a.AttemptedAt.Equal(at.Add(time.Minute)) || !a.AttemptedTheirs.IsZero() {
			t.Errorf("attempted by an older replica at %s: at %s theirs, want unknown", a.AttemptedAt, a.AttemptedTheirs)
		}
	})

	t.Run("I6 a dead letter holds back the rest of its run and nothing else", func(t *testing.T) {
		s, c := ready(t, 3)
		put(t, s, "n2", "conversation/1")
		plan(t, s, claimOne(t, s, store.LaneEvents, start), 2, true)
		finish(t, s, c, store.StateDone)
		dead := finish(t, s, c, store.StateDead)
		next := finish(t, s, c, store.StateDone)
		if next.Run == dead.Run {
			t.Errorf("after a dead letter came action %d of the same run", next.ID)
		}
		st, err := s.Stats(t.Context())
		if err != nil || st.Dead != 1 || st.Held != 1 || st.ActionsWaiting != 1 {
			t.Errorf("Stats = %+v, %v; want 1 dead, 1 held, 1 waiting", st, err)
		}
		held, err := s.ActionsIn(t.Context(), store.StateHeld, 10)
		if err != nil || len(held) != 1 || !strings.Contains(held[0].Error, "held back") {
			t.Errorf("held = %+v, %v", held, err)
		}
	})

	t.Run("I9 parts that calls returned are known as ours", func(t *testing.T) {
		s, c := ready(t, 1)
		finish(t, s, c, store.StateDone, "p1", "p2")
		for part, want := range map[string]bool{"p1": true, "p2": true, "p3": false} {
			if got, err := s.OwnPart(t.Context(), "ws", part); err != nil || got != want {
				t.Errorf("OwnPart(%s) = %v, %v; want %v", part, got, err, want)
			}
		}
	})

	t.Run("a failed attempt stays in the history", func(t *testing.T) {
		s, c := ready(t, 1)
		a, _, _ := s.NextAction(t.Context(), c)
		err := s.FinishAttempt(t.Context(), c, store.AttemptEnd{
			Action: a, State: store.StatePlanned, Attempts: 1, DueAt: start.Add(time.Minute),
			Started: start, Finished: start.Add(time.Second), Result: "retry", Error: "503",
		})
		if err != nil {
			t.Fatal(err)
		}
		history, err := s.AttemptsOf(t.Context(), a.ID)
		if err != nil || len(history) != 1 || history[0].Result != "retry" || history[0].Error != "503" {
			t.Errorf("history = %+v, %v", history, err)
		}
	})
}

// TestInFlightAbout_I9 shows what counts as under way, and that what waits is not looked through:
// contacts have the most events of all, and there may be a long queue.
func TestInFlightAbout_I9(t *testing.T) {
	s := open(t)
	inFlight := func() bool {
		t.Helper()
		found, err := s.InFlightAbout(t.Context(), "ws", "nobody", "c9")
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	put(t, s, "n1", "conversation/1")
	c := claimOne(t, s, store.LaneEvents, start)
	params, err := json.Marshal(map[string]string{"contact": "c9", "company_id": "R&D 100%"})
	if err != nil {
		t.Fatal(err)
	}
	run := store.Run{Rule: "r", Actions: []store.PlannedAction{{Kind: "contact", Params: params}}}
	if err := s.SaveDecision(t.Context(), c, store.Decision{Seq: 1, At: start, Trace: json.RawMessage(`{}`), Runs: []store.Run{run}}, true); err != nil {
		t.Fatal(err)
	}
	if inFlight() {
		t.Error("an action that only waits counts as under way")
	}
	c = claimOne(t, s, store.LaneActions, start)
	if !inFlight() {
		t.Error("a claimed action does not count as under way")
	}
	for id, want := range map[string]bool{"R&D 100%": true, "R&D 100": false, "%": false, "c_": false} {
		if got, err := s.InFlightAbout(t.Context(), "ws", id); err != nil || got != want {
			t.Errorf("an action about %q is under way: %v, %v; want %v", id, got, err, want)
		}
	}
	a, _, err := s.NextAction(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.BeginAttempt(t.Context(), c, a.ID, start, time.Time{}), s.Release(t.Context(), c, start.Add(time.Hour))); err != nil {
		t.Fatal(err)
	}
	if !inFlight() {
		t.Error("an action in doubt does not count as under way")
	}
	if err := s.FinishAttempt(t.Context(), claimOne(t, s, store.LaneActions, start.Add(time.Hour)), store.AttemptEnd{
		Action: a, State: store.StateDone, Touched: []string{"contact/c9"}, TouchedFrom: start, TouchedTo: start.Add(3 * time.Second),
	}); err != nil {
		t.Fatal(err)
	}
	for after, want := range map[time.Duration]bool{-time.Second: false, 0: true, 3*time.Second + 900*time.Millisecond: true, 4 * time.Second: false} {
		if got, err := s.Touched(t.Context(), "ws", "contact/c9", start.Add(after)); err != nil || got != want {
			t.Errorf("touched %s after = %v, %v; want %v", after, got, err, want)
		}
	}
	if storetest.Postgres() {
		return // its plans depend on how many rows there are
	}
	for _, step := range store.InFlightAboutPlan(s) {
		whole := strings.Contains(step, "SCAN") || strings.Contains(step, "actions_open (workspace=?)")
		if whole {
			t.Errorf("it looks through all that waits: %s", step)
		}
	}
}

func TestPrune(t *testing.T) {
	s := open(t)
	put(t, s, "old", "conversation/1")
	put(t, s, "waiting", "conversation/2")
	put(t, s, "unfinished", "conversation/3")
	claims, err := s.Claim(t.Context(), store.LaneEvents, "", 10, start, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range claims {
		if c.Subject != "conversation/2" {
			plan(t, s, c, 1, true)
		}
	}
	acting, err := s.Claim(t.Context(), store.LaneActions, "", 10, start, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range acting {
		if c.Subject == "conversation/1" {
			finish(t, s, c, store.StateDone)
		}
	}
	if n, err := s.Prune(t.Context(), start, 10); err != nil || n != 0 {
		t.Fatalf("Prune(younger) = %d, %v", n, err)
	}
	if n, err := s.Prune(t.Context(), start.Add(time.Second), 10); err != nil || n != 1 {
		t.Fatalf("Prune = %d, %v; want only the finished one", n, err)
	}
	if n := store.Segments(s); n != 2 {
		t.Errorf("%d segments are kept, want 2", n)
	}
	if m, _ := s.Recall(t.Context(), "ws", "r-old", "once/conversation/1"); m.Runs != 1 {
		t.Error("pruning an event made its rule forget that it ran")
	}
	if st, _ := s.Stats(t.Context()); st.EventsWaiting != 1 || st.ActionsWaiting != 1 {
		t.Errorf("after pruning: %+v", st)
	}
}

// TestI10_pruning_goes_on deletes in small steps past an event that has to stay: whoever prunes
// asks whether there was as much to delete as he wanted, and goes on at once.
func TestI10_pruning_goes_on(t *testing.T) {
	s := open(t)
	for i := range 25 {
		put(t, s, fmt.Sprint("n", i), fmt.Sprint("conversation/", i))
	}
	for range 25 {
		claims, err := s.Claim(t.Context(), store.LaneEvents, "", 50, time.Now(), time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range claims {
			if c.Subject != "conversation/2" {
				plan(t, s, c, 0, true)
			}
		}
	}
	var steps []int64
	for range 6 {
		n, err := s.Prune(t.Context(), start.Add(time.Hour), 5)
		if err != nil {
			t.Fatal(err)
		}
		steps = append(steps, n)
	}
	if want := []int64{5, 5, 5, 5, 4, 0}; !slices.Equal(steps, want) {
		t.Errorf("deleted %v, want %v", steps, want)
	}
}

// TestForget_touches deletes them after a day, whether there are old events or not.
func TestForget_touches(t *testing.T) {
	s := open(t)
	put(t, s, "n1", "conversation/1")
	plan(t, s, claimOne(t, s, store.LaneEvents, start), 1, true)
	c := claimOne(t, s, store.LaneActions, start)
	a, _, err := s.NextAction(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.FinishAttempt(t.Context(), c, store.AttemptEnd{Action: a, State: store.StateDone, Touched: []string{"contact/c9"}, TouchedFrom: start, TouchedTo: start}); err != nil {
		t.Fatal(err)
	}
	for after, want := range []bool{true, false} {
		if _, err := s.Forget(t.Context(), start.Add(time.Duration(after)*25*time.Hour), 10); err != nil {
			t.Fatal(err)
		}
		if got, err := s.Touched(t.Context(), "ws", "contact/c9", start); err != nil || got != want {
			t.Errorf("after %d days: %v, %v; want %v", after, got, err, want)
		}
	}
}

// TestI10_pruned shows that what a customer wrote goes although an event that came in with it
// stays.
func TestI10_pruned(t *testing.T) {
	s := open(t)
	together := make([]event.Event, 40)
	for i := range together {
		together[i] = newEvent(fmt.Sprint("n", i), fmt.Sprint("conversation/", i))
		together[i].Payload = fmt.Appendf(nil, "words of customer %d.", i)
	}
	store.PutTogether(s, together)
	for len(allPending(t, s)) > 1 {
		claims, err := s.Claim(t.Context(), store.LaneEvents, "", 10, time.Now(), time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range claims {
			if c.Subject != "conversation/7" {
				plan(t, s, c, 0, true)
			} else if err := s.Release(t.Context(), c, start); err != nil {
				t.Fatal(err)
			}
		}
	}
	if n, err := s.Prune(t.Context(), start.Add(time.Hour), 100); err != nil || n != 39 {
		t.Fatalf("Prune = %d, %v; want all but one", n, err)
	}
	events := allPending(t, s)
	if len(events) != 1 || string(events[0].Payload) != "words of customer 7." {
		t.Errorf("the event that waits is %v", events)
	}
	for _, ev := range store.AllStored(s) {
		if len(ev.Payload) > 0 && ev.ID != "n7" {
			t.Errorf("after pruning there is still %q", ev.Payload)
		}
	}
}

// TestI7_pruning_is_interrupted stops while events are being pruned: the race detector sees
// what is still being written.
func TestI7_pruning_is_interrupted(t *testing.T) {
	s := open(t)
	for i := range 50 {
		put(t, s, fmt.Sprint("n", i), fmt.Sprint("conversation/", i))
	}
	for len(allPending(t, s)) > 0 {
		claims, err := s.Claim(t.Context(), store.LaneEvents, "", 50, time.Now(), time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range claims {
			plan(t, s, c, 0, true)
		}
	}
	var wg sync.WaitGroup
	for range 20 {
		ctx, cancel := context.WithCancel(t.Context())
		wg.Go(func() { _, _ = s.Prune(ctx, start.Add(time.Hour), 10) })
		wg.Go(cancel)
	}
	wg.Wait()
}

func TestOpen(t *testing.T) {
	t.Run("what is wrong with the URL is said", func(t *testing.T) {
		for url, want := range map[string]string{
			"sqlite:":                            "names no file",
			"mysql://user:secret@host/db":        "write sqlite:FILE or postgres://USER@HOST/NAME",
			"postgres://user:secret@host:x/db":   "port",
			"sqlite:" + t.TempDir() + "/no/x.db": "does not exist",
		} {
			_, err := store.Open(t.Context(), url, store.Options{})
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("Open(%s) = %v; want %q", url, err, want)
			}
			if err != nil && strings.Contains(err.Error(), "secret") {
				t.Errorf("Open shows a password: %v", err)
			}
		}
	})

	t.Run("a second opener is refused, and let in when the first is gone", func(t *testing.T) {
		storetest.OnlySQLite(t)
		path := filepath.Join(t.TempDir(), "state.db")
		s := openAt(t, path)
		_, err := store.Open(t.Context(), "sqlite:"+path, store.Options{})
		if !errors.Is(err, store.ErrInUse) || !strings.Contains(err.Error(), fmt.Sprint("pid ", os.Getpid())) {
			t.Fatalf("second Open = %v; want ErrInUse with the pid", err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		openAt(t, path)
	})

	t.Run("a database of a newer version is refused", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "state.db")
		s := openAt(t, path)
		if err := store.SetSchemaVersion(s, 99); err != nil {
			t.Fatal(err)
		}
		_ = s.Close()
		_, err := store.Open(t.Context(), storetest.URL(t, path), store.Options{})
		if err == nil || !strings.Contains(err.Error(), "newer switchboard") {
			t.Fatalf("Open = %v; want a refusal", err)
		}
	})

	t.Run("asking whether it is well can be done for ever", func(t *testing.T) {
		s := open(t)
		for range 20 { // more often than there are connections
			if err := s.Ping(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	})

	t.Run("a closed store says so", func(t *testing.T) {
		s := open(t)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Put(t.Context(), newEvent("n", "conversation/1")); !errors.Is(err, store.ErrClosed) {
			t.Errorf("Put = %v, want ErrClosed", err)
		}
	})
}

// TestI1_killed runs itself as another process that stores events and prints each id once it
// may be acknowledged, kills it, and looks for all that was printed.
func TestI1_killed(t *testing.T) {
	if url := os.Getenv("STORE_TEST_CHILD"); url != "" {
		storeUntilKilled(t, url)
		return
	}
	path := filepath.Join(t.TempDir(), "state.db")
	acked := map[string]bool{}
	for round := range 3 {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestI1_killed$")
		cmd.Env = append(os.Environ(), "STORE_TEST_CHILD="+storetest.URL(t, path), fmt.Sprint("STORE_TEST_ROUND=", round))
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		for range 50 + 40*round {
			var id string
			if _, err := fmt.Fscanln(out, &id); err != nil {
				t.Fatal("the child stopped early: ", err)
			}
			acked[id] = true
		}
		_ = cmd.Process.Kill() // SIGKILL
		for {                  // what it printed before the kill counts, too
			var id string
			if _, err := fmt.Fscanln(out, &id); err != nil {
				break
			}
			if strings.HasSuffix(id, ".") {
				acked[id] = true
			}
		}
		_ = cmd.Wait()
	}
	s := openAt(t, path)
	have := map[string]bool{}
	for _, ev := range allPending(t, s) {
		have[ev.ID] = true
	}
	for id := range acked {
		if !have[id] {
			t.Errorf("event %s was acknowledged and is lost", id)
		}
	}
}

func storeUntilKilled(t *testing.T, url string) {
	s, err := store.Open(t.Context(), url, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for w := range 4 {
		go func() {
			for i := 0; ; i++ {
				id := fmt.Sprintf("r%s-w%d-%d.", os.Getenv("STORE_TEST_ROUND"), w, i)
				if _, err := s.Put(context.Background(), newEvent(id, fmt.Sprint("conversation/", w))); err != nil {
					fmt.Println("error", err)
					return
				}
				fmt.Println(id)
			}
		}()
	}
	select {}
}

// TestGroupCommit shows that one caller's failure is not another's.
func TestGroupCommit(t *testing.T) {
	s := open(t)
	put(t, s, "n0", "conversation/0")
	c := claimOne(t, s, store.LaneEvents, start)
	lost := c
	lost.Fence++
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			if _, err := s.Put(t.Context(), newEvent(fmt.Sprint("m", i), "conversation/1")); err != nil {
				t.Error(err)
			}
		})
		wg.Go(func() {
			err := s.SaveDecision(t.Context(), lost, store.Decision{Seq: 1, Trace: json.RawMessage(`{}`)}, false)
			if !errors.Is(err, store.ErrLost) {
				t.Errorf("a lost claim = %v", err)
			}
		})
	}
	wg.Wait()
	if st, err := s.Stats(t.Context()); err != nil || st.EventsWaiting != 51 {
		t.Errorf("Stats = %+v, %v; want 51 waiting", st, err)
	}
}

// TestClaims_of_a_workspace: a flood in one workspace keeps the work of another from nothing.
func TestClaims_of_a_workspace(t *testing.T) {
	s := open(t)
	for i := range 50 {
		put(t, s, fmt.Sprint("flood", i), fmt.Sprint("conversation/", i))
	}
	other := newEvent("n1", "conversation/1")
	other.Workspace = "other"
	if _, err := s.Put(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	var claims []store.Claim
	for range 10 { // it is filed after the flood, some at a time
		more, err := s.Claim(t.Context(), store.LaneEvents, "other", 10, start, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		claims = append(claims, more...)
	}
	if len(claims) != 1 || claims[0].Workspace != "other" {
		t.Fatalf("%+v, want the subject of the other workspace", claims)
	}
	if due, ok, err := s.NextDue(t.Context(), store.LaneEvents, "other"); err != nil || !ok || due.Before(start.Add(time.Minute)) {
		t.Errorf("%s, %v, %v: want the end of the lease", due, ok, err)
	}
	rest, err := s.Claim(t.Context(), store.LaneEvents, "ws", 100, start, time.Minute)
	if err != nil || len(rest) == 0 {
		t.Fatalf("%v, %v", rest, err)
	}
	for _, c := range rest {
		if c.Workspace != "ws" {
			t.Errorf("%+v", c)
		}
	}
}
