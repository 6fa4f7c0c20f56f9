package intercom

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

func TestClient_Raw_sends_what_it_is_given_and_returns_the_answer(t *testing.T) {
	const answer = `{"type":"list",  "data":[]}`
	for _, tt := range []struct {
		method, path string
		query        url.Values
		body         string
		uri          string
	}{
		{"GET", "/contacts/63a07d", nil, "", "/contacts/63a07d"},
		{"GET", "contacts", url.Values{"per_page": {"2"}}, "", "/contacts?per_page=2"},
		{"GET", "/contacts?per_page=2", url.Values{"page": {"3"}}, "", "/contacts?page=3&per_page=2"},
		{"GET", "/contacts/find_by_external_id/a%2Fb%20c", nil, "", "/contacts/find_by_external_id/a%2Fb%20c"},
		{"POST", "/contacts", nil, `{"email":"ada@acme.test"}`, "/contacts"},
		{"PUT", "/contacts/1", url.Values{"x": {"y"}}, `[1]`, "/contacts/1?x=y"},
		{"DELETE", "/contacts/1", nil, "", "/contacts/1"},
		{"PATCH", "/contacts/1", nil, `{"a":9007199254740993}`, "/contacts/1"},
	} {
		rec := record(t, answerWith(200, answer))
		got, err := rec.client(t).Raw(t.Context(), tt.method, tt.path, tt.query, json.RawMessage(tt.body))
		if err != nil || string(got) != answer {
			t.Errorf("%s %s: %s, %v", tt.method, tt.path, got, err)
			continue
		}
		r := rec.all()[0]
		if r.method != tt.method || r.uri != tt.uri || r.body != tt.body {
			t.Errorf("sent %s %s %s, want %s %s %s", r.method, r.uri, r.body, tt.method, tt.uri, tt.body)
		}
		if r.header.Get("Intercom-Version") != Version || r.header.Get("Authorization") != "Bearer "+fakeToken {
			t.Errorf("headers are %v", r.header)
		}
	}
}

func TestClient_Raw_may_be_answered_with_nothing(t *testing.T) {
	rec := record(t, answerWith(202, ""))
	if got, err := rec.client(t).Raw(t.Context(), "POST", "/events", nil, json.RawMessage(`{}`)); err != nil || len(got) != 0 {
		t.Errorf("%q, %v", got, err)
	}
}

func TestClient_Raw_never_leaves_the_API(t *testing.T) {
	rec := record(t, answerWith(200, `{}`))
	c := newTestClient(t, Options{BaseURL: rec.URL + "/base"})
	for _, path := range []string{
		"", "/", "//evil.test/x", "https://evil.test/contacts", "/contacts/../me", "/contacts/%2e%2e/me", "/./me",
		"/contacts//1", "/contacts/", "/contacts#1", "/contacts/%zz", "/contacts?a=%zz", "/a\r\nb", "/a\x00",
	} {
		if _, err := c.Raw(t.Context(), "GET", path, nil, nil); ClassOf(err) != Permanent {
			t.Errorf("path %q: %v, want it refused for good", path, err)
		}
	}
	for _, method := range []string{"", "get", "HEAD", "CONNECT", "TRACE", "GET /me HTTP/1.1\r\n"} {
		if _, err := c.Raw(t.Context(), method, "/me", nil, nil); ClassOf(err) != Permanent {
			t.Errorf("method %q: %v, want it refused for good", method, err)
		}
	}
	if _, err := c.Raw(t.Context(), "POST", "/me", nil, json.RawMessage(`{"a":`)); ClassOf(err) != Permanent {
		t.Errorf("half a body: %v, want it refused for good", err)
	}
	if got := rec.all(); len(got) != 0 {
		t.Errorf("%d requests went out: %v", len(got), got)
	}
}

func TestClient_Raw_fails_as_every_call_does(t *testing.T) {
	reg := prometheus.NewRegistry()
	rec := record(t, answerWith(404, `{"type":"error.list","errors":[{"code":"not_found","message":"No such thing"}]}`))
	c := newTestClient(t, Options{BaseURL: rec.URL, Registerer: reg})
	_, err := c.Raw(t.Context(), "GET", "/contacts/secret-of-a-customer", nil, nil)
	if !NotFound(err) || strings.Contains(err.Error(), "secret-of-a-customer") {
		t.Errorf("%v", err)
	}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	if text := fmt.Sprint(families); !strings.Contains(text, `"GET raw"`) || strings.Contains(text, "secret") {
		t.Errorf("metrics are %s", text)
	}
	for call, want := range map[string]Class{"GET /x": Retry, "POST /x": Ambiguous, "POST /contacts/search": Retry, "POST /companies/list": Retry, "PUT /contacts/search": Ambiguous} {
		rec := record(t, answerWith(200, `<html>`))
		method, path, _ := strings.Cut(call, " ")
		if _, err := rec.client(t).Raw(t.Context(), method, path, nil, nil); err == nil || ClassOf(err) != want {
			t.Errorf("%s answered with a page: %v, class %v; want %v", call, err, ClassOf(err), want)
		}
	}
}

