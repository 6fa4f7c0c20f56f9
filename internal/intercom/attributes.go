package intercom

import (
	"context"
	"net/http"
	"net/url"
)

// The models that have data attributes.
const (
	ModelContact      = "contact"
	ModelCompany      = "company"
	ModelConversation = "conversation"
)

// DataAttribute is an attribute that all objects of a model have.
type DataAttribute struct {
	ID    ID     `json:"id"` // only of custom ones
	Model string `json:"model"`
	Name  string `json:"name"`
	// FullName is the path of it, such as "custom_attributes.plan" or "plan.name".
	FullName string `json:"full_name"`
	Label    string `json:"label"` // what teammates see
	// DataType is string, integer, float, boolean or date.
	DataType string `json:"data_type"`
	// Options are all the values it can have, when it has a fixed list of them.
	Options []string `json:"options"`
	Custom  bool     `json:"custom"`
	// Archived ones keep their values and take no new ones.
	Archived bool `json:"archived"`
	// Writable tells whether the API can set it. It counts as true when Intercom does not say.
	Writable bool `json:"api_writable"`
}

// UnmarshalJSON decodes leniently.
func (a *DataAttribute) UnmarshalJSON(b []byte) error {
	type plain DataAttribute
	*a = DataAttribute{Writable: true}
	return lenient(b, (*plain)(a))
}

// DataAttributes lists the attributes of a model that are not archived: those that come with
// Intercom and custom ones (GET /data_attributes).
func (c *Client) DataAttributes(ctx context.Context, model string) ([]DataAttribute, error) {
	return c.dataAttributes(ctx, url.Values{"model": {model}})
}

// AllDataAttributes lists archived ones, too (GET /data_attributes).
func (c *Client) AllDataAttributes(ctx context.Context, model string) ([]DataAttribute, error) {
	return c.dataAttributes(ctx, url.Values{"model": {model}, "include_archived": {"true"}})
}

func (c *Client) dataAttributes(ctx context.Context, query url.Values) ([]DataAttribute, error) {
	elements, err := c.list(ctx, request{method: http.MethodGet, endpoint: "/data_attributes", query: query}, "data")
	if err != nil {
		return nil, err
	}
	return decodeAll[DataAttribute](elements), nil
}
