// Package app puts the parts of Switchboard together. The same App is behind `switchboard
// serve`, `switchboard demo` and the end-to-end tests.
//
// New builds everything and binds the addresses, so that a port that is taken or a rules
// file that is wrong is refused before anything runs; when a step fails, what was built is
// taken down again. Start begins to serve. Stop ends in the order that loses nothing:
// readiness off, intake finishes what it accepted, no new claims, calls in flight end, the
// store closes (I7).
package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/prometheus/client_golang/prometheus"

	"switchboard/internal/console"
	"switchboard/internal/diag"
	"switchboard/internal/event"
	"switchboard/internal/intercom"
	"switchboard/internal/operations"
	"switchboard/internal/rules"
	"switchboard/internal/shadow"
	"switchboard/internal/store"
	"switchboard/internal/webhook"
)

// WebhookPath is where Intercom sends notifications.
const WebhookPath = "/webhooks/intercom"

// Options are the settings of an App. The zero value of an optional one means its default.
type Options struct {
	Database string // such as sqlite:switchboard.db or postgres://user@host/name
	// Workspaces are those that are served, if there are several. Then Rules, Token, Secrets, BaseURL,
	// Share and HTTPSecret are theirs.
	Workspaces []Workspace
	Rules      []string // files and folders
	// LoadRules, if set, takes the place of rules.Load: tests of the circuit breaker need rules that
	// are refused.
	LoadRules func(paths []string) (*rules.Ruleset, []diag.Problem)

	Listen      string // address for webhooks
	AdminListen string // address of the console
	Admin       Admin
	// Listener, if set, takes the place of Listen: tests serve without a socket.
	Listener net.Listener

	Token   string   // Intercom's access token
	Secrets []string // client secrets, any of which may have signed a notification
	BaseURL string   // Intercom's API
	HTTP    *http.Client
	Timeout time.Duration // of a call to Intercom

	HTTPSecret string         // signs what http actions send; required when a rule has one
	HTTPAllow  []netip.Prefix // private networks that http actions may reach

	MaxBody     int64         // bytes of a notification
	Concurrency int           // subjects whose actions run at once
	Share       float64       // part of the rate limit to use, in (0, 1]
	MaxAttempts int           // before an action is a dead letter
	Settle      time.Duration // before an action in doubt is read back
	KeepFacts   time.Duration // how long a looked-up contact is good
	Retention   time.Duration // how long events are kept; 0 keeps them for ever
	Takeover    time.Duration // after which the work of a replica that says nothing is taken over
	// RecoverEvery is how often missed events are looked for; 0 is every 5 minutes, and less never.
	RecoverEvery time.Duration
	// RecoverOverlap is how far a search for missed events goes back behind the one before; 0 is 10
	// minutes.
	RecoverOverlap time.Duration
	// MaxAge is how old a recovered event may be for customers to hear of it.
	MaxAge time.Duration
	// Poll is how often the store and the rules files are looked at when nothing announces a
	// change; 0 is every second and every half.
	Poll time.Duration
	// Clock and DialDatabase take the place of the clock that everybody goes by, and of how a server is
	// reached that keeps the state, and DatabaseDriver of the driver of a file; tests set them.
	Clock          func() time.Time
	DialDatabase   func(ctx context.Context, network, addr string) (net.Conn, error)
	DatabaseDriver string
	// SingleCommits switches group commit off, for comparison in benchmarks.
	SingleCommits bool

	Version  string
	Logger   *slog.Logger
	Registry *prometheus.Registry // nil: a new one
}

// App is a whole Switchboard.
type App struct {
	o        Options
	log      *slog.Logger
	registry *prometheus.Registry
	started  time.Time

	store      *store.Store
	workspaces []*workspace
	intake     *webhook.Handler

	public, admin     *http.Server
	publicLn, adminLn net.Listener

	stopping atomic.Bool
	loops    sync.WaitGroup // engine, queue and sweeps
	running  sync.WaitGroup // everything else
	failed   chan error     // a server that broke, or a replica that must not go on
	stopOnce sync.Once
	// backtesting is held by the backtest that runs.
	backtesting sync.Mutex
	closers     []closer

	claims, work       context.Context
	endClaims, endWork context.CancelFunc
}

type closer struct {
	name string
	fn   func(context.Context) error
}

