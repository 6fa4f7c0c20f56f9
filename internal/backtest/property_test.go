package backtest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"switchboard/internal/backtest"
	"switchboard/internal/diag"
	"switchboard/internal/event"
	"switchboard/internal/rules"
)

// The properties hold for random rules on random histories. Each seed is a test by itself:
//
//	go test ./internal/backtest -run 'TestBacktest_properties/17$'
const seeds = 100

// drawn are random rules and a random history.
type drawn struct {
	old, changed *rules.Ruleset
	texts        [2]string
	events       []event.Event
	decisions    []*rules.Decision
	seed         uint64
}

func draw(t *testing.T, seed uint64) *drawn {
	random := rand.New(rand.NewPCG(seed, 7))
	d := &drawn{seed: seed}
	timers := seed%3 != 0
	d.old, d.texts[0] = drawRuleset(t, random, timers)
	d.changed, d.texts[1] = drawRuleset(t, random, timers)
	d.drawHistory(t, random)
	return d
}

// drawRuleset draws until the rules do not feed themselves, which would be refused.
func drawRuleset(t *testing.T, random *rand.Rand, timers bool) (*rules.Ruleset, string) {
	t.Helper()
	for {
		text := drawRules(random, timers)
		rs, problems := rules.Parse([]rules.Source{{Name: "rules.yaml", Text: []byte(text)}})
		loops := slices.ContainsFunc(problems, func(p diag.Problem) bool { return p.Code == "rules/loop" })
		if rs == nil && !loops {
			t.Fatalf("%+v\n%s", problems, text)
		}
		if rs != nil {
			return rs, text
		}
	}
}

func parseAll(t *testing.T, text string) *rules.Ruleset {
	t.Helper()
	rs, problems := rules.Parse([]rules.Source{{Name: "rules.yaml", Text: []byte(text)}})
	if rs == nil {
		t.Fatalf("%+v\n%s", problems, text)
	}
	return rs
}

func pick(random *rand.Rand, list ...string) string { return list[random.IntN(len(list))] }

// drawRules writes up to eight rules out of what rules can say. Their names are the same in all rulesets.
func drawRules(random *rand.Rand, timers bool) string {
	var b strings.Builder
	b.WriteString("version: 1\nsettings:\n  breaker: " + pick(random, "3", "100") + "\n  calendars:\n    support:\n      timezone: Europe/Dublin\n      open: { mon-fri: 09:00-12:30 13:30-17:30 }\nrules:\n")
	for i := range 3 + random.IntN(6) {
		rule := func(format string, args ...any) { _, _ = fmt.Fprintf(&b, "    "+format+"\n", args...) }
		_, _ = fmt.Fprintf(&b, "  - name: r%d\n", i)
		sweeps := i == 0 && random.IntN(2) == 0
		contacts := !sweeps && random.IntN(8) == 0 // what it is about
		either := func(list []string, other ...string) string {
			if contacts {
				list = other
			}
			return pick(random, list...)
		}
		if sweeps {
			rule("every: 1h")
			rule("search: { conversations: { open: true } }")
		} else {
			rule("when: %s", either([]string{"conversation.user.replied", `"conversation.*.*"`, `"conversation.user.*"`, "[conversation.user.created, conversation.admin.replied]", "conversation.admin.closed"}, "contact.created"))
		}
		waits := timers && !sweeps && random.IntN(2) == 0
		if waits {
			rule("after: %s", pick(random, "1m", "10m", "45m", "3h", "2d"))
			if random.IntN(3) == 0 {
				rule("hours: support")
			}
			if random.IntN(2) == 0 {
				rule("cancel_on: %s", either([]string{"conversation.admin.replied", "conversation.admin.closed", `"conversation.admin.*"`}, "contact.*"))
			}
			if random.IntN(3) == 0 {
				rule("restart: false")
			}
		}
		if !sweeps && random.IntN(4) == 0 {
			rule("from: %s", pick(random, "any", "customer", "teammate"))
		}
		if !sweeps && random.IntN(5) == 0 {
			rule("%s: support", pick(random, "during", "outside"))
		}
		if random.IntN(3) > 0 {
			rule("if: %s", either([]string{
				`message.text contains "refund"`, `contact.custom_attributes.plan == "pro"`, `conversation.open`, `company.name == "Acme"`,
				`minutes_since(conversation.created_at) > 60`, `len(message.text) > 5 and contact.role == "user"`,
			}, `contact.role == "user"`, `company.name == "Acme"`))
		}
		switch random.IntN(6) {
		case 0:
			rule("once: %s", either([]string{"conversation", "contact"}, "contact"))
		case 1, 2:
			rule("cooldown: %s", either([]string{"5m", "1h", "3d", "{ for: 2h, per: contact }"}, "{ for: 2h, per: contact }"))
		}
		if random.IntN(4) == 0 {
			rule("limit: { runs: %d, per: %s }", 1+random.IntN(5), pick(random, "10m", "1h", "1d"))
		}
		if random.IntN(8) == 0 {
			rule("state: %s", pick(random, "off", "shadow"))
		}
		if !waits && random.IntN(6) == 0 {
			rule("stop: true")
		}
		rule("then: [%s]", either([]string{"tag: A", "tag: B", "tag: A, note: hello", "note: seen", "close"}, "tag: A", "tag: B"))
	}
	return b.String()
}

