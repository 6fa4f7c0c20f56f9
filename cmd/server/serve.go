package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"os/signal"
	"runtime/pprof"
	"strings"
	"syscall"
	"time"

	"switchboard/internal/app"
	"switchboard/internal/diag"
	"switchboard/internal/intercom"
)

type serveCmd struct {
	Rules       []string `help:"Rule files or folders." default:"rules.yaml" env:"SWITCHBOARD_RULES"`
	Listen      string   `help:"Address for webhooks; Intercom sends to ${webhook_path}." default:":8080" env:"SWITCHBOARD_LISTEN"`
	AdminListen string   `help:"Address of the console, /metrics, /healthz and /readyz." default:"127.0.0.1:9090" env:"SWITCHBOARD_ADMIN_LISTEN"`
	adminFlags
	Workspaces string `help:"File that names several workspaces, with the rules and secrets of each; see docs/workspaces.md." env:"SWITCHBOARD_WORKSPACES" placeholder:"FILE"`
	Database   string `help:"Where state is kept: sqlite:FILE, or postgres://USER@HOST/NAME for several replicas." default:"sqlite:switchboard.db" env:"DATABASE_URL"`

	apiAddress

	MaxBody     int64         `help:"Bytes that a notification may have." default:"1048576" env:"SWITCHBOARD_MAX_BODY"`
	Concurrency int           `help:"Conversations acted on at the same time." default:"16" env:"SWITCHBOARD_CONCURRENCY"`
	BudgetShare float64       `help:"Part of Intercom's rate limit to use; the rest is for your other apps." default:"1" env:"SWITCHBOARD_BUDGET_SHARE"`
	MaxAttempts int           `help:"Attempts at an action before it is a dead letter." default:"40" env:"SWITCHBOARD_MAX_ATTEMPTS"`
	Settle      time.Duration `help:"Time after which an action in doubt is read back; longer than a call may take." default:"25s" env:"SWITCHBOARD_SETTLE"`
	Retention   time.Duration `help:"How long events are kept; 0 keeps them for ever." default:"720h" env:"SWITCHBOARD_RETENTION"`
	HTTPAllow   []string      `name:"http-allow" help:"Private networks that http actions may reach, such as 10.1.0.0/16." env:"SWITCHBOARD_HTTP_ALLOW" placeholder:"CIDR"`
	Takeover    time.Duration `help:"Time after which the work of a replica that is not heard of is taken over by the others; the same for all." default:"30s" env:"SWITCHBOARD_TAKEOVER"`
	Grace       time.Duration `help:"Time allowed for a clean stop." default:"20s" env:"SWITCHBOARD_GRACE"`

	RecoverEvery   time.Duration `help:"How often missed events are looked for, beside at the start; 0 never looks." default:"5m" env:"SWITCHBOARD_RECOVER_EVERY"`
	RecoverOverlap time.Duration `help:"How far a search for missed events goes back behind the one before." default:"10m" env:"SWITCHBOARD_RECOVER_OVERLAP"`
	MaxAge         time.Duration `help:"How old a missed event may be for customers to hear of it; what they would read of older ones is parked." default:"2h" env:"SWITCHBOARD_MAX_AGE"`

	SingleCommits bool   `help:"Commit every write by itself, to compare with group commit." hidden:""`
	CPUProfile    string `help:"Write a CPU profile to this file." hidden:"" type:"path"`

	LogFormat string `help:"Log lines as text or json." enum:"text,json" default:"text" env:"SWITCHBOARD_LOG_FORMAT"`
	LogLevel  string `help:"Least level that is logged: debug, info, warn or error." enum:"debug,info,warn,error" default:"info" env:"SWITCHBOARD_LOG_LEVEL"`
}

// apiAddress is where Intercom's API is.
type apiAddress struct {
	Region  string `help:"Where the workspace is hosted: us, eu or au." enum:"us,eu,au" default:"us" env:"INTERCOM_REGION"`
	BaseURL string `help:"Intercom's API, in place of a region." env:"INTERCOM_BASE_URL" placeholder:"URL"`
}

func (a apiAddress) url() (string, error) {
	if a.BaseURL != "" {
		return a.BaseURL, nil
	}
	return intercom.RegionURL(a.Region)
}

