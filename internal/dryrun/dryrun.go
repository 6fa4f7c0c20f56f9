// Package dryrun is the service without disk and network: it decides events on a clock that the caller
// sets, and keeps in memory what the store keeps for the service, so that the next decision knows what the
// ones before left behind: what counts for once, cooldown, limit and the circuit breaker, the timers that
// wait, and what cancelled some.
//
// Whoever runs it hands it events in the order of their times, and before each of them lets the timers come
// due that are due by then (Next). Nothing of what was decided is carried out, and nothing outlives the
// process.
package dryrun

import (
	"container/heap"
	"context"
	"time"

	"switchboard/internal/event"
	"switchboard/internal/rules"
)

// Service is one ruleset with the state that its decisions leave behind. It answers the rules (rules.State)
// about the subject that is being decided. It is for one goroutine.
type Service struct {
	ruleset  *rules.Ruleset
	counted  map[countKey]rules.Memory
	subjects map[subjectKey]*subject
	due      dueHeap

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

// Timer is a timer that came due.
type Timer struct {
	Workspace, Subject, Rule string
	rules.Timer
}

// Fires is the event that the timer came due.
func (t Timer) Fires() (event.Event, error) {
	return event.Timer{Rule: t.Rule, Version: t.Version, DueAt: t.DueAt, Trigger: t.Trigger}.
		Event(t.Workspace, t.Subject, t.DueAt)
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

// New is a service that remembers nothing.
func New(rs *rules.Ruleset) *Service {
	return &Service{ruleset: rs, counted: map[countKey]rules.Memory{}, subjects: map[subjectKey]*subject{}}
}

// Ruleset is the ruleset that decides.
func (s *Service) Ruleset() *rules.Ruleset { return s.ruleset }

// Recall implements rules.State.
func (s *Service) Recall(_ context.Context, rule, key string) (rules.Memory, error) {
	return s.counted[countKey{s.workspace, rule, key}], nil
}

// Timers implements rules.State.
func (s *Service) Timers(context.Context) (list []rules.Timer, err error) {
	for _, t := range s.current.timers {
		list = append(list, t)
	}
	return list, nil
}

// Cancels implements rules.State.
func (s *Service) Cancels(context.Context) (list []rules.Cancel, err error) {
	for _, c := range s.current.cancels {
		list = append(list, c)
	}
	return list, nil
}

// Evaluate decides one event. The input's State is the service's own. Nothing is remembered until Keep.
func (s *Service) Evaluate(ctx context.Context, in rules.Input) (*rules.Decision, error) {
	s.about(&in)
	return s.ruleset.Evaluate(ctx, in)
}

// Explain does the same and tells how it comes about.
func (s *Service) Explain(ctx context.Context, in rules.Input) (*rules.Decision, []rules.Explanation, error) {
	s.about(&in)
	return s.ruleset.Explain(ctx, in)
}

// about prepares for an event.
func (s *Service) about(in *rules.Input) {
	key := subjectKey{in.Event.Workspace, in.Event.Subject}
	s.workspace, s.current = key.workspace, s.subjects[key]
	if s.current == nil {
		s.current = &subject{key: key}
	}
	in.State = s
}

// Keep remembers what the decision leaves behind that was made last.
func (s *Service) Keep(d *rules.Decision, in rules.Input) {
	for _, o := range d.Rules {
		for _, q := range o.Remember {
			k := countKey{s.workspace, q.Owner(o.Rule), q.Key}
			s.counted[k] = s.counted[k].After(q, in.Now, in.Event.Seq)
		}
	}
	s.keepTimers(d, in.Now)
}

// keepTimers does to the timers of the current subject what the decision says.
func (s *Service) keepTimers(d *rules.Decision, now time.Time) {
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

// Next takes the next timer that is due by a time.
func (s *Service) Next(by time.Time) (Timer, bool) {
	for len(s.due) > 0 && !s.due[0].timer.DueAt.After(by) {
		top := heap.Pop(&s.due).(dueTimer)
		now, waits := top.subject.timers[top.rule]
		if waits && now.Version == top.timer.Version && now.Trigger.Seq == top.timer.Trigger.Seq {
			return Timer{top.subject.key.workspace, top.subject.key.subject, top.rule, now}, true
		}
	}
	return Timer{}, false
}

// Waits returns the timer of a rule that waits on a subject.
func (s *Service) Waits(workspace, subject, rule string) (rules.Timer, bool) {
	sub := s.subjects[subjectKey{workspace, subject}]
	if sub == nil {
		return rules.Timer{}, false
	}
	t, ok := sub.timers[rule]
	return t, ok
}

// How long it is known that a rule ran for a part, and what cancelled timers of a subject without any. In
// the service it is weeks and a day; notifications of one part come within hours.
const (
	keepParts    = 24 * time.Hour
	keepSubjects = 24 * time.Hour
	sweepEvery   = 6 * time.Hour
)

// Forget drops what cannot matter any more, so that memory does not grow with the history.
func (s *Service) Forget(now time.Time) {
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
