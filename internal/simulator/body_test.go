package simulator

import (
	"strings"
	"testing"
)

func TestHTMLBody_keeps_HTML_and_wraps_text(t *testing.T) {
	for sent, want := range map[string]string{
		"":                               "",
		"  \n":                           "",
		"hello":                          "<p>hello</p>",
		"a & b, 1 < 2":                   "<p>a &amp; b, 1 &lt; 2</p>",
		"Tom &amp; Jerry":                "<p>Tom &amp; Jerry</p>",
		"one\ntwo\n\nthree":              "<p>one<br>\ntwo</p>\n<p>three</p>",
		"<p>hello</p>":                   "<p>hello</p>",
		"so <b>bold</b>":                 "<p>so <b>bold</b></p>",
		"<h2 class=\"x\">T</h2><p>x</p>": "<h2>T</h2><p>x</p>",
		`<a href="https://x.test/?a=1" onclick="evil()">x</a>`: `<p><a href="https://x.test/?a=1">x</a></p>`,
		`<a href="javascript:evil()">x</a>`:                    "<p><a>x</a></p>",
		"<script>evil()</script>hi<!-- no -->":                 "<p>hi</p>",
		"<blink>hi</blink>":                                    "<p>hi</p>",
		"<script>never closed":                                 "",
	} {
		if got := htmlBody(sent); got != want {
			t.Errorf("htmlBody(%q) = %q, want %q", sent, got, want)
		}
	}
}

func TestPlainText_has_no_markup(t *testing.T) {
	for body, want := range map[string]string{
		"<p>a &amp; b</p>":                   "a & b",
		"<p>one<br>\ntwo</p>\n<p>three</p>":  "one\ntwo\nthree",
		"<ul><li>x</li><li>y</li></ul>":      "x\ny",
		"<p>&lt;b&gt;not bold&lt;/b&gt;</p>": "<b>not bold</b>",
		"1 < 2":                              "1 < 2",
	} {
		if got := plainText(body); got != want {
			t.Errorf("plainText(%q) = %q, want %q", body, got, want)
		}
	}
}

func FuzzBody(f *testing.F) {
	for _, seed := range []string{"<", "<!-", "<a href='", "<script", "a<b<c>", "&", "<!>", "</", "\xff<p>"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		kept := htmlBody(s)
		if again := htmlBody(kept); plainText(again) != plainText(kept) {
			t.Errorf("%q: keeping %q again changes the text to %q", s, kept, again)
		}
		if lower := strings.ToLower(kept); strings.Contains(lower, "<script") || strings.Contains(lower, "<!--") {
			t.Errorf("%q is kept as %q", s, kept)
		}
		if strings.ContainsAny(strings.NewReplacer("<p>", "", "</p>", "", "<br>", "").Replace(textBody(s)), "<>") {
			t.Errorf("what a customer wrote, %q, has markup: %q", s, textBody(s))
		}
	})
}
