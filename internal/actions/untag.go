package actions

import (
	"context"
	"encoding/json"

	"gopkg.in/yaml.v3"

	"switchboard/internal/intercom"
)

// untag takes tags off what the event is about, or off the contact:
//
//   - untag: VIP
//   - untag: [VIP, Refund]
//   - untag: { name: VIP, on: contact }
//
// A tag that is not there, or does not exist at all, is off already.
type untag struct{ repeatable }

// Name is "untag".
func (untag) Name() string { return "untag" }

// Parse reads the names.
func (untag) Parse(n *yaml.Node, d Decoder) Spec { return parseTags("untag", n, d) }

// Do takes the tags off.
func (untag) Do(ctx context.Context, env *Env, c Call) (Result, error) {
	var p tagParams
	if err := decodeParams("untag", c.Params, &p); err != nil {
		return Result{}, err
	}
	on, err := p.tagging(ctx, env, "untag", c)
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
		if err := on.take(ctx, string(known.ID)); err != nil && !intercom.NotFound(err) {
			return Result{Touched: p.touched(c)}, err
		}
	}
	return Result{Detail: describeTags("untag", c.Params), Touched: p.touched(c)}, nil
}

func (untag) describe(params json.RawMessage) string { return describeTags("untag", params) }
