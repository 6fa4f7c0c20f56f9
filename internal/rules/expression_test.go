package rules

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/expr-lang/expr"
)

// fails stands for an expression that fails when it runs.
type fails struct{}

// What expressions mean, above all when something is absent.
func TestExpressions(t *testing.T) {
	day := 24 * time.Hour
	tests := map[string]any{
		// Absent is nil. Comparing with it is false, asking for it is not.
		`contact.custom_attributes.none == "x"`:               false,
		`contact.custom_attributes.none != "x"`:               true,
		`contact.custom_attributes.none == nil`:               true,
		`contact.custom_attributes.none > 5`:                  false,
		`contact.custom_attributes.none <= 5`:                 false,
		`5 > contact.custom_attributes.none`:                  false,
		`contact.custom_attributes.none == 5`:                 false,
		`contact.custom_attributes.none.deeper.still == nil`:  true,
		`contact.custom_attributes.none contains "x"`:         false,
		`contact.custom_attributes.none matches "x"`:          false,
		`contact.custom_attributes.none startsWith "x"`:       false,
		`contact.custom_attributes.none in ["x"]`:             false,
		`"x" in contact.custom_attributes.none`:               false,
		`contact.custom_attributes.none ?? "other"`:           "other",
		`contact.custom_attributes.none + 1`:                  nil,
		`"Hi " + contact.custom_attributes.none`:              "Hi ",
		`upper(contact.custom_attributes.none)`:               nil,
		`len(contact.custom_attributes.none)`:                 0,
		`any(contact.custom_attributes.none, # == 1)`:         false,
		`all(contact.custom_attributes.none, # == 1)`:         true,
		`filter(contact.custom_attributes.none, # == 1)`:      []any{},
		`sum(contact.custom_attributes.none)`:                 0,
		`max(contact.custom_attributes.none)`:                 nil,
		`contact.custom_attributes.none[0:2]`:                 nil,
		`minutes_since(contact.last_seen_at) > 5`:             false,
		`domain(contact.custom_attributes.none)`:              nil,
		`not (ticket.open)`:                                   true,
		`ticket.open or true`:                                 true,
		`ticket.open and true`:                                false,
		`ticket.open ? 1 : 2`:                                 2,
		`ticket.state < "z"`:                                  false,
		`contact.last_seen_at < now()`:                        false,
		`conversation.title == ""`:                            true,
		`conversation.title != ""`:                            false,
		`conversation.state == ""`:                            false,
		`"" == conversation.title`:                            true,
		`contact.custom_attributes["pl" + "an"]`:              "pro",
		`contact?.custom_attributes?.plan`:                    "pro",
		`get(contact.custom_attributes, "plan")`:              "pro",
		`get(contact.custom_attributes.none, "plan")`:         nil,
		`-contact.custom_attributes.none`:                     nil,
		`string(contact.custom_attributes.none)`:              nil,
		`type(contact.custom_attributes.none)`:                "nil",
		`contact.custom_attributes.none in lists.domains`:     false,
		`let p = contact.custom_attributes.plan; p + "/" + p`: "pro/pro",
		`let c = contact; c.email`:                            "jo@globex.test",
		`let a = 1; let b = a + 1; [a, b, any([3], # > b)]`:   []any{1, 2, true},
		`1; 2`: 2,
		// Numbers are exact and of any kind.
		`contact.custom_attributes.seats > 11.5`:                  true,
		`contact.custom_attributes.seats == 12.0`:                 true,
		`contact.custom_attributes.account == 9007199254740993`:   true,
		`contact.custom_attributes.account == 9007199254740992.0`: false,
		`contact.custom_attributes.account > 9007199254740992.0`:  true,
		`item.huge == 18446744073709551615.0`:                     false,
		`item.huge > 9223372036854775807`:                         true,
		`item.huge`:                                               uint64(math.MaxUint64),
		`item.ratio < 1`:                                          true,
		`7 / 2`:                                                   3.5,
		`7 % 4 + 2 * 3 - 1`:                                       8,
		`2 ** 3`:                                                  8.0,
		`-(1)`:                                                    -1,
		`1..3`:                                                    []any{1, 2, 3},
		`3..1`:                                                    []any{},
		`2 in 1..3`:                                               true,
		`5 in lists.numbers or 3.5 in lists.numbers`:              true,
		`1.0 in lists.numbers`:                                    true,
		`"x" in lists.empty`:                                      false,
		`-1 in [-1, 2]`:                                           true,
		`conversation.state in ["open", "snoozed"]`:               true,
		`"seats" in contact.custom_attributes`:                    true,
		`int("12") + float("1.5")`:                                13.5,
		`round(2.5) + ceil(1.2) + floor(1.8) + abs(-3)`:           9.0,
		`max(1, 5, 3) - min([4, 2])`:                              3,
		// Texts.
		`message.text contains "REFUND"`:                                true,
		`message.text contains "refund"`:                                false,
		`message.text matches "(?i)refund"`:                             true,
		`message.text matches "refund"`:                                 false,
		`message.text not matches "refund"`:                             true,
		`lower(message.text) startsWith "hi, i"`:                        true,
		`message.text endsWith contact.custom_attributes.none`:          false,
		`any(["(?i)chargeback", "(?i)refund"], message.text matches #)`: true,
		`message.text[0:2]`:                                             "Hi",
		`"日本語"[1:]`:                                                     "本語",
		`"abc"[-2:]`:                                                    "bc",
		`len("日本語")`:                                                    3,
		`trim("  x ") + upper("y") + replace("aa", "a", "bc")`:          "xYbcbc",
		`split("a,b", ",")`:                                             []any{"a", "b"},
		`join(conversation.tags, "+")`:                                  "Billing+Straße",
		`indexOf("abc", "c")`:                                           2,
		`message.text | lower() | split(" ") | first()`:                 "hi,",
		// Our own functions.
		`domain(contact.email)`:                                             "globex.test",
		`domain("Jo@EXAMPLE.Com ")`:                                         "example.com",
		`domain("a@b@c.test")`:                                              "c.test",
		`domain("nobody")`:                                                  nil,
		`domain(contact.email) in lists.domains`:                            true,
		`now()`:                                                             unix(1768032600),
		`minutes_since(conversation.created_at)`:                            811.0 / 60,
		`hours_since(now() - duration("2h"))`:                               2.0,
		`days_since(date("2026-01-09")) > 1`:                                true,
		`minutes_since(contact.custom_attributes.started)`:                  10.0,
		`conversation.created_at + duration("1h") > now()`:                  true,
		`now() - conversation.created_at`:                                   811 * time.Second,
		`conversation.created_at < now()`:                                   true,
		`conversation.created_at == item.created_at`:                        true,
		`contact.custom_attributes.started < now()`:                         true,
		`contact.custom_attributes.started_text < now()`:                    true,
		`now() > contact.custom_attributes.started_text`:                    true,
		`contact.custom_attributes.started == date("2026-01-10T08:00:00Z")`: true,
		`date("2026-01-10") + duration("24h")`:                              time.Date(2026, 1, 11, 0, 0, 0, 0, time.UTC),
		`date("10.01.2026", "02.01.2006")`:                                  time.Date(2026, 1, 10, 0, 0, 0, 0, time.UTC),
		`duration("24h")`:                                                   day,
		`has_tag("billing")`:                                                true,
		`has_tag("STRASSE", " straße ")`:                                    true,
		`has_tag("vip")`:                                                    false,
		`has_tag(contact.custom_attributes.none)`:                           false,
		`mentions("refund")`:                                                true,
		`mentions("fund")`:                                                  false,
		`mentions("like a refund")`:                                         true,
		`mentions("please", "x")`:                                           true,
		`mentions(contact.custom_attributes.plan)`:                          false,
		`mentions("` + "refund" + `", "x") and not mentions("refun", "efund", "REFUN")`:          true,
		`string(12) + string(1.5) + string(conversation.open) + string(conversation.created_at)`: "121.5true2026-01-10 07:56 UTC",
		`string(contact.custom_attributes)`:                                                      fails{},
		`mentions("")`:                                                                           false,
		`rule.name + "!"`:                                                                        "test!",
		`toJSON(contact.custom_attributes.list)`:                                                 "[\n  \"b\",\n  \"a\"\n]",
		`keys({b: 1, a: 2})`:                                                                     []any{"a", "b"},
		`values({b: 1, a: 2})`:                                                                   []any{2, 1},
		`sort(contact.custom_attributes.list)`:                                                   []any{"a", "b"},
		`contact.custom_attributes.list == ["b", "a"]`:                                           true,
		`{a: [1]} == {a: [1.0]}`:                                                                 true,
		`{a: 1} == {b: 1}`:                                                                       false,
		`uniq([1, 1.0, "1", 2])`:                                                                 []any{1, "1", 2},
		`type(now()) + type(1) + type({}) + type([])`:                                            "timeintmaparray",
		`sortBy([{k: 2}, {k: nil}, {k: 1}], .k, "desc") | map(.k)`:                               []any{2, 1, nil},
		// Things that cannot be computed fail; they are not false.
		`contact.custom_attributes.plan > 5`:                             fails{},
		`contact.custom_attributes.seats > "5"`:                          fails{},
		`contact.custom_attributes.seats contains "1"`:                   fails{},
		`contact.custom_attributes.seats matches "1"`:                    fails{},
		`contact.custom_attributes.plan.deeper == 1`:                     fails{},
		`contact.custom_attributes.plan + 1`:                             fails{},
		`1 % 0`:                                                          fails{},
		`upper(contact.custom_attributes.seats)`:                         fails{},
		`int(contact.custom_attributes.plan)`:                            fails{},
		`date(contact.custom_attributes.plan)`:                           fails{},
		`duration(contact.custom_attributes.plan)`:                       fails{},
		`any(contact.custom_attributes.plan, # == 1)`:                    fails{},
		`contact.custom_attributes.list[contact.custom_attributes.plan]`: fails{},
		`"x" in contact.custom_attributes.plan`:                          fails{},
		`minutes_since(contact.custom_attributes.plan)`:                  fails{},
		`sort([1, "a"])`:                                                 fails{},
		`message.text matches contact.custom_attributes.broken`:          fails{},
		`has_tag(contact.custom_attributes.seats)`:                       fails{},
		`-contact.custom_attributes.plan`:                                fails{},
		`contact.custom_attributes.a + now()`:                            nil,
		`now() + contact.custom_attributes.plan`:                         fails{},
	}
	ev := edited(t, conversationCreated, func(_, item object) {
		item["huge"], item["ratio"] = uint64(math.MaxUint64), 0.5
	})
	contact := `{"id":"x","email":"jo@globex.test","custom_attributes":{"plan":"pro","seats":12,"account":9007199254740993,
		"started":1768032000,"started_text":"2026-01-10T08:00:00.000Z","list":["b","a"],"broken":"("}}`
	for source, want := range tests {
		t.Run(source, func(t *testing.T) {
			got, err := valueOf(t, source, ev, fixedLookup{contact: contact})
			switch {
			case want == fails{}:
				evalErr, ok := errors.AsType[*evalError](err)
				if !ok {
					t.Fatalf("got %#v and %v, want an error", got, err)
				}
				for _, secret := range []string{"pro", "12", "globex"} {
					if strings.Contains(evalErr.msg, secret) {
						t.Errorf("the error shows a value: %v", err)
					}
				}
			case err != nil:
				t.Fatal(err)
			case !sameValue(got, want):
				t.Errorf("got %#v, want %#v", got, want)
			}
		})
	}
}

