package recovery_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"switchboard/internal/event"
	"switchboard/internal/recovery"
	"switchboard/internal/simulator"
)

// desk is an Intercom whose people do things, with the conversation that they do them in.
type desk struct {
	*simulator.Simulator
	t        *testing.T
	customer string
	admin    string
	team     string
	id       string
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	d := &desk{Simulator: simulator.New(simulator.Options{Token: "token"}), t: t}
	t.Cleanup(func() { _ = d.Close() })
	simulator.DemoWorkspace(d.Simulator)
	d.customer, d.admin, d.team = d.Contacts()[0].ID, d.Admins()[0].ID, d.Teams()[0].ID
	return d
}

// read is the conversation as the API shows it.
func (d *desk) read(id string) json.RawMessage {
	d.t.Helper()
	r := httptest.NewRequestWithContext(d.t.Context(), "GET", "/conversations/"+id, nil)
	r.Header.Set("Authorization", "Bearer token")
	r.Header.Set("Accept", "application/json")
	r.Header.Set("Intercom-Version", "2.14")
	w := httptest.NewRecorder()
	d.Handler().ServeHTTP(w, r)
	if w.Code != 200 {
		d.t.Fatalf("read the conversation: %d %s", w.Code, w.Body)
	}
	return w.Body.Bytes()
}

// acts are all that people do to a conversation.
var acts = map[string]func(d *desk) error{
	"customer replies": func(d *desk) error { _, err := d.CustomerReplies(d.id, "Hello?"); return err },
	"admin replies":    func(d *desk) error { _, err := d.AdminReplies(d.id, d.admin, "Hello", ""); return err },
	"reply and assign": func(d *desk) error { _, err := d.AdminReplies(d.id, d.admin, "Mine", d.admin); return err },
	"note":             func(d *desk) error { _, err := d.AdminNotes(d.id, d.admin, "Aha"); return err },
	"to the team":      func(d *desk) error { _, err := d.AdminAssigns(d.id, d.admin, d.team); return err },
	"to an admin":      func(d *desk) error { _, err := d.AdminAssigns(d.id, d.admin, d.admin); return err },
	"to nobody":        func(d *desk) error { _, err := d.AdminAssigns(d.id, d.admin, "0"); return err },
	"close":            func(d *desk) error { _, err := d.AdminCloses(d.id, d.admin, ""); return err },
	"close with words": func(d *desk) error { _, err := d.AdminCloses(d.id, d.admin, "Bye"); return err },
	"open":             func(d *desk) error { _, err := d.AdminOpens(d.id, d.admin); return err },
	"snooze":           func(d *desk) error { _, err := d.AdminSnoozes(d.id, d.admin, time.Now().Add(20*time.Hour)); return err },
	"bot":              func(d *desk) error { _, err := d.BotReplies(d.id, "I am a bot"); return err },
	"tag":              func(d *desk) error { return d.TagPart(d.id, d.admin, fmt.Sprint("tag ", time.Now().Unix())) },
}

// The events that are rebuilt are those that the notifications told of: topic, part, time, and what
// rules see of the conversation.
func TestI11_what_is_rebuilt_is_what_was_told(t *testing.T) {
	for seed := range uint64(40) {
		synctest.Test(t, func(t *testing.T) {
			d := newDesk(t)
			random := rand.New(rand.NewPCG(seed, 1))
			var err error
			if seed%4 == 0 {
				d.id, err = d.AdminStarts(d.admin, d.customer, "Hi")
			} else {
				d.id, err = d.CustomerStarts(d.customer, "Help")
			}
			if err != nil {
				t.Fatal(err)
			}
			names := slices.Sorted(func(yield func(string) bool) {
				for name := range acts {
					if !yield(name) {
						return
					}
				}
			})
			var did []string
			for range random.IntN(25) {
				time.Sleep(time.Duration(1+random.IntN(3000)) * time.Second)
				name := names[random.IntN(len(names))]
				did = append(did, name)
				if err := acts[name](d); err != nil {
					t.Fatal(name, ": ", err)
				}
			}
			if seed%3 == 0 {
				time.Sleep(time.Minute)
				if err := d.CustomerRates(d.id, 4, "fine"); err != nil {
					t.Fatal(err)
				}
			}
			if seed%5 == 0 {
				time.Sleep(time.Minute)
				if err := d.AdminPrioritises(d.id, d.admin, true); err != nil {
					t.Fatal(err)
				}
			}
			time.Sleep(time.Minute)
			compare(t, d, did)
		})
	}
}

