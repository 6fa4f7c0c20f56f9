package rules

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"switchboard/internal/actions"
)

// findContradictions reports rules that can run on one event and leave behind what cannot both be: the one
// that comes later undoes what the first did.
func (p *loader) findContradictions(list []*study) {
	for _, c := range contradictions(list) {
		p.file = c.of.source
		p.warn(p.file.nodeSpan(c.of.action.at), codeContradiction, "let their conditions exclude each other, or give the first one stop: true",
			"this undoes what %q (%s) does, %s: both run on %s", c.with.name, c.with.at(), c.with.action.spec.Summary(), c.when())
	}
}

// contradictions are pairs of rules that undo each other's work, for each rule with the first before it.
// That both can run is shown by a topic, an actor, and facts that are known to occur (usual.go) with which
// both conditions hold.
func contradictions(list []*study) (found []*conflict) {
	f := conflicts{solver: &solver{solverSteps}, settling: map[string][]*effect{}}
	for _, st := range list {
		if st.stop {
			f.stops = append(f.stops, st)
		}
		if st.dead || st.state != stateLive || st.wait != nil || st.sweep != nil || st.ordersTopics() {
			continue // what waits, or is called by the clock, runs on an event of its own
		}
		effects := effectsOf(st)
		for _, e := range effects {
			if c := f.first(e); c != nil {
				found = append(found, c)
				break
			}
		}
		for _, e := range effects {
			f.settling[e.fact.Path] = append(f.settling[e.fact.Path], e)
		}
	}
	return found
}

// effect is a fact that a rule leaves behind.
type effect struct {
	*study
	fact   actions.Fact
	action plannedSpec // that does it
	asks   *asks
}

// follows are facts that come with another one.
var follows = []string{"conversation.open", "ticket.open", "contact.first_name"}

// effectsOf are the facts that a rule leaves behind, in the order of its actions.
func effectsOf(st *study) (list []*effect) {
	n := newFeeder(st.rule, st.place)
	var a *asks
	for i, echo := range n.echoes {
		for _, fact := range echo.Facts {
			if left, ok := n.after[fact.Path]; !ok || left != fact || slices.Contains(follows, fact.Path) {
				continue
			}
			if a == nil {
				a = st.asks()
			}
			fact.Path = fold(fact.Path)
			list = append(list, &effect{st, fact, st.actions[i], a})
		}
	}
	return list
}

// opposes tells whether two facts of one path cannot both be.
func opposes(a, b actions.Fact) bool {
	switch {
	case a.Known && b.Known && a.Value == b.Value: // texts, numbers and the like
		return false
	case a.Known && b.Known:
		shownA, errA := display(a.Value)
		shownB, errB := display(b.Value)
		return errA == nil && errB == nil && (shownA != shownB || (a.Value == nil) != (b.Value == nil))
	case a.Known:
		return a.Value == nil && b.Some
	case b.Known:
		return b.Value == nil && a.Some
	}
	return a.Name != "" && b.Name != "" && spelledAlike(a.Name, b.Name) && fold(a.Name) != fold(b.Name)
}

// spelledAlike tells whether two references to a team or teammate are of one kind: a name, an id, an e-mail
// address. Those of two kinds can be one and the same.
func spelledAlike(a, b string) bool {
	return digitsOnly(a) == digitsOnly(b) && strings.Contains(a, "@") == strings.Contains(b, "@")
}

// conflicts looks for rules that contradict each other.
type conflicts struct {
	solver   *solver
	settling map[string][]*effect // by path, those of the rules so far
	stops    []*study             // rules so far that may stop
	tried    int
}

const (
	// maxPairs is how many pairs of rules are looked at closely.
	maxPairs = 5_000
	// maxStops is how many rules before a pair may stop.
	maxStops = 50
)

// conflict is a pair of rules with an event on which both run.
type conflict struct {
	of      *effect // the later one
	with    *effect
	topic   string
	from    any
	witness map[string]any
}

