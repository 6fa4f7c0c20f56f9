package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"switchboard/internal/event"
)

// Recovery is how far a workspace has been searched for events that no notification told of (I11).
type Recovery struct {
	// BeganAt is since when anybody looks; what happened before is history.
	BeganAt time.Time
	// Watermark is the time up to which everything is accounted for.
	Watermark time.Time
}

// RecoveryOf returns how far a workspace has been searched; ok is false when it never was.
func (s *Store) RecoveryOf(ctx context.Context, workspace string) (r Recovery, ok bool, err error) {
	rows, err := s.query(ctx, "SELECT began_at, watermark FROM recoveries WHERE workspace = $1", workspace)
	if err != nil {
		return Recovery{}, false, err
	}
	err = eachRow(rows, func(rows *sql.Rows) error {
		var began, watermark int64
		err := rows.Scan(&began, &watermark)
		r, ok = Recovery{fromMicros(began), fromMicros(watermark)}, true
		return err
	})
	return r, ok, err
}

// BeginRecovery notes that a workspace is searched from at on. One that was searched before stays as
// it is.
func (s *Store) BeginRecovery(ctx context.Context, workspace string, at time.Time) error {
	return s.recover(ctx, "begin recovery", `
		INSERT INTO recoveries (workspace, began_at, watermark) VALUES ($1, $2, $2) ON CONFLICT DO NOTHING`, workspace, micros(at))
}

// EndRecovery notes that a workspace is searched up to the watermark, and lets its timers go. A
// watermark does not go back.
func (s *Store) EndRecovery(ctx context.Context, workspace string, watermark time.Time) error {
	return s.recover(ctx, "end recovery", `
		UPDATE recoveries SET watermark = CASE WHEN watermark < $2 THEN cast($2 AS BIGINT) ELSE watermark END, held_until = 0
		WHERE workspace = $1`, workspace, micros(watermark))
}

// HoldTimers keeps the timers that came due after the watermark of their workspace from being decided
// until EndRecovery, or until a time: what cancels them may have been missed.
func (s *Store) HoldTimers(ctx context.Context, until time.Time) error {
	return s.recover(ctx, "hold timers", "UPDATE recoveries SET held_until = $1", micros(until))
}

