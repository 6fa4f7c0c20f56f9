package app_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"switchboard/internal/simulator"
	"switchboard/internal/store"
)

// desk is a world with a team of three: Ada, Ben and Cleo.
type desk struct {
	*world
	ada, ben, cleo, team string
}

func deskRules(how string) string {
	return `
version: 1
rules:
  - name: route
    when: conversation.user.created
    if: not (message.text contains "not for us")
    then:
      - assign: { team: Desk, ` + how + ` }
  - name: take-back
    when: conversation.admin.noted
    then:
      - assign: { team: Finance }
`
}

// deskOfReplies are the rules of the desk, for everything that customers write.
func deskOfReplies(how string) string {
	return strings.Replace(deskRules(how), "when: conversation.user.created", "when: conversation.user.*", 1)
}

func atDesk(t *testing.T, how string, o simulator.Options, fn func(d *desk)) {
	t.Helper()
	atDeskWith(t, deskRules(how), o, func(*world) {}, fn)
}

func atDeskWith(t *testing.T, rules string, o simulator.Options, change func(*world), fn func(d *desk)) {
	t.Helper()
	inBubbleWith(t, rules, o, change, func(w *world) {
		d := &desk{world: w}
		for _, who := range []struct {
			id   *string
			name string
		}{{&d.ada, "Ada"}, {&d.ben, "Ben"}, {&d.cleo, "Cleo"}} {
			*who.id = w.sim.AddAdmin(simulator.Admin{Name: who.name, Email: strings.ToLower(who.name) + "@acme.test"})
		}
		d.team = w.sim.AddTeam(simulator.Team{Name: "Desk", Admins: []string{d.ada, d.ben, d.cleo}})
		fn(d)
	})
}

// writes lets a customer write and waits until that is dealt with.
func (d *desk) writes() string {
	d.t.Helper()
	id := must(d.t)(d.sim.CustomerStarts(d.customer(), "Hello"))
	d.settle(time.Minute)
	return id
}

func (d *desk) away(who string, away bool) {
	d.t.Helper()
	if err := d.sim.SetAway(who, away); err != nil {
		d.t.Fatal(err)
	}
}

// goes lets somebody go away or come back, and waits until that is told.
func (d *desk) goes(who string, away bool) {
	d.t.Helper()
	d.away(who, away)
	d.settle(time.Minute)
}

// has is the name of the teammate who has each of the conversations, "-" for nobody.
func (d *desk) has(ids ...string) string {
	d.t.Helper()
	names := map[string]string{"": "-", d.ada: "Ada", d.ben: "Ben", d.cleo: "Cleo"}
	var list []string
	for _, id := range ids {
		c, _ := d.sim.Conversation(id)
		if c.TeamAssigneeID != d.team {
			d.t.Errorf("conversation %s is with team %q, not with the desk", id, c.TeamAssigneeID)
		}
		list = append(list, names[c.AdminAssigneeID])
	}
	return strings.Join(list, " ")
}

// allGo lets everybody go away.
func (d *desk) allGo() {
	d.t.Helper()
	for _, who := range []string{d.ada, d.ben, d.cleo} {
		d.goes(who, true)
	}
}

func (d *desk) want(what, got, want string) {
	d.t.Helper()
	if got != want {
		d.t.Errorf("%s: %s, want %s", what, got, want)
	}
}

// detail is what the last action of a conversation says that it did.
func (d *desk) detail(id string) string {
	d.t.Helper()
	list := d.actions("conversation/" + id)
	if len(list) == 0 {
		return "no action"
	}
	a := list[len(list)-1]
	return a.Detail + a.Error
}

// actions are all actions on a subject.
func (d *desk) actions(subject string) (list []store.Action) {
	d.t.Helper()
	for seq := int64(1); seq < 400; seq++ {
		of, err := d.app.Store().ActionsOf(context.Background(), seq)
		if err != nil {
			d.t.Fatal(err)
		}
		for _, a := range of {
			if a.Subject == subject {
				list = append(list, a)
			}
		}
	}
	return list
}

func (d *desk) inLine() int {
	d.t.Helper()
	st, err := d.app.Store().Stats(context.Background())
	if err != nil {
		d.t.Fatal(err)
	}
	return st.InLine
}

