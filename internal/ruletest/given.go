package ruletest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"switchboard/internal/actions"
	"switchboard/internal/rules"
)

// object is a JSON object.
type object = map[string]any

// given is the world that a test begins with. Objects have the form of Intercom's API.
type given struct {
	at       time.Time
	zone     *time.Location
	teammate object // who acts in `teammate:`
	teams    map[string]string
	admins   map[string]string
	found    map[string][]any // what searches find, by their kind
	patches
}

// patches are what a test says of the objects.
type patches struct {
	contact, conversation, ticket object
	companies                     []any
	has                           bool // companies are said
	began                         bool // the conversation has begun already
}

// readGiven reads what is given: by the file for all tests, and by a test on top of that. Times count from when
// that test begins, so what the file says is read for each.
func (p *parser) readGiven(nodes ...*yaml.Node) *given {
	g := &given{zone: time.UTC, teams: map[string]string{}, admins: map[string]string{}, found: map[string][]any{}}
	g.contact, g.conversation = object{}, object{}
	g.teammate = object{"type": "admin", "id": "1", "name": "A teammate", "email": "teammate@example.com"}
	var at *yaml.Node
	var rest []map[string]*yaml.Node
	for _, n := range nodes {
		if n == nil || p.Empty(n) {
			continue
		}
		later := map[string]*yaml.Node{}
		keep := func(key string) func(*yaml.Node) { return func(n *yaml.Node) { later[key] = n } }
		p.Fields(n, map[string]func(*yaml.Node){
			"timezone": func(n *yaml.Node) { p.readZone(n, g) },
			"at":       func(n *yaml.Node) { at = n },
			"contact":  keep("contact"), "companies": keep("companies"), "conversation": keep("conversation"), "ticket": keep("ticket"),
			"teammate": func(n *yaml.Node) { p.readTeammate(n, g) },
			"teams":    func(n *yaml.Node) { p.readIDs(n, g.teams) },
			"admins":   func(n *yaml.Node) { p.readIDs(n, g.admins) },
			"found":    keep("found"),
		})
		rest = append(rest, later)
	}
	g.at = time.Date(2026, 1, 5, 10, 0, 0, 0, g.zone).UTC() // a Monday morning
	if at != nil {
		g.at = p.readMoment(at, g, false).at
	}
	for _, later := range rest {
		p.readPatches(later, g, &g.patches)
		if found := later["found"]; found != nil {
			p.readFound(found, g)
		}
	}
	return g
}

func (p patches) clone() patches {
	p.contact, p.conversation, p.ticket = cloneObject(p.contact), cloneObject(p.conversation), cloneObject(p.ticket)
	p.companies = cloneList(p.companies)
	return p
}

func (p *parser) readZone(n *yaml.Node, g *given) {
	zone, err := time.LoadLocation(n.Value)
	if n.Value == "" || n.Value == "Local" || err != nil {
		p.Problem(n, "rules/wrong-value", "such as Europe/Dublin", "there is no time zone %q", n.Value)
		return
	}
	g.zone = zone
}

func (p *parser) readTeammate(n *yaml.Node, g *given) {
	set := func(key string) func(*yaml.Node) {
		return func(n *yaml.Node) {
			if v, ok := p.Word(n, "the "+key+" of the teammate"); ok {
				g.teammate[key] = v
			}
		}
	}
	p.Fields(n, map[string]func(*yaml.Node){"id": set("id"), "name": set("name"), "email": set("email")})
}

// readIDs reads the ids of names.
func (p *parser) readIDs(n *yaml.Node, into map[string]string) {
	if n.Kind != yaml.MappingNode {
		p.Problem(n, "rules/wrong-type", "such as { Finance: 814 }", "this must be a mapping of names to ids")
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if id, ok := p.Word(n.Content[i+1], "an id"); ok {
			into[fold(n.Content[i].Value)] = id
		}
	}
}

func (p *parser) readFound(n *yaml.Node, g *given) {
	list := func(kind, prefix string) func(*yaml.Node) {
		return func(n *yaml.Node) {
			g.found[kind] = []any{}
			for _, item := range p.Items(n, "a list of "+kind) {
				if prefix == "" {
					g.found[kind] = append(g.found[kind], p.Value(item))
				} else {
					g.found[kind] = append(g.found[kind], p.readObject(item, prefix, g))
				}
			}
		}
	}
	p.Fields(n, map[string]func(*yaml.Node){
		"articles": list("articles", ""), "contacts": list("contacts", "contact"), "conversations": list("conversations", "conversation"),
	})
}

// readPatches reads what is said of the objects.
func (p *parser) readPatches(nodes map[string]*yaml.Node, g *given, into *patches) {
	if n := nodes["contact"]; n != nil {
		into.contact = merge(into.contact, p.readObject(n, "contact", g))
	}
	if n := nodes["conversation"]; n != nil {
		o := p.readObject(n, "conversation", g)
		for key := range o {
			into.began = into.began || slices.Contains(saysBegan, key)
		}
		into.conversation = merge(into.conversation, o)
	}
	if n := nodes["ticket"]; n != nil {
		into.ticket = merge(into.ticket, p.readObject(n, "ticket", g))
	}
	if n := nodes["companies"]; n != nil {
		into.companies, into.has = []any{}, true
		for _, item := range p.Items(n, "a list of companies") {
			into.companies = append(into.companies, p.readObject(item, "company", g))
		}
	}
}

// saysBegan are what only a conversation has that has begun.
var saysBegan = []string{
	"state", "tags", "admin_assignee_id", "team_assignee_id", "created_at", "updated_at", "waiting_since", "snoozed_until",
	"statistics", "conversation_rating", "id",
}

