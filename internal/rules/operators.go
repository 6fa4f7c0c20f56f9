package rules

import (
	"regexp"
	"strings"
	"time"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/vm/runtime"
)

// comparison compiles the operators that give true or false; it returns nil for others.
func (c *compiler) comparison(n *ast.BinaryNode) test {
	switch n.Operator {
	case "and", "&&":
		l, r := c.test(n.Left), c.test(n.Right)
		return func(e *evaluation) bool { return l(e) && r(e) }
	case "or", "||":
		l, r := c.test(n.Left), c.test(n.Right)
		return func(e *evaluation) bool { return l(e) || r(e) }
	case "==":
		return c.equality(n)
	case "!=":
		t := c.equality(n)
		return func(e *evaluation) bool { return !t(e) }
	case "<":
		return c.ordering(n, func(order int) bool { return order < 0 })
	case "<=":
		return c.ordering(n, func(order int) bool { return order <= 0 })
	case ">":
		return c.ordering(n, func(order int) bool { return order > 0 })
	case ">=":
		return c.ordering(n, func(order int) bool { return order >= 0 })
	case "in":
		return c.membership(n)
	case "matches":
		return c.pattern(n)
	case "contains":
		return c.textTest(n, strings.Contains)
	case "startsWith":
		return c.textTest(n, strings.HasPrefix)
	case "endsWith":
		return c.textTest(n, strings.HasSuffix)
	}
	return nil
}

func (c *compiler) equality(n *ast.BinaryNode) test {
	for _, side := range [][2]ast.Node{{n.Left, n.Right}, {n.Right, n.Left}} {
		text, ok := side[1].(*ast.StringNode)
		if !ok {
			continue
		}
		value, want := c.fn(side[0]), text.Value
		if want == "" { // asks whether there is nothing in it
			return func(e *evaluation) bool { v := value(e); return v == nil || v == "" }
		}
		return func(e *evaluation) bool { s, ok := value(e).(string); return ok && s == want }
	}
	l, r := c.fn(n.Left), c.fn(n.Right)
	return func(e *evaluation) bool { return equal(e, l(e), r(e)) }
}

func (c *compiler) ordering(n *ast.BinaryNode, holds func(order int) bool) test {
	l, r, at := c.fn(n.Left), c.fn(n.Right), c.x.site(n)
	return func(e *evaluation) bool {
		a, b := l(e), r(e)
		order, known, ok := compare(a, b)
		if !ok {
			fail(at, "cannot compare %s with %s", kindOf(a), kindOf(b))
		}
		return known && holds(order)
	}
}

// membership compiles `in`. Lists that are written out are searched through an index.
func (c *compiler) membership(n *ast.BinaryNode) test {
	value, at := c.fn(n.Left), c.x.site(n)
	if array, ok := n.Right.(*ast.ArrayNode); ok {
		if values, ok := constants(array); ok {
			l := newList(values)
			return func(e *evaluation) bool { return l.holds(e, value(e)) }
		}
	}
	if l, ok := c.listNamed(n.Right); ok {
		return func(e *evaluation) bool { return l.holds(e, value(e)) }
	}
	in := c.fn(n.Right)
	return func(e *evaluation) bool {
		needle := value(e)
		switch hay := in(e).(type) {
		case nil:
			return false
		case []any:
			e.spend(len(hay) / 8)
			for _, item := range hay {
				if equal(e, item, needle) {
					return true
				}
			}
			return false
		case object:
			key, ok := needle.(string)
			if ok {
				_, ok = hay[key]
			}
			return ok
		default:
			fail(at, "in needs a list, not %s", kindOf(hay))
			return false
		}
	}
}

// list is a constant list with an index of its texts.
type list struct {
	values []any
	texts  map[string]struct{}
	others []any
}

func newList(values []any) *list {
	l := &list{values: values, texts: map[string]struct{}{}}
	for _, v := range values {
		if s, ok := v.(string); ok {
			l.texts[s] = struct{}{}
		} else {
			l.others = append(l.others, v)
		}
	}
	return l
}

func (l *list) holds(e *evaluation, v any) bool {
	switch v := v.(type) {
	case nil:
		return false
	case string:
		_, ok := l.texts[v]
		return ok
	}
	for _, item := range l.others {
		if equal(e, item, v) {
			return true
		}
	}
	return false
}

// textTest compiles contains, startsWith and endsWith. Nothing contains something absent.
func (c *compiler) textTest(n *ast.BinaryNode, holds func(s, part string) bool) test {
	value, at, op := c.fn(n.Left), c.x.site(n), n.Operator
	if part, ok := n.Right.(*ast.StringNode); ok {
		part := part.Value
		return func(e *evaluation) bool {
			switch s := value(e).(type) {
			case string:
				return holds(s, part)
			case nil:
				return false
			default:
				fail(at, "%s needs a text, not %s", op, kindOf(s))
				return false
			}
		}
	}
	other := c.fn(n.Right)
	return func(e *evaluation) bool {
		a, b := value(e), other(e)
		if a == nil || b == nil {
			return false
		}
		s, okS := a.(string)
		part, okPart := b.(string)
		if !okS || !okPart {
			fail(at, "%s needs two texts, not %s and %s", op, kindOf(a), kindOf(b))
		}
		return holds(s, part)
	}
}

// pattern compiles `matches`.
func (c *compiler) pattern(n *ast.BinaryNode) test {
	at := c.x.site(n)
	text, ok := n.Right.(*ast.StringNode)
	if !ok {
		return c.dynamicPattern(n)
	}
	m, err := newMatcher(text.Value)
	if err != nil { // the check before reported it
		return func(*evaluation) bool { return false }
	}
	if slot, ok := c.slotOf(n.Left); ok {
		return func(e *evaluation) bool {
			s, ok := e.value(slot).(string)
			return ok && m.matchSlot(e, slot, s)
		}
	}
	value := c.fn(n.Left)
	return func(e *evaluation) bool {
		switch s := value(e).(type) {
		case string:
			return m.match(s)
		case nil:
			return false
		default:
			fail(at, "matches needs a text, not %s", kindOf(s))
			return false
		}
	}
}

