package rules

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"switchboard/internal/diag"
	"switchboard/internal/event"
)

// TestFindings_never_happen decides with random rules about real payloads, with look-ups that are refused,
// a past, and conditions that are not followed. What check reports does not happen.
func TestFindings_never_happen(t *testing.T) {
	const rulesets, each = 300, 25
	random := rand.New(rand.NewPCG(28, 3))
	events := allPayloads(t)
	found := map[string]int{}
	for range rulesets {
		text := oddRules(random)
		rs := mustParseAny(t, text)
		_, problems := studiesOf(rs)
		for _, p := range problems {
			found[p.Code]++
		}
		ran, seen := map[string]bool{}, clauseValues{}
		for range each {
			in := randomInput(random, rs, events)
			in.Replay = nil // the traces of a replay can hold back a rule that stops
			in.State = pastButParts{in.State.(past)}
			d, err := rs.Evaluate(t.Context(), in)
			if err != nil {
				t.Fatal(err)
			}
			for _, o := range d.Rules {
				ran[o.Rule] = ran[o.Rule] || o.Verdict == Ran || o.HeldBy == HeldByTimer || len(o.Would) > 0
				askHeard(t, rs, in, o, seen)
			}
		}
		for _, p := range problems {
			values := seen[problemPlace(p)]
			var wrong bool
			switch p.Code {
			case codeAlwaysTrue:
				wrong = values[ClauseFalse]
			case codeAlwaysFalse:
				wrong = values[ClauseTrue]
			default:
				wrong = ran[ruleAt(rs, p.Line).name]
			}
			if wrong {
				t.Fatalf("this happens:\n%s\n%s", drawn(t, []diag.Problem{p}), text)
			}
		}
	}
	t.Log(found)
	for _, code := range []string{codeNeverMatches, codeAlwaysTrue, codeAlwaysFalse, codeShadowed} {
		if found[code] < 10 {
			t.Errorf("%s came up %d times: the test shows little", code, found[code])
		}
	}
}

// pastButParts is a past in which no rule has run on the part. That one alone has, and those behind it were not
// asked, is no past of rules that hear of a part once.
type pastButParts struct{ past }

func (s pastButParts) Recall(ctx context.Context, rule, key string) (Memory, error) {
	if strings.HasPrefix(key, HeldByPart+"/") {
		return Memory{}, nil
	}
	return s.past.Recall(ctx, rule, key)
}

// askHeard asks the clauses of a rule that got so far that they are asked.
func askHeard(t *testing.T, rs *Ruleset, in Input, o Outcome, seen clauseValues) {
	t.Helper()
	r := rs.named(o.Rule)
	if r.wait != nil || in.Own && r.from != fromAny || strings.HasPrefix(o.Reason, "from: ") || o.HeldBy == HeldByOff {
		return
	}
	askClauses(t, &Ruleset{rules: []*rule{r}}, in, seen)
}

// oddRules are random rules that ask the same few things again and again.
func oddRules(random *rand.Rand) string {
	pool := slices.Concat(someConditions, []string{
		`event.topic == "conversation.user.created"`, `event.topic startsWith "conversation."`, `event.topic in ["ticket.created", "company.created"]`,
		`event.from == "teammate"`, `event.from == nil`, `event.from == "bot"`, `has_tag("Billing")`, `mentions("order", "parcel")`, `event.from != "customer"`,
		`conversation.rating.rating <= 3`, `contact.custom_attributes.seats <= 3`, `contact.custom_attributes.plan != "pro"`, `contact.email == nil`,
	})
	random.Shuffle(len(pool), func(i, j int) { pool[i], pool[j] = pool[j], pool[i] })
	pool = pool[:1+random.IntN(3)]
	var condition func(depth int) string
	condition = func(depth int) string {
		if depth == 0 || random.IntN(3) == 0 {
			return pool[random.IntN(len(pool))]
		}
		switch random.IntN(3) {
		case 0:
			return "not (" + condition(depth-1) + ")"
		case 1:
			return "(" + condition(depth-1) + " or " + condition(depth-1) + ")"
		}
		return "(" + condition(depth-1) + " and " + condition(depth-1) + ")"
	}
	var b strings.Builder
	b.WriteString("version: 1\nsettings: { breaker: 5 }\nrules:\n")
	alike, topic, from := random.IntN(2) == 0, "conversation.user.replied", "human"
	for i := range 2 + random.IntN(3) {
		line := func(format string, args ...any) { _, _ = fmt.Fprintf(&b, "    "+format+"\n", args...) }
		_, _ = fmt.Fprintf(&b, "  - name: r%d\n", i)
		topics := []string{`"*"`, "[conversation.user.*, ticket.*]", "conversation.user.replied", "[contact.*, company.*, conversation.*]", "conversation.*", "[ticket.created, conversation.user.replied]"}
		if !alike {
			topic, from = topics[random.IntN(len(topics))], []string{"any", "any", "human", "customer", "teammate", "bot"}[random.IntN(6)]
		}
		line("when: %s", topic)
		line("from: %s", from)
		for _, key := range []string{"if", "any", "none"} {
			if random.IntN(5) == 0 || key == "if" && random.IntN(3) > 0 {
				line("%s:", key)
				for range 1 + random.IntN(2) {
					line("  - '%s'", condition(2))
				}
			}
		}
		if random.IntN(8) == 0 {
			line("once: contact")
		}
		if random.IntN(8) == 0 {
			line("state: shadow")
		}
		if random.IntN(2) == 0 {
			line("stop: true")
		}
		line("then: [%s]", []string{`{ note: "noted" }`, "{ tag: VIP }", `{ tag: "{{ company.name }}" }`, "{ close: {} }"}[random.IntN(4)])
	}
	return b.String()
}

