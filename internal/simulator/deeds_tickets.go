package simulator

import (
	"fmt"
	"slices"
	"time"
)

// What people do to tickets, companies and the tracks that contacts leave, in the manner of
// deeds.go.

// CustomerOpensTicket makes a ticket of a type in a contact's name, with attributes by name,
// and returns its id. Topics: ticket.created and ticket.state.updated, with one part.
func (s *Simulator) CustomerOpensTicket(contactID, typeID string, attributes map[string]any) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	contact, kind := s.space.contacts.byID[contactID], s.space.ticketTypes.byID[typeID]
	switch {
	case contact == nil:
		return "", notFound("contact", contactID)
	case kind == nil:
		return "", notFound("ticket type", typeID)
	}
	if err := kind.check(attributes, true); err != nil {
		return "", err
	}
	now := time.Now()
	thread := &Conversation{
		ID: s.ids.conversation(), CreatedAt: now, UpdatedAt: now, State: StateOpen, Contacts: []string{contact.ID},
		CustomAttributes: map[string]any{},
	}
	return s.openTicket(kind, thread, attributes, hand{author: contact.author()}, now).ID, nil
}

// AdminConverts makes a conversation into a ticket of a type for customers; both have one id.
// Topics: ticket.created and ticket.state.updated, with one part.
func (s *Simulator) AdminConverts(conversationID, adminID, typeID string) error {
	return s.with(conversationID, func(c *Conversation, at time.Time) error {
		author, err := s.author(adminID)
		if err != nil {
			return err
		}
		kind := s.space.ticketTypes.byID[typeID]
		if kind == nil || kind.Category != CategoryCustomer {
			return notFound("ticket type for customers", typeID)
		}
		if s.space.tickets.byID[c.ID] != nil {
			return fmt.Errorf("conversation %q is a ticket already", c.ID)
		}
		s.openTicket(kind, c, nil, hand{author: author}, at)
		return nil
	})
}

// AdminMovesTicket puts a ticket into the state of a category, such as "resolved". Topic:
// ticket.state.updated.
func (s *Simulator) AdminMovesTicket(ticketID, adminID, category string) error {
	return s.withTicket(ticketID, adminID, func(t *Ticket, by hand, at time.Time) error {
		state := s.space.stateOf(category)
		if state == nil {
			return notFound("ticket state", category)
		}
		s.moveTicket(t, state, by, at)
		return nil
	})
}

// AdminSetsTicket changes an attribute of a ticket. Topic: ticket.attribute.updated.
func (s *Simulator) AdminSetsTicket(ticketID, adminID, name string, value any) error {
	return s.withTicket(ticketID, adminID, func(t *Ticket, by hand, at time.Time) error {
		values := map[string]any{name: value}
		if err := s.space.ticketTypes.byID[t.TypeID].check(values, false); err != nil {
			return err
		}
		s.setTicketAttributes(t, values, by, at)
		return nil
	})
}

// AdminRepliesTicket answers the contact of a ticket and returns the id of the part. Topic:
// ticket.admin.replied.
func (s *Simulator) AdminRepliesTicket(ticketID, adminID, text string) (string, error) {
	return s.adminDoesTicket(ticketID, adminID, func(ch *change) error {
		ch.effect, ch.body = EffectReply, htmlBody(text)
		return nil
	})
}

// AdminNotesTicket adds an internal note to a ticket. Topic: ticket.note.created.
func (s *Simulator) AdminNotesTicket(ticketID, adminID, text string) (string, error) {
	return s.adminDoesTicket(ticketID, adminID, func(ch *change) error {
		ch.effect, ch.body = EffectNote, htmlBody(text)
		return nil
	})
}

// AdminClosesTicket closes a ticket. Topic: ticket.closed.
func (s *Simulator) AdminClosesTicket(ticketID, adminID string) (string, error) {
	return s.adminDoesTicket(ticketID, adminID, func(ch *change) error {
		ch.effect = EffectClose
		return nil
	})
}

// AdminAssignsTicket assigns a ticket to an admin or a team, or to nobody when assignTo is "0"
// or empty. Topic: ticket.admin.assigned or ticket.team.assigned.
func (s *Simulator) AdminAssignsTicket(ticketID, adminID, assignTo string) (string, error) {
	return s.adminDoesTicket(ticketID, adminID, func(ch *change) (err error) {
		ch.effect = EffectAssign
		ch.assignTo, err = s.assignee(assignTo)
		return err
	})
}

// CustomerRepliesTicket adds the words of the ticket's contact. Topic: ticket.contact.replied.
func (s *Simulator) CustomerRepliesTicket(ticketID, text string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	t := s.ticket(ticketID, now)
	if t == nil {
		return "", notFound("ticket", ticketID)
	}
	contact := s.space.contacts.byID[t.thread.Contacts[0]]
	if contact == nil {
		return "", notFound("contact", t.thread.Contacts[0])
	}
	return s.changeTicket(t, change{effect: EffectReply, at: now, author: contact.author(), body: textBody(text)}).ID, nil
}

func (s *Simulator) adminDoesTicket(ticketID, adminID string, fill func(*change) error) (part string, err error) {
	err = s.withTicket(ticketID, adminID, func(t *Ticket, by hand, at time.Time) error {
		ch := change{at: at, author: by.author}
		if err := fill(&ch); err != nil {
			return err
		}
		part = s.changeTicket(t, ch).ID
		return nil
	})
	return part, err
}

// withTicket runs an admin's deed on a ticket as it is now.
func (s *Simulator) withTicket(ticketID, adminID string, deed func(*Ticket, hand, time.Time) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := time.Now()
	t := s.ticket(ticketID, at)
	if t == nil {
		return notFound("ticket", ticketID)
	}
	author, err := s.author(adminID)
	if err != nil {
		return err
	}
	return deed(t, hand{author: author}, at)
}

// ContactJoins makes a contact belong to a company, both by Intercom's ids. Topic:
// company.contact.attached. One who belongs to it already changes nothing.
func (s *Simulator) ContactJoins(contactID, companyID string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	contact, company := s.space.contacts.byID[contactID], s.space.companies.byID[companyID]
	switch {
	case contact == nil:
		return notFound("contact", contactID)
	case company == nil:
		return notFound("company", companyID)
	case slices.Contains(contact.Companies, companyID):
		return nil
	}
	contact.Companies = append(contact.Companies, companyID)
	contact.UpdatedAt = time.Now()
	s.notifyStaff(company, contact, contact.UpdatedAt, false, "attached")
	return nil
}

// CompanyChanges changes the plan of a company. Topic: company.updated.
func (s *Simulator) CompanyChanges(companyID, plan string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	company := s.space.companies.byID[companyID]
	if company == nil {
		return notFound("company", companyID)
	}
	company.Plan, company.UpdatedAt = plan, time.Now()
	s.notifyCompany(company, company.UpdatedAt, false, "updated")
	return nil
}

// ContactDoes tracks something that a contact did. Topic: event.created.
func (s *Simulator) ContactDoes(contactID, event string, metadata map[string]any) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	contact := s.space.contacts.byID[contactID]
	if contact == nil {
		return notFound("contact", contactID)
	}
	now := time.Now()
	s.track(contact, newDataEvent(contact.ID, event, now, metadata), now, false)
	return nil
}
