package actions

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"gopkg.in/yaml.v3"

	"switchboard/internal/diag"
	"switchboard/internal/intercom"
	"switchboard/internal/routing"
)

// The part of assign that picks a teammate of the team:
//
//   - assign: { team: Support, pick: round_robin }
//   - assign: { team: Support, pick: least_busy, capacity: 5, otherwise: wait, prefer: last_assignee }
//
// It is made when the action is performed, because who is there is known best then. What Intercom
// says is gathered here; what was picked before is the caller's (Call.Pick), who decides and keeps
// a record.

// PickFacts are what Intercom says about a team, and how to pick of it.
type PickFacts struct {
	Team   intercom.Team
	Policy routing.Policy
	// Crew are the team's teammates, with the open conversations that Intercom counts as of
	// CountedAt; those that it cannot know of yet are to be added.
	Crew      []routing.Candidate
	CountedAt map[string]time.Time
	// Last is who had the conversation last; empty when nobody had or the policy does not ask.
	Last string
	// Wait says that the conversation waits when nobody can be picked.
	Wait bool
	// Since is the time since which it has been waiting; zero when it has not.
	Since time.Time
	// Holder is who has the conversation now; empty when nobody has or it was not read.
	Holder string
	// Served says why it need not wait any more; empty when it must, or never did.
	Served string
	Notes  []string
}

// Picked is what came of a pick.
type Picked struct {
	routing.Choice
	// Again says that the pick is that of an earlier attempt, recorded at At.
	Again bool
	At    time.Time
	// Behind says that the conversation waits only because others have waited longer.
	Behind bool
	// Gone says that it does not wait any more.
	Gone bool
}

// pickParams are how to pick, as stored.
type pickParams struct {
	Order    routing.Order `json:"order"`
	TakeAway bool          `json:"take_away,omitempty"`
	Capacity int           `json:"capacity,omitempty"`
	Wait     bool          `json:"wait,omitempty"`
	Prefer   bool          `json:"prefer_last,omitempty"`
	// The rest is in the parameters of the actions that end the waiting only: when the conversation
	// began to wait, in microseconds, the team's id, and who had the conversation then.
	Since  int64  `json:"since,omitempty"`
	TeamID string `json:"team_id,omitempty"`
	Holder string `json:"holder,omitempty"`
}

// Place is a place in a team's line, as the action knows it that is to end the waiting.
type Place struct {
	Since time.Time
	// Team is the team's id: it may be renamed while conversations wait.
	Team string
	// Holder is who had the conversation when it began to wait, and could not be picked.
	Holder string
}

func (p pickParams) policy() routing.Policy {
	return routing.Policy{Order: p.Order, TakeAway: p.TakeAway, Capacity: p.Capacity, PreferLast: p.Prefer}
}

func (p pickParams) since() time.Time {
	if p.Since == 0 {
		return time.Time{}
	}
	return time.UnixMicro(p.Since).UTC()
}

// mostCapacity bounds the capacity: more open conversations are nobody's.
const mostCapacity = 1000

// parsePick adds the keys about picking to those of assign. finish returns how to pick, nil for
// not at all, and whether all of it was right.
func parsePick(fields map[string]func(*yaml.Node), d Decoder) (finish func(team bool) (*pickParams, bool)) {
	p, ok := pickParams{}, true
	var pick, other *yaml.Node
	key := func(name string, read func(*yaml.Node) bool) {
		fields[name] = func(n *yaml.Node) {
			if name == "pick" {
				pick = n
			} else if other == nil {
				other = n
			}
			ok = read(n) && ok
		}
	}
	key("pick", func(n *yaml.Node) bool {
		word, ok := oneOf(n, d, "pick", string(routing.RoundRobin), string(routing.LeastBusy))
		p.Order = routing.Order(word)
		return ok
	})
	key("skip", func(n *yaml.Node) bool {
		away, ok := parseSkip(n, d)
		p.TakeAway = !away
		return ok
	})
	key("capacity", func(n *yaml.Node) (ok bool) {
		p.Capacity, ok = parseCapacity(n, d)
		return ok
	})
	key("otherwise", func(n *yaml.Node) bool {
		word, ok := oneOf(n, d, "otherwise", "team", "wait")
		p.Wait = word == "wait"
		return ok
	})
	key("prefer", func(n *yaml.Node) bool {
		word, ok := oneOf(n, d, "prefer", "last_assignee")
		p.Prefer = word != ""
		return ok
	})
	return func(team bool) (*pickParams, bool) {
		switch {
		case pick == nil && other != nil:
			d.Problem(other, CodeParameter, "add `pick: round_robin` or `pick: least_busy`", "this says how to pick, and pick is missing")
			return nil, false
		case pick == nil:
			return nil, ok
		case !team:
			d.Problem(pick, CodeParameter, "write {team: NAME, pick: round_robin}", "pick needs a team to pick from")
			return nil, false
		}
		return &p, ok
	}
}

