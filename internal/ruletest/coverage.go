package ruletest

import (
	"switchboard/internal/rules"
)

// Coverage is what tests have seen of rules: whether each ran, and whether each clause of its conditions was
// true and false.
type Coverage struct {
	Ruleset string          `json:"ruleset"` // its hash
	Rules   []*RuleCoverage `json:"rules"`
}

// of tells whether it is the coverage of the rules that a file tests.
func (c *Coverage) of(f *File) bool { return c.Ruleset == f.Ruleset.Hash() }

// RuleCoverage is what was seen of one rule.
type RuleCoverage struct {
	Rule string `json:"rule"`
	File string `json:"file"`
	Line int    `json:"line"`
	// Ran is how often it ran, or would have if it were not in shadow.
	Ran     int               `json:"ran"`
	Clauses []*ClauseCoverage `json:"clauses,omitempty"`

	byAt map[string]*ClauseCoverage
}

// ClauseCoverage is what was seen of a clause that has no parts.
type ClauseCoverage struct {
	// At is where it stands: the key and the numbers of the clauses around it, such as if.0.1.
	At    string `json:"at"`
	Text  string `json:"text"`
	True  int    `json:"true"`
	False int    `json:"false"`
}

// Covered tells whether it was seen both true and false.
func (c *ClauseCoverage) Covered() bool { return c.True > 0 && c.False > 0 }

// NewCoverage is that of rules of which nothing was seen yet. Rules that are off do not count.
func NewCoverage(rs *rules.Ruleset) *Coverage {
	c := &Coverage{Ruleset: rs.Hash()}
	for _, info := range rs.Rules() {
		if info.State == "off" {
			continue
		}
		r := &RuleCoverage{Rule: info.Name, File: info.File, Line: info.Line, byAt: map[string]*ClauseCoverage{}}
		for _, cl := range rs.Clauses(info.Name) {
			seen := &ClauseCoverage{At: cl.At, Text: cl.Text}
			r.Clauses, r.byAt[cl.At] = append(r.Clauses, seen), seen
		}
		c.Rules = append(c.Rules, r)
	}
	return c
}

// add notes what a decision has shown.
func (c *Coverage) add(why []rules.Explanation) {
	if c == nil {
		return
	}
	for _, x := range why {
		if x.Outcome == nil {
			continue
		}
		for _, r := range c.Rules {
			if r.Rule == x.Rule {
				r.add(x)
			}
		}
	}
}

func (r *RuleCoverage) add(x rules.Explanation) {
	if x.Outcome.Verdict == rules.Ran || x.Outcome.Would != nil {
		r.Ran++
	}
	x.EachClause(func(at string, c *rules.Clause) {
		switch seen := r.byAt[at]; {
		case seen == nil:
		case c.Value == rules.ClauseTrue:
			seen.True++
		case c.Value == rules.ClauseFalse:
			seen.False++
		}
	})
}

// Counts are the rules and the clauses, and how many of each are covered.
func (c *Coverage) Counts() (rules, ran, clauses, covered int) {
	for _, r := range c.Rules {
		if rules++; r.Ran > 0 {
			ran++
		}
		for _, cl := range r.Clauses {
			if clauses++; cl.Covered() {
				covered++
			}
		}
	}
	return rules, ran, clauses, covered
}
