package rules

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"switchboard/internal/diag"
	"switchboard/internal/event"
)

// topicPattern is an entry of `when`: a topic, or words with * in their place. A * stands
// for one word; at the end it stands for one or more.
type topicPattern struct {
	text  string
	words []string
	exact bool
}

var topicText = regexp.MustCompile(`^[a-z0-9_*]+(\.[a-z0-9_*]+)*$`)

func parsePattern(text string) (topicPattern, error) {
	if !topicText.MatchString(text) {
		return topicPattern{}, errors.New("a topic has small letters, digits, _ and dots, such as conversation.user.created")
	}
	if event.OwnTopic(text) {
		return topicPattern{}, errors.New("rules cannot listen to what Switchboard tells itself: use after or every")
	}
	p := topicPattern{text: text, words: strings.Split(text, "."), exact: !strings.Contains(text, "*")}
	for _, word := range p.words {
		if word != "*" && strings.Contains(word, "*") {
			return topicPattern{}, fmt.Errorf("a * stands for a whole word, as in %s", strings.Replace(text, word, "*", 1))
		}
	}
	return p, nil
}

// apart are the topics that * does not cover: nobody did anything (ping), or our own calls
// are what happened, so that a rule would never rest (api.request.completed).
var apart = []string{event.TopicPing, "api.request.completed"}

func (p topicPattern) matches(topic string) bool {
	if p.exact {
		return p.text == topic
	}
	if slices.Contains(apart, topic) || event.OwnTopic(topic) {
		return false
	}
	words := strings.Split(topic, ".")
	for i, word := range p.words {
		switch {
		case i >= len(words):
			return false
		case word == "*" && i == len(p.words)-1:
			return true
		case word != "*" && word != words[i]:
			return false
		}
	}
	return len(words) == len(p.words)
}

// known tells whether a topic that Intercom is known to send matches.
func (p topicPattern) known() bool {
	if p.exact {
		return event.KnownTopic(p.text)
	}
	return slices.ContainsFunc(event.Topics(), p.matches)
}

// suggestion names the topic that was probably meant.
func (p topicPattern) suggestion() string {
	if p.exact {
		if hint := diag.DidYouMean(p.text, event.Topics()); hint != "" {
			return hint
		}
	}
	// Find what most of its words agree with.
	best, most := "", 0
	for _, topic := range event.Topics() {
		same := 0
		words := strings.Split(topic, ".")
		for i, word := range p.words {
			if i < len(words) && words[i] == word {
				same++
			}
		}
		if same > most && same*2 >= len(p.words) {
			best, most = topic, same
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("there is for instance %q", best)
}

// TopicMatches tells whether an entry of when or cancel_on listens to a topic.
func TopicMatches(pattern, topic string) bool {
	p, err := parsePattern(pattern)
	return err == nil && p.matches(topic)
}
