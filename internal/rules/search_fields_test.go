package rules

import (
	"slices"
	"testing"
	"time"

	"switchboard/internal/intercom"
)

// What rules may search for is what the client takes: the same fields, of the same kinds, with
// the same operators. Rules leave out IN for what is true or false.
func TestSearch_fields_are_those_of_the_client(t *testing.T) {
	samples := map[searchKind]any{searchText: "x", searchNumber: 7, searchDate: time.Unix(1768032600, 0), searchFlag: true}
	wrong := map[searchKind]any{searchText: true, searchNumber: "x", searchDate: "x", searchFlag: "x"}
	for _, s := range append(slices.Clone(searches), swept["tickets"].search) {
		for name, field := range s.by {
			for _, operator := range allSearchOperators {
				query := func(v any) error {
					if operator == "IN" || operator == "NIN" {
						v = []any{v}
					}
					return intercom.Where(name, intercom.Op(operator), v).Check(intercom.Resource(s.kind))
				}
				takes := slices.Contains(field.allowed(), operator)
				if err := query(samples[field.holds]); takes != (err == nil) && field.holds != searchFlag {
					t.Errorf("%s, %s %s: rules say %v, the client says %v", s.kind, name, operator, takes, err)
				}
				if err := query(wrong[field.holds]); takes && err == nil {
					t.Errorf("%s, %s %s: the client takes %v", s.kind, name, operator, wrong[field.holds])
				}
			}
		}
	}
}
