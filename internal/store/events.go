package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"switchboard/internal/event"
)

// Put stores an event to be evaluated. It returns after the commit, so the event may then be
// acknowledged (I1). stored is false for an event that is known to have been stored before.
// One that only proves to be a duplicate later is dropped when it is filed.
func (s *Store) Put(ctx context.Context, ev event.Event) (stored bool, err error) {
	key := eventKey{ev.Workspace, ev.ID}
	if s.recent.Contains(key) {
		return false, nil
	}
	p := &put{ev: ev, done: make(chan error, 1)}
	if err := enter(ctx, s.writer, s.writer.intake, p, p.done); err != nil {
		return false, fmt.Errorf("store event: %w", err)
	}
	s.recent.Add(key, struct{}{})
	return true, nil
}

// put is an event on its way into the store.
type put struct {
	ev   event.Event
	done chan error
}

// eventKey is what makes an event the same event.
type eventKey struct{ workspace, id string }

// mostRecent is how many keys of events are remembered. Intercom sends a notification again
// after a minute, if at all.
const mostRecent = 8 << 10

// remember makes the newest stored events known again after a start.
func (s *Store) remember(ctx context.Context) error {
	rows, err := s.query(ctx, "SELECT workspace, id FROM events ORDER BY seq DESC "+limit(mostRecent))
	if err != nil {
		return err
	}
	return eachRow(rows, func(r *sql.Rows) error {
		var key eventKey
		err := r.Scan(&key.workspace, &key.id)
		s.recent.Add(key, struct{}{})
		return err
	})
}

// inOneSegment is how many of the events go into the first segment.
func inOneSegment(puts []*put) int {
	n, size := 1, len(puts[0].ev.Payload)
	for n < len(puts) && size+len(puts[n].ev.Payload) <= mostSegment {
		size += len(puts[n].ev.Payload)
		n++
	}
	return n
}

