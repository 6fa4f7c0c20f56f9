package rules

import (
	"slices"
	"strconv"
)

// PlacedClause is a clause without parts and where it stands in its rule: the key and the numbers of the
// clauses around it, such as if.0.1.
type PlacedClause struct {
	At, Text string
}

// Clauses are the clauses of a rule that have no parts, in the order in which they are asked.
func (rs *Ruleset) Clauses(rule string) (list []PlacedClause) {
	r := rs.named(rule)
	if r == nil {
		return nil
	}
	for _, part := range r.condition.lists() {
		eachClause(*part.list, part.key, func(at string, cl *clause) {
			list = append(list, PlacedClause{at, cl.text})
		})
	}
	return list
}

// conditionPart is one of the three lists of a condition with its key in the rules file.
type conditionPart struct {
	key  string
	list *[]*clause
}

func (c *condition) lists() []conditionPart {
	return []conditionPart{{"if", &c.all}, {"any", &c.any}, {"none", &c.none}}
}

func eachClause(list []*clause, at string, each func(string, *clause)) {
	for i, cl := range list {
		place := at + "." + strconv.Itoa(i)
		if len(cl.subs) > 0 {
			eachClause(cl.subs, place, each)
		} else {
			each(place, cl)
		}
	}
}

// EachClause calls back with the clauses that have no parts and what came of them, by the places that
// Ruleset.Clauses gives.
func (x Explanation) EachClause(each func(at string, c *Clause)) {
	for _, part := range []struct {
		key  string
		list []*Clause
	}{{"if", x.If}, {"any", x.Any}, {"none", x.None}} {
		eachExplained(part.list, part.key, each)
	}
}

func eachExplained(list []*Clause, at string, each func(string, *Clause)) {
	for i, c := range list {
		place := at + "." + strconv.Itoa(i)
		if len(c.Clauses) > 0 {
			eachExplained(c.Clauses, place, each)
		} else {
			each(place, c)
		}
	}
}

// Flipped is the ruleset with one clause turned into its opposite; nil when there is none at that place.
// Tests that are worth something notice the difference.
func (rs *Ruleset) Flipped(name, at string) *Ruleset {
	i := slices.IndexFunc(rs.rules, func(r *rule) bool { return r.name == name })
	if i < 0 {
		return nil
	}
	changed := *rs.rules[i]
	found := false
	for _, part := range changed.condition.lists() {
		*part.list = flipped(*part.list, part.key, at, &found)
	}
	if !found {
		return nil
	}
	list := slices.Clone(rs.rules)
	list[i] = &changed
	out := newRuleset(rs.sources, list, rs.admin, rs.counters)
	out.breaker = rs.breaker
	return out
}

func flipped(list []*clause, at, wanted string, found *bool) []*clause {
	out := slices.Clone(list)
	for i, cl := range out {
		place := at + "." + strconv.Itoa(i)
		changed := *cl
		switch {
		case len(cl.subs) > 0:
			changed.subs = flipped(cl.subs, place, wanted, found)
		case place == wanted:
			*found = true
			changed.test = func(e *evaluation) bool { return !cl.test(e) }
		default:
			continue
		}
		out[i] = &changed
	}
	return out
}
