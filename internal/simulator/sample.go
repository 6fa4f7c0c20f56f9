package simulator

import (
	"fmt"
	"strings"
)

// SampleWorkspace fills a workspace as DemoWorkspace does and adds tags and a few
// conversations, open and closed, so that there is something to read. No notification tells
// of any of it.
func SampleWorkspace(s *Simulator) (Cast, error) {
	cast := DemoWorkspace(s)
	for _, tag := range []string{"VIP", "Refund", "Bug", "Feature request"} {
		s.AddTag(tag)
	}
	return cast, s.quietly(func() error {
		for i, scenario := range Scenarios() {
			customer := cast.Customers[(7*i)%len(cast.Customers)]
			teammate := cast.Teammates[i%len(cast.Teammates)]
			if err := s.tellStory(scenario, customer, teammate); err != nil {
				return fmt.Errorf("make the conversation %q: %w", scenario.Name, err)
			}
		}
		return nil
	})
}

// tellStory has a conversation take its course at once, in the first of its words.
func (s *Simulator) tellStory(sc Scenario, customer, teammate string) error {
	words := strings.NewReplacer("{n}", "731", "{customer}", "there", "{teammate}", "your support team")
	id, err := s.CustomerStarts(customer, words.Replace(sc.Opening[0]))
	for _, step := range sc.Steps {
		if err != nil {
			return err
		}
		switch {
		case step.By == Customer && step.Do == EffectReply:
			_, err = s.CustomerReplies(id, words.Replace(step.Say[0]))
		case step.By == Customer && step.Do == EffectRate:
			err = s.CustomerRates(id, 4, words.Replace(step.Say[0]))
		case step.Do == EffectReply:
			_, err = s.AdminReplies(id, teammate, words.Replace(step.Say[0]), "")
		case step.Do == EffectNote:
			_, err = s.AdminNotes(id, teammate, words.Replace(step.Say[0]))
		case step.Do == EffectAssign:
			_, err = s.AdminAssigns(id, teammate, teammate)
		case step.Do == EffectClose:
			_, err = s.AdminCloses(id, teammate, "")
		}
	}
	return err
}

// quietly does something of which nobody is told.
func (s *Simulator) quietly(deed func() error) error {
	s.setQuiet(true)
	defer s.setQuiet(false)
	return deed()
}

func (s *Simulator) setQuiet(quiet bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.quiet = quiet
}
