package rules

import (
	"strings"

	"gopkg.in/yaml.v3"
)

// sourceFile is a rules file while it is loaded.
type sourceFile struct {
	name  string
	text  string
	lines [][]rune
	// names are those of the workspace in the file's expressions.
	names []NameUse
}

func newSourceFile(name, text string) *sourceFile {
	f := &sourceFile{name: name, text: text}
	for line := range strings.SplitSeq(text, "\n") {
		f.lines = append(f.lines, []rune(strings.TrimSuffix(line, "\r")))
	}
	return f
}

// line returns a line, counted from 1.
func (f *sourceFile) line(n int) []rune {
	if n < 1 || n > len(f.lines) {
		return nil
	}
	return f.lines[n-1]
}

// from is the rest of the line at a node.
func (f *sourceFile) from(n *yaml.Node) string {
	line := f.line(n.Line)
	return string(line[min(n.Column-1, len(line)):])
}

// nodeSpan is the place of a node as a whole: a scalar up to its end on its first line.
func (f *sourceFile) nodeSpan(n *yaml.Node) span {
	s := span{line: n.Line, column: n.Column}
	line := f.line(n.Line)
	switch {
	case n.Kind == yaml.AliasNode:
		s.endColumn = n.Column + 1 + len([]rune(n.Value))
	case n.Kind != yaml.ScalarNode:
		s.endColumn = n.Column + 1
	case n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		s.endColumn = n.Column + 1
	default:
		places := f.places(n)
		s.endColumn = n.Column + 1
		if len(places) > 0 {
			end := places[len(places)-1]
			if end.line == n.Line {
				s.endColumn = end.column
			} else {
				s.endColumn = len(line) + 1
			}
			if n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0 && end.line == n.Line {
				s.endColumn++
			}
		}
	}
	s.endColumn = max(s.endColumn, s.column+1)
	return s
}

// point is the place of one character.
type point struct{ line, column int }

// locator gives the place of characters of a scalar's value.
func (f *sourceFile) locator(n *yaml.Node) func(from, to int) span {
	var places []point
	read := false
	return func(from, to int) span {
		if !read {
			places, read = f.places(n), true
		}
		if from < 0 || from >= len(places) {
			from = len(places) - 2 // the last character; the entry behind it is the end
		}
		if len(places) < 2 {
			return f.nodeSpan(n)
		}
		from = max(from, 0)
		start := places[from]
		s := span{line: start.line, column: start.column, endColumn: start.column + 1}
		for i := from; i < to && i < len(places)-1 && places[i].line == start.line; i++ {
			s.endColumn = places[i].column + 1
		}
		return s
	}
}

// places returns the place of every character of a scalar's value, and of its end. It reads
// the source again beside the value, in the scalar's style, and gives up (nil) when the two
// do not agree.
func (f *sourceFile) places(n *yaml.Node) []point {
	w := &walker{file: f, value: []rune(n.Value), at: point{n.Line, n.Column}}
	var ok bool
	switch {
	case n.Style&yaml.LiteralStyle != 0:
		ok = w.literal()
	case n.Style&yaml.FoldedStyle != 0:
		ok = w.folded()
	case n.Style&yaml.DoubleQuotedStyle != 0:
		w.at.column++
		ok = w.flow(w.doubleQuoted)
	case n.Style&yaml.SingleQuotedStyle != 0:
		w.at.column++
		ok = w.flow(w.singleQuoted)
	default:
		ok = w.flow(w.plain)
	}
	if !ok || len(w.places) != len(w.value) {
		return nil
	}
	return append(w.places, w.at)
}

// walker reads source and value side by side.
type walker struct {
	file   *sourceFile
	value  []rune
	places []point // of the characters of value read so far
	at     point   // in the source
}

func (w *walker) done() bool { return len(w.places) == len(w.value) }

func (w *walker) want() rune { return w.value[len(w.places)] }

// char is the character in the source; 0 at the end of a line.
func (w *walker) char() rune {
	line := w.file.line(w.at.line)
	if w.at.column > len(line) {
		return 0
	}
	return line[w.at.column-1]
}

// take says that the next character of the value stands here and takes n of the source.
func (w *walker) take(n int) {
	w.places = append(w.places, w.at)
	w.at.column += n
}

// flow reads plain and quoted scalars, whose lines are folded. char reads one character of
// the value that is not folded.
func (w *walker) flow(char func() bool) bool {
	for !w.done() {
		if w.blankToEnd() {
			if w.char() != 0 && w.want() != '\n' && w.want() != ' ' {
				return false
			}
			if !w.fold() {
				return false
			}
			continue
		}
		if !char() {
			return false
		}
	}
	return true
}

