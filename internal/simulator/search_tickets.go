package simulator

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// searchTickets finds tickets, which come with their parts.
func searchTickets(c *call) (any, error) {
	p, fits, err := readSearch(c, c.space.ticketSearch(), ticketPages)
	if err != nil {
		return nil, err
	}
	found, total, pages := takePage(&c.space.tickets, p, func(t *Ticket) bool {
		c.settle(t.thread, c.now)
		return fits(t)
	})
	items := make([]*ticketJSON, 0, len(found))
	for _, t := range found {
		items = append(items, c.space.ticketJSON(t, true))
	}
	return map[string]any{"type": "ticket.list", "pages": pages, "total_count": total, "tickets": items}, nil
}

func (w *workspace) ticketSearch() searchable[Ticket] {
	fields := map[string]field[Ticket]{
		"id":                text(func(t *Ticket) string { return t.ID }),
		"created_at":        date(func(t *Ticket) time.Time { return t.thread.CreatedAt }),
		"updated_at":        date(func(t *Ticket) time.Time { return t.thread.UpdatedAt }),
		"title":             text(func(t *Ticket) string { return t.value(attributeTitle) }),
		"description":       text(func(t *Ticket) string { return t.value(attributeDescription) }),
		"category":          text(func(t *Ticket) string { return categoryTerms[w.ticketTypes.byID[t.TypeID].Category] }),
		"ticket_type_id":    text(func(t *Ticket) string { return t.TypeID }),
		"contact_ids":       texts(func(t *Ticket) []string { return t.thread.Contacts }),
		"teammate_ids":      texts(func(t *Ticket) []string { return teammateIDs(t.thread.Parts) }),
		"admin_assignee_id": text(func(t *Ticket) string { return cmp.Or(t.thread.AdminAssigneeID, "0") }),
		"team_assignee_id":  text(func(t *Ticket) string { return cmp.Or(t.thread.TeamAssigneeID, "0") }),
		"open":              flag(func(t *Ticket) bool { return t.thread.State != StateClosed }),
		"state":             text(func(t *Ticket) string { return w.ticketStates.byID[t.StateID].Category }),
		"snoozed_until":     date(func(t *Ticket) time.Time { return t.thread.SnoozedUntil }),
	}
	created := fields["created_at"]
	created.operators = ordered // of all dates in Intercom only this one takes >= and <=
	fields["created_at"] = created
	return searchable[Ticket]{
		fields: fields,
		more:   w.ticketAttributeField,
		operators: map[fieldKind][]string{
			textField: textual, textsField: textual, flagField: equality,
			integerField: strict, numberField: strict, dateField: strict,
		},
	}
}

// categoryTerms are how a search names the categories.
var categoryTerms = map[string]string{CategoryCustomer: "request", CategoryBackOffice: "task", CategoryTracker: "tracker"}

// ticketAttributeField is the field ticket_attribute.{id}.
func (w *workspace) ticketAttributeField(name string) (field[Ticket], bool) {
	id, found := strings.CutPrefix(name, "ticket_attribute.")
	if !found {
		return field[Ticket]{}, false
	}
	for kind := range w.ticketTypes.all {
		i := slices.IndexFunc(kind.Attributes, func(a TicketAttribute) bool { return a.ID == id })
		if i < 0 {
			continue
		}
		holds, known := ticketFields[kind.Attributes[i].Type]
		if !known {
			holds = textField
		}
		return field[Ticket]{kind: holds, value: func(t *Ticket) any {
			if t.TypeID != kind.ID {
				return nil
			}
			return attributeValue(holds, t.Attributes[kind.Attributes[i].Name])
		}}, true
	}
	return field[Ticket]{}, false
}

var ticketFields = map[string]fieldKind{
	"integer": integerField, "decimal": numberField, "boolean": flagField, "datetime": dateField,
}
