package simulator

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// onBoth runs a test over TCP and over the in-memory network.
func onBoth(t *testing.T, run func(t *testing.T, b *bench)) {
	t.Run("pipe", func(t *testing.T) { run(t, newBench(t, Options{})) })
	t.Run("TCP", func(t *testing.T) {
		b := newBench(t, Options{})
		server := httptest.NewServer(b.Handler())
		t.Cleanup(server.Close)
		b.url, b.client = server.URL, server.Client()
		run(t, b)
	})
}

const replyEndpoint = "POST /conversations/{id}/reply"

// reply sends a comment; keepAlive connections have been used before.
func (b *bench) reply(id string, edit ...func(*http.Request)) (response, error) {
	b.Helper()
	return b.try("POST", "/conversations/"+id+"/reply",
		`{"message_type":"comment","type":"admin","admin_id":"`+b.ines+`","body":"hi"}`, edit...)
}

func TestFault_is_seen_by_the_client(t *testing.T) {
	for _, c := range []struct {
		fault  Fault
		done   bool // the effect took place
		cut    bool
		status int // in the journal
		check  func(t *testing.T, r response, err error)
	}{
		{Fault{Kind: FailBefore}, false, false, 500, wantError(500, "server_error")},
		{Fault{Kind: FailAfter}, true, false, 500, wantError(500, "server_error")},
		{Fault{Kind: FailBefore, Status: 503}, false, false, 503, wantPage(503)},
		{Fault{Kind: FailAfter, Status: 502}, true, false, 502, wantPage(502)},
		{Fault{Kind: ResetBefore}, false, true, 0, wantReset},
		{Fault{Kind: ResetAfter}, true, true, 0, wantReset},
		{Fault{Kind: HangBefore, Delay: time.Millisecond}, false, true, 0, wantEOF},
		{Fault{Kind: HangAfter, Delay: time.Millisecond}, true, true, 0, wantEOF},
		{Fault{Kind: BadJSON}, true, true, 200, func(t *testing.T, r response, err error) {
			if err != nil || r.status != 200 || len(r.raw) < 100 || json.Valid(r.raw) {
				t.Errorf("error %v, status %d, %d bytes", err, r.status, len(r.raw))
			}
		}},
		{Fault{Kind: Truncated}, true, true, 200, func(t *testing.T, r response, err error) {
			if !errors.Is(err, io.ErrUnexpectedEOF) || r.status != 200 {
				t.Errorf("error %v, status %d; want an unexpected end", err, r.status)
			}
		}},
		{Fault{Kind: EmptyBody}, true, true, 200, func(t *testing.T, r response, err error) {
			if err != nil || r.status != 200 || len(r.raw) != 0 {
				t.Errorf("error %v, status %d, %d bytes", err, r.status, len(r.raw))
			}
		}},
		{Fault{Kind: Slow, Delay: time.Millisecond}, true, false, 200, wantStatus(200)},
		{Fault{Kind: TooMany}, false, false, 429, wantError(429, "rate_limit_exceeded")},
		{Fault{Kind: Revoked}, false, false, 401, wantError(401, "token_revoked")},
		{Fault{Kind: Restricted}, false, false, 403, wantError(403, "api_plan_restricted")},
	} {
		t.Run(string(c.fault.Kind), func(t *testing.T) {
			onBoth(t, func(t *testing.T, b *bench) {
				id := b.starts("hello")
				b.call("GET", "/me", "") // so that the connection has been used before
				c.fault.Endpoint = replyEndpoint
				b.FaultNext(c.fault)
				r, err := b.reply(id)
				c.check(t, r, err)
				cv, _ := b.Conversation(id)
				e := b.lastEntry()
				if done := len(cv.Parts) == 1; done != c.done || (e.Effect == EffectReply) != c.done {
					t.Errorf("done: %v, journal says %q; want %v", done, e.Effect, c.done)
				}
				if e.Fault != c.fault.Kind || e.Cut != c.cut || e.Status != c.status {
					t.Errorf("journal: fault %q, cut %v, status %d", e.Fault, e.Cut, e.Status)
				}
				if r, err := b.reply(id); err != nil || r.status != 200 {
					t.Errorf("it strikes once, and then came %v, status %d", err, r.status)
				}
			})
		})
	}
}

func wantStatus(status int) func(*testing.T, response, error) {
	return func(t *testing.T, r response, err error) {
		t.Helper()
		if err != nil || r.status != status {
			t.Errorf("error %v, status %d; want %d", err, r.status, status)
		}
	}
}

