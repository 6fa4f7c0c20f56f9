package rules

import (
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/builtin"
)

// builtins are the functions of the expr library that rules may call. They depend on
// nothing but their arguments, and their results do not grow beyond bounds. The others are
// left out: now (rules have their own), methods and time zones of the machine, bit
// operations, and what makes large values out of small ones.
//
// An absent argument makes the result absent. Functions of lists take it for an empty list.
var builtins = map[string]builtinFunc{
	"len":         {lists: true, native: length},
	"lower":       {native: textFunc("lower", strings.ToLower)},
	"upper":       {native: textFunc("upper", strings.ToUpper)},
	"trim":        {},
	"trimPrefix":  {},
	"trimSuffix":  {},
	"split":       {},
	"splitAfter":  {},
	"replace":     {guard: guardReplace},
	"join":        {lists: true, guard: guardJoin},
	"indexOf":     {},
	"lastIndexOf": {},
	"hasPrefix":   {},
	"hasSuffix":   {},
	"abs":         {},
	"ceil":        {},
	"floor":       {},
	"round":       {},
	"int":         {},
	"float":       {},
	"string":      {native: asText},
	"type":        {keepNil: true, native: typeName},
	"duration":    {},
	"date":        {native: parseDate},
	"max":         {lists: true},
	"min":         {lists: true},
	"mean":        {lists: true},
	"median":      {lists: true},
	"first":       {lists: true, native: firstItem},
	"last":        {lists: true, native: lastItem},
	"take":        {lists: true},
	"get":         {keepNil: true, native: func(_ *evaluation, args []any, at site) any { return member(args[0], args[1], at) }},
	"keys":        {native: sortedKeys},
	"values":      {native: sortedValues},
	"reverse":     {lists: true},
	"uniq":        {lists: true, native: uniq},
	"concat":      {lists: true},
	"flatten":     {lists: true},
	"sort":        {lists: true},
	"toJSON":      {keepNil: true},
}

// builtinFunc says how a function of the expr library is called.
type builtinFunc struct {
	lists   bool // absent arguments count as empty lists
	keepNil bool // absent arguments are passed on
	guard   func(args []any, at site)
	native  func(e *evaluation, args []any, at site) any // instead of the library's
}

// loopNames are the functions of the expr library that take a predicate.
var loopNames = []string{
	"all", "none", "any", "one", "filter", "map", "find", "findIndex", "findLast",
	"findLastIndex", "count", "sum", "sortBy", "reduce",
}

// builtin compiles a call of one of the library's functions.
func (c *compiler) builtin(n *ast.BuiltinNode) fn {
	if t := c.quantifier(n); t != nil {
		return func(e *evaluation) any { return t(e) }
	}
	if slices.Contains(loopNames, n.Name) {
		return c.loop(n)
	}
	b, ok := builtins[n.Name]
	if !ok {
		c.x.problem(n, "rules/unknown-name", "", "%s() is not available in rules", n.Name)
		return constant(nil)
	}
	args := make([]fn, len(n.Arguments))
	for i, arg := range n.Arguments {
		args[i] = c.fn(arg)
	}
	at, name := c.x.site(n), n.Name
	return func(e *evaluation) any {
		values := make([]any, len(args))
		for i, arg := range args {
			v := arg(e)
			if v == nil && !b.keepNil {
				if !b.lists {
					return nil
				}
				v = []any{}
			}
			values[i] = v
		}
		return b.call(e, name, values, at)
	}
}

func (b builtinFunc) call(e *evaluation, name string, args []any, at site) any {
	for _, arg := range args {
		e.weigh(arg)
	}
	if b.guard != nil {
		b.guard(args, at)
	}
	if b.native != nil {
		return b.native(e, args, at)
	}
	result := libraryCall(name, args, at)
	switch v := result.(type) {
	case string:
		if len(v) > maxText {
			fail(at, "the text grows too long")
		}
	case []any:
		if len(v) > maxItems {
			fail(at, "the list would have too many entries")
		}
	}
	return result
}

// weigh charges for a value by its size. Lists inside lists can stand for far more than
// they hold, so this bounds whatever walks them.
func (e *evaluation) weigh(v any) {
	switch v := v.(type) {
	case string:
		e.spend(len(v) / 64)
	case []any:
		e.spend(len(v))
		for _, item := range v {
			e.weigh(item)
		}
	case object:
		e.spend(len(v))
		for _, item := range v {
			e.weigh(item)
		}
	}
}

// libraryCall runs the expr library's function. The text of its errors is dropped: it
// shows values.
func libraryCall(name string, args []any, at site) (result any) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case *evalError:
			panic(r)
		default:
			failCall(name, args, at)
		}
	}()
	f := builtin.Builtins[builtin.Index[name]]
	var err error
	switch {
	case f.Fast != nil:
		result = f.Fast(args[0])
	case f.Safe != nil:
		result, _, err = f.Safe(args...)
	default:
		result, err = f.Func(args...)
	}
	if err != nil {
		failCall(name, args, at)
	}
	return listOfAny(result)
}

