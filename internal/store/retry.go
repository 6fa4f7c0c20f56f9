package store

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Unhappy says which dead or parked actions are meant; what is left out does not matter.
type Unhappy struct {
	State        ActionState // StateDead or StateParked
	IDs          []int64
	Rule         string
	Kind         string
	Subject      string
	Error        string    // stands somewhere in the error of the last attempt
	Since, Until time.Time // when it ended: from Since on, before Until
	Limit        int       // at the most so many
}

// where is the condition, and the values for it.
func (u Unhappy) where() (string, []any) {
	var where strings.Builder
	where.WriteString("WHERE state = $1 AND state IN ('dead', 'parked', 'held')")
	args := []any{string(u.State)}
	also := func(condition string, value any) {
		args = append(args, value)
		where.WriteString(" AND " + strings.ReplaceAll(condition, "$", "$"+strconv.Itoa(len(args))))
	}
	if u.Rule != "" {
		also("rule = $", u.Rule)
	}
	if u.Kind != "" {
		also("kind = $", u.Kind)
	}
	if u.Subject != "" {
		also("subject = $", u.Subject)
	}
	if u.Error != "" {
		also("lower(error) LIKE $ ESCAPE '!'", "%"+likeLiterally.Replace(strings.ToLower(u.Error))+"%")
	}
	if !u.Since.IsZero() {
		also("finished_at >= $", micros(u.Since))
	}
	if !u.Until.IsZero() {
		also("finished_at < $", micros(u.Until))
	}
	if len(u.IDs) > 0 {
		ids := make([]string, len(u.IDs))
		for i, id := range u.IDs {
			ids[i] = strconv.FormatInt(id, 10)
		}
		where.WriteString(" AND id IN (" + strings.Join(ids, ", ") + ")")
	}
	return where.String() + " ORDER BY id " + limit(u.Limit), args
}

// FindUnhappy returns the dead or parked actions that are meant, in the order of the plan.
func (s *Store) FindUnhappy(ctx context.Context, u Unhappy) ([]Action, error) {
	where, args := u.where()
	s.dialect.cleanArgs(args)
	// The text differs from one question to the next, so its statement is not kept.
	rows, err := s.read.QueryContext(ctx, s.dialect.text("SELECT "+actionColumns+" FROM actions "+where), args...)
	if err != nil {
		return nil, fmt.Errorf("look for %s actions: %w", u.State, err)
	}
	return scanActions(rows)
}

// Verdict is what a person says about an action that failed or is in doubt.
type Verdict string

// The verdicts.
const (
	// VerdictAgain has it done again from the start: it has not happened.
	VerdictAgain Verdict = "retried"
	// VerdictDone takes it as done: it has happened.
	VerdictDone Verdict = "settled"
)

// Outcome is what became of one action that was to be retried.
type Outcome string

// The outcomes.
const (
	OutcomeRetried Outcome = "retried" // it is planned again, or taken as done; what its run held back follows
	OutcomeBusy    Outcome = "busy"    // its subject is being worked on, or has an action in doubt: ask again later
	OutcomeGone    Outcome = "gone"    // it is not dead or parked any more: somebody else was quicker
)

// Retry gives dead or parked actions of one subject their verdict, and plans what their runs held
// back, all in one transaction. They come before what was planned for the subject later, in their old
// order (I3). The history stays.
//
// A subject that is being worked on is left alone: whoever works on it has read what comes next. So is
// one with an action in doubt, whose read-back must not take what is done again for what it looks for.
func (s *Store) Retry(ctx context.Context, actions []Action, v Verdict, now time.Time) (outcomes []Outcome, err error) {
	if len(actions) == 0 {
		return nil, nil
	}
	err = s.writer.do(ctx, func(t *tx) error {
		outcomes = make([]Outcome, len(actions))
		free, err := t.mayPlanBefore(actions[0].Workspace, actions[0].Subject, now)
		if err != nil {
			return err
		}
		for i, a := range actions {
			switch {
			case a.Workspace != actions[0].Workspace || a.Subject != actions[0].Subject:
				return fmt.Errorf("it is about %s and not %s", a.Subject, actions[0].Subject)
			case !free:
				outcomes[i] = OutcomeBusy
			default:
				if outcomes[i], err = t.retry(a, v, now); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("retry actions of %s: %w", actions[0].Subject, err)
	}
	return outcomes, nil
}

// mayPlanBefore tells whether actions may be planned that come before those that the subject has: nobody
// works on it, and until the end of this transaction nobody can begin to.
func (t *tx) mayPlanBefore(workspace, subject string, now time.Time) (bool, error) {
	if err := t.addWork(LaneActions, workspace, subject, now); err != nil { // its row is there, and locked
		return false, err
	}
	n, err := t.exec(`
		UPDATE lanes SET visible_at = CASE WHEN visible_at < $1 THEN visible_at ELSE $1 END
		WHERE lane = $2 AND workspace = $3 AND subject = $4 AND fence = 0 AND NOT EXISTS (
			SELECT 1 FROM actions WHERE workspace = $3 AND subject = $4 AND state = 'attempting' AND state IN ('planned', 'attempting'))`,
		micros(now), int(LaneActions), workspace, subject)
	return n > 0, err
}

func (t *tx) retry(a Action, v Verdict, now time.Time) (Outcome, error) {
	state, finished, detail := StatePlanned, int64(0), ""
	if v == VerdictDone {
		state, finished, detail = StateDone, micros(now), "a person says that it was done"
	}
	changed, err := t.exec(`
		UPDATE actions SET state = $1, attempts = 0, due_at = $2, attempted_at = 0, finished_at = $3, detail = $4
		WHERE id = $5 AND state = $6`, string(state), micros(now), finished, detail, a.ID, string(a.State))
	if err != nil || changed == 0 {
		return OutcomeGone, err
	}
	if v == VerdictAgain { // it picks anew
		if err := t.takeBackPick(a.ID); err != nil {
			return "", err
		}
	}
	if _, err := t.exec(`
		UPDATE actions SET state = 'planned', due_at = $1, finished_at = 0, error = ''
		WHERE run = $2 AND state = 'held' AND id > $3`, micros(now), a.Run, a.ID); err != nil {
		return "", err
	}
	_, err = t.exec("INSERT INTO attempts (action, attempt, started_at, finished_at, result, error) VALUES ($1, 0, $2, $2, $3, '')",
		a.ID, micros(now), string(v))
	return OutcomeRetried, err
}
