package rules

import (
	"maps"
	"slices"
	"strings"
)

// searchField is a field that Intercom can search by.
type searchField struct {
	holds searchKind
	// words are the only values there are; nil for any.
	words []string
	// operators are allowed instead of the usual ones of the kind.
	operators []string
}

// searchKind is what a searchable field holds. A value of another type would be refused.
type searchKind int

const (
	searchAny searchKind = iota // a custom attribute
	searchText
	searchNumber
	searchDate
	searchFlag
)

// String names the kind for people.
func (k searchKind) String() string {
	return [...]string{"anything", "a text", "a number", "a time", "true or false"}[k]
}

// searchOperators are the operators of each kind.
var searchOperators = map[searchKind][]string{
	searchAny:    {"=", "!=", "IN", "NIN", ">", "<", "~", "!~", "^", "$"},
	searchText:   {"=", "!=", "IN", "NIN", "~", "!~", "^", "$"},
	searchNumber: {"=", "!=", "IN", "NIN", ">", "<"},
	searchDate:   {"=", "!=", "IN", "NIN", ">", "<"},
	searchFlag:   {"=", "!="},
}

// allSearchOperators are those of any kind.
var allSearchOperators = append(slices.Clone(searchOperators[searchAny]), ">=", "<=")

func fieldsOf(kind searchKind, names string) map[string]searchField {
	m := map[string]searchField{}
	for _, name := range strings.Fields(names) {
		m[name] = searchField{holds: kind}
	}
	return m
}

func merged(groups ...map[string]searchField) map[string]searchField {
	all := map[string]searchField{}
	for _, m := range groups {
		maps.Copy(all, m)
	}
	return all
}

// contactSearch are the searchable fields of contacts in API 2.14. Their dates are compared
// by calendar day.
var contactSearch = merged(
	fieldsOf(searchText, `id name avatar email email_domain phone external_id language_override browser browser_language os
		location.country location.region location.city ios_app_version ios_device ios_app_device ios_os_version ios_app_name
		ios_sdk_version android_sdk_version android_app_version android_device android_app_name segment_id`),
	fieldsOf(searchFlag, "unsubscribed_from_emails marked_email_as_spam has_hard_bounced"),
	map[string]searchField{
		"role":     {holds: searchText, words: []string{"user", "lead"}},
		"owner_id": {holds: searchNumber, operators: append(slices.Clone(searchOperators[searchNumber]), ">=", "<=")},
		"tag_id":   {holds: searchText, operators: []string{"=", "!="}},
	},
	dayFields(`created_at signed_up_at updated_at last_seen_at last_contacted_at last_replied_at last_email_opened_at
		last_email_clicked_at ios_last_seen_at android_last_seen_at`),
)

func dayFields(names string) map[string]searchField {
	m := fieldsOf(searchDate, names)
	for name := range m {
		m[name] = searchField{holds: searchDate, operators: []string{"=", ">", "<"}}
	}
	return m
}

// conversationSearch are the searchable fields of conversations in API 2.14.
var conversationSearch = merged(
	fieldsOf(searchText, `id source.id source.delivered_as source.subject source.body source.author.id source.author.type
		source.author.name source.author.email source.url contact_ids teammate_ids channel_initiated tag_ids
		statistics.last_closed_by_id conversation_rating.remark conversation_rating.contact_id
		ai_agent.resolution_state ai_agent.last_answer_type ai_agent.rating_remark ai_agent.source_type ai_agent.source_title`),
	fieldsOf(searchNumber, `admin_assignee_id team_assignee_id statistics.time_to_assignment statistics.time_to_admin_reply
		statistics.time_to_first_close statistics.time_to_last_close statistics.median_time_to_reply statistics.count_reopens
		statistics.count_assignments statistics.count_conversation_parts conversation_rating.score ai_agent.rating`),
	fieldsOf(searchDate, `created_at updated_at waiting_since snoozed_until statistics.first_contact_reply_at
		statistics.first_assignment_at statistics.first_admin_reply_at statistics.first_close_at statistics.last_assignment_at
		statistics.last_assignment_admin_reply_at statistics.last_contact_reply_at statistics.last_admin_reply_at
		statistics.last_close_at conversation_rating.requested_at conversation_rating.replied_at`),
	fieldsOf(searchFlag, "open read ai_agent_participated"),
	map[string]searchField{
		"state":    {holds: searchText, words: []string{"open", "closed", "snoozed"}},
		"priority": {holds: searchText, words: []string{"priority", "not_priority"}},
		"source.type": {holds: searchText, words: []string{
			"conversation", "email", "facebook", "instagram", "phone_call", "phone_switch", "push", "sms", "twitter", "whatsapp",
		}},
	},
)

func (f searchField) allowed() []string {
	if f.operators != nil {
		return f.operators
	}
	return searchOperators[f.holds]
}

// search is a function that searches.
type search struct {
	kind  QuestionKind
	by    map[string]searchField // nil: by words
	found record
	// attributes is what the names of a workspace's own begin with, and attributeID what follows;
	// empty for "custom_attributes." and "NAME".
	attributes, attributeID string
	// usual and most are how many objects it returns when the rule does not say, and at most.
	usual, most int
	example     string
}

var searches = []*search{
	{kind: AskArticles, found: foundArticle, usual: 5, most: 10, example: `articles("refund policy")`},
	{kind: AskContacts, by: contactSearch, found: foundContact, usual: 10, most: 50, example: `contacts({email: contact.email})`},
	{kind: AskConversations, by: conversationSearch, found: foundConversation, usual: 10, most: 50, example: `conversations({state: "open"})`},
}

func (s *search) function() function {
	return function{typ: returning{s.found.goType()}, compile: s.compile}
}
