package rules

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"switchboard/internal/diag"
	"switchboard/internal/diag/codes"
)

// The examples of a code show it: the wrong one has it, and the right one has no problem at all.
func TestCodes_examples(t *testing.T) {
	without := []string{ // a few lines of a rules file cannot show them
		"rules/cannot-read", "rules/control-character", "rules/http-secret", "rules/not-utf8", "rules/too-large",
	}
	for _, code := range codes.All() {
		if strings.HasPrefix(code.Name, "workspaces/") || code.Online {
			continue
		}
		if code.Wrong == "" {
			if !slices.Contains(without, code.Name) {
				t.Errorf("%s has no examples", code.Name)
			}
			continue
		}
		_, problems := Parse([]Source{{"wrong", []byte(exampleFile(code.Wrong))}})
		if !slices.ContainsFunc(problems, func(p diag.Problem) bool { return p.Code == code.Name && p.Severity == code.Severity }) {
			t.Errorf("the wrong example of %s does not have it:\n%s%s", code.Name, code.Wrong, drawn(t, problems))
		}
		// Rules are loaded from files as they are parsed here.
		name := filepath.Join(t.TempDir(), "wrong.yaml")
		if err := os.WriteFile(name, []byte(exampleFile(code.Wrong)), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, loaded := Load([]string{name}); len(loaded) != len(problems) {
			t.Errorf("%s: loading it finds %d problems, parsing it %d", code.Name, len(loaded), len(problems))
		}
		if _, problems := Parse([]Source{{"right", []byte(exampleFile(code.Right))}}); len(problems) > 0 {
			t.Errorf("the right example of %s:\n%s%s", code.Name, code.Right, drawn(t, problems))
		}
	}
}

// exampleFile makes a whole file of an example, which may be rules, or the keys behind the version.
func exampleFile(example string) string {
	switch {
	case strings.HasPrefix(example, "- "):
		return "version: 1\nrules:\n  " + strings.ReplaceAll(example, "\n", "\n  ")
	case strings.HasPrefix(example, "version:"), strings.HasPrefix(example, "#"):
		return example
	}
	return "version: 1\n" + example
}
