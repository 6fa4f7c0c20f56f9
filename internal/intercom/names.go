package intercom

import (
	"context"
	"sync"
	"time"
)

// names is one list of a Directory.
type names[T any] struct {
	*kind[T]
	fetch func(context.Context) ([]T, error)

	mu      sync.Mutex
	entries []T
	loaded  bool
	fresh   time.Time // the list counts as of this time
	checked time.Time // when it was last read
	changes int       // how often it was outdated
}

func (n *names[T]) name() string { return n.word + "s" }

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
	return n.match(n.entries, ref)
}

// add puts an entry in, unless there is one of that name already.
func (n *names[T]) add(name string, v T) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, ok, err := n.match(n.entries, name); !ok && err == nil {
		n.entries = append(n.entries, v)
	}
}

func (n *names[T]) notFound(ref string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.kind.notFound(n.entries, ref)
}
