package routing

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"strconv"
	"strings"
	"testing"
)

// picked is one pick of a history: who could be picked, and who was.
type picked struct {
	could     map[string]bool
	who       string
	preferred bool
}

// unfair looks for a stretch of picks in which two teammates who could be picked all along got
// numbers of picks that differ by more than one. It counts, and knows nothing of turns.
func unfair(history []picked) string {
	for from := range history {
		could, got := map[string]bool{}, map[string]int{}
		for id := range history[from].could {
			could[id] = true
		}
		for to := from; to < len(history); to++ {
			for id := range could {
				could[id] = could[id] && history[to].could[id]
			}
			got[history[to].who]++
			for a := range could {
				for b := range could {
					if could[a] && could[b] && got[a]-got[b] > 1 {
						return fmt.Sprintf("picks %d to %d: %s got %d, %s got %d", from, to, a, got[a], b, got[b])
					}
				}
			}
		}
	}
	return ""
}

// picker gives the place of the one to pick; candidates are all of the team.
type picker func(team []Candidate, m *Memory, n int) string

// live lets a team live through random picks, absences, arrivals and departures.
func live(r *rand.Rand, pick picker) []picked {
	var history []picked
	m := Memory{Turns: map[string]int64{}}
	var team []Candidate
	joined := 0
	join := func() {
		joined++
		team = append(team, Candidate{ID: strconv.Itoa(joined), Name: "T" + strconv.Itoa(joined), Seat: r.IntN(12) > 0})
	}
	for range 2 + r.IntN(4) {
		join()
	}
	change := r.IntN(4) // how lively the team is
	for n := range 60 {
		for i := range team {
			if r.IntN(12) < change {
				team[i].Away = !team[i].Away
			}
		}
		switch at := r.IntN(len(team)); {
		case r.IntN(60) < change && len(team) < 8:
			join()
		case r.IntN(60) < change && len(team) > 2:
			team = append(append([]Candidate{}, team[:at]...), team[at+1:]...)
		}
		could := map[string]bool{}
		for _, c := range team {
			could[c.ID] = !c.Away && c.Seat
		}
		if who := pick(team, &m, n); who != "" {
			history = append(history, picked{could: could, who: who})
		}
	}
	return history
}

func byRule(p Policy) picker {
	return func(team []Candidate, m *Memory, n int) string {
		c := Pick(p, team, *m)
		if c.Admin != "" {
			m.Turns[c.Admin] = int64(n + 1)
		}
		return c.Admin
	}
}

func TestRoundRobin_spread_is_at_most_one(t *testing.T) {
	for seed := range uint64(400) {
		r := rand.New(rand.NewPCG(seed, 1))
		history := live(r, byRule(Policy{Order: RoundRobin}))
		if what := unfair(history); what != "" {
			t.Fatalf("seed %d: %s", seed, what)
		}
		for i, h := range history {
			if !h.could[h.who] {
				t.Fatalf("seed %d: pick %d went to %s, who could not be picked", seed, i, h.who)
			}
		}
	}
}

// The oracle must be able to say no: what one would write first breaks the promise.
func TestOracle_refuses_what_is_not_round_robin(t *testing.T) {
	available := func(team []Candidate) (ids []string) {
		for _, c := range team {
			if !c.Away && c.Seat {
				ids = append(ids, c.ID)
			}
		}
		return ids
	}
	for name, pick := range map[string]func() picker{
		"the number of the pick by the number of people": func() picker {
			return func(team []Candidate, _ *Memory, n int) string {
				ids := available(team)
				if len(ids) == 0 {
					return ""
				}
				return ids[n%len(ids)]
			}
		},
		"who has the fewest in total": func() picker {
			total := map[string]int{}
			return func(team []Candidate, _ *Memory, _ int) string {
				best := ""
				for _, id := range available(team) {
					if best == "" || total[id] < total[best] {
						best = id
					}
				}
				total[best]++
				return best
			}
		},
		"at random": func() picker {
			r := rand.New(rand.NewPCG(7, 7))
			return func(team []Candidate, _ *Memory, _ int) string {
				ids := available(team)
				if len(ids) == 0 {
					return ""
				}
				return ids[r.IntN(len(ids))]
			}
		},
	} {
		found := 0
		for seed := range uint64(100) {
			if unfair(live(rand.New(rand.NewPCG(seed, 1)), pick())) != "" {
				found++
			}
		}
		if found < 20 {
			t.Errorf("%s: refused %d times of 100", name, found)
		}
	}
}

