package webhook

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"switchboard/internal/event"
)

func TestNewRefuses(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*Options)
		says   string
	}{
		"no secrets":            {func(o *Options) { o.Secrets = nil }, "no client secret"},
		"an empty list":         {func(o *Options) { o.Secrets = []string{} }, "no client secret"},
		"an empty secret":       {func(o *Options) { o.Secrets = []string{""} }, "client secret 1 of 1 is empty"},
		"a second empty secret": {func(o *Options) { o.Secrets = []string{secret, ""} }, "client secret 2 of 2 is empty"},
		"a blank secret":        {func(o *Options) { o.Secrets = []string{secret, " \t"} }, "client secret 2 of 2 is blank"},
		"a secret with a line":  {func(o *Options) { o.Secrets = []string{secret + "\n"} }, "begins or ends with white space"},
		"no sink":               {func(o *Options) { o.Sink = nil }, "no sink"},
		"a negative body":       {func(o *Options) { o.MaxBody = -1 }, "largest body of -1 bytes"},
		"a negative timeout":    {func(o *Options) { o.Timeout = -time.Second }, "timeout of -1s"},
	} {
		t.Run(name, func(t *testing.T) {
			o := Options{Secrets: []string{secret}, Sink: &memory{}}
			tt.change(&o)
			h, err := New(o)
			if err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("error is %v, want %q in it", err, tt.says)
			}
			if h != nil {
				t.Error("a handler came with the error")
			}
			if err != nil && strings.Contains(err.Error(), secret) {
				t.Errorf("I10: the error tells a secret: %v", err)
			}
		})
	}
}

