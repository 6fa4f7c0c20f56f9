package rules

import (
	"bytes"
	"cmp"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/builtin"
	"github.com/expr-lang/expr/checker/nature"
	"github.com/expr-lang/expr/types"

	"switchboard/internal/diag"
)

// returning is the type of a function that returns a list of structs. Its arguments are
// checked when it is compiled, where problems get the place of the argument.
type returning struct{ item reflect.Type }

var _ types.Type = returning{}

// Nature describes the function to the type check.
func (r returning) Nature() nature.Nature {
	n := types.TypeOf(func(...any) any { return nil }).Nature()
	n.TypeData = &nature.TypeData{Func: &builtin.Function{
		Validate: func([]reflect.Type) (reflect.Type, error) { return reflect.SliceOf(r.item), nil },
	}}
	return n
}

// Equal compares types.
func (r returning) Equal(t types.Type) bool { return t == types.Any || t == types.Type(r) }

// String names the type as Go does.
func (r returning) String() string { return "func(...interface {}) []" + r.item.String() }

// query makes the text of a search; ok is false when a value that it needs is absent. Then
// nothing is asked, because a search for what is absent would find strangers.
type query func(e *evaluation) (text string, ok bool)

// compile compiles a call such as contacts({email: contact.email}, 5).
func (s *search) compile(c *compiler, n *ast.CallNode) fn {
	if len(n.Arguments) < 1 || len(n.Arguments) > 2 {
		c.x.problem(n, "rules/search", "such as "+s.example, "%s() needs what to search for, and may have the number of results", s.kind)
		return constant(nil)
	}
	q := Question{Kind: s.kind, Limit: s.usual}
	if len(n.Arguments) == 2 {
		limit, ok := n.Arguments[1].(*ast.IntegerNode)
		if !ok || limit.Value < 1 || limit.Value > s.most {
			c.x.problem(n.Arguments[1], "rules/search", "", "the number of results must be from 1 to %d, written out", s.most)
			return constant(nil)
		}
		q.Limit = limit.Value
	}
	var ask query
	if s.by == nil {
		ask = s.words(c, n.Arguments[0])
	} else {
		ask = s.filters(c, n.Arguments[0])
	}
	return func(e *evaluation) any {
		text, ok := ask(e)
		if !ok {
			return nil
		}
		asked := q
		asked.Search = text
		return s.results(e.lookup(asked), q.Limit)
	}
}

// results are the objects of an answer, with the names of the schema.
func (s *search) results(answer any, limit int) []any {
	list := listIn(answer, "data", string(s.kind))
	list = list[:min(len(list), limit)]
	out := make([]any, len(list))
	for i, v := range list {
		out[i] = s.found.facts(objectOf(v))
	}
	return out
}

// maxPhrase bounds the words of a search, in characters.
const maxPhrase = 200

// words compiles the words of a search.
func (s *search) words(c *compiler, n ast.Node) query {
	if word := typeWord(n.Nature().String()); !anything(n) && word != "a text" {
		c.x.problem(n, "rules/search", "such as "+s.example, "%s() searches for words, not for %s", s.kind, word)
	}
	value, at := c.fn(n), c.x.site(n)
	return func(e *evaluation) (string, bool) {
		v := value(e)
		phrase, ok := v.(string)
		if !ok && v != nil {
			fail(at, "%s() searches for words, not for %s", s.kind, kindOf(v))
		}
		phrase = strings.Join(strings.Fields(phrase), " ")
		if utf8.RuneCountInString(phrase) > maxPhrase {
			phrase = strings.TrimSpace(string([]rune(phrase)[:maxPhrase]))
		}
		return phrase, phrase != ""
	}
}

// filters compiles a query that is written out: pairs of fields and values, or Intercom's own
// grammar. Nothing else, so that it can be checked as a whole when the rules are loaded.
func (s *search) filters(c *compiler, n ast.Node) query {
	root := s.filter(c, n, 1)
	if root == nil {
		return nil
	}
	return func(e *evaluation) (string, bool) {
		q := root(e)
		if q == nil {
			return "", false
		}
		var b bytes.Buffer
		out := json.NewEncoder(&b)
		out.SetEscapeHTML(false)
		if err := out.Encode(q); err != nil { // only for numbers that JSON does not have
			fail(c.x.site(n), "the search cannot be written")
		}
		return strings.TrimSuffix(b.String(), "\n"), true
	}
}

const (
	maxFilters = 15 // of a group
	maxGroups  = 2  // inside each other
)

// queryPart makes a part of a query: nil when a value that it needs is absent.
type queryPart func(e *evaluation) object

