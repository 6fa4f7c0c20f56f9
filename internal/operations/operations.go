// Package operations is what operators do with the state by hand: retry what failed, copy the
// database. The console does it for a running service, and the command line when none runs; both call
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

func refuse(format string, args ...any) error { return &Refused{fmt.Errorf(format, args...)} }

// On is an operation on a store as it comes over the wire: JSON in, JSON out.
func On[Request, Answer any](
	s *store.Store, do func(context.Context, *store.Store, Request) (Answer, error),
) func(context.Context, []byte) (any, error) {
	return func(ctx context.Context, body []byte) (any, error) {
		var request Request
		d := json.NewDecoder(bytes.NewReader(body))
		d.DisallowUnknownFields() // a filter that is not known must not be ignored
		if err := d.Decode(&request); err != nil {
			return nil, &Refused{errors.Join(errors.New("the service does not understand the request, its version may be another"), err)}
		}
		return do(ctx, s, request)
	}
}
