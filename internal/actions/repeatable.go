package actions

import (
	"context"
	"encoding/json"

	"switchboard/internal/intercom"
)

// repeatable is what kinds share whose repetition is harmless.
type repeatable struct{}

// Repeatable is true.
func (repeatable) Repeatable(json.RawMessage) bool { return true }

// ReadBack is never asked of these kinds; they are performed again.
func (repeatable) ReadBack(context.Context, *Env, Call) (Finding, Result, error) {
	return Unclear, Result{}, errorf("this action is not read back; it may be repeated")
}

// Priority is that of any action.
func (repeatable) Priority(json.RawMessage) intercom.Priority { return intercom.PriorityAction }
