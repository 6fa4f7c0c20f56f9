package event

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// recoveredID begins the ids of events that no notification told of.
const recoveredID = "recovered/"

// Recovered is what a notification would have told of that never came: it was rebuilt from what
// Intercom still knows (I11).
type Recovered struct {
	Workspace string
	Topic     string
	Subject   string
	// Part is the part that caused it; empty when there is none. Mark then tells apart what happens
	// to a subject more than once.
	Part, Mark string
	// At is when it happened, by Intercom's clock.
	At time.Time
	// MaxAge, if set, is how old it may be for customers to hear of it.
	MaxAge time.Duration
	// Item is data.item as the notification would have had it.
	Item json.RawMessage
}

// Event is the event that tells of it. now is when it is made. Its id is the same whenever it is
// rebuilt, so that it is stored once.
func (r Recovered) Event(now time.Time) (Event, error) {
	type recovered struct {
		At            int64   `json:"at"`
		MaxAgeSeconds float64 `json:"max_age_seconds,omitempty"`
	}
	ev := Event{
		ID: r.ID(), Workspace: r.Workspace, Topic: r.Topic, Subject: r.Subject, Part: r.Part,
		CreatedAt: r.At.UTC(), ReceivedAt: now.Round(0).UTC(),
	}
	payload, err := json.Marshal(struct {
		Type      string         `json:"type"`
		AppID     string         `json:"app_id"`
		ID        string         `json:"id"`
		Topic     string         `json:"topic"`
		CreatedAt int64          `json:"created_at"`
		Recovered recovered      `json:"recovered"`
		Data      map[string]any `json:"data"`
	}{
		"notification_event", ev.Workspace, ev.ID, ev.Topic, ev.CreatedAt.Unix(),
		recovered{now.Unix(), r.MaxAge.Seconds()},
		map[string]any{"type": "notification_event_data", "item": r.Item},
	})
	if err != nil {
		return Event{}, fmt.Errorf("encode a recovered event: %w", err)
	}
	ev.Payload = payload
	return ev, nil
}

// ID is the id of the event.
func (r Recovered) ID() string {
	what := r.Part
	if what == "" {
		what = r.Mark
	}
	return recoveredID + r.Subject + "/" + what + "/" + r.Topic
}

// RecoveredID tells whether the id is that of a recovered event.
func RecoveredID(id string) bool { return strings.HasPrefix(id, recoveredID) }

// Recovered tells whether no notification told of the event.
func (ev Event) Recovered() bool { return RecoveredID(ev.ID) }

// MaxAge is how old a recovered event may be for customers to hear of it; 0 when it does not say.
func (ev Event) MaxAge() time.Duration {
	if !ev.Recovered() {
		return 0
	}
	var n struct {
		Recovered struct {
			MaxAgeSeconds float64 `json:"max_age_seconds"`
		} `json:"recovered"`
	}
	_ = json.Unmarshal(ev.Payload, &n) // we wrote it
	return time.Duration(n.Recovered.MaxAgeSeconds * float64(time.Second))
}

// twinWithin is how far the times of a notification without a part and of its twin may be apart:
// a notification is made a moment after what it tells of.
const twinWithin = 10 * time.Second

// Twin tells whether two events tell of one thing that happened, one by a notification and the other
// because it was recovered: the notification was only late.
func (ev Event) Twin(other Event) bool {
	if ev.Topic != other.Topic || ev.Subject != other.Subject || ev.Workspace != other.Workspace ||
		ev.Recovered() == other.Recovered() || ev.Replayed() || other.Replayed() {
		return false
	}
	switch ev.Topic {
	case "conversation.user.created", "conversation.admin.single.created": // once in the life of a conversation
		return true
	}
	if ev.Part != "" || other.Part != "" {
		return ev.Part == other.Part
	}
	return ev.CreatedAt.Sub(other.CreatedAt).Abs() <= twinWithin
}
