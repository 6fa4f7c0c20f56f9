package ruletest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"switchboard/internal/rules"
)

// Result is what came of a test.
type Result struct {
	File     string        `json:"file"`
	Name     string        `json:"name"`
	Line     int           `json:"line"`
	Failures []Failure     `json:"failures,omitempty"`
	Took     time.Duration `json:"took_ns"`
}

// Passed tells whether everything was as expected.
func (r Result) Passed() bool { return len(r.Failures) == 0 }

// Failure is one thing that was not as expected.
type Failure struct {
	Line int    `json:"line"` // of what was expected, or of the test
	Rule string `json:"rule,omitempty"`
	// Message says what is wrong, in a line.
	Message string `json:"message"`
	// Diff are the actions: "-" what was expected and did not come, "+" what came, " " what was right.
	Diff []string `json:"diff,omitempty"`
	// Why explains the rule on the events that matter.
	Why string `json:"why,omitempty"`
}

// compare holds what happened against what was expected.
func (r *run) compare() (list []Failure) {
	for _, timed := range []bool{true, false} { // an expectation with a time is about that run only
		for _, x := range r.test.expect {
			if x.at.set != timed {
				continue
			}
			for range x.times {
				if f := r.expected(x); f != nil {
					list = append(list, *f)
				}
			}
		}
	}
	for _, rr := range r.runs {
		if rr.matched || rr.kind == held || rr.kind == would {
			continue
		}
		f := Failure{Line: r.test.Line, Rule: rr.rule, Why: r.why(rr.rule, []int{rr.decided})}
		if rr.kind == failed {
			f.Message = fmt.Sprintf("%s failed at %s: %s", rr.rule, r.clock(rr.at), rr.detail)
		} else {
			f.Message = fmt.Sprintf("%s ran at %s, which was not expected", rr.rule, r.clock(rr.at))
			for _, a := range rr.planned {
				f.Diff = append(f.Diff, "+ "+words(a.Kind, a.Params))
			}
		}
		list = append(list, f)
	}
	slices.SortStableFunc(list, func(a, b Failure) int { return a.Line - b.Line })
	if more := len(list) - mostFailures; more > 0 {
		list = append(list[:mostFailures], Failure{Line: r.test.Line, Message: fmt.Sprintf("and %d more", more)})
	}
	return list
}

// mostFailures bounds what is told of one test.
const mostFailures = 20

// expected finds what an expectation is about; nil if all is well.
func (r *run) expected(x expectation) *Failure {
	var near *Failure
	for i := range r.runs {
		rr := &r.runs[i]
		if rr.matched || rr.rule != x.rule || rr.kind != x.kind {
			continue
		}
		f := r.differs(x, *rr)
		if f == nil {
			rr.matched = true
			return nil
		}
		if near == nil {
			near = f
			near.Line = x.line
		}
	}
	if near != nil {
		r.take(x)
		return near
	}
	return &Failure{
		Line: x.line, Rule: x.rule, Message: fmt.Sprintf("%s was expected%s, and %s", x.phrase(), r.atWords(x.at), r.instead(x)),
		Diff: r.missing(x), Why: r.why(x.rule, r.considered(x.rule)),
	}
}

// take marks the first run that the expectation may be about as met, so that it is not told of twice.
func (r *run) take(x expectation) {
	for i, rr := range r.runs {
		if !rr.matched && rr.rule == x.rule && rr.kind == x.kind {
			r.runs[i].matched = true
			return
		}
	}
}

// differs tells how a run differs from what was expected; nil if it does not.
func (r *run) differs(x expectation, rr ruleRun) *Failure {
	wrongTime := ""
	if x.at.set && !r.time(x.at).Equal(rr.at) {
		wrongTime = fmt.Sprintf("at %s, not at %s", r.clock(rr.at), r.clock(r.time(x.at)))
	}
	var diff []string
	var same bool
	switch x.kind {
	case did, would:
		diff, same = r.diff(x, rr)
	default:
		same = rr.detail == x.detail || x.kind == failed && strings.Contains(rr.detail, x.detail)
	}
	if same && wrongTime == "" {
		return nil
	}
	f := &Failure{Rule: rr.rule, Diff: diff}
	ran := map[string]string{did: "ran", would: "would have run"}[x.kind]
	switch {
	case x.kind == held || x.kind == failed:
		f.Message = fmt.Sprintf("%s %s by %q, not by %q", rr.rule, x.kind, rr.detail, x.detail)
		if x.kind == failed {
			f.Message = fmt.Sprintf("%s failed otherwise: %s", rr.rule, rr.detail)
		}
		if wrongTime != "" {
			f.Message = fmt.Sprintf("%s %s %s", rr.rule, x.kind, wrongTime)
		}
	case same:
		f.Message, f.Diff = fmt.Sprintf("%s %s %s", rr.rule, ran, wrongTime), nil
	case wrongTime != "":
		f.Message = fmt.Sprintf("%s %s %s, with other actions", rr.rule, ran, wrongTime)
	default:
		f.Message = fmt.Sprintf("%s %s at %s, with other actions", rr.rule, ran, r.clock(rr.at))
	}
	f.Why = r.why(rr.rule, []int{rr.decided})
	return f
}

