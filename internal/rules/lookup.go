package rules

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
)

// Lookup answers what payloads lack. The engine reads from the API through the budget; a
// backtest from what was recorded (see Decision.Recorded). Its errors are taken for passing
// ones, except an UnavailableError: the whole evaluation ends and is tried again later.
type Lookup interface {
	// Look answers a question with JSON as the API has it: an object, or an array of objects.
	// An object that does not exist (deleted or merged) is nil.
	Look(ctx context.Context, q Question) (json.RawMessage, error)
}

// Question is one look-up. Two questions that could be answered differently have different
// keys, so that an answer on record is never taken for another's.
type Question struct {
	Kind QuestionKind
	// ID is the object's; for AskCompanies the contact's. Searches have none.
	ID string
	// Search is what is searched for: words for AskArticles, else a query in Intercom's search
	// grammar, as JSON. Equal searches have equal texts.
	Search string
	// Limit is how many objects a search returns at most.
	Limit int
}

// QuestionKind is what a question asks for.
type QuestionKind string

// The kinds of questions.
const (
	AskContact       QuestionKind = "contact"
	AskCompanies     QuestionKind = "companies" // of a contact
	AskConversation  QuestionKind = "conversation"
	AskTicket        QuestionKind = "ticket"
	AskArticles      QuestionKind = "articles"
	AskContacts      QuestionKind = "contacts"
	AskConversations QuestionKind = "conversations"
)

// Key identifies the question in Decision.Lookups: contact/5f2b, or the kind, the limit and
// the search, such as articles/5/refund policy.
func (q Question) Key() string {
	if q.ID != "" {
		return string(q.Kind) + "/" + q.ID
	}
	return string(q.Kind) + "/" + strconv.Itoa(q.Limit) + "/" + q.Search
}

// String names the question for logs, without what is searched for: that may be what a
// customer wrote.
func (q Question) String() string {
	if q.ID != "" {
		return q.Key()
	}
	return "a search for " + string(q.Kind)
}

// State answers what earlier decisions left behind. Its errors end the evaluation, as those
// of Lookup do.
type State interface {
	// Recall tells what the runs of the rule with this key among Outcome.Remember left behind.
	Recall(ctx context.Context, rule, key string) (Memory, error)
	// Timers returns the timers that wait on the event's subject: those that Decision.Timers
	// started and nothing has ended since.
	Timers(ctx context.Context) ([]Timer, error)
	// Cancels returns what has cancelled timers on the event's subject: of Decision.Cancels, the
	// last for each rule.
	Cancels(ctx context.Context) ([]Cancel, error)
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

// maxLookups bounds the look-ups on one event: a loop must not spend the budget of all.
const maxLookups = 50

// lookups are the answers of one evaluation: each question is asked once, and recorded with
// the decision so that it can be made again.
type lookups struct {
	decoded     map[string]any
	raw         map[string]json.RawMessage
	unavailable map[string]string
	failed      *LookupError
}

// lookup asks a question once. The answer is nil for an object that does not exist.
func (e *evaluation) lookup(q Question) any {
	v := e.answer(q)
	if e.explain != nil {
		e.explain.answered(q, v)
	}
	return v
}

func (e *evaluation) answer(q Question) any {
	key := q.Key()
	if v, ok := e.lookups.decoded[key]; ok {
		return v
	}
	if reason, ok := e.lookups.unavailable[key]; ok {
		fail(site{}, "%s is not available: %s", q, reason)
	}
	if e.in.Lookup == nil {
		fail(site{}, "the event does not say: %s would have to be looked up, and nothing can be looked up here", q)
	}
	if len(e.lookups.raw)+len(e.lookups.unavailable) >= maxLookups {
		fail(site{}, "more than %d look-ups on one event", maxLookups)
	}
	raw, err := e.in.Lookup.Look(e.ctx, q)
	if gone, ok := errors.AsType[*UnavailableError](err); ok {
		if e.lookups.unavailable == nil {
			e.lookups.unavailable = map[string]string{}
		}
		e.lookups.unavailable[key] = gone.Err.Error()
		fail(site{}, "%s is not available: %s", q, gone.Err)
	}
	var v any
	if err == nil && len(raw) > 0 {
		v, err = decodeJSON(string(raw))
	}
	if err != nil {
		e.lookups.failed = &LookupError{What: q.String(), Err: err}
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
