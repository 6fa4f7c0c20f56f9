package store_test

import (
	"encoding/json"
	"slices"
	"strconv"
	"testing"
	"time"

	"switchboard/internal/store"
)

// What rules in shadow would have done is found in the traces, and what rules were to do in the actions.
func TestShadows(t *testing.T) {
	s := open(t)
	var seqs []int64
	for i, trace := range []string{`{"held_by":"shadow"}`, `{"held_by":"once"}`, `{"lookups":{"a":"{\"held_by\":\"shadow\"}"}}`, `{"held_by":"shadow","n":2}`} {
		put(t, s, "n"+strconv.Itoa(i), "conversation/"+strconv.Itoa(i))
		c := claimOne(t, s, store.LaneEvents, time.Now())
		events, err := s.PendingEvents(t.Context(), c, 1)
		if err != nil || len(events) != 1 {
			t.Fatal(events, err)
		}
		seqs = append(seqs, events[0].Seq)
		d := store.Decision{Seq: events[0].Seq, At: start.Add(time.Duration(i) * time.Hour), Trace: json.RawMessage(trace), Runs: []store.Run{{
			Rule: "r", Actions: []store.PlannedAction{{Kind: "tag", Params: json.RawMessage(`{"tags":["A"]}`)}, {Kind: "close", Params: json.RawMessage(`{}`)}},
		}}}
		if err := s.SaveDecision(t.Context(), c, d, true); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		first, last int64
		want        []int64
	}{
		{seqs[0], seqs[3], []int64{seqs[0], seqs[3]}},
		{seqs[1], seqs[3], []int64{seqs[3]}},
		{seqs[0], seqs[2], []int64{seqs[0]}},
		{seqs[1], seqs[2], nil},
	} {
		traces, err := s.TracesWith(t.Context(), `"held_by":"shadow"`, c.first, c.last)
		var got []int64
		for seq := range traces {
			got = append(got, seq)
		}
		slices.Sort(got)
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("from %d to %d: %v, %v; want %v", c.first, c.last, got, err, c.want)
		}
	}
	if traces, err := s.TracesWith(t.Context(), `held%by`, seqs[0], seqs[3]); err != nil || len(traces) != 0 {
		t.Errorf("a %% is itself: %v, %v", traces, err)
	}
	for workspace, want := range map[string]int{"": 4, "ws": 4, "other": 0} {
		n := 0
		err := s.EachPlanned(t.Context(), workspace, "tag", func(a store.Action) {
			i, _ := strconv.Atoi(a.Subject[len("conversation/"):])
			if n++; a.Workspace != "ws" || string(a.Params) != `{"tags":["A"]}` || !a.PlannedAt.Equal(start.Add(time.Duration(i)*time.Hour)) {
				t.Errorf("%+v", a)
			}
		})
		if err != nil || n != want {
			t.Errorf("%q: %d actions, %v; want %d", workspace, n, err, want)
		}
	}
}
