package doctor

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"switchboard/internal/intercom"
	"switchboard/internal/operations"
)

var now = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

// healthy is what a service tells that has nothing to complain about.
func healthy() operations.Diagnosis {
	return operations.Diagnosis{
		Running: true, Version: "v1", Started: now.Add(-48 * time.Hour), Now: now,
		Database: operations.DatabaseHealth{Kind: "sqlite", Path: "/nowhere/state.db", Bytes: 1 << 20, Schema: 11, SchemaKnown: 11, WriteSeconds: .001},
		Disk:     &operations.DiskSpace{Path: "/nowhere", FreeBytes: 50 << 30, Bytes: 100 << 30, FreeInodes: 90, Inodes: 100},
		Files:    &operations.FileLimit{Open: 30, Most: 20_000},
		Webhooks: map[string]int64{"stored": 100},
		Workspaces: []operations.WorkspaceHealth{{
			ID: "demo1234", Ruleset: "abc", LoadedAt: now.Add(-time.Hour), SearchedThrough: now.Add(-7 * time.Minute),
			Arrivals: operations.Arrivals{
				Notifications: 500, Since: now.Add(-10 * 24 * time.Hour), Last: now.Add(-time.Minute), LongestGapSeconds: 9 * 3600,
				Topics: map[string]time.Time{"conversation.user.created": now},
			},
		}},
	}
}

// patientOf is a set-up whose service tells that, and which has no settings.
func patientOf(d operations.Diagnosis) *Patient {
	return &Patient{
		Version: "v1", Admin: "http://admin", Now: func() time.Time { return now },
		Ask: func(context.Context) (operations.Diagnosis, error) { return d, nil },
	}
}

func lookUp(t *testing.T, name string) check {
	t.Helper()
	i := slices.IndexFunc(checks, func(c check) bool { return c.name == name })
	if i < 0 {
		t.Fatalf("there is no check %s", name)
	}
	return checks[i]
}

// said is what a check finds, in one text: a line for each, which begins with its level.
func said(t *testing.T, name string, p *Patient) string {
	t.Helper()
	var lines []string
	for _, f := range lookUp(t, name).bounded(t.Context(), p) {
		if f.Check != name || f.Docs != "docs/doctor.md#"+name || f.Level > Note && f.Fix == "" {
			t.Errorf("the finding %+v lacks its check, its section or what to do", f)
		}
		lines = append(lines, f.Level.String()+": "+f.Text)
	}
	return strings.Join(lines, "\n")
}

