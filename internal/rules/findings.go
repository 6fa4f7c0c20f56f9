package rules

import (
	"slices"
	"strconv"
	"strings"

	"switchboard/internal/diag"
	"switchboard/internal/event"
)

// The codes of what is found by looking at conditions and at rules beside each other. All are warnings:
// the rules can be used, and do not do what their author has in mind.
//
//   - rules/never-matches: the rule never runs, because no event can meet all that it asks for.
//   - rules/always-true, rules/always-false: a part of a condition decides nothing.
//   - rules/shadowed: an earlier rule with `stop: true` runs whenever this one would.
//   - rules/may-be-empty: a text that an action needs is nothing but facts that may be absent.
//   - rules/contradiction: two rules can run on one event and undo each other's work.
//
// Each is reported only when it is certain (satisfy.go). What cannot be followed, or takes too long,
// is passed over in silence. ADR 0028 says more.
const (
	codeNeverMatches  = "rules/never-matches"
	codeAlwaysTrue    = "rules/always-true"
	codeAlwaysFalse   = "rules/always-false"
	codeShadowed      = "rules/shadowed"
	codeContradiction = "rules/contradiction"
	codeMayBeEmpty    = "rules/may-be-empty"
)

// checkTogether looks at all rules, when each is fine by itself.
func (p *loader) checkTogether() {
	p.refuseLoops()
	if diag.HasErrors(p.problems) {
		return
	}
	list := p.studied()
	p.findDead(list)
	p.findShadowed(list)
	p.findContradictions(list)
	p.findEmptyTexts(list)
}

// study is a rule with what is found out about it.
type study struct {
	*rule
	solver *solver
	place  int           // among all rules
	parts  []requirement // what must be met for its condition to hold
	terms  map[string]bool
	own    bool // it asks for its own name
	// topics are those that it listens to: the known ones, and where it says * one that nobody knows.
	topics []topicOf
	worlds []assumptions // what can be known of an event before its facts
	dead   bool          // it never runs
	asked  *asks         // see asks; nil until it is needed
}

// topicOf is a topic that a rule listens to, with those who can have caused its events.
type topicOf struct {
	name  string
	known bool
	by    actors
}

func (p *loader) studied() (list []*study) {
	s := &solver{solverSteps + 10*solveSteps*len(p.rules)}
	for i, r := range p.rules {
		if r.state != stateOff {
			list = append(list, newStudy(r, i, s))
		}
	}
	return list
}

func newStudy(r *rule, place int, s *solver) *study {
	st := &study{rule: r, place: place, solver: s, terms: map[string]bool{}}
	for _, part := range r.condition.parts() {
		st.parts = requirement{part, wantTrue}.split(st.parts)
	}
	for _, part := range st.parts {
		part.says.questions(func(q *question) {
			for _, t := range q.terms {
				st.terms[t.key] = true
				st.own = st.own || t.own
			}
		})
	}
	by := actorBits[r.from]
	for _, t := range st.everyTopic() {
		if r.sweep == nil {
			t.by = t.by&by | by&ourselves
		}
		if t.by&byAnybody != 0 {
			st.topics = append(st.topics, t)
		}
	}
	st.worlds = st.possibleWorlds()
	return st
}

// everyTopic are the topics of the rule's events, with all who may cause them.
func (st *study) everyTopic() (list []topicOf) {
	if st.sweep != nil {
		return []topicOf{{event.TopicSchedule, true, byNobody}}
	}
	add := func(topic string, known bool) {
		if matchesAny(st.rule.topics, topic) && !slices.ContainsFunc(list, func(t topicOf) bool { return t.name == topic }) {
			list = append(list, topicOf{topic, known, actorsOf(topic)})
		}
	}
	wild := false
	for _, p := range st.rule.topics {
		if p.exact {
			add(p.text, true)
			continue
		}
		// A * stands for what nobody has heard of, too; at the end for more than one word.
		wild = true
		unheard := strings.ReplaceAll(p.text, "*", "unheard_of")
		add(unheard, false)
		if strings.HasSuffix(p.text, "*") {
			add(unheard+".unheard_of", false)
		}
	}
	if !wild {
		return list
	}
	for _, topic := range event.Topics() {
		add(topic, true)
	}
	for _, topic := range st.askedTopics() {
		add(topic, true)
	}
	return list
}

