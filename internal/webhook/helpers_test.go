package webhook

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"switchboard/internal/event"
)

const (
	secret    = "5e1f-client-secret-of-the-app"
	oldSecret = "9c0d-client-secret-before-that"
	// words stand for what customers write: they may turn up nowhere but in the payload.
	words = "private words of a customer"
)

// notification is a body as Intercom sends it.
func notification(id, topic string) []byte {
	return fmt.Appendf(nil, `{"type":"notification_event","id":%q,"topic":%q,"app_id":"ws1demo0","created_at":1767950400,`+
		`"data":{"item":{"type":"conversation","id":"123","source":{"body":%q}}}}`, id, topic, words)
}

// post is a signed request for a handler that is called directly.
func post(body []byte) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/webhooks/intercom", bytes.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set(SignatureHeader, Sign(secret, body))
	return r
}

func serve(h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func newHandler(t testing.TB, sink Sink, change ...func(*Options)) *Handler {
	t.Helper()
	o := Options{Secrets: []string{secret}, Sink: sink}
	for _, c := range change {
		c(&o)
	}
	h, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// sinkFunc is a sink that does one thing.
type sinkFunc func(ctx context.Context, ev event.Event) (bool, error)

func (f sinkFunc) Put(ctx context.Context, ev event.Event) (bool, error) { return f(ctx, ev) }

// memory is a sink as the real one behaves: it knows what it has.
type memory struct {
	mu     sync.Mutex
	events []event.Event
	known  map[string]bool
}

func (m *memory) Put(_ context.Context, ev event.Event) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	key := ev.Workspace + " " + ev.ID
	if m.known[key] {
		return false, nil
	}
	if m.known == nil {
		m.known = map[string]bool{}
	}
	m.known[key] = true
	m.events = append(m.events, ev)
	return true, nil
}

func (m *memory) all() []event.Event {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]event.Event(nil), m.events...)
}

func nobody(t *testing.T) Sink {
	return sinkFunc(func(_ context.Context, ev event.Event) (bool, error) {
		t.Errorf("the sink was given an event that nobody should have: %s", ev.Topic)
		return true, nil
	})
}

// capture keeps log records as text.
type capture struct {
	mu    sync.Mutex
	lines []string
}

func (c *capture) Enabled(context.Context, slog.Level) bool { return true }
func (c *capture) WithAttrs([]slog.Attr) slog.Handler       { return c }
func (c *capture) WithGroup(string) slog.Handler            { return c }

func (c *capture) Handle(_ context.Context, r slog.Record) error {
	line := r.Level.String() + " " + r.Message
	r.Attrs(func(a slog.Attr) bool {
		line += fmt.Sprintf(" %s=%v", a.Key, a.Value)
		return true
	})
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lines = append(c.lines, line)
	return nil
}

func (c *capture) all() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string(nil), c.lines...)
}

// above are the lines from this level on.
func (c *capture) above(level slog.Level) (lines []string) {
	for _, line := range c.all() {
		var l slog.Level
		name, _, _ := strings.Cut(line, " ")
		if l.UnmarshalText([]byte(name)) == nil && l >= level {
			lines = append(lines, line)
		}
	}
	return lines
}

// pipes is a network inside the test's bubble of time: a listener whose connections are pipes.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { p.once.Do(func() { close(p.done) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "pipe"} }

func (p *pipes) dial(t *testing.T) net.Conn {
	client, server := net.Pipe()
	p.conns <- server
	t.Cleanup(func() { client.Close() })
	return client
}

// listen serves h on pipes until the test ends.
func listen(t *testing.T, h http.Handler) (*pipes, *http.Server) {
	p := &pipes{conns: make(chan net.Conn), done: make(chan struct{})}
	srv := &http.Server{Handler: h, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)}
	go srv.Serve(p)
	t.Cleanup(func() { srv.Close() })
	return p, srv
}

// header is the start of a request, up to the body.
func header(body []byte, lines ...string) string {
	return "POST /webhooks/intercom HTTP/1.1\r\nHost: switchboard.example\r\n" +
		SignatureHeader + ": " + Sign(secret, body) + "\r\n" + strings.Join(lines, "\r\n") + "\r\n\r\n"
}

func length(n int) string { return fmt.Sprintf("Content-Length: %d", n) }

// reply is an answer that came over a connection, and when.
type reply struct {
	status int
	text   string
	head   http.Header
	last   bool // the server will close the connection
	after  time.Duration
	err    error
}

// read waits for the next answer in the background: the channel has it when it is there.
func read(c net.Conn) <-chan reply {
	start, ch := time.Now(), make(chan reply, 1)
	go func() {
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			ch <- reply{err: err}
			return
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		ch <- reply{resp.StatusCode, string(text), resp.Header, resp.Close, time.Since(start), err}
	}()
	return ch
}

// say is the text of an answer: its status or its error.
func say(t *testing.T, w *httptest.ResponseRecorder) string {
	t.Helper()
	var text struct{ Status, Error string }
	if err := json.Unmarshal(w.Body.Bytes(), &text); err != nil {
		t.Fatalf("the answer is not JSON: %q", w.Body)
	}
	if (text.Status == "") == (text.Error == "") {
		t.Fatalf("the answer has to have either a status or an error: %q", w.Body)
	}
	if ct := w.Header().Get("Content-Type"); ct != "application/json" {
		t.Errorf("Content-Type of the answer is %q", ct)
	}
	return text.Status + text.Error
}
