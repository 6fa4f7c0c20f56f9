package simulator

import (
	"html"
	"regexp"
	"strings"
)

// Bodies are HTML: what teammates and apps send is cleaned and, when it is plain text, comes
// back inside <p>. What customers write is text, whatever it looks like.

// htmlBody is how Intercom keeps a body that a teammate or an app sent.
func htmlBody(sent string) string {
	var b strings.Builder
	plain := true
	for kind, s := range htmlTokens(sent) {
		switch kind {
		case tokenText:
			b.WriteString(html.EscapeString(html.UnescapeString(s)))
		case tokenTag:
			plain = false
			b.WriteString(cleanTag(s))
		}
	}
	out := strings.TrimSpace(b.String())
	if out == "" {
		return ""
	}
	if plain {
		return paragraphs(out)
	}
	if !startsBlock.MatchString(out) {
		return "<p>" + out + "</p>"
	}
	return out
}

// textBody is how Intercom keeps what a customer wrote.
func textBody(sent string) string {
	sent = strings.TrimSpace(sent)
	if sent == "" {
		return ""
	}
	return paragraphs(html.EscapeString(sent))
}

// paragraphs wraps escaped text: an empty line begins a paragraph, a line end is <br>.
func paragraphs(escaped string) string {
	escaped = strings.ReplaceAll(escaped, "\r\n", "\n")
	var b strings.Builder
	for paragraph := range strings.SplitSeq(escaped, "\n\n") {
		if paragraph = strings.Trim(paragraph, "\n"); paragraph == "" {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('\n')
		}
		b.WriteString("<p>" + strings.ReplaceAll(paragraph, "\n", "<br>\n") + "</p>")
	}
	return b.String()
}

// plainText is a body without its markup, as display_as=plaintext gives it.
func plainText(body string) string {
	var b strings.Builder
	for kind, s := range htmlTokens(body) {
		switch {
		case kind == tokenText:
			b.WriteString(html.UnescapeString(strings.ReplaceAll(s, "\n", "")))
		case breaksLine.MatchString(s):
			b.WriteByte('\n')
		}
	}
	return strings.TrimSpace(b.String())
}

var (
	startsBlock = regexp.MustCompile(`^<(p|div|h[1-6]|ul|ol|pre|blockquote|table)[ />]`)
	breaksLine  = regexp.MustCompile(`^(?i:<br|</p|</div|</li|</h[1-6])`)
	tagName     = regexp.MustCompile(`^</?([a-zA-Z][a-zA-Z0-9]*)`)
	// tagTarget finds the one attribute that survives cleaning: where a link or picture points.
	tagTarget = regexp.MustCompile(`\s(href|src)\s*=\s*["'](https?://[^"'<>]*|mailto:[^"'<>]*)["']`)
)

// keptTags are the tags that Intercom keeps; the text inside any other stays, the tag goes.
var keptTags = map[string]bool{
	"p": true, "br": true, "b": true, "strong": true, "i": true, "em": true, "u": true, "a": true, "img": true,
	"ul": true, "ol": true, "li": true, "h1": true, "h2": true, "h3": true, "h4": true, "pre": true, "code": true,
	"blockquote": true, "div": true, "table": true, "thead": true, "tbody": true, "tr": true, "td": true, "th": true,
}

func cleanTag(tag string) string {
	match := tagName.FindStringSubmatch(tag)
	if match == nil || !keptTags[strings.ToLower(match[1])] {
		return ""
	}
	name := strings.ToLower(match[1])
	if strings.HasPrefix(tag, "</") {
		return "</" + name + ">"
	}
	if target := tagTarget.FindStringSubmatch(tag); target != nil && (name == "a" || name == "img") {
		return "<" + name + " " + target[1] + `="` + target[2] + `">`
	}
	return "<" + name + ">"
}

type tokenKind int

const (
	tokenText tokenKind = iota
	tokenTag
)

// htmlTokens takes HTML apart into text and tags. What only looks like a tag ("1 < 2") is
// text; comments, scripts and styles are left out.
func htmlTokens(s string) func(yield func(tokenKind, string) bool) {
	return func(yield func(tokenKind, string) bool) {
		text, at := 0, 0 // where the text that was not given yet begins, and where to look
		lastEnd := strings.LastIndexByte(s, '>')
		for {
			next := strings.IndexByte(s[at:], '<')
			if next < 0 || at+next > lastEnd {
				break
			}
			at += next
			if !beginsTag(s[at:]) {
				at++
				continue
			}
			if at > text && !yield(tokenText, s[text:at]) {
				return
			}
			tag, length := cutTag(s[at:])
			if tag != "" && !yield(tokenTag, tag) {
				return
			}
			at += length
			text = at
		}
		if text < len(s) {
			yield(tokenText, s[text:])
		}
	}
}

func beginsTag(s string) bool { return strings.HasPrefix(s, "<!") || tagName.MatchString(s) }

// hiddenEnds are the ends of what is not shown.
var hiddenEnds = []struct{ begin, end *regexp.Regexp }{
	{regexp.MustCompile(`^<!--`), regexp.MustCompile(`-->`)},
	{regexp.MustCompile(`^(?i:<script[\s/>])`), regexp.MustCompile(`(?i:</script\s*>)`)},
	{regexp.MustCompile(`^(?i:<style[\s/>])`), regexp.MustCompile(`(?i:</style\s*>)`)},
}

// cutTag tells how long the tag at the front of s is, together with all that belongs to it
// when it is a comment, a script or a style: of those nothing is left, and tag is empty.
func cutTag(s string) (tag string, length int) {
	for _, hidden := range hiddenEnds {
		if hidden.begin.MatchString(s) {
			if end := hidden.end.FindStringIndex(s); end != nil {
				return "", end[1]
			}
			return "", len(s)
		}
	}
	length = strings.IndexByte(s, '>') + 1
	if strings.HasPrefix(s, "<!") {
		return "", length
	}
	return s[:length], length
}
