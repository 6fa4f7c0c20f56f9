package engine

import (
	"maps"
	"sync"
)

// counts are how often each rule had each result since the start, for people who look at the console; the
// metrics say the same to machines.
type counts struct {
	mu    sync.Mutex
	rules map[string]map[string]int
}

func (c *counts) add(rule, result string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.rules == nil {
		c.rules = map[string]map[string]int{}
	}
	if c.rules[rule] == nil {
		c.rules[rule] = map[string]int{}
	}
	c.rules[rule][result]++
}

// Counts are how often each rule had each result (rules.Results) since the start.
func (e *Engine) Counts() map[string]map[string]int {
	e.counts.mu.Lock()
	defer e.counts.mu.Unlock()
	all := make(map[string]map[string]int, len(e.counts.rules))
	for rule, results := range e.counts.rules {
		all[rule] = maps.Clone(results)
	}
	return all
}
