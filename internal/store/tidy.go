package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// Tidy gives space back to the file system that pruning has freed. The file shrinks when the log is
// carried over to it, which SQLite would do only when enough is written again: after a pruning, that can
// be days. With PostgreSQL the server sees to it.
//
// It goes in small steps, between which events come in. It fails when the log cannot be emptied, because
// then the file has not shrunk, and what was deleted stands in the log: it is to be called again.
func (s *Store) Tidy(ctx context.Context) error {
	if s.dialect.vacuum == "" {
		return nil
	}
	for {
		free, err := s.freePages(ctx)
		if err != nil {
			return err
		}
		if free == 0 {
			break
		}
		if err := s.writer.do(ctx, func(t *tx) error {
			_, err := t.exec(t.dialect.vacuum)
			return err
		}); err != nil {
			return fmt.Errorf("shrink the database: %w", err)
		}
	}
	for try := 1; ; try++ {
		err := s.emptyLog(ctx)
		if err == nil {
			return nil
		}
		if try == mostTries || !errors.Is(err, errLogInUse) {
			return fmt.Errorf("shrink the database: %w", err)
		}
		select {
		case <-time.After(tidyWait):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// tidyWait is how long those who read the log have to end before the next try to empty it.
const tidyWait = 100 * time.Millisecond

// errLogInUse says that the log could not be emptied: what is in the midst of reading would miss it.
var errLogInUse = errors.New("the log is in use, such as by a backup")

// emptyLog carries the log over to the file. A passive checkpoint keeps nobody waiting, and leaves those
// writes in the log that came in meanwhile. So what then empties the log has little left to do, and does
// it between two transactions: where commits are slow it would never find a moment without one. To those
// who read it gives way at once, because intake waits for it.
func (s *Store) emptyLog(ctx context.Context) error {
	if err := s.checkpoint(ctx, "PASSIVE"); err != nil && !errors.Is(err, errLogInUse) { // the writer may do the same
		return err
	}
	return s.writer.between(ctx, func() error { return s.checkpoint(ctx, "TRUNCATE") })
}

// checkpoint runs one of that mode. SQLite tells in the result, not with an error, that somebody was in
// the way.
func (s *Store) checkpoint(ctx context.Context, mode string) error {
	return withSQLite(sqliteDSN(s.path, "_pragma=busy_timeout(0)"), func(db *sql.DB) error {
		var busy, pages, carried int
		if err := db.QueryRowContext(ctx, "PRAGMA wal_checkpoint("+mode+")").Scan(&busy, &pages, &carried); err != nil {
			return err
		}
		if busy != 0 {
			return errLogInUse
		}
		return nil
	})
}

func (s *Store) freePages(ctx context.Context) (n int, err error) {
	rows, err := s.query(ctx, "PRAGMA freelist_count")
	if err != nil {
		return 0, err
	}
	err = eachRow(rows, func(r *sql.Rows) error { return r.Scan(&n) })
	return n, err
}

// ForgetParts deletes up to n of the parts that our own calls made before the given time, and tells how
// many. Whoever made a part that old is told by what Intercom says of it.
func (s *Store) ForgetParts(ctx context.Context, before time.Time, n int) (int64, error) {
	var deleted int64
	err := s.writer.do(ctx, func(t *tx) (err error) {
		deleted, err = t.exec(`
			DELETE FROM own_parts WHERE (workspace, part) IN (
				SELECT workspace, part FROM own_parts WHERE at < $1 ORDER BY at `+limit(n)+`)`, micros(before))
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("forget parts of our own: %w", err)
	}
	return deleted, nil
}
