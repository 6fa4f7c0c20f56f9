package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"switchboard/internal/operations"
	"switchboard/internal/simulator"
)

// ran runs a command line in this process.
func ran(t *testing.T, want int, args ...string) (stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	if code := run(context.Background(), args, streams{strings.NewReader(""), &out, &errs}); code != want {
		t.Fatalf("switchboard %s: exit code %d, want %d: %s%s", strings.Join(args, " "), code, want, &out, &errs)
	}
	return out.String(), errs.String()
}

// noteAndAnswer does two things in one run.
const noteAndAnswer = `
version: 1
rules:
  - name: note-and-answer
    when: conversation.user.replied
    then:
      - note: "noted {{ message.text }}"
      - reply: "answer to {{ message.text }}"
`

// TestRetry mends what failed, through the running service and in the database of one that is stopped.
func TestRetry(t *testing.T) {
	sim := simulator.New(simulator.Options{Token: testToken, Secret: testSecret, Seed: 1, NoEcho: true, RateLimit: 100_000})
	defer func() { _ = sim.Close() }()
	var broken atomic.Bool
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if broken.Load() && strings.HasSuffix(r.URL.Path, "/reply") {
			http.Error(w, `{"type":"error.list","errors":[{"code":"not_found","message":"gone"}]}`, http.StatusNotFound)
			return
		}
		sim.Handler().ServeHTTP(w, r)
	}))
	defer api.Close()
	broken.Store(true)

	dir := t.TempDir()
	rules, state := writeFile(t, dir, "rules.yaml", noteAndAnswer), filepath.Join(dir, "state.db")
	p := startProcess(t, api.URL, rules, state)
	c := &current{process: p}
	for _, conversation := range writeConversations(t, sim, 2, 1) {
		c.deliver(t, conversation[0])
	}
	dead := func(n float64) {
		t.Helper()
		waitUntil(t, 10*time.Second, "dead letters", func() bool {
			return p.metric(t, "switchboard_dead_letters") == n && p.metric(t, "switchboard_queue_actions") == 0
		})
	}
	dead(2)

	out, errs := ran(t, 0, "retry", "--all", "-n", "--admin", p.admin)
	if strings.Count(out, "dead") != 2 || !strings.Contains(errs, "2 actions would be retried; nothing was done") {
		t.Errorf("dry run: %s%s", out, errs)
	}
	_, errs = ran(t, 1, "retry", "99", "--admin", p.admin)
	if !strings.Contains(errs, "action 99 is not dead") {
		t.Errorf("an action that is not there: %s", errs)
	}
	if _, errs = ran(t, 3, "retry", "--all", "--admin", "", "--database", "sqlite:"+state); !strings.Contains(errs, "is open") || !strings.Contains(errs, "--admin") {
		t.Errorf("a database in use: %s", errs)
	}
	if _, errs = ran(t, 3, "retry", "--all", "--admin", api.URL); !strings.Contains(errs, "set SWITCHBOARD_ADMIN_TOKEN") {
		t.Errorf("one that wants a token: %s", errs)
	}
	other := httptest.NewServer(http.NotFoundHandler())
	defer other.Close()
	if _, errs = ran(t, 3, "retry", "--all", "--admin", other.URL); !strings.Contains(errs, "no switchboard") {
		t.Errorf("another server: %s", errs)
	}

	// It fails again, as the service finds out by itself.
	ran(t, 0, "retry", "--kind", "note", "--since", "1h", "--admin", p.admin)
	dead(2)

	broken.Store(false)
	out, _ = ran(t, 0, "retry", "--all", "--limit", "1", "--format", "json", "--admin", p.admin)
	var answer operations.RetryAnswer
	if err := json.Unmarshal([]byte(out), &answer); err != nil || len(answer.Actions) != 1 || !answer.More || answer.Actions[0].Outcome != "retried" {
		t.Errorf("%s, %v; want one that is retried, and more", out, err)
	}
	dead(1)

	p.stop()
	_, errs = ran(t, 0, "retry", "--all", "--admin", p.admin, "--database", "sqlite:"+state)
	if !strings.Contains(errs, "no service answers at") || !strings.Contains(errs, "1 action retried") {
		t.Errorf("without a service: %s", errs)
	}
	p = startProcess(t, api.URL, rules, state)
	c.process = p
	dead(0)
	for _, conversation := range sim.Conversations() {
		var did []string
		for _, p := range conversation.Parts {
			if body := plain(p.Body); strings.HasPrefix(body, "noted") || strings.HasPrefix(body, "answer") {
				did = append(did, body)
			}
		}
		if len(did) != 2 || !strings.HasPrefix(did[0], "noted") {
			t.Errorf("conversation %s: %q; want a note and an answer", conversation.ID, did)
		}
	}
}

func TestRetry_wrong_usage(t *testing.T) {
	nowhere := "sqlite:" + filepath.Join(t.TempDir(), "none.db")
	for name, tt := range map[string]struct {
		code int
		want string
		args []string
	}{
		"nothing said":    {exitUsage, "or --all", nil},
		"too much said":   {exitUsage, "--all leaves nothing", []string{"--all", "--rule", "r"}},
		"limit":           {exitUsage, "from 1 to", []string{"--all", "--limit", "0"}},
		"verdict":         {exitUsage, "--parked must be one of", []string{"--all", "--parked", "maybe"}},
		"time":            {exitUsage, "write 2006-01-02", []string{"--since", "yesterday"}},
		"number":          {exitUsage, "abc", []string{"abc"}},
		"address":         {exitUsage, "http://127.0.0.1:9090", []string{"--all", "--admin", "localhost"}},
		"database scheme": {exitUsage, "not supported", []string{"--all", "--admin", "", "--database", "mysql://x"}},
		"no database":     {exitFailed, "there is no database", []string{"--all", "--admin", "", "--database", nowhere}},
	} {
		t.Run(name, func(t *testing.T) {
			if _, errs := ran(t, tt.code, append([]string{"retry"}, tt.args...)...); !strings.Contains(errs, tt.want) {
				t.Errorf("%s, want %q", errs, tt.want)
			}
		})
	}
	if _, err := os.Stat(strings.TrimPrefix(nowhere, "sqlite:")); err == nil {
		t.Error("a database was made where there was none")
	}
}
