package simulator

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// The Add functions put people and things into the workspace as if they had always been
// there: no notification tells of them. What happens afterwards does make notifications.

// AddAdmin adds a teammate and returns the id.
func (s *Simulator) AddAdmin(a Admin) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a.ID == "" {
		a.ID = s.ids.admin()
	}
	s.space.admins.put(a.ID, &a)
	return a.ID
}

// AddTeam adds a team and returns its id.
func (s *Simulator) AddTeam(t Team) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t.ID == "" {
		t.ID = s.ids.team()
	}
	if t.Distribution == "" {
		t.Distribution = "manual"
	}
	t.Admins = slices.Clone(t.Admins)
	s.space.teams.put(t.ID, &t)
	return t.ID
}

// AddTag makes sure that there is a tag of that name (names ignore case) and returns its id.
func (s *Simulator) AddTag(name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.addTag(name).ID
}

func (s *Simulator) addTag(name string) *Tag {
	if tag := s.space.tagByName(name); tag != nil {
		return tag
	}
	tag := &Tag{ID: s.ids.tag(), Name: strings.TrimSpace(name)}
	s.space.tags.put(tag.ID, tag)
	return tag
}

// AddContact adds a contact and returns the id.
func (s *Simulator) AddContact(c Contact) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.addContact(c).ID
}

func (s *Simulator) addContact(c Contact) *Contact {
	c = c.clone()
	if c.ID == "" {
		c.ID = s.ids.object()
	}
	if c.Role == "" {
		c.Role = "user"
	}
	if c.CreatedAt.IsZero() {
		c.CreatedAt = time.Now()
	}
	if c.UpdatedAt.IsZero() {
		c.UpdatedAt = c.CreatedAt
	}
	s.space.declare(modelContact, c.CustomAttributes)
	s.space.contacts.put(c.ID, &c)
	return &c
}

// SetTeam says who is in a team from now on. Intercom has no notification for it.
func (s *Simulator) SetTeam(teamID string, admins ...string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	team := s.space.teams.byID[teamID]
	if team == nil {
		return notFound("team", teamID)
	}
	for _, id := range admins {
		if s.space.admins.byID[id] == nil {
			return notFound("admin", id)
		}
	}
	team.Admins = slices.Clone(admins)
	return nil
}

// TokenAdmin is the id of the admin whom the token belongs to.
func (s *Simulator) TokenAdmin() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.space.tokenAdmin
}

// Conversation returns a copy of a conversation, and false when there is none of that id.
func (s *Simulator) Conversation(id string) (Conversation, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.conversation(id, time.Now())
	if c == nil {
		return Conversation{}, false
	}
	return c.clone(), true
}

// Conversations returns copies of all conversations in the order in which they began.
func (s *Simulator) Conversations() []Conversation {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	out := make([]Conversation, 0, len(s.space.conversations.order))
	for c := range s.space.conversations.all {
		s.settle(c, now)
		out = append(out, c.clone())
	}
	return out
}

// Contact returns a copy of a contact, and false when there is none of that id.
func (s *Simulator) Contact(id string) (Contact, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.space.contacts.byID[id]
	if c == nil {
		return Contact{}, false
	}
	return c.clone(), true
}

// Contacts returns copies of all contacts in the order in which they came.
func (s *Simulator) Contacts() []Contact {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Contact, 0, len(s.space.contacts.order))
	for c := range s.space.contacts.all {
		out = append(out, c.clone())
	}
	return out
}

// Admins returns all teammates in the order in which they came, the token's own first.
func (s *Simulator) Admins() []Admin {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Admin
	for a := range s.space.admins.all {
		out = append(out, *a)
	}
	return out
}

// Teams returns all teams in the order in which they came.
func (s *Simulator) Teams() []Team {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Team
	for t := range s.space.teams.all {
		team := *t
		team.Admins = slices.Clone(t.Admins)
		out = append(out, team)
	}
	return out
}

// Tags returns all tags in the order in which they were made.
func (s *Simulator) Tags() []Tag {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Tag
	for t := range s.space.tags.all {
		out = append(out, *t)
	}
	return out
}

// TagNames returns the names of the tags on a conversation, in the order in which they were
// put on it; nil when there is no such conversation.
func (s *Simulator) TagNames(conversationID string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.space.conversations.byID[conversationID]
	if c == nil {
		return nil
	}
	names := make([]string, 0, len(c.Tags))
	for _, applied := range c.Tags {
		names = append(names, s.space.tags.byID[applied.ID].Name)
	}
	return names
}

// author finds the admin who acts.
func (s *Simulator) author(adminID string) (Author, error) {
	admin := s.space.admins.byID[adminID]
	if admin == nil {
		return Author{}, notFound("admin", adminID)
	}
	if admin.NoInboxSeat {
		return Author{}, fmt.Errorf("admin %q has no inbox seat", adminID)
	}
	return admin.author(), nil
}

// assignee finds the admin or team that an id names; "" and "0" name nobody.
func (s *Simulator) assignee(id string) (Ref, error) {
	switch {
	case id == "" || id == "0":
		return Ref{Type: "nobody_admin"}, nil
	case s.space.admins.byID[id] != nil:
		return Ref{Type: "admin", ID: id}, nil
	case s.space.teams.byID[id] != nil:
		return Ref{Type: "team", ID: id}, nil
	}
	return Ref{}, notFound("assignee", id)
}

// conversation finds a conversation as it is now; nil when there is none of that id.
func (s *Simulator) conversation(id string, now time.Time) *Conversation {
	c := s.space.conversations.byID[id]
	if c != nil {
		s.settle(c, now)
	}
	return c
}
