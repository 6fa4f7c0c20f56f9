package app_test

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"switchboard/internal/diag"
	"switchboard/internal/rules"
	"switchboard/internal/simulator"
)

// TestI9_the_zoo_loops proves that what check refuses is no fancy: past the check, and set off by a
// handful of things that people do, every ruleset of the zoo goes on by itself. The breaker stops
// those that stay with one subject.
func TestI9_the_zoo_loops(t *testing.T) {
	t.Parallel()
	for i, path := range zoo(t, "refused") {
		if racing && i%4 != 0 {
			continue
		}
		if strings.Contains(path, "cooldown_short") {
			continue // it needs an Intercom whose echo takes longer than the cooldown
		}
		t.Run(filepath.Base(path), func(t *testing.T) {
			t.Parallel()
			var o simulator.Options
			if strings.Contains(path, "old_") { // facts are looked up there, when others have changed them
				o.Old, o.Delivery.Jitter = true, 3*time.Second
			}
			inBubbleWith(t, "", o, func(w *world) {
				w.options.Rules = []string{path}
				withLoops(w)
				w.options.Poll = time.Hour
			}, func(w *world) {
				deeds := w.everyKindOfDeed(0)
				step := 100 * time.Millisecond
				if strings.Contains(path, "timer_") { // a round takes hours there
					step = time.Hour
				}
				const enough = 12
				for range 1000 { // a loop with new subjects has no end
					if w.ran() >= enough || w.held() > 0 {
						return
					}
					time.Sleep(step)
				}
				t.Errorf("after %d events the rules ran %v times and came to rest", len(deeds), w.ran())
			})
		})
	}
}

// TestI9_what_ends_stays_within_its_bound takes the harmless rulesets of the zoo, and random ones
// that check accepts. What comes back of the rules' actions is at most what was computed, and the
// breaker has nothing to do.
func TestI9_what_ends_stays_within_its_bound(t *testing.T) {
	t.Parallel()
	for i, path := range zoo(t, "accepted") {
		if racing && i%4 != 0 {
			continue
		}
		t.Run(filepath.Base(path), func(t *testing.T) {
			rs, problems := rules.Load([]string{path})
			if rs == nil {
				t.Fatal(problems)
			}
			stayWithin(t, rs, func(w *world) { w.options.Rules = []string{path} })
		})
	}
	wanted := 16
	if racing {
		wanted = 4
	}
	accepted, refused, echoes := 0, 0, 0
	for seed := uint64(1); accepted < wanted; seed++ {
		text := randomRules(rand.New(rand.NewPCG(seed, 17)))
		rs, problems := rules.Parse([]rules.Source{{Name: "rules.yaml", Text: []byte(text)}})
		switch {
		case rs == nil && onlyLoops(problems):
			refused++
			continue
		case rs == nil || !rs.Bound("").Feeds || rs.Bound("").Actions > 40: // a burst may meet the breaker
			continue
		}
		accepted++
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			echoes += stayWithin(t, rs, func(w *world) { w.writeRules(text) })
			if t.Failed() {
				t.Log(text)
			}
		})
	}
	if refused < wanted/2 || echoes < 10*wanted {
		t.Errorf("the generator is too tame: %d rulesets refused, %d events came back", refused, echoes)
	}
}

// stayWithin lets people do things under these rules; it returns how many events came back.
func stayWithin(t *testing.T, rs *rules.Ruleset, change func(w *world)) (echoes int) {
	t.Helper()
	inBubbleWith(t, "", simulator.Options{}, change, func(w *world) {
		var most rules.Bound
		var outside []string
		for range 2 {
			outside = append(outside, w.everyKindOfDeed(time.Second)...)
			w.settle(10 * time.Minute)
		}
		for _, topic := range outside {
			b := rs.Bound(topic)
			most.Actions, most.Events = most.Actions+b.Actions, most.Events+b.Events
		}
		echoes = len(w.sim.Notifications()) - len(outside)
		done := w.metric("switchboard_actions_total", "", "")
		if echoes > most.Events || int(done) > most.Actions {
			t.Errorf("%d events led to %d events and %v actions; the bound is %+v", len(outside), echoes, done, most)
		}
		if held := w.held(); held > 0 {
			t.Errorf("the breaker held %v runs back", held)
		}
	})
	return echoes
}

