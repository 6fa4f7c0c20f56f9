package simulator

import (
	"encoding/json"
	"slices"
	"time"
)

// attachContact adds a contact to those who take part in a conversation. One who takes part
// already stays, and nothing is told.
func attachContact(c *call) (any, error) {
	var in struct {
		AdminID  givenID  `json:"admin_id"`
		Customer identity `json:"customer"`
	}
	if err := c.read(&in); err != nil {
		return nil, err
	}
	cv, err := c.conversation()
	if err != nil {
		return nil, err
	}
	if in.Customer == (identity{}) {
		return nil, missing("customer")
	}
	contact := c.space.named(in.Customer)
	if contact == nil {
		return nil, errNoResource
	}
	author := c.space.admins.byID[c.space.tokenAdmin].author()
	if in.AdminID != "" {
		if author, err = c.actor(in.AdminID); err != nil {
			return nil, err
		}
	}
	if !slices.Contains(cv.Contacts, contact.ID) {
		cv.Contacts = append(cv.Contacts, contact.ID)
		c.participation(cv, contact, author, "participant_added", "added_by", "attached")
	}
	c.entry.Effect, c.entry.Contact = EffectAttach, contact.ID
	return c.withCustomers(cv), nil
}

// detachContact takes a contact out of a conversation, whose last one cannot go.
func detachContact(c *call) (any, error) {
	var in struct {
		AdminID givenID `json:"admin_id"`
	}
	if err := c.read(&in); err != nil {
		return nil, err
	}
	cv, err := c.conversation()
	if err != nil {
		return nil, err
	}
	author, err := c.actor(in.AdminID)
	if err != nil {
		return nil, err
	}
	contact := c.space.contacts.byID[c.param("contact")]
	switch {
	case contact == nil || !slices.Contains(cv.Contacts, contact.ID):
		return nil, errNoContact
	case len(cv.Contacts) == 1:
		return nil, errLastCustomer
	}
	cv.Contacts = slices.DeleteFunc(cv.Contacts, func(id string) bool { return id == contact.ID })
	c.participation(cv, contact, author, "participant_removed", "removed_by", "detached")
	c.entry.Effect, c.entry.Contact = EffectDetach, contact.ID
	return c.withCustomers(cv), nil
}

// withCustomers shows the conversation and those who take part. The description of the API
// says the one, its examples the other.
func (c *call) withCustomers(cv *Conversation) any {
	customers := make([]refJSON, 0, len(cv.Contacts))
	for _, id := range cv.Contacts {
		kind := "user"
		if contact := c.space.contacts.byID[id]; contact != nil {
			kind = contact.Role
		}
		customers = append(customers, refJSON{Type: kind, ID: id})
	}
	return struct {
		*conversationJSON
		Customers []refJSON `json:"customers"`
	}{c.whole(cv), customers}
}

// participation adds the part that says who came or went, and tells of it.
func (c *call) participation(cv *Conversation, contact *Contact, by Author, partType, role, what string) {
	part := Part{
		ID: c.ids.part(), Type: partType, CreatedAt: c.now, UpdatedAt: c.now, Author: by, State: cv.State,
		AppPackageCode: c.options.AppPackageCode,
	}
	cv.Parts = append(cv.Parts, part)
	cv.Statistics.Parts++
	cv.UpdatedAt = c.now
	c.entry.Part = part.ID
	value := map[string]any{
		"conversation": cv.model(&part, role, contact),
		"contact":      c.space.contactJSON(webhook2, c.options.AppID, contact),
	}
	c.tell(c.now, true, "conversation/"+cv.ID, part.ID, value, "conversation.contact."+what)
}

// model shows a conversation as these notifications do: with the keys of Intercom's own
// database, ids as numbers, and the actor inside a text that is JSON itself.
func (c *Conversation) model(p *Part, role string, contact *Contact) map[string]any {
	actor := map[string]any{"type": "admin", "id": numberOf(p.Author.ID), "label": p.Author.Name, "name": p.Author.Name, "email": p.Author.Email}
	data, err := json.Marshal(map[string]any{
		role: actor, "admin": actor,
		"participant":    map[string]any{"type": contact.Role, "id": contact.ID, "label": contact.Name, "name": contact.Name, "email": contact.Email},
		"previous_state": "state_" + c.State, "state": "state_" + c.State,
	})
	if err != nil {
		panic(err) // text and numbers always have a JSON form
	}
	stamp := func(t time.Time) string { return webhook2.statisticTime(t).(string) }
	return map[string]any{
		"parts": []map[string]any{{
			"id": numberOf(p.ID), "conversation_id": numberOf(c.ID), "body": "", "created_at": stamp(p.CreatedAt),
			"updated_at": stamp(p.UpdatedAt), "owner_id": numberOf(p.Author.ID), "admin_only": false, "user_id": nil,
			"assignee_id": nil, "deleted": false, "data": string(data),
		}},
		"options": map[string]any{"expand_for_notification": true},
		"model": map[string]any{
			"id": numberOf(c.ID), "user_id": c.Contacts[0], "message_id": numberOf(c.Source.ID), "created_at": stamp(c.CreatedAt),
			"updated_at": stamp(c.UpdatedAt), "company_id": "-1", "message_type": c.Source.Type, "read": c.Read, "deleted": false,
			"delivery_state": "delivered",
		},
	}
}
