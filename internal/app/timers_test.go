package app_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"switchboard/internal/simulator"
)

const slaRules = `
version: 1
settings:
  calendars:
    support:
      timezone: Europe/Dublin
      open: { mon-fri: 09:00-12:30 13:30-17:30 }
      closed: 2000-03-17
rules:
  - name: first-response
    when: conversation.user.created
    after: 2h
    hours: support
    cancel_on: conversation.admin.replied
    if: conversation.state == "open"
    then: [{note: first-response}]
  - name: next-response
    when: conversation.user.replied
    after: 1h
    hours: support
    restart: false
    cancel_on: [conversation.admin.replied, conversation.admin.closed]
    then: [{note: next-response}]
  - name: gone-quiet
    when: conversation.admin.replied
    after: 2d12h
    cancel_on: [conversation.user.replied, conversation.admin.closed]
    then: [{note: gone-quiet}]
  - name: we-are-here
    when: conversation.user.created
    outside: support
    then: [{reply: we-are-here}]
`

// deed is what somebody did to a conversation.
type deed struct {
	conversation int
	kind         string // starts, writes, answers, closes
	at           time.Time
}

// firing is a note or reply that a rule made.
type firing struct {
	conversation int
	rule         string
	at           time.Time
}

func (f firing) String() string {
	return fmt.Sprintf("%d %s %s", f.conversation, f.rule, f.at.UTC().Format(time.DateTime))
}

// monthOfDeeds makes up conversations that begin within so many days, 29 for a month.
func monthOfDeeds(r *rand.Rand, from time.Time, days, conversations int) []deed {
	var list []deed
	for c := range conversations {
		at := from.Add(time.Duration(r.IntN(days*24*3600)) * time.Second)
		if r.IntN(3) > 0 { // most write while somebody is there
			at = time.Date(at.Year(), at.Month(), at.Day(), 8+r.IntN(10), r.IntN(60), r.IntN(60), 0, time.UTC)
		}
		list = append(list, deed{c, "starts", at})
		for range r.IntN(5) {
			gap := []time.Duration{30 * time.Minute, 3 * time.Hour, 30 * time.Hour, 4 * 24 * time.Hour}[r.IntN(4)]
			at = at.Add(time.Duration(1+r.Int64N(int64(gap/time.Second))) * time.Second)
			kind := []string{"writes", "answers", "answers", "closes"}[r.IntN(4)]
			list = append(list, deed{c, kind, at})
		}
	}
	slices.SortStableFunc(list, func(a, b deed) int { return a.at.Compare(b.at) })
	return list
}

// openTimes are the hours of support in March 2000, written out: winter time until the 26th.
func openTimes(year int) (list [][2]time.Time) {
	at := func(day, hour, minute int) time.Time {
		if day >= 26 {
			hour--
		}
		return time.Date(year, 3, day, hour, minute, 0, 0, time.UTC)
	}
	for day := 1; day <= 45; day++ { // into April
		weekday := time.Date(year, 3, day, 0, 0, 0, 0, time.UTC).Weekday()
		if weekday == time.Saturday || weekday == time.Sunday || day == 17 {
			continue
		}
		list = append(list, [2]time.Time{at(day, 9, 0), at(day, 12, 30)}, [2]time.Time{at(day, 13, 30), at(day, 17, 30)})
	}
	return list
}

// dueAt is when so much open time has passed.
func dueAt(open [][2]time.Time, from time.Time, d time.Duration) time.Time {
	for _, span := range open {
		start, end := span[0], span[1]
		if from.After(start) {
			start = from
		}
		if !start.Before(end) {
			continue
		}
		if left := end.Sub(start); d > left {
			d -= left
			continue
		}
		return start.Add(d)
	}
	panic("not in this month")
}

// oracle predicts what the rules do, by going through the life of each conversation.
func oracle(deeds []deed) (list []firing) {
	open := openTimes(2000)
	lives := map[int][]deed{}
	for _, d := range deeds {
		lives[d.conversation] = append(lives[d.conversation], d)
	}
	for c, life := range lives {
		first := dueAt(open, life[0].at, 2*time.Hour)
		state, answered := "open", false
		for _, d := range life[1:] {
			if !d.at.After(first) {
				state = map[string]string{"writes": "open", "answers": state, "closes": "closed"}[d.kind]
				answered = answered || d.kind == "answers"
			}
		}
		if !answered && state == "open" {
			list = append(list, firing{c, "first-response", first})
		}
		var next, quiet time.Time
		fire := func(now time.Time) {
			if !next.IsZero() && !next.After(now) {
				list = append(list, firing{c, "next-response", next})
				next = time.Time{}
			}
			if !quiet.IsZero() && !quiet.After(now) {
				list = append(list, firing{c, "gone-quiet", quiet})
				quiet = time.Time{}
			}
		}
		for _, d := range life[1:] {
			fire(d.at)
			switch d.kind {
			case "writes":
				if quiet = (time.Time{}); next.IsZero() {
					next = dueAt(open, d.at, time.Hour)
				}
			case "answers":
				next, quiet = time.Time{}, d.at.Add(60*time.Hour)
			case "closes":
				next, quiet = time.Time{}, time.Time{}
			}
		}
		fire(life[0].at.AddDate(0, 3, 0))
		inside := slices.ContainsFunc(open, func(s [2]time.Time) bool { return !life[0].at.Before(s[0]) && life[0].at.Before(s[1]) })
		if !inside {
			list = append(list, firing{c, "we-are-here", life[0].at})
		}
	}
	return list
}

