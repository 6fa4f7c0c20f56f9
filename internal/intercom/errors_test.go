package intercom

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// send makes one call that writes and one that reads against a fixed answer.
func send(t *testing.T, c *Client, writes bool) error {
	t.Helper()
	if writes {
		_, err := c.Reply(t.Context(), "77", ReplyRequest{AdminID: "9", Body: "x"})
		return err
	}
	_, _, err := c.Conversation(t.Context(), "77")
	return err
}

func TestError_I6_class_of_every_code(t *testing.T) {
	type classes struct{ reading, writing Class }
	both := func(c Class) classes { return classes{c, c} }
	tests := []struct {
		want   classes
		status int
		codes  string
	}{
		{both(RateLimited), 429, "rate_limit_exceeded too_many_requests retry_after"},
		{classes{Retry, Ambiguous}, 500, "server_error"},
		{classes{Retry, Ambiguous}, 503, "service_unavailable"},
		{classes{Retry, Ambiguous}, 408, "request_timeout"},
		{classes{Retry, Ambiguous}, 400, "server_error service_unavailable request_timeout"}, // the code decides
		{both(Permanent), 400, "parameter_invalid parameter_not_found parameter_missing missing_parameter parameter_mismatch type_mismatch bad_request client_error unsupported ticket_state_id_invalid contact_company_limit_exceeded not_restorable"},
		{both(Permanent), 422, "data_invalid unprocessable_entity parameter_invalid"},
		{both(Permanent), 404, "not_found conversation_part_or_message_not_found admin_not_found team_not_found team_unavailable assignee_not_found tag_not_found company_not_found ticket_not_found field_not_found"},
		{both(Permanent), 403, "action_forbidden forbidden"},
		{both(Permanent), 400, "a_code_nobody_knows"},
		{classes{Retry, Ambiguous}, 502, "a_code_nobody_knows"},
		{both(Credential), 401, "unauthorized token_revoked token_blocked token_not_found token_expired token_unauthorized missing_authorization a_code_nobody_knows"},
		{both(Credential), 403, "api_plan_restricted token_unauthorized token_blocked"},
		{both(Credential), 400, "intercom_version_invalid"},
		{both(Conflict), 409, "conflict resource_conflict a_code_nobody_knows"},
		{both(Conflict), 400, "conflict"},
		{both(RateLimited), 400, "rate_limit_exceeded"},
	}
	for _, tt := range tests {
		for code := range strings.FieldsSeq(tt.codes) {
			for _, writes := range []bool{false, true} {
				t.Run(fmt.Sprintf("%d %s writes=%v", tt.status, code, writes), func(t *testing.T) {
					rec := record(t, answerWith(tt.status, `{"type":"error.list","request_id":"req-1","errors":[{"code":"`+code+`","message":"What went wrong"}]}`))
					err := send(t, rec.client(t), writes)
					want := tt.want.reading
					if writes {
						want = tt.want.writing
					}
					e, ok := errors.AsType[*Error](err)
					if !ok {
						t.Fatalf("error is %T: %v", err, err)
					}
					if e.Class != want || ClassOf(fmt.Errorf("wrapped: %w", err)) != want {
						t.Errorf("class %v, want %v", e.Class, want)
					}
					if e.Status != tt.status || e.Code != code || e.Message != "What went wrong" || e.RequestID != "req-1" {
						t.Errorf("error has %d %q %q %q", e.Status, e.Code, e.Message, e.RequestID)
					}
					if NotFound(err) != (tt.status == 404) {
						t.Errorf("NotFound = %v", NotFound(err))
					}
					for _, part := range []string{e.Method + " /conversations/{id}", strconv.Itoa(tt.status), code, "What went wrong", "req-1"} {
						if !strings.Contains(err.Error(), part) {
							t.Errorf("%q does not say %q", err, part)
						}
					}
				})
			}
		}
	}
}

