package rules

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"switchboard/internal/diag"
	"switchboard/internal/diag/codes"
)

func found(text string) Report {
	return compileFiles([]Source{{"rules.yaml", []byte(text)}}, nil, (*loader).refuseLoops, readHolidayFile)
}

// summary is the lines and codes of problems: those left, and behind a slash those silenced.
func summary(r Report) string {
	var list []string
	for _, p := range r.Problems {
		list = append(list, fmt.Sprintf("%d %s", p.Line, strings.TrimPrefix(p.Code, "rules/")))
	}
	list = append(list, "/")
	for _, s := range r.Silenced {
		list = append(list, fmt.Sprintf("%d %s", s.Line, s.Reason))
	}
	return strings.Join(list, " ")
}

// What a comment silences, beyond what testdata/problems/silences.yaml shows.
func TestSilences(t *testing.T) {
	const mark = "# switchboard:ignore rules/unknown-topic: "
	rule := func(name, when string) string { return "  - name: " + name + "\n" + when + "    then: [close]\n" }
	for name, tt := range map[string]struct{ text, want string }{
		"the reason is kept":        {"version: 1\nrules:\n" + rule("a", "    when: my.topic "+mark+" so, and: so \n"), "/ 4 so, and: so"},
		"whole file":                {mark + "x\nversion: 1\nrules:\n" + rule("a", "    when: my.topic\n"), "1 unused-ignore 5 unknown-topic /"},
		"all rules":                 {"version: 1\n" + mark + "x\nrules:\n" + rule("a", "    when: my.topic\n") + rule("b", "    when: my.other\n"), "/ 5 x 8 x"},
		"not the next rule":         {"version: 1\nrules:\n  " + mark + "x\n" + rule("a", "    when: my.topic\n") + rule("b", "    when: my.other\n"), "8 unknown-topic / 5 x"},
		"not what is behind rules":  {"version: 1\n" + mark + "x\nrules:\n" + rule("a", "    when: ping\n") + "lists: {}\n", "2 unused-ignore /"},
		"the nearest is used":       {"version: 1\n" + mark + "x\nrules:\n" + rule("a", "    when: my.topic "+mark+"y\n"), "2 unused-ignore / 5 y"},
		"a dash alone":              {"version: 1\nrules:\n  " + mark + "x\n  - # a dash\n    name: a\n    when: my.topic\n    then: [close]\n", "/ 6 x"},
		"a dash alone below":        {"version: 1\nrules:\n  - name: a\n    when:\n      " + mark + "x\n      -\n        my.topic\n    then: [close]\n", "/ 7 x"},
		"at the end of the file":    {"version: 1\nrules:\n" + rule("a", "    when: my.topic\n") + "  " + mark + "x", "4 unknown-topic 6 unused-ignore /"},
		"Windows":                   {strings.ReplaceAll("version: 1\nrules:\n  "+mark+"x\n"+rule("a", "    when: my.topic\n"), "\n", "\r\n"), "/ 5 x"},
		"no space":                  {"version: 1\nrules:\n" + rule("a", "    when: my.topic #switchboard:ignore\trules/unknown-topic:x\n"), "/ 4 x"},
		"flow":                      {"version: 1\nrules: [\n  " + mark + "x\n  {name: a, when: [my.topic,\n    my.other], then: [close]}, {name: b, when: my.third, then: [close]},\n  {name: c, when: my.fourth, then: [close]}]\n", "6 unknown-topic / 4 x 5 x 5 x"},
		"a text over lines":         {"version: 1\nrules:\n" + rule("a", "    when: my.topic\n    because: >- # switchboard:ignore rules/unknown-topic: x\n      a\n\n      # b\n"), "4 unknown-topic 5 unused-ignore /"},
		"behind a text":             {"version: 1\nrules:\n" + rule("a", "    because: |\n      a\n     \n      "+mark+"no\n    "+mark+"x\n    when: my.topic\n"), "/ 9 x"},
		"indented text":             {"version: 1\nrules:\n" + rule("a", "    because: |1\n       a\n     "+mark+"no\n    "+mark+"x\n    when: my.topic\n"), "/ 8 x"},
		"folded with blank lines":   {"version: 1\nrules:\n" + rule("a", "    because: >+\n\n\n       a\n       b\n\n    "+mark+"x\n    when: my.topic\n"), "/ 11 x"},
		"an empty text":             {"version: 1\nrules:\n" + rule("a", "    because: a\n    if: |\n    "+mark+"x\n    when: my.topic\n"), "5 expression / 7 x"},
		"behind quotes":             {"version: 1\nrules:\n" + rule("a", "    because: \"a \\\" # \\\\\" "+mark+"no\n    when: 'my.topic' "+mark+"x\n"), "4 unused-ignore / 5 x"},
		"quotes over lines":         {"version: 1\nrules:\n" + rule("a", "    because: 'it''s\n      "+mark+"no\n\n      ' "+mark+"no\n    when: \"my.\\\n      topic\" "+mark+"x\n"), "7 unused-ignore / 8 x"},
		"plain over lines":          {"version: 1\nrules:\n" + rule("a", "    because: a\n      b#c\n      "+mark+"x\n    when: my.topic\n"), "/ 7 x"},
		"no rules at all":           {"# switchboard:ignore rules/no-rules: not yet\nversion: 1\n", "/ 0 not yet"},
		"no rules, said elsewhere":  {"version: 1\n# switchboard:ignore rules/no-rules: not yet\n", "0 no-rules 2 unused-ignore /"},
		"quoted keys":               {"version: 1\nrules:\n" + rule("a", "    \"when\": my.topic "+mark+"x\n"), "/ 4 x"},
		"a marker and a directive":  {"%YAML 1.1\n" + mark + "x\n---\nversion: 1\nrules: []\n", "0 no-rules 2 unused-ignore /"},
		"nothing but words":         {"version: 1 # Switchboard: ignored for now\nrules:\n" + rule("a", "    when: ping # the service is at switchboard:http\n"), "/"},
		"errors stand":              {"version: 1\nrules:\n" + rule("a", "    if: x # switchboard:ignore rules/unknown-name: no\n    when: my.topic "+mark+"x\n"), "4 unknown-name 4 ignore / 5 x"},
		"a tag, which is forbidden": {"version: 1\nrules:\n" + rule("a", "    because: !!str \"a\"\n    when: my.topic "+mark+"x\n"), "4 syntax 5 unknown-topic /"},
	} {
		t.Run(name, func(t *testing.T) {
			r := found(tt.text)
			if got := strings.TrimSpace(summary(r)); got != tt.want {
				t.Errorf("%s\ngot  %s\nwant %s\n%s", tt.text, got, tt.want, drawn(t, r.Problems))
			}
			if (r.Ruleset == nil) != diag.HasErrors(r.Problems) {
				t.Errorf("a ruleset: %v", r.Ruleset != nil)
			}
		})
	}
}

