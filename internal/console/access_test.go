package console

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"switchboard/internal/diag"
	"switchboard/internal/operations"
	"switchboard/internal/rules"
	"switchboard/internal/shadow"
	"switchboard/internal/store"
)

const (
	operateToken = "a-token-that-may-do-everything"
	viewToken    = "a-token-that-may-only-read"
)

func twoPeople() []Person {
	return []Person{NewPerson("ada", Operate, operateToken), NewPerson("ben", View, viewToken)}
}

func newConsole(t testing.TB, change func(*Options)) *Console {
	t.Helper()
	o := Options{
		Status: func(context.Context) (Status, error) { return Status{}, nil },
		Checks: func(context.Context) []Check { return nil },
		Shadow: func(context.Context, string, string, time.Time) (*shadow.Report, error) { return &shadow.Report{}, nil },
		Operations: map[string]Operation{
			"read":   {Needs: View, Do: func(context.Context, []byte, func(any)) (any, error) { return "read", nil }},
			"change": {Needs: Operate, Do: func(context.Context, []byte, func(any)) (any, error) { return "changed", nil }},
		},
		Backfill: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}),
		Reader:   operations.Reader{Workspace: func(string) (string, bool) { return "", false }}, // refuses before it asks the store
		Gatherer: prometheus.NewRegistry(), People: twoPeople, Secret: []byte("of the service"),
	}
	if change != nil {
		change(&o)
	}
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func ask(c *Console, method, path string, set func(*http.Request)) *httptest.ResponseRecorder {
	body := io.Reader(nil)
	if method == http.MethodPost && strings.HasPrefix(path, "/api/") {
		body = strings.NewReader("{}")
	}
	req := httptest.NewRequest(method, path, body)
	req.Host = "127.0.0.1:9090"
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	if set != nil {
		set(req)
	}
	rec := httptest.NewRecorder()
	c.Handler().ServeHTTP(rec, req)
	return rec
}

func bearer(token string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) }
}

// withSession sends the cookie that a console would have given to somebody.
func withSession(c *Console, p Person, ends time.Time) func(*http.Request) {
	value := formatSession(p.Name, ends, c.sign(p, ends))
	return func(r *http.Request) { r.AddCookie(&http.Cookie{Name: sessionCookie, Value: value}) }
}

