package backtest_test

import (
	"bytes"
	"encoding/json"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"switchboard/internal/backtest"
	"switchboard/internal/rules"
)

// hostile is what customers and rules could try.
const hostile = `"><script>alert(1)</script><img src=x onerror=alert(2)><a href="javascript:alert(3)">{{ .Events }}</style><!--`

// hostileReport has it in every text.
func hostileReport(t *testing.T) *backtest.Report {
	t.Helper()
	params, err := json.Marshal(map[string]string{"body": hostile})
	if err != nil {
		t.Fatal(err)
	}
	deeds := []rules.Planned{{Kind: "note", Params: params, Summary: hostile}, {Kind: "tag", Params: json.RawMessage(hostile), Summary: hostile}}
	x := backtest.Example{Subject: hostile, Topic: hostile, Cause: hostile, OldAt: start, NewAt: start, Old: deeds, New: deeds}
	d := backtest.Difference{Total: 4, Subjects: 1, Examples: []backtest.Example{x}}
	return &backtest.Report{
		Old: hostile, New: hostile, Events: 4, Since: start, Through: start,
		Fetched: &backtest.Fetched{Limit: 5, Calls: 5, Decisions: 1, Beyond: 1, Refused: 1, Stopped: hostile},
		Rules: []*backtest.RuleReport{{
			Rule: hostile, Gained: d, Lost: d, Changed: d, Unknown: 1, Facts: map[string]int{hostile: 1},
			OldUnknown: 1, OldFacts: map[string]int{hostile: 1}, Fetched: 1, OtherTimes: 1,
		}},
	}
}

// page parses a page; text is what people read.
func page(t *testing.T, r *backtest.Report) (root *html.Node, text string) {
	t.Helper()
	var b bytes.Buffer
	if err := backtest.WriteHTML(&b, r); err != nil {
		t.Fatal(err)
	}
	root, err := html.Parse(&b)
	if err != nil {
		t.Fatal(err)
	}
	var words strings.Builder
	for n := range root.Descendants() {
		if n.Type == html.TextNode && n.Parent.Data != "style" {
			words.WriteString(n.Data + " ")
		}
	}
	return root, words.String()
}

// TestWriteHTML_hostile_text_is_text, wherever it stands, and the page loads nothing.
func TestWriteHTML_hostile_text_is_text(t *testing.T) {
	root, text := page(t, hostileReport(t))
	// Three kinds of difference with subject, topic and cause each, four sides of two actions with the
	// words and the parameters of each but for the JSON that quotes them, the rule twice, both hashes.
	if got := strings.Count(text, hostile); got < 20 {
		t.Errorf("it stands there %d times: %s", got, text)
	}
	allowed := map[string]bool{}
	for _, name := range strings.Fields("html head meta title style body header main h1 h2 h3 p dl div dt dd code time strong ul li table caption thead tbody tr th td a section span br") {
		allowed[name] = true
	}
	for n := range root.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		if !allowed[n.Data] {
			t.Errorf("an element %s", n.Data)
		}
		for _, a := range n.Attr {
			switch {
			case strings.HasPrefix(a.Key, "on"), a.Key == "src", a.Key == "style":
				t.Errorf("%s %s=%q", n.Data, a.Key, a.Val)
			case a.Key == "href" && !regexp.MustCompile(`^#rule-\d+$`).MatchString(a.Val):
				t.Errorf("a link to %q", a.Val)
			}
		}
	}
}

