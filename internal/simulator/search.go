package simulator

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Intercom's search grammar: a filter {field, operator, value}, or a group {operator: AND or
// OR, value: [...]}. Which operators a field takes depends on its kind and on what is
// searched; a value of another kind fails the query. Text is compared regardless of case.

// The limits of a query.
const (
	maxNesting = 2  // groups inside one another
	maxFilters = 15 // filters and groups in one group
)

// fieldKind is what a field holds, and with that how it is compared.
type fieldKind string

const (
	textField    fieldKind = "a String"                // string
	textsField   fieldKind = "a list of Strings"       // []string, of which one has to fit
	wordsField   fieldKind = "a String of words"       // string, whose every word counts by itself
	integerField fieldKind = "an Integer"              // float64
	numberField  fieldKind = "a Float"                 // float64
	flagField    fieldKind = "a Boolean"               // bool
	dateField    fieldKind = "a Date (UNIX Timestamp)" // time.Time, zero when there is none
)

// field is something that can be searched by.
type field[T any] struct {
	kind fieldKind
	// value is what an object has; nil when it has nothing.
	value func(*T) any
	// operators are those of this field, when they are not those of its kind.
	operators []string
}

// searchable is what a kind of object can be searched by.
type searchable[T any] struct {
	fields    map[string]field[T]
	more      func(name string) (field[T], bool) // fields whose names the workspace decides
	operators map[fieldKind][]string
	byDay     bool // dates are compared by calendar day, in the workspace's time zone (UTC)
}

// The operators of a kind of field.
var (
	equality = strings.Fields("= != IN NIN")
	strict   = strings.Fields("= != IN NIN > <")
	ordered  = strings.Fields("= != IN NIN > < >= <=")
	textual  = strings.Fields("= != IN NIN ~ !~ ^ $")
)

// searchRequest is the body of a search.
type searchRequest struct {
	Query      json.RawMessage `json:"query"`
	Pagination struct {
		PerPage       *int   `json:"per_page"`
		StartingAfter string `json:"starting_after"`
	} `json:"pagination"`
}

// readSearch reads the body of a search: the page asked for, and what has to hold.
func readSearch[T any](c *call, what searchable[T], size pageSize) (cursorPage, func(*T) bool, error) {
	var in searchRequest
	if err := c.read(&in); err != nil {
		return cursorPage{}, nil, err
	}
	if len(in.Query) == 0 || string(in.Query) == "null" {
		return cursorPage{}, nil, missing("query")
	}
	p := cursorPage{page: 1, perPage: size.usual}
	if in.Pagination.PerPage != nil {
		p.perPage = *in.Pagination.PerPage
	}
	p, err := p.checked(size, in.Pagination.StartingAfter)
	if err != nil {
		return p, nil, err
	}
	fits, err := what.compile(in.Query, 0)
	return p, fits, err
}

// compile turns a filter or group into a condition. depth is how many groups it is in.
func (s searchable[T]) compile(text json.RawMessage, depth int) (func(*T) bool, error) {
	var in struct {
		Field    *string         `json:"field"`
		Operator string          `json:"operator"`
		Value    json.RawMessage `json:"value"`
	}
	if json.Unmarshal(text, &in) != nil {
		return nil, invalid("query", "query must be a filter or a group of filters")
	}
	if in.Field != nil {
		return s.filter(*in.Field, in.Operator, in.Value)
	}
	if in.Operator != "AND" && in.Operator != "OR" {
		return nil, invalid("query", "a group needs the operator AND or OR, a filter needs a field")
	}
	var list []json.RawMessage
	switch {
	case json.Unmarshal(in.Value, &list) != nil:
		return nil, invalid("query", "the value of a group must be a list of filters")
	case len(list) == 0:
		return nil, invalid("query", "a group needs at least one filter")
	case depth == maxNesting:
		return nil, invalid("query", "Exceeded the maximum of %d nested filters", maxNesting)
	case len(list) > maxFilters:
		return nil, invalid("query", "Exceeded the maximum of %d filters in a group", maxFilters)
	}
	conditions := make([]func(*T) bool, 0, len(list))
	for _, one := range list {
		condition, err := s.compile(one, depth+1)
		if err != nil {
			return nil, err
		}
		conditions = append(conditions, condition)
	}
	all := in.Operator == "AND"
	return func(v *T) bool {
		for _, condition := range conditions {
			if condition(v) != all {
				return !all
			}
		}
		return all
	}, nil
}

