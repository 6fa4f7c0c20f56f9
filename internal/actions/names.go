package actions

import (
	"encoding/json"
	"strings"

	"gopkg.in/yaml.v3"

	"switchboard/internal/intercom"
)

// NameKind is what a name in a rules file stands for in the workspace.
type NameKind string

// The kinds of name.
const (
	NameAdmin           NameKind = "admin"
	NameTeam            NameKind = "team"
	NameTag             NameKind = "tag"
	NameTicketType      NameKind = "ticket type"
	NameTicketState     NameKind = "ticket state"
	NameAttribute       NameKind = "attribute"
	NameTicketAttribute NameKind = "ticket attribute"
)

// NameUse is what an action does with a name beside looking it up.
type NameUse string

// The uses that ask for more than that there is such a name.
const (
	UseAssign  NameUse = "assign"  // a teammate gets conversations
	UseTag     NameUse = "tag"     // a tag is made if there is none
	UseUntag   NameUse = "untag"   // a tag that there is none of is off already
	UseConvert NameUse = "convert" // conversations become tickets of a type
	UseSet     NameUse = "set"     // an attribute is set
)

// Name is a name of the workspace that an action refers to. Names that a template makes are known
// only when the rule runs, and are none of these.
type Name struct {
	Kind NameKind
	Text string
	Use  NameUse
	// Of is what has the attribute: a model, such as intercom.ModelContact, or the name of a ticket
	// type; empty for a type that is not known.
	Of string
	At *yaml.Node
	// Value is what an attribute is set to, if ValueAt is not nil: a text, a json.Number, true, false
	// or nil.
	Value   any
	ValueAt *yaml.Node
}

// Naming is what a Spec implements besides when it may refer to names of the workspace.
type Naming interface {
	Names() []Name
}

// nameOf is the name that a text is, if it is written out.
func nameOf(kind NameKind, use NameUse, t Text, at *yaml.Node) []Name {
	if t == nil {
		return nil
	}
	text, ok := t.Constant()
	if text = strings.TrimSpace(text); !ok || text == "" {
		return nil
	}
	return []Name{{Kind: kind, Use: use, Text: text, At: at}}
}

// Names is whom the conversation is assigned to.
func (s *assignSpec) Names() []Name {
	if s.to == "team" {
		return nameOf(NameTeam, UseAssign, s.name, s.at)
	}
	return nameOf(NameAdmin, UseAssign, s.name, s.at)
}

// Names are the tags.
func (s *tagSpec) Names() (names []Name) {
	use := UseTag
	if s.kind == "untag" {
		use = UseUntag
	}
	for i, t := range s.names {
		for _, n := range nameOf(NameTag, use, t, s.nodes[i]) {
			n.Text = strings.Join(strings.Fields(n.Text), " ")
			names = append(names, n)
		}
	}
	return names
}

// Names are the attributes.
func (s *setSpec) Names() []Name {
	if s.on == "ticket" {
		return attributeNames(NameTicketAttribute, "", s.attributes)
	}
	return attributeNames(NameAttribute, s.on, s.attributes)
}

// Names are the owner and the attributes.
func (s *contactSpec) Names() (names []Name) {
	for _, f := range s.fields {
		if f.name == "owner" && f.value.text != nil {
			names = append(names, nameOf(NameAdmin, "", f.value.text, f.value.at)...)
		}
	}
	return append(names, attributeNames(NameAttribute, intercom.ModelContact, s.attributes)...)
}

// Names are the attributes.
func (s *companySpec) Names() []Name {
	return attributeNames(NameAttribute, intercom.ModelCompany, s.attributes)
}

// Names are the type and its attributes.
func (s *newTicketSpec) Names() []Name {
	use := NameUse("")
	if s.do == ticketConvert {
		use = UseConvert
	}
	names := nameOf(NameTicketType, use, s.typeName, s.typeAt)
	of := ""
	if len(names) > 0 {
		of = names[0].Text
	}
	return append(names, attributeNames(NameTicketAttribute, of, s.attributes)...)
}

// Names is the state.
func (s *ticketStateSpec) Names() []Name { return nameOf(NameTicketState, "", s.name, s.at) }

// attributeNames are attributes that are set, with the values that are written out.
func attributeNames(kind NameKind, of string, fields []field) []Name {
	names := make([]Name, 0, len(fields))
	for _, f := range fields {
		n := Name{Kind: kind, Use: UseSet, Of: of, Text: f.name, At: f.at}
		if v, ok := f.value.constant(); ok {
			n.Value, n.ValueAt = v, f.value.at
		}
		names = append(names, n)
	}
	return names
}

// constant is a scalar that is written out, as the stored parameters would have it.
func (v *value) constant() (any, bool) {
	if v.is == isText {
		return v.text.Constant()
	}
	switch literal := v.literal.(type) {
	case int64, float64:
		b, err := json.Marshal(literal)
		return json.Number(b), err == nil
	default:
		return literal, v.is == isLiteral
	}
}
