package queue

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime/debug"

	"switchboard/internal/actions"
	"switchboard/internal/intercom"
	"switchboard/internal/store"
)

// try is one attempt at one action.
type try struct {
	queue  *Queue
	claim  store.Claim
	action store.Action
	// attempted: from now on the effect may have taken place without our knowing.
	attempted bool
	// ownErr is why it could not be told whose a part is.
	ownErr error
}

// run performs the action, after reading back when an earlier attempt is in doubt.
func (t *try) run(ctx context.Context) (out outcome) {
	defer func() {
		if r := recover(); r != nil {
			t.queue.log.ErrorContext(ctx, "panic in an action", "action", t.action.ID, "err", fmt.Sprint(r), "stack", string(debug.Stack()))
			out = outcome{err: fmt.Errorf("panic in action %s: %v", t.action.Kind, r), doubt: t.attempted}
		}
	}()
	kind, err := t.queue.kind(t.action.Kind)
	if err != nil {
		return outcome{err: err}
	}
	if err := t.queue.o.Store.Holds(t.claim); err != nil {
		return outcome{err: err} // for what sends nothing this is the last moment
	}
	ctx, cancel := context.WithTimeout(ctx, t.queue.o.Patience)
	defer cancel()
	ctx = intercom.WithPriority(ctx, kind.Priority(t.action.Params))

	if t.action.State == store.StateAttempting {
		if out, decided := t.readBack(ctx, kind); decided {
			return out
		}
	}
	visible := !kind.Repeatable(t.action.Params)
	ctx = intercom.WithTrace(ctx, &intercom.Trace{BeforeSend: func(ctx context.Context, _, _ string) error { return t.begin(ctx, visible) }})
	result, err := kind.Do(ctx, t.queue.o.Env, t.call())
	return outcome{result: result, err: err, doubt: visible && t.attempted && inDoubt(err)}
}

// begin is the last moment before a call leaves. A replica that was stopped for so long that its work
// has been taken over sends nothing more. A call whose repetition would be seen is recorded (I4).
func (t *try) begin(ctx context.Context, visible bool) error {
	if err := t.queue.o.Store.Holds(t.claim); err != nil || !visible || t.attempted {
		return err
	}
	theirs, _ := t.queue.o.Env.Client.TheirNow()
	if err := t.queue.o.Store.BeginAttempt(ctx, t.claim, t.action.ID, t.queue.now(), theirs); err != nil {
		return err
	}
	t.attempted = true
	return t.queue.o.Store.Holds(t.claim) // recording it may have taken long
}

// inDoubt tells whether the effect may have taken place although the call failed. Only an
// answer that refuses the call takes the doubt away.
func inDoubt(err error) bool {
	if err == nil {
		return false
	}
	switch intercom.ClassOf(err) {
	case intercom.Permanent, intercom.Conflict, intercom.Credential, intercom.RateLimited, intercom.Retry:
		return false
	case intercom.Ambiguous:
	}
	return true
}

// readBack settles an earlier attempt that is in doubt. When decided is false the effect is
// surely absent and the action may be sent.
func (t *try) readBack(ctx context.Context, kind actions.Kind) (out outcome, decided bool) {
	settled, sure := t.queue.settled(t.action)
	switch now := t.queue.now(); {
	case sure && settled.After(now):
		return outcome{err: errUnsettled, doubt: true}, true // Intercom's clock was not known when it was taken for due
	case !sure && t.action.AttemptedAt.After(now.Add(clockSlip)):
		// The clock was set back since: parts cannot be told to be older or newer.
		return outcome{err: errUnclear, unclear: true}, true
	}
	finding, result, err := kind.ReadBack(ctx, t.queue.o.Env, t.call())
	if err = cmp.Or(err, t.ownErr); err != nil {
		return outcome{err: fmt.Errorf("read back: %w", err), doubt: true}, true
	}
	t.queue.log.InfoContext(ctx, "read back", "action", t.action.ID, "kind", t.action.Kind,
		"subject", t.action.Subject, "finding", finding.String())
	t.queue.metrics.readBacks.WithLabelValues(finding.String()).Inc()
	switch finding {
	case actions.Happened:
		return outcome{result: result, found: true}, true
	case actions.DidNotHappen:
		return outcome{}, false
	case actions.Unclear:
	}
	return outcome{err: errUnclear, unclear: true}, true
}

var (
	errUnclear   = errors.New("reading back does not tell whether it happened")
	errUnsettled = errors.New("it is too early to read back")
)

// call is the action as its kind sees it.
func (t *try) call() actions.Call {
	a := t.action
	return actions.Call{
		Kind: a.Kind, Subject: a.Subject, Params: a.Params, Admin: a.Admin,
		AttemptedAt: a.AttemptedAt, AttemptedTheirs: a.AttemptedTheirs,
		Own: func(part string) bool {
			own, err := t.queue.o.Store.OwnPart(context.Background(), a.Workspace, part)
			t.ownErr = cmp.Or(t.ownErr, err) // then nothing can be concluded from the finding
			return own
		},
		Pick: t.pick,
	}
}
