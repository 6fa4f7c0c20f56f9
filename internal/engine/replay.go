package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"switchboard/internal/event"
	"switchboard/internal/rules"
	"switchboard/internal/store"
)

// A replay has the rules in use asked again about an event that was decided. It is an event of its own
// in the line of its subject, so it is decided after whatever was decided there before, and sees all of
// it: of two replays of one event the second knows what the first one did (I2, I4). What the rules did
// about the event is told by the traces of those decisions, for as long as the event is stored; what
// remembers parts and runs for other reasons forgets sooner, or knows only events that have a part.

// past is what became of an event that is replayed.
type past struct {
	asked     event.Replay
	rules     rules.Replay
	own       bool
	ownReason string
	decisions []*rules.Decision // oldest first
	ruleset   *rules.Ruleset    // that is asked now
}

// pastOf reads what became of a replayed event.
func (e *Engine) pastOf(ctx context.Context, ruleset *rules.Ruleset, ev event.Event) (*past, error) {
	asked, err := event.ReadReplay(ev)
	if err != nil { // a damaged disk took its payload
		return &past{rules: rules.Replay{Unknown: err.Error()}}, nil //nolint:nilerr // the decision says so
	}
	p := &past{asked: asked, rules: rules.Replay{Only: asked.Rules, Force: asked.Force}, ruleset: ruleset}
	of := "event " + strconv.FormatInt(asked.Of, 10)
	ok, err := e.addDecision(ctx, p, asked.Of)
	if err != nil {
		return nil, err
	}
	if !ok {
		p.rules.Unknown = "what became of " + of + " is not stored any more"
		return p, nil
	}
	replays, err := e.o.Store.Replays(ctx, ev.Workspace, asked.Of)
	if err != nil {
		return nil, err
	}
	for _, other := range replays {
		if other.ID == ev.ID {
			continue
		}
		if ok, err = e.addDecision(ctx, p, other.Seq); err != nil {
			return nil, err
		}
		if !ok {
			p.rules.Unknown = "another replay of " + of + " waits to be decided"
		}
	}
	return p, e.whose(ctx, p, ev)
}

// addDecision adds what the rules decided on an event; ok is false when that is not stored.
func (e *Engine) addDecision(ctx context.Context, p *past, seq int64) (ok bool, err error) {
	row, ok, err := e.o.Store.DecisionOf(ctx, seq)
	if err != nil || !ok {
		return false, err
	}
	var d rules.Decision
	if err := json.Unmarshal(row.Trace, &d); err != nil {
		return false, fmt.Errorf("read the decision on event %d: %w", seq, err)
	}
	p.decisions = append(p.decisions, &d)
	p.rules.Add(&d)
	return true, nil
}

// whose finds out whether Switchboard itself caused the event (I9). The decision of then says so, if any
// rule listened. What is known now tells less: of what the time alone tells, nothing after a day.
func (e *Engine) whose(ctx context.Context, p *past, ev event.Event) (err error) {
	for _, d := range p.decisions {
		if d.Own != "" {
			p.own, p.ownReason = d.Own == rules.OwnYes, "that was known when it came"
			return nil
		}
	}
	switch {
	case !p.ruleset.Wants(ev.Topic):
	case e.o.Facts == nil && madeByApp(ev) != "":
		p.own, p.ownReason = true, "an app made it, perhaps this one"
	default:
		if p.own, p.ownReason, err = e.ownWork(ctx, p.ruleset.Admin(), ev); err != nil {
			return err
		}
		byTime := touchable(ev) || ev.Topic == "conversation_part.tag.created"
		if !p.own && byTime && e.o.Store.Now().Sub(ev.CreatedAt) >= store.KeepTouches {
			p.own, p.ownReason = true, "perhaps: no rule listened when it came, and after a day nobody can tell any more"
		}
	}
	return nil
}

// fill has an evaluation know about it.
func (p *past) fill(in *rules.Input) {
	in.Own, in.OwnReason, in.Replay = p.own, p.ownReason, &p.rules
}

// mayRepeat says why customers may have heard already what the rule would have them hear; empty when
// they have not.
func (p *past) mayRepeat(rule string) string {
	if p == nil {
		return ""
	}
	if _, acted := p.rules.Past[rule]; acted {
		return "the rule has acted on this event before (--force)"
	}
	for name, did := range p.rules.Past {
		visible := slices.ContainsFunc(did.Actions, func(a rules.Planned) bool { return seen(a.Kind, a.Params) })
		if visible && !p.ruleset.Has(name) {
			return "the rule " + name + " has answered this event and is gone; perhaps it has another name now"
		}
	}
	return ""
}

