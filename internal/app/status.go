package app

import (
	"context"
	"errors"
	"time"

	"switchboard/internal/console"
	"switchboard/internal/intercom"
	"switchboard/internal/rules"
	"switchboard/internal/store"
)

// status gathers what the status page shows.
func (a *App) status(ctx context.Context) (console.Status, error) {
	st := console.Status{
		Version: a.o.Version, Started: a.started, Budget: a.budget.State(), Trouble: a.trouble(),
		Ruleset: a.rules.Current().Hash(), LoadedAt: *a.rules.loadedAt.Load(), Rules: a.rules.Current().Rules(),
	}
	if id := a.workspace.Load(); id != nil {
		st.Workspace = *id
	}
	if p := a.rules.rejected.Load(); p != nil {
		st.Rejected = *p
	}
	var err error
	if st.Store, err = a.store.Stats(ctx); err != nil {
		return st, err
	}
	if st.Paused, err = a.engine.Paused(ctx); err != nil {
		return st, err
	}
	if err := a.timers(ctx, &st); err != nil {
		return st, err
	}
	const newest = 20
	if st.Dead, err = a.store.ActionsIn(ctx, store.StateDead, newest); err != nil {
		return st, err
	}
	st.Parked, err = a.store.ActionsIn(ctx, store.StateParked, newest)
	return st, err
}

// timers fills in what the status page shows of timers.
func (a *App) timers(ctx context.Context, st *console.Status) (err error) {
	st.Plan = console.TimerPlan(a.engine.TimerPlan())
	if st.Waiting, err = a.engine.WaitingTimers(ctx); err != nil {
		return err
	}
	byRule := map[string]rules.Info{}
	for _, r := range st.Rules {
		byRule[r.Name] = r
	}
	const next = 20
	list, err := a.store.NextTimers(ctx, "", next)
	for _, t := range list {
		r := byRule[t.Rule]
		st.Timers = append(st.Timers, console.Timer{Timer: t, After: r.After, CancelOn: r.CancelOn})
	}
	return err
}

// trouble says what keeps actions from being sent.
func (a *App) trouble() string {
	if refused := a.budget.State().Trouble; refused != "" {
		return refused + ". Check INTERCOM_ACCESS_TOKEN and INTERCOM_REGION; one call a minute tries again."
	}
	if why := a.unreached.Load(); why != nil && a.workspace.Load() == nil {
		return "Intercom has not been reached yet: " + *why
	}
	return ""
}

// checks are the conditions for being ready: the store answers and the loops run. That
// Intercom refuses us is shown, but events are taken all the same: they are safe here.
func (a *App) checks(ctx context.Context) []console.Check {
	check := func(name string, ok bool, detail string) console.Check {
		if ok {
			detail = ""
		}
		return console.Check{Name: name, OK: ok, Detail: detail}
	}
	storeErr := a.store.Ping(ctx)
	detail := ""
	if storeErr != nil {
		detail = storeErr.Error()
	}
	api := check("intercom", a.trouble() == "", a.trouble())
	api.Advisory = true
	onDisk := check("rules", a.rules.rejected.Load() == nil, "the rules on disk were rejected; those loaded before go on")
	onDisk.Advisory = true
	newest := check("newest rules", !a.store.Outdated(), "another replica has newer rules, and decides; this one takes events and acts")
	newest.Advisory = true
	return []console.Check{
		check("running", !a.stopping.Load(), "stopping"),
		check("store", storeErr == nil, detail),
		check("engine", a.engineAlive.Load(), "not running"),
		check("queue", a.queueAlive.Load(), "not running"),
		api, onDisk, newest,
	}
}

// identify asks Intercom whose token this is, until it knows, so that a wrong token or
// region is said at start and not with the first action. Events are taken meanwhile.
func (a *App) identify(ctx context.Context) {
	for wait := time.Second; ; wait = min(2*wait, time.Minute) {
		me, err := a.directory.Me(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err == nil:
			a.workspace.Store(&me.App.IDCode)
			a.log.InfoContext(ctx, "connected to Intercom", "workspace", me.App.IDCode, "region", me.App.Region, "admin", string(me.ID))
			return
		case intercom.ClassOf(err) == intercom.Credential:
			a.log.ErrorContext(ctx, "Intercom refuses the access token: check INTERCOM_ACCESS_TOKEN and INTERCOM_REGION", "err", err)
		default:
			a.log.WarnContext(ctx, "cannot reach Intercom yet; events are stored meanwhile", "err", err)
		}
		why := err.Error()
		a.unreached.Store(&why)
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return
		}
	}
}

// prune deletes what is not needed any more, a little at a time so that intake never waits for
// it.
func (a *App) prune(ctx context.Context) {
	for {
		wait := 10 * time.Minute
		if a.deleteSome(ctx) {
			wait = 100 * time.Millisecond
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return
		}
	}
}

// deleteSome deletes cooldowns and limits that are over, and events older than the retention
// period (I10). more tells that there may be more to delete.
func (a *App) deleteSome(ctx context.Context) (more bool) {
	const chunk = 200
	if !a.store.Leads() {
		return false
	}
	now := a.store.Now()
	over, err := a.store.Forget(ctx, now, chunk)
	var old int64
	if a.o.Retention > 0 && err == nil {
		old, err = a.store.Prune(ctx, now.Add(-a.o.Retention), chunk)
	}
	if err != nil && !errors.Is(err, context.Canceled) {
		a.log.ErrorContext(ctx, "cannot delete what is old", "err", err)
	}
	return over >= chunk || old >= chunk
}
