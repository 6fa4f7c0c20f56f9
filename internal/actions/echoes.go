package actions

import (
	"math"
	"slices"
	"strings"

	"switchboard/internal/event"
)

// Echo is what comes back from Intercom when an action has been carried out, as far as the rules
// file tells: the topics of the notifications that may arrive, and what is true of the event's
// subject from then on. It is what tells rules that feed each other (I9), so in doubt it names a
// topic rather than not, and claims no fact.
type Echo struct {
	// Topics may each tell of it, in both generations of names. One call can have several.
	Topics []string
	// Times is how many notifications of each topic there may be; 0 is one.
	Times int
	// Makes are the kinds of subject of which it makes a new one.
	Makes []string
	// Part tells that it adds a part to the conversation or ticket, on which a tag can land.
	Part bool
	// Facts are what it leaves behind, in this order. What is not among them stays as it was.
	Facts []Fact
}

// Fact is what an action does to a fact of the subject.
type Fact struct {
	// Path names it as expressions do, such as "conversation.state". That of a tag is
	// "conversation.tags/" and its name as written; of all tags "conversation.tags".
	Path string
	// Known tells that Value is what it is then; otherwise it may be anything, or, where Some is
	// set, anything but absent.
	Known, Some bool
	Value       any
	// Name is what the rules file calls the team or teammate whose id it is then; empty when that is not
	// written out.
	Name string
}

func is(path string, v any) Fact { return Fact{Path: path, Known: true, Value: v} }
func something(path string) Fact { return Fact{Path: path, Some: true} }
func changed(paths ...string) []Fact {
	return mapped(paths, func(p string) Fact { return Fact{Path: p} })
}
func topics(list ...string) Echo      { return Echo{Topics: list} }
func parts(topics ...string) Echo     { return Echo{Topics: topics, Part: true} }
func (e Echo) leaving(f ...Fact) Echo { e.Facts = append(e.Facts, f...); return e }
func (e Echo) making(kinds ...string) Echo {
	e.Makes = append(e.Makes, kinds...)
	return e
}

func mapped[A, B any](list []A, f func(A) B) []B {
	out := make([]B, len(list))
	for i, v := range list {
		out[i] = f(v)
	}
	return out
}

// The facts of conversations that several actions change.
const (
	factState = "conversation.state"
	factOpen  = "conversation.open"
	factAdmin = "conversation.admin_assignee_id"
	factTeam  = "conversation.team_assignee_id"
	factTags  = "conversation.tags"
)

// EchoOf tells what an action brings back, in a rule whose events are about these kinds of
// subject. ok is false for a Spec that it does not know, which a test excludes.
func EchoOf(s Spec, kinds []string) (e Echo, ok bool) {
	switch s := s.(type) {
	case *assignSpec:
		return s.echo(), true
	case *closeSpec:
		e := parts("conversation.admin.closed")
		if s.reply != nil {
			e = parts("conversation.admin.closed", "conversation.admin.replied")
		}
		return e.leaving(is(factState, "closed"), is(factOpen, false)), true
	case openSpec:
		return parts("conversation.admin.opened", "conversation.admin.unsnoozed").leaving(is(factState, "open"), is(factOpen, true)), true
	case *snoozeSpec:
		return parts("conversation.admin.snoozed").leaving(is(factState, "snoozed"), is(factOpen, true)), true
	case *messageSpec:
		return s.echo(), true
	case *tagSpec:
		return s.echo(kinds), true
	case *setSpec:
		return s.echo(), true
	case *contactSpec:
		return s.echo(), true
	case contactArchiveSpec:
		return topics("contact.archived"), true
	case *companySpec:
		return topics("company.created", "company.updated").making(event.KindCompany), true
	case *companyLinkSpec:
		return topics("company.contact." + s.do + "ed"), true
	case *newTicketSpec:
		return s.echo(), true
	case *ticketTextSpec:
		if s.do == ticketNote {
			return parts("ticket.note.created"), true
		}
		return parts("ticket.admin.replied", "ticket.admin.assigned"), true
	case *ticketStateSpec:
		return s.echo(), true
	case *trackSpec:
		return topics("event.created"), true
	case *contactNoteSpec, *countSpec, *postSpec, *outboundSpec:
		// Notes on contacts, counters and messages to contacts have no notification; what the
		// receiver of http does then is not for us to know.
		return Echo{}, true
	}
	return Echo{}, false
}

// echo of an assignment: a closed conversation opens, one that is aside stays there.
func (s *assignSpec) echo() Echo {
	e := parts("conversation.admin.assigned", "conversation.admin.open.assigned").leaving(changed(factState, factOpen)...)
	switch s.to {
	case "nobody":
		return e.leaving(is(factAdmin, nil), is(factTeam, nil))
	case "team":
		return e.leaving(append(changed(factAdmin), s.assignee(factTeam))...)
	}
	return e.leaving(append(changed(factTeam), s.assignee(factAdmin))...)
}

func (s *assignSpec) assignee(path string) Fact {
	f := something(path)
	if name, fixed := s.name.Constant(); fixed {
		f.Name = strings.Join(strings.Fields(name), " ")
	}
	return f
}

// echo of a note or a reply. A reply can give the conversation to who answers, and open it.
func (s *messageSpec) echo() Echo {
	if s.kind == "note" {
		return parts("conversation.admin.noted")
	}
	return parts("conversation.admin.replied", "conversation.admin.assigned", "conversation.admin.open.assigned").
		leaving(changed(factState, factOpen, factAdmin, factTeam)...)
}

