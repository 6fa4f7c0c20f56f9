package actions

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// count adds to a counter that settings.counters declares:
//
//   - count: refunds
//   - count: { counter: refunds, labels: { plan: "{{ company.plan ?? 'none' }}" }, by: 3 }
//
// After a crash in the wrong moment it may be counted twice: a figure, not something that
// anybody was sent.
type count struct{ repeatable }

type countSpec struct {
	name   string
	labels []field
	by     float64
}

type countParams struct {
	Counter string            `json:"counter"`
	Labels  map[string]string `json:"labels,omitempty"`
	By      float64           `json:"by"`
}

// Name is "count".
func (count) Name() string { return "count" }

// Parse reads the counter and its labels, which must be declared.
func (count) Parse(n *yaml.Node, d Decoder) Spec {
	s, ok := &countSpec{by: 1}, true
	name := n
	if n.Kind == yaml.MappingNode {
		name = nil
		d.Fields(n, map[string]func(*yaml.Node){
			"counter": func(n *yaml.Node) { name = n },
			"labels": func(n *yaml.Node) {
				var fine bool
				s.labels, fine = parseFields(n, d, parseScalar)
				ok = ok && fine
			},
			"by": func(n *yaml.Node) { ok = s.readBy(n, d) && ok },
		})
	}
	if name == nil || name.Kind != yaml.ScalarNode || isNull(name) {
		d.Problem(n, CodeParameter, "write `count: NAME` or `count: {counter: NAME, labels: {...}}`", "count needs the name of a counter")
		return nil
	}
	s.name = name.Value
	if !s.declared(name, d) || !ok {
		return nil
	}
	return s
}

func (s *countSpec) readBy(n *yaml.Node, d Decoder) bool {
	v, ok := parseScalar(n, d)
	switch by := v.literal.(type) {
	case int64:
		s.by = float64(by)
	case float64:
		s.by = by
	default:
		ok = false
	}
	if !ok || s.by <= 0 {
		d.Problem(n, CodeParameter, "", "by must be a number above 0")
		return false
	}
	return true
}

// declared checks the name and the labels against settings.counters.
func (s *countSpec) declared(name *yaml.Node, d Decoder) bool {
	declared := d.Counters()
	i := slices.IndexFunc(declared, func(c CounterSpec) bool { return c.Name == s.name })
	if i < 0 {
		d.Problem(name, CodeParameter, "declare it: settings: {counters: {"+s.name+": {help: ..., labels: [...]}}}", "there is no counter %q", s.name)
		return false
	}
	ok := true
	for _, f := range s.labels {
		if !slices.Contains(declared[i].Labels, f.name) {
			d.Problem(f.at, CodeParameter, "its labels: "+orNone(declared[i].Labels), "the counter %s has no label %q", s.name, f.name)
			ok = false
		}
	}
	for _, label := range declared[i].Labels {
		if !slices.ContainsFunc(s.labels, func(f field) bool { return f.name == label }) {
			d.Problem(name, CodeParameter, "", "the label %q of the counter %s is missing", label, s.name)
			ok = false
		}
	}
	return ok
}

func orNone(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

// Plan renders the labels.
func (s *countSpec) Plan(p Plan) (json.RawMessage, error) {
	params := countParams{Counter: s.name, By: s.by, Labels: make(map[string]string, len(s.labels))}
	for i := range s.labels {
		text, err := s.labels[i].value.words(p.Facts)
		if err != nil {
			return nil, err
		}
		params.Labels[s.labels[i].name] = text
	}
	return encodeParams(params)
}

// Summary names the counter.
func (s *countSpec) Summary() string { return "count " + s.name }

// Do adds to the counter. One that a reload took away is not counted any more.
func (count) Do(_ context.Context, env *Env, c Call) (Result, error) {
	var p countParams
	if err := decodeParams("count", c.Params, &p); err != nil {
		return Result{}, err
	}
	if env.Counters == nil || !env.Counters.Add(p.Counter, p.Labels, p.By) {
		return Result{Detail: "not counted: the rules declare no counter " + p.Counter + " any more"}, nil
	}
	return Result{Detail: "counted in " + p.Counter}, nil
}

func (count) describe(params json.RawMessage) string {
	var p countParams
	if decodeParams("count", params, &p) != nil {
		return "count"
	}
	return "count " + p.Counter
}
