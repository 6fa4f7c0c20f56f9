package store

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"switchboard/internal/event"
)

// Timer is a run of a rule that waits on a subject. It becomes due by itself: see ripen.
type Timer struct {
	Workspace string
	Subject   string
	Rule      string
	// Seq, Event, Topic and Part are of the event that started it; HappenedAt is when that was by
	// Intercom's clock, StartedAt by ours.
	Seq        int64
	Event      string
	Topic      string
	Part       string
	HappenedAt time.Time
	StartedAt  time.Time
	DueAt      time.Time
	// Place orders timers that are due at the same time.
	Place int
	// Clock identifies what the rule said when DueAt was worked out.
	Clock string
	// Newest is the newest event that would have started it anew, if its rule keeps the first: an
	// event.Trigger as JSON, or empty.
	Newest string
	// Version counts the changes since it was started.
	Version int64
	// Ripe tells that it came due and that the event that says so waits to be evaluated.
	Ripe bool
}

// TimerChange is what a decision does to the timer of one rule on its subject.
type TimerChange struct {
	Rule string
	// Set is the timer from now on; nil when there is none any more. Workspace, Subject, Version
	// and Ripe are the store's.
	Set *Timer
	// Newest, when it is not empty, is all that changes.
	Newest string
}

// Cancel is an event that cancels the timers of a rule on its subject which were started by what
// happened before.
type Cancel struct {
	Rule  string
	Topic string
	Part  string
	At    time.Time // when it happened
}

