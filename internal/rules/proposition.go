package rules

import (
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/expr-lang/expr/ast"
)

// proposition is what a condition says of facts: and, or and not over questions. It is read off the
// checked tree of an expression once, and asked by two: what is foreseen of loops (foresee.go), which
// knows a few facts, and what looks for facts that make a condition true (satisfy.go). What an expression
// computes is not followed: `lower(contact.name)` is a term of which nothing is known but that it is the
// same wherever it stands, and so is `a == b` of two facts.
type proposition struct {
	op   junction
	subs []*proposition // of all but questions
	ask  question       // of a question
}

type junction int

const (
	isQuestion junction = iota
	isEvery             // asked in order, up to the first that is not true
	isOne               // asked in order, up to the first that is not false
	isNot
	isChoice // the second if the first is true, else the third
)

// question is one comparison, or the like.
type question struct {
	kind        questionKind
	left, right operand
	order       string            // of askOrder: the operator
	list        *list             // of askList
	name        string            // of tags
	text        func(string) bool // of askText
	terms       []*term           // whose values decide; of askText the last is what an unknown text gives
}

type questionKind int

const (
	askTruth  questionKind = iota // left stands where true or false is needed
	askEqual                      // left == right
	askOrder                      // left < right and its like
	askList                       // left in a list that is written out
	askText                       // left contains a text, and its like
	askTag                        // has_tag(name)
	askTagged                     // name in conversation.tags
)

// operand is one side of a comparison: the first of its sources that is not absent, as in `a ?? b ?? 0`.
type operand []source

// source is a term or, without one, a value that is written out.
type source struct {
	term  *term
	value any
}

// term is something whose value decides: a fact, or what an expression makes of facts.
type term struct {
	key  string // two terms with one key have one value
	kind termKind
	// fact tells that it is a fact: to find it cannot fail, unless it has to be looked up.
	fact bool
	// whole tells that it is a whole number by what Intercom says of it.
	whole bool
	// reads are the facts that it is made of, as paths of leaves; of attributes with their names.
	reads []string
	// own tells that its value is not the same in every rule.
	own bool
	// outcome tells that it is what a question about a text gives when the text is not known.
	outcome bool
}

// termKind says which values a term can have, beside none.
type termKind int

const (
	anyKind termKind = iota
	textKind
	numberKind
	truthKind
	timeKind
	listKind
	tagKind // which spellings of a tag there are
)

// proposition reads off what a node says where true or false is needed.
func (c *compiler) proposition(node ast.Node) *proposition {
	switch n := node.(type) {
	case *ast.UnaryNode:
		if n.Operator == "not" || n.Operator == "!" {
			return c.proposition(n.Node).not()
		}
	case *ast.ConditionalNode:
		return &proposition{op: isChoice, subs: []*proposition{c.proposition(n.Cond), c.proposition(n.Exp1), c.proposition(n.Exp2)}}
	case *ast.BinaryNode:
		switch n.Operator {
		case "and", "&&":
			return &proposition{op: isEvery, subs: []*proposition{c.proposition(n.Left), c.proposition(n.Right)}}
		case "or", "||":
			return &proposition{op: isOne, subs: []*proposition{c.proposition(n.Left), c.proposition(n.Right)}}
		case "!=":
			return c.compared(n, "==").not()
		}
		return c.compared(n, n.Operator)
	case *ast.CallNode:
		if isName(n.Callee, "has_tag") {
			return c.tagged(n)
		}
	}
	return asked(question{kind: askTruth, left: c.operand(node)})
}

func (p *proposition) not() *proposition { return &proposition{op: isNot, subs: []*proposition{p}} }

// asked makes a proposition of a question.
func asked(q question) *proposition {
	for _, side := range []operand{q.left, q.right} {
		for _, s := range side {
			if s.term != nil {
				q.terms = append(q.terms, s.term)
			}
		}
	}
	return &proposition{ask: q}
}

