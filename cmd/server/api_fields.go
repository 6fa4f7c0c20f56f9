package main

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
)

// fieldsOfQuery makes a query of key=value fields.
func fieldsOfQuery(fields []string) (url.Values, error) {
	query := url.Values{}
	for _, field := range fields {
		key, value, found := strings.Cut(field, "=")
		if !found || key == "" {
			return nil, fieldError(field, "write key=value")
		}
		query.Add(key, value)
	}
	return query, nil
}

// fieldsOfBody makes a JSON object of key=value fields.
func fieldsOfBody(fields []string) (json.RawMessage, error) {
	body := map[string]any{}
	for _, field := range fields {
		path, value, err := splitField(field)
		if err != nil {
			return nil, err
		}
		if !put(body, path, typed(value)) {
			return nil, fieldError(field, "the key is given twice, or as a value and as an object")
		}
	}
	return json.Marshal(body)
}

// splitField takes a[b][c]=value apart. A last step of "" adds to an array.
func splitField(field string) (path []string, value string, err error) {
	// The value may have = and brackets of its own; a step has no =.
	key, value, found := strings.Cut(field, "=")
	first, rest, nested := strings.Cut(key, "[")
	if !found || first == "" || strings.Contains(first, "]") {
		return nil, "", fieldError(field, "write key=value")
	}
	path = []string{first}
	if !nested {
		return path, value, nil
	}
	inner, closed := strings.CutSuffix(rest, "]")
	if !closed {
		return nil, "", fieldError(field, "a bracket is not closed")
	}
	steps := strings.Split(inner, "][")
	for i, step := range steps {
		if strings.ContainsAny(step, "[]") || (step == "" && i < len(steps)-1) {
			return nil, "", fieldError(field, "write key[inner]=value, or key[]=value for an array")
		}
	}
	return append(path, steps...), value, nil
}

func fieldError(field, why string) error { return fmt.Errorf("-f %s: %s", field, why) }

// typed reads a value: true, false, null, a number, a text in quotes, or else plain text.
func typed(value string) any {
	switch {
	case value == "true", value == "false", value == "null",
		value != "" && strings.ContainsRune(`-0123456789"`, rune(value[0])):
		if json.Valid([]byte(value)) {
			return json.RawMessage(value)
		}
	}
	return value
}

// put puts a value where path leads. It tells whether there was room.
func put(object map[string]any, path []string, value any) bool {
	step, rest := path[0], path[1:]
	present, taken := object[step]
	switch {
	case len(rest) == 0:
		object[step] = value
		return !taken
	case rest[0] == "":
		array, ok := present.([]any)
		object[step] = append(array, value)
		return ok || !taken
	}
	inner, ok := present.(map[string]any)
	if !taken {
		inner, ok = map[string]any{}, true
		object[step] = inner
	}
	return ok && put(inner, rest, value)
}
