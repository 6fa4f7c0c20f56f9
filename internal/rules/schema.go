package rules

import (
	"time"

	"github.com/expr-lang/expr/types"

	"switchboard/internal/event"
)

// The schema is everything that expressions can name: it types them when they are loaded
// and finds their values when they run. A name is either a leaf, which has a way to get its
// value, or an object with further names.

// element is one name of the schema.
type element struct {
	name   string
	typ    types.Type              // of a leaf
	get    func(e *evaluation) any // of a leaf; nil stands for absent
	slot   int                     // of a leaf: where an evaluation keeps its value
	fields []*element              // of an object
	byName map[string]*element     // of an object
}

func (el *element) leaf() bool { return el.get != nil }

var (
	openMap  = types.Map{types.Extra: types.Any}
	timeType = types.TypeOf(time.Time{})
)

func leaf(name string, typ types.Type, get func(e *evaluation) any) *element {
	return &element{name: name, typ: typ, get: get}
}

func group(name string, fields ...*element) *element {
	return &element{name: name, fields: fields}
}

// leaves are the record's fields as leaves of the schema.
func (r record) leaves(get func(e *evaluation, f field) any) []*element {
	list := make([]*element, len(r))
	for i, f := range r {
		list[i] = leaf(f.name, f.typ, func(e *evaluation) any { return get(e, f) })
	}
	return list
}

// people is an object that says who somebody is.
func people(name string, get func(e *evaluation) author) *element {
	return group(name,
		leaf("type", types.String, func(e *evaluation) any { return textOf(get(e).kind) }),
		leaf("id", types.String, func(e *evaluation) any { return get(e).id }),
		leaf("name", types.String, func(e *evaluation) any { return get(e).name }),
		leaf("email", types.String, func(e *evaluation) any { return get(e).email }),
	)
}

// Set once by init: the leaves' functions refer to them, which a variable's initializer
// must not.
var (
	schema map[string]*element
	leaves []*element
	// leafNames are the paths of the leaves, such as contact.email.
	leafNames []string

	slotTags, slotContactName, slotMessageText int
)

func init() {
	schema, leaves = buildSchema()
	leafNames = make([]string, len(leaves))
	for name, root := range schema {
		root.nameLeaves(name)
	}
	slotTags = schema["conversation"].byName["tags"].slot
	slotContactName = schema["contact"].byName["name"].slot
	slotMessageText = schema["message"].byName["text"].slot
}

func buildSchema() (map[string]*element, []*element) {
	roots := []*element{
		eventElement(), conversationElement(), messageElement(), contactElement(),
		companyElement(), ticketElement(),
		adminElement(),
		people("actor", (*evaluation).actor),
		leaf("item", openMap, func(e *evaluation) any { return e.item }),
		leaf("companies", types.Array(companyFields.exprType()), (*evaluation).companyFacts),
	}
	names := make(map[string]*element, len(roots))
	var list []*element
	for _, root := range roots {
		names[root.name] = root
		list = root.number(list)
	}
	return names, list
}

// number gives every leaf its slot.
func (el *element) number(list []*element) []*element {
	if el.leaf() {
		el.slot = len(list)
		return append(list, el)
	}
	el.byName = make(map[string]*element, len(el.fields))
	for _, f := range el.fields {
		el.byName[f.name] = f
		list = f.number(list)
	}
	return list
}

// nameLeaves notes the paths of the leaves.
func (el *element) nameLeaves(path string) {
	if el.leaf() {
		leafNames[el.slot] = path
	}
	for _, f := range el.fields {
		f.nameLeaves(path + "." + f.name)
	}
}

// exprType is the type for the checker of expressions.
func (el *element) exprType() types.Type {
	if el.leaf() {
		return el.typ
	}
	m := types.Map{}
	for _, f := range el.fields {
		m[f.name] = f.exprType()
	}
	return m
}

// object is the element's value as a whole.
func (el *element) object(e *evaluation) any {
	if el.leaf() {
		return e.value(el.slot)
	}
	o := make(object, len(el.fields))
	for _, f := range el.fields {
		o[f.name] = f.object(e)
	}
	return o
}