// first is the first rule so far that leaves behind the opposite.
func (f *conflicts) first(e *effect) *conflict {
	for _, other := range f.settling[e.fact.Path] {
		if !opposes(other.fact, e.fact) || !other.asks.fits(e.asks) || f.tried >= maxPairs {
			continue
		}
		f.tried++
		if c := f.together(other, e); c != nil {
			return c
		}
	}
	return nil
}

// together looks for an event on which both rules run.
func (f *conflicts) together(first, second *effect) *conflict {
	if first.stop || first.study == second.study || !sameHours(first.rule, second.rule) {
		return nil
	}
	for _, t := range first.topics {
		i := slices.IndexFunc(second.topics, func(other topicOf) bool { return other.name == t.name })
		if i < 0 || !usualTopic(t.name) {
			continue
		}
		for _, from := range (t.by & second.topics[i].by & usualActors(t.name)).names() {
			if c := f.on(first, second, t.name, from); c != nil {
				return c
			}
		}
	}
	return nil
}

// sameHours tells whether both rules apply at some time. Of two calendars nobody knows here.
func sameHours(a, b *rule) bool {
	switch {
	case a.during == nil && a.outside == nil, b.during == nil && b.outside == nil:
		return true
	}
	return a.during == b.during && a.outside == b.outside
}

// on looks for facts of an event with this topic and actor on which both rules run.
func (f *conflicts) on(first, second *effect, topic string, from any) *conflict {
	needed := slices.Concat(first.parts, second.parts)
	all := slices.Concat(first.asks.list, second.asks.list)
	stops := 0
	for _, st := range f.stops {
		if st.place >= second.place || st == first.study || !st.mayStop(topic, from) {
			continue
		}
		stops++
		needed = append(needed, requirement{&proposition{op: isEvery, subs: st.condition.parts()}, wantNotTrue})
		all = append(all, st.asks().list...)
	}
	clock := first.during != nil || first.outside != nil || second.during != nil || second.outside != nil
	if stops > maxStops || !independent(all, clock) {
		return nil
	}
	u := &usual{topic: topic, unmodelled: map[string]bool{}}
	for _, a := range all {
		if !a.modelled {
			for _, t := range a.terms {
				u.unmodelled[t.key] = true
			}
		}
	}
	v, witness := f.solver.solve(needed, assumptions{fixed: map[string]any{"event.topic": topic, "event.from": from}, real: u})
	if v != possible {
		return nil
	}
	return &conflict{second, first, topic, from, witness}
}

// mayStop tells whether the rule can run on such an event, and nothing but its condition can hold it back.
func (st *study) mayStop(topic string, from any) bool {
	name, _ := from.(string)
	by := byNobody
	if from != nil {
		by = actorBits[name]
	}
	return st.state == stateLive && st.wait == nil && st.sweep == nil && st.during == nil && st.outside == nil &&
		st.onceFor == "" && st.cooldown.length == 0 && st.limit.runs == 0 &&
		slices.ContainsFunc(st.topics, func(t topicOf) bool { return t.name == topic && t.by&by != 0 })
}

// when says on which event both rules run.
func (c *conflict) when() string {
	var facts []string
	for _, key := range slices.Sorted(maps.Keys(c.witness)) {
		if fact := shownFact(key, c.witness[key]); fact != "" {
			facts = append(facts, fact)
		}
	}
	const most = 4
	if len(facts) > most {
		facts = append(facts[:most], "...")
	}
	if len(facts) == 0 {
		return c.topic
	}
	return c.topic + ", for instance with " + strings.Join(facts, " and ")
}

// shownFact writes a fact as a condition would.
func shownFact(key string, v any) string {
	if state, isTag := v.(spellings); isTag {
		if len(state) == 0 {
			return "not has_tag(" + strconv.Quote(strings.TrimPrefix(key, tagPath)) + ")"
		}
		return "has_tag(" + strconv.Quote(state[0]) + ")"
	}
	switch v := v.(type) {
	case nil:
		return key + " == nil"
	case string:
		return key + " == " + strconv.Quote(v)
	case bool:
		if v {
			return key
		}
		return "not " + key
	case int, uint64, float64:
		return fmt.Sprint(key, " == ", v)
	}
	return "" // some other text
}
