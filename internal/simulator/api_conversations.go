package simulator

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// maxParts is how many parts, the most recent ones, a conversation shows.
const maxParts = 500

func (c *call) conversation() (*Conversation, error) {
	found := c.Simulator.conversation(c.param("id"), c.now)
	if found == nil {
		return nil, errNoConversation
	}
	c.entry.Conversation = found.ID
	return found, nil
}

// whole shows a conversation with its history, as all calls about one conversation do.
func (c *call) whole(cv *Conversation) *conversationJSON {
	recent := cv.Parts[max(0, len(cv.Parts)-maxParts):]
	if recent == nil {
		recent = []Part{}
	}
	out := c.space.conversationJSON(rest, cv, recent)
	out.Parts.Total = len(cv.Parts)
	if c.r.URL.Query().Get("display_as") == "plaintext" {
		out.Source.Body = plainText(out.Source.Body)
		for i := range out.Parts.Parts {
			if body, ok := out.Parts.Parts[i].Body.(string); ok {
				out.Parts.Parts[i].Body = plainText(body)
			}
		}
	}
	return out
}

func getConversation(c *call) (any, error) {
	cv, err := c.conversation()
	if err != nil {
		return nil, err
	}
	return c.whole(cv), nil
}

// listConversations shows conversations without their parts, the newest first.
func listConversations(c *call) (any, error) {
	p, err := c.cursorPage(conversationPages)
	if err != nil {
		return nil, err
	}
	return c.conversationList(p, func(*Conversation) bool { return true }), nil
}

// createConversation begins a conversation in a contact's name. It answers with the message.
func createConversation(c *call) (any, error) {
	var in struct {
		From *struct {
			Type string  `json:"type"`
			ID   givenID `json:"id"`
		} `json:"from"`
		Body           string   `json:"body"`
		Subject        string   `json:"subject"`
		AttachmentURLs []string `json:"attachment_urls"`
		CreatedAt      int64    `json:"created_at"`
	}
	if err := c.read(&in); err != nil {
		return nil, err
	}
	switch {
	case in.From == nil:
		return nil, missing("from")
	case in.From.ID == "":
		return nil, missing("from.id")
	case !slices.Contains([]string{"lead", "user", "contact"}, in.From.Type):
		return nil, invalid("from.type", "from.type must be lead, user or contact")
	case strings.TrimSpace(in.Body) == "":
		return nil, missing("body")
	}
	contact := c.space.contacts.byID[string(in.From.ID)]
	if contact == nil {
		return nil, errNoContact
	}
	files, err := attachments(in.AttachmentURLs, nil)
	if err != nil {
		return nil, err
	}
	at, err := c.madeAt(in.CreatedAt)
	if err != nil {
		return nil, err
	}
	if contact.Blocked {
		return nil, errBlocked
	}
	return c.begin(contact, Source{Subject: in.Subject, Attachments: files}, in.Body, at), nil
}

// begin starts a conversation with a contact's words and shows the message.
func (c *call) begin(contact *Contact, source Source, words string, at time.Time) any {
	source.Body, source.Author = textBody(words), contact.author()
	cv := c.start(contact, source, at)
	c.entry.Effect, c.entry.Conversation, c.entry.Contact, c.entry.Text = EffectStart, cv.ID, contact.ID, words
	c.notifyConversation(cv, c.now, true, nil, "conversation.user.created")
	return map[string]any{
		"type": "user_message", "id": cv.Source.ID, "created_at": at.Unix(), "body": words,
		"message_type": "inapp", "conversation_id": cv.ID,
	}
}

// updateConversation sets the read mark, the title, the company and custom attributes, which
// must exist. The history shows each attribute and the title as a part made by the bot. No
// notification tells of any of it.
func updateConversation(c *call) (any, error) {
	var in struct {
		Read             *bool   `json:"read"`
		Title            *string `json:"title"`
		CompanyID        *string `json:"company_id"`
		CustomAttributes values  `json:"custom_attributes"`
	}
	if err := c.read(&in); err != nil {
		return nil, err
	}
	cv, err := c.conversation()
	if err != nil {
		return nil, err
	}
	if err := c.space.checkAttributes(modelConversation, in.CustomAttributes); err != nil {
		return nil, err
	}
	if in.CompanyID != nil && *in.CompanyID != "" && c.space.companies.byID[*in.CompanyID] == nil {
		return nil, errNoCompany
	}
	setAttributes(&cv.CustomAttributes, in.CustomAttributes)
	for _, name := range slices.Sorted(maps.Keys(in.CustomAttributes)) {
		c.history(cv, "conversation_attribute_updated_by_admin", name, in.CustomAttributes[name])
	}
	if in.Title != nil && *in.Title != cv.Title {
		cv.Title = *in.Title
		c.history(cv, "title_changed", "", nil)
	}
	if in.Read != nil {
		cv.Read = *in.Read
	}
	if in.CompanyID != nil {
		cv.CompanyID = *in.CompanyID
	}
	cv.UpdatedAt = c.now
	c.entry.Effect = EffectUpdate
	return c.whole(cv), nil
}

// history adds a part that tells of a changed title or attribute.
func (c *call) history(cv *Conversation, partType, attribute string, value any) {
	cv.Parts = append(cv.Parts, Part{
		ID: c.ids.part(), Type: partType, CreatedAt: c.now, UpdatedAt: c.now, Author: c.space.bot,
		State: cv.State, Attribute: attribute, Value: value, AppPackageCode: c.options.AppPackageCode,
	})
	cv.Statistics.Parts++
}

// tagConversation puts a tag that exists on a conversation.
func tagConversation(c *call) (any, error) {
	var in struct {
		ID      givenID `json:"id"`
		AdminID givenID `json:"admin_id"`
	}
	if err := c.read(&in); err != nil {
		return nil, err
	}
	cv, err := c.conversation()
	if err != nil {
		return nil, errTagConversation
	}
	if in.ID == "" {
		return nil, missing("id")
	}
	author, err := c.actor(in.AdminID)
	if err != nil {
		return nil, err
	}
	tag := c.space.tags.byID[string(in.ID)]
	if tag == nil {
		return nil, errNoTag
	}
	c.entry.Effect, c.entry.Tag = EffectTag, tag.Name
	return c.space.appliedTagJSON(c.tagConversation(cv, tag, author.ref(), c.now, true)), nil
}

// untagConversation takes a tag off; one that is not on is not found.
func untagConversation(c *call) (any, error) {
	var in struct {
		AdminID givenID `json:"admin_id"`
	}
	if err := c.read(&in); err != nil {
		return nil, err
	}
	cv, err := c.conversation()
	if err != nil {
		return nil, errTagConversation
	}
	if _, err := c.actor(in.AdminID); err != nil {
		return nil, err
	}
	tag := c.space.tags.byID[c.param("tag")]
	if tag == nil {
		return nil, errNoTag
	}
	applied, was := c.untagConversation(cv, tag.ID, c.now)
	if !was {
		return nil, errNoTag
	}
	c.entry.Effect, c.entry.Tag = EffectUntag, tag.Name
	return c.space.appliedTagJSON(applied), nil
}

// deleteConversation removes a conversation for good, and the ticket that it is.
func deleteConversation(c *call) (any, error) {
	cv, err := c.conversation()
	if err != nil {
		return nil, err
	}
	c.dropConversation(cv, c.now, true)
	c.entry.Effect = EffectDelete
	return map[string]any{"id": cv.ID, "object": "conversation", "deleted": true}, nil
}