// Whoever comes back gets one and not all that they missed.
func TestRoundRobin_coming_back_is_no_flood(t *testing.T) {
	team := []Candidate{{ID: "1", Seat: true, Away: true}, {ID: "2", Seat: true}, {ID: "3", Seat: true}}
	m := Memory{Turns: map[string]int64{"1": 1}}
	pick, n := byRule(Policy{Order: RoundRobin}), 1
	next := func() string { n++; return pick(team, &m, n) }
	for range 20 {
		next()
	}
	team[0].Away = false
	var got []string
	for range 6 {
		got = append(got, next())
	}
	if want := []string{"1", "2", "3", "1", "2", "3"}; !reflect.DeepEqual(got, want) {
		t.Errorf("after coming back %v, want %v", got, want)
	}
}

// With preferences, too, nobody has two turns while another who could be picked has none.
func TestPreference_uses_up_a_turn(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 2))
		var history []picked
		live(r, func(team []Candidate, m *Memory, n int) string {
			m.Last = ""
			if r.IntN(3) == 0 {
				m.Last = team[r.IntN(len(team))].ID
			}
			c := Pick(Policy{Order: RoundRobin, PreferLast: true}, team, *m)
			could := map[string]bool{}
			for _, v := range c.Verdicts {
				could[v.ID] = v.Is != Skipped
			}
			if m.Last != "" && could[m.Last] && c.Admin != m.Last {
				t.Fatalf("seed %d: %s had it last and could be picked, and %s was", seed, m.Last, c.Admin)
			}
			if c.Admin != "" {
				m.Turns[c.Admin] = int64(n + 1)
				history = append(history, picked{could, c.Admin, c.Admin == m.Last})
			}
			return c.Admin
		})
		if what := turnTwice(history); what != "" {
			t.Fatalf("seed %d: %s", seed, what)
		}
	}
}

// turnTwice looks for a pick by turn before which another, who could be picked since the last
// pick of the same teammate, got none.
func turnTwice(history []picked) string {
	for to, h := range history {
		waits, from := map[string]bool{}, to
		for id, could := range h.could {
			waits[id] = could && id != h.who && !h.preferred
		}
		for from--; from >= 0; from-- {
			for id := range waits {
				waits[id] = waits[id] && history[from].could[id]
			}
			if history[from].who == h.who {
				break
			}
			delete(waits, history[from].who)
		}
		for id, waited := range waits {
			if waited && from >= 0 {
				return fmt.Sprintf("%s got pick %d and the turn at %d, %s none between", h.who, from, to, id)
			}
		}
	}
	return ""
}

// By the facts at hand nobody is picked who must not be, and somebody is if anybody can be.
func TestPick_skips_whom_it_must(t *testing.T) {
	for seed := range uint64(3000) {
		r := rand.New(rand.NewPCG(seed, 3))
		p := Policy{
			Order: []Order{RoundRobin, LeastBusy}[r.IntN(2)], TakeAway: r.IntN(4) == 0,
			Capacity: max(0, r.IntN(8)-3), PreferLast: r.IntN(2) == 0,
		}
		m := Memory{Turns: map[string]int64{}, Last: strconv.Itoa(r.IntN(5))}
		team := make([]Candidate, r.IntN(6))
		can, least := 0, 99
		facts := map[string]Candidate{}
		for i := range team {
			c := Candidate{ID: strconv.Itoa(i), Name: "T", Away: r.IntN(2) == 0, Seat: r.IntN(4) > 0, Open: r.IntN(6) - r.IntN(2)}
			if r.IntN(2) == 0 {
				m.Turns[c.ID] = r.Int64N(20)
			}
			team[i], facts[c.ID] = c, c
			if c.Seat && (!c.Away || p.TakeAway) && (p.Capacity == 0 || c.Open < p.Capacity) {
				can++
				least = min(least, c.Open)
			}
		}
		choice := Pick(p, team, m)
		if again := Pick(p, team, m); !reflect.DeepEqual(choice, again) {
			t.Fatalf("seed %d: the same facts give another choice", seed)
		}
		if (choice.Admin != "") != (can > 0) || len(choice.Verdicts) != len(team) {
			t.Fatalf("seed %d: %d could be picked, and the choice is %+v", seed, can, choice)
		}
		who := facts[choice.Admin]
		switch {
		case choice.Admin == "":
			continue
		case !who.Seat, who.Away && !p.TakeAway, p.Capacity > 0 && who.Open >= p.Capacity:
			t.Fatalf("seed %d: %+v was picked by %+v", seed, who, p)
		case p.Order == LeastBusy && least >= 0 && who.Open > least && (!p.PreferLast || choice.Admin != m.Last):
			t.Fatalf("seed %d: picked one with %d open, another has %d", seed, who.Open, least)
		}
	}
}

