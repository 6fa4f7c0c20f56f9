package intercom

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"net/http"
	"regexp"
)

// Contact is a customer: a user or a lead.
type Contact struct {
	ID         ID     `json:"id"`
	ExternalID ID     `json:"external_id"`
	Role       string `json:"role"`
	Email      string `json:"email"`
	Phone      string `json:"phone"`
	Name       string `json:"name"`
	OwnerID    ID     `json:"owner_id"`
	CreatedAt  Time   `json:"created_at"`
	UpdatedAt  Time   `json:"updated_at"`
}

// Contact reads a contact, decoded and as Intercom sent it (GET /contacts/{id}). One that was
// deleted or merged into another is a 404.
func (c *Client) Contact(ctx context.Context, id string) (*Contact, json.RawMessage, error) {
	return c.contact(ctx, request{method: http.MethodGet, endpoint: "/contacts/{id}", ids: []string{id}})
}

// ContactByExternalID reads the contact that has an id of your own (GET
// /contacts/find_by_external_id/{external_id}). There being none is a 404.
func (c *Client) ContactByExternalID(ctx context.Context, externalID string) (*Contact, json.RawMessage, error) {
	return c.contact(ctx, request{
		method: http.MethodGet, endpoint: "/contacts/find_by_external_id/{external_id}", ids: []string{externalID},
	})
}

func (c *Client) contact(ctx context.Context, r request) (*Contact, json.RawMessage, error) {
	var contact Contact
	raw, err := c.call(ctx, r, &contact)
	if err != nil {
		return nil, nil, err
	}
	if contact.ID == "" {
		return nil, nil, c.unreadable(&r, http.StatusOK, "the answer is not a contact", nil)
	}
	return &contact, raw, nil
}

// SearchContacts finds at most limit contacts, or all without a limit (POST /contacts/search).
// A contact can be missing for some minutes after it was created, and one that was merged into
// another is never found. Dates are compared by day; see Less and Greater.
func (c *Client) SearchContacts(ctx context.Context, q Query, limit int) iter.Seq2[Item[Contact], error] {
	return search[Contact](ctx, c, Contacts, q, limit)
}

// ListContacts lists at most limit contacts, or all without a limit (GET /contacts).
func (c *Client) ListContacts(ctx context.Context, limit int) iter.Seq2[Item[Contact], error] {
	return cursorList[Contact](ctx, c, "/contacts", Contacts.pageSize(), limit, "data", "contacts")
}

// ContactRequest is what to set of a contact. What is nil stays as it is.
type ContactRequest struct {
	Role       *string `json:"role,omitempty"` // user or lead
	Email      *string `json:"email,omitempty"`
	ExternalID *string `json:"external_id,omitempty"`
	Phone      *string `json:"phone,omitempty"`
	Name       *string `json:"name,omitempty"`
	// OwnerID is the teammate who owns the contact, or Nobody.
	OwnerID                *ID            `json:"-"`
	SignedUpAt             *Time          `json:"signed_up_at,omitempty"`
	UnsubscribedFromEmails *bool          `json:"unsubscribed_from_emails,omitempty"`
	CustomAttributes       map[string]any `json:"custom_attributes,omitempty"`
}

// MarshalJSON writes the owner as Intercom wants it here: a number, or null.
func (r ContactRequest) MarshalJSON() ([]byte, error) {
	type plain ContactRequest
	w := struct {
		plain
		OwnerID any `json:"owner_id,omitempty"`
	}{plain: plain(r)}
	switch {
	case r.OwnerID == nil:
	case r.OwnerID.Nobody():
		w.OwnerID = json.RawMessage("null")
	default:
		w.OwnerID = json.Number(*r.OwnerID)
	}
	return json.Marshal(w)
}

// CreateContact makes a contact (POST /contacts), for which a role, an e-mail address or an
// external id is needed. When there is one of the same address or external id already, that
// is an error of class Conflict, and ConflictID tells which. So repeating makes a second
// contact only if neither is given. After a doubt, look for the contact by its external id or
// search for its address, which may take minutes to be found; or create it again.
func (c *Client) CreateContact(ctx context.Context, q ContactRequest) (*Contact, error) {
	r := request{method: http.MethodPost, endpoint: "/contacts", body: q}
	if q.Role == nil && q.Email == nil && q.ExternalID == nil {
		return nil, r.refuse("a new contact needs a role, an e-mail address or an external id")
	}
	contact, _, err := c.contact(ctx, r)
	return contact, err
}

// UpdateContact changes a contact (PUT /contacts/{id}). It is safe to repeat. An address or
// external id of another contact is an error of class Conflict.
func (c *Client) UpdateContact(ctx context.Context, id string, q ContactRequest) (*Contact, error) {
	contact, _, err := c.contact(ctx, request{
		method: http.MethodPut, endpoint: "/contacts/{id}", ids: []string{id}, body: q,
	})
	return contact, err
}

// DeleteContact deletes a contact for good (DELETE /contacts/{id}). After a doubt it is safe to
// repeat: then a 404 means that it is gone, which NotFound recognises.
func (c *Client) DeleteContact(ctx context.Context, id string) error {
	return c.changeContact(ctx, http.MethodDelete, "/contacts/{id}", nil, id)
}

// ArchiveContact puts a contact away (POST /contacts/{id}/archive). It is safe to repeat.
func (c *Client) ArchiveContact(ctx context.Context, id string) error {
	return c.changeContact(ctx, http.MethodPost, "/contacts/{id}/archive", nil, id)
}

// UnarchiveContact takes an archived contact back (POST /contacts/{id}/unarchive). It is safe
// to repeat.
func (c *Client) UnarchiveContact(ctx context.Context, id string) error {
	return c.changeContact(ctx, http.MethodPost, "/contacts/{id}/unarchive", nil, id)
}

