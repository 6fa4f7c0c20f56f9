package store_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"switchboard/internal/store"
)

// acting is an action that is being worked on.
type acting struct {
	claim  store.Claim
	action store.Action
}

// act plans one action for each of n new conversations and claims them.
func act(t testing.TB, s *store.Store, n int) (list []acting) {
	t.Helper()
	st, err := s.Stats(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		put(t, s, fmt.Sprint(t.Name(), st.ActionsWaiting, "-", i), fmt.Sprintf("conversation/%d-%d", st.ActionsWaiting, i))
	}
	for planned := 0; planned < n; {
		claims, err := s.Claim(t.Context(), store.LaneEvents, "", 8, start, time.Minute)
		if err != nil || len(claims) == 0 {
			t.Fatal(claims, err)
		}
		for _, c := range claims {
			plan(t, s, c, 1, true)
			planned++
		}
	}
	return claimActions(t, s, n, start)
}

func claimActions(t testing.TB, s *store.Store, n int, now time.Time) (list []acting) {
	t.Helper()
	for len(list) < n {
		claims, err := s.Claim(t.Context(), store.LaneActions, "", 8, now, time.Minute)
		if err != nil || len(claims) == 0 {
			t.Fatalf("claimed %d of %d actions, %v", len(list), n, err)
		}
		for _, c := range claims {
			a, ok, err := s.NextAction(t.Context(), c)
			if err != nil || !ok {
				t.Fatal(err)
			}
			list = append(list, acting{c, a})
		}
	}
	return list
}

