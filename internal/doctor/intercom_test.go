package doctor

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"switchboard/internal/intercom"
	"switchboard/internal/operations"
	"switchboard/internal/simulator"
)

const rulesText = `version: 1
settings: { admin: hana@acme.test }
rules:
  - name: seen
    when: [conversation.user.created, conversation.user.replied]
    then: [tag: Refund, assign: { team: Finance }]
`

// setUp is a set-up with rules and a simulated Intercom.
type setUp struct {
	*Patient
	t   *testing.T
	sim *simulator.Simulator
}

func newSetUp(t *testing.T, rules string, o simulator.Options) *setUp {
	t.Helper()
	path := filepath.Join(t.TempDir(), "rules.yaml")
	if err := os.WriteFile(path, []byte(rules), 0o600); err != nil {
		t.Fatal(err)
	}
	o.Token = "t"
	sim := simulator.New(o)
	simulator.DemoWorkspace(sim)
	sim.AddTag("Refund")
	api := httptest.NewServer(sim.Handler())
	t.Cleanup(api.Close)
	p := patientOf(healthy())
	p.Workspaces = []*Workspace{{Rules: []string{path}, Region: "us", Client: clientAt(map[string]string{"": api.URL, "us": api.URL}, "t")}}
	return &setUp{p, t, sim}
}

// clientAt makes clients for the addresses of regions; nobody answers in the others.
func clientAt(regions map[string]string, token string) func(string) (*intercom.Client, error) {
	return func(region string) (*intercom.Client, error) {
		at := regions[region]
		if at == "" {
			at = "http://127.0.0.1:1"
		}
		return intercom.New(intercom.Options{BaseURL: at, Token: token, Budget: intercom.Unpaced{}})
	}
}

func (s *setUp) want(check, text string) {
	s.t.Helper()
	if got := said(s.t, check, s.Patient); !strings.HasPrefix(got, text) {
		s.t.Errorf("%s says\n%s\nwant\n%s", check, got, text)
	}
}

func TestChecks_of_Intercom(t *testing.T) {
	s := newSetUp(t, rulesText, simulator.Options{})
	for check, want := range map[string]string{
		"rules": "ok: 1 rule", "intercom": "ok: the token is that of Ops Bot in Simulated workspace (demo1234)",
		"clock": "ok: ", "permissions": "ok: ", "names": "ok: all names", "admin": "ok: actions are made as Hana Novak",
	} {
		s.want(check, want)
	}
}

func TestRules_wrong(t *testing.T) {
	s := newSetUp(t, "version: 1\nrules: [{ name: x, when: conversation.user.created, then: [tag: X], iff: true }]\n", simulator.Options{})
	s.want("rules", "error: the rules have 1 error; the first: ")
	s.want("names", "note: not looked at: see rules")
	s = newSetUp(t, strings.Replace(rulesText, "[conversation.user.created,", "[conversation.usr.created,", 1), simulator.Options{})
	s.want("rules", "note: the rules have 1 warning")
	s = newSetUp(t, rulesText, simulator.Options{})
	if err := os.Chmod(s.Workspaces[0].Rules[0], 0o666); err != nil { //nolint:gosec // which is what is complained of
		t.Fatal(err)
	}
	s.want("rules", "warning: "+s.Workspaces[0].Rules[0]+" can be changed by everybody")
	s = newSetUp(t, rulesText, simulator.Options{})
	s.Workspaces[0].Rules = []string{"missing.yaml"}
	s.want("rules", "error: ")
}

