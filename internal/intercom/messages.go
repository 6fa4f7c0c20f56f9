package intercom

import (
	"context"
	"net/http"
)

// SendMessageRequest is a message that begins a conversation of its own: it becomes one when
// the contact answers.
type SendMessageRequest struct {
	// Email sends it by e-mail, else it shows in the messenger.
	Email   bool
	AdminID string // the sender
	// Role is user or lead, ContactID Intercom's id of the contact.
	Role, ContactID string
	Subject         string // only for e-mail, which needs one
	Body            string // HTML or plain text
	// Template is plain or personal: how an e-mail looks. Empty means personal.
	Template string
	// OpenConversation opens a conversation at once, without waiting for an answer.
	OpenConversation bool
}

// Message is a message that was sent.
type Message struct {
	ID        ID     `json:"id"`
	Type      string `json:"message_type"`
	Subject   string `json:"subject"`
	Body      string `json:"body"`
	CreatedAt Time   `json:"created_at"`
	// ConversationID is empty as long as there is no conversation.
	ConversationID ID `json:"conversation_id"`
}

// SendMessage writes to a contact (POST /messages). Doing it twice shows twice, and there is
// no way to read back whether it was done: no call lists messages, unless OpenConversation
// made a conversation of it, which a search for the contact's conversations finds.
func (c *Client) SendMessage(ctx context.Context, m SendMessageRequest) (*Message, error) {
	type sender struct {
		Type string `json:"type"`
		ID   number `json:"id"`
	}
	type recipient struct {
		Type string `json:"type"`
		ID   string `json:"id"`
	}
	kind := "inapp" // the description's enumeration has in_app, its examples and answers this
	if m.Email {
		kind = "email"
		if m.Template == "" {
			m.Template = "personal"
		}
	}
	r := request{method: http.MethodPost, endpoint: "/messages"}
	switch {
	case m.ContactID == "" || m.Body == "":
		return nil, r.refuse("a message has a contact and a body")
	case m.Email && m.Subject == "":
		return nil, r.refuse("an e-mail has a subject")
	}
	r.body = struct {
		Type             string    `json:"message_type"`
		Subject          string    `json:"subject,omitempty"`
		Body             string    `json:"body"`
		Template         string    `json:"template,omitempty"`
		From             sender    `json:"from"`
		To               recipient `json:"to"`
		OpenConversation bool      `json:"create_conversation_without_contact_reply,omitempty"`
	}{
		kind, m.Subject, m.Body, m.Template,
		sender{"admin", number(m.AdminID)},
		recipient{m.Role, m.ContactID},
		m.OpenConversation,
	}
	var sent Message
	if _, err := c.call(ctx, r, &sent); err != nil {
		return nil, err
	}
	if sent.ID == "" {
		return nil, c.unreadable(&r, http.StatusOK, "the answer is not a message", nil)
	}
	return &sent, nil
}
