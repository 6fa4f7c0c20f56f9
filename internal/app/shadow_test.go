package app_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"switchboard/internal/operations"
	"switchboard/internal/simulator"
	"switchboard/internal/store/storetest"
)

// TestShadow_agreement has teammates assign and tag for days, beside rules in shadow and one that is live, and
// holds the agreement that is told against what a list of their deeds says.
func TestShadow_agreement(t *testing.T) {
	const text = `
version: 1
rules:
  - { state: shadow, name: route, when: conversation.user.created, if: 'message.text contains "refund"', then: [assign: {team: Finance}, tag: Refund, note: seen] }
  - { state: shadow, name: invoices, when: conversation.user.replied, if: 'message.text contains "invoice"', then: [assign: {admin: hana@acme.test}, tag: [Invoice, Refund], tag: {name: Payer, on: contact}] }
  - { state: shadow, name: free, when: conversation.user.replied, if: 'message.text contains "never mind"', then: [assign: nobody] }
  - { state: shadow, name: nowhere, when: conversation.user.created, then: [assign: {team: Nowhere}] }
  - { state: shadow, name: silent, when: conversation.user.created, if: 'message.text contains "xyzzy"', then: [tag: Never] }
  - { name: crash, when: conversation.user.replied, if: 'message.text contains "crash"', then: [assign: {team: Finance}, tag: Refund, tag: {name: Payer, on: contact}] }
`
	deeds, times := 350, []time.Duration{24 * time.Hour, 3 * time.Hour}
	if storetest.Postgres() || racing { // where each look at the store takes its time
		deeds, times = 50, []time.Duration{3 * time.Hour}
	}
	for _, within := range times {
		inBubbleWith(t, text, simulator.Options{Seed: 7}, func(w *world) { w.options.Poll = time.Minute }, func(w *world) {
			o := &shadowOracle{w: w, seen: map[string]bool{}, counts: map[string]int{}, within: within}
			random := rand.New(rand.NewPCG(uint64(within), 11))
			for range deeds {
				o.deed(random)
				time.Sleep(time.Duration(2+random.IntN(30)) * time.Minute)
			}
			w.settle(time.Minute)
			report, err := w.app.Shadow(w.t.Context(), operations.ShadowRequest{WithinSeconds: within.Seconds()})
			if err != nil {
				t.Fatal(err)
			}
			o.judge(time.Now())
			got := map[string]int{}
			for _, one := range report.Rules {
				if one.State != "shadow" {
					t.Errorf("%s: state %q", one.Rule, one.State)
				}
				for _, a := range one.Actions {
					for name, n := range map[string]int{
						"same": a.Same, "other": a.Other, "nobody": a.Nobody, "waiting": a.Waiting, "already": a.Already, "left": a.Left,
						"automated": a.Automated, "unknown": a.Unknown,
					} {
						if n > 0 {
							got[one.Rule+": "+a.Action+": "+name] = n
						}
					}
				}
			}
			for _, key := range slices.Sorted(maps.Keys(o.counts)) {
				if got[key] != o.counts[key] {
					t.Errorf("within %s: %s: told %d, happened %d", within, key, got[key], o.counts[key])
				}
				delete(got, key)
			}
			for key, n := range got {
				t.Errorf("within %s: %s: told %d, happened 0", within, key, n)
			}
			if i := len(report.Rules) - 1; report.Rules[i].Rule != "silent" || report.Rules[i].Would != 0 {
				t.Errorf("a rule that never matched is not told of: %+v", report.Rules[i])
			}
			for _, verdict := range []string{"same", "other", "nobody", "waiting", "already", "left", "automated"} {
				if within == 24*time.Hour && !slices.ContainsFunc(slices.Collect(maps.Keys(o.counts)), func(k string) bool { return strings.HasSuffix(k, verdict) }) {
					t.Errorf("no action is %s: the test shows too little", verdict)
				}
			}
		})
	}
}

// shadowOracle does what people do, notes it, and counts from its notes alone.
type shadowOracle struct {
	w         *world
	within    time.Duration
	open      []string // conversations
	contact   map[string]string
	notes     []shadowNote
	proposals []shadowProposal
	seen      map[string]bool
	counts    map[string]int
}

