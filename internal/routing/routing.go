// Package routing decides which teammate of a team gets a conversation. It is a pure function
// of the facts that it is handed: the same facts give the same choice, so a choice can be
// recorded with them and understood later.
//
// # Who can be picked
//
// Everybody of the team who is not away, has an inbox seat, and has fewer open conversations
// than the capacity, if there is one. The others are skipped, whatever the order.
//
// # What round robin promises
//
// The turn goes to the one who had theirs longest ago, and to those first who never had one.
// Take any stretch of picks of a team. Among the teammates who could be picked at every one of
// them, the numbers of picks that they got in that stretch differ by one at the most.
//
// That is so because between two turns of one teammate each other who could be picked all along
// has had one too: theirs would have been longer ago, and come first. It holds for every stretch
// whatever happened before it, and that is the point: whoever comes back from being away gets
// at most one conversation before the others get theirs, and not all that they missed; nobody
// gets two running while another waits. Counting picks in total, or going through a list by
// number, does not keep that promise.
//
// A pick by preference (the teammate who had the conversation last) is outside of the promise,
// and uses up the turn of who gets it.
//
// # What least busy promises
//
// Nobody who can be picked has fewer open conversations than the one who is. Among equals it is
// round robin. When somebody's number is not known, nobody's is used.
package routing

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Order is how one is picked of those who can be.
type Order string

// The orders, as rules files have them.
const (
	RoundRobin Order = "round_robin"
	LeastBusy  Order = "least_busy"
)

// Words is the order as people say it.
func (o Order) Words() string { return strings.ReplaceAll(string(o), "_", " ") }

// Policy is how to pick.
type Policy struct {
	Order Order `json:"order"`
	// TakeAway lets teammates who are away be picked as well.
	TakeAway bool `json:"take_away"`
	// Capacity is how many open conversations are enough: who has as many gets no more. 0 is
	// without a limit.
	Capacity int `json:"capacity"`
	// PreferLast gives the conversation to the teammate who had it last, if that one can be picked.
	PreferLast bool `json:"prefer_last"`
}

// Counts tells whether the policy needs to know how many conversations are open.
func (p Policy) Counts() bool { return p.Order == LeastBusy || p.Capacity > 0 }

// Unknown is the number of open conversations of a teammate when it is not known.
const Unknown = -1

// Candidate is a teammate of the team.
type Candidate struct {
	ID   string
	Name string
	Away bool
	// Seat tells whether the teammate can be assigned conversations at all.
	Seat bool
	// Open is how many open conversations the teammate has, or Unknown.
	Open int
}

// Memory is what was picked before.
type Memory struct {
	// Turns tells for each teammate's id when they were picked in this team for the last time.
	// Only the order of the numbers counts; who is not in it never was.
	Turns map[string]int64
	// Last is the id of the teammate who had the conversation last; empty when nobody had.
	Last string
}

// Choice is who gets the conversation, and why.
type Choice struct {
	// Admin is the id of the one who gets it, and Name their name; empty when nobody can.
	Admin string `json:"admin"`
	Name  string `json:"name"`
	// Verdicts tell of every candidate, in the order of their turns.
	Verdicts []Verdict `json:"candidates"`
	// Notes say what else mattered, for people.
	Notes []string `json:"notes,omitempty"`
}

// Verdict is what became of one candidate.
type Verdict struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Is   Is     `json:"is"`
	Why  string `json:"why"`
}

// Is tells what a verdict is.
type Is string

// What becomes of a candidate.
const (
	Picked  Is = "picked"
	Passed  Is = "passed"  // could be picked, and another was
	Skipped Is = "skipped" // could not be picked
)

const lastWhy = "had the conversation last"

