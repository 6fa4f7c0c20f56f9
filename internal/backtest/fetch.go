package backtest

import (
	"context"
	"encoding/json"
	"errors"

	"switchboard/internal/rules"
)

// Fetch looks up what was not recorded.
type Fetch struct {
	// Ask asks Intercom, and changes nothing there. Its errors are as those of rules.Lookup.
	Ask func(ctx context.Context, workspace string, q rules.Question) (json.RawMessage, error)
	// Calls is how many questions may be asked.
	Calls int
}

// Fetched is what came of it.
type Fetched struct {
	Limit int `json:"limit"`
	Calls int `json:"calls"`
	// Decisions is how many decisions, of both sides, were made on what Intercom says now.
	Decisions int `json:"decisions"`
	// Beyond is how often a fact stayed unknown because no more calls were allowed or wanted, and
	// Refused how many questions Intercom does not answer.
	Beyond  int `json:"beyond,omitempty"`
	Refused int `json:"refused,omitempty"`
	// Stopped says why no more was asked before the limit was reached.
	Stopped string `json:"stopped,omitempty"`
}

const (
	// askedAgain is how often a question is asked that goes wrong in passing.
	askedAgain = 3
	// mostKept bounds the memory that the answers take.
	mostKept = 64 << 20
)

// fetcher asks each question once and keeps the answers: what is true now is as good for one event as for
// another.
type fetcher struct {
	Fetched
	ask     func(ctx context.Context, workspace string, q rules.Question) (json.RawMessage, error)
	before  func() // is called before each question
	answers map[askedQuestion]json.RawMessage
	kept    int // bytes
}

type askedQuestion struct{ workspace, key string }

func newFetcher(f *Fetch, before func()) *fetcher {
	return &fetcher{Fetched: Fetched{Limit: f.Calls}, ask: f.Ask, before: before, answers: map[askedQuestion]json.RawMessage{}}
}

// errUnknown is the answer to a question that stays open.
var errUnknown = &rules.UnavailableError{Err: rules.ErrNotRecorded}

// refusedAnswer stands for what Intercom refuses to answer. It is no JSON.
var refusedAnswer = json.RawMessage("refused")

func (f *fetcher) look(ctx context.Context, workspace string, q rules.Question) (json.RawMessage, error) {
	key := askedQuestion{workspace, q.Key()}
	answer, asked := f.answers[key]
	if !asked {
		var err error
		if answer, err = f.fetch(ctx, workspace, q); err != nil {
			return nil, err
		}
		f.answers[key] = answer
		f.kept += len(key.workspace) + len(key.key) + len(answer)
	}
	if string(answer) == string(refusedAnswer) {
		return nil, errUnknown
	}
	return answer, nil
}

// fetch asks a question that was not asked before.
func (f *fetcher) fetch(ctx context.Context, workspace string, q rules.Question) (json.RawMessage, error) {
	var failed error
	for range askedAgain {
		if f.kept > mostKept && f.Stopped == "" {
			f.Stopped = "the answers take too much memory"
		}
		if f.Calls >= f.Limit || f.Stopped != "" {
			f.Beyond++
			return nil, errUnknown
		}
		f.before()
		f.Calls++
		answer, err := f.ask(ctx, workspace, q)
		if err == nil {
			return answer, nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if errors.As(err, new(*rules.UnavailableError)) {
			f.Refused++
			return refusedAnswer, nil
		}
		failed = err
	}
	f.Stopped = failed.Error()
	f.Beyond++
	return nil, errUnknown
}

// fetching answers what was recorded, and fetches what was not.
type fetching struct {
	recorded  rules.Lookup
	fetch     *fetcher
	workspace string
	used      bool // something was fetched, now or for another event
}

// Look implements rules.Lookup.
func (l *fetching) Look(ctx context.Context, q rules.Question) (json.RawMessage, error) {
	answer, err := l.recorded.Look(ctx, q)
	if !errors.Is(err, rules.ErrNotRecorded) {
		return answer, err
	}
	if answer, err = l.fetch.look(ctx, l.workspace, q); err == nil {
		l.used = true
	}
	return answer, err
}
