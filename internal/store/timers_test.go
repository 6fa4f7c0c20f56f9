package store_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"switchboard/internal/event"
	"switchboard/internal/store"
)

// later has not come when the tests run, so that claims of the present leave timers alone.
var later = start.AddDate(100, 0, 0)

// timerOn is a timer that the event seq started at a time.
func timerOn(seq int64, started time.Time, after time.Duration) *store.Timer {
	return &store.Timer{
		Seq: seq, Event: fmt.Sprint("notif_", seq), Topic: "conversation.user.created", Part: "7",
		HappenedAt: started, StartedAt: started, DueAt: started.Add(after), Clock: after.String(),
	}
}

// decideTimers stores a decision on a new event of the subject that does this to timers.
func decideTimers(t testing.TB, s *store.Store, id, subject string, changes []store.TimerChange, cancels ...store.Cancel) {
	t.Helper()
	put(t, s, id, subject)
	c := claimFor(t, s, subject)
	events, err := s.PendingEvents(t.Context(), c, 1)
	if err != nil || len(events) != 1 {
		t.Fatalf("PendingEvents = %v, %v", events, err)
	}
	d := store.Decision{Seq: events[0].Seq, At: start, ReceivedAt: start, Trace: []byte("{}"), Timers: changes, Cancels: cancels}
	if err := s.SaveDecision(t.Context(), c, d, true); err != nil {
		t.Fatal(err)
	}
}