func failCall(name string, args []any, at site) {
	kinds := make([]string, len(args))
	for i, arg := range args {
		kinds[i] = kindOf(arg)
	}
	fail(at, "%s() cannot work with this (%s)", name, strings.Join(kinds, ", "))
}

// listOfAny converts the library's typed lists.
func listOfAny(v any) any {
	switch v := v.(type) {
	case []string:
		return boxed(v)
	case []int:
		return boxed(v)
	case []float64:
		return boxed(v)
	}
	return v
}

func boxed[T any](list []T) []any {
	out := make([]any, len(list))
	for i, v := range list {
		out[i] = v
	}
	return out
}

func length(_ *evaluation, args []any, at site) any {
	switch v := args[0].(type) {
	case string:
		return utf8.RuneCountInString(v)
	case []any:
		return len(v)
	case object:
		return len(v)
	}
	failCall("len", args, at)
	return nil
}

func textFunc(name string, f func(string) string) func(*evaluation, []any, site) any {
	return func(_ *evaluation, args []any, at site) any {
		s, ok := args[0].(string)
		if !ok {
			failCall(name, args, at)
		}
		return f(s)
	}
}

func asText(_ *evaluation, args []any, at site) any {
	s, err := display(args[0])
	if err != nil {
		failCall("string", args, at)
	}
	return s
}

// typeName is the library's type(), without the names of Go types.
func typeName(_ *evaluation, args []any, _ site) any {
	switch args[0].(type) {
	case nil:
		return "nil"
	case bool:
		return "bool"
	case int, uint64:
		return "int"
	case float64:
		return "float"
	case string:
		return "string"
	case time.Time:
		return "time"
	case time.Duration:
		return "duration"
	case []any:
		return "array"
	case object:
		return "map"
	}
	return "unknown"
}

var dateLayouts = []string{
	time.RFC3339, "2006-01-02", "2006-01-02 15:04:05", "2006-01-02 15:04", "2006-01-02T15:04:05",
}

// parseDate is date(text) and date(text, layout). Times without a zone are in UTC, on every
// machine.
func parseDate(_ *evaluation, args []any, at site) any {
	layouts := dateLayouts
	if len(args) > 1 {
		layout, ok := args[1].(string)
		if !ok || len(args) > 2 {
			failCall("date", args, at)
		}
		layouts = []string{layout}
	}
	switch v := args[0].(type) {
	case string:
		for _, layout := range layouts {
			if t, err := time.ParseInLocation(layout, v, time.UTC); err == nil {
				return t.UTC()
			}
		}
	default:
		if t, ok := asTime(v); ok && len(args) == 1 {
			return t
		}
	}
	failCall("date", args, at)
	return nil
}

func firstItem(_ *evaluation, args []any, at site) any { return member(args[0], 0, at) }
func lastItem(_ *evaluation, args []any, at site) any  { return member(args[0], -1, at) }

// sortedKeys and sortedValues give the entries of an object in the order of their names, so
// that a decision made again is the same decision.
func sortedKeys(_ *evaluation, args []any, at site) any {
	o, ok := args[0].(object)
	if !ok {
		failCall("keys", args, at)
	}
	names := make([]string, 0, len(o))
	for name := range o {
		names = append(names, name)
	}
	slices.Sort(names)
	return boxed(names)
}

func sortedValues(e *evaluation, args []any, at site) any {
	o, ok := args[0].(object)
	if !ok {
		failCall("values", args, at)
	}
	names := sortedKeys(e, args, at).([]any)
	for i, name := range names {
		names[i] = o[name.(string)]
	}
	return names
}

func uniq(e *evaluation, args []any, at site) any {
	list, ok := args[0].([]any)
	if !ok {
		failCall("uniq", args, at)
	}
	out := []any{}
	for _, v := range list {
		e.spend(1 + len(out)/8)
		if !slices.ContainsFunc(out, func(seen any) bool { return equal(e, seen, v) }) {
			out = append(out, v)
		}
	}
	return out
}

// guardReplace refuses replacements that would make a text too long.
func guardReplace(args []any, at site) {
	s, okS := args[0].(string)
	old, okOld := args[1].(string)
	with, okWith := args[2].(string)
	if !okS || !okOld || !okWith {
		failCall("replace", args, at)
	}
	if n := strings.Count(s, old); len(s)+n*max(0, len(with)-len(old)) > maxText {
		fail(at, "the text grows too long")
	}
}

// guardJoin refuses to join a list to a text that is too long.
func guardJoin(args []any, at site) {
	list, ok := args[0].([]any)
	if !ok {
		failCall("join", args, at)
	}
	total := 0
	for _, v := range list {
		s, ok := v.(string)
		if !ok {
			failCall("join", args, at)
		}
		total += len(s)
	}
	if len(args) > 1 {
		glue, _ := args[1].(string)
		total += len(list) * len(glue)
	}
	if total > maxText {
		fail(at, "the text grows too long")
	}
}
