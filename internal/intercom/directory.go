package intercom

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"
)

// Directory is the cached names of a workspace: teammates, teams, tags, types and states of
// tickets, and attributes. People write names into rules and Intercom wants ids; this finds
// them. Names ignore case and surrounding space.
// It is safe for concurrent use, and callers that want the same list share one call.
type Directory struct {
	client *Client
	ttl    time.Duration
	log    *slog.Logger
	flight singleflight.Group

	admins       *names[Admin]
	teams        *names[Team]
	tags         *names[Tag]
	ticketTypes  *names[TicketType]
	ticketStates *names[TicketState]
	attributes   map[string]*names[DataAttribute] // by model

	mu          sync.Mutex
	me          *Me
	meAt        time.Time
	open        map[ID]openCount // by teammate
	openChanged map[ID]time.Time // what was asked before does not count
	counting    atomic.Bool
}

// DirectoryOptions configure a Directory.
type DirectoryOptions struct {
	// TTL is how old a list may be before it is read again; 0 means 10 minutes.
	TTL time.Duration
	// Logger is told of failed refreshes that old entries made up for; nil tells nobody.
	Logger *slog.Logger
}

const (
	// recheck is how often a name that is not in a list makes it be read again at most.
	recheck = time.Minute
	// refreshTimeout bounds a refresh, waiting for the budget included. It is made for all
	// who wait, so it does not end with the one who happened to ask first.
	refreshTimeout = time.Minute
)

// NewDirectory makes a directory that reads each list when it is first needed.
func NewDirectory(c *Client, o DirectoryOptions) *Directory {
	d := &Directory{client: c, ttl: o.TTL, log: o.Logger, open: map[ID]openCount{}, openChanged: map[ID]time.Time{}}
	if d.ttl <= 0 {
		d.ttl = 10 * time.Minute
	}
	if d.log == nil {
		d.log = slog.New(slog.DiscardHandler)
	}
	d.admins = &names[Admin]{kind: adminKind, fetch: c.Admins}
	d.teams = &names[Team]{kind: teamKind, fetch: c.Teams}
	d.tags = &names[Tag]{kind: tagKind, fetch: c.Tags}
	d.ticketTypes = &names[TicketType]{kind: ticketTypeKind, fetch: c.TicketTypes}
	d.ticketStates = &names[TicketState]{kind: ticketStateKind, fetch: c.TicketStates}
	d.attributes = map[string]*names[DataAttribute]{}
	for model, kind := range attributeKinds {
		d.attributes[model] = &names[DataAttribute]{
			kind:  kind,
			fetch: func(ctx context.Context) ([]DataAttribute, error) { return c.DataAttributes(ctx, model) },
		}
	}
	return d
}

// Admin finds a teammate by id, e-mail or name. The error is a *NotFoundError, an
// *AmbiguousError, or that of reading the list.
func (d *Directory) Admin(ctx context.Context, ref string) (Admin, error) {
	return find(ctx, d, d.admins, ref)
}

// Team finds a team by id or name; errors are as for Admin.
func (d *Directory) Team(ctx context.Context, ref string) (Team, error) {
	return find(ctx, d, d.teams, ref)
}

// TicketType finds a ticket type that is not archived by id or name; errors are as for Admin.
func (d *Directory) TicketType(ctx context.Context, ref string) (TicketType, error) {
	return find(ctx, d, d.ticketTypes, ref)
}

// TicketState finds a state of tickets that is not archived: by id, by the label that
// teammates see, by the one that customers see, or by category, in this order. Errors are as
// for Admin.
func (d *Directory) TicketState(ctx context.Context, ref string) (TicketState, error) {
	return find(ctx, d, d.ticketStates, ref)
}

// DataAttribute finds an attribute of a model that is not archived: by its path, by its name,
// or by its label, in this order. Errors are as for Admin.
func (d *Directory) DataAttribute(ctx context.Context, model, ref string) (DataAttribute, error) {
	attributes, ok := d.attributes[model]
	if !ok {
		return DataAttribute{}, noModel(model)
	}
	return find(ctx, d, attributes, ref)
}