// live carries out the deeds at their times. between runs before each of them.
func (w *world) live(deeds []deed, between func(next time.Time)) (conversations []string) {
	w.t.Helper()
	admin := w.sim.Admins()[0].ID
	customers := w.sim.Contacts()
	for _, d := range deeds {
		between(d.at)
		time.Sleep(time.Until(d.at))
		var err error
		switch d.kind {
		case "starts":
			for len(conversations) <= d.conversation {
				conversations = append(conversations, "")
			}
			conversations[d.conversation], err = w.sim.CustomerStarts(customers[d.conversation%len(customers)].ID, "hello")
		case "writes":
			_, err = w.sim.CustomerReplies(conversations[d.conversation], "more")
		case "answers":
			_, err = w.sim.AdminReplies(conversations[d.conversation], admin, "an answer", "")
		case "closes":
			_, err = w.sim.AdminCloses(conversations[d.conversation], admin, "")
		}
		if err != nil {
			w.t.Fatal(err)
		}
	}
	return conversations
}

// firings are the notes and replies that rules made.
func (w *world) firings(conversations []string) (list []firing) {
	w.t.Helper()
	for i, id := range conversations {
		c, ok := w.sim.Conversation(id)
		if !ok {
			w.t.Fatal("no conversation ", id)
		}
		for _, p := range c.Parts {
			if p.AppPackageCode != "" && p.Body != "" {
				list = append(list, firing{i, strings.TrimSuffix(strings.TrimPrefix(p.Body, "<p>"), "</p>"), p.CreatedAt})
			}
		}
	}
	return list
}

func sortFirings(list []firing) {
	slices.SortFunc(list, func(a, b firing) int {
		return cmp.Or(cmp.Compare(a.conversation, b.conversation), cmp.Compare(a.rule, b.rule), a.at.Compare(b.at))
	})
}

// compareFirings holds what happened against what should have, to within a time.
func compareFirings(t *testing.T, got, want []firing, within time.Duration) {
	t.Helper()
	sortFirings(got)
	sortFirings(want)
	for i := range max(len(got), len(want)) {
		switch {
		case i >= len(got):
			t.Fatalf("missing: %s (%d of %d)", want[i], len(got), len(want))
		case i >= len(want):
			t.Fatalf("too many: %s (%d of %d)", got[i], len(got), len(want))
		}
		late := got[i].at.Sub(want[i].at)
		if got[i].conversation != want[i].conversation || got[i].rule != want[i].rule || late < -time.Second || late > within {
			t.Fatalf("got %s, want %s (%d and %d in all)", got[i], want[i], len(got), len(want))
		}
	}
}

// marchOf2000 lets the bubble's clock reach the month: summer time began on the 26th.
func marchOf2000(w *world) {
	w.options.Poll = time.Hour
	time.Sleep(time.Until(time.Date(2000, 3, 1, 0, 0, 0, 0, time.UTC)))
}

// A month of a support team: office hours, lunch, a holiday and the change to summer time. The
// timers that fire are those that plain arithmetic predicts, at the second that it predicts. The race
// detector sees the same in a shorter time with restarts, below.
func TestTimers_month(t *testing.T) {
	t.Parallel()
	if racing {
		t.Skip("a month of timers takes minutes with the race detector")
	}
	deeds := monthOfDeeds(rand.New(rand.NewPCG(3, 4)), time.Date(2000, 3, 1, 0, 0, 0, 0, time.UTC), 29, 150)
	want := oracle(deeds)
	inBubbleWith(t, slaRules, simulator.Options{}, marchOf2000, func(w *world) {
		conversations := w.live(deeds, func(time.Time) {})
		time.Sleep(20 * 24 * time.Hour)
		w.settle(time.Minute)
		counts := map[string]int{}
		for _, f := range want {
			counts[f.rule]++
		}
		t.Log("firings: ", counts)
		compareFirings(t, w.firings(conversations), want, time.Second)
		if n := w.metric("switchboard_breaker_held_back_total", "", ""); n != 0 {
			t.Errorf("the breaker held back %v", n)
		}
	})
}

