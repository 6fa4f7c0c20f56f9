package simulator

import (
	"context"
	"io"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"switchboard/internal/event"
	"switchboard/internal/webhook"
)

// receiver is the endpoint of an app. answer decides about each request; nil answers 200.
type receiver struct {
	t      *testing.T
	mu     sync.Mutex
	got    []received
	answer func(n int) (status int, after time.Duration)
	most   int // at once
	now    int
}

type received struct {
	at     time.Time
	ev     event.Event
	body   any
	header http.Header
	method string
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return
	}
	r.mu.Lock()
	got := received{at: time.Now(), header: req.Header, method: req.Method}
	if req.Method == http.MethodPost {
		if sign := webhook.Sign(testSecret, body); req.Header.Get("X-Hub-Signature") != sign {
			r.t.Errorf("signature %q, want %q", req.Header.Get("X-Hub-Signature"), sign)
		}
		b := bench{T: r.t}
		got.ev, got.body = b.parse(body)
	}
	r.got = append(r.got, got)
	status, after := http.StatusOK, time.Duration(0)
	if r.answer != nil {
		status, after = r.answer(len(r.got))
	}
	r.now++
	r.most = max(r.most, r.now)
	r.mu.Unlock()
	select {
	case <-time.After(after):
	case <-req.Context().Done():
	}
	r.mu.Lock()
	r.now--
	r.mu.Unlock()
	if status/100 == 3 {
		w.Header().Set("Location", "/elsewhere")
		if req.URL.Path == "/elsewhere" {
			status = http.StatusOK
		}
	}
	w.WriteHeader(status)
}

func (r *receiver) all() []received {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.got)
}

// delivering runs a workspace that delivers to a receiver, inside a bubble.
func delivering(t *testing.T, o Options, answer func(n int) (int, time.Duration), run func(t *testing.T, b *bench, r *receiver)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := &receiver{t: t, answer: answer}
		l := NewPipeListener()
		serve(t, r, l)
		o.WebhookURL, o.HTTP = "http://app.test/webhooks/intercom", l.Client()
		b := newBench(t, o)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- b.Simulator.Run(ctx) }()
		run(t, b, r)
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
		o.HTTP.CloseIdleConnections()
	})
}

func always(status int) func(int) (int, time.Duration) {
	return func(int) (int, time.Duration) { return status, 0 }
}

func (b *bench) wait() {
	b.Helper()
	if err := b.WaitDelivered(b.Context()); err != nil {
		b.Fatal(err)
	}
}

func (b *bench) outcomes() (out []Outcome) {
	for _, d := range b.Deliveries() {
		out = append(out, d.Outcome)
	}
	return out
}

func (b *bench) outcomesAre(want ...Outcome) {
	b.Helper()
	if got := b.outcomes(); !slices.Equal(got, want) {
		b.Errorf("outcomes = %q, want %q", got, want)
	}
}
