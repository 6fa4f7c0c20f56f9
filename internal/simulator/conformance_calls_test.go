package simulator_test

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"reflect"
	"strings"
	"time"

	"switchboard/internal/intercom"
)

// names are the ids that calls are about.
type names struct {
	admin, team          string
	contact, externalID  string
	lead, leaver, spam   string // contacts that calls do away with
	company, companyID   string // Intercom's id and one's own
	bankrupt             string // a company that is deleted
	conversation         string
	tag                  string
	ticketType, backType string
	ticket, backTicket   string
	state                string
	article              string
	// limit is how many items of a list are wanted.
	limit int
}

// conformanceCall is a call of the client. Its name begins with that of the client's method.
type conformanceCall struct {
	name string
	// do makes the call and returns what the client made of the answer, if anything.
	do func(ctx context.Context, c *intercom.Client, n names) (any, error)
}

// clientCalls call every method of the client, with everything that it can send. They are made
// in this order.
var clientCalls = []conformanceCall{
	{"Me", func(ctx context.Context, c *intercom.Client, _ names) (any, error) { return c.Me(ctx) }},
	{"Admins", func(ctx context.Context, c *intercom.Client, _ names) (any, error) { return c.Admins(ctx) }},
	{"Admin", func(ctx context.Context, c *intercom.Client, n names) (any, error) { return c.Admin(ctx, n.admin) }},
	{"SetAway", func(ctx context.Context, c *intercom.Client, n names) (any, error) {
		return c.SetAway(ctx, n.admin, intercom.SetAwayRequest{Away: true, Reassign: true})
	}},
	{"SetAway for a reason", func(ctx context.Context, c *intercom.Client, n names) (any, error) {
		return c.SetAway(ctx, n.admin, intercom.SetAwayRequest{Away: true, ReasonID: "12345"})
	}},
	{"SetAway back", func(ctx context.Context, c *intercom.Client, n names) (any, error) {
		return c.SetAway(ctx, n.admin, intercom.SetAwayRequest{})
	}},
	{"OpenConversations", func(ctx context.Context, c *intercom.Client, n names) (any, error) {
		_, err := c.OpenConversations(ctx, n.admin)
		return nil, err // a number, which names nothing
	}},
	{"Teams", func(ctx context.Context, c *intercom.Client, _ names) (any, error) { return c.Teams(ctx) }},
	{"Team", func(ctx context.Context, c *intercom.Client, n names) (any, error) { return c.Team(ctx, n.team) }},
	{"Tags", func(ctx context.Context, c *intercom.Client, _ names) (any, error) { return c.Tags(ctx) }},
	{"CreateTag", func(ctx context.Context, c *intercom.Client, _ names) (any, error) { return c.CreateTag(ctx, "New") }},

	{"Contact", func(ctx context.Context, c *intercom.Client, n names) (any, error) {
		return first(c.Contact(ctx, n.contact))
	}},
	{"ContactByExternalID", func(ctx context.Context, c *intercom.Client, n names) (any, error) {
		return first(c.ContactByExternalID(ctx, n.externalID))
	}},
	{"ListContacts", func(ctx context.Context, c *intercom.Client, n names) (any, error) {
		return collect(c.ListContacts(ctx, n.limit))
	}},
	{"SearchContacts", func(ctx context.Context, c *intercom.Client, n names) (any, error) {
		return collect(c.SearchContacts(ctx, intercom.NotEq("email", nil), n.limit))
	}},
	{"SearchContacts with everything", func(ctx context.Context, c *intercom.Client, n names) (any, error) {
		return collect(c.SearchContacts(ctx, intercom.And(
			intercom.Or(intercom.Eq("role", "user"), intercom.In("email", "amara@acme.com", "lee@example.com")),
			intercom.Greater("created_at", time.Unix(1, 0)), intercom.Contains("name", "a"),
		), n.limit))
	}},
	{"SearchContacts with a list", func(ctx context.Context, c *intercom.Client, n names) (any, error) {
		return collect(c.SearchContacts(ctx, intercom.In("email", "amara@acme.com", "lee@example.com"), n.limit))
	}},
	{"SearchContacts by a number", func(ctx context.Context, c *intercom.Client, n names) (any, error) {
		return collect(c.SearchContacts(ctx, intercom.In("owner_id", 5, 6), n.limit))
	}},
	{"SearchContacts by yes or no", func(ctx context.Context, c *intercom.Client, n names) (any, error) {
		return collect(c.SearchContacts(ctx, intercom.Eq("unsubscribed_from_emails", false), n.limit))
	}},
	{"SearchContacts by some of yes and no", func(ctx context.Context, c *intercom.Client, n names) (any, error) {
		return collect(c.SearchContacts(ctx, intercom.In("unsubscribed_from_emails", true, false), n.limit))
	}},
	{"SearchContacts by a fraction", func(ctx context.Context, c *intercom.Client, n names) (any, error) {
		return collect(c.SearchContacts(ctx, intercom.Eq("custom_attributes.score", 4.5), n.limit))
	}},
	{"CreateContact", func(ctx context.Context, c *intercom.Client, n names) (any, error) {
		return c.CreateContact(ctx, intercom.ContactRequest{
			Role: new("user"), Email: new("new@example.com"), ExternalID: new("new-1"), Phone: new("+15550100"), Name: new("New"),
			OwnerID: new(intercom.ID(n.admin)), SignedUpAt: &intercom.Time{Time: time.Unix(1734537974, 0)}, UnsubscribedFromEmails: new(false),
			CustomAttributes: map[string]any{"plan": "pro", "seats": 3},
		})
	}},
	{"CreateContact with a role", func(ctx context.Context, c *intercom.Client, _ names) (any, error) {
		return c.CreateContact(ctx, intercom.ContactRequest{Role: new("lead")})
	}},
	{"CreateContact with an address", func(ctx context.Context, c *intercom.Client, _ names) (any, error) {
		return c.CreateContact(ctx, intercom.ContactRequest{Email: new("newer@example.com")})
	}},
	{"CreateContact with an external id", func(ctx context.Context, c *intercom.Client, _ names) (any, error) {
		return c.CreateContact(ctx, intercom.ContactRequest{ExternalID: new("new-2")})
	}},
	{"UpdateContact", func(ctx context.Context, c *intercom.Client, n names) (any, error) {
		return c.UpdateContact(ctx, n.contact, intercom.ContactRequest{
			Name: new("Amara"), Phone: new("+15550101"), SignedUpAt: &intercom.Time{}, OwnerID: new(intercom.ID(n.admin)),
			CustomAttributes: map[string]any{"plan": nil, "seats": 4, "trial": true},
		})
	}},
	{"UpdateContact without an owner", func(ctx context.Context, c *intercom.Client, n names) (any, error) {
		return c.UpdateContact(ctx, n.contact, intercom.ContactRequest{OwnerID: new(intercom.ID(intercom.Nobody))})
	}},
	{"CreateContactNote", func(ctx context.Context, c *intercom.Client, n names) (any, error) {
		return c.CreateContactNote(ctx, n.contact, "<p>Likes tea</p>", n.admin)
	}},
	{"CreateContactNote by nobody", func(ctx context.Context, c *intercom.Client, n names) (any, error) {
		return c.CreateContactNote(ctx, n.contact, "<p>Likes tea</p>", "")
	}},
	{"ContactNotes", func(ctx context.Context, c *intercom.Client, n names) (any, error) {
		return c.ContactNotes(ctx, n.contact)
	}},
	{"TagContact", func(ctx context.Context, c *intercom.Client, n names) (any, error) {
		return nil, c.TagContact(ctx, n.contact, n.tag)
	}},
	{"ContactTags", func(ctx context.Context, c *intercom.Client, n names) (any, error) {
		return c.ContactTags(ctx, n.contact)
	}},
	{"Contact with a tag, a note and a company", func(ctx context.Context, c *intercom.Client, n names) (any, error) {
		return first(c.Contact(ctx, n.contact))
	}},
	{"UntagContact", func(ctx context.Context, c *intercom.Client, n names) (any, error) {
		return nil, c.UntagContact(ctx, n.contact, n.tag)
	}},
	{"ArchiveContact", func(ctx context.Context, c *intercom.Client, n names) (any, error) {
		return nil, c.ArchiveContact(ctx, n.leaver)
	}},
	{"UnarchiveContact", func(ctx context.Context, c *intercom.Client, n names) (any, error) {
		return nil, c.UnarchiveContact(ctx, n.leaver)
	}},
	{"BlockContact", func(ctx context.Context, c *intercom.Client, n names) (any, error) {
		return nil, c.BlockContact(ctx, n.spam)
	}},
	{"MergeContact", func(ctx context.Context, c *intercom.Client, n names) (any, error) {
		return c.MergeContact(ctx, n.lead, n.contact)
	}},
	{"DeleteContact", func(ctx context.Context, c *intercom.Client, n names) (any, error) {
		return nil, c.DeleteContact(ctx, n.leaver)
	}},

	{"Company", func(ctx context.Context, c *intercom.Client, n names) (any, error) {
		return first(c.Company(ctx, n.company))
	}},
	{"FindCompany", func(ctx context.Context, c *intercom.Client, n names) (any, error) {
		return first(c.FindCompany(ctx, n.companyID))
	}},
	{"CompaniesByName", func(ctx context.Context, c *intercom.Client, _ names) (any, error) {
		return c.CompaniesByName(ctx, "Acme")
	}},
	{"ListCompanies", func(ctx context.Context, c *intercom.Client, n names) (any, error) {
		return collect(c.ListCompanies(ctx, n.limit))
	}},
	{"SaveCompany", func(ctx context.Context, c *intercom.Client, _ names) (any, error) {
		return c.SaveCompany(ctx, intercom.CompanyRequest{
			CompanyID: "new-company", Name: new("New"), Plan: new("pro"), Size: new(40), Website: new("https://new.example.com"),
			Industry: new("Tea"), MonthlySpend: new(120), RemoteCreatedAt: &intercom.Time{Time: time.Unix(1734537974, 0)},
			CustomAttributes: map[string]any{"tier": "gold"},
		})
	}},
	{"UpdateCompany", func(ctx context.Context, c *intercom.Client, n names) (any, error) {
		return c.UpdateCompany(ctx, n.company, intercom.CompanyRequest{
			Name: new("Acme"), Plan: new("pro"), Size: new(41), Website: new("https://acme.example.com"), Industry: new("Tea"), MonthlySpend: new(121),
		})
	}},
	{"AttachCompany", func(ctx context.Context, c *intercom.Client, n names) (any, error) {
		return nil, c.AttachCompany(ctx, n.contact, n.company)
	}},
	{"ContactCompanies", func(ctx context.Context, c *intercom.Client, n names) (any, error) {
		return c.ContactCompanies(ctx, n.contact)
	}},
	{"DetachCompany", func(ctx context.Context, c *intercom.Client, n names) (any, error) {
		return nil, c.DetachCompany(ctx, n.contact, n.company)
	}},
	{"DeleteCompany", func(ctx context.Context, c *intercom.Client, n names) (any, error) {
		return nil, c.DeleteCompany(ctx, n.bankrupt)
	}},

	{"CreateConversation", func(ctx context.Context, c *intercom.Client, n names) (any, error) {
		return c.CreateConversation(ctx, intercom.CreateConversationRequest{ContactID: n.contact, ContactType: "user", Body: "Hello"})
	}},
	{"CreateConversation with an image", func(ctx context.Context, c *intercom.Client, n names) (any, error) {
		return c.CreateConversation(ctx, intercom.CreateConversationRequest{
			ContactID: n.contact, ContactType: "contact", Body: "Hello", AttachmentURLs: []string{"https://acme.example.com/a.png"},
		})
	}},
	{"Conversation", func(ctx context.Context, c *intercom.Client, n names) (any, error) {
		return first(c.Conversation(ctx, n.conversation))
	}},
	{"ListConversations", func(ctx context.Context, c *intercom.Client, n names) (any, error) {
		return collect(c.ListConversations(ctx, n.limit))
	}},
	{"SearchConversations", func(ctx context.Context, c *intercom.Client, n names) (any, error) {
		return collect(c.SearchConversations(ctx, intercom.Greater("updated_at", time.Unix(1, 0)), n.limit))
	}},
	{"UpdateConversation", func(ctx context.Context, c *intercom.Client, n names) (any, error) {
		return c.UpdateConversation(ctx, n.conversation, intercom.UpdateConversationRequest{
			Title: new("Refund"), Read: new(true), CustomAttributes: map[string]any{"issue": "Billing"},
		})
	}},
	{"SearchConversations with everything", func(ctx context.Context, c *intercom.Client, n names) (any, error) {
		return collect(c.SearchConversations(ctx, intercom.And(
			intercom.Or(intercom.Eq("admin_assignee_id", n.admin), intercom.Eq("admin_assignee_id", nil), intercom.Eq("open", true)),
			intercom.In("contact_ids", n.contact, n.spam), intercom.StartsWith("source.body", "Buy"),
		), n.limit))
	}},
	{"UpdateConversation as unread", func(ctx context.Context, c *intercom.Client, n names) (any, error) {
		return c.UpdateConversation(ctx, n.conversation, intercom.UpdateConversationRequest{Read: new(false)})
	}},
	{"Reply", func(ctx context.Context, c *intercom.Client, n names) (any, error) {
		return c.Reply(ctx, n.conversation, intercom.ReplyRequest{AdminID: n.admin, Body: "<p>Hi</p>"})
	}},
	{"Reply with a note", func(ctx context.Context, c *intercom.Client, n names) (any, error) {
		return c.Reply(ctx, n.conversation, intercom.ReplyRequest{AdminID: n.admin, Body: "<p>Hm</p>", Note: true})
	}},
	{"Assign to a teammate", func(ctx context.Context, c *intercom.Client, n names) (any, error) {
		return c.Assign(ctx, n.conversation, intercom.AssignRequest{AdminID: n.admin, Type: "admin", AssigneeID: n.admin})
	}},
	{"Assign to a team", func(ctx context.Context, c *intercom.Client, n names) (any, error) {
		return c.Assign(ctx, n.conversation, intercom.AssignRequest{AdminID: n.admin, Type: "team", AssigneeID: n.team})
	}},
	{"Assign to nobody", func(ctx context.Context, c *intercom.Client, n names) (any, error) {
		return c.Assign(ctx, n.conversation, intercom.AssignRequest{AdminID: n.admin, Type: "admin", AssigneeID: intercom.Nobody})
	}},
	{"TagConversation", func(ctx context.Context, c *intercom.Client, n names) (any, error) {
		return nil, c.TagConversation(ctx, n.conversation, n.tag, n.admin)
	}},
	{"Conversation in the midst of it", func(ctx context.Context, c *intercom.Client, n names) (any, error) {
		return first(c.Conversation(ctx, n.conversation))
	}},
	{"Snooze", func(ctx context.Context, c *intercom.Client, n names) (any, error) {
		return c.Snooze(ctx, n.conversation, n.admin, time.Now().Add(time.Hour))
	}},
	{"Open", func(ctx context.Context, c *intercom.Client, n names) (any, error) {
		return c.Open(ctx, n.conversation, n.admin)
	}},
	{"Close", func(ctx context.Context, c *intercom.Client, n names) (any, error) {
		return c.Close(ctx, n.conversation, intercom.CloseRequest{AdminID: n.admin})
	}},
	{"Close with a text", func(ctx context.Context, c *intercom.Client, n names) (any, error) {
		return c.Close(ctx, n.conversation, intercom.CloseRequest{AdminID: n.admin, Body: "<p>Bye</p>"})
	}},
	{"Conversation with everything", func(ctx context.Context, c *intercom.Client, n names) (any, error) {
		return first(c.Conversation(ctx, n.conversation))
	}},
	{"UntagConversation", func(ctx context.Context, c *intercom.Client, n names) (any, error) {
		return nil, c.UntagConversation(ctx, n.conversation, n.tag, n.admin)
	}},
	{"ConvertToTicket", func(ctx context.Context, c *intercom.Client, n names) (any, error) {
		id, _, err := c.ConvertToTicket(ctx, n.conversation, n.ticketType, map[string]any{"_default_title_": "Refund", "Count": 3})
		return id, err
	}},
	{"Conversation that is a ticket", func(ctx context.Context, c *intercom.Client, n names) (any, error) {
		return first(c.Conversation(ctx, n.conversation))
	}},

	{"CreateTicket", func(ctx context.Context, c *intercom.Client, n names) (any, error) {
		return c.CreateTicket(ctx, intercom.CreateTicketRequest{TypeID: n.backType, Contact: intercom.ContactRef{Email: "amara@acme.com"}})
	}},
	{"CreateTicket with everything", func(ctx context.Context, c *intercom.Client, n names) (any, error) {
		return c.CreateTicket(ctx, intercom.CreateTicketRequest{
			TypeID: n.backType, Contact: intercom.ContactRef{ID: n.contact}, CompanyID: n.company, ConversationID: n.conversation,
			Attributes:    map[string]any{"_default_title_": "Refund", "_default_description_": "Twelve", "Count": 12, "Severity": "1", "Urgent": true},
			AdminAssignee: n.admin, TeamAssignee: n.team, Quiet: true,
		})
	}},
	{"CreateTicket by an external id", func(ctx context.Context, c *intercom.Client, n names) (any, error) {
		return c.CreateTicket(ctx, intercom.CreateTicketRequest{TypeID: n.ticketType, Contact: intercom.ContactRef{ExternalID: n.externalID}})
	}},
	{"Ticket", func(ctx context.Context, c *intercom.Client, n names) (any, error) {
		return first(c.Ticket(ctx, n.ticket))
	}},
	{"SearchTickets", func(ctx context.Context, c *intercom.Client, n names) (any, error) {
		return collect(c.SearchTickets(ctx, intercom.Eq("open", true), n.limit))
	}},
	{"SearchTickets with everything", func(ctx context.Context, c *intercom.Client, n names) (any, error) {
		return collect(c.SearchTickets(ctx, intercom.And(
			intercom.Or(intercom.Eq("open", true), intercom.Eq("open", false)),
			intercom.AtLeast("created_at", time.Unix(1, 0)), intercom.In("ticket_type_id", n.ticketType, n.backType),
		), n.limit))
	}},
	{"ReplyTicket", func(ctx context.Context, c *intercom.Client, n names) (any, error) {
		return c.ReplyTicket(ctx, n.ticket, intercom.ReplyTicketRequest{AdminID: n.admin, Body: "<p>Hi</p>", Quiet: true})
	}},
	{"ReplyTicket with a note", func(ctx context.Context, c *intercom.Client, n names) (any, error) {
		return c.ReplyTicket(ctx, n.backTicket, intercom.ReplyTicketRequest{AdminID: n.admin, Body: "<p>Hm</p>", Note: true, CrossPost: true})
	}},
	{"UpdateTicket", func(ctx context.Context, c *intercom.Client, n names) (any, error) {
		return c.UpdateTicket(ctx, n.ticket, intercom.UpdateTicketRequest{
			AdminID: n.admin, Attributes: map[string]any{"_default_title_": "Refund", "Count": 13, "Urgent": nil}, StateID: n.state,
			AssigneeID: n.team, CompanyID: n.company, Open: new(true), Shared: new(true), SnoozedUntil: time.Now().Add(time.Hour), Quiet: true,
		})
	}},
	{"UpdateTicket to nobody", func(ctx context.Context, c *intercom.Client, n names) (any, error) {
		return c.UpdateTicket(ctx, n.ticket, intercom.UpdateTicketRequest{AdminID: n.admin, AssigneeID: intercom.Nobody})
	}},
	{"UpdateTicket to closed", func(ctx context.Context, c *intercom.Client, n names) (any, error) {
		return c.UpdateTicket(ctx, n.ticket, intercom.UpdateTicketRequest{Open: new(false)})
	}},
	{"TagTicket", func(ctx context.Context, c *intercom.Client, n names) (any, error) {
		return nil, c.TagTicket(ctx, n.ticket, n.tag, n.admin)
	}},
	{"UntagTicket", func(ctx context.Context, c *intercom.Client, n names) (any, error) {
		return nil, c.UntagTicket(ctx, n.ticket, n.tag, n.admin)
	}},
	{"Ticket with everything", func(ctx context.Context, c *intercom.Client, n names) (any, error) {
		return first(c.Ticket(ctx, n.ticket))
	}},
	{"TicketTypes", func(ctx context.Context, c *intercom.Client, _ names) (any, error) { return c.TicketTypes(ctx) }},
	{"TicketStates", func(ctx context.Context, c *intercom.Client, _ names) (any, error) { return c.TicketStates(ctx) }},

	{"TrackEvent", func(ctx context.Context, c *intercom.Client, n names) (any, error) {
		return nil, c.TrackEvent(ctx, intercom.TrackEventRequest{
			Name: "ordered-item", Contact: intercom.ContactRef{ID: n.contact}, CreatedAt: time.Unix(1734537974, 0),
			Metadata: map[string]any{"order": "A-1", "count": 3, "price": map[string]any{"amount": 300, "currency": "eur"}},
		})
	}},
	{"TrackEvent by an external id", func(ctx context.Context, c *intercom.Client, n names) (any, error) {
		return nil, c.TrackEvent(ctx, intercom.TrackEventRequest{
			Name: "ordered-item", Contact: intercom.ContactRef{ExternalID: n.externalID}, CreatedAt: time.Unix(1734537975, 0),
		})
	}},
	{"TrackEvent by an address", func(ctx context.Context, c *intercom.Client, _ names) (any, error) {
		return nil, c.TrackEvent(ctx, intercom.TrackEventRequest{
			Name: "ordered-item", Contact: intercom.ContactRef{Email: "amara@acme.com"}, CreatedAt: time.Unix(1734537976, 0),
		})
	}},
	{"SendMessage", func(ctx context.Context, c *intercom.Client, n names) (any, error) {
		return c.SendMessage(ctx, intercom.SendMessageRequest{AdminID: n.admin, Role: "user", ContactID: n.contact, Body: "Hello", OpenConversation: true})
	}},
	{"SendMessage by e-mail", func(ctx context.Context, c *intercom.Client, n names) (any, error) {
		return c.SendMessage(ctx, intercom.SendMessageRequest{Email: true, AdminID: n.admin, Role: "user", ContactID: n.contact, Subject: "Hi", Body: "Hello"})
	}},
	{"SendMessage to a lead by plain e-mail", func(ctx context.Context, c *intercom.Client, n names) (any, error) {
		return c.SendMessage(ctx, intercom.SendMessageRequest{
			Email: true, AdminID: n.admin, Role: "lead", ContactID: n.spam, Subject: "Hi", Body: "Hello", Template: "plain",
		})
	}},
	{"DataAttributes of contacts", func(ctx context.Context, c *intercom.Client, _ names) (any, error) {
		return c.DataAttributes(ctx, intercom.ModelContact)
	}},
	{"DataAttributes of companies", func(ctx context.Context, c *intercom.Client, _ names) (any, error) {
		return c.DataAttributes(ctx, intercom.ModelCompany)
	}},
	{"DataAttributes of conversations", func(ctx context.Context, c *intercom.Client, _ names) (any, error) {
		return c.DataAttributes(ctx, intercom.ModelConversation)
	}},
	{"AllDataAttributes of contacts", func(ctx context.Context, c *intercom.Client, _ names) (any, error) {
		return c.AllDataAttributes(ctx, intercom.ModelContact)
	}},
	{"Articles", func(ctx context.Context, c *intercom.Client, n names) (any, error) {
		return collect(c.Articles(ctx, n.limit))
	}},
	{"Article", func(ctx context.Context, c *intercom.Client, n names) (any, error) {
		return first(c.Article(ctx, n.article))
	}},
	{"SearchArticles", func(ctx context.Context, c *intercom.Client, n names) (any, error) {
		return collect(c.SearchArticles(ctx, "refunds", n.limit))
	}},
}

