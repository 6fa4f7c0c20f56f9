package simulator

import (
	"slices"
	"strings"
	"time"
)

// twin is the contact that one would clash with: the same external id, or two users with one
// e-mail address. Leads may share an address. A contact is not its own twin.
func (w *workspace) twin(c *Contact) *Contact {
	for have := range w.contacts.all {
		if have.ID == c.ID {
			continue
		}
		if c.ExternalID != "" && have.ExternalID == c.ExternalID {
			return have
		}
		if c.Email != "" && c.Role != "lead" && have.Role == "user" && strings.EqualFold(have.Email, c.Email) {
			return have
		}
	}
	return nil
}

// identity is how requests name a contact: by one of three names.
type identity struct {
	IntercomUserID givenID `json:"intercom_user_id"`
	UserID         givenID `json:"user_id"`
	Email          string  `json:"email"`
}

// named finds the contact by the first name that is given; a user goes before a lead of the
// same address.
func (w *workspace) named(by identity) *Contact {
	switch {
	case by.IntercomUserID != "":
		return w.contacts.byID[string(by.IntercomUserID)]
	case by.UserID != "":
		return w.firstContact(func(c *Contact) bool { return c.ExternalID == string(by.UserID) })
	case by.Email != "":
		user := w.firstContact(func(c *Contact) bool { return c.Role == "user" && strings.EqualFold(c.Email, by.Email) })
		if user != nil {
			return user
		}
		return w.firstContact(func(c *Contact) bool { return strings.EqualFold(c.Email, by.Email) })
	}
	return nil
}

func (w *workspace) firstContact(fits func(*Contact) bool) *Contact {
	for c := range w.contacts.all {
		if fits(c) {
			return c
		}
	}
	return nil
}

// mergeContacts moves all that a lead has to a user and forgets the lead. What the user has
// already stays.
func (s *Simulator) mergeContacts(lead, user *Contact, at time.Time) {
	for _, text := range []struct{ into, from *string }{
		{&user.Email, &lead.Email}, {&user.Name, &lead.Name}, {&user.Phone, &lead.Phone}, {&user.Avatar, &lead.Avatar},
	} {
		if *text.into == "" {
			*text.into = *text.from
		}
	}
	for name, v := range lead.CustomAttributes {
		if _, has := user.CustomAttributes[name]; !has {
			setAttributes(&user.CustomAttributes, map[string]any{name: v})
		}
	}
	for _, tag := range lead.Tags {
		if tagOf(user.Tags, tag.ID) == nil {
			user.Tags = append(user.Tags, tag)
		}
	}
	for _, id := range lead.Companies {
		if !slices.Contains(user.Companies, id) {
			user.Companies = append(user.Companies, id)
		}
	}
	user.Notes = append(user.Notes, lead.Notes...)
	user.Events = append(user.Events, lead.Events...)
	user.UpdatedAt = at
	for thread := range s.threads {
		for i, id := range thread.Contacts {
			if id == lead.ID {
				thread.Contacts[i] = user.ID
			}
		}
		thread.Contacts = slices.Compact(thread.Contacts)
	}
	s.space.contacts.remove(lead.ID)
}

// threads are all conversations, and what was said in tickets that are none.
func (s *Simulator) threads(yield func(*Conversation) bool) {
	for c := range s.space.conversations.all {
		if !yield(c) {
			return
		}
	}
	for t := range s.space.tickets.all {
		if s.space.conversations.byID[t.ID] == nil && !yield(t.thread) {
			return
		}
	}
}
