package simulator

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Order says which notifications may be under way together.
type Order int

const (
	// Concurrent sends up to DeliveryOptions.Concurrency at once. They are started in the
	// order in which they were made and may arrive in another, as Intercom's do.
	Concurrent Order = iota
	// PerSubject sends the notifications of one conversation or contact one after the other,
	// and those of different ones at once. A retry still comes after younger ones.
	PerSubject
	// InOrder sends one at a time.
	InOrder
)

// DeliveryOptions tune how notifications are delivered. The zero value is Intercom's way.
type DeliveryOptions struct {
	// Timeout is how long the receiver has to answer; 0 means 5 s.
	Timeout time.Duration
	// Attempts is how often a failing notification is sent in all; 0 means 2. RetryAfter is the
	// pause between attempts; 0 means a minute.
	Attempts   int
	RetryAfter time.Duration
	// Concurrency is how many deliveries may be under way at once; 0 means 16.
	Concurrency int
	Order       Order
	// Jitter holds every notification back for a random time up to this, so that they arrive
	// out of order.
	Jitter time.Duration
	// DuplicateRate is the share of delivered notifications (0 to 1) that are sent once more
	// with the same id, although they were answered well.
	DuplicateRate float64
	// NoIDRate is the share of notifications (0 to 1) that have "id": null.
	NoIDRate float64
}

func (o DeliveryOptions) withDefaults() DeliveryOptions {
	o.Timeout = cmp.Or(o.Timeout, 5*time.Second)
	o.Attempts = cmp.Or(o.Attempts, 2)
	o.RetryAfter = cmp.Or(o.RetryAfter, time.Minute)
	o.Concurrency = cmp.Or(o.Concurrency, 16)
	if o.Order == InOrder {
		o.Concurrency = 1
	}
	return o
}

// Outcome is how an attempt to deliver ended, or why there was none.
type Outcome string

// The outcomes.
const (
	Delivered Outcome = "delivered" // answered 2xx in time
	Retrying  Outcome = "retrying"  // failed; it will be sent again
	Lost      Outcome = "lost"      // failed for the last time
	Throttled Outcome = "throttled" // answered 429; it waits with all others
	Dropped   Outcome = "dropped"   // never sent again: throttled for too long, paused, or switched off
	Stopped   Outcome = "stopped"   // Run ended while it was under way; it is sent again by the next Run
)

// Delivery is one attempt to deliver a notification.
type Delivery struct {
	// Seq counts deliveries from 1 in the order in which they ended.
	Seq                    int
	Notification           string // id; empty when it travels without one
	Topic, Subject, Part   string
	NotificationAt, SentAt time.Time
	// Attempt is the delivery_attempts that it carried; 0 when it was never sent.
	Attempt int
	// Status is the receiver's answer; 0 when there was none, and Err says why.
	Status  int
	Err     string
	Latency time.Duration
	Outcome Outcome
	// Duplicate marks a copy of a notification that had been delivered already.
	Duplicate bool

	n Notification
}

// outgoing is a notification on its way.
type outgoing struct {
	Notification
	attempts, failures int
	firstSent, due     time.Time
	duplicate          bool
	number             int // in the order of making
}

// Run delivers notifications until ctx ends or the simulator is closed; it then waits for
// the deliveries under way, which are cut off, and returns nil. What was not delivered stays
// for the next Run. Only one may run at a time.
func (s *Simulator) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-s.closed:
			cancel()
		case <-ctx.Done():
		}
	}()
	return s.mail.run(ctx)
}

// WaitDelivered waits until there is nothing to deliver: nothing waiting, nothing under way,
// no retry to come. It returns ctx's error when that ends first.
func (s *Simulator) WaitDelivered(ctx context.Context) error { return s.mail.wait(ctx) }

// Deliveries returns every attempt to deliver a notification, in the order in which they ended.
func (s *Simulator) Deliveries() []Delivery {
	s.mail.mu.Lock()
	defer s.mail.mu.Unlock()
	return s.mail.ledger.list()
}

// DeliveriesSince returns the deliveries after the one whose Seq is given, for those who
// follow what happens.
func (s *Simulator) DeliveriesSince(seq int) []Delivery {
	s.mail.mu.Lock()
	defer s.mail.mu.Unlock()
	return s.mail.ledger.since(seq)
}

// Redeliver sends a notification once more, with the same id, whatever became of it before.
func (s *Simulator) Redeliver(notificationID string) error {
	for _, d := range slices.Backward(s.Deliveries()) {
		if d.Notification == notificationID && notificationID != "" {
			s.mail.send(&outgoing{
				Notification: d.n, attempts: d.Attempt, firstSent: d.SentAt, duplicate: d.Outcome == Delivered,
			})
			return nil
		}
	}
	return notFound("delivery of notification", notificationID)
}

// HoldDeliveries keeps notifications back while on is true. When they are let go, the newest
// are sent first, as Intercom does after an outage of its own.
func (s *Simulator) HoldDeliveries(on bool) { s.mail.hold(on) }

