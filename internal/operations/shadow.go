package operations

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"switchboard/internal/actions"
	"switchboard/internal/event"
	"switchboard/internal/intercom"
	"switchboard/internal/rules"
	"switchboard/internal/shadow"
	"switchboard/internal/store"
)

// ShadowRequest says which rules in shadow are meant, and when they decided.
type ShadowRequest struct {
	Rule      string    `json:"rule,omitempty"`      // the only one; all if it is empty
	Since     time.Time `json:"since,omitzero"`      // of events that happened from then on
	Workspace string    `json:"workspace,omitempty"` // its name or app id
	// WithinSeconds is how long after an event what people do counts; a day if 0.
	WithinSeconds float64 `json:"within_seconds,omitempty"`
}

// Shadower tells what rules in shadow would have done, and how that agrees with what people did.
type Shadower struct {
	// Ruleset gives the rules that are in use for a workspace; nil when nobody serves it.
	Ruleset func(workspace string) *rules.Ruleset
	// Workspace is as for Replayer.
	Workspace func(name string) (id string, ok bool)
	// Names gives the names of a workspace; nil when Intercom cannot be asked for them.
	Names func(workspace string) shadow.Names
}

// Names are those that Intercom has.
type Names struct{ Directory *intercom.Directory }

// Team finds a team.
func (n Names) Team(ctx context.Context, name string) (shadow.Team, bool, error) {
	team, crew, err := n.Directory.Crew(ctx, name)
	if ok, err := found(err); !ok {
		return shadow.Team{}, false, err
	}
	t := shadow.Team{ID: string(team.ID), Name: team.Name}
	for _, admin := range crew {
		t.Members = append(t.Members, string(admin.ID))
	}
	return t, true, nil
}

// Admin finds a teammate.
func (n Names) Admin(ctx context.Context, name string) (shadow.Admin, bool, error) {
	admin, err := n.Directory.Admin(ctx, name)
	if ok, err := found(err); !ok {
		return shadow.Admin{}, false, err
	}
	return shadow.Admin{ID: string(admin.ID), Name: admin.Name}, true, nil
}

// found tells a name that nobody has, or more than one, from a list that cannot be read.
func found(err error) (bool, error) {
	if _, missing := errors.AsType[*intercom.NotFoundError](err); missing {
		return false, nil
	}
	if _, ambiguous := errors.AsType[*intercom.AmbiguousError](err); ambiguous {
		return false, nil
	}
	return err == nil, err
}

// Shadow tells what rules in shadow would have done.
func (x Shadower) Shadow(ctx context.Context, s *store.Store, r ShadowRequest) (*shadow.Report, error) {
	workspace, ok := x.Workspace(r.Workspace)
	if !ok {
		return nil, refuse("there is no workspace %q", r.Workspace)
	}
	if r.WithinSeconds < 0 {
		return nil, refuse("within_seconds must not be negative")
	}
	rs := x.Ruleset(workspace)
	var names []string // of rules in use
	states := map[string]string{}
	if rs != nil {
		for _, one := range rs.Rules() {
			names, states[one.Name] = append(names, one.Name), one.State
		}
	}
	which := store.Decided{Workspace: workspace, Since: r.Since, Own: true, Limit: page}
	report, err := shadow.Measure(ctx, shadow.History{
		Events: func(ctx context.Context, each func(event.Event, *rules.Decision) error) error {
			return eachShadowed(ctx, s, which, each)
		},
		OwnPart: s.OwnPart,
		OwnTags: func(ctx context.Context, each func(shadow.OwnTag)) error { return ownTags(ctx, s, workspace, each) },
	}, shadow.Options{
		Rule: r.Rule, Within: time.Duration(r.WithinSeconds * float64(time.Second)), Now: s.Now(), Names: x.Names(workspace),
	})
	if err != nil {
		return nil, err
	}
	for _, one := range report.Rules {
		if one.State = states[one.Rule]; one.State == "" && rs != nil {
			one.State = "gone"
		}
	}
	for _, name := range names { // those that would not have run are told, too
		if states[name] == "shadow" && (r.Rule == "" || r.Rule == name) && !report.Has(name) {
			report.Rules = append(report.Rules, &shadow.RuleReport{Rule: name, State: states[name], Actions: []*shadow.ActionReport{}})
		}
	}
	if r.Rule != "" && len(report.Rules) == 0 {
		if rs != nil {
			if err := known([]string{r.Rule}, rs); err != nil {
				return nil, err
			}
		}
		return nil, refuse("the rule %s was not in shadow in that time", r.Rule)
	}
	slices.SortFunc(report.Rules, func(a, b *shadow.RuleReport) int {
		return slices.Index(names, a.Rule) - slices.Index(names, b.Rule) // rules that are gone come first
	})
	return report, nil
}

// inShadow is what the trace of a decision holds in which a rule in shadow matched.
const inShadow = `"held_by":"` + rules.HeldByShadow + `"`

// eachShadowed calls back with the decided events, oldest first, and with the decisions in which rules in
// shadow matched. A replay is nothing that happened.
func eachShadowed(ctx context.Context, s *store.Store, which store.Decided, each func(event.Event, *rules.Decision) error) error {
	for {
		found, err := s.FindDecided(ctx, which)
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return nil
		}
		last := found[len(found)-1].Seq
		traces, err := s.TracesWith(ctx, inShadow, found[0].Seq, last)
		if err != nil {
			return err
		}
		for _, ev := range found {
			if ev.Replayed() || ev.Payload == nil {
				continue
			}
			var d *rules.Decision
			if trace, ok := traces[ev.Seq]; ok {
				d = &rules.Decision{}
				if err := json.Unmarshal(trace, d); err != nil {
					return fmt.Errorf("event %d: the decision cannot be read: %w", ev.Seq, err)
				}
			}
			if err := each(ev, d); err != nil {
				return err
			}
		}
		if len(found) < which.Limit {
			return nil
		}
		which.After = last
	}
}

// ownTags calls back with the tags that rules were to put on something.
func ownTags(ctx context.Context, s *store.Store, workspace string, each func(shadow.OwnTag)) error {
	return s.EachPlanned(ctx, workspace, "tag", func(a store.Action) {
		want, _ := actions.IntentOf(a.Kind, a.Params)
		about := a.Subject
		if want.Contact != "" {
			about = event.KindContact + "/" + want.Contact
		}
		for _, name := range want.Tags {
			each(shadow.OwnTag{Workspace: a.Workspace, Subject: about, Name: name, At: a.PlannedAt})
		}
	})
}
