package rules

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"switchboard/internal/actions"
	"switchboard/internal/diag"
	"switchboard/internal/event"
	"switchboard/internal/schedule"
)

// A rule with `every` is called by the clock. When it is due a sweep begins: its search is asked
// page by page, and each result becomes an event with the topic event.TopicSchedule, which passes
// through the store as notifications do. So a result has its place in the order of its subject
// (I3), is decided once however often it was found (I2), and can be explained. What waits for its
// time is in the engine; here is what the clock and the results mean for the rules.

// sweep is what a rule with `every` says about when and on what it runs.
type sweep struct {
	every  *schedule.Schedule
	search *sweepSearch
}

// newSweep is nil when one of the two is missing, which is reported.
func newSweep(every *schedule.Schedule, search *sweepSearch) *sweep {
	if every == nil || search == nil {
		return nil
	}
	return &sweep{every, search}
}

const shortestInterval = time.Minute

// readEvery reads `every`: a cron line, an interval, or { cron: ..., timezone: ... }.
func (p *loader) readEvery(n *yaml.Node) *schedule.Schedule {
	if n.Kind == yaml.MappingNode {
		zone := time.UTC
		var line *yaml.Node
		p.Fields(n, map[string]func(*yaml.Node){
			"cron":     func(n *yaml.Node) { line = n },
			"timezone": func(n *yaml.Node) { zone = p.readZone(n, zone) },
		})
		if line == nil {
			p.missingKey(n, "the schedule", "cron")
			return nil
		}
		return p.readCron(line, zone)
	}
	written := strings.TrimSpace(n.Value)
	interval, isInterval := actions.ParseDuration(written)
	switch {
	case n.Kind != yaml.ScalarNode || isEmpty(n) || !isInterval:
		return p.readCron(n, time.UTC)
	case interval < shortestInterval || interval > longestWindow:
		p.Problem(n, "rules/schedule", "", "an interval is a minute at least and %s at most", longestWindowIs)
		return nil
	}
	return schedule.Every(interval, written)
}

func (p *loader) readCron(n *yaml.Node, zone *time.Location) *schedule.Schedule {
	line, ok := p.word(n, `a cron line such as "0 8 * * mon-fri", or an interval such as 15m`)
	if !ok {
		return nil
	}
	s, err := schedule.Parse(line, zone)
	problem, wrong := errors.AsType[*schedule.SyntaxError](err)
	switch {
	case !wrong:
		return s
	case p.refused[n]:
	default:
		at := p.file.locator(n)(problem.From, problem.To)
		p.reportAt(at, diag.Error, "rules/schedule", problem.Hint, "%s", oneLine(problem.Message))
	}
	return nil
}

// notWithEvery are the keys that say what else calls a rule, and what comes of that.
var notWithEvery = []string{"when", "from", "after", "hours", "cancel_on", "restart"}

// checkSweep reports what does not go together with `every` and `search`.
func (p *loader) checkSweep(n *yaml.Node) {
	every, search := keyNode(n, "every"), keyNode(n, "search")
	switch {
	case every == nil && search != nil:
		p.Problem(search, "rules/schedule", "such as every: 1h", `search is for rules with "every", which says when to search`)
	case every != nil && search == nil:
		p.Problem(every, "rules/schedule", "such as search: { state: open }", `every needs "search", which says what the rule runs on`)
	}
	for _, name := range notWithEvery {
		if at := keyNode(n, name); every != nil && at != nil {
			p.Problem(at, "rules/schedule", "", "a rule with every has no %q: the clock calls it, and nobody acts", name)
		}
	}
}

// keyNode is the key of a mapping with this name.
func keyNode(n *yaml.Node, name string) *yaml.Node {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == name {
			return n.Content[i]
		}
	}
	return nil
}

// Sweep describes a rule with `every` to whoever waits for its time.
type Sweep struct {
	Rule string
	// Every and Search are the schedule and the search as people read them. When one of them
	// changes it is another sweep.
	Every, Search string
	// Kind is what the search finds: event.KindConversation, KindContact or KindTicket.
	Kind string

	rule *rule
}

// Sweeps are the rules that the clock calls, in order; those that are off are left out.
func (rs *Ruleset) Sweeps() []Sweep {
	var list []Sweep
	for _, r := range rs.rules {
		if r.sweep != nil && r.state != stateOff {
			list = append(list, Sweep{
				Rule: r.name, Every: r.sweep.every.String(), Search: r.sweep.search.String(), Kind: r.sweep.search.kind, rule: r,
			})
		}
	}
	return list
}

// Next is the first time after t when the rule is due; zero when there is none.
func (s Sweep) Next(t time.Time) time.Time { return s.rule.sweep.every.Next(t) }

// OnTime tells which occurrence to make up for at a time, when the one that was due was missed: that
// one, unless the rule says that it may not be so late (if_late). Then it is the first that is not
// too late; ok is false when there is none.
func (s Sweep) OnTime(due, now time.Time) (occurrence time.Time, ok bool) {
	bound := s.rule.skipLate
	if bound == 0 || now.Sub(due) <= bound {
		return due, true
	}
	next := s.Next(now.Add(-bound))
	return next, !next.IsZero() && !next.After(now)
}

// Query is what a sweep that begins now has to search for, as JSON in Intercom's search grammar.
// ok is false when a value that it needs is absent: then there is nothing to find.
func (s Sweep) Query(now time.Time) (query string, ok bool, err error) {
	e := evaluationOf(context.Background(), &Input{Now: now}, nil, []string{""})
	e.begin(s.rule)
	err = guard(func() { query, ok = s.rule.sweep.search.ask(e) })
	return query, ok, err
}

