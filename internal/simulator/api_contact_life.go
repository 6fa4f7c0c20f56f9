package simulator

// The ends of a contact's life. Archiving and blocking hide it from lists and searches and
// can be undone; deleting and merging cannot.

// contactEnd is the answer to these calls: the contact's names, and what became of it.
func contactEnd(contact *Contact, what string, is bool) map[string]any {
	return map[string]any{"type": "contact", "id": contact.ID, "external_id": orNull(contact.ExternalID), what: is}
}

func deleteContact(c *call) (any, error) {
	contact, err := c.contact()
	if err != nil {
		return nil, err
	}
	c.space.contacts.remove(contact.ID)
	c.entry.Effect = EffectDelete
	gone := contactEnd(contact, "deleted", true)
	c.tell(c.now, true, "contact/"+contact.ID, "", gone, "contact.deleted")
	return gone, nil
}

func archiveContact(c *call) (any, error) {
	contact, err := c.contact()
	if err != nil {
		return nil, err
	}
	gone := contactEnd(contact, "archived", true)
	c.entry.Effect = EffectContact
	if !contact.Archived {
		contact.Archived, contact.UpdatedAt = true, c.now
		c.tell(c.now, true, "contact/"+contact.ID, "", gone, "contact.archived")
	}
	return gone, nil
}

func unarchiveContact(c *call) (any, error) {
	contact, err := c.contact()
	if err != nil {
		return nil, err
	}
	c.entry.Effect = EffectContact
	if contact.Archived {
		contact.Archived, contact.Blocked, contact.UpdatedAt = false, false, c.now
		c.notifyContactTopic(contact, c.now, "contact.unarchived")
	}
	return contactEnd(contact, "archived", false), nil
}

// blockContact keeps a contact from writing, and archives it. Intercom has no notification
// for that.
func blockContact(c *call) (any, error) {
	contact, err := c.contact()
	if err != nil {
		return nil, err
	}
	contact.Blocked, contact.Archived, contact.UpdatedAt = true, true, c.now
	c.entry.Effect = EffectContact
	return contactEnd(contact, "blocked", true), nil
}

// mergeContact turns a lead into a user that exists already.
func mergeContact(c *call) (any, error) {
	var in struct {
		From givenID `json:"from"`
		Into givenID `json:"into"`
	}
	if err := c.read(&in); err != nil {
		return nil, err
	}
	switch {
	case in.From == "":
		return nil, missing("from")
	case in.Into == "":
		return nil, missing("into")
	}
	lead, user := c.space.contacts.byID[string(in.From)], c.space.contacts.byID[string(in.Into)]
	switch {
	case lead == nil || user == nil:
		return nil, errNoContact
	case lead.Role != "lead" || user.Role != "user":
		return nil, invalid("from", "Only a lead can be merged, and only into a user")
	}
	c.mergeContacts(lead, user, c.now)
	c.entry.Effect, c.entry.Contact = EffectContact, user.ID
	c.notifyContactTopic(user, c.now, "contact.merged")
	return c.showContact(user), nil
}

// contactSubscriptions and contactSegments are always empty: neither is simulated.
func contactSubscriptions(c *call) (any, error) {
	if _, err := c.contact(); err != nil {
		return nil, err
	}
	return map[string]any{"type": "list", "data": []any{}}, nil
}

func contactSegments(c *call) (any, error) { return contactSubscriptions(c) }