func TestAnswers(t *testing.T) {
	stored := notification("n1", "conversation.user.created")
	allow := http.Header{"Allow": {"POST, HEAD"}}
	for name, tt := range map[string]struct {
		request *http.Request
		status  int
		says    string
		header  http.Header
		result  result
		topic   string
	}{
		"a new event": {
			post(notification("n2", "conversation.user.replied")), 200, "stored", nil,
			resultStored, "conversation.user.replied",
		},
		"a topic that nobody knows": {
			post(notification("n2", "something.new")), 200, "stored", nil, resultStored, "other",
		},
		"an event without id": {
			post([]byte(`{"id":null,"topic":"contact.user.created","data":{"item":{"id":"c"}}}`)), 200, "stored", nil,
			resultStored, "contact.user.created",
		},
		"an event again": {post(stored), 200, "duplicate", nil, resultDuplicate, "conversation.user.created"},
		"a ping": {
			post([]byte(`{"id":null,"topic":"ping","data":{"item":{"type":"ping"}}}`)), 200, "ping", nil, resultPing, "ping",
		},
		"upper-case signature": {
			with(post(stored), func(r *http.Request) {
				r.Header.Set(SignatureHeader, "sha1="+strings.ToUpper(Sign(secret, stored)[5:]))
			}), 200, "duplicate", nil,
			resultDuplicate, "conversation.user.created",
		},
		"no signature": {
			with(post(stored), func(r *http.Request) { r.Header.Del(SignatureHeader) }), 401,
			"X-Hub-Signature is missing", nil, resultBadSignature, "other",
		},
		"a signature of another kind": {
			with(post(stored), func(r *http.Request) {
				r.Header.Del(SignatureHeader)
				r.Header.Set("X-Body-Signature", Sign(secret, stored))
			}), 401, "X-Hub-Signature is missing", nil,
			resultBadSignature, "other",
		},
		"two signatures": {
			with(post(stored), func(r *http.Request) { r.Header.Add(SignatureHeader, Sign(secret, stored)) }), 401,
			"expected one header", nil, resultBadSignature, "other",
		},
		"a forged signature": {
			with(post(stored), func(r *http.Request) { r.Header.Set(SignatureHeader, Sign("guess", stored)) }), 401,
			"check that INTERCOM_CLIENT_SECRET is the client secret of the app", nil, resultBadSignature, "other",
		},
		"a changed body": {
			with(post(append([]byte(" "), stored...)), func(r *http.Request) { r.Header.Set(SignatureHeader, Sign(secret, stored)) }), 401,
			"does not match", nil, resultBadSignature, "other",
		},
		"nonsense without signature": {
			with(post([]byte("{")), func(r *http.Request) { r.Header.Set(SignatureHeader, "x") }), 401,
			"X-Hub-Signature is missing or malformed", nil, resultBadSignature, "other",
		},
		"an empty body":  {post(nil), 400, "not a notification: the body is empty", nil, resultBadRequest, "other"},
		"not JSON":       {post([]byte("hello")), 400, "malformed JSON at byte 1", nil, resultBadRequest, "other"},
		"truncated JSON": {post(stored[:len(stored)-1]), 400, "it ends too early", nil, resultBadRequest, "other"},
		"not UTF-8":      {post([]byte("{\"topic\":\"\xff\"}")), 400, "not UTF-8", nil, resultBadRequest, "other"},
		"no topic":       {post([]byte(`{"data":{"item":{}}}`)), 400, "topic is missing", nil, resultBadRequest, "other"},
		"a wrong type":   {post([]byte(`{"topic":1,"data":{"item":{}}}`)), 400, "topic has the wrong type", nil, resultBadRequest, "other"},
		"deep nesting":   {post(bytes.Repeat([]byte("["), 1<<20)), 400, "nested too deeply", nil, resultBadRequest, "other"},
		"compressed": {
			with(post(zipped(t, stored)), func(r *http.Request) { r.Header.Set("Content-Encoding", "gzip") }), 400,
			"Content-Encoding is not read", nil, resultBadRequest, "other",
		},
		"too large":   {post(make([]byte, DefaultMaxBody+1)), 413, "larger than 1048576 bytes", nil, resultTooLarge, "other"},
		"GET":         {httptest.NewRequest(http.MethodGet, "/", nil), 405, "POST", allow, resultMethod, "other"},
		"PUT":         {httptest.NewRequest(http.MethodPut, "/", strings.NewReader("x")), 405, "POST", allow, resultMethod, "other"},
		"OPTIONS":     {httptest.NewRequest(http.MethodOptions, "/", nil), 405, "POST", allow, resultMethod, "other"},
		"a made-up M": {httptest.NewRequest("BREW", "/", nil), 405, "POST", allow, resultMethod, "other"},
	} {
		t.Run(name, func(t *testing.T) {
			sink := &memory{}
			h := newHandler(t, sink)
			if w := serve(h, post(stored)); w.Code != 200 {
				t.Fatalf("the first event: %d %s", w.Code, w.Body)
			}
			before := counted(h, tt.topic, tt.result)
			w := serve(h, tt.request)
			if w.Code != tt.status {
				t.Errorf("status %d, want %d (%s)", w.Code, tt.status, w.Body)
			}
			if got := say(t, w); !strings.Contains(got, tt.says) {
				t.Errorf("it says %q, want %q in it", got, tt.says)
			}
			for name, want := range tt.header {
				if got := w.Header()[name]; !slices.Equal(got, want) {
					t.Errorf("%s is %q, want %q", name, got, want)
				}
			}
			if got := counted(h, tt.topic, tt.result); got != before+1 {
				t.Errorf("counted %g times as %s %s, want once", got-before, tt.topic, tt.result)
			}
			want := 1
			if tt.result == resultStored {
				want = 2
			}
			if got := len(sink.all()); got != want {
				t.Errorf("the sink has %d events, want %d", got, want)
			}
		})
	}
}

func TestEventIsHandedOverWhole(t *testing.T) {
	sink := &memory{}
	var told []string
	h := newHandler(t, sink, func(o *Options) { o.OnStored = func(ev event.Event) { told = append(told, ev.ID) } })
	before := time.Now()
	bodies := [][]byte{notification("n1", "conversation.user.created"), notification("n2-longer", "ticket.created"), notification("n3", "a.b")}
	for _, body := range append(bodies, bodies...) {
		if w := serve(h, post(body)); w.Code != 200 {
			t.Fatal(w.Code, w.Body)
		}
	}
	events := sink.all()
	if len(events) != len(bodies) {
		t.Fatalf("the sink has %d events, want %d", len(events), len(bodies))
	}
	for i, ev := range events {
		if !bytes.Equal(ev.Payload, bodies[i]) {
			t.Errorf("payload %d is %q, want %q: the buffer of one request is that of the next", i, ev.Payload, bodies[i])
		}
		if ev.ReceivedAt.Before(before.Add(-time.Second)) || ev.ReceivedAt.After(time.Now()) || ev.ReceivedAt.Location() != time.UTC {
			t.Errorf("received at %v", ev.ReceivedAt)
		}
	}
	if !slices.Equal(told, []string{"n1", "n2-longer", "n3"}) {
		t.Errorf("OnStored was called for %q, want once for each event", told)
	}
}