func (s *Store) recover(ctx context.Context, what, query string, args ...any) error {
	err := s.writer.do(ctx, func(t *tx) error {
		_, err := t.exec(query, args...)
		return err
	})
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// free is the condition that a timer is not held.
const free = `NOT EXISTS (
	SELECT 1 FROM recoveries r WHERE r.workspace = timers.workspace AND timers.due_at > r.watermark AND r.held_until > `

// LastReceived is when the newest event that is filed was received; zero when there is none.
func (s *Store) LastReceived(ctx context.Context, workspace string) (at time.Time, err error) {
	rows, err := s.query(ctx, "SELECT received_at FROM events WHERE workspace = $1 ORDER BY seq DESC LIMIT 1", workspace)
	if err != nil {
		return time.Time{}, err
	}
	err = eachRow(rows, func(r *sql.Rows) error {
		var received int64
		err := r.Scan(&received)
		at = fromMicros(received)
		return err
	})
	return at, err
}

// EventsOn returns the events of a conversation that are filed, without their payloads. A subject of
// another kind has none here.
func (s *Store) EventsOn(ctx context.Context, workspace, subject string) ([]event.Event, error) {
	rows, err := s.query(ctx, twinColumns+" AND subject = $2 AND "+ofConversation+" ORDER BY seq", workspace, subject)
	if err != nil {
		return nil, err
	}
	var list []event.Event
	err = eachRow(rows, func(r *sql.Rows) error {
		ev, err := scanTwin(r)
		list = append(list, ev)
		return err
	})
	return list, err
}

// ofConversation is the condition of the index by subject, in its words.
const ofConversation = "substr(subject, 1, 13) = 'conversation/'"

const twinColumns = "SELECT seq, workspace, id, topic, subject, part, created_at, received_at FROM events WHERE workspace = $1"

func scanTwin(r *sql.Rows) (ev event.Event, err error) {
	var created, received int64
	err = r.Scan(&ev.Seq, &ev.Workspace, &ev.ID, &ev.Topic, &ev.Subject, &ev.Part, &created, &received)
	ev.CreatedAt, ev.ReceivedAt = fromMicros(created), fromMicros(received)
	return ev, err
}

// PutRecovered stores recovered events of one subject, in the order given, together: a timer that the
// first of them starts and that is due by now must not be decided before the last of them is there,
// which may cancel it. The events whose notifications are there, or come later, are dropped when they
// or those are filed. last is for Filed.
func (s *Store) PutRecovered(ctx context.Context, events []event.Event, now time.Time) (last int64, err error) {
	if len(events) == 0 {
		return 0, nil
	}
	puts := make([]*put, len(events))
	for i := range events {
		puts[i] = &put{ev: events[i]}
	}
	var through int64
	err = s.writer.do(ctx, func(t *tx) error {
		if _, err := t.exec("UPDATE recoveries SET put_at = $1 WHERE workspace = $2", micros(now), events[0].Workspace); err != nil {
			return err
		}
		for _, some := range cutSegments(puts) {
			id, err := t.insertSegment(some)
			if err != nil {
				return err
			}
			// Timers wait for what was received before they came due. These events would have been.
			if _, err := t.exec("INSERT INTO arrivals (segment, events, received_at) VALUES ($1, $2, $3)",
				id, len(some), micros(events[0].Began())); err != nil {
				return err
			}
			through = id
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("store recovered events: %w", err) // it may still be under way
	}
	for _, ev := range events {
		s.recent.Add(eventKey{ev.Workspace, ev.ID}, struct{}{})
	}
	return through, nil
}

// File gives everything that has arrived its place, as claiming does, for those who look for what is
// missing while nobody claims.
func (s *Store) File(ctx context.Context) error {
	for {
		waits, err := s.exists(ctx, "SELECT 1 FROM arrivals LIMIT 1")
		if err != nil || !waits {
			return err
		}
		ours, filed := false, filing{}
		err = s.writer.do(ctx, func(t *tx) (err error) {
			if ours, err = t.queryRow("SELECT 1 FROM locks WHERE name = 'filing' FOR UPDATE SKIP LOCKED", nil, new(int)); err != nil || !ours {
				return err
			}
			filed, err = t.file(s.Now())
			return err
		})
		if err != nil {
			return fmt.Errorf("file events: %w", err)
		}
		s.report(ctx, filed)
		if !ours { // somebody else does it
			return nil
		}
	}
}

// Filed tells whether everything is filed that was put up to last.
func (s *Store) Filed(ctx context.Context, last int64) (bool, error) {
	waits, err := s.exists(ctx, "SELECT 1 FROM arrivals WHERE segment <= $1 LIMIT 1", last)
	return !waits, err
}

// cutSegments cuts puts into segments of the usual size.
func cutSegments(puts []*put) (segments [][]*put) {
	for len(puts) > 0 {
		n := inOneSegment(puts)
		segments, puts = append(segments, puts[:n]), puts[n:]
	}
	return segments
}

// keepTwins is for how long after something was recovered its notification may still come. Intercom
// drops what it could not deliver for two hours; days are for its worst ones.
const keepTwins = 72 * time.Hour

// twins finds those of the events to be filed that tell of what is there already: a notification of
// what was recovered, or the other way round. Whoever files does it alone (takeIn), so that of two
// twins the second always sees the first.
func (t *tx) twins(events []event.Event, now time.Time) (twins map[int]bool, err error) {
	recovered := false
	for i := range events {
		recovered = recovered || events[i].Recovered()
	}
	filter := ""
	if !recovered {
		late, err := t.queryRow("SELECT 1 FROM recoveries WHERE put_at >= $1 LIMIT 1", []any{micros(now.Add(-keepTwins))}, new(int))
		if err != nil || !late {
			return nil, err
		}
		filter = " AND substr(id, 1, 10) = 'recovered/'"
	}
	known, err := t.eventsOn(events, filter)
	if err != nil {
		return nil, err
	}
	for i, ev := range events {
		for _, other := range known[eventKey{ev.Workspace, ev.Subject}] {
			if ev.Twin(other) {
				if twins == nil {
					twins = map[int]bool{}
				}
				twins[i] = true
				break
			}
		}
		if key := (eventKey{ev.Workspace, ev.Subject}); !twins[i] { // there may be a twin in the same segment
			known[key] = append(known[key], ev)
		}
	}
	return twins, nil
}

// twinSubjects is of how many subjects the events are read at once.
const twinSubjects = 8

// eventsOn reads the events that are there on the conversations of the events given.
func (t *tx) eventsOn(events []event.Event, filter string) (map[eventKey][]event.Event, error) {
	wanted, known := map[string][]string{}, map[eventKey][]event.Event{}
	for i := range events {
		key := eventKey{events[i].Workspace, events[i].Subject}
		if _, seen := known[key]; !seen {
			known[key] = nil
			wanted[key.workspace] = append(wanted[key.workspace], key.id)
		}
	}
	query := twinColumns + " AND subject IN ($2, $3, $4, $5, $6, $7, $8, $9) AND " + ofConversation + filter
	for workspace, subjects := range wanted {
		for len(subjects) > 0 {
			args := []any{workspace}
			for i := range twinSubjects {
				args = append(args, subjects[min(i, len(subjects)-1)])
			}
			err := t.query(query, args, func(r *sql.Rows) error {
				ev, err := scanTwin(r)
				key := eventKey{ev.Workspace, ev.Subject}
				known[key] = append(known[key], ev)
				return err
			})
			if err != nil {
				return nil, err
			}
			subjects = subjects[min(twinSubjects, len(subjects)):]
		}
	}
	return known, nil
}
