package app

import (
	"context"

	"switchboard/internal/console"
	"switchboard/internal/operations"
	"switchboard/internal/store"
)

// operations are what the command line may ask this service for.
func (a *App) operations() map[string]console.Operation {
	return map[string]console.Operation{
		"backup": operations.On(a.store, operations.MakeBackup),
		"retry":  operations.On(a.store, a.retry),
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
