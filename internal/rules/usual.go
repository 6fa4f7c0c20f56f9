package rules

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"switchboard/internal/event"
)

// Who says that two rules can run on one event has to be sure that such an event can be. So this file knows
// of some facts which values do occur, and which facts depend on each other. Questions about these are
// modelled; whatever else a condition asks is not, and such rules are passed over. There is one exception: a
// question that both rules ask in the same words is taken to have either answer, when nothing else that is
// asked has to do with the facts in it.

// asks are the questions of a rule's condition.
type asks struct {
	list []inquiry
	// unmodelled are the questions that are not modelled, in an order of their own.
	unmodelled string
	// equal are the values that facts must have.
	equal map[string]any
	own   bool
}

// inquiry is a question with what is known of it.
type inquiry struct {
	*question
	text     string // the same for the same question
	modelled bool
}

// asks collects the questions of a rule.
func (st *study) asks() *asks {
	if st.asked != nil {
		return st.asked
	}
	a := &asks{equal: map[string]any{}, own: st.own}
	var unmodelled []string
	for _, part := range st.parts {
		part.says.questions(func(q *question) {
			one := inquiry{q, q.String(), q.modelled()}
			if !one.modelled {
				unmodelled = append(unmodelled, one.text)
			}
			a.list = append(a.list, one)
		})
		if q := part.says.ask; part.says.op == isQuestion && part.want == wantTrue && q.kind == askEqual && len(q.left) == 1 {
			a.equal[q.left[0].term.key] = q.right[0].value
		}
	}
	slices.Sort(unmodelled)
	a.unmodelled = strings.Join(slices.Compact(unmodelled), "\n")
	st.asked = a
	return a
}

// fits tells whether two rules can be compared, and do not exclude each other at first sight.
func (a *asks) fits(other *asks) bool {
	if a.own || other.own || a.unmodelled != other.unmodelled {
		return false
	}
	for key, v := range a.equal {
		if w, both := other.equal[key]; both && !equalTo(v, w) {
			return false
		}
	}
	return true
}

// String is the same for questions that are the same.
func (q *question) String() string {
	var b strings.Builder
	_, _ = fmt.Fprint(&b, q.kind, q.order, q.name)
	for _, t := range q.terms {
		_, _ = fmt.Fprint(&b, " ", t.key)
	}
	for _, side := range []operand{q.left, q.right} {
		for _, s := range side {
			_, _ = fmt.Fprintf(&b, " %T %v", s.value, s.value)
		}
	}
	if q.list != nil {
		_, _ = fmt.Fprintf(&b, " %q", q.list.values)
	}
	return b.String()
}

// modelled tells whether it is known which answers to a question occur.
func (q *question) modelled() bool {
	if q.kind == askText && q.order == "matches" || q.kind == askOrder && textual(q.right[0].value) {
		return strings.HasPrefix(q.terms[0].key, "event.topic")
	}
	return !slices.ContainsFunc(q.terms, func(t *term) bool {
		_, known := occurring(t.key)
		return !known && !t.outcome && t.kind != tagKind
	})
}

// valuesOf are the values of a fact that occur: some, or those that a function accepts.
type valuesOf struct {
	only []any
	hold func(v any) bool
}

func (o valuesOf) holds(v any) bool {
	return o.hold != nil && o.hold(v) || o.hold == nil && slices.Contains(o.only, v)
}

func someText(v any) bool {
	s, isText := v.(string)
	_, isOther := v.(otherText)
	return isText && s != "" || isOther
}

func isFlag(v any) bool {
	_, isBool := v.(bool)
	return isBool
}

func someNumber(v any) bool {
	switch v := v.(type) {
	case int:
		return true
	case float64:
		return !math.IsNaN(v)
	}
	return false
}

func oneOf(values ...any) valuesOf { return valuesOf{only: values} }

func textWith(holds func(s string) bool) valuesOf {
	return valuesOf{hold: func(v any) bool {
		s, isText := v.(string)
		return someText(v) && (!isText || holds(s))
	}}
}

