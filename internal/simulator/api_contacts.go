package simulator

import (
	"net/http"
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

func (c *call) showContact(contact *Contact) any {
	return c.space.contactJSON(rest, c.options.AppID, contact)
}

// getContact shows a contact; also one that is archived.
func getContact(c *call) (any, error) {
	contact, err := c.contact()
	if err != nil {
		return nil, err
	}
	return c.showContact(contact), nil
}

func findContact(c *call) (any, error) {
	contact := c.space.firstContact(func(have *Contact) bool { return have.ExternalID == c.param("external") })
	if contact == nil {
		return nil, errNoContact
	}
	c.entry.Contact = contact.ID
	return c.showContact(contact), nil
}

// listContacts shows the contacts that are not archived, newest first: by cursor, or by page
// number when one is given.
func listContacts(c *call) (any, error) {
	p, err := c.cursorPage(contactPages)
	if err != nil {
		return nil, err
	}
	live := func(contact *Contact) bool { return !contact.Archived }
	if !c.r.URL.Query().Has("page") || p.after > 0 {
		return c.contactList(p, live), nil
	}
	byNumber, err := c.numberedPage(contactPages.usual)
	if err != nil {
		return nil, err
	}
	if skip := (byNumber.page - 1) * byNumber.perPage; skip > 0 {
		p.page = byNumber.page
		p.after = c.space.contacts.numberAfter(skip, live)
	}
	return c.contactList(p, live), nil
}

// contactInput is what a request says of a contact.
type contactInput struct {
	Role                   given[string]  `json:"role"`
	ExternalID             given[givenID] `json:"external_id"`
	Email                  given[string]  `json:"email"`
	Name                   given[string]  `json:"name"`
	Phone                  given[string]  `json:"phone"`
	Avatar                 given[string]  `json:"avatar"`
	OwnerID                given[givenID] `json:"owner_id"`
	SignedUpAt             givenTime      `json:"signed_up_at"`
	LastSeenAt             givenTime      `json:"last_seen_at"`
	UnsubscribedFromEmails given[bool]    `json:"unsubscribed_from_emails"`
	CustomAttributes       given[values]  `json:"custom_attributes"`
}

// check refuses what no contact can have.
func (in *contactInput) check(w *workspace) error {
	owner := string(in.OwnerID.value)
	switch role := in.Role.value; {
	case role != "" && role != "user" && role != "lead":
		return invalid("role", "role must be user or lead")
	case in.Email.value != "" && !strings.Contains(in.Email.value, "@"):
		return invalid("email", "email is invalid")
	case owner != "" && owner != "0" && w.admins.byID[owner] == nil:
		return errNoAdmin
	}
	return w.checkAttributes(modelContact, in.CustomAttributes.value)
}

func (in *contactInput) into(c *Contact, now time.Time) {
	if in.Role.value != "" {
		c.Role = in.Role.value
	}
	if in.ExternalID.set {
		c.ExternalID = string(in.ExternalID.value)
	}
	if in.OwnerID.set {
		c.OwnerID = strings.TrimPrefix(string(in.OwnerID.value), "0")
	}
	in.Email.into(&c.Email)
	in.Name.into(&c.Name)
	in.Phone.into(&c.Phone)
	in.Avatar.into(&c.Avatar)
	in.SignedUpAt.into(&c.SignedUpAt)
	in.LastSeenAt.into(&c.LastSeenAt)
	in.UnsubscribedFromEmails.into(&c.UnsubscribedFromEmails)
	setAttributes(&c.CustomAttributes, in.CustomAttributes.value)
	c.UpdatedAt = now
}

func createContact(c *call) (any, error) {
	var in contactInput
	if err := c.read(&in); err != nil {
		return nil, err
	}
	if in.Email.value == "" && in.ExternalID.value == "" && in.Role.value == "" {
		return nil, missing("email")
	}
	if err := in.check(&c.space); err != nil {
		return nil, err
	}
	contact := Contact{Role: "user", CreatedAt: c.now}
	in.into(&contact, c.now)
	if err := c.noTwin(&contact); err != nil {
		return nil, err
	}
	added := c.addContact(contact)
	c.entry.Effect, c.entry.Contact = EffectContact, added.ID
	c.notifyContact(added, c.now, true, "created")
	return c.showContact(added), nil
}

// noTwin refuses a contact whose names another has. The message names the other.
func (c *call) noTwin(contact *Contact) error {
	twin := c.space.twin(contact)
	if twin == nil {
		return nil
	}
	who := "A contact"
	if twin.Archived {
		who = "An archived contact"
	}
	return &apiError{
		status: http.StatusConflict, code: "conflict",
		message: who + " matching those details already exists with id=" + twin.ID,
	}
}

// updateContact changes what is given. A changed address and a lead who becomes a user are
// told of beside the change itself.
func updateContact(c *call) (any, error) {
	var in contactInput
	if err := c.read(&in); err != nil {
		return nil, err
	}
	contact, err := c.contact()
	if err != nil {
		return nil, err
	}
	if err := in.check(&c.space); err != nil {
		return nil, err
	}
	before, after := *contact, contact.clone()
	in.into(&after, c.now)
	if before.Role == "user" && after.Role == "lead" {
		return nil, invalid("role", "a user cannot become a lead")
	}
	if err := c.noTwin(&after); err != nil {
		return nil, err
	}
	*contact = after
	c.entry.Effect = EffectContact
	c.notifyContact(contact, c.now, true, "updated")
	switch {
	case before.Role == "lead" && contact.Role == "user":
		c.notifyContactTopic(contact, c.now, "contact.lead.signed_up")
	case before.Email != contact.Email && before.Email == "" && contact.Role == "lead":
		c.notifyContactTopic(contact, c.now, "contact.lead.added_email")
	case before.Email != contact.Email:
		c.notifyContactTopic(contact, c.now, "contact.email.updated")
	}
	return c.showContact(contact), nil
}
