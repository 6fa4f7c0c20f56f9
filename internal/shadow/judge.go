package shadow

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"switchboard/internal/event"
)

// verdict is how a proposal agrees with what people did.
type verdict int

const (
	nobody    verdict = iota // nobody did anything of the kind
	waiting                  // nobody has yet, and there is still time
	same                     // people did the same
	other                    // people did something else instead
	already                  // it was so before: the rule would have changed nothing
	left                     // somebody else had the conversation before, and people left it there
	automated                // a rule that is live, a bot or an app did the same
	unknown                  // it cannot be told
)

// judge tells how a proposal agrees with what people did, and what that was, in words; for unknown, why.
func (m *measurement) judge(ctx context.Context, p *proposal) (verdict, string, error) {
	if p.kind == "assign" {
		return m.judgeAssignment(ctx, p)
	}
	v, words := m.judgeTags(p)
	return v, words, nil
}

// undone is the verdict when people did nothing of the kind.
func (m *measurement) undone(p *proposal, instead verdict) verdict {
	if m.o.Now.Before(p.at.Add(m.o.Within)) {
		return waiting
	}
	return instead
}

func (m *measurement) judgeAssignment(ctx context.Context, p *proposal) (verdict, string, error) {
	fits, why, err := m.target(ctx, p)
	if err != nil || why != "" {
		return unknown, why, err
	}
	if p.before.Assignees && fits(p.before.Team, p.before.Admin) {
		return already, "", nil
	}
	if n := len(p.given); n > 0 {
		if last := p.given[n-1]; fits(last.team, last.admin) {
			return same, "", nil
		}
		words, err := m.path(ctx, p.given)
		return other, words, err
	}
	switch {
	case p.automated != nil && fits(p.automated.Team, p.automated.Admin):
		return automated, "", nil
	case p.before.Team+p.before.Admin != "":
		return m.undone(p, left), "", nil
	}
	return m.undone(p, nobody), "", nil
}

// target tells who is meant by the proposal: a teammate of the team counts as the team where no team has
// the conversation. why says why that cannot be told.
func (m *measurement) target(ctx context.Context, p *proposal) (fits func(team, admin string) bool, why string, err error) {
	names := m.o.Names
	switch {
	case p.want.Nobody:
		return func(team, admin string) bool { return team+admin == "" }, "", nil
	case names == nil:
		return nil, "names of teams and teammates are not known here", nil
	case p.want.Team != "":
		team, ok, err := names.Team(ctx, p.want.Team)
		if err != nil || !ok {
			return nil, fmt.Sprintf("there is no team %q in Intercom: live, the action would fail", p.want.Team), err
		}
		return func(has, admin string) bool {
			return has == team.ID || has == "" && admin != "" && slices.Contains(team.Members, admin)
		}, "", nil
	}
	admin, ok, err := names.Admin(ctx, p.want.Admin)
	if err != nil || !ok {
		return nil, fmt.Sprintf("there is no teammate %q in Intercom: live, the action would fail", p.want.Admin), err
	}
	return func(_, has string) bool { return has == admin.ID }, "", nil
}

// path tells to whom people gave a conversation, one after the other.
func (m *measurement) path(ctx context.Context, given []deed) (string, error) {
	var words []string
	for _, d := range given {
		one, err := m.who(ctx, d)
		if err != nil {
			return "", err
		}
		words = append(words, one)
	}
	return "assigned to " + strings.Join(words, ", then "), nil
}

// who names whom a conversation was given to.
func (m *measurement) who(ctx context.Context, d deed) (string, error) {
	team, admin := "", ""
	if d.team != "" {
		team = "team " + d.team
		if t, ok, err := m.o.Names.Team(ctx, d.team); err != nil {
			return "", err
		} else if ok {
			team = "team " + t.Name
		}
	}
	if d.admin != "" {
		admin = "teammate " + d.admin
		if a, ok, err := m.o.Names.Admin(ctx, d.admin); err != nil {
			return "", err
		} else if ok {
			admin = a.Name
		}
	}
	switch {
	case team+admin == "":
		return "nobody", nil
	case team == "":
		return admin, nil
	case admin == "":
		return team, nil
	}
	return team + " (" + admin + ")", nil
}

