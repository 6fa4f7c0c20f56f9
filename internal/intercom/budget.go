package intercom

import (
	"context"
	"time"
)

// Budget is the gate that every call passes. Implementations are safe for concurrent use.
type Budget interface {
	// Take waits until a call may be made and reserves it. It returns the error of ctx when
	// that ends first; then nothing is reserved. Each successful Take is followed by exactly
	// one Report.
	Take(ctx context.Context, p Priority) error
	// Report tells what became of a call that was taken.
	Report(u Usage)
}

// Usage is what became of one call, as far as the budget is concerned.
type Usage struct {
	// Answered tells that Intercom answered, with whatever status.
	Answered bool
	// NotSent tells that for sure nothing reached Intercom, so that the call costs nothing.
	NotSent bool
	// Status is the HTTP status; 0 when not answered.
	Status int
	// Limit and Remaining are X-RateLimit-Limit and X-RateLimit-Remaining: the calls of the
	// present window for everybody who shares the limit. -1 when unknown.
	Limit, Remaining int
	// Reset is how long after the answer was made the window ends: X-RateLimit-Reset minus
	// the answer's Date, so that a wrong clock here does not matter. Because Date has a
	// resolution of one second, the true value is up to one second less. 0 when unknown, and
	// negative when the header named a time that had passed.
	Reset time.Duration
	// Window is X-RateLimit-Reset itself, in Unix seconds: it tells windows apart when
	// answers arrive late or out of order. 0 when unknown.
	Window int64
	// Refused says why Intercom refuses the credentials or the plan, and with them every other
	// call; empty when it does not.
	Refused string
	// RetryAfter is the wait that Intercom asked for with Retry-After; 0 when it did not.
	RetryAfter time.Duration
	// Taken is when Take returned, on this machine's clock: not later than the request was
	// sent. It may be zero.
	Taken time.Time

	permit *permit // what Take gave the client, if permits of the budget do not keep
}

// BudgetState is a glance at a budget, for metrics and for people.
type BudgetState struct {
	// Limit is the number of calls of a window for everybody together.
	Limit int
	// Remaining is how many calls may still be sent in this window.
	Remaining int
	// ResetAt is when the window ends at the latest.
	ResetAt time.Time
	// Waiting is how many calls wait in Take.
	Waiting int
	// PausedUntil is when the pause after a 429 or a refusal ends; zero when there is none.
	PausedUntil time.Time
	// Trouble says why Intercom refuses the credentials or the plan; empty when it does not.
	Trouble string
}

const (
	// windowLength is how long Intercom counts, says its page about rate limiting.
	windowLength = 10 * time.Second
	// defaultLimit is the documented 10,000 calls per minute of an app, in one window.
	defaultLimit = 1666
	// longestPause bounds what a header can do: Intercom's windows are short, and a wrong
	// number must not stop the service for a day.
	longestPause = 10 * time.Minute
	// refusedPause is how long nothing is sent after the credentials or the plan were refused.
	// Then one call tries whether somebody has put that right.
	refusedPause = time.Minute
	// shortestPause is waited after a 429 whose reset has passed already or is missing.
	shortestPause = time.Second
)
