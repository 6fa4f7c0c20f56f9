package console

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/go-chi/chi/v5"

	"switchboard/internal/operations"
	"switchboard/internal/store"
)

// A page shows what one question is answered, and the API answers the same as JSON: whatever people see, a
// program can ask for. Adding a line to pages() is all that a new one needs, beside its template.
type page struct {
	path     string // of the page; that of the API is /api/v1 + path
	template string
	title    string
	search   bool // it has a form to search with
	ask      func(context.Context, operations.Reader, *store.Store, url.Values) (any, error)
}

func pages() []page {
	return []page{
		{"/events", "events.html", "Events", true, question(operations.Reader.Events)},
		{"/events/{event}", "event.html", "Event", false, question(operations.Reader.Event)},
		{"/subjects/{kind}/{number}", "subject.html", "Conversation", false, question(operations.Reader.Conversation)},
		{"/actions", "actions.html", "Actions", true, question(operations.Reader.Actions)},
		{"/actions/{id}", "action.html", "Action", false, question(operations.Reader.Action)},
		{"/timers", "timers.html", "Timers", true, question(operations.Reader.Timers)},
	}
}

// question is a question whose request comes from the query of an address.
func question[Request, Answer any](
	ask func(operations.Reader, context.Context, *store.Store, Request) (Answer, error),
) func(context.Context, operations.Reader, *store.Store, url.Values) (any, error) {
	return func(ctx context.Context, reader operations.Reader, s *store.Store, values url.Values) (any, error) {
		request, err := fromQuery[Request](values)
		if err != nil {
			return nil, err
		}
		return ask(reader, ctx, s, request)
	}
}

// titled is an answer that a page is named after.
func titled(answer any, otherwise string) string {
	switch answer := answer.(type) {
	case operations.EventAnswer:
		return answer.Topic
	case operations.SubjectAnswer:
		return answer.Subject
	case operations.ActionAnswer:
		return answer.Summary
	}
	return otherwise
}

// view is what the template of a page gets.
type view struct {
	shell
	Title string
	// Path and Query are where the page is, and Values what was asked for: the fields of the address, and of the
	// query those that are not empty.
	Path   string
	Values url.Values
	// Answer is nil if Refused says why there is none.
	Answer  any
	Refused string
	// Choices are what to choose from in the form of a search.
	Choices operations.ChoicesAnswer
}

// With is the address of the page with another value of a field; without the field if the value is empty. The
// page of a list begins anew.
func (v view) With(key string, value any) string {
	values := url.Values{}
	for k, list := range v.Values {
		if k != "before" && k != "after" {
			values[k] = list
		}
	}
	values.Del(key)
	switch value := value.(type) {
	case string:
		if value != "" {
			values.Set(key, value)
		}
	case int64:
		values.Set(key, strconv.FormatInt(value, 10))
	}
	if len(values) == 0 {
		return v.Path
	}
	return v.Path + "?" + values.Encode()
}

// Get is the first value of a field.
func (v view) Get(key string) string { return v.Values.Get(key) }

// Filtered tells whether something is searched for.
func (v view) Filtered() bool {
	for key := range v.Values {
		if key != "before" && key != "after" && key != "limit" {
			return true
		}
	}
	return false
}

func (c *Console) showPage(p page) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		v := view{shell: c.shell(r), Title: p.title, Path: r.URL.Path, Values: present(r.URL.Query())}
		answer, err := c.ask(p, r)
		status, words := wordsOf(err)
		switch {
		case words != "":
			v.Refused = words
		case err != nil:
			return err
		default:
			status, v.Answer, v.Title = http.StatusOK, answer, titled(answer, p.title)
		}
		if !p.search {
			return c.showStatus(w, status, p.template, v)
		}
		v.Choices, err = c.o.Reader.Choices(r.Context(), c.o.Store, operations.ChoicesRequest{Workspace: v.Get("workspace")})
		if _, refused := errors.AsType[refusal](err); err != nil && !refused {
			return err
		}
		return c.showStatus(w, status, p.template, v)
	}
}

func (c *Console) answerPage(p page) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		answer, err := c.ask(p, r)
		if status, words := wordsOf(err); words != "" {
			return answerJSON(w, status, problem{words})
		}
		if err != nil {
			return err
		}
		return answerJSON(w, http.StatusOK, answer)
	}
}

// ask asks the question of a page. Who may not see what customers wrote gets an answer without it.
func (c *Console) ask(p page, r *http.Request) (any, error) {
	answer, err := p.ask(r.Context(), c.o.Reader, c.o.Store, asked(r))
	if err == nil && c.hides(r.Context()) {
		return withoutText(answer)
	}
	return answer, err
}

// asked are the fields of a question: those of the query, and those that the path names.
func asked(r *http.Request) url.Values {
	values := present(r.URL.Query())
	params := chi.RouteContext(r.Context()).URLParams
	for i, key := range params.Keys {
		if key == "*" {
			continue
		}
		value, err := url.PathUnescape(params.Values[i])
		if err != nil {
			value = params.Values[i]
		}
		values[key] = []string{value}
	}
	if kind, number := values.Get("kind"), values.Get("number"); number != "" {
		values.Del("kind")
		values.Del("number")
		values.Set("subject", kind+"/"+number)
	}
	return values
}

// present are the values of a form that were filled in.
func present(values url.Values) url.Values {
	out := url.Values{}
	for key, list := range values {
		if value := strings.TrimSpace(list[len(list)-1]); value != "" {
			out.Set(key, value)
		}
	}
	return out
}
