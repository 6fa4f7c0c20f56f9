package store

import (
	"context"
	"database/sql"
	"encoding/json"
)

// TracesWith returns the traces that hold a text, of the decisions on the events from first to last, by the
// number of the event. It is for looking through many decisions for what few have.
func (s *Store) TracesWith(ctx context.Context, text string, first, last int64) (map[int64]json.RawMessage, error) {
	rows, err := s.query(ctx, "SELECT seq, trace FROM decisions WHERE seq >= $1 AND seq <= $2 AND trace LIKE $3 ESCAPE '!'",
		first, last, "%"+likeLiterally.Replace(text)+"%")
	if err != nil {
		return nil, err
	}
	traces := map[int64]json.RawMessage{}
	err = eachRow(rows, func(r *sql.Rows) error {
		var seq int64
		var trace string
		err := r.Scan(&seq, &trace)
		traces[seq] = json.RawMessage(trace)
		return err
	})
	return traces, err
}

// EachPlanned calls back with the actions of a kind that rules planned in a workspace, in all if it is empty, as
// long as their events are stored: subject, parameters and time are filled in. each must not ask the store.
func (s *Store) EachPlanned(ctx context.Context, workspace, kind string, each func(Action)) error {
	rows, err := s.query(ctx, `
		SELECT workspace, subject, params, planned_at FROM actions WHERE kind = $2 AND (workspace = $1 OR $1 = '')`, workspace, kind)
	if err != nil {
		return err
	}
	return eachRow(rows, func(r *sql.Rows) error {
		a := Action{Kind: kind}
		var params string
		var planned int64
		err := r.Scan(&a.Workspace, &a.Subject, &params, &planned)
		a.Params, a.PlannedAt = json.RawMessage(params), fromMicros(planned)
		each(a)
		return err
	})
}
