package actions

import (
	"context"
	"encoding/json"

	"gopkg.in/yaml.v3"

	"switchboard/internal/intercom"
)

// reply writes to the customer:
//
//   - reply: "Hi {{ contact.first_name }}, we are on it."
//   - reply: { text: ... }
//
// Twice would be seen twice, so after a doubt it is read back.
type reply struct{}

// Name is "reply".
func (reply) Name() string { return "reply" }

// Parse reads the text.
func (reply) Parse(n *yaml.Node, d Decoder) Spec { return parseMessage("reply", n, d) }

// Do sends the reply.
func (reply) Do(ctx context.Context, env *Env, c Call) (Result, error) {
	return doMessage(ctx, env, c, false)
}

// Repeatable is false.
func (reply) Repeatable(json.RawMessage) bool { return false }

// ReadBack looks for the reply.
func (reply) ReadBack(ctx context.Context, env *Env, c Call) (Finding, Result, error) {
	return readBack(ctx, env, "reply", c, false)
}

// Priority is the highest: a customer is waiting.
func (reply) Priority(json.RawMessage) intercom.Priority { return intercom.PriorityReply }

func (reply) describe(params json.RawMessage) string { return describeBody("reply", params) }

func describeBody(kind string, params json.RawMessage) string {
	var p messageParams
	if decodeParams(kind, params, &p) != nil {
		return kind
	}
	return describeMessage(kind, p.Body)
}
