package main

import (
	"encoding/json"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"switchboard/internal/operations"
	"switchboard/internal/simulator"
)

// TestReplay has a mended rule asked again, through the running service and in the database of one that
// is stopped.
func TestReplay(t *testing.T) {
	const broken = `
version: 1
rules:
  - { name: note, when: conversation.user.replied, then: [note: seen] }
  - { name: vip, when: conversation.user.replied, if: 'message.text contains "mesage"', then: [tag: VIP] }
`
	sim := simulator.New(simulator.Options{Token: testToken, Secret: testSecret, Seed: 1, NoEcho: true, RateLimit: 100_000})
	defer func() { _ = sim.Close() }()
	api := httptest.NewServer(sim.Handler())
	defer api.Close()
	dir := t.TempDir()
	rules, state := writeFile(t, dir, "rules.yaml", broken), filepath.Join(dir, "state.db")
	p := startProcess(t, api.URL, rules, state)
	c := &current{process: p}
	for _, conversation := range writeConversations(t, sim, 3, 1) {
		c.deliver(t, conversation[0])
	}
	happened := func(effect simulator.Effect, n int) {
		t.Helper()
		waitUntil(t, 10*time.Second, string(effect), func() bool {
			found := 0
			for _, e := range sim.Journal() {
				if e.Effect == effect {
					found++
				}
			}
			return found == n && p.metric(t, "switchboard_queue_actions") == 0 && p.metric(t, "switchboard_events_waiting") == 0
		})
	}
	happened(simulator.EffectNote, 3)
	_, errs := ran(t, 0, "replay", "--since", "1h", "--topic", "conversation.user.replied", "--admin", p.admin)
	if !strings.Contains(errs, "no rule would run") || !strings.Contains(errs, "3  note: it has run on this event") || !strings.Contains(errs, "3  vip: if:") {
		t.Errorf("before the rule is mended: %s", errs)
	}

	p.stop()
	writeFile(t, dir, "rules.yaml", strings.ReplaceAll(broken, "mesage", "message"))
	args := []string{"replay", "--since", "1h", "--rule", "vip", "--admin", p.admin, "--database", "sqlite:" + state, "--rules", rules}
	out, errs := ran(t, 0, args...)
	if strings.Count(out, "tag VIP") != 3 || !strings.Contains(errs, "no service answers at") || !strings.Contains(errs, "would run on 3 events") {
		t.Errorf("without a service: %s%s", out, errs)
	}
	_, errs = ran(t, 0, append(args, "--limit", "1", "--run")...)
	if !strings.Contains(errs, "1 event replayed") || !strings.Contains(errs, "there are more than 1 events") {
		t.Errorf("without a service: %s", errs)
	}
	p = startProcess(t, api.URL, rules, state)
	c.process = p
	happened(simulator.EffectTag, 1)

	out, _ = ran(t, 0, "replay", "--since", "1h", "--rule", "vip", "--admin", p.admin, "--format", "json", "--run")
	var answer operations.ReplayAnswer
	if err := json.Unmarshal([]byte(out), &answer); err != nil || answer.Count(operations.ReplayStored) != 2 || answer.Count(operations.ReplayNothing) != 1 {
		t.Errorf("%v: %s", err, out)
	}
	happened(simulator.EffectTag, 3)
	happened(simulator.EffectNote, 3)
	if _, errs = ran(t, 1, "replay", "--since", "1h", "--rule", "vpi", "--admin", p.admin); !strings.Contains(errs, `did you mean "vip"?`) {
		t.Error(errs)
	}
	if _, errs = ran(t, 1, "replay", "n-1", "--admin", p.admin); !strings.Contains(errs, "event n-1 is not stored") {
		t.Error(errs)
	}
	p.stop()
}

func TestReplay_wrong_usage(t *testing.T) {
	for name, tt := range map[string]struct {
		want string
		args []string
	}{
		"nothing said":         {"say which events", nil},
		"a rule, but no event": {"say which events", []string{"--rule", "r"}},
		"limit":                {"from 1 to", []string{"1", "--limit", "0"}},
		"force":                {"--rule", []string{"1", "--force"}},
		"age":                  {"negative", []string{"1", "--max-age=-1s"}},
		"time":                 {"write 2006-01-02", []string{"--since", "yesterday"}},
	} {
		t.Run(name, func(t *testing.T) {
			if _, errs := ran(t, exitUsage, append([]string{"replay"}, tt.args...)...); !strings.Contains(errs, tt.want) {
				t.Errorf("%s, want %q", errs, tt.want)
			}
		})
	}
}
