package intercom

import "context"

// Unpaced is a Budget that grants every call at once and remembers nothing: for the few calls of a command
// that looks at a workspace. After a refusal a MemoryBudget waits for a minute, because the next call would
// be refused as well; who asks what a token may do wants to know of each.
type Unpaced struct{}

// Take grants the call.
func (Unpaced) Take(ctx context.Context, _ Priority) error { return ctx.Err() }

// Report learns nothing.
func (Unpaced) Report(Usage) {}
