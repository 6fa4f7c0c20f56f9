package shadow_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"switchboard/internal/event"
	"switchboard/internal/rules"
	"switchboard/internal/shadow"
)

var start = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

// desk has a team of two, another of one, and teammates.
type desk struct{}

func (desk) Team(_ context.Context, name string) (shadow.Team, bool, error) {
	switch name {
	case "Finance", "814":
		return shadow.Team{ID: "814", Name: "Finance", Members: []string{"1", "2"}}, true, nil
	case "Support", "815":
		return shadow.Team{ID: "815", Name: "Support", Members: []string{"1", "3"}}, true, nil
	case "Broken":
		return shadow.Team{}, false, errors.New("no answer")
	}
	return shadow.Team{}, false, nil
}

func (desk) Admin(_ context.Context, name string) (shadow.Admin, bool, error) {
	for i, mail := range []string{"ines@acme.test", "tom@acme.test", "hana@acme.test"} {
		if id := fmt.Sprint(i + 1); name == mail || name == id {
			return shadow.Admin{ID: id, Name: strings.TrimSuffix(mail, "@acme.test")}, true, nil
		}
	}
	return shadow.Admin{}, false, nil
}

// life is what happened, in the order in which it came in.
type life struct {
	events    []event.Event
	decisions map[string]*rules.Decision
	own       map[string]bool // parts
	tags      []shadow.OwnTag
}

// conversation is how it is when something happens.
type conversation struct {
	id, topic, part, to, author, app string
	team, admin                      string
	tags                             []string
	minutes                          int // after the start
}

// add has something happen, and rules in shadow decide about it.
func (l *life) add(t *testing.T, c conversation, would ...rules.Planned) {
	t.Helper()
	if c.id == "" {
		c.id = "7"
	}
	n, at := fmt.Sprint("n", len(l.events)), start.Add(time.Duration(c.minutes)*time.Minute)
	tags := []map[string]string{}
	for _, name := range c.tags {
		tags = append(tags, map[string]string{"name": name})
	}
	item := map[string]any{"type": "conversation", "id": c.id, "team_assignee_id": c.team, "admin_assignee_id": c.admin, "tags": map[string]any{"tags": tags}}
	if c.part != "" {
		part := map[string]any{"id": c.part, "author": map[string]string{"type": c.author, "id": "3"}, "app_package_code": c.app}
		if kind, id, ok := strings.Cut(c.to, " "); ok {
			part["assigned_to"] = map[string]string{"type": kind, "id": id}
		}
		item["conversation_parts"] = map[string]any{"conversation_parts": []any{part}}
	}
	if strings.HasPrefix(c.topic, "contact.") {
		item = map[string]any{"type": "contact_tag", "tag": map[string]string{"name": c.tags[0]}, "contact": map[string]string{"type": "contact", "id": c.id}}
	}
	body, err := json.Marshal(map[string]any{"id": n, "app_id": "ws", "topic": c.topic, "created_at": at.Unix(), "data": map[string]any{"item": item}})
	if err != nil {
		t.Fatal(err)
	}
	ev, err := event.Parse(body, at)
	if err != nil {
		t.Fatal(err)
	}
	ev.Seq = int64(len(l.events) + 1)
	l.events = append(l.events, ev)
	if len(would) > 0 {
		if l.decisions == nil {
			l.decisions = map[string]*rules.Decision{}
		}
		l.decisions[n] = &rules.Decision{Ruleset: "r1", Rules: []rules.Outcome{
			{Rule: "route", Verdict: rules.HeldBack, HeldBy: rules.HeldByShadow, Would: would},
		}}
	}
}

