package operations

import (
	"context"
	"slices"
	"time"

	"switchboard/internal/store"
)

// RetryRequest says which actions are to be retried. What is left out does not matter.
type RetryRequest struct {
	IDs     []int64   `json:"ids,omitempty"`
	Rule    string    `json:"rule,omitempty"`
	Kind    string    `json:"kind,omitempty"`
	Subject string    `json:"subject,omitempty"`
	Error   string    `json:"error,omitempty"`
	Since   time.Time `json:"since,omitzero"`
	Until   time.Time `json:"until,omitzero"`
	Limit   int       `json:"limit"`
	// Parked is for parked actions in place of dead letters: what a person has found out about them,
	// ParkedSent or ParkedNotSent.
	Parked string `json:"parked,omitempty"`
	DryRun bool   `json:"dry_run,omitempty"`
}

// What a person may have found out about a parked action.
const (
	ParkedSent    = "sent"
	ParkedNotSent = "not-sent"
)

// MostRetried is how many actions one request may be about.
const MostRetried = 10_000

// RetryAnswer are the actions that were meant, in the order of the plan.
type RetryAnswer struct {
	Actions []Retried `json:"actions"`
	// More says that there are more of them than the limit.
	More   bool `json:"more,omitempty"`
	DryRun bool `json:"dry_run,omitempty"`
}

// Retried is one of them, as it was before.
type Retried struct {
	ID       int64             `json:"id"`
	State    store.ActionState `json:"state"`
	Rule     string            `json:"rule"`
	Kind     string            `json:"kind"`
	Subject  string            `json:"subject"`
	Finished time.Time         `json:"finished_at"`
	Attempts int               `json:"attempts"`
	Error    string            `json:"error"`
	// Outcome is empty in a dry run.
	Outcome store.Outcome `json:"outcome,omitempty"`
}

// How long an operation waits for subjects that are being worked on: a call takes seconds.
const (
	busyPause = 200 * time.Millisecond
	busyTries = 100
)

// Retry plans dead letters again, or does what a person says about parked actions.
func Retry(ctx context.Context, s *store.Store, r RetryRequest) (RetryAnswer, error) {
	if len(r.IDs) > r.Limit {
		return RetryAnswer{}, refuse("%d actions are more than the limit of %d", len(r.IDs), r.Limit)
	}
	if r.Limit < 1 || r.Limit > MostRetried {
		return RetryAnswer{}, refuse("limit %d: from 1 to %d actions are retried at once", r.Limit, MostRetried)
	}
	which := store.Unhappy{
		State: store.StateDead, IDs: r.IDs, Rule: r.Rule, Kind: r.Kind, Subject: r.Subject, Error: r.Error,
		Since: r.Since, Until: r.Until, Limit: r.Limit + 1,
	}
	verdict := store.VerdictAgain
	switch r.Parked {
	case "":
	case ParkedSent:
		which.State, verdict = store.StateParked, store.VerdictDone
	case ParkedNotSent:
		which.State = store.StateParked
	default:
		return RetryAnswer{}, refuse("parked %q: say %s or %s", r.Parked, ParkedSent, ParkedNotSent)
	}
	found, err := s.FindUnhappy(ctx, which)
	if err != nil {
		return RetryAnswer{}, err
	}
	for _, id := range r.IDs {
		if !slices.ContainsFunc(found, func(a store.Action) bool { return a.ID == id }) {
			return RetryAnswer{}, refuse("action %d is not %s, or not among those that are meant; nothing was done", id, which.State)
		}
	}
	answer := RetryAnswer{Actions: []Retried{}, DryRun: r.DryRun, More: len(found) > r.Limit}
	found = found[:min(len(found), r.Limit)]
	var outcomes map[int64]store.Outcome
	if !r.DryRun {
		if outcomes, err = retryAll(ctx, s, found, verdict); err != nil {
			return answer, err
		}
	}
	for _, a := range found {
		answer.Actions = append(answer.Actions, Retried{
			ID: a.ID, State: a.State, Rule: a.Rule, Kind: a.Kind, Subject: a.Subject, Finished: a.FinishedAt,
			Attempts: a.Attempts, Error: a.Error, Outcome: outcomes[a.ID],
		})
	}
	return answer, nil
}

// retryAll retries the actions of one subject after the other, and once more for a while those of
// subjects that are busy.
func retryAll(ctx context.Context, s *store.Store, found []store.Action, v store.Verdict) (map[int64]store.Outcome, error) {
	outcomes := make(map[int64]store.Outcome, len(found))
	for try := 0; len(found) > 0; try++ {
		var busy []store.Action
		for _, actions := range bySubject(found) {
			list, err := s.Retry(ctx, actions, v, s.Now())
			if err != nil {
				return outcomes, err
			}
			for i, a := range actions {
				if outcomes[a.ID] = list[i]; list[i] == store.OutcomeBusy {
					busy = append(busy, a)
				}
			}
		}
		if found = busy; len(busy) == 0 || try == busyTries {
			break
		}
		select {
		case <-time.After(busyPause):
		case <-ctx.Done():
			return outcomes, ctx.Err()
		}
	}
	return outcomes, nil
}

// bySubject are the actions of each subject, subjects and actions in the order given.
func bySubject(actions []store.Action) (groups [][]store.Action) {
	type subject struct{ workspace, subject string }
	at := map[subject]int{}
	for _, a := range actions {
		key := subject{a.Workspace, a.Subject}
		i, ok := at[key]
		if !ok {
			i, at[key] = len(groups), len(groups)
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], a)
	}
	return groups
}
