package rules

import (
	"regexp"
	"regexp/syntax"
	"strings"
	"unicode"
	"unicode/utf8"
)

// matcher decides `text matches "pattern"` exactly as regexp does, but asks regexp only when
// it must. Most patterns of rules are words, or need certain words to match at all; finding
// words is many times faster than running an expression. The words of a pattern that
// ignores case are compared in folded case (see fold).
type matcher struct {
	re *regexp.Regexp
	// words: the text must hold at least one of them; empty means that nothing is known.
	words []string
	// folded tells that words are in folded case.
	folded bool
	// exact tells that holding one of the words is also enough.
	exact bool
}

// newMatcher compiles a pattern.
func newMatcher(pattern string) (*matcher, error) {
	re, err := regexp.Compile(pattern)
	if err != nil {
		return nil, err
	}
	m := &matcher{re: re}
	tree, err := syntax.Parse(pattern, syntax.Perl) // as regexp.Compile does
	if err != nil {
		return nil, err
	}
	m.folded = ignoresCase(tree)
	w := wordReader{folded: m.folded}
	switch set := w.read(tree); {
	case useful(set.words):
		m.words, m.exact = set.words, set.exact
	default:
		if words := w.required(tree); useful(words) {
			m.words = words
		}
	}
	return m, nil
}

// useful: an empty word is in every text.
func useful(words []string) bool {
	for _, w := range words {
		if w == "" {
			return false
		}
	}
	return len(words) > 0
}

// match tells whether the text matches.
func (m *matcher) match(text string) bool {
	if len(m.words) == 0 || m.folded { // folding a text for one search costs more than it saves
		return m.re.MatchString(text)
	}
	return m.matchIn(text, text)
}

// matchSlot is match for a text leaf, whose folded form the evaluation keeps.
func (m *matcher) matchSlot(e *evaluation, slot int, text string) bool {
	if len(m.words) == 0 {
		return m.re.MatchString(text)
	}
	searched := text
	if m.folded {
		searched, _ = e.foldedText(slot)
	}
	return m.matchIn(text, searched)
}

// matchIn is match with the form of the text that the words are looked for in.
func (m *matcher) matchIn(text, searched string) bool {
	for _, w := range m.words {
		if strings.Contains(searched, w) {
			return m.exact || m.re.MatchString(text)
		}
	}
	return false
}

func ignoresCase(re *syntax.Regexp) bool {
	if re.Op == syntax.OpLiteral && re.Flags&syntax.FoldCase != 0 {
		return true
	}
	for _, sub := range re.Sub {
		if ignoresCase(sub) {
			return true
		}
	}
	return false
}

const (
	maxWords   = 64  // of one pattern; more are no faster than the expression
	maxWord    = 256 // bytes
	maxLetters = 16  // of a character class that is spelled out
)

// wordSet are the texts that an expression can match, in folded case if the reader folds.
// exact tells that every text that folds to one of them is matched too.
type wordSet struct {
	words []string
	exact bool
}

// wordReader reads words from the syntax of an expression.
type wordReader struct{ folded bool }

// read returns all that re can match, and no words when that is not a small set of texts.
func (w wordReader) read(re *syntax.Regexp) wordSet {
	switch re.Op {
	case syntax.OpEmptyMatch:
		return wordSet{[]string{""}, true}
	case syntax.OpLiteral:
		return w.literal(re)
	case syntax.OpCharClass:
		return w.class(re)
	case syntax.OpCapture:
		return w.read(re.Sub[0])
	case syntax.OpConcat:
		return w.concat(re.Sub)
	case syntax.OpAlternate:
		return w.alternate(re.Sub)
	case syntax.OpQuest:
		set := w.read(re.Sub[0])
		if len(set.words) == 0 {
			return wordSet{}
		}
		return wordSet{append(set.words, ""), set.exact}
	case syntax.OpBeginLine, syntax.OpEndLine, syntax.OpBeginText, syntax.OpEndText,
		syntax.OpWordBoundary, syntax.OpNoWordBoundary:
		return wordSet{[]string{""}, false} // matches nothing, and not everywhere
	}
	return wordSet{}
}

