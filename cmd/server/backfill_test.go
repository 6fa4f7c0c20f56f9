package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"switchboard/internal/recovery"
	"switchboard/internal/simulator"
	"switchboard/internal/store"
)

// backfilled runs the command in this process.
func backfilled(t *testing.T, args ...string) (code int, out, errs string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code = run(context.Background(), append([]string{"backfill"}, args...), streams{strings.NewReader(""), &stdout, &stderr})
	return code, stdout.String(), stderr.String()
}

const backfillRules = `
version: 1
rules:
  - {name: hello, when: conversation.user.created, then: [tag: Seen, reply: "hello {{ message.text }}"]}
`

// missedConversations are begun some time ago, and nobody told of them.
func missedConversations(t *testing.T, sim *simulator.Simulator, ago time.Duration, n int) (ids []string) {
	t.Helper()
	for range n {
		body := fmt.Sprintf(`{"from":{"type":"user","id":%q},"body":"hi","created_at":%d}`, sim.Contacts()[0].ID, time.Now().Add(-ago).Unix())
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/conversations", strings.NewReader(body))
		for key, value := range map[string]string{
			"Authorization": "Bearer " + testToken, "Accept": "application/json", "Content-Type": "application/json", "Intercom-Version": "2.14",
		} {
			r.Header.Set(key, value)
		}
		w := httptest.NewRecorder()
		sim.Handler().ServeHTTP(w, r)
		var answer struct {
			ID string `json:"conversation_id"`
		}
		if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || answer.ID == "" {
			t.Fatalf("begin a conversation: %d %s", w.Code, w.Body)
		}
		ids = append(ids, answer.ID)
	}
	return ids
}

// await waits until something holds.
func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for range 1000 {
		if holds() {
			return
		}
		pause(20 * time.Millisecond)
	}
	t.Fatal("waited in vain for ", what)
}

func backfillDesk(t *testing.T) (sim *simulator.Simulator, api, rules, database string) {
	t.Helper()
	sim = simulator.New(simulator.Options{Token: testToken, Secret: testSecret})
	simulator.DemoWorkspace(sim)
	server := httptest.NewServer(sim.Handler())
	t.Cleanup(server.Close)
	t.Cleanup(func() { _ = sim.Close() })
	dir := t.TempDir()
	return sim, server.URL, writeFile(t, dir, "rules.yaml", backfillRules), filepath.Join(dir, "state.db")
}

// Without a service the command recovers by itself, and the service that starts then acts on it.
func TestI11_backfill_without_a_service(t *testing.T) {
	sim, api, rules, database := backfillDesk(t)
	t.Setenv("INTERCOM_ACCESS_TOKEN", testToken)
	ids := missedConversations(t, sim, 10*time.Minute, 5)
	args := []string{"--since", "1h", "--admin", "http://" + freeAddr(t), "--database", "sqlite:" + database, "--rules", rules, "--base-url", api}

	if code, _, errs := backfilled(t, append(args, "--dry-run")...); code != exitFailed || !strings.Contains(errs, "there is no database") {
		t.Errorf("no database: exit code %d, %s", code, errs)
	}
	s, err := store.Open(t.Context(), "sqlite:"+database, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	code, out, errs := backfilled(t, append(args, "--dry-run")...)
	if code != exitOK || strings.Count(out, "conversation.user.created  conversation") != 5 || !strings.Contains(out, "would be recovered") {
		t.Fatalf("dry run: exit code %d\n%s%s", code, out, errs)
	}
	if !strings.Contains(errs, "no service answers at") {
		t.Error("it does not say that no service answers: ", errs)
	}
	for _, want := range []int{5, 0} { // the second time there is nothing new
		code, out, errs = backfilled(t, append(args, "--format", "json")...)
		var report recovery.Report
		if err := json.Unmarshal([]byte(out), &report); err != nil || code != exitOK || report.Total() != want {
			t.Fatalf("exit code %d, %v, want %d\n%s%s", code, err, want, out, errs)
		}
	}

	if code, _, errs := backfilled(t, append(args, "--since", "10000h")...); code != exitUsage || !strings.Contains(errs, "--retention") {
		t.Errorf("beyond what is kept: exit code %d, %s", code, errs)
	}

	startProcess(t, api, rules, database)
	for _, id := range ids {
		await(t, "an answer", func() bool {
			c, _ := sim.Conversation(id)
			return len(c.Parts) == 1 && len(c.Tags) == 1
		})
	}
	if code, out, errs := backfilled(t, args...); code != exitFailed || !strings.Contains(errs, "--admin") {
		t.Errorf("the service has the database: exit code %d\n%s%s", code, out, errs)
	}
}

// A running service does it when asked.
func TestI11_backfill_asks_the_service(t *testing.T) {
	sim, api, rules, database := backfillDesk(t)
	p := startProcess(t, api, rules, database)
	missedConversations(t, sim, 0, 3)
	ids := missedConversations(t, sim, 20*time.Minute, 2)
	await(t, "the connection to Intercom", func() bool { return strings.Contains(p.stderr.String(), "connected to Intercom") })
	code, out, errs := backfilled(t, "--since", "1h", "--max-age", "15m", "--admin", p.admin)
	for _, want := range []string{"2  conversation.user.created", "2  events recovered", "2  of them are too old", "3  are so young"} {
		if code != exitOK || !strings.Contains(out, want) {
			t.Errorf("exit code %d, want %q\n%s%s", code, want, out, errs)
		}
	}
	await(t, "the tag, and not the answer", func() bool {
		c, _ := sim.Conversation(ids[0])
		return len(c.Parts) == 0 && len(c.Tags) == 1
	})
	if code, out, errs = backfilled(t, "--since", "10000h", "--admin", p.admin); code != exitUsage || !strings.Contains(errs, "--retention") {
		t.Errorf("exit code %d\n%s%s", code, out, errs)
	}
}

func TestBackfillRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"no time":         {nil, "--since"},
		"nonsense":        {[]string{"--since", "yesterday"}, "2026-03-02T13:00:00Z"},
		"the future":      {[]string{"--since", "2999-01-01T00:00:00Z"}, "not in the past"},
		"nothing":         {[]string{"--since", "0s"}, "more than 0"},
		"negative age":    {[]string{"--since", "2h", "--max-age=-1h"}, "negative"},
		"no address":      {[]string{"--since", "2h", "--admin", "nowhere"}, "http://127.0.0.1:9090"},
		"no access token": {[]string{"--since", "2h", "--admin", "http://127.0.0.1:1"}, "INTERCOM_ACCESS_TOKEN"},
	} {
		t.Setenv("INTERCOM_ACCESS_TOKEN", "")
		if code, _, errs := backfilled(t, c.args...); code != exitUsage || !strings.Contains(errs, c.want) {
			t.Errorf("%s: exit code %d, %s", name, code, errs)
		}
	}
	if os.Getenv("INTERCOM_ACCESS_TOKEN") != "" {
		t.Error("the environment is not what the test thinks")
	}
}