// New builds an App and binds its addresses. Problems of the rules come as *RulesError.
func New(ctx context.Context, o Options) (_ *App, err error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	o.setDefaults()
	a := &App{o: o, log: o.Logger, registry: o.Registry, started: time.Now(), failed: make(chan error, 3)}
	a.claims, a.endClaims = context.WithCancel(context.Background())
	a.work, a.endWork = context.WithCancel(context.Background())
	defer func() {
		if err != nil {
			a.endClaims()
			a.endWork()
			err = errors.Join(err, a.close(context.WithoutCancel(ctx)))
		}
	}()
	for _, step := range []func(context.Context) error{
		a.makeWorkspaces, a.each((*workspace).loadRules), a.openStore, a.each((*workspace).connect), a.each((*workspace).buildOutlets),
		a.each((*workspace).buildLoops), a.each((*workspace).buildRecovery), a.buildServers, a.listen, a.join,
	} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	return a, nil
}

func (a *App) onStop(name string, fn func(context.Context) error) {
	a.closers = append(a.closers, closer{name, fn})
}

func (a *App) component(name string) *slog.Logger { return a.log.With("component", name) }

func (a *App) openStore(ctx context.Context) error {
	s, err := store.Open(ctx, a.o.Database, store.Options{
		Logger: a.component("store"), Registerer: a.registry, Takeover: a.o.Takeover, Clock: a.o.Clock, Dial: a.o.DialDatabase, Driver: a.o.DatabaseDriver, SingleCommits: a.o.SingleCommits,
	})
	if err != nil {
		return err
	}
	a.store = s
	a.onStop("store", func(context.Context) error { return s.Close() })
	return nil
}

func (a *App) buildServers(context.Context) error {
	secrets := map[string][]string{}
	for _, w := range a.o.Workspaces {
		secrets[w.ID] = w.Secrets
	}
	intake, err := webhook.New(webhook.Options{
		Secrets: a.o.Secrets, Workspaces: secrets, Sink: a.store, MaxBody: a.o.MaxBody, Now: a.store.Now,
		OnStored: func(ev event.Event) { a.workspaceOf(ev.Workspace).engine.Nudge() },
		Logger:   a.component("webhook"), Registerer: a.registry,
	})
	if err != nil {
		return err
	}
	a.intake = intake
	routes := chi.NewRouter()
	routes.Handle(WebhookPath, intake)
	routes.Handle(WebhookPath+"/", intake) // easily typed in the Developer Hub
	a.public = a.server(routes)

	people, err := a.people()
	if err != nil {
		return err
	}
	ui, err := console.New(console.Options{
		Status: a.status, Checks: a.checks, Gatherer: a.registry, Logger: a.component("console"), Registerer: a.registry,
		People: people, Secret: a.sessionSecret(), Proxies: a.o.Admin.Proxies, HideText: a.o.Admin.HideText,
		Backfill:   a.backfill(),
		Operations: a.operations(),
		Reader:     operations.Reader{Ruleset: a.rulesOf, Workspace: a.workspaceNamed},
		Store:      a.store,
		Retry:      a.retry,
		Shadow: func(ctx context.Context, workspace, rule string, since time.Time) (*shadow.Report, error) {
			return a.shadow(ctx, a.store, operations.ShadowRequest{Workspace: workspace, Rule: rule, Since: since})
		},
	})
	if err != nil {
		return err
	}
	a.admin = a.server(ui.Handler())
	a.admin.TLSConfig, err = a.adminTLS()
	return err
}

func (a *App) server(h http.Handler) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       15 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(a.component("http").Handler(), slog.LevelDebug),
	}
}

func (a *App) listen(ctx context.Context) (err error) {
	var lc net.ListenConfig
	if a.publicLn = a.o.Listener; a.publicLn == nil {
		if a.publicLn, err = lc.Listen(ctx, "tcp", a.o.Listen); err != nil {
			return fmt.Errorf("listen for webhooks: %w", err)
		}
	}
	a.onStop("webhook listener", func(context.Context) error { return ignoreClosed(a.publicLn.Close()) })
	if a.o.AdminListen == "" {
		return nil
	}
	if a.adminLn, err = lc.Listen(ctx, "tcp", a.o.AdminListen); err != nil {
		return fmt.Errorf("listen for the console: %w", err)
	}
	a.onStop("console listener", func(context.Context) error { return ignoreClosed(a.adminLn.Close()) })
	return nil
}

// join makes this process known to the other replicas, and last of all leaves them again.
func (a *App) join(ctx context.Context) error {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	a.onStop("replica", a.store.Leave)
	return a.store.Join(ctx, fmt.Sprintf("%s/%d", host, os.Getpid()), a.o.Version, a.rulesets())
}

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// Addr is the address webhooks are taken at.
func (a *App) Addr() string { return a.publicLn.Addr().String() }

