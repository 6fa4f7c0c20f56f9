package rules

import (
	"cmp"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"switchboard/internal/actions"
	"switchboard/internal/diag"
	"switchboard/internal/schedule"
)

// rule is one rule, compiled.
type rule struct {
	name      string
	boxedName any // name as a value of expressions
	place     int // among all rules
	file      string
	line      int
	state     string
	because   string
	from      string
	onceFor   string // conversation, contact or ""
	cooldown  cooldown
	limit     limit
	during    *hours // nil for any time
	outside   *hours
	wait      *wait         // nil for a rule that runs at once
	skipLate  time.Duration // later than that after its time it does not run; 0 for never too late
	stop      bool
	topics    []topicPattern
	sweep     *sweep // nil without `every`
	condition condition
	actions   []plannedSpec
	required  []requiredText // texts of the actions that must not come out empty
	source    *sourceFile    // for problems with several rules, found when all are read
	listens   *yaml.Node     // what lets it hear of our own work: `from`, or `when`
	title     *yaml.Node     // its name, for problems with the rule as a whole
}

// plannedSpec is one entry of `then`.
type plannedSpec struct {
	kind string
	spec actions.Spec
	at   *yaml.Node // where the file names the kind
}

// The states of a rule.
const (
	stateLive   = "live"
	stateShadow = "shadow"
	stateOff    = "off"
)

// fromHuman and fromAny are the values of `from` beside those of an actor.
const (
	fromHuman = "human"
	fromAny   = "any"
)

func (p *loader) readRules(n *yaml.Node) {
	if n == nil || isEmpty(n) {
		return
	}
	if n.Kind != yaml.SequenceNode {
		p.wrongType(n, "a list of rules (each begins with - name:)")
		return
	}
	for _, item := range n.Content {
		if r := p.readRule(item); r != nil {
			p.rules = append(p.rules, r)
		}
	}
}

// readRule reads one rule. It always reads all keys, to report every problem.
func (p *loader) readRule(n *yaml.Node) *rule {
	p.required = nil
	r := &rule{file: p.file.name, source: p.file, line: n.Line, state: stateLive, from: fromHuman}
	if n.Kind != yaml.MappingNode {
		p.wrongType(n, "a rule (name:, when:, then:)")
		return nil
	}
	has := map[string]bool{}
	var once, cooldown, outside *yaml.Node
	var w waitKeys
	var every *schedule.Schedule
	var search *sweepSearch
	key := func(name string, read func(*yaml.Node)) func(*yaml.Node) {
		return func(n *yaml.Node) {
			has[name] = true
			read(n)
		}
	}
	p.Fields(n, map[string]func(*yaml.Node){
		"name":     key("name", func(n *yaml.Node) { p.readName(n, r) }),
		"when":     key("when", func(n *yaml.Node) { r.topics = p.readTopics(n); r.listens = cmp.Or(r.listens, n) }),
		"if":       func(n *yaml.Node) { r.condition.all = p.readClauses(n, "if") },
		"any":      func(n *yaml.Node) { r.condition.any = p.readClauses(n, "any") },
		"none":     func(n *yaml.Node) { r.condition.none = p.readClauses(n, "none") },
		"every":    func(n *yaml.Node) { every = p.readEvery(n) },
		"search":   func(n *yaml.Node) { search = p.readSearch(n) },
		"then":     key("then", func(n *yaml.Node) { r.actions = p.readActions(n) }),
		"stop":     func(n *yaml.Node) { r.stop = p.readFlag(n) },
		"once":     func(n *yaml.Node) { once = n; r.onceFor, _ = p.choice(n, perConversation, perContact) },
		"cooldown": func(n *yaml.Node) { cooldown = n; r.cooldown = p.readCooldown(n) },
		"limit":    func(n *yaml.Node) { r.limit = p.readLimit(n) },
		"state":    func(n *yaml.Node) { r.state, _ = p.choice(n, stateLive, stateShadow, stateOff) },
		"during":   func(n *yaml.Node) { r.during = p.readCalendarName(n) },
		"outside":  func(n *yaml.Node) { r.outside = p.readCalendarName(n); outside = n },

		"after":     func(n *yaml.Node) { w.after = n },
		"hours":     func(n *yaml.Node) { w.hours = n },
		"cancel_on": func(n *yaml.Node) { w.cancelOn = n },
		"restart":   func(n *yaml.Node) { w.restart = n },
		"if_late":   func(n *yaml.Node) { w.ifLate = n },

		"because": func(n *yaml.Node) { r.because, _ = p.word(n, "a text that says why") },
		"from": func(n *yaml.Node) {
			r.listens = n
			r.from, _ = p.choice(n, fromCustomer, fromTeammate, fromBot, fromHuman, fromAny)
		},
	})
	for _, name := range []string{"name", "when", "then"} {
		insteadOf := name == "when" && valueBehind(n, "every") != nil
		if !has[name] && !insteadOf {
			p.missingKey(n, "the rule", name)
		}
	}
	if r.during != nil && r.during == r.outside {
		p.Problem(outside, "rules/never", "", "the rule never applies: it is both during and outside %s", r.during.name)
	}
	r.wait = p.readWait(n, r, &w)
	r.sweep = newSweep(every, search)
	p.checkSweep(n)
	p.checkRepeats(n, r)
	p.checkSubjects(r, once, cooldown)
	r.required = p.required
	return r
}