// compared reads a comparison off. What it cannot follow is a term of its own.
func (c *compiler) compared(n *ast.BinaryNode, operator string) *proposition {
	left, right := c.operand(n.Left), c.operand(n.Right)
	switch operator {
	case "==":
		other := n.Right
		if left.constant() && !right.constant() {
			left, right, other = right, left, n.Left
		}
		_, isText := other.(*ast.StringNode) // "a" + "b" is compared in another way, see equality
		if right.constant() && left.comparable(right[0].value) && (isText || !textual(right[0].value)) {
			return asked(question{kind: askEqual, left: left, right: right})
		}
	case "<", "<=", ">", ">=":
		if left.constant() && !right.constant() {
			left, right, operator = right, left, mirrored[operator]
		}
		if right.constant() && left.comparable(right[0].value) {
			return asked(question{kind: askOrder, left: left, right: right, order: operator})
		}
	case "in":
		if list := c.writtenList(n.Right); list != nil && left.comparable("") {
			return asked(question{kind: askList, left: left, list: list})
		}
		if name, ok := n.Left.(*ast.StringNode); ok && pathOf(n.Right) == tagsPath {
			return tagQuestion(askTagged, name.Value)
		}
	case "contains", "startsWith", "endsWith", "matches":
		if p := c.textQuestion(n, left, operator); p != nil {
			return p
		}
	}
	return asked(question{kind: askTruth, left: operand{{term: c.opaque(n, n.String())}}})
}

var mirrored = map[string]string{"<": ">", "<=": ">=", ">": "<", ">=": "<="}

// textQuestion is a question about a part of a text.
func (c *compiler) textQuestion(n *ast.BinaryNode, left operand, operator string) *proposition {
	part, ok := n.Right.(*ast.StringNode)
	if !ok || len(left) != 1 || left[0].term == nil || left[0].term.kind != textKind && left[0].term.kind != anyKind {
		return nil
	}
	q := question{kind: askText, left: left, order: operator}
	switch operator {
	case "contains":
		q.text = func(s string) bool { return strings.Contains(s, part.Value) }
	case "startsWith":
		q.text = func(s string) bool { return strings.HasPrefix(s, part.Value) }
	case "endsWith":
		q.text = func(s string) bool { return strings.HasSuffix(s, part.Value) }
	default:
		// Compiled for the condition, too, and seldom needed here.
		pattern := sync.OnceValues(func() (*matcher, error) { return newMatcher(part.Value) })
		q.text = func(s string) bool {
			m, err := pattern() // the check before reported an error
			return err == nil && m.match(s)
		}
	}
	p := asked(q)
	outcome := *left[0].term
	outcome.key, outcome.kind, outcome.fact, outcome.outcome = n.String(), truthKind, true, true
	p.ask.terms = append(p.ask.terms, &outcome)
	return p
}

// writtenList is a list whose entries are known when the rules are loaded; nil for any other.
func (c *compiler) writtenList(node ast.Node) *list {
	if array, ok := node.(*ast.ArrayNode); ok {
		if values, ok := constants(array); ok {
			return newList(values)
		}
	}
	if l, ok := c.listNamed(node); ok {
		return l
	}
	return nil
}

// tagged reads has_tag() off. Names that are computed come after those that are written out.
func (c *compiler) tagged(n *ast.CallNode) *proposition {
	one := &proposition{op: isOne}
	computed := false
	for _, arg := range n.Arguments {
		if name, ok := arg.(*ast.StringNode); ok {
			one.subs = append(one.subs, tagQuestion(askTag, name.Value))
		} else {
			computed = true
		}
	}
	if computed {
		one.subs = append(one.subs, asked(question{kind: askTruth, left: operand{{term: c.opaque(n, n.String())}}}))
	}
	return one
}

// tagQuestion asks for a tag. Tags whose names differ in case or in space around them are one term,
// because has_tag() does not tell them apart.
func tagQuestion(kind questionKind, name string) *proposition {
	t := &term{key: tagPath + prepareText(name), kind: tagKind, fact: true, reads: []string{tagPath + prepareText(name)}}
	return &proposition{ask: question{kind: kind, name: name, terms: []*term{t}}}
}

// operand reads one side of a comparison off.
func (c *compiler) operand(node ast.Node) operand {
	if _, isNil := node.(*ast.NilNode); isNil {
		return operand{{}}
	}
	if v, ok := literal(node); ok {
		return operand{{value: v}}
	}
	if n, ok := node.(*ast.BinaryNode); ok && n.Operator == "??" {
		return append(c.operand(n.Left), c.operand(n.Right)...)
	}
	return operand{{term: c.term(node)}}
}