// TestRoutes_who asks for every route as everybody: the roles that are written here are those of the table.
func TestRoutes_who(t *testing.T) {
	c := newConsole(t, nil)
	needs := map[string]Role{
		"GET /healthz": Open, "GET /readyz": Open, "GET /static/*": Open, "GET /login": Open, "POST /login": Open,
		"GET /": View, "GET /shadow": View, "GET /metrics": View, "POST /logout": View,
		"GET /events": View, "GET /events/{event}": View, "GET /subjects/{kind}/{number}": View, "GET /actions": View, "GET /actions/{id}": View, "GET /timers": View,
		"GET /api/v1/events": View, "GET /api/v1/events/{event}": View, "GET /api/v1/subjects/{kind}/{number}": View,
		"GET /api/v1/actions": View, "GET /api/v1/actions/{id}": View, "GET /api/v1/timers": View,
		"POST /actions/retry":   Operate,
		"POST /api/v1/backfill": Operate, "POST /api/v1/change": Operate, "POST /api/v1/read": View, "POST /api/v1/{operation}": View,
	}
	soon := time.Now().Add(time.Hour)
	forged := withSession(newConsole(t, func(o *Options) { o.Secret = []byte("of somebody else") }), twoPeople()[0], soon)
	askers := map[string]struct {
		set  func(*http.Request)
		role Role
	}{
		"nobody":                     {nil, Open},
		"view":                       {bearer(viewToken), View},
		"operate":                    {bearer(operateToken), Operate},
		"the password":               {func(r *http.Request) { r.SetBasicAuth("anybody", operateToken) }, Operate},
		"a cookie":                   {withSession(c, twoPeople()[0], soon), Operate},
		"a cookie of view":           {withSession(c, twoPeople()[1], soon), View},
		"an expired cookie":          {withSession(c, twoPeople()[0], time.Now().Add(-time.Second)), Open},
		"a cookie that ends too far": {withSession(c, twoPeople()[0], time.Now().Add(100*time.Hour)), Open},
		"a forged cookie":            {forged, Open},
		"a removed person's cookie":  {withSession(c, NewPerson("eve", Operate, operateToken), soon), Open},
		"a changed token's cookie":   {withSession(c, NewPerson("ada", Operate, "the token of before"), soon), Open},
	}
	for _, one := range c.routes() {
		name := one.method + " " + one.path
		want, known := needs[name]
		if !known || one.needs != want {
			t.Errorf("%s needs the role %q: say here what it shall need", name, one.needs)
		}
		path := strings.NewReplacer("*", "console.css", "{operation}", "other").Replace(one.path)
		for who, a := range askers {
			code := ask(newConsole(t, nil), one.method, path, a.set).Code // each has wrong tokens of its own
			missing := one.path == "/api/v1/{operation}" && a.role != Open
			switch {
			case a.role.rank() >= want.rank() && (code == 401 || code == 403 || code >= 500 || (code == 404) != missing):
				if name != "POST /login" {
					t.Errorf("%s as %s: %d", name, who, code)
				}
			case a.role == Open && want != Open && code != 401:
				t.Errorf("%s as %s: %d, want 401", name, who, code)
			case a.role == View && want == Operate && code != 403:
				t.Errorf("%s as %s: %d, want 403", name, who, code)
			}
		}
		if want != Open {
			if code := ask(newConsole(t, nil), one.method, path, bearer("a wrong token")).Code; code != 401 {
				t.Errorf("%s with a wrong token: %d", name, code)
			}
		}
	}
}

func TestRoutes_need_a_role(t *testing.T) {
	_, err := New(Options{Gatherer: prometheus.NewRegistry(), Operations: map[string]Operation{"new": {}}})
	if err == nil || !strings.Contains(err.Error(), "POST /api/v1/new") {
		t.Errorf("a route without a role: %v", err)
	}
}

// TestHeaders_everywhere: also on answers that refuse.
func TestHeaders_everywhere(t *testing.T) {
	c := newConsole(t, nil)
	for _, path := range []string{"/", "/healthz", "/login", "/static/console.css", "/nowhere", "/metrics", "/api/v1/read"} {
		for _, set := range []func(*http.Request){nil, bearer(operateToken), bearer("wrong")} {
			h := ask(c, http.MethodGet, path, set).Header()
			if h.Get("Content-Security-Policy") != policy || h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Referrer-Policy") != "no-referrer" ||
				h.Get("Permissions-Policy") == "" || h.Get("Cross-Origin-Opener-Policy") != "same-origin" || h.Get("Cache-Control") == "" {
				t.Errorf("%s: %v", path, h)
			}
		}
	}
	if strings.Contains(policy, "unsafe") {
		t.Error("the policy lets pages run what stands in them")
	}
}

// TestNoToken: the console is for this machine, and for nothing that comes through it.
func TestNoToken(t *testing.T) {
	c := newConsole(t, func(o *Options) { o.People = nil })
	for host, want := range map[string]int{
		"127.0.0.1:9090": 200, "localhost:9090": 200, "[::1]:9090": 200, "127.8.0.1": 200, "evil.test:9090": 403, "10.0.0.1": 403, "localhost.evil.test": 403, "": 403,
	} {
		if code := ask(c, "GET", "/", func(r *http.Request) { r.Host = host }).Code; code != want {
			t.Errorf("%q: %d, want %d", host, code, want)
		}
	}
	if code := ask(c, "GET", "/", func(r *http.Request) { r.Header.Set("X-Forwarded-For", "203.0.113.9") }).Code; code != 403 {
		t.Errorf("through a proxy: %d", code)
	}
	empty := newConsole(t, func(o *Options) { o.People = func() []Person { return nil } })
	if code := ask(empty, "GET", "/", nil).Code; code != 401 {
		t.Errorf("everybody was taken away: %d; the console must not be open then", code)
	}
}

