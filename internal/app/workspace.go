package app

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"switchboard/internal/actions"
	"switchboard/internal/diag"
	"switchboard/internal/engine"
	"switchboard/internal/intercom"
	"switchboard/internal/queue"
	"switchboard/internal/recovery"
	"switchboard/internal/rules"
)

// Workspace is what a workspace of Intercom has of its own.
type Workspace struct {
	ID         string // app id; empty for whichever the token belongs to, if it is the only one
	Name       string // for people: in logs, metrics and the console
	Rules      []string
	Token      string
	Secrets    []string
	BaseURL    string
	Share      float64
	HTTPSecret string
}

// workspace serves one workspace: its rules, its budget, its loops. Workspaces share the store, where
// each claims its own work only, so that an outage or a flood in one of them slows no other.
type workspace struct {
	app      *App
	o        Workspace
	log      *slog.Logger
	registry prometheus.Registerer

	budget    budget
	client    *intercom.Client
	directory *intercom.Directory
	poster    *actions.Poster
	counters  *actions.Counters
	engine    *engine.Engine
	sweeps    *engine.Sweeps
	recovery  *recovery.Recovery
	queue     *queue.Queue
	rules     *ruleLoader

	id                      atomic.Pointer[string]
	unreached               atomic.Pointer[string] // why the id is not known yet
	engineAlive, queueAlive atomic.Bool
}

// makeWorkspaces makes what the settings name: one workspace, or several.
func (a *App) makeWorkspaces(context.Context) error {
	list := a.o.Workspaces
	if len(list) == 0 {
		list = []Workspace{{
			Rules: a.o.Rules, Token: a.o.Token, Secrets: a.o.Secrets, BaseURL: a.o.BaseURL, Share: a.o.Share, HTTPSecret: a.o.HTTPSecret,
		}}
	}
	for _, o := range list {
		w := &workspace{app: a, o: o, log: a.log, registry: a.registry}
		if len(a.o.Workspaces) > 0 {
			w.log = a.log.With("workspace", o.Name)
			w.registry = prometheus.WrapRegistererWith(prometheus.Labels{"workspace": o.Name}, a.registry)
		}
		a.workspaces = append(a.workspaces, w)
	}
	return nil
}

// each is a step of New that is made for every workspace.
func (a *App) each(step func(*workspace, context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		for _, w := range a.workspaces {
			if err := step(w, ctx); err != nil {
				return err
			}
		}
		return nil
	}
}

func (w *workspace) component(name string) *slog.Logger { return w.log.With("component", name) }

func (w *workspace) loadRules(context.Context) error {
	l, err := newRuleLoader(w.o.Rules, w.app.o.LoadRules, w.lacking, w.component("rules"), w.registry)
	w.rules = l
	return err
}

// lacking refuses rules that send signed JSON when there is nothing to sign it with.
func (w *workspace) lacking(rs *rules.Ruleset) []diag.Problem {
	file, line, column, uses := rs.FirstUse("http")
	if !uses || w.o.HTTPSecret != "" {
		return nil
	}
	return []diag.Problem{{
		File: file, Line: line, Column: column, EndColumn: column + len("http"), Severity: diag.Error, Code: "rules/http-secret",
		Message: "http needs a secret to sign with", Hint: "set SWITCHBOARD_HTTP_SECRET, and give it to the receiver",
	}}
}

func (w *workspace) connect(context.Context) error {
	o := &w.app.o
	w.budget = w.newBudget()
	client, err := intercom.New(intercom.Options{
		BaseURL: w.o.BaseURL, Token: w.o.Token, Budget: w.budget, HTTP: o.HTTP, Timeout: o.Timeout,
		Now: w.app.store.Now, UserAgent: "switchboard/" + o.Version, Registerer: w.registry, Logger: w.component("intercom"),
	})
	if err != nil {
		return err
	}
	w.client = client
	w.directory = intercom.NewDirectory(client, intercom.DirectoryOptions{Logger: w.component("directory")})
	return nil
}

func (w *workspace) buildOutlets(context.Context) (err error) {
	w.poster, err = actions.NewPoster(actions.PosterOptions{
		Secret: w.o.HTTPSecret, Allow: w.app.o.HTTPAllow, UserAgent: "switchboard/" + w.app.o.Version, Now: w.app.store.Now,
	})
	w.counters = actions.NewCounters()
	return errors.Join(err, w.registry.Register(w.counters))
}

func (w *workspace) buildLoops(context.Context) error {
	a, o := w.app, &w.app.o
	w.queue = queue.New(queue.Options{
		Store: a.store, Workspace: w.o.ID, Env: &actions.Env{Client: w.client, Directory: w.directory, Poster: w.poster, Counters: w.counters},
		Ready: w.ready, Concurrency: o.Concurrency, MaxAttempts: o.MaxAttempts, Settle: o.Settle,
		Poll: o.Poll, Logger: w.component("queue"), Registerer: w.registry,
	})
	w.engine = engine.New(engine.Options{
		Store: a.store, Workspace: w.o.ID, Rules: w.rules.Current, Facts: engine.NewFacts(w.client, w.directory, w.ready, o.KeepFacts),
		Planned: w.queue.Nudge, MaxAge: o.MaxAge, Poll: o.Poll, KeepParts: o.keepParts(), Seen: w.queue.Seen, Logger: w.component("engine"), Registerer: w.registry,
	})
	w.sweeps = engine.NewSweeps(engine.SweepOptions{
		Store: a.store, Rules: w.rules.Current, Client: w.client, Workspace: w.workspaceID, Ready: w.ready, Stored: w.engine.Nudge,
		Logger: w.component("sweeps"), Registerer: w.registry,
	})
	w.rules.onChange = func(rs *rules.Ruleset) {
		w.counters.Declare(rs.Counters())
		w.keepRules(rs)
		a.store.SetRuleset(a.rulesets())
		w.engine.SetRules(rs)
		w.sweeps.SetRules(rs)
	}
	w.rules.onChange(w.rules.Current())
	return nil
}

