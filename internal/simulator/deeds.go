package simulator

import (
	"fmt"
	"slices"
	"time"
)

// What people do. Each of these changes the workspace and makes the notifications that
// Intercom makes of it; ids are Intercom's. Those that make a part return its id. The errors
// wrap ErrNotFound when a conversation, contact or teammate does not exist.

// CustomerStarts begins a conversation with a contact's words, which are text, not HTML, and
// returns the id of the conversation. Topic: conversation.user.created, which has no part.
func (s *Simulator) CustomerStarts(contactID, text string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	contact := s.space.contacts.byID[contactID]
	if contact == nil {
		return "", notFound("contact", contactID)
	}
	at := time.Now()
	c := s.start(contact, Source{Body: textBody(text), Author: contact.author(), URL: "https://www.acme.test/help"}, at)
	s.notifyConversation(c, at, false, nil, "conversation.user.created")
	return c.ID, nil
}

// AdminStarts begins a conversation with a teammate's words to a contact and returns its id.
// It is closed until the contact answers. Topic: conversation.admin.single.created.
func (s *Simulator) AdminStarts(adminID, contactID, text string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	contact := s.space.contacts.byID[contactID]
	if contact == nil {
		return "", notFound("contact", contactID)
	}
	author, err := s.author(adminID)
	if err != nil {
		return "", err
	}
	at := time.Now()
	c := s.start(contact, Source{Body: htmlBody(text), Author: author}, at)
	s.notifyConversation(c, at, false, nil, "conversation.admin.single.created")
	return c.ID, nil
}

// CustomerReplies adds the words of the conversation's first contact. A conversation that is
// closed or snoozed reopens: the part is then of type "open" and holds the words. Topic:
// conversation.user.replied.
func (s *Simulator) CustomerReplies(conversationID, text string) (string, error) {
	return s.do(conversationID, func(c *Conversation, at time.Time) (change, error) {
		contact := s.space.contacts.byID[c.Contacts[0]]
		if contact == nil {
			return change{}, notFound("contact", c.Contacts[0])
		}
		return change{effect: EffectReply, author: contact.author(), body: textBody(text)}, nil
	})
}

// AdminReplies adds a teammate's answer. With assignTo (the id of an admin or a team; empty
// for none) it also assigns, as "reply and assign" does in the inbox: one part of type
// "assignment" with the text, told of by three notifications (conversation.admin.replied,
// conversation.admin.assigned, conversation.admin.open.assigned).
func (s *Simulator) AdminReplies(conversationID, adminID, text, assignTo string) (string, error) {
	return s.adminDoes(conversationID, adminID, func(ch *change) (err error) {
		ch.effect, ch.body = EffectReply, htmlBody(text)
		if assignTo != "" {
			ch.assignTo, err = s.assignee(assignTo)
		}
		return err
	})
}

// AdminNotes adds an internal note. Topic: conversation.admin.noted.
func (s *Simulator) AdminNotes(conversationID, adminID, text string) (string, error) {
	return s.adminDoes(conversationID, adminID, func(ch *change) error {
		ch.effect, ch.body = EffectNote, htmlBody(text)
		return nil
	})
}

// AdminAssigns assigns the conversation to an admin or a team, or to nobody when assignTo is
// "0" or empty. A closed conversation reopens. Topics: conversation.admin.assigned, and
// conversation.admin.open.assigned when it reopens.
func (s *Simulator) AdminAssigns(conversationID, adminID, assignTo string) (string, error) {
	return s.adminDoes(conversationID, adminID, func(ch *change) (err error) {
		ch.effect = EffectAssign
		ch.assignTo, err = s.assignee(assignTo)
		return err
	})
}

// AdminCloses closes the conversation, with a last word to the customer when text is not
// empty. Topics: conversation.admin.closed, and conversation.admin.replied with a text.
func (s *Simulator) AdminCloses(conversationID, adminID, text string) (string, error) {
	return s.adminDoes(conversationID, adminID, func(ch *change) error {
		ch.effect, ch.body = EffectClose, htmlBody(text)
		return nil
	})
}

