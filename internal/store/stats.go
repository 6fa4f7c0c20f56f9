package store

import (
	"context"
	"database/sql"
	"time"
)

// Stats is how much is waiting, for metrics and people.
type Stats struct {
	EventsWaiting  int
	OldestEvent    time.Time // when the oldest of them came in; zero when none waits
	ActionsWaiting int       // planned or attempting
	OldestAction   time.Time // when the oldest of them was planned; zero when none waits
	Attempting     int       // of those, sent and in doubt or in flight
	Dead           int
	Parked         int
	Held           int
	InLine         int // conversations that wait for a teammate
}

// Stats counts what waits. It reads only indexes that hold nothing else, so it costs little
// however many events are stored.
func (s *Store) Stats(ctx context.Context) (Stats, error) {
	var st Stats
	rows, err := s.query(ctx, `
		SELECT count(*), coalesce(min(received_at), 0) FROM inbox
		UNION ALL SELECT coalesce(sum(events), 0), coalesce(min(received_at), 0) FROM arrivals`)
	if err != nil {
		return st, err
	}
	err = eachRow(rows, func(r *sql.Rows) error {
		var n int
		var at int64
		err := r.Scan(&n, &at)
		st.EventsWaiting += n
		if oldest := fromMicros(at); st.OldestEvent.IsZero() || (at > 0 && oldest.Before(st.OldestEvent)) {
			st.OldestEvent = oldest
		}
		return err
	})
	if err != nil {
		return st, err
	}
	if rows, err = s.query(ctx, "SELECT count(*) FROM waiting"); err != nil {
		return st, err
	}
	if err := eachRow(rows, func(r *sql.Rows) error { return r.Scan(&st.InLine) }); err != nil {
		return st, err
	}
	for _, group := range []string{"'planned', 'attempting'", "'dead', 'parked', 'held'"} {
		rows, err := s.query(ctx, `
			SELECT state, count(*), coalesce(min(planned_at), 0) FROM actions
			WHERE state IN (`+group+`) GROUP BY state`)
		if err != nil {
			return st, err
		}
		if err := eachRow(rows, st.addGroup); err != nil {
			return st, err
		}
	}
	return st, nil
}

func (st *Stats) addGroup(r *sql.Rows) error {
	var state ActionState
	var n int
	var oldest int64
	if err := r.Scan(&state, &n, &oldest); err != nil {
		return err
	}
	switch state {
	case StatePlanned, StateAttempting:
		st.ActionsWaiting += n
		if at := fromMicros(oldest); st.OldestAction.IsZero() || at.Before(st.OldestAction) {
			st.OldestAction = at
		}
		if state == StateAttempting {
			st.Attempting = n
		}
	case StateDead:
		st.Dead = n
	case StateParked:
		st.Parked = n
	case StateHeld:
		st.Held = n
	}
	return nil
}
