package operations

import (
	"context"
	"encoding/json"
	"time"

	"switchboard/internal/store"
)

// EventRequest names an event by its number or the id of its notification.
type EventRequest struct {
	Event     string `json:"event"`
	Workspace string `json:"workspace,omitempty"`
}

// EventAnswer is all that is known of an event.
type EventAnswer struct {
	EventRow
	// Explained is why the rules did what they did; nil while it waits, and when it cannot be told, for which
	// NotExplained has the reason.
	Explained    *Explained `json:"explained,omitempty"`
	NotExplained string     `json:"not_explained,omitempty"`
	// Payload is the notification as received; nil when it was pruned, or lost to a damaged disk.
	Payload json.RawMessage `json:"payload,omitempty"`
	Done    []ActionView    `json:"done"`    // the actions that it led to, in plan order
	Timers  []TimerView     `json:"timers"`  // that it started and that wait
	Replays []EventRow      `json:"replays"` // of it, oldest first
}

// Event tells of one event.
func (x Reader) Event(ctx context.Context, s *store.Store, r EventRequest) (answer EventAnswer, err error) {
	found, err := x.oneEvent(ctx, s, r)
	if err != nil {
		return answer, err
	}
	rows, err := rowsOf(ctx, s, []store.Found{found})
	if err != nil {
		return answer, err
	}
	answer.EventRow = rows[0]
	if ev, ok, err := s.Named(ctx, found.Workspace, found.ID); err != nil {
		return answer, err
	} else if ok {
		answer.Payload = valid(ev.Payload)
		found.Payload = ev.Payload
	}
	if err := x.explainFound(ctx, s, found, &answer); err != nil {
		return answer, err
	}
	actions, err := s.ActionsOf(ctx, found.Seq)
	if err != nil {
		return answer, err
	}
	if answer.Done, err = viewsOf(ctx, s, actions); err != nil {
		return answer, err
	}
	timers, err := s.TimersOn(ctx, found.Workspace, found.Subject)
	if err != nil {
		return answer, err
	}
	answer.Timers = x.timerViews(startedBy(timers, found.Seq))
	answer.Replays, err = x.replaysOf(ctx, s, found)
	return answer, err
}

// oneEvent finds the event. A text may be the id of several things: the event comes first.
func (x Reader) oneEvent(ctx context.Context, s *store.Store, r EventRequest) (f store.Found, err error) {
	if r.Event == "" {
		return f, refuse("name an event: its number, or the id of its notification")
	}
	if err := texts(r.Event); err != nil {
		return f, err
	}
	workspace, err := x.workspace(r.Workspace)
	if err != nil {
		return f, err
	}
	found, err := s.FindEvent(ctx, workspace, r.Event)
	if err != nil {
		return f, err
	}
	if len(found) == 0 {
		return f, refuse("there is no event %s, or it was pruned (--retention)", r.Event)
	}
	if len(found) > 1 {
		return f, refuse("several workspaces have an event %s: name the workspace", r.Event)
	}
	return found[0], nil
}

// explainFound explains the decision, or says why that cannot be done.
func (x Reader) explainFound(ctx context.Context, s *store.Store, f store.Found, answer *EventAnswer) error {
	switch {
	case f.Decision.Seq == 0 && f.Waiting:
		answer.NotExplained = "it waits to be decided"
		return nil
	case f.Decision.Seq == 0:
		answer.NotExplained = "there is no record of a decision"
		return nil
	case answer.Unreadable:
		answer.NotExplained = "the record of the decision is damaged"
		return nil
	}
	one, err := Explainer(x).explain(ctx, s, f.Event, ExplainRequest{})
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		answer.NotExplained = err.Error()
	default:
		answer.Explained = &one
	}
	return nil
}

func startedBy(timers []store.Timer, seq int64) []store.Timer {
	kept := timers[:0]
	for _, t := range timers {
		if t.Seq == seq {
			kept = append(kept, t)
		}
	}
	return kept
}

func (x Reader) replaysOf(ctx context.Context, s *store.Store, f store.Found) ([]EventRow, error) {
	replays, err := s.Replays(ctx, f.Workspace, f.Seq)
	if err != nil {
		return nil, err
	}
	list := make([]store.Found, 0, len(replays))
	for _, ev := range replays {
		found, err := s.FindEvent(ctx, f.Workspace, ev.ID)
		if err != nil {
			return nil, err
		}
		list = append(list, found...)
	}
	return rowsOf(ctx, s, list)
}

