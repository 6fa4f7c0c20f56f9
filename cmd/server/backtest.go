package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"switchboard/internal/app"
	"switchboard/internal/backtest"
	"switchboard/internal/operations"
	"switchboard/internal/rules"
	"switchboard/internal/store"
)

type backtestCmd struct {
	Rules   []string `required:"" help:"The changed rules: files or folders." placeholder:"PATH"`
	Against []string `help:"Rules to hold them against: files or folders. Default: the rules that the service has in use." placeholder:"PATH"`

	Since     when   `help:"Events that happened at this time or later: 2006-01-02, 2006-01-02T15:04:05Z, or 720h for thirty days ago." default:"720h"`
	Until     when   `help:"Events that happened before this time."`
	Workspace string `help:"Name or app id of a workspace, if the service serves several." placeholder:"NAME"`
	Format    string `help:"Print text or json." enum:"text,json" default:"text"`

	stateOf
}

// Help is shown below the flags.
func (*backtestCmd) Help() string {
	return `Has the changed rules and the old ones decide the events that are stored, side by side on a virtual clock,
timers included, and says which conversations would gain, lose or change which actions. Nothing is stored or
sent, and nothing is asked of Intercom: facts are those that were recorded. A rule that needs others fails in
the backtest, and the report counts that.

What rules do changes what happens next; the events are those that followed what was done then.

A running service does it, on the address of its console (--admin, with SWITCHBOARD_ADMIN_TOKEN). When
nobody listens there, it is done with the database, and --against names the old rules.

Examples:
  switchboard backtest --rules rules.new.yaml
  switchboard backtest --rules rules/ --since 2026-03-01 --format json
  switchboard backtest --rules new.yaml --against old.yaml --admin "" --database sqlite:copy.db

Exit code: 0 no difference, 1 the rules differ or cannot be used, 2 wrong usage, 3 it could not run.`
}

// Run backtests and tells by the exit code whether anything differs.
func (c *backtestCmd) Run(ctx context.Context, io streams) error {
	r := operations.BacktestRequest{Since: c.Since.Time, Until: c.Until.Time, Workspace: c.Workspace}
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
	report, err := operate(ctx, io, c.stateOf, "backtest", r, c.alone)
	if err != nil {
		return err
	}
	if c.Format == "json" {
		err = writeJSON(io.out, report)
	} else {
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

// sourcesOf reads rules, which must be fine.
func sourcesOf(paths []string) (rules.Sources, error) {
	rs, problems := rules.Load(paths)
	if rs == nil {
		return rules.Sources{}, &app.RulesError{Problems: problems}
	}
	return rs.Sources(), nil
}

// alone does it without a service.
func (c *backtestCmd) alone(ctx context.Context, s *store.Store, r operations.BacktestRequest) (*backtest.Report, error) {
	if len(c.Against) == 0 {
		return nil, usageError{errors.New("no service says which rules are in use: name the old ones with --against")}
	}
	return operations.Backtester{
		Ruleset:   func(string) *rules.Ruleset { return nil },
		Workspace: func(name string) (string, bool) { return name, true },
	}.Backtest(ctx, s, r)
}
