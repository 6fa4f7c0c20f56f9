package console_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"switchboard/internal/console"
)

type refused string

func (r refused) Error() string { return "refused" }

func (r refused) Refusal() string { return string(r) }

func operation(do func(context.Context, []byte) (any, error)) console.Operation {
	return console.Operation{Needs: console.Operate, Do: func(ctx context.Context, request []byte, _ func(any)) (any, error) { return do(ctx, request) }}
}

// TestOperations asks for operations as the command line does, and as nobody may.
func TestOperations(t *testing.T) {
	for _, tt := range []struct {
		name, path, token string
		header            []string
		status            int
		body              string
		done              bool
	}{
		{name: "done", path: "greet", status: 200, body: `{"hello":"{\"name\":\"Ada\"}"}`, done: true},
		{name: "refused in words", path: "refuse", status: 422, body: `no such rule`},
		{name: "an error stays inside", path: "break", status: 500, body: "internal error"},
		{name: "unknown", path: "other", status: 404, body: "no such operation"},
		{name: "a form of another site", path: "greet", header: []string{"Content-Type", "text/plain"}, status: 415, body: "send JSON"},
		{name: "a script of another site", path: "greet", header: []string{"Sec-Fetch-Site", "cross-site"}, status: 403},
		{name: "a name that resolves to this machine", path: "greet", header: []string{"Host", "evil.test:9090"}, status: 403, body: "127.0.0.1"},
		{name: "without the token", path: "greet", token: "secret", status: 401},
		{name: "a wrong token", path: "greet", token: "secret", header: []string{"Authorization", "Bearer guess"}, status: 401},
		{name: "the token", path: "greet", token: "secret", header: []string{"Authorization", "Bearer secret", "Host", "ops.acme.test"}, status: 200, done: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			done := false
			var people func() []console.Person
			if tt.token != "" {
				people = with(tt.token)
			}
			c, err := console.New(console.Options{
				Gatherer: prometheus.NewRegistry(), People: people,
				Operations: map[string]console.Operation{
					"greet": operation(func(_ context.Context, request []byte) (any, error) {
						done = true
						return map[string]string{"hello": string(request)}, nil
					}),
					"refuse": operation(func(context.Context, []byte) (any, error) {
						return nil, fmt.Errorf("greet: %w", refused("no such rule"))
					}),
					"break": operation(func(context.Context, []byte) (any, error) { return nil, errors.New("disk of the customer") }),
				},
			})
			if err != nil {
				t.Fatal(err)
			}
			req := httptest.NewRequest(http.MethodPost, "/api/v1/"+tt.path, strings.NewReader(`{"name":"Ada"}`))
			req.Host = "127.0.0.1:9090"
			req.Header.Set("Content-Type", "application/json")
			for i := 0; i+1 < len(tt.header); i += 2 {
				if tt.header[i] == "Host" {
					req.Host = tt.header[i+1]
				}
				req.Header.Set(tt.header[i], tt.header[i+1])
			}
			rec := httptest.NewRecorder()
			c.Handler().ServeHTTP(rec, req)
			if rec.Code != tt.status || !strings.Contains(rec.Body.String(), tt.body) || done != tt.done {
				t.Errorf("%d %s, done %v; want %d %s, %v", rec.Code, rec.Body, done, tt.status, tt.body, tt.done)
			}
		})
	}
}
