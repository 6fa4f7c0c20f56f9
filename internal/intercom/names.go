package intercom

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"
)

// names is one list. Entries are found by their keys; an earlier key of any entry wins over a
// later one of another, so that an id is never taken for somebody's name.
type names[T any] struct {
	kind  string
	fetch func(context.Context) ([]T, error)
	keys  func(T) (ID, []string)

	mu      sync.Mutex
	entries []T
	loaded  bool
	fresh   time.Time // the list counts as of this time
	checked time.Time // when it was last read
	changes int       // how often it was outdated
}

func (n *names[T]) name() string { return n.kind + "s" }

func (n *names[T]) age() (time.Duration, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return time.Since(n.fresh), n.loaded
}

// setAge makes the list count as that old.
func (n *names[T]) setAge(age time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.fresh = time.Now().Add(-age)
}

// due tells whether the list was last read that long ago.
func (n *names[T]) due(after time.Duration) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return time.Since(n.checked) >= after
}

func (n *names[T]) reload(ctx context.Context) error {
	n.mu.Lock()
	changes := n.changes
	n.mu.Unlock()
	entries, err := n.fetch(ctx)
	if err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	now := time.Now()
	n.entries, n.loaded, n.fresh, n.checked = entries, true, now, now
	if n.changes != changes { // while it was read
		n.fresh = now.Add(-crewAge)
	}
	return nil
}

// outdate says that an entry is another now: the list counts as too old for picks.
func (n *names[T]) outdate() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.changes++
	if old := time.Now().Add(-crewAge); n.fresh.After(old) {
		n.fresh = old
	}
}

// those are the entries that fit.
func (n *names[T]) those(fit func(T) bool) (list []T) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, e := range n.entries {
		if fit(e) {
			list = append(list, e)
		}
	}
	return list
}

func (n *names[T]) lookup(ref string) (v T, found bool, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.match(ref)
}

// match finds the entry; mu is held.
func (n *names[T]) match(ref string) (v T, found bool, err error) {
	ref = fold(ref)
	if ref == "" {
		return v, false, nil
	}
	for rank, more := 0, true; more; rank++ {
		var matches []T
		more = false
		for _, e := range n.entries {
			_, keys := n.keys(e)
			more = more || rank+1 < len(keys)
			if rank < len(keys) && fold(keys[rank]) == ref {
				matches = append(matches, e)
			}
		}
		switch {
		case len(matches) == 1:
			return matches[0], true, nil
		case len(matches) > 1:
			return v, false, n.ambiguous(ref, matches)
		}
	}
	return v, false, nil
}

// add puts an entry in, unless there is one of that name already.
func (n *names[T]) add(name string, v T) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, ok, err := n.match(name); !ok && err == nil {
		n.entries = append(n.entries, v)
	}
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

func (n *names[T]) ambiguous(ref string, matches []T) error {
	e := &AmbiguousError{Kind: n.kind, Name: ref}
	for _, m := range matches {
		id, _ := n.keys(m)
		e.IDs = append(e.IDs, string(id))
	}
	return e
}

func (n *names[T]) notFound(ref string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	var known []string
	for _, e := range n.entries {
		_, keys := n.keys(e)
		known = append(known, keys...)
	}
	return &NotFoundError{Kind: n.kind, Name: cut(ref, maxCode), Closest: closest(ref, known)}
}
