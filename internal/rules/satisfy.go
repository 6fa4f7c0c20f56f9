package rules

import (
	"math"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"
)

// What follows decides whether facts exist with which conditions come out as wanted. The values that a
// term can have fall into few groups that no question about it tells apart: each value that it is compared
// with, what lies between two of them, any other text, nothing at all. Of each group one is tried, in the
// order in which evaluation asks, by the functions that evaluation uses. So the answer is exact about
// terms that are independent of each other; terms that are not (`conversation.open` and
// `conversation.state`) are taken for independent, and then facts may be found that cannot be. Who must not
// be wrong in that direction looks at the terms before.

// requirement is what a proposition must come out as.
type requirement struct {
	says *proposition
	want wanted
}

type wanted int

const (
	wantTrue    wanted = iota
	wantFalse          // and not fail
	wantNotTrue        // be false, or fail
)

// verdict is what is known of requirements.
type verdict int

const (
	undecided verdict = iota // it took too long, or could not be followed
	possible                 // there are facts that meet them
	impossible
)

// assumptions are what is known of facts before.
type assumptions struct {
	fixed map[string]any // values, by keys of terms
	// unreadable tells that what has to be looked up may be refused, which makes conditions fail.
	unreadable bool
	// real, if it is set, says which values of terms are known to occur. Without it, all that cannot be
	// excluded do.
	real *usual
}

// solver counts the work of what is decided in one load, so that it has an end.
type solver struct{ steps int }

const (
	// solverSteps is how many questions are asked in one load about rules by themselves, and as many about
	// rules beside each other. solveSteps is what it costs to begin.
	solverSteps = 2_000_000
	solveSteps  = 100
	// searchSteps is how many are asked to decide one thing.
	searchSteps = 20_000
	// maxValues is how many values of one term are told apart.
	maxValues = 2_000
)

// solve decides whether all requirements can be met together. The witness has a value for each term that
// matters to it.
func (s *solver) solve(list []requirement, given assumptions) (v verdict, witness map[string]any) {
	var flat []requirement
	for _, r := range list {
		flat = r.split(flat)
	}
	if s.steps -= solveSteps; s.steps <= 0 {
		return undecided, nil
	}
	v, witness = possible, map[string]any{}
	for _, part := range connected(flat, given.fixed) {
		q := attempt{assumptions: given, list: part, values: map[string]any{}, steps: min(searchSteps, s.steps)}
		before := q.steps
		found := q.run()
		s.steps -= before - q.steps
		switch found {
		case impossible:
			return impossible, nil
		case undecided:
			v = undecided
		case possible:
			for key, value := range q.values {
				witness[key] = value
			}
		}
	}
	return v, witness
}

// split takes a requirement apart, as far as each part has to be met by itself.
func (r requirement) split(list []requirement) []requirement {
	switch p := r.says; {
	case p.op == isNot && r.want == wantTrue:
		return requirement{p.subs[0], wantFalse}.split(list)
	case p.op == isNot && r.want == wantFalse:
		return requirement{p.subs[0], wantTrue}.split(list)
	case p.op == isEvery && r.want == wantTrue, p.op == isOne && r.want == wantFalse:
		for _, sub := range p.subs {
			list = requirement{sub, r.want}.split(list)
		}
		return list
	}
	return append(list, r)
}

// questions calls f with each question of a proposition.
func (p *proposition) questions(f func(q *question)) {
	if p.op == isQuestion {
		f(&p.ask)
	}
	for _, sub := range p.subs {
		sub.questions(f)
	}
}

// connected groups requirements that share terms: each group can be decided by itself.
func connected(list []requirement, fixed map[string]any) [][]requirement {
	group := make([]int, len(list)) // of each requirement: the first that it shares terms with
	first := map[string]int{}
	find := func(i int) int {
		for group[i] != i {
			i = group[i]
		}
		return i
	}
	for i, r := range list {
		group[i] = i
		r.says.questions(func(q *question) {
			for _, t := range q.terms {
				if _, known := fixed[t.key]; known {
					continue
				}
				if j, seen := first[t.key]; seen {
					a, b := find(i), find(j)
					group[max(a, b)] = min(a, b)
				} else {
					first[t.key] = i
				}
			}
		})
	}
	place := map[int]int{}
	var parts [][]requirement
	for i, r := range list {
		root := find(i)
		if _, ok := place[root]; !ok {
			place[root] = len(parts)
			parts = append(parts, nil)
		}
		parts[place[root]] = append(parts[place[root]], r)
	}
	return parts
}

// attempt tries values of the terms of connected requirements, and is what is known meanwhile.
type attempt struct {
	assumptions
	list    []requirement
	values  map[string]any
	domains map[string][]any
	asked   map[string][]*question // about each term
	need    *term                  // the first whose value was asked for and is not known
	steps   int
}

func (s *attempt) run() verdict {
	s.domains, s.asked = map[string][]any{}, map[string][]*question{}
	for _, r := range s.list {
		r.says.questions(func(q *question) {
			for _, t := range q.terms {
				s.asked[t.key] = append(s.asked[t.key], q)
			}
		})
	}
	return s.try()
}

