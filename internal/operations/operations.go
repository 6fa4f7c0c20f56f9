// Package operations is what operators do with the state by hand, such as retrying what failed and copying the
// database, and what they ask about it (Reader). The console does it for a running service, and the command line when none runs; both call
// the same functions.
package operations

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"switchboard/internal/store"
)

// Refused is an error whose words are for whoever asked: what they asked for cannot be done.
type Refused struct{ Err error }

func (e *Refused) Error() string { return e.Err.Error() }

// Refusal are the words.
func (e *Refused) Refusal() string { return e.Error() }

func (e *Refused) Unwrap() error { return e.Err }

// Unable is an error whose words are for whoever asked: it cannot be done now.
type Unable struct{ Err error }

func (e *Unable) Error() string { return e.Err.Error() }

// Unavailability are the words.
func (e *Unable) Unavailability() string { return e.Error() }

func (e *Unable) Unwrap() error { return e.Err }

func refuse(format string, args ...any) error { return &Refused{fmt.Errorf(format, args...)} }

// On is an operation on a store as it comes over the wire: JSON in, JSON out.
func On[Request, Answer any](
	s *store.Store, do func(context.Context, *store.Store, Request) (Answer, error),
) func(context.Context, []byte) (any, error) {
	return func(ctx context.Context, body []byte) (any, error) {
		request, err := decode[Request](body)
		if err != nil {
			return nil, err
		}
		return do(ctx, s, request)
	}
}

// LongOn is an operation that tells how far it is.
func LongOn[Request, Progress, Answer any](
	s *store.Store, do func(context.Context, *store.Store, Request, func(Progress)) (Answer, error),
) func(context.Context, []byte, func(any)) (any, error) {
	return func(ctx context.Context, body []byte, progress func(any)) (any, error) {
		request, err := decode[Request](body)
		if err != nil {
			return nil, err
		}
		return do(ctx, s, request, func(p Progress) { progress(p) })
	}
}

func decode[Request any](body []byte) (request Request, err error) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields() // a filter that is not known must not be ignored
	if err := d.Decode(&request); err != nil {
		return request, &Refused{errors.Join(errors.New("the service does not understand the request, its version may be another"), err)}
	}
	return request, nil
}