// assignments counts how often the API assigned conversations to teammates.
func (d *desk) assignments(ids ...string) (n int) {
	for _, e := range d.sim.Journal() {
		if e.Effect == simulator.EffectAssign && slices.Contains(ids, e.Conversation) && slices.Contains([]string{d.ada, d.ben, d.cleo}, e.Assignee) {
			n++
		}
	}
	return n
}

func TestRouting_round_robin(t *testing.T) {
	t.Parallel()
	atDesk(t, "pick: round_robin", simulator.Options{}, func(d *desk) {
		d.goes(d.ben, true)
		a, b, c := d.writes(), d.writes(), d.writes()
		d.want("with Ben away", d.has(a, b, c), "Ada Cleo Ada")
		d.want("detail", d.detail(c), "assigned to Ada (round robin in Desk; skipped Ben: away)")

		d.goes(d.ben, false)
		var ids []string
		for range 6 {
			ids = append(ids, d.writes())
		}
		d.want("with Ben back", d.has(ids...), "Ben Cleo Ada Ben Cleo Ada")

		for _, who := range []string{d.ada, d.ben, d.cleo} {
			d.goes(who, true)
		}
		last := d.writes()
		d.want("with nobody", d.has(last), "-")
		d.want("detail", d.detail(last), "assigned to team Desk (skipped Ben: away, Cleo: away, Ada: away)")
		if picked, left := d.metric("switchboard_picks_total", "result", "picked"), d.metric("switchboard_picks_total", "result", "team"); picked != 9 || left != 1 {
			t.Errorf("%v picked and %v left with the team", picked, left)
		}
		if n := d.assignments(append(ids, a, b, c)...); n != 9 {
			t.Errorf("%d assignments to teammates, want 9", n)
		}
	})
}

// Counting costs a call for each teammate a minute, whatever is picked meanwhile: what we assign
// ourselves is known, and its echoes do not have it counted again.
func TestRouting_counts_once_a_minute(t *testing.T) {
	t.Parallel()
	atDeskWith(t, deskRules("pick: least_busy"), simulator.Options{}, withoutRecovery, func(d *desk) {
		for range 12 {
			d.writes()
		}
		counts := func() (n int) {
			for _, e := range d.sim.Journal() {
				if e.Endpoint == "POST /conversations/search" {
					n++
				}
			}
			return n
		}
		if n := counts(); n != 3 {
			t.Errorf("%d counts for 12 picks of 3 teammates within a minute, want 3", n)
		}
		// What people do is counted at once.
		time.Sleep(10 * time.Second)
		for _, c := range d.sim.Conversations() {
			if c.AdminAssigneeID == d.cleo {
				must(t)(d.sim.AdminCloses(c.ID, d.cleo, ""))
			}
		}
		d.settle(time.Minute)
		d.want("the next three", d.has(d.writes(), d.writes(), d.writes()), "Cleo Cleo Cleo")
		if n := counts(); n != 4 {
			t.Errorf("%d counts, want one more", n)
		}
		// Also when somebody gives back what was picked for the same teammate before.
		time.Sleep(10 * time.Second)
		back := 0
		for _, c := range d.sim.Conversations() {
			if c.AdminAssigneeID == d.cleo && c.State == simulator.StateClosed && back < 2 {
				must(t)(d.sim.AdminAssigns(c.ID, d.ada, d.cleo))
				back++
			}
		}
		d.settle(time.Minute)
		d.want("with Cleo busy again", d.has(d.writes(), d.writes()), "Ada Ben")
	})
}

// All at once: no two picks see the same state.
func TestRouting_round_robin_at_once(t *testing.T) {
	t.Parallel()
	atDesk(t, "pick: round_robin", slowly, func(d *desk) {
		got := map[string]int{}
		var ids []string
		for range 31 {
			ids = append(ids, must(t)(d.sim.CustomerStarts(d.customer(), "Hello")))
		}
		d.settle(time.Minute)
		for _, id := range ids {
			got[d.has(id)]++
		}
		if len(got) != 3 || got["Ada"] < 10 || got["Ben"] < 10 || got["Cleo"] < 10 {
			t.Errorf("they got %v, want 10 or 11 each", got)
		}
	})
}

