package intercom

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// rawServer answers on a listener of its own, below HTTP: handle gets every connection.
func rawServer(t *testing.T, handle func(c net.Conn, n int)) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for n := 1; ; n++ {
			c, err := l.Accept()
			if err != nil {
				return
			}
			handle(c, n)
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-done })
	return "http://" + l.Addr().String()
}

// readRequest reads one request with its body.
func readRequest(r *bufio.Reader) error {
	req, err := http.ReadRequest(r)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, req.Body)
	return err
}

func writeAnswer(c net.Conn, body string) {
	_, _ = fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}

// reset closes the connection with RST instead of FIN.
func reset(c net.Conn) {
	_ = c.(*net.TCPConn).SetLinger(0)
	_ = c.Close()
}

func TestClient_I4_an_answer_that_never_comes_leaves_a_doubt_only_when_writing(t *testing.T) {
	for name, end := range map[string]func(net.Conn){
		"closed after the request": func(c net.Conn) { _ = readRequest(bufio.NewReader(c)); _ = c.Close() },
		"reset after the request":  func(c net.Conn) { _ = readRequest(bufio.NewReader(c)); reset(c) },
		"reset before the request was read": func(c net.Conn) {
			_, _ = io.ReadFull(c, make([]byte, 10))
			reset(c)
		},
		"half a header": func(c net.Conn) {
			_ = readRequest(bufio.NewReader(c))
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-")
			_ = c.Close()
		},
		"not HTTP": func(c net.Conn) {
			_ = readRequest(bufio.NewReader(c))
			_, _ = io.WriteString(c, "SSH-2.0-OpenSSH_9.6\r\n")
			_ = c.Close()
		},
		"the request sent back": func(c net.Conn) {
			buf := make([]byte, 4096)
			n, _ := c.Read(buf)
			_, _ = c.Write(buf[:n])
			_ = c.Close()
		},
		"the request sent back as a header": func(c net.Conn) {
			buf := make([]byte, 4096)
			n, _ := c.Read(buf)
			_, _ = fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nX %s\r\n\r\n", strings.ReplaceAll(string(buf[:n]), "\r\n", " "))
			_ = c.Close()
		},
		"body cut off": func(c net.Conn) {
			_ = readRequest(bufio.NewReader(c))
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{\"id\":\"77\"")
			_ = c.Close()
		},
		"body reset": func(c net.Conn) {
			_ = readRequest(bufio.NewReader(c))
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"id\"\r\n")
			reset(c)
		},
		"not JSON": func(c net.Conn) {
			_ = readRequest(bufio.NewReader(c))
			writeAnswer(c, "<html>signed in</html>")
			_ = c.Close()
		},
		"JSON cut off": func(c net.Conn) {
			_ = readRequest(bufio.NewReader(c))
			writeAnswer(c, `{"id":"77","sta`)
			_ = c.Close()
		},
		"not a conversation": func(c net.Conn) {
			_ = readRequest(bufio.NewReader(c))
			writeAnswer(c, `{"type":"nothing"}`)
			_ = c.Close()
		},
		"empty": func(c net.Conn) { _ = readRequest(bufio.NewReader(c)); writeAnswer(c, ""); _ = c.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			var connections atomic.Int32
			address := rawServer(t, func(c net.Conn, _ int) { connections.Add(1); end(c) })
			for _, tt := range []struct {
				writes bool
				want   Class
			}{{true, Ambiguous}, {false, Retry}} {
				connections.Store(0)
				budget := &watchedBudget{}
				c := newTestClient(t, Options{BaseURL: address, Budget: budget})
				err := send(t, c, tt.writes)
				if got := ClassOf(err); got != tt.want {
					t.Errorf("writes=%v: class %v, want %v (%v)", tt.writes, got, tt.want, err)
				}
				if strings.Contains(err.Error(), "c2VjcmV0") || strings.Contains(err.Error(), "/77") {
					t.Errorf("writes=%v: the error shows the request: %v", tt.writes, err)
				}
				if n := connections.Load(); n != 1 {
					t.Errorf("writes=%v: %d connections, want the request to go out once", tt.writes, n)
				}
				if len(budget.reports) != 1 || budget.reports[0].NotSent {
					t.Errorf("writes=%v: reported %+v, want one call that counts", tt.writes, budget.reports)
				}
			}
		})
	}
}

