package intercom

import "time"

// waiter is a call that waits for the budget.
type waiter struct {
	priority Priority
	arrival  uint64
	since    time.Time     // when it came, and once granted, when that was
	granted  chan struct{} // closed when the call may be sent
	permit   *permit       // what was granted, if permits do not keep
	index    int           // in waiters; -1 once granted or gone
}

// waiters is a heap: highest priority first, then first come.
type waiters []*waiter

func (h waiters) Len() int { return len(h) }

func (h waiters) Less(i, j int) bool {
	if h[i].priority != h[j].priority {
		return h[i].priority > h[j].priority
	}
	return h[i].arrival < h[j].arrival
}

func (h waiters) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

// Push is for the heap package.
func (h *waiters) Push(x any) {
	w := x.(*waiter)
	w.index = len(*h)
	*h = append(*h, w)
}

// Pop is for the heap package.
func (h *waiters) Pop() any {
	old := *h
	w := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	w.index = -1
	return w
}