// shadowNote is what was done to a conversation or a contact, and how it was assigned then.
type shadowNote struct {
	at          time.Time
	subject     string
	what        string // assign, tag, untag; with "auto " before it when no person did
	team, admin string
	tag         string
}

// shadowProposal is what a rule in shadow would do, and how it found the conversation.
type shadowProposal struct {
	rule, action, subject string
	at                    time.Time
	team, admin           string
	tags                  []string
	want                  []string // tags
	fits                  func(team, admin string) bool
}

func (o *shadowOracle) note(subject, what, tag string) {
	n := shadowNote{at: time.Now(), subject: subject, what: what, tag: tag}
	if c, ok := o.w.sim.Conversation(subject); ok {
		n.team, n.admin = c.TeamAssigneeID, c.AdminAssigneeID
	}
	o.notes = append(o.notes, n)
}

func (o *shadowOracle) propose(rule, action, conversation, subject string, want []string, fits func(team, admin string) bool) {
	if key := rule + action + conversation; !o.seen[key] {
		o.seen[key] = true
		c, _ := o.w.sim.Conversation(conversation)
		p := shadowProposal{rule: rule, action: action, subject: subject, at: time.Now(), team: c.TeamAssigneeID, admin: c.AdminAssigneeID, want: want, fits: fits}
		if subject == conversation {
			p.tags = o.w.sim.TagNames(conversation)
		}
		o.proposals = append(o.proposals, p)
	}
}

// deed does one thing at random.
func (o *shadowOracle) deed(random *rand.Rand) {
	t, sim := o.w.t, o.w.sim
	team := func(name string) string {
		return sim.Teams()[slices.IndexFunc(sim.Teams(), func(t simulator.Team) bool { return t.Name == name })].ID
	}
	admin := func(name string) string {
		return sim.Admins()[slices.IndexFunc(sim.Admins(), func(a simulator.Admin) bool { return strings.HasPrefix(a.Name, name) })].ID
	}
	finance := func(has, who string) bool { // Ines and Tomás are in that team
		return has == team("Finance") || has == "" && (who == admin("Ines") || who == admin("Tom"))
	}
	if len(o.open) == 0 || random.IntN(6) == 0 {
		contacts := sim.Contacts()
		who := contacts[random.IntN(len(contacts))].ID
		words := []string{"a refund please", "hello"}[random.IntN(2)]
		id := must(t)(sim.CustomerStarts(who, words))
		if o.contact == nil {
			o.contact = map[string]string{}
		}
		o.open, o.contact[id] = append(o.open, id), who
		if strings.Contains(words, "refund") {
			o.propose("route", "assign team Finance", id, id, nil, finance)
			o.propose("route", "tag Refund", id, id, []string{"Refund"}, nil)
		}
		o.propose("nowhere", "assign team Nowhere", id, id, nil, nil)
		return
	}
	id := o.open[max(0, len(o.open)-1-random.IntN(12))]
	person := admin([]string{"Ines", "Jonas", "Priya", "Tom", "Hana"}[random.IntN(5)])
	to := []string{team("Finance"), team("Finance"), team("Support"), admin("Hana"), admin("Ines"), admin("Priya"), "0"}[random.IntN(7)]
	tag := []string{"Refund", "Invoice", "Urgent"}[random.IntN(3)]
	switch random.IntN(12) {
	case 0, 1:
		must(t)(sim.AdminAssigns(id, person, to))
		o.note(id, "assign", "")
	case 2:
		must(t)(sim.AdminReplies(id, person, "It is with them now", to))
		o.note(id, "assign", "")
	case 3, 4:
		had := slices.ContainsFunc(sim.TagNames(id), func(name string) bool { return strings.EqualFold(name, tag) })
		if err := sim.TagPart(id, person, tag); err != nil {
			t.Fatal(err)
		}
		if !had {
			o.note(id, "tag", tag)
		}
	case 5:
		if slices.Contains(sim.TagNames(id), tag) {
			if err := sim.UntagConversation(id, tag); err != nil {
				t.Fatal(err)
			}
			o.note(id, "untag", tag)
			time.Sleep(2 * time.Second)
			must(t)(sim.AdminNotes(id, person, "the tag is wrong")) // nothing tells of it but what comes next
		}
	case 6:
		contact, _ := sim.Contact(o.contact[id])
		if len(contact.Tags) == 0 {
			if err := sim.TagContact(contact.ID, person, "Payer"); err != nil {
				t.Fatal(err)
			}
			o.note(contact.ID, "tag", "Payer")
		}
	case 7:
		must(t)(sim.BotReplies(id, "Somebody will be with you"))
	case 8:
		must(t)(sim.AdminCloses(id, person, ""))
	case 9:
		o.propose("invoices", "assign admin hana@acme.test", id, id, nil, func(_, who string) bool { return who == admin("Hana") })
		o.propose("invoices", "tag Invoice, Refund", id, id, []string{"Invoice", "Refund"}, nil)
		o.propose("invoices", "tag Payer on the contact", id, o.contact[id], []string{"Payer"}, nil)
		must(t)(sim.CustomerReplies(id, "where is the invoice"))
	case 10:
		o.propose("free", "assign nobody", id, id, nil, func(has, who string) bool { return has+who == "" })
		must(t)(sim.CustomerReplies(id, "never mind"))
	default:
		must(t)(sim.CustomerReplies(id, "it is a crash"))
		o.w.settle(time.Minute)
		o.note(id, "auto assign", "")
		o.note(id, "auto tag", "Refund")
		o.note(o.contact[id], "auto tag", "Payer")
	}
}