// drawHistory makes some hundred events: bunches and gaps of days, parts with several notifications, events that
// arrive late, at the same time and in two workspaces, results of schedules; and what was read then, or not.
func (d *drawn) drawHistory(t *testing.T, random *rand.Rand) {
	at := start
	var part int
	var times []time.Time
	for i := range 250 {
		switch random.IntN(12) {
		case 0:
			at = at.Add(time.Duration(random.IntN(20)) * time.Hour)
		case 1, 2, 3:
		default:
			at = at.Add(time.Duration(random.IntN(900)) * time.Second)
		}
		times = append(times, at)
		switch random.IntN(8) {
		case 0, 1: // another notification of the same part
		case 2: // of one that happened before, not longer ago than parts and cancels are remembered
			back := random.IntN(min(i, 80) + 1)
			for back > 0 && at.Sub(times[i-back]) > 20*time.Hour {
				back--
			}
			part = 10_000 + 2*(i-back) + 1
		default:
			part = 10_000 + 2*i
		}
		workspace, id := pick(random, "ws", "ws", "other"), random.IntN(6)
		happened := at.Add(-time.Duration(random.IntN(3)*random.IntN(200)) * time.Second)
		var ev event.Event
		switch random.IntN(10) {
		case 0:
			ev = d.sweepEvent(t, workspace, id, at)
		case 1:
			ev = notification(t, workspace, fmt.Sprintf("n%d", i), "contact.created", happened, at, fmt.Sprintf(`{"type":"contact","id":"c%d","role":"user"}`, id))
		default:
			topic := pick(random, "conversation.user.created", "conversation.user.replied", "conversation.user.replied", "conversation.admin.replied", "conversation.admin.closed")
			author := "user"
			if strings.Contains(topic, "admin") {
				author = "admin"
			}
			ev = notification(t, workspace, fmt.Sprintf("n%d", i), topic, happened, at, fmt.Sprintf(`{"type":"conversation","id":"%d","open":true,"created_at":%d,
				"contacts":{"contacts":[{"type":"contact","id":"c%d"}]},
				"conversation_parts":{"conversation_parts":[{"type":"conversation_part","id":"%d","part_type":"comment","body":"<p>%s</p>","author":{"type":%q,"id":"a1"}}]}}`,
				1000+id, start.Unix(), id, part, pick(random, "refund", "hello there", "no"), author))
		}
		if ev.ID == "" {
			continue
		}
		ev.Seq = int64(len(d.events) + 1)
		own := rules.OwnNo
		if random.IntN(10) == 0 {
			own = rules.OwnYes
		}
		d.events = append(d.events, ev)
		d.decisions = append(d.decisions, &rules.Decision{
			Event: ev.ID, At: at.Add(time.Duration(random.IntN(3)) * time.Second), Own: own, Lookups: readThen(random, id),
		})
		at = d.decisions[len(d.decisions)-1].At
	}
}

