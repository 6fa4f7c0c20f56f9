package chaos_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"time"

	"switchboard/internal/chaos"
)

// link stands between one process and everything else: Intercom, the load balancer and the database.
// Shut, it lets nothing pass and nothing fail, as if the process were stopped. Cut, it ends all at
// once, as if the process were killed: what was not out by then never comes out.
type link struct {
	mu    sync.Mutex
	open  chan struct{} // closed while it is open
	gone  chan struct{} // closed when it is cut
	conns map[net.Conn]bool
}

func newLink() *link {
	l := &link{open: make(chan struct{}), gone: make(chan struct{}), conns: map[net.Conn]bool{}}
	close(l.open)
	return l
}

func (l *link) shut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open = make(chan struct{})
}

func (l *link) reopen() {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-l.open:
	default:
		close(l.open)
	}
}

func (l *link) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-l.gone:
		return
	default:
	}
	close(l.gone)
	for conn := range l.conns {
		_ = conn.Close()
	}
}

func (l *link) dead() bool {
	select {
	case <-l.gone:
		return true
	default:
		return false
	}
}

// stopped tells whether it is shut.
func (l *link) stopped() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-l.open:
		return false
	default:
		return true
	}
}

var errGone = errors.New("this process is gone")

// pass waits while the link is shut.
func (l *link) pass() error {
	l.mu.Lock()
	open := l.open
	l.mu.Unlock()
	select {
	case <-open:
	case <-l.gone:
	}
	if l.dead() {
		return errGone
	}
	return nil
}

func (l *link) add(conn net.Conn) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.dead() {
		_ = conn.Close()
		return errGone
	}
	l.conns[conn] = true
	return nil
}

func (l *link) remove(conn net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.conns, conn)
}

type dialer = func(ctx context.Context, network, addr string) (net.Conn, error)

// dial connects through the link; d, if not nil, troubles the connection.
func (l *link) dial(dial dialer, d *disk) dialer {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		if err := l.pass(); err != nil {
			return nil, err
		}
		if d.refuses() {
			return nil, syscall.ECONNREFUSED
		}
		conn, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		if err := l.add(conn); err != nil {
			return nil, err
		}
		if d != nil {
			return &session{linked: linked{conn, l}, disk: d}, nil
		}
		return &linked{conn, l}, nil
	}
}

func (l *link) listener(inner net.Listener) net.Listener { return linkedListener{inner, l} }

type linkedListener struct {
	net.Listener
	link *link
}

func (l linkedListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	_ = l.link.add(conn) // a connection of one that is gone is closed: reading it says so
	return &linked{conn, l.link}, nil
}

// linked is a connection through a link.
type linked struct {
	net.Conn
	link *link
}

func (c *linked) Read(b []byte) (int, error) {
	if err := c.link.pass(); err != nil {
		return 0, err
	}
	n, err := c.Conn.Read(b)
	if gone := c.link.pass(); gone != nil {
		return 0, gone
	}
	return n, err
}

func (c *linked) Write(b []byte) (int, error) {
	if err := c.link.pass(); err != nil {
		return 0, err
	}
	return c.Conn.Write(b)
}

// session is a connection to PostgreSQL through a link. What holds something up does so where the
// answer is read: when a write takes long, the driver begins to read beside it, and goes on with that
// at the socket, where the clock of the bubble waits for it.
type session struct {
	linked
	disk *disk

	mu   sync.Mutex
	held []byte        // what was written while the link was shut
	slow time.Duration // until the answer is there
	deaf bool          // the answer is lost
}

func (c *session) Write(b []byte) (int, error) {
	if c.link.dead() {
		return 0, errGone
	}
	s, slow := c.disk.strikes(bytes.Contains(bytes.ToUpper(b), []byte("COMMIT\x00")))
	if s == strikeBefore {
		_ = c.Close()
		return 0, syscall.EPIPE
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.slow, c.deaf = max(c.slow, slow), c.deaf || s == strikeAfter
	c.held = append(c.held, c.disk.rewrite(b)...)
	if !c.link.stopped() {
		return len(b), c.send()
	}
	return len(b), nil
}

// send sends what was held back. The caller holds the lock.
func (c *session) send() error {
	held := c.held
	c.held = nil
	if len(held) == 0 {
		return nil
	}
	_, err := c.Conn.Write(held)
	return err
}

func (c *session) Read(b []byte) (int, error) {
	if err := c.link.pass(); err != nil {
		return 0, err
	}
	c.mu.Lock()
	err, slow, deaf := c.send(), c.slow, c.deaf
	c.slow = 0
	c.mu.Unlock()
	if err != nil {
		return 0, err
	}
	time.Sleep(slow)
	n, err := c.linked.Read(b)
	if deaf {
		_ = c.Close()
		return 0, syscall.ECONNRESET
	}
	return n, err
}

func (c *linked) Close() error {
	c.link.remove(c.Conn)
	return c.Conn.Close()
}

// disk is how well one process reaches the database.
type disk struct {
	mu     sync.Mutex
	slow   time.Duration
	away   bool
	broken chaos.Trouble // BreakCommit or BreakSession: once, at the next occasion
	after  bool          // the commit takes place
	// change, if set, changes what is sent: a broken variant of Switchboard.
	change func([]byte) []byte
}

type strike int

const (
	strikeNot    strike = iota
	strikeBefore        // the connection breaks, and nothing has arrived
	strikeAfter         // it breaks, and the server has done it
)

func (d *disk) set(change func(*disk)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change(d)
}

func (d *disk) refuses() bool {
	if d == nil {
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.away
}

// strikes tells what becomes of something that is sent to the database, and how long that takes.
func (d *disk) strikes(commit bool) (s strike, slow time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.away:
		s = strikeBefore
	case d.broken == chaos.BreakSession, d.broken == chaos.BreakCommit && commit:
		d.broken, s = "", strikeBefore
		if d.after {
			s = strikeAfter
		}
	}
	return s, d.slow
}

func (d *disk) rewrite(b []byte) []byte {
	if d.change == nil {
		return b
	}
	return d.change(b)
}

// trap strikes at a step of the next call that people would see.
type trap struct {
	base http.RoundTripper
	link *link
	fall func(chaos.Fault)
	stop func(chaos.Fault)

	mu    sync.Mutex
	armed *chaos.Fault
}

func (t *trap) arm(f *chaos.Fault) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.armed = f
}

func (t *trap) take(req *http.Request) *chaos.Fault {
	if req.Method != http.MethodPost || !strings.HasSuffix(req.URL.Path, "/reply") {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	f := t.armed
	t.armed = nil
	return f
}

// RoundTrip makes the call, and kills the process at the step that was asked for.
func (t *trap) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := t.link.pass(); err != nil {
		return nil, err
	}
	f := t.take(req)
	if f == nil {
		return t.base.RoundTrip(req)
	}
	switch f.Trouble {
	case chaos.PauseBefore:
		t.stop(*f)
		if err := t.link.pass(); err != nil {
			return nil, err
		}
		return t.base.RoundTrip(req)
	case chaos.KillBefore:
		t.fall(*f)
		return nil, errGone
	default:
	}
	resp, err := t.base.RoundTrip(req)
	t.fall(*f)
	if f.Trouble == chaos.KillUnheard && err == nil {
		_ = resp.Body.Close()
		return nil, errGone
	}
	return resp, err // heard, and never recorded
}
