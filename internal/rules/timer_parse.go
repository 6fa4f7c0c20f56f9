package rules

import (
	"slices"
	"time"

	"gopkg.in/yaml.v3"

	"switchboard/internal/actions"
	"switchboard/internal/event"
)

// waitKeys are the keys of a rule that say when it runs, as they stand in the file.
type waitKeys struct{ after, hours, cancelOn, restart, ifLate *yaml.Node }

// readWait reads when a rule runs; nil for a rule that runs at once.
func (p *loader) readWait(n *yaml.Node, r *rule, keys *waitKeys) *wait {
	w := &wait{restart: true}
	if keys.hours != nil {
		w.hours = p.readCalendarName(keys.hours)
	}
	if keys.cancelOn != nil {
		w.cancelOn = p.readTopics(keys.cancelOn)
	}
	if keys.restart != nil {
		w.restart = p.readFlag(keys.restart)
	}
	if keys.ifLate != nil {
		r.skipLate = p.readIfLate(keys.ifLate)
	}
	if keys.after == nil {
		p.checkNoWait(n)
		return nil
	}
	w.after, w.written = p.readWindow(keys.after, "the time to wait")
	if w.hours != nil && w.after > 0 {
		if _, err := w.due(thisProgramsTime); err != nil {
			p.Problem(keys.hours, "rules/never", "", "%v", err)
		}
	}
	if r.stop {
		p.Problem(keyNode(n, "after"), "rules/wrong-value", "take stop: true away", "a rule that waits cannot stop the evaluation: it runs later, alone")
	}
	p.checkTimerSubjects(n, keys, r, w)
	p.checkNobodyActs(n, r)
	return w
}

// thisProgramsTime is a time from which calendars are asked whether they ever open: rules read no
// clock.
var thisProgramsTime = time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC)

// checkNoWait reports the keys of rules that wait in one that does not. What a rule with `every`
// cannot have is reported with it.
func (p *loader) checkNoWait(n *yaml.Node) {
	if keyNode(n, "every") != nil {
		return
	}
	for _, name := range []string{"hours", "cancel_on", "restart", "if_late"} {
		if at := keyNode(n, name); at != nil {
			p.Problem(at, "rules/needs-after", "add after: 15m, or take it away", "%q is for rules that wait", name)
		}
	}
}

// usualLateness is how late a timer may be with `if_late: skip`.
const usualLateness = time.Minute

// readIfLate reads `if_late: run`, `skip` or `{ skip: 10m }`.
func (p *loader) readIfLate(n *yaml.Node) time.Duration {
	if n.Kind == yaml.ScalarNode {
		if word, _ := p.choice(n, "run", "skip"); word == "skip" {
			return usualLateness
		}
		return 0
	}
	var bound time.Duration
	p.Fields(n, map[string]func(*yaml.Node){
		"skip": func(n *yaml.Node) { bound, _ = p.readWindow(n, "how late it may be") },
	})
	if n.Kind == yaml.MappingNode && valueBehind(n, "skip") == nil {
		p.missingKey(n, "if_late", "skip")
	}
	return bound
}

// timerKinds are what timers can wait on: what can be read again when they come due.
var timerKinds = []string{event.KindConversation, event.KindContact, event.KindTicket}

// checkTimerSubjects reports timers that could never be read, and topics that could never cancel
// them because they are about something else.
func (p *loader) checkTimerSubjects(n *yaml.Node, keys *waitKeys, r *rule, w *wait) {
	for i, topic := range r.topics {
		if kind := event.SubjectKind(topic.text); event.KnownTopic(topic.text) && !slices.Contains(timerKinds, kind) {
			p.Problem(entry(valueBehind(n, "when"), i, len(r.topics)), "rules/subject", "", "a timer waits on a conversation, a contact or a ticket, and %s is about none", topic.text)
			return
		}
	}
	kinds := kindsOf(r.topics)
	if len(kinds) == 0 || slices.Contains(kinds, event.KindOther) {
		return
	}
	if !overlap(kinds, timerKinds) {
		p.Problem(keys.after, "rules/subject", "its events are about "+plural(kinds), "a timer waits on a conversation, a contact or a ticket, and no topic of this rule is about one")
	}
	for i, topic := range w.cancelOn {
		about := kindsOf([]topicPattern{topic})
		if slices.Contains(about, event.KindOther) || overlap(about, kinds) {
			continue
		}
		p.Problem(entry(keys.cancelOn, i, len(w.cancelOn)), "rules/subject", "the timers of this rule wait on "+plural(kinds), "%s is about %s: it never cancels them", topic.text, plural(about))
	}
}

// entry is the place of the i-th of n topics; all of them when some were refused.
func entry(list *yaml.Node, i, n int) *yaml.Node {
	if list.Kind == yaml.SequenceNode && len(list.Content) == n {
		return list.Content[i]
	}
	return list
}

// checkNobodyActs reports conditions that ask who acted when a timer comes due: nobody did.
func (p *loader) checkNobodyActs(n *yaml.Node, r *rule) {
	nobody := foresight{}
	for _, path := range []string{"event.from", "actor.type", "actor.id", "actor.name", "actor.email", "admin.type", "admin.id", "admin.name", "admin.email"} {
		nobody[path] = actions.Fact{Known: true}
	}
	if r.condition.under(nobody).possible() || !r.condition.under(foresight{}).possible() {
		return
	}
	for _, key := range []string{"if", "any", "none"} {
		if at := keyNode(n, key); at != nil {
			p.Problem(at, "rules/never", "who acted is asked by from:, when the waiting begins", "nobody acts when the timer comes due, so this is never true")
			return
		}
	}
}

func overlap(a, b []string) bool {
	return slices.ContainsFunc(a, func(kind string) bool { return slices.Contains(b, kind) })
}

func kindsOf(topics []topicPattern) []string {
	when := make([]string, len(topics))
	for i, topic := range topics {
		when[i] = topic.text
	}
	return SubjectKinds(when)
}