// TestActors: who acts is one of those whom actorsOf names, in every payload and under every topic.
func TestActors(t *testing.T) {
	for _, ev := range allPayloads(t) {
		for _, topic := range append(event.Topics(), "conversation.robot.replied", "contact.robot", "robot.signed_up") {
			in := Input{Event: ev, Lookup: fixedLookup{contact: contactObject, conversation: `{"id": "1", "source": {"author": {"type": "bot"}}}`}}
			in.Event.Topic = topic
			e, err := newEvaluation(t.Context(), &in)
			if err != nil {
				t.Fatal(err)
			}
			from := e.actor().from()
			by := byNobody
			if from != fromUnknown {
				by = actorBits[from]
			}
			if actorsOf(topic)&by == 0 {
				t.Errorf("%s with the payload of %s is caused by %q", topic, ev.Topic, from)
			}
		}
	}
	for _, topic := range event.Topics() {
		if by := usualActors(topic); by == 0 || by&^actorsOf(topic) != 0 {
			t.Errorf("%s: %b is not among %b", topic, by, actorsOf(topic))
		}
	}
}

// A text of the schema is never empty, and every fact has a value of its type: what conditions can be true
// of depends on that.
func TestFacts_have_values_of_their_types(t *testing.T) {
	empty := strings.NewReplacer(`"Jo Miller"`, `""`, `"user"`, `""`, `true`, `"x"`)
	for _, ev := range allPayloads(t) {
		for _, lookup := range []fixedLookup{
			{contact: contactObject, companies: companiesList, conversation: `{"id": "1", "title": "", "state": "", "tags": {"tags": [{"name": ""}]}}`, ticket: `{"id": "2", "category": ""}`},
			{contact: empty.Replace(contactObject), companies: empty.Replace(companiesList), conversation: `{"id": 1, "read": 1, "state": {}}`, ticket: `{"id": 2, "ticket_type": {"name": ""}}`},
		} {
			in := Input{Event: ev, Now: ev.ReceivedAt, Lookup: lookup}
			e, err := newEvaluation(t.Context(), &in)
			if err != nil {
				t.Fatal(err)
			}
			e.begin(&rule{})
			for slot, el := range leaves {
				v := e.value(slot)
				kind, _ := kindOfLeaf(el)
				if _, isTime := asTime(v); v == nil || kind == listKind || kind == timeKind && isTime || kind == numberKind && someNumber(v) || kind == truthKind && isFlag(v) {
					continue
				}
				if s, isText := v.(string); kind != textKind || !isText || s == "" {
					t.Errorf("%s is %#v on %s", leafNames[slot], v, ev.Topic)
				}
			}
		}
	}
}

// Conditions that would take forever to decide are passed over.
func TestFindings_end(t *testing.T) {
	var many, nested []string
	for i := range 100 {
		many = append(many, fmt.Sprintf(`(contact.custom_attributes.a%d == %d or contact.custom_attributes.a%d == 7)`, i, i, (i+1)%100))
	}
	condition := "conversation.read"
	for i := range 60 {
		condition = fmt.Sprintf(`(%s ? contact.custom_attributes.b%d == 1 : conversation.open)`, condition, i)
	}
	nested = append(nested, condition)
	text := "version: 1\nrules:\n"
	for i, c := range append(nested, strings.Join(many, " and "), strings.Join(many[:60], " or "), "not ("+strings.Join(many, " and ")+")") {
		text += fmt.Sprintf("  - {name: r%d, when: conversation.user.replied, if: '%s', stop: true, then: [{assign: {team: T%d}}]}\n", i, c, i)
	}
	start := time.Now()
	rs, problems := Parse([]Source{{"rules.yaml", []byte(text)}})
	if rs == nil || len(problems) > 0 {
		t.Fatal(drawn(t, problems))
	}
	if took := time.Since(start); took > 20*time.Second {
		t.Errorf("it took %s", took)
	}
}
