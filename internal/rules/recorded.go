package rules

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"switchboard/internal/event"
)

// A decision records what it was made of, as far as that is not in the event: the look-ups, what rules
// remembered, the timers that waited, whose work the event was. With that, the event and the ruleset it is
// made again, and explained, at any time.

// Recalled is what was remembered of a key when the decision was made.
type Recalled struct {
	Rule string `json:"rule,omitempty"` // empty: all rules together
	Key  string `json:"key"`
	Memory
}

// record notes in the decision what it was made of.
func (e *evaluation) record(d *Decision) {
	d.Lookups, d.Unavailable = e.lookups.raw, e.lookups.unavailable
	d.Recalled, d.Replay = e.recalled, e.in.Replay
	if e.timers != nil {
		d.Waiting, d.Cancelled = e.timers.recorded, e.timers.cancelled
	}
}

// recall asks what is remembered, and notes the answer.
func (e *evaluation) recall(owner, key string) (Memory, error) {
	m, err := e.in.State.Recall(e.ctx, owner, key)
	known := func(r Recalled) bool { return r.Rule == owner && r.Key == key }
	if err == nil && m != (Memory{}) && !slices.ContainsFunc(e.recalled, known) {
		e.recalled = append(e.recalled, Recalled{owner, key, m})
	}
	return m, err
}

// Input is what the decision on the event was made of.
func (d *Decision) Input(ev event.Event) Input {
	return Input{
		Event: ev, Now: d.At, Own: d.Own == OwnYes, OwnReason: d.OwnReason, Replay: d.Replay,
		Lookup: d.Recorded(), State: recordedState{d},
	}
}

// Record is an event as it was decided, with everything that the decision was made of and nothing of what
// came of it. It is what a test of rules can be made of.
type Record struct {
	ID         string          `json:"id"`
	Topic      string          `json:"topic"`
	Subject    string          `json:"subject"`
	Part       string          `json:"part,omitempty"`
	CreatedAt  time.Time       `json:"created_at"`
	ReceivedAt time.Time       `json:"received_at"`
	Payload    json.RawMessage `json:"payload"`
	// Decision holds the time of the decision, the look-ups, what was remembered and the timers that waited.
	Decision *Decision `json:"decision"`
}

// RecordOf is the record of a decision on an event.
func RecordOf(ev event.Event, d *Decision) *Record {
	return &Record{
		ID: ev.ID, Topic: ev.Topic, Subject: ev.Subject, Part: ev.Part, CreatedAt: ev.CreatedAt, ReceivedAt: ev.ReceivedAt, Payload: ev.Payload,
		Decision: &Decision{
			Ruleset: d.Ruleset, Event: d.Event, At: d.At, Own: d.Own, OwnReason: d.OwnReason, Lookups: d.Lookups, Unavailable: d.Unavailable,
			Recalled: d.Recalled, Waiting: d.Waiting, Cancelled: d.Cancelled, Replay: d.Replay,
		},
	}
}

// Input is what the decision was made of.
func (r *Record) Input() Input {
	return r.Decision.Input(event.Event{
		Seq: 1, ID: r.ID, Topic: r.Topic, Subject: r.Subject, Part: r.Part, CreatedAt: r.CreatedAt, ReceivedAt: r.ReceivedAt, Payload: r.Payload,
	})
}

// Recorded answers exactly the questions that were asked for this decision, as they were
// answered then: with it, Evaluate makes the same decision again. What was not asked then is
// not available: it is unknown, and never guessed.
func (d *Decision) Recorded() Lookup { return recorded{d} }

// Unrecorded tells whether a rule asked what was not recorded (ErrNotRecorded).
func (d *Decision) Unrecorded() bool {
	for _, reason := range d.Unavailable {
		if reason == ErrNotRecorded.Error() {
			return true
		}
	}
	return false
}

type recorded struct{ d *Decision }

// ErrNotRecorded says that a question was not asked for a decision. An UnavailableError holds it.
var ErrNotRecorded = errors.New("it was not read when the event came")

func (r recorded) Look(_ context.Context, q Question) (json.RawMessage, error) {
	if reason, ok := r.d.Unavailable[q.Key()]; ok {
		return nil, &UnavailableError{errors.New(reason)}
	}
	if answer, ok := r.d.Lookups[q.Key()]; ok {
		return answer, nil
	}
	return nil, &UnavailableError{ErrNotRecorded}
}

// recordedState is the state that a decision was made of. What was not asked then counts as nothing.
type recordedState struct{ d *Decision }

func (s recordedState) Recall(_ context.Context, rule, key string) (Memory, error) {
	for _, r := range s.d.Recalled {
		if r.Rule == rule && r.Key == key {
			return r.Memory, nil
		}
	}
	return Memory{}, nil
}

func (s recordedState) Timers(context.Context) ([]Timer, error)   { return s.d.Waiting, nil }
func (s recordedState) Cancels(context.Context) ([]Cancel, error) { return s.d.Cancelled, nil }
