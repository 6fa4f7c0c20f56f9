package simulator

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// Admin is a teammate.
type Admin struct {
	// ID is given by AddAdmin when it is empty.
	ID          string
	Name, Email string
	// Away says that the teammate takes no conversations now; Reassign that replies to theirs
	// go to somebody else.
	Away, Reassign bool
	// NoInboxSeat marks a teammate who can neither be assigned nor act in the inbox.
	NoInboxSeat bool
}

// Team is a group of teammates that conversations can be assigned to.
type Team struct {
	// ID is given by AddTeam when it is empty.
	ID   string
	Name string
	// Admins are the ids of the members.
	Admins []string
	// Distribution is how Intercom itself would share the team's work; "manual" when empty.
	Distribution string
}

// Tag is a label for conversations and contacts. Names ignore case: "VIP" and "vip" are one.
type Tag struct {
	ID, Name string
}

// AppliedTag is a tag on something.
type AppliedTag struct {
	ID        string
	AppliedAt time.Time
	By        Ref
}

// Company is an organisation that contacts belong to.
type Company struct {
	// ID is Intercom's id, given by AddCompany when it is empty; CompanyID is the id that the
	// workspace's owner uses.
	ID, CompanyID    string
	Name, Plan       string
	Website          string
	Industry         string
	Size             int
	MonthlySpend     int
	CustomAttributes map[string]any
	Tags             []AppliedTag
	CreatedAt        time.Time
	UpdatedAt        time.Time
	// RemoteCreatedAt is when it began in the owner's own system; CreatedAt when zero.
	RemoteCreatedAt time.Time
}

// Contact is a customer: a user (who has signed up) or a lead.
type Contact struct {
	// ID is given by AddContact when it is empty.
	ID, ExternalID string
	// Role is "user" or "lead"; AddContact takes an empty one for "user".
	Role               string
	Email, Name, Phone string
	// Avatar is the URL of a picture.
	Avatar string
	// OwnerID is the admin who looks after the contact; may be empty.
	OwnerID                 string
	UnsubscribedFromEmails  bool
	CustomAttributes        map[string]any
	Companies               []string // ids
	Tags                    []AppliedTag
	Notes                   []Note // oldest first
	Events                  []DataEvent
	Archived, Blocked       bool
	CreatedAt, UpdatedAt    time.Time
	SignedUpAt, LastSeenAt  time.Time
	LastRepliedAt           time.Time
	LastContactedAt         time.Time
	Browser, OS             string
	Country, City, Language string
}

// Ref names something: its type (admin, team, contact, user, lead, bot, nobody_admin) and id.
type Ref struct {
	Type, ID string
}

// Author is who wrote a part.
type Author struct {
	Type, ID, Name, Email string
}

func (a Author) ref() Ref { return Ref{Type: a.Type, ID: a.ID} }

// customer tells whether the author is a contact rather than a teammate or a bot.
func (a Author) customer() bool { return a.Type == "user" || a.Type == "lead" }

// The states of a conversation.
const (
	StateOpen    = "open"
	StateClosed  = "closed"
	StateSnoozed = "snoozed"
)

// Attachment is a file that came with a message.
type Attachment struct {
	Name, URL, ContentType string
	Size                   int
}

// Source is the first message of a conversation.
type Source struct {
	ID string
	// Type is the channel ("conversation" or "email"), DeliveredAs who began
	// ("customer_initiated", "admin_initiated").
	Type, DeliveredAs  string
	Subject, Body, URL string
	Author             Author
	Attachments        []Attachment
	Redacted           bool
}

// Rating is what a contact thought of a conversation.
type Rating struct {
	Stars     int // 1 to 5
	Remark    string
	CreatedAt time.Time
	Contact   Ref
	Teammate  string // admin id; may be empty
}

// Part is one thing that happened in a conversation.
type Part struct {
	ID string
	// Type is Intercom's part_type, such as "comment", "note", "assignment" or "close".
	Type string
	// Body is HTML; empty for parts without a text.
	Body        string
	CreatedAt   time.Time
	UpdatedAt   time.Time
	Author      Author
	AssignedTo  Ref // of type "nobody_admin" when it unassigned; zero when unchanged
	Attachments []Attachment
	Tags        []string // ids
	// State is the conversation's state once the part was made.
	State string
	// AppPackageCode is the code of the app that made the part through the API; empty for
	// people in the inbox.
	AppPackageCode string
	// Event holds details of parts that changed an attribute: its name and the new value.
	Attribute string
	Value     any
	// Options are the quick replies offered by a part of type quick_reply.
	Options []QuickReply
	// TicketState and TicketStateBefore are the categories that a ticket moved to and from.
	TicketState, TicketStateBefore string
	// Redacted says that the text was taken away.
	Redacted bool
}

