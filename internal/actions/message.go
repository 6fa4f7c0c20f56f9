package actions

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"gopkg.in/yaml.v3"

	"switchboard/internal/intercom"
)

// outbound writes to the contact outside of any conversation:
//
//   - message: "Your export is ready, {{ contact.first_name ?? 'there' }}."
//   - message: { text: ..., subject: Your export, by: email, template: plain }
//
// Intercom has no list of messages that were sent, so after a doubt a person has to look.
type outbound struct{}

type outboundSpec struct {
	body     *body
	subject  Text // of an e-mail
	email    bool
	template string
}

type outboundParams struct {
	Contact  string `json:"contact"`
	Body     string `json:"body"` // HTML
	Subject  string `json:"subject,omitempty"`
	Email    bool   `json:"email,omitempty"`
	Template string `json:"template,omitempty"`
}

// Name is "message".
func (outbound) Name() string { return "message" }

// Parse reads the text and how it is sent.
func (outbound) Parse(n *yaml.Node, d Decoder) Spec {
	s, ok := &outboundSpec{}, true
	const what = "the text of message"
	if n.Kind != yaml.MappingNode {
		if s.body = parseBody(n, d, what); s.body == nil {
			return nil
		}
		return s
	}
	seen := false
	choice := func(n *yaml.Node, name string, values ...string) string {
		for _, v := range values {
			if n.Value == v {
				return v
			}
		}
		d.Problem(n, CodeParameter, "", "%s is %s", name, strings.Join(values, " or "))
		ok = false
		return ""
	}
	d.Fields(n, map[string]func(*yaml.Node){
		"text": func(n *yaml.Node) { seen, s.body = true, parseBody(n, d, what) },
		"subject": func(n *yaml.Node) {
			s.subject = requireText(n, d, "the subject", false)
			ok = ok && s.subject != nil
		},
		"by":       func(n *yaml.Node) { s.email = choice(n, "by", "messenger", "email") == "email" },
		"template": func(n *yaml.Node) { s.template = choice(n, "template", "plain", "personal") },
	})
	switch {
	case !seen:
		d.Problem(n, CodeParameter, "write `message: {text: …}` or `message: …`", "message needs a text")
	case s.email && s.subject == nil && ok:
		d.Problem(n, CodeParameter, "write subject: …", "an e-mail needs a subject")
		ok = false
	case !s.email && ok && (s.subject != nil || s.template != ""):
		d.Problem(n, CodeParameter, "write by: email", "only an e-mail has a subject and a template")
		ok = false
	}
	if s.body == nil || !ok {
		return nil
	}
	return s
}

// Plan renders the text.
func (s *outboundSpec) Plan(p Plan) (json.RawMessage, error) {
	contact, err := p.Contact()
	if err != nil {
		return nil, err
	}
	params := outboundParams{Contact: contact, Email: s.email, Template: s.template}
	if params.Body, err = s.body.render("the text of message", p.Facts); err != nil {
		return nil, err
	}
	if s.subject != nil {
		if params.Subject, err = s.subject.Render(p.Facts); err != nil {
			return nil, err
		}
		if params.Subject = strings.Join(strings.Fields(params.Subject), " "); params.Subject == "" {
			return nil, errorf("the subject of message came out empty")
		}
	}
	return encodeParams(params)
}

// Summary quotes the text as written.
func (s *outboundSpec) Summary() string { return fmt.Sprintf("message %q", constant(s.body.text)) }

// Do sends the message. Whether the contact is a user or a lead is asked first: Intercom wants
// to be told.
func (outbound) Do(ctx context.Context, env *Env, c Call) (Result, error) {
	var p outboundParams
	if err := decodeParams("message", c.Params, &p); err != nil {
		return Result{}, err
	}
	admin, err := actingAdmin(ctx, env, c)
	if err != nil {
		return Result{}, err
	}
	contact, _, err := env.Client.Contact(ctx, p.Contact)
	if err != nil {
		return Result{}, err
	}
	role := "user"
	if contact.Role == "lead" {
		role = "lead"
	}
	if _, err := env.Client.SendMessage(ctx, intercom.SendMessageRequest{
		AdminID: admin, Role: role, ContactID: p.Contact, Email: p.Email, Subject: p.Subject, Body: p.Body, Template: p.Template,
	}); err != nil {
		return Result{}, err
	}
	return Result{Detail: describeMessage("message", p.Body)}, nil
}

// Repeatable is false.
func (outbound) Repeatable(json.RawMessage) bool { return false }

// ReadBack cannot tell.
func (outbound) ReadBack(context.Context, *Env, Call) (Finding, Result, error) {
	return Unclear, Result{}, nil
}

// Priority is the highest: it is what a customer waits for.
func (outbound) Priority(json.RawMessage) intercom.Priority { return intercom.PriorityReply }

func (outbound) describe(params json.RawMessage) string { return describeBody("message", params) }
