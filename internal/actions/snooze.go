package actions

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// snooze puts the conversation aside for a while, counted from the decision:
//
//   - snooze: 2h
//   - snooze: { for: 1w }
type snooze struct{ repeatable }

type snoozeSpec struct {
	onConversations
	d       time.Duration
	written string
}

type snoozeParams struct {
	Until int64 `json:"until"` // Unix seconds
}

// Name is "snooze".
func (snooze) Name() string { return "snooze" }

// Parse reads the duration.
func (snooze) Parse(n *yaml.Node, d Decoder) Spec {
	if n.Kind != yaml.MappingNode {
		return parseSnooze(n, d)
	}
	var s Spec
	seen := false
	d.Fields(n, map[string]func(*yaml.Node){
		"for": func(n *yaml.Node) { seen, s = true, parseSnooze(n, d) },
	})
	if !seen {
		d.Problem(n, CodeParameter, DurationHint, "snooze needs a duration")
	}
	return s
}

const (
	shortestNap  = time.Minute
	longestNap   = 366 * 24 * time.Hour
	longestNapIs = "a year"
)

func parseSnooze(n *yaml.Node, d Decoder) Spec {
	switch {
	case isNull(n):
		d.Problem(n, CodeParameter, DurationHint, "snooze needs a duration")
		return nil
	case n.Kind != yaml.ScalarNode:
		d.Problem(n, CodeParameter, DurationHint, "the duration of snooze must be one value")
		return nil
	}
	written := strings.TrimSpace(n.Value)
	for_, ok := ParseDuration(written)
	switch {
	case !ok:
		d.Problem(n, CodeParameter, DurationHint, "%q is not a duration", short(written, 40))
		return nil
	case for_ < shortestNap:
		d.Problem(n, CodeParameter, DurationHint, "a snooze must last at least a minute")
		return nil
	case for_ > longestNap:
		d.Problem(n, CodeParameter, "", "a snooze may last %s at most", longestNapIs)
		return nil
	}
	return &snoozeSpec{d: for_, written: written}
}

// Plan makes the duration a time.
func (s *snoozeSpec) Plan(p Plan) (json.RawMessage, error) {
	if _, err := conversationID("snooze", p.Event.Subject); err != nil {
		return nil, err
	}
	return encodeParams(snoozeParams{p.Now.Add(s.d).Unix()})
}

// Summary names the duration.
func (s *snoozeSpec) Summary() string { return "snooze for " + s.written }

// Do snoozes the conversation. When the time has passed before its turn came, there is
// nothing left to do.
func (snooze) Do(ctx context.Context, env *Env, c Call) (Result, error) {
	var p snoozeParams
	if err := decodeParams("snooze", c.Params, &p); err != nil {
		return Result{}, err
	}
	t, err := resolve(ctx, env, "snooze", c)
	if err != nil {
		return Result{}, err
	}
	until := time.Unix(p.Until, 0)
	if !until.After(env.Client.Now()) {
		return Result{Detail: snoozed(p) + ": passed already, nothing done"}, nil
	}
	conv, err := env.Client.Snooze(ctx, t.conversation, t.admin, until)
	if err != nil {
		return Result{}, err
	}
	return Result{Parts: t.made(env, conv, c, isType("snoozed")), Detail: snoozed(p)}, nil
}

func snoozed(p snoozeParams) string {
	return fmt.Sprintf("snooze until %s", time.Unix(p.Until, 0).UTC().Format(time.RFC3339))
}

func (snooze) describe(params json.RawMessage) string {
	var p snoozeParams
	if decodeParams("snooze", params, &p) != nil {
		return "snooze"
	}
	return snoozed(p)
}
