package intercom

import (
	"cmp"
	"context"
	"encoding/json"
	"iter"
	"net/http"
	"time"
)

// Ticket is a ticket with its parts.
type Ticket struct {
	// ID is what calls want; Number is what teammates and customers see.
	ID, Number ID
	// Category is Customer, Back-office or Tracker.
	Category string
	State    TicketState
	Type     TicketType
	// Attributes are the values as Intercom sent them, by name. The title is under
	// "_default_title_" and the description under "_default_description_".
	Attributes map[string]json.RawMessage
	Contacts   []Ref
	// Parts are the parts, oldest first. It is nil when the answer held no list of parts, and
	// empty when it held an empty one.
	Parts           []Part
	TotalParts      int
	AdminAssigneeID ID // see ID.Nobody
	TeamAssigneeID  ID
	CompanyID       ID
	// Open is true for snoozed tickets as well.
	Open         bool
	Shared       bool // the customer sees it
	CreatedAt    Time
	UpdatedAt    Time
	SnoozedUntil Time
}

// UnmarshalJSON decodes leniently.
func (t *Ticket) UnmarshalJSON(b []byte) error {
	var w struct {
		ID              ID                         `json:"id"`
		Number          ID                         `json:"ticket_id"`
		Category        string                     `json:"category"`
		State           TicketState                `json:"ticket_state"`
		Type            TicketType                 `json:"ticket_type"`
		Attributes      map[string]json.RawMessage `json:"ticket_attributes"`
		Contacts        json.RawMessage            `json:"contacts"`
		Parts           json.RawMessage            `json:"ticket_parts"`
		AdminAssigneeID ID                         `json:"admin_assignee_id"`
		TeamAssigneeID  ID                         `json:"team_assignee_id"`
		CompanyID       ID                         `json:"company_id"`
		Open            bool                       `json:"open"`
		Shared          bool                       `json:"is_shared"`
		CreatedAt       Time                       `json:"created_at"`
		UpdatedAt       Time                       `json:"updated_at"`
		SnoozedUntil    Time                       `json:"snoozed_until"`
	}
	if err := decode(b, &w); err != nil {
		return err
	}
	*t = Ticket{
		ID: w.ID, Number: w.Number, Category: w.Category, State: w.State, Type: w.Type,
		Attributes:      w.Attributes,
		Contacts:        listOf[Ref](w.Contacts, "contacts", "data"),
		Parts:           listOf[Part](w.Parts, "ticket_parts", "data"),
		AdminAssigneeID: w.AdminAssigneeID, TeamAssigneeID: w.TeamAssigneeID, CompanyID: w.CompanyID,
		Open: w.Open, Shared: w.Shared,
		CreatedAt: w.CreatedAt, UpdatedAt: w.UpdatedAt, SnoozedUntil: w.SnoozedUntil,
	}
	t.TotalParts = max(totalOf(w.Parts), len(t.Parts))
	return nil
}

// TicketState is a state that tickets can be in.
type TicketState struct {
	ID ID `json:"id"`
	// Category is submitted, in_progress, waiting_on_customer or resolved. Several states may
	// be of one category.
	Category string `json:"category"`
	// InternalLabel is what teammates see, ExternalLabel what customers see.
	InternalLabel string `json:"internal_label"`
	ExternalLabel string `json:"external_label"`
	Archived      bool   `json:"archived"`
	// TypeIDs are the ticket types that have the state; only TicketStates tells them.
	TypeIDs []ID `json:"-"`
}

// UnmarshalJSON decodes leniently.
func (s *TicketState) UnmarshalJSON(b []byte) error {
	type plain TicketState
	*s = TicketState{}
	if err := lenient(b, (*plain)(s)); err != nil {
		return err
	}
	var w struct {
		Types json.RawMessage `json:"ticket_types"`
	}
	if decode(b, &w) == nil {
		for _, t := range listOf[Ref](w.Types, "data", "ticket_types") {
			s.TypeIDs = append(s.TypeIDs, t.ID)
		}
	}
	return nil
}