// Nobody goes beyond the capacity, however many conversations come at once, and whatever they had
// before.
func TestRouting_capacity(t *testing.T) {
	t.Parallel()
	atDesk(t, "pick: least_busy, capacity: 4", slowly, func(d *desk) {
		for range 3 {
			id := must(t)(d.sim.CustomerStarts(d.customer(), "not for us"))
			must(t)(d.sim.AdminAssigns(id, d.ada, d.ada))
		}
		d.settle(time.Minute)
		var ids []string
		got := map[string]int{}
		for range 20 {
			ids = append(ids, must(t)(d.sim.CustomerStarts(d.customer(), "Hello")))
		}
		d.settle(5 * time.Minute)
		for _, id := range ids {
			got[d.has(id)]++
		}
		if fmt.Sprint(got) != "map[-:11 Ada:1 Ben:4 Cleo:4]" {
			t.Errorf("they got %v", got)
		}
	})
}

func TestRouting_wait_serves_who_waited_longest(t *testing.T) {
	t.Parallel()
	atDesk(t, "pick: least_busy, capacity: 1, otherwise: wait", simulator.Options{}, func(d *desk) {
		d.away(d.cleo, true)
		var ids []string
		for range 8 {
			ids = append(ids, d.writes())
		}
		d.want("at first", d.has(ids...), "Ada Ben - - - - - -")
		d.want("detail", d.detail(ids[2]), "assigned to team Desk, and waits for a teammate (skipped Cleo: away, Ada: at capacity 1 of 1 open, Ben: at capacity 1 of 1 open)")
		if n := d.inLine(); n != 6 {
			t.Errorf("%d wait, want 6", n)
		}

		d.away(d.cleo, false)
		d.settle(20 * time.Second)
		d.want("when Cleo comes back", d.has(ids...), "Ada Ben Cleo - - - - -")
		d.want("detail", d.detail(ids[2]), "assigned to Cleo (least busy in Desk; skipped Ada: at capacity 1 of 1 open, Ben: at capacity 1 of 1 open)")

		time.Sleep(10 * time.Second) // a pick counts twice for some seconds: search may be late
		must(t)(d.sim.AdminCloses(ids[1], d.ben, ""))
		d.settle(20 * time.Second)
		d.want("when Ben closes one", d.has(ids...), "Ada Ben Cleo Ben - - - -")

		// Of those who wait, one is closed and one taken by hand: they leave without a word.
		must(t)(d.sim.AdminCloses(ids[4], d.ben, ""))
		must(t)(d.sim.AdminAssigns(ids[5], d.ada, d.ada))
		d.settle(time.Minute)
		d.restart()
		must(t)(d.sim.AdminSnoozes(ids[2], d.cleo, time.Now().Add(100*time.Hour)))
		d.settle(5 * time.Minute)
		d.want("after a restart, when Cleo snoozes one", d.has(ids...), "Ada Ben Cleo Ben - Ada Cleo -")
		d.want("detail", d.detail(ids[5]), "no longer waits for team Desk: it has a teammate")
		if c, _ := d.sim.Conversation(ids[4]); c.State != simulator.StateClosed {
			t.Error("the closed one was opened")
		}

		// Another assignment of ours takes the last one out of the line.
		must(t)(d.sim.AdminNotes(ids[7], d.ada, "for finance"))
		d.settle(time.Minute)
		if n := d.inLine(); n != 0 {
			t.Errorf("%d still wait", n)
		}
		must(t)(d.sim.AdminCloses(ids[6], d.cleo, ""))
		time.Sleep(5 * time.Minute)
		if c, _ := d.sim.Conversation(ids[7]); c.AdminAssigneeID != "" || c.TeamAssigneeID == d.team {
			t.Errorf("it went to %q of team %q, want nobody of finance", c.AdminAssigneeID, c.TeamAssigneeID)
		}
	})
}

