package app

import (
	"context"

	"switchboard/internal/backtest"
	"switchboard/internal/console"
	"switchboard/internal/engine"
	"switchboard/internal/operations"
	"switchboard/internal/rules"
	"switchboard/internal/store"
)

// operations are what the command line may ask this service for.
func (a *App) operations() map[string]console.Operation {
	return map[string]console.Operation{
		"backtest": operations.On(a.store, a.backtest),
		"backup":   operations.On(a.store, operations.MakeBackup),
		"explain":  operations.On(a.store, a.explain),
		"replay":   operations.On(a.store, a.replay),
		"retry":    operations.On(a.store, a.retry),
	}
}

// retry retries, and has the queues look at once.
func (a *App) retry(ctx context.Context, s *store.Store, r operations.RetryRequest) (operations.RetryAnswer, error) {
	answer, err := operations.Retry(ctx, s, r)
	for _, w := range a.workspaces {
		w.queue.Nudge()
	}
	if !r.DryRun && err == nil {
		a.log.InfoContext(ctx, "actions were retried by hand", "actions", len(answer.Actions), "parked", r.Parked)
	}
	return answer, err
}

// replay has the rules asked again, and the engines look at once.
func (a *App) replay(ctx context.Context, s *store.Store, r operations.ReplayRequest) (operations.ReplayAnswer, error) {
	replayer := operations.Replayer{
		Engine: func(id string) *engine.Engine {
			if w := a.workspaceOf(id); w != nil {
				return w.engine
			}
			return nil
		},
		Workspace: a.workspaceNamed,
	}
	answer, err := replayer.Replay(ctx, s, r)
	for _, w := range a.workspaces {
		w.engine.Nudge()
	}
	if r.Run {
		a.log.InfoContext(ctx, "events were replayed by hand", "events", answer.Count(operations.ReplayStored), "rules", r.Rules, "force", r.Force, "err", err)
	}
	return answer, err
}

// backtest tells what other rules would have done.
func (a *App) backtest(ctx context.Context, s *store.Store, r operations.BacktestRequest) (*backtest.Report, error) {
	return operations.Backtester{Ruleset: a.rulesOf, Workspace: a.workspaceNamed}.Backtest(ctx, s, r)
}

// rulesOf are the rules in use for a workspace; nil when nobody serves it.
func (a *App) rulesOf(id string) *rules.Ruleset {
	if w := a.workspaceOf(id); w != nil {
		return w.rules.Current()
	}
	return nil
}

// explain explains decisions.
func (a *App) explain(ctx context.Context, s *store.Store, r operations.ExplainRequest) (operations.ExplainAnswer, error) {
	return operations.Explainer{Ruleset: a.rulesOf, Workspace: a.workspaceNamed}.Explain(ctx, s, r)
}

// workspaceNamed is the app id of a workspace, by its name or that id; without a name it is empty.
func (a *App) workspaceNamed(name string) (id string, ok bool) {
	for _, w := range a.workspaces {
		if name != "" && (name == w.o.Name || name == w.o.ID || name == w.workspaceID()) {
			return w.workspaceID(), w.workspaceID() != ""
		}
	}
	return name, name == ""
}