// filter compiles one comparison.
func (s searchable[T]) filter(name, operator string, text json.RawMessage) (func(*T) bool, error) {
	f, known := s.fields[name]
	if !known && s.more != nil {
		f, known = s.more(name)
	}
	if !known {
		return nil, invalid("field", "Field '%s' cannot be searched by", name)
	}
	operators := f.operators
	if operators == nil {
		operators = s.operators[f.kind]
	}
	if !slices.Contains(operators, operator) {
		return nil, invalid("operator", "Operator '%s' is not supported for '%s', which is %s", operator, name, f.kind)
	}
	test, err := s.comparison(f.kind, name, operator, text)
	if err != nil {
		return nil, err
	}
	return func(v *T) bool { return test(f.value(v)) }, nil
}

// comparison is what an operator and a value ask of what an object has.
func (s searchable[T]) comparison(kind fieldKind, name, operator string, text json.RawMessage) (func(any) bool, error) {
	var value any
	if len(text) == 0 || json.Unmarshal(text, &value) != nil {
		return nil, missing("value")
	}
	switch operator {
	case "!=":
		return s.negated(kind, name, "=", text)
	case "NIN":
		return s.negated(kind, name, "IN", text)
	case "!~":
		return s.negated(kind, name, "~", text)
	case "IN":
		list, ok := value.([]any)
		if !ok {
			return nil, invalid("value", "The value of IN and NIN must be an Array")
		}
		return s.oneOf(kind, name, list)
	}
	if value == nil && operator == "=" {
		return absent, nil
	}
	wanted, ok := kind.read(value)
	if !ok {
		return nil, invalid("value", "The value for '%s' must be %s", name, kind)
	}
	return func(have any) bool { return s.holds(kind, have, operator, wanted) }, nil
}

func (s searchable[T]) negated(kind fieldKind, name, operator string, text json.RawMessage) (func(any) bool, error) {
	test, err := s.comparison(kind, name, operator, text)
	if err != nil {
		return nil, err
	}
	return func(have any) bool { return !test(have) }, nil
}

func (s searchable[T]) oneOf(kind fieldKind, name string, list []any) (func(any) bool, error) {
	wanted := make([]any, 0, len(list))
	for _, value := range list {
		one, ok := kind.read(value)
		if !ok {
			return nil, invalid("value", "Every value for '%s' must be %s", name, kind)
		}
		wanted = append(wanted, one)
	}
	return func(have any) bool {
		return slices.ContainsFunc(wanted, func(one any) bool { return s.holds(kind, have, "=", one) })
	}, nil
}

// absent tells whether an object has nothing in a field.
func absent(have any) bool {
	switch v := have.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case []string:
		return len(v) == 0
	case time.Time:
		return v.IsZero()
	case float64:
		return v == 0
	}
	return false
}

// read turns a value of JSON into one that is comparable with what objects have. Dates may
// be written as text, as the published examples do.
func (k fieldKind) read(value any) (any, bool) {
	switch v := value.(type) {
	case string:
		if k == dateField {
			seconds, err := strconv.ParseInt(v, 10, 64)
			return time.Unix(seconds, 0).UTC(), err == nil
		}
		return strings.ToLower(v), k == textField || k == textsField || k == wordsField
	case bool:
		return v, k == flagField
	case float64:
		if k == dateField {
			return time.Unix(int64(v), 0).UTC(), true
		}
		return v, k == numberField || k == integerField && v == math.Trunc(v)
	}
	return nil, false
}

