package rules

import (
	"strings"

	"switchboard/internal/event"
)

// conversation is the conversation that the event is about, or has to do with.
func (e *evaluation) conversation() object {
	if c := e.subjectConversation(); c != nil {
		return c
	}
	return e.relatedConversation()
}

// relatedConversation is the conversation of events about something else: a ticket that is
// linked to one, a call, the run of a data connector. Only its id is known; the rest is
// looked up.
func (e *evaluation) relatedConversation() object {
	return e.cache.related.get(func() object {
		id := idText(e.item["conversation_id"])
		if e.topicWord(0) == "ticket" {
			id = linkedID(e.ticketValue("linked_objects"), "conversation")
		}
		if id == "" {
			return nil
		}
		return object{"id": id}
	})
}

// linkedID is the id of the first linked object of a type.
func linkedID(linked any, kind string) string {
	for _, v := range listIn(linked, "data") {
		if o := objectOf(v); o["type"] == kind {
			return idText(o["id"])
		}
	}
	return ""
}

// subjectConversation is the payload's conversation: the item itself in most topics. In
// conversation.contact.attached and its like it is an internal model with few fields, and
// in conversation.deleted only the id is left.
func (e *evaluation) subjectConversation() object {
	return e.cache.conversation.get(func() object {
		switch e.topicWord(0) {
		case "conversation", "conversation_part":
		default:
			return nil
		}
		if wrapped, ok := e.item["conversation"].(object); ok {
			c := object{}
			model := objectOf(wrapped["model"])
			for _, key := range []string{"id", "created_at", "updated_at", "read"} {
				if v, ok := model[key]; ok {
					c[key] = v
				}
			}
			return c
		}
		if id, ok := e.item["conversation_id"]; ok && e.item["id"] == nil {
			return object{"id": id}
		}
		return e.item
	})
}

// conversationValue is the first of the keys (names in both generations of payloads) that
// the payload's conversation has. When it has none of them the conversation is looked up.
func (e *evaluation) conversationValue(keys ...string) any {
	c := e.conversation()
	if c == nil {
		return nil
	}
	for _, key := range keys {
		if v, ok := c[key]; ok {
			return v
		}
	}
	full := e.fullConversation()
	for _, key := range keys {
		if v, ok := full[key]; ok {
			return v
		}
	}
	return nil
}

// fullConversation looks the conversation up; it is nil when there is none any more.
func (e *evaluation) fullConversation() object {
	id := idText(e.conversation()["id"])
	if id == "" || e.in.Event.Topic == "conversation.deleted" {
		return nil
	}
	return objectOf(e.lookup(Question{Kind: AskConversation, ID: id}))
}

// source is how the conversation began, in both generations.
func (e *evaluation) source() any {
	for _, key := range []string{"source", "conversation_message"} {
		if s, ok := e.subjectConversation()[key].(object); ok {
			return s
		}
	}
	return nil
}

// assigneeID reads the assignee of the wanted type ("admin" or "team"); nobody is nil.
func (e *evaluation) assigneeID(kind string) any {
	c := e.conversation()
	if c == nil {
		return nil
	}
	if _, ok := c[kind+"_assignee_id"]; !ok {
		if old, ok := c["assignee"]; ok {
			a := objectOf(old)
			if a["type"] == kind {
				return idOf(a["id"])
			}
			return nil
		}
	}
	return idOf(e.conversationValue(kind + "_assignee_id"))
}

// tagNames are the names of the conversation's tags.
func (e *evaluation) tagNames() any {
	c := e.conversation()
	if c == nil {
		return nil
	}
	return tagNamesIn(e.conversationValue("tags"))
}

func tagNamesIn(tags any) any {
	names := []any{}
	for _, tag := range listIn(tags, "tags", "data") {
		if name := textOf(objectOf(tag)["name"]); name != nil {
			names = append(names, name)
		}
	}
	return names
}

