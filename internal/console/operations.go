package console

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"
)

// Operation does what an operator asks for, on the state that this service has. request is JSON, and so is
// what the answer becomes. One that takes long tells now and then how far it is. It ends when ctx does: when
// whoever asked has gone away.
type Operation struct {
	Needs Role
	// Personal operations tell what customers wrote or what is known of them: where that is hidden, they
	// are for Operate.
	Personal bool
	Do       func(ctx context.Context, request []byte, progress func(any)) (answer any, err error)
}

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

// noOperation answers for operations that another version has.
func noOperation(w http.ResponseWriter, _ *http.Request) error {
	return answerJSON(w, http.StatusNotFound, problem{"there is no such operation in this version of switchboard"})
}

// operation answers POST /api/v1/NAME.
func (c *Console) operation(o Operation) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		if o.Personal && c.hides(r.Context()) {
			return answerJSON(w, http.StatusForbidden, problem{"this tells what customers wrote, which is hidden from the role view here"})
		}
		return c.operate(w, r, o)
	}
}

// isJSON tells whether a request is said to be JSON. A page of another site can send a form to this machine,
// but not JSON.
func isJSON(r *http.Request) bool {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && kind == "application/json"
}

func (c *Console) operate(w http.ResponseWriter, r *http.Request, o Operation) error {
	if !isJSON(r) {
		return answerJSON(w, http.StatusUnsupportedMediaType, problem{"send JSON, with Content-Type: application/json"})
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
	answer, err := o.Do(r.Context(), request, progress)
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
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, err = w.Write(append(body, '\n'))
	return err
}
