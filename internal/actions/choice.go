package actions

import (
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// form is one of the things that an action such as ticket or contact can do: it reads what
// stands behind the form's key, and returns nil after reporting problems.
type form func(n *yaml.Node, d Decoder) Spec

// parseForm reads a mapping with exactly one of the forms as its key, or that key alone where
// the form needs no parameters.
func parseForm(kind string, n *yaml.Node, d Decoder, forms map[string]form) Spec {
	names := make([]string, 0, len(forms))
	for name := range forms {
		names = append(names, name)
	}
	slices.Sort(names)
	hint := "one of " + strings.Join(names, ", ")
	if n.Kind == yaml.ScalarNode && forms[n.Value] != nil {
		return forms[n.Value](&yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Line: n.Line, Column: n.Column}, d)
	}
	if n.Kind != yaml.MappingNode {
		d.Problem(n, CodeParameter, hint, "%s needs to know what to do", kind)
		return nil
	}
	if len(n.Content) == 0 {
		d.Problem(n, CodeParameter, hint, "%s needs to know what to do", kind)
		return nil
	}
	var spec Spec
	read := 0
	known := make(map[string]func(*yaml.Node), len(forms))
	for name, parse := range forms {
		known[name] = func(n *yaml.Node) {
			if read++; read > 1 {
				d.Problem(n, CodeParameter, "use two "+kind+" actions", "one %s does one thing", kind)
				return
			}
			spec = parse(n, d)
		}
	}
	d.Fields(n, known)
	if read > 1 {
		return nil
	}
	return spec
}
