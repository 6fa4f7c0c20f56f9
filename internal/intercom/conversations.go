package intercom

import (
	"context"
	"encoding/json"
	"iter"
	"net/http"
	"time"
)

// MaxParts is the number of parts that Intercom returns with a conversation at most: the most
// recent ones.
const MaxParts = 500

// Conversation is a conversation with its newest parts. Both generations of the payload
// decode to the same fields.
type Conversation struct {
	ID    ID
	Title string
	// State is open, closed or snoozed. Open is true for snoozed ones as well.
	State    string
	Open     bool
	Source   Source
	Contacts []Ref
	// Parts are the newest parts, oldest first. It is nil when the answer held no list of
	// parts, and empty when it held an empty one.
	Parts           []Part
	TotalParts      int
	TagList         []Tag
	AdminAssigneeID ID // see ID.Nobody
	TeamAssigneeID  ID
	CreatedAt       Time
	UpdatedAt       Time
	SnoozedUntil    Time
}

// Source is the first message of a conversation.
type Source struct {
	ID          ID     `json:"id"`
	Type        string `json:"type"`
	DeliveredAs string `json:"delivered_as"`
	Subject     string `json:"subject"`
	Body        string `json:"body"`
	Author      Author `json:"author"`
}

// UnmarshalJSON decodes leniently.
func (s *Source) UnmarshalJSON(b []byte) error {
	type plain Source
	return lenient(b, (*plain)(s))
}

// Author is who wrote a message or did something.
type Author struct {
	// Type is admin, bot, team, user, lead or contact.
	Type  string `json:"type"`
	ID    ID     `json:"id"`
	Name  string `json:"name"`
	Email string `json:"email"`
}

// UnmarshalJSON decodes leniently.
func (a *Author) UnmarshalJSON(b []byte) error {
	type plain Author
	return lenient(b, (*plain)(a))
}

// Part is one thing that happened in a conversation: a message, a note, an assignment.
type Part struct {
	ID ID `json:"id"`
	// Type is comment, note, assignment, close, open, snoozed or one of an open list. Any of
	// them may carry a body: a reply that also assigns is one part of type assignment.
	Type           string `json:"part_type"`
	Body           string `json:"body"`
	CreatedAt      Time   `json:"created_at"`
	UpdatedAt      Time   `json:"updated_at"`
	Author         Author `json:"author"`
	AssignedTo     Ref    `json:"assigned_to"`
	Redacted       bool   `json:"redacted"`
	AppPackageCode string `json:"app_package_code"`
}

// UnmarshalJSON decodes leniently.
func (c *Conversation) UnmarshalJSON(b []byte) error {
	var w struct {
		ID              ID              `json:"id"`
		Title           string          `json:"title"`
		State           string          `json:"state"`
		Open            bool            `json:"open"`
		Source          Source          `json:"source"`
		OldSource       Source          `json:"conversation_message"`
		Contacts        json.RawMessage `json:"contacts"`
		OldUser         Ref             `json:"user"`
		Parts           json.RawMessage `json:"conversation_parts"`
		Tags            json.RawMessage `json:"tags"`
		AdminAssigneeID ID              `json:"admin_assignee_id"`
		TeamAssigneeID  ID              `json:"team_assignee_id"`
		OldAssignee     Ref             `json:"assignee"`
		CreatedAt       Time            `json:"created_at"`
		UpdatedAt       Time            `json:"updated_at"`
		SnoozedUntil    Time            `json:"snoozed_until"`
	}
	if err := decode(b, &w); err != nil {
		return err
	}
	*c = Conversation{
		ID: w.ID, Title: w.Title, State: w.State, Open: w.Open, Source: w.Source,
		Contacts:        listOf[Ref](w.Contacts, "contacts", "data"),
		Parts:           listOf[Part](w.Parts, "conversation_parts", "parts", "data"),
		TagList:         listOf[Tag](w.Tags, "tags", "data"),
		AdminAssigneeID: w.AdminAssigneeID, TeamAssigneeID: w.TeamAssigneeID,
		CreatedAt: w.CreatedAt, UpdatedAt: w.UpdatedAt, SnoozedUntil: w.SnoozedUntil,
	}
	c.TotalParts = max(totalOf(w.Parts), len(c.Parts))
	c.fillOld(w.OldSource, w.OldUser, w.OldAssignee)
	return nil
}

