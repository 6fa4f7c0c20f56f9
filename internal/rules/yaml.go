package rules

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"switchboard/internal/diag"
)

// maxDepth bounds how deep lists and mappings may be nested; rules need 7.
const maxDepth = 40

// document reads the one document of a file; nil when there were problems, which are
// reported.
func (p *loader) document(text string) *yaml.Node {
	doc, err := parseYAML(text)
	switch {
	case errors.Is(err, io.EOF):
		p.fileProblem(p.file.name, "rules/empty", "begin with version: 1", "the file is empty")
		return nil
	case errors.Is(err, errSecondDocument):
		at := span{doc.Line, doc.Column, doc.Column + 1}
		p.reportAt(at, diag.Error, "rules/syntax", "put it into a file of its own", "a file holds one document, and here begins a second")
		return nil
	case err != nil:
		p.yamlProblem(text, err)
		return nil
	}
	root := doc.Content[0]
	if root.Kind == yaml.ScalarNode && root.Tag == "!!null" && root.Value == "" {
		p.fileProblem(p.file.name, "rules/empty", "begin with version: 1", "the file is empty")
		return nil
	}
	if !p.plainYAML(root, 1) {
		return nil
	}
	return root
}

var errSecondDocument = errors.New("second document")

// parseYAML reads one document. For errSecondDocument it returns the second one.
func parseYAML(text string) (doc *yaml.Node, err error) {
	defer func() {
		if recover() != nil { // it has bugs; none of them may end the service
			doc, err = nil, errors.New("yaml: this cannot be read")
		}
	}()
	d := yaml.NewDecoder(bytes.NewReader([]byte(text)))
	doc = &yaml.Node{}
	if err := d.Decode(doc); err != nil {
		return nil, err
	}
	second := &yaml.Node{}
	switch err := d.Decode(second); {
	case errors.Is(err, io.EOF):
		return doc, nil
	case err != nil:
		return nil, err
	}
	return second, errSecondDocument
}

// plainYAML reports what rules files have no use for. Aliases can make a small file stand
// for a huge one, tags and merge keys change what a reader thinks is written. It returns
// false when the file must not be read any further.
func (p *loader) plainYAML(n *yaml.Node, depth int) bool {
	switch {
	case depth > maxDepth:
		p.refuse(n, "", "this is nested too deeply")
		return false
	case n.Kind == yaml.AliasNode:
		p.refuse(n, "write the value out", "aliases are not allowed")
		return true
	case n.Anchor != "":
		p.refuse(n, "write the value out where it is needed", "anchors are not allowed")
	case n.Style&yaml.TaggedStyle != 0:
		p.refuse(n, "", "tags such as %s are not allowed", n.Tag)
	case n.Kind == yaml.MappingNode && strings.HasPrefix(p.file.from(n), "{{"):
		p.refuse(n, "put the whole text in quotes", "to YAML a text that begins with {{ is a mapping")
		return true
	}
	for i, child := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 0 && child.Tag == "!!merge" {
			p.refuse(child, "write the keys out", "merge keys are not allowed")
			continue
		}
		if !p.plainYAML(child, depth+1) {
			return false
		}
	}
	return true
}

// refuse reports a node; whatever else is wrong with it or in it follows from that.
func (p *loader) refuse(n *yaml.Node, hint, format string, args ...any) {
	p.Problem(n, "rules/syntax", hint, format, args...)
	if n.Kind == yaml.MappingNode && n.Anchor == "" {
		for _, child := range n.Content {
			p.refused[child] = true
		}
	}
	p.refused[n] = true
}

var yamlLine = regexp.MustCompile(`^(?:line (\d+): )?(.*)$`)

// yamlProblem reports a syntax error. The parser says at most a line, often that of the
// beginning of the block. The line where the file stops being readable is found by asking
// which part of the file, cut after a line, first gives the same error.
func (p *loader) yamlProblem(text string, err error) {
	message := strings.TrimPrefix(err.Error(), "yaml: ")
	m := yamlLine.FindStringSubmatch(message)
	if m == nil {
		m = []string{"", "", message}
	}
	lines := strings.SplitAfter(text, "\n")
	low, high := 1, len(lines) // the error is there after high lines
	for low < high {
		mid := (low + high) / 2
		if _, cut := parseYAML(strings.Join(lines[:mid], "")); cut != nil && cut.Error() == err.Error() {
			high = mid
		} else {
			low = mid + 1
		}
	}
	at := span{line: low}
	source := p.file.line(low)
	for at.column < len(source) && source[at.column] == ' ' {
		at.column++
	}
	at.column++
	at.endColumn = max(len([]rune(strings.TrimRight(string(source), " \t")))+1, at.column+1)
	hint := yamlHint(string(source), m[2])
	if i := strings.IndexByte(string(source), '\t'); i >= 0 && strings.TrimLeft(string(source)[:i], " ") == "" {
		at.column, at.endColumn = i+1, i+2
		p.reportAt(at, diag.Error, "rules/syntax", "indent with spaces", "a tab cannot indent YAML")
		return
	}
	p.reportAt(at, diag.Error, "rules/syntax", hint, "the YAML cannot be read: %s", m[2])
}

