package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// Tidy gives space back to the file system that pruning has freed. The file shrinks when the log is
// carried over to it, which SQLite would do only when enough is written again: after a pruning, that can
// be days. With PostgreSQL the server sees to it.
//
// It goes in small steps, between which events come in.
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
	// A passive checkpoint keeps nobody waiting. What then empties the log has next to nothing left to
	// carry over, and gives way at once when somebody reads.
	err := withSQLite(sqliteDSN(s.path, "_pragma=busy_timeout(0)"), func(db *sql.DB) error {
		for _, query := range []string{"PRAGMA wal_checkpoint(PASSIVE)", "PRAGMA wal_checkpoint(TRUNCATE)"} {
			var busy, pages, carried int
			if err := db.QueryRowContext(ctx, query).Scan(&busy, &pages, &carried); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("shrink the database: %w", err)
	}
	return nil
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
