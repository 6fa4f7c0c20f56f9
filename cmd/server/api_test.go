package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
)

// apiServer is an API that keeps what it was sent.
type apiServer struct {
	*httptest.Server
	mu       sync.Mutex
	requests []string // method, URI and body
}

func newAPIServer(t *testing.T, answer func(r *http.Request) (status int, body string)) *apiServer {
	t.Helper()
	s := &apiServer{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		if r.Header.Get("Authorization") != "Bearer "+testToken || r.Header.Get("Intercom-Version") != "2.14" {
			t.Errorf("headers are %v", r.Header)
		}
		s.mu.Lock()
		s.requests = append(s.requests, strings.TrimSpace(r.Method+" "+r.RequestURI+" "+string(body)))
		s.mu.Unlock()
		status, text := answer(r)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, text)
	}))
	t.Cleanup(s.Close)
	return s
}

// api runs `switchboard api` with the arguments.
func (s *apiServer) api(t *testing.T, stdin string, args ...string) (code int, out, errs string) {
	t.Helper()
	t.Setenv("INTERCOM_ACCESS_TOKEN", testToken)
	t.Setenv("INTERCOM_BASE_URL", s.URL)
	var stdout, stderr bytes.Buffer
	code = run(t.Context(), append([]string{"api"}, args...), streams{strings.NewReader(stdin), &stdout, &stderr})
	return code, stdout.String(), stderr.String()
}

func fine(*http.Request) (int, string) { return 200, `{"id": "1",  "n": 9007199254740993}` }

func TestAPI_sends_what_the_command_line_says(t *testing.T) {
	for _, tt := range []struct {
		args  string // separated by spaces
		stdin string
		want  string
	}{
		{"GET /me", "", "GET /me"},
		{"get me", "", "GET /me"},
		{"GET /contacts?page=1 -f per_page=2 -f a[b]=x=y", "", "GET /contacts?a%5Bb%5D=x%3Dy&page=1&per_page=2"},
		{"DELETE /contacts/1", "", "DELETE /contacts/1"},
		{"POST /contacts -f email=ada@acme.test -f name=a,b", "", `POST /contacts {"email":"ada@acme.test","name":"a,b"}`},
		{
			`PUT /tickets/1 -f open=false -f n=12 -f f=-1.5 -f none=null -f text="12" -f zip=007 -f big=9007199254740993 -f empty=`, "",
			`PUT /tickets/1 {"big":9007199254740993,"empty":"","f":-1.5,"n":12,"none":null,"open":false,"text":"12","zip":"007"}`,
		},
		{
			"POST /contacts/search -f query[field]=email -f query[operator]== -f query[value]=a -f pagination[per_page]=5", "",
			`POST /contacts/search {"pagination":{"per_page":5},"query":{"field":"email","operator":"=","value":"a"}}`,
		},
		{"POST /x -f a[b][c]=1 -f a[b][list][]=x -f a[b][list][]=true", "", `POST /x {"a":{"b":{"c":1,"list":["x",true]}}}`},
		{"POST /x --input - -f dry=1", `{"a":9007199254740993}`, `POST /x?dry=1 {"a":9007199254740993}`},
	} {
		s := newAPIServer(t, fine)
		code, out, errs := s.api(t, tt.stdin, strings.Fields(tt.args)...)
		if code != exitOK || errs != "" || out != `{"id":"1","n":9007199254740993}`+"\n" {
			t.Errorf("%s: exit code %d, %s%s", tt.args, code, out, errs)
		}
		if !slices.Equal(s.requests, []string{tt.want}) {
			t.Errorf("%s sent %q, want %q", tt.args, s.requests, tt.want)
		}
	}
}

func TestAPI_wrong_usage_sends_nothing(t *testing.T) {
	s := newAPIServer(t, fine)
	for args, want := range map[string]string{
		"GET":                            "expected",
		"FETCH /me":                      "GET, POST",
		"GET https://api.intercom.io/me": "without a host",
		"GET /contacts/../me":            "path",
		"POST /x -f name":                "key=value",
		"POST /x -f =name":               "key=value",
		"POST /x -f a[b=1":               "not closed",
		"POST /x -f a[][b]=1":            "array",
		"POST /x -f a=1 -f a[b]=2":       "given twice",
		"POST /x -f a[]=1 -f a[b]=2":     "given twice",
		"POST /x -f a=1 -f a=2":          "given twice",
		"POST /x --input missing.json":   "missing.json",
		"POST /x --input -":              "not JSON",
		"GET /x --input -":               "no body",
	} {
		code, out, errs := s.api(t, "no JSON", strings.Fields(args)...)
		if code != exitUsage || out != "" || !strings.Contains(errs, want) {
			t.Errorf("%s: exit code %d, %s%s; want %d and %q", args, code, out, errs, exitUsage, want)
		}
	}
	t.Setenv("INTERCOM_ACCESS_TOKEN", "")
	var stderr bytes.Buffer
	if code := run(t.Context(), []string{"api", "GET", "/me"}, streams{nil, io.Discard, &stderr}); code != exitUsage || !strings.Contains(stderr.String(), "INTERCOM_ACCESS_TOKEN") {
		t.Errorf("without a token: exit code %d, %s", code, &stderr)
	}
	if len(s.requests) > 0 {
		t.Errorf("sent %q", s.requests)
	}
}

