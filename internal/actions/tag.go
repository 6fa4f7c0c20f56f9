package actions

import (
	"context"
	"encoding/json"
	"strings"

	"gopkg.in/yaml.v3"

	"switchboard/internal/event"
	"switchboard/internal/intercom"
)

// tag puts tags on what the event is about, or on the contact, and creates those that do not
// exist:
//
//   - tag: VIP
//   - tag: [VIP, "Plan {{ company.plan }}"]
//   - tag: { name: VIP, on: contact }
type tag struct{ repeatable }

// tagSpec is tag or untag as a rules file says it.
type tagSpec struct {
	kind      string
	names     []Text
	nodes     []*yaml.Node // where the names are
	onContact bool
}

type tagParams struct {
	Tags []string `json:"tags"`
	// Contact is the contact to tag; empty: what the event is about.
	Contact string `json:"contact,omitempty"`
}

// maxTagName is a limit of our own; Intercom documents none.
const maxTagName = 255

// Name is "tag".
func (tag) Name() string { return "tag" }

// Parse reads the names.
func (tag) Parse(n *yaml.Node, d Decoder) Spec { return parseTags("tag", n, d) }

func parseTags(kind string, n *yaml.Node, d Decoder) Spec {
	s, ok := &tagSpec{kind: kind}, true
	names := n
	if n.Kind == yaml.MappingNode {
		names = nil
		d.Fields(n, map[string]func(*yaml.Node){
			"name": func(n *yaml.Node) { names = n },
			"on": func(n *yaml.Node) {
				if s.onContact = n.Value == event.KindContact; !s.onContact {
					d.Problem(n, CodeParameter, "leave it out for what the event is about", "on can only be contact")
					ok = false
				}
			},
		})
	}
	if names == nil || isNull(names) || names.Kind == yaml.SequenceNode && len(names.Content) == 0 {
		d.Problem(n, CodeParameter, "write `"+kind+": NAME` or `"+kind+": [NAME, NAME]`", "%s needs the name of a tag", kind)
		return nil
	}
	nodes := []*yaml.Node{names}
	if names.Kind == yaml.SequenceNode {
		nodes = names.Content
	}
	for _, node := range nodes {
		t := requireText(node, d, "the name of a tag", false)
		s.names, s.nodes, ok = append(s.names, t), append(s.nodes, node), ok && t != nil
	}
	if !ok {
		return nil
	}
	return s
}

// Subjects are what can have tags; a contact can be named by events of many kinds.
func (s *tagSpec) Subjects() []string {
	if s.onContact {
		return nil
	}
	return []string{event.KindConversation, event.KindContact, event.KindTicket}
}

// Plan renders the names, each once.
func (s *tagSpec) Plan(p Plan) (json.RawMessage, error) {
	var params tagParams
	var err error
	if s.onContact {
		params.Contact, err = p.Contact()
	} else {
		_, err = taggedBy(s.kind, p.Event.Subject)
	}
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for _, t := range s.names {
		name, err := t.Render(p.Facts)
		if err != nil {
			return nil, err
		}
		name = strings.Join(strings.Fields(name), " ")
		switch folded := strings.ToLower(name); {
		case name == "":
			return nil, errorf("the name of a tag came out empty")
		case len(name) > maxTagName:
			return nil, errorf("the name of a tag came out longer than %d bytes", maxTagName)
		case !seen[folded]:
			seen[folded] = true
			params.Tags = append(params.Tags, name)
		}
	}
	return encodeParams(params)
}

// Summary names the tags as written.
func (s *tagSpec) Summary() string {
	names := make([]string, len(s.names))
	for i, t := range s.names {
		names[i] = constant(t)
	}
	words := s.kind + " " + strings.Join(names, ", ")
	if s.onContact {
		words += " on the contact"
	}
	return words
}

// tagging puts a tag on something, or takes it off.
type tagging struct {
	put  func(ctx context.Context, tagID string) error
	take func(ctx context.Context, tagID string) error
}

// taggedBy tells which calls tag what the subject is; it makes none.
func taggedBy(kind, subject string) (func(c *intercom.Client, id, admin string) tagging, error) {
	what, id, _ := strings.Cut(subject, "/")
	by := taggings[what]
	if by == nil || id == "" {
		return nil, errorf("%s acts on conversations, contacts and tickets, and this event is about %s", kind, article(what))
	}
	return by, nil
}

