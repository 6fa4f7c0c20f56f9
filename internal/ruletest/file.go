package ruletest

import (
	"cmp"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"gopkg.in/yaml.v3"

	"switchboard/internal/actions"
	"switchboard/internal/diag"
	"switchboard/internal/rules"
)

// File is a file of tests with the rules that it tests.
type File struct {
	Name    string
	Ruleset *rules.Ruleset
	Tests   []*Test
}

// Test is one test.
type Test struct {
	Name   string
	File   string
	Line   int
	given  *given
	steps  []step
	expect []expectation
	end    time.Time     // the clock runs until then ...
	length time.Duration // ... or so long after the last event; both zero: until no timer waits
}

// step is one thing that happens in a test.
type step struct {
	line  int
	at    moment
	times int           // how often it happens, each time on a conversation of its own
	every time.Duration // between those
	on    string        // the name of the conversation
	given patches       // what else has changed by then
	deed  deed
}

// moment is a time in a test.
type moment struct {
	at    time.Time
	after time.Duration // since the one before, or since the beginning of the test
	set   bool
}

// expectation is what a test expects of one rule, once.
type expectation struct {
	line  int
	rule  string
	at    moment
	times int
	kind  string // did, would, held or failed
	// actions are expected if kind is did or would; nil: whichever.
	actions []expectedAction
	detail  string // by what it is held back, or a part of why it failed
}

// expectedAction is an action with its texts as they come out. Without a Spec it is any of its kind.
type expectedAction struct {
	kind string
	spec actions.Spec
}

// What can become of a rule, as tests say it.
const (
	did    = "did"
	would  = "would"
	held   = "held back"
	failed = "failed"
)

// Suffixes of the names of files of tests.
var suffixes = []string{".test.yaml", ".test.yml"}

// IsTestFile tells whether a name is that of a file of tests.
func IsTestFile(name string) bool {
	base, _ := cutSuffix(name)
	return base != "" && base != name && !strings.HasPrefix(filepath.Base(name), ".")
}

func cutSuffix(name string) (base, suffix string) {
	for _, s := range suffixes {
		if b, ok := strings.CutSuffix(name, s); ok {
			return b, s
		}
	}
	return name, ""
}

// Load reads a file of tests and the rules that it is about. The file is nil when any problem is an error;
// warnings about the rules are left to check.
func Load(name string) (*File, []diag.Problem) {
	source, err := rules.ReadSource(name)
	if err != nil {
		return nil, []diag.Problem{{File: name, Severity: diag.Error, Code: "rules/cannot-read", Message: "cannot be read: " + err.Error()}}
	}
	reader, root := rules.NewReader(source)
	if root == nil {
		return nil, reader.Problems()
	}
	p := &parser{Reader: reader, file: &File{Name: name}, dir: filepath.Dir(name)}
	if root.Kind == yaml.MappingNode && isRules(root) {
		p.Problem(root.Content[0], "rules/wrong-value", "tests of them stand in a file beside them, such as "+strings.TrimSuffix(filepath.Base(name), filepath.Ext(name))+".test.yaml", "these are rules, not tests")
		return nil, p.Problems()
	}
	var paths, given, tests *yaml.Node
	version := false
	p.Fields(root, map[string]func(*yaml.Node){
		"version": func(n *yaml.Node) { version = true; p.Version(n) },
		"rules":   func(n *yaml.Node) { paths = n },
		"given":   func(n *yaml.Node) { given = n },
		"tests":   func(n *yaml.Node) { tests = n },
	})
	if root.Kind == yaml.MappingNode && !version {
		p.Missing(root, "the file", "version")
	}
	rs, problems := p.rules(paths)
	if rs == nil {
		return nil, append(p.Problems(), problems...)
	}
	p.file.Ruleset = rs
	p.Declare(rs.Counters())
	p.common = given
	p.readTests(tests, root)
	if all := p.Problems(); diag.HasErrors(all) {
		return nil, slices.Compact(all) // what the file gives is read for each test
	}
	return p.file, nil
}

// isRules tells whether a file is one of rules.
func isRules(root *yaml.Node) bool {
	list, tests := false, false
	for i := 0; i+1 < len(root.Content); i += 2 {
		list = list || root.Content[i].Value == "rules" && root.Content[i+1].Kind == yaml.SequenceNode &&
			slices.ContainsFunc(root.Content[i+1].Content, func(n *yaml.Node) bool { return n.Kind == yaml.MappingNode })
		tests = tests || root.Content[i].Value == "tests"
	}
	return list && !tests
}

