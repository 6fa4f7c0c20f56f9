package app_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"switchboard/internal/simulator"
	"switchboard/internal/store"
)

// withRecovery has missed events looked for as often as by default. Other worlds look once a day: in
// simulated weeks each pass is a real write.
func withRecovery(w *world) { w.options.RecoverEvery = 5 * time.Minute }

// withoutRecovery is for tests that count searches.
func withoutRecovery(w *world) { w.options.RecoverEvery = -1 }

// recoveryRules have a rule for each topic that can be rebuilt; what they do tells which event they
// saw, and depends on what the conversation looked like then. Several write to the customer.
const recoveryRules = `
version: 1
settings: {breaker: 100000}
rules:
  - {name: created, when: conversation.user.created, then: [tag: New, note: "created: {{ message.text }}"]}
  - {name: refunds, when: [conversation.user.created, conversation.user.replied], if: 'message.text contains "refund"', once: conversation, then: [tag: Refund, assign: {team: Support}]}
  - {name: single, when: conversation.admin.single.created, then: [note: "single: {{ message.text }}"]}
  - {name: replied, when: conversation.user.replied, then: [note: "replied: {{ message.text }} while {{ conversation.state }}"]}
  - {name: answered, when: conversation.admin.replied, from: teammate, then: [note: "answered: {{ message.text }}"]}
  - {name: either, when: [conversation.admin.replied, conversation.admin.assigned, conversation.admin.open.assigned, conversation.admin.closed], from: teammate, then: [note: "either, with {{ conversation.admin_assignee_id ?? 'nobody' }}"]}
  - {name: assigned, when: conversation.admin.assigned, from: teammate, then: [note: "assigned to {{ conversation.admin_assignee_id ?? 'nobody' }}"]}
  - {name: team, when: conversation.admin.assigned, from: teammate, if: conversation.admin_assignee_id == nil, then: [note: "team {{ conversation.team_assignee_id ?? 'none' }}"]}
  - {name: reopened, when: conversation.admin.open.assigned, from: teammate, then: [note: "open assigned"]}
  - {name: noted, when: conversation.admin.noted, from: teammate, then: [tag: Noted, note: "noted"]}
  - {name: closed, when: conversation.admin.closed, from: teammate, then: [note: "closed, {{ conversation.state }}", reply: "Bye from {{ rule.name }}"]}
  - {name: opened, when: conversation.admin.opened, from: teammate, then: [note: "opened"]}
  - {name: snoozed, when: conversation.admin.snoozed, from: teammate, then: [note: "snoozed, {{ conversation.state }}"]}
  - {name: unsnoozed, when: conversation.admin.unsnoozed, from: teammate, then: [note: "unsnoozed"]}
  - {name: bot, when: conversation.operator.replied, from: bot, then: [note: "the bot spoke"]}
  - {name: prioritised, when: conversation.priority.updated, then: [note: "priority {{ conversation.priority }}"]}
  - {name: rated, when: conversation.rating.added, then: [note: "rated"]}
  - {name: tagged, when: conversation_part.tag.created, if: 'has_tag("Bug")', once: conversation, then: [note: "a bug"]}
  - name: sla
    when: conversation.user.created
    after: 15m
    cancel_on: [conversation.admin.replied, conversation.admin.closed]
    if: 'conversation.state == "open"'
    then: [reply: "Sorry for the wait", tag: Late]
`

// crowd are people who do things to conversations, as a seed has it. They keep out of the way of what
// rules do: what is done an hour late finds another world if people have changed the same thing
// meanwhile, and so do timers.
type crowd struct {
	w      *world
	random *rand.Rand
	list   []*talk
	done   int
}

// talk is a conversation of the crowd.
type talk struct {
	id string
	// refund: customers write of refunds, which a rule assigns to a team. People assign teammates only.
	refund bool
	// quick: teammates answer, for the first time before the timer comes due, at answerAt. In others
	// nobody answers.
	quick    bool
	answerAt time.Time
	// What changes again is only known of the last time: it is done once.
	prioritised, rated bool
}

func newCrowd(w *world, seed uint64) *crowd {
	return &crowd{w: w, random: rand.New(rand.NewPCG(seed, 7))}
}