// TicketType is a kind of ticket with the attributes that its tickets have.
type TicketType struct {
	ID          ID
	Name        string
	Description string
	// Category is Customer, Back-office or Tracker. Only a conversation can be converted to
	// one of category Customer.
	Category   string
	Internal   bool
	Archived   bool
	Attributes []TicketTypeAttribute
	// States are the states of its tickets; only TicketTypes tells them.
	States []TicketState
}

// UnmarshalJSON decodes leniently.
func (t *TicketType) UnmarshalJSON(b []byte) error {
	var w struct {
		ID          ID              `json:"id"`
		Name        string          `json:"name"`
		Description string          `json:"description"`
		Category    string          `json:"category"`
		Internal    bool            `json:"is_internal"`
		Archived    bool            `json:"archived"`
		Attributes  json.RawMessage `json:"ticket_type_attributes"`
		States      json.RawMessage `json:"ticket_states"`
	}
	if err := lenient(b, &w); err != nil {
		return err
	}
	*t = TicketType{
		ID: w.ID, Name: w.Name, Description: w.Description, Category: w.Category,
		Internal: w.Internal, Archived: w.Archived,
		Attributes: listOf[TicketTypeAttribute](w.Attributes, "data", "ticket_type_attributes"),
		States:     listOf[TicketState](w.States, "data", "ticket_states"),
	}
	return nil
}

// TicketTypeAttribute is an attribute that the tickets of a type have.
type TicketTypeAttribute struct {
	ID       ID     `json:"id"`
	Name     string `json:"name"`
	DataType string `json:"data_type"`
	// Required tells that a ticket cannot be made without it.
	Required bool `json:"required_to_create"`
	Archived bool `json:"archived"`
	// Options are as Intercom sent them. Those of type list hold the items there: a value of
	// such an attribute is the id of an item.
	Options json.RawMessage `json:"input_options"`
}

// UnmarshalJSON decodes leniently.
func (a *TicketTypeAttribute) UnmarshalJSON(b []byte) error {
	type plain TicketTypeAttribute
	return lenient(b, (*plain)(a))
}

// ListItem is a value that an attribute of type list can have.
type ListItem struct{ ID, Name string }

// Items are the values of an attribute of type list. Under which names Intercom keeps them is
// not documented, so any list of objects with an id and a name, label or value will do.
func (a TicketTypeAttribute) Items() []ListItem {
	var options map[string]json.RawMessage
	if json.Unmarshal(a.Options, &options) != nil {
		return nil
	}
	var items []ListItem
	for _, raw := range options {
		type item struct {
			ID       ID     `json:"id"`
			Name     string `json:"name"`
			Label    string `json:"label"`
			Value    string `json:"value"`
			Archived bool   `json:"archived"`
		}
		for _, i := range listOf[item](raw) {
			if name := cmp.Or(i.Name, i.Label, i.Value); i.ID != "" && name != "" && !i.Archived {
				items = append(items, ListItem{string(i.ID), name})
			}
		}
	}
	return items
}

// ContactRef names a contact by one of its keys; the first that is set counts.
type ContactRef struct {
	ID         string // Intercom's
	ExternalID string // yours
	Email      string
}

// under gives the key that is set as a field of a request. Intercom calls the external id
// differently from call to call.
func (c ContactRef) under(externalID string) (field, value string) {
	switch {
	case c.ID != "":
		return "id", c.ID
	case c.ExternalID != "":
		return externalID, c.ExternalID
	}
	return "email", c.Email
}

