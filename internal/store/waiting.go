package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Conversations for which a team has nobody at the moment wait in the team's line, oldest first.
// A place in it lasts over restarts. It ends when somebody is picked, when another assignment of
// ours is done, when the conversation is closed or deleted, or when the action that was to end it finds that there is nothing to do any more.

// Wait is a place in a team's line.
type Wait struct {
	Action Action // that asks for it
	Since  time.Time
	Holder string          // id of who has the conversation although it waits; may be empty
	Params json.RawMessage // of the action that is to end the waiting
}

// wait gives the pick's conversation a place in the line. One that it has in that line already
// stays where it is.
func (t *tx) wait(p Pick, w Wait) error {
	_, err := t.exec(`
		INSERT INTO waiting (workspace, subject, team, since, action, planned, seq, rule, ruleset, kind, params, admin, received_at, holder)
		VALUES ($1, $2, $3, $4, $5, 0, $6, $7, (SELECT coalesce(max(ruleset), '') FROM runs WHERE id = $8), $9, $10, $11, $12, $13)
		ON CONFLICT (workspace, subject) DO UPDATE SET
			since = CASE WHEN waiting.team = excluded.team AND waiting.since < excluded.since THEN waiting.since ELSE excluded.since END,
			team = excluded.team, action = excluded.action, planned = 0, seq = excluded.seq, rule = excluded.rule,
			ruleset = excluded.ruleset, kind = excluded.kind, params = excluded.params, admin = excluded.admin, received_at = excluded.received_at,
			holder = excluded.holder`,
		p.Workspace, p.Subject, p.Team, micros(w.Since), w.Action.ID, w.Action.Seq, w.Action.Rule, w.Action.Run,
		w.Action.Kind, string(w.Params), w.Action.Admin, micros(w.Action.ReceivedAt), w.Holder)
	return err
}

// LeaveLine ends the waiting of a conversation that is closed or gone since then. It stays if an
// action of its is about to be performed: that sees for itself. It tells whether the conversation waited.
func (s *Store) LeaveLine(ctx context.Context, workspace, subject string, then time.Time) (bool, error) {
	left := false
	err := s.writer.do(ctx, func(t *tx) error {
		n, err := t.exec(`
			DELETE FROM waiting WHERE workspace = $1 AND subject = $2 AND since <= $3 AND NOT EXISTS (
				SELECT 1 FROM actions a WHERE a.id IN (waiting.action, waiting.planned) AND a.state IN ('planned', 'attempting'))`,
			workspace, subject, micros(then))
		left = n > 0
		return err
	})
	if err != nil {
		return false, fmt.Errorf("end the waiting of a conversation: %w", err)
	}
	return left, nil
}

// Line is what the end of an action means for the place of its conversation in a line.
type Line int

const (
	// LineStays means nothing: the action is no assignment, or will be tried again.
	LineStays Line = iota
	// LineLeft ends a place that other actions took: this one has assigned the conversation.
	LineLeft
	// LineLost ends the place that this action took, or was to end: it failed for good. Who was
	// picked for it did not get it, and gets the turn back.
	LineLost
)

func (t *tx) line(c Claim, action int64, l Line) (err error) {
	switch l {
	case LineStays:
	case LineLeft:
		return t.send(nil, "DELETE FROM waiting WHERE workspace = $1 AND subject = $2 AND action <> $3", c.Workspace, c.Subject, action)
	case LineLost:
		if err := t.giveBackTurn(action); err != nil {
			return err
		}
		_, err = t.exec("DELETE FROM waiting WHERE workspace = $1 AND subject = $2 AND (action = $3 OR planned = $3)", c.Workspace, c.Subject, action)
	}
	return err
}

// Waiting is a conversation that waits in a team's line.
type Waiting struct {
	Workspace string
	Team      string // id
	Subject   string
	Since     time.Time
	Holder    string // id of who had it when it began to wait; may be empty
	Kind      string
	Params    json.RawMessage
	// Planned is the action that is to end the waiting; 0 when none was planned yet.
	Planned int64
	// Served says that this action is about to come to its pick. Stuck says that it is not, although
	// it is there: it failed and will be tried again, or has been waiting behind others of its
	// conversation for long; or that the action which asked for the place is not done yet.
	Served, Stuck bool
}

// Lines returns the first of each line of a workspace (of all, if it is empty): one conversation for each
// team for which some wait.
func (s *Store) Lines(ctx context.Context, workspace string) ([]Waiting, error) {
	where, args := "", []any{micros(time.Time{})}
	if workspace != "" {
		where, args = "workspace = $2 AND", append(args, workspace)
	}
	return s.waiting(ctx, `
		WHERE `+where+` NOT EXISTS (
			SELECT 1 FROM waiting o WHERE o.workspace = w.workspace AND o.team = w.team
			  AND (o.since < w.since OR (o.since = w.since AND o.subject < w.subject)))
		ORDER BY since`, args...)
}

