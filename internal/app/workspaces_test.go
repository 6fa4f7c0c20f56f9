package app_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"switchboard/internal/app"
	"switchboard/internal/simulator"
	"switchboard/internal/store/storetest"
	"switchboard/internal/webhook"
)

// tenant is a workspace of Intercom that shares a Switchboard with others.
type tenant struct {
	t        *testing.T
	sim      *simulator.Simulator
	api      *http.Server
	stop     context.CancelFunc
	settings app.Workspace
	client   *http.Client
	deliver  *http.Client
}

// inWorkspaces runs fn with one Switchboard that serves two workspaces, each with an Intercom of its own.
func inWorkspaces(t *testing.T, limits [2]int, fn func(a *app.App, one, other *tenant, log *syncBuffer)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		intake := simulator.NewPipeListener()
		log := &syncBuffer{}
		options := app.Options{
			Database: storetest.URL(t, filepath.Join(dir, "state.db")), Clock: time.Now, Listener: intake, Registry: prometheus.NewRegistry(),
			Logger: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		}
		hosts := hostRouter{}
		var tenants []*tenant
		for i, name := range []string{"acme", "globex"} {
			w := newTenant(t, name, limits[i], intake, dir)
			hosts["intercom-"+name] = w.client.Transport
			options.Workspaces = append(options.Workspaces, w.settings)
			tenants = append(tenants, w)
		}
		options.HTTP = &http.Client{Transport: hosts}
		a, err := app.New(context.Background(), options)
		if err != nil {
			t.Fatal(err)
		}
		a.Start()
		fn(a, tenants[0], tenants[1], log)
		if err := a.Stop(context.Background()); err != nil {
			t.Error(err)
		}
		for _, w := range tenants {
			w.stop()
			_ = w.sim.Close()
			_ = w.api.Close()
			w.client.CloseIdleConnections()
		}
		synctest.Wait()
		if t.Failed() && testing.Verbose() {
			t.Log(log.String())
		}
	})
}

