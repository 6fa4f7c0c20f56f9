package rules

import (
	"slices"
	"strings"

	"switchboard/internal/actions"
)

// Rules that say `from: any` hear of what Switchboard itself does, so that one can set off the
// next, and in the end the first again (I9). Which action brings which notification back is in
// the actions package (EchoOf); this file makes a graph of it, in which a rule feeds another, and
// looks for cycles. A cycle is harmless when something in it ends it, whatever happens:
//
//   - once, and a condition that the rule's own actions make false for good: at most once for a
//     conversation, ticket or contact, unless the cycle makes new ones;
//   - cooldown, and limit, as long as what they allow in an hour stays below the breaker: a run that
//     is held back is not made up for, so the chain ends there.
//
// Rules that are so bounded are taken out, and what remains must have no cycle. The same order
// gives the bound: how often each rule can run because of one event from outside.

// feeder is a rule as part of the graph.
type feeder struct {
	rule   *rule
	place  int // in file order
	kinds  []string
	echoes []actions.Echo
	after  foresight // what its actions leave behind
	feeds  []*feed

	group   int // of the components that were made last
	settled bool
	inflow  int // events that reach it from rules that are settled, and from outside
	runs    int
}

// feed is one way in which a rule sets off another.
type feed struct {
	to     *feeder
	action string // its kind
	topic  string
	times  int
}

// graph is all live rules of a ruleset.
type graph struct {
	nodes   []*feeder
	breaker int
	groups  int // that were made so far
	feeds   int
}

// maxFeeds bounds the graph: rules that all hear each other are no use to anybody, and their number
// squared is a lot of memory.
const maxFeeds = 1_000_000

func newGraph(rules []*rule, breaker int) *graph {
	g := &graph{breaker: breaker}
	for i, r := range rules {
		if r.state == stateLive {
			g.nodes = append(g.nodes, newFeeder(r, i))
		}
	}
	hearing := map[string][]*feeder{} // by topic, those that hear of our own work
	for _, n := range g.nodes {
		for i, e := range n.echoes {
			for _, topic := range e.Topics {
				if _, asked := hearing[topic]; !asked {
					hearing[topic] = g.hearing(topic)
				}
				g.feeds += len(hearing[topic])
				if g.feeds <= maxFeeds {
					n.feed(n.rule.actions[i].kind, topic, hearing[topic], max(1, e.Times))
				}
			}
		}
	}
	return g
}

func newFeeder(r *rule, place int) *feeder {
	n := &feeder{rule: r, place: place, kinds: r.subjectKinds(), after: foresight{}}
	for _, a := range r.actions {
		echo, _ := actions.EchoOf(a.spec, n.kinds)
		n.echoes = append(n.echoes, echo)
		n.after.see(echo.Facts)
	}
	return n
}

// Echoes are what comes back from Intercom when the actions of a rule have been carried out, in
// their order.
func (rs *Ruleset) Echoes(rule string) (list []actions.Echo) {
	for i, r := range rs.rules {
		if r.name == rule {
			list = newFeeder(r, i).echoes
		}
	}
	return list
}

// feed adds what an action sets off by this topic. Topics that tell of one part of a conversation run
// a rule once; those of tickets do not all name a part.
func (n *feeder) feed(action, topic string, to []*feeder, times int) {
	known := map[*feeder]bool{}
	if onePart := strings.HasPrefix(topic, "conversation."); onePart {
		for _, f := range n.feeds {
			if f.action == action && strings.HasPrefix(f.topic, "conversation.") {
				known[f.to] = true
			}
		}
	}
	for _, other := range to {
		if !known[other] {
			n.feeds = append(n.feeds, &feed{to: other, action: action, topic: topic, times: times})
		}
	}
}

// hearing are the rules that run when our own work has this topic.
func (g *graph) hearing(topic string) (list []*feeder) {
	for _, n := range g.nodes {
		if n.rule.from == fromAny && matchesAny(n.rule.topics, topic) && n.rule.mayRunOnOwn(topic) {
			list = append(list, n)
		}
	}
	return list
}

