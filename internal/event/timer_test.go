package event

import (
	"testing"
	"time"
)

func TestTimerEvent(t *testing.T) {
	due := time.Date(2026, 3, 2, 9, 15, 0, 250_000_000, time.UTC)
	want := Timer{
		Rule: "first-response <sla>", Version: 3, DueAt: due,
		Trigger: Trigger{Seq: 7, ID: "notif_1", Topic: "conversation.user.created", Part: "5", At: due.Add(-14 * time.Minute), Started: due.Add(-15 * time.Minute)},
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
	ahead := at.Add(time.Minute)
	for name, c := range map[string]struct{ created, received, happened, began time.Time }{
		"before it arrived":     {at, ahead, at, at},
		"no time":               {time.Time{}, at, at, at},
		"a clock that is ahead": {ahead, at, ahead, at},
	} {
		ev := Event{CreatedAt: c.created, ReceivedAt: c.received}
		if got := ev.Happened(); !got.Equal(c.happened) {
			t.Errorf("%s: happened %v, want %v", name, got, c.happened)
		}
		if got := ev.Began(); !got.Equal(c.began) {
			t.Errorf("%s: began %v, want %v", name, got, c.began)
		}
	}
}
