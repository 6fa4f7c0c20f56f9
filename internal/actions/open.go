package actions

import (
	"context"
	"encoding/json"

	"gopkg.in/yaml.v3"
)

// open opens a closed or snoozed conversation:
//
//   - open
type open struct{ repeatable }

type openSpec struct{ onConversations }

// Name is "open".
func (open) Name() string { return "open" }

// Parse takes no parameters.
func (open) Parse(n *yaml.Node, d Decoder) Spec {
	if !isNull(n) {
		d.Problem(n, CodeParameter, "write just `open`", "open takes no parameters")
		return nil
	}
	return openSpec{}
}

// Plan checks the subject.
func (openSpec) Plan(p Plan) (json.RawMessage, error) {
	if _, err := conversationID("open", p.Event.Subject); err != nil {
		return nil, err
	}
	return encodeParams(struct{}{})
}

// Summary is "open".
func (openSpec) Summary() string { return "open" }

// Do opens the conversation.
func (open) Do(ctx context.Context, env *Env, c Call) (Result, error) {
	t, err := resolve(ctx, env, "open", c)
	if err != nil {
		return Result{}, err
	}
	conv, err := env.Client.Open(ctx, t.conversation, t.admin)
	if err != nil {
		return Result{}, err
	}
	return Result{Parts: t.made(env, conv, c, isType("open", "unsnoozed")), Detail: "open"}, nil
}

func (open) describe(json.RawMessage) string { return "open" }
