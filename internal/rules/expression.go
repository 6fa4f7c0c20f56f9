package rules

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/checker"
	"github.com/expr-lang/expr/checker/nature"
	"github.com/expr-lang/expr/conf"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/types"

	"switchboard/internal/diag"
)

const (
	// maxExpression bounds the text of an expression, in bytes: the parser recurses.
	maxExpression = 10_000
	// maxNodes bounds its tree.
	maxNodes = 2_000
	// maxProblems bounds the problems reported in one expression.
	maxProblems = 10
)

// expression is one expression while it is loaded.
type expression struct {
	p      *loader
	source string
	// locate gives the place in the file of the characters from to to (exclusive).
	locate func(from, to int) span
	failed bool
}

// span is a place in a file; columns count characters from 1.
type span struct {
	line, column, endColumn int
}

// exprConfig is what the expr library needs to know to check expressions.
func exprConfig(lists map[string]*list) *conf.Config {
	config := conf.CreateNew()
	config.MaxNodes = maxNodes
	for name := range config.Builtins {
		if _, ok := builtins[name]; !ok && !slices.Contains(loopNames, name) {
			config.Disabled[name] = true
			delete(config.Builtins, name)
		}
	}
	config.WithEnv(environment(lists))
	return config
}

// environment types every name that expressions can use.
func environment(lists map[string]*list) types.Map {
	env := types.Map{"rule": types.Map{"name": types.String}}
	for name, el := range schema {
		env[name] = el.exprType()
	}
	for name, f := range functions {
		env[name] = f.typ
	}
	named := types.Map{}
	for name, l := range lists {
		named[name] = l.exprType()
	}
	env["lists"] = named
	return env
}

func (l *list) exprType() types.Type {
	if len(l.others) == 0 {
		return types.Array(types.String)
	}
	return types.Array(types.Any)
}

// parse reads and checks the expression; nil when there were problems, which are reported.
// wantTruth asks for true or false as its value.
func (x *expression) parse(wantTruth bool) ast.Node {
	if len(x.source) > maxExpression {
		x.report(span{}, "rules/too-large", "", "the expression is longer than %d characters", maxExpression)
		return nil
	}
	if strings.TrimSpace(x.source) == "" {
		x.report(span{}, "rules/expression", "", "the expression is empty")
		return nil
	}
	tree, err := x.syntax()
	if err != nil {
		x.syntaxProblem(err)
		return nil
	}
	if checkCost(tree.Node) > maxCheckCost {
		x.report(span{}, "rules/too-large", "", "function calls are nested too deeply")
		return nil
	}
	x.precheck(tree)
	x.check(tree, wantTruth)
	x.checkTruths(tree)
	if x.failed {
		return nil
	}
	x.noteNames(tree.Node)
	return tree.Node
}

// syntax calls the library's parser, which is trusted with anything but its own panics.
func (x *expression) syntax() (tree *parser.Tree, err error) {
	defer func() {
		if recover() != nil {
			err = errors.New("this cannot be read as an expression")
		}
	}()
	return parser.ParseWithConfig(x.source, x.p.config)
}

// condition compiles the expression as a condition.
func (x *expression) condition() (*clause, bool) {
	node := x.parse(true)
	if node == nil {
		return nil, false
	}
	c := &compiler{x: x}
	cl := c.clause(node)
	return cl, !x.failed
}

// value compiles the expression as a value to show.
func (x *expression) value() (fn, bool) {
	node := x.parse(false)
	if node == nil {
		return nil, false
	}
	nat := node.Nature()
	if k := nat.Kind; k == reflect.Slice && nat.Ref != nil && nat.Ref.Kind == reflect.Map {
		x.problem(node, "rules/type", "such as map(companies, .name)", "%s is a list of objects, which cannot be shown as text", shorten(node.String()))
		return nil, false
	} else if k == reflect.Map || k == reflect.Func || k == reflect.Struct && nat.Type != timeNature {
		x.problem(node, "rules/type", "", "%s is %s, which cannot be shown as text", shorten(node.String()), typeWord(node.Nature().String()))
		return nil, false
	}
	f := (&compiler{x: x}).fn(node)
	return f, !x.failed
}

// precheck reports what the type check does not see or says badly.
func (x *expression) precheck(tree *parser.Tree) {
	ast.Walk(&tree.Node, visitor(func(node *ast.Node) {
		switch n := (*node).(type) {
		case *ast.IdentifierNode:
			if n.Value == "$env" {
				x.problem(n, "rules/unknown-name", "", "unknown name $env")
				ast.Patch(node, &ast.ConstantNode{})
			}
		case *ast.BytesNode:
			x.problem(n, "rules/expression", "", "bytes cannot be used in rules")
		case *ast.BinaryNode:
			if pattern, ok := n.Right.(*ast.StringNode); ok && n.Operator == "matches" {
				x.checkPattern(pattern)
			}
		}
	}))
}

func (x *expression) checkPattern(n *ast.StringNode) {
	_, err := regexp.Compile(n.Value)
	if err == nil {
		return
	}
	reason := strings.TrimPrefix(err.Error(), "error parsing regexp: ")
	hint := ""
	if strings.Contains(reason, "invalid or unsupported Perl syntax") {
		hint = "look-ahead and look-behind are not supported"
	}
	x.problem(n, "rules/regexp", hint, "the regular expression is wrong: %s", reason)
	n.Value = "" // go on with a pattern that passes
}

// visitor is a function as a visitor of the library.
type visitor func(node *ast.Node)