// Pick chooses one of the team.
func Pick(p Policy, team []Candidate, m Memory) Choice {
	team = slices.Clone(team)
	slices.SortFunc(team, func(a, b Candidate) int { return byTurn(m, a, b) })
	var c Choice
	var can []Candidate
	for _, one := range team {
		if SkippedFor(p, one) == "" {
			can = append(can, one)
		}
	}
	order := p.Order
	if order == LeastBusy && slices.ContainsFunc(can, func(c Candidate) bool { return c.Open == Unknown }) {
		order = RoundRobin
		c.Notes = append(c.Notes, "not every number of open conversations is known: round robin instead of least busy")
	}
	at, why := first(order, can, m)
	if i := slices.IndexFunc(can, func(c Candidate) bool { return c.ID == m.Last }); p.PreferLast && i >= 0 {
		at, why = i, lastWhy
	}
	if at >= 0 {
		c.Admin, c.Name = can[at].ID, can[at].Name
	}
	for _, one := range team {
		v := Verdict{ID: one.ID, Name: one.Name}
		switch skip := SkippedFor(p, one); {
		case skip != "":
			v.Is, v.Why = Skipped, skip
		case one.ID == c.Admin:
			v.Is, v.Why = Picked, why
		default:
			v.Is, v.Why = Passed, passed(order, one, can[at], why == lastWhy, m)
		}
		c.Verdicts = append(c.Verdicts, v)
	}
	return c
}

// SkippedFor is why a teammate cannot be picked; empty when they can.
func SkippedFor(p Policy, c Candidate) string {
	switch {
	case !c.Seat:
		return "no inbox seat"
	case c.Away && !p.TakeAway:
		return "away"
	case p.Capacity > 0 && c.Open >= p.Capacity:
		return fmt.Sprintf("at capacity: %d of %d open", c.Open, p.Capacity)
	}
	return ""
}

// first is the place of the one whose turn it is, and why; -1 when there is nobody. can is in
// the order of the turns.
func first(o Order, can []Candidate, m Memory) (at int, why string) {
	if len(can) == 0 {
		return -1, ""
	}
	if o == LeastBusy {
		for i := range can {
			if can[i].Open < can[at].Open {
				at = i
			}
		}
		return at, fmt.Sprintf("fewest open: %d", can[at].Open)
	}
	if m.Turns[can[0].ID] == 0 {
		return 0, "never had a turn"
	}
	return 0, "had a turn longest ago"
}

// passed is why one who could be picked was not.
func passed(o Order, one, picked Candidate, preferred bool, m Memory) string {
	switch {
	case preferred:
		return picked.Name + " " + lastWhy
	case o == LeastBusy && one.Open > picked.Open:
		return fmt.Sprintf("has more open: %d", one.Open)
	case m.Turns[one.ID] > m.Turns[picked.ID]:
		return "had one more recently"
	}
	return "comes later in the list"
}

// byTurn orders by who had a turn longest ago. Those who never had one come in the order of
// their ids, which is the order in which they joined the workspace.
func byTurn(m Memory, a, b Candidate) int {
	return cmp.Or(
		cmp.Compare(m.Turns[a.ID], m.Turns[b.ID]),
		cmp.Compare(len(a.ID), len(b.ID)), // ids are numbers
		cmp.Compare(a.ID, b.ID),
	)
}

// Withheld is the choice without its pick, for a reason that is not about candidates.
func (c Choice) Withheld(why string) Choice {
	c.Verdicts = slices.Clone(c.Verdicts)
	for i := range c.Verdicts {
		if c.Verdicts[i].Is == Picked {
			c.Verdicts[i].Is, c.Verdicts[i].Why = Passed, why
		}
	}
	c.Admin, c.Name = "", ""
	return c
}

// mostNamed is how many teammates a sentence names.
const mostNamed = 8

// Skipped says in a sentence's part who could not be picked and why, such as "Ben: away, Cleo:
// no inbox seat"; it is empty when nobody was skipped.
func (c Choice) Skipped() string {
	var names []string
	more := 0
	for _, v := range c.Verdicts {
		switch {
		case v.Is != Skipped:
		case len(names) == mostNamed:
			more++
		default:
			names = append(names, v.Name+": "+strings.ReplaceAll(v.Why, ": ", " "))
		}
	}
	if more > 0 {
		names = append(names, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(names, ", ")
}
