package rules

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"slices"

	"switchboard/internal/actions"
	"switchboard/internal/event"
)

// Ruleset is all rules of one load. It never changes and is safe for concurrent use.
type Ruleset struct {
	hash    string
	sources Sources
	admin   string
	rules   []*rule
	// byTopic are the rules that listen to each known topic, so that an event costs nothing
	// for the rules that do not.
	byTopic  map[string]listeners
	counters []actions.CounterSpec
	breaker  int // actions on a subject in an hour
}

func newRuleset(sources Sources, rules []*rule, admin string, counters []actions.CounterSpec) *Ruleset {
	rs := &Ruleset{hash: hashOf(slices.Concat(sources.Files, sources.Holidays)), sources: sources, admin: admin, counters: counters, breaker: defaultBreaker, rules: rules, byTopic: map[string]listeners{}}
	topics := event.Topics()
	for i, r := range rules {
		if r.place != i { // rules may be those of another ruleset, which is in use (Flipped)
			r.place = i
		}
		for _, p := range slices.Concat(r.topics, r.cancelOn()) {
			if p.exact {
				topics = append(topics, p.text)
			}
		}
	}
	for _, topic := range topics {
		if _, done := rs.byTopic[topic]; !done {
			rs.byTopic[topic] = rs.listening(topic)
		}
	}
	return rs
}

// hashOf identifies the texts of the files, in their order, those of holidays behind them.
func hashOf(files []Source) string {
	h := sha256.New()
	for _, f := range files {
		var length [8]byte
		binary.BigEndian.PutUint64(length[:], uint64(len(f.Text)))
		h.Write(length[:])
		h.Write(f.Text)
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// listeners are the rules that a topic is of interest to, in order.
type listeners struct {
	run    []*rule // it triggers them (when)
	cancel []*rule // it cancels their timers (cancel_on)
}

func (rs *Ruleset) listening(topic string) listeners {
	var l listeners
	for _, r := range rs.rules {
		if matchesAny(r.topics, topic) {
			l.run = append(l.run, r)
		}
		if matchesAny(r.cancelOn(), topic) {
			l.cancel = append(l.cancel, r)
		}
	}
	return l
}

func matchesAny(patterns []topicPattern, topic string) bool {
	return slices.ContainsFunc(patterns, func(p topicPattern) bool { return p.matches(topic) })
}

// rulesFor returns the rules that a topic is of interest to.
func (rs *Ruleset) rulesFor(topic string) listeners {
	if list, ok := rs.byTopic[topic]; ok {
		return list
	}
	return rs.listening(topic) // a topic that nobody has heard of
}

// Hash identifies the ruleset: the same texts give the same hash, 16 hexadecimal digits.
func (rs *Ruleset) Hash() string { return rs.hash }

// Sources are the texts that the ruleset was made of.
func (rs *Ruleset) Sources() Sources { return rs.sources }

// Admin refers to the teammate that actions act as (settings.admin): an e-mail address, a
// name or an id; empty when the rules do not say.
func (rs *Ruleset) Admin() string { return rs.admin }

// Counters are the counters that the rules declare, for actions.Counters.
func (rs *Ruleset) Counters() []actions.CounterSpec { return rs.counters }

// FirstUse tells where the first action of a kind is; ok is false when there is none.
func (rs *Ruleset) FirstUse(kind string) (file string, line, column int, ok bool) {
	for _, r := range rs.rules {
		for _, a := range r.actions {
			if a.kind == kind && r.state != stateOff {
				return r.file, a.at.Line, a.at.Column, true
			}
		}
	}
	return "", 0, 0, false
}

// Wants tells whether the topic is of interest to any rule: it triggers it, or cancels its timers.
func (rs *Ruleset) Wants(topic string) bool {
	l := rs.rulesFor(topic)
	return len(l.run)+len(l.cancel) > 0
}

// Listens tells whether the topic triggers one of these rules, or any rule if none is named.
func (rs *Ruleset) Listens(topic string, names []string) bool {
	return slices.ContainsFunc(rs.rulesFor(topic).run, func(r *rule) bool { return len(names) == 0 || slices.Contains(names, r.name) })
}

// Has tells whether there is a rule of that name.
func (rs *Ruleset) Has(rule string) bool { return rs.named(rule) != nil }

// named returns the rule with a name; nil when there is none.
func (rs *Ruleset) named(name string) *rule {
	if i := slices.IndexFunc(rs.rules, func(r *rule) bool { return r.name == name }); i >= 0 {
		return rs.rules[i]
	}
	return nil
}

// Info describes a rule.
type Info struct {
	Name     string   `json:"name"`
	File     string   `json:"file"`
	Line     int      `json:"line"`
	State    string   `json:"state"` // live, shadow or off
	When     []string `json:"when"`
	Every    string   `json:"every,omitempty"`  // a schedule, instead of When
	Search   string   `json:"search,omitempty"` // what the schedule runs the rule on
	From     string   `json:"from"`
	Once     string   `json:"once,omitempty"`     // conversation, contact or empty
	Cooldown string   `json:"cooldown,omitempty"` // such as "1h per conversation"
	Limit    string   `json:"limit,omitempty"`    // such as "50 per 1h"
	Because  string   `json:"because,omitempty"`
	During   string   `json:"during,omitempty"`    // a calendar
	Outside  string   `json:"outside,omitempty"`   // a calendar
	After    string   `json:"after,omitempty"`     // such as "15m of support"
	CancelOn []string `json:"cancel_on,omitempty"` // topics
	Stop     bool     `json:"stop,omitempty"`
	Actions  []string `json:"actions"` // in a few words each
}

// Rules describes all rules, in order.
func (rs *Ruleset) Rules() []Info {
	list := make([]Info, len(rs.rules))
	for i, r := range rs.rules {
		list[i] = r.info()
	}
	return list
}

func (r *rule) info() Info {
	info := Info{
		Name: r.name, File: r.file, Line: r.line, State: r.state, From: r.from,
		Once: r.onceFor, Cooldown: r.cooldown.String(), Limit: r.limit.String(), Because: r.because, Stop: r.stop,
	}
	if r.during != nil {
		info.During = r.during.name
	}
	if r.outside != nil {
		info.Outside = r.outside.name
	}
	if r.sweep != nil {
		info.Every, info.Search = r.sweep.every.String(), r.sweep.search.String()
	}
	for _, p := range r.topics {
		info.When = append(info.When, p.text)
	}
	if r.wait != nil {
		info.After = r.wait.String()
	}
	for _, p := range r.cancelOn() {
		info.CancelOn = append(info.CancelOn, p.text)
	}
	for _, a := range r.actions {
		info.Actions = append(info.Actions, a.spec.Summary())
	}
	return info
}
