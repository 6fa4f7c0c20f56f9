package simulator

import (
	"encoding/json"
	"strconv"
	"sync"
	"time"
)

// Notification is something that Intercom has to tell: one topic, one item.
type Notification struct {
	// ID is "notif_" and a UUID; empty for a ping and with DeliveryOptions.NoIDRate, which
	// travel with "id": null.
	ID    string
	Topic string
	// Subject is what it is about, such as "conversation/215472621202693".
	Subject string
	// Part is the id of the part that it carries; empty when it carries none.
	Part      string
	CreatedAt time.Time

	appID string
	item  *item
}

// Body is the notification as it travels on the first attempt, ready to be signed.
func (n Notification) Body() []byte { return n.envelope(1, n.CreatedAt) }

// item is data.item. The several notifications of one action share it. It is shown as JSON
// when it is first needed, outside the lock: what it holds does not change any more.
type item struct {
	value any
	once  sync.Once
	text  []byte
}

func (i *item) json() []byte {
	i.once.Do(func() { i.text, i.value = marshal(i.value), nil })
	return i.text
}

// envelope is the body of a notification: keys in Intercom's order.
func (n *Notification) envelope(attempts int, firstSent time.Time) []byte {
	body := n.item.json()
	b := make([]byte, 0, len(body)+512)
	b = append(b, `{"type":"notification_event","app_id":`...)
	b = appendJSON(b, n.appID)
	b = append(b, `,"data":{"type":"notification_event_data","item":`...)
	b = append(b, body...)
	b = append(b, `},"links":{},"id":`...)
	if n.ID == "" {
		b = append(b, "null"...)
	} else {
		b = appendJSON(b, n.ID)
	}
	b = append(b, `,"topic":`...)
	b = appendJSON(b, n.Topic)
	if n.Topic == "ping" {
		b = append(b, `,"delivery_status":null,"delivery_attempts":`...)
	} else {
		b = append(b, `,"delivery_status":"pending","delivery_attempts":`...)
	}
	b = strconv.AppendInt(b, int64(attempts), 10)
	b = append(b, `,"delivered_at":0,"first_sent_at":`...)
	b = strconv.AppendInt(b, firstSent.Unix(), 10)
	b = append(b, `,"created_at":`...)
	b = strconv.AppendInt(b, n.CreatedAt.Unix(), 10)
	return append(b, `,"self":null}`...)
}

func appendJSON(b []byte, s string) []byte {
	text, err := json.Marshal(s)
	if err != nil {
		panic(err) // a string always has a JSON form
	}
	return append(b, text...)
}

// tell makes one notification for each topic that the app has subscribed to, all with the
// same item, and hands them over for delivery. Echoes of API calls (api) can be switched off.
func (s *Simulator) tell(at time.Time, api bool, subject, part string, value any, topics ...string) {
	if s.quiet || api && s.options.NoEcho {
		return
	}
	shared := &item{value: value}
	for _, topic := range topics {
		if s.topics != nil && !s.topics[topic] && topic != "ping" {
			continue
		}
		n := Notification{
			Topic: topic, Subject: subject, Part: part, CreatedAt: at, appID: s.options.AppID, item: shared,
		}
		if topic != "ping" {
			n.ID = s.ids.notification()
		}
		n = s.mail.post(n)
		s.notifications.add(n)
	}
}

// notifyConversation tells of a conversation and of the part that caused it (nil: none).
func (s *Simulator) notifyConversation(c *Conversation, at time.Time, api bool, part *Part, topics ...string) {
	parts, partID := []Part{}, ""
	if part != nil {
		parts, partID = append(parts, *part), part.ID
	}
	s.tell(at, api, "conversation/"+c.ID, partID, s.conversationItem(c, parts, nil), topics...)
}

// notifyTagged tells of a tag on a part.
func (s *Simulator) notifyTagged(c *Conversation, at time.Time, api bool, part *Part, tag *Tag) {
	tagged := s.conversationItem(c, []Part{*part}, []*Tag{tag})
	s.tell(at, api, "conversation/"+c.ID, part.ID, tagged, "conversation_part.tag.created")
}

func (s *Simulator) conversationItem(c *Conversation, parts []Part, added []*Tag) any {
	if s.options.Old {
		return s.space.oldItem(s.options.AppID, c, parts, added)
	}
	return s.space.conversationJSON(webhook2, c, parts)
}

// notifyContact tells that something happened to a contact: "created" or "updated".
func (s *Simulator) notifyContact(c *Contact, at time.Time, api bool, what string) {
	if s.options.Old {
		s.tell(at, api, "contact/"+c.ID, "", oldContact(s.options.AppID, c), oldRole(c)+"."+what)
		return
	}
	value := s.space.contactJSON(webhook2, s.options.AppID, c)
	s.tell(at, api, "contact/"+c.ID, "", value, "contact."+c.Role+"."+what)
}

// notifyContactTopic tells of a contact by a topic that API 1.x does not have.
func (s *Simulator) notifyContactTopic(c *Contact, at time.Time, topic string) {
	s.tell(at, true, "contact/"+c.ID, "", s.space.contactJSON(webhook2, s.options.AppID, c), topic)
}

// notifyContactTag tells that a tag was put on a contact ("created") or taken off ("deleted").
func (s *Simulator) notifyContactTag(c *Contact, tag *Tag, at time.Time, api bool, what string) {
	label := tagJSON{Type: "tag", ID: tag.ID, Name: tag.Name}
	if s.options.Old {
		role := oldRole(c)
		value := map[string]any{
			"type": role + "_tag", "tag": label, role: oldContact(s.options.AppID, c), "created_at": at.Unix(),
		}
		s.tell(at, api, "contact/"+c.ID, "", value, role+".tag."+what)
		return
	}
	value := map[string]any{
		"type": "contact_tag", "tag": label, "contact": s.space.contactJSON(webhook2, s.options.AppID, c),
	}
	s.tell(at, api, "contact/"+c.ID, "", value, "contact."+c.Role+".tag."+what)
}

// oldRole is how topics of API 1.x name users and leads.
func oldRole(c *Contact) string {
	if c.Role == "lead" {
		return "contact"
	}
	return "user"
}

// Ping makes the notification that Intercom sends on request and from time to time; its id
// is null.
func (s *Simulator) Ping() {
	s.mu.Lock()
	defer s.mu.Unlock()
	value := map[string]any{"type": "ping", "message": "something something interzen"}
	s.tell(time.Now(), false, "ping/", "", value, "ping")
}

// Notifications returns what there was to tell so far, oldest first, whether or not it was
// delivered.
func (s *Simulator) Notifications() []Notification {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.notifications.list()
}