// fillOld takes over what the older generation of the payload has under other names.
func (c *Conversation) fillOld(source Source, user, assignee Ref) {
	if c.Source.ID == "" && c.Source.Body == "" {
		c.Source = source
	}
	if len(c.Contacts) == 0 && user.ID != "" {
		c.Contacts = []Ref{user}
	}
	if c.AdminAssigneeID == "" && assignee.Type == "admin" {
		c.AdminAssigneeID = assignee.ID
	}
}

// Conversation reads a conversation with up to MaxParts of its newest parts, decoded and as
// Intercom sent it (GET /conversations/{id}).
func (c *Client) Conversation(ctx context.Context, id string) (*Conversation, json.RawMessage, error) {
	return c.conversation(ctx, request{
		method: http.MethodGet, endpoint: "/conversations/{id}", ids: []string{id},
	})
}

func (c *Client) conversation(ctx context.Context, r request) (*Conversation, json.RawMessage, error) {
	var conv Conversation
	raw, err := c.call(ctx, r, &conv)
	if err != nil {
		return nil, nil, err
	}
	if conv.ID == "" {
		return nil, nil, c.unreadable(&r, http.StatusOK, "the answer is not a conversation", nil)
	}
	return &conv, raw, nil
}

// part is the body of POST /conversations/{id}/reply and /parts.
type part struct {
	MessageType  string `json:"message_type"`
	Type         string `json:"type,omitempty"`
	AdminID      string `json:"admin_id"`
	AssigneeID   string `json:"assignee_id,omitempty"`
	Body         string `json:"body,omitempty"`
	SnoozedUntil int64  `json:"snoozed_until,omitempty"`
}

func (c *Client) addPart(ctx context.Context, endpoint, id string, p part) (*Conversation, error) {
	conv, _, err := c.conversation(ctx, request{
		method: http.MethodPost, endpoint: endpoint, ids: []string{id}, body: p,
	})
	return conv, err
}

const (
	replyEndpoint = "/conversations/{id}/reply"
	partsEndpoint = "/conversations/{id}/parts"
)

// ReplyRequest is a reply to the customer, or a note that only teammates see.
type ReplyRequest struct {
	AdminID string
	Body    string // HTML
	Note    bool
}

// Reply adds a reply or a note. Doing it twice shows twice.
func (c *Client) Reply(ctx context.Context, conversationID string, r ReplyRequest) (*Conversation, error) {
	p := part{MessageType: "comment", Type: "admin", AdminID: r.AdminID, Body: r.Body}
	if r.Note {
		p.MessageType = "note"
	}
	return c.addPart(ctx, replyEndpoint, conversationID, p)
}

// CloseRequest closes a conversation. Body is HTML and optional; the customer sees it.
type CloseRequest struct {
	AdminID string
	Body    string
}

// Close closes a conversation.
func (c *Client) Close(ctx context.Context, id string, r CloseRequest) (*Conversation, error) {
	return c.addPart(ctx, partsEndpoint, id, part{MessageType: "close", Type: "admin", AdminID: r.AdminID, Body: r.Body})
}

// Open opens a closed or snoozed conversation.
func (c *Client) Open(ctx context.Context, id, adminID string) (*Conversation, error) {
	return c.addPart(ctx, partsEndpoint, id, part{MessageType: "open", AdminID: adminID})
}

// Snooze puts a conversation aside until a time, to the second.
func (c *Client) Snooze(ctx context.Context, id, adminID string, until time.Time) (*Conversation, error) {
	return c.addPart(ctx, partsEndpoint, id, part{MessageType: "snoozed", AdminID: adminID, SnoozedUntil: until.Unix()})
}

// Nobody is the assignee that stands for no assignee.
const Nobody = "0"

// AssignRequest assigns a conversation.
type AssignRequest struct {
	// AdminID is the teammate who does it.
	AdminID string
	// Type is what AssigneeID is of: admin or team.
	Type string
	// AssigneeID is the new assignee, or Nobody.
	AssigneeID string
}

