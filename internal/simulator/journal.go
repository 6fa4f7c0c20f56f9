package simulator

import (
	"slices"
	"time"
)

// Entry is one API call as the server saw it.
type Entry struct {
	// Seq counts calls from 1, in the order in which they were carried out.
	Seq  int
	Time time.Time
	// Endpoint is the method and the path with its ids left out, such as
	// "POST /conversations/{id}/reply"; empty when the path is unknown.
	Method, Path, Endpoint string
	// Status is the answer; 0 when none was sent (a reset or a hang).
	Status int
	// Code is the error code of an answer that refused, such as "not_found".
	Code string
	// Effect is what the call did; EffectNone when nothing. A call can have an effect
	// although its answer was an error or was cut off: that is what Fault tells.
	Effect Effect
	// Conversation, Contact and Part are the ids of what it did it to, and of the part that
	// it made.
	Conversation, Contact, Part string
	// Company and Ticket are the ids of those; Company is Intercom's.
	Company, Ticket string
	// Admin is the id of the admin on whose behalf it was made.
	Admin string
	// Text is the body it brought, without markup; Tag the name of the tag; Assignee the id of
	// the admin or team, "0" for nobody.
	Text, Tag, Assignee string
	// Fault is what went wrong on purpose, and Cut whether it kept the client from reading
	// a whole and readable answer.
	Fault FaultKind
	Cut   bool
	// Window is the start of the rate-limit window, and Count says how many calls of it had
	// been let through with this one; 0 when it was refused as one too many. Calls without a
	// good token have neither.
	Window time.Time
	Count  int
	// RequestID is the request_id of an error answer, and the X-Request-Id of any.
	RequestID string
}

// Journal returns every API call so far, in the order in which they were carried out.
func (s *Simulator) Journal() []Entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.journal.list()
}

// JournalSince returns the API calls after the one whose Seq is given, for those who follow
// what happens.
func (s *Simulator) JournalSince(seq int) []Entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.journal.since(seq)
}

// ledger keeps what happened, oldest first: all of it, or the newest when there is a limit.
type ledger[T any] struct {
	limit   int
	entries []T
	total   int // ever added
}

func (l *ledger[T]) add(v T) {
	l.total++
	if l.limit > 0 && len(l.entries) >= 2*l.limit {
		n := copy(l.entries, l.entries[len(l.entries)-l.limit+1:])
		clear(l.entries[n:])
		l.entries = l.entries[:n]
	}
	l.entries = append(l.entries, v)
}

func (l *ledger[T]) list() []T { return l.since(0) }

// since returns what was added after the first seq, as far as it is kept.
func (l *ledger[T]) since(seq int) []T {
	n := min(len(l.entries), max(0, l.total-seq))
	if l.limit > 0 {
		n = min(n, l.limit)
	}
	return slices.Clone(l.entries[len(l.entries)-n:])
}