// The transport repeats requests on its own when a connection that it used before turns out to
// be dead. It must not when the server may have acted.
func TestClient_I4_a_write_on_a_used_connection_is_never_repeated_by_the_transport(t *testing.T) {
	for name, end := range map[string]func(net.Conn){
		"closed": func(c net.Conn) { _ = c.Close() },
		"reset":  reset,
	} {
		for _, tt := range []struct {
			method string
			call   func(*Client, context.Context) error
		}{
			{"POST", func(c *Client, ctx context.Context) error {
				_, err := c.Reply(ctx, "77", ReplyRequest{AdminID: "9", Body: "x"})
				return err
			}},
			{"DELETE", func(c *Client, ctx context.Context) error { return c.UntagConversation(ctx, "77", "5", "9") }},
		} {
			t.Run(tt.method+" "+name, func(t *testing.T) {
				var requests atomic.Int32
				address := rawServer(t, func(c net.Conn, _ int) {
					r := bufio.NewReader(c)
					if readRequest(r) != nil { // the look-up that opens the connection
						return
					}
					writeAnswer(c, smallConversation)
					for readRequest(r) == nil { // the call in question
						requests.Add(1)
						break
					}
					end(c)
				})
				c := newTestClient(t, Options{BaseURL: address})
				if _, _, err := c.Conversation(t.Context(), "77"); err != nil {
					t.Fatal(err)
				}
				err := tt.call(c, t.Context())
				if got := ClassOf(err); got != Ambiguous {
					t.Errorf("class %v, want ambiguous (%v)", got, err)
				}
				if n := requests.Load(); n != 1 {
					t.Errorf("the server got the request %d times, want once", n)
				}
			})
		}
	}
}

func TestClient_I4_a_call_that_never_left_is_to_be_tried_again(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	refused := "http://" + l.Addr().String()
	_ = l.Close()
	dial := func(err error) *http.Client {
		return &http.Client{Transport: &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return nil, err }}}
	}
	plain := rawServer(t, func(c net.Conn, _ int) {
		_, _ = io.ReadFull(c, make([]byte, 1))
		_, _ = io.WriteString(c, "this is no TLS\r\n")
		_ = c.Close()
	})
	for name, o := range map[string]Options{
		"connection refused": {BaseURL: refused},
		"no such host":       {BaseURL: "https://api.test", HTTP: dial(&net.DNSError{Err: "no such host", Name: "api.test", IsNotFound: true})},
		"no route":           {BaseURL: "https://api.test", HTTP: dial(&net.OpError{Op: "dial", Net: "tcp", Err: errors.New("no route to host")})},
		"TLS fails":          {BaseURL: strings.Replace(plain, "http:", "https:", 1)},
		"a transport that tells nothing, while dialling": {BaseURL: "https://api.test", HTTP: httpClient(roundTrip(func(*http.Request) (*http.Response, error) {
			return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
		}))},
	} {
		t.Run(name, func(t *testing.T) {
			budget := &watchedBudget{}
			o.Budget = budget
			err := send(t, newTestClient(t, o), true)
			if got := ClassOf(err); got != Retry {
				t.Errorf("class %v, want retry (%v)", got, err)
			}
			if len(budget.reports) != 1 || !budget.reports[0].NotSent {
				t.Errorf("reported %+v, want one call that was not sent", budget.reports)
			}
		})
	}
}

// Without the transport's word on where it was, only a failure to connect is sure.
func TestClient_I4_a_transport_that_tells_nothing_leaves_a_doubt(t *testing.T) {
	c := newTestClient(t, Options{BaseURL: "https://api.test", HTTP: httpClient(roundTrip(func(*http.Request) (*http.Response, error) {
		return nil, &net.OpError{Op: "read", Net: "tcp", Err: errors.New("connection reset by peer")}
	}))})
	if err := send(t, c, true); ClassOf(err) != Ambiguous {
		t.Errorf("%v of class %v, want ambiguous", err, ClassOf(err))
	}
}

// pipes is a real transport over in-memory connections, for use in a bubble.
func pipes(t *testing.T, dial func(ctx context.Context) error, serve func(net.Conn)) *http.Client {
	tr := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		if dial != nil {
			if err := dial(ctx); err != nil {
				return nil, err
			}
		}
		ours, theirs := net.Pipe()
		go func() {
			defer theirs.Close()
			serve(theirs)
		}()
		return ours, nil
	}}
	t.Cleanup(func() {
		tr.CloseIdleConnections()
		time.Sleep(2 * time.Second) // on the bubble's clock: dribble notices
	})
	return &http.Client{Transport: tr}
}

// hang reads the request and never answers; it ends when the client closes the connection.
func hang(c net.Conn) {
	r := bufio.NewReader(c)
	_ = readRequest(r)
	_, _ = r.ReadByte()
}

