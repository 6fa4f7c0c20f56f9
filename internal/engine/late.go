package engine

import (
	"cmp"
	"encoding/json"
	"time"

	"switchboard/internal/actions"
	"switchboard/internal/event"
	"switchboard/internal/intercom"
	"switchboard/internal/store"
)

// DefaultMaxAge is how old a recovered event may be for customers to hear of it: as long as Intercom
// itself holds a notification back before it drops it.
const DefaultMaxAge = 2 * time.Hour

// park leaves to a person what customers would see of an event that is too old when it is recovered or
// replayed (I11): an answer to what somebody wrote this morning may be wrong by now. So it does with what
// customers may have heard already, before a replay (I4). The rest of a run, such as tags and assignments,
// goes on, but for what takes the conversation out of sight: somebody has to look at it. before is what
// became of a replayed event. It tells how many actions that are.
func (e *Engine) park(ev event.Event, now time.Time, runs []store.Run, before *past) (parked int) {
	why := e.tooLate(ev, now, before)
	if why == "" && before != nil {
		why = before.heard
	}
	if why == "" {
		return 0
	}
	for _, r := range runs {
		earlier := false
		for i := range r.Actions {
			a := &r.Actions[i]
			switch {
			case seen(a.Kind, a.Params):
				a.Park, earlier = why+"; send it yourself if it still makes sense", true
			case earlier && (a.Kind == "close" || a.Kind == "snooze"):
				a.Park = "an action before it in the same run is parked: " + why
			default:
				continue
			}
			parked++
		}
	}
	return parked
}

// tooLate says why customers are not to hear of the event any more; empty when they may.
func (e *Engine) tooLate(ev event.Event, now time.Time, before *past) string {
	maxAge, what := e.maxAge(ev), "was missed and recovered "
	if before != nil {
		maxAge, what = cmp.Or(before.asked.MaxAge(), e.o.MaxAge), "is replayed "
	}
	age := now.Sub(ev.CreatedAt)
	if maxAge <= 0 || age <= maxAge {
		return ""
	}
	return "the event " + what + age.Round(time.Minute).String() + " later, which is more than " + maxAge.String() + " (--max-age)"
}

// seen tells whether a customer reads what the action does.
func seen(kind string, params json.RawMessage) bool {
	k, ok := actions.Lookup(kind)
	return ok && k.Priority(params) == intercom.PriorityReply
}

// maxAge is how old the event may be for customers to hear of it; 0 when it was not recovered. Timers
// that recovered events started are recovered, too; they are as old as the time when they came due.
func (e *Engine) maxAge(ev event.Event) time.Duration {
	if ev.Recovered() {
		return cmp.Or(ev.MaxAge(), e.o.MaxAge)
	}
	if ev.Topic != event.TopicTimer {
		return 0
	}
	if timer, err := event.ReadTimer(ev); err != nil || !event.RecoveredID(timer.Trigger.ID) {
		return 0
	}
	return e.o.MaxAge
}
