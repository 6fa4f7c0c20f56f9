package rules

import (
	"strings"
	"testing"
)

// What a rule's events may be about is known from its topics, and only where it is certain.
func TestSubjectKinds(t *testing.T) {
	for when, want := range map[string]string{
		"conversation.user.created":                   "conversation",
		"conversation.admin.* conversation_part.*":    "conversation",
		"contact.* user.created granular.* visitor.*": "contact",
		"content_stat.email":                          "contact",
		"company.created contact.user.created":        "contact company",
		"ticket.*":                                    "ticket",
		"admin.logged_in":                             "admin",
		"admin.*":                                     "admin other",
		"*":                                           "conversation contact company ticket admin other",
		"*.created":                                   "contact company ticket other",
		"contact.user.created contact.something.new": "contact other",
		"ping":        "other",
		"not a topic": "other",
	} {
		topics := strings.Fields(when)
		if when == "not a topic" {
			topics = []string{when}
		}
		if got := strings.Join(SubjectKinds(topics), " "); got != want {
			t.Errorf("%s: %s, want %s", when, got, want)
		}
	}
}

// An action on the contact needs an event that names one, whatever it is about.
func TestParse_actions_on_the_contact_suit_every_topic(t *testing.T) {
	for _, action := range []string{
		"set: {contact: {plan: pro}}", "tag: {name: VIP, on: contact}", "untag: {name: VIP, on: contact}",
		"ticket: {create: {type: Bug}}", "contact: archive", "event: seen", "message: Hello",
	} {
		for _, topic := range []string{"conversation.user.created", "ticket.created", "contact.user.created"} {
			text := "version: 1\nrules:\n  - name: r\n    when: " + topic + "\n    then: [{" + action + "}]\n"
			if _, problems := Parse([]Source{{"rules.yaml", []byte(text)}}); len(problems) > 0 {
				t.Errorf("%s on %s: %v", action, topic, problems[0].Message)
			}
		}
	}
}
