package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

type alertFile struct {
	Groups []struct {
		Rules []struct {
			Alert, Expr         string
			Labels, Annotations map[string]string
		}
	}
}

// TestAlerts holds the alerts against the runbooks, their tests and the metrics of the service.
func TestAlerts(t *testing.T) {
	var file alertFile
	if err := yaml.Unmarshal([]byte(readFile(t, "../../deploy/prometheus/alerts.yaml")), &file); err != nil {
		t.Fatal(err)
	}
	index, tests := readFile(t, "../../docs/runbooks/README.md"), readFile(t, "../../deploy/prometheus/alerts.test.yaml")
	known := descriptions(testApp(t))
	pages := []string{"README.md"}
	for _, rule := range file.Groups[0].Rules {
		page := strings.TrimPrefix(rule.Alert, "Switchboard") + ".md"
		pages = append(pages, page)
		if rule.Annotations["runbook_url"] != "docs/runbooks/"+page {
			t.Errorf("%s leads to %q", rule.Alert, rule.Annotations["runbook_url"])
		}
		row := "| [" + rule.Alert + "](" + page + ") | " + rule.Labels["severity"] + " | " + rule.Annotations["summary"] + " |"
		if !strings.Contains(index, row) {
			t.Errorf("docs/runbooks/README.md lacks\n%s", row)
		}
		if strings.Count(tests, "alertname: "+rule.Alert) < 2 {
			t.Errorf("alerts.test.yaml does not show %s firing and silent", rule.Alert)
		}
		expectMetrics(t, rule.Alert, rule.Expr, known)
	}
	expectPages(t, pages)
}

// expectPages compares the runbooks that there are with those that there should be.
func expectPages(t *testing.T, want []string) {
	t.Helper()
	entries, err := os.ReadDir("../../docs/runbooks")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
		if e.Name() == "README.md" {
			continue
		}
		text := readFile(t, filepath.Join("../../docs/runbooks", e.Name()))
		for _, heading := range []string{"# Switchboard" + strings.TrimSuffix(e.Name(), ".md"), "## Meaning", "## Impact", "## How to look", "## How to mend it"} {
			if !strings.Contains(text, heading+"\n\n") {
				t.Errorf("runbook %s lacks %q", e.Name(), heading)
			}
		}
	}
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("there are the runbooks\n%q, the alerts want\n%q", got, want)
	}
}

var (
	inExpression = regexp.MustCompile(`(switchboard_[a-z_]+)(?:\{([^}]*)\})?`)
	matcher      = regexp.MustCompile(`(\w+)\s*(?:=~|!~|!=|=)\s*"`)
)

// expectMetrics complains about metrics of an expression, or labels that it selects by, that the service has not.
func expectMetrics(t *testing.T, where, expr string, known []description) {
	t.Helper()
	for _, m := range inExpression.FindAllStringSubmatch(expr, -1) {
		if strings.HasPrefix(m[1], "switchboard_custom_") {
			continue // what rules count
		}
		at := slices.IndexFunc(known, func(d description) bool {
			return d.name == m[1] || d.name == strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(m[1], "_bucket"), "_sum"), "_count")
		})
		if at < 0 {
			t.Errorf("%s asks for %s, which the service has not", where, m[1])
			continue
		}
		for _, label := range matcher.FindAllStringSubmatch(m[2], -1) {
			if !slices.Contains([]string{"job", "instance", "workspace", "le"}, label[1]) && !slices.Contains(known[at].labels, label[1]) {
				t.Errorf("%s selects %s by %s, a label it has not", where, m[1], label[1])
			}
		}
	}
}
