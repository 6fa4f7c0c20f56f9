package app_test

import (
	"maps"
	"net/http"
	"slices"
	"testing"
	"time"

	"switchboard/internal/simulator"
)

// TestI5_replicas gives three replicas a backlog of 1,500 calls and 167 per window: together they
// neither exceed that nor leave it unused, and each conversation keeps its order.
func TestI5_replicas(t *testing.T) {
	const limit = 167
	o := simulator.Options{RateLimit: limit, Faults: simulator.Faults{Latency: simulator.Latency{Min: 20 * time.Millisecond, Max: 300 * time.Millisecond}}}
	inCluster(t, 3, countingRules, o, func(*world) {}, func(c *cluster) {
		want := c.chat(60, 8, 5*time.Millisecond, func(int) {})
		c.settle(10 * time.Minute)
		c.check(want)

		windows, refused, writes := map[int64]int{}, 0, 0
		for _, call := range c.sim.Journal() {
			windows[call.Time.Unix()/10]++
			if call.Status == http.StatusTooManyRequests {
				refused++
			}
			if call.Effect != simulator.EffectNone {
				writes++
			}
		}
		if refused > 0 {
			t.Errorf("%d calls refused with 429", refused)
		}
		if writes < 1500 {
			t.Errorf("%d effects, want 1,500: it was no backlog", writes)
		}
		numbers := slices.Sorted(maps.Keys(windows))
		if full := int(numbers[len(numbers)-1]-numbers[0]) - 1; full < 7 {
			t.Fatalf("%d full windows: the test shows nothing", full)
		}
		for n := numbers[0] + 1; n < numbers[len(numbers)-1]; n++ {
			if used := windows[n]; used*100 < limit*95 {
				t.Errorf("%d of %d calls used in window %d of %v, want 95 %%", used, limit, n-numbers[0], windows)
			}
		}
	})
}