// Whoever comes at the very moment in which somebody has time does not overtake those who wait, and
// nobody in line is served twice.
func TestRouting_wait_is_not_overtaken(t *testing.T) {
	t.Parallel()
	o := slowly
	o.NoEcho = false
	atDesk(t, "pick: round_robin, capacity: 1, otherwise: wait", o, func(d *desk) {
		d.away(d.ada, true)
		d.away(d.ben, true)
		d.away(d.cleo, true)
		var ids []string
		for range 5 {
			ids = append(ids, d.writes())
		}
		d.want("at first", d.has(ids...), "- - - - -")
		time.Sleep(7 * time.Second)
		d.away(d.ada, false)
		time.Sleep(30 * time.Millisecond) // that is told first; a look-up takes longer
		ids = append(ids, must(t)(d.sim.CustomerStarts(d.customer(), "Hello")))
		time.Sleep(50 * time.Millisecond)
		d.away(d.ben, false)        // tells again, while the first is being served
		time.Sleep(5 * time.Second) // while it is asked who has time, nothing waits in the store
		d.settle(20 * time.Second)
		d.want("when two come back", d.has(ids...), "Ada Ben - - - -")
		if !strings.Contains(d.detail(ids[5]), "waits behind others") {
			t.Errorf("the last says %q", d.detail(ids[5]))
		}
		for i, id := range ids {
			if n, want := len(d.actions("conversation/"+id)), map[bool]int{true: 2, false: 1}[i < 2]; n != want {
				t.Errorf("%d actions on conversation %d, want %d", n, i, want)
			}
		}
	})
}

// Whatever people do, nobody gets more than the capacity, and nobody waits while somebody has time.
func TestRouting_capacity_and_line_whatever_people_do(t *testing.T) {
	t.Parallel()
	const capacity = 2
	for seed := range uint64(2) {
		order := []string{"round_robin", "least_busy"}[seed%2]
		atDesk(t, fmt.Sprintf("pick: %s, capacity: %d, otherwise: wait", order, capacity), simulator.Options{Seed: seed}, func(d *desk) {
			r := rand.New(rand.NewPCG(seed, 9))
			crew := map[string]bool{d.ada: false, d.ben: false, d.cleo: false} // who is away
			ids := []string{d.ada, d.ben, d.cleo}
			for step := range 40 {
				d.deed(r, crew, ids[r.IntN(3)])
				time.Sleep(time.Duration(8+r.IntN(8)) * time.Second)
				for _, who := range ids {
					if n := d.open(who); n > capacity {
						t.Fatalf("seed %d, step %d: somebody has %d open, the capacity is %d", seed, step, n, capacity)
					}
				}
				if step%8 != 7 {
					continue
				}
				time.Sleep(2 * time.Minute)
				for _, who := range ids {
					if n := d.open(who); d.inLine() > 0 && !crew[who] && n < capacity {
						t.Fatalf("seed %d, step %d: %d wait, and somebody who is there has %d open", seed, step, d.inLine(), n)
					}
				}
			}
		})
	}
}

// open counts somebody's open conversations.
func (d *desk) open(who string) (n int) {
	for _, c := range d.sim.Conversations() {
		if c.State == simulator.StateOpen && c.AdminAssigneeID == who {
			n++
		}
	}
	return n
}

// deed lets something happen that has to do with a teammate.
func (d *desk) deed(r *rand.Rand, away map[string]bool, who string) {
	d.t.Helper()
	for range 1 + r.IntN(3) {
		must(d.t)(d.sim.CustomerStarts(d.customer(), "Hello"))
	}
	if r.IntN(3) == 0 {
		away[who] = !away[who]
		d.away(who, away[who])
	}
	for _, c := range d.sim.Conversations() {
		if c.AdminAssigneeID != who || c.State != simulator.StateOpen {
			continue
		}
		switch r.IntN(6) {
		case 0, 1:
			must(d.t)(d.sim.AdminCloses(c.ID, who, "Bye"))
		case 2:
			must(d.t)(d.sim.AdminSnoozes(c.ID, who, time.Now().Add(1000*time.Hour)))
		case 3:
			must(d.t)(d.sim.AdminAssigns(c.ID, who, "0"))
		}
	}
}

