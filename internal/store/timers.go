package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"switchboard/internal/event"
)

// Timer is a run of a rule that waits on a subject. It becomes due by itself: see ripen.
type Timer struct {
	Workspace string
	Subject   string
	Rule      string
	// Seq, Event, Topic and Part are of the event that started it, StartedAt is when that
	// happened.
	Seq       int64
	Event     string
	Topic     string
	Part      string
	StartedAt time.Time
	DueAt     time.Time
	// Clock identifies what the rule said when DueAt was worked out.
	Clock string
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
		if _, err := t.exec(`
			INSERT INTO cancels (workspace, subject, rule, topic, part, at, noted_at) VALUES ($1, $2, $3, $4, $5, $6, $7)
			ON CONFLICT (workspace, subject, rule) DO UPDATE
			SET topic = excluded.topic, part = excluded.part, at = excluded.at, noted_at = excluded.noted_at
			WHERE excluded.at >= cancels.at`,
			c.Workspace, c.Subject, cancel.Rule, cancel.Topic, cancel.Part, micros(cancel.At), micros(d.At)); err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) changeTimer(c Claim, ch TimerChange) error {
	if ch.Set == nil {
		_, err := t.exec("DELETE FROM timers WHERE workspace = $1 AND subject = $2 AND rule = $3", c.Workspace, c.Subject, ch.Rule)
		return err
	}
	s := ch.Set
	_, err := t.exec(`
		INSERT INTO timers (workspace, subject, rule, seq, event, topic, part, started_at, due_at, clock, version)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 1)
		ON CONFLICT (workspace, subject, rule) DO UPDATE
		SET seq = excluded.seq, event = excluded.event, topic = excluded.topic, part = excluded.part,
		    started_at = excluded.started_at, due_at = excluded.due_at, clock = excluded.clock,
		    version = timers.version + 1, ripe = 0`,
		c.Workspace, c.Subject, ch.Rule, s.Seq, s.Event, s.Topic, s.Part, micros(s.StartedAt), micros(s.DueAt), s.Clock)
	return err
}

// mostRipened is how many timers become events in one transaction at the most.
const mostRipened = 64

// ripen makes an event of each timer that is due by now, those first that are due longest, and
// gives it its place in the inbox. The timer stays until that event is decided: what comes before
// it in the order of the subject can still cancel it.
func (t *tx) ripen(now time.Time) error {
	var due []Timer
	err := t.query(`
		SELECT `+timerColumns+` FROM timers WHERE ripe = 0 AND due_at <= $1 ORDER BY due_at `+limit(mostRipened),
		[]any{micros(now)}, func(r *sql.Rows) error {
			timer, err := scanTimer(r)
			due = append(due, timer)
			return err
		})
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
		if _, err := t.exec("UPDATE timers SET ripe = 1 WHERE workspace = $1 AND subject = $2 AND rule = $3",
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

// event is the event that says that the timer came due.
func (timer Timer) event(now time.Time) (event.Event, error) {
	return event.Timer{
		Rule: timer.Rule, Version: timer.Version, DueAt: timer.DueAt,
		Trigger: event.Trigger{Seq: timer.Seq, ID: timer.Event, Topic: timer.Topic, Part: timer.Part, At: timer.StartedAt},
	}.Event(timer.Workspace, timer.Subject, now)
}

const timerColumns = "workspace, subject, rule, seq, event, topic, part, started_at, due_at, clock, version, ripe"

func scanTimer(r *sql.Rows) (Timer, error) {
	var t Timer
	var started, due int64
	err := r.Scan(&t.Workspace, &t.Subject, &t.Rule, &t.Seq, &t.Event, &t.Topic, &t.Part, &started, &due, &t.Clock, &t.Version, &t.Ripe)
	t.StartedAt, t.DueAt = fromMicros(started), fromMicros(due)
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

// NextTimers returns up to n timers that wait, those first that are due next.
func (s *Store) NextTimers(ctx context.Context, n int) ([]Timer, error) {
	return s.timers(ctx, "WHERE ripe = 0 ORDER BY due_at "+limit(n))
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
	Rule, Clock, Topic string
	Waiting            int
}

// TimerGroups counts the timers that wait.
func (s *Store) TimerGroups(ctx context.Context) ([]TimerGroup, error) {
	rows, err := s.query(ctx, "SELECT rule, clock, topic, count(*) FROM timers GROUP BY rule, clock, topic ORDER BY rule, clock, topic")
	if err != nil {
		return nil, err
	}
	var list []TimerGroup
	err = eachRow(rows, func(r *sql.Rows) error {
		var g TimerGroup
		err := r.Scan(&g.Rule, &g.Clock, &g.Topic, &g.Waiting)
		list = append(list, g)
		return err
	})
	return list, err
}

// groupChunk bounds how many timers one transaction cancels or moves: intake waits meanwhile.
const groupChunk = 200

// CancelGroup takes the timers of a group away that have not come due, and tells how many.
func (s *Store) CancelGroup(ctx context.Context, g TimerGroup) (cancelled int, err error) {
	for {
		var n int64
		err := s.writer.do(ctx, func(t *tx) (err error) {
			n, err = t.exec(`
				DELETE FROM timers WHERE (workspace, subject, rule) IN (
					SELECT workspace, subject, rule FROM timers
					WHERE rule = $1 AND clock = $2 AND topic = $3 AND ripe = 0 `+limit(groupChunk)+`)`, g.Rule, g.Clock, g.Topic)
			return err
		})
		if err != nil {
			return cancelled, fmt.Errorf("cancel timers: %w", err)
		}
		cancelled += int(n)
		if n < groupChunk {
			return cancelled, nil
		}
	}
}

// MoveGroup gives the timers of a group that have not come due a new time, which due works out
// from the time they were started, and a new clock. It tells how many.
func (s *Store) MoveGroup(ctx context.Context, g TimerGroup, clock string, due func(startedAt time.Time) time.Time) (moved int, err error) {
	for clock != g.Clock {
		list, err := s.timers(ctx, "WHERE rule = $1 AND clock = $2 AND topic = $3 AND ripe = 0 "+limit(groupChunk), g.Rule, g.Clock, g.Topic)
		if err != nil || len(list) == 0 {
			return moved, err
		}
		var n int64
		err = s.writer.do(ctx, func(t *tx) error {
			n = 0
			for _, timer := range list {
				changed, err := t.exec(`
					UPDATE timers SET due_at = $1, clock = $2, version = version + 1
					WHERE workspace = $3 AND subject = $4 AND rule = $5 AND version = $6 AND ripe = 0`,
					micros(due(timer.StartedAt)), clock, timer.Workspace, timer.Subject, timer.Rule, timer.Version)
				if err != nil {
					return err
				}
				n += changed
			}
			return nil
		})
		if err != nil {
			return moved, fmt.Errorf("move timers: %w", err)
		}
		moved += int(n)
	}
	return moved, nil
}