// filter compiles an object of a query. depth counts the groups around it.
func (s *search) filter(c *compiler, n ast.Node, depth int) queryPart {
	m, ok := n.(*ast.MapNode)
	if !ok {
		c.x.problem(n, "rules/search", "such as "+s.example, "the search must be written out as { field: value }")
		return nil
	}
	values, names := map[string]ast.Node{}, []ast.Node{}
	for _, p := range m.Pairs {
		pair := p.(*ast.PairNode)
		name, ok := pair.Key.(*ast.StringNode)
		if !ok {
			c.x.problem(pair.Key, "rules/search", "", "the names in a search must be written out")
			return nil
		}
		if values[name.Value] != nil {
			c.x.problem(name, "rules/search", "", "%q is there twice", name.Value)
			return nil
		}
		values[name.Value] = pair.Value
		names = append(names, name)
	}
	switch {
	case values["field"] != nil && (values["operator"] != nil || values["value"] != nil):
		return s.single(c, n, names, values)
	case values["operator"] != nil:
		return s.group(c, n, names, values, depth)
	}
	return s.pairs(c, n, names, values)
}

// known reports names that an object of the grammar does not have, or that it lacks.
func (s *search) known(c *compiler, n ast.Node, names []ast.Node, values map[string]ast.Node, want ...string) bool {
	for _, node := range names {
		if name := node.(*ast.StringNode).Value; !slices.Contains(want, name) {
			c.x.problem(node, "rules/search", diag.DidYouMean(name, want), "a search has no key %q here", name)
			return false
		}
	}
	for _, name := range want {
		if values[name] == nil {
			c.x.problem(n, "rules/search", "", "the search has no %q", name)
			return false
		}
	}
	return true
}

// literalText returns a text that must be written out.
func literalText(c *compiler, n ast.Node, what string) (string, bool) {
	if s, ok := n.(*ast.StringNode); ok {
		return s.Value, true
	}
	c.x.problem(n, "rules/search", "", "%s must be a text that is written out", what)
	return "", false
}

// group compiles {operator: "AND", value: [...]}.
func (s *search) group(c *compiler, n ast.Node, names []ast.Node, values map[string]ast.Node, depth int) queryPart {
	if !s.known(c, n, names, values, "operator", "value") {
		return nil
	}
	operator, ok := literalText(c, values["operator"], "the operator of a group")
	if !ok {
		return nil
	}
	if operator != "AND" && operator != "OR" {
		c.x.problem(values["operator"], "rules/search", `a single filter has a "field"`, `the operator of a group is "AND" or "OR"`)
		return nil
	}
	list, ok := values["value"].(*ast.ArrayNode)
	switch {
	case !ok || len(list.Nodes) == 0:
		c.x.problem(values["value"], "rules/search", "", "the value of a group must be a list of filters")
		return nil
	case len(list.Nodes) > maxFilters:
		c.x.problem(values["value"], "rules/search", "", "Intercom allows at most %d filters in a group", maxFilters)
		return nil
	case depth > maxGroups:
		c.x.problem(n, "rules/search", "", "Intercom allows at most %d groups inside each other", maxGroups)
		return nil
	}
	parts := make([]queryPart, len(list.Nodes))
	wrong := false
	for i, node := range list.Nodes { // all of them, to report every problem
		parts[i] = s.filter(c, node, depth+1)
		wrong = wrong || parts[i] == nil
	}
	if wrong {
		return nil
	}
	return joined(operator, parts)
}

func joined(operator string, parts []queryPart) queryPart {
	return func(e *evaluation) object {
		list := make([]any, len(parts))
		for i, part := range parts {
			o := part(e)
			if o == nil {
				return nil
			}
			list[i] = o
		}
		return object{"operator": operator, "value": list}
	}
}

// pairs compiles {field: value, ...}: all of them must hold.
func (s *search) pairs(c *compiler, n ast.Node, names []ast.Node, values map[string]ast.Node) queryPart {
	if len(names) == 0 {
		c.x.problem(n, "rules/search", "such as "+s.example, "the search is empty")
		return nil
	}
	if len(names) > maxFilters {
		c.x.problem(n, "rules/search", "", "Intercom allows at most %d filters in a group", maxFilters)
		return nil
	}
	parts := make([]queryPart, len(names))
	wrong := false
	for i, node := range names {
		parts[i] = s.pair(c, node, values[node.(*ast.StringNode).Value])
		wrong = wrong || parts[i] == nil
	}
	switch {
	case wrong:
		return nil
	case len(parts) == 1:
		return parts[0]
	}
	return joined("AND", parts)
}

// pair compiles a field and the value that it must have, or a list of those.
func (s *search) pair(c *compiler, name, value ast.Node) queryPart {
	text := name.(*ast.StringNode).Value
	field, ok := s.field(c, name, text)
	if !ok {
		return nil
	}
	operator := "="
	if value.Nature().Kind == reflect.Slice {
		operator = "IN"
	}
	return s.compare(c, text, field, operator, name, value)
}

// single compiles {field: "...", operator: "...", value: ...}.
func (s *search) single(c *compiler, n ast.Node, names []ast.Node, values map[string]ast.Node) queryPart {
	if !s.known(c, n, names, values, "field", "operator", "value") {
		return nil
	}
	name, ok := literalText(c, values["field"], "the field")
	if !ok {
		return nil
	}
	field, ok := s.field(c, values["field"], name)
	if !ok {
		return nil
	}
	operator, ok := literalText(c, values["operator"], "the operator")
	if !ok {
		return nil
	}
	if !slices.Contains(allSearchOperators, operator) {
		c.x.problem(values["operator"], "rules/search", "operators: "+strings.Join(field.allowed(), " "), "there is no operator %q", shorten(operator))
		return nil
	}
	return s.compare(c, name, field, operator, values["operator"], values["value"])
}

