package rules

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
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
