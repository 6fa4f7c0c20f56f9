package rules

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// htmlText is what a person reads of an HTML body: without tags, entities decoded, blocks
// and <br> on lines of their own, white space folded. Bodies come from strangers: the
// tokenizer reads them once from front to back whatever they hold.
func htmlText(body string) string {
	var t textBuilder
	if !strings.Contains(body, "<") { // text from SMS and the like: its line ends count
		for i, line := range strings.Split(html.UnescapeString(body), "\n") {
			if i > 0 {
				t.breakLine()
			}
			t.add(line)
		}
		return t.String()
	}
	z := html.NewTokenizer(strings.NewReader(body))
	var hidden atom.Atom // the element whose content is not shown
	for {
		switch z.Next() {
		case html.ErrorToken: // the end; a strings.Reader has no other errors
			return t.String()
		case html.TextToken:
			if hidden == 0 {
				t.add(string(z.Text()))
			}
		case html.StartTagToken, html.SelfClosingTagToken:
			tag := tagOf(z)
			if hidden == 0 && hides(tag) {
				hidden = tag
			}
			t.tag(tag, hidden)
		case html.EndTagToken:
			tag := tagOf(z)
			if tag == hidden {
				hidden = 0
			}
			if tag != atom.Br {
				t.tag(tag, hidden)
			}
		}
	}
}

func tagOf(z *html.Tokenizer) atom.Atom {
	name, _ := z.TagName()
	return atom.Lookup(name)
}

// hides tells whether an element's content is for programs only. The tokenizer hands it
// over as one text.
func hides(tag atom.Atom) bool {
	switch tag {
	case atom.Script, atom.Style, atom.Title, atom.Iframe, atom.Noembed, atom.Noframes, atom.Noscript:
		return true
	}
	return false
}

// block tells whether an element stands on lines of its own.
func block(tag atom.Atom) bool {
	switch tag {
	case atom.P, atom.Div, atom.Ul, atom.Ol, atom.Li, atom.H1, atom.H2, atom.H3, atom.H4,
		atom.H5, atom.H6, atom.Table, atom.Tr, atom.Blockquote, atom.Pre, atom.Hr,
		atom.Section, atom.Article, atom.Header, atom.Footer, atom.Figure, atom.Dl,
		atom.Dt, atom.Dd, atom.Form, atom.Address:
		return true
	}
	return false
}

// textBuilder folds white space while text is added.
type textBuilder struct {
	b     strings.Builder
	space bool // white space was seen since the last character
	lines int  // line ends to write before the next character
}

func (t *textBuilder) tag(tag, hidden atom.Atom) {
	switch {
	case hidden != 0:
	case tag == atom.Br:
		t.breakLine()
	case block(tag):
		t.lines = max(t.lines, 1)
	case tag == atom.Td || tag == atom.Th:
		t.space = true
	}
}

// breakLine ends the line; more than one empty line in a row says nothing more.
func (t *textBuilder) breakLine() { t.lines = min(t.lines+1, 2) }

func (t *textBuilder) add(s string) {
	for _, r := range s {
		if unicode.IsSpace(r) {
			t.space = true
			continue
		}
		switch {
		case t.b.Len() == 0:
		case t.lines > 0:
			t.b.WriteString("\n\n"[:t.lines])
		case t.space:
			t.b.WriteByte(' ')
		}
		t.space, t.lines = false, 0
		t.b.WriteRune(r)
	}
}

func (t *textBuilder) String() string { return t.b.String() }

// maxMessageText bounds message.text, in bytes, and with it the time that the regular
// expressions of all rules can take: nobody needs a rule to read a book.
const maxMessageText = 100_000

// cut shortens a text to maxMessageText, between characters.
func cut(text string) string {
	if len(text) <= maxMessageText {
		return text
	}
	end := maxMessageText
	for !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end]
}

// excerptLength is how many characters an excerpt has at most, without the dots.
const excerptLength = 100

// excerpt is the beginning of a text on one line, cut between words.
func excerpt(text string) string {
	line := strings.Join(strings.Fields(text), " ")
	if utf8.RuneCountInString(line) <= excerptLength {
		return line
	}
	end, n := 0, 0
	for end = range line {
		if n == excerptLength {
			break
		}
		n++
	}
	cut := line[:end]
	if line[end] != ' ' {
		if i := strings.LastIndexByte(cut, ' '); i > len(cut)/2 {
			cut = cut[:i]
		}
	}
	return strings.TrimRight(cut, " .,;:") + "…"
}