var taggings = map[string]func(c *intercom.Client, id, admin string) tagging{
	event.KindConversation: func(c *intercom.Client, id, admin string) tagging {
		return tagging{
			put:  func(ctx context.Context, tag string) error { return c.TagConversation(ctx, id, tag, admin) },
			take: func(ctx context.Context, tag string) error { return c.UntagConversation(ctx, id, tag, admin) },
		}
	},
	event.KindContact: func(c *intercom.Client, id, _ string) tagging {
		return tagging{
			put:  func(ctx context.Context, tag string) error { return c.TagContact(ctx, id, tag) },
			take: func(ctx context.Context, tag string) error { return c.UntagContact(ctx, id, tag) },
		}
	},
	event.KindTicket: func(c *intercom.Client, id, admin string) tagging {
		return tagging{
			put:  func(ctx context.Context, tag string) error { return c.TagTicket(ctx, id, tag, admin) },
			take: func(ctx context.Context, tag string) error { return c.UntagTicket(ctx, id, tag, admin) },
		}
	},
}

// tagging finds out what is tagged, and by whom.
func (p *tagParams) tagging(ctx context.Context, env *Env, kind string, c Call) (tagging, error) {
	subject := c.Subject
	if p.Contact != "" {
		subject = event.KindContact + "/" + p.Contact
	}
	by, err := taggedBy(kind, subject)
	if err != nil {
		return tagging{}, err
	}
	admin, err := actingAdmin(ctx, env, c)
	if err != nil {
		return tagging{}, err
	}
	_, id, _ := strings.Cut(subject, "/")
	return by(env.Client, id, admin), nil
}

// Do puts the tags on.
func (tag) Do(ctx context.Context, env *Env, c Call) (Result, error) {
	var p tagParams
	if err := decodeParams("tag", c.Params, &p); err != nil {
		return Result{}, err
	}
	on, err := p.tagging(ctx, env, "tag", c)
	if err != nil {
		return Result{}, err
	}
	for _, name := range p.Tags {
		if err := putTag(ctx, env, on, name); err != nil {
			return Result{Touched: p.touched(c)}, err
		}
	}
	return Result{Detail: describeTags("tag", c.Params), Touched: p.touched(c)}, nil
}

// touched is what was tagged, or what a tag was taken off. Of conversations, Intercom tells only of
// tags that are put on, in notifications that name no part; so it may of tickets.
func (p *tagParams) touched(c Call) (list []string) {
	if p.Contact != "" {
		return []string{event.KindContact + "/" + p.Contact}
	}
	kind, id, _ := strings.Cut(c.Subject, "/")
	if kind != event.KindConversation {
		list = append(list, c.Subject)
	}
	if kind != event.KindContact && c.Kind == "tag" {
		list = append(list, TagTouch(id))
	}
	return list
}

// TagTouch names the tags of a conversation, or of the conversation that a ticket is, among what
// our calls touched.
func TagTouch(conversation string) string {
	return event.KindConversation + "/" + conversation + "#tag"
}

func putTag(ctx context.Context, env *Env, on tagging, name string) error {
	known, err := env.Directory.Tag(ctx, name)
	if err != nil {
		return err
	}
	err = on.put(ctx, string(known.ID))
	if !intercom.NotFound(err) {
		return err
	}
	// Either what is to be tagged is gone, or somebody deleted the tag since we looked.
	fresh, again := env.Directory.RecheckTag(ctx, known)
	switch {
	case again != nil:
		return again
	case fresh.ID == known.ID:
		return err
	}
	return on.put(ctx, string(fresh.ID))
}

func (tag) describe(params json.RawMessage) string { return describeTags("tag", params) }

func describeTags(kind string, params json.RawMessage) string {
	var p tagParams
	if decodeParams(kind, params, &p) != nil || len(p.Tags) == 0 {
		return kind
	}
	words := kind + " " + short(strings.Join(p.Tags, ", "), 120)
	if p.Contact != "" {
		words += " on the contact"
	}
	return words
}
