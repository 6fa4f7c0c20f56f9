package actions

import "encoding/json"

// Intent is what an assignment or a tag is to bring about, so that it can be held against what people did.
type Intent struct {
	// Team, Admin or Nobody is whom the conversation is assigned to, in the words of the rules file. With a
	// team, a teammate of it may be picked.
	Team, Admin string
	Nobody      bool
	// Tags are put on what the event is about, or on the contact with this id.
	Tags    []string
	Contact string
}

// IntentOf reads the parameters of a planned action; ok is false for kinds that bring about something else.
func IntentOf(kind string, params json.RawMessage) (i Intent, ok bool) {
	switch kind {
	case "assign":
		var p assignParams
		if decodeParams(kind, params, &p) != nil {
			return i, false
		}
		return Intent{Team: p.Team, Admin: p.Admin, Nobody: p.Nobody}, true
	case "tag":
		var p tagParams
		if decodeParams(kind, params, &p) != nil {
			return i, false
		}
		return Intent{Tags: p.Tags, Contact: p.Contact}, true
	}
	return i, false
}
