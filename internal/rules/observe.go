package rules

import (
	"context"
	"slices"
	"strings"

	"switchboard/internal/event"
)

// Observation is what an event shows of the conversation or contact that it is about, whatever rules made of
// it. It is read as the facts of rules are.
type Observation struct {
	// Assignees tells whether the event says who has the conversation; Team and Admin are their ids, empty
	// for nobody.
	Assignees   bool
	Team, Admin string
	// Tagged tells whether it says which tags there are; Tags are their names.
	Tagged bool
	Tags   []string
	// Given is to whom the part that caused the event gave the conversation; nil when it left that as it was.
	Given *Given
	// TagPut and TagTaken are the name of the tag that the event says was put on a contact, or taken off.
	TagPut, TagTaken string
}

// Given is an assignment that a part of a conversation made.
type Given struct {
	// Team or Admin is the id; both are empty when it was taken from everybody.
	Team, Admin string
	// ByTeammate tells whether a teammate did it, and no bot, workflow or app in a teammate's name.
	ByTeammate bool
}

// Observe reads an event. What it lacks is taken from the look-ups of the decision on it, if there is one.
func Observe(ev event.Event, d *Decision) Observation {
	in := Input{Event: ev}
	if d != nil {
		in.Lookup = d.Recorded()
	}
	var o Observation
	e := observing(&in)
	if e == nil || ev.Topic == "conversation.deleted" {
		return o
	}
	if subjectKind(ev.Subject) == event.KindContact {
		name, _ := textOf(objectOf(e.item["tag"])["name"]).(string)
		switch {
		case strings.HasSuffix(ev.Topic, ".tag.created"):
			o.TagPut = name
		case strings.HasSuffix(ev.Topic, ".tag.deleted"):
			o.TagTaken = name
		}
		return o
	}
	_ = guard(func() { // what cannot be read is not known
		if e.conversation() == nil {
			return
		}
		o.Team, o.Admin = idText(e.assigneeID("team")), idText(e.assigneeID("admin"))
		o.Assignees = true
	})
	_ = guard(func() {
		names, _ := e.tagNames().([]any)
		for _, name := range names {
			o.Tags = append(o.Tags, name.(string))
		}
		o.Tagged = names != nil
	})
	if ev.Part != "" && !event.OwnTopic(ev.Topic) {
		o.Given = e.given()
	}
	return o
}

// observing prepares for reading an event; nil when it cannot be read. What came due or was found by a
// schedule is a conversation as it was read for the decision.
func observing(in *Input) *evaluation {
	ctx, kind := context.Background(), subjectKind(in.Event.Subject)
	if in.Event.Topic != event.TopicTimer && in.Event.Topic != event.TopicSchedule {
		e, err := newEvaluation(ctx, in)
		if err != nil {
			return nil
		}
		return e
	}
	e := evaluationOf(ctx, in, nil, []string{kind})
	if err := guard(func() { e.item = e.readSubject() }); err == nil && e.item != nil {
		return e
	}
	if in.Event.Topic == event.TopicTimer {
		return nil
	}
	item, err := decodeItem(in.Event.Payload)
	if err != nil {
		return nil
	}
	return evaluationOf(ctx, in, objectOf(item["object"]), []string{kind})
}

// given reads the assignment of the newest part. "assigned_to" is null where a part leaves it as it is.
func (e *evaluation) given() *Given {
	parts := listIn(e.subjectConversation()["conversation_parts"], "conversation_parts")
	i := slices.IndexFunc(parts, func(p any) bool { return idText(objectOf(p)["id"]) == e.in.Event.Part })
	if i < 0 {
		return nil
	}
	part := objectOf(parts[i])
	to, ok := part["assigned_to"].(object)
	if !ok {
		return nil
	}
	app, _ := part["app_package_code"].(string)
	g := &Given{ByTeammate: objectOf(part["author"])["type"] == "admin" && app == ""}
	kind, _ := to["type"].(string)
	switch id := idText(to["id"]); {
	case kind == "team":
		g.Team = id
	case strings.HasPrefix(kind, "admin"):
		g.Admin = id
	}
	return g
}
