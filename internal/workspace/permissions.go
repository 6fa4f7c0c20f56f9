package workspace

import (
	"context"
	"iter"
	"strings"
	"sync"

	"switchboard/internal/actions"
	"switchboard/internal/intercom"
	"switchboard/internal/rules"
)

// The permissions that Intercom's Developer Hub offers, as far as Switchboard uses them.
const (
	ReadAdmins         = "Read admins"
	ReadConversations  = "Read conversations"
	WriteConversations = "Write conversations"
	ReadTags           = "Read tags"
	WriteTags          = "Write tags"
	ReadPerson         = "Read one user and one company"
	ReadPeople         = "Read and list users and companies"
	WritePeople        = "Write users and companies"
	ReadTickets        = "Read tickets"
	WriteTickets       = "Write tickets"
	WriteEvents        = "Write events"
	ReadArticles       = "Read and List articles"
)

// Answer is what came of asking whether the token has a permission.
type Answer string

// The answers.
const (
	Granted Answer = "granted"
	Refused Answer = "refused"
	Unknown Answer = "unknown" // nothing was heard, or it cannot be known without changing something
)

// Permission is a permission, and whether the token has it.
type Permission struct {
	Name   string
	Answer Answer
	// Err is why it is refused or unknown; nil if it can only be known by writing.
	Err error
}

// probes read something that needs the permission, and as little as possible of it.
var probes = []struct {
	name string
	read func(context.Context, *intercom.Client) error
}{
	{ReadAdmins, func(ctx context.Context, c *intercom.Client) error { _, err := c.Admins(ctx); return err }},
	{ReadConversations, func(ctx context.Context, c *intercom.Client) error {
		return first(c.SearchConversations(ctx, intercom.Eq("state", "open"), 1))
	}},
	{ReadTags, func(ctx context.Context, c *intercom.Client) error { _, err := c.Tags(ctx); return err }},
	{ReadPerson, func(ctx context.Context, c *intercom.Client) error {
		_, _, err := c.Contact(ctx, strings.Repeat("0", 24)) // nobody's id: what is asked is whether one may ask
		if intercom.NotFound(err) {
			return nil
		}
		return err
	}},
	{ReadPeople, func(ctx context.Context, c *intercom.Client) error {
		return first(c.SearchContacts(ctx, intercom.Eq("role", "user"), 1))
	}},
	{ReadTickets, func(ctx context.Context, c *intercom.Client) error {
		return first(c.SearchTickets(ctx, intercom.Eq("open", true), 1))
	}},
	{ReadArticles, func(ctx context.Context, c *intercom.Client) error { return first(c.Articles(ctx, 1)) }},
}

// first asks for the first of a list.
func first[T any](list iter.Seq2[T, error]) error {
	for _, err := range list {
		return err
	}
	return nil
}

// Permissions asks which permissions the token has, all at once. Those to write cannot be tried without
// changing something, so they are unknown.
func Permissions(ctx context.Context, client *intercom.Client) []Permission {
	list := make([]Permission, len(probes))
	var asking sync.WaitGroup
	for i, p := range probes {
		asking.Go(func() { list[i] = answered(p.name, p.read(ctx, client)) })
	}
	asking.Wait()
	for _, name := range []string{WriteConversations, WriteTags, WritePeople, WriteTickets, WriteEvents} {
		list = append(list, Permission{Name: name, Answer: Unknown})
	}
	return list
}

func answered(name string, err error) Permission {
	switch {
	case err == nil:
		return Permission{Name: name, Answer: Granted}
	case forbidden(err):
		return Permission{Name: name, Answer: Refused, Err: err}
	}
	return Permission{Name: name, Answer: Unknown, Err: err}
}

// base are what the service needs whatever the rules are: names become ids, and missed events are looked for.
var base = []string{ReadAdmins, ReadConversations, ReadTags}

// byAction are what kinds of action need besides.
var byAction = map[string][]string{
	"tag": {WriteTags}, "untag": {WriteTags},
	"assign": {WriteConversations}, "reply": {WriteConversations}, "note": {WriteConversations}, "close": {WriteConversations},
	"open": {WriteConversations}, "snooze": {WriteConversations}, "set": {WriteConversations},
	"message": {ReadPerson, WriteConversations},
	"contact": {ReadPeople, WritePeople}, "company": {ReadPeople, WritePeople},
	"ticket": {ReadTickets, WriteTickets}, "event": {WriteEvents},
}

// Needed are the permissions that rules need, in the order in which the constants stand.
func Needed(rs *rules.Ruleset) []string {
	need := map[string]bool{}
	add := func(names ...string) {
		for _, name := range names {
			need[name] = true
		}
	}
	add(base...)
	for _, kind := range actions.Names() {
		if _, _, _, used := rs.FirstUse(kind); used {
			add(byAction[kind]...)
		}
	}
	for _, src := range rs.Sources().Files {
		for word, names := range byFact {
			if strings.Contains(string(src.Text), word) {
				add(names...)
			}
		}
	}
	var list []string
	for _, name := range []string{
		ReadAdmins, ReadConversations, WriteConversations, ReadTags, WriteTags, ReadPerson, ReadPeople, WritePeople,
		ReadTickets, WriteTickets, WriteEvents, ReadArticles,
	} {
		if need[name] {
			list = append(list, name)
		}
	}
	return list
}

// byFact are what facts in conditions and templates need that are looked up. That a word stands in a comment
// does no harm: one permission more is asked for.
var byFact = map[string][]string{
	"contact.": {ReadPerson}, "company.": {ReadPerson, ReadPeople}, "companies": {ReadPerson, ReadPeople},
	"find_contacts(": {ReadPeople}, "ticket.": {ReadTickets}, "articles(": {ReadArticles},
}