// constant tells whether the operand is one value that is written out.
func (o operand) constant() bool { return len(o) == 1 && o[0].term == nil }

func textual(v any) bool {
	_, ok := v.(string)
	return ok
}

// comparable tells whether comparing the operand with a value can be followed. Of times and lists only
// whether they are absent is.
func (o operand) comparable(v any) bool {
	return v == nil || !slices.ContainsFunc(o, func(s source) bool {
		return s.term != nil && (s.term.kind == timeKind || s.term.kind == listKind)
	})
}

// term is what stands at a node.
func (c *compiler) term(node ast.Node) *term {
	if el, ok := c.resolve(node); ok && el.leaf() {
		t := &term{key: leafNames[el.slot], fact: true, reads: []string{leafNames[el.slot]}}
		t.kind, t.whole = kindOfLeaf(el)
		return t
	}
	path := pathOf(node)
	if m, ok := bare(node).(*ast.MemberNode); ok && path != "" {
		// An attribute: below an object that has whatever fields there are.
		if el, ok := c.resolve(m.Node); ok && el.leaf() && openObject(el) {
			t := &term{key: path, kind: anyKind, fact: true, reads: []string{path}}
			if strings.HasPrefix(path, "conversation.statistics.") && strings.HasSuffix(path, "_at") {
				t.kind = timeKind
			}
			return t
		}
	}
	if path == "" {
		path = node.String()
	}
	return c.opaque(node, path)
}

// bare is a node without what only marks that names follow that may be absent.
func bare(node ast.Node) ast.Node {
	for {
		chain, ok := node.(*ast.ChainNode)
		if !ok {
			return node
		}
		node = chain.Node
	}
}

// opaque is a term of which nothing is known: whatever it gives, it gives the same everywhere.
func (c *compiler) opaque(node ast.Node, key string) *term {
	t := &term{key: key}
	ast.Walk(&node, visitor(func(n *ast.Node) {
		switch n := (*n).(type) {
		case *ast.IdentifierNode:
			t.own = t.own || n.Value == "rule"
		case *ast.CallNode:
			if id, ok := n.Callee.(*ast.IdentifierNode); ok {
				t.reads = append(t.reads, readBy[id.Value]...)
			}
		}
	}))
	for _, p := range factsIn(node) {
		t.reads = append(t.reads, p.name)
	}
	return t
}

// readBy are the facts that functions read beside their arguments. The clock is none, and has a name
// of its own.
var readBy = map[string][]string{
	"has_tag": {tagsPath}, "mentions": {"message.text"}, "open": {clockPath}, "now": {clockPath},
	"minutes_since": {clockPath}, "hours_since": {clockPath}, "days_since": {clockPath},
}

const clockPath = "now()"

// kindOfLeaf says which values a leaf of the schema can have.
func kindOfLeaf(el *element) (kind termKind, whole bool) {
	nat := el.typ.Nature()
	switch nat.Kind {
	case reflect.String:
		return textKind, false
	case reflect.Bool:
		return truthKind, false
	case reflect.Int:
		return numberKind, true
	case reflect.Float64:
		return numberKind, false
	case reflect.Struct:
		return timeKind, false
	}
	return listKind, false // and objects: only whether they are there is asked
}

// openObject tells whether a leaf is an object whose fields nobody knows.
func openObject(el *element) bool { return el.typ.Nature().Kind == reflect.Map }

// outlook is what can be said of a condition when some facts are known.
type outlook int

const (
	perhaps outlook = iota
	never           // it cannot be true
	always          // it cannot be false
	failing         // it cannot be either: a value of the wrong type
)

func outlookOf(b bool) outlook {
	if b {
		return always
	}
	return never
}

// possible tells whether it may be true.
func (t outlook) possible() bool { return t == perhaps || t == always }

func (t outlook) not() outlook {
	switch t {
	case never:
		return always
	case always:
		return never
	case perhaps, failing:
	}
	return t
}

// knowledge is what is known of facts.
type knowledge interface {
	// value is that of a term; some tells that it is at least not absent.
	value(t *term) (v any, known, some bool)
	// tag tells whether there is a tag: spelled like this, or in any case.
	tag(t *term, name string, exact bool) outlook
}

