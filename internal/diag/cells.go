package diag

import (
	"strings"
	"unicode"
)

const (
	tabWidth = 4
	// shown is how many cells of a long line are drawn; before is how many of them are left
	// of the place.
	shown  = 140
	before = 60
)

// cell is one character as drawn: its text and how many columns of a terminal it takes.
type cell struct {
	text  string
	width int
}

// drawLine returns the source line as it is drawn, and where in it the columns column to
// endColumn (counted in characters from 1) stand. marked is 0 when column is 0.
func drawLine(source string, column, endColumn int) (line string, indent, marked int) {
	runes := []rune(strings.TrimRight(source, " \t\r\n"))
	from := min(max(column-1, 0), len(runes))
	to := min(max(endColumn-1, from+1), max(len(runes), from+1))

	first, last := window(len(runes), from)
	var b strings.Builder
	if first > 0 {
		b.WriteString("…")
		indent = 1
	}
	for i := first; i < last; i++ {
		c := drawn(runes[i])
		b.WriteString(c.text)
		switch {
		case i < from:
			indent += c.width
		case i < to:
			marked += c.width
		}
	}
	if last < len(runes) {
		b.WriteString("…")
	}
	if column == 0 {
		return b.String(), 0, 0
	}
	return b.String(), indent, max(marked, 1)
}

// window chooses which characters of a long line are drawn.
func window(length, from int) (first, last int) {
	if length <= shown {
		return 0, length
	}
	first = max(0, from-before)
	return first, min(length, first+shown)
}

func drawn(r rune) cell {
	switch {
	case r == '\t':
		return cell{strings.Repeat(" ", tabWidth), tabWidth}
	case unprintable(r):
		return cell{"�", 1}
	case unicode.In(r, unicode.Mn, unicode.Me):
		return cell{string(r), 0}
	case unicode.Is(wide, r):
		return cell{string(r), 2}
	}
	return cell{string(r), 1}
}

// unprintable characters could move the cursor, change colours or turn the direction of
// what follows.
func unprintable(r rune) bool {
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co, unicode.Cs)
}

// printable replaces what could control a terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unprintable(r) {
			return '�'
		}
		return r
	}, s)
}

// wide are the characters that take two columns: East Asian wide and full-width ones, and
// emoji.
var wide = &unicode.RangeTable{
	R16: []unicode.Range16{
		{0x1100, 0x115f, 1},
		{0x231a, 0x231b, 1},
		{0x23e9, 0x23ec, 1},
		{0x2614, 0x2615, 1},
		{0x26a1, 0x26a1, 1},
		{0x2705, 0x2705, 1},
		{0x2728, 0x2728, 1},
		{0x274c, 0x274c, 1},
		{0x2753, 0x2755, 1},
		{0x2757, 0x2757, 1},
		{0x2e80, 0x303e, 1},
		{0x3041, 0x33ff, 1},
		{0x3400, 0x4dbf, 1},
		{0x4e00, 0x9fff, 1},
		{0xa000, 0xa4cf, 1},
		{0xa960, 0xa97f, 1},
		{0xac00, 0xd7a3, 1},
		{0xf900, 0xfaff, 1},
		{0xfe30, 0xfe6f, 1},
		{0xff00, 0xff60, 1},
		{0xffe0, 0xffe6, 1},
	},
	R32: []unicode.Range32{
		{0x1f300, 0x1f64f, 1},
		{0x1f680, 0x1f6ff, 1},
		{0x1f900, 0x1f9ff, 1},
		{0x1fa70, 0x1faff, 1},
		{0x20000, 0x3fffd, 1},
	},
}