// diff compares actions one by one.
func (r *run) diff(x expectation, rr ruleRun) (lines []string, same bool) {
	same = true
	for i := range max(len(x.actions), len(rr.planned)) {
		switch {
		case i >= len(x.actions):
			a := rr.planned[i]
			lines, same = append(lines, "+ "+words(a.Kind, a.Params)), false
			continue
		case i >= len(rr.planned):
			lines, same = append(lines, "- "+r.expectedWords(x.actions[i], rr, i)), false
			continue
		}
		got, want := rr.planned[i], x.actions[i]
		if got.Kind == want.kind && want.spec == nil {
			lines = append(lines, "  "+words(got.Kind, got.Params))
			continue
		}
		gotWords, wantWords := words(got.Kind, got.Params), r.expectedWords(want, rr, i)
		if gotWords == wantWords {
			lines = append(lines, "  "+gotWords)
			continue
		}
		lines, same = append(lines, "- "+wantWords, "+ "+gotWords), false
	}
	return lines, same
}

func (r *run) expectedWords(x expectedAction, rr ruleRun, i int) string {
	if x.spec == nil {
		return x.kind
	}
	params, err := r.plan(x, rr, i)
	if err != nil {
		return x.kind + " (" + err.Error() + ")"
	}
	return words(x.kind, params)
}

// words is an action with its parameters. Equal ones have equal words.
func words(kind string, params []byte) string {
	v, err := decodeJSON(params)
	if o, ok := v.(object); err != nil || v == nil || ok && len(o) == 0 {
		return kind
	}
	return kind + " " + string(encode(v))
}

// missing are the actions of a run that did not happen.
func (r *run) missing(x expectation) (lines []string) {
	for _, a := range x.actions {
		line := "- " + a.kind
		if a.spec != nil {
			line = "- " + a.spec.Summary()
		}
		lines = append(lines, line)
	}
	return lines
}

// phrase is what was expected, in a few words.
func (x expectation) phrase() string {
	switch x.kind {
	case would:
		return x.rule + " (would)"
	case held:
		return x.rule + " held back by " + x.detail
	case failed:
		return x.rule + " to fail"
	}
	return x.rule
}

func (r *run) atWords(m moment) string {
	if !m.set {
		return ""
	}
	return " at " + r.clock(r.time(m))
}

// time is the time that an expectation names.
func (r *run) time(m moment) time.Time {
	if m.at.IsZero() {
		return r.test.given.at.Add(m.after)
	}
	return m.at
}

// instead says what became of the rule.
func (r *run) instead(x expectation) string {
	var seen []string
	for _, at := range r.considered(x.rule) {
		for _, o := range r.decided[at].d.Rules {
			if o.Rule != x.rule {
				continue
			}
			verdict := strings.ReplaceAll(string(o.Verdict), "_", " ")
			if o.HeldBy != "" {
				verdict = "was held back by " + o.HeldBy
			}
			if o.Would != nil {
				verdict += " (write would:)"
			}
			if !slices.Contains(seen, verdict) {
				seen = append(seen, verdict)
			}
		}
	}
	if len(seen) == 0 {
		return "it was never asked"
	}
	if n := r.met(x); n > 0 {
		return fmt.Sprintf("it did so only %s", times(n))
	}
	return "it " + strings.Join(seen, ", ")
}

// met is how many runs of the same kind other expectations have met.
func (r *run) met(x expectation) (n int) {
	for _, rr := range r.runs {
		if rr.matched && rr.rule == x.rule && rr.kind == x.kind {
			n++
		}
	}
	return n
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

// considered are the decisions in which a rule was asked.
func (r *run) considered(rule string) (list []int) {
	for i, d := range r.decided {
		if slices.ContainsFunc(d.d.Rules, func(o rules.Outcome) bool { return o.Rule == rule }) {
			list = append(list, i)
		}
	}
	return list
}

// mostExplained bounds the events on which a rule is explained.
const mostExplained = 5

// why explains a rule on some decisions; if there are none, on the last of all.
func (r *run) why(rule string, on []int) string {
	if len(on) == 0 && len(r.decided) > 0 {
		on = []int{len(r.decided) - 1}
	}
	var b strings.Builder
	for n, at := range on {
		if n == mostExplained {
			fmt.Fprintf(&b, "and %d more\n", len(on)-n)
			break
		}
		d := r.decided[at]
		fmt.Fprintf(&b, "on %s at %s:\n", d.event.Topic, r.clock(d.d.At))
		var part strings.Builder
		i := slices.IndexFunc(d.why, func(x rules.Explanation) bool { return x.Rule == rule })
		if i >= 0 {
			_ = rules.WriteExplanation(&part, d.why[i:i+1]) // a Builder takes everything
		}
		for line := range strings.Lines(part.String()) {
			b.WriteString("  " + line)
		}
	}
	return b.String()
}
