package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"switchboard/internal/app"
	"switchboard/internal/engine"
	"switchboard/internal/operations"
	"switchboard/internal/rules"
	"switchboard/internal/store"
)

type replayCmd struct {
	Events []string `arg:"" optional:"" name:"event" help:"Numbers of events, as the console and the log show them, or ids of notifications."`

	Rule      []string      `help:"Ask this rule only; may be given several times." placeholder:"NAME"`
	Topic     string        `help:"Events of this topic, such as conversation.user.replied."`
	Subject   string        `help:"Events about this, such as conversation/123."`
	Since     when          `help:"Events that happened at this time or later: 2006-01-02, 2006-01-02T15:04:05Z, or 2h for two hours ago."`
	Until     when          `help:"Events that happened before this time."`
	After     int64         `help:"Events that arrived after the one with this number." placeholder:"EVENT"`
	Limit     int           `help:"At the most so many, the oldest first." default:"1000"`
	Workspace string        `help:"Name or app id of a workspace, if the service serves several; the app id, if none runs." placeholder:"NAME"`
	MaxAge    time.Duration `help:"How old an event may be for customers to hear of it; what they would read of older ones is parked. Default: as the service has it, or 2h."`
	Force     bool          `help:"Let the rules named with --rule run on events that they have acted on. Their once, cooldown and limit still hold."`
	Do        bool          `name:"run" help:"Do it. Without this it is only told what would be done."`
	Format    string        `help:"Print text or json." enum:"text,json" default:"text"`

	Rules []string `help:"Rule files or folders, if no service runs." default:"rules.yaml" env:"SWITCHBOARD_RULES"`

	stateOf
}

// Help is shown below the flags.
func (*replayCmd) Help() string {
	return `Asks the rules in use again about events that are stored: after a rule was mended, went from shadow to
live, or is new. Without --run it tells what would be done, by what was read from Intercom when the events
came; a replay itself looks up again what the event does not hold.

A rule that has acted on an event is not asked about it again (but see --force), nor are rules that wait
(after). What customers would read is parked for a person if the event is older than --max-age, if any rule
has answered it, or if a teammate has replied or closed since.

A running service does it, on the address of its console (--admin, with SWITCHBOARD_ADMIN_TOKEN). When
nobody listens there, it is done in the database, for the next start.

Examples:
  switchboard replay --rule tag-vip --since 24h
  switchboard replay --rule tag-vip --since 24h --run
  switchboard replay 1234 notif_7b1f2c --run
  switchboard replay --topic conversation.user.created --since 2026-03-02T09:00:00Z --until 2026-03-02T11:00:00Z

Exit code: 0 fine, 1 some could not be replayed, 2 wrong usage, 3 it could not run.`
}

// Run replays and tells what became of each event.
func (c *replayCmd) Run(ctx context.Context, io streams) error {
	if err := c.validate(); err != nil {
		return usageError{err}
	}
	answer, err := operate(ctx, io, c.stateOf, "replay", operations.ReplayRequest{
		Events: c.Events, Topic: c.Topic, Subject: c.Subject, Workspace: c.Workspace, Since: c.Since.Time, Until: c.Until.Time, After: c.After,
		Rules: c.Rule, Limit: c.Limit, Force: c.Force, MaxAgeSeconds: c.MaxAge.Seconds(), Run: c.Do,
	}, c.alone)
	if err != nil {
		return err
	}
	if c.Format == "json" {
		err = json.NewEncoder(io.out).Encode(answer)
	} else {
		err = printReplay(io.out, answer)
	}
	if err != nil {
		return err
	}
	return c.judge(io.err, answer)
}

func (c *replayCmd) validate() error {
	switch {
	case len(c.Events) == 0 && c.Topic == "" && c.Subject == "" && c.Since.IsZero() && c.Until.IsZero() && c.After == 0:
		return errors.New("say which events: numbers or ids, --topic, --subject, --since, --until or --after")
	case c.Limit < 1 || c.Limit > operations.MostReplayed:
		return fmt.Errorf("--limit %d: from 1 to %d events are replayed at once", c.Limit, operations.MostReplayed)
	case c.Force && len(c.Rule) == 0:
		return errors.New("--force: say with --rule which rules are to run again")
	case c.MaxAge < 0:
		return errors.New("--max-age is negative")
	}
	return nil
}

