package simulator

import (
	"net/http"
	"slices"
)

func contactCompanies(c *call) (any, error) {
	contact, err := c.contact()
	if err != nil {
		return nil, err
	}
	p, err := c.numberedPage(50)
	if err != nil {
		return nil, err
	}
	shown, pages := takeNumbered(c, contact.Companies, p)
	data := make([]any, 0, len(shown))
	for _, id := range shown {
		if company := c.space.companies.byID[id]; company != nil {
			data = append(data, c.showCompany(company))
		}
	}
	return map[string]any{"type": "list", "data": data, "pages": pages, "total_count": len(contact.Companies)}, nil
}

// attachCompany makes a contact belong to a company, which is named by Intercom's id for it.
// Attaching it again changes nothing.
func attachCompany(c *call) (any, error) {
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
		return nil, &apiError{status: http.StatusBadRequest, code: "parameter_not_found", message: "company not specified"}
	}
	company := c.space.companies.byID[string(in.ID)]
	switch {
	case company == nil:
		return nil, errNoCompany
	case slices.Contains(contact.Companies, company.ID):
	case len(contact.Companies) >= maxCompanies:
		return nil, &apiError{
			status: http.StatusBadRequest, code: "contact_company_limit_exceeded",
			message: "Contact has reached the maximum of 1000 company associations",
		}
	default:
		contact.Companies = append(contact.Companies, company.ID)
		contact.UpdatedAt = c.now
		c.notifyStaff(company, contact, c.now, true, "attached")
	}
	c.entry.Effect, c.entry.Company = EffectAttach, company.ID
	return c.showCompany(company), nil
}

func detachCompany(c *call) (any, error) {
	contact, err := c.contact()
	if err != nil {
		return nil, err
	}
	company := c.space.companies.byID[c.param("company")]
	if company == nil || !slices.Contains(contact.Companies, company.ID) {
		return nil, errNoCompany
	}
	contact.Companies = slices.DeleteFunc(contact.Companies, func(id string) bool { return id == company.ID })
	contact.UpdatedAt = c.now
	c.entry.Effect, c.entry.Company = EffectDetach, company.ID
	c.notifyStaff(company, contact, c.now, true, "detached")
	return c.showCompany(company), nil
}
