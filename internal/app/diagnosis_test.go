package app_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"switchboard/internal/operations"
	"switchboard/internal/simulator"
)

// TestDiagnosis: what a service tells of itself is what happened to it.
func TestDiagnosis(t *testing.T) {
	const text = `
version: 1
rules:
  - { name: tagged, when: conversation.user.created, limit: { runs: 1, per: 1h }, then: [tag: Refund] }
  - { name: nobody, when: conversation.user.created, then: [assign: {team: Nowhere}] }
`
	inBubble(t, text, simulator.Options{}, func(w *world) {
		diagnose := func() operations.Diagnosis {
			t.Helper()
			d, err := w.app.Diagnosis(w.t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return d
		}
		w.settle(time.Minute)
		d := diagnose()
		if !d.Running || d.Database.Error != "" || d.Database.Bytes == 0 || d.Database.Schema != d.Database.SchemaKnown {
			t.Errorf("diagnosis = %+v", d)
		}
		if len(d.Workspaces) != 1 || d.Workspaces[0].ID != simulator.DefaultAppID || d.Workspaces[0].Arrivals.Notifications != 0 {
			t.Fatalf("workspaces = %+v", d.Workspaces)
		}
		for range 2 {
			if _, err := w.sim.CustomerStarts(w.customer(), "hello"); err != nil {
				t.Fatal(err)
			}
			time.Sleep(2 * time.Minute)
		}
		w.settle(time.Minute)
		w.writeRules("version: 1\nrules: [{ nme: x }]\n")
		_ = w.app.Reload()
		d = diagnose()
		one := d.Workspaces[0]
		if d.Webhooks["stored"] == 0 || one.Arrivals.Notifications == 0 || one.Arrivals.Topics["conversation.user.created"].IsZero() {
			t.Errorf("webhooks %v, arrivals %+v", d.Webhooks, one.Arrivals)
		}
		if d.Waiting.Dead != 2 {
			t.Errorf("%d dead letters, want 2", d.Waiting.Dead)
		}
		if one.Paused["tagged"].IsZero() {
			t.Errorf("paused = %v", one.Paused)
		}
		if len(one.Rejected) == 0 || !strings.Contains(one.Rejected[0], `unknown key "nme"`) {
			t.Errorf("rejected = %q", one.Rejected)
		}
		if err := os.WriteFile(w.rules, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_ = w.app.Reload()
		if d = diagnose(); len(d.Workspaces[0].Rejected) != 0 {
			t.Errorf("rejected = %q", d.Workspaces[0].Rejected)
		}
	})
}
