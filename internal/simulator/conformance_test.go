package simulator_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"testing"

	"switchboard/internal/intercom"
	"switchboard/internal/simulator"
)

const conformanceToken = "the-token"

// published are names such as the description has in its examples; the company is one of them.
var published = names{
	admin: "991267715", team: "5017691", contact: "6762f0ad1bb69f9f2193bb62", externalID: "70",
	lead: "6762f0ad1bb69f9f2193bb63", leaver: "6762f0ad1bb69f9f2193bb64", spam: "6762f0ad1bb69f9f2193bb65",
	company: "6762f0ad1bb69f9f2193bb66", companyID: "remote_companies_scroll_2", bankrupt: "6762f0ad1bb69f9f2193bb67",
	conversation: "503", tag: "123456", ticketType: "53", backType: "54", ticket: "631", backTicket: "632", state: "8537",
	article: "45", limit: 1,
}

// Every request that the client can send is one that Intercom describes, and it understands
// every answer that the description shows.
func TestConformance_client_and_published_examples(t *testing.T) {
	d := loadDescription(t)
	d.amend(t)
	called := map[string]bool{}
	for _, call := range clientCalls {
		t.Run(call.name, func(t *testing.T) {
			called[call.method()] = true
			shown := &showing{d: d}
			for again := true; again; again = shown.next() {
				r := &recorder{api: shown}
				got, err := call.do(t.Context(), r.client(t, d.base(), conformanceToken), published)
				if err != nil {
					t.Errorf("example %d: %v", shown.at+1, err)
				}
				r.conform(t, d, d.request)
				r.sameOperation(t, d, call.method())
				r.understood(t, call.method(), got, published.limit)
			}
		})
	}
	for _, o := range intercom.Operations() {
		if !called[o.Name] {
			t.Errorf("no call here shows what %s sends", o.Name)
		}
	}
}

// The client makes an error of every refusal that the description shows, with its status, code
// and text.
func TestConformance_client_and_published_refusals(t *testing.T) {
	d := loadDescription(t)
	for _, call := range clientCalls {
		t.Run(call.name, func(t *testing.T) {
			shown := &showing{d: d, refusals: true}
			for again := true; again; again = shown.next() {
				r := &recorder{api: shown}
				_, err := call.do(t.Context(), r.client(t, d.base(), conformanceToken), published)
				if shown.n == 0 {
					return // it shows none
				}
				said, _ := decoded(r.seen[0].answer).(map[string]any)
				first, _ := said["errors"].([]any)
				e, ok := errors.AsType[*intercom.Error](err)
				if !ok || e.Status != r.seen[0].status || len(first) == 0 {
					t.Fatalf("%s became %v", r.seen[0].answer, err)
				}
				if want := first[0].(map[string]any); e.Code != want["code"] || e.Message != want["message"] || e.RequestID != text(said["request_id"]) {
					t.Errorf("%s became %+v", r.seen[0].answer, e)
				}
			}
		})
	}
}

// showing answers each call with an example of the description, the next one each time round.
type showing struct {
	d        *description
	refusals bool // else successes
	at, n    int  // the example that is shown, and how many there are
}

func (s *showing) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	route, _, err := s.d.operation(exchange{request: r})
	if err != nil {
		http.Error(w, err.Error(), http.StatusNotImplemented)
		return
	}
	examples, err := s.d.examples(nameOf(route), s.refusals)
	if s.n = len(examples); err != nil || s.n == 0 {
		http.Error(w, fmt.Sprint("there is no example: ", err), http.StatusNotImplemented)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(examples[s.at].status)
	_, _ = w.Write(examples[s.at].body)
}

func (s *showing) next() bool {
	s.at++
	return s.at < s.n
}

