package chaos

import (
	"fmt"

	"switchboard/internal/simulator"
)

// Rules are what Switchboard does in these worlds: what follows from a notification can be told by
// its topic and its text alone, and each text is written once.
const Rules = `
version: 1
rules:
  - name: welcome
    when: conversation.user.created
    once: conversation
    then:
      - reply: "Welcome: {{ message.text }}"
      - tag: New
  - name: note-each
    when: conversation.user.replied
    then:
      - note: "one of {{ message.text }}"
      - tag: Seen
      - note: "two of {{ message.text }}"
  - name: answered
    when: conversation.admin.replied
    then:
      - note: "answered with {{ message.text }}"
  - name: closed
    when: conversation.admin.closed
    then:
      - note: "closed {{ conversation.id }}"
`

// OtherRules lead to the same, but are others.
const OtherRules = Rules + `
  - name: never
    when: conversation.rating.added
    then:
      - note: nobody rates here
`

// want is an effect that a notification must have.
type want struct {
	effect    simulator.Effect
	text, tag string
}

// wanted are the effects of a notification in plan order. text is what the person wrote.
func wanted(topic, conversation, text string) []want {
	switch topic {
	case "conversation.user.created":
		return []want{{effect: simulator.EffectReply, text: "Welcome: " + text}, {effect: simulator.EffectTag, tag: "New"}}
	case "conversation.user.replied":
		return []want{
			{effect: simulator.EffectNote, text: "one of " + text},
			{effect: simulator.EffectTag, tag: "Seen"},
			{effect: simulator.EffectNote, text: "two of " + text},
		}
	case "conversation.admin.replied":
		return []want{{effect: simulator.EffectNote, text: "answered with " + text}}
	case "conversation.admin.closed":
		return []want{{effect: simulator.EffectNote, text: fmt.Sprint("closed ", conversation)}}
	}
	return nil
}
