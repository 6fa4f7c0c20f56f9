package rules

import (
	"errors"
	"regexp"
	"strings"

	"switchboard/internal/event"
)

// cachedFacts are the parts of the payload that several facts come from, found once.
type cachedFacts struct {
	conversation once[object] // that the event is about
	related      once[object] // conversation that it has to do with
	contact      once[contactFacts]
	company      once[object]
	companies    once[[]any]
	ticket       once[object] // that the event is about
	linked       once[object] // ticket that it has to do with
	message      once[message]
	actor        once[author]
	tags         once[map[string]struct{}]
	domains      map[string]any
	since        map[sinceKey]any
	patterns     map[string]*regexp.Regexp
}

// once is a value computed when first asked for.
type once[T any] struct {
	done  bool
	value T
}

func (o *once[T]) get(compute func() T) T {
	if !o.done {
		o.value = compute()
		o.done = true
	}
	return o.value
}

// decodeItem reads data.item of a notification.
func decodeItem(payload []byte) (object, error) {
	v, err := decodeJSON(string(payload))
	if err != nil {
		return nil, errors.New("the payload cannot be read")
	}
	item, ok := objectOf(objectOf(v)["data"])["item"].(object)
	if !ok {
		return nil, errors.New("the payload has no data.item")
	}
	return item, nil
}

// topicWord is a word of the event's topic, such as "user" in conversation.user.created.
func (e *evaluation) topicWord(i int) string {
	if i < len(e.topic) {
		return e.topic[i]
	}
	return ""
}

// Who acts, in the words of a rule's `from`.
const (
	fromCustomer = "customer"
	fromTeammate = "teammate"
	fromBot      = "bot"
	// fromUnknown: the payload does not tell, or nobody in particular did it.
	fromUnknown = ""
)

// author is who wrote a part or caused an event, as far as the payload says.
type author struct {
	kind            string // Intercom's type: user, lead, contact, visitor, admin, team or bot
	id, name, email any
}

func authorOf(v any) author {
	o := objectOf(v)
	kind, _ := o["type"].(string)
	return author{kind: kind, id: idOf(o["id"]), name: textOf(o["name"]), email: textOf(o["email"])}
}

// from translates Intercom's type. A lead appears as user when replying, so customers are
// not told apart.
func (a author) from() string {
	switch a.kind {
	case "user", "lead", "contact", "visitor":
		return fromCustomer
	case "admin", "team", "nobody_admin":
		return fromTeammate
	case "bot", "operator":
		return fromBot
	}
	return fromUnknown
}

// parts are the conversation or ticket parts that caused the event, oldest first. A
// notification carries no history, except that tickets carry all their parts.
func (e *evaluation) parts() []any {
	if part, ok := e.item["ticket_part"].(object); ok {
		return []any{part}
	}
	if list := listIn(e.item["conversation_parts"], "conversation_parts"); list != nil {
		return list
	}
	return listIn(e.subjectTicket()["ticket_parts"], "ticket_parts")
}

// actor is who caused the event.
func (e *evaluation) actor() author {
	return e.cache.actor.get(func() author {
		topic := e.in.Event.Topic
		if event.OwnTopic(topic) {
			return author{} // a time came: nobody acted
		}
		switch topic {
		case "conversation_part.tag.created", "conversation_part.redacted",
			"conversation.deleted", "conversation.company.updated":
			// The part is only what something happened to; who did it is not said.
			return author{}
		case "conversation.read", "conversation.rating.added", "ticket.rating.provided":
			return e.customer()
		case "conversation.contact.attached", "conversation.contact.detached":
			return e.attacher()
		case "ticket.contact.attached", "ticket.contact.detached":
			return author{} // no part comes along
		case "event.created":
			return e.customer() // an event is what a contact did in your product
		}
		switch e.topicWord(0) {
		case "admin":
			return e.actingAdmin()
		case "conversation", "ticket":
			return e.partActor()
		}
		switch e.topic[len(e.topic)-1] {
		case "signed_up", "subscribed", "unsubscribed", "subscribe", "unsubscribe":
			return e.customer()
		}
		if admin, ok := e.item["admin"].(object); ok { // tags of the old generation
			return authorOf(admin)
		}
		return author{}
	})
}

// partActor is the author of the newest part that fits the topic: what the topic says a
// customer did was not done by a bot whose part came along.
func (e *evaluation) partActor() author {
	byCustomer := e.topicWord(1) == "user" || e.topicWord(1) == "contact"
	created := strings.HasSuffix(e.in.Event.Topic, ".created") && e.topicWord(1) != "note"
	parts := e.parts()
	for i := len(parts) - 1; i >= 0; i-- {
		a := authorOf(objectOf(parts[i])["author"])
		switch {
		case byCustomer && a.from() != fromCustomer, created && a.from() == fromBot:
			continue
		case a.from() != fromUnknown:
			return e.complete(a)
		}
	}
	if source := authorOf(objectOf(e.source())["author"]); source.from() != fromUnknown && created {
		return e.complete(source)
	}
	if byCustomer {
		return e.customer()
	}
	return author{}
}

// customer is the contact that the event is about, as an author.
func (e *evaluation) customer() author {
	c := e.contact()
	if c.id == "" {
		return author{}
	}
	a := author{kind: "user", id: c.id, name: textOf(c.payload["name"]), email: textOf(c.payload["email"])}
	if kind, _ := c.payload["type"].(string); kind == "lead" || c.payload["role"] == "lead" {
		a.kind = "lead"
	}
	return a
}

// complete adds the name and e-mail that the payload has elsewhere.
func (e *evaluation) complete(a author) author {
	if a.name != nil && a.email != nil || a.id == nil {
		return a
	}
	var other author
	switch a.from() {
	case fromCustomer:
		other = e.customer()
	case fromTeammate:
		other = authorOf(e.item["assignee"])
	}
	if other.id != a.id {
		return a
	}
	if a.name == nil {
		a.name = other.name
	}
	if a.email == nil {
		a.email = other.email
	}
	return a
}

// attacher is who added or removed a participant. It stands in a JSON text inside a part.
func (e *evaluation) attacher() author {
	list := listIn(objectOf(e.item["conversation"])["parts"])
	if len(list) == 0 {
		return author{}
	}
	text, _ := objectOf(list[0])["data"].(string)
	v, err := decodeJSON(text)
	if err != nil {
		return author{}
	}
	data := objectOf(v)
	for _, key := range []string{"added_by", "removed_by"} {
		if a := authorOf(data[key]); a.from() != fromUnknown {
			return a
		}
	}
	return author{}
}

// actingAdmin is the teammate in admin.* topics: the item itself, or who performed what the
// activity log tells.
func (e *evaluation) actingAdmin() author {
	o := e.item
	if by, ok := o["performed_by"].(object); ok {
		o = by
	}
	a := authorOf(o)
	a.kind = "admin"
	return a
}
