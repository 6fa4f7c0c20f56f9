package ruletest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"switchboard/internal/event"
)

// planned are the parameters of all kinds of actions, as far as they change the world.
type planned struct {
	Tags    []string        `json:"tags"`
	Contact string          `json:"contact"`
	Team    string          `json:"team"`
	Admin   string          `json:"admin"`
	Pick    json.RawMessage `json:"pick"`
	Body    string          `json:"body"`
	Until   int64           `json:"until"`

	On         string         `json:"on"`
	Title      string         `json:"title"`
	Attributes map[string]any `json:"attributes"`
	Fields     map[string]any `json:"fields"`

	Do        string `json:"do"`
	CompanyID string `json:"company_id"`
	Type      string `json:"type"`
	State     string `json:"state"`
	Link      string `json:"link"`
}

// carryOut does to the world what an action does, and makes the notifications that come of it. What nobody
// can see in the facts of the test (messages, data events, counters, webhooks of one's own) does nothing.
func (w *world) carryOut(kind string, params json.RawMessage, subject string, author object) ([]event.Event, error) {
	var p planned
	if len(params) > 0 {
		if err := json.Unmarshal(params, &p); err != nil {
			return nil, fmt.Errorf("%s: %w", kind, err)
		}
	}
	what, o := w.about(subject)
	if what == event.KindConversation && o != nil {
		w.settle(o)
	}
	switch kind {
	case "tag", "untag":
		return w.tag(kind == "tag", p, what, o)
	case "set":
		return w.set(p, o)
	case "contact":
		return w.changeContact(p)
	case "company":
		w.company(p)
		return nil, nil
	case "ticket":
		return w.ticket(p, o, author)
	}
	if what != event.KindConversation || o == nil {
		return nil, nil
	}
	return w.change(kind, p, o, author)
}

func (w *world) one(ev event.Event, err error) ([]event.Event, error) {
	if err != nil {
		return nil, err
	}
	return []event.Event{ev}, nil
}

// change does what adds a part to a conversation. Which topics tell of it is what the simulator does, and a
// test holds the two against each other.
func (w *world) change(kind string, p planned, c, author object) ([]event.Event, error) {
	before := c["state"]
	var partType string
	var topics []string
	switch kind {
	case "reply":
		partType, topics = "comment", []string{"conversation.admin.replied"}
		if author["type"] == "bot" {
			topics = []string{"conversation.operator.replied"}
		}
	case "note":
		partType, topics = "note", []string{"conversation.admin.noted"}
	case "assign":
		partType, topics = "assignment", []string{"conversation.admin.assigned"}
		if before == "closed" {
			partType, topics = "assign_and_reopen", append(topics, "conversation.admin.open.assigned")
			w.state(c, "open")
		}
		w.assign(p, c)
	case "close":
		partType, topics = "close", []string{"conversation.admin.closed"}
		if p.Body != "" {
			topics = append(topics, "conversation.admin.replied")
		}
		w.state(c, "closed")
		stat(c, "first_close_at", w.now, true)
		stat(c, "last_close_at", w.now, false)
	case "open":
		partType, topics = "open", []string{"conversation.admin.opened"}
		if before == "snoozed" {
			partType, topics = "unsnoozed", []string{"conversation.admin.unsnoozed"}
		}
		w.state(c, "open")
	case "snooze":
		partType, topics = "snoozed", []string{"conversation.admin.snoozed"}
		w.state(c, "snoozed")
		c["snoozed_until"] = p.Until
	default:
		return nil, nil
	}
	if p.Body != "" && kind != "note" && author["type"] == "admin" {
		c["waiting_since"] = nil
		stat(c, "first_admin_reply_at", w.now, true)
		stat(c, "last_admin_reply_at", w.now, false)
	}
	part := w.addPart(c, partType, p.Body, author)
	return w.tellAll(topics, c, part)
}

func (w *world) tellAll(topics []string, c, part object) (list []event.Event, err error) {
	for _, topic := range topics {
		ev, err := w.tellOf(topic, c, part)
		if err != nil {
			return nil, err
		}
		list = append(list, ev)
	}
	return list, nil
}

