package simulator_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"

	"switchboard/internal/intercom"
)

// descriptionVariable names the description's file; one that it names must be readable.
const descriptionVariable = "SWITCHBOARD_OPENAPI"

// description is Intercom's own OpenAPI description of its API.
type description struct {
	document *openapi3.T
	router   routers.Router
}

// loadDescription reads the description, or skips the test where there is none: it is not
// part of the repository.
func loadDescription(t *testing.T) *description {
	t.Helper()
	path := os.Getenv(descriptionVariable)
	if path == "" {
		path = filepath.Join("..", "..", "..", "shared", "intercom", "openapi-2.14.yaml")
		if _, err := os.Stat(path); err != nil {
			t.Skipf("Intercom's description is not here, and %s is not set: %v", descriptionVariable, err)
		}
	}
	// It is not validated as a document: it has examples that its own schemas refuse.
	document, err := openapi3.NewLoader().LoadFromFile(path)
	if err != nil {
		t.Fatalf("read Intercom's description: %v", err)
	}
	router, err := gorillamux.NewRouter(document)
	if err != nil {
		t.Fatalf("read the paths of Intercom's description: %v", err)
	}
	return &description{document: document, router: router}
}

// base is where the description says that the API is.
func (d *description) base() string { return d.document.Servers[0].URL }

// exchange is a call and its answer.
type exchange struct {
	request *http.Request
	sent    []byte
	status  int
	header  http.Header
	answer  []byte
}

// operation finds the operation that a call is of, and the ids in its path.
func (d *description) operation(e exchange) (*routers.Route, map[string]string, error) {
	route, ids, err := d.router.FindRoute(e.request)
	if err != nil {
		return nil, nil, fmt.Errorf("%s %s is not in the description: %w", e.request.Method, e.request.URL.Path, err)
	}
	return route, ids, nil
}

// nameOf is the name of an operation, such as "GET /contacts/{contact_id}".
func nameOf(r *routers.Route) string { return r.Method + " " + r.Path }

func (d *description) isOf(e exchange, operation string) bool {
	route, _, err := d.operation(e)
	return err == nil && nameOf(route) == operation
}

// amend puts the contradictions right. The functions take that back, one by one.
func (d *description) amend(t *testing.T) []func() {
	t.Helper()
	undo := make([]func(), len(contradictions))
	for i, c := range contradictions {
		if undo[i] = c.apply(d.document); undo[i] == nil {
			t.Fatalf("the description has no %s to amend, or needs no amendment there", c.place)
		}
	}
	return undo
}

// problems tells what is wrong with an exchange.
func (d *description) problems(e exchange) []string { return append(d.request(e), d.answer(e)...) }

// request tells what is wrong with the call of an exchange.
func (d *description) request(e exchange) []string {
	route, ids, err := d.operation(e)
	if err != nil {
		return []string{err.Error()}
	}
	var problems []string
	if got := e.request.Header.Get("Intercom-Version"); got != d.document.Info.Version {
		problems = append(problems, fmt.Sprintf("the header Intercom-Version is %q", got))
	}
	if got := e.request.Header.Get("Accept"); got != "application/json" {
		problems = append(problems, fmt.Sprintf("the header Accept is %q", got))
	}
	for name := range e.request.URL.Query() {
		if route.Operation.Parameters.GetByInAndName(openapi3.ParameterInQuery, name) == nil {
			problems = append(problems, fmt.Sprintf("query %s: the description has no such parameter", name))
		}
	}
	err = openapi3filter.ValidateRequest(context.Background(), d.input(e, route, ids))
	problems = append(problems, explain(err)...)
	if body := route.Operation.RequestBody; body != nil && len(e.sent) > 0 {
		problems = append(problems, strangers("body", decoded(e.sent), body.Value.Content.Get("application/json").Schema)...)
	}
	return problems
}

// answer tells what is wrong with the answer of an exchange.
func (d *description) answer(e exchange) []string {
	route, ids, err := d.operation(e)
	if err != nil {
		return []string{err.Error()}
	}
	input := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: d.input(e, route, ids),
		Status:                 e.status,
		Header:                 e.header,
		Body:                   io.NopCloser(bytes.NewReader(e.answer)),
		Options:                validation,
	}
	return explain(openapi3filter.ValidateResponse(context.Background(), input))
}

func (d *description) input(e exchange, route *routers.Route, ids map[string]string) *openapi3filter.RequestValidationInput {
	request := e.request.Clone(context.Background())
	request.Body = io.NopCloser(bytes.NewReader(e.sent))
	return &openapi3filter.RequestValidationInput{Request: request, PathParams: ids, Route: route, Options: validation}
}

// validation has the validator tell everything, and take nothing that is not described.
var validation = &openapi3filter.Options{
	MultiError:                        true,
	IncludeResponseStatus:             true,
	RejectWhenRequestBodyNotSpecified: true,
	SkipSettingDefaults:               true,
	AuthenticationFunc: func(_ context.Context, in *openapi3filter.AuthenticationInput) error {
		if !strings.HasPrefix(in.RequestValidationInput.Request.Header.Get("Authorization"), "Bearer ") {
			return errors.New("there is no token")
		}
		return nil
	},
}

