package store_test

import (
	"cmp"
	"encoding/json"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"switchboard/internal/store"
)

// fail plans n tags for each subject and lets the first of them end in the given state.
func fail(t *testing.T, s *store.Store, state store.ActionState, n int, subjects ...string) {
	t.Helper()
	for _, subject := range subjects {
		put(t, s, "ev-"+subject, subject)
		plan(t, s, claimFor(t, s, subject), n, true)
		c := claimOne(t, s, store.LaneActions, time.Now())
		finish(t, s, c, state)
		release(t, s, c)
	}
}

func release(t *testing.T, s *store.Store, c store.Claim) {
	t.Helper()
	if err := s.Release(t.Context(), c, time.Time{}); err != nil {
		t.Fatal(err)
	}
}

func findUnhappy(t *testing.T, s *store.Store, u store.Unhappy) []store.Action {
	t.Helper()
	u.State, u.Limit = cmp.Or(u.State, store.StateDead), cmp.Or(u.Limit, 100)
	list, err := s.FindUnhappy(t.Context(), u)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func retry(t *testing.T, s *store.Store, v store.Verdict, want store.Outcome, actions ...store.Action) {
	t.Helper()
	outcomes, err := s.Retry(t.Context(), actions, v, time.Now())
	if err != nil || len(outcomes) != len(actions) {
		t.Fatalf("Retry = %v, %v", outcomes, err)
	}
	for _, o := range outcomes {
		if o != want {
			t.Errorf("Retry = %v, want %s", outcomes, want)
		}
	}
}

// performed does what is planned for the only subject that is due, and returns the parameters in order.
func performed(t *testing.T, s *store.Store) (done []string) {
	t.Helper()
	c := claimOne(t, s, store.LaneActions, time.Now())
	for {
		if _, ok, err := s.NextAction(t.Context(), c); err != nil {
			t.Fatal(err)
		} else if !ok {
			release(t, s, c)
			return done
		}
		a := finish(t, s, c, store.StateDone)
		done = append(done, strconv.FormatInt(a.ID, 10))
	}
}

// TestI3_retried_goes_first retries a dead letter when its subject has more to do: it and what its run
// held back go first, in their order.
func TestI3_retried_goes_first(t *testing.T) {
	s := open(t)
	fail(t, s, store.StateDead, 3, "c/1") // actions 1 to 3
	put(t, s, "later", "c/1")
	plan(t, s, claimFor(t, s, "c/1"), 2, true) // actions 4 and 5
	retry(t, s, store.VerdictAgain, store.OutcomeRetried, findUnhappy(t, s, store.Unhappy{})...)
	if got := performed(t, s); !slices.Equal(got, []string{"1", "2", "3", "4", "5"}) {
		t.Errorf("performed %v, want all in the order of the plan", got)
	}
	history, err := s.AttemptsOf(t.Context(), 1)
	var results []string
	for _, a := range history {
		results = append(results, a.Result)
	}
	slices.Sort(results) // they begin at times of the test's own
	if err != nil || !slices.Equal(results, []string{"dead", "done", "retried"}) {
		t.Errorf("history %v, %v; want the failure, the retry and the end", results, err)
	}
}

// TestI3_retry_leaves_the_busy_alone retries while somebody works on the subject, or has an action of it
// in doubt.
func TestI3_retry_leaves_the_busy_alone(t *testing.T) {
	s := open(t)
	fail(t, s, store.StateDead, 1, "c/1")
	dead := findUnhappy(t, s, store.Unhappy{})
	put(t, s, "later", "c/1")
	plan(t, s, claimFor(t, s, "c/1"), 1, true)
	c := claimOne(t, s, store.LaneActions, time.Now())
	retry(t, s, store.VerdictAgain, store.OutcomeBusy, dead...)
	if err := s.BeginAttempt(t.Context(), c, 2, time.Now(), time.Time{}); err != nil {
		t.Fatal(err)
	}
	if err := s.Release(t.Context(), c, time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	retry(t, s, store.VerdictAgain, store.OutcomeBusy, dead...)
	if got := findUnhappy(t, s, store.Unhappy{}); len(got) != 1 {
		t.Errorf("dead letters %v, want the one that was there", got)
	}
}

// TestI4_retried_once has many people retry the same dead letter.
func TestI4_retried_once(t *testing.T) {
	s := open(t)
	fail(t, s, store.StateDead, 2, "c/1")
	dead := findUnhappy(t, s, store.Unhappy{})
	var all sync.WaitGroup
	outcomes := make([]store.Outcome, 8)
	for i := range outcomes {
		all.Go(func() {
			if list, err := s.Retry(t.Context(), dead, store.VerdictAgain, time.Now()); err == nil {
				outcomes[i] = list[0]
			}
		})
	}
	all.Wait()
	slices.Sort(outcomes)
	if outcomes[6] != store.OutcomeGone || outcomes[7] != store.OutcomeRetried {
		t.Errorf("outcomes %v, want one retried", outcomes)
	}
	if got := performed(t, s); len(got) != 2 {
		t.Errorf("performed %v, want each once", got)
	}
	retry(t, s, store.VerdictAgain, store.OutcomeGone, dead...)
}

// TestI4_parked_is_settled_by_a_person: one that was sent is not sent again, and its run goes on.
func TestI4_parked_is_settled_by_a_person(t *testing.T) {
	s := open(t)
	fail(t, s, store.StateParked, 3, "c/1")
	parked := findUnhappy(t, s, store.Unhappy{State: store.StateParked})
	retry(t, s, store.VerdictDone, store.OutcomeRetried, parked...)
	if got := performed(t, s); !slices.Equal(got, []string{"2", "3"}) {
		t.Errorf("performed %v, want the rest of the run", got)
	}
	if list, err := s.ActionsOf(t.Context(), 1); err != nil || list[0].State != store.StateDone {
		t.Errorf("actions %v, %v; want the first done", list, err)
	}
}

// TestRetry_does_not_wait_for_a_backoff: the subject's other work is due in an hour, the retried now.
func TestRetry_does_not_wait_for_a_backoff(t *testing.T) {
	s := open(t)
	fail(t, s, store.StateDead, 1, "c/1")
	put(t, s, "later", "c/1")
	plan(t, s, claimFor(t, s, "c/1"), 1, true)
	c := claimOne(t, s, store.LaneActions, time.Now())
	if err := s.Release(t.Context(), c, time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	retry(t, s, store.VerdictAgain, store.OutcomeRetried, findUnhappy(t, s, store.Unhappy{})...)
	claimOne(t, s, store.LaneActions, time.Now())
}

func TestFindUnhappy(t *testing.T) {
	s := open(t)
	for i, subject := range []string{"c/1", "c/2", "c/3"} {
		put(t, s, "ev-"+subject, subject)
		plan(t, s, claimFor(t, s, subject), 1, true)
		c := claimOne(t, s, store.LaneActions, time.Now())
		a, _, err := s.NextAction(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		err = s.FinishAttempt(t.Context(), c, store.AttemptEnd{
			Action: a, State: store.StateDead, Attempts: 1, Started: start, Finished: start.Add(time.Duration(i) * time.Hour),
			Result: "dead", Error: "404 Team " + strconv.Itoa(100*i) + "% gone",
		})
		if err != nil {
			t.Fatal(err)
		}
		release(t, s, c)
	}
	for name, tt := range map[string]struct {
		which store.Unhappy
		want  []int64
	}{
		"all":                {store.Unhappy{}, []int64{1, 2, 3}},
		"none of this state": {store.Unhappy{State: store.StateParked}, nil},
		"ids":                {store.Unhappy{IDs: []int64{3, 1, 99}}, []int64{1, 3}},
		"rule":               {store.Unhappy{Rule: "r-ev-c/2"}, []int64{2}},
		"kind":               {store.Unhappy{Kind: "tag"}, []int64{1, 2, 3}},
		"other kind":         {store.Unhappy{Kind: "reply"}, nil},
		"subject":            {store.Unhappy{Subject: "c/3"}, []int64{3}},
		"error":              {store.Unhappy{Error: "tEAM"}, []int64{1, 2, 3}},
		"error, literally":   {store.Unhappy{Error: "10%"}, nil},
		"since":              {store.Unhappy{Since: start.Add(time.Hour)}, []int64{2, 3}},
		"until":              {store.Unhappy{Until: start.Add(time.Hour)}, []int64{1}},
		"limit":              {store.Unhappy{Limit: 2}, []int64{1, 2}},
		"several":            {store.Unhappy{Since: start.Add(time.Hour), Subject: "c/2", Kind: "tag", Error: "gone"}, []int64{2}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []int64
			for _, a := range findUnhappy(t, s, tt.which) {
				got = append(got, a.ID)
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("found %v, want %v", got, tt.want)
			}
		})
	}
}

// TestI4_retried_picks_anew: who was picked for the call that failed is forgotten, with the turn.
func TestI4_retried_picks_anew(t *testing.T) {
	s := open(t)
	put(t, s, "ev", "c/1")
	plan(t, s, claimFor(t, s, "c/1"), 1, true)
	c := claimOne(t, s, store.LaneActions, time.Now())
	a, _, err := s.NextAction(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	pick := store.Pick{Action: a.ID, Workspace: "ws", Team: "t", Admin: "7", Subject: "c/1", At: start, Record: json.RawMessage(`{}`)}
	if ok, err := s.RecordPick(t.Context(), c, pick, store.PickMemory{}, nil); err != nil || !ok {
		t.Fatalf("RecordPick = %v, %v", ok, err)
	}
	finish(t, s, c, store.StateDead)
	release(t, s, c)
	retry(t, s, store.VerdictAgain, store.OutcomeRetried, findUnhappy(t, s, store.Unhappy{})...)
	if p, ok, err := s.PickOf(t.Context(), a.ID); err != nil || ok {
		t.Errorf("PickOf = %v, %v, %v; want none", p, ok, err)
	}
	if m, err := s.PickMemory(t.Context(), a, "t", start); err != nil || m.Turns["7"] != 0 {
		t.Errorf("turns %v, %v; want the turn given back", m.Turns, err)
	}
}
