package main

import (
	"bytes"
	"context"
	"database/sql"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"switchboard/internal/store"
	"switchboard/internal/store/storetest"
)

// doctorSays runs the command on a database that no service has.
func doctorSays(t *testing.T, args ...string) (code int, text string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(context.Background(), append([]string{"doctor"}, args...), streams{nil, &out, &errs})
	return code, out.String() + errs.String()
}

func wantLine(t *testing.T, text, pattern string) {
	t.Helper()
	if !regexp.MustCompile("(?m)" + pattern).MatchString(text) {
		t.Errorf("no line is %s:\n%s", pattern, text)
	}
}

func TestDoctor_database_without_a_service(t *testing.T) {
	urls := map[string]string{"sqlite": "sqlite:" + filepath.Join(t.TempDir(), "state.db")}
	if os.Getenv("SWITCHBOARD_TEST_POSTGRES") != "" {
		urls["postgres"] = storetest.PostgresURL(t, t.TempDir())
	}
	for kind, url := range urls {
		s, err := store.Open(t.Context(), url, store.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.BeginRecovery(t.Context(), "demo1234", time.Now()); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		code, text := doctorSays(t, "--admin", "http://127.0.0.1:1", "--database", url)
		if code != exitProblems {
			t.Errorf("%s: exit code %d", kind, code)
		}
		wantLine(t, text, `^! service +no service answers at http://127.0.0.1:1: what follows was read from `)
		wantLine(t, text, `^✓ database +.* takes writes; .*, schema version \d+$`)
		wantLine(t, text, `^! events +no notification has come yet$`)
		wantLine(t, text, map[string]string{
			"sqlite":   `^✓ database-clock +a file has no clock of its own$`,
			"postgres": `^✓ database-clock +the clock here agrees with PostgreSQL's$`,
		}[kind])
	}
}

// A database that would have to be brought up to date is left as it is.
func TestDoctor_older_schema(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	s, err := store.Open(t.Context(), "sqlite:"+path, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	version := func(change string) (n int) {
		t.Helper()
		db, err := sql.Open("sqlite", path)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = db.Close() }()
		if change != "" {
			if _, err := db.ExecContext(t.Context(), change); err != nil {
				t.Fatal(err)
			}
		}
		if err := db.QueryRowContext(t.Context(), "SELECT max(version) FROM schema_migrations").Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	before := version("DELETE FROM schema_migrations WHERE version = (SELECT max(version) FROM schema_migrations)")
	_, text := doctorSays(t, "--admin", "http://127.0.0.1:1", "--database", "sqlite:"+path)
	wantLine(t, text, `^· database +the database's schema is version \d+, and the program knows \d+: the next start brings it up to date$`)
	if after := version(""); after != before {
		t.Errorf("the schema was version %d, and is version %d", before, after)
	}
	version("INSERT INTO schema_migrations (version) VALUES (999)")
	_, text = doctorSays(t, "--admin", "http://127.0.0.1:1", "--database", "sqlite:"+path)
	wantLine(t, text, `^✗ database +the database's schema is version 999, and the program knows \d+$`)
}

// A service that wants a token is told of as one, and not looked for in the database.
func TestDoctor_service_that_wants_a_token(t *testing.T) {
	rulesFile := writeFile(t, t.TempDir(), "rules.yaml", "version: 1\nrules:\n  - { name: r, when: ping, then: [close] }\n")
	admin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "no", http.StatusUnauthorized)
	}))
	defer admin.Close()
	t.Setenv("SWITCHBOARD_ADMIN_TOKEN", "let-me-in")
	_, text := doctorSays(t, "--rules", rulesFile, "--admin", admin.URL)
	wantLine(t, text, `^✗ service +the service at .* wants the admin token: set SWITCHBOARD_ADMIN_TOKEN as for serve$`)
	if strings.Contains(text, "let-me-in") {
		t.Error("the token is told")
	}
}

func TestDoctor_several_workspaces(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, dir, "rules.yaml", "version: 1\nrules:\n  - { name: r, when: ping, then: [close] }\n")
	writeFile(t, dir, "token", "t")
	if err := os.Chmod(filepath.Join(dir, "token"), 0o644); err != nil {
		t.Fatal(err)
	}
	file := writeFile(t, dir, "workspaces.yaml", `version: 1
workspaces:
  abc:
    name: acme
    token: { file: token }
    secrets: [{ file: token }]
    base_url: http://127.0.0.1:1
    rules: [rules.yaml]
`)
	_, text := doctorSays(t, "--workspaces", file, "--admin", "http://127.0.0.1:1")
	wantLine(t, text, `^! secrets +.*token \(file: .*token in .*workspaces.yaml\) can be read by others`)
	wantLine(t, text, `^✗ intercom +acme: Intercom cannot be reached: `)
	wantLine(t, text, `^✓ rules +acme: 1 rule `)
	writeFile(t, dir, "workspaces.yaml", "version: 2\n")
	_, text = doctorSays(t, "--workspaces", file, "--admin", "http://127.0.0.1:1")
	wantLine(t, text, `^✗ secrets +.*workspaces.yaml:1: version "2" is unknown$`)
}
