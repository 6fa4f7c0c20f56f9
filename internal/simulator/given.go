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
