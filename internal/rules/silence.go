package rules

import (
	"cmp"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"switchboard/internal/diag"
	"switchboard/internal/diag/codes"
)

// silence is one code of a comment that silences warnings: # switchboard:ignore CODE: why.
type silence struct {
	at     diag.Problem // without what a problem says: where the code stands
	code   diag.Code
	reason string
	// first and last are the lines that it is for. whole is set when it is for problems with the
	// file as a whole, too.
	first, last int
	whole       bool
	used        bool
}

var (
	ignoreComment = regexp.MustCompile(`^#+[ \t]*switchboard:ignore(?:[ \t,:]|$)`)
	// nearIgnore is what can be meant as one.
	nearIgnore = regexp.MustCompile(`(?i)^#+[ \t]*switchboard[ \t]*:([ \t]*)([a-z][a-z-]*)`)
	codeLike   = regexp.MustCompile(`[a-z]+/[a-z0-9-]+`)
)

const ignoreHint = "write # switchboard:ignore CODE: why"

// readSilences reads the comments of a file that silence warnings.
func (p *loader) readSilences(root *yaml.Node) {
	if !strings.Contains(strings.ToLower(p.file.text), "switchboard") {
		return
	}
	comments, texts := p.file.comments(root)
	scope := p.file.scope(root, comments, texts)
	for _, c := range comments {
		for _, s := range p.readSilence(c) {
			s.first, s.last = scope(c)
			s.whole = c.alone && c.line < root.Line
			p.silences = append(p.silences, s)
		}
	}
}

// readSilence reads one comment, and reports what is wrong with it.
func (p *loader) readSilence(c comment) []*silence {
	marker := ignoreComment.FindString(c.text)
	if marker == "" {
		p.nearlyIgnores(c)
		return nil
	}
	marker = strings.TrimRight(marker, " \t,:")
	names, reason, colon := strings.Cut(c.text[len(marker):], ":")
	reason = strings.TrimSpace(reason)
	whole := p.within(c, 0, len(strings.TrimRight(c.text, " \t")))
	if strings.TrimSpace(names) == "" {
		p.warn(whole, codes.Ignore, ignoreHint+"; the code of a warning stands in ( ) behind it", "this comment names no code")
		return nil
	}
	var list []*silence
	first := ""
	offset := len(marker)
	for part := range strings.SplitSeq(names, ",") {
		words := strings.Fields(part)
		start := offset + len(part) - len(strings.TrimLeft(part, " \t"))
		offset += len(part) + 1
		switch {
		case len(words) == 0:
			continue
		case len(words) > 1 && colon:
			p.warn(p.within(c, start, start+len(strings.TrimSpace(part))), codes.Ignore, ignoreHint, "codes are separated by commas, and a colon stands before the reason")
			return nil
		}
		first = cmp.Or(first, words[0])
		at := p.within(c, start, start+len(words[0]))
		if code, ok := p.silenceable(at, words[0]); ok {
			list = append(list, &silence{at: p.problemAt(at), code: code, reason: reason})
		}
	}
	if reason == "" {
		p.warn(whole, codes.Ignore, "write # switchboard:ignore "+cmp.Or(first, "CODE")+": why", "this comment gives no reason, so it silences nothing")
		return nil
	}
	return list
}

// silenceable looks a code up, and reports those that cannot be silenced.
func (p *loader) silenceable(at span, name string) (diag.Code, bool) {
	code, known := codes.Lookup(name)
	switch {
	case !known:
		hint := `"switchboard docs codes" lists them`
		if nearest, ok := codes.Nearest(name); ok {
			hint = fmt.Sprintf("did you mean %q?", nearest)
		}
		p.warn(at, codes.Ignore, hint, "there is no code %q", shorten(name))
	case code.Name == codes.Ignore, code.Name == codes.UnusedIgnore:
		p.warn(at, codes.Ignore, "correct or delete the comment that it is about", "%s cannot be silenced", name)
	case code.Severity == diag.Error && !code.Varies:
		p.warn(at, codes.Ignore, "delete it here, and mend what it is about", "%s is an error, and errors cannot be silenced", name)
	default:
		return code, true
	}
	return diag.Code{}, false
}

