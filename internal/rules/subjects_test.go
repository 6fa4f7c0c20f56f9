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
