package actions

import (
	"context"
	"encoding/json"
	"fmt"

	"gopkg.in/yaml.v3"

	"switchboard/internal/intercom"
)

// closing closes the conversation, with a last reply or without:
//
//   - close
//   - close: { reply: "Thank you, bye" }
//
// Without a text it may be repeated; with one, twice would be seen twice, so after a doubt it
// is read back.
type closing struct{}

type closeSpec struct {
	onConversations
	reply *body // may be nil
}

// Name is "close".
func (closing) Name() string { return "close" }

// Parse reads the optional reply.
func (closing) Parse(n *yaml.Node, d Decoder) Spec {
	switch {
	case isNull(n):
		return &closeSpec{}
	case n.Kind != yaml.MappingNode:
		d.Problem(n, CodeParameter, "write `close: {reply: …}` to close with a reply, or just `close`", "close takes no value of this form")
		return nil
	}
	s, ok := &closeSpec{}, true
	d.Fields(n, map[string]func(*yaml.Node){
		"reply": func(n *yaml.Node) {
			s.reply = parseBody(n, d, "the reply of close")
			ok = s.reply != nil
		},
	})
	if !ok {
		return nil
	}
	return s
}

// Plan renders the reply.
func (s *closeSpec) Plan(p Plan) (json.RawMessage, error) {
	if _, err := conversationID("close", p.Event.Subject); err != nil {
		return nil, err
	}
	if s.reply == nil {
		return encodeParams(struct{}{})
	}
	html, err := s.reply.render("the reply of close", p.Facts)
	if err != nil {
		return nil, err
	}
	return encodeParams(messageParams{html})
}

// Summary quotes the reply as written.
func (s *closeSpec) Summary() string {
	if s.reply == nil {
		return "close"
	}
	return fmt.Sprintf("close with reply %q", constant(s.reply.text))
}

// Do closes the conversation.
func (closing) Do(ctx context.Context, env *Env, c Call) (Result, error) {
	var p messageParams
	if err := decodeParams("close", c.Params, &p); err != nil {
		return Result{}, err
	}
	t, err := resolve(ctx, env, "close", c)
	if err != nil {
		return Result{}, err
	}
	conv, err := env.Client.Close(ctx, t.conversation, intercom.CloseRequest{AdminID: t.admin, Body: p.Body})
	if err != nil {
		return Result{}, err
	}
	fits := isType("close")
	if p.Body != "" {
		fits = isMessage(p.Body, false)
	}
	return Result{Parts: t.made(env, conv, c, fits), Detail: closed(p)}, nil
}

func closed(p messageParams) string {
	if p.Body == "" {
		return "close"
	}
	return describeMessage("close with reply", p.Body)
}

// Repeatable is true unless there is a reply.
func (closing) Repeatable(params json.RawMessage) bool {
	var p messageParams
	return decodeParams("close", params, &p) == nil && p.Body == ""
}

// ReadBack looks for the reply. It is part of the same call as the closing: where one is, the
// other was.
func (closing) ReadBack(ctx context.Context, env *Env, c Call) (Finding, Result, error) {
	return readBack(ctx, env, "close", c, false)
}

// Priority is the highest when there is a reply.
func (k closing) Priority(params json.RawMessage) intercom.Priority {
	if k.Repeatable(params) {
		return intercom.PriorityAction
	}
	return intercom.PriorityReply
}

func (closing) describe(params json.RawMessage) string {
	var p messageParams
	if decodeParams("close", params, &p) != nil {
		return "close"
	}
	return closed(p)
}
