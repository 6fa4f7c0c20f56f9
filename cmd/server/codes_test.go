package main

import (
	"bytes"
	"context"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"switchboard/internal/diag"
	"switchboard/internal/diag/codes"
)

var codeForm = regexp.MustCompile(`^(rules|actions|workspaces|names)/[a-z0-9-]+$`)

// Every code that the program can report is in the list of codes, and no other.
func TestCodes_are_those_of_the_code(t *testing.T) {
	reported := map[string]string{}
	for _, pattern := range []string{"*.go", "../../internal/*/*.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatal("no sources", err)
		}
		for _, file := range files {
			if !strings.HasSuffix(file, "_test.go") {
				maps.Copy(reported, codesIn(t, file))
			}
		}
	}
	maps.Copy(reported, map[string]string{codes.Ignore: "codes", codes.UnusedIgnore: "codes"}) // constants there
	listed := map[string]bool{}
	for _, c := range codes.All() {
		listed[c.Name] = true
		if reported[c.Name] == "" {
			t.Errorf("%s is in the list of codes, and nothing reports it", c.Name)
		}
	}
	for name, file := range reported {
		if !listed[name] {
			t.Errorf("%s is reported in %s, and is not in the list of codes (internal/diag/codes)", name, file)
		}
	}
}

// codesIn finds the codes in a source: strings of their form, and what the reader of workspaces adds
// its prefix to.
func codesIn(t *testing.T, file string) map[string]string {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	add := func(e ast.Expr, prefix string) {
		if lit, ok := e.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			if name, err := strconv.Unquote(lit.Value); err == nil && codeForm.MatchString(prefix+name) {
				found[prefix+name] = file
			}
		}
	}
	ast.Inspect(parsed, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ImportSpec:
			return false
		case *ast.BasicLit:
			add(n, "")
		case *ast.CallExpr:
			if called, ok := n.Fun.(*ast.SelectorExpr); ok && filepath.Base(file) == "workspaces.go" && called.Sel.Name == "problem" {
				add(n.Args[1], "workspaces/")
			}
		}
		return true
	})
	return found
}

// Every code is in a text that is held exactly, with its severity.
func TestCodes_are_in_snapshots(t *testing.T) {
	shown := map[string]bool{}
	line := regexp.MustCompile(`(?m): (error|warning): .* \(([a-z]+/[a-z0-9-]+)\)$`)
	for _, pattern := range []string{"testdata/script/*.txt", "../../internal/rules/testdata/problems/*.txt", "../../internal/rules/testdata/loops/refused/*.txt", "../../internal/workspace/testdata/*.txt"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatal("no snapshots", err)
		}
		for _, file := range files {
			for _, m := range line.FindAllStringSubmatch(readFile(t, file), -1) {
				shown[m[2]] = true
				if code, ok := codes.Lookup(m[2]); ok && string(code.Severity) != m[1] && !code.Varies {
					t.Errorf("%s has %s as %s, the list of codes as %s", file, m[2], m[1], code.Severity)
				}
			}
		}
	}
	named := regexp.MustCompile(`(?:error|warning) (names/[a-z-]+):`)
	for _, m := range named.FindAllStringSubmatch(readFile(t, "../../internal/workspace/check_test.go"), -1) {
		shown[m[1]] = true
	}
	for _, code := range codes.All() {
		if !shown[code.Name] {
			t.Errorf("no snapshot shows %s", code.Name)
		}
	}
}

// What docs/check.md says of codes is what the program prints. UPDATE=1 writes it anew.
func TestDocs_pages_codes(t *testing.T) {
	var out, errs bytes.Buffer
	if code := run(context.Background(), []string{"docs", "codes", "--format", "markdown"}, streams{nil, &out, &errs}); code != exitOK {
		t.Fatalf("exit code %d: %s", code, errs.String())
	}
	heading, _, _ := strings.Cut(out.String(), "\n")
	path := filepath.Join("..", "..", "docs", "check.md")
	before, _, found := strings.Cut(readFile(t, path), heading+"\n")
	if !found {
		t.Fatalf("%s has no heading %q", path, heading)
	}
	want := before + out.String()
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if readFile(t, path) != want {
		t.Errorf("%s has other codes than \"switchboard docs codes --format markdown\" prints: run this test with UPDATE=1", path)
	}
	for _, code := range codes.All() {
		page, anchor, _ := strings.Cut(diag.Page(code.Name), "#")
		if page != "docs/check.md" || !slices.Contains(headings(want), anchor) {
			t.Errorf("%s is said to be explained at %s#%s", code.Name, page, anchor)
		}
	}
}
