package rules

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"switchboard/internal/diag"
	"switchboard/internal/event"
)

// The facts of the small world in which everything can be tried: every value of each is put into a payload,
// or into what is looked up, in every combination.
type smallFact struct {
	path   string
	values []any // as JSON has them; nil is not there
	asks   []string
}

var smallWorld = []smallFact{
	{"contact.custom_attributes.plan", []any{nil, "pro", "free", "other", 1, 2.5, 3, 4, true}, []string{
		`contact.custom_attributes.plan == "pro"`, `contact.custom_attributes.plan != "pro"`, `contact.custom_attributes.plan == "free"`,
		`contact.custom_attributes.plan == nil`, `contact.custom_attributes.plan in ["pro", "free"]`, `contact.custom_attributes.plan in lists.plans`,
		`contact.custom_attributes.plan != nil`, `(contact.custom_attributes.plan ?? "pro") == "pro"`, `contact.custom_attributes.plan == 3`,
		`contact.custom_attributes.plan > 2`, `contact.custom_attributes.plan <= 3`, `contact.custom_attributes.plan not in lists.plans`,
	}},
	{"contact.custom_attributes.seats", []any{nil, 4, 5, 5.5, 6, 7, "many"}, []string{
		`contact.custom_attributes.seats > 5`, `contact.custom_attributes.seats >= 5`, `contact.custom_attributes.seats < 6`, `contact.custom_attributes.seats <= 6`,
		`contact.custom_attributes.seats == 5`, `contact.custom_attributes.seats != 6`, `(contact.custom_attributes.seats ?? 0) < 5`,
		`6 > contact.custom_attributes.seats`, `contact.custom_attributes.seats == nil`,
	}},
	{"contact.role", []any{nil, "user", "lead", "other", "ladder", "sea", "learner"}, []string{
		`contact.role == "lead"`, `contact.role != "lead"`, `contact.role == "user"`, `contact.role == nil`, `contact.role == ""`, `contact.role in ["user", "lead"]`,
		`contact.role contains "ea"`, `contact.role startsWith "l"`,
	}},
	{"tags", subsets("VIP", "vip", "viP", "Old"), []string{
		`has_tag("VIP")`, `has_tag("vip", "old")`, `"VIP" in conversation.tags`, `"vip" not in conversation.tags`, `not has_tag("Old")`,
	}},
	{"conversation.read", []any{nil, true, false}, []string{
		`conversation.read`, `not conversation.read`, `conversation.read == true`, `conversation.read != false`, `conversation.read == nil`,
	}},
}

func subsets(names ...string) (list []any) {
	for set := range 1 << len(names) {
		var some spellings
		for i, name := range names {
			if set&(1<<i) != 0 {
				some = append(some, name)
			}
		}
		list = append(list, some)
	}
	return list
}

// smallCondition is a random condition about some of the facts.
func smallCondition(random *rand.Rand, facts []smallFact, depth int) string {
	if depth == 0 || random.IntN(4) == 0 {
		asks := facts[random.IntN(len(facts))].asks
		return asks[random.IntN(len(asks))]
	}
	a, b := smallCondition(random, facts, depth-1), smallCondition(random, facts, depth-1)
	switch random.IntN(5) {
	case 0:
		return "not (" + a + ")"
	case 1, 2:
		return "(" + a + " or " + b + ")"
	case 3:
		return "(" + a + " ? " + b + " : " + smallCondition(random, facts, depth-1) + ")"
	}
	return "(" + a + " and " + b + ")"
}

const smallHeader = "version: 1\nlists: {plans: [pro, free]}\nrules:\n"

// smallRule is a random rule about some of the facts.
func smallRule(random *rand.Rand, name string, facts []smallFact, keys string) string {
	var b strings.Builder
	_, _ = fmt.Fprintf(&b, "  - name: %s\n    when: conversation.user.replied\n", name)
	for _, key := range []string{"if", "any", "none"} {
		if key != "if" && random.IntN(4) != 0 {
			continue
		}
		_, _ = fmt.Fprintf(&b, "    %s:\n", key)
		for range 1 + random.IntN(2) {
			_, _ = fmt.Fprintf(&b, "      - '%s'\n", smallCondition(random, facts, 2))
		}
	}
	return b.String() + keys
}

// smallInputs are events with every combination of the facts.
func smallInputs(t testing.TB, facts []smallFact, known map[string][]Input) (list []Input) {
	t.Helper()
	name := ""
	for _, f := range facts {
		name += f.path + " "
	}
	if list = known[name]; list != nil {
		return list
	}
	defer func() { known[name] = list }()
	chosen := make([]any, len(facts))
	var choose func(i int)
	choose = func(i int) {
		if i == len(facts) {
			list = append(list, smallInput(t, facts, chosen))
			return
		}
		for _, v := range facts[i].values {
			chosen[i] = v
			choose(i + 1)
		}
	}
	choose(0)
	return list
}

