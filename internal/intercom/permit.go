package intercom

import (
	"context"
	"time"
)

// permit is a call that a budget has granted for a short time. A process may be stopped between
// Take and sending, for longer than those who share the budget reckon with the call. nil is good
// for ever.
type permit struct {
	grant uint64
	taken time.Time // on the clock of the shared state: not later than Take returned
	at    time.Time // the same on this machine's clock, with both its readings
	life  time.Duration
}

// permitAge is how long a permit is good, if its window lasts that long.
const permitAge = 2 * time.Second

// good tells whether the call may be sent at now. A process that was stopped finds that time has
// passed on the monotonic clock; a machine that slept finds it on the other only.
func (p *permit) good(now time.Time) bool {
	return p == nil || within(p.at, now, p.life)
}

// within tells whether from was not longer than d before to, on both clocks of this machine.
func within(from, to time.Time, d time.Duration) bool {
	wall := to.Round(0).Sub(from.Round(0))
	return to.Sub(from) <= d && wall <= d && wall >= -d
}

// permitter is a Budget whose permits do not keep.
type permitter interface {
	take(ctx context.Context, p Priority) (*permit, error)
}

// admit takes a call from the budget, tells the trace, and sees to it that the permit is good when
// the request is about to be written: one that has become stale meanwhile is given back for another.
func (s *sender) admit(ctx context.Context, path string) (taken bool, err error) {
	c, r := s.client, s.request
	otherwise := PriorityAction
	if !r.writes() {
		otherwise = PriorityRead
	}
	for {
		p, err := takeCall(ctx, c.budget, priorityOf(ctx, otherwise))
		if err != nil {
			return false, err
		}
		s.reported = false
		s.usage = Usage{NotSent: true, Limit: -1, Remaining: -1, Taken: time.Now(), permit: p}
		if !p.good(time.Now()) {
			s.report()
			continue
		}
		if err := beforeSend(ctx, r, path); err != nil {
			return true, err
		}
		if p.good(time.Now()) { // what was told may have taken long to record
			return true, nil
		}
		s.report()
	}
}
