package rules

import (
	"reflect"
	"strconv"

	"github.com/expr-lang/expr/types"
)

// field is a value that stands under one of some keys (names in both generations of
// payloads) in an object of Intercom's, the same in payloads and in answers.
type field struct {
	name string
	typ  types.Type
	read func(any) any
	keys []string
}

func named(name string, typ types.Type, read func(any) any, keys ...string) field {
	if len(keys) == 0 {
		keys = []string{name}
	}
	return field{name, typ, read, keys}
}

// of is the field of an object, from the first key that has a value.
func (f field) of(o object) any {
	for _, key := range f.keys {
		if v := f.read(o[key]); v != nil {
			return v
		}
	}
	return nil
}

// record describes objects that come in lists: companies, parts, results of a search.
type record []field

// facts is an object with the names and types of the record.
func (r record) facts(o object) object {
	out := make(object, len(r))
	for _, f := range r {
		out[f.name] = f.of(o)
	}
	return out
}

// exprType is the type for the checker of expressions.
func (r record) exprType() types.Map {
	m := make(types.Map, len(r))
	for _, f := range r {
		m[f.name] = f.typ
	}
	return m
}

// goType is the same as a Go type. The expr library computes what a function returns from
// those; it looks names up in the tags.
func (r record) goType() reflect.Type {
	fields := make([]reflect.StructField, len(r))
	for i, f := range r {
		n := f.typ.Nature()
		fields[i] = reflect.StructField{
			Name: "F" + strconv.Itoa(i), Type: n.Type,
			Tag: reflect.StructTag("expr:" + strconv.Quote(f.name)),
		}
	}
	return reflect.StructOf(fields)
}

var contactFields = record{
	named("external_id", types.String, idOf, "external_id", "user_id"),
	named("email", types.String, textOf),
	named("name", types.String, textOf),
	named("phone", types.String, textOf),
	named("owner_id", types.String, idOf),
	named("custom_attributes", openMap, objectOrNil),
	named("created_at", timeType, timeOf),
	named("updated_at", timeType, timeOf),
	named("signed_up_at", timeType, timeOf),
	named("last_seen_at", timeType, timeOf, "last_seen_at", "last_request_at"),
	named("last_replied_at", timeType, timeOf),
	named("last_contacted_at", timeType, timeOf),
	named("unsubscribed_from_emails", types.Bool, flagOf),
	named("has_hard_bounced", types.Bool, flagOf),
	named("marked_email_as_spam", types.Bool, flagOf),
	named("language", types.String, textOf, "language_override", "browser_language"),
	named("browser", types.String, textOf),
	named("os", types.String, textOf),
}

// foundContact is a contact in a list: the same fields, and those that the contact of an
// event takes from several places.
var foundContact = append(record{
	named("id", types.String, idOf),
	named("role", types.String, textOf),
	named("first_name", types.String, firstWord, "name"),
}, contactFields...)

var companyFields = record{
	named("id", types.String, idOf),
	named("company_id", types.String, idOf),
	named("name", types.String, textOf),
	named("plan", types.String, planName),
	named("size", types.Int, numberOf),
	named("website", types.String, textOf),
	named("industry", types.String, textOf),
	named("monthly_spend", types.Float64, numberOf),
	named("session_count", types.Int, numberOf),
	named("user_count", types.Int, numberOf),
	named("created_at", timeType, timeOf),
	named("updated_at", timeType, timeOf),
	named("last_request_at", timeType, timeOf),
	named("custom_attributes", openMap, objectOrNil),
}

var conversationFields = record{
	named("state", types.String, textOf),
	named("open", types.Bool, flagOf),
	named("read", types.Bool, flagOf),
	named("title", types.String, textOf),
	named("subject", types.String, subjectOf, "source", "conversation_message"),
	named("priority", types.String, textOf),
	named("created_at", timeType, timeOf),
	named("updated_at", timeType, timeOf),
	named("waiting_since", timeType, timeOf),
	named("snoozed_until", timeType, timeOf),
	named("custom_attributes", openMap, objectOrNil),
	named("ai_agent_participated", types.Bool, flagOf),
	named("statistics", openMap, statisticsOf),
}

// foundConversation is a conversation in a list.
var foundConversation = append(record{
	named("id", types.String, idOf),
	named("tags", types.Array(types.String), tagNamesIn),
	named("admin_assignee_id", types.String, idOf),
	named("team_assignee_id", types.String, idOf),
}, conversationFields...)

var foundArticle = record{
	named("id", types.String, idOf),
	named("title", types.String, textOf),
	named("description", types.String, textOf),
	named("url", types.String, textOf),
	named("created_at", timeType, timeOf),
	named("updated_at", timeType, timeOf),
}