// first leaves out the answer as Intercom sent it.
func first[T any](v T, _ json.RawMessage, err error) (any, error) { return v, err }

// collect ends an iteration at its end or at an error.
func collect[T any](items iter.Seq2[intercom.Item[T], error]) (any, error) {
	all := []T{}
	for item, err := range items {
		if err != nil {
			return nil, err
		}
		all = append(all, item.Value)
	}
	return all, nil
}

// method is the name of the client's method.
func (c conformanceCall) method() string { return strings.Fields(c.name)[0] }

// idsOf are the ids in what the client made of an answer.
func idsOf(v any) []string {
	if raw, ok := v.(json.RawMessage); ok {
		return idsIn(raw)
	}
	switch r := reflect.Indirect(reflect.ValueOf(v)); r.Kind() {
	case reflect.Slice:
		ids := []string{}
		for i := range r.Len() {
			ids = append(ids, idsOf(r.Index(i).Interface())...)
		}
		return ids
	case reflect.String:
		return []string{r.String()}
	case reflect.Struct:
		if inner := r.FieldByName("Value"); inner.IsValid() {
			return idsOf(inner.Interface())
		}
		return []string{r.FieldByName("ID").String()}
	default:
		return nil
	}
}

// idsIn are the ids in an answer, which is an object, or a list of such under some key.
func idsIn(answer []byte) []string {
	object, _ := decoded(answer).(map[string]any)
	if inner, ok := object["data"].(map[string]any); ok {
		object = inner
	}
	if id := text(object["id"]); id != "" {
		return []string{id}
	}
	ids := []string{}
	for _, key := range []string{"data", "admins", "teams", "conversations", "tickets", "articles"} {
		items, _ := object[key].([]any)
		for _, item := range items {
			object, _ := item.(map[string]any)
			ids = append(ids, text(object["id"]))
		}
	}
	return ids
}

// text is an id as text, "" for none.
func text(id any) string {
	if id == nil {
		return ""
	}
	return fmt.Sprint(id)
}