// pages answers every request with the next page.
func pages(bodies ...string) http.HandlerFunc {
	n := 0
	return func(w http.ResponseWriter, r *http.Request) {
		body := bodies[min(n, len(bodies)-1)]
		n++
		answerWith(200, strings.ReplaceAll(body, "HOST", "http://"+r.Host))(w, r)
	}
}

func collect(t *testing.T, c *Client, method, path, body string) (got []string, err error) {
	t.Helper()
	for page, err := range c.RawPages(t.Context(), method, path, url.Values{"per_page": {"1"}}, json.RawMessage(body)) {
		if err != nil {
			return got, err
		}
		var v struct {
			N json.Number `json:"n"`
		}
		_ = json.Unmarshal(page, &v)
		got = append(got, v.N.String())
	}
	return got, nil
}

func TestClient_RawPages_asks_for_each_page_as_the_last_one_said(t *testing.T) {
	for _, tt := range []struct {
		name         string
		method, body string
		answers      []string
		want         []string // what the requests after the first say
	}{
		{
			"cursor", "GET", "",
			[]string{`{"n":1,"pages":{"next":{"page":2,"starting_after":"c="}}}`, `{"n":2,"pages":{"next":{"starting_after":7}}}`, `{"n":3,"pages":{"next":null}}`},
			[]string{"/x?per_page=1&starting_after=c%3D", "/x?per_page=1&starting_after=7"},
		},
		{
			"address", "GET", "",
			[]string{`{"n":1,"pages":{"next":"HOST/x?page=2&per_page=25"}}`, `{"n":2,"pages":{}}`},
			[]string{"/x?page=2&per_page=25"},
		},
		{"address for a list that is posted", "POST", "", []string{`{"n":1,"pages":{"next":"HOST/x?page=2"}}`, `{"n":2,"pages":{}}`}, []string{""}},
		{"one page", "GET", "", []string{`{"n":1}`}, nil},
		{
			"search", "POST", `{"query":{"value":9007199254740993},"pagination":{"per_page":5}}`,
			[]string{`{"n":1,"pages":{"next":{"starting_after":"c"}}}`, `{"n":2,"pages":{"next":""}}`},
			[]string{`{"pagination":{"per_page":5,"starting_after":"c"},"query":{"value":9007199254740993}}`},
		},
		{
			"search without pagination", "POST", `{"query":{}}`,
			[]string{`{"n":1,"pages":{"next":{"starting_after":"c"}}}`, `{"n":2}`},
			[]string{`{"pagination":{"starting_after":"c"},"query":{}}`},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			rec := record(t, pages(tt.answers...))
			got, err := collect(t, rec.client(t), tt.method, "/x", tt.body)
			if err != nil || len(got) != len(tt.answers) {
				t.Fatalf("pages %v, %v", got, err)
			}
			var said []string
			for _, r := range rec.all()[1:] {
				if tt.method == "GET" {
					said = append(said, r.uri)
				} else {
					said = append(said, r.body)
				}
			}
			if !slices.Equal(said, tt.want) {
				t.Errorf("asked for %q, want %q", said, tt.want)
			}
		})
	}
}

func TestClient_RawPages_ends_where_the_pages_lead_astray(t *testing.T) {
	for name, tt := range map[string]struct {
		method, body, answer string
		calls                int
	}{
		"a circle":                 {"GET", "", `{"pages":{"next":{"starting_after":"same"}}}`, 2},
		"a circle of addresses":    {"GET", "", `{"pages":{"next":"HOST/x?page=1"}}`, 2},
		"another host":             {"GET", "", `{"pages":{"next":"https://evil.test/x?page=2"}}`, 1},
		"another path":             {"GET", "", `{"pages":{"next":"HOST/y?page=2"}}`, 1},
		"another user":             {"GET", "", `{"pages":{"next":"http://u@evil.test/x?page=2"}}`, 1},
		"a search without a body":  {"POST", "", `{"pages":{"next":{"starting_after":"c"}}}`, 1},
		"a search with odd paging": {"POST", `{"pagination":3}`, `{"pages":{"next":{"starting_after":"c"}}}`, 1},
	} {
		t.Run(name, func(t *testing.T) {
			rec := record(t, pages(tt.answer))
			got, err := collect(t, rec.client(t), tt.method, "/x", tt.body)
			if _, ok := errors.AsType[*Error](err); !ok || len(got) != tt.calls || len(rec.all()) != tt.calls {
				t.Errorf("%d pages of %d requests, want %d; %v", len(got), len(rec.all()), tt.calls, err)
			}
		})
	}
}

func TestClient_RawPages_reads_no_more_than_is_wanted(t *testing.T) {
	rec := record(t, pages(`{"pages":{"next":{"starting_after":"c"}}}`))
	for range rec.client(t).RawPages(t.Context(), "GET", "/x", nil, nil) {
		break
	}
	if n := len(rec.all()); n != 1 {
		t.Errorf("%d requests, want 1", n)
	}
}