func readThen(random *rand.Rand, id int) map[string]json.RawMessage {
	m := map[string]json.RawMessage{}
	if random.IntN(3) > 0 {
		m[fmt.Sprintf("contact/c%d", id)] = json.RawMessage(fmt.Sprintf(`{"type":"contact","id":"c%d","role":"user","custom_attributes":{"plan":%q}}`, id, pick(random, "pro", "free")))
	}
	if random.IntN(3) == 0 {
		m[fmt.Sprintf("companies/c%d", id)] = json.RawMessage(pick(random, `[]`, `[{"type":"company","id":"k","name":"Acme"}]`))
	}
	if random.IntN(3) == 0 {
		m[fmt.Sprintf("conversation/%d", 1000+id)] = json.RawMessage(pick(random, "null", fmt.Sprintf(`{"type":"conversation","id":"%d","open":false}`, 1000+id)))
	}
	return m
}

func notification(t *testing.T, workspace, id, topic string, happened, received time.Time, item string) event.Event {
	t.Helper()
	ev, err := event.Parse(fmt.Appendf(nil, `{"type":"notification_event","app_id":%q,"id":%q,"topic":%q,"created_at":%d,"data":{"item":%s}}`,
		workspace, id, topic, happened.Unix(), item), received)
	if err != nil {
		t.Fatal(err)
	}
	return ev
}

// sweepEvent is what a schedule of the old rules found; empty if they have none.
func (d *drawn) sweepEvent(t *testing.T, workspace string, id int, at time.Time) event.Event {
	t.Helper()
	sweeps := d.old.Sweeps()
	if len(sweeps) == 0 {
		return event.Event{}
	}
	object := fmt.Sprintf(`{"type":"conversation","id":"%d","open":true,"contacts":{"contacts":[{"type":"contact","id":"c%d"}]}}`, 1000+id, id)
	ev, err := sweeps[0].Event(workspace, at, at, json.RawMessage(object))
	if err != nil {
		t.Fatal(err)
	}
	return ev
}

// decision is what was decided when a timer came due then, if one did: drawn from its id, so that it is the same
// whoever asks.
func (d *drawn) decision(_ context.Context, workspace, id string) (*rules.Decision, error) {
	h := fnv.New64a()
	_, _ = h.Write([]byte(workspace + id))
	random := rand.New(rand.NewPCG(d.seed, h.Sum64()))
	if random.IntN(4) == 0 {
		return nil, nil
	}
	m := map[string]json.RawMessage{}
	for i := range 6 {
		if random.IntN(8) > 0 {
			m[fmt.Sprintf("conversation/%d", 1000+i)] = json.RawMessage(fmt.Sprintf(`{"type":"conversation","id":"%d","open":%v,"contacts":{"contacts":[{"type":"contact","id":"c%d"}]}}`, 1000+i, random.IntN(4) > 0, i))
		}
		m[fmt.Sprintf("contact/c%d", i)] = json.RawMessage(fmt.Sprintf(`{"type":"contact","id":"c%d","role":"user","custom_attributes":{"plan":"pro"}}`, i))
	}
	return &rules.Decision{Lookups: m}, nil
}

func (d *drawn) history() backtest.History {
	return backtest.History{
		Events: func(_ context.Context, each func(event.Event, *rules.Decision) error) error {
			for i, ev := range d.events {
				if err := each(ev, d.decisions[i]); err != nil {
					return err
				}
			}
			return nil
		},
		Decision: d.decision,
	}
}

