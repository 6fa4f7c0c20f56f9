package actions

import (
	"slices"

	"switchboard/internal/routing"
)

// schema is a part of a JSON Schema.
type schema = map[string]any

func aText(description string) schema {
	return schema{"type": []string{"string", "number"}, "description": description}
}

func aValue(description string) schema {
	return schema{"type": []string{"string", "number", "boolean", "null"}, "description": description}
}

func values(description string) schema {
	return schema{"type": "object", "additionalProperties": aValue("Its value; texts may hold {{ expressions }}."), "description": description}
}

func word(description string, words ...string) schema {
	return schema{"enum": words, "description": description}
}

// keys is an object with these keys and no other.
func keys(description string, required []string, properties schema) schema {
	s := schema{"type": "object", "properties": properties, "additionalProperties": false, "description": description}
	if len(required) > 0 {
		s["required"] = required
	}
	return s
}

func oneForm(description string, forms ...schema) schema {
	list := make([]any, len(forms))
	for i, f := range forms {
		list[i] = f
	}
	return schema{"anyOf": list, "description": description}
}

// doing is an object with exactly one of these keys.
func doing(description string, properties schema) schema {
	s := keys(description, nil, properties)
	s["minProperties"], s["maxProperties"] = 1, 1
	return s
}

// JSONSchema describes the parameters of each kind to editors, by its name. Bare are the kinds that can
// stand without.
func JSONSchema() (kinds map[string]any, bare []string) {
	duration := schema{"$ref": "#/definitions/duration"}
	message := func(what string) schema {
		return oneForm(what, aText("HTML or plain; may hold {{ expressions }}."), keys("", []string{"text"}, schema{"text": aText("HTML or plain.")}))
	}
	tags := func(what string) schema {
		names := oneForm("The names of tags.", aText("The name of a tag."), schema{"type": "array", "minItems": 1, "items": aText("The name of a tag.")})
		return oneForm(what, names, keys("", []string{"name"}, schema{"name": names, "on": word("The contact in place of the conversation.", "contact")}))
	}
	contactKeys := schema{"attributes": values("Your own attributes.")}
	for _, name := range contactFields {
		contactKeys[name] = aValue("The contact's " + name + ".")
	}
	contactKeys["role"] = schema{"type": []string{"string", "null"}, "description": "user or lead."}
	companyKeys := schema{"company_id": aText("Your own id of the company."), "attributes": values("Your own attributes.")}
	for _, name := range slices.Concat(companyTexts, companyNumbers) {
		companyKeys[name] = aValue("The company's " + name + ".")
	}
	ticketKeys := func(more schema) schema {
		properties := schema{
			"type": aText("The name of the ticket type."), "title": aValue("The title."), "description": aValue("The description."),
			"attributes": values("Attributes of the type."),
		}
		for key, s := range more {
			properties[key] = s
		}
		return keys("", []string{"type"}, properties)
	}
	return map[string]any{
		"assign": oneForm("Gives the conversation to somebody.", word("Takes the assignee away.", "nobody"), keys("", nil, schema{
			"team": aText("A team."), "admin": aText("A teammate: e-mail address, name or id."),
			"pick":      word("How a teammate of the team is picked.", string(routing.RoundRobin), string(routing.LeastBusy)),
			"skip":      schema{"type": []string{"string", "array"}, "description": "[away], or [] to pick teammates who are away as well."},
			"capacity":  schema{"type": "integer", "minimum": 1, "maximum": mostCapacity, "description": "How many open conversations are enough for one teammate."},
			"otherwise": word("When nobody can be picked.", "team", "wait"),
			"prefer":    word("Who had the customer's last conversation goes first.", "last_assignee"),
		})),
		"close": oneForm("Closes the conversation.", schema{"type": "null"}, keys("", nil, schema{"reply": aText("What the customer reads.")})),
		"company": doing("Saves a company, or puts the contact into one.", schema{
			"save":   keys("Makes or changes a company.", []string{"company_id"}, companyKeys),
			"attach": aText("Puts the contact into the company with this id of yours."), "detach": aText("Takes the contact out of it."),
		}),
		"contact": oneForm("Changes, makes or archives a contact.", word("Archives it.", "archive"), doing("", schema{
			"update": keys("Changes the contact.", nil, contactKeys), "create": keys("Makes a contact.", nil, contactKeys),
			"note":    aText("Writes a note on the contact, for teammates."),
			"archive": schema{"enum": []any{nil, true}, "description": "Archives it."},
		})),
		"count": oneForm("Adds to a counter of settings.counters.", aText("The counter."), keys("", []string{"counter"}, schema{
			"counter": aText("The counter."), "labels": values("Its labels."), "by": schema{"type": "number", "exclusiveMinimum": 0, "description": "1 if left out."},
		})),
		"event": oneForm("Records an event of the contact.", aText("Its name."), keys("", []string{"name"}, schema{
			"name": aText("Its name."), "metadata": values("At most 10 values."),
		})),
		"http": oneForm("Calls a webhook of your own, signed.", aText("Its URL."), keys("", []string{"url"}, schema{
			"url":  schema{"type": "string", "pattern": "^https?://", "description": "Without expressions."},
			"body": schema{"type": "object", "description": "Any values; sent as data."}, "headers": schema{"type": "object", "additionalProperties": aText("Its value."), "description": "Headers of your own."},
		})),
		"message": oneForm("Writes to the contact outside the conversation.", aText("HTML or plain."), keys("", []string{"text"}, schema{
			"text": aText("HTML or plain."), "by": word("messenger if left out.", "messenger", "email"), "subject": aText("Of an e-mail."),
			"template": word("Of an e-mail.", "plain", "personal"),
		})),
		"note":  message("Writes a note for teammates."),
		"open":  schema{"type": "null", "description": "Opens the conversation."},
		"reply": message("Writes to the customer."),
		"set": doing("Sets attributes.", schema{
			"title": aText("The conversation's title."), "attributes": values("Of the conversation."), "contact": values("Of the contact."), "ticket": values("Of the ticket."),
		}),
		"snooze": oneForm("Puts the conversation aside.", duration, keys("", []string{"for"}, schema{"for": duration})),
		"tag":    tags("Puts tags on."), "untag": tags("Takes tags off."),
		"ticket": doing("Makes or changes a ticket.", schema{
			"convert": ticketKeys(nil), "create": ticketKeys(schema{"link": schema{"type": "boolean", "description": "Links it to the conversation."}}),
			"reply": aText("Writes to the customer in the ticket."), "note": aText("Writes a note on the ticket."), "state": aText("The state: a category or a label."),
		}),
	}, []string{"close", "open"}
}
