package rules

import (
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"switchboard/internal/actions"
)

// requiredText is a text of an action that must not come out empty: the rule fails then.
type requiredText struct {
	template *template
	at       span
}

var _ actions.Requirer = (*loader)(nil)

// Require notes a text that must not come out empty. (It is part of actions.Requirer.)
func (p *loader) Require(n *yaml.Node, t actions.Text) {
	if t, ok := t.(*template); ok {
		p.required = append(p.required, requiredText{t, p.file.nodeSpan(n)})
	}
}

// plainFact is an expression that is nothing but a fact that may be absent.
var plainFact = regexp.MustCompile(`^(contact|company|message|conversation|ticket|actor|admin)(\.[a-z_][a-zA-Z0-9_]*)+$`)

// surely are facts that are never absent where their object is what the event is about.
var surely = []string{
	"contact.id", "contact.role", "conversation.id", "conversation.state", "conversation.open", "conversation.read", "conversation.priority",
	"conversation.created_at", "conversation.updated_at", "conversation.source.type", "ticket.id", "ticket.ticket_id", "ticket.state", "ticket.type",
	"ticket.created_at", "message.from",
}

// findEmptyTexts warns of texts that are nothing but facts of which the condition does not ask, and that may
// be absent.
func (p *loader) findEmptyTexts(list []*study) {
	for _, st := range list {
		asked := st.askedFacts()
		for _, text := range st.required {
			fact, may := text.mayBeEmpty(asked)
			if !may {
				continue
			}
			p.file = st.source
			p.warn(text.at, codeMayBeEmpty, `write what stands there then, such as {{ `+fact+` ?? "none" }}, or ask in the condition for `+fact+" != nil",
				"this comes out empty where %s is absent, and the rule fails", fact)
		}
	}
}

// askedFacts are the facts that the rule's condition names.
func (st *study) askedFacts() (names []string) {
	for _, part := range st.condition.lists() {
		for _, cl := range *part.list {
			for _, f := range factsIn(cl.node) {
				names = append(names, f.name)
			}
		}
	}
	return names
}

// mayBeEmpty names a fact without which the text is empty.
func (t requiredText) mayBeEmpty(asked []string) (fact string, may bool) {
	for _, piece := range t.template.pieces {
		switch {
		case piece.value == nil && strings.TrimSpace(piece.literal) != "":
			return "", false
		case piece.value == nil:
		case !plainFact.MatchString(piece.source), slices.Contains(surely, piece.source), slices.Contains(asked, piece.source),
			strings.HasSuffix(piece.source, ".first_name") && slices.Contains(asked, strings.TrimSuffix(piece.source, "first_name")+"name"):
			return "", false
		default:
			fact = piece.source
		}
	}
	return fact, fact != ""
}
