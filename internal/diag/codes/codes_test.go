package codes

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"switchboard/internal/diag"
)

func TestAll(t *testing.T) {
	form := regexp.MustCompile(`^[a-z]+/[a-z0-9-]+$`)
	list := All()
	for i, c := range list {
		if !form.MatchString(c.Name) || i > 0 && list[i-1].Name >= c.Name {
			t.Errorf("%q is no code, or there twice", c.Name)
		}
		if c.Severity != diag.Error && c.Severity != diag.Warning {
			t.Errorf("%s: severity %q", c.Name, c.Severity)
		}
		if c.Title == "" || strings.ContainsAny(c.Title, "\n|") || strings.HasSuffix(c.Title, ".") {
			t.Errorf("%s: title %q", c.Name, c.Title)
		}
		if !strings.HasSuffix(c.About, ".") {
			t.Errorf("%s: %q", c.Name, c.About)
		}
		if (c.Wrong == "") != (c.Right == "") {
			t.Errorf("%s has one example of two", c.Name)
		}
		for line := range strings.Lines(c.About + "\n" + c.Wrong + c.Right) {
			if line = strings.TrimSuffix(line, "\n"); len(line) > 120 || strings.TrimRight(line, " ") != line {
				t.Errorf("%s: line of %d: %s", c.Name, len(line), line)
			}
		}
		if got, ok := Lookup(c.Name); !ok || got != c {
			t.Errorf("%s is not found", c.Name)
		}
	}
	if _, ok := Lookup("rules/nothing"); ok {
		t.Error("found what is not there")
	}
	list[0].Name = "changed"
	if All()[0].Name == "changed" {
		t.Error("the list can be changed from outside")
	}
}

func TestNearest(t *testing.T) {
	for name, want := range map[string]string{
		"rules/unknwon-topic": "rules/unknown-topic", "unknown-topic": "rules/unknown-topic", "unknwon-topic": "rules/unknown-topic", "loop": "rules/loop",
		"rules/loops": "rules/loop", "parameter": "actions/parameter", "twice": "workspaces/twice", "rules/xyz": "", "": "", "xyz": "",
	} {
		if got, ok := Nearest(name); got != want || ok != (want != "") {
			t.Errorf("Nearest(%q) = %q, %v; want %q", name, got, ok, want)
		}
	}
}

// Of two codes that differ in what stands before the slash, the one of rules is meant.
func TestNearest_prefers_rules(t *testing.T) {
	names := map[string][]string{}
	for _, c := range All() {
		_, short, _ := strings.Cut(c.Name, "/")
		names[short] = append(names[short], c.Name)
	}
	for short, full := range names {
		if i := slices.Index(full, "rules/"+short); i >= 0 {
			if got, _ := Nearest(short); got != full[i] {
				t.Errorf("Nearest(%q) = %q", short, got)
			}
		}
	}
}
