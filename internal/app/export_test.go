package app

import (
	"context"

	"switchboard/internal/backtest"
	"switchboard/internal/operations"
	"switchboard/internal/shadow"
)

// Replay does what POST /api/v1/replay does.
func (a *App) Replay(ctx context.Context, r operations.ReplayRequest) (operations.ReplayAnswer, error) {
	return a.replay(ctx, a.store, r)
}

// Backtest does what POST /api/v1/backtest does.
func (a *App) Backtest(ctx context.Context, r operations.BacktestRequest) (*backtest.Report, error) {
	return a.backtest(ctx, a.store, r, nil)
}

// Explain does what POST /api/v1/explain does.
func (a *App) Explain(ctx context.Context, r operations.ExplainRequest) (operations.ExplainAnswer, error) {
	return a.explain(ctx, a.store, r)
}

// Shadow does what POST /api/v1/shadow does.
func (a *App) Shadow(ctx context.Context, r operations.ShadowRequest) (*shadow.Report, error) {
	return a.shadow(ctx, a.store, r)
}

// Diagnosis does what POST /api/v1/diagnosis does.
func (a *App) Diagnosis(ctx context.Context) (operations.Diagnosis, error) {
	return a.diagnosis(ctx, a.store, operations.DiagnosisRequest{})
}