func timersOn(t testing.TB, s *store.Store, subject string) []store.Timer {
	t.Helper()
	list, err := s.TimersOn(t.Context(), "ws", subject)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func nextDue(t testing.TB, s *store.Store) time.Time {
	t.Helper()
	due, _, err := s.NextDue(t.Context(), store.LaneEvents, "")
	if err != nil {
		t.Fatal(err)
	}
	return due
}

// A timer that comes due becomes an event of its subject, and stays until that is decided.
func TestTimers_ripen(t *testing.T) {
	s := open(t)
	decideTimers(t, s, "a", "conversation/1", []store.TimerChange{{Rule: "sla", Set: timerOn(5, start, 15*time.Minute)}})
	due := start.Add(15 * time.Minute)
	if got := nextDue(t, s); !got.Equal(due) {
		t.Errorf("due next at %v, want %v", got, due)
	}
	noClaims(t, s, store.LaneEvents, due.Add(-time.Microsecond))

	c := claimOne(t, s, store.LaneEvents, due)
	events, err := s.PendingEvents(t.Context(), c, 10)
	if err != nil || len(events) != 1 {
		t.Fatalf("pending %v, %v", events, err)
	}
	ev := events[0]
	timer, err := event.ReadTimer(ev)
	want := event.Timer{Rule: "sla", Version: 1, DueAt: due, Trigger: event.Trigger{Seq: 5, ID: "notif_5", Topic: "conversation.user.created", Part: "7", At: start, Started: start}}
	if err != nil || timer != want || ev.Topic != event.TopicTimer || ev.Subject != "conversation/1" || !ev.ReceivedAt.Equal(due) {
		t.Errorf("event %+v: %+v, %v", ev, timer, err)
	}
	if list := timersOn(t, s, "conversation/1"); len(list) != 1 || !list[0].Ripe {
		t.Errorf("timers %+v", list)
	}
	d := store.Decision{Seq: ev.Seq, At: due, ReceivedAt: due, Trace: []byte("{}"), Timers: []store.TimerChange{{Rule: "sla"}}}
	if err := s.SaveDecision(t.Context(), c, d, true); err != nil {
		t.Fatal(err)
	}
	if list := timersOn(t, s, "conversation/1"); len(list) != 0 {
		t.Errorf("left: %+v", list)
	}
	noClaims(t, s, store.LaneEvents, due.Add(time.Hour))
}

// A timer that is started again after it came due comes due again, as another event.
func TestTimers_started_again(t *testing.T) {
	s := open(t)
	decideTimers(t, s, "a", "conversation/1", []store.TimerChange{{Rule: "sla", Set: timerOn(5, start, time.Minute)}})
	first := claimOne(t, s, store.LaneEvents, start.Add(time.Minute))
	if err := s.Release(t.Context(), first, start); err != nil {
		t.Fatal(err)
	}
	decide := func(id string, change store.TimerChange) {
		t.Helper()
		put(t, s, id, "conversation/1")
		c := claimFor(t, s, "conversation/1")
		events, err := s.PendingEvents(t.Context(), c, 10)
		if err != nil {
			t.Fatal(err)
		}
		for _, ev := range events {
			d := store.Decision{Seq: ev.Seq, At: start, ReceivedAt: start, Trace: []byte("{}")}
			if ev.ID == id {
				d.Timers = []store.TimerChange{change}
			}
			if err := s.SaveDecision(t.Context(), c, d, false); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Release(t.Context(), c, time.Time{}); err != nil {
			t.Fatal(err)
		}
	}
	decide("b", store.TimerChange{Rule: "sla", Set: timerOn(6, start.Add(time.Second), time.Hour)})
	if list := timersOn(t, s, "conversation/1"); len(list) != 1 || list[0].Version != 2 || list[0].Ripe || list[0].Seq != 6 {
		t.Errorf("timers %+v", list)
	}
	c := claimOne(t, s, store.LaneEvents, start.Add(2*time.Hour))
	events, err := s.PendingEvents(t.Context(), c, 10)
	if err != nil || len(events) != 1 || events[0].ID != "timer/6/2/sla" {
		t.Errorf("pending %+v, %v", events, err)
	}
}

// Many that are due at once come in the order of their times, and none is lost.
func TestTimers_many(t *testing.T) {
	s := open(t)
	const n = 150
	for i := range n {
		subject := fmt.Sprintf("conversation/%d", i)
		decideTimers(t, s, subject, subject, []store.TimerChange{{Rule: "sla", Set: timerOn(int64(i), later, time.Duration(n-i)*time.Second)}})
	}
	var rules []string
	for range n {
		claims, err := s.Claim(t.Context(), store.LaneEvents, "", 1, later.Add(time.Hour), time.Hour)
		if err != nil || len(claims) != 1 {
			t.Fatalf("%v, %v", claims, err)
		}
		rules = append(rules, claims[0].Subject)
	}
	if slices.Sort(rules); len(slices.Compact(rules)) != n {
		t.Errorf("%d subjects came due, want %d", len(rules), n)
	}
}

// What cancels is kept for what arrives later.
func TestTimers_cancels(t *testing.T) {
	s := open(t)
	cancel := func(rule, topic string, at time.Time) store.Cancel {
		return store.Cancel{Rule: rule, Topic: topic, Part: "9", At: at}
	}
	last := cancel("sla", "conversation.admin.replied", start.Add(time.Minute))
	decideTimers(t, s, "a", "conversation/1", nil, last, cancel("other", "x", start))
	list, err := s.CancelsOn(t.Context(), "ws", "conversation/1")
	if err != nil || len(list) != 2 || !slices.Contains(list, last) {
		t.Errorf("cancels %+v, %v", list, err)
	}
	if list, err := s.CancelsOn(t.Context(), "ws", "conversation/2"); err != nil || len(list) != 0 {
		t.Errorf("of another subject: %+v, %v", list, err)
	}
	for _, c := range []struct {
		at   time.Time
		left int
	}{{start.Add(23 * time.Hour), 2}, {start.Add(25 * time.Hour), 0}} {
		if _, err := s.Forget(t.Context(), c.at, 10); err != nil {
			t.Fatal(err)
		}
		if list, err := s.CancelsOn(t.Context(), "ws", "conversation/1"); err != nil || len(list) != c.left {
			t.Errorf("after %v: %+v, %v; want %d", c.at, list, err, c.left)
		}
	}
}

// What a change of rules does to the timers of one rule leaves those of others alone (I8).
func TestTimers_I8_groups(t *testing.T) {
	s := open(t)
	const n = 450 // more than two transactions
	for i := range n {
		subject := fmt.Sprintf("conversation/%d", i)
		decideTimers(t, s, subject, subject, []store.TimerChange{
			{Rule: "sla", Set: timerOn(int64(i), later, 20*time.Minute)},
			{Rule: "other", Set: timerOn(int64(i), later, 20*time.Minute)},
		})
	}
	groups := func() string {
		t.Helper()
		list, err := s.TimerGroups(t.Context(), "")
		if err != nil {
			t.Fatal(err)
		}
		text := ""
		for _, g := range list {
			text += fmt.Sprintf("%s %s %d; ", g.Rule, g.Clock, g.Waiting)
		}
		return text
	}
	if got, want := groups(), "other 20m0s 450; sla 20m0s 450; "; got != want {
		t.Errorf("groups %q, want %q", got, want)
	}
	sla := store.TimerGroup{Rule: "sla", Clock: "20m0s", Topic: "conversation.user.created"}
	longer := func(started time.Time) time.Time { return started.Add(30 * time.Minute) }
	if moved, err := s.MoveGroup(t.Context(), sla, "20m0s", longer, always); err != nil || moved != 0 {
		t.Errorf("to the same clock: moved %d, %v", moved, err)
	}
	if moved, err := s.MoveGroup(t.Context(), sla, "30m", longer, always); err != nil || moved != n {
		t.Errorf("moved %d, %v", moved, err)
	}
	if got, want := groups(), "other 20m0s 450; sla 30m 450; "; got != want {
		t.Errorf("groups %q, want %q", got, want)
	}
	for _, timer := range timersOn(t, s, "conversation/7") {
		want := later.Add(20 * time.Minute)
		if timer.Rule == "sla" {
			want = later.Add(30 * time.Minute)
		}
		if !timer.DueAt.Equal(want) || !timer.StartedAt.Equal(later) {
			t.Errorf("%s: started %v, due %v; want %v", timer.Rule, timer.StartedAt, timer.DueAt, want)
		}
	}
	sla.Clock = "30m"
	if cancelled, err := s.CancelGroup(t.Context(), sla, always); err != nil || cancelled != n {
		t.Errorf("cancelled %d, %v", cancelled, err)
	}
	if got, want := groups(), "other 20m0s 450; "; got != want {
		t.Errorf("groups %q, want %q", got, want)
	}
	if next, err := s.NextTimers(t.Context(), "", 3); err != nil || len(next) != 3 || next[0].Rule != "other" {
		t.Errorf("next %+v, %v", next, err)
	}
}

func always() bool { return true }

// A pass over timers ends when the rules that it follows are not in use any more, and leaves alone
// what was started or changed since it looked (I8).
func TestTimers_I8_a_pass_that_is_out_of_date(t *testing.T) {
	s := open(t)
	decideTimers(t, s, "a", "conversation/1", []store.TimerChange{{Rule: "sla", Set: timerOn(5, later, time.Minute)}})
	g := store.TimerGroup{Rule: "sla", Clock: "1m0s", Topic: "conversation.user.created"}
	if n, err := s.CancelGroup(t.Context(), g, func() bool { return false }); n != 0 || err != nil {
		t.Errorf("cancelled %d, %v by rules that are not in use", n, err)
	}
	calls := 0
	startedAgain := func() bool {
		if calls++; calls == 1 {
			decideTimers(t, s, "b", "conversation/1", []store.TimerChange{{Rule: "sla"}})
			decideTimers(t, s, "c", "conversation/1", []store.TimerChange{{Rule: "sla", Set: timerOn(6, later, time.Minute)}})
		}
		return calls == 1
	}
	if n, err := s.CancelGroup(t.Context(), g, startedAgain); n != 0 || err != nil {
		t.Errorf("cancelled %d, %v that were started meanwhile", n, err)
	}
	if list := timersOn(t, s, "conversation/1"); len(list) != 1 || list[0].Seq != 6 {
		t.Errorf("left: %+v", list)
	}
}

// What was received before a timer came due comes before it, also when there is much of it (I3).
func TestTimers_I3_wait_for_what_was_received_before(t *testing.T) {
	s := open(t)
	decideTimers(t, s, "a", "conversation/1", []store.TimerChange{{Rule: "sla", Set: timerOn(5, later, time.Minute)}})
	due := later.Add(time.Minute)
	for i := range 40 {
		ev := newEvent(fmt.Sprint("n", i), fmt.Sprintf("conversation/%d", 100-i))
		ev.ReceivedAt = due.Add(-time.Second)
		if i == 39 {
			ev.Subject = "conversation/1"
		}
		if _, err := s.Put(t.Context(), ev); err != nil {
			t.Fatal(err)
		}
	}
	for range 100 {
		claims, err := s.Claim(t.Context(), store.LaneEvents, "", 8, due.Add(time.Second), time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range claims {
			if c.Subject != "conversation/1" {
				continue
			}
			if err := s.Release(t.Context(), c, due); err != nil {
				t.Fatal(err)
			}
			events, err := s.PendingEvents(t.Context(), c, 10)
			if err != nil {
				t.Fatal(err)
			}
			if len(events) == 2 {
				if events[0].ID != "n39" || events[1].Topic != event.TopicTimer {
					t.Errorf("in the order %s, %s", events[0].ID, events[1].ID)
				}
				return
			}
		}
	}
	t.Error("the timer never came due")
}

// Timers that are due at the same time come due in the order of their rules.
func TestTimers_order_of_rules(t *testing.T) {
	s := open(t)
	first, second := timerOn(5, start, time.Minute), timerOn(5, start, time.Minute)
	first.Place, second.Place = 0, 1
	decideTimers(t, s, "a", "conversation/1", []store.TimerChange{{Rule: "close", Set: second}, {Rule: "warn", Set: first}})
	c := claimOne(t, s, store.LaneEvents, start.Add(time.Hour))
	events, err := s.PendingEvents(t.Context(), c, 10)
	if err != nil || len(events) != 2 || events[0].ID != "timer/5/1/warn" || events[1].ID != "timer/5/1/close" {
		t.Errorf("pending %+v, %v", events, err)
	}
}

// Timers survive the end of the process.
func TestTimers_survive(t *testing.T) {
	path := t.TempDir() + "/state.db"
	s := openAt(t, path)
	decideTimers(t, s, "a", "conversation/1", []store.TimerChange{{Rule: "sla", Set: timerOn(5, start, time.Minute)}})
	before := timersOn(t, s, "conversation/1")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if after := timersOn(t, openAt(t, path), "conversation/1"); !slices.Equal(after, before) {
		t.Errorf("%+v, want %+v", after, before)
	}
}
