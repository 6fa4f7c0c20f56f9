package main

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"

	"switchboard/internal/app"
	"switchboard/internal/diag"
	"switchboard/internal/rules"
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
		flag := regexp.MustCompile(`([a-z0-9])([A-Z])`).ReplaceAllString(field.Name, "$1-$2")
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

// TestReadmeMetrics holds the table of metrics against what the service registers, and what
// it registers against the conventions of Prometheus.
func TestReadmeMetrics(t *testing.T) {
	text := readFile(t, readme)
	registry := testApp(t)
	for _, d := range descriptions(registry) {
		if !strings.Contains(text, "| `"+d.name+"` |") || !strings.Contains(text, d.help) {
			t.Errorf("README.md lacks metric %s: %s", d.name, d.help)
		}
	}
	for _, row := range regexp.MustCompile("(?m)^\\| `(switchboard_[a-z_]+)` \\|").FindAllStringSubmatch(text, -1) {
		if !slices.ContainsFunc(descriptions(registry), func(d description) bool { return d.name == row[1] }) {
			t.Errorf("README.md has metric %s, the service has not", row[1])
		}
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	problems, err := promlint.NewWithMetricFamilies(own(families)).Lint()
	if err != nil || len(problems) > 0 {
		t.Errorf("promlint: %v, %v", problems, err)
	}
}

func own(families []*dto.MetricFamily) []*dto.MetricFamily {
	return slices.DeleteFunc(families, func(f *dto.MetricFamily) bool { return !strings.HasPrefix(f.GetName(), "switchboard_") })
}

type description struct{ name, help string }

// descriptions are the names and helps of everything registered, gathered or not yet.
func descriptions(registry *prometheus.Registry) []description {
	ch := make(chan *prometheus.Desc)
	go func() {
		registry.Describe(ch)
		close(ch)
	}()
	form := regexp.MustCompile(`fqName: "(switchboard_[a-z_]+)", help: "(.*?)", (?:unit|constLabels)`)
	var list []description
	for d := range ch {
		if m := form.FindStringSubmatch(d.String()); m != nil {
			list = append(list, description{m[1], m[2]})
		}
	}
	return list
}

// TestDocumentedRules checks every complete rules file in the documents, and the examples.
func TestDocumentedRules(t *testing.T) {
	block := regexp.MustCompile("(?ms)^```yaml\n(version: 1\n.*?)^```")
	checked := 0
	for _, name := range []string{readme, "../../docs/rules.md"} {
		for _, m := range block.FindAllStringSubmatch(readFile(t, name), -1) {
			_, problems := rules.Parse([]rules.Source{{Name: filepath.Base(name), Text: []byte(m[1])}})
			complain(t, problems)
			checked++
		}
	}
	if checked < 3 {
		t.Errorf("found %d rules files in the documents; the pattern must be wrong", checked)
	}
	_, problems := rules.Load([]string{"../../rules.example.yaml"})
	complain(t, problems)
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
