package backtest

import (
	"bufio"
	"bytes"
	_ "embed" // the page
	"encoding/json"
	"html/template"
	"io"
	"strings"
	"time"

	"switchboard/internal/rules"
)

//go:embed report.html
var reportHTML string

var reportPage = template.Must(template.New("report").Funcs(template.FuncMap{
	"stamp":   stamp,
	"instant": func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") },
	"counted": counted,
	"times":   times,
	"kinds":   kinds,
	"params":  params,
	"done":    func(at time.Time, actions []rules.Planned) done { return done{at, actions} },
}).Parse(reportHTML))

// done is what one side did, and when.
type done struct {
	At      time.Time
	Actions []rules.Planned
}

// mostParams is how many characters of an action's parameters the page shows.
const mostParams = 600

// params are the parameters of an action, for people: without the escapes that only programs need.
func params(a rules.Planned) string {
	var b strings.Builder
	var v any
	d, e := json.NewDecoder(bytes.NewReader(a.Params)), json.NewEncoder(&b)
	d.UseNumber()
	e.SetEscapeHTML(false)
	if d.Decode(&v) != nil || e.Encode(v) != nil {
		return string(a.Params)
	}
	text := []rune(strings.TrimSuffix(b.String(), "\n"))
	if len(text) > mostParams {
		return string(text[:mostParams]) + "…"
	}
	return string(text)
}

// page is what the page shows.
type page struct {
	*Report
	Fetching []string // what was fetched, in words
	Rules    []pageRule
}

// NoDifference says that there is none.
func (p page) NoDifference() string { return p.noDifference() }

// Differing is how many rules differ.
func (p page) Differing() (n int) {
	for _, r := range p.Rules {
		if r.Gained.Total+r.Lost.Total+r.Changed.Total > 0 {
			n++
		}
	}
	return n
}

type pageRule struct {
	*RuleReport
	Anchor int
	Kinds  []pageKind
	Doubts []string
}

// pageKind is one way in which a rule differs.
type pageKind struct {
	Sign, Class, Words string
	Difference
}

// More is how many are not shown.
func (k pageKind) More() int { return k.Total - len(k.Examples) }

// WriteHTML writes a report as one page that needs nothing else. What customers wrote and what rules say is
// text in it, whatever it looks like.
func WriteHTML(w io.Writer, r *Report) error {
	p := page{Report: r}
	if r.Fetched != nil {
		p.Fetching = r.Fetched.sentences()
	}
	for _, one := range r.Rules {
		if one.empty() {
			continue
		}
		rule := pageRule{RuleReport: one, Anchor: len(p.Rules) + 1, Doubts: one.doubts()}
		for _, k := range []pageKind{
			{"+", "gain", "would run in addition", one.Gained},
			{"−", "loss", "would not run any more", one.Lost},
			{"~", "other", "would do something else, or at another time", one.Changed},
			{"○", "other", "would run if it were not in shadow", one.Shadow},
		} {
			if k.Total > 0 {
				rule.Kinds = append(rule.Kinds, k)
			}
		}
		p.Rules = append(p.Rules, rule)
	}
	b := bufio.NewWriter(w)
	if err := reportPage.Execute(b, p); err != nil {
		return err
	}
	return b.Flush()
}