func TestError_I6_class_of_every_status_whatever_the_body_is(t *testing.T) {
	statuses := map[int][2]Class{ // reading, writing
		301: {Credential, Credential}, 302: {Credential, Credential}, 307: {Credential, Credential},
		400: {Permanent, Permanent}, 401: {Credential, Credential}, 402: {Permanent, Permanent},
		403: {Permanent, Permanent}, 404: {Permanent, Permanent}, 405: {Permanent, Permanent},
		408: {Retry, Ambiguous}, 409: {Conflict, Conflict}, 413: {Permanent, Permanent},
		422: {Permanent, Permanent}, 429: {RateLimited, RateLimited},
		500: {Retry, Ambiguous}, 502: {Retry, Ambiguous}, 503: {Retry, Ambiguous}, 504: {Retry, Ambiguous}, 520: {Retry, Ambiguous},
	}
	bodies := map[string]string{
		"empty":         "",
		"HTML":          "<html><body><h1>502 Bad Gateway</h1></body></html>",
		"truncated":     `{"type":"error.list","errors":[{"code":"not_f`,
		"other JSON":    `{"error":"x"}`,
		"JSON text":     `"nope"`,
		"JSON null":     `null`,
		"wrong types":   `{"type":7,"request_id":{},"errors":"none"}`,
		"no errors":     `{"type":"error.list","errors":[]}`,
		"null in list":  `{"errors":[null]}`,
		"numeric codes": `{"errors":[{"code":17,"message":[]}]}`,
		"not UTF-8":     "\xff\xfe\x00",
		"huge":          strings.Repeat("x", 3*maxRefusal),
	}
	for status, want := range statuses {
		for name, body := range bodies {
			t.Run(fmt.Sprintf("%d %s", status, name), func(t *testing.T) {
				rec := record(t, func(w http.ResponseWriter, _ *http.Request) {
					if status < 400 {
						w.Header().Set("Location", "https://elsewhere.test/")
					}
					answerWith(status, body)(w, nil)
				})
				c := rec.client(t)
				for i, writes := range []bool{false, true} {
					err := send(t, c, writes)
					if got := ClassOf(err); got != want[i] {
						t.Errorf("writes=%v: class %v, want %v (%v)", writes, got, want[i], err)
					}
					if e, ok := errors.AsType[*Error](err); !ok || e.Status != status {
						t.Errorf("writes=%v: %v does not carry the status", writes, err)
					}
				}
				if n := len(rec.all()); n != 2 {
					t.Errorf("%d requests for 2 calls", n)
				}
			})
		}
	}
}

func TestError_RetryAfter_of_a_429(t *testing.T) {
	for name, tt := range map[string]struct {
		header map[string]string
		want   time.Duration
	}{
		"nothing said":        {nil, time.Second},
		"Retry-After":         {map[string]string{"Retry-After": "5"}, 5 * time.Second},
		"reset":               {map[string]string{"Date": "Wed, 04 Mar 2026 05:06:07 GMT", "X-RateLimit-Reset": "1772600775"}, 8 * time.Second},
		"reset in the past":   {map[string]string{"Date": "Wed, 04 Mar 2026 05:06:07 GMT", "X-RateLimit-Reset": "1772600760"}, time.Second},
		"Retry-After wins":    {map[string]string{"Retry-After": "2", "Date": "Wed, 04 Mar 2026 05:06:07 GMT", "X-RateLimit-Reset": "1772600775"}, 2 * time.Second},
		"a day is not obeyed": {map[string]string{"Retry-After": "86400"}, longestPause},
	} {
		t.Run(name, func(t *testing.T) {
			rec := record(t, func(w http.ResponseWriter, r *http.Request) {
				for k, v := range tt.header {
					w.Header().Set(k, v)
				}
				w.WriteHeader(429)
			})
			e, ok := errors.AsType[*Error](send(t, rec.client(t), false))
			if !ok || e.Class != RateLimited || e.RetryAfter != tt.want {
				t.Errorf("got %+v, want to wait %v", e, tt.want)
			}
		})
	}
}

func TestClassOf(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want Class
	}{
		{nil, 0},
		{context.Canceled, Retry},
		{fmt.Errorf("x: %w", context.DeadlineExceeded), Retry},
		{errors.New("anything"), Retry},
		{&Error{Class: Conflict}, Conflict},
		{fmt.Errorf("x: %w", &Error{Class: Ambiguous, cause: context.Canceled}), Ambiguous},
		{&NotFoundError{Kind: "team", Name: "x"}, Permanent},
		{fmt.Errorf("x: %w", &AmbiguousError{}), Permanent},
	} {
		if got := ClassOf(tt.err); got != tt.want {
			t.Errorf("ClassOf(%v) = %v, want %v", tt.err, got, tt.want)
		}
	}
}

func TestClass_names_are_distinct(t *testing.T) {
	seen := map[string]bool{}
	for c := Class(0); c <= RateLimited; c++ {
		if seen[c.String()] {
			t.Errorf("%q twice", c)
		}
		seen[c.String()] = true
	}
}

