// Package event holds the Event: a notification from Intercom, once it has been read.
//
// An event knows what it is about (its subject, the unit of ordering) and which
// conversation or ticket part caused it, because one thing a person does arrives as
// several notifications that share one part. It keeps the notification exactly as
// received: everything that rules see is decoded from those bytes, so that a decision
// can be made again from what is stored.
package event

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Event is one thing that happened in a workspace.
type Event struct {
	// Seq is the order of arrival, given by the store; 0 until stored.
	Seq int64
	// ID names the notification: Intercom's own id, or one derived from its content
	// when Intercom sent none. Delivering a notification twice gives the same ID.
	ID string
	// Workspace is the app id (app_id) of the workspace it comes from.
	Workspace string
	// Topic is Intercom's name of what happened, such as "conversation.user.replied".
	Topic string
	// Subject is what the event is about, such as "conversation/123". Events with one
	// subject are evaluated in order.
	Subject string
	// Part is the id of the conversation or ticket part that caused the event, and empty
	// when a part is only mentioned or there is none. Notifications that share a part
	// tell of one thing that a person did.
	Part string
	// CreatedAt is when Intercom made the notification (to the second).
	CreatedAt time.Time
	// ReceivedAt is when it reached us.
	ReceivedAt time.Time
	// Payload is the notification as received, byte for byte.
	Payload []byte
}

// TopicPing is sent on request and periodically by Intercom; its id is null.
const TopicPing = "ping"

// ErrNotNotification is wrapped by every error of Parse: the bytes are not a notification
// from Intercom and never will be, so asking for them again is of no use.
var ErrNotNotification = errors.New("not a notification")

func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrNotNotification, fmt.Sprintf(format, args...))
}

// Parse reads the envelope of a notification. Only the topic and data.item are required:
// everything else has been seen to be missing in real deliveries. Of a name that occurs
// twice in an object the last one counts. The event keeps body, which must not be changed
// afterwards.
func Parse(body []byte, receivedAt time.Time) (Event, error) {
	n, err := readOutline(body)
	if err != nil {
		return Event{}, err
	}
	if n.topic == "" {
		return Event{}, invalid("topic is missing")
	}
	if OwnTopic(n.topic) || ownID(n.id) {
		return Event{}, invalid("topics and ids of Switchboard itself do not come from Intercom")
	}
	if len(n.topic) > maxName || len(n.appID) > maxName || len(n.id) > maxName {
		return Event{}, invalid("topic, app_id and id may have at most %d characters", maxName)
	}
	if !printable(n.topic) || !printable(n.appID) || !printable(n.id) {
		return Event{}, invalid("topic, app_id and id may not hold control characters")
	}
	if n.itemText == nil {
		return Event{}, invalid("data.item is missing")
	}
	ev := Event{
		ID:         n.id,
		Workspace:  n.appID,
		Topic:      n.topic,
		Subject:    n.item.subject(n.topic),
		CreatedAt:  receivedAt,
		ReceivedAt: receivedAt,
		Payload:    body,
	}
	if len(ev.Subject) > 2*maxName || !printable(ev.Subject) {
		return Event{}, invalid("data.item has an unusable type or id")
	}
	if n.createdAt > 0 && n.createdAt < maxUnix {
		ev.CreatedAt = time.Unix(n.createdAt, 0).UTC()
	}
	newest := n.item.newestPart()
	if causedByPart(n.topic) && printable(newest) && len(newest) <= maxName {
		ev.Part = newest
	}
	if ev.ID == "" {
		ev.ID = n.derivedID(ev.Subject, newest)
	}
	return ev, nil
}

const (
	// maxName bounds what is stored in indexed columns; real ids have at most 60 characters.
	maxName = 200
	// maxUnix is the year 9999: later times cannot be written as RFC 3339.
	maxUnix = 253402300800
)

// derivedID names a notification that came without an id. Intercom's retry of a delivery
// changes delivery_attempts and its like, so the whole body cannot be the name; the same
// topic, item, part and second can. A notification without a part has nothing else to tell
// it apart from another of that second, so there the item's own bytes take part.
func (n *outline) derivedID(subject, newestPart string) string {
	h := sha256.New()
	h.Write(fmt.Appendf(nil, "%q %q %q %q %d", n.appID, n.topic, subject, newestPart, n.createdAt))
	if newestPart == "" {
		var compact bytes.Buffer
		if json.Compact(&compact, n.itemText) == nil {
			h.Write(compact.Bytes())
		}
	}
	return "derived_" + hex.EncodeToString(h.Sum(nil)[:16])
}

// causedByPart tells whether the part in a notification of this topic is what happened.
// In these topics it is only what something happened to: the part that was tagged, redacted,
// read or rated may have caused another event long ago.
func causedByPart(topic string) bool {
	switch topic {
	case "conversation_part.tag.created", "conversation_part.redacted",
		"conversation.read", "conversation.rating.added", "conversation.user.created",
		"conversation.admin.single.created", "conversation.deleted", "ticket.created",
		"ticket.rating.provided", "conversation.company.updated":
		return false
	}
	return true
}

// printable is false for control characters, which have no place in a name and which
// PostgreSQL (NUL) and logs (line ends) would suffer from.
func printable(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < 0x20 || r == 0x7f })
}
