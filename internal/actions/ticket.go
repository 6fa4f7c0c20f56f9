package actions

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"switchboard/internal/event"
	"switchboard/internal/intercom"
)

// ticket makes tickets and works on them:
//
//   - ticket: { convert: { type: Bug, attributes: { Order: "{{ ... }}" } } }          # the conversation becomes one
//   - ticket: { create: { type: Bug, title: ..., description: ..., attributes: {...} } } # for the event's contact
//   - ticket: { reply: TEXT }          # on an event about a ticket
//   - ticket: { note: TEXT }
//   - ticket: { state: "In progress" }
//
// Setting a state may be repeated. The others are looked for after a doubt: a reply or note
// among the ticket's parts, a conversion at the conversation, a new ticket by searching; and
// what a search does not find may only not be found yet, so that is left to a person.
type ticket struct{}

// The forms of ticket.
const (
	ticketConvert = "convert"
	ticketCreate  = "create"
	ticketReply   = "reply"
	ticketNote    = "note"
	ticketState   = "state"
)

type ticketParams struct {
	Do         string         `json:"do"`
	Type       string         `json:"type,omitempty"`
	Attributes map[string]any `json:"attributes,omitempty"`
	Contact    string         `json:"contact,omitempty"`
	Link       string         `json:"link,omitempty"` // a conversation
	Body       string         `json:"body,omitempty"` // HTML
	State      string         `json:"state,omitempty"`
}

// Name is "ticket".
func (ticket) Name() string { return "ticket" }

// Parse reads one of the forms.
func (ticket) Parse(n *yaml.Node, d Decoder) Spec {
	return parseForm("ticket", n, d, map[string]form{
		ticketConvert: func(n *yaml.Node, d Decoder) Spec { return parseNewTicket(ticketConvert, n, d) },
		ticketCreate:  func(n *yaml.Node, d Decoder) Spec { return parseNewTicket(ticketCreate, n, d) },
		ticketReply:   func(n *yaml.Node, d Decoder) Spec { return parseTicketText(ticketReply, n, d) },
		ticketNote:    func(n *yaml.Node, d Decoder) Spec { return parseTicketText(ticketNote, n, d) },
		ticketState: func(n *yaml.Node, d Decoder) Spec {
			if name := requireText(n, d, "the name of the state", false); name != nil {
				return &ticketStateSpec{name: name, at: n}
			}
			return nil
		},
	})
}

// newTicketSpec is a conversion or a new ticket.
type newTicketSpec struct {
	do         string
	typeName   Text
	typeAt     *yaml.Node
	attributes []field
	link       bool
}

func parseNewTicket(do string, n *yaml.Node, d Decoder) Spec {
	s, ok := &newTicketSpec{do: do}, true
	attribute := func(name string) func(*yaml.Node) {
		return func(n *yaml.Node) {
			v, fine := parseScalar(n, d)
			s.attributes, ok = append(s.attributes, field{name, v, n}), ok && fine
		}
	}
	seen := false
	known := map[string]func(*yaml.Node){
		"type": func(n *yaml.Node) {
			seen, s.typeAt, s.typeName = true, n, requireText(n, d, "the ticket type", false)
			ok = ok && s.typeName != nil
		},
		"title":       attribute(titleAttribute),
		"description": attribute(descriptionAttribute),
		"attributes": func(n *yaml.Node) {
			list, fine := parseFields(n, d, parseScalar)
			s.attributes, ok = append(s.attributes, list...), ok && fine
		},
	}
	if do == ticketCreate {
		known["link"] = func(n *yaml.Node) {
			v, fine := parseScalar(n, d)
			s.link, fine = v.literal == true, fine && (v.literal == true || v.literal == false)
			if !fine {
				d.Problem(n, CodeParameter, "", "link is true or false")
				ok = false
			}
		}
	}
	d.Fields(n, known)
	if n.Kind == yaml.MappingNode && !seen {
		d.Problem(n, CodeParameter, "write type: NAME", "a ticket needs a type")
	}
	if !ok || s.typeName == nil {
		return nil
	}
	return s
}

