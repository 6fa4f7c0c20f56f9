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
