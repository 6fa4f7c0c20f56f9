package operations

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"strconv"
	"time"

	"switchboard/internal/diag"
	"switchboard/internal/engine"
	"switchboard/internal/event"
	"switchboard/internal/rules"
	"switchboard/internal/store"
)

// ReplayRequest says about which events rules are asked again, and which rules. What is left out does
// not matter.
type ReplayRequest struct {
	Events    []string  `json:"events,omitempty"` // numbers of events, or ids of notifications
	Topic     string    `json:"topic,omitempty"`
	Subject   string    `json:"subject,omitempty"`
	Workspace string    `json:"workspace,omitempty"` // its name or app id
	Since     time.Time `json:"since,omitzero"`      // when the event happened
	Until     time.Time `json:"until,omitzero"`
	After     int64     `json:"after,omitempty"` // events that arrived after this one
	Rules     []string  `json:"rules,omitempty"`
	Limit     int       `json:"limit"`
	// Force lets Rules, which must be named then, run on events that they have acted on.
	Force bool `json:"force,omitempty"`
	// MaxAgeSeconds, if set, is how old an event may be for customers to hear of it.
	MaxAgeSeconds float64 `json:"max_age_seconds,omitempty"`
	// Run does it. Otherwise it is only told what would be done.
	Run bool `json:"run,omitempty"`
}

// MostReplayed is how many events one request may be about.
const MostReplayed = 10_000

// ReplayAnswer are the events that were meant, in the order of their arrival. Events to which none of
// the rules listens are among them only if they were named.
type ReplayAnswer struct {
	Events []Replayed `json:"events"`
	// More says that there are more of them than the limit.
	More bool `json:"more,omitempty"`
	Run  bool `json:"run,omitempty"`
}

// Count is how many of the events have that outcome.
func (a ReplayAnswer) Count(o ReplayOutcome) (n int) {
	for _, ev := range a.Events {
		if ev.Outcome == o {
			n++
		}
	}
	return n
}

// Replayed is one of the events.
type Replayed struct {
	Seq      int64     `json:"event"`
	ID       string    `json:"notification"`
	Topic    string    `json:"topic"`
	Subject  string    `json:"subject"`
	Happened time.Time `json:"happened_at"`
	// Outcome is what became of it.
	Outcome ReplayOutcome `json:"outcome"`
	// Replay is the id of the new event, if it is replayed.
	Replay string `json:"replay,omitempty"`
	// Problem says why it cannot be replayed.
	Problem string `json:"problem,omitempty"`
	// Rules are those that listen to its topic, and what they would do by the facts that were read
	// when it came. Intercom is asked again when the replay is decided.
	Rules []ReplayedRule `json:"rules,omitempty"`
}

// ReplayOutcome is what became of an event that was to be replayed.
type ReplayOutcome string

// The outcomes. In place of ReplayPlanned and ReplayMaybe there is ReplayStored when it is done.
const (
	ReplayPlanned ReplayOutcome = "would run"     // at least one rule would run
	ReplayMaybe   ReplayOutcome = "may run"       // that depends on what Intercom says then, or on other replays
	ReplayNothing ReplayOutcome = "nothing to do" // its rules have acted on it, are not asked, or cannot match
	ReplayFailed  ReplayOutcome = "not possible"  // Problem says why
	ReplayStored  ReplayOutcome = "replayed"      // the rules are asked as soon as its subject's turn comes
)

// ReplayedRule is what one rule would do.
type ReplayedRule struct {
	Rule    string        `json:"rule"`
	Verdict rules.Verdict `json:"verdict"`
	HeldBy  string        `json:"held_by,omitempty"`
	Reason  string        `json:"reason,omitempty"`
	// May says that it may run all the same: that depends on what Intercom says then, or on what the replays
	// before it do.
	May     bool           `json:"may,omitempty"`
	Actions []ReplayedDeed `json:"actions,omitempty"`
}

// ReplayedDeed is one action that a rule would plan.
type ReplayedDeed struct {
	Action string `json:"action"`
	// Parked says why it would be left to a person.
	Parked string `json:"parked,omitempty"`
}

// Replayer has rules asked again.
type Replayer struct {
	// Engine gives the engine of a workspace, by its app id; nil when none serves it.
	Engine func(workspace string) *engine.Engine
	// Workspace gives the app id of a workspace, by its name or that id; ok is false when nobody knows
	// it. Without a name it is empty: all of them.
	Workspace func(name string) (id string, ok bool)
}

