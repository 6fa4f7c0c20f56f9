package rules

import (
	"strings"

	"github.com/expr-lang/expr/ast"

	"switchboard/internal/actions"
)

// outlook is what can be said of a condition before anything happened.
type outlook int

const (
	perhaps outlook = iota
	never
	always
)

func outlookOf(b bool) outlook {
	if b {
		return always
	}
	return never
}

func (t outlook) not() outlook {
	switch t {
	case never:
		return always
	case always:
		return never
	case perhaps:
	}
	return perhaps
}

func (t outlook) and(other outlook) outlook {
	switch {
	case t == never || other == never:
		return never
	case t == always && other == always:
		return always
	}
	return perhaps
}

func (t outlook) or(other outlook) outlook { return t.not().and(other.not()).not() }

// foresight is what is known of the facts of an event that has not happened yet, by their paths.
// Whatever else a condition asks may be anything, so it errs on one side only: what it calls
// never cannot hold.
type foresight map[string]actions.Fact

// see takes what an action leaves behind. Names that differ only in case may be one attribute.
func (f foresight) see(facts []actions.Fact) {
	for _, fact := range facts {
		f.forget(fact.Path)
		if fact.Known || fact.Some {
			f[fact.Path] = fact
		}
	}
}

// forget drops what a change of this fact makes doubtful.
func (f foresight) forget(path string) {
	for known := range f {
		if fold(known) == fold(path) || path == tagsPath && strings.HasPrefix(known, tagPath) {
			delete(f, known)
		}
	}
}

// doubt drops what actions may change to something else than is known.
func (f foresight) doubt(facts []actions.Fact) {
	for _, fact := range facts {
		if known, ok := f[fact.Path]; !ok || known != fact {
			f.forget(fact.Path)
		}
	}
}

// The paths of tags among the facts.
const (
	tagsPath = "conversation.tags"
	tagPath  = tagsPath + "/"
)

// under tells whether the condition can hold when the facts are these.
func (c *condition) under(f foresight) outlook {
	holds := always
	for _, cl := range c.all {
		holds = holds.and(f.test(cl.node))
	}
	for _, cl := range c.none {
		holds = holds.and(f.test(cl.node).not())
	}
	if len(c.any) > 0 {
		one := never
		for _, cl := range c.any {
			one = one.or(f.test(cl.node))
		}
		holds = holds.and(one)
	}
	return holds
}

// test is the outlook of an expression.
func (f foresight) test(node ast.Node) outlook {
	switch n := node.(type) {
	case *ast.UnaryNode:
		if n.Operator == "not" || n.Operator == "!" {
			return f.test(n.Node).not()
		}
	case *ast.BinaryNode:
		switch n.Operator {
		case "and", "&&":
			return f.test(n.Left).and(f.test(n.Right))
		case "or", "||":
			return f.test(n.Left).or(f.test(n.Right))
		}
		return f.compared(n)
	case *ast.CallNode:
		if isName(n.Callee, "has_tag") {
			return f.tagged(n.Arguments)
		}
	}
	if v, known, _ := f.value(node); known {
		b, isBool := v.(bool)
		if isBool || v == nil { // what is absent counts as false
			return outlookOf(b)
		}
	}
	return perhaps
}

// compared is the outlook of a comparison.
func (f foresight) compared(n *ast.BinaryNode) outlook {
	if n.Operator == "in" {
		return f.within(n.Left, n.Right)
	}
	a, knownA, someA := f.value(n.Left)
	b, knownB, someB := f.value(n.Right)
	if !knownA || !knownB {
		isNil := knownA && a == nil && someB || knownB && b == nil && someA
		switch {
		case isNil && n.Operator == "==":
			return never
		case isNil && n.Operator == "!=":
			return always
		}
		return perhaps
	}
	switch n.Operator {
	case "==":
		return outlookOf(equal(nil, a, b))
	case "!=":
		return outlookOf(!equal(nil, a, b))
	}
	return ordered(n.Operator, a, b)
}

// ordered is the outlook of a comparison of two known values. One that would fail is never true.
func ordered(operator string, a, b any) outlook {
	order, known, ok := compare(a, b)
	known = known && ok
	switch operator {
	case "<":
		return outlookOf(known && order < 0)
	case "<=":
		return outlookOf(known && order <= 0)
	case ">":
		return outlookOf(known && order > 0)
	case ">=":
		return outlookOf(known && order >= 0)
	}
	return perhaps
}

// within is the outlook of `item in list`, for lists that are written out and for tags.
func (f foresight) within(item, list ast.Node) outlook {
	v, known, _ := f.value(item)
	if !known {
		return perhaps
	}
	if pathOf(list) == tagsPath {
		name, _ := v.(string)
		if fact, ok := f[tagPath+name]; ok {
			return outlookOf(fact.Value == true)
		}
		return perhaps
	}
	written, ok := list.(*ast.ArrayNode)
	if !ok {
		return perhaps
	}
	found := never
	for _, n := range written.Nodes {
		switch entry, known, _ := f.value(n); {
		case !known:
			found = found.or(perhaps)
		case equal(nil, v, entry):
			found = always
		}
	}
	return found
}

// tagged is the outlook of has_tag().
func (f foresight) tagged(names []ast.Node) outlook {
	one := never
	for _, n := range names {
		is := perhaps
		if name, ok := n.(*ast.StringNode); ok {
			for path, fact := range f {
				if tag, isTag := strings.CutPrefix(path, tagPath); isTag && prepareText(tag) == prepareText(name.Value) {
					is = outlookOf(fact.Value == true)
				}
			}
		}
		one = one.or(is)
	}
	return one
}

// value is what an expression gives, if that is known; some tells that it is at least not absent.
// Only plain values are known: no lists or objects.
func (f foresight) value(node ast.Node) (v any, known, some bool) {
	switch n := node.(type) {
	case *ast.NilNode:
		return nil, true, false
	case *ast.BoolNode:
		return n.Value, true, true
	case *ast.StringNode:
		return n.Value, true, true
	case *ast.IntegerNode:
		return n.Value, true, true
	case *ast.FloatNode:
		return n.Value, true, true
	case *ast.BinaryNode:
		if n.Operator == "??" {
			left, known, some := f.value(n.Left)
			if known && left == nil {
				return f.value(n.Right)
			}
			return left, known, some
		}
	}
	fact, ok := f[pathOf(node)]
	return fact.Value, ok && fact.Known, ok && (fact.Some || fact.Known && fact.Value != nil)
}

// pathOf writes names with dots between them, such as conversation.state; empty for anything else.
func pathOf(node ast.Node) string {
	switch n := node.(type) {
	case *ast.IdentifierNode:
		return n.Value
	case *ast.ChainNode:
		return pathOf(n.Node)
	case *ast.MemberNode:
		name, ok := n.Property.(*ast.StringNode)
		if base := pathOf(n.Node); ok && base != "" {
			return base + "." + name.Value
		}
	}
	return ""
}
