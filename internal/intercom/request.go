package intercom

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// request is one call. Each method of Client that calls fills in one of these.
type request struct {
	method   string
	endpoint string   // the path, with {placeholders} for ids
	ids      []string // in the order of the placeholders
	query    url.Values
	body     any // sent as JSON; nil: no body
	// reads tells of a POST that only reads, such as a search. It may always be made again.
	reads bool
	// literal is the path of a raw call, whose endpoint is only a name.
	literal string
}

func (r *request) String() string { return r.method + " " + r.endpoint }

// refuse makes the error of a call that is not worth sending.
func (r *request) refuse(why string) *Error {
	return &Error{Class: Permanent, Method: r.method, Endpoint: r.endpoint, Message: why}
}

// writes tells whether the call may change something at Intercom's.
func (r *request) writes() bool { return r.method != http.MethodGet && !r.reads }

const (
	// maxAnswer bounds what is read of an answer: a conversation with 500 long parts fits.
	maxAnswer = 10 << 20
	// maxRefusal bounds what is read of an error.
	maxRefusal = 64 << 10
)

// path fills the ids in. They come from payloads and parameters, so each is escaped and must
// be one step of a path.
func (r *request) path() (string, error) {
	if r.literal != "" {
		return r.literal, nil
	}
	var b strings.Builder
	rest, ids := r.endpoint, r.ids
	for {
		before, after, found := strings.Cut(rest, "{")
		b.WriteString(before)
		if !found {
			break
		}
		name, after, _ := strings.Cut(after, "}")
		if len(ids) == 0 {
			return "", fmt.Errorf("no %s given", name)
		}
		switch ids[0] {
		case "", ".", "..", "last": // "last" means the last conversation of a contact: never meant
			return "", fmt.Errorf("%q is not an id", ids[0])
		}
		b.WriteString(url.PathEscape(ids[0]))
		rest, ids = after, ids[1:]
	}
	return b.String(), nil
}

// call makes the call and decodes the answer into out (nil: whatever it is). It returns the
// bytes of the answer as well.
func (c *Client) call(ctx context.Context, r request, out any) ([]byte, error) {
	body, status, err := c.do(ctx, &r)
	if err != nil || out == nil {
		return body, err
	}
	if err := decode(body, out); err != nil {
		// What is wrong with it is not told: the message could quote the answer.
		return nil, c.unreadable(&r, status, "the answer is not what it should be", nil)
	}
	return body, nil
}

// do makes the call: budget, trace, request, answer. It returns the body of a success.
func (c *Client) do(ctx context.Context, r *request) ([]byte, int, error) {
	path, err := r.path()
	if err != nil {
		return nil, 0, r.refuse(err.Error())
	}
	var payload []byte
	if r.body != nil {
		if payload, err = json.Marshal(r.body); err != nil {
			return nil, 0, r.refuse("the body cannot be written as JSON")
		}
	}
	sender := &sender{client: c, request: r, reported: true} // nothing is taken yet
	defer sender.report()
	if taken, err := sender.admit(ctx, path); err != nil {
		doing := "waiting for the budget"
		if taken {
			doing = "before sending"
		}
		return nil, 0, fmt.Errorf("%s: %s: %w", r, doing, err)
	}
	start := time.Now()
	body, err := sender.send(ctx, path, payload)
	took := time.Since(start)
	c.metrics.call(r.String(), sender.usage.Status, took)
	c.log.LogAttrs(ctx, slog.LevelDebug, "intercom call",
		slog.String("method", r.method), slog.String("endpoint", r.endpoint),
		slog.Int("status", sender.usage.Status), slog.Duration("took", took))
	return body, sender.usage.Status, err
}

// sender is one request on its way. It knows at every moment whether anything may have
// reached Intercom, and reports to the budget exactly once.
type sender struct {
	client   *Client
	request  *request
	usage    Usage
	reported bool
	stage    atomic.Int32
}

// The stages of a request, as the transport tells. The transport may go through them again:
// it takes another connection when the first turns out to be dead before anything was
// written to it, whatever the method. Once something was written it repeats only GET.
const (
	stageNone       = iota // the transport has told nothing
	stageConnecting        // there is no connection yet
	stageConnected         // from here on, bytes may have left
)

func (s *sender) report() {
	if !s.reported {
		s.reported = true
		s.client.budget.Report(s.usage)
	}
}