// Replay tells what replaying would do, and does it if that is asked for.
func (p Replayer) Replay(ctx context.Context, s *store.Store, r ReplayRequest) (ReplayAnswer, error) {
	which, err := p.which(r)
	if err != nil {
		return ReplayAnswer{}, err
	}
	if err := s.File(ctx); err != nil { // replays that nobody has claimed yet count
		return ReplayAnswer{}, err
	}
	meant, err := p.find(ctx, s, which, r)
	if err != nil {
		return ReplayAnswer{}, err
	}
	answer := ReplayAnswer{Events: []Replayed{}, Run: r.Run, More: len(meant) > r.Limit}
	rehearsals := map[string]*engine.Rehearsal{}
	var put []event.Event // what is stored, by the place of its answer
	for _, head := range meant[:min(len(meant), r.Limit)] {
		if rehearsals[head.Workspace] == nil {
			rehearsals[head.Workspace] = p.Engine(head.Workspace).Rehearse()
		}
		one, ev, err := replay(ctx, s, rehearsals[head.Workspace], head, r)
		if ctx.Err() != nil {
			return answer, ctx.Err()
		}
		if err != nil { // of this event alone, as far as one can tell
			one.Outcome, one.Problem = ReplayFailed, err.Error()
		}
		answer.Events, put = append(answer.Events, one), append(put, ev)
	}
	return answer, confirm(ctx, s, answer.Events, put)
}

// page is how many events are looked at once.
const page = 500

// find gives the events that are meant and that concern the rules, without their payloads, up to one more
// than the limit.
func (p Replayer) find(ctx context.Context, s *store.Store, which store.Decided, r ReplayRequest) (meant []event.Event, err error) {
	named := map[string]bool{}
	for _, name := range r.Events {
		named[name] = true
	}
	which.Bare, which.Limit = true, max(page, len(r.Events))
	for {
		found, err := s.FindDecided(ctx, which)
		if err != nil {
			return nil, err
		}
		for _, ev := range found {
			e := p.Engine(ev.Workspace)
			if e == nil {
				return nil, refuse("nobody serves the workspace %s of event %d; where there are several, name one", ev.Workspace, ev.Seq)
			}
			ruleset := e.Ruleset()
			if err := known(r.Rules, ruleset); err != nil {
				return nil, err
			}
			if len(r.Events) > 0 || ruleset.Listens(ev.Topic, r.Rules) {
				meant = append(meant, ev)
			}
			delete(named, ev.ID)
			delete(named, strconv.FormatInt(ev.Seq, 10))
		}
		if len(meant) > r.Limit || len(found) < which.Limit {
			break
		}
		which.After = found[len(found)-1].Seq
	}
	for _, name := range r.Events {
		if named[name] {
			return nil, refuse("event %s is not stored, not decided yet, no notification, or not among those that are meant; nothing was done", name)
		}
	}
	return meant, nil
}

// which are the events that a request is about.
func (p Replayer) which(r ReplayRequest) (store.Decided, error) {
	d := store.Decided{Topic: r.Topic, Subject: r.Subject, Since: r.Since, Until: r.Until, After: r.After}
	switch {
	case len(r.Events) == 0 && r.Topic == "" && r.Subject == "" && r.Since.IsZero() && r.Until.IsZero() && r.After == 0:
		return d, refuse("say which events: by their numbers or ids, topic, subject, since, until or after")
	case r.Limit < 1 || r.Limit > MostReplayed:
		return d, refuse("limit %d: from 1 to %d events are replayed at once", r.Limit, MostReplayed)
	case len(r.Events) > r.Limit:
		return d, refuse("%d events are more than the limit of %d", len(r.Events), r.Limit)
	case r.Force && len(r.Rules) == 0:
		return d, refuse("force is for rules that are named: say which rules are to run again")
	case r.MaxAgeSeconds < 0:
		return d, refuse("the maximum age is negative")
	}
	id, ok := p.Workspace(r.Workspace)
	if !ok {
		return d, refuse("there is no workspace %q", r.Workspace)
	}
	d.Workspace = id
	for _, name := range r.Events {
		if seq, err := strconv.ParseInt(name, 10, 64); err == nil {
			d.Seqs = append(d.Seqs, seq)
		} else {
			d.IDs = append(d.IDs, name)
		}
	}
	return d, nil
}