func memory(t testing.TB, s *store.Store, a store.Action) store.PickMemory {
	t.Helper()
	m, err := s.PickMemory(t.Context(), a, "team", start.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func pickOf(a acting, admin string) store.Pick {
	return store.Pick{
		Action: a.action.ID, Workspace: "ws", Team: "team", Admin: admin, Subject: a.action.Subject, At: start, Record: json.RawMessage(`{"x":1}`),
	}
}

// picks records a pick on the present state.
func picks(t testing.TB, s *store.Store, a acting, admin string) {
	t.Helper()
	var wait *store.Wait
	if admin == "" {
		wait = &store.Wait{Action: a.action, Since: start, Params: json.RawMessage(`{"p":1}`)}
	}
	if ok, err := s.RecordPick(t.Context(), a.claim, pickOf(a, admin), memory(t, s, a.action), wait); err != nil || !ok {
		t.Fatalf("RecordPick(%s) = %v, %v", admin, ok, err)
	}
}

func ends(t testing.TB, s *store.Store, a acting, state store.ActionState, attempts int, l store.Line, at time.Time) {
	t.Helper()
	err := s.FinishAttempt(t.Context(), a.claim, store.AttemptEnd{
		Action: a.action, State: state, Attempts: attempts, Started: at, Finished: at, DueAt: at, Result: string(state), Line: l,
	})
	if err != nil {
		t.Fatal(err)
	}
}

func inLine(t testing.TB, s *store.Store) []store.Waiting {
	t.Helper()
	list, err := s.InLine(t.Context(), "ws", "team", start.Add(-time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestPicks(t *testing.T) {
	t.Run("a pick is recorded, with the turn that it uses up", func(t *testing.T) {
		s := open(t)
		list := act(t, s, 3)
		picks(t, s, list[0], "ada")
		picks(t, s, list[1], "ben")
		picks(t, s, list[2], "ada")
		if m := memory(t, s, list[0].action); m.Picks != 3 || fmt.Sprint(m.Turns) != "map[ada:3 ben:2]" {
			t.Errorf("memory %+v", m)
		}
		p, ok, err := s.PickOf(t.Context(), list[1].action.ID)
		if err != nil || !ok || p.Admin != "ben" || string(p.Record) != `{"x":1}` || !p.At.Equal(start) {
			t.Errorf("PickOf = %+v, %v, %v", p, ok, err)
		}
		if m, err := s.PickMemory(t.Context(), list[0].action, "another", start); err != nil || len(m.Turns) != 0 || m.Picks != 3 {
			t.Errorf("another team has %+v, %v", m, err)
		}
	})

	t.Run("a pick on a state that has passed is not recorded", func(t *testing.T) {
		s := open(t)
		list := act(t, s, 2)
		m := memory(t, s, list[0].action)
		picks(t, s, list[1], "ada")
		if ok, err := s.RecordPick(t.Context(), list[0].claim, pickOf(list[0], "ada"), m, nil); err != nil || ok {
			t.Errorf("RecordPick = %v, %v", ok, err)
		}
		if _, ok, _ := s.PickOf(t.Context(), list[0].action.ID); ok {
			t.Error("it was recorded")
		}
	})

	t.Run("I3 who lost the claim records nothing", func(t *testing.T) {
		s := open(t)
		list := act(t, s, 1)
		lost := list[0]
		lost.claim.Fence++
		_, err := s.RecordPick(t.Context(), lost.claim, pickOf(lost, "ada"), memory(t, s, lost.action), nil)
		if !errors.Is(err, store.ErrLost) {
			t.Errorf("%v", err)
		}
	})

	t.Run("I4 picking anew takes the earlier pick back", func(t *testing.T) {
		s := open(t)
		list := act(t, s, 3)
		picks(t, s, list[0], "ada")
		picks(t, s, list[1], "ada")
		picks(t, s, list[1], "ben")
		if m := memory(t, s, list[1].action); m.Turns["ada"] != 1 || m.Turns["ben"] != 3 {
			t.Errorf("turns %v: ada keeps the turn that she had before", m.Turns)
		}
		picks(t, s, list[2], "ada")
		picks(t, s, list[0], "ben") // that ada had another since stays
		if m := memory(t, s, list[1].action); m.Turns["ada"] != 4 {
			t.Errorf("turns %v", m.Turns)
		}
		if n, err := s.PickedSince(t.Context(), list[2].action, "ada", start); err != nil || n != 0 {
			t.Errorf("%d picks count for ada, %v; want none but the one that asks", n, err)
		}
	})

	t.Run("who was picked for what failed for good gets the turn back", func(t *testing.T) {
		s := open(t)
		list := act(t, s, 2)
		picks(t, s, list[0], "ada")
		picks(t, s, list[1], "ada")
		ends(t, s, list[1], store.StateDead, 1, store.LineLost, start)
		if m := memory(t, s, list[1].action); m.Turns["ada"] != 1 {
			t.Errorf("turns %v", m.Turns)
		}
		if _, ok, _ := s.PickOf(t.Context(), list[1].action.ID); !ok {
			t.Error("the record is gone, too")
		}
	})

	t.Run("many at once never see the same state", func(t *testing.T) {
		s := open(t)
		const n = 24
		var mu sync.Mutex
		seen := map[int64]int{}
		var wg sync.WaitGroup
		for _, a := range act(t, s, n) {
			wg.Go(func() {
				for {
					m, err := s.PickMemory(t.Context(), a.action, "team", start)
					if err != nil {
						t.Error(err)
						return
					}
					ok, err := s.RecordPick(t.Context(), a.claim, pickOf(a, "ada"), m, nil)
					if err != nil {
						t.Error(err)
						return
					}
					if ok {
						mu.Lock()
						seen[m.Picks]++
						mu.Unlock()
						return
					}
				}
			})
		}
		wg.Wait()
		for i := range int64(n) {
			if seen[i] != 1 {
				t.Errorf("%d picks were made on state %d", seen[i], i)
			}
		}
	})
}

// What Intercom cannot have counted yet is what was not done by then.
func TestPickedSince(t *testing.T) {
	s := open(t)
	list := act(t, s, 6)
	for _, a := range list[:5] {
		picks(t, s, a, "ada")
	}
	ends(t, s, list[0], store.StateDone, 1, store.LineLeft, start.Add(time.Minute))
	ends(t, s, list[1], store.StateDone, 1, store.LineLeft, start.Add(2*time.Minute))
	ends(t, s, list[2], store.StateDead, 1, store.LineLost, start.Add(2*time.Minute))
	for after, want := range map[time.Duration]int{0: 4, time.Minute: 4, time.Minute + 1e6: 3, 3 * time.Minute: 2} {
		if n, err := s.PickedSince(t.Context(), list[5].action, "ada", start.Add(after)); err != nil || n != want {
			t.Errorf("after %s: %d, %v; want %d", after, n, err, want)
		}
	}
	if n, err := s.PickedSince(t.Context(), list[5].action, "ben", start); err != nil || n != 0 {
		t.Errorf("ben: %d, %v", n, err)
	}
}

func TestLine(t *testing.T) {
	wait := func(t *testing.T, s *store.Store, a acting, since time.Duration, team string) {
		t.Helper()
		p := pickOf(a, "")
		p.Team = team
		w := &store.Wait{Action: a.action, Since: start.Add(since), Params: json.RawMessage(fmt.Sprintf(`{"since":%d}`, since))}
		if ok, err := s.RecordPick(t.Context(), a.claim, p, memory(t, s, a.action), w); err != nil || !ok {
			t.Fatal(ok, err)
		}
	}
	subjects := func(list []store.Waiting) string {
		var names []string
		for _, w := range list {
			names = append(names, strings.TrimPrefix(w.Subject, "conversation/0-"))
		}
		return strings.Join(names, " ")
	}

	t.Run("who waited longest comes first, over restarts", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "state.db")
		s := openAt(t, path)
		list := act(t, s, 4)
		at := map[string]acting{}
		for _, a := range list {
			at[strings.TrimPrefix(a.action.Subject, "conversation/0-")] = a
		}
		wait(t, s, at["2"], 3, "team")
		wait(t, s, at["1"], 1e6, "team")
		wait(t, s, at["3"], 2e6, "other")
		wait(t, s, at["0"], 5e6, "team")
		wait(t, s, at["1"], 9e6, "team") // stays where it is
		if got := subjects(inLine(t, s)); got != "2 1 0" {
			t.Errorf("in line %s", got)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = openAt(t, path)
		if got := subjects(inLine(t, s)); got != "2 1 0" {
			t.Errorf("after a restart %s", got)
		}
		heads, err := s.Lines(t.Context(), "")
		if err != nil || subjects(heads) != "2 3" {
			t.Errorf("heads %s, %v", subjects(heads), err)
		}
		m, err := s.PickMemory(t.Context(), at["1"].action, "team", start.Add(time.Second))
		if err != nil || !m.Behind {
			t.Errorf("%+v, %v: another waits longer", m, err)
		}
		if m, err = s.PickMemory(t.Context(), at["2"].action, "team", start.Add(time.Microsecond)); err != nil || m.Behind {
			t.Errorf("%+v, %v: nobody else waits longer", m, err)
		}
	})

	t.Run("the first of each way to pick comes, and whoever is stuck keeps nobody waiting", func(t *testing.T) {
		s := open(t)
		list := act(t, s, 5)
		for i, way := range []string{`{"way":1}`, `{"way":1}`, `{"way":1}`, `{"way":2}`, `{"way":1}`} {
			a := list[i]
			w := &store.Wait{Action: a.action, Since: start.Add(time.Duration(i) * time.Second), Params: json.RawMessage(way)}
			if i == 4 {
				w.Holder = "ada"
			}
			if ok, err := s.RecordPick(t.Context(), a.claim, pickOf(a, ""), memory(t, s, a.action), w); err != nil || !ok {
				t.Fatal(ok, err)
			}
			if i > 0 { // what asked for the first one's place is not done, so it is stuck
				ends(t, s, a, store.StateDone, 1, store.LineLeft, start)
			}
		}
		var names, want []string
		for _, i := range []int{0, 1, 3, 4} {
			want = append(want, list[i].action.Subject)
		}
		for _, w := range inLine(t, s) {
			names = append(names, w.Subject)
		}
		if !slices.Equal(names, want) {
			t.Errorf("next are %q, want %q", names, want)
		}
	})

	t.Run("an action ends the waiting, in a run of its own", func(t *testing.T) {
		s := open(t)
		a := act(t, s, 1)[0]
		wait(t, s, a, 1e6, "team")
		w := inLine(t, s)[0]
		if !w.Stuck {
			t.Error("its own action is not done, and it could be served")
		}
		ends(t, s, a, store.StateDone, 1, store.LineLeft, start)
		if err := s.Release(t.Context(), a.claim, time.Time{}); err != nil {
			t.Fatal(err)
		}
		w = inLine(t, s)[0]
		if w.Stuck || w.Served || w.Planned != 0 || string(w.Params) != `{"since":1000000}` || w.Kind != "tag" {
			t.Errorf("waits as %+v", w)
		}
		for i, want := range []bool{true, false} { // the second is too late
			if ok, err := s.PlanWaiting(t.Context(), w, json.RawMessage(`{"drain":1}`), start); err != nil || ok != want {
				t.Fatalf("PlanWaiting %d = %v, %v", i, ok, err)
			}
		}
		b := claimActions(t, s, 1, start)[0]
		if b.action.Run == a.action.Run || b.action.Seq != a.action.Seq || b.action.Rule != a.action.Rule || b.action.Kind != "tag" ||
			string(b.action.Params) != `{"drain":1}` || !b.action.ReceivedAt.Equal(start) || b.action.ID <= a.action.ID {
			t.Errorf("the action is %+v, the first was %+v", b.action, a.action)
		}
		if m := memory(t, s, b.action); !m.InLine {
			t.Error("the action does not know its place")
		}
		if w := inLine(t, s)[0]; !w.Served || w.Stuck {
			t.Errorf("it is being served: %+v", w)
		}
		late, err := s.InLine(t.Context(), "ws", "team", start.Add(time.Second))
		if err != nil || late[0].Served || !late[0].Stuck {
			t.Errorf("after long it is stuck: %+v, %v", late, err)
		}
		ends(t, s, b, store.StatePlanned, 1, store.LineStays, start)
		if w := inLine(t, s)[0]; w.Served || !w.Stuck {
			t.Errorf("it will be tried again: %+v", w)
		}
		picks(t, s, b, "ada")
		if list := inLine(t, s); len(list) != 0 {
			t.Errorf("still in line: %+v", list)
		}
	})

	t.Run("the place ends with another assignment or for good", func(t *testing.T) {
		for name, tt := range map[string]struct {
			end  func(t *testing.T, s *store.Store, a, b acting)
			left int
		}{
			"its own action is done": {func(t *testing.T, s *store.Store, a, _ acting) {
				ends(t, s, a, store.StateDone, 1, store.LineLeft, start)
			}, 1},
			"its own action fails for good": {func(t *testing.T, s *store.Store, a, _ acting) {
				ends(t, s, a, store.StateDead, 1, store.LineLost, start)
			}, 0},
			"another conversation's is done": {func(t *testing.T, s *store.Store, _, b acting) {
				ends(t, s, b, store.StateDone, 1, store.LineLeft, start)
			}, 1},
		} {
			t.Run(name, func(t *testing.T) {
				s := open(t)
				list := act(t, s, 2)
				wait(t, s, list[0], 1, "team")
				tt.end(t, s, list[0], list[1])
				if st, err := s.Stats(t.Context()); err != nil || st.InLine != tt.left {
					t.Errorf("%d in line, %v; want %d", st.InLine, err, tt.left)
				}
			})
		}
		s := open(t)
		put(t, s, "n1", "conversation/1")
		plan(t, s, claimOne(t, s, store.LaneEvents, start), 2, true)
		c := claimOne(t, s, store.LaneActions, start)
		a, _, _ := s.NextAction(t.Context(), c)
		wait(t, s, acting{c, a}, 1, "team")
		ends(t, s, acting{c, a}, store.StateDone, 1, store.LineLeft, start)
		a, _, _ = s.NextAction(t.Context(), c)
		ends(t, s, acting{c, a}, store.StateDone, 1, store.LineLeft, start)
		if list := inLine(t, s); len(list) != 0 {
			t.Error("another assignment on the conversation did not end the waiting")
		}
	})

	t.Run("what waits is not pruned, and picks go with their events", func(t *testing.T) {
		s := open(t)
		list := act(t, s, 2)
		wait(t, s, list[0], 1, "team")
		picks(t, s, list[1], "ada")
		for _, a := range list {
			ends(t, s, a, store.StateDone, 1, store.LineLeft, start)
		}
		if n, err := s.Prune(t.Context(), start.Add(time.Hour), 10); err != nil || n != 1 {
			t.Errorf("Prune = %d, %v; want the one that does not wait", n, err)
		}
		_, waits, _ := s.PickOf(t.Context(), list[0].action.ID)
		_, gone, _ := s.PickOf(t.Context(), list[1].action.ID)
		if !waits || gone {
			t.Errorf("the pick that waits is there: %v; the other: %v", waits, gone)
		}
	})
}
