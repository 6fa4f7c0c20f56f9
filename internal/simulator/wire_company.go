package simulator

import "maps"

type companyJSON struct {
	Type             string         `json:"type"`
	CompanyID        string         `json:"company_id"`
	ID               string         `json:"id"`
	AppID            string         `json:"app_id"`
	Name             any            `json:"name"`
	RemoteCreatedAt  any            `json:"remote_created_at"`
	CreatedAt        any            `json:"created_at"`
	UpdatedAt        any            `json:"updated_at"`
	LastRequestAt    any            `json:"last_request_at"`
	Size             any            `json:"size,omitempty"`
	Website          any            `json:"website,omitempty"`
	Industry         any            `json:"industry,omitempty"`
	MonthlySpend     int            `json:"monthly_spend"`
	SessionCount     int            `json:"session_count"`
	UserCount        int            `json:"user_count"`
	Tags             tagListJSON    `json:"tags"`
	Segments         map[string]any `json:"segments"`
	Plan             map[string]any `json:"plan"`
	CustomAttributes map[string]any `json:"custom_attributes"`
}

func (w *workspace) companyJSON(f form, appID string, c *Company) *companyJSON {
	out := &companyJSON{
		Type: "company", CompanyID: c.CompanyID, ID: c.ID, AppID: appID, Name: orNull(c.Name),
		CreatedAt: f.contactTime(c.CreatedAt), UpdatedAt: f.contactTime(c.UpdatedAt),
		RemoteCreatedAt: f.contactTime(c.RemoteCreatedAt), LastRequestAt: f.contactTime(c.UpdatedAt),
		Website: orNull(c.Website), Industry: orNull(c.Industry),
		MonthlySpend: c.MonthlySpend, UserCount: w.headcount(c.ID),
		Tags:             w.plainTagList(c.Tags),
		Segments:         map[string]any{"type": "segment.list", "segments": []any{}},
		Plan:             map[string]any{},
		CustomAttributes: maps.Clone(c.CustomAttributes),
	}
	if c.Size > 0 {
		out.Size = c.Size
	}
	if c.Plan != "" {
		out.Plan = map[string]any{"type": "plan", "id": c.Plan, "name": c.Plan}
	}
	if out.CustomAttributes == nil {
		out.CustomAttributes = map[string]any{}
	}
	return out
}

// headcount is how many contacts belong to a company.
func (w *workspace) headcount(companyID string) int {
	n := 0
	for contact := range w.contacts.all {
		for _, id := range contact.Companies {
			if id == companyID {
				n++
			}
		}
	}
	return n
}

// plainTagList names tags without saying who put them on, and when.
func (w *workspace) plainTagList(applied []AppliedTag) tagListJSON {
	out := tagListJSON{Type: "tag.list", Tags: make([]tagJSON, 0, len(applied))}
	for _, t := range applied {
		out.Tags = append(out.Tags, tagJSON{Type: "tag", ID: t.ID, Name: w.tagName(t.ID)})
	}
	return out
}

// companyItem is a company as notifications show it: other keys than in REST, and ISO dates.
func (w *workspace) companyItem(appID string, c *Company) map[string]any {
	attributes := maps.Clone(c.CustomAttributes)
	if attributes == nil {
		attributes = map[string]any{}
	}
	return map[string]any{
		"type": "company", "id": c.ID, "company_id": c.CompanyID, "app_id": appID, "name": orNull(c.Name),
		"plan": orNull(c.Plan), "plan_id": nil, "remote_created_at": webhook2.contactTime(c.RemoteCreatedAt),
		"created_at": webhook2.contactTime(c.CreatedAt), "updated_at": webhook2.contactTime(c.UpdatedAt),
		"last_request_at": nil, "size": orNullNumber(c.Size), "website": orNull(c.Website), "industry": orNull(c.Industry),
		"monthly_spend": c.MonthlySpend, "session_count": 0, "user_count": w.headcount(c.ID),
		"tag_ids": tagIDs(c.Tags), "custom_attributes": attributes,
	}
}

func orNullNumber(n int) any {
	if n == 0 {
		return nil
	}
	return n
}
