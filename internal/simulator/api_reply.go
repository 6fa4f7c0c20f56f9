package simulator

import (
	"encoding/base64"
	"path"
	"slices"
	"strings"
	"time"
)

// message is the body of /reply and /parts.
type message struct {
	MessageType     string           `json:"message_type"`
	Type            string           `json:"type"`
	AdminID         givenID          `json:"admin_id"`
	IntercomUserID  givenID          `json:"intercom_user_id"`
	UserID          givenID          `json:"user_id"`
	Email           string           `json:"email"`
	Body            string           `json:"body"`
	AssigneeID      *givenID         `json:"assignee_id"`
	SnoozedUntil    *int64           `json:"snoozed_until"`
	CreatedAt       int64            `json:"created_at"`
	AttachmentURLs  []string         `json:"attachment_urls"`
	AttachmentFiles []attachmentFile `json:"attachment_files"`
	ReplyOptions    []QuickReply     `json:"reply_options"`
}

type attachmentFile struct {
	ContentType string `json:"content_type"`
	Data        string `json:"data"`
	Name        string `json:"name"`
}

// replyConversation adds a comment or a note of an admin, or a comment of a contact.
func replyConversation(c *call) (any, error) {
	var in message
	if err := c.read(&in); err != nil {
		return nil, err
	}
	if in.MessageType == "" {
		return nil, missing("message_type")
	}
	if !slices.Contains([]string{"comment", "note", "quick_reply"}, in.MessageType) {
		return nil, invalid("message_type", "message_type must be comment, note or quick_reply")
	}
	at, err := c.madeAt(in.CreatedAt)
	if err != nil {
		return nil, err
	}
	ch := change{effect: messageEffects[in.MessageType], at: at, code: c.options.AppPackageCode}
	if ch.attachments, err = attachments(in.AttachmentURLs, in.AttachmentFiles); err != nil {
		return nil, err
	}
	var cv *Conversation
	switch in.Type {
	case "admin":
		cv, err = c.adminReply(&in, &ch)
	case "user":
		cv, err = c.contactReply(&in, &ch)
	case "":
		return nil, missing("type")
	default:
		return nil, invalid("type", "type must be admin or user")
	}
	if err != nil {
		return nil, err
	}
	return c.done(cv, ch), nil
}

func (c *call) adminReply(in *message, ch *change) (cv *Conversation, err error) {
	if cv, err = c.conversation(); err != nil {
		return nil, err
	}
	if ch.author, err = c.actor(in.AdminID); err != nil {
		return nil, err
	}
	ch.body = htmlBody(in.Body)
	if in.MessageType == "quick_reply" {
		if len(in.ReplyOptions) == 0 {
			return nil, missing("reply_options")
		}
		ch.options = in.ReplyOptions
		return cv, nil
	}
	if ch.body == "" && len(ch.attachments) == 0 {
		return nil, missing("body")
	}
	return cv, nil
}

// contactReply finds the contact by one of three names, and, for the id "last", the newest
// conversation of that contact.
func (c *call) contactReply(in *message, ch *change) (*Conversation, error) {
	if in.MessageType != "comment" {
		return nil, invalid("message_type", "contacts can only comment")
	}
	contact, err := c.replier(in)
	if err != nil {
		return nil, err
	}
	c.entry.Contact = contact.ID
	var cv *Conversation
	if c.param("id") == "last" {
		for other := range c.space.conversations.all {
			if slices.Contains(other.Contacts, contact.ID) {
				cv = other
			}
		}
		if cv == nil {
			return nil, errNoConversation
		}
		c.settleNow(cv)
	} else if cv, err = c.conversation(); err != nil {
		return nil, err
	}
	if !slices.Contains(cv.Contacts, contact.ID) {
		return nil, errNoConversation
	}
	ch.author, ch.body = contact.author(), textBody(in.Body)
	if ch.body == "" && len(ch.attachments) == 0 {
		return nil, missing("body")
	}
	return cv, nil
}

func (c *call) settleNow(cv *Conversation) {
	c.settle(cv, c.now)
	c.entry.Conversation = cv.ID
}

func (c *call) replier(in *message) (*Contact, error) {
	if in.IntercomUserID == "" && in.UserID == "" && in.Email == "" {
		return nil, missing("intercom_user_id")
	}
	for contact := range c.space.contacts.all {
		if in.IntercomUserID != "" && contact.ID == string(in.IntercomUserID) ||
			in.IntercomUserID == "" && in.UserID != "" && contact.ExternalID == string(in.UserID) ||
			in.IntercomUserID == "" && in.UserID == "" && strings.EqualFold(contact.Email, in.Email) {
			return contact, nil
		}
	}
	return nil, errNoContact
}

