package simulator

import (
	"time"
)

// searchConversations finds conversations, which come without their parts.
func searchConversations(c *call) (any, error) {
	p, fits, err := readSearch(c, c.space.conversationSearch(), conversationPages)
	if err != nil {
		return nil, err
	}
	return c.conversationList(p, fits), nil
}

// conversationList shows a page of conversations without their parts.
func (c *call) conversationList(p cursorPage, fits func(*Conversation) bool) any {
	found, total, pages := takePage(&c.space.conversations, p, func(cv *Conversation) bool {
		c.settle(cv, c.now)
		return fits(cv)
	})
	items := make([]*conversationJSON, 0, len(found))
	for _, cv := range found {
		items = append(items, c.space.conversationJSON(rest, cv, nil))
	}
	return map[string]any{"type": "conversation.list", "pages": pages, "total_count": total, "conversations": items}
}

func (w *workspace) conversationSearch() searchable[Conversation] {
	return searchable[Conversation]{
		fields: conversationFields,
		more:   customFields(w, modelConversation, func(c *Conversation) map[string]any { return c.CustomAttributes }),
		operators: map[fieldKind][]string{
			textField: textual, textsField: textual, wordsField: textual, flagField: equality,
			integerField: strict, numberField: strict, dateField: strict,
		},
	}
}

var conversationFields = map[string]field[Conversation]{
	"id":                  text(func(c *Conversation) string { return c.ID }),
	"created_at":          date(func(c *Conversation) time.Time { return c.CreatedAt }),
	"updated_at":          date(func(c *Conversation) time.Time { return c.UpdatedAt }),
	"source.type":         text(func(c *Conversation) string { return c.Source.Type }),
	"source.id":           text(func(c *Conversation) string { return c.Source.ID }),
	"source.delivered_as": text(func(c *Conversation) string { return c.Source.DeliveredAs }),
	"source.subject":      text(func(c *Conversation) string { return c.Source.Subject }),
	"source.body":         {kind: wordsField, value: func(c *Conversation) any { return plainText(c.Source.Body) }},
	"source.author.id":    text(func(c *Conversation) string { return c.Source.Author.ID }),
	"source.author.type":  text(func(c *Conversation) string { return c.Source.Author.Type }),
	"source.author.name":  text(func(c *Conversation) string { return c.Source.Author.Name }),
	"source.author.email": text(func(c *Conversation) string { return c.Source.Author.Email }),
	"source.url":          text(func(c *Conversation) string { return c.Source.URL }),
	"contact_ids":         texts(func(c *Conversation) []string { return c.Contacts }),
	"teammate_ids":        texts(func(c *Conversation) []string { return teammateIDs(c.Parts) }),
	"admin_assignee_id":   idNumber(func(c *Conversation) string { return c.AdminAssigneeID }),
	"team_assignee_id":    idNumber(func(c *Conversation) string { return c.TeamAssigneeID }),
	"channel_initiated":   text(func(c *Conversation) string { return c.Source.Type }),
	"open":                flag(func(c *Conversation) bool { return c.State != StateClosed }),
	"read":                flag(func(c *Conversation) bool { return c.Read }),
	"state":               text(func(c *Conversation) string { return c.State }),
	"waiting_since":       date(func(c *Conversation) time.Time { return c.WaitingSince }),
	"snoozed_until":       date(func(c *Conversation) time.Time { return c.SnoozedUntil }),
	"tag_ids":             texts(func(c *Conversation) []string { return tagIDs(c.Tags) }),
	"title":               text(func(c *Conversation) string { return c.Title }),
	"priority":            text((*Conversation).priority),

	"statistics.time_to_assignment":             since(func(s *Statistics) time.Time { return s.assignedBeforeReplyAt }),
	"statistics.time_to_admin_reply":            since(func(s *Statistics) time.Time { return s.FirstAdminReplyAt }),
	"statistics.time_to_first_close":            since(func(s *Statistics) time.Time { return s.FirstCloseAt }),
	"statistics.time_to_last_close":             since(func(s *Statistics) time.Time { return s.LastCloseAt }),
	"statistics.median_time_to_reply":           {kind: integerField, value: medianReply},
	"statistics.first_contact_reply_at":         date(func(c *Conversation) time.Time { return c.Statistics.FirstContactReplyAt }),
	"statistics.first_assignment_at":            date(func(c *Conversation) time.Time { return c.Statistics.FirstAssignmentAt }),
	"statistics.first_admin_reply_at":           date(func(c *Conversation) time.Time { return c.Statistics.FirstAdminReplyAt }),
	"statistics.first_close_at":                 date(func(c *Conversation) time.Time { return c.Statistics.FirstCloseAt }),
	"statistics.last_assignment_at":             date(func(c *Conversation) time.Time { return c.Statistics.LastAssignmentAt }),
	"statistics.last_assignment_admin_reply_at": date(func(c *Conversation) time.Time { return c.Statistics.LastAssignmentAdminReplyAt }),
	"statistics.last_contact_reply_at":          date(func(c *Conversation) time.Time { return c.Statistics.LastContactReplyAt }),
	"statistics.last_admin_reply_at":            date(func(c *Conversation) time.Time { return c.Statistics.LastAdminReplyAt }),
	"statistics.last_close_at":                  date(func(c *Conversation) time.Time { return c.Statistics.LastCloseAt }),
	"statistics.last_closed_by_id":              text(func(c *Conversation) string { return c.Statistics.LastClosedBy }),
	"statistics.count_reopens":                  count(func(c *Conversation) int { return c.Statistics.Reopens }),
	"statistics.count_assignments":              count(func(c *Conversation) int { return c.Statistics.Assignments }),
	"statistics.count_conversation_parts":       count(func(c *Conversation) int { return c.Statistics.Parts }),

	"conversation_rating.score":      rated(integerField, func(r *Rating) any { return float64(r.Stars) }),
	"conversation_rating.remark":     rated(textField, func(r *Rating) any { return r.Remark }),
	"conversation_rating.contact_id": rated(textField, func(r *Rating) any { return r.Contact.ID }),
	"conversation_rating.replied_at": rated(dateField, func(r *Rating) any { return r.CreatedAt }),

	"ai_agent_participated": flag(func(*Conversation) bool { return false }),
}

// priority is how Intercom spells it.
func (c *Conversation) priority() string {
	if c.Priority {
		return "priority"
	}
	return "not_priority"
}

// since is a field of the seconds from the customer's first words on.
func since(at func(*Statistics) time.Time) field[Conversation] {
	return field[Conversation]{kind: integerField, value: func(c *Conversation) any {
		when := at(&c.Statistics)
		if when.IsZero() {
			return nil
		}
		return float64(when.Unix() - c.Statistics.FirstContactReplyAt.Unix())
	}}
}

func medianReply(c *Conversation) any {
	median, known := c.Statistics.medianReply()
	if !known {
		return nil
	}
	return float64(median / time.Second)
}

func rated(kind fieldKind, value func(*Rating) any) field[Conversation] {
	return field[Conversation]{kind: kind, value: func(c *Conversation) any {
		if c.Rating == nil {
			return nil
		}
		return value(c.Rating)
	}}
}