// AdminOpens opens the conversation. Topic: conversation.admin.opened, or
// conversation.admin.unsnoozed when it was snoozed.
func (s *Simulator) AdminOpens(conversationID, adminID string) (string, error) {
	return s.adminDoes(conversationID, adminID, func(ch *change) error {
		ch.effect = EffectOpen
		return nil
	})
}

// AdminSnoozes puts the conversation aside until a time in the future. Topic:
// conversation.admin.snoozed. It opens by itself when the time has come.
func (s *Simulator) AdminSnoozes(conversationID, adminID string, until time.Time) (string, error) {
	return s.adminDoes(conversationID, adminID, func(ch *change) error {
		if !until.After(ch.at) {
			return fmt.Errorf("snooze until %s: that is not in the future", until.Format(time.RFC3339))
		}
		ch.effect, ch.until = EffectSnooze, until
		return nil
	})
}

// SetAway lets a teammate go away, or come back. Topic: admin.away_mode_updated, when that is
// news.
func (s *Simulator) SetAway(adminID string, away bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	admin := s.space.admins.byID[adminID]
	if admin == nil {
		return notFound("admin", adminID)
	}
	if admin.Away != away {
		admin.Away = away
		s.tellAway(admin, time.Now(), false)
	}
	return nil
}

func (s *Simulator) tellAway(admin *Admin, at time.Time, api bool) {
	s.tell(at, api, "admin/"+admin.ID, "", s.space.adminItem(admin), "admin.away_mode_updated")
}

// BotReplies adds a text of the workspace's bot. Topic: conversation.operator.replied.
func (s *Simulator) BotReplies(conversationID, text string) (string, error) {
	return s.do(conversationID, func(*Conversation, time.Time) (change, error) {
		return change{effect: EffectReply, author: s.space.bot, body: htmlBody(text)}, nil
	})
}

// TagPart puts a tag on the newest part of a conversation, or on its first message; the tag
// is made when there is none of that name. Topic: conversation_part.tag.created, which does
// not name the tagger. A tag that is there already changes nothing.
func (s *Simulator) TagPart(conversationID, adminID, tagName string) error {
	return s.with(conversationID, func(c *Conversation, at time.Time) error {
		author, err := s.author(adminID)
		if err != nil {
			return err
		}
		s.tagConversation(c, s.addTag(tagName), author.ref(), at, false)
		return nil
	})
}

// UntagConversation takes a tag off a conversation. Intercom has no notification for it.
func (s *Simulator) UntagConversation(conversationID, tagName string) error {
	return s.with(conversationID, func(c *Conversation, at time.Time) error {
		tag := s.space.tagByName(tagName)
		if tag == nil {
			return notFound("tag", tagName)
		}
		if _, was := s.untagConversation(c, tag.ID, at); !was {
			return notFound("tag on the conversation", tagName)
		}
		return nil
	})
}

// CustomerRates gives a conversation 1 to 5 stars and a remark. Topic:
// conversation.rating.added.
func (s *Simulator) CustomerRates(conversationID string, stars int, remark string) error {
	return s.with(conversationID, func(c *Conversation, at time.Time) error {
		if stars < 1 || stars > 5 {
			return fmt.Errorf("a rating has 1 to 5 stars, not %d", stars)
		}
		c.Rating = &Rating{
			Stars: stars, Remark: remark, CreatedAt: at, Contact: Ref{Type: "contact", ID: c.Contacts[0]},
			Teammate: c.AdminAssigneeID,
		}
		c.UpdatedAt = at
		s.notifyConversation(c, at, false, nil, "conversation.rating.added")
		return nil
	})
}

// CustomerReads marks the conversation as read by the customer. Topic: conversation.read.
func (s *Simulator) CustomerReads(conversationID string) error {
	return s.with(conversationID, func(c *Conversation, at time.Time) error {
		c.Read = true
		s.notifyConversation(c, at, false, nil, "conversation.read")
		return nil
	})
}

