package operations

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"switchboard/internal/event"
	"switchboard/internal/rules"
	"switchboard/internal/store"
)

// Reader answers what operators ask about what is stored. It changes nothing. Long lists come in pages: a page
// holds what was found from the newest on, and Next in it, if there may be more, is the Before of the next one. A
// page may end before it is full, because a question must not take long: then SearchedTo tells how far it came.
type Reader struct {
	// Ruleset gives the rules that are in use for a workspace; nil when nobody serves it.
	Ruleset func(workspace string) *rules.Ruleset
	// Workspace is as for Replayer.
	Workspace func(name string) (id string, ok bool)
}

const (
	// usualPage and mostPage are how much a page holds.
	usualPage = 50
	mostPage  = 200
	// longestText bounds what is looked for.
	longestText = 500
)

// Searched tells where a page ends that may not be the last.
type Searched struct {
	// Next is the Before of the next page; 0 when there is no more.
	Next int64 `json:"next,omitempty"`
	// SearchedTo is set when the page ended because it had looked through much: what came after that was
	// searched. Searched is how many rows were looked at.
	SearchedTo time.Time `json:"searched_to,omitzero"`
	Searched   int       `json:"searched,omitempty"`
}

func searched(end store.Searched) Searched {
	return Searched{Next: end.Next, SearchedTo: end.To, Searched: end.Rows}
}

// pageOf checks which page is asked for.
func pageOf(since, until time.Time, before int64, limit int) (store.Page, error) {
	switch {
	case before < 0:
		return store.Page{}, refuse("before %d: say the next of the page before, or nothing", before)
	case limit < 0 || limit > mostPage:
		return store.Page{}, refuse("limit %d: a page holds from 1 to %d", limit, mostPage)
	case limit == 0:
		limit = usualPage
	}
	return store.Page{Since: since, Until: until, Before: before, Limit: limit}, nil
}

// texts refuses what cannot be looked for.
func texts(list ...string) error {
	for _, text := range list {
		if !utf8.ValidString(text) || strings.Contains(text, "\x00") {
			return refuse("%q is no text that can be looked for", text)
		}
		if len(text) > longestText {
			return refuse("a text of %d characters is too long to be looked for: at most %d", len(text), longestText)
		}
	}
	return nil
}

// workspace is the id of a workspace.
func (x Reader) workspace(name string) (string, error) {
	id, ok := x.Workspace(name)
	if !ok {
		return "", refuse("there is no workspace %q", name)
	}
	return id, nil
}

// EventsRequest says which events are meant. What is left out does not matter.
type EventsRequest struct {
	Workspace string `json:"workspace,omitempty"` // its name or app id
	// Topic is exact, or with * for any text.
	Topic   string `json:"topic,omitempty"`
	Subject string `json:"subject,omitempty"` // such as conversation/123
	// Rule is one that did not just fail to match. With Outcome, the rule had that one.
	Rule string `json:"rule,omitempty"`
	// Outcome is one of rules.Results.
	Outcome string `json:"outcome,omitempty"`
	// Text is an id of any kind: of an event, a notification, what the event is about (with or without its kind)
	// or, if nothing else has that id, a part.
	Text   string    `json:"text,omitempty"`
	Since  time.Time `json:"since,omitzero"` // when it was received: from then on
	Until  time.Time `json:"until,omitzero"` // before that
	Before int64     `json:"before,omitempty"`
	Limit  int       `json:"limit,omitempty"` // 50 if 0, at most 200
}

// EventsAnswer is a page of events, the newest first.
type EventsAnswer struct {
	Events []EventRow `json:"events"`
	Searched
}

// EventRow is an event and what became of it.
type EventRow struct {
	EventHead
	// DecidedAt is when the rules decided; zero when they did not.
	DecidedAt time.Time `json:"decided_at,omitzero"`
	// Waiting says that it is not decided yet.
	Waiting bool `json:"waiting,omitempty"`
	// Kind is recovered, replay, timer or schedule; empty for a notification.
	Kind string `json:"kind,omitempty"`
	// Own says how it is known that Switchboard itself caused the event.
	Own string `json:"own,omitempty"`
	// Asked is how many rules were asked, and Rules are those of them that did not just fail to match.
	Asked int           `json:"asked"`
	Rules []RuleOutcome `json:"rules"`
	// Actions counts those that it led to by their state.
	Actions map[store.ActionState]int `json:"actions"`
	// Unreadable says that the record of the decision is damaged.
	Unreadable bool `json:"unreadable,omitempty"`
}

// RuleOutcome is what became of a rule on an event.
type RuleOutcome struct {
	Rule    string    `json:"rule"`
	Outcome string    `json:"outcome"` // one of rules.Results
	HeldBy  string    `json:"held_by,omitempty"`
	Why     string    `json:"why,omitempty"`
	Shadow  bool      `json:"shadow,omitempty"`
	Until   time.Time `json:"until,omitzero"` // when what holds it ends
	// Actions are what it planned, or in shadow would have, in a few words each.
	Actions []string `json:"actions,omitempty"`
}

