package simulator

import (
	"slices"
	"time"
)

// Effect is what an API call or a person did.
type Effect string

// The effects. A call that changed nothing, because it only read or because it was refused,
// has the effect EffectNone.
const (
	EffectNone    Effect = "none"
	EffectReply   Effect = "reply"
	EffectNote    Effect = "note"
	EffectClose   Effect = "close"
	EffectOpen    Effect = "open"
	EffectSnooze  Effect = "snooze"
	EffectAssign  Effect = "assign"
	EffectTag     Effect = "tag"
	EffectUntag   Effect = "untag"
	EffectStart   Effect = "start"   // a conversation began
	EffectUpdate  Effect = "update"  // attributes, title or read mark of a conversation
	EffectContact Effect = "contact" // a contact was made, changed or tagged
	EffectMakeTag Effect = "make_tag"
	EffectRate    Effect = "rate" // a customer rated the conversation, which the API cannot do

	EffectContactNote Effect = "contact_note"
	EffectCompany     Effect = "company" // a company was made, changed or deleted
	EffectAttach      Effect = "attach"  // a contact joined a company or a conversation
	EffectDetach      Effect = "detach"
	EffectTicket      Effect = "ticket"  // a ticket was made or changed
	EffectConvert     Effect = "convert" // a conversation became a ticket
	EffectMessage     Effect = "message" // a teammate wrote to a contact outside a conversation
	EffectEvent       Effect = "event"   // something a contact did was tracked
	EffectArticle     Effect = "article"
	EffectAttribute   Effect = "attribute"   // a custom attribute was declared
	EffectTicketType  Effect = "ticket_type" // a ticket type was made or changed
	EffectAway        Effect = "away"
	EffectRedact      Effect = "redact"
	EffectDelete      Effect = "delete" // a contact, conversation, ticket or tag is gone
)

// change is one thing that somebody does to a conversation.
type change struct {
	effect      Effect
	at          time.Time // when it was said; a call of the API may name a time in the past
	author      Author
	body        string // HTML, may be empty
	attachments []Attachment
	assignTo    Ref       // zero: the assignee stays
	until       time.Time // for EffectSnooze
	code        string    // app_package_code: set when made through the API
	options     []QuickReply
	ticket      *Ticket // that the change is made to; nil when it is made to a conversation
}

// apply makes the change, adds the part that tells of it, and sends the notifications of
// what happened. Repeating what already holds (closing a closed conversation) adds another
// part and tells of it again, as a client that must bear echoes has to expect.
func (s *Simulator) apply(c *Conversation, ch change) Part {
	if s.options.ReplyAssigns && ch.effect == EffectReply && ch.author.Type == "admin" &&
		c.AdminAssigneeID == "" && ch.assignTo.Type == "" {
		ch.assignTo = ch.author.ref()
	}
	before := c.State
	partType, topics := outcome(before, ch)
	c.take(ch)
	part := Part{
		ID: s.ids.part(), Type: partType, Body: ch.body, CreatedAt: ch.at, UpdatedAt: ch.at,
		Author: ch.author, AssignedTo: ch.assignTo, Attachments: ch.attachments,
		State: c.State, AppPackageCode: ch.code, Options: ch.options,
	}
	c.Parts = append(c.Parts, part)
	if ch.at.After(c.UpdatedAt) {
		c.UpdatedAt = ch.at
	}
	c.Statistics.count(c, ch, before)
	if contact := s.space.contacts.byID[ch.author.ID]; contact != nil && ch.effect == EffectReply {
		contact.LastRepliedAt, contact.UpdatedAt = ch.at, ch.at
	}
	if ch.ticket != nil {
		s.notifyTicketPart(ch.ticket, time.Now(), ch.code != "", &part, ticketTopics(ch)...)
	} else {
		s.notifyConversation(c, time.Now(), ch.code != "", &part, topics...)
	}
	return part
}

// take moves the conversation into the state that the change leaves it in.
func (c *Conversation) take(ch change) {
	switch ch.effect {
	case EffectClose:
		c.State, c.SnoozedUntil, c.WaitingSince = StateClosed, time.Time{}, time.Time{}
	case EffectSnooze:
		c.State, c.SnoozedUntil = StateSnoozed, ch.until
	case EffectOpen:
		c.reopen()
	case EffectReply:
		if ch.author.customer() {
			c.reopen()
			c.Read = true
			if c.WaitingSince.IsZero() {
				c.WaitingSince = ch.at
			}
		}
	}
	if ch.body != "" && ch.effect != EffectNote && ch.author.Type == "admin" {
		c.Read, c.WaitingSince = false, time.Time{}
	}
	switch ch.assignTo.Type {
	case "":
		return
	case "team":
		c.TeamAssigneeID = ch.assignTo.ID
	case "admin":
		c.AdminAssigneeID = ch.assignTo.ID
	default: // "0" assigns to no admin and no team
		c.AdminAssigneeID, c.TeamAssigneeID = "", ""
	}
	if c.State == StateClosed {
		c.reopen()
	}
}

func (c *Conversation) reopen() {
	c.State, c.SnoozedUntil = StateOpen, time.Time{}
}

