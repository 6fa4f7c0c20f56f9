package simulator

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// day runs a demo workspace until its traffic is over and tells what happened in it.
func day(t *testing.T, seed uint64, o TrafficOptions, meanwhile func(*Simulator)) (s *Simulator, told string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s = New(Options{Seed: seed})
		o.People = DemoWorkspace(s)
		if meanwhile != nil {
			go meanwhile(s)
		}
		if err := s.Live(t.Context(), o); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		began := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
		var b strings.Builder
		for _, c := range s.Conversations() {
			fmt.Fprintln(&b, c.CreatedAt.Sub(began), c.Contacts, c.Source.Body)
			for _, p := range c.Parts {
				if p.AppPackageCode == "" && p.Author.Type != "bot" {
					fmt.Fprintln(&b, " ", p.CreatedAt.Sub(began), p.Author.Name, p.Type, p.Body)
				}
			}
		}
		told = b.String()
	})
	return s, told
}

func TestLive_is_a_day_of_a_support_team(t *testing.T) {
	s, told := day(t, 1, TrafficOptions{Rate: 2, Conversations: 120}, nil)
	topics, stories := map[string]int{}, s.Conversations()
	for _, n := range s.Notifications() {
		topics[n.Topic]++
	}
	for _, topic := range []string{
		"conversation.user.created", "conversation.user.replied", "conversation.admin.replied", "conversation.admin.assigned",
		"conversation.admin.open.assigned", "conversation.admin.closed", "conversation.admin.noted", "conversation.admin.snoozed",
		"conversation.rating.added",
	} {
		if topics[topic] == 0 {
			t.Errorf("nothing is told of %s; there was %v", topic, slices.Sorted(maps.Keys(topics)))
		}
	}
	if len(stories) != 120 || topics["conversation.user.created"] != 120 {
		t.Errorf("%d conversations, want 120", len(stories))
	}
	for _, want := range []string{"refund", "password", "chargeback", "bug"} {
		if !strings.Contains(told, want) {
			t.Errorf("nobody writes about %q", want)
		}
	}
	for _, left := range []string{"{n}", "{customer}", "{teammate}", "<script>"} {
		if strings.Contains(told, left) {
			t.Errorf("somebody says %q", left)
		}
	}
	domains := map[string]int{}
	for _, c := range stories {
		_, domain, _ := strings.Cut(c.Source.Author.Email, "@")
		domains[domain]++
	}
	if domains["acme.com"] == 0 || domains["globex.com"] == 0 || domains["example.com"] == 0 {
		t.Errorf("customers write from %v", domains)
	}
	last := stories[len(stories)-1].CreatedAt.Sub(stories[0].CreatedAt)
	if last < 30*time.Second || last > 2*time.Minute {
		t.Errorf("120 conversations at 2 a second began within %v", last)
	}
}

func TestLive_depends_on_the_seed_alone(t *testing.T) {
	o := TrafficOptions{Rate: 5, Conversations: 30}
	_, first := day(t, 1, o, nil)
	if _, again := day(t, 1, o, nil); again != first {
		t.Error("the same seed lives another day")
	}
	if _, other := day(t, 2, o, nil); other == first {
		t.Error("another seed lives the same day")
	}
	words := func(told string) (out []string) {
		for line := range strings.Lines(told) {
			if !strings.HasPrefix(line, " ") {
				_, line, _ = strings.Cut(line, " ") // without the time
				out = append(out, line)
			}
		}
		return out
	}
	_, disturbed := day(t, 1, o, func(s *Simulator) {
		for range 20 {
			time.Sleep(time.Second)
			for _, c := range s.Conversations() {
				s.AdminCloses(c.ID, s.TokenAdmin(), "")
			}
		}
	})
	if !slices.Equal(words(disturbed), words(first)) {
		t.Error("what an automation does changes what customers ask")
	}
}

func TestLive_bears_deletions_and_ends_when_told(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Options{})
		DemoWorkspace(s)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		go func() {
			for {
				select {
				case <-ctx.Done():
					return
				case <-time.After(500 * time.Millisecond):
				}
				for _, c := range s.Conversations() {
					s.DeleteConversation(c.ID)
				}
			}
		}()
		began := time.Now()
		if err := s.Live(ctx, TrafficOptions{}); err != nil {
			t.Error(err)
		}
		if d := time.Since(began); d != time.Minute {
			t.Errorf("it ended after %v, with the context a minute", d)
		}
		s.Close()
		if err := s.Live(t.Context(), TrafficOptions{}); err != nil {
			t.Error(err)
		}
		if err := New(Options{}).Live(t.Context(), TrafficOptions{}); err == nil {
			t.Error("a workspace without people lives")
		}
	})
}

func TestDemoWorkspace_has_the_names_of_the_example_rules(t *testing.T) {
	s := New(Options{})
	cast := DemoWorkspace(s)
	var teams []string
	for _, team := range s.Teams() {
		teams = append(teams, team.Name)
		if len(team.Admins) == 0 {
			t.Errorf("nobody is in %s", team.Name)
		}
	}
	slices.Sort(teams)
	if !slices.Equal(teams, []string{"Finance", "Priority", "Support", "Technical"}) {
		t.Errorf("teams = %q", teams)
	}
	if a := s.Admins()[0]; a.Email != "ops-bot@acme.test" || a.ID != s.TokenAdmin() {
		t.Errorf("the token belongs to %+v", a)
	}
	plans := map[any]int{}
	for _, id := range cast.Customers {
		c, _ := s.Contact(id)
		plans[c.CustomAttributes["plan"]]++
	}
	if plans["free"] == 0 || plans["pro"] == 0 || plans["enterprise"] == 0 || plans[nil] == 0 {
		t.Errorf("plans = %v", plans)
	}
	for _, a := range s.Admins() {
		if strings.ContainsFunc(a.Email, func(r rune) bool { return r > 127 }) {
			t.Errorf("e-mail %q", a.Email)
		}
	}
}

func TestWorld_is_safe_for_many_at_once(t *testing.T) {
	b := newBench(t, Options{Faults: Faults{Rules: []Fault{{Kind: ResetAfter, Rate: 0.1}, {Kind: FailBefore, Rate: 0.1}}}})
	id := b.starts("hello")
	done := make(chan error)
	for i := range 8 {
		go func() {
			var failed error
			for range 25 {
				switch i % 4 {
				case 0:
					_, err := b.CustomerReplies(id, "x")
					failed = errors.Join(failed, err)
				case 1:
					b.Conversations()
					b.Journal()
					b.Windows()
					b.Notifications()
				case 2:
					b.reply(id)
				case 3:
					b.SetRateLimit(1000 + i)
					b.try("GET", "/conversations/"+id, "")
				}
			}
			done <- failed
		}()
	}
	for range 8 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	replies := 0
	for _, e := range b.Journal() {
		if e.Effect == EffectReply {
			replies++
		}
	}
	if c, _ := b.Conversation(id); len(c.Parts) != 50+replies {
		t.Errorf("%d parts; people made 50, and the journal has %d replies", len(c.Parts), replies)
	}
}
