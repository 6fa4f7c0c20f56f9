package simulator_test

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// contradiction is a place where the description contradicts itself, its own examples, or what
// Intercom is known to do. The description is amended there, and only there, before anything is
// validated; an amendment that nothing needs fails the test.
type contradiction struct {
	// operation is one whose calls or answers need the amendment.
	operation string
	amendment
	// because says how we know which side is right.
	because string
}

// amendment changes the description at one place.
type amendment struct {
	place string
	// apply makes the change and returns what takes it back; nil: there is no such place.
	apply func(*openapi3.T) (undo func())
}

// change makes a different schema of one.
type change func(*openapi3.Schema)

func nullable(s *openapi3.Schema) { s.Nullable = true }

func orText(value string) change {
	return func(s *openapi3.Schema) { s.Enum = append(slices.Clone(s.Enum), value) }
}

func ofType(name string) change {
	return func(s *openapi3.Schema) { s.Type = &openapi3.Types{name} }
}

// anyValue takes values of every type in an object of free keys.
func anyValue(s *openapi3.Schema) { s.AdditionalProperties = openapi3.AdditionalProperties{} }

// orAddress takes a text as well.
func orAddress(s *openapi3.Schema) {
	original := *s
	*s = openapi3.Schema{OneOf: openapi3.SchemaRefs{{Value: &original}, {Value: openapi3.NewStringSchema()}}}
}

// orBool takes true and false as well.
func orBool(s *openapi3.Schema) {
	s.OneOf = append(slices.Clone(s.OneOf), &openapi3.SchemaRef{Value: openapi3.NewBoolSchema()})
}

// replace puts a changed copy in the place of a schema. What refers to the schema from
// elsewhere keeps the original.
func replace(ref *openapi3.SchemaRef, c change) (undo func()) {
	if ref == nil || ref.Value == nil {
		return nil
	}
	original := ref.Value
	changed := *original
	c(&changed)
	ref.Value = &changed
	return func() { ref.Value = original }
}

// field amends a property of a schema, or one of the forms that it is described with: "value/3"
// is the fourth, and "value/3/items" is of what the list that it is holds.
func field(schema, path string, c change) amendment {
	return amendment{schema + "." + path, func(t *openapi3.T) func() {
		owner := t.Components.Schemas[schema]
		if owner == nil {
			return nil
		}
		name, rest, deeper := strings.Cut(path, "/")
		ref := owner.Value.Properties[name]
		for deeper && ref != nil {
			var step string
			step, rest, deeper = strings.Cut(rest, "/")
			ref = inside(ref.Value, step)
		}
		return replace(ref, c)
	}}
}

func inside(s *openapi3.Schema, step string) *openapi3.SchemaRef {
	if step == "items" {
		return s.Items
	}
	if n, err := strconv.Atoi(step); err == nil && n < len(s.OneOf) {
		return s.OneOf[n]
	}
	return nil
}

// parameter amends a parameter of an operation.
func parameter(operation, in, name string, c change) amendment {
	return amendment{operation + " " + in + " " + name, func(t *openapi3.T) func() {
		if p := operationOf(t, operation).Parameters.GetByInAndName(in, name); p != nil {
			return replace(p.Schema, c)
		}
		return nil
	}}
}

// optional makes a parameter of an operation optional.
func optional(operation, in, name string) amendment {
	return amendment{operation + " " + in + " " + name, func(t *openapi3.T) func() {
		p := operationOf(t, operation).Parameters.GetByInAndName(in, name)
		if p == nil || !p.Required {
			return nil
		}
		p.Required = false
		return func() { p.Required = true }
	}}
}

// query adds a parameter that an operation lacks.
func query(operation, name, kind string) amendment {
	return amendment{operation + " query " + name, func(t *openapi3.T) func() {
		o := operationOf(t, operation)
		original := o.Parameters
		added := openapi3.NewQueryParameter(name).WithSchema(&openapi3.Schema{Type: &openapi3.Types{kind}})
		o.Parameters = append(slices.Clone(original), &openapi3.ParameterRef{Value: added})
		return func() { o.Parameters = original }
	}}
}

// refusal adds an error that an operation lacks.
func refusal(operation, status string) amendment {
	return amendment{operation + " " + status, func(t *openapi3.T) func() {
		o := operationOf(t, operation)
		if o.Responses.Value(status) != nil {
			return nil
		}
		answer := openapi3.NewResponse().WithDescription("an error").WithJSONSchemaRef(t.Components.Schemas["error"])
		o.Responses.Set(status, &openapi3.ResponseRef{Value: answer})
		return func() { o.Responses.Delete(status) }
	}}
}

// orSchema lets an operation answer with another schema as well.
func orSchema(operation, schema string) amendment {
	return amendment{operation + " 200", func(t *openapi3.T) func() {
		media := operationOf(t, operation).Responses.Status(http.StatusOK).Value.Content.Get("application/json")
		original := media.Schema
		media.Schema = &openapi3.SchemaRef{Value: &openapi3.Schema{OneOf: openapi3.SchemaRefs{original, t.Components.Schemas[schema]}}}
		return func() { media.Schema = original }
	}}
}

func operationOf(t *openapi3.T, name string) *openapi3.Operation {
	method, path, _ := strings.Cut(name, " ")
	return t.Paths.Value(path).GetOperation(method)
}

const getConversation = "GET /conversations/{conversation_id}"

// besideRef is why a null is let through where the description says "nullable" beside a $ref.
const besideRef = "it says nullable beside a $ref, where OpenAPI 3.0 does not look; its examples have null there"

