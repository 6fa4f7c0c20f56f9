package actions

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"switchboard/internal/intercom"
)

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}

func poster(t *testing.T, o PosterOptions) *Poster {
	t.Helper()
	if o.Secret == "" {
		o.Secret = "whsec_" + base64.StdEncoding.EncodeToString([]byte("a key of our own"))
	}
	p, err := NewPoster(o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPoster(t *testing.T) {
	var got *http.Request
	var body []byte
	status := http.StatusOK
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r
		body, _ = io.ReadAll(r.Body)
		if to := r.URL.Query().Get("to"); to != "" {
			http.Redirect(w, r, to, status)
			return
		}
		w.WriteHeader(status)
	}))
	defer s.Close()

	t.Run("it is sent when the attempt may go on, and dated by the given clock", func(t *testing.T) {
		now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
		p := poster(t, PosterOptions{Allow: loopback, Now: func() time.Time { return now }})
		stop := errors.New("others have the work")
		for _, may := range []error{stop, nil} {
			got = nil
			ctx := intercom.WithTrace(t.Context(), &intercom.Trace{BeforeSend: func(context.Context, string, string) error {
				now = now.Add(time.Hour) // it took long to find out
				return may
			}})
			if err := p.Post(ctx, s.URL, "id-1", nil, nil); !errors.Is(err, may) || (got != nil) != (may == nil) {
				t.Errorf("%v, sent: %t; want %v", err, got != nil, may)
			}
		}
		if at := got.Header.Get("Webhook-Timestamp"); at != fmt.Sprint(now.Unix()) {
			t.Errorf("dated %s, want %d", at, now.Unix())
		}
	})
	t.Run("what is sent can be verified by the receiver", func(t *testing.T) {
		p := poster(t, PosterOptions{Allow: loopback})
		if err := p.Post(t.Context(), s.URL, "id-1", map[string]string{"X-Team": "support"}, []byte(`{"a":1}`)); err != nil {
			t.Fatal(err)
		}
		h := got.Header
		want := "v1," + poster(t, PosterOptions{}).sign("id-1", h.Get("Webhook-Timestamp"), []byte(`{"a":1}`))
		if h.Get("Webhook-Signature") != want || h.Get("Webhook-Id") != "id-1" || string(body) != `{"a":1}` || h.Get("X-Team") != "support" {
			t.Errorf("sent %v %s, want signature %s", h, body, want)
		}
		// The example of the Standard Webhooks specification's reference library.
		ref := poster(t, PosterOptions{Secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"})
		if sig := ref.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", []byte(`{"test": 2432232314}`)); sig != "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=" {
			t.Errorf("the reference signature came out as %s", sig)
		}
	})

	t.Run("private addresses are refused, by name and after a redirect, unless allowed", func(t *testing.T) {
		closed := poster(t, PosterOptions{})
		port := s.URL[strings.LastIndexByte(s.URL, ':'):]
		for _, to := range []string{s.URL, "http://localhost" + port, "http://[::1]" + port, "http://169.254.169.254/latest", "http://10.0.0.1", "http://[::ffff:127.0.0.1]" + port} {
			err := closed.Post(t.Context(), to, "id", nil, nil)
			if intercom.ClassOf(err) != intercom.Permanent || !strings.Contains(err.Error(), "not a public address") {
				t.Errorf("%s: %v", to, err)
			}
		}
		status = http.StatusTemporaryRedirect
		defer func() { status = http.StatusOK }()
		open := poster(t, PosterOptions{Allow: loopback})
		err := open.Post(t.Context(), s.URL+"?to=http://127.0.0.2"+port, "id", nil, nil)
		if intercom.ClassOf(err) != intercom.Permanent || !strings.Contains(err.Error(), "another host") {
			t.Errorf("a redirect to another host: %v", err) // it would get our headers and signature
		}
		if err := open.Post(t.Context(), s.URL+"?to="+s.URL, "id", nil, []byte("{}")); !strings.Contains(err.Error(), "answered 307") {
			t.Errorf("a redirect to an allowed address: %v", err) // it arrived there, and that place answers 307 without a target
		}
		if got.Method != http.MethodPost || string(body) != "{}" {
			t.Errorf("after the redirect came %s %s", got.Method, body)
		}
	})

	t.Run("a redirect that changes the request is not followed", func(t *testing.T) {
		status = http.StatusFound
		defer func() { status = http.StatusOK }()
		err := poster(t, PosterOptions{Allow: loopback}).Post(t.Context(), s.URL+"?to="+s.URL, "id", nil, nil)
		if intercom.ClassOf(err) != intercom.Permanent || !strings.Contains(err.Error(), "GET") {
			t.Errorf("after a 302: %v", err)
		}
	})

	t.Run("I6 answers decide whether it is tried again", func(t *testing.T) {
		defer func() { status = http.StatusOK }()
		p := poster(t, PosterOptions{Allow: loopback})
		for code, want := range map[int]intercom.Class{
			204: 0, 400: intercom.Permanent, 401: intercom.Permanent, 404: intercom.Permanent, 410: intercom.Permanent,
			408: intercom.Retry, 425: intercom.Retry, 429: intercom.Retry, 500: intercom.Retry, 503: intercom.Retry,
		} {
			status = code
			if err := p.Post(t.Context(), s.URL, "id", nil, nil); intercom.ClassOf(err) != want {
				t.Errorf("%d: %v is %s, want %s", code, err, intercom.ClassOf(err), want)
			}
		}
		gone := httptest.NewServer(http.NotFoundHandler())
		gone.Close()
		if err := p.Post(t.Context(), gone.URL, "id", nil, nil); intercom.ClassOf(err) != intercom.Retry {
			t.Errorf("nobody listens: %v", err)
		}
	})

	t.Run("who does not answer is tried again", func(t *testing.T) {
		hang := make(chan struct{})
		slow := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-hang }))
		defer slow.Close()
		defer close(hang)
		err := poster(t, PosterOptions{Allow: loopback, Timeout: 50 * time.Millisecond}).Post(t.Context(), slow.URL+"/secret-path", "id", nil, nil)
		if intercom.ClassOf(err) != intercom.Retry || strings.Contains(err.Error(), "secret-path") {
			t.Errorf("no answer: %v", err)
		}
	})

	t.Run("nothing is sent unsigned", func(t *testing.T) {
		p, err := NewPoster(PosterOptions{Allow: loopback})
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Post(t.Context(), s.URL, "id", nil, nil); intercom.ClassOf(err) != intercom.Permanent {
			t.Errorf("without a secret: %v", err)
		}
		if _, err := NewPoster(PosterOptions{Secret: "whsec_!"}); err == nil {
			t.Error("a secret that is not base64 was taken")
		}
	})
}