func (w *world) ran() float64  { return w.metric("switchboard_rule_outcomes_total", "outcome", "ran") }
func (w *world) held() float64 { return w.metric("switchboard_breaker_held_back_total", "", "") }

// everyKindOfDeed lets people do one of each thing, with another customer each time. It returns
// the topics of the notifications that tell of that.
func (w *world) everyKindOfDeed(pause time.Duration) (told []string) {
	must, admin, customers := must(w.t), w.sim.Admins()[1].ID, w.sim.Contacts()
	next := func() string { customers = customers[1:]; return customers[0].ID }
	did := func(deed func() error) {
		before := len(w.sim.Notifications())
		must("", deed())
		for _, n := range w.sim.Notifications()[before:] {
			told = append(told, n.Topic)
		}
		time.Sleep(pause)
	}
	inConversation := func(deed func(id string) error) {
		var id string
		did(func() (err error) { id, err = w.sim.CustomerStarts(next(), "Hello"); return err })
		did(func() error { return deed(id) })
	}
	only := func(_ string, err error) error { return err }
	inConversation(func(id string) error { return only(w.sim.AdminNotes(id, admin, "a note")) })
	inConversation(func(id string) error { return only(w.sim.AdminReplies(id, admin, "an answer", "")) })
	inConversation(func(id string) error { return only(w.sim.AdminAssigns(id, admin, w.sim.Teams()[0].ID)) })
	inConversation(func(id string) error { return only(w.sim.AdminCloses(id, admin, "")) })
	inConversation(func(id string) error { return only(w.sim.AdminOpens(id, admin)) })
	inConversation(func(id string) error { return only(w.sim.CustomerReplies(id, "More")) })
	inConversation(func(id string) error { return w.sim.TagPart(id, admin, "By hand") })
	did(func() error {
		return w.sim.SetContactAttribute(next(), "plan", fmt.Sprint("plan ", len(w.sim.Notifications())))
	})
	did(func() error { return w.sim.TagContact(next(), admin, fmt.Sprint("tag ", len(w.sim.Notifications()))) })
	did(func() error { return w.sim.ContactDoes(next(), "clicked", nil) })
	did(func() error { w.sim.ContactSignsUp(simulator.Contact{Role: "user"}); return nil })
	company := w.sim.Companies()[0].ID
	did(func() error { return w.sim.CompanyChanges(company, "free") })
	did(func() error { return w.sim.ContactJoins(customers[len(customers)-1].ID, company) })
	var ticket string
	did(func() (err error) {
		ticket, err = w.sim.CustomerOpensTicket(next(), w.sim.TicketTypes()[1].ID, map[string]any{"_default_title_": "By hand"})
		return err
	})
	did(func() error { return only(w.sim.AdminNotesTicket(ticket, admin, "a note")) })
	did(func() error { return w.sim.AdminMovesTicket(ticket, admin, "in_progress") })
	return told
}

// zoo are the rulesets that the tests of package rules have.
func zoo(t *testing.T, folder string) []string {
	t.Helper()
	entries, err := filepath.Glob("../rules/testdata/loops/" + folder + "/*")
	if err != nil {
		t.Fatal(err)
	}
	var sets []string
	for _, path := range entries {
		if !strings.HasSuffix(path, ".txt") {
			sets = append(sets, path)
		}
	}
	if len(sets) < 14 {
		t.Fatalf("only %d rulesets in %s", len(sets), folder)
	}
	return sets
}

