package simulator

import "maps"

// The item of a conversation notification of API 1.x: conversation_message instead of
// source, user instead of contacts, assignee instead of the two assignee ids.
type oldConversationJSON struct {
	Type         string          `json:"type"`
	ID           string          `json:"id"`
	CreatedAt    int64           `json:"created_at"`
	UpdatedAt    int64           `json:"updated_at"`
	User         *oldUserJSON    `json:"user"`
	Assignee     oldPersonJSON   `json:"assignee"`
	Message      oldMessageJSON  `json:"conversation_message"`
	Parts        oldPartListJSON `json:"conversation_parts"`
	Open         bool            `json:"open"`
	State        string          `json:"state"`
	SnoozedUntil *int64          `json:"snoozed_until"`
	Read         bool            `json:"read"`
	Metadata     map[string]any  `json:"metadata"`
	Tags         tagListJSON     `json:"tags"`
	TagsAdded    tagListJSON     `json:"tags_added"`
	Links        map[string]any  `json:"links"`
}

type oldUserJSON struct {
	Type       string `json:"type"`
	ID         string `json:"id"`
	UserID     any    `json:"user_id"`
	Name       any    `json:"name"`
	Email      string `json:"email"`
	DoNotTrack any    `json:"do_not_track"`
}

type oldPersonJSON struct {
	Type  string `json:"type"`
	ID    any    `json:"id"`
	Name  string `json:"name,omitempty"`
	Email string `json:"email,omitempty"`
}

type oldMessageJSON struct {
	Type        string           `json:"type"`
	ID          string           `json:"id"`
	URL         any              `json:"url"`
	Subject     string           `json:"subject"`
	Body        string           `json:"body"`
	Author      oldPersonJSON    `json:"author"`
	Attachments []attachmentJSON `json:"attachments"`
}

type oldPartJSON struct {
	Type        string           `json:"type"`
	ID          string           `json:"id"`
	PartType    string           `json:"part_type"`
	Body        any              `json:"body"`
	CreatedAt   int64            `json:"created_at"`
	UpdatedAt   int64            `json:"updated_at"`
	NotifiedAt  int64            `json:"notified_at"`
	AssignedTo  *oldPersonJSON   `json:"assigned_to"`
	Author      oldPersonJSON    `json:"author"`
	Attachments []attachmentJSON `json:"attachments"`
	ExternalID  any              `json:"external_id"`
}

type oldPartListJSON struct {
	Type  string        `json:"type"`
	Parts []oldPartJSON `json:"conversation_parts"`
	Total int           `json:"total_count"`
}

// oldItem shows a conversation with the parts that caused the notification; added are the
// tags that it tells of.
func (w *workspace) oldItem(appID string, c *Conversation, parts []Part, added []*Tag) *oldConversationJSON {
	out := &oldConversationJSON{
		Type: "conversation", ID: c.ID, CreatedAt: c.CreatedAt.Unix(), UpdatedAt: c.UpdatedAt.Unix(),
		User: w.oldUser(c), Assignee: w.oldAssignee(Ref{Type: "admin", ID: c.AdminAssigneeID}),
		Message: oldMessageJSON{
			Type: "conversation_message", ID: c.Source.ID, URL: orNull(c.Source.URL), Subject: c.Source.Subject,
			Body: c.Source.Body, Author: oldPersonJSON{Type: partAuthorType(c.Source.Author), ID: c.Source.Author.ID},
			Attachments: attachmentsJSON(c.Source.Attachments),
		},
		Parts: oldPartListJSON{Type: "conversation_part.list", Parts: []oldPartJSON{}, Total: len(parts)},
		Open:  c.State != StateClosed, State: c.State, SnoozedUntil: unix(c.SnoozedUntil), Read: c.Read,
		Metadata:  map[string]any{},
		Tags:      tagListJSON{Type: "tag.list", Tags: []tagJSON{}},
		TagsAdded: tagListJSON{Type: "tag.list", Tags: []tagJSON{}},
		Links:     map[string]any{"conversation_web": "https://app.intercom.io/a/apps/" + appID + "/conversations/" + c.ID},
	}
	for i := range parts {
		out.Parts.Parts = append(out.Parts.Parts, w.oldPart(&parts[i]))
	}
	for _, t := range c.Tags {
		out.Tags.Tags = append(out.Tags.Tags, tagJSON{Type: "tag", ID: t.ID, Name: w.tagName(t.ID)})
	}
	for _, t := range added {
		out.TagsAdded.Tags = append(out.TagsAdded.Tags, tagJSON{Type: "tag", ID: t.ID, Name: t.Name})
	}
	return out
}

