package rules

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func writeFiles(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func oneRule(name string) string { return "version: 1\nrules:\n" + ruleText(name, "") }

func TestLoad(t *testing.T) {
	dir := writeFiles(t, map[string]string{
		"b.yml": oneRule("b"), "a.yaml": oneRule("a"), "a.test.yaml": "not rules", "b.test.yml": "not rules", ".hidden.yaml": "x",
		"readme.md": "x", "sub/c.yaml": oneRule("c"), "..data/d.yaml": oneRule("d"), "real": oneRule("linked"), "folder.yaml/x": "x",
	})
	if err := os.Symlink(filepath.Join(dir, "real"), filepath.Join(dir, "link.yaml")); err != nil {
		t.Fatal(err)
	}
	rs, problems := Load([]string{dir, filepath.Join(dir, "sub", "c.yaml"), filepath.Join(dir, "a.yaml")})
	if rs == nil || len(problems) > 0 {
		t.Fatal(drawn(t, problems))
	}
	var names []string
	for _, r := range rs.Rules() {
		names = append(names, r.Name)
	}
	if want := []string{"a", "b", "linked", "c"}; !slices.Equal(names, want) {
		t.Errorf("%v, want %v", names, want)
	}
	if file := rs.Rules()[0].File; file != filepath.Join(dir, "a.yaml") {
		t.Errorf("file %q", file)
	}
}

func TestLoad_problems(t *testing.T) {
	dir := writeFiles(t, map[string]string{
		"good.yaml": oneRule("a"), "bad.yaml": "version: 1\nrules: [{name: x, when: ping, then: [close], if: contact.emial == 'x'}]\n",
		"empty/readme.md": "", "huge.yaml": "version: 1\n#" + strings.Repeat("x", maxFile),
	})
	tests := map[string][]string{
		"no path":        nil,
		"missing":        {filepath.Join(dir, "missing.yaml")},
		"empty folder":   {filepath.Join(dir, "empty")},
		"one is bad":     {filepath.Join(dir, "good.yaml"), filepath.Join(dir, "bad.yaml")},
		"huge":           {filepath.Join(dir, "huge.yaml")},
		"one is missing": {filepath.Join(dir, "good.yaml"), filepath.Join(dir, "missing.yaml")},
	}
	for name, paths := range tests {
		rs, problems := Load(paths)
		if rs != nil || len(problems) == 0 {
			t.Errorf("%s: %v, %d problems", name, rs != nil, len(problems))
		}
		for _, p := range problems {
			if len(paths) > 0 && !strings.HasPrefix(p.File, dir) || strings.Contains(p.Message, dir) {
				t.Errorf("%s: %+v", name, p)
			}
		}
	}
}

// Several files are one ruleset: names are unique, lists are shared, whoever declares them.
func TestParse_several_files(t *testing.T) {
	files := func(texts ...string) []Source {
		var list []Source
		for i, text := range texts {
			list = append(list, Source{string(rune('a'+i)) + ".yaml", []byte(text)})
		}
		return list
	}
	uses := "version: 1\nrules:\n" + ruleText("uses", `if: domain(contact.email) in lists.vips`)
	lists := "version: 1\nsettings: {admin: ops}\nlists: {vips: [globex.test]}\n"
	rs, problems := Parse(files(uses, lists))
	if rs == nil {
		t.Fatal(drawn(t, problems))
	}
	if rs.Admin() != "ops" {
		t.Errorf("admin %q", rs.Admin())
	}
	if o := outcome(t, evaluate(t, rs, input(t, conversationReplied)), "uses"); o.Verdict != Ran {
		t.Error(said(o))
	}
	for name, want := range map[string]string{
		oneRule("uses"):                             `there are two rules with the name "uses"`,
		"version: 1\nlists: {vips: [a]}\n":          `there is already a list "vips"`,
		"version: 1\nsettings: {admin: somebody}\n": "settings.admin is already set to somebody else",
	} {
		if rs, problems := Parse(files(uses, lists, name)); rs != nil || len(problems) != 1 || problems[0].Message != want || problems[0].File != "c.yaml" {
			t.Errorf("%q: %s", name, drawn(t, problems))
		}
	}
	if rs, _ := Parse(files(uses, lists, "version: 1\nsettings: {admin: ops}\n")); rs == nil {
		t.Error("the same admin twice is refused")
	}
}

// The hash names the texts: not the files, and nothing else.
func TestRuleset_Hash(t *testing.T) {
	hash := func(files ...Source) string {
		rs, problems := Parse(files)
		if rs == nil {
			t.Fatal(drawn(t, problems))
		}
		return rs.Hash()
	}
	a, b := Source{"a.yaml", []byte(oneRule("a"))}, Source{"b.yaml", []byte(oneRule("b"))}
	renamed := Source{"c.yaml", a.Text}
	moved := "# this line is the end of one file or the beginning of the other\n"
	before := hash(Source{"a.yaml", []byte(oneRule("a") + moved)}, b)
	after := hash(a, Source{"b.yaml", []byte(moved + oneRule("b"))})
	if before == after {
		t.Error("a line moved from one file to the other, and the hash is the same")
	}
	if len(hash(a)) < 12 || hash(a) != hash(renamed) || hash(a) == hash(b) || hash(a, b) == hash(b, a) || hash(a) == hash(a, b) {
		t.Error(hash(a), hash(renamed), hash(b), hash(a, b), hash(b, a))
	}
}

func TestRuleset_Rules(t *testing.T) {
	rs := mustParse(t, header+ruleText("one", "state: shadow; because: trying; once: contact; from: bot; stop: true; when: [conversation.*, ping]; then: [{tag: A}, close]")+ruleText("two", ""))
	infos := rs.Rules()
	one := infos[0]
	if one.Name != "one" || one.File != "rules.yaml" || one.Line != 5 || one.State != "shadow" || one.Because != "trying" || one.Once != "contact" ||
		one.From != "bot" || !one.Stop || !slices.Equal(one.When, []string{"conversation.*", "ping"}) || len(one.Actions) != 2 || one.Actions[0] != "tag A" {
		t.Errorf("%+v", one)
	}
	if two := infos[1]; two.State != "live" || two.From != "human" || two.Once != "" || two.Stop {
		t.Errorf("%+v", two)
	}
}

// A file may be as bad as it likes: reading it ends soon and in order.
func TestParse_hostile_files(t *testing.T) {
	const n = 100_000
	for name, text := range map[string]string{
		"brackets":     strings.Repeat("[", n),
		"braces":       strings.Repeat("{a: ", n/4),
		"dashes":       strings.Repeat("- ", n/2),
		"indent":       deepIndent(2000),
		"many rules":   "version: 1\nrules:\n" + strings.Repeat("  - {}\n", n/8),
		"many keys":    "version: 1\n" + strings.Repeat("a: 1\n", n/5),
		"quotes":       `a: "` + strings.Repeat(`\"`, n/2),
		"anchors":      "a: &a [1]\nb: [" + strings.Repeat("*a,", n/4) + "]",
		"one line":     "version: 1\nrules: " + strings.Repeat("x", n),
		"colons":       strings.Repeat("a: ", n/3),
		"comments":     strings.Repeat("#\n", n/2),
		"literal":      "a: |\n" + strings.Repeat("  x\n", n/4) + " bad: x\n\tb: y",
		"templates":    "version: 1\nrules: [{name: a, when: ping, then: [{note: '" + strings.Repeat("{{ 1 }}", n/10) + "'}]}]",
		"unknown keys": "version: 1\nrules:\n  - name: a\n" + strings.Repeat("    xkeyx: 1\n", n/20),
		"questions":    strings.Repeat("? ", n/2),
		"tags":         strings.Repeat("!!a ", n/4),
		"directives":   strings.Repeat("%YAML 1.1\n", n/10),
		"documents":    strings.Repeat("---\n", n/4),
	} {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			rs, problems := Parse([]Source{{"rules.yaml", []byte(text)}})
			if d := time.Since(start); d > 8*time.Second {
				t.Errorf("it took %v", d)
			}
			if rs != nil || len(problems) == 0 || len(problems) > maxReported+10 {
				t.Errorf("a ruleset: %v, %d problems", rs != nil, len(problems))
			}
		})
	}
}

func deepIndent(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	return b.String()
}