// judge counts how what was noted agrees with what rules would have done.
func (o *shadowOracle) judge(now time.Time) {
	for _, p := range o.proposals {
		o.counts[fmt.Sprintf("%s: %s: %s", p.rule, p.action, o.verdict(p, now))]++
	}
}

func (o *shadowOracle) verdict(p shadowProposal, now time.Time) string {
	undone := func(words string) string {
		if now.Sub(p.at) < o.within {
			return "waiting"
		}
		return words
	}
	var since []shadowNote
	ruled := func(n shadowNote) bool { // whether a rule was to put the tag on before
		return slices.ContainsFunc(o.notes, func(a shadowNote) bool {
			return a.what == "auto tag" && a.subject == n.subject && strings.EqualFold(a.tag, n.tag) && a.at.Before(n.at)
		})
	}
	for _, n := range o.notes {
		if n.subject == p.subject && !n.at.Before(p.at) && n.at.Sub(p.at) <= o.within {
			since = append(since, n)
		}
	}
	if p.want == nil {
		if p.fits == nil {
			return "unknown"
		}
		if p.fits(p.team, p.admin) {
			return "already"
		}
		byPeople, auto := "", ""
		for _, n := range since {
			verdict := map[bool]string{true: "same", false: "other"}[p.fits(n.team, n.admin)]
			switch n.what {
			case "assign":
				byPeople = verdict
			case "auto assign":
				auto = verdict
			}
		}
		switch {
		case byPeople != "":
			return byPeople
		case auto == "same":
			return "automated"
		case p.team+p.admin != "":
			return undone("left")
		}
		return undone("nobody")
	}
	there, did := map[string]string{}, false // by whom a tag was put there
	for _, n := range since {
		switch tag := strings.ToLower(n.tag); {
		case slices.Contains(p.tags, n.tag):
		case n.what == "tag" && ruled(n):
			there[tag] = "rules"
		case n.what == "tag":
			there[tag] = "people"
		case n.what == "auto tag" && there[tag] != "people":
			there[tag] = "rules"
		case n.what == "untag" && there[tag] != "":
			there[tag] = "gone"
		}
	}
	for _, by := range there {
		did = did || by == "people" || by == "gone"
	}
	var missing, byPeople, byRules int
	for _, tag := range p.want {
		if slices.Contains(p.tags, tag) {
			continue
		}
		missing++
		switch there[strings.ToLower(tag)] {
		case "rules":
			byRules++
		case "people":
			byPeople++
		}
	}
	switch {
	case missing == 0:
		return "already"
	case missing == byRules:
		return "automated"
	case missing == byRules+byPeople:
		return "same"
	case did:
		return "other"
	}
	return undone("nobody")
}
