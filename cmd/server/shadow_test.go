package main

import (
	"encoding/json"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"switchboard/internal/shadow"
	"switchboard/internal/simulator"
)

// TestShadow asks a running service what rules in shadow would have done, and the database of one that is stopped.
func TestShadow(t *testing.T) {
	const text = `
version: 1
rules:
  - { state: shadow, name: route, when: conversation.user.created, then: [assign: { team: Finance }, tag: Refund] }
`
	sim := simulator.New(simulator.Options{Token: testToken, Secret: testSecret, Seed: 1, RateLimit: 100_000})
	defer func() { _ = sim.Close() }()
	simulator.DemoWorkspace(sim)
	api := httptest.NewServer(sim.Handler())
	defer api.Close()
	dir := t.TempDir()
	rules, state := writeFile(t, dir, "rules.yaml", text), filepath.Join(dir, "state.db")
	p := startProcess(t, api.URL, rules, state)
	c := &current{process: p}
	teams := map[string]string{}
	for _, team := range sim.Teams() {
		teams[team.Name] = team.ID
	}
	before := 0
	for i := range 4 {
		id, err := sim.CustomerStarts(sim.Contacts()[i].ID, "Hello")
		if err != nil {
			t.Fatal(err)
		}
		if i < 3 {
			if _, err := sim.AdminAssigns(id, sim.Admins()[1].ID, teams[[]string{"Finance", "Finance", "Support"}[i]]); err != nil {
				t.Fatal(err)
			}
		}
		list := sim.Notifications()
		for _, n := range list[before:] {
			c.deliver(t, n.Body())
		}
		before = len(list)
	}
	waitUntil(t, 10*time.Second, "decisions", func() bool { return p.metric(t, "switchboard_events_waiting") == 0 })

	out, _ := ran(t, exitOK, "shadow", "--admin", p.admin)
	for _, want := range []string{
		"route (in shadow): would have run on 4 events about 4 subjects", "people assigned 3: 2 (67 %) the same, 1 to others",
		"assigned to team Support", "1 not assigned by people yet, and there is still time", "no event of the topic conversation_part.tag.created came",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("%s\nwant %q", out, want)
		}
	}
	out, _ = ran(t, exitOK, "shadow", "--admin", p.admin, "--rule", "route", "--format", "json")
	var report shadow.Report
	if err := json.Unmarshal([]byte(out), &report); err != nil || len(report.Rules) != 1 || report.Rules[0].Actions[0].Same != 2 {
		t.Errorf("%v: %s", err, out)
	}
	if _, errs := ran(t, exitProblems, "shadow", "--admin", p.admin, "--rule", "rout"); !strings.Contains(errs, `did you mean "route"?`) {
		t.Error(errs)
	}
	if n := p.metric(t, `switchboard_shadow_actions_total{kind="assign",rule="route"}`); n != 4 {
		t.Errorf("%v actions are counted, want 4", n)
	}
	p.stop()
	out, _ = ran(t, exitOK, "shadow", "--admin", "", "--database", "sqlite:"+state, "--rules", rules)
	if !strings.Contains(out, "4 cannot be told: names of teams and teammates are not known here") {
		t.Error(out)
	}
}
