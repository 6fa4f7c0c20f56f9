package actions

import "encoding/json"

// kinds are all kinds, in the order of their names. Each is in a file of its own.
var kinds = []Kind{
	assign{},
	closing{},
	company{},
	contact{},
	count{},
	track{},
	post{},
	outbound{},
	note{},
	open{},
	reply{},
	set{},
	snooze{},
	tag{},
	ticket{},
	untag{},
}

// Lookup finds a kind by its name.
func Lookup(name string) (Kind, bool) {
	for _, k := range kinds {
		if k.Name() == name {
			return k, true
		}
	}
	return nil, false
}

// Names are the names of all kinds, in order.
func Names() []string {
	names := make([]string, len(kinds))
	for i, k := range kinds {
		names[i] = k.Name()
	}
	return names
}

// AttemptLimit is how often a kind may be tried that has a limit of its own; 0 when it has none.
func AttemptLimit(kind string) int {
	if k, ok := Lookup(kind); ok {
		if limited, ok := k.(interface{ attemptLimit() int }); ok {
			return limited.attemptLimit()
		}
	}
	return 0
}

// Describe is a planned action in a few words for logs, without customer text, such as
// "assign team Finance" or "reply (82 characters)".
func Describe(kind string, params json.RawMessage) string {
	k, ok := Lookup(kind)
	if !ok {
		return kind
	}
	return k.(describer).describe(params)
}

// describer is what every kind of this package can do besides.
type describer interface {
	describe(params json.RawMessage) string
}
