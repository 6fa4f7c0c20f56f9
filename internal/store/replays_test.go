package store_test

import (
	"encoding/json"
	"slices"
	"strconv"
	"testing"
	"time"

	"switchboard/internal/event"
	"switchboard/internal/store"
)

func TestFindDecided(t *testing.T) {
	s := open(t)
	decide := func() {
		t.Helper()
		claims, err := s.Claim(t.Context(), store.LaneEvents, "", 100, time.Now(), time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range claims {
			events, err := s.PendingEvents(t.Context(), c, 100)
			if err != nil {
				t.Fatal(err)
			}
			for i, ev := range events {
				d := store.Decision{Seq: ev.Seq, At: start, Trace: json.RawMessage(`{}`)}
				if err := s.SaveDecision(t.Context(), c, d, i == len(events)-1); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	add := func(ev event.Event) {
		t.Helper()
		if stored, err := s.Put(t.Context(), ev); err != nil || !stored {
			t.Fatal(stored, err)
		}
	}
	for i := range 4 {
		ev := newEvent("n"+strconv.Itoa(i), "conversation/"+strconv.Itoa(i%2))
		ev.CreatedAt = start.Add(time.Duration(i) * time.Hour)
		if i == 3 {
			ev.Topic = "conversation.admin.replied"
		}
		add(ev)
		decide()
	}
	all, err := s.FindDecided(t.Context(), store.Decided{Limit: 10})
	if err != nil || len(all) != 4 || string(all[1].Payload) != string(newEvent("n1", "").Payload) {
		t.Fatalf("%v, %v", all, err)
	}
	// Events of our own, and one that waits.
	for n := 1; n <= 2; n++ {
		replay, err := event.Replay{Number: n}.Event(all[0], start)
		if err != nil {
			t.Fatal(err)
		}
		add(replay)
	}
	timer, err := event.Timer{Rule: "r", DueAt: start, Trigger: event.Trigger{Seq: 1}}.Event("ws", "conversation/0", start)
	if err != nil {
		t.Fatal(err)
	}
	add(timer)
	decide()
	put(t, s, "waits", "conversation/0")

	for name, c := range map[string]struct {
		which store.Decided
		want  []string
	}{
		"all":          {store.Decided{Limit: 10}, []string{"n0", "n1", "n2", "n3"}},
		"few":          {store.Decided{Limit: 2}, []string{"n0", "n1"}},
		"with our own": {store.Decided{Own: true, Limit: 10}, []string{"n0", "n1", "n2", "n3", "replay/1/1", "replay/1/2", "timer/1/0/r"}},
		"the newest":   {store.Decided{Newest: true, Limit: 2}, []string{"n2", "n3"}},
		"those after":  {store.Decided{After: all[1].Seq, Limit: 10}, []string{"n2", "n3"}},
		"a topic":      {store.Decided{Topic: "conversation.admin.replied", Limit: 10}, []string{"n3"}},
		"a subject":    {store.Decided{Subject: "conversation/1", Limit: 10}, []string{"n1", "n3"}},
		"a time":       {store.Decided{Since: start.Add(time.Hour), Until: start.Add(3 * time.Hour), Limit: 10}, []string{"n1", "n2"}},
		"named":        {store.Decided{Seqs: []int64{all[3].Seq}, IDs: []string{"n1", "timer/1/0/r", "waits"}, Limit: 10}, []string{"n1", "n3"}},
		"a workspace":  {store.Decided{Workspace: "other", Limit: 10}, nil},
		"all of it": {store.Decided{
			Workspace: "ws", Topic: all[2].Topic, Subject: "conversation/0", Since: start.Add(time.Hour), IDs: []string{"n2", "n3"}, Limit: 10,
		}, []string{"n2"}},
	} {
		found, err := s.FindDecided(t.Context(), c.which)
		var ids []string
		for _, ev := range found {
			ids = append(ids, ev.ID)
		}
		if err != nil || !slices.Equal(ids, c.want) {
			t.Errorf("%s: %q, %v; want %q", name, ids, err, c.want)
		}
	}
	many := store.Decided{Limit: 10, Bare: true}
	for i := range 10_000 {
		many.Seqs, many.IDs = append(many.Seqs, int64(1000+i)), append(many.IDs, "none"+strconv.Itoa(i))
	}
	many.IDs[5000] = "n2"
	if found, err := s.FindDecided(t.Context(), many); err != nil || len(found) != 1 || found[0].ID != "n2" || found[0].Payload != nil {
		t.Errorf("20,000 names: %v, %v", found, err)
	}
	if ev, ok, err := s.Named(t.Context(), "ws", "n2"); err != nil || !ok || ev.Seq != all[2].Seq || string(ev.Payload) != string(all[2].Payload) {
		t.Errorf("Named = %v, %v, %v", ev, ok, err)
	}
	if _, ok, err := s.Named(t.Context(), "other", "n2"); err != nil || ok {
		t.Errorf("Named of another workspace: %v, %v", ok, err)
	}
	replays, err := s.Replays(t.Context(), "ws", all[0].Seq)
	if err != nil || len(replays) != 2 || replays[1].ID != (event.Replay{Of: all[0].Seq, Number: 2}).ID() {
		t.Errorf("Replays = %v, %v", replays, err)
	}
}

// TestI4_pruning_keeps_what_tells_of_an_event that stays: its replays, and what its timers did.
func TestI4_pruning_keeps_what_tells_of_an_event(t *testing.T) {
	s := open(t)
	decide := func(runs ...store.Run) event.Event {
		t.Helper()
		c := claimOne(t, s, store.LaneEvents, time.Now())
		events, err := s.PendingEvents(t.Context(), c, 1)
		if err != nil || len(events) != 1 {
			t.Fatal(events, err)
		}
		d := store.Decision{Seq: events[0].Seq, At: start, Trace: json.RawMessage(`{}`), Runs: runs}
		if err := s.SaveDecision(t.Context(), c, d, true); err != nil {
			t.Fatal(err)
		}
		return events[0]
	}
	put(t, s, "n", "conversation/1")
	of := decide(store.Run{Rule: "r", Actions: []store.PlannedAction{{Kind: "reply", Params: json.RawMessage(`{}`), Park: "look at it"}}})
	replay, err := event.Replay{Number: 1}.Event(of, start)
	if err != nil {
		t.Fatal(err)
	}
	timer, err := event.Timer{Rule: "r", DueAt: start, Trigger: event.Trigger{Seq: of.Seq}}.Event("ws", "conversation/1", start)
	if err != nil {
		t.Fatal(err)
	}
	for _, ev := range []event.Event{replay, timer} {
		if _, err := s.Put(t.Context(), ev); err != nil {
			t.Fatal(err)
		}
		decide()
	}
	if n, err := s.Prune(t.Context(), start.Add(time.Hour), 2); err != nil || n != 0 {
		t.Errorf("pruned %d of three, %v; a parked action keeps the first, and the others tell of it", n, err)
	}
	parked, err := s.FindUnhappy(t.Context(), store.Unhappy{State: store.StateParked, Limit: 1})
	if err != nil || len(parked) != 1 {
		t.Fatal(parked, err)
	}
	if _, err := s.Retry(t.Context(), parked, store.VerdictDone, start); err != nil {
		t.Fatal(err)
	}
	if n, err := s.Prune(t.Context(), start.Add(time.Hour), 10); err != nil || n != 3 {
		t.Errorf("pruned %d, %v; want all three", n, err)
	}
}
