package intercom

import (
	"context"
	"encoding/json"
	"net/http"
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
	r := request{method: http.MethodGet, endpoint: "/contacts/{id}", ids: []string{id}}
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

// ContactCompanies reads the companies of a contact as Intercom sent them, of which it sends
// at most 50 (GET /contacts/{id}/companies).
func (c *Client) ContactCompanies(ctx context.Context, id string) ([]json.RawMessage, error) {
	return c.list(ctx, request{
		method: http.MethodGet, endpoint: "/contacts/{id}/companies", ids: []string{id},
	}, "data", "companies")
}