func (v visitor) Visit(node *ast.Node) { v(node) }

// maxCheckCost bounds the type check: functions with several signatures have their
// arguments checked once for each.
const maxCheckCost = 100_000

var signatures = map[string]int{
	"trim": 2, "trimPrefix": 2, "trimSuffix": 2, "split": 2, "splitAfter": 2, "replace": 2,
	"join": 5, "sort": 8,
}

func checkCost(root ast.Node) int {
	costs := map[ast.Node]int{}
	ast.Walk(&root, visitor(func(node *ast.Node) {
		// Children come first. Only calls of functions multiply.
		total := 1
		for _, child := range children(*node) {
			total += costs[child]
		}
		if call, ok := (*node).(*ast.BuiltinNode); ok {
			total *= max(1, signatures[call.Name])
		}
		costs[*node] = min(total, 2*maxCheckCost)
	}))
	return costs[root]
}

// check runs the type check until it finds nothing more: it stops at the first problem, so
// what is wrong is replaced by something of unknown type before it is asked again.
func (x *expression) check(tree *parser.Tree, wantTruth bool) {
	config := x.p.config
	config.Expect, config.ExpectAny = reflect.Invalid, false
	if wantTruth {
		config.Expect = reflect.Bool
	}
	for range maxProblems {
		ast.Walk(&tree.Node, visitor(func(node *ast.Node) { (*node).SetNature(nature.Nature{}) }))
		_, err := checker.Check(tree, config)
		if err == nil {
			return
		}
		var at *file.Error
		if !errors.As(err, &at) {
			if !x.failed { // else it is unknown only because of what was replaced
				x.wrongResult(tree.Node)
			}
			return
		}
		node := x.checkProblem(tree, at)
		if node == nil {
			return
		}
		ast.Patch(node, &ast.ConstantNode{})
	}
}

// checkTruths reports what stands where true or false is needed and could be anything: an
// attribute that happens to be set is no condition.
func (x *expression) checkTruths(tree *parser.Tree) {
	ast.Walk(&tree.Node, visitor(func(node *ast.Node) {
		for _, part := range truthParts(*node) {
			if _, replaced := part.(*ast.ConstantNode); replaced {
				continue
			}
			if predicate, ok := part.(*ast.PredicateNode); ok {
				part = predicate.Node
			}
			if anything(part) {
				x.problem(part, "rules/type", "compare it, for instance with == true or != nil",
					"%s can be anything, not only true or false", shorten(part.String()))
			}
		}
	}))
}

// truthParts are the nodes below a node that must be true or false.
func truthParts(node ast.Node) []ast.Node {
	switch n := node.(type) {
	case *ast.UnaryNode:
		if n.Operator == "not" || n.Operator == "!" {
			return []ast.Node{n.Node}
		}
	case *ast.BinaryNode:
		switch n.Operator {
		case "and", "or", "&&", "||":
			return []ast.Node{n.Left, n.Right}
		}
	case *ast.ConditionalNode:
		return []ast.Node{n.Cond}
	case *ast.BuiltinNode:
		switch n.Name {
		case "all", "any", "none", "one", "filter", "count", "find", "findIndex", "findLast", "findLastIndex":
			return n.Arguments[1:]
		}
	}
	return nil
}

// anything tells whether the type of a node is unknown.
func anything(node ast.Node) bool {
	nat := node.Nature()
	return nat.Nil || nat.Type == nil || nat.Kind == reflect.Interface
}

// wrongResult reports a condition that is not true or false.
func (x *expression) wrongResult(node ast.Node) {
	shown := shorten(node.String())
	nat := node.Nature()
	if nat.Nil {
		x.report(span{}, "rules/type", "", "the condition must be true or false, not nil")
		return
	}
	if anything(node) {
		x.report(span{}, "rules/type", fmt.Sprintf("compare it, for instance: %s == true", shown),
			"the condition must be true or false, and %s can be anything", shown)
		return
	}
	hint := ""
	switch nat.Kind {
	case reflect.String:
		hint = fmt.Sprintf("compare it, for instance: %s != nil", shown)
	case reflect.Slice:
		hint = fmt.Sprintf("for instance: len(%s) > 0", shown)
	}
	x.report(span{}, "rules/type", hint, "the condition must be true or false, not %s", typeWord(nat.String()))
}

// problem reports a problem at a node.
func (x *expression) problem(node ast.Node, code, hint, format string, args ...any) {
	x.report(x.spanOf(node.Location()), code, hint, format, args...)
}

func (x *expression) spanOf(at file.Location) span {
	return x.locate(at.From, max(at.To, at.From+1))
}

// wholeSpan is the place of a node with everything below it.
func (x *expression) wholeSpan(node ast.Node) span {
	at := node.Location()
	ast.Walk(&node, visitor(func(n *ast.Node) {
		below := (*n).Location()
		at.From, at.To = min(at.From, below.From), max(at.To, below.To)
	}))
	return x.spanOf(at)
}

// site is the place of a node, for errors when the expression runs.
func (x *expression) site(node ast.Node) site {
	s := x.spanOf(node.Location())
	return site{s.line, s.column}
}

// report reports a problem at a place; the zero span is the whole expression.
func (x *expression) report(at span, code, hint, format string, args ...any) {
	x.failed = true
	if at == (span{}) {
		at = x.locate(0, len([]rune(strings.TrimRight(x.source, " \t\r\n"))))
	}
	x.p.reportAt(at, diag.Error, code, hint, format, args...)
}
