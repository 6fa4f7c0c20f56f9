package rules

import (
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// patterns as rules have them, and some that ask for trouble.
var patterns = []string{
	`refund`, `(?i)refund|chargeback`, `(?i)charged twice|money back|refund`, `(?i)k`, `(?i)s`, `k`, `[ks]`, `(?i)[ks]x`,
	`(?i)straße`, `(?i)STRASSE`, `(?i)ǅ`, `(?i)θ`, `Ω`, `(?i)ω`, `ſ`, `(?i)ſ`, `K`, `(?i)İ`, `(?i)i`,
	`\bvip\b`, `(?i)\b(cancel|close)\b.*\baccount\b`, `^hello`, `(?i)^\W*(thanks|thank you)\b`, `please$`, `(?m)^no$`,
	`invoice [0-9]+`, `order #?[0-9]{4,}`, `(?i)(does not|won't) (work|load)`, `colou?r`, `(?i)colou?r`, `a*`, `a+`, `(?i)a+b`,
	`(?i)abc(?-i)DEF`, `(?i:abc)DEF`, `abc(?i)def`, `x|`, `()`, `(?i)(a|b)(c|d)(e|f)`, `[a-c]x`, `[^a]x`, `.`, `(?s).`, `a.c`,
	`(?i)é|è`, `\x{FFFD}`, `[\x{FFFD}a]`, `(?i)\x{FFFD}k`, `\pL`, `(?i)[[:alpha:]]z`, `a{2,3}`, `(?:ab){2}`, `(?i)(?:kk){2}s`,
	`^$`, `(?i)grüße`, `\bfoo\b|\bbar\b`, `(foo|bar)baz|qux`, `(?i)(foo|bar)?baz`, `\.`, `\Qa.b\E`, `(?i)ﬃ`, `(?i)µ`,
}

var sampleTexts = []string{
	"", "refund", "REFUND", "ReFunD please", "I was Charged Twice", "K", "k", "\u212a", "\u017f", "S", "s", "\u212ax", "ſx",
	"straße", "STRASSE", "STRAßE", "ǅ", "ǆ", "Ǆ", "θ", "ϑ", "Θ", "ϴ", "Ω", "ω", "\u2126", "İ", "ı", "I", "i",
	"VIP", "vip", "vipx", "a vip b", "cancel my account", "Close the ACCOUNT", "hello", " hello", "thanks!", "yes\nno\nmaybe",
	"invoice 17", "order #12345", "It won't load", "colour", "COLOR", "aaa", "aab", "abcDEF", "ABCDEF", "abcdef", "ABCdef",
	"\xff", "a\xffc", "\ufffd", "k\xff", "\xffk", "é", "É", "E\u0301", "acE", "BDF", "ax", "bx", "éx", "µ", "μ", "Μ", "ﬃ",
	"foo", "barbaz", "Baz", "a.b", "grüße", "GRÜSSE", "GRÜßE", "abab", "KK\u212akſ", "日本語",
}

// The matcher gives what regexp gives, for every pattern and text.
func TestMatcher(t *testing.T) {
	for _, pattern := range patterns {
		for _, text := range sampleTexts {
			sameMatch(t, pattern, text)
		}
	}
}

// And for patterns and texts put together at random.
func TestMatcher_at_random(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	pieces := []string{"(?i)", "a", "K", "s", "ſ", "\u212a", "(", ")", "|", "?", "[ab]", "[^k]", "[k-s]", ".", "*", "+", "b", "{2}", "\\b", "^", "$", "(?:", "ß", "é", " "}
	chars := []rune("aAbBkK\u212asSſßé .xEÉ")
	compiled := 0
	for range 8_000 {
		var b strings.Builder
		for range 1 + r.IntN(8) {
			b.WriteString(pieces[r.IntN(len(pieces))])
		}
		if _, err := regexp.Compile(b.String()); err != nil {
			continue
		}
		compiled++
		for range 4 {
			text := make([]rune, r.IntN(8))
			for i := range text {
				text[i] = chars[r.IntN(len(chars))]
			}
			sameMatch(t, b.String(), string(text))
		}
	}
	if compiled < 2_000 {
		t.Errorf("only %d patterns were patterns", compiled)
	}
}

func FuzzMatcher(f *testing.F) {
	for i, pattern := range patterns {
		f.Add(pattern, sampleTexts[i%len(sampleTexts)])
	}
	f.Fuzz(func(t *testing.T, pattern, text string) {
		if len(pattern) > 200 || len(text) > 1000 {
			t.Skip()
		}
		sameMatch(t, pattern, text)
	})
}

func sameMatch(t *testing.T, pattern, text string) {
	t.Helper()
	m, err := newMatcher(pattern)
	re, reErr := regexp.Compile(pattern)
	if (err == nil) != (reErr == nil) {
		t.Fatalf("%q: %v, regexp says %v", pattern, err, reErr)
	}
	if err != nil {
		return
	}
	want := re.MatchString(text)
	if got := m.match(text); got != want {
		t.Errorf("match(%q, %q) = %v, regexp says %v (%+v)", pattern, text, got, want, m)
	}
	if text == "" { // an empty text is nil in rules
		return
	}
	e := &evaluation{slots: []any{text}, known: []bool{true}, folded: []string{""}}
	if got := m.matchSlot(e, 0, text); got != want {
		t.Errorf("matchSlot(%q, %q) = %v, regexp says %v (%+v)", pattern, text, got, want, m)
	}
}

// Typical patterns are decided without running a regular expression.
func TestMatcher_words(t *testing.T) {
	for pattern, want := range map[string]string{
		`(?i)Refund|chargeback`:               "exact refund chargeback",
		`refund`:                              "exact refund",
		`(?i)(does not|won't) (work|load)`:    "exact does not work does not load won't work won't load",
		`\bvip\b`:                             "vip",
		`(?i)\b(cancel|close)\b.*\baccount\b`: "account",
		`invoice [0-9]+ of`:                   "invoice ",
		`(?i)^(thanks|thank you)\b`:           "thanks thank you",
		`colou?r`:                             "exact colour color",
		`(?i)abc(?-i)D`:                       "abcd",
		`[0-9]+`:                              "0 1 2 3 4 5 6 7 8 9",
		`a*`:                                  "",
		`.*`:                                  "",
		`\x{FFFD}`:                            "",
	} {
		m, err := newMatcher(pattern)
		if err != nil {
			t.Fatal(err)
		}
		got := strings.Join(m.words, " ")
		if m.exact {
			got = "exact " + got
		}
		if got != want {
			t.Errorf("%s: %q, want %q", pattern, got, want)
		}
	}
}

// fold puts together exactly the characters that (?i) puts together.
func TestFold(t *testing.T) {
	groups := map[rune][]rune{}
	for r := rune(0); r <= unicode.MaxRune; r++ {
		switch {
		case !utf8.ValidRune(r):
		case unicode.SimpleFold(r) != r:
			groups[foldRune(r)] = append(groups[foldRune(r)], r)
		case foldRune(r) != r || hasCase(r):
			t.Errorf("%U has no case and folds to %U", r, foldRune(r))
		}
	}
	for folded, group := range groups {
		re := regexp.MustCompile(`^(?i)` + regexp.QuoteMeta(string(folded)) + `$`)
		for _, r := range group {
			if !re.MatchString(string(r)) {
				t.Errorf("%U folds to %U, regexp tells them apart", r, folded)
			}
		}
		for f := unicode.SimpleFold(folded); f != folded; f = unicode.SimpleFold(f) {
			if foldRune(f) != folded {
				t.Errorf("%U does not fold to %U", f, folded)
			}
		}
	}
	if got := fold("Straße K\u212a\xff"); got != "straße kk\ufffd" {
		t.Errorf("%q", got)
	}
}
