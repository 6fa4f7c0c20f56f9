package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"switchboard"
	"switchboard/internal/app"
	"switchboard/internal/simulator"
)

type demoCmd struct {
	For         time.Duration `help:"End after this time, with a summary; without it the demo runs on until Ctrl-C." placeholder:"DURATION"`
	Rules       []string      `help:"Your own rule files or folders in place of the built-in example." placeholder:"PATH"`
	AdminListen string        `help:"Address of the console; another port is taken when this one is not free." default:"127.0.0.1:9090"`
	RateLimit   int           `help:"API calls that the built-in Intercom allows in 10 seconds." default:"167"`
	Rate        float64       `help:"Conversations that begin each second." default:"1"`
	Seed        uint64        `help:"Another seed, another day at the help desk." default:"1"`
}

// Help is shown below the flags.
func (*demoCmd) Help() string {
	return `The whole service runs against a built-in Intercom with customers, teammates and webhooks.
It needs no account and no network, and keeps its state in a temporary folder.

Examples:
  switchboard demo
  switchboard demo --for 15s
  switchboard demo --rules my-rules.yaml     (edit the file while it runs)`
}

// Run shows the service at work.
func (c *demoCmd) Run(ctx context.Context, io streams) (err error) {
	if c.For < 0 || c.Rate <= 0 || c.RateLimit <= 0 {
		return usageError{errors.New("--for must not be negative, --rate and --rate-limit must be more than 0")}
	}
	if len(c.Rules) > 0 {
		if err := rulesExist(c.Rules); err != nil {
			return err
		}
	}
	// A terminal that is closed and a pipe that breaks end the demo as Ctrl-C does: its folder
	// goes with it.
	ctx, stopSignals := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE)
	defer stopSignals()
	dir, err := os.MkdirTemp("", "switchboard-demo-")
	if err != nil {
		return fmt.Errorf("make a folder for the demo: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()

	d := &demo{cmd: c, story: newStory(io.out), token: rand.Text(), secret: rand.Text()}
	if err := d.build(ctx, dir); err != nil {
		return err
	}
	d.announce()
	d.run(ctx)
	return d.finish(context.WithoutCancel(ctx))
}

// demo is a whole service beside a whole Intercom.
type demo struct {
	cmd           *demoCmd
	story         *story
	token, secret string
	rules         []string

	app     *app.App
	sim     *simulator.Simulator
	api     *http.Server
	started time.Time
}

// build starts the built-in Intercom and the service. Each needs the other's address, so
// both are bound before either runs.
func (d *demo) build(ctx context.Context, dir string) error {
	d.rules = d.cmd.Rules
	if len(d.rules) == 0 {
		path := filepath.Join(dir, "rules.yaml")
		if err := os.WriteFile(path, switchboard.ExampleRules, 0o600); err != nil {
			return fmt.Errorf("write the example rules: %w", err)
		}
		d.rules = []string{path}
	}
	var lc net.ListenConfig
	apiLn, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("start the built-in Intercom: %w", err)
	}
	d.app, err = app.New(ctx, app.Options{
		Database: "sqlite:" + filepath.Join(dir, "switchboard.db"), Rules: d.rules,
		Listen: "127.0.0.1:0", AdminListen: freeOr(ctx, d.cmd.AdminListen),
		Token: d.token, Secrets: []string{d.secret}, BaseURL: "http://" + apiLn.Addr().String(),
		Version: version(), Logger: d.story.logger(),
	})
	if err != nil {
		return errors.Join(err, apiLn.Close())
	}
	d.sim = simulator.New(simulator.Options{
		Token: d.token, Secret: d.secret, WebhookURL: "http://" + d.app.Addr() + app.WebhookPath,
		RateLimit: d.cmd.RateLimit, Seed: d.cmd.Seed, JournalCap: 20_000, KeepConversations: 5_000,
		Faults: simulator.Faults{Latency: simulator.Latency{Min: 5 * time.Millisecond, Spread: 15 * time.Millisecond, Max: 200 * time.Millisecond}},
	})
	simulator.DemoWorkspace(d.sim)
	d.story.sim = d.sim
	d.api = &http.Server{Handler: d.sim.Handler(), ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = d.api.Serve(apiLn) }()
	d.app.Start()
	d.started = time.Now()
	return nil
}

// freeOr returns the address, or one with any free port when it is taken: a second demo, or
// a Prometheus on 9090, is no reason to fail.
func freeOr(ctx context.Context, address string) string {
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", address)
	if err == nil {
		_ = ln.Close()
		return address
	}
	if host, _, splitErr := net.SplitHostPort(address); splitErr == nil && errors.Is(err, syscall.EADDRINUSE) {
		return net.JoinHostPort(host, "0")
	}
	return address // whatever is wrong with it is said when it is bound
}

func (d *demo) announce() {
	d.story.printf(`Switchboard and a built-in Intercom are running: signed webhooks go one way, API calls the other.

  console  http://%s/
  rules    %s  (edit them: changes are taken over at once)
  budget   %d API calls in 10 seconds

Look around in the console: each event and why the rules did what they did, what was sent, what
waits. Some things go wrong on purpose: a dead letter to retry, and a reply that may have arrived
or not, for you to decide (it takes half a minute).

Each line: seconds, conversation, what happened; below an event the rules that ran on it and
what they did.

`, d.app.AdminAddr(), strings.Join(d.rules, ", "), d.cmd.RateLimit)
}

// run lets the help desk live until time is up or somebody stops it.
func (d *demo) run(ctx context.Context) {
	if d.cmd.For > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, d.cmd.For)
		defer cancel()
	}
	delivering, stopDelivering := context.WithCancel(context.WithoutCancel(ctx))
	defer stopDelivering()
	go func() { _ = d.sim.Run(delivering) }()
	if d.cmd.For == 0 { // there is somebody to look at it
		go d.mishaps(ctx)
	}
	if err := d.sim.Live(ctx, simulator.TrafficOptions{Rate: d.cmd.Rate, Speed: 600}); err != nil {
		d.story.printf("the help desk stopped: %v\n", err)
	}
	d.story.printf("\nNobody writes any more; what has begun is finished.\n\n")
	d.settle(context.WithoutCancel(ctx))
}

// settle waits until what has begun is finished, for a few seconds at the most: the calls
// of the last events may have to wait for the next window of the budget.
func (d *demo) settle(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 12*time.Second)
	defer cancel()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for calm := 0; calm < 3; { // an action makes a webhook, which makes an event
		st, err := d.app.Store().Stats(ctx)
		if err == nil && st.EventsWaiting == 0 && st.ActionsWaiting == 0 && d.sim.WaitDelivered(ctx) == nil {
			calm++
		} else {
			calm = 0
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// finish stops everything and sums up.
func (d *demo) finish(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	st, statsErr := d.app.Store().Stats(ctx)
	lasted := time.Since(d.started)
	err := errors.Join(statsErr, d.app.Stop(ctx), d.sim.Close(), d.api.Close())
	if err == nil {
		d.story.summary(d.sim, st, lasted)
	}
	return err
}
