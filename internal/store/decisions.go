package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// Decision is what became of one event: its trace and what is to be done. The store keeps
// the trace without reading it.
type Decision struct {
	Seq        int64     // the event
	Ruleset    string    // hash of the rules that decided
	At         time.Time // when
	ReceivedAt time.Time // when the event came in; actions carry it, to measure time to effect
	Trace      json.RawMessage
	Runs       []Run
	Timers     []TimerChange
	Cancels    []Cancel
}

// Run is one matched rule: the actions it plans, in order, and the quotas that it uses.
type Run struct {
	Rule     string
	Remember []Quota
	Actions  []PlannedAction
}

// PlannedAction is one side effect to be.
type PlannedAction struct {
	Kind   string
	Params json.RawMessage
	Admin  string // whom it acts as; "" is the owner of the token
	// Park, if set, says why it is not done but left for a person; the rest of the run goes on.
	Park string
}

// SaveDecision stores the decision on an event of the claimed subject, takes the event off
// the list of those that wait, plans the actions, counts the runs in their quotas and starts,
// moves and cancels timers, all in one transaction (I2). With last, the claim is released in it too. ErrLost says that the claim
// is gone or the event has been evaluated already, ErrRemembered that one of the quotas is used
// up; then nothing is stored.
func (s *Store) SaveDecision(ctx context.Context, c Claim, d Decision, last bool) error {
	err := s.writer.do(ctx, func(t *tx) error {
		if err := t.send(orLost, "DELETE FROM inbox WHERE workspace = $2 AND subject = $3 AND seq = $5 AND"+held, c.heldArgs(d.Seq)...); err != nil {
			return err
		}
		if err := t.send(nil, `
			INSERT INTO decisions (seq, workspace, ruleset, evaluated_at, trace) VALUES ($1, $2, $3, $4, $5)`,
			d.Seq, c.Workspace, d.Ruleset, micros(d.At), string(d.Trace)); err != nil {
			return err
		}
		for _, r := range d.Runs {
			if err := t.insertRun(c, d, r); err != nil {
				return err
			}
		}
		if err := t.changeTimers(c, d); err != nil {
			return err
		}
		if last {
			return t.release(c, time.Time{})
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("save decision: %w", err)
	}
	return nil
}

func (t *tx) insertRun(c Claim, d Decision, r Run) error {
	var run int64
	if _, err := t.queryRow(`
		INSERT INTO runs (seq, workspace, subject, rule, ruleset, planned_at)
		VALUES ($1, $2, $3, $4, $5, $6) RETURNING id`,
		[]any{d.Seq, c.Workspace, c.Subject, r.Rule, d.Ruleset, micros(d.At)}, &run); err != nil {
		return err
	}
	for _, q := range r.Remember {
		if err := t.remember(c, r.Rule, q, d.Seq, d.At); err != nil {
			return err
		}
	}
	open := 0
	for _, a := range r.Actions {
		state, finished := StateParked, micros(d.At)
		if a.Park == "" {
			state, finished = StatePlanned, 0
			open++
		}
		if err := t.send(nil, `
			INSERT INTO actions (run, seq, workspace, subject, rule, kind, params, admin, state, attempts,
			                     due_at, attempted_at, planned_at, received_at, finished_at, error, detail)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $11, 0, $9, 0, $9, $10, $12, $13, '')`,
			run, d.Seq, c.Workspace, c.Subject, r.Rule, a.Kind, string(a.Params), a.Admin,
			micros(d.At), micros(d.ReceivedAt), string(state), finished, a.Park); err != nil {
			return err
		}
	}
	if open == 0 {
		return nil
	}
	return t.addWork(LaneActions, c.Workspace, c.Subject, d.At)
}

// DecisionOf returns the stored decision on an event; ok is false when it has none yet. Only
// the ruleset, the time and the trace are filled in.
func (s *Store) DecisionOf(ctx context.Context, seq int64) (d Decision, ok bool, err error) {
	rows, err := s.query(ctx, "SELECT ruleset, evaluated_at, trace FROM decisions WHERE seq = $1", seq)
	if err != nil {
		return Decision{}, false, err
	}
	err = eachRow(rows, func(r *sql.Rows) error {
		var at int64
		var trace string
		err := r.Scan(&d.Ruleset, &at, &trace)
		d.Seq, d.At, d.Trace, ok = seq, fromMicros(at), json.RawMessage(trace), true
		return err
	})
	return d, ok, err
}

// OwnPart tells whether one of our own calls made the part (I9).
func (s *Store) OwnPart(ctx context.Context, workspace, part string) (bool, error) {
	return s.exists(ctx, "SELECT 1 FROM own_parts WHERE workspace = $1 AND part = $2", workspace, part)
}

// Touched tells whether one of our own calls may have changed the subject at that time, which
// is on Intercom's clock and exact to the second (I9).
func (s *Store) Touched(ctx context.Context, workspace, subject string, at time.Time) (bool, error) {
	const second = int64(time.Second / time.Microsecond)
	first := at.Truncate(time.Second).UnixMicro()
	return s.exists(ctx, `
		SELECT 1 FROM touches WHERE workspace = $1 AND subject = $2 AND to_at >= $3 AND from_at < $4 LIMIT 1`,
		workspace, subject, first, first+second)
}

// inFlightAbout asks of what is claimed and what is in doubt, which is little, and not of all
// that waits. The literals let SQLite see that its partial indexes fit.
const inFlightAbout = `
	SELECT 1 FROM lanes l JOIN actions a ON a.workspace = l.workspace AND a.subject = l.subject
	WHERE l.workspace = $1 AND l.lane = 2 AND l.fence <> 0 AND a.state IN ('planned', 'attempting') AND a.params LIKE $2 ESCAPE '!'
	UNION ALL
	SELECT 1 FROM actions WHERE workspace = $1 AND state = 'attempting' AND params LIKE $2 ESCAPE '!'
	LIMIT 1`

// likeLiterally takes their meaning from the wildcards of LIKE.
var likeLiterally = strings.NewReplacer("!", "!!", "%", "!%", "_", "!_")

// InFlightAbout tells whether an action is being worked on, or is in doubt, whose parameters
// name one of these ids.
func (s *Store) InFlightAbout(ctx context.Context, workspace string, ids ...string) (bool, error) {
	for _, id := range ids {
		quoted, err := json.Marshal(id) // as it stands in the parameters
		if err != nil {
			return false, fmt.Errorf("look for actions in flight: %w", err)
		}
		found, err := s.exists(ctx, inFlightAbout, workspace, "%"+likeLiterally.Replace(string(quoted))+"%")
		if err != nil || found {
			return found, err
		}
	}
	return false, nil
}

// InFlight tells whether an action on the subject may have been sent whose end is not on
// record: one is being worked on, or is in doubt.
func (s *Store) InFlight(ctx context.Context, workspace, subject string) (bool, error) {
	return s.exists(ctx, `
		SELECT 1 FROM lanes WHERE lane = $1 AND workspace = $2 AND subject = $3 AND fence <> 0
		UNION ALL
		SELECT 1 FROM actions WHERE workspace = $2 AND subject = $3 AND state = 'attempting' AND state IN ('planned', 'attempting')
		LIMIT 1`, int(LaneActions), workspace, subject)
}

func (s *Store) exists(ctx context.Context, query string, args ...any) (found bool, err error) {
	rows, err := s.query(ctx, query, args...)
	if err != nil {
		return false, err
	}
	err = eachRow(rows, func(*sql.Rows) error { found = true; return nil })
	return found, err
}
