package ruletest

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"switchboard/internal/event"
	"switchboard/internal/rules"
)

// world is what a test knows of a workspace while it runs, in the JSON of Intercom's API.
type world struct {
	given *given
	now   time.Time

	contact       object
	companies     []any
	conversations map[string]object  // by id
	coming        map[string]patches // what is said of conversations that have not begun, by their names in the test
	named         map[string]string  // the ids of conversations by their names in the test
	tickets       map[string]object
	ticketOf      map[string]string // the ids of tickets by the names of conversations
	lastID        int64
	seen          map[string]bool // ids of notifications from files
	workspace     string
	seq           int64
}

// appID is the workspace of tests that no file gives another.
const appID = "test"

func newWorld(g *given, steps []step) *world {
	w := &world{
		given: g, now: g.at, conversations: map[string]object{}, coming: map[string]patches{}, named: map[string]string{},
		tickets: map[string]object{}, ticketOf: map[string]string{}, lastID: 1000, seen: map[string]bool{}, workspace: appID,
	}
	p := g.clone()
	w.contact = merge(object{
		"type": "contact", "id": "1", "role": "user", "created_at": g.at.Unix(), "custom_attributes": object{},
	}, p.contact)
	w.companies = p.companies
	for i, c := range w.companies {
		base := object{"type": "company", "id": "company-" + strconv.Itoa(i+1), "custom_attributes": object{}}
		w.companies[i] = merge(base, c.(object))
	}
	for _, s := range steps {
		if file, ok := s.deed.(arrives); ok {
			w.workspace = cmp.Or(file.event.Workspace, w.workspace)
			w.lastID = max(w.lastID, file.lastID)
		}
	}
	if p.ticket != nil {
		w.newTicket("", p.ticket)
	}
	return w
}

// id is a new id: a number, as Intercom's are, that is larger than those before.
func (w *world) id() string {
	w.lastID++
	return strconv.FormatInt(w.lastID, 10)
}

// conversation returns the conversation with a name in the test; nil when it has not begun. One of which
// something is said that only a conversation has that has begun, has.
func (w *world) conversation(name string) object {
	c := w.conversations[w.named[name]]
	switch {
	case c != nil:
		w.settle(c)
	case w.given.began || w.coming[name].began:
		return w.begin(name, w.customer(), "")
	}
	return c
}

// begin makes a conversation with what is given.
func (w *world) begin(name string, author object, body string) object {
	id := w.id()
	c := object{
		"type": "conversation", "id": id, "created_at": w.now.Unix(), "updated_at": w.now.Unix(),
		"waiting_since": nil, "snoozed_until": nil, "state": "open", "open": true, "read": false,
		"title": nil, "priority": "not_priority", "admin_assignee_id": nil, "team_assignee_id": nil,
		"tags": object{"type": "tag.list", "tags": []any{}}, "custom_attributes": object{}, "statistics": object{},
		"conversation_rating": nil, "sla_applied": nil, "ai_agent_participated": false, "linked_objects": object{"data": []any{}},
		"contacts": object{"type": "contact.list", "contacts": []any{object{"type": "contact", "id": w.contact["id"], "external_id": w.contact["external_id"]}}},
		"source": object{
			"type": "conversation", "id": w.id(), "delivered_as": "customer_initiated", "subject": "", "body": body, "author": cloneObject(author), "url": nil,
		},
		"conversation_parts": object{"type": "conversation_part.list", "conversation_parts": []any{}},
	}
	if author["type"] == "user" {
		c["waiting_since"] = w.now.Unix()
		stat(c, "first_contact_reply_at", w.now, true)
		stat(c, "last_contact_reply_at", w.now, false)
	} else {
		c["state"], c["open"], c["admin_assignee_id"] = "closed", false, author["id"]
		c["source"].(object)["delivered_as"] = "admin_initiated"
	}
	merge(c, w.given.conversation)
	merge(c, w.coming[name].conversation)
	c["open"] = c["state"] != "closed"
	if given := text(c["id"]); w.conversations[given] == nil {
		id = given
	}
	c["id"] = id // several cannot have the one that is given
	w.conversations[id], w.named[name] = c, id
	return c
}

// stat notes a time in the statistics; the first only once. All figures are from the customer's first words
// on.
func stat(c object, name string, at time.Time, first bool) {
	s, _ := c["statistics"].(object)
	if s == nil {
		s = object{}
		c["statistics"] = s
	}
	if s["first_contact_reply_at"] == nil && name != "first_contact_reply_at" {
		return
	}
	if s[name] == nil || !first {
		s[name] = at.Unix()
	}
}

// customer is the contact as an author.
func (w *world) customer() object {
	return object{"type": "user", "id": w.contact["id"], "name": w.contact["name"], "email": w.contact["email"]}
}

// bot is the workspace's bot as an author.
func bot() object { return object{"type": "bot", "id": "2", "name": "Bot", "email": "bot@example.com"} }

