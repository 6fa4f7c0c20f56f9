package queue

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"switchboard/internal/actions"
	"switchboard/internal/intercom"
	"switchboard/internal/routing"
	"switchboard/internal/store"
)

// Picking a teammate joins what Intercom says (package actions) with what was picked before (the
// store), and is recorded before any call goes out. A pick that another overtook is made again on
// the new state, so two conversations never get the same turn or the same last place.

// searchLag is how long Intercom's search may take to count a conversation that was assigned: for
// as long it is counted by us as well. Counting one twice for a minute only leaves somebody a
// little less to do; not counting it would go beyond a capacity.
const searchLag = 5 * time.Second

// Results of picks: the values of a metric's label.
const (
	pickPicked  = "picked"
	pickTeam    = "team"    // nobody could be picked: it stays with the team
	pickWaiting = "waiting" // nobody could be picked: it waits
)

// pickRecord is what is kept of a pick, for people.
type pickRecord struct {
	Team   string         `json:"team"`
	Policy routing.Policy `json:"policy"`
	routing.Choice
}

// pick decides who gets the action's conversation.
func (t *try) pick(ctx context.Context, f actions.PickFacts) (actions.Picked, error) {
	before, picked, err := t.pickedBefore(ctx, &f)
	if err != nil {
		return picked, err
	}
	if f.Served != "" && (!picked.Again || picked.Admin != f.Holder) {
		return actions.Picked{Gone: true}, nil
	}
	if picked.Again {
		return picked, nil
	}
	for {
		now, since := t.queue.now(), f.Since
		if since.IsZero() {
			since = now
		}
		m, err := t.queue.o.Store.PickMemory(ctx, t.action, string(f.Team.ID), since)
		if err != nil {
			return actions.Picked{}, err
		}
		if !f.Since.IsZero() && !m.InLine && !before {
			return actions.Picked{Gone: true}, nil
		}
		if picked.Choice, err = t.queue.choose(ctx, t.action, f, m); err != nil {
			return actions.Picked{}, err
		}
		if picked.Behind, err = t.isBehind(ctx, f, picked.Choice, m, since); err != nil {
			return actions.Picked{}, err
		}
		if picked.Behind {
			picked.Choice = picked.Withheld("others have waited longer")
		}
		recorded, err := t.recordPick(ctx, f, picked.Choice, m, now, since)
		if err != nil || recorded {
			return picked, err
		}
	}
}

// isBehind tells whether the conversation has to wait although somebody can be picked for it.
func (t *try) isBehind(ctx context.Context, f actions.PickFacts, c routing.Choice, m store.PickMemory, since time.Time) (bool, error) {
	if !f.Wait || !f.Since.IsZero() || !m.Behind || c.Admin == "" {
		return false, nil
	}
	return t.queue.othersFirst(ctx, t.action, string(f.Team.ID), since)
}

// pickedBefore finds the pick of an earlier attempt. It counts while its teammate can take the
// conversation, or has it: then only the answer was lost. Their capacity does not matter, since this
// conversation is one of theirs already.
func (t *try) pickedBefore(ctx context.Context, f *actions.PickFacts) (before bool, picked actions.Picked, err error) {
	p, before, err := t.queue.o.Store.PickOf(ctx, t.action.ID)
	if err != nil || !before || p.Admin == "" || p.Team != string(f.Team.ID) {
		return before, picked, err
	}
	var r pickRecord
	if err := json.Unmarshal(p.Record, &r); err != nil {
		return before, picked, fmt.Errorf("read the record of a pick: %w", err)
	}
	why := "not in the team any more"
	for _, one := range f.Crew {
		if one.ID == p.Admin {
			why = routing.SkippedFor(routing.Policy{TakeAway: f.Policy.TakeAway}, one)
		}
	}
	if why == "" || p.Admin == f.Holder {
		return before, actions.Picked{Choice: r.Choice, Again: true, At: p.At}, nil
	}
	f.Notes = append(f.Notes, "picked anew, because "+r.Name+" was picked before: "+why)
	return before, picked, nil
}

// choose picks one of the team, and adds to Intercom's numbers what it cannot have counted yet.
func (q *Queue) choose(ctx context.Context, a store.Action, f actions.PickFacts, m store.PickMemory) (routing.Choice, error) {
	team := make([]routing.Candidate, len(f.Crew))
	for i, one := range f.Crew {
		if one.Open != routing.Unknown {
			more, err := q.o.Store.PickedSince(ctx, a, one.ID, f.CountedAt[one.ID].Add(-searchLag))
			if err != nil {
				return routing.Choice{}, err
			}
			one.Open += more
		}
		team[i] = one
	}
	c := routing.Pick(f.Policy, team, routing.Memory{Turns: m.Turns, Last: f.Last})
	c.Notes = append(f.Notes[:len(f.Notes):len(f.Notes)], c.Notes...)
	return c, nil
}

// recordPick stores the pick, unless another overtook it.
func (t *try) recordPick(ctx context.Context, f actions.PickFacts, c routing.Choice, m store.PickMemory, now, since time.Time) (bool, error) {
	record, err := json.Marshal(pickRecord{f.Team.Name, f.Policy, c})
	if err != nil {
		return false, fmt.Errorf("write the record of a pick: %w", err)
	}
	var wait *store.Wait
	result := pickPicked
	switch {
	case c.Admin != "":
	case f.Wait:
		params, err := actions.Waiting(t.action.Params, actions.Place{})
		if err != nil {
			return false, err
		}
		result, wait = pickWaiting, &store.Wait{Action: t.action, Since: since, Holder: f.Holder, Params: params}
	default:
		result = pickTeam
	}
	recorded, err := t.queue.o.Store.RecordPick(ctx, t.claim, store.Pick{
		Action: t.action.ID, Workspace: t.action.Workspace, Team: string(f.Team.ID), Admin: c.Admin,
		Subject: t.action.Subject, At: now, Record: record,
	}, m, wait)
	if err == nil && recorded {
		t.queue.metrics.picks.WithLabelValues(result).Inc()
		t.queue.given.Add(t.action.Workspace+" "+t.action.Subject, gift{admin: intercom.ID(c.Admin)})
		if wait != nil {
			t.queue.waiting.Store(true)
		}
		t.queue.Freed() // the next in line, if anybody else can be picked
	}
	return recorded, err
}