func (l *life) measure(t *testing.T, o shadow.Options) *shadow.Report {
	t.Helper()
	if o.Now.IsZero() {
		o.Now = start.Add(72 * time.Hour)
	}
	r, err := shadow.Measure(t.Context(), shadow.History{
		Events: func(_ context.Context, each func(event.Event, *rules.Decision) error) error {
			for _, ev := range l.events {
				if err := each(ev, l.decisions[ev.ID]); err != nil {
					return err
				}
			}
			return nil
		},
		OwnPart: func(_ context.Context, _, part string) (bool, error) { return l.own[part], nil },
		OwnTags: func(_ context.Context, each func(shadow.OwnTag)) error {
			for _, tag := range l.tags {
				each(tag)
			}
			return nil
		},
	}, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

var (
	finance = rules.Planned{Kind: "assign", Params: json.RawMessage(`{"team":"Finance"}`), Summary: "assign team Finance"}
	hana    = rules.Planned{Kind: "assign", Params: json.RawMessage(`{"admin":"hana@acme.test"}`), Summary: "assign admin hana@acme.test"}
	vip     = rules.Planned{Kind: "tag", Params: json.RawMessage(`{"tags":["VIP","Gold"]}`), Summary: "tag VIP, Gold"}
	payer   = rules.Planned{Kind: "tag", Params: json.RawMessage(`{"tags":["Payer"],"contact":"c1"}`), Summary: "tag Payer on the contact"}
)

const (
	created  = "conversation.user.created"
	replied  = "conversation.user.replied"
	answered = "conversation.admin.replied"
	assigned = shadow.TopicAssigned
	labelled = shadow.TopicTagged
)

// gives is a teammate who gives the conversation to somebody.
func gives(part, to string, minutes int) conversation {
	c := conversation{topic: assigned, part: part, to: to, author: "admin", minutes: minutes}
	switch kind, id, _ := strings.Cut(to, " "); kind {
	case "team":
		c.team = id
	case "admin":
		c.admin = id
	}
	return c
}

// TestMeasure shows for each verdict what makes it. What a rule would do comes at the first event.
func TestMeasure(t *testing.T) {
	const day = 24 * 60
	begin := conversation{topic: created}
	with := func(c conversation, change func(*conversation)) conversation {
		change(&c)
		return c
	}
	tagged := func(minutes int, tags ...string) conversation {
		return conversation{topic: labelled, part: "9", author: "user", tags: tags, minutes: minutes}
	}
	for name, c := range map[string]struct {
		would rules.Planned
		life  []conversation
		own   map[string]bool
		tags  []shadow.OwnTag
		now   time.Duration
		want  string
	}{
		"the team":                        {finance, []conversation{begin, gives("1", "team 814", 5)}, nil, nil, 0, "same"},
		"another team":                    {finance, []conversation{begin, gives("1", "team 815", 5)}, nil, nil, 0, "other: assigned to team Support"},
		"the last word counts":            {finance, []conversation{begin, gives("1", "team 815", 5), gives("2", "team 814", 6)}, nil, nil, 0, "same"},
		"and may be another":              {finance, []conversation{begin, gives("1", "team 814", 5), gives("2", "team 815", 6)}, nil, nil, 0, "other: assigned to team Finance, then team Support"},
		"what comes late keeps its time":  {finance, []conversation{begin, gives("2", "team 814", 6), gives("1", "team 815", 5)}, nil, nil, 0, "same"},
		"several notifications are one":   {finance, []conversation{begin, gives("1", "team 815", 5), with(gives("1", "team 815", 5), func(c *conversation) { c.topic = answered })}, nil, nil, 0, "other: assigned to team Support"},
		"to nobody":                       {finance, []conversation{begin, gives("1", "nobody_admin ", 5)}, nil, nil, 0, "other: assigned to nobody"},
		"a teammate of the team":          {finance, []conversation{begin, gives("1", "admin 2", 5)}, nil, nil, 0, "same"},
		"a teammate of another":           {finance, []conversation{begin, gives("1", "admin 3", 5)}, nil, nil, 0, "other: assigned to hana"},
		"a teammate for another team":     {finance, []conversation{begin, with(gives("1", "admin 1", 5), func(c *conversation) { c.team = "815" })}, nil, nil, 0, "other: assigned to team Support (ines)"},
		"the teammate":                    {hana, []conversation{begin, gives("1", "admin 3", 5)}, nil, nil, 0, "same"},
		"the team too, then":              {hana, []conversation{begin, gives("1", "admin 3", 5), with(gives("2", "team 815", 6), func(c *conversation) { c.admin = "3" })}, nil, nil, 0, "same"},
		"a tag that stays keeps its time": {vip, []conversation{begin, tagged(5, "VIP", "Gold"), tagged(9, "VIP", "Gold", "Urgent")}, nil, []shadow.OwnTag{{"ws", "conversation/7", "VIP", start.Add(7 * time.Minute)}, {"ws", "conversation/7", "Gold", start.Add(7 * time.Minute)}}, 0, "same"},
		"other news is no news of a tag":  {vip, []conversation{begin, {topic: answered, part: "2", author: "admin", tags: []string{"VIP", "Gold"}, minutes: 7}}, nil, nil, 0, "nobody"},
		"the teammate, not the team":      {hana, []conversation{begin, gives("1", "team 815", 5)}, nil, nil, 0, "other: assigned to team Support"},
		"on the last moment":              {finance, []conversation{begin, gives("1", "team 814", day)}, nil, nil, 0, "same"},
		"too late":                        {finance, []conversation{begin, gives("1", "team 814", day+1)}, nil, nil, 0, "nobody"},
		"there is still time":             {finance, []conversation{begin}, nil, nil, 23 * time.Hour, "waiting"},
		"nobody":                          {finance, []conversation{begin, {topic: answered, part: "1", author: "admin", minutes: 3}}, nil, nil, 0, "nobody"},
		"a rule of ours":                  {finance, []conversation{begin, gives("1", "team 814", 5)}, map[string]bool{"1": true}, nil, 0, "automated"},
		"a rule of ours, elsewhere":       {finance, []conversation{begin, gives("1", "team 815", 5)}, map[string]bool{"1": true}, nil, 0, "nobody"},
		"a bot":                           {finance, []conversation{begin, with(gives("1", "team 814", 5), func(c *conversation) { c.author = "bot" })}, nil, nil, 0, "automated"},
		"an app":                          {finance, []conversation{begin, with(gives("1", "team 814", 5), func(c *conversation) { c.app = "x" })}, nil, nil, 0, "automated"},
		"people after a bot":              {finance, []conversation{begin, with(gives("1", "team 814", 5), func(c *conversation) { c.author = "bot" }), gives("2", "team 815", 6)}, nil, nil, 0, "other: assigned to team Support"},
		"it was so before":                {finance, []conversation{with(begin, func(c *conversation) { c.team = "814" }), gives("1", "team 815", 5)}, nil, nil, 0, "already"},
		"left elsewhere":                  {finance, []conversation{with(begin, func(c *conversation) { c.team = "815" })}, nil, nil, 0, "left"},
		"elsewhere before, then moved":    {finance, []conversation{with(begin, func(c *conversation) { c.team = "815" }), gives("1", "team 814", 5)}, nil, nil, 0, "same"},
		"what happened before":            {finance, []conversation{with(begin, func(c *conversation) { c.minutes = 10 }), gives("1", "team 814", 5)}, nil, nil, 0, "nobody"},
		"what the rule decided on":        {finance, []conversation{with(gives("1", "team 815", 5), func(c *conversation) { c.topic = answered }), gives("1", "team 815", 5)}, nil, nil, 0, "left"},
		"another conversation":            {finance, []conversation{begin, with(gives("1", "team 814", 5), func(c *conversation) { c.id = "8" })}, nil, nil, 0, "nobody"},
		"the tags":                        {vip, []conversation{begin, tagged(5, "vip", "Gold")}, nil, nil, 0, "same"},
		"one after the other":             {vip, []conversation{begin, tagged(5, "VIP"), tagged(9, "VIP", "Gold")}, nil, nil, 0, "same"},
		"one of them":                     {vip, []conversation{begin, tagged(5, "VIP")}, nil, nil, 0, "other: tagged VIP"},
		"another tag":                     {vip, []conversation{begin, tagged(5, "Urgent")}, nil, nil, 0, "other: tagged Urgent"},
		"tags of before":                  {vip, []conversation{with(begin, func(c *conversation) { c.tags = []string{"Old"} }), tagged(5, "Old")}, nil, nil, 0, "nobody"},
		"one was there":                   {vip, []conversation{with(begin, func(c *conversation) { c.tags = []string{"VIP"} }), tagged(5, "VIP", "Gold")}, nil, nil, 0, "same"},
		"both were there":                 {vip, []conversation{with(begin, func(c *conversation) { c.tags = []string{"VIP", "gold"} })}, nil, nil, 0, "already"},
		"put on and taken off":            {vip, []conversation{begin, tagged(5, "VIP", "Gold"), {topic: answered, part: "2", author: "admin", tags: []string{"Gold"}, minutes: 7}}, nil, nil, 0, "other: tagged Gold, VIP (taken off again)"},
		"an older event knows less":       {vip, []conversation{begin, tagged(5, "VIP", "Gold"), {topic: answered, part: "2", author: "admin", minutes: 4}}, nil, nil, 0, "same"},
		"tags that rules put on":          {vip, []conversation{begin, tagged(5, "VIP", "Gold")}, nil, []shadow.OwnTag{{"ws", "conversation/7", "VIP", start.Add(time.Minute)}, {"ws", "conversation/7", "Gold", start.Add(time.Minute)}}, 0, "automated"},
		"and of which nothing tells":      {vip, []conversation{begin}, nil, []shadow.OwnTag{{"ws", "conversation/7", "VIP", start.Add(time.Minute)}, {"ws", "conversation/7", "Gold", start.Add(time.Minute)}}, 0, "automated"},
		"rules that came later":           {vip, []conversation{begin, tagged(5, "VIP", "Gold")}, nil, []shadow.OwnTag{{"ws", "conversation/7", "VIP", start.Add(6 * time.Minute)}, {"ws", "conversation/7", "Gold", start.Add(6 * time.Minute)}, {"ws", "conversation/8", "Gold", start}}, 0, "same"},
		"one by rules, one by people":     {vip, []conversation{begin, tagged(5, "VIP"), tagged(6, "VIP", "Gold")}, nil, []shadow.OwnTag{{"ws", "conversation/7", "VIP", start.Add(time.Minute)}}, 0, "same"},
		"a contact's tag":                 {payer, []conversation{begin, {id: "c1", topic: "contact.user.tag.created", tags: []string{"payer"}, minutes: 5}}, nil, nil, 0, "same"},
		"another contact's":               {payer, []conversation{begin, {id: "c2", topic: "contact.user.tag.created", tags: []string{"Payer"}, minutes: 5}}, nil, nil, 0, "nobody"},
		"a contact's tag, taken off":      {payer, []conversation{begin, {id: "c1", topic: "contact.user.tag.created", tags: []string{"Payer"}, minutes: 5}, {id: "c1", topic: "contact.user.tag.deleted", tags: []string{"Payer"}, minutes: 6}}, nil, nil, 0, "other: tagged Payer (taken off again)"},
		"a contact's tag, by rules":       {payer, []conversation{begin, {id: "c1", topic: "contact.user.tag.created", tags: []string{"Payer"}, minutes: 5}}, nil, []shadow.OwnTag{{"ws", "contact/c1", "Payer", start.Add(time.Minute)}}, 0, "automated"},
	} {
		l := &life{own: c.own, tags: c.tags}
		for i, happened := range c.life {
			if i == 0 {
				l.add(t, happened, c.would)
			} else {
				l.add(t, happened)
			}
		}
		o := shadow.Options{Names: desk{}}
		if c.now > 0 {
			o.Now = start.Add(c.now)
		}
		r := l.measure(t, o)
		if len(r.Rules) != 1 || len(r.Rules[0].Actions) != 1 {
			t.Errorf("%s: %+v", name, r)
			continue
		}
		if got := verdictOf(r.Rules[0].Actions[0]); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

// verdictOf is the verdict of the only proposal.
func verdictOf(a *shadow.ActionReport) string {
	var words []string
	for _, one := range []struct {
		n    int
		word string
	}{
		{a.Same, "same"},
		{a.Other, "other"},
		{a.Nobody, "nobody"},
		{a.Waiting, "waiting"},
		{a.Already, "already"},
		{a.Left, "left"},
		{a.Automated, "automated"},
		{a.Unknown, "unknown"},
	} {
		if one.n == 1 {
			words = append(words, one.word)
		}
	}
	for _, x := range a.Examples {
		words = append(words, x.Did)
	}
	if a.Total != 1 {
		words = append(words, fmt.Sprint("of ", a.Total))
	}
	return strings.Join(words, ": ")
}

// A conversation counts once for each thing that a rule would have done, however often it would have.
func TestMeasure_once_for_a_conversation(t *testing.T) {
	l := &life{}
	bill := func(name string) rules.Planned {
		return rules.Planned{Kind: "tag", Params: json.RawMessage(`{"tags":["` + name + `"]}`), Summary: "tag Plan ..."}
	}
	for i := range 3 {
		l.add(t, conversation{topic: replied, part: fmt.Sprint(i), author: "user", minutes: i}, finance, bill("pro"))
	}
	l.add(t, conversation{topic: replied, part: "5", author: "user", minutes: 5}, finance, bill("free"))
	l.add(t, conversation{id: "8", topic: replied, part: "6", author: "user", minutes: 6}, finance)
	one := l.measure(t, shadow.Options{Names: desk{}}).Rules[0]
	if one.Would != 5 || one.Subjects != 2 || one.Actions[0].Total != 2 || one.Actions[1].Total != 2 || len(one.Actions) != 2 {
		t.Errorf("%+v %+v %+v", one, one.Actions[0], one.Actions[1])
	}
}

// What cannot be told is said, and why.
func TestMeasure_unknown(t *testing.T) {
	nowhere := rules.Planned{Kind: "assign", Params: json.RawMessage(`{"team":"Nowhere"}`), Summary: "assign team Nowhere"}
	nobody := rules.Planned{Kind: "assign", Params: json.RawMessage(`{"admin":"ghost@acme.test"}`), Summary: "assign admin ghost@acme.test"}
	note := rules.Planned{Kind: "note", Params: json.RawMessage(`{"body":"hello"}`), Summary: "note"}
	l := &life{}
	l.add(t, conversation{topic: created}, finance, nowhere, nobody, note)
	for names, want := range map[shadow.Names][]string{
		nil:    {"names of teams and teammates are not known here", "names of teams and teammates are not known here", "names of teams and teammates are not known here"},
		desk{}: {"", `there is no team "Nowhere" in Intercom: live, the action would fail`, `there is no teammate "ghost@acme.test" in Intercom: live, the action would fail`},
	} {
		r := l.measure(t, shadow.Options{Names: names})
		actions := r.Rules[0].Actions
		for i, reason := range want {
			if got := actions[i].Reasons[reason]; reason != "" && got != 1 || actions[i].Unknown != len(actions[i].Reasons) || !actions[i].Compared {
				t.Errorf("%+v, want %q", actions[i], reason)
			}
		}
		if actions[3].Compared || actions[3].Total != 1 {
			t.Errorf("a note is held against nothing: %+v", actions[3])
		}
		if fmt.Sprint(r.Unheard) != "["+assigned+"]" {
			t.Errorf("no assignment was ever heard of: %v", r.Unheard)
		}
	}
	l.add(t, gives("1", "team 814", 5))
	if r := l.measure(t, shadow.Options{Names: desk{}}); len(r.Unheard) != 0 {
		t.Errorf("one was: %v", r.Unheard)
	}
}

// An error while names are read is no verdict.
func TestMeasure_error(t *testing.T) {
	l := &life{}
	l.add(t, conversation{topic: created}, rules.Planned{Kind: "assign", Params: json.RawMessage(`{"team":"Broken"}`), Summary: "assign team Broken"})
	_, err := shadow.Measure(t.Context(), shadow.History{
		Events: func(_ context.Context, each func(event.Event, *rules.Decision) error) error {
			return each(l.events[0], l.decisions["n0"])
		},
	}, shadow.Options{Names: desk{}, Now: start})
	if err == nil || !strings.Contains(err.Error(), "no answer") {
		t.Error(err)
	}
}