func TestClient_I4_timeouts(t *testing.T) {
	for _, tt := range []struct {
		name   string
		dial   func(context.Context) error
		serve  func(net.Conn)
		writes bool
		want   Class
	}{
		{"no answer to a write", nil, hang, true, Ambiguous},
		{"no answer to a read", nil, hang, false, Retry},
		{"no connection for a write", func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, hang, true, Retry},
		{"an answer that does not end, to a write", nil, dribble, true, Ambiguous},
		{"an answer that does not end, to a read", nil, dribble, false, Retry},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newTestClient(t, Options{BaseURL: "http://api.test", HTTP: pipes(t, tt.dial, tt.serve), Timeout: 7 * time.Second})
				start := time.Now()
				err := send(t, c, tt.writes)
				if got := ClassOf(err); got != tt.want {
					t.Errorf("class %v, want %v (%v)", got, tt.want, err)
				}
				if took := time.Since(start); took != 7*time.Second {
					t.Errorf("took %v, want the timeout of 7s", took)
				}
				if !strings.Contains(err.Error(), "7s") {
					t.Errorf("%q does not name the timeout", err)
				}
			})
		})
	}
}

// dribble answers, byte by byte, without end.
func dribble(c net.Conn) {
	_ = readRequest(bufio.NewReader(c))
	_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
	for {
		if _, err := io.WriteString(c, " "); err != nil {
			return
		}
		time.Sleep(time.Second)
	}
}

func TestClient_I4_a_caller_that_gives_up(t *testing.T) {
	for _, tt := range []struct {
		name   string
		dial   func(context.Context) error
		budget func() Budget
		serve  func(net.Conn)
		writes bool
		want   Class
		isCtx  bool // it is the context's error itself, no *Error
	}{
		{name: "while waiting for the budget", budget: spentBudget, serve: hang, writes: true, want: Retry, isCtx: true},
		{name: "while connecting", dial: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, serve: hang, writes: true, want: Retry, isCtx: true},
		{name: "after a write was sent", serve: hang, writes: true, want: Ambiguous},
		{name: "after a read was sent", serve: hang, writes: false, want: Retry, isCtx: true},
		{name: "in the midst of the answer to a write", serve: dribble, writes: true, want: Ambiguous},
		{name: "in the midst of the answer to a read", serve: dribble, writes: false, want: Retry, isCtx: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := Options{BaseURL: "http://api.test", HTTP: pipes(t, tt.dial, tt.serve)}
				if tt.budget != nil {
					o.Budget = tt.budget()
				}
				c := newTestClient(t, o)
				ctx, cancel := context.WithTimeout(t.Context(), 2500*time.Millisecond)
				defer cancel()
				var err error
				if tt.writes {
					_, err = c.Reply(ctx, "77", ReplyRequest{AdminID: "9", Body: "x"})
				} else {
					_, _, err = c.Conversation(ctx, "77")
				}
				if got := ClassOf(err); got != tt.want {
					t.Errorf("class %v, want %v (%v)", got, tt.want, err)
				}
				if !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("%v is not the context's error", err)
				}
				if _, isErr := errors.AsType[*Error](err); isErr == tt.isCtx {
					t.Errorf("error is %T", err)
				}
			})
		})
	}
}

func spentBudget() Budget {
	b := NewMemoryBudget(BudgetOptions{})
	_ = b.Take(context.Background(), PriorityReply) // the probe, which is never answered
	return b
}

func TestClient_answers_that_are_too_long(t *testing.T) {
	rec := record(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"id":"77","title":"`)
		for range maxAnswer / 1000 {
			_, _ = io.WriteString(w, strings.Repeat("x", 1001))
		}
	})
	c := rec.client(t)
	if err := send(t, c, false); ClassOf(err) != Permanent {
		t.Errorf("reading: %v of class %v, want permanent: it will not be shorter", err, ClassOf(err))
	}
	if err := send(t, c, true); ClassOf(err) != Ambiguous {
		t.Errorf("writing: %v of class %v, want ambiguous", err, ClassOf(err))
	}
}

func TestClient_a_transport_that_panics_still_reports(t *testing.T) {
	budget := &watchedBudget{}
	c := newTestClient(t, Options{BaseURL: "https://api.test", Budget: budget, HTTP: httpClient(roundTrip(func(*http.Request) (*http.Response, error) {
		panic("oh")
	}))})
	func() {
		defer func() { _ = recover() }()
		_ = send(t, c, true)
	}()
	if len(budget.reports) != 1 {
		t.Errorf("%d reports, want 1: the call would be counted as in flight for ever", len(budget.reports))
	}
}