// parser reads a file of tests.
type parser struct {
	*rules.Reader
	file   *File
	dir    string
	common *yaml.Node
	names  map[string]int // of tests: the line of each
}

// rules loads the rules that the file names, or else those beside it that have its name: those of
// rules.test.yaml are in rules.yaml.
func (p *parser) rules(n *yaml.Node) (*rules.Ruleset, []diag.Problem) {
	var paths []string
	if n != nil {
		for _, path := range p.Words(n, "a path of rules, or a list of them") {
			if !filepath.IsAbs(path) {
				path = filepath.Join(p.dir, path)
			}
			paths = append(paths, path)
		}
		if len(paths) == 0 {
			return nil, nil
		}
		return rules.Load(paths)
	}
	base, suffix := cutSuffix(p.file.Name)
	path := base + strings.TrimPrefix(suffix, ".test")
	if _, err := os.Stat(path); err != nil {
		path = p.dir // all rules of the folder
	}
	return rules.Load([]string{path})
}

func (p *parser) readTests(n, root *yaml.Node) {
	if n == nil {
		p.Missing(root, "the file", "tests")
		return
	}
	p.names = map[string]int{}
	for _, item := range p.Items(n, "a list of tests (each begins with - name:)") {
		if t := p.readTest(item); t != nil {
			p.file.Tests = append(p.file.Tests, t)
		}
	}
}

func (p *parser) readTest(n *yaml.Node) *Test {
	t := &Test{File: p.file.Name, Line: n.Line}
	if n.Kind != yaml.MappingNode {
		p.Problem(n, "rules/wrong-type", "", "this must be a test (name:, events:, expect:)")
		return nil
	}
	var given, events, expect, until *yaml.Node
	p.Fields(n, map[string]func(*yaml.Node){
		"name": func(n *yaml.Node) {
			t.Name, _ = p.Word(n, "the name of the test")
			if strings.ContainsFunc(t.Name, func(r rune) bool { return !unicode.IsPrint(r) }) {
				p.Problem(n, "rules/wrong-value", "", "a name is one line, without control characters")
			}
			if line, again := p.names[t.Name]; again {
				p.Problem(n, "rules/duplicate-name", "", "there is a test with this name in line %d", line)
			}
			p.names[t.Name] = n.Line
		},
		"given":  func(n *yaml.Node) { given = n },
		"events": func(n *yaml.Node) { events = n },
		"expect": func(n *yaml.Node) { expect = n },
		"until":  func(n *yaml.Node) { until = n },
	})
	if t.Name == "" {
		p.Missing(n, "the test", "name")
	}
	t.given = p.readGiven(p.common, given)
	if events == nil {
		p.Missing(n, "the test", "events")
	} else {
		if len(events.Content) == 0 && events.Kind == yaml.SequenceNode {
			p.Problem(events, "rules/wrong-type", "", "the list is empty: nothing happens in this test")
		}
		for _, item := range p.Items(events, "a list of events") {
			if s, ok := p.readStep(item, t.given); ok {
				t.steps = append(t.steps, s)
			}
		}
	}
	if expect == nil {
		p.Missing(n, "the test", "expect")
	} else {
		t.expect = p.readExpect(expect, t.given)
	}
	if until != nil {
		m := p.readMoment(until, t.given, true)
		t.end, t.length = m.at, m.after
	}
	return t
}

// readMoment reads a time: a duration if it may be one, a time of day, or a date with a time.
func (p *parser) readMoment(n *yaml.Node, g *given, mayBeAfter bool) moment {
	if d, ok := actions.ParseDuration(n.Value); ok && mayBeAfter {
		return moment{after: d, set: true}
	}
	at, ok := parseTime(n.Value, g.at, g.zone)
	switch {
	case n.Kind == yaml.ScalarNode && !ok && timeForm.MatchString(n.Value):
		p.Problem(n, "rules/wrong-value", "", "there is no such time in %s: no such day, or the clocks skip it", g.zone)
	case n.Kind != yaml.ScalarNode || !ok:
		hint := "write 2026-03-02 09:00, or 09:00 on the day of the test"
		if mayBeAfter {
			hint += ", or a duration such as 15m"
		}
		p.Problem(n, "rules/wrong-value", hint, "this is not a time")
	case at.Year() < firstYear || at.Year() > lastYear:
		p.Problem(n, "rules/wrong-value", "", "a test is in the years from %d to %d", firstYear, lastYear)
		at = g.at
	}
	return moment{at: at, set: true}
}

