package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestHealth(t *testing.T) {
	for name, test := range map[string]struct {
		status   int
		body     string
		args     []string
		code     int
		out, err string
	}{
		"ready": {
			status: 200, body: `{"ready":true,"checks":[{"name":"store","ok":true}]}`, code: exitOK,
		},
		"ready with a warning": {
			status: 200, body: `{"ready":true,"checks":[{"name":"intercom","detail":"refused","advisory":true}]}`,
			code: exitOK, out: "intercom (advisory): refused\n",
		},
		"not ready": {
			status: 503, body: `{"checks":[{"name":"store","detail":"disk full"},{"name":"loops","ok":true}]}`,
			code: exitProblems, out: "store: disk full\n", err: "not ready",
		},
		"alive asks another page": {status: 404, args: []string{"--live"}, code: exitFailed, err: "is no switchboard"},
		"another server":          {status: 302, body: "<html>", code: exitFailed, err: "is no switchboard"},
	} {
		t.Run(name, func(t *testing.T) {
			for kind, start := range map[string]func(http.Handler) *httptest.Server{"http": httptest.NewServer, "https": httptest.NewTLSServer} {
				var asked string
				server := start(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					asked = r.URL.Path
					w.WriteHeader(test.status)
					_, _ = io.WriteString(w, test.body)
				}))
				code, out, errs := runHealth(append([]string{"--url", server.URL}, test.args...)...)
				server.Close()
				if code != test.code || out != test.out || !strings.Contains(errs, test.err) {
					t.Errorf("%s: exit code %d, out %q, err %q", kind, code, out, errs)
				}
				if want := map[bool]string{true: "/healthz", false: "/readyz"}[len(test.args) > 0]; asked != want {
					t.Errorf("%s: asked for %s, not %s", kind, asked, want)
				}
			}
		})
	}
}

func TestHealth_wrong(t *testing.T) {
	if code, _, errs := runHealth("--url", "http://"+freeAddr(t)); code != exitFailed || !strings.Contains(errs, "does not answer") {
		t.Errorf("nobody listens: exit code %d, %s", code, errs)
	}
	for _, args := range [][]string{{"--url", "127.0.0.1:9090"}, {"--timeout", "0s"}} {
		if code, _, errs := runHealth(args...); code != exitUsage || !strings.Contains(errs, args[0]) {
			t.Errorf("%v: exit code %d, %s", args, code, errs)
		}
	}
}

// The certificate of any other machine is checked.
func TestHealth_loopback(t *testing.T) {
	for host, want := range map[string]bool{"127.0.0.1": true, "127.8.9.1": true, "::1": true, "localhost": true, "10.0.0.1": false, "localhost.example.com": false} {
		if loopback(host) != want {
			t.Errorf("%s", host)
		}
	}
}

func runHealth(args ...string) (code int, out, errs string) {
	var o, e bytes.Buffer
	code = run(context.Background(), append([]string{"health"}, args...), streams{nil, &o, &e})
	return code, o.String(), e.String()
}