// settle ends a snooze whose time has come.
func (w *world) settle(c object) {
	until, ok := unixSeconds(c["snoozed_until"])
	if c["state"] == "snoozed" && ok && until <= w.now.Unix() {
		c["state"], c["open"], c["snoozed_until"] = "open", true, nil
		part := w.addPart(c, "unsnoozed", "", bot())
		part["created_at"], part["updated_at"], c["updated_at"] = until, until, until
	}
}

// unixSeconds reads a time in Unix seconds, however it came in.
func unixSeconds(v any) (int64, bool) {
	switch v := v.(type) {
	case int64:
		return v, true
	case int:
		return int64(v), true
	case json.Number:
		n, err := v.Int64()
		return n, err == nil
	}
	return 0, false
}

// parts are the parts of a conversation.
func parts(c object) []any {
	list, _ := c["conversation_parts"].(object)
	all, _ := list["conversation_parts"].([]any)
	return all
}

// addPart adds a part to a conversation.
func (w *world) addPart(c object, kind, body string, author object) object {
	part := object{
		"type": "conversation_part", "id": w.id(), "part_type": kind, "body": body, "created_at": w.now.Unix(),
		"updated_at": w.now.Unix(), "author": cloneObject(author), "assigned_to": nil, "app_package_code": nil,
	}
	if body == "" {
		part["body"] = nil
	}
	c["conversation_parts"] = object{"type": "conversation_part.list", "conversation_parts": append(parts(c), part)}
	c["updated_at"] = w.now.Unix()
	return part
}

// tell makes the notification of a topic about an item.
func (w *world) tell(topic string, item object) (event.Event, error) {
	w.seq++
	body, err := json.Marshal(object{
		"type": "notification_event", "app_id": w.workspace, "id": "test_" + strconv.FormatInt(w.seq, 10), "topic": topic,
		"created_at": w.now.Unix(), "data": object{"type": "notification_event_data", "item": item},
	})
	if err != nil {
		return event.Event{}, fmt.Errorf("%s: %w", topic, err)
	}
	ev, err := event.Parse(body, w.now)
	ev.Seq = w.seq
	return ev, err
}

// tellOf makes a notification about a conversation. Notifications carry the part that they are about, and
// none of those before.
func (w *world) tellOf(topic string, c, part object) (event.Event, error) {
	item := cloneObject(c)
	list := []any{}
	if part != nil {
		list = append(list, part)
	}
	item["conversation_parts"] = object{"type": "conversation_part.list", "conversation_parts": list}
	return w.tell(topic, item)
}

// Look answers the rules. It implements rules.Lookup.
func (w *world) Look(_ context.Context, q rules.Question) (json.RawMessage, error) {
	var answer any
	switch q.Kind {
	case rules.AskContact:
		c := cloneObject(w.contact)
		c["id"] = q.ID
		answer = c
	case rules.AskCompanies:
		answer = object{"type": "list", "data": w.companies}
		if w.companies == nil {
			answer = object{"type": "list", "data": []any{}}
		}
	case rules.AskConversation:
		c := w.conversations[q.ID]
		if c == nil {
			return nil, nil
		}
		w.settle(c)
		answer = c
	case rules.AskTicket:
		t := w.tickets[q.ID]
		if t == nil {
			return nil, nil
		}
		answer = t
	case rules.AskArticles, rules.AskContacts, rules.AskConversations:
		list, ok := w.given.found[string(q.Kind)]
		if !ok {
			return nil, &rules.UnavailableError{Err: errors.New("the test does not say what a search finds (given: { found: { " + string(q.Kind) + ": [...] } })")}
		}
		answer = list[:min(len(list), max(q.Limit, 0))]
	}
	return json.Marshal(answer)
}

// about is the object with a subject; nil if there is none.
func (w *world) about(subject string) (kind string, o object) {
	kind, id, _ := strings.Cut(subject, "/")
	switch kind {
	case event.KindConversation:
		return kind, w.conversations[id]
	case event.KindTicket:
		return kind, w.tickets[id]
	case event.KindContact:
		return kind, w.contact
	}
	return kind, nil
}

// contactOf is the id of the contact whom a subject concerns.
func (w *world) contactOf(subject string) string {
	_, o := w.about(subject)
	holder, _ := o["contacts"].(object)
	for _, key := range []string{"contacts", "data"} {
		if list, _ := holder[key].([]any); len(list) > 0 {
			first, _ := list[0].(object)
			return text(first["id"])
		}
	}
	return text(w.contact["id"])
}

// teamID is the id of a team: as given, or one made from its name.
func (w *world) teamID(name string) string { return idOf(w.given.teams, name, "team-") }

// adminID is the id of a teammate.
func (w *world) adminID(name string) string {
	if fold(name) == fold(text(w.given.teammate["email"])) || fold(name) == fold(text(w.given.teammate["name"])) {
		return text(w.given.teammate["id"])
	}
	return idOf(w.given.admins, name, "admin-")
}

func idOf(ids map[string]string, name, prefix string) string {
	if id := ids[fold(name)]; id != "" {
		return id
	}
	if strings.Trim(name, "0123456789") == "" {
		return name // it is one
	}
	return prefix + fold(name)
}
