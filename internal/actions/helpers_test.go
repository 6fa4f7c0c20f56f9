package actions

import (
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"switchboard/internal/event"
	"switchboard/internal/intercom"
)

// decoder is a small parser of rules files: {{ name }} is replaced from a map.
type decoder struct{ problems []string }

type text struct {
	source string
	html   bool
}

var expression = regexp.MustCompile(`\{\{\s*(\w+)\s*\}\}`)

func (t text) Source() string { return t.source }

func (t text) Constant() (string, bool) { return t.source, !expression.MatchString(t.source) }

func (t text) Render(f Facts) (string, error) {
	var failed error
	s := expression.ReplaceAllStringFunc(t.source, func(m string) string {
		v, ok := f.(map[string]string)[expression.FindStringSubmatch(m)[1]]
		if !ok {
			failed = fmt.Errorf("%s is not known", m)
		}
		if t.html {
			v = html.EscapeString(v)
		}
		return v
	})
	return s, failed
}

func (d *decoder) Text(n *yaml.Node, html bool) Text {
	if strings.Count(n.Value, "{{") != strings.Count(n.Value, "}}") {
		d.Problem(n, "rules/template", "", "a {{ without }}")
		return nil
	}
	return text{n.Value, html}
}

func (d *decoder) Problem(n *yaml.Node, code, hint, format string, args ...any) {
	s := fmt.Sprintf("%d:%d: %s (%s)", n.Line, n.Column, fmt.Sprintf(format, args...), code)
	if hint != "" {
		s += " [" + hint + "]"
	}
	d.problems = append(d.problems, s)
}

func (d *decoder) Fields(n *yaml.Node, known map[string]func(*yaml.Node)) {
	if n.Kind != yaml.MappingNode {
		d.Problem(n, "rules/type", "", "a mapping is expected")
		return
	}
	for i := 0; i < len(n.Content); i += 2 {
		if visit, ok := known[n.Content[i].Value]; ok {
			visit(n.Content[i+1])
		} else {
			d.Problem(n.Content[i], "rules/unknown-key", "", "unknown key %q", n.Content[i].Value)
		}
	}
}

// parse reads one action as it stands in a rules file: "close" or "tag: VIP".
func parse(t *testing.T, src string) (kind Kind, spec Spec, problems []string) {
	t.Helper()
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(src), &doc); err != nil {
		t.Fatalf("%s: %v", src, err)
	}
	n := doc.Content[0]
	name, value := n, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Line: n.Line, Column: n.Column}
	if n.Kind == yaml.MappingNode {
		name, value = n.Content[0], n.Content[1]
	}
	kind, ok := Lookup(name.Value)
	if !ok {
		t.Fatalf("no kind %q", name.Value)
	}
	d := &decoder{}
	spec = kind.Parse(value, d)
	return kind, spec, d.problems
}

// Value is like Render: facts are texts.
func (t text) Value(f Facts) (any, error) { return t.Render(f) }

// Counters are two that a rules file might declare.
func (d *decoder) Counters() []CounterSpec {
	return []CounterSpec{{Name: "plain"}, {Name: "refunds", Labels: []string{"plan", "team"}}}
}

func planOf(facts map[string]string, subject string) Plan {
	return Plan{
		Facts: facts, Now: planTime, At: time.Unix(1772600000, 0), Rule: "a rule", Index: 2,
		Event:   event.Event{ID: "notif_1", Topic: "conversation.user.created", Workspace: "ws", Subject: subject, CreatedAt: time.Unix(1772600000, 0)},
		Contact: func() (string, error) { return "c9", nil },
	}
}

var planTime = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

// plan parses and plans an action on a conversation.
func plan(t *testing.T, src string, facts map[string]string) (Kind, json.RawMessage, error) {
	t.Helper()
	kind, spec, problems := parse(t, src)
	if len(problems) > 0 || spec == nil {
		t.Fatalf("%s: problems %q", src, problems)
	}
	params, err := spec.Plan(planOf(facts, "conversation/77"))
	return kind, params, err
}

