package actions

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"switchboard/internal/event"
	"switchboard/internal/intercom"
)

// Error is an action that cannot be performed as it stands; trying again is of no use.
type Error struct{ msg string }

func errorf(format string, args ...any) error { return &Error{fmt.Errorf(format, args...).Error()} }

// Error says what is wrong with the action.
func (e *Error) Error() string { return e.msg }

// ErrorClass is Permanent, for intercom.ClassOf.
func (e *Error) ErrorClass() intercom.Class { return intercom.Permanent }

// conversationID takes the id out of a subject, and refuses subjects that are no conversation.
func conversationID(kind, subject string) (string, error) {
	return subjectID(kind, subject, event.KindConversation)
}

// ticketID is the same for tickets.
func ticketID(kind, subject string) (string, error) {
	return subjectID(kind, subject, event.KindTicket)
}

func subjectID(kind, subject, want string) (string, error) {
	what, id, _ := strings.Cut(subject, "/")
	if what != want || id == "" {
		return "", errorf("%s acts on %ss, and this event is about %s", kind, want, article(what))
	}
	return id, nil
}

func article(what string) string {
	switch {
	case what == "":
		return "something else"
	case strings.ContainsRune("aeio", rune(what[0])):
		return "an " + what
	}
	return "a " + what
}

// decodeParams reads stored parameters into p.
func decodeParams(kind string, params json.RawMessage, p any) error {
	if len(params) == 0 {
		params = json.RawMessage("{}")
	}
	d := json.NewDecoder(bytes.NewReader(params))
	d.UseNumber() // integers stay exact
	if err := d.Decode(p); err != nil {
		return errorf("the stored parameters of %s cannot be read", kind) // not told how: they hold customer text
	}
	return nil
}

// encodeParams writes parameters that always can be written.
func encodeParams(p any) (json.RawMessage, error) { return json.Marshal(p) }

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

// Requirer is a Decoder that wants to hear of texts that must not come out empty.
type Requirer interface {
	// Require is told of such a text and where it stands.
	Require(n *yaml.Node, t Text)
}

// requireText compiles a text that must not be empty. It returns nil after reporting problems.
func requireText(n *yaml.Node, d Decoder, what string, html bool) Text {
	switch {
	case isNull(n):
		d.Problem(n, CodeParameter, "", "%s is missing", what)
		return nil
	case n.Kind != yaml.ScalarNode:
		d.Problem(n, CodeParameter, "", "%s must be a text", what)
		return nil
	}
	t := d.Text(n, html)
	if t == nil {
		return nil
	}
	if s, ok := t.Constant(); ok && strings.TrimSpace(s) == "" {
		d.Problem(n, CodeParameter, "", "%s is empty", what)
		return nil
	}
	if r, ok := d.(Requirer); ok {
		r.Require(n, t)
	}
	return t
}

// constant is how a text looks in a summary: as written, in one line, and short.
func constant(t Text) string { return short(t.Source(), 60) }

func short(s string, limit int) string {
	s = strings.Join(strings.Fields(s), " ")
	if utf8.RuneCountInString(s) <= limit {
		return s
	}
	return string([]rune(s)[:limit-1]) + "…"
}
