package rules

import (
	"errors"
	"strconv"
	"strings"
	"time"
)

// Quota is how often a rule may run with a key: Runs times in a window that is Per long, or
// once and for all when Per is 0. What one person did with one part, `once`, `cooldown` and
// `limit` are all quotas; they differ in the key and the numbers.
//
// A window is fixed: it begins with the first run in it, and the next one begins with the
// first run after its end. A window that slides would let a rule under steady load run again
// each time an old run leaves it, so that a paused rule would pause and go on by the minute,
// and it would need the time of every run. A fixed one pauses once, can say until when, and is
// one row however often the rule runs. What it does not promise is that no stretch of Per has
// more than Runs: around the end of a window there can be up to twice as many.
type Quota struct {
	Key  string        `json:"key"`
	Runs int           `json:"runs"`
	Per  time.Duration `json:"per,omitempty"`
	// Keep is how long after its beginning a window must be remembered; 0 is for ever.
	Keep time.Duration `json:"keep,omitempty"`
	// Count is what one run counts for; 0 is 1.
	Count int `json:"count,omitempty"`
	// Shared says that all rules count together, not each by itself.
	Shared bool `json:"shared,omitempty"`
}

// Owner is the name under which the runs of a rule are counted: its own, or none when all rules
// count together.
func (q Quota) Owner(rule string) string {
	if q.Shared {
		return ""
	}
	return rule
}

// size is what one run counts for.
func (q Quota) size() int { return max(q.Count, 1) }

// Memory is what a rule remembers of a key: how often it ran with it since when, and when that
// is forgotten (zero: never). The zero value is a key that it never ran with.
type Memory struct {
	Runs  int       `json:"runs"`
	Since time.Time `json:"since,omitzero"`
	Until time.Time `json:"until,omitzero"`
	By    int64     `json:"by,omitempty"` // the event of the last of the runs
}

// After is what a rule remembers after a run at that time, on the event with that number, that uses the
// quota.
func (m Memory) After(q Quota, now time.Time, by int64) Memory {
	if m.Runs == 0 || q.Per > 0 && q.over(m, now) {
		m = Memory{Since: now}
		if q.Keep > 0 {
			m.Until = now.Add(q.Keep)
		}
	}
	m.Runs += q.size()
	m.By = by
	return m
}

// spent tells whether a quota is used up, and until when; zero is for ever. What counts are the
// numbers that the rule says now, so that a change of them takes effect at once. A window that
// may be forgotten counts as forgotten, whether it is or not: the decision must not depend on
// when somebody tidies up.
func (q Quota) spent(m Memory, now time.Time) (until time.Time, spent bool) {
	if m.Runs+q.size() <= q.Runs {
		return time.Time{}, false
	}
	if q.Per == 0 {
		return time.Time{}, true
	}
	return q.end(m), !q.over(m, now)
}

// end is when the window of a quota with windows is over.
func (q Quota) end(m Memory) time.Time {
	if end := m.Since.Add(q.Per); m.Until.IsZero() || end.Before(m.Until) {
		return end
	}
	return m.Until
}

func (q Quota) over(m Memory, now time.Time) bool { return !now.Before(q.end(m)) }

// quotas are what a run of the rule on this event would use, in the order in which they are
// asked. A key begins with the name of what holds the rule back when the quota is used up.
func (e *evaluation) quotas(r *rule) ([]Quota, error) {
	var list []Quota
	if ev := &e.in.Event; ev.Part != "" {
		list = append(list, Quota{Key: HeldByPart + "/" + ev.Subject + "/" + ev.Part, Runs: 1})
	}
	if r.onceFor != "" {
		key, err := e.scope(HeldByOnce, r.onceFor)
		if err != nil {
			return nil, err
		}
		list = append(list, Quota{Key: key, Runs: 1})
	}
	if c := r.cooldown; c.length > 0 {
		key, err := e.scope(HeldByCooldown, c.per)
		if err != nil {
			return nil, err
		}
		list = append(list, Quota{Key: key, Runs: 1, Per: c.length, Keep: c.length})
	}
	if r.limit.runs > 0 {
		list = append(list, r.limit.quota())
	}
	return append(list, e.breaker(len(r.actions))), nil
}