func partAuthorType(a Author) string {
	if a.customer() {
		return "user"
	}
	return a.Type
}

func (w *workspace) oldUser(c *Conversation) *oldUserJSON {
	if len(c.Contacts) == 0 {
		return nil
	}
	contact := w.contacts.byID[c.Contacts[0]]
	if contact == nil {
		return &oldUserJSON{Type: "user", ID: c.Contacts[0]}
	}
	return &oldUserJSON{
		Type: contact.Role, ID: contact.ID, UserID: orNull(contact.ExternalID), Name: orNull(contact.Name), Email: contact.Email,
	}
}

// oldAssignee shows whom something is assigned to, with name and e-mail.
func (w *workspace) oldAssignee(r Ref) oldPersonJSON {
	switch {
	case r.ID == "":
		return oldPersonJSON{Type: "nobody_admin"}
	case r.Type == "team" && w.teams.byID[r.ID] != nil:
		return oldPersonJSON{Type: "team", ID: r.ID, Name: w.teams.byID[r.ID].Name}
	case w.admins.byID[r.ID] != nil:
		admin := w.admins.byID[r.ID]
		return oldPersonJSON{Type: "admin", ID: r.ID, Name: admin.Name, Email: admin.Email}
	}
	return oldPersonJSON{Type: r.Type, ID: r.ID}
}

func (w *workspace) oldPart(p *Part) oldPartJSON {
	out := oldPartJSON{
		Type: "conversation_part", ID: p.ID, PartType: p.Type, Body: orNull(p.Body),
		CreatedAt: p.CreatedAt.Unix(), UpdatedAt: p.UpdatedAt.Unix(), NotifiedAt: p.CreatedAt.Unix(),
		Author:      oldPersonJSON{Type: partAuthorType(p.Author), ID: p.Author.ID, Name: p.Author.Name},
		Attachments: attachmentsJSON(p.Attachments),
	}
	if p.Author.customer() {
		out.Author.Email = p.Author.Email
	}
	if p.AssignedTo.Type != "" {
		to := w.oldAssignee(p.AssignedTo)
		to.Email = ""
		out.AssignedTo = &to
	}
	return out
}

// oldContact is a contact of API 1.x: type "user" for users and "contact" for leads.
func oldContact(appID string, c *Contact) map[string]any {
	kind := "user"
	if c.Role == "lead" {
		kind = "contact"
	}
	tags := make([]tagJSON, 0, len(c.Tags))
	for _, t := range c.Tags {
		tags = append(tags, tagJSON{Type: "tag", ID: t.ID})
	}
	attributes := maps.Clone(c.CustomAttributes)
	if attributes == nil {
		attributes = map[string]any{}
	}
	return map[string]any{
		"type": kind, "id": c.ID, "user_id": orNull(c.ExternalID), "anonymous": c.Role == "lead",
		"email": c.Email, "phone": orNull(c.Phone), "name": orNull(c.Name), "pseudonym": nil, "app_id": appID,
		"companies":       map[string]any{"type": "company.list", "companies": []any{}},
		"location_data":   map[string]any{},
		"created_at":      webhook2.contactTime(c.CreatedAt),
		"updated_at":      webhook2.contactTime(c.UpdatedAt),
		"signed_up_at":    webhook2.contactTime(c.SignedUpAt),
		"last_request_at": nil, "remote_created_at": nil, "session_count": 0,
		"social_profiles":          map[string]any{"type": "social_profile.list", "social_profiles": []any{}},
		"unsubscribed_from_emails": c.UnsubscribedFromEmails, "marked_email_as_spam": false, "has_hard_bounced": false,
		"tags":              map[string]any{"type": "tag.list", "tags": tags},
		"segments":          map[string]any{"type": "segment.list", "segments": []any{}},
		"custom_attributes": attributes,
		"do_not_track":      nil, "last_seen_ip": nil, "user_agent_data": nil,
	}
}