// oneOf reads a word of a closed set.
func oneOf(n *yaml.Node, d Decoder, key string, words ...string) (string, bool) {
	for _, word := range words {
		if n.Kind == yaml.ScalarNode && n.Value == word {
			return word, true
		}
	}
	hint := "one of " + strings.Join(words, ", ")
	if len(words) == 1 {
		hint = "write `" + key + ": " + words[0] + "`"
	}
	if n.Kind != yaml.ScalarNode || isNull(n) {
		d.Problem(n, CodeParameter, hint, "%s must be a word", key)
		return "", false
	}
	if right, ok := diag.Closest(n.Value, words); ok {
		hint = "did you mean " + strconv.Quote(right) + "?"
	}
	d.Problem(n, CodeParameter, hint, "%s cannot be %q", key, short(n.Value, 40))
	return "", false
}

// parseSkip reads whom to skip: away, or nobody but those without an inbox seat.
func parseSkip(n *yaml.Node, d Decoder) (away, ok bool) {
	list := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		list = n.Content
	}
	ok = true
	for _, one := range list {
		word, fine := oneOf(one, d, "skip", "away")
		away, ok = away || word == "away", ok && fine
	}
	return away, ok
}

func parseCapacity(n *yaml.Node, d Decoder) (int, bool) {
	c, err := strconv.Atoi(n.Value)
	if n.Kind != yaml.ScalarNode || n.Tag != "!!int" || err != nil || c < 1 || c > mostCapacity {
		d.Problem(n, CodeParameter, "how many open conversations are enough for one teammate", "capacity must be a whole number from 1 to %d", mostCapacity)
		return 0, false
	}
	return c, true
}

// words are how to pick, for summaries.
func (p *pickParams) words() string {
	words := []string{"pick " + string(p.Order)}
	if p.TakeAway {
		words = append(words, "away ones too")
	}
	if p.Capacity > 0 {
		words = append(words, "capacity "+strconv.Itoa(p.Capacity))
	}
	if p.Wait {
		words = append(words, "otherwise wait")
	}
	if p.Prefer {
		words = append(words, "prefer last_assignee")
	}
	return strings.Join(words, ", ")
}

// Assigns tells whether actions of the kind give a conversation to somebody, so that it does not
// wait any more.
func Assigns(kind string) bool { return kind == assign{}.Name() }

// Waiting gives parameters of assign the place that the conversation has in a line; no place takes
// it out again. Parameters that do not pick are returned as they are.
func Waiting(params json.RawMessage, place Place) (json.RawMessage, error) {
	var p assignParams
	if err := decodeParams("assign", params, &p); err != nil || p.Pick == nil {
		return params, err
	}
	p.Pick.Since, p.Pick.TeamID, p.Pick.Holder = 0, place.Team, place.Holder
	if !place.Since.IsZero() {
		p.Pick.Since = place.Since.UnixMicro()
	}
	return encodeParams(p)
}

// FactsOfPick gathers what a pick with these parameters needs to know about the team. Counts of
// open conversations may be as old as age.
func FactsOfPick(ctx context.Context, env *Env, params json.RawMessage, age time.Duration) (PickFacts, error) {
	var p assignParams
	if err := decodeParams("assign", params, &p); err != nil {
		return PickFacts{}, err
	}
	if p.Pick == nil {
		return PickFacts{}, errorf("the stored parameters of assign do not pick")
	}
	f, err := gather(ctx, env, p, age)
	f.Holder = p.Pick.Holder
	f.leaveOut()
	return f, err
}

// TeamGone tells whether a pick failed because there is no such team.
func TeamGone(err error) bool {
	missing, ok := errors.AsType[*intercom.NotFoundError](err)
	return ok && missing.Kind == "team"
}

func gather(ctx context.Context, env *Env, p assignParams, age time.Duration) (PickFacts, error) {
	ctx = intercom.WithPriority(ctx, intercom.PriorityRead)
	team, crew, err := env.Directory.Crew(ctx, cmp.Or(p.Pick.TeamID, p.Team))
	if p.Pick.TeamID != "" && TeamGone(err) {
		return PickFacts{}, fmt.Errorf("team %s, for which it waited, is gone: %w", short(p.Team, 80), err)
	}
	if err != nil {
		return PickFacts{}, err
	}
	f := PickFacts{Team: team, Policy: p.Pick.policy(), Wait: p.Pick.Wait, Since: p.Pick.since(), CountedAt: map[string]time.Time{}}
	for _, a := range crew {
		f.Crew = append(f.Crew, routing.Candidate{
			ID: string(a.ID), Name: a.Name, Away: a.AwayModeEnabled, Seat: a.HasInboxSeat, Open: routing.Unknown,
		})
	}
	if f.Policy.Counts() {
		err = f.count(ctx, env, age)
	}
	return f, err
}

