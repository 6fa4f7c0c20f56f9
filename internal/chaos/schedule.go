package chaos

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// Trouble is a kind of fault.
type Trouble string

// The troubles. Those of replicas strike one of them; those of Intercom and the network all.
const (
	Kill          Trouble = "kill"               // as SIGKILL, and started again after a while
	KillBefore    Trouble = "kill before a call" // right before the next call that people would see is sent
	KillUnheard   Trouble = "kill after effect"  // when it has had its effect, before the answer is heard
	KillUnwritten Trouble = "kill before record" // when the answer was heard, before that is recorded
	Restart       Trouble = "restart"            // as SIGTERM, and started again at once
	Reload        Trouble = "reload"             // the rules file changes
	Rolling       Trouble = "rolling restart"    // all are restarted one after the other, with other rules
	Pause         Trouble = "pause"              // as SIGSTOP, and SIGCONT after a while
	PauseBefore   Trouble = "pause before a call"

	Flaky   Trouble = "flaky"   // calls fail before their effect or after it
	Refuse  Trouble = "refuse"  // one reply or note is refused for good
	Storm   Trouble = "storm"   // another app uses the rate limit up
	Outage  Trouble = "outage"  // Intercom's API is down
	Revoked Trouble = "revoked" // the token is refused
	Lag     Trouble = "lag"     // answers are slow
	Backlog Trouble = "held up" // notifications are held back and come the newest first

	SlowDisk     Trouble = "slow database"
	BreakCommit  Trouble = "lost commit"    // the answer to a commit is lost, or the commit fails
	BreakSession Trouble = "broken session" // connections break in the midst of a transaction
	NoDatabase   Trouble = "no database"    // it cannot be reached, or written
	Jump         Trouble = "clock jump"     // the machine's clock is set
)

// Fault is one trouble at a time of the schedule.
type Fault struct {
	Trouble Trouble
	At, For time.Duration
	Replica int
	// Rate is the share of calls that a flaky time strikes, Kinds how.
	Rate  float64 // and of a broken commit, whether it takes place (from 0.5 on)
	Kinds []string
	By    time.Duration // how far a clock jumps, or how slow it is
}

// Deed is something that a person does.
type Deed struct {
	At           time.Duration
	What         string // starts, writes, answers, assigns, snoozes, closes
	Conversation int    // counted from 0
	Text         string
}

// Schedule is a whole run: what people do and what goes wrong, when. The seed alone determines it.
type Schedule struct {
	Seed       uint64
	Replicas   int // 1: SQLite
	Length     time.Duration
	RateLimit  int // calls of a window; 0 is Intercom's default
	Duplicates float64
	Jitter     time.Duration
	Deeds      []Deed
	Faults     []Fault
}

// Shape is what a schedule is drawn for.
type Shape struct {
	Replicas      int
	Length        time.Duration
	Conversations int
	Messages      int // of each conversation
	Faults        int
	// Troubles are those to draw from; nil means all that fit.
	Troubles []Trouble
	// RateLimit of the workspace; 0 draws between plenty and little.
	RateLimit int
}

var (
	troublesOfAll = []Trouble{
		Kill, Kill, KillBefore, KillUnheard, KillUnwritten, Restart, Reload, Flaky, Flaky, Flaky, Refuse, Storm, Outage, Revoked, Lag, Backlog,
		SlowDisk, BreakCommit, BreakSession, NoDatabase,
	}
	troublesOfFile     = []Trouble{Jump}
	troublesOfReplicas = []Trouble{Pause, Pause, PauseBefore, Rolling}
	waysToFail         = []string{"fail_before", "fail_after", "reset_before", "reset_after", "hang_before", "hang_after", "bad_json", "truncated", "empty_body"}
)

// Draw makes the schedule of a seed.
func Draw(seed uint64, shape Shape) Schedule {
	r := rand.New(rand.NewPCG(seed, 0x63_68_61_6f_73)) //nolint:gosec // it must be repeatable, not secret
	s := Schedule{Seed: seed, Replicas: shape.Replicas, Length: shape.Length, RateLimit: shape.RateLimit}
	if limit := []int{0, 60, 30}[r.IntN(3)]; s.RateLimit == 0 {
		s.RateLimit = limit
	}
	s.Duplicates = []float64{0, 0.1, 0.3}[r.IntN(3)]
	s.Jitter = []time.Duration{0, 0, 2 * time.Second}[r.IntN(3)]
	for c := range shape.Conversations {
		s.drawDeeds(r, c, shape.Messages)
	}
	troubles := shape.Troubles
	if troubles == nil {
		own := troublesOfFile
		if shape.Replicas > 1 {
			own = troublesOfReplicas
		}
		troubles = slices.Concat(troublesOfAll, own)
	}
	for range shape.Faults {
		s.Faults = append(s.Faults, s.drawFault(r, troubles[r.IntN(len(troubles))]))
	}
	slices.SortStableFunc(s.Deeds, func(a, b Deed) int { return cmp.Compare(a.At, b.At) })
	slices.SortStableFunc(s.Faults, func(a, b Fault) int { return cmp.Compare(a.At, b.At) })
	return s
}

