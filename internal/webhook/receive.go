package webhook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"runtime/debug"
	"time"

	"switchboard/internal/event"
)

// ServeHTTP answers one request. HEAD is what Intercom sends when somebody enters the URL in
// its Developer Hub: it carries no signature and only wants a 200, which it gets while
// stopping, too.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodHead {
		w.WriteHeader(http.StatusOK)
		return
	}
	d := delivery{Handler: h, w: w, r: r, start: time.Now()}
	d.deadline = d.start.Add(h.timeout)
	// Also for what the server reads on after an early answer. Writers that know no deadlines
	// (tests have them) leave it to the client.
	_ = http.NewResponseController(w).SetReadDeadline(d.deadline)
	a := d.answer()
	a.write(w)
	h.metrics.count(d.ev.Topic, a.result)
	if d.verified {
		h.metrics.acknowledged(time.Since(d.start))
	}
}

// delivery is one request on its way through the states of the package comment.
type delivery struct {
	*Handler
	w        http.ResponseWriter
	r        *http.Request
	start    time.Time
	deadline time.Time
	verified bool
	ev       event.Event // empty until the notification has been read
}

func (d *delivery) answer() answer {
	switch {
	case d.r.Method != http.MethodPost:
		return answerMethod
	case d.stopping.Load():
		return answerStopping
	}
	body, a := d.authentic()
	if !d.verified {
		return a
	}
	ev, err := event.Parse(body, d.now().Round(0).UTC()) // only the time of day: it will be stored
	if err != nil {
		d.notes.trouble(slog.LevelWarn, resultBadRequest, "signed webhook is not a notification", slog.Any("err", err))
		if d.r.Header.Get("Content-Encoding") != "" {
			return answerEncoded
		}
		return failure(resultBadRequest, http.StatusBadRequest, err.Error())
	}
	d.ev = ev
	if !d.servesItsWorkspace(body) {
		d.notes.trouble(slog.LevelWarn, resultBadSignature, "webhook of a workspace that is not served, or signed with another's secret",
			slog.String("workspace", ev.Workspace))
		return answerOtherWorkspace
	}
	if ev.Topic == event.TopicPing {
		// A ping tells of nothing that happened, and rules are not run on it. Most have no id, so
		// stored ones would only be noise among the events.
		d.notes.routine(d.r.Context(), "ping", ev.ID, ev.Topic, ev.Subject)
		return answerPing
	}
	return d.keep()
}

// authentic returns the body once it is known to be signed. Nothing looks into it before: the
// code that reads JSON runs on Intercom's bytes only.
func (d *delivery) authentic() ([]byte, answer) {
	sig, ok := readSignature(d.r.Header)
	if !ok {
		d.notes.trouble(slog.LevelWarn, resultBadSignature, "webhook without a usable signature")
		return nil, answerNoSignature
	}
	if d.r.ContentLength > d.maxBody {
		return nil, d.refuseLarge()
	}
	buf := d.buffer()
	defer d.release(buf)
	if _, err := buf.ReadFrom(http.MaxBytesReader(d.w, d.r.Body, d.maxBody)); err != nil {
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			return nil, d.refuseLarge()
		}
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return nil, answerSlowBody
		}
		return nil, answerBrokenBody
	}
	if !d.verifier.verify(sig, buf.Bytes()) {
		d.notes.trouble(slog.LevelWarn, resultBadSignature,
			"webhook with a wrong signature: is INTERCOM_CLIENT_SECRET the client secret of the app?")
		return nil, answerWrongSignature
	}
	d.verified = true
	// The event keeps its payload, perhaps for longer than this request lives, so it gets a
	// copy of its own. Unsigned bodies cost no memory of their own.
	return bytes.Clone(buf.Bytes()), answer{}
}

// servesItsWorkspace tells whether the notification may be what it says. Whoever has the secret of one
// workspace must not speak for another.
func (d *delivery) servesItsWorkspace(body []byte) bool {
	if len(d.workspaces) == 0 {
		return true
	}
	sig, ok := readSignature(d.r.Header)
	v, known := d.workspaces[d.ev.Workspace]
	return ok && known && v.verify(sig, body)
}

func (d *delivery) refuseLarge() answer {
	d.notes.trouble(slog.LevelWarn, resultTooLarge, "webhook body is too large", slog.Int64("limit", d.maxBody))
	return d.tooLarge
}

// keep hands the event to the sink and answers when the sink has.
func (d *delivery) keep() answer {
	stored, err := d.put(d.ev)
	switch {
	case err != nil:
		d.notes.trouble(slog.LevelError, resultBusy, "event was not stored, Intercom has to send it again",
			slog.String("notification", d.ev.ID), slog.String("topic", d.ev.Topic), slog.String("subject", d.ev.Subject), slog.Any("err", err))
		return answerBusy
	case !stored:
		d.notes.routine(d.r.Context(), "event was stored before", d.ev.ID, d.ev.Topic, d.ev.Subject)
		return answerDuplicate
	}
	d.notes.routine(d.r.Context(), "event stored", d.ev.ID, d.ev.Topic, d.ev.Subject)
	return answerStored
}

var (
	errTooSlow  = errors.New("the sink did not answer in time; it may have stored the event nevertheless")
	errNoResult = errors.New("the sink gave no result")
)

// put calls the sink, for no longer than until the deadline even if the sink does not heed it.
// A client that hangs up does not end it: its event may as well be kept, and the second
// delivery is then a duplicate.
func (d *delivery) put(ev event.Event) (stored bool, err error) {
	ctx, cancel := context.WithDeadline(context.WithoutCancel(d.r.Context()), d.deadline)
	defer cancel()
	done := make(chan kept, 1)
	go d.call(ctx, ev, done)
	select {
	case k := <-done:
		return k.stored, k.err
	case <-ctx.Done():
		return false, errTooSlow
	}
}

// kept is the sink's answer.
type kept struct {
	stored bool
	err    error
}

func (h *Handler) call(ctx context.Context, ev event.Event, done chan<- kept) {
	k := kept{err: errNoResult}
	defer func() {
		if v := recover(); v != nil {
			if k.err == nil {
				h.notes.afterStored(ev.ID, panicError("OnStored", v)) // the event is safe all the same
			} else {
				k.err = panicError("the sink", v)
			}
		}
		done <- k
	}()
	k.stored, k.err = h.sink.Put(ctx, ev)
	if k.stored && k.err == nil {
		h.onStored(ev)
	}
}

func panicError(where string, v any) error {
	return fmt.Errorf("%s panicked: %v\n%s", where, v, debug.Stack())
}

// keepBuffer is the largest buffer that is worth keeping for the next request.
const keepBuffer = 64 << 10

func (h *Handler) buffer() *bytes.Buffer {
	if buf, ok := h.buffers.Get().(*bytes.Buffer); ok {
		return buf
	}
	return bytes.NewBuffer(make([]byte, 0, 8<<10))
}

func (h *Handler) release(buf *bytes.Buffer) {
	if buf.Cap() <= keepBuffer {
		buf.Reset()
		h.buffers.Put(buf)
	}
}