// Help is shown below the flags.
func (*serveCmd) Help() string {
	return `Secrets come from the environment only, each also as NAME_FILE (a file that holds it):
  INTERCOM_ACCESS_TOKEN    access token of your app
  INTERCOM_CLIENT_SECRET   client secret of your app; several separated by commas while rotating
  SWITCHBOARD_ADMIN_TOKEN  for the console, to do everything; one is required when it does not listen on loopback
  SWITCHBOARD_VIEW_TOKEN   for the console and /metrics, to read only
  SWITCHBOARD_HTTP_SECRET  signs what http actions send; required when a rule has one

Examples:
  INTERCOM_ACCESS_TOKEN=... INTERCOM_CLIENT_SECRET=... switchboard serve --rules rules/
  switchboard serve --listen :8443 --database sqlite:/var/lib/switchboard/state.db
  switchboard serve --database postgres://switchboard@db.internal/switchboard

A changed rules file is taken over by itself, and on SIGHUP; a wrong one never replaces a
good one. SIGTERM and SIGINT stop cleanly, a second one at once.`
}

// Run serves until a signal ends it.
func (c *serveCmd) Run(ctx context.Context, io streams) error {
	log, err := newLogger(io.err, c.LogFormat, c.LogLevel)
	if err != nil {
		return usageError{err}
	}
	workspaces, err := c.workspaces(io)
	if err != nil {
		return err
	}
	if err := c.checkAccess(io); err != nil {
		return err
	}
	o, err := c.options(log, workspaces)
	if err != nil {
		return usageError{err}
	}
	if len(workspaces) == 0 {
		if err := rulesExist(c.Rules); err != nil {
			return err
		}
	}
	// Signals are listened for before anything is built, so that a stop during start is clean.
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGTERM, os.Interrupt, syscall.SIGHUP)
	defer signal.Stop(signals)

	stopProfile, err := cpuProfile(c.CPUProfile)
	if err != nil {
		return err
	}
	defer stopProfile()
	a, err := app.New(ctx, o)
	if err != nil {
		return err
	}
	settle()
	c.logSettings(log, o)
	a.Start()
	return c.wait(ctx, a, signals, log)
}

// logSettings says what the service goes by. Of secrets it says whether they are there.
func (c *serveCmd) logSettings(log *slog.Logger, o app.Options) {
	log.Info("settings", "rules", c.Rules, "workspaces_file", c.Workspaces, "listen", c.Listen, "admin_listen", c.AdminListen, "access", c.Access,
		"admin_tls", c.AdminTLSCert != "", "admin_proxy", c.AdminProxy, "hide_text", c.HideText, "admin_token", configured(o.Admin.Token), "view_token", configured(o.Admin.ViewToken),
		"access_token", configured(o.Token), "client_secrets", len(o.Secrets), "http_secret", configured(o.HTTPSecret), "base_url", o.BaseURL,
		"concurrency", c.Concurrency, "budget_share", c.BudgetShare, "max_attempts", c.MaxAttempts, "max_body", c.MaxBody, "settle", c.Settle,
		"retention", c.Retention, "takeover", c.Takeover, "grace", c.Grace, "recover_every", c.RecoverEvery, "max_age", c.MaxAge, "http_allow", c.HTTPAllow)
}

func configured(secret string) string {
	if secret == "" {
		return "no"
	}
	return "configured"
}

// cpuProfile records where the time goes until stop is called.
func cpuProfile(path string) (stop func(), err error) {
	if path == "" {
		return func() {}, nil
	}
	f, err := os.Create(path) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() {
		pprof.StopCPUProfile()
		_ = f.Close()
	}, nil
}

// wait lets the service run until it is told to stop.
func (c *serveCmd) wait(ctx context.Context, a *app.App, signals <-chan os.Signal, log *slog.Logger) error {
	for {
		select {
		case s := <-signals:
			if s == syscall.SIGHUP {
				_ = a.Reload() // logged there; the rules in use go on
				continue
			}
			log.Info("stopping", "signal", s.String(), "grace", c.Grace.String())
			return stop(ctx, a, c.Grace, signals)
		case err := <-a.Failed():
			return errors.Join(err, stop(ctx, a, c.Grace, signals))
		case <-ctx.Done():
			return stop(context.WithoutCancel(ctx), a, c.Grace, signals)
		}
	}
}

// stop ends the app within the grace period; another signal to stop ends the patience.
func stop(ctx context.Context, a *app.App, grace time.Duration, signals <-chan os.Signal) error {
	ctx, cancel := context.WithTimeout(ctx, grace)
	defer cancel()
	go func() {
		for {
			select {
			case s := <-signals:
				if s != syscall.SIGHUP {
					cancel()
				}
			case <-ctx.Done():
				return
			}
		}
	}()
	return a.Stop(ctx)
}

