package event_test

import (
	"testing"
	"time"

	"switchboard/internal/event"
)

var happened = time.Date(2026, 3, 2, 13, 0, 0, 0, time.UTC)

func recovered(topic, part, mark string, at time.Time) event.Event {
	ev, err := event.Recovered{
		Workspace: "ws", Topic: topic, Subject: "conversation/7", Part: part, Mark: mark, At: at, Item: []byte(`{"type":"conversation","id":"7"}`),
	}.Event(at.Add(time.Hour))
	if err != nil {
		panic(err)
	}
	return ev
}

// A recovered event has the same id whenever it is rebuilt, and nobody outside can send one.
func TestI11_recovered_events_are_known_by_their_ids(t *testing.T) {
	ev := recovered("conversation.user.replied", "55", "", happened)
	if want := "recovered/conversation/7/55/conversation.user.replied"; ev.ID != want {
		t.Errorf("id %q, want %q", ev.ID, want)
	}
	if !ev.CreatedAt.Equal(happened) || !ev.ReceivedAt.Equal(happened.Add(time.Hour)) {
		t.Errorf("created %s, received %s", ev.CreatedAt, ev.ReceivedAt)
	}
	if _, err := event.Parse(ev.Payload, happened); err == nil {
		t.Error("a recovered event was taken from outside")
	}
}

func TestI11_max_age_travels_with_the_event(t *testing.T) {
	ev, err := event.Recovered{Subject: "conversation/7", Topic: "conversation.user.replied", MaxAge: 90 * time.Minute, Item: []byte(`{}`)}.Event(happened)
	if err != nil || ev.MaxAge() != 90*time.Minute {
		t.Errorf("max age %s, %v", ev.MaxAge(), err)
	}
	ev.ID = "notif_1"
	if ev.MaxAge() != 0 {
		t.Error("a notification has a max age")
	}
}

func TestI11_twins(t *testing.T) {
	notification := func(topic, part string, at time.Time) event.Event {
		return event.Event{ID: "notif_1", Workspace: "ws", Topic: topic, Subject: "conversation/7", Part: part, CreatedAt: at}
	}
	const replied, created, rated = "conversation.user.replied", "conversation.user.created", "conversation.rating.added"
	other := notification(replied, "55", happened)
	other.Subject = "conversation/8"
	for name, c := range map[string]struct {
		a, b event.Event
		want bool
	}{
		"one part":               {recovered(replied, "55", "", happened), notification(replied, "55", happened.Add(time.Second)), true},
		"another part":           {recovered(replied, "55", "", happened), notification(replied, "56", happened), false},
		"another topic":          {recovered(replied, "55", "", happened), notification("conversation.admin.replied", "55", happened), false},
		"another conversation":   {recovered(replied, "55", "", happened), other, false},
		"two notifications":      {notification(replied, "55", happened), notification(replied, "55", happened), false},
		"once in a life":         {recovered(created, "", "start", happened), notification(created, "", happened.Add(time.Minute)), true},
		"without a part":         {recovered(rated, "", "rating@1", happened), notification(rated, "", happened.Add(time.Second)), true},
		"without a part, later":  {recovered(rated, "", "rating@1", happened), notification(rated, "", happened.Add(time.Minute)), false},
		"without a part, before": {recovered(rated, "", "rating@1", happened), notification(rated, "", happened.Add(-time.Minute)), false},
	} {
		if got := c.a.Twin(c.b); got != c.want {
			t.Errorf("%s: twin is %t", name, got)
		}
		if got := c.b.Twin(c.a); got != c.want {
			t.Errorf("%s, the other way: twin is %t", name, got)
		}
	}
}
