package operations

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"switchboard/internal/engine"
	"switchboard/internal/event"
	"switchboard/internal/rules"
	"switchboard/internal/store"
)

// ExplainRequest says which decisions are to be explained.
type ExplainRequest struct {
	// Event is the number of an event or the id of a notification; Subject, such as conversation/123, the
	// last events about that.
	Event     string `json:"event,omitempty"`
	Subject   string `json:"subject,omitempty"`
	Workspace string `json:"workspace,omitempty"` // its name or app id
	// Rule is the only rule that is explained; all if it is empty.
	Rule string `json:"rule,omitempty"`
	// Now asks what the rules in use would decide on the facts of then.
	Now   bool `json:"now,omitempty"`
	Limit int  `json:"limit,omitempty"` // of events about a subject; 20 if 0
	// Record asks for what the decisions were made of, customers' data included.
	Record bool `json:"record,omitempty"`
}

// ExplainAnswer are the explanations, of older events first.
type ExplainAnswer struct {
	Events []Explained `json:"events"`
}

// EventHead is what an event is, whatever became of it.
type EventHead struct {
	Seq        int64     `json:"event"`
	ID         string    `json:"notification"`
	Workspace  string    `json:"workspace"`
	Topic      string    `json:"topic"`
	Subject    string    `json:"subject"`
	Part       string    `json:"part,omitempty"`
	HappenedAt time.Time `json:"happened_at"`
	ReceivedAt time.Time `json:"received_at"`
}

func headOf(ev event.Event) EventHead {
	return EventHead{
		Seq: ev.Seq, ID: ev.ID, Workspace: ev.Workspace, Topic: ev.Topic, Subject: ev.Subject, Part: ev.Part,
		HappenedAt: ev.CreatedAt, ReceivedAt: ev.ReceivedAt,
	}
}

// Explained is one event and why the rules did what they did.
type Explained struct {
	EventHead
	// Decided is when the rules decided, and Ruleset the hash of those that did.
	Decided time.Time `json:"decided_at"`
	Ruleset string    `json:"ruleset"`
	// By is the hash of the rules that the explanation is by.
	By string `json:"explained_by"`
	// Differs says how the explanation differs from what was decided, if it does: by other rules, or by
	// another version of switchboard.
	Differs string `json:"differs,omitempty"`
	// Own says how it is known that Switchboard itself caused the event.
	Own string `json:"own,omitempty"`
	// Rules are all rules, in order, or the one that was asked for.
	Rules []rules.Explanation `json:"rules"`
	// Record is what the decision was made of, if that was asked for.
	Record *rules.Record `json:"record,omitempty"`
}

// Explainer explains decisions.
type Explainer struct {
	// Ruleset gives the rules that are in use for a workspace; nil when nobody serves it.
	Ruleset func(workspace string) *rules.Ruleset
	// Workspace is as for Replayer.
	Workspace func(name string) (id string, ok bool)
}

const usualExplained = 20

// Explain explains the decisions that are asked for.
func (x Explainer) Explain(ctx context.Context, s *store.Store, r ExplainRequest) (ExplainAnswer, error) {
	which := store.Decided{Own: true, Newest: true, Subject: r.Subject, Limit: r.Limit}
	if which.Limit == 0 {
		which.Limit = usualExplained
	}
	switch {
	case (r.Event == "") == (r.Subject == ""):
		return ExplainAnswer{}, refuse("name an event or a subject")
	case r.Event != "":
		if seq, err := strconv.ParseInt(r.Event, 10, 64); err == nil {
			which.Seqs = []int64{seq}
		} else {
			which.IDs = []string{r.Event}
		}
	}
	id, ok := x.Workspace(r.Workspace)
	if !ok {
		return ExplainAnswer{}, refuse("there is no workspace %q", r.Workspace)
	}
	which.Workspace = id
	found, err := s.FindDecided(ctx, which)
	if err != nil {
		return ExplainAnswer{}, err
	}
	if len(found) == 0 {
		return ExplainAnswer{}, refuse("there is no decision about %s: such an event is not stored, was pruned (--retention), or waits to be decided", r.Event+r.Subject)
	}
	answer := ExplainAnswer{Events: []Explained{}}
	for _, ev := range found {
		one, err := x.explain(ctx, s, ev, r)
		if err != nil {
			return answer, err
		}
		answer.Events = append(answer.Events, one)
	}
	return answer, nil
}

