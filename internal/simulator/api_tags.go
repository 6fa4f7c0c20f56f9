package simulator

import (
	"net/http"
	"slices"
	"strings"
)

func (t *Tag) json() tagJSON { return tagJSON{Type: "tag", ID: t.ID, Name: t.Name} }

func listTags(c *call) (any, error) {
	tags := []tagJSON{}
	for tag := range c.space.tags.all {
		tags = append(tags, tag.json())
	}
	return map[string]any{"type": "list", "data": tags}, nil
}

func getTag(c *call) (any, error) {
	tag := c.space.tags.byID[c.param("id")]
	if tag == nil {
		return nil, errNoResource
	}
	return tag.json(), nil
}

// tagged names a contact or company that is tagged together with others.
type tagged struct {
	ID        givenID `json:"id"`
	CompanyID givenID `json:"company_id"`
	Untag     bool    `json:"untag"`
}

// upsertTag makes a tag, returns the one that has the name already (in any case), or renames
// the one of a given id. With companies or users it also tags those, or none when one of
// them does not exist.
func upsertTag(c *call) (any, error) {
	var in struct {
		ID        givenID  `json:"id"`
		Name      string   `json:"name"`
		Companies []tagged `json:"companies"`
		Users     []tagged `json:"users"`
	}
	if err := c.read(&in); err != nil {
		return nil, err
	}
	name := strings.TrimSpace(in.Name)
	if name == "" {
		return nil, errTagParameters
	}
	c.entry.Tag = name
	if in.ID != "" {
		return c.renameTag(string(in.ID), name)
	}
	companies, err := c.taggedCompanies(in.Companies)
	if err != nil {
		return nil, err
	}
	contacts, err := c.taggedContacts(in.Users)
	if err != nil {
		return nil, err
	}
	if c.space.tagByName(name) == nil {
		c.entry.Effect = EffectMakeTag
	}
	tag := c.addTag(name)
	for i, company := range companies {
		c.markCompany(company, tag, in.Companies[i].Untag)
	}
	for i, contact := range contacts {
		if in.Users[i].Untag {
			c.unmark(contact, tag)
		} else {
			c.mark(contact, tag)
		}
	}
	return tag.json(), nil
}

func (c *call) renameTag(id, name string) (any, error) {
	tag := c.space.tags.byID[id]
	if tag == nil {
		return nil, errNoTag
	}
	if same := c.space.tagByName(name); same != nil && same != tag {
		return nil, &apiError{status: http.StatusConflict, code: "conflict", message: "A tag with that name already exists"}
	}
	tag.Name = name
	c.entry.Effect = EffectMakeTag
	return tag.json(), nil
}

func (c *call) taggedCompanies(list []tagged) ([]*Company, error) {
	found := make([]*Company, 0, len(list))
	for _, one := range list {
		company := c.space.companies.byID[string(one.ID)]
		if company == nil && one.CompanyID != "" {
			company = c.space.companyByOwnID(string(one.CompanyID))
		}
		if company == nil {
			return nil, errNoCompany
		}
		found = append(found, company)
	}
	return found, nil
}

func (c *call) taggedContacts(list []tagged) ([]*Contact, error) {
	found := make([]*Contact, 0, len(list))
	for _, one := range list {
		contact := c.space.contacts.byID[string(one.ID)]
		if contact == nil {
			return nil, errNoContact
		}
		found = append(found, contact)
	}
	return found, nil
}

// applied is a tag that this call puts on something.
func (c *call) applied(tag *Tag) AppliedTag {
	return AppliedTag{ID: tag.ID, AppliedAt: c.now, By: Ref{Type: "admin", ID: c.space.tokenAdmin}}
}

func (c *call) markCompany(company *Company, tag *Tag, off bool) {
	company.Tags = slices.DeleteFunc(company.Tags, func(t AppliedTag) bool { return t.ID == tag.ID })
	if !off {
		company.Tags = append(company.Tags, c.applied(tag))
	}
	company.UpdatedAt = c.now
	c.entry.Effect = EffectTag
	c.notifyCompany(company, c.now, true, "updated")
}

// deleteTag removes a tag, also from all that has it.
func deleteTag(c *call) (any, error) {
	tag := c.space.tags.byID[c.param("id")]
	if tag == nil {
		return nil, errNoResource
	}
	without := func(tags []AppliedTag) []AppliedTag {
		return slices.DeleteFunc(tags, func(t AppliedTag) bool { return t.ID == tag.ID })
	}
	for contact := range c.space.contacts.all {
		contact.Tags = without(contact.Tags)
	}
	for company := range c.space.companies.all {
		company.Tags = without(company.Tags)
	}
	for thread := range c.threads {
		thread.untag(tag.ID)
	}
	c.space.tags.remove(tag.ID)
	c.entry.Effect, c.entry.Tag = EffectDelete, tag.Name
	return nothing{}, nil
}
