package intercom

import (
	"context"
	"errors"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

const (
	smallTicket  = `{"type":"ticket","id":"631"}`
	smallAdmin   = `{"type":"admin","id":"9"}`
	smallPart    = `{"type":"ticket_part","id":"156","part_type":"note"}`
	smallMessage = `{"type":"admin_message","id":"19"}`
	foundArticle = `{"type":"list","data":{"articles":[{"id":"55"}],"highlights":[]}}`
)

// deskCalls are those about tickets, articles, events, messages and attributes.
var deskCalls = []officialCall{
	{"Admin", func(ctx context.Context, c *Client) error { _, err := c.Admin(ctx, "9"); return err }, "GET", "/admins/9", "", smallAdmin},
	{"SetAway", func(ctx context.Context, c *Client) error {
		_, err := c.SetAway(ctx, "9", SetAwayRequest{Away: true, ReasonID: "12345"})
		return err
	}, "PUT", "/admins/9/away", `{"away_mode_enabled":true,"away_mode_reassign":false,"away_status_reason_id":12345}`, smallAdmin},
	{"SetAway back", func(ctx context.Context, c *Client) error {
		_, err := c.SetAway(ctx, "9", SetAwayRequest{})
		return err
	}, "PUT", "/admins/9/away", `{"away_mode_enabled":false,"away_mode_reassign":false}`, smallAdmin},
	{
		"OpenConversations", func(ctx context.Context, c *Client) error { _, err := c.OpenConversations(ctx, "9"); return err }, "POST", "/conversations/search",
		`{"query":{"operator":"AND","value":[{"field":"admin_assignee_id","operator":"=","value":9},{"field":"state","operator":"=","value":"open"}]},
		"pagination":{"per_page":1}}`, `{"type":"conversation.list","total_count":3,"conversations":[]}`,
	},
	{"Team", func(ctx context.Context, c *Client) error { _, err := c.Team(ctx, "4"); return err }, "GET", "/teams/4", "", `{"id":"4"}`},

	{"CreateTicket", func(ctx context.Context, c *Client) error {
		_, err := c.CreateTicket(ctx, CreateTicketRequest{TypeID: "67", Contact: ContactRef{ID: "63a07d"}})
		return err
	}, "POST", "/tickets", `{"ticket_type_id":"67","contacts":[{"id":"63a07d"}]}`, smallTicket},
	{"CreateTicket with everything", func(ctx context.Context, c *Client) error {
		_, err := c.CreateTicket(ctx, CreateTicketRequest{
			TypeID: "67", Contact: ContactRef{ExternalID: "u-1"}, CompanyID: "5f4d", ConversationID: "77",
			Attributes:    map[string]any{"_default_title_": "Refund", "Amount": 12, "Old": nil},
			AdminAssignee: "9", TeamAssignee: "4", Quiet: true,
		})
		return err
	}, "POST", "/tickets", `{"ticket_type_id":"67","contacts":[{"external_id":"u-1"}],"company_id":"5f4d",
		"conversation_to_link_id":"77","ticket_attributes":{"_default_title_":"Refund","Amount":12,"Old":null},
		"assignment":{"admin_assignee_id":"9","team_assignee_id":"4"},"skip_notifications":true}`, smallTicket},
	{"CreateTicket by e-mail", func(ctx context.Context, c *Client) error {
		_, err := c.CreateTicket(ctx, CreateTicketRequest{TypeID: "67", Contact: ContactRef{Email: "ada@acme.test"}, TeamAssignee: "4"})
		return err
	}, "POST", "/tickets", `{"ticket_type_id":"67","contacts":[{"email":"ada@acme.test"}],"assignment":{"team_assignee_id":"4"}}`, smallTicket},
	{"Ticket", func(ctx context.Context, c *Client) error { _, _, err := c.Ticket(ctx, "631"); return err }, "GET", "/tickets/631", "", smallTicket},
	{"UpdateTicket", func(ctx context.Context, c *Client) error {
		_, err := c.UpdateTicket(ctx, "631", UpdateTicketRequest{
			AdminID: "9", Attributes: map[string]any{"_default_title_": "Refund"}, StateID: "8537", AssigneeID: Nobody,
			CompanyID: "5f4d", Open: new(true), Shared: new(false), SnoozedUntil: time.Unix(1790000000, 0), Quiet: true,
		})
		return err
	}, "PUT", "/tickets/631", `{"admin_id":9,"ticket_attributes":{"_default_title_":"Refund"},"ticket_state_id":"8537",
		"assignee_id":"0","company_id":"5f4d","open":true,"is_shared":false,"snoozed_until":1790000000,"skip_notifications":true}`, smallTicket},
	{"UpdateTicket only to close", func(ctx context.Context, c *Client) error {
		_, err := c.UpdateTicket(ctx, "631", UpdateTicketRequest{Open: new(false)})
		return err
	}, "PUT", "/tickets/631", `{"open":false}`, smallTicket},
	{"ReplyTicket", func(ctx context.Context, c *Client) error {
		_, err := c.ReplyTicket(ctx, "631", ReplyTicketRequest{AdminID: "9", Body: "<p>Hi</p>", Quiet: true})
		return err
	}, "POST", "/tickets/631/reply", `{"message_type":"comment","type":"admin","admin_id":"9","body":"<p>Hi</p>","skip_notifications":true}`, smallPart},
	{"ReplyTicket with a note", func(ctx context.Context, c *Client) error {
		_, err := c.ReplyTicket(ctx, "631", ReplyTicketRequest{AdminID: "9", Body: "<p>Hi</p>", Note: true, CrossPost: true})
		return err
	}, "POST", "/tickets/631/reply", `{"message_type":"note","type":"admin","admin_id":"9","body":"<p>Hi</p>","cross_post":true}`, smallPart},
	{"SearchTickets", func(ctx context.Context, c *Client) error {
		return drain(c.SearchTickets(ctx, Eq("title", "Refund"), 5))
	}, "POST", "/tickets/search", `{"query":{"field":"title","operator":"=","value":"Refund"},"pagination":{"per_page":5}}`, `{"tickets":[]}`},
	{"TagTicket", func(ctx context.Context, c *Client) error { return c.TagTicket(ctx, "631", "5", "9") }, "POST", "/tickets/631/tags", `{"id":"5","admin_id":"9"}`, `{"id":"5"}`},
	{"UntagTicket", func(ctx context.Context, c *Client) error { return c.UntagTicket(ctx, "631", "5", "9") }, "DELETE", "/tickets/631/tags/5", `{"admin_id":"9"}`, `{"id":"5"}`},
	{"TicketTypes", func(ctx context.Context, c *Client) error { _, err := c.TicketTypes(ctx); return err }, "GET", "/ticket_types", "", `{"data":[]}`},
	{"TicketStates", func(ctx context.Context, c *Client) error { _, err := c.TicketStates(ctx); return err }, "GET", "/ticket_states", "", `{"data":[]}`},

	{"TrackEvent", func(ctx context.Context, c *Client) error {
		return c.TrackEvent(ctx, TrackEventRequest{Name: "ordered-item", Contact: ContactRef{ID: "63a07d"}, CreatedAt: time.Unix(1790000000, 0)})
	}, "POST", "/events", `{"event_name":"ordered-item","created_at":1790000000,"id":"63a07d"}`, ""},
	{"TrackEvent with metadata", func(ctx context.Context, c *Client) error {
		return c.TrackEvent(ctx, TrackEventRequest{
			Name: "ordered-item", Contact: ContactRef{ExternalID: "u-1"}, CreatedAt: time.Unix(1790000000, 0), Metadata: map[string]any{"price": 12},
		})
	}, "POST", "/events", `{"event_name":"ordered-item","created_at":1790000000,"user_id":"u-1","metadata":{"price":12}}`, ""},
	{"SendMessage", func(ctx context.Context, c *Client) error {
		_, err := c.SendMessage(ctx, SendMessageRequest{AdminID: "9", Role: "user", ContactID: "63a07d", Body: "Hi", OpenConversation: true})
		return err
	}, "POST", "/messages", `{"message_type":"inapp","body":"Hi","from":{"type":"admin","id":9},"to":{"type":"user","id":"63a07d"},
		"create_conversation_without_contact_reply":true}`, smallMessage},
	{"SendMessage by e-mail", func(ctx context.Context, c *Client) error {
		_, err := c.SendMessage(ctx, SendMessageRequest{Email: true, AdminID: "9", Role: "lead", ContactID: "63a07d", Subject: "Hello", Body: "Hi"})
		return err
	}, "POST", "/messages", `{"message_type":"email","subject":"Hello","template":"personal","body":"Hi","from":{"type":"admin","id":9},"to":{"type":"lead","id":"63a07d"}}`, smallMessage},
	{"DataAttributes", func(ctx context.Context, c *Client) error { _, err := c.DataAttributes(ctx, ModelCompany); return err }, "GET", "/data_attributes?model=company", "", `{"data":[]}`},
	{"AllDataAttributes", func(ctx context.Context, c *Client) error {
		_, err := c.AllDataAttributes(ctx, ModelCompany)
		return err
	}, "GET", "/data_attributes?include_archived=true&model=company", "", `{"data":[]}`},

	{"Articles", func(ctx context.Context, c *Client) error {
		return drain(c.Articles(ctx, 0))
	}, "GET", "/articles", "", `{"data":[]}`},
	{"Article", func(ctx context.Context, c *Client) error { _, _, err := c.Article(ctx, "45"); return err }, "GET", "/articles/45", "", `{"id":"45"}`},
	{"SearchArticles", func(ctx context.Context, c *Client) error {
		return drain(c.SearchArticles(ctx, "refund policy", 5))
	}, "GET", "/articles/search?phrase=refund+policy&state=published", "", foundArticle},
}

// An answer that is no list or object must not pass for an empty one.
func TestClient_I4_an_answer_of_another_kind_is_a_doubt_only_when_writing(t *testing.T) {
	for _, tt := range allCalls {
		m, _ := reflect.TypeFor[*Client]().MethodByName(strings.Fields(tt.name)[0])
		if m.Type.NumOut() == 1 && m.Type.Out(0) == reflect.TypeFor[error]() {
			continue // nothing is made of the answer
		}
		for _, answer := range []string{``, `{}`, `{"type":"nothing"}`, `"text"`, `<html>`, `{"id":`} {
			rec := record(t, answerWith(200, answer))
			want := Ambiguous
			if onlyReads(tt) {
				want = Retry
			}
			if err := tt.call(t.Context(), rec.client(t)); err == nil || ClassOf(err) != want {
				t.Errorf("%s answered with %q: %v, class %v; want class %v", tt.name, answer, err, ClassOf(err), want)
			}
		}
	}
}

func TestClient_I6_every_call_reports_what_Intercom_refuses(t *testing.T) {
	for status, want := range map[int]Class{400: Permanent, 401: Credential, 404: Permanent, 409: Conflict, 429: RateLimited} {
		for _, tt := range allCalls {
			rec := record(t, answerWith(status, `{"type":"error.list","errors":[{"code":"some_code","message":"No"}]}`))
			e, ok := errors.AsType[*Error](tt.call(t.Context(), rec.client(t)))
			if !ok || e.Class != want || e.Status != status || e.Method != tt.method || e.Message == "" {
				t.Errorf("%s answered with %d: %+v", tt.name, status, e)
			}
		}
	}
}

func TestClient_TrackEvent_takes_only_what_Intercom_would(t *testing.T) {
	rec := record(t, answerWith(202, ""))
	c := rec.client(t)
	fine := TrackEventRequest{Name: "ordered-item", Contact: ContactRef{Email: "ada@acme.test"}, CreatedAt: time.Unix(1790000000, 0), Metadata: map[string]any{}}
	for _, key := range strings.Split("abcdefghij", "") {
		fine.Metadata[key] = 1
	}
	if err := c.TrackEvent(t.Context(), fine); err != nil {
		t.Errorf("ten keys of metadata: %v", err)
	}
	for name, change := range map[string]func(*TrackEventRequest){
		"no name":     func(e *TrackEventRequest) { e.Name = "" },
		"no contact":  func(e *TrackEventRequest) { e.Contact = ContactRef{} },
		"no time":     func(e *TrackEventRequest) { e.CreatedAt = time.Time{} },
		"eleven keys": func(e *TrackEventRequest) { e.Metadata["k"] = 1 },
	} {
		wrong := fine
		wrong.Metadata = maps.Clone(fine.Metadata)
		change(&wrong)
		if err := c.TrackEvent(t.Context(), wrong); ClassOf(err) != Permanent {
			t.Errorf("%s: %v, want it refused for good", name, err)
		}
	}
	if n := len(rec.all()); n != 1 {
		t.Errorf("%d requests, want 1", n)
	}
}

func TestClient_tickets_and_messages_that_cannot_be_are_not_sent(t *testing.T) {
	rec := record(t, answerWith(200, smallTicket))
	c := rec.client(t)
	ticket := func(q CreateTicketRequest) error { _, err := c.CreateTicket(t.Context(), q); return err }
	message := func(q SendMessageRequest) error { _, err := c.SendMessage(t.Context(), q); return err }
	for name, err := range map[string]error{
		"a ticket without a type":     ticket(CreateTicketRequest{Contact: ContactRef{ID: "63a07d"}}),
		"a ticket without a contact":  ticket(CreateTicketRequest{TypeID: "67"}),
		"a message without a contact": message(SendMessageRequest{AdminID: "9", Body: "Hi"}),
		"a message without a body":    message(SendMessageRequest{AdminID: "9", ContactID: "63a07d"}),
		"an e-mail without a subject": message(SendMessageRequest{Email: true, AdminID: "9", ContactID: "63a07d", Body: "Hi"}),
	} {
		if ClassOf(err) != Permanent {
			t.Errorf("%s: %v, want it refused for good", name, err)
		}
	}
	if n := len(rec.all()); n != 0 {
		t.Errorf("%d requests went out", n)
	}
}

func TestTicket_decodes_what_Intercom_sends(t *testing.T) {
	answer := `{"type":"ticket","id":631,"ticket_id":"38","category":"Back-office",
		"ticket_attributes":{"_default_title_":"Refund","Amount":9007199254740993,"_default_description_":null},
		"ticket_state":{"id":"8537","category":"submitted","internal_label":"Submitted","external_label":"We have it"},
		"ticket_type":{"id":"95","name":"Refunds","category":"Back-office","ticket_type_attributes":{"data":[
			{"id":"210","name":"_default_title_","data_type":"string","required_to_create":true,"input_options":null}]}},
		"contacts":{"contacts":[{"type":"contact","id":"6762f2"}]},
		"admin_assignee_id":0,"team_assignee_id":"4","open":true,"is_shared":true,"created_at":1734537974,"snoozed_until":null,
		"ticket_parts":{"ticket_parts":[{"id":"185","part_type":"note","body":"<p>x</p>","author":{"type":"admin","id":"9"}}],"total_count":3}}`
	rec := record(t, answerWith(200, answer))
	ticket, raw, err := rec.client(t).Ticket(t.Context(), "631")
	if err != nil {
		t.Fatal(err)
	}
	if string(raw) != answer {
		t.Errorf("raw is %s", raw)
	}
	if ticket.ID != "631" || ticket.Number != "38" || ticket.State.ExternalLabel != "We have it" || ticket.Type.Name != "Refunds" ||
		!ticket.AdminAssigneeID.Nobody() || ticket.TeamAssigneeID != "4" || !ticket.Open || !ticket.Shared ||
		ticket.CreatedAt.Unix() != 1734537974 || !ticket.SnoozedUntil.IsZero() || ticket.TotalParts != 3 {
		t.Errorf("ticket is %+v", ticket)
	}
	if string(ticket.Attributes["Amount"]) != "9007199254740993" { // a float64 would lose it
		t.Errorf("attributes are %s", ticket.Attributes)
	}
	if len(ticket.Contacts) != 1 || ticket.Contacts[0].ID != "6762f2" || len(ticket.Parts) != 1 || ticket.Parts[0].Author.ID != "9" {
		t.Errorf("contacts %+v, parts %+v", ticket.Contacts, ticket.Parts)
	}
	if a := ticket.Type.Attributes; len(a) != 1 || !a[0].Required || a[0].ID != "210" {
		t.Errorf("attributes of the type are %+v", a)
	}
}

func TestTicket_odd_fields_leave_the_rest_usable(t *testing.T) {
	for _, answer := range []string{
		`{"id":"631","ticket_state":"submitted","ticket_type":null,"contacts":[],"ticket_parts":null,"open":"yes"}`,
		`{"id":"631","ticket_attributes":[],"ticket_type":{"ticket_type_attributes":[]},"admin_assignee_id":{}}`,
	} {
		rec := record(t, answerWith(200, answer))
		if ticket, _, err := rec.client(t).Ticket(t.Context(), "631"); err != nil || ticket.ID != "631" {
			t.Errorf("%s: %+v, %v", answer, ticket, err)
		}
	}
}

func TestClient_TicketStates_know_their_types_and_types_their_states(t *testing.T) {
	rec := record(t, answerWith(200, `{"data":[{"id":"1","internal_label":"Submitted","archived":true,"ticket_types":{"data":[{"id":"55"},{"id":56}]},
		"ticket_states":{"data":[{"id":"8321","category":"submitted"}]}}]}`))
	states, err := rec.client(t).TicketStates(t.Context())
	if err != nil || len(states) != 1 || !states[0].Archived || !slices.Equal(states[0].TypeIDs, []ID{"55", "56"}) {
		t.Errorf("states %+v, %v", states, err)
	}
	types, err := rec.client(t).TicketTypes(t.Context())
	if err != nil || len(types) != 1 || len(types[0].States) != 1 || types[0].States[0].ID != "8321" {
		t.Errorf("types %+v, %v", types, err)
	}
}

func TestClient_SearchArticles_ends_at_the_limit_and_reads_on_until_then(t *testing.T) {
	rec := record(t, pages(
		`{"data":{"articles":[{"id":"1","title":"Refunds","url":"https://help.acme.test/1"},{"id":2}]},"pages":{"next":"HOST/articles/search?page=2&phrase=refund&state=published"}}`,
		`{"data":{"articles":[{"id":"3"},{"id":"4"}]},"pages":{"next":"HOST/articles/search?page=3"}}`,
	))
	var ids []ID
	for item, err := range rec.client(t).SearchArticles(t.Context(), "refund", 3) {
		if err != nil {
			t.Fatal(err)
		}
		if len(ids) == 0 && (item.Value.Title != "Refunds" || !strings.Contains(string(item.Raw), "help.acme.test")) {
			t.Errorf("first article is %+v", item)
		}
		ids = append(ids, item.Value.ID)
	}
	if !slices.Equal(ids, []ID{"1", "2", "3"}) || len(rec.all()) != 2 {
		t.Errorf("articles %v with %d requests", ids, len(rec.all()))
	}
}
