package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"time"

	"switchboard/internal/app"
	"switchboard/internal/event"
	"switchboard/internal/operations"
	"switchboard/internal/rules"
	"switchboard/internal/ruletest"
	"switchboard/internal/store"
)

type explainCmd struct {
	What string `arg:"" name:"event" help:"Number of an event, id of a notification, a conversation or other subject such as conversation/123, or a file with a notification (- for standard input)."`

	Rule      string `help:"Explain this rule only." placeholder:"NAME"`
	Now       bool   `help:"Ask the rules in use, on the facts of then, in place of the rules that decided."`
	Limit     int    `help:"Of a subject, so many of the last events." default:"20"`
	Workspace string `help:"Name or app id of a workspace, if the service serves several." placeholder:"NAME"`
	Format    string `help:"Print text or json." enum:"text,json" default:"text"`

	SaveAsTest string `help:"Make a test of the event, with customers' data masked, for the rules in --rules: FILE.test.yaml, and the record of the event beside it." placeholder:"FILE"`

	Rules []string `help:"Rule files or folders: for a file, or if no service runs." default:"rules.yaml" env:"SWITCHBOARD_RULES"`

	stateOf
}

// Help is shown below the flags.
func (*explainCmd) Help() string {
	return `Says of every rule whether it ran, did not match, was held back or failed, and why: each condition with
what came of it and the facts that it read, and the one that decided. Decisions are explained by the rules
that made them, from the facts that were recorded then, also when the rules have changed since.

A notification in a file is decided by --rules. Nothing is looked up for it: a rule that needs more than
the notification holds fails, and says what it lacks.

Examples:
  switchboard explain 1234
  switchboard explain conversation/215472001 --rule tag-vip
  switchboard explain 1234 --now
  switchboard explain notification.json --rules rules.yaml
  switchboard explain 1234 --save-as-test rules.refund.test.yaml

Exit code: 0 fine, 1 there is no such event, 2 wrong usage, 3 it could not run.`
}

// subjectForm is how a subject is written: a kind and an id.
var subjectForm = regexp.MustCompile(`^[a-z_]+/[^/.]+$`)

// Run explains.
func (c *explainCmd) Run(ctx context.Context, io streams) error {
	if c.Limit < 1 {
		return usageError{fmt.Errorf("--limit %d: say at least 1", c.Limit)}
	}
	if c.SaveAsTest != "" && !ruletest.IsTestFile(c.SaveAsTest) {
		return usageError{fmt.Errorf("--save-as-test %s: the name of a file of tests ends in .test.yaml", c.SaveAsTest)}
	}
	answer, err := c.explain(ctx, io)
	if err != nil {
		return err
	}
	if c.SaveAsTest != "" {
		return c.save(ctx, io, answer)
	}
	if c.Format == "json" {
		return writeJSON(io.out, answer)
	}
	for i, one := range answer.Events {
		if i > 0 {
			_, _ = fmt.Fprintln(io.out)
		}
		if err := printExplained(io.out, one); err != nil {
			return err
		}
	}
	return nil
}

func (c *explainCmd) explain(ctx context.Context, io streams) (operations.ExplainAnswer, error) {
	if text, err := c.file(io); err != nil || text != nil {
		if err != nil {
			return operations.ExplainAnswer{}, err
		}
		answer, err := c.notification(ctx, text)
		return answer, told(err, io)
	}
	r := operations.ExplainRequest{Event: c.What, Workspace: c.Workspace, Rule: c.Rule, Now: c.Now, Limit: c.Limit, Record: c.SaveAsTest != ""}
	if subjectForm.MatchString(c.What) {
		r.Event, r.Subject = "", c.What
	}
	return operate(ctx, io, c.stateOf, "explain", r, c.alone)
}

// file reads the file that is named; nil when the name is none of a file.
func (c *explainCmd) file(in streams) ([]byte, error) {
	if c.What == "-" {
		return io.ReadAll(in.in)
	}
	text, err := os.ReadFile(c.What)
	if errors.Is(err, os.ErrNotExist) {
		if strings.HasSuffix(c.What, ".json") {
			return nil, err
		}
		return nil, nil
	}
	return text, err
}

