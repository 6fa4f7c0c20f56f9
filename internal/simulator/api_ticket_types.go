package simulator

import (
	"slices"
	"strconv"
	"strings"
)

func listTicketTypes(c *call) (any, error) {
	data := []*ticketTypeJSON{}
	for kind := range c.space.ticketTypes.all {
		data = append(data, c.space.ticketTypeJSON(kind, true))
	}
	return map[string]any{"type": "list", "data": data}, nil
}

func getTicketType(c *call) (any, error) {
	kind := c.space.ticketTypes.byID[c.param("id")]
	if kind == nil {
		return nil, errNoResource
	}
	return c.space.ticketTypeJSON(kind, true), nil
}

// listTicketStates shows every state with the types that have it, which is all of them.
func listTicketStates(c *call) (any, error) {
	types := []map[string]any{}
	for kind := range c.space.ticketTypes.all {
		types = append(types, kind.brief())
	}
	data := []ticketStateJSON{}
	for state := range c.space.ticketStates.all {
		one := state.json()
		one.TicketTypes = map[string]any{"type": "list", "data": slices.Clone(types)}
		one.Archived = new(bool)
		data = append(data, one)
	}
	return map[string]any{"type": "list", "data": data}, nil
}

// ticketTypeInput is what a request says of a ticket type.
type ticketTypeInput struct {
	Name        given[string] `json:"name"`
	Description given[string] `json:"description"`
	Category    given[string] `json:"category"`
	Icon        given[string] `json:"icon"`
	Archived    given[bool]   `json:"archived"`
}

func (in *ticketTypeInput) check() error {
	categories := []string{CategoryCustomer, CategoryBackOffice, CategoryTracker}
	if in.Category.set && !slices.Contains(categories, in.Category.value) {
		return invalid("category", "category must be %s", strings.Join(categories, ", "))
	}
	return nil
}

func (in *ticketTypeInput) into(t *TicketType) {
	in.Name.into(&t.Name)
	in.Description.into(&t.Description)
	in.Category.into(&t.Category)
	in.Icon.into(&t.Icon)
	in.Archived.into(&t.Archived)
}

func createTicketType(c *call) (any, error) {
	var in ticketTypeInput
	if err := c.read(&in); err != nil {
		return nil, err
	}
	if in.Name.value == "" {
		return nil, missing("name")
	}
	if err := in.check(); err != nil {
		return nil, err
	}
	kind := TicketType{CreatedAt: c.now}
	in.into(&kind)
	c.entry.Effect = EffectTicketType
	return c.space.ticketTypeJSON(c.space.addTicketType(kind), true), nil
}

func updateTicketType(c *call) (any, error) {
	var in ticketTypeInput
	if err := c.read(&in); err != nil {
		return nil, err
	}
	kind := c.space.ticketTypes.byID[c.param("id")]
	if kind == nil {
		return nil, errNoResource
	}
	if err := in.check(); err != nil {
		return nil, err
	}
	in.into(kind)
	c.entry.Effect = EffectTicketType
	return c.space.ticketTypeJSON(kind, true), nil
}

// createTicketAttribute adds an attribute to a ticket type. Tickets that exist get it too,
// without a value.
func createTicketAttribute(c *call) (any, error) {
	var in struct {
		Name        string  `json:"name"`
		Description *string `json:"description"`
		DataType    string  `json:"data_type"`
		Required    bool    `json:"required_to_create"`
		Multiline   bool    `json:"multiline"`
		Items       string  `json:"list_items"` // separated by commas
	}
	if err := c.read(&in); err != nil {
		return nil, err
	}
	kind := c.space.ticketTypes.byID[c.param("id")]
	switch {
	case kind == nil:
		return nil, errNoResource
	case in.Name == "":
		return nil, missing("name")
	case in.Description == nil:
		return nil, missing("description")
	case !slices.Contains(strings.Fields("string list integer decimal boolean datetime files"), in.DataType):
		return nil, invalid("data_type", "data_type must be string, list, integer, decimal, boolean, datetime or files")
	case in.DataType == "list" && in.Items == "":
		return nil, missing("list_items")
	case kind.attribute(in.Name) != nil:
		return nil, invalid("name", "The ticket type has an attribute '%s' already", in.Name)
	}
	a := TicketAttribute{
		Name: in.Name, Description: *in.Description, Type: in.DataType, Required: in.Required, Multiline: in.Multiline,
	}
	if in.Items != "" {
		for i, label := range strings.Split(in.Items, ",") {
			a.Items = append(a.Items, ListItem{ID: strconv.Itoa(i + 1), Label: strings.TrimSpace(label)})
		}
	}
	made := c.space.addTicketAttribute(kind, a)
	c.entry.Effect = EffectTicketType
	return c.space.ticketAttributeJSON(kind, made), nil
}
