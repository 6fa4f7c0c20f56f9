package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"strings"
)

// SchemaOf tells the version of the schema that a database has, and the one that this program knows. Unlike
// Open it changes nothing, so that whoever only wants to look does not bring the schema up to date.
func SchemaOf(ctx context.Context, address string) (have, known int, err error) {
	db, files, err := lookInto(address)
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	names, err := fs.Glob(files, "migrations/*/*.sql")
	if err != nil {
		return 0, 0, err
	}
	if err := db.QueryRowContext(ctx, "SELECT coalesce(max(version), 0) FROM schema_migrations").Scan(&have); err != nil {
		return 0, len(names), fmt.Errorf("read the schema version: %w", err)
	}
	return have, len(names), nil
}

// lookInto opens a database for reading.
func lookInto(address string) (*sql.DB, fs.FS, error) {
	if err := CheckURL(address); err != nil {
		return nil, nil, err
	}
	if path, ok := strings.CutPrefix(address, "sqlite:"); ok {
		path = (&url.URL{Path: strings.TrimPrefix(path, "//")}).EscapedPath()
		db, err := sql.Open("sqlite", "file:"+path+"?mode=ro&_pragma=busy_timeout(3000)")
		return db, sqliteMigrations, err
	}
	db, err := sql.Open("pgx", address)
	return db, postgresMigrations, err
}
