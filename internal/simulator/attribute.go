package simulator

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"
)

// Attribute is a custom attribute that contacts, companies or conversations may have. Who
// sets one that does not exist is refused.
type Attribute struct {
	ID int
	// Model is "contact", "company" or "conversation".
	Model             string
	Name, Description string
	// Type is "string", "integer", "float", "boolean" or "date"; "string" when empty.
	Type string
	// Options are the values that a list allows; empty for attributes that are no list.
	Options              []string
	Archived             bool
	CreatedAt, UpdatedAt time.Time
}

// The models that have attributes.
const (
	modelContact      = "contact"
	modelCompany      = "company"
	modelConversation = "conversation"
)

// AddAttribute declares a custom attribute; one of that model and name is replaced.
func (s *Simulator) AddAttribute(a Attribute) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.space.addAttribute(a)
}

// AddConversationAttribute declares a custom attribute of conversations, which holds text.
// The API sets only attributes that exist, and cannot create those of conversations.
func (s *Simulator) AddConversationAttribute(name string) {
	s.AddAttribute(Attribute{Model: modelConversation, Name: name})
}

// attributeKey is the key of an attribute in its table.
func attributeKey(model, name string) string { return model + "/" + name }

func (w *workspace) attribute(model, name string) *Attribute {
	return w.attributes.byID[attributeKey(model, name)]
}

func (w *workspace) addAttribute(a Attribute) *Attribute {
	a.Type = cmp.Or(a.Type, "string")
	a.Options = slices.Clone(a.Options)
	if a.CreatedAt.IsZero() {
		a.CreatedAt = time.Now()
	}
	a.UpdatedAt = a.CreatedAt
	key := attributeKey(a.Model, a.Name)
	if a.ID == 0 {
		a.ID = firstAttributeID + w.attributes.made
	}
	w.attributes.put(key, &a)
	return &a
}

// firstAttributeID is the id of the first attribute of a workspace.
const firstAttributeID = 8_514_001

// declare makes the attributes that somebody has who was always there.
func (w *workspace) declare(model string, values map[string]any) {
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if w.attribute(model, name) == nil {
			w.addAttribute(Attribute{Model: model, Name: name, Type: typeOf(values[name])})
		}
	}
}

func typeOf(v any) string {
	if n, ok := asNumber(v); ok {
		if n == math.Trunc(n) {
			return "integer"
		}
		return "float"
	}
	if _, ok := v.(bool); ok {
		return "boolean"
	}
	return "string"
}

// checkAttributes refuses attributes that do not exist and values of another type. null
// takes a value away.
func (w *workspace) checkAttributes(model string, values map[string]any) error {
	for _, name := range slices.Sorted(maps.Keys(values)) {
		a := w.attribute(model, name)
		switch {
		case a == nil || a.Archived:
			return invalid("custom_attributes", "%s '%s' does not exist", attributeKind[model], name)
		case !a.accepts(values[name]):
			return invalid("custom_attributes", "%s '%s' must be of type %s", attributeKind[model], name, a.Type)
		case len(a.Options) > 0 && values[name] != nil && !slices.Contains(a.Options, fmt.Sprint(values[name])):
			return invalid("custom_attributes", "%s '%s' has no option '%v'", attributeKind[model], name, values[name])
		}
	}
	return nil
}

// attributeKind is how errors name the attributes of a model.
var attributeKind = map[string]string{
	modelContact: "Custom attribute", modelCompany: "Custom attribute", modelConversation: "Conversation attribute",
}

// accepts tells whether the attribute may have the value. Text takes every plain value.
func (a *Attribute) accepts(v any) bool {
	if n, ok := asNumber(v); ok {
		return a.Type == "float" || a.Type == "string" || a.Type != "boolean" && n == math.Trunc(n)
	}
	switch v.(type) {
	case nil:
		return true
	case bool:
		return a.Type == "boolean" || a.Type == "string"
	case string:
		return a.Type == "string"
	}
	return false
}

// setAttributes changes those that are given.
func setAttributes(have *map[string]any, given map[string]any) {
	if *have == nil {
		*have = make(map[string]any, len(given))
	}
	for name, v := range given {
		if v == nil {
			delete(*have, name)
		} else {
			(*have)[name] = v
		}
	}
}