func TestIntercom_unreachable_and_elsewhere(t *testing.T) {
	s := newSetUp(t, rulesText, simulator.Options{})
	s.sim.Outage(true)
	s.want("intercom", "error: Intercom cannot be reached: GET /me: 503")
	s.want("clock", "note: not looked at: see intercom")

	s = newSetUp(t, rulesText, simulator.Options{})
	s.Workspaces[0].ID = "another"
	s.want("intercom", "error: the access token belongs to Simulated workspace (demo1234), and not to another")

	// A wrong region looks like a wrong token: whoever knows the token says which region it is.
	us := httptest.NewServer(simulator.New(simulator.Options{Token: "somebody else's"}).Handler())
	eu := httptest.NewServer(simulator.New(simulator.Options{Token: "t", Region: "EU"}).Handler())
	defer us.Close()
	defer eu.Close()
	s = newSetUp(t, rulesText, simulator.Options{})
	s.Workspaces[0].Client = clientAt(map[string]string{"": us.URL, "us": us.URL, "eu": eu.URL}, "t")
	s.want("intercom", "error: the access token is of the region eu, and the settings say us")
	s = newSetUp(t, rulesText, simulator.Options{})
	s.Workspaces[0].Client = clientAt(map[string]string{"": us.URL, "us": us.URL}, "t")
	s.want("intercom", "error: Intercom refuses the access token: GET /me: 401 Unauthorized")
}

func TestClock_wrong(t *testing.T) {
	s := newSetUp(t, rulesText, simulator.Options{Skew: -2 * time.Minute})
	s.Ask = unasked
	s.want("clock", "error: the clock of this machine is 2m")
	s = newSetUp(t, rulesText, simulator.Options{})
	d := healthy()
	d.Workspaces[0].AheadSeconds = 9
	s.Ask = patientOf(d).Ask
	s.want("clock", "warning: the clock that the service goes by is 9s behind Intercom's")
}

func TestPermissions_missing(t *testing.T) {
	forbid := func(endpoint string) simulator.Options {
		return simulator.Options{Faults: simulator.Faults{Rules: []simulator.Fault{{Kind: simulator.Forbidden, Endpoint: endpoint}}}}
	}
	newSetUp(t, rulesText, forbid("POST /conversations/search")).want("permissions", `error: the token lacks the permission "Read conversations"`)
	newSetUp(t, rulesText, forbid("POST /tickets/search")).want("permissions", "ok: ") // no rule is about tickets
}

func TestNames_and_admin(t *testing.T) {
	s := newSetUp(t, strings.NewReplacer("Finance", "Finanse", "hana@", "hanna@").Replace(rulesText), simulator.Options{})
	s.want("names", "error: "+s.Workspaces[0].Rules[0]+`:2: no admin "hanna@acme.test" in the workspace`)
	s.want("admin", "error: hanna@acme.test, whom actions are made as, is no teammate")

	var many strings.Builder
	many.WriteString("version: 1\nrules:\n  - name: x\n    when: conversation.user.created\n    then:\n")
	for range 9 {
		many.WriteString("      - untag: Nothing\n      - assign: { team: Nowhere }\n")
	}
	s = newSetUp(t, many.String(), simulator.Options{})
	if got := said(t, "names", s.Patient); strings.Count(got, "\n") != mostNames || !strings.Contains(got, "note: and 13 more") {
		t.Errorf("%s", got)
	}

	s = newSetUp(t, strings.Replace(rulesText, "settings: { admin: hana@acme.test }\n", "", 1), simulator.Options{
		Admin: simulator.Admin{Name: "Ops Bot", Email: "ops-bot@acme.test", NoInboxSeat: true},
	})
	s.want("admin", "error: Ops Bot, whom actions are made as, has no inbox seat")
}

func TestTopics(t *testing.T) {
	s := newSetUp(t, rulesText, simulator.Options{})
	s.want("topics", "warning: in 10 days there was no conversation.user.replied, to which rules listen")
	d := healthy()
	d.Workspaces[0].Arrivals.Since = now.Add(-5 * time.Hour)
	s = newSetUp(t, rulesText, simulator.Options{})
	s.Ask = patientOf(d).Ask
	s.want("topics", "note: in 5 hours there was no conversation.user.replied")
	d.Workspaces[0].Arrivals.Topics["conversation.user.replied"] = now
	s = newSetUp(t, rulesText, simulator.Options{})
	s.Ask = patientOf(d).Ask
	s.want("topics", "ok: every topic")
	s = newSetUp(t, strings.Replace(rulesText, "[conversation.user.created, conversation.user.replied]", "conversation.user.*", 1), simulator.Options{})
	s.want("topics", "ok: every topic")
}

