package main

import (
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"switchboard/internal/simulator"
)

// TestBackup copies the database of a running service, and starts another on the copy: it knows what was
// done and does nothing again.
func TestBackup(t *testing.T) {
	sim := simulator.New(simulator.Options{Token: testToken, Secret: testSecret, Seed: 1, NoEcho: true, RateLimit: 100_000})
	defer func() { _ = sim.Close() }()
	api := httptest.NewServer(sim.Handler())
	defer api.Close()
	dir := t.TempDir()
	rules, state, copied := writeFile(t, dir, "rules.yaml", noteAndAnswer), filepath.Join(dir, "state.db"), filepath.Join(dir, "copy.db")
	p := startProcess(t, api.URL, rules, state)
	c := &current{process: p}
	events := writeConversations(t, sim, 3, 1)
	done := func() {
		t.Helper()
		waitUntil(t, 10*time.Second, "all is done", func() bool {
			return p.metric(t, "switchboard_events_waiting") == 0 && p.metric(t, "switchboard_queue_actions") == 0
		})
	}
	for _, conversation := range events {
		c.deliver(t, conversation[0])
	}
	done()
	out, _ := ran(t, exitOK, "backup", copied, "--admin", p.admin)
	if !strings.Contains(out, copied+": ") || !strings.Contains(out, "0 planned actions in doubt") {
		t.Errorf("backup says %s", out)
	}
	if _, errs := ran(t, exitProblems, "backup", copied, "--admin", p.admin); !strings.Contains(errs, "--force") {
		t.Errorf("a copy that is there: %s", errs)
	}
	if _, errs := ran(t, exitProblems, "backup", rules, "--force", "--admin", p.admin); !strings.Contains(errs, "is no database") {
		t.Errorf("a file of another kind: %s", errs)
	}
	ran(t, exitOK, "backup", copied, "--force", "--admin", p.admin)
	p.stop()

	calls := len(sim.Journal())
	if _, errs := ran(t, exitOK, "backup", filepath.Join(dir, "second.db"), "--admin", p.admin, "--database", "sqlite:"+state); !strings.Contains(errs, "no service answers") {
		t.Errorf("without a service: %s", errs)
	}
	p = startProcess(t, api.URL, rules, copied)
	c.replace(func(*process) *process { return p })
	for _, conversation := range events { // Intercom may send again
		c.deliver(t, conversation[0])
	}
	done()
	for _, call := range sim.Journal()[calls:] {
		if strings.HasSuffix(call.Path, "/reply") {
			t.Errorf("on the copy it is done again: %s", call.Path)
		}
	}
	if text := readFile(t, rules); text != noteAndAnswer {
		t.Errorf("the rules were changed: %s", text)
	}
}