// Look answers questions as they were answered then, the newest answer first (rules.Lookup).
func (p *past) Look(ctx context.Context, q rules.Question) (answer json.RawMessage, err error) {
	err = &rules.UnavailableError{Err: rules.ErrNotRecorded}
	for _, d := range slices.Backward(p.decisions) {
		if answer, err = d.Recorded().Look(ctx, q); !errors.Is(err, rules.ErrNotRecorded) {
			break
		}
	}
	return answer, err
}

// Rehearsal asks the rules in use about events as replays would, one after the other, and does nothing.
type Rehearsal struct {
	engine  *Engine
	ruleset *rules.Ruleset
	// counted is what rules would remember of the events so far.
	counted map[memoryKey]rules.Memory
}

type memoryKey struct{ workspace, rule, key string }

// Rehearse begins a rehearsal.
func (e *Engine) Rehearse() *Rehearsal {
	return &Rehearsal{engine: e, ruleset: e.o.Rules(), counted: map[memoryKey]rules.Memory{}}
}

// Ruleset is the ruleset in use.
func (e *Engine) Ruleset() *rules.Ruleset { return e.o.Rules() }

// Rehearsed is what a replay of an event would do, as far as what was read from Intercom when it came
// tells.
type Rehearsed struct {
	Event    event.Event // the replay, not stored
	Decision *rules.Decision
	Runs     []store.Run
}

// Parked says why the i-th action of a rule would be left to a person; empty when it would be done.
func (r Rehearsed) Parked(rule string, i int) string {
	for _, run := range r.Runs {
		if run.Rule == rule {
			return run.Actions[i].Park
		}
	}
	return ""
}

// ErrCannotReplay says that an event cannot be replayed, now or at all.
var ErrCannotReplay = errors.New("cannot be replayed")

// Replay tells what a replay would do.
func (r *Rehearsal) Replay(ctx context.Context, of event.Event, asked event.Replay) (Rehearsed, error) {
	e := r.engine
	now := e.o.Store.Now()
	earlier, err := e.o.Store.Replays(ctx, of.Workspace, of.Seq)
	if err != nil {
		return Rehearsed{}, err
	}
	if asked.Number = len(earlier) + 1; asked.Number > store.MostReplays {
		return Rehearsed{}, fmt.Errorf("%w: it was replayed %d times", ErrCannotReplay, len(earlier))
	}
	ev, err := asked.Event(of, now)
	if err != nil {
		return Rehearsed{}, fmt.Errorf("%w: %w", ErrCannotReplay, err)
	}
	before, err := e.pastOf(ctx, r.ruleset, ev)
	if errors.As(err, new(*notYetError)) {
		return Rehearsed{}, fmt.Errorf("%w now: an action of ours is under way that may have caused it, try again in a minute", ErrCannotReplay)
	}
	if err != nil {
		return Rehearsed{}, err
	}
	if before.rules.Unknown != "" {
		return Rehearsed{}, fmt.Errorf("%w: %s", ErrCannotReplay, before.rules.Unknown)
	}
	in := rules.Input{Event: ev, Now: now, Lookup: before, State: counting{state{e.o.Store, ev.Workspace, ev.Subject}, r.counted}}
	before.fill(&in)
	d, err := r.ruleset.Evaluate(ctx, in)
	if err != nil {
		return Rehearsed{}, err
	}
	for _, o := range d.Rules {
		for _, q := range o.Remember {
			m, err := in.State.Recall(ctx, q.Owner(o.Rule), q.Key)
			if err != nil {
				return Rehearsed{}, err
			}
			r.counted[memoryKey{ev.Workspace, q.Owner(o.Rule), q.Key}] = m.After(q, now)
		}
	}
	runs := e.runs(d)
	e.park(ev, now, runs, before)
	return Rehearsed{ev, d, runs}, nil
}

// counting is the state, and what is counted beside it.
type counting struct {
	state
	counted map[memoryKey]rules.Memory
}

// Recall implements rules.State.
func (c counting) Recall(ctx context.Context, rule, key string) (rules.Memory, error) {
	if m, ok := c.counted[memoryKey{c.workspace, rule, key}]; ok {
		return m, nil
	}
	return c.state.Recall(ctx, rule, key)
}