// api is an Intercom of one conversation.
type api struct {
	mu         sync.Mutex
	answers    map[string]string // of "METHOD /path"
	statuses   map[string]int
	calls      []string // "METHOD /path body", look-ups of names left out
	names      map[string]int
	deletedTag string   // tagging with it is a 404
	quiet      []string // further look-ups of names
	date       func() time.Time
}

func newAPI() *api {
	return &api{
		statuses: map[string]int{}, names: map[string]int{}, date: time.Now,
		answers: map[string]string{
			"GET /me":                         `{"type":"admin","id":"9","name":"Bot","app":{"id_code":"abc"}}`,
			"GET /admins":                     `{"admins":[{"id":"9","name":"Bot","email":"bot@example.test"},{"id":"10","name":"Ada","email":"ada@example.test"},{"id":"11","name":"Seatless","email":"s@example.test","has_inbox_seat":false}]}`,
			"GET /teams":                      `{"teams":[{"id":"4","name":"Finance"}]}`,
			"GET /tags":                       `{"data":[{"id":"5","name":"VIP"}]}`,
			"POST /tags":                      `{"type":"tag","id":"6","name":"Refund"}`,
			"GET /conversations/77":           conversation(),
			"POST /conversations/77/reply":    conversation(),
			"POST /conversations/77/parts":    conversation(),
			"POST /conversations/77/tags":     `{"type":"tag","id":"5"}`,
			"DELETE /conversations/77/tags/5": `{"type":"tag","id":"5"}`,
		},
	}
}

func (a *api) RoundTrip(r *http.Request) (*http.Response, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	key := r.Method + " " + r.URL.Path
	var body []byte
	if r.Body != nil {
		body, _ = io.ReadAll(r.Body)
	}
	if slices.Contains([]string{"GET /me", "GET /admins", "GET /teams", "GET /tags"}, key) || slices.Contains(a.quiet, key) {
		a.names[key]++
	} else {
		a.calls = append(a.calls, strings.TrimSpace(key+" "+string(body)))
	}
	answer, known := a.answers[key]
	status := a.statuses[key]
	switch {
	case status == 0 && known:
		status = 200
	case status == 0:
		status = 404
	}
	if a.deletedTag != "" && key == "POST /conversations/77/tags" && strings.Contains(string(body), `"id":"`+a.deletedTag+`"`) {
		status = 404
	}
	if status == 404 {
		answer = `{"type":"error.list","errors":[{"code":"not_found","message":"Resource Not Found"}]}`
	}
	h := http.Header{"Date": {a.date().UTC().Format(http.TimeFormat)}}
	return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(answer)), Request: r}, nil
}

func (a *api) env(t *testing.T) *Env {
	t.Helper()
	c, err := intercom.New(intercom.Options{
		BaseURL: "https://api.test", Token: "token", HTTP: &http.Client{Transport: a},
		Budget: intercom.NewMemoryBudget(intercom.BudgetOptions{}),
	})
	if err != nil {
		t.Fatal(err)
	}
	return &Env{Client: c, Directory: intercom.NewDirectory(c, intercom.DirectoryOptions{})}
}

// part is one part of a conversation as Intercom sends it.
type part map[string]any

func conversation(parts ...part) string {
	if parts == nil {
		parts = []part{}
	}
	b, _ := json.Marshal(map[string]any{
		"type": "conversation", "id": "77", "state": "open",
		"conversation_parts": map[string]any{"conversation_parts": parts, "total_count": len(parts)},
	})
	return string(b)
}

// partOf is a part by the admin with this id.
func partOf(id, kind, body, admin string, at time.Time) part {
	p := part{"type": "conversation_part", "id": id, "part_type": kind, "created_at": at.Unix(), "author": map[string]any{"type": "admin", "id": admin}}
	if body != "" {
		p["body"] = body
	}
	return p
}
