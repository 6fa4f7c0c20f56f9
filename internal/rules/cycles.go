package rules

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"switchboard/internal/actions"
	"switchboard/internal/event"
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
		if n.rule.from == fromAny && n.rule.listensTo(topic) && n.rule.mayRunOnOwn(topic) {
			list = append(list, n)
		}
	}
	return list
}

func (r *rule) listensTo(topic string) bool {
	return slices.ContainsFunc(r.topics, func(p topicPattern) bool { return p.matches(topic) })
}

// mayRunOnOwn tells whether the rule's condition can hold on a notification of our own work. Of
// that a teammate or a bot is the author, or nobody is named.
func (r *rule) mayRunOnOwn(topic string) bool {
	if topic == "event.created" || strings.HasSuffix(topic, "signed_up") {
		return r.condition.under(foresight{"event.topic": {Known: true, Value: topic}}) != never
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
		if r.condition.under(f) != never {
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
	return n.rule.condition.under(f) == never
}

// silencesItself tells whether a rule's own actions make its condition false.
func (n *feeder) silencesItself() bool {
	return len(n.kinds) == 1 && n.rule.condition.under(n.ownFacts()) == never
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

// cyclic tells whether a component is more than one rule that does not feed itself.
func cyclic(group []*feeder) bool {
	return len(group) > 1 || slices.ContainsFunc(group[0].feeds, func(f *feed) bool { return f.to == group[0] })
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
		if n.rule.condition.under(f) != never {
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
		if n.rule.listensTo(topic) {
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
