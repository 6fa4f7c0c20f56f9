package store

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"
)

// ActionSearch says which actions are meant; what is left out does not matter. Times are those of the plan.
type ActionSearch struct {
	IDs       []int64
	Workspace string
	State     ActionState
	Rule      string
	Kind      string
	Subject   string
	Error     string // stands somewhere in the error of the last attempt
	Page
}

// SearchActions returns a page of the actions that are meant, the newest first.
func (s *Store) SearchActions(ctx context.Context, q ActionSearch) ([]Action, Searched, error) {
	w := &walk[Action]{
		table: "actions", key: "id", at: "planned_at", keyOf: func(a Action) int64 { return a.ID },
		columns: actionColumns, scan: scanAction,
		check: func(_ context.Context, list []Action) ([]Action, error) { return list, nil },
	}
	if err := s.startActions(ctx, w, q); err != nil {
		return nil, Searched{}, err
	}
	for _, f := range []struct{ column, value string }{
		{"workspace", q.Workspace}, {"state", string(q.State)}, {"rule", q.Rule}, {"kind", q.Kind}, {"subject", q.Subject},
	} {
		if f.value != "" {
			w.also(f.column+" = ?", f.value)
		}
	}
	if q.Error != "" {
		w.also("lower(error) LIKE ? ESCAPE '!'", "%"+likeLiterally.Replace(strings.ToLower(q.Error))+"%")
	}
	return w.page(ctx, s, q.Page)
}

// few is how many rows an index may have that does not have them in the order of the walk, to be of use. If there are
// more, some of them come soon when one looks at all.
const few = 2000

// startActions chooses the rows that are looked at: the fewest for which there is an index. +id keeps SQLite from
// going through the ids in their order, past all actions.
func (s *Store) startActions(ctx context.Context, w *walk[Action], q ActionSearch) error {
	w.source = w.all()
	switch {
	case len(q.IDs) > 0:
		w.source = "SELECT id AS k FROM actions WHERE id IN (" + numbers(q.IDs) + ")"
	case q.Subject != "":
		workspaces, err := s.workspacesOr(ctx, q.Workspace)
		if err != nil {
			return err
		}
		events, args := ofSubjects([]any{q.Subject}, workspaces)
		return s.startAt(ctx, w, events, "SELECT +id AS k FROM actions WHERE seq IN ("+events+")", args)
	case q.State == StateDead || q.State == StateParked || q.State == StateHeld:
		w.source, w.args = "SELECT id AS k FROM actions WHERE state = $1 AND state IN ('dead', 'parked', 'held')", []any{string(q.State)}
	case q.State == StateAttempting:
		w.source = "SELECT +id AS k FROM actions WHERE state = 'attempting'"
	case q.State == StatePlanned:
		const open = "SELECT +id AS k FROM actions WHERE state IN ('planned', 'attempting')"
		return s.startAt(ctx, w, open, open, nil)
	}
	return nil
}

// startAt starts at a source if that is few rows.
func (s *Store) startAt(ctx context.Context, w *walk[Action], counted, source string, args []any) error {
	rows, err := s.readOnce(ctx, "SELECT count(*) FROM (SELECT k FROM ("+counted+") q "+limit(few+1)+") q", args...)
	if err != nil {
		return err
	}
	n := 0
	if err := eachRow(rows, func(r *sql.Rows) error { return r.Scan(&n) }); err != nil {
		return err
	}
	if n <= few {
		w.source, w.args = source, args
	}
	return nil
}

// ActionsOfEvents returns the actions that events led to, by the number of the event, in plan order.
func (s *Store) ActionsOfEvents(ctx context.Context, seqs []int64) (map[int64][]Action, error) {
	rows, err := s.readOnce(ctx, "SELECT "+actionColumns+" FROM actions WHERE seq IN ("+numbers(seqs)+") ORDER BY id")
	if err != nil {
		return nil, err
	}
	list, err := scanActions(rows)
	of := make(map[int64][]Action, len(seqs))
	for _, a := range list {
		of[a.Seq] = append(of[a.Seq], a)
	}
	return of, err
}

// CountActions counts the actions of events by their state.
func (s *Store) CountActions(ctx context.Context, seqs []int64) (map[int64]map[ActionState]int, error) {
	rows, err := s.readOnce(ctx, "SELECT seq, state, count(*) FROM actions WHERE seq IN ("+numbers(seqs)+") GROUP BY seq, state")
	if err != nil {
		return nil, err
	}
	counts := make(map[int64]map[ActionState]int, len(seqs))
	err = eachRow(rows, func(r *sql.Rows) error {
		var seq int64
		var state ActionState
		var n int
		err := r.Scan(&seq, &state, &n)
		if counts[seq] == nil {
			counts[seq] = map[ActionState]int{}
		}
		counts[seq][state] = n
		return err
	})
	return counts, err
}

