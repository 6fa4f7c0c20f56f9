package store

import (
	"context"
	"fmt"
	"time"
)

// Budgets keeps the budgets of API calls that replicas share: a text for each workspace, which only
// those who share it understand.
type Budgets struct{ store *Store }

// Budgets are the shared budgets of this database.
func (s *Store) Budgets() Budgets { return Budgets{s} }

// Update hands the state of a workspace's budget (empty: there is none) and the time to fn, in a
// transaction that has the row to itself, and keeps what fn returns, if that is not nil. fn may be
// called again when the database ended the transaction for the sake of another. When ctx ends first,
// the change may or may not be kept.
func (b Budgets) Update(ctx context.Context, workspace string, fn func(state []byte, now time.Time) ([]byte, error)) error {
	err := b.store.writer.do(ctx, func(t *tx) error {
		state, now, err := b.lock(t, workspace)
		if err != nil {
			return err
		}
		next, err := fn([]byte(state), now)
		if err != nil || next == nil {
			return err
		}
		_, err = t.exec("UPDATE budgets SET state = $1, changed_at = $2, version = version + 1 WHERE workspace = $3",
			string(next), micros(now), workspace)
		return err
	})
	if err != nil {
		return fmt.Errorf("change the budget of workspace %q: %w", workspace, err)
	}
	return nil
}

// lock reads a state that nobody else can change until the transaction ends, and the time.
func (b Budgets) lock(t *tx, workspace string) (state string, now time.Time, err error) {
	query := "SELECT state, " + b.clock() + " FROM budgets WHERE workspace = $1 FOR UPDATE"
	for range 2 {
		var at int64
		ok, err := t.queryRow(query, []any{workspace}, &state, &at)
		if err != nil {
			return "", now, err
		}
		if ok {
			if now = fromMicros(at); at == 0 {
				now = b.store.Now()
			}
			return state, now, nil
		}
		// Of two who find none, one waits here for the other.
		if _, err := t.exec("INSERT INTO budgets (workspace, state, changed_at, version) VALUES ($1, '', 0, 0) ON CONFLICT (workspace) DO NOTHING", workspace); err != nil {
			return "", now, err
		}
	}
	return "", now, fmt.Errorf("the row of workspace %q is gone", workspace)
}

// clock is the time as an expression; 0 where this process has the clock. What Now gives is right to
// half a second, which is enough for leases and not for windows of ten seconds that are to be used up.
func (b Budgets) clock() string {
	if !b.store.Shared() || b.store.clock.now != nil {
		return "0"
	}
	return "cast(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT)"
}