// SubjectRequest names what events are about.
type SubjectRequest struct {
	Subject   string    `json:"subject"` // such as conversation/123
	Workspace string    `json:"workspace,omitempty"`
	Since     time.Time `json:"since,omitzero"`
	Until     time.Time `json:"until,omitzero"`
	Before    int64     `json:"before,omitempty"`
	Limit     int       `json:"limit,omitempty"` // 50 if 0, at most 200
}

// SubjectAnswer is what happened to a conversation, a contact, a ticket or anything else, the newest first.
type SubjectAnswer struct {
	Subject string         `json:"subject"`
	Entries []SubjectEntry `json:"entries"`
	Searched
	Timers []TimerView `json:"timers"` // that wait on it
	// Line is the team in whose line it stands; nil when it waits for nobody.
	Line   *LineView     `json:"line,omitempty"`
	Counts SubjectCounts `json:"counts"`
}

// SubjectEntry is an event and the actions that it led to, in plan order.
type SubjectEntry struct {
	Event EventRow     `json:"event"`
	Done  []ActionView `json:"done"`
}

// LineView is a place in the line of a team.
type LineView struct {
	Team  string    `json:"team"` // its id
	Since time.Time `json:"since"`
}

// SubjectCounts is how much is stored about a subject.
type SubjectCounts struct {
	// Events are those that are stored; More says that there are more than were counted. Actions are those that
	// the counted ones led to.
	Events  int                       `json:"events"`
	More    bool                      `json:"more,omitempty"`
	Actions map[store.ActionState]int `json:"actions"`
}

// mostCounted is how many events of a subject are counted.
const mostCounted = 1000

// Conversation tells what happened to a subject.
func (x Reader) Conversation(ctx context.Context, s *store.Store, r SubjectRequest) (answer SubjectAnswer, err error) {
	answer = SubjectAnswer{Subject: r.Subject, Entries: []SubjectEntry{}, Timers: []TimerView{}}
	if r.Subject == "" {
		return answer, refuse("name a subject, such as conversation/123")
	}
	q, err := x.search(EventsRequest{Workspace: r.Workspace, Subject: r.Subject, Since: r.Since, Until: r.Until, Before: r.Before, Limit: r.Limit})
	if err != nil {
		return answer, err
	}
	found, end, err := s.Search(ctx, q)
	if err != nil {
		return answer, err
	}
	answer.Searched = searched(end)
	if answer.Entries, err = entriesOf(ctx, s, found); err != nil {
		return answer, err
	}
	counts, err := s.CountSubject(ctx, q.Workspace, r.Subject, mostCounted+1)
	if err != nil {
		return answer, err
	}
	answer.Counts = SubjectCounts{Events: min(counts.Events, mostCounted), More: counts.Events > mostCounted, Actions: counts.Actions}
	timers, _, _, err := s.SearchTimers(ctx, store.TimerSearch{Workspace: q.Workspace, Subject: r.Subject, Limit: mostPage})
	if err != nil {
		return answer, err
	}
	answer.Timers = x.timerViews(timers)
	team, since, waits, err := s.LineOf(ctx, q.Workspace, r.Subject)
	if waits {
		answer.Line = &LineView{team, since}
	}
	return answer, err
}

// entriesOf are events with what they led to.
func entriesOf(ctx context.Context, s *store.Store, found []store.Found) ([]SubjectEntry, error) {
	rows, err := rowsOf(ctx, s, found)
	if err != nil {
		return nil, err
	}
	seqs := make([]int64, len(found))
	for i, f := range found {
		seqs[i] = f.Seq
	}
	actions, err := s.ActionsOfEvents(ctx, seqs)
	if err != nil {
		return nil, err
	}
	entries := make([]SubjectEntry, len(found))
	for i, f := range found {
		o, _ := outcomesOf(f)
		entries[i] = SubjectEntry{Event: rows[i], Done: []ActionView{}}
		for _, a := range actions[f.Seq] {
			entries[i].Done = append(entries[i].Done, viewOf(a, o.Rules))
		}
	}
	return entries, nil
}
