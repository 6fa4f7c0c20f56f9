package intercom

import "time"

// machine is the arithmetic of a budget: which window it is, what has been used of it, what stops
// calls for now. It has no clock, no lock and nobody waiting, so that it can live in the memory of
// one process as well as in a row that several share. Its methods are told the time, on a clock
// that is the same in all calls.
type machine struct {
	share    float64
	win      window
	inFlight int
	probing  bool      // only one call in flight
	probedAt time.Time // an answer to a call taken after this ends probing
	paused   time.Time // nothing is sent before
	strikes  int       // 429s in a row that did not say when to go on
	trouble  string    // why credentials or plan were refused, until a call succeeds
}

func newMachine(share float64) machine {
	if share == 0 {
		share = 1
	}
	return machine{share: share, win: window{limit: defaultLimit}}
}

// take reserves a call if one can be sent now.
func (m *machine) take(now time.Time) bool {
	if m.free(now) < 1 {
		return false
	}
	m.inFlight++
	m.win.ours++
	return true
}

// free is how many calls can be sent now.
func (m *machine) free(now time.Time) int {
	switch {
	case now.Before(m.paused):
		return 0
	case m.probing:
		return min(m.win.free(m.inFlight, m.ownShare()), 1-m.inFlight)
	}
	return m.win.free(m.inFlight, m.ownShare())
}

// report takes in what became of a call that ended at now.
func (m *machine) report(now time.Time, u Usage) {
	m.move(now)
	m.settle(u, now)
	m.inFlight = max(m.inFlight-1, 0)
}

// giveBack undoes a take at taken: nothing was sent.
func (m *machine) giveBack(now, taken time.Time) {
	m.settle(Usage{NotSent: true, Taken: taken}, now)
	m.inFlight = max(m.inFlight-1, 0)
}

// move goes on to the next window when the present one is over.
func (m *machine) move(now time.Time) {
	if m.win.passed(now, m.inFlight) && m.win.id == 0 {
		m.probe(now)
	}
}

// changesAt is when more calls can be sent although no answer comes: after a move to now.
func (m *machine) changesAt(now time.Time) time.Time {
	if now.Before(m.paused) {
		return m.paused
	}
	return m.win.end
}

// glance is the state for people, after a move to now.
func (m *machine) glance(now time.Time) BudgetState {
	s := BudgetState{
		Limit:     m.win.limit,
		Remaining: max(m.win.left(m.ownShare()), 0),
		ResetAt:   m.win.end,
		Trouble:   m.trouble,
	}
	if now.Before(m.paused) {
		s.PausedUntil, s.Remaining = m.paused, 0
	}
	return s
}

// spent tells whether nothing can be sent for now whatever the calls in flight bring, and when
// that ends.
func (s *BudgetState) spent() (until time.Time, spent bool) {
	switch {
	case !s.PausedUntil.IsZero():
		return s.PausedUntil, true
	case s.Remaining == 0:
		return s.ResetAt, true
	}
	return time.Time{}, false
}

// settle accounts for one call; it is still among those in flight.
func (m *machine) settle(u Usage, now time.Time) {
	w := &m.win
	if !u.Taken.IsZero() && u.Taken.Before(w.start) {
		w.carried = max(w.carried-1, 0)
	}
	switch {
	case u.NotSent && !u.Answered:
		w.ours--
		return
	case w.stale(u):
		w.ours--
		return // counted, and if need be refused, in a window that is over
	case !u.Answered || u.Limit < 0:
		w.missed(now)
	default:
		w.place(u, now, m.inFlight)
		w.count(u, now, m.inFlight)
	}
	switch {
	case u.Status == statusTooManyRequests:
		m.pause(u, now)
		return
	case u.Refused != "":
		m.trouble = u.Refused
		m.paused = later(m.paused, now.Add(refusedPause))
		m.probe(now)
		return
	case u.Answered && u.Status < 300:
		m.trouble = ""
	}
	// An answer without the headers ends probing too, unless it is one that never has them:
	// a proxy's failure, or refused credentials.
	telling := u.Limit >= 0 || (u.Status < 500 && u.Status != 401)
	if u.Answered && telling {
		m.strikes = 0
		if u.Taken.IsZero() || !u.Taken.Before(m.probedAt) {
			m.probing = false
		}
	}
}

// pause stops everything after a 429.
func (m *machine) pause(u Usage, now time.Time) {
	until := now.Add(max(u.RetryAfter, shortestPause))
	switch {
	case u.Reset > 0 && u.Window == m.win.id && u.Window != 0:
		until = later(until, m.win.end) // known better than from this one answer
	case u.Reset > 0:
		until = later(until, now.Add(u.Reset))
	case u.RetryAfter <= 0:
		if u.Taken.IsZero() || !u.Taken.Before(m.probedAt) {
			m.strikes++ // not for calls that were on their way already at the last one
		}
		until = now.Add(min(shortestPause<<min(max(m.strikes-1, 0), 10), windowLength))
	}
	m.paused = later(m.paused, until)
	m.probe(now)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func (m *machine) probe(now time.Time) {
	m.probing, m.probedAt = true, now
}

func (m *machine) ownShare() int {
	return max(int(float64(m.win.limit)*m.share), 1)
}

// plausible drops numbers that cannot be meant.
func (u Usage) plausible() Usage {
	if !u.Answered {
		return Usage{NotSent: u.NotSent, Limit: -1, Remaining: -1, Taken: u.Taken, permit: u.permit}
	}
	if u.Limit <= 0 {
		u.Limit, u.Remaining = -1, -1
	}
	u.Remaining = min(u.Remaining, u.Limit)
	if u.Reset > longestPause {
		u.Reset, u.Window = 0, 0
	}
	u.RetryAfter = min(u.RetryAfter, longestPause)
	return u
}

const statusTooManyRequests = 429
