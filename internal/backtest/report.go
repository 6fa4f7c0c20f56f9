package backtest

import (
	"bytes"
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"switchboard/internal/rules"
)

// Report tells how two rulesets differ on a history.
type Report struct {
	// Old and New are the hashes of the rulesets.
	Old string `json:"old"`
	New string `json:"new"`
	// Events is how many events were decided, the first at Since, the last at Through.
	Events  int       `json:"events"`
	Since   time.Time `json:"since,omitzero"`
	Through time.Time `json:"through,omitzero"`
	// Runs is how often a rule ran on each side.
	OldRuns int `json:"old_runs"`
	NewRuns int `json:"new_runs"`
	// Fetched is what was looked up, if that was asked for.
	Fetched *Fetched `json:"fetched,omitempty"`
	// Rules are those that differ, those to which facts were missing and those for which some were fetched,
	// in the order of their names.
	Rules []*RuleReport `json:"rules"`

	byRule map[string]*RuleReport
}

// RuleReport is where a rule differs.
type RuleReport struct {
	Rule string `json:"rule"`
	// Gained are events on which only the new rules run it, Lost those on which only the old ones do,
	// Changed those on which it does something else, or at another time.
	Gained  Difference `json:"gained,omitzero"`
	Lost    Difference `json:"lost,omitzero"`
	Changed Difference `json:"changed,omitzero"`
	// Shadow are events on which the new rules have it in shadow, where it would have run: nothing is done
	// there, so this is no difference.
	Shadow Difference `json:"shadow,omitzero"`
	// Unknown is how often the new rule needed a fact that is unknown, and Facts which. OldUnknown and
	// OldFacts are the same of the old rule.
	Unknown    int            `json:"unknown,omitempty"`
	Facts      map[string]int `json:"facts,omitempty"`
	OldUnknown int            `json:"old_unknown,omitempty"`
	OldFacts   map[string]int `json:"old_facts,omitempty"`
	// Fetched is how many decisions, of both sides, were made on what Intercom says now.
	Fetched int `json:"fetched,omitempty"`
	// OtherTimes is how many timers came due at another time than then, and were decided on what was
	// read then.
	OtherTimes int `json:"other_times,omitempty"`
}

// Difference counts and shows some.
type Difference struct {
	Total    int       `json:"total"`
	Subjects int       `json:"subjects"` // how many conversations or others
	Examples []Example `json:"examples,omitempty"`

	subjects map[string]bool
	spare    []Example // about subjects that are shown already
}

// Example is one event on which a rule differs.
type Example struct {
	Subject string          `json:"subject"`
	Topic   string          `json:"topic"`
	Cause   string          `json:"cause"` // the id of the event, or of what started the timer
	OldAt   time.Time       `json:"old_at,omitzero"`
	NewAt   time.Time       `json:"new_at,omitzero"`
	Old     []rules.Planned `json:"old,omitempty"`
	New     []rules.Planned `json:"new,omitempty"`
}

// mostExamples is how many are shown of each kind.
const mostExamples = 3

func newReport(old, changed *rules.Ruleset) *Report {
	return &Report{Old: old.Hash(), New: changed.Hash(), byRule: map[string]*RuleReport{}}
}

func (r *Report) rule(name string) *RuleReport {
	if r.byRule[name] == nil {
		r.byRule[name] = &RuleReport{Rule: name}
	}
	return r.byRule[name]
}

// add notes what a rule did on one cause: on both sides, or on one of them.
func (r *Report) add(old, changed *run) {
	if old != nil {
		r.OldRuns++
	}
	if changed != nil {
		r.NewRuns++
	}
	switch {
	case old == nil:
		r.rule(changed.rule).Gained.add(old, changed)
	case changed == nil:
		r.rule(old.rule).Lost.add(old, changed)
	case !old.at.Equal(changed.at) || !sameActions(old.actions, changed.actions):
		r.rule(old.rule).Changed.add(old, changed)
	}
}

func (d *Difference) add(old, changed *run) {
	one := cmp.Or(old, changed)
	if d.subjects == nil {
		d.subjects = map[string]bool{}
	}
	d.Total++
	fresh := !d.subjects[one.subject]
	d.subjects[one.subject] = true
	if len(d.Examples) == mostExamples || !fresh && len(d.spare) == mostExamples {
		return
	}
	x := Example{Subject: one.subject, Topic: one.topic, Cause: one.cause}
	if old != nil {
		x.OldAt, x.Old = old.at, old.actions
	}
	if changed != nil {
		x.NewAt, x.New = changed.at, changed.actions
	}
	if fresh {
		d.Examples = append(d.Examples, x)
	} else {
		d.spare = append(d.spare, x)
	}
}

// finish fills up the examples, should they be about too few subjects.
func (d *Difference) finish() {
	d.Subjects = len(d.subjects)
	d.Examples = append(d.Examples, d.spare[:min(len(d.spare), mostExamples-len(d.Examples))]...)
}

// sameActions compares what is done, not how the file says it.
func sameActions(a, b []rules.Planned) bool {
	return slices.EqualFunc(a, b, func(x, y rules.Planned) bool {
		return x.Kind == y.Kind && x.Admin == y.Admin && bytes.Equal(compact(x.Params), compact(y.Params))
	})
}

func compact(text json.RawMessage) []byte {
	var b bytes.Buffer
	if json.Compact(&b, text) != nil {
		return text
	}
	return b.Bytes()
}

// unknown notes that a rule failed because facts are unknown.
func (r *Report) unknown(rule string, d *rules.Decision, old bool) {
	one := r.rule(rule)
	n, facts := &one.Unknown, &one.Facts
	if old {
		n, facts = &one.OldUnknown, &one.OldFacts
	}
	*n++
	if *facts == nil {
		*facts = map[string]int{}
	}
	for question, reason := range d.Unavailable {
		if reason == rules.ErrNotRecorded.Error() {
			kind, _, _ := strings.Cut(question, "/")
			(*facts)[kind]++
		}
	}
}

func (r *Report) finish() {
	for _, name := range slices.Sorted(maps.Keys(r.byRule)) {
		one := r.byRule[name]
		for _, d := range []*Difference{&one.Gained, &one.Lost, &one.Changed, &one.Shadow} {
			d.finish()
		}
		r.Rules = append(r.Rules, one)
	}
}

// empty tells whether there is nothing to say about the rule.
func (one *RuleReport) empty() bool {
	return one.Gained.Total+one.Lost.Total+one.Changed.Total+one.Shadow.Total+one.Unknown+one.OldUnknown+one.Fetched+one.OtherTimes == 0
}

// Differs tells whether anything would have been done otherwise.
func (r *Report) Differs() bool {
	return slices.ContainsFunc(r.Rules, func(one *RuleReport) bool {
		return one.Gained.Total+one.Lost.Total+one.Changed.Total > 0
	})
}
