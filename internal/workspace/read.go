package workspace

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"switchboard/internal/intercom"
)

// Read asks Intercom for the names of the workspace that the client's token belongs to. A list that
// Intercom does not let the token read is nil, and missing says which and why; any other failure is an
// error. now is the time that the snapshot has.
func Read(ctx context.Context, client *intercom.Client, now time.Time) (s *Snapshot, missing []error, err error) {
	me, err := client.Me(ctx)
	if err != nil {
		return nil, nil, err
	}
	s = &Snapshot{
		Version: Version, TakenAt: now.UTC().Truncate(time.Second),
		Workspace: Workspace{ID: me.App.IDCode, Name: me.App.Name, Region: me.App.Region},
	}
	for _, list := range []struct {
		what string
		read func() error
	}{
		{"admins", func() error { return read(ctx, &s.Admins, client.Admins, admin) }},
		{"teams", func() error { return read(ctx, &s.Teams, client.Teams, team) }},
		{"tags", func() error { return read(ctx, &s.Tags, client.Tags, tag) }},
		{"ticket types", func() error { return readTicketTypes(ctx, client, s) }},
		{"contact attributes", attributes(ctx, client, &s.ContactAttributes, intercom.ModelContact)},
		{"company attributes", attributes(ctx, client, &s.CompanyAttributes, intercom.ModelCompany)},
		{"conversation attributes", attributes(ctx, client, &s.ConversationAttributes, intercom.ModelConversation)},
	} {
		switch err := list.read(); {
		case forbidden(err):
			missing = append(missing, fmt.Errorf("%s are not known: %w", list.what, err))
		case err != nil:
			return nil, nil, err
		}
	}
	s.sort()
	return s, missing, nil
}

// forbidden tells whether Intercom does not let the token read something, or does not have it on the
// workspace's plan. Some endpoints say 401 where a permission is missing; a token that is wrong altogether has
// failed before.
func forbidden(err error) bool {
	e, ok := errors.AsType[*intercom.Error](err)
	return ok && (e.Status == http.StatusForbidden || e.Status == http.StatusUnauthorized || e.Code == "api_plan_restricted")
}

// read fills a list, which is not nil then.
func read[From, To any](ctx context.Context, into *[]To, list func(context.Context) ([]From, error), form func(From) To) error {
	from, err := list(ctx)
	if err != nil {
		return err
	}
	*into = mapped(from, form)
	return nil
}

// mapped is never nil.
func mapped[From, To any](list []From, f func(From) To) []To {
	out := make([]To, len(list))
	for i, v := range list {
		out[i] = f(v)
	}
	return out
}

func admin(a intercom.Admin) Admin {
	return Admin{ID: string(a.ID), Name: a.Name, Email: a.Email, Away: a.AwayModeEnabled, InboxSeat: a.HasInboxSeat}
}

func team(t intercom.Team) Team { return Team{ID: string(t.ID), Name: t.Name} }

func tag(t intercom.Tag) Tag { return Tag{ID: string(t.ID), Name: t.Name} }

func attributes(ctx context.Context, client *intercom.Client, into *[]Attribute, model string) func() error {
	list := func(ctx context.Context) ([]intercom.DataAttribute, error) {
		return client.AllDataAttributes(ctx, model)
	}
	return func() error {
		return read(ctx, into, list, func(a intercom.DataAttribute) Attribute {
			return Attribute{
				Name: a.Name, Path: a.FullName, Label: a.Label, DataType: a.DataType, Options: a.Options,
				Custom: a.Custom, Writable: a.Writable, Archived: a.Archived,
			}
		})
	}
}

// readTicketTypes asks for the states separately only where the types do not say theirs.
func readTicketTypes(ctx context.Context, client *intercom.Client, s *Snapshot) error {
	types, err := client.TicketTypes(ctx)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(types, func(t intercom.TicketType) bool { return len(t.States) == 0 }) {
		states, err := client.TicketStates(ctx)
		if err != nil {
			return err
		}
		for i, t := range types {
			if len(t.States) > 0 {
				continue
			}
			for _, state := range states {
				if len(state.TypeIDs) == 0 || slices.Contains(state.TypeIDs, t.ID) {
					types[i].States = append(types[i].States, state)
				}
			}
		}
	}
	s.TicketTypes = mapped(types, ticketType)
	return nil
}

func ticketType(t intercom.TicketType) TicketType {
	return TicketType{
		ID: string(t.ID), Name: t.Name, Category: t.Category, Archived: t.Archived,
		Attributes: mapped(t.Attributes, ticketAttribute), States: mapped(t.States, ticketState),
	}
}

func ticketAttribute(a intercom.TicketTypeAttribute) TicketAttribute {
	out := TicketAttribute{ID: string(a.ID), Name: a.Name, DataType: a.DataType, Archived: a.Archived}
	if a.DataType == "list" {
		out.Items = mapped(a.Items(), func(i intercom.ListItem) Item { return Item(i) })
	}
	return out
}

func ticketState(s intercom.TicketState) TicketState {
	return TicketState{
		ID: string(s.ID), Category: s.Category, InternalLabel: s.InternalLabel, ExternalLabel: s.ExternalLabel, Archived: s.Archived,
	}
}

// sort brings the lists into an order that does not depend on Intercom's: by id, and attributes of
// models, of which not all have one, by path. So a name that is new or another is one difference.
func (s *Snapshot) sort() {
	byID(s.Admins, func(a Admin) string { return a.ID })
	byID(s.Teams, func(t Team) string { return t.ID })
	byID(s.Tags, func(t Tag) string { return t.ID })
	byID(s.TicketTypes, func(t TicketType) string { return t.ID })
	for _, t := range s.TicketTypes {
		byID(t.Attributes, func(a TicketAttribute) string { return a.ID })
		byID(t.States, func(s TicketState) string { return s.ID })
		for _, a := range t.Attributes {
			byID(a.Items, func(i Item) string { return i.ID })
		}
	}
	for _, model := range models {
		slices.SortStableFunc(s.attributes(model), func(a, b Attribute) int {
			return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Label, b.Label))
		})
	}
}

// byID sorts by ids, numbers by their size.
func byID[T any](list []T, id func(T) string) {
	slices.SortStableFunc(list, func(a, b T) int {
		x, y := id(a), id(b)
		return cmp.Or(cmp.Compare(len(x), len(y)), cmp.Compare(x, y))
	})
}
