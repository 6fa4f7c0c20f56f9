package intercom

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// MaxMetadata is how many keys the metadata of an event can have.
const MaxMetadata = 10

// TrackEventRequest is something that a contact did.
type TrackEventRequest struct {
	// Name is best a verb in the past and a noun, such as "ordered-item".
	Name    string
	Contact ContactRef
	// CreatedAt is when it happened, to the second.
	CreatedAt time.Time
	// Metadata is at most MaxMetadata values; none of them an object of its own, except the
	// few forms that Intercom knows, such as a price or a link.
	Metadata map[string]any
}

// TrackEvent records an event of a contact (POST /events). With the same time it is safe to
// repeat: Intercom keeps one of the same contact, name and second. There is no answer but the
// success, so nothing can be read back.
func (c *Client) TrackEvent(ctx context.Context, e TrackEventRequest) error {
	r := request{method: http.MethodPost, endpoint: "/events"}
	key, contact := e.Contact.under("user_id")
	switch {
	case e.Name == "" || contact == "" || e.CreatedAt.IsZero():
		return r.refuse("an event has a name, a contact and a time")
	case len(e.Metadata) > MaxMetadata:
		return r.refuse(fmt.Sprintf("an event has at most %d keys of metadata, not %d", MaxMetadata, len(e.Metadata)))
	}
	body := map[string]any{"event_name": e.Name, "created_at": e.CreatedAt.Unix(), key: contact}
	if len(e.Metadata) > 0 {
		body["metadata"] = e.Metadata
	}
	r.body = body
	_, err := c.call(ctx, r, nil)
	return err
}