func TestForms_of_other_sites(t *testing.T) {
	c := newConsole(t, nil)
	in := withSession(c, twoPeople()[0], time.Now().Add(time.Hour))
	word := c.formWord(httptest.NewRequest("GET", "/", nil).WithContext(context.WithValue(t.Context(), identityKey{}, identity{twoPeople()[0].Access, byCookie})))
	for name, tt := range map[string]struct {
		set  map[string]string
		form url.Values
		want int
	}{
		"our own page":                 {map[string]string{"Sec-Fetch-Site": "same-origin"}, nil, 303},
		"another site":                 {map[string]string{"Sec-Fetch-Site": "cross-site"}, url.Values{"csrf": {word}}, 403},
		"another origin":               {map[string]string{"Origin": "https://evil.test"}, url.Values{"csrf": {word}}, 403},
		"a browser that says nothing":  {nil, nil, 403},
		"with the word":                {nil, url.Values{"csrf": {word}}, 303},
		"with the word of the log-in":  {nil, url.Values{"csrf": {c.formWord(httptest.NewRequest("GET", "/", nil))}}, 403},
		"a bearer token needs nothing": {map[string]string{"Authorization": "Bearer " + operateToken}, nil, 303},
	} {
		req := httptest.NewRequest("POST", "/logout", strings.NewReader(tt.form.Encode()))
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		in(req)
		for k, v := range tt.set {
			req.Header.Set(k, v)
		}
		rec := httptest.NewRecorder()
		c.Handler().ServeHTTP(rec, req)
		if rec.Code != tt.want {
			t.Errorf("%s: %d, want %d", name, rec.Code, tt.want)
		}
	}
}

func logIn(c *Console, token, next string, set func(*http.Request)) *httptest.ResponseRecorder {
	return ask(c, "POST", "/login", func(r *http.Request) {
		r.Body = io.NopCloser(strings.NewReader(url.Values{"token": {token}, "next": {next}}.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if set != nil {
			set(r)
		}
	})
}

// TestLogin follows somebody from the page that wants a login until the session ends.
func TestLogin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told bytes.Buffer
		c := newConsole(t, func(o *Options) {
			o.Logger = slog.New(slog.NewTextHandler(&told, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
				if a.Key == slog.TimeKey {
					return slog.Attr{}
				}
				return a
			}}))
		})
		rec := ask(c, "GET", "/shadow?days=7", func(r *http.Request) { r.Header.Set("Accept", "text/html") })
		if rec.Code != 303 || rec.Header().Get("Location") != "/login?next=%2Fshadow%3Fdays%3D7" {
			t.Fatalf("%d %v", rec.Code, rec.Header())
		}
		rec = logIn(c, operateToken, "/shadow?days=7", func(r *http.Request) { r.Header.Set("X-Forwarded-Proto", "https") })
		cookie := rec.Result().Cookies()[0]
		if rec.Code != 303 || rec.Header().Get("Location") != "/shadow?days=7" || !cookie.HttpOnly || cookie.Secure ||
			cookie.SameSite != http.SameSiteStrictMode || cookie.Path != "/" || cookie.MaxAge != 12*3600 {
			t.Errorf("%d %v", rec.Code, rec.Header()) // 192.0.2.1, which says https, is no proxy of ours
		}
		proxied := logIn(c, operateToken, "/", func(r *http.Request) {
			r.RemoteAddr = "127.0.0.1:1"
			r.Header.Set("X-Forwarded-Proto", "https")
		})
		if !proxied.Result().Cookies()[0].Secure {
			t.Error("behind TLS the cookie is not for TLS alone")
		}
		in := func(r *http.Request) { r.AddCookie(cookie) }
		if rec = ask(c, "GET", "/", in); rec.Code != 200 || len(rec.Result().Cookies()) != 0 {
			t.Errorf("%d %v", rec.Code, rec.Header())
		}
		time.Sleep(2 * time.Hour)
		if rec = ask(c, "GET", "/", in); len(rec.Result().Cookies()) != 1 {
			t.Error("a session that is used is not made new")
		}
		time.Sleep(10 * time.Hour)
		if rec = ask(c, "GET", "/", in); rec.Code != 401 {
			t.Errorf("after 12 hours: %d", rec.Code)
		}
		renewed := withSession(c, twoPeople()[0], time.Now().Add(time.Hour))
		if rec = ask(c, "POST", "/logout", renewed); rec.Code != 303 || rec.Result().Cookies()[0].MaxAge >= 0 {
			t.Errorf("logout: %d %v", rec.Code, rec.Header())
		}
		want := `level=INFO msg="somebody logged in" name=ada role=operate from=192.0.2.1
level=INFO msg="somebody logged in" name=ada role=operate from=127.0.0.1
level=INFO msg="somebody logged out" name=ada from=192.0.2.1
`
		if told.String() != want {
			t.Errorf("told\n%swant\n%s", told.String(), want)
		}
	})
}

