package recovery

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"switchboard/internal/event"
	"switchboard/internal/intercom"
)

// History is what a conversation tells of its past, as far as notifications would have told it.
type History struct {
	// ID is the conversation's.
	ID string
	// Happenings are what notifications would have told of, in order.
	Happenings []Happening
	// Missing is how many of its parts Intercom has not returned: it returns the newest only. What
	// happened before Oldest cannot be told then.
	Missing int
	Oldest  time.Time
	// Ticket is since when the conversation is a ticket; zero when it is none. Notifications about
	// tickets tell of what happened after that, and those are not rebuilt.
	Ticket time.Time

	base map[string]json.RawMessage // the conversation, without its parts
	now  answer
	past []moment // the states after each part
}

// moment is the state of the conversation from a time on.
type moment struct {
	at    time.Time
	state state
}

// Happening is one thing that a notification would have told of.
type Happening struct {
	Topic string
	// Part caused it; empty when there is none. Mark tells apart what has no part.
	Part, Mark string
	At         time.Time

	part  json.RawMessage // that comes along, if any
	state state           // of the conversation just after it
}

// answer is what is read of a conversation beside what the client knows of one.
type answer struct {
	intercom.Conversation
	rawParts []json.RawMessage
	rating   rating
	tags     []appliedTag
}

type rating struct {
	Rating    int           `json:"rating"`
	CreatedAt intercom.Time `json:"created_at"`
	UpdatedAt intercom.Time `json:"updated_at"`
}

type appliedTag struct {
	ID        intercom.ID   `json:"id"`
	AppliedAt intercom.Time `json:"applied_at"`
}

// NewHistory reads a conversation as GET /conversations/{id} returns it.
func NewHistory(raw json.RawMessage) (*History, error) {
	h := &History{}
	if err := h.read(raw); err != nil {
		return nil, fmt.Errorf("read the history of a conversation: %w", err)
	}
	h.ID = string(h.now.ID)
	h.Missing = max(h.now.TotalParts-len(h.now.Parts), 0)
	if h.Missing > 0 && len(h.now.Parts) > 0 {
		h.Oldest = h.now.Parts[0].CreatedAt.Time
	}
	h.beginnings()
	h.walk()
	h.tagsAndRating()
	if !h.Ticket.IsZero() {
		h.Happenings = slices.DeleteFunc(h.Happenings, func(hp Happening) bool { return !hp.At.Before(h.Ticket) })
	}
	slices.SortStableFunc(h.Happenings, func(a, b Happening) int { return a.At.Compare(b.At) })
	return h, nil
}

func (h *History) read(raw json.RawMessage) error {
	if err := json.Unmarshal(raw, &h.now.Conversation); err != nil {
		return err
	}
	if err := json.Unmarshal(raw, &h.base); err != nil {
		return err
	}
	if h.now.ID == "" || h.now.CreatedAt.IsZero() {
		return errors.New("it has no id, or not the time of its beginning")
	}
	var parts struct {
		List []json.RawMessage `json:"conversation_parts"`
	}
	var tags struct {
		List []appliedTag `json:"tags"`
	}
	lenient(h.base["conversation_parts"], &parts)
	lenient(h.base["tags"], &tags)
	lenient(h.base["conversation_rating"], &h.now.rating)
	h.now.rawParts, h.now.tags = parts.List, tags.List
	delete(h.base, "conversation_parts")
	if len(h.now.rawParts) != len(h.now.Parts) {
		return errors.New("its parts cannot be read")
	}
	if ticket := h.base["ticket"]; len(ticket) > 0 && ticket[0] == '{' {
		var t struct {
			CreatedAt intercom.Time `json:"created_at"`
		}
		lenient(ticket, &t)
		h.Ticket = t.CreatedAt.Time
		if h.Ticket.IsZero() { // nobody knows since when
			h.Ticket = h.now.CreatedAt.Time
		}
	}
	return nil
}

// lenient decodes what fits.
func lenient(raw json.RawMessage, out any) {
	if len(raw) > 0 {
		_ = json.Unmarshal(raw, out)
	}
}

// Who wrote something.
const (
	byCustomer = "customer"
	byTeammate = "teammate"
	byBot      = "bot"
)

func by(a intercom.Author) string {
	switch a.Type {
	case "user", "lead", "contact", "visitor":
		return byCustomer
	case "admin":
		return byTeammate
	case "bot":
		return byBot
	}
	return ""
}

// beginnings is how the conversation began, if a notification tells of that.
func (h *History) beginnings() {
	var topic string
	switch s := h.now.Source; {
	case s.DeliveredAs == "customer_initiated" && by(s.Author) == byCustomer:
		topic = "conversation.user.created"
	case s.DeliveredAs == "admin_initiated" && by(s.Author) == byTeammate:
		topic = "conversation.admin.single.created"
	default:
		return
	}
	h.Happenings = append(h.Happenings, Happening{Topic: topic, Mark: "start", At: h.now.CreatedAt.Time, state: h.atFirst()})
}

