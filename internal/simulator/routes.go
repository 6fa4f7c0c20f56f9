package simulator

// route is one endpoint, with the effect that its calls ask for ("" when they only read).
type route struct {
	method, path string
	handle       handler
	effect       Effect
}

func (r route) endpoint() string {
	if r.path == "" {
		return ""
	}
	return r.method + " " + r.path
}

// effectOfMessage marks endpoints whose effect depends on the message_type.
const effectOfMessage Effect = "of message"

// routes are all endpoints there are.
var routes = []route{
	{"GET", "/me", getMe, ""},
	{"GET", "/admins", listAdmins, ""},
	{"GET", "/admins/{id}", getAdmin, ""},
	{"PUT", "/admins/{id}/away", setAway, EffectAway},
	{"GET", "/teams", listTeams, ""},
	{"GET", "/teams/{id}", getTeam, ""},
	{"GET", "/tags", listTags, ""},
	{"POST", "/tags", upsertTag, EffectMakeTag},
	{"GET", "/tags/{id}", getTag, ""},
	{"DELETE", "/tags/{id}", deleteTag, EffectDelete},
	{"GET", "/data_attributes", listAttributes, ""},
	{"POST", "/data_attributes", createAttribute, EffectAttribute},
	{"PUT", "/data_attributes/{id}", updateAttribute, EffectAttribute},

	{"GET", "/contacts", listContacts, ""},
	{"POST", "/contacts", createContact, EffectContact},
	{"POST", "/contacts/search", searchContacts, ""},
	{"POST", "/contacts/merge", mergeContact, EffectContact},
	{"GET", "/contacts/find_by_external_id/{external}", findContact, ""},
	{"GET", "/contacts/{id}", getContact, ""},
	{"PUT", "/contacts/{id}", updateContact, EffectContact},
	{"PATCH", "/contacts/{id}", updateContact, EffectContact}, // of older texts about the API
	{"DELETE", "/contacts/{id}", deleteContact, EffectDelete},
	{"POST", "/contacts/{id}/archive", archiveContact, EffectContact},
	{"POST", "/contacts/{id}/unarchive", unarchiveContact, EffectContact},
	{"POST", "/contacts/{id}/block", blockContact, EffectContact},
	{"GET", "/contacts/{id}/companies", contactCompanies, ""},
	{"POST", "/contacts/{id}/companies", attachCompany, EffectAttach},
	{"DELETE", "/contacts/{id}/companies/{company}", detachCompany, EffectDetach},
	{"GET", "/contacts/{id}/notes", contactNotes, ""},
	{"POST", "/contacts/{id}/notes", createNote, EffectContactNote},
	{"GET", "/contacts/{id}/tags", contactTags, ""},
	{"POST", "/contacts/{id}/tags", tagContact, EffectContact},
	{"DELETE", "/contacts/{id}/tags/{tag}", untagContact, EffectContact},
	{"GET", "/contacts/{id}/subscriptions", contactSubscriptions, ""},
	{"GET", "/contacts/{id}/segments", contactSegments, ""},
	{"GET", "/notes/{id}", getNote, ""},

	{"GET", "/companies", findCompanies, ""},
	{"POST", "/companies", upsertCompany, EffectCompany},
	{"POST", "/companies/list", listCompanies, ""},
	{"GET", "/companies/scroll", scrollCompanies, ""},
	{"GET", "/companies/{id}", getCompany, ""},
	{"PUT", "/companies/{id}", updateCompany, EffectCompany},
	{"DELETE", "/companies/{id}", deleteCompany, EffectCompany},
	{"GET", "/companies/{id}/contacts", companyContacts, ""},
	{"GET", "/companies/{id}/segments", companySegments, ""},

	{"GET", "/conversations", listConversations, ""},
	{"POST", "/conversations", createConversation, EffectStart},
	{"POST", "/conversations/search", searchConversations, ""},
	{"POST", "/conversations/redact", redactConversation, EffectRedact},
	{"GET", "/conversations/{id}", getConversation, ""},
	{"PUT", "/conversations/{id}", updateConversation, EffectUpdate},
	{"DELETE", "/conversations/{id}", deleteConversation, EffectDelete},
	{"POST", "/conversations/{id}/reply", replyConversation, effectOfMessage},
	{"POST", "/conversations/{id}/parts", manageConversation, effectOfMessage},
	{"POST", "/conversations/{id}/tags", tagConversation, EffectTag},
	{"DELETE", "/conversations/{id}/tags/{tag}", untagConversation, EffectUntag},
	{"POST", "/conversations/{id}/convert", convertConversation, EffectConvert},
	{"POST", "/conversations/{id}/customers", attachContact, EffectAttach},
	{"DELETE", "/conversations/{id}/customers/{contact}", detachContact, EffectDetach},

	{"POST", "/tickets", createTicket, EffectTicket},
	{"POST", "/tickets/enqueue", enqueueTicket, EffectTicket},
	{"POST", "/tickets/search", searchTickets, ""},
	{"GET", "/tickets/{id}", getTicket, ""},
	{"PUT", "/tickets/{id}", updateTicket, EffectTicket},
	{"DELETE", "/tickets/{id}", deleteTicket, EffectDelete},
	{"POST", "/tickets/{id}/reply", replyTicket, effectOfMessage},
	{"POST", "/tickets/{id}/tags", tagTicket, EffectTag},
	{"DELETE", "/tickets/{id}/tags/{tag}", untagTicket, EffectUntag},
	{"GET", "/jobs/status/{id}", jobStatus, ""},
	{"GET", "/ticket_types", listTicketTypes, ""},
	{"POST", "/ticket_types", createTicketType, EffectTicketType},
	{"GET", "/ticket_types/{id}", getTicketType, ""},
	{"PUT", "/ticket_types/{id}", updateTicketType, EffectTicketType},
	{"POST", "/ticket_types/{id}/attributes", createTicketAttribute, EffectTicketType},
	{"GET", "/ticket_states", listTicketStates, ""},

	{"GET", "/articles", listArticles, ""},
	{"POST", "/articles", createArticle, EffectArticle},
	{"GET", "/articles/search", searchArticles, ""},
	{"GET", "/articles/{id}", getArticle, ""},
	{"PUT", "/articles/{id}", updateArticle, EffectArticle},
	{"DELETE", "/articles/{id}", deleteArticle, EffectDelete},

	{"POST", "/messages", createMessage, EffectMessage},
	{"GET", "/events", listEvents, ""},
	{"POST", "/events", createEvent, EffectEvent},
	{"POST", "/events/summaries", summarizeEvents, ""},
	{"GET", "/segments", listSegments, ""},
	{"GET", "/subscription_types", listSubscriptionTypes, ""},
}
