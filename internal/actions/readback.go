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
// effect.
func readBack(ctx context.Context, env *Env, kind string, c Call, asNote bool) (Finding, Result, error) {
	var p messageParams
	if err := decodeParams(kind, c.Params, &p); err != nil {
		return Unclear, Result{}, err
	}
	t, err := resolve(ctx, env, kind, c)
	if err != nil {
		return Unclear, Result{}, err
	}
	h, err := t.history(ctx, env)
	if err != nil {
		return Unclear, Result{}, err
	}
	finding, r := h.find(env, c, t.admin, p.Body, asNote)
	return finding, r, nil
}

// history is what was read of a conversation or ticket.
type history struct {
	parts []intercom.Part // nil when the answer told of none, not even of no parts
	total int
}

// history reads what the action is aimed at.
func (t aim) history(ctx context.Context, env *Env) (history, error) {
	if t.ticket != "" {
		ticket, _, err := env.Client.Ticket(ctx, t.ticket)
		if err != nil {
			return history{}, err
		}
		return history{ticket.Parts, ticket.TotalParts}, nil
	}
	conv, _, err := env.Client.Conversation(ctx, t.conversation)
	if err != nil {
		return history{}, err
	}
	return history{conv.Parts, conv.TotalParts}, nil
}

// find looks for a part with this text, by the acting teammate, made since the attempt, that
// no other action of ours owns.
func (h history) find(env *Env, c Call, admin, body string, asNote bool) (Finding, Result) {
	if c.AttemptedAt.IsZero() {
		return Unclear, Result{}
	}
	since := attemptedSince(env, c)
	fits := isMessage(body, asNote)
	wordless := plain(body) == "" // a picture: there is no text to know it by
	unclear := false
	for _, part := range h.parts {
		old := part.CreatedAt.Before(since) && !part.CreatedAt.IsZero()
		if old || !by(part, admin) || owned(c, part) || (part.Type == "note") != asNote {
			continue
		}
		switch {
		case part.Redacted, wordless && part.Body != "", fits(part) && part.CreatedAt.IsZero():
			unclear = true // it may be ours, and nothing can show it
		case !wordless && fits(part):
			return Happened, Result{Parts: []string{string(part.ID)}, Detail: Describe(c.Kind, c.Params)}
		case part.Body != "" && part.AppPackageCode != "":
			unclear = true // an app wrote as our teammate since: our words, changed on the way?
		}
	}
	if unclear || h.cutOff(since) {
		return Unclear, Result{}
	}
	return DidNotHappen, Result{}
}

// attemptedSince is the earliest time that what the attempt made can have on Intercom's clock.
// AttemptedAt is on ours: where theirs was not known, it is taken to have been as wrong then as it is now.
func attemptedSince(env *Env, c Call) time.Time {
	if !c.AttemptedTheirs.IsZero() {
		return c.AttemptedTheirs.Add(-rounding)
	}
	return c.AttemptedAt.Add(env.Client.Skew() - rounding)
}

// cutOff tells whether parts made since then may be missing, because Intercom returns only the
// newest ones.
func (h history) cutOff(since time.Time) bool {
	switch {
	case h.parts == nil:
		return true // the answer tells of no parts, not even of none
	case len(h.parts) < intercom.MaxParts && h.total <= len(h.parts):
		return false
	case len(h.parts) == 0:
		return true
	}
	oldest := slices.MinFunc(h.parts, func(a, b intercom.Part) int { return a.CreatedAt.Compare(b.CreatedAt.Time) })
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
// opening a closed conversation. A person may work as that teammate, too: what they did in the same
// second is told apart by app_package_code, as far as Intercom gives one.
func (t aim) made(env *Env, conv *intercom.Conversation, c Call, fits func(intercom.Part) bool) []string {
	since := t.since.Add(env.Client.Skew() - rounding)
	var made intercom.Part
	var ours []intercom.Part
	for _, p := range conv.Parts {
		if p.ID == "" || !by(p, t.admin) || p.CreatedAt.Before(since) || owned(c, p) {
			continue
		}
		ours = append(ours, p)
		code, than := p.AppPackageCode != "", made.AppPackageCode != ""
		if fits(p) && (made.ID == "" || code && !than || code == than && !p.CreatedAt.Before(made.CreatedAt.Time)) {
			made = p
		}
	}
	var ids []string
	for _, p := range ours {
		along := p.Body == "" && changesState(p) && p.CreatedAt.Sub(made.CreatedAt.Time).Abs() <= time.Second && mayShareCall(p, made, ours)
		if made.ID != "" && (p.ID == made.ID || along) {
			ids = append(ids, string(p.ID))
		}
	}
	return ids
}

// mayShareCall tells whether the call that made one part may have made p along with it, going by
// app_package_code. A person's parts have none. Published answers show parts without one that a call made
// along with a part that has one, so the want of it proves something only of types that do have it.
func mayShareCall(p, made intercom.Part, all []intercom.Part) bool {
	code := made.AppPackageCode
	if code == "" || p.AppPackageCode == code {
		return true
	}
	return p.AppPackageCode == "" && !slices.ContainsFunc(all, func(other intercom.Part) bool {
		return other.Type == p.Type && other.AppPackageCode == code
	})
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
