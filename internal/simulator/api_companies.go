package simulator

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"time"
)

// companyInput is what a request says of a company.
type companyInput struct {
	CompanyID        given[givenID] `json:"company_id"`
	Name             given[string]  `json:"name"`
	Plan             given[string]  `json:"plan"`
	Size             given[int]     `json:"size"`
	Website          given[string]  `json:"website"`
	Industry         given[string]  `json:"industry"`
	MonthlySpend     given[float64] `json:"monthly_spend"`
	RemoteCreatedAt  givenTime      `json:"remote_created_at"`
	CustomAttributes given[values]  `json:"custom_attributes"`
}

// readCompany reads and checks a body. An unknown key is an error here, as nowhere else.
func (c *call) readCompany() (*companyInput, error) {
	var in companyInput
	if err := c.read(&in); err != nil {
		return nil, err
	}
	var keys map[string]json.RawMessage
	if json.Unmarshal(c.body, &keys) == nil {
		for key := range keys {
			if !slices.Contains(companyKeys, key) {
				return nil, badRequest("bad '%s' parameter", key)
			}
		}
	}
	if in.Size.value < 0 {
		return nil, invalid("size", "size must not be negative")
	}
	return &in, c.space.checkAttributes(modelCompany, in.CustomAttributes.value)
}

var companyKeys = strings.Fields("company_id name plan size website industry monthly_spend remote_created_at custom_attributes")

func (in *companyInput) into(c *Company, now time.Time) {
	in.Name.into(&c.Name)
	in.Plan.into(&c.Plan)
	in.Size.into(&c.Size)
	in.Website.into(&c.Website)
	in.Industry.into(&c.Industry)
	in.RemoteCreatedAt.into(&c.RemoteCreatedAt)
	if in.MonthlySpend.set {
		c.MonthlySpend = int(in.MonthlySpend.value)
	}
	setAttributes(&c.CustomAttributes, in.CustomAttributes.value)
	c.UpdatedAt = now
}

func (c *call) company() (*Company, error) {
	company := c.space.companies.byID[c.param("id")]
	if company == nil {
		return nil, errNoCompany
	}
	c.entry.Company = company.ID
	return company, nil
}

func (c *call) showCompany(company *Company) any {
	return c.space.companyJSON(rest, c.options.AppID, company)
}

// upsertCompany makes a company, or changes the one that has the company_id already.
func upsertCompany(c *call) (any, error) {
	in, err := c.readCompany()
	if err != nil {
		return nil, err
	}
	if in.CompanyID.value == "" && in.Name.value == "" {
		return nil, badRequest("company_id or name is required")
	}
	company, what := c.space.companyByOwnID(string(in.CompanyID.value)), "updated"
	if company == nil {
		company, what = c.addCompany(Company{CompanyID: string(in.CompanyID.value), CreatedAt: c.now}), "created"
	}
	return c.changeCompany(company, in, what), nil
}

func (c *call) changeCompany(company *Company, in *companyInput, what string) any {
	in.into(company, c.now)
	c.entry.Effect, c.entry.Company = EffectCompany, company.ID
	c.notifyCompany(company, c.now, true, what)
	return c.showCompany(company)
}

func updateCompany(c *call) (any, error) {
	in, err := c.readCompany()
	if err != nil {
		return nil, err
	}
	company, err := c.company()
	if err != nil {
		return nil, err
	}
	if in.CompanyID.set && string(in.CompanyID.value) != company.CompanyID {
		return nil, badRequest("company_id cannot be changed")
	}
	return c.changeCompany(company, in, "updated"), nil
}

func getCompany(c *call) (any, error) {
	company, err := c.company()
	if err != nil {
		return nil, err
	}
	return c.showCompany(company), nil
}

func deleteCompany(c *call) (any, error) {
	company, err := c.company()
	if err != nil {
		return nil, err
	}
	for _, contact := range c.space.staff(company.ID) {
		contact.Companies = slices.DeleteFunc(contact.Companies, func(id string) bool { return id == company.ID })
	}
	c.space.companies.remove(company.ID)
	c.entry.Effect = EffectCompany
	c.tell(c.now, true, "company/"+company.ID, "", map[string]any{
		"type": "company", "id": company.ID, "deleted": true,
	}, "company.deleted")
	return map[string]any{"id": company.ID, "object": "company", "deleted": true}, nil
}

// findCompanies finds one company by company_id or name, or lists those with a tag, or all.
func findCompanies(c *call) (any, error) {
	query := c.r.URL.Query()
	switch {
	case query.Has("company_id"):
		return c.oneCompany(func(company *Company) bool { return company.CompanyID == query.Get("company_id") })
	case query.Has("name"):
		return c.oneCompany(func(company *Company) bool { return company.Name == query.Get("name") })
	case query.Has("segment_id"):
		return nil, errNoResource
	}
	tag := query.Get("tag_id")
	if tag != "" && c.space.tags.byID[tag] == nil {
		return nil, errNoTag
	}
	return c.companyList(func(company *Company) bool { return tag == "" || tagOf(company.Tags, tag) != nil })
}

func (c *call) oneCompany(fits func(*Company) bool) (any, error) {
	found := c.space.companies.matching(fits)
	if len(found) == 0 {
		return nil, errNoCompany
	}
	return c.showCompany(found[0]), nil
}

// listCompanies is the list that is asked for with POST: the page is in the address or in
// the body.
func listCompanies(c *call) (any, error) {
	var in struct {
		Page    json.Number `json:"page"`
		PerPage json.Number `json:"per_page"`
		Order   string      `json:"order"`
	}
	if err := c.read(&in); err != nil {
		return nil, err
	}
	query := c.r.URL.Query()
	for name, v := range map[string]json.Number{"page": in.Page, "per_page": in.PerPage} {
		if v != "" && !query.Has(name) {
			query.Set(name, v.String())
		}
	}
	c.r = c.r.Clone(c.r.Context())
	c.r.URL = &url.URL{Path: c.r.URL.Path, RawQuery: query.Encode()}
	return c.companyList(func(*Company) bool { return true })
}

func (c *call) companyList(fits func(*Company) bool) (any, error) {
	p, err := c.numberedPage(15)
	if err != nil {
		return nil, err
	}
	found := c.space.inhabited(fits)
	if c.r.URL.Query().Get("order") == "asc" {
		slices.Reverse(found)
	}
	shown, pages := takeNumbered(c, found, p)
	data := make([]any, 0, len(shown))
	for _, company := range shown {
		data = append(data, c.showCompany(company))
	}
	return map[string]any{"type": "list", "data": data, "pages": pages, "total_count": len(found)}, nil
}

// companyContacts lists the people of a company.
func companyContacts(c *call) (any, error) {
	company, err := c.company()
	if err != nil {
		return nil, err
	}
	p, err := c.numberedPage(50)
	if err != nil {
		return nil, err
	}
	all := c.space.staff(company.ID)
	shown, pages := takeNumbered(c, all, p)
	data := make([]*contactJSON, 0, len(shown))
	for _, contact := range shown {
		data = append(data, c.space.contactJSON(rest, c.options.AppID, contact))
	}
	return map[string]any{"type": "list", "data": data, "total_count": len(all), "pages": pages}, nil
}

// companySegments is always empty: segments are not simulated.
func companySegments(c *call) (any, error) {
	if _, err := c.company(); err != nil {
		return nil, err
	}
	return map[string]any{"type": "list", "data": []any{}}, nil
}
