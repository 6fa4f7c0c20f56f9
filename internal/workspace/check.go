package workspace

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"switchboard/internal/actions"
	"switchboard/internal/diag"
	"switchboard/internal/intercom"
	"switchboard/internal/rules"
)

// The codes of problems with names.
const (
	CodeUnknownAdmin       = "names/unknown-admin"
	CodeUnknownTeam        = "names/unknown-team"
	CodeUnknownTag         = "names/unknown-tag"
	CodeUnknownAttribute   = "names/unknown-attribute"
	CodeUnknownTicketType  = "names/unknown-ticket-type"
	CodeUnknownTicketState = "names/unknown-ticket-state"
	CodeAmbiguous          = "names/ambiguous"
	CodeArchived           = "names/archived"
	CodeAttributeType      = "names/attribute-type"
	CodeReadOnlyAttribute  = "names/read-only-attribute"
	CodeNoInboxSeat        = "names/no-inbox-seat"
	CodeTicketCategory     = "names/ticket-category"
)

// Check says which names in the rules the workspace does not have, and which values its attributes
// cannot have. What an action names is found as the service finds it; what a condition compares is
// compared as the rules compare it.
func Check(rs *rules.Ruleset, s *Snapshot) []diag.Problem {
	c := &checker{s: s, lists: s.lists()}
	uses := rs.Names()
	for _, u := range uses {
		if u.Kind == actions.NameTag && u.Use == actions.UseTag {
			c.made = append(c.made, u.Name)
		}
	}
	for _, u := range uses {
		c.check(u)
	}
	diag.Sort(c.problems)
	return slices.Compact(c.problems)
}

// Missing are the lists that the snapshot does not have, in words.
func (s *Snapshot) Missing() (words []string) {
	for _, list := range []struct {
		word    string
		missing bool
	}{
		{"admins", s.Admins == nil},
		{"teams", s.Teams == nil},
		{"tags", s.Tags == nil},
		{"ticket types", s.TicketTypes == nil},
		{"contact attributes", s.ContactAttributes == nil},
		{"company attributes", s.CompanyAttributes == nil},
		{"conversation attributes", s.ConversationAttributes == nil},
	} {
		if list.missing {
			words = append(words, list.word)
		}
	}
	return words
}

type checker struct {
	s        *Snapshot
	lists    *intercom.Lists
	made     []string // tags that rules make
	problems []diag.Problem
}

func (c *checker) problem(u rules.NameUse, severity diag.Severity, code, hint, format string, args ...any) {
	p := u.Place
	p.Severity, p.Code, p.Hint, p.Message = severity, code, hint, fmt.Sprintf(format, args...)
	c.problems = append(c.problems, p)
}

func (c *checker) check(u rules.NameUse) {
	switch u.Kind {
	case actions.NameAdmin:
		if c.s.Admins != nil {
			c.admin(u)
		}
	case actions.NameTeam:
		if c.s.Teams != nil {
			c.team(u)
		}
	case actions.NameTag:
		if c.s.Tags != nil {
			c.tag(u)
		}
	case actions.NameTicketType:
		if c.s.TicketTypes != nil {
			c.ticketType(u)
		}
	case actions.NameTicketState:
		if c.s.TicketTypes != nil {
			c.ticketState(u)
		}
	case actions.NameAttribute:
		if c.s.attributes(u.Of) != nil {
			c.attribute(u)
		}
	case actions.NameTicketAttribute:
		if c.s.TicketTypes != nil {
			c.ticketAttribute(u)
		}
	}
}

// ambiguous reports a name that several have, as the service would.
func (c *checker) ambiguous(u rules.NameUse, err error) bool {
	several, ok := errors.AsType[*intercom.AmbiguousError](err)
	if ok {
		c.problem(u, diag.Error, CodeAmbiguous, "use one of their ids: "+strings.Join(several.IDs, ", "), "several %ss are called %q", several.Kind, u.Name)
	}
	return ok
}

// mostListed is how many names a hint lists.
const mostListed = 8

// oneOf is a hint with the name that was probably meant or, if none is near, with all names there are
// if they are few.
func oneOf(word, name string, known []string) string {
	hint := diag.DidYouMean(name, known)
	if distinct := slices.Compact(slices.Sorted(slices.Values(known))); hint == "" && len(distinct) > 0 && len(distinct) <= mostListed {
		hint = word + ": " + strings.Join(distinct, ", ")
	}
	return hint
}

