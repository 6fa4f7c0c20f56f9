// Package codes is the list of all kinds of problems: what each code means, whether it is an
// error or a warning, and an example. A package that reports problems names its codes; a test
// holds that each of them is here, and no other.
package codes

import (
	"slices"
	"strings"

	"switchboard/internal/diag"
)

var all = slices.SortedFunc(slices.Values(slices.Concat(ofFiles, ofRules, ofFindings, ofNames, ofExpressions, ofSilences, ofWorkspaces)),
	func(a, b diag.Code) int { return strings.Compare(a.Name, b.Name) })

// All returns every code, sorted by name.
func All() []diag.Code { return slices.Clone(all) }

// Lookup returns the code with a name.
func Lookup(name string) (diag.Code, bool) {
	i, found := slices.BinarySearchFunc(all, name, func(c diag.Code, name string) int { return strings.Compare(c.Name, name) })
	if !found {
		return diag.Code{}, false
	}
	return all[i], true
}

// Nearest returns the name of the code that was probably meant: with another letter, or with
// what stands before the slash, which people leave out.
func Nearest(name string) (string, bool) {
	if _, ok := Lookup("rules/" + name); ok {
		return "rules/" + name, true
	}
	names := make([]string, len(all))
	for i, c := range all {
		names[i] = c.Name
		if _, short, _ := strings.Cut(c.Name, "/"); short == name {
			return c.Name, true
		}
	}
	if nearest, ok := diag.Closest(name, names); ok {
		return nearest, true
	}
	return diag.Closest("rules/"+name, names)
}
