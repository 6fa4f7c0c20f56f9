package console

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"
)

// Operation does what an operator asks for on the command line, on the state that this service has.
// request is JSON, and so is what the answer becomes.
type Operation func(ctx context.Context, request []byte) (answer any, err error)

// refusal is an error with words for whoever asked: what they asked for cannot be done.
type refusal interface {
	error
	Refusal() string
}

// mostRequest is how many bytes a request for an operation may have.
const mostRequest = 1 << 20

// operate routes POST /api/v1/NAME to the operation of that name.
func (c *Console) operate(w http.ResponseWriter, r *http.Request) error {
	do, ok := c.o.Operations[chi.URLParam(r, "operation")]
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
	answer, err := do(r.Context(), request)
	if refused, ok := errors.AsType[refusal](err); ok {
		return answerJSON(w, http.StatusUnprocessableEntity, problem{refused.Refusal()})
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
