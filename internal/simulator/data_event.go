package simulator

import (
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"
)

// DataEvent is something that a contact did, as the workspace's owner tracks it.
type DataEvent struct {
	ID, Name  string
	CreatedAt time.Time
	Metadata  map[string]any
}

// keepEvents is how many events of a contact are kept, the newest.
const keepEvents = 500

// track adds an event to a contact. One of the same name in the same second is the same
// event: it is dropped, and track is false.
func (c *Contact) track(e DataEvent) bool {
	if slices.ContainsFunc(c.Events, func(have DataEvent) bool { return have.same(e) }) {
		return false
	}
	c.Events = append(c.Events, e)
	if len(c.Events) > keepEvents {
		c.Events = slices.Delete(c.Events, 0, len(c.Events)-keepEvents)
	}
	return true
}

// track adds an event and tells of it, unless it was there already.
func (s *Simulator) track(c *Contact, e DataEvent, at time.Time, api bool) bool {
	if !c.track(e) {
		return false
	}
	item := e.json(c)
	item["ext_metadata"] = map[string]any{}
	s.tell(at, api, "event/"+e.ID, "", item, "event.created")
	return true
}

func (e DataEvent) same(other DataEvent) bool {
	return e.Name == other.Name && e.CreatedAt.Unix() == other.CreatedAt.Unix()
}

// newDataEvent names an event by its contact, name and second.
func newDataEvent(contactID, name string, at time.Time, metadata map[string]any) DataEvent {
	id := uuid.NewSHA1(uuid.NameSpaceOID, []byte(contactID+" "+name+" "+at.UTC().Format(time.RFC3339)))
	return DataEvent{ID: id.String(), Name: name, CreatedAt: at, Metadata: maps.Clone(metadata)}
}

// json is the event as REST and notifications show it.
func (e DataEvent) json(c *Contact) map[string]any {
	metadata := maps.Clone(e.Metadata)
	if metadata == nil {
		metadata = map[string]any{}
	}
	return map[string]any{
		"type": "event", "id": e.ID, "event_name": e.Name, "created_at": e.CreatedAt.Unix(), "intercom_user_id": c.ID,
		"user_id": orNull(c.ExternalID), "email": orNull(c.Email), "metadata": metadata,
	}
}