// act lets somebody do one thing.
func (c *crowd) act(t *testing.T) {
	t.Helper()
	c.done++
	admins := c.w.sim.Admins()[1:] // the first is whom Switchboard acts as: what they do at the same time is taken for its own
	admin := admins[c.random.IntN(len(admins))].ID
	for _, talk := range c.list {
		if !talk.answerAt.IsZero() && !talk.answerAt.After(time.Now()) {
			talk.answerAt = time.Time{}
			must(t)(c.w.sim.AdminReplies(talk.id, admin, fmt.Sprintf("answer %d", c.done), ""))
			return
		}
	}
	if len(c.list) < 20 || len(c.list) < 100 && c.random.IntN(4) == 0 {
		c.start(t, admin)
		return
	}
	talk := c.list[c.random.IntN(len(c.list))]
	if err := c.carryOn(talk, admin, c.random.IntN(14)); err != nil {
		t.Fatal(err)
	}
}

func (c *crowd) words(talk *talk) string {
	if talk.refund && c.random.IntN(3) == 0 {
		return fmt.Sprintf("word %d refund", c.done)
	}
	return fmt.Sprintf("word %d", c.done)
}

// start begins a conversation.
func (c *crowd) start(t *testing.T, admin string) {
	t.Helper()
	customers := c.w.sim.Contacts()
	customer := customers[c.random.IntN(len(customers))].ID
	talk := &talk{refund: len(c.list)%2 == 1}
	if len(c.list)%4 < 2 {
		talk.answerAt = time.Now().Add(time.Duration(60+c.random.IntN(240)) * time.Second)
	}
	if talk.quick = !talk.answerAt.IsZero(); talk.quick && c.random.IntN(4) == 0 {
		talk.answerAt = time.Time{}
		talk.id = must(t)(c.w.sim.AdminStarts(admin, customer, c.words(talk)))
	} else {
		talk.id = must(t)(c.w.sim.CustomerStarts(customer, c.words(talk)))
	}
	c.list = append(c.list, talk)
}

// carryOn does one of the things that people do.
func (c *crowd) carryOn(talk *talk, admin string, what int) (err error) {
	sim, words := c.w.sim, c.words(talk)
	teams := sim.Teams()
	if !talk.quick && slices.Contains([]int{3, 4, 8, 10}, what) || talk.refund && what == 8 {
		what = 5 // nobody answers, so the conversation stays open; to assign a closed one would open it
	}
	switch what {
	case 3:
		_, err = sim.AdminReplies(talk.id, admin, words, "")
	case 4:
		_, err = sim.AdminReplies(talk.id, admin, words, admin)
	case 5:
		_, err = sim.AdminNotes(talk.id, admin, words)
	case 6, 7:
		to := []string{admin, admin, "0", teams[c.random.IntN(len(teams))].ID}[c.random.IntN(4)]
		if talk.refund {
			to = admin
		}
		_, err = sim.AdminAssigns(talk.id, admin, to)
	case 8:
		_, err = sim.AdminCloses(talk.id, admin, []string{"", words}[c.random.IntN(2)])
	case 9:
		_, err = sim.AdminOpens(talk.id, admin)
	case 10:
		_, err = sim.AdminSnoozes(talk.id, admin, time.Now().Add(1000*time.Hour))
	case 11:
		_, err = sim.BotReplies(talk.id, words)
	case 12:
		err = sim.TagPart(talk.id, admin, []string{"Bug", "Idea"}[c.random.IntN(2)])
	case 13:
		switch {
		case !talk.rated:
			talk.rated = true
			return sim.CustomerRates(talk.id, 4, words)
		case !talk.prioritised:
			talk.prioritised = true
			return sim.AdminPrioritises(talk.id, admin, true)
		}
	default:
		_, err = sim.CustomerReplies(talk.id, words)
	}
	return err
}

// outcome is what a conversation looks like in the end: what became of it, and what Switchboard wrote,
// whatever the order in which the two came.
type outcome struct {
	State, Admin, Team string
	Tags               []string
	Ours               []string
}

