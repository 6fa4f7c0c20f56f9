// Package shadow holds what rules in shadow would have done against what people did.
//
// A rule with `state: shadow` is decided and recorded and does nothing. What it would have done stands in
// the decisions that are stored, and what people did in the events that came after them. So agreement needs no
// state of its own: it is read from the history whenever somebody asks, in one pass over the events in the
// order of their arrival, for as far back as they are kept.
//
// A proposal is one action of one rule about one conversation: the first time that the rule would have done
// it counts, and what it would have done again on later events there is the same proposal. What people did
// within a time after it (Options.Within) is held against it. The last word counts: who gives a conversation to
// one team and then to another meant the other. Own work of Switchboard, bots and apps are no people. What
// was done before the event, or is what the event itself tells of, is the state that the rule found.
package shadow

import (
	"context"
	"slices"
	"strings"
	"time"

	"switchboard/internal/actions"
	"switchboard/internal/event"
	"switchboard/internal/rules"
)

// Topics that tell of what people do.
const (
	TopicAssigned = "conversation.admin.assigned"
	TopicTagged   = "conversation_part.tag.created"
)

// DefaultWithin is how long after a decision what people do is held against it.
const DefaultWithin = 24 * time.Hour

// History gives what is stored.
type History struct {
	// Events calls back with the events that were decided, oldest first. The decision comes along where a
	// rule in shadow decided; else it is nil.
	Events func(ctx context.Context, each func(event.Event, *rules.Decision) error) error
	// OwnPart tells whether one of our own calls made a part.
	OwnPart func(ctx context.Context, workspace, part string) (bool, error)
	// OwnTags calls back with the tags that rules were to put on something.
	OwnTags func(ctx context.Context, each func(OwnTag)) error
}

// OwnTag is a tag that a rule was to put on a conversation or contact, and since when.
type OwnTag struct {
	Workspace, Subject, Name string
	At                       time.Time
}

// Names finds by name or id whom rules and events mean.
type Names interface {
	// Team finds a team; ok is false when there is none, or more than one of that name.
	Team(ctx context.Context, name string) (team Team, ok bool, err error)
	// Admin finds a teammate.
	Admin(ctx context.Context, name string) (admin Admin, ok bool, err error)
}

// Team is a team and the ids of its members.
type Team struct {
	ID, Name string
	Members  []string
}

// Admin is a teammate.
type Admin struct{ ID, Name string }

// Options say what is measured.
type Options struct {
	// Rule is the only rule that is looked at; all if it is empty.
	Rule string
	// Within is how long after a decision what people do is held against it; DefaultWithin if 0.
	Within time.Duration
	// Now is what time it is: later something may still be done.
	Now time.Time
	// Names finds teams and teammates; without it, assignments cannot be told.
	Names Names
}

// Measure reads a history and tells what rules in shadow would have done, and how that agrees with what
// people did.
func Measure(ctx context.Context, h History, o Options) (*Report, error) {
	if o.Within == 0 {
		o.Within = DefaultWithin
	}
	m := &measurement{
		o: o, ownPart: h.OwnPart, rules: map[string]*ruleCount{}, known: map[proposalKey]bool{}, watched: map[watchKey][]*proposal{}, topics: map[string]bool{},
	}
	err := h.Events(ctx, func(ev event.Event, d *rules.Decision) error {
		m.events++
		m.since, m.through = earlier(m.since, ev.CreatedAt), later(m.through, ev.CreatedAt)
		if err := m.observe(ctx, ev); err != nil {
			return err
		}
		if d != nil {
			m.decided(ev, d)
		}
		return ctx.Err()
	})
	if err != nil {
		return nil, err
	}
	return m.report(ctx, h)
}

