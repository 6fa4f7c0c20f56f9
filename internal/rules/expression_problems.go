package rules

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/checker/nature"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"

	"switchboard/internal/diag"
)

// The expr library speaks of Go types and tokens. This file says the same in words.

// syntaxProblem reports an error of the parser.
func (x *expression) syntaxProblem(err error) {
	var at *file.Error
	if !errors.As(err, &at) {
		x.report(span{}, "rules/expression", "", "%v", err)
		return
	}
	message, hint := syntaxMessage(at.Message)
	where := x.spanOf(at.Location)
	if strings.Contains(at.Message, "EOF") {
		n := len([]rune(strings.TrimRight(x.source, " \t\r\n")))
		where = x.locate(max(0, n-1), n)
	}
	x.report(where, "rules/expression", hint, "%s", message)
}

var unexpectedToken = regexp.MustCompile(`^unexpected token (\w+)(?:\("((?s:.*))"\))?$`)

func syntaxMessage(message string) (said, hint string) {
	m := unexpectedToken.FindStringSubmatch(message)
	switch {
	case m == nil:
	case m[1] == "EOF":
		return "the expression ends too early", ""
	default:
		return fmt.Sprintf("unexpected %q", m[2]), tokenHint(m[2])
	}
	switch {
	case strings.Contains(message, "maximum allowed nodes"):
		return "the expression is too large", ""
	case strings.HasPrefix(message, "literal not terminated"):
		return "a text is not closed", "texts stand between ' or \""
	case strings.HasPrefix(message, "unrecognized character"):
		if strings.ContainsAny(message, "‘’“”„") {
			hint = "use straight quotes: ' or \""
		}
		return message, hint
	case strings.Contains(message, "coalesce expressions"):
		return "?? cannot stand beside another operator", "put ( ) around it"
	}
	return message, ""
}

func tokenHint(token string) string {
	switch strings.ToLower(token) {
	case "=":
		return "compare with =="
	case "&":
		return "write and"
	case "is", "equals":
		return "compare with =="
	case "and", "or", "not", "contains", "matches", "startswith", "endswith", "in":
		if right, ok := diag.Closest(token, []string{"and", "or", "not", "contains", "matches", "startsWith", "endsWith", "in"}); ok {
			return fmt.Sprintf("write %s", right)
		}
	case "like":
		return "write contains or matches"
	}
	return ""
}

// checkProblem reports an error of the type check. It returns the node that is wrong, to be
// replaced; nil when that is not known.
func (x *expression) checkProblem(tree *parser.Tree, err *file.Error) *ast.Node {
	node := findNode(&tree.Node, err.Location)
	if node == nil {
		message, _, _ := strings.Cut(err.Message, "\n")
		x.report(x.spanOf(err.Location), "rules/type", "", "%s", typeWords(message))
		return nil
	}
	where := x.spanOf(err.Location)
	if name, ok := strings.CutPrefix(err.Message, "unknown name "); ok {
		x.unknownName(where, name, isCallee(tree.Node, *node))
		return node
	}
	if m, ok := (*node).(*ast.MemberNode); ok {
		if name, ok := m.Property.(*ast.StringNode); ok {
			if name.Location() == err.Location && x.unknownField(where, m, name.Value, err.Message) {
				return node
			}
		}
	}
	if b, ok := (*node).(*ast.BinaryNode); ok && strings.HasPrefix(err.Message, "invalid operation") {
		x.mismatch(where, b)
		return node
	}
	if u, ok := (*node).(*ast.UnaryNode); ok {
		want := "a number"
		if u.Operator == "not" || u.Operator == "!" {
			want = "true or false"
		}
		x.report(where, "rules/type", "", "%s needs %s, not %s", u.Operator, want, typeWord(u.Node.Nature().String()))
		return node
	}
	x.report(where, "rules/type", "", "%s", typeWords(strings.TrimSpace(err.Message)))
	return node
}