// mostCounting is how many teammates' conversations are counted at once.
const mostCounting = 4

// count asks how many conversations those have open who might be picked.
func (f *PickFacts) count(ctx context.Context, env *Env, age time.Duration) error {
	var mu sync.Mutex
	refused := false
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(mostCounting)
	for i, one := range f.Crew {
		if routing.SkippedFor(routing.Policy{TakeAway: f.Policy.TakeAway}, one) != "" {
			continue
		}
		group.Go(func() error {
			n, at, err := env.Directory.Open(ctx, intercom.ID(one.ID), age)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case intercom.ClassOf(err) == intercom.Permanent:
				refused = true
				return nil
			case err != nil:
				return err
			}
			f.Crew[i].Open, f.CountedAt[one.ID] = n, at
			return nil
		})
	}
	err := group.Wait()
	if refused {
		f.Notes = append(f.Notes, "Intercom refuses to count open conversations")
	}
	return err
}

// leaveOut takes the conversation itself off the number of who has it: keeping it makes nobody busier.
func (f *PickFacts) leaveOut() {
	for i, one := range f.Crew {
		if one.ID == f.Holder && one.Open > 0 {
			f.Crew[i].Open--
		}
	}
}

// pickAge is how old a count of open conversations may be for a pick.
const pickAge = time.Minute

// pick gives the conversation to the team, and to the teammate of it who is picked.
func (assign) pick(ctx context.Context, env *Env, c Call, p assignParams) (Result, error) {
	if c.Pick == nil {
		return Result{}, errorf("nobody can be picked here: picks need the record of those before")
	}
	t, err := resolve(ctx, env, "assign", c)
	if err != nil {
		return Result{}, p.Pick.keepPlace(err)
	}
	f, err := gather(ctx, env, p, pickAge)
	if err != nil {
		return Result{}, p.Pick.keepPlace(err)
	}
	conv, err := t.look(ctx, env, p, &f)
	if err != nil {
		return Result{}, p.Pick.keepPlace(err)
	}
	picked, err := c.Pick(ctx, f)
	if err != nil {
		return Result{}, err
	}
	if picked.Gone {
		return Result{Detail: f.gone()}, nil
	}
	var r Result
	if picked.Again {
		if conv, err = t.earlier(ctx, env, c, &r, conv, picked.At); err != nil {
			return Result{}, err
		}
	}
	inTeam := conv != nil && conv.TeamAssigneeID == f.Team.ID
	if !inTeam {
		if err := t.assignTo(ctx, env, c, &r, "team", string(f.Team.ID)); err != nil {
			return r, err
		}
	}
	given := picked.Again && inTeam && string(conv.AdminAssigneeID) == picked.Admin
	if picked.Admin != "" && !given {
		if err := t.assignTo(ctx, env, c, &r, "admin", picked.Admin); err != nil {
			return r, err
		}
	}
	r.Detail = f.detail(picked)
	return r, nil
}

// keepPlace has an action that ends waiting tried again when Intercom refused to say something it
// was asked before the pick. Others in line would be refused as well, and the refusal is no fault
// of theirs: a dead letter for each would empty the line (I6).
func (p *pickParams) keepPlace(err error) error {
	refused, ok := errors.AsType[*intercom.Error](err)
	if p.Since == 0 || !ok || refused.ErrorClass() != intercom.Permanent {
		return err
	}
	return notYet{err}
}

// notYet is a refusal that is tried again.
type notYet struct{ error }

// ErrorClass is Retry.
func (notYet) ErrorClass() intercom.Class { return intercom.Retry }

// Unwrap is the refusal.
func (n notYet) Unwrap() error { return n.error }

