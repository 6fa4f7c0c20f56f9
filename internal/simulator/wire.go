package simulator

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"strconv"
	"time"
)

// The types of this file are Intercom's JSON, keys in Intercom's order. REST answers and
// notifications of the new shape share them; where the two differ, a form says which.
type form int

const (
	rest form = iota
	webhook2
)

// marshal is JSON as Intercom writes it: <, > and & stand for themselves.
func marshal(v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		// Only values that callers put into custom attributes can be unfit for JSON.
		return []byte(`{"type":"error.list","errors":[{"code":"server_error","message":"unfit for JSON"}]}`)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// unix is a time in Unix seconds, or null.
func unix(t time.Time) *int64 {
	if t.IsZero() {
		return nil
	}
	n := t.Unix()
	return &n
}

// statisticTime is Unix seconds in REST and "2026-01-10T08:00:00.000Z" in notifications.
func (f form) statisticTime(t time.Time) any {
	switch {
	case t.IsZero():
		return nil
	case f == rest:
		return t.Unix()
	}
	return t.UTC().Truncate(time.Second).Format("2006-01-02T15:04:05.000Z")
}

// contactTime is Unix seconds in REST and "2026-01-10T08:00:00.000+00:00" in notifications.
func (f form) contactTime(t time.Time) any {
	switch {
	case t.IsZero():
		return nil
	case f == rest:
		return t.Unix()
	}
	return t.UTC().Format("2006-01-02T15:04:05.000+00:00")
}

// number is an id as an integer, the way conversations name their assignees; null for nobody.
func number(id string) any {
	if n, err := strconv.ParseInt(id, 10, 64); err == nil {
		return n
	}
	return orNull(id)
}

func numbers(ids []string) []any {
	out := make([]any, 0, len(ids))
	for _, id := range ids {
		out = append(out, number(id))
	}
	return out
}

func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

type refJSON struct {
	Type string `json:"type"`
	ID   any    `json:"id"`
}

// json is the reference as part of a part: null when nothing was assigned.
func (r Ref) json() *refJSON {
	if r == (Ref{}) {
		return nil
	}
	return &refJSON{Type: r.Type, ID: orNull(r.ID)}
}

type authorJSON struct {
	Type        string `json:"type"`
	ID          string `json:"id"`
	Name        any    `json:"name"`
	Email       string `json:"email"`
	FromAIAgent *bool  `json:"from_ai_agent,omitempty"`
	IsAIAnswer  *bool  `json:"is_ai_answer,omitempty"`
}

func (a Author) json(part bool) authorJSON {
	out := authorJSON{Type: a.Type, ID: a.ID, Name: orNull(a.Name), Email: a.Email}
	if part {
		out.FromAIAgent, out.IsAIAnswer = new(bool), new(bool)
		if a.customer() {
			out.Type = "user" // a lead who writes appears as a user
		}
	}
	return out
}

type attachmentJSON struct {
	Type        string `json:"type"`
	Name        string `json:"name"`
	URL         string `json:"url"`
	ContentType string `json:"content_type"`
	Size        int    `json:"filesize"`
}

func attachmentsJSON(list []Attachment) []attachmentJSON {
	out := make([]attachmentJSON, 0, len(list))
	for _, a := range list {
		out = append(out, attachmentJSON{Type: "upload", Name: a.Name, URL: a.URL, ContentType: a.ContentType, Size: a.Size})
	}
	return out
}

type sourceJSON struct {
	Type        string           `json:"type"`
	ID          string           `json:"id"`
	DeliveredAs string           `json:"delivered_as"`
	Subject     string           `json:"subject"`
	Body        string           `json:"body"`
	Author      authorJSON       `json:"author"`
	Attachments []attachmentJSON `json:"attachments"`
	URL         any              `json:"url"`
	Redacted    bool             `json:"redacted"`
}

type contactRefJSON struct {
	Type       string `json:"type"`
	ID         string `json:"id"`
	ExternalID any    `json:"external_id"`
}

type contactListJSON struct {
	Type     string           `json:"type"`
	Contacts []contactRefJSON `json:"contacts"`
}

type firstReplyJSON struct {
	CreatedAt int64  `json:"created_at"`
	Type      string `json:"type"`
	URL       any    `json:"url"`
}

type tagJSON struct {
	Type      string   `json:"type"`
	ID        string   `json:"id"`
	Name      string   `json:"name"`
	AppliedAt *int64   `json:"applied_at,omitempty"`
	AppliedBy *refJSON `json:"applied_by,omitempty"`
}

type tagListJSON struct {
	Type string    `json:"type"`
	Tags []tagJSON `json:"tags"`
}

type statisticsJSON struct {
	Type                       string `json:"type"`
	TimeToAssignment           any    `json:"time_to_assignment"`
	TimeToAdminReply           any    `json:"time_to_admin_reply"`
	TimeToFirstClose           any    `json:"time_to_first_close"`
	TimeToLastClose            any    `json:"time_to_last_close"`
	MedianTimeToReply          any    `json:"median_time_to_reply"`
	FirstContactReplyAt        any    `json:"first_contact_reply_at"`
	FirstAssignmentAt          any    `json:"first_assignment_at"`
	FirstAdminReplyAt          any    `json:"first_admin_reply_at"`
	FirstCloseAt               any    `json:"first_close_at"`
	LastAssignmentAt           any    `json:"last_assignment_at"`
	LastAssignmentAdminReplyAt any    `json:"last_assignment_admin_reply_at"`
	LastContactReplyAt         any    `json:"last_contact_reply_at"`
	LastAdminReplyAt           any    `json:"last_admin_reply_at"`
	LastCloseAt                any    `json:"last_close_at"`
	LastClosedByID             any    `json:"last_closed_by_id"`
	CountReopens               int    `json:"count_reopens"`
	CountAssignments           int    `json:"count_assignments"`
	CountConversationParts     int    `json:"count_conversation_parts"`
	TeamFirstResponse          []any  `json:"assigned_team_first_response_time"`
	TeamFirstResponseInHours   []any  `json:"assigned_team_first_response_time_in_office_hours"`
	HandlingTime               any    `json:"handling_time"`
}

func (st *Statistics) json(f form) *statisticsJSON {
	since := func(t time.Time) any {
		if t.IsZero() {
			return nil
		}
		return t.Unix() - st.FirstContactReplyAt.Unix()
	}
	out := &statisticsJSON{
		Type:                "conversation_statistics",
		TimeToAssignment:    since(st.assignedBeforeReplyAt),
		TimeToAdminReply:    since(st.FirstAdminReplyAt),
		TimeToFirstClose:    since(st.FirstCloseAt),
		TimeToLastClose:     since(st.LastCloseAt),
		FirstContactReplyAt: f.statisticTime(st.FirstContactReplyAt), FirstAssignmentAt: f.statisticTime(st.FirstAssignmentAt),
		FirstAdminReplyAt: f.statisticTime(st.FirstAdminReplyAt), FirstCloseAt: f.statisticTime(st.FirstCloseAt),
		LastAssignmentAt:           f.statisticTime(st.LastAssignmentAt),
		LastAssignmentAdminReplyAt: f.statisticTime(st.LastAssignmentAdminReplyAt),
		LastContactReplyAt:         f.statisticTime(st.LastContactReplyAt),
		LastAdminReplyAt:           f.statisticTime(st.LastAdminReplyAt), LastCloseAt: f.statisticTime(st.LastCloseAt),
		LastClosedByID: orNull(st.LastClosedBy),
		CountReopens:   st.Reopens, CountAssignments: st.Assignments, CountConversationParts: st.Parts,
		TeamFirstResponse: []any{}, TeamFirstResponseInHours: []any{},
	}
	if f == webhook2 {
		out.LastClosedByID = number(st.LastClosedBy)
	}
	if median, known := st.medianReply(); known {
		out.MedianTimeToReply = int64(median / time.Second)
	}
	return out
}

type ratingJSON struct {
	Rating    int             `json:"rating"`
	Remark    string          `json:"remark"`
	CreatedAt int64           `json:"created_at"`
	UpdatedAt int64           `json:"updated_at"`
	Contact   *contactRefJSON `json:"contact"`
	Teammate  *refJSON        `json:"teammate"`
}

type partJSON struct {
	Type                 string           `json:"type"`
	ID                   string           `json:"id"`
	PartType             string           `json:"part_type"`
	Body                 any              `json:"body"`
	CreatedAt            int64            `json:"created_at"`
	UpdatedAt            int64            `json:"updated_at"`
	NotifiedAt           int64            `json:"notified_at"`
	AssignedTo           *refJSON         `json:"assigned_to"`
	Author               authorJSON       `json:"author"`
	Attachments          []attachmentJSON `json:"attachments"`
	ExternalID           any              `json:"external_id"`
	Redacted             bool             `json:"redacted"`
	Metadata             map[string]any   `json:"metadata"`
	EmailMessageMetadata any              `json:"email_message_metadata"`
	State                string           `json:"state"`
	Tags                 []tagJSON        `json:"tags"`
	EventDetails         map[string]any   `json:"event_details"`
	AppPackageCode       any              `json:"app_package_code"`
}

type partListJSON struct {
	Type  string     `json:"type"`
	Parts []partJSON `json:"conversation_parts"`
	Total int        `json:"total_count"`
}

type conversationJSON struct {
	Type                string          `json:"type"`
	ID                  string          `json:"id"`
	CreatedAt           int64           `json:"created_at"`
	UpdatedAt           int64           `json:"updated_at"`
	WaitingSince        *int64          `json:"waiting_since"`
	SnoozedUntil        *int64          `json:"snoozed_until"`
	Source              sourceJSON      `json:"source"`
	Contacts            contactListJSON `json:"contacts"`
	FirstContactReply   *firstReplyJSON `json:"first_contact_reply"`
	AdminAssigneeID     any             `json:"admin_assignee_id"`
	TeamAssigneeID      any             `json:"team_assignee_id"`
	Open                bool            `json:"open"`
	State               string          `json:"state"`
	Read                bool            `json:"read"`
	Tags                tagListJSON     `json:"tags"`
	Priority            string          `json:"priority"`
	SLAApplied          any             `json:"sla_applied"`
	Statistics          *statisticsJSON `json:"statistics"`
	ConversationRating  *ratingJSON     `json:"conversation_rating"`
	Teammates           map[string]any  `json:"teammates"`
	Title               any             `json:"title"`
	CustomAttributes    map[string]any  `json:"custom_attributes"`
	Topics              map[string]any  `json:"topics"`
	Ticket              any             `json:"ticket"`
	LinkedObjects       linkedListJSON  `json:"linked_objects"`
	AIAgent             any             `json:"ai_agent"`
	AIAgentParticipated bool            `json:"ai_agent_participated"`
	Parts               *partListJSON   `json:"conversation_parts,omitempty"`
}

// conversationJSON shows a conversation with the parts given (nil: without the key).
func (w *workspace) conversationJSON(f form, c *Conversation, parts []Part) *conversationJSON {
	out := &conversationJSON{
		Type: "conversation", ID: c.ID, CreatedAt: c.CreatedAt.Unix(), UpdatedAt: c.UpdatedAt.Unix(),
		WaitingSince: unix(c.WaitingSince), SnoozedUntil: unix(c.SnoozedUntil),
		Source: sourceJSON{
			Type: c.Source.Type, ID: c.Source.ID, DeliveredAs: c.Source.DeliveredAs, Subject: c.Source.Subject,
			Body: c.Source.Body, Author: c.Source.Author.json(false),
			Attachments: attachmentsJSON(c.Source.Attachments), URL: orNull(c.Source.URL), Redacted: c.Source.Redacted,
		},
		Contacts:        contactListJSON{Type: "contact.list", Contacts: w.contactRefs(c.Contacts)},
		AdminAssigneeID: number(c.AdminAssigneeID), TeamAssigneeID: number(c.TeamAssigneeID),
		Open: c.State != StateClosed, State: c.State, Read: c.Read,
		Tags: w.tagList(c.Tags), Priority: c.priority(), Statistics: c.Statistics.json(f),
		ConversationRating: w.ratingJSON(c.Rating), Teammates: c.teammates(f),
		Title: orNull(c.Title), CustomAttributes: maps.Clone(c.CustomAttributes), Topics: map[string]any{},
		LinkedObjects: linksJSON(c.Links),
	}
	if at := c.Statistics.FirstContactReplyAt; !at.IsZero() {
		out.FirstContactReply = &firstReplyJSON{CreatedAt: at.Unix(), Type: c.Source.Type, URL: out.Source.URL}
	}
	if f == webhook2 {
		out.Title = c.Title
		out.Topics = map[string]any{"type": "topic.list", "topics": []any{}, "total_count": 0}
		out.addOwnAttributes()
	}
	if t := w.tickets.byID[c.TicketID]; t != nil {
		out.Ticket = w.ticketJSON(t, false)
	}
	if parts != nil {
		out.Parts = w.partListJSON(parts)
	}
	return out
}

// addOwnAttributes adds the attributes that Intercom itself keeps on every conversation.
func (c *conversationJSON) addOwnAttributes() {
	if c.CustomAttributes == nil {
		c.CustomAttributes = make(map[string]any, len(ownAttributes))
	}
	for _, name := range ownAttributes {
		if _, set := c.CustomAttributes[name]; !set {
			c.CustomAttributes[name] = false
		}
	}
}

var ownAttributes = []string{
	"Has attachments", "Imported via standalone", "Auto-translated", "Fin AI Agent: Preview",
	"Fin AI Agent: Image used in reply", "Copilot used",
}

// teammates are the admins who took part. The description of the API calls the key
// "teammates"; notifications have "admins".
func (c *Conversation) teammates(f form) map[string]any {
	refs := []refJSON{}
	for _, id := range teammateIDs(c.Parts) {
		refs = append(refs, refJSON{Type: "admin", ID: id})
	}
	key := "admins"
	if f == rest {
		key = "teammates"
	}
	return map[string]any{"type": "admin.list", key: refs}
}

func (w *workspace) contactRefs(ids []string) []contactRefJSON {
	out := make([]contactRefJSON, 0, len(ids))
	for _, id := range ids {
		ref := contactRefJSON{Type: "contact", ID: id}
		if contact := w.contacts.byID[id]; contact != nil {
			ref.ExternalID = orNull(contact.ExternalID)
		}
		out = append(out, ref)
	}
	return out
}

func (w *workspace) ratingJSON(r *Rating) *ratingJSON {
	if r == nil {
		return nil
	}
	out := &ratingJSON{Rating: r.Stars, Remark: r.Remark, CreatedAt: r.CreatedAt.Unix(), UpdatedAt: r.CreatedAt.Unix()}
	out.Contact = &w.contactRefs([]string{r.Contact.ID})[0]
	if r.Teammate != "" {
		out.Teammate = &refJSON{Type: "admin", ID: r.Teammate}
	}
	return out
}

func (w *workspace) tagList(applied []AppliedTag) tagListJSON {
	out := tagListJSON{Type: "tag.list", Tags: make([]tagJSON, 0, len(applied))}
	for _, t := range applied {
		out.Tags = append(out.Tags, w.appliedTagJSON(t))
	}
	return out
}

func (w *workspace) appliedTagJSON(t AppliedTag) tagJSON {
	return tagJSON{Type: "tag", ID: t.ID, Name: w.tagName(t.ID), AppliedAt: unix(t.AppliedAt), AppliedBy: t.By.json()}
}

func (w *workspace) tagName(id string) string {
	if tag := w.tags.byID[id]; tag != nil {
		return tag.Name
	}
	return ""
}

func (w *workspace) partListJSON(parts []Part) *partListJSON {
	out := &partListJSON{Type: "conversation_part.list", Parts: make([]partJSON, 0, len(parts)), Total: len(parts)}
	for i := range parts {
		out.Parts = append(out.Parts, w.partJSON(&parts[i]))
	}
	return out
}

func (w *workspace) partJSON(p *Part) partJSON {
	out := partJSON{
		Type: "conversation_part", ID: p.ID, PartType: p.Type, Body: orNull(p.Body),
		CreatedAt: p.CreatedAt.Unix(), UpdatedAt: p.UpdatedAt.Unix(), NotifiedAt: p.CreatedAt.Unix(),
		AssignedTo: p.AssignedTo.json(), Author: p.Author.json(true), Attachments: attachmentsJSON(p.Attachments),
		Redacted: p.Redacted, Metadata: map[string]any{}, State: p.State, Tags: make([]tagJSON, 0, len(p.Tags)),
		EventDetails: map[string]any{}, AppPackageCode: orNull(p.AppPackageCode),
	}
	for _, id := range p.Tags {
		out.Tags = append(out.Tags, tagJSON{Type: "tag", ID: id, Name: w.tagName(id)})
	}
	if p.Attribute != "" {
		out.EventDetails["attribute"] = map[string]any{"name": p.Attribute}
		out.EventDetails["value"] = map[string]any{"name": fmt.Sprint(p.Value)}
	}
	if len(p.Options) > 0 {
		out.Metadata["quick_reply_options"] = p.Options
	}
	return out
}