// run starts what is due, as far as the limits allow, whenever something changes.
func (p *postman) run(ctx context.Context) error {
	p.mu.Lock()
	if p.running {
		p.mu.Unlock()
		return errors.New("the simulator delivers already")
	}
	p.running = true
	p.mu.Unlock()
	for {
		p.mu.Lock()
		next := p.startDue(ctx)
		p.mu.Unlock()
		timer := time.NewTimer(next)
		select {
		case <-ctx.Done():
			timer.Stop()
			p.deliveries.Wait()
			p.mu.Lock()
			p.running = false
			p.mu.Unlock()
			return nil
		case <-p.wake:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// startDue starts all that may be sent now and tells how long to sleep if nothing happens.
func (p *postman) startDue(ctx context.Context) time.Duration {
	const forever = 365 * 24 * time.Hour
	now := time.Now()
	for len(p.later) > 0 && !p.later[0].due.After(now) {
		p.ready = append(p.ready, p.later[0])
		p.later = p.later[1:]
	}
	next := forever
	if len(p.later) > 0 {
		next = p.later[0].due.Sub(now)
	}
	if p.held || ctx.Err() != nil {
		return next
	}
	if wait := p.subscription.heldFor(now); wait > 0 {
		return min(next, wait)
	}
	for p.underWay < p.options.Concurrency {
		o := p.take()
		if o == nil {
			break
		}
		if p.options.Order == PerSubject && p.busy[o.Subject] {
			p.blocked[o.Subject] = append(p.blocked[o.Subject], o)
			continue
		}
		if !p.subscription.wants(o) {
			p.record(o, Delivery{SentAt: now, Outcome: Dropped, Attempt: o.attempts})
			p.settled()
			continue
		}
		p.busy[o.Subject] = true
		p.underWay++
		o.attempts++
		if o.firstSent.IsZero() {
			o.firstSent = now
		}
		p.deliveries.Go(func() { p.deliver(ctx, o, now) })
	}
	return next
}

// deliver makes one attempt and decides what becomes of the notification.
func (p *postman) deliver(ctx context.Context, o *outgoing, sent time.Time) {
	status, err := p.request(ctx, o)
	now := time.Now()
	d := Delivery{SentAt: sent, Status: status, Latency: now.Sub(sent), Attempt: o.attempts}
	if err != nil {
		d.Err = err.Error()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.underWay--
	delete(p.busy, o.Subject)
	p.first = append(p.first, p.blocked[o.Subject]...)
	delete(p.blocked, o.Subject)
	d.Outcome = p.judge(ctx, o, status, sent, now)
	if d.Outcome == Retrying || d.Outcome == Lost {
		p.log.Warn("notification not delivered",
			"event", o.ID, "topic", o.Topic, "attempt", o.attempts, "status", status, "lost", d.Outcome == Lost)
	}
	p.record(o, d)
	p.nudge()
}

// judge decides by the answer, as Intercom does, and puts the notification where it belongs.
func (p *postman) judge(ctx context.Context, o *outgoing, status int, sent, now time.Time) Outcome {
	switch {
	case status == 0 && ctx.Err() != nil: // Run ends: this was not the receiver's fault
		o.attempts--
		p.first = slices.Insert(p.first, 0, o)
		return Stopped
	case status >= 200 && status < 300:
		p.subscription.good()
		if !o.duplicate && p.random.Float64() < p.options.DuplicateRate {
			again := *o
			again.duplicate = true
			p.enqueue(&again)
		}
		p.settled()
		return Delivered
	case status == 410:
		p.subscription.disable()
		p.settled()
		return Dropped
	case status == 429:
		p.subscription.throttle(sent, now)
		p.first = slices.Insert(p.first, 0, o)
		return Throttled
	}
	p.subscription.bad(now)
	o.failures++
	if o.failures >= p.options.Attempts {
		p.settled()
		return Lost
	}
	o.due = now.Add(p.options.RetryAfter)
	p.putLater(o)
	return Retrying
}

func (p *postman) record(o *outgoing, d Delivery) {
	d.Seq = p.ledger.total + 1
	d.Notification, d.Topic, d.Subject, d.Part = o.ID, o.Topic, o.Subject, o.Part
	d.NotificationAt, d.Duplicate, d.n = o.CreatedAt, o.duplicate, o.Notification
	p.ledger.add(d)
}

// SetUnreachable makes deliveries fail, or ends that, as when a firewall or DNS is in the way: the
// endpoint runs and hears of nothing. What fails twice is lost.
func (s *Simulator) SetUnreachable(on bool) {
	s.mail.mu.Lock()
	defer s.mail.mu.Unlock()
	s.mail.unreachable = on
}

// Validate sends the HEAD request with which Intercom checks an endpoint when its URL is
// saved. It has no body and no signature; the answer must be 200.
func (s *Simulator) Validate(ctx context.Context) error {
	status, err := s.mail.head(ctx)
	switch {
	case err != nil:
		return fmt.Errorf("validate the webhook endpoint: %w", err)
	case status != 200:
		return fmt.Errorf("validate the webhook endpoint: answered %d instead of 200", status)
	}
	return nil
}
