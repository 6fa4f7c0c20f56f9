package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"switchboard/internal/operations"
	"switchboard/internal/store"
)

type retryCmd struct {
	IDs []int64 `arg:"" optional:"" name:"id" help:"Numbers of actions, as the console and --dry-run show them."`

	Rule    string `help:"Actions of this rule."`
	Kind    string `help:"Actions of this kind, such as tag or reply."`
	Subject string `help:"Actions on this subject, such as conversation/123."`
	Error   string `help:"Actions whose error contains this text, in capitals or not." placeholder:"TEXT"`
	Since   when   `help:"Actions that failed at this time or later: 2006-01-02, 2006-01-02T15:04:05Z, or 2h for two hours ago."`
	Until   when   `help:"Actions that failed before this time."`
	Limit   int    `help:"At the most so many, the oldest first." default:"1000"`
	All     bool   `help:"All dead letters; needed when nothing else says which."`

	Parked string `help:"Parked actions in place of dead letters, and what you found out about them: sent (they are done) or not-sent (send them)." enum:"sent,not-sent," default:""`
	DryRun bool   `short:"n" help:"Show what would be retried, and do nothing."`
	Format string `help:"Print text or json." enum:"text,json" default:"text"`

	stateOf
}

// Help is shown below the flags.
func (*retryCmd) Help() string {
	return `Dead letters are actions that failed for good. Retried, they have all their attempts again, and what
their runs held back follows them in order. They go before what was planned for the same conversation
later. The history of their attempts stays.

Parked actions are in doubt: nobody knows whether Intercom did them. Look there first, then say
--parked sent or --parked not-sent.

A running service does it, on the address of its console (--admin, with SWITCHBOARD_ADMIN_TOKEN). When
nobody listens there, it is done in the database, for the next start.

Examples:
  switchboard retry --all --dry-run
  switchboard retry --rule refunds-to-finance --error "team not found"
  switchboard retry --since 2h
  switchboard retry 1234 1235 --parked not-sent

Exit code: 0 fine, 1 some could not be retried, 2 wrong usage, 3 it could not run.`
}

// Run retries and tells what became of each action.
func (c *retryCmd) Run(ctx context.Context, io streams) error {
	if err := c.validate(); err != nil {
		return usageError{err}
	}
	answer, err := operate(ctx, io, c.stateOf, "retry", operations.RetryRequest{
		IDs: c.IDs, Rule: c.Rule, Kind: c.Kind, Subject: c.Subject, Error: c.Error, Since: c.Since.Time, Until: c.Until.Time,
		Limit: c.Limit, Parked: c.Parked, DryRun: c.DryRun,
	}, operations.Retry)
	if err != nil {
		return err
	}
	if err := c.print(io.out, answer); err != nil {
		return err
	}
	return c.judge(io.err, answer)
}

func (c *retryCmd) validate() error {
	filtered := len(c.IDs) > 0 || c.Rule != "" || c.Kind != "" || c.Subject != "" || c.Error != "" || !c.Since.IsZero() || !c.Until.IsZero()
	switch {
	case !filtered && !c.All:
		return errors.New("say which actions: numbers, --rule, --kind, --subject, --error, --since, --until, or --all")
	case filtered && c.All:
		return errors.New("--all leaves nothing to choose: leave it out, or the others")
	case c.Limit < 1 || c.Limit > operations.MostRetried:
		return fmt.Errorf("--limit %d: from 1 to %d actions are retried at once", c.Limit, operations.MostRetried)
	}
	return nil
}

func (c *retryCmd) print(out io.Writer, answer operations.RetryAnswer) error {
	if c.Format == "json" {
		return json.NewEncoder(out).Encode(answer)
	}
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, a := range answer.Actions {
		outcome := string(a.Outcome)
		switch {
		case answer.DryRun:
			outcome = string(a.State)
		case a.Outcome == store.OutcomeRetried && c.Parked == operations.ParkedSent:
			outcome = string(store.VerdictDone)
		}
		_, _ = fmt.Fprintf(t, "%d\t%s\t%s\t%s\t%s\t%s\n", a.ID, outcome, a.Rule, a.Kind, a.Subject, a.Error)
	}
	return t.Flush()
}

// judge sums up, and tells by the exit code whether all went well.
func (c *retryCmd) judge(out io.Writer, answer operations.RetryAnswer) error {
	counts := map[store.Outcome]int{}
	for _, a := range answer.Actions {
		counts[a.Outcome]++
	}
	summary := plural(counts[store.OutcomeRetried], "action") + " retried"
	switch {
	case answer.DryRun:
		summary = plural(len(answer.Actions), "action") + " would be retried; nothing was done"
	case c.Parked == operations.ParkedSent:
		summary = plural(counts[store.OutcomeRetried], "action") + " settled as done"
	}
	if answer.More {
		summary += fmt.Sprintf("; there are more than %d, run it again", c.Limit)
	}
	_, _ = fmt.Fprintln(out, summary)
	if n := counts[store.OutcomeBusy]; n > 0 {
		_, _ = fmt.Fprintf(out, "%s left alone: their conversations are being worked on, try again in a minute\n", plural(n, "action"))
	}
	if n := counts[store.OutcomeGone]; n > 0 {
		_, _ = fmt.Fprintf(out, "%s left alone: somebody else was quicker\n", plural(n, "action"))
	}
	if counts[store.OutcomeBusy]+counts[store.OutcomeGone] > 0 {
		return exitError(exitProblems)
	}
	return nil
}

// when is a time on the command line.
type when struct{ time.Time }

// UnmarshalText reads a day, a time, or how long ago.
func (w *when) UnmarshalText(text []byte) error {
	if ago, err := time.ParseDuration(string(text)); err == nil && ago >= 0 {
		w.Time = time.Now().Add(-ago).UTC()
		return nil
	}
	for _, layout := range []string{time.RFC3339Nano, time.DateOnly} {
		if t, err := time.Parse(layout, string(text)); err == nil {
			w.Time = t.UTC()
			return nil
		}
	}
	return fmt.Errorf("%q is no time: write 2006-01-02, 2006-01-02T15:04:05Z, or 2h for two hours ago", text)
}
