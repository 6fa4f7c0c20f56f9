package simulator

import (
	"encoding/json"
	"net/http"
	"time"
)

// Message is what a teammate wrote to contacts through the API, outside a conversation.
type Message struct {
	ID string
	// Type is "inapp" or "email".
	Type          string
	Subject, Body string // Body is HTML
	AdminID       string
	Contacts      []string // ids
	CreatedAt     time.Time
	// Conversation is the conversation that it began, when the call asked for one.
	Conversation string
}

// Messages returns what was written to contacts outside conversations, oldest first.
func (s *Simulator) Messages() []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.messages.list()
}

// recipients are whom a message goes to: one, or a list.
type recipients []recipient

type recipient struct {
	Type   string  `json:"type"`
	ID     givenID `json:"id"`
	UserID givenID `json:"user_id"`
	Email  string  `json:"email"`
}

// UnmarshalJSON reads one recipient or a list of them.
func (r *recipients) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '[' {
		return json.Unmarshal(b, (*[]recipient)(r))
	}
	var one recipient
	if err := json.Unmarshal(b, &one); err != nil {
		return err
	}
	if one != (recipient{}) {
		*r = recipients{one}
	}
	return nil
}

// messageInput is the body of POST /messages.
type messageInput struct {
	MessageType string     `json:"message_type"`
	Subject     string     `json:"subject"`
	Body        *string    `json:"body"`
	Template    string     `json:"template"`
	From        recipient  `json:"from"`
	To          recipients `json:"to"`
	CreatedAt   int64      `json:"created_at"`
	Begin       bool       `json:"create_conversation_without_contact_reply"`
}

// createMessage writes to contacts in an admin's name, in the app or by e-mail. There is no
// conversation until the contact answers, unless the call asks for one. In the name of a
// contact it begins a conversation.
func createMessage(c *call) (any, error) {
	var in messageInput
	if err := c.read(&in); err != nil {
		return nil, err
	}
	body := ""
	if in.Body != nil {
		body = *in.Body
	}
	switch {
	case in.From.Type == "" || in.From.ID == "":
		return nil, missing("from")
	case body == "":
		return nil, invalid("body", "Body is required")
	case in.From.Type == "user" || in.From.Type == "lead" || in.From.Type == "contact":
		return c.contactMessage(&in, body)
	case in.From.Type != "admin":
		return nil, invalid("from.type", "from.type must be admin, user or lead")
	}
	if err := in.check(); err != nil {
		return nil, err
	}
	admin := c.space.admins.byID[string(in.From.ID)]
	if admin == nil {
		return nil, errNoAdmin
	}
	contacts, err := c.recipients(in.To)
	if err != nil {
		return nil, err
	}
	return c.deliver(&in, admin, contacts), nil
}

func (in *messageInput) check() error {
	switch {
	case in.MessageType == "":
		return missing("message_type")
	case in.MessageType == "email" && in.Subject == "":
		return &apiError{
			status: http.StatusUnprocessableEntity, code: "parameter_not_found", message: "No subject supplied for email message",
		}
	case in.MessageType == "email" && in.Template != "" && in.Template != "plain" && in.Template != "personal":
		return invalid("template", "template must be plain or personal")
	case in.MessageType != "email" && in.MessageType != "inapp" && in.MessageType != "in_app":
		return invalid("message_type", "message_type must be inapp or email")
	case len(in.To) == 0:
		return missing("to")
	}
	return nil
}

func (c *call) recipients(list recipients) ([]*Contact, error) {
	found := make([]*Contact, 0, len(list))
	for _, one := range list {
		if one.Type != "user" && one.Type != "lead" && one.Type != "contact" {
			return nil, invalid("to.type", "to.type must be user or lead")
		}
		contact := c.space.named(identity{IntercomUserID: one.ID, UserID: one.UserID, Email: one.Email})
		if contact == nil {
			return nil, errNoContact
		}
		found = append(found, contact)
	}
	return found, nil
}

// deliver keeps the message and shows it.
func (c *call) deliver(in *messageInput, admin *Admin, contacts []*Contact) any {
	m := Message{
		ID: c.ids.message(), Type: "inapp", Subject: in.Subject, Body: htmlBody(*in.Body), AdminID: admin.ID, CreatedAt: c.now,
	}
	if in.MessageType == "email" {
		m.Type = "email"
	}
	for _, contact := range contacts {
		m.Contacts = append(m.Contacts, contact.ID)
		contact.LastContactedAt, contact.UpdatedAt = c.now, c.now
	}
	answer := map[string]any{
		"type": "admin_message", "id": m.ID, "created_at": c.now.Unix(), "subject": in.Subject, "body": *in.Body,
		"message_type": m.Type, "owner": map[string]any{
			"type": "admin", "id": admin.ID, "name": admin.Name, "email": admin.Email,
			"away_mode_enabled": admin.Away, "away_mode_reassign": admin.Reassign,
		},
	}
	if in.Begin {
		cv := c.start(contacts[0], Source{Subject: in.Subject, Body: m.Body, Author: admin.author()}, c.now)
		m.Conversation, answer["conversation_id"] = cv.ID, cv.ID
		c.entry.Conversation = cv.ID
		c.notifyConversation(cv, c.now, true, nil, "conversation.admin.single.created")
	}
	c.messages.add(m)
	c.entry.Effect, c.entry.Contact, c.entry.Admin = EffectMessage, contacts[0].ID, admin.ID
	c.entry.Text = plainText(m.Body)
	return answer
}

// contactMessage begins a conversation, as POST /conversations does.
func (c *call) contactMessage(in *messageInput, body string) (any, error) {
	contact := c.space.contacts.byID[string(in.From.ID)]
	if contact == nil {
		return nil, errNoContact
	}
	return c.begin(contact, Source{Subject: in.Subject}, body, c.now), nil
}