// tagSet are the tag names in folded case.
func (e *evaluation) tagSet() map[string]struct{} {
	return e.cache.tags.get(func() map[string]struct{} {
		set := map[string]struct{}{}
		names, _ := e.value(slotTags).([]any)
		for _, name := range names {
			set[fold(name.(string))] = struct{}{}
		}
		return set
	})
}

// statisticsOf reads the conversation's figures. Their times arrive as ISO texts in webhooks
// and as Unix seconds from the API; here they are times.
func statisticsOf(v any) any {
	s, ok := v.(object)
	if !ok {
		return nil
	}
	out := make(object, len(s))
	for key, v := range s {
		if strings.HasSuffix(key, "_at") {
			v = timeOf(v)
		}
		out[key] = v
	}
	return out
}

// message is the newest message that the customer can see.
type message struct {
	html      string
	author    author
	createdAt any
	partType  any
}

func (e *evaluation) message() message {
	return e.cache.message.get(func() message {
		if m, ok := e.customersMessage(); ok {
			return m
		}
		if m, ok := newestMessage(e.parts()); ok {
			m.author = e.complete(m.author)
			return m
		}
		if e.subjectTicket() != nil { // with a part comes the ticket with all others
			m, _ := newestMessage(listIn(e.ticketValue("ticket_parts"), "ticket_parts"))
			m.author = e.complete(m.author)
			return m
		}
		source, c := objectOf(e.source()), e.subjectConversation()
		silent := source == nil || event.OwnTopic(e.in.Event.Topic)
		if silent && len(e.parts()) == 0 && c != nil {
			// The payload holds no message at all, or what a search found, which is the first of
			// them: read the conversation.
			if c = e.fullConversation(); c == nil {
				return message{}
			}
			if m, ok := newestMessage(listIn(c["conversation_parts"], "conversation_parts")); ok {
				m.author = e.complete(m.author)
				return m
			}
			source = objectOf(c["source"])
		}
		return e.firstMessage(source, c)
	})
}

// firstMessage is the message that a conversation began with.
func (e *evaluation) firstMessage(source, conversation object) message {
	body, _ := source["body"].(string)
	if body == "" {
		return message{}
	}
	return message{html: body, author: e.complete(authorOf(source["author"])), createdAt: timeOf(conversation["created_at"])}
}

// customersMessage is the message in topics that say a customer wrote it: theirs, also when
// a part of a bot came along, and also when it holds an attachment and no words. ok is false
// in other topics and when the payload has no such message.
func (e *evaluation) customersMessage() (m message, ok bool) {
	switch e.in.Event.Topic {
	case "conversation.user.created":
		m = e.firstMessage(objectOf(e.source()), e.subjectConversation())
		return m, m.author.from() == fromCustomer
	case "conversation.user.replied", "ticket.contact.replied":
	default:
		return message{}, false
	}
	var theirs []any
	for _, part := range e.parts() {
		if authorOf(objectOf(part)["author"]).from() == fromCustomer {
			theirs = append(theirs, part)
		}
	}
	if len(theirs) == 0 {
		return message{}, false
	}
	if m, ok = newestMessage(theirs); !ok {
		m = messageOf(objectOf(theirs[len(theirs)-1]))
	}
	m.author = e.complete(m.author)
	return m, true
}

// newestMessage is the last part that customers can see and that says something. Notes are
// for teammates only. Words come not only in comments: a reply that also assigns is an
// "assignment" part, one that reopens an "open" part.
func newestMessage(parts []any) (message, bool) {
	for i := len(parts) - 1; i >= 0; i-- {
		if part := objectOf(parts[i]); visible(part) {
			return messageOf(part), true
		}
	}
	return message{}, false
}

// visible tells whether a part says something to the customer.
func visible(part object) bool {
	body, _ := part["body"].(string)
	return strings.TrimSpace(body) != "" && part["part_type"] != "note"
}

func messageOf(part object) message {
	body, _ := part["body"].(string)
	return message{
		html: body, author: authorOf(part["author"]),
		createdAt: timeOf(part["created_at"]), partType: textOf(part["part_type"]),
	}
}
