package operations

import (
	"context"
	"strings"
	"time"

	"switchboard/internal/backtest"
	"switchboard/internal/diag"
	"switchboard/internal/engine"
	"switchboard/internal/event"
	"switchboard/internal/rules"
	"switchboard/internal/store"
)

// BacktestRequest says which rules are held against which, and on what.
type BacktestRequest struct {
	// New are the changed rules; Old those that they are held against, the rules in use if it is empty.
	New       rules.Sources `json:"new"`
	Old       rules.Sources `json:"old,omitzero"`
	Since     time.Time     `json:"since,omitzero"` // when the events happened
	Until     time.Time     `json:"until,omitzero"`
	Workspace string        `json:"workspace,omitempty"` // its name or app id
}

// Backtester tells what other rules would have done.
type Backtester struct {
	// Ruleset gives the rules that are in use for a workspace; nil when nobody serves it.
	Ruleset func(workspace string) *rules.Ruleset
	// Workspace is as for Replayer. Without a name it is the only one there is.
	Workspace func(name string) (id string, ok bool)
}

// Backtest tells what the new rules would have done otherwise than the old ones.
func (b Backtester) Backtest(ctx context.Context, s *store.Store, r BacktestRequest) (*backtest.Report, error) {
	workspace, ok := b.Workspace(r.Workspace)
	if !ok {
		return nil, refuse("there is no workspace %q", r.Workspace)
	}
	changed, err := compiled("new", r.New)
	if err != nil {
		return nil, err
	}
	old := b.Ruleset(workspace)
	if len(r.Old.Files) > 0 {
		if old, err = compiled("old", r.Old); err != nil {
			return nil, err
		}
	}
	if old == nil {
		return nil, refuse("name the workspace, or the old rules")
	}
	which := store.Decided{Workspace: workspace, Since: r.Since, Until: r.Until, Own: true, Limit: page}
	h := backtest.History{
		Events: func(ctx context.Context, each func(event.Event, *rules.Decision) error) error {
			return eachDecided(ctx, s, which, each)
		},
		Decision: func(ctx context.Context, workspace, id string) (*rules.Decision, error) {
			return decisionNamed(ctx, s, workspace, id)
		},
	}
	return backtest.Backtest(ctx, h, old, changed, nil)
}

// compiled compiles rules that came with a request.
func compiled(which string, sources rules.Sources) (*rules.Ruleset, error) {
	rs, problems := rules.ParseSources(sources)
	if rs != nil {
		return rs, nil
	}
	var text strings.Builder
	_ = diag.WriteText(&text, problems, false) // a Builder takes everything
	return nil, refuse("the %s rules cannot be used:\n%s", which, strings.TrimSpace(text.String()))
}

// eachDecided calls back with the decided events, oldest first. Timers come due on a clock of their own in a
// backtest, and replays are nothing that happened.
func eachDecided(ctx context.Context, s *store.Store, which store.Decided, each func(event.Event, *rules.Decision) error) error {
	for {
		found, err := s.FindDecided(ctx, which)
		if err != nil {
			return err
		}
		for _, ev := range found {
			if ev.Topic == event.TopicTimer || ev.Replayed() || ev.Payload == nil {
				continue
			}
			d, err := engine.DecisionOn(ctx, s, ev.Seq)
			if err != nil {
				return err
			}
			if d == nil {
				continue // pruned meanwhile
			}
			if err := each(ev, d); err != nil {
				return err
			}
		}
		if len(found) < which.Limit {
			return nil
		}
		which.After = found[len(found)-1].Seq
	}
}

// decisionNamed reads the decision on the event with an id; nil when there is none.
func decisionNamed(ctx context.Context, s *store.Store, workspace, id string) (*rules.Decision, error) {
	ev, ok, err := s.Named(ctx, workspace, id)
	if err != nil || !ok {
		return nil, err
	}
	return engine.DecisionOn(ctx, s, ev.Seq)
}
