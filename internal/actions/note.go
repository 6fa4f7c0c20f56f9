package actions

import (
	"context"
	"encoding/json"

	"gopkg.in/yaml.v3"

	"switchboard/internal/intercom"
)

// note writes a note that only teammates see:
//
//   - note: "Routed by {{ rule.name }}"
//   - note: { text: ... }
//
// Twice would be seen twice, so after a doubt it is read back.
type note struct{}

// Name is "note".
func (note) Name() string { return "note" }

// Parse reads the text.
func (note) Parse(n *yaml.Node, d Decoder) Spec { return parseMessage("note", n, d) }

// Do adds the note.
func (note) Do(ctx context.Context, env *Env, c Call) (Result, error) {
	return doMessage(ctx, env, c, true)
}

// Repeatable is false.
func (note) Repeatable(json.RawMessage) bool { return false }

// ReadBack looks for the note.
func (note) ReadBack(ctx context.Context, env *Env, c Call) (Finding, Result, error) {
	return readBack(ctx, env, "note", c, true)
}

// Priority is that of any action.
func (note) Priority(json.RawMessage) intercom.Priority { return intercom.PriorityAction }

func (note) describe(params json.RawMessage) string { return describeBody("note", params) }
