package queue

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strings"
	"time"

	"switchboard/internal/actions"
	"switchboard/internal/event"
	"switchboard/internal/intercom"
	"switchboard/internal/store"
)

// Conversations that wait for a teammate stand in a line for each team. Whenever somebody may
// have time, and every half minute in any case, it is asked whether one of the team can be picked;
// then an action is planned for the conversation that has waited longest, like any other of that
// conversation. One at a time for each team: the next comes when that pick is recorded.

const (
	// lineEvery is how often the lines are looked at when nothing tells that somebody has time.
	lineEvery = 30 * time.Second
	// lineAge is how old counts of open conversations may be for that: younger than the last look.
	lineAge = 25 * time.Second
	// mostServed is for how many conversations it is known without asking when they were served.
	mostServed = 50
	// servePatience is how long the next in line waits for the action of the one before to come
	// to its pick.
	servePatience = 2 * time.Minute
	// serveAgain is when a conversation is served again whose action found nobody after all. Facts
	// that change back and forth must not use up the budget.
	serveAgain = 10 * time.Second
)

// Freed says that somebody may have time for a conversation that waits. It never blocks.
func (q *Queue) Freed() {
	if !q.waiting.Load() {
		return // what another replica put in line is found with the next look
	}
	select {
	case q.freed <- struct{}{}:
	default:
	}
}

// Seen takes in what an event says about who has time.
func (q *Queue) Seen(ev event.Event) {
	if q.waiting.Load() && (ev.Topic == "conversation.admin.closed" || ev.Topic == "conversation.deleted") {
		q.seenEnd(ev)
	}
	switch ev.Topic {
	case "admin.away_mode_updated", "admin.added_to_workspace", "admin.removed_from_workspace":
		q.o.Env.Directory.AdminsChanged()
		q.Freed()
	case "conversation.admin.closed", "conversation.admin.snoozed", "conversation.admin.assigned", "conversation.admin.open.assigned",
		"conversation.admin.opened", "conversation.admin.unsnoozed", "conversation.user.replied":
		if q.o.Env.Directory.Counting() || q.waiting.Load() {
			q.seenConversation(ev)
		}
	}
}

// seenEnd takes a conversation out of the line that was closed or deleted: its turn may never come,
// and its events are kept for as long as it waits (I10). What fails here is found when its turn comes.
func (q *Queue) seenEnd(ev event.Event) {
	ctx, cancel := context.WithTimeout(context.Background(), endPatience)
	defer cancel()
	// Intercom's times are whole seconds. One that was opened again and waits since stays.
	left, err := q.o.Store.LeaveLine(ctx, ev.Workspace, ev.Subject, ev.CreatedAt.Add(time.Second))
	switch {
	case err != nil:
		q.log.Warn("cannot take a conversation out of the line; it leaves when its turn comes", "subject", ev.Subject, "err", err)
	case left:
		q.log.Info("a conversation does not wait any more", "subject", ev.Subject, "why", ev.Topic)
	}
}

// endPatience bounds how long an event is held up by that.
const endPatience = 5 * time.Second

// seenConversation takes in that a teammate may have another number of open conversations now.
func (q *Queue) seenConversation(ev event.Event) {
	var n struct {
		Data struct {
			Item intercom.Conversation `json:"item"`
		} `json:"data"`
	}
	_ = json.Unmarshal(ev.Payload, &n) // what does not fit is missing
	conv := n.Data.Item
	changed := []intercom.ID{conv.AdminAssigneeID}
	part := newest(conv.Parts)
	switch {
	case ev.Topic == "conversation.user.replied" && part.Type == "comment":
		return // it was open before
	case strings.HasSuffix(ev.Topic, ".assigned"):
		given, ours := q.givenTo(ev, conv.AdminAssigneeID)
		if part.AssignedTo.Type == "team" || ours {
			return // changes nobody's number, or is our own pick, which is counted
		}
		changed = append(changed, given)
		q.recount()
	}
	for _, id := range changed {
		if !id.Nobody() {
			q.o.Env.Directory.OpenChanged(id)
		}
	}
	q.Freed()
}

// gift is who was picked for a conversation lately, and whether Intercom has told of it.
type gift struct {
	admin intercom.ID
	told  bool
}

// givenTo finds who was picked for an event's conversation lately, and whether the event tells of
// that, now that the conversation has this teammate.
func (q *Queue) givenTo(ev event.Event, has intercom.ID) (admin intercom.ID, ours bool) {
	key := ev.Workspace + " " + ev.Subject
	g, _ := q.given.Get(key)
	if g.admin.Nobody() || g.admin != has || g.told {
		return g.admin, false
	}
	q.given.Add(key, gift{g.admin, true}) // the next time it is somebody else's doing
	return g.admin, true
}

// recountEvery is how often all teammates are counted again because of assignments by hand.
const recountEvery = 10 * time.Second

// recount has everybody counted again while conversations wait: who had a conversation before it
// was assigned by hand is not told, and that is who has time now.
func (q *Queue) recount() {
	last, now := q.recounted.Load(), time.Now().UnixNano()
	if q.waiting.Load() && now-last >= int64(recountEvery) && q.recounted.CompareAndSwap(last, now) {
		q.o.Env.Directory.OpenChanged("")
	}
}