// known refuses names of rules of which there are none.
func known(names []string, rs *rules.Ruleset) error {
	var all []string
	for _, r := range rs.Rules() {
		all = append(all, r.Name)
	}
	for _, name := range names {
		if slices.Contains(all, name) {
			continue
		}
		if closest, ok := diag.Closest(name, all); ok {
			return refuse("there is no rule %q, did you mean %q?", name, closest)
		}
		return refuse("there is no rule %q", name)
	}
	return nil
}

// replay tells what one replay would do, and stores it if that is asked for.
func replay(
	ctx context.Context, s *store.Store, rehearsal *engine.Rehearsal, head event.Event, r ReplayRequest,
) (one Replayed, put event.Event, err error) {
	one = Replayed{Seq: head.Seq, ID: head.ID, Topic: head.Topic, Subject: head.Subject, Happened: head.CreatedAt}
	ev, ok, err := s.Named(ctx, head.Workspace, head.ID)
	if err == nil && !ok {
		err = errors.New("it is not stored any more")
	}
	if err != nil {
		return one, put, err
	}
	would, err := rehearsal.Replay(ctx, ev, event.Replay{Rules: r.Rules, Force: r.Force, MaxAgeSeconds: r.MaxAgeSeconds})
	if err != nil {
		return one, put, err
	}
	one.tell(would, r.Rules)
	if !r.Run || one.Outcome == ReplayNothing {
		return one, put, nil
	}
	// That it is not new is no error: it is told by confirm whether what is there is what was asked for.
	if _, err := s.Put(ctx, would.Event); err != nil {
		return one, put, err
	}
	one.Outcome, one.Replay = ReplayStored, would.Event.ID
	return one, would.Event, nil
}

// How long confirm waits for others to file what was stored.
const (
	confirmPause = 50 * time.Millisecond
	confirmTries = 100
)

// confirm tells of the events that were stored whether they are there, or what somebody else asked for at
// the same moment: of two with one id the first that is filed counts.
func confirm(ctx context.Context, s *store.Store, answers []Replayed, put []event.Event) error {
	for i := range answers {
		one, ev := &answers[i], put[i]
		if one.Outcome != ReplayStored {
			continue
		}
		var there event.Event
		for try, ok := 0, false; !ok; try++ {
			if err := s.File(ctx); err != nil {
				return err
			}
			var err error
			if there, ok, err = s.Named(ctx, ev.Workspace, ev.ID); err != nil {
				return err
			}
			if ok || try == confirmTries {
				break
			}
			select {
			case <-time.After(confirmPause):
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		if asked, err := event.ReadReplay(ev); err != nil {
			return err
		} else if is, err := event.ReadReplay(there); err != nil || !reflect.DeepEqual(is, asked) {
			one.Outcome, one.Replay = ReplayFailed, ""
			one.Problem = "somebody else replayed it at the same moment, for other rules or in another way: replay it again"
		}
	}
	return nil
}

// tell fills in what the rules would do.
func (one *Replayed) tell(would engine.Rehearsed, asked []string) {
	one.Outcome = ReplayNothing
	for _, o := range would.Decision.Rules {
		rule := ReplayedRule{Rule: o.Rule, Verdict: o.Verdict, HeldBy: o.HeldBy, Reason: o.Reason}
		for i, a := range o.Actions {
			rule.Actions = append(rule.Actions, ReplayedDeed{Action: a.Summary, Parked: would.Parked(o.Rule, i)})
		}
		switch {
		case o.Verdict == rules.Ran:
			one.Outcome = ReplayPlanned
		case mayRun(o, would.Decision) && (len(asked) == 0 || slices.Contains(asked, o.Rule)):
			rule.May = true
			if one.Outcome == ReplayNothing {
				one.Outcome = ReplayMaybe
			}
		}
		one.Rules = append(one.Rules, rule)
	}
}

// mayRun tells whether a rule that would not run may do so all the same: what Intercom said then decided, or
// what rules would remember of other events that are replayed.
func mayRun(o rules.Outcome, d *rules.Decision) bool {
	switch o.Verdict {
	case rules.Failed:
		return len(d.Unavailable) > 0
	case rules.DidNotMatch:
		return len(d.Lookups)+len(d.Unavailable) > 0
	case rules.HeldBack:
		return slices.Contains([]string{rules.HeldByOnce, rules.HeldByCooldown, rules.HeldByLimit, rules.HeldByBreaker}, o.HeldBy)
	case rules.Ran:
	}
	return false
}
