package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"switchboard/internal/app"
	"switchboard/internal/intercom"
	"switchboard/internal/recovery"
	"switchboard/internal/rules"
)

type backfillCmd struct {
	Since  string        `required:"" placeholder:"TIME" help:"How far to look back: a duration such as 2h, or a time such as 2026-03-02T13:00:00Z."`
	DryRun bool          `help:"List what was missed and recover nothing."`
	MaxAge time.Duration `help:"How old an event may be for customers to hear of it; what is older is parked. Default: as the service has it, or 2h."`

	Workspace string `help:"Name of the workspace, if the service serves several." placeholder:"NAME"`

	Rules     []string      `help:"Rule files or folders, if no service runs." default:"rules.yaml" env:"SWITCHBOARD_RULES"`
	Retention time.Duration `help:"How long the service keeps events, if no service runs." default:"720h" env:"SWITCHBOARD_RETENTION"`
	Format    string        `help:"Report as text or json." enum:"text,json" default:"text"`

	stateOf
	apiAddress
}

// Help is shown below the flags.
func (*backfillCmd) Help() string {
	return `Looks in Intercom for events that no notification told of, and lets the rules decide on them. The running
service does it when it answers at --admin (SWITCHBOARD_ADMIN_TOKEN is sent if set). When nobody listens
there, this command does it by itself, and the events wait in the database until a service runs; then it
needs INTERCOM_ACCESS_TOKEN.

Nothing is done twice: what a notification told of is not recovered, and asking again finds nothing new.
docs/recovery.md says which topics can be rebuilt.

Examples:
  switchboard backfill --since 2h --dry-run
  switchboard backfill --since 2026-03-02T13:00:00Z --max-age 30m

Exit code: 0 all was found, 1 not everything can be rebuilt, 2 wrong usage, 3 could not run.`
}

// Run recovers.
func (c *backfillCmd) Run(ctx context.Context, io streams) error {
	since, err := sinceOf(c.Since, time.Now())
	if err != nil {
		return usageError{err}
	}
	if c.MaxAge < 0 {
		return usageError{errors.New("--max-age is negative")}
	}
	body := recovery.BackfillBody{Since: since, DryRun: c.DryRun}
	if c.MaxAge > 0 {
		body.MaxAge = c.MaxAge.String()
	}
	var report *recovery.Report
	if c.Admin != "" {
		report, err = c.ask(ctx, body, io.err)
	}
	if c.Admin == "" || nobodyListens(err) {
		report, err = c.alone(ctx, recovery.Request{Since: since, DryRun: c.DryRun, MaxAge: c.MaxAge}, io.err)
	}
	if report != nil && !errors.Is(err, recovery.ErrRefused) {
		if err := c.print(report, io.out); err != nil {
			return err
		}
	}
	switch {
	case errors.Is(err, recovery.ErrRefused):
		return usageError{err}
	case err != nil:
		return err
	case report.Long+report.Tickets+report.Unreadable > 0:
		return exitError(exitProblems)
	}
	return nil
}

// sinceOf reads a duration back from now, or a time.
func sinceOf(text string, now time.Time) (time.Time, error) {
	if d, err := time.ParseDuration(text); err == nil {
		if d <= 0 {
			return time.Time{}, fmt.Errorf("--since %q: must be more than 0", text)
		}
		return now.Add(-d).UTC(), nil
	}
	at, err := time.Parse(time.RFC3339, text)
	switch {
	case err != nil:
		return time.Time{}, fmt.Errorf("--since %q: write a duration such as 2h, or a time such as 2026-03-02T13:00:00Z", text)
	case !at.Before(now):
		return time.Time{}, fmt.Errorf("--since %q: that is not in the past", text)
	}
	return at.UTC(), nil
}

// ask lets the running service do it and follows the progress.
func (c *backfillCmd) ask(ctx context.Context, body recovery.BackfillBody, progress io.Writer) (*recovery.Report, error) {
	query := url.Values{}
	if c.Workspace != "" {
		query.Set("workspace", c.Workspace)
	}
	resp, err := c.post(ctx, "backfill", query, body)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close() //nolint:errcheck // only read from
	if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusBadRequest {
		return nil, c.refusal(resp)
	}
	return follow(resp.Body, progress)
}