func TestClient_redirects_are_refused(t *testing.T) {
	var visited int
	other := record(t, func(http.ResponseWriter, *http.Request) { visited++ })
	for _, status := range []int{301, 302, 303, 307, 308} {
		rec := record(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", other.URL+"/me")
			w.WriteHeader(status)
		})
		for _, writes := range []bool{false, true} {
			err := send(t, rec.client(t), writes)
			if ClassOf(err) != Credential || !strings.Contains(err.Error(), "redirect") {
				t.Errorf("%d: %v of class %v, want the redirect named", status, err, ClassOf(err))
			}
		}
	}
	if visited > 0 {
		t.Errorf("%d requests followed the redirect", visited)
	}
}

// A server that sends back what it got, wherever something of an answer is kept.
func TestClient_I10_the_token_and_customer_text_are_in_no_error_log_or_metric(t *testing.T) {
	const customer = "my card number is 4111"
	for _, status := range []int{200, 302, 400, 401, 403, 404, 409, 422, 429, 500, 503} {
		for _, form := range []string{
			`{"type":"error.list","request_id":%[1]q,"errors":[{"code":%[1]q,"message":%[1]q}]}`,
			`{"errors":[{"code":"parameter_invalid","message":"line one\nAuthorization: %[2]s"}]}`,
			`{"id":{"token":%[1]q}`,
			`%[1]s`,
		} {
			rec := record(t, func(w http.ResponseWriter, r *http.Request) {
				auth := r.Header.Get("Authorization")
				w.Header().Set("X-Request-Id", auth)
				w.Header().Set("Location", "http://"+strings.TrimPrefix(auth, "Bearer ")+"/")
				w.Header().Set("X-RateLimit-Limit", auth)
				w.Header().Set("Retry-After", auth)
				answerWith(status, fmt.Sprintf(form, auth, auth))(w, r)
			})
			var logs bytes.Buffer
			reg := prometheus.NewRegistry()
			c := newTestClient(t, Options{
				BaseURL: rec.URL, Registerer: reg,
				Logger: slog.New(slog.NewTextHandler(&logs, &slog.HandlerOptions{Level: slog.LevelDebug})),
			})
			_, err := c.Reply(t.Context(), "the-customers-id", ReplyRequest{AdminID: "9", Body: customer})
			if err == nil {
				t.Fatalf("%d %s: no error", status, form)
			}
			seen := fmt.Sprintf("%v %+v %#v %s %v %+v %#v", err, err, err, logs.String(), c, c, c)
			for e := err; e != nil; e = errors.Unwrap(e) {
				seen += fmt.Sprintf("%v %+v %#v", e, e, e)
			}
			families, gatherErr := reg.Gather()
			if gatherErr != nil {
				t.Fatal(gatherErr)
			}
			for _, f := range families {
				seen += f.String()
			}
			for _, hidden := range []string{fakeToken, "c2VjcmV0", customer, "the-customers-id"} {
				if strings.Contains(seen, hidden) {
					t.Errorf("%d %s: %q is shown in %s", status, form, hidden, seen)
				}
			}
			if strings.ContainsAny(err.Error(), "\n\r") {
				t.Errorf("the error has several lines: %q", err)
			}
		}
	}
}

func TestClient_I10_a_connection_that_fails_shows_neither_token_nor_ids(t *testing.T) {
	c := newTestClient(t, Options{BaseURL: "https://api.test", HTTP: httpClient(roundTrip(func(r *http.Request) (*http.Response, error) {
		return nil, io.ErrUnexpectedEOF
	}))})
	err := send(t, c, true)
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("%v does not wrap its cause", err)
	}
	if s := err.Error(); strings.Contains(s, "77") || strings.Contains(s, "api.test") || strings.Contains(s, fakeToken) {
		t.Errorf("%q shows the address of the call", s)
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestError_long_messages_are_cut(t *testing.T) {
	rec := record(t, answerWith(400, `{"errors":[{"code":"`+strings.Repeat("c", 500)+`","message":"`+strings.Repeat("ü", 5000)+`"}]}`))
	e, _ := errors.AsType[*Error](send(t, rec.client(t), true))
	if n := len([]rune(e.Message)); n != maxMessage {
		t.Errorf("message has %d characters, want %d", n, maxMessage)
	}
	if n := len([]rune(e.Code)); n != maxCode {
		t.Errorf("code has %d characters, want %d", n, maxCode)
	}
}