func TestHeadIsAlwaysFine(t *testing.T) {
	h := newHandler(t, nobody(t))
	for _, when := range []string{"running", "stopping"} {
		w := serve(h, httptest.NewRequest(http.MethodHead, "/webhooks/intercom", nil))
		if w.Code != 200 || w.Body.Len() != 0 {
			t.Errorf("%s: HEAD is answered %d %q", when, w.Code, w.Body)
		}
		h.Stop()
	}
}

func TestLargestBody(t *testing.T) {
	const limit = 1000
	body := notification("n1", "conversation.user.created")
	fits := append(bytes.Clone(body), bytes.Repeat([]byte(" "), limit-len(body))...)
	for _, known := range []bool{true, false} { // is the length known beforehand?
		sink := &memory{}
		h := newHandler(t, sink, func(o *Options) { o.MaxBody = limit })
		for _, tt := range []struct {
			body   []byte
			status int
		}{{fits, 200}, {append(bytes.Clone(fits), ' '), 413}, {bytes.Repeat(fits, 100), 413}} {
			r := post(tt.body)
			if !known {
				r.ContentLength = -1
			}
			if w := serve(h, r); w.Code != tt.status {
				t.Errorf("%d bytes, length known: %v: %d %s, want %d", len(tt.body), known, w.Code, w.Body, tt.status)
			}
		}
		if len(sink.all()) != 1 {
			t.Errorf("the sink has %d events", len(sink.all()))
		}
	}
}

func TestSecretsCanBeReplaced(t *testing.T) {
	body := notification("n1", "conversation.user.created")
	status := func(h *Handler, with string) int {
		r := post(body)
		r.Header.Set(SignatureHeader, Sign(with, body))
		return serve(h, r).Code
	}
	for _, step := range []struct {
		secrets           []string
		wantOld, wantNext int
	}{
		{[]string{oldSecret}, 200, 401},
		{[]string{oldSecret, secret}, 200, 200},
		{[]string{secret, oldSecret}, 200, 200},
		{[]string{secret}, 401, 200},
	} {
		h := newHandler(t, &memory{}, func(o *Options) { o.Secrets = step.secrets })
		if gotOld, gotNext := status(h, oldSecret), status(h, secret); gotOld != step.wantOld || gotNext != step.wantNext {
			t.Errorf("with %d secrets: old %d, new %d; want %d and %d", len(step.secrets), gotOld, gotNext, step.wantOld, step.wantNext)
		}
	}
}

func TestFailingSinkIsAnswered429(t *testing.T) {
	for name, put := range map[string]func() (bool, error){
		"an error":                func() (bool, error) { return false, errors.New("disk is full") },
		"an error, yet stored":    func() (bool, error) { return true, errors.New("disk is full") },
		"an ended context":        func() (bool, error) { return false, context.Canceled },
		"a panic":                 func() (bool, error) { panic("index out of range") },
		"an end of its goroutine": func() (bool, error) { runtime.Goexit(); return true, nil },
	} {
		t.Run(name, func(t *testing.T) {
			var log capture
			failing := true
			told := 0
			h := newHandler(t, sinkFunc(func(context.Context, event.Event) (bool, error) {
				if failing {
					return put()
				}
				return true, nil
			}), func(o *Options) { o.Logger = slog.New(&log); o.OnStored = func(event.Event) { told++ } })
			w := serve(h, post(notification("n1", "conversation.user.created")))
			if w.Code != 429 || w.Header().Get("Retry-After") == "" {
				t.Errorf("answered %d, Retry-After %q; with anything but 429 Intercom would lose the event", w.Code, w.Header().Get("Retry-After"))
			}
			if got := say(t, w); !strings.Contains(got, "send it again") || strings.Contains(got, "disk") {
				t.Errorf("it says %q", got)
			}
			if lines := log.above(slog.LevelInfo); len(lines) != 1 || !strings.Contains(lines[0], "ERROR event was not stored") ||
				!strings.Contains(lines[0], "notification=n1 topic=conversation.user.created subject=conversation/123") {
				t.Errorf("logged %q, want one error", lines)
			}
			if counted(h, "conversation.user.created", resultBusy) != 1 || told != 0 {
				t.Errorf("not counted as busy, or %d events were told to be stored", told)
			}
			failing = false
			if w := serve(h, post(notification("n1", "conversation.user.created"))); w.Code != 200 || told != 1 {
				t.Errorf("after the failure: %d %s, told %d times", w.Code, w.Body, told)
			}
		})
	}
}