// try looks for values of what is not known yet.
func (s *attempt) try() verdict {
	for _, r := range s.list {
		if s.steps <= 0 {
			return undecided
		}
		s.need = nil
		met, open := r.want.met(r.says.under(s), s.need == nil)
		switch {
		case open && s.need == nil:
			return undecided
		case open:
			return s.branch(s.need)
		case !met:
			return impossible
		}
	}
	return possible
}

// met tells whether a proposition came out as wanted; open tells that this is not known yet. sure
// tells that nothing was asked that is not known.
func (w wanted) met(o outlook, sure bool) (met, open bool) {
	switch {
	case o == failing:
		return w == wantNotTrue, false
	case o == perhaps:
		return false, true
	case w == wantTrue && o == never, w == wantFalse && o == always:
		return false, false
	case w == wantNotTrue && o == never:
		return true, false
	case !sure: // it may still fail
		return false, true
	}
	return (o == always) == (w == wantTrue), false
}

// branch tries each value of a term.
func (s *attempt) branch(t *term) verdict {
	values, ok := s.domain(t)
	if !ok {
		return undecided
	}
	v := impossible
	for _, value := range values {
		s.values[t.key] = value
		switch s.try() {
		case possible:
			return possible
		case undecided:
			v = undecided
		case impossible:
		}
	}
	delete(s.values, t.key)
	return v
}

// value is what is tried at the moment.
func (s *attempt) value(t *term) (v any, known, some bool) {
	s.steps--
	if v, known = s.fixed[t.key]; !known {
		v, known = s.values[t.key]
	}
	if !known && s.need == nil {
		s.need = t
	}
	return v, known, known && v != nil
}

// spellings are the spellings of a tag that a conversation has.
type spellings []string

func (s *attempt) tag(t *term, name string, exact bool) outlook {
	v, known, _ := s.value(t)
	if !known {
		return perhaps
	}
	return tagIn(v, name, exact)
}

func tagIn(v any, name string, exact bool) outlook {
	if v == (failure{}) {
		return failing
	}
	list, _ := v.(spellings)
	if exact {
		return outlookOf(slices.Contains(list, name))
	}
	return outlookOf(slices.ContainsFunc(list, func(s string) bool { return fold(s) == prepareText(name) }))
}

// domain is one value of each group that the questions tell apart; ok is false when they are too many.
func (s *attempt) domain(t *term) (values []any, ok bool) {
	if values, ok = s.domains[t.key]; ok {
		return values, true
	}
	questions := s.asked[t.key]
	seen := map[string]bool{}
	candidates, ok := candidates(t, questions)
	if s.unreadable && t.fact && t.lookedUp() && !t.outcome {
		candidates = append(candidates, failure{})
	}
	if s.real != nil {
		candidates = append(candidates, usualFacts[t.key].only...)
	}
	for _, v := range candidates {
		if s.real != nil && !s.real.occurs(t, v) {
			continue
		}
		if mark := signature(t, v, questions); !seen[mark] {
			seen[mark] = true
			values = append(values, v)
		}
	}
	if !ok || len(values) > maxValues {
		return nil, false
	}
	s.domains[t.key] = values
	return values, true
}

// signature is the same for values that no question tells apart.
func signature(t *term, v any, questions []*question) string {
	mark := make([]byte, 0, len(questions)+1)
	switch v {
	case nil:
		mark = append(mark, 'n')
	case failure{}:
		mark = append(mark, 'f')
	default:
		mark = append(mark, 'v')
	}
	for _, q := range questions {
		var o outlook
		switch {
		case q.kind == askTag, q.kind == askTagged:
			o = tagIn(v, q.name, q.kind == askTagged)
		case q.kind == askText && q.terms[len(q.terms)-1].key == t.key:
			o = outlookOf(v == true)
		default:
			o = q.of(v, nil)
		}
		mark = append(mark, byte('0'+o))
	}
	return string(mark)
}

// inPayload are the facts that are never looked up.
var inPayload = sync.OnceValue(func() map[string]bool {
	paths := map[string]bool{}
	for _, f := range factTexts {
		if f.lookUp == lookUpNever {
			paths[f.path] = true
		}
	}
	return paths
})

// lookedUp tells whether the term may have to be looked up.
func (t *term) lookedUp() bool {
	known := inPayload()
	return slices.ContainsFunc(t.reads, func(path string) bool {
		for ; path != ""; path = path[:max(0, strings.LastIndexByte(path, '.'))] {
			if known[path] {
				return false
			}
		}
		return true
	})
}

