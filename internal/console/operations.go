package console

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"
)

// Operation does what an operator asks for on the command line, on the state that this service has.
// request is JSON, and so is what the answer becomes.
type Operation func(ctx context.Context, request []byte) (answer any, err error)

// LongOperation is an operation that may take long, and tells now and then how far it is. It ends when ctx
// does: when whoever asked has gone away.
type LongOperation func(ctx context.Context, request []byte, progress func(any)) (answer any, err error)

// refusal is an error with words for whoever asked: what they asked for cannot be done.
type refusal interface {
	error
	Refusal() string
}

// unavailability is an error with words for whoever asked: it cannot be done now.
type unavailability interface {
	error
	Unavailability() string
}

// mostRequest is how many bytes a request for an operation may have.
const mostRequest = 1 << 20

// operate routes POST /api/v1/NAME to the operation of that name.
func (c *Console) operate(w http.ResponseWriter, r *http.Request) error {
	name := chi.URLParam(r, "operation")
	do, ok := c.o.Long[name]
	if short := c.o.Operations[name]; short != nil {
		do, ok = func(ctx context.Context, request []byte, _ func(any)) (any, error) { return short(ctx, request) }, true
	}
	if !ok {
		return answerJSON(w, http.StatusNotFound, problem{"there is no such operation in this version of switchboard"})
	}
	// A page of another site can send a form to this machine, but not JSON.
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return answerJSON(w, http.StatusUnsupportedMediaType, problem{"send JSON, with Content-Type: application/json"})
	}
	if c.o.Token == "" && !local(r.Host) {
		return answerJSON(w, http.StatusForbidden, problem{"without an admin token operations are for this machine: use the address 127.0.0.1, or set SWITCHBOARD_ADMIN_TOKEN"})
	}
	request, err := io.ReadAll(http.MaxBytesReader(w, r.Body, mostRequest))
	if err != nil {
		return answerJSON(w, http.StatusBadRequest, problem{"the request cannot be read: " + err.Error()})
	}
	// Operations on a large database take longer than a page may. Whoever asked can hang up.
	if err := http.NewResponseController(w).SetWriteDeadline(time.Time{}); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	told := lines{w: w}
	progress := func(any) {}
	if strings.Contains(r.Header.Get("Accept"), linesType) {
		progress = func(p any) { told.write(line{Progress: p}) }
	}
	answer, err := do(r.Context(), request, progress)
	if told.began {
		return c.finish(r, &told, answer, err)
	}
	if status, words := wordsOf(err); words != "" {
		return answerJSON(w, status, problem{words})
	}
	if err != nil {
		return err
	}
	return answerJSON(w, http.StatusOK, answer)
}

// problem is the answer when an operation was not done.
type problem struct {
	Error string `json:"error"`
}

// wordsOf are the words that an error has for whoever asked; none if it is nobody's business.
func wordsOf(err error) (status int, words string) {
	if refused, ok := errors.AsType[refusal](err); ok {
		return http.StatusUnprocessableEntity, refused.Refusal()
	}
	if unable, ok := errors.AsType[unavailability](err); ok {
		return http.StatusServiceUnavailable, unable.Unavailability()
	}
	return http.StatusInternalServerError, ""
}

// linesType is the type of an answer that is JSON line by line.
const linesType = "application/x-ndjson"

// patience is how long a line may take to whoever reads the progress.
const patience = 30 * time.Second

// line is one line of an answer that tells of the progress: some with that, and at the end one with the
// answer or with what went wrong. Status is what it would have been without the lines.
type line struct {
	Progress any    `json:"progress,omitempty"`
	Answer   any    `json:"answer,omitempty"`
	Error    string `json:"error,omitempty"`
	Status   int    `json:"status,omitempty"`
}

// lines writes lines as they come. When nobody reads them, the server ends the context of the request.
type lines struct {
	w     http.ResponseWriter
	began bool
}

func (l *lines) write(one line) {
	if !l.began {
		l.began = true
		l.w.Header().Set("Content-Type", linesType)
		l.w.Header().Set("Cache-Control", "no-store")
	}
	to := http.NewResponseController(l.w)
	_ = to.SetWriteDeadline(time.Now().Add(patience)) // where that is not possible, the connection's end tells
	_ = json.NewEncoder(l.w).Encode(one)
	_ = to.Flush()
}

// finish writes the last line.
func (c *Console) finish(r *http.Request, l *lines, answer any, err error) error {
	if err == nil {
		l.write(line{Answer: answer, Status: http.StatusOK})
		return nil
	}
	status, words := wordsOf(err)
	if words == "" {
		if !errors.Is(err, context.Canceled) {
			c.o.Logger.ErrorContext(r.Context(), "console request failed", "path", r.URL.Path, "err", err)
		}
		words = "internal error"
	}
	l.write(line{Error: words, Status: status})
	return nil
}

func answerJSON(w http.ResponseWriter, status int, answer any) error {
	body, err := json.Marshal(answer)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, err = w.Write(append(body, '\n'))
	return err
}

// local tells whether a request was addressed to this machine itself. A name that an attacker has
// resolve to it is not: a browser would take their page for ours.
func local(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}
