package shadow

import (
	"slices"
	"strings"
	"time"
)

// Report tells what rules in shadow would have done.
type Report struct {
	// Events is how many events were looked at; the first happened at Since, the last at Through.
	Events  int       `json:"events"`
	Since   time.Time `json:"since,omitzero"`
	Through time.Time `json:"through,omitzero"`
	// WithinSeconds is how long after an event what people did is held against it.
	WithinSeconds float64       `json:"within_seconds"`
	Rules         []*RuleReport `json:"rules"`
	// Unheard are topics that would tell what people did, and of which no event came: Intercom does not send
	// them, or nobody did such a thing.
	Unheard []string `json:"unheard,omitempty"`
}

// RuleReport is what one rule would have done.
type RuleReport struct {
	Rule string `json:"rule"`
	// State is what the rules in use say of it: shadow, live or off; gone if they have no such rule, and
	// empty if it is not known which are in use.
	State string `json:"state,omitempty"`
	// Would is on how many events it would have run, and Subjects about how many conversations or others. Held
	// is how often it would have been held back, live.
	Would    int `json:"would"`
	Subjects int `json:"subjects"`
	Held     int `json:"held,omitempty"`
	// Rulesets is how many versions of the rules decided.
	Rulesets int             `json:"rulesets"`
	Actions  []*ActionReport `json:"actions"`
}

// ActionReport is how one action agrees with what people did. The numbers are of conversations or contacts.
type ActionReport struct {
	Action string `json:"action"` // as the rules file says it
	Kind   string `json:"kind"`
	Total  int    `json:"total"`
	// Compared tells whether what people did is held against it: assignments and tags are. Then Total is the
	// sum of what follows.
	Compared bool `json:"compared"`
	// Same: people did the same. Other: they did something else.
	Same  int `json:"same"`
	Other int `json:"other"`
	// Nobody: people did nothing of the kind. Waiting: nor yet, and there is still time.
	Nobody  int `json:"nobody"`
	Waiting int `json:"waiting"`
	// Already: it was so before. Left: others had the conversation before, and people left it there.
	Already int `json:"already"`
	Left    int `json:"left"`
	// Automated: a rule that is live, a bot or an app did the same.
	Automated int `json:"automated"`
	// Unknown: it cannot be told, for these reasons.
	Unknown int            `json:"unknown"`
	Reasons map[string]int `json:"reasons,omitempty"`
	// Examples are the newest where people did something else.
	Examples []Example `json:"examples,omitempty"`
}

// Example is a conversation or contact where people did something else.
type Example struct {
	Subject string    `json:"subject"`
	Event   int64     `json:"event"` // on which the rule would have run
	At      time.Time `json:"at"`
	Did     string    `json:"did"` // people
}

// mostExamples is how many are shown.
const mostExamples = 3

// action is the part of the report about the action; a proposal is the first of it where there is none.
func (r *RuleReport) action(p *proposal) *ActionReport {
	i := slices.IndexFunc(r.Actions, func(a *ActionReport) bool { return a.Action == p.summary && a.Kind == p.kind })
	if i < 0 {
		i = len(r.Actions)
		r.Actions = append(r.Actions, &ActionReport{Action: p.summary, Kind: p.kind})
	}
	return r.Actions[i]
}

func (a *ActionReport) add(v verdict, words string, p *proposal) {
	*map[verdict]*int{
		same: &a.Same, other: &a.Other, nobody: &a.Nobody, waiting: &a.Waiting, already: &a.Already, left: &a.Left,
		automated: &a.Automated, unknown: &a.Unknown,
	}[v]++
	switch v {
	case unknown:
		if a.Reasons == nil {
			a.Reasons = map[string]int{}
		}
		a.Reasons[words]++
	case other:
		if len(a.Examples) == mostExamples {
			a.Examples = a.Examples[1:]
		}
		a.Examples = append(a.Examples, Example{Subject: p.subject, Event: p.seq, At: p.at, Did: words})
	}
}

// Percent is how many in a hundred of those about which people did anything agree; ok is false if there are
// none. It says 100 only when all do.
func (a *ActionReport) Percent() (percent int, ok bool) {
	did := a.Same + a.Other
	if did == 0 {
		return 0, false
	}
	percent = (200*a.Same + did) / (2 * did)
	if a.Other > 0 {
		percent = min(percent, 99)
	}
	return percent, true
}

// Has tells whether the report is about a rule.
func (r *Report) Has(rule string) bool {
	return slices.ContainsFunc(r.Rules, func(one *RuleReport) bool { return one.Rule == rule })
}

// Within is WithinSeconds as people write it, such as 24h.
func (r *Report) Within() string {
	text := time.Duration(r.WithinSeconds * float64(time.Second)).String()
	for _, unit := range []string{"m", "h"} { // 24h0m0s is 24h
		if short, ok := strings.CutSuffix(text, map[string]string{"m": "0s", "h": "0m"}[unit]); ok && strings.HasSuffix(short, unit) {
			text = short
		}
	}
	return text
}