func smallInput(t testing.TB, facts []smallFact, chosen []any) Input {
	t.Helper()
	witness := map[string]any{}
	for i, f := range facts {
		witness[f.path] = chosen[i]
	}
	return inputWith(t, "conversation.user.replied", fromCustomer, witness)
}

// inputWith is an event on which the facts are these; those that it does not know are left out.
func inputWith(t testing.TB, topic string, from any, facts map[string]any) Input {
	t.Helper()
	tags := []any{}
	c := object{"type": "conversation", "id": "1", "state": "open"}
	contact := object{"type": "contact", "id": "6a1b", "custom_attributes": object{}}
	company := object{"type": "company", "id": "c1", "custom_attributes": object{}}
	kinds := map[string]object{"conversation": c, "contact": contact, "company": company}
	companies := []any{company}
	for path, v := range facts {
		if other, ok := v.(otherText); ok {
			v = string(other)
			if path == "domain(contact.email)" {
				v = "elsewhere.test"
			}
		}
		root, name, _ := strings.Cut(path, ".")
		switch state, isTag := v.(spellings); {
		case isTag:
			for _, s := range state {
				tags = append(tags, object{"type": "tag", "id": "7", "name": s})
			}
			continue
		case v == nil && root != "conversation":
			continue
		case path == "domain(contact.email)":
			contact["email"] = "ada@" + v.(string)
			continue
		case path == "company.plan":
			v = object{"name": v}
		case strings.HasPrefix(path, "conversation.source."):
			c["source"] = object{strings.TrimPrefix(path, "conversation.source."): v, "author": object{"type": "user", "id": "6a1b"}}
			continue
		}
		o := kinds[root]
		if o == nil {
			continue
		}
		if attribute, ok := strings.CutPrefix(name, "custom_attributes."); ok {
			attributes, _ := o["custom_attributes"].(object)
			if attributes == nil {
				attributes = object{}
				o["custom_attributes"] = attributes
			}
			attributes[attribute] = v
			continue
		}
		o[name] = v
	}
	c["tags"] = object{"type": "tag.list", "tags": tags}
	kind := map[any]string{fromCustomer: "user", fromTeammate: "admin", fromBot: "bot", nil: ""}[from]
	c["contacts"] = object{"type": "contact.list", "contacts": []any{object{"type": "contact", "id": "6a1b"}}}
	c["conversation_parts"] = object{"conversation_parts": []any{object{
		"type": "conversation_part", "id": "9", "part_type": "comment", "body": "<p>hello</p>", "created_at": 1768032000,
		"author": object{"type": kind, "id": "6a1b"},
	}}}
	item := c
	if event.SubjectKind(topic) == event.KindContact {
		item = contact
	}
	marshal := func(v any) string {
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	body := marshal(object{"type": "notification_event", "id": "n1", "topic": topic, "app_id": "ws", "created_at": 1768032001, "data": object{"item": item}})
	contact["created_at"] = 1768030000
	ev := parseEvent(t, []byte(body))
	return Input{Event: ev, Now: ev.ReceivedAt.Add(time.Minute), Lookup: fixedLookup{
		contact: marshal(contact), companies: marshal(companies), conversation: marshal(c), ticket: `{"id":"3"}`,
	}}
}

// clauseValues notes which values the clauses of rules have been seen to have, by place.
type clauseValues map[string]map[ClauseValue]bool

func problemPlace(p diag.Problem) string {
	return fmt.Sprint(p.File, ":", p.Line, ":", p.Column, "-", p.EndColumn)
}

// TestFindings_small_world decides with random rules on every event of a small world, and holds what check
// says of the rules against that, in both directions: what is reported never happens, and what never
// happens is reported.
func TestFindings_small_world(t *testing.T) {
	const rounds = 200
	random := rand.New(rand.NewPCG(28, 1))
	found := map[string]int{}
	inputs := map[string][]Input{}
	for range rounds {
		var facts []smallFact
		for len(facts) == 0 || len(facts) < 3 && random.IntN(3) > 0 {
			facts = append(facts, smallWorld[random.IntN(len(smallWorld))])
		}
		slices.SortFunc(facts, func(a, b smallFact) int { return strings.Compare(a.path, b.path) })
		facts = slices.CompactFunc(facts, func(a, b smallFact) bool { return a.path == b.path })
		text := smallHeader + smallRule(random, "first", facts, "    then: [{tag: X}]\n    stop: true\n") + smallRule(random, "second", facts, "    then: [{untag: Y}]\n")
		checkSmallWorld(t, text, facts, inputs, found)
		if t.Failed() {
			return
		}
	}
	t.Log(found)
	for _, code := range []string{codeNeverMatches, codeAlwaysTrue, codeAlwaysFalse, codeShadowed} {
		if found[code] < 10 {
			t.Errorf("%s came up %d times: the test shows little", code, found[code])
		}
	}
}

func checkSmallWorld(t *testing.T, text string, facts []smallFact, inputs map[string][]Input, found map[string]int) {
	t.Helper()
	rs, problems := Parse([]Source{{"rules.yaml", []byte(text)}})
	if rs == nil {
		t.Fatalf("%s\n%s", drawn(t, problems), text)
	}
	ran, failed := map[string]bool{}, map[string]bool{}
	seen := clauseValues{}
	for _, in := range smallInputs(t, facts, inputs) {
		d, err := rs.Evaluate(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range d.Rules {
			ran[o.Rule] = ran[o.Rule] || o.Verdict == Ran
			failed[o.Rule] = failed[o.Rule] || o.Verdict == Failed
		}
		askClauses(t, rs, in, seen)
	}
	reported := map[string]string{} // by place
	for _, p := range problems {
		found[p.Code]++
		reported[p.Code+" "+problemPlace(p)] = p.Message
		switch values := seen[problemPlace(p)]; p.Code {
		case codeAlwaysTrue:
			if values[ClauseFalse] || values[ClauseFailed] {
				t.Errorf("this was false, or failed:\n%s\n%s", drawn(t, []diag.Problem{p}), text)
			}
		case codeAlwaysFalse:
			if values[ClauseTrue] {
				t.Errorf("this was true:\n%s\n%s", drawn(t, []diag.Problem{p}), text)
			}
		case codeNeverMatches, codeShadowed:
			if rule := ruleAt(rs, p.Line).name; ran[rule] {
				t.Errorf("%s ran:\n%s\n%s", rule, drawn(t, []diag.Problem{p}), text)
			}
		default:
			t.Errorf("unexpected:\n%s\n%s", drawn(t, []diag.Problem{p}), text)
		}
	}
	for _, r := range rs.rules {
		dead := slices.ContainsFunc(problems, func(p diag.Problem) bool {
			return (p.Code == codeNeverMatches || p.Code == codeShadowed) && ruleAt(rs, p.Line) == r
		})
		if !ran[r.name] && !dead && (r.name != "second" || !unreadable(rs)) {
			t.Errorf("%s never runs, and nothing says so:\n%s\n%s", r.name, drawn(t, problems), text)
		}
		if dead {
			continue
		}
		for _, list := range [][]*clause{r.condition.all, r.condition.any, r.condition.none} {
			for _, cl := range list {
				unsaid(t, r, cl, seen, reported, text)
			}
		}
	}
}

// unreadable tells whether the first rule may fail where the second one does not, because something
// cannot be looked up: then the second one can run after all.
func unreadable(rs *Ruleset) bool {
	s := &solver{solverSteps}
	first, second := newStudy(rs.rules[0], 0, s), newStudy(rs.rules[1], 1, s)
	first.stop = true
	return s.settle(append(slices.Clone(second.parts), requirement{&proposition{op: isEvery, subs: first.condition.parts()}, wantNotTrue}), []assumptions{{unreadable: true}}) == possible
}

// unsaid reports clauses that were seen with one value only and that nobody mentioned.
func unsaid(t *testing.T, r *rule, cl *clause, seen clauseValues, reported map[string]string, text string) {
	t.Helper()
	place := fmt.Sprint(r.file, ":", cl.at.line, ":", cl.at.column, "-", cl.at.endColumn)
	for code, only := range map[string]bool{
		codeAlwaysTrue:  !seen[place][ClauseFalse] && !seen[place][ClauseFailed],
		codeAlwaysFalse: !seen[place][ClauseTrue],
	} {
		_, said := reported[code+" "+place]
		if said {
			return
		}
		if only {
			t.Errorf("%s at %s is not reported: %v\n%s", code, place, seen[place], text)
		}
	}
	for _, sub := range cl.subs {
		unsaid(t, r, sub, seen, reported, text)
	}
}

func ruleAt(rs *Ruleset, line int) (at *rule) {
	for _, r := range rs.rules {
		if r.line <= line {
			at = r
		}
	}
	return at
}

// askClauses asks every clause by itself, and notes what it gives.
func askClauses(t *testing.T, rs *Ruleset, in Input, seen clauseValues) {
	t.Helper()
	e, err := newEvaluation(context.Background(), &in)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rs.rules {
		var ask func(list []*clause)
		ask = func(list []*clause) {
			for _, cl := range list {
				e.begin(r)
				v := ClauseFailed
				if guard(func() {
					if ok, _ := cl.holds(e); ok {
						v = ClauseTrue
					} else {
						v = ClauseFalse
					}
				}) != nil {
					v = ClauseFailed
				}
				key := fmt.Sprint(r.file, ":", cl.at.line, ":", cl.at.column, "-", cl.at.endColumn)
				if seen[key] == nil {
					seen[key] = map[ClauseValue]bool{}
				}
				seen[key][v] = true
				ask(cl.subs)
			}
		}
		ask(r.condition.all)
		ask(r.condition.any)
		ask(r.condition.none)
	}
}