// Whatever needs only plain values gives what the expr library itself gives.
func TestExpressions_agree_with_the_library(t *testing.T) {
	sources := []string{
		`1 + 2 * 3 - 4 / 2`, `(1 + 2) * 3 % 4`, `2 ** 10`, `-2 + +3`, `1 < 2 and 2 <= 2 and 3 > 2 and 3 >= 3`,
		`1 < 2 < 3`, `1 == 1.0`, `"a" == "a" and "a" != "b" and "a" < "b"`, `true or false and not true`, `not (1 == 2)`,
		`"abc" contains "b" and "abc" startsWith "a" and "abc" endsWith "c"`, `"abc" matches "^a.c$"`, `"abc" not contains "x"`,
		`[1, 2, 3][1]`, `[1, 2, 3][-1]`, `{a: 1, "b c": 2}["b c"]`, `{a: {b: 1}}.a.b`, `{a: 1}?.b?.c`,
		`[1, 2, 3, 4][1:3]`, `[1, 2, 3][:-1]`, `"hello"[1:3]`, `1 in [1, 2]`, `"a" in {a: 1}`, `3 not in [1]`,
		`true ? "yes" : "no"`, `nil ?? 5`, `if 1 > 2 { "a" } else { "b" }`, `let x = 5; x * x`,
		`all([1, 2], # > 0)`, `any([1, 2], # > 1)`, `none([1, 2], # > 2)`, `one([1, 2], # > 1)`,
		`filter(1..10, # % 2 == 0)`, `map(1..3, # * #)`, `map(["a", "b"], #index)`, `count(1..10, # > 3)`, `count([true, false, true])`,
		`find(1..5, # > 2)`, `findIndex(1..5, # > 2)`, `findLast(1..5, # < 4)`, `findLastIndex(1..5, # < 4)`, `find([1], # > 5)`,
		`sum([1, 2.5])`, `sum([{a: 1}, {a: 2}], .a)`, `reduce(1..5, #acc + #)`, `reduce(1..3, #acc * #, 10)`, `reduce([1, 2], #acc + #index, 0)`,
		`sortBy([{a: 2}, {a: 1}], .a)[0].a`, `map(sortBy([3, 1, 2], #, "desc"), #)`, `sort([3, 1, 2])`, `sort(["b", "a"], "desc")`,
		`map(filter([{a: 1, b: [1, 2]}, {a: 2, b: [3]}], any(.b, # > 2)), .a)`, `all([[1], [2]], any(#, # > 0))`,
		`len([1, 2])`, `len("abc")`, `len({a: 1})`, `first([1, 2])`, `last([1, 2])`, `take([1, 2, 3], 2)`, `reverse([1, 2])`,
		`concat([1], [2, 3])`, `flatten([1, [2, [3]]])`, `uniq([1, 2, 1])`, `join(["a", "b"], "-")`, `split("a-b", "-")`,
		`splitAfter("a-b", "-")`, `trim(" a ")`, `trim("xax", "x")`, `trimPrefix("abc", "a")`, `trimSuffix("abc", "c")`,
		`upper("a") + lower("B")`, `replace("aXa", "X", "b")`, `replace("aaa", "a", "b", 2)`, `indexOf("abc", "b")`, `lastIndexOf("abab", "b")`,
		`hasPrefix("abc", "ab")`, `hasSuffix("abc", "bc")`, `abs(-5)`, `ceil(1.1)`, `floor(1.9)`, `round(1.5)`, `int("5")`, `float("1.5")`,
		`max(1, 2)`, `min(3, 2)`, `mean([1, 2, 3])`, `median([1, 2, 3, 4])`,
		`"a" | upper()`, `[1, 2, 3] | filter(# > 1) | map(# * 2) | sum()`, `toJSON([1, "a"])`, `keys({a: 1})`, `get({a: 1}, "a")`,
	}
	ev := mustEvent(t, conversationCreated)
	for _, source := range sources {
		t.Run(source, func(t *testing.T) {
			want, err := expr.Eval(source, nil)
			if err != nil {
				t.Fatal(err)
			}
			got, err := valueOf(t, source, ev, nil)
			if err != nil {
				t.Fatal(err)
			}
			if want = listOfAny(want); !sameValue(got, want) {
				t.Errorf("got %#v, the library gives %#v", got, want)
			}
		})
	}
}