func newest(parts []intercom.Part) intercom.Part {
	if len(parts) == 0 {
		return intercom.Part{}
	}
	return parts[len(parts)-1]
}

// watchLines looks at the lines until ctx ends.
func (q *Queue) watchLines(ctx context.Context) {
	ticker := time.NewTicker(lineEvery)
	defer ticker.Stop()
	freed := false
	for {
		if err := q.serveLines(ctx, freed); err != nil && ctx.Err() == nil {
			level := slog.LevelWarn
			if intercom.ClassOf(err) == intercom.Permanent {
				level = slog.LevelError // somebody has to do something about it
			}
			q.log.Log(ctx, level, "cannot look who has time for the conversations that wait; they keep their places, trying again", "err", err)
		}
		select {
		case <-q.freed:
			freed = true
		case <-ticker.C:
			freed = false
		case <-ctx.Done():
			return
		}
	}
}

// serveLines looks at each line once. What fails in one does not keep the others waiting. Unless
// somebody was freed, which only this replica knows, one replica does it for all.
func (q *Queue) serveLines(ctx context.Context, freed bool) (err error) {
	defer func() {
		if r := recover(); r != nil {
			q.log.ErrorContext(ctx, "panic while looking who has time", "err", fmt.Sprint(r), "stack", string(debug.Stack()))
		}
	}()
	if q.o.Ready != nil && q.o.Ready().After(time.Now()) {
		return nil // the next look will do
	}
	heads, err := q.o.Store.Lines(ctx, q.o.Workspace)
	q.waiting.Store(len(heads) > 0 || err != nil)
	if !freed && !q.o.Store.Leads() {
		return err
	}
	for _, head := range heads {
		if lineErr := q.serveLine(ctx, head.Workspace, head.Team); lineErr != nil {
			err = lineErr
		}
	}
	return err
}

// serveLine plans the action for the first in line whom somebody of the team can take. Those for whom
// a teammate is picked in the same way can be taken or not together, so one of each is looked at,
// however many there are.
func (q *Queue) serveLine(ctx context.Context, workspace, team string) error {
	list, err := q.o.Store.InLine(ctx, workspace, team, q.now().Add(-servePatience))
	if err != nil {
		return err
	}
	for _, w := range list {
		if w.Served || q.servedInVain(w) {
			return nil
		}
		if w.Stuck {
			continue // it keeps its place, and does not keep the others from theirs
		}
		can, err := q.somebodyCan(ctx, w)
		if err != nil {
			return err
		}
		if can {
			return q.serve(ctx, w)
		}
	}
	return nil
}

// servedInVain tells whether an action for the conversation was planned a moment ago, and it waits
// again.
func (q *Queue) servedInVain(w store.Waiting) bool {
	at, ok := q.served.Get(w.Workspace + " " + w.Subject)
	return ok && !w.Stuck && time.Since(at) < serveAgain
}

// othersFirst tells whether one who has waited for the team since before the given time would be
// given to somebody now.
func (q *Queue) othersFirst(ctx context.Context, a store.Action, team string, since time.Time) (bool, error) {
	list, err := q.o.Store.InLine(ctx, a.Workspace, team, q.now().Add(-servePatience))
	if err != nil {
		return false, err
	}
	for _, w := range list {
		failing := w.Stuck && w.Planned != 0 // else it is being put in line
		if failing || w.Subject == a.Subject || !w.Since.Before(since) {
			continue
		}
		if can, err := q.somebodyCan(ctx, w); can || err != nil {
			return can, err
		}
	}
	return false, nil
}

// somebodyCan tells whether the conversation would be given to somebody now. That the team was
// deleted is for the action to say; whatever else Intercom refuses lets nobody out of the line.
func (q *Queue) somebodyCan(ctx context.Context, w store.Waiting) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, q.o.Patience)
	defer cancel()
	a := store.Action{Workspace: w.Workspace, Subject: w.Subject}
	params, err := placed(w)
	if err != nil {
		return false, err
	}
	f, err := actions.FactsOfPick(ctx, q.o.Env, params, lineAge)
	if actions.TeamGone(err) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	m, err := q.o.Store.PickMemory(ctx, a, w.Team, w.Since)
	if err != nil {
		return false, err
	}
	c, err := q.choose(ctx, a, f, m)
	return c.Admin != "", err
}

// placed are the parameters of the action that is to end the waiting.
func placed(w store.Waiting) (json.RawMessage, error) {
	return actions.Waiting(w.Params, actions.Place{Since: w.Since, Team: w.Team, Holder: w.Holder})
}

func (q *Queue) serve(ctx context.Context, w store.Waiting) error {
	params, err := placed(w)
	if err != nil {
		return err
	}
	planned, err := q.o.Store.PlanWaiting(ctx, w, params, q.now())
	if err != nil || !planned {
		return err
	}
	q.served.Add(w.Workspace+" "+w.Subject, time.Now())
	q.log.DebugContext(ctx, "somebody has time for a conversation that waits", "subject", w.Subject, "waited", q.now().Sub(w.Since).Round(time.Second))
	q.Nudge()
	return nil
}
