package rules

import (
	"regexp"
	"slices"

	"gopkg.in/yaml.v3"

	"switchboard/internal/actions"
)

var counterName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,59}$`)

// reservedLabels are names that Prometheus gives to labels of its own.
var reservedLabels = []string{"le", "quantile", "job", "instance"}

// readCounters reads settings.counters: a mapping of names to {help, labels}.
func (p *loader) readCounters(n *yaml.Node) {
	if n.Kind != yaml.MappingNode {
		p.wrongType(n, "a mapping of names to counters, such as {refunds: {help: Refund requests.}}")
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		switch {
		case key.Kind != yaml.ScalarNode || !counterName.MatchString(key.Value):
			p.Problem(key, "rules/wrong-value", "such as refunds", "the name of a counter has small letters, digits and _ only, and 60 at most")
		case slices.ContainsFunc(p.counters, func(c actions.CounterSpec) bool { return c.Name == key.Value }):
			p.Problem(key, "rules/repeated-key", "", "there is already a counter %q", key.Value)
		case len(p.counters) == actions.MaxCounters:
			p.Problem(key, "rules/too-large", "use labels", "there are more than %d counters", actions.MaxCounters)
		default:
			p.counters = append(p.counters, p.readCounter(key.Value, n.Content[i+1]))
		}
	}
}

func (p *loader) readCounter(name string, n *yaml.Node) actions.CounterSpec {
	c := actions.CounterSpec{Name: name, Help: "Counted by rules."}
	if isEmpty(n) {
		return c
	}
	p.Fields(n, map[string]func(*yaml.Node){
		"help": func(n *yaml.Node) {
			if text, ok := p.word(n, "a text that says what is counted"); ok {
				c.Help = text
			}
		},
		"labels": func(n *yaml.Node) {
			for _, item := range p.scalars(n, "a list of names of labels") {
				switch {
				case !counterName.MatchString(item.Value) || slices.Contains(reservedLabels, item.Value):
					p.Problem(item, "rules/wrong-value", "such as plan", "this cannot be the name of a label")
				case slices.Contains(c.Labels, item.Value):
					p.Problem(item, "rules/repeated-key", "", "there is already a label %q", item.Value)
				case len(c.Labels) == actions.MaxCounterLabels:
					p.Problem(item, "rules/too-large", "", "a counter has %d labels at most", actions.MaxCounterLabels)
				default:
					c.Labels = append(c.Labels, item.Value)
				}
			}
		},
	})
	return c
}

// Counters are the counters that the files declare. (It is part of actions.Decoder.)
func (p *loader) Counters() []actions.CounterSpec { return p.counters }
