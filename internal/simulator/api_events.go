package simulator

import (
	"slices"
	"strings"
	"time"
)

// maxMetadata is how many keys the metadata of an event may have.
const maxMetadata = 10

// createEvent tracks an event and answers before it is looked at, with 202 and no body.
func createEvent(c *call) (any, error) {
	var in struct {
		Name      string  `json:"event_name"`
		CreatedAt int64   `json:"created_at"`
		ID        givenID `json:"id"`
		UserID    givenID `json:"user_id"`
		Email     string  `json:"email"`
		Metadata  values  `json:"metadata"`
	}
	if err := c.read(&in); err != nil {
		return nil, err
	}
	by := identity{IntercomUserID: in.ID, UserID: in.UserID, Email: in.Email}
	switch {
	case strings.TrimSpace(in.Name) == "":
		return nil, missing("event_name")
	case in.CreatedAt <= 0:
		return nil, missing("created_at")
	case in.CreatedAt > c.now.Add(time.Hour).Unix():
		return nil, invalid("created_at", "created_at must not be in the future")
	case by == (identity{}):
		return nil, missing("user_id")
	case len(in.Metadata) > maxMetadata:
		return nil, invalid("metadata", "metadata may have at most %d keys", maxMetadata)
	}
	contact := c.space.named(by)
	if contact == nil {
		return nil, errNoContact
	}
	event := newDataEvent(contact.ID, in.Name, time.Unix(in.CreatedAt, 0), in.Metadata)
	c.entry.Contact = contact.ID
	if c.track(contact, event, c.now, true) {
		c.entry.Effect = EffectEvent
	}
	return accepted{}, nil
}

// listEvents shows the events of a contact, newest first, or how often each name came. Both
// answers have the type event.summary, as in the published examples.
func listEvents(c *call) (any, error) {
	query := c.r.URL.Query()
	if query.Get("type") != "user" {
		return nil, invalid("type", "type must be user")
	}
	by := identity{
		IntercomUserID: givenID(query.Get("intercom_user_id")), UserID: givenID(query.Get("user_id")), Email: query.Get("email"),
	}
	if by == (identity{}) {
		return nil, missing("user_id")
	}
	contact := c.space.named(by)
	if contact == nil {
		return nil, errNoContact
	}
	c.entry.Contact = contact.ID
	if query.Get("summary") == "true" {
		return contact.eventSummary(), nil
	}
	p, err := c.numberedPage(50)
	if err != nil {
		return nil, err
	}
	all := slices.Clone(contact.Events)
	slices.Reverse(all)
	shown, pages := takeNumbered(c, all, p)
	events := make([]map[string]any, 0, len(shown))
	for _, e := range shown {
		events = append(events, e.json(contact))
	}
	next := map[string]any{}
	if pages.Next != nil {
		next["next"] = pages.Next
	}
	return map[string]any{
		"type": "event.summary", "events": events, "pages": next, "email": orNull(contact.Email),
		"intercom_user_id": contact.ID, "user_id": orNull(contact.ExternalID),
	}, nil
}

// eventSummary counts the events by name, in the order in which they first came.
func (c *Contact) eventSummary() map[string]any {
	events := []map[string]any{}
	index := make(map[string]int)
	for _, e := range c.Events {
		i, known := index[e.Name]
		if !known {
			i = len(events)
			index[e.Name] = i
			events = append(events, map[string]any{"name": e.Name, "first": webhook2.contactTime(e.CreatedAt), "count": 0, "description": ""})
		}
		events[i]["count"] = events[i]["count"].(int) + 1
		events[i]["last"] = webhook2.contactTime(e.CreatedAt)
	}
	return map[string]any{
		"type": "event.summary", "events": events, "email": orNull(c.Email), "intercom_user_id": c.ID,
		"user_id": orNull(c.ExternalID),
	}
}

// summarizeEvents takes figures about events that happened elsewhere. It checks them and keeps
// none: nothing here shows them again.
func summarizeEvents(c *call) (any, error) {
	var in struct {
		identity
		Summaries *struct {
			Name string `json:"event_name"`
		} `json:"event_summaries"`
	}
	if err := c.read(&in); err != nil {
		return nil, err
	}
	switch {
	case in.Summaries == nil || in.Summaries.Name == "":
		return nil, missing("event_summaries")
	case in.identity == (identity{}):
		return nil, missing("user_id")
	case c.space.named(in.identity) == nil:
		return nil, errNoContact
	}
	return nothing{}, nil
}
