package app_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"switchboard/internal/simulator"
)

// monday is ten o'clock on a working day in Dublin.
var monday = time.Date(2000, 3, 6, 10, 0, 0, 0, time.UTC)

// inExample runs fn in a world with the rules of a folder of examples, in a workspace that has the
// teams that they name.
func inExample(t *testing.T, name string, fn func(w *world)) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "examples", name, "rules.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	inBubbleWith(t, string(text), simulator.Options{}, func(w *world) {
		w.options.Poll = time.Hour
		for _, team := range []string{"Escalations", "On call", "Support", "Priority", "Billing"} {
			if !slices.ContainsFunc(w.sim.Teams(), func(t simulator.Team) bool { return t.Name == team }) {
				w.sim.AddTeam(simulator.Team{Name: team})
			}
		}
		time.Sleep(time.Until(monday))
	}, fn)
}

// after lets the time pass until a moment that long after monday, and what is due then be done.
func (w *world) after(d time.Duration) {
	w.t.Helper()
	time.Sleep(time.Until(monday.Add(d)))
	w.settle(time.Minute)
}

// has holds the tags of a conversation and the beginnings of what was written there against what
// they should be.
func (w *world) has(conversation, tags string, texts ...string) {
	w.t.Helper()
	names := w.sim.TagNames(conversation)
	slices.Sort(names)
	if got := strings.Join(names, ", "); got != tags {
		w.t.Errorf("%s: the conversation has the tags %q, want %q", time.Now().UTC().Format(time.DateTime), got, tags)
	}
	written := w.texts(conversation)
	same := len(written) == len(texts)
	for i := range min(len(written), len(texts)) {
		same = same && strings.Contains(written[i], texts[i])
	}
	if !same {
		w.t.Errorf("%s: written %q, want %q", time.Now().UTC().Format(time.DateTime), written, texts)
	}
}

func (w *world) team(conversation string) string {
	w.t.Helper()
	c, _ := w.sim.Conversation(conversation)
	for _, team := range w.sim.Teams() {
		if team.ID == c.TeamAssigneeID {
			return team.Name
		}
	}
	return ""
}

func TestExamples_sla(t *testing.T) {
	t.Parallel()
	inExample(t, "sla", func(w *world) {
		did := must(t)
		admin := w.sim.Admins()[0].ID
		slow := did(w.sim.CustomerStarts(w.customer(), "hello"))
		quick := did(w.sim.CustomerStarts(w.customer(), "hello"))
		w.after(30 * time.Minute)
		did(w.sim.AdminReplies(quick, admin, "hi", ""))
		w.after(50 * time.Minute)
		w.has(slow, "SLA soon", "No answer for 45 minutes")
		w.after(61 * time.Minute)
		w.has(slow, "SLA missed", "No answer for 45 minutes", "we have your message", "First answer promised")
		if got := w.team(slow); got != "Escalations" {
			t.Errorf("the team is %q", got)
		}
		w.after(2 * time.Hour)
		w.has(quick, "")
		did(w.sim.CustomerReplies(quick, "and then?")) // 12:00; 30 minutes until lunch
		w.after(4 * time.Hour)
		did(w.sim.CustomerReplies(quick, "hello?"))
		w.after(4*time.Hour + 59*time.Minute)
		w.has(quick, "")
		w.after(5*time.Hour + time.Minute)
		w.has(quick, "SLA missed", "has waited two hours")
		if n := w.metric("switchboard_custom_sla_missed_total", "kind", "next"); n != 1 {
			t.Errorf("counted %v answers that were missed, want 1", n)
		}
	})
}

func TestExamples_gone_quiet(t *testing.T) {
	t.Parallel()
	inExample(t, "gone-quiet", func(w *world) {
		did := must(t)
		admin := w.sim.Admins()[0].ID
		const day = 24 * time.Hour
		quiet := did(w.sim.CustomerStarts(w.customer(), "hello"))
		did(w.sim.AdminReplies(quiet, admin, "have you tried this?", admin))
		back := did(w.sim.CustomerStarts(w.customer(), "hello"))
		did(w.sim.AdminReplies(back, admin, "have you tried this?", admin))
		w.after(2 * day)
		did(w.sim.CustomerReplies(back, "it does not help"))
		w.after(3*day + time.Minute)
		w.has(quiet, "Reminded", "did our last message help")
		w.has(back, "", "No answer for a working day")
		w.after(8 * day)
		w.has(quiet, "", "did our last message help", "we close this conversation")
		if c, _ := w.sim.Conversation(quiet); c.State != simulator.StateClosed {
			t.Errorf("the conversation is %s", c.State)
		}
	})
}