// holds compares what an object has with what is wanted.
func (s searchable[T]) holds(kind fieldKind, have any, operator string, wanted any) bool {
	switch kind {
	case flagField:
		return have == wanted
	case integerField, numberField:
		n, ok := have.(float64)
		return ok && compares(n, operator, wanted.(float64))
	case dateField:
		at, ok := have.(time.Time)
		return ok && !at.IsZero() && s.dateHolds(at, operator, wanted.(time.Time))
	case textsField:
		list, _ := have.([]string)
		return slices.ContainsFunc(list, func(one string) bool { return textHolds(one, operator, wanted.(string)) })
	case wordsField:
		words, _ := have.(string)
		return slices.ContainsFunc(strings.Fields(words), func(one string) bool {
			return textHolds(strings.Trim(one, `.,;:!?"'()`), operator, wanted.(string))
		})
	}
	text, ok := have.(string)
	return ok && textHolds(text, operator, wanted.(string))
}

// dateHolds compares times to the second, where > and < include the second itself; or by
// day, where > begins with the next day and < ends before this one.
func (s searchable[T]) dateHolds(at time.Time, operator string, wanted time.Time) bool {
	if s.byDay {
		return compares(dayOf(at), operator, dayOf(wanted))
	}
	switch operator {
	case ">":
		operator = ">="
	case "<":
		operator = "<="
	}
	return compares(at.Unix(), operator, wanted.Unix())
}

const secondsOfDay = 24 * 60 * 60

func dayOf(t time.Time) int64 { return t.Unix() / secondsOfDay }

func compares[N int64 | float64](have N, operator string, wanted N) bool {
	switch operator {
	case "=":
		return have == wanted
	case ">":
		return have > wanted
	case "<":
		return have < wanted
	case ">=":
		return have >= wanted
	}
	return have <= wanted
}

// textHolds compares text; wanted is in lower case.
func textHolds(have, operator, wanted string) bool {
	have = strings.ToLower(have)
	switch operator {
	case "~":
		return strings.Contains(have, wanted)
	case "^":
		return strings.HasPrefix(have, wanted)
	case "$":
		return strings.HasSuffix(have, wanted)
	}
	return have == wanted
}

// customFields finds a field behind a prefix, such as custom_attributes.plan, by the type
// that the workspace has declared for it.
func customFields[T any](w *workspace, model string, values func(*T) map[string]any) func(string) (field[T], bool) {
	return func(name string) (field[T], bool) {
		name, found := strings.CutPrefix(name, "custom_attributes.")
		a := w.attribute(model, name)
		if !found || a == nil {
			return field[T]{}, false
		}
		kind := attributeFields[a.Type]
		return field[T]{kind: kind, value: func(v *T) any { return attributeValue(kind, values(v)[name]) }}, true
	}
}

// attributeFields are the kinds of field that attributes are.
var attributeFields = map[string]fieldKind{
	"string": textField, "integer": integerField, "float": numberField, "boolean": flagField, "date": dateField,
}

// attributeValue is the value of an attribute as a field of that kind holds it.
func attributeValue(kind fieldKind, v any) any {
	if v == nil {
		return nil
	}
	if n, isNumber := asNumber(v); isNumber && kind != textField {
		v = n
	}
	if kind == textField {
		return fmt.Sprint(v)
	}
	if kind == dateField {
		at, _ := dateField.read(v)
		return at
	}
	return v
}

// text is a field of text.
func text[T any](value func(*T) string) field[T] {
	return field[T]{kind: textField, value: func(v *T) any { return value(v) }}
}

// texts is a field of several texts.
func texts[T any](value func(*T) []string) field[T] {
	return field[T]{kind: textsField, value: func(v *T) any { return value(v) }}
}

// date is a field of a time.
func date[T any](value func(*T) time.Time) field[T] {
	return field[T]{kind: dateField, value: func(v *T) any { return value(v) }}
}

// flag is a field of yes or no.
func flag[T any](value func(*T) bool) field[T] {
	return field[T]{kind: flagField, value: func(v *T) any { return value(v) }}
}

// idNumber is a field of an id that is a number; 0 where there is nobody.
func idNumber[T any](value func(*T) string) field[T] {
	return field[T]{kind: integerField, value: func(v *T) any {
		n, _ := strconv.ParseFloat(value(v), 64)
		return n
	}}
}

// count is a field of a number.
func count[T any](value func(*T) int) field[T] {
	return field[T]{kind: integerField, value: func(v *T) any { return float64(value(v)) }}
}
