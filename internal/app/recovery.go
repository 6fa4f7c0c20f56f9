package app

import (
	"context"

	"switchboard/internal/recovery"
)

// buildRecovery makes what looks for missed events (I11).
func (a *App) buildRecovery(context.Context) error {
	a.recovery = recovery.New(recovery.Options{
		Store: a.store, Client: a.client, Workspace: a.workspaceID, Ready: a.ready, Stored: a.engine.Nudge, Leads: a.store.Leads, Now: a.store.Now,
		Wants: func(topic string) bool { return a.rules.Current().Wants(topic) },
		Every: max(a.o.RecoverEvery, 0), Overlap: a.o.RecoverOverlap, Retention: a.o.Retention, MaxAge: a.o.MaxAge,
		Logger: a.component("recovery"), Registerer: a.registry,
	})
	return nil
}

// holdTimers lets timers that came due while nobody ran wait for what was missed meanwhile.
func (a *App) holdTimers() {
	if err := a.recovery.Hold(a.work); err != nil {
		a.log.Error("timers are not held until missed events are found", "err", err)
	}
}
