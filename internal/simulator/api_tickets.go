package simulator

import (
	"net/http"
	"time"
)

func (c *call) ticket() (*Ticket, error) {
	t := c.Simulator.ticket(c.param("id"), c.now)
	if t == nil {
		return nil, errNoTicket
	}
	c.entry.Ticket = t.ID
	return t, nil
}

func getTicket(c *call) (any, error) {
	t, err := c.ticket()
	if err != nil {
		return nil, err
	}
	return c.space.ticketJSON(t, true), nil
}

// ticketContact names the contact of a new ticket: by one of three names.
type ticketContact struct {
	ID         givenID `json:"id"`
	ExternalID givenID `json:"external_id"`
	Email      string  `json:"email"`
}

// createTicket makes a ticket about a contact.
func createTicket(c *call) (any, error) {
	t, err := c.newTicket()
	if err != nil {
		return nil, err
	}
	return c.space.ticketJSON(t, true), nil
}

func (c *call) newTicket() (*Ticket, error) {
	var in struct {
		TicketTypeID       givenID         `json:"ticket_type_id"`
		Contacts           []ticketContact `json:"contacts"`
		Attributes         values          `json:"ticket_attributes"`
		CompanyID          givenID         `json:"company_id"`
		ConversationToLink givenID         `json:"conversation_to_link_id"`
		CreatedAt          int64           `json:"created_at"`
		Assignment         struct {
			Admin givenID `json:"admin_assignee_id"`
			Team  givenID `json:"team_assignee_id"`
		} `json:"assignment"`
	}
	if err := c.read(&in); err != nil {
		return nil, err
	}
	kind, err := c.ticketType(in.TicketTypeID)
	if err != nil {
		return nil, err
	}
	contact, err := c.ticketContact(in.Contacts)
	if err != nil {
		return nil, err
	}
	if err := kind.check(in.Attributes, true); err != nil {
		return nil, err
	}
	at, err := c.madeAt(in.CreatedAt)
	if err != nil {
		return nil, err
	}
	thread := &Conversation{
		ID: c.ids.conversation(), CreatedAt: at, UpdatedAt: at, State: StateOpen, Contacts: []string{contact.ID},
		CompanyID: string(in.CompanyID), CustomAttributes: map[string]any{},
	}
	if err := c.prepare(thread, in.ConversationToLink, in.Assignment.Admin, in.Assignment.Team); err != nil {
		return nil, err
	}
	t := c.openTicket(kind, thread, in.Attributes, c.app(), c.now)
	c.entry.Effect, c.entry.Ticket, c.entry.Contact = EffectTicket, t.ID, contact.ID
	return t, nil
}

func (c *call) ticketType(id givenID) (*TicketType, error) {
	if id == "" {
		return nil, missing("ticket_type_id")
	}
	kind := c.space.ticketTypes.byID[string(id)]
	if kind == nil || kind.Archived {
		return nil, errNoResource
	}
	return kind, nil
}

func (c *call) ticketContact(list []ticketContact) (*Contact, error) {
	switch len(list) {
	case 0:
		return nil, missing("contacts")
	case 1:
	default:
		return nil, invalid("contacts", "a ticket has one contact")
	}
	by := identity{IntercomUserID: list[0].ID, UserID: list[0].ExternalID, Email: list[0].Email}
	if by == (identity{}) {
		return nil, missing("contacts.id")
	}
	contact := c.space.named(by)
	if contact == nil {
		return nil, errNoContact
	}
	return contact, nil
}

// prepare gives the thread of a new ticket its company, its link and its assignees.
func (c *call) prepare(thread *Conversation, link, admin, team givenID) error {
	if thread.CompanyID != "" && c.space.companies.byID[thread.CompanyID] == nil {
		return errNoCompany
	}
	if admin != "" && admin != "0" {
		if c.space.admins.byID[string(admin)] == nil {
			return errNoAssignee
		}
		thread.AdminAssigneeID = string(admin)
	}
	if team != "" && team != "0" {
		if c.space.teams.byID[string(team)] == nil {
			return errNoAssignee
		}
		thread.TeamAssigneeID = string(team)
	}
	if link != "" {
		other := c.Simulator.conversation(string(link), c.now)
		if other == nil {
			return errNoConversation
		}
		other.Links = append(other.Links, Ref{Type: "ticket", ID: thread.ID})
		thread.Links = append(thread.Links, Ref{Type: "conversation", ID: other.ID})
	}
	return nil
}

