package simulator

import (
	"encoding/base64"
	"slices"
	"strconv"
	"strings"
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

// listConversations shows conversations without their parts, the newest first. The cursor
// names the last one shown, so that new ones do not shift the pages.
func listConversations(c *call) (any, error) {
	query := c.r.URL.Query()
	perPage := 20
	if given := query.Get("per_page"); given != "" {
		n, err := strconv.Atoi(given)
		if err != nil || n < 1 || n > 150 {
			return nil, invalid("per_page", "per_page must be between 1 and 150")
		}
		perPage = n
	}
	order := c.space.conversations.order
	end, page := len(order), 1
	if cursor := query.Get("starting_after"); cursor != "" {
		last, number, ok := readCursor(cursor)
		if !ok {
			return nil, invalid("starting_after", "starting_after is not a cursor of this list")
		}
		page = number
		end, _ = slices.BinarySearchFunc(order, last, compareIDs)
	}
	start := max(0, end-perPage)
	items := []*conversationJSON{}
	for _, id := range slices.Backward(order[start:end]) {
		items = append(items, c.space.conversationJSON(rest, c.Simulator.conversation(id, c.now), nil))
	}
	pages := map[string]any{
		"type": "pages", "page": page, "per_page": perPage, "total_pages": (len(order) + perPage - 1) / perPage,
	}
	if start > 0 {
		pages["next"] = map[string]any{"page": page + 1, "starting_after": cursor(order[start], page+1)}
	}
	return map[string]any{
		"type": "conversation.list", "pages": pages, "total_count": len(order), "conversations": items,
	}, nil
}

// compareIDs compares numbers written as text.
func compareIDs(a, b string) int {
	if len(a) != len(b) {
		return len(a) - len(b)
	}
	return strings.Compare(a, b)
}

func cursor(last string, page int) string {
	return base64.URLEncoding.EncodeToString([]byte(strconv.Itoa(page) + " " + last))
}

func readCursor(s string) (last string, page int, ok bool) {
	text, err := base64.URLEncoding.DecodeString(s)
	if err != nil {
		return "", 0, false
	}
	number, last, found := strings.Cut(string(text), " ")
	page, err = strconv.Atoi(number)
	return last, page, found && err == nil && page > 1 && last != ""
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
	cv := c.start(contact, Source{
		Subject: in.Subject, Body: textBody(in.Body), Author: contact.author(), Attachments: files,
	}, at)
	c.entry.Effect, c.entry.Conversation, c.entry.Contact, c.entry.Text = EffectStart, cv.ID, contact.ID, in.Body
	c.notifyConversation(cv, c.now, true, nil, "conversation.user.created")
	return map[string]any{
		"type": "user_message", "id": cv.Source.ID, "created_at": at.Unix(), "body": in.Body,
		"message_type": "inapp", "conversation_id": cv.ID,
	}, nil
}

// updateConversation sets the read mark, the title, the company and custom attributes, which
// must exist. The history shows each attribute and the title as a part made by the bot. No
// notification tells of any of it.
func updateConversation(c *call) (any, error) {
	var in struct {
		Read             *bool          `json:"read"`
		Title            *string        `json:"title"`
		CompanyID        *string        `json:"company_id"`
		CustomAttributes map[string]any `json:"custom_attributes"`
	}
	if err := c.read(&in); err != nil {
		return nil, err
	}
	cv, err := c.conversation()
	if err != nil {
		return nil, err
	}
	names := make([]string, 0, len(in.CustomAttributes))
	for name := range in.CustomAttributes {
		if !c.space.attributes[name] {
			return nil, invalid("custom_attributes", "Custom attribute %q does not exist", name)
		}
		names = append(names, name)
	}
	if in.CompanyID != nil && *in.CompanyID != "" && c.space.companies.byID[*in.CompanyID] == nil {
		return nil, errNoCompany
	}
	slices.Sort(names)
	for _, name := range names {
		cv.CustomAttributes[name] = in.CustomAttributes[name]
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