// Subjects are conversations for a conversion; a new ticket needs only a contact.
func (s *newTicketSpec) Subjects() []string {
	if s.do == ticketConvert || s.link {
		return []string{event.KindConversation}
	}
	return nil
}

// Plan renders type and attributes.
func (s *newTicketSpec) Plan(p Plan) (json.RawMessage, error) {
	params := ticketParams{Do: s.do}
	var err error
	if params.Type, err = s.typeName.Render(p.Facts); err != nil {
		return nil, err
	}
	if params.Attributes, err = renderFields(s.attributes, p.Facts); err != nil {
		return nil, err
	}
	if s.do == ticketCreate {
		if params.Contact, err = p.Contact(); err != nil {
			return nil, err
		}
	}
	if s.do == ticketConvert || s.link {
		if params.Link, err = conversationID("ticket", p.Event.Subject); err != nil {
			return nil, err
		}
	}
	return encodeParams(params)
}

// Summary names the type.
func (s *newTicketSpec) Summary() string {
	if s.do == ticketConvert {
		return "convert to ticket " + constant(s.typeName)
	}
	return "create ticket " + constant(s.typeName)
}

// ticketTextSpec is a reply or a note on a ticket.
type ticketTextSpec struct {
	onTickets
	do   string
	body *body
}

func parseTicketText(do string, n *yaml.Node, d Decoder) Spec {
	if b := parseBody(n, d, "the text of the "+do); b != nil {
		return &ticketTextSpec{do: do, body: b}
	}
	return nil
}

// Plan renders the text.
func (s *ticketTextSpec) Plan(p Plan) (json.RawMessage, error) {
	if _, err := ticketID("ticket "+s.do, p.Event.Subject); err != nil {
		return nil, err
	}
	html, err := s.body.render("the text of the "+s.do, p.Facts)
	if err != nil {
		return nil, err
	}
	return encodeParams(ticketParams{Do: s.do, Body: html})
}

// Summary quotes the text as written.
func (s *ticketTextSpec) Summary() string {
	return fmt.Sprintf("ticket %s %q", s.do, constant(s.body.text))
}

// ticketStateSpec sets a ticket's state.
type ticketStateSpec struct {
	onTickets
	name Text
	at   *yaml.Node
}

// Plan renders the name.
func (s *ticketStateSpec) Plan(p Plan) (json.RawMessage, error) {
	if _, err := ticketID("ticket state", p.Event.Subject); err != nil {
		return nil, err
	}
	name, err := s.name.Render(p.Facts)
	if err != nil {
		return nil, err
	}
	return encodeParams(ticketParams{Do: ticketState, State: strings.TrimSpace(name)})
}

// Summary names the state.
func (s *ticketStateSpec) Summary() string { return "ticket state " + constant(s.name) }

// Do carries out one of the forms.
func (ticket) Do(ctx context.Context, env *Env, c Call) (Result, error) {
	var p ticketParams
	if err := decodeParams("ticket", c.Params, &p); err != nil {
		return Result{}, err
	}
	admin, err := actingAdmin(ctx, env, c)
	if err != nil {
		return Result{}, err
	}
	switch p.Do {
	case ticketConvert:
		return convertToTicket(ctx, env, p)
	case ticketCreate:
		return createTicket(ctx, env, p)
	}
	id, err := ticketID("ticket "+p.Do, c.Subject)
	if err != nil {
		return Result{}, err
	}
	if p.Do == ticketState {
		return setTicketState(ctx, env, id, admin, p)
	}
	part, err := env.Client.ReplyTicket(ctx, id, intercom.ReplyTicketRequest{AdminID: admin, Body: p.Body, Note: p.Do == ticketNote})
	if err != nil {
		return Result{Touched: []string{c.Subject}}, err
	}
	return Result{Parts: []string{string(part.ID)}, Detail: p.words(), Touched: []string{c.Subject}}, nil
}

