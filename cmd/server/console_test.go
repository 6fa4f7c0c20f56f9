package main

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/net/html"

	"switchboard/internal/console"
	"switchboard/internal/operations"
	"switchboard/internal/rules"
	"switchboard/internal/simulator"
	"switchboard/internal/store"
)

// liveConsole is the console of a demo in which something happened: actions done, a dead letter, a parked reply,
// timers, and a customer who tries to get a script into the pages.
type liveConsole struct {
	*demo
	t   *testing.T
	url string
}

const hostile = `"><script src=//evil.test></script><img src=x onerror=alert(1)>`

func startConsole(t *testing.T) *liveConsole {
	t.Helper()
	dir := t.TempDir()
	rules := writeFile(t, dir, "rules.yaml", `
version: 1
rules:
  - name: answer
    when: conversation.user.created
    if: message.text contains "help" or contact.phone == "nobody"
    then:
      - tag: Seen
      - reply: Hello
      - note: "They wrote: {{ message.text }}"
  - name: tried
    state: shadow
    when: conversation.user.created
    then: [close]
  - name: sla
    when: conversation.user.created
    after: 15m
    cancel_on: conversation.admin.closed
    then:
      - note: "<late>"
`)
	d := &demo{
		cmd:   &demoCmd{Rules: []string{rules}, AdminListen: "127.0.0.1:0", RateLimit: 1000, Rate: 1, Seed: 1},
		story: newStory(io.Discard), token: "test-token", secret: "test-secret",
	}
	if err := d.build(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	c := &liveConsole{demo: d, t: t, url: "http://" + d.app.AdminAddr()}
	go func() { _ = d.sim.Run(t.Context()) }()
	t.Cleanup(func() { _ = d.finish(context.WithoutCancel(t.Context())) })
	c.live()
	return c
}

// live lets things happen until there is one of everything.
func (c *liveConsole) live() {
	c.t.Helper()
	customer := c.sim.AddContact(simulator.Contact{Name: hostile, Email: "mallory@evil.test"})
	c.sim.FaultNext(simulator.Fault{Kind: simulator.FailBefore, Endpoint: "POST /conversations/{id}/tags", Status: http.StatusUnprocessableEntity})
	for _, text := range []string{"help " + hostile, "please help", "no"} {
		if _, err := c.sim.CustomerStarts(customer, text); err != nil {
			c.t.Fatal(err)
		}
		c.settle(c.t.Context())
	}
}

// answer is what the console answered.
type answer struct {
	code   int
	header http.Header
	body   string
}

func (c *liveConsole) do(method, path string, form url.Values, header ...string) answer {
	c.t.Helper()
	req, err := http.NewRequestWithContext(c.t.Context(), method, c.url+path, strings.NewReader(form.Encode()))
	if err != nil {
		c.t.Fatal(err)
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return answer{res.StatusCode, res.Header, string(body)}
}

var internalLink = regexp.MustCompile(`href="(/[^"]*)"`)

// TestConsole_every_page follows every link of the console: each is answered, is whole, runs nothing that a
// customer wrote, and has the same as JSON below /api/v1.
func TestConsole_every_page(t *testing.T) {
	c := startConsole(t)
	const most = 120
	todo, seen, kinds := []string{"/"}, map[string]bool{"/": true}, map[string]int{}
	for len(todo) > 0 && len(seen) < most {
		path := todo[0]
		todo = todo[1:]
		got := c.do(http.MethodGet, path, nil)
		if got.code != http.StatusOK {
			t.Errorf("%s: %d", path, got.code)
		}
		if !strings.HasPrefix(got.header.Get("Content-Type"), "text/html") {
			continue
		}
		kinds[regexp.MustCompile(`[0-9]+|\?.*`).ReplaceAllString(path, "")]++
		c.sound(path, got)
		for _, link := range internalLink.FindAllStringSubmatch(got.body, -1) {
			next := html.UnescapeString(link[1])
			if !seen[next] {
				seen[next] = true
				todo = append(todo, next)
			}
		}
	}
	for _, kind := range []string{"/", "/events", "/events/", "/actions", "/actions/", "/timers", "/shadow", "/subjects/conversation/"} {
		if kinds[kind] == 0 {
			t.Errorf("no link leads to a page such as %s", kind)
		}
	}
}

// sound holds a page against what every page has to have.
func (c *liveConsole) sound(path string, got answer) {
	c.t.Helper()
	if policy := got.header.Get("Content-Security-Policy"); !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") {
		c.t.Errorf("%s: policy %q", path, policy)
	}
	if !strings.HasSuffix(strings.TrimSpace(got.body), "</html>") {
		c.t.Errorf("%s: the page breaks off", path)
	}
	page, err := html.Parse(strings.NewReader(got.body))
	if err != nil {
		c.t.Errorf("%s: %s", path, err)
		return
	}
	titles, headings := 0, 0
	for n := range page.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		switch n.Data {
		case "script":
			if !strings.HasPrefix(attribute(n, "src"), "/static/htmx.min.js?v=") || n.FirstChild != nil {
				c.t.Errorf("%s: there is a script that is not ours", path)
			}
		case "img", "style", "iframe", "object":
			c.t.Errorf("%s: there is a <%s>", path, n.Data)
		case "title":
			titles++
		case "h1":
			headings++
		case "input", "select":
			if kind := attribute(n, "type"); kind != "hidden" && attribute(n, "aria-label") == "" && n.Parent.Data != "label" {
				c.t.Errorf("%s: a field %q without a label", path, attribute(n, "name"))
			}
		}
		for _, a := range n.Attr {
			if strings.HasPrefix(a.Key, "on") || a.Key == "style" {
				c.t.Errorf("%s: <%s %s>", path, n.Data, a.Key)
			}
		}
	}
	if titles != 1 || headings != 1 {
		c.t.Errorf("%s: %d titles and %d headings of the first order, want one each", path, titles, headings)
	}
	if !strings.HasPrefix(path, "/events") && !strings.HasPrefix(path, "/actions") && !strings.HasPrefix(path, "/timers") && !strings.HasPrefix(path, "/subjects") {
		return
	}
	if got := c.do(http.MethodGet, "/api/v1"+path, nil); got.code != http.StatusOK || !json.Valid([]byte(got.body)) {
		c.t.Errorf("/api/v1%s: %+v", path, got)
	}
}