// dynamicPattern compiles `matches` with a pattern that is only known when it runs, such as
// an entry of a list.
func (c *compiler) dynamicPattern(n *ast.BinaryNode) test {
	value, pattern, at := c.fn(n.Left), c.fn(n.Right), c.x.site(n)
	return func(e *evaluation) bool {
		a, b := value(e), pattern(e)
		if a == nil || b == nil {
			return false
		}
		s, okS := a.(string)
		p, okP := b.(string)
		if !okS || !okP {
			fail(at, "matches needs two texts, not %s and %s", kindOf(a), kindOf(b))
		}
		return e.regexp(p, at).MatchString(s)
	}
}

// maxPattern bounds patterns that come from facts.
const maxPattern = 1000

// regexp compiles a pattern once per evaluation.
func (e *evaluation) regexp(pattern string, at site) *regexp.Regexp {
	if re, ok := e.cache.patterns[pattern]; ok {
		return re
	}
	e.spend(1 + len(pattern))
	if len(pattern) > maxPattern {
		fail(at, "the pattern is longer than %d characters", maxPattern)
	}
	re, err := regexp.Compile(pattern)
	if err != nil {
		fail(at, "the pattern is not a regular expression")
	}
	if e.cache.patterns == nil {
		e.cache.patterns = map[string]*regexp.Regexp{}
	}
	e.cache.patterns[pattern] = re
	return re
}

func (c *compiler) unary(n *ast.UnaryNode) fn {
	if v, ok := literal(n); ok {
		return constant(v)
	}
	switch n.Operator {
	case "not", "!":
		t := c.test(n)
		return func(e *evaluation) any { return t(e) }
	}
	value, at, negative := c.fn(n.Node), c.x.site(n), n.Operator == "-"
	return func(e *evaluation) any {
		switch v := value(e).(type) {
		case nil:
			return nil
		case int, uint64, float64:
			if negative {
				return runtime.Negate(v)
			}
			return v
		case time.Duration:
			if negative {
				return -v
			}
			return v
		default:
			fail(at, "%s needs a number, not %s", n.Operator, kindOf(v))
			return nil
		}
	}
}

// binary compiles the operators that give other values than true or false.
func (c *compiler) binary(n *ast.BinaryNode) fn {
	if t := c.comparison(n); t != nil {
		return func(e *evaluation) any { return t(e) }
	}
	if v, ok := literal(n); ok {
		return constant(v)
	}
	l, r, at := c.fn(n.Left), c.fn(n.Right), c.x.site(n)
	switch n.Operator {
	case "??":
		return func(e *evaluation) any {
			if v := l(e); v != nil {
				return v
			}
			return r(e)
		}
	case "..":
		return func(e *evaluation) any { return numbersFrom(e, l(e), r(e), at) }
	}
	compute, ok := arithmetic[n.Operator]
	if !ok {
		c.x.problem(n, "rules/expression", "", "the operator %s cannot be used in rules", n.Operator)
		return constant(nil)
	}
	return func(e *evaluation) any {
		a, b := l(e), r(e)
		if a == nil || b == nil {
			return withNothing(a, b, n.Operator)
		}
		return calculate(compute, a, b, n.Operator, at)
	}
}

var arithmetic = map[string]func(a, b any) any{
	"+":  runtime.Add,
	"-":  runtime.Subtract,
	"*":  runtime.Multiply,
	"/":  func(a, b any) any { return runtime.Divide(a, b) },
	"%":  func(a, b any) any { return runtime.Modulo(a, b) },
	"**": func(a, b any) any { return runtime.Exponent(a, b) },
	"^":  func(a, b any) any { return runtime.Exponent(a, b) },
}

// withNothing is the result when one side is absent: nothing, except that a text with
// nothing added is that text.
func withNothing(a, b any, op string) any {
	if op == "+" {
		for _, v := range []any{a, b} {
			if s, ok := v.(string); ok {
				return s
			}
		}
	}
	return nil
}

// maxText bounds texts that expressions make, in bytes.
const maxText = 1 << 20

func calculate(compute func(a, b any) any, a, b any, op string, at site) (result any) {
	if s, ok := a.(string); ok {
		if t, ok := b.(string); ok && len(s)+len(t) > maxText {
			fail(at, "the text grows too long")
		}
	}
	defer func() {
		switch r := recover().(type) {
		case nil:
		case *evalError:
			panic(r)
		default: // its text may show values
			if op == "%" && equalNumbers(b, 0) {
				fail(at, "cannot divide by zero")
			}
			fail(at, "%s cannot be used on %s and %s", op, kindOf(a), kindOf(b))
		}
	}()
	return compute(a, b)
}

// maxItems bounds lists that expressions make.
const maxItems = 100_000

func numbersFrom(e *evaluation, from, to any, at site) any {
	if from == nil || to == nil {
		return nil
	}
	a, okA := wholeNumber(from)
	b, okB := wholeNumber(to)
	if !okA || !okB {
		fail(at, ".. needs two whole numbers, not %s and %s", kindOf(from), kindOf(to))
	}
	if a > b {
		return []any{}
	}
	if b-a >= maxItems || b-a < 0 {
		fail(at, "the list would have too many entries")
	}
	e.spend(b - a + 1)
	out := make([]any, 0, b-a+1)
	for i := a; i <= b; i++ {
		out = append(out, i)
	}
	return out
}