// SubjectCounts is how much is stored about a subject.
type SubjectCounts struct {
	// Events are as many as are counted; Actions are those that the newest of them led to.
	Events  int
	Actions map[ActionState]int
}

// CountSubject counts what is stored about a subject: up to a number of its events, the newest.
func (s *Store) CountSubject(ctx context.Context, workspace, subject string, most int) (c SubjectCounts, err error) {
	workspaces, err := s.workspacesOr(ctx, workspace)
	if err != nil {
		return c, err
	}
	source, args := ofSubjects([]any{subject}, workspaces)
	source = "SELECT k FROM (" + source + ") q ORDER BY k DESC " + limit(most)
	rows, err := s.readOnce(ctx, "SELECT count(*) FROM ("+source+") q", args...)
	if err != nil {
		return c, err
	}
	if err := eachRow(rows, func(r *sql.Rows) error { return r.Scan(&c.Events) }); err != nil {
		return c, err
	}
	c.Actions = map[ActionState]int{}
	rows, err = s.readOnce(ctx, "SELECT state, count(*) FROM actions WHERE seq IN ("+source+") GROUP BY state", args...)
	if err != nil {
		return c, err
	}
	err = eachRow(rows, func(r *sql.Rows) error {
		var state ActionState
		var n int
		err := r.Scan(&state, &n)
		c.Actions[state] = n
		return err
	})
	return c, err
}

// LineOf is the place of a subject in the line of a team; ok is false if it waits for nobody.
func (s *Store) LineOf(ctx context.Context, workspace, subject string) (team string, since time.Time, ok bool, err error) {
	workspaces, err := s.workspacesOr(ctx, workspace)
	if err != nil {
		return "", time.Time{}, false, err
	}
	rows, err := s.readOnce(ctx, "SELECT team, since FROM waiting WHERE subject = $1 AND workspace IN ("+params(2, len(workspaces))+") LIMIT 1",
		append([]any{subject}, workspaces...)...)
	if err != nil {
		return "", time.Time{}, false, err
	}
	err = eachRow(rows, func(r *sql.Rows) error {
		var at int64
		ok = true
		err := r.Scan(&team, &at)
		since = fromMicros(at)
		return err
	})
	return team, since, ok, err
}

// TimerSearch says which timers are meant; what is left out does not matter.
type TimerSearch struct {
	Workspace string
	Rule      string
	Subject   string
	// After is the last timer of the page before.
	After *Timer
	Limit int
}

// SearchTimers returns a page of the timers that wait, those first that are due next. more tells whether there
// may be others behind the last timer that was looked at, which is seen.
func (s *Store) SearchTimers(ctx context.Context, q TimerSearch) (list []Timer, seen *Timer, more bool, err error) {
	at, began := q.After, time.Now()
	for {
		stretch, err := s.timersBehind(ctx, q, at)
		if err != nil {
			return nil, nil, false, fmt.Errorf("search timers: %w", err)
		}
		for i, t := range stretch {
			if (q.Workspace != "" && t.Workspace != q.Workspace) || (q.Rule != "" && t.Rule != q.Rule) {
				continue
			}
			if len(list) == q.Limit {
				return list, at, true, nil
			}
			list, at = append(list, t), &stretch[i]
		}
		if len(stretch) < timerStretch {
			return list, at, false, nil
		}
		if at = &stretch[len(stretch)-1]; time.Since(began) > longSearch {
			return list, at, true, nil
		}
	}
}

// timerStretch is how many timers are read at once.
const timerStretch = 1000

// timersBehind are the next timers behind one.
func (s *Store) timersBehind(ctx context.Context, q TimerSearch, after *Timer) ([]Timer, error) {
	where, args := "WHERE ripe = 0", []any{}
	if q.Subject != "" {
		workspaces, err := s.workspacesOr(ctx, q.Workspace)
		if err != nil {
			return nil, err
		}
		where += " AND subject = $1 AND workspace IN (" + params(2, len(workspaces)) + ")"
		args = append([]any{q.Subject}, workspaces...)
	}
	if n := len(args); after != nil {
		where += " AND (due_at, place, workspace, subject, rule) > (" + params(n+1, 5) + ")"
		args = append(args, micros(after.DueAt), after.Place, after.Workspace, after.Subject, after.Rule)
	}
	return s.timers(ctx, where+" ORDER BY due_at, place, workspace, subject, rule "+limit(timerStretch), args...)
}
