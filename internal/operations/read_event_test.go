package operations_test

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"switchboard/internal/event"
	"switchboard/internal/operations"
	"switchboard/internal/rules"
	"switchboard/internal/store"
)

const readRules = `
version: 1
rules:
  - name: answer
    when: conversation.user.replied
    from: any
    then: [{tag: Refund}]
`

// TestEvent tells of each event by its number and its id, whatever state it is in.
func TestEvent(t *testing.T) {
	x := readerWith(t, readRules)
	onBoth(t, func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, 19, 120)
		for _, p := range w.events {
			ids := []string{fmt.Sprint(p.ev.Seq)}
			if !slices.ContainsFunc(w.events, func(other *past) bool {
				return other != p && (other.ev.ID == p.ev.ID || fmt.Sprint(other.ev.Seq) == p.ev.ID)
			}) {
				ids = append(ids, p.ev.ID)
			}
			for _, id := range ids {
				got, err := x.Event(t.Context(), s, operations.EventRequest{Event: id})
				if err != nil {
					t.Fatal(id, err)
				}
				checkRow(t, got.EventRow, p)
				if (got.Explained == nil) != p.waiting || (got.NotExplained != "") != p.waiting || string(got.Payload) != string(p.ev.Payload) || len(got.Done) != len(p.actions) {
					t.Fatalf("%s: %+v, explained %+v, payload %s, done %d\nof %+v", id, got.EventRow, got.Explained, got.Payload, len(got.Done), p)
				}
			}
		}
		if _, err := x.Event(t.Context(), s, operations.EventRequest{Event: "nobody"}); !strings.Contains(fmt.Sprint(err), "no event nobody") {
			t.Error(err)
		}
	})
}

// TestEvent_damaged: of an event whose payload is no notification any more, or whose decision is no longer JSON,
// the rest is told.
func TestEvent_damaged(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		ev := event.Event{ID: "n1", Workspace: "ws", Topic: "ping", Subject: "other/1", CreatedAt: epoch, ReceivedAt: epoch, Payload: []byte("not JSON")}
		if _, err := s.Put(t.Context(), ev); err != nil {
			t.Fatal(err)
		}
		claims, err := s.Claim(t.Context(), store.LaneEvents, "", 1, time.Now(), time.Minute)
		if err != nil || len(claims) != 1 {
			t.Fatal(claims, err)
		}
		waits, err := reader.Event(t.Context(), s, operations.EventRequest{Event: "n1", Workspace: "ws"})
		if err != nil || !waits.Waiting || waits.NotExplained != "it waits to be decided" || waits.Payload != nil {
			t.Errorf("%+v, %v", waits, err)
		}
		if err := s.SaveDecision(t.Context(), claims[0], store.Decision{Seq: waits.Seq, At: epoch, Trace: []byte(`{"rules":[{`)}, true); err != nil {
			t.Fatal(err)
		}
		got, err := reader.Event(t.Context(), s, operations.EventRequest{Event: "n1"})
		if err != nil || !got.Unreadable || got.NotExplained != "the record of the decision is damaged" || got.DecidedAt.IsZero() {
			t.Errorf("%+v, %v", got, err)
		}
		page, err := reader.Events(t.Context(), s, operations.EventsRequest{})
		if err != nil || len(page.Events) != 1 || !page.Events[0].Unreadable {
			t.Errorf("%+v, %v", page, err)
		}
	})
}

// TestConversation: what happened to a subject is told in pages, with what each event led to.
func TestConversation(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, 23, 200)
		for _, subject := range append(someSubjects, "contact/none") {
			for _, workspace := range append(someWorkspaces, "") {
				r := operations.SubjectRequest{Subject: subject, Workspace: workspace, Limit: 7}
				want := w.meant(operations.EventsRequest{Subject: subject, Workspace: workspace})
				var got []int64
				for {
					page, err := reader.Conversation(t.Context(), s, r)
					if err != nil || page.Counts.Events != len(want) || page.Line != nil {
						t.Fatal(page.Counts, len(want), err)
					}
					for _, e := range page.Entries {
						got = append(got, e.Event.Seq)
						i := slices.IndexFunc(w.events, func(p *past) bool { return p.ev.Seq == e.Event.Seq })
						checkRow(t, e.Event, w.events[i])
						if !slices.EqualFunc(e.Done, w.events[i].actions, func(v operations.ActionView, a store.Action) bool { return v.ID == a.ID && v.State == a.State }) {
							t.Fatalf("%+v\nof %+v", e.Done, w.events[i].actions)
						}
					}
					if r.Before = page.Next; r.Before == 0 {
						break
					}
				}
				if !slices.Equal(got, want) {
					t.Fatalf("%s %s: found %v, want %v", workspace, subject, got, want)
				}
			}
		}
	})
}

// TestRead_refuses what cannot be meant, in words for whoever asked.
func TestRead_refuses(t *testing.T) {
	x := reader
	x.Workspace = func(name string) (string, bool) { return name, name != "none" }
	long := strings.Repeat("x", 501)
	onBoth(t, func(t *testing.T, s *store.Store) {
		for _, r := range []operations.EventsRequest{
			{Limit: -1},
			{Limit: 201},
			{Limit: math.MaxInt},
			{Before: -1},
			{Before: math.MinInt64},
			{Outcome: "won"},
			{Workspace: "none"},
			{Text: long},
			{Topic: long},
			{Rule: long},
			{Subject: long},
			{Text: "a\x00"},
			{Rule: "\xff"},
		} {
			if _, err := x.Events(t.Context(), s, r); !isRefused(err) {
				t.Errorf("%+v: %v", r, err)
			}
		}
		for _, r := range []operations.ActionsRequest{{Limit: -1}, {Limit: 201}, {Before: -1}, {Workspace: "none"}, {Error: long}, {Error: "\x00"}} {
			if _, err := x.Actions(t.Context(), s, r); !isRefused(err) {
				t.Errorf("%+v: %v", r, err)
			}
		}
		for _, r := range []operations.TimersRequest{{Limit: -1}, {Limit: 201}, {After: "%"}, {After: "bm8"}, {Workspace: "none"}} {
			if _, err := x.Timers(t.Context(), s, r); !isRefused(err) {
				t.Errorf("%+v: %v", r, err)
			}
		}
		if _, err := x.Conversation(t.Context(), s, operations.SubjectRequest{}); !isRefused(err) {
			t.Error(err)
		}
		if _, err := x.Event(t.Context(), s, operations.EventRequest{}); !isRefused(err) {
			t.Error(err)
		}
		if page, err := x.Events(t.Context(), s, operations.EventsRequest{Before: math.MaxInt64}); err != nil || len(page.Events) != 0 {
			t.Errorf("of an empty store: %+v, %v", page, err)
		}
	})
}

func isRefused(err error) bool {
	_, ok := errors.AsType[*operations.Refused](err)
	return ok
}

// TestChoices lists what there is.
func TestChoices(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		newWorld(t, s, 29, 200)
		got, err := reader.Choices(t.Context(), s, operations.ChoicesRequest{})
		if err != nil {
			t.Fatal(err)
		}
		for _, list := range []struct{ have, want []string }{
			{got.Workspaces, someWorkspaces}, {got.Topics, someTopics}, {got.Rules, someRules}, {got.Outcomes, rules.Results()},
		} {
			for _, name := range list.want {
				if !slices.Contains(list.have, name) {
					t.Errorf("%q is not among %q", name, list.have)
				}
			}
		}
	})
}