// askedTopics are the topics that the condition compares event.topic with.
func (st *study) askedTopics() (list []string) {
	for _, q := range st.about("event.topic") {
		for _, v := range constantsOf(q) {
			if topic, ok := v.(string); ok {
				list = append(list, topic)
			}
		}
	}
	return list
}

func constantsOf(q *question) []any {
	values, _ := comparedWith([]*question{q})
	return values
}

// about are the questions of the condition about a term.
func (st *study) about(key string) (list []*question) {
	if !st.terms[key] {
		return nil
	}
	for _, part := range st.parts {
		part.says.questions(func(q *question) {
			if slices.ContainsFunc(q.terms, func(t *term) bool { return t.key == key }) {
				list = append(list, q)
			}
		})
	}
	return list
}

// possibleWorlds are the topics and actors of the rule's events, as far as its condition asks for them.
func (st *study) possibleWorlds() []assumptions {
	return worldsOf(st.topics, st.terms["event.topic"], st.terms["event.from"], st.wait != nil)
}

// worldsOf are the ways in which topic and actor can be, each once. Nobody acts when a timer comes due.
func worldsOf(topics []topicOf, byTopic, byActor, waits bool) (list []assumptions) {
	if !byTopic && !byActor && len(topics) > 0 {
		return []assumptions{{}}
	}
	seen := map[any]bool{}
	for _, t := range topics {
		names := t.by.names()
		switch {
		case !byActor:
			names = []any{nil}
		case waits:
			names = []any{nil}
		}
		for _, from := range names {
			fixed := map[string]any{}
			if byActor {
				fixed["event.from"] = from
			}
			if byTopic {
				fixed["event.topic"] = any(t.name)
				if !t.known {
					fixed["event.topic"] = otherText(t.name)
				}
			}
			if mark := [2]any{fixed["event.topic"], fixed["event.from"]}; !seen[mark] {
				seen[mark] = true
				list = append(list, assumptions{fixed: fixed})
			}
		}
	}
	return list
}

// settle decides whether requirements can be met in any of the worlds.
func (s *solver) settle(list []requirement, worlds []assumptions) verdict {
	v := impossible
	for _, w := range worlds {
		switch found, _ := s.solve(list, w); found {
		case possible:
			return possible
		case undecided:
			v = undecided
		case impossible:
		}
	}
	return v
}

// ordersTopics tells whether a condition asks which of two topics comes first in the alphabet, which is
// not followed for topics that nobody has heard of.
func (st *study) ordersTopics() bool {
	return slices.ContainsFunc(st.about("event.topic"), func(q *question) bool { return q.kind == askOrder })
}

// findDead reports rules that can never run, and parts of conditions that decide nothing.
func (p *loader) findDead(list []*study) {
	for _, st := range list {
		p.file = st.source
		switch {
		case len(st.topics) == 0:
			st.dead = true
			p.warn(p.file.nodeSpan(st.listens), codeNeverMatches, "", "the rule never runs: it says from: %s, and events of %s are caused by %s",
				st.from, st.topicText(), st.everybody().words())
			continue
		case st.ordersTopics():
			continue
		}
		if st.solver.settle(st.parts, st.worlds) == impossible {
			st.dead = true
			p.reportDead(st)
			continue
		}
		for _, clauses := range [][]*clause{st.condition.all, st.condition.any, st.condition.none} {
			for _, cl := range clauses {
				p.findIdle(st, cl)
			}
		}
	}
}

