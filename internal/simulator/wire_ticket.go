package simulator

import (
	"cmp"
	"fmt"
	"maps"
)

type ticketStateJSON struct {
	Type          string         `json:"type"`
	ID            string         `json:"id"`
	Category      string         `json:"category"`
	InternalLabel string         `json:"internal_label"`
	ExternalLabel string         `json:"external_label"`
	TicketTypes   map[string]any `json:"ticket_types,omitempty"`
	Archived      *bool          `json:"archived,omitempty"`
}

func (t *TicketState) json() ticketStateJSON {
	return ticketStateJSON{
		Type: "ticket_state", ID: t.ID, Category: t.Category, InternalLabel: t.InternalLabel, ExternalLabel: t.ExternalLabel,
	}
}

type ticketTypeJSON struct {
	Type        string         `json:"type"`
	ID          string         `json:"id"`
	Name        string         `json:"name"`
	Description string         `json:"description"`
	Icon        string         `json:"icon"`
	WorkspaceID string         `json:"workspace_id"`
	Archived    bool           `json:"archived"`
	CreatedAt   int64          `json:"created_at"`
	UpdatedAt   int64          `json:"updated_at"`
	IsInternal  bool           `json:"is_internal"`
	Attributes  map[string]any `json:"ticket_type_attributes"`
	Category    string         `json:"category"`
	States      map[string]any `json:"ticket_states,omitempty"`
}

type ticketAttributeJSON struct {
	Type                string `json:"type"`
	ID                  string `json:"id"`
	WorkspaceID         string `json:"workspace_id"`
	Name                string `json:"name"`
	Description         string `json:"description"`
	DataType            string `json:"data_type"`
	InputOptions        any    `json:"input_options"`
	Order               int    `json:"order"`
	Required            bool   `json:"required_to_create"`
	RequiredForContacts bool   `json:"required_to_create_for_contacts"`
	VisibleOnCreate     bool   `json:"visible_on_create"`
	VisibleToContacts   bool   `json:"visible_to_contacts"`
	Default             bool   `json:"default"`
	TicketTypeID        int64  `json:"ticket_type_id"`
	Archived            bool   `json:"archived"`
	CreatedAt           int64  `json:"created_at"`
	UpdatedAt           int64  `json:"updated_at"`
}

// ticketTypeJSON shows a type. Lists of types have the states too; tickets do not.
func (w *workspace) ticketTypeJSON(t *TicketType, states bool) *ticketTypeJSON {
	attributes := make([]ticketAttributeJSON, 0, len(t.Attributes))
	for i := range t.Attributes {
		attributes = append(attributes, w.ticketAttributeJSON(t, i))
	}
	out := &ticketTypeJSON{
		Type: "ticket_type", ID: t.ID, Name: t.Name, Description: t.Description, Icon: t.Icon, WorkspaceID: w.appID,
		Archived: t.Archived, CreatedAt: t.CreatedAt.Unix(), UpdatedAt: t.CreatedAt.Unix(),
		IsInternal: t.Category != CategoryCustomer, Category: t.Category,
		Attributes: map[string]any{"type": "list", "data": attributes},
	}
	if states {
		data := []ticketStateJSON{}
		for state := range w.ticketStates.all {
			data = append(data, state.json())
		}
		out.States = map[string]any{"type": "list", "data": data}
	}
	return out
}

// ticketAttributeJSON shows the attribute at a place in the type's list.
func (w *workspace) ticketAttributeJSON(t *TicketType, place int) ticketAttributeJSON {
	a := &t.Attributes[place]
	return ticketAttributeJSON{
		Type: "ticket_type_attribute", ID: a.ID, WorkspaceID: w.appID, Name: a.Name, Description: a.Description,
		DataType: a.Type, InputOptions: a.inputOptions(), Order: place, Required: a.Required, VisibleOnCreate: true,
		VisibleToContacts: true, Default: a.Name == attributeTitle || a.Name == attributeDescription,
		TicketTypeID: numberOf(t.ID), CreatedAt: t.CreatedAt.Unix(), UpdatedAt: t.CreatedAt.Unix(),
	}
}

func (a *TicketAttribute) inputOptions() any {
	switch a.Type {
	case "string":
		return map[string]any{"multiline": a.Multiline}
	case "list":
		items := make([]map[string]any, 0, len(a.Items))
		for _, item := range a.Items {
			items = append(items, map[string]any{"id": item.ID, "label": item.Label, "name": item.Label, "archived": false})
		}
		return map[string]any{"list_items": items, "allow_multiple_values": false}
	}
	return nil
}

type ticketPartJSON struct {
	Type           string           `json:"type"`
	ID             string           `json:"id"`
	PartType       string           `json:"part_type"`
	Body           string           `json:"body,omitempty"`
	State          string           `json:"ticket_state,omitempty"`
	StateBefore    string           `json:"previous_ticket_state,omitempty"`
	CreatedAt      int64            `json:"created_at"`
	UpdatedAt      int64            `json:"updated_at"`
	AssignedTo     *refJSON         `json:"assigned_to,omitempty"`
	Author         authorJSON       `json:"author"`
	Attachments    []attachmentJSON `json:"attachments"`
	Redacted       bool             `json:"redacted"`
	AppPackageCode string           `json:"app_package_code,omitempty"`
	Updated        map[string]any   `json:"updated_attribute_data,omitempty"`
}

