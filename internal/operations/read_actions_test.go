package operations_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"switchboard/internal/operations"
	"switchboard/internal/store"
)

// TestActions: whatever is asked, the pages together hold what a look at each action finds, each once.
func TestActions(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, 11, 250)
		var all []store.Action
		for _, p := range w.events {
			all = append(all, p.actions...)
		}
		slices.SortFunc(all, func(a, b store.Action) int { return int(b.ID - a.ID) })
		states := map[store.ActionState]bool{}
		for _, a := range all {
			states[a.State] = true
		}
		if len(states) != len(store.ActionStates()) {
			t.Fatalf("the actions are %v: some state is not tested", states)
		}
		for range 150 {
			r := w.actionRequest()
			var want, got []int64
			for _, a := range all {
				if isMeant(r, a) {
					want = append(want, a.ID)
				}
			}
			for {
				page, err := reader.Actions(t.Context(), s, r)
				if err != nil {
					t.Fatalf("%+v: %v", r, err)
				}
				if len(page.Actions) > r.Limit {
					t.Fatalf("%+v: %d actions on a page", r, len(page.Actions))
				}
				for _, a := range page.Actions {
					got = append(got, a.ID)
				}
				if r.Before = page.Next; r.Before == 0 {
					break
				}
			}
			if !slices.Equal(got, want) {
				t.Fatalf("%+v:\nfound %v\nwant  %v", r, got, want)
			}
		}
	})
}

func isMeant(r operations.ActionsRequest, a store.Action) bool {
	return within(r.Workspace, a.Workspace) && within(string(r.State), string(a.State)) && within(r.Rule, a.Rule) && within(r.Kind, a.Kind) &&
		within(r.Subject, a.Subject) && strings.Contains(strings.ToLower(a.Error), strings.ToLower(r.Error)) &&
		(r.Since.IsZero() || !a.PlannedAt.Before(r.Since)) && (r.Until.IsZero() || a.PlannedAt.Before(r.Until))
}

func (w *world) actionRequest() (r operations.ActionsRequest) {
	maybe := func(n int) bool { return w.rnd.IntN(n) == 0 }
	r.Limit = 1 + w.rnd.IntN(60)
	if maybe(3) {
		r.Workspace = one(w.rnd, append(someWorkspaces, "none"))
	}
	if maybe(2) {
		r.State = one(w.rnd, append(store.ActionStates(), "dropped", "%"))
	}
	if maybe(3) {
		r.Rule = one(w.rnd, append(someRules, "nobody's"))
	}
	if maybe(3) {
		r.Kind = one(w.rnd, append(someKinds, "%"))
	}
	if maybe(3) {
		r.Subject = one(w.rnd, append(someSubjects, "' OR 1=1 --"))
	}
	if maybe(3) {
		r.Error = one(w.rnd, append(someErrors, "TAG", "100%", "_gone_", "%", "held back"))
	}
	if maybe(4) {
		r.Since = one(w.rnd, w.events).ev.ReceivedAt
	}
	if maybe(4) {
		r.Until = one(w.rnd, w.events).ev.ReceivedAt
	}
	return r
}

// TestAction: an action is told with its words and its history.
func TestAction(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, 13, 100)
		for _, p := range w.events {
			for _, a := range p.actions {
				got, err := reader.Action(t.Context(), s, operations.ActionRequest{ID: a.ID})
				if err != nil {
					t.Fatal(err)
				}
				want := "note x"
				if strings.Contains(string(a.Params), "tags") {
					want = "tag <Refund>"
				}
				ended := a.State == store.StateDone || a.State == store.StateDead || a.State == store.StateParked
				if got.ID != a.ID || got.Seq != p.ev.Seq || got.Summary != want || got.State != a.State || (len(got.History) == 1) != ended || string(got.Params) != string(a.Params) {
					t.Fatalf("%+v\nof %+v", got, a)
				}
			}
		}
		if _, err := reader.Action(t.Context(), s, operations.ActionRequest{ID: -1}); err == nil {
			t.Error("there is no action -1")
		}
	})
}

// TestTimers: pages of timers hold all that are meant in the order in which they come due.
func TestTimers(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, 17, 5)
		type key struct{ workspace, subject, rule string }
		due := map[key]time.Time{}
		for i := range 150 {
			ev := w.events[0].ev
			ev.ID, ev.Workspace, ev.Subject = fmt.Sprint("t", i), one(w.rnd, someWorkspaces), fmt.Sprint("conversation/", 100+w.rnd.IntN(60))
			if _, err := s.Put(t.Context(), ev); err != nil {
				t.Fatal(err)
			}
			claims, err := s.Claim(t.Context(), store.LaneEvents, "", 1, time.Now(), time.Minute)
			if err != nil || len(claims) != 1 {
				t.Fatal(claims, err)
			}
			list, err := s.PendingEvents(t.Context(), claims[0], 1)
			if err != nil || len(list) != 1 {
				t.Fatal(list, err)
			}
			k := key{ev.Workspace, ev.Subject, one(w.rnd, someRules)}
			due[k] = time.Now().Add(time.Duration(1+w.rnd.IntN(20)) * time.Hour).Truncate(time.Hour)
			if err := s.SaveDecision(t.Context(), claims[0], store.Decision{
				Seq: list[0].Seq, At: ev.ReceivedAt, Trace: []byte(`{}`),
				Timers: []store.TimerChange{{Rule: k.rule, Set: &store.Timer{
					Seq: list[0].Seq, Event: ev.ID, Topic: ev.Topic, StartedAt: ev.ReceivedAt, HappenedAt: ev.ReceivedAt, DueAt: due[k], Clock: "15m of support v1",
				}}},
			}, true); err != nil {
				t.Fatal(err)
			}
		}
		for range 60 {
			r := operations.TimersRequest{Limit: 1 + w.rnd.IntN(30)}
			if w.rnd.IntN(2) == 0 {
				r.Workspace = one(w.rnd, someWorkspaces)
			}
			if w.rnd.IntN(2) == 0 {
				r.Rule = one(w.rnd, someRules)
			}
			if w.rnd.IntN(3) == 0 {
				r.Subject = fmt.Sprint("conversation/", 100+w.rnd.IntN(60))
			}
			left := map[key]time.Time{}
			for k, at := range due {
				if within(r.Workspace, k.workspace) && within(r.Rule, k.rule) && within(r.Subject, k.subject) {
					left[k] = at
				}
			}
			for last := (time.Time{}); ; {
				page, err := reader.Timers(t.Context(), s, r)
				if err != nil || len(page.Timers) > r.Limit {
					t.Fatal(len(page.Timers), err)
				}
				for _, v := range page.Timers {
					k := key{v.Workspace, v.Subject, v.Rule}
					if at, ok := left[k]; !ok || !v.DueAt.Equal(at) || v.DueAt.Before(last) || v.After != "15m of support" {
						t.Fatalf("%+v: %+v behind %s, want %s %t", r, v, last, at, ok)
					}
					last = v.DueAt
					delete(left, k)
				}
				if r.After = page.Next; r.After == "" {
					break
				}
			}
			if len(left) > 0 {
				t.Fatalf("%+v: not found: %v", r, left)
			}
		}
	})
}
