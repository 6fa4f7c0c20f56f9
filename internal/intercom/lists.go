package intercom

// Lists are the names of a workspace as they were at one time. A name is found in them exactly as a
// Directory finds it; what is archived is not found.
type Lists struct {
	Admins      []Admin
	Teams       []Team
	Tags        []Tag
	TicketTypes []TicketType
	Attributes  map[string][]DataAttribute // by model
}

// Admin finds a teammate by id, e-mail or name. The error is a *NotFoundError or an
// *AmbiguousError.
func (l *Lists) Admin(ref string) (Admin, error) { return adminKind.find(l.Admins, ref) }

// Team finds a team by id or name; errors are as for Admin.
func (l *Lists) Team(ref string) (Team, error) { return teamKind.find(l.Teams, ref) }

// Tag finds a tag by name; errors are as for Admin.
func (l *Lists) Tag(name string) (Tag, error) { return tagKind.find(l.Tags, name) }

// TicketType finds a ticket type by id or name; errors are as for Admin.
func (l *Lists) TicketType(ref string) (TicketType, error) {
	return ticketTypeKind.find(l.TicketTypes, ref)
}

// DataAttribute finds an attribute of a model: by its path, by its name, or by its label, in this
// order. Errors are as for Admin.
func (l *Lists) DataAttribute(model, ref string) (DataAttribute, error) {
	kind, ok := attributeKinds[model]
	if !ok {
		return DataAttribute{}, noModel(model)
	}
	return kind.find(l.Attributes[model], ref)
}
