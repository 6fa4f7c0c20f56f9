package actions

import (
	"context"
	"slices"
	"strings"
	"time"

	"switchboard/internal/intercom"
)

// rounding is how much older than the attempt a part that it made may look, since Intercom's
// times are whole seconds.
const rounding = 2 * time.Second

// isMessage fits parts that show this text. A reply can come back as a part of many types: the
// first one that also assigns is an assignment, one that opens is an open. A note is a note.
func isMessage(html string, asNote bool) func(intercom.Part) bool {
	want := plain(html)
	return func(p intercom.Part) bool {
		return p.Body != "" && (p.Type == "note") == asNote && plain(p.Body) == want
	}
}

// readBack finds out whether the attempt at a reply, a note or a close with a text took
// effect: whether the conversation has a part with that text, by the acting teammate, made
// since the attempt, that no other action of ours owns.
func readBack(ctx context.Context, env *Env, kind string, c Call, asNote bool) (Finding, Result, error) {
	var p messageParams
	if err := decodeParams(kind, c.Params, &p); err != nil {
		return Unclear, Result{}, err
	}
	t, err := resolve(ctx, env, kind, c)
	if err != nil {
		return Unclear, Result{}, err
	}
	conv, _, err := env.Client.Conversation(ctx, t.conversation)
	if err != nil {
		return Unclear, Result{}, err
	}
	if c.AttemptedAt.IsZero() {
		return Unclear, Result{}, nil
	}
	// Our clock wrote AttemptedAt and Intercom's the parts.
	since := c.AttemptedAt.Add(env.Client.Skew() - rounding)
	fits := isMessage(p.Body, asNote)
	wordless := plain(p.Body) == "" // a picture: there is no text to know it by
	unclear := false
	for _, part := range conv.Parts {
		old := part.CreatedAt.Before(since) && !part.CreatedAt.IsZero()
		if old || !by(part, t.admin) || owned(c, part) || (part.Type == "note") != asNote {
			continue
		}
		switch {
		case part.Redacted, wordless && part.Body != "", fits(part) && part.CreatedAt.IsZero():
			unclear = true // it may be ours, and nothing can show it
		case !wordless && fits(part):
			return Happened, Result{Parts: []string{string(part.ID)}, Detail: Describe(kind, c.Params)}, nil
		case part.Body != "" && part.AppPackageCode != "":
			unclear = true // an app wrote as our teammate since: our words, changed on the way?
		}
	}
	if unclear || cutOff(conv, since) {
		return Unclear, Result{}, nil
	}
	return DidNotHappen, Result{}, nil
}

// cutOff tells whether parts made since then may be missing, because Intercom returns only the
// newest ones.
func cutOff(conv *intercom.Conversation, since time.Time) bool {
	switch {
	case conv.Parts == nil:
		return true // the answer tells of no parts, not even of none
	case len(conv.Parts) < intercom.MaxParts && conv.TotalParts <= len(conv.Parts):
		return false
	case len(conv.Parts) == 0:
		return true
	}
	oldest := slices.MinFunc(conv.Parts, func(a, b intercom.Part) int { return a.CreatedAt.Compare(b.CreatedAt.Time) })
	return !oldest.CreatedAt.Before(since)
}

// by tells whether the teammate made the part.
func by(p intercom.Part, admin string) bool {
	switch p.Author.Type {
	case "user", "lead", "contact", "visitor":
		return false
	}
	return string(p.Author.ID) == admin
}

func owned(c Call, p intercom.Part) bool { return c.Own != nil && c.Own(string(p.ID)) }

// made finds the parts that our call made in the conversation it answered with: the newest one
// that fits, and what Intercom did along with it in the name of the same teammate, such as
// opening a closed conversation.
func (t aim) made(env *Env, conv *intercom.Conversation, c Call, fits func(intercom.Part) bool) []string {
	since := t.since.Add(env.Client.Skew() - rounding)
	newest := -1
	ours := func(p intercom.Part) bool {
		return p.ID != "" && by(p, t.admin) && !p.CreatedAt.Before(since) && !owned(c, p)
	}
	for i, p := range conv.Parts {
		if ours(p) && fits(p) && (newest < 0 || !p.CreatedAt.Before(conv.Parts[newest].CreatedAt.Time)) {
			newest = i
		}
	}
	if newest < 0 {
		return nil
	}
	at := conv.Parts[newest].CreatedAt
	var ids []string
	for i, p := range conv.Parts {
		along := ours(p) && p.Body == "" && changesState(p) && p.CreatedAt.Sub(at.Time).Abs() <= time.Second
		if i == newest || along {
			ids = append(ids, string(p.ID))
		}
	}
	return ids
}

// changesState fits parts that tell of a change of state or assignee.
func changesState(p intercom.Part) bool {
	switch p.Type {
	case "open", "close", "snoozed", "unsnoozed":
		return true
	}
	return strings.Contains(p.Type, "assign")
}

// isType fits parts of one of these types.
func isType(types ...string) func(intercom.Part) bool {
	return func(p intercom.Part) bool { return slices.Contains(types, p.Type) }
}
