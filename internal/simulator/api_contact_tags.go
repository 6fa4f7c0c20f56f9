package simulator

import "slices"

func contactTags(c *call) (any, error) {
	contact, err := c.contact()
	if err != nil {
		return nil, err
	}
	data := []tagJSON{}
	for _, t := range contact.Tags {
		data = append(data, c.space.appliedTagJSON(t))
	}
	return map[string]any{"type": "list", "data": data}, nil
}

func tagContact(c *call) (any, error) {
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
		return nil, missing("id")
	}
	tag := c.space.tags.byID[string(in.ID)]
	if tag == nil {
		return nil, errNoTag
	}
	c.entry.Effect, c.entry.Tag = EffectContact, tag.Name
	c.mark(contact, tag)
	return c.space.appliedTagJSON(*tagOf(contact.Tags, tag.ID)), nil
}

func untagContact(c *call) (any, error) {
	contact, err := c.contact()
	if err != nil {
		return nil, err
	}
	tag := c.space.tags.byID[c.param("tag")]
	if tag == nil || tagOf(contact.Tags, tag.ID) == nil {
		return nil, errNoTag
	}
	applied := *tagOf(contact.Tags, tag.ID)
	c.entry.Effect, c.entry.Tag = EffectContact, tag.Name
	c.unmark(contact, tag)
	return c.space.appliedTagJSON(applied), nil
}

// mark puts a tag on a contact and tells of it; one that is there already stays as it is.
func (c *call) mark(contact *Contact, tag *Tag) {
	if tagOf(contact.Tags, tag.ID) != nil {
		return
	}
	contact.Tags = append(contact.Tags, c.applied(tag))
	contact.UpdatedAt = c.now
	c.notifyContactTag(contact, tag, c.now, true, "created")
}

// unmark takes a tag off a contact, when it is on, and tells of it.
func (c *call) unmark(contact *Contact, tag *Tag) {
	if tagOf(contact.Tags, tag.ID) == nil {
		return
	}
	contact.Tags = slices.DeleteFunc(contact.Tags, func(t AppliedTag) bool { return t.ID == tag.ID })
	contact.UpdatedAt = c.now
	c.notifyContactTag(contact, tag, c.now, true, "deleted")
}