// Every answer of the simulator is one that Intercom describes.
func TestConformance_client_and_simulator(t *testing.T) {
	d := loadDescription(t)
	undo := d.amend(t)
	s, n := conformanceWorkspace(t)
	r := &recorder{api: s.Handler()}
	c := r.client(t, d.base(), conformanceToken)
	var all []exchange
	for _, call := range slices.Concat(clientCalls, otherCalls) {
		t.Run(call.name, func(t *testing.T) {
			r.seen = nil
			got, err := call.do(t.Context(), c, n)
			if err != nil {
				t.Error(err)
			}
			r.conform(t, d, d.request, d.answer)
			r.understood(t, call.method(), got, n.limit)
			all = append(all, r.seen...)
		})
	}
	t.Run("with names that nothing has", func(t *testing.T) {
		r.seen = nil
		refusals(t.Context(), t, c, nobody)
		r.conform(t, d, d.request, d.answer)
		all = append(all, r.seen...)
	})
	t.Run("with a token that nobody has", func(t *testing.T) {
		r := &recorder{api: s.Handler()}
		refusals(t.Context(), t, r.client(t, d.base(), "another-token"), n)
		r.conform(t, d, d.request, d.answer)
		all = append(all, r.seen...)
	})
	t.Run("every endpoint was called", func(t *testing.T) {
		var called []string
		for _, e := range s.Journal() {
			called = append(called, e.Endpoint)
		}
		for _, endpoint := range simulator.Endpoints() {
			if !slices.Contains(called, endpoint) && !slices.Contains(undescribed, endpoint) {
				t.Errorf("%s was not called", endpoint)
			}
		}
	})
	t.Run("every contradiction is needed", func(t *testing.T) {
		for i, c := range contradictions {
			undo[i]()
			if !slices.ContainsFunc(all, func(e exchange) bool { return d.isOf(e, c.operation) && len(d.problems(e)) > 0 }) {
				t.Errorf("%s conforms without the amendment of %s (%s)", c.operation, c.place, c.because)
			}
			c.apply(d.document)
		}
	})
}

// undescribed are endpoints that older texts about the API have and its description does not.
var undescribed = []string{"PATCH /contacts/{id}"}

// nobody are names that nothing has.
var nobody = names{
	admin: "1", team: "2", contact: "6762f0ad1bb69f9f2193bb62", externalID: "nobody", lead: "6762f0ad1bb69f9f2193bb62",
	leaver: "6762f0ad1bb69f9f2193bb62", spam: "6762f0ad1bb69f9f2193bb62", company: "6762f0ad1bb69f9f2193bb62", companyID: "nothing",
	bankrupt: "6762f0ad1bb69f9f2193bb62", conversation: "1", tag: "1", ticketType: "1", backType: "1", ticket: "1", backTicket: "1",
	state: "1", article: "1", limit: 1,
}

// refusals makes all calls. Those that Intercom refuses must be understood as refused.
func refusals(ctx context.Context, t *testing.T, c *intercom.Client, n names) {
	t.Helper()
	refused := 0
	for _, call := range slices.Concat(clientCalls, otherCalls) {
		_, err := call.do(ctx, c, n)
		switch class := intercom.ClassOf(err); {
		case err == nil:
			continue
		case class != intercom.Permanent && class != intercom.Credential && class != intercom.Conflict:
			t.Errorf("%s: %v, of class %v", call.name, err, class)
		}
		refused++
	}
	if refused < len(clientCalls)/2 {
		t.Errorf("only %d calls were refused", refused)
	}
}

// conform reports what is wrong with the exchanges.
func (r *recorder) conform(t *testing.T, d *description, checks ...func(exchange) []string) {
	t.Helper()
	if len(r.seen) == 0 {
		t.Error("nothing was sent")
	}
	for _, e := range r.seen {
		for _, check := range checks {
			for _, problem := range check(e) {
				t.Errorf("%s %s (%d): %s", e.request.Method, e.request.URL.Path, e.status, problem)
			}
		}
	}
}

// sameOperation holds the exchanges against what the client says of its method.
func (r *recorder) sameOperation(t *testing.T, d *description, method string) {
	t.Helper()
	i := slices.IndexFunc(intercom.Operations(), func(o intercom.Operation) bool { return o.Name == method })
	if i < 0 {
		t.Errorf("%s is no operation of the client", method)
		return
	}
	o := intercom.Operations()[i]
	for _, e := range r.seen {
		route, _, err := d.operation(e)
		if want := o.Method + " " + o.Endpoint; err == nil && withoutNames(nameOf(route)) != withoutNames(want) {
			t.Errorf("%s is said to be %s and is %s", method, want, nameOf(route))
		}
	}
}

var placeholder = regexp.MustCompile(`\{[^}]*\}`)

func withoutNames(operation string) string { return placeholder.ReplaceAllString(operation, "{}") }