func (d *drawn) backtest(t *testing.T, old, changed *rules.Ruleset, fetch *backtest.Fetch) *backtest.Report {
	t.Helper()
	r, err := backtest.Backtest(t.Context(), backtest.Options{History: d.history(), Old: old, New: changed, Fetch: fetch})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func asText(t *testing.T, r *backtest.Report) string {
	t.Helper()
	var b bytes.Buffer
	if err := backtest.WriteText(&b, r); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestBacktest_properties holds what must be true of any rules on any history.
func TestBacktest_properties(t *testing.T) {
	var total struct{ runs, timers, gained, lost, changed, unknown, fetched int }
	for seed := range uint64(seeds) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			d := draw(t, seed)
			defer func() {
				if t.Failed() {
					t.Logf("old:\n%s\nnew:\n%s", d.texts[0], d.texts[1])
				}
			}()

			// The same rules differ nowhere, whatever their text looks like.
			same := d.backtest(t, d.old, parseAll(t, "# the same\n"+d.texts[0]), nil)
			if same.Differs() || same.OldRuns != same.NewRuns {
				t.Errorf("the same rules differ: %s", asText(t, same))
			}
			for _, one := range same.Rules {
				if one.Unknown != one.OldUnknown {
					t.Errorf("%s is unknown %d and %d times", one.Rule, one.OldUnknown, one.Unknown)
				}
			}
			// Also when some of the facts are fetched.
			calls := int(seed % 9)
			n := &intercomNow{}
			fetched := d.backtest(t, d.old, d.old, &backtest.Fetch{Ask: n.ask, Calls: calls})
			if fetched.Differs() || fetched.Fetched.Calls > calls || fetched.Fetched.Decisions%2 != 0 {
				t.Errorf("the same rules differ on fetched facts: %s", asText(t, fetched))
			}

			// What the rules do is what they do by themselves, with all that was remembered at hand.
			runs, timers := reference(t, d)
			if runs != same.OldRuns {
				t.Errorf("the rules ran %d times in the backtest, and %d times by themselves", same.OldRuns, runs)
			}

			// A backtest is the same each time, and the mirror image of the one with the sides changed.
			r, again, back := d.backtest(t, d.old, d.changed, nil), d.backtest(t, d.old, d.changed, nil), d.backtest(t, d.changed, d.old, nil)
			if a, b := asText(t, r), asText(t, again); a != b {
				t.Errorf("it differs from one time to the next:\n%s\n%s", a, b)
			}
			mirror(t, r, back)
			// What the old rules do does not depend on the new ones, but for timers at the end of the history.
			if r.OldRuns > same.OldRuns || same.OldRuns-r.OldRuns > timers {
				t.Errorf("the old rules ran %d times beside themselves, and %d beside others; %d timers came due", same.OldRuns, r.OldRuns, timers)
			}

			total.runs, total.timers, total.fetched = total.runs+runs, total.timers+timers, total.fetched+fetched.Fetched.Decisions
			for _, one := range r.Rules {
				total.gained, total.lost, total.changed = total.gained+one.Gained.Total, total.lost+one.Lost.Total, total.changed+one.Changed.Total
				total.unknown += one.Unknown
			}
		})
	}
	for what, n := range map[string]int{
		"runs": total.runs, "timers": total.timers, "gained": total.gained, "lost": total.lost, "changed": total.changed, "unknown": total.unknown, "fetched": total.fetched,
	} {
		if n < 500 {
			t.Errorf("only %d %s: the seeds show too little", n, what)
		}
	}
	t.Logf("%+v", total)
}

// mirror holds a report against the one with the sides changed.
func mirror(t *testing.T, r, back *backtest.Report) {
	t.Helper()
	gained, lost := 0, 0
	byRule := map[string]*backtest.RuleReport{}
	for _, one := range back.Rules {
		byRule[one.Rule] = one
	}
	for _, one := range r.Rules {
		gained, lost = gained+one.Gained.Total, lost+one.Lost.Total
		other := byRule[one.Rule]
		if other == nil && one.Shadow.Total > 0 { // only the new rules show what they have in shadow
			other = &backtest.RuleReport{}
		}
		if other == nil {
			t.Errorf("%s differs one way only", one.Rule)
			continue
		}
		type counts struct{ total, subjects int }
		of := func(d backtest.Difference) counts { return counts{d.Total, d.Subjects} }
		if of(one.Gained) != of(other.Lost) || of(one.Lost) != of(other.Gained) || of(one.Changed) != of(other.Changed) ||
			one.Unknown != other.OldUnknown || one.OldUnknown != other.Unknown {
			t.Errorf("%s: %+v, and the other way round %+v", one.Rule, one, other)
		}
	}
	if r.OldRuns != back.NewRuns || r.NewRuns != back.OldRuns || r.NewRuns-r.OldRuns != gained-lost {
		t.Errorf("%d and %d runs, the other way round %d and %d; %d gained, %d lost", r.OldRuns, r.NewRuns, back.OldRuns, back.NewRuns, gained, lost)
	}
}

