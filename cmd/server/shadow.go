package main

import (
	"context"
	"fmt"
	"time"

	"switchboard/internal/operations"
	"switchboard/internal/rules"
	"switchboard/internal/shadow"
	"switchboard/internal/store"
)

type shadowCmd struct {
	Rule      string        `help:"Tell of this rule only." placeholder:"NAME"`
	Since     when          `help:"Events that happened at this time or later: 2006-01-02, 2006-01-02T15:04:05Z, or 168h for a week ago." default:"168h"`
	Within    time.Duration `help:"How long after the event what people do counts." default:"24h" placeholder:"DURATION"`
	Workspace string        `help:"Name or app id of a workspace, if the service serves several." placeholder:"NAME"`
	Format    string        `help:"Print text or json." enum:"text,json" default:"text"`

	Rules []string `help:"Rule files or folders, if no service runs." default:"rules.yaml" env:"SWITCHBOARD_RULES"`

	stateOf
}

// Help is shown below the flags.
func (*shadowCmd) Help() string {
	return `Says what rules with "state: shadow" would have done, and how that agrees with what people did: on how many
of the conversations that a rule would have assigned did people assign to the same team, on how many to
another, and on how many not at all; and so for tags. The first event counts on which the rule would have
done it, and of what people did after that the last word. Bots, apps and Switchboard's own work are no people.

What people do is known from notifications: the app must be subscribed to conversation.admin.assigned and
conversation_part.tag.created.

A running service does it, on the address of its console (--admin, with SWITCHBOARD_ADMIN_TOKEN). When
nobody listens there, it is done with the database: then names of teams are not known, and assignments
cannot be compared, but to nobody.

Examples:
  switchboard shadow
  switchboard shadow --rule route-refunds --since 2026-03-01 --within 72h
  switchboard shadow --format json

Exit code: 0 fine, 1 there is no such rule, 2 wrong usage, 3 it could not run.`
}

// Run tells what rules in shadow would have done.
func (c *shadowCmd) Run(ctx context.Context, io streams) error {
	if c.Within <= 0 {
		return usageError{fmt.Errorf("--within %s: write a time such as 24h", c.Within)}
	}
	r := operations.ShadowRequest{Rule: c.Rule, Since: c.Since.Time, WithinSeconds: c.Within.Seconds(), Workspace: c.Workspace}
	report, err := operate(ctx, io, c.stateOf, "shadow", r, c.alone)
	if err != nil {
		return err
	}
	if c.Format == "json" {
		return writeJSON(io.out, report)
	}
	return shadow.WriteText(io.out, report)
}

// alone does it without a service.
func (c *shadowCmd) alone(ctx context.Context, s *store.Store, r operations.ShadowRequest) (*shadow.Report, error) {
	ruleset, _ := rules.Load(c.Rules) // decisions say what rules would have done; these may be missing
	return operations.Shadower{
		Ruleset:   func(string) *rules.Ruleset { return ruleset },
		Workspace: func(name string) (string, bool) { return name, true },
		Names:     func(string) shadow.Names { return nil },
	}.Shadow(ctx, s, r)
}