// What a rule that is off listens to need not be subscribed.
func TestTopics_of_rules_that_are_off(t *testing.T) {
	s := newSetUp(t, strings.Replace(rulesText, "    then:", "    state: off\n    then:", 1), simulator.Options{})
	s.want("topics", "ok: every topic")
}

func TestReload_other_rules(t *testing.T) {
	newSetUp(t, rulesText, simulator.Options{}).want("reload", "warning: the service decides by other rules (abc) than those here (")
}

// Customers who wrote since the last notification show that the subscription is paused, unless a notification
// may still be on its way.
func TestMissed_customers_wrote(t *testing.T) {
	for _, tt := range []struct {
		last, wrote time.Duration // ago
		want        string
	}{
		{3 * time.Hour, time.Hour, "warning: customers wrote in 1 conversation since the last notification, and none told of it"},
		{3 * time.Hour, 4 * time.Hour, "ok: "},
		{3 * time.Hour, time.Minute, "ok: "},
	} {
		s := newSetUp(t, rulesText, simulator.Options{})
		customer := s.sim.AddContact(simulator.Contact{Name: "Ada", Email: "ada@acme.test"})
		if _, err := s.sim.CustomerStarts(customer, "hello"); err != nil {
			t.Fatal(err)
		}
		later := time.Now().Add(tt.wrote) // it is tt.wrote later by now
		d := healthy()
		d.Now = later
		d.Workspaces[0].SearchedThrough = later
		d.Workspaces[0].Arrivals.Last = later.Add(-tt.last)
		s.Ask, s.Now = patientOf(d).Ask, func() time.Time { return later }
		s.want("missed", tt.want)
	}
}

func unasked(context.Context) (operations.Diagnosis, error) {
	return operations.Diagnosis{}, errors.New("nobody listens")
}

func TestPublicURL(t *testing.T) {
	answer := http.StatusOK
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method != http.MethodHead:
			answer = http.StatusTeapot
		case r.URL.Path == "/elsewhere": // Intercom does not follow
			w.WriteHeader(http.StatusOK)
			return
		}
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(answer)
	}))
	defer server.Close()
	expires := server.Certificate().NotAfter
	p := patientOf(healthy())
	check := func(want string) {
		t.Helper()
		if got := said(t, "public-url", p); !strings.HasPrefix(got, want) {
			t.Errorf("public-url says\n%s\nwant\n%s", got, want)
		}
	}
	check("note: not looked at: no address is given")
	p.PublicURL = server.URL + "/webhooks/intercom"
	check("error: the certificate of " + p.PublicURL + " is not accepted")
	p.Transport = server.Client().Transport
	check("ok: " + p.PublicURL + " answers, and its certificate is good until")
	p.Now = func() time.Time { return expires.Add(-10 * 24 * time.Hour) }
	check("warning: the certificate expires in 10 days")
	p.Now = func() time.Time { return expires.Add(-24 * time.Hour) }
	check("error: the certificate expires in 24 hours")
	p.Now = func() time.Time { return now }
	for _, answer = range []int{http.StatusNotFound, http.StatusMovedPermanently} {
		check("error: " + p.PublicURL + " answers a HEAD request with")
	}
	server.Close()
	check("error: " + p.PublicURL + " does not answer")
	p.PublicURL = "http://hooks.acme.test/webhooks/intercom"
	check("error: Intercom sends to https addresses only")
}

func TestMissed_forbidden(t *testing.T) {
	s := newSetUp(t, rulesText, simulator.Options{Faults: simulator.Faults{Rules: []simulator.Fault{{Kind: simulator.Forbidden, Endpoint: "POST /conversations/search"}}}})
	s.want("missed", "note: not looked at: see permissions")
}
