package intercom

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// Op is what a condition of a search compares with.
type Op string

// The operators. Which of them a field takes depends on what it holds.
const (
	OpEq          Op = "="
	OpNotEq       Op = "!="
	OpIn          Op = "IN"
	OpNotIn       Op = "NIN"
	OpLess        Op = "<"
	OpGreater     Op = ">"
	OpAtMost      Op = "<="
	OpAtLeast     Op = ">="
	OpContains    Op = "~"
	OpNotContains Op = "!~"
	OpStartsWith  Op = "^"
	OpEndsWith    Op = "$"
)

// The operators of groups.
const (
	opAnd Op = "AND"
	opOr  Op = "OR"
)

var (
	equality  = []Op{OpEq, OpNotEq}
	inList    = []Op{OpIn, OpNotIn}
	ordering  = []Op{OpLess, OpGreater}
	orEqual   = []Op{OpAtMost, OpAtLeast}
	textual   = []Op{OpContains, OpNotContains, OpStartsWith, OpEndsWith}
	operators = slices.Concat(equality, inList, ordering, orEqual, textual)
)

const (
	// maxNesting is how deep groups may lie in one another: a group of groups of conditions.
	maxNesting = 2
	// maxFilters is how many conditions and groups a group may hold.
	maxFilters = 15
)

// Query says what a search looks for: a condition, or a group of queries. It is made by Where
// and the functions like it, by And and Or, or by ParseQuery, and is not changed afterwards.
// The zero Query looks for nothing and is refused.
type Query struct {
	field string
	op    Op
	value any     // of a condition
	group []Query // of a group
}

// Where is a condition on a field, such as "email" or "custom_attributes.plan". Times may be
// given as such or in Unix seconds.
func Where(field string, op Op, value any) Query { return Query{field: field, op: op, value: value} }

// Eq holds where the field has the value; nil: where it has none.
func Eq(field string, value any) Query { return Where(field, OpEq, value) }

// NotEq holds where the field has another value or none; nil: where it has one.
func NotEq(field string, value any) Query { return Where(field, OpNotEq, value) }

// In holds where the field has one of the values.
func In(field string, values ...any) Query { return Where(field, OpIn, values) }

// NotIn holds where the field has none of the values.
func NotIn(field string, values ...any) Query { return Where(field, OpNotIn, values) }

// Less holds where the field is lower. A date of a contact is less from the day before in the
// workspace's time zone; for conversations and tickets equality is included.
func Less(field string, value any) Query { return Where(field, OpLess, value) }

// Greater holds where the field is higher. A date of a contact is greater from the next day in
// the workspace's time zone; for conversations and tickets equality is included.
func Greater(field string, value any) Query { return Where(field, OpGreater, value) }

// AtMost holds where the field is lower or equal. Only whole numbers of contacts and
// created_at of tickets take it.
func AtMost(field string, value any) Query { return Where(field, OpAtMost, value) }

// AtLeast holds where the field is higher or equal. Only whole numbers of contacts and
// created_at of tickets take it.
func AtLeast(field string, value any) Query { return Where(field, OpAtLeast, value) }

// Contains holds where the text is part of the field.
func Contains(field, text string) Query { return Where(field, OpContains, text) }

// NotContains holds where the text is not part of the field.
func NotContains(field, text string) Query { return Where(field, OpNotContains, text) }

// StartsWith holds where the field begins with the text.
func StartsWith(field, text string) Query { return Where(field, OpStartsWith, text) }

// EndsWith holds where the field ends with the text.
func EndsWith(field, text string) Query { return Where(field, OpEndsWith, text) }

// And holds where all the queries hold.
func And(queries ...Query) Query { return Query{op: opAnd, group: queries} }

// Or holds where one of the queries holds.
func Or(queries ...Query) Query { return Query{op: opOr, group: queries} }

func (q Query) isGroup() bool { return q.op == opAnd || q.op == opOr }

