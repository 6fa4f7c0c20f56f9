package simulator

import (
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"
)

// answer is what a call gets back, with the fault that spoils it.
type answer struct {
	status    int
	value     any    // shown as JSON, unless there is a page
	page      string // HTML, as proxies send it
	requestID string
	limited   bool // with rate-limit headers
	limit     int
	remaining int
	resetAt   time.Time
	skew      time.Duration // of the clock that it tells of
	latency   time.Duration
	fault     Fault
}

const apiVersion = "2.14"

// nothing is an answer without a body, and accepted one that says that the rest comes later.
type (
	nothing  struct{}
	accepted struct{}
)

// send writes the answer, or does to the connection what the fault wants.
func (a *answer) send(w http.ResponseWriter, r *http.Request, closed <-chan struct{}) {
	a.wait(r, closed)
	switch a.fault.Kind {
	case ResetBefore, ResetAfter:
		cut(w, true)
	case HangBefore, HangAfter:
		cut(w, false)
	case Truncated:
		body := a.header(w)
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		w.WriteHeader(a.status)
		w.Write(body[:len(body)/2])           //nolint:errcheck // the client may be gone
		http.NewResponseController(w).Flush() //nolint:errcheck // the same
		cut(w, false)
	case BadJSON:
		a.write(w, func(body []byte) []byte { return body[:len(body)*2/3] })
	case EmptyBody:
		a.write(w, func([]byte) []byte { return nil })
	default:
		a.write(w, func(body []byte) []byte { return body })
	}
}

func (a *answer) write(w http.ResponseWriter, spoil func([]byte) []byte) {
	body := spoil(a.header(w))
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(a.status)
	w.Write(body) //nolint:errcheck // the client may be gone
}

// header sets the headers and returns the whole body.
func (a *answer) header(w http.ResponseWriter) []byte {
	h := w.Header()
	h.Set("Date", time.Now().Add(a.skew).UTC().Format(http.TimeFormat))
	h.Set("X-Request-Id", a.requestID)
	h.Set("Intercom-Version", apiVersion)
	if a.limited {
		h.Set("X-RateLimit-Limit", strconv.Itoa(a.limit))
		h.Set("X-RateLimit-Remaining", strconv.Itoa(a.remaining))
		h.Set("X-RateLimit-Reset", strconv.FormatInt(a.resetAt.Add(a.skew).Unix(), 10))
	}
	if a.page != "" {
		h.Set("Content-Type", "text/html")
		return []byte(a.page)
	}
	switch a.value.(type) {
	case nothing, accepted:
		return nil
	}
	h.Set("Content-Type", "application/json; charset=utf-8")
	return marshal(a.value)
}

// wait is the time that the answer takes. A hang ends when the client goes away; a slow
// answer does too, there is nobody left to read it.
func (a *answer) wait(r *http.Request, closed <-chan struct{}) {
	d := a.latency + a.fault.bound()
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.Context().Done():
	case <-closed:
	}
}

// cut ends the connection without another byte: with a reset, or as if the other side had
// just gone. Over HTTP/2, and where the connection cannot be taken over, the request is
// aborted instead, which resets its stream.
func cut(w http.ResponseWriter, reset bool) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if secure, ok := conn.(interface{ NetConn() net.Conn }); ok {
		conn = secure.NetConn()
	}
	switch c := conn.(type) {
	case *net.TCPConn:
		if reset {
			c.SetLinger(0) //nolint:errcheck // then it is closed without a reset
		}
	case resetter:
		if reset {
			c.Reset()
		}
	}
	conn.Close() //nolint:errcheck // it is being broken on purpose
}

// resetter is a connection without a socket that can still be reset.
type resetter interface{ Reset() }

func proxyPage(status int) string {
	return fmt.Sprintf("<html>\n<head><title>%[1]d %[2]s</title></head>\n<body><center><h1>%[1]d %[2]s</h1></center></body>\n</html>\n",
		status, http.StatusText(status))
}
