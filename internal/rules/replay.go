package rules

import "slices"

// Replay is what is known of an event that rules are asked about again. A rule that has acted on it is
// held back, so that asking again never answers a customer twice. Timers are left alone: what has
// happened since the event would have to be told first.
type Replay struct {
	// Only are the rules that are asked; all if it is empty.
	Only []string `json:"only,omitempty"`
	// Past is what became of the event before, by rule: see Add.
	Past map[string]Past `json:"past,omitempty"`
	// Force lets rules run that have acted on the event, though not on another event of its part.
	Force bool `json:"force,omitempty"`
	// Events are the numbers of the event and of its replays.
	Events []int64 `json:"events,omitempty"`
	// Unknown, if it is set, says why nobody can tell what became of the event; no rule runs then.
	Unknown string `json:"unknown,omitempty"`
}

// Past is what a rule did about an event that is replayed.
type Past struct {
	Reason  string `json:"reason"`            // for people
	Stopped bool   `json:"stopped,omitempty"` // it ended the evaluation
}

// Add notes a decision on the event, or on an earlier replay of it.
func (p *Replay) Add(d *Decision) {
	for _, o := range d.Rules {
		past := Past{Stopped: o.Stop}
		switch {
		case o.Verdict == Ran:
			past.Reason = "it has run on this event"
		case o.HeldBy == HeldByTimer:
			past.Reason = "this event has started its timer"
		case o.HeldBy == HeldByPart:
			past.Reason = "it has run on this part of the conversation"
		default:
			continue
		}
		if p.Past == nil {
			p.Past = map[string]Past{}
		}
		p.Past[o.Rule] = past
	}
}

// overrides tells whether a part is used up by nothing but the event that is forced.
func (p *Replay) overrides(m Memory) bool {
	return p != nil && p.Force && slices.Contains(p.Events, m.By)
}

// asks tells whether a replay asks for the rule.
func (p *Replay) asks(r *rule) bool { return len(p.Only) == 0 || slices.Contains(p.Only, r.name) }

// replay decides about a rule on an event that is replayed.
func (rs *Ruleset) replay(e *evaluation, r *rule, o *Outcome) error {
	p := e.in.Replay
	hold := func(reason string) { o.Verdict, o.HeldBy, o.Reason = HeldBack, HeldByReplay, reason }
	past, acted := p.Past[r.name]
	switch {
	case p.Unknown != "":
		hold(p.Unknown)
		return nil
	case acted && (!p.Force || !p.asks(r)):
		hold(past.Reason)
		o.Stop = past.Stopped // what comes behind it was not asked then
		return nil
	case r.wait != nil:
		hold("it waits (after), and a replay starts no timers")
		return nil
	case !p.asks(r) && !r.stop:
		hold("the replay is for other rules")
		return nil
	}
	if err := rs.decide(e, r, o); err != nil || p.asks(r) || o.Verdict != Ran {
		return err
	}
	// It would end the evaluation before a rule that is asked for.
	e.planned -= len(o.Actions)
	o.Would, o.Actions, o.Remember = o.Actions, nil, nil
	hold("the replay is for other rules; this one would run and stop")
	return nil
}
