package ruletest

import (
	"slices"
	"strings"

	"switchboard/internal/actions"
	"switchboard/internal/event"
	"switchboard/internal/rules"
)

// JSONSchema describes files of tests to editors, in draft 7. It is as strict as Load about keys; names of
// rules and the parameters of actions are left to the run.
func JSONSchema() any {
	definitions := rules.JSONDefinitions()
	anyText := object{"type": []string{"string", "number"}}
	for _, root := range []string{"contact", "conversation", "ticket", "company"} {
		definitions[root] = factsBelow(root + ".")
	}
	definitions["moment"] = object{"type": "string", "examples": []string{"10:15", "2026-03-02 09:00"}}
	definitions["given"] = strict(nil, merge(object{
		"at":       ref("moment", "When the test begins."),
		"timezone": object{"type": "string", "examples": []string{"Europe/Dublin"}, "description": "In which zone times are written."},
		"teammate": strict(nil, object{"id": anyText, "name": anyText, "email": anyText}),
		"teams":    object{"type": "object", "additionalProperties": anyText, "description": "Ids of teams by their names."},
		"admins":   object{"type": "object", "additionalProperties": anyText, "description": "Ids of teammates by their names or addresses."},
		"found": strict(nil, object{
			"articles": listOf(object{"type": "object"}), "contacts": listOf(facts("contact")), "conversations": listOf(facts("conversation")),
		}),
	}, said()))
	definitions["event"] = strict(nil, merge(object{
		"at":       ref("moment", "When it happens."),
		"after":    ref("duration", "How long after the event before it happens."),
		"times":    object{"type": "integer", "minimum": 1, "maximum": mostTimes, "description": "How often, each time in a conversation of its own."},
		"every":    ref("duration", "How long there is between those."),
		"in":       described(anyText, "In which conversation, by a name of your choice."),
		"customer": either("What the customer writes or does.", anyText, strict([]string{"rates"}, object{"rates": object{"type": "integer", "minimum": 1, "maximum": 5}, "remark": anyText})),
		"teammate": either("What a teammate replies or does.", anyText, object{"$ref": "#/definitions/action"}),
		"bot":      described(anyText, "What the bot writes."),
		"topic":    object{"enum": event.Topics(), "description": "A notification of any topic about what is given."},
		"item":     object{"type": "object", "description": "Adds to data.item of that notification."},
		"payload":  described(anyText, "A file with a whole notification."),
		"record":   described(anyText, "A file that switchboard explain --save-as-test has written."),
		"schedule": described(anyText, "The rule whose schedule comes and finds what the test is about."),
		"time":     object{"const": "passes", "description": "Nothing but the time."},
	}, said()))
	list := object{"type": "array", "items": object{"$ref": "#/definitions/expected_action"}}
	definitions["expected_action"] = object{"anyOf": []any{object{"enum": actions.Names()}, object{"$ref": "#/definitions/action"}}}
	definitions["expected"] = strict([]string{"rule"}, object{
		"rule":    described(anyText, "The name of the rule."),
		"at":      ref("moment", "When."),
		"after":   ref("duration", "How long after the beginning of the test."),
		"times":   object{"type": "integer", "minimum": 1, "maximum": mostTimes, "description": "How often."},
		"then":    described(list, "What it does, in this order. Texts are written as they come out."),
		"would":   described(list, "What a rule in shadow would do."),
		"held_by": object{"enum": rules.Holders(), "description": "What holds it back."},
		"fails":   described(anyText, "A part of why it fails."),
	})
	return object{
		"$schema": "http://json-schema.org/draft-07/schema#", "title": "Tests of rules of Switchboard", "definitions": definitions,
		"type": "object", "required": []string{"version", "tests"}, "additionalProperties": false,
		"properties": object{
			"version": object{"const": 1, "description": "The version of the format."},
			"rules":   either("The rules that are tested, by paths from this file; those of the same name if it says none.", anyText, listOf(anyText)),
			"given":   ref("given", "What holds when a test begins, for all tests."),
			"tests": listOf(strict([]string{"name", "events", "expect"}, object{
				"name":   described(anyText, "What is tested, in a sentence."),
				"given":  ref("given", "What holds when the test begins."),
				"events": described(listOf(object{"$ref": "#/definitions/event"}), "What happens, in this order."),
				"expect": either("What rules do. Whatever is not expected makes the test fail.", object{"const": "nothing"}, listOf(object{"$ref": "#/definitions/expected"})),
				"until":  object{"type": "string", "description": "How long the clock runs after the last event, or until when."},
			})),
		},
	}
}

// said are the objects of which something can be given or changed.
func said() object {
	return object{
		"contact": facts("contact"), "conversation": facts("conversation"), "ticket": facts("ticket"), "companies": listOf(facts("company")),
	}
}

// facts are the facts of an object that can be given.
func facts(root string) object { return object{"$ref": "#/definitions/" + root} }

func factsBelow(prefix string) object {
	properties := object{}
	for _, f := range rules.Facts() {
		rest, ok := strings.CutPrefix(f.Path, prefix)
		if !ok || slices.Contains(derived, f.Path) {
			continue
		}
		if name, _, inner := strings.Cut(rest, "."); inner {
			properties[name] = factsBelow(prefix + name + ".")
			continue
		}
		properties[rest] = described(object{"type": append(jsonTypes[f.Type], "null")}, f.Meaning)
	}
	return strict(nil, properties)
}

// jsonTypes are the types of facts as they are written in a file of tests.
var jsonTypes = map[string][]string{
	"text": {"string", "number"}, "time": {"string", "number"}, "true or false": {"boolean"}, "number": {"number"},
	"list of texts": {"string", "array"}, "object": {"object"}, "list": {"array"},
}

func ref(name, description string) object {
	return object{"allOf": []any{object{"$ref": "#/definitions/" + name}}, "description": description}
}

func strict(required []string, properties object) object {
	o := object{"type": "object", "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		o["required"] = required
	}
	return o
}

func listOf(item object) object { return object{"type": "array", "items": item} }

func either(description string, forms ...any) object {
	return object{"anyOf": forms, "description": description}
}

func described(o object, description string) object {
	o = cloneObject(o)
	o["description"] = description
	return o
}
