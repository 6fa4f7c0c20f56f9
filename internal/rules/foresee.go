package rules

import (
	"strings"

	"switchboard/internal/actions"
)

// foresight is what is known of the facts of an event that has not happened yet, by their paths.
// Whatever else a condition asks may be anything, so it errs on one side only: what it calls
// never cannot hold. It is the knowledge by which loops are judged; see proposition.go.
type foresight map[string]actions.Fact

// see takes what an action leaves behind. Names that differ only in case may be one attribute.
func (f foresight) see(facts []actions.Fact) {
	for _, fact := range facts {
		f.forget(fact.Path)
		if fact.Known || fact.Some {
			f[fact.Path] = fact
		}
	}
}

// forget drops what a change of this fact makes doubtful.
func (f foresight) forget(path string) {
	for known := range f {
		if fold(known) == fold(path) || path == tagsPath && strings.HasPrefix(known, tagPath) {
			delete(f, known)
		}
	}
}

// doubt drops what actions may change to something else than is known.
func (f foresight) doubt(facts []actions.Fact) {
	for _, fact := range facts {
		known, ok := f[fact.Path]
		known.Name = fact.Name // whoever has it
		if !ok || known != fact {
			f.forget(fact.Path)
		}
	}
}

// The paths of tags among the facts.
const (
	tagsPath = "conversation.tags"
	tagPath  = tagsPath + "/"
)

// under tells whether the condition can hold when the facts are these.
func (c *condition) under(k knowledge) outlook {
	return series(c.parts(), func(p *proposition) outlook { return p.under(k) })
}

// parts are what must be true for the condition to hold, in order.
func (c *condition) parts() (list []*proposition) {
	for _, cl := range c.all {
		list = append(list, cl.says)
	}
	if len(c.any) > 0 {
		one := &proposition{op: isOne}
		for _, cl := range c.any {
			one.subs = append(one.subs, cl.says)
		}
		list = append(list, one)
	}
	for _, cl := range c.none {
		list = append(list, cl.says.not())
	}
	return list
}

// value is what is known of a fact. Only plain values are: no lists or objects.
func (f foresight) value(t *term) (v any, known, some bool) {
	fact, ok := f[t.key]
	return fact.Value, ok && fact.Known, ok && (fact.Some || fact.Known && fact.Value != nil)
}

// tag tells whether the conversation has a tag.
func (f foresight) tag(_ *term, name string, exact bool) outlook {
	if exact {
		if fact, ok := f[tagPath+name]; ok {
			return outlookOf(fact.Value == true)
		}
		return perhaps
	}
	is := perhaps
	for path, fact := range f {
		if tag, isTag := strings.CutPrefix(path, tagPath); isTag && prepareText(tag) == prepareText(name) {
			is = outlookOf(fact.Value == true)
		}
	}
	return is
}