// Silences hold for what Intercom's answers show, and whether they are of use is told by whoever
// looked.
func TestReport_online(t *testing.T) {
	online := diag.Code{Name: "rules/of-a-test", Severity: diag.Warning, Online: true}
	report := func() *Report {
		r := found("version: 1\nrules:\n  - { name: a, when: ping, then: [close] }\n")
		r.silences = []*silence{
			{at: diag.Problem{File: "rules.yaml", Line: 3}, code: online, reason: "x", first: 3, last: 3},
			{at: diag.Problem{File: "rules.yaml", Line: 4}, code: online, reason: "y", first: 4, last: 4},
		}
		return &r
	}
	problem := diag.Problem{File: "rules.yaml", Line: 3, Severity: diag.Warning, Code: online.Name}
	r := report()
	r.addUnused(false)
	r.AddOnline([]diag.Problem{problem, {File: "other.yaml", Line: 3, Severity: diag.Warning, Code: online.Name}})
	if got := summary(*r); got != "3 of-a-test 4 unused-ignore / 3 x" {
		t.Error(got)
	}
	if r.Ruleset == nil {
		t.Error("warnings took the ruleset away")
	}
	problem.Severity = diag.Error
	r = report()
	r.AddOnline([]diag.Problem{problem})
	if got := summary(*r); got != "3 of-a-test /" || r.Ruleset != nil {
		t.Errorf("%s, ruleset %v", got, r.Ruleset)
	}
}

// However many warnings there are, an error is one.
func TestParse_many_warnings(t *testing.T) {
	rs, problems := Parse([]Source{{"rules.yaml", []byte("version: 1\nrules:\n  - name: a\n    when:\n" +
		strings.Repeat("      - my.topic\n", maxReported+10) + "    if: contact.emial != nil\n    then: [close]\n")}})
	if rs != nil || len(problems) != maxReported+1 || problems[maxReported].Code != "rules/unknown-field" {
		t.Errorf("%v, %d problems, the last %+v", rs, len(problems), problems[len(problems)-1])
	}
}

// A comment is silenced in its file only, and one file that cannot be read leaves open which
// silences are of use.
func TestLoad_silences(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	a := write("a.yaml", "version: 1\nrules:\n  - { name: a, when: my.topic, then: [close] } # switchboard:ignore rules/unknown-topic: x\n")
	b := write("b.yaml", "version: 1\nrules:\n  - { name: b, when: my.topic, then: [close] }\n  - { name: c, when: ping, then: [close] } # switchboard:ignore rules/unknown-topic: x\n")
	r := Check([]string{a, b})
	if got := summary(r); got != "3 unknown-topic 4 unused-ignore / 3 x" || r.Problems[0].File != b || r.Silenced[0].File != a {
		t.Errorf("%s: %+v", got, r)
	}
	if rs, problems := Load([]string{a, b}); rs == nil || len(problems) != 2 {
		t.Errorf("%v, %v", rs, problems)
	}
	r = Check([]string{a, b, filepath.Join(dir, "missing.yaml")})
	if got := summary(r); got != "0 cannot-read 3 unknown-topic / 3 x" || r.Ruleset != nil {
		t.Error(got)
	}
}

