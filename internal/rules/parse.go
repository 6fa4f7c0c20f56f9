package rules

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"

	"github.com/expr-lang/expr/conf"
	"gopkg.in/yaml.v3"

	"switchboard/internal/actions"
	"switchboard/internal/diag"
)

// loader compiles rules files and collects what is wrong in them. It implements
// actions.Decoder for the parameters of actions.
type loader struct {
	problems []diag.Problem
	errors   int // that were reported at a place
	warnings int
	silences []*silence
	file     *sourceFile // the one being read
	config   *conf.Config
	lists    map[string]*list

	calendars map[string]*hours
	holidays  []Source // the files that calendars name
	// holidayFile reads one of them.
	holidayFile func(path string) ([]byte, error)

	admin    string
	adminAt  string // the file that says it
	counters []actions.CounterSpec
	breaker  int               // 0: not said
	names    map[string]string // of rules: where each is
	rules    []*rule
	required []requiredText      // of the rule that is being read
	refused  map[*yaml.Node]bool // nodes about which enough was said
	literal  bool                // texts hold no expressions (Reader)
}

var _ actions.Decoder = (*loader)(nil)

// parsedFile is a file after the first pass.
type parsedFile struct {
	file     *sourceFile
	settings *yaml.Node
	lists    *yaml.Node
	rules    *yaml.Node
}

// Parse compiles rules files. Rules keep the order of the files, and within a file that of
// the text; names must be unique over all files. The ruleset is nil when any problem is an
// error; every problem is reported, not only the first. Holidays are read from the folder of
// the file that names them.
func Parse(files []Source) (*Ruleset, []diag.Problem) { return parse(files, (*loader).checkTogether) }

// Sources are the texts that a ruleset was made of.
type Sources struct {
	Files    []Source `json:"files"`
	Holidays []Source `json:"holidays,omitempty"` // in the order in which calendars name them
}

// ParseSources compiles a ruleset again from its sources. Nothing is read but those. Rules that were
// accepted once are accepted, whatever check says about loops today.
func ParseSources(s Sources) (*Ruleset, []diag.Problem) {
	next := s.Holidays
	found := compileFiles(s.Files, nil, func(*loader) {}, func(string) ([]byte, error) {
		if len(next) == 0 {
			return nil, errors.New("it was not kept")
		}
		text := next[0].Text
		next = next[1:]
		return text, nil
	})
	return found.Ruleset, found.Problems
}

func parse(files []Source, checkAll func(*loader)) (*Ruleset, []diag.Problem) {
	found := compileFiles(files, nil, checkAll, readHolidayFile)
	return found.Ruleset, found.Problems
}

// compileFiles compiles rules files. unread are the problems of files that could not be read. checkAll
// looks at all rules together, if each is fine by itself.
func compileFiles(files []Source, unread []diag.Problem, checkAll func(*loader), holidayFile func(string) ([]byte, error)) Report {
	p := &loader{
		holidayFile: holidayFile,
		lists:       map[string]*list{}, calendars: map[string]*hours{}, names: map[string]string{}, refused: map[*yaml.Node]bool{},
	}
	var parsed []*parsedFile
	for _, src := range files {
		if text, ok := p.readable(src); ok {
			if root := p.document(text); root != nil {
				p.readSilences(root)
				parsed = append(parsed, p.topLevel(root))
			}
		}
	}
	// Lists and calendars may stand behind the rules that use them, or in another file.
	for _, f := range parsed {
		p.file = f.file
		p.readLists(f.lists)
		p.readSettings(f.settings)
	}
	p.config = exprConfig(p.lists)
	for _, f := range parsed {
		p.file = f.file
		p.readRules(f.rules)
	}
	if len(p.rules) == 0 && !diag.HasErrors(p.problems) && len(files) > 0 {
		p.problems = append(p.problems, diag.Problem{
			File: files[0].Name, Severity: diag.Warning, Code: "rules/no-rules", Message: "there are no rules",
		})
	}
	if !diag.HasErrors(p.problems) {
		checkAll(p)
	}
	found := p.report(unread)
	if diag.HasErrors(found.Problems) {
		return found
	}
	found.Ruleset = newRuleset(Sources{files, p.holidays}, p.rules, p.admin, p.counters)
	if p.breaker > 0 {
		found.Ruleset.breaker = p.breaker
	}
	return found
}

// topLevel reads the keys of a file.
func (p *loader) topLevel(root *yaml.Node) *parsedFile {
	f := &parsedFile{file: p.file}
	version := false
	p.Fields(root, map[string]func(*yaml.Node){
		"version":  func(n *yaml.Node) { version = true; p.readVersion(n) },
		"settings": func(n *yaml.Node) { f.settings = n },
		"lists":    func(n *yaml.Node) { f.lists = n },
		"rules":    func(n *yaml.Node) { f.rules = n },
	})
	if root.Kind == yaml.MappingNode && !version {
		p.reportAt(span{1, 1, 2}, diag.Error, "rules/missing-key", "begin the file with version: 1", `the key "version" is missing`)
	}
	return f
}

func (p *loader) readVersion(n *yaml.Node) {
	if n.Kind != yaml.ScalarNode || n.Tag != "!!int" || n.Value != "1" {
		p.Problem(n, "rules/version", "write version: 1", "this version of the rules format is unknown")
	}
}

