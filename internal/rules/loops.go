package rules

import (
	"slices"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/vm/runtime"
)

// items returns the list that a predicate runs over. An absent list is empty.
func items(v any, at site) []any {
	switch v := v.(type) {
	case nil:
		return nil
	case []any:
		return v
	}
	fail(at, "it needs a list, not %s", kindOf(v))
	return nil
}

// each runs f for every item, in a scope of its own, until f returns false. Every round is
// a step, so loops inside loops end.
func each(e *evaluation, list []any, backwards bool, f func(s *scope) bool) {
	depth := len(e.scopes)
	e.scopes = append(e.scopes, scope{})
	for i := range list {
		if backwards {
			i = len(list) - 1 - i
		}
		e.spend(1)
		s := &e.scopes[depth] // predicates inside may move the slice
		s.item, s.index = list[i], i
		if !f(s) {
			break
		}
	}
	e.scopes = e.scopes[:depth]
}

// pointer compiles #, #index and #acc inside a predicate.
func (c *compiler) pointer(n *ast.PointerNode) fn {
	switch n.Name {
	case "index":
		return func(e *evaluation) any { return e.scopes[len(e.scopes)-1].index }
	case "acc":
		return func(e *evaluation) any { return e.scopes[len(e.scopes)-1].acc }
	}
	return func(e *evaluation) any { return e.scopes[len(e.scopes)-1].item }
}

// quantifier compiles the predicates that give true or false; it returns nil for others.
func (c *compiler) quantifier(n *ast.BuiltinNode) test {
	var want bool // the answer of the predicate that settles it
	switch n.Name {
	case "any":
		want = true
	case "all":
	case "none":
		want = true
	case "one":
		count := c.counter(n, 2)
		return func(e *evaluation) bool { return count(e) == 1 }
	default:
		return nil
	}
	list, holds, at := c.fn(n.Arguments[0]), c.test(n.Arguments[1]), c.x.site(n)
	settled := n.Name == "any"
	return func(e *evaluation) bool {
		result := !settled
		each(e, items(list(e), at), false, func(*scope) bool {
			if holds(e) == want {
				result = settled
				return false
			}
			return true
		})
		return result
	}
}

// counter counts the items that a predicate holds for, up to most.
func (c *compiler) counter(n *ast.BuiltinNode, most int) func(e *evaluation) int {
	list, at := c.fn(n.Arguments[0]), c.x.site(n)
	holds := func(e *evaluation) bool { return truth(e.scopes[len(e.scopes)-1].item, at) }
	if len(n.Arguments) > 1 {
		holds = c.test(n.Arguments[1])
	}
	return func(e *evaluation) int {
		count := 0
		each(e, items(list(e), at), false, func(*scope) bool {
			if holds(e) {
				count++
			}
			return count < most
		})
		return count
	}
}

// loop compiles the other functions that take a predicate.
func (c *compiler) loop(n *ast.BuiltinNode) fn {
	switch n.Name {
	case "count":
		count := c.counter(n, maxSteps)
		return func(e *evaluation) any { return count(e) }
	case "filter":
		return c.filter(n)
	case "map":
		return c.mapped(n)
	case "find", "findIndex", "findLast", "findLastIndex":
		return c.find(n)
	case "sum":
		return c.sum(n)
	case "sortBy":
		return c.sortBy(n)
	}
	return c.reduce(n)
}

func (c *compiler) filter(n *ast.BuiltinNode) fn {
	list, holds, at := c.fn(n.Arguments[0]), c.test(n.Arguments[1]), c.x.site(n)
	return func(e *evaluation) any {
		out := []any{}
		each(e, items(list(e), at), false, func(s *scope) bool {
			item := s.item
			if holds(e) {
				out = append(out, item)
			}
			return true
		})
		return out
	}
}

func (c *compiler) mapped(n *ast.BuiltinNode) fn {
	list, value, at := c.fn(n.Arguments[0]), c.fn(n.Arguments[1]), c.x.site(n)
	return func(e *evaluation) any {
		out := []any{}
		each(e, items(list(e), at), false, func(*scope) bool {
			out = append(out, value(e))
			return true
		})
		return out
	}
}

func (c *compiler) find(n *ast.BuiltinNode) fn {
	list, holds, at := c.fn(n.Arguments[0]), c.test(n.Arguments[1]), c.x.site(n)
	backwards := n.Name == "findLast" || n.Name == "findLastIndex"
	index := n.Name == "findIndex" || n.Name == "findLastIndex"
	return func(e *evaluation) any {
		var found any
		each(e, items(list(e), at), backwards, func(s *scope) bool {
			item, i := s.item, s.index
			if !holds(e) {
				return true
			}
			if found = item; index {
				found = i
			}
			return false
		})
		return found
	}
}

// sum adds numbers; absent ones add nothing.
func (c *compiler) sum(n *ast.BuiltinNode) fn {
	list, at := c.fn(n.Arguments[0]), c.x.site(n)
	value := func(e *evaluation) any { return e.scopes[len(e.scopes)-1].item }
	if len(n.Arguments) > 1 {
		value = c.fn(n.Arguments[1])
	}
	return func(e *evaluation) any {
		var total any = 0
		each(e, items(list(e), at), false, func(*scope) bool {
			if v := value(e); v != nil {
				total = calculate(runtime.Add, total, v, "sum", at)
			}
			return true
		})
		return total
	}
}

// sortBy orders a list by a value of each item; absent values come first.
func (c *compiler) sortBy(n *ast.BuiltinNode) fn {
	list, value, at := c.fn(n.Arguments[0]), c.fn(n.Arguments[1]), c.x.site(n)
	order := constant("asc")
	if len(n.Arguments) > 2 {
		order = c.fn(n.Arguments[2])
	}
	type keyed struct{ item, key any }
	return func(e *evaluation) any {
		sign := 1
		switch order(e) {
		case "asc":
		case "desc":
			sign = -1
		default:
			fail(at, `the order of sortBy must be "asc" or "desc"`)
		}
		var all []keyed
		each(e, items(list(e), at), false, func(s *scope) bool {
			item := s.item
			all = append(all, keyed{item, value(e)})
			return true
		})
		slices.SortStableFunc(all, func(a, b keyed) int { return sign * orderOf(e, a.key, b.key, at) })
		out := make([]any, len(all))
		for i, k := range all {
			out[i] = k.item
		}
		return out
	}
}

func orderOf(e *evaluation, a, b any, at site) int {
	e.spend(1)
	order, known, ok := compare(a, b)
	switch {
	case !ok:
		fail(at, "cannot compare %s with %s", kindOf(a), kindOf(b))
	case known, a == nil && b == nil:
		return order
	case a == nil:
		return -1
	case b == nil:
		return 1
	}
	return 0
}

func (c *compiler) reduce(n *ast.BuiltinNode) fn {
	list, value, at := c.fn(n.Arguments[0]), c.fn(n.Arguments[1]), c.x.site(n)
	var start fn
	if len(n.Arguments) > 2 {
		start = c.fn(n.Arguments[2])
	}
	return func(e *evaluation) any {
		all := items(list(e), at)
		var acc any
		first := 0
		switch {
		case start != nil:
			acc = start(e)
		case len(all) == 0:
			return nil
		default:
			acc, first = all[0], 1
		}
		each(e, all, false, func(s *scope) bool {
			if s.index < first {
				return true
			}
			s.acc = acc
			acc = value(e)
			return true
		})
		return acc
	}
}
