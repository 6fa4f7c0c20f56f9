package rules

import (
	"switchboard/internal/actions"
	"switchboard/internal/event"
)

// jsonObject is a part of a JSON Schema.
type jsonObject = map[string]any

// JSONSchema describes rules files to editors, in draft 7, which the YAML language server knows
// best. It is as strict as the loader about keys and words; expressions and the parameters of
// actions are left to check.
func JSONSchema() any {
	return jsonObject{
		"$schema":     "http://json-schema.org/draft-07/schema#",
		"title":       "Rules of Switchboard",
		"definitions": JSONDefinitions(),
		"type":        "object",
		"required":    []string{"version"},
		"properties": jsonObject{
			"version":  jsonObject{"const": 1, "description": "The version of the format."},
			"settings": jsonSettings(),
			"lists": jsonObject{
				"type": []string{"object", "null"}, "description": "Named lists of texts and numbers, for `in lists.NAME`.",
				"propertyNames": jsonObject{"pattern": listName.String()},
				"additionalProperties": jsonObject{
					"type": "array", "items": jsonObject{"type": []string{"string", "number"}},
				},
			},
			"rules": jsonObject{"type": []string{"array", "null"}, "items": jsonRule(), "description": "The rules, in the order in which they are evaluated."},
		},
		"additionalProperties": false,
	}
}

func jsonRef(name, description string) jsonObject {
	return jsonObject{"allOf": []any{jsonObject{"$ref": "#/definitions/" + name}}, "description": description}
}

func jsonChoice(description string, words ...string) jsonObject {
	return jsonObject{"enum": words, "description": description}
}

// jsonStrict is an object with these keys and no other.
func jsonStrict(required []string, properties jsonObject) jsonObject {
	return jsonObject{"type": "object", "required": required, "properties": properties, "additionalProperties": false}
}

func jsonEither(description string, forms ...any) jsonObject {
	return jsonObject{"anyOf": forms, "description": description}
}

// oneOrMore is a value or a list of them.
func oneOrMore(item jsonObject) jsonObject {
	return jsonObject{"anyOf": []any{item, jsonObject{"type": "array", "items": item}}}
}

// JSONDefinitions are the parts of the schema that files of tests have in common with those of rules.
func JSONDefinitions() map[string]any {
	kinds, bare := actions.JSONSchema()
	for name, kind := range kinds {
		o := kind.(jsonObject)
		o["description"] = o["description"].(string) + " See docs/actions.md#" + name + "."
	}
	return jsonObject{
		"duration": jsonObject{"type": "string", "pattern": "^([0-9]{1,9}[smhdw])+$", "examples": []string{"30m", "2h", "1d12h"}},
		"calendar": jsonObject{"type": "string", "minLength": 1},
		"topics": oneOrMore(jsonObject{"anyOf": []any{
			jsonObject{"enum": event.Topics()},
			jsonObject{"type": "string", "pattern": topicText.String()},
		}}),
		"condition": oneOrMore(jsonObject{"type": []string{"string", "boolean", "number"}}),
		"action": jsonObject{"anyOf": []any{
			jsonObject{"enum": bare},
			jsonObject{"type": "object", "minProperties": 1, "maxProperties": 1, "properties": kinds, "additionalProperties": false},
		}},
	}
}

func jsonSettings() jsonObject {
	text := jsonObject{"type": "string"}
	calendar := jsonStrict([]string{"timezone", "open"}, jsonObject{
		"timezone": jsonObject{"type": "string", "examples": []string{"Europe/Dublin"}},
		"open":     jsonObject{"type": "object", "additionalProperties": oneOrMore(text), "examples": []any{jsonObject{"mon-fri": "09:00-17:00"}}},
		"closed":   oneOrMore(text),
		"holidays": text,
	})
	counter := jsonStrict([]string{}, jsonObject{"help": text, "labels": oneOrMore(text)})
	counter["type"] = []string{"object", "null"}
	settings := jsonStrict([]string{}, jsonObject{
		"admin":     jsonObject{"type": []string{"string", "number"}, "description": "The teammate whom actions act as: e-mail, name or id."},
		"breaker":   jsonObject{"type": "integer", "minimum": 1, "maximum": mostRuns, "default": defaultBreaker, "description": "How many actions a subject may have in an hour."},
		"calendars": jsonObject{"type": []string{"object", "null"}, "additionalProperties": calendar, "description": "Named opening hours."},
		"counters":  jsonObject{"type": []string{"object", "null"}, "additionalProperties": counter, "description": "Counters for the action count."},
	})
	settings["type"] = []string{"object", "null"}
	return settings
}

func jsonRule() jsonObject {
	per := jsonChoice("For what each.", perConversation, perContact)
	duration := jsonRef("duration", "Such as 30m, 2h or 1d.")
	flag := func(description string) jsonObject {
		return jsonObject{"type": "boolean", "description": description}
	}
	rule := jsonStrict([]string{"name", "then"}, jsonObject{
		"name": jsonObject{"type": []string{"string", "number"}, "description": "Names the rule in logs, metrics and decisions."},
		"when": jsonRef("topics", "The topics that the rule listens to; * stands for a word."),
		"every": jsonEither("The rule is called by the clock.", jsonObject{"type": "string"},
			jsonStrict([]string{"cron"}, jsonObject{"cron": jsonObject{"type": "string"}, "timezone": jsonObject{"type": "string"}})),
		"search": jsonObject{"type": "object", "description": "What a rule with `every` runs on."},
		"if":     jsonRef("condition", "All of them must hold."),
		"any":    jsonRef("condition", "At least one must hold."),
		"none":   jsonRef("condition", "None may hold."),
		"then":   jsonObject{"type": "array", "minItems": 1, "items": jsonObject{"$ref": "#/definitions/action"}, "description": "What to do, in this order."},
		"from":   jsonChoice("Who must have caused the event.", fromCustomer, fromTeammate, fromBot, fromHuman, fromAny),
		"during": jsonRef("calendar", "The rule applies only while this calendar is open."), "outside": jsonRef("calendar", "The rule applies only while this calendar is closed."),
		"once":      jsonChoice("Run at most once for each.", perConversation, perContact),
		"cooldown":  jsonEither("How long the rule rests after it ran.", duration, jsonStrict([]string{"for"}, jsonObject{"for": duration, "per": per})),
		"limit":     jsonStrict([]string{"runs", "per"}, jsonObject{"runs": jsonObject{"type": "integer", "minimum": 1, "maximum": mostRuns}, "per": duration}),
		"after":     jsonRef("duration", "Wait that long, then ask the conditions."),
		"hours":     jsonRef("calendar", "The clock of `after` runs only while it is open."),
		"cancel_on": jsonRef("topics", "What ends the waiting."),
		"restart":   flag("Whether the trigger begins the waiting anew when it comes again."),
		"if_late":   jsonEither("What becomes of a rule that comes due late.", jsonObject{"enum": []string{"run", "skip"}}, jsonStrict([]string{"skip"}, jsonObject{"skip": duration})),
		"stop":      flag("When the rule ran, those behind it are not evaluated on this event."),
		"state":     jsonChoice("`shadow` decides and does nothing; `off` is not evaluated.", stateLive, stateShadow, stateOff),
		"because":   jsonObject{"type": []string{"string", "number"}, "description": "Why the rule is off or in shadow."},
	})
	rule["anyOf"] = []any{jsonObject{"required": []string{"when"}}, jsonObject{"required": []string{"every"}}}
	return rule
}
