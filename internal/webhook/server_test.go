package webhook

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"switchboard/internal/event"
)

// write sends in the background, as a pipe takes bytes only when they are read.
func write(c net.Conn, text string) { go io.WriteString(c, text) }

func TestI1_NothingIsAnsweredBeforeTheSinkHasCommitted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		committed := make(chan struct{})
		h := newHandler(t, sinkFunc(func(context.Context, event.Event) (bool, error) {
			<-committed
			return true, nil
		}))
		network, _ := listen(t, h)
		body := notification("n1", "conversation.user.created")
		c := network.dial(t)
		write(c, header(body, length(len(body)))+string(body))

		first := make([]byte, 1)
		got := make(chan byte, 1)
		go func() {
			if _, err := io.ReadFull(c, first); err == nil {
				got <- first[0]
			}
		}()
		time.Sleep(3 * time.Second) // of the test's own time
		synctest.Wait()
		select {
		case b := <-got:
			t.Fatalf("the answer began (%q) while the event was not stored", b)
		default:
		}
		close(committed)
		synctest.Wait()
		select {
		case <-got:
		default:
			t.Fatal("the event is stored and there is no answer")
		}
	})
}

func TestI7_RequestsInsideFinishWhileStopping(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &memory{}
		release := make(chan struct{})
		h := newHandler(t, sinkFunc(func(ctx context.Context, ev event.Event) (bool, error) {
			<-release
			return sink.Put(ctx, ev)
		}))
		network, srv := listen(t, h)
		var inside []<-chan reply
		for i := range 3 {
			body := notification(fmt.Sprint("inside", i), "conversation.user.created")
			c := network.dial(t)
			write(c, header(body, length(len(body)))+string(body))
			inside = append(inside, read(c))
		}
		// One is still sending its body when the stop comes.
		body := notification("slow", "conversation.user.created")
		c := network.dial(t)
		write(c, header(body, length(len(body)))+string(body[:10]))
		inside = append(inside, read(c))
		synctest.Wait()

		h.Stop()
		h.Stop() // twice does no harm
		late := notification("late", "conversation.user.created")
		lateConn := network.dial(t)
		write(lateConn, header(late, length(len(late)))+string(late))
		r := <-read(lateConn)
		if r.status != 503 || r.head.Get("Retry-After") == "" || !r.last || !strings.Contains(r.text, "stopping") {
			t.Errorf("a new request is answered %d %v %s (%v)", r.status, r.head, r.text, r.err)
		}

		write(c, string(body[10:]))
		synctest.Wait()
		shut := make(chan error, 1)
		go func() { shut <- srv.Shutdown(t.Context()) }()
		synctest.Wait()
		close(release)
		for i, ch := range inside {
			if r := <-ch; r.status != 200 || r.text != `{"status":"stored"}` {
				t.Errorf("request %d, inside before the stop, is answered %d %s (%v)", i, r.status, r.text, r.err)
			}
		}
		if err := <-shut; err != nil {
			t.Errorf("the server did not end: %v", err)
		}
		if n := len(sink.all()); n != 4 {
			t.Errorf("the sink has %d events, want 4", n)
		}
		if got := counted(h, "other", resultStopping); got != 1 {
			t.Errorf("%g requests counted as refused while stopping, want 1", got)
		}
	})
}

// A sink that hangs, and one that does not even heed its context.
func TestSlowSinkIsAnswered429InTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &memory{}
		release := make(chan struct{})
		told := make(chan string, 1)
		h := newHandler(t, sinkFunc(func(ctx context.Context, ev event.Event) (bool, error) {
			if deadline, ok := ctx.Deadline(); !ok || time.Until(deadline) != DefaultTimeout {
				t.Errorf("the sink is given until %v", deadline)
			}
			<-release
			return sink.Put(ctx, ev)
		}), func(o *Options) { o.OnStored = func(ev event.Event) { told <- ev.ID } })
		network, _ := listen(t, h)
		body := notification("n1", "conversation.user.created")
		c := network.dial(t)
		write(c, header(body, length(len(body)))+string(body))
		r := <-read(c)
		if r.status != 429 || r.after != DefaultTimeout || r.head.Get("Retry-After") == "" {
			t.Errorf("answered %d after %v (%v), want 429 after %v", r.status, r.after, r.err, DefaultTimeout)
		}
		close(release) // the sink comes round after all
		if id := <-told; id != "n1" {
			t.Errorf("told of %q", id)
		}
		if w := serve(h, post(body)); w.Code != 200 || say(t, w) != "duplicate" {
			t.Errorf("the second delivery is answered %d %s", w.Code, w.Body)
		}
	})
}

func TestHangingUpDoesNotUndoAnEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reached, release, left := make(chan struct{}), make(chan struct{}), make(chan error, 1)
		h := newHandler(t, sinkFunc(func(ctx context.Context, _ event.Event) (bool, error) {
			close(reached)
			<-release
			left <- ctx.Err()
			return true, nil
		}))
		network, _ := listen(t, h)
		body := notification("n1", "conversation.user.created")
		c := network.dial(t)
		write(c, header(body, length(len(body)))+string(body))
		<-reached
		c.Close()
		synctest.Wait()
		close(release)
		if err := <-left; err != nil {
			t.Errorf("the sink's context ended with the connection: %v", err)
		}
	})
}

func TestSlowBodiesAreCutOff(t *testing.T) {
	body := notification("n1", "conversation.user.created")
	signed := header(body, length(len(body)))
	for name, send := range map[string]func(net.Conn){
		"no body":           func(c net.Conn) { io.WriteString(c, signed) },
		"half a body":       func(c net.Conn) { io.WriteString(c, signed+string(body[:20])) },
		"a byte per second": func(c net.Conn) { io.WriteString(c, signed); trickle(c, body) },
		"an open chunk":     func(c net.Conn) { io.WriteString(c, header(body, "Transfer-Encoding: chunked")+"fff\r\n{") },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHandler(t, nobody(t))
				network, _ := listen(t, h)
				c := network.dial(t)
				var sender sync.WaitGroup
				sender.Go(func() { send(c) })
				defer sender.Wait()
				r := <-read(c)
				if r.status != 400 || r.after != DefaultTimeout || !strings.Contains(r.text, "did not arrive in time") {
					t.Errorf("answered %d %s after %v (%v), want 400 after %v", r.status, r.text, r.after, r.err, DefaultTimeout)
				}
				if got := counted(h, "other", resultBadRequest); got != 1 {
					t.Errorf("counted %g times, want once", got)
				}
				closed(t, c)
			})
		})
	}
}

// Whoever has no signature may not hold a connection for longer than Intercom may.
func TestUnsignedSlowBodiesAreCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHandler(t, nobody(t))
		network, _ := listen(t, h)
		c := network.dial(t)
		write(c, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\n")
		r := <-read(c)
		if r.status != 401 || r.after > DefaultTimeout {
			t.Errorf("answered %d after %v (%v)", r.status, r.after, r.err)
		}
		closed(t, c)
	})
}

// A deadline for the body must not outlive it.
func TestConnectionLivesOnAfterADelivery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHandler(t, &memory{})
		network, _ := listen(t, h)
		c := network.dial(t)
		for i := range 3 {
			body := notification(fmt.Sprint("n", i), "conversation.user.created")
			write(c, header(body, length(len(body)))+string(body))
			if r := <-read(c); r.status != 200 {
				t.Fatalf("delivery %d on one connection: %d (%v)", i, r.status, r.err)
			}
			time.Sleep(time.Minute)
		}
	})
}

func TestExpectContinue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHandler(t, &memory{})
		network, _ := listen(t, h)
		body := notification("n1", "conversation.user.created")
		c := network.dial(t)
		write(c, header(body, length(len(body)), "Expect: 100-continue"))
		if r := <-read(c); r.status != 100 {
			t.Fatalf("answered %d (%v), want 100", r.status, r.err)
		}
		write(c, string(body))
		if r := <-read(c); r.status != 200 {
			t.Errorf("answered %d %s (%v), want 200", r.status, r.text, r.err)
		}

		// What cannot be accepted anyway is not asked for.
		for want, text := range map[int]string{
			401: "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\nExpect: 100-continue\r\n\r\n",
			413: header(nil, length(DefaultMaxBody+1), "Expect: 100-continue"),
		} {
			c := network.dial(t)
			write(c, text)
			if r := <-read(c); r.status != want || r.after != 0 {
				t.Errorf("answered %d after %v (%v), want %d at once", r.status, r.after, r.err, want)
			}
		}
	})
}

