package main

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/prometheus/client_golang/prometheus"

	"switchboard/internal/actions"
	"switchboard/internal/app"
	"switchboard/internal/console"
	"switchboard/internal/diag"
	"switchboard/internal/event"
	"switchboard/internal/intercom"
	"switchboard/internal/rules"
	"switchboard/internal/ruletest"
)

const readme = "../../README.md"

// TestReadmeSettings holds the table of settings against the flags of serve.
func TestReadmeSettings(t *testing.T) {
	text := readFile(t, readme)
	for _, field := range reflect.VisibleFields(reflect.TypeFor[serveCmd]()) {
		tag := field.Tag
		if _, hidden := tag.Lookup("hidden"); hidden || field.Anonymous {
			continue
		}
		flag := tag.Get("name")
		if flag == "" {
			flag = regexp.MustCompile(`([a-z0-9])([A-Z])`).ReplaceAllString(field.Name, "$1-$2")
		}
		help := strings.ReplaceAll(tag.Get("help"), "${webhook_path}", app.WebhookPath)
		def := ""
		if tag.Get("default") != "" {
			def = "`" + tag.Get("default") + "`"
		}
		row := fmt.Sprintf("| `--%s` | `%s` | %s | %s |", strings.ToLower(flag), tag.Get("env"), def, help)
		if !strings.Contains(text, strings.ReplaceAll(row, "|  |", "| |")) && !strings.Contains(text, row) {
			t.Errorf("README.md lacks this row of the settings:\n%s", row)
		}
	}
}

// testApp is an app that is built and not started, for its registry.
func testApp(t *testing.T) *prometheus.Registry {
	t.Helper()
	registry := prometheus.NewRegistry()
	dir := t.TempDir()
	a, err := app.New(t.Context(), app.Options{
		Database: "sqlite:" + filepath.Join(dir, "state.db"),
		Rules:    []string{writeFile(t, dir, "rules.yaml", "version: 1\nrules:\n  - name: r\n    when: ping\n    then: [close]\n")},
		Listen:   "127.0.0.1:0", AdminListen: "127.0.0.1:0",
		Token: testToken, Secrets: []string{testSecret}, BaseURL: "http://127.0.0.1:1", Registry: registry,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Stop(t.Context()) })
	return registry
}

// documentedTests runs tests that a document shows, by the rules of rules.example.yaml.
func documentedTests(t *testing.T, text string) {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]string{"rules.yaml": readFile(t, "../../rules.example.yaml"), "rules.test.yaml": text} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	file, problems := ruletest.Load(filepath.Join(dir, "rules.test.yaml"))
	complain(t, problems)
	if file == nil {
		return
	}
	report, err := ruletest.Run(t.Context(), []*ruletest.File{file}, nil, nil)
	if err != nil || report.Failed() > 0 {
		t.Errorf("%v: %+v", err, report)
	}
}

var yamlBlock = regexp.MustCompile("(?ms)^```yaml\n(.*?)^```")

// TestDocumentedRules checks every complete rules file in the documents, and the examples.
func TestDocumentedRules(t *testing.T) {
	pages, err := filepath.Glob("../../docs/*.md")
	if err != nil || len(pages) == 0 {
		t.Fatal("no documents:", err)
	}
	checked := 0
	for _, name := range append(pages, readme) {
		for _, m := range yamlBlock.FindAllStringSubmatch(readFile(t, name), -1) {
			if !strings.HasPrefix(m[1], "version: 1\n") || strings.Contains(m[1], "\nworkspaces:") {
				continue
			}
			if strings.Contains(m[1], "\npeople:") {
				_, problems := console.OpenPeople(nil, writeFile(t, t.TempDir(), "people.yaml", m[1]), slog.New(slog.DiscardHandler))
				complain(t, problems)
				continue
			}
			if strings.Contains(m[1], "\ntests:") {
				documentedTests(t, m[1])
				continue
			}
			_, problems := rules.Parse([]rules.Source{{Name: filepath.Base(name), Text: []byte(m[1])}})
			complain(t, problems)
			checked++
		}
	}
	if checked < 3 {
		t.Errorf("found %d rules files in the documents; the pattern must be wrong", checked)
	}
	examples, err := filepath.Glob("../../examples/*/rules.yaml")
	if err != nil || len(examples) == 0 {
		t.Fatal("no examples:", err)
	}
	for _, path := range append(examples, "../../rules.example.yaml") {
		_, problems := rules.Load([]string{path})
		complain(t, problems)
	}
}

const actionsPage = "../../docs/actions.md"

