package rules

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// Every character of a scalar is found where it stands, in every style that YAML has.
func TestPlaces(t *testing.T) {
	for _, source := range []string{
		"a: plain text", "a:   plain   text   # comment", "a: plain\n  over\n\n\n  lines", "a: 'single ''quoted'' x'", "a: 'over\n\n  lines ''x'''",
		`a: "double \"quoted\" \u00e9 \x41 \U0001F600 \\ \t x"`, "a: \"over\n  lines \\\n  joined\n\n  x\"", "a: |\n  literal\n    indented\n\n  x\n",
		"a: |-\n  literal\n\n  x", "a: |+\n  literal x\n\n\nb: 1", "a: >\n  folded\n  lines\n\n  para\n    more\n    more\n  x\n", "a: >-\n  folded x",
		"a: >-\n\n  folded\n\n\n  x", "a: |\n\n  literal x\n", "a: 日本語 x", "a: '日本語 x'", "- - a: x", "a: [ 'x', \"y x\" ]", "a:\n  plain\n  below x",
		"a: \"tab\tx\"", "a: >-\r\n  folded\r\n  x\r\n", "a: 'over\r\n  lines x'\r\n",
	} {
		checkCharacters(t, source)
	}
}

// The same for scalars that the YAML library wrote.
func TestPlaces_at_random(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	words := []string{"a", "bc", " ", "  ", "\n", "\n\n", "'", `"`, `\`, "é", "日本", ":", "# ", "x", "{{ y }}", "\t", "-", "😀"}
	for range 3000 {
		var b strings.Builder
		for range 1 + r.IntN(12) {
			b.WriteString(words[r.IntN(len(words))])
		}
		n := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: b.String(), Style: []yaml.Style{
			0, yaml.SingleQuotedStyle, yaml.DoubleQuotedStyle, yaml.LiteralStyle, yaml.FoldedStyle,
		}[r.IntN(5)]}
		out, err := yaml.Marshal(map[string]any{"key": []any{map[string]any{"inner": n}}})
		if err != nil {
			t.Fatal(err)
		}
		checkCharacters(t, string(out))
	}
}

// checkCharacters compares each character of each scalar with what stands at its place.
func checkCharacters(t *testing.T, source string) {
	t.Helper()
	doc, err := parseYAML(source)
	if err != nil {
		return // what the library writes it cannot always read
	}
	f := newSourceFile("x.yaml", source)
	var walk func(n *yaml.Node)
	walk = func(n *yaml.Node) {
		for _, child := range n.Content {
			walk(child)
		}
		if n.Kind != yaml.ScalarNode || n.Value == "" || n.Style&yaml.TaggedStyle != 0 {
			return
		}
		places := f.places(n)
		value := []rune(n.Value)
		if places == nil {
			if n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 && strings.ContainsAny(source, "0123456789") {
				return // an indentation indicator: the place of the whole will do
			}
			if n.Style&yaml.FoldedStyle != 0 && blankLine.MatchString(n.Value) {
				return // a line of nothing but tabs, likewise
			}
			t.Errorf("no places for %q in %q", n.Value, source)
			return
		}
		for i, r := range value {
			line := f.line(places[i].line)
			if strings.ContainsRune(" \n\t", r) || n.Style&yaml.DoubleQuotedStyle != 0 && line[places[i].column-1] == '\\' {
				continue
			}
			if c := places[i].column; c < 1 || c > len(line) || line[c-1] != r {
				t.Errorf("%q of %q is at %v in:\n%s", r, n.Value, places[i], source)
				return
			}
		}
	}
	walk(doc)
}

var blankLine = regexp.MustCompile(`(^|\n)[\t ]+(\n|$)`)

// The place of a whole scalar ends where it ends.
func TestNodeSpan(t *testing.T) {
	source := "a: 'it''s'\nb: \"x\"\nc: plain # no\nd: [e, {f: g}]\nh: |\n  x\ni:\n"
	doc, err := parseYAML(source)
	if err != nil {
		t.Fatal(err)
	}
	f := newSourceFile("x.yaml", source)
	var got []string
	for _, n := range doc.Content[0].Content {
		s := f.nodeSpan(n)
		got = append(got, fmt.Sprintf("%d:%d-%d", s.line, s.column, s.endColumn))
	}
	want := "1:1-2 1:4-11 2:1-2 2:4-7 3:1-2 3:4-9 4:1-2 4:4-5 5:1-2 5:4-5 7:1-2 7:3-4"
	if strings.Join(got, " ") != want {
		t.Errorf("got  %s\nwant %s", strings.Join(got, " "), want)
	}
}
