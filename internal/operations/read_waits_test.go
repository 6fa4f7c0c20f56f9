package operations_test

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"switchboard/internal/event"
	"switchboard/internal/operations"
	"switchboard/internal/store"
)

const waitingRules = `
version: 1
rules:
  - name: sla
    when: conversation.user.created
    after: 15m
    cancel_on: [conversation.admin.replied]
    then: [{tag: Late}]
`

// TestWaits: what waits on a conversation is told with it: timers in the words of the rules in use, and its place
// in a line; with the event, the timers that it started and its replays; with the action, who was picked.
func TestWaits(t *testing.T) {
	x := readerWith(t, waitingRules)
	onBoth(t, func(t *testing.T, s *store.Store) {
		due := time.Now().Add(time.Hour).Truncate(time.Second).UTC()
		ev := waits(t, s, due)
		same := func(list []operations.TimerView) bool {
			return len(list) == 2 && slices.ContainsFunc(list, func(v operations.TimerView) bool {
				return slices.Equal(v.CancelOn, []string{"conversation.admin.replied"}) && v.DueAt.Equal(due) && v.After == "15m" && v.Seq == ev.Seq && v.Rule == "sla" && !v.Gone
			}) && slices.ContainsFunc(list, func(v operations.TimerView) bool { return v.Rule == "gone" && v.Gone && v.CancelOn != nil })
		}
		about, err := x.Conversation(t.Context(), s, operations.SubjectRequest{Subject: "conversation/1"})
		if err != nil || !same(about.Timers) || about.Line == nil || about.Line.Team != "814" || !about.Line.Since.Equal(epoch) || len(about.Entries) != 2 {
			t.Errorf("%+v, line %+v, %v", about, about.Line, err)
		}
		got, err := x.Event(t.Context(), s, operations.EventRequest{Event: "n1"})
		if err != nil || !same(got.Timers) || len(got.Replays) != 1 || got.Replays[0].Kind != operations.KindReplay || !got.Replays[0].Waiting {
			t.Errorf("%+v, %v", got, err)
		}
		if again, err := x.Event(t.Context(), s, operations.EventRequest{Event: got.Replays[0].ID}); err != nil || len(again.Timers) != 0 || len(again.Replays) != 0 {
			t.Errorf("%+v, %v", again, err)
		}
		action, err := x.Action(t.Context(), s, operations.ActionRequest{ID: got.Done[0].ID})
		if err != nil || action.Pick == nil || action.Pick.Team != "814" || string(action.Pick.Record) != `{"who":[]}` {
			t.Errorf("%+v, pick %+v, %v", action, action.Pick, err)
		}
	})
}

// waits stores an event that started two timers, and whose action found nobody to give the conversation to.
func waits(t *testing.T, s *store.Store, due time.Time) event.Event {
	t.Helper()
	first := event.Event{
		ID: "n1", Workspace: "ws", Topic: "conversation.user.created", Subject: "conversation/1", CreatedAt: epoch, ReceivedAt: epoch,
		Payload: []byte(`{"topic":"conversation.user.created"}`),
	}
	if _, err := s.Put(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	claims, err := s.Claim(t.Context(), store.LaneEvents, "", 1, time.Now(), time.Minute)
	if err != nil || len(claims) != 1 {
		t.Fatal(claims, err)
	}
	ev, _, err := s.Named(t.Context(), "ws", "n1")
	if err != nil {
		t.Fatal(err)
	}
	decision := store.Decision{
		Seq: ev.Seq, At: epoch, Trace: []byte(`{}`),
		Runs: []store.Run{{Rule: "route", Actions: []store.PlannedAction{{Kind: "assign", Params: json.RawMessage(`{"team":"Finance"}`)}}}},
	}
	for _, rule := range []string{"sla", "gone"} {
		decision.Timers = append(decision.Timers, store.TimerChange{Rule: rule, Set: &store.Timer{
			Seq: ev.Seq, Event: ev.ID, Topic: ev.Topic, HappenedAt: epoch, StartedAt: epoch, DueAt: due, Clock: "15m",
		}})
	}
	if err := s.SaveDecision(t.Context(), claims[0], decision, true); err != nil {
		t.Fatal(err)
	}
	if claims, err = s.Claim(t.Context(), store.LaneActions, "", 1, time.Now(), time.Minute); err != nil || len(claims) != 1 {
		t.Fatal(claims, err)
	}
	a, _, err := s.NextAction(t.Context(), claims[0])
	if err != nil {
		t.Fatal(err)
	}
	m, err := s.PickMemory(t.Context(), a, "814", epoch)
	if err != nil {
		t.Fatal(err)
	}
	pick := store.Pick{Action: a.ID, Workspace: "ws", Team: "814", Subject: ev.Subject, At: epoch, Record: json.RawMessage(`{"who":[]}`)}
	if ok, err := s.RecordPick(t.Context(), claims[0], pick, m, &store.Wait{Action: a, Since: epoch, Params: a.Params}); err != nil || !ok {
		t.Fatal(ok, err)
	}
	again, err := event.Replay{Number: 1}.Event(ev, epoch.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Put(t.Context(), again); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Claim(t.Context(), store.LaneEvents, "", 1, time.Now(), time.Minute); err != nil {
		t.Fatal(err)
	}
	return ev
}