// follow reads the answer of the service, line by line.
func follow(body io.Reader, progress io.Writer) (report *recovery.Report, err error) {
	d := json.NewDecoder(body)
	for {
		var line recovery.Line
		if err := d.Decode(&line); err != nil {
			if report != nil {
				return report, nil
			}
			return nil, fmt.Errorf("the service stopped answering before the end; what it has recovered stays recovered, ask again: %w", err)
		}
		if line.Progress != nil {
			tell(progress, *line.Progress)
		}
		if line.Report != nil {
			report = line.Report
		}
		if line.Error != "" {
			if report == nil {
				return nil, fmt.Errorf("%w by the service: %s", recovery.ErrRefused, strings.TrimPrefix(line.Error, recovery.ErrRefused.Error()+": "))
			}
			return report, errors.New(line.Error)
		}
	}
}

func tell(w io.Writer, p recovery.Report) {
	_, _ = fmt.Fprintf(w, "%d of %d conversations read, %d events missing\n", p.Read, p.Conversations, p.Total())
}

// alone does it without a service.
func (c *backfillCmd) alone(ctx context.Context, q recovery.Request, progress io.Writer) (*recovery.Report, error) {
	client, workspace, err := c.connect(ctx)
	if err != nil {
		return nil, err
	}
	ruleset, problems := rules.Load(c.Rules)
	if ruleset == nil {
		return nil, &app.RulesError{Problems: problems}
	}
	log := slog.New(slog.NewTextHandler(progress, &slog.HandlerOptions{Level: slog.LevelWarn}))
	s, err := c.open(ctx)
	if err != nil {
		return nil, err
	}
	defer s.Close() //nolint:errcheck // everything is committed
	if c.Admin != "" {
		_, _ = fmt.Fprintf(progress, "no service answers at %s: working on %s\n", c.Admin, s.Path())
	}
	if err := s.File(ctx); err != nil { // what nobody has claimed yet is not missing
		return nil, err
	}
	r := recovery.New(recovery.Options{
		Store: s, Client: client, Workspace: func() string { return workspace }, Wants: ruleset.Wants, Retention: c.Retention, Logger: log,
	})
	report, err := r.Backfill(ctx, q, func(p recovery.Report) { tell(progress, p) })
	return &report, err
}

// connect tells which workspace the token is for.
func (c *backfillCmd) connect(ctx context.Context) (*intercom.Client, string, error) {
	token, err := secret("INTERCOM_ACCESS_TOKEN")
	if err != nil {
		return nil, "", usageError{err}
	}
	if token == "" {
		return nil, "", usageError{errors.New("set INTERCOM_ACCESS_TOKEN, the access token of your app, or --admin to where the service runs")}
	}
	base, err := c.url()
	if err != nil {
		return nil, "", usageError{err}
	}
	client, err := intercom.New(intercom.Options{
		BaseURL: base, Token: token, Budget: intercom.NewMemoryBudget(intercom.BudgetOptions{}), UserAgent: "switchboard/" + version(),
	})
	if err != nil {
		return nil, "", usageError{err}
	}
	me, err := client.Me(ctx)
	if err != nil {
		return nil, "", err
	}
	return client, me.App.IDCode, nil
}

// print writes the report.
func (c *backfillCmd) print(p *recovery.Report, out io.Writer) error {
	if c.Format == "json" {
		return writeJSON(out, p)
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, f := range p.Found {
		_, _ = fmt.Fprintf(w, "%s\t%s\tconversation %s\tpart %s\n", f.At.Format(time.RFC3339), f.Topic, f.Conversation, orDash(f.Part))
	}
	what := "recovered"
	if p.DryRun {
		what = "would be recovered"
	}
	_, _ = fmt.Fprintf(w, "since %s, %d conversations changed\n", p.Since.Format(time.RFC3339), p.Conversations)
	for _, topic := range slices.Sorted(maps.Keys(p.Recovered)) {
		_, _ = fmt.Fprintf(w, "%d\t%s\n", p.Recovered[topic], topic)
	}
	_, _ = fmt.Fprintf(w, "%d\tevents %s\n", p.Total(), what)
	for _, line := range []struct {
		n    int
		text string
	}{
		{p.Old, "of them are too old for customers to hear of: those actions are parked"},
		{p.Known, "were there already"},
		{p.Unwanted, "are missing, and no rule listens to their topics"},
		{p.Young, "are so young that their notifications may be on their way"},
		{p.Long, "conversations have more parts than Intercom returns: older events cannot be rebuilt"},
		{p.Tickets, "conversations are tickets: what happened after that is not rebuilt"},
		{p.Unreadable, "conversations cannot be read; the log of the service says why"},
		{p.Gone, "conversations do not exist any more"},
	} {
		if line.n > 0 {
			_, _ = fmt.Fprintf(w, "%d\t%s\n", line.n, line.text)
		}
	}
	return w.Flush()
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