func wantError(status int, code string) func(*testing.T, response, error) {
	return func(t *testing.T, r response, err error) {
		t.Helper()
		wantStatus(status)(t, r, err)
		if got := get(r.body, "errors.0.code"); got != code {
			t.Errorf("code = %v, want %s", got, code)
		}
		if left := r.header.Get("X-RateLimit-Remaining"); status == 429 && left != "0" {
			t.Errorf("%s calls remain with a 429", left)
		}
		if limited := r.header.Get("X-RateLimit-Limit") != ""; limited == (status == 401) {
			t.Errorf("rate-limit headers: %v", limited)
		}
	}
}

func wantPage(status int) func(*testing.T, response, error) {
	return func(t *testing.T, r response, err error) {
		t.Helper()
		wantStatus(status)(t, r, err)
		if r.body != nil || !strings.Contains(string(r.raw), "<html>") || r.header.Get("X-RateLimit-Limit") != "" {
			t.Errorf("want a proxy's page without rate-limit headers: %s", r.raw)
		}
	}
}

func wantReset(t *testing.T, _ response, err error) {
	t.Helper()
	if !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("error = %v, want a reset", err)
	}
}

func wantEOF(t *testing.T, _ response, err error) {
	t.Helper()
	if !errors.Is(err, io.EOF) {
		t.Errorf("error = %v, want an end of file", err)
	}
}

func TestFault_hang_ends_when_the_client_goes(t *testing.T) {
	for _, kind := range []FaultKind{HangBefore, HangAfter} {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t, Options{})
			id := b.starts("hello")
			b.FaultNext(Fault{Kind: kind})
			began := time.Now()
			_, err := b.reply(id) // gives up after 20 s
			if !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != 20*time.Second {
				t.Errorf("%s: %v after %v", kind, err, time.Since(began))
			}
			synctest.Wait()
			if cv, _ := b.Conversation(id); (len(cv.Parts) == 1) != (kind == HangAfter) {
				t.Errorf("%s: %d parts", kind, len(cv.Parts))
			}
		})
	}
}

func TestFault_hang_has_a_bound_and_ends_with_the_simulator(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, Options{Faults: Faults{Rules: []Fault{{Kind: HangBefore}}}})
		hang := func() time.Duration {
			began := time.Now()
			req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, b.url+"/me", nil)
			req.Header.Set("Authorization", "Bearer "+testToken)
			if resp, err := b.client.Do(req); err == nil {
				resp.Body.Close()
				t.Errorf("status %d, want no answer", resp.StatusCode)
			}
			return time.Since(began)
		}
		if d := hang(); d != hangBound {
			t.Errorf("it hung for %v, want %v", d, hangBound)
		}
		time.AfterFunc(time.Second, func() { b.Close() })
		if d := hang(); d != time.Second {
			t.Errorf("it hung for %v after Close, want 1s", d)
		}
	})
}

func TestFault_slow_and_latency_come_after_the_effect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, Options{})
		id := b.starts("hello")
		b.FaultNext(Fault{Kind: Slow, Delay: time.Minute})
		if _, err := b.reply(id); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error = %v, want the client's time to be over", err)
		}
		if cv, _ := b.Conversation(id); len(cv.Parts) != 1 {
			t.Error("the effect did not come at once")
		}
		b.SetFaults(Faults{Latency: Latency{Min: 100 * time.Millisecond, Spread: time.Second, Max: 3 * time.Second}})
		var total time.Duration
		const calls = 200
		for range calls {
			began := time.Now()
			b.call("GET", "/me", "")
			d := time.Since(began)
			if d < 100*time.Millisecond || d > 3*time.Second {
				t.Fatalf("an answer took %v", d)
			}
			total += d
		}
		if mean := total / calls; mean < 700*time.Millisecond || mean > 1400*time.Millisecond {
			t.Errorf("answers took %v on average, want about 1.05s", mean)
		}
	})
}