// An expression cannot keep an engine busy or fill its memory.
func TestExpressions_are_bounded(t *testing.T) {
	many := make([]any, 3000)
	for i := range many {
		many[i] = object{"n": i}
	}
	ev := edited(t, conversationCreated, func(_, item object) { item["many"] = many })
	for _, source := range []string{
		`all(1..100000, all(1..100000, # > 0))`,
		`let r = 1..90000; any(r, any(r, any(r, # < 0)))`,
		`any(item.many, any(item.many, .n == -1))`,
		`len(uniq(item.many)) > 0`,
		`reduce(1..60, #acc + #acc, "xxxxxxxxxx") == ""`,
		`len(reduce(1..60, concat(#acc, #acc), [1, 2]))`,
		`len(toJSON(reduce(1..60, [#acc, #acc], [1])))`,
		`reduce(1..60, [#acc, #acc], [1]) == reduce(1..60, [#acc, #acc], [1])`,
		`len(flatten(reduce(1..60, [#acc, #acc], [1])))`,
		`len(replace("` + strings.Repeat("a", 2000) + `", "a", "` + strings.Repeat("b", 2000) + `"))`,
		`len(join(map(1..100000, "` + strings.Repeat("b", 100) + `")))`,
		`1..1000000000`,
		`1..9223372036854775807`,
		`message.text matches ("a" + join(map(1..2000, "b")))`,
	} {
		t.Run(shorten(source), func(t *testing.T) {
			start := time.Now()
			v, err := valueOf(t, source, ev, nil)
			if _, ok := errors.AsType[*evalError](err); !ok {
				t.Errorf("got %v and %v, want an error", kindOf(v), err)
			}
			if d := time.Since(start); d > 5*time.Second {
				t.Errorf("it took %v", d)
			}
		})
	}
}

