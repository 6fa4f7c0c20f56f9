package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"
)

// Pick is who was picked for an action. The store keeps the record of the candidates without
// reading it.
type Pick struct {
	Action    int64
	Workspace string
	Team      string // id
	Admin     string // id; empty when nobody could be picked
	Subject   string
	At        time.Time
	Record    json.RawMessage
}

// PickMemory is what a pick depends on besides the facts of Intercom. It holds until Picks is
// another number; RecordPick takes it back to see that.
type PickMemory struct {
	Picks int64
	// Turns are the numbers of the picks with which teammates of the team had their last turns.
	Turns map[string]int64
	// Behind tells whether other conversations have waited longer for the team.
	Behind bool
	// InLine tells whether the action is the one that is to end the subject's waiting.
	InLine bool
}

// PickMemory reads what a pick for an action depends on. The action's conversation waits, or
// would wait, since the given time.
func (s *Store) PickMemory(ctx context.Context, a Action, team string, since time.Time) (m PickMemory, err error) {
	// First: what changes after this is noticed.
	rows, err := s.query(ctx, "SELECT picks FROM pick_counts WHERE workspace = $1", a.Workspace)
	if err == nil {
		err = eachRow(rows, func(r *sql.Rows) error { return r.Scan(&m.Picks) })
	}
	if err != nil {
		return m, err
	}
	rows, err = s.query(ctx, "SELECT admin, turn FROM turns WHERE workspace = $1 AND team = $2", a.Workspace, team)
	if err != nil {
		return m, err
	}
	m.Turns = map[string]int64{}
	err = eachRow(rows, func(r *sql.Rows) error {
		var admin string
		var turn int64
		err := r.Scan(&admin, &turn)
		m.Turns[admin] = turn
		return err
	})
	if err != nil {
		return m, err
	}
	m.Behind, err = s.exists(ctx, `
		SELECT 1 FROM waiting WHERE workspace = $1 AND team = $2 AND since < $3 AND subject <> $4 LIMIT 1`,
		a.Workspace, team, micros(since), a.Subject)
	if err != nil {
		return m, err
	}
	m.InLine, err = s.exists(ctx, `
		SELECT 1 FROM waiting WHERE workspace = $1 AND subject = $2 AND planned = $3`, a.Workspace, a.Subject, a.ID)
	return m, err
}

// keepPicksCounting is how long a pick can add to what Intercom counts: its action may be tried
// for as long.
const keepPicksCounting = 48 * time.Hour

// PickedSince tells how many conversations a teammate was given by picks of other actions that
// Intercom cannot have counted by then: those whose call was not done at that time.
func (s *Store) PickedSince(ctx context.Context, a Action, admin string, then time.Time) (n int, err error) {
	rows, err := s.query(ctx, `
		SELECT count(DISTINCT p.subject) FROM picks p JOIN actions a ON a.id = p.action
		WHERE p.workspace = $1 AND p.admin = $2 AND p.at > $3 AND p.action <> $4 AND p.subject <> $5
		  AND (a.state IN ('planned', 'attempting') OR (a.state = 'done' AND a.finished_at >= $6))`,
		a.Workspace, admin, micros(then.Add(-keepPicksCounting)), a.ID, a.Subject, micros(then))
	if err != nil {
		return 0, err
	}
	err = eachRow(rows, func(r *sql.Rows) error { return r.Scan(&n) })
	return n, err
}

// PickOf returns the pick that was recorded for an action; ok is false when there is none.
func (s *Store) PickOf(ctx context.Context, action int64) (p Pick, ok bool, err error) {
	rows, err := s.query(ctx, "SELECT action, workspace, team, admin, subject, at, record FROM picks WHERE action = $1", action)
	if err != nil {
		return Pick{}, false, err
	}
	err = eachRow(rows, func(r *sql.Rows) error {
		var at int64
		var record string
		ok = true
		err := r.Scan(&p.Action, &p.Workspace, &p.Team, &p.Admin, &p.Subject, &at, &record)
		p.At, p.Record = fromMicros(at), json.RawMessage(record)
		return err
	})
	return p, ok, err
}

