package rules

import (
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"
)

// Expressions know these values: nil (absent), bool, int, uint64 (integers beyond int64),
// float64, string, time.Time (always UTC), time.Duration, *time.Location, lists ([]any) and
// objects (map[string]any).

// object is a JSON object.
type object = map[string]any

// kindOf names the type of a value for people. It never shows the value, because errors
// go to logs and values are what customers wrote.
func kindOf(v any) string {
	switch v.(type) {
	case nil:
		return "nothing"
	case bool:
		return "true or false"
	case int, uint64, float64:
		return "a number"
	case string:
		return "a text"
	case time.Time:
		return "a time"
	case time.Duration:
		return "a duration"
	case []any:
		return "a list"
	case object:
		return "an object"
	}
	return "a value of another type"
}

// plainNumber reads a number of JSON. Integers stay exact, whatever their size.
func plainNumber(s string) any {
	if n, err := strconv.ParseInt(s, 10, strconv.IntSize); err == nil {
		return int(n)
	}
	if n, err := strconv.ParseUint(s, 10, 64); err == nil {
		return n
	}
	if f, err := strconv.ParseFloat(s, 64); err == nil {
		return f
	}
	return s // beyond float64: only as text it stays what it was
}

// idOf reads an identifier, which payloads hold as text or as a number. Nobody ("0", 0 and
// null) is nil.
func idOf(v any) any {
	switch v := v.(type) {
	case string:
		if v == "" || v == "0" {
			return nil
		}
		return v
	case int:
		if v == 0 {
			return nil
		}
		return strconv.Itoa(v)
	case uint64:
		return strconv.FormatUint(v, 10)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return nil
}

// idText is idOf as a Go string; nobody is "".
func idText(v any) string {
	s, _ := idOf(v).(string)
	return s
}

// textOf reads a text. Intercom sends "" and null for the same thing, so an empty text is nil.
func textOf(v any) any {
	if s, ok := v.(string); ok && s != "" {
		return s
	}
	return nil
}

func flagOf(v any) any {
	if b, ok := v.(bool); ok {
		return b
	}
	return nil
}

func numberOf(v any) any {
	switch v := v.(type) {
	case int, uint64, float64:
		return v
	case string:
		if n := plainNumber(v); n != any(v) {
			return n
		}
	}
	return nil
}

func objectOf(v any) object {
	o, _ := v.(object)
	return o
}

// listIn returns the list under key. Intercom wraps most lists in an object whose key for
// the list itself varies.
func listIn(v any, keys ...string) []any {
	switch v := v.(type) {
	case []any:
		return v
	case object:
		for _, key := range keys {
			if list, ok := v[key].([]any); ok {
				return list
			}
		}
	}
	return nil
}

// maxUnix is the year 9999; later times cannot be written as RFC 3339.
const maxUnix = 253402300800

// timeOf reads a time: Unix seconds as a number or as text, or one of the two ISO 8601
// spellings that payloads use. Anything else, and 0, is nil.
func timeOf(v any) any {
	if t, ok := asTime(v); ok {
		return t
	}
	return nil
}

func asTime(v any) (time.Time, bool) {
	switch v := v.(type) {
	case time.Time:
		return v, true
	case int:
		if v > 0 && v < maxUnix {
			return time.Unix(int64(v), 0).UTC(), true
		}
	case float64:
		if v > 0 && v < maxUnix {
			whole, part := math.Modf(v)
			return time.Unix(int64(whole), int64(part*1e9)).UTC(), true
		}
	case string:
		if len(v) < len("1970-01-01T00:00:00Z") { // also spares most texts the parsing
			if n, err := strconv.ParseInt(v, 10, 64); err == nil && n > 0 && n < maxUnix {
				return time.Unix(n, 0).UTC(), true
			}
			return time.Time{}, false
		}
		if t, err := time.Parse(time.RFC3339, v); err == nil {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}

// compare orders two values. known is false when one is nil, so that every comparison with
// something absent is false; ok is false when they cannot be compared at all.
func compare(a, b any) (order int, known, ok bool) {
	if a == nil || b == nil {
		return 0, false, true
	}
	switch x := a.(type) {
	case string:
		if y, isText := b.(string); isText {
			return strings.Compare(x, y), true, true
		}
	case time.Duration:
		if y, isDuration := b.(time.Duration); isDuration {
			return cmpInt(int64(x), int64(y)), true, true
		}
	}
	if x, isTime := a.(time.Time); isTime {
		if y, isTime := asTime(b); isTime {
			return x.Compare(y), true, true
		}
		return 0, false, false
	}
	if y, isTime := b.(time.Time); isTime {
		if x, isTime := asTime(a); isTime {
			return x.Compare(y), true, true
		}
		return 0, false, false
	}
	return compareNumbers(a, b)
}

func cmpInt(a, b int64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// compareNumbers compares exactly, also integers that a float64 cannot hold.
func compareNumbers(a, b any) (order int, known, ok bool) {
	if x, isInt := a.(int); isInt {
		if y, isInt := b.(int); isInt {
			return cmpInt(int64(x), int64(y)), true, true
		}
	}
	if x, y, small := smallNumbers(a, b); small {
		switch {
		case x < y:
			return -1, true, true
		case x > y:
			return 1, true, true
		}
		return 0, x == y, true // NaN is neither
	}
	x, okX := exact(a)
	y, okY := exact(b)
	if !okX || !okY {
		return 0, false, false
	}
	if x == nil || y == nil { // NaN
		return 0, false, true
	}
	return x.Cmp(y), true, true
}

// smallNumbers converts two numbers if that loses nothing.
func smallNumbers(a, b any) (x, y float64, ok bool) {
	x, okX := smallNumber(a)
	y, okY := smallNumber(b)
	return x, y, okX && okY
}

func smallNumber(v any) (float64, bool) {
	const limit = 1 << 53
	switch v := v.(type) {
	case float64:
		return v, true
	case int:
		return float64(v), -limit <= v && v <= limit
	}
	return 0, false
}

// exact converts a number; NaN becomes nil.
func exact(v any) (f *big.Float, ok bool) {
	switch v := v.(type) {
	case int:
		return new(big.Float).SetInt64(int64(v)), true
	case uint64:
		return new(big.Float).SetUint64(v), true
	case float64:
		if math.IsNaN(v) {
			return nil, true
		}
		return big.NewFloat(v), true
	}
	return nil, false
}

// equal tells whether two values are the same; it walks lists and objects and charges the
// evaluation for that.
func equal(e *evaluation, a, b any) bool {
	switch x := a.(type) {
	case nil:
		return b == nil
	case string:
		if y, ok := b.(string); ok {
			return x == y
		}
		return equalTimes(a, b)
	case bool:
		y, ok := b.(bool)
		return ok && x == y
	case int:
		if y, ok := b.(int); ok {
			return x == y
		}
		return equalNumbers(a, b)
	case uint64, float64:
		return equalNumbers(a, b)
	case time.Time:
		y, ok := asTime(b)
		return ok && x.Equal(y)
	case time.Duration:
		y, ok := b.(time.Duration)
		return ok && x == y
	case []any:
		y, ok := b.([]any)
		return ok && equalLists(e, x, y)
	case object:
		y, ok := b.(object)
		return ok && equalObjects(e, x, y)
	}
	return false
}

func equalNumbers(a, b any) bool {
	switch b.(type) {
	case int, uint64, float64:
		x, okX := a.(float64)
		y, okY := b.(float64)
		if okX && okY {
			return x == y
		}
		order, known, _ := compareNumbers(a, b)
		return known && order == 0
	}
	return equalTimes(a, b)
}

// equalTimes compares an attribute that holds a time as a number or as text with a time.
func equalTimes(a, b any) bool {
	y, ok := b.(time.Time)
	if !ok {
		return false
	}
	x, ok := asTime(a)
	return ok && x.Equal(y)
}

func equalLists(e *evaluation, a, b []any) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		e.spend(1)
		if !equal(e, a[i], b[i]) {
			return false
		}
	}
	return true
}

func equalObjects(e *evaluation, a, b object) bool {
	if len(a) != len(b) {
		return false
	}
	for key, x := range a {
		e.spend(1)
		if y, ok := b[key]; !ok || !equal(e, x, y) {
			return false
		}
	}
	return true
}