// BlockContact archives a contact and keeps it from writing again (POST /contacts/{id}/block).
// It is safe to repeat.
func (c *Client) BlockContact(ctx context.Context, id string) error {
	return c.changeContact(ctx, http.MethodPost, "/contacts/{id}/block", nil, id)
}

// MergeContact merges a lead into a user and returns the user (POST /contacts/merge). The lead
// is a 404 from then on, so after a doubt read the lead: if it is gone, it was merged.
func (c *Client) MergeContact(ctx context.Context, leadID, userID string) (*Contact, error) {
	contact, _, err := c.contact(ctx, request{
		method: http.MethodPost, endpoint: "/contacts/merge",
		body: map[string]string{"from": leadID, "into": userID},
	})
	return contact, err
}

// changeContact makes a call of which only the success matters.
func (c *Client) changeContact(ctx context.Context, method, endpoint string, body any, ids ...string) error {
	_, err := c.call(ctx, request{method: method, endpoint: endpoint, ids: ids, body: body}, nil)
	return err
}

// ConflictID is the id of the contact that stands in the way of creating or changing one, if
// the error names it. An archived contact in the way is not named.
func ConflictID(err error) (string, bool) {
	e, ok := errors.AsType[*Error](err)
	if !ok || e.Class != Conflict {
		return "", false
	}
	match := conflictID.FindStringSubmatch(e.Message)
	if match == nil {
		return "", false
	}
	return match[1], true
}

// conflictID is how Intercom's message about a conflict ends.
var conflictID = regexp.MustCompile(`\bid=([0-9A-Za-z_-]+)\.?$`)

// ContactNote is a note about a contact, which teammates see in its profile.
type ContactNote struct {
	ID        ID     `json:"id"`
	Body      string `json:"body"` // HTML
	CreatedAt Time   `json:"created_at"`
	Author    Author `json:"author"`
}

// CreateContactNote notes something about a contact (POST /contacts/{id}/notes). adminID is the
// teammate who does it; without one the note has no author. Doing it twice shows twice. After
// a doubt, look for the note among ContactNotes.
func (c *Client) CreateContactNote(ctx context.Context, contactID, body, adminID string) (*ContactNote, error) {
	r := request{
		method: http.MethodPost, endpoint: "/contacts/{id}/notes", ids: []string{contactID},
		body: struct {
			Body    string `json:"body"`
			AdminID string `json:"admin_id,omitempty"`
		}{body, adminID},
	}
	var note ContactNote
	if _, err := c.call(ctx, r, &note); err != nil {
		return nil, err
	}
	if note.ID == "" {
		return nil, c.unreadable(&r, http.StatusOK, "the answer is not a note", nil)
	}
	return &note, nil
}

// ContactNotes reads the notes about a contact, of which Intercom sends at most 50: the newest,
// newest first (GET /contacts/{id}/notes).
func (c *Client) ContactNotes(ctx context.Context, contactID string) ([]ContactNote, error) {
	return contactList[ContactNote](ctx, c, "/contacts/{id}/notes", contactID, "data", "notes")
}

// ContactTags reads the tags of a contact (GET /contacts/{id}/tags).
func (c *Client) ContactTags(ctx context.Context, contactID string) ([]Tag, error) {
	return contactList[Tag](ctx, c, "/contacts/{id}/tags", contactID, "data", "tags")
}

func contactList[T any](ctx context.Context, c *Client, endpoint, id string, keys ...string) ([]T, error) {
	elements, err := c.list(ctx, request{method: http.MethodGet, endpoint: endpoint, ids: []string{id}}, keys...)
	if err != nil {
		return nil, err
	}
	return decodeAll[T](elements), nil
}

// TagContact puts a tag on a contact (POST /contacts/{id}/tags). It is safe to repeat.
func (c *Client) TagContact(ctx context.Context, contactID, tagID string) error {
	return c.changeContact(ctx, http.MethodPost, "/contacts/{id}/tags", map[string]string{"id": tagID}, contactID)
}

// UntagContact takes a tag off a contact (DELETE /contacts/{id}/tags/{tag_id}). A tag that is
// not on it is a 404, which NotFound recognises.
func (c *Client) UntagContact(ctx context.Context, contactID, tagID string) error {
	return c.changeContact(ctx, http.MethodDelete, "/contacts/{id}/tags/{tag_id}", nil, contactID, tagID)
}

// ContactCompanies reads the companies of a contact as Intercom sent them, of which it sends
// at most 50 (GET /contacts/{id}/companies).
func (c *Client) ContactCompanies(ctx context.Context, id string) ([]json.RawMessage, error) {
	return c.list(ctx, request{
		method: http.MethodGet, endpoint: "/contacts/{id}/companies", ids: []string{id},
	}, "data", "companies")
}

// AttachCompany makes a contact one of a company (POST /contacts/{id}/companies). companyID is
// Intercom's id of the company, which FindCompany tells. It is safe to repeat.
func (c *Client) AttachCompany(ctx context.Context, contactID, companyID string) error {
	return c.changeContact(ctx, http.MethodPost, "/contacts/{id}/companies", map[string]string{"id": companyID}, contactID)
}

// DetachCompany takes a contact out of a company (DELETE /contacts/{id}/companies/{company_id}).
// companyID is Intercom's id of the company. A contact that is not in it is a 404, which
// NotFound recognises.
func (c *Client) DetachCompany(ctx context.Context, contactID, companyID string) error {
	return c.changeContact(ctx, http.MethodDelete, "/contacts/{id}/companies/{company_id}", nil, contactID, companyID)
}
