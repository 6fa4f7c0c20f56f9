package rules

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/expr-lang/expr/types"
)

// reference is docs/rules.md; rows are the rows of its tables as cells.
func reference(t *testing.T) (text string, rows [][]string) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "docs", "rules.md"))
	if err != nil {
		t.Fatal(err)
	}
	text = string(b)
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "| `") {
			cells := strings.Split(strings.Trim(line, "|"), "|")
			for i := range cells {
				cells[i] = strings.TrimSpace(cells[i])
			}
			rows = append(rows, cells)
		}
	}
	return text, rows
}

var quoted = regexp.MustCompile("`([^`]*)`")

func quotedIn(cell string) []string {
	var list []string
	for _, m := range quoted.FindAllStringSubmatch(cell, -1) {
		list = append(list, m[1])
	}
	return list
}

// section is the text between a heading and the next of the same or a higher level.
func section(t *testing.T, text, heading string) string {
	t.Helper()
	_, after, found := strings.Cut(text, "\n"+heading+"\n")
	if !found {
		t.Fatalf("docs/rules.md has no %q", heading)
	}
	level := strings.Repeat("#", strings.Count(strings.Fields(heading)[0], "#"))
	for _, end := range []string{"\n## ", "\n" + level + " "} {
		after, _, _ = strings.Cut(after, end)
	}
	return after
}

// leafPaths are all names of facts with their types.
func leafPaths() map[string]types.Type {
	paths := map[string]types.Type{}
	var walk func(prefix string, el *element)
	walk = func(prefix string, el *element) {
		if el.leaf() {
			paths[prefix+el.name] = el.typ
		}
		for _, f := range el.fields {
			walk(prefix+el.name+".", f)
		}
	}
	for _, el := range schema {
		walk("", el)
	}
	return paths
}

// typeInDocs is the word that the reference uses for a type.
func typeInDocs(typ types.Type) string {
	n := typ.Nature()
	switch {
	case typ.Equal(types.Array(types.String)):
		return "list of texts"
	case n.Kind == reflect.Bool:
		return "true or false"
	}
	word := typeWord(n.String())
	for _, article := range []string{"a ", "an "} {
		word = strings.TrimPrefix(word, article)
	}
	return word
}

// The tables of facts in docs/rules.md have every fact, with its type, and no other.
func TestDocs_facts(t *testing.T) {
	text, _ := reference(t)
	facts := section(t, text, "## Facts")
	want := leafPaths()
	seen := map[string]bool{}
	for line := range strings.Lines(facts) {
		cells := strings.Split(line, "|")
		if len(cells) != 5 || !strings.HasPrefix(cells[1], " `") {
			continue
		}
		parent := ""
		for _, name := range quotedIn(cells[1]) {
			if strings.HasPrefix(name, ".") {
				name = parent + name
			}
			parent = name[:max(0, strings.LastIndex(name, "."))]
			if name == "rule.name" || name == "lists.NAME" {
				continue
			}
			typ, ok := want[name]
			if !ok {
				t.Errorf("docs/rules.md has a fact %s, expressions have not", name)
				continue
			}
			seen[name] = true
			if got := strings.TrimSpace(cells[2]); got != typeInDocs(typ) {
				t.Errorf("docs/rules.md says that %s is %q, it is %q", name, got, typeInDocs(typ))
			}
		}
	}
	for name := range want {
		if !seen[name] {
			t.Errorf("docs/rules.md lacks the fact %s (%s)", name, typeInDocs(want[name]))
		}
	}
}

var functionName = regexp.MustCompile(`^[a-zA-Z_]+`)

// The reference has every function, and no other.
func TestDocs_functions(t *testing.T) {
	text, _ := reference(t)
	var named []string
	for line := range strings.Lines(section(t, text, "### Functions")) {
		cells := strings.Split(line, "|")
		if len(cells) < 4 {
			continue
		}
		cell := cells[1]
		if !strings.Contains(cell, "`") { // of the library, grouped
			cell = cells[2]
		}
		for _, q := range quotedIn(cell) {
			if name := functionName.FindString(q); name != "" {
				named = append(named, name)
			}
		}
	}
	var want []string
	for name := range functions {
		want = append(want, name)
	}
	for name := range builtins {
		want = append(want, name)
	}
	want = append(want, loopNames...)
	for _, name := range want {
		if !slices.Contains(named, name) {
			t.Errorf("docs/rules.md lacks the function %s()", name)
		}
	}
	for _, name := range named {
		if !slices.Contains(want, name) {
			t.Errorf("docs/rules.md has a function %s(), expressions have not", name)
		}
	}
}

// The reference names the fields of what is in lists, and what can be searched, as the code has
// them.
func TestDocs_searches(t *testing.T) {
	_, rows := reference(t)
	row := func(first string) []string {
		for _, cells := range rows {
			if cells[0] == first && len(cells) == 2 {
				return quotedIn(cells[1])
			}
		}
		t.Errorf("docs/rules.md has no row %q", first)
		return nil
	}
	same := func(first string, want []string) {
		got := row(first)
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("docs/rules.md, %s: got  %v\nwant %v", first, got, want)
		}
	}
	for _, s := range searches {
		same("`"+string(s.kind)+"()`", sortedNames(s.found.exprType()))
		for kind, word := range map[searchKind]string{searchText: "texts", searchNumber: "numbers", searchDate: "times", searchFlag: "true or false"} {
			var names []string
			for name, f := range s.by {
				if f.holds == kind {
					names = append(names, name)
				}
			}
			if s.by != nil {
				same("`"+string(s.kind)+"()`: "+word, names)
			}
		}
	}
	for kind, word := range map[searchKind]string{searchText: "texts", searchDate: "times", searchFlag: "true or false"} {
		var names []string
		for name, f := range ticketSearch {
			if f.holds == kind {
				names = append(names, name)
			}
		}
		same("`tickets`: "+word, names)
	}
	same("`conversation.parts`", sortedNames(partType))
	text, _ := reference(t)
	for _, s := range searches {
		limits := regexp.MustCompile("(?m)^\\| `" + string(s.kind) + `\([a-z]+\)` + "` \\|.*\\| (\\d+) \\| (\\d+) \\|$").FindStringSubmatch(text)
		if limits == nil || limits[1] != strconv.Itoa(s.usual) || limits[2] != strconv.Itoa(s.most) {
			t.Errorf("docs/rules.md: limits of %s are %v, want %d and %d", s.kind, limits, s.usual, s.most)
		}
	}
}
