package simulator

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"time"
)

// The categories of ticket types.
const (
	CategoryCustomer   = "Customer"
	CategoryBackOffice = "Back-office"
	CategoryTracker    = "Tracker"
)

// TicketType is a kind of ticket, with the attributes that its tickets have.
type TicketType struct {
	// ID is given by AddTicketType when it is empty.
	ID                      string
	Name, Description, Icon string
	// Category is CategoryCustomer when empty.
	Category string
	// Attributes are beside _default_title_ and _default_description_, which all types have.
	Attributes []TicketAttribute
	Archived   bool
	CreatedAt  time.Time
}

// TicketAttribute is something that tickets of a type say.
type TicketAttribute struct {
	// ID is given by AddTicketType when it is empty.
	ID, Name, Description string
	// Type is "string", "list", "integer", "decimal", "boolean", "datetime" or "files"; "string"
	// when empty.
	Type      string
	Multiline bool
	Required  bool
	// Items are what a list allows; a ticket names one by its id.
	Items []ListItem
}

// ListItem is a choice of a list.
type ListItem struct {
	ID, Label string
}

// TicketState is how far a ticket has got. Every workspace has one state of each category.
type TicketState struct {
	ID string
	// Category is "submitted", "in_progress", "waiting_on_customer" or "resolved".
	Category                     string
	InternalLabel, ExternalLabel string
}

// The ids of ticket types and of the states and attributes that are always there.
const (
	firstTicketState     = 4_517_893
	firstTicketType      = 2_979_330
	firstTicketAttribute = 8_514_183
)

func addTicketStates(w *workspace) {
	for i, state := range []TicketState{
		{Category: "submitted", InternalLabel: "Submitted", ExternalLabel: "Submitted"},
		{Category: "in_progress", InternalLabel: "In progress", ExternalLabel: "In progress"},
		{Category: "waiting_on_customer", InternalLabel: "Waiting on customer", ExternalLabel: "Waiting on you"},
		{Category: "resolved", InternalLabel: "Resolved", ExternalLabel: "Resolved"},
	} {
		state.ID = strconv.Itoa(firstTicketState + i)
		w.ticketStates.put(state.ID, &state)
	}
}

// AddTicketType adds a ticket type and returns its id.
func (s *Simulator) AddTicketType(t TicketType) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.space.addTicketType(t).ID
}

func (w *workspace) addTicketType(t TicketType) *TicketType {
	t.Category = cmp.Or(t.Category, CategoryCustomer)
	t.Icon = cmp.Or(t.Icon, "🎟️")
	t.ID = cmp.Or(t.ID, strconv.Itoa(firstTicketType+w.ticketTypes.made))
	if t.CreatedAt.IsZero() {
		t.CreatedAt = time.Now()
	}
	given := t.Attributes
	t.Attributes = nil
	w.addTicketAttribute(&t, TicketAttribute{Name: attributeTitle})
	w.addTicketAttribute(&t, TicketAttribute{Name: attributeDescription, Multiline: true})
	for _, a := range given {
		w.addTicketAttribute(&t, a)
	}
	w.ticketTypes.put(t.ID, &t)
	return &t
}

// addTicketAttribute adds an attribute to a type and returns its place in the list.
func (w *workspace) addTicketAttribute(t *TicketType, a TicketAttribute) int {
	a.Type = cmp.Or(a.Type, "string")
	a.Items = slices.Clone(a.Items)
	if a.ID == "" {
		a.ID = strconv.Itoa(firstTicketAttribute + w.ticketAttributes)
		w.ticketAttributes++
	}
	t.Attributes = append(t.Attributes, a)
	return len(t.Attributes) - 1
}

// The attributes that tickets of every type have.
const (
	attributeTitle       = "_default_title_"
	attributeDescription = "_default_description_"
)

// TicketTypes returns all ticket types in the order in which they came.
func (s *Simulator) TicketTypes() []TicketType {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []TicketType
	for t := range s.space.ticketTypes.all {
		one := *t
		one.Attributes = slices.Clone(t.Attributes)
		out = append(out, one)
	}
	return out
}

// TicketStates returns the states that tickets can be in.
func (s *Simulator) TicketStates() []TicketState {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []TicketState
	for state := range s.space.ticketStates.all {
		out = append(out, *state)
	}
	return out
}

// stateOf is the state of a category.
func (w *workspace) stateOf(category string) *TicketState {
	for state := range w.ticketStates.all {
		if state.Category == category {
			return state
		}
	}
	return nil
}

func (t *TicketType) attribute(name string) *TicketAttribute {
	i := slices.IndexFunc(t.Attributes, func(a TicketAttribute) bool { return a.Name == name })
	if i < 0 {
		return nil
	}
	return &t.Attributes[i]
}

// check refuses attributes that the type does not have, values of another type, and, for a
// new ticket, the lack of what is required.
func (t *TicketType) check(values map[string]any, isNew bool) error {
	for name, v := range values {
		a := t.attribute(name)
		switch {
		case a == nil:
			return invalid("ticket_attributes", "Ticket attribute '%s' does not exist", name)
		case !a.accepts(v):
			return invalid("ticket_attributes", "Ticket attribute '%s' must be of type %s", name, a.Type)
		}
	}
	for _, a := range t.Attributes {
		if isNew && a.Required && values[a.Name] == nil {
			return missing("ticket_attributes." + a.Name)
		}
	}
	return nil
}

func (a *TicketAttribute) accepts(v any) bool {
	if v == nil {
		return true
	}
	switch a.Type {
	case "list":
		return a.item(v) != nil
	case "integer":
		n, ok := asNumber(v)
		return ok && n == math.Trunc(n)
	case "decimal":
		_, ok := asNumber(v)
		return ok
	case "boolean":
		_, ok := v.(bool)
		return ok
	case "datetime":
		return dateField.accepts(v)
	case "string":
		_, ok := v.(string)
		return ok
	}
	return true // files
}

// accepts tells whether the field can be compared with a value.
func (k fieldKind) accepts(v any) bool {
	if n, isNumber := asNumber(v); isNumber {
		v = n
	}
	_, ok := k.read(v)
	return ok
}

// item is the choice that a value names, by its id.
func (a *TicketAttribute) item(v any) *ListItem {
	id, ok := v.(string)
	if n, isNumber := asNumber(v); isNumber {
		id, ok = strconv.FormatFloat(n, 'f', -1, 64), true
	}
	i := slices.IndexFunc(a.Items, func(item ListItem) bool { return ok && item.ID == id })
	if i < 0 {
		return nil
	}
	return &a.Items[i]
}