// firstYear and lastYear are the years that tests may be in.
const (
	firstYear = 1970
	lastYear  = 2200
)

// timeForm is what looks like a time.
var timeForm = regexp.MustCompile(`^([0-9]{4}-[0-9]{2}-[0-9]{2})?[ T]?([0-9]{2}:[0-9]{2}(:[0-9]{2})?)?$`)

// parseTime reads a time in a zone. A time of day is on the day of another time.
func parseTime(text string, day time.Time, zone *time.Location) (time.Time, bool) {
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at.UTC(), true
	}
	for _, layout := range []string{"2006-01-02 15:04:05", "2006-01-02 15:04", time.DateOnly} {
		if at, err := time.ParseInLocation(layout, text, zone); err == nil {
			return at.UTC(), at.Format(layout) == text // else the clocks skip it
		}
	}
	for _, layout := range []string{time.TimeOnly, "15:04"} {
		if at, err := time.Parse(layout, text); err == nil {
			y, m, d := day.In(zone).Date()
			then := time.Date(y, m, d, at.Hour(), at.Minute(), at.Second(), 0, zone)
			return then.UTC(), then.Format(layout) == text
		}
	}
	return time.Time{}, false
}

func (p *parser) readExpect(n *yaml.Node, g *given) (list []expectation) {
	if n.Kind == yaml.ScalarNode && n.Value == "nothing" {
		return nil
	}
	if n.Kind != yaml.SequenceNode {
		p.Problem(n, "rules/wrong-type", "write nothing, or a list of rules with what they do", "this must be nothing, or a list of what is expected")
		return nil
	}
	for _, item := range n.Content {
		list = append(list, p.readExpectation(item, g))
	}
	return list
}

func (p *parser) readExpectation(n *yaml.Node, g *given) expectation {
	x := expectation{line: n.Line, times: 1}
	says := 0
	what := func(kind string, read func(*yaml.Node)) func(*yaml.Node) {
		return func(n *yaml.Node) {
			if says++; says > 1 {
				p.Problem(n, "rules/wrong-value", "use two entries", "one entry says one of then, would, held_by and fails")
			}
			x.kind = kind
			read(n)
		}
	}
	list := func(n *yaml.Node) {
		x.actions = []expectedAction{}
		for _, item := range p.Items(n, "a list of actions") {
			if kind, spec, ok := p.Action(item); ok {
				x.actions = append(x.actions, expectedAction{kind, spec})
			}
		}
	}
	p.Fields(n, map[string]func(*yaml.Node){
		"rule": func(n *yaml.Node) {
			if x.rule, _ = p.Word(n, "the name of a rule"); x.rule != "" && !p.file.Ruleset.Has(x.rule) {
				p.Problem(n, "rules/wrong-value", p.closestRule(x.rule), "there is no rule %q", x.rule)
			}
		},
		"at":      func(n *yaml.Node) { x.at = p.readMoment(n, g, false) },
		"after":   func(n *yaml.Node) { d, _ := p.Duration(n); x.at = moment{after: d, set: true} },
		"times":   func(n *yaml.Node) { x.times, _ = p.Number(n, 1, mostTimes) },
		"then":    what(did, list),
		"would":   what(would, list),
		"held_by": what(held, func(n *yaml.Node) { x.detail = p.readHolder(n) }),
		"fails":   what(failed, func(n *yaml.Node) { x.detail, _ = p.Word(n, "a part of why it fails") }),
	})
	switch {
	case n.Kind != yaml.MappingNode:
	case x.rule == "":
		p.Missing(n, "what is expected", "rule")
	case says == 0:
		p.Missing(n, "what is expected of "+x.rule, "then")
	}
	return x
}

// readHolder reads what holds a rule back.
func (p *parser) readHolder(n *yaml.Node) string {
	by, ok := p.Word(n, "what holds it back, such as once")
	if ok && !slices.Contains(rules.Holders(), by) {
		hint := cmp.Or(diag.DidYouMean(by, rules.Holders()), strings.Join(rules.Holders(), ", "))
		p.Problem(n, "rules/wrong-value", hint, "nothing called %q holds rules back", by)
	}
	return by
}

func (p *parser) closestRule(name string) string {
	infos := p.file.Ruleset.Rules()
	names := make([]string, len(infos))
	for i, info := range infos {
		names[i] = info.Name
	}
	return diag.DidYouMean(name, names)
}
