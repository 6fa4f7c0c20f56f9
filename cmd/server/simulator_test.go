package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"switchboard/internal/webhook"
)

// TestSimulator runs the built-in Intercom alone: calls change it, notifications are signed,
// each call is a line of the log, and the end is clean.
func TestSimulator(t *testing.T) {
	notes := make(chan string, 10)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.Header.Get("X-Hub-Signature") != webhook.Sign(testSecret, body) {
			t.Error("the signature is wrong")
		}
		notes <- string(body)
	}))
	defer receiver.Close()

	addr := freeAddr(t)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var out, errs logBuffer
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, []string{
			"simulator", "--listen", addr, "--token", testToken, "--webhook", receiver.URL, "--secret", testSecret, "--limit", "100",
			"--fail", "503=1@GET /me",
		}, streams{strings.NewReader(""), &out, &errs})
	}()
	call := func(method, path, body string) (int, string) {
		req, err := http.NewRequestWithContext(t.Context(), method, "http://"+addr+path, bytes.NewBufferString(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+testToken)
		req.Header.Set("Content-Type", "application/json")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return 0, err.Error()
		}
		defer func() { _ = resp.Body.Close() }()
		if limit := resp.Header.Get("X-RateLimit-Limit"); limit != "100" && resp.StatusCode == http.StatusOK {
			t.Errorf("limit %q", limit)
		}
		text, _ := io.ReadAll(resp.Body)
		return resp.StatusCode, string(text)
	}
	waitUntil(t, 10*time.Second, "the simulator answers", func() bool {
		status, _ := call("GET", "/admins", "")
		return status == http.StatusOK
	})

	if status, text := call("POST", "/contacts", `{"email":"somebody@example.com"}`); status != http.StatusOK {
		t.Errorf("contact: %d %s", status, text)
	}
	select {
	case body := <-notes:
		if !strings.Contains(body, `"contact.user.created"`) || !strings.Contains(body, "somebody@example.com") {
			t.Errorf("notification: %s", body)
		}
	case <-time.After(10 * time.Second):
		t.Error("no notification came")
	}
	if status, _ := call("GET", "/me", ""); status != http.StatusServiceUnavailable {
		t.Errorf("the fault does not strike: %d", status)
	}
	if _, text := call("GET", "/articles", ""); !strings.Contains(text, "How refunds work") {
		t.Errorf("the sample workspace is not there: %s", text)
	}

	stop()
	select {
	case code := <-ended:
		if code != exitOK {
			t.Errorf("exit code %d: %s", code, errs.String())
		}
	case <-time.After(20 * time.Second):
		t.Fatal("it does not end")
	}
	log := errs.String()
	for _, want := range []string{"200 POST /contacts  contact\n", "503 GET /me  server_error  fault fail_before\n"} {
		if !strings.Contains(log, want) {
			t.Errorf("the log lacks %q:\n%s", want, log)
		}
	}
	if strings.Contains(log+out.String(), "example.com") || strings.Contains(log+out.String(), testToken) || strings.Contains(log+out.String(), testSecret) {
		t.Errorf("I10: the log shows people or secrets:\n%s%s", log, out.String())
	}
}
