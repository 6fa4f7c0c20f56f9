package workspace

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"switchboard/internal/diag"
	"switchboard/internal/intercom"
	"switchboard/internal/rules"
	"switchboard/internal/simulator"
)

// desk is an Intercom with names of every kind, in a synctest bubble.
type desk struct {
	*simulator.Simulator
	client  *intercom.Client
	contact string
}

// atDesk runs fn with a desk whose answers went through wrap; nil for none.
func atDesk(t *testing.T, wrap func(http.Handler) http.Handler, fn func(d *desk)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		sim := simulator.New(simulator.Options{Token: "token", Secret: "secret"})
		conns, handler := simulator.NewPipeListener(), sim.Handler()
		if wrap != nil {
			handler = wrap(handler)
		}
		server := &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute}
		go func() { _ = server.Serve(conns) }()
		api := conns.Client()
		client, err := intercom.New(intercom.Options{
			BaseURL: "http://intercom", Token: "token", HTTP: api, Budget: intercom.NewMemoryBudget(intercom.BudgetOptions{}),
		})
		if err != nil {
			t.Fatal(err)
		}
		d := &desk{Simulator: sim, client: client}
		d.fill()
		defer func() { // also when fn fails
			api.CloseIdleConnections()
			_ = sim.Close()
			_ = server.Close()
			synctest.Wait()
		}()
		fn(d)
	})
}

func (d *desk) fill() {
	d.AddAdmin(simulator.Admin{ID: "11", Name: "Ada Quinn", Email: "ada@acme.test"})
	d.AddAdmin(simulator.Admin{ID: "12", Name: "Ben Ode", Email: "ben@acme.test", Away: true})
	d.AddAdmin(simulator.Admin{ID: "13", Name: "Ben Ode", Email: "ben.ode@acme.test"})
	d.AddAdmin(simulator.Admin{ID: "14", Name: "Watcher", Email: "watcher@acme.test", NoInboxSeat: true})
	d.AddAdmin(simulator.Admin{ID: "15", Name: "11", Email: "number@acme.test"}) // called as another's id
	d.AddTeam(simulator.Team{ID: "814", Name: "Finance"})
	d.AddTeam(simulator.Team{ID: "815", Name: "Support"})
	d.AddTeam(simulator.Team{ID: "816", Name: "support "})
	for _, tag := range []string{"VIP", "Refund", "Feature request"} {
		d.AddTag(tag)
	}
	d.AddTicketType(simulator.TicketType{ID: "71", Name: "Bug", Attributes: []simulator.TicketAttribute{
		{Name: "Severity", Type: "list", Items: []simulator.ListItem{{ID: "1", Label: "Low"}, {ID: "2", Label: "High"}}},
		{Name: "Count", Type: "integer"},
		{Name: "Seen", Type: "boolean"},
	}})
	d.AddTicketType(simulator.TicketType{ID: "72", Name: "Back office", Category: simulator.CategoryBackOffice, Attributes: []simulator.TicketAttribute{
		{Name: "Count", Type: "string"},
	}})
	d.AddTicketType(simulator.TicketType{ID: "73", Name: "Old type", Archived: true})
	for _, a := range []simulator.Attribute{
		{Model: "contact", Name: "plan", Options: []string{"free", "pro", "enterprise"}},
		{Model: "contact", Name: "seats", Type: "integer"},
		{Model: "contact", Name: "score", Type: "float"},
		{Model: "contact", Name: "beta", Type: "boolean"},
		{Model: "contact", Name: "renewal", Type: "date"},
		{Model: "contact", Name: "city", Type: "string"},
		{Model: "contact", Name: "fax", Archived: true},
		{Model: "company", Name: "tier"},
		{Model: "conversation", Name: "Order"},
		{Model: "conversation", Name: "Urgent", Type: "boolean"},
	} {
		d.AddAttribute(a)
	}
	d.contact = d.AddContact(simulator.Contact{Name: "Carla Mendes", Email: "carla@example.com"})
}

// snapshot reads the names and takes them through a file.
func (d *desk) snapshot(t *testing.T) *Snapshot {
	t.Helper()
	s, missing, err := Read(context.Background(), d.client, time.Now())
	if err != nil || len(missing) > 0 {
		t.Fatal(err, missing)
	}
	var file bytes.Buffer
	if err := s.Write(&file); err != nil {
		t.Fatal(err)
	}
	back, err := Decode("workspace.json", &file)
	if err != nil {
		t.Fatal(err)
	}
	return back
}

// parse makes rules of a text.
func parse(t testing.TB, text string) *rules.Ruleset {
	t.Helper()
	rs, problems := rules.Parse([]rules.Source{{Name: "rules.yaml", Text: []byte(text)}})
	if rs == nil {
		var b strings.Builder
		_ = diag.WriteText(&b, problems, false)
		t.Fatalf("%s\n%s", b.String(), text)
	}
	return rs
}

// told are problems in a line each, without their place.
func told(problems []diag.Problem) string {
	lines := make([]string, len(problems))
	for i, p := range problems {
		lines[i] = fmt.Sprintf("%s %s: %s", p.Severity, p.Code, p.Message)
		if p.Hint != "" {
			lines[i] += " (" + p.Hint + ")"
		}
	}
	return strings.Join(lines, "\n")
}

// golden compares with a file in testdata; UPDATE=1 writes it.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := "testdata/" + name
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s is another; UPDATE=1 writes it anew. Got:\n%s", path, got)
	}
}