// TestWriteHTML_is_accessible: a language, a title, one h1, tables with captions and headed rows and columns,
// and links and names that lead somewhere.
func TestWriteHTML_is_accessible(t *testing.T) {
	root, _ := page(t, hostileReport(t))
	count := map[string]int{}
	ids, refers := map[string]bool{}, []string{}
	for n := range root.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		count[n.Data]++
		attr := map[string]string{}
		for _, a := range n.Attr {
			attr[a.Key] = a.Val
		}
		if id := attr["id"]; id != "" {
			if ids[id] {
				t.Errorf("the id %s occurs twice", id)
			}
			ids[id] = true
		}
		if to := attr["aria-labelledby"]; to != "" {
			refers = append(refers, to)
		}
		if to, ok := strings.CutPrefix(attr["href"], "#"); ok {
			refers = append(refers, to)
		}
		switch n.Data {
		case "html":
			if attr["lang"] != "en" {
				t.Error("no language")
			}
		case "th":
			if attr["scope"] != "col" && attr["scope"] != "row" {
				t.Error("a heading without scope")
			}
		case "tr":
			first := n.FirstChild
			for first.Type != html.ElementNode {
				first = first.NextSibling
			}
			if first.Data != "th" {
				t.Error("a row without a heading")
			}
		}
	}
	for _, to := range refers {
		if !ids[to] {
			t.Errorf("nothing has the id %s", to)
		}
	}
	if count["h1"] != 1 || count["title"] != 1 || count["caption"] != count["table"] || count["table"] != 4 || count["section"] != 1 {
		t.Errorf("%v", count)
	}
}

// TestWriteHTML_contrast: every colour of text is 4.5 times as light or dark as what is behind it, in both schemes.
func TestWriteHTML_contrast(t *testing.T) {
	var b bytes.Buffer
	if err := backtest.WriteHTML(&b, &backtest.Report{}); err != nil {
		t.Fatal(err)
	}
	colours := map[string][2]float64{}
	for _, m := range regexp.MustCompile(`--(\w+): light-dark\(#(\w+), #(\w+)\)`).FindAllStringSubmatch(b.String(), -1) {
		colours[m[1]] = [2]float64{luminance(t, m[2]), luminance(t, m[3])}
	}
	for _, name := range []string{"text", "soft", "gain", "loss", "other", "link"} {
		for _, behind := range []string{"ground", "panel"} {
			for scheme, of := range map[int]string{0: "light", 1: "dark"} {
				one, other := colours[name][scheme]+.05, colours[behind][scheme]+.05
				if ratio := max(one, other) / min(one, other); len(colours) < 9 || ratio < 4.5 {
					t.Errorf("%s on %s in the %s scheme: %.1f", name, behind, of, ratio)
				}
			}
		}
	}
}

// luminance of a colour, as WCAG defines it.
func luminance(t *testing.T, hex string) (sum float64) {
	t.Helper()
	if len(hex) == 3 {
		hex = string([]byte{hex[0], hex[0], hex[1], hex[1], hex[2], hex[2]})
	}
	for i, weight := range []float64{.2126, .7152, .0722} {
		n, err := strconv.ParseUint(hex[2*i:2*i+2], 16, 8)
		if err != nil {
			t.Fatal(err)
		}
		c := float64(n) / 255
		if c <= .04045 {
			c /= 12.92
		} else {
			c = math.Pow((c+.055)/1.055, 2.4)
		}
		sum += weight * c
	}
	return sum
}

// TestWriteHTML_nothing_differs, or nothing happened.
func TestWriteHTML_nothing_differs(t *testing.T) {
	_, text := page(t, &backtest.Report{Old: "a", New: "b", Events: 1, Since: start, Through: start})
	for _, want := range []string{"Backtest: no difference", "1 event, decided from", "no difference: nothing would have been done otherwise"} {
		if !strings.Contains(text, want) {
			t.Errorf("%s\nwant %q", text, want)
		}
	}
	unsure := &backtest.Report{Events: 1, Rules: []*backtest.RuleReport{{Rule: "vip", OldUnknown: 1}}}
	if _, text = page(t, unsure); !strings.Contains(text, "no difference, as far as it can be told: some rules need facts that are unknown") {
		t.Error(text)
	}
	if _, text = page(t, &backtest.Report{}); !strings.Contains(text, "No event was decided in that time.") {
		t.Error(text)
	}
}
