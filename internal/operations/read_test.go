package operations_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"switchboard/internal/event"
	"switchboard/internal/operations"
	"switchboard/internal/rules"
	"switchboard/internal/store"
	"switchboard/internal/store/storetest"
)

var reader = operations.Reader{
	Ruleset:   func(string) *rules.Ruleset { return nil },
	Workspace: func(name string) (string, bool) { return name, true },
}

// readerWith is one of a workspace in which these rules are in use.
func readerWith(t *testing.T, text string) operations.Reader {
	t.Helper()
	ruleset, problems := rules.Parse([]rules.Source{{Name: "rules.yaml", Text: []byte(text)}})
	if ruleset == nil {
		t.Fatal(problems)
	}
	x := reader
	x.Ruleset = func(string) *rules.Ruleset { return ruleset }
	return x
}

// onBoth runs a test on both databases.
func onBoth(t *testing.T, test func(*testing.T, *store.Store)) {
	for name, url := range map[string]func(testing.TB, string) string{
		"sqlite":   func(_ testing.TB, path string) string { return "sqlite:" + path },
		"postgres": storetest.PostgresURL,
	} {
		t.Run(name, func(t *testing.T) {
			s, err := store.Open(t.Context(), url(t, filepath.Join(t.TempDir(), "state.db")), store.Options{})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = s.Close() })
			test(t, s)
		})
	}
}

// past is a stored event as a plain list knows it.
type past struct {
	ev       event.Event
	waiting  bool
	decision *rules.Decision
	actions  []store.Action
}

// world is what is stored, the newest first.
type world struct {
	rnd    *rand.Rand
	events []*past
	clock  time.Time // of decisions
}

var (
	someWorkspaces = []string{"ws", "other", "it's"}
	someTopics     = []string{"conversation.user.replied", "conversation.user.created", "conversation.admin.replied", "contact.created", "Conversation.user.replied", "100%_x", "conversation.admin_x.replied"}
	someSubjects   = []string{"conversation/1", "conversation/2", "conversation/3", "contact/1", "contact/a'b", "company/%", "ticket/7", "article/7"}
	someRules      = []string{"refunds", "vips", "sla", `the "quoted" & <odd> 100%`}
	someKinds      = []string{"tag", "note", "assign"}
	someErrors     = []string{"", "422 tag 100% wrong", "it's _gone_"}
)

func one[T any](r *rand.Rand, list []T) T { return list[r.IntN(len(list))] }

var epoch = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

// newWorld stores events, decides most of them, and lets actions end in all ways.
func newWorld(t *testing.T, s *store.Store, seed uint64, n int) *world {
	t.Helper()
	w := &world{rnd: rand.New(rand.NewPCG(seed, 1)), clock: epoch}
	at := epoch
	for i := range n {
		at = at.Add(time.Duration(w.rnd.IntN(120)) * time.Second)
		id := fmt.Sprint("n", i)
		switch w.rnd.IntN(12) {
		case 0:
			id = fmt.Sprintf("recovered/conversation/1/%d/x", i)
		case 1:
			id = fmt.Sprintf("o'%%_%d", i)
		case 2:
			id = fmt.Sprint(1 + w.rnd.IntN(n)) // as the number of an event
		}
		ev := event.Event{
			ID: id, Workspace: one(w.rnd, someWorkspaces), Topic: one(w.rnd, someTopics), Subject: one(w.rnd, someSubjects),
			CreatedAt: at.Add(-time.Hour), ReceivedAt: at.Add(-time.Duration(w.rnd.IntN(300)) * time.Second), Payload: []byte(`{"n":` + fmt.Sprint(i) + `}`),
		}
		if w.rnd.IntN(2) == 0 {
			ev.Part = fmt.Sprint("p", i/3)
		}
		if _, err := s.Put(t.Context(), ev); err != nil {
			t.Fatal(err)
		}
		w.events = append(w.events, &past{ev: ev, waiting: true})
	}
	w.decide(t, s)
	w.act(t, s)
	w.read(t, s)
	return w
}

