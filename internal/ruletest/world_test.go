package ruletest

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"switchboard/internal/actions"
	"switchboard/internal/simulator"
)

// The world of tests is a small copy of the simulator's, which is held against Intercom's description. What
// people do there must change the same facts in both and be told of by the same topics.
func TestWorld_agrees_with_the_simulator(t *testing.T) {
	for seed := range uint64(60) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { liveThrough(t, seed) })
		})
	}
}

func liveThrough(t *testing.T, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 1))
	sim := simulator.New(simulator.Options{Seed: seed})
	defer sim.Close()
	admin := sim.AddAdmin(simulator.Admin{Name: "Ben Ode", Email: "ben@acme.test"})
	team := sim.AddTeam(simulator.Team{Name: "Finance"})
	contact := sim.AddContact(simulator.Contact{Name: "Ada Miller", Email: "ada@acme.test"})

	g := &given{at: time.Now(), zone: time.UTC, teams: map[string]string{"finance": team}, found: map[string][]any{}}
	g.contact, g.conversation = object{"name": "Ada Miller", "email": "ada@acme.test"}, object{}
	g.teammate = object{"type": "admin", "id": admin, "name": "Ben Ode", "email": "ben@acme.test"}
	w := newWorld(g, nil)

	id := ""
	action := func(kind, params string) deed { return fixed{kind, params} }
	for range 40 {
		time.Sleep(time.Duration(1+r.IntN(7200)) * time.Second)
		w.now = time.Now()
		before := len(sim.Notifications())
		var d deed
		var err error
		what := r.IntN(14)
		switch {
		case id == "" && what < 10:
			d = says{text: "Hello & <welcome>\nthere"}
			id, err = sim.CustomerStarts(contact, "Hello & <welcome>\nthere")
		case id == "":
			d = says{teammate: true, text: "News"}
			id, err = sim.AdminStarts(admin, contact, "News")
		case what < 3:
			d = says{text: "And then?"}
			_, err = sim.CustomerReplies(id, "And then?")
		case what < 5:
			d = says{teammate: true, text: "Like this"}
			_, err = sim.AdminReplies(id, admin, "Like this", "")
		case what == 5:
			d = action("note", `{"body":"<p>seen</p>"}`)
			_, err = sim.AdminNotes(id, admin, "seen")
		case what == 6:
			d = action("assign", `{"team":"Finance"}`)
			_, err = sim.AdminAssigns(id, admin, team)
		case what == 7:
			d = action("assign", `{"admin":"ben@acme.test"}`)
			_, err = sim.AdminAssigns(id, admin, admin)
		case what == 8:
			d = action("assign", `{"nobody":true}`)
			_, err = sim.AdminAssigns(id, admin, "0")
		case what == 9:
			d = action("close", `{}`)
			_, err = sim.AdminCloses(id, admin, "")
		case what == 10:
			d = action("close", `{"body":"<p>Bye</p>"}`)
			_, err = sim.AdminCloses(id, admin, "Bye")
		case what == 11:
			until := time.Now().Add(time.Hour)
			d = action("snooze", fmt.Sprintf(`{"until":%d}`, until.Unix()))
			_, err = sim.AdminSnoozes(id, admin, until)
		case what == 12:
			d = action("open", `{}`)
			_, err = sim.AdminOpens(id, admin)
		default:
			tag := []string{"VIP", "Bug"}[r.IntN(2)]
			d = action("tag", `{"tags":["`+tag+`"]}`)
			err = sim.TagPart(id, admin, tag)
		}
		if err != nil {
			t.Fatal(err)
		}
		told, err := d.do(w, "")
		if err != nil {
			t.Fatal(err)
		}
		ours, theirs := []string{}, []string{}
		for _, h := range told {
			ours = append(ours, summary(t, h.Topic, h.Payload))
		}
		for _, n := range sim.Notifications()[before:] {
			theirs = append(theirs, summary(t, n.Topic, n.Body()))
		}
		if !slices.Equal(ours, theirs) {
			t.Fatalf("%#v:\nthe world tells\n  %s\nthe simulator\n  %s", d, strings.Join(ours, "\n  "), strings.Join(theirs, "\n  "))
		}
	}
}

// summary are the facts of a notification that must be the same, without ids.
func summary(t *testing.T, topic string, payload []byte) string {
	t.Helper()
	var n struct {
		Data struct {
			Item object `json:"item"`
		} `json:"data"`
	}
	if err := json.Unmarshal(payload, &n); err != nil {
		t.Fatal(err)
	}
	c := n.Data.Item
	out := []string{topic}
	add := func(key string, v any) { out = append(out, fmt.Sprintf("%s=%v", key, v)) }
	for _, key := range []string{"state", "open", "waiting_since", "snoozed_until", "created_at", "updated_at"} {
		if f, ok := c[key].(float64); ok {
			add(key, int64(f))
		} else {
			add(key, c[key])
		}
	}
	for _, key := range []string{"admin_assignee_id", "team_assignee_id"} {
		if f, ok := c[key].(float64); ok {
			add(key, int64(f))
		} else {
			add(key, c[key])
		}
	}
	source := c["source"].(object)
	add("body", source["body"])
	add("delivered", source["delivered_as"])
	add("author", source["author"].(object)["type"])
	var tags []string
	for _, tag := range c["tags"].(object)["tags"].([]any) {
		tags = append(tags, text(tag.(object)["name"]))
	}
	add("tags", tags)
	for _, p := range parts(c) {
		part := p.(object)
		add("part", fmt.Sprint(part["part_type"], " ", part["body"], " ", part["author"].(object)["type"]))
	}
	stats, _ := c["statistics"].(object)
	for _, key := range []string{"first_contact_reply_at", "last_contact_reply_at", "first_admin_reply_at", "last_admin_reply_at", "first_close_at", "last_close_at", "first_assignment_at", "last_assignment_at"} {
		add(key, instant(stats[key]))
	}
	return strings.Join(out, " ")
}

func instant(v any) any {
	switch v := v.(type) {
	case float64:
		return int64(v)
	case string:
		at, err := time.Parse("2006-01-02T15:04:05.000Z", v)
		if err == nil {
			return at.Unix()
		}
	}
	return v
}

// fixed is an action with its parameters.
type fixed struct{ kind, params string }

func (d fixed) do(w *world, on string) ([]happening, error) {
	return acts{d.kind, spec(d.params)}.do(w, on)
}

// spec is an action that was planned already.
type spec string

func (s spec) Plan(actions.Plan) (json.RawMessage, error) { return json.RawMessage(s), nil }
func (s spec) Summary() string                            { return string(s) }