// understood compares the ids in the answers with those in what the client made of them.
func (r *recorder) understood(t *testing.T, method string, got any, limit int) {
	t.Helper()
	if got == nil {
		return
	}
	ids, want := idsOf(got), []string{}
	for _, e := range r.seen {
		want = append(want, idsIn(e.answer)...)
		if object, _ := decoded(e.answer).(map[string]any); method == "CreateConversation" {
			want = []string{text(object["conversation_id"])} // the message's own id is of no use
		}
	}
	if len(ids) == limit && len(want) > limit {
		want = want[:limit]
	}
	if !slices.Equal(ids, want) {
		t.Errorf("the answer has the ids %q, the client made %q of it", want, ids)
	}
}

// conformanceWorkspace is a workspace with something of everything, and with more than a page
// of what is listed in pages.
func conformanceWorkspace(t *testing.T) (*simulator.Simulator, names) {
	t.Helper()
	s := simulator.New(simulator.Options{Token: conformanceToken, Secret: "the-secret", Seed: 1})
	t.Cleanup(func() { s.Close() })
	n := names{externalID: "c-1", companyID: "acme"}
	n.admin = s.AddAdmin(simulator.Admin{Name: "Ines", Email: "ines@acme.test"})
	n.team = s.AddTeam(simulator.Team{Name: "Finance", Admins: []string{n.admin}})
	n.company = s.AddCompany(simulator.Company{CompanyID: n.companyID, Name: "Acme", Plan: "enterprise"})
	n.bankrupt = s.AddCompany(simulator.Company{CompanyID: "gone", Name: "Gone"})
	for _, a := range []simulator.Attribute{
		{Model: "contact", Name: "plan"},
		{Model: "contact", Name: "seats", Type: "integer"},
		{Model: "contact", Name: "trial", Type: "boolean"},
		{Model: "contact", Name: "score", Type: "float"},
		{Model: "company", Name: "tier", Options: []string{"gold", "silver"}},
		{Model: "conversation", Name: "issue"},
	} {
		s.AddAttribute(a)
	}
	n.contact = s.AddContact(simulator.Contact{
		Name: "Amara Diallo", Email: "amara@acme.com", ExternalID: n.externalID, Companies: []string{n.company},
		CustomAttributes: map[string]any{"plan": "pro"},
	})
	n.lead = s.AddContact(simulator.Contact{Role: "lead", Email: "lee@example.com", Name: "Lee"})
	n.leaver = s.AddContact(simulator.Contact{Email: "leaver@example.com"})
	n.spam = s.AddContact(simulator.Contact{Role: "lead", Email: "spam@example.com"})
	n.tag = s.AddTag("VIP")
	attributes := []simulator.TicketAttribute{
		{Name: "Severity", Type: "list", Items: []simulator.ListItem{{ID: "1", Label: "Low"}, {ID: "2", Label: "High"}}},
		{Name: "Count", Type: "integer"},
		{Name: "Urgent", Type: "boolean"},
	}
	n.ticketType = s.AddTicketType(simulator.TicketType{Name: "Refund", Attributes: attributes})
	n.backType = s.AddTicketType(simulator.TicketType{Name: "Task", Category: simulator.CategoryBackOffice, Attributes: attributes})
	n.state = s.TicketStates()[1].ID
	n.article = s.AddArticle(simulator.Article{Title: "How refunds work", Body: "<p>It takes five days.</p>"})
	must := func(id string, err error) string {
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	n.conversation = must(s.CustomerStarts(n.contact, "I would like a refund"))
	n.ticket = must(s.CustomerOpensTicket(n.contact, n.ticketType, map[string]any{"_default_title_": "Refund"}))
	n.backTicket = must(s.CustomerOpensTicket(n.contact, n.backType, nil))
	for i := range 60 {
		company := s.AddCompany(simulator.Company{CompanyID: fmt.Sprint("c", i), Name: fmt.Sprint("Company ", i)})
		s.AddContact(simulator.Contact{Email: fmt.Sprintf("c%d@example.com", i), Companies: []string{company}})
		s.AddArticle(simulator.Article{Title: fmt.Sprint("More about refunds ", i)})
		must(s.CustomerOpensTicket(n.spam, n.ticketType, nil))
	}
	for range 151 {
		must(s.CustomerStarts(n.spam, "Buy tea"))
	}
	return s, n
}