func TestLogin_goes_nowhere_else(t *testing.T) {
	for next, want := range map[string]string{
		"/shadow?days=1": "/shadow?days=1", "": "/", "https://evil.test/": "/", "//evil.test": "/", `/\evil.test`: "/", "javascript:alert(1)": "/", "/\t/evil.test": "/",
	} {
		if got := logIn(newConsole(t, nil), viewToken, next, nil).Header().Get("Location"); got != want {
			t.Errorf("%q leads to %q, want %q", next, got, want)
		}
	}
	page := ask(newConsole(t, nil), "GET", "/login?next="+url.QueryEscape(`/"><script>alert(1)</script>`), nil).Body.String()
	if strings.Contains(page, "<script>") {
		t.Error("the page is not escaped")
	}
}

// TestLimits: whoever guesses is slowed down, and nobody else.
func TestLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		c := newConsole(t, func(o *Options) { o.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
		at := func(addr, token string) *httptest.ResponseRecorder {
			return ask(c, "GET", "/", func(r *http.Request) {
				r.RemoteAddr = addr + ":1"
				bearer(token)(r)
			})
		}
		for range wrongFromOne {
			if code := at("203.0.113.1", "guess").Code; code != 401 {
				t.Fatalf("%d", code)
			}
		}
		for _, token := range []string{"guess", operateToken} { // else guessing would go on
			if rec := at("203.0.113.1", token); rec.Code != 429 || rec.Header().Get("Retry-After") == "" {
				t.Errorf("%d %v", rec.Code, rec.Header())
			}
		}
		if code := at("203.0.113.2", operateToken).Code; code != 200 {
			t.Errorf("somebody else: %d", code)
		}
		time.Sleep(everyFromOne)
		if code := at("203.0.113.1", operateToken).Code; code != 200 {
			t.Errorf("after the time that it said: %d", code)
		}
		for i := range 2 * mostAddresses {
			at("[2001:db8:"+string("0123456789abcdef"[i%16])+":"+string("0123456789abcdef"[i/16%16])+string("0123456789abcdef"[i/256%16])+string("0123456789abcdef"[i/4096])+"::1]", "guess")
		}
		if c.limits.each.Len() > mostAddresses {
			t.Errorf("%d addresses are remembered", c.limits.each.Len())
		}
		if code := at("203.0.113.3", operateToken).Code; code != 200 {
			t.Errorf("a right token while many guess: %d", code)
		}
		if code := logIn(c, operateToken, "/", nil).Code; code != 429 {
			t.Errorf("the form while many guess: %d", code)
		}
		if strings.Contains(log.String(), "guess") || strings.Contains(log.String(), operateToken) || !strings.Contains(log.String(), "from=203.0.113.1") {
			t.Error("the log tells of tokens, or not of addresses")
		}
		if n := strings.Count(log.String(), "\n"); n > 2*wrongInAll {
			t.Errorf("guessing wrote %d lines", n)
		}
	})
}