func (w wordReader) literal(re *syntax.Regexp) wordSet {
	exact := true
	var b strings.Builder
	for _, r := range re.Rune {
		if r == utf8.RuneError { // regexp takes invalid bytes for it; a search does not
			return wordSet{}
		}
		if !w.folded {
			b.WriteRune(r)
			continue
		}
		if re.Flags&syntax.FoldCase == 0 && hasCase(r) {
			exact = false // here case matters, in the folded text it is lost
		}
		b.WriteRune(foldRune(r))
	}
	if b.Len() > maxWord {
		return wordSet{}
	}
	return wordSet{[]string{b.String()}, exact}
}

// class spells out a small character class.
func (w wordReader) class(re *syntax.Regexp) wordSet {
	size := 0
	for i := 0; i+1 < len(re.Rune); i += 2 {
		size += int(re.Rune[i+1]-re.Rune[i]) + 1
		if size > maxLetters {
			return wordSet{}
		}
	}
	exact := true
	seen := map[rune]bool{}
	var words []string
	for i := 0; i+1 < len(re.Rune); i += 2 {
		for r := re.Rune[i]; r <= re.Rune[i+1]; r++ {
			if r == utf8.RuneError || !utf8.ValidRune(r) {
				return wordSet{}
			}
			c := r
			if w.folded {
				exact = exact && holdsAllCases(re, r)
				c = foldRune(r)
			}
			if !seen[c] {
				seen[c] = true
				words = append(words, string(c))
			}
		}
	}
	return wordSet{words, exact}
}

// holdsAllCases tells whether a class holds every character that differs from r in case only.
func holdsAllCases(class *syntax.Regexp, r rune) bool {
	for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
		found := false
		for i := 0; i+1 < len(class.Rune); i += 2 {
			found = found || class.Rune[i] <= f && f <= class.Rune[i+1]
		}
		if !found {
			return false
		}
	}
	return true
}

func (w wordReader) concat(subs []*syntax.Regexp) wordSet {
	set := wordSet{[]string{""}, true}
	for _, sub := range subs {
		next := w.read(sub)
		if len(next.words) == 0 || len(set.words)*len(next.words) > maxWords {
			return wordSet{}
		}
		set = set.followedBy(next)
		if len(set.words) == 0 {
			return wordSet{}
		}
	}
	return set
}

func (s wordSet) followedBy(next wordSet) wordSet {
	out := wordSet{exact: s.exact && next.exact}
	for _, a := range s.words {
		for _, b := range next.words {
			if len(a)+len(b) > maxWord {
				return wordSet{}
			}
			out.words = append(out.words, a+b)
		}
	}
	return out
}

func (w wordReader) alternate(subs []*syntax.Regexp) wordSet {
	out := wordSet{exact: true}
	for _, sub := range subs {
		set := w.read(sub)
		if len(set.words) == 0 || len(out.words)+len(set.words) > maxWords {
			return wordSet{}
		}
		out.words = append(out.words, set.words...)
		out.exact = out.exact && set.exact
	}
	return out
}

// required returns words of which every text that re matches holds at least one; none when
// nothing is known.
func (w wordReader) required(re *syntax.Regexp) []string {
	if set := w.read(re); useful(set.words) {
		return set.words
	}
	switch re.Op {
	case syntax.OpCapture, syntax.OpPlus:
		return w.required(re.Sub[0])
	case syntax.OpRepeat:
		if re.Min > 0 {
			return w.required(re.Sub[0])
		}
	case syntax.OpAlternate:
		var all []string
		for _, sub := range re.Sub {
			words := w.required(sub)
			if !useful(words) || len(all)+len(words) > maxWords {
				return nil
			}
			all = append(all, words...)
		}
		return all
	case syntax.OpConcat:
		return w.requiredOfConcat(re.Sub)
	}
	return nil
}

// requiredOfConcat chooses, of neighbours that can be spelled out together and of single
// parts, the words that say most: the longest.
func (w wordReader) requiredOfConcat(subs []*syntax.Regexp) []string {
	var best []string
	consider := func(words []string) {
		if useful(words) && shortest(words) > shortest(best) {
			best = words
		}
	}
	for i := range subs {
		consider(w.required(subs[i]))
		run := wordSet{[]string{""}, true}
		for _, sub := range subs[i:] {
			next := w.read(sub)
			if len(next.words) == 0 || len(run.words)*len(next.words) > maxWords {
				break
			}
			if run = run.followedBy(next); len(run.words) == 0 {
				break
			}
			consider(run.words)
		}
	}
	return best
}

func shortest(words []string) int {
	if len(words) == 0 {
		return 0
	}
	n := len(words[0])
	for _, word := range words[1:] {
		n = min(n, len(word))
	}
	return n
}
