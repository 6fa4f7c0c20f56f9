package simulator

import (
	"bytes"
	"encoding/json"
	"time"
)

// given is a value of a request that may be missing or null: an update leaves alone what is
// missing and empties what is null.
type given[T any] struct {
	set   bool
	value T
}

// UnmarshalJSON notes that there is a value; null is the empty one.
func (g *given[T]) UnmarshalJSON(b []byte) error {
	g.set = true
	if bytes.Equal(b, []byte("null")) {
		return nil
	}
	return json.Unmarshal(b, &g.value)
}

// into changes what an object has, when there is a value.
func (g given[T]) into(have *T) {
	if g.set {
		*have = g.value
	}
}

// givenTime is a time in Unix seconds.
type givenTime struct{ given[int64] }

func (g givenTime) into(have *time.Time) {
	switch {
	case !g.set:
	case g.value == 0:
		*have = time.Time{}
	default:
		*have = time.Unix(g.value, 0)
	}
}

// values are attributes by name. Whole numbers are int64, to the last digit.
type values map[string]any

// UnmarshalJSON reads an object.
func (v *values) UnmarshalJSON(b []byte) error {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	var read map[string]any
	if err := dec.Decode(&read); err != nil {
		return err
	}
	for name, value := range read {
		if n, ok := value.(json.Number); ok {
			read[name] = exact(n)
		}
	}
	*v = read
	return nil
}

func exact(n json.Number) any {
	if whole, err := n.Int64(); err == nil {
		return whole
	}
	if f, err := n.Float64(); err == nil {
		return f
	}
	return n.String() // too large for a number
}

// asNumber is a number of any kind.
func asNumber(v any) (float64, bool) {
	switch n := v.(type) {
	case float64:
		return n, true
	case int64:
		return float64(n), true
	case int:
		return float64(n), true
	}
	return 0, false
}
