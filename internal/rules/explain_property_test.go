package rules

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"switchboard/internal/event"
)

// TestExplain_what_was_decided decides about random events with random rules, and explains from nothing
// but what the decision recorded: verdicts, reasons, actions and timers are the same, and the conditions
// of the explanation agree with the verdict.
func TestExplain_what_was_decided(t *testing.T) {
	const rulesets, each = 500, 20
	random := rand.New(rand.NewPCG(6, 1))
	events := allPayloads(t)
	verdicts := map[string]int{}
	for range rulesets {
		rs := randomRuleset(t, random)
		for range each {
			in := randomInput(random, rs, events)
			d, err := rs.Evaluate(t.Context(), in)
			if err != nil {
				t.Fatal(err)
			}
			text, err := json.Marshal(d)
			if err != nil {
				t.Fatal(err)
			}
			var recorded Decision
			if err := json.Unmarshal(text, &recorded); err != nil {
				t.Fatal(err)
			}
			again, list, err := rs.Explain(t.Context(), recorded.Input(in.Event))
			if err != nil {
				t.Fatal(err)
			}
			sameDecision(t, d, again)
			for _, x := range list {
				if x.Outcome != nil {
					verdicts[string(x.Outcome.Verdict)+" "+x.Outcome.HeldBy]++
				}
				agree(t, x)
			}
			if t.Failed() {
				t.Fatalf("%s\n%s", rs.Sources().Files[0].Text, text)
			}
		}
	}
	t.Log(verdicts)
	for _, v := range []string{
		"ran ", "did_not_match ", "failed ", "held_back off", "held_back part", "held_back once", "held_back cooldown", "held_back limit",
		"held_back breaker", "held_back timer", "held_back shadow", "held_back own_work", "held_back replay",
	} {
		if verdicts[v] < 10 {
			t.Errorf("%q came up %d times: the test shows little", v, verdicts[v])
		}
	}
}

// agree holds the conditions of an explanation against its verdict.
func agree(t *testing.T, x Explanation) {
	t.Helper()
	if x.Outcome == nil || !reached(x) {
		return
	}
	all := func(list []*Clause, v ClauseValue) bool {
		for _, c := range list {
			if c.Value != v {
				return false
			}
		}
		return true
	}
	one := len(x.Any) == 0
	for _, c := range x.Any {
		one = one || c.Value == ClauseTrue
	}
	matches := all(x.If, ClauseTrue) && one && all(x.None, ClauseFalse)
	switch x.Outcome.Verdict {
	case Ran, HeldBack:
		if !matches {
			t.Errorf("%s: %s, and its conditions do not hold: %+v", x.Rule, x.Outcome.Verdict, x)
		}
	case DidNotMatch:
		if matches {
			t.Errorf("%s did not match, and its conditions hold", x.Rule)
		}
	case Failed: // in a condition, or while it was planned
	}
}

func allPayloads(t *testing.T) (events []event.Event) {
	t.Helper()
	names, err := filepath.Glob("testdata/payloads/*.json")
	if err != nil || len(names) < 20 {
		t.Fatal(names, err)
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		ev, err := event.Parse(text, time.Unix(1768032500, 0).UTC())
		if err != nil {
			t.Fatal(name, err)
		}
		events = append(events, ev)
	}
	return events
}

var someConditions = []string{
	`contact.custom_attributes.plan == "pro"`, `contact.email != nil`, `contact.role == "lead"`, `contact.custom_attributes.seats > 3`,
	`contact.custom_attributes.plan > 3`, `company.name == "Globex"`, `len(companies) > 1`, `any(companies, .name == "Initech")`,
	`message.text contains "order"`, `message.text matches "(?i)parcel|refund"`, `message.html == nil`, `len(conversation.tags) > 0`,
	`"Billing" in conversation.tags`, `conversation.open`, `conversation.rating.rating > 3`, `conversation.admin_assignee_id == nil`,
	`conversation.source.type == "email"`, `event.from == "customer"`, `event.topic == "conversation.user.replied"`, `ticket.open`,
	`ticket.state == "submitted"`, `item.type == "conversation"`, `now() > event.created_at`, `conversation.created_at > now() - duration("24h")`,
	`string(contact.custom_attributes.vip) == "true"`, `len(conversation.parts) > 2`, `actor.type == "admin"`, `admin.id != nil`,
	`round(company.monthly_spend) > 1000`, `int(contact.phone) > 0`,
}

func randomCondition(random *rand.Rand, depth int) string {
	if depth == 0 || random.IntN(3) == 0 {
		return someConditions[random.IntN(len(someConditions))]
	}
	switch random.IntN(4) {
	case 0:
		return "not (" + randomCondition(random, depth-1) + ")"
	case 1:
		return "(" + randomCondition(random, depth-1) + " or " + randomCondition(random, depth-1) + ")"
	default:
		return randomCondition(random, depth-1) + " and " + randomCondition(random, depth-1)
	}
}

