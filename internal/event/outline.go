package event

import (
	"cmp"
	"strings"
	"unicode/utf8"
)

// outline is what an event needs of a notification. Except for the five fields that make
// it one, values of an unexpected type count as missing.
type outline struct {
	id, topic, appID string
	createdAt        int64 // Unix seconds as sent; 0 when missing
	item             item
	itemText         []byte // nil when data.item is missing
}

// item is the outline of data.item. Of objects inside it only the id matters.
type item struct {
	kind           string // its type; some have none
	id             string
	conversationID string
	conversation   string
	ticket         string
	company        string
	contact        string
	user           string
	part           string // ticket_part
	parts          parts  // conversation_parts
	ticketParts    parts
}

// parts are the ids of a list of parts, of which the newest comes last.
type parts struct {
	any    bool
	newest string
}

// outliner fills an outline. wrong is the first field that makes the body no notification;
// it is told only when the JSON itself is sound.
type outliner struct {
	scanner
	outline
	wrong error
}

func readOutline(body []byte) (*outline, error) {
	if len(body) == 0 {
		return nil, invalid("the body is empty")
	}
	if !utf8.Valid(body) {
		return nil, invalid("the body is not UTF-8")
	}
	o := &outliner{scanner: scanner{text: body}}
	o.envelope()
	o.end()
	switch {
	case o.err != nil:
		return nil, invalid("%v", o.err)
	case o.wrong != nil:
		return nil, o.wrong
	}
	return &o.outline, nil
}

func (o *outliner) envelope() {
	o.required("the body", '{', func() {
		o.object(func(name []byte) {
			switch string(name) {
			case "id":
				o.id = o.identifier()
			case "topic":
				o.topic = ""
				o.required("topic", '"', func() { o.topic = o.lenientText() })
			case "app_id":
				o.appID = ""
				o.required("app_id", '"', func() { o.appID = o.lenientText() })
			case "created_at":
				o.createdAt = o.second()
			case "data":
				o.item, o.itemText = item{}, nil
				o.required("data", '{', o.data)
			default:
				o.value()
			}
		})
	})
}

func (o *outliner) data() {
	o.object(func(name []byte) {
		if string(name) != "item" {
			o.value()
			return
		}
		o.item, o.itemText = item{}, nil
		o.required("data.item", '{', func() {
			from := o.at
			o.readItem()
			o.itemText = o.text[from:o.at]
		})
	})
}

// required calls read when the next value begins with first, passes over null, and notes
// that anything else is wrong in this place.
func (o *outliner) required(field string, first byte, read func()) {
	switch c := o.next(); c {
	case first:
		read()
	case 'n':
		o.value()
	default:
		if o.wrong == nil {
			o.wrong = invalid("%s has the wrong type (%s)", field, typeName(c))
		}
		o.value()
	}
}

func typeName(first byte) string {
	switch first {
	case '{':
		return "object"
	case '[':
		return "array"
	case '"':
		return "string"
	case 't', 'f':
		return "bool"
	}
	return "number"
}

func (o *outliner) readItem() {
	it := &o.item
	o.object(func(name []byte) {
		switch string(name) {
		case "type":
			it.kind = o.lenientText()
		case "id":
			it.id = o.identifier()
		case "conversation_id":
			it.conversationID = o.identifier()
		case "conversation":
			it.conversation = o.ref()
		case "ticket":
			it.ticket = o.ref()
		case "company":
			it.company = o.ref()
		case "contact":
			it.contact = o.ref()
		case "user":
			it.user = o.ref()
		case "ticket_part":
			it.part = o.ref()
		case "conversation_parts":
			it.parts = o.partList()
		case "ticket_parts":
			it.ticketParts = o.partList()
		default:
			o.value()
		}
	})
}

// ref reads the id of an object. In conversation.contact.attached the conversation's id is
// one level deeper, in "model".
func (o *outliner) ref() string {
	if o.next() != '{' {
		o.value()
		return ""
	}
	var own, model string
	o.object(func(name []byte) {
		switch string(name) {
		case "id":
			own = o.identifier()
		case "model":
			model = o.ref()
		default:
			o.value()
		}
	})
	return cmp.Or(own, model)
}

// partList reads {"conversation_parts": [...]} or {"ticket_parts": [...]}.
func (o *outliner) partList() parts {
	if o.next() != '{' {
		o.value()
		return parts{}
	}
	var conversation, ticket parts
	o.object(func(name []byte) {
		switch string(name) {
		case "conversation_parts":
			conversation = o.refs()
		case "ticket_parts":
			ticket = o.refs()
		default:
			o.value()
		}
	})
	if ticket.any {
		return ticket
	}
	return conversation
}

func (o *outliner) refs() (list parts) {
	if o.next() != '[' {
		o.value()
		return list
	}
	o.array(func() { list = parts{any: true, newest: o.ref()} })
	return list
}

// subject names what the item is about. The type names it when there is one; items without
// a type (company.contact.attached and its like) are told by the topic's first word.
func (it *item) subject(topic string) string {
	kind := it.kind
	if kind == "" {
		kind, _, _ = strings.Cut(topic, ".")
	}
	if strings.HasPrefix(kind, "content_stat.") && it.contact != "" {
		return "contact/" + it.contact // what was sent to whom has no id of its own
	}
	switch kind {
	case "conversation", "conversation_part":
		return "conversation/" + cmp.Or(it.id, it.conversationID, it.conversation)
	case "ticket", "ticket_ticket_part":
		// ticket.closed of newer versions nests the ticket; older ones are the ticket.
		return "ticket/" + cmp.Or(it.ticket, it.id)
	case "contact", "user", "lead", "visitor", "contact_tag", "user_tag",
		"contact_subscribe", "contact_unsubscribe", "granular_subscribe", "granular_unsubscribe", "granular":
		return "contact/" + cmp.Or(it.id, it.contact, it.user)
	case "company":
		return "company/" + cmp.Or(it.id, it.company)
	case TopicPing:
		return "ping/"
	}
	return kind + "/" + it.id
}

// newestPart is the id of the last part that the notification carries.
func (it *item) newestPart() string {
	list := it.parts
	if !list.any {
		list = it.ticketParts
	}
	return cmp.Or(it.part, list.newest)
}