func (s *sender) send(parent context.Context, path string, payload []byte) ([]byte, error) {
	c, r := s.client, s.request
	ctx, cancel := context.WithTimeout(parent, c.timeout)
	defer cancel()
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn: func(string) { s.stage.Store(stageConnecting) },
		GotConn: func(httptrace.GotConnInfo) { s.stage.Store(stageConnected) },
	})
	req, err := c.newRequest(ctx, r, path, payload)
	if err != nil {
		return nil, r.refuse("the request cannot be made")
	}
	s.usage.Taken = time.Now()
	resp, err := c.transport.RoundTrip(req)
	if err != nil {
		stage := s.stage.Load()
		unsent := stage == stageConnecting || (stage == stageNone && isDial(err))
		s.usage.NotSent = unsent
		return nil, c.failed(parent, r, !unsent, err)
	}
	defer resp.Body.Close() //nolint:errcheck // nothing was written to it

	now, sent, permit := time.Now(), s.usage.Taken, s.usage.permit
	s.usage = usageOf(resp, now)
	s.usage.Taken, s.usage.permit = sent, permit
	if resp.StatusCode < 300 || resp.StatusCode == statusTooManyRequests {
		s.report() // others need not wait for the rest of the answer, nor go on because of it
	}
	if date, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		ours := c.now()
		c.noteSkew(date, ours.Add(-now.Sub(sent)), ours)
	}
	body, err := c.read(parent, r, resp)
	if ClassOf(err) == Credential {
		s.usage.Refused = err.Error()
	}
	return body, err
}

func (c *Client) newRequest(ctx context.Context, r *request, path string, payload []byte) (*http.Request, error) {
	address := c.base + path
	if len(r.query) > 0 {
		address += "?" + r.query.Encode()
	}
	var body io.Reader
	if payload != nil {
		body = bytes.NewReader(payload)
	}
	req, err := http.NewRequestWithContext(ctx, r.method, address, body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+c.token())
	req.Header.Set("Accept", "application/json")
	req.Header.Set("Intercom-Version", Version)
	req.Header.Set("User-Agent", c.agent)
	if payload != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return req, nil
}

// read takes the answer in. Bodies are read to their end, as far as the bounds allow, so that
// the connection can be used again.
func (c *Client) read(ctx context.Context, r *request, resp *http.Response) ([]byte, error) {
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		// Half an error is an error too.
		body, _ := io.ReadAll(io.LimitReader(resp.Body, maxRefusal))
		_, _ = io.CopyN(io.Discard, resp.Body, maxRefusal)
		return nil, c.refused(r, resp, body)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, c.failed(ctx, r, true, err)
	case errors.Is(err, context.DeadlineExceeded):
		return nil, c.unreadable(r, resp.StatusCode, fmt.Sprintf("the answer did not end within %s", c.timeout), nil)
	case err != nil:
		return nil, c.unreadable(r, resp.StatusCode, "the answer broke off", err)
	case len(body) > maxAnswer:
		e := c.unreadable(r, resp.StatusCode, fmt.Sprintf("the answer is longer than %d MiB", maxAnswer>>20), nil)
		if e.Class == Retry {
			e.Class = Permanent // it will not be shorter the next time
		}
		return nil, e
	}
	return body, nil
}

// usageOf reads what an answer says about the budget. Headers may be missing: Intercom leaves
// them out when it refuses the credentials, and proxies that fail know nothing of them.
func usageOf(resp *http.Response, now time.Time) Usage {
	u := Usage{Answered: true, Status: resp.StatusCode, Limit: -1, Remaining: -1}
	if n, err := strconv.Atoi(resp.Header.Get("X-RateLimit-Limit")); err == nil && n > 0 {
		u.Limit = n
	}
	if n, err := strconv.Atoi(resp.Header.Get("X-RateLimit-Remaining")); err == nil {
		u.Remaining = max(n, 0)
	}
	made := now
	if date, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		made = date
	}
	const farthest = 1 << 33 // in the year 2242, so that no arithmetic overflows
	if n, err := strconv.ParseInt(resp.Header.Get("X-RateLimit-Reset"), 10, 64); err == nil && n > 0 && n < farthest {
		u.Window, u.Reset = n, time.Unix(n, 0).Sub(made)
	}
	if v := resp.Header.Get("Retry-After"); v != "" {
		if n, err := strconv.ParseInt(v, 10, 32); err == nil {
			u.RetryAfter = time.Duration(max(n, 0)) * time.Second
		} else if at, err := http.ParseTime(v); err == nil {
			u.RetryAfter = max(at.Sub(made), 0)
		}
	}
	return u
}
