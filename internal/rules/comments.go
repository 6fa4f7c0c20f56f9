package rules

import (
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// comment is a comment of a rules file, from its # to the end of the line.
type comment struct {
	line, column int
	text         string
	alone        bool // nothing else is on the line
}

// text is the lines of a quoted text, or of one below | or > with the line that begins it.
type text struct{ first, last int }

// comments finds the comments of a file, and the texts over several lines, in the order of the file.
// yaml.v3 hands comments out with its nodes, but it does not say where they stand, and it loses
// some. So they are looked for in the file: a # is a comment behind white space, unless it stands
// in quotes or below | or >, and where those are is known from the nodes. Where the two do not agree
// nothing is returned: then there is a tag or an anchor, which rules do not have.
func (f *sourceFile) comments(root *yaml.Node) (list []comment, texts []text) {
	skip, texts, ok := f.delimited(root)
	if !ok {
		return nil, nil
	}
	for at := (point{1, 1}); at.line <= len(f.lines); {
		line := f.line(at.line)
		switch end, inside := skip[at]; {
		case inside:
			at = end
		case at.column > len(line):
			at = point{at.line + 1, 1}
		case line[at.column-1] == '#' && (at.column == 1 || isBlank(line[at.column-2])):
			list = append(list, comment{at.line, at.column, string(line[at.column-1:]), isEmptyLine(line[:at.column-1])})
			at = point{at.line + 1, 1}
		default:
			at.column++
		}
	}
	return list, texts
}

// delimited finds the scalars in which a # is no comment: for each place where one begins, the place
// behind it. A plain one needs no care: it ends before a # behind white space.
func (f *sourceFile) delimited(root *yaml.Node) (skip map[point]point, texts []text, ok bool) {
	skip = map[point]point{}
	var visit func(n *yaml.Node) bool
	visit = func(n *yaml.Node) bool {
		at, ok := point{n.Line, n.Column}, true
		switch {
		case n.Kind != yaml.ScalarNode:
			return !slices.ContainsFunc(n.Content, func(child *yaml.Node) bool { return !visit(child) })
		case n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
			var last int
			last, ok = f.lastOfBlock(n)
			if last > n.Line {
				skip[point{n.Line + 1, 1}] = point{last + 1, 1}
				texts = append(texts, text{n.Line, last})
			}
		case n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0:
			skip[at], ok = f.closing(at)
			if last := skip[at].line; last > n.Line {
				texts = append(texts, text{n.Line, last})
			}
		}
		return ok
	}
	ok = visit(root)
	return skip, texts, ok
}

// closing is the place behind the quote that closes the one at a place.
func (f *sourceFile) closing(at point) (end point, ok bool) {
	if line := f.line(at.line); at.column < 1 || at.column > len(line) {
		return at, false
	}
	quote := f.line(at.line)[at.column-1]
	if quote != '"' && quote != '\'' {
		return at, false
	}
	for at.column++; at.line <= len(f.lines); at = (point{at.line + 1, 1}) {
		line := f.line(at.line)
		for ; at.column <= len(line); at.column++ {
			switch c := line[at.column-1]; {
			case c == '\\' && quote == '"':
				at.column++
			case c != quote:
			case quote == '\'' && at.column < len(line) && line[at.column] == quote: // written twice
				at.column++
			default:
				return point{at.line, at.column + 1}, true
			}
		}
	}
	return at, false
}

// lastOfBlock is the last line of a text below | or >, which goes as far as lines are indented as the
// first that holds something. How far that is also depends on the value, which can begin with spaces
// of its own.
func (f *sourceFile) lastOfBlock(n *yaml.Node) (last int, ok bool) {
	if from := f.from(n); from == "" || !strings.ContainsRune("|>", rune(from[0])) {
		return 0, false
	}
	value, found := firstFilled(strings.Split(n.Value, "\n"))
	if !found {
		return n.Line, true // empty
	}
	for last = n.Line + 1; last <= len(f.lines) && isEmptyLine(f.line(last)); {
		last++
	}
	indent := leadingSpaces(string(f.line(last))) - leadingSpaces(value)
	if last > len(f.lines) || indent < 0 {
		return 0, false
	}
	for last < len(f.lines) {
		if next := f.line(last + 1); !isEmptyLine(next) && leadingSpaces(string(next)) < indent {
			break
		}
		last++
	}
	return last, true
}

func firstFilled(lines []string) (line string, found bool) {
	i := slices.IndexFunc(lines, func(line string) bool { return !isEmptyLine([]rune(line)) })
	if i < 0 {
		return "", false
	}
	return lines[i], true
}

func leadingSpaces(line string) int { return len(line) - len(strings.TrimLeft(line, " ")) }

func isBlank(r rune) bool { return r == ' ' || r == '\t' }

func isEmptyLine(line []rune) bool {
	return !slices.ContainsFunc(line, func(r rune) bool { return !isBlank(r) })
}
