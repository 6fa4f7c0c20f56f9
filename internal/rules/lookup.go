package rules

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
)

// Lookup answers what payloads lack. The engine reads from the API through the budget; a
// backtest from what was recorded. Its errors are taken for passing ones: the whole
// evaluation ends and is tried again later.
type Lookup interface {
	// Contact returns the contact as the API describes it; nil when it does not exist
	// (deleted or merged).
	Contact(ctx context.Context, id string) (json.RawMessage, error)
	// Companies returns the companies of a contact as a JSON array.
	Companies(ctx context.Context, contactID string) (json.RawMessage, error)
	// Conversation returns the whole conversation; nil when it does not exist.
	Conversation(ctx context.Context, id string) (json.RawMessage, error)
}

// State answers what earlier decisions left behind. Its errors end the evaluation, as those
// of Lookup do.
type State interface {
	// Seen tells whether the rule ran before with this key among Outcome.Remember.
	Seen(ctx context.Context, rule, key string) (bool, error)
}

// LookupError says that a fact or the state of a rule could not be read. Nothing was
// decided; evaluating the event again later may succeed.
type LookupError struct {
	// What names what was to be read, such as "contact/5f2b".
	What string
	Err  error
}

func (err *LookupError) Error() string { return fmt.Sprintf("look up %s: %v", err.What, err.Err) }

// Unwrap returns the cause.
func (err *LookupError) Unwrap() error { return err.Err }

// UnavailableError is what a Lookup answers when a fact cannot be had, now or later: the
// rules that need it fail, the others go on.
type UnavailableError struct{ Err error }

func (err *UnavailableError) Error() string { return "not available: " + err.Err.Error() }

// Unwrap returns the cause.
func (err *UnavailableError) Unwrap() error { return err.Err }

type lookupKind string

const (
	lookupContact      lookupKind = "contact"
	lookupCompanies    lookupKind = "companies"
	lookupConversation lookupKind = "conversation"
)

// lookups are the answers of one evaluation: each object is read once, and recorded with
// the decision so that it can be made again.
type lookups struct {
	decoded map[string]any
	raw     map[string]json.RawMessage
	failed  *LookupError
}

// lookup reads an object once; it is nil when it does not exist.
func (e *evaluation) lookup(kind lookupKind, id string) any {
	key := string(kind) + "/" + id
	if v, ok := e.lookups.decoded[key]; ok {
		return v
	}
	if e.in.Lookup == nil {
		fail(site{}, "the payload does not say, and nothing can be looked up here")
	}
	raw, err := e.read(kind, id)
	if gone, ok := errors.AsType[*UnavailableError](err); ok {
		fail(site{}, "%s is %s", kind, gone)
	}
	var v any
	if err == nil && len(raw) > 0 {
		v, err = decodeJSON(string(raw))
	}
	if err != nil {
		e.lookups.failed = &LookupError{What: key, Err: err}
		panic(e.lookups.failed)
	}
	if e.lookups.raw == nil {
		e.lookups.raw, e.lookups.decoded = map[string]json.RawMessage{}, map[string]any{}
	}
	if len(raw) == 0 {
		raw = json.RawMessage("null")
	}
	e.lookups.raw[key], e.lookups.decoded[key] = raw, v
	return v
}

func (e *evaluation) read(kind lookupKind, id string) (json.RawMessage, error) {
	switch kind {
	case lookupContact:
		return e.in.Lookup.Contact(e.ctx, id)
	case lookupCompanies:
		return e.in.Lookup.Companies(e.ctx, id)
	case lookupConversation:
		return e.in.Lookup.Conversation(e.ctx, id)
	}
	return nil, fmt.Errorf("unknown kind of look-up %q", kind)
}