// MarshalJSON writes the query in Intercom's grammar.
func (q Query) MarshalJSON() ([]byte, error) {
	if q.isGroup() {
		return json.Marshal(struct {
			Operator Op      `json:"operator"`
			Value    []Query `json:"value"`
		}{q.op, q.group})
	}
	return json.Marshal(struct {
		Field    string `json:"field"`
		Operator Op     `json:"operator"`
		Value    any    `json:"value"`
	}{q.field, q.op, q.value})
}

// ParseQuery reads a query from decoded YAML or JSON in Intercom's own grammar:
// {field, operator, value}, or {operator: AND or OR, value: [...]}. What fields and operators
// a resource takes is for Query.Check to say.
func ParseQuery(v any) (Query, error) { return parseQuery(v, "query") }

// parseQuery reads the query at a place, which its errors name.
func parseQuery(v any, place string) (Query, error) {
	m, ok := v.(map[string]any)
	if !ok {
		return Query{}, fmt.Errorf("%s: must have field, operator and value, or an operator AND or OR with a list of such", place)
	}
	for _, key := range slices.Sorted(maps.Keys(m)) {
		if !slices.Contains([]string{"field", "operator", "value"}, key) {
			return Query{}, fmt.Errorf("%s: has %q; only field, operator and value are known", place, key)
		}
	}
	name, _ := m["operator"].(string)
	value, hasValue := m["value"]
	if !hasValue {
		return Query{}, fmt.Errorf("%s: value is missing", place)
	}
	if op := Op(strings.ToUpper(name)); op == opAnd || op == opOr {
		return parseGroup(m, op, place)
	}
	q := Query{op: Op(strings.ToUpper(name)), value: value}
	if q.field, ok = m["field"].(string); !ok || q.field == "" {
		return Query{}, fmt.Errorf("%s: field is missing or not a text", place)
	}
	if !slices.Contains(operators, q.op) {
		return Query{}, fmt.Errorf("%s: operator of %s is %q; it must be one of %s, or AND or OR without a field", place, q.field, name, opList(operators))
	}
	return q, nil
}

func parseGroup(m map[string]any, op Op, place string) (Query, error) {
	if _, has := m["field"]; has {
		return Query{}, fmt.Errorf("%s: %s takes no field", place, op)
	}
	list, ok := m["value"].([]any)
	if !ok {
		return Query{}, fmt.Errorf("%s: the value of %s must be a list of queries", place, op)
	}
	q := Query{op: op, group: make([]Query, 0, len(list))}
	for i, v := range list {
		inner, err := parseQuery(v, fmt.Sprintf("%s.value[%d]", place, i))
		if err != nil {
			return Query{}, err
		}
		q.group = append(q.group, inner)
	}
	return q, nil
}

func opList(ops []Op) string {
	names := make([]string, len(ops))
	for i, op := range ops {
		names[i] = string(op)
	}
	return strings.Join(names, ", ")
}

// Check tells what Intercom would refuse in a search for r, without asking it.
func (q Query) Check(r Resource) error {
	_, err := q.check(r)
	return err
}

// check gives the query as it is sent: each value in the type that its field has there.
func (q Query) check(r Resource) (Query, error) { return q.checkAt(r, 0) }

func (q Query) checkAt(r Resource, depth int) (Query, error) {
	if !q.isGroup() {
		return q.checkCondition(r)
	}
	switch {
	case depth == maxNesting:
		return Query{}, fmt.Errorf("groups are nested more than %d deep; a group may hold groups, and those only conditions", maxNesting)
	case len(q.group) == 0:
		return Query{}, fmt.Errorf("a group %s is empty", q.op)
	case len(q.group) > maxFilters:
		return Query{}, fmt.Errorf("a group %s holds %d filters; at most %d are allowed", q.op, len(q.group), maxFilters)
	}
	checked := Query{op: q.op, group: make([]Query, len(q.group))}
	for i, inner := range q.group {
		var err error
		if checked.group[i], err = inner.checkAt(r, depth+1); err != nil {
			return Query{}, err
		}
	}
	checked.separate()
	return checked, nil
}