// Warning reports at a place what does not forbid the use of the rules.
// topicText names the rule's topics.
func (st *study) topicText() string {
	if len(st.rule.topics) == 1 {
		return st.rule.topics[0].text
	}
	return "its topics"
}

// everybody are those who can cause events of the rule's topics, whatever its `from` says.
func (st *study) everybody() (by actors) {
	for _, t := range st.everyTopic() {
		by |= t.by
	}
	return by
}

// asking is a part of a condition that must be met by itself.
type asking struct {
	clause *clause
	key    string // that it stands under
	requirement
}

func (st *study) askings() (list []asking) {
	var take func(key string, cl *clause, splits clauseOp, want wanted)
	take = func(key string, cl *clause, splits clauseOp, want wanted) {
		if cl.op != splits {
			list = append(list, asking{cl, key, requirement{cl.says, want}})
			return
		}
		for _, sub := range cl.subs {
			take(key, sub, splits, want)
		}
	}
	for _, cl := range st.condition.all {
		take("if", cl, opAll, wantTrue)
	}
	if one := st.condition.any; len(one) > 0 {
		either := &proposition{op: isOne}
		for _, cl := range one {
			either.subs = append(either.subs, cl.says)
		}
		list = append(list, asking{one[0], "any", requirement{either, wantTrue}})
	}
	for _, cl := range st.condition.none {
		take("none", cl, opAny, wantFalse)
	}
	return list
}

// reportDead says which part of a condition leaves nothing.
func (p *loader) reportDead(st *study) {
	list := st.askings()
	cannot := func(worlds []assumptions, some ...asking) bool {
		var needed []requirement
		for _, a := range some {
			needed = append(needed, a.requirement)
		}
		return st.solver.settle(needed, worlds) == impossible
	}
	report := func(a asking, hint, format string, args ...any) {
		p.warn(a.clause.at, codeNeverMatches, hint, "the rule never runs: "+format, args...)
	}
	for i, a := range list {
		switch {
		case cannot([]assumptions{{}}, a):
			report(a, a.hint(), "%s", a.never())
			return
		case cannot(st.worlds, a):
			report(a, "", "on its topics, with from: %s, %s", st.from, a.never())
			return
		}
		for _, b := range list[:i] {
			if cannot(st.worlds, a, b) {
				report(a, "", "this and %s: %s (line %d) exclude each other", b.key, b.clause.text, b.clause.at.line)
				return
			}
		}
		if cannot(st.worlds, list[:i+1]...) {
			report(a, "", "this excludes what the conditions before it leave")
			return
		}
	}
	p.warn(p.file.nodeSpan(st.listens), codeNeverMatches, "", "the rule never runs: its conditions exclude each other")
}

func (a asking) never() string {
	switch a.key {
	case "none":
		return "this is always true, under none:"
	case "any":
		return "none of any: is ever true"
	}
	return "this is never true"
}

func (a asking) hint() string {
	if a.clause.text == "false" {
		return "state: off switches a rule off"
	}
	return ""
}

// findIdle reports a clause that is always true or always false, or such parts of it.
func (p *loader) findIdle(st *study, cl *clause) {
	if cl.text == "true" || cl.text == "false" { // somebody knows
		return
	}
	switch {
	case st.solver.settle([]requirement{{cl.says, wantNotTrue}}, st.worlds) == impossible:
		p.warn(cl.at, codeAlwaysTrue, "leave it out, or say what it should ask for", "this is always true")
		return
	case st.solver.settle([]requirement{{cl.says, wantTrue}}, st.worlds) == impossible:
		p.warn(cl.at, codeAlwaysFalse, "leave it out, or say what it should ask for", "this is never true")
		return
	}
	for _, sub := range cl.subs {
		p.findIdle(st, sub)
	}
}

// at is the place of a rule as people look for it.
func (r *rule) at() string { return r.file + ":" + strconv.Itoa(r.line) }