// state puts a conversation into a state.
func (w *world) state(c object, state string) {
	c["state"], c["open"], c["snoozed_until"] = state, state != "closed", nil
	if state == "closed" {
		c["waiting_since"] = nil
	}
}

func (w *world) assign(p planned, c object) {
	switch {
	case p.Team != "":
		c["team_assignee_id"] = w.teamID(p.Team)
		if len(p.Pick) > 0 {
			c["admin_assignee_id"] = "picked-from-" + fold(p.Team)
		}
	case p.Admin != "":
		c["admin_assignee_id"] = w.adminID(p.Admin)
	default:
		c["team_assignee_id"], c["admin_assignee_id"] = nil, nil
	}
	stat(c, "first_assignment_at", w.now, true)
	stat(c, "last_assignment_at", w.now, false)
}

func (w *world) tag(on bool, p planned, what string, o object) ([]event.Event, error) {
	if p.Contact != "" {
		what, o = event.KindContact, w.contact
	}
	if o == nil {
		return nil, nil
	}
	var list []event.Event
	for _, name := range p.Tags {
		if !setTag(o, name, on) {
			continue
		}
		o["updated_at"] = w.now.Unix()
		var ev event.Event
		var err error
		switch {
		case what == event.KindContact:
			done := map[bool]string{true: "created", false: "deleted"}[on]
			ev, err = w.tell("contact."+w.role()+".tag."+done, object{"type": "contact_tag", "tag": object{"type": "tag", "name": name}, "contact": w.contact})
		case what == event.KindConversation && on:
			ev, err = w.tellOf("conversation_part.tag.created", o, newestPart(o))
		default:
			continue
		}
		if err != nil {
			return nil, err
		}
		list = append(list, ev)
	}
	return list, nil
}

// newestPart is the newest part of a conversation, or its first message as a part.
func newestPart(c object) object {
	if all := parts(c); len(all) > 0 {
		return all[len(all)-1].(object)
	}
	source, _ := c["source"].(object)
	return object{
		"type": "conversation_part", "id": source["id"], "part_type": "comment", "body": source["body"], "author": source["author"],
		"created_at": c["created_at"], "updated_at": c["created_at"],
	}
}

// setTag puts a tag on, or takes it off; false when nothing changes.
func setTag(o object, name string, on bool) bool {
	holder, _ := o["tags"].(object)
	have, _ := holder["tags"].([]any)
	list := []any{}
	was := false
	for _, t := range have {
		if fold(text(t.(object)["name"])) == fold(name) {
			if was = true; !on {
				continue
			}
		}
		list = append(list, t)
	}
	if was == on {
		return false
	}
	if on {
		list = append(list, object{"type": "tag", "id": "tag-" + fold(name), "name": name})
	}
	o["tags"] = object{"type": "tag.list", "tags": list}
	return true
}

func (w *world) role() string {
	if w.contact["role"] == "lead" {
		return "lead"
	}
	return "user"
}

func (w *world) set(p planned, o object) ([]event.Event, error) {
	switch p.On {
	case event.KindContact:
		w.patchContact(p)
		return w.one(w.tell("contact."+w.role()+".updated", w.contact))
	case event.KindTicket:
		if o == nil {
			return nil, nil
		}
		put(o, []string{"ticket_attributes"}, p.Attributes)
		return w.tellEach(slices.Repeat([]string{"ticket.attribute.updated"}, len(p.Attributes)), o)
	}
	if o != nil {
		if p.Title != "" {
			o["title"] = p.Title
		}
		put(o, []string{"custom_attributes"}, p.Attributes)
		o["updated_at"] = w.now.Unix()
	}
	return nil, nil // Intercom does not tell of it
}

// patchContact changes fields and attributes of the contact.
func (w *world) patchContact(p planned) {
	for name, v := range p.Fields {
		switch name {
		case "owner":
			name, v = "owner_id", w.adminID(text(v))
		case "unsubscribed":
			name = "unsubscribed_from_emails"
		}
		w.contact[name] = v
	}
	put(w.contact, []string{"custom_attributes"}, p.Attributes)
	w.contact["updated_at"] = w.now.Unix()
}