// The circuit breaker counts the actions on a subject, whichever rule plans them: should rules
// feed each other in a way that nothing else stops, it does (I9).
const (
	defaultBreaker = 100
	breakerWindow  = time.Hour
)

func (e *evaluation) breaker(actions int) Quota {
	return Quota{
		Key: HeldByBreaker + "/" + e.in.Event.Subject, Runs: e.breakerRuns, Per: breakerWindow, Keep: breakerWindow,
		Count: actions, Shared: true,
	}
}

// scope is the key under which a rule counts conversations or contacts.
func (e *evaluation) scope(what, per string) (string, error) {
	if per == perContact {
		id := e.contact().id
		if id == "" {
			return "", errors.New(what + ": the event does not name a contact")
		}
		return what + "/contact/" + id, nil
	}
	kind, id, _ := strings.Cut(e.in.Event.Subject, "/")
	if id == "" || kind != "conversation" && kind != "ticket" {
		return "", errors.New(what + ": the event is not about a conversation")
	}
	return what + "/" + e.in.Event.Subject, nil
}

// hold is a quota that is used up.
type hold struct {
	by, reason string
	until      time.Time // zero: for ever
}

// held returns the first of the rule's quotas that is used up.
func (e *evaluation) held(r *rule, quotas []Quota) (h hold, held bool, err error) {
	if e.in.State == nil {
		return hold{}, false, nil
	}
	for i, q := range quotas {
		m, err := e.recall(q.Owner(r.name), q.Key)
		if err != nil {
			return hold{}, false, &LookupError{What: "state of rule " + r.name, Err: err}
		}
		if q.Shared && e.planned > 0 { // by rules before it, on this event
			if q.over(m, e.in.Now) {
				m = Memory{Since: e.in.Now}
			}
			m.Runs += e.planned
		}
		if until, spent := q.spent(m, e.in.Now); spent {
			by, _, _ := strings.Cut(q.Key, "/")
			if by == HeldByPart && e.in.Replay.overrides(m) {
				quotas[i].Runs = m.Runs + q.size()
				continue
			}
			return hold{by, r.heldBecause(by, m, until), until}, true, nil
		}
	}
	return hold{}, false, nil
}

// heldBecause says for people what it means that a quota is used up.
func (r *rule) heldBecause(by string, m Memory, until time.Time) string {
	switch by {
	case HeldByPart:
		return "it ran already on this part of the conversation"
	case HeldByOnce:
		return "it ran already for this " + r.onceFor
	case HeldByCooldown:
		return "it ran for this " + r.cooldown.per + " at " + stamp(m.Since) + " and cools down until " + stamp(until)
	}
	if by == HeldByBreaker {
		return "circuit breaker: " + strconv.Itoa(m.Runs) + " actions on this subject since " + stamp(m.Since) + ", and the " +
			strconv.Itoa(len(r.actions)) + " of this rule would be more than settings.breaker allows until " + stamp(until)
	}
	times := " times"
	if m.Runs == 1 {
		times = " time"
	}
	return "it ran " + strconv.Itoa(m.Runs) + times + " since " + stamp(m.Since) + " (limit: " + r.limit.String() + ") and is paused until " + stamp(until)
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// Paused tells until when a rule is paused because it has run as often as its limit allows. m
// is what it remembers of its limit. A rule that is not live pauses nothing.
func (rs *Ruleset) Paused(rule string, m Memory, now time.Time) (until time.Time, paused bool) {
	for _, r := range rs.rules {
		if r.name == rule && r.state == stateLive && r.limit.runs > 0 {
			return r.limit.quota().spent(m, now)
		}
	}
	return time.Time{}, false
}