func (w *workspace) ticketPartJSON(t *Ticket, p *Part) ticketPartJSON {
	out := ticketPartJSON{
		Type: "ticket_part", ID: p.ID, PartType: p.Type, Body: p.Body, State: p.TicketState, StateBefore: p.TicketStateBefore,
		CreatedAt: p.CreatedAt.Unix(), UpdatedAt: p.UpdatedAt.Unix(), AssignedTo: p.AssignedTo.json(),
		Author: p.Author.json(false), Attachments: attachmentsJSON(p.Attachments), Redacted: p.Redacted,
		AppPackageCode: p.AppPackageCode,
	}
	out.Author.Type = partAuthorType(p.Author)
	if kind := w.ticketTypes.byID[t.TypeID]; p.Type == "ticket_attribute_updated_by_admin" && kind != nil {
		out.Updated = kind.updated(p)
	}
	return out
}

// updated says which attribute a part changed, and to what.
func (t *TicketType) updated(p *Part) map[string]any {
	a := t.attribute(p.Attribute)
	if a == nil {
		return nil
	}
	id, label := "", ""
	if p.Value != nil {
		id = fmt.Sprint(p.Value)
		label = id
	}
	if item := a.item(p.Value); item != nil {
		label = item.Label
	}
	return map[string]any{
		"attribute": map[string]any{"type": "attribute", "id": a.ID, "label": a.Name},
		"value":     map[string]any{"type": "value", "id": orNull(id), "label": label},
	}
}

type ticketPartListJSON struct {
	Type  string           `json:"type"`
	Parts []ticketPartJSON `json:"ticket_parts"`
	Total int              `json:"total_count"`
}

type ticketJSON struct {
	Type             string              `json:"type"`
	ID               string              `json:"id"`
	TicketID         string              `json:"ticket_id"`
	TicketAttributes map[string]any      `json:"ticket_attributes"`
	TicketState      ticketStateJSON     `json:"ticket_state"`
	TicketType       *ticketTypeJSON     `json:"ticket_type"`
	Contacts         contactListJSON     `json:"contacts"`
	AdminAssigneeID  string              `json:"admin_assignee_id"`
	TeamAssigneeID   string              `json:"team_assignee_id"`
	CreatedAt        int64               `json:"created_at"`
	UpdatedAt        int64               `json:"updated_at"`
	TicketParts      *ticketPartListJSON `json:"ticket_parts,omitempty"`
	Open             bool                `json:"open"`
	SnoozedUntil     *int64              `json:"snoozed_until,omitempty"`
	LinkedObjects    linkedListJSON      `json:"linked_objects"`
	Category         string              `json:"category"`
	IsShared         bool                `json:"is_shared"`
}

// linkedListJSON are the conversations and tickets that something is linked with.
type linkedListJSON struct {
	Type    string           `json:"type"`
	Data    []map[string]any `json:"data"`
	Total   int              `json:"total_count"`
	HasMore bool             `json:"has_more"`
}

func linksJSON(links []Ref) linkedListJSON {
	out := linkedListJSON{Type: "list", Data: make([]map[string]any, 0, len(links)), Total: len(links)}
	for _, link := range links {
		out.Data = append(out.Data, map[string]any{"type": link.Type, "id": link.ID, "category": nil})
	}
	return out
}

// ticketJSON shows a ticket; whole: with its parts, the most recent ones.
func (w *workspace) ticketJSON(t *Ticket, whole bool) *ticketJSON {
	kind := w.ticketTypes.byID[t.TypeID]
	out := &ticketJSON{
		Type: "ticket", ID: t.ID, TicketID: t.Number, TicketAttributes: maps.Clone(t.Attributes),
		TicketState: w.ticketStates.byID[t.StateID].json(), TicketType: w.ticketTypeJSON(kind, false),
		Contacts:        contactListJSON{Type: "contact.list", Contacts: w.contactRefs(t.thread.Contacts)},
		AdminAssigneeID: cmp.Or(t.thread.AdminAssigneeID, "0"), TeamAssigneeID: cmp.Or(t.thread.TeamAssigneeID, "0"),
		CreatedAt: t.thread.CreatedAt.Unix(), UpdatedAt: t.thread.UpdatedAt.Unix(), Open: t.thread.State != StateClosed,
		SnoozedUntil: unix(t.thread.SnoozedUntil), LinkedObjects: linksJSON(t.thread.Links), Category: kind.Category,
		IsShared: t.Shared,
	}
	if whole {
		recent := t.thread.Parts[max(0, len(t.thread.Parts)-maxParts):]
		out.TicketParts = &ticketPartListJSON{
			Type: "ticket_part.list", Parts: make([]ticketPartJSON, 0, len(recent)), Total: len(t.thread.Parts),
		}
		for i := range recent {
			out.TicketParts.Parts = append(out.TicketParts.Parts, w.ticketPartJSON(t, &recent[i]))
		}
	}
	return out
}

// ticketItemJSON is a ticket as notifications show it: with two keys more, and with the end
// of the snooze also when there is none.
type ticketItemJSON struct {
	*ticketJSON
	SnoozedUntil *int64 `json:"snoozed_until"`
	CompanyID    any    `json:"company_id"`
	Channel      string `json:"channel"`
}

func (w *workspace) ticketItem(t *Ticket) ticketItemJSON {
	return ticketItemJSON{
		ticketJSON: w.ticketJSON(t, true), SnoozedUntil: unix(t.thread.SnoozedUntil), CompanyID: orNull(t.CompanyID),
		Channel: "messenger",
	}
}

// brief is a type as the list of states shows it.
func (t *TicketType) brief() map[string]any {
	return map[string]any{
		"type": "ticket_type", "id": t.ID, "name": t.Name, "description": t.Description, "icon": t.Icon,
		"archived": t.Archived, "is_internal": t.Category != CategoryCustomer, "category": t.Category,
	}
}

// value is an attribute of a ticket as text, for those who look through tickets.
func (t *Ticket) value(name string) string {
	if v := t.Attributes[name]; v != nil {
		return fmt.Sprint(v)
	}
	return ""
}
