package console

import (
	"fmt"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// misasked is an error of who asked: a value in the address that cannot be read.
type misasked struct{ text string }

func (e misasked) Error() string   { return e.text }
func (e misasked) Refusal() string { return e.text }

// timeLayouts are how a time may be written: as the API does, and as the fields of a form send it, which is UTC
// here as everywhere in the console.
var timeLayouts = []string{time.RFC3339Nano, "2006-01-02T15:04", "2006-01-02T15:04:05", "2006-01-02 15:04", time.DateOnly}

// fromQuery reads a request from the query of an address. Fields have the names that they have in JSON; one that
// is not known is refused, since a filter that is overlooked would show too much.
func fromQuery[Request any](values url.Values) (request Request, err error) {
	to := reflect.ValueOf(&request).Elem()
	fields := map[string]reflect.Value{}
	var names []string
	for i := range to.NumField() {
		name, _, _ := strings.Cut(to.Type().Field(i).Tag.Get("json"), ",")
		fields[name] = to.Field(i)
		names = append(names, name)
	}
	for key := range values {
		field, ok := fields[key]
		if !ok {
			return request, misasked{fmt.Sprintf("there is no field %q here: there are %s", key, strings.Join(names, ", "))}
		}
		if err := setField(field, values.Get(key)); err != nil {
			return request, misasked{fmt.Sprintf("%s %q: %s", key, values.Get(key), err)}
		}
	}
	return request, nil
}

// setField sets a field of a request: a text, a number or a time.
func setField(field reflect.Value, text string) error {
	if field.Type() == reflect.TypeFor[time.Time]() {
		for _, layout := range timeLayouts {
			if at, err := time.Parse(layout, text); err == nil {
				field.Set(reflect.ValueOf(at))
				return nil
			}
		}
		return misasked{"write a time such as 2026-03-02T09:15, in UTC"}
	}
	if field.CanInt() {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || field.OverflowInt(n) {
			return misasked{"write a number"}
		}
		field.SetInt(n)
		return nil
	}
	field.SetString(text)
	return nil
}
