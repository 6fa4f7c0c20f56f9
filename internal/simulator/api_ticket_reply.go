package simulator

import "net/http"

// replyTicket adds a comment or note of an admin, or a comment of the contact, and answers
// with the part.
func replyTicket(c *call) (any, error) {
	var in message
	if err := c.read(&in); err != nil {
		return nil, err
	}
	t := c.Simulator.ticket(c.param("id"), c.now)
	if t == nil {
		return nil, errNoResource
	}
	c.entry.Ticket = t.ID
	ch, err := c.replyChange(&in)
	if err != nil {
		return nil, err
	}
	if in.Type == "user" {
		err = c.contactWrites(t, &in, &ch)
	} else {
		err = c.adminWrites(&in, &ch)
	}
	if err != nil {
		return nil, err
	}
	part := c.changeTicket(t, ch)
	c.entry.Effect, c.entry.Part, c.entry.Text = ch.effect, part.ID, plainText(ch.body)
	return c.space.ticketPartJSON(t, &part), nil
}

// contactWrites makes the change a comment of the ticket's contact, who sees customer tickets
// only.
func (c *call) contactWrites(t *Ticket, in *message, ch *change) error {
	if c.space.ticketTypes.byID[t.TypeID].Category != CategoryCustomer {
		return &apiError{
			status: http.StatusBadRequest, code: "parameter_mismatch", message: "User replies are not allowed on Backoffice tickets",
		}
	}
	return c.customerWrites(t.thread, in, ch)
}

// tagTicket puts a tag that exists on a ticket.
func tagTicket(c *call) (any, error) {
	var in struct {
		ID      givenID `json:"id"`
		AdminID givenID `json:"admin_id"`
	}
	if err := c.read(&in); err != nil {
		return nil, err
	}
	t, err := c.ticket()
	if err != nil {
		return nil, err
	}
	if in.ID == "" {
		return nil, missing("id")
	}
	author, err := c.actor(in.AdminID)
	if err != nil {
		return nil, err
	}
	tag := c.space.tags.byID[string(in.ID)]
	if tag == nil {
		return nil, errNoTag
	}
	if tagOf(t.thread.Tags, tag.ID) == nil {
		t.thread.Tags = append(t.thread.Tags, AppliedTag{ID: tag.ID, AppliedAt: c.now, By: author.ref()})
	}
	t.thread.UpdatedAt = c.now
	c.entry.Effect, c.entry.Tag = EffectTag, tag.Name
	return c.space.appliedTagJSON(*tagOf(t.thread.Tags, tag.ID)), nil
}

// untagTicket takes a tag off; one that is not on is not found.
func untagTicket(c *call) (any, error) {
	var in struct {
		AdminID givenID `json:"admin_id"`
	}
	if err := c.read(&in); err != nil {
		return nil, err
	}
	t, err := c.ticket()
	if err != nil {
		return nil, err
	}
	if _, err := c.actor(in.AdminID); err != nil {
		return nil, err
	}
	tag := c.space.tags.byID[c.param("tag")]
	if tag == nil {
		return nil, errNoTag
	}
	applied, was := c.untagConversation(t.thread, tag.ID, c.now)
	if !was {
		return nil, errNoTag
	}
	c.entry.Effect, c.entry.Tag = EffectUntag, tag.Name
	return c.space.appliedTagJSON(applied), nil
}
