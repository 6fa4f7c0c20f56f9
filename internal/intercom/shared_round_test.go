package intercom

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// ledger is a shared state in the hand, for rounds one by one. The replicas' machine and the state go
// by the same clock here.
type ledger struct {
	t    *testing.T
	text []byte
	now  time.Time
}

// newLedger has a state that knows its window: of limit calls one is used, by replica "first".
func newLedger(t *testing.T, limit int) *ledger {
	d := &ledger{t: t, now: time.UnixMicro(1_700_000_000_000_000)}
	r := d.round("first", 1, PriorityAction, 1)
	res := d.apply(r)
	if res.granted[PriorityAction] != 1 {
		t.Fatalf("granted %v, want one call to begin with", res.granted)
	}
	r = d.round("first", 2, PriorityAction, 0)
	r.grants[1] = true
	r.reports = []lateReport{d.report(1, 1, answered(limit, limit-1, 1_700_000_010, 10*time.Second, d.now))}
	d.apply(r)
	return d
}

func (d *ledger) round(replica string, grant uint64, p Priority, n int) *round {
	r := &round{replica: replica, share: 1, life: 32 * time.Second, grant: grant, grants: map[uint64]bool{}, before: d.now}
	r.waiting[p] = n
	return r
}

func (d *ledger) report(number, grant uint64, u Usage) lateReport {
	u.permit = &permit{grant: grant, taken: d.now, at: d.now}
	return lateReport{number: number, usage: u, at: d.now}
}

func (d *ledger) apply(r *round) roundResult {
	d.t.Helper()
	next, res, err := r.apply(d.text, d.now)
	if err != nil {
		d.t.Fatal(err)
	}
	if next != nil {
		d.text = next
	}
	return res
}

func (d *ledger) state() sharedState {
	d.t.Helper()
	s, err := readState(d.text)
	if err != nil {
		d.t.Fatal(err)
	}
	return s
}

func TestRound_I5_a_report_is_accounted_for_once(t *testing.T) {
	d := newLedger(t, 100)
	if res := d.apply(d.round("a", 1, PriorityAction, 5)); res.granted[PriorityAction] != 5 {
		t.Fatalf("granted %v", res.granted)
	}
	for range 3 { // the commit of the first was in doubt
		r := d.round("a", 2, PriorityAction, 0)
		r.grants[1] = true
		r.reports = []lateReport{d.report(1, 1, answered(100, 98, 1_700_000_010, 10*time.Second, d.now))}
		d.apply(r)
	}
	if s := d.state(); s.Machine.InFlight != 4 || len(s.Flights) != 1 || s.Flights[0].Calls != 4 {
		t.Errorf("in flight %d, flights %+v; want 4 of the five", s.Machine.InFlight, s.Flights)
	}
}

func TestRound_I5_calls_that_were_granted_in_a_lost_round_are_given_back(t *testing.T) {
	d := newLedger(t, 100)
	d.apply(d.round("a", 1, PriorityAction, 5)) // kept, but the replica heard of an error
	r := d.round("a", 2, PriorityAction, 2)
	r.grants[1] = false
	res := d.apply(r)
	if s := d.state(); s.Machine.InFlight != 2 || s.Machine.Ours != 3 || res.granted[PriorityAction] != 2 {
		t.Errorf("in flight %d, ours %d, granted %v; want the two of the second round, and the one before", s.Machine.InFlight, s.Machine.Ours, res.granted)
	}
}

func TestRound_I5_calls_of_a_dead_replica_end_and_may_have_been_counted(t *testing.T) {
	d := newLedger(t, 20)
	d.apply(d.round("dead", 1, PriorityAction, 12))
	d.now = d.now.Add(31 * time.Second)
	d.apply(d.round("a", 1, PriorityAction, 1))
	if n := d.state().Machine.InFlight; n != 13 {
		t.Errorf("%d in flight, want the 12 of the dead replica still reckoned with", n)
	}
	d.now = d.now.Add(2 * time.Second)
	r := d.round("a", 2, PriorityAction, 20)
	r.grants[1] = true
	res := d.apply(r)
	s := d.state()
	blind := int64(0)
	for _, run := range s.Machine.Blind {
		blind += run[1]
	}
	if got := res.granted[PriorityAction]; blind != 12 || got > 20-12-1 || len(s.Flights) > 2 {
		t.Errorf("%d not accounted for, %d granted, flights %+v; want 12 calls left for those of the dead replica", blind, got, s.Flights)
	}
	// Two windows later they count no more.
	d.now = d.now.Add(20 * time.Second)
	r = d.round("a", 3, PriorityAction, 20)
	r.grants[1], r.grants[2] = false, false
	if got := d.apply(r).granted[PriorityAction]; got < 19 {
		t.Errorf("%d granted two windows later, want nearly all 20", got)
	}
}