func (c *checker) admin(u rules.NameUse) {
	found, err := c.lists.Admin(u.Name)
	exact := func(of func(Admin) string) bool {
		return slices.ContainsFunc(c.s.Admins, func(a Admin) bool { return of(a) == u.Name })
	}
	mails, named := mapped(c.s.Admins, func(a Admin) string { return a.Email }), mapped(c.s.Admins, func(a Admin) string { return a.Name })
	switch u.By {
	case rules.ByID:
		c.id(u, CodeUnknownAdmin, exact(func(a Admin) string { return a.ID }), string(found.ID))
		return
	case rules.ByEmail:
		c.exactly(u, CodeUnknownAdmin, exact(func(a Admin) string { return a.Email }), found.Email, mails, "no admin has the e-mail address %q")
		return
	case rules.ByName:
		c.exactly(u, CodeUnknownAdmin, exact(func(a Admin) string { return a.Name }), found.Name, named, "no admin has the name %q")
		return
	}
	switch {
	case c.ambiguous(u, err):
	case err != nil:
		known := slices.Concat(mails, named)
		if strings.Contains(u.Name, "@") {
			known = mails
		}
		c.problem(u, diag.Error, CodeUnknownAdmin, diag.DidYouMean(u.Name, known), "no admin %q in the workspace", u.Name)
	case u.Use == actions.UseAssign && !found.HasInboxSeat:
		c.problem(u, diag.Error, CodeNoInboxSeat, "give them a seat in Intercom, or name somebody else", "%s cannot be assigned conversations: no inbox seat in Intercom", u.Name)
	}
}

func (c *checker) team(u rules.NameUse) {
	found, err := c.lists.Team(u.Name)
	switch {
	case u.By == rules.ByID:
		known := slices.ContainsFunc(c.s.Teams, func(t Team) bool { return t.ID == u.Name })
		c.id(u, CodeUnknownTeam, known, string(found.ID))
	case c.ambiguous(u, err):
	case err != nil:
		c.problem(u, diag.Error, CodeUnknownTeam, oneOf("teams", u.Name, mapped(c.s.Teams, func(t Team) string { return t.Name })), "no team %q in the workspace", u.Name)
	}
}

// id reports what is compared with ids and is none: a name never equals one. An id that nobody has
// may be of somebody who left. found is the id of what has the name; may be empty.
func (c *checker) id(u rules.NameUse, code string, known bool, found string) {
	switch {
	case known:
	case found != "":
		c.problem(u, diag.Error, code, fmt.Sprintf("write %q", found), "%q is a name, and is compared with ids", u.Name)
	case strings.Trim(u.Name, "0123456789") == "":
		c.problem(u, diag.Warning, code, "", "no %s has the id %q", u.Kind, u.Name)
	default:
		c.problem(u, diag.Error, code, "", "%q is no id of any %s", u.Name, u.Kind)
	}
}

// exactly reports a text that is compared exactly with something that none has. found is how the one
// is written that was probably meant; may be empty. It is a warning: who left may still be named.
func (c *checker) exactly(u rules.NameUse, code string, known bool, found string, all []string, format string) {
	if known {
		return
	}
	hint := diag.DidYouMean(u.Name, all)
	if found != "" {
		hint = fmt.Sprintf("it is compared exactly: write %q", found)
	}
	c.problem(u, diag.Warning, code, hint, format, u.Name)
}

func (c *checker) tag(u rules.NameUse) {
	named := mapped(c.s.Tags, func(t Tag) string { return t.Name })
	found, err := c.lists.Tag(u.Name)
	switch u.By {
	case rules.ByID:
		known := slices.ContainsFunc(c.s.Tags, func(t Tag) bool { return t.ID == u.Name })
		c.id(u, CodeUnknownTag, known, string(found.ID))
		return
	case rules.ByName: // exactly as it is written
		others := slices.Concat(named, c.made)
		if slices.Contains(others, u.Name) {
			return
		}
		if i := slices.IndexFunc(others, func(name string) bool { return strings.EqualFold(name, u.Name) }); i >= 0 {
			c.problem(u, diag.Warning, CodeUnknownTag, fmt.Sprintf("write %q, or use has_tag(%q)", others[i], u.Name), "no tag is written %q, and it is compared exactly", u.Name)
			return
		}
	case rules.ByTagName:
		want := strings.TrimSpace(u.Name)
		if slices.ContainsFunc(slices.Concat(named, c.made), func(name string) bool { return strings.EqualFold(strings.TrimSpace(name), want) }) {
			return
		}
	default:
		if err == nil || c.ambiguous(u, err) {
			return
		}
		if u.Use == actions.UseTag {
			c.problem(u, diag.Warning, CodeUnknownTag, diag.DidYouMean(u.Name, named), "no tag %q in the workspace: it is made when the rule first runs", u.Name)
			return
		}
		if slices.ContainsFunc(c.made, func(name string) bool { return strings.EqualFold(name, u.Name) }) {
			return
		}
	}
	c.problem(u, diag.Warning, CodeUnknownTag, diag.DidYouMean(u.Name, slices.Concat(named, c.made)), "no tag %q in the workspace, and no rule makes it", u.Name)
}
