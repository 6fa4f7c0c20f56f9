package event

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// replayID begins the ids of events that are asked about again.
const replayID = "replay/"

// Replay has rules asked again about an event that is stored and decided, because they were wrong or
// not there when it came.
type Replay struct {
	// Of is the event, and Number counts the replays of it, from 1 on.
	Of     int64 `json:"of"`
	Number int   `json:"number"`
	// Rules are the rules that are asked; all if it is empty.
	Rules []string `json:"rules,omitempty"`
	// Force lets rules run that have acted on the event before.
	Force bool `json:"force,omitempty"`
	// MaxAgeSeconds, if set, is how old the event may be for customers to hear of it.
	MaxAgeSeconds float64 `json:"max_age_seconds,omitempty"`
}

// ID is the id of the event that Event makes.
func (r Replay) ID() string {
	return replayID + strconv.FormatInt(r.Of, 10) + "/" + strconv.Itoa(r.Number)
}

// Event is the event that has rules asked again: what happened then, received now. Of its payload the
// last field is the replay, so that it counts whatever the notification held.
func (r Replay) Event(of Event, now time.Time) (Event, error) {
	if of.Replayed() || OwnTopic(of.Topic) {
		return Event{}, fmt.Errorf("event %d is no notification, only those are replayed", of.Seq)
	}
	r.Of = of.Seq
	field, err := json.Marshal(r)
	if err != nil {
		return Event{}, fmt.Errorf("encode a replay: %w", err)
	}
	end := bytes.LastIndexByte(of.Payload, '}')
	if end < 0 {
		return Event{}, fmt.Errorf("the payload of event %d cannot be read", of.Seq)
	}
	ev := of
	ev.Seq, ev.ID, ev.ReceivedAt = 0, r.ID(), now.Round(0).UTC()
	ev.Payload = slices.Concat(of.Payload[:end], []byte(`,"replay":`), field, of.Payload[end:])
	return ev, nil
}

// Origin is the number of the event that a replay is of, or that started the timer which this event tells of.
func (ev Event) Origin() (seq int64, ok bool) {
	rest, ok := strings.CutPrefix(ev.ID, replayID)
	if !ok {
		if rest, ok = strings.CutPrefix(ev.ID, timerID); !ok {
			return 0, false
		}
	}
	number, _, _ := strings.Cut(rest, "/")
	seq, err := strconv.ParseInt(number, 10, 64)
	return seq, err == nil
}

// Replayed tells whether the event is one that has rules asked again.
func (ev Event) Replayed() bool { return strings.HasPrefix(ev.ID, replayID) }

// ReadReplay reads what a replayed event says about itself.
func ReadReplay(ev Event) (Replay, error) {
	var n struct {
		Replay json.RawMessage `json:"replay"` // of several the last; a struct would hold fields of all
	}
	if err := json.Unmarshal(ev.Payload, &n); err != nil {
		return Replay{}, fmt.Errorf("read a replay: %w", err)
	}
	var r Replay
	if err := json.Unmarshal(n.Replay, &r); err != nil {
		return Replay{}, fmt.Errorf("read a replay: %w", err)
	}
	if r.ID() != ev.ID {
		return Replay{}, errors.New("read a replay: it is another's")
	}
	return r, nil
}

// MaxAge is how old the event may be for customers to hear of it; 0 when it does not say.
func (r Replay) MaxAge() time.Duration { return time.Duration(r.MaxAgeSeconds * float64(time.Second)) }
