package queue

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"switchboard/internal/actions"
	"switchboard/internal/intercom"
	"switchboard/internal/store"
)

// TestEnd is the table of what becomes of an action after an attempt.
func TestEnd(t *testing.T) {
	t.Run("I6 a receiver that is down does not keep the replies behind it waiting", func(t *testing.T) {
		q := New(Options{})
		out := outcome{result: actions.Result{Detail: "sent"}, err: &intercom.Error{Class: intercom.Retry}}
		e := q.end(store.Action{Kind: "http", Attempts: 7}, out, time.Now())
		if e.State != store.StateDead || e.Detail != "" {
			t.Errorf("after 8 attempts an http action is %s, said to have %q", e.State, e.Detail)
		}
		if e := q.end(store.Action{Kind: "tag", Attempts: 7}, out, time.Now()); e.State != store.StatePlanned {
			t.Errorf("after 8 attempts a tag is %s", e.State)
		}
	})

	q := New(Options{MaxAttempts: 5, Settle: 25 * time.Second})
	failed := func(class intercom.Class) error { return &intercom.Error{Class: class} }
	waiting := fmt.Errorf("waiting for the budget: %w", context.DeadlineExceeded)
	for name, tc := range map[string]struct {
		before   int // attempts so far
		out      outcome
		state    store.ActionState
		result   string
		attempts int
	}{
		"done":                                      {0, outcome{}, store.StateDone, resultDone, 1},
		"I6 a passing error is tried again":         {0, outcome{err: failed(intercom.Retry)}, store.StatePlanned, resultRetry, 1},
		"I6 not for ever":                           {4, outcome{err: failed(intercom.Retry)}, store.StateDead, resultDead, 5},
		"I6 a permanent error is a dead letter":     {0, outcome{err: failed(intercom.Permanent)}, store.StateDead, resultDead, 1},
		"I6 a conflict as well":                     {0, outcome{err: failed(intercom.Conflict)}, store.StateDead, resultDead, 1},
		"I6 a refused token is no attempt":          {4, outcome{err: failed(intercom.Credential)}, store.StatePlanned, resultPaused, 4},
		"I5 a 429 is no attempt":                    {4, outcome{err: failed(intercom.RateLimited)}, store.StatePlanned, resultLimited, 4},
		"I5 waiting for the budget is no attempt":   {4, outcome{err: waiting}, store.StatePlanned, resultHandback, 4},
		"I7 nor is a stop before sending":           {4, outcome{err: context.Canceled}, store.StatePlanned, resultHandback, 4},
		"what may be repeated is repeated":          {0, outcome{err: failed(intercom.Ambiguous)}, store.StatePlanned, resultRetry, 1},
		"I4 what may not stays in doubt":            {0, outcome{err: failed(intercom.Ambiguous), doubt: true}, store.StateAttempting, resultDoubt, 1},
		"I4 a doubt for good is parked":             {4, outcome{err: failed(intercom.Ambiguous), doubt: true}, store.StateParked, resultParked, 5},
		"I4 what is unclear is parked":              {0, outcome{err: errUnclear, unclear: true}, store.StateParked, resultParked, 0},
		"I4 a doubt whose reading back fails":       {0, outcome{err: failed(intercom.Retry), doubt: true}, store.StateAttempting, resultDoubt, 1},
		"I4 a doubt whose reading back is refused":  {0, outcome{err: failed(intercom.Permanent), doubt: true}, store.StateParked, resultParked, 1},
		"I4 a doubt outlasts a spent budget":        {4, outcome{err: waiting, doubt: true}, store.StateAttempting, resultHandback, 4},
		"I4 a doubt outlasts a refused token":       {4, outcome{err: failed(intercom.Credential), doubt: true}, store.StateAttempting, resultPaused, 4},
		"an error that nobody knows is tried again": {0, outcome{err: errors.New("disk full")}, store.StatePlanned, resultRetry, 1},
	} {
		t.Run(name, func(t *testing.T) {
			now := time.Now()
			e := q.end(store.Action{Attempts: tc.before}, tc.out, now)
			if e.State != tc.state || e.Result != tc.result || e.Attempts != tc.attempts {
				t.Errorf("%s, %s after %d attempts; want %s, %s after %d", e.State, e.Result, e.Attempts, tc.state, tc.result, tc.attempts)
			}
			if e.Result == resultDoubt && e.DueAt.Before(now.Add(25*time.Second)) {
				t.Errorf("a doubt is read back after %s, before Intercom can have finished", e.DueAt.Sub(now))
			}
			if e.Result == resultRetry && !e.DueAt.After(now) {
				t.Error("it is tried again without a pause")
			}
		})
	}
}

