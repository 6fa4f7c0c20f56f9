package store

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"time"
)

// Lane is a kind of work.
type Lane int

// The lanes: a subject may be claimed in each of them at the same time, by different holders.
const (
	LaneEvents  Lane = 1 // events wait to be evaluated
	LaneActions Lane = 2 // actions wait to be run
)

// is is the condition for rows of the lane. The number stands in the text: as long as an index
// covers one lane only, SQLite prepares a statement anew each time that a parameter names a lane.
func (l Lane) is() string { return "lane = " + strconv.Itoa(int(l)) }

// in is the condition for rows of a workspace, which is the parameter $1; those of all workspaces if it
// is empty.
func in(workspace string) (condition string, args []any) {
	if workspace == "" {
		return "", nil
	}
	return " AND workspace = $1", []any{workspace}
}

// Claim is the right to work on one subject in one lane until its lease ends.
type Claim struct {
	Lane      Lane
	Workspace string
	Subject   string
	Fence     int64
}

// Claim takes up to n subjects of a workspace (of all, if it is empty) that have work due at now, those
// first that have waited longest, and holds them until now+lease.
func (s *Store) Claim(ctx context.Context, lane Lane, workspace string, n int, now time.Time, lease time.Duration) ([]Claim, error) {
	// Looking first keeps an idle service from writing: reads cost no fsync.
	if due, ok, err := s.NextDue(ctx, lane, workspace); err != nil || !ok || due.After(now) {
		return nil, err
	}
	var claims []Claim
	var filed filing
	most := min(n, s.dialect.mostClaims)
	err := s.writer.do(ctx, func(t *tx) (err error) {
		claims = nil
		if lane == LaneEvents {
			if filed, err = t.takeIn(now); err != nil {
				return err
			}
		}
		fence := s.nextFence()
		where, args := in(workspace)
		n := len(args)
		// The list is made first, by itself: PostgreSQL may otherwise ask for it again for every row,
		// and get others each time.
		return t.query(`
			WITH due AS MATERIALIZED (
				SELECT lane, workspace, subject FROM lanes
				WHERE `+lane.is()+where+` AND visible_at <= `+arg(n+1)+` ORDER BY visible_at `+limit(most)+` FOR UPDATE SKIP LOCKED)
			UPDATE lanes SET fence = `+arg(n+2)+`, visible_at = `+arg(n+3)+`, dirty = 0
			WHERE (lane, workspace, subject) IN (SELECT lane, workspace, subject FROM due)
			RETURNING workspace, subject`,
			append(args, micros(now), fence, micros(now.Add(lease))),
			func(r *sql.Rows) error {
				c := Claim{Lane: lane, Fence: fence}
				err := r.Scan(&c.Workspace, &c.Subject)
				claims = append(claims, c)
				return err
			})
	})
	if err != nil {
		return nil, fmt.Errorf("claim subjects: %w", err)
	}
	s.report(ctx, filed)
	return claims, nil
}

// takeIn files what has arrived and ripens what came due. One replica does it at a time: the order in
// which events get their numbers is the order in which they are committed, and whoever works on a
// subject has seen all that come before (I3).
func (t *tx) takeIn(now time.Time) (filing, error) {
	if ours, err := t.queryRow("SELECT 1 FROM locks WHERE name = 'filing' FOR UPDATE SKIP LOCKED", nil, new(int)); err != nil || !ours {
		return filing{}, err
	}
	filed, err := t.file(now)
	if err != nil {
		return filing{}, err
	}
	return filed, t.ripen(now)
}

// limit is the clause for at most n rows. The number stands in the text: SQLite prepares a
// statement anew each time that a parameter decides over its limit.
func limit(n int) string { return "LIMIT " + strconv.Itoa(n) }

// arg is a parameter of a statement.
func arg(n int) string { return "$" + strconv.Itoa(n) }

