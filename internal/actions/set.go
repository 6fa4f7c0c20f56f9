package actions

import (
	"context"
	"encoding/json"
	"strings"

	"gopkg.in/yaml.v3"

	"switchboard/internal/event"
	"switchboard/internal/intercom"
)

// set sets attributes, and the title of the conversation:
//
//   - set: { title: "Refund {{ ... }}", attributes: { Order: "{{ ... }}", Urgent: true } }
//   - set: { contact: { plan: pro } }
//   - set: { ticket: { Order: "{{ ... }}" } }
//
// Attributes are named as in Intercom; null clears one. They have to exist: a name that does
// not makes a dead letter with the closest one.
type set struct{ repeatable }

type setSpec struct {
	title      Text
	on         string // conversation, contact or ticket
	attributes []field
}

type setParams struct {
	On         string         `json:"on"`
	Contact    string         `json:"contact,omitempty"`
	Title      string         `json:"title,omitempty"`
	Attributes map[string]any `json:"attributes,omitempty"`
}

// maxTitle is a limit of our own; Intercom documents none.
const maxTitle = 255

// Name is "set".
func (set) Name() string { return "set" }

// Parse reads what is set.
func (set) Parse(n *yaml.Node, d Decoder) Spec {
	s, ok := &setSpec{}, true
	of := func(on string) func(*yaml.Node) {
		return func(n *yaml.Node) {
			if s.on != "" && s.on != on {
				d.Problem(n, CodeParameter, "use two set actions", "one set is about one thing, and this is about the %s, too", on)
				ok = false
				return
			}
			s.on = on
			list, fine := parseFields(n, d, parseScalar)
			s.attributes, ok = list, ok && fine
			if fine && len(list) == 0 {
				d.Problem(n, CodeParameter, "", "no attribute is set")
				ok = false
			}
		}
	}
	d.Fields(n, map[string]func(*yaml.Node){
		"title": func(n *yaml.Node) {
			if s.on != "" && s.on != event.KindConversation {
				d.Problem(n, CodeParameter, "use two set actions", "one set is about one thing, and this is about the conversation, too")
				ok = false
				return
			}
			s.on, s.title = event.KindConversation, requireText(n, d, "the title", false)
			ok = ok && s.title != nil
		},
		"attributes": of(event.KindConversation),
		"contact":    of(event.KindContact),
		"ticket":     of(event.KindTicket),
	})
	if s.on == "" && ok && n.Kind == yaml.MappingNode {
		d.Problem(n, CodeParameter, "title, attributes, contact or ticket", "nothing is set")
	}
	if s.on == "" || !ok {
		return nil
	}
	return s
}

// Subjects are what the attributes are of; a contact can be named by events of many kinds.
func (s *setSpec) Subjects() []string {
	if s.on == event.KindContact {
		return nil
	}
	return []string{s.on}
}

// Plan renders the values.
func (s *setSpec) Plan(p Plan) (json.RawMessage, error) {
	params := setParams{On: s.on}
	var err error
	switch s.on {
	case event.KindContact:
		params.Contact, err = p.Contact()
	case event.KindTicket:
		_, err = ticketID("set", p.Event.Subject)
	default:
		_, err = conversationID("set", p.Event.Subject)
	}
	if err != nil {
		return nil, err
	}
	if s.title != nil {
		if params.Title, err = s.title.Render(p.Facts); err != nil {
			return nil, err
		}
		if params.Title = short(params.Title, maxTitle); params.Title == "" {
			return nil, errorf("the title came out empty")
		}
	}
	if params.Attributes, err = renderFields(s.attributes, p.Facts); err != nil {
		return nil, err
	}
	return encodeParams(params)
}

// Summary names what is set.
func (s *setSpec) Summary() string {
	var names []string
	if s.title != nil {
		names = append(names, "title")
	}
	for _, f := range s.attributes {
		names = append(names, f.name)
	}
	return "set " + s.on + " " + short(strings.Join(names, ", "), 60)
}

// Do sets the attributes.
func (set) Do(ctx context.Context, env *Env, c Call) (Result, error) {
	var p setParams
	if err := decodeParams("set", c.Params, &p); err != nil {
		return Result{}, err
	}
	done := Result{Detail: "set attributes of the " + p.On}
	switch p.On {
	case event.KindContact:
		done.Touched = []string{event.KindContact + "/" + p.Contact}
		values, err := attributeValues(ctx, env, intercom.ModelContact, p.Attributes)
		if err != nil {
			return Result{}, err
		}
		_, err = env.Client.UpdateContact(ctx, p.Contact, intercom.ContactRequest{CustomAttributes: values})
		return done, err
	case event.KindTicket:
		done.Touched = []string{c.Subject}
		return done, p.setTicket(ctx, env, c)
	}
	id, err := conversationID("set", c.Subject)
	if err != nil {
		return Result{}, err
	}
	values, err := attributeValues(ctx, env, intercom.ModelConversation, p.Attributes)
	if err != nil {
		return Result{}, err
	}
	r := intercom.UpdateConversationRequest{CustomAttributes: values}
	if p.Title != "" {
		r.Title = &p.Title
	}
	_, err = env.Client.UpdateConversation(ctx, id, r)
	return done, err
}

// setTicket reads the ticket first: its type says which attributes it has.
func (p *setParams) setTicket(ctx context.Context, env *Env, c Call) error {
	id, err := ticketID("set", c.Subject)
	if err != nil {
		return err
	}
	admin, err := actingAdmin(ctx, env, c)
	if err != nil {
		return err
	}
	t, _, err := env.Client.Ticket(ctx, id)
	if err != nil {
		return err
	}
	values, err := ticketValues(t.Type, p.Attributes)
	if err != nil {
		return err
	}
	_, err = env.Client.UpdateTicket(ctx, id, intercom.UpdateTicketRequest{AdminID: admin, Attributes: values})
	return err
}

func (set) describe(params json.RawMessage) string {
	var p setParams
	if decodeParams("set", params, &p) != nil {
		return "set"
	}
	return "set attributes of the " + p.On
}