// changeTimers stores what a decision does to the timers of its subject.
func (t *tx) changeTimers(c Claim, d Decision) error {
	for _, ch := range d.Timers {
		if err := t.changeTimer(c, ch); err != nil {
			return err
		}
	}
	for _, cancel := range d.Cancels {
		if err := t.send(nil, `
			INSERT INTO cancels (workspace, subject, rule, topic, part, at, noted_at) VALUES ($1, $2, $3, $4, $5, $6, $7)
			ON CONFLICT (workspace, subject, rule) DO UPDATE
			SET topic = excluded.topic, part = excluded.part, at = excluded.at, noted_at = excluded.noted_at`,
			c.Workspace, c.Subject, cancel.Rule, cancel.Topic, cancel.Part, micros(cancel.At), micros(d.At)); err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) changeTimer(c Claim, ch TimerChange) error {
	if ch.Newest != "" {
		return t.send(nil, "UPDATE timers SET newest = $1 WHERE workspace = $2 AND subject = $3 AND rule = $4", ch.Newest, c.Workspace, c.Subject, ch.Rule)
	}
	if ch.Set == nil {
		return t.send(nil, "DELETE FROM timers WHERE workspace = $1 AND subject = $2 AND rule = $3", c.Workspace, c.Subject, ch.Rule)
	}
	s := ch.Set
	return t.send(nil, `
		INSERT INTO timers (workspace, subject, rule, seq, event, topic, part, happened_at, started_at, due_at, place, clock, newest, version)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, 1)
		ON CONFLICT (workspace, subject, rule) DO UPDATE
		SET seq = excluded.seq, event = excluded.event, topic = excluded.topic, part = excluded.part,
		    happened_at = excluded.happened_at, started_at = excluded.started_at, due_at = excluded.due_at,
		    place = excluded.place, clock = excluded.clock, newest = excluded.newest, version = timers.version + 1, ripe = 0`,
		c.Workspace, c.Subject, ch.Rule, s.Seq, s.Event, s.Topic, s.Part, micros(s.HappenedAt), micros(s.StartedAt),
		micros(s.DueAt), s.Place, s.Clock, s.Newest)
}

// mostRipened is how many timers become events in one transaction at the most.
const mostRipened = 64

// ripen makes an event of each timer that is due by now, those first that are due longest, and
// gives it its place in the inbox. The timer stays until that event is decided: what comes before
// it in the order of the subject can still cancel it. So a timer waits for the notifications that
// were received before it came due and are not filed yet.
func (t *tx) ripen(now time.Time) error {
	by := micros(now)
	var received int64 // not that of the first segment: replicas number theirs side by side
	if _, err := t.queryRow("SELECT coalesce(min(received_at), cast($1 AS BIGINT)) FROM arrivals", []any{by}, &received); err != nil {
		return err
	}
	by = min(by, received)
	due, err := t.dueTimers(by, now)
	if err != nil || len(due) == 0 {
		return err
	}
	puts := make([]*put, len(due))
	events := make([]event.Event, len(due))
	for i := range due {
		if events[i], err = due[i].event(now); err != nil {
			return err
		}
		puts[i] = &put{ev: events[i]}
		if err := t.send(nil, "UPDATE timers SET ripe = 1 WHERE workspace = $1 AND subject = $2 AND rule = $3",
			due[i].Workspace, due[i].Subject, due[i].Rule); err != nil {
			return err
		}
	}
	segment, err := t.insertSegment(puts)
	if err != nil {
		return err
	}
	_, err = t.fileSegment(segment, events, now)
	return err
}

// dueTimers are the first timers that are due and that nobody is changing. Their subjects are locked before
// them, as by whoever decides on an event, and read anew then: what was decided meanwhile may have cancelled them.
func (t *tx) dueTimers(by int64, now time.Time) (due []Timer, err error) {
	query := "SELECT " + timerColumns + " FROM timers WHERE ripe = 0 AND due_at <= $1 AND " + free + "$2) ORDER BY due_at, place " + limit(mostRipened)
	read := func(query string) error {
		due = due[:0]
		return t.query(query, []any{by, micros(now)}, func(r *sql.Rows) error {
			timer, err := scanTimer(r)
			due = append(due, timer)
			return err
		})
	}
	if err := read(query); err != nil || len(due) == 0 || t.dialect.prepared {
		return due, err // a file has one writer
	}
	type subject struct{ workspace, name string }
	locked := map[subject]bool{}
	for _, timer := range due {
		locked[subject{timer.Workspace, timer.Subject}] = true
		if err := t.send(nil, "SELECT 1 FROM lanes WHERE lane = $1 AND workspace = $2 AND subject = $3 FOR UPDATE",
			int(LaneEvents), timer.Workspace, timer.Subject); err != nil {
			return nil, err
		}
	}
	err = read(query + " FOR UPDATE SKIP LOCKED")
	return slices.DeleteFunc(due, func(timer Timer) bool { return !locked[subject{timer.Workspace, timer.Subject}] }), err
}

// event is the event that says that the timer came due.
func (timer Timer) event(now time.Time) (event.Event, error) {
	return event.Timer{
		Rule: timer.Rule, Version: timer.Version, DueAt: timer.DueAt,
		Trigger: event.Trigger{Seq: timer.Seq, ID: timer.Event, Topic: timer.Topic, Part: timer.Part, At: timer.HappenedAt, Started: timer.StartedAt},
	}.Event(timer.Workspace, timer.Subject, now)
}

const timerColumns = "workspace, subject, rule, seq, event, topic, part, happened_at, started_at, due_at, place, clock, newest, version, ripe"

func scanTimer(r *sql.Rows) (Timer, error) {
	var t Timer
	var happened, started, due int64
	err := r.Scan(&t.Workspace, &t.Subject, &t.Rule, &t.Seq, &t.Event, &t.Topic, &t.Part, &happened, &started, &due,
		&t.Place, &t.Clock, &t.Newest, &t.Version, &t.Ripe)
	t.HappenedAt, t.StartedAt, t.DueAt = fromMicros(happened), fromMicros(started), fromMicros(due)
	return t, err
}

func (s *Store) timers(ctx context.Context, where string, args ...any) ([]Timer, error) {
	rows, err := s.query(ctx, "SELECT "+timerColumns+" FROM timers "+where, args...)
	if err != nil {
		return nil, err
	}
	var list []Timer
	err = eachRow(rows, func(r *sql.Rows) error {
		t, err := scanTimer(r)
		list = append(list, t)
		return err
	})
	return list, err
}

// TimersOn returns the timers that wait on a subject.
func (s *Store) TimersOn(ctx context.Context, workspace, subject string) ([]Timer, error) {
	return s.timers(ctx, "WHERE workspace = $1 AND subject = $2", workspace, subject)
}

// NextTimers returns up to n timers of a workspace (of all, if it is empty) that wait, those first that
// are due next.
func (s *Store) NextTimers(ctx context.Context, workspace string, n int) ([]Timer, error) {
	where, args := in(workspace)
	return s.timers(ctx, "WHERE ripe = 0"+where+" ORDER BY due_at, place "+limit(n), args...)
}

// CancelsOn returns what cancels timers on a subject, the last event for each rule.
func (s *Store) CancelsOn(ctx context.Context, workspace, subject string) ([]Cancel, error) {
	rows, err := s.query(ctx, "SELECT rule, topic, part, at FROM cancels WHERE workspace = $1 AND subject = $2", workspace, subject)
	if err != nil {
		return nil, err
	}
	var list []Cancel
	err = eachRow(rows, func(r *sql.Rows) error {
		var c Cancel
		var at int64
		err := r.Scan(&c.Rule, &c.Topic, &c.Part, &at)
		c.At = fromMicros(at)
		list = append(list, c)
		return err
	})
	return list, err
}

// TimerGroup are the timers that one rule started on one topic with one clock.
type TimerGroup struct {
	Workspace          string // empty for all
	Rule, Clock, Topic string
	Waiting            int
}

// TimerGroups counts the timers of a workspace (of all, if it is empty) that wait.
func (s *Store) TimerGroups(ctx context.Context, workspace string) ([]TimerGroup, error) {
	where, args := in(workspace)
	rows, err := s.query(ctx, "SELECT rule, clock, topic, count(*) FROM timers WHERE 1 = 1"+where+" GROUP BY rule, clock, topic ORDER BY rule, clock, topic", args...)
	if err != nil {
		return nil, err
	}
	var list []TimerGroup
	err = eachRow(rows, func(r *sql.Rows) error {
		g := TimerGroup{Workspace: workspace}
		err := r.Scan(&g.Rule, &g.Clock, &g.Topic, &g.Waiting)
		list = append(list, g)
		return err
	})
	return list, err
}

// groupChunk bounds how many timers one transaction cancels or moves: intake waits meanwhile.
const groupChunk = 200

// CancelGroup takes the timers of a group away that have not come due, and tells how many. It goes on
// as long as still says so.
func (s *Store) CancelGroup(ctx context.Context, g TimerGroup, still func() bool) (cancelled int, err error) {
	return s.changeGroup(ctx, g, still, func(t *tx, timer Timer) (int64, error) {
		return t.exec("DELETE FROM timers WHERE "+sameTimer, timer.identity()...)
	})
}

// MoveGroup gives the timers of a group that have not come due a new time, which due works out
// from the time they were started, and a new clock. It tells how many, and goes on as long as still
// says so.
func (s *Store) MoveGroup(ctx context.Context, g TimerGroup, clock string, due func(startedAt time.Time) time.Time, still func() bool) (moved int, err error) {
	if clock == g.Clock {
		return 0, nil
	}
	return s.changeGroup(ctx, g, still, func(t *tx, timer Timer) (int64, error) {
		return t.exec("UPDATE timers SET due_at = $6, clock = $7, version = version + 1 WHERE "+sameTimer,
			append(timer.identity(), micros(due(timer.StartedAt)), clock)...)
	})
}

// sameTimer is the condition that a timer is as it was read, and has not come due; its values come
// from identity.
const sameTimer = "workspace = $1 AND subject = $2 AND rule = $3 AND seq = $4 AND version = $5 AND ripe = 0"

func (timer Timer) identity() []any {
	return []any{timer.Workspace, timer.Subject, timer.Rule, timer.Seq, timer.Version}
}

// changeGroup changes the timers of a group that have not come due, a chunk at a time; change takes
// a timer out of the group. still is asked between reading a chunk and writing it, so that what was
// started since is not taken for what was there before.
func (s *Store) changeGroup(ctx context.Context, g TimerGroup, still func() bool, change func(*tx, Timer) (int64, error)) (changed int, err error) {
	where, args := in(g.Workspace)
	n := len(args)
	where = "WHERE rule = " + arg(n+1) + " AND clock = " + arg(n+2) + " AND topic = " + arg(n+3) + " AND ripe = 0" + where + " " + limit(groupChunk)
	args = append(args, g.Rule, g.Clock, g.Topic)
	for {
		list, err := s.timers(ctx, where, args...)
		if err != nil || len(list) == 0 || !still() {
			return changed, err
		}
		var n int64
		err = s.writer.do(ctx, func(t *tx) error {
			n = 0
			for _, timer := range list {
				one, err := change(t, timer)
				if err != nil {
					return err
				}
				n += one
			}
			return nil
		})
		if err != nil {
			return changed, fmt.Errorf("change timers: %w", err)
		}
		changed += int(n)
	}
}