// under tells whether a proposition holds when this is known. What decides is found in the order in
// which conditions are evaluated, and nothing behind it is asked for.
func (p *proposition) under(k knowledge) outlook {
	switch p.op {
	case isNot:
		return p.subs[0].under(k).not()
	case isEvery:
		return series(p.subs, func(p *proposition) outlook { return p.under(k) })
	case isOne:
		return series(p.subs, func(p *proposition) outlook { return p.under(k).not() }).not()
	case isChoice:
		return choice(p.subs[0].under(k), p.subs[1], p.subs[2], k)
	case isQuestion:
	}
	return p.ask.under(k)
}

// choice is the outlook of `condition ? yes : no`.
func choice(condition outlook, yes, no *proposition, k knowledge) outlook {
	switch condition {
	case failing:
		return failing
	case always:
		return yes.under(k)
	case never:
		return no.under(k)
	case perhaps:
	}
	switch a, b := yes.under(k), no.under(k); {
	case !a.possible() && !b.possible():
		return never
	case !a.not().possible() && !b.not().possible():
		return always
	}
	return perhaps
}

// series is the outlook of propositions that must all hold.
func series(list []*proposition, under func(*proposition) outlook) outlook {
	sure := true // that it gets this far
	for _, p := range list {
		switch o := under(p); {
		case o == never && sure, o == failing && sure:
			return o
		case o == never, o == failing:
			return never
		case o == perhaps:
			sure = false
		}
	}
	if sure {
		return always
	}
	return perhaps
}

// otherText is a text of which is known only how it compares with those that are written out. Where a
// part of it is asked for, either may be.
type otherText string

// failure is what a term gives whose evaluation fails.
type failure struct{}

// under is the outlook of a question.
func (q *question) under(k knowledge) outlook {
	switch q.kind {
	case askTag, askTagged:
		return k.tag(q.terms[0], q.name, q.kind == askTagged)
	case askTruth, askEqual, askOrder, askList, askText:
	}
	v, known, some := q.left.value(k)
	if !known {
		if q.kind == askEqual && some && q.right[0].value == nil {
			return never
		}
		return perhaps
	}
	return q.of(v, k)
}

// of is the answer when the value of the left side is known.
func (q *question) of(v any, k knowledge) outlook {
	other, isOther := v.(otherText)
	switch {
	case v == failure{}:
		return failing
	case isOther:
		v = string(other)
	}
	switch q.kind {
	case askTruth:
		if b, isBool := v.(bool); isBool || v == nil { // what is absent counts as false
			return outlookOf(b)
		}
		return failing
	case askEqual:
		return outlookOf(equalTo(v, q.right[0].value))
	case askOrder:
		return ordered(q.order, v, q.right[0].value)
	case askList:
		return outlookOf(q.list.holds(nil, v))
	case askText:
		s, isText := v.(string)
		switch {
		case v == nil:
			return never
		case !isText:
			return failing
		case isOther && k != nil:
			given, known, _ := k.value(q.terms[len(q.terms)-1])
			if b, isBool := given.(bool); known && isBool {
				return outlookOf(b)
			}
			return perhaps
		case isOther:
			return perhaps
		}
		return outlookOf(q.text(s))
	case askTag, askTagged:
	}
	return perhaps
}

// equalTo is == with a value that is written out: an empty text asks whether there is nothing in it.
func equalTo(v, written any) bool {
	if text, isText := written.(string); isText {
		s, ok := v.(string)
		return ok && s == text || text == "" && v == nil
	}
	return equal(nil, v, written)
}

// ordered is the outlook of a comparison of two known values.
func ordered(operator string, a, b any) outlook {
	order, known, ok := compare(a, b)
	if !ok {
		return failing
	}
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

// value is what an operand gives, if that is known.
func (o operand) value(k knowledge) (v any, known, some bool) {
	for i, s := range o {
		if s.term == nil {
			v, known, some = s.value, true, s.value != nil
		} else {
			v, known, some = k.value(s.term)
		}
		if !known && !some && i+1 < len(o) {
			// Whatever comes behind it, at the end there may be something.
			_, _, some = o[i+1:].value(k)
			return nil, false, some
		}
		if !known || v != nil {
			return v, known, some
		}
	}
	return nil, true, false
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
