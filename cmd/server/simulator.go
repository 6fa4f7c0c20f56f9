package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"switchboard/internal/simulator"
)

type simulatorCmd struct {
	Listen  string `help:"Address of the API." default:"127.0.0.1:9300"`
	Token   string `help:"Access token to accept; made up and printed when there is none." placeholder:"TOKEN"`
	Webhook string `help:"Where to send signed notifications." placeholder:"URL"`
	Secret  string `help:"Client secret to sign them with." placeholder:"SECRET"`
	AppID   string `help:"Code of the workspace." default:"${app_id}"`

	Limit   int           `help:"API calls allowed in 10 seconds." default:"167"`
	Fail    []string      `help:"What goes wrong, and how often; see above." placeholder:"NAME=RATE"`
	Latency time.Duration `help:"About how long answers take." default:"0s"`

	Region string        `help:"Where the workspace is hosted, as its answers say." enum:"us,eu,au" default:"us"`
	Skew   time.Duration `help:"How far its clock is ahead of this machine's; negative when it is behind." default:"0s"`

	Empty   bool    `help:"Begin with nobody but the token's own admin, in place of a sample workspace."`
	Traffic float64 `help:"Conversations that customers begin each second." default:"0"`
	Seed    uint64  `help:"Another seed, other ids and other faults." default:"1"`
	OldForm bool    `help:"Notifications in the form of API 1.x."`
	Quiet   bool    `help:"No line for each call."`
}

// Help is shown below the flags.
func (*simulatorCmd) Help() string {
	return `An Intercom in memory, for tests and for people who build against Intercom: REST API 2.14 with
state, search, rate limits and faults, and signed webhooks of every change. Point any client
at it by its base URL. Nothing is kept when it ends.

Token and secret may also come from the environment, as for serve: INTERCOM_ACCESS_TOKEN and
INTERCOM_CLIENT_SECRET, or each as NAME_FILE.

What can go wrong with --fail: ` + strings.Join(simulator.FaultNames(), ", ") + `.
The number is the share of calls that it strikes, from 0 to 1. "after" means that the call had
its effect and the client cannot know. A colon gives the length of slow answers and hangs, an
@ the calls that are meant (a method, a path, or both).

Examples:
  switchboard simulator --token secret-token
  switchboard simulator --webhook http://127.0.0.1:8080/webhooks/intercom --secret s3cret --traffic 0.5
  switchboard simulator --limit 20 --fail 5xx=0.1,reset-after=0.02,hang-after=0.01:30s
  switchboard simulator --fail '502=0.5@POST /conversations/{id}/reply'`
}

// Run serves the simulated Intercom until a signal ends it.
func (c *simulatorCmd) Run(ctx context.Context, io streams) error {
	o, err := c.options(io.err)
	if err != nil {
		return usageError{err}
	}
	ctx, stopSignals := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stopSignals()

	madeUp := o.Token == ""
	if madeUp {
		o.Token = rand.Text()
	}
	sim := simulator.New(o)
	if !c.Empty {
		if _, err := simulator.SampleWorkspace(sim); err != nil {
			return err
		}
	}
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", c.Listen)
	if err != nil {
		return fmt.Errorf("serve the API: %w", err)
	}
	c.announce(io.out, ln.Addr(), o, madeUp)
	return c.serve(ctx, sim, ln)
}

// options are the simulator's settings from flags, environment and secret files.
func (c *simulatorCmd) options(log io.Writer) (simulator.Options, error) {
	token, err1 := orSecret(c.Token, "INTERCOM_ACCESS_TOKEN")
	signing, err2 := orSecret(c.Secret, "INTERCOM_CLIENT_SECRET")
	o := simulator.Options{
		Token: token, Secret: signing, AppID: c.AppID, WebhookURL: c.Webhook, RateLimit: c.Limit, Old: c.OldForm,
		Region: strings.ToUpper(c.Region), Skew: c.Skew,
		Seed: c.Seed, JournalCap: 1_000, KeepConversations: 20_000,
	}
	errs := []error{err1, err2}
	if c.Webhook != "" {
		if u, err := url.Parse(c.Webhook); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			errs = append(errs, fmt.Errorf("--webhook %q: write an http or https URL", c.Webhook))
		}
		if signing == "" {
			errs = append(errs, errors.New("--webhook needs --secret or INTERCOM_CLIENT_SECRET: with an empty key anybody could sign"))
		}
	}
	if c.Limit <= 0 || c.Latency < 0 || c.Traffic < 0 {
		errs = append(errs, errors.New("--limit must be more than 0, --latency and --traffic must not be negative"))
	}
	if c.Traffic > 0 && c.Empty {
		errs = append(errs, errors.New("--traffic needs customers, and with --empty there are none"))
	}
	for _, text := range c.Fail {
		fault, err := simulator.ParseFault(text)
		if err != nil {
			errs = append(errs, err)
		}
		o.Faults.Rules = append(o.Faults.Rules, fault)
	}
	o.Faults.Latency = simulator.Latency{Min: c.Latency / 2, Spread: c.Latency / 2, Max: 10 * c.Latency}
	if !c.Quiet {
		o.OnCall = accessLog(log)
	}
	return o, errors.Join(errs...)
}

// orSecret is the value of a flag or, when there is none, the secret of that name.
func orSecret(flag, name string) (string, error) {
	if flag != "" {
		return flag, nil
	}
	return secret(name)
}

// accessLog writes a line for each call, without any of its words.
func accessLog(w io.Writer) func(simulator.Entry) {
	var mu sync.Mutex
	return func(e simulator.Entry) {
		line := fmt.Sprintf("%s %3d %s %s", e.Time.Format("15:04:05.000"), e.Status, e.Method, e.Path)
		if e.Effect != simulator.EffectNone {
			line += "  " + string(e.Effect)
		}
		if e.Code != "" {
			line += "  " + e.Code
		}
		if e.Fault != "" {
			line += "  fault " + string(e.Fault)
		}
		mu.Lock()
		defer mu.Unlock()
		_, _ = fmt.Fprintln(w, line)
	}
}

func (c *simulatorCmd) announce(w io.Writer, addr net.Addr, o simulator.Options, madeUp bool) {
	token := "as given"
	if madeUp {
		token = o.Token
	}
	webhook := "none (--webhook URL --secret SECRET sends them)"
	if o.WebhookURL != "" {
		webhook = "to " + o.WebhookURL
	}
	_, _ = fmt.Fprintf(w, `A simulated Intercom is running.

  API            http://%s
  token          %s
  limit          %d calls in 10 seconds
  notifications  %s

`, addr, token, c.Limit, webhook)
}

// serve answers calls and delivers notifications until ctx ends, and then stops cleanly.
func (c *simulatorCmd) serve(ctx context.Context, sim *simulator.Simulator, ln net.Listener) error {
	server := &http.Server{Handler: sim.Handler(), ReadHeaderTimeout: 5 * time.Second}
	failed := make(chan error, 2)
	go func() { failed <- server.Serve(ln) }()
	var running sync.WaitGroup
	running.Go(func() { _ = sim.Run(ctx) })
	if c.Traffic > 0 {
		running.Go(func() {
			if err := sim.Live(ctx, simulator.TrafficOptions{Rate: c.Traffic}); err != nil {
				failed <- err
			}
		})
	}
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	err = errors.Join(err, sim.Close()) // ends answers that hang
	err = errors.Join(err, server.Shutdown(closing))
	running.Wait()
	return err
}
