package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strconv"
	"time"
)

// ActionState is where an action stands; the package comment draws the states.
type ActionState string

// The states of an action.
const (
	StatePlanned    ActionState = "planned"
	StateAttempting ActionState = "attempting"
	StateDone       ActionState = "done"
	StateDead       ActionState = "dead"
	StateHeld       ActionState = "held"
	StateParked     ActionState = "parked"
)

// ActionStates are all states.
func ActionStates() []ActionState {
	return []ActionState{StatePlanned, StateAttempting, StateDone, StateDead, StateParked, StateHeld}
}

// Action is one planned side effect and how far it has come.
type Action struct {
	ID          int64
	Run         int64
	Seq         int64 // the event
	Workspace   string
	Subject     string
	Rule        string
	Kind        string
	Params      json.RawMessage
	Admin       string
	State       ActionState
	Attempts    int       // attempts that count against the limit
	DueAt       time.Time // not before this
	AttemptedAt time.Time // when the attempt that may be in doubt was about to be sent
	// AttemptedTheirs is the same on Intercom's clock; zero if that was not known.
	AttemptedTheirs time.Time
	PlannedAt       time.Time
	ReceivedAt      time.Time // when its event came in
	FinishedAt      time.Time
	Error           string // of the last attempt that failed
	Detail          string // what was done, for people
}

const actionColumns = `id, run, seq, workspace, subject, rule, kind, params, admin, state, attempts,
	due_at, attempted_at, theirs_at, theirs_of, planned_at, received_at, finished_at, error, detail`

func scanAction(rows *sql.Rows) (Action, error) {
	var a Action
	var params string
	var due, attempted, theirs, theirsOf, planned, received, finished int64
	err := rows.Scan(&a.ID, &a.Run, &a.Seq, &a.Workspace, &a.Subject, &a.Rule, &a.Kind, &params, &a.Admin, &a.State,
		&a.Attempts, &due, &attempted, &theirs, &theirsOf, &planned, &received, &finished, &a.Error, &a.Detail)
	a.Params = json.RawMessage(params)
	a.DueAt, a.AttemptedAt, a.PlannedAt = fromMicros(due), fromMicros(attempted), fromMicros(planned)
	a.ReceivedAt, a.FinishedAt = fromMicros(received), fromMicros(finished)
	if theirsOf == attempted { // who knows nothing of theirs has not begun another attempt since
		a.AttemptedTheirs = fromMicros(theirs)
	}
	return a, err
}

// NextAction returns the action of the claimed subject that comes first in plan order; ok is
// false when none is left. It may not be due yet.
func (s *Store) NextAction(ctx context.Context, c Claim) (a Action, ok bool, err error) {
	list, err := s.actions(ctx, `
		WHERE workspace = $1 AND subject = $2 AND state IN ('planned', 'attempting')
		ORDER BY id LIMIT 1`, c.Workspace, c.Subject)
	if err != nil || len(list) == 0 {
		return Action{}, false, err
	}
	return list[0], true, nil
}

// ActionsOf returns all actions that an event led to, in plan order.
func (s *Store) ActionsOf(ctx context.Context, seq int64) ([]Action, error) {
	return s.actions(ctx, "WHERE seq = $1 ORDER BY id", seq)
}

// ActionsIn returns up to n actions in one of the unhappy states (dead, parked, held), the
// newest first.
func (s *Store) ActionsIn(ctx context.Context, state ActionState, n int) ([]Action, error) {
	return s.actions(ctx, "WHERE state = $1 AND state IN ('dead', 'parked', 'held') ORDER BY id DESC LIMIT $2", string(state), n)
}

func (s *Store) actions(ctx context.Context, where string, args ...any) ([]Action, error) {
	rows, err := s.query(ctx, "SELECT "+actionColumns+" FROM actions "+where, args...)
	if err != nil {
		return nil, err
	}
	return scanActions(rows)
}

func scanActions(rows *sql.Rows) (list []Action, err error) {
	err = eachRow(rows, func(r *sql.Rows) error {
		a, err := scanAction(r)
		list = append(list, a)
		return err
	})
	return list, err
}

// BeginAttempt records that an action is about to be sent, before it is (I4). From here on
// it is in doubt until FinishAttempt says how it ended. theirs is the same moment on Intercom's
// clock, which tells what the attempt made from what was there whatever becomes of ours; zero if
// that is not known.
func (s *Store) BeginAttempt(ctx context.Context, c Claim, action int64, at, theirs time.Time) error {
	err := s.writer.do(ctx, func(t *tx) error {
		return t.underClaim(c, `
			UPDATE actions SET state = 'attempting', attempted_at = $6, theirs_at = $7, theirs_of = $6
			WHERE id = $5 AND state IN ('planned', 'attempting') AND`, action, micros(at), micros(theirs))
	})
	if err != nil {
		return fmt.Errorf("record attempt: %w", err)
	}
	return nil
}