// alone does it without a service, by the rules in the files.
func (c *replayCmd) alone(ctx context.Context, s *store.Store, r operations.ReplayRequest) (operations.ReplayAnswer, error) {
	ruleset, problems := rules.Load(c.Rules)
	if ruleset == nil {
		return operations.ReplayAnswer{}, &app.RulesError{Problems: problems}
	}
	e := engine.New(engine.Options{Store: s, Rules: func() *rules.Ruleset { return ruleset }})
	only := "" // the rules are those of one workspace
	return operations.Replayer{
		Engine: func(workspace string) *engine.Engine {
			if only = cmp.Or(only, workspace); workspace != only {
				return nil
			}
			return e
		},
		Workspace: func(name string) (string, bool) { return name, true },
	}.Replay(ctx, s, r)
}

// printReplay writes a line for each rule that would do something, or may.
func printReplay(out io.Writer, answer operations.ReplayAnswer) error {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, ev := range answer.Events {
		line := func(rule, does string) {
			_, _ = fmt.Fprintf(t, "%d\t%s\t%s\t%s\t%s\t%s\n", ev.Seq, ev.Happened.UTC().Format(time.RFC3339), ev.Topic, ev.Subject, rule, does)
		}
		if ev.Problem != "" {
			line("-", ev.Problem)
		}
		for _, r := range ev.Rules {
			if r.May {
				line(r.Rule, "may run: "+r.Reason)
			}
			if r.Verdict != rules.Ran {
				continue
			}
			var deeds []string
			for _, a := range r.Actions {
				if a.Parked != "" {
					a.Action += " (parked: " + a.Parked + ")"
				}
				deeds = append(deeds, a.Action)
			}
			line(r.Rule, strings.Join(deeds, "; "))
		}
	}
	return t.Flush()
}

// judge sums up, and tells by the exit code whether all went well.
func (c *replayCmd) judge(out io.Writer, answer operations.ReplayAnswer) error {
	stored, nothing, failed := answer.Count(operations.ReplayStored), answer.Count(operations.ReplayNothing), answer.Count(operations.ReplayFailed)
	summary := plural(stored, "event") + " replayed; the log and the console tell what the rules did"
	if !answer.Run {
		would, may := answer.Count(operations.ReplayPlanned), answer.Count(operations.ReplayMaybe)
		summary = fmt.Sprintf("rules would run on %s, and may on %d; nothing was done, --run does it", plural(would, "event"), may)
		if would+may == 0 {
			summary = "no rule would run; nothing was done"
		}
	}
	_, _ = fmt.Fprintln(out, summary)
	if nothing > 0 {
		_, _ = fmt.Fprintf(out, "%s left out, nothing to do:%s\n", plural(nothing, "event"), reasons(answer))
	}
	if answer.More {
		_, _ = fmt.Fprintf(out, "there are more than %d events: go on with --after %d\n", c.Limit, answer.Events[len(answer.Events)-1].Seq)
	}
	if len(answer.Events) == 0 {
		_, _ = fmt.Fprintln(out, "no stored event is meant that concerns the rules; events are kept for --retention, and those that wait to be decided are left alone")
	}
	if failed > 0 {
		return exitError(exitProblems)
	}
	return nil
}

// reasons tells how often each rule would do nothing, and why.
func reasons(answer operations.ReplayAnswer) string {
	counts, order := map[string]int{}, []string(nil)
	for _, ev := range answer.Events {
		if ev.Outcome != operations.ReplayNothing {
			continue
		}
		if len(ev.Rules) == 0 {
			ev.Rules = []operations.ReplayedRule{{Rule: ev.Topic, Reason: "no rule listens"}}
		}
		for _, r := range ev.Rules {
			key := r.Rule + ": " + r.Reason
			switch r.HeldBy {
			case rules.HeldByOnce, rules.HeldByCooldown, rules.HeldByLimit, rules.HeldByBreaker: // their reasons tell times
				key = r.Rule + ": held back by " + r.HeldBy
			}
			if counts[key]++; counts[key] == 1 {
				order = append(order, key)
			}
		}
	}
	const most = 10
	var b strings.Builder
	for i, key := range order {
		if i == most {
			_, _ = fmt.Fprintf(&b, "\n  and %d others, see --format json", len(order)-most)
			break
		}
		_, _ = fmt.Fprintf(&b, "\n  %d  %s", counts[key], key)
	}
	return b.String()
}
