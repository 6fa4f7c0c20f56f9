package simulator

import (
	"maps"
	"slices"
	"strconv"
	"time"
)

// Ticket is a ticket: a thread like a conversation's, with a type, a state and attributes.
type Ticket struct {
	// ID is the id of the API; Number the one that people see, which no call takes.
	ID, Number      string
	TypeID, StateID string
	Attributes      map[string]any
	// Shared says that the contact can see it.
	Shared    bool
	CompanyID string // Intercom's id; may be empty
	// Thread is what was said and done, who it is about and whose it is. A conversation that
	// became a ticket is its thread and has the same id.
	Thread *Conversation

	thread *Conversation
}

// Ticket returns a copy of a ticket, and false when there is none of that id.
func (s *Simulator) Ticket(id string) (Ticket, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.ticket(id, time.Now())
	if t == nil {
		return Ticket{}, false
	}
	return t.clone(), true
}

// Tickets returns copies of all tickets in the order in which they were made.
func (s *Simulator) Tickets() []Ticket {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	out := make([]Ticket, 0, len(s.space.tickets.order))
	for t := range s.space.tickets.all {
		s.settle(t.thread, now)
		out = append(out, t.clone())
	}
	return out
}

func (t *Ticket) clone() Ticket {
	out := *t
	out.Attributes = maps.Clone(t.Attributes)
	thread := t.thread.clone()
	out.Thread, out.thread = &thread, nil
	return out
}

// ticket finds a ticket as it is now; nil when there is none of that id.
func (s *Simulator) ticket(id string, now time.Time) *Ticket {
	t := s.space.tickets.byID[id]
	if t != nil {
		s.settle(t.thread, now)
	}
	return t
}

// hand is who does something to a ticket: a person, or an app with its code.
type hand struct {
	author Author
	code   string
}

func (h hand) api() bool { return h.code != "" }

// app is the hand of API calls, which act as the bot where they name no admin.
func (s *Simulator) app() hand { return hand{author: s.space.bot, code: s.options.AppPackageCode} }

// openTicket makes a ticket of that type around a thread. Both of its first notifications
// carry the part that says it was submitted.
func (s *Simulator) openTicket(kind *TicketType, thread *Conversation, attributes map[string]any, by hand, now time.Time) *Ticket {
	t := &Ticket{
		ID: thread.ID, Number: s.ids.ticket(), TypeID: kind.ID, StateID: s.space.stateOf("submitted").ID,
		Attributes: map[string]any{}, Shared: kind.Category == CategoryCustomer, CompanyID: thread.CompanyID, thread: thread,
	}
	for _, a := range kind.Attributes {
		t.Attributes[a.Name] = attributes[a.Name]
	}
	thread.TicketID = t.ID
	s.space.tickets.put(t.ID, t)
	part := s.ticketPart(t, by, now, Part{
		Type: "ticket_state_updated_by_admin", TicketState: "submitted", TicketStateBefore: "submitted",
	})
	s.notifyTicket(t, now, by.api(), part.ID, "ticket.created", "ticket.state.updated")
	s.forgetTickets()
	return t
}

// forgetTickets drops the oldest closed tickets when there are more than the options keep of
// conversations, in the way that forget does.
func (s *Simulator) forgetTickets() {
	keep, have := s.options.KeepConversations, len(s.space.tickets.order)
	if keep <= 0 || have <= keep+keep/10 {
		return
	}
	var old []string
	for t := range s.space.tickets.all {
		if len(old) == have-keep {
			break
		}
		if t.thread.State == StateClosed {
			old = append(old, t.ID)
		}
	}
	s.space.tickets.remove(old...)
}

// ticketPart adds a part to a ticket.
func (s *Simulator) ticketPart(t *Ticket, by hand, at time.Time, part Part) Part {
	part.ID, part.CreatedAt, part.UpdatedAt = s.ids.part(), at, at
	part.State, part.Author, part.AppPackageCode = t.thread.State, by.author, by.code
	t.thread.Parts = append(t.thread.Parts, part)
	t.thread.UpdatedAt = at
	t.thread.Statistics.Parts++
	return part
}

// moveTicket puts a ticket into a state. Putting it where it is already is told of, too.
func (s *Simulator) moveTicket(t *Ticket, to *TicketState, by hand, at time.Time) {
	before := s.space.ticketStates.byID[t.StateID]
	t.StateID = to.ID
	part := s.ticketPart(t, by, at, Part{
		Type: "ticket_state_updated_by_admin", TicketState: to.Category, TicketStateBefore: before.Category,
	})
	s.notifyTicket(t, at, by.api(), part.ID, "ticket.state.updated")
}

// setTicketAttributes changes the attributes that differ, each with a part that says so.
func (s *Simulator) setTicketAttributes(t *Ticket, values map[string]any, by hand, at time.Time) {
	for _, name := range slices.Sorted(maps.Keys(values)) {
		v := values[name]
		if sameValue(t.Attributes[name], v) {
			continue
		}
		t.Attributes[name] = v
		part := s.ticketPart(t, by, at, Part{Type: "ticket_attribute_updated_by_admin", Attribute: name, Value: v})
		s.notifyTicketPart(t, at, by.api(), &part, "ticket.attribute.updated")
	}
}

// sameValue compares plain values; lists and objects count as changed.
func sameValue(a, b any) bool {
	switch a.(type) {
	case nil, string, bool, float64, int64, int:
		switch b.(type) {
		case nil, string, bool, float64, int64, int:
			return a == b
		}
	}
	return false
}

// ticketTopics are those that tell of a change to a ticket.
func ticketTopics(ch change) []string {
	var topics []string
	switch {
	case ch.effect == EffectNote:
		return []string{"ticket.note.created"}
	case ch.effect == EffectReply && ch.author.customer():
		return []string{"ticket.contact.replied"}
	case ch.effect == EffectReply:
		topics = []string{"ticket.admin.replied"}
	}
	switch ch.assignTo.Type {
	case "":
		return topics
	case "team":
		return append(topics, "ticket.team.assigned")
	}
	return append(topics, "ticket.admin.assigned")
}

// changeTicket makes a change. A ticket that goes to a team leaves its admin, as a
// conversation does not; one that is closed is told of as a whole.
func (s *Simulator) changeTicket(t *Ticket, ch change) Part {
	ch.ticket = t
	if ch.assignTo.Type == "team" {
		t.thread.AdminAssigneeID = ""
	}
	part := s.apply(t.thread, ch)
	if ch.effect == EffectClose {
		s.notifyTicket(t, ch.at, ch.code != "", part.ID, "ticket.closed")
	}
	return part
}

// notifyTicket tells of a ticket as a whole.
func (s *Simulator) notifyTicket(t *Ticket, at time.Time, api bool, part string, topics ...string) {
	s.tell(at, api, "ticket/"+t.ID, part, s.space.ticketItem(t), topics...)
}

// notifyTicketPart tells of something that was said or done in a ticket.
func (s *Simulator) notifyTicketPart(t *Ticket, at time.Time, api bool, part *Part, topics ...string) {
	if len(topics) == 0 {
		return
	}
	value := map[string]any{
		"type": "ticket_ticket_part", "ticket": s.space.ticketItem(t), "ticket_part": s.space.ticketPartJSON(t, part),
	}
	s.tell(at, api, "ticket/"+t.ID, part.ID, value, topics...)
}

// numberOf is the number in an id, for the places where Intercom writes ids as numbers.
func numberOf(id string) int64 {
	n, _ := strconv.ParseInt(id, 10, 64) // 0 for ids that are no numbers
	return n
}
