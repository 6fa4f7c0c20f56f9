package rules

import (
	"slices"
	"strings"
	"unicode"

	"github.com/expr-lang/expr/ast"
)

// Expressions are parsed and type-checked by the expr library and run by the functions that
// compiler makes of the checked tree. Its own virtual machine would do, but rules need more
// of a run than a value: absent values that never crash, look-ups only when evaluation gets
// to them, bounded work, and which part of a condition decided.

// fn computes a value.
type fn func(e *evaluation) any

// test computes a truth value.
type test func(e *evaluation) bool

// compiler turns the tree of one expression into functions. It reports what the type check
// lets pass and rules do not.
type compiler struct {
	x *expression
	// variables are the names declared with let around the current place; their index is
	// their place in evaluation.variables.
	variables []string
}

func constant(v any) fn { return func(*evaluation) any { return v } }

// fn compiles a node.
func (c *compiler) fn(node ast.Node) fn {
	switch n := node.(type) {
	case *ast.NilNode:
		return constant(nil)
	case *ast.IntegerNode:
		return constant(n.Value)
	case *ast.FloatNode:
		return constant(n.Value)
	case *ast.StringNode:
		return constant(n.Value)
	case *ast.ConstantNode:
		return constant(n.Value)
	case *ast.BoolNode:
		return constant(n.Value)
	case *ast.IdentifierNode, *ast.MemberNode:
		return c.access(node)
	case *ast.ChainNode: // every access is safe for absent values
		return c.fn(n.Node)
	case *ast.SliceNode:
		return c.slice(n)
	case *ast.UnaryNode:
		return c.unary(n)
	case *ast.BinaryNode:
		return c.binary(n)
	case *ast.ConditionalNode:
		return c.conditional(n)
	case *ast.CallNode:
		return c.call(n)
	case *ast.BuiltinNode:
		return c.builtin(n)
	case *ast.PredicateNode:
		return c.fn(n.Node)
	case *ast.PointerNode:
		return c.pointer(n)
	case *ast.VariableDeclaratorNode:
		return c.let(n)
	case *ast.SequenceNode:
		return c.fn(n.Nodes[len(n.Nodes)-1]) // the others have no effect
	case *ast.ArrayNode:
		return c.array(n)
	case *ast.MapNode:
		return c.object(n)
	}
	c.x.problem(node, "rules/expression", "", "this cannot be used in rules")
	return constant(nil)
}

// resolve follows a path of names, such as conversation.source.type, in the schema. rest is
// what remains behind the last name that the schema knows.
func (c *compiler) resolve(node ast.Node) (el *element, ok bool) {
	switch n := node.(type) {
	case *ast.IdentifierNode:
		if slices.Contains(c.variables, n.Value) {
			return nil, false
		}
		el, ok = schema[n.Value]
		return el, ok
	case *ast.ChainNode:
		return c.resolve(n.Node)
	case *ast.MemberNode:
		name, isName := n.Property.(*ast.StringNode)
		if !isName {
			return nil, false
		}
		base, known := c.resolve(n.Node)
		if !known || base.leaf() {
			return nil, false
		}
		el, ok = base.byName[name.Value]
		return el, ok
	}
	return nil, false
}

// slotOf returns the slot of a node that is a leaf of the schema.
func (c *compiler) slotOf(node ast.Node) (int, bool) {
	if el, ok := c.resolve(node); ok && el.leaf() {
		return el.slot, true
	}
	return 0, false
}

// access compiles names and members.
func (c *compiler) access(node ast.Node) fn {
	if el, ok := c.resolve(node); ok {
		if el.leaf() {
			slot := el.slot
			return func(e *evaluation) any { return e.value(slot) }
		}
		return el.object
	}
	switch n := node.(type) {
	case *ast.IdentifierNode:
		return c.identifier(n)
	case *ast.MemberNode:
		if list, ok := c.listNamed(n); ok {
			return constant(list.values)
		}
		if isName(n.Node, "rule") {
			return func(e *evaluation) any { return e.rule.boxedName }
		}
		base, at := c.fn(n.Node), c.x.site(n.Property)
		if key, ok := n.Property.(*ast.StringNode); ok {
			key := key.Value
			return func(e *evaluation) any { return memberNamed(base(e), key, at) }
		}
		index := c.fn(n.Property)
		return func(e *evaluation) any { return member(base(e), index(e), at) }
	}
	return constant(nil)
}