func TestAPI_tells_a_refusal_from_no_answer(t *testing.T) {
	const refusal = `{"type":"error.list","request_id":"req-1","errors":[{"code":"some_code","message":"No such thing"}]}`
	for _, tt := range []struct {
		status int
		body   string
		code   int
		want   string
	}{
		{404, refusal, exitProblems, "GET /contacts/1: 404 Not Found some_code: No such thing (request req-1)"},
		{401, refusal, exitProblems, "401"},
		{429, refusal, exitProblems, "429"},
		{302, "", exitProblems, "redirects are not followed"},
		{500, refusal, exitFailed, "500"},
		{200, "<html>", exitFailed, "not JSON"},
	} {
		s := newAPIServer(t, func(*http.Request) (int, string) { return tt.status, tt.body })
		code, out, errs := s.api(t, "", "GET", "/contacts/1")
		if code != tt.code || out != "" || !strings.Contains(errs, tt.want) || strings.Count(errs, "\n") != 1 {
			t.Errorf("%d: exit code %d, %q %q; want %d and %q", tt.status, code, out, errs, tt.code, tt.want)
		}
	}
	s := newAPIServer(t, fine)
	s.Close()
	if code, _, errs := s.api(t, "", "GET", "/me"); code != exitFailed || !strings.Contains(errs, "GET /me: not sent") {
		t.Errorf("nobody there: exit code %d, %s", code, errs)
	}
}

func TestAPI_paginate_prints_all_items_as_one_array(t *testing.T) {
	for _, tt := range []struct {
		name  string
		page  string // %d is its number
		wants string
	}{
		{"data", `{"type":"list","data":[{"n":%d}],"total_count":2,"pages":{"next":%s}}`, `[{"n":1},{"n":2}]`},
		{"a name of its own", `{"conversations":[{"n":%d}],"pages":{"next":%s}}`, `[{"n":1},{"n":2}]`},
		{"articles", `{"data":{"articles":[{"n":%d}],"highlights":[]},"pages":{"next":%s}}`, `[{"n":1},{"n":2}]`},
		{"empty", `{"data":[],"total_count":%d,"pages":{"next":%s}}`, `[]`},
	} {
		n := 0
		s := newAPIServer(t, func(*http.Request) (int, string) {
			n++
			next := `{"page":2,"starting_after":"c"}`
			if n == 2 {
				next = "null"
			}
			return 200, fmt.Sprintf(tt.page, n, next)
		})
		code, out, errs := s.api(t, "", "GET", "/x", "--paginate")
		var got any
		if err := json.Unmarshal([]byte(out), &got); err != nil || code != exitOK || errs != "" {
			t.Errorf("%s: exit code %d, %s%s%v", tt.name, code, out, errs, err)
			continue
		}
		if compact, _ := json.Marshal(got); string(compact) != tt.wants {
			t.Errorf("%s: %s, want %s", tt.name, compact, tt.wants)
		}
		if want := []string{"GET /x", "GET /x?starting_after=c"}; !slices.Equal(s.requests, want) {
			t.Errorf("%s: sent %q, want %q", tt.name, s.requests, want)
		}
	}
}

func TestAPI_paginate_half_a_list_does_not_pass_for_the_whole(t *testing.T) {
	n := 0
	s := newAPIServer(t, func(*http.Request) (int, string) {
		if n++; n == 2 {
			return 500, ""
		}
		return 200, `{"data":[{"n":1}],"pages":{"next":{"starting_after":"c"}}}`
	})
	code, out, errs := s.api(t, "", "GET", "/x", "--paginate")
	if code != exitFailed || json.Valid([]byte(out)) || !strings.Contains(errs, "500") {
		t.Errorf("exit code %d, %q %q", code, out, errs)
	}
	s = newAPIServer(t, fine)
	if code, out, errs := s.api(t, "", "GET", "/x", "--paginate"); code != exitFailed || out != "" || !strings.Contains(errs, "not a list") {
		t.Errorf("no list: exit code %d, %q %q", code, out, errs)
	}
}
