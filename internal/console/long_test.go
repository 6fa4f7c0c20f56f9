package console_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"switchboard/internal/console"
	"switchboard/internal/simulator"
)

type unavailable string

func (u unavailable) Error() string { return "unavailable" }

func (u unavailable) Unavailability() string { return string(u) }

type longOperation = func(context.Context, []byte, func(any)) (any, error)

func longConsole(t *testing.T, do longOperation) http.Handler {
	t.Helper()
	c, err := console.New(console.Options{Gatherer: prometheus.NewRegistry(), Operations: map[string]console.Operation{"long": {Needs: console.Operate, Do: do}}})
	if err != nil {
		t.Fatal(err)
	}
	return c.Handler()
}

func longRequest(ctx context.Context, t *testing.T, base, accept string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, base+"/api/v1/long", strings.NewReader(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", accept)
	return req
}

const ndjson = "application/json, application/x-ndjson"

// TestLong_tells_line_by_line how far it is, to whoever wants to know.
func TestLong_tells_line_by_line(t *testing.T) {
	for name, tt := range map[string]struct {
		accept string
		told   int
		err    error
		status int
		body   string
	}{
		"lines":                  {ndjson, 2, nil, 200, `{"progress":0}` + "\n" + `{"progress":1}` + "\n" + `{"answer":"done","status":200}` + "\n"},
		"one object":             {"application/json", 2, nil, 200, `"done"` + "\n"},
		"nothing to tell":        {ndjson, 0, nil, 200, `"done"` + "\n"},
		"refused at once":        {ndjson, 0, refused("no such rule"), 422, `{"error":"no such rule"}` + "\n"},
		"refused later":          {ndjson, 1, fmt.Errorf("long: %w", refused("no such rule")), 200, `{"progress":0}` + "\n" + `{"error":"no such rule","status":422}` + "\n"},
		"not now":                {ndjson, 0, unavailable("another runs"), 503, `{"error":"another runs"}` + "\n"},
		"not any more":           {ndjson, 1, unavailable("it stops"), 200, `{"progress":0}` + "\n" + `{"error":"it stops","status":503}` + "\n"},
		"an error stays inside":  {ndjson, 0, errors.New("disk of the customer"), 500, "internal error\n"},
		"an error stays, later":  {ndjson, 1, errors.New("disk of the customer"), 200, `{"progress":0}` + "\n" + `{"error":"internal error","status":500}` + "\n"},
		"an error, nobody asked": {"", 1, errors.New("disk of the customer"), 500, "internal error\n"},
	} {
		t.Run(name, func(t *testing.T) {
			h := longConsole(t, func(_ context.Context, _ []byte, progress func(any)) (any, error) {
				for i := range tt.told {
					progress(i)
				}
				return "done", tt.err
			})
			rec := httptest.NewRecorder()
			req := longRequest(t.Context(), t, "http://127.0.0.1:9090", tt.accept)
			h.ServeHTTP(rec, req)
			if rec.Code != tt.status || rec.Body.String() != tt.body {
				t.Errorf("%d %s\nwant %d %s", rec.Code, rec.Body, tt.status, tt.body)
			}
			if streamed := rec.Header().Get("Content-Type") == "application/x-ndjson"; streamed != strings.Contains(tt.body, "progress") {
				t.Error(rec.Header())
			}
		})
	}
}

// longServer serves on pipes, with the time limits of the service.
func longServer(t *testing.T, do longOperation) (client *http.Client, stop func()) {
	t.Helper()
	ln := simulator.NewPipeListener()
	s := &http.Server{Handler: longConsole(t, do), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 15 * time.Second, WriteTimeout: 30 * time.Second}
	go func() { _ = s.Serve(ln) }()
	client = &http.Client{Transport: &http.Transport{DialContext: ln.DialContext}}
	return client, func() {
		client.CloseIdleConnections()
		_ = s.Close()
	}
}

// TestLong_may_take_long: longer than the server lets requests and answers take.
func TestLong_may_take_long(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, accept := range []string{ndjson, "application/json"} {
			client, stop := longServer(t, func(ctx context.Context, _ []byte, progress func(any)) (any, error) {
				for range 20 {
					progress("on")
					select {
					case <-time.After(time.Minute):
					case <-ctx.Done():
						return nil, ctx.Err()
					}
				}
				return "done", nil
			})
			resp, err := client.Do(longRequest(t.Context(), t, "http://127.0.0.1", accept))
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			if err != nil || !strings.Contains(string(body), `"done"`) {
				t.Errorf("%v: %s", err, body)
			}
			stop()
		}
	})
}

// TestLong_ends_with_whoever_asked: when they go away, and when they do not read any more.
func TestLong_ends_with_whoever_asked(t *testing.T) {
	for name, leave := range map[string]func(cancel context.CancelFunc){
		"gone":   func(cancel context.CancelFunc) { cancel() },
		"silent": func(context.CancelFunc) {},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ended := make(chan time.Duration, 1)
				client, stop := longServer(t, func(ctx context.Context, _ []byte, progress func(any)) (any, error) {
					began := time.Now()
					for ctx.Err() == nil && time.Since(began) < time.Hour {
						progress(strings.Repeat("on and on ", 1000))
						select {
						case <-time.After(time.Second):
						case <-ctx.Done():
						}
					}
					ended <- time.Since(began)
					return nil, ctx.Err()
				})
				defer stop()
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				resp, err := client.Do(longRequest(ctx, t, "http://127.0.0.1", ndjson))
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = resp.Body.Close() }()
				if _, err := bufio.NewReader(resp.Body).ReadString('\n'); err != nil {
					t.Fatal(err)
				}
				leave(cancel)
				if after := <-ended; after > time.Minute {
					t.Errorf("it went on for %s", after)
				}
			})
		})
	}
}