func isName(node ast.Node, name string) bool {
	id, ok := node.(*ast.IdentifierNode)
	return ok && id.Value == name
}

func (c *compiler) identifier(n *ast.IdentifierNode) fn {
	if i := slices.Index(c.variables, n.Value); i >= 0 {
		return func(e *evaluation) any { return e.variables[i] }
	}
	switch n.Value {
	case "rule":
		return func(e *evaluation) any { return object{"name": e.rule.name} }
	case "lists":
		all := make(object, len(c.x.p.lists))
		for name, list := range c.x.p.lists {
			all[name] = list.values
		}
		return constant(all)
	}
	c.x.problem(n, "rules/unknown-name", "", "%s is a function: write %s()", n.Value, n.Value)
	return constant(nil)
}

// listNamed returns the list behind lists.name.
func (c *compiler) listNamed(node ast.Node) (*list, bool) {
	n, ok := node.(*ast.MemberNode)
	if !ok || !isName(n.Node, "lists") {
		return nil, false
	}
	key, ok := n.Property.(*ast.StringNode)
	if !ok {
		return nil, false
	}
	l, ok := c.x.p.lists[key.Value]
	return l, ok
}

// member is base[key]; what is not there is nil.
func member(base, key any, at site) any {
	switch base := base.(type) {
	case nil:
		return nil
	case object:
		if name, ok := key.(string); ok {
			return base[name]
		}
		return nil
	case []any:
		i, ok := wholeNumber(key)
		if !ok {
			fail(at, "the place in a list must be a whole number, not %s", kindOf(key))
		}
		if i < 0 {
			i += len(base)
		}
		if i < 0 || i >= len(base) {
			return nil
		}
		return base[i]
	}
	fail(at, "%s has no fields", kindOf(base))
	return nil
}

func memberNamed(base any, key string, at site) any {
	if o, ok := base.(object); ok {
		return o[key]
	}
	if base == nil {
		return nil
	}
	fail(at, "%s has no field %q", kindOf(base), key)
	return nil
}

func wholeNumber(v any) (int, bool) {
	switch v := v.(type) {
	case int:
		return v, true
	case float64:
		return int(v), v == float64(int(v))
	}
	return 0, false
}

// slice compiles base[from:to]. Texts are cut by characters.
func (c *compiler) slice(n *ast.SliceNode) fn {
	base, at := c.fn(n.Node), c.x.site(n)
	from, to := constant(nil), constant(nil)
	if n.From != nil {
		from = c.fn(n.From)
	}
	if n.To != nil {
		to = c.fn(n.To)
	}
	return func(e *evaluation) any {
		switch v := base(e).(type) {
		case nil:
			return nil
		case string:
			runes := []rune(v)
			i, j := bounds(from(e), to(e), len(runes), at)
			return string(runes[i:j])
		case []any:
			i, j := bounds(from(e), to(e), len(v), at)
			return v[i:j:j]
		default:
			fail(at, "%s cannot be cut", kindOf(v))
			return nil
		}
	}
}

func bounds(from, to any, length int, at site) (i, j int) {
	bound := func(v any, otherwise int) int {
		if v == nil {
			return otherwise
		}
		i, ok := wholeNumber(v)
		if !ok {
			fail(at, "the place in a list or text must be a whole number, not %s", kindOf(v))
		}
		if i < 0 {
			i += length
		}
		return min(max(i, 0), length)
	}
	i, j = bound(from, 0), bound(to, length)
	return min(i, j), j
}

// let compiles `let name = value; expression`.
func (c *compiler) let(n *ast.VariableDeclaratorNode) fn {
	value := c.fn(n.Value)
	i := len(c.variables)
	c.variables = append(c.variables, n.Name)
	body := c.fn(n.Expr)
	c.variables = c.variables[:i]
	return func(e *evaluation) any {
		v := value(e)
		for len(e.variables) <= i {
			e.variables = append(e.variables, nil)
		}
		e.variables[i] = v
		return body(e)
	}
}

func (c *compiler) array(n *ast.ArrayNode) fn {
	if values, ok := constants(n); ok {
		return constant(values)
	}
	items := make([]fn, len(n.Nodes))
	for i, item := range n.Nodes {
		items[i] = c.fn(item)
	}
	return func(e *evaluation) any {
		out := make([]any, len(items))
		for i, item := range items {
			out[i] = item(e)
		}
		return out
	}
}

