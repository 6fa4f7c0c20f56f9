package rules

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"switchboard/internal/event"
)

// bench is one subject with its timers, kept in memory as the store keeps them.
type bench struct {
	t       testing.TB
	rs      *Ruleset
	now     time.Time
	seq     int64
	ripe    []event.Event // timers that came due and wait to be decided
	state   memory
	waiting map[string]Timer
	cancels map[string]Cancel
	lookup  fixedLookup
}

var monday = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

const timerRules = `version: 1
settings:
  calendars:
    support: { timezone: Europe/Dublin, open: { mon-fri: 09:00-12:30 13:30-17:30 } }
rules:
`

func newBench(t testing.TB, keys string) *bench {
	t.Helper()
	b := &bench{
		t: t, now: monday, state: memory{}, waiting: map[string]Timer{}, cancels: map[string]Cancel{},
		lookup: fixedLookup{conversation: `{"type":"conversation","id":"1","state":"open","tags":{"tags":[]}}`},
	}
	b.load(keys)
	return b
}

func (b *bench) load(keys string) {
	b.t.Helper()
	b.rs = mustParseAny(b.t, timerRules+"  - name: r\n    "+strings.ReplaceAll(strings.TrimSpace(keys), "\n", "\n    ")+"\n    then: [close]\n")
}

func (b *bench) Recall(ctx context.Context, rule, key string) (Memory, error) {
	return b.state.Recall(ctx, rule, key)
}

func (b *bench) Timers(context.Context) ([]Timer, error) {
	return slices.Collect(maps.Values(b.waiting)), nil
}

func (b *bench) Cancels(context.Context) ([]Cancel, error) {
	return slices.Collect(maps.Values(b.cancels)), nil
}

// decide evaluates an event now and keeps what the decision says.
func (b *bench) decide(ev event.Event, own bool) *Decision {
	b.t.Helper()
	d, err := b.rs.Evaluate(b.t.Context(), Input{Event: ev, Now: b.now, Own: own, State: b, Lookup: b.lookup})
	if err != nil {
		b.t.Fatal(err)
	}
	b.state.remember(b.t, d)
	for _, ch := range d.Timers {
		if ch.Timer == nil {
			delete(b.waiting, ch.Rule)
			continue
		}
		timer := *ch.Timer
		if ch.Change == TimerKept {
			b.waiting[ch.Rule] = timer
			continue
		}
		timer.Version = b.waiting[ch.Rule].Version + 1
		b.waiting[ch.Rule] = timer
	}
	for _, c := range d.Cancels {
		b.cancels[c.Rule] = c
	}
	return d
}

// arrives evaluates the notification of something that happened on the conversation.
func (b *bench) arrives(topic, part string, happened time.Time) *Decision {
	b.t.Helper()
	return b.decide(b.notification(topic, part, happened), false)
}

func (b *bench) notification(topic, part string, happened time.Time) event.Event {
	b.seq++
	author := "user"
	if strings.Contains(topic, ".admin.") {
		author = "admin"
	}
	return event.Event{
		Seq: b.seq, ID: "notif_" + strconv.FormatInt(b.seq, 10), Workspace: "ws", Topic: topic, Subject: "conversation/1", Part: part,
		CreatedAt: happened, ReceivedAt: b.now,
		Payload: fmt.Appendf(nil, `{"topic":%q,"data":{"item":{"type":"conversation","id":"1","conversation_parts":{"conversation_parts":[{"id":%q,"author":{"type":%q,"id":"5"}}]}}}}`, topic, part, author),
	}
}

// ripen makes events of the timers that are due.
func (b *bench) ripen() {
	b.t.Helper()
	for _, timer := range b.waiting {
		if timer.DueAt.After(b.now) {
			continue
		}
		ev, err := event.Timer{Rule: timer.Rule, Version: timer.Version, DueAt: timer.DueAt, Trigger: timer.Trigger}.Event("ws", "conversation/1", b.now)
		if err != nil {
			b.t.Fatal(err)
		}
		b.ripe = append(b.ripe, ev)
	}
}

// fires evaluates the next timer that came due.
func (b *bench) fires() Outcome {
	b.t.Helper()
	if len(b.ripe) == 0 {
		b.ripen()
	}
	if len(b.ripe) == 0 {
		b.t.Fatal("no timer is due")
	}
	ev := b.ripe[0]
	b.ripe = b.ripe[1:]
	return b.decide(ev, false).Rules[0]
}

const replyTimer = `when: conversation.user.*
after: 15m
cancel_on: conversation.admin.replied`