func (w *world) outcome(id string) outcome {
	w.t.Helper()
	c, ok := w.sim.Conversation(id)
	if !ok {
		w.t.Fatal("no conversation ", id)
	}
	o := outcome{State: c.State, Admin: c.AdminAssigneeID, Team: c.TeamAssigneeID}
	names := map[string]string{}
	for _, tag := range w.sim.Tags() {
		names[tag.ID] = tag.Name
	}
	for _, tag := range c.Tags {
		o.Tags = append(o.Tags, names[tag.ID])
	}
	for _, p := range c.Parts {
		if p.AppPackageCode != "" {
			o.Ours = append(o.Ours, p.Type+" "+p.Body)
		}
	}
	slices.Sort(o.Tags)
	slices.Sort(o.Ours)
	return o
}

// missed is how many notifications were lost.
func (w *world) missed() (n int) {
	for _, d := range w.sim.Deliveries() {
		if d.Outcome == simulator.Lost || d.Outcome == simulator.Dropped {
			n++
		}
	}
	return n
}

// hour is an hour of a crowd, which begins after a quiet quarter. With the race detector it is ten minutes,
// which what says how much was lost does without.
type hour struct {
	seed    uint64
	options simulator.Options
	begin   func(w *world) // is called when it begins
	during  func(w *world) // after each thing that somebody did
	end     func(w *world) // when it has ended
	after   func(w *world) // when everything has come to rest
}

// run gives what became of all conversations, and how many notifications were lost.
func (h hour) run(t *testing.T) (outcomes []outcome, lost int) {
	t.Helper()
	call := func(f func(*world), w *world) {
		if f != nil {
			f(w)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, recoveryRules, h.options)
		withRecovery(w)
		began := time.Now()
		w.start()
		defer w.close()
		time.Sleep(time.Until(began.Add(15 * time.Minute)))
		c := newCrowd(w, h.seed)
		for len(c.list) < 8 { // some are under way when it begins
			c.act(t)
			time.Sleep(20 * time.Second)
		}
		w.settle(10 * time.Minute)
		time.Sleep(time.Until(began.Add(22 * time.Minute))) // the same for every run
		call(h.begin, w)
		deeds := 510 // more than 500 notifications
		if racing {
			deeds = 85
		}
		for range deeds {
			time.Sleep(7 * time.Second)
			c.act(t)
			call(h.during, w)
		}
		time.Sleep(5 * time.Minute)
		call(h.end, w)
		time.Sleep(30 * time.Minute)
		w.settle(time.Hour)
		call(h.after, w)
		lost = w.missed()
		for _, talk := range c.list {
			outcomes = append(outcomes, w.outcome(talk.id))
		}
		if t.Failed() && testing.Verbose() {
			t.Log(w.log.String())
		}
	})
	return outcomes, lost
}

func compareOutcomes(t *testing.T, got, want []outcome) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d conversations, want %d", len(got), len(want))
	}
	for i := range got {
		if !reflect.DeepEqual(got[i], want[i]) {
			t.Errorf("conversation %d is\n%+v\nwithout a downtime it is\n%+v\nmissing %q, too many %q", i, got[i], want[i],
				without(want[i].Ours, got[i].Ours), without(got[i].Ours, want[i].Ours))
		}
	}
}

// without are those of the texts that the others lack.
func without(list, others []string) (rest []string) {
	left := slices.Clone(others)
	for _, s := range list {
		if i := slices.Index(left, s); i >= 0 {
			left = slices.Delete(left, i, i+1)
		} else {
			rest = append(rest, s)
		}
	}
	return rest
}

const hourSeed = 1

// undisturbed is what becomes of the hour when nothing is lost.
func undisturbed(t *testing.T) []outcome {
	t.Helper()
	quietHour.Do(func() {
		outcomes, lost := hour{seed: hourSeed}.run(t)
		if lost != 0 {
			t.Error("the hour without a downtime lost notifications")
		}
		quietOutcomes = outcomes
	})
	return quietOutcomes
}

var (
	quietHour     sync.Once
	quietOutcomes []outcome
)

func (w *world) startAgain() {
	w.listenAnew()
	w.start()
}

