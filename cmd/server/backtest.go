package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"switchboard/internal/app"
	"switchboard/internal/backtest"
	"switchboard/internal/engine"
	"switchboard/internal/intercom"
	"switchboard/internal/operations"
	"switchboard/internal/rules"
	"switchboard/internal/store"
)

type backtestCmd struct {
	Rules   []string `required:"" help:"The changed rules: files or folders." placeholder:"PATH"`
	Against []string `help:"Rules to hold them against: files or folders. Default: the rules that the service has in use." placeholder:"PATH"`

	Since      when          `help:"Events that happened at this time or later: 2006-01-02, 2006-01-02T15:04:05Z, or 720h for thirty days ago." default:"720h"`
	Until      when          `help:"Events that happened before this time."`
	Workspace  string        `help:"Name or app id of a workspace, if the service serves several." placeholder:"NAME"`
	Fetch      bool          `help:"Ask Intercom for facts that were not recorded. What it says is true now, and may not have been true then."`
	FetchLimit int           `help:"With --fetch, make at most so many calls. Default: 500." placeholder:"N"`
	Timeout    time.Duration `help:"Give up after so long." default:"15m"`
	Format     string        `help:"Print text, json, or html: one page to keep or to send." enum:"text,json,html" default:"text"`

	stateOf
	apiAddress
}

// Help is shown below the flags.
func (*backtestCmd) Help() string {
	return `Has the changed rules and the old ones decide the events that are stored, side by side on a virtual clock,
timers included, and says which conversations would gain, lose or change which actions. Nothing is stored or
sent, and nothing is asked of Intercom: facts are those that were recorded. A rule that needs others fails in
the backtest, and the report counts that. With --fetch Intercom is asked for them, each once; the report says
for how many decisions that was done.

What rules do changes what happens next; the events are those that followed what was done then.

A running service does it, on the address of its console (--admin, with SWITCHBOARD_ADMIN_TOKEN). When
nobody listens there, it is done with the database, --against names the old rules, and --fetch needs
INTERCOM_ACCESS_TOKEN. How far it is goes to standard error; interrupting this command ends the backtest.

Examples:
  switchboard backtest --rules rules.new.yaml
  switchboard backtest --rules rules/ --since 2026-03-01 --format json
  switchboard backtest --rules rules.new.yaml --fetch --format html > report.html
  switchboard backtest --rules new.yaml --against old.yaml --admin "" --database sqlite:copy.db

Exit code: 0 no difference, 1 the rules differ or cannot be used, 2 wrong usage, 3 it could not run.`
}

// Run backtests and tells by the exit code whether anything differs.
func (c *backtestCmd) Run(ctx context.Context, io streams) error {
	r := operations.BacktestRequest{Since: c.Since.Time, Until: c.Until.Time, Workspace: c.Workspace}
	if err := c.bounds(&r); err != nil {
		return usageError{err}
	}
	var err error
	if r.New, err = sourcesOf(c.Rules); err != nil {
		return err
	}
	if len(c.Against) > 0 {
		if r.Old, err = sourcesOf(c.Against); err != nil {
			return err
		}
	}
	began := time.Now()
	progress := tellBacktest(io.err)
	here := func(ctx context.Context, s *store.Store, r operations.BacktestRequest) (*backtest.Report, error) {
		return c.alone(ctx, s, r, progress)
	}
	report, err := operateTold(ctx, io, c.stateOf, "backtest", r, here, progress)
	if err != nil {
		return err
	}
	switch c.Format {
	case "json":
		err = writeJSON(io.out, report)
	case "html":
		err = backtest.WriteHTML(io.out, report)
	default:
		err = backtest.WriteText(io.out, report)
	}
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(io.err, "%s in %s\n", plural(report.Events, "event"), time.Since(began).Round(time.Millisecond))
	if report.Differs() {
		return exitError(exitProblems)
	}
	return nil
}

// defaultFetches is how many calls --fetch makes at most.
const defaultFetches = 500

// bounds reads what a backtest may cost.
func (c *backtestCmd) bounds(r *operations.BacktestRequest) error {
	switch {
	case c.Timeout <= 0 || c.Timeout > operations.LongestBacktest:
		return fmt.Errorf("--timeout %s: say more than 0 and at most %s", c.Timeout, operations.LongestBacktest)
	case c.FetchLimit < 0 || c.FetchLimit > operations.MostFetched:
		return fmt.Errorf("--fetch-limit %d: from 1 to %d calls may be made", c.FetchLimit, operations.MostFetched)
	case c.FetchLimit > 0 && !c.Fetch:
		return errors.New("--fetch-limit is for --fetch: add that")
	}
	r.TimeoutSeconds = c.Timeout.Seconds()
	if c.Fetch {
		r.Fetch = cmp.Or(c.FetchLimit, defaultFetches)
	}
	return nil
}

// tellBacktest tells now and then how far it is.
func tellBacktest(w io.Writer) func(backtest.Progress) {
	const often = 2 * time.Second
	next := time.Now().Add(often)
	return func(p backtest.Progress) {
		if time.Now().Before(next) {
			return
		}
		next = time.Now().Add(often)
		calls := ""
		if p.Calls > 0 {
			calls = ", " + plural(p.Calls, "call") + " to Intercom"
		}
		_, _ = fmt.Fprintf(w, "%s decided, up to %s%s\n", plural(p.Events, "event"), stampOf(p.At), calls)
	}
}

// sourcesOf reads rules, which must be fine.
func sourcesOf(paths []string) (rules.Sources, error) {
	rs, problems := rules.Load(paths)
	if rs == nil {
		return rules.Sources{}, &app.RulesError{Problems: problems}
	}
	return rs.Sources(), nil
}

// alone does it without a service.
func (c *backtestCmd) alone(
	ctx context.Context, s *store.Store, r operations.BacktestRequest, progress func(backtest.Progress),
) (*backtest.Report, error) {
	if len(c.Against) == 0 {
		return nil, usageError{errors.New("no service says which rules are in use: name the old ones with --against")}
	}
	b := operations.Backtester{
		Ruleset:   func(string) *rules.Ruleset { return nil },
		Workspace: func(name string) (string, bool) { return name, true },
	}
	if r.Fetch > 0 {
		client, err := c.client()
		if err != nil {
			return nil, usageError{err}
		}
		if b.Ask, err = asking(ctx, client); err != nil {
			return nil, err
		}
	}
	return b.Backtest(ctx, s, r, progress)
}

// asking asks in the workspace that the token is for, and in no other.
func asking(ctx context.Context, client *intercom.Client) (func(context.Context, string, rules.Question) (json.RawMessage, error), error) {
	me, err := client.Me(ctx)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, workspace string, q rules.Question) (json.RawMessage, error) {
		if workspace != me.App.IDCode {
			return nil, fmt.Errorf("the access token belongs to the workspace %s, not to %s; name one with --workspace", me.App.IDCode, workspace)
		}
		return engine.AskNow(ctx, client, q)
	}, nil
}
