package diag

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"unicode"
)

var sample = Problem{
	File: "rules.yaml", Line: 14, Column: 17, EndColumn: 22, Severity: Error, Code: "rules/unknown-field",
	Message: `contact has no field "emial"`, Hint: `did you mean "email"?`,
	Source: `    if: contact.emial endsWith "@acme.com"`,
}

func text(t *testing.T, color bool, problems ...Problem) string {
	t.Helper()
	var b strings.Builder
	if err := WriteText(&b, problems, color); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func with(change func(p *Problem)) Problem {
	p := sample
	change(&p)
	return p
}

func TestWriteText(t *testing.T) {
	long := strings.Repeat("x", 300) + "HERE" + strings.Repeat("y", 300)
	tests := map[string]struct {
		problem Problem
		want    string
	}{
		"whole": {sample, `rules.yaml:14:17: error: contact has no field "emial" (rules/unknown-field)
   14 |     if: contact.emial endsWith "@acme.com"
      |                 ^^^^^ did you mean "email"?
`},
		"warning without hint and end": {with(func(p *Problem) { p.Severity, p.Hint, p.EndColumn = Warning, "", 0 }), `rules.yaml:14:17: warning: contact has no field "emial" (rules/unknown-field)
   14 |     if: contact.emial endsWith "@acme.com"
      |                 ^
`},
		"file as a whole": {Problem{File: "rules.yaml", Severity: Error, Code: "rules/empty", Message: "the file is empty", Hint: "write something"}, `rules.yaml: error: the file is empty (rules/empty)
      write something
`},
		"no file, no hint": {Problem{Severity: Error, Code: "x", Message: "y"}, "-: error: y (x)\n"},
		"no column": {with(func(p *Problem) { p.Column, p.EndColumn = 0, 0 }), `rules.yaml:14: error: contact has no field "emial" (rules/unknown-field)
   14 |     if: contact.emial endsWith "@acme.com"
      |  did you mean "email"?
`},
		"no source": {with(func(p *Problem) { p.Source = "" }), `rules.yaml:14:17: error: contact has no field "emial" (rules/unknown-field)
      did you mean "email"?
`},
		"high line number": {with(func(p *Problem) { p.Line, p.Source, p.Column, p.EndColumn = 1234567, "abc", 2, 3 }), `rules.yaml:1234567:2: error: contact has no field "emial" (rules/unknown-field)
1234567 | abc
        |  ^ did you mean "email"?
`},
		"tabs": {with(func(p *Problem) { p.Source, p.Column, p.EndColumn, p.Hint = "\ta\tb", 4, 5, "" }), `rules.yaml:14:4: error: contact has no field "emial" (rules/unknown-field)
   14 |     a    b
      |          ^
`},
		"wide, combining and emoji": {with(func(p *Problem) { p.Source, p.Column, p.EndColumn, p.Hint = "日本e\u0301😀x日", 6, 8, "" }), "rules.yaml:14:6: error: contact has no field \"emial\" (rules/unknown-field)\n" +
			"   14 | 日本e\u0301😀x日\n" +
			"      |        ^^^\n"},
		"behind the end": {with(func(p *Problem) { p.Source, p.Column, p.EndColumn, p.Hint = "ab", 3, 4, "" }), `rules.yaml:14:3: error: contact has no field "emial" (rules/unknown-field)
   14 | ab
      |   ^
`},
		"far behind the end": {with(func(p *Problem) { p.Source, p.Column, p.EndColumn, p.Hint = "ab", 99, 200, "" }), `rules.yaml:14:99: error: contact has no field "emial" (rules/unknown-field)
   14 | ab
      |   ^
`},
		"long line": {with(func(p *Problem) { p.Source, p.Column, p.EndColumn, p.Hint = long, 301, 305, "" }), `rules.yaml:14:301: error: contact has no field "emial" (rules/unknown-field)
   14 | …` + strings.Repeat("x", 60) + "HERE" + strings.Repeat("y", 76) + `…
      | ` + strings.Repeat(" ", 61) + `^^^^
`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := text(t, false, tt.problem); got != tt.want {
				t.Errorf("got:\n%s\nwant:\n%s", got, tt.want)
			}
		})
	}
}

// Files come from anywhere: nothing in them may move the cursor or turn the text around.
func TestWriteText_controls_no_terminal(t *testing.T) {
	evil := "a\x1b[31mb\rc\x07d\u202ee\u009bf\u2028g\x00h\n::error::i\u200bj\ufeff"
	p := Problem{File: evil, Line: 1, Column: 2, EndColumn: 5, Severity: Error, Code: evil, Message: evil, Hint: evil, Source: evil}
	for _, color := range []bool{false, true} {
		got := text(t, color, p, Problem{File: evil, Hint: evil, Message: evil})
		if color {
			for _, sequence := range []string{bold, red, yellow, reset} {
				got = strings.ReplaceAll(got, sequence, "")
			}
		}
		for _, r := range got {
			if r != '\n' && unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) {
				t.Fatalf("%U in %q", r, got)
			}
		}
		if n := strings.Count(got, "\n"); n != 5 {
			t.Errorf("%d lines: %q", n, got)
		}
	}
}

func TestWriteText_color(t *testing.T) {
	got := text(t, true, sample)
	for _, want := range []string{bold + "rules.yaml:14:17:" + reset, red + "error:" + reset, red + "^^^^^" + reset} {
		if !strings.Contains(got, want) {
			t.Errorf("%q lacks %q", got, want)
		}
	}
	if got := text(t, true, with(func(p *Problem) { p.Severity = Warning })); !strings.Contains(got, yellow+"warning:"+reset) {
		t.Errorf("%q", got)
	}
	if got := text(t, false, sample); strings.Contains(got, "\x1b") {
		t.Errorf("%q", got)
	}
}

