package recovery

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// BackfillBody is the body of a request to recover missed events.
type BackfillBody struct {
	Since  time.Time `json:"since"`
	DryRun bool      `json:"dry_run,omitempty"`
	// MaxAge is a duration such as "2h"; empty is what is usual.
	MaxAge string `json:"max_age,omitempty"`
}

// Line is one line of the answer, which is JSON line by line: some with the progress, and at the end
// one with the report or the error.
type Line struct {
	Progress *Report `json:"progress,omitempty"`
	Report   *Report `json:"report,omitempty"`
	Error    string  `json:"error,omitempty"`
}

// mostRequest is how many bytes a request may have.
const mostRequest = 64 << 10

// Handler answers requests to recover missed events (BackfillBody), as the search goes on. The search
// ends with the request, or with stop.
func (r *Recovery) Handler(stop context.Context) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		q, err := readRequest(http.MaxBytesReader(w, req.Body, mostRequest))
		if err != nil {
			reply{w}.refuse(err)
			return
		}
		ctx, cancel := context.WithCancel(req.Context())
		defer cancel()
		defer context.AfterFunc(stop, cancel)()
		// It may take longer than the server allows for others.
		_ = http.NewResponseController(w).SetWriteDeadline(time.Time{})
		_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
		out := stream{w: w}
		report, err := r.Backfill(ctx, q, func(p Report) { out.line(Line{Progress: &p}) })
		switch {
		case errors.Is(err, ErrRefused):
			reply{w}.refuse(err)
		case err != nil && stop.Err() != nil:
			out.line(Line{Report: &report, Error: "the service stops; ask again when it runs"})
		case err != nil:
			r.log.WarnContext(req.Context(), "backfill failed", "err", err)
			out.line(Line{Report: &report, Error: err.Error()})
		default:
			out.line(Line{Report: &report})
		}
	})
}

func readRequest(body interface{ Read([]byte) (int, error) }) (Request, error) {
	var b BackfillBody
	d := json.NewDecoder(body)
	d.DisallowUnknownFields()
	if err := d.Decode(&b); err != nil {
		return Request{}, fmt.Errorf(`%w: the body must be JSON such as {"since": "2026-03-02T13:00:00Z", "dry_run": true, "max_age": "2h"}: %w`, ErrRefused, err)
	}
	q := Request{Since: b.Since, DryRun: b.DryRun}
	if b.MaxAge != "" {
		var err error
		if q.MaxAge, err = time.ParseDuration(b.MaxAge); err != nil || q.MaxAge <= 0 {
			return q, fmt.Errorf("%w: max_age must be a duration such as 2h", ErrRefused)
		}
	}
	return q, nil
}

// stream writes lines as they come.
type stream struct{ w http.ResponseWriter }

func (s stream) line(l Line) {
	s.w.Header().Set("Content-Type", "application/x-ndjson")
	_ = json.NewEncoder(s.w).Encode(l)
	_ = http.NewResponseController(s.w).Flush()
}

// reply is an answer that comes before there is anything to stream.
type reply struct{ w http.ResponseWriter }

func (a reply) refuse(err error) {
	a.w.Header().Set("Content-Type", "application/json")
	a.w.WriteHeader(http.StatusBadRequest)
	_ = json.NewEncoder(a.w).Encode(Line{Error: err.Error()})
}