// The kinds of events that no notification told of.
const (
	KindRecovered = "recovered"
	KindReplay    = "replay"
	KindTimer     = "timer"
	KindSchedule  = "schedule"
)

func kindOf(ev event.Event) string {
	switch {
	case ev.Replayed():
		return KindReplay
	case ev.Recovered():
		return KindRecovered
	case ev.Topic == event.TopicTimer:
		return KindTimer
	case ev.Topic == event.TopicSchedule:
		return KindSchedule
	}
	return ""
}

// Events finds events.
func (x Reader) Events(ctx context.Context, s *store.Store, r EventsRequest) (answer EventsAnswer, err error) {
	answer.Events = []EventRow{}
	q, err := x.search(r)
	if err != nil {
		return answer, err
	}
	found, end, err := s.Search(ctx, q)
	if err != nil {
		return answer, err
	}
	answer.Searched = searched(end)
	answer.Events, err = rowsOf(ctx, s, found)
	return answer, err
}

// search is the question to the store.
func (x Reader) search(r EventsRequest) (q store.Search, err error) {
	if err := texts(r.Topic, r.Subject, r.Rule, r.Text); err != nil {
		return q, err
	}
	if r.Outcome != "" && !slices.Contains(rules.Results(), r.Outcome) {
		return q, refuse("outcome %q: say one of %s", r.Outcome, strings.Join(rules.Results(), ", "))
	}
	q = store.Search{Topic: r.Topic, Subject: r.Subject, Named: r.Text}
	if q.Page, err = pageOf(r.Since, r.Until, r.Before, r.Limit); err != nil {
		return q, err
	}
	if q.Workspace, err = x.workspace(r.Workspace); err != nil {
		return q, err
	}
	byOutcome(&q, r.Rule, r.Outcome)
	return q, nil
}

// byOutcome asks for what became of a rule, or of any.
func byOutcome(q *store.Search, rule, outcome string) {
	switch {
	case outcome == string(rules.Ran) && rule != "":
		q.Ran = rule
		return
	case outcome == string(rules.Ran):
		q.AnyRan = true
		return
	case outcome == rules.WouldHaveRun:
		q.Traced = append(q.Traced, endOf(rules.HeldByShadow))
	case outcome != "":
		q.Traced = append(q.Traced, endOf(outcome))
	}
	if rule != "" {
		q.Traced = append(q.Traced, endOf(rule))
	}
	if len(q.Traced) == 0 {
		return
	}
	q.Meant = func(f store.Found) bool {
		d, _ := outcomesOf(f)
		return slices.ContainsFunc(d.Rules, func(o rules.Outcome) bool {
			result := o.Result()
			return (rule == "" || o.Rule == rule) && (result == outcome || outcome == "" && result != string(rules.DidNotMatch))
		})
	}
}

// endOf is the end of a value as it stands in a trace. What begins with a letter is found in half the time: a trace
// is full of quotes.
func endOf(value string) string {
	text, _ := json.Marshal(value) // a text always can
	return string(text[1:])
}

// outcomes are what a list shows of a decision.
type outcomes struct {
	OwnReason string          `json:"own_reason"`
	Rules     []rules.Outcome `json:"rules"`
}

func outcomesOf(f store.Found) (d outcomes, err error) {
	if f.Decision.Seq == 0 {
		return d, nil
	}
	err = json.Unmarshal(f.Decision.Trace, &d)
	return d, err
}

// rowsOf are events as a list shows them.
func rowsOf(ctx context.Context, s *store.Store, found []store.Found) ([]EventRow, error) {
	list, seqs := make([]EventRow, len(found)), make([]int64, len(found))
	for i, f := range found {
		list[i], seqs[i] = rowOf(f), f.Seq
	}
	counts, err := s.CountActions(ctx, seqs)
	for i, seq := range seqs {
		if list[i].Actions = counts[seq]; counts[seq] == nil {
			list[i].Actions = map[store.ActionState]int{}
		}
	}
	return list, err
}

func rowOf(f store.Found) EventRow {
	row := EventRow{
		EventHead: headOf(f.Event), DecidedAt: f.Decision.At, Waiting: f.Waiting, Kind: kindOf(f.Event), Rules: []RuleOutcome{},
	}
	d, err := outcomesOf(f)
	row.Own, row.Asked, row.Unreadable = d.OwnReason, len(d.Rules), err != nil
	for _, o := range d.Rules {
		if o.Verdict == rules.DidNotMatch {
			continue
		}
		one := RuleOutcome{
			Rule: o.Rule, Outcome: o.Result(), HeldBy: o.HeldBy, Why: o.Reason, Shadow: o.HeldBy == rules.HeldByShadow, Until: o.Until,
		}
		for _, a := range slices.Concat(o.Actions, o.Would) {
			one.Actions = append(one.Actions, a.Summary)
		}
		row.Rules = append(row.Rules, one)
	}
	return row
}