func (m *measurement) judgeTags(p *proposal) (verdict, string) {
	if !p.before.Tagged && strings.HasPrefix(p.about, event.KindConversation+"/") {
		return unknown, "the event does not say which tags the conversation had"
	}
	automatic := m.automatic(p)
	missing, byOthers, byPeople := 0, 0, 0
	for _, name := range p.want.Tags {
		if hasTag(p.before.Tags, name) {
			continue
		}
		missing++
		t, seen := p.put[fold(name)]
		switch {
		case seen && !t.stayed:
		case automatic[fold(name)]:
			byOthers++
		case seen:
			byPeople++
		}
	}
	var did []string
	for _, key := range slices.Sorted(maps.Keys(p.put)) {
		switch t := p.put[key]; {
		case !t.stayed:
			did = append(did, t.name+" (taken off again)")
		case !automatic[key]:
			did = append(did, t.name)
		}
	}
	switch {
	case missing == 0:
		return already, ""
	case missing == byOthers:
		return automated, ""
	case missing == byOthers+byPeople:
		return same, ""
	case len(did) > 0:
		return other, "tagged " + strings.Join(did, ", ")
	}
	return m.undone(p, nobody), ""
}

// automatic are the tags that are the work of rules, and not of people: rules were to put them on before they
// were seen there. Times of Intercom have whole seconds.
func (m *measurement) automatic(p *proposal) map[string]bool {
	set := map[string]bool{}
	for _, tag := range p.own {
		key := fold(tag.Name)
		t, seen := p.put[key]
		switch at := tag.At.Truncate(time.Second); {
		case seen:
			set[key] = set[key] || !at.After(t.at)
		case !at.Before(p.at) && !at.After(p.at.Add(m.o.Within)):
			set[key] = true
		}
	}
	return set
}

// report sums up.
func (m *measurement) report(ctx context.Context, h History) (*Report, error) {
	r := &Report{Events: m.events, Since: m.since, Through: m.through, WithinSeconds: m.o.Within.Seconds(), Rules: []*RuleReport{}}
	for _, name := range slices.Sorted(maps.Keys(m.rules)) {
		c := m.rules[name]
		r.Rules = append(r.Rules, &RuleReport{
			Rule: name, Would: c.would, Subjects: len(c.subjects), Held: c.held, Rulesets: len(c.rulesets), Actions: []*ActionReport{},
		})
	}
	if err := m.learnOwnTags(ctx, h); err != nil {
		return nil, err
	}
	missing := map[string]bool{}
	for _, p := range m.proposals {
		i := slices.IndexFunc(r.Rules, func(one *RuleReport) bool { return one.Rule == p.rule })
		a := r.Rules[i].action(p)
		a.Total++
		if !p.compared {
			continue
		}
		a.Compared = true
		if topic := p.toldBy(); topic != "" && !m.topics[topic] {
			missing[topic] = true
		}
		v, words, err := m.judge(ctx, p)
		if err != nil {
			return nil, err
		}
		a.add(v, words, p)
	}
	r.Unheard = slices.Sorted(maps.Keys(missing))
	return r, nil
}

// learnOwnTags gives the proposals of tags the tags that rules were to put on the same thing.
func (m *measurement) learnOwnTags(ctx context.Context, h History) error {
	tags := map[watchKey][]*proposal{}
	for _, p := range m.proposals {
		if p.kind == "tag" && p.compared {
			key := watchKey{p.workspace, p.about}
			tags[key] = append(tags[key], p)
		}
	}
	if len(tags) == 0 {
		return nil
	}
	return h.OwnTags(ctx, func(tag OwnTag) {
		for _, p := range tags[watchKey{tag.Workspace, tag.Subject}] {
			p.own = append(p.own, tag)
		}
	})
}

// toldBy is the topic that tells of what people do about it.
func (p *proposal) toldBy() string {
	switch {
	case p.kind == "assign":
		return TopicAssigned
	case strings.HasPrefix(p.about, event.KindConversation+"/"):
		return TopicTagged
	}
	return ""
}
