package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"switchboard/internal/event"
)

// Put stores an event and marks it as waiting to be evaluated. It returns after the commit,
// so the event may then be acknowledged (I1). stored is false for an event that was stored
// before; that one is left as it is.
func (s *Store) Put(ctx context.Context, ev event.Event) (stored bool, err error) {
	p := &put{ev: ev, done: make(chan error, 1)}
	if err := enter(ctx, s.writer, s.writer.intake, p, p.done); err != nil {
		return false, fmt.Errorf("store event: %w", err)
	}
	return p.stored, nil
}

// put is an event on its way into the store.
type put struct {
	ev     event.Event
	stored bool
	done   chan error
}

// eventKey is what makes an event the same event.
type eventKey struct{ workspace, id string }

// putAll stores events in the order given.
func (t *tx) putAll(puts []*put) error {
	if len(puts) == 0 {
		return nil
	}
	rows := make([]any, 0, 8*len(puts))
	for _, p := range puts {
		ev := &p.ev
		rows = append(rows, ev.Workspace, ev.ID, ev.Topic, ev.Subject, ev.Part, micros(ev.CreatedAt), micros(ev.ReceivedAt), ev.Payload)
	}
	fresh := make(map[eventKey]int64, len(puts))
	err := t.insert(&insertEvents, rows, func(r *sql.Rows) error {
		var key eventKey
		var seq int64
		err := r.Scan(&seq, &key.workspace, &key.id)
		fresh[key] = seq
		return err
	})
	if err != nil {
		return err
	}
	inbox, work := rows[:0], make([]any, 0, 4*len(puts))
	subjects := make(map[eventKey]bool, len(puts))
	for _, p := range puts {
		key := eventKey{p.ev.Workspace, p.ev.ID}
		seq, ok := fresh[key]
		p.stored = ok
		if !ok {
			continue
		}
		delete(fresh, key) // the same event twice among puts: the second is a duplicate
		inbox = append(inbox, p.ev.Workspace, p.ev.Subject, seq, micros(p.ev.ReceivedAt))
		// PostgreSQL would not let one statement update a row twice.
		if subject := (eventKey{p.ev.Workspace, p.ev.Subject}); !subjects[subject] {
			subjects[subject] = true
			work = append(work, int(LaneEvents), p.ev.Workspace, p.ev.Subject, micros(p.ev.ReceivedAt))
		}
	}
	if err := t.insert(&insertInbox, inbox, nil); err != nil {
		return err
	}
	return t.insert(&insertWork, work, nil)
}

const eventColumns = "e.seq, e.workspace, e.id, e.topic, e.subject, e.part, e.created_at, e.received_at, e.payload"

func scanEvent(rows *sql.Rows) (event.Event, error) {
	var ev event.Event
	var created, received int64
	err := rows.Scan(&ev.Seq, &ev.Workspace, &ev.ID, &ev.Topic, &ev.Subject, &ev.Part, &created, &received, &ev.Payload)
	ev.CreatedAt, ev.ReceivedAt = fromMicros(created), fromMicros(received)
	return ev, err
}

// PendingEvents returns up to n events of the claimed subject that wait to be evaluated, in
// the order of their arrival.
func (s *Store) PendingEvents(ctx context.Context, c Claim, n int) ([]event.Event, error) {
	rows, err := s.query(ctx, `
		SELECT `+eventColumns+` FROM inbox i JOIN events e ON e.seq = i.seq
		WHERE i.workspace = $1 AND i.subject = $2 ORDER BY i.seq `+limit(n), c.Workspace, c.Subject)
	if err != nil {
		return nil, err
	}
	var events []event.Event
	err = eachRow(rows, func(r *sql.Rows) error {
		ev, err := scanEvent(r)
		events = append(events, ev)
		return err
	})
	return events, err
}

// Prune deletes up to n events that were received before the given time and whose work is
// finished, with all that was recorded about them, and tells how many it deleted. What rules
// remember stays: an old conversation must not be answered twice because its event is gone.
//
// Events are looked through in the order of their arrival, outside the line of the writes, up
// to the first that is too young.
func (s *Store) Prune(ctx context.Context, before time.Time, n int) (deleted int64, err error) {
	for cursor := int64(0); deleted < int64(n); {
		old, last, err := s.oldEvents(ctx, cursor, before, n)
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
		cursor = old[len(old)-1]
	}
	return deleted, nil
}

// oldEvents are up to n events after the cursor that were received before the given time, up
// to the first that was not; last says that there are no more.
func (s *Store) oldEvents(ctx context.Context, cursor int64, before time.Time, n int) (old []int64, last bool, err error) {
	rows, err := s.query(ctx, "SELECT seq, received_at FROM events WHERE seq > $1 ORDER BY seq "+limit(n), cursor)
	if err != nil {
		return nil, false, err
	}
	read := 0
	err = eachRow(rows, func(r *sql.Rows) error {
		var seq, received int64
		err := r.Scan(&seq, &received)
		if read++; received >= micros(before) {
			last = true
		}
		if !last {
			old = append(old, seq)
		}
		return err
	})
	return old, last || read < n, err
}

// deleteFinished deletes those of the events whose work is finished.
func (s *Store) deleteFinished(ctx context.Context, seqs []int64) (deleted int64, err error) {
	err = s.writer.do(ctx, func(t *tx) error {
		deleted = 0
		for _, seq := range seqs {
			n, err := t.exec(`
				DELETE FROM events WHERE seq = $1
				  AND NOT EXISTS (SELECT 1 FROM inbox i WHERE i.workspace = events.workspace AND i.subject = events.subject AND i.seq = events.seq)
				  AND NOT EXISTS (SELECT 1 FROM actions a WHERE a.seq = events.seq AND a.state IN ('planned', 'attempting', 'parked'))`, seq)
			if err != nil {
				return err
			}
			if n == 0 {
				continue
			}
			deleted++
			for _, query := range []string{
				"DELETE FROM attempts WHERE action IN (SELECT id FROM actions WHERE seq = $1)",
				"DELETE FROM actions WHERE seq = $1",
				"DELETE FROM runs WHERE seq = $1",
				"DELETE FROM decisions WHERE seq = $1",
			} {
				if _, err := t.exec(query, seq); err != nil {
					return err
				}
			}
		}
		// Give the pages back to the file system, or the file would stay as large as it ever was.
		_, err := t.exec("PRAGMA incremental_vacuum(1000)")
		return err
	})
	return deleted, err
}
