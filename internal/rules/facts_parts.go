package rules

import "github.com/expr-lang/expr/types"

// partType is one entry of conversation.parts and conversation.messages, with the names of
// message.
var partType = types.Map{
	"id": types.String, "part_type": types.String, "text": types.String, "html": types.String, "excerpt": types.String,
	"from": types.String, "created_at": timeType,
	"author": types.Map{"type": types.String, "id": types.String, "name": types.String, "email": types.String},
}

// partFacts are all parts of the conversation, oldest first. A payload holds only those that
// caused the event, so the conversation is looked up.
func (e *evaluation) partFacts() any {
	return e.factsOf(false)
}

// messageFacts are the messages of the conversation that the customer can see, oldest first,
// beginning with the first.
func (e *evaluation) messageFacts() any {
	return e.factsOf(true)
}

func (e *evaluation) factsOf(messages bool) any {
	full := e.fullConversation()
	if full == nil {
		return nil
	}
	out := []any{}
	if first := e.firstMessage(objectOf(full["source"]), full); messages && first.html != "" {
		out = append(out, first.facts(objectOf(full["source"])["id"]))
	}
	for _, v := range listIn(full["conversation_parts"], "conversation_parts") {
		part := objectOf(v)
		if part == nil || messages && !visible(part) {
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