func convertToTicket(ctx context.Context, env *Env, p ticketParams) (Result, error) {
	tt, values, err := newTicket(ctx, env, p)
	if err != nil {
		return Result{}, err
	}
	id, _, err := env.Client.ConvertToTicket(ctx, p.Link, string(tt.ID), values)
	if err != nil {
		return Result{}, err
	}
	return ticketMade("converted to ticket ", id), nil
}

func createTicket(ctx context.Context, env *Env, p ticketParams) (Result, error) {
	tt, values, err := newTicket(ctx, env, p)
	if err != nil {
		return Result{}, err
	}
	made, err := env.Client.CreateTicket(ctx, intercom.CreateTicketRequest{
		TypeID: string(tt.ID), Contact: intercom.ContactRef{ID: p.Contact}, Attributes: values, ConversationID: p.Link,
	})
	if err != nil {
		return Result{}, err
	}
	return ticketMade("created ticket ", made.ID), nil
}

// ticketMade is the result of a call that made a ticket.
func ticketMade(detail string, id intercom.ID) Result {
	return Result{Detail: detail + string(id), Touched: []string{event.KindTicket + "/" + string(id)}}
}

// newTicket finds the type and checks the attributes.
func newTicket(ctx context.Context, env *Env, p ticketParams) (intercom.TicketType, map[string]any, error) {
	tt, err := env.Directory.TicketType(ctx, p.Type)
	if err != nil {
		return tt, nil, err
	}
	values, err := ticketValues(tt, p.Attributes)
	return tt, values, err
}

// setTicketState finds the state among those of the ticket's type: two types may have states of
// one name, and each takes only its own.
func setTicketState(ctx context.Context, env *Env, id, admin string, p ticketParams) (Result, error) {
	t, _, err := env.Client.Ticket(ctx, id)
	if err != nil {
		return Result{}, err
	}
	tt, err := env.Directory.TicketType(ctx, string(t.Type.ID))
	if err != nil {
		return Result{}, err
	}
	var state intercom.TicketState
	if len(tt.States) == 0 { // Intercom did not say which the type has
		state, err = env.Directory.TicketState(ctx, p.State)
	} else {
		state, err = TicketStateOf(tt, p.State)
	}
	if err != nil {
		return Result{}, err
	}
	_, err = env.Client.UpdateTicket(ctx, id, intercom.UpdateTicketRequest{AdminID: admin, StateID: string(state.ID)})
	return Result{Detail: "ticket state set to " + state.InternalLabel, Touched: []string{event.KindTicket + "/" + id}}, err
}

// TicketStateOf finds a state of the type by its id, its labels or its category, in this order.
func TicketStateOf(tt intercom.TicketType, ref string) (intercom.TicketState, error) {
	var labels []string
	for _, key := range []func(intercom.TicketState) string{
		func(s intercom.TicketState) string { return string(s.ID) },
		func(s intercom.TicketState) string { return s.InternalLabel },
		func(s intercom.TicketState) string { return s.ExternalLabel },
		func(s intercom.TicketState) string { return s.Category },
	} {
		for _, s := range tt.States {
			if !s.Archived && strings.EqualFold(key(s), ref) {
				return s, nil
			}
		}
	}
	for _, s := range tt.States {
		labels = append(labels, s.InternalLabel)
	}
	return intercom.TicketState{}, errorf("tickets of type %s have no state %q: they have %s", tt.Name, short(ref, 80), strings.Join(labels, ", "))
}

// Repeatable is true of the state only.
func (ticket) Repeatable(params json.RawMessage) bool {
	var p ticketParams
	return decodeParams("ticket", params, &p) == nil && p.Do == ticketState
}