// notYet is why a statistic may be null.
const notYet = "published conversations have null until it happens (fixtures conversation_operator_replied and conversation_admin_open_assigned)"

// numbered is why a list has parameters that nothing describes.
const numbered = "its answers have page, per_page and total_pages, and the client follows the address that they give of the next page"

// contradictions are all that we know.
var contradictions = slices.Concat([]contradiction{
	{
		"POST /messages", field("create_message_request", "message_type", orText("inapp")),
		"the example of the request, the title of its second form and the answer say inapp (FACTS 4.3)",
	},
	{
		"POST /contacts/{contact_id}/notes", parameter("POST /contacts/{contact_id}/notes", "path", "contact_id", ofType("string")),
		"ids of contacts are 24 hexadecimal digits; every other operation types them as text (FACTS 3)",
	},
	{
		"POST /events", field("create_data_event_request", "metadata", anyValue),
		"its own table of types has numbers, dates, links and prices beside texts",
	},
	{
		"POST /contacts/search", field("single_filter_search_request", "value/1", ofType("number")),
		"attributes hold fractions too: data_type of data_attribute has float",
	},
	{
		"POST /contacts/search", field("single_filter_search_request", "value/3/items", orBool),
		"its text lists IN and NIN for boolean fields",
	},
	{
		"GET /contacts", query("GET /contacts", "per_page", "integer"),
		"its text says that the number of results is limited by pagination, as in all lists with a cursor",
	},
	{
		"GET /contacts", query("GET /contacts", "starting_after", "string"),
		"its text says to use the parameter starting_after",
	},
	{
		"GET /companies", orSchema("GET /companies", "company"),
		"its text says that company_id and name fetch a single company",
	},
	{
		"GET /data_attributes", field("data_attribute", "model", orText("conversation")),
		"the operation's own parameter model takes conversation",
	},
	{
		"POST /contacts", field("contact", "email", nullable),
		"a contact needs no address, only a role (FACTS 4.2), and phone and name of one that has none are nullable",
	},
	{
		"GET /articles", field("cursor_pages", "next", orAddress),
		"lists that are asked for by number give the address of the next page; the description has a cursor for them and no parameter that takes one",
	},
	{"GET /articles", query("GET /articles", "page", "integer"), numbered},
	{"GET /articles", query("GET /articles", "per_page", "integer"), numbered},
	{"GET /articles/search", query("GET /articles/search", "page", "integer"), numbered},
	{"GET /articles/search", query("GET /articles/search", "per_page", "integer"), numbered},
	{getConversation, field("conversation", "ai_agent", nullable), besideRef},
	{"GET /conversations", field("conversation_list_item", "ai_agent", nullable), besideRef},
	{getConversation, field("conversation_part", "assigned_to", nullable), besideRef},
	{getConversation, field("conversation_part", "email_message_metadata", nullable), besideRef},
	{
		"GET /events", optional("GET /events", "query", "filter"),
		"its fields are spread over the query (style form, explode), which the validator does not see below a oneOf",
	},
	{"GET /events", query("GET /events", "user_id", "string"), "it is a field of filter, which is spread over the query"},
	{"POST /contacts", refusal("POST /contacts", "409"), "a contact of that address or external id exists (FACTS 4.2)"},
	{
		"GET /companies/scroll", refusal("GET /companies/scroll", "400"),
		"its text says that a second scroll is refused while one is open",
	},
	{
		"GET /conversations", field("conversation_statistics", "first_contact_reply_at", nullable),
		"where a teammate begins nothing has come from a contact yet; other statistics are null until they happen",
	},
	{
		"GET /conversations", field("conversation_statistics", "last_contact_reply_at", nullable),
		"where a teammate begins nothing has come from a contact yet; other statistics are null until they happen",
	},
}, nullStatistics("first_admin_reply_at", "first_assignment_at", "first_close_at", "handling_time", "last_admin_reply_at",
	"last_assignment_admin_reply_at", "last_assignment_at", "last_close_at", "last_closed_by_id", "median_time_to_reply",
	"time_to_admin_reply", "time_to_assignment", "time_to_first_close", "time_to_last_close"),
	lacking("401", "every operation may be refused for its token; most of them list it (FACTS 4)",
		"GET /me", "POST /contacts/{contact_id}/notes", "GET /contacts/{contact_id}/notes", "POST /tickets/search",
		"POST /conversations/search", "POST /conversations/{conversation_id}/convert", "POST /contacts/{contact_id}/archive",
		"POST /contacts/{contact_id}/unarchive", "POST /contacts/{contact_id}/block"),
	lacking("404", "what does not exist is not found, as in the operations that list it (FACTS 4, 6.2)",
		"POST /tickets", "PUT /contacts/{contact_id}", "POST /messages", "POST /events", "GET /tickets/{ticket_id}",
		"GET /contacts/{contact_id}", "POST /tickets/enqueue", "POST /events/summaries", "POST /conversations/{conversation_id}/convert",
		"POST /contacts/merge", "POST /contacts/{contact_id}/archive", "POST /contacts/{contact_id}/unarchive",
		"POST /contacts/{contact_id}/block", "POST /contacts", "POST /articles", "GET /events",
		"GET /contacts/find_by_external_id/{external_id}", "DELETE /conversations/{conversation_id}", "DELETE /contacts/{contact_id}"),
)

func nullStatistics(names ...string) (all []contradiction) {
	for _, name := range names {
		all = append(all, contradiction{getConversation, field("conversation_statistics", name, nullable), notYet})
	}
	return all
}

func lacking(status, because string, operations ...string) (all []contradiction) {
	for _, operation := range operations {
		all = append(all, contradiction{operation, refusal(operation, status), because})
	}
	return all
}