func TestExamples_out_of_hours(t *testing.T) {
	t.Parallel()
	inExample(t, "out-of-hours", func(w *world) {
		did := must(t)
		day := did(w.sim.CustomerStarts(w.customer(), "hello"))
		w.after(10 * time.Hour)
		w.has(day, "")
		did(w.sim.CustomerReplies(day, "still there?"))
		did(w.sim.CustomerReplies(day, "hello?"))
		w.after(11 * time.Hour)
		w.has(day, "Out of hours", "We are here from Monday to Friday")
		did(w.sim.CustomerReplies(day, "we have an outage"))
		w.after(12 * time.Hour)
		w.has(day, "Emergency, Out of hours", "We are here from Monday to Friday")
	})
}

func TestExamples_stale(t *testing.T) {
	t.Parallel()
	inExample(t, "stale", func(w *world) {
		did := must(t)
		admin := w.sim.Admins()[0].ID
		const day = 24 * time.Hour
		stale := did(w.sim.CustomerStarts(w.customer(), "hello"))
		did(w.sim.AdminReplies(stale, admin, "have you tried this?", admin))
		kept := did(w.sim.CustomerStarts(w.customer(), "hello"))
		if err := w.sim.TagPart(kept, admin, "Keep open"); err != nil {
			t.Fatal(err)
		}
		back := did(w.sim.CustomerStarts(w.customer(), "hello"))
		w.after(6 * day)
		w.has(stale, "")
		w.after(8 * day) // the next Tuesday
		w.has(stale, "Stale", "Is there anything")
		w.has(back, "Stale", "Is there anything")
		w.has(kept, "Keep open")
		did(w.sim.CustomerReplies(back, "yes, there is"))
		w.after(16 * day)
		w.has(stale, "", "Is there anything")
		if c, _ := w.sim.Conversation(stale); c.State != simulator.StateClosed {
			t.Errorf("the stale conversation is %s", c.State)
		}
		if c, _ := w.sim.Conversation(back); c.State != simulator.StateOpen {
			t.Errorf("the conversation of who answered is %s", c.State)
		}
	})
}

// holders counts the conversations that each teammate has.
func (w *world) holders(conversations []string) map[string]int {
	count := map[string]int{}
	for _, id := range conversations {
		c, _ := w.sim.Conversation(id)
		count[c.AdminAssigneeID]++
	}
	return count
}

func TestExamples_routing(t *testing.T) {
	t.Parallel()
	inExample(t, "routing", func(w *world) {
		did := must(t)
		var conversations []string
		for i := range 10 {
			conversations = append(conversations, did(w.sim.CustomerStarts(w.sim.Contacts()[i].ID, "hello")))
		}
		w.after(10 * time.Minute)
		for admin, n := range w.holders(conversations) {
			if n != 2 || admin == "" {
				t.Errorf("%q has %d of 10 conversations, and there are 5 teammates", admin, n)
			}
		}
		money := did(w.sim.CustomerStarts(w.customer(), "a refund please"))
		w.after(20 * time.Minute)
		w.has(money, "Billing")
	})
}

func TestExamples_vip(t *testing.T) {
	t.Parallel()
	inExample(t, "vip", func(w *world) {
		did := must(t)
		vip := did(w.sim.CustomerStarts(w.sim.ContactSignsUp(simulator.Contact{Name: "Jo Miller", Email: "jo@globex.com", Role: "user"}), "hello"))
		other := did(w.sim.CustomerStarts(w.sim.ContactSignsUp(simulator.Contact{Name: "Li Wen", Email: "li@elsewhere.test", Role: "user"}), "hello"))
		w.after(5 * time.Minute)
		w.has(vip, "VIP", "VIP: Jo Miller")
		if c, _ := w.sim.Conversation(vip); c.AdminAssigneeID == "" || w.team(vip) != "Priority" {
			t.Errorf("the VIP is with %q of %q", c.AdminAssigneeID, w.team(vip))
		}
		w.after(15 * time.Minute)
		w.has(vip, "VIP, VIP waits", "VIP: Jo Miller", "has waited ten minutes")
		w.has(other, "")
	})
}
