package app_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"switchboard/internal/operations"
	"switchboard/internal/rules"
	"switchboard/internal/simulator"
)

var explainLong = flag.Bool("explain.long", false, "explain more than 10,000 decisions of services that ran")

// conditionsOfConversations are asked about what people do in the simulator.
var conditionsOfConversations = []string{
	`message.text contains "refund"`, `message.text matches "(?i)invoice|more"`, `conversation.state == "open"`, `conversation.admin_assignee_id == nil`,
	`contact.custom_attributes.plan != nil`, `contact.email endsWith "acme.com"`, `company.plan == "enterprise"`, `len(companies) > 0`,
	`has_tag("A")`, `len(conversation.tags) > 1`, `len(conversation.parts) > 3`, `minutes_since(conversation.created_at) > 20`,
	`event.from == "customer"`, `conversation.rating.rating > 3`, `admin.name != nil`, `contact.custom_attributes.plan > 3`,
}

// rulesOfAllKinds are rules of all kinds about conversations.
func rulesOfAllKinds(random *rand.Rand) string {
	var b strings.Builder
	b.WriteString("version: 1\nsettings: { breaker: 12 }\nrules:\n")
	for i := range 8 {
		line := func(format string, args ...any) { _, _ = fmt.Fprintf(&b, "    "+format+"\n", args...) }
		_, _ = fmt.Fprintf(&b, "  - name: r%d\n", i)
		line("when: %s", []string{"conversation.user.*", "conversation.admin.*", "conversation.user.replied", "[conversation.user.created, conversation.admin.replied]"}[random.IntN(4)])
		condition := func() string { return conditionsOfConversations[random.IntN(len(conditionsOfConversations))] }
		line("if: ['%s or %s', 'not (%s and %s)']", condition(), condition(), condition(), condition())
		switch random.IntN(7) {
		case 0:
			line("once: conversation")
		case 1:
			line("cooldown: { for: 1h, per: contact }")
		case 2:
			line("limit: { runs: 5, per: 1h }")
		case 3:
			line("after: 10m")
			line("cancel_on: conversation.admin.replied")
		case 4:
			line("state: shadow")
		}
		line("then: [%s]", []string{`{ note: "{{ contact.name }}: {{ message.excerpt }}" }`, "{ tag: A }", `{ tag: "{{ company.name ?? 'B' }}" }`, "close"}[random.IntN(4)])
	}
	return b.String()
}

// TestExplain_says_what_serve_decided lives through days with random rules, reloads others in between, and has
// every decision explained from what the store holds: each explanation ends in the verdicts that were recorded, by the rules of then.
func TestExplain_says_what_serve_decided(t *testing.T) {
	worlds, deeds := 2, 100
	switch {
	case racing:
		worlds = 1
	case *explainLong:
		worlds, deeds = 20, 250
	}
	explained, verdicts := 0, map[string]int{}
	for seed := range uint64(worlds) {
		random := rand.New(rand.NewPCG(seed, 6))
		text := acceptable(t, random)
		inBubbleWith(t, text, simulator.Options{Seed: seed}, calmly, func(w *world) {
			var conversations []string
			for i := range deeds {
				if i == deeds/2 {
					w.reload(acceptable(t, random))
				}
				time.Sleep(time.Duration(1+random.IntN(600)) * time.Second)
				conversations = w.somethingHappens(random, conversations)
			}
			time.Sleep(time.Hour)
			w.settle(time.Minute)
			for seq := 1; ; seq++ {
				answer, err := w.app.Explain(w.t.Context(), operations.ExplainRequest{Event: strconv.Itoa(seq)})
				if err != nil {
					break // behind the last event
				}
				one := answer.Events[0]
				if one.Differs != "" {
					t.Errorf("seed %d, event %d: %s", seed, seq, one.Differs)
				}
				if one.By != one.Ruleset {
					t.Errorf("seed %d, event %d: explained by %s, decided by %s", seed, seq, one.By, one.Ruleset)
				}
				explained++
				for _, x := range one.Rules {
					if x.Outcome != nil {
						verdicts[string(x.Outcome.Verdict)+" "+x.Outcome.HeldBy]++
					}
				}
			}
		})
	}
	t.Log(explained, verdicts)
	for _, v := range []string{"ran ", "did_not_match ", "failed ", "held_back once", "held_back cooldown", "held_back limit", "held_back timer", "held_back shadow", "held_back own_work"} {
		if verdicts[v] < 3 && *explainLong {
			t.Errorf("%q came up %d times: the test shows little", v, verdicts[v])
		}
	}
	if explained < worlds*deeds {
		t.Errorf("only %d decisions were explained", explained)
	}
}

// acceptable are random rules that check accepts.
func acceptable(t *testing.T, random *rand.Rand) string {
	t.Helper()
	for {
		text := rulesOfAllKinds(random)
		if rs, _ := rules.Parse([]rules.Source{{Name: "rules.yaml", Text: []byte(text)}}); rs != nil {
			return text
		}
	}
}

// somethingHappens lets somebody do something in one of the conversations, or begin one.
func (w *world) somethingHappens(random *rand.Rand, conversations []string) []string {
	do, admin := must(w.t), w.sim.Admins()[1].ID
	if len(conversations) == 0 || random.IntN(5) == 0 {
		contacts := w.sim.Contacts()
		id, err := w.sim.CustomerStarts(contacts[random.IntN(len(contacts))].ID, []string{"refund please", "Hello", "the invoice"}[random.IntN(3)])
		return append(conversations, do(id, err))
	}
	id := conversations[random.IntN(len(conversations))]
	switch random.IntN(8) {
	case 0, 1, 2:
		do(w.sim.CustomerReplies(id, []string{"refund please", "more", "the invoice"}[random.IntN(3)]))
	case 3, 4:
		do(w.sim.AdminReplies(id, admin, "We are on it", ""))
	case 5:
		do(w.sim.AdminCloses(id, admin, ""))
	case 6:
		do(w.sim.AdminAssigns(id, admin, w.sim.Teams()[0].ID))
	default:
		do("", w.sim.TagPart(id, admin, "A"))
	}
	return conversations
}
