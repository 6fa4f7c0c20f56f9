package rules

import (
	"encoding/json"
	"time"
)

// Decision is the outcome of evaluating a ruleset on one event's facts. Encoded as JSON it
// holds all that is needed to explain it later, and to make it again from the stored event.
type Decision struct {
	// Ruleset is the hash of the ruleset.
	Ruleset string `json:"ruleset"`
	// Event is the id of the event.
	Event string `json:"event"`
	// At is the time that now() gave.
	At time.Time `json:"at"`
	// Own tells whether Switchboard itself caused the event: OwnYes, OwnNo, or empty when no rule
	// listened and nobody asked.
	Own string `json:"own,omitempty"`
	// OwnReason says how that is known, if it is OwnYes.
	OwnReason string `json:"own_reason,omitempty"`
	// Considered is how many rules listen to the event's topic, Total how many there are.
	Considered int `json:"considered"`
	Total      int `json:"total"`
	// Rules are the outcomes of the rules that listen to the topic, in order. They end
	// behind a rule with `stop: true` that ran.
	Rules []Outcome `json:"rules,omitempty"`
	// Timers are what the event did to timers on its subject.
	Timers []TimerChange `json:"timers,omitempty"`
	// Cancels is what this event cancels, from now on: timers whose own event arrives only later,
	// although it happened before.
	Cancels []Cancel `json:"cancels,omitempty"`
	// Lookups are the objects that were looked up, by the key of the question, such as
	// "contact/5f2b": as they were answered, null for what does not exist.
	Lookups map[string]json.RawMessage `json:"lookups,omitempty"`
	// Unavailable are the look-ups that Intercom refused for good, and why.
	Unavailable map[string]string `json:"unavailable,omitempty"`
	// Recalled is what rules remembered, where they were asked and remembered something.
	Recalled []Recalled `json:"recalled,omitempty"`
	// Waiting are the timers that waited on the subject, if that was asked, and Cancelled what had
	// cancelled timers there.
	Waiting   []Timer  `json:"waiting,omitempty"`
	Cancelled []Cancel `json:"cancelled,omitempty"`
	// Replay is what was known of a replayed event.
	Replay *Replay `json:"replay,omitempty"`
}

// What Decision.Own says.
const (
	OwnYes = "yes"
	OwnNo  = "no"
)

// Verdict is what became of a rule: see Verdicts for all values.
type Verdict string

// The verdicts.
const (
	// Ran: the rule matched and its actions are planned.
	Ran Verdict = "ran"
	// DidNotMatch: somebody else acted than the rule listens to, it applies at another time
	// (during, outside), or a condition is false.
	DidNotMatch Verdict = "did_not_match"
	// HeldBack: the rule was not to run now; Outcome.HeldBy says what held it.
	HeldBack Verdict = "held_back"
	// Failed: something went wrong while evaluating or planning it; nothing is done.
	Failed Verdict = "failed"
)

// Verdicts are all verdicts.
func Verdicts() []Verdict { return []Verdict{Ran, DidNotMatch, HeldBack, Failed} }

// WouldHaveRun is the result of a rule in shadow that is held back by nothing else.
const WouldHaveRun = "would_have_run"

// Results are all values of Outcome.Result.
func Results() []string {
	list := []string{WouldHaveRun}
	for _, v := range Verdicts() {
		list = append(list, string(v))
	}
	return list
}

// Result is the verdict, but for a rule in shadow that would have run: WouldHaveRun. It is a label of metrics.
func (o *Outcome) Result() string {
	if o.HeldBy == HeldByShadow && len(o.Would) > 0 {
		return WouldHaveRun
	}
	return string(o.Verdict)
}

// What holds a rule back.
const (
	HeldByOff      = "off"      // state: off; not evaluated
	HeldByOwnWork  = "own_work" // Switchboard did it itself; not evaluated
	HeldByPart     = "part"     // it matched, and ran already on what the same person did
	HeldByOnce     = "once"     // it matched, and ran already for this conversation or contact
	HeldByCooldown = "cooldown" // it matched, and ran for this conversation or contact not long ago
	HeldByLimit    = "limit"    // it matched, and ran as often as it may for now
	HeldByBreaker  = "breaker"  // it matched, and there were as many actions on the subject as there may be in an hour
	HeldByTimer    = "timer"    // it waits (after); Outcome.Until says until when
	HeldByLate     = "late"     // its time was too long ago when it could be decided (if_late)
	HeldByReplay   = "replay"   // the event is replayed, and it acted on it before, waits (after) or is not asked
	HeldByShadow   = "shadow"   // state: shadow; it would have run, or the reason says what would have held it
)

// Holders are all that can hold a rule back.
func Holders() []string {
	return []string{
		HeldByOff, HeldByOwnWork, HeldByPart, HeldByOnce, HeldByCooldown, HeldByLimit, HeldByBreaker, HeldByTimer, HeldByLate, HeldByReplay, HeldByShadow,
	}
}

// Outcome is what became of one rule.
type Outcome struct {
	Rule    string  `json:"rule"`
	File    string  `json:"file"`
	Line    int     `json:"line"`
	Verdict Verdict `json:"verdict"`
	HeldBy  string  `json:"held_by,omitempty"`
	// Reason says for people what decided. It holds no customer's words.
	Reason string `json:"reason,omitempty"`
	// Until is when the timer, the cooldown or the limit ends that holds the rule.
	Until time.Time `json:"until,omitzero"`
	// Remember are the quotas that this run uses, to be counted in the transaction that stores
	// the decision, for State.Recall. Only a rule that ran has any.
	Remember []Quota `json:"remember,omitempty"`
	// Actions are to be done, in order. Only a rule that ran has any.
	Actions []Planned `json:"actions,omitempty"`
	// Would are the actions of a shadow rule: what it would have done.
	Would []Planned `json:"would,omitempty"`
	// Stop tells that the rule ended the evaluation.
	Stop bool `json:"stop,omitempty"`
}

// Planned is one action with concrete parameters.
type Planned struct {
	Kind   string          `json:"kind"`
	Params json.RawMessage `json:"params,omitempty"`
	// Admin refers to the teammate to act as; empty for the one the token belongs to.
	Admin string `json:"admin,omitempty"`
	// Summary is the action in a few words, as the rules file says it.
	Summary string `json:"summary,omitempty"`
}
