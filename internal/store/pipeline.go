package store

import (
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// A statement whose rows nobody reads need not be waited for. To a server such statements are sent
// together with those that follow, up to the next whose answer is needed, so that most transactions are
// two round trips: all that they write, and COMMIT. A file answers at once.

// statement is one that waits to be sent.
type statement struct {
	query string
	args  []any
	check func(changed int64) error
}

// send runs a statement, now or before the next whose answer is needed. check, if set, gets the number
// of rows that it changed; its error ends the transaction.
func (t *tx) send(check func(changed int64) error, query string, args ...any) error {
	if !t.dialect.prepared {
		t.dialect.cleanArgs(args)
		t.waiting = append(t.waiting, statement{query, args, check})
		return nil
	}
	n, err := t.exec(query, args...)
	if err == nil && check != nil {
		err = check(n)
	}
	return err
}

// orLost ends a transaction whose claim does not hold any more.
func orLost(changed int64) error {
	if changed == 0 {
		return ErrLost
	}
	return nil
}

// flush sends the statements that wait.
func (t *tx) flush() error {
	if len(t.waiting) == 0 {
		return nil
	}
	waiting := t.waiting
	t.waiting = t.waiting[:0]
	defer clear(waiting)
	return t.conn.Raw(func(c any) (err error) {
		var batch pgx.Batch
		for _, s := range waiting {
			batch.Queue(t.text(s.query), s.args...)
		}
		results := c.(*stdlib.Conn).Conn().SendBatch(t.ctx, &batch)
		defer func() {
			if closed := results.Close(); err == nil && closed != nil {
				err = closed
			}
		}()
		for _, s := range waiting {
			tag, err := results.Exec()
			if err == nil && s.check != nil {
				err = s.check(tag.RowsAffected())
			}
			if err != nil {
				return fmt.Errorf("%s: %w", firstWords(s.query), err)
			}
		}
		return nil
	})
}