// outcome names the part that a change makes in a conversation of that state, and the topics
// of the notifications that tell of it. All of them carry that one part.
func outcome(before string, ch change) (partType string, topics []string) {
	switch {
	case ch.assignTo.Type != "":
		partType, topics = "assignment", []string{"conversation.admin.assigned"}
		if before == StateClosed {
			partType = "assign_and_reopen"
		}
		if ch.body != "" {
			topics = slices.Insert(topics, 0, "conversation.admin.replied")
		}
		if ch.body != "" || before == StateClosed {
			topics = append(topics, "conversation.admin.open.assigned")
		}
		return partType, topics
	case ch.effect == EffectNote:
		return "note", []string{"conversation.admin.noted"}
	case ch.effect == EffectClose && ch.body != "":
		return "close", []string{"conversation.admin.closed", "conversation.admin.replied"}
	case ch.effect == EffectClose:
		return "close", []string{"conversation.admin.closed"}
	case ch.effect == EffectOpen && before == StateSnoozed:
		return "unsnoozed", []string{"conversation.admin.unsnoozed"}
	case ch.effect == EffectOpen:
		return "open", []string{"conversation.admin.opened"}
	case ch.effect == EffectSnooze:
		return "snoozed", []string{"conversation.admin.snoozed"}
	case ch.author.Type == "bot":
		return "comment", []string{"conversation.operator.replied"}
	case !ch.author.customer() && len(ch.options) > 0:
		return "quick_reply", []string{"conversation.admin.replied"}
	case !ch.author.customer():
		return "comment", []string{"conversation.admin.replied"}
	case before != StateOpen: // the customer's words reopen it
		return "open", []string{"conversation.user.replied"}
	}
	return "comment", []string{"conversation.user.replied"}
}

// settle ends a snooze whose time has come. Whether Intercom tells of that is not
// documented, so no notification does and nothing can be built on one.
func (s *Simulator) settle(c *Conversation, now time.Time) {
	if c.State != StateSnoozed || c.SnoozedUntil.After(now) {
		return
	}
	at := c.SnoozedUntil
	c.reopen()
	c.UpdatedAt = at
	c.Parts = append(c.Parts, Part{
		ID: s.ids.part(), Type: "unsnoozed", CreatedAt: at, UpdatedAt: at, Author: s.space.bot, State: StateOpen,
	})
	c.Statistics.Parts++
}

// start begins a conversation with a first message.
func (s *Simulator) start(contact *Contact, source Source, at time.Time) *Conversation {
	c := &Conversation{
		ID: s.ids.conversation(), CreatedAt: at, UpdatedAt: at, State: StateOpen,
		Contacts: []string{contact.ID}, CustomAttributes: map[string]any{}, Source: source,
	}
	c.Source.ID = s.ids.message()
	if c.Source.Type == "" {
		c.Source.Type = "conversation"
	}
	c.Statistics.Parts = 1
	if source.Author.customer() {
		c.Source.DeliveredAs = "customer_initiated"
		c.Read, c.WaitingSince = true, at
		c.Statistics.FirstContactReplyAt, c.Statistics.LastContactReplyAt = at, at
		c.Statistics.waitingSince = at
		contact.LastRepliedAt, contact.UpdatedAt = at, at
	} else {
		// Intercom keeps it closed until the customer answers.
		c.Source.DeliveredAs = "admin_initiated"
		c.State, c.AdminAssigneeID = StateClosed, source.Author.ID
		contact.LastContactedAt, contact.UpdatedAt = at, at
	}
	s.space.conversations.put(c.ID, c)
	s.forget()
	return c
}

// forget drops the oldest closed conversations when there are more than the options keep; a
// tenth at a time, so that it costs little.
func (s *Simulator) forget() {
	keep, have := s.options.KeepConversations, len(s.space.conversations.order)
	if keep <= 0 || have <= keep+keep/10 {
		return
	}
	var old []string
	for c := range s.space.conversations.all {
		if len(old) == have-keep {
			break
		}
		if c.State == StateClosed {
			old = append(old, c.ID)
		}
	}
	s.space.conversations.remove(old...)
}

// tagConversation puts a tag on a conversation and tells of it; one that is there already
// stays as it is, and nothing is told.
func (s *Simulator) tagConversation(c *Conversation, tag *Tag, by Ref, at time.Time, api bool) AppliedTag {
	if i := slices.IndexFunc(c.Tags, func(t AppliedTag) bool { return t.ID == tag.ID }); i >= 0 {
		return c.Tags[i]
	}
	applied := AppliedTag{ID: tag.ID, AppliedAt: at, By: by}
	c.Tags = append(c.Tags, applied)
	c.UpdatedAt = at
	// The tag is on a part: the newest, or the first message when nothing came after it.
	if n := len(c.Parts); n > 0 {
		c.Parts[n-1].Tags = append(slices.Clone(c.Parts[n-1].Tags), tag.ID)
		part := c.Parts[n-1]
		s.notifyTagged(c, at, api, &part, tag)
	} else {
		part := c.sourcePart()
		part.Tags = []string{tag.ID}
		s.notifyTagged(c, at, api, &part, tag)
	}
	return applied
}

// sourcePart shows the first message as a part, the way notifications about it do.
func (c *Conversation) sourcePart() Part {
	return Part{
		ID: c.Source.ID, Type: "comment", Body: c.Source.Body, CreatedAt: c.CreatedAt, UpdatedAt: c.CreatedAt,
		Author: c.Source.Author, Attachments: c.Source.Attachments, State: c.State,
	}
}

// untagConversation takes a tag off; false when it was not on. Intercom has no notification
// for that.
func (s *Simulator) untagConversation(c *Conversation, tagID string, at time.Time) (AppliedTag, bool) {
	on := tagOf(c.Tags, tagID)
	if on == nil {
		return AppliedTag{}, false
	}
	applied := *on
	c.untag(tagID)
	c.UpdatedAt = at
	return applied, true
}

// untag removes a tag from the conversation and its parts.
func (c *Conversation) untag(tagID string) {
	c.Tags = slices.DeleteFunc(c.Tags, func(t AppliedTag) bool { return t.ID == tagID })
	for n := range c.Parts {
		c.Parts[n].Tags = slices.DeleteFunc(slices.Clone(c.Parts[n].Tags), func(id string) bool { return id == tagID })
	}
}