// derived are facts that follow from others, or are what happens in the test.
var derived = []string{"contact.first_name", "conversation.open", "conversation.parts", "conversation.messages", "ticket.parts", "ticket.previous_state"}

// places are where the API has a fact, if not under the fact's own name.
var places = map[string]string{
	"contact.language": "language_override",
	"contact.phone":    "phone",

	"conversation.subject":           "source.subject",
	"conversation.rating.rating":     "conversation_rating.rating",
	"conversation.rating.remark":     "conversation_rating.remark",
	"conversation.rating.created_at": "conversation_rating.created_at",
	"conversation.sla.name":          "sla_applied.sla_name",
	"conversation.sla.status":        "sla_applied.sla_status",

	"ticket.title":       "ticket_attributes._default_title_",
	"ticket.description": "ticket_attributes._default_description_",
	"ticket.attributes":  "ticket_attributes",
	"ticket.state":       "ticket_state.category",
	"ticket.state_label": "ticket_state.internal_label",
	"ticket.type":        "ticket_type.name",
}

// readObject reads an object by the names that its facts have in expressions.
func (p *parser) readObject(n *yaml.Node, root string, g *given) object {
	o := object{}
	p.readInto(n, root+".", root, o, g)
	return o
}

func (p *parser) readInto(n *yaml.Node, prefix, root string, o object, g *given) {
	known := map[string]func(*yaml.Node){}
	for _, f := range rules.Facts() {
		rest, ok := strings.CutPrefix(f.Path, prefix)
		if !ok || slices.Contains(derived, f.Path) {
			continue
		}
		if name, _, inner := strings.Cut(rest, "."); inner {
			known[name] = func(n *yaml.Node) { p.readInto(n, prefix+name+".", root, o, g) }
			continue
		}
		place := places[f.Path]
		if place == "" {
			place = strings.TrimPrefix(f.Path, root+".")
		}
		known[rest] = func(n *yaml.Node) {
			if v, ok := p.readFact(n, f, g); ok {
				put(o, strings.Split(place, "."), v)
			}
		}
	}
	p.Fields(n, known)
}

// readFact reads the value of a fact.
func (p *parser) readFact(n *yaml.Node, f rules.FactDoc, g *given) (any, bool) {
	v := p.Value(n)
	wrong := func(want string) (any, bool) {
		p.Problem(n, "rules/wrong-type", "", "%s is %s", f.Path, want)
		return nil, false
	}
	if v == nil {
		return nil, true
	}
	switch f.Type {
	case "text":
		switch v := v.(type) {
		case string:
			return v, true
		case int:
			return strconv.Itoa(v), true // an id
		}
		return wrong("a text")
	case "time":
		at, ok := ago(n.Value, g)
		if n.Kind != yaml.ScalarNode || !ok {
			p.Problem(n, "rules/wrong-value", "write 2026-03-02 09:00, or 3d ago", "%s is a time", f.Path)
			return nil, false
		}
		return at.Unix(), true
	case "true or false":
		if _, ok := v.(bool); !ok {
			return wrong("true or false")
		}
	case "number":
		switch v.(type) {
		case int, float64:
		default:
			return wrong("a number")
		}
	case "list of texts":
		return p.readTexts(n, f)
	case "object":
		o, ok := v.(object)
		if !ok {
			return wrong("a mapping of names to values")
		}
		return o, true
	}
	return v, true
}

func (p *parser) readTexts(n *yaml.Node, f rules.FactDoc) (any, bool) {
	names := []string{}
	if n.Kind != yaml.SequenceNode || len(n.Content) > 0 { // an empty list is fine
		names = p.Words(n, "a text or a list of texts")
	}
	if f.Path != "conversation.tags" {
		return names, true
	}
	list := []any{}
	for _, name := range names {
		list = append(list, object{"type": "tag", "id": "tag-" + name, "name": name})
	}
	return object{"type": "tag.list", "tags": list}, true
}

// ago reads a time, or how long ago it was when the test begins.
func ago(text string, g *given) (time.Time, bool) {
	if d, isAgo := strings.CutSuffix(text, " ago"); isAgo {
		length, ok := actions.ParseDuration(strings.ReplaceAll(d, " ", ""))
		return g.at.Add(-length), ok
	}
	return parseTime(text, g.at, g.zone)
}

// put puts a value at a path inside an object.
func put(o object, path []string, v any) {
	for _, name := range path[:len(path)-1] {
		inner, ok := o[name].(object)
		if !ok {
			inner = object{}
			o[name] = inner
		}
		o = inner
	}
	last := path[len(path)-1]
	if add, ok := v.(object); ok {
		if have, ok := o[last].(object); ok {
			merge(have, add)
			return
		}
	}
	o[last] = v
}

// merge puts what is said into an object, objects inside it included; it returns the object.
func merge(into, said object) object {
	if into == nil {
		into = object{}
	}
	for key, v := range said {
		if inner, ok := v.(object); ok && key != "tags" {
			if have, ok := into[key].(object); ok {
				merge(have, inner)
				continue
			}
		}
		into[key] = cloneValue(v)
	}
	return into
}

func cloneValue(v any) any {
	switch v := v.(type) {
	case object:
		return cloneObject(v)
	case []any:
		return cloneList(v)
	}
	return v
}

func cloneObject(o object) object {
	if o == nil {
		return nil
	}
	out := make(object, len(o))
	for key, v := range o {
		out[key] = cloneValue(v)
	}
	return out
}

func cloneList(list []any) []any {
	if list == nil {
		return nil
	}
	out := make([]any, len(list))
	for i, v := range list {
		out[i] = cloneValue(v)
	}
	return out
}

func fold(name string) string { return strings.ToLower(strings.Join(strings.Fields(name), " ")) }

func text(v any) string {
	if v == nil {
		return ""
	}
	return fmt.Sprint(v)
}