// notification explains what the rules in the files would decide on a notification.
func (c *explainCmd) notification(ctx context.Context, text []byte) (operations.ExplainAnswer, error) {
	ruleset, problems := rules.Load(c.Rules)
	if ruleset == nil {
		return operations.ExplainAnswer{}, &app.RulesError{Problems: problems}
	}
	now := time.Now().UTC()
	ev, err := event.Parse(bytes.TrimSpace(text), now)
	if err != nil {
		return operations.ExplainAnswer{}, fmt.Errorf("%s: %w", c.What, err)
	}
	one, err := operations.ExplainNotification(ctx, ruleset, ev, c.Rule)
	if c.SaveAsTest == "" {
		one.Record = nil
	}
	return operations.ExplainAnswer{Events: []operations.Explained{one}}, err
}

// alone explains without a service.
func (c *explainCmd) alone(ctx context.Context, s *store.Store, r operations.ExplainRequest) (operations.ExplainAnswer, error) {
	ruleset, _ := rules.Load(c.Rules) // those that decided are kept; these may be missing
	return operations.Explainer{
		Ruleset:   func(string) *rules.Ruleset { return ruleset },
		Workspace: func(name string) (string, bool) { return name, true },
	}.Explain(ctx, s, r)
}

// save makes a test of the event, and runs it.
func (c *explainCmd) save(ctx context.Context, io streams, answer operations.ExplainAnswer) error {
	if n := len(answer.Events); n != 1 {
		return usageError{fmt.Errorf("--save-as-test makes a test of one event, and these are %d: name one by its number", n)}
	}
	one := answer.Events[0]
	if one.Record == nil {
		return errors.New("the service does not give the record of the event: it is older than this program")
	}
	saved, err := ruletest.Save(ctx, c.SaveAsTest, c.Rules, one.Record)
	if bad, ok := errors.AsType[*ruletest.ProblemsError](err); ok {
		return &app.RulesError{Problems: bad.Problems}
	}
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(io.out, "wrote %s and %s\n", saved.Test, saved.Record)
	if len(saved.Kept) > 0 {
		_, _ = fmt.Fprintf(io.out, "not masked, because the rules decide by it: %s\n", strings.Join(saved.Kept, "; "))
	}
	file, problems := ruletest.Load(saved.Test)
	if file == nil {
		return &app.RulesError{Problems: problems}
	}
	report, err := ruletest.Run(ctx, []*ruletest.File{file}, nil, nil)
	if err != nil {
		return err
	}
	if result := report.Results[0]; !result.Passed() {
		return errors.Join(ruletest.WriteResult(io.out, result), exitError(exitProblems))
	}
	_, _ = fmt.Fprintf(io.out, "it passes: %s\n", plural(saved.Runs, "rule run"))
	return nil
}

func printExplained(out io.Writer, one operations.Explained) error {
	if one.Seq == 0 {
		_, _ = fmt.Fprintf(out, "notification %s: %s on %s\n", one.ID, one.Topic, one.Subject)
		_, _ = fmt.Fprintf(out, "happened %s; by the rules %s\n", stampOf(one.HappenedAt), one.Ruleset)
	} else {
		_, _ = fmt.Fprintf(out, "event %d %s: %s on %s\n", one.Seq, one.ID, one.Topic, one.Subject)
		_, _ = fmt.Fprintf(out, "happened %s, decided %s by the rules %s\n", stampOf(one.HappenedAt), stampOf(one.Decided), one.Ruleset)
	}
	if one.By != one.Ruleset {
		_, _ = fmt.Fprintf(out, "explained by the rules %s\n", one.By)
	}
	if one.Differs != "" {
		_, _ = fmt.Fprintf(out, "%s\n", one.Differs)
	}
	if one.Own != "" {
		_, _ = fmt.Fprintf(out, "own work: %s\n", one.Own)
	}
	_, _ = fmt.Fprintln(out)
	return rules.WriteExplanation(out, one.Rules)
}

func stampOf(t time.Time) string { return t.UTC().Format(time.RFC3339) }
