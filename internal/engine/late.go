package engine

import (
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

// parkLate leaves to a person what customers would see of a recovered event that is too old (I11): an
// answer to what somebody wrote this morning may be wrong by now. The rest of a run, such as tags and
// assignments, goes on, but for what takes the conversation out of sight: somebody has to look at it.
// It tells how many actions that are.
func (e *Engine) parkLate(ev event.Event, now time.Time, runs []store.Run) (parked int) {
	maxAge, recovered := e.maxAge(ev)
	age := now.Sub(ev.CreatedAt)
	if !recovered || maxAge <= 0 || age <= maxAge {
		return 0
	}
	const hint = "; send it yourself if it still makes sense"
	tooOld := "the event was missed and recovered " + age.Round(time.Minute).String() + " later, which is more than " + maxAge.String() + " (--max-age)"
	for _, r := range runs {
		before := false
		for i := range r.Actions {
			a := &r.Actions[i]
			switch {
			case seen(a.Kind, a.Params):
				a.Park, before = tooOld+hint, true
			case before && (a.Kind == "close" || a.Kind == "snooze"):
				a.Park = "an action before it in the same run is parked: " + tooOld
			default:
				continue
			}
			parked++
		}
	}
	return parked
}

// seen tells whether a customer reads what the action does.
func seen(kind string, params json.RawMessage) bool {
	k, ok := actions.Lookup(kind)
	return ok && k.Priority(params) == intercom.PriorityReply
}

// maxAge is how old the event may be for customers to hear of it. Timers that recovered events started
// are recovered, too; they are as old as the time when they came due.
func (e *Engine) maxAge(ev event.Event) (maxAge time.Duration, recovered bool) {
	maxAge = e.o.MaxAge
	if ev.Recovered() {
		if own := ev.MaxAge(); own > 0 {
			maxAge = own
		}
		return maxAge, true
	}
	if ev.Topic != event.TopicTimer {
		return 0, false
	}
	timer, err := event.ReadTimer(ev)
	return maxAge, err == nil && event.RecoveredID(timer.Trigger.ID)
}
