// Package webhook takes Intercom's notifications in: it verifies the signature, reads the
// envelope, hands the event to a Sink and answers.
//
// A POST goes through these states, and is answered where it stops:
//
//	refused     503 while stopping, 405 for a method nobody should use
//	unverified  401 the signature is missing or wrong; 413 or 400 the body is too large or does
//	            not come whole and in time
//	verified    400 the body is not a notification; 200 a ping, which asks for no more than that
//	event       200 the sink has it, now or since an earlier delivery; 429 it has not
//
// Only the last 200 is a promise: the sink has committed the event before it, so whatever was
// acknowledged survives a crash at any instant. Whatever was not is Intercom's to send again,
// and a second delivery of an event is recognised by the sink. The package itself keeps
// nothing.
//
// The answers follow from what Intercom does with them (its page "Webhook models"). No answer
// within 5 s, a 5xx and a 4xx are all the same: one more attempt after a minute, then the event
// is lost. Only after a 429 does it keep trying, more and more slowly, for up to two hours.
// A 410 ends the subscription, so that is never sent.
package webhook

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"switchboard/internal/event"
)

const (
	// DefaultMaxBody is how large a body may be, in bytes, unless Options says otherwise.
	// Real notifications have 1 to 20 KB.
	DefaultMaxBody = 1 << 20
	// DefaultTimeout is in what time a notification is answered, unless Options says
	// otherwise: soon enough to be heard by Intercom, which gives up after 5 s.
	DefaultTimeout = 4 * time.Second
)

// Sink keeps events.
type Sink interface {
	// Put keeps the event and returns only after that is committed. stored is false when the
	// sink already had an event with this workspace and id. It is called concurrently, and
	// ends soon after its context does; the event may then have been stored or not.
	Put(ctx context.Context, ev event.Event) (stored bool, err error)
}

// Options say how to receive.
type Options struct {
	// Secrets are client secrets of the app. A notification signed with any of them is
	// accepted, so that a secret can be replaced. At least one; none blank, because with an
	// empty key anybody can sign.
	Secrets []string
	// Workspaces takes the place of Secrets where several workspaces are served: the client secrets by
	// app id. A notification of a workspace counts only if one of that workspace's secrets signed it.
	Workspaces map[string][]string
	// Sink keeps the events. Required.
	Sink Sink
	// MaxBody is how large a body may be, in bytes; 0 means DefaultMaxBody.
	MaxBody int64
	// Timeout bounds the time from a notification's header to its answer; 0 means
	// DefaultTimeout. A client that has not sent its body by then gets 400, and an event that
	// is not stored by then 429.
	Timeout time.Duration
	// Now is the clock that events are stamped with; nil means time.Now.
	Now func() time.Time
	// Logger is told of refused and unstored notifications, never with anything that a
	// customer wrote. nil: nobody is.
	Logger *slog.Logger
	// Registerer takes the metrics. nil: nobody does.
	Registerer prometheus.Registerer
	// OnStored is called once for every event that the sink stored and that was not a
	// duplicate, before it is acknowledged, and must return at once. Optional. It is a nudge:
	// after a crash between the two it is not called again.
	OnStored func(event.Event)
}

func (o *Options) validate() error {
	for id, secrets := range o.Workspaces {
		if len(secrets) == 0 {
			return fmt.Errorf("webhook: no client secret for the workspace %s: without one nothing can be verified", id)
		}
	}
	o.Secrets = slices.Concat(append(slices.Collect(maps.Values(o.Workspaces)), o.Secrets)...)
	if len(o.Secrets) == 0 {
		return errors.New("webhook: no client secret: without one nothing can be verified")
	}
	for i, secret := range o.Secrets {
		switch strings.TrimSpace(secret) {
		case secret:
			if secret == "" {
				return fmt.Errorf("webhook: client secret %d of %d is empty: anybody could sign with it", i+1, len(o.Secrets))
			}
		case "":
			return fmt.Errorf("webhook: client secret %d of %d is blank: anybody could sign with it", i+1, len(o.Secrets))
		default:
			return fmt.Errorf("webhook: client secret %d of %d begins or ends with white space, which Intercom's never do", i+1, len(o.Secrets))
		}
	}
	if o.Sink == nil {
		return errors.New("webhook: no sink to keep the events")
	}
	if o.MaxBody < 0 {
		return fmt.Errorf("webhook: largest body of %d bytes: want more than 0", o.MaxBody)
	}
	if o.Timeout < 0 {
		return fmt.Errorf("webhook: timeout of %s: want more than 0", o.Timeout)
	}
	return nil
}

// Handler is the endpoint for Intercom's notifications.
type Handler struct {
	verifier *verifier
	// workspaces verifies what one of them is said to have sent; empty when there is only one.
	workspaces map[string]*verifier
	sink       Sink
	maxBody    int64
	timeout    time.Duration
	now        func() time.Time
	onStored   func(event.Event)
	metrics    *metrics
	notes      *notes
	tooLarge   answer

	stopping atomic.Bool
	buffers  sync.Pool // of *bytes.Buffer
}

// New returns a handler, or an error that names the option that cannot be.
func New(o Options) (*Handler, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	if o.MaxBody == 0 {
		o.MaxBody = DefaultMaxBody
	}
	if o.Timeout == 0 {
		o.Timeout = DefaultTimeout
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.OnStored == nil {
		o.OnStored = func(event.Event) {}
	}
	workspaces := make(map[string]*verifier, len(o.Workspaces))
	for id, secrets := range o.Workspaces {
		workspaces[id] = newVerifier(secrets)
	}
	return &Handler{
		verifier: newVerifier(o.Secrets), workspaces: workspaces,
		sink:     o.Sink,
		maxBody:  o.MaxBody,
		timeout:  o.Timeout,
		now:      o.Now,
		onStored: o.OnStored,
		metrics:  newMetrics(o.Registerer),
		notes:    newNotes(o.Logger),
		tooLarge: tooLarge(o.MaxBody),
	}, nil
}

// Stop refuses every notification from now on with 503. Requests that are already inside
// finish: wait for them with http.Server.Shutdown, and close the sink only then. It may be
// called more than once.
func (h *Handler) Stop() { h.stopping.Store(true) }
