package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"switchboard/internal/event"
)

// Sweep is the state of a rule with a schedule: when it is due next, and how far the sweep has come
// that was due last. Whoever runs sweeps keeps it; the store only knows which events belong to one.
type Sweep struct {
	Workspace string
	Rule      string
	// Schedule and Search are what the rule said when the row was made.
	Schedule, Search string
	NextAt           time.Time

	// The sweep that was due at DueAt; zero when there was none. It is Running until its last page
	// was read.
	Running bool
	DueAt   time.Time
	BegunAt time.Time
	Query   string // what is searched for
	Cursor  string // where the next page begins
	Pass    int    // the search was begun so often
	Pages   int    // of this pass, so far
	Fresh   int    // results that only this pass has found
	Results int
	Version int64 // counts the changes of the row; from the store
	through int64
}

const sweepColumns = `workspace, rule, schedule, search, next_at, running, due_at, begun_at, query, cursor, pass, pages, fresh, results, through, version`

// Sweeps returns the rows of a workspace.
func (s *Store) Sweeps(ctx context.Context, workspace string) ([]Sweep, error) {
	rows, err := s.query(ctx, "SELECT "+sweepColumns+" FROM sweeps WHERE workspace = $1 ORDER BY rule", workspace)
	if err != nil {
		return nil, err
	}
	var list []Sweep
	err = eachRow(rows, func(r *sql.Rows) error {
		var w Sweep
		var running int
		var next, due, begun int64
		err := r.Scan(&w.Workspace, &w.Rule, &w.Schedule, &w.Search, &next, &running, &due, &begun, &w.Query, &w.Cursor,
			&w.Pass, &w.Pages, &w.Fresh, &w.Results, &w.through, &w.Version)
		w.NextAt, w.Running, w.DueAt, w.BegunAt = fromMicros(next), running != 0, fromMicros(due), fromMicros(begun)
		list = append(list, w)
		return err
	})
	return list, err
}

// SaveSweep stores a row in place of the one that its rule had: the one that was read or saved last.
// ErrLost says that somebody else has changed that since. Events of the sweep that were put before
// count from now on as its own, see SweepWork.
func (s *Store) SaveSweep(ctx context.Context, w *Sweep) error {
	running := 0
	if w.Running {
		running = 1
	}
	var through int64
	err := s.writer.do(ctx, func(t *tx) error {
		ok, err := t.queryRow(`
			INSERT INTO sweeps (`+sweepColumns+`)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, (SELECT coalesce(max(segment), 0) FROM arrivals), $15)
			ON CONFLICT (workspace, rule) DO UPDATE SET schedule = excluded.schedule, search = excluded.search,
				next_at = excluded.next_at, running = excluded.running, due_at = excluded.due_at, begun_at = excluded.begun_at,
				query = excluded.query, cursor = excluded.cursor, pass = excluded.pass, pages = excluded.pages,
				fresh = excluded.fresh, results = excluded.results, through = excluded.through,
				version = excluded.version
			WHERE sweeps.version = excluded.version - 1
			RETURNING through`,
			[]any{
				w.Workspace, w.Rule, w.Schedule, w.Search, micros(w.NextAt), running, micros(w.DueAt), micros(w.BegunAt), w.Query, w.Cursor,
				w.Pass, w.Pages, w.Fresh, w.Results, w.Version + 1,
			}, &through)
		if err == nil && !ok {
			return ErrLost
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("save sweep: %w", err)
	}
	w.through = through
	w.Version++
	return nil
}

// DeleteSweep forgets a rule.
func (s *Store) DeleteSweep(ctx context.Context, workspace, rule string) error {
	err := s.writer.do(ctx, func(t *tx) error {
		_, err := t.exec("DELETE FROM sweeps WHERE workspace = $1 AND rule = $2", workspace, rule)
		return err
	})
	if err != nil {
		return fmt.Errorf("delete sweep: %w", err)
	}
	return nil
}

// SweepWork counts what is left to do of a sweep: its events that wait to be evaluated, whose ids
// begin with the prefix, and the open actions of its rule; of each up to most. Events that are not
// filed yet cannot be told apart, so while some are there that the sweep may have put, the answer
// is most. What is stuck does not count, so that one subject does not stop the whole rule: events
// received before since, and actions that have failed before.
func (s *Store) SweepWork(ctx context.Context, w *Sweep, prefix string, since time.Time, most int) (events, actions int, err error) {
	arriving, err := s.exists(ctx, "SELECT 1 FROM arrivals WHERE segment <= $1 LIMIT 1", w.through)
	if err != nil {
		return 0, 0, err
	}
	if events = most; !arriving {
		events, err = s.count(ctx, `
			SELECT count(*) FROM (
				SELECT 1 FROM inbox i JOIN events e ON e.seq = i.seq
				WHERE i.workspace = $1 AND e.topic = $2 AND i.received_at >= $4
				  AND substr(e.id, 1, length(cast($3 AS TEXT))) = cast($3 AS TEXT) `+limit(most)+`) AS found`,
			w.Workspace, event.TopicSchedule, prefix, micros(since))
		if err != nil {
			return 0, 0, err
		}
	}
	actions, err = s.count(ctx, `
		SELECT count(*) FROM (
			SELECT 1 FROM actions WHERE workspace = $1 AND rule = $2 AND state IN ('planned', 'attempting') AND attempts = 0 `+limit(most)+`) AS found`,
		w.Workspace, w.Rule)
	return events, actions, err
}

// HasEvent tells whether an event is known to be stored. One that is not filed yet is known as long
// as it is among the newest.
func (s *Store) HasEvent(ctx context.Context, workspace, id string) (bool, error) {
	if s.recent.Contains(eventKey{workspace, id}) {
		return true, nil
	}
	return s.exists(ctx, "SELECT 1 FROM events WHERE workspace = $1 AND id = $2", workspace, id)
}

// count runs a query that gives one number.
func (s *Store) count(ctx context.Context, query string, args ...any) (n int, err error) {
	rows, err := s.query(ctx, query, args...)
	if err != nil {
		return 0, err
	}
	err = eachRow(rows, func(r *sql.Rows) error { return r.Scan(&n) })
	return n, err
}
