package actions

import (
	"context"
	"encoding/json"
	"fmt"
	"net/mail"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"switchboard/internal/event"
	"switchboard/internal/intercom"
)

// contact works on the contact whom the event concerns, or makes a new one:
//
//   - contact: { update: { name: ..., email: ..., owner: ada@acme.test, attributes: { plan: pro } } }
//   - contact: { create: { email: "{{ ... }}", role: user, external_id: ... } }
//   - contact: { note: TEXT }
//   - contact: archive
//
// An update and archiving may be repeated. A user is known by external id and e-mail, of which
// Intercom keeps one each: a second creation is refused with the id of the first, which is then
// updated. Leads are not unique, and notes are seen twice, so after a doubt they are looked for.
type contact struct{}

// The forms of contact.
const (
	contactUpdate  = "update"
	contactCreate  = "create"
	contactNote    = "note"
	contactArchive = "archive"
)

type contactParams struct {
	Do         string         `json:"do"`
	Contact    string         `json:"contact,omitempty"`
	Fields     map[string]any `json:"fields,omitempty"`
	Attributes map[string]any `json:"attributes,omitempty"`
	Body       string         `json:"body,omitempty"` // HTML
}

// contactFields are what can be set, by the names of rules files.
var contactFields = []string{"email", "external_id", "name", "owner", "phone", "role", "unsubscribed"}

// Name is "contact".
func (contact) Name() string { return "contact" }

// Parse reads one of the forms.
func (contact) Parse(n *yaml.Node, d Decoder) Spec {
	return parseForm("contact", n, d, map[string]form{
		contactUpdate: func(n *yaml.Node, d Decoder) Spec { return parseContact(contactUpdate, n, d) },
		contactCreate: func(n *yaml.Node, d Decoder) Spec { return parseContact(contactCreate, n, d) },
		contactNote: func(n *yaml.Node, d Decoder) Spec {
			if b := parseBody(n, d, "the text of the note"); b != nil {
				return &contactNoteSpec{b}
			}
			return nil
		},
		contactArchive: func(n *yaml.Node, d Decoder) Spec {
			if v, ok := parseScalar(n, d); ok && (v.literal == nil && v.text == nil || v.literal == true) {
				return contactArchiveSpec{}
			}
			d.Problem(n, CodeParameter, "write `contact: archive`", "archive takes no value")
			return nil
		},
	})
}

// contactSpec updates or creates a contact.
type contactSpec struct {
	do         string
	fields     []field
	attributes []field
}

func parseContact(do string, n *yaml.Node, d Decoder) Spec {
	s, ok := &contactSpec{do: do}, true
	known := map[string]func(*yaml.Node){
		"attributes": func(n *yaml.Node) {
			var fine bool
			s.attributes, fine = parseFields(n, d, parseScalar)
			ok = ok && fine
		},
	}
	for _, name := range contactFields {
		known[name] = func(n *yaml.Node) {
			v, fine := parseScalar(n, d)
			s.fields = append(s.fields, field{name, v, n})
			ok = ok && fine && checkContactField(name, v, n, d)
		}
	}
	d.Fields(n, known)
	has := func(name string) bool {
		return slices.ContainsFunc(s.fields, func(f field) bool { return f.name == name })
	}
	switch {
	case !ok || n.Kind != yaml.MappingNode:
		return nil
	case do == contactCreate && !has("email") && !has("external_id") && !has("role"):
		d.Problem(n, CodeParameter, "", "a new contact needs an email, an external_id or a role")
		return nil
	case len(s.fields) == 0 && len(s.attributes) == 0:
		d.Problem(n, CodeParameter, "fields: "+strings.Join(contactFields, ", ")+", attributes", "nothing is set")
		return nil
	}
	return s
}

// checkContactField checks what can be known of a value before the rule runs.
func checkContactField(name string, v value, n *yaml.Node, d Decoder) bool {
	if v.text == nil {
		if _, isFlag := v.literal.(bool); (name == "unsubscribed") != isFlag && v.literal != nil {
			d.Problem(n, CodeParameter, "", "%s cannot be %v", name, v.literal)
			return false
		}
		return true
	}
	constant, ok := v.text.Constant()
	if !ok {
		return true
	}
	if err := checkContactValue(name, constant); err != nil {
		d.Problem(n, CodeParameter, "", "%v", err)
		return false
	}
	return true
}

func checkContactValue(name, text string) error {
	switch name {
	case "email":
		if a, err := mail.ParseAddress(text); err != nil || a.Address != text || !strings.Contains(text, ".") {
			return errorf("this is not an e-mail address")
		}
	case "role":
		if text != "user" && text != "lead" {
			return errorf("role is user or lead")
		}
	case "unsubscribed":
		return errorf("unsubscribed is true or false")
	}
	return nil
}