// nearlyIgnores reports a comment that looks like one that silences: with another word for it, or the
// code of a problem.
func (p *loader) nearlyIgnores(c comment) {
	m := nearIgnore.FindStringSubmatchIndex(c.text)
	if m == nil {
		return
	}
	space, word := c.text[m[2]:m[3]], strings.ToLower(c.text[m[4]:m[5]])
	_, similar := diag.Closest(word, []string{"ignore"})
	meant := space == "" && (similar || word == "ignore")
	for _, name := range codeLike.FindAllString(c.text, -1) {
		_, known := codes.Lookup(name)
		meant = meant || known
	}
	if meant {
		p.warn(p.within(c, 0, m[5]), codes.Ignore, ignoreHint, "this comment silences nothing")
	}
}

func (p *loader) warn(at span, code, hint, format string, args ...any) {
	p.reportAt(at, diag.Warning, code, hint, format, args...)
}

// within is the place of the bytes from to to of a comment.
func (p *loader) within(c comment, from, to int) span {
	column := func(i int) int { return c.column + len([]rune(c.text[:i])) }
	return span{c.line, column(from), column(to)}
}

// scope tells which lines a comment is for. At the end of a line it is for that line, and for a text
// over several lines that begins or ends there. Alone on a line it is for what begins on the next
// line that holds something, as a whole; without anything below, for no line.
func (f *sourceFile) scope(root *yaml.Node, comments []comment, texts []text) func(c comment) (first, last int) {
	skipped, over, ends := map[int]bool{}, map[int]text{}, map[int]int{}
	for _, c := range comments {
		// A dash alone has what it begins on a line below.
		skipped[c.line] = onlyDashes(f.line(c.line)[:c.column-1])
	}
	for _, t := range texts {
		over[t.first], over[t.last] = t, t
	}
	f.ends(root, len(f.lines), ends)
	return func(c comment) (first, last int) {
		if !c.alone {
			if t, is := over[c.line]; is {
				return t.first, t.last
			}
			return c.line, c.line
		}
		first = c.line + 1
		for skipped[first] || first <= len(f.lines) && onlyDashes(f.line(first)) {
			first++
		}
		if first > len(f.lines) {
			return 0, -1
		}
		return first, max(first, ends[first])
	}
}

// ends finds for each line the last line of the entries that begin on it: of keys with their values,
// and of list items. A node does not know where it ends, but that is before the next one begins; end
// is where n ends at the latest.
func (f *sourceFile) ends(n *yaml.Node, end int, ends map[int]int) {
	step := 1
	if n.Kind == yaml.MappingNode {
		step = 2
	}
	for i := 0; i < len(n.Content); i += step {
		from, to := n.Content[i].Line, end
		if i+step < len(n.Content) {
			next := n.Content[i+step]
			to = next.Line
			if line := f.line(to); to > from && onlyDashes(line[:min(next.Column-1, len(line))]) {
				to--
			}
		}
		ends[from] = max(ends[from], to)
		for _, child := range n.Content[i : i+step] {
			f.ends(child, to, ends)
		}
	}
}

// onlyDashes tells whether nothing is there that has a value: the dashes of list items, --- and ?.
func onlyDashes(line []rune) bool {
	return !slices.ContainsFunc(line, func(r rune) bool { return !isBlank(r) && r != '-' && r != '?' })
}

// silencing returns what silences a problem: of several, the one for the fewest lines.
func silencing(silences []*silence, p diag.Problem) *silence {
	var nearest *silence
	least := math.MaxInt
	for _, s := range silences {
		if p.Severity != diag.Warning || s.code.Name != p.Code || s.at.File != p.File || !s.covers(p.Line) {
			continue
		}
		if lines := s.last - s.first; lines < least {
			nearest, least = s, lines
		}
	}
	return nearest
}

func (s *silence) covers(line int) bool {
	if line == 0 {
		return s.whole
	}
	return s.first <= line && line <= s.last
}

// unused is the problem of a silence that silences nothing. left are the problems that are not
// silenced: perhaps it was meant for the nearest of its kind.
func (s *silence) unused(left []diag.Problem) diag.Problem {
	p := s.at
	p.Severity, p.Code, p.Hint = diag.Warning, codes.UnusedIgnore, "delete it"
	p.Message = fmt.Sprintf("there is no %s here to silence", s.code.Name)
	nearest := math.MaxInt
	for _, other := range left {
		away := max(other.Line-p.Line, p.Line-other.Line)
		if other.File != p.File || other.Code != s.code.Name || other.Line == 0 || away >= nearest {
			continue
		}
		nearest = away
		p.Hint = fmt.Sprintf("there is one in line %d: put the comment at its end, or alone on the line above", other.Line)
	}
	return p
}
