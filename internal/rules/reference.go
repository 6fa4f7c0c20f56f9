package rules

import (
	"reflect"
	"strings"

	"github.com/expr-lang/expr/types"
)

// FactDoc is what people are told of a leaf of the schema.
type FactDoc struct {
	Path    string `json:"path"`
	Type    string `json:"type"`
	LookUp  string `json:"look_up"`
	Meaning string `json:"meaning"`
	Example string `json:"example"`
}

// FunctionDoc is what people are told of a function.
type FunctionDoc struct {
	Name      string `json:"name"`
	Signature string `json:"signature"`
	Meaning   string `json:"meaning"`
	Example   string `json:"example"`
}

// Whether a fact is looked up through the API.
const (
	lookUpNever  = "never"
	lookUpMaybe  = "when the event lacks it"
	lookUpAlways = "always"
)

// factText is the text about a fact. The type is the schema's.
type factText struct {
	path    string
	lookUp  string
	meaning string
	example string // a value of a text; an expression for lists and objects; empty for what its type makes obvious
}

// Facts are all facts that expressions can name, ordered as people look for them.
func Facts() []FactDoc {
	byPath := make(map[string]types.Type, len(leaves))
	for i, el := range leaves {
		byPath[leafNames[i]] = el.typ
	}
	list := make([]FactDoc, len(factTexts))
	for i, f := range factTexts {
		typ := plainType(byPath[f.path])
		list[i] = FactDoc{f.path, typ, f.lookUp, f.meaning, f.expression(typ)}
	}
	return list
}

// expression is the example as a rule would have it.
func (f factText) expression(typ string) string {
	switch typ {
	case "text":
		return f.path + ` == "` + f.example + `"`
	case "true or false":
		return f.path
	case "number":
		return f.path + " >= 3"
	case "time":
		return "days_since(" + f.path + ") < 7"
	}
	return f.example
}

// plainType is a type in the words of the reference.
func plainType(typ types.Type) string {
	n := typ.Nature()
	switch {
	case typ.Equal(types.Array(types.String)):
		return "list of texts"
	case n.Kind == reflect.Bool:
		return "true or false"
	}
	word := typeWord(n.String())
	for _, article := range []string{"a ", "an "} {
		word = strings.TrimPrefix(word, article)
	}
	return word
}

// Functions are all functions that expressions can call, those of rules first.
func Functions() []FunctionDoc {
	list := make([]FunctionDoc, len(functionTexts))
	for i, f := range functionTexts {
		name, _, _ := strings.Cut(f.signature, "(")
		list[i] = FunctionDoc{name, f.signature, f.meaning, f.example}
	}
	return list
}
