package operations

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"switchboard/internal/rules"
	"switchboard/internal/store"
)

// ActionsRequest says which actions are meant. What is left out does not matter.
type ActionsRequest struct {
	Workspace string            `json:"workspace,omitempty"`
	State     store.ActionState `json:"state,omitempty"`
	Rule      string            `json:"rule,omitempty"`
	Kind      string            `json:"kind,omitempty"`
	Subject   string            `json:"subject,omitempty"`
	Error     string            `json:"error,omitempty"` // stands somewhere in the error
	Since     time.Time         `json:"since,omitzero"`  // when it was planned: from then on
	Until     time.Time         `json:"until,omitzero"`  // before that
	Before    int64             `json:"before,omitempty"`
	Limit     int               `json:"limit,omitempty"` // 50 if 0, at most 200
}

// ActionsAnswer is a page of actions, the newest first.
type ActionsAnswer struct {
	Actions []ActionView `json:"actions"`
	Searched
}

// ActionView is an action as it stands.
type ActionView struct {
	ID        int64  `json:"id"`
	Seq       int64  `json:"event"`
	Workspace string `json:"workspace"`
	Subject   string `json:"subject"`
	Rule      string `json:"rule"`
	Kind      string `json:"kind"`
	// Summary is what it does, in a few words, as the rules file says it.
	Summary     string            `json:"summary"`
	Params      json.RawMessage   `json:"params"`
	Admin       string            `json:"admin,omitempty"` // whom it acts as; empty for the owner of the token
	State       store.ActionState `json:"state"`
	Attempts    int               `json:"attempts"`
	PlannedAt   time.Time         `json:"planned_at"`
	DueAt       time.Time         `json:"due_at"`
	AttemptedAt time.Time         `json:"attempted_at,omitzero"`
	FinishedAt  time.Time         `json:"finished_at,omitzero"`
	Error       string            `json:"error,omitempty"`  // of the last attempt that failed
	Detail      string            `json:"detail,omitempty"` // what was done
}

// Actions finds actions.
func (x Reader) Actions(ctx context.Context, s *store.Store, r ActionsRequest) (answer ActionsAnswer, err error) {
	answer.Actions = []ActionView{}
	if err := texts(r.Rule, r.Kind, r.Subject, r.Error, string(r.State)); err != nil {
		return answer, err
	}
	q := store.ActionSearch{State: r.State, Rule: r.Rule, Kind: r.Kind, Subject: r.Subject, Error: r.Error}
	if q.Page, err = pageOf(r.Since, r.Until, r.Before, r.Limit); err != nil {
		return answer, err
	}
	if q.Workspace, err = x.workspace(r.Workspace); err != nil {
		return answer, err
	}
	found, end, err := s.SearchActions(ctx, q)
	if err != nil {
		return answer, err
	}
	answer.Searched = searched(end)
	answer.Actions, err = viewsOf(ctx, s, found)
	return answer, err
}

// ActionAnswer is one action and its history.
type ActionAnswer struct {
	ActionView
	History []AttemptView `json:"history"` // oldest first
	// Pick is who was picked for it, and who was not and why; nil when nobody was to be.
	Pick *PickView `json:"pick,omitempty"`
}

// AttemptView is one attempt at an action.
type AttemptView struct {
	Number     int       `json:"attempt"`
	StartedAt  time.Time `json:"started_at"`
	FinishedAt time.Time `json:"finished_at"`
	Result     string    `json:"result"`
	Error      string    `json:"error,omitempty"`
}

// PickView is who was picked for an action.
type PickView struct {
	Team  string    `json:"team"`            // its id
	Admin string    `json:"admin,omitempty"` // the id of the teammate; empty when nobody could be picked
	At    time.Time `json:"at"`
	// Record has every candidate, and why they were or were not taken.
	Record json.RawMessage `json:"record,omitempty"`
}

// ActionRequest names an action.
type ActionRequest struct {
	ID int64 `json:"id"`
}

// Action tells of one action.
func (x Reader) Action(ctx context.Context, s *store.Store, r ActionRequest) (answer ActionAnswer, err error) {
	found, _, err := s.SearchActions(ctx, store.ActionSearch{IDs: []int64{r.ID}, Page: store.Page{Limit: 1}})
	if err != nil {
		return answer, err
	}
	if len(found) == 0 {
		return answer, refuse("there is no action %d, or it was pruned (--retention)", r.ID)
	}
	views, err := viewsOf(ctx, s, found)
	if err != nil {
		return answer, err
	}
	answer.ActionView, answer.History = views[0], []AttemptView{}
	history, err := s.AttemptsOf(ctx, r.ID)
	if err != nil {
		return answer, err
	}
	for _, a := range history {
		answer.History = append(answer.History, AttemptView{a.Number, a.Started, a.Finished, a.Result, a.Error})
	}
	pick, ok, err := s.PickOf(ctx, r.ID)
	if ok {
		answer.Pick = &PickView{Team: pick.Team, Admin: pick.Admin, At: pick.At, Record: valid(pick.Record)}
	}
	return answer, err
}

// viewsOf are actions with their words, which stand in the decisions that planned them.
func viewsOf(ctx context.Context, s *store.Store, found []store.Action) ([]ActionView, error) {
	seqs := make([]int64, 0, len(found))
	for _, a := range found {
		seqs = append(seqs, a.Seq)
	}
	slices.Sort(seqs)
	decisions, err := s.DecisionsOf(ctx, slices.Compact(seqs))
	if err != nil {
		return nil, err
	}
	planned := map[int64][]rules.Outcome{}
	for seq, d := range decisions {
		o, _ := outcomesOf(store.Found{Decision: d}) // without them it goes by its kind
		planned[seq] = o.Rules
	}
	views := make([]ActionView, 0, len(found))
	for _, a := range found {
		views = append(views, viewOf(a, planned[a.Seq]))
	}
	return views, nil
}

func viewOf(a store.Action, planned []rules.Outcome) ActionView {
	return ActionView{
		ID: a.ID, Seq: a.Seq, Workspace: a.Workspace, Subject: a.Subject, Rule: a.Rule, Kind: a.Kind, Summary: summary(a, planned),
		Params: valid(a.Params), Admin: a.Admin, State: a.State, Attempts: a.Attempts, PlannedAt: a.PlannedAt, DueAt: a.DueAt,
		AttemptedAt: a.AttemptedAt, FinishedAt: a.FinishedAt, Error: a.Error, Detail: a.Detail,
	}
}

// summary is what an action does in a few words: those of the action that its rule planned. What ends a
// conversation's waiting has other parameters than what began it, and then the words of its kind.
func summary(a store.Action, planned []rules.Outcome) string {
	params, words := compact(a.Params), ""
	for _, o := range planned {
		if o.Rule != a.Rule {
			continue
		}
		for _, p := range o.Actions {
			switch {
			case p.Kind == a.Kind && bytes.Equal(compact(p.Params), params):
				return p.Summary
			case p.Kind == a.Kind:
				words = p.Summary
			}
		}
	}
	if words != "" {
		return words
	}
	return strings.ReplaceAll(a.Kind, "_", " ")
}

// compact is JSON as all encoders write it.
func compact(raw json.RawMessage) []byte {
	text, err := json.Marshal(raw)
	if err != nil {
		return raw
	}
	return text
}

// valid is JSON that can be passed on; nil if it is damaged.
func valid(raw json.RawMessage) json.RawMessage {
	if len(raw) == 0 || !json.Valid(raw) {
		return nil
	}
	return raw
}