// Expressions that would cost too much to check are refused.
func TestExpressions_are_bounded_when_loaded(t *testing.T) {
	for name, source := range map[string]string{
		"long":                 `message.text == "` + strings.Repeat("x", maxExpression) + `"`,
		"many nodes":           strings.Repeat("conversation.open and ", 700) + "true",
		"deep parentheses":     strings.Repeat("(", 4000) + "true" + strings.Repeat(")", 4000) + " + 1",
		"deep negation":        strings.Repeat("not ", 2100) + "true",
		"nested overloads":     strings.Repeat("sort(", 40) + "[1]" + strings.Repeat(")", 40) + " == nil",
		"nested more":          strings.Repeat("join(split(", 30) + `"a"` + strings.Repeat(`,"b"))`, 30) + ` == ""`,
		"deep lists":           strings.Repeat("[", 3000) + strings.Repeat("]", 3000) + " == nil",
		"a huge regexp":        `message.text matches "(((a{1000}){1000}){1000})"`,
		"deeply nested regexp": `message.text matches "` + strings.Repeat("(", 2000) + strings.Repeat(")", 2000) + `"`,
	} {
		t.Run(name, func(t *testing.T) {
			p := testLoader(source)
			x := &expression{p: p, source: source, locate: func(from, to int) span { return span{1, from + 1, to + 1} }}
			start := time.Now()
			if _, ok := x.condition(); ok || len(p.problems) == 0 {
				t.Error("it was taken")
			}
			if d := time.Since(start); d > 3*time.Second {
				t.Errorf("it took %v", d)
			}
		})
	}
}

// What rules may not use is refused, whatever the library offers.
func TestExpressions_without_clock_machine_or_methods(t *testing.T) {
	for _, source := range []string{
		`now().Hour() > 5`, `now().Local() == now()`, `timezone("Local") == nil`, `repeat("a", 5) == "a"`,
		`bitand(1, 2) == 1`, `groupBy([1], #) == nil`, `fromJSON("1") == 1`, `$env == nil`, `$env.message.text == ""`,
		`now == nil`, `domain == nil`, `b"x" == nil`, `{(1): 2} == nil and toPairs({}) == nil`, `contact.Foo() == 1`,
		`env == nil`, `len == 1`, `functions == nil`, `message.text.x.y == 1`,
	} {
		t.Run(source, func(t *testing.T) {
			p := testLoader(source)
			x := &expression{p: p, source: source, locate: func(from, to int) span { return span{1, from + 1, to + 1} }}
			if _, ok := x.condition(); ok || len(p.problems) == 0 {
				t.Error("it was taken")
			}
		})
	}
}