// Plan renders the values.
func (s *contactSpec) Plan(p Plan) (json.RawMessage, error) {
	params := contactParams{Do: s.do}
	var err error
	if s.do == contactUpdate {
		if params.Contact, err = p.Contact(); err != nil {
			return nil, err
		}
	}
	if params.Fields, err = renderWords(s.fields, p.Facts); err != nil {
		return nil, err
	}
	for name, v := range params.Fields {
		switch v := v.(type) {
		case nil:
			if s.do == contactCreate {
				delete(params.Fields, name)
			}
		case string:
			v = strings.TrimSpace(v)
			if params.Fields[name] = v; v == "" && s.do == contactCreate {
				delete(params.Fields, name)
			}
			if err := checkContactValue(name, v); err != nil && v != "" {
				return nil, errorf("%s: %w", name, err)
			}
		}
	}
	if s.do == contactCreate && params.Fields["email"] == nil && params.Fields["external_id"] == nil && params.Fields["role"] == nil {
		return nil, errorf("the email and external_id of the new contact came out empty")
	}
	if params.Attributes, err = renderFields(s.attributes, p.Facts); err != nil {
		return nil, err
	}
	return encodeParams(params)
}

// Summary names what is set.
func (s *contactSpec) Summary() string {
	var names []string
	for _, f := range slices.Concat(s.fields, s.attributes) {
		names = append(names, f.name)
	}
	return "contact " + s.do + " " + short(strings.Join(names, ", "), 60)
}

// contactNoteSpec writes a note on the contact.
type contactNoteSpec struct{ body *body }

// Plan renders the text.
func (s *contactNoteSpec) Plan(p Plan) (json.RawMessage, error) {
	id, err := p.Contact()
	if err != nil {
		return nil, err
	}
	html, err := s.body.render("the text of the note", p.Facts)
	if err != nil {
		return nil, err
	}
	return encodeParams(contactParams{Do: contactNote, Contact: id, Body: html})
}

// Summary quotes the text as written.
func (s *contactNoteSpec) Summary() string {
	return fmt.Sprintf("contact note %q", constant(s.body.text))
}

// contactArchiveSpec archives the contact.
type contactArchiveSpec struct{}

// Plan finds the contact.
func (contactArchiveSpec) Plan(p Plan) (json.RawMessage, error) {
	id, err := p.Contact()
	if err != nil {
		return nil, err
	}
	return encodeParams(contactParams{Do: contactArchive, Contact: id})
}

// Summary is what it does.
func (contactArchiveSpec) Summary() string { return "contact archive" }

// Do carries out one of the forms.
func (contact) Do(ctx context.Context, env *Env, c Call) (Result, error) {
	var p contactParams
	if err := decodeParams("contact", c.Params, &p); err != nil {
		return Result{}, err
	}
	switch p.Do {
	case contactArchive:
		return done("archived the contact", p.Contact), env.Client.ArchiveContact(ctx, p.Contact)
	case contactNote:
		admin, err := actingAdmin(ctx, env, c)
		if err != nil {
			return Result{}, err
		}
		made, err := env.Client.CreateContactNote(ctx, p.Contact, p.Body, admin)
		if err != nil {
			return done("", p.Contact), err
		}
		return noteDone(&p, made.ID), nil
	}
	r, err := p.request(ctx, env)
	if err != nil {
		return Result{}, err
	}
	if p.Do == contactUpdate {
		_, err := env.Client.UpdateContact(ctx, p.Contact, r)
		return done("updated the contact", p.Contact), err
	}
	return createContact(ctx, env, r)
}

// createContact makes a contact. One that exists already is updated: that is what the rule
// wants, and what an earlier attempt may have left.
func createContact(ctx context.Context, env *Env, r intercom.ContactRequest) (Result, error) {
	made, err := env.Client.CreateContact(ctx, r)
	if id, exists := intercom.ConflictID(err); exists {
		_, err := env.Client.UpdateContact(ctx, id, r)
		return done("updated contact "+id+", which existed", id), err
	}
	if err != nil {
		return Result{}, err
	}
	return done("created contact "+string(made.ID), string(made.ID)), nil
}

// done is the result of a call that changed a contact.
func done(detail, contact string) Result {
	return Result{Detail: detail, Touched: []string{event.KindContact + "/" + contact}}
}

