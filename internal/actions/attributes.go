package actions

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"switchboard/internal/intercom"
)

// attributeValues are values for attributes of a model, named as people name them, in the
// names and types that Intercom wants. A name that does not exist is an error with the closest
// one: Intercom would drop the value or refuse the whole call.
func attributeValues(ctx context.Context, env *Env, model string, values map[string]any) (map[string]any, error) {
	if len(values) == 0 {
		return nil, nil
	}
	out := make(map[string]any, len(values))
	for name, v := range values {
		a, err := env.Directory.DataAttribute(ctx, model, name)
		if err != nil {
			return nil, err
		}
		if err := CanSet(model, a); err != nil {
			return nil, err
		}
		if out[a.Name], err = AttributeValue(model, a, v); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// CanSet is an error that says why an attribute cannot be set; nil if it can.
func CanSet(model string, a intercom.DataAttribute) error {
	switch {
	case !a.Custom:
		return errorf("%s is no attribute of your own; use the action %s", a.Name, model)
	case !a.Writable:
		return errorf("the %s attribute %s cannot be set through the API", model, a.Name)
	}
	return nil
}

// AttributeValue is a value in the type of an attribute, or an error that says why it cannot have it.
func AttributeValue(model string, a intercom.DataAttribute, v any) (any, error) {
	value, err := typed(a.DataType, v, a.Options)
	if err != nil {
		return nil, errorf("the %s attribute %s %w", model, a.Name, err)
	}
	return value, nil
}

// ticketValues are the same for attributes of tickets of a type.
func ticketValues(tt intercom.TicketType, values map[string]any) (map[string]any, error) {
	if len(values) == 0 {
		return nil, nil
	}
	out := make(map[string]any, len(values))
	for name, v := range values {
		a, err := TicketAttribute(tt, name)
		if err != nil {
			return nil, err
		}
		if out[a.Name], err = TicketAttributeValue(a, v); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// TicketAttribute finds an attribute of the tickets of a type by its name, in any case. Every type
// has a title and a description, which Intercom need not list.
func TicketAttribute(tt intercom.TicketType, name string) (intercom.TicketTypeAttribute, error) {
	i := slices.IndexFunc(tt.Attributes, func(a intercom.TicketTypeAttribute) bool {
		return !a.Archived && strings.EqualFold(a.Name, name)
	})
	switch {
	case i >= 0:
		return tt.Attributes[i], nil
	case name == titleAttribute, name == descriptionAttribute:
		return intercom.TicketTypeAttribute{Name: name}, nil
	}
	return intercom.TicketTypeAttribute{}, errorf("tickets of type %s have no attribute %q", tt.Name, short(name, 80))
}

// TicketAttributeValue is a value as Intercom wants it for an attribute of tickets, or an error that
// says why it cannot have it.
func TicketAttributeValue(a intercom.TicketTypeAttribute, v any) (value any, err error) {
	if a.DataType == "list" {
		value, err = listItem(a, v)
	} else {
		value, err = typed(a.DataType, v, nil)
	}
	if err != nil {
		return nil, errorf("the ticket attribute %s %w", a.Name, err)
	}
	return value, nil
}

// The attributes of tickets that every type has.
const (
	titleAttribute       = "_default_title_"
	descriptionAttribute = "_default_description_"
)

// listItem is the id of an item of an attribute of type list.
func listItem(a intercom.TicketTypeAttribute, v any) (any, error) {
	if v == nil {
		return nil, nil
	}
	want := fmt.Sprint(v)
	var names []string
	for _, item := range a.Items() {
		if item.ID == want || strings.EqualFold(item.Name, want) {
			return item.ID, nil
		}
		names = append(names, item.Name)
	}
	return nil, fmt.Errorf("has no such value: it has %s", strings.Join(names, ", "))
}

// typed is a value in the type of an attribute; nil clears it. Its errors do not repeat the value,
// which may be a customer's words.
func typed(dataType string, v any, options []string) (any, error) {
	switch v.(type) {
	case nil:
		return nil, nil
	case []any, map[string]any:
		return nil, errors.New("takes one value, and not a list or an object")
	}
	text := fmt.Sprint(v)
	switch dataType {
	case "integer":
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			return n, nil
		}
		return nil, errors.New("takes whole numbers, and this is none")
	case "float", "decimal":
		if f, err := strconv.ParseFloat(text, 64); err == nil && !math.IsNaN(f) && !math.IsInf(f, 0) {
			return f, nil
		}
		return nil, errors.New("takes numbers, and this is none")
	case "boolean":
		if b, err := strconv.ParseBool(text); err == nil {
			return b, nil
		}
		return nil, errors.New("is true or false, and this is neither")
	case "date", "datetime":
		return date(text)
	case "string":
		if len(options) > 0 {
			i := slices.IndexFunc(options, func(o string) bool { return strings.EqualFold(o, text) })
			if i < 0 {
				return nil, fmt.Errorf("has no such value: it has %s", strings.Join(options, ", "))
			}
			return options[i], nil
		}
		return text, nil
	}
	return v, nil
}

// date is a time in Unix seconds.
func date(text string) (any, error) {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n, nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.Unix(), nil
		}
	}
	return nil, errors.New("takes a time such as 2026-12-24 or 2026-12-24T18:00:00Z")
}
