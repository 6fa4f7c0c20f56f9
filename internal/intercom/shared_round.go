package intercom

import (
	"encoding/json"
	"fmt"
	"time"
)

// round is what a replica has to say to the shared state in one transaction, and what it wants.
type round struct {
	replica string
	share   float64
	life    time.Duration // of a flight
	grant   uint64        // the number of the calls that this round is given
	waiting [PriorityReply + 1]int
	reports []lateReport
	// grants are those that the replica knows of. One that it does not was committed without its
	// learning about that, so nothing was sent on it.
	grants map[uint64]bool
	before time.Time // on this machine's clock: when the reports were gathered
}

// lateReport is a Report that the shared state has not heard of yet.
type lateReport struct {
	number uint64
	usage  Usage
	at     time.Time // when it came, on this machine's clock
}

// roundResult is what a replica learns in a round.
type roundResult struct {
	now     time.Time // on the clock of the state
	machine machine
	granted [PriorityReply + 1]int
}

const (
	// demandLasts is how long others leave calls for those that a replica said it has waiting, and
	// demandEvery how often it says so again.
	demandLasts = 3 * time.Second
	demandEvery = time.Second
	// idleFor is after how long without a change nothing of what was learned is relied on.
	idleFor = 10 * time.Minute
	// clockStep is how far the clock of the state may go back without anything being concluded.
	clockStep = time.Second
)

// apply carries the round out on a state. It returns nil instead of the next state when nothing has
// changed. It may be called again with another state: it changes nothing but its results.
func (r *round) apply(text []byte, clock time.Time) (next []byte, res roundResult, err error) {
	s, err := readState(text)
	if err != nil {
		return nil, res, err
	}
	m := s.Machine.machine(r.share)
	now := s.present(&m, clock)
	changed := r.account(&s, &m, now)
	m.move(now)
	res.granted = r.takeAll(&s, &m, now)
	n := 0
	for _, k := range res.granted {
		n += k
	}
	if n > 0 {
		s.Flights = append(s.Flights, flight{Replica: r.replica, Grant: r.grant, Calls: n, At: micros(now)})
		changed = true
	}
	changed = r.note(&s, now, res.granted) || changed
	res.now, res.machine = now, m
	if !changed {
		return nil, res, nil
	}
	s.At, s.Machine = micros(now), m.state()
	if next, err = json.Marshal(s); err != nil {
		return nil, res, fmt.Errorf("write the shared budget down: %w", err)
	}
	return next, res, nil
}

// present is the time to go by. After a long rest, or when the clock was set back, what is known of
// the window is worth nothing: one call finds out.
func (s *sharedState) present(m *machine, clock time.Time) time.Time {
	now := fromMicros(micros(clock))
	at := fromMicros(s.At)
	switch {
	case s.At == 0:
	case now.Before(at.Add(-clockStep)):
		fresh := newMachine(m.share)
		fresh.win.limit, fresh.win.learned, fresh.win.limitAt = m.win.limit, m.win.learned, now
		fresh.inFlight, fresh.win.ours, fresh.trouble = m.inFlight, m.inFlight, m.trouble
		*m = fresh
		for i := range s.Flights {
			s.Flights[i].At = micros(now)
		}
		for name, use := range s.Replicas {
			use.Seen = micros(now)
			s.Replicas[name] = use
		}
	case now.Before(at):
		now = at
	case now.Sub(at) > idleFor:
		m.move(now)
		m.probe(now)
	}
	return now
}

// account takes in the reports, and what became of grants nobody reports any more.
func (r *round) account(s *sharedState, m *machine, now time.Time) (changed bool) {
	done := s.Replicas[r.replica].Reported
	for _, report := range r.reports {
		if report.number <= done {
			continue // by a round that was committed although it seemed to fail
		}
		changed = true
		p := report.usage.permit
		if !s.land(r.replica, p.grant) {
			continue // it took so long that it was given up
		}
		u := report.usage
		if !u.Taken.IsZero() {
			u.Taken = p.taken.Add(u.Taken.Sub(p.at))
		}
		// This machine cannot tell when exactly the state's clock was read, but not before the
		// reports were gathered: so the answer came at this moment at the latest.
		m.report(now.Add(-r.before.Sub(report.at)), u)
	}
	kept := s.Flights[:0:0]
	for _, f := range s.Flights {
		at := fromMicros(f.At)
		switch {
		case f.Calls == 0:
			continue
		case f.Replica == r.replica && !r.grants[f.Grant]:
			for range f.Calls {
				m.giveBack(now, at)
			}
			changed = true
			continue
		case now.Sub(at) > r.life:
			for range f.Calls { // they may have been counted until now
				m.report(now, Usage{Limit: -1, Remaining: -1, Taken: at})
			}
			changed = true
			continue
		}
		kept = append(kept, f)
	}
	s.Flights = kept
	return changed
}

// land takes a call out of a grant's flight, and tells whether it was in there.
func (s *sharedState) land(replica string, grant uint64) bool {
	for i := range s.Flights {
		if f := &s.Flights[i]; f.Replica == replica && f.Grant == grant && f.Calls > 0 {
			f.Calls--
			return true
		}
	}
	return false
}

// takeAll reserves calls for those who wait, the most urgent first, and leaves as many as other
// replicas have more urgent ones waiting.
func (r *round) takeAll(s *sharedState, m *machine, now time.Time) (granted [PriorityReply + 1]int) {
	left := 0
	for p := PriorityReply; p >= PriorityBackground; p-- {
		for granted[p] < r.waiting[p] && m.free(now) > left && m.take(now) {
			granted[p]++
		}
		for name, use := range s.Replicas {
			if name != r.replica && now.Sub(fromMicros(use.Seen)) <= demandLasts {
				left += max(use.Waiting[p], 0)
			}
		}
	}
	return granted
}

// note writes down for the others what this replica has waiting, and forgets replicas that are gone.
func (r *round) note(s *sharedState, now time.Time, granted [PriorityReply + 1]int) (changed bool) {
	use := s.Replicas[r.replica]
	was := use
	waits := false
	for p := range use.Waiting {
		use.Waiting[p] = r.waiting[p] - granted[p]
		waits = waits || use.Waiting[p] > 0
	}
	if n := len(r.reports); n > 0 {
		use.Reported = max(use.Reported, r.reports[n-1].number)
	}
	if use != was || (waits && now.Sub(fromMicros(use.Seen)) >= demandEvery) {
		use.Seen = micros(now)
		s.Replicas[r.replica] = use
		changed = true
	}
	for name, use := range s.Replicas {
		if name != r.replica && now.Sub(fromMicros(use.Seen)) > 2*r.life {
			delete(s.Replicas, name)
		}
	}
	return changed
}
