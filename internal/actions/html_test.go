package actions

import "testing"

func TestToHTML(t *testing.T) {
	for in, want := range map[string]string{
		"Hello":                            "<p>Hello</p>",
		"one\ntwo":                         "<p>one<br>two</p>",
		"one\r\ntwo\rthree":                "<p>one<br>two<br>three</p>",
		"one\n\ntwo\n \n\nthree\n":         "<p>one</p><p>two</p><p>three</p>",
		"  indented\n  more  ":             "<p>indented<br>  more</p>",
		"Tom & Jerry":                      "<p>Tom &amp; Jerry</p>",
		"Tom &amp; Jerry &#39;&#x27; &lt;": "<p>Tom &amp; Jerry &#39;&#x27; &lt;</p>",
		"AT&T; R&D":                        "<p>AT&amp;T; R&amp;D</p>",
		"a < b > c":                        "<p>a &lt; b &gt; c</p>",
		"your <order number>":              "<p>your &lt;order number&gt;</p>",
		"I <3 you":                         "<p>I &lt;3 you</p>",
		"":                                 "",
		" \n ":                             "",
		"<p>Hi</p>\n<p>Bye</p>":            "<p>Hi</p>\n<p>Bye</p>",
		"a<br/>b\nc":                       "a<br/>b\nc",
		"<B>loud</B>":                      "<B>loud</B>",
		`<a href="x?a=1&b=2">x</a>`:        `<a href="x?a=1&b=2">x</a>`,
		"<!-- x -->":                       "<!-- x -->",
	} {
		if got := toHTML(in); got != want {
			t.Errorf("toHTML(%q) = %q, want %q", in, got, want)
		}
		if got := toHTML(toHTML(in)); got != want {
			t.Errorf("toHTML twice (%q) = %q, want %q", in, got, want)
		}
	}
}

func TestPlain(t *testing.T) {
	for in, want := range map[string]string{
		"<p>Hello</p>":                          "Hello",
		`<p class="no-margin">He<b>ll</b>o</p>`: "Hello",
		"a&nbsp;b\u00a0c\u200bd\ufeff e\tf":     "abcdef",
		"1 &lt; 2 &amp;amp; 3":                  "1<2&amp;3",
		`<a title="x > y" href='z'>t</a>`:       "t",
		"<intercom-block>x</intercom-block>":    "x",
		"a < b":                                 "a<b",
		"<!-- c -->x":                           "x",
		"<img src=x>":                           "",
		"👍 ok":                                  "👍ok",
	} {
		if got := plain(in); got != want {
			t.Errorf("plain(%q) = %q, want %q", in, got, want)
		}
	}
}