// options are the app's settings from flags, environment and secret files.
func (c *serveCmd) options(log *slog.Logger, workspaces []app.Workspace) (app.Options, error) {
	base, err := c.url()
	if err != nil {
		return app.Options{}, err
	}
	token, err1 := secret("INTERCOM_ACCESS_TOKEN")
	signing, err2 := secret("INTERCOM_CLIENT_SECRET")
	admin, err3 := c.admin()
	posting, err4 := secret("SWITCHBOARD_HTTP_SECRET")
	allow, err5 := networks("http-allow", c.HTTPAllow)
	if err := errors.Join(err1, err2, err3, err4, err5); err != nil {
		return app.Options{}, err
	}
	o := app.Options{
		Database: c.Database, Workspaces: workspaces, Rules: c.Rules, Listen: c.Listen, AdminListen: c.AdminListen,
		Admin: admin, Token: token, Secrets: splitSecrets(signing), BaseURL: base,
		HTTPSecret: posting, HTTPAllow: allow,
		MaxBody: c.MaxBody, Concurrency: c.Concurrency, Share: c.BudgetShare, MaxAttempts: c.MaxAttempts,
		SingleCommits: c.SingleCommits, Settle: c.Settle, Retention: c.Retention, Takeover: c.Takeover, Version: version(), Logger: log,
	}
	o.RecoverEvery, o.RecoverOverlap, o.MaxAge = c.RecoverEvery, c.RecoverOverlap, c.MaxAge
	if c.RecoverEvery == 0 {
		o.RecoverEvery = -1 // the app would take 0 for its default
	}
	if c.RecoverEvery < 0 || c.RecoverOverlap <= 0 || c.MaxAge <= 0 {
		return o, errors.New("recover-overlap and max-age must be more than 0, and recover-every not less")
	}
	if c.BudgetShare == 0 || c.Concurrency == 0 || c.MaxAttempts == 0 || c.MaxBody == 0 || c.Settle == 0 || c.Takeover == 0 || c.Grace <= 0 {
		return o, errors.New("budget-share, concurrency, max-attempts, max-body, settle, takeover and grace must be more than 0")
	}
	return o, o.Validate()
}

// workspaces reads the file that names several, if there is one.
func (c *serveCmd) workspaces(io streams) ([]app.Workspace, error) {
	if c.Workspaces == "" {
		return nil, nil
	}
	list, problems := readWorkspaces(c.Workspaces)
	if len(problems) > 0 {
		if err := diag.WriteText(io.err, problems, colorful(io.err)); err != nil {
			return nil, err
		}
		return nil, exitError(exitProblems)
	}
	return list, nil
}

// networks reads networks in CIDR notation, or single addresses.
func networks(flag string, list []string) ([]netip.Prefix, error) {
	var prefixes []netip.Prefix
	for _, text := range list {
		if addr, err := netip.ParseAddr(text); err == nil {
			prefixes = append(prefixes, netip.PrefixFrom(addr, addr.BitLen()))
			continue
		}
		p, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, fmt.Errorf("%s %q: write a network such as 10.1.0.0/16, or an address", flag, text)
		}
		prefixes = append(prefixes, p.Masked())
	}
	return prefixes, nil
}

// secret reads NAME from the environment, or from the file that NAME_FILE names.
func secret(name string) (string, error) {
	value, path := os.Getenv(name), os.Getenv(name+"_FILE")
	switch {
	case path == "":
		return strings.TrimSpace(value), nil
	case value != "":
		return "", fmt.Errorf("%s and %s_FILE are both set: keep one", name, name)
	}
	content, err := os.ReadFile(path) //nolint:gosec // the operator names the file
	if err != nil {
		return "", fmt.Errorf("%s_FILE: %w", name, err)
	}
	return strings.TrimSpace(string(content)), nil
}

// splitSecrets splits at commas. An empty secret in between stays, to be refused: with an
// empty key anybody could sign.
func splitSecrets(s string) []string {
	if s == "" {
		return nil
	}
	list := strings.Split(s, ",")
	for i := range list {
		list[i] = strings.TrimSpace(list[i])
	}
	return list
}

func newLogger(w io.Writer, format, level string) (*slog.Logger, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, fmt.Errorf("log level %q: use debug, info, warn or error", level)
	}
	o := &slog.HandlerOptions{Level: l}
	if format == "json" {
		return slog.New(slog.NewJSONHandler(w, o)), nil
	}
	return slog.New(slog.NewTextHandler(w, o)), nil
}