// TestDocumentedActions holds the reference of the actions against the code: each has a section
// with examples that pass the check, and is in the tables of that page and of docs/rules.md.
func TestDocumentedActions(t *testing.T) {
	text, reference := readFile(t, actionsPage), readFile(t, "../../docs/rules.md")
	var documented []string
	for _, part := range strings.Split(text, "\n## ")[1:] {
		kind, section, _ := strings.Cut(part, "\n")
		if kind == "What all actions share" {
			continue
		}
		documented = append(documented, kind)
		if !strings.Contains(text, "\n| ["+kind+"](#"+kind+") |") {
			t.Errorf("the table of docs/actions.md lacks %s", kind)
		}
		if !strings.Contains(reference, "[`"+kind+"`](actions.md#"+kind+")") {
			t.Errorf("docs/rules.md does not lead to %s", kind)
		}
		shown := false
		for _, m := range yamlBlock.FindAllStringSubmatch(section, -1) {
			rs, problems := rules.Parse([]rules.Source{{Name: kind, Text: []byte(wholeRule(m[1]))}})
			complain(t, problems)
			shown = shown || uses(rs, kind)
		}
		if !shown {
			t.Errorf("no example in the section of %s uses it", kind)
		}
	}
	if want := actions.Names(); !slices.Equal(documented, want) {
		t.Errorf("docs/actions.md has sections for\n%q, there are\n%q", documented, want)
	}
}

// wholeRule makes a rules file of an example that is a part of a rule: its actions, and
// perhaps its topics.
func wholeRule(example string) string {
	if strings.HasPrefix(example, "version:") {
		return example
	}
	if !strings.HasPrefix(example, "when:") {
		example = "when: conversation.user.created\n" + example
	}
	indented := strings.ReplaceAll(strings.TrimRight(example, "\n"), "\n", "\n    ")
	return "version: 1\nrules:\n  - name: example\n    " + indented + "\n"
}

func uses(rs *rules.Ruleset, kind string) bool {
	if rs == nil {
		return false
	}
	_, _, _, found := rs.FirstUse(kind)
	return found
}

// TestDocumentedHTTPBody holds the body that docs/actions.md shows against what http sends.
func TestDocumentedHTTPBody(t *testing.T) {
	_, after, _ := strings.Cut(readFile(t, actionsPage), "```json\n")
	shown, _, _ := strings.Cut(after, "```")
	rs, problems := rules.Parse([]rules.Source{{Name: "http", Text: []byte(wholeRule(
		"then: [{http: {url: 'https://hooks.acme.test/', body: {order: A-17}}}]"))}})
	complain(t, problems)
	d, err := rs.Evaluate(t.Context(), rules.Input{Now: time.Unix(1772600768, 0), Event: event.Event{
		ID: "notif_1c9e", Topic: "conversation.user.created", Workspace: "abc123", Subject: "conversation/77",
		CreatedAt: time.Unix(1772600767, 0), Payload: []byte(`{"topic":"conversation.user.created","data":{"item":{"type":"conversation","id":"77",
			"source":{"author":{"type":"user","id":"c9"}}}}}`),
	}})
	if err != nil || len(d.Rules) != 1 || len(d.Rules[0].Actions) != 1 {
		t.Fatalf("%+v, %v", d, err)
	}
	var params struct{ Body json.RawMessage }
	if err := json.Unmarshal(d.Rules[0].Actions[0].Params, &params); err != nil {
		t.Fatal(err)
	}
	want := strings.ReplaceAll(shown, `"rule": "refunds"`, `"rule": "example"`)
	if flat(t, want) != flat(t, string(params.Body)) {
		t.Errorf("docs/actions.md shows\n%s\nhttp sends\n%s", shown, params.Body)
	}
}

