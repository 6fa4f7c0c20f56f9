package intercom

import (
	"net/http"
	"slices"
)

// Repeat says what becomes of doing the same call twice.
type Repeat string

// What a second call does.
const (
	// RepeatSafe: nothing that anybody could see.
	RepeatSafe Repeat = "safe"
	// RepeatHistory: nothing, but the history may have another line that says the same.
	RepeatHistory Repeat = "history"
	// RepeatVisible: people see it twice, or there are two of it.
	RepeatVisible Repeat = "visible"
	// RepeatVaries: one of these, depending on what the call is given.
	RepeatVaries Repeat = "varies"
)

// Operation is a call that the client can make.
type Operation struct {
	Method   string
	Endpoint string // the path, with {placeholders} for ids
	Name     string // of the Client's method
	Repeat   Repeat
	// Doubt says what to do when it is not known whether the call was carried out.
	Doubt string
}

// What to do about a doubt.
const (
	readAgain   = "ask again"
	sendAgain   = "send again"
	goneAlready = "; a 404 means that it is gone"
)

// operations is written by hand, because what it says about repeating is a judgement. A test
// holds it against the client's methods and what they send.
var operations = []Operation{
	{http.MethodGet, "/me", "Me", RepeatSafe, readAgain},
	{http.MethodGet, "/admins", "Admins", RepeatSafe, readAgain},
	{http.MethodGet, "/admins/{id}", "Admin", RepeatSafe, readAgain},
	{http.MethodPut, "/admins/{id}/away", "SetAway", RepeatSafe, sendAgain},
	{http.MethodGet, "/teams", "Teams", RepeatSafe, readAgain},
	{http.MethodGet, "/teams/{id}", "Team", RepeatSafe, readAgain},

	{http.MethodGet, "/contacts/{id}", "Contact", RepeatSafe, readAgain},
	{http.MethodGet, "/contacts/find_by_external_id/{external_id}", "ContactByExternalID", RepeatSafe, readAgain},
	{http.MethodGet, "/contacts", "ListContacts", RepeatSafe, readAgain},
	{http.MethodPost, "/contacts/search", "SearchContacts", RepeatSafe, readAgain},
	{http.MethodPost, "/contacts", "CreateContact", RepeatVisible, "look for its external id or e-mail address; with neither nothing tells"},
	{http.MethodPut, "/contacts/{id}", "UpdateContact", RepeatSafe, sendAgain},
	{http.MethodDelete, "/contacts/{id}", "DeleteContact", RepeatSafe, sendAgain + goneAlready},
	{http.MethodPost, "/contacts/{id}/archive", "ArchiveContact", RepeatSafe, sendAgain},
	{http.MethodPost, "/contacts/{id}/unarchive", "UnarchiveContact", RepeatSafe, sendAgain},
	{http.MethodPost, "/contacts/{id}/block", "BlockContact", RepeatSafe, sendAgain},
	{http.MethodPost, "/contacts/merge", "MergeContact", RepeatSafe, "read the lead: if it is gone, it was merged"},
	{http.MethodGet, "/contacts/{id}/notes", "ContactNotes", RepeatSafe, readAgain},
	{http.MethodPost, "/contacts/{id}/notes", "CreateContactNote", RepeatVisible, "list the contact's notes and look for it"},
	{http.MethodGet, "/contacts/{id}/tags", "ContactTags", RepeatSafe, readAgain},
	{http.MethodPost, "/contacts/{id}/tags", "TagContact", RepeatSafe, sendAgain},
	{http.MethodDelete, "/contacts/{id}/tags/{tag_id}", "UntagContact", RepeatSafe, sendAgain + goneAlready},

	{http.MethodGet, "/companies/{id}", "Company", RepeatSafe, readAgain},
	{http.MethodGet, "/companies", "FindCompany", RepeatSafe, readAgain},
	{http.MethodGet, "/companies", "CompaniesByName", RepeatSafe, readAgain},
	{http.MethodPost, "/companies/list", "ListCompanies", RepeatSafe, readAgain},
	{http.MethodPost, "/companies", "SaveCompany", RepeatSafe, sendAgain + ": it finds the company of that company_id"},
	{http.MethodPut, "/companies/{id}", "UpdateCompany", RepeatSafe, sendAgain},
	{http.MethodDelete, "/companies/{id}", "DeleteCompany", RepeatSafe, sendAgain + goneAlready},
	{http.MethodGet, "/contacts/{id}/companies", "ContactCompanies", RepeatSafe, readAgain},
	{http.MethodPost, "/contacts/{id}/companies", "AttachCompany", RepeatSafe, sendAgain},
	{http.MethodDelete, "/contacts/{id}/companies/{company_id}", "DetachCompany", RepeatSafe, sendAgain + goneAlready},

	{http.MethodGet, "/conversations/{id}", "Conversation", RepeatSafe, readAgain},
	{http.MethodGet, "/conversations", "ListConversations", RepeatSafe, readAgain},
	{http.MethodPost, "/conversations/search", "SearchConversations", RepeatSafe, readAgain},
	{http.MethodPost, "/conversations/search", "OpenConversations", RepeatSafe, readAgain},
	{http.MethodPost, "/conversations", "CreateConversation", RepeatVisible, "search the contact's conversations for one with the same first message"},
	{http.MethodPut, "/conversations/{id}", "UpdateConversation", RepeatHistory, sendAgain},
	{http.MethodPost, "/conversations/{id}/convert", "ConvertToTicket", RepeatVisible, "read the conversation: one that was converted has a ticket"},
	{http.MethodPost, replyEndpoint, "Reply", RepeatVisible, "read the conversation and look for the part"},
	{http.MethodPost, partsEndpoint, "Close", RepeatVaries, "without a text send again; with one read the conversation and look for the part"},
	{http.MethodPost, partsEndpoint, "Open", RepeatHistory, sendAgain},
	{http.MethodPost, partsEndpoint, "Snooze", RepeatHistory, sendAgain},
	{http.MethodPost, partsEndpoint, "Assign", RepeatHistory, sendAgain},
	{http.MethodPost, "/conversations/{id}/tags", "TagConversation", RepeatSafe, sendAgain},
	{http.MethodDelete, "/conversations/{id}/tags/{tag_id}", "UntagConversation", RepeatSafe, sendAgain + goneAlready},

	{http.MethodGet, "/tags", "Tags", RepeatSafe, readAgain},
	{http.MethodPost, "/tags", "CreateTag", RepeatSafe, sendAgain + ": it finds the tag of that name"},

	{http.MethodPost, "/tickets", "CreateTicket", RepeatVisible, "search the contact's tickets for one of the type that was created since"},
	{http.MethodGet, "/tickets/{id}", "Ticket", RepeatSafe, readAgain},
	{http.MethodPut, "/tickets/{id}", "UpdateTicket", RepeatHistory, sendAgain},
	{http.MethodPost, "/tickets/{id}/reply", "ReplyTicket", RepeatVisible, "read the ticket and look for the part"},
	{http.MethodPost, "/tickets/search", "SearchTickets", RepeatSafe, readAgain},
	{http.MethodPost, "/tickets/{id}/tags", "TagTicket", RepeatSafe, sendAgain},
	{http.MethodDelete, "/tickets/{id}/tags/{tag_id}", "UntagTicket", RepeatSafe, sendAgain + goneAlready},
	{http.MethodGet, "/ticket_types", "TicketTypes", RepeatSafe, readAgain},
	{http.MethodGet, "/ticket_states", "TicketStates", RepeatSafe, readAgain},

	{http.MethodPost, "/events", "TrackEvent", RepeatSafe, sendAgain + " with the same time: Intercom keeps one of a contact, name and second"},
	{http.MethodPost, "/messages", "SendMessage", RepeatVisible, "nothing tells: leave it to a person"},
	{http.MethodGet, "/data_attributes", "DataAttributes", RepeatSafe, readAgain},
	{http.MethodGet, "/data_attributes", "AllDataAttributes", RepeatSafe, readAgain},
	{http.MethodGet, "/articles", "Articles", RepeatSafe, readAgain},
	{http.MethodGet, "/articles/{id}", "Article", RepeatSafe, readAgain},
	{http.MethodGet, "/articles/search", "SearchArticles", RepeatSafe, readAgain},
}

// Operations lists every call that the client can make, in an order to read them in. Raw and
// RawPages are not among them: they make any call.
func Operations() []Operation { return slices.Clone(operations) }