func (p *loader) readSettings(n *yaml.Node) {
	if n == nil || isEmpty(n) {
		return
	}
	p.Fields(n, map[string]func(*yaml.Node){
		"admin": func(n *yaml.Node) {
			admin, ok := p.word(n, "the e-mail address, name or id of a teammate")
			if !ok {
				return
			}
			if p.adminAt != "" && p.admin != admin {
				p.Problem(n, "rules/repeated-key", "it is also in "+p.adminAt, "settings.admin is already set to somebody else")
				return
			}
			p.admin, p.adminAt = admin, p.file.name
		},
		"breaker":   p.readBreaker,
		"calendars": p.readCalendars,
		"counters":  p.readCounters,
	})
}

// readBreaker reads settings.breaker: how many actions a subject may have in an hour. There is no
// way to switch it off.
func (p *loader) readBreaker(n *yaml.Node) {
	v, err := strconv.Atoi(n.Value)
	switch {
	case n.Kind != yaml.ScalarNode || n.Tag != "!!int" || err != nil || v < 1 || v > mostRuns:
		p.Problem(n, "rules/wrong-value", "the default is "+strconv.Itoa(defaultBreaker), "the breaker is a number of actions in an hour, from 1 to %d", mostRuns)
	case p.breaker != 0 && p.breaker != v:
		p.Problem(n, "rules/repeated-key", "", "settings.breaker is already set to %d", p.breaker)
	default:
		p.breaker = v
	}
}

var listName = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*$`)

func (p *loader) readLists(n *yaml.Node) {
	if n == nil || isEmpty(n) {
		return
	}
	if n.Kind != yaml.MappingNode {
		p.wrongType(n, "a mapping of names to lists")
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if key.Kind != yaml.ScalarNode || !listName.MatchString(key.Value) {
			p.Problem(key, "rules/wrong-value", "such as vip_domains", "the name of a list has letters, digits and _ only")
			continue
		}
		if _, again := p.lists[key.Value]; again {
			p.Problem(key, "rules/repeated-key", "", "there is already a list %q", key.Value)
			continue
		}
		p.lists[key.Value] = newList(p.listValues(value))
	}
}

func (p *loader) listValues(n *yaml.Node) []any {
	values := []any{}
	if n.Kind != yaml.SequenceNode {
		p.wrongType(n, "a list")
		return values
	}
	for _, item := range n.Content {
		if item.Kind == yaml.ScalarNode {
			switch item.Tag {
			case "!!str":
				values = append(values, item.Value)
				continue
			case "!!int":
				if v, err := strconv.Atoi(item.Value); err == nil {
					values = append(values, v)
					continue
				}
			case "!!float":
				if v, err := strconv.ParseFloat(item.Value, 64); err == nil {
					values = append(values, v)
					continue
				}
			}
			if item.Tag == "!!int" || item.Tag == "!!float" || item.Tag == "!!timestamp" {
				p.Problem(item, "rules/wrong-type", "put it in quotes to make it a text", "a list holds texts and plain numbers")
				continue
			}
		}
		p.wrongType(item, "a text or a number")
	}
	return values
}

func sortedNames[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// Problem reports an error at a node. (It is part of actions.Decoder.)
func (p *loader) Problem(n *yaml.Node, code, hint, format string, args ...any) {
	if !p.refused[n] {
		p.reportAt(p.file.nodeSpan(n), diag.Error, code, hint, format, args...)
	}
}

// maxReported bounds the errors of one load, and its warnings; a file that is something else
// altogether needs no list of thousands.
const maxReported = 500

// maxSourceLine bounds the lines that problems repeat, in characters.
const maxSourceLine = 5000

// reportAt reports a problem at a place of the current file.
func (p *loader) reportAt(at span, severity diag.Severity, code, hint, format string, args ...any) {
	count := &p.errors
	if severity == diag.Warning {
		count = &p.warnings
	}
	if *count >= maxReported {
		return
	}
	*count++
	problem := p.problemAt(at)
	problem.Severity, problem.Code, problem.Message, problem.Hint = severity, code, fmt.Sprintf(format, args...), hint
	p.problems = append(p.problems, problem)
}

// problemAt is a problem of which only the place is known.
func (p *loader) problemAt(at span) diag.Problem {
	source := p.file.line(at.line)
	if len(source) > maxSourceLine {
		source = nil
	}
	return diag.Problem{File: p.file.name, Line: at.line, Column: at.column, EndColumn: at.endColumn, Source: string(source)}
}

// fileProblem reports a problem with a file as a whole.
func (p *loader) fileProblem(name, code, hint, message string) {
	p.problems = append(p.problems, diag.Problem{
		File: name, Severity: diag.Error, Code: code, Message: message, Hint: hint,
	})
}

// Text compiles a text that may hold {{ expressions }}. (It is part of actions.Decoder.)
func (p *loader) Text(n *yaml.Node, html bool) actions.Text {
	switch {
	case n.Kind != yaml.ScalarNode:
		p.wrongType(n, "a text")
		return nil
	case isEmpty(n):
		p.Problem(n, "rules/wrong-type", "", "the text is empty")
		return nil
	case n.Tag == "!!bool":
		p.Problem(n, "rules/wrong-type", "put it in quotes to make it a text", "this must be a text, not true or false")
		return nil
	case p.literal:
		return asWritten(n.Value)
	}
	t := p.template(n.Value, html, p.file.locator(n))
	if t == nil {
		return nil // an interface that holds a nil template would not be nil
	}
	return t
}
