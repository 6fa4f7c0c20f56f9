package event

import (
	"reflect"
	"testing"
	"time"
)

func TestReplay(t *testing.T) {
	received := time.Date(2026, 3, 2, 13, 0, 0, 0, time.UTC)
	// A notification that tells of a replay of its own must not be believed.
	const body = `{"app_id":"ws","id":"n1","topic":"conversation.user.replied","created_at":1772452000,` +
		`"replay":{"of":1,"number":1,"force":true},"Replay":{"force":true},"data":{"item":{"type":"conversation","id":"7","conversation_parts":{"conversation_parts":[{"id":"p1"}]}}}}` + "\n"
	of, err := Parse([]byte(body), received)
	if err != nil {
		t.Fatal(err)
	}
	of.Seq = 42
	now := received.Add(48 * time.Hour)
	ev, err := Replay{Number: 2, Rules: []string{"a"}, MaxAgeSeconds: 90}.Event(of, now)
	if err != nil {
		t.Fatal(err)
	}
	if ev.ID != "replay/42/2" || ev.Seq != 0 || !ev.Replayed() || of.Replayed() || !ev.ReceivedAt.Equal(now) {
		t.Errorf("%+v", ev)
	}
	if ev.Topic != of.Topic || ev.Subject != of.Subject || ev.Part != of.Part || !ev.CreatedAt.Equal(of.CreatedAt) || ev.Workspace != "ws" {
		t.Errorf("it tells of another thing: %+v, %+v", ev, of)
	}
	got, err := ReadReplay(ev)
	if want := (Replay{Of: 42, Number: 2, Rules: []string{"a"}, MaxAgeSeconds: 90}); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("ReadReplay = %+v, %v; want %+v", got, err, want)
	}
	if got.MaxAge() != 90*time.Second {
		t.Errorf("MaxAge = %s", got.MaxAge())
	}
	timer, err := Timer{Rule: "r", Version: 1, Trigger: Trigger{Seq: 42}}.Event("ws", of.Subject, now)
	if err != nil {
		t.Fatal(err)
	}
	for _, made := range []Event{ev, timer} {
		if seq, ok := made.Origin(); !ok || seq != 42 {
			t.Errorf("%s: Origin = %d, %v", made.ID, seq, ok)
		}
	}
	if seq, ok := of.Origin(); ok {
		t.Errorf("%s: Origin = %d", of.ID, seq)
	}
	if _, err := (Replay{Number: 1}).Event(ev, now); err == nil {
		t.Error("a replay of a replay")
	}
	if _, err := ReadReplay(Event{ID: "replay/42/3", Payload: ev.Payload}); err == nil {
		t.Error("another's payload was read")
	}
	if _, err := Parse([]byte(`{"id":"replay/1/1","topic":"ping","data":{"item":{}}}`), now); err == nil {
		t.Error("a notification may not pass for a replay")
	}
	recovered := of
	recovered.ID = "recovered/conversation/7/p1/conversation.user.replied"
	if ev.Twin(recovered) || recovered.Twin(ev) {
		t.Error("a replay of what was recovered is no late notification of it")
	}
}