// findNode finds the node that an error of the type check is about: members are reported at
// their last name.
func findNode(root *ast.Node, at file.Location) *ast.Node {
	var found *ast.Node
	ast.Walk(root, visitor(func(node *ast.Node) {
		n := *node
		if m, ok := n.(*ast.MemberNode); ok && m.Property.Location() == at {
			found = node
			return
		}
		if n.Location() == at && found == nil {
			if _, isText := n.(*ast.PredicateNode); !isText {
				found = node
			}
		}
	}))
	return found
}

func isCallee(root, node ast.Node) bool {
	found := false
	ast.Walk(&root, visitor(func(n *ast.Node) {
		if call, ok := (*n).(*ast.CallNode); ok && call.Callee == node {
			found = true
		}
	}))
	return found
}

func (x *expression) unknownName(where span, name string, called bool) {
	if called {
		known := make([]string, 0, len(functions)+len(builtins)+len(loopNames))
		for f := range functions {
			known = append(known, f)
		}
		for f := range builtins {
			known = append(known, f)
		}
		known = append(known, loopNames...)
		slices.Sort(known)
		hint := diag.DidYouMean(name, known)
		x.report(where, "rules/unknown-name", hint, "there is no function %s()", name)
		return
	}
	known := []string{"lists", "rule", "true", "false", "nil"}
	for n := range schema {
		known = append(known, n)
	}
	slices.Sort(known)
	hint := diag.DidYouMean(name, known)
	if hint == "" {
		hint = elsewhere(name)
	}
	if hint == "" && strings.EqualFold(name, "null") {
		hint = `did you mean "nil"?`
	}
	x.report(where, "rules/unknown-name", hint, "unknown name %q", name)
}

// elsewhere suggests the object that has a field of this name.
func elsewhere(name string) string {
	var paths []string
	for _, root := range []string{"contact", "conversation", "message", "event", "company", "ticket"} {
		if _, ok := schema[root].byName[name]; ok {
			paths = append(paths, root+"."+name)
		}
	}
	if len(paths) == 0 {
		return ""
	}
	return "did you mean " + strings.Join(paths[:min(2, len(paths))], " or ") + "?"
}

// unknownField reports a field that an object does not have.
func (x *expression) unknownField(where span, m *ast.MemberNode, name, message string) bool {
	if !strings.HasPrefix(message, "unknown field") && !strings.Contains(message, "has no field") &&
		!strings.Contains(message, "has no method") {
		return false
	}
	if m.Method {
		x.report(where, "rules/unknown-name", "", "values have no methods in rules")
		return true
	}
	base := m.Node.Nature()
	owner := shorten(m.Node.String())
	known := fieldNames(base)
	if known == nil {
		x.report(where, "rules/unknown-field", "", "%s is %s and has no fields", owner, typeWord(base.String()))
		return true
	}
	hint := diag.DidYouMean(name, known)
	if hint == "" && slices.Contains(known, "custom_attributes") {
		hint = fmt.Sprintf("your own attributes are in %s.custom_attributes", owner)
	}
	if owner == "lists" {
		x.report(where, "rules/unknown-field", hint, "there is no list %q", name)
		return true
	}
	x.report(where, "rules/unknown-field", hint, "%s has no field %q", owner, name)
	return true
}

// fieldNames are the names of an object's fields; nil when it is no object.
func fieldNames(n *nature.Nature) []string {
	var names []string
	switch {
	case n.Kind == reflect.Struct && n.Type != timeNature:
		for field := range n.Type.Fields() {
			names = append(names, field.Tag.Get("expr"))
		}
	case n.TypeData != nil && n.Fields != nil:
		names = slices.AppendSeq(make([]string, 0, len(n.Fields)), maps.Keys(n.Fields))
	}
	slices.Sort(names)
	return names
}

var timeNature = reflect.TypeFor[time.Time]()