// RecordPick records who was picked for an action of the claimed subject, before its call goes
// out. It tells whether it did: nothing was written when there was another pick in the workspace
// since m was read: pick again. An earlier pick of the same action is taken back, its turn too.
// With wait the conversation gets a place in the team's line; with an admin it leaves it.
func (s *Store) RecordPick(ctx context.Context, c Claim, p Pick, m PickMemory, wait *Wait) (bool, error) {
	recorded := false // no named result: returning early would write to what the write may still change
	err := s.writer.do(ctx, func(t *tx) error {
		recorded = false
		if ok, err := t.queryRow("SELECT 1 WHERE"+held, c.heldArgs(), new(int)); err != nil || !ok {
			return errOr(err, ErrLost)
		}
		n, err := t.exec(`
			INSERT INTO pick_counts (workspace, picks) VALUES ($1, 1)
			ON CONFLICT (workspace) DO UPDATE SET picks = pick_counts.picks + 1 WHERE pick_counts.picks = $2`, p.Workspace, m.Picks)
		if err != nil || n == 0 {
			return err // an error would have those who share the transaction start over
		}
		recorded = true
		return t.recordPick(p, m.Picks+1, wait)
	})
	if err != nil {
		return false, fmt.Errorf("record a pick: %w", err)
	}
	return recorded, nil
}

func errOr(err, otherwise error) error {
	if err != nil {
		return err
	}
	return otherwise
}

func (t *tx) recordPick(p Pick, turn int64, wait *Wait) error {
	if err := t.takeBackPick(p.Action); err != nil {
		return err
	}
	var before int64
	if p.Admin != "" {
		if _, err := t.queryRow("SELECT turn FROM turns WHERE workspace = $1 AND team = $2 AND admin = $3",
			[]any{p.Workspace, p.Team, p.Admin}, &before); err != nil {
			return err
		}
		if _, err := t.exec(`
			INSERT INTO turns (workspace, team, admin, turn) VALUES ($1, $2, $3, $4)
			ON CONFLICT (workspace, team, admin) DO UPDATE SET turn = excluded.turn`, p.Workspace, p.Team, p.Admin, turn); err != nil {
			return err
		}
		if _, err := t.exec("DELETE FROM waiting WHERE workspace = $1 AND subject = $2", p.Workspace, p.Subject); err != nil {
			return err
		}
	}
	if _, err := t.exec(`
		INSERT INTO picks (action, workspace, team, admin, subject, at, turn, turn_before, record)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		p.Action, p.Workspace, p.Team, p.Admin, p.Subject, micros(p.At), turn, before, string(p.Record)); err != nil {
		return err
	}
	if wait == nil {
		return nil
	}
	return t.wait(p, *wait)
}

// takeBackPick forgets the pick of an action, and gives its turn back.
func (t *tx) takeBackPick(action int64) error {
	if err := t.giveBackTurn(action); err != nil {
		return err
	}
	_, err := t.exec("DELETE FROM picks WHERE action = $1", action)
	return err
}

// giveBackTurn gives the teammate who was picked for an action the turn back that it used up,
// unless they had another since.
func (t *tx) giveBackTurn(action int64) error {
	var workspace, team, admin string
	var turn, before int64
	ok, err := t.queryRow("SELECT workspace, team, admin, turn, turn_before FROM picks WHERE action = $1",
		[]any{action}, &workspace, &team, &admin, &turn, &before)
	if err != nil || !ok || admin == "" {
		return err
	}
	_, err = t.exec("UPDATE turns SET turn = $1 WHERE workspace = $2 AND team = $3 AND admin = $4 AND turn = $5",
		before, workspace, team, admin, turn)
	return err
}
