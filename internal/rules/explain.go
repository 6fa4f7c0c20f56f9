package rules

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/expr-lang/expr/ast"

	"switchboard/internal/event"
)

// Explanation tells how the outcome of one rule came about. It is made by the same evaluation that makes
// the decision, and so cannot say anything else.
type Explanation struct {
	Rule string `json:"rule"`
	File string `json:"file"`
	Line int    `json:"line"`
	// Outcome is what became of the rule; nil when it was not asked, and then NotAsked says why.
	Outcome  *Outcome `json:"outcome,omitempty"`
	NotAsked string   `json:"not_asked,omitempty"`
	// If, Any and None are the conditions, as far as the rule has any.
	If   []*Clause `json:"if,omitempty"`
	Any  []*Clause `json:"any,omitempty"`
	None []*Clause `json:"none,omitempty"`
}

// Clause is a condition or a part of one.
type Clause struct {
	// Text is the clause in the words of the rules file, on one line.
	Text string `json:"text"`
	// Value is what came of it.
	Value ClauseValue `json:"value"`
	// Decided points out the clause that decided whether the rule matches.
	Decided bool `json:"decided,omitempty"`
	// Op is "and" or "or" for a clause that consists of Clauses.
	Op      string    `json:"op,omitempty"`
	Clauses []*Clause `json:"clauses,omitempty"`
	// Facts are what it read, in the order of the first reading. Only a single clause has any.
	Facts []Fact `json:"facts,omitempty"`
}

// ClauseValue is what came of a clause.
type ClauseValue string

// The values.
const (
	ClauseTrue   ClauseValue = "true"
	ClauseFalse  ClauseValue = "false"
	ClauseFailed ClauseValue = "failed"
	// ClauseNotReached is a clause behind the one that decided.
	ClauseNotReached ClauseValue = "not reached"
)

// Fact is one value that a clause read.
type Fact struct {
	// Name is the path of the fact, such as contact.custom_attributes.plan; for a search what was
	// searched for.
	Name string `json:"name"`
	// Value is what it was, as JSON; null when it is absent. Long ones are cut.
	Value json.RawMessage `json:"value"`
	// LookedUp says that it was read from Intercom and was not in the event.
	LookedUp bool `json:"looked_up,omitempty"`
}

// Explain decides as Evaluate does, and tells of every rule how its outcome came about, or why it was not
// asked.
func (rs *Ruleset) Explain(ctx context.Context, in Input) (*Decision, []Explanation, error) {
	in.explain = &explainer{clauses: map[*clause]*Clause{}, lookedUp: map[int]bool{}}
	d, err := rs.Evaluate(ctx, in)
	if err != nil {
		return nil, nil, err
	}
	list := make([]Explanation, len(rs.rules))
	stopped := ""
	for i, r := range rs.rules {
		x := Explanation{Rule: r.name, File: r.file, Line: r.line}
		at := slices.IndexFunc(d.Rules, func(o Outcome) bool { return o.Rule == r.name })
		switch {
		case at >= 0:
			x.Outcome = &d.Rules[at]
			if x.Outcome.Stop {
				stopped = r.name
			}
		case d.Considered > len(d.Rules) && stopped != "" && matchesAny(r.topics, in.Event.Topic):
			x.NotAsked = "the rule " + stopped + " ended the evaluation (stop)"
		case event.OwnTopic(in.Event.Topic) && len(d.Rules) > 0:
			x.NotAsked = "the event is for the rule " + d.Rules[0].Rule + " alone"
		default:
			x.NotAsked = r.deaf(in.Event.Topic)
		}
		x.If, x.Any, x.None = in.explain.tree(r.condition.all), in.explain.tree(r.condition.any), in.explain.tree(r.condition.none)
		x.pointOut()
		list[i] = x
	}
	return d, list, nil
}

// deaf says why a rule does not listen to a topic.
func (r *rule) deaf(topic string) string {
	if r.sweep != nil {
		return "it has a schedule (every) and listens to no events"
	}
	words := make([]string, len(r.topics))
	for i, p := range r.topics {
		words[i] = p.text
	}
	return "it listens to " + strings.Join(words, ", ") + ", not to " + topic
}

// pointOut marks the clause that decided.
func (x *Explanation) pointOut() {
	if x.Outcome == nil {
		return
	}
	for _, list := range [][]*Clause{x.If, x.Any, x.None} {
		if failed := leafWith(list, ClauseFailed); failed != nil {
			failed.Decided = true
			return
		}
	}
	if no := leafWith(x.If, ClauseFalse); no != nil {
		no.Decided = true
		return
	}
	yes := leafWith(x.Any, ClauseTrue)
	if unwanted := leafWith(x.None, ClauseTrue); unwanted != nil {
		yes = unwanted
	}
	if yes != nil {
		yes.Decided = true
	}
}

// leafWith finds the first clause with the value among those of a list, and inside it the part that
// decided it: the clause itself if all its parts had to agree on that.
func leafWith(list []*Clause, value ClauseValue) *Clause {
	for _, c := range list {
		if c.Value != value {
			continue
		}
		together := c.Op == "and" && value == ClauseTrue || c.Op == "or" && value == ClauseFalse
		if inner := leafWith(c.Clauses, value); inner != nil && !together {
			return inner
		}
		return c
	}
	return nil
}

// explainer is told how an evaluation goes.
type explainer struct {
	clauses map[*clause]*Clause
	open    []*explained // the clauses that are being evaluated, the innermost last
	lookups int          // how often something was looked up, or was there because it had been
	// lookedUp are the leaves whose values were looked up.
	lookedUp map[int]bool
}

// explained is a clause that is being evaluated.
type explained struct {
	clause *clause
	out    *Clause
	slots  []int // leaves that were read, each once
}