func newTenant(t *testing.T, name string, limit int, intake *simulator.PipeListener, dir string) *tenant {
	t.Helper()
	rules := filepath.Join(dir, name+".yaml")
	text := "version: 1\nrules:\n  - name: note\n    when: conversation.user.created\n    then:\n      - note: \"" + name + " has it\"\n"
	if err := os.WriteFile(rules, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	api := simulator.NewPipeListener()
	w := &tenant{t: t, client: api.Client(), settings: app.Workspace{
		ID: "app_" + name, Name: name, Rules: []string{rules}, Token: "token-" + name, Secrets: []string{"secret-" + name}, BaseURL: "http://intercom-" + name,
	}}
	deliver := intake.Client()
	w.deliver = deliver
	w.sim = simulator.New(simulator.Options{
		AppID: w.settings.ID, Token: w.settings.Token, Secret: w.settings.Secrets[0], RateLimit: limit, NoEcho: true,
		WebhookURL: "http://switchboard" + app.WebhookPath, HTTP: deliver,
	})
	simulator.DemoWorkspace(w.sim)
	w.api = &http.Server{Handler: w.sim.Handler(), ReadHeaderTimeout: time.Minute}
	go func() { _ = w.api.Serve(api) }()
	ctx, cancel := context.WithCancel(context.Background())
	w.stop = func() { cancel(); deliver.CloseIdleConnections() }
	go func() { _ = w.sim.Run(ctx) }()
	return w
}

// hostRouter sends calls to the Intercom of their host.
type hostRouter map[string]http.RoundTripper

func (h hostRouter) RoundTrip(r *http.Request) (*http.Response, error) {
	return h[r.URL.Host].RoundTrip(r)
}

// open has customers start conversations.
func (w *tenant) open(n int) (ids []string) {
	w.t.Helper()
	for range n {
		ids = append(ids, must(w.t)(w.sim.CustomerStarts(w.sim.Contacts()[0].ID, "Hello")))
	}
	return ids
}

// noted counts the conversations that have their note, which is the workspace's own.
func (w *tenant) noted(ids []string) (n int) {
	w.t.Helper()
	for _, id := range ids {
		c, _ := w.sim.Conversation(id)
		for _, p := range c.Parts {
			if p.Type == "note" && strings.Contains(p.Body, w.settings.Name+" has it") {
				n++
			}
		}
	}
	return n
}

// TestWorkspaces_fair: an outage of one workspace's Intercom, and a flood of events and a spent budget
// there, keep the other from nothing.
func TestWorkspaces_fair(t *testing.T) {
	t.Parallel()
	t.Run("a flood", func(t *testing.T) {
		inWorkspaces(t, [2]int{20, 1000}, func(_ *app.App, one, other *tenant, _ *syncBuffer) {
			time.Sleep(2 * time.Second)
			flood := one.open(600) // for five minutes of its budget
			time.Sleep(time.Second)
			for range 20 {
				began := time.Now()
				ids := other.open(1)
				for other.noted(ids) == 0 && time.Since(began) < time.Minute {
					time.Sleep(50 * time.Millisecond)
				}
				if took := time.Since(began); took > 2*time.Second {
					t.Errorf("the other workspace waited %s", took)
				}
			}
			if n := one.noted(flood); n == len(flood) {
				t.Error("there was no flood: the test has shown nothing")
			}
			time.Sleep(7 * time.Minute)
			if n := one.noted(flood); n != len(flood) {
				t.Errorf("%d of %d conversations of the flood were noted", n, len(flood))
			}
		})
	})
	t.Run("an outage", func(t *testing.T) {
		inWorkspaces(t, [2]int{1000, 1000}, func(_ *app.App, one, other *tenant, _ *syncBuffer) {
			time.Sleep(2 * time.Second)
			one.sim.SetFaults(simulator.Faults{Rules: []simulator.Fault{{Kind: simulator.HangBefore}}})
			late := one.open(100)
			time.Sleep(time.Second)
			began := time.Now()
			ids := other.open(50)
			for other.noted(ids) < len(ids) && time.Since(began) < time.Minute {
				time.Sleep(50 * time.Millisecond)
			}
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("the other workspace waited %s", took)
			}
			one.sim.SetFaults(simulator.Faults{})
			time.Sleep(20 * time.Minute)
			if n := one.noted(late); n != len(late) {
				t.Errorf("%d of %d conversations were noted after the outage", n, len(late))
			}
		})
	})
}

// TestWorkspaces_I10_secrets: whoever has the secret of one workspace cannot speak for another, and a
// token that belongs to another workspace is used for nothing.
func TestWorkspaces_I10_secrets(t *testing.T) {
	t.Parallel()
	inWorkspaces(t, [2]int{1000, 1000}, func(_ *app.App, one, other *tenant, log *syncBuffer) {
		time.Sleep(2 * time.Second)
		ids := one.open(1)
		time.Sleep(5 * time.Second)
		if one.noted(ids) != 1 {
			t.Error("a notification of its own was not taken")
		}
		body := fmt.Sprintf(`{"type":"notification_event","app_id":%q,"id":"n1","topic":"conversation.user.created","data":{"item":{"type":"conversation","id":"1"}}}`, other.settings.ID)
		if status := one.post(body); status != http.StatusUnauthorized {
			t.Errorf("with another workspace's secret: %d, want 401", status)
		}
		if status := one.post(strings.Replace(body, other.settings.ID, "unknown", 1)); status != http.StatusUnauthorized {
			t.Errorf("a workspace that nobody serves: %d, want 401", status)
		}
		if status := other.post(body); status != http.StatusOK {
			t.Errorf("with its own secret: %d, want 200", status)
		}
		for _, secret := range []string{"secret-acme", "token-acme", "secret-globex", "token-globex"} {
			if strings.Contains(log.String(), secret) {
				t.Errorf("the log shows %s", secret)
			}
		}
	})
}

// post sends a notification that is signed with the workspace's secret.
func (w *tenant) post(body string) int {
	w.t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, "http://switchboard"+app.WebhookPath, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("X-Hub-Signature", webhook.Sign(w.settings.Secrets[0], []byte(body)))
	resp, err := w.deliver.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	_ = resp.Body.Close()
	return resp.StatusCode
}
