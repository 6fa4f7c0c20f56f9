package intercom

import (
	"context"
	"encoding/json"
	"iter"
	"net/http"
	"net/url"
)

// Company is a company that contacts belong to.
type Company struct {
	// ID is Intercom's; CompanyID is your own.
	ID           ID     `json:"id"`
	CompanyID    ID     `json:"company_id"`
	Name         string `json:"name"`
	Plan         Plan   `json:"plan"`
	Size         int    `json:"size"`
	Website      string `json:"website"`
	Industry     string `json:"industry"`
	MonthlySpend int    `json:"monthly_spend"`
	UserCount    int    `json:"user_count"`
	CreatedAt    Time   `json:"created_at"`
	UpdatedAt    Time   `json:"updated_at"`
}

// Plan is what a company pays for.
type Plan struct {
	ID   ID     `json:"id"`
	Name string `json:"name"`
}

// UnmarshalJSON decodes leniently.
func (p *Plan) UnmarshalJSON(b []byte) error {
	type plain Plan
	*p = Plan{}
	return lenient(b, (*plain)(p))
}

// companiesPage is how many companies to ask for at once: what Intercom sends by itself.
const companiesPage = 15

// Company reads a company by Intercom's id, decoded and as Intercom sent it (GET
// /companies/{id}).
func (c *Client) Company(ctx context.Context, id string) (*Company, json.RawMessage, error) {
	return c.company(ctx, request{method: http.MethodGet, endpoint: "/companies/{id}", ids: []string{id}})
}

func (c *Client) company(ctx context.Context, r request) (*Company, json.RawMessage, error) {
	var company Company
	raw, err := c.call(ctx, r, &company)
	if err != nil {
		return nil, nil, err
	}
	if company.ID == "" {
		return nil, nil, c.unreadable(&r, http.StatusOK, "the answer is not a company", nil)
	}
	return &company, raw, nil
}

// FindCompany reads the company that has an id of your own (GET /companies?company_id=). There
// being none is a 404.
func (c *Client) FindCompany(ctx context.Context, companyID string) (*Company, json.RawMessage, error) {
	found, err := c.findCompanies(ctx, "company_id", companyID)
	if err != nil {
		return nil, nil, err
	}
	for _, item := range found {
		if item.Value.CompanyID == ID(companyID) {
			return &item.Value, item.Raw, nil
		}
	}
	return nil, nil, &Error{
		Class: Permanent, Method: http.MethodGet, Endpoint: "/companies", Status: http.StatusNotFound,
		Code: "company_not_found", Message: "no company has this company_id",
	}
}

// CompaniesByName reads the companies of a name (GET /companies?name=). Intercom answers with
// one of them, or with a list, or, there being none, with a 404.
func (c *Client) CompaniesByName(ctx context.Context, name string) ([]Item[Company], error) {
	return c.findCompanies(ctx, "name", name)
}

// findCompanies makes a call that answers with a company, or with a list of companies.
func (c *Client) findCompanies(ctx context.Context, field, value string) ([]Item[Company], error) {
	r := request{method: http.MethodGet, endpoint: "/companies", query: url.Values{field: {value}}}
	if value == "" {
		return nil, r.refuse("the " + field + " is empty") // it would find every company
	}
	body, status, err := c.do(ctx, &r)
	if err != nil {
		return nil, err
	}
	elements, ok := list(body, "data", "companies")
	if !ok {
		elements = []json.RawMessage{body}
	}
	found := []Item[Company]{}
	for _, raw := range elements {
		var company Company
		if decode(raw, &company) != nil || company.ID == "" {
			return nil, c.unreadable(&r, status, "the answer is neither a company nor a list of companies", nil)
		}
		found = append(found, Item[Company]{company, raw})
	}
	return found, nil
}

// ListCompanies lists at most limit companies, or all without a limit, the newest first (POST
// /companies/list, which only reads). One that no contact was ever attached to is not listed.
func (c *Client) ListCompanies(ctx context.Context, limit int) iter.Seq2[Item[Company], error] {
	r := request{method: http.MethodPost, endpoint: "/companies/list", reads: true}
	return numberedList[Company](ctx, c, r, companiesPage, limit, "data", "companies")
}

// CompanyRequest is what to set of a company. What is nil stays as it is.
type CompanyRequest struct {
	// CompanyID is your own id of the company: the key by which it is found, never changed.
	CompanyID string `json:"company_id,omitempty"`

	Name             *string        `json:"name,omitempty"`
	Plan             *string        `json:"plan,omitempty"` // its name
	Size             *int           `json:"size,omitempty"`
	Website          *string        `json:"website,omitempty"`
	Industry         *string        `json:"industry,omitempty"`
	MonthlySpend     *int           `json:"monthly_spend,omitempty"`
	RemoteCreatedAt  *Time          `json:"remote_created_at,omitempty"`
	CustomAttributes map[string]any `json:"custom_attributes,omitempty"`
}

// SaveCompany changes the company that has the CompanyID, or makes it (POST /companies). It is
// safe to repeat. Until a contact is attached to it, a new company is in no list.
func (c *Client) SaveCompany(ctx context.Context, q CompanyRequest) (*Company, error) {
	r := request{method: http.MethodPost, endpoint: "/companies", body: q}
	if q.CompanyID == "" {
		return nil, r.refuse("a company_id is needed: it is the key by which the company is found again")
	}
	company, _, err := c.company(ctx, r)
	return company, err
}

// UpdateCompany changes a company by Intercom's id (PUT /companies/{id}). Its CompanyID and
// RemoteCreatedAt cannot be changed. It is safe to repeat.
func (c *Client) UpdateCompany(ctx context.Context, id string, q CompanyRequest) (*Company, error) {
	r := request{method: http.MethodPut, endpoint: "/companies/{id}", ids: []string{id}, body: q}
	if q.CompanyID != "" || q.RemoteCreatedAt != nil {
		return nil, r.refuse("company_id and remote_created_at of a company cannot be changed")
	}
	company, _, err := c.company(ctx, r)
	return company, err
}

// DeleteCompany deletes a company by Intercom's id (DELETE /companies/{id}). After a doubt it is
// safe to repeat: then a 404 means that it is gone, which NotFound recognises.
func (c *Client) DeleteCompany(ctx context.Context, id string) error {
	_, err := c.call(ctx, request{method: http.MethodDelete, endpoint: "/companies/{id}", ids: []string{id}}, nil)
	return err
}
