package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"switchboard/internal/event"
	"switchboard/internal/intercom"
	"switchboard/internal/rules"
)

// api is an Intercom that answers each call with what is set for its method and path.
type api struct {
	mu      sync.Mutex
	answers map[string]string        // "GET /contacts/1": the body, or a status such as "404"
	calls   []string                 // with query and body
	answer  func(call string) string // instead of answers, if set
}

func (a *api) RoundTrip(r *http.Request) (*http.Response, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	call := r.Method + " " + r.URL.Path
	full := r.Method + " " + r.URL.RequestURI()
	if r.Body != nil {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		if len(body) > 0 {
			full += " " + strings.TrimSpace(string(body))
		}
	}
	a.calls = append(a.calls, full)
	answer, ok := a.answers[call]
	switch {
	case a.answer != nil:
		answer = a.answer(call)
	case !ok:
		answer = "404"
	}
	w := httptest.NewRecorder()
	w.Header().Set("Content-Type", "application/json")
	var status int
	if _, err := fmt.Sscanf(answer, "%3d", &status); err == nil {
		w.WriteHeader(status)
		_, code, _ := strings.Cut(answer, " ")
		answer = fmt.Sprintf(`{"type":"error.list","errors":[{"code":%q,"message":"about jo@globex.test"}]}`, code)
	}
	_, _ = w.WriteString(answer)
	return w.Result(), nil
}

func (a *api) made() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	list := strings.Join(a.calls, "\n")
	a.calls = nil
	return list
}

// newTestFacts reads facts from a; ready is asked before each call.
func newTestFacts(t *testing.T, a *api, ready func() time.Time) *Facts {
	t.Helper()
	client, err := intercom.New(intercom.Options{
		BaseURL: "http://api.intercom.test", Token: "t0ken", Budget: intercom.NewMemoryBudget(intercom.BudgetOptions{}),
		HTTP: &http.Client{Transport: a},
	})
	if err != nil {
		t.Fatal(err)
	}
	if ready == nil {
		ready = func() time.Time { return time.Time{} }
	}
	return NewFacts(client, intercom.NewDirectory(client, intercom.DirectoryOptions{}), ready, time.Minute)
}

func contactAsked(id string) rules.Question { return rules.Question{Kind: rules.AskContact, ID: id} }

// Contacts are kept for a short time, and no longer than until something happens to them.
func TestFacts_contacts_are_kept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &api{answers: map[string]string{"GET /contacts/1": `{"type":"contact","id":"1","role":"user"}`}}
		f := newTestFacts(t, a, nil)
		read := func() string {
			answer, err := f.Look(t.Context(), contactAsked("1"))
			if err != nil || !strings.Contains(string(answer), `"user"`) {
				t.Errorf("%s, %v", answer, err)
			}
			return a.made()
		}
		for _, step := range []struct {
			do    func()
			calls string
		}{
			{func() {}, "GET /contacts/1"},
			{func() {}, ""},
			{func() { f.forget(event.Event{Subject: "contact/2"}) }, ""},
			{func() { f.forget(event.Event{Subject: "contact/1"}) }, "GET /contacts/1"},
			{func() { time.Sleep(2 * time.Minute) }, "GET /contacts/1"}, // of the bubble's clock
		} {
			step.do()
			if got := read(); got != step.calls {
				t.Errorf("called %q, want %q", got, step.calls)
			}
		}
	})
}

