package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"switchboard/internal/simulator"
	"switchboard/internal/webhook"
)

func tagRule(tag string) string {
	return "version: 1\nrules:\n  - name: r\n    when: conversation.user.created\n    then:\n      - tag: " + tag + "\n"
}

// TestServe runs the process through its life: ready, at work, a reload by signal, a rejected
// file, a second process on its database, and a clean stop.
func TestServe(t *testing.T) {
	sim := simulator.New(simulator.Options{Token: testToken, Secret: testSecret, NoEcho: true})
	api := httptest.NewServer(sim.Handler())
	defer api.Close()
	dir := t.TempDir()
	rules := writeFile(t, dir, "rules.yaml", tagRule("First"))
	db := filepath.Join(dir, "state.db")
	p := startProcess(t, api.URL, rules, db)

	customer := sim.AddContact(simulator.Contact{Name: "A customer", Email: "customer@example.com"})
	tagged := func() string {
		t.Helper()
		id, err := sim.CustomerStarts(customer, "Hello")
		if err != nil {
			t.Fatal(err)
		}
		notes := sim.Notifications()
		if status := deliver(t, p.webhook, notes[len(notes)-1].Body()); status != http.StatusOK {
			t.Fatalf("webhook answered %d", status)
		}
		waitUntil(t, 10*time.Second, "the conversation is tagged", func() bool { return len(sim.TagNames(id)) > 0 })
		return strings.Join(sim.TagNames(id), ",")
	}
	if got := tagged(); got != "First" {
		t.Errorf("tag %q", got)
	}

	t.Run("I8 SIGHUP takes a changed file over", func(t *testing.T) {
		writeFile(t, dir, "rules.yaml", tagRule("Second"))
		if err := p.cmd.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		waitUntil(t, 10*time.Second, "the rules are reloaded", func() bool {
			return p.metric(t, `switchboard_rules_reloads_total{result="loaded"}`) == 1
		})
		if got := tagged(); got != "Second" {
			t.Errorf("tag %q", got)
		}
	})

	t.Run("I8 a broken file is rejected, and the old rules go on", func(t *testing.T) {
		writeFile(t, dir, "rules.yaml", tagRule("Third")+"      - tga: X\n")
		waitUntil(t, 10*time.Second, "the rules are rejected", func() bool {
			return p.metric(t, "switchboard_rules_last_reload_successful") == 0
		})
		if got := tagged(); got != "Second" {
			t.Errorf("tag %q", got)
		}
		if page := body(t, p.admin+"/"); !strings.Contains(page, "rules.yaml:7:9") {
			t.Error("the status page does not point at the problem")
		}
		writeFile(t, dir, "rules.yaml", tagRule("Second"))
		waitUntil(t, 10*time.Second, "all is well again", func() bool {
			return p.metric(t, "switchboard_rules_last_reload_successful") == 1
		})
	})

	t.Run("a second process on the database is refused", func(t *testing.T) {
		var out bytes.Buffer
		for name, value := range map[string]string{"INTERCOM_ACCESS_TOKEN": testToken, "INTERCOM_CLIENT_SECRET": testSecret} {
			t.Setenv(name, value)
		}
		code := run(t.Context(), []string{
			"serve", "--rules", rules, "--database", "sqlite:" + db, "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0",
		}, streams{os.Stdin, &out, &out})
		if code != exitFailed || !strings.Contains(out.String(), "in use") || !strings.Contains(out.String(), "pid") {
			t.Errorf("exit code %d: %s", code, &out)
		}
	})

	t.Run("I10 no secret and no customer's word is in the log or the database", func(t *testing.T) {
		for _, secret := range []string{testToken, testSecret, "customer@example.com"} {
			if strings.Contains(p.stderr.String(), secret) {
				t.Errorf("the log holds %q", secret)
			}
		}
		for _, name := range []string{db, db + "-wal"} {
			content, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			for _, secret := range []string{testToken, testSecret} {
				if bytes.Contains(content, []byte(secret)) {
					t.Errorf("%s holds %q", filepath.Base(name), secret)
				}
			}
			if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("%s can be read by others: %v, %v", filepath.Base(name), info.Mode(), err)
			}
		}
	})

	t.Run("I7 SIGTERM stops cleanly", func(t *testing.T) {
		p.stop()
		if code := p.cmd.ProcessState.ExitCode(); code != 0 {
			t.Errorf("exit code %d: %s", code, p.stderr)
		}
	})
}

// deliver posts a signed notification once and returns the status.
func deliver(t *testing.T, url string, body []byte) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set(webhook.SignatureHeader, webhook.Sign(testSecret, body))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	return resp.StatusCode
}

func body(t *testing.T, url string) string {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var b bytes.Buffer
	if _, err := b.ReadFrom(resp.Body); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