// field finds a searchable field.
func (s *search) field(c *compiler, n ast.Node, name string) (searchField, bool) {
	attributes := cmp.Or(s.attributes, "custom_attributes.")
	if attribute, ok := strings.CutPrefix(name, attributes); ok && attribute != "" {
		return searchField{}, true
	}
	f, ok := s.by[name]
	if !ok {
		hint := diag.DidYouMean(name, sortedNames(s.by))
		if hint == "" {
			hint = `your own attributes are searched by "` + attributes + cmp.Or(s.attributeID, "NAME") + `"`
		}
		c.x.problem(n, "rules/search", hint, "Intercom cannot search %s by %q", s.kind, shorten(name))
	}
	return f, ok
}

// compare compiles one filter.
func (s *search) compare(c *compiler, name string, f searchField, operator string, at, value ast.Node) queryPart {
	if !slices.Contains(f.allowed(), operator) {
		c.x.problem(at, "rules/search", "operators: "+strings.Join(f.allowed(), " "), "%s cannot be searched with %s", name, operator)
		return nil
	}
	list := operator == "IN" || operator == "NIN"
	if !f.suits(c, name, value, list) {
		return nil
	}
	get, place := c.fn(value), c.x.site(value)
	if _, written := value.(*ast.NilNode); written { // those that have none
		return func(*evaluation) object { return object{"field": name, "operator": operator, "value": nil} }
	}
	return func(e *evaluation) object {
		v := get(e)
		if list {
			v = f.all(items(v, place), name, place)
		} else {
			v = f.value(v, name, place)
		}
		if v == nil {
			return nil
		}
		return object{"field": name, "operator": operator, "value": v}
	}
}

// suits reports a value that the field cannot have, as far as its type or text tells.
func (f searchField) suits(c *compiler, name string, value ast.Node, list bool) bool {
	if array, ok := value.(*ast.ArrayNode); ok && list {
		for _, item := range array.Nodes {
			if !f.suits(c, name, item, false) {
				return false
			}
		}
		return true
	}
	if anything(value) {
		return true
	}
	word := typeWord(value.Nature().String())
	if list {
		if word != "a list" {
			c.x.problem(value, "rules/search", "", "%s is searched by a list here, not by %s", name, word)
		}
		return word == "a list"
	}
	fits := map[searchKind][]string{
		searchAny:    {"a text", "a number", "a time", "true or false"},
		searchText:   {"a text", "a number"},
		searchNumber: {"a number", "a text"}, // ids are texts here, and numbers there
		searchDate:   {"a time", "a number"},
		searchFlag:   {"true or false"},
	}[f.holds]
	written, isText := value.(*ast.StringNode)
	switch {
	case !slices.Contains(fits, word), isText && f.holds == searchNumber && numberOf(written.Value) == nil:
		c.x.problem(value, "rules/search", f.valueHint(name), "%s is searched by %s, not by %s", name, f.holds, word)
	case isText && f.words != nil && !slices.Contains(f.words, written.Value):
		hint := diag.DidYouMean(written.Value, f.words)
		if hint == "" {
			hint = "values: " + strings.Join(f.words, ", ")
		}
		c.x.problem(value, "rules/search", hint, "%s is never %q", name, shorten(written.Value))
	default:
		return true
	}
	return false
}

// valueHint says how to write a value that people often write otherwise.
func (f searchField) valueHint(name string) string {
	switch {
	case f.holds == searchNumber && strings.HasSuffix(name, "_id"):
		return "names do not work in searches: write the id, and 0 for nobody"
	case f.holds == searchDate:
		return `such as operator "<" and the value now() - duration("72h")`
	}
	return ""
}

// all converts the values of a list; absent ones are left out, and nil is returned when none
// is left.
func (f searchField) all(list []any, name string, at site) any {
	out := []any{}
	for _, v := range list {
		if v := f.value(v, name, at); v != nil {
			out = append(out, v)
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

// value converts a value to the type that Intercom wants for the field.
func (f searchField) value(v any, name string, at site) any {
	var out any
	t, isTime := asTime(v)
	_, isText := v.(string)
	switch f.holds {
	case searchText:
		switch out = idOf(v); {
		case isText:
			out = v // "0" and "" are values to search for
		case v == 0:
			out = "0" // nobody
		}
	case searchNumber:
		out = numberOf(v)
	case searchDate:
		if isTime {
			out = t.Unix()
		}
	case searchFlag:
		out = flagOf(v)
	case searchAny:
		switch plain := v.(type) {
		case string, bool, int, uint64, float64:
			out = plain
		default:
			if isTime {
				out = t.Unix()
			}
		}
	}
	if out == nil && v != nil {
		fail(at, "%s is searched by %s, not by %s", name, f.holds, kindOf(v))
	}
	return out
}