// candidates are values that a term may have: at least one of each group that the questions tell apart.
func candidates(t *term, questions []*question) (values []any, ok bool) {
	switch {
	case t.outcome:
		return []any{true, false}, true
	case t.kind == tagKind:
		return tagStates(questions)
	}
	constants, inOrder := comparedWith(questions)
	all := t.kind == anyKind
	if all || t.kind == textKind {
		values = append(values, textsAround(constants, inOrder)...)
		if all {
			values = append(values, "")
		} else if t.fact { // what is empty counts as absent
			values = slices.DeleteFunc(values, func(v any) bool { return v == "" })
		}
	}
	if all || t.kind == numberKind {
		values = append(values, numbersAround(constants)...)
	}
	if all || t.kind == truthKind {
		values = append(values, true, false)
	}
	if all || t.kind == listKind {
		values = append(values, []any{})
	}
	if t.kind == timeKind || all && !t.fact {
		values = append(values, time.Unix(1, 0).UTC())
	}
	values = append(values, nil)
	if !t.fact {
		values = append(values, failure{}, math.NaN())
	}
	return values, true
}

// comparedWith are the values that terms of these questions are compared with. inOrder tells that texts
// are put in order.
func comparedWith(questions []*question) (values []any, inOrder bool) {
	for _, q := range questions {
		switch q.kind {
		case askEqual, askOrder:
			v := q.right[0].value
			values = append(values, v)
			inOrder = inOrder || q.kind == askOrder && textual(v)
		case askList:
			values = append(values, q.list.values...)
		case askTruth, askText, askTag, askTagged:
		}
	}
	return values, inOrder
}

// textsAround are texts, and one that is none of them. When their order counts, what is before, between
// and behind them.
func textsAround(constants []any, inOrder bool) (values []any) {
	other := "something else"
	var texts []string
	for _, v := range constants {
		if s, ok := v.(string); ok {
			texts = append(texts, s)
			values = append(values, s)
		}
	}
	for slices.Contains(texts, other) {
		other += "!"
	}
	values = append(values, otherText(other))
	if inOrder {
		for _, s := range texts {
			if next := s + "\x00"; !slices.Contains(texts, next) {
				values = append(values, otherText(next))
			}
		}
		if !slices.Contains(texts, "") {
			values = append(values, otherText(""))
		}
	}
	return values
}

// numbersAround are numbers, and one before, between and behind them.
func numbersAround(constants []any) (values []any) {
	var numbers []any
	for _, v := range constants {
		switch v.(type) {
		case int, uint64, float64:
			numbers = append(numbers, v)
		}
	}
	if len(numbers) == 0 {
		return []any{1}
	}
	slices.SortFunc(numbers, func(a, b any) int {
		order, _, _ := compareNumbers(a, b)
		return order
	})
	values = append(values, numbers...)
	for i, n := range numbers {
		if i == 0 {
			values = append(values, beside(n, -1))
		}
		if i+1 == len(numbers) {
			values = append(values, beside(n, 1))
			break
		}
		values = append(values, beside(n, 1)) // a whole number, if there is one between
		if f, ok := between(n, numbers[i+1]); ok {
			values = append(values, f)
		}
	}
	return values
}

// beside is a number a bit larger or smaller.
func beside(n any, by int) any {
	switch n := n.(type) {
	case int:
		if n > math.MinInt && n < math.MaxInt {
			return n + by
		}
		return float64(n) * 2
	case float64:
		if next := math.Floor(n) + float64(by); (next > n) == (by > 0) && next != n {
			return wholeIfSmall(next)
		}
		return math.Nextafter(n, math.Inf(by))
	}
	return n
}

// wholeIfSmall is a whole number as an int, which is how JSON gives it.
func wholeIfSmall(f float64) any {
	if math.Abs(f) < 1<<53 {
		return int(f)
	}
	return f
}

func between(a, b any) (float64, bool) {
	x, okX := smallNumber(a)
	y, okY := smallNumber(b)
	f := x + (y-x)/2
	return f, okX && okY && f > x && f < y
}

// maxSpellings is how many spellings of one tag are told apart.
const maxSpellings = 4

// tagStates are the ways in which a conversation can have a tag: not at all, or in some of the spellings.
func tagStates(questions []*question) (values []any, ok bool) {
	var names []string
	exact := false
	for _, q := range questions {
		name := q.name
		if q.kind == askTag {
			name = strings.TrimSpace(name)
		}
		exact = exact || q.kind == askTagged
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if exact {
		if other, ok := otherSpelling(names); ok {
			names = append(names, other)
		}
	}
	if len(names) > maxSpellings {
		return nil, false
	}
	for set := 1; set < 1<<len(names); set++ {
		var state spellings
		for i, name := range names {
			if set&(1<<i) != 0 {
				state = append(state, name)
			}
		}
		values = append(values, state)
	}
	return append(values, spellings(nil)), true
}

// otherSpelling differs from all of the names in case only; ok is false when there is none.
func otherSpelling(names []string) (string, bool) {
	runes := []rune(strings.TrimSpace(names[0]))
	for i, r := range runes {
		for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
			other := slices.Clone(runes)
			other[i] = f
			if !slices.Contains(names, string(other)) {
				return string(other), true
			}
		}
	}
	return "", false
}