// separate makes groups of one of the conditions in a group that holds groups as well: Intercom
// describes a group of conditions and a group of groups, and none of both.
func (q Query) separate() {
	if !slices.ContainsFunc(q.group, Query.isGroup) {
		return
	}
	for i, inner := range q.group {
		if !inner.isGroup() {
			q.group[i] = Query{op: q.op, group: []Query{inner}}
		}
	}
}

func (q Query) checkCondition(r Resource) (Query, error) {
	if q.field == "" {
		return Query{}, fmt.Errorf("a search of %s needs a field to look at", r)
	}
	kind := r.kindOf(q.field)
	if allowed := r.operators(q.field, kind); !slices.Contains(allowed, q.op) {
		return Query{}, fmt.Errorf("%s %s: %s of %s takes %s", q.field, q.op, kind, r, opList(allowed))
	}
	values, isList := elements(q.value)
	wantsList := slices.Contains(inList, q.op)
	switch {
	case wantsList && (!isList || len(values) == 0):
		return Query{}, fmt.Errorf("%s %s: the value must be a list of at least one value", q.field, q.op)
	case wantsList:
		for i, v := range values {
			var err error
			if values[i], err = kind.value(v); err != nil {
				return Query{}, fmt.Errorf("%s %s: value %d: %w", q.field, q.op, i+1, err)
			}
		}
		return Where(q.field, q.op, values), nil
	case isList:
		return Query{}, fmt.Errorf("%s %s: the value is a list, which only IN and NIN take", q.field, q.op)
	case q.value == nil && slices.Contains(equality, q.op):
		return q, nil
	}
	value, err := kind.value(q.value)
	if err != nil {
		return Query{}, fmt.Errorf("%s %s: %w", q.field, q.op, err)
	}
	return Where(q.field, q.op, value), nil
}

// search iterates over what a search finds: at most limit items, or all of them without one.
// It only reads, so it may be made again whatever became of it. What a query finds is no
// snapshot: items that change meanwhile may come twice or be left out.
func search[T any](ctx context.Context, c *Client, resource Resource, q Query, limit int) iter.Seq2[Item[T], error] {
	q, err := q.check(resource)
	if err != nil {
		r := searchCall(resource, q, 0, "")
		return func(yield func(Item[T], error) bool) {
			yield(Item[T]{}, r.refuse(err.Error()))
		}
	}
	return items[T](ctx, c, pager{
		keys: []string{string(resource), "data"}, limit: limit, next: nextCursor,
		at: func(cursor string) request {
			return searchCall(resource, q, pageSize(resource.pageSize(), limit), cursor)
		},
	})
}

// searchCall is the call for one page of a search. The query was checked.
func searchCall(resource Resource, q Query, size int, cursor string) request {
	type pagination struct {
		PerPage       int    `json:"per_page"`
		StartingAfter string `json:"starting_after,omitempty"`
	}
	return request{
		method: http.MethodPost, endpoint: "/" + string(resource) + "/search", reads: true,
		body: struct {
			Query      Query      `json:"query"`
			Pagination pagination `json:"pagination"`
		}{q, pagination{size, cursor}},
	}
}

// SearchPage makes one call of a search and returns the items of that page, at most size of
// them, as Intercom sent them, and where the next page begins; empty when this is the last. The
// first page begins nowhere. It is for those who must be able to go on from a page later; the
// others iterate with SearchContacts and its like.
func (c *Client) SearchPage(ctx context.Context, resource Resource, q Query, size int, cursor string) (items []json.RawMessage, next string, err error) {
	checked, err := q.check(resource)
	r := searchCall(resource, checked, size, cursor)
	if err != nil {
		return nil, "", r.refuse(err.Error())
	}
	p, err := c.page(ctx, &r, string(resource), "data")
	if err != nil {
		return nil, "", err
	}
	return p.items, nextCursor(cursor, p), nil
}