// reference has the old rules decide the history in the plainest way: nothing is forgotten, and the next timer is
// looked for among all. It tells how often rules ran, and how many timers came due.
func reference(t *testing.T, d *drawn) (runs, fired int) {
	t.Helper()
	s := &plainState{counted: map[string]rules.Memory{}, timers: map[string]rules.Timer{}, cancels: map[string]rules.Cancel{}}
	decide := func(in rules.Input) {
		s.workspace, s.subject, in.State = in.Event.Workspace, in.Event.Subject, s
		got, err := d.old.Evaluate(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		runs += s.keep(got, in)
	}
	due := func(by time.Time) {
		for {
			key, next, found := s.next(by)
			if !found {
				return
			}
			fired++
			where := strings.Split(key, "\x00")
			ev, err := event.Timer{Rule: next.Rule, Version: next.Version, DueAt: next.DueAt, Trigger: next.Trigger}.Event(where[0], where[1], next.DueAt)
			if err != nil {
				t.Fatal(err)
			}
			then, _ := d.decision(t.Context(), ev.Workspace, ev.ID)
			if then == nil {
				then = &rules.Decision{}
			}
			decide(rules.Input{Event: ev, Now: next.DueAt, Lookup: then.Recorded()})
		}
	}
	for i, ev := range d.events {
		due(d.decisions[i].At)
		decide(d.decisions[i].Input(ev))
	}
	due(d.decisions[len(d.decisions)-1].At)
	return runs, fired
}

// plainState keeps everything by texts: workspace, subject or rule, key.
type plainState struct {
	counted            map[string]rules.Memory
	timers             map[string]rules.Timer
	cancels            map[string]rules.Cancel
	order              []string // of timers: those that were started first come first
	workspace, subject string
}

func (s *plainState) key(what string) string {
	return s.workspace + "\x00" + s.subject + "\x00" + what
}

func (s *plainState) Recall(_ context.Context, rule, key string) (rules.Memory, error) {
	return s.counted[s.workspace+"\x00"+rule+"\x00"+key], nil
}

func (s *plainState) Timers(context.Context) (list []rules.Timer, _ error) {
	for key, timer := range s.timers {
		if key == s.key(timer.Rule) {
			list = append(list, timer)
		}
	}
	return list, nil
}

func (s *plainState) Cancels(context.Context) (list []rules.Cancel, _ error) {
	for key, c := range s.cancels {
		if key == s.key(c.Rule) {
			list = append(list, c)
		}
	}
	return list, nil
}

func (s *plainState) keep(d *rules.Decision, in rules.Input) (runs int) {
	for _, o := range d.Rules {
		for _, q := range o.Remember {
			key := s.workspace + "\x00" + q.Owner(o.Rule) + "\x00" + q.Key
			s.counted[key] = s.counted[key].After(q, in.Now, in.Event.Seq)
		}
		if o.Verdict == rules.Ran {
			runs++
		}
	}
	for _, ch := range d.Timers {
		key := s.key(ch.Rule)
		before, waits := s.timers[key]
		switch {
		case ch.Timer == nil:
			delete(s.timers, key)
		case waits && ch.Change == rules.TimerKept:
			before.Newest = ch.Timer.Newest
			s.timers[key] = before
		default:
			timer := *ch.Timer
			timer.Version = before.Version + 1
			s.timers[key] = timer
			s.order = append(s.order, key)
		}
	}
	for _, c := range d.Cancels {
		s.cancels[s.key(c.Rule)] = c
	}
	return runs
}

// next is the timer that is due next: the earliest, by the place of its rule, by which was started first.
func (s *plainState) next(by time.Time) (first string, timer rules.Timer, found bool) {
	for _, key := range s.order {
		one, waits := s.timers[key]
		if !waits || one.DueAt.After(by) {
			continue
		}
		if !found || one.DueAt.Before(timer.DueAt) || one.DueAt.Equal(timer.DueAt) && one.Place < timer.Place {
			first, timer, found = key, one, true
		}
	}
	return first, timer, found
}