// explain takes an error of the validator apart, a line for each thing that is wrong.
func explain(err error) []string {
	switch e := err.(type) { //nolint:errorlint // each layer says more than what is in it
	case nil:
		return nil
	case openapi3.MultiError:
		var all []string
		for _, one := range e {
			all = append(all, explain(one)...)
		}
		return all
	case *openapi3filter.RequestError:
		where := "body"
		if e.Parameter != nil {
			where = e.Parameter.In + " " + e.Parameter.Name
		}
		return within(where, e.Reason, e.Err)
	case *openapi3filter.ResponseError:
		return within("answer", e.Reason, e.Err)
	case *openapi3.SchemaError:
		place := strings.Join(e.JSONPointer(), ".")
		if e.Origin == nil {
			return []string{place + ": " + e.Reason}
		}
		return within(place, e.Reason, e.Origin)
	}
	if inner := errors.Unwrap(err); inner != nil {
		return explain(inner)
	}
	return []string{err.Error()}
}

func within(where, reason string, err error) []string {
	inner := explain(err)
	if len(inner) == 0 {
		return []string{where + ": " + reason}
	}
	for i := range inner {
		inner[i] = where + " " + inner[i]
	}
	return inner
}

// strangers finds the fields that no schema knows. The validator passes over them, but a field
// that Intercom does not know has no effect there.
func strangers(place string, value any, schemas ...*openapi3.SchemaRef) []string {
	var problems []string
	switch v := value.(type) {
	case []any:
		var items []*openapi3.SchemaRef
		for _, s := range parts(schemas) {
			if s.Items != nil {
				items = append(items, s.Items)
			}
		}
		for i, item := range v {
			problems = append(problems, strangers(fmt.Sprintf("%s.%d", place, i), item, items...)...)
		}
	case map[string]any:
		free := false // or only the fields that are described
		fields := map[string][]*openapi3.SchemaRef{}
		for _, s := range parts(schemas) {
			free = free || s.AdditionalProperties.Schema != nil
			for name, field := range s.Properties {
				fields[name] = append(fields[name], field)
			}
		}
		for name, inner := range v {
			known := fields[name]
			if len(known) == 0 && len(fields) > 0 && !free {
				problems = append(problems, fmt.Sprintf("%s.%s: the description has no such field", place, name))
			}
			problems = append(problems, strangers(place+"."+name, inner, known...)...)
		}
	}
	slices.Sort(problems)
	return problems
}

// parts are the schemas and those that they are made of.
func parts(schemas []*openapi3.SchemaRef) (all []*openapi3.Schema) {
	for _, s := range schemas {
		all = append(all, s.Value)
		all = append(all, parts(slices.Concat(s.Value.AllOf, s.Value.OneOf, s.Value.AnyOf))...)
	}
	return all
}

func decoded(b []byte) (v any) {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	_ = dec.Decode(&v)
	return v
}

// example is an answer that the description shows. One of a success may have no body.
type example struct {
	status int
	body   []byte
}

// examples are the answers that the description shows for an operation: those of a success, or
// those that refuse.
func (d *description) examples(operation string, refusals bool) (all []example, err error) {
	responses := operationOf(d.document, operation).Responses.Map()
	for _, code := range slices.Sorted(maps.Keys(responses)) {
		status, err := strconv.Atoi(code)
		if err != nil || (status >= 400) != refusals {
			continue
		}
		content := responses[code].Value.Content.Get("application/json")
		if content == nil || len(content.Examples) == 0 {
			all = append(all, example{status: status})
			continue
		}
		for _, name := range slices.Sorted(maps.Keys(content.Examples)) {
			body, err := json.Marshal(content.Examples[name].Value.Value)
			if err != nil {
				return nil, err
			}
			all = append(all, example{status, body})
		}
	}
	return all, nil
}

// recorder is a network of one API inside the process. It keeps every exchange.
type recorder struct {
	api  http.Handler
	seen []exchange
}

// RoundTrip implements http.RoundTripper.
func (r *recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	e := exchange{request: req.Clone(req.Context())}
	if req.Body != nil {
		var err error
		if e.sent, err = io.ReadAll(req.Body); err != nil {
			return nil, err
		}
	}
	served := req.Clone(req.Context())
	served.Body = io.NopCloser(bytes.NewReader(e.sent))
	served.Host, served.TLS = req.URL.Host, &tls.ConnectionState{} // as a server over HTTPS has it
	w := httptest.NewRecorder()
	r.api.ServeHTTP(w, served)
	e.status, e.header, e.answer = w.Code, w.Header().Clone(), w.Body.Bytes()
	r.seen = append(r.seen, e)
	return w.Result(), nil
}

// client is a client of the API behind the recorder.
func (r *recorder) client(t *testing.T, base, token string) *intercom.Client {
	t.Helper()
	c, err := intercom.New(intercom.Options{
		BaseURL: base, Token: token, Budget: unlimited{},
		HTTP: &http.Client{Transport: r},
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// unlimited is a budget that lets every call pass, also after a refusal.
type unlimited struct{}

func (unlimited) Take(ctx context.Context, _ intercom.Priority) error { return ctx.Err() }
func (unlimited) Report(intercom.Usage)                               {}
