package simulator

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"switchboard/internal/event"
)

const (
	testToken  = "the-token"
	testSecret = "the-secret"
)

// bench is a workspace with a few people and a client of its API.
type bench struct {
	*testing.T
	*Simulator
	client                        *http.Client
	url                           string
	ines, jonas, finance, contact string
	acme                          string
}

// newBench fills a workspace and serves it over an in-memory network. It works inside and
// outside synctest bubbles.
func newBench(t *testing.T, o Options) *bench {
	t.Helper()
	o.Token, o.Secret = testToken, testSecret
	s := New(o)
	b := &bench{T: t, Simulator: s, url: "http://api.intercom.test"}
	b.ines = s.AddAdmin(Admin{Name: "Ines", Email: "ines@acme.test"})
	b.jonas = s.AddAdmin(Admin{Name: "Jonas", Email: "jonas@acme.test"})
	b.finance = s.AddTeam(Team{Name: "Finance", Admins: []string{b.ines}})
	b.acme = s.AddCompany(Company{CompanyID: "acme", Name: "Acme", Plan: "enterprise"})
	b.contact = s.AddContact(Contact{
		Name: "Amara Diallo", Email: "amara@acme.com", ExternalID: "c-1",
		CustomAttributes: map[string]any{"plan": "pro"}, Companies: []string{b.acme},
	})
	l := NewPipeListener()
	b.client = l.Client()
	serve(t, s.Handler(), l)
	t.Cleanup(b.client.CloseIdleConnections)
	return b
}

// serve serves a handler on a listener until the test ends.
func serve(t *testing.T, h http.Handler, l net.Listener) {
	server := &http.Server{Handler: h, ErrorLog: log.New(io.Discard, "", 0)}
	go server.Serve(l)
	t.Cleanup(func() { server.Close() })
}

// response is an answer, read whole.
type response struct {
	status int
	header http.Header
	raw    []byte
	body   any
}

// call makes an API call and fails the test when no answer comes. body is JSON text.
func (b *bench) call(method, path, body string) response {
	b.Helper()
	r, err := b.try(method, path, body)
	if err != nil {
		b.Fatalf("%s %s: %v", method, path, err)
	}
	return r
}

// try makes an API call whose answer may fail.
func (b *bench) try(method, path, body string, edit ...func(*http.Request)) (response, error) {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), 20*time.Second)
	defer cancel()
	var in io.Reader
	if body != "" {
		in = strings.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, method, b.url+path, in)
	if err != nil {
		b.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+testToken)
	req.Header.Set("Intercom-Version", "2.14")
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for _, f := range edit {
		f(req)
	}
	resp, err := b.client.Do(req)
	if err != nil {
		return response{}, err
	}
	defer resp.Body.Close()
	r := response{status: resp.StatusCode, header: resp.Header}
	if r.raw, err = io.ReadAll(resp.Body); err != nil {
		return r, err
	}
	dec := json.NewDecoder(bytes.NewReader(r.raw))
	dec.UseNumber()
	if dec.Decode(&r.body) != nil {
		r.body = nil
	}
	return r, nil
}

// get walks a decoded JSON value: "errors.0.code". Numbers come as text; null as nil.
func get(v any, path string) any {
	for key := range strings.SplitSeq(path, ".") {
		switch node := v.(type) {
		case map[string]any:
			v = node[key]
		case []any:
			i, err := strconv.Atoi(key)
			if err != nil || i >= len(node) {
				return nil
			}
			v = node[i]
		default:
			return nil
		}
	}
	if n, ok := v.(json.Number); ok {
		return n.String()
	}
	return v
}

// expect checks values in a JSON answer: pairs of a path and what is there.
func (b *bench) expect(v any, pairs ...any) {
	b.Helper()
	for i := 0; i < len(pairs); i += 2 {
		path := pairs[i].(string)
		if got := get(v, path); got != pairs[i+1] {
			b.Errorf("%s = %v (%T), want %v", path, got, got, pairs[i+1])
		}
	}
}

// refused checks an error answer.
func (b *bench) refused(r response, status int, code, message string) {
	b.Helper()
	if r.status != status {
		b.Errorf("status = %d, want %d (%s)", r.status, status, r.raw)
	}
	b.expect(r.body, "type", "error.list", "errors.0.code", code)
	if got, _ := get(r.body, "errors.0.message").(string); message != "" && got != message {
		b.Errorf("message = %q, want %q", got, message)
	}
	if id, _ := get(r.body, "request_id").(string); id == "" || id != r.header.Get("X-Request-Id") {
		b.Errorf("request_id = %q, header says %q", id, r.header.Get("X-Request-Id"))
	}
}

// ok returns the value of a deed that must succeed.
func ok[T any](v T, err error) func(t testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func (b *bench) starts(text string) string {
	b.Helper()
	return ok(b.CustomerStarts(b.contact, text))(b)
}

// told returns the topics of the notifications after the first few.
func (b *bench) told(since int) []string {
	var out []string
	for _, n := range b.Notifications()[since:] {
		out = append(out, n.Topic)
	}
	return out
}

// newest is the last notification, parsed as the service would and as JSON.
func (b *bench) newest() (event.Event, any) {
	b.Helper()
	all := b.Notifications()
	if len(all) == 0 {
		b.Fatal("nothing was told")
	}
	return b.parse(all[len(all)-1].Body())
}

func (b *bench) parse(body []byte) (event.Event, any) {
	b.Helper()
	ev, err := event.Parse(body, time.Now())
	if err != nil {
		b.Fatalf("event.Parse: %v\n%s", err, body)
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		b.Fatal(err)
	}
	return ev, v
}

func (b *bench) sameTopics(got []string, want ...string) {
	b.Helper()
	if !slices.Equal(got, want) {
		b.Errorf("topics = %q, want %q", got, want)
	}
}

func (b *bench) lastEntry() Entry {
	b.Helper()
	j := b.Journal()
	if len(j) == 0 {
		b.Fatal("the journal is empty")
	}
	return j[len(j)-1]
}

func newServer(h http.Handler) *http.Server {
	return &http.Server{Handler: h, ErrorLog: log.New(io.Discard, "", 0)}
}

func newRequest(t testing.TB, method, url string) *http.Request {
	req, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+testToken)
	return req
}

func drain(resp *http.Response) {
	io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
}