func TestFrom(t *testing.T) {
	c := newConsole(t, nil)
	for _, tt := range [][3]string{
		{"203.0.113.1:5", "", "203.0.113.1"},
		{"203.0.113.1:5", "198.51.100.7", "203.0.113.1"},
		{"127.0.0.1:5", "6.6.6.6, 198.51.100.7", "198.51.100.7"},
		{"[::1]:5", "nonsense", "::1"},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = tt[0]
		if tt[1] != "" {
			r.Header.Set("X-Forwarded-For", tt[1])
		}
		if got := c.from(r).String(); got != tt[2] {
			t.Errorf("%v: %s", tt, got)
		}
	}
}

func FuzzParseSession(f *testing.F) {
	f.Add(formatSession("ada", time.Unix(1, 0), make([]byte, 32)))
	f.Add("..")
	f.Add("YWRh.-1.!")
	c := newConsole(f, nil)
	f.Fuzz(func(t *testing.T, text string) {
		name, ends, mac, err := parseSession(text)
		if err == nil && formatSession(name, ends, mac) != text {
			t.Errorf("%q is also %q", text, formatSession(name, ends, mac))
		}
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Cookie", sessionCookie+"="+text)
		if who, ok := c.session(r); ok {
			t.Errorf("%q lets in %v", text, who)
		}
	})
}

// TestHide: no word of a customer is in any answer to the view role.
func TestHide(t *testing.T) {
	const word = "Xyzzy"
	hostile := map[string]any{word: word, "id": word, "state": []any{word, map[string]any{word + `"]`: word}}}
	answer := map[string]any{"id": 7, "event": map[string]any{"topic": "t", "payload": hostile}, "actions": []any{map[string]any{"kind": "tag", "params": word}}}
	payload := json.RawMessage(mustJSON(t, hostile))
	action := func() operations.ActionView {
		return operations.ActionView{ID: 7, Kind: "tag", Summary: word, Params: payload, Error: word, Detail: word}
	}
	for _, personal := range []any{
		operations.EventAnswer{
			EventRow: operations.EventRow{Rules: []operations.RuleOutcome{{Rule: "r"}}}, Payload: payload, Done: []operations.ActionView{action()},
			Explained: &operations.Explained{Rules: []rules.Explanation{{If: []*rules.Clause{{Facts: []rules.Fact{{Value: payload}}}}}}},
		},
		operations.SubjectAnswer{Entries: []operations.SubjectEntry{{Done: []operations.ActionView{action()}}}},
		operations.ActionsAnswer{Actions: []operations.ActionView{action()}},
		operations.ActionAnswer{
			ActionView: action(), History: []operations.AttemptView{{Error: word}}, Pick: &operations.PickView{Record: payload},
		},
	} {
		if text := string(mustJSON(t, personal)); !strings.Contains(text, word) {
			t.Errorf("%T has nothing to hide: %s", personal, text)
		}
		hidden, err := withoutText(personal)
		if text := string(mustJSON(t, hidden)); err != nil || strings.Contains(text, word) || !strings.Contains(text, hiddenText) {
			t.Errorf("%T: %s %v", personal, text, err)
		}
	}
	if hidden, err := withoutText(answer); err == nil {
		t.Errorf("an answer that nobody thought of: %v", hidden)
	}
	c := newConsole(t, func(o *Options) {
		o.HideText = true
		o.Status = func(context.Context) (Status, error) {
			return Status{Dead: []store.Action{{Error: word}}, Parked: []store.Action{{Error: word}}}, nil
		}
		o.Shadow = func(context.Context, string, string, time.Time) (*shadow.Report, error) {
			return &shadow.Report{Events: 1, Rules: []*shadow.RuleReport{{Rule: "r", Actions: []*shadow.ActionReport{{Action: word}}}}}, nil
		}
		o.Operations["personal"] = Operation{Needs: View, Personal: true, Do: func(context.Context, []byte, func(any)) (any, error) { return answer, nil }}
	})
	shown := 0
	for _, one := range c.routes() {
		path := strings.NewReplacer("*", "console.css", "{operation}", "other").Replace(one.path)
		if body := ask(c, one.method, path, bearer(viewToken)).Body.String(); strings.Contains(body, word) {
			t.Errorf("%s %s shows it", one.method, one.path)
		}
		if strings.Contains(ask(c, one.method, path, bearer(operateToken)).Body.String(), word) {
			shown++
		}
	}
	if shown != 3 {
		t.Errorf("%d routes show it to those who operate, want 3: the test shows nothing", shown)
	}
}

