package actions

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// value is a value in a rules file that may hold texts with {{ expressions }}: a scalar, or a
// list or mapping of values where the action takes any JSON.
type value struct {
	text    Text // a text; nil otherwise
	literal any  // a number, true, false or nil
	list    []value
	fields  []field // in file order
	is      valueIs
	at      *yaml.Node // of a scalar
}

type valueIs int

const (
	isText valueIs = iota
	isLiteral
	isList
	isFields
)

// field is a named value.
type field struct {
	name  string
	value value
	at    *yaml.Node // the name, for problems
}

// maxValues bounds the values of one mapping or list.
const maxValues = 200

// parseValue reads any value.
func parseValue(n *yaml.Node, d Decoder) (value, bool) {
	switch n.Kind {
	case yaml.MappingNode:
		fields, ok := parseFields(n, d, parseValue)
		return value{is: isFields, fields: fields}, ok
	case yaml.SequenceNode:
		if len(n.Content) > maxValues {
			d.Problem(n, CodeParameter, "", "these are more than %d values", maxValues)
			return value{}, false
		}
		v, ok := value{is: isList}, true
		for _, item := range n.Content {
			entry, fine := parseValue(item, d)
			v.list, ok = append(v.list, entry), ok && fine
		}
		return v, ok
	}
	return parseScalar(n, d)
}

// parseScalar reads a text, a number, true, false or null.
func parseScalar(n *yaml.Node, d Decoder) (value, bool) {
	v, ok := parseLiteral(n, d)
	v.at = n
	return v, ok
}

func parseLiteral(n *yaml.Node, d Decoder) (value, bool) {
	if n.Kind != yaml.ScalarNode {
		d.Problem(n, CodeParameter, "", "this must be a text, a number, true, false or null")
		return value{}, false
	}
	switch n.Tag {
	case "!!null":
		return value{is: isLiteral}, true
	case "!!bool":
		return value{is: isLiteral, literal: n.Value == "true" || n.Value == "True" || n.Value == "TRUE"}, true
	case "!!int":
		if i, err := strconv.ParseInt(n.Value, 10, 64); err == nil {
			return value{is: isLiteral, literal: i}, true
		}
	case "!!float":
		if f, err := strconv.ParseFloat(n.Value, 64); err == nil && !math.IsInf(f, 0) && !math.IsNaN(f) {
			return value{is: isLiteral, literal: f}, true
		}
	}
	if n.Value == "" {
		return value{is: isLiteral, literal: ""}, true // Text would call it missing
	}
	t := d.Text(n, false)
	return value{text: t}, t != nil
}

// parseFields reads a mapping of names to values.
func parseFields(n *yaml.Node, d Decoder, read func(*yaml.Node, Decoder) (value, bool)) ([]field, bool) {
	if n.Kind != yaml.MappingNode {
		d.Problem(n, CodeParameter, "write {name: value, ...}", "this must be a mapping of names to values")
		return nil, false
	}
	if len(n.Content)/2 > maxValues {
		d.Problem(n, CodeParameter, "", "these are more than %d values", maxValues)
		return nil, false
	}
	fields, ok, seen := make([]field, 0, len(n.Content)/2), true, map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		switch {
		case key.Kind != yaml.ScalarNode || key.Value == "":
			d.Problem(key, CodeParameter, "", "this must be a name")
			ok = false
			continue
		case seen[key.Value]:
			d.Problem(key, CodeParameter, "", "%q is here twice", key.Value)
			ok = false
			continue
		}
		seen[key.Value] = true
		v, fine := read(n.Content[i+1], d)
		fields, ok = append(fields, field{key.Value, v, key}), ok && fine
	}
	return fields, ok
}

// render makes the JSON value. What an expression gives keeps its type when the text is
// nothing but the expression: numbers stay numbers, an absent fact is null.
func (v *value) render(f Facts) (any, error) {
	switch v.is {
	case isText:
		got, err := v.text.Value(f)
		if err != nil {
			return nil, err
		}
		return jsonValue(got)
	case isLiteral:
		return v.literal, nil
	case isList:
		list := make([]any, len(v.list))
		for i := range v.list {
			var err error
			if list[i], err = v.list[i].render(f); err != nil {
				return nil, err
			}
		}
		return list, nil
	case isFields:
	}
	return renderFields(v.fields, f)
}

// words makes a text of the value, as templates do; empty for nothing.
func (v *value) words(f Facts) (string, error) {
	switch {
	case v.is == isText:
		return v.text.Render(f)
	case v.literal == nil:
		return "", nil
	}
	b, err := json.Marshal(v.literal)
	return strings.Trim(string(b), `"`), err
}

// renderWords makes texts of the values; null and flags stay what they are.
func renderWords(fields []field, f Facts) (map[string]any, error) {
	m := make(map[string]any, len(fields))
	for i := range fields {
		v := &fields[i].value
		if _, flag := v.literal.(bool); flag || v.is == isLiteral && v.literal == nil {
			m[fields[i].name] = v.literal
			continue
		}
		text, err := v.words(f)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", fields[i].name, err)
		}
		m[fields[i].name] = text
	}
	return m, nil
}

func renderFields(fields []field, f Facts) (map[string]any, error) {
	m := make(map[string]any, len(fields))
	for i := range fields {
		v, err := fields[i].value.render(f)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", fields[i].name, err)
		}
		m[fields[i].name] = v
	}
	return m, nil
}

// jsonValue is what an expression gave, as JSON has it: a time as ISO 8601, a duration in
// seconds.
func jsonValue(v any) (any, error) {
	switch v := v.(type) {
	case time.Time:
		return v.UTC().Format(time.RFC3339), nil
	case time.Duration:
		return v.Seconds(), nil
	case float64:
		if math.IsInf(v, 0) || math.IsNaN(v) {
			return nil, errorf("%v is no number that can be sent", v)
		}
	}
	return v, nil
}