func (w *world) changeContact(p planned) ([]event.Event, error) {
	switch p.Do {
	case "update":
		email := w.contact["email"]
		w.patchContact(p)
		topics := []string{"contact." + w.role() + ".updated"}
		if w.contact["email"] != email {
			topics = append(topics, "contact.email.updated")
		}
		return w.tellEach(topics, w.contact)
	case "archive":
		w.contact["archived"] = true
		return w.one(w.tell("contact.archived", w.contact))
	}
	return nil, nil // a note on a contact is told to nobody, and a new contact is somebody else
}

// tellEach makes a notification of each topic about an item.
func (w *world) tellEach(topics []string, item object) (list []event.Event, err error) {
	for _, topic := range topics {
		ev, err := w.tell(topic, item)
		if err != nil {
			return nil, err
		}
		list = append(list, ev)
	}
	return list, nil
}

func (w *world) company(p planned) {
	at := -1
	for i, c := range w.companies {
		if text(c.(object)["company_id"]) == p.CompanyID {
			at = i
		}
	}
	switch {
	case p.Do == "detach":
		if at >= 0 {
			w.companies = append(w.companies[:at:at], w.companies[at+1:]...)
		}
		return
	case p.Do == "attach" && at < 0:
		w.companies = append(w.companies, object{"type": "company", "id": "company-" + p.CompanyID, "company_id": p.CompanyID, "custom_attributes": object{}})
		return
	case at < 0: // it is saved, and nobody of the test is in it
		return
	}
	c := w.companies[at].(object)
	for name, v := range p.Fields {
		c[name] = v
	}
	put(c, []string{"custom_attributes"}, p.Attributes)
}

// ticket does what concerns tickets.
func (w *world) ticket(p planned, o, author object) ([]event.Event, error) {
	switch p.Do {
	case "convert", "create":
		t := w.newTicket("", object{"ticket_type": object{"name": p.Type}, "ticket_attributes": p.Attributes})
		if c := w.conversations[p.Link]; c != nil {
			c["linked_objects"] = object{"data": []any{object{"type": "ticket", "id": t["id"]}}}
		}
		return w.tellEach([]string{"ticket.created", "ticket.state.updated"}, t)
	case "state":
		if o == nil {
			return nil, nil
		}
		before, _ := o["ticket_state"].(object)
		category := strings.ReplaceAll(fold(p.State), " ", "_")
		o["ticket_state"] = object{"category": category, "internal_label": p.State}
		o["open"] = category != "resolved"
		item := cloneObject(o)
		item["ticket_parts"] = object{"ticket_parts": []any{object{
			"type": "ticket_part", "id": w.id(), "part_type": "ticket_state_updated_by_admin", "author": author,
			"previous_ticket_state": before["category"], "created_at": w.now.Unix(),
		}}}
		return w.one(w.tell("ticket.state.updated", item))
	case "reply", "note":
		if o == nil {
			return nil, nil
		}
		topic, kind := "ticket.admin.replied", "comment"
		if p.Do == "note" {
			topic, kind = "ticket.note.created", "note"
		}
		item := cloneObject(o)
		item["ticket_parts"] = object{"ticket_parts": []any{object{
			"type": "ticket_part", "id": w.id(), "part_type": kind, "body": p.Body, "author": author, "created_at": w.now.Unix(),
		}}}
		return w.one(w.tell(topic, item))
	}
	return nil, nil
}

// newTicket makes a ticket with what is given.
func (w *world) newTicket(name string, said object) object {
	id := w.id()
	t := object{
		"type": "ticket", "id": id, "ticket_id": id, "created_at": w.now.Unix(), "updated_at": w.now.Unix(), "open": true,
		"category": "Customer", "ticket_state": object{"category": "submitted", "internal_label": "Submitted"},
		"ticket_type": object{"name": "Ticket"}, "ticket_attributes": object{}, "admin_assignee_id": nil, "team_assignee_id": nil,
		"contacts":     object{"type": "contact.list", "contacts": []any{object{"type": "contact", "id": w.contact["id"]}}},
		"ticket_parts": object{"ticket_parts": []any{}},
	}
	merge(t, said)
	id = text(t["id"])
	w.tickets[id], w.ticketOf[name] = t, id
	return t
}
