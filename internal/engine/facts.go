package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"switchboard/internal/event"
	"switchboard/internal/intercom"
	"switchboard/internal/rules"
)

// Facts reads from Intercom what payloads lack: contacts, companies, whole conversations.
// Every read passes the budget. Contacts and companies are kept for a short time, because
// the events of one conversation follow each other; conversations are always read anew.
// It answers the look-ups of rules (rules.Lookup).
type Facts struct {
	client    *intercom.Client
	directory *intercom.Directory
	ready     func() time.Time
	keep      time.Duration
	cache     *lru.Cache[string, cached] // single contacts and their companies
	searches  *lru.Cache[string, cached] // lists of what was found
}

type cached struct {
	object json.RawMessage // nil: it does not exist
	until  time.Time
}

// The sizes bound the memory: a contact has about 2 KB, what a search finds up to 50 of them.
const (
	cacheSize    = 2000
	searchesSize = 50
)

// NewFacts makes the reader of facts. Contacts and companies are read again after keep. ready
// tells since when calls make sense: while that is in the future nothing is read, so that
// events that need no reading are not kept waiting by those that do.
func NewFacts(client *intercom.Client, directory *intercom.Directory, ready func() time.Time, keep time.Duration) *Facts {
	cache, err := lru.New[string, cached](cacheSize)
	searches, err2 := lru.New[string, cached](searchesSize)
	if err := errors.Join(err, err2); err != nil {
		panic(err) // only for a size below one
	}
	return &Facts{client: client, directory: directory, ready: ready, keep: keep, cache: cache, searches: searches}
}

// forget drops what an event says is out of date: what is kept of the contact it is about.
func (f *Facts) forget(ev event.Event) {
	if id, ok := strings.CutPrefix(ev.Subject, "contact/"); ok {
		f.cache.Remove(rules.Question{Kind: rules.AskContact, ID: id}.Key())
		f.cache.Remove(rules.Question{Kind: rules.AskCompanies, ID: id}.Key())
	}
}

// actsAs tells whether the admin with this id is the one that the rules act as: the teammate
// they name, or else the owner of the token. An error says that Intercom cannot be asked now.
func (f *Facts) actsAs(ctx context.Context, ref, id string) (bool, error) {
	me, err := f.directory.Me(reading(ctx))
	if err != nil || string(me.ID) == id || ref == "" {
		return err == nil && string(me.ID) == id, err
	}
	admin, err := f.directory.Admin(reading(ctx), ref)
	if intercom.ClassOf(err) == intercom.Permanent { // nobody has that name: nobody acts so
		return false, nil
	}
	return err == nil && string(admin.ID) == id, err
}

// Look implements rules.Lookup.
func (f *Facts) Look(ctx context.Context, q rules.Question) (json.RawMessage, error) {
	key, cache := q.Key(), f.cache
	if q.Kind == rules.AskArticles || q.Kind == rules.AskContacts {
		cache = f.searches
	}
	if c, ok := cache.Get(key); ok && time.Now().Before(c.until) {
		return c.object, nil
	}
	if err := f.spent(); err != nil {
		return nil, err
	}
	answer, err := existing(ask(reading(ctx), f.client, q))
	if err == nil && lasting(q.Kind) {
		cache.Add(key, cached{answer, time.Now().Add(f.keep)})
	}
	return answer, err
}

// lasting tells whether answers of this kind may be some seconds old. What happened to a
// conversation or ticket on this event must be in the answer.
func lasting(kind rules.QuestionKind) bool {
	switch kind {
	case rules.AskContact, rules.AskCompanies, rules.AskArticles, rules.AskContacts:
		return true
	case rules.AskConversation, rules.AskTicket, rules.AskConversations:
	}
	return false
}

// AskNow answers a question for those who can wait: whatever decisions and actions wait for goes first.
// Nothing is kept, and it waits as long as the budget says.
func AskNow(ctx context.Context, client *intercom.Client, q rules.Question) (json.RawMessage, error) {
	return existing(ask(intercom.WithPriority(ctx, intercom.PriorityBackground), client, q))
}

// ask makes the call that answers a question.
func ask(ctx context.Context, client *intercom.Client, q rules.Question) (json.RawMessage, error) {
	switch q.Kind {
	case rules.AskContact:
		_, raw, err := client.Contact(ctx, q.ID)
		return raw, err
	case rules.AskCompanies:
		list, err := client.ContactCompanies(ctx, q.ID)
		if err != nil {
			return nil, err
		}
		return json.Marshal(list)
	case rules.AskConversation:
		_, raw, err := client.Conversation(ctx, q.ID)
		return raw, err
	case rules.AskTicket:
		_, raw, err := client.Ticket(ctx, q.ID)
		return raw, err
	case rules.AskArticles:
		list := []intercom.Article{}
		for item, err := range client.SearchArticles(ctx, q.Search, q.Limit) {
			if err != nil {
				return nil, silent(err)
			}
			item.Value.Body = "" // long, and no fact
			list = append(list, item.Value)
		}
		return json.Marshal(list)
	case rules.AskContacts:
		query, err := parseSearch(q)
		if err != nil {
			return nil, err
		}
		return found(client.SearchContacts(ctx, query, q.Limit))
	case rules.AskConversations:
		query, err := parseSearch(q)
		if err != nil {
			return nil, err
		}
		return found(client.SearchConversations(ctx, query, q.Limit))
	}
	return nil, &rules.UnavailableError{Err: fmt.Errorf("nobody knows how to look up %s", q)}
}

// parseSearch reads the query of a search. The rules were checked when they were loaded, so
// what is wrong now will be wrong the next time.
func parseSearch(q rules.Question) (intercom.Query, error) {
	d := json.NewDecoder(strings.NewReader(q.Search))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return intercom.Query{}, &rules.UnavailableError{Err: errors.New("the search cannot be read")}
	}
	query, err := intercom.ParseQuery(v)
	if err != nil {
		return intercom.Query{}, &rules.UnavailableError{Err: err}
	}
	return query, nil
}

// found are the objects that a search finds, as a JSON array.
func found[T any](items iter.Seq2[intercom.Item[T], error]) (json.RawMessage, error) {
	list, err := intercom.Raws(items)
	if err != nil {
		return nil, silent(err)
	}
	return json.Marshal(list)
}

// silent is an error without Intercom's own words, which may repeat what was searched for
// (I10).
func silent(err error) error {
	if e, ok := errors.AsType[*intercom.Error](err); ok {
		quiet := *e
		quiet.Message = ""
		return &quiet
	}
	return err
}

// notYetError says that what a decision needs cannot be known before a time: the budget is
// spent, the workspace is paused, or a call of ours has to end first.
type notYetError struct{ wait time.Duration }

func (e *notYetError) Error() string {
	return "nothing can be read for " + e.wait.String()
}

func (f *Facts) spent() error {
	if until := f.ready(); until.After(time.Now()) {
		return &notYetError{time.Until(until)}
	}
	return nil
}

// existing turns "not found" into no object: a merged or deleted contact is a fact too. What
// Intercom refuses for good is not available; waiting would not change that.
func existing(raw json.RawMessage, err error) (json.RawMessage, error) {
	switch {
	case errors.As(err, new(*rules.UnavailableError)):
		return nil, err
	case intercom.NotFound(err):
		return nil, nil
	case intercom.ClassOf(err) == intercom.Permanent:
		return nil, &rules.UnavailableError{Err: err}
	}
	return raw, err
}

func reading(ctx context.Context) context.Context {
	return intercom.WithPriority(ctx, intercom.PriorityRead)
}