// convertConversation makes a conversation into a ticket, whose type must be one for
// customers. One that is a ticket already stays that ticket.
func convertConversation(c *call) (any, error) {
	var in struct {
		TicketTypeID givenID `json:"ticket_type_id"`
		Attributes   values  `json:"attributes"`
	}
	if err := c.read(&in); err != nil {
		return nil, err
	}
	cv, err := c.conversation()
	if err != nil {
		return nil, err
	}
	kind, err := c.ticketType(in.TicketTypeID)
	if err != nil {
		return nil, err
	}
	if kind.Category != CategoryCustomer {
		return nil, &apiError{
			status: http.StatusBadRequest, code: "parameter_invalid", message: "Ticket type is not a customer ticket type",
		}
	}
	if err := kind.check(in.Attributes, false); err != nil {
		return nil, err
	}
	t := c.space.tickets.byID[cv.ID]
	if t == nil {
		t = c.openTicket(kind, cv, in.Attributes, c.app(), c.now)
		c.entry.Effect = EffectConvert
	}
	c.entry.Ticket = t.ID
	return c.space.ticketJSON(t, true), nil
}

// updateTicket changes attributes, state, assignment, and whether it is open or put aside,
// in this order; each makes a part. All is checked before any is done.
func updateTicket(c *call) (any, error) {
	var in struct {
		Attributes   values         `json:"ticket_attributes"`
		StateID      givenID        `json:"ticket_state_id"`
		CompanyID    given[givenID] `json:"company_id"`
		Open         *bool          `json:"open"`
		Shared       *bool          `json:"is_shared"`
		SnoozedUntil *int64         `json:"snoozed_until"`
		AdminID      givenID        `json:"admin_id"`
		AssigneeID   givenID        `json:"assignee_id"`
	}
	if err := c.read(&in); err != nil {
		return nil, err
	}
	t, err := c.ticket()
	if err != nil {
		return nil, err
	}
	if err := c.space.ticketTypes.byID[t.TypeID].check(in.Attributes, false); err != nil {
		return nil, err
	}
	state := c.space.ticketStates.byID[string(in.StateID)]
	if in.StateID != "" && state == nil {
		return nil, errTicketState
	}
	changes, err := c.ticketChanges(t, in.AdminID, in.AssigneeID, in.Open, in.SnoozedUntil)
	if err != nil {
		return nil, err
	}
	if company := in.CompanyID.value; company != "" && c.space.companies.byID[string(company)] == nil {
		return nil, errNoCompany
	}

	c.setTicketAttributes(t, in.Attributes, c.app(), c.now)
	if state != nil {
		c.moveTicket(t, state, c.app(), c.now)
	}
	for _, ch := range changes {
		c.entry.Part = c.changeTicket(t, ch).ID
	}
	if in.Shared != nil {
		t.Shared = *in.Shared
	}
	if in.CompanyID.set {
		t.CompanyID = string(in.CompanyID.value)
	}
	t.thread.UpdatedAt = c.now
	c.entry.Effect = EffectTicket
	return c.space.ticketJSON(t, true), nil
}

// ticketChanges are the assignment, the opening or closing and the snooze that are asked for.
func (c *call) ticketChanges(t *Ticket, adminID, assigneeID givenID, open *bool, snooze *int64) ([]change, error) {
	made := change{at: c.now, author: c.space.bot, code: c.options.AppPackageCode}
	var changes []change
	if adminID != "" && c.space.admins.byID[string(adminID)] == nil {
		return nil, errNoAssignee
	}
	if assigneeID != "" {
		to, err := c.assignee(string(assigneeID))
		if err != nil {
			return nil, errNoAssignee
		}
		assign := made
		assign.effect, assign.assignTo = EffectAssign, to
		assign.author = c.space.admins.byID[c.space.tokenAdmin].author()
		if adminID != "" {
			assign.author = c.space.admins.byID[string(adminID)].author()
		}
		c.entry.Admin, c.entry.Assignee = assign.author.ID, string(assigneeID)
		changes = append(changes, assign)
	}
	if open != nil && *open != (t.thread.State != StateClosed) {
		toggle := made
		toggle.effect = EffectClose
		if *open {
			toggle.effect = EffectOpen
		}
		changes = append(changes, toggle)
	}
	if snooze != nil {
		aside := made
		aside.effect, aside.until = EffectSnooze, time.Unix(*snooze, 0)
		if !aside.until.After(c.now) {
			return nil, invalid("snoozed_until", "snoozed_until must be in the future")
		}
		changes = append(changes, aside)
	}
	return changes, nil
}

func deleteTicket(c *call) (any, error) {
	t, err := c.ticket()
	if err != nil {
		return nil, err
	}
	c.space.tickets.remove(t.ID)
	if c.space.conversations.byID[t.ID] != nil {
		c.space.conversations.remove(t.ID)
	}
	c.entry.Effect = EffectDelete
	return map[string]any{"id": t.ID, "object": "ticket", "deleted": true}, nil
}
