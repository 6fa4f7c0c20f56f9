package rules

import (
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"switchboard/internal/actions"
	"switchboard/internal/event"
)

// subjectKinds are all kinds of subject.
var subjectKinds = []string{
	event.KindConversation, event.KindContact, event.KindCompany, event.KindTicket, event.KindAdmin, event.KindOther,
}

// SubjectKinds tells what the events of a rule may be about, from its `when`: topics, exact
// or with *. With event.KindOther among them they may be about anything; else what an action
// needs and is not there can never be.
func SubjectKinds(when []string) []string {
	may := map[string]bool{}
	for _, text := range when {
		p, err := parsePattern(text)
		if err != nil || !p.known() {
			may[event.KindOther] = true
			continue
		}
		for _, topic := range event.Topics() {
			if p.matches(topic) {
				may[event.SubjectKind(topic)] = true
			}
		}
	}
	return slices.DeleteFunc(slices.Clone(subjectKinds), func(kind string) bool { return !may[kind] })
}

// subjectKinds are what the rule's events may be about.
func (r *rule) subjectKinds() []string {
	if r.sweep != nil {
		return []string{r.sweep.search.kind}
	}
	return kindsOf(r.topics)
}

// checkSubjects reports what a rule wants of things that its events are never about. once and
// cooldown are where the rule says so.
func (p *loader) checkSubjects(r *rule, once, cooldown *yaml.Node) {
	kinds, topic := r.subjectKinds(), "no topic of this rule"
	if r.sweep != nil {
		topic = "nothing that this rule searches"
	}
	if len(kinds) == 0 || slices.Contains(kinds, event.KindOther) {
		return
	}
	hint := "its events are about " + plural(kinds)
	never := func(wanted []string) bool {
		return !slices.ContainsFunc(wanted, func(kind string) bool { return slices.Contains(kinds, kind) })
	}
	for _, a := range r.actions {
		limited, ok := a.spec.(actions.Restricted)
		if !ok {
			continue
		}
		if wanted := limited.Subjects(); len(wanted) > 0 && never(wanted) {
			p.Problem(a.at, "rules/subject", hint, "%s acts on %s, and %s is about one",
				a.kind, plural(wanted), topic)
		}
	}
	for _, counts := range []struct {
		at  *yaml.Node
		per string
	}{{once, r.onceFor}, {cooldown, r.cooldown.per}} {
		switch {
		case counts.at == nil:
		case counts.per == perConversation && never([]string{event.KindConversation, event.KindTicket}):
			p.Problem(counts.at, "rules/subject", hint, "%s is about a conversation or ticket", topic)
		case counts.per == perContact && never([]string{event.KindConversation, event.KindTicket, event.KindContact, event.KindCompany}):
			p.Problem(counts.at, "rules/subject", hint, "%s names a contact", topic)
		}
	}
}

// plural names kinds of subject, such as "contacts and companies".
func plural(kinds []string) string {
	words := make([]string, len(kinds))
	for i, kind := range kinds {
		switch kind {
		case event.KindCompany:
			words[i] = "companies"
		case event.KindAdmin:
			words[i] = "teammates"
		default:
			words[i] = kind + "s"
		}
	}
	return strings.Join(words, " and ")
}
