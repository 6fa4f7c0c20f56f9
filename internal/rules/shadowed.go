package rules

import (
	"errors"
	"slices"
	"strings"
	"time"

	"switchboard/internal/actions"
	"switchboard/internal/event"
)

// findShadowed reports rules that never run because an earlier one with `stop: true` runs on everything
// that they would run on. What can hold that one back, or make it fail, lets them run. Two things are not
// counted: the circuit breaker, and replays.
func (p *loader) findShadowed(list []*study) {
	var stoppers []*stopper
	s := &solver{solverSteps}
	for _, st := range list {
		if st.dead {
			continue
		}
		if st.sweep == nil {
			if by := s.shadowing(stoppers, st); by != nil {
				st.dead = true
				p.file = st.source
				p.warn(p.file.nodeSpan(st.title), codeShadowed, "put it above that rule, or take stop: true off there",
					"the rule never runs: whenever it would, %q (%s) runs before it and stops", by.name, by.at())
				continue
			}
		}
		if st.alwaysStops() {
			stoppers = append(stoppers, newStopper(st))
		}
	}
}

// stopper is a rule that stops whenever its condition holds.
type stopper struct {
	*study
	parts []part
}

// part is something that a rule asks for, with the terms that matter to it.
type part struct {
	requirement
	keys   []string
	always bool // it is met, whatever the facts are
}

func newStopper(st *study) *stopper {
	s := &stopper{study: st}
	for _, r := range st.parts {
		one := part{requirement: r, always: st.solver.settle([]requirement{r.unmet()}, []assumptions{{unreadable: true}}) == impossible}
		r.says.questions(func(q *question) {
			for _, t := range q.terms {
				one.keys = append(one.keys, t.key)
			}
		})
		s.parts = append(s.parts, one)
	}
	return s
}

// unmet is the opposite of a requirement that has been split.
func (r requirement) unmet() requirement {
	if r.want == wantFalse {
		return requirement{r.says.not(), wantNotTrue}
	}
	return requirement{r.says, wantNotTrue}
}

// alwaysStops tells whether a rule runs, and stops, whenever its condition holds.
func (st *study) alwaysStops() bool {
	r := st.rule
	return r.stop && r.state == stateLive && r.sweep == nil && r.wait == nil && r.during == nil && r.outside == nil &&
		r.onceFor == "" && r.cooldown.length == 0 && r.limit.runs == 0 && !st.ordersTopics() && !st.own &&
		st.plansSurely()
}

// plansSurely tells whether the rule's actions can always be planned: without any fact, on each kind of
// subject. Texts that are filled in may fail.
func (st *study) plansSurely() bool {
	nothing := &evaluation{rule: st.rule} // to ask it for a fact or the time is a failure
	for _, kind := range st.subjectKinds() {
		for i, a := range st.actions {
			err := guard(func() {
				_, err := a.spec.Plan(actions.Plan{
					Facts: nothing, Now: time.Unix(0, 0).UTC(), At: time.Unix(0, 0).UTC(), Rule: st.name, Index: i,
					Event:   event.Event{ID: "1", Topic: st.topics[0].name, Subject: kind + "/1"},
					Contact: func() (string, error) { return "", errors.New("not known") },
				})
				if err != nil {
					fail(site{}, "%v", err)
				}
			})
			if err != nil {
				return false
			}
		}
	}
	return true
}

// shadowing is the rule because of which another never runs; nil when there is none.
func (s *solver) shadowing(stoppers []*stopper, st *study) *stopper {
	if st.own || st.ordersTopics() {
		return nil
	}
	for _, earlier := range stoppers {
		if earlier.hears(st) && earlier.impliedBy(st, s) {
			return earlier
		}
	}
	return nil
}

// hears tells whether the rule listens to everything that another one does, with whoever may cause it.
func (s *stopper) hears(st *study) bool {
	for _, t := range st.topics {
		if !matchesAny(s.rule.topics, t.name) || t.by&^actorBits[s.from] != 0 {
			return false
		}
	}
	// Of a topic that only the condition of this rule names, the other one does not know.
	return !slices.ContainsFunc(s.askedTopics(), func(topic string) bool {
		return !event.KnownTopic(topic) && matchesAny(st.rule.topics, topic)
	})
}

// impliedBy tells whether the rule's condition holds whenever that of another one does, and does not
// fail. A rule that waits has no condition when its event comes.
func (s *stopper) impliedBy(st *study, by *solver) bool {
	given := st.parts
	if st.wait != nil {
		given = nil
	}
	for _, one := range s.parts {
		switch {
		case one.always:
			continue
		case !slices.ContainsFunc(one.keys, func(key string) bool { return st.terms[key] || strings.HasPrefix(key, "event.") }):
			return false
		}
		byTopic, byActor := st.terms["event.topic"] || s.terms["event.topic"], st.terms["event.from"] || s.terms["event.from"]
		for _, w := range worldsOf(st.topics, byTopic, byActor, false) {
			w.unreadable = true
			if v, _ := by.solve(append(slices.Clone(given), one.unmet()), w); v != impossible {
				return false
			}
		}
	}
	return true
}
