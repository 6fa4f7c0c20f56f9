package actions

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"switchboard/internal/intercom"
)

// What reply and note have in common: a body, written as a text or as {text: ...}.

// messageSpec is a reply or a note as a rules file says it.
type messageSpec struct {
	onConversations
	kind string
	body *body
}

// messageParams are the stored parameters of a message.
type messageParams struct {
	Body string `json:"body"` // HTML
}

func parseMessage(kind string, n *yaml.Node, d Decoder) Spec {
	what := "the text of " + kind
	if n.Kind != yaml.MappingNode {
		if b := parseBody(n, d, what); b != nil {
			return &messageSpec{kind: kind, body: b}
		}
		return nil
	}
	var b *body
	seen := false
	d.Fields(n, map[string]func(*yaml.Node){
		"text": func(n *yaml.Node) { seen, b = true, parseBody(n, d, what) },
	})
	if !seen {
		d.Problem(n, CodeParameter, fmt.Sprintf("write `%s: {text: …}` or `%s: …`", kind, kind), "%s needs a text", kind)
	}
	if b == nil {
		return nil
	}
	return &messageSpec{kind: kind, body: b}
}

// Plan renders the text.
func (s *messageSpec) Plan(p Plan) (json.RawMessage, error) {
	if _, err := conversationID(s.kind, p.Event.Subject); err != nil {
		return nil, err
	}
	html, err := s.body.render("the text of "+s.kind, p.Facts)
	if err != nil {
		return nil, err
	}
	return encodeParams(messageParams{html})
}

// Summary quotes the text as written.
func (s *messageSpec) Summary() string { return fmt.Sprintf("%s %q", s.kind, constant(s.body.text)) }

func doMessage(ctx context.Context, env *Env, c Call, asNote bool) (Result, error) {
	kind := "reply"
	if asNote {
		kind = "note"
	}
	var p messageParams
	if err := decodeParams(kind, c.Params, &p); err != nil {
		return Result{}, err
	}
	t, err := resolve(ctx, env, kind, c)
	if err != nil {
		return Result{}, err
	}
	conv, err := env.Client.Reply(ctx, t.conversation, intercom.ReplyRequest{AdminID: t.admin, Body: p.Body, Note: asNote})
	if err != nil {
		return Result{}, err
	}
	return Result{Parts: t.made(env, conv, c, isMessage(p.Body, asNote)), Detail: describeMessage(kind, p.Body)}, nil
}

func describeMessage(kind, html string) string {
	n := utf8.RuneCountInString(visible(html))
	if n == 1 {
		return kind + " (1 character)"
	}
	return fmt.Sprintf("%s (%d characters)", kind, n)
}

// aim is what an action is aimed at: which conversation or ticket, and which teammate acts.
type aim struct {
	conversation string
	ticket       string
	admin        string
	since        time.Time // the call was made after this
}

func resolve(ctx context.Context, env *Env, kind string, c Call) (aim, error) {
	id, err := conversationID(kind, c.Subject)
	if err != nil {
		return aim{}, err
	}
	admin, err := actingAdmin(ctx, env, c)
	if err != nil {
		return aim{}, err
	}
	return aim{conversation: id, admin: admin, since: env.Client.Now()}, nil
}

// actingAdmin is the id of the teammate whom the action is done as.
func actingAdmin(ctx context.Context, env *Env, c Call) (string, error) {
	if c.Admin == "" {
		me, err := env.Directory.Me(ctx)
		if err != nil {
			return "", fmt.Errorf("who the token belongs to: %w", err)
		}
		return string(me.ID), nil
	}
	admin, err := env.Directory.Admin(ctx, c.Admin)
	if err != nil {
		return "", fmt.Errorf("the teammate who acts: %w", err)
	}
	return string(admin.ID), nil
}