// mismatch reports an operator between things that it is not for.
func (x *expression) mismatch(where span, n *ast.BinaryNode) {
	l, r := typeWord(n.Left.Nature().String()), typeWord(n.Right.Nature().String())
	hint := ""
	switch n.Operator {
	case "==", "!=", "<", ">", "<=", ">=":
		switch {
		case l == "a text" && r == "a number", l == "a number" && r == "a text":
			hint = "ids and other texts are written with quotes"
		case l == "a time" && r == "a number":
			hint = fmt.Sprintf("for instance: minutes_since(%s) > 5", shorten(n.Left.String()))
		}
		x.report(where, "rules/type", hint, "cannot compare %s with %s", l, r)
	case "and", "or", "&&", "||":
		x.report(where, "rules/type", "", "%s needs true or false on both sides, not %s and %s", n.Operator, l, r)
	case "contains":
		if l == "a list" {
			hint = fmt.Sprintf("write %s in %s", shorten(n.Right.String()), shorten(n.Left.String()))
		}
		x.report(where, "rules/type", hint, "contains needs two texts, not %s and %s", l, r)
	case "startsWith", "endsWith", "matches":
		x.report(where, "rules/type", "", "%s needs two texts, not %s and %s", n.Operator, l, r)
	case "in":
		if r == "a text" {
			hint = fmt.Sprintf("write %s contains %s", shorten(n.Right.String()), shorten(n.Left.String()))
		}
		x.report(where, "rules/type", hint, "in needs a list on its right side, not %s", r)
	default:
		x.report(where, "rules/type", "", "%s cannot be used on %s and %s", n.Operator, l, r)
	}
}

// typeWord says a Go type in words.
func typeWord(goType string) string {
	switch goType {
	case "string":
		return "a text"
	case "int", "float64", "uint64", "int64":
		return "a number"
	case "bool":
		return "true or false"
	case "time.Time":
		return "a time"
	case "time.Duration":
		return "a duration"
	case "unknown", "interface {}":
		return "something of unknown type"
	}
	switch {
	case strings.HasPrefix(goType, "[]"):
		return "a list"
	case strings.HasPrefix(goType, "map["), strings.HasPrefix(goType, "struct {"):
		return "an object"
	case strings.HasPrefix(goType, "func("):
		return "a function"
	}
	return goType
}

var goTypes = regexp.MustCompile(`func\([^)]*\)( [\w.]+)?|(\[\]|map\[string\])(interface \{\}|string|int|float64)|interface \{\}|\b(string|int|float64|bool|time\.Time|time\.Duration)\b`)

// typeWords replaces the Go types in a message.
func typeWords(message string) string {
	return goTypes.ReplaceAllStringFunc(message, func(t string) string {
		word := typeWord(t)
		for _, article := range []string{"a ", "an "} {
			word = strings.TrimPrefix(word, article)
		}
		return word
	})
}

// children are the nodes directly below a node.
func children(node ast.Node) []ast.Node {
	switch n := node.(type) {
	case *ast.UnaryNode:
		return []ast.Node{n.Node}
	case *ast.BinaryNode:
		return []ast.Node{n.Left, n.Right}
	case *ast.ChainNode:
		return []ast.Node{n.Node}
	case *ast.MemberNode:
		return []ast.Node{n.Node, n.Property}
	case *ast.SliceNode:
		return []ast.Node{n.Node, n.From, n.To}
	case *ast.CallNode:
		return append([]ast.Node{n.Callee}, n.Arguments...)
	case *ast.BuiltinNode:
		return n.Arguments
	case *ast.PredicateNode:
		return []ast.Node{n.Node}
	case *ast.VariableDeclaratorNode:
		return []ast.Node{n.Value, n.Expr}
	case *ast.SequenceNode:
		return n.Nodes
	case *ast.ConditionalNode:
		return []ast.Node{n.Cond, n.Exp1, n.Exp2}
	case *ast.ArrayNode:
		return n.Nodes
	case *ast.MapNode:
		return n.Pairs
	case *ast.PairNode:
		return []ast.Node{n.Key, n.Value}
	}
	return nil
}
