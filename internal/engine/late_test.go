package engine

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"switchboard/internal/event"
	"switchboard/internal/store"
)

func TestI11_what_customers_do_not_hear_of(t *testing.T) {
	now := time.Date(2026, 3, 2, 13, 0, 0, 0, time.UTC)
	missed := func(age, maxAge time.Duration) event.Event {
		ev, err := event.Recovered{
			Topic: "conversation.user.created", Subject: "conversation/1", Mark: "start", At: now.Add(-age), MaxAge: maxAge, Item: []byte(`{}`),
		}.Event(now)
		if err != nil {
			t.Fatal(err)
		}
		return ev
	}
	told := missed(5*time.Hour, 0)
	told.ID = "notif_1"
	timer := func(trigger string, due time.Duration) event.Event {
		ev, err := event.Timer{Rule: "r", DueAt: now.Add(-due), Trigger: event.Trigger{ID: trigger}}.Event("ws", "conversation/1", now)
		if err != nil {
			t.Fatal(err)
		}
		return ev
	}
	e := New(Options{Store: &store.Store{}})
	plan := func() []store.Run {
		action := func(kind, params string) store.PlannedAction {
			return store.PlannedAction{Kind: kind, Params: json.RawMessage(params)}
		}
		return []store.Run{
			{Rule: "first", Actions: []store.PlannedAction{
				action("tag", `{}`), action("close", `{}`), action("reply", `{}`), action("note", `{}`), action("snooze", `{}`), action("close", `{}`),
			}},
			{Rule: "second", Actions: []store.PlannedAction{action("close", `{"body":"<p>Bye</p>"}`), action("message", `{}`), action("assign", `{}`)}},
			{Rule: "third", Actions: []store.PlannedAction{action("close", `{}`)}},
		}
	}
	const parked = "first: reply snooze close; second: close message"
	for name, c := range map[string]struct {
		ev   event.Event
		want string
	}{
		"a notification":                        {told, ""},
		"fresh":                                 {missed(time.Hour, 0), ""},
		"just not too old":                      {missed(2*time.Hour, 0), ""},
		"too old":                               {missed(2*time.Hour+time.Second, 0), parked},
		"too old for the request":               {missed(time.Hour, 30*time.Minute), parked},
		"not too old for the request":           {missed(3*time.Hour, 4*time.Hour), ""},
		"a timer of a notification":             {timer("notif_1", 5*time.Hour), ""},
		"a timer of a missed event":             {timer(missed(0, 0).ID, 3*time.Hour), parked},
		"a timer of a missed event that is due": {timer(missed(0, 0).ID, time.Minute), ""},
	} {
		runs := plan()
		n := e.park(c.ev, now, runs, nil)
		var words []string
		left := n
		for _, r := range runs {
			var kinds []string
			for _, a := range r.Actions {
				if a.Park != "" {
					kinds = append(kinds, a.Kind)
					left--
				}
			}
			if kinds != nil {
				words = append(words, r.Rule+": "+strings.Join(kinds, " "))
			}
		}
		if got := strings.Join(words, "; "); got != c.want || left != 0 {
			t.Errorf("%s: parked %q, %d in all, want %q", name, got, n, c.want)
		}
	}
}
