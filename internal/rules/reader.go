package rules

import (
	"slices"
	"strconv"
	"time"

	"gopkg.in/yaml.v3"

	"switchboard/internal/actions"
	"switchboard/internal/diag"
	"switchboard/internal/event"
)

// Reader reads a YAML file that stands beside the rules, such as a file of tests. It makes the same
// demands as on rules files, and its problems have the same form.
type Reader struct{ p *loader }

// NewReader reads the document of a file. Root is nil if that cannot be done.
func NewReader(src Source) (r *Reader, root *yaml.Node) {
	r = &Reader{&loader{names: map[string]string{}, refused: map[*yaml.Node]bool{}, literal: true}}
	r.p.file = newSourceFile(src.Name, "")
	if text, ok := r.p.readable(src); ok {
		root = r.p.document(text)
	}
	return r, root
}

// Declare makes counters known to the actions that are read from now on.
func (r *Reader) Declare(counters []actions.CounterSpec) { r.p.counters = counters }

// Problems are those found so far, in the order of their places.
func (r *Reader) Problems() []diag.Problem {
	diag.Sort(r.p.problems)
	return r.p.problems
}

// Problem reports an error at a node.
func (r *Reader) Problem(n *yaml.Node, code, hint, format string, args ...any) {
	r.p.Problem(n, code, hint, format, args...)
}

// Fields visits a mapping in the order of the file and reports keys that are unknown or repeated.
func (r *Reader) Fields(n *yaml.Node, known map[string]func(*yaml.Node)) { r.p.Fields(n, known) }

// Version reads the version of the format.
func (r *Reader) Version(n *yaml.Node) { r.p.readVersion(n) }

// Missing reports that something lacks a key.
func (r *Reader) Missing(n *yaml.Node, what, key string) { r.p.missingKey(n, what, key) }

// Empty tells whether nothing was written behind a key.
func (r *Reader) Empty(n *yaml.Node) bool { return isEmpty(n) }

// Word reads a text that must not be empty.
func (r *Reader) Word(n *yaml.Node, what string) (string, bool) { return r.p.word(n, what) }

// Words reads a text or a list of texts.
func (r *Reader) Words(n *yaml.Node, what string) (list []string) {
	for _, item := range r.p.scalars(n, what) {
		list = append(list, item.Value)
	}
	return list
}

// Items returns the entries of a list.
func (r *Reader) Items(n *yaml.Node, what string) []*yaml.Node {
	if n.Kind != yaml.SequenceNode {
		r.p.wrongType(n, what)
		return nil
	}
	return n.Content
}

// Number reads a whole number.
func (r *Reader) Number(n *yaml.Node, least, most int) (int, bool) {
	v, err := strconv.Atoi(n.Value)
	if n.Kind != yaml.ScalarNode || n.Tag != "!!int" || err != nil || v < least || v > most {
		r.p.Problem(n, "rules/wrong-value", "", "this must be a number from %d to %d", least, most)
		return 0, false
	}
	return v, true
}

// Duration reads a duration such as 15m.
func (r *Reader) Duration(n *yaml.Node) (time.Duration, bool) {
	d, ok := actions.ParseDuration(n.Value)
	if n.Kind != yaml.ScalarNode || !ok {
		r.p.Problem(n, "rules/wrong-value", actions.DurationHint, "this is not a duration")
		return 0, false
	}
	return d, true
}

// Value reads anything, as JSON has it: numbers, texts, lists and objects.
func (r *Reader) Value(n *yaml.Node) any {
	switch n.Kind {
	case yaml.MappingNode:
		o := object{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			o[n.Content[i].Value] = r.Value(n.Content[i+1])
		}
		return o
	case yaml.SequenceNode:
		list := []any{}
		for _, item := range n.Content {
			list = append(list, r.Value(item))
		}
		return list
	}
	var v any
	if n.Tag == "!!timestamp" || n.Decode(&v) != nil {
		return n.Value
	}
	return v
}

// Action reads an action as rules files have it, except that its texts are taken as they are. A kind
// that stands alone, although it needs parameters, has no Spec: it stands for any of the kind.
func (r *Reader) Action(n *yaml.Node) (kind string, spec actions.Spec, ok bool) {
	name, value, ok := r.p.actionOf(n)
	if !ok {
		return "", nil, false
	}
	before, errorsBefore := len(r.p.problems), r.p.errors
	spec = r.p.readAction(name, value)
	if _, known := actions.Lookup(name.Value); known && spec == nil && n.Kind == yaml.ScalarNode {
		r.p.problems, r.p.errors = slices.Delete(r.p.problems, before, len(r.p.problems)), errorsBefore
		return name.Value, nil, true
	}
	return name.Value, spec, spec != nil
}

// asWritten is a text without expressions.
type asWritten string

// Render is the text.
func (t asWritten) Render(actions.Facts) (string, error) { return string(t), nil }

// Value is the text.
func (t asWritten) Value(actions.Facts) (any, error) { return string(t), nil }

// Constant is the text.
func (t asWritten) Constant() (string, bool) { return string(t), true }

// Source is the text.
func (t asWritten) Source() string { return string(t) }

// ContactOf is the id of the contact that an event names; empty when it names none.
func ContactOf(ev event.Event) string {
	e, err := newEvaluation(nil, &Input{Event: ev}) //nolint:staticcheck // nothing is looked up for it
	if err != nil {
		return ""
	}
	return e.contact().id
}
