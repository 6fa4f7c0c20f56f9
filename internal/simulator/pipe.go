package simulator

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
)

// PipeListener is a network inside the process: a listener for an http.Server, and the
// connections to it. There are no sockets, ports or system calls, so a whole client and
// server run inside a testing/synctest bubble (make the listener inside it).
type PipeListener struct {
	incoming chan net.Conn
	closed   chan struct{}
	closing  sync.Once
}

var _ net.Listener = (*PipeListener)(nil)

// NewPipeListener makes a listener that waits for DialContext.
func NewPipeListener() *PipeListener {
	return &PipeListener{incoming: make(chan net.Conn), closed: make(chan struct{})}
}

// Accept returns the server's end of the next connection.
func (l *PipeListener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.incoming:
		return conn, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Close ends Accept and refuses further connections; those that exist stay.
func (l *PipeListener) Close() error {
	l.closing.Do(func() { close(l.closed) })
	return nil
}

// Addr is the listener's address, "pipe".
func (l *PipeListener) Addr() net.Addr { return pipeAddr{} }

// DialContext connects to the listener, whatever the address; it fits http.Transport. A
// closed listener refuses, as a port does that nobody listens on.
func (l *PipeListener) DialContext(ctx context.Context, network, _ string) (net.Conn, error) {
	client, server := newPipe()
	select {
	case <-l.closed: // a closed listener never takes one more, even if Accept still waits
		return nil, refused(network)
	default:
	}
	select {
	case l.incoming <- server:
		return client, nil
	case <-l.closed:
		return nil, refused(network)
	case <-ctx.Done():
		return nil, &net.OpError{Op: "dial", Net: network, Addr: pipeAddr{}, Err: ctx.Err()}
	}
}

func refused(network string) error {
	return &net.OpError{
		Op: "dial", Net: network, Addr: pipeAddr{},
		Err: os.NewSyscallError("connect", syscall.ECONNREFUSED),
	}
}

// Client is an HTTP client whose every request goes to the listener, whatever its host. Each
// call returns a new one with connections of its own.
func (l *PipeListener) Client() *http.Client {
	return &http.Client{Transport: &http.Transport{DialContext: l.DialContext, MaxIdleConnsPerHost: 64}}
}

type pipeAddr struct{}

func (pipeAddr) Network() string { return "pipe" }
func (pipeAddr) String() string  { return "pipe" }

// pipeConn is one end of a net.Pipe that can be reset, as a TCP connection can: the other
// end then reads and writes ECONNRESET instead of an end of file.
type pipeConn struct {
	net.Conn
	broken *atomic.Bool // shared by both ends
}

var _ resetter = (*pipeConn)(nil)

func newPipe() (client, server net.Conn) {
	a, b := net.Pipe()
	broken := new(atomic.Bool)
	return &pipeConn{Conn: a, broken: broken}, &pipeConn{Conn: b, broken: broken}
}

// Reset closes the connection so that the other end knows it was not in order.
func (c *pipeConn) Reset() {
	c.broken.Store(true)
	c.Close() //nolint:errcheck // a pipe always closes
}

func (c *pipeConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	return n, c.seen("read", err)
}

func (c *pipeConn) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	return n, c.seen("write", err)
}

func (c *pipeConn) seen(op string, err error) error {
	over := errors.Is(err, io.EOF) || errors.Is(err, io.ErrClosedPipe)
	if !over || !c.broken.Load() {
		return err
	}
	return &net.OpError{Op: op, Net: "pipe", Addr: pipeAddr{}, Err: os.NewSyscallError(op, syscall.ECONNRESET)}
}
