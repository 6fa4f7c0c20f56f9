// Package storetest gives tests the databases that Switchboard runs on.
//
// Tests ask for a database with URL and run on SQLite. A package whose tests should hold on
// PostgreSQL as well has one more test, which calls OnPostgres: it runs the package's tests once
// more, as a process of its own, and there URL gives schemas of the server that the variable
// SWITCHBOARD_TEST_POSTGRES names. Without it that test is skipped.
package storetest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	serverVariable = "SWITCHBOARD_TEST_POSTGRES"
	engineVariable = "SWITCHBOARD_TEST_ENGINE"
)

// Postgres tells whether URL gives databases of PostgreSQL.
func Postgres() bool { return os.Getenv(engineVariable) == "postgres" }

// URL is the URL of a database of the test's own, which is named by a path: the same path names the
// same database. With SQLite it is that file.
func URL(t testing.TB, path string) string {
	t.Helper()
	if !Postgres() {
		return "sqlite:" + path
	}
	return PostgresURL(t, path)
}

// PostgresURL is the same on PostgreSQL in any case: for tests of what replicas do.
func PostgresURL(t testing.TB, path string) string {
	t.Helper()
	server := Server(t)
	sum := sha256.Sum256([]byte(path + strconv.Itoa(os.Getpid())))
	schema := prefix + strconv.FormatInt(started.Unix(), 10) + "_" + hex.EncodeToString(sum[:8])
	made.Lock()
	defer made.Unlock()
	if !made.schemas[schema] {
		made.schemas[schema] = true
		do(t, server, "CREATE SCHEMA "+schema)
		t.Cleanup(func() {
			do(t, server, "DROP SCHEMA "+schema+" CASCADE")
			made.Lock()
			defer made.Unlock()
			delete(made.schemas, schema)
		})
	}
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set("search_path", schema)
	q.Set("synchronous_commit", "off") // nobody crashes this server; see OwnServer for that
	u.RawQuery = q.Encode()
	return u.String()
}

const prefix = "switchboard_test_"

var (
	started = time.Now()
	made    = struct {
		sync.Mutex
		schemas map[string]bool
	}{schemas: map[string]bool{}}
	tidied sync.Once
)

// Server is the URL of the server for tests; a test that needs one is skipped when there is none.
func Server(t testing.TB) string {
	t.Helper()
	server := os.Getenv(serverVariable)
	if server == "" && Postgres() {
		t.Fatal(engineVariable + " is postgres: set " + serverVariable + ", too")
	}
	if server == "" {
		t.Skip("NOT TESTED ON POSTGRESQL: set " + serverVariable + ", such as postgres://postgres@127.0.0.1:5432/postgres?sslmode=disable")
	}
	tidied.Do(func() { tidy(t, server) })
	return server
}

// tidy drops what tests left that were killed.
func tidy(t testing.TB, server string) {
	t.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, server)
	if err != nil {
		t.Fatalf("%s: %v", serverVariable, err)
	}
	defer func() { _ = conn.Close(ctx) }()
	rows, err := conn.Query(ctx, "SELECT nspname FROM pg_namespace WHERE nspname LIKE $1", prefix+"%")
	if err != nil {
		t.Fatal(err)
	}
	schemas, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	for _, schema := range schemas {
		made, _, _ := strings.Cut(strings.TrimPrefix(schema, prefix), "_")
		if at, err := strconv.ParseInt(made, 10, 64); err == nil && started.Sub(time.Unix(at, 0)) < 2*time.Hour {
			continue // it may be in use
		}
		if _, err := conn.Exec(ctx, "DROP SCHEMA IF EXISTS "+schema+" CASCADE"); err != nil {
			t.Log("a schema of an earlier test stays: ", err)
		}
	}
}

func do(t testing.TB, server, statement string) {
	t.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, server)
	if err != nil {
		t.Fatalf("%s: %v", serverVariable, err)
	}
	defer func() { _ = conn.Close(ctx) }()
	if _, err := conn.Exec(ctx, statement); err != nil {
		t.Fatal(err)
	}
}

// OnPostgres runs the tests of the package once more on PostgreSQL, but for those whose names match
// skip, a regular expression that may be empty.
func OnPostgres(t *testing.T, skip string) {
	t.Helper()
	Server(t)
	if Postgres() {
		t.Skip("this is the run on PostgreSQL")
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if skip != "" {
		skip = "|" + skip
	}
	// Tests that may run side by side wait for the server most of the time: more of them than processors.
	args := []string{"-test.run=^Test", "-test.parallel=3", "-test.skip=^" + t.Name() + "$" + skip, "-test.failfast=false"}
	if testing.Short() {
		args = append(args, "-test.short")
	}
	if deadline, ok := t.Deadline(); ok {
		args = append(args, "-test.timeout="+(time.Until(deadline)-5*time.Second).String())
	}
	cmd := exec.CommandContext(t.Context(), exe, args...) //nolint:gosec // this very program
	cmd.Env = append(os.Environ(), engineVariable+"=postgres")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("on PostgreSQL: %v\n%s", err, out)
	}
	if strings.Contains(string(out), "no tests to run") {
		t.Error("on PostgreSQL: no tests were run")
	}
	t.Log(strings.TrimSpace(string(out)))
}

// OnlySQLite skips a test that shows something about SQLite when it would run on PostgreSQL.
func OnlySQLite(t testing.TB) {
	t.Helper()
	if Postgres() {
		t.Skip("about SQLite only")
	}
}