// mayRunOnOwn tells whether the rule's condition can hold on a notification of our own work. Of
// that a teammate or a bot is the author, or nobody is named.
func (r *rule) mayRunOnOwn(topic string) bool {
	if topic == "event.created" || strings.HasSuffix(topic, "signed_up") {
		return r.condition.under(foresight{"event.topic": {Known: true, Value: topic}}).possible()
	}
	actors := []any{nil, fromTeammate, fromBot}
	if r.wait != nil {
		actors = []any{nil} // nobody acts when a timer comes due
	}
	for _, from := range actors {
		f := foresight{"event.topic": {Known: true, Value: topic}, "event.from": {Known: true, Value: from}}
		if topic == "conversation.admin.replied" && r.wait == nil {
			f["message.from"] = actions.Fact{Known: true, Value: fromTeammate}
		}
		if r.condition.under(f).possible() {
			return true
		}
	}
	return false
}

// settle finds out how often each of the nodes can run, those first that feed the others. It
// returns the groups of rules in which nothing ends that.
func (g *graph) settle(nodes []*feeder) (endless [][]*feeder) {
	for _, group := range g.components(nodes) {
		if !cyclic(group) {
			group[0].settle(group[0].inflow)
			continue
		}
		caps := g.bounded(group)
		if len(caps) == 0 {
			endless = append(endless, group)
			continue
		}
		rest := slices.Clone(group)
		for _, n := range group {
			if most, ends := caps[n]; ends {
				n.settle(most)
			}
		}
		rest = slices.DeleteFunc(rest, func(n *feeder) bool { return n.settled })
		endless = append(endless, g.settle(rest)...)
	}
	return endless
}

// settle says how often a rule can run, which is how often it feeds others.
func (n *feeder) settle(runs int) {
	n.runs, n.settled = runs, true
	for _, f := range n.feeds {
		f.to.inflow = plus(f.to.inflow, times(runs, f.times))
	}
}

// cyclic tells whether a component is more than one rule that does not feed itself.
func cyclic(group []*feeder) bool {
	return len(group) > 1 || slices.ContainsFunc(group[0].feeds, func(f *feed) bool { return f.to == group[0] })
}

// components groups nodes that feed each other, the feeding groups before those that they feed
// (Tarjan's algorithm).
func (g *graph) components(nodes []*feeder) [][]*feeder {
	type mark struct {
		index, low int
		open       bool
	}
	marks := make(map[*feeder]*mark, len(nodes))
	for _, n := range nodes {
		marks[n] = &mark{index: -1}
	}
	var groups [][]*feeder
	var stack []*feeder
	next := 0
	var visit func(n *feeder) *mark
	visit = func(n *feeder) *mark {
		m := marks[n]
		m.index, m.low, m.open = next, next, true
		next++
		stack = append(stack, n)
		for _, f := range n.feeds {
			other := marks[f.to]
			switch {
			case other == nil:
			case other.index < 0:
				m.low = min(m.low, visit(f.to).low)
			case other.open:
				m.low = min(m.low, other.index)
			}
		}
		if m.low == m.index {
			i := slices.Index(stack, n)
			group := slices.Clone(stack[i:])
			stack = stack[:i]
			g.groups++
			for _, member := range group {
				marks[member].open, member.group = false, g.groups
			}
			slices.SortFunc(group, func(a, b *feeder) int { return a.place - b.place })
			groups = append(groups, group)
		}
		return m
	}
	for _, n := range nodes {
		if marks[n].index < 0 {
			visit(n)
		}
	}
	slices.Reverse(groups)
	return groups
}

// shortestCycle is a short cycle in a group, as the feeds that make it: the shortest through one of its
// first rules, which in a group that anybody would write are all.
func shortestCycle(group []*feeder) (start *feeder, cycle []*feed) {
	const first = 100
	for _, n := range group[:min(first, len(group))] {
		if way := wayBack(n); len(way) > 0 && (cycle == nil || len(way) < len(cycle)) {
			start, cycle = n, way
		}
	}
	return start, cycle
}

// wayBack is a shortest way from a rule back to itself.
func wayBack(from *feeder) []*feed {
	type step struct {
		at  *feeder
		way []*feed
	}
	seen := map[*feeder]bool{}
	for queue := []step{{at: from}}; len(queue) > 0; queue = queue[1:] {
		s := queue[0]
		for _, f := range s.at.feeds {
			if seen[f.to] || f.to.group != from.group {
				continue
			}
			seen[f.to] = true
			w := append(slices.Clone(s.way), f)
			if f.to == from {
				return w
			}
			queue = append(queue, step{f.to, w})
		}
	}
	return nil
}
