package rules

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/checker"
	"github.com/expr-lang/expr/checker/nature"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"
	"gopkg.in/yaml.v3"

	"switchboard/internal/diag"
	"switchboard/internal/event"
)

// `search` is YAML, and the functions contacts() and conversations() take the same in an
// expression. So the YAML becomes the tree that the expression would have, each node with its
// place in the file, and is checked and compiled by the same code (search.go).

// sweepSearch is the search of a rule with `every`.
type sweepSearch struct {
	kind string // of the subjects that it finds
	text string
	ask  query
}

// String is the search as an expression would have it.
func (s *sweepSearch) String() string { return s.text }

// swept is what can be searched for, by the word that chooses it.
var swept = map[string]struct {
	kind   string
	search *search
}{
	"conversations": {event.KindConversation, &search{kind: "conversations", by: conversationSearch, example: "search: { state: open }"}},
	"contacts":      {event.KindContact, &search{kind: "contacts", by: contactSearch, example: "search: { contacts: { role: lead } }"}},
	"tickets":       {event.KindTicket, &search{kind: "tickets", by: ticketSearch, attributes: "ticket_attribute.", attributeID: "ID", example: "search: { tickets: { open: true } }"}},
}

// ticketSearch are the searchable fields of tickets in API 2.14.
var ticketSearch = merged(
	fieldsOf(searchText, "id title description ticket_type_id contact_ids teammate_ids admin_assignee_id team_assignee_id state"),
	fieldsOf(searchDate, "updated_at snoozed_until"),
	fieldsOf(searchFlag, "open"),
	map[string]searchField{
		"category":   {holds: searchText, words: []string{"request", "task", "tracker"}},
		"created_at": {holds: searchDate, operators: append(slices.Clone(searchOperators[searchDate]), ">=", "<=")},
	},
)

// readSearch reads `search`: what to search for, of conversations, or with the word for it
// around it of something else.
func (p *loader) readSearch(n *yaml.Node) *sweepSearch {
	if n.Kind != yaml.MappingNode {
		p.wrongType(n, "what to search for, such as { state: open }")
		return nil
	}
	what := "conversations"
	for i := 0; i+1 < len(n.Content); i += 2 {
		name := n.Content[i].Value
		if _, chooses := swept[name]; !chooses {
			continue
		}
		if len(n.Content) > 2 {
			p.Problem(n.Content[i], "rules/search", "put all of it below "+name, "%s chooses what is searched, so it stands alone", name)
			return nil
		}
		what, n = name, n.Content[i+1]
		if n.Kind != yaml.MappingNode {
			p.wrongType(n, "what to search for, such as { id: \"5\" }")
			return nil
		}
		break
	}
	t := swept[what]
	r := &searchReader{p: p}
	r.x = &expression{p: p, locate: r.locate}
	root := r.node(n)
	if !r.typed(root) {
		return nil
	}
	ask := t.search.filters(&compiler{x: r.x}, root)
	if ask == nil || r.x.failed || r.failed {
		return nil
	}
	r.x.noteSearch(what, root)
	s := &sweepSearch{kind: t.kind, text: what + "(" + root.String() + ")", ask: ask}
	if err := s.try(); err != nil {
		at := span{err.at.line, err.at.column, err.at.column + 1}
		if err.at.line == 0 {
			at = p.file.nodeSpan(n)
		}
		p.reportAt(at, diag.Error, "rules/search", "", "the search cannot be made: %s", err.msg)
		return nil
	}
	return s
}

// try makes the search once, at some time, to find what only shows then, such as a number for a
// field that holds a time.
func (s *sweepSearch) try() *evalError {
	e := evaluationOf(context.Background(), &Input{Now: time.Unix(1_800_000_000, 0)}, nil, []string{""})
	e.begin(&rule{})
	err := guard(func() { s.ask(e) })
	if failure, ok := errors.AsType[*evalError](err); ok || err == nil {
		return failure
	}
	return &evalError{msg: err.Error()}
}

// searchReader turns YAML into the tree of an expression. The location of a node is a stretch of
// offsets that no other node has, so that locate finds the place in the file that it stands for.
type searchReader struct {
	p      *loader
	x      *expression // what problems are reported to
	taken  []stretch
	size   int
	failed bool
}

// stretch are the offsets from `from` on, up to those of the next.
type stretch struct {
	from   int
	locate func(from, to int) span
}

// take gives a node the next n offsets.
func (r *searchReader) take(n int, locate func(from, to int) span) file.Location {
	at := file.Location{From: r.size, To: r.size + n}
	r.taken = append(r.taken, stretch{at.From, locate})
	r.size += n + 1
	return at
}

// locate finds the place of offsets; those that nobody took are the beginning.
func (r *searchReader) locate(from, to int) span {
	i, found := slices.BinarySearchFunc(r.taken, from, func(s stretch, from int) int { return s.from - from })
	if !found {
		i = max(i-1, 0)
	}
	return r.taken[i].locate(from-r.taken[i].from, to-r.taken[i].from)
}