func earlier(a, b time.Time) time.Time {
	if a.IsZero() || b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// measurement is one that goes on.
type measurement struct {
	o              Options
	ownPart        func(ctx context.Context, workspace, part string) (bool, error)
	events         int
	since, through time.Time

	rules     map[string]*ruleCount
	proposals []*proposal // in the order of the decisions
	known     map[proposalKey]bool
	watched   map[watchKey][]*proposal
	topics    map[string]bool // of those that tell what people do, which came
}

// ruleCount counts how often a rule would have run.
type ruleCount struct {
	would, held int
	subjects    map[watchKey]bool
	rulesets    map[string]bool
}

type watchKey struct{ workspace, subject string }

type proposalKey struct {
	watchKey
	rule, summary, params string
}

// proposal is one thing that a rule would have done about one conversation or contact.
type proposal struct {
	rule, kind, summary string
	workspace, subject  string
	seq                 int64
	at                  time.Time // of the event
	part                string    // that caused the event
	compared            bool
	want                actions.Intent
	about               string // the subject that people's deeds are looked for on
	before              rules.Observation

	given     []deed            // by people, in the order of their times
	automated *rules.Given      // the last that was no person's
	put       map[string]tagged // by their names in folded case, and by whomever
	own       []OwnTag          // that rules were to put on
}

// tagged is a tag that was put on, and whether it stayed.
type tagged struct {
	name   string
	at     time.Time
	stayed bool
}

// deed is an assignment that a person made.
type deed struct {
	at          time.Time
	team, admin string
}

// decided notes what rules in shadow would have done.
func (m *measurement) decided(ev event.Event, d *rules.Decision) {
	var before *rules.Observation
	for _, o := range d.Rules {
		if o.HeldBy != rules.HeldByShadow || m.o.Rule != "" && o.Rule != m.o.Rule {
			continue
		}
		count := m.rules[o.Rule]
		if count == nil {
			count = &ruleCount{subjects: map[watchKey]bool{}, rulesets: map[string]bool{}}
			m.rules[o.Rule] = count
		}
		count.rulesets[d.Ruleset] = true
		if len(o.Would) == 0 {
			count.held++
			continue
		}
		count.would++
		count.subjects[watchKey{ev.Workspace, ev.Subject}] = true
		for _, a := range o.Would {
			p := m.propose(ev, o.Rule, a)
			if p == nil || !strings.HasPrefix(ev.Subject, event.KindConversation+"/") {
				continue
			}
			if before == nil {
				seen := rules.Observe(ev, d)
				before = &seen
			}
			p.before = *before
		}
	}
}

// propose notes one thing that a rule would have done; nil if it is known of that conversation.
func (m *measurement) propose(ev event.Event, rule string, a rules.Planned) *proposal {
	p := &proposal{
		rule: rule, kind: a.Kind, summary: a.Summary, workspace: ev.Workspace, subject: ev.Subject, about: ev.Subject, seq: ev.Seq, at: ev.CreatedAt, part: ev.Part,
	}
	p.want, p.compared = actions.IntentOf(a.Kind, a.Params)
	key := proposalKey{watchKey{ev.Workspace, ev.Subject}, rule, a.Summary, ""}
	if p.compared {
		key.params = string(a.Params)
	}
	if m.known[key] {
		return nil
	}
	m.known[key] = true
	m.proposals = append(m.proposals, p)
	if p.want.Contact != "" {
		p.about = event.KindContact + "/" + p.want.Contact
	}
	if kind, _, _ := strings.Cut(p.about, "/"); kind != event.KindConversation && kind != event.KindContact {
		p.compared = false // nothing tells of tags on tickets
	}
	if p.compared {
		watch := watchKey{p.workspace, p.about}
		m.watched[watch] = append(m.watched[watch], p)
	}
	return p
}

// observe takes from an event what people did.
func (m *measurement) observe(ctx context.Context, ev event.Event) error {
	switch ev.Topic {
	case TopicAssigned, TopicTagged:
		m.topics[ev.Topic] = true
	}
	key := watchKey{ev.Workspace, ev.Subject}
	open := slices.DeleteFunc(m.watched[key], func(p *proposal) bool { return ev.CreatedAt.After(p.at.Add(m.o.Within)) })
	if len(open) == 0 {
		delete(m.watched, key)
		return nil
	}
	m.watched[key] = open
	if event.OwnTopic(ev.Topic) {
		return nil
	}
	var seen *rules.Observation
	own := false
	for _, p := range open {
		if ev.CreatedAt.Before(p.at) || ev.Part != "" && ev.Part == p.part {
			continue // it happened before, or is what the rule decided on
		}
		if seen == nil {
			o := rules.Observe(ev, nil)
			seen = &o
			if o.Given != nil && o.Given.ByTeammate {
				var err error
				if own, err = m.ownPart(ctx, ev.Workspace, ev.Part); err != nil {
					return err
				}
			}
		}
		p.see(ev, seen, own)
	}
	return nil
}

// see takes from what an event shows what was done about the proposal.
func (p *proposal) see(ev event.Event, seen *rules.Observation, own bool) {
	switch {
	case p.kind == "assign" && seen.Given != nil && seen.Given.ByTeammate && !own:
		p.assigned(ev, seen)
	case p.kind == "assign" && seen.Given != nil:
		p.automated = seen.Given
	case p.want.Contact != "" || strings.HasPrefix(p.about, event.KindContact+"/"):
		p.seeContact(ev.CreatedAt, seen)
	case p.kind == "tag" && seen.Tagged && !ev.Recovered(): // what is recovered shows the tags of later
		p.seeTags(ev.CreatedAt, ev.Topic == TopicTagged, seen.Tags)
	}
}

// assigned notes to whom a person gave the conversation. A part names a team or a teammate; the other is who
// has it besides.
func (p *proposal) assigned(ev event.Event, seen *rules.Observation) {
	d := deed{at: ev.CreatedAt, team: seen.Given.Team, admin: seen.Given.Admin}
	switch {
	case !seen.Assignees:
	case d.admin != "":
		d.team = seen.Team
	case d.team != "":
		d.admin = seen.Admin
	}
	i := len(p.given) // notifications come in any order
	for i > 0 && p.given[i-1].at.After(d.at) {
		i--
	}
	if i > 0 && p.given[i-1].team == d.team && p.given[i-1].admin == d.admin { // another notification of it
		return
	}
	p.given = slices.Insert(p.given, i, d)
}

func (p *proposal) seeTags(at time.Time, told bool, tags []string) {
	there := map[string]bool{}
	for _, name := range tags {
		there[fold(name)] = true
		if told && !hasTag(p.before.Tags, name) {
			p.putOn(at, name)
		}
	}
	for key, t := range p.put {
		if !there[key] && at.After(t.at) {
			t.stayed = false
			p.put[key] = t
		}
	}
}

func (p *proposal) seeContact(at time.Time, seen *rules.Observation) {
	switch {
	case seen.TagPut != "":
		p.putOn(at, seen.TagPut)
	case seen.TagTaken != "":
		if t, ok := p.put[fold(seen.TagTaken)]; ok {
			t.stayed = false
			p.put[fold(seen.TagTaken)] = t
		}
	}
}

func (p *proposal) putOn(at time.Time, name string) {
	if p.put == nil {
		p.put = map[string]tagged{}
	}
	if !p.put[fold(name)].stayed {
		p.put[fold(name)] = tagged{name, at, true}
	}
}

// fold is a name as Intercom compares names of tags.
func fold(name string) string { return strings.ToLower(strings.TrimSpace(name)) }

func hasTag(list []string, name string) bool {
	return slices.ContainsFunc(list, func(have string) bool { return fold(have) == fold(name) })
}