// AdminAddr is the address of the console; empty when there is none.
func (a *App) AdminAddr() string {
	if a.adminLn == nil {
		return ""
	}
	return a.adminLn.Addr().String()
}

// Store is the state, for readers such as the demo's summary.
func (a *App) Store() *store.Store { return a.store }

// Budget is the budget of API calls of the first workspace as it stands.
func (a *App) Budget() intercom.BudgetState { return a.workspaces[0].budget.State() }

// Failed gives the error of a server that stopped by itself, or of a replica that must not go on.
func (a *App) Failed() <-chan error { return a.failed }

// Start begins to serve and to work.
func (a *App) Start() {
	a.serve(a.public, a.publicLn)
	if a.adminLn != nil {
		a.serve(a.admin, a.adminLn)
	}
	a.running.Go(func() {
		if err := a.store.KeepAlive(a.work); err != nil {
			a.failed <- err
		}
	})
	a.holdTimers()
	for _, w := range a.workspaces {
		w.start()
	}
	a.running.Go(func() { a.prune(a.claims) })
	rules, secrets := 0, 0
	for _, w := range a.workspaces {
		rules, secrets = rules+len(w.rules.Current().Rules()), secrets+len(w.o.Secrets)
	}
	a.log.Info("switchboard is running", "version", a.o.Version, "webhooks", a.Addr()+WebhookPath,
		"console", a.AdminAddr(), "database", a.store.Path(), "workspaces", len(a.workspaces), "rules", rules,
		"ruleset", a.rulesets(), "secrets", secrets, "intercom", a.workspaces[0].o.BaseURL)
}

func (a *App) serve(s *http.Server, ln net.Listener) {
	a.running.Go(func() {
		if s.TLSConfig != nil {
			ln = tls.NewListener(ln, s.TLSConfig)
		}
		if err := s.Serve(ln); err != nil && !errors.Is(err, http.ErrServerClosed) {
			a.failed <- fmt.Errorf("serve %s: %w", ln.Addr(), err)
		}
	})
}

func (a *App) goLoop(alive *atomic.Bool, run func()) {
	alive.Store(true)
	a.loops.Go(func() {
		defer alive.Store(false)
		run()
	})
}

// Reload reads the rules again; when they are wrong, those in use stay (I8).
func (a *App) Reload() error {
	var errs []error
	for _, w := range a.workspaces {
		errs = append(errs, w.rules.reload())
	}
	return errors.Join(errs...)
}

// Stop ends everything, within ctx. When ctx ends first, calls in flight are cut off; they
// are in doubt then and are settled after the next start. It may be called more than once.
func (a *App) Stop(ctx context.Context) error {
	var err error
	a.stopOnce.Do(func() {
		a.stopping.Store(true)
		a.store.Retire() // others need not leave the decisions to this one while it waits for its calls
		a.intake.Stop()
		err = errors.Join(
			shutdown(ctx, "webhook server", a.public), // waits for requests that are inside
			a.finishLoops(ctx),
			shutdown(ctx, "console", a.admin),
		)
		a.running.Wait()
		err = errors.Join(err, a.close(ctx))
		a.log.Info("switchboard has stopped", "clean", err == nil)
	})
	return err
}

func shutdown(ctx context.Context, name string, s *http.Server) error {
	if err := s.Shutdown(ctx); err != nil {
		return errors.Join(fmt.Errorf("stop the %s: %w", name, err), s.Close())
	}
	return nil
}

// finishLoops lets no new work begin, waits for calls in flight, and cuts them off when ctx
// ends.
func (a *App) finishLoops(ctx context.Context) error {
	a.endClaims()
	defer a.endWork()
	done := make(chan struct{})
	go func() {
		a.loops.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		a.endWork()
		<-done
		return fmt.Errorf("calls in flight were cut off: %w", ctx.Err())
	}
}

// close closes what was opened, last first.
func (a *App) close(ctx context.Context) error {
	var errs []error
	for _, c := range slices.Backward(a.closers) {
		if err := c.fn(ctx); err != nil {
			errs = append(errs, fmt.Errorf("close the %s: %w", c.name, err))
		}
	}
	a.closers = nil
	return errors.Join(errs...)
}

// RulesError says that the rules cannot be used, and why, problem by problem.
type RulesError struct{ Problems []diag.Problem }

func (e *RulesError) Error() string {
	n := 0
	for _, p := range e.Problems {
		if p.Severity == diag.Error {
			n++
		}
	}
	if n == 1 {
		return "the rules have an error"
	}
	return fmt.Sprintf("the rules have %d errors", n)
}