// Nobody tells when somebody has time: it is found out by looking.
func TestRouting_wait_looks_by_itself(t *testing.T) {
	t.Parallel()
	atDesk(t, "pick: round_robin, capacity: 1, otherwise: wait", simulator.Options{}, func(d *desk) {
		if err := d.sim.SetTeam(d.team, d.ada); err != nil {
			t.Fatal(err)
		}
		a, b := d.writes(), d.writes()
		d.want("at first", d.has(a, b), "Ada -")
		if err := d.sim.SetTeam(d.team, d.ada, d.ben); err != nil { // Intercom does not tell
			t.Fatal(err)
		}
		time.Sleep(90 * time.Second)
		d.want("after a while", d.has(a, b), "Ada Ben")
		c := d.writes()
		d.want("then", d.has(c), "-")
		// Somebody hands a conversation on: that is told, though not who had it.
		e := must(t)(d.sim.CustomerStarts(d.customer(), "not for us"))
		must(t)(d.sim.AdminAssigns(e, d.ada, d.cleo))
		if err := d.sim.SetTeam(d.team, d.ada, d.ben, d.cleo); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Minute)
		d.want("with Cleo busy", d.has(c), "-")
		must(t)(d.sim.AdminAssigns(e, d.cleo, d.sim.Admins()[1].ID))
		d.settle(time.Second)
		d.want("when she hands it on", d.has(c), "Cleo")
		c = d.writes()
		// Moved to another team by hand: no longer ours to give.
		must(t)(d.sim.AdminAssigns(c, d.ada, d.sim.Teams()[0].ID))
		must(t)(d.sim.AdminCloses(a, d.ada, ""))
		time.Sleep(2 * time.Minute)
		if got, _ := d.sim.Conversation(c); got.AdminAssigneeID != "" || d.inLine() != 0 {
			t.Errorf("it went to %q, %d wait", got.AdminAssigneeID, d.inLine())
		}
	})
}

func TestRouting_prefers_who_had_it_last(t *testing.T) {
	t.Parallel()
	inBubble(t, deskOfReplies("pick: round_robin, prefer: last_assignee"), simulator.Options{}, func(w *world) {
		d := &desk{world: w}
		d.ada, d.ben = w.sim.AddAdmin(simulator.Admin{Name: "Ada"}), w.sim.AddAdmin(simulator.Admin{Name: "Ben"})
		d.team = w.sim.AddTeam(simulator.Team{Name: "Desk", Admins: []string{d.ada, d.ben}})
		a := d.writes()
		must(t)(d.sim.AdminCloses(a, d.ada, "Bye"))
		must(t)(d.sim.AdminAssigns(a, d.ada, "0"))
		must(t)(d.sim.CustomerReplies(a, "One more thing"))
		d.settle(time.Minute)
		d.want("again", d.has(a), "Ada")
		d.want("detail", d.detail(a), "assigned to Ada (had it last, in Desk)")
		d.goes(d.ada, true)
		must(t)(d.sim.CustomerReplies(a, "And another"))
		d.settle(time.Minute)
		d.want("with Ada away", d.has(a), "Ben")
	})
}

// TestI4_a_pick_counts_once cuts the call after the pick in every way: the conversation goes to
// the one who was picked, after a restart too, and the turn is used up once.
func TestI4_a_pick_counts_once(t *testing.T) {
	t.Parallel()
	const assign = "POST /conversations/{id}/parts"
	for name, fault := range map[string]simulator.Fault{
		"refused":           {Kind: simulator.FailBefore, Status: 503, Endpoint: assign, Times: 2},
		"done and not said": {Kind: simulator.FailAfter, Status: 500, Endpoint: assign, Times: 1},
		"hangs":             {Kind: simulator.HangBefore, Endpoint: assign, Times: 1},
	} {
		t.Run(name, func(t *testing.T) {
			atDesk(t, "pick: round_robin", simulator.Options{Faults: simulator.Faults{Rules: []simulator.Fault{fault}}}, func(d *desk) {
				id := must(t)(d.sim.CustomerStarts(d.customer(), "Hello"))
				time.Sleep(500 * time.Millisecond)
				d.kill()
				d.settle(10 * time.Minute)
				d.want("the first", d.has(id), "Ada")
				d.want("the next", d.has(d.writes(), d.writes(), d.writes()), "Ben Cleo Ada")
				if picked := d.metric("switchboard_picks_total", "result", "picked"); picked != 3 {
					t.Errorf("%v picks after the restart, want the 3 new ones", picked)
				}
			})
		})
	}
}