func TestPublic(t *testing.T) {
	for text, want := range map[string]bool{
		"93.184.216.34": true, "2606:2800:220:1:248:1893:25c8:1946": true,
		"127.0.0.1": false, "0.0.0.0": false, "0.1.2.3": false, "10.1.2.3": false, "172.16.0.1": false, "192.168.1.1": false,
		"169.254.169.254": false, "100.64.0.1": false, "198.18.0.1": false, "224.0.0.1": false, "255.255.255.255": false,
		"::": false, "::1": false, "::127.0.0.1": false, "fe80::1": false, "fc00::1": false, "ff02::1": false, "64:ff9b::7f00:1": false, "2002:7f00:1::": false,
	} {
		if got := public(netip.MustParseAddr(text)); got != want {
			t.Errorf("public(%s) = %v", text, got)
		}
	}
}

func TestHTTPAction(t *testing.T) {
	kind, params, err := plan(t, `http: {url: "https://hooks.acme.test/T0/secret", body: {order: "{{ order }}", n: 3, deep: {list: [1, true, null, "x"]}}, headers: {X-Team: support}}`,
		map[string]string{"order": `7"`})
	if err != nil {
		t.Fatal(err)
	}
	var p postParams
	if err := json.Unmarshal(params, &p); err != nil {
		t.Fatal(err)
	}
	const want = `{"rule":"a rule","event":{"id":"notif_1","topic":"conversation.user.created","workspace":"ws","subject":"conversation/77","created_at":1772600000},` +
		`"data":{"deep":{"list":[1,true,null,"x"]},"n":3,"order":"7\""}}`
	if string(p.Body) != want || p.ID != "ws/notif_1/a%20rule/2" || p.Headers["X-Team"] != "support" {
		t.Errorf("planned %s\nid %s, headers %v", p.Body, p.ID, p.Headers)
	}
	if text := Describe("http", params); strings.Contains(text, "secret") || text != "http hooks.acme.test" {
		t.Errorf("described as %q", text)
	}
	if !kind.Repeatable(params) {
		t.Error("the receiver knows a repetition by its id, so it may be sent again")
	}
}
