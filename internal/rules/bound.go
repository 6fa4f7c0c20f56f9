package rules

import (
	"math"

	"switchboard/internal/event"
)

// Bound is how much one event from outside can lead to.
type Bound struct {
	// Actions and Events are the most actions that it can cause within an hour, and the most
	// notifications of those that come back. math.MaxInt stands for that and more.
	Actions, Events int
	// Feeds tells that some rule can run because of what another did, or itself.
	Feeds bool
}

// Bound computes how much one event can lead to: with this topic, or, when it is empty, with the one
// for which that is most.
func (rs *Ruleset) Bound(topic string) (b Bound) {
	g := newGraph(rs.rules, rs.breaker)
	topics := []string{topic}
	if topic == "" {
		topics = event.Topics()
	}
	for _, n := range g.nodes {
		b.Feeds = b.Feeds || len(n.feeds) > 0
		for _, p := range n.rule.topics {
			if topic == "" && p.exact {
				topics = append(topics, p.text)
			}
		}
	}
	for _, topic := range topics {
		actions, events := g.bound(topic)
		b.Actions, b.Events = max(b.Actions, actions), max(b.Events, events)
	}
	return b
}

// bound is what an event with this topic can lead to.
func (g *graph) bound(topic string) (actions, events int) {
	for _, n := range g.nodes {
		n.settled, n.runs, n.inflow = false, 0, 0
		if matchesAny(n.rule.topics, topic) {
			n.inflow = 1
		}
	}
	g.settle(g.nodes)
	for _, n := range g.nodes {
		actions = plus(actions, times(n.runs, len(n.echoes)))
		for _, e := range n.echoes {
			events = plus(events, times(n.runs, times(len(e.Topics), max(1, e.Times))))
		}
	}
	return actions, events
}

// plus and times stay at the largest number when they would go beyond it.
func plus(a, b int) int {
	if a > math.MaxInt-b {
		return math.MaxInt
	}
	return a + b
}

func times(a, b int) int {
	if a > 0 && b > math.MaxInt/a {
		return math.MaxInt
	}
	return a * b
}