// A month with restarts and reloads at random moments, some of them in the middle of what is being
// done: the same timers fire, each once. The reloads move the timers of another rule about. With the race
// detector it is a fortnight at the most, with fewer conversations.
func TestTimers_I8_restarts_and_reloads(t *testing.T) {
	t.Parallel()
	days, conversations, rest := 29, 60, 20*24*time.Hour
	if racing {
		days, conversations, rest = 3, 12, 5*24*time.Hour
	}
	deeds := monthOfDeeds(rand.New(rand.NewPCG(5, 6)), time.Date(2000, 3, 1, 0, 0, 0, 0, time.UTC), days, conversations)
	r := rand.New(rand.NewPCG(7, 8))
	other := func() string {
		return fmt.Sprintf("  - {name: other, when: conversation.*, after: %dm, if: conversation.state == \"never\", then: [close]}\n", 1+r.IntN(3000))
	}
	inBubbleWith(t, slaRules+other(), simulator.Options{}, marchOf2000, func(w *world) {
		restarts, reloads := 0, 0
		conversations := w.live(deeds, func(next time.Time) {
			switch r.IntN(4) {
			case 0: // somewhere before the next deed, or right after the last
				if wait := time.Until(next); wait > 0 && r.IntN(3) > 0 {
					time.Sleep(time.Duration(r.Int64N(int64(wait))))
				}
				restarts++
				w.kill()
			case 1:
				reloads++
				w.writeRules(slaRules + other())
				if err := w.app.Reload(); err != nil {
					t.Fatal(err)
				}
			}
		})
		time.Sleep(rest)
		w.settle(time.Minute)
		t.Logf("%d restarts, %d reloads", restarts, reloads)
		// A notification that came while the service was away comes again after a minute.
		compareFirings(t, w.firings(conversations), oracle(deeds), 2*time.Minute)
		if log := w.log.String(); !strings.Contains(log, " of other move from ") || strings.Contains(log, "of first-response") {
			t.Error("the log tells of no moved timers, or of those of a rule that did not change")
		}
	})
}

// Timers wait on contacts and tickets, too, and texts that are written when they come due have the
// facts of that moment.
func TestTimers_contacts_and_tickets(t *testing.T) {
	t.Parallel()
	const rules = `
version: 1
rules:
  - name: welcome
    when: contact.user.created
    after: 1d
    if: contact.custom_attributes.plan == "pro"
    then: [{tag: Welcomed}]
  - name: slow-ticket
    when: ticket.created
    after: 2h
    if: ticket.state == "in_progress"
    then: [{ticket: {note: "{{ ticket.title }}: still {{ ticket.state }}, for {{ contact.first_name }}"}}]
  - name: hello
    when: conversation.user.created
    after: 1h
    then: [{reply: "Hi {{ contact.first_name }}, about {{ message.text }}"}]
`
	inBubbleWith(t, rules, simulator.Options{}, func(w *world) { w.options.Poll = time.Hour }, func(w *world) {
		did := must(t)
		contact := w.sim.ContactSignsUp(simulator.Contact{Name: "Jo Miller", Email: "jo@globex.test", Role: "user"})
		ticketType := w.sim.TicketTypes()[0].ID
		ticket := did(w.sim.CustomerOpensTicket(contact, ticketType, map[string]any{"_default_title_": "Broken"}))
		conversation := did(w.sim.CustomerStarts(contact, "first"))
		time.Sleep(30 * time.Minute)
		if err := w.sim.SetContactAttribute(contact, "plan", "pro"); err != nil {
			t.Fatal(err)
		}
		if err := w.sim.AdminMovesTicket(ticket, w.sim.Admins()[0].ID, "in_progress"); err != nil {
			t.Fatal(err)
		}
		did(w.sim.CustomerReplies(conversation, "second"))
		time.Sleep(25 * time.Hour)
		w.settle(time.Minute)
		if got := w.texts(conversation); !slices.Equal(got, []string{"<p>Hi Jo, about second</p>"}) {
			t.Errorf("conversation: %q", got)
		}
		if c, _ := w.sim.Contact(contact); len(c.Tags) != 1 {
			t.Errorf("the contact has the tags %v", c.Tags)
		}
		about, _ := w.sim.Ticket(ticket)
		if got := about.Thread.Parts[len(about.Thread.Parts)-1].Body; got != "<p>Broken: still in_progress, for Jo</p>" {
			t.Errorf("ticket: %q", got)
		}
	})
}

// A reload that shortens the wait below what has passed makes the timer due now, which is not late.
func TestTimers_I8_a_shorter_wait_is_not_late(t *testing.T) {
	t.Parallel()
	rule := func(after string) string {
		return "version: 1\nrules: [{name: sla, when: conversation.user.created, after: " + after + ", if_late: skip, then: [{note: late}]}]\n"
	}
	inBubbleWith(t, rule("2h"), simulator.Options{}, func(w *world) { w.options.Poll = time.Hour }, func(w *world) {
		id := must(t)(w.sim.CustomerStarts(w.customer(), "hello"))
		time.Sleep(time.Hour)
		w.writeRules(rule("30m"))
		if err := w.app.Reload(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		w.settle(time.Minute)
		if got := w.texts(id); len(got) != 1 {
			t.Errorf("written %q", got)
		}
		if log := w.log.String(); !strings.Contains(log, "1 timer of sla move from 2h to 30m") {
			t.Error("the log does not tell of the move")
		}
	})
}
