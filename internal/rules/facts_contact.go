package rules

import "strings"

// contactFacts is what the payload says of the contact.
type contactFacts struct {
	id string
	// payload holds what the payload has of it, possibly in several places; complete tells
	// that this is the whole contact, so that a missing value is no reason to look it up.
	payload  object
	complete bool
	gone     bool // deleted: nothing is left to look up
}

// contact finds the contact that the event is about: the one named in the payload, the
// author of the customer's part, or the first participant.
func (e *evaluation) contact() contactFacts {
	return e.cache.contact.get(func() contactFacts {
		if o := e.contactObject(); o != nil {
			_, hasDate := o["created_at"]
			_, hasAttributes := o["custom_attributes"]
			return contactFacts{
				id: idText(o["id"]), payload: o, complete: hasDate && hasAttributes,
				gone: o["deleted"] == true,
			}
		}
		if id := idText(e.item["intercom_user_id"]); id != "" { // event.created
			return contactFacts{id: id, payload: object{"email": e.item["email"], "user_id": e.item["user_id"]}}
		}
		if id := idText(e.item["contact_id"]); id != "" { // call.started and its like
			return contactFacts{id: id}
		}
		if id := idText(e.item["user_id"]); id != "" && e.topicWord(0) == "data_connector" {
			return contactFacts{id: id}
		}
		return e.participant()
	})
}

// contactObject is the contact where the payload holds one as an object.
func (e *evaluation) contactObject() object {
	for _, key := range []string{"contact", "user"} {
		if o, ok := e.item[key].(object); ok && e.topicWord(0) != "conversation" && e.topicWord(0) != "conversation_part" {
			return o
		}
	}
	switch e.in.Event.Topic {
	case "conversation.contact.attached", "conversation.contact.detached":
		return objectOf(e.item["contact"])
	}
	switch e.item["type"] {
	case "contact", "user", "lead", "visitor":
		return e.item
	}
	return nil
}

// participant puts together what a conversation or ticket says of its customer. Current
// payloads list participants with their ids only; e-mail and name stand at the messages.
func (e *evaluation) participant() contactFacts {
	holder := e.subjectConversation()
	if holder == nil {
		holder = e.subjectTicket()
	}
	if holder == nil {
		return contactFacts{}
	}
	authors := e.customerAuthors()
	participants := listIn(holder["contacts"], "contacts", "data")
	if len(participants) == 0 {
		participants = listIn(holder["customers"], "customers", "data")
	}
	first := objectOf(holder["user"])
	if first == nil && len(participants) > 0 {
		first = objectOf(participants[0])
		for _, p := range participants { // the one who wrote, when there are several
			if len(authors) > 0 && idText(objectOf(p)["id"]) == idText(authors[0]["id"]) {
				first = objectOf(p)
			}
		}
	}
	if first == nil && len(authors) > 0 {
		first = authors[0]
	}
	if first == nil {
		return contactFacts{}
	}
	c := contactFacts{id: idText(first["id"]), payload: object{}}
	for _, key := range []string{"type", "external_id", "user_id", "name", "email"} {
		if textOf(first[key]) != nil {
			c.payload[key] = first[key]
		}
	}
	for _, a := range authors {
		if idText(a["id"]) != c.id {
			continue
		}
		for _, key := range []string{"name", "email"} {
			if c.payload[key] == nil && textOf(a[key]) != nil {
				c.payload[key] = a[key]
			}
		}
	}
	return c
}

// customerAuthors are the customers among the authors of the parts, newest first, and of
// the first message.
func (e *evaluation) customerAuthors() []object {
	var list []object
	add := func(v any) {
		if o := objectOf(objectOf(v)["author"]); authorOf(o).from() == fromCustomer {
			list = append(list, o)
		}
	}
	parts := e.parts()
	for i := len(parts) - 1; i >= 0; i-- {
		add(parts[i])
	}
	add(e.source())
	return list
}

// contactValue is the contact's value under the first of the keys that has one, from the
// payload if it has it, else looked up.
func (e *evaluation) contactValue(keys ...string) any {
	c := e.contact()
	for _, key := range keys {
		if v := c.payload[key]; v != nil && v != "" {
			return v
		}
	}
	if c.complete {
		return nil
	}
	full := e.fullContact()
	for _, key := range keys {
		if v := full[key]; v != nil && v != "" {
			return v
		}
	}
	return nil
}

// fullContact looks the contact up. One that does not exist has no facts.
func (e *evaluation) fullContact() object {
	c := e.contact()
	if c.id == "" || c.gone {
		return nil
	}
	return objectOf(e.lookup(Question{Kind: AskContact, ID: c.id}))
}

// contactRole is "user" or "lead". Authors of parts do not tell: a lead who replies appears
// as a user there.
func (e *evaluation) contactRole() any {
	c := e.contact()
	switch c.payload["type"] {
	case "user", "lead": // old generation
		return c.payload["type"]
	}
	if anonymous, ok := c.payload["anonymous"].(bool); ok {
		if anonymous {
			return "lead"
		}
		return "user"
	}
	return textOf(e.contactValue("role"))
}

// firstName is the first word of the contact's name. An e-mail address in its place is no
// name to greet somebody with.
func (e *evaluation) firstName() any {
	return firstWord(e.value(slotContactName))
}

func firstWord(v any) any {
	name, _ := v.(string)
	words := strings.Fields(name)
	if len(words) == 0 || strings.Contains(words[0], "@") {
		return nil
	}
	return words[0]
}

// location is where the contact was seen, with the names of the current generation.
func (e *evaluation) location(key, old string) any {
	o := objectOf(e.contactValue("location", "location_data"))
	if v := textOf(o[key]); v != nil {
		return v
	}
	return textOf(o[old])
}

// companyObject is the payload's company, or else the one of the contact's that the ticket
// names, or the first.
func (e *evaluation) companyObject() object {
	return e.cache.company.get(func() object {
		if o := e.payloadCompany(); o != nil {
			return o
		}
		list := e.companyList()
		if id := idText(e.subjectTicket()["company_id"]); id != "" {
			for _, c := range list {
				if idText(objectOf(c)["id"]) == id {
					return objectOf(c)
				}
			}
		}
		if len(list) > 0 {
			return objectOf(list[0])
		}
		return nil
	})
}

// payloadCompany is the company that the payload is about; nil if there is none.
func (e *evaluation) payloadCompany() object {
	if o, ok := e.item["company"].(object); ok {
		return o
	}
	if e.item["type"] == "company" {
		return e.item
	}
	return nil
}

// companyList are the contact's companies, always looked up: payloads hold at most ten, and
// only their ids.
func (e *evaluation) companyList() []any {
	return e.cache.companies.get(func() []any {
		c := e.contact()
		if c.id == "" || c.gone {
			return nil
		}
		return listIn(e.lookup(Question{Kind: AskCompanies, ID: c.id}), "data", "companies")
	})
}

func (e *evaluation) companyFacts() any {
	list := e.companyList()
	out := make([]any, len(list))
	for i, c := range list {
		out[i] = companyFields.facts(objectOf(c))
	}
	return out
}

func planName(v any) any {
	if o, ok := v.(object); ok {
		return textOf(o["name"])
	}
	return textOf(v)
}