func TestRound_less_urgent_calls_leave_some_for_more_urgent_ones_of_other_replicas(t *testing.T) {
	d := newLedger(t, 20)
	d.apply(d.round("a", 1, PriorityAction, 50)) // all there are
	d.apply(d.round("b", 1, PriorityReply, 15))
	d.now = d.now.Add(2 * time.Second)
	d.apply(d.round("b", 2, PriorityReply, 15)) // still there
	// What a took was never sent, so there is something for one of them.
	if got := d.apply(d.round("a", 2, PriorityBackground, 50)).granted[PriorityBackground]; got > 4 {
		t.Errorf("%d of 19 calls granted to sweeps with 15 replies waiting elsewhere", got)
	}
	// Nobody has heard of b since: it may be dead.
	d.now = d.now.Add(demandLasts + time.Millisecond)
	r := d.round("a", 3, PriorityBackground, 50)
	r.grants[2] = true
	if got := d.apply(r).granted[PriorityBackground]; got < 10 {
		t.Errorf("%d granted to sweeps when the other replica is silent", got)
	}
}

func TestRound_I5_a_clock_that_is_set_back_stops_nothing_for_long(t *testing.T) {
	d := newLedger(t, 20)
	d.apply(d.round("a", 1, PriorityAction, 5))
	d.now = d.now.Add(-time.Hour)
	r := d.round("a", 2, PriorityAction, 9)
	r.grants[1] = true
	if got := d.apply(r).granted[PriorityAction]; got != 0 {
		t.Errorf("%d granted beside those in flight, before an answer told of the window", got)
	}
	r = d.round("a", 3, PriorityAction, 9)
	r.grants[1] = true
	for n := range uint64(5) {
		r.reports = append(r.reports, d.report(n+1, 1, answered(20, 15, 1_699_996_410, 10*time.Second, d.now)))
	}
	if got := d.apply(r).granted[PriorityAction]; got == 0 {
		t.Error("nothing granted after the answers")
	}
	if end := fromMicros(d.state().Machine.End); end.Sub(d.now) > windowLength {
		t.Errorf("the window ends in %v", end.Sub(d.now))
	}
}

func TestRound_I5_after_a_long_rest_one_call_finds_out(t *testing.T) {
	d := newLedger(t, 100)
	d.now = d.now.Add(time.Hour)
	if got := d.apply(d.round("a", 1, PriorityAction, 9)).granted[PriorityAction]; got != 1 {
		t.Errorf("%d granted, want 1", got)
	}
}

func TestRound_writes_nothing_when_nothing_changes(t *testing.T) {
	d := newLedger(t, 100)
	next, _, err := d.round("a", 1, PriorityAction, 0).apply(d.text, d.now)
	if err != nil || next != nil {
		t.Errorf("next %s, err %v", next, err)
	}
}

func TestReadState_refuses_what_it_cannot_know(t *testing.T) {
	for text, want := range map[string]string{
		`{"v":2,"machine":{"limit":"many"}}`: "form 2 and this program knows form 1",
		`{"v":1,"machine":{}}`:               "no limit",
		`nonsense`:                           "cannot be read",
	} {
		if _, err := readState([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

func TestMachineState_keeps_everything(t *testing.T) {
	at := func(n int64) time.Time { return time.UnixMicro(1_700_000_000_000_000 + n*1_000_000) }
	m := machine{
		share: 0.5, inFlight: 3, probing: true, probedAt: at(1), paused: at(2), strikes: 4, trouble: "why",
		win: window{
			limit: 5, learned: true, limitAt: at(3), id: 6, sure: true, since: at(4), start: at(5), end: at(6),
			used: 7, ours: 8, carried: 9, blind: []time.Time{at(7), at(7), at(8)}, others: 10, before: 11, watched: true,
		},
	}
	s := m.state()
	if got := s.machine(0.5); fmt.Sprint(got) != fmt.Sprint(m) {
		t.Errorf("read back\n%+v, want\n%+v", got, m)
	}
}