// TestChecks_of_the_service: each check complains of what is wrong, says how bad it is, and is content otherwise.
func TestChecks_of_the_service(t *testing.T) {
	type change = func(*operations.Diagnosis)
	arrivals := func(f func(*operations.Arrivals)) change {
		return func(d *operations.Diagnosis) { f(&d.Workspaces[0].Arrivals) }
	}
	for _, tt := range []struct {
		check  string
		change change
		want   string // begins so, or contains it behind the level
	}{
		{"service", func(d *operations.Diagnosis) { d.Workspaces[0].Trouble = "401 token_revoked" }, "error: the service sends nothing: 401 token_revoked"},
		{"service", func(d *operations.Diagnosis) { d.Version = "v0" }, "note: the service is version v0, and this program v1"},
		{"service", func(d *operations.Diagnosis) { d.Running = false }, "warning: no service answers at http://admin"},
		{"database", func(d *operations.Diagnosis) { d.Database.Error = "disk is full" }, "error: the database does not do its work: disk is full"},
		{"database", func(d *operations.Diagnosis) { d.Database.Schema = 12 }, "error: the database's schema is version 12, and the program knows 11"},
		{"database", func(d *operations.Diagnosis) { d.Database.Schema = 10 }, "note: the database's schema is version 10"},
		{"database", func(d *operations.Diagnosis) { d.Database.LogBytes = 1 << 30 }, "warning: the write-ahead log has 1.0 GiB beside 1.0 MiB"},
		{"database", func(d *operations.Diagnosis) { d.Database.WriteSeconds = 2 }, "warning: a small write took 2s"},
		{"database-clock", func(d *operations.Diagnosis) { d.Database.Kind, d.Database.AheadSeconds = "postgres", 7 }, "warning: the clock here is 7s behind PostgreSQL's"},
		{"database-clock", func(d *operations.Diagnosis) { d.Database.Kind, d.Database.AheadSeconds = "postgres", -90 }, "error: the clock here is 1m30s ahead of PostgreSQL's"},
		{"database-clock", func(d *operations.Diagnosis) { d.Database.Kind, d.Database.AheadSeconds = "postgres", 1 }, "ok: "},
		{"disk", func(d *operations.Diagnosis) { d.Disk.FreeBytes = 50 << 20 }, "error: 50.0 MiB of 100.0 GiB are free in /nowhere: soon no event can be taken"},
		{"disk", func(d *operations.Diagnosis) { d.Disk.FreeBytes = 500 << 20 }, "warning: 500.0 MiB of 100.0 GiB are free"},
		{"disk", func(d *operations.Diagnosis) { d.Disk.FreeInodes = 1 }, "warning: 1 of 100 inodes are free"},
		{"disk", func(d *operations.Diagnosis) { d.Disk = nil }, "note: "},
		{"disk", func(d *operations.Diagnosis) { d.Disk, d.Database.Kind = nil, "postgres" }, "ok: "},
		{"files", func(d *operations.Diagnosis) { d.Files.Open = 19_000 }, "warning: the service has 19000 of 20000"},
		{"files", func(d *operations.Diagnosis) { d.Files.Most = 256 }, "note: the service has 30 of 256"},
		{"files", func(d *operations.Diagnosis) { d.Files = nil }, "note: "},
		{"backlog", func(d *operations.Diagnosis) { d.Waiting.Events, d.Waiting.OldestEvent = 7, now.Add(-2*time.Minute) }, "warning: 7 events wait, the oldest for 2 minutes"},
		{"backlog", func(d *operations.Diagnosis) { d.Waiting.Events, d.Waiting.OldestEvent = 7, now.Add(-time.Hour) }, "error: 7 events wait, the oldest for 60 minutes"},
		{"backlog", func(d *operations.Diagnosis) { d.Waiting.Actions, d.Waiting.OldestAction = 1, now.Add(-time.Hour) }, "warning: 1 action wait"},
		{"backlog", func(d *operations.Diagnosis) { d.Waiting.Events, d.Waiting.OldestEvent = 7, now.Add(-time.Second) }, "ok: 7 events"},
		{"events", arrivals(func(a *operations.Arrivals) { *a = operations.Arrivals{} }), "warning: no notification has come yet"},
		{"events", arrivals(func(a *operations.Arrivals) { a.Last = now.Add(-14 * time.Hour) }), "warning: the last notification came 14 hours ago; of late it was never longer than 9 hours"},
		{"events", arrivals(func(a *operations.Arrivals) { a.Last = now.Add(-8 * time.Hour) }), "ok: the last notification came 8 hours ago, which is usual"},
		{"events", arrivals(func(a *operations.Arrivals) { a.Last, a.Notifications = now.Add(-14*time.Hour), 3 }), "note: the last notification came 14 hours ago; there are too few"},
		{"missed", arrivals(func(a *operations.Arrivals) { a.Recovered, a.LastRecovered = 3, now.Add(-time.Hour) }), "warning: 3 events recovered of late, the last 60 minutes ago"},
		{"missed", arrivals(func(a *operations.Arrivals) { a.Recovered, a.LastRecovered = 3, now.Add(-9*24*time.Hour) }), "ok: "},
		{"missed", func(d *operations.Diagnosis) { d.Workspaces[0].SearchedThrough = now.Add(-time.Hour) }, "warning: missed events were looked for up to 60 minutes ago only"},
		{"signatures", func(d *operations.Diagnosis) { d.Webhooks["bad_signature"] = 4 }, "warning: 4 of 104 webhooks since the start had a wrong signature"},
		{"signatures", func(d *operations.Diagnosis) { d.Webhooks = map[string]int64{"bad_signature": 4} }, "error: all 4 webhooks"},
		{"signatures", func(d *operations.Diagnosis) { d.Webhooks["busy"] = 2 }, "warning: 2 webhooks since the start could not be stored"},
		{"signatures", func(d *operations.Diagnosis) { d.Running = false }, "note: not looked at: see service"},
		{"reload", func(d *operations.Diagnosis) { d.Workspaces[0].Rejected = []string{"rules.yaml:3: unknown key"} }, "error: the rules on disk were not taken over, and those before go on: rules.yaml:3: unknown key"},
		{"paused", func(d *operations.Diagnosis) { d.Workspaces[0].Paused = map[string]time.Time{"vips": now} }, "warning: the rule vips is paused by its limit until 2026-03-02 09:00 UTC"},
		{"timers", func(d *operations.Diagnosis) {
			d.Waiting.TimersOverdue, d.Waiting.OldestTimer = 2, now.Add(-3*time.Minute)
		}, "warning: 2 timers overdue, the oldest by 3 minutes"},
		{"timers", func(d *operations.Diagnosis) {
			d.Waiting.TimersOverdue, d.Waiting.OldestTimer = 2, now.Add(-3*time.Hour)
		}, "error: 2 timers overdue"},
		{"dead-letters", func(d *operations.Diagnosis) { d.Waiting.Dead, d.Waiting.Held = 1, 2 }, "warning: 1 action failed for good, and 2 behind are held"},
		{"dead-letters", func(d *operations.Diagnosis) { d.Waiting.Parked = 3 }, "warning: 3 actions parked"},
		{"replicas", func(d *operations.Diagnosis) {
			d.Replicas = []operations.Replica{{Name: "a", Version: "v1", Ruleset: "x"}, {Name: "b", Version: "v2", Ruleset: "x"}}
		}, "warning: replicas run different versions: v1 (a), v2 (b)"},
		{"replicas", func(d *operations.Diagnosis) {
			d.Replicas = []operations.Replica{{Name: "a", Version: "v1", Ruleset: "x"}, {Name: "b", Version: "v1", Ruleset: "y"}}
		}, "warning: replicas have different rules, and those with the newest decide: x (a), y (b)"},
		{"replicas", func(d *operations.Diagnosis) {
			d.Replicas = []operations.Replica{{Name: "a", Version: "v1", Ruleset: "x"}, {Name: "b", Version: "v1", Ruleset: "x"}}
		}, "ok: 2 with the same version and rules"},
	} {
		if got := said(t, tt.check, patientOf(healthy())); !strings.HasPrefix(got, "ok: ") {
			t.Errorf("%s complains although all is well: %s", tt.check, got)
		}
		d := healthy()
		tt.change(&d)
		if got := said(t, tt.check, patientOf(d)); !strings.HasPrefix(got, tt.want) {
			t.Errorf("%s says\n%s\nwant\n%s", tt.check, got, tt.want)
		}
	}
}

