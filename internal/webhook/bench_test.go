package webhook

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"switchboard/internal/event"
)

// writer is an http.ResponseWriter that costs nothing, with the deadlines that a server's has.
type writer struct {
	head   http.Header
	status int
}

func (w *writer) Header() http.Header             { return w.head }
func (w *writer) Write(b []byte) (int, error)     { return len(b), nil }
func (w *writer) WriteHeader(status int)          { w.status = status }
func (w *writer) SetReadDeadline(time.Time) error { return nil }

// body is a bytes.Reader that is read again and again.
type body struct{ bytes.Reader }

func (*body) Close() error { return nil }

// BenchmarkHandler receives a notification of 3.6 KB. The sink does nothing, so what is
// measured is what intake adds to storing.
func BenchmarkHandler(b *testing.B) {
	text, err := os.ReadFile("../event/testdata/conversation_user_replied.json")
	if err != nil {
		b.Fatal(err)
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, text); err != nil {
		b.Fatal(err)
	}
	payload := compact.Bytes()
	nothing := sinkFunc(func(context.Context, event.Event) (bool, error) { return true, nil })
	run := func(name string, secrets []string, signature string, status int) {
		b.Run(name, func(b *testing.B) {
			h := newHandler(b, nothing, func(o *Options) { o.Secrets = secrets })
			r := httptest.NewRequest(http.MethodPost, "/", nil)
			r.Header.Set(SignatureHeader, signature)
			r.ContentLength = int64(len(payload))
			var again body
			w := &writer{head: http.Header{}}
			b.SetBytes(int64(len(payload)))
			b.ReportAllocs()
			for b.Loop() {
				again.Reset(payload)
				r.Body = &again
				clear(w.head)
				h.ServeHTTP(w, r)
				if w.status != status {
					b.Fatal(w.status)
				}
			}
		})
	}
	run("stored", []string{secret}, Sign(secret, payload), http.StatusOK)
	run("two_secrets", []string{oldSecret, secret}, Sign(secret, payload), http.StatusOK)
	run("forged", []string{secret}, Sign("guess", payload), http.StatusUnauthorized)
	run("unsigned", []string{secret}, "", http.StatusUnauthorized)
}

// BenchmarkVerify and BenchmarkParse in internal/event are the two large parts of it.
func BenchmarkVerify(b *testing.B) {
	payload := bytes.Repeat([]byte("x"), 3600)
	sig, _ := parseSignature(Sign(secret, payload))
	v := newVerifier([]string{secret})
	b.SetBytes(int64(len(payload)))
	b.ReportAllocs()
	for b.Loop() {
		if !v.verify(sig, payload) {
			b.Fatal("refused")
		}
	}
}

// BenchmarkServer is a delivery over a loopback connection, with all that net/http does.
func BenchmarkServer(b *testing.B) {
	payload := notification("n1", "conversation.user.created")
	payload = append(payload, bytes.Repeat([]byte(" "), 3600-len(payload))...)
	nothing := sinkFunc(func(context.Context, event.Event) (bool, error) { return true, nil })
	srv := httptest.NewServer(newHandler(b, nothing))
	defer srv.Close()
	signature := Sign(secret, payload)
	b.ReportAllocs()
	for b.Loop() {
		r, err := http.NewRequestWithContext(b.Context(), http.MethodPost, srv.URL, bytes.NewReader(payload))
		if err != nil {
			b.Fatal(err)
		}
		r.Header.Set(SignatureHeader, signature)
		resp, err := srv.Client().Do(r)
		if err != nil {
			b.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			b.Fatal(resp.Status)
		}
	}
}
