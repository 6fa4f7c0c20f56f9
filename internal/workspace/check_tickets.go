package workspace

import (
	"slices"
	"strings"

	"switchboard/internal/actions"
	"switchboard/internal/diag"
	"switchboard/internal/intercom"
	"switchboard/internal/rules"
)

// ticketCategories are the categories of states, which are the same in every workspace.
var ticketCategories = []string{"submitted", "in_progress", "waiting_on_customer", "resolved"}

// convertible is the category of ticket types that conversations can become.
const convertible = "Customer"

func (c *checker) ticketType(u rules.NameUse) {
	found, err := c.lists.TicketType(u.Name)
	archived := slices.ContainsFunc(c.s.TicketTypes, func(t TicketType) bool {
		return t.Archived && (t.ID == u.Name || strings.EqualFold(t.Name, u.Name))
	})
	var live []string
	for _, t := range c.s.TicketTypes {
		if !t.Archived {
			live = append(live, t.Name)
		}
	}
	switch {
	case u.By == rules.ByID:
		known := slices.ContainsFunc(c.s.TicketTypes, func(t TicketType) bool { return t.ID == u.Name })
		c.id(u, CodeUnknownTicketType, known, string(found.ID))
	case u.By == rules.ByName:
		if slices.Contains(live, u.Name) {
			return
		}
		if slices.ContainsFunc(c.s.TicketTypes, func(t TicketType) bool { return t.Name == u.Name }) {
			c.problem(u, diag.Warning, CodeArchived, "", "the ticket type %q is archived in Intercom: there are no new tickets of it", u.Name)
			return
		}
		hint := oneOf("types", u.Name, live)
		if err == nil {
			hint = "it is compared exactly: write " + quoted(found.Name)
		}
		c.problem(u, diag.Error, CodeUnknownTicketType, hint, "no ticket type is called %q", u.Name)
	case c.ambiguous(u, err):
	case err != nil && archived:
		c.problem(u, diag.Error, CodeArchived, "take it out of the archive, or name another", "the ticket type %q is archived in Intercom: no tickets can be made of it", u.Name)
	case err != nil:
		c.problem(u, diag.Error, CodeUnknownTicketType, oneOf("types", u.Name, live), "no ticket type %q in the workspace", u.Name)
	case u.Use == actions.UseConvert && found.Category != "" && found.Category != convertible:
		c.problem(u, diag.Error, CodeTicketCategory, "name a type for customers, or use create", "conversations cannot become tickets of type %q, which is of category %s", found.Name, found.Category)
	}
}

func (c *checker) ticketState(u rules.NameUse) {
	var labels []string
	known := func(of func(TicketState) string) bool {
		for _, t := range c.s.TicketTypes {
			for _, s := range t.States {
				if of(s) == u.Name {
					return true
				}
			}
		}
		return false
	}
	settable := false
	for _, t := range c.lists.TicketTypes {
		if t.Archived {
			continue
		}
		_, err := actions.TicketStateOf(t, u.Name)
		settable = settable || err == nil
		for _, s := range t.States {
			if !s.Archived {
				labels = append(labels, s.InternalLabel)
			}
		}
	}
	switch u.By {
	case rules.ByCategory:
		if slices.Contains(ticketCategories, u.Name) || known(func(s TicketState) string { return s.Category }) {
			return
		}
		hint := oneOf("states", u.Name, ticketCategories)
		if slices.Contains(labels, u.Name) {
			hint = "it is a label: compare ticket.state_label"
		}
		c.problem(u, diag.Error, CodeUnknownTicketState, hint, "there is no state %q of tickets", u.Name)
	case rules.ByLabel:
		if !known(func(s TicketState) string { return s.InternalLabel }) {
			c.problem(u, diag.Error, CodeUnknownTicketState, oneOf("states", u.Name, labels), "no state of tickets has the label %q", u.Name)
		}
	default:
		if !settable {
			c.problem(u, diag.Error, CodeUnknownTicketState, oneOf("states", u.Name, labels), "no ticket type has a state %q", u.Name)
		}
	}
}

// ticketAttribute checks an attribute of tickets. If it is not known of which type they are, it is fine
// if one type has it.
func (c *checker) ticketAttribute(u rules.NameUse) {
	if u.By == rules.ByReference {
		c.setTicketAttribute(u)
		return
	}
	var names []string
	var have []TicketAttribute
	for _, t := range c.s.TicketTypes { // of archived ones there are tickets
		for _, a := range t.Attributes {
			names = append(names, a.Name)
			if a.Name == u.Name {
				have = append(have, a)
			}
		}
	}
	switch {
	case !u.Compared && len(have) == 0 && !slices.Contains(everyTicket, u.Name):
		c.problem(u, diag.Error, CodeUnknownAttribute, diag.DidYouMean(u.Name, names), "no ticket type has an attribute %q", u.Name)
	case u.Compared && len(have) > 0:
		var first comparison
		for i, a := range have {
			unfit := compare(a.DataType, mapped(a.Items, func(i Item) string { return i.Name }), u)
			if unfit.message == "" || slices.ContainsFunc(a.Items, func(i Item) bool { return i.ID == u.Value }) {
				return
			}
			if i == 0 {
				first = unfit
			}
		}
		c.problem(u, diag.Error, CodeAttributeType, first.hint, "the ticket attribute %s %s", u.Name, first.message)
	}
}

// everyTicket are attributes of all tickets, which Intercom need not list.
var everyTicket = []string{"_default_title_", "_default_description_"}

func (c *checker) setTicketAttribute(u rules.NameUse) {
	types := c.lists.TicketTypes
	if u.Of != "" {
		one, err := c.lists.TicketType(u.Of)
		if err != nil {
			return // said of the type
		}
		types = []intercom.TicketType{one}
	}
	var names []string
	var unknown, unfit error
	found, archived := false, false
	for _, t := range types {
		if t.Archived {
			continue
		}
		for _, a := range t.Attributes {
			if a.Archived {
				archived = archived || strings.EqualFold(a.Name, u.Name)
			} else {
				names = append(names, a.Name)
			}
		}
		a, err := actions.TicketAttribute(t, u.Name)
		if err != nil {
			unknown = err
			continue
		}
		found = true
		if !u.Set {
			continue
		}
		if _, err := actions.TicketAttributeValue(a, u.Value); err == nil {
			return
		} else if unfit == nil {
			unfit = err
			names = nil
			for _, item := range a.Items() {
				names = append(names, item.Name)
			}
		}
	}
	switch {
	case found && unfit != nil:
		c.problem(u, diag.Error, CodeAttributeType, closestValue(u.Value, names), "%v", unfit)
	case found || u.Set:
	case archived:
		c.problem(u, diag.Error, CodeArchived, "take it out of the archive, or name another", "the ticket attribute %q is archived in Intercom: it takes no new values", u.Name)
	case u.Of != "" && unknown != nil:
		c.problem(u, diag.Error, CodeUnknownAttribute, diag.DidYouMean(u.Name, names), "%v", unknown)
	default:
		c.problem(u, diag.Error, CodeUnknownAttribute, diag.DidYouMean(u.Name, names), "no ticket type has an attribute %q", u.Name)
	}
}