// teammate is who acted, if it was a teammate.
func (e *evaluation) teammate() author {
	if a := e.actor(); a.from() == fromTeammate {
		return a
	}
	return author{}
}

// adminElement is the teammate who acted. What only topics about teammates tell is absent
// in others.
func adminElement() *element {
	el := people("admin", (*evaluation).teammate)
	of := func(name string, typ types.Type, read func(any) any) *element {
		return leaf(name, typ, func(e *evaluation) any {
			if e.topicWord(0) != "admin" {
				return nil
			}
			return read(e.item[name])
		})
	}
	el.fields = append(el.fields,
		of("away_mode_enabled", types.Bool, flagOf),
		of("away_mode_reassign", types.Bool, flagOf),
		of("has_inbox_seat", types.Bool, flagOf),
		of("team_ids", types.Array(types.String), idsOf),
	)
	return el
}

// idsOf reads a list of ids.
func idsOf(v any) any {
	list, ok := v.([]any)
	if !ok {
		return nil
	}
	ids := make([]any, 0, len(list))
	for _, id := range list {
		if id := idOf(id); id != nil {
			ids = append(ids, id)
		}
	}
	return ids
}

// cause is the event that the facts are about: for a timer the one that started it.
func (e *evaluation) cause() event.Trigger {
	if e.trigger != nil {
		return *e.trigger
	}
	ev := &e.in.Event
	return event.Trigger{ID: ev.ID, Topic: ev.Topic, Part: ev.Part, At: ev.CreatedAt.UTC()}
}

func eventElement() *element {
	return group("event",
		leaf("id", types.String, func(e *evaluation) any { return textOf(e.cause().ID) }),
		leaf("topic", types.String, func(e *evaluation) any { return e.cause().Topic }),
		leaf("workspace", types.String, func(e *evaluation) any { return textOf(e.in.Event.Workspace) }),
		leaf("subject", types.String, func(e *evaluation) any { return textOf(e.in.Event.Subject) }),
		leaf("part", types.String, func(e *evaluation) any { return textOf(e.cause().Part) }),
		leaf("from", types.String, func(e *evaluation) any { return textOf(e.actor().from()) }),
		leaf("created_at", timeType, func(e *evaluation) any { return e.cause().At }),
		leaf("received_at", timeType, func(e *evaluation) any { return e.in.Event.ReceivedAt.UTC() }),
	)
}

// within is a value inside an object of the conversation.
func within(name string, typ types.Type, read func(any) any, key string, holders ...string) *element {
	return leaf(name, typ, func(e *evaluation) any {
		return read(objectOf(e.conversationValue(holders...))[key])
	})
}

func conversationElement() *element {
	source := []string{"source", "conversation_message"}
	fields := []*element{
		leaf("id", types.String, func(e *evaluation) any { return idOf(e.conversation()["id"]) }),
		leaf("tags", types.Array(types.String), (*evaluation).tagNames),
		leaf("admin_assignee_id", types.String, func(e *evaluation) any { return e.assigneeID("admin") }),
		leaf("team_assignee_id", types.String, func(e *evaluation) any { return e.assigneeID("team") }),
		leaf("parts", types.Array(partType), (*evaluation).partFacts),
		leaf("messages", types.Array(partType), (*evaluation).messageFacts),
		group("source",
			leaf("type", types.String, func(e *evaluation) any { return textOf(e.sourceValue("type")) }),
			leaf("delivered_as", types.String, func(e *evaluation) any { return textOf(e.sourceValue("delivered_as")) }),
			leaf("subject", types.String, func(e *evaluation) any { return subjectOf(e.conversationValue(source...)) }),
			within("url", types.String, textOf, "url", source...),
			people("author", func(e *evaluation) author {
				return e.complete(authorOf(objectOf(e.conversationValue(source...))["author"]))
			}),
		),
		group("rating",
			within("rating", types.Int, numberOf, "rating", "conversation_rating"),
			within("remark", types.String, textOf, "remark", "conversation_rating"),
			within("created_at", timeType, timeOf, "created_at", "conversation_rating"),
		),
		group("sla",
			within("name", types.String, textOf, "sla_name", "sla_applied"),
			within("status", types.String, textOf, "sla_status", "sla_applied"),
		),
	}
	more := conversationFields.leaves(func(e *evaluation, f field) any { return f.read(e.conversationValue(f.keys...)) })
	return group("conversation", append(fields, more...)...)
}

