package rules

import (
	"slices"

	"switchboard/internal/diag"
)

// Report is what was found in rules files.
type Report struct {
	// Ruleset is nil when any problem is an error.
	Ruleset  *Ruleset
	Problems []diag.Problem
	Silenced []diag.Silenced // the warnings that comments silence

	silences []*silence
}

// report sorts out what is silenced. unread are the problems of files that could not be read; they
// stand first. While there are errors, not everything was looked for, so nobody can tell which
// silences are of no use.
func (p *loader) report(unread []diag.Problem) Report {
	r := Report{silences: p.silences}
	r.add(p.problems)
	if !diag.HasErrors(unread) && !diag.HasErrors(r.Problems) && p.warnings < maxReported {
		r.addUnused(false)
	}
	diag.Sort(r.Problems)
	r.Problems = slices.Concat(unread, r.Problems)
	return r
}

// AddOnline adds what a check with Intercom's answers found beyond the files. The silences in the
// files hold for it as well.
func (r *Report) AddOnline(problems []diag.Problem) {
	r.add(problems)
	if !diag.HasErrors(r.Problems) {
		r.addUnused(true)
	} else {
		r.Ruleset = nil
	}
	diag.Sort(r.Problems)
}

func (r *Report) add(problems []diag.Problem) {
	for _, p := range problems {
		if s := silencing(r.silences, p); s != nil {
			s.used = true
			r.Silenced = append(r.Silenced, diag.Silenced{Problem: p, Reason: s.reason})
			continue
		}
		r.Problems = append(r.Problems, p)
	}
}

// addUnused reports the silences that silence nothing, of codes that only a check online finds or of
// the others.
func (r *Report) addUnused(online bool) {
	left := r.Problems
	for _, s := range r.silences {
		if !s.used && s.code.Online == online && len(r.Problems) < len(left)+maxReported {
			r.Problems = append(r.Problems, s.unused(left))
		}
	}
}