func TestFault_rates_filters_and_bounds(t *testing.T) {
	strikes := func(seed uint64, f Fault, calls int) (hits []int) {
		b := newBench(t, Options{Seed: seed, Faults: Faults{Rules: []Fault{f}}})
		id := b.starts("hello")
		for i := range calls {
			b.call("GET", "/me", "")
			r, err := b.reply(id)
			if err != nil {
				t.Fatal(err)
			}
			if r.status != 200 {
				hits = append(hits, i)
			}
		}
		for _, e := range b.Journal() {
			if e.Fault != "" && e.Endpoint != replyEndpoint && (f.Endpoint != "" || f.Effect != "") {
				t.Errorf("%+v strikes %s", f, e.Endpoint)
			}
		}
		return hits
	}
	half := Fault{Kind: FailAfter, Endpoint: replyEndpoint, Rate: 0.5}
	first := strikes(1, half, 100)
	if len(first) < 30 || len(first) > 70 {
		t.Errorf("a rate of a half strikes %d of 100", len(first))
	}
	if again := strikes(1, half, 100); len(again) != len(first) || again[0] != first[0] {
		t.Error("the same seed strikes otherwise")
	}
	for _, f := range []Fault{
		{Kind: FailAfter, Endpoint: "POST"},
		{Kind: FailAfter, Endpoint: "/conversations/{id}/reply"},
		{Kind: FailBefore, Effect: EffectReply},
	} {
		if hits := strikes(1, f, 5); len(hits) != 5 {
			t.Errorf("%+v strikes %d of 5", f, len(hits))
		}
	}
	if hits := strikes(1, Fault{Kind: FailBefore, Effect: EffectNote}, 5); hits != nil {
		t.Errorf("a fault of notes strikes replies: %v", hits)
	}
	if hits := strikes(1, Fault{Kind: FailBefore, Endpoint: "POST", Times: 2}, 5); len(hits) != 2 || hits[1] != 1 {
		t.Errorf("Times: 2 strikes %v", hits)
	}
}

func TestFaults_have_switches(t *testing.T) {
	b := newBench(t, Options{})
	id := b.starts("hello")
	b.SetFaults(Faults{TokenRevoked: true})
	b.refused(b.call("GET", "/me", ""), 401, "token_revoked", "")
	b.SetFaults(Faults{PlanRestricted: true})
	b.refused(b.call("GET", "/conversations/"+id, ""), 403, "api_plan_restricted", "Active subscription needed.")
	if r := b.call("GET", "/me", ""); r.status != 200 {
		t.Errorf("the plan restricts conversations, not GET /me: status %d", r.status)
	}
	b.SetFaults(Faults{})
	b.Outage(true)
	r := b.call("GET", "/me", "")
	wantPage(503)(t, r, nil)
	if _, err := b.reply(id); err != nil {
		t.Fatal(err)
	}
	b.Outage(false)
	if cv, _ := b.Conversation(id); len(cv.Parts) != 0 {
		t.Error("a call had an effect during the outage")
	}
	if r := b.call("GET", "/me", ""); r.status != 200 {
		t.Errorf("after the outage: status %d", r.status)
	}
}

func TestPipeListener_is_a_network(t *testing.T) {
	l := NewPipeListener()
	if l.Addr().String() != "pipe" || l.Addr().Network() != "pipe" {
		t.Errorf("address %v", l.Addr())
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.DialContext(ctx, "tcp", "x"); !errors.Is(err, context.Canceled) {
		t.Errorf("nobody accepts: %v", err)
	}
	l.Close()
	l.Close()
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Accept: %v", err)
	}
	if _, err := l.DialContext(t.Context(), "tcp", "x"); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("dial after Close: %v", err)
	}
	resp, err := l.Client().Get("http://x/")
	if err == nil {
		resp.Body.Close()
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("request after Close: %v", err)
	}
}

func TestPipe_reset_is_seen_by_the_other_end(t *testing.T) {
	a, b := newPipe()
	go b.(*pipeConn).Reset()
	if _, err := a.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("read: %v", err)
	}
	if _, err := a.Write([]byte("x")); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("write: %v", err)
	}
	c, d := newPipe()
	go d.Close()
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("a closed connection ends with %v", err)
	}
}

// A fault for one path strikes that call only.
func TestFault_path(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bench) {
		one, other := b.starts("hello"), b.starts("hello")
		b.FaultNext(Fault{Kind: Forbidden, Endpoint: "GET /conversations/{id}", Path: "/conversations/" + other})
		for i, want := range []struct {
			id     string
			status int
		}{{one, 200}, {other, 403}, {other, 200}} {
			if r := b.call("GET", "/conversations/"+want.id, ""); r.status != want.status {
				t.Errorf("call %d: %d, want %d", i, r.status, want.status)
			}
		}
	})
}
