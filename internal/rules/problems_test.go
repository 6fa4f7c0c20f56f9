package rules

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"switchboard/internal/diag"
)

// Every file in testdata/problems is wrong in its own way; beside it is what people get to
// read. UPDATE=1 writes that anew: read the difference.
func TestProblems(t *testing.T) {
	files, err := filepath.Glob("testdata/problems/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal("no files", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			rs, problems := Parse([]Source{{"rules.yaml", text}})
			got := drawn(t, problems)
			if (rs == nil) != diag.HasErrors(problems) {
				t.Errorf("a ruleset: %v, although there are errors: %v", rs != nil, diag.HasErrors(problems))
			}
			golden := strings.TrimSuffix(file, ".yaml") + ".txt"
			if os.Getenv("UPDATE") != "" {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("got:\n%s\nwant:\n%s", got, want)
			}
			checkPlaces(t, string(text), problems)
		})
	}
}

// checkPlaces tells whether every problem stands inside the file and shows its line.
func checkPlaces(t *testing.T, text string, problems []diag.Problem) {
	t.Helper()
	lines := strings.Split(strings.TrimPrefix(text, "\ufeff"), "\n")
	for _, p := range problems {
		if p.Line == 0 {
			continue
		}
		if p.Line > len(lines) || p.Line < 0 {
			t.Errorf("line %d of %d: %+v", p.Line, len(lines), p)
			continue
		}
		line := strings.TrimSuffix(lines[p.Line-1], "\r")
		if p.Source != strings.ToValidUTF8(line, "\ufffd") {
			t.Errorf("line %d is %q, shown is %q", p.Line, line, p.Source)
		}
		if n := len([]rune(line)); p.Column < 1 || p.Column > n+1 || p.EndColumn <= p.Column {
			t.Errorf("columns %d to %d of %d: %+v", p.Column, p.EndColumn, n, p)
		}
		if p.Message == "" || p.Code == "" || strings.ContainsAny(p.Message+p.Hint, "\n") {
			t.Errorf("not one line each: %+v", p)
		}
	}
}