const (
	wrote   = "conversation.user.replied"
	replied = "conversation.admin.replied"
)

func TestTimer_waits_and_fires_on_fresh_facts(t *testing.T) {
	b := newBench(t, replyTimer+"\nif: conversation.state == \"open\"")
	d := b.arrives("conversation.user.created", "", monday)
	if got, want := said(d.Rules[0]), "held_back by timer: it waits 15m, until 2026-03-02T09:15:00Z"; got != want {
		t.Errorf("first decision %q, want %q", got, want)
	}
	if len(d.Timers) != 1 || d.Timers[0].Change != TimerStarted {
		t.Errorf("timers %+v", d.Timers)
	}
	b.now = monday.Add(15 * time.Minute)
	if got, want := said(b.fires()), `ran: if: conversation.state == "open" is true`; got != want {
		t.Errorf("second decision %q, want %q", got, want)
	}
	if len(b.waiting) > 0 {
		t.Errorf("still waiting: %v", b.waiting)
	}

	b.arrives("conversation.user.created", "", b.now)
	b.lookup.conversation = `{"type":"conversation","id":"1","state":"closed"}`
	b.now = b.now.Add(15 * time.Minute)
	if got, want := said(b.fires()), `did_not_match: if: conversation.state == "open" is false`; got != want {
		t.Errorf("closed meanwhile: %q, want %q", got, want)
	}
	b.arrives("conversation.user.created", "", b.now)
	b.lookup.conversation = ""
	b.now = b.now.Add(15 * time.Minute)
	if got, want := said(b.fires()), "did_not_match: conversation/1 does not exist any more"; got != want {
		t.Errorf("deleted meanwhile: %q, want %q", got, want)
	}
}

// What counts is what happened first, whichever event arrives first.
func TestTimer_cancel_on(t *testing.T) {
	at := func(minute int) time.Time { return monday.Add(time.Duration(minute) * time.Minute) }
	type step struct {
		topic, part string
		happened    time.Time
	}
	for name, c := range map[string]struct {
		steps []step
		waits bool
	}{
		"in order":                             {[]step{{wrote, "10", at(0)}, {replied, "11", at(1)}}, false},
		"the answer arrives first":             {[]step{{replied, "11", at(1)}, {wrote, "10", at(0)}}, false},
		"an old answer arrives late":           {[]step{{wrote, "11", at(1)}, {replied, "10", at(0)}}, true},
		"an old answer arrived":                {[]step{{replied, "10", at(0)}, {wrote, "11", at(1)}}, true},
		"in one second, by part":               {[]step{{wrote, "10", at(0)}, {replied, "11", at(0)}}, false},
		"in one second, by part, reversed":     {[]step{{replied, "9", at(0)}, {wrote, "10", at(0)}}, true},
		"in one second, no parts":              {[]step{{replied, "", at(0)}, {wrote, "", at(0)}}, false},
		"Intercom's clock is ahead":            {[]step{{replied, "11", at(6)}, {wrote, "10", at(6)}}, false},
		"a clock was set, and parts tell":      {[]step{{replied, "11", at(0)}, {wrote, "10", at(3)}}, false},
		"one part does both":                   {[]step{{replied, "10", at(0)}, {wrote, "10", at(0)}}, false},
		"answered, then asked again":           {[]step{{wrote, "10", at(0)}, {replied, "11", at(1)}, {wrote, "12", at(2)}}, true},
		"asked again, the answer comes late":   {[]step{{wrote, "10", at(0)}, {wrote, "12", at(2)}, {replied, "11", at(1)}}, true},
		"an event that is of no concern to it": {[]step{{wrote, "10", at(0)}, {"conversation.admin.noted", "11", at(1)}}, true},
	} {
		b := newBench(t, replyTimer)
		b.now = at(5)
		for _, s := range c.steps {
			b.arrives(s.topic, s.part, s.happened)
		}
		if _, waits := b.waiting["r"]; waits != c.waits {
			t.Errorf("%s: waits is %v", name, waits)
		}
	}
}

// In whatever order the same events arrive, the same timer is left.
func TestTimer_order_of_arrival_does_not_matter(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		type happening struct {
			topic string
			at    time.Time
		}
		var list []happening
		for i := range 2 + r.IntN(5) {
			list = append(list, happening{[]string{wrote, replied}[r.IntN(2)], monday.Add(time.Duration(i) * time.Second)})
		}
		outcome := func() string {
			b := newBench(t, replyTimer)
			b.now = monday.Add(time.Minute)
			for _, h := range list {
				b.arrives(h.topic, "", h.at)
			}
			timer, ok := b.waiting["r"]
			return fmt.Sprint(ok, timer.Trigger.At, timer.DueAt)
		}
		want := outcome()
		r.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
		if got := outcome(); got != want {
			t.Fatalf("arriving as %v: %s, want %s", list, got, want)
		}
	}
}

