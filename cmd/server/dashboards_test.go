package main

import (
	"encoding/json"
	"path/filepath"
	"testing"
)

type dashboard struct {
	Panels []struct {
		Type, Title, Description string
		Datasource               struct{ UID string }
		FieldConfig              struct{ Defaults struct{ Unit string } }
		Targets                  []struct{ Expr string }
	}
}

// TestDashboards shows that the dashboards ask for metrics that there are, of the data source
// that is chosen, and that each panel says what it shows and in which unit.
func TestDashboards(t *testing.T) {
	files, err := filepath.Glob("../../deploy/grafana/dashboards/*.json")
	if err != nil || len(files) != 2 {
		t.Fatalf("dashboards: %q, %v", files, err)
	}
	known := descriptions(testApp(t))
	for _, name := range files {
		var d dashboard
		if err := json.Unmarshal([]byte(readFile(t, name)), &d); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, p := range d.Panels {
			if p.Type == "row" {
				continue
			}
			where := filepath.Base(name) + ", " + p.Title
			if p.Description == "" || p.FieldConfig.Defaults.Unit == "" || p.Datasource.UID != "${datasource}" || len(p.Targets) == 0 {
				t.Errorf("%s: lacks a description, a unit, the data source or an expression", where)
			}
			for _, target := range p.Targets {
				expectMetrics(t, where, target.Expr, known)
			}
		}
	}
}