// decide decides the events of nearly all subjects.
func (w *world) decide(t *testing.T, s *store.Store) {
	t.Helper()
	for {
		claims, err := s.Claim(t.Context(), store.LaneEvents, "", 100, time.Now(), time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		if len(claims) == 0 {
			return
		}
		for _, c := range claims {
			list, err := s.PendingEvents(t.Context(), c, 10_000)
			if err != nil {
				t.Fatal(err)
			}
			for i, ev := range list {
				if last := i == len(list)-1; c.Subject == "conversation/3" && last {
					break // waits under its claim
				}
				w.clock = w.clock.Add(time.Duration(w.rnd.IntN(90)) * time.Second)
				d := w.decision(ev)
				w.named(ev).decision = d
				trace, err := json.Marshal(d)
				if err != nil {
					t.Fatal(err)
				}
				row := store.Decision{Seq: ev.Seq, At: d.At, Ruleset: "r", Trace: trace, Runs: runsOf(d)}
				if err := s.SaveDecision(t.Context(), c, row, i == len(list)-1); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}

func (w *world) named(ev event.Event) *past {
	i := slices.IndexFunc(w.events, func(p *past) bool { return p.ev.ID == ev.ID && p.ev.Workspace == ev.Workspace })
	return w.events[i]
}

// decision is one at random.
func (w *world) decision(ev event.Event) *rules.Decision {
	d := &rules.Decision{Event: ev.ID, At: w.clock, Total: len(someRules)}
	if w.rnd.IntN(8) == 0 {
		d.Own, d.OwnReason = rules.OwnYes, "it made the part"
	}
	for _, name := range someRules {
		o := rules.Outcome{Rule: name, File: "rules.yaml", Line: 3, Verdict: one(w.rnd, rules.Verdicts()), Reason: "because"}
		plan := []rules.Planned{
			{Kind: one(w.rnd, someKinds), Params: json.RawMessage(`{"tags":["<Refund>"]}`), Summary: "tag <Refund>"},
			{Kind: "note", Params: json.RawMessage(`{"body":"x"}`), Summary: "note x"},
		}
		switch {
		case w.rnd.IntN(3) == 0:
			continue // not asked
		case o.Verdict == rules.Ran:
			o.Actions = plan
		case o.Verdict == rules.HeldBack:
			if o.HeldBy = one(w.rnd, rules.Holders()); o.HeldBy == rules.HeldByShadow && w.rnd.IntN(2) == 0 {
				o.Would = plan
			}
		}
		d.Rules = append(d.Rules, o)
	}
	return d
}

func runsOf(d *rules.Decision) (list []store.Run) {
	for _, o := range d.Rules {
		if o.Verdict == rules.Ran {
			r := store.Run{Rule: o.Rule}
			for _, a := range o.Actions {
				r.Actions = append(r.Actions, store.PlannedAction{Kind: a.Kind, Params: a.Params})
			}
			list = append(list, r)
		}
	}
	return list
}

// act has some of the actions of each subject end.
func (w *world) act(t *testing.T, s *store.Store) {
	t.Helper()
	claims, err := s.Claim(t.Context(), store.LaneActions, "", 100, time.Now(), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range claims {
		for range 1 + w.rnd.IntN(20) {
			a, ok, err := s.NextAction(t.Context(), c)
			if err != nil || !ok {
				break
			}
			state := one(w.rnd, []store.ActionState{store.StateDone, store.StateDone, store.StateDead, store.StateParked})
			if err := s.FinishAttempt(t.Context(), c, store.AttemptEnd{
				Action: a, State: state, Attempts: 1, DueAt: a.DueAt, Started: a.PlannedAt, Finished: a.PlannedAt.Add(time.Second),
				Result: "done", Error: one(w.rnd, someErrors), Detail: "did it",
			}); err != nil {
				t.Fatal(err)
			}
		}
		if a, ok, err := s.NextAction(t.Context(), c); err == nil && ok {
			if err := s.BeginAttempt(t.Context(), c, a.ID, a.PlannedAt, time.Time{}); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// read completes the list with what the store has given numbers to. An event that came twice is there once, and one that was recovered not
// if its notification came.
func (w *world) read(t *testing.T, s *store.Store) {
	t.Helper()
	seen := map[int64]bool{}
	kept := w.events[:0]
	for _, p := range w.events {
		ev, ok, err := s.Named(t.Context(), p.ev.Workspace, p.ev.ID)
		if err != nil {
			t.Fatal(err)
		}
		if !ok || seen[ev.Seq] {
			continue
		}
		seen[ev.Seq] = true
		p.ev.Seq, p.waiting = ev.Seq, p.decision == nil
		if p.actions, err = s.ActionsOf(t.Context(), ev.Seq); err != nil {
			t.Fatal(err)
		}
		kept = append(kept, p)
	}
	w.events = kept
	slices.SortFunc(w.events, func(a, b *past) int { return int(b.ev.Seq - a.ev.Seq) })
}

// meant are the events that a request is for, found by looking at each.
func (w *world) meant(r operations.EventsRequest) (seqs []int64) {
	byPart := true
	for _, p := range w.events {
		byPart = byPart && (!names(p, r.Text) || !within(r.Workspace, p.ev.Workspace))
	}
	for _, p := range w.events {
		if within(r.Workspace, p.ev.Workspace) && within(r.Subject, p.ev.Subject) && likePattern(r.Topic, p.ev.Topic) &&
			(r.Text == "" || !byPart && names(p, r.Text) || byPart && p.ev.Part == r.Text) &&
			(r.Since.IsZero() || !p.ev.ReceivedAt.Before(r.Since)) && (r.Until.IsZero() || p.ev.ReceivedAt.Before(r.Until)) &&
			cameOut(p, r.Rule, r.Outcome) {
			seqs = append(seqs, p.ev.Seq)
		}
	}
	return seqs
}

func within(want, have string) bool { return want == "" || want == have }

func names(p *past, text string) bool {
	_, id, _ := strings.Cut(p.ev.Subject, "/")
	return text == fmt.Sprint(p.ev.Seq) || text == p.ev.ID || text == p.ev.Subject || text == id && !strings.HasPrefix(p.ev.Subject, "article/")
}

func likePattern(pattern, topic string) bool {
	before, after, star := strings.Cut(pattern, "*")
	if !star {
		return within(pattern, topic)
	}
	return len(topic) >= len(before)+len(after) && strings.HasPrefix(topic, before) && strings.HasSuffix(topic, after)
}

func cameOut(p *past, rule, outcome string) bool {
	if rule == "" && outcome == "" {
		return true
	}
	return p.decision != nil && slices.ContainsFunc(p.decision.Rules, func(o rules.Outcome) bool {
		return within(rule, o.Rule) && (outcome == o.Result() || outcome == "" && o.Verdict != rules.DidNotMatch)
	})
}

// request is one at random.
func (w *world) request() (r operations.EventsRequest) {
	maybe := func(n int) bool { return w.rnd.IntN(n) == 0 }
	r.Limit = 1 + w.rnd.IntN(60)
	if maybe(3) {
		r.Workspace = one(w.rnd, append(someWorkspaces, "none"))
	}
	if maybe(3) {
		r.Topic = one(w.rnd, append(someTopics, "conversation.*", "*.replied", "conversation.*.replied", "*", "100%*", "%", "_*", "*'"))
	}
	if maybe(3) {
		r.Subject = one(w.rnd, append(someSubjects, "conversation/%", "' OR 1=1 --"))
	}
	if maybe(2) {
		r.Rule = one(w.rnd, append(someRules, "%", "nobody's"))
	}
	if maybe(2) {
		r.Outcome = one(w.rnd, rules.Results())
	}
	if maybe(4) {
		p := one(w.rnd, w.events)
		r.Text = one(w.rnd, []string{p.ev.ID, fmt.Sprint(p.ev.Seq), p.ev.Part, p.ev.Subject, "1", "7", "a'b", "%", "p%", "-1", "9999999999999999999", "é"})
	}
	from, to := one(w.rnd, w.events).ev.ReceivedAt, one(w.rnd, w.events).ev.ReceivedAt
	if maybe(4) {
		r.Since = from
	}
	if maybe(4) {
		r.Until = to
	}
	return r
}

// TestEvents: whatever is asked, the pages together hold what a look at each event finds, each once, and each row
// says what became of its event.
func TestEvents(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, 7, 250)
		byNumber := map[int64]*past{}
		for _, p := range w.events {
			byNumber[p.ev.Seq] = p
		}
		for range 200 {
			r := w.request()
			want, got := w.meant(r), []int64(nil)
			for r.Before = 0; ; {
				page, err := reader.Events(t.Context(), s, r)
				if err != nil {
					t.Fatalf("%+v: %v", r, err)
				}
				if len(page.Events) > r.Limit {
					t.Fatalf("%+v: %d events on a page", r, len(page.Events))
				}
				for _, row := range page.Events {
					got = append(got, row.Seq)
					checkRow(t, row, byNumber[row.Seq])
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

func checkRow(t *testing.T, row operations.EventRow, p *past) {
	t.Helper()
	counts := map[store.ActionState]int{}
	for _, a := range p.actions {
		counts[a.State]++
	}
	asked, outcomes := 0, []string{}
	if p.decision != nil {
		asked = len(p.decision.Rules)
		for _, o := range p.decision.Rules {
			if o.Verdict != rules.DidNotMatch {
				outcomes = append(outcomes, o.Rule+" "+o.Result()+" "+o.HeldBy)
			}
		}
	}
	got := []string{}
	for _, o := range row.Rules {
		got = append(got, o.Rule+" "+o.Outcome+" "+o.HeldBy)
	}
	if row.ID != p.ev.ID || row.Topic != p.ev.Topic || row.Part != p.ev.Part || !row.ReceivedAt.Equal(p.ev.ReceivedAt) || !row.HappenedAt.Equal(p.ev.CreatedAt) ||
		row.Waiting != p.waiting || row.DecidedAt.IsZero() != p.waiting || row.Asked != asked || !slices.Equal(got, outcomes) ||
		!maps.Equal(row.Actions, counts) || (row.Kind == operations.KindRecovered) != p.ev.Recovered() {
		t.Fatalf("row %+v\nof %+v", row, p)
	}
}