// AdminPrioritises marks a conversation as a priority, or not any more. Topic:
// conversation.priority.updated, with a part of type "priority_changed".
func (s *Simulator) AdminPrioritises(conversationID, adminID string, priority bool) error {
	return s.with(conversationID, func(c *Conversation, at time.Time) error {
		author, err := s.author(adminID)
		if err != nil {
			return err
		}
		c.Priority, c.UpdatedAt = priority, at
		part := Part{
			ID: s.ids.part(), Type: "priority_changed", CreatedAt: at, UpdatedAt: at, Author: author, State: c.State,
		}
		c.Parts = append(c.Parts, part)
		c.Statistics.Parts++
		s.notifyConversation(c, at, false, &part, "conversation.priority.updated")
		return nil
	})
}

// DeleteConversation removes a conversation for good. Topic: conversation.deleted, whose item
// has a conversation_id and no id.
func (s *Simulator) DeleteConversation(conversationID string) error {
	return s.with(conversationID, func(c *Conversation, at time.Time) error {
		s.dropConversation(c, at, false)
		return nil
	})
}

func (s *Simulator) dropConversation(c *Conversation, at time.Time, api bool) {
	s.space.conversations.remove(c.ID)
	s.space.tickets.remove(c.ID)
	value := map[string]any{"type": "conversation", "conversation_id": c.ID}
	s.tell(at, api, "conversation/"+c.ID, "", value, "conversation.deleted")
}

// ContactSignsUp adds a contact, as AddContact does, and tells of it. Topic:
// contact.user.created or contact.lead.created.
func (s *Simulator) ContactSignsUp(c Contact) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	contact := s.addContact(c)
	s.notifyContact(contact, contact.CreatedAt, false, "created")
	return contact.ID
}

// SetContactAttribute changes a custom attribute of a contact (nil removes it). Topic:
// contact.user.updated or contact.lead.updated, which do not say what changed.
func (s *Simulator) SetContactAttribute(contactID, name string, value any) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	contact := s.space.contacts.byID[contactID]
	if contact == nil {
		return notFound("contact", contactID)
	}
	if contact.CustomAttributes == nil {
		contact.CustomAttributes = make(map[string]any)
	}
	if value == nil {
		delete(contact.CustomAttributes, name)
	} else {
		contact.CustomAttributes[name] = value
	}
	contact.UpdatedAt = time.Now()
	s.notifyContact(contact, contact.UpdatedAt, false, "updated")
	return nil
}

// TagContact puts a tag on a contact; the tag is made when there is none of that name. Topic:
// contact.user.tag.created or contact.lead.tag.created.
func (s *Simulator) TagContact(contactID, adminID, tagName string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	contact := s.space.contacts.byID[contactID]
	if contact == nil {
		return notFound("contact", contactID)
	}
	author, err := s.author(adminID)
	if err != nil {
		return err
	}
	at, tag := time.Now(), s.addTag(tagName)
	if slices.ContainsFunc(contact.Tags, func(t AppliedTag) bool { return t.ID == tag.ID }) {
		return nil
	}
	contact.Tags = append(contact.Tags, AppliedTag{ID: tag.ID, AppliedAt: at, By: author.ref()})
	contact.UpdatedAt = at
	s.notifyContactTag(contact, tag, at, false, "created")
	return nil
}

// with runs a deed on a conversation as it is now.
func (s *Simulator) with(conversationID string, deed func(*Conversation, time.Time) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := time.Now()
	c := s.conversation(conversationID, at)
	if c == nil {
		return notFound("conversation", conversationID)
	}
	return deed(c, at)
}

// do makes the change that plan asks for and returns the id of its part.
func (s *Simulator) do(conversationID string, plan func(*Conversation, time.Time) (change, error)) (part string, err error) {
	err = s.with(conversationID, func(c *Conversation, at time.Time) error {
		ch, err := plan(c, at)
		if err != nil {
			return err
		}
		ch.at = at
		part = s.apply(c, ch).ID
		return nil
	})
	return part, err
}

func (s *Simulator) adminDoes(conversationID, adminID string, fill func(*change) error) (string, error) {
	return s.do(conversationID, func(_ *Conversation, at time.Time) (change, error) {
		author, err := s.author(adminID)
		if err != nil {
			return change{}, err
		}
		ch := change{at: at, author: author}
		err = fill(&ch)
		return ch, err
	})
}
