package rules

import (
	"strconv"
	"strings"

	"switchboard/internal/event"
)

const loopHint = "leave out from: any, or add once: or limit:, or a condition that its own action makes false, such as not has_tag(\"X\") with tag: X"

// refuseLoops reports rules that feed each other without end, one shortest cycle of each group.
func (p *loader) refuseLoops() {
	breaker := p.breaker
	if breaker == 0 {
		breaker = defaultBreaker
	}
	g := newGraph(p.rules, breaker)
	if g.feeds > maxFeeds {
		p.file = p.rules[0].source
		p.Problem(p.rules[0].listens, "rules/too-large", "leave out from: any where it is not needed",
			"the rules can set each other off in more than %d ways, too many to follow", maxFeeds)
		return
	}
	for _, n := range g.nodes {
		n.inflow = 1
	}
	for _, group := range g.settle(g.nodes) {
		start, cycle := shortestCycle(group)
		p.file = start.rule.source
		p.Problem(start.rule.listens, "rules/loop", weakBounds(group)+loopHint, "%s", drawCycle(start, cycle))
	}
}

// drawCycle writes a cycle in one line: rules with their places, what they do, and what that tells.
func drawCycle(start *feeder, cycle []*feed) string {
	var b strings.Builder
	b.WriteString("rules feed each other without end: ")
	if len(cycle) == 1 {
		b.Reset()
		b.WriteString("this rule feeds itself without end: ")
	}
	at := start
	for _, f := range cycle {
		b.WriteString(strconv.Quote(at.rule.name) + " (" + at.rule.file + ":" + strconv.Itoa(at.rule.line) + ", " + f.action + ") -> " + f.topic + " -> ")
		at = f.to
	}
	return b.String() + strconv.Quote(start.rule.name)
}

// weakBounds says why what looks like a bound is none.
func weakBounds(group []*feeder) string {
	for _, n := range group {
		undone := n.undoneBy(group)
		switch r := n.rule; {
		case undone != nil:
			return "the condition of " + strconv.Quote(r.name) + " does not end this, because " + strconv.Quote(undone.rule.name) +
				" (" + undone.rule.file + ":" + strconv.Itoa(undone.rule.line) + ") can make it true again; "
		case r.onceFor != "":
			return "once: " + r.onceFor + " does not end this, because each round makes a new " + madeIn(group) + "; "
		case r.limit.runs > 0:
			return "limit: " + r.limit.String() + " allows more actions in an hour than settings.breaker, or rounds with after: take longer; "
		case r.cooldown.length > 0:
			return "cooldown: " + r.cooldown.String() + " allows more actions in an hour than settings.breaker, each round makes something new, or takes longer because of after:; "
		}
	}
	return ""
}

// undoneBy is the rule because of which a condition that is false after its own actions ends nothing.
func (n *feeder) undoneBy(group []*feeder) *feeder {
	if !n.silencesItself() {
		return nil
	}
	f := n.ownFacts()
	for _, other := range hearers(group, true) { // by now, what comes after the group is settled
		if other == n {
			continue
		}
		other.undo(f, false, false)
		if n.rule.condition.under(f).possible() {
			return other
		}
	}
	return nil
}

func madeIn(group []*feeder) string {
	for _, n := range group {
		for _, e := range n.echoes {
			for _, kind := range e.Makes {
				if kind != event.KindCompany {
					return kind
				}
			}
		}
	}
	return "subject"
}
