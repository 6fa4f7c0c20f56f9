// Package actions holds the kinds of action that a rule can plan: how each is written in a
// rules file, how its parameters become concrete when the rule runs, the call it makes, and
// whether that call may be made twice.
//
// An action lives in three forms. A Spec is what a rules file says, with its texts still
// templates; it is made when the file is loaded, so that a wrong parameter is a problem with
// a place. Planning turns a Spec into parameters: plain JSON with every text rendered and
// every duration made into a time, stored together with the decision. Performing an action
// reads only those parameters; names of teams, admins and tags become ids at that moment,
// so a rename between planning and performing is noticed.
//
// After a crash or a broken connection it can be unknown whether a call was carried out.
// Kinds whose repetition is harmless are simply performed again. For the others (what people
// read, and new things that nothing keeps from existing twice) ReadBack looks whether the effect
// is there; when that cannot be told it says so, and nothing is sent blindly.
//
// What an action did comes back as a Result: the parts that it made and the things that it
// changed, by which the engine knows our own work when Intercom tells of it.
package actions

import (
	"context"
	"encoding/json"
	"time"

	"gopkg.in/yaml.v3"

	"switchboard/internal/event"
	"switchboard/internal/intercom"
)

// Facts is what the rules may see of an event. Actions hand it from Plan to Text.Render
// and never look inside.
type Facts any

// Text is a parameter that may hold {{ expressions }}; the rules package compiles it.
type Text interface {
	// Render fills in the expressions.
	Render(f Facts) (string, error)
	// Value is the value of the expression when the text is one expression and nothing else,
	// so that a number stays a number; otherwise it is what Render gives.
	Value(f Facts) (any, error)
	// Constant returns the text when it holds no expression.
	Constant() (string, bool)
	// Source is the text as written in the file.
	Source() string
}

// Decoder is what a kind reads its parameters with; the parser of rules files implements it.
type Decoder interface {
	// Text compiles a scalar. It reports its own problems and then returns nil. With html,
	// interpolated values are escaped for HTML.
	Text(n *yaml.Node, html bool) Text
	// Problem reports an error at n.
	Problem(n *yaml.Node, code, hint, format string, args ...any)
	// Fields visits a mapping in file order. It reports unknown and repeated keys, and
	// values that are not a mapping.
	Fields(n *yaml.Node, known map[string]func(*yaml.Node))
	// Counters are the counters that settings.counters declares.
	Counters() []CounterSpec
}

// Problem codes of this package.
const (
	// CodeUnknown is for an action of no known kind.
	CodeUnknown = "actions/unknown"
	// CodeParameter is for a parameter that is missing or wrong.
	CodeParameter = "actions/parameter"
)

// Kind is one kind of action. Kinds hold no state and are safe for concurrent use.
type Kind interface {
	// Name is the key in rules files, such as "assign".
	Name() string
	// Parse reads the parameters. n is the value behind the key; for the short form
	// `- close` it is a null node at the key's place. It returns nil after reporting problems.
	Parse(n *yaml.Node, d Decoder) Spec
	// Do performs the action once. It passes ctx to the client, since priority and trace
	// ride on it. Errors are those of intercom; intercom.ClassOf tells what to do about them.
	Do(ctx context.Context, env *Env, c Call) (Result, error)
	// Repeatable tells whether performing it twice is harmless. If not, ReadBack decides
	// after a doubt.
	Repeatable(params json.RawMessage) bool
	// ReadBack tells whether the attempt of c.AttemptedAt took effect. It is only called
	// when the action is not repeatable. An error means that it could not be found out now.
	ReadBack(ctx context.Context, env *Env, c Call) (Finding, Result, error)
	// Priority is the place of its calls in the queue for the budget.
	Priority(params json.RawMessage) intercom.Priority
}

// Spec is an action as a rules file says it.
type Spec interface {
	// Plan makes the concrete parameters. An error means that this run of the rule fails.
	Plan(p Plan) (json.RawMessage, error)
	// Summary is the action in a few words, with texts as written in the file.
	Summary() string
}

// Plan is what a Spec is made concrete with.
type Plan struct {
	// Facts is handed to Text.Render.
	Facts Facts
	// Now is the time of the decision, from which durations count.
	Now time.Time
	// At is when the run began to be due: when the event was made, or when its timer came due.
	At time.Time
	// Event is what the decision is about; of a timer, what started it. Its payload is not for actions: what they say comes
	// from the facts.
	Event event.Event
	// Rule is the name of the rule that runs, and Index the place of the action in it.
	Rule  string
	Index int
	// Contact gives the id of the contact whom the event concerns, or says that it names none.
	Contact func() (string, error)
}

// Env is what actions are performed with.
type Env struct {
	Client    *intercom.Client
	Directory *intercom.Directory
	// Poster sends the http actions; nil refuses them.
	Poster *Poster
	// Counters counts for the count actions; nil refuses them.
	Counters *Counters
}

// Call is one action to perform.
type Call struct {
	// Kind is the kind's name.
	Kind string
	// Subject is what to act on, such as "conversation/123".
	Subject string
	// Params is what Plan returned.
	Params json.RawMessage
	// Admin refers to the teammate that acts: e-mail, name or id; empty means the one that
	// the access token belongs to.
	Admin string
	// AttemptedAt is when the attempt in doubt was about to be sent; for ReadBack.
	AttemptedAt time.Time
	// AttemptedTheirs is the same moment on Intercom's clock; zero if that was not known then.
	AttemptedTheirs time.Time
	// Own tells whether another action of ours already owns this part; nil means none does.
	Own func(partID string) bool
	// Pick picks a teammate and records that before it returns; nil where nobody can be picked.
	// The same action gets the same pick again while that teammate can take it.
	Pick func(context.Context, PickFacts) (Picked, error)
}

// Result is what an action did.
type Result struct {
	// Parts are the ids of the conversation parts that the call made, and keys of what else it
	// made that Intercom tells of (EventKey): our own work, which must not trigger rules.
	Parts []string
	// Touched are subjects that the call changed and whose notifications name no part, such as
	// "contact/abc", or the tags of a conversation (TagTouch): what they tell of is our own work,
	// too. They come with an error as well: what has no answer may have been done.
	Touched []string
	// Detail says for people what was done, without customer text.
	Detail string
}

// Finding is the answer to whether an attempt in doubt took effect.
type Finding int

// The findings. The zero value is Unclear, so that a forgotten answer sends nothing.
const (
	// Unclear means that it cannot be told; a person has to look.
	Unclear Finding = iota
	// Happened means that the effect is there; it must not be sent again.
	Happened
	// DidNotHappen means that it is surely not there; it may be sent again.
	DidNotHappen
)

// String names the finding for logs.
func (f Finding) String() string {
	switch f {
	case Happened:
		return "happened"
	case DidNotHappen:
		return "did not happen"
	case Unclear:
	}
	return "unclear"
}
