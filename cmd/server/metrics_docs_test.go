package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
)

const metricsPage = "../../docs/metrics.md"

var metricRow = regexp.MustCompile("(?m)^\\| `(switchboard_[a-z_]+)` \\| (counter|gauge|histogram) \\|")

// TestDocumentedMetrics holds docs/metrics.md against what the service registers, and what it
// registers against the conventions of Prometheus.
func TestDocumentedMetrics(t *testing.T) {
	text := readFile(t, metricsPage)
	registry := testApp(t)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	known := descriptions(registry)
	types := typesOf(families)
	for _, d := range known {
		if want := d.row(types[d.name]); !regexp.MustCompile(`(?m)^` + want).MatchString(text) {
			t.Errorf("docs/metrics.md lacks a row like\n%s", want)
		}
	}
	for _, row := range metricRow.FindAllStringSubmatch(text+readFile(t, readme), -1) {
		if !slices.ContainsFunc(known, func(d description) bool { return d.name == row[1] }) {
			t.Errorf("docs/metrics.md has metric %s, the service has not", row[1])
		}
	}
	problems, err := promlint.NewWithMetricFamilies(own(families)).Lint()
	if err != nil || len(problems) > 0 {
		t.Errorf("promlint: %v, %v", problems, err)
	}
}

// TestReadmeMetrics holds the metrics that the README says to watch against the service.
func TestReadmeMetrics(t *testing.T) {
	known := descriptions(testApp(t))
	for _, name := range regexp.MustCompile("`(switchboard_[a-z_]+)`").FindAllStringSubmatch(readFile(t, readme), -1) {
		if !slices.ContainsFunc(known, func(d description) bool { return d.name == name[1] }) {
			t.Errorf("README.md has metric %s, the service has not", name[1])
		}
	}
}

func own(families []*dto.MetricFamily) []*dto.MetricFamily {
	return slices.DeleteFunc(families, func(f *dto.MetricFamily) bool { return !strings.HasPrefix(f.GetName(), "switchboard_") })
}

// typesOf are the types of the metrics that have samples; those of others are not told.
func typesOf(families []*dto.MetricFamily) map[string]string {
	types := map[string]string{}
	for _, f := range families {
		types[f.GetName()] = strings.ToLower(f.GetType().String())
	}
	return types
}

type description struct {
	name, help string
	labels     []string
}

// row is the pattern of the line that describes the metric in docs/metrics.md, up to the help.
func (d description) row(kind string) string {
	if kind == "" {
		kind = "(counter|gauge|histogram)"
	}
	labels := ""
	if len(d.labels) > 0 {
		labels = "`" + strings.Join(d.labels, "`, `") + "` "
	}
	return fmt.Sprintf("\\| `%s` \\| %s \\| %s\\| %s \\| .+ \\|$", d.name, kind, labels, regexp.QuoteMeta(d.help))
}

// descriptions are the names, helps and labels of everything registered, gathered or not yet.
func descriptions(registry *prometheus.Registry) []description {
	ch := make(chan *prometheus.Desc)
	go func() {
		registry.Describe(ch)
		close(ch)
	}()
	form := regexp.MustCompile(`fqName: "(switchboard_[a-z_]+)", help: "(.*?)", .*constLabels: \{(.*?)\}, variableLabels: \{(.*?)\}`)
	label := regexp.MustCompile(`(\w+)(?:="[^"]*")?`)
	var list []description
	for d := range ch {
		if m := form.FindStringSubmatch(d.String()); m != nil {
			own := description{name: m[1], help: m[2]}
			for _, l := range label.FindAllStringSubmatch(m[3]+","+m[4], -1) {
				own.labels = append(own.labels, l[1])
			}
			list = append(list, own)
		}
	}
	return list
}
