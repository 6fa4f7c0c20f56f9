package simulator

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// FaultKind is a way for an API call to go wrong.
type FaultKind string

// The kinds of fault. "Before" means that the call has no effect, "after" that it has its
// effect and the client cannot know.
const (
	FailBefore  FaultKind = "fail_before"  // an error status (Fault.Status, 500 by default), nothing done
	FailAfter   FaultKind = "fail_after"   // the same after the effect
	ResetBefore FaultKind = "reset_before" // the connection is reset, nothing done
	ResetAfter  FaultKind = "reset_after"  // the connection is reset after the effect
	HangBefore  FaultKind = "hang_before"  // no answer until the client goes away or Fault.Delay is over, nothing done
	HangAfter   FaultKind = "hang_after"   // the same after the effect
	BadJSON     FaultKind = "bad_json"     // the effect, then an answer that breaks off inside the JSON
	Truncated   FaultKind = "truncated"    // the effect, then half of the bytes that Content-Length promised
	EmptyBody   FaultKind = "empty_body"   // the effect, then 200 without a body
	Slow        FaultKind = "slow"         // the effect at once, the answer after Fault.Delay
	TooMany     FaultKind = "too_many"     // 429, as if the window were used up
	Revoked     FaultKind = "revoked"      // 401 token_revoked
	Restricted  FaultKind = "restricted"   // 403 api_plan_restricted
	Forbidden   FaultKind = "forbidden"    // 403 forbidden, as for a token without the permission
)

// hangBound is how long a hang lasts when nobody ends it.
const hangBound = 2 * time.Minute

// cut tells whether the fault keeps the client from reading a whole answer.
func (k FaultKind) cut() bool {
	switch k {
	case ResetBefore, ResetAfter, HangBefore, HangAfter, BadJSON, Truncated, EmptyBody:
		return true
	}
	return false
}

// before tells whether the fault strikes before the call has its effect.
func (k FaultKind) before() bool {
	switch k {
	case FailBefore, ResetBefore, HangBefore, TooMany, Revoked, Restricted, Forbidden:
		return true
	}
	return false
}

// Fault says what goes wrong, for which calls and how often.
type Fault struct {
	Kind FaultKind
	// Endpoint limits it to calls of an endpoint, such as "POST /conversations/{id}/reply"; a
	// method alone or a path alone fit too. Empty fits every call.
	Endpoint string
	// Path limits it to calls of exactly this path, such as /conversations/215472001; empty fits all.
	Path string
	// Effect limits it to calls that ask for this effect, such as EffectNote; empty fits all.
	Effect Effect
	// Rate is the share of the fitting calls that it strikes, 0 to 1. 0 means all of them:
	// leave a fault out to have it never.
	Rate float64
	// Times bounds how often it strikes; 0 means no bound.
	Times int
	// Status is the answer of FailBefore and FailAfter; 0 means 500. 502 to 504 come with a
	// page instead of JSON, as from a proxy.
	Status int
	// Delay is the length of Slow, and the bound of a hang (0: two minutes).
	Delay time.Duration
}

// Latency is how long answers take: at least Min, then as long again as chance gives, Spread
// on average (an exponential distribution), at most Max when that is set.
type Latency struct {
	Min, Spread, Max time.Duration
}

// Faults are all that goes wrong with API calls.
type Faults struct {
	// Rules are tried in order; the first that fits and strikes is the call's fault.
	Rules []Fault
	// Latency delays every answer, after the effect.
	Latency Latency
	// TokenRevoked answers every call with 401 token_revoked; PlanRestricted every call about
	// conversations, tickets and messages with 403 api_plan_restricted.
	TokenRevoked, PlanRestricted bool
}

// faultPlan decides about the fault of each call. Each rule draws from a stream of its own,
// so that whether it strikes a call depends only on how many calls have fitted it before.
type faultPlan struct {
	Faults
	script []Fault // for the next fitting call each
	dice   []*random
	struck []int
	delays *random
}

func newFaultPlan(seed uint64, f Faults) *faultPlan {
	f.Rules = slices.Clone(f.Rules)
	p := &faultPlan{Faults: f, struck: make([]int, len(f.Rules)), delays: newRandom(seed, "latency")}
	for i := range f.Rules {
		p.dice = append(p.dice, newRandom(seed, fmt.Sprintf("fault %d", i)))
	}
	return p
}

// pick is the fault of a call; its Kind is empty when there is none.
func (p *faultPlan) pick(endpoint, called string, wants Effect) Fault {
	for i, f := range p.script {
		if f.fits(endpoint, called, wants) {
			p.script = slices.Delete(p.script, i, i+1)
			return f
		}
	}
	for i, f := range p.Rules {
		if !f.fits(endpoint, called, wants) || f.Times > 0 && p.struck[i] >= f.Times {
			continue
		}
		if f.Rate == 0 || p.dice[i].Float64() < f.Rate {
			p.struck[i]++
			return f
		}
	}
	if p.PlanRestricted && planned.MatchString(endpoint) {
		return Fault{Kind: Restricted}
	}
	return Fault{}
}

// planned are the calls that need a plan.
var planned = regexp.MustCompile(`^[A-Z]+ /(conversations|messages|tickets)`)

func (f Fault) fits(endpoint, called string, wants Effect) bool {
	if f.Effect != "" && f.Effect != wants || f.Path != "" && f.Path != called {
		return false
	}
	method, path, _ := strings.Cut(endpoint, " ")
	return f.Endpoint == "" || f.Endpoint == endpoint || f.Endpoint == method || f.Endpoint == path
}

// latency draws how long an answer takes.
func (p *faultPlan) latency() time.Duration {
	l := p.Latency
	if l == (Latency{}) {
		return 0
	}
	d := l.Min + time.Duration(p.delays.ExpFloat64()*float64(l.Spread))
	if l.Max > 0 {
		d = min(d, l.Max)
	}
	return d
}

// bound is how long a fault holds the answer back.
func (f Fault) bound() time.Duration {
	switch f.Kind {
	case HangBefore, HangAfter:
		return cmp.Or(f.Delay, hangBound)
	case Slow:
		return f.Delay
	}
	return 0
}
