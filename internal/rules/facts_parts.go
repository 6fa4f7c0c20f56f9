package rules

import (
	"slices"

	"github.com/expr-lang/expr/types"
)

// partType is one entry of conversation.parts, conversation.messages and ticket.parts, with
// the names of message.
var partType = types.Map{
	"id": types.String, "part_type": types.String, "text": types.String, "html": types.String, "excerpt": types.String,
	"from": types.String, "created_at": timeType,
	"author": types.Map{"type": types.String, "id": types.String, "name": types.String, "email": types.String},
}

// partFacts are all parts of the conversation, oldest first. A payload holds only those that
// caused the event, so the conversation is looked up.
func (e *evaluation) partFacts() any {
	full := e.fullConversation()
	if full == nil {
		return nil
	}
	return e.factsOf(listIn(full["conversation_parts"], "conversation_parts"), []any{})
}

// messageFacts are the messages of the conversation that the customer can see, oldest first,
// beginning with the first.
func (e *evaluation) messageFacts() any {
	full := e.fullConversation()
	if full == nil {
		return nil
	}
	out := []any{}
	if first := e.firstMessage(objectOf(full["source"]), full); first.html != "" {
		out = append(out, first.facts(objectOf(full["source"])["id"]))
	}
	seen := slices.DeleteFunc(slices.Clone(listIn(full["conversation_parts"], "conversation_parts")),
		func(part any) bool { return !visible(objectOf(part)) })
	return e.factsOf(seen, out)
}

// ticketPartFacts are all parts of the ticket, oldest first; its payloads hold them all.
func (e *evaluation) ticketPartFacts() any {
	if e.ticket() == nil {
		return nil
	}
	return e.factsOf(listIn(e.ticketValue("ticket_parts"), "ticket_parts"), []any{})
}

// factsOf appends parts to out.
func (e *evaluation) factsOf(parts, out []any) any {
	for _, v := range parts {
		part := objectOf(v)
		if part == nil {
			continue
		}
		m := messageOf(part)
		m.author = e.complete(m.author)
		out = append(out, m.facts(part["id"]))
	}
	return out
}

// facts is a message with the names of partType.
func (m message) facts(id any) object {
	text := cut(htmlText(m.html))
	return object{
		"id": idOf(id), "part_type": m.partType, "text": textOf(text), "html": textOf(m.html), "excerpt": textOf(excerpt(text)),
		"from": textOf(m.author.from()), "created_at": m.createdAt,
		"author": object{"type": textOf(m.author.kind), "id": m.author.id, "name": m.author.name, "email": m.author.email},
	}
}
