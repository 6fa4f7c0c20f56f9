package rules

import (
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/types"
)

// function is a function of rules that the expr library does not have.
type function struct {
	typ     types.Type
	compile func(c *compiler, n *ast.CallNode) fn
	test    func(c *compiler, n *ast.CallNode) test // for functions that give true or false
}

// functions are set by init because compiling them compiles their arguments, which may call
// functions.
var functions map[string]function

func init() {
	since := types.TypeOf(func(time.Time) float64 { return 0 })
	isOpen := types.TypeOf(func(string) bool { return false })
	anyOf := types.TypeOf(func(...string) bool { return false })
	functions = map[string]function{
		"now": {
			typ: types.TypeOf(func() time.Time { return time.Time{} }),
			compile: func(*compiler, *ast.CallNode) fn {
				return func(e *evaluation) any { return e.now() }
			},
		},
		"domain": {
			typ:     types.TypeOf(func(string) string { return "" }),
			compile: compileDomain,
		},
		"minutes_since": {typ: since, compile: compileSince(time.Minute)},
		"hours_since":   {typ: since, compile: compileSince(time.Hour)},
		"days_since":    {typ: since, compile: compileSince(24 * time.Hour)},
		"has_tag":       {typ: anyOf, compile: asValue(compileHasTag), test: compileHasTag},
		"open":          {typ: isOpen, compile: asValue(compileOpen), test: compileOpen},
		"mentions":      {typ: anyOf, compile: asValue(compileMentions), test: compileMentions},
	}
	for _, s := range searches {
		functions[string(s.kind)] = s.function()
	}
}

func asValue(compile func(*compiler, *ast.CallNode) test) func(*compiler, *ast.CallNode) fn {
	return func(c *compiler, n *ast.CallNode) fn {
		t := compile(c, n)
		return func(e *evaluation) any { return t(e) }
	}
}

// compileDomain compiles domain(email): what stands behind the last @, in small letters.
func compileDomain(c *compiler, n *ast.CallNode) fn {
	email, at := c.fn(n.Arguments[0]), c.x.site(n)
	return func(e *evaluation) any {
		switch s := email(e).(type) {
		case nil:
			return nil
		case string:
			return e.domain(s)
		default:
			fail(at, "domain() needs a text, not %s", kindOf(s))
			return nil
		}
	}
}

// domain remembers its answers, because many rules ask for the same one.
func (e *evaluation) domain(email string) any {
	if d, ok := e.cache.domains[email]; ok {
		return d
	}
	var d any
	if i := strings.LastIndexByte(email, '@'); i >= 0 {
		d = textOf(strings.ToLower(strings.TrimSpace(email[i+1:])))
	}
	if e.cache.domains == nil {
		e.cache.domains = map[string]any{}
	}
	e.cache.domains[email] = d
	return d
}

type sinceKey struct {
	unit  time.Duration
	nanos int64
}

// compileSince compiles minutes_since(t) and its like: the time from t to now, negative
// when t is still to come.
func compileSince(unit time.Duration) func(*compiler, *ast.CallNode) fn {
	return func(c *compiler, n *ast.CallNode) fn {
		value, at, name := c.fn(n.Arguments[0]), c.x.site(n), n.Callee.String()
		return func(e *evaluation) any {
			v := value(e)
			if v == nil {
				return nil
			}
			t, ok := asTime(v)
			if !ok {
				fail(at, "%s() needs a time, not %s", name, kindOf(v))
			}
			return e.since(t, unit)
		}
	}
}

// since remembers its answers, as domain does.
func (e *evaluation) since(t time.Time, unit time.Duration) any {
	key := sinceKey{unit, t.UnixNano()}
	if v, ok := e.cache.since[key]; ok {
		return v
	}
	var v any = e.now().Sub(t).Seconds() / unit.Seconds()
	if e.cache.since == nil {
		e.cache.since = map[sinceKey]any{}
	}
	e.cache.since[key] = v
	return v
}

// texts are the arguments of a function that takes any number of texts. Those that are
// written out are prepared when the rules are loaded.
type texts struct {
	fixed    []string
	computed []fn
	at       site
	name     string
}

// prepareText folds case and ignores surrounding space.
func prepareText(s string) string { return fold(strings.TrimSpace(s)) }

func (c *compiler) texts(n *ast.CallNode) *texts {
	if len(n.Arguments) == 0 {
		c.x.problem(n, "rules/type", "", "%s() needs at least one text", n.Callee.String())
	}
	t := &texts{at: c.x.site(n), name: n.Callee.String()}
	for _, arg := range n.Arguments {
		if s, ok := arg.(*ast.StringNode); ok {
			t.fixed = append(t.fixed, prepareText(s.Value))
		} else {
			t.computed = append(t.computed, c.fn(arg))
		}
	}
	return t
}

// rest computes the arguments that were not written out.
func (t *texts) rest(e *evaluation) []string {
	var list []string
	for _, f := range t.computed {
		switch s := f(e).(type) {
		case nil:
		case string:
			list = append(list, prepareText(s))
		default:
			fail(t.at, "%s() needs texts, not %s", t.name, kindOf(s))
		}
	}
	return list
}

// compileHasTag compiles has_tag(name, ...): the conversation has one of these tags.
// Intercom's tag names ignore case, so does this.
func compileHasTag(c *compiler, n *ast.CallNode) test {
	names := c.texts(n)
	return func(e *evaluation) bool {
		tags := e.tagSet()
		has := func(name string) bool {
			_, ok := tags[name]
			return ok
		}
		return slices.ContainsFunc(names.fixed, has) || slices.ContainsFunc(names.rest(e), has)
	}
}

// compileMentions compiles mentions(word, ...): the message has one of these words or
// phrases, as whole words, in any case.
func compileMentions(c *compiler, n *ast.CallNode) test {
	words := c.texts(n)
	return func(e *evaluation) bool {
		text, ok := e.foldedText(slotMessageText)
		if !ok {
			return false
		}
		in := func(word string) bool { return hasWord(text, word) }
		return slices.ContainsFunc(words.fixed, in) || slices.ContainsFunc(words.rest(e), in)
	}
}

// hasWord tells whether word stands in text with no letter or digit joined to it.
func hasWord(text, word string) bool {
	if word == "" {
		return false
	}
	first, size := utf8.DecodeRuneInString(word)
	last, _ := utf8.DecodeLastRuneInString(word)
	for from := 0; ; {
		i := strings.Index(text[from:], word)
		if i < 0 {
			return false
		}
		i += from
		before, _ := utf8.DecodeLastRuneInString(text[:i])
		after, _ := utf8.DecodeRuneInString(text[i+len(word):])
		joined := i > 0 && wordRune(first) && wordRune(before) ||
			i+len(word) < len(text) && wordRune(last) && wordRune(after)
		if !joined {
			return true
		}
		from = i + size
	}
}

// wordRune tells whether a character joins its neighbours to a word. In scripts that do not
// put spaces between words none does.
func wordRune(r rune) bool {
	if r == '_' || unicode.IsDigit(r) {
		return true
	}
	return unicode.IsLetter(r) && !unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana,
		unicode.Hangul, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar)
}