// request is what is sent: names become ids, and attributes get their types.
func (p *contactParams) request(ctx context.Context, env *Env) (r intercom.ContactRequest, err error) {
	text := func(name string) *string {
		v, given := p.Fields[name]
		if !given {
			return nil
		}
		s, _ := v.(string) // null clears the field
		return &s
	}
	r = intercom.ContactRequest{
		Role: text("role"), Email: text("email"), ExternalID: text("external_id"), Phone: text("phone"), Name: text("name"),
	}
	if flag, ok := p.Fields["unsubscribed"].(bool); ok {
		r.UnsubscribedFromEmails = &flag
	}
	if owner := text("owner"); owner != nil {
		id := intercom.ID(intercom.Nobody)
		if *owner != "" {
			admin, err := env.Directory.Admin(ctx, *owner)
			if err != nil {
				return r, fmt.Errorf("the owner: %w", err)
			}
			id = admin.ID
		}
		r.OwnerID = &id
	}
	r.CustomAttributes, err = attributeValues(ctx, env, intercom.ModelContact, p.Attributes)
	return r, err
}

// unique tells whether Intercom keeps at most one contact of this kind: then creating it a
// second time is refused.
func (p *contactParams) unique() bool {
	has := func(name string) bool { return p.Fields[name] != nil && p.Fields[name] != "" }
	return has("external_id") || has("email") && p.Fields["role"] != "lead"
}

// Repeatable is false of notes, and of new contacts that nothing keeps from existing twice.
func (contact) Repeatable(params json.RawMessage) bool {
	var p contactParams
	if decodeParams("contact", params, &p) != nil {
		return false
	}
	return p.Do == contactUpdate || p.Do == contactArchive || p.Do == contactCreate && p.unique()
}

// ReadBack looks for the note, or for a lead that was made since.
func (contact) ReadBack(ctx context.Context, env *Env, c Call) (Finding, Result, error) {
	var p contactParams
	if err := decodeParams("contact", c.Params, &p); err != nil || c.AttemptedAt.IsZero() {
		return Unclear, Result{}, err
	}
	if p.Do == contactNote {
		return p.findNote(ctx, env, c)
	}
	return p.findLead(ctx, env, c)
}

// mostNotes is how many notes Intercom sends at the most.
const mostNotes = 50

// findNote looks through the contact's notes. Where our words may have been changed on the way,
// or the list may be cut off, that it is not there proves nothing.
func (p *contactParams) findNote(ctx context.Context, env *Env, c Call) (Finding, Result, error) {
	admin, err := actingAdmin(ctx, env, c)
	if err != nil {
		return Unclear, Result{}, err
	}
	notes, err := env.Client.ContactNotes(ctx, p.Contact)
	if err != nil {
		return Unclear, Result{}, err
	}
	since := attemptedSince(env, c)
	want, unclear, old := plain(p.Body), plain(p.Body) == "", false
	for _, n := range notes {
		switch {
		case n.CreatedAt.IsZero():
			unclear = true
		case n.CreatedAt.Before(since):
			old = true
		case string(n.Author.ID) != admin || c.Own != nil && c.Own(noteKey(n.ID)):
		case want != "" && plain(n.Body) == want:
			return Happened, noteDone(p, n.ID), nil
		default:
			unclear = true
		}
	}
	if unclear || len(notes) >= mostNotes && !old {
		return Unclear, Result{}, nil
	}
	return DidNotHappen, Result{}, nil
}

// noteKey names a note among the parts that our calls made.
func noteKey(id intercom.ID) string { return "note/" + string(id) }

func noteDone(p *contactParams, id intercom.ID) Result {
	r := done(describeMessage("contact note", p.Body), p.Contact)
	r.Parts = []string{noteKey(id)}
	return r
}

// findLead searches for the lead. New contacts can be missing from searches for minutes, so
// not to find it says nothing.
func (p *contactParams) findLead(ctx context.Context, env *Env, c Call) (Finding, Result, error) {
	email, _ := p.Fields["email"].(string)
	if email == "" {
		return Unclear, Result{}, nil
	}
	const most = 20
	since := attemptedSince(env, c)
	for found, err := range env.Client.SearchContacts(ctx, intercom.Eq("email", email), most) {
		if err != nil {
			return Unclear, Result{}, err
		}
		if made := found.Value; !made.CreatedAt.Before(since) {
			return Happened, done("created contact "+string(made.ID), string(made.ID)), nil
		}
	}
	return Unclear, Result{}, nil
}

// Priority is that of any action.
func (contact) Priority(json.RawMessage) intercom.Priority { return intercom.PriorityAction }

func (contact) describe(params json.RawMessage) string {
	var p contactParams
	if decodeParams("contact", params, &p) != nil {
		return "contact"
	}
	return "contact " + p.Do
}
