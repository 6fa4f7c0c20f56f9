package simulator

import (
	"iter"
	"slices"
)

// table holds the objects of one kind: by id, and in the order in which they were made.
// Each has a number that grows with that order and stays when others go, for cursors.
type table[T any] struct {
	byID   map[string]*T
	order  []string
	number map[string]int
	made   int
}

func newTable[T any]() table[T] {
	return table[T]{byID: make(map[string]*T), number: make(map[string]int)}
}

func (t *table[T]) put(id string, v *T) {
	if _, known := t.byID[id]; !known {
		t.made++
		t.number[id] = t.made
		t.order = append(t.order, id)
	}
	t.byID[id] = v
}

func (t *table[T]) remove(ids ...string) {
	for _, id := range ids {
		delete(t.byID, id)
		delete(t.number, id)
	}
	t.order = slices.DeleteFunc(t.order, func(id string) bool { return t.byID[id] == nil })
}

// all are the objects in the order in which they were made.
func (t *table[T]) all(yield func(*T) bool) {
	for _, id := range t.order {
		if !yield(t.byID[id]) {
			return
		}
	}
}

// newest are the objects and their numbers, the one made last first.
func (t *table[T]) newest() iter.Seq2[int, *T] {
	return func(yield func(int, *T) bool) {
		for _, id := range slices.Backward(t.order) {
			if !yield(t.number[id], t.byID[id]) {
				return
			}
		}
	}
}

// matching are the objects that fit, oldest first.
func (t *table[T]) matching(fits func(*T) bool) []*T {
	var out []*T
	for v := range t.all {
		if fits(v) {
			out = append(out, v)
		}
	}
	return out
}

// numberAfter is the number of the last of the newest few that fit: a page by number is
// what comes after it. One past the end has nothing after it.
func (t *table[T]) numberAfter(few int, fits func(*T) bool) int {
	for number, v := range t.newest() {
		if !fits(v) {
			continue
		}
		if few--; few == 0 {
			return number
		}
	}
	return 1
}