// AttemptEnd says how an attempt at an action ended.
type AttemptEnd struct {
	Action   Action
	State    ActionState // planned or attempting: it will be tried again at DueAt
	Attempts int         // as Action.Attempts should be now
	DueAt    time.Time
	Started  time.Time
	Finished time.Time
	Result   string // closed set, for the history: "done", "retry", "doubt" ...
	Error    string
	Detail   string
	OwnParts []string // ids of the parts the call made (I9)
	// Touched are the subjects that the call changed beside its own (I9): some time between
	// TouchedFrom and TouchedTo, on Intercom's clock.
	Touched                []string
	TouchedFrom, TouchedTo time.Time
	// Line is what the end means for the conversation's place in a team's line.
	Line Line
}

// FinishAttempt records the end of an attempt. When the action died or was parked, the rest
// of its run is held back (I6).
func (s *Store) FinishAttempt(ctx context.Context, c Claim, e AttemptEnd) error {
	finished := int64(0)
	if e.State != StatePlanned && e.State != StateAttempting {
		finished = micros(e.Finished)
	}
	err := s.writer.do(ctx, func(t *tx) error {
		err := t.underClaim(c, `
			UPDATE actions SET state = $6, attempts = $7, due_at = $8, finished_at = $9, error = $10, detail = $11
			WHERE id = $5 AND state IN ('planned', 'attempting') AND`,
			e.Action.ID, string(e.State), e.Attempts, micros(e.DueAt), finished, e.Error, e.Detail)
		if err != nil {
			return err
		}
		if err := t.send(nil, `
			INSERT INTO attempts (action, attempt, started_at, finished_at, result, error)
			VALUES ($1, $2, $3, $4, $5, $6)`,
			e.Action.ID, e.Attempts, micros(e.Started), micros(e.Finished), e.Result, e.Error); err != nil {
			return err
		}
		for _, part := range e.OwnParts {
			if err := t.send(nil, `
				INSERT INTO own_parts (workspace, part, action, at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`,
				c.Workspace, part, e.Action.ID, micros(e.Finished)); err != nil {
				return err
			}
		}
		for _, subject := range e.Touched {
			if err := t.send(nil, `
				INSERT INTO touches (workspace, subject, to_at, from_at, action) VALUES ($1, $2, $3, $4, $5)
				ON CONFLICT DO NOTHING`,
				c.Workspace, subject, micros(e.TouchedTo), micros(e.TouchedFrom), e.Action.ID); err != nil {
				return err
			}
		}
		if err := t.line(c, e.Action.ID, e.Line); err != nil {
			return err
		}
		if e.State == StateDead || e.State == StateParked {
			return t.send(nil, `
				UPDATE actions SET state = 'held', finished_at = $1, error = $2
				WHERE run = $3 AND state = 'planned' AND id > $4`,
				finished, "held back: action "+strconv.FormatInt(e.Action.ID, 10)+" of the same run is "+string(e.State),
				e.Action.Run, e.Action.ID)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("record the end of an attempt: %w", err)
	}
	return nil
}

// underClaim runs an update of one action, $5, that takes effect only while the claim holds.
// The query ends with AND.
func (t *tx) underClaim(c Claim, query string, args ...any) error {
	return t.send(orLost, query+held, c.heldArgs(args...)...)
}

// Attempt is one entry in an action's history.
type Attempt struct {
	Number            int
	Started, Finished time.Time
	Result, Error     string
}

// AttemptsOf returns the history of an action, oldest first.
func (s *Store) AttemptsOf(ctx context.Context, action int64) ([]Attempt, error) {
	rows, err := s.query(ctx, `
		SELECT attempt, started_at, finished_at, result, error FROM attempts
		WHERE action = $1 ORDER BY started_at, attempt`, action)
	if err != nil {
		return nil, err
	}
	var list []Attempt
	err = eachRow(rows, func(r *sql.Rows) error {
		var a Attempt
		var started, finished int64
		err := r.Scan(&a.Number, &started, &finished, &a.Result, &a.Error)
		a.Started, a.Finished = fromMicros(started), fromMicros(finished)
		list = append(list, a)
		return err
	})
	return list, err
}
