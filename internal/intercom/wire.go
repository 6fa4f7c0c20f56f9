package intercom

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ID is an identifier. Intercom sends them as strings or as integers, the same one now this
// way and now the other; for us they are always strings, exact to the last digit.
type ID string

// UnmarshalJSON takes a string or a number; anything else is no id.
func (v *ID) UnmarshalJSON(b []byte) error {
	*v = ""
	switch {
	case b[0] == '"':
		return json.Unmarshal(b, (*string)(v))
	case b[0] == '-' || (b[0] >= '0' && b[0] <= '9'):
		*v = ID(b)
	}
	return nil
}

// Nobody tells whether an assignee's id means that nobody is assigned: null, 0 or "0".
func (v ID) Nobody() bool { return v == "" || v == "0" }

// number is an id that a request has to give as a JSON number.
type number string

// MarshalJSON writes a number, or text when it is none: what that means is Intercom's to say.
func (n number) MarshalJSON() ([]byte, error) {
	if _, err := strconv.ParseUint(string(n), 10, 64); err != nil || (len(n) > 1 && n[0] == '0') {
		return json.Marshal(string(n))
	}
	return []byte(n), nil
}

// Time is a moment. Intercom sends Unix seconds, as numbers or as text, or ISO 8601; null and
// missing times are zero.
type Time struct{ time.Time }

// UnmarshalJSON takes all of these, and passes over anything else.
func (t *Time) UnmarshalJSON(b []byte) error {
	t.Time = time.Time{}
	s := strings.Trim(string(b), `"`)
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		const latest = 253402300800 // the year 9999 ends: later times cannot be written
		if n > 0 && n < latest {
			t.Time = time.Unix(n, 0).UTC()
		}
		return nil
	}
	if at, err := time.Parse(time.RFC3339, s); err == nil {
		t.Time = at.UTC()
	}
	return nil
}

// MarshalJSON writes Unix seconds, or null.
func (t Time) MarshalJSON() ([]byte, error) {
	if t.IsZero() {
		return []byte("null"), nil
	}
	return strconv.AppendInt(nil, t.Unix(), 10), nil
}

var errNotObject = errors.New("not a JSON object")

// decode decodes a JSON object as far as it fits: fields of an unexpected type are left at
// their zero value, because one odd field must not make the rest unusable.
func decode(b []byte, out any) error {
	b = bytes.TrimSpace(b)
	if len(b) == 0 || b[0] != '{' {
		return errNotObject
	}
	err := json.Unmarshal(b, out)
	if _, mismatch := errors.AsType[*json.UnmarshalTypeError](err); mismatch {
		return nil
	}
	return err
}

// list finds the elements of a list that are objects: [...], or {"<key>": [...]} with one of
// the keys. It tells whether there was a list; null counts as an empty one.
func list(b []byte, keys ...string) ([]json.RawMessage, bool) {
	b = bytes.TrimSpace(b)
	switch {
	case len(b) == 0:
		return nil, false
	case bytes.Equal(b, []byte("null")):
		return nil, true
	case b[0] == '[':
		var all []json.RawMessage
		if json.Unmarshal(b, &all) != nil {
			return nil, false
		}
		return slices.DeleteFunc(all, func(e json.RawMessage) bool { return len(e) == 0 || e[0] != '{' }), true
	}
	var object map[string]json.RawMessage
	if b[0] != '{' || json.Unmarshal(b, &object) != nil {
		return nil, false
	}
	for _, key := range keys {
		if inner, ok := object[key]; ok {
			return list(inner)
		}
	}
	return nil, false
}

// listOf decodes the elements of a list. It is nil when there is no list.
func listOf[T any](b []byte, keys ...string) []T {
	elements, _ := list(b, keys...)
	if elements == nil {
		return nil
	}
	return decodeAll[T](elements)
}

// totalOf is how many elements a list says there are, which may be more than it holds.
func totalOf(b []byte) int {
	var total struct {
		Count int `json:"total_count"`
	}
	if decode(b, &total) != nil {
		return 0
	}
	return total.Count
}

func decodeAll[T any](elements []json.RawMessage) []T {
	all := make([]T, 0, len(elements))
	for _, raw := range elements {
		var v T
		if decode(raw, &v) == nil {
			all = append(all, v)
		}
	}
	return all
}

// list makes a call that answers with a list.
func (c *Client) list(ctx context.Context, r request, keys ...string) ([]json.RawMessage, error) {
	p, err := c.page(ctx, &r, keys...)
	return p.items, err
}

// all reads and decodes a list.
func all[T any](ctx context.Context, c *Client, endpoint string, keys ...string) ([]T, error) {
	elements, err := c.list(ctx, request{method: http.MethodGet, endpoint: endpoint}, keys...)
	if err != nil {
		return nil, err
	}
	return decodeAll[T](elements), nil
}

// Ref points at an object of some type, such as the assignee of a part.
type Ref struct {
	Type string `json:"type"`
	ID   ID     `json:"id"`
}

// UnmarshalJSON takes an object and passes over anything else.
func (r *Ref) UnmarshalJSON(b []byte) error {
	type plain Ref
	return lenient(b, (*plain)(r))
}

// lenient decodes an object and passes over anything else.
func lenient(b []byte, out any) error {
	if err := decode(b, out); err != nil && !errors.Is(err, errNotObject) {
		return err
	}
	return nil
}
