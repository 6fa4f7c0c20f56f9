package intercom

import (
	"context"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// fakeAPI counts calls as Intercom does: in fixed windows of ten seconds on its own clock.
type fakeAPI struct {
	limit     int
	clock     time.Duration                      // ahead of ours
	latency   func() (there, back time.Duration) // nil: none
	noHeaders func(n int) bool                   // for the n-th call
	headers   func(h http.Header, reset, now time.Time)
	mu        sync.Mutex
	calls     int
	inFlight  int
	busiest   int // most calls at once
	windows   map[int64]*counted
}

type counted struct {
	limit                  int
	ours, others, overruns int
	busiest                int
}

const fakeToken = "tok:c2VjcmV0LXRva2VuLW9mLWEtdGVzdA=="

func newFakeAPI(limit int) *fakeAPI {
	return &fakeAPI{limit: limit, windows: map[int64]*counted{}}
}

func randomLatency(r *rand.Rand, least, most time.Duration) func() (time.Duration, time.Duration) {
	var mu sync.Mutex
	return func() (time.Duration, time.Duration) {
		mu.Lock()
		defer mu.Unlock()
		total := least + time.Duration(r.Int64N(int64(most-least)))
		there := time.Duration(r.Int64N(int64(total)))
		return there, total - there
	}
}

func (f *fakeAPI) now() time.Time { return time.Now().Add(f.clock) }

// window is the present window; mu is held.
func (f *fakeAPI) window() (w *counted, end time.Time) {
	n := f.now().Unix() / 10
	w = f.windows[n]
	if w == nil {
		w = &counted{}
		f.windows[n] = w
	}
	w.limit = f.limit
	return w, time.Unix((n+1)*10, 0)
}

func (w *counted) used() int { return w.ours + w.others }

// byOthers is a call of another app that shares the limit.
func (f *fakeAPI) byOthers() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if w, _ := f.window(); w.used() < f.limit {
		w.others++
	}
}

func (f *fakeAPI) setLimit(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.limit = n
}

func (f *fakeAPI) RoundTrip(req *http.Request) (*http.Response, error) {
	there, back := time.Duration(0), time.Duration(0)
	if f.latency != nil {
		there, back = f.latency()
	}
	f.mu.Lock()
	f.inFlight++
	f.busiest = max(f.busiest, f.inFlight)
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		f.inFlight--
		f.mu.Unlock()
	}()
	if err := pause(req.Context(), there); err != nil {
		return nil, err
	}
	resp := f.answer(req)
	if err := pause(req.Context(), back); err != nil {
		return nil, err
	}
	return resp, nil
}

func pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (f *fakeAPI) answer(req *http.Request) *http.Response {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls++
	w, end := f.window()
	w.busiest = max(w.busiest, f.inFlight)
	resp := &http.Response{
		StatusCode: 200, Header: http.Header{}, Request: req, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Body: io.NopCloser(strings.NewReader(`{"id":"7","type":"admin"}`)),
	}
	if w.used() >= f.limit {
		w.overruns++
		resp.StatusCode = 429
		resp.Body = io.NopCloser(strings.NewReader(`{"type":"error.list","errors":[{"code":"rate_limit_exceeded","message":"Exceeded"}]}`))
	} else {
		w.ours++
	}
	if f.noHeaders != nil && f.noHeaders(f.calls) {
		return resp
	}
	resp.Header.Set("Date", f.now().UTC().Format(http.TimeFormat))
	resp.Header.Set("X-RateLimit-Limit", strconv.Itoa(f.limit))
	resp.Header.Set("X-RateLimit-Remaining", strconv.Itoa(max(f.limit-w.used(), 0)))
	resp.Header.Set("X-RateLimit-Reset", strconv.FormatInt(end.Unix(), 10))
	if f.headers != nil {
		f.headers(resp.Header, end, f.now())
	}
	return resp
}

func (f *fakeAPI) client(t *testing.T, b Budget) *Client {
	t.Helper()
	return newTestClient(t, Options{BaseURL: "https://api.test", HTTP: &http.Client{Transport: f}, Budget: b})
}

func newTestClient(t *testing.T, o Options) *Client {
	t.Helper()
	if o.Token == "" {
		o.Token = fakeToken
	}
	if o.Budget == nil {
		o.Budget = freeBudget{}
	}
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// freeBudget lets everything pass, for tests of other things.
type freeBudget struct{}

func (freeBudget) Take(ctx context.Context, _ Priority) error { return ctx.Err() }
func (freeBudget) Report(Usage)                               {}

// backlog has workers make n calls as fast as they can. A refused call is made again, as the
// queue would.
func backlog(ctx context.Context, t *testing.T, c *Client, workers, n int) (refused int) {
	t.Helper()
	jobs := make(chan struct{}, n)
	for range n {
		jobs <- struct{}{}
	}
	close(jobs)
	var wg sync.WaitGroup
	var mu sync.Mutex
	for range workers {
		wg.Go(func() {
			for range jobs {
				for {
					_, err := c.Me(ctx)
					if err == nil {
						break
					}
					if ClassOf(err) != RateLimited {
						t.Errorf("call: %v", err)
						return
					}
					mu.Lock()
					refused++
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	return refused
}

func httpClient(rt http.RoundTripper) *http.Client { return &http.Client{Transport: rt} }
