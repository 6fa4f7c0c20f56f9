package main

import (
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"switchboard/internal/simulator"
	"switchboard/internal/store/storetest"
)

// TestMigrate takes a service from SQLite to PostgreSQL and back: it goes on where it was, and what was
// done is not done again.
func TestMigrate(t *testing.T) {
	sim := simulator.New(simulator.Options{Token: testToken, Secret: testSecret, Seed: 1, NoEcho: true, RateLimit: 100_000})
	defer func() { _ = sim.Close() }()
	api := httptest.NewServer(sim.Handler())
	defer api.Close()
	dir := t.TempDir()
	rules := writeFile(t, dir, "rules.yaml", everyMessage)
	first, second := filepath.Join(dir, "first.db"), filepath.Join(dir, "second.db")
	shared := storetest.PostgresURL(t, dir)
	events := writeConversations(t, sim, 3, 1)

	p := startProcess(t, api.URL, rules, first)
	c := &current{process: p}
	for n, next := range []struct{ from, to string }{{"sqlite:" + first, shared}, {shared, "sqlite:" + second}, {}} {
		c.deliver(t, events[n][0])
		c.deliver(t, events[0][0]) // again
		if next.to == "" {
			break
		}
		if _, errs := ran(t, map[bool]int{true: exitFailed, false: exitProblems}[n == 0], "migrate", "--from", next.from, "--to", next.to); !strings.Contains(errs, "in use") {
			t.Errorf("while it runs: %s", errs)
		}
		p.stop()
		out, errs := ran(t, exitOK, "migrate", "--from", next.from, "--to", next.to)
		if !strings.Contains(out, "moved; start the service") || !strings.Contains(errs, "events: ") {
			t.Errorf("migrate says %s%s", out, errs)
		}
		p = startProcess(t, api.URL, rules, strings.TrimPrefix(next.to, "sqlite:"))
		c.replace(func(*process) *process { return p })
	}
	waitUntil(t, 20*time.Second, "all is done", func() bool { return p.idle(t) })
	for _, conversation := range sim.Conversations() {
		checkConversation(t, conversation, 1)
	}
}

func TestMigrate_wrong_usage(t *testing.T) {
	dir := t.TempDir()
	to := "sqlite:" + filepath.Join(dir, "to.db")
	for name, tt := range map[string]struct {
		code int
		want string
		args []string
	}{
		"nothing":     {exitUsage, "--from", nil},
		"no scheme":   {exitUsage, "has no scheme", []string{"--from", "state.db", "--to", to}},
		"no source":   {exitFailed, "there is no database", []string{"--from", "sqlite:" + filepath.Join(dir, "none.db"), "--to", to}},
		"no password": {exitFailed, "nothing was moved", []string{"--from", "postgres://u:hidden@127.0.0.1:1/x", "--to", to}},
	} {
		t.Run(name, func(t *testing.T) {
			if _, errs := ran(t, tt.code, append([]string{"migrate"}, tt.args...)...); !strings.Contains(errs, tt.want) || strings.Contains(errs, "hidden") {
				t.Errorf("%s, want %q", errs, tt.want)
			}
		})
	}
}
