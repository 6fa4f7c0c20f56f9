package intercom

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Class says what the caller of a failed call has to decide.
type Class int

// The classes of failure.
const (
	// Retry: nothing was done for sure, or the call is safe to repeat: try again later.
	Retry Class = iota + 1
	// Ambiguous: a call that writes may or may not have been carried out.
	Ambiguous
	// Permanent: the same call will fail again, however often it is made.
	Permanent
	// Credential: the token, the plan or the address of the API is wrong. Every other call
	// fails as well until a person mends it.
	Credential
	// Conflict: it clashes with something that exists; resolve that, then try again.
	Conflict
	// RateLimited: too many calls; nothing was done. It says nothing about the action.
	RateLimited
)

// String names the class for logs and metrics.
func (c Class) String() string {
	switch c {
	case Retry:
		return "retry"
	case Ambiguous:
		return "ambiguous"
	case Permanent:
		return "permanent"
	case Credential:
		return "credential"
	case Conflict:
		return "conflict"
	case RateLimited:
		return "rate_limited"
	}
	return "none"
}

// Error is a call that failed.
type Error struct {
	// Class is what the failure means for the caller.
	Class Class
	// Method and Endpoint name the call; Endpoint is a template such as
	// "/conversations/{id}/reply".
	Method, Endpoint string
	// Status is the HTTP status; 0 when there was no answer.
	Status int
	// Code is Intercom's code, such as "not_found"; empty when there was none.
	Code string
	// Message says what is wrong: Intercom's own words, or ours when there was no answer.
	Message string
	// RequestID is Intercom's name of the call, to be quoted to its support.
	RequestID string
	// RetryAfter is how long Intercom asks to wait; 0 when it does not.
	RetryAfter time.Duration

	cause error
}

// Error names the call, the status, the code, and Intercom's message.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s", e.Method, e.Endpoint)
	sep := ": "
	for _, s := range []string{statusText(e.Status), e.Code} {
		if s != "" {
			b.WriteString(sep + s)
			sep = " "
		}
	}
	if e.Message != "" {
		b.WriteString(": " + e.Message)
	}
	if e.cause != nil {
		b.WriteString(": " + e.cause.Error())
	}
	if e.RequestID != "" {
		b.WriteString(" (request " + e.RequestID + ")")
	}
	return b.String()
}

func statusText(status int) string {
	if status == 0 {
		return ""
	}
	return strings.TrimSpace(fmt.Sprintf("%d %s", status, http.StatusText(status)))
}

// Unwrap gives the cause, when it was not an answer of Intercom's.
func (e *Error) Unwrap() error { return e.cause }

// ErrorClass is the class, for ClassOf.
func (e *Error) ErrorClass() Class { return e.Class }

// ClassOf tells what to do about an error of this package, wrapped or not. Errors of other
// packages have a class when they have a method ErrorClass. Any other error, such as that of
// a context that ended before anything was sent, is to be tried again. It is 0 for nil.
func ClassOf(err error) Class {
	if err == nil {
		return 0
	}
	var classed interface {
		error
		ErrorClass() Class
	}
	if errors.As(err, &classed) {
		return classed.ErrorClass()
	}
	return Retry
}

// NotFound tells whether Intercom answered that something does not exist (any more).
func NotFound(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Status == http.StatusNotFound
}

// Codes that decide over the class whatever the status is. The lists are those of Intercom's
// page of error codes; for any other code the status decides.
var (
	credentialCodes = []string{
		"unauthorized", "token_revoked", "token_blocked", "token_not_found", "token_expired",
		"token_unauthorized", "missing_authorization", "api_plan_restricted", "intercom_version_invalid",
	}
	limitCodes     = []string{"rate_limit_exceeded", "too_many_requests", "retry_after"}
	transientCodes = []string{"server_error", "service_unavailable", "request_timeout"}
	conflictCodes  = []string{"conflict", "resource_conflict"}
)

// classify gives the class of an answer that is not a success.
func classify(r *request, status int, codes []string) Class {
	has := func(list []string) bool {
		return slices.ContainsFunc(codes, func(c string) bool { return slices.Contains(list, c) })
	}
	switch {
	case status == http.StatusUnauthorized || has(credentialCodes):
		return Credential
	case status == http.StatusTooManyRequests || has(limitCodes):
		return RateLimited
	case status >= 500 || status == http.StatusRequestTimeout || has(transientCodes):
		return r.doubt()
	case status == http.StatusConflict || has(conflictCodes):
		return Conflict
	case status >= 300 && status < 400:
		// The API never redirects: the address is wrong, for every call alike.
		return Credential
	}
	return Permanent
}