func atLeast0(v any) bool {
	n, _, ok := compareNumbers(v, 0)
	return ok && n >= 0 && someNumber(v)
}

func count(v any) bool {
	_, whole := v.(int)
	return whole && atLeast0(v)
}

func address(s string) bool {
	return strings.Count(s, "@") == 1 && !strings.ContainsAny(s, " ")
}

func domainName(s string) bool {
	return s == strings.ToLower(strings.TrimSpace(s)) && !strings.Contains(s, "@")
}

var (
	aText   = valuesOf{hold: someText}
	aFlag   = oneOf(true, false)
	anID    = textWith(digitsOnly)
	aCount  = valuesOf{hold: count}
	anyFact = valuesOf{hold: func(v any) bool { return someText(v) || isFlag(v) || someNumber(v) }}
)

// usualFacts are facts of which is known which values occur, beside none.
var usualFacts = map[string]valuesOf{
	"event.topic": aText, "event.from": oneOf(fromCustomer, fromTeammate, fromBot),

	"conversation.state": oneOf("open", "closed", "snoozed"), "conversation.open": aFlag, "conversation.read": aFlag,
	"conversation.title": aText, "conversation.priority": oneOf("priority", "not_priority"),
	"conversation.source.type": aText, "conversation.ai_agent_participated": aFlag,
	"conversation.admin_assignee_id": anID, "conversation.team_assignee_id": anID,
	"conversation.rating.rating": oneOf(1, 2, 3, 4, 5),

	"contact.email": textWith(address), "domain(contact.email)": textWith(domainName),
	"contact.role": oneOf("user", "lead"), "contact.name": aText, "contact.external_id": aText, "contact.owner_id": anID, "contact.language": aText,
	"contact.location.country": aText, "contact.location.country_code": aText, "contact.location.region": aText, "contact.location.city": aText,
	"contact.unsubscribed_from_emails": aFlag, "contact.has_hard_bounced": aFlag, "contact.marked_email_as_spam": aFlag,

	"company.name": aText, "company.company_id": aText, "company.plan": aText, "company.industry": aText,
	"company.size": aCount, "company.user_count": aCount, "company.session_count": aCount, "company.monthly_spend": {hold: atLeast0},

	"ticket.type": aText, "ticket.state": oneOf("submitted", "in_progress", "waiting_on_customer", "resolved"), "ticket.open": aFlag,
	"ticket.admin_assignee_id": anID, "ticket.team_assignee_id": anID,
}

// openFacts are objects whose fields are attributes of your own.
var openFacts = []string{"conversation.custom_attributes.", "contact.custom_attributes.", "company.custom_attributes.", "ticket.attributes."}

// occurring says which values of a term occur; known is false when nobody knows.
func occurring(key string) (values valuesOf, known bool) {
	if values, known = usualFacts[key]; known {
		return values, true
	}
	return anyFact, slices.ContainsFunc(openFacts, func(prefix string) bool { return strings.HasPrefix(key, prefix) })
}

// families are facts that depend on each other, by the first of them.
var families = map[string]string{
	"conversation.open": "conversation.state", "conversation.snoozed_until": "conversation.state", "conversation.waiting_since": "conversation.state",
	"contact.first_name": "contact.name", "domain(contact.email)": "contact.email",
	"contact.location.country": "contact.location", "contact.location.country_code": "contact.location",
	"contact.location.region": "contact.location", "contact.location.city": "contact.location",
	"ticket.open": "ticket.state", "ticket.state_label": "ticket.state", "ticket.previous_state": "ticket.state", "ticket.category": "ticket.type",
	"conversation.parts": "message", "conversation.messages": "message", "ticket.parts": "message",
	"message.html": "message.text", "message.excerpt": "message.text", "companies": "company",
}

func familyOf(path string) string {
	if family, ok := families[path]; ok {
		return family
	}
	return path
}

