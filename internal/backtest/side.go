package backtest

import (
	"container/heap"
	"context"
	"time"

	"switchboard/internal/event"
	"switchboard/internal/rules"
)

// side is one ruleset with the state that its decisions leave behind: what the store keeps for the service,
// in memory. It answers the rules (rules.State) about the subject that is being decided.
type side struct {
	ruleset  *rules.Ruleset
	counted  map[countKey]rules.Memory
	subjects map[subjectKey]*subject
	due      dueHeap
	runs     []run // of the step that is being made

	workspace string
	current   *subject // of the event that is being decided
	swept     time.Time
}

type countKey struct{ workspace, rule, key string }

type subjectKey struct{ workspace, subject string }

// subject is what is known of a subject that has timers or had some.
type subject struct {
	key     subjectKey
	timers  map[string]rules.Timer
	cancels map[string]rules.Cancel
	last    time.Time
}

// dueTimer is an entry of the heap; it counts only while the timer is still that version.
type dueTimer struct {
	subject *subject
	rule    string
	timer   rules.Timer
}

type dueHeap []dueTimer

func (h dueHeap) Len() int { return len(h) }
func (h dueHeap) Less(i, j int) bool {
	if !h[i].timer.DueAt.Equal(h[j].timer.DueAt) {
		return h[i].timer.DueAt.Before(h[j].timer.DueAt)
	}
	return h[i].timer.Place < h[j].timer.Place
}
func (h dueHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *dueHeap) Push(x any)   { *h = append(*h, x.(dueTimer)) }
func (h *dueHeap) Pop() any {
	old := *h
	last := old[len(old)-1]
	old[len(old)-1] = dueTimer{}
	*h = old[:len(old)-1]
	return last
}

func newSide(rs *rules.Ruleset) *side {
	return &side{ruleset: rs, counted: map[countKey]rules.Memory{}, subjects: map[subjectKey]*subject{}}
}

// Recall implements rules.State.
func (s *side) Recall(_ context.Context, rule, key string) (rules.Memory, error) {
	return s.counted[countKey{s.workspace, rule, key}], nil
}

// Timers implements rules.State.
func (s *side) Timers(context.Context) (list []rules.Timer, err error) {
	for _, t := range s.current.timers {
		list = append(list, t)
	}
	return list, nil
}

// Cancels implements rules.State.
func (s *side) Cancels(context.Context) (list []rules.Cancel, err error) {
	for _, c := range s.current.cancels {
		list = append(list, c)
	}
	return list, nil
}

// decide decides one event and keeps what comes of it. cause names what both sides may do something about.
func (s *side) decide(ctx context.Context, in rules.Input, cause string) (*rules.Decision, error) {
	key := subjectKey{in.Event.Workspace, in.Event.Subject}
	s.workspace, s.current = key.workspace, s.subjects[key]
	if s.current == nil {
		s.current = &subject{key: key}
	}
	in.State = s
	d, err := s.ruleset.Evaluate(ctx, in)
	if err != nil {
		return nil, err
	}
	for _, o := range d.Rules {
		for _, q := range o.Remember {
			k := countKey{key.workspace, q.Owner(o.Rule), q.Key}
			s.counted[k] = s.counted[k].After(q, in.Now, in.Event.Seq)
		}
		if o.Verdict == rules.Ran {
			s.runs = append(s.runs, run{
				rule: o.Rule, cause: cause, workspace: key.workspace, subject: key.subject, topic: in.Event.Topic, at: in.Now, actions: o.Actions,
			})
		}
	}
	s.keepTimers(d, in.Now)
	return d, nil
}

// keepTimers does to the timers of the current subject what the decision says.
func (s *side) keepTimers(d *rules.Decision, now time.Time) {
	if len(d.Timers)+len(d.Cancels) == 0 {
		return
	}
	sub := s.current
	if sub.timers == nil {
		sub.timers, sub.cancels = map[string]rules.Timer{}, map[string]rules.Cancel{}
		s.subjects[sub.key] = sub
	}
	sub.last = now
	for _, ch := range d.Timers {
		before, waits := sub.timers[ch.Rule]
		switch {
		case ch.Timer == nil:
			delete(sub.timers, ch.Rule)
		case ch.Change == rules.TimerKept:
			before.Newest = ch.Timer.Newest
			sub.timers[ch.Rule] = before
		default:
			t := *ch.Timer
			if t.Version = 1; waits {
				t.Version = before.Version + 1
			}
			sub.timers[ch.Rule] = t
			heap.Push(&s.due, dueTimer{sub, ch.Rule, t})
		}
	}
	for _, c := range d.Cancels {
		sub.cancels[c.Rule] = c
	}
}

// next takes the next timer that is due by a time off the heap.
func (s *side) next(by time.Time) (dueTimer, bool) {
	for len(s.due) > 0 && !s.due[0].timer.DueAt.After(by) {
		top := heap.Pop(&s.due).(dueTimer)
		now, waits := top.subject.timers[top.rule]
		if waits && now.Version == top.timer.Version && now.Trigger.Seq == top.timer.Trigger.Seq {
			top.timer = now
			return top, true
		}
	}
	return dueTimer{}, false
}

// waits tells whether the timer still waits that a run of the other side came of.
func (s *side) waits(r run) bool {
	sub := s.subjects[subjectKey{r.workspace, r.subject}]
	if sub == nil {
		return false
	}
	timer, ok := sub.timers[r.rule]
	return ok && causeOf(timer.Trigger) == r.cause
}

// fire is the event that a timer came due.
func (t dueTimer) fire() (event.Event, error) {
	return event.Timer{Rule: t.rule, Version: t.timer.Version, DueAt: t.timer.DueAt, Trigger: t.timer.Trigger}.
		Event(t.subject.key.workspace, t.subject.key.subject, t.timer.DueAt)
}

// How long it is known that a rule ran for a part, and what cancelled timers of a subject without any. In
// the service it is weeks and a day; notifications of one part come within hours.
const (
	keepParts    = 24 * time.Hour
	keepSubjects = 24 * time.Hour
	sweepEvery   = 6 * time.Hour
)

// sweep forgets what cannot matter any more, so that memory does not grow with the history.
func (s *side) sweep(now time.Time) {
	if now.Sub(s.swept) < sweepEvery {
		return
	}
	s.swept = now
	for k, m := range s.counted {
		isPart := len(k.key) > len(rules.HeldByPart) && k.key[:len(rules.HeldByPart)+1] == rules.HeldByPart+"/"
		if !m.Until.IsZero() && !now.Before(m.Until) || isPart && now.Sub(m.Since) > keepParts {
			delete(s.counted, k)
		}
	}
	for k, sub := range s.subjects {
		if len(sub.timers) == 0 && now.Sub(sub.last) > keepSubjects {
			delete(s.subjects, k)
		}
	}
}
