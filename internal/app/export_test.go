package app

import (
	"context"

	"switchboard/internal/operations"
)

// Replay does what POST /api/v1/replay does.
func (a *App) Replay(ctx context.Context, r operations.ReplayRequest) (operations.ReplayAnswer, error) {
	return a.replay(ctx, a.store, r)
}