// walk goes through the parts, oldest first.
func (h *History) walk() {
	st := h.atFirst()
	last := -1 // the newest change of the priority: of older ones it is not known what they changed it to
	for i, p := range h.now.Parts {
		if p.Type == "priority_changed" {
			last = i
		}
	}
	for i, p := range h.now.Parts {
		st = st.after(p, h.now.rawParts[i])
		h.past = append(h.past, moment{p.CreatedAt.Time, st})
		if p.ID == "" || p.CreatedAt.IsZero() || p.Type == "priority_changed" && i != last {
			continue
		}
		for _, topic := range topicsOf(p) {
			h.Happenings = append(h.Happenings, Happening{
				Topic: topic, Part: string(p.ID), At: p.CreatedAt.Time, part: h.now.rawParts[i], state: st,
			})
		}
	}
	h.doubt(st)
}

// topicsOf are the topics of the notifications that tell of a part, in their order.
func topicsOf(p intercom.Part) []string {
	const replied = "conversation.admin.replied"
	author := by(p.Author)
	switch {
	case author == byCustomer:
		if p.Type == "comment" || p.Type == "quick_reply" || p.Type == "open" {
			return []string{"conversation.user.replied"}
		}
		return nil
	case author == byBot:
		if p.Body != "" && (p.Type == "comment" || p.Type == "quick_reply" || p.Type == "channel_and_reply_time_expectation") {
			return []string{"conversation.operator.replied"}
		}
		return nil
	case author != byTeammate:
		return nil
	}
	var topics []string
	switch p.Type {
	case "comment", "quick_reply":
		return []string{replied}
	case "note":
		return []string{"conversation.admin.noted"}
	case "snoozed":
		return []string{"conversation.admin.snoozed"}
	case "unsnoozed":
		return []string{"conversation.admin.unsnoozed"}
	case "priority_changed":
		return []string{"conversation.priority.updated"}
	case "close":
		topics = []string{"conversation.admin.closed"}
	case "open":
		topics = []string{"conversation.admin.opened"}
	case "assignment", "assign_and_reopen":
		topics = []string{"conversation.admin.assigned"}
		if p.Body != "" {
			topics = slices.Insert(topics, 0, replied)
		}
		if p.Body != "" || p.Type == "assign_and_reopen" {
			topics = append(topics, "conversation.admin.open.assigned")
		}
		return topics
	default:
		return nil
	}
	if p.Body != "" {
		topics = append(topics, replied)
	}
	return topics
}

// Topics are the topics of all events that can be rebuilt, in order.
func Topics() []string {
	return []string{
		"conversation.admin.assigned", "conversation.admin.closed", "conversation.admin.noted", "conversation.admin.open.assigned",
		"conversation.admin.opened", "conversation.admin.replied", "conversation.admin.single.created", "conversation.admin.snoozed",
		"conversation.admin.unsnoozed", "conversation.operator.replied", "conversation.priority.updated", "conversation.rating.added",
		"conversation.user.created", "conversation.user.replied", "conversation_part.tag.created",
	}
}

// tagsAndRating is what has no part of its own, but a time.
func (h *History) tagsAndRating() {
	if r := h.now.rating; r.Rating > 0 {
		if at := cmp.Or(r.UpdatedAt, r.CreatedAt); !at.IsZero() {
			h.Happenings = append(h.Happenings, Happening{
				Topic: "conversation.rating.added", Mark: "rating@" + strconv.FormatInt(at.Unix(), 10), At: at.Time, state: h.stateAt(at.Time),
			})
		}
	}
	for _, tag := range h.now.tags {
		at := tag.AppliedAt.Time
		if at.IsZero() || tag.ID == "" {
			continue
		}
		h.Happenings = append(h.Happenings, Happening{
			Topic: "conversation_part.tag.created", Mark: "tag " + string(tag.ID) + "@" + strconv.FormatInt(at.Unix(), 10),
			At: at, part: h.tagged(tag), state: h.stateAt(at),
		})
	}
}

// tagged is the part that carries the tag: the newest of that time, or else the first message.
func (h *History) tagged(tag appliedTag) json.RawMessage {
	for i, p := range slices.Backward(h.now.Parts) {
		var tags struct {
			List []appliedTag `json:"tags"`
		}
		lenient(h.now.rawParts[i], &tags)
		if !p.CreatedAt.After(tag.AppliedAt.Time) && slices.ContainsFunc(tags.List, func(t appliedTag) bool { return t.ID == tag.ID }) {
			return h.now.rawParts[i]
		}
	}
	var first map[string]json.RawMessage
	lenient(h.base["source"], &first)
	part := map[string]json.RawMessage{
		"type": text("conversation_part"), "part_type": text("comment"), "state": text(h.stateAt(h.now.CreatedAt.Time).state),
		"created_at": h.base["created_at"], "updated_at": h.base["created_at"], "assigned_to": json.RawMessage("null"),
	}
	for _, key := range []string{"id", "body", "author", "attachments", "redacted"} {
		if v, ok := first[key]; ok {
			part[key] = v
		}
	}
	return object(part)
}

// Event is the event of a happening.
func (h *History) Event(hp Happening, workspace string, maxAge time.Duration, now time.Time) (event.Event, error) {
	return event.Recovered{
		Workspace: workspace, Topic: hp.Topic, Subject: event.KindConversation + "/" + h.ID, Part: hp.Part, Mark: hp.Mark,
		At: hp.At, MaxAge: maxAge, Item: h.item(hp),
	}.Event(now)
}

func text(s string) json.RawMessage {
	b, _ := json.Marshal(s) // a string always has a JSON form
	return b
}

func object(fields map[string]json.RawMessage) json.RawMessage {
	b, _ := json.Marshal(fields) // all values are JSON that was decoded before
	return b
}