// TestI11_an_hour_of_downtime stops the service for an hour in which more than 500 notifications are
// lost, and compares what becomes of all conversations with an hour in which it ran.
func TestI11_an_hour_of_downtime(t *testing.T) {
	t.Parallel()
	if racing {
		t.Skip("an hour takes minutes with the race detector, which sees the recovery that is cut off")
	}
	want := undisturbed(t)
	got, lost := hour{seed: hourSeed, begin: (*world).stop, end: (*world).startAgain, after: func(w *world) {
		if n := w.metric("switchboard_recovered_events_total", "", ""); n < 500 {
			t.Errorf("%v events were recovered", n)
		}
	}}.run(t)
	if lost < 500 {
		t.Fatalf("%d notifications were lost: the test shows too little", lost)
	}
	t.Log(lost, "notifications were lost")
	compareOutcomes(t, got, want)
	if !slices.ContainsFunc(got, func(o outcome) bool { return slices.Contains(o.Tags, "Late") }) || !strings.Contains(fmt.Sprint(got), "Bye from closed") {
		t.Error("nothing was late or closed: the test shows too little")
	}
}

// TestI11_recovery_that_is_cut_off kills and restarts the service again and again while it recovers.
func TestI11_recovery_that_is_cut_off(t *testing.T) {
	t.Parallel()
	want := undisturbed(t)
	got, _ := hour{seed: hourSeed, begin: (*world).stop, options: simulator.Options{
		Faults: simulator.Faults{Latency: simulator.Latency{Min: 100 * time.Millisecond}}, // so that there is a middle
	}, end: func(w *world) {
		w.startAgain()
		for i := range 12 {
			time.Sleep(time.Duration(300+i*137) * time.Millisecond)
			if i%3 == 0 {
				w.restart()
			} else {
				w.kill()
			}
		}
	}}.run(t)
	compareOutcomes(t, got, want)
}

// TestI11_late_notifications lets the service run while its endpoint is out of reach now and then, and
// while notifications come late, twice, and again a quarter of an hour after they failed, when their
// events have been recovered.
func TestI11_late_notifications(t *testing.T) {
	t.Parallel()
	if racing {
		t.Skip("an hour takes minutes with the race detector, which sees the recovery that is cut off")
	}
	want := undisturbed(t)
	acts := 0
	got, lost := hour{
		seed: hourSeed, options: simulator.Options{Delivery: simulator.DeliveryOptions{
			RetryAfter: 15 * time.Minute, Jitter: 30 * time.Second, DuplicateRate: 0.2, NoIDRate: 0.2,
		}},
		during: func(w *world) { acts++; w.sim.SetUnreachable(acts%140 > 100 || acts%30 > 26) },
		end:    func(w *world) { w.sim.SetUnreachable(false) },
		after: func(w *world) {
			if n := w.metric("switchboard_recovered_events_total", "", ""); n < 100 {
				t.Errorf("%v events were recovered: the test shows too little", n)
			}
			if n := w.metric("switchboard_events_repeated_total", "", ""); n < 20 {
				t.Errorf("%v notifications came too late: the test shows too little", n)
			}
		},
	}.run(t)
	t.Log(lost, "notifications were lost")
	compareOutcomes(t, got, want)
}

// TestI11_the_notifications_have_their_time lets nothing be lost and everything be slow: what is on its
// way is not recovered.
func TestI11_the_notifications_have_their_time(t *testing.T) {
	t.Parallel()
	inBubbleWith(t, recoveryRules, simulator.Options{Delivery: simulator.DeliveryOptions{Jitter: 100 * time.Second}}, func(w *world) {
		w.options.RecoverEvery = 20 * time.Second
	}, func(w *world) {
		c := newCrowd(w, 3)
		for range 150 {
			time.Sleep(5 * time.Second)
			c.act(t)
		}
		w.settle(10 * time.Minute)
		if n := w.metric("switchboard_recovered_events_total", "", ""); n != 0 {
			t.Errorf("%v events were recovered that were on their way", n)
		}
		if n := w.metric("switchboard_recovery_passes_total", "result", "done"); n < 20 {
			t.Errorf("%v passes", n)
		}
	})
}