// When the one who was picked goes away before the call arrives, another is picked, and the first
// keeps their turn.
func TestRouting_picks_anew_when_the_first_cannot(t *testing.T) {
	t.Parallel()
	fault := simulator.Fault{Kind: simulator.FailBefore, Status: 503, Endpoint: "POST /conversations/{id}/parts", Times: 1}
	atDesk(t, "pick: round_robin", simulator.Options{Faults: simulator.Faults{Rules: []simulator.Fault{fault}}}, func(d *desk) {
		id := must(t)(d.sim.CustomerStarts(d.customer(), "Hello"))
		time.Sleep(300 * time.Millisecond)
		d.away(d.ada, true)
		d.settle(10 * time.Minute)
		d.want("the first", d.has(id), "Ben")
		d.want("detail", d.detail(id), "assigned to Ben (round robin in Desk; skipped Ada: away; picked anew, because Ada was picked before: away)")
		d.goes(d.ada, false)
		d.want("the next", d.has(d.writes(), d.writes(), d.writes()), "Ada Cleo Ben")
	})
}

// Who has the conversation when it begins to wait does not end the waiting, unless they have time
// again; anybody else does.
func TestRouting_waits_although_somebody_away_has_it(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		then func(d *desk, id string)
		has  string
	}{
		"another comes back": {func(d *desk, _ string) { d.goes(d.ben, false) }, "Ben"},
		"they come back":     {func(d *desk, _ string) { d.goes(d.ada, false) }, "Ada"},
		"somebody takes it": {func(d *desk, id string) {
			must(d.t)(d.sim.AdminAssigns(id, d.cleo, d.cleo))
			d.goes(d.ben, false)
		}, "Cleo"},
		"it is given to the same by hand, and goes on waiting": {func(d *desk, id string) {
			must(d.t)(d.sim.AdminAssigns(id, d.cleo, d.ada))
			d.goes(d.ben, false)
		}, "Ben"},
	} {
		t.Run(name, func(t *testing.T) {
			atDeskWith(t, deskOfReplies("pick: round_robin, otherwise: wait"), simulator.Options{}, func(*world) {}, func(d *desk) {
				a := d.writes()
				d.want("first", d.has(a), "Ada")
				d.allGo()
				must(t)(d.sim.CustomerReplies(a, "Anybody?"))
				d.settle(time.Minute)
				if n := d.inLine(); n != 1 {
					t.Fatalf("%d wait, want 1", n)
				}
				d.restart()
				tt.then(d, a)
				time.Sleep(5 * time.Minute)
				d.want("then", d.has(a), tt.has)
				if n := d.inLine(); n != 0 {
					t.Errorf("%d still wait", n)
				}
			})
		})
	}
}

// answers stands between the app and the simulator, and changes what a path answers while on.
type answers struct {
	base   http.RoundTripper
	on     atomic.Bool
	path   string
	change func(*http.Response, []byte) []byte
}

func (a *answers) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := a.base.RoundTrip(r)
	if err != nil || !a.on.Load() || r.URL.Path != a.path {
		return resp, err
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	_ = resp.Body.Close()
	body = a.change(resp, body)
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	resp.Header.Set("Content-Length", fmt.Sprint(len(body)))
	return resp, nil
}

func forbidden(resp *http.Response, _ []byte) []byte {
	resp.StatusCode = http.StatusForbidden
	return []byte(`{"type":"error.list","errors":[{"code":"forbidden","message":"no"}]}`)
}

