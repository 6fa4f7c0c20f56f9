package chaos_test

import (
	"bytes"
	"io"
	"net/http"
	"time"

	"switchboard/internal/simulator"
)

// blind makes a second call of one whose answer was lost (against I4).
type blind struct{ http.RoundTripper }

func (b blind) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := b.RoundTripper.RoundTrip(req)
	if err == nil || req.GetBody == nil || req.Context().Err() != nil {
		return resp, err
	}
	again := req.Clone(req.Context())
	if again.Body, err = req.GetBody(); err != nil {
		return nil, err
	}
	return b.RoundTripper.RoundTrip(again)
}

// early answers notifications with 200 and hands them on later, if the process is still there
// (against I1).
func (w *world) early(to *simulator.PipeListener, l *link) *simulator.PipeListener {
	client := to.Client()
	front := simulator.NewPipeListener()
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		w.tasks.Go(func() {
			time.Sleep(3 * time.Second)
			req, err := http.NewRequest(http.MethodPost, "http://switchboard"+r.URL.Path, bytes.NewReader(body)) //nolint:noctx // it outlives the other
			if err != nil || l.dead() {
				return
			}
			req.Header = r.Header
			if resp, err := client.Do(req); err == nil {
				_ = resp.Body.Close()
			}
			client.CloseIdleConnections()
		})
	})}
	go func() { _ = server.Serve(l.listener(front)) }()
	go func() {
		<-l.gone
		_ = server.Close()
	}()
	return front
}