// TestI4_a_killed_attempt_settles: a process that was killed right after sending could not
// note when the doubt is due.
func TestI4_a_killed_attempt_settles(t *testing.T) {
	q := New(Options{Settle: 25 * time.Second})
	sent := time.Now().Add(-time.Second)
	a := store.Action{State: store.StateAttempting, AttemptedAt: sent, DueAt: sent.Add(-time.Minute)}
	if due := q.due(a); !due.Equal(sent.Add(25 * time.Second)) {
		t.Errorf("due %s after it was sent, want 25s", due.Sub(sent))
	}
	a.AttemptedAt = time.Now().Add(10 * time.Hour) // by a clock that was ahead
	if wait := time.Until(q.due(a)); wait > 0 {    // reading back can tell nothing, and would tell wrongly later
		t.Errorf("it waits %s for a clock that was wrong", wait)
	}
	a.State = store.StatePlanned
	if due := q.due(a); !due.Equal(a.DueAt) {
		t.Errorf("an action that is not in doubt is due at %s", due)
	}
}

// TestI4_a_killed_attempt_settles_on_Intercoms_clock, whatever ours has been set to since.
func TestI4_a_killed_attempt_settles_on_Intercoms_clock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, err := intercom.New(intercom.Options{
			BaseURL: "https://api.test", Token: "t", Budget: intercom.NewMemoryBudget(intercom.BudgetOptions{}), HTTP: &http.Client{Transport: me{}},
		})
		if err != nil {
			t.Fatal(err)
		}
		q := New(Options{Settle: 25 * time.Second, Env: &actions.Env{Client: client}})
		time.Sleep(123456789 * time.Nanosecond)
		reply, _ := actions.Lookup("reply")
		theirs := time.Now().Add(-5 * time.Second)
		attempt := func(off time.Duration) store.Action { // by our clock, which was off
			return store.Action{State: store.StateAttempting, AttemptedAt: theirs.Add(off), AttemptedTheirs: theirs, DueAt: theirs.Add(-11 * time.Hour)}
		}
		if out, decided := (&try{queue: q, action: attempt(10 * time.Hour)}).readBack(t.Context(), reply); !decided || !out.unclear {
			t.Errorf("set back, and Intercom's clock is not known: %+v, want it parked", out)
		}
		if _, err := client.Me(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, off := range []time.Duration{-10 * time.Hour, 10 * time.Hour} {
			a := attempt(off)
			if due := q.due(a); !due.Equal(time.UnixMicro(due.UnixMicro())) {
				t.Errorf("%s off: due at %s, before which the store has it claimed, again and again", off, due)
			}
			if wait := time.Until(q.due(a)); wait < 19*time.Second || wait > 21*time.Second {
				t.Errorf("%s off: due in %s, want 20s", off, wait)
			}
			if out, decided := (&try{queue: q, action: a}).readBack(t.Context(), reply); !decided || !out.doubt || out.unclear {
				t.Errorf("%s off: read back too early: %+v, want it to stay in doubt", off, out)
			}
		}
	})
}

// me answers every call with a teammate, and the time.
type me struct{}

func (me) RoundTrip(*http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	w.Header().Set("Date", time.Now().UTC().Format(http.TimeFormat))
	_, _ = w.WriteString(`{"type":"admin","id":"9","app":{"id_code":"abc"}}`)
	return w.Result(), nil
}

func TestBackoff(t *testing.T) {
	for attempts := range 60 {
		d := backoff(attempts)
		if d < firstBackoff*3/4 || d > mostBackoff*5/4 {
			t.Errorf("after %d attempts: %s", attempts, d)
		}
	}
	if backoff(40) < mostBackoff*3/4 {
		t.Error("pauses stop growing too early")
	}
}

// TestTouched_I9 is when an attempt may have changed something: not the hours of an outage that
// an action waited through, in which people may have.
func TestTouched_I9(t *testing.T) {
	client, err := intercom.New(intercom.Options{BaseURL: "https://api.test", Token: "t", Budget: intercom.NewMemoryBudget(intercom.BudgetOptions{})})
	if err != nil {
		t.Fatal(err)
	}
	q := New(Options{Settle: 25 * time.Second, Env: &actions.Env{Client: client}})
	planned := time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)
	a := store.Action{PlannedAt: planned, AttemptedAt: planned.Add(time.Minute), Attempts: 7}
	started, finished := planned.Add(time.Hour), planned.Add(time.Hour+time.Second)
	if from, to := q.touched(a, outcome{}, started, finished); !from.Equal(started) || !to.Equal(finished) {
		t.Errorf("touched from %s to %s, want the attempt itself", from, to)
	}
	if from, to := q.touched(a, outcome{found: true}, started, finished); !from.Equal(a.AttemptedAt) || !to.Equal(a.AttemptedAt.Add(25*time.Second)) {
		t.Errorf("found by reading back: from %s to %s, want the attempt in doubt", from, to)
	}
}