// InLine returns those who may be served next of all who wait for a team, who has waited longest
// first: the first of those whose teammate is picked in the same way, and whoever is being served.
// Whoever is stuck has no part in that, and the first of them is told of as well. An action that was
// planned before patience is stuck.
func (s *Store) InLine(ctx context.Context, workspace, team string, patience time.Time) ([]Waiting, error) {
	return s.waiting(ctx, "WHERE workspace = $2 AND team = $3 AND (place = 1 OR served = 1) ORDER BY since, subject",
		micros(patience), workspace, team)
}

// waiting reads places; the first argument is the patience.
func (s *Store) waiting(ctx context.Context, where string, args ...any) (list []Waiting, err error) {
	const undone = "('planned', 'attempting')"
	rows, err := s.query(ctx, `
		SELECT workspace, team, subject, since, holder, kind, params, planned, served, stuck FROM (
			SELECT q.*, row_number() OVER (PARTITION BY workspace, team, params, holder, stuck ORDER BY since, subject) AS place FROM (
				SELECT w.*,
				       CASE WHEN p.state IN `+undone+` AND p.attempts = 0 AND p.planned_at >= $1 THEN 1 ELSE 0 END AS served,
				       CASE WHEN a.state IN `+undone+` OR (p.state IN `+undone+` AND (p.attempts > 0 OR p.planned_at < $1)) THEN 1 ELSE 0 END AS stuck
				FROM waiting w LEFT JOIN actions p ON p.id = w.planned LEFT JOIN actions a ON a.id = w.action
			) q
		) w `+where, args...)
	if err != nil {
		return nil, err
	}
	err = eachRow(rows, func(r *sql.Rows) error {
		var w Waiting
		var params string
		var since int64
		var served, stuck int
		err := r.Scan(&w.Workspace, &w.Team, &w.Subject, &since, &w.Holder, &w.Kind, &params, &w.Planned, &served, &stuck)
		w.Since, w.Params, w.Served, w.Stuck = fromMicros(since), json.RawMessage(params), served == 1, stuck == 1
		list = append(list, w)
		return err
	})
	return list, err
}

var errNotInLine = errors.New("the conversation does not wait any more")

// PlanWaiting plans the action that is to end the waiting, in a run of its own. planned is false
// when the conversation has left the line meanwhile, or somebody else was quicker.
func (s *Store) PlanWaiting(ctx context.Context, w Waiting, params json.RawMessage, at time.Time) (planned bool, err error) {
	err = s.writer.do(ctx, func(t *tx) error {
		var seq, received, run, action int64
		var rule, ruleset, admin string
		// Locked first, as by whoever has the conversation's actions.
		if err := t.addWork(LaneActions, w.Workspace, w.Subject, at); err != nil {
			return err
		}
		// The row is written to before all else, so that of two who plan at once one sees the other's action.
		ok, err := t.queryRow(`
			UPDATE waiting SET planned = -1 WHERE workspace = $1 AND subject = $2 AND team = $3 AND planned = $4
			RETURNING seq, received_at, rule, ruleset, admin`,
			[]any{w.Workspace, w.Subject, w.Team, w.Planned}, &seq, &received, &rule, &ruleset, &admin)
		if err != nil || !ok {
			return errOr(err, errNotInLine)
		}
		if _, err := t.queryRow(`
			INSERT INTO runs (seq, workspace, subject, rule, ruleset, planned_at) VALUES ($1, $2, $3, $4, $5, $6) RETURNING id`,
			[]any{seq, w.Workspace, w.Subject, rule, ruleset, micros(at)}, &run); err != nil {
			return err
		}
		if _, err := t.queryRow(`
			INSERT INTO actions (run, seq, workspace, subject, rule, kind, params, admin, state, attempts,
			                     due_at, attempted_at, planned_at, received_at, finished_at, error, detail)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'planned', 0, $9, 0, $9, $10, 0, '', '') RETURNING id`,
			[]any{run, seq, w.Workspace, w.Subject, rule, w.Kind, string(params), admin, micros(at), received}, &action); err != nil {
			return err
		}
		_, err = t.exec("UPDATE waiting SET planned = $1 WHERE workspace = $2 AND subject = $3", action, w.Workspace, w.Subject)
		return err
	})
	if errors.Is(err, errNotInLine) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("plan the end of waiting: %w", err)
	}
	return true, nil
}
