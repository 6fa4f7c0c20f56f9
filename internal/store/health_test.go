package store_test

import (
	"path/filepath"
	"testing"
	"time"

	"switchboard/internal/event"
	"switchboard/internal/store"
	"switchboard/internal/store/storetest"
)

func TestHealth(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	s := openAt(t, path)
	h, err := s.Health(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if h.Bytes == 0 || h.WriteTook <= 0 || h.Schema == 0 || h.Schema != h.Known || h.Path != s.Path() {
		t.Errorf("health = %+v", h)
	}
	if !s.Shared() && h.LogBytes == 0 {
		t.Error("the write-ahead log has no size, although something was written")
	}
	if h.Ahead.Abs() > time.Second {
		t.Errorf("the database's clock is %s ahead of that of its own machine", h.Ahead)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Health(t.Context()); err == nil {
		t.Error("a closed database is healthy")
	}
}

func TestSchemaOf(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	address := storetest.URL(t, path)
	if _, _, err := store.SchemaOf(t.Context(), address); err == nil {
		t.Error("a database that is not there has a schema")
	}
	s := openAt(t, path) // it may be looked at while it is in use
	have, known, err := store.SchemaOf(t.Context(), address)
	if h, _ := s.Health(t.Context()); err != nil || have != h.Schema || known != h.Known {
		t.Errorf("SchemaOf = %d, %d, %v; want %d, %d", have, known, err, h.Schema, h.Known)
	}
}

func TestArrivals(t *testing.T) {
	s := open(t)
	arrive := func(id, topic string, after time.Duration) {
		t.Helper()
		ev := newEvent(id, "conversation/1")
		ev.Topic, ev.ReceivedAt = topic, start.Add(after)
		if _, err := s.Put(t.Context(), ev); err != nil {
			t.Fatal(err)
		}
		allPending(t, s) // files it
	}
	if a, err := s.Arrivals(t.Context(), "ws"); err != nil || a.Notifications != 0 || !a.Last.IsZero() {
		t.Errorf("nothing came: %+v, %v", a, err)
	}
	arrive("n1", "conversation.user.created", 0)
	arrive("n2", "conversation.user.replied", time.Minute)
	arrive("n3", "conversation.user.created", 3*time.Hour)
	recovered, err := event.Recovered{
		Workspace: "ws", Topic: "conversation.admin.closed", Subject: "conversation/1", Part: "9", At: start, Item: []byte(`{"type":"conversation","id":"1"}`),
	}.Event(start)
	if err != nil {
		t.Fatal(err)
	}
	arrive(recovered.ID, recovered.Topic, 9*time.Hour)
	a, err := s.Arrivals(t.Context(), "ws")
	if err != nil {
		t.Fatal(err)
	}
	if a.Notifications != 3 || !a.Since.Equal(start) || !a.Last.Equal(start.Add(3*time.Hour)) || a.LongestGap != 3*time.Hour-time.Minute {
		t.Errorf("arrivals = %+v", a)
	}
	if a.Recovered != 1 || !a.LastRecovered.Equal(start.Add(9*time.Hour)) {
		t.Errorf("recovered = %d, %s", a.Recovered, a.LastRecovered)
	}
	if len(a.Topics) != 2 || !a.Topics["conversation.user.replied"].Equal(start.Add(time.Minute)) {
		t.Errorf("topics = %v: what was rebuilt is no notification", a.Topics)
	}
	if other, err := s.Arrivals(t.Context(), "another"); err != nil || other.Notifications != 0 {
		t.Errorf("of another workspace: %+v, %v", other, err)
	}
}

func TestOverdueTimers(t *testing.T) {
	s := open(t)
	put(t, s, "n1", "conversation/1")
	c := claimOne(t, s, store.LaneEvents, start)
	list, err := s.PendingEvents(t.Context(), c, 10)
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	d := store.Decision{Seq: list[0].Seq, At: start, ReceivedAt: start, Trace: []byte("{}"), Timers: []store.TimerChange{{Rule: "sla", Set: &store.Timer{
		Seq: list[0].Seq, Event: "n1", Topic: list[0].Topic, StartedAt: start, DueAt: start.Add(15 * time.Minute),
	}}}}
	if err := s.SaveDecision(t.Context(), c, d, true); err != nil {
		t.Fatal(err)
	}
	if n, _, err := s.OverdueTimers(t.Context(), start.Add(15*time.Minute)); n != 0 || err != nil {
		t.Errorf("%d timers are overdue when they are due, %v", n, err)
	}
	n, oldest, err := s.OverdueTimers(t.Context(), start.Add(16*time.Minute))
	if n != 1 || !oldest.Equal(start.Add(15*time.Minute)) || err != nil {
		t.Errorf("OverdueTimers = %d, %s, %v", n, oldest, err)
	}
}
