package console

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
)

// hides tells whether what customers wrote, and what is known of them, is kept from whoever asks.
func (c *Console) hides(ctx context.Context) bool {
	return c.o.HideText && caller(ctx).Role.rank() < Operate.rank()
}

// hiddenText stands where something is hidden.
const hiddenText = "(hidden)"

// hide is an answer as JSON without what stands at the paths, such as "event.payload" or "actions.*.params";
// a * is every item of a list or every key of an object. What is hidden is hidden as a whole: of a payload
// not even the keys are to be trusted.
func hide(answer any, paths ...string) (any, error) {
	text, err := json.Marshal(answer)
	if err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber() // ids stay exact
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	for _, path := range paths {
		v = hideAt(v, strings.Split(path, "."))
	}
	return v, nil
}

func hideAt(v any, path []string) any {
	if len(path) == 0 {
		if v == nil {
			return nil
		}
		return hiddenText
	}
	switch v := v.(type) {
	case []any:
		if path[0] == "*" {
			for i := range v {
				v[i] = hideAt(v[i], path[1:])
			}
		}
	case map[string]any:
		for key, value := range v {
			if path[0] == "*" || path[0] == key {
				v[key] = hideAt(value, path[1:])
			}
		}
	}
	return v
}