func TestTimer_restart(t *testing.T) {
	for keys, want := range map[string]string{
		"":               "2026-03-02T09:20:00Z",
		"restart: true":  "2026-03-02T09:20:00Z",
		"restart: false": "2026-03-02T09:15:00Z",
	} {
		b := newBench(t, replyTimer+"\n"+keys)
		b.arrives(wrote, "10", monday)
		b.now = monday.Add(5 * time.Minute)
		d := b.arrives(wrote, "11", b.now)
		if d.Rules[0].HeldBy != HeldByTimer || stamp(d.Rules[0].Until) != want || stamp(b.waiting["r"].DueAt) != want {
			t.Errorf("%q: %s; waits until %s, want %s", keys, said(d.Rules[0]), stamp(b.waiting["r"].DueAt), want)
		}
	}
}

// Within a second the parts tell which trigger is the newer one.
func TestTimer_restart_within_a_second(t *testing.T) {
	b := newBench(t, replyTimer)
	for _, part := range []string{"9", "11", "10"} {
		b.arrives(wrote, part, monday)
	}
	if got := b.waiting["r"].Trigger.Part; got != "11" {
		t.Errorf("started by part %s, want 11", got)
	}
}

// A rule that keeps the first trigger waits for a later one when the first proves to be answered.
func TestTimer_restart_false_and_a_late_answer(t *testing.T) {
	b := newBench(t, replyTimer+"\nrestart: false")
	for minute := range 3 { // at 9:00, 9:02 and 9:04
		b.now = monday.Add(time.Duration(2*minute) * time.Minute)
		b.arrives(wrote, strconv.Itoa(10+2*minute), b.now)
	}
	d := b.arrives(replied, "13", monday.Add(3*time.Minute))
	if got, want := stamp(b.waiting["r"].DueAt), "2026-03-02T09:19:00Z"; got != want || len(d.Timers) != 1 || d.Timers[0].Change != TimerRestarted {
		t.Errorf("it waits until %s, want %s: %+v", got, want, d.Timers)
	}
	if b.arrives(replied, "15", monday.Add(5*time.Minute)); len(b.waiting) > 0 {
		t.Error("the last message is answered, too, and it still waits")
	}
}

// What arrives after the timer came due and happened before, or with the same part, starts nothing.
func TestTimer_I2_late_notifications_after_it_fired(t *testing.T) {
	b := newBench(t, replyTimer)
	b.arrives(wrote, "12", monday)
	b.now = monday.Add(15 * time.Minute)
	if o := b.fires(); o.Verdict != Ran {
		t.Fatal(said(o))
	}
	for part, want := range map[string]bool{"12": false, "11": false, "13": true} {
		d := b.arrives("conversation.user.created", part, monday)
		if _, waits := b.waiting["r"]; waits != want {
			t.Errorf("part %s: waits is %v: %s", part, waits, said(d.Rules[0]))
		}
		delete(b.waiting, "r")
	}
}

// A timer that could not be read again when it comes due is not started.
func TestTimer_subjects(t *testing.T) {
	b := newBench(t, "when: \"*\"\nafter: 15m")
	ev := b.notification("article.created", "", monday)
	ev.Subject = "article/5"
	if o := b.decide(ev, false).Rules[0]; o.Verdict != Failed || !strings.Contains(o.Reason, "not on article/5") {
		t.Error(said(o))
	}
}

// One thing that somebody did arrives as several notifications.
func TestTimer_I2_one_part_starts_one(t *testing.T) {
	b := newBench(t, replyTimer)
	b.arrives(wrote, "10", monday)
	if d := b.arrives("conversation.user.created", "10", monday); len(d.Timers) != 0 || b.waiting["r"].Version != 1 {
		t.Errorf("the second notification: %+v", d.Timers)
	}
}