func mustJSON(t *testing.T, v any) []byte {
	t.Helper()
	rec := httptest.NewRecorder()
	if err := answerJSON(rec, 200, v); err != nil {
		t.Fatal(err)
	}
	return []byte(strings.TrimSpace(rec.Body.String()))
}

func TestStatic(t *testing.T) {
	c := newConsole(t, nil)
	address, err := staticAddress("console.css")
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{address: "public, max-age=31536000, immutable", "/static/console.css?v=old": "no-cache", "/static/": "no-store", "/static/../login.html": "no-store"} {
		if got := ask(c, "GET", path, nil).Header().Get("Cache-Control"); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
}

// TestPeople_file: a changed file is taken over, a bad one is not, and no problem repeats a token.
func TestPeople_file(t *testing.T) {
	path := filepath.Join(t.TempDir(), "access.yaml")
	const good = "version: 1\npeople:\n  - name: ada\n    role: operate\n    token_sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\n"
	synctest.Test(t, func(t *testing.T) {
		write := func(text string) {
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			time.Sleep(lookAgain)
		}
		write(good)
		var log strings.Builder
		p, problems := OpenPeople(nil, path, slog.New(slog.NewTextHandler(&log, nil)))
		if p == nil {
			t.Fatal(problems)
		}
		if who, ok := find(p.Now(), "test"); !ok || who.Access != (Access{"ada", Operate}) {
			t.Errorf("%v %v", who, ok)
		}
		write(strings.Replace(good, "role: operate", "role: boss", 1))
		if who, _ := find(p.Now(), "test"); who.Role != Operate || !strings.Contains(log.String(), "access.yaml:4:11") {
			t.Errorf("%v %s", who, &log)
		}
		write(strings.Replace(good, "operate", "view", 1))
		if who, _ := find(p.Now(), "test"); who.Role != View {
			t.Errorf("%v", who)
		}
	})
	for text, want := range map[string]string{
		"":                                  "access/none",
		"a: [":                              "access/yaml",
		"version: 1\npeople: []":            "access/none",
		"version: 2\npeople: [{name: ada}]": "access/version",
		strings.Replace(good, "9f86", "swb_SECRET", 1):     "access/hash",
		strings.Replace(good, "token_sha256", "SECRET", 1): "access/unknown-key",
		good + good[len("version: 1\npeople:\n"):]:         "access/name",
		strings.Replace(good, "ada", "admin", 1):           "access/name",
		strings.Replace(good, "ada", `"a\nSECRET"`, 1):     "access/name",
	} {
		_, problems := parsePeople("access.yaml", []byte(text))
		if len(problems) == 0 || !slices.ContainsFunc(problems, func(p diag.Problem) bool { return p.Code == want }) {
			t.Errorf("%q: %v, want %s", text, problems, want)
		}
		for _, p := range problems {
			if strings.Contains(p.Message+p.Hint+p.Source, "SECRET") {
				t.Errorf("%+v repeats what stands there", p)
			}
		}
	}
}
