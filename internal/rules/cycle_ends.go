package rules

import (
	"math"
	"slices"
	"strings"
	"time"

	"switchboard/internal/event"
)

// What ends a cycle of rules that feed each other, see cycles.go.

// bounded are the rules of a group that end every cycle they are in, with how often each can run in
// an hour because of one event.
func (g *graph) bounded(group []*feeder) map[*feeder]int {
	w := ending{graph: g, group: group}
	w.threads, w.newThreads = g.subjects(group, event.KindConversation, event.KindTicket)
	w.threads = plus(w.threads, 1) // a conversation and the ticket it is linked to
	w.contacts, w.newContacts = g.subjects(group, event.KindContact)
	w.pause = pauseOf(group)
	w.reached = slices.ContainsFunc(group, func(n *feeder) bool { return n.inflow > 0 })
	caps := map[*feeder]int{}
	for _, n := range group {
		if most, ends := w.most(n); ends {
			caps[n] = most
		}
	}
	return caps
}

// ending is what bounds the rules of a group.
type ending struct {
	*graph
	group                   []*feeder
	threads, contacts       int // subjects that one event can concern
	newThreads, newContacts bool
	reached                 bool
	pause                   time.Duration // how long timers can hold up one round
	ways                    int           // see paths; 0 until it is needed
	heard                   []*feeder     // see hearers; nil until it is needed
}

// most is how often a rule can run; ends is false when nothing in itself bounds that.
func (w *ending) most(n *feeder) (most int, ends bool) {
	most = math.MaxInt
	bound := func(applies bool, runs int) {
		if applies {
			most, ends = min(most, runs), true
		}
	}
	r := n.rule
	bound(r.onceFor == perConversation && !w.newThreads, w.threads)
	bound(r.onceFor == perContact && !w.newContacts, w.contacts)
	if c := r.cooldown; c.length > 0 {
		perHour := windows(c.length)
		calm := w.calm(perHour) && w.outlasts(c.length, 1)
		bound(c.per == perConversation && !w.newThreads && calm, times(w.threads, perHour+1))
		bound(c.per == perContact && !w.newContacts && calm, times(w.contacts, perHour+1))
	}
	if l := r.limit; l.runs > 0 {
		perHour := times(l.runs, windows(l.per))
		bound(w.calm(perHour) && w.outlasts(l.per, l.runs), plus(perHour, l.runs)) // of a window that was open already, too
	}
	if !w.newThreads && !w.newContacts && w.silences(n) {
		if w.ways == 0 {
			w.ways = paths(w.group)
		}
		bound(true, w.ways)
	}
	if !w.reached {
		most = 0
	}
	return most, ends
}

// pauseOf is how long the timers of a group can hold up one round of it. What runs in office hours can
// take as long as a holiday.
func pauseOf(group []*feeder) (pause time.Duration) {
	for _, n := range group {
		switch wait := n.rule.wait; {
		case wait == nil:
		case wait.hours != nil:
			return math.MaxInt64
		default:
			pause += wait.after // each a year at most, and there are not that many rules
		}
	}
	return pause
}

// outlasts tells whether a window is longer than so many rounds take, with as long again for what is
// slow otherwise: a window that is over when the next round comes holds nothing back.
func (w *ending) outlasts(window time.Duration, runs int) bool {
	return w.pause == 0 || window/2/w.pause >= time.Duration(runs)
}

// windows is how many windows of a length begin in an hour.
func windows(d time.Duration) int { return max(1, int((time.Hour+d-1)/max(d, 1))) }

// calm tells whether a rule that runs so often in an hour keeps the cycle below the breaker.
func (w *ending) calm(runs int) bool {
	n := 0
	for _, member := range w.group {
		n += len(member.echoes)
	}
	return times(runs, n) <= w.breaker
}

// subjects is how many of these kinds one event can concern: one, and those that were made because
// of it. fresh tells that the group itself makes more of them.
func (g *graph) subjects(group []*feeder, kinds ...string) (n int, fresh bool) {
	n = 1
	for _, node := range g.nodes {
		for _, e := range node.echoes {
			if !slices.ContainsFunc(e.Makes, func(kind string) bool { return slices.Contains(kinds, kind) }) {
				continue
			}
			fresh = fresh || node.group == group[0].group
			if node.settled {
				n = plus(n, node.runs)
			}
		}
	}
	return n, fresh
}

// silences tells whether a rule's own actions make its condition false, and nothing that follows from
// the group can make it true again. That is so only when it is about the subject on which they act.
func (w *ending) silences(n *feeder) bool {
	if !n.silencesItself() {
		return false
	}
	if w.heard == nil {
		w.heard = hearers(w.group, false)
	}
	f := n.ownFacts()
	for _, other := range w.heard {
		other.undo(f, other == n, w.pause > 0)
	}
	return !n.rule.condition.under(f).possible()
}

// silencesItself tells whether a rule's own actions make its condition false.
func (n *feeder) silencesItself() bool {
	return len(n.kinds) == 1 && !n.rule.condition.under(n.ownFacts()).possible()
}

// ownFacts are what the rule's actions leave behind of its subject.
func (n *feeder) ownFacts() foresight {
	f := foresight{}
	for path, fact := range n.after {
		if strings.HasPrefix(path, n.kinds[0]+".") {
			f[path] = fact
		}
	}
	return f
}

// undo drops what the rule's actions make doubtful; its own leave behind what they do. With timers on
// the way, what was snoozed may be open again.
func (n *feeder) undo(f foresight, own, pauses bool) {
	for i, e := range n.echoes {
		if !own {
			f.doubt(e.Facts)
		}
		if pauses && n.rule.actions[i].kind == "snooze" {
			for _, fact := range e.Facts {
				f.forget(fact.Path)
			}
		}
	}
}

// hearers are the rules that run because of what a group does: its own, and those that it feeds, which
// may bring nothing back and still undo what ends it. What was settled before the group has a bound, and
// counts among what reaches it: such rules are left out, unless all are asked for.
func hearers(group []*feeder, all bool) []*feeder {
	list, seen := slices.Clone(group), map[*feeder]bool{}
	for _, n := range group {
		seen[n] = true
	}
	for i := 0; i < len(list); i++ {
		for _, f := range list[i].feeds {
			if !seen[f.to] && (all || !f.to.settled) {
				seen[f.to] = true
				list = append(list, f.to)
			}
		}
	}
	return list
}

// paths is how many ways there are through a group for the events that reach it from outside, each
// rule twice on a way: what silences itself may still run for what happened just before.
func paths(group []*feeder) int {
	in, ways := 0, 1
	for _, n := range group {
		in = plus(in, n.inflow)
		out := 1
		for _, f := range n.feeds {
			if f.to.group == n.group {
				out = plus(out, f.times)
			}
		}
		ways = times(ways, times(out, out))
	}
	return times(max(in, 1), ways)
}
