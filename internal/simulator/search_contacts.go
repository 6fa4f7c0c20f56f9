package simulator

import (
	"slices"
	"strings"
	"time"
)

// searchContacts finds contacts. Archived ones are not found, and neither are those that
// were merged into others.
func searchContacts(c *call) (any, error) {
	p, fits, err := readSearch(c, c.space.contactSearch(), contactPages)
	if err != nil {
		return nil, err
	}
	return c.contactList(p, func(contact *Contact) bool { return !contact.Archived && fits(contact) }), nil
}

// contactList shows a page of contacts.
func (c *call) contactList(p cursorPage, fits func(*Contact) bool) any {
	found, total, pages := takePage(&c.space.contacts, p, fits)
	data := make([]*contactJSON, 0, len(found))
	for _, contact := range found {
		data = append(data, c.space.contactJSON(rest, c.options.AppID, contact))
	}
	return map[string]any{"type": "list", "data": data, "total_count": total, "pages": pages}
}

func (w *workspace) contactSearch() searchable[Contact] {
	return searchable[Contact]{
		fields: contactFields,
		more:   customFields(w, modelContact, func(c *Contact) map[string]any { return c.CustomAttributes }),
		operators: map[fieldKind][]string{
			textField: textual, textsField: textual, integerField: ordered, numberField: ordered, flagField: equality,
			dateField: strings.Fields("= > <"),
		},
		byDay: true,
	}
}

var contactFields = map[string]field[Contact]{
	"id":                       text(func(c *Contact) string { return c.ID }),
	"role":                     text(func(c *Contact) string { return c.Role }),
	"name":                     text(func(c *Contact) string { return c.Name }),
	"avatar":                   text(func(c *Contact) string { return c.Avatar }),
	"owner_id":                 idNumber(func(c *Contact) string { return c.OwnerID }),
	"email":                    text(func(c *Contact) string { return c.Email }),
	"email_domain":             text((*Contact).domain),
	"phone":                    text(func(c *Contact) string { return c.Phone }),
	"external_id":              text(func(c *Contact) string { return c.ExternalID }),
	"created_at":               date(func(c *Contact) time.Time { return c.CreatedAt }),
	"signed_up_at":             date(func(c *Contact) time.Time { return c.SignedUpAt }),
	"updated_at":               date(func(c *Contact) time.Time { return c.UpdatedAt }),
	"last_seen_at":             date(func(c *Contact) time.Time { return c.LastSeenAt }),
	"last_contacted_at":        date(func(c *Contact) time.Time { return c.LastContactedAt }),
	"last_replied_at":          date(func(c *Contact) time.Time { return c.LastRepliedAt }),
	"last_email_opened_at":     date(func(*Contact) time.Time { return time.Time{} }),
	"last_email_clicked_at":    date(func(*Contact) time.Time { return time.Time{} }),
	"language_override":        text(func(*Contact) string { return "" }),
	"browser":                  text(func(c *Contact) string { return c.Browser }),
	"browser_language":         text(func(c *Contact) string { return c.Language }),
	"os":                       text(func(c *Contact) string { return c.OS }),
	"location.country":         text(func(c *Contact) string { return c.Country }),
	"location.region":          text(func(*Contact) string { return "" }),
	"location.city":            text(func(c *Contact) string { return c.City }),
	"unsubscribed_from_emails": flag(func(c *Contact) bool { return c.UnsubscribedFromEmails }),
	"marked_email_as_spam":     flag(func(*Contact) bool { return false }),
	"has_hard_bounced":         flag(func(*Contact) bool { return false }),
	"segment_id":               texts(func(*Contact) []string { return nil }),
	"tag_id": {
		kind: textsField, value: func(c *Contact) any { return tagIDs(c.Tags) }, operators: strings.Fields("= !="),
	},
}

// domain is what follows the @ of the e-mail address.
func (c *Contact) domain() string {
	_, domain, _ := strings.Cut(c.Email, "@")
	return domain
}

func tagIDs(tags []AppliedTag) []string {
	ids := make([]string, 0, len(tags))
	for _, t := range tags {
		ids = append(ids, t.ID)
	}
	return ids
}

// teammateIDs are the admins who wrote parts.
func teammateIDs(parts []Part) []string {
	var ids []string
	for i := range parts {
		if a := &parts[i].Author; a.Type == "admin" && !slices.Contains(ids, a.ID) {
			ids = append(ids, a.ID)
		}
	}
	return ids
}
