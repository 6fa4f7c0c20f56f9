package intercom

import "context"

// Trace lets a caller take part in its calls, as net/http/httptrace does.
type Trace struct {
	// BeforeSend is called after the budget has granted the call and right before a request
	// that writes (any but GET and searches) goes out. If it returns an error, nothing is sent,
	// and that error is returned, wrapped. path is the request's path with its ids.
	BeforeSend func(ctx context.Context, method, path string) error
}

type traceKey struct{}

// WithTrace makes calls with the returned context tell t; nil tells nobody.
func WithTrace(ctx context.Context, t *Trace) context.Context {
	return context.WithValue(ctx, traceKey{}, t)
}

// BeforeSend asks the trace of ctx, if it has one. Whoever sends requests that write to others than
// Intercom in the course of an action calls it right before, as the client does.
func BeforeSend(ctx context.Context, method, path string) error {
	t, _ := ctx.Value(traceKey{}).(*Trace)
	if t == nil || t.BeforeSend == nil {
		return nil
	}
	return t.BeforeSend(ctx, method, path)
}

func beforeSend(ctx context.Context, r *request, path string) error {
	if !r.writes() {
		return nil
	}
	return BeforeSend(ctx, r.method, path)
}