func TestService_unreachable(t *testing.T) {
	p := patientOf(healthy())
	p.Ask = func(context.Context) (operations.Diagnosis, error) {
		return operations.Diagnosis{}, errors.New("the service at http://admin wants the admin token")
	}
	if got := said(t, "service", p); got != "error: the service at http://admin wants the admin token" {
		t.Error(got)
	}
	if got := said(t, "disk", p); got != "note: not looked at: see service" {
		t.Error(got)
	}
}

// A check that hangs says so, and keeps the others from nothing. What it asks is given up as well.
func TestRun_hanging(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := patientOf(healthy())
		p.Workspaces = []*Workspace{{Rules: []string{"missing.yaml"}, Client: func(string) (*intercom.Client, error) {
			select {} // for ever, whatever becomes of the context
		}}}
		p.Ask = func(ctx context.Context) (operations.Diagnosis, error) {
			<-ctx.Done()
			return operations.Diagnosis{}, ctx.Err()
		}
		old := checks
		defer func() { checks = old }()
		stuck := make(chan struct{})
		checks = []check{
			{"stuck", "nothing", func(context.Context, *Patient) []Finding { <-stuck; return nil }},
			lookUp(t, "service"),
			lookUp(t, "secrets"),
		}
		began := time.Now()
		found := Run(context.Background(), p)
		if took := time.Since(began); took != patience {
			t.Errorf("it took %s", took)
		}
		close(stuck)
		if len(found) != 3 || found[0].Check != "stuck" || found[0].Level != Warning || !strings.Contains(found[0].Text, "did not come to an end within 5s") {
			t.Fatalf("found %+v", found)
		}
		if found[1].Text != "the service at http://admin does not answer in time" || found[2].Level != OK {
			t.Errorf("found %+v", found[1:])
		}
	})
}

func TestSecrets(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	p := patientOf(healthy())
	p.SecretFiles = map[string]string{"A_FILE": file("good", "x", 0o400)}
	if got := said(t, "secrets", p); got != "ok: complete; 1 file with secrets, for their owner alone" {
		t.Error(got)
	}
	for path, want := range map[string]string{
		file("group", "x", 0o640):     "can be read by others: its mode is 0640",
		file("empty", "", 0o600):      "which is empty",
		filepath.Join(dir, "missing"): "which cannot be read: no such file or directory",
	} {
		p.SecretFiles = map[string]string{"A_FILE": path}
		if got := said(t, "secrets", p); !strings.Contains(got, want) || strings.HasPrefix(got, "ok") {
			t.Errorf("%s: %s", path, got)
		}
	}
	p.Settings = []string{"there is no client secret"}
	if got := said(t, "secrets", p); !strings.HasPrefix(got, "error: there is no client secret") {
		t.Error(got)
	}
}

func TestDatabase_readable(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	d := healthy()
	d.Database.Path = path
	if got := said(t, "database", patientOf(d)); !strings.HasPrefix(got, "ok") {
		t.Error(got)
	}
	if err := os.Chmod(path, 0o644); err != nil { //nolint:gosec // which is what is complained of
		t.Fatal(err)
	}
	if got := said(t, "database", patientOf(d)); !strings.HasPrefix(got, "warning: "+path+" can be read by others: its mode is 0644") {
		t.Error(got)
	}
}

// Every check has its section in the page, and there is no other.
func TestDocs(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "doctor.md"))
	if err != nil {
		t.Fatal(err)
	}
	var sections, names []string
	for line := range strings.Lines(string(page)) {
		if name, ok := strings.CutPrefix(line, "### "); ok {
			sections = append(sections, strings.TrimSpace(name))
		}
	}
	for _, c := range checks {
		names = append(names, c.name)
		if !strings.Contains(string(page), "| ["+c.name+"](#"+c.name+") | "+c.about+" |") {
			t.Errorf("the table lacks %s (%s)", c.name, c.about)
		}
	}
	if !slices.Equal(sections, names) {
		t.Errorf("the sections of docs/doctor.md are\n%q\nand the checks\n%q", sections, names)
	}
}