// putAll stores events in the order given, as one segment or, when they are large, several.
func (t *tx) putAll(puts []*put) error {
	for _, some := range cutSegments(puts) {
		if err := t.putSegment(some); err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) putSegment(puts []*put) error {
	if t.dialect.putSegment != "" {
		t.segment, t.scratch = encodeSegment(t.segment, t.scratch, puts)
		_, err := t.exec(t.dialect.putSegment, t.segment, len(puts), micros(puts[0].ev.ReceivedAt))
		return err
	}
	id, err := t.insertSegment(puts)
	if err != nil {
		return err
	}
	_, err = t.exec("INSERT INTO arrivals (segment, events, received_at) VALUES ($1, $2, $3)",
		id, len(puts), micros(puts[0].ev.ReceivedAt))
	return err
}

func (t *tx) insertSegment(puts []*put) (id int64, err error) {
	t.segment, t.scratch = encodeSegment(t.segment, t.scratch, puts)
	_, err = t.queryRow("INSERT INTO segments (data) VALUES ($1) RETURNING id", []any{t.segment}, &id)
	return id, err
}

// filing is what came of filing arrivals.
type filing struct {
	repeated int     // events that were there already
	damaged  []int64 // segments that cannot be read
}

// report counts and logs a filing that was committed.
func (s *Store) report(ctx context.Context, f filing) {
	s.metrics.repeated.Add(float64(f.repeated))
	for _, id := range f.damaged {
		s.log.ErrorContext(ctx, "events are lost to a damaged database; their segment is kept for a person to look at", "segment", id)
	}
}

// file gives the events of the oldest arrivals their rows, and notes that their subjects have
// work. An event that has a row already came twice and is dropped (I2); so is one whose twin has.
func (t *tx) file(now time.Time) (f filing, err error) {
	for filed := 0; filed < t.dialect.mostFiled; {
		var id int64
		var data []byte
		// Not a join: SQLite might walk through all segments there are to find the first that arrived.
		ok, err := t.queryRow("SELECT id, data FROM segments WHERE id = (SELECT min(segment) FROM arrivals)", nil, &id, &data)
		if err != nil || !ok {
			return f, err
		}
		events, err := decodeSegment(data)
		if err != nil { // nothing will ever read it; what comes after must not wait for it
			f.damaged = append(f.damaged, id)
		}
		repeated, err := t.fileSegment(id, events, now)
		if err != nil {
			return f, err
		}
		f.repeated += repeated
		filed += max(len(events), 1)
	}
	return f, nil
}

// fileSegment files the events of one segment, and tells how many of them were there already.
func (t *tx) fileSegment(segment int64, events []event.Event, now time.Time) (repeated int, err error) {
	twins, err := t.twins(events, now)
	if err != nil {
		return 0, err
	}
	rows := make([]any, 0, 9*len(events))
	for i := range events {
		if twins[i] {
			continue
		}
		ev := &events[i]
		t.dialect.cleanEvent(ev) // what comes back is compared with it
		rows = append(rows, ev.Workspace, ev.ID, ev.Topic, ev.Subject, ev.Part,
			micros(ev.CreatedAt), micros(ev.ReceivedAt), segment, i)
	}
	fresh := make(map[eventKey]int64, len(events))
	err = t.insert(&insertEvents, rows, func(r *sql.Rows) error {
		var key eventKey
		var seq int64
		err := r.Scan(&seq, &key.workspace, &key.id)
		fresh[key] = seq
		return err
	})
	if err != nil {
		return 0, err
	}
	repeated = len(events) - len(fresh)
	if len(fresh) == 0 && len(events) > 0 {
		if _, err := t.exec("DELETE FROM segments WHERE id = $1", segment); err != nil {
			return 0, err
		}
	}
	if err := t.addInbox(events, fresh, now); err != nil {
		return 0, err
	}
	return repeated, t.send(nil, "DELETE FROM arrivals WHERE segment = $1", segment)
}

// addInbox puts the fresh ones of the events into the inbox. Their subjects are due by now: an
// event that a clock which was ahead has stamped must not wait for that time.
func (t *tx) addInbox(events []event.Event, fresh map[eventKey]int64, now time.Time) error {
	inbox, work := make([]any, 0, 4*len(events)), make([]any, 0, 4*len(events))
	subjects := make(map[eventKey]bool, len(events))
	for i := range events {
		ev := &events[i]
		seq, ok := fresh[eventKey{ev.Workspace, ev.ID}]
		if !ok {
			continue
		}
		delete(fresh, eventKey{ev.Workspace, ev.ID}) // the same event twice: the second is dropped
		inbox = append(inbox, ev.Workspace, ev.Subject, seq, micros(ev.ReceivedAt))
		// PostgreSQL would not let one statement update a row twice.
		if subject := (eventKey{ev.Workspace, ev.Subject}); !subjects[subject] {
			subjects[subject] = true
			work = append(work, int(LaneEvents), ev.Workspace, ev.Subject, min(micros(ev.ReceivedAt), micros(now)))
		}
	}
	if err := t.insert(&insertInbox, inbox, nil); err != nil {
		return err
	}
	return t.insert(&insertWork, work, nil)
}

// PendingEvents returns up to n events of the claimed subject that wait to be evaluated, in
// the order of their arrival. One whose payload a damaged disk took has none.
func (s *Store) PendingEvents(ctx context.Context, c Claim, n int) ([]event.Event, error) {
	rows, err := s.query(ctx, `
		SELECT `+eventColumns+` FROM inbox i JOIN events ON events.seq = i.seq
		WHERE i.workspace = $1 AND i.subject = $2 ORDER BY i.seq `+limit(n), c.Workspace, c.Subject)
	if err != nil {
		return nil, err
	}
	return s.scanEvents(ctx, rows, true)
}

const eventColumns = "events.seq, events.workspace, events.id, events.topic, events.subject, events.part, events.created_at, events.received_at, events.segment, events.position"

// scanEvents reads rows of eventColumns, and then the payloads from their segments, if they are wanted.
func (s *Store) scanEvents(ctx context.Context, rows *sql.Rows, payloads bool) ([]event.Event, error) {
	type place struct {
		segment  int64
		position int
	}
	var events []event.Event
	var places []place
	err := eachRow(rows, func(r *sql.Rows) error {
		var ev event.Event
		var p place
		var created, received int64
		err := r.Scan(&ev.Seq, &ev.Workspace, &ev.ID, &ev.Topic, &ev.Subject, &ev.Part, &created, &received, &p.segment, &p.position)
		ev.CreatedAt, ev.ReceivedAt = fromMicros(created), fromMicros(received)
		events, places = append(events, ev), append(places, p)
		return err
	})
	if err != nil || !payloads {
		return events, err
	}
	for i, p := range places {
		segment, err := s.segment(ctx, p.segment)
		switch {
		case errors.Is(err, errSegment) || err == nil && p.position >= len(segment):
			s.log.ErrorContext(ctx, "an event's payload is lost to a damaged database", "event", events[i].Seq, "segment", p.segment)
		case err != nil:
			return nil, err
		default:
			events[i].Payload = segment[p.position].Payload
		}
	}
	return events, nil
}

// segment reads the events of a segment, which must not be changed. The last few stay in
// memory: events that came in together are mostly worked on together.
func (s *Store) segment(ctx context.Context, id int64) ([]event.Event, error) {
	if events, ok := s.segments.Get(id); ok {
		return events, nil
	}
	rows, err := s.query(ctx, "SELECT data FROM segments WHERE id = $1", id)
	if err != nil {
		return nil, err
	}
	var data []byte
	if err := eachRow(rows, func(r *sql.Rows) error { return r.Scan(&data) }); err != nil {
		return nil, fmt.Errorf("read segment %d: %w", id, err)
	}
	events, err := decodeSegment(data)
	if err != nil {
		return nil, fmt.Errorf("read segment %d: %w", id, err)
	}
	if len(data) <= mostSegment {
		s.segments.Add(id, events)
	}
	return events, nil
}

// Prune deletes up to n events that were received before the given time and whose work is
// finished, with all that was recorded about them, and tells how many it deleted. What rules
// remember stays (see Forget): an old conversation must not be answered twice because its event
// is gone. So do replays of events that stay, and what timers did that those started: they tell what
// was done about them.
//
// Events are looked through in the order of their arrival, outside the line of the writes, up
// to the first that is too young.
func (s *Store) Prune(ctx context.Context, before time.Time, n int) (deleted int64, err error) {
	for cursor := int64(0); deleted < int64(n); {
		old, last, err := s.oldEvents(ctx, cursor, before, n-int(deleted))
		if err != nil {
			return deleted, fmt.Errorf("prune events: %w", err)
		}
		if len(old) > 0 {
			more, err := s.deleteFinished(ctx, old)
			deleted += more
			if err != nil {
				return deleted, fmt.Errorf("prune events: %w", err)
			}
		}
		if last {
			return deleted, nil
		}
		cursor = old[len(old)-1].seq
	}
	return deleted, nil
}

// oldEvent is an event that may be deleted once the one that it comes from is; 0 if there is none.
type oldEvent struct{ seq, origin int64 }

// oldEvents are up to n events after the cursor that were received before the given time, up
// to the first that was not; last says that there are no more.
func (s *Store) oldEvents(ctx context.Context, cursor int64, before time.Time, n int) (old []oldEvent, last bool, err error) {
	rows, err := s.query(ctx, "SELECT seq, received_at, id FROM events WHERE seq > $1 ORDER BY seq "+limit(n), cursor)
	if err != nil {
		return nil, false, err
	}
	read := 0
	err = eachRow(rows, func(r *sql.Rows) error {
		var ev event.Event
		var received int64
		err := r.Scan(&ev.Seq, &received, &ev.ID)
		if read++; received >= micros(before) {
			last = true
		}
		if !last {
			origin, _ := ev.Origin()
			old = append(old, oldEvent{ev.Seq, origin})
		}
		return err
	})
	return old, last || read < n, err
}

// deleteFinished deletes those of the events whose work is finished.
func (s *Store) deleteFinished(ctx context.Context, events []oldEvent) (int64, error) {
	var deleted int64
	var segments map[int64]bool
	err := s.writer.do(ctx, func(t *tx) error {
		deleted, segments = 0, map[int64]bool{}
		for _, ev := range events {
			var segment int64
			ok, err := t.queryRow(`
				DELETE FROM events WHERE seq = $1
				  AND NOT EXISTS (SELECT 1 FROM inbox i WHERE i.workspace = events.workspace AND i.subject = events.subject AND i.seq = events.seq)
				  AND NOT EXISTS (SELECT 1 FROM actions a WHERE a.seq = events.seq AND a.state IN ('planned', 'attempting', 'parked'))
				  AND NOT EXISTS (SELECT 1 FROM waiting w WHERE w.seq = events.seq)
				  AND NOT EXISTS (SELECT 1 FROM events o WHERE o.seq = $2)
				RETURNING segment`, []any{ev.seq, ev.origin}, &segment)
			if err != nil {
				return err
			}
			if !ok {
				continue
			}
			deleted++
			segments[segment] = true
			for _, query := range []string{
				"DELETE FROM attempts WHERE action IN (SELECT id FROM actions WHERE seq = $1)",
				"DELETE FROM picks WHERE action IN (SELECT id FROM actions WHERE seq = $1)",
				"DELETE FROM actions WHERE seq = $1",
				"DELETE FROM runs WHERE seq = $1",
				"DELETE FROM decisions WHERE seq = $1",
			} {
				if err := t.send(nil, query, ev.seq); err != nil {
					return err
				}
			}
		}
		for segment := range segments {
			if err := t.shrinkSegment(segment); err != nil {
				return err
			}
		}
		// Give the pages back to the file system, or the file would stay as large as it ever was.
		if t.dialect.vacuum == "" {
			return nil
		}
		_, err := t.exec(t.dialect.vacuum)
		return err
	})
	if err != nil {
		return 0, err // it may still be under way
	}
	for segment := range segments {
		s.segments.Remove(segment)
	}
	return deleted, nil
}

// shrinkSegment takes the payloads of events that are gone out of a segment, and deletes one
// that has no events any more: what one customer wrote is not kept for another's sake (I10).
func (t *tx) shrinkSegment(id int64) error {
	left := map[int]bool{}
	err := t.query("SELECT position FROM events WHERE segment = $1", []any{id}, func(r *sql.Rows) error {
		var position int
		err := r.Scan(&position)
		left[position] = true
		return err
	})
	if err != nil {
		return err
	}
	if len(left) == 0 {
		_, err := t.exec("DELETE FROM segments WHERE id = $1", id)
		return err
	}
	var data []byte
	if _, err := t.queryRow("SELECT data FROM segments WHERE id = $1 FOR UPDATE", []any{id}, &data); err != nil {
		return err
	}
	events, err := decodeSegment(data)
	if err != nil {
		return nil //nolint:nilerr // what is damaged cannot be shrunk; it goes when its last event does
	}
	kept := make([]*put, len(events))
	for i := range events {
		kept[i] = &put{}
		if left[i] {
			kept[i].ev = events[i]
		}
	}
	t.segment, t.scratch = encodeSegment(t.segment, t.scratch, kept)
	_, err = t.exec("UPDATE segments SET data = $1 WHERE id = $2", t.segment, id)
	return err
}