// manageConversation closes, snoozes, opens or assigns, and nothing else.
func manageConversation(c *call) (any, error) {
	var in message
	if err := c.read(&in); err != nil {
		return nil, err
	}
	cv, err := c.conversation()
	if err != nil {
		return nil, err
	}
	ch := change{effect: messageEffects[in.MessageType], at: c.now, code: c.options.AppPackageCode}
	switch in.MessageType {
	case "":
		return nil, missing("message_type")
	case "close", "assignment":
		if err := in.actsAs(); err != nil {
			return nil, err
		}
		ch.body = htmlBody(in.Body)
	case "snoozed":
		if in.SnoozedUntil == nil {
			return nil, missing("snoozed_until")
		}
		ch.until = time.Unix(*in.SnoozedUntil, 0)
		if !ch.until.After(c.now) {
			return nil, invalid("snoozed_until", "snoozed_until must be in the future")
		}
	case "open":
	default:
		return nil, invalid("message_type", "message_type must be close, snoozed, open or assignment")
	}
	if ch.author, err = c.actor(in.AdminID); err != nil {
		return nil, err
	}
	if in.MessageType == "assignment" {
		if ch.assignTo, err = c.assignTo(&in); err != nil {
			return nil, err
		}
		c.entry.Assignee = string(*in.AssigneeID)
	}
	return c.done(cv, ch), nil
}

// actsAs checks the type that closing and assigning need.
func (in *message) actsAs() error {
	switch {
	case in.Type == "":
		return missing("type")
	case in.Type == "admin", in.Type == "team" && in.MessageType == "assignment":
		return nil
	}
	return invalid("type", "type must be admin, or team when assigning")
}

// assignTo finds the assignee. Older texts of Intercom's use the type admin for teams too.
func (c *call) assignTo(in *message) (Ref, error) {
	if in.AssigneeID == nil || *in.AssigneeID == "" {
		return Ref{}, missing("assignee_id")
	}
	ref, err := c.assignee(string(*in.AssigneeID))
	if err != nil || in.Type == "team" && ref.Type == "admin" {
		return Ref{}, errNoAssignee
	}
	if ref.Type == "admin" && c.space.admins.byID[ref.ID].NoInboxSeat {
		return Ref{}, invalid("assignee_id", "Admin does not have an inbox seat")
	}
	return ref, nil
}

// done makes the change and answers with the whole conversation.
func (c *call) done(cv *Conversation, ch change) any {
	part := c.apply(cv, ch)
	c.entry.Effect, c.entry.Part, c.entry.Text = ch.effect, part.ID, plainText(ch.body)
	return c.whole(cv)
}

// madeAt is the time that a call gives for what it makes: now, or a time in the past, for
// those who bring conversations over from elsewhere.
func (c *call) madeAt(given int64) (time.Time, error) {
	if given == 0 {
		return c.now, nil
	}
	at := time.Unix(given, 0)
	if given < 0 || at.After(c.now) {
		return time.Time{}, invalid("created_at", "created_at must be in the past")
	}
	return at, nil
}

// attachments takes up to ten pictures by their URLs and up to ten files.
func attachments(urls []string, files []attachmentFile) ([]Attachment, error) {
	if len(urls) > 10 {
		return nil, invalid("attachment_urls", "at most 10 attachment_urls are allowed")
	}
	if len(files) > 10 {
		return nil, invalid("attachment_files", "at most 10 attachment_files are allowed")
	}
	var out []Attachment
	for _, url := range urls {
		if !strings.HasPrefix(url, "http://") && !strings.HasPrefix(url, "https://") {
			return nil, invalid("attachment_urls", "attachment_urls must be URLs")
		}
		out = append(out, Attachment{Name: path.Base(url), URL: url, ContentType: "image/png"})
	}
	for _, file := range files {
		data, err := base64.StdEncoding.DecodeString(file.Data)
		if err != nil || file.Name == "" {
			return nil, invalid("attachment_files", "attachment_files need a name and base64 data")
		}
		out = append(out, Attachment{
			Name: file.Name, URL: "https://downloads.intercomcdn.com/i/o/" + file.Name,
			ContentType: file.ContentType, Size: len(data),
		})
	}
	return out, nil
}