func compare(t *testing.T, d *desk, did []string) {
	t.Helper()
	var told []event.Event
	for _, n := range d.Notifications() {
		ev, err := event.Parse(n.Body(), n.CreatedAt)
		if err != nil {
			t.Fatal(err)
		}
		if ev.Subject == "conversation/"+d.id {
			told = append(told, ev)
		}
	}
	h, err := recovery.NewHistory(d.read(d.id))
	if err != nil {
		t.Fatal(err)
	}
	if len(h.Happenings) != len(told) {
		t.Fatalf("after %q: rebuilt %v, told %v", did, h.Happenings, told)
	}
	for i, hp := range h.Happenings {
		ev, err := h.Event(hp, "ws", 0, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if ev.Topic != told[i].Topic || ev.Part != told[i].Part || !ev.CreatedAt.Equal(told[i].CreatedAt) {
			t.Errorf("rebuilt %s %s of %s, told %s %s of %s", ev.Topic, ev.Part, ev.CreatedAt, told[i].Topic, told[i].Part, told[i].CreatedAt)
		}
		got, want := itemOf(t, ev.Payload), itemOf(t, told[i].Payload)
		if ev.Topic == "conversation_part.tag.created" { // a first message looks a little different as a part
			brief(got)
			brief(want)
		}
		if got["snoozed_until"] == nil && got["state"] == "snoozed" { // of a snooze that is over it is not known
			delete(got, "snoozed_until")
			delete(want, "snoozed_until")
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("after %q, %s of part %q differs:\n%s", did, ev.Topic, ev.Part, difference(got, want))
		}
	}
}

// itemOf is what rules may look at. The counts, and what the API spells otherwise, are left out.
func itemOf(t *testing.T, payload []byte) map[string]any {
	t.Helper()
	var n struct {
		Data struct {
			Item map[string]any `json:"item"`
		} `json:"data"`
	}
	if err := json.Unmarshal(payload, &n); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{
		"statistics", "teammates", "title", "topics", "custom_attributes", "waiting_since", "read", "priority", "first_contact_reply",
	} {
		delete(n.Data.Item, key)
	}
	return n.Data.Item
}

// brief leaves of the parts what tells them apart.
func brief(item map[string]any) {
	list, _ := item["conversation_parts"].(map[string]any)
	parts, _ := list["conversation_parts"].([]any)
	for i, p := range parts {
		part, _ := p.(map[string]any)
		parts[i] = []any{part["id"], part["part_type"], part["body"], part["created_at"], part["state"]}
	}
}

func difference(got, want map[string]any) string {
	var b strings.Builder
	for key := range want {
		if !reflect.DeepEqual(got[key], want[key]) {
			fmt.Fprintf(&b, "  %s is %v, was %v\n", key, got[key], want[key])
		}
	}
	for key := range got {
		if _, ok := want[key]; !ok {
			fmt.Fprintf(&b, "  %s is new\n", key)
		}
	}
	return b.String()
}

// The answer in Intercom's description can be read, with ids that are numbers.
func TestI11_the_described_conversation(t *testing.T) {
	raw, err := os.ReadFile("testdata/described.json")
	if err != nil {
		t.Fatal(err)
	}
	h, err := recovery.NewHistory(raw)
	if err != nil {
		t.Fatal(err)
	}
	var topics []string
	for _, hp := range h.Happenings {
		topics = append(topics, hp.Topic+" "+hp.Part)
	}
	want := []string{"conversation.admin.replied 1", "conversation_part.tag.created ", "conversation.admin.single.created "}
	if !slices.Equal(topics, want) {
		t.Errorf("%q, want %q", topics, want)
	}
}

func TestI11_what_cannot_be_told(t *testing.T) {
	const start = `"id":"7","created_at":1700000000,"source":{"id":"1","delivered_as":"customer_initiated","author":{"type":"user","id":"u"}}`
	part := func(fields string) string {
		return `{` + start + `,"conversation_parts":{"conversation_parts":[{"id":"9","created_at":1700000100,` + fields + `}],"total_count":1}}`
	}
	for name, c := range map[string]struct{ raw, want string }{
		"a bot closes":             {part(`"part_type":"close","author":{"type":"bot","id":"1"}`), "conversation.user.created"},
		"a workflow assigns":       {part(`"part_type":"assignment","author":{"type":"bot","id":"1"},"assigned_to":{"type":"team","id":"5"}`), "conversation.user.created"},
		"a snooze ends":            {part(`"part_type":"unsnoozed","author":{"type":"bot","id":"1"}`), "conversation.user.created"},
		"nothing to read by a bot": {part(`"part_type":"language_detection_details","author":{"type":"bot","id":"1"}`), "conversation.user.created"},
		"a ticket since then": {strings.Replace(part(`"part_type":"comment","body":"x","author":{"type":"user","id":"u"}`),
			`{`, `{"ticket":{"type":"ticket","created_at":1700000050},`, 1), "conversation.user.created"},
		"a ticket from the start": {strings.Replace(part(`"part_type":"comment","body":"x","author":{"type":"user","id":"u"}`),
			`{`, `{"ticket":{"type":"ticket"},`, 1), ""},
	} {
		h, err := recovery.NewHistory([]byte(c.raw))
		if err != nil {
			t.Error(name, ": ", err)
			continue
		}
		var topics []string
		for _, hp := range h.Happenings {
			topics = append(topics, hp.Topic)
		}
		if got := strings.Join(topics, " "); got != c.want {
			t.Errorf("%s: rebuilt %q, want %q", name, got, c.want)
		}
	}
	for _, broken := range []string{``, `null`, `[]`, `{}`, `{"id":"7"}`, `{` + start + `,"conversation_parts":{"conversation_parts":["x"]}}`} {
		if _, err := recovery.NewHistory([]byte(broken)); err == nil {
			t.Errorf("%s was taken for a conversation", broken)
		}
	}
}

// Of a long conversation the newest parts are there, and it is said that others are not.
func TestI11_parts_that_are_missing(t *testing.T) {
	h, err := recovery.NewHistory([]byte(`{"id":"7","created_at":1700000000,"admin_assignee_id":5,
		"source":{"id":"1","delivered_as":"customer_initiated","author":{"type":"user","id":"u"}},
		"conversation_parts":{"total_count":700,"conversation_parts":[
			{"id":"9","part_type":"comment","body":"x","created_at":1700000100,"author":{"type":"user","id":"u"}}]}}`))
	if err != nil {
		t.Fatal(err)
	}
	if h.Missing != 699 || h.Oldest.Unix() != 1700000100 {
		t.Errorf("missing %d, oldest %s", h.Missing, h.Oldest)
	}
	ev, err := h.Event(h.Happenings[1], "ws", 0, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if item := itemOf(t, ev.Payload); item["admin_assignee_id"] != 5.0 {
		t.Error("an assignee that is not known was made up: ", item["admin_assignee_id"])
	}
}