var ignoreAnywhere = regexp.MustCompile(`(?m)(?:^|[ \t])#switchboard:ignore`)

// FuzzSilences: what is taken for a comment is one, and nothing else is; and comments change no
// problem but warnings, which they silence.
func FuzzSilences(f *testing.F) {
	files, err := filepath.Glob("testdata/problems/*.yaml")
	if err != nil || len(files) == 0 {
		f.Fatal("no seeds")
	}
	for _, file := range append(files, "../../rules.example.yaml") {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(strings.ReplaceAll(string(text), "# switchboard", "#switchboard"))
	}
	const mark = "#switchboard:ignore rules/unknown-topic: x\n"
	for _, text := range []string{
		"a: |\n  b\n " + mark + "  c", "a: |2\n   b\n " + mark, "a: >\n\n  b\n   c\n " + mark + mark, "- |+\n " + mark + mark, "a: \"b\n " + mark + "\" " + mark,
		"a: 'b''\n " + mark + "' " + mark, "a: b\n  c " + mark + "d: e", "a: [b, " + mark + " c]", "? |\n a\n " + mark + ": |-\n " + mark, "a: | " + mark + "\t" + mark,
		"a: \"\\\"" + mark + "\"", "a: |\n\n \t" + mark + " b", "--- |\n" + mark, "--- >1\n " + mark + mark, "a:\n- |\n " + mark + "- >-\n  b\n   " + mark, "a: !!str \"b\" " + mark,
		"a: &b |\n " + mark, "a: |\n \n  \n b\n " + mark, "a: >\n   \n b\n" + mark, "a: |\n\t\n b\n " + mark,
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 5_000 {
			t.Skip()
		}
		p := &loader{refused: map[*yaml.Node]bool{}}
		plain, ok := p.readable(Source{"rules.yaml", []byte(text)})
		if !ok {
			t.Skip()
		}
		doc, err := parseYAML(plain)
		if err != nil || !p.plainYAML(doc.Content[0], 1) || len(p.problems) > 0 {
			t.Skip()
		}
		file, root := p.file, doc.Content[0]
		comments, _ := file.comments(root)
		if _, _, ok := file.delimited(root); !ok {
			if strings.Contains(plain, "!") { // a tag that says nothing
				t.Skip()
			}
			t.Fatalf("gave up on\n%s", plain)
		}
		without := slices.Clone(file.lines)
		for _, c := range comments {
			without[c.line-1] = slices.Concat(without[c.line-1][:c.column], []rune(strings.Repeat("x", len([]rune(c.text))-1)))
		}
		changed := joinedLines(without)
		if want, got := values(t, plain), values(t, changed); got != want {
			t.Fatalf("comments %v\nof\n%s\nare values:\n%s\n%s", comments, plain, want, got)
		}
		for _, at := range ignoreAnywhere.FindAllStringIndex(changed, -1) {
			other := changed[:at[1]-1] + "E" + changed[at[1]:]
			if values(t, other) == values(t, changed) {
				t.Fatalf("a comment at byte %d was overlooked in\n%s", at[0], changed)
			}
		}
		sameProblems(t, plain, changed)
	})
}

func joinedLines(lines [][]rune) string {
	var b strings.Builder
	for i, line := range lines {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(string(line))
	}
	return b.String()
}

// values are the nodes of a document, without their comments.
func values(t *testing.T, text string) string {
	t.Helper()
	doc, err := parseYAML(text)
	if err != nil {
		return err.Error()
	}
	var b strings.Builder
	var visit func(n *yaml.Node)
	visit = func(n *yaml.Node) {
		fmt.Fprintf(&b, "%d:%d %d %s %q (", n.Line, n.Column, n.Kind, n.Tag, n.Value)
		for _, child := range n.Content {
			visit(child)
		}
		b.WriteString(")")
	}
	visit(doc)
	return b.String()
}

// sameProblems shows that a file has the same problems with and without its comments, those
// silenced and those about comments aside.
func sameProblems(t *testing.T, with, without string) {
	t.Helper()
	list := func(problems []diag.Problem) (list []string) {
		for _, p := range problems {
			if p.Code != codes.Ignore && p.Code != codes.UnusedIgnore {
				list = append(list, fmt.Sprintf("%d:%d %s %s %s", p.Line, p.Column, p.Severity, p.Code, p.Message))
			}
		}
		slices.Sort(list)
		return list
	}
	a, b := found(with), found(without)
	if len(a.Problems) >= maxReported || len(b.Problems) >= maxReported {
		return
	}
	problems := a.Problems
	for _, s := range a.Silenced {
		if s.Severity != diag.Warning || s.Reason == "" {
			t.Errorf("silenced: %+v", s)
		}
		problems = append(problems, s.Problem)
	}
	if got, want := list(problems), list(b.Problems); !slices.Equal(got, want) {
		t.Errorf("with comments:\n%q\nwithout:\n%q\n%s", got, want, with)
	}
	if len(b.Silenced) > 0 {
		t.Errorf("silenced without a comment: %v", b.Silenced)
	}
}
