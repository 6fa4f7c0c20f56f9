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
	err = s.writer.do(ctx, func(t *tx) error {
		stored = false
		var seq int64
		fresh, err := t.queryRow(`
			INSERT INTO events (workspace, id, topic, subject, part, created_at, received_at, payload)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
			ON CONFLICT DO NOTHING RETURNING seq`,
			[]any{
				ev.Workspace, ev.ID, ev.Topic, ev.Subject, ev.Part,
				micros(ev.CreatedAt), micros(ev.ReceivedAt), ev.Payload,
			}, &seq)
		if err != nil || !fresh {
			return err
		}
		if _, err := t.exec(`
			INSERT INTO inbox (workspace, subject, seq, received_at) VALUES ($1, $2, $3, $4)`,
			ev.Workspace, ev.Subject, seq, micros(ev.ReceivedAt)); err != nil {
			return err
		}
		stored = true
		return t.addWork(LaneEvents, ev.Workspace, ev.Subject, ev.ReceivedAt)
	})
	if err != nil {
		return false, fmt.Errorf("store event: %w", err)
	}
	return stored, nil
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
		WHERE i.workspace = $1 AND i.subject = $2 ORDER BY i.seq LIMIT $3`, c.Workspace, c.Subject, n)
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
func (s *Store) Prune(ctx context.Context, before time.Time, n int) (deleted int64, err error) {
	err = s.writer.do(ctx, func(t *tx) error {
		deleted = 0
		var seqs []int64
		err := t.query(`
			SELECT e.seq FROM events e
			WHERE e.received_at < $1
			  AND NOT EXISTS (SELECT 1 FROM inbox i WHERE i.workspace = e.workspace AND i.subject = e.subject AND i.seq = e.seq)
			  AND NOT EXISTS (SELECT 1 FROM actions a WHERE a.seq = e.seq AND a.state IN ('planned', 'attempting', 'parked'))
			ORDER BY e.seq LIMIT $2`, []any{micros(before), n},
			func(r *sql.Rows) error {
				var seq int64
				err := r.Scan(&seq)
				seqs = append(seqs, seq)
				return err
			})
		if err != nil {
			return err
		}
		for _, seq := range seqs {
			for _, query := range []string{
				"DELETE FROM attempts WHERE action IN (SELECT id FROM actions WHERE seq = $1)",
				"DELETE FROM actions WHERE seq = $1",
				"DELETE FROM runs WHERE seq = $1",
				"DELETE FROM decisions WHERE seq = $1",
				"DELETE FROM events WHERE seq = $1",
			} {
				if _, err := t.exec(query, seq); err != nil {
					return err
				}
			}
		}
		deleted = int64(len(seqs))
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("prune events: %w", err)
	}
	return deleted, nil
}