// related tells whether two families have to do with each other: one is a part of the other.
func related(a, b string) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	return strings.HasPrefix(b, a) && (len(a) == len(b) || b[len(a)] == '.' || b[len(a)] == '/')
}

// independent tells whether the answers to questions that are not the same do not depend on each other.
// clock tells that one more thing depends on the time.
func independent(list []inquiry, clock bool) bool {
	of := map[string]string{} // families, with what is asked of them: a term, or a question that is not modelled
	if clock {
		of[clockPath] = "the hours of a rule"
	}
	texts := map[string]string{} // questions about parts of texts, by what they are asked of
	claim := func(family, by string) bool {
		for other, already := range of {
			if related(family, other) && already != by {
				return false
			}
		}
		of[family] = by
		return true
	}
	for _, q := range list {
		if !q.modelled {
			if !q.takesEither(claim) {
				return false
			}
			continue
		}
		if q.kind == askText {
			key := q.terms[0].key
			if other, asked := texts[key]; asked && other != q.text {
				return false
			}
			texts[key] = q.text
		}
		for _, t := range q.terms {
			if !t.outcome && !claim(familyOf(t.key), t.key) {
				return false
			}
		}
	}
	return true
}

// takesEither tells whether a question that is not modelled may be taken to have either answer: what it
// reads is nothing that other questions ask for, and does not follow from who acted.
func (q inquiry) takesEither(claim func(family, by string) bool) bool {
	reads := 0
	for _, t := range q.terms {
		for _, path := range t.reads {
			root, _, _ := strings.Cut(path, ".")
			switch {
			case root == "item", root == "actor", root == "admin", root == "event", strings.HasPrefix(path, "message.from"), strings.HasPrefix(path, "message.author"):
				return false
			case !claim(familyOf(path), q.text):
				return false
			}
			reads++
		}
	}
	return reads > 0
}

// usual are the facts that certainly occur on events of a topic.
type usual struct {
	topic      string
	unmodelled map[string]bool // terms of questions that may have either answer
}

// occurs tells whether a term has this value on some events.
func (u *usual) occurs(t *term, v any) bool {
	if v == (failure{}) {
		return false
	}
	if t.outcome {
		return true
	}
	if state, isTag := v.(spellings); isTag {
		return len(state) == 0 || len(state) == 1 && u.has("conversation")
	}
	switch {
	case v == nil:
		return t.key != "conversation.state" || event.SubjectKind(u.topic) != event.KindConversation
	case u.unmodelled[t.key]:
		return true
	}
	root, _, _ := strings.Cut(t.reads[0], ".")
	values, known := occurring(t.key)
	if !known || !values.holds(v) || !u.has(root) {
		return false
	}
	if t.key == "conversation.state" {
		if state, ok := stateOn[u.topic]; ok {
			return v == state
		}
	}
	return true
}

// stateOn is the state of the conversation in what these topics tell.
var stateOn = map[string]string{
	"conversation.admin.closed": "closed", "conversation.admin.snoozed": "snoozed", "conversation.admin.opened": "open",
	"conversation.admin.unsnoozed": "open", "conversation.user.created": "open", "conversation.user.replied": "open",
}

// has tells whether events of the topic have an object.
func (u *usual) has(root string) bool {
	switch event.SubjectKind(u.topic) {
	case event.KindConversation, event.KindTicket:
		return true
	case event.KindContact:
		return root == "contact" || root == "company"
	case event.KindCompany:
		return root == "company"
	}
	return false
}

// usualTopic tells whether it is known what events of a topic look like, and rules can act on them.
func usualTopic(topic string) bool {
	switch topic {
	case "conversation.deleted", "contact.deleted", "contact.archived", "contact.merged", "company.deleted", "conversation_part.redacted":
		return false
	}
	switch event.SubjectKind(topic) {
	case event.KindConversation, event.KindTicket, event.KindContact, event.KindCompany:
		return true
	}
	return false
}
