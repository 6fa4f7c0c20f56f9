package operations

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"switchboard/internal/backtest"
	"switchboard/internal/diag"
	"switchboard/internal/engine"
	"switchboard/internal/event"
	"switchboard/internal/rules"
	"switchboard/internal/store"
)

// BacktestRequest says which rules are held against which, and on what.
type BacktestRequest struct {
	// New are the changed rules; Old those that they are held against, the rules in use if it is empty.
	New       rules.Sources `json:"new"`
	Old       rules.Sources `json:"old,omitzero"`
	Since     time.Time     `json:"since,omitzero"` // when the events happened
	Until     time.Time     `json:"until,omitzero"`
	Workspace string        `json:"workspace,omitempty"` // its name or app id
	// Fetch is how many calls to Intercom there may be for facts that were not recorded.
	Fetch int `json:"fetch,omitempty"`
	// TimeoutSeconds is how long it may take; DefaultBacktest if it is 0.
	TimeoutSeconds float64 `json:"timeout_seconds,omitempty"`
}

// The bounds of a backtest: how long it takes, and how many calls it makes.
const (
	DefaultBacktest = 15 * time.Minute
	LongestBacktest = 24 * time.Hour
	MostFetched     = 10_000
)

// Backtester tells what other rules would have done.
type Backtester struct {
	// Ruleset gives the rules that are in use for a workspace; nil when nobody serves it.
	Ruleset func(workspace string) *rules.Ruleset
	// Workspace is as for Replayer. Without a name it is the only one there is.
	Workspace func(name string) (id string, ok bool)
	// Ask asks Intercom a question, and changes nothing there.
	Ask func(ctx context.Context, workspace string, q rules.Question) (json.RawMessage, error)
	// Considerate has it rest as long as it works, and while events wait: in a running service, whose decisions
	// come first.
	Considerate bool
}

// Backtest tells what the new rules would have done otherwise than the old ones.
// progress, if not nil, is told every second how far it is.
func (b Backtester) Backtest(ctx context.Context, s *store.Store, r BacktestRequest, progress func(backtest.Progress)) (*backtest.Report, error) {
	o, which, err := b.options(r)
	if err != nil {
		return nil, err
	}
	rest := rest{store: s}
	o.History = backtest.History{
		Events: func(ctx context.Context, each func(event.Event, *rules.Decision) error) error {
			return eachDecided(ctx, s, which, func(ev event.Event, d *rules.Decision) error {
				if err := each(ev, d); err != nil || !b.Considerate {
					return err
				}
				return rest.step(ctx)
			})
		},
		Decision: func(ctx context.Context, workspace, id string) (*rules.Decision, error) {
			return decisionNamed(ctx, s, workspace, id)
		},
	}
	var reached backtest.Progress
	told := time.Now()
	o.Progress = func(p backtest.Progress) {
		reached = p
		if progress != nil && time.Since(told) >= time.Second {
			progress(p)
			told = time.Now()
		}
	}
	longest := DefaultBacktest
	if r.TimeoutSeconds > 0 {
		longest = time.Duration(r.TimeoutSeconds * float64(time.Second))
	}
	limited, cancel := context.WithTimeoutCause(ctx, longest, errTooLong)
	defer cancel()
	report, err := backtest.Backtest(limited, o)
	if err != nil && errors.Is(context.Cause(limited), errTooLong) {
		return nil, &Unable{fmt.Errorf("the backtest took longer than %s: it had come to %s, after %d events; choose a shorter time of events, or let it take longer",
			longest, reached.At.Format(time.RFC3339), reached.Events)}
	}
	return report, err
}

var errTooLong = errors.New("the backtest took too long")

// options reads a request.
func (b Backtester) options(r BacktestRequest) (o backtest.Options, which store.Decided, err error) {
	workspace, ok := b.Workspace(r.Workspace)
	switch {
	case !ok:
		return o, which, refuse("there is no workspace %q", r.Workspace)
	case r.Fetch < 0 || r.Fetch > MostFetched:
		return o, which, refuse("fetch %d: from 0 to %d calls to Intercom may be made", r.Fetch, MostFetched)
	case r.TimeoutSeconds < 0 || r.TimeoutSeconds > LongestBacktest.Seconds():
		return o, which, refuse("the timeout is not between 0 and %s", LongestBacktest)
	}
	if o.New, err = compiled("new", r.New); err != nil {
		return o, which, err
	}
	o.Old = b.Ruleset(workspace)
	if len(r.Old.Files) > 0 {
		if o.Old, err = compiled("old", r.Old); err != nil {
			return o, which, err
		}
	}
	if o.Old == nil {
		return o, which, refuse("name the workspace, or the old rules")
	}
	if r.Fetch > 0 {
		o.Fetch = &backtest.Fetch{Ask: b.Ask, Calls: r.Fetch}
	}
	return o, store.Decided{Workspace: workspace, Since: r.Since, Until: r.Until, Own: true, Limit: page}, nil
}

// rest is for work beside which decisions must get on. After each stretch of work it rests as long as that took, and
// then for as long as events wait to be decided. It does not wait for ever: a service that never comes to an end of
// its events must not keep a backtest from getting anywhere.
type rest struct {
	store *store.Store
	since time.Time // when the stretch began
}

const (
	stretch     = 20 * time.Millisecond
	longestRest = 50 * time.Millisecond // what was waited for, as for Intercom, was no work
	giveWay     = time.Second
)

func (r *rest) step(ctx context.Context) error {
	now := time.Now()
	if r.since.IsZero() {
		r.since = now
	}
	worked := now.Sub(r.since)
	if worked < stretch {
		return nil
	}
	pause := min(worked, longestRest)
	for {
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return ctx.Err()
		}
		due, waits, err := r.store.NextDue(ctx, store.LaneEvents, "")
		if err != nil {
			return err
		}
		pause = longestRest
		if !waits || due.After(r.store.Now()) || time.Since(now) > giveWay {
			break
		}
	}
	r.since = time.Now()
	return nil
}

// compiled compiles rules that came with a request.
func compiled(which string, sources rules.Sources) (*rules.Ruleset, error) {
	rs, problems := rules.ParseSources(sources)
	if rs != nil {
		return rs, nil
	}
	var text strings.Builder
	_ = diag.WriteText(&text, problems, false) // a Builder takes everything
	return nil, refuse("the %s rules cannot be used:\n%s", which, strings.TrimSpace(text.String()))
}

// eachDecided calls back with the decided events, oldest first. Timers come due on a clock of their own in a
// backtest, and replays are nothing that happened.
func eachDecided(ctx context.Context, s *store.Store, which store.Decided, each func(event.Event, *rules.Decision) error) error {
	for {
		found, err := s.FindDecided(ctx, which)
		if err != nil {
			return err
		}
		for _, ev := range found {
			if ev.Topic == event.TopicTimer || ev.Replayed() || ev.Payload == nil {
				continue
			}
			d, err := engine.DecisionOn(ctx, s, ev.Seq)
			if err != nil {
				return err
			}
			if d == nil {
				continue // pruned meanwhile
			}
			if err := each(ev, d); err != nil {
				return err
			}
		}
		if len(found) < which.Limit {
			return nil
		}
		which.After = found[len(found)-1].Seq
	}
}

// decisionNamed reads the decision on the event with an id; nil when there is none.
func decisionNamed(ctx context.Context, s *store.Store, workspace, id string) (*rules.Decision, error) {
	ev, ok, err := s.Named(ctx, workspace, id)
	if err != nil || !ok {
		return nil, err
	}
	return engine.DecisionOn(ctx, s, ev.Seq)
}