// A timer that came due waits for what was there before it; that can still cancel or restart it.
func TestTimer_events_before_it_count(t *testing.T) {
	for name, c := range map[string]struct{ topic, want string }{
		"cancelled": {replied, "did_not_match: the timer was cancelled"},
		"restarted": {wrote, "did_not_match: the timer was started again, or moved: it waits until 2026-03-02T09:29:59Z"},
	} {
		b := newBench(t, replyTimer)
		b.arrives(wrote, "10", monday)
		b.now = monday.Add(15 * time.Minute)
		b.ripen()
		b.arrives(c.topic, "11", b.now.Add(-time.Second))
		if got := said(b.fires()); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// What Switchboard did itself neither starts a timer nor cancels one (I9).
func TestTimer_I9_own_work(t *testing.T) {
	for keys, waits := range map[string]bool{"": true, "from: any": false} {
		b := newBench(t, replyTimer+"\n"+keys)
		b.arrives(wrote, "10", monday)
		b.decide(b.notification(replied, "11", monday.Add(time.Minute)), true)
		if _, ok := b.waiting["r"]; ok != waits {
			t.Errorf("%q: waits is %v", keys, ok)
		}
	}
	b := newBench(t, "when: conversation.admin.replied\nafter: 15m")
	b.decide(b.notification(replied, "11", monday), true)
	if len(b.waiting) > 0 {
		t.Error("our own reply started a timer")
	}
}

func TestTimer_hours(t *testing.T) {
	b := newBench(t, "when: conversation.user.created\nafter: 4h\nhours: support\nduring: support")
	b.now = time.Date(2026, 3, 27, 15, 0, 0, 0, time.UTC) // a Friday; the clocks go forward on Sunday
	d := b.arrives("conversation.user.created", "", b.now)
	// 2.5 hours on Friday, 1.5 on Monday from 09:00 in Dublin, which is 08:00 UTC by then.
	if got, want := said(d.Rules[0]), "held_back by timer: it waits 4h of support, until 2026-03-30T09:30:00Z"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	// The very end of the open hours still is within them.
	b = newBench(t, "when: conversation.user.created\nafter: 4h\nhours: support\nduring: support")
	b.now = monday.Add(4*time.Hour + 30*time.Minute)
	b.arrives("conversation.user.created", "", b.now)
	b.now = monday.Add(8*time.Hour + 30*time.Minute + 20*time.Millisecond)
	if o := b.fires(); o.Verdict != Ran {
		t.Errorf("due when support closes: %s", said(o))
	}
	// Late, it is asked whether it is open now.
	b = newBench(t, "when: conversation.user.created\nafter: 4h\nhours: support\nduring: support")
	b.now = monday.Add(4*time.Hour + 30*time.Minute)
	b.arrives("conversation.user.created", "", b.now)
	b.now = monday.Add(12 * time.Hour)
	if o := b.fires(); o.Verdict != DidNotMatch || !strings.Contains(o.Reason, "during: support is closed") {
		t.Errorf("late in the evening: %s", said(o))
	}
}

func TestTimer_if_late(t *testing.T) {
	for keys, latest := range map[string]time.Duration{
		"": 1000 * time.Hour, "if_late: run": 1000 * time.Hour, "if_late: skip": time.Minute, "if_late: { skip: 2h }": 2 * time.Hour,
	} {
		for late, want := range map[time.Duration]Verdict{latest: Ran, latest + time.Second: HeldBack} {
			if want == HeldBack && latest > 100*time.Hour {
				continue
			}
			b := newBench(t, replyTimer+"\n"+keys)
			b.arrives(wrote, "10", monday)
			b.now = monday.Add(15*time.Minute + late)
			o := b.fires()
			if o.Verdict != want || want == HeldBack && o.HeldBy != HeldByLate || len(b.waiting) > 0 {
				t.Errorf("%q, %s late: %s", keys, late, said(o))
			}
		}
	}
}

// `once` and its like are asked when the time has come, and shadow rules say what they would do.
func TestTimer_flow(t *testing.T) {
	b := newBench(t, replyTimer+"\nonce: conversation")
	for i, want := range []string{"ran: it has no condition", "held_back by once: it ran already for this conversation"} {
		b.arrives(wrote, strconv.Itoa(10+i), b.now)
		b.now = b.now.Add(time.Hour)
		if got := said(b.fires()); got != want {
			t.Errorf("%d: %q, want %q", i, got, want)
		}
	}
	b = newBench(t, replyTimer+"\nstate: shadow")
	b.arrives(wrote, "10", monday)
	b.now = monday.Add(time.Hour)
	if o := b.fires(); o.HeldBy != HeldByShadow || len(o.Would) != 1 || len(o.Actions) != 0 {
		t.Errorf("shadow: %+v", o)
	}
}

// When the rules have changed meanwhile, those in use count when the timer comes due, and the plan
// says the same before.
func TestTimer_I8_follows_its_rule(t *testing.T) {
	for name, c := range map[string]struct{ keys, want, plan string }{
		"same":        {replyTimer + "\nif: conversation.state == \"open\"", `ran: if: conversation.state == "open" is true`, "keep"},
		"longer":      {strings.Replace(replyTimer, "15m", "30m", 1), "held_back by timer: the rule says 30m now: it waits until 2026-03-02T09:30:00Z", "move to 30m"},
		"shorter":     {strings.Replace(replyTimer, "15m", "5m", 1), "ran: it has no condition", "move to 5m"},
		"in hours":    {replyTimer + "\nhours: support", "ran: it has no condition", "move to 15m of support"},
		"off":         {replyTimer + "\nstate: off", "did_not_match: cancelled: state: off", "cancel: state: off"},
		"at once":     {"when: conversation.user.*", "did_not_match: cancelled: the rule does not wait any more", "cancel: the rule does not wait any more"},
		"other topic": {"when: conversation.user.created\nafter: 15m", "did_not_match: cancelled: the rule does not listen to conversation.user.replied any more", "cancel: the rule does not listen to conversation.user.replied any more"},
	} {
		b := newBench(t, replyTimer)
		b.arrives(wrote, "10", monday)
		clock := b.waiting["r"].Clock // what happens to the timer
		b.load(c.keys)
		b.now = monday.Add(15 * time.Minute)
		if got := said(b.fires()); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
		plan := b.rs.PlanTimers("r", wrote)
		got := "keep"
		if plan.Cancel != "" {
			got = "cancel: " + plan.Cancel
		} else if plan.Clock != clock {
			got = "move to " + plan.After
		}
		if got != c.plan {
			t.Errorf("%s: the plan is %q, want %q", name, got, c.plan)
		}
	}
	if plan := newBench(t, replyTimer).rs.PlanTimers("gone", wrote); plan.Cancel != "the rule is gone" {
		t.Errorf("a rule that is gone: %+v", plan)
	}
}

// A calendar that changes moves the timers that run in it.
func TestTimer_I8_clock_knows_the_calendar(t *testing.T) {
	rule := "  - { name: r, when: conversation.user.created, after: 1h, hours: support, then: [close] }\n"
	clock := func(rules string) string {
		return mustParse(t, rules).PlanTimers("r", "conversation.user.created").Clock
	}
	before := clock(timerRules + rule)
	if again := clock(timerRules + rule); again != before {
		t.Errorf("the same rules give %q and %q", before, again)
	}
	if after := clock(strings.Replace(timerRules, "17:30", "18:00", 1) + rule); after == before || ClockWords(after) != ClockWords(before) {
		t.Errorf("other hours give %q, before %q", after, before)
	}
}

// What the templates of a timer say about the event is about the one that started it.
func TestTimer_facts(t *testing.T) {
	b := newBench(t, "when: conversation.user.*\nafter: 15m\nif: event.topic == \"conversation.user.replied\" and event.part == \"10\" and event.from == nil and message.text == \"newest\" and minutes_since(event.created_at) == 15")
	b.lookup.conversation = `{"type":"conversation","id":"1","state":"open","source":{"body":"first"},
	  "conversation_parts":{"conversation_parts":[{"id":"10","part_type":"comment","body":"<p>older</p>","author":{"type":"user","id":"7"}},
	  {"id":"11","part_type":"comment","body":"<p>newest</p>","author":{"type":"admin","id":"5"}},{"id":"12","part_type":"note","body":"<p>x</p>","author":{"type":"admin","id":"5"}}]}}`
	b.arrives(wrote, "10", monday)
	b.now = monday.Add(15 * time.Minute)
	if o := b.fires(); o.Verdict != Ran {
		t.Error(said(o))
	}
}

// The decision on a timer can be made again from what was recorded.
func TestTimer_replays(t *testing.T) {
	b := newBench(t, replyTimer+"\nif: conversation.state == \"open\"")
	b.arrives(wrote, "10", monday)
	b.now = monday.Add(15 * time.Minute)
	b.ripen()
	in := Input{Event: b.ripe[0], Now: b.now, State: b, Lookup: b.lookup}
	first, err := b.rs.Evaluate(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	in.Lookup = first.Recorded()
	again, err := b.rs.Evaluate(t.Context(), in)
	if err != nil || encodedDecision(t, again) != encodedDecision(t, first) {
		t.Errorf("%v\n%s\n%s", err, encodedDecision(t, first), encodedDecision(t, again))
	}
}

func encodedDecision(t *testing.T, d *Decision) string {
	t.Helper()
	b, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