// blankToEnd tells whether nothing but white space is left on the line.
func (w *walker) blankToEnd() bool {
	line := w.file.line(w.at.line)
	for i := w.at.column - 1; i < len(line); i++ {
		if line[i] != ' ' && line[i] != '\t' {
			return false
		}
	}
	return true
}

// fold reads line ends: one is a space, n+1 are n line ends.
func (w *walker) fold() bool {
	start := w.at
	ends := 0
	for w.blankToEnd() {
		if w.at.line >= len(w.file.lines) {
			return false
		}
		w.at = point{w.at.line + 1, 1}
		ends++
	}
	for w.char() == ' ' || w.char() == '\t' {
		w.at.column++
	}
	want, count := ' ', 1
	if ends > 1 {
		want, count = '\n', ends-1
	}
	for range count {
		if w.done() || w.want() != want {
			return false
		}
		w.places = append(w.places, start)
	}
	return true
}

func (w *walker) plain() bool {
	if w.char() != w.want() {
		return false
	}
	w.take(1)
	return true
}

func (w *walker) singleQuoted() bool {
	if w.char() != w.want() {
		return false
	}
	if w.char() == '\'' { // written twice
		w.take(2)
		return true
	}
	w.take(1)
	return true
}

// escapes are the escapes of double-quoted scalars that stand for one character.
var escapes = map[rune]rune{
	'0': 0, 'a': '\a', 'b': '\b', 't': '\t', '\t': '\t', 'n': '\n', 'v': '\v', 'f': '\f',
	'r': '\r', 'e': '\x1b', ' ': ' ', '"': '"', '/': '/', '\\': '\\', 'N': '\u0085',
	'_': '\u00a0', 'L': '\u2028', 'P': '\u2029',
}

func (w *walker) doubleQuoted() bool {
	if w.char() != '\\' {
		return w.plain()
	}
	line := w.file.line(w.at.line)
	if w.at.column >= len(line) { // an escaped line end: the lines are joined
		w.at = point{w.at.line + 1, 1}
		for w.char() == ' ' || w.char() == '\t' {
			w.at.column++
		}
		return true
	}
	switch c := line[w.at.column]; c {
	case 'x':
		w.take(4)
	case 'u':
		w.take(6)
	case 'U':
		w.take(10)
	default:
		if r, ok := escapes[c]; !ok || r != w.want() {
			return false
		}
		w.take(2)
	}
	return true
}

// literal reads a | block: its lines are those of the value, behind the indentation.
func (w *walker) literal() bool {
	line := w.at.line + 1
	for part := range strings.SplitSeq(string(w.value), "\n") {
		content := []rune(part)
		source := w.file.line(line)
		indent := len(source) - len(content)
		if len(content) > 0 && (indent < 0 || string(source[indent:]) != part) {
			return false
		}
		w.at = point{line, max(indent, 0) + 1}
		for range content {
			w.take(1)
		}
		if !w.done() {
			w.places = append(w.places, w.at) // the line end
		}
		line++
	}
	return true
}

// folded reads a > block.
func (w *walker) folded() bool {
	w.at = point{w.at.line + 1, 1}
	for w.at.line <= len(w.file.lines) && w.blankToEnd() { // empty lines before the text count
		if w.done() || w.want() != '\n' {
			return w.done()
		}
		w.places = append(w.places, w.at)
		w.at.line++
	}
	indent := 0
	for _, r := range w.file.line(w.at.line) {
		if r != ' ' {
			break
		}
		indent++
	}
	for !w.done() {
		source := w.file.line(w.at.line)
		w.at.column = min(indent, len(source)) + 1
		for !w.done() && w.char() != 0 {
			if w.char() != w.want() {
				return false
			}
			w.take(1)
		}
		end := w.at
		for !w.done() && w.want() == '\n' {
			w.places = append(w.places, end)
		}
		w.at = point{w.at.line + 1, 1}
		for w.at.line <= len(w.file.lines) && w.blankToEnd() {
			w.at.line++
		}
		if w.at.line > len(w.file.lines) {
			break
		}
		if !w.done() && w.want() == ' ' && w.places[len(w.places)-1] != end {
			w.places = append(w.places, end)
		}
	}
	if w.done() && len(w.places) > 0 {
		last := w.places[len(w.places)-1]
		w.at = point{last.line, last.column + 1}
	}
	return true
}