// sourceValue reads a value of the conversation's source that payloads of the old
// generation do not have: there the conversation is looked up.
func (e *evaluation) sourceValue(key string) any {
	return objectOf(e.conversationValue("source"))[key]
}

// subjectOf reads the subject of a conversation's source; it is HTML in some payloads.
func subjectOf(source any) any {
	s, _ := objectOf(source)["subject"].(string)
	return textOf(htmlText(s))
}

func objectOrNil(v any) any {
	o := objectOf(v)
	if o == nil {
		return nil // an interface that holds a nil map would not be nil
	}
	return o
}

func messageElement() *element {
	return group("message",
		leaf("text", types.String, func(e *evaluation) any { return textOf(cut(htmlText(e.message().html))) }),
		leaf("html", types.String, func(e *evaluation) any { return textOf(e.message().html) }),
		leaf("excerpt", types.String, func(e *evaluation) any { return e.messageExcerpt() }),
		leaf("from", types.String, func(e *evaluation) any { return textOf(e.message().author.from()) }),
		leaf("part_type", types.String, func(e *evaluation) any { return e.message().partType }),
		leaf("created_at", timeType, func(e *evaluation) any { return e.message().createdAt }),
		people("author", func(e *evaluation) author { return e.message().author }),
	)
}

func (e *evaluation) messageExcerpt() any {
	text, _ := e.value(slotMessageText).(string)
	return textOf(excerpt(text))
}

func contactElement() *element {
	fields := []*element{
		leaf("id", types.String, func(e *evaluation) any { return textOf(e.contact().id) }),
		leaf("role", types.String, (*evaluation).contactRole),
		leaf("first_name", types.String, (*evaluation).firstName),
		group("location",
			leaf("country", types.String, func(e *evaluation) any { return e.location("country", "country_name") }),
			leaf("country_code", types.String, func(e *evaluation) any { return e.location("country_code", "country_code") }),
			leaf("region", types.String, func(e *evaluation) any { return e.location("region", "region_name") }),
			leaf("city", types.String, func(e *evaluation) any { return e.location("city", "city_name") }),
		),
	}
	more := contactFields.leaves(func(e *evaluation, f field) any { return f.read(e.contactValue(f.keys...)) })
	return group("contact", append(fields, more...)...)
}

func companyElement() *element {
	return group("company", companyFields.leaves(func(e *evaluation, f field) any { return f.of(e.companyObject()) })...)
}

// ticketLeaf is a value that stands in the ticket.
func ticketLeaf(name string, typ types.Type, read func(any) any, key string) *element {
	return leaf(name, typ, func(e *evaluation) any { return read(e.ticketValue(key)) })
}

func ticketElement() *element {
	attribute := func(name, key string) *element {
		return leaf(name, types.String, func(e *evaluation) any {
			return textOf(objectOf(e.ticketAttributes())[key])
		})
	}
	return group("ticket",
		leaf("id", types.String, func(e *evaluation) any { return idOf(e.ticket()["id"]) }),
		ticketLeaf("ticket_id", types.String, idOf, "ticket_id"),
		attribute("title", "_default_title_"),
		attribute("description", "_default_description_"),
		leaf("state", types.String, (*evaluation).ticketState),
		leaf("state_label", types.String, (*evaluation).ticketStateLabel),
		leaf("previous_state", types.String, (*evaluation).previousTicketState),
		leaf("type", types.String, (*evaluation).ticketTypeName),
		ticketLeaf("category", types.String, textOf, "category"),
		ticketLeaf("open", types.Bool, flagOf, "open"),
		ticketLeaf("admin_assignee_id", types.String, idOf, "admin_assignee_id"),
		ticketLeaf("team_assignee_id", types.String, idOf, "team_assignee_id"),
		ticketLeaf("created_at", timeType, timeOf, "created_at"),
		ticketLeaf("updated_at", timeType, timeOf, "updated_at"),
		leaf("attributes", openMap, (*evaluation).ticketAttributes),
		leaf("parts", types.Array(partType), (*evaluation).ticketPartFacts),
	)
}