// missingKey reports a missing key at the mapping's first key.
func (p *loader) missingKey(n *yaml.Node, what, name string) {
	at := n
	if len(n.Content) > 0 {
		at = n.Content[0]
	}
	p.Problem(at, "rules/missing-key", "", "%s has no %q", what, name)
}

const maxName = 100

func (p *loader) readName(n *yaml.Node, r *rule) {
	name, ok := p.word(n, "the name of the rule")
	if !ok {
		return
	}
	r.name, r.boxedName, r.title = name, name, n
	unprintable := strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) })
	if utf8.RuneCountInString(name) > maxName || unprintable || strings.TrimSpace(name) != name {
		p.Problem(n, "rules/wrong-value", "", "a name is one line of at most %d characters, without space around it", maxName)
		return
	}
	where := p.file.name + ":" + strconv.Itoa(n.Line)
	if other, again := p.names[name]; again {
		p.Problem(n, "rules/duplicate-name", "the other is at "+other, "there are two rules with the name %q", name)
		return
	}
	p.names[name] = where
}

func (p *loader) readFlag(n *yaml.Node) bool {
	if n.Kind != yaml.ScalarNode || n.Tag != "!!bool" {
		p.Problem(n, "rules/wrong-type", "", "this must be true or false")
		return false
	}
	return strings.EqualFold(n.Value, "true")
}

// readClauses reads a condition or a list of conditions.
func (p *loader) readClauses(n *yaml.Node, key string) []*clause {
	if isEmpty(n) {
		p.Problem(n, "rules/expression", "", "the condition is empty")
		return nil
	}
	var list []*clause
	for _, item := range p.scalars(n, "an expression or a list of expressions") {
		x := &expression{p: p, source: item.Value, locate: p.file.locator(item)}
		before := len(p.problems)
		cl, ok := x.condition()
		if ok {
			cl.label(key)
			list = append(list, cl)
			continue
		}
		p.commentHint(item, before)
	}
	return list
}

// commentHint adds the reason to an expression that YAML cut off: " #" begins a comment.
func (p *loader) commentHint(n *yaml.Node, from int) {
	if n.Style != 0 || !strings.HasPrefix(n.LineComment, "#") {
		return
	}
	for i := range p.problems[from:] {
		problem := &p.problems[from+i]
		if problem.Code == "rules/expression" && problem.Hint == "" {
			problem.Hint = "a # behind a space begins a comment: put the expression in quotes"
		}
	}
}

// readActions reads `then`.
func (p *loader) readActions(n *yaml.Node) []plannedSpec {
	if n.Kind != yaml.SequenceNode {
		p.Problem(n, "rules/wrong-type", "each action begins with -", "this must be a list of actions, not %s", nodeKind(n))
		return nil
	}
	if len(n.Content) == 0 {
		p.Problem(n, "rules/wrong-type", "", "a rule needs at least one action")
	}
	var list []plannedSpec
	for _, item := range n.Content {
		name, value, ok := p.actionOf(item)
		if !ok {
			continue
		}
		if spec := p.readAction(name, value); spec != nil {
			list = append(list, plannedSpec{name.Value, spec, name})
		}
	}
	return list
}

// actionOf splits an entry of `then` into the kind and its parameters: `- close` or
// `- tag: VIP`.
func (p *loader) actionOf(n *yaml.Node) (name, value *yaml.Node, ok bool) {
	switch {
	case n.Kind == yaml.ScalarNode && !isEmpty(n):
		nothing := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Line: n.Line, Column: n.Column}
		return n, nothing, true
	case n.Kind == yaml.MappingNode && len(n.Content) == 2 && n.Content[0].Kind == yaml.ScalarNode:
		return n.Content[0], n.Content[1], true
	case n.Kind == yaml.MappingNode && len(n.Content) > 2:
		p.Problem(n.Content[2], "rules/syntax", "begin each action with - on a line of its own", "this would be a second action in one entry")
	default:
		p.Problem(n, "rules/wrong-type", "such as - tag: VIP", "this must be an action")
	}
	return nil, nil, false
}

func (p *loader) readAction(name, value *yaml.Node) actions.Spec {
	kind, ok := actions.Lookup(name.Value)
	switch {
	case ok:
		return kind.Parse(value, p)
	default:
		hint := diag.DidYouMean(name.Value, actions.Names())
		if hint == "" {
			hint = "actions: " + strings.Join(actions.Names(), ", ")
		}
		p.Problem(name, actions.CodeUnknown, hint, "there is no action %q", shorten(name.Value))
	}
	return nil
}

// readTopics reads `when`.
func (p *loader) readTopics(n *yaml.Node) []topicPattern {
	var list []topicPattern
	for _, item := range p.scalars(n, "a topic or a list of topics") {
		pattern, err := parsePattern(item.Value)
		if err != nil {
			p.Problem(item, "rules/topic", "", "%v", err)
			continue
		}
		if !pattern.known() {
			p.reportAt(p.file.nodeSpan(item), diag.Warning, "rules/unknown-topic", pattern.suggestion(), "Intercom has no topic %q", item.Value)
		}
		list = append(list, pattern)
	}
	return list
}
