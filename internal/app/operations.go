package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"switchboard/internal/backtest"
	"switchboard/internal/console"
	"switchboard/internal/engine"
	"switchboard/internal/operations"
	"switchboard/internal/rules"
	"switchboard/internal/shadow"
	"switchboard/internal/store"
)

// operations are what may be asked of this service, and by whom.
func (a *App) operations() map[string]console.Operation {
	return map[string]console.Operation{
		"backtest":  {Needs: console.Operate, Do: operations.LongOn(a.store, a.backtest)},
		"backup":    {Needs: console.Operate, Do: short(operations.On(a.store, operations.MakeBackup))},
		"diagnosis": {Needs: console.View, Personal: true, Do: short(operations.On(a.store, a.diagnosis))},
		"explain":   {Needs: console.View, Personal: true, Do: short(operations.On(a.store, a.explain))},
		"replay":    {Needs: console.Operate, Do: short(operations.On(a.store, a.replay))},
		"retry":     {Needs: console.Operate, Do: short(operations.On(a.store, a.retry))},
		"shadow":    {Needs: console.View, Personal: true, Do: short(operations.On(a.store, a.shadow))},
	}
}

// short is an operation that does not tell how far it is.
func short(do func(context.Context, []byte) (any, error)) func(context.Context, []byte, func(any)) (any, error) {
	return func(ctx context.Context, request []byte, _ func(any)) (any, error) { return do(ctx, request) }
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

// backtest tells what other rules would have done. There is one at a time, and it ends when the service stops.
func (a *App) backtest(
	ctx context.Context, s *store.Store, r operations.BacktestRequest, progress func(backtest.Progress),
) (*backtest.Report, error) {
	if !a.backtesting.TryLock() {
		return nil, &operations.Unable{Err: errors.New("another backtest is running: try again when it has ended")}
	}
	defer a.backtesting.Unlock()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(a.claims, cancel)()
	report, err := operations.Backtester{
		Ruleset: a.rulesOf, Workspace: a.workspaceNamed, Ask: a.askNow, Considerate: true,
	}.Backtest(ctx, s, r, progress)
	if err != nil && a.claims.Err() != nil {
		err = &operations.Unable{Err: errors.New("the service stops: ask again when it runs")}
	}
	return report, err
}

// askNow asks Intercom what is true now in the workspace of an event.
func (a *App) askNow(ctx context.Context, workspace string, q rules.Question) (json.RawMessage, error) {
	w := a.workspaceOf(workspace)
	switch {
	case w == nil:
		return nil, fmt.Errorf("nobody serves the workspace %s", workspace)
	case w.workspaceID() == "":
		return nil, errors.New("nobody has reached Intercom yet")
	case w.workspaceID() != workspace:
		return nil, fmt.Errorf("the access token belongs to the workspace %s, not to %s", w.workspaceID(), workspace)
	}
	return engine.AskNow(ctx, w.client, q)
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

// shadow tells what rules in shadow would have done.
func (a *App) shadow(ctx context.Context, s *store.Store, r operations.ShadowRequest) (*shadow.Report, error) {
	if r.Workspace == "" && len(a.workspaces) > 1 {
		return nil, &operations.Refused{Err: errors.New("name the workspace: rules of several may have one name")}
	}
	return operations.Shadower{Ruleset: a.rulesOf, Workspace: a.workspaceNamed, Names: a.namesOf}.Shadow(ctx, s, r)
}

// namesOf are the names of a workspace; nil when nobody serves it.
func (a *App) namesOf(id string) shadow.Names {
	if w := a.workspaceOf(id); w != nil {
		return operations.Names{Directory: w.directory}
	}
	return nil
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