// TestRouting_I6_the_line_outlasts_refusals: what Intercom refuses in general is no fault of those
// who wait, and a team keeps its line under another name. Only that of a deleted team ends.
func TestRouting_I6_the_line_outlasts_refusals(t *testing.T) {
	t.Parallel()
	renamed := func(_ *http.Response, body []byte) []byte {
		return bytes.ReplaceAll(body, []byte(`"Desk"`), []byte(`"Desk EU"`))
	}
	deleted := func(_ *http.Response, _ []byte) []byte { return []byte(`{"type":"team.list","teams":[]}`) }
	for name, tt := range map[string]struct {
		path   string
		change func(*http.Response, []byte) []byte
		during string // who has them while it lasts, with Ada back
		loudly bool
		has    string
		state  store.ActionState
	}{
		"the team is renamed":         {"/teams", renamed, "Ada Ada Ada", false, "Ada Ada Ada", store.StateDone},
		"teams cannot be read":        {"/teams", forbidden, "- - -", true, "Ada Ada Ada", store.StateDone},
		"teammates cannot be read":    {"/admins", forbidden, "- - -", true, "Ada Ada Ada", store.StateDone},
		"the team is deleted":         {"/teams", deleted, "- - -", false, "- - -", store.StateDead},
		"conversations are forbidden": {"/conversations/", forbidden, "- - -", false, "Ada Ada Ada", store.StateDone},
	} {
		t.Run(name, func(t *testing.T) {
			a := &answers{path: tt.path, change: tt.change}
			atDeskWith(t, deskRules("pick: round_robin, otherwise: wait"), simulator.Options{}, func(w *world) {
				a.base, w.options.HTTP.Transport = w.options.HTTP.Transport, a
			}, func(d *desk) {
				d.allGo()
				ids := []string{d.writes(), d.writes(), d.writes()}
				if tt.path == "/conversations/" {
					a.path += ids[0]
					tt.during = "- Ada Ada"
				}
				a.on.Store(true)
				d.away(d.ada, false)
				time.Sleep(12 * time.Minute)
				d.want("while it lasts", d.has(ids...), tt.during)
				if loudly := d.logged("cannot look who has time") > 0; loudly != tt.loudly {
					t.Errorf("an error was logged: %v, want %v", loudly, tt.loudly)
				}
				a.on.Store(false)
				time.Sleep(20 * time.Minute)
				d.want("then", d.has(ids...), tt.has)
				for _, id := range ids {
					if list := d.actions("conversation/" + id); len(list) != 2 || list[1].State != tt.state {
						t.Errorf("conversation %s has %d actions, the last is %s: %s", id, len(list), list[len(list)-1].State, d.detail(id))
					}
				}
				if n := d.inLine(); n != 0 {
					t.Errorf("%d still wait", n)
				}
			})
		})
	}
}

// Who may have more open conversations is not kept waiting by those in line before them who cannot
// be served, however many those are.
func TestRouting_wait_is_no_matter_of_how_many_are_before(t *testing.T) {
	t.Parallel()
	const rules = `
version: 1
rules:
  - name: normal
    when: conversation.user.created
    if: not (message.text contains "vip")
    then:
      - assign: { team: Desk, pick: least_busy, capacity: 1, otherwise: wait }
  - name: vip
    when: conversation.user.created
    if: message.text contains "vip"
    then:
      - assign: { team: Desk, pick: least_busy, capacity: 2, otherwise: wait }
`
	atDeskWith(t, rules, simulator.Options{}, func(*world) {}, func(d *desk) {
		for range 3 + 60 {
			must(t)(d.sim.CustomerStarts(d.customer(), "Hello"))
		}
		d.settle(time.Minute)
		var vips []string
		for range 4 {
			vips = append(vips, must(t)(d.sim.CustomerStarts(d.customer(), "vip")))
			d.settle(time.Minute)
		}
		d.want("at once", d.has(vips...), "Ada Ben Cleo -")
		d.want("detail", d.detail(vips[3]), "assigned to team Desk, and waits for a teammate (skipped Ada: at capacity 2 of 2 open, Ben: at capacity 2 of 2 open, Cleo: at capacity 2 of 2 open)")
		time.Sleep(10 * time.Second) // a pick counts twice for some seconds: search may be late
		must(t)(d.sim.AdminCloses(vips[1], d.ben, ""))
		d.settle(time.Minute)
		d.want("from behind 60 others", d.has(vips...), "Ada Ben Cleo Ben")
		if n := d.inLine(); n != 60 {
			t.Errorf("%d wait, want 60", n)
		}
	})
}

// The conversation that is to be given to somebody is not one too many of theirs.
func TestRouting_does_not_count_the_conversation_itself(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"pick: least_busy, capacity: 1, prefer: last_assignee", "pick: round_robin, capacity: 1, otherwise: wait, prefer: last_assignee"} {
		atDeskWith(t, deskOfReplies(how), simulator.Options{}, func(*world) {}, func(d *desk) {
			a := d.writes()
			d.want("first", d.has(a), "Ada")
			for range 2 {
				time.Sleep(3 * time.Minute)
				must(t)(d.sim.CustomerReplies(a, "More"))
				d.settle(time.Minute)
				d.want("after a reply", d.has(a), "Ada")
				d.want("detail", d.detail(a), "assigned to Ada (had it last, in Desk)")
			}
			// Another one is: she has as many as she may have without it.
			b := must(t)(d.sim.CustomerStarts(d.customer(), "not for us"))
			must(t)(d.sim.AdminAssigns(b, d.ada, d.ada))
			time.Sleep(3 * time.Minute)
			must(t)(d.sim.CustomerReplies(a, "And more"))
			d.settle(time.Minute)
			d.want("with another one", d.has(a), "Ben")
		})
	}
}

