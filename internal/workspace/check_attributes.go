package workspace

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"switchboard/internal/actions"
	"switchboard/internal/diag"
	"switchboard/internal/intercom"
	"switchboard/internal/rules"
)

// custom is what the path of an attribute of your own begins with.
const custom = "custom_attributes."

func (c *checker) attribute(u rules.NameUse) {
	if u.By == rules.ByReference {
		c.setAttribute(u)
		return
	}
	var have *Attribute
	for _, a := range c.s.attributes(u.Of) { // a live one, if there is one
		// What Intercom itself says of conversations may stand among their custom attributes, too.
		own := a.Custom || u.Of == intercom.ModelConversation
		if a.Path == custom+u.Name || own && a.Name == u.Name {
			if have == nil || have.Archived {
				have = &a
			}
		}
	}
	switch {
	case have == nil && u.Compared: // said of the name
	case have == nil:
		c.noAttribute(u)
	case u.Compared:
		if unfit := compare(have.DataType, have.Options, u); unfit.message != "" {
			c.problem(u, diag.Error, CodeAttributeType, unfit.hint, "the %s attribute %s %s", u.Of, u.Name, unfit.message)
		}
	case have.Archived:
		c.problem(u, diag.Warning, CodeArchived, "", "the %s attribute %q is archived in Intercom: it takes no new values", u.Of, u.Name)
	}
}

// noAttribute reports an attribute that nothing has.
func (c *checker) noAttribute(u rules.NameUse) {
	hint := diag.DidYouMean(u.Name, c.attributeNames(u.Of))
	for _, a := range c.s.attributes(u.Of) {
		switch {
		case a.Archived:
		case a.Path == u.Name:
			hint = "it comes with Intercom, and is not among custom_attributes"
		case strings.HasPrefix(a.Path, custom) && (strings.EqualFold(a.Label, u.Name) || strings.EqualFold(a.Name, u.Name)):
			hint = "write " + quoted(a.Name)
		}
	}
	c.problem(u, diag.Error, CodeUnknownAttribute, hint, "no %s attribute %q in the workspace", u.Of, u.Name)
}

// attributeNames are those of attributes of your own.
func (c *checker) attributeNames(model string) (names []string) {
	for _, a := range c.s.attributes(model) {
		if !a.Archived && strings.HasPrefix(a.Path, custom) {
			names = append(names, a.Name)
		}
	}
	return names
}

// setAttribute checks an attribute that an action sets, or the value that it is set to.
func (c *checker) setAttribute(u rules.NameUse) {
	a, err := c.lists.DataAttribute(u.Of, u.Name)
	if u.Set {
		if err != nil || actions.CanSet(u.Of, a) != nil {
			return // said of the name
		}
		if _, err := actions.AttributeValue(u.Of, a, u.Value); err != nil {
			c.problem(u, diag.Error, CodeAttributeType, closestValue(u.Value, a.Options), "%v", err)
		}
		return
	}
	switch {
	case c.ambiguous(u, err):
	case err != nil && c.archived(u):
		c.problem(u, diag.Error, CodeArchived, "take it out of the archive, or name another", "the %s attribute %q is archived in Intercom: it takes no new values", u.Of, u.Name)
	case err != nil:
		c.problem(u, diag.Error, CodeUnknownAttribute, diag.DidYouMean(u.Name, c.attributeNames(u.Of)), "no %s attribute %q in the workspace", u.Of, u.Name)
	default:
		if err := actions.CanSet(u.Of, a); err != nil {
			c.problem(u, diag.Error, CodeReadOnlyAttribute, "", "%v", err)
		}
	}
}

// archived tells whether there would be such an attribute if none were archived.
func (c *checker) archived(u rules.NameUse) bool {
	back := intercom.Lists{Attributes: map[string][]intercom.DataAttribute{}}
	for _, a := range c.lists.Attributes[u.Of] {
		a.Archived = false
		back.Attributes[u.Of] = append(back.Attributes[u.Of], a)
	}
	_, err := back.DataAttribute(u.Of, u.Name)
	return err == nil
}

func quoted(s string) string { return strconv.Quote(s) }

// closestValue is a hint with the option that was probably meant.
func closestValue(v any, options []string) string {
	if text, ok := v.(string); ok {
		return diag.DidYouMean(text, options)
	}
	return ""
}

// comparison says why a comparison of an attribute with a constant is no use; it is empty if it is
// fine.
type comparison struct{ message, hint string }

// typeWords are the types of attributes for people. Of other types nothing is known.
var typeWords = map[string]string{
	"string": "a text", "list": "a text", "integer": "a number", "float": "a number", "decimal": "a number",
	"boolean": "true or false", "date": "a time", "datetime": "a time",
}

// compare tells whether an attribute can have the value that it is compared with. options are all
// values that it can have; nil for any.
func compare(dataType string, options []string, u rules.NameUse) comparison {
	is, known := typeWords[dataType]
	if !known {
		return comparison{}
	}
	text, isText := u.Value.(string)
	if textOperator(u.Operator) {
		if is == "a text" || is == "a time" {
			return comparison{}
		}
		return comparison{message: fmt.Sprintf("is %s, and %s needs a text", is, u.Operator)}
	}
	if isText && text == "" { // asks whether there is nothing in it
		return comparison{}
	}
	with := kindOf(u.Value)
	switch {
	case is == "a time" && (with == "a number" || isText && isTime(text)):
		return comparison{}
	case is != with:
		return comparison{fmt.Sprintf("is %s, and is compared with %s", is, with), otherwise(is, u.Value)}
	case isText && len(options) > 0 && (u.Operator == "==" || u.Operator == "!=") && !slices.Contains(options, text):
		return comparison{fmt.Sprintf("is never %q", text), oneOf("values", text, options)}
	}
	return comparison{}
}

func textOperator(operator string) bool {
	return slices.Contains([]string{"contains", "startsWith", "endsWith", "matches"}, operator)
}

func kindOf(v any) string {
	switch v.(type) {
	case string:
		return "a text"
	case bool:
		return "true or false"
	}
	return "a number"
}

func isTime(text string) bool {
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if _, err := time.Parse(layout, text); err == nil {
			return true
		}
	}
	return false
}

// otherwise says how to write the value in the type of the attribute.
func otherwise(is string, v any) string {
	text, isText := v.(string)
	switch is {
	case "a number":
		if _, err := json.Number(text).Float64(); isText && err == nil {
			return "write " + text
		}
	case "true or false":
		if text == "true" || text == "false" {
			return "write " + text
		}
	case "a text":
		if !isText {
			return "write " + quoted(fmt.Sprint(v))
		}
	case "a time":
		return `such as now() - duration("72h")`
	}
	return ""
}
