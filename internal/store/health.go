package store

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"time"

	"switchboard/internal/event"
)

// Health is what the database tells of itself.
type Health struct {
	Kind string // sqlite or postgres
	Path string // as Store.Path
	// Bytes is how large it is, and LogBytes how large the write-ahead log of a file is, which are not in it.
	Bytes, LogBytes int64
	// Schema is the version of its schema, and Known the one that this program knows.
	Schema, Known int
	// WriteTook is how long a small write took until it was committed.
	WriteTook time.Duration
	// Ahead is how far its clock is ahead of this machine's: 0 for a file, which has none.
	Ahead time.Duration
}

// Health asks the database. That it cannot be written to is an error, too.
func (s *Store) Health(ctx context.Context) (h Health, err error) {
	h = Health{Kind: s.dialect.name, Path: s.path, Known: s.schema}
	began := time.Now()
	if err := s.Ping(ctx); err != nil {
		return h, fmt.Errorf("read and write: %w", err)
	}
	h.WriteTook = time.Since(began)
	if h.Schema, err = s.number(ctx, "SELECT coalesce(max(version), 0) FROM schema_migrations"); err != nil {
		return h, err
	}
	if s.Shared() {
		return h, s.serverHealth(ctx, &h)
	}
	info, err := os.Stat(s.path)
	if err != nil {
		return h, err
	}
	h.Bytes = info.Size()
	if log, err := os.Stat(s.path + "-wal"); err == nil { // there is none before the first write
		h.LogBytes = log.Size()
	}
	return h, nil
}

// serverHealth is what a server tells besides.
func (s *Store) serverHealth(ctx context.Context, h *Health) error {
	size, err := s.number(ctx, "SELECT pg_database_size(current_database())")
	if err != nil {
		return err
	}
	h.Bytes = int64(size)
	began := time.Now()
	at, err := s.number(ctx, "SELECT cast(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT)")
	took := time.Since(began)
	if ahead := time.UnixMicro(int64(at)).Sub(began.Add(took / 2)); ahead.Abs() > took { // else it may be the way
		h.Ahead = ahead
	}
	return err
}

// number is the answer to a query for one number.
func (s *Store) number(ctx context.Context, query string, args ...any) (n int, err error) {
	rows, err := s.query(ctx, query, args...)
	if err != nil {
		return 0, err
	}
	return n, eachRow(rows, func(r *sql.Rows) error { return r.Scan(&n) })
}

// Arrivals is what came in from Intercom for a workspace of late.
type Arrivals struct {
	// Notifications is how many were looked at: the newest, those of the last Since.
	Notifications int
	Since         time.Time // when the oldest of them was received; zero when there is none
	Last          time.Time // when the newest was
	// LongestGap is the longest time between two of them.
	LongestGap time.Duration
	// Topics says when each topic came last.
	Topics map[string]time.Time
	// Recovered is how many events were rebuilt meanwhile because no notification told of them, and
	// LastRecovered when the newest was.
	Recovered     int
	LastRecovered time.Time
}

// MostArrivals is how many events Arrivals looks at. It looks for them among the newest mostLookedAt of all
// workspaces: for one that is quiet beside others, the whole table would be read.
const MostArrivals, mostLookedAt = 10_000, 500_000

// Arrivals tells what came in of late: of the newest MostArrivals events that are filed.
func (s *Store) Arrivals(ctx context.Context, workspace string) (a Arrivals, err error) {
	a.Topics = map[string]time.Time{}
	rows, err := s.query(ctx, `
		SELECT id, topic, received_at FROM events
		WHERE workspace = $1 AND seq > (SELECT coalesce(max(seq), 0) FROM events) - $2 ORDER BY seq DESC `+limit(MostArrivals), workspace, mostLookedAt)
	if err != nil {
		return a, err
	}
	return a, eachRow(rows, func(r *sql.Rows) error {
		var ev event.Event
		var received int64
		if err := r.Scan(&ev.ID, &ev.Topic, &received); err != nil {
			return err
		}
		a.add(ev, fromMicros(received))
		return nil
	})
}

// add adds an event that is older than all before.
func (a *Arrivals) add(ev event.Event, at time.Time) {
	switch {
	case ev.Recovered():
		a.Recovered++
		a.LastRecovered = later(a.LastRecovered, at)
	case event.OwnTopic(ev.Topic) || ev.Replayed():
	default:
		if a.Notifications > 0 {
			a.LongestGap = max(a.LongestGap, a.Since.Sub(at))
		}
		a.Notifications++
		a.Since, a.Last = at, later(a.Last, at)
		a.Topics[ev.Topic] = later(a.Topics[ev.Topic], at)
	}
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// ServedWorkspaces are the app ids of the workspaces that a service was run for, whether or not events came.
func (s *Store) ServedWorkspaces(ctx context.Context) (ids []string, err error) {
	rows, err := s.query(ctx, "SELECT workspace FROM recoveries ORDER BY workspace")
	if err != nil {
		return nil, err
	}
	return ids, eachRow(rows, func(r *sql.Rows) error {
		var id string
		err := r.Scan(&id)
		ids = append(ids, id)
		return err
	})
}

// OverdueTimers counts the timers that were due before a time and wait all the same; oldest is when the
// first of them was due.
func (s *Store) OverdueTimers(ctx context.Context, before time.Time) (n int, oldest time.Time, err error) {
	rows, err := s.query(ctx, "SELECT count(*), coalesce(min(due_at), 0) FROM timers WHERE ripe = 0 AND due_at < $1", micros(before))
	if err != nil {
		return 0, time.Time{}, err
	}
	err = eachRow(rows, func(r *sql.Rows) error {
		var due int64
		err := r.Scan(&n, &due)
		oldest = fromMicros(due)
		return err
	})
	return n, oldest, err
}
