package rules

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"switchboard/internal/event"
)

// evaluation is what expressions run on: the facts of one event, decoded when first asked
// for, and the little that one expression needs while it runs. It belongs to one call of
// Evaluate and to one goroutine; that is also why it may hold the call's context.
type evaluation struct {
	breakerRuns int // actions on a subject in an hour
	planned     int // actions, so far
	ctx         context.Context
	in          *Input
	lookups     lookups

	timers       *timers // on the subject, once they were read
	timerChanges []TimerChange
	cancels      []Cancel
	recalled     []Recalled
	explain      *explainer     // nil when nobody asks why
	trigger      *event.Trigger // of the timer that came due; nil for other events

	item  object   // data.item of the payload
	topic []string // the words of the topic

	// slots hold the leaves of the schema that were asked for, boxed once: rules that read
	// the same fact share it.
	slots  []any
	known  []bool
	folded []string // texts of slots in folded case, for searches that ignore case
	cache  cachedFacts

	// What follows belongs to the expression that runs.
	rule      *rule
	steps     int
	variables []any
	scopes    []scope
}

// scope is the innermost loop of a predicate such as any(list, # > 1).
type scope struct {
	item  any
	index int
	acc   any
}

// maxSteps bounds the work of one rule: loops over lists inside loops over lists end with an
// error instead of keeping an engine busy. A step takes some 50 ns.
const maxSteps = 1_000_000

// spend charges n steps.
func (e *evaluation) spend(n int) {
	e.steps += n
	if e.steps > maxSteps || n < 0 {
		fail(site{}, "it takes too many steps")
	}
}

// begin prepares for a rule.
func (e *evaluation) begin(r *rule) {
	e.rule = r
	e.steps = 0
	e.scopes = e.scopes[:0]
}

// value returns a leaf of the schema.
func (e *evaluation) value(slot int) any {
	if !e.known[slot] {
		if e.explain == nil {
			e.slots[slot] = leaves[slot].get(e)
		} else {
			e.slots[slot] = e.explain.load(e, slot)
		}
		e.known[slot] = true
	}
	if e.explain != nil {
		e.explain.read(slot)
	}
	return e.slots[slot]
}

// foldedText returns a text leaf in folded case; ok is false when it is not a text.
func (e *evaluation) foldedText(slot int) (folded string, ok bool) {
	s, ok := e.value(slot).(string)
	if !ok {
		return "", false
	}
	if e.folded[slot] == "" {
		e.folded[slot] = fold(s)
	}
	return e.folded[slot], true
}

// site is a place in a rules file; the zero value is no place in particular.
type site struct{ line, column int }

// evalError is why an expression could not be evaluated. It travels as a panic from deep
// inside an expression to the rule that runs it, as in a recursive descent parser. Its text
// never holds what customers wrote.
type evalError struct {
	at  site
	msg string
}

func (err *evalError) Error() string {
	if err.at.line == 0 {
		return err.msg
	}
	return fmt.Sprintf("%s (line %d, column %d)", err.msg, err.at.line, err.at.column)
}

// fail ends the evaluation of the current rule.
func fail(at site, format string, args ...any) {
	panic(&evalError{at, fmt.Sprintf(format, args...)})
}

// guard runs f and returns what it failed with. Panics that are nobody's plan become errors
// too: one rule must not take the service down.
func guard(f func()) (err error) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case *evalError:
			err = r
		case *LookupError:
			err = r
		case runtime.Error: // names types and indexes, no values
			err = fmt.Errorf("internal error: %w", r)
		default:
			err = errors.New("internal error")
		}
	}()
	f()
	return nil
}

// now is the time of the decision.
func (e *evaluation) now() time.Time { return e.in.Now.UTC() }