// echo of tag and untag: Intercom tells of both for contacts, and of tags only for conversations.
func (s *tagSpec) echo(kinds []string) (e Echo) {
	e.Times = len(s.names)
	done := "created"
	if s.kind == "untag" {
		done = "deleted"
	}
	on := func(kind string) bool { return slices.Contains(kinds, kind) || slices.Contains(kinds, event.KindOther) }
	if s.onContact || on(event.KindContact) {
		for _, who := range []string{"contact.user", "contact.lead", "user", "contact"} {
			e.Topics = append(e.Topics, who+".tag."+done)
		}
	}
	if s.onContact {
		return e
	}
	if s.kind == "tag" && (on(event.KindConversation) || on(event.KindTicket)) {
		e.Topics = append(e.Topics, "conversation_part.tag.created")
	}
	for _, t := range s.names {
		name, fixed := t.Constant()
		switch {
		case fixed:
			e.Facts = append(e.Facts, is(factTags+"/"+strings.Join(strings.Fields(name), " "), s.kind == "tag"))
		default:
			e.Facts = append(e.Facts, changed(factTags)...)
		}
	}
	return e
}

// echo of set: Intercom does not tell of a conversation's title and attributes.
func (s *setSpec) echo() (e Echo) {
	switch s.on {
	case event.KindContact:
		e = topics("contact.user.updated", "contact.lead.updated", "user.updated", "contact.updated")
		return e.leaving(fieldFacts("contact.custom_attributes.", s.attributes)...)
	case event.KindTicket:
		e = parts("ticket.attribute.updated")
		e.Times = len(s.attributes)
		return e.leaving(fieldFacts("ticket.attributes.", s.attributes)...)
	}
	if s.title != nil {
		if title, fixed := s.title.Constant(); fixed {
			e = e.leaving(is("conversation.title", short(title, maxTitle)))
		} else {
			e = e.leaving(changed("conversation.title")...)
		}
	}
	return e.leaving(fieldFacts("conversation.custom_attributes.", s.attributes)...)
}

// fieldFacts are what fields are set to.
func fieldFacts(prefix string, fields []field) []Fact {
	return mapped(fields, func(f field) Fact {
		v, fixed := f.value.fixed()
		return Fact{Path: prefix + f.name, Known: fixed, Value: v}
	})
}

// fixed is the value when it is written out, as expressions know it.
func (v *value) fixed() (any, bool) {
	switch {
	case v.is == isText && v.text != nil:
		text, ok := v.text.Constant()
		return text, ok
	case v.is != isLiteral:
		return nil, false
	}
	if i, ok := v.literal.(int64); ok {
		return int(i), i >= math.MinInt && i <= math.MaxInt
	}
	return v.literal, true
}

// echo of a contact that is updated or made. One that is made may exist, and is updated then.
func (s *contactSpec) echo() Echo {
	has := func(name string) bool {
		return slices.ContainsFunc(s.fields, func(f field) bool { return f.name == name })
	}
	e := topics("contact.user.updated", "contact.lead.updated", "user.updated", "contact.updated")
	if has("email") {
		e.Topics = append(e.Topics, "contact.email.updated", "contact.lead.added_email", "user.email.updated", "contact.added_email")
	}
	if has("role") || has("external_id") {
		e.Topics = append(e.Topics, "contact.lead.signed_up", "contact.signed_up")
	}
	if s.do == contactCreate {
		e.Topics = append(e.Topics, "contact.user.created", "contact.lead.created", "user.created", "contact.created")
		return e.making(event.KindContact)
	}
	for _, f := range fieldFacts("contact.", s.fields) {
		switch f.Path {
		case "contact.owner":
			f = Fact{Path: "contact.owner_id"}
		case "contact.unsubscribed":
			f.Path = "contact.unsubscribed_from_emails"
		case "contact.name":
			e = e.leaving(changed("contact.first_name")...)
		}
		if text, isText := f.Value.(string); isText {
			f.Value = strings.TrimSpace(text)
		}
		f.Known = f.Known && f.Value != nil && f.Value != "" // what is cleared may be "" or absent
		e = e.leaving(f)
	}
	return e.leaving(fieldFacts("contact.custom_attributes.", s.attributes)...)
}

// echo of a new ticket, or of a conversation that becomes one.
func (s *newTicketSpec) echo() Echo {
	e := parts("ticket.created", "ticket.state.updated").leaving(changed("ticket.state", "ticket.state_label")...)
	if s.do == ticketCreate {
		return e.making(event.KindTicket)
	}
	return e
}

// echo of a ticket's state. The names of the categories are taken for what they say.
func (s *ticketStateSpec) echo() Echo {
	e := parts("ticket.state.updated", "ticket.resolved", "ticket.closed").leaving(changed("ticket.open", "ticket.state_label")...)
	name, fixed := s.name.Constant()
	category := strings.ReplaceAll(strings.ToLower(strings.TrimSpace(name)), " ", "_")
	if fixed && slices.Contains([]string{"submitted", "in_progress", "waiting_on_customer", "resolved"}, category) {
		return e.leaving(is("ticket.state", category))
	}
	return e.leaving(changed("ticket.state")...)
}
