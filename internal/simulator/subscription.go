package simulator

import "time"

// SubscriptionState is what Intercom thinks of the endpoint.
type SubscriptionState string

// The states of the subscription.
const (
	SubscriptionLive      SubscriptionState = "live"
	SubscriptionThrottled SubscriptionState = "throttled" // after a 429: everything waits
	SubscriptionPaused    SubscriptionState = "paused"    // after more than 1000 errors in a row within 15 minutes: all is dropped
	SubscriptionSuspended SubscriptionState = "suspended" // after errors for more than 7 days; SetLive ends it
	SubscriptionDisabled  SubscriptionState = "disabled"  // after a 410; SetLive ends it
)

// Intercom's figures, from the page "Webhook notifications".
const (
	throttleFirst = time.Minute
	throttleMost  = 2 * time.Hour // also how long a notification may be late before it is dropped
	pauseErrors   = 1000
	pauseLength   = 15 * time.Minute
	suspendAfter  = 7 * 24 * time.Hour
)

// subscription is how the endpoint has behaved, and what follows from that.
type subscription struct {
	state  SubscriptionState // "" is SubscriptionLive
	until  time.Time         // end of a throttle or pause
	since  time.Time         // its beginning
	delay  time.Duration     // of the last throttle; 0 after a good answer
	late   time.Time         // end of the last throttle
	errors int               // in a row
	first  time.Time         // the first of them
	recent []time.Time       // times of the newest errors in a row, at most pauseErrors+1
}

// Subscription tells the state of the app's webhook subscription and, when it is throttled or
// paused, until when.
func (s *Simulator) Subscription() (state SubscriptionState, until time.Time) {
	s.mail.mu.Lock()
	defer s.mail.mu.Unlock()
	s.mail.subscription.expire(time.Now())
	if s.mail.subscription.state == "" {
		return SubscriptionLive, time.Time{}
	}
	return s.mail.subscription.state, s.mail.subscription.until
}

// SetLive makes a disabled or suspended subscription live again, as the button of that name
// in the Developer Hub does. What was not sent meanwhile stays lost.
func (s *Simulator) SetLive() {
	s.mail.mu.Lock()
	defer s.mail.mu.Unlock()
	s.mail.subscription = subscription{}
	s.mail.nudge()
}

func (u *subscription) expire(now time.Time) {
	if (u.state == SubscriptionThrottled || u.state == SubscriptionPaused) && !u.until.After(now) {
		u.state = SubscriptionLive
	}
}

// heldFor is how long nothing may be sent because of a throttle.
func (u *subscription) heldFor(now time.Time) time.Duration {
	u.expire(now)
	if u.state == SubscriptionThrottled {
		return u.until.Sub(now)
	}
	return 0
}

// wants is false for notifications that are dropped instead of sent.
func (u *subscription) wants(o *outgoing) bool {
	switch u.state {
	case SubscriptionDisabled, SubscriptionSuspended, SubscriptionPaused:
		return false
	}
	return u.late.Sub(o.CreatedAt) <= throttleMost
}

func (u *subscription) good() {
	u.delay, u.errors, u.recent = 0, 0, nil
}

func (u *subscription) disable() { u.state = SubscriptionDisabled }

// throttle holds everything back: a minute at first, then twice as long each time, up to two
// hours. Answers to what was sent before the throttle began do not make it longer.
func (u *subscription) throttle(sent, now time.Time) {
	if u.state == SubscriptionDisabled || u.delay > 0 && sent.Before(u.since) {
		return
	}
	if u.delay == 0 {
		u.delay = throttleFirst
	} else {
		u.delay = min(2*u.delay, throttleMost)
	}
	u.state, u.since, u.until = SubscriptionThrottled, now, now.Add(u.delay)
	u.late = u.until
}

// bad counts an error and pauses or suspends when there have been too many.
func (u *subscription) bad(now time.Time) {
	if u.errors++; u.errors == 1 {
		u.first = now
	}
	u.recent = append(u.recent, now)
	if len(u.recent) > pauseErrors+1 {
		u.recent = u.recent[1:]
	}
	switch {
	case u.state == SubscriptionDisabled:
	case now.Sub(u.first) > suspendAfter:
		u.state = SubscriptionSuspended
	case len(u.recent) > pauseErrors && now.Sub(u.recent[0]) <= pauseLength:
		u.state, u.since, u.until = SubscriptionPaused, now, now.Add(pauseLength)
		u.recent = nil
	}
}