// Every kind of question is one call; what changes with every event is read anew.
func TestFacts_questions(t *testing.T) {
	for _, tt := range []struct {
		question rules.Question
		answers  map[string]string
		want     string // in the answer
		calls    string
		kept     bool
	}{
		{contactAsked("1"), map[string]string{"GET /contacts/1": `{"type":"contact","id":"1"}`}, `"id":"1"`, "GET /contacts/1", true},
		{
			rules.Question{Kind: rules.AskCompanies, ID: "1"},
			map[string]string{"GET /contacts/1/companies": `{"type":"list","data":[{"id":"c1"}]}`},
			`"c1"`, "GET /contacts/1/companies", true,
		},
		{
			rules.Question{Kind: rules.AskConversation, ID: "5"},
			map[string]string{"GET /conversations/5": `{"type":"conversation","id":"5"}`},
			`"5"`, "GET /conversations/5", false,
		},
		{
			rules.Question{Kind: rules.AskTicket, ID: "9"},
			map[string]string{"GET /tickets/9": `{"type":"ticket","id":"9"}`},
			`"9"`, "GET /tickets/9", false,
		},
		{
			rules.Question{Kind: rules.AskArticles, Search: "refund policy", Limit: 1},
			map[string]string{
				"GET /articles/search": `{"type":"list","data":{"articles":[{"id":"55","title":"Refunds","body":"<p>long</p>","url":"https://help.acme.test/55",
					"updated_at":1734537306},{"id":"56"}],"highlights":[]},"pages":{"page":1,"total_pages":1}}`,
			},
			`[{"id":"55","title":"Refunds","description":"","body":"","state":"","url":"https://help.acme.test/55"`,
			"GET /articles/search?phrase=refund+policy&state=published", true,
		},
		{
			rules.Question{Kind: rules.AskContacts, Search: `{"field":"email","operator":"=","value":"jo@globex.test"}`, Limit: 10},
			map[string]string{
				"POST /contacts/search": `{"type":"list","data":[{"type":"contact","id":"1","custom_attributes":{"plan":"pro"}}],"pages":{}}`,
			},
			`[{"type":"contact","id":"1","custom_attributes":{"plan":"pro"}}]`,
			`POST /contacts/search {"query":{"field":"email","operator":"=","value":"jo@globex.test"},"pagination":{"per_page":10}}`, true,
		},
		{
			rules.Question{
				Kind:   rules.AskConversations,
				Search: `{"operator":"AND","value":[{"field":"admin_assignee_id","operator":"=","value":9007199254740993},{"field":"open","operator":"=","value":true}]}`,
				Limit:  1,
			},
			map[string]string{"POST /conversations/search": `{"type":"conversation.list","conversations":[{"id":"5"},{"id":"6"}],"pages":{"next":{"starting_after":"x"}}}`},
			`[{"id":"5"}]`,
			`POST /conversations/search {"query":{"operator":"AND","value":[{"field":"admin_assignee_id","operator":"=","value":9007199254740993},` +
				`{"field":"open","operator":"=","value":true}]},"pagination":{"per_page":1}}`, false,
		},
	} {
		t.Run(tt.question.Key(), func(t *testing.T) {
			a := &api{answers: tt.answers}
			f := newTestFacts(t, a, nil)
			answer, err := f.Look(t.Context(), tt.question)
			if err != nil || !strings.Contains(string(answer), tt.want) || !json.Valid(answer) {
				t.Fatalf("%s, %v", answer, err)
			}
			if got := a.made(); got != tt.calls {
				t.Errorf("called %q, want %q", got, tt.calls)
			}
			if again, err := f.Look(t.Context(), tt.question); string(again) != string(answer) || err != nil {
				t.Errorf("and again %s, %v", again, err)
			}
			if got := a.made(); (got == "") != tt.kept {
				t.Errorf("the second time called %q", got)
			}
		})
	}
}

// What does not exist is nothing; what is refused is not available; anything else may pass
// (I6). No error tells what was searched for (I10).
func TestFacts_errors(t *testing.T) {
	for _, question := range []rules.Question{
		contactAsked("1"),
		{Kind: rules.AskConversation, ID: "1"},
		{Kind: rules.AskCompanies, ID: "1"},
		{Kind: rules.AskTicket, ID: "1"},
		{Kind: rules.AskArticles, Search: "jo@globex.test", Limit: 5},
		{Kind: rules.AskContacts, Search: `{"field":"email","operator":"=","value":"jo@globex.test"}`, Limit: 5},
		{Kind: rules.AskConversations, Search: `{"field":"source.author.email","operator":"=","value":"jo@globex.test"}`, Limit: 5},
	} {
		path := map[rules.QuestionKind]string{
			rules.AskContact: "GET /contacts/1", rules.AskConversation: "GET /conversations/1", rules.AskCompanies: "GET /contacts/1/companies",
			rules.AskTicket: "GET /tickets/1", rules.AskArticles: "GET /articles/search",
			rules.AskContacts: "POST /contacts/search", rules.AskConversations: "POST /conversations/search",
		}[question.Kind]
		for answer, want := range map[string]string{
			"404 not_found": "nothing", "400 parameter_invalid": "unavailable", "500 server_error": "error",
			"429 rate_limit_exceeded": "error", "401 unauthorized": "error", "403 api_plan_restricted": "error",
		} {
			t.Run(string(question.Kind)+" "+answer, func(t *testing.T) {
				f := newTestFacts(t, &api{answers: map[string]string{path: answer}}, nil)
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				got, err := f.Look(ctx, question)
				what := "error"
				switch {
				case err == nil && got == nil:
					what = "nothing"
				case errors.As(err, new(*rules.UnavailableError)):
					what = "unavailable"
				case err == nil:
					what = string(got)
				}
				if what != want {
					t.Errorf("%s (%v), want %s", what, err, want)
				}
				if err != nil && question.Search != "" && strings.Contains(err.Error(), "globex") {
					t.Errorf("the error tells what was searched: %v", err)
				}
			})
		}
	}
}

// While the budget is spent nothing is read, and the event waits until it is not (I5). What is
// known already can be used.
func TestFacts_I5_nothing_is_read_while_the_budget_is_spent(t *testing.T) {
	a := &api{answers: map[string]string{"GET /contacts/1": `{"type":"contact","id":"1"}`}}
	var until time.Time
	f := newTestFacts(t, a, func() time.Time { return until })
	if _, err := f.Look(t.Context(), contactAsked("1")); err != nil {
		t.Fatal(err)
	}
	until = time.Now().Add(time.Hour)
	a.made()
	_, err := f.Look(t.Context(), contactAsked("2"))
	if spent, ok := errors.AsType[*notYetError](err); !ok || spent.wait > time.Hour || spent.wait < time.Hour-time.Minute || a.made() != "" {
		t.Errorf("%v", err)
	}
	if _, err := f.Look(t.Context(), contactAsked("1")); err != nil {
		t.Error(err)
	}
}