// explain explains the decision on one event.
func (x Explainer) explain(ctx context.Context, s *store.Store, ev event.Event, r ExplainRequest) (Explained, error) {
	one := Explained{EventHead: headOf(ev)}
	d, err := engine.DecisionOn(ctx, s, ev.Seq)
	if err != nil || d == nil {
		return one, err // pruned meanwhile
	}
	one.Decided, one.Ruleset, one.Own = d.At, d.Ruleset, d.OwnReason
	ruleset, why, err := x.rulesetFor(ctx, s, ev.Workspace, d.Ruleset, r.Now)
	if err != nil {
		return one, err
	}
	one.By = ruleset.Hash()
	if r.Record {
		one.Record = rules.RecordOf(ev, d)
	}
	again, list, err := ruleset.Explain(ctx, d.Input(ev))
	if err != nil {
		return one, err
	}
	if changed := differences(d, again); len(changed) > 0 {
		one.Differs = why + ": " + strings.Join(changed, "; ")
	}
	one.Rules, err = only(list, r.Rule, ruleset)
	return one, err
}

// ExplainNotification explains what a ruleset would decide on a notification that is not stored. Nothing is
// looked up, and no rule has run before.
func ExplainNotification(ctx context.Context, ruleset *rules.Ruleset, ev event.Event, rule string) (Explained, error) {
	d, list, err := ruleset.Explain(ctx, rules.Input{Event: ev, Now: ev.ReceivedAt})
	if err != nil {
		return Explained{}, err
	}
	one := Explained{EventHead: headOf(ev), Decided: d.At, Ruleset: ruleset.Hash(), By: ruleset.Hash()}
	one.Record = rules.RecordOf(ev, d)
	one.Rules, err = only(list, rule, ruleset)
	return one, err
}

// only takes one rule of a list; all if it has no name.
func only(list []rules.Explanation, rule string, ruleset *rules.Ruleset) ([]rules.Explanation, error) {
	if rule == "" {
		return list, nil
	}
	if err := known([]string{rule}, ruleset); err != nil {
		return nil, err
	}
	i := slices.IndexFunc(list, func(x rules.Explanation) bool { return x.Rule == rule })
	return list[i : i+1], nil
}

// rulesetFor gives the rules that explain: those that decided, if they are kept and nobody asks for those
// in use. why says what a difference comes from.
func (x Explainer) rulesetFor(ctx context.Context, s *store.Store, workspace, hash string, now bool) (rs *rules.Ruleset, why string, err error) {
	current := x.Ruleset(workspace)
	if current != nil && (now || current.Hash() == hash) {
		if current.Hash() == hash {
			return current, "this version of switchboard decides otherwise", nil
		}
		return current, "the rules in use decide otherwise", nil
	}
	text, ok, err := s.RulesetOf(ctx, hash)
	if err != nil {
		return nil, "", err
	}
	if ok {
		var sources rules.Sources
		if err := json.Unmarshal(text, &sources); err != nil {
			return nil, "", fmt.Errorf("read ruleset %s: %w", hash, err)
		}
		if rs, _ := rules.ParseSources(sources); rs != nil {
			return rs, "this version of switchboard decides otherwise", nil
		}
	}
	if current == nil {
		return nil, "", refuse("the rules that decided (%s) are not kept, and nobody serves the workspace %s", hash, workspace)
	}
	return current, "the rules that decided are not kept, and those in use decide otherwise", nil
}

// differences tells which rules ended otherwise.
func differences(then, now *rules.Decision) (list []string) {
	outcomes := map[string]rules.Outcome{}
	for _, o := range then.Rules {
		outcomes[o.Rule] = o
	}
	word := func(o rules.Outcome) string {
		if o.HeldBy != "" {
			return string(o.Verdict) + " by " + o.HeldBy
		}
		return string(o.Verdict)
	}
	for _, o := range now.Rules {
		before, asked := outcomes[o.Rule]
		switch {
		case !asked:
			list = append(list, o.Rule+" was not asked then, now "+word(o))
		case word(before) != word(o):
			list = append(list, o.Rule+" "+word(before)+" then, now "+word(o))
		}
		delete(outcomes, o.Rule)
	}
	for _, o := range then.Rules {
		if _, gone := outcomes[o.Rule]; gone {
			list = append(list, o.Rule+" "+word(o)+" then, now it is not asked")
		}
	}
	return list
}
