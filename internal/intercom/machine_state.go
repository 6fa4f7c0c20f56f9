package intercom

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// stateVersion is the form of sharedState. One that a running replica cannot read stops it from
// sending, so it changes only when the meaning does; new fields that may be absent need no change.
const stateVersion = 1

// sharedState is a budget that several replicas share, as it is written down. All times are on the
// clock of whoever keeps it, in microseconds.
type sharedState struct {
	Version  int                   `json:"v"`
	At       int64                 `json:"at"` // of the last change
	Machine  machineState          `json:"machine"`
	Flights  []flight              `json:"flights,omitempty"`
	Replicas map[string]replicaUse `json:"replicas,omitempty"`
}

// flight is a grant: calls that a replica was allowed at once, and has not reported yet.
type flight struct {
	Replica string `json:"r"`
	Grant   uint64 `json:"g"`
	Calls   int    `json:"n"`
	At      int64  `json:"at"`
}

// replicaUse is what the others must know of a replica.
type replicaUse struct {
	Seen     int64  `json:"seen"`
	Reported uint64 `json:"rep"` // the last report that was accounted for
	// Waiting is how many calls wait, by priority.
	Waiting [PriorityReply + 1]int `json:"wait"`
}

// machineState is a machine, without the share, which is a setting.
type machineState struct {
	Limit    int        `json:"limit"`
	Learned  bool       `json:"learned,omitempty"`
	LimitAt  int64      `json:"limit_at,omitempty"`
	ID       int64      `json:"id,omitempty"`
	Sure     bool       `json:"sure,omitempty"`
	Since    int64      `json:"since,omitempty"`
	Start    int64      `json:"start"`
	End      int64      `json:"end"`
	Used     int        `json:"used"`
	Ours     int        `json:"ours"`
	Carried  int        `json:"carried,omitempty"`
	Blind    [][2]int64 `json:"blind,omitempty"` // a time, and how many calls ended then
	Others   int        `json:"others,omitempty"`
	Before   int        `json:"before,omitempty"`
	Watched  bool       `json:"watched,omitempty"`
	InFlight int        `json:"in_flight"`
	Probing  bool       `json:"probing,omitempty"`
	ProbedAt int64      `json:"probed_at,omitempty"`
	Paused   int64      `json:"paused,omitempty"`
	Strikes  int        `json:"strikes,omitempty"`
	Trouble  string     `json:"trouble,omitempty"`
}

// micros and fromMicros write times down; the zero time is 0.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func fromMicros(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.UnixMicro(n)
}

// blindGrain is how exactly the ends of calls are written down that no answer accounted for, so
// that a thousand of them stay a short text.
const blindGrain = int64(10 * time.Millisecond / time.Microsecond)

func (m *machine) state() machineState {
	w := &m.win
	s := machineState{
		Limit: w.limit, Learned: w.learned, LimitAt: micros(w.limitAt),
		ID: w.id, Sure: w.sure, Since: micros(w.since), Start: micros(w.start), End: micros(w.end),
		Used: w.used, Ours: w.ours, Carried: w.carried, Others: w.others, Before: w.before, Watched: w.watched,
		InFlight: m.inFlight, Probing: m.probing, ProbedAt: micros(m.probedAt), Paused: micros(m.paused),
		Strikes: m.strikes, Trouble: m.trouble,
	}
	for _, at := range w.blind {
		// Later rather than earlier: an answer accounts only for what ended before its call.
		n := (micros(at) + blindGrain - 1) / blindGrain * blindGrain
		if last := len(s.Blind) - 1; last >= 0 && s.Blind[last][0] == n {
			s.Blind[last][1]++
		} else {
			s.Blind = append(s.Blind, [2]int64{n, 1})
		}
	}
	return s
}

func (s *machineState) machine(share float64) machine {
	m := newMachine(share)
	m.win = window{
		limit: s.Limit, learned: s.Learned, limitAt: fromMicros(s.LimitAt),
		id: s.ID, sure: s.Sure, since: fromMicros(s.Since), start: fromMicros(s.Start), end: fromMicros(s.End),
		used: s.Used, ours: s.Ours, carried: s.Carried, others: s.Others, before: s.Before, watched: s.Watched,
	}
	for _, run := range s.Blind {
		for range run[1] {
			m.win.blind = append(m.win.blind, fromMicros(run[0]))
		}
	}
	m.inFlight, m.probing, m.probedAt, m.paused = s.InFlight, s.Probing, fromMicros(s.ProbedAt), fromMicros(s.Paused)
	m.strikes, m.trouble = s.Strikes, s.Trouble
	return m
}

// readState reads what was written down; nothing was when text is empty.
func readState(text []byte) (sharedState, error) {
	s := sharedState{Version: stateVersion, Machine: machineState{Limit: defaultLimit}}
	if len(text) > 0 {
		var form struct {
			Version int `json:"v"`
		}
		if err := json.Unmarshal(text, &form); err != nil {
			return s, fmt.Errorf("the shared budget cannot be read: %w", err)
		}
		if form.Version != stateVersion {
			return s, fmt.Errorf("the shared budget has form %d and this program knows form %d: run the same version on all replicas", form.Version, stateVersion)
		}
		s.Machine.Limit = 0
		if err := json.Unmarshal(text, &s); err != nil {
			return s, fmt.Errorf("the shared budget cannot be read: %w", err)
		}
		if s.Machine.Limit < 1 {
			return s, errors.New("the shared budget cannot be read: it has no limit")
		}
	}
	if s.Replicas == nil {
		s.Replicas = map[string]replicaUse{}
	}
	return s, nil
}
