package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"slices"
	"strings"
	"time"
)

// survivable is the first line of a migration that programs which do not know it survive: it adds
// something that they need not know of. Others are refused while such programs run.
const survivable = "-- Older replicas may run on."

// replicasSince is the version of the schema that first knew replicas.
const replicasSince = 6

// migrate brings the schema up to date, and tells its version. Replicas that were seen since count as living. Each migration and the note that it
// was made commit together. A database that is newer than this program is refused: guessing would
// lose data. So is a migration that a running replica would not survive.
func migrate(ctx context.Context, db *sql.Conn, files fs.FS, dir string, seenSince time.Time, log *slog.Logger) (version int, err error) {
	const table = "CREATE TABLE IF NOT EXISTS schema_migrations (version INTEGER NOT NULL PRIMARY KEY)"
	if _, err := db.ExecContext(ctx, table); err != nil {
		return 0, fmt.Errorf("prepare migrations: %w", err)
	}
	var have int
	if err := db.QueryRowContext(ctx, "SELECT coalesce(max(version), 0) FROM schema_migrations").Scan(&have); err != nil {
		return 0, fmt.Errorf("read the schema version: %w", err)
	}
	names, err := fs.Glob(files, dir+"/*.sql") // sorted
	if err != nil {
		return 0, fmt.Errorf("read migrations: %w", err)
	}
	if have > len(names) {
		return 0, fmt.Errorf("its schema is version %d and this program knows %d: run a newer switchboard", have, len(names))
	}
	texts := make([]string, 0, len(names)-have)
	for _, name := range names[have:] {
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return 0, fmt.Errorf("read migration %s: %w", name, err)
		}
		texts = append(texts, string(text))
	}
	if err := mayMigrate(ctx, db, have, texts, seenSince); err != nil {
		return 0, err
	}
	for i, text := range texts {
		version := have + i + 1
		if err := migrateOnce(ctx, db, version, text); err != nil {
			return 0, fmt.Errorf("migration %s: %w", names[version-1], err)
		}
		log.InfoContext(ctx, "database schema brought up to date", "version", version)
	}
	return len(names), nil
}

func migrateOnce(ctx context.Context, db *sql.Conn, version int, text string) error {
	t, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	_, err = t.ExecContext(ctx, text)
	if err == nil {
		_, err = t.ExecContext(ctx, "INSERT INTO schema_migrations (version) VALUES ($1)", version)
	}
	if err != nil {
		return errors.Join(err, t.Rollback())
	}
	return t.Commit()
}

// mayMigrate refuses migrations that a living replica would not survive.
func mayMigrate(ctx context.Context, db *sql.Conn, have int, texts []string, seenSince time.Time) error {
	harmless := !slices.ContainsFunc(texts, func(text string) bool { return !strings.HasPrefix(text, survivable) })
	if have < replicasSince || harmless {
		return nil
	}
	rows, err := db.QueryContext(ctx, "SELECT "+replicaColumns+" FROM replicas WHERE seen_at > $1 ORDER BY started_at", micros(seenSince))
	if err != nil {
		return fmt.Errorf("look for replicas: %w", err)
	}
	living, err := scanReplicas(rows)
	if err != nil || len(living) == 0 {
		return err
	}
	names := make([]string, len(living))
	for i, r := range living {
		names[i] = r.Name + " (version " + r.Version + ")"
	}
	return fmt.Errorf("its schema has to change from version %d to %d in a way that running replicas would not survive: stop %s first, then start this one",
		have, have+len(texts), strings.Join(names, ", "))
}
