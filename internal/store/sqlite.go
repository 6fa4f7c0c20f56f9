package store

import (
	"cmp"
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/gofrs/flock"
	_ "modernc.org/sqlite" // the driver "sqlite": SQLite in pure Go
)

//go:embed migrations/sqlite/*.sql
var sqliteMigrations embed.FS

// openSQLite opens one file with one writing connection and a few that only read.
func openSQLite(ctx context.Context, path string, o Options) (_ *Store, err error) {
	path = strings.TrimPrefix(path, "//")
	if dir := filepath.Dir(path); !isDir(dir) {
		return nil, fmt.Errorf("database folder %s does not exist", dir)
	}
	unlock, err := lockFile(path)
	if err != nil {
		return nil, err
	}
	// The file holds customers' words. SQLite would make it readable for everybody, and gives
	// its journal the rights that the file has.
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open database: %w", err), unlock())
	}
	_ = f.Close()
	s := newStore(path, unlock, &sqliteDialect, o)
	defer func() {
		if err != nil {
			err = errors.Join(err, unlock())
		}
	}()

	// Immediate transactions take the write lock at once: a transaction that reads first and
	// writes later would fail when another wrote in between, whatever the timeout.
	// auto_vacuum must be chosen before the first table is made. A checkpoint after 16,000 pages
	// (64 MB) instead of 1,000 writes pages that change often once instead of many times, and
	// makes fewer events wait for one.
	db, err := sql.Open(cmp.Or(o.Driver, "sqlite"), sqliteDSN(path, "_txlock=immediate",
		"_pragma=busy_timeout(10000)", "_pragma=auto_vacuum(incremental)", "_pragma=journal_mode(wal)",
		"_pragma=synchronous(full)", "_pragma=cache_size(-4000)", "_pragma=temp_store(memory)", "_pragma=wal_autocheckpoint(16000)", "_pragma=journal_size_limit(67108864)"))
	if err != nil {
		return nil, fmt.Errorf("open database %s: %w", path, err)
	}
	db.SetMaxOpenConns(1)
	if s.schema, err = migrateSQLite(ctx, db, o); err != nil {
		return nil, errors.Join(fmt.Errorf("open database %s: %w", path, err), db.Close())
	}
	if err := releaseAll(ctx, db); err != nil {
		return nil, errors.Join(fmt.Errorf("open database %s: %w", path, err), db.Close())
	}
	s.read, err = sql.Open(cmp.Or(o.Driver, "sqlite"), sqliteDSN(path,
		"_pragma=busy_timeout(10000)", "_pragma=query_only(1)", "_pragma=cache_size(-1000)"))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open database %s: %w", path, err), db.Close())
	}
	s.read.SetMaxOpenConns(4)
	s.read.SetMaxIdleConns(4)
	if err := s.remember(ctx); err != nil {
		return nil, errors.Join(err, s.read.Close(), db.Close())
	}
	s.writer = newWriter(db, s.dialect, 0, s.metrics, o)
	if o.Registerer != nil {
		if err := o.Registerer.Register(collector{s}); err != nil {
			return nil, errors.Join(err, s.writer.close(), s.read.Close())
		}
	}
	return s, nil
}

func sqliteDSN(path string, params ...string) string {
	return "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + strings.Join(params, "&")
}

// releaseAll gives back the claims of the process that had this file before. It held the
// lock that we hold now, so it is gone, and waiting for its leases to end would only make a
// restart slow. Subjects that wait for a time are looked at once as well: their work knows
// when it is due, and a clock that was ahead must not hide them.
func releaseAll(ctx context.Context, db *sql.DB) error {
	_, err := db.ExecContext(ctx, "UPDATE lanes SET fence = 0, dirty = 0, visible_at = 0")
	if err != nil {
		return fmt.Errorf("release claims: %w", err)
	}
	return nil
}

// lockFile makes sure that one process at a time works on the file. SQLite itself would let
// two in, and each would send the other's actions.
func lockFile(path string) (unlock func() error, err error) {
	name := path + "-lock"
	lock := flock.New(name)
	ok, err := lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", name, err)
	}
	if !ok {
		by := ""
		if pid, err := os.ReadFile(name); err == nil && len(pid) > 0 && len(pid) < 20 {
			by = " by the switchboard process with pid " + strings.TrimSpace(string(pid))
		}
		return nil, fmt.Errorf("%w: %s is open%s; stop that process, or use another file", ErrInUse, path, by)
	}
	// The pid is for people; the lock is what counts.
	_ = os.WriteFile(name, []byte(strconv.Itoa(os.Getpid())+"\n"), 0o600)
	return lock.Unlock, nil
}

func migrateSQLite(ctx context.Context, db *sql.DB, o Options) (version int, err error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	return migrate(ctx, conn, sqliteMigrations, "migrations/sqlite", time.Time{}, o.Logger)
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
