package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

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
	decisions []*rules.Decision // on the event and its replays, oldest first
	ruleset   *rules.Ruleset    // that is asked now
	// heard says why customers are to hear nothing of it without a person; empty if they may.
	heard string
}

// pastOf reads what became of a replayed event.
func (e *Engine) pastOf(ctx context.Context, ruleset *rules.Ruleset, ev event.Event) (*past, error) {
	asked, err := event.ReadReplay(ev)
	if err != nil { // a damaged disk took its payload
		return &past{rules: rules.Replay{Unknown: err.Error()}}, nil //nolint:nilerr // the decision says so
	}
	p := &past{asked: asked, rules: rules.Replay{Only: asked.Rules, Force: asked.Force}, ruleset: ruleset}
	replays, err := e.o.Store.Replays(ctx, ev.Workspace, asked.Of)
	if err != nil {
		return nil, err
	}
	p.rules.Events = []int64{asked.Of}
	for _, other := range replays {
		if other.ID != ev.ID {
			p.rules.Events = append(p.rules.Events, other.Seq)
		}
	}
	for _, seq := range p.rules.Events {
		d, err := DecisionOn(ctx, e.o.Store, seq)
		switch {
		case errors.Is(err, errTrace):
			p.rules.Unknown = err.Error()
		case err != nil:
			return nil, err
		case d == nil && seq == asked.Of:
			p.rules.Unknown = "what became of it is not stored any more"
		case d == nil:
			p.rules.Unknown = "another replay of it waits to be decided"
		default:
			p.decisions = append(p.decisions, d)
			p.rules.Add(d)
		}
	}
	if p.rules.Unknown != "" {
		return p, nil
	}
	if p.heard, err = e.heard(ctx, p, ev); err != nil {
		return nil, err
	}
	return p, e.whose(ctx, p, ev)
}

// errTrace says that a decision cannot be read: the disk is damaged, and trying again is of no use.
var errTrace = errors.New("the decision cannot be read")

// DecisionOn reads what the rules decided on an event; nil when that is not stored.
func DecisionOn(ctx context.Context, s *store.Store, seq int64) (*rules.Decision, error) {
	row, ok, err := s.DecisionOf(ctx, seq)
	if err != nil || !ok {
		return nil, err
	}
	d := &rules.Decision{}
	if err := json.Unmarshal(row.Trace, d); err != nil {
		return nil, fmt.Errorf("event %d: %w: %w", seq, errTrace, err)
	}
	return d, nil
}

// heard says why customers have heard of a replayed event already, or need not hear of it any more (I4). What
// counts is what was done about it, whichever rule did it: rules get other names, are switched off, and are
// replaced by others. What somebody did is told by all notifications of its part, and answered by timers too.
func (e *Engine) heard(ctx context.Context, p *past, ev event.Event) (string, error) {
	for _, d := range p.decisions {
		if rule := answeredBy(d); rule != "" {
			return "the rule " + rule + " has answered it already", nil
		}
	}
	if !strings.HasPrefix(ev.Subject, event.KindConversation+"/") { // nobody can list what else was told of it
		for _, d := range p.decisions {
			for _, o := range d.Rules {
				if o.HeldBy == rules.HeldByPart || o.HeldBy == rules.HeldByTimer {
					return "the rule " + o.Rule + " may have answered it already", nil
				}
			}
		}
		return "", nil
	}
	events, err := e.o.Store.EventsOn(ctx, ev.Workspace, ev.Subject)
	if err != nil {
		return "", err
	}
	same, settled := map[int64]bool{p.asked.Of: true}, ""
	for _, other := range events { // what comes of another event comes behind it
		origin, made := other.Origin()
		switch {
		case made && same[origin], !made && ev.Part != "" && other.Part == ev.Part:
			same[other.Seq] = true
			d, err := DecisionOn(ctx, e.o.Store, other.Seq)
			if errors.Is(err, errTrace) {
				return "what was done about event " + strconv.FormatInt(other.Seq, 10) + " cannot be read", nil
			}
			if err != nil {
				return "", err
			}
			if rule := answeredBy(d); rule != "" {
				return "the rule " + rule + " has answered it already", nil
			}
		case !made && slices.Contains(settling, other.Topic) && other.CreatedAt.After(ev.CreatedAt):
			settled = other.Topic + " came after it"
		}
	}
	return settled, nil
}

// settling are the topics that tell that a conversation was answered or closed.
var settling = []string{"conversation.admin.replied", "conversation.admin.closed"}

// answeredBy is the rule by which customers hear of an event; empty when they do not.
func answeredBy(d *rules.Decision) string {
	if d == nil {
		return ""
	}
	for _, o := range d.Rules {
		if slices.ContainsFunc(o.Actions, func(a rules.Planned) bool { return seen(a.Kind, a.Params) }) {
			return o.Rule
		}
	}
	return ""
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
	// counted is what rules would remember of the events so far, and answered what would be answered by which
	// rule, by its subject and part.
	counted  map[memoryKey]rules.Memory
	answered map[deedKey]string
}

type (
	memoryKey struct{ workspace, rule, key string }
	deedKey   struct{ workspace, subject, part string }
)

// Rehearse begins a rehearsal.
func (e *Engine) Rehearse() *Rehearsal {
	return &Rehearsal{engine: e, ruleset: e.o.Rules(), counted: map[memoryKey]rules.Memory{}, answered: map[deedKey]string{}}
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
	if e.o.Store.Outdated() {
		return Rehearsed{}, fmt.Errorf("%w here: another replica has newer rules, ask that one", ErrCannotReplay)
	}
	if asked.Number = len(earlier) + 1; asked.Number > store.MostReplays {
		return Rehearsed{}, fmt.Errorf("%w: it was replayed %d times", ErrCannotReplay, store.MostReplays)
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
			r.counted[memoryKey{ev.Workspace, q.Owner(o.Rule), q.Key}] = m.After(q, now, 0) // it has no number yet
		}
	}
	deed := deedKey{ev.Workspace, ev.Subject, ev.Part}
	if rule := r.answered[deed]; rule != "" && before.heard == "" {
		before.heard = "the rule " + rule + " would have answered it already"
	}
	runs := e.runs(d)
	e.park(ev, now, runs, before)
	if rule := answeredBy(d); rule != "" && ev.Part != "" {
		r.answered[deed] = rule
	}
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