// CreateTicketRequest is a new ticket.
type CreateTicketRequest struct {
	TypeID string
	// Contact is whom it is about. One named by e-mail is created when there is none.
	Contact    ContactRef
	Attributes map[string]any // see Ticket.Attributes; those of type list by the item's id
	CompanyID  string         // Intercom's; optional
	// ConversationID is linked to the ticket; optional.
	ConversationID string
	AdminAssignee  string // optional
	TeamAssignee   string // optional
	// Quiet keeps Intercom from telling the customer.
	Quiet bool
}

// CreateTicket makes a ticket (POST /tickets). Doing it twice makes two. After a doubt, search
// for a ticket of the contact and type that was created since.
func (c *Client) CreateTicket(ctx context.Context, t CreateTicketRequest) (*Ticket, error) {
	type assignment struct {
		Admin string `json:"admin_assignee_id,omitempty"`
		Team  string `json:"team_assignee_id,omitempty"`
	}
	r := request{method: http.MethodPost, endpoint: "/tickets"}
	key, value := t.Contact.under("external_id")
	if t.TypeID == "" || value == "" {
		return nil, r.refuse("a ticket has a type and a contact")
	}
	r.body = struct {
		TypeID         string              `json:"ticket_type_id"`
		Contacts       []map[string]string `json:"contacts"`
		Attributes     map[string]any      `json:"ticket_attributes,omitempty"`
		CompanyID      string              `json:"company_id,omitempty"`
		ConversationID string              `json:"conversation_to_link_id,omitempty"`
		Assignment     assignment          `json:"assignment,omitzero"`
		Quiet          bool                `json:"skip_notifications,omitempty"`
	}{
		t.TypeID,
		[]map[string]string{{key: value}},
		t.Attributes, t.CompanyID, t.ConversationID,
		assignment{t.AdminAssignee, t.TeamAssignee},
		t.Quiet,
	}
	ticket, _, err := c.ticket(ctx, r)
	return ticket, err
}

// Ticket reads a ticket with its parts, decoded and as Intercom sent it (GET /tickets/{id}).
func (c *Client) Ticket(ctx context.Context, id string) (*Ticket, json.RawMessage, error) {
	return c.ticket(ctx, request{method: http.MethodGet, endpoint: "/tickets/{id}", ids: []string{id}})
}

func (c *Client) ticket(ctx context.Context, r request) (*Ticket, json.RawMessage, error) {
	var ticket Ticket
	raw, err := c.call(ctx, r, &ticket)
	if err != nil {
		return nil, nil, err
	}
	if ticket.ID == "" {
		return nil, nil, c.unreadable(&r, http.StatusOK, "the answer is not a ticket", nil)
	}
	return &ticket, raw, nil
}

// UpdateTicketRequest is what is to change; what is not set stays.
type UpdateTicketRequest struct {
	// AdminID is the teammate who does it. Workflows run only when there is one.
	AdminID    string
	Attributes map[string]any // see CreateTicketRequest
	StateID    string         // one of the states of the ticket's type
	AssigneeID string         // a teammate or team, or Nobody
	CompanyID  string
	// Open opens or closes it. Closing ends a snooze.
	Open *bool
	// Shared shows it to the customer, or hides it.
	Shared       *bool
	SnoozedUntil time.Time
	// Quiet keeps Intercom from telling the customer.
	Quiet bool
}

// UpdateTicket changes a ticket (PUT /tickets/{id}). It sets values, so it is safe to repeat;
// a repetition may show as another line of the ticket's history.
func (c *Client) UpdateTicket(ctx context.Context, id string, u UpdateTicketRequest) (*Ticket, error) {
	ticket, _, err := c.ticket(ctx, request{
		method: http.MethodPut, endpoint: "/tickets/{id}", ids: []string{id},
		body: struct {
			AdminID      number         `json:"admin_id,omitempty"`
			Attributes   map[string]any `json:"ticket_attributes,omitempty"`
			StateID      string         `json:"ticket_state_id,omitempty"`
			AssigneeID   string         `json:"assignee_id,omitempty"`
			CompanyID    string         `json:"company_id,omitempty"`
			Open         *bool          `json:"open,omitempty"`
			Shared       *bool          `json:"is_shared,omitempty"`
			SnoozedUntil Time           `json:"snoozed_until,omitzero"`
			Quiet        bool           `json:"skip_notifications,omitempty"`
		}{
			number(u.AdminID), u.Attributes, u.StateID, u.AssigneeID, u.CompanyID,
			u.Open, u.Shared,
			Time{u.SnoozedUntil},
			u.Quiet,
		},
	})
	return ticket, err
}