// keepRules stores the rules, so that decisions can be explained by them when they have changed.
func (w *workspace) keepRules(rs *rules.Ruleset) {
	ctx, cancel := context.WithTimeout(w.app.work, 5*time.Second)
	defer cancel()
	text, err := json.Marshal(rs.Sources())
	if err == nil {
		err = w.app.store.KeepRuleset(ctx, rs.Hash(), text, w.app.store.Now())
	}
	if err != nil {
		w.log.Warn("the rules are not kept: what they decide cannot be explained once they have changed", "ruleset", rs.Hash(), "err", err)
	}
}

// buildRecovery makes what looks for missed events (I11).
func (w *workspace) buildRecovery(context.Context) error {
	a, o := w.app, &w.app.o
	w.recovery = recovery.New(recovery.Options{
		Store: a.store, Client: w.client, Workspace: w.workspaceID, Ready: w.ready, Stored: w.engine.Nudge, Leads: a.store.Leads, Now: a.store.Now,
		Wants: func(topic string) bool { return w.rules.Current().Wants(topic) },
		Every: max(o.RecoverEvery, 0), Overlap: o.RecoverOverlap, Retention: o.Retention, MaxAge: o.MaxAge,
		Logger: w.component("recovery"), Registerer: w.registry,
	})
	return nil
}

// start begins to work.
func (w *workspace) start() {
	a := w.app
	a.goLoop(&w.engineAlive, func() { w.engine.Run(a.claims, a.work) })
	a.goLoop(&w.queueAlive, func() { w.queue.Run(a.claims, a.work) })
	a.loops.Go(func() { w.sweeps.Run(a.claims, a.work) })
	a.loops.Go(func() { w.recovery.Run(a.claims, a.work) })
	a.running.Go(func() { w.rules.watch(a.claims, cmp.Or(a.o.Poll, 500*time.Millisecond)) })
	a.running.Go(func() { w.identify(a.claims) })
}

// workspaceID is the app id; empty until Intercom has been reached.
func (w *workspace) workspaceID() string {
	if id := w.id.Load(); id != nil {
		return *id
	}
	return ""
}

// ready tells since when calls to Intercom make sense. Where several workspaces are served, none is
// made before it is known that the token is the workspace's own.
func (w *workspace) ready() time.Time {
	if w.app.store.Alive() != nil || w.o.ID != "" && w.id.Load() == nil {
		return time.Now().Add(time.Second)
	}
	if until, spent := w.budget.Spent(); spent {
		return until
	}
	return time.Time{}
}

// identify asks Intercom whose token this is, until it knows, so that a wrong token or
// region is said at start and not with the first action. Events are taken meanwhile.
func (w *workspace) identify(ctx context.Context) {
	log := w.component("app")
	for wait := time.Second; ; wait = min(2*wait, time.Minute) {
		me, err := w.directory.Me(ctx)
		if err == nil && w.o.ID != "" && me.App.IDCode != w.o.ID {
			err = &intercom.Error{Class: intercom.Credential, Message: fmt.Sprintf("the access token belongs to the workspace %s, not to %s", me.App.IDCode, w.o.ID)}
		}
		switch {
		case ctx.Err() != nil:
			return
		case err == nil:
			w.id.Store(&me.App.IDCode)
			log.InfoContext(ctx, "connected to Intercom", "app", me.App.IDCode, "region", me.App.Region, "admin", string(me.ID))
			w.queue.Nudge()
			return
		case intercom.ClassOf(err) == intercom.Credential:
			log.ErrorContext(ctx, "Intercom refuses the access token: check INTERCOM_ACCESS_TOKEN and INTERCOM_REGION", "err", err)
		default:
			log.WarnContext(ctx, "cannot reach Intercom yet; events are stored meanwhile", "err", err)
		}
		why := err.Error()
		w.unreached.Store(&why)
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return
		}
	}
}

// trouble says what keeps actions from being sent.
func (w *workspace) trouble() string {
	if refused := w.budget.State().Trouble; refused != "" {
		return refused + ". Check INTERCOM_ACCESS_TOKEN and INTERCOM_REGION; one call a minute tries again."
	}
	if why := w.unreached.Load(); why != nil && w.id.Load() == nil {
		return "Intercom has not been reached yet: " + *why
	}
	return ""
}

// rulesets identifies the rules of all workspaces together.
func (a *App) rulesets() string {
	if len(a.workspaces) == 1 {
		return a.workspaces[0].rules.Current().Hash()
	}
	hashes := make([]string, len(a.workspaces))
	for i, w := range a.workspaces {
		hashes[i] = w.o.ID + "=" + w.rules.Current().Hash()
	}
	slices.Sort(hashes)
	return fmt.Sprint(hashes)
}

// workspaceOf finds the workspace with an app id; where there is only one, it is that.
func (a *App) workspaceOf(id string) *workspace {
	for _, w := range a.workspaces {
		if w.o.ID == "" || w.o.ID == id {
			return w
		}
	}
	return nil
}
