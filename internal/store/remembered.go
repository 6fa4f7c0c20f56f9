package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// Quota is how often a rule may run with a key: Runs times in a window that begins with the
// first of them and is Per long, or once and for all when Per is 0. Keep is how long after its
// beginning the window may be of interest; 0 is for ever.
type Quota struct {
	Key  string
	Runs int
	Per  time.Duration
	Keep time.Duration
	// Count is what one run counts for, 1 if 0; Shared says that all rules count together.
	Count  int
	Shared bool
}

// Memory is what a rule remembers of a key: how often it ran with it since when, and when that
// may be forgotten (zero: never). The zero value is a key that it never ran with.
type Memory struct {
	Runs  int
	Since time.Time
	Until time.Time
	By    int64 // the event of the last of them
}

// Recall returns what the rule remembers of the key.
func (s *Store) Recall(ctx context.Context, workspace, rule, key string) (m Memory, err error) {
	rows, err := s.query(ctx, "SELECT runs, at, until, seq FROM remembered WHERE workspace = $1 AND rule = $2 AND key = $3", workspace, rule, key)
	if err != nil {
		return Memory{}, err
	}
	err = eachRow(rows, func(r *sql.Rows) error { return m.scan(r) })
	return m, err
}

func (m *Memory) scan(r *sql.Rows, before ...any) error {
	var since, until int64
	err := r.Scan(append(before, &m.Runs, &since, &until, &m.By)...)
	m.Since, m.Until = fromMicros(since), fromMicros(until)
	return err
}

// LimitKey is the key of the windows that Limits reads: an index finds these among all others.
const LimitKey = "limit"

// Limit is what one rule remembers of LimitKey.
type Limit struct {
	Workspace string
	Rule      string
	Memory
}

// Limits returns what rules of a workspace (of all, if it is empty) remember of LimitKey, which is one row for each at the most.
func (s *Store) Limits(ctx context.Context, workspace string) ([]Limit, error) {
	where, args := in(workspace)
	rows, err := s.query(ctx, "SELECT workspace, rule, runs, at, until, seq FROM remembered WHERE key = '"+LimitKey+"'"+where, args...)
	if err != nil {
		return nil, err
	}
	var list []Limit
	err = eachRow(rows, func(r *sql.Rows) error {
		var l Limit
		err := l.scan(r, &l.Workspace, &l.Rule)
		list = append(list, l)
		return err
	})
	return list, err
}

// remember counts a run with the quota's key, in a new window when the last is over. It ends
// with ErrRemembered when the window is full: whoever decided on the run did not see the runs
// that others have stored since.
func (t *tx) remember(c Claim, rule string, q Quota, seq int64, now time.Time) error {
	if q.Shared {
		rule = ""
	}
	if q.Per > 0 {
		if err := t.send(nil, `
			DELETE FROM remembered WHERE workspace = $1 AND rule = $2 AND key = $3
			  AND (at <= $4 OR until BETWEEN 1 AND $5)`,
			c.Workspace, rule, q.Key, micros(now.Add(-q.Per)), micros(now)); err != nil {
			return err
		}
	}
	var until time.Time
	if q.Keep > 0 {
		until = now.Add(q.Keep)
	}
	return t.send(orRemembered, `
		INSERT INTO remembered (workspace, rule, key, seq, at, runs, until) VALUES ($1, $2, $3, $4, $5, $8, $6)
		ON CONFLICT (workspace, rule, key) DO UPDATE SET runs = remembered.runs + excluded.runs, seq = excluded.seq
		WHERE remembered.runs + excluded.runs <= $7`,
		c.Workspace, rule, q.Key, seq, micros(now), micros(until), q.Runs, max(q.Count, 1))
}

// orRemembered ends a transaction whose run is one too many.
func orRemembered(changed int64) error {
	if changed == 0 {
		return ErrRemembered
	}
	return nil
}

// How long it is known when a call of ours changed something (Touched), and what cancelled timers:
// notifications come within hours or not at all.
const (
	KeepTouches = 24 * time.Hour
	keepCancels = 24 * time.Hour
)

// Forget deletes up to n windows that are of no interest any more, as many touches, and as many
// cancels, and tells how many of the most numerous it deleted. What is remembered for ever stays.
// Decisions do not depend on it: a window that may be forgotten counts as forgotten.
func (s *Store) Forget(ctx context.Context, now time.Time, n int) (int64, error) {
	var deleted int64
	err := s.writer.do(ctx, func(t *tx) error {
		windows, err := t.exec(`
			DELETE FROM remembered WHERE (workspace, rule, key) IN (
				SELECT workspace, rule, key FROM remembered WHERE until > 0 AND until <= $1 ORDER BY until `+limit(n)+`)`, micros(now))
		if err != nil {
			return err
		}
		touches, err := t.exec(`
			DELETE FROM touches WHERE (workspace, subject, to_at, action) IN (
				SELECT workspace, subject, to_at, action FROM touches WHERE to_at <= $1 ORDER BY to_at `+limit(n)+`)`, micros(now.Add(-KeepTouches)))
		if err != nil {
			return err
		}
		cancels, err := t.exec(`
			DELETE FROM cancels WHERE (workspace, subject, rule) IN (
				SELECT workspace, subject, rule FROM cancels WHERE noted_at <= $1 ORDER BY noted_at `+limit(n)+`)`, micros(now.Add(-keepCancels)))
		deleted = max(windows, touches, cancels)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("forget what rules remember: %w", err)
	}
	return deleted, nil
}
