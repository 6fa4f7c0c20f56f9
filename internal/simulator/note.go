package simulator

import "time"

// Note is what teammates write down about a contact, which the contact does not see.
type Note struct {
	ID        string
	Body      string // HTML
	Author    Author // zero when nobody is named
	CreatedAt time.Time
}

type noteJSON struct {
	Type      string         `json:"type"`
	ID        string         `json:"id"`
	CreatedAt int64          `json:"created_at"`
	Contact   refJSON        `json:"contact"`
	Author    map[string]any `json:"author"`
	Body      string         `json:"body"`
}

func (w *workspace) noteJSON(n *Note, contactID string) noteJSON {
	out := noteJSON{
		Type: "note", ID: n.ID, CreatedAt: n.CreatedAt.Unix(), Contact: refJSON{Type: "contact", ID: contactID}, Body: n.Body,
	}
	if admin := w.admins.byID[n.Author.ID]; admin != nil {
		out.Author = map[string]any{
			"type": "admin", "id": admin.ID, "name": admin.Name, "email": admin.Email,
			"away_mode_enabled": admin.Away, "away_mode_reassign": admin.Reassign,
		}
	}
	return out
}

// createNote writes a note about a contact.
func createNote(c *call) (any, error) {
	var in struct {
		Body    string  `json:"body"`
		AdminID givenID `json:"admin_id"`
	}
	if err := c.read(&in); err != nil {
		return nil, err
	}
	contact, err := c.contact()
	if err != nil {
		return nil, err
	}
	note := Note{Body: htmlBody(in.Body), CreatedAt: c.now}
	if note.Body == "" {
		return nil, missing("body")
	}
	if in.AdminID != "" {
		admin := c.space.admins.byID[string(in.AdminID)]
		if admin == nil {
			return nil, errNoResource
		}
		note.Author = admin.author()
		c.entry.Admin = admin.ID
	}
	note.ID = c.ids.note()
	contact.Notes = append(contact.Notes, note)
	contact.UpdatedAt = c.now
	c.entry.Effect, c.entry.Text = EffectContactNote, plainText(note.Body)
	return c.space.noteJSON(&note, contact.ID), nil
}

// contactNotes lists the notes about a contact, the newest first.
func contactNotes(c *call) (any, error) {
	contact, err := c.contact()
	if err != nil {
		return nil, err
	}
	p, err := c.numberedPage(50)
	if err != nil {
		return nil, err
	}
	all := make([]noteJSON, 0, len(contact.Notes))
	for i := len(contact.Notes) - 1; i >= 0; i-- {
		all = append(all, c.space.noteJSON(&contact.Notes[i], contact.ID))
	}
	shown, pages := takeNumbered(c, all, p)
	return map[string]any{"type": "list", "data": shown, "total_count": len(all), "pages": pages}, nil
}

func getNote(c *call) (any, error) {
	for contact := range c.space.contacts.all {
		for i := range contact.Notes {
			if contact.Notes[i].ID == c.param("id") {
				c.entry.Contact = contact.ID
				return c.space.noteJSON(&contact.Notes[i], contact.ID), nil
			}
		}
	}
	return nil, errNoResource
}
