package intercom

import "context"

// Priority orders the calls that wait for the budget. Among equals the first come goes first.
type Priority int

// The priorities, lowest first.
const (
	// PriorityBackground is for work that nobody waits for: sweeps, searches for missed events.
	PriorityBackground Priority = iota
	// PriorityRead is for look-ups that a decision waits for.
	PriorityRead
	// PriorityAction is for effects that customers do not see at once: tags, assignments, notes.
	PriorityAction
	// PriorityReply is for what a customer is waiting to read.
	PriorityReply
)

// String is the name used as a metric label; anything unknown counts as background.
func (p Priority) String() string {
	switch p {
	case PriorityReply:
		return "reply"
	case PriorityAction:
		return "action"
	case PriorityRead:
		return "read"
	case PriorityBackground:
	}
	return "background"
}

type priorityKey struct{}

// WithPriority says how urgent the calls made with this context are. Without it, reads have
// PriorityRead and everything else PriorityAction.
func WithPriority(ctx context.Context, p Priority) context.Context {
	return context.WithValue(ctx, priorityKey{}, p)
}

type waitKey struct{}

// WithWait ends the calls made with this context that still wait for the budget when wait
// ends, and leaves those that are on their way alone: a service that stops waits for answers,
// not for permission to ask.
func WithWait(ctx, wait context.Context) context.Context {
	return context.WithValue(ctx, waitKey{}, wait)
}

// takeCall waits for the budget.
func takeCall(ctx context.Context, b Budget, p Priority) (*permit, error) {
	if wait, ok := ctx.Value(waitKey{}).(context.Context); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithCancel(ctx)
		defer cancel()
		defer context.AfterFunc(wait, cancel)()
	}
	if b, ok := b.(permitter); ok {
		return b.take(ctx, p)
	}
	return nil, b.Take(ctx, p)
}

func priorityOf(ctx context.Context, otherwise Priority) Priority {
	if p, ok := ctx.Value(priorityKey{}).(Priority); ok {
		return p
	}
	return otherwise
}