// QuickReply is an answer that a contact may click.
type QuickReply struct {
	Text string `json:"text"`
	UUID string `json:"uuid"`
}

// Conversation is a conversation and its whole history.
type Conversation struct {
	ID                   string
	CreatedAt, UpdatedAt time.Time
	State                string // StateOpen, StateClosed or StateSnoozed
	SnoozedUntil         time.Time
	WaitingSince         time.Time // since when the customer waits; zero when nobody does
	Read, Priority       bool
	Title                string
	Source               Source
	Contacts             []string // ids
	CompanyID            string   // Intercom's id; may be empty
	AdminAssigneeID      string   // empty: no teammate
	TeamAssigneeID       string   // empty: no team
	Tags                 []AppliedTag
	CustomAttributes     map[string]any
	Rating               *Rating
	Parts                []Part // oldest first
	Statistics           Statistics
	// TicketID is the ticket that it was converted to, which has the same id; may be empty.
	TicketID string
	// Links are the tickets and conversations that it is linked with.
	Links []Ref
}

// clone is a copy that shares nothing that changes.
func (c *Conversation) clone() Conversation {
	out := *c
	out.Contacts = slices.Clone(c.Contacts)
	out.Tags = slices.Clone(c.Tags)
	out.Links = slices.Clone(c.Links)
	out.CustomAttributes = maps.Clone(c.CustomAttributes)
	out.Parts = slices.Clone(c.Parts)
	for i := range out.Parts {
		out.Parts[i].Tags = slices.Clone(out.Parts[i].Tags)
	}
	if c.Rating != nil {
		rating := *c.Rating
		out.Rating = &rating
	}
	out.Statistics.replies = slices.Clone(c.Statistics.replies)
	return out
}

func (c *Contact) clone() Contact {
	out := *c
	out.CustomAttributes = maps.Clone(c.CustomAttributes)
	out.Companies = slices.Clone(c.Companies)
	out.Tags = slices.Clone(c.Tags)
	out.Notes = slices.Clone(c.Notes)
	out.Events = slices.Clone(c.Events)
	return out
}

func (c *Contact) author() Author {
	return Author{Type: c.Role, ID: c.ID, Name: c.Name, Email: c.Email}
}

func (a *Admin) author() Author {
	return Author{Type: "admin", ID: a.ID, Name: a.Name, Email: a.Email}
}

// workspace is the state that people and API calls change.
type workspace struct {
	admins        table[Admin]
	teams         table[Team]
	tags          table[Tag]
	companies     table[Company]
	contacts      table[Contact]
	conversations table[Conversation]
	tickets       table[Ticket]
	ticketTypes   table[TicketType]
	ticketStates  table[TicketState]
	articles      table[Article]
	attributes    table[Attribute]
	tokenAdmin    string // id of the admin whom the token belongs to
	bot           Author
	appID         string

	ticketAttributes int // how many attributes of ticket types there are
}

func newWorkspace() workspace {
	return workspace{
		admins:        newTable[Admin](),
		teams:         newTable[Team](),
		tags:          newTable[Tag](),
		companies:     newTable[Company](),
		contacts:      newTable[Contact](),
		conversations: newTable[Conversation](),
		tickets:       newTable[Ticket](),
		ticketTypes:   newTable[TicketType](),
		ticketStates:  newTable[TicketState](),
		articles:      newTable[Article](),
		attributes:    newTable[Attribute](),
	}
}

func (w *workspace) tagByName(name string) *Tag {
	for tag := range w.tags.all {
		if strings.EqualFold(tag.Name, strings.TrimSpace(name)) {
			return tag
		}
	}
	return nil
}

// teamsOf are the ids of the teams that the admin is in.
func (w *workspace) teamsOf(adminID string) []string {
	var ids []string
	for team := range w.teams.all {
		if slices.Contains(team.Admins, adminID) {
			ids = append(ids, team.ID)
		}
	}
	return ids
}