func TestWriteJSON(t *testing.T) {
	var b strings.Builder
	silenced := Silenced{Problem{File: "f", Line: 3, Severity: Warning, Code: "rules/repeats"}, "so & so"}
	if err := WriteJSON(&b, []Problem{sample, {File: "<x>", Severity: Warning}}, []Silenced{silenced}); err != nil {
		t.Fatal(err)
	}
	var back struct {
		Problems []Problem
		Silenced []Silenced
	}
	if err := json.Unmarshal([]byte(b.String()), &back); err != nil || len(back.Problems) != 2 || back.Problems[0] != sample ||
		len(back.Silenced) != 1 || back.Silenced[0] != silenced {
		t.Errorf("%v %+v", err, back)
	}
	for _, want := range []string{`"end_column": 22`, `"severity": "error"`, `"<x>"`, `"page": "docs/check.md#rulesunknown-field"`, `"reason": "so & so"`} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%s lacks %s", b.String(), want)
		}
	}
	b.Reset()
	if err := WriteJSON(&b, nil, nil); err != nil || strings.Join(strings.Fields(b.String()), "") != `{"problems":[],"silenced":[]}` {
		t.Errorf("%v %s", err, b.String())
	}
}

func TestWriteGitHub(t *testing.T) {
	var b strings.Builder
	odd := Problem{File: "a,b:c%.yaml", Line: 2, Severity: Warning, Code: "x/y:z", Message: "100%\r\nsure, a:b"}
	if err := WriteGitHub(&b, []Problem{sample, odd, {File: "f", Severity: Error, Code: "c", Message: "m"}}); err != nil {
		t.Fatal(err)
	}
	want := `::error file=rules.yaml,line=14,col=17,endColumn=22,title=rules/unknown-field::contact has no field "emial" (did you mean "email"?)
::warning file=a%2Cb%3Ac%25.yaml,line=2,title=x/y%3Az::100%25%0D%0Asure, a:b
::error file=f,title=c::m
`
	if b.String() != want {
		t.Errorf("got:\n%s\nwant:\n%s", b.String(), want)
	}
}

// An output that cannot be written is said.
func TestWrite_errors(t *testing.T) {
	for name, write := range map[string]func() error{
		"text":   func() error { return WriteText(broken{}, []Problem{sample}, false) },
		"json":   func() error { return WriteJSON(broken{}, []Problem{sample}, nil) },
		"github": func() error { return WriteGitHub(broken{}, []Problem{sample}) },
		"sarif":  func() error { return WriteSARIF(broken{}, "", []Problem{sample}, noCode) },
	} {
		if write() == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("full") }

func TestClosest(t *testing.T) {
	known := []string{"email", "name", "first_name", "custom_attributes", "id", "conversation.user.created", "startsWith", "café"}
	for name, want := range map[string]string{
		"emial": "email", "mail": "email", "e-mail": "email", "emails": "email", "EMAIL": "email", "naem": "name", "firstname": "first_name",
		"frist_name": "first_name", "custom_attribtes": "custom_attributes", "ID": "id", "conversation.user.craeted": "conversation.user.created",
		"startswith": "startsWith", "cafe": "café",
		"": "", "x": "", "idx": "", "phone": "", "completely_else": "", "email": "", "xy": "", strings.Repeat("e", 100): "",
	} {
		got, ok := Closest(name, known)
		if got != want || ok != (want != "") {
			t.Errorf("Closest(%q) = %q, %v; want %q", name, got, ok, want)
		}
	}
	if got, _ := Closest("abcd", []string{"abce", "abcf"}); got != "abce" {
		t.Errorf("of two equally near names %q wins", got)
	}
	if _, ok := Closest("x", nil); ok {
		t.Error("found in nothing")
	}
}

// Swapped letters are one slip, and the early end gives the same answer as no early end.
func TestSlips(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"a", "", 1}, {"ab", "ba", 1}, {"abc", "acb", 1}, {"kitten", "sitting", 3}, {"abcdef", "badcfe", 3}, {"flaw", "lawn", 2}} {
		for _, limit := range []int{100, tt.want + 1} {
			if got := slips([]rune(tt.a), []rune(tt.b), limit); got != tt.want {
				t.Errorf("slips(%q, %q, %d) = %d, want %d", tt.a, tt.b, limit, got, tt.want)
			}
		}
		if tt.want > 0 {
			if got := slips([]rune(tt.a), []rune(tt.b), tt.want); got != tt.want {
				t.Errorf("slips(%q, %q) below %d = %d", tt.a, tt.b, tt.want, got)
			}
		}
	}
}

func TestSort(t *testing.T) {
	problems := []Problem{{File: "b", Line: 1}, {File: "a", Line: 2, Column: 1}, {File: "a", Line: 1, Column: 5, Code: "x"}, {File: "a", Line: 1, Column: 5, Code: "y"}, {File: "a", Line: 1, Column: 2}}
	Sort(problems)
	var got []string
	for _, p := range problems {
		got = append(got, place(p)+p.Code)
	}
	if want := []string{"a:1:2", "a:1:5x", "a:1:5y", "a:2:1", "b:1"}; !slices.Equal(got, want) {
		t.Errorf("%v", got)
	}
	if HasErrors(problems) || !HasErrors([]Problem{{Severity: Warning}, {Severity: Error}}) {
		t.Error("HasErrors")
	}
}
