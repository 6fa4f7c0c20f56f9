package store_test

import (
	"context"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"switchboard/internal/event"
	"switchboard/internal/store"
	"switchboard/internal/store/storetest"
)

func recoveredEvent(t testing.TB, subject, part string, at time.Time) event.Event {
	t.Helper()
	ev, err := event.Recovered{
		Workspace: "ws", Topic: "conversation.user.replied", Subject: subject, Part: part, At: at, Item: []byte(`{}`),
	}.Event(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return ev
}

func notification(id, subject, part string) event.Event {
	ev := newEvent(id, subject)
	ev.Part, ev.ReceivedAt = part, time.Now()
	return ev
}

func putEvents(t testing.TB, s *store.Store, events ...event.Event) {
	t.Helper()
	for _, ev := range events {
		if _, err := s.Put(t.Context(), ev); err != nil {
			t.Fatal(err)
		}
	}
}

func putRecovered(t testing.TB, s *store.Store, events ...event.Event) (last int64) {
	t.Helper()
	last, err := s.PutRecovered(t.Context(), events, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return last
}

func idsOf(events []event.Event) (ids []string) {
	for _, ev := range events {
		ids = append(ids, ev.ID)
	}
	slices.Sort(ids)
	return ids
}

// What was recovered and what a notification tells of are one event, whichever is filed first, in one
// segment or in two.
func TestI11_a_recovered_event_and_its_notification_are_one(t *testing.T) {
	filed := func(t *testing.T, s *store.Store) { allPending(t, s) }
	for name, between := range map[string]func(*testing.T, *store.Store){"filed between": filed, "filed together": func(*testing.T, *store.Store) {}} {
		t.Run("late notification, "+name, func(t *testing.T) {
			s := open(t)
			begin(t, s)
			ev := recoveredEvent(t, "conversation/1", "7", start)
			putRecovered(t, s, ev)
			between(t, s)
			putEvents(t, s, notification("notif_1", "conversation/1", "7"), notification("notif_2", "conversation/1", "8"))
			if got, want := idsOf(allPending(t, s)), []string{"notif_2", ev.ID}; !slices.Equal(got, want) {
				t.Errorf("events %q, want %q", got, want)
			}
		})
		t.Run("late recovery, "+name, func(t *testing.T) {
			s := open(t)
			begin(t, s)
			putEvents(t, s, notification("notif_1", "conversation/1", "7"))
			between(t, s)
			other := recoveredEvent(t, "conversation/1", "8", start)
			putRecovered(t, s, recoveredEvent(t, "conversation/1", "7", start), other)
			if got, want := idsOf(allPending(t, s)), []string{"notif_1", other.ID}; !slices.Equal(got, want) {
				t.Errorf("events %q, want %q", got, want)
			}
		})
	}
}

// Recovering twice puts once, also after a restart.
func TestI11_recovered_twice_is_stored_once(t *testing.T) {
	s := open(t)
	begin(t, s)
	ev := recoveredEvent(t, "conversation/1", "7", start)
	putRecovered(t, s, ev)
	putRecovered(t, s, ev)
	allPending(t, s)
	putRecovered(t, s, ev)
	if got := idsOf(allPending(t, s)); !slices.Equal(got, []string{ev.ID}) {
		t.Errorf("events %q", got)
	}
}

// Among many conversations each finds its own twin.
func TestI11_twins_of_many_conversations(t *testing.T) {
	s := open(t)
	begin(t, s)
	var want []string
	for i := range 30 {
		subject := "conversation/" + string(rune('A'+i))
		ev := recoveredEvent(t, subject, "7", start)
		putRecovered(t, s, ev)
		want = append(want, ev.ID)
	}
	allPending(t, s)
	for i := range 30 {
		putEvents(t, s, notification("notif_"+string(rune('A'+i)), "conversation/"+string(rune('A'+i)), "7"))
	}
	slices.Sort(want)
	if got := idsOf(allPending(t, s)); !slices.Equal(got, want) {
		t.Errorf("events %q, want %q", got, want)
	}
	events, err := s.EventsOn(t.Context(), "ws", "conversation/A")
	if err != nil || len(events) != 1 || events[0].Part != "7" || !events[0].CreatedAt.Equal(start) {
		t.Errorf("EventsOn = %+v, %v", events, err)
	}
}

func begin(t testing.TB, s *store.Store) {
	t.Helper()
	if err := s.BeginRecovery(t.Context(), "ws", start); err != nil {
		t.Fatal(err)
	}
}

// A watermark does not go back, and beginning again changes nothing.
func TestI11_the_watermark_only_moves_on(t *testing.T) {
	s := open(t)
	if _, ok, err := s.RecoveryOf(t.Context(), "ws"); ok || err != nil {
		t.Errorf("a new workspace has a watermark, %v", err)
	}
	begin(t, s)
	for _, at := range []time.Time{start.Add(time.Hour), start.Add(time.Minute)} {
		if err := s.EndRecovery(t.Context(), "ws", at); err != nil {
			t.Fatal(err)
		}
		begin(t, s)
	}
	want := store.Recovery{BeganAt: start, Watermark: start.Add(time.Hour)}
	if r, ok, err := s.RecoveryOf(t.Context(), "ws"); r != want || !ok || err != nil {
		t.Errorf("RecoveryOf = %+v, %t, %v; want %+v", r, ok, err, want)
	}
}

// Timers that came due after the watermark wait for the search, and not for ever.
func TestI11_timers_wait_for_the_search(t *testing.T) {
	ctx := context.Background()
	now := later.Add(time.Hour)
	s, err := store.Open(ctx, storetest.URL(t, filepath.Join(t.TempDir(), "state.db")), store.Options{Clock: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	decideTimers(t, s, "a", "conversation/1", []store.TimerChange{{Rule: "sla", Set: timerOn(1, later, 15*time.Minute)}})
	decideTimers(t, s, "b", "conversation/2", []store.TimerChange{{Rule: "sla", Set: timerOn(2, later, 45*time.Minute)}})
	begin(t, s)
	if err := s.EndRecovery(ctx, "ws", later.Add(30*time.Minute)); err != nil {
		t.Fatal(err)
	}
	if err := s.HoldTimers(ctx, now.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	ripe := func() (subjects []string) {
		claims, err := s.Claim(ctx, store.LaneEvents, "", 10, now, time.Nanosecond)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range claims {
			subjects = append(subjects, c.Subject)
			if err := s.Release(ctx, c, later.AddDate(1, 0, 0)); err != nil {
				t.Fatal(err)
			}
		}
		return subjects
	}
	if got := ripe(); !slices.Equal(got, []string{"conversation/1"}) {
		t.Errorf("while held, timers of %q are ripe", got)
	}
	if due, _, err := s.NextDue(ctx, store.LaneEvents, ""); err != nil || due.Equal(later.Add(45*time.Minute)) {
		t.Errorf("next due %s, %v: the loop would ask again and again for a timer that it cannot have", due, err)
	}
	now = now.Add(2 * time.Hour)
	if got := ripe(); !slices.Equal(got, []string{"conversation/2"}) {
		t.Errorf("when the hold has ended, timers of %q are ripe", got)
	}
}

// A timer that a recovered event starts waits for the rest of what was recovered with it.
func TestI11_what_is_recovered_together_is_filed_before_its_timers(t *testing.T) {
	s := open(t)
	begin(t, s)
	decideTimers(t, s, "a", "conversation/1", []store.TimerChange{{Rule: "sla", Set: timerOn(1, later, 15*time.Minute)}})
	var events []event.Event
	for i := range 40 { // more than is filed at once
		ev := recoveredEvent(t, "conversation/1", string(rune('0'+i)), later.Add(time.Duration(i)*time.Second))
		ev.ReceivedAt = later.Add(time.Hour)
		ev.Payload = append(ev.Payload, make([]byte, 50_000)...) // more than a segment holds
		events = append(events, ev)
	}
	last, err := s.PutRecovered(t.Context(), events, later.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := s.Claim(t.Context(), store.LaneEvents, "", 10, later.Add(time.Hour), time.Minute); err != nil {
			t.Fatal(err)
		}
		done, err := s.Filed(t.Context(), last)
		if err != nil {
			t.Fatal(err)
		}
		if timers := timersOn(t, s, "conversation/1"); !done && timers[0].Ripe {
			t.Fatal("the timer is ripe, and events that may cancel it are not filed")
		}
		if done {
			break
		}
	}
}

// An action that is parked from the start is not done, and the rest of its run is.
func TestI11_parked_from_the_start(t *testing.T) {
	s := open(t)
	put(t, s, "a", "conversation/1")
	c := claimOne(t, s, store.LaneEvents, time.Now())
	events, err := s.PendingEvents(t.Context(), c, 1)
	if err != nil || len(events) != 1 {
		t.Fatalf("PendingEvents = %v, %v", events, err)
	}
	d := store.Decision{Seq: events[0].Seq, At: start, ReceivedAt: start, Trace: []byte("{}"), Runs: []store.Run{
		{Rule: "one", Actions: []store.PlannedAction{
			{Kind: "reply", Params: []byte("{}"), Park: "too old"}, {Kind: "tag", Params: []byte("{}")},
		}},
		{Rule: "two", Actions: []store.PlannedAction{{Kind: "reply", Params: []byte("{}"), Park: "too old"}}},
	}}
	if err := s.SaveDecision(t.Context(), c, d, true); err != nil {
		t.Fatal(err)
	}
	parked, err := s.ActionsIn(t.Context(), store.StateParked, 10)
	if err != nil || len(parked) != 2 || parked[0].Error != "too old" || !parked[0].FinishedAt.Equal(start) {
		t.Errorf("parked %+v, %v", parked, err)
	}
	c = claimOne(t, s, store.LaneActions, time.Now())
	if a, ok, err := s.NextAction(t.Context(), c); !ok || err != nil || a.Kind != "tag" {
		t.Errorf("next %+v, %t, %v", a, ok, err)
	}
}

// File gives all that has arrived its place, however much that is.
func TestI11_file(t *testing.T) {
	s := open(t)
	var want []string
	for i := range 100 {
		id := "notif_" + strconv.Itoa(i)
		put(t, s, id, "conversation/1")
		want = append(want, id)
	}
	if err := s.File(t.Context()); err != nil {
		t.Fatal(err)
	}
	events, err := s.EventsOn(t.Context(), "ws", "conversation/1")
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(want)
	if got := idsOf(events); !slices.Equal(got, want) {
		t.Errorf("filed %q", got)
	}
}
