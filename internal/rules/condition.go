package rules

import (
	"fmt"

	"github.com/expr-lang/expr/ast"
)

// clause is a condition or a part of one. Conditions are split at and/or, so that the
// outcome can name the part that decided; the parts behind it are not evaluated, so a
// look-up that is only needed there is not made.
type clause struct {
	op   clauseOp
	subs []*clause // of all and any
	test test      // of a single test
	text string
	node ast.Node // as checked
	says *proposition
	at   span
	// yes and no are what to tell people when the clause holds and when it does not. They
	// are made once, because most rules do not match most events.
	yes, no string
}

type clauseOp int

const (
	opSingle clauseOp = iota
	opAll
	opAny
)

// clause splits a condition.
func (c *compiler) clause(node ast.Node) *clause {
	cl := &clause{text: shorten(node.String()), node: node, at: c.x.wholeSpan(node)}
	if b, ok := node.(*ast.BinaryNode); ok {
		switch b.Operator {
		case "and", "&&":
			cl.op = opAll
		case "or", "||":
			cl.op = opAny
		}
		if cl.op != opSingle {
			for _, side := range []ast.Node{b.Left, b.Right} {
				sub := c.clause(side)
				if sub.op == cl.op { // a and b and c: three clauses, not two
					cl.subs = append(cl.subs, sub.subs...)
				} else {
					cl.subs = append(cl.subs, sub)
				}
			}
			cl.says = &proposition{op: isEvery}
			if cl.op == opAny {
				cl.says.op = isOne
			}
			for _, sub := range cl.subs {
				cl.says.subs = append(cl.says.subs, sub.says)
			}
			return cl
		}
	}
	cl.test, cl.says = c.test(node), c.proposition(node)
	return cl
}

// label prepares the reasons. key is the rule's key that the clause stands under.
func (cl *clause) label(key string) {
	cl.yes = fmt.Sprintf("%s: %s is true", key, cl.text)
	cl.no = fmt.Sprintf("%s: %s is false", key, cl.text)
	for _, sub := range cl.subs {
		sub.label(key)
	}
}

// holds evaluates the clause. The reason names what decided.
func (cl *clause) holds(e *evaluation) (ok bool, reason string) {
	if e.explain == nil {
		return cl.ask(e)
	}
	explained := e.explain.begin(cl)
	ok, reason = cl.ask(e)
	e.explain.end(e, explained, ok)
	return ok, reason
}

func (cl *clause) ask(e *evaluation) (ok bool, reason string) {
	switch cl.op {
	case opAll:
		for _, sub := range cl.subs {
			if ok, reason := sub.holds(e); !ok {
				return false, reason
			}
		}
		return true, cl.yes
	case opAny:
		for _, sub := range cl.subs {
			if ok, reason := sub.holds(e); ok {
				return true, reason
			}
		}
		return false, cl.no
	case opSingle:
	}
	if cl.test(e) {
		return true, cl.yes
	}
	return false, cl.no
}

// condition is everything that must hold for a rule to match.
type condition struct {
	all  []*clause // if: each must hold
	any  []*clause // any: one must hold
	none []*clause // none: none may hold
}

const (
	reasonNoCondition = "it has no condition"
	reasonAllHold     = "all conditions hold"
)

// holds evaluates if, then any, then none, and stops at what decides.
func (c *condition) holds(e *evaluation) (ok bool, reason string) {
	reason = reasonNoCondition
	for _, cl := range c.all {
		if ok, reason = cl.holds(e); !ok {
			return false, reason
		}
	}
	if len(c.any) > 0 {
		if ok, reason = anyHolds(e, c.any); !ok {
			return false, "any: none of them is true"
		}
	}
	for _, cl := range c.none {
		if ok, reason := cl.holds(e); ok {
			return false, reason
		}
	}
	if len(c.all)+len(c.any)+len(c.none) > 1 || len(c.none) > 0 {
		reason = reasonAllHold
	}
	return true, reason
}

func anyHolds(e *evaluation, clauses []*clause) (ok bool, reason string) {
	for _, cl := range clauses {
		if ok, reason := cl.holds(e); ok {
			return true, reason
		}
	}
	return false, ""
}