// Who comes back finds what they had and what waited meanwhile: it stays with them, although it
// fills their capacity.
func TestRouting_wait_ends_when_who_has_it_comes_back(t *testing.T) {
	t.Parallel()
	atDeskWith(t, deskOfReplies("pick: round_robin, capacity: 1, otherwise: wait"), simulator.Options{}, func(*world) {}, func(d *desk) {
		a := d.writes()
		d.allGo()
		must(t)(d.sim.CustomerReplies(a, "Anybody?"))
		d.settle(time.Minute)
		if n := d.inLine(); n != 1 {
			t.Fatalf("%d wait, want 1", n)
		}
		time.Sleep(3 * time.Minute)
		d.goes(d.ada, false)
		time.Sleep(time.Minute)
		d.want("then", d.has(a), "Ada")
		if n := d.inLine(); n != 0 {
			t.Errorf("%d still wait", n)
		}
	})
}

// TestRouting_I9_a_lost_answer_is_made_up_for: the second attempt finds what the first did, says
// that, and knows the parts as ours.
func TestRouting_I9_a_lost_answer_is_made_up_for(t *testing.T) {
	t.Parallel()
	for name, how := range map[string]string{"at once": "pick: round_robin", "after waiting": "pick: round_robin, otherwise: wait"} {
		t.Run(name, func(t *testing.T) {
			fault := simulator.Fault{Kind: simulator.FailAfter, Status: 500, Endpoint: "POST /conversations/{id}/parts"}
			atDesk(t, how, simulator.Options{}, func(d *desk) {
				var id string
				if name == "at once" {
					d.sim.FaultNext(fault)
					id = must(t)(d.sim.CustomerStarts(d.customer(), "Hello"))
				} else {
					d.allGo()
					id = d.writes()
					d.sim.FaultNext(fault)
					d.away(d.ada, false)
				}
				time.Sleep(5 * time.Minute)
				d.want("then", d.has(id), "Ada")
				if got := d.detail(id); !strings.HasPrefix(got, "assigned to Ada (") || !strings.Contains(got, "as picked before") {
					t.Errorf("detail %q", got)
				}
				conv, _ := d.sim.Conversation(id)
				for _, part := range conv.Parts {
					if !strings.Contains(part.Type, "assign") {
						continue
					}
					if own, err := d.app.Store().OwnPart(context.Background(), "demo1234", part.ID); err != nil || !own {
						t.Errorf("part %s, %s, is not known as ours (%v)", part.ID, part.Type, err)
					}
				}
			})
		})
	}
}

// TestRouting_I10_closed_ones_leave_the_line: a turn that never comes does not keep their events.
func TestRouting_I10_closed_ones_leave_the_line(t *testing.T) {
	t.Parallel()
	atDesk(t, "pick: round_robin, otherwise: wait", simulator.Options{}, func(d *desk) {
		d.allGo()
		open := d.writes()
		for range 4 {
			must(t)(d.sim.AdminCloses(d.writes(), d.ada, "Bye"))
			d.settle(time.Minute)
		}
		if n := d.inLine(); n != 1 {
			t.Errorf("%d wait, want the one that is open", n)
		}
		time.Sleep(10 * time.Minute)
		if _, err := d.app.Store().Prune(context.Background(), time.Now().Add(-5*time.Minute), 10000); err != nil {
			t.Fatal(err)
		}
		for seq := int64(1); seq < 30; seq++ {
			of, err := d.app.Store().ActionsOf(context.Background(), seq)
			if err != nil {
				t.Fatal(err)
			}
			for _, a := range of {
				if a.Subject != "conversation/"+open {
					t.Errorf("event %d of %s is kept", seq, a.Subject)
				}
			}
		}
		d.goes(d.ben, false)
		d.want("the open one", d.has(open), "Ben")
	})
}
