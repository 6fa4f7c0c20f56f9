package actions

import (
	"html"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// maxBody is the longest body sent, in characters. Intercom documents no limit; this one
// keeps a runaway template from flooding an inbox.
const maxBody = 50_000

// body is a text for customers or teammates. It is HTML when it holds a tag, and plain
// otherwise; Intercom takes HTML only.
type body struct{ text Text }

// parseBody reads a body. It returns nil after reporting problems.
func parseBody(n *yaml.Node, d Decoder, what string) *body {
	t := requireText(n, d, what, true)
	if t == nil {
		return nil
	}
	if s, ok := t.Constant(); ok && utf8.RuneCountInString(s) > maxBody {
		d.Problem(n, CodeParameter, "", "%s is longer than %d characters", what, maxBody)
		return nil
	}
	return &body{t}
}

// render makes the HTML that is sent.
func (b *body) render(what string, f Facts) (string, error) {
	s, err := b.text.Render(f)
	if err != nil {
		return "", err
	}
	s = toHTML(s)
	switch {
	case plain(s) == "" && !strings.Contains(strings.ToLower(s), "<img"):
		return "", errorf("%s came out empty", what)
	case utf8.RuneCountInString(s) > maxBody:
		return "", errorf("%s came out longer than %d characters", what, maxBody)
	}
	return s, nil
}

// tagPattern is the tags of HTML; anything else in angle brackets is text, such as "<your order number>".
var tagPattern = regexp.MustCompile(`(?is)<!--.*?-->|</?(?:a|abbr|address|article|b|big|blockquote|br|caption|center|code|col|colgroup|dd|del|div|dl|dt|em|figcaption|figure|font|footer|h[1-6]|header|hr|i|iframe|img|ins|kbd|li|main|mark|ol|p|pre|q|s|samp|section|small|span|strike|strong|sub|sup|table|tbody|td|tfoot|th|thead|tr|tt|u|ul|video)(?:\s(?:[^<>"']|"[^"]*"|'[^']*')*)?/?>`)

// entity is an escaped character.
var entity = regexp.MustCompile(`&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,31});`)

// toHTML turns a plain text into HTML: paragraphs where lines are left empty, <br> at other
// line ends. Values that a template put in are escaped already, so entities stay as they
// are. A text that holds tags is HTML and stays as it is.
func toHTML(s string) string {
	s = strings.TrimSpace(strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n"))
	if s == "" || tagPattern.MatchString(s) {
		return s
	}
	s = escapeBare(s)
	var b strings.Builder
	var paragraph []string
	flush := func() {
		if len(paragraph) > 0 {
			b.WriteString("<p>" + strings.Join(paragraph, "<br>") + "</p>")
			paragraph = nil
		}
	}
	for line := range strings.SplitSeq(s, "\n") {
		if line = strings.TrimRight(line, " \t"); line == "" {
			flush()
			continue
		}
		paragraph = append(paragraph, line)
	}
	flush()
	return b.String()
}

// escapeBare escapes what is neither a tag nor an entity but would be taken for one.
func escapeBare(s string) string {
	var b strings.Builder
	at := 0
	escape := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")
	for _, m := range entity.FindAllStringIndex(s, -1) {
		b.WriteString(escape.Replace(s[at:m[0]]) + s[m[0]:m[1]])
		at = m[1]
	}
	return b.String() + escape.Replace(s[at:])
}

// anyTag is a tag of any name, as Intercom may add its own.
var anyTag = regexp.MustCompile(`(?s)<!--.*?-->|</?[a-zA-Z](?:[^<>"']|"[^"]*"|'[^']*')*>`)

// visible is what a reader sees of an HTML text.
func visible(s string) string { return html.UnescapeString(anyTag.ReplaceAllString(s, "")) }

// plain is what a reader sees, without any white space: Intercom wraps texts in paragraphs,
// adds classes and moves line ends, and none of that makes it another text.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || r == '\u200b' || r == '\u200c' || r == '\u200d' || r == '\ufeff' {
			return -1
		}
		return r
	}, visible(s))
}
