package app_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"switchboard/internal/actions"
	"switchboard/internal/simulator"
	"switchboard/internal/store"
)

// TestEverything runs one rules file with every action and every look-up, and looks for each
// effect in the simulator's state.
func TestEverything(t *testing.T) {
	t.Parallel()
	hook := newReceiver(t)
	text, err := os.ReadFile("testdata/everything.yaml")
	if err != nil {
		t.Fatal(err)
	}
	rules := strings.ReplaceAll(string(text), "http://127.0.0.1:9", hook.server.URL)
	for _, kind := range actions.Names() {
		if !strings.Contains(rules, "- "+kind+":") && !strings.Contains(rules, "- "+kind+"\n") {
			t.Errorf("the rules do not use %s", kind)
		}
	}
	inBubbleWith(t, rules, simulator.Options{}, func(w *world) {
		w.options.HTTPSecret, w.options.HTTPAllow = "hook-secret", []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}
	}, func(w *world) {
		e := &everything{world: w, t: t, hook: hook}
		e.conversation()
		e.convert()
		e.ticket()
		e.contact()
		for _, state := range []store.ActionState{store.StateDead, store.StateHeld, store.StateParked} {
			list, err := w.app.Store().ActionsIn(context.Background(), state, 50)
			if err != nil {
				t.Fatal(err)
			}
			for _, a := range list {
				t.Errorf("%s: %s %s of rule %s: %s", state, a.Kind, a.Params, a.Rule, a.Error)
			}
		}
	})
}

type everything struct {
	*world
	t    *testing.T
	hook *receiver
}

