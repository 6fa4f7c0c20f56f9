package console_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"switchboard/internal/console"
	"switchboard/internal/diag"
	"switchboard/internal/intercom"
	"switchboard/internal/rules"
	"switchboard/internal/store"
)

// get asks a console for a page.
func get(t *testing.T, o console.Options, path string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	if o.Gatherer == nil {
		o.Gatherer = prometheus.NewRegistry()
	}
	c, err := console.New(o)
	if err != nil {
		t.Fatal(err)
	}
	req := httptest.NewRequest(http.MethodGet, path, nil)
	req.Host = "127.0.0.1:9090"
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	rec := httptest.NewRecorder()
	c.Handler().ServeHTTP(rec, req)
	return rec
}

// with are people of whom one may do everything with a token.
func with(token string) func() []console.Person {
	return func() []console.Person {
		return []console.Person{console.NewPerson("admin", console.Operate, token)}
	}
}

func fixed(st console.Status) func(context.Context) (console.Status, error) {
	return func(context.Context) (console.Status, error) { return st, nil }
}

func TestStatusPage(t *testing.T) {
	st := console.Status{
		Version: "v1.2.3", Started: time.Now().Add(-time.Hour), Workspaces: []console.Workspace{{
			ID: "abc123", LoadedAt: time.Now(), Ruleset: "5f2b",
			Rules: []rules.Info{
				{Name: "vips-first", File: "rules.yaml", Line: 9, State: "live", When: []string{"conversation.user.created"}},
				{Name: "others", File: "rules.yaml", Line: 15, State: "live"},
				{Name: "tried & new", File: "rules.yaml", Line: 21, State: "shadow"},
			},
			Paused:   map[string]time.Time{"vips-first": time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)},
			Trouble:  "401 token_revoked",
			Rejected: []diag.Problem{{File: "rules.yaml", Line: 3, Column: 5, Severity: diag.Error, Message: "unknown key", Code: "rules/unknown-key"}},
			Timers: []console.Timer{{
				Timer: store.Timer{Rule: "sla", Subject: "conversation/77", Topic: "conversation.user.created", DueAt: time.Date(2026, 3, 2, 9, 15, 0, 0, time.UTC)},
				After: "15m of support", CancelOn: []string{"conversation.admin.replied"},
			}},
			Waiting: map[string]int{"others": 12},
			Counts:  map[string]map[string]int{"vips-first": {"ran": 31, "failed": 2, "did_not_match": 900}, "tried & new": {"would_have_run": 214}},
			Plan:    console.TimerPlan{At: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC), Lines: []string{"12 timers of sla move from 20m to 30m"}},
			Budget:  intercom.BudgetState{Limit: 167, Remaining: 12},
		}},
		Store: store.Stats{EventsWaiting: 7, Dead: 1, Parked: 2},
		Dead:  []store.Action{{ID: 41, Kind: "tag", Subject: "conversation/1", Rule: "vips-first", Attempts: 3, Error: "<script>alert(1)</script>"}},
	}
	rec := get(t, console.Options{Status: fixed(st)}, "/")
	page := rec.Body.String()
	for _, want := range []string{
		"v1.2.3", "abc123", "vips-first", "rules.yaml:9", "conversation.user.created", "token_revoked",
		"rules.yaml:3:5", "unknown key", "#41", "of 167",
		"2026-03-02 09:15:00 UTC", "15m of support", "conversation/77", "conversation.admin.replied", "(12 waiting)",
		`>ran 31 <strong class="bad">failed 2</strong></td>`, `>would have run 214 </td>`, `<a href="/shadow?rule=tried%20%26%20new&amp;workspace=">what people did</a>`,
		"The change of rules of 2026-03-02 09:00:00 UTC: 12 timers of sla move from 20m to 30m.", "live <strong class=\"bad\">paused by its limit until 2026-03-02 10:00:00 UTC",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if n := strings.Count(page, "paused by its limit"); n != 1 {
		t.Errorf("%d rules are shown as paused, want one", n)
	}
	if strings.Contains(page, "<script>") {
		t.Error("an error's text is not escaped")
	}
	if csp := rec.Header().Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") {
		t.Errorf("Content-Security-Policy %q", csp)
	}
}

func TestStatusPage_error(t *testing.T) {
	rec := get(t, console.Options{Status: func(context.Context) (console.Status, error) {
		return console.Status{}, errors.New("disk on fire at /secret/path")
	}}, "/")
	if rec.Code != http.StatusInternalServerError || strings.Contains(rec.Body.String(), "secret") {
		t.Errorf("%d %s; want 500 without the cause", rec.Code, rec.Body)
	}
}

func TestReady(t *testing.T) {
	for name, tc := range map[string]struct {
		checks []console.Check
		code   int
	}{
		"all well":                       {[]console.Check{{Name: "store", OK: true}}, http.StatusOK},
		"the store does not answer":      {[]console.Check{{Name: "store", Detail: "disk full"}, {Name: "engine", OK: true}}, http.StatusServiceUnavailable},
		"an advisory check is no ground": {[]console.Check{{Name: "store", OK: true}, {Name: "intercom", Advisory: true, Detail: "401"}}, http.StatusOK},
	} {
		t.Run(name, func(t *testing.T) {
			rec := get(t, console.Options{Checks: func(context.Context) []console.Check { return tc.checks }}, "/readyz")
			if rec.Code != tc.code {
				t.Errorf("status %d, want %d", rec.Code, tc.code)
			}
			for _, c := range tc.checks {
				if !strings.Contains(rec.Body.String(), c.Name) || !strings.Contains(rec.Body.String(), c.Detail) {
					t.Errorf("%s does not tell of %+v", rec.Body, c)
				}
			}
		})
	}
}

func TestToken(t *testing.T) {
	o := console.Options{
		Status: fixed(console.Status{}), People: with("correct-horse"),
		Checks: func(context.Context) []console.Check { return nil },
	}
	basic := httptest.NewRequest(http.MethodGet, "/", nil)
	basic.SetBasicAuth("anybody", "correct-horse")
	for name, tc := range map[string]struct {
		path, header string
		code         int
	}{
		"none":                      {"/", "", http.StatusUnauthorized},
		"wrong":                     {"/", "Bearer wrong", http.StatusUnauthorized},
		"a beginning of it":         {"/", "Bearer correct", http.StatusUnauthorized},
		"bearer":                    {"/", "Bearer correct-horse", http.StatusOK},
		"basic":                     {"/", basic.Header.Get("Authorization"), http.StatusOK},
		"metrics without":           {"/metrics", "", http.StatusUnauthorized},
		"metrics":                   {"/metrics", "Bearer correct-horse", http.StatusOK},
		"probes never need a token": {"/readyz", "", http.StatusOK},
		"nor does health":           {"/healthz", "", http.StatusOK},
	} {
		t.Run(name, func(t *testing.T) {
			rec := get(t, o, tc.path, "Authorization", tc.header)
			if rec.Code != tc.code {
				t.Errorf("status %d, want %d", rec.Code, tc.code)
			}
			if strings.Contains(rec.Body.String()+rec.Header().Get("WWW-Authenticate"), "correct-horse") {
				t.Error("the answer shows the token")
			}
		})
	}
}
