package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// ErrBackup says that a copy cannot be made as it was asked for.
var ErrBackup = errors.New("no backup was made")

// BackupOptions say where a copy goes.
type BackupOptions struct {
	Path    string
	Replace bool // an older copy that is there
	// Visible tells of an action whether people would see it if it happened twice.
	Visible func(kind string, params json.RawMessage) bool
}

// Backup is a copy that was made.
type Backup struct {
	Bytes   int64
	At      time.Time // the state is that of this moment, or of one shortly after
	Took    time.Duration
	Doubted int // planned actions that are in doubt in the copy
}

// Backup copies the database while it is in use. The copy appears at its path when it is complete,
// checked and on disk, and not before.
//
// It is made by VACUUM INTO, which reads one state in one go while writes go on, and leaves out what was
// deleted: the words of customers whose events are pruned are not in a copy.
//
// Whoever goes back to a copy does not know what happened since. So what was planned and people would see
// twice is in doubt there, as after a crash in the midst of a call: it is read back before it is sent (I4).
func (s *Store) Backup(ctx context.Context, o BackupOptions) (b Backup, err error) {
	if s.dialect != &sqliteDialect {
		return b, fmt.Errorf("%w: %s is copied with PostgreSQL's own tool: pg_dump --format=custom --file=switchboard.dump %s", ErrBackup, s.path, s.path)
	}
	begun := time.Now()
	b.At = s.Now()
	if err := s.mayBackUpTo(o); err != nil {
		return b, err
	}
	f, err := os.CreateTemp(filepath.Dir(o.Path), ".switchboard-backup-*") // readable for its owner only
	if err != nil {
		return b, fmt.Errorf("%w: %w", ErrBackup, err)
	}
	temporary := f.Name()
	defer func() {
		err = errors.Join(err, f.Close())
		for _, name := range []string{temporary, temporary + "-journal"} {
			if e := os.Remove(name); e != nil && !errors.Is(e, fs.ErrNotExist) {
				err = errors.Join(err, e)
			}
		}
	}()
	if err := s.copyInto(ctx, temporary); err != nil {
		return b, fmt.Errorf("copy the database: %w", err)
	}
	if b.Doubted, err = finishCopy(ctx, temporary, b.At, o.Visible); err != nil {
		return b, fmt.Errorf("check the copy: %w", err)
	}
	if err := f.Sync(); err != nil {
		return b, fmt.Errorf("write the copy: %w", err)
	}
	info, err := f.Stat()
	if err != nil {
		return b, err
	}
	if err := s.mayBackUpTo(o); err != nil { // it may be there by now
		return b, err
	}
	if err := os.Rename(temporary, o.Path); err != nil {
		return b, err
	}
	b.Bytes, b.Took = info.Size(), time.Since(begun)
	return b, syncDir(filepath.Dir(o.Path))
}

// mayBackUpTo refuses paths where something stands that is no older copy, or may not be replaced. Whoever
// may ask for a copy could otherwise have any file overwritten that belongs to the service.
func (s *Store) mayBackUpTo(o BackupOptions) error {
	if dir := filepath.Dir(o.Path); !isDir(dir) {
		return fmt.Errorf("%w: the folder %s does not exist", ErrBackup, dir)
	}
	there, err := os.Lstat(o.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("%w: %w", ErrBackup, err)
	}
	if live, err := os.Stat(s.path); err == nil && os.SameFile(live, there) {
		return fmt.Errorf("%w: %s is the database itself", ErrBackup, o.Path)
	}
	if !o.Replace {
		return fmt.Errorf("%w: %s is there already: name another file, or replace it with --force", ErrBackup, o.Path)
	}
	if !there.Mode().IsRegular() || !isSQLite(o.Path) {
		return fmt.Errorf("%w: %s is no database, and is not replaced", ErrBackup, o.Path)
	}
	return nil
}

func isSQLite(path string) bool {
	const magic = "SQLite format 3\x00"
	f, err := os.Open(path) //nolint:gosec // only what it begins with is looked at
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }()
	head := make([]byte, len(magic))
	_, err = io.ReadFull(f, head)
	return err == nil && string(head) == magic
}

// copyInto copies on a connection of its own: those that read refuse everything that writes.
func (s *Store) copyInto(ctx context.Context, path string) error {
	return withSQLite(sqliteDSN(s.path, "_pragma=busy_timeout(10000)", "_pragma=cache_size(-4000)"), func(db *sql.DB) error {
		_, err := db.ExecContext(ctx, "VACUUM INTO $1", path)
		return err
	})
}

// finishCopy puts into doubt what may have happened once the copy is used, and checks it.
func finishCopy(ctx context.Context, path string, at time.Time, visible func(string, json.RawMessage) bool) (doubted int, err error) {
	err = withSQLite(sqliteDSN(path, "_pragma=journal_mode(delete)", "_pragma=synchronous(full)"), func(db *sql.DB) error {
		if doubted, err = doubtPlanned(ctx, db, at, visible); err != nil {
			return err
		}
		var found string
		if err := db.QueryRowContext(ctx, "PRAGMA integrity_check(1)").Scan(&found); err != nil {
			return err
		}
		if found != "ok" {
			return fmt.Errorf("it is damaged, and so is the database: %s", found)
		}
		return nil
	})
	return doubted, err
}

func doubtPlanned(ctx context.Context, db *sql.DB, at time.Time, visible func(string, json.RawMessage) bool) (int, error) {
	rows, err := db.QueryContext(ctx, "SELECT id, kind, params FROM actions WHERE state = 'planned' AND state IN ('planned', 'attempting')")
	if err != nil {
		return 0, err
	}
	var ids []int64
	err = eachRow(rows, func(r *sql.Rows) error {
		var id int64
		var kind, params string
		err := r.Scan(&id, &kind, &params)
		if err == nil && visible(kind, json.RawMessage(params)) {
			ids = append(ids, id)
		}
		return err
	})
	if err != nil || len(ids) == 0 {
		return 0, err
	}
	t, err := db.BeginTx(ctx, nil)
	if err != nil {
		return 0, err
	}
	for _, id := range ids {
		if _, err := t.ExecContext(ctx, "UPDATE actions SET state = 'attempting', attempted_at = $1 WHERE id = $2", micros(at), id); err != nil {
			return 0, errors.Join(err, t.Rollback())
		}
	}
	return len(ids), t.Commit()
}

func withSQLite(dsn string, do func(*sql.DB) error) error {
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		return err
	}
	db.SetMaxOpenConns(1)
	return errors.Join(do(db), db.Close())
}

// syncDir makes a rename survive the loss of power.
func syncDir(path string) error {
	dir, err := os.Open(path) //nolint:gosec // the folder that was written to
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
