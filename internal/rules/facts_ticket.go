package rules

// ticket is the ticket that the event is about, or that the conversation is linked to.
func (e *evaluation) ticket() object {
	if t := e.subjectTicket(); t != nil {
		return t
	}
	return e.linkedTicket()
}

// subjectTicket is the payload's ticket: nested in topics about a part, else the item itself.
func (e *evaluation) subjectTicket() object {
	return e.cache.ticket.get(func() object {
		if e.topicWord(0) != "ticket" {
			return nil
		}
		if t, ok := e.item["ticket"].(object); ok {
			return t
		}
		return e.item
	})
}

// linkedTicket is the ticket that a conversation became or is linked to. Only its id is
// known; the rest is looked up.
func (e *evaluation) linkedTicket() object {
	return e.cache.linked.get(func() object {
		c := e.subjectConversation()
		if c == nil {
			return nil
		}
		id := idText(objectOf(c["ticket"])["id"])
		if id == "" {
			id = linkedID(e.conversationValue("linked_objects"), "ticket")
		}
		if id == "" {
			return nil
		}
		return object{"id": id}
	})
}

// ticketValue is the first of the keys (names in several forms of payloads) that the
// payload's ticket has. When it has none of them, and is not the whole ticket, the ticket is
// looked up.
func (e *evaluation) ticketValue(keys ...string) any {
	t := e.ticket()
	for _, key := range keys {
		if v, ok := t[key]; ok {
			return v
		}
	}
	_, hasState := t["ticket_state"]
	_, hasAttributes := t["ticket_attributes"]
	id := idText(t["id"])
	if hasState && hasAttributes || id == "" {
		return nil
	}
	full := objectOf(e.lookup(Question{Kind: AskTicket, ID: id}))
	for _, key := range keys {
		if v, ok := full[key]; ok {
			return v
		}
	}
	return nil
}

// ticketState is the category of the ticket's state: an object in current payloads, a text
// in those of older API versions.
func (e *evaluation) ticketState() any {
	switch v := e.ticketValue("ticket_state", "state").(type) {
	case object:
		return textOf(v["category"])
	case string:
		return textOf(v)
	}
	return nil
}

func (e *evaluation) ticketStateLabel() any {
	if o, ok := e.ticketValue("ticket_state").(object); ok {
		return textOf(o["internal_label"])
	}
	return textOf(e.ticketValue("ticket_state_internal_label"))
}

// previousTicketState is what the newest part says the state was before. One conversion
// tells "submitted" twice, so comparing the two shows whether anything changed.
func (e *evaluation) previousTicketState() any {
	parts := e.parts()
	if e.subjectTicket() == nil || len(parts) == 0 {
		return nil
	}
	return textOf(objectOf(parts[len(parts)-1])["previous_ticket_state"])
}

// ticketTypeName is the name of the ticket's type: an object, or only a name in payloads
// about participants.
func (e *evaluation) ticketTypeName() any {
	switch v := e.ticketValue("ticket_type").(type) {
	case object:
		return textOf(v["name"])
	case string:
		return textOf(v)
	}
	return nil
}

// ticketAttributes are the ticket's own attributes. Payloads about participants wrap each
// value in an object with its type.
func (e *evaluation) ticketAttributes() any {
	attributes, ok := e.ticketValue("ticket_attributes", "custom_attributes").(object)
	if !ok {
		return nil
	}
	out := make(object, len(attributes))
	for key, v := range attributes {
		if o, ok := v.(object); ok {
			if inner, ok := o["value"]; ok && o["type"] != nil {
				v = inner
			}
		}
		out[key] = v
	}
	return out
}