// flat is JSON in one form, whatever its spaces.
func flat(t *testing.T, text string) string {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestDocumentedOperations holds the table of docs/intercom.md against the calls of the client
// and the code that makes them.
func TestDocumentedOperations(t *testing.T) {
	callers := callersOfOperations(t)
	var want []string
	for _, o := range intercom.Operations() {
		by := strings.Join(callers[o.Name], ", ")
		if by == "" {
			by = "`switchboard api`"
		}
		want = append(want, fmt.Sprintf("| `%s %s` | `%s` | %s | %s | %s |", o.Method, o.Endpoint, o.Name, by, o.Repeat, o.Doubt))
	}
	got := regexp.MustCompile("(?m)^\\| `(?:GET|POST|PUT|PATCH|DELETE) /.*$").FindAllString(readFile(t, "../../docs/intercom.md"), -1)
	for _, row := range want {
		if !slices.Contains(got, row) {
			t.Errorf("docs/intercom.md lacks this row:\n%s", row)
		}
	}
	for _, row := range got {
		if !slices.Contains(want, row) {
			t.Errorf("docs/intercom.md has this row, the code has not:\n%s", row)
		}
	}
}

// callersOfOperations tells for each method of the client what calls it, in the words of
// docs/intercom.md: actions, look-ups, names, snapshots and read-backs.
func callersOfOperations(t *testing.T) map[string][]string {
	t.Helper()
	callers := map[string][]string{}
	add := func(source, word string) {
		for _, m := range clientCall.FindAllStringSubmatch(source, -1) {
			by := word
			if strings.HasPrefix(m[1], "Untag") { // tag.go has the calls of both
				by = linked("untag")
			}
			if !slices.Contains(callers[m[1]], by) {
				callers[m[1]] = append(callers[m[1]], by)
			}
		}
	}
	for _, name := range []string{"actions/pick.go", "intercom/crew.go"} { // what assign does when it picks
		add(readFile(t, "../../internal/"+name), linked("assign"))
	}
	for _, name := range actions.Names() {
		add(readFile(t, "../../internal/actions/"+name+".go"), linked(name))
	}
	for _, name := range []string{"note", "reply"} { // what they have in common is in one file
		add(readFile(t, "../../internal/actions/words.go"), linked(name))
	}
	add(readFile(t, "../../internal/actions/readback.go"), "read-backs")
	for _, answer := range strings.Split(readFile(t, "../../internal/engine/facts.go"), "case rules.Ask")[1:] {
		kind, _, _ := strings.Cut(answer, ":")
		add(answer, "look-up `"+strings.ToLower(kind)+"`")
	}
	add(readFile(t, "../../internal/intercom/directory.go"), "names")
	add(readFile(t, "../../internal/workspace/read.go"), "[snapshots](snapshot.md)")
	return callers
}

// clientCall is a call of the client, or its method as a value, in the sources that make them.
var clientCall = regexp.MustCompile(`(?:\b[cC]lient\.|\bfetch: +c\.|return (?:\w+, err := )?c\.|:= c\.)([A-Z]\w+)\b`)

func linked(kind string) string { return "[" + kind + "](actions.md#" + kind + ")" }

// TestDocumentedLinks shows that links between the documents lead to pages and headings that
// there are.
func TestDocumentedLinks(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)\s]*)\)`)
	var pages []string
	for _, pattern := range []string{"../../*.md", "../../docs/*.md", "../../docs/adr/*.md", "../../docs/runbooks/*.md", "../../deploy/*.md"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		pages = append(pages, found...)
	}
	for _, page := range pages {
		for _, m := range link.FindAllStringSubmatch(readFile(t, page), -1) {
			to, heading, _ := strings.Cut(m[1], "#")
			target := filepath.Join(filepath.Dir(page), to)
			switch {
			case strings.Contains(m[1], "://"):
				continue
			case to == "":
				target = page
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s leads to %s, which is not there", page, to)
			} else if heading != "" && !slices.Contains(headings(readFile(t, target)), heading) {
				t.Errorf("%s leads to %s, which has no heading #%s", page, target, heading)
			}
		}
	}
}

// headings are the names by which links know the headings of a page.
func headings(text string) (names []string) {
	for line := range strings.Lines(yamlBlock.ReplaceAllString(text, "")) {
		title, is := strings.CutPrefix(strings.TrimLeft(line, "#"), " ")
		if !is || !strings.HasPrefix(line, "#") {
			continue
		}
		names = append(names, strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-', r == '_', unicode.IsLetter(r), unicode.IsDigit(r):
				return unicode.ToLower(r)
			}
			return -1
		}, strings.TrimSpace(title)))
	}
	return names
}

func complain(t *testing.T, problems []diag.Problem) {
	t.Helper()
	if len(problems) > 0 {
		var b strings.Builder
		_ = diag.WriteText(&b, problems, false)
		t.Error(b.String())
	}
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

var echoRow = regexp.MustCompile("(?m)^\\| `([^`]+)` \\| (conversation|contact|ticket) \\|(.*)\\|$")

// TestDocumentedEchoes holds the table of what comes back against what check looks for loops by.
func TestDocumentedEchoes(t *testing.T) {
	rows := echoRow.FindAllStringSubmatch(readFile(t, "../../docs/actions.md"), -1)
	kinds := map[string]bool{"count": true}
	for _, row := range rows {
		kind, _, _ := strings.Cut(row[1], ":")
		kinds[kind] = true
		text := "version: 1\nrules:\n  - name: r\n    when: " + row[2] + ".*\n    then:\n      - " + row[1] + "\n"
		rs, problems := rules.Parse([]rules.Source{{Name: "actions.md", Text: []byte(text)}})
		if rs == nil {
			t.Errorf("%s: %v", row[1], problems)
			continue
		}
		var want []string
		for _, e := range rs.Echoes("r") {
			for _, topic := range e.Topics {
				update := !strings.HasSuffix(topic, ".created") && strings.Contains(row[3], "what updates have")
				if !oldTopic(topic) && !update {
					want = append(want, "`"+topic+"`")
				}
			}
		}
		if got := regexp.MustCompile("`[^`]+`").FindAllString(row[3], -1); !slices.Equal(got, want) {
			t.Errorf("docs/actions.md has %s on a %s bring back %v, and it is %v", row[1], row[2], got, want)
		}
	}
	for _, kind := range actions.Names() {
		if !kinds[kind] {
			t.Errorf("docs/actions.md does not say what %s brings back", kind)
		}
	}
}

// oldTopic tells whether a topic is one of API 1.x, where leads are contacts and users are users.
func oldTopic(topic string) bool {
	words := strings.Split(topic, ".")
	newer := []string{"user", "lead", "archived", "email"}
	return words[0] == "user" || words[0] == "contact" && !slices.Contains(newer, words[1])
}