var (
	quoteThenMore = regexp.MustCompile(`^\s*(?:- )*(?:[\w-]+:\s+)?(?:"[^"]*"|'[^']*')\s*[^\s#,\]}:]`)
	questionMark  = regexp.MustCompile(`[\[{].*\?\s*[,}\]]`)
	colonInside   = regexp.MustCompile(`^\s*(?:- )*[\w-]+:\s+[^"'|>\s].*:\s`)
)

// yamlHint guesses what people usually did when YAML complains about a line.
func yamlHint(line, message string) string {
	switch {
	case quoteThenMore.MatchString(line):
		return "a value that begins with a quote ends with it: put the whole value in the other kind of quotes, or below a >-"
	case strings.Contains(message, "mapping values are not allowed") && colonInside.MatchString(line):
		return "a value with a colon and a space in it must be in quotes, or below a >-"
	case strings.Contains(message, "found character that cannot start any token"):
		return "put the value in quotes"
	case strings.Contains(message, "unexpected end of stream"):
		return "a quote is not closed"
	case strings.Contains(message, "did not find expected ',' or") && questionMark.MatchString(line):
		return "inside [ ] or { } a text that ends with ? must be in quotes"
	case strings.Contains(message, "did not find expected ',' or"):
		return "a [ or { is not closed"
	case strings.Contains(message, "did not find expected key"),
		strings.Contains(message, "did not find expected '-' indicator"):
		return "look at the indentation of this line"
	}
	return ""
}

// Fields visits a mapping in the order of the file. It reports unknown and repeated keys,
// and values that are not a mapping. (It is part of actions.Decoder.)
func (p *loader) Fields(n *yaml.Node, known map[string]func(*yaml.Node)) {
	if n.Kind != yaml.MappingNode {
		p.wrongType(n, "a mapping (key: value)")
		return
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if key.Kind != yaml.ScalarNode {
			p.Problem(key, "rules/syntax", "", "a key must be a word")
			continue
		}
		if line, again := seen[key.Value]; again {
			p.Problem(key, "rules/repeated-key", fmt.Sprintf("it is already in line %d", line), "the key %q is there twice", key.Value)
			continue
		}
		seen[key.Value] = key.Line
		if visit, ok := known[key.Value]; ok {
			visit(value)
		} else {
			p.unknownKey(key, known)
		}
	}
}

func (p *loader) unknownKey(key *yaml.Node, known map[string]func(*yaml.Node)) {
	names := sortedNames(known)
	hint := diag.DidYouMean(key.Value, names)
	if hint == "" && len(names) > 0 && len(names) <= 30 {
		hint = "known keys: " + strings.Join(names, ", ")
	}
	p.Problem(key, "rules/unknown-key", hint, "unknown key %q", key.Value)
}

// wrongType reports a node of the wrong kind.
func (p *loader) wrongType(n *yaml.Node, want string) {
	p.Problem(n, "rules/wrong-type", "", "this must be %s, not %s", want, nodeKind(n))
}

func nodeKind(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	}
	switch n.Tag {
	case "!!null":
		return "empty"
	case "!!bool":
		return "true or false"
	case "!!int", "!!float":
		return "a number"
	}
	return "a text"
}

// isEmpty tells whether nothing was written behind a key.
func isEmpty(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

// word reads a plain text, such as a name.
func (p *loader) word(n *yaml.Node, what string) (string, bool) {
	switch {
	case n.Kind != yaml.ScalarNode || n.Tag == "!!bool":
		p.wrongType(n, what)
		return "", false
	case isEmpty(n), strings.TrimSpace(n.Value) == "":
		p.Problem(n, "rules/wrong-type", "", "this must be %s, but it is empty", what)
		return "", false
	}
	return n.Value, true
}

// choice reads one of the given words.
func (p *loader) choice(n *yaml.Node, words ...string) (string, bool) {
	want := "one of " + strings.Join(words, ", ")
	if n.Kind != yaml.ScalarNode || isEmpty(n) {
		p.wrongType(n, want)
		return "", false
	}
	if !slices.Contains(words, n.Value) {
		p.Problem(n, "rules/wrong-value", diag.DidYouMean(n.Value, words), "this must be %s, not %q", want, shorten(n.Value))
		return "", false
	}
	return n.Value, true
}

// scalars returns the entries of a list of scalars, or a single scalar.
func (p *loader) scalars(n *yaml.Node, what string) []*yaml.Node {
	if n.Kind == yaml.ScalarNode && !isEmpty(n) {
		return []*yaml.Node{n}
	}
	if n.Kind != yaml.SequenceNode {
		p.wrongType(n, what)
		return nil
	}
	if len(n.Content) == 0 {
		p.Problem(n, "rules/wrong-type", "", "the list is empty")
	}
	var list []*yaml.Node
	for _, item := range n.Content {
		if item.Kind != yaml.ScalarNode || isEmpty(item) {
			p.wrongType(item, "a text")
			continue
		}
		list = append(list, item)
	}
	return list
}