// ReadBack looks for what was to be made.
func (ticket) ReadBack(ctx context.Context, env *Env, c Call) (Finding, Result, error) {
	var p ticketParams
	if err := decodeParams("ticket", c.Params, &p); err != nil {
		return Unclear, Result{}, err
	}
	admin, err := actingAdmin(ctx, env, c)
	if err != nil {
		return Unclear, Result{}, err
	}
	switch p.Do {
	case ticketConvert:
		return converted(ctx, env, p)
	case ticketCreate:
		return created(ctx, env, c, p)
	}
	id, err := ticketID("ticket", c.Subject)
	if err != nil {
		return Unclear, Result{}, err
	}
	h, err := aim{ticket: id}.history(ctx, env)
	if err != nil {
		return Unclear, Result{}, err
	}
	finding, r := h.find(env, c, admin, p.Body, p.Do == ticketNote)
	return finding, r, nil
}

// converted tells whether the conversation is a ticket now: then it has one under "ticket",
// which is null in others. An answer without that key tells nothing, nor does a ticket among the
// linked objects, which may have been linked before.
func converted(ctx context.Context, env *Env, p ticketParams) (Finding, Result, error) {
	_, raw, err := env.Client.Conversation(ctx, p.Link)
	if err != nil {
		return Unclear, Result{}, err
	}
	var conv struct {
		Ticket json.RawMessage `json:"ticket"`
		Linked json.RawMessage `json:"linked_objects"`
	}
	var made intercom.Ref
	readable := json.Unmarshal(raw, &conv) == nil && len(conv.Ticket) > 0 && json.Unmarshal(conv.Ticket, &made) == nil
	switch {
	case !readable || bytes.Contains(conv.Linked, []byte(`"ticket"`)):
		return Unclear, Result{}, nil
	case made.ID == "":
		return DidNotHappen, Result{}, nil
	}
	return Happened, ticketMade("converted to ticket ", made.ID), nil
}

// created looks for a ticket of the type and contact that was made since the attempt.
func created(ctx context.Context, env *Env, c Call, p ticketParams) (Finding, Result, error) {
	if c.AttemptedAt.IsZero() {
		return Unclear, Result{}, nil
	}
	tt, err := env.Directory.TicketType(ctx, p.Type)
	if err != nil {
		return Unclear, Result{}, err
	}
	since := attemptedSince(env, c)
	const most = 20
	for found, err := range env.Client.SearchTickets(ctx, intercom.And(
		intercom.Eq("contact_ids", p.Contact),
		intercom.Greater("created_at", since.Add(-time.Second).Unix()),
	), most) {
		if err != nil {
			return Unclear, Result{}, err
		}
		t := found.Value
		if t.Type.ID == tt.ID && !t.CreatedAt.Before(since) && sameTitle(t, p) {
			return Happened, ticketMade("created ticket ", t.ID), nil
		}
	}
	return Unclear, Result{}, nil
}

func sameTitle(t intercom.Ticket, p ticketParams) bool {
	want, given := p.Attributes[titleAttribute]
	var title string
	_ = json.Unmarshal(t.Attributes[titleAttribute], &title)
	return !given || fmt.Sprint(want) == title
}

// Priority is the highest for a reply.
func (ticket) Priority(params json.RawMessage) intercom.Priority {
	var p ticketParams
	if decodeParams("ticket", params, &p) == nil && p.Do == ticketReply {
		return intercom.PriorityReply
	}
	return intercom.PriorityAction
}

func (ticket) describe(params json.RawMessage) string {
	var p ticketParams
	if decodeParams("ticket", params, &p) != nil {
		return "ticket"
	}
	return p.words()
}

func (p *ticketParams) words() string {
	switch p.Do {
	case ticketConvert:
		return "convert to ticket " + short(p.Type, 80)
	case ticketCreate:
		return "create ticket " + short(p.Type, 80)
	case ticketState:
		return "ticket state " + short(p.State, 80)
	}
	return describeMessage("ticket "+p.Do, p.Body)
}