// ReplyTicketRequest is a reply to the customer, or a note that only teammates see.
type ReplyTicketRequest struct {
	AdminID string
	Body    string // HTML
	Note    bool
	// CrossPost puts a note on the linked conversations as well; only for back-office tickets.
	CrossPost bool
	// Quiet keeps Intercom from telling the customer.
	Quiet bool
}

// ReplyTicket adds a reply or a note (POST /tickets/{id}/reply). Doing it twice shows twice.
// After a doubt, read the ticket and look for the part.
func (c *Client) ReplyTicket(ctx context.Context, id string, t ReplyTicketRequest) (*Part, error) {
	kind := "comment"
	if t.Note {
		kind = "note"
	}
	r := request{
		method: http.MethodPost, endpoint: "/tickets/{id}/reply", ids: []string{id},
		body: struct {
			MessageType string `json:"message_type"`
			Type        string `json:"type"`
			AdminID     string `json:"admin_id"`
			Body        string `json:"body"`
			CrossPost   bool   `json:"cross_post,omitempty"`
			Quiet       bool   `json:"skip_notifications,omitempty"`
		}{kind, "admin", t.AdminID, t.Body, t.CrossPost, t.Quiet},
	}
	var p Part
	if _, err := c.call(ctx, r, &p); err != nil {
		return nil, err
	}
	if p.ID == "" {
		return nil, c.unreadable(&r, http.StatusOK, "the answer is not a part of a ticket", nil)
	}
	return &p, nil
}

// SearchTickets finds at most limit tickets, or all without one (0) (POST /tickets/search). It
// only reads. An error ends it, as does a query that Intercom would refuse, before it is sent.
func (c *Client) SearchTickets(ctx context.Context, q Query, limit int) iter.Seq2[Item[Ticket], error] {
	return search[Ticket](ctx, c, Tickets, q, limit)
}

// TagTicket puts a tag on a ticket (POST /tickets/{id}/tags). It is safe to repeat. adminID is
// the teammate who does it.
func (c *Client) TagTicket(ctx context.Context, ticketID, tagID, adminID string) error {
	_, err := c.call(ctx, request{
		method:   http.MethodPost,
		endpoint: "/tickets/{id}/tags",
		ids:      []string{ticketID},
		body:     map[string]string{"id": tagID, "admin_id": adminID},
	}, nil)
	return err
}

// UntagTicket takes a tag off a ticket (DELETE /tickets/{id}/tags/{tag_id}). It is safe to
// repeat: a tag that is not on it is a 404, which NotFound recognises.
func (c *Client) UntagTicket(ctx context.Context, ticketID, tagID, adminID string) error {
	_, err := c.call(ctx, request{
		method:   http.MethodDelete,
		endpoint: "/tickets/{id}/tags/{tag_id}",
		ids:      []string{ticketID, tagID},
		body:     map[string]string{"admin_id": adminID},
	}, nil)
	return err
}

// TicketTypes lists the ticket types with their attributes and states (GET /ticket_types).
func (c *Client) TicketTypes(ctx context.Context) ([]TicketType, error) {
	return all[TicketType](ctx, c, "/ticket_types", "data", "ticket_types")
}

// TicketStates lists the states of tickets with the types that have them (GET /ticket_states).
func (c *Client) TicketStates(ctx context.Context) ([]TicketState, error) {
	return all[TicketState](ctx, c, "/ticket_states", "data", "ticket_states")
}