func randomRuleset(t *testing.T, random *rand.Rand) *Ruleset {
	t.Helper()
	var b strings.Builder
	b.WriteString("version: 1\nsettings: { breaker: 5 }\nrules:\n")
	one := func(n int) bool { return random.IntN(n) == 0 }
	for i := range 1 + random.IntN(6) {
		line := func(format string, args ...any) { _, _ = fmt.Fprintf(&b, "    "+format+"\n", args...) }
		_, _ = fmt.Fprintf(&b, "  - name: r%d\n", i)
		topics := []string{`"*"`, "[conversation.user.*, ticket.*]", "conversation.user.replied", "[contact.*, company.*, conversation.*]"}
		line("when: %s", topics[random.IntN(len(topics))])
		line("from: %s", []string{"any", "any", "human", "customer", "teammate"}[random.IntN(5)])
		for _, key := range []string{"if", "any", "none"} {
			if one(3) || key == "if" && one(2) {
				line("%s:", key)
				for range 1 + random.IntN(3) {
					line("  - '%s'", randomCondition(random, 2))
				}
			}
		}
		kind := random.IntN(8)
		switch kind {
		case 0:
			line("once: conversation")
		case 1:
			line("cooldown: { for: 1h, per: contact }")
		case 2:
			line("limit: { runs: 3, per: 1h }")
		case 3:
			line("after: 10m")
		}
		switch random.IntN(6) {
		case 0:
			line("state: off")
		case 1:
			line("state: shadow")
		}
		if kind != 3 && one(6) {
			line("stop: true")
		}
		line("then: [%s]", []string{`{ note: "{{ contact.email }} wrote" }`, "{ tag: VIP }", `{ tag: "{{ company.name }}" }`, "{ close: {} }"}[random.IntN(4)])
	}
	text := b.String()
	rs, problems := parse([]Source{{"rules.yaml", []byte(text)}}, func(*loader) {})
	if rs == nil {
		if !strings.Contains(drawn(t, problems), "when the timer comes due") { // a rule that waits asks who acts
			t.Fatalf("%s\n%s", drawn(t, problems), text)
		}
		return randomRuleset(t, random)
	}
	return rs
}

// randomInput is a random event at a random time, with a random history.
func randomInput(random *rand.Rand, rs *Ruleset, events []event.Event) Input {
	ev := events[random.IntN(len(events))]
	in := Input{
		Event: ev, Now: ev.ReceivedAt.Add(time.Duration(random.IntN(7200)) * time.Second),
		Own: random.IntN(5) == 0, OwnReason: "it says so", Lookup: moody{random.Uint64()}, State: past{random.Uint64(), ev.ReceivedAt},
	}
	if random.IntN(8) == 0 {
		in.Replay = &Replay{Past: map[string]Past{"r0": {Reason: "it has run on this event"}}, Force: random.IntN(2) == 0}
		if len(rs.rules) > 1 && random.IntN(2) == 0 {
			in.Replay.Only = []string{"r1"}
		}
	}
	return in
}

// draw is a number that follows from the words.
func draw(seed uint64, n int, words ...string) int {
	h := fnv.New64a()
	_, _ = fmt.Fprint(h, seed, words)
	return int(h.Sum64() % uint64(n))
}

// moody answers, has nothing, or refuses; always the same to one question.
type moody struct{ seed uint64 }

func (l moody) Look(ctx context.Context, q Question) (json.RawMessage, error) {
	switch draw(l.seed, 6, q.Key()) {
	case 0:
		return nil, nil
	case 1:
		return nil, &UnavailableError{errors.New("refused")}
	}
	return fixedLookup{
		contact: contactObject, companies: companiesList,
		conversation: `{"id": "1", "open": true, "conversation_rating": {"rating": 2}, "tags": {"tags": [{"name": "Billing"}]}}`,
		ticket:       `{"id": "2", "open": false}`,
	}.Look(ctx, q)
}

// past is a state of which a part has run before, and in which timers wait.
type past struct {
	seed uint64
	at   time.Time
}

func (s past) Recall(_ context.Context, rule, key string) (Memory, error) {
	switch draw(s.seed, 4, rule, key) {
	case 0:
		return Memory{Runs: 5, Since: s.at}, nil
	case 1:
		return Memory{Runs: 1, Since: s.at.Add(-30 * time.Minute), Until: s.at.Add(2 * time.Hour)}, nil
	}
	return Memory{}, nil
}

func (s past) Timers(context.Context) (list []Timer, err error) {
	for i := range 6 {
		if rule := fmt.Sprint("r", i); draw(s.seed, 3, "timer", rule) == 0 {
			list = append(list, Timer{
				Rule: rule, DueAt: s.at.Add(time.Minute), Clock: "10m", Version: 1,
				Trigger: event.Trigger{Seq: 1, ID: "n", Topic: "conversation.user.replied", At: s.at.Add(-time.Hour), Started: s.at.Add(-time.Hour)},
			})
		}
	}
	return list, nil
}

func (s past) Cancels(context.Context) (list []Cancel, err error) {
	if draw(s.seed, 4, "cancel") == 0 {
		list = append(list, Cancel{Rule: "r1", Topic: "conversation.admin.replied", At: s.at})
	}
	return list, nil
}