// TestI11_history_is_not_recovered: what happened before the first start stays undone.
func TestI11_history_is_not_recovered(t *testing.T) {
	t.Parallel()
	inBubbleWith(t, recoveryRules, simulator.Options{}, func(w *world) {
		withRecovery(w)
		w.sim.SetUnreachable(true)
		must(t)(w.sim.CustomerStarts(w.customer(), "long ago"))
		time.Sleep(5 * time.Minute)
		w.sim.SetUnreachable(false)
	}, func(w *world) {
		time.Sleep(20 * time.Minute)
		if n := w.metric("switchboard_recovered_events_total", "", ""); n != 0 {
			t.Errorf("%v events were recovered from before the first start", n)
		}
		if !strings.Contains(w.log.String(), "switchboard backfill") {
			t.Error("the log does not say how to recover them")
		}
	})
}

// TestI11_what_is_too_old_is_parked: customers do not hear of it; the rest is done.
func TestI11_what_is_too_old_is_parked(t *testing.T) {
	t.Parallel()
	const text = `
version: 1
rules:
  - {name: answer, when: conversation.user.created, then: [tag: Seen, reply: Hello, note: Hello, close]}
  - {name: sla, when: conversation.user.created, after: 15m, then: [tag: Late, reply: Sorry]}
`
	inBubbleWith(t, text, simulator.Options{}, withRecovery, func(w *world) {
		time.Sleep(time.Minute)
		w.stop()
		old := must(t)(w.sim.CustomerStarts(w.customer(), "Hello"))
		time.Sleep(3 * time.Hour)
		fresh := must(t)(w.sim.CustomerStarts(w.customer(), "Hello"))
		time.Sleep(30 * time.Minute)
		w.startAgain()
		time.Sleep(time.Minute)
		w.settle(time.Hour)
		if got := w.outcome(old); got.State != "open" || !slices.Equal(got.Tags, []string{"Late", "Seen"}) || !slices.Equal(got.Ours, []string{"note <p>Hello</p>"}) {
			t.Errorf("of the old one became %+v", got)
		}
		if got := w.outcome(fresh); len(got.Ours) != 4 || len(got.Tags) != 2 {
			t.Errorf("of the fresh one became %+v", got)
		}
		parked, err := w.app.Store().ActionsIn(context.Background(), store.StateParked, 10)
		if err != nil || len(parked) != 3 {
			t.Fatalf("parked %+v, %v", parked, err)
		}
		for _, a := range parked {
			if !strings.Contains(a.Error, "--max-age") || a.FinishedAt.IsZero() {
				t.Errorf("parked without a reason: %+v", a)
			}
		}
	})
}

// TestI9_I11_own_work_is_known_when_it_is_recovered loses the echoes of what Switchboard did.
func TestI9_I11_own_work_is_known_when_it_is_recovered(t *testing.T) {
	t.Parallel()
	const text = `
version: 1
rules:
  - {name: first, when: conversation.user.created, then: [tag: Seen, note: one, reply: two, assign: {team: Support}, snooze: 1000h, open, close]}
  - {name: echo, when: "conversation.*.*", if: event.topic != "conversation.user.created", then: [note: "{{ event.topic }}"]}
  - {name: tagged, when: conversation_part.tag.created, then: [note: tagged]}
`
	inBubbleWith(t, text, simulator.Options{}, withRecovery, func(w *world) {
		time.Sleep(time.Minute)
		id := must(t)(w.sim.CustomerStarts(w.customer(), "Hello"))
		if err := w.sim.WaitDelivered(contextIn(time.Minute)); err != nil {
			t.Fatal(err)
		}
		w.sim.SetUnreachable(true)
		time.Sleep(15 * time.Minute)
		w.sim.SetUnreachable(false)
		w.settle(time.Hour)
		if got := w.texts(id); !slices.Equal(got, []string{"<p>one</p>", "<p>two</p>"}) {
			t.Errorf("it answered itself: %q", got)
		}
		for _, topic := range []string{"conversation_part.tag.created", "conversation.admin.noted", "conversation.admin.replied", "conversation.admin.closed"} {
			if n := w.metric("switchboard_recovered_events_total", "topic", topic); n == 0 {
				t.Errorf("no %s was recovered: the test shows too little", topic)
			}
		}
	})
}
