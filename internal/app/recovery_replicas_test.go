package app_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"switchboard/internal/simulator"
)

// TestI11_replicas_recover_once stops three replicas for an hour and starts them again; the one that
// leads goes at once while it recovers, and another takes over.
func TestI11_replicas_recover_once(t *testing.T) {
	const text = `
version: 1
rules:
  - {name: answer, when: [conversation.user.created, conversation.user.replied], then: [tag: Seen, note: "{{ message.text }}", reply: "{{ message.text }}"]}
`
	o := simulator.Options{Faults: simulator.Faults{Latency: simulator.Latency{Min: 100 * time.Millisecond}}}
	inCluster(t, 3, text, o, withRecovery, func(c *cluster) {
		time.Sleep(time.Minute)
		for i := range c.replicas {
			c.stopReplica(i, false)
		}
		var ids []string
		for i := range 40 {
			id := must(t)(c.sim.CustomerStarts(c.customer(), fmt.Sprint("hello ", i)))
			time.Sleep(time.Second)
			must(t)(c.sim.CustomerReplies(id, fmt.Sprint("again ", i)))
			ids = append(ids, id)
		}
		time.Sleep(time.Hour)
		for i := range c.replicas {
			c.startReplica(i)
		}
		c.app = c.replicas[1].app
		recovered := func() (n int) {
			for _, id := range ids {
				events, err := c.app.Store().EventsOn(context.Background(), simulator.DefaultAppID, "conversation/"+id)
				if err != nil {
					t.Fatal(err)
				}
				n += min(len(events), 1)
			}
			return n
		}
		for range 50 {
			if recovered() > 0 {
				break
			}
			time.Sleep(100 * time.Millisecond)
		}
		if n := recovered(); n == 0 || n == len(ids) {
			t.Errorf("%d of %d conversations are recovered: that is not the middle", n, len(ids))
		}
		killed := 0
		for i, r := range c.replicas {
			if r.app.Store().Leads() {
				c.stopReplica(i, true)
				killed++
				break
			}
		}
		if killed != 1 {
			t.Error("nobody leads: the test shows too little")
		}
		time.Sleep(10 * time.Minute)
		c.settle(time.Hour)
		for i, id := range ids {
			want := fmt.Sprint([]string{
				fmt.Sprintf("<p>hello %d</p>", i), fmt.Sprintf("<p>hello %d</p>", i), fmt.Sprintf("<p>again %d</p>", i), fmt.Sprintf("<p>again %d</p>", i),
			})
			if got := fmt.Sprint(c.texts(id)); got != want {
				t.Errorf("conversation %d: %s, want %s", i, got, want)
			}
		}
	})
}
