package main

import (
	"encoding/json"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"switchboard/internal/backtest"
	"switchboard/internal/operations"
	"switchboard/internal/simulator"
)

// TestBacktest_and_explain ask a running service, and the database of one that is stopped.
func TestBacktest_and_explain(t *testing.T) {
	const old = `
version: 1
rules:
  - { name: note, when: conversation.user.replied, then: [note: seen] }
  - { name: vip, when: conversation.user.replied, if: 'message.text contains "message 0"', then: [tag: VIP] }
`
	sim := simulator.New(simulator.Options{Token: testToken, Secret: testSecret, Seed: 1, NoEcho: true, RateLimit: 100_000})
	defer func() { _ = sim.Close() }()
	api := httptest.NewServer(sim.Handler())
	defer api.Close()
	dir := t.TempDir()
	rules, state := writeFile(t, dir, "rules.yaml", old), filepath.Join(dir, "state.db")
	changed := writeFile(t, dir, "new.yaml", strings.Replace(old, "message 0", "message 1", 1))
	p := startProcess(t, api.URL, rules, state)
	c := &current{process: p}
	for _, conversation := range writeConversations(t, sim, 3, 2) {
		for _, body := range conversation {
			c.deliver(t, body)
		}
	}
	waitUntil(t, 10*time.Second, "six notes", func() bool {
		return p.metric(t, "switchboard_queue_actions") == 0 && p.metric(t, "switchboard_events_waiting") == 0
	})

	out, errs := ran(t, exitOK, "backtest", "--rules", rules, "--admin", p.admin)
	if !strings.Contains(out, "no difference") || !strings.Contains(errs, "6 events in") {
		t.Errorf("the same rules: %s%s", out, errs)
	}
	out, _ = ran(t, exitProblems, "backtest", "--rules", changed, "--admin", p.admin)
	for _, want := range []string{"+ would run in addition: on 3 events about 3 subjects", "- would not run any more: on 3 events", "tag VIP"} {
		if !strings.Contains(out, want) {
			t.Errorf("%s\nwant %q", out, want)
		}
	}
	out, _ = ran(t, exitProblems, "backtest", "--rules", changed, "--admin", p.admin, "--format", "json")
	var report backtest.Report
	if err := json.Unmarshal([]byte(out), &report); err != nil || len(report.Rules) != 1 || report.Rules[0].Gained.Total != 3 {
		t.Errorf("%v: %s", err, out)
	}

	out, _ = ran(t, exitOK, "explain", "1", "--admin", p.admin)
	if !strings.Contains(out, "note: ran") || !strings.Contains(out, "message.text = ") {
		t.Error(out)
	}
	if _, errs = ran(t, exitProblems, "explain", "999", "--admin", p.admin); !strings.Contains(errs, "no decision about 999") {
		t.Error(errs)
	}

	// The rules change; what was decided is explained by those that decided.
	p.stop()
	writeFile(t, dir, "rules.yaml", strings.Replace(old, "name: note", "name: another", 1))
	here := func(args ...string) []string { return append(args, "--admin", "", "--database", "sqlite:"+state) }
	out, _ = ran(t, exitOK, here("explain", "1", "--rules", rules, "--format", "json")...)
	var answer operations.ExplainAnswer
	if err := json.Unmarshal([]byte(out), &answer); err != nil || len(answer.Events) != 1 {
		t.Fatalf("%v: %s", err, out)
	}
	if one := answer.Events[0]; one.Differs != "" || one.By != one.Ruleset || len(one.Rules) != 2 || one.Rules[0].Rule != "note" {
		t.Errorf("by the rules of then: %+v", one)
	}
	out, _ = ran(t, exitOK, here("explain", "1", "--rules", rules, "--now")...)
	if !strings.Contains(out, "the rules in use decide otherwise: another was not asked then, now ran") {
		t.Error(out)
	}
	if _, errs = ran(t, exitUsage, here("backtest", "--rules", rules)...); !strings.Contains(errs, "--against") {
		t.Error(errs)
	}
	ran(t, exitProblems, here("backtest", "--rules", rules, "--against", changed)...)
	ran(t, exitProblems, here("backtest", "--rules", writeFile(t, dir, "broken.yaml", "version: 1\nrules: [{}]\n"), "--against", changed)...)
}
