package event

import (
	"testing"
	"time"
)

func TestTimerEvent(t *testing.T) {
	due := time.Date(2026, 3, 2, 9, 15, 0, 250_000_000, time.UTC)
	want := Timer{
		Rule: "first-response <sla>", Version: 3, DueAt: due,
		Trigger: Trigger{Seq: 7, ID: "notif_1", Topic: "conversation.user.created", Part: "5", At: due.Add(-15 * time.Minute)},
	}
	ev, err := want.Event("ws", "conversation/1", due.Add(time.Second))
	if err != nil {
		t.Fatal(err)
	}
	if ev.ID != "timer/7/3/first-response <sla>" || ev.Topic != TopicTimer || ev.Subject != "conversation/1" || !ev.CreatedAt.Equal(due) || ev.Part != "" {
		t.Errorf("event %+v", ev)
	}
	got, err := ReadTimer(ev)
	if err != nil || got != want {
		t.Errorf("read back %+v, %v; want %+v", got, err, want)
	}
	if _, err := ReadTimer(Event{}); err == nil {
		t.Error("a timer is read from nothing")
	}
}

func TestHappened(t *testing.T) {
	at := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct{ created, received, want time.Time }{
		"before it arrived":     {at, at.Add(time.Minute), at},
		"no time":               {time.Time{}, at, at},
		"a clock that is ahead": {at.Add(time.Minute), at, at},
	} {
		if got := (Event{CreatedAt: c.created, ReceivedAt: c.received}).Happened(); !got.Equal(c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
