package simulator

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

func (c *call) contact() (*Contact, error) {
	contact := c.space.contacts.byID[c.param("id")]
	if contact == nil {
		return nil, errNoContact
	}
	c.entry.Contact = contact.ID
	return contact, nil
}

func getContact(c *call) (any, error) {
	contact, err := c.contact()
	if err != nil {
		return nil, err
	}
	return c.space.contactJSON(rest, c.options.AppID, contact), nil
}

func createContact(c *call) (any, error) {
	var in struct {
		Role                   string         `json:"role"`
		ExternalID             givenID        `json:"external_id"`
		Email                  string         `json:"email"`
		Name                   string         `json:"name"`
		Phone                  string         `json:"phone"`
		OwnerID                givenID        `json:"owner_id"`
		SignedUpAt             int64          `json:"signed_up_at"`
		LastSeenAt             int64          `json:"last_seen_at"`
		UnsubscribedFromEmails bool           `json:"unsubscribed_from_emails"`
		CustomAttributes       map[string]any `json:"custom_attributes"`
	}
	if err := c.read(&in); err != nil {
		return nil, err
	}
	switch {
	case in.Email == "" && in.ExternalID == "" && in.Role == "":
		return nil, missing("email")
	case in.Role != "" && in.Role != "user" && in.Role != "lead":
		return nil, invalid("role", "role must be user or lead")
	case in.Email != "" && !strings.Contains(in.Email, "@"):
		return nil, invalid("email", "email is invalid")
	}
	contact := Contact{
		Role: in.Role, ExternalID: string(in.ExternalID), Email: in.Email, Name: in.Name, Phone: in.Phone,
		OwnerID: string(in.OwnerID), UnsubscribedFromEmails: in.UnsubscribedFromEmails,
		CustomAttributes: in.CustomAttributes, CreatedAt: c.now,
	}
	if in.SignedUpAt > 0 {
		contact.SignedUpAt = time.Unix(in.SignedUpAt, 0)
	}
	if in.LastSeenAt > 0 {
		contact.LastSeenAt = time.Unix(in.LastSeenAt, 0)
	}
	if twin := c.space.twin(contact); twin != nil {
		return nil, &apiError{
			status: http.StatusConflict, code: "conflict",
			message: "A contact matching those details already exists with id=" + twin.ID,
		}
	}
	added := c.addContact(contact)
	c.entry.Effect, c.entry.Contact = EffectContact, added.ID
	c.notifyContact(added, c.now, true, "created")
	return c.space.contactJSON(rest, c.options.AppID, added), nil
}

// twin is the contact that a new one would clash with: the same external id, or two users
// with one e-mail address. Leads may share an address.
func (w *workspace) twin(c Contact) *Contact {
	for have := range w.contacts.all {
		if c.ExternalID != "" && have.ExternalID == c.ExternalID {
			return have
		}
		if c.Email != "" && c.Role != "lead" && have.Role == "user" && strings.EqualFold(have.Email, c.Email) {
			return have
		}
	}
	return nil
}

func contactCompanies(c *call) (any, error) {
	contact, err := c.contact()
	if err != nil {
		return nil, err
	}
	page, perPage, err := c.page(50)
	if err != nil {
		return nil, err
	}
	total := len(contact.Companies)
	data := []*companyJSON{}
	for _, id := range contact.Companies[min((page-1)*perPage, total):min(page*perPage, total)] {
		if company := c.space.companies.byID[id]; company != nil {
			data = append(data, c.space.companyJSON(rest, c.options.AppID, company))
		}
	}
	pages := (total + perPage - 1) / perPage
	var next any
	if page < pages {
		next = "/contacts/" + contact.ID + "/companies?per_page=" + strconv.Itoa(perPage) + "&page=" + strconv.Itoa(page+1)
	}
	return map[string]any{
		"type": "list", "data": data, "total_count": total,
		"pages": map[string]any{"type": "pages", "next": next, "page": page, "per_page": perPage, "total_pages": pages},
	}, nil
}

// page reads the parameters of a numbered list.
func (c *call) page(perPage int) (int, int, error) {
	page := 1
	for name, v := range map[string]*int{"page": &page, "per_page": &perPage} {
		given := c.r.URL.Query().Get(name)
		if given == "" {
			continue
		}
		n, err := strconv.Atoi(given)
		if err != nil || n < 1 || n > 1_000_000 {
			return 0, 0, invalid(name, "%s must be a positive number", name)
		}
		*v = n
	}
	return page, min(perPage, 50), nil
}

func contactTags(c *call) (any, error) {
	contact, err := c.contact()
	if err != nil {
		return nil, err
	}
	data := []tagJSON{}
	for _, t := range contact.Tags {
		data = append(data, c.space.appliedTagJSON(t))
	}
	return map[string]any{"type": "list", "data": data}, nil
}

func tagContact(c *call) (any, error) {
	var in struct {
		ID givenID `json:"id"`
	}
	if err := c.read(&in); err != nil {
		return nil, err
	}
	contact, err := c.contact()
	if err != nil {
		return nil, err
	}
	if in.ID == "" {
		return nil, missing("id")
	}
	tag := c.space.tags.byID[string(in.ID)]
	if tag == nil {
		return nil, errNoTag
	}
	c.entry.Effect, c.entry.Tag = EffectContact, tag.Name
	applied := tagOf(contact.Tags, tag.ID)
	if applied == nil {
		contact.Tags = append(contact.Tags, AppliedTag{
			ID: tag.ID, AppliedAt: c.now, By: Ref{Type: "admin", ID: c.space.tokenAdmin},
		})
		applied = &contact.Tags[len(contact.Tags)-1]
		contact.UpdatedAt = c.now
		c.notifyContactTag(contact, tag, c.now, true, "created")
	}
	return c.space.appliedTagJSON(*applied), nil
}

func untagContact(c *call) (any, error) {
	contact, err := c.contact()
	if err != nil {
		return nil, err
	}
	tag := c.space.tags.byID[c.param("tag")]
	if tag == nil || tagOf(contact.Tags, tag.ID) == nil {
		return nil, errNoTag
	}
	applied := *tagOf(contact.Tags, tag.ID)
	contact.Tags = slices.DeleteFunc(contact.Tags, func(t AppliedTag) bool { return t.ID == tag.ID })
	contact.UpdatedAt = c.now
	c.entry.Effect, c.entry.Tag = EffectContact, tag.Name
	c.notifyContactTag(contact, tag, c.now, true, "deleted")
	return c.space.appliedTagJSON(applied), nil
}