func TestLyingLengthsAndChunks(t *testing.T) {
	body := notification("n1", "conversation.user.created")
	chunked := header(body, "Transfer-Encoding: chunked")
	for name, tt := range map[string]struct {
		send   string
		status int
		stored int
	}{
		"as it should be":      {header(body, length(len(body))) + string(body), 200, 1},
		"in chunks":            {fmt.Sprintf("%s%x\r\n%s\r\n%x\r\n%s\r\n0\r\n\r\n", chunked, 10, body[:10], len(body)-10, body[10:]), 200, 1},
		"less than it says":    {header(body, length(len(body)+1)) + string(body), 400, 0},
		"more than it says":    {header(body, length(len(body)-1)) + string(body), 401, 0},
		"none where it is due": {header(body) + string(body), 401, 0},
		"chunks without end":   {fmt.Sprintf("%s%x\r\n%s\r\n", chunked, len(body), body), 400, 0},
		"broken chunks":        {chunked + "zz\r\n" + string(body), 400, 0},
		"endless chunks":       {chunked + strings.Repeat("10000\r\n"+strings.Repeat("x", 0x10000)+"\r\n", 17), 413, 0},
		"far too long":         {header(body, length(1<<40)) + "{", 413, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // the server keeps some connections open for half a second
			sink := &memory{}
			srv := httptest.NewServer(newHandler(t, sink))
			defer srv.Close()
			c, err := net.Dial("tcp", srv.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			go func() {
				io.WriteString(c, tt.send)
				c.(*net.TCPConn).CloseWrite()
			}()
			if r := <-read(c); r.status != tt.status {
				t.Errorf("answered %d %s (%v), want %d", r.status, r.text, r.err, tt.status)
			}
			if n := len(sink.all()); n != tt.stored {
				t.Errorf("the sink has %d events, want %d", n, tt.stored)
			}
		})
	}
}

// Deliveries in parallel, each three times, with two secrets and forgeries in between.
func TestConcurrentDeliveries(t *testing.T) {
	const senders, events = 8, 25
	sink := &memory{}
	var mu sync.Mutex
	told := map[string]int{}
	h := newHandler(t, sink, func(o *Options) {
		o.Secrets = []string{oldSecret, secret}
		o.OnStored = func(ev event.Event) { mu.Lock(); told[ev.ID]++; mu.Unlock() }
	})
	srv := httptest.NewServer(h)
	defer srv.Close()
	var wg sync.WaitGroup
	for sender := range senders {
		wg.Go(func() {
			for i := range 3 * events {
				body := notification(fmt.Sprintf("s%d-%d", sender/2, i%events), "conversation.user.created")
				for s, want := range map[string]int{secret: 200, oldSecret: 200, "guess": 401} {
					r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, srv.URL, strings.NewReader(string(body)))
					if err != nil {
						t.Error(err)
						return
					}
					r.Header.Set(SignatureHeader, Sign(s, body))
					resp, err := srv.Client().Do(r)
					if err != nil {
						t.Error(err)
						return
					}
					resp.Body.Close()
					if resp.StatusCode != want {
						t.Errorf("answered %d, want %d", resp.StatusCode, want)
					}
				}
			}
		})
	}
	wg.Wait()
	if n, want := len(sink.all()), senders/2*events; n != want || len(told) != want {
		t.Errorf("the sink has %d events and OnStored was told of %d, want %d", n, len(told), want)
	}
	for _, ev := range sink.all() {
		if told[ev.ID] != 1 {
			t.Errorf("OnStored was told %d times of %s", told[ev.ID], ev.ID)
		}
		if want := string(notification(ev.ID, ev.Topic)); string(ev.Payload) != want {
			t.Errorf("the payload of %s is another's: %s", ev.ID, ev.Payload)
		}
	}
}

func trickle(c net.Conn, body []byte) {
	for _, b := range body {
		if _, err := c.Write([]byte{b}); err != nil {
			return
		}
		time.Sleep(time.Second)
	}
}

// closed fails the test unless the other side hangs up.
func closed(t *testing.T, c net.Conn) {
	t.Helper()
	start := time.Now()
	if _, err := io.Copy(io.Discard, c); err != nil && !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("the connection ended with %v", err)
	}
	if d := time.Since(start); d > time.Second {
		t.Errorf("the connection was kept for %v", d)
	}
}