// The event is safe by then, so Intercom must not hear of it.
func TestPanicInOnStoredIsNotTheEventsFault(t *testing.T) {
	var log capture
	h := newHandler(t, &memory{}, func(o *Options) {
		o.Logger = slog.New(&log)
		o.OnStored = func(event.Event) { panic("nil map") }
	})
	if w := serve(h, post(notification("n1", "a.b"))); w.Code != 200 || say(t, w) != "stored" {
		t.Errorf("answered %d %s", w.Code, w.Body)
	}
	if lines := log.above(slog.LevelInfo); len(lines) != 1 || !strings.Contains(lines[0], "OnStored panicked: nil map") {
		t.Errorf("logged %q, want the panic once", lines)
	}
}

func TestTroubleIsLoggedNowAndThen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log capture
		h := newHandler(t, nobody(t), func(o *Options) { o.Logger = slog.New(&log) })
		forged := func() {
			serve(h, with(post(nil), func(r *http.Request) { r.Header.Set(SignatureHeader, Sign("x", nil)) }))
		}
		for range 100 {
			forged()
		}
		serve(h, post([]byte("nonsense"))) // of another kind
		if lines := log.all(); len(lines) != 2 {
			t.Errorf("logged %q, want one line of each kind", lines)
		}
		time.Sleep(noteEvery)
		forged()
		if lines := log.all(); len(lines) != 3 || !strings.Contains(lines[2], "not_logged=99") {
			t.Errorf("logged %q, want a third line that tells of 99 others", lines)
		}
		if got := counted(h, "other", resultBadSignature); got != 101 {
			t.Errorf("counted %g, want 101", got)
		}
	})
}

func TestI10_NeitherSecretsNorCustomersWordsGetOut(t *testing.T) {
	var log capture
	outcome := errors.New("no space left on device")
	h := newHandler(t, sinkFunc(func(_ context.Context, ev event.Event) (bool, error) {
		switch ev.ID {
		case "fails":
			return false, outcome
		case "panics":
			panic("index out of range")
		}
		return ev.ID == "new", nil
	}), func(o *Options) { o.Secrets = []string{oldSecret, secret}; o.Logger = slog.New(&log) })

	var said []string
	send := func(body []byte, change ...func(*http.Request)) {
		for _, s := range []string{secret, oldSecret, "guess"} {
			r := post(body)
			r.Header.Set(SignatureHeader, Sign(s, body))
			for _, c := range change {
				c(r)
			}
			w := serve(h, r)
			said = append(said, w.Body.String()+fmt.Sprint(w.Header()))
		}
	}
	bodies := [][]byte{
		notification("new", "conversation.user.created"), notification("old", "conversation.user.created"),
		notification("fails", "conversation.user.created"), notification("panics", "conversation.user.created"),
		[]byte(words), []byte(`"` + words + `"`), []byte(`{"topic":{"` + words + `":1},"data":{}}`),
		[]byte(`{"topic":"` + words + `\u0000","data":{"item":{}}}`), []byte(`{"topic":"a","data":{"item":{"id":"` + words + `\n"}}}`),
		[]byte(`{"topic":"a","data":{"item":{"body":"\` + words + `"}}}`),
	}
	for _, body := range bodies {
		h.notes = newNotes(slog.New(&log)) // so that every line is written
		send(body)
		h.notes = newNotes(slog.New(&log))
		send(body, func(r *http.Request) { r.Header.Add(SignatureHeader, secret) })
		send(body, func(r *http.Request) { r.Header.Set("Content-Encoding", words) })
	}
	if len(log.all()) < 3*len(bodies) {
		t.Fatalf("only %d lines were logged: the test does not see them", len(log.all()))
	}
	for _, text := range append(said, log.all()...) {
		for _, private := range []string{secret, oldSecret, words} {
			if strings.Contains(text, private) {
				t.Errorf("%q is told in %q", private, text)
			}
		}
		for _, body := range bodies {
			for _, s := range []string{secret, oldSecret} {
				if strings.Contains(text, Sign(s, body)[5:]) {
					t.Errorf("a valid signature is told in %q", text)
				}
			}
		}
	}
}

func with(r *http.Request, change func(*http.Request)) *http.Request {
	change(r)
	return r
}

func zipped(t *testing.T, body []byte) []byte {
	var buf bytes.Buffer
	z := gzip.NewWriter(&buf)
	if _, err := z.Write(body); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}