// node turns a YAML node into one of an expression. After a problem, which is reported, it is
// something of unknown type, so that what else is wrong is reported, too.
func (r *searchReader) node(n *yaml.Node) ast.Node {
	location := r.take(1, func(int, int) span { return r.p.file.nodeSpan(n) })
	var node ast.Node
	switch n.Kind {
	case yaml.MappingNode:
		node = r.mapping(n)
	case yaml.SequenceNode:
		list := &ast.ArrayNode{}
		for _, item := range n.Content {
			list.Nodes = append(list.Nodes, r.node(item))
		}
		node = list
	case yaml.ScalarNode:
		if expression, is := r.expression(n); is {
			return expression
		}
		node = r.scalar(n)
	default: // an alias, which was refused
		r.failed = true
		node = &ast.ConstantNode{}
	}
	node.SetLocation(location)
	return node
}

func (r *searchReader) mapping(n *yaml.Node) ast.Node {
	m := &ast.MapNode{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		if key.Kind != yaml.ScalarNode {
			r.problem(key, "", "a key must be a word")
			continue
		}
		name := &ast.StringNode{Value: key.Value}
		name.SetLocation(r.take(1, func(int, int) span { return r.p.file.nodeSpan(key) }))
		pair := &ast.PairNode{Key: name, Value: r.node(n.Content[i+1])}
		pair.SetLocation(name.Location())
		m.Pairs = append(m.Pairs, pair)
	}
	return m
}

// scalar is a value that is written out.
func (r *searchReader) scalar(n *yaml.Node) ast.Node {
	switch n.Tag {
	case "!!null":
		if n.Value == "" {
			return r.problem(n, "write null to find those that have none", "the value is empty")
		}
		return &ast.NilNode{}
	case "!!bool":
		return &ast.BoolNode{Value: strings.EqualFold(n.Value, "true")}
	case "!!int":
		if v, err := strconv.Atoi(n.Value); err == nil {
			return &ast.IntegerNode{Value: v}
		}
		return r.problem(n, "put it in quotes to make it a text", "a number is written with digits only")
	case "!!float":
		if v, err := strconv.ParseFloat(n.Value, 64); err == nil {
			return &ast.FloatNode{Value: v}
		}
		return r.problem(n, "put it in quotes to make it a text", "a number is written with digits only")
	case "!!timestamp":
		return r.problem(n, `write "{{ date('`+n.Value+`') }}", or put it in quotes to make it a text`, "this would be a date of YAML")
	}
	return &ast.StringNode{Value: n.Value}
}

func (r *searchReader) problem(n *yaml.Node, hint, message string) ast.Node {
	r.failed = true
	r.p.Problem(n, "rules/search", hint, "%s", message)
	return &ast.ConstantNode{}
}

// expression is the tree of a text that is one {{ expression }} and nothing else.
func (r *searchReader) expression(n *yaml.Node) (node ast.Node, is bool) {
	before, rest, found := strings.Cut(n.Value, "{{")
	if !found {
		return nil, false
	}
	length := expressionEnd(rest)
	if length < 0 || strings.TrimSpace(before) != "" || strings.TrimSpace(rest[length+2:]) != "" {
		return r.problem(n, "such as \"{{ now() - duration('72h') }}\"", "a value of a search is a text, or one {{ expression }} and nothing else"), true
	}
	places := r.p.file.locator(n)
	start := utf8.RuneCountInString(before) + 2
	within := func(from, to int) span { return places(start+from, start+to) }
	x := &expression{p: r.p, source: rest[:length], locate: within}
	root := x.parse(false)
	if root != nil {
		x.needsNoEvent(root)
	}
	if root == nil || x.failed {
		r.failed = true
		return &ast.ConstantNode{}, true
	}
	shift := r.take(utf8.RuneCountInString(x.source), within).From
	ast.Walk(&root, visitor(func(node *ast.Node) {
		at := (*node).Location()
		(*node).SetLocation(file.Location{From: at.From + shift, To: at.To + shift})
	}))
	return root, true
}

// needsNoEvent reports what only an event could tell: a sweep begins without one.
func (x *expression) needsNoEvent(root ast.Node) {
	ast.Walk(&root, visitor(func(node *ast.Node) {
		name, isName := (*node).(*ast.IdentifierNode)
		if !isName {
			return
		}
		_, fact := schema[name.Value]
		if fact || slices.Contains([]string{"has_tag", "mentions", "articles", "contacts", "conversations"}, name.Value) {
			x.problem(name, "rules/search", "use now(), lists and functions of them; put the rest into if",
				"a search begins without an event, so there is no %s yet", name.Value)
		}
	}))
}

// typed gives every node its type. What could be wrong inside the expressions was reported, so
// nothing is left to complain about.
func (r *searchReader) typed(root ast.Node) bool {
	ast.Walk(&root, visitor(func(node *ast.Node) { (*node).SetNature(nature.Nature{}) }))
	r.p.config.Expect, r.p.config.ExpectAny = reflect.Invalid, false
	_, err := checker.Check(&parser.Tree{Node: root, Source: file.NewSource("")}, r.p.config)
	if err != nil {
		r.x.report(span{}, "rules/search", "", "the search cannot be read")
	}
	return err == nil
}
