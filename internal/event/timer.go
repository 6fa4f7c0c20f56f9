package event

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Timer is what an event of TopicTimer tells: a rule's timer came due on the event's subject.
type Timer struct {
	// Rule is the name of the rule.
	Rule string `json:"rule"`
	// Version counts the changes of the timer since it was started: an event of an earlier
	// version tells of a time that does not count any more.
	Version int64 `json:"version"`
	// DueAt is when it came due.
	DueAt time.Time `json:"due_at"`
	// Trigger is the event that started it, or that started it again.
	Trigger Trigger `json:"trigger"`
}

// Trigger is what a timer keeps of the event that started it.
type Trigger struct {
	Seq   int64  `json:"seq"`
	ID    string `json:"id"`
	Topic string `json:"topic"`
	Part  string `json:"part,omitempty"`
	// At is when it happened, by Intercom's clock: it tells what came first.
	At time.Time `json:"at"`
	// Started is when the waiting began, by our own clock: At, or when the event arrived if that
	// was before.
	Started time.Time `json:"started"`
}

// The ids of our own events begin with these, and those of notifications do not.
const (
	timerID    = "timer/"
	ScheduleID = "schedule/"
)

// ownID tells whether an id is one that only events of our own have.
func ownID(id string) bool {
	return strings.HasPrefix(id, timerID) || strings.HasPrefix(id, ScheduleID) || strings.HasPrefix(id, replayID) || RecoveredID(id)
}

// Event is the event that tells of the timer. now is when it is made.
func (t Timer) Event(workspace, subject string, now time.Time) (Event, error) {
	type item struct {
		Type string `json:"type"`
		Timer
	}
	payload, err := json.Marshal(map[string]any{"topic": TopicTimer, "data": map[string]any{"item": item{"timer", t}}})
	if err != nil {
		return Event{}, fmt.Errorf("encode a timer: %w", err)
	}
	return Event{
		ID:        timerID + strconv.FormatInt(t.Trigger.Seq, 10) + "/" + strconv.FormatInt(t.Version, 10) + "/" + t.Rule,
		Workspace: workspace, Topic: TopicTimer, Subject: subject, CreatedAt: t.DueAt, ReceivedAt: now, Payload: payload,
	}, nil
}

// ReadTimer reads what an event of TopicTimer tells.
func ReadTimer(ev Event) (Timer, error) {
	var n struct {
		Data struct {
			Item Timer `json:"item"`
		} `json:"data"`
	}
	if err := json.Unmarshal(ev.Payload, &n); err != nil {
		return Timer{}, fmt.Errorf("read a timer: %w", err)
	}
	return n.Data.Item, nil
}

// Happened is when what the event tells of happened, by Intercom's clock.
func (ev Event) Happened() time.Time {
	if ev.CreatedAt.IsZero() {
		return ev.ReceivedAt
	}
	return ev.CreatedAt
}

// Began is the same by our own clock: Intercom's can be ahead, but nothing happens after we heard of
// it.
func (ev Event) Began() time.Time {
	if at := ev.Happened(); at.Before(ev.ReceivedAt) {
		return at
	}
	return ev.ReceivedAt
}