// Assign assigns a conversation, or takes the assignment away. A closed one is opened by it.
func (c *Client) Assign(ctx context.Context, id string, r AssignRequest) (*Conversation, error) {
	return c.addPart(ctx, partsEndpoint, id, part{
		MessageType: "assignment", Type: r.Type, AdminID: r.AdminID, AssigneeID: r.AssigneeID,
	})
}

// SearchConversations finds at most limit conversations, or all without a limit, without their
// parts (POST /conversations/search).
func (c *Client) SearchConversations(ctx context.Context, q Query, limit int) iter.Seq2[Item[Conversation], error] {
	return search[Conversation](ctx, c, Conversations, q, limit)
}

// ListConversations lists at most limit conversations, or all without a limit, without their
// parts and in no order to rely on (GET /conversations).
func (c *Client) ListConversations(ctx context.Context, limit int) iter.Seq2[Item[Conversation], error] {
	return cursorList[Conversation](ctx, c, "/conversations", Conversations.pageSize(), limit, "conversations", "data")
}

// CreateConversationRequest is a contact's message that begins a conversation.
type CreateConversationRequest struct {
	// ContactID is who writes; ContactType is user, lead or contact, which stands for either.
	ContactID, ContactType string
	// Body is plain text.
	Body string
	// AttachmentURLs are addresses of images.
	AttachmentURLs []string
}

// CreateConversation begins a conversation as a contact and returns its id (POST
// /conversations). Doing it twice shows twice. After a doubt, search the contact's
// conversations for one with the same first message.
func (c *Client) CreateConversation(ctx context.Context, q CreateConversationRequest) (ID, error) {
	type from struct {
		Type string `json:"type"`
		ID   string `json:"id"`
	}
	r := request{
		method: http.MethodPost, endpoint: "/conversations",
		body: struct {
			From           from     `json:"from"`
			Body           string   `json:"body"`
			AttachmentURLs []string `json:"attachment_urls,omitempty"`
		}{from{q.ContactType, q.ContactID}, q.Body, q.AttachmentURLs},
	}
	var message struct {
		ConversationID ID `json:"conversation_id"`
	}
	if _, err := c.call(ctx, r, &message); err != nil {
		return "", err
	}
	if message.ConversationID == "" {
		return "", c.unreadable(&r, http.StatusOK, "the answer names no conversation", nil)
	}
	return message.ConversationID, nil
}

// UpdateConversationRequest is what to set of a conversation. What is nil stays as it is.
type UpdateConversationRequest struct {
	Title *string `json:"title,omitempty"`
	Read  *bool   `json:"read,omitempty"`
	// CustomAttributes are values by name. The API cannot make attributes of conversations:
	// a name that does not exist yet is refused.
	CustomAttributes map[string]any `json:"custom_attributes,omitempty"`
}

// UpdateConversation changes a conversation (PUT /conversations/{id}). It is safe to repeat.
func (c *Client) UpdateConversation(ctx context.Context, id string, q UpdateConversationRequest) (*Conversation, error) {
	conv, _, err := c.conversation(ctx, request{
		method: http.MethodPut, endpoint: "/conversations/{id}", ids: []string{id}, body: q,
	})
	return conv, err
}

// ConvertToTicket makes a ticket of a conversation and returns the ticket's id and the ticket as
// Intercom sent it (POST /conversations/{id}/convert). The type must be of category Customer.
// attributes are those of the ticket by name; "_default_title_" is its title. After a doubt,
// read the conversation: one that was converted has a ticket.
func (c *Client) ConvertToTicket(ctx context.Context, conversationID, ticketTypeID string, attributes map[string]any) (ID, json.RawMessage, error) {
	r := request{
		method: http.MethodPost, endpoint: "/conversations/{id}/convert", ids: []string{conversationID},
		body: struct {
			TicketTypeID string         `json:"ticket_type_id"`
			Attributes   map[string]any `json:"attributes,omitempty"`
		}{ticketTypeID, attributes},
	}
	var ticket struct {
		ID ID `json:"id"`
	}
	raw, err := c.call(ctx, r, &ticket)
	if err != nil {
		return "", nil, err
	}
	if ticket.ID == "" {
		return "", nil, c.unreadable(&r, http.StatusOK, "the answer is not a ticket", nil)
	}
	return ticket.ID, raw, nil
}
