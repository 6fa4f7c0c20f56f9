package doctor

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"switchboard/internal/diag"
	"switchboard/internal/intercom"
	"switchboard/internal/workspace"
)

// slow is how long an answer may take before that is worth a word.
const slow = 2 * time.Second

// reached looks whether Intercom answers, knows the token, and is the one of the right region.
func reached(ctx context.Context, _ *Patient, w *Workspace) []Finding {
	h, err := w.at(ctx)
	if err != nil {
		return []Finding{unreached(ctx, w, err)}
	}
	switch where := fmt.Sprintf("%s (%s)", h.me.App.Name, h.me.App.IDCode); {
	case w.ID != "" && w.ID != h.me.App.IDCode:
		return []Finding{fail(fmt.Sprintf("the access token belongs to %s, and not to %s", where, w.ID), "give the workspace its own token")}
	case h.took > slow:
		return []Finding{note(fmt.Sprintf("Intercom answers after %.1f seconds", h.took.Seconds()), "see whether its status page tells of trouble")}
	default:
		return []Finding{fine("the token is that of %s in %s", h.me.Name, where)}
	}
}

func unreached(ctx context.Context, w *Workspace, err error) Finding {
	refused, ok := errors.AsType[*intercom.Error](err)
	if !ok || refused.Status != http.StatusUnauthorized {
		return fail("Intercom cannot be reached: "+err.Error(), "see whether this machine may connect to it, and whether a proxy is needed (HTTPS_PROXY)")
	}
	if w.Region == "" { // the settings name an address
		return fail("Intercom refuses the access token: "+err.Error(), "copy it again from the Developer Hub (Configure, Authentication)")
	}
	if region := workspace.RegionOf(ctx, w.Client, w.Region); region != "" {
		return fail(fmt.Sprintf("the access token is of the region %s, and the settings say %s", region, w.Region), "set INTERCOM_REGION="+region)
	}
	return fail("Intercom refuses the access token: "+err.Error(), "copy it again from the Developer Hub (Configure, Authentication), or set another INTERCOM_REGION")
}

// The differences of clocks that are worth a warning, and that spoil what times decide about.
const (
	clockOff   = 5 * time.Second
	clockWrong = time.Minute
)

// clocks compares the clock of Intercom with that of the service, or of this machine if none tells.
func clocks(ctx context.Context, p *Patient, w *Workspace) []Finding {
	h, err := w.at(ctx)
	if err != nil {
		return []Finding{unknown("intercom")}
	}
	whose, ahead := "of this machine", h.client.Skew()
	if d, err := p.told(ctx); err == nil && d.Running {
		for _, one := range d.Workspaces {
			if p.local(one) == w && one.ID != "" {
				whose, ahead = "that the service goes by", time.Duration(one.AheadSeconds*float64(time.Second))
			}
		}
	}
	return []Finding{clockFinding(whose, "Intercom's", ahead)}
}

// clockFinding says what is to be thought of a clock, as seen from another that is ahead.
func clockFinding(whose, theirs string, ahead time.Duration) Finding {
	way := "behind"
	if ahead < 0 {
		way = "ahead of"
	}
	text := fmt.Sprintf("the clock %s is %s %s %s", whose, ahead.Abs().Round(time.Second), way, theirs)
	const fix = "set it by NTP, such as with chrony or systemd-timesyncd"
	switch {
	case ahead.Abs() >= clockWrong:
		return fail(text, fix)
	case ahead.Abs() >= clockOff:
		return warn(text, fix)
	}
	return fine("the clock %s agrees with %s", whose, theirs)
}

// permissions asks what the token may do, and compares it with what the rules need.
func permissions(ctx context.Context, _ *Patient, w *Workspace) (found []Finding) {
	h, err := w.at(ctx)
	if err != nil {
		return []Finding{unknown("intercom")}
	}
	rs := w.report(ctx).Ruleset
	if rs == nil {
		return []Finding{unknown("rules")}
	}
	needed := workspace.Needed(rs)
	for _, one := range workspace.Permissions(ctx, h.client) {
		if one.Answer == workspace.Refused && slices.Contains(needed, one.Name) {
			found = append(found, fail(fmt.Sprintf("the token lacks the permission %q, which the rules need", one.Name),
				"tick it in the Developer Hub (Configure, Authentication), and install the app again"))
		}
	}
	return anyOr(found, "the token may read what the rules need; whether it may write shows only when it does")
}

// mostNames is how many names are told one by one.
const mostNames = 5

// names compares the names in the rules with those of the workspace.
func names(ctx context.Context, _ *Patient, w *Workspace) (found []Finding) {
	rs := w.report(ctx).Ruleset
	if rs == nil {
		return []Finding{unknown("rules")}
	}
	s, err := w.snapshot(ctx)
	if err != nil {
		return []Finding{unknown("intercom")}
	}
	problems := workspace.Check(rs, s)
	for i, problem := range problems {
		if i == mostNames {
			return append(found, note(fmt.Sprintf("and %d more", len(problems)-i), "\"switchboard check --online\" shows all"))
		}
		fix := problem.Hint
		if fix == "" {
			fix = "name one that there is, or make it in Intercom"
		}
		level := Warning
		if problem.Severity == diag.Error {
			level = Error
		}
		found = append(found, Finding{Level: level, Text: inOneLine(problem), Fix: fix})
	}
	return anyOr(found, "all names in the rules are there")
}

// admin looks at the teammate whom actions are made as.
func admin(ctx context.Context, _ *Patient, w *Workspace) []Finding {
	h, err := w.at(ctx)
	if err != nil {
		return []Finding{unknown("intercom")}
	}
	rs := w.report(ctx).Ruleset
	if rs == nil {
		return []Finding{unknown("rules")}
	}
	s, err := w.snapshot(ctx)
	if err != nil || s.Admins == nil {
		return []Finding{unknown("permissions")}
	}
	who := rs.Admin()
	if who == "" {
		who = string(h.me.ID)
	}
	return []Finding{acting(s, who)}
}

// acting looks at a teammate, who is named as in rules.
func acting(s *workspace.Snapshot, who string) Finding {
	i := slices.IndexFunc(s.Admins, func(a workspace.Admin) bool {
		return a.ID == who || strings.EqualFold(a.Email, who) || strings.EqualFold(a.Name, who)
	})
	if i < 0 {
		return fail(who+", whom actions are made as, is no teammate of the workspace", "name another in settings.admin")
	}
	a := s.Admins[i]
	if !a.InboxSeat {
		return fail(a.Name+", whom actions are made as, has no inbox seat: Intercom refuses replies, notes and assignments", "give them a seat in Intercom, or name another in settings.admin")
	}
	return fine("actions are made as %s", a.Name)
}