// begin is told that a clause is evaluated from now on. Should that never end, it has failed.
func (x *explainer) begin(cl *clause) *explained {
	out := &Clause{Text: cl.text, Value: ClauseFailed}
	x.clauses[cl] = out
	s := &explained{clause: cl, out: out}
	x.open = append(x.open, s)
	return s
}

// end is told what came of it.
func (x *explainer) end(e *evaluation, s *explained, ok bool) {
	s.out.Value = ClauseFalse
	if ok {
		s.out.Value = ClauseTrue
	}
	x.close(e, s)
}

// close takes a clause, and those that failed inside it, off the open ones.
func (x *explainer) close(e *evaluation, s *explained) {
	i := slices.Index(x.open, s)
	for _, inner := range x.open[i:] {
		x.facts(e, inner)
	}
	x.open = x.open[:i]
}

// finish is told that the evaluation of a rule is over: what is open has failed.
func (x *explainer) finish(e *evaluation) {
	if len(x.open) > 0 {
		x.close(e, x.open[0])
	}
}

// load gets a leaf whose value is not known yet, and finds out where it comes from.
func (x *explainer) load(e *evaluation, slot int) any {
	before := x.lookups
	v := leaves[slot].get(e)
	name := leafNames[slot]
	kept := strings.HasPrefix(name, "compan") && e.cache.companies.done && e.payloadCompany() == nil
	// What a timer is about is read when it comes due.
	fresh := e.trigger != nil && !strings.HasPrefix(name, "event.")
	x.lookedUp[slot] = x.lookups > before || kept || fresh
	return v
}

// answered is told of a look-up. A search is a fact by itself: how much it found.
func (x *explainer) answered(q Question, v any) {
	x.lookups++
	if found, ok := v.([]any); ok && q.ID == "" && len(x.open) > 0 {
		out := x.open[len(x.open)-1].out
		out.Facts = append(out.Facts, Fact{Name: q.Key(), Value: shownValue(len(found)), LookedUp: true})
	}
}

// read is told that a leaf was read.
func (x *explainer) read(slot int) {
	if len(x.open) == 0 {
		return
	}
	if s := x.open[len(x.open)-1]; !slices.Contains(s.slots, slot) {
		s.slots = append(s.slots, slot)
	}
}

// facts fills in the facts that a clause has read. A clause that says contact.custom_attributes.plan has
// read all attributes, and is told of the plan.
func (x *explainer) facts(e *evaluation, s *explained) {
	named := factsIn(s.clause.node)
	for _, slot := range s.slots { // what functions read that do not name it
		if !slices.ContainsFunc(named, func(p path) bool { return p.slot == slot }) {
			named = append(named, path{leafNames[slot], slot, nil})
		}
	}
	for _, p := range named {
		if !slices.Contains(s.slots, p.slot) {
			continue // not reached
		}
		v := e.slots[p.slot]
		for _, name := range p.rest {
			o, _ := v.(object)
			v = o[name]
		}
		fact := Fact{Name: p.name, Value: shownValue(v), LookedUp: x.lookedUp[p.slot]}
		if !slices.ContainsFunc(s.out.Facts, func(f Fact) bool { return f.Name == fact.Name }) {
			s.out.Facts = append(s.out.Facts, fact)
		}
	}
}

// tree is what came of a list of clauses.
func (x *explainer) tree(list []*clause) []*Clause {
	var out []*Clause
	for _, cl := range list {
		c := x.clauses[cl]
		if c == nil {
			c = &Clause{Text: cl.text, Value: ClauseNotReached}
		}
		switch cl.op {
		case opAll:
			c.Op = "and"
		case opAny:
			c.Op = "or"
		case opSingle:
		}
		c.Clauses = x.tree(cl.subs)
		out = append(out, c)
	}
	return out
}

// path is a fact that an expression names: a leaf of the schema, and names inside its value.
type path struct {
	name string
	slot int
	rest []string
}

// factsIn are the facts that an expression names, the longest paths only.
func factsIn(node ast.Node) (list []path) {
	if p, ok := factAt(node); ok {
		return []path{p}
	}
	for _, child := range children(node) {
		list = append(list, factsIn(child)...)
	}
	return list
}

func factAt(node ast.Node) (path, bool) {
	var names []string
	for {
		switch n := node.(type) {
		case *ast.ChainNode:
			node = n.Node
		case *ast.MemberNode:
			name, ok := n.Property.(*ast.StringNode)
			if !ok {
				return path{}, false
			}
			names, node = append(names, name.Value), n.Node
		case *ast.IdentifierNode:
			names = append(names, n.Value)
			slices.Reverse(names)
			return leafAt(names)
		default:
			return path{}, false
		}
	}
}

// leafAt follows names to a leaf.
func leafAt(names []string) (path, bool) {
	el, ok := schema[names[0]]
	i := 1
	for ; ok && !el.leaf() && i < len(names); i++ {
		el, ok = el.byName[names[i]]
	}
	if !ok || !el.leaf() {
		return path{}, false
	}
	return path{strings.Join(names, "."), el.slot, names[i:]}, true
}

// mostShown is how many bytes of a value are shown.
const mostShown = 120

// shownValue is a value as JSON. A long one is a text with its beginning.
func shownValue(v any) json.RawMessage {
	text, err := json.Marshal(v)
	if err != nil {
		return json.RawMessage("null")
	}
	if len(text) <= mostShown {
		return text
	}
	if s, ok := v.(string); ok {
		text = []byte(s)
	}
	cut := string(text[:mostShown])
	for !utf8.ValidString(cut) {
		cut = cut[:len(cut)-1]
	}
	text, _ = json.Marshal(cut + "…")
	return text
}
