package intercom

import (
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Resource is what can be searched.
type Resource string

// The resources that can be searched.
const (
	Contacts      Resource = "contacts"
	Conversations Resource = "conversations"
	Tickets       Resource = "tickets"
)

// pageSize is how many items a page of a search holds: the documented default, or the maximum
// where that is documented.
func (r Resource) pageSize() int {
	switch r {
	case Contacts:
		return 50
	case Conversations:
		return 150
	}
	return 20
}

// fieldKind is what a field of a search holds, as Intercom sees it.
type fieldKind string

const (
	kindText fieldKind = "a text"
	kindInt  fieldKind = "a whole number"
	kindDate fieldKind = "a date"
	kindBool fieldKind = "true or false"
	kindTag  fieldKind = "a tag"
	// kindAny is what nobody but the workspace knows, such as its custom attributes.
	kindAny fieldKind = "a field"
)

// fieldKinds are the kinds of the fields that Intercom lists for searches, except for the many
// that hold a text.
var fieldKinds = map[Resource]map[string]fieldKind{
	Contacts: {
		"owner_id": kindInt, "tag_id": kindTag,
		"unsubscribed_from_emails": kindBool, "marked_email_as_spam": kindBool, "has_hard_bounced": kindBool,
		"created_at": kindDate, "signed_up_at": kindDate, "updated_at": kindDate, "last_seen_at": kindDate,
		"last_contacted_at": kindDate, "last_replied_at": kindDate, "last_email_opened_at": kindDate,
		"last_email_clicked_at": kindDate, "ios_last_seen_at": kindDate, "android_last_seen_at": kindDate,
	},
	Conversations: {
		"created_at": kindDate, "updated_at": kindDate, "waiting_since": kindDate, "snoozed_until": kindDate,
		"admin_assignee_id": kindInt, "team_assignee_id": kindInt,
		"open": kindBool, "read": kindBool, "ai_agent_participated": kindBool,
		"conversation_rating.requested_at": kindDate, "conversation_rating.replied_at": kindDate,
		"conversation_rating.score": kindInt, "ai_agent.rating": kindInt,
		"statistics.time_to_assignment": kindInt, "statistics.time_to_admin_reply": kindInt,
		"statistics.time_to_first_close": kindInt, "statistics.time_to_last_close": kindInt,
		"statistics.median_time_to_reply": kindInt, "statistics.count_reopens": kindInt,
		"statistics.count_assignments": kindInt, "statistics.count_conversation_parts": kindInt,
		"statistics.first_contact_reply_at": kindDate, "statistics.first_assignment_at": kindDate,
		"statistics.first_admin_reply_at": kindDate, "statistics.first_close_at": kindDate,
		"statistics.last_assignment_at": kindDate, "statistics.last_assignment_admin_reply_at": kindDate,
		"statistics.last_contact_reply_at": kindDate, "statistics.last_admin_reply_at": kindDate,
		"statistics.last_close_at": kindDate,
	},
	Tickets: {
		"created_at": kindDate, "updated_at": kindDate, "snoozed_until": kindDate, "open": kindBool,
	},
}

// texts are the fields that hold a text. Ids do, except for owners and for the assignees of
// conversations, but not those of tickets.
var texts = map[Resource][]string{
	Contacts: {
		"id", "role", "name", "avatar", "email", "email_domain", "phone", "external_id", "language_override",
		"browser", "browser_language", "os", "location.country", "location.region", "location.city",
		"ios_app_version", "ios_device", "ios_app_device", "ios_os_version", "ios_app_name", "ios_sdk_version",
		"android_app_version", "android_device", "android_app_name", "android_sdk_version", "segment_id",
	},
	Conversations: {
		"id", "source.type", "source.id", "source.delivered_as", "source.subject", "source.body",
		"source.author.id", "source.author.type", "source.author.name", "source.author.email", "source.url",
		"contact_ids", "teammate_ids", "channel_initiated", "state", "tag_ids", "priority",
		"statistics.last_closed_by_id", "conversation_rating.remark", "conversation_rating.contact_id",
		"ai_agent.resolution_state", "ai_agent.last_answer_type", "ai_agent.rating_remark",
		"ai_agent.source_type", "ai_agent.source_title",
	},
	Tickets: {
		"id", "title", "description", "category", "ticket_type_id", "contact_ids", "teammate_ids",
		"admin_assignee_id", "team_assignee_id", "state",
	},
}

// kindOf is what a field holds. A field that is not listed may exist all the same: Intercom
// calls its lists "most fields".
func (r Resource) kindOf(field string) fieldKind {
	if kind, ok := fieldKinds[r][field]; ok {
		return kind
	}
	if slices.Contains(texts[r], field) {
		return kindText
	}
	return kindAny
}

// operators are those that a field takes, by Intercom's description of each search.
func (r Resource) operators(field string, kind fieldKind) []Op {
	switch kind {
	case kindTag:
		return equality
	case kindBool:
		return slices.Concat(equality, inList)
	case kindText:
		return slices.Concat(equality, inList, textual)
	case kindDate:
		switch {
		case r == Contacts: // compared by calendar day
			return []Op{OpEq, OpLess, OpGreater}
		case r == Tickets && field == "created_at":
			return slices.Concat(equality, inList, ordering, orEqual)
		}
		return slices.Concat(equality, inList, ordering)
	case kindInt:
		if r == Contacts {
			return slices.Concat(equality, inList, ordering, orEqual)
		}
		return slices.Concat(equality, inList, ordering)
	}
	if r == Contacts {
		return operators
	}
	return slices.Concat(equality, inList, ordering, textual)
}

// value gives a value the type that fields of the kind have in a search: Intercom refuses a
// number in quotes where it wants a number, and the other way round.
func (k fieldKind) value(v any) (any, error) {
	switch k {
	case kindInt:
		if n, ok := integer(v); ok {
			return n, nil
		}
		return nil, errors.New("the value must be a whole number")
	case kindDate:
		if n, ok := seconds(v); ok {
			return n, nil
		}
		return nil, errors.New("the value must be a time or Unix seconds")
	case kindBool:
		if b, ok := v.(bool); ok {
			return b, nil
		}
		return nil, errors.New("the value must be true or false")
	case kindText, kindTag:
		if s, ok := text(v); ok {
			return s, nil
		}
		return nil, errors.New("the value must be a text")
	}
	return plainValue(v)
}

// plainValue takes any single value for a field of unknown kind, in the type that it has.
func plainValue(v any) (any, error) {
	switch v.(type) {
	case bool, json.Number:
		return v, nil
	case time.Time, Time:
		if n, ok := seconds(v); ok {
			return n, nil
		}
	}
	switch r := reflect.ValueOf(v); {
	case !r.IsValid():
	case r.Kind() == reflect.String:
		return r.String(), nil
	case r.CanInt(), r.CanUint(), r.CanFloat():
		return v, nil
	}
	return nil, errors.New("the value must be a text, a number, a time, or true or false")
}

// elements gives the elements of any list.
func elements(v any) ([]any, bool) {
	r := reflect.ValueOf(v)
	if !r.IsValid() || (r.Kind() != reflect.Slice && r.Kind() != reflect.Array) {
		return nil, false
	}
	all := make([]any, r.Len())
	for i := range all {
		all[i] = r.Index(i).Interface()
	}
	return all, true
}

// integer takes any whole number, and one that is written as a text, as ids are.
func integer(v any) (int64, bool) {
	r := reflect.ValueOf(v)
	switch {
	case !r.IsValid():
		return 0, false
	case r.CanInt():
		return r.Int(), true
	case r.CanUint():
		return int64(r.Uint()), r.Uint() <= math.MaxInt64
	case r.CanFloat():
		// From 2^53 on, a number may not be the one that was written.
		f := r.Float()
		return int64(f), f == math.Trunc(f) && math.Abs(f) < 1<<53
	case r.Kind() == reflect.String:
		n, err := strconv.ParseInt(strings.TrimSpace(r.String()), 10, 64)
		return n, err == nil
	}
	return 0, false
}

// seconds takes a time, or Unix seconds.
func seconds(v any) (int64, bool) {
	switch at := v.(type) {
	case time.Time:
		return at.Unix(), !at.IsZero()
	case Time:
		return at.Unix(), !at.IsZero()
	}
	return integer(v)
}

// text takes a text of any type, and a whole number, as ids are written without quotes.
func text(v any) (string, bool) {
	if r := reflect.ValueOf(v); r.IsValid() && r.Kind() == reflect.String {
		return r.String(), true
	}
	if n, ok := integer(v); ok {
		return strconv.FormatInt(n, 10), true
	}
	return "", false
}
