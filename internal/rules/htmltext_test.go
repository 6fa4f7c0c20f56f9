package rules

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestHTMLText(t *testing.T) {
	for body, want := range map[string]string{
		``:                      "",
		`hello`:                 "hello",
		"two\nlines &amp; more": "two\nlines & more",
		`<p>Hello</p>`:          "Hello",
		`<p>One</p><p>Two</p>`:  "One\nTwo",
		"<p class=\"no-margin\">One</p>\n<p>Two</p>":                         "One\nTwo",
		`One<br>Two<br/>Three`:                                               "One\nTwo\nThree",
		`One<br><br><br><br>Two`:                                             "One\n\nTwo",
		`<ul><li>a</li><li>b</li></ul>`:                                      "a\nb",
		`<div><div><p>deep</p></div></div>`:                                  "deep",
		`a <b>bold</b><i>er</i> word`:                                        "a bolder word",
		"a 	  b&nbsp;&nbsp;c":                                                "a b c",
		"<i>a \n\t  b&nbsp;&nbsp;c</i>":                                      "a b c",
		`&lt;b&gt; &amp;amp; &quot;x&quot; &#39;y&#39; &#x1F600; &euro;<br>`: `<b> &amp; "x" 'y' 😀 €`,
		`<script>alert("x")</script>after`:                                   "after",
		`before<style>p{}</style>after`:                                      "beforeafter",
		`<SCRIPT type="a">x</SCRIPT >y`:                                      "y",
		`a<script>never closed`:                                              "a",
		`<!-- comment -->text<!-- open`:                                      "text",
		`1 < 2 and 3 > 2`:                                                    "1 < 2 and 3 > 2",
		`a<`:                                                                 "a<",
		`<a href="https://x.test/?a=1&b=2">link</a>`:                         "link",
		`<img src=x onerror=alert(1)>`:                                       "",
		`<td>a</td><td>b</td>`:                                               "a b",
		`</p></p></div>x`:                                                    "x",
		`<p>日本語</p><p>é</p>`:                                                 "日本語\né",
	} {
		if got := htmlText(body); got != want {
			t.Errorf("%q:\n got %q\nwant %q", body, got, want)
		}
	}
}

// Bodies come from strangers: reading them takes time in proportion to their length.
func TestHTMLText_hostile(t *testing.T) {
	const n = 300_000
	for _, body := range []string{
		strings.Repeat("<", n), strings.Repeat("<div>", n/5), strings.Repeat("<!--", n/4), strings.Repeat("&", n),
		strings.Repeat("<script>", n/8), strings.Repeat("<a ", n/3), "<a " + strings.Repeat("b=c ", n/4) + ">x",
		strings.Repeat("</", n/2), strings.Repeat("<p", n/2), strings.Repeat("&#", n/2), "<title>" + strings.Repeat("</titl", n/6),
		"<textarea>" + strings.Repeat("&lt;", n/4), strings.Repeat("<br>", n/4), strings.Repeat("a<![CDATA[", n/10),
	} {
		start := time.Now()
		text := htmlText(body)
		if d := time.Since(start); d > 2*time.Second {
			t.Errorf("%.20q...: %v", body, d)
		}
		if !utf8.ValidString(text) {
			t.Errorf("%.20q...: not UTF-8", body)
		}
	}
}

func TestExcerpt(t *testing.T) {
	long := strings.Repeat("word ", 30)
	for text, want := range map[string]string{
		"":                                     "",
		"short":                                "short",
		"two\n lines  here":                    "two lines here",
		long:                                   strings.TrimSpace(strings.Repeat("word ", 20)) + "…",
		strings.Repeat("é", 150):               strings.Repeat("é", 100) + "…",
		strings.Repeat("x", 100):               strings.Repeat("x", 100),
		strings.Repeat("x", 98) + ". And more": strings.Repeat("x", 98) + "…",
	} {
		got := excerpt(text)
		if got != want {
			t.Errorf("%q:\n got %q\nwant %q", text, got, want)
		}
		if n := utf8.RuneCountInString(got); n > excerptLength+1 {
			t.Errorf("%d characters", n)
		}
	}
}
