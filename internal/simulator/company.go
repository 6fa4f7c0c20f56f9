package simulator

import (
	"maps"
	"slices"
	"time"
)

// maxCompanies is how many companies a contact may belong to.
const maxCompanies = 1000

// AddCompany adds a company and returns Intercom's id for it.
func (s *Simulator) AddCompany(c Company) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.addCompany(c).ID
}

func (s *Simulator) addCompany(c Company) *Company {
	if c.ID == "" {
		c.ID = s.ids.object()
	}
	if c.CompanyID == "" {
		c.CompanyID = c.ID
	}
	if c.CreatedAt.IsZero() {
		c.CreatedAt = time.Now()
	}
	if c.UpdatedAt.IsZero() {
		c.UpdatedAt = c.CreatedAt
	}
	if c.RemoteCreatedAt.IsZero() {
		c.RemoteCreatedAt = c.CreatedAt
	}
	c.CustomAttributes = maps.Clone(c.CustomAttributes)
	s.space.declare(modelCompany, c.CustomAttributes)
	s.space.companies.put(c.ID, &c)
	return &c
}

// Company returns a copy of a company, and false when there is none of that id, which is
// Intercom's.
func (s *Simulator) Company(id string) (Company, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.space.companies.byID[id]
	if c == nil {
		return Company{}, false
	}
	return c.clone(), true
}

// Companies returns copies of all companies in the order in which they came.
func (s *Simulator) Companies() []Company {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Company, 0, len(s.space.companies.order))
	for c := range s.space.companies.all {
		out = append(out, c.clone())
	}
	return out
}

func (c *Company) clone() Company {
	out := *c
	out.CustomAttributes = maps.Clone(c.CustomAttributes)
	out.Tags = slices.Clone(c.Tags)
	return out
}

// companyByOwnID finds a company by the id that the workspace's owner uses.
func (w *workspace) companyByOwnID(id string) *Company {
	for c := range w.companies.all {
		if c.CompanyID == id {
			return c
		}
	}
	return nil
}

// staff are the contacts that belong to a company.
func (w *workspace) staff(companyID string) []*Contact {
	return w.contacts.matching(func(c *Contact) bool { return slices.Contains(c.Companies, companyID) })
}

// inhabited are the companies that lists show, newest first: those with a contact at least.
func (w *workspace) inhabited(fits func(*Company) bool) []*Company {
	people := make(map[string]bool)
	for contact := range w.contacts.all {
		for _, id := range contact.Companies {
			people[id] = true
		}
	}
	found := w.companies.matching(func(c *Company) bool { return people[c.ID] && fits(c) })
	slices.Reverse(found)
	return found
}

// notifyCompany tells that something happened to a company: "created" or "updated".
func (s *Simulator) notifyCompany(c *Company, at time.Time, api bool, what string) {
	s.tell(at, api, "company/"+c.ID, "", s.space.companyItem(s.options.AppID, c), "company."+what)
}

// notifyStaff tells that a contact was "attached" to a company or "detached" from it. The
// item has no type.
func (s *Simulator) notifyStaff(company *Company, contact *Contact, at time.Time, api bool, what string) {
	value := map[string]any{
		"company": s.space.companyItem(s.options.AppID, company),
		"contact": s.space.contactJSON(webhook2, s.options.AppID, contact),
	}
	s.tell(at, api, "company/"+company.ID, "", value, "company.contact."+what)
}
