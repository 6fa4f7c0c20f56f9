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
	MessageType string  `json:"message_type"`
	Type        string  `json:"type"`
	AdminID     givenID `json:"admin_id"`
	identity
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
	return c.reply(&in)
}

func (c *call) reply(in *message) (any, error) {
	ch, err := c.replyChange(in)
	if err != nil {
		return nil, err
	}
	var cv *Conversation
	if in.Type == "user" {
		cv, err = c.contactReply(in, &ch)
	} else if cv, err = c.conversation(); err == nil {
		err = c.adminWrites(in, &ch)
	}
	if err != nil {
		return nil, err
	}
	return c.done(cv, ch), nil
}

// replyChange is the change that a reply makes, as far as that does not depend on who writes.
func (c *call) replyChange(in *message) (change, error) {
	switch {
	case in.MessageType == "":
		return change{}, missing("message_type")
	case !slices.Contains([]string{"comment", "note", "quick_reply"}, in.MessageType):
		return change{}, invalid("message_type", "message_type must be comment, note or quick_reply")
	case in.Type == "":
		return change{}, missing("type")
	case in.Type != "admin" && in.Type != "user":
		return change{}, invalid("type", "type must be admin or user")
	}
	at, err := c.madeAt(in.CreatedAt)
	if err != nil {
		return change{}, err
	}
	files, err := attachments(in.AttachmentURLs, in.AttachmentFiles)
	return change{effect: messageEffects[in.MessageType], at: at, code: c.options.AppPackageCode, attachments: files}, err
}

// adminWrites makes the change an admin's.
func (c *call) adminWrites(in *message, ch *change) (err error) {
	if ch.author, err = c.actor(in.AdminID); err != nil {
		return err
	}
	ch.body = htmlBody(in.Body)
	if in.MessageType == "quick_reply" {
		if len(in.ReplyOptions) == 0 {
			return missing("reply_options")
		}
		ch.options = in.ReplyOptions
		return nil
	}
	if ch.body == "" && len(ch.attachments) == 0 {
		return missing("body")
	}
	return nil
}

// contactReply makes the change a contact's. The id "last" is the newest conversation of
// that contact.
func (c *call) contactReply(in *message, ch *change) (*Conversation, error) {
	var cv *Conversation
	if c.param("id") != "last" {
		var err error
		if cv, err = c.conversation(); err != nil {
			return nil, err
		}
		return cv, c.customerWrites(cv, in, ch)
	}
	contact, err := c.replier(in)
	if err != nil {
		return nil, err
	}
	for _, other := range c.space.conversations.newest() {
		if slices.Contains(other.Contacts, contact.ID) {
			c.settle(other, c.now)
			c.entry.Conversation = other.ID
			return other, c.customerWrites(other, in, ch)
		}
	}
	return nil, errNoConversation
}

// customerWrites makes the change a comment of a contact who takes part in the thread.
func (c *call) customerWrites(thread *Conversation, in *message, ch *change) error {
	if in.MessageType != "comment" {
		return invalid("message_type", "contacts can only comment")
	}
	contact, err := c.replier(in)
	if err != nil {
		return err
	}
	c.entry.Contact = contact.ID
	if !slices.Contains(thread.Contacts, contact.ID) {
		return errNoConversation
	}
	if contact.Blocked {
		return errBlocked
	}
	ch.author, ch.body = contact.author(), textBody(in.Body)
	if ch.body == "" && len(ch.attachments) == 0 {
		return missing("body")
	}
	return nil
}

func (c *call) replier(in *message) (*Contact, error) {
	if in.identity == (identity{}) {
		return nil, missing("intercom_user_id")
	}
	contact := c.space.named(in.identity)
	if contact == nil {
		return nil, errNoContact
	}
	return contact, nil
}

// manageConversation closes, snoozes, opens or assigns. A comment or note of an admin is
// taken here too, as older texts about the API have it.
func manageConversation(c *call) (any, error) {
	var in message
	if err := c.read(&in); err != nil {
		return nil, err
	}
	if in.Type == "admin" && (in.MessageType == "comment" || in.MessageType == "note") {
		return c.reply(&in)
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