func onlyLoops(problems []diag.Problem) bool {
	for _, p := range problems {
		if p.Code != "rules/loop" {
			return false
		}
	}
	return true
}

// randomRules writes a few rules that hear of what the others do.
func randomRules(r *rand.Rand) string {
	pick := func(list ...string) string { return list[r.IntN(len(list))] }
	var b strings.Builder
	b.WriteString("version: 1\nrules:\n")
	for i := range 2 + r.IntN(3) {
		fmt.Fprintf(&b, "  - name: r%d\n    from: %s\n", i, pick("any", "any", "any", "human"))
		what := pick("conversation", "conversation", "conversation", "contact", "ticket")
		switch what {
		case "conversation":
			b.WriteString("    when: " + pick("conversation.admin.*", "conversation.admin.noted", "conversation.admin.replied",
				"[conversation.user.created, conversation.admin.closed]", "conversation.admin.opened",
				"[conversation.admin.assigned, conversation.admin.open.assigned]", "conversation_part.tag.created") + "\n")
			b.WriteString(pick("", "    if: not has_tag(\"Seen\")\n", "    if: conversation.state != \"closed\"\n",
				"    if: conversation.team_assignee_id == nil\n", "    none: conversation.state == \"snoozed\"\n",
				"    if: [conversation.open, not has_tag(\"Once\")]\n"))
		case "contact":
			b.WriteString("    when: [contact.user.updated, contact.user.tag.created]\n")
			b.WriteString(pick("", "    if: contact.custom_attributes.plan != \"pro\"\n"))
		case "ticket":
			b.WriteString("    when: [ticket.created, ticket.note.created, ticket.state.updated]\n")
			b.WriteString(pick("", "    if: ticket.state != \"resolved\"\n"))
		}
		b.WriteString(pick("", "", "", "    once: conversation\n", "    once: contact\n", "    limit: { runs: 3, per: 1h }\n", "    cooldown: 1h\n", "    cooldown: { for: 1h, per: contact }\n"))
		b.WriteString("    then:\n")
		for range 1 + r.IntN(3) {
			b.WriteString("      - " + map[string]func() string{
				"conversation": func() string {
					return pick("note: again", "reply: again", "tag: Seen", "tag: [Once, Twice]", "untag: Seen", "close", "open", "snooze: 2h",
						"assign: { team: Support }", "assign: nobody", "set: { contact: { plan: pro } }", "tag: { name: Seen, on: contact }",
						"ticket: { create: { type: Refund, title: Again } }")
				},
				"contact": func() string {
					return pick("set: { contact: { plan: pro } }", "tag: Seen", "untag: Seen", "event: seen", "contact: { note: again }")
				},
				"ticket": func() string {
					return pick("ticket: { note: again }", "ticket: { state: resolved }", "ticket: { state: in_progress }", "ticket: { reply: again }",
						"set: { contact: { plan: pro } }")
				},
			}[what]() + "\n")
		}
	}
	return b.String()
}

// TestI9_a_reload_with_a_loop_changes_nothing: the rules that were good go on (I8).
func TestI9_a_reload_with_a_loop_changes_nothing(t *testing.T) {
	t.Parallel()
	const good = "version: 1\nrules:\n  - {name: log, when: conversation.user.created, then: [note: good]}\n"
	inBubble(t, good, simulator.Options{}, func(w *world) {
		w.writeRules(strings.Replace(good, "conversation.user.created", "[conversation.user.created, conversation.admin.noted], from: any", 1))
		time.Sleep(time.Minute)
		if n := w.metric("switchboard_rules_reloads_total", "result", "rejected"); n != 1 || !strings.Contains(w.log.String(), "rules/loop") {
			t.Errorf("%v reloads were rejected", n)
		}
		id := must(t)(w.sim.CustomerStarts(w.customer(), "Hello"))
		w.settle(time.Minute)
		if n := len(w.texts(id)); n != 1 {
			t.Errorf("%d notes", n)
		}
	})
}
