package actions

import (
	"context"
	"encoding/json"

	"gopkg.in/yaml.v3"

	"switchboard/internal/intercom"
)

// untag takes tags off the conversation:
//
//   - untag: VIP
//   - untag: [VIP, Refund]
//
// A tag that is not there, or does not exist at all, is off already.
type untag struct{ repeatable }

// Name is "untag".
func (untag) Name() string { return "untag" }

// Parse reads the names.
func (untag) Parse(n *yaml.Node, d Decoder) Spec { return parseTags("untag", n, d) }

// Do untags the conversation.
func (untag) Do(ctx context.Context, env *Env, c Call) (Result, error) {
	var p tagParams
	if err := decodeParams("untag", c.Params, &p); err != nil {
		return Result{}, err
	}
	t, err := resolve(ctx, env, "untag", c)
	if err != nil {
		return Result{}, err
	}
	for _, name := range p.Tags {
		known, exists, err := env.Directory.TagIfExists(ctx, name)
		if err != nil {
			return Result{}, err
		}
		if !exists {
			continue
		}
		err = env.Client.UntagConversation(ctx, t.conversation, string(known.ID), t.admin)
		if err != nil && !intercom.NotFound(err) {
			return Result{}, err
		}
	}
	return Result{Detail: describeTags("untag", c.Params)}, nil
}

func (untag) describe(params json.RawMessage) string { return describeTags("untag", params) }