// scheduled is the payload of an event with the topic event.TopicSchedule.
type scheduled struct {
	Topic string `json:"topic"`
	Data  struct {
		Item struct {
			Type   string          `json:"type"`
			Rule   string          `json:"rule"`
			DueAt  int64           `json:"due_at"`
			Object json.RawMessage `json:"object"`
		} `json:"item"`
	} `json:"data"`
}

// EventPrefix is how the ids of the events begin that a rule's sweep makes, which was due at the
// given time. It ends with a slash.
func (s Sweep) EventPrefix(due time.Time) string {
	name := strings.NewReplacer("%", "%25", "/", "%2F").Replace(s.Rule)
	return event.ScheduleID + name + "/" + strconv.FormatInt(due.Unix(), 10) + "/"
}

// Event makes the event of one result. It has the same id however often the result is found in
// the sweep that was due at that time.
func (s Sweep) Event(workspace string, due, now time.Time, object json.RawMessage) (event.Event, error) {
	found, err := decodeJSON(string(object))
	id := idText(objectOf(found)["id"])
	if err != nil || id == "" {
		return event.Event{}, errors.New("a result of the search has no id")
	}
	var p scheduled
	p.Topic, p.Data.Item.Type = event.TopicSchedule, "schedule"
	p.Data.Item.Rule, p.Data.Item.DueAt, p.Data.Item.Object = s.Rule, due.Unix(), object
	payload, err := json.Marshal(p)
	if err != nil {
		return event.Event{}, fmt.Errorf("encode a result of the search: %w", err)
	}
	return event.Event{
		ID: s.EventPrefix(due) + id, Workspace: workspace, Topic: event.TopicSchedule, Subject: s.Kind + "/" + id,
		CreatedAt: due, ReceivedAt: now, Payload: payload,
	}, nil
}

// freshFor is how long a result of a search counts for what it is. An event that waited longer is
// decided on what is read then.
const freshFor = 30 * time.Second

// evaluateScheduled decides about a result of a sweep: only the rule that searched is asked.
func (rs *Ruleset) evaluateScheduled(ctx context.Context, in Input) (*Decision, error) {
	d := &Decision{Ruleset: rs.hash, Event: in.Event.ID, At: in.Now.UTC(), Total: len(rs.rules)}
	item, err := decodeItem(in.Event.Payload)
	name, _ := item["rule"].(string)
	o := Outcome{Rule: name, Verdict: DidNotMatch}
	r := rs.named(name)
	switch {
	case err != nil:
		o.Verdict, o.Reason = Failed, err.Error()
	case r == nil:
		o.Reason = "there is no rule with this name any more"
	case r.sweep == nil:
		o.Reason = "the rule has no schedule any more"
	default:
		d.Considered = 1
		e, err := rs.evaluateResult(ctx, in, r, objectOf(item["object"]), &o)
		if err != nil {
			return nil, err
		}
		e.record(d)
	}
	d.Rules = []Outcome{o}
	return d, nil
}

// evaluateResult fills in the outcome of the rule on what its search found. Its error ends the
// evaluation.
func (rs *Ruleset) evaluateResult(ctx context.Context, in Input, r *rule, found object, o *Outcome) (*evaluation, error) {
	kind := subjectKind(in.Event.Subject)
	e := evaluationOf(ctx, &in, found, []string{kind})
	e.breakerRuns = rs.breaker
	*o = Outcome{Rule: r.name, File: r.file, Line: r.line}
	if in.Now.Sub(in.Event.ReceivedAt) > freshFor && r.state != stateOff {
		unreadable := guard(func() { e.item = e.readSubject() })
		switch {
		case e.lookups.failed != nil:
			return nil, e.lookups.failed
		case unreadable != nil:
			o.Verdict, o.Reason = Failed, unreadable.Error()
		case e.item == nil:
			o.Verdict, o.Reason = DidNotMatch, "the "+kind+" does not exist any more"
		case changedSince(found, e.item):
			o.Verdict, o.Reason = DidNotMatch, "the "+kind+" has changed since it was found: the next sweep finds it if it still fits"
		}
	}
	if o.Verdict != "" {
		return e, nil
	}
	return e, rs.runRule(e, r, o, func() error { return rs.decide(e, r, o) })
}

// changedSince tells whether an object is not what it was when a search found it. Only Intercom can
// tell whether the search would find it now.
func changedSince(found, now object) bool {
	before, known := timeOf(found["updated_at"]).(time.Time)
	after, known2 := timeOf(now["updated_at"]).(time.Time)
	return known && known2 && !after.Equal(before)
}

// repeats are the kinds of action that people see each time.
var repeats = []string{"reply", "note", "message"}

// checkRepeats warns of a sweep that writes on everything it finds, each time again.
func (p *loader) checkRepeats(n *yaml.Node, r *rule) {
	again := func(a plannedSpec) bool { return !slices.Contains(repeats, a.kind) }
	if r.sweep == nil || r.onceFor != "" || r.cooldown.length > 0 || r.state == stateOff || len(r.actions) == 0 || slices.ContainsFunc(r.actions, again) {
		return
	}
	p.reportAt(p.file.nodeSpan(keyNode(n, "every")), diag.Warning, "rules/repeats",
		"add once: conversation or cooldown: 7d, or an action that takes it out of the search", "each time this writes again on everything that it finds")
}