// Renew holds the claim until the given time, or tells with ErrLost that it is gone.
func (s *Store) Renew(ctx context.Context, c Claim, until time.Time) error {
	err := s.writer.do(ctx, func(t *tx) error {
		return t.send(orLost, `
			UPDATE lanes SET visible_at = $1
			WHERE lane = $2 AND workspace = $3 AND subject = $4 AND fence = $5`,
			micros(until), int(c.Lane), c.Workspace, c.Subject, c.Fence)
	})
	if err != nil {
		return fmt.Errorf("renew claim: %w", err)
	}
	return nil
}

// Release gives the subject back. next is when its remaining work is due; the zero time says
// that none remains. Work that arrived meanwhile is not lost either way. Releasing a claim
// that is lost does nothing.
func (s *Store) Release(ctx context.Context, c Claim, next time.Time) error {
	err := s.writer.do(ctx, func(t *tx) error { return t.release(c, next) })
	if err != nil {
		return fmt.Errorf("release claim: %w", err)
	}
	return nil
}

func (t *tx) release(c Claim, next time.Time) error {
	if next.IsZero() {
		if err := t.send(nil, `
			DELETE FROM lanes
			WHERE lane = $1 AND workspace = $2 AND subject = $3 AND fence = $4 AND dirty = 0`,
			int(c.Lane), c.Workspace, c.Subject, c.Fence); err != nil {
			return err
		}
	}
	// visible_at 0 is due at once: when nothing remained and the row is still there, work arrived in
	// the meantime.
	return t.send(nil, `
		UPDATE lanes SET fence = 0, dirty = 0, visible_at = $1
		WHERE lane = $2 AND workspace = $3 AND subject = $4 AND fence = $5`,
		micros(next), int(c.Lane), c.Workspace, c.Subject, c.Fence)
}

// addWork notes that a subject has work.
func (t *tx) addWork(lane Lane, workspace, subject string, due time.Time) error {
	return t.insert(&insertWork, []any{int(lane), workspace, subject, micros(due)}, nil)
}

// NextDue tells when the next subject of a workspace (of all, if it is empty) may be claimed in the lane;
// ok is false when there is none. A claimed subject counts with the end of its lease. Events that are not filed yet are due
// always: they say nothing about which subject waits for what. Timers that wait count as well.
func (s *Store) NextDue(ctx context.Context, lane Lane, workspace string) (due time.Time, ok bool, err error) {
	where, args := in(workspace)
	first := func(query string, args ...any) error {
		rows, err := s.query(ctx, query, args...)
		if err != nil {
			return err
		}
		return eachRow(rows, func(r *sql.Rows) error {
			var at int64
			err := r.Scan(&at)
			if next := time.UnixMicro(at).UTC(); !ok || next.Before(due) {
				due, ok = next, true
			}
			return err
		})
	}
	if lane == LaneEvents {
		if err := first("SELECT 0 FROM arrivals LIMIT 1"); err != nil || ok {
			return due, ok, err
		}
		if err := first("SELECT due_at FROM timers WHERE ripe = 0"+where+" AND "+free+arg(len(args)+1)+") ORDER BY due_at LIMIT 1",
			append(args, micros(s.Now()))...); err != nil {
			return due, ok, err
		}
	}
	err = first("SELECT visible_at FROM lanes WHERE "+lane.is()+where+" ORDER BY visible_at LIMIT 1", args...)
	return due, ok, err
}

// held is the condition that the claim still holds; its four values follow with heldArgs. It
// goes into the WHERE of every write under a claim.
// The row is locked until the write is committed: nobody takes the claim over in between.
const held = ` EXISTS (SELECT 1 FROM lanes WHERE lane = $1 AND workspace = $2 AND subject = $3 AND fence = $4 FOR UPDATE)`

func (c Claim) heldArgs(more ...any) []any {
	return append([]any{int(c.Lane), c.Workspace, c.Subject, c.Fence}, more...)
}