// look reads the conversation where the pick needs it: to know who had it last, who has it in case
// it counts or will wait, and whether it still waits. It is nil where it was not read or is gone.
func (t aim) look(ctx context.Context, env *Env, p assignParams, f *PickFacts) (*intercom.Conversation, error) {
	if !f.Policy.PreferLast && !f.Policy.Counts() && !f.Wait && f.Since.IsZero() {
		return nil, nil //nolint:nilnil // not read
	}
	conv, _, err := env.Client.Conversation(intercom.WithPriority(ctx, intercom.PriorityRead), t.conversation)
	if err != nil {
		if !f.Since.IsZero() && intercom.NotFound(err) {
			f.Served = "the conversation is gone"
			return nil, nil //nolint:nilnil // gone
		}
		return nil, err
	}
	f.Last = lastAssignee(conv)
	if !conv.AdminAssigneeID.Nobody() {
		f.Holder = string(conv.AdminAssigneeID)
	}
	if conv.State != "closed" { // else it is one more of theirs when it is opened
		f.leaveOut()
	}
	if !f.Since.IsZero() {
		f.Served = f.served(conv, p.Pick.Holder)
	}
	return conv, nil
}

// gone says that the conversation does not wait any more, and why.
func (f *PickFacts) gone() string {
	gone := "no longer waits for team " + f.Team.Name
	if f.Served != "" {
		gone += ": " + f.Served
	}
	return gone
}

// earlier takes in what an attempt did whose answer was lost, after its pick was recorded: its parts
// are ours as well (I9), and what it did needs no repetition.
func (t aim) earlier(ctx context.Context, env *Env, c Call, r *Result, conv *intercom.Conversation, at time.Time) (*intercom.Conversation, error) {
	if conv == nil {
		var err error
		if conv, _, err = env.Client.Conversation(intercom.WithPriority(ctx, intercom.PriorityRead), t.conversation); err != nil {
			return nil, err
		}
	}
	since := at.Add(env.Client.Skew() - rounding)
	for _, part := range conv.Parts {
		if part.ID != "" && isAssignment(part) && by(part, t.admin) && !part.CreatedAt.Before(since) && !owned(c, part) {
			r.Parts = append(r.Parts, string(part.ID))
		}
	}
	return conv, nil
}

// served says why a conversation need not wait for a teammate of the team; empty when it must. Who
// had it when it began to wait could not be picked then, so their having it still is no reason.
func (f *PickFacts) served(conv *intercom.Conversation, before string) string {
	switch {
	case conv.State == "closed":
		return "it was closed"
	case f.Holder != "" && (f.Holder != before || f.canPick(f.Holder)):
		return "it has a teammate"
	case !conv.TeamAssigneeID.Nobody() && conv.TeamAssigneeID != f.Team.ID:
		return "it has another team"
	}
	return ""
}

// canPick tells whether a teammate could be picked, going by what Intercom says.
func (f *PickFacts) canPick(id string) bool {
	return slices.ContainsFunc(f.Crew, func(one routing.Candidate) bool {
		return one.ID == id && routing.SkippedFor(f.Policy, one) == ""
	})
}

// lastAssignee is the teammate who has the conversation, or had it last.
func lastAssignee(conv *intercom.Conversation) string {
	if !conv.AdminAssigneeID.Nobody() {
		return string(conv.AdminAssigneeID)
	}
	for i := len(conv.Parts) - 1; i >= 0; i-- {
		if to := conv.Parts[i].AssignedTo; to.Type == "admin" && !to.ID.Nobody() {
			return string(to.ID)
		}
	}
	return ""
}

// assignTo makes one assignment, and notes the parts that it made.
func (t aim) assignTo(ctx context.Context, env *Env, c Call, r *Result, what, id string) error {
	conv, err := env.Client.Assign(ctx, t.conversation, intercom.AssignRequest{AdminID: t.admin, Type: what, AssigneeID: id})
	if err != nil {
		return err
	}
	r.Parts = append(r.Parts, t.made(env, conv, c, isAssignment)...)
	return nil
}

func isAssignment(part intercom.Part) bool { return strings.Contains(part.Type, "assign") }

// detail says who got the conversation and why the others did not.
func (f PickFacts) detail(p Picked) string {
	var why []string
	done := "assigned to team " + f.Team.Name
	switch {
	case p.Admin != "":
		done = "assigned to " + p.Name
		how := f.Policy.Order.Words() + " in " + f.Team.Name
		if p.Admin == f.Last && f.Policy.PreferLast {
			how = "had it last, in " + f.Team.Name
		}
		if p.Again {
			how += ", as picked before"
		}
		why = append(why, how)
	case p.Behind:
		done += ", and waits behind others for a teammate"
	case f.Wait:
		done += ", and waits for a teammate"
	}
	switch skipped := p.Skipped(); {
	case skipped != "":
		why = append(why, "skipped "+skipped)
	case len(f.Crew) == 0:
		why = append(why, "nobody is in the team")
	}
	why = append(why, p.Notes...)
	if len(why) == 0 {
		return done
	}
	return done + " (" + strings.Join(why, "; ") + ")"
}