// doubt is the class of a call that was sent and has no proper answer. Reading again is
// harmless; writing again is not for the client to decide.
func (r *request) doubt() Class {
	if r.writes() {
		return Ambiguous
	}
	return Retry
}

// envelope is the form of Intercom's errors.
type envelope struct {
	RequestID string `json:"request_id"`
	Errors    []struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	} `json:"errors"`
}

// refused makes the error of an answer that is not a success. The body may be anything.
func (c *Client) refused(r *request, resp *http.Response, body []byte) *Error {
	var env envelope
	if err := decode(body, &env); err != nil {
		env = envelope{}
	}
	var codes []string
	for _, e := range env.Errors {
		codes = append(codes, e.Code)
	}
	err := &Error{
		Class:     classify(r, resp.StatusCode, codes),
		Method:    r.method,
		Endpoint:  r.endpoint,
		Status:    resp.StatusCode,
		RequestID: c.clean(env.RequestID, maxCode),
	}
	if err.RequestID == "" {
		err.RequestID = c.clean(resp.Header.Get("X-Request-Id"), maxCode)
	}
	if len(env.Errors) > 0 {
		err.Code = c.clean(env.Errors[0].Code, maxCode)
		err.Message = c.clean(env.Errors[0].Message, maxMessage)
	}
	switch {
	case resp.StatusCode >= 300 && resp.StatusCode < 400:
		err.Message = "redirects are not followed; check the region or base URL"
	case err.Class == RateLimited:
		u := usageOf(resp, time.Now())
		err.RetryAfter = max(u.RetryAfter, shortestPause)
		if u.RetryAfter <= 0 {
			err.RetryAfter = max(u.Reset, shortestPause)
		}
		err.RetryAfter = min(err.RetryAfter, longestPause)
	}
	return err
}

// failed makes the error of a call that got no answer.
func (c *Client) failed(ctx context.Context, r *request, sent bool, err error) error {
	ended := ctx.Err()
	if ended != nil && (!sent || !r.writes()) {
		return fmt.Errorf("%s: %w", r, ended)
	}
	e := &Error{Class: Retry, Method: r.method, Endpoint: r.endpoint, Message: "not sent", cause: Presentable(err)}
	if sent {
		e.Class, e.Message = r.doubt(), "no answer"
	}
	switch {
	case ended != nil:
		e.Message, e.cause = "given up before the answer", ended
	case errors.Is(err, context.DeadlineExceeded):
		e.Message, e.cause = fmt.Sprintf("no answer within %s", c.timeout), nil
		if !sent {
			e.Message = fmt.Sprintf("no connection within %s", c.timeout)
		}
	}
	return e
}

// unreadable makes the error of a success whose answer cannot be used.
func (c *Client) unreadable(r *request, status int, why string, cause error) *Error {
	return &Error{
		Class: r.doubt(), Method: r.method, Endpoint: r.endpoint, Status: status,
		Message: why, cause: Presentable(cause),
	}
}

// Presentable reduces an error of the transport to the part of it that is known to hold only
// addresses and reasons. Others quote what the server sent, which may be anything, such as
// our own request with the token and a customer's words.
func Presentable(err error) error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*net.OpError](err); ok {
		return e
	}
	if e, ok := errors.AsType[*net.DNSError](err); ok {
		return e
	}
	if e, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return e
	}
	if e, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return errors.New(e.Msg)
	}
	for _, known := range []error{io.ErrUnexpectedEOF, io.EOF, context.DeadlineExceeded, context.Canceled} {
		if errors.Is(err, known) {
			return known
		}
	}
	return errors.New("the connection broke or the answer is malformed")
}

// isDial tells whether the failure came while connecting.
func isDial(err error) bool {
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return true
	}
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "dial"
}

const (
	maxCode    = 80
	maxMessage = 300
)

// clean makes a text of the server's fit for errors and logs: without the token, should the
// server have echoed it, in one line, and short.
func (c *Client) clean(s string, limit int) string {
	s = strings.ReplaceAll(s, c.token(), redacted)
	s = strings.ToValidUTF8(s, "\uFFFD")
	s = strings.Map(func(r rune) rune {
		if r < 0x20 || r == 0x7f || (r >= 0x80 && r < 0xa0) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, s)
	return cut(strings.TrimSpace(s), limit)
}

// cut shortens s to at most limit characters.
func cut(s string, limit int) string {
	if utf8.RuneCountInString(s) <= limit {
		return s
	}
	runes := []rune(s)
	return string(runes[:limit-1]) + "…"
}

const redacted = "[redacted]"
