package rules

import (
	"testing"

	"switchboard/internal/event"
)

// What Switchboard tells itself is for one rule: no pattern gets hold of it.
func TestPatternsDoNotMatchOwnTopics(t *testing.T) {
	for _, topic := range []string{event.TopicTimer, event.TopicSchedule} {
		for _, text := range []string{"*", "*.*"} {
			p, err := parsePattern(text)
			if err != nil {
				t.Fatal(err)
			}
			if p.matches(topic) {
				t.Errorf("%q matches %s", text, topic)
			}
		}
		if _, err := parsePattern(topic); err == nil {
			t.Errorf("a rule may listen to %s", topic)
		}
	}
}