// Tag finds a tag by name and creates it when there is none.
func (d *Directory) Tag(ctx context.Context, name string) (Tag, error) {
	if fold(name) == "" {
		return Tag{}, &NotFoundError{Kind: "tag", Name: name}
	}
	if err := d.freshen(ctx, d.tags); err != nil {
		return Tag{}, err
	}
	// Creating finds an existing tag too, so a miss needs no second look at the list.
	if tag, ok, err := d.tags.lookup(name); ok || err != nil {
		return tag, err
	}
	made, err := share(ctx, d, "create tag "+fold(name), func(ctx context.Context) (*Tag, error) {
		// Another flight may have made it between the look-up and this one.
		if tag, ok, err := d.tags.lookup(name); ok || err != nil {
			return &tag, err
		}
		tag, err := d.client.CreateTag(ctx, strings.TrimSpace(name))
		if err != nil {
			return nil, err
		}
		// Under the name it was asked for, should Intercom have changed it a little.
		if fold(tag.Name) != fold(name) {
			tag.Name = strings.TrimSpace(name)
		}
		d.tags.add(tag.Name, *tag)
		return tag, nil
	})
	if err != nil {
		return Tag{}, err
	}
	return *made, nil
}

// TagIfExists finds a tag by name without creating it.
func (d *Directory) TagIfExists(ctx context.Context, name string) (Tag, bool, error) {
	tag, err := find(ctx, d, d.tags, name)
	if _, missing := errors.AsType[*NotFoundError](err); missing {
		return Tag{}, false, nil
	}
	return tag, err == nil, err
}

// RecheckTag looks again for a tag that Intercom did not know although the directory did: it
// may have been deleted. The tag returned has another id when it had to be created anew.
func (d *Directory) RecheckTag(ctx context.Context, tag Tag) (Tag, error) {
	if d.tags.due(recheck) {
		if err := refresh(ctx, d, d.tags); err != nil {
			return Tag{}, err
		}
	}
	return d.Tag(ctx, tag.Name)
}

// Me is who the token belongs to.
func (d *Directory) Me(ctx context.Context) (*Me, error) {
	d.mu.Lock()
	me, fresh := d.me, time.Since(d.meAt) < d.ttl
	d.mu.Unlock()
	if me != nil && fresh {
		return me, nil
	}
	now, err := share(ctx, d, "me", d.client.Me)
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case err == nil:
		d.me, d.meAt = now, time.Now()
	case me == nil || ctx.Err() != nil:
		return nil, err
	default: // who a token belongs to does not change
		d.keepOld("me", err)
		d.meAt = time.Now().Add(recheck - d.ttl)
	}
	return d.me, nil
}

func (d *Directory) keepOld(list string, err error) {
	d.log.Warn("directory not refreshed, keeping old names", slog.String("list", list), slog.Any("err", err))
}

// reloader is a list that can be read again.
type reloader interface {
	name() string
	reload(ctx context.Context) error
	age() (age time.Duration, loaded bool)
	setAge(age time.Duration)
}

// freshen reads the list when it is too old or was never read. If that fails, an old list is
// good enough, and it is tried again a minute later.
func (d *Directory) freshen(ctx context.Context, l reloader) error {
	age, loaded := l.age()
	if loaded && age < d.ttl {
		return nil
	}
	err := refresh(ctx, d, l)
	if err == nil || !loaded || ctx.Err() != nil {
		return err
	}
	d.keepOld(l.name(), err)
	l.setAge(d.ttl - recheck)
	return nil
}

func refresh(ctx context.Context, d *Directory, l reloader) error {
	_, err := share(ctx, d, "list "+l.name(), func(ctx context.Context) (struct{}, error) {
		return struct{}{}, l.reload(ctx)
	})
	return err
}

// share makes a call once for all who want it at the same time. Each waits as long as its own
// context allows.
func share[T any](ctx context.Context, d *Directory, key string, call func(context.Context) (T, error)) (T, error) {
	result := d.flight.DoChan(key, func() (any, error) {
		// It belongs to nobody in particular: it outlives the caller, and is not the call
		// whose sending the caller's trace is waiting for.
		ctx, cancel := context.WithTimeout(WithTrace(context.WithoutCancel(ctx), nil), refreshTimeout)
		defer cancel()
		return call(ctx)
	})
	select {
	case r := <-result:
		v, _ := r.Val.(T)
		return v, r.Err
	case <-ctx.Done():
		var zero T
		return zero, ctx.Err()
	}
}

func find[T any](ctx context.Context, d *Directory, n *names[T], ref string) (T, error) {
	var zero T
	if err := d.freshen(ctx, n); err != nil {
		return zero, err
	}
	if v, ok, err := n.lookup(ref); ok || err != nil {
		return v, err
	}
	if n.due(recheck) {
		// If it cannot be read now it is not known whether the name exists.
		if err := refresh(ctx, d, n); err != nil {
			return zero, err
		}
		if v, ok, err := n.lookup(ref); ok || err != nil {
			return v, err
		}
	}
	return zero, n.notFound(ref)
}
