package app

import (
	"context"
	"errors"
	"time"

	"switchboard/internal/console"
	"switchboard/internal/rules"
	"switchboard/internal/store"
)

// status gathers what the status page shows.
func (a *App) status(ctx context.Context) (st console.Status, err error) {
	st = console.Status{Version: a.o.Version, Started: a.started}
	for _, w := range a.workspaces {
		one, err := w.status(ctx)
		if err != nil {
			return st, err
		}
		st.Workspaces = append(st.Workspaces, one)
	}
	if st.Store, err = a.store.Stats(ctx); err != nil {
		return st, err
	}
	const newest = 20
	if st.Dead, err = a.store.ActionsIn(ctx, store.StateDead, newest); err != nil {
		return st, err
	}
	st.Parked, err = a.store.ActionsIn(ctx, store.StateParked, newest)
	return st, err
}

// status gathers what the status page shows of a workspace.
func (w *workspace) status(ctx context.Context) (st console.Workspace, err error) {
	st = console.Workspace{
		Name: w.o.Name, ID: w.workspaceID(), Budget: w.budget.State(), Trouble: w.trouble(),
		Ruleset: w.rules.Current().Hash(), LoadedAt: *w.rules.loadedAt.Load(), Rules: w.rules.Current().Rules(),
		Plan: console.TimerPlan(w.engine.TimerPlan()), Counts: w.engine.Counts(),
	}
	if p := w.rules.rejected.Load(); p != nil {
		st.Rejected = *p
	}
	if st.Paused, err = w.engine.Paused(ctx); err != nil {
		return st, err
	}
	if st.Waiting, err = w.engine.WaitingTimers(ctx); err != nil {
		return st, err
	}
	byRule := map[string]rules.Info{}
	for _, r := range st.Rules {
		byRule[r.Name] = r
	}
	const next = 20
	list, err := w.app.store.NextTimers(ctx, w.o.ID, next)
	for _, t := range list {
		r := byRule[t.Rule]
		st.Timers = append(st.Timers, console.Timer{Timer: t, After: r.After, CancelOn: r.CancelOn})
	}
	return st, err
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
	newest := check("newest rules", !a.store.Outdated(), "another replica has newer rules, and decides; this one takes events and acts")
	newest.Advisory = true
	checks := []console.Check{
		check("running", !a.stopping.Load(), "stopping"),
		check("store", storeErr == nil, detail),
		newest,
	}
	for _, w := range a.workspaces {
		name := func(what string) string {
			if w.o.Name == "" {
				return what
			}
			return what + " of " + w.o.Name
		}
		api := check(name("intercom"), w.trouble() == "", w.trouble())
		api.Advisory = true
		onDisk := check(name("rules"), w.rules.rejected.Load() == nil, "the rules on disk were rejected; those loaded before go on")
		onDisk.Advisory = true
		checks = append(checks, check(name("engine"), w.engineAlive.Load(), "not running"), check(name("queue"), w.queueAlive.Load(), "not running"), api, onDisk)
	}
	return checks
}

// prune deletes what is not needed any more, a little at a time so that intake never waits for
// it.
func (a *App) prune(ctx context.Context) {
	untidy := true // who stopped before may have left in the midst of it
	for {
		wait := 10 * time.Minute
		deleted, more := a.deleteSome(ctx)
		untidy = untidy || deleted
		switch {
		case more:
			wait = 100 * time.Millisecond
		case untidy:
			err := a.store.Tidy(ctx)
			if err != nil && !errors.Is(err, context.Canceled) {
				a.log.WarnContext(ctx, "cannot give space back, will try again", "err", err)
			}
			untidy = err != nil
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return
		}
	}
}

// keepRemembered is how much longer than an event it is known which rules ran for its part, and which
// parts our own calls made: a notification may come again, or an event be rebuilt, when the first is gone.
const keepRemembered = 28 * 24 * time.Hour

// keepParts is how long these are known; 0 is for ever.
func (o *Options) keepParts() time.Duration {
	if o.Retention == 0 {
		return 0
	}
	return o.Retention + keepRemembered
}

// deleteSome deletes cooldowns and limits that are over, and events older than the retention
// period (I10), and later what is known of their parts. deleted tells whether there were any, more
// that there may be more to delete.
func (a *App) deleteSome(ctx context.Context) (deleted, more bool) {
	const chunk = 200
	if !a.store.Leads() {
		return false, false
	}
	now := a.store.Now()
	over, err := a.store.Forget(ctx, now, chunk)
	var old, parts int64
	if a.o.Retention > 0 && err == nil {
		old, err = a.store.Prune(ctx, now.Add(-a.o.Retention), chunk)
	}
	if keep := a.o.keepParts(); keep > 0 && err == nil {
		parts, err = a.store.ForgetParts(ctx, now.Add(-keep), chunk)
	}
	if err != nil && !errors.Is(err, context.Canceled) {
		a.log.ErrorContext(ctx, "cannot delete what is old", "err", err)
	}
	most := max(over, old, parts)
	return most > 0, most >= chunk
}
