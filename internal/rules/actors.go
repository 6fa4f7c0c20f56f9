package rules

import (
	"slices"
	"strings"

	"switchboard/internal/event"
)

// actors is a set of those who can have caused an event.
type actors uint

const (
	byCustomer actors = 1 << iota
	byTeammate
	byBot
	byNobody  // the payload does not tell, or nobody in particular did it
	ourselves // Switchboard, whoever the payload names

	byAnybody = byCustomer | byTeammate | byBot | byNobody
)

var actorBits = map[string]actors{
	fromCustomer: byCustomer, fromTeammate: byTeammate, fromBot: byBot,
	fromHuman: byAnybody &^ byBot, fromAny: byAnybody | ourselves,
}

// names are the values of event.from.
func (a actors) names() (list []any) {
	for _, from := range []string{fromCustomer, fromTeammate, fromBot} {
		if a&actorBits[from] != 0 {
			list = append(list, from)
		}
	}
	if a&byNobody != 0 {
		list = append(list, nil)
	}
	return list
}

// words name them for people.
func (a actors) words() string {
	var list []string
	for _, v := range a.names() {
		if v == nil {
			list = append(list, "nobody in particular")
		} else {
			list = append(list, "a "+v.(string))
		}
	}
	return strings.Join(list, " or ")
}

// actorsOf are those who can have caused an event of a topic, whatever its payload says: what
// evaluation.actor can return.
func actorsOf(topic string) actors {
	words := strings.Split(topic, ".")
	word := func(i int) string {
		if i < len(words) {
			return words[i]
		}
		return ""
	}
	switch topic {
	case "conversation_part.tag.created", "conversation_part.redacted", "conversation.deleted", "conversation.company.updated",
		"ticket.contact.attached", "ticket.contact.detached":
		return byNobody
	case "conversation.read", "conversation.rating.added", "ticket.rating.provided", "event.created":
		return byCustomer | byNobody
	case "conversation.contact.attached", "conversation.contact.detached":
		return byAnybody
	}
	switch {
	case event.OwnTopic(topic):
		return byNobody
	case word(0) == "admin":
		return byTeammate
	case word(0) == "conversation", word(0) == "ticket":
		if by := word(1); (by == "user" || by == "contact") && !strings.HasSuffix(topic, ".created") {
			return byCustomer | byNobody
		}
		return byAnybody
	case slices.Contains([]string{"signed_up", "subscribed", "unsubscribed", "subscribe", "unsubscribe"}, words[len(words)-1]):
		return byCustomer | byNobody
	}
	return byAnybody
}

// usualActors are those who certainly can have caused an event of a topic: of what its payload may say,
// what Intercom is known to.
func usualActors(topic string) actors {
	may, usual := actorsOf(topic), byNobody
	switch first, rest, _ := strings.Cut(topic, "."); {
	case first != "conversation" && first != "ticket":
	case may == byCustomer|byNobody, topic == "conversation.user.created":
		usual = byCustomer
	case strings.HasPrefix(rest, "operator."):
		usual = byBot
	default:
		usual = byTeammate
	}
	if usual &= may; usual == 0 {
		return may
	}
	return usual
}
