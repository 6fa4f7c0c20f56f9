package intercom

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// kind is how names of one kind are found. Entries are found by their keys; an earlier key of any
// entry wins over a later one of another, so that an id is never taken for somebody's name.
type kind[T any] struct {
	word string
	keys func(T) (ID, []string)
	// gone tells of an entry that is in Intercom's list and cannot be used; nil: there is none.
	gone func(T) bool
}

var (
	adminKind = &kind[Admin]{word: "admin", keys: func(a Admin) (ID, []string) {
		return a.ID, []string{string(a.ID), a.Email, a.Name}
	}}
	teamKind = &kind[Team]{word: "team", keys: func(t Team) (ID, []string) {
		return t.ID, []string{string(t.ID), t.Name}
	}}
	// Not by id: a tag that does not exist is created, and its name may look like an id.
	tagKind = &kind[Tag]{word: "tag", keys: func(t Tag) (ID, []string) {
		return t.ID, []string{t.Name}
	}}
	ticketTypeKind = &kind[TicketType]{
		word: "ticket type",
		keys: func(t TicketType) (ID, []string) { return t.ID, []string{string(t.ID), t.Name} },
		gone: func(t TicketType) bool { return t.Archived },
	}
	ticketStateKind = &kind[TicketState]{
		word: "ticket state",
		keys: func(s TicketState) (ID, []string) {
			return s.ID, []string{string(s.ID), s.InternalLabel, s.ExternalLabel, s.Category}
		},
		gone: func(s TicketState) bool { return s.Archived },
	}
	attributeKinds = map[string]*kind[DataAttribute]{
		ModelContact: attributeKind(ModelContact), ModelCompany: attributeKind(ModelCompany), ModelConversation: attributeKind(ModelConversation),
	}
)

func attributeKind(model string) *kind[DataAttribute] {
	return &kind[DataAttribute]{
		word: model + " attribute",
		// Those that come with Intercom have no id, but no two have the same path.
		keys: func(a DataAttribute) (ID, []string) {
			return ID(a.FullName), []string{a.FullName, a.Name, a.Label}
		},
		gone: func(a DataAttribute) bool { return a.Archived },
	}
}

// noModel is the error for a model that has no attributes.
func noModel(model string) error {
	return &NotFoundError{Kind: "model", Name: model, Closest: closest(model, slices.Sorted(maps.Keys(attributeKinds)))}
}

// match finds an entry.
func (k *kind[T]) match(entries []T, ref string) (v T, found bool, err error) {
	ref = fold(ref)
	if ref == "" {
		return v, false, nil
	}
	for rank, more := 0, true; more; rank++ {
		var matches []T
		more = false
		for _, e := range entries {
			if k.gone != nil && k.gone(e) {
				continue
			}
			_, keys := k.keys(e)
			more = more || rank+1 < len(keys)
			if rank < len(keys) && fold(keys[rank]) == ref {
				matches = append(matches, e)
			}
		}
		switch {
		case len(matches) == 1:
			return matches[0], true, nil
		case len(matches) > 1:
			return v, false, k.ambiguous(ref, matches)
		}
	}
	return v, false, nil
}

// find finds an entry, or says that there is none.
func (k *kind[T]) find(entries []T, ref string) (T, error) {
	v, ok, err := k.match(entries, ref)
	if ok || err != nil {
		return v, err
	}
	return v, k.notFound(entries, ref)
}

func (k *kind[T]) ambiguous(ref string, matches []T) error {
	e := &AmbiguousError{Kind: k.word, Name: ref}
	for _, m := range matches {
		id, _ := k.keys(m)
		e.IDs = append(e.IDs, string(id))
	}
	return e
}

func (k *kind[T]) notFound(entries []T, ref string) error {
	var known []string
	for _, e := range entries {
		if k.gone == nil || !k.gone(e) {
			_, keys := k.keys(e)
			known = append(known, keys...)
		}
	}
	return &NotFoundError{Kind: k.word, Name: cut(ref, maxCode), Closest: closest(ref, known)}
}

func fold(s string) string { return strings.ToLower(strings.TrimSpace(s)) }

// NotFoundError is a name that the workspace does not have.
type NotFoundError struct {
	// Kind is what there is none of, such as admin, team, tag or ticket type.
	Kind string
	Name string
	// Closest is a name much like it that exists; may be empty.
	Closest string
}

// Error suggests the closest name.
func (e *NotFoundError) Error() string {
	s := fmt.Sprintf("no %s %q in the workspace", e.Kind, e.Name)
	if e.Closest != "" {
		s += fmt.Sprintf("; did you mean %q?", e.Closest)
	}
	return s
}

// ErrorClass is Permanent: a person has to mend the rule or the workspace.
func (e *NotFoundError) ErrorClass() Class { return Permanent }

// AmbiguousError is a name that several have; only the id tells them apart.
type AmbiguousError struct {
	Kind string
	Name string
	IDs  []string
}

// Error lists the ids.
func (e *AmbiguousError) Error() string {
	return fmt.Sprintf("several %ss are called %q; use one of their ids: %s", e.Kind, e.Name, strings.Join(e.IDs, ", "))
}

// ErrorClass is Permanent: a person has to mend the rule.
func (e *AmbiguousError) ErrorClass() Class { return Permanent }
