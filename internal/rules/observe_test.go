package rules

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"switchboard/internal/event"
)

// What events of both generations show of who has a conversation, which tags it has, and who gave it to whom.
func TestObserve(t *testing.T) {
	const (
		assigned = `{"topic":"conversation.admin.assigned","app_id":"ws","id":"n","data":{"item":{"type":"conversation","id":"7","admin_assignee_id":12,"team_assignee_id":814,
			"tags":{"tags":[{"name":"VIP"},{"name":"Refund"}]},
			"conversation_parts":{"conversation_parts":[{"id":"1","part_type":"comment"},
			{"id":"2","part_type":"assignment","assigned_to":{"type":"admin","id":"12"},"author":{"type":"admin","id":"9"},"app_package_code":null}]}}}}`
		old = `{"topic":"conversation.admin.assigned","app_id":"ws","id":"n","data":{"item":{"type":"conversation","id":"7","assignee":{"type":"admin","id":"12"},
			"tags":{"tags":[]},"conversation_parts":{"conversation_parts":[{"id":"2","assigned_to":{"type":"team","id":"814"},"author":{"type":"admin","id":"9"}}]}}}}`
	)
	have := Observation{Assignees: true, Team: "814", Admin: "12", Tagged: true, Tags: []string{"VIP", "Refund"}, Given: &Given{Admin: "12", ByTeammate: true}}
	edit := func(change func(o *Observation)) Observation {
		o := have
		given := *have.Given
		o.Given = &given
		change(&o)
		return o
	}
	replace := func(pairs ...string) string { return strings.NewReplacer(pairs...).Replace(assigned) }
	for name, c := range map[string]struct {
		body string
		want Observation
	}{
		"an assignment":     {assigned, have},
		"by a bot":          {replace(`"author":{"type":"admin"`, `"author":{"type":"bot"`), edit(func(o *Observation) { o.Given.ByTeammate = false })},
		"by an app":         {replace(`_code":null`, `_code":"some-app"`), edit(func(o *Observation) { o.Given.ByTeammate = false })},
		"to a team":         {replace(`{"type":"admin","id":"12"}`, `{"type":"team","id":"814"}`), edit(func(o *Observation) { o.Given = &Given{Team: "814", ByTeammate: true} })},
		"to nobody":         {replace(`{"type":"admin","id":"12"}`, `{"type":"nobody_admin","id":null}`), edit(func(o *Observation) { o.Given = &Given{ByTeammate: true} })},
		"left as it was":    {replace(`{"type":"admin","id":"12"}`, `null`), edit(func(o *Observation) { o.Given = nil })},
		"a tagged part":     {replace("conversation.admin.assigned", "conversation_part.tag.created"), edit(func(o *Observation) { o.Given = nil })},
		"nobody":            {replace(`"admin_assignee_id":12,"team_assignee_id":814`, `"admin_assignee_id":null,"team_assignee_id":0`), edit(func(o *Observation) { o.Team, o.Admin = "", "" })},
		"no word of them":   {replace(`"admin_assignee_id":12,"team_assignee_id":814,`, ``), edit(func(o *Observation) { o.Assignees, o.Team, o.Admin = false, "", "" })},
		"no word of tags":   {replace(`"tags":{`, `"labels":{`), edit(func(o *Observation) { o.Tagged, o.Tags = false, nil })},
		"the old shape":     {old, Observation{Assignees: true, Admin: "12", Tagged: true, Given: &Given{Team: "814", ByTeammate: true}}},
		"deleted":           {`{"topic":"conversation.deleted","app_id":"ws","id":"n","data":{"item":{"type":"conversation","conversation_id":"7"}}}`, Observation{}},
		"a contact's tag":   {`{"topic":"contact.user.tag.created","app_id":"ws","id":"n","data":{"item":{"type":"contact_tag","tag":{"id":"1","name":"VIP"},"contact":{"type":"contact","id":"c"}}}}`, Observation{TagPut: "VIP"}},
		"taken off":         {`{"topic":"contact.lead.tag.deleted","app_id":"ws","id":"n","data":{"item":{"type":"contact_tag","tag":{"id":"1","name":"VIP"},"contact":{"type":"contact","id":"c"}}}}`, Observation{TagTaken: "VIP"}},
		"something strange": {`{"topic":"conversation.user.created","app_id":"ws","id":"n","data":{"item":{"type":"conversation","id":"7","tags":3,"admin_assignee_id":{},"team_assignee_id":[]}}}`, Observation{Assignees: true, Tagged: true}},
	} {
		ev, err := event.Parse([]byte(c.body), time.Now())
		if err != nil {
			t.Fatal(name, err)
		}
		if got := Observe(ev, nil); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v, given %+v; want %+v, %+v", name, got, got.Given, c.want, c.want.Given)
		}
	}
}

// When a timer came due, and where a payload lacks something, the conversation is as it was read for the
// decision.
func TestObserve_looked_up(t *testing.T) {
	d := &Decision{Lookups: map[string]json.RawMessage{
		"conversation/7": json.RawMessage(`{"type":"conversation","id":"7","admin_assignee_id":null,"team_assignee_id":814,"tags":{"tags":[{"name":"VIP"}]}}`),
	}}
	want := Observation{Assignees: true, Team: "814", Tagged: true, Tags: []string{"VIP"}}
	timer, err := event.Timer{Rule: "r", DueAt: time.Now(), Trigger: event.Trigger{Seq: 1}}.Event("ws", "conversation/7", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	attached, err := event.Parse([]byte(`{"topic":"conversation.contact.attached","app_id":"ws","id":"n","data":{"item":{"conversation":{"model":{"id":7}},"contact":{"type":"contact","id":"c"}}}}`), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for _, ev := range []event.Event{timer, attached} {
		if got := Observe(ev, d); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, want %+v", ev.Topic, got, want)
		}
		if got := Observe(ev, nil); !reflect.DeepEqual(got, Observation{}) {
			t.Errorf("%s without the decision: %+v; what was not read is not known", ev.Topic, got)
		}
	}
	found := event.Event{Topic: event.TopicSchedule, Subject: "conversation/7", Payload: []byte(
		`{"data":{"item":{"type":"schedule","rule":"r","object":{"type":"conversation","id":"7","admin_assignee_id":12,"team_assignee_id":null,"tags":{"tags":[]}}}}}`)}
	if got := Observe(found, d); !reflect.DeepEqual(got, want) {
		t.Errorf("found by a schedule and read again: %+v, want %+v", got, want)
	}
	if got := Observe(found, nil); !reflect.DeepEqual(got, Observation{Assignees: true, Admin: "12", Tagged: true}) {
		t.Errorf("found by a schedule: %+v", got)
	}
}