// want compares what is with what should be.
func (e *everything) want(what string, got, want any) {
	e.t.Helper()
	if !reflect.DeepEqual(got, want) {
		e.t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func (e *everything) conversation() {
	who := e.someone("amara@acme.com")
	if err := e.sim.TagContact(who.ID, e.sim.Admins()[1].ID, "Stranger"); err != nil {
		e.t.Fatal(err)
	}
	id := must(e.t)(e.sim.CustomerStarts(who.ID, "I want everything <b>back</b>"))
	e.settle(5 * time.Minute)

	c, _ := e.sim.Conversation(id)
	e.want("tags", e.names(c.Tags), []string{"Plan enterprise", "Refund"})
	e.want("title", c.Title, "Refund for Amara")
	e.want("attributes", c.CustomAttributes["order_number"], "4711")
	e.want("state", c.State, "snoozed")
	e.want("assignee", c.AdminAssigneeID+c.TeamAssigneeID, "")
	e.want("texts", e.texts(id), []string{
		"<p>Read this first: How refunds work</p>", "<p>Hello Amara, I want everything &lt;b&gt;back&lt;/b&gt;</p>", "<p>Bye for now.</p>",
	})

	who = e.someone("amara@acme.com")
	e.want("tags of the contact", e.names(who.Tags), []string{"VIP"})
	e.want("attributes of the contact", who.CustomAttributes, map[string]any{
		"plan": "platinum", "seats": int64(42), "vip": true, "renewal_at": int64(1798070400),
	})
	e.want("phone", who.Phone, "+353 1 555 0100")
	e.want("notes", bodies(who.Notes), []string{"<p>Asked for I want everything &lt;b&gt;back&lt;/b&gt;</p>"})
	e.want("the contact that was made twice", e.someone("colleague@acme.com").Name, "The colleague")
	e.want("events", len(who.Events), 1)
	e.want("event", who.Events[0].Name+fmt.Sprint(who.Events[0].Metadata), "refund-requestedmap[amount:30 order:4711]")

	var companies []string
	for _, id := range who.Companies {
		c, _ := e.sim.Company(id)
		companies = append(companies, fmt.Sprint(c.CompanyID, " ", c.Name, " ", c.Plan, " ", c.Size, " ", c.CustomAttributes["tier"]))
	}
	e.want("companies", companies, []string{"newco Newco pro 12 gold"})

	var messages []string
	for _, m := range e.sim.Messages() {
		messages = append(messages, m.Type+" "+m.Subject+" "+m.Body)
	}
	e.want("messages", messages, []string{"email Your refund <p>We sent you 30 euros.</p>", "inapp  <p>We are on it.</p>"})

	tickets := e.sim.Tickets()
	if len(tickets) != 1 {
		e.t.Fatalf("%d tickets, want 1", len(tickets))
	}
	e.want("ticket", fmt.Sprint(tickets[0].Attributes["_default_title_"], " ", tickets[0].Attributes["Amount"], " ", tickets[0].Attributes["Invoice"]), "Refund 4711 30.5 I-1")

	e.want("posts", e.hook.bodies(), []string{`{"order":4711,"tags":["conversation"],"who":"amara@acme.com"}`})
	e.want("counter", e.metric("switchboard_custom_refunds_total", "plan", "enterprise"), 1.0)
}

func (e *everything) convert() {
	id := must(e.t)(e.sim.CustomerStarts(e.someone("ben@acme.com").ID, "The export is broken"))
	e.settle(time.Minute)
	t, ok := e.sim.Ticket(id)
	if !ok {
		e.t.Fatal("the conversation is no ticket")
	}
	e.want("attributes of the new ticket", fmt.Sprint(t.Attributes["Severity"], " ", t.Attributes["Browser"]), "2 Firefox")
	c, _ := e.sim.Conversation(id)
	e.want("state", c.State, "closed")
}

func (e *everything) ticket() {
	who := e.someone("nadia@example.org")
	var typeID string
	for _, tt := range e.sim.TicketTypes() {
		if tt.Name == "Refund" {
			typeID = tt.ID
		}
	}
	id := must(e.t)(e.sim.CustomerOpensTicket(who.ID, typeID, map[string]any{"_default_title_": "By hand"}))
	e.settle(time.Minute)
	t, _ := e.sim.Ticket(id)
	var texts []string
	for _, p := range t.Thread.Parts {
		if p.AppPackageCode != "" && p.Body != "" {
			texts = append(texts, p.Type+" "+p.Body)
		}
	}
	e.want("texts of the ticket", texts, []string{"note <p>By hand by Nadia Rahman</p>", "comment <p>We look into it.</p>"})
	e.want("attributes of the ticket", fmt.Sprint(t.Attributes["Amount"], " ", t.Attributes["Invoice"]), "12 I-"+id)
	e.want("tags of the ticket", e.names(t.Thread.Tags), []string{"Money"})
	for _, s := range e.sim.TicketStates() {
		if s.ID == t.StateID {
			e.want("state of the ticket", s.Category, "in_progress")
		}
	}
	who, _ = e.sim.Contact(who.ID)
	e.want("archived", who.Archived, true)
}

func (e *everything) contact() {
	id := e.sim.ContactSignsUp(simulator.Contact{Email: "new@example.net", Role: "user"})
	e.settle(time.Minute)
	who, _ := e.sim.Contact(id)
	e.want("tags of the newcomer", e.names(who.Tags), []string{"Newcomer"})
}

// someone is the contact with an e-mail address.
func (e *everything) someone(email string) simulator.Contact {
	e.t.Helper()
	list := e.sim.Contacts()
	i := slices.IndexFunc(list, func(c simulator.Contact) bool { return c.Email == email })
	if i < 0 {
		e.t.Fatal("no contact ", email)
	}
	return list[i]
}

// names are the names of tags, in order.
func (e *everything) names(tags []simulator.AppliedTag) []string {
	list := []string{}
	for _, known := range e.sim.Tags() {
		if slices.ContainsFunc(tags, func(t simulator.AppliedTag) bool { return t.ID == known.ID }) {
			list = append(list, known.Name)
		}
	}
	slices.Sort(list)
	return list
}

func bodies(notes []simulator.Note) (list []string) {
	for _, n := range notes {
		list = append(list, n.Body)
	}
	return list
}

// receiver is somebody's own webhook, which verifies what it is sent as the Standard Webhooks
// specification says.
type receiver struct {
	server *httptest.Server
	got    chan string
}

func newReceiver(t *testing.T) *receiver {
	r := &receiver{got: make(chan string, 100)}
	r.server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		mac := hmac.New(sha256.New, []byte("hook-secret"))
		mac.Write([]byte(req.Header.Get("webhook-id") + "." + req.Header.Get("webhook-timestamp") + "." + string(body)))
		if req.Header.Get("webhook-signature") != "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)) {
			http.Error(w, "bad signature", http.StatusUnauthorized)
			return
		}
		var sent struct{ Data json.RawMessage }
		_ = json.Unmarshal(body, &sent)
		r.got <- string(sent.Data)
	}))
	r.server.Config.SetKeepAlivesEnabled(false) // a connection that idles would stop the bubble's clock
	r.server.Start()
	t.Cleanup(r.server.Close)
	return r
}

// bodies are what came in so far.
func (r *receiver) bodies() (list []string) {
	for len(r.got) > 0 {
		list = append(list, <-r.got)
	}
	return list
}