func TestPick_says_why(t *testing.T) {
	team := []Candidate{
		{ID: "1", Name: "Ada", Seat: true, Open: 3},
		{ID: "2", Name: "Ben", Seat: true, Open: 1, Away: true},
		{ID: "3", Name: "Cleo", Seat: true, Open: 5},
		{ID: "4", Name: "Dan", Open: 0},
		{ID: "5", Name: "Eve", Seat: true, Open: 3},
		{ID: "6", Name: "Fay", Seat: true, Open: 4},
	}
	m := Memory{Turns: map[string]int64{"1": 7, "5": 4}}
	for name, tt := range map[string]struct {
		policy Policy
		last   string
		want   string
	}{
		"round robin": {Policy{Order: RoundRobin, Capacity: 5}, "", "Fay | Ben skipped away; Cleo skipped at capacity: 5 of 5 open; " +
			"Dan skipped no inbox seat; Fay picked never had a turn; Eve passed had one more recently; Ada passed had one more recently"},
		"least busy": {Policy{Order: LeastBusy}, "", "Eve | Ben skipped away; Cleo passed has more open: 5; Dan skipped no inbox seat; " +
			"Fay passed has more open: 4; Eve picked fewest open: 3; Ada passed had one more recently"},
		"preference": {Policy{Order: LeastBusy, PreferLast: true, Capacity: 4, TakeAway: true}, "1", "Ada | Ben passed Ada had the conversation last; " +
			"Cleo skipped at capacity: 5 of 4 open; Dan skipped no inbox seat; Fay skipped at capacity: 4 of 4 open; " +
			"Eve passed Ada had the conversation last; Ada picked had the conversation last"},
		"preference for one who is away": {Policy{Order: RoundRobin, PreferLast: true}, "2", "Cleo | Ben skipped away; Cleo picked never had a turn; " +
			"Dan skipped no inbox seat; Fay passed comes later in the list; Eve passed had one more recently; Ada passed had one more recently"},
		"nobody": {Policy{Order: RoundRobin, Capacity: 1}, "", " | Ben skipped away; Cleo skipped at capacity: 5 of 1 open; Dan skipped no inbox seat; " +
			"Fay skipped at capacity: 4 of 1 open; Eve skipped at capacity: 3 of 1 open; Ada skipped at capacity: 3 of 1 open"},
	} {
		m.Last = tt.last
		c := Pick(tt.policy, team, m)
		var words []string
		for _, v := range c.Verdicts {
			words = append(words, fmt.Sprint(v.Name, " ", v.Is, " ", v.Why))
		}
		if got := c.Name + " | " + strings.Join(words, "; "); got != tt.want {
			t.Errorf("%s:\n%s\nwant\n%s", name, got, tt.want)
		}
	}
	c := Pick(Policy{Order: RoundRobin, Capacity: 5}, team, m)
	if got, want := c.Skipped(), "Ben: away, Cleo: at capacity 5 of 5 open, Dan: no inbox seat"; got != want {
		t.Errorf("skipped %q, want %q", got, want)
	}
}

// Numbers that are not known are not guessed: a capacity cannot be kept then, and least busy
// becomes round robin.
func TestPick_without_numbers(t *testing.T) {
	team := []Candidate{{ID: "1", Name: "Ada", Seat: true, Open: 1}, {ID: "2", Name: "Ben", Seat: true, Open: Unknown}}
	c := Pick(Policy{Order: LeastBusy, Capacity: 3}, team, Memory{Turns: map[string]int64{"1": 1}})
	if c.Admin != "2" || len(c.Notes) != 1 {
		t.Errorf("%+v, want Ben and a note", c)
	}
}