// drawDeeds makes the life of a conversation.
func (s *Schedule) drawDeeds(r *rand.Rand, conversation, messages int) {
	at := between(r, 0, s.Length/4)
	add := func(what, text string) {
		s.Deeds = append(s.Deeds, Deed{At: at, What: what, Conversation: conversation, Text: text})
		at += between(r, 50*time.Millisecond, 2*(s.Length-at)/time.Duration(messages+1))
	}
	add("starts", fmt.Sprintf("hello from %d", conversation))
	closed := false
	for n := range messages {
		switch k := r.IntN(10); {
		case k < 6:
			add("writes", fmt.Sprintf("message %d of %d", n, conversation))
		case k < 8:
			add("answers", fmt.Sprintf("answer %d of %d", n, conversation))
		case k == 8 && !closed:
			closed = true
			add("closes", "")
		default:
			add([]string{"assigns", "snoozes"}[r.IntN(2)], "")
		}
	}
}

func (s *Schedule) drawFault(r *rand.Rand, trouble Trouble) Fault {
	f := Fault{Trouble: trouble, At: between(r, s.Length/20, s.Length), Replica: r.IntN(s.Replicas), For: between(r, 5*time.Second, 90*time.Second)}
	switch trouble {
	case Kill, KillBefore, KillUnheard, KillUnwritten:
		f.For = between(r, time.Second, 60*time.Second) // until it starts again
	case Restart, Reload, Rolling:
		f.For = 0
	case BreakCommit, BreakSession:
		f.For, f.Rate = 0, r.Float64()
	case Refuse:
		f.For = 30 * time.Second
	case Pause, PauseBefore:
		f.For = between(r, 5*time.Second, 100*time.Second)
	case Flaky:
		f.Rate = 0.1 + 0.8*r.Float64()
		for range 1 + r.IntN(3) {
			f.Kinds = append(f.Kinds, waysToFail[r.IntN(len(waysToFail))])
		}
	case Outage:
		f.For = between(r, 30*time.Second, 4*time.Minute)
	case Lag:
		f.By = between(r, time.Second, 6*time.Second)
	case SlowDisk:
		f.By = between(r, 5*time.Millisecond, 300*time.Millisecond)
	case NoDatabase:
		f.For = between(r, 2*time.Second, 60*time.Second)
	case Jump:
		f.By = -between(r, time.Second, 20*time.Minute)
	case Storm, Revoked, Backlog:
	}
	return f
}

func between(r *rand.Rand, least, most time.Duration) time.Duration {
	if most <= least {
		return least
	}
	return (least + time.Duration(r.Int64N(int64(most-least)))).Round(time.Millisecond)
}

// Without is the schedule less one fault, for making a failing one smaller.
func (s Schedule) Without(fault int) Schedule {
	s.Faults = slices.Delete(slices.Clone(s.Faults), fault, fault+1)
	return s
}

// Has tells whether a trouble occurs.
func (s Schedule) Has(troubles ...Trouble) bool {
	return slices.ContainsFunc(s.Faults, func(f Fault) bool { return slices.Contains(troubles, f.Trouble) })
}

func (s Schedule) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d: %d replicas, %s, %d deeds, rate limit %d, duplicates %.0f%%, jitter %s\n",
		s.Seed, s.Replicas, s.Length, len(s.Deeds), s.RateLimit, 100*s.Duplicates, s.Jitter)
	for i, f := range s.Faults {
		fmt.Fprintf(&b, "  fault %-2d %9s  %s\n", i, f.At, f)
	}
	return b.String()
}

func (f Fault) String() string {
	text := string(f.Trouble)
	switch f.Trouble {
	case Kill, KillBefore, KillUnheard, KillUnwritten, Restart, Pause, PauseBefore, SlowDisk, BreakCommit, BreakSession, NoDatabase, Jump:
		text += fmt.Sprintf(" of replica %d", f.Replica)
	case Flaky:
		text += fmt.Sprintf(": %.0f%% of calls %s", 100*f.Rate, strings.Join(f.Kinds, ", "))
	default:
	}
	if f.By != 0 {
		text += fmt.Sprint(" by ", f.By)
	}
	if f.For != 0 {
		text += fmt.Sprint(" for ", f.For)
	}
	return text
}