// constants returns the values of an array that consists of literals.
func constants(n *ast.ArrayNode) ([]any, bool) {
	values := make([]any, len(n.Nodes))
	for i, item := range n.Nodes {
		v, ok := literal(item)
		if !ok {
			return nil, false
		}
		values[i] = v
	}
	return values, true
}

// literal returns the value of a node that is written out, sums such as 60 * 24 included.
func literal(node ast.Node) (any, bool) {
	switch n := node.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.IntegerNode:
		return n.Value, true
	case *ast.FloatNode:
		return n.Value, true
	case *ast.BoolNode:
		return n.Value, true
	case *ast.UnaryNode:
		v, ok := literal(n.Node)
		if !ok || n.Operator != "-" {
			return nil, false
		}
		switch v := v.(type) {
		case int:
			return -v, true
		case float64:
			return -v, true
		}
	case *ast.BinaryNode:
		return literalSum(n)
	}
	return nil, false
}

func literalSum(n *ast.BinaryNode) (sum any, ok bool) {
	compute, known := arithmetic[n.Operator]
	a, okA := literal(n.Left)
	b, okB := literal(n.Right)
	if !known || !okA || !okB {
		return nil, false
	}
	// What goes wrong here goes wrong again, with a place, when the rule runs.
	err := guard(func() { sum = calculate(compute, a, b, n.Operator, site{}) })
	return sum, err == nil
}

func (c *compiler) object(n *ast.MapNode) fn {
	type pair struct{ key, value fn }
	pairs := make([]pair, len(n.Pairs))
	for i, p := range n.Pairs {
		p := p.(*ast.PairNode)
		pairs[i] = pair{c.fn(p.Key), c.fn(p.Value)}
	}
	at := c.x.site(n)
	return func(e *evaluation) any {
		o := make(object, len(pairs))
		for _, p := range pairs {
			key, ok := p.key(e).(string)
			if !ok {
				fail(at, "the name of a field must be a text")
			}
			o[key] = p.value(e)
		}
		return o
	}
}

func (c *compiler) conditional(n *ast.ConditionalNode) fn {
	cond, yes, no := c.test(n.Cond), c.fn(n.Exp1), c.fn(n.Exp2)
	return func(e *evaluation) any {
		if cond(e) {
			return yes(e)
		}
		return no(e)
	}
}

// call compiles calls of the functions of rules.
func (c *compiler) call(n *ast.CallNode) fn {
	if callee, ok := n.Callee.(*ast.IdentifierNode); ok {
		if f, ok := functions[callee.Value]; ok {
			return f.compile(c, n)
		}
	}
	if m, ok := n.Callee.(*ast.MemberNode); ok {
		c.x.problem(m.Property, "rules/unknown-name", "", "values have no methods in rules")
		return constant(nil)
	}
	c.x.problem(n, "rules/expression", "", "this cannot be called")
	return constant(nil)
}

// test compiles a node that stands where true or false is needed. Absent counts as false.
func (c *compiler) test(node ast.Node) test {
	switch n := node.(type) {
	case *ast.BoolNode:
		v := n.Value
		return func(*evaluation) bool { return v }
	case *ast.UnaryNode:
		if n.Operator == "not" || n.Operator == "!" {
			t := c.test(n.Node)
			return func(e *evaluation) bool { return !t(e) }
		}
	case *ast.BinaryNode:
		if t := c.comparison(n); t != nil {
			return t
		}
	case *ast.PredicateNode:
		return c.test(n.Node)
	case *ast.BuiltinNode:
		if t := c.quantifier(n); t != nil {
			return t
		}
	case *ast.CallNode:
		if callee, ok := n.Callee.(*ast.IdentifierNode); ok {
			if f, ok := functions[callee.Value]; ok && f.test != nil {
				return f.test(c, n)
			}
		}
	}
	value, at := c.fn(node), c.x.site(node)
	return func(e *evaluation) bool { return truth(value(e), at) }
}

func truth(v any, at site) bool {
	switch v := v.(type) {
	case bool:
		return v
	case nil:
		return false
	}
	fail(at, "it must be true or false, not %s", kindOf(v))
	return false
}

// maxShown bounds how much of an expression is repeated in a reason or message.
const maxShown = 120

// shorten makes one short line of an expression.
func shorten(s string) string {
	s = strings.Join(strings.FieldsFunc(s, unicode.IsSpace), " ")
	runes := []rune(s)
	if len(runes) <= maxShown {
		return s
	}
	return string(runes[:maxShown-1]) + "…"
}