func attribute(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

// TestConsole_why: a page says what happened and why.
func TestConsole_why(t *testing.T) {
	c := startConsole(t)
	for path, wants := range map[string][]string{
		"/events?outcome=ran":            {"answer", "conversation.user.created", "tag Seen"},
		"/events?rule=tried":             {"would have run", "close"},
		"/events/1":                      {`message.text contains &#34;help&#34;`, "Every rule, and why", "&lt;script src=//evil.test&gt;", "waits 15m"},
		"/actions?state=dead":            {"tag Seen", "422", "Retry those chosen"},
		"/actions?state=held":            {"reply", "held"},
		"/actions?state=done&kind=reply": {"conversation/"},
		"/timers":                        {"sla", "conversation.admin.closed"},
	} {
		if got := c.do(http.MethodGet, path, nil); !containsAll(got.body, wants...) {
			t.Errorf("%s lacks one of %q:\n%s", path, wants, got.body)
		}
	}
	if got := c.do(http.MethodGet, c.eventWhere("rule=answer&outcome=did_not_match"), nil); !containsAll(got.body, "this decided", "contact.phone", "(looked up)") {
		t.Errorf("the page about an event that a rule did not match:\n%s", got.body)
	}
	for path, wants := range map[string][]string{
		"/events?colour=red":      {"no field &#34;colour&#34;"},
		"/events?since=yesterday": {"such as 2026-03-02T09:15"},
		"/events/4711":            {"4711"},
		"/actions/none":           {"write a number"},
		"/actions?limit=100000":   {"from 1 to 200"},
		"/events?text=%ff":        {"no text that can be looked for"},
	} {
		got := c.do(http.MethodGet, path, nil)
		if got.code != http.StatusUnprocessableEntity || !containsAll(got.body, append(wants, `role="alert"`)...) {
			t.Errorf("%s: %d, lacks one of %q:\n%s", path, got.code, wants, got.body)
		}
	}
}

// eventWhere is the page of the newest event that the API finds.
func (c *liveConsole) eventWhere(query string) string {
	c.t.Helper()
	got := c.do(http.MethodGet, "/api/v1/events?limit=1&"+query, nil)
	var found operations.EventsAnswer
	if err := json.Unmarshal([]byte(got.body), &found); err != nil || len(found.Events) != 1 {
		c.t.Fatalf("%s: %v %+v", query, err, got)
	}
	return "/events/" + strconv.FormatInt(found.Events[0].Seq, 10)
}

func containsAll(text string, wants ...string) bool {
	for _, want := range wants {
		if !strings.Contains(text, want) {
			return false
		}
	}
	return true
}

// TestConsole_retry: a dead letter is retried with the button below the list, and what it held back follows.
func TestConsole_retry(t *testing.T) {
	c := startConsole(t)
	dead, err := c.app.Store().ActionsIn(t.Context(), store.StateDead, 10)
	if err != nil || len(dead) != 1 {
		t.Fatalf("dead letters %+v, %v; want one", dead, err)
	}
	for name, tc := range map[string]struct {
		form url.Values
		want int
	}{
		"nothing chosen":     {url.Values{}, http.StatusUnprocessableEntity},
		"not a number":       {url.Values{"id": {"one"}}, http.StatusUnprocessableEntity},
		"not a dead letter":  {url.Values{"id": {"99"}}, http.StatusUnprocessableEntity},
		"no such button":     {url.Values{"id": {"1"}, "parked": {"maybe"}}, http.StatusUnprocessableEntity},
		"it is dead, though": {url.Values{"id": {"1"}, "parked": {"sent"}}, http.StatusUnprocessableEntity},
	} {
		if got := c.do(http.MethodPost, "/actions/retry", tc.form, "Sec-Fetch-Site", "same-origin"); got.code != tc.want || !strings.Contains(got.body, "Not done") {
			t.Errorf("%s: %+v", name, got)
		}
	}
	for name, header := range map[string][]string{"from another site": {"Sec-Fetch-Site", "cross-site"}, "from nobody knows where": nil} {
		if got := c.do(http.MethodPost, "/actions/retry", url.Values{"id": {"1"}}, header...); got.code != http.StatusForbidden {
			t.Errorf("%s: %d, want 403", name, got.code)
		}
	}
	if got := c.do(http.MethodPost, "/actions/retry", url.Values{"id": {"1"}}, "Sec-Fetch-Site", "same-origin"); got.code != http.StatusOK || !strings.Contains(got.body, "tag 1") {
		t.Fatalf("%+v", got)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	c.settle(ctx)
	if st, err := c.app.Store().Stats(t.Context()); err != nil || st.Dead+st.Held != 0 {
		t.Errorf("%+v, %v; want nothing dead or held", st, err)
	}
}

// TestConsole_static: the style sheet is there, and no way leads out of its folder.
func TestConsole_static(t *testing.T) {
	c := startConsole(t)
	if got := c.do(http.MethodGet, "/static/console.css", nil); got.code != http.StatusOK || !strings.Contains(got.body, "--page") {
		t.Errorf("%+v", got)
	}
	for _, path := range []string{"/static/../pages/layout.html", "/static/%2e%2e/console.go", "/static/layout.html"} {
		if c.do(http.MethodGet, path, nil).code == http.StatusOK {
			t.Errorf("%s is served", path)
		}
	}
}

// TestConsole_hidden_text: where customers' text is hidden, the view role finds no word of it on any page, nor in the
// API; the operate role does.
func TestConsole_hidden_text(t *testing.T) {
	c := startConsole(t)
	people := []console.Person{console.NewPerson("ada", console.Operate, "a-token-to-operate"), console.NewPerson("ben", console.View, "a-token-to-view")}
	guarded, err := console.New(console.Options{
		Status: func(context.Context) (console.Status, error) { return console.Status{}, nil },
		Reader: operations.Reader{
			Ruleset: func(string) *rules.Ruleset { return nil }, Workspace: func(name string) (string, bool) { return name, true },
		},
		Store: c.app.Store(), Gatherer: prometheus.NewRegistry(), HideText: true,
		People: func() []console.Person { return people },
	})
	if err != nil {
		t.Fatal(err)
	}
	secrets := regexp.MustCompile(`evil\.test|mallory|onerror|please help`)
	told := 0
	for _, path := range []string{
		"/events", "/events?outcome=ran", "/events/1", "/events/2", "/events/3", "/events/4", "/events/5", "/events/6",
		c.subject(), "/actions", "/actions?state=dead", "/actions/1", "/actions/2", "/actions/3", "/actions/6", "/timers",
	} {
		for _, prefix := range []string{"", "/api/v1"} {
			for _, token := range []string{"a-token-to-operate", "a-token-to-view"} {
				req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, prefix+path, nil)
				req.Header.Set("Authorization", "Bearer "+token)
				rec := httptest.NewRecorder()
				guarded.Handler().ServeHTTP(rec, req)
				if rec.Code != http.StatusOK {
					t.Errorf("%s%s: %d %s", prefix, path, rec.Code, rec.Body)
				}
				found := secrets.FindString(rec.Body.String())
				switch {
				case token == "a-token-to-operate" && found != "":
					told++
				case token == "a-token-to-view" && found != "":
					t.Errorf("%s%s tells the view role %q", prefix, path, found)
				case token == "a-token-to-view" && strings.Contains(rec.Body.String(), `action="/actions/retry"`):
					t.Errorf("%s%s offers the view role to retry", prefix, path)
				}
			}
		}
	}
	if told < 10 {
		t.Errorf("the operate role sees it in %d places only: this test has shown little", told)
	}
}
