package app_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"switchboard/internal/operations"
	"switchboard/internal/simulator"
)

// onReplies are rules on what a teammate's reply that assigns makes: two notifications of one part.
func onReplies(rules ...string) string {
	return "version: 1\nrules:\n  - { name: remember, when: [conversation.admin.replied, conversation.admin.assigned, conversation.user.replied], then: [tag: Seen] }\n  - " +
		strings.Join(rules, "\n  - ") + "\n"
}

// TestI4_replay_of_one_deed: what somebody did can be several notifications, and answered by a rule that has
// another name now, waited, or is off. However it is replayed, it is answered once.
func TestI4_replay_of_one_deed(t *testing.T) {
	const both = "[conversation.admin.replied, conversation.admin.assigned]"
	const nobody = "{ name: other, when: ping, then: [close] }"
	answer := func(name, when, more string) string {
		return "{ name: " + name + ", when: " + when + more + ", then: [reply: Soon] }"
	}
	replay := func(topic string, force bool) operations.ReplayRequest {
		r := operations.ReplayRequest{Topic: topic, Run: true, Force: force}
		if force {
			r.Rules = []string{"answer"}
		}
		return r
	}
	for name, c := range map[string]struct {
		before, after []string
		replays       []operations.ReplayRequest
	}{
		"forced on both notifications": {
			[]string{nobody},
			[]string{answer("answer", both, "")},
			[]operations.ReplayRequest{replay("conversation.admin.replied", true), replay("conversation.admin.assigned", true)},
		},
		"forced on both at once": {
			[]string{nobody},
			[]string{answer("answer", both, "")},
			[]operations.ReplayRequest{{Since: time.Unix(1, 0), Rules: []string{"answer"}, Force: true, Run: true}},
		},
		"forced on one, then the other": {
			[]string{nobody},
			[]string{answer("answer", both, "")},
			[]operations.ReplayRequest{replay("conversation.admin.replied", true), replay("conversation.admin.assigned", false)},
		},
		"forced on the one that it did not listen to": {
			[]string{answer("answer", "conversation.admin.replied", "")},
			[]string{answer("answer", both, "")},
			[]operations.ReplayRequest{replay("conversation.admin.assigned", true), replay("conversation.admin.replied", true)},
		},
		"another name": {
			[]string{answer("answer", both, "")},
			[]string{answer("reassure", both, "")},
			[]operations.ReplayRequest{replay("conversation.admin.assigned", false), replay("conversation.admin.replied", false)},
		},
		"another name, it had waited": {
			[]string{answer("answer", "conversation.admin.replied", ", after: 5m")},
			[]string{answer("reassure", both, "")},
			[]operations.ReplayRequest{replay("conversation.admin.replied", false), replay("conversation.admin.assigned", false)},
		},
		"off, with a successor": {
			[]string{answer("answer", both, "")},
			[]string{answer("answer", both, ", state: off, because: replaced"), answer("successor", both, "")},
			[]operations.ReplayRequest{replay("conversation.admin.replied", false), replay("conversation.admin.assigned", false)},
		},
		"listening to something else, with a successor": {
			[]string{answer("answer", both, "")},
			[]string{answer("answer", "ping", ""), answer("successor", both, "")},
			[]operations.ReplayRequest{replay("conversation.admin.replied", false)},
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubbleWith(t, onReplies(c.before...), simulator.Options{}, calmly, func(w *world) {
				id := must(t)(w.sim.CustomerStarts(w.customer(), "Hello"))
				admins := w.sim.Admins()
				must(t)(w.sim.AdminReplies(id, admins[0].ID, "I ask somebody else", admins[1].ID))
				time.Sleep(10 * time.Minute)
				w.settle(time.Minute)
				w.reload(onReplies(c.after...))
				for _, r := range c.replays {
					t.Log(w.replay(r))
				}
				if n := calls(w, simulator.EffectReply); n != 1 {
					t.Errorf("%d replies, want 1", n)
				}
			})
		})
	}
}

// TestI4_replay_of_what_is_settled: somebody has answered or closed since. The payload of then does not know.
func TestI4_replay_of_what_is_settled(t *testing.T) {
	const open = `{ name: open, when: conversation.user.replied, if: 'conversation.state == "open"', then: [tag: Late, reply: Soon] }`
	for name, since := range map[string]func(w *world, id, admin string) (string, error){
		"answered": func(w *world, id, admin string) (string, error) { return w.sim.AdminReplies(id, admin, "Solved", "") },
		"closed":   func(w *world, id, admin string) (string, error) { return w.sim.AdminCloses(id, admin, "") },
	} {
		t.Run(name, func(t *testing.T) {
			inBubbleWith(t, onReplies("{ name: other, when: ping, then: [close] }"), simulator.Options{}, calmly, func(w *world) {
				id := must(t)(w.sim.CustomerStarts(w.customer(), "Hello"))
				must(t)(w.sim.CustomerReplies(id, "Is anybody there?"))
				w.settle(time.Minute)
				time.Sleep(time.Minute)
				must(t)(since(w, id, w.sim.Admins()[0].ID))
				w.settle(time.Minute)
				w.reload(onReplies(open))
				tags := calls(w, simulator.EffectTag)
				got := w.replay(operations.ReplayRequest{Topic: "conversation.user.replied", Run: true})
				if !strings.Contains(got, "came after it") || calls(w, simulator.EffectReply) != 0 || calls(w, simulator.EffectTag) != tags+1 {
					t.Errorf("%d replies, want 0 and the tag: %s", calls(w, simulator.EffectReply), got)
				}
			})
		})
	}
}

// TestReplay_two_people replay the same events for different rules at the same moment: both are done, or told
// that theirs was not.
func TestReplay_two_people(t *testing.T) {
	rules := onReplies("{ name: a, when: conversation.user.replied, then: [tag: A] }", "{ name: b, when: conversation.user.replied, then: [tag: B] }")
	inBubbleWith(t, onReplies("{ name: other, when: ping, then: [close] }"), simulator.Options{}, calmly, func(w *world) {
		const messages = 5
		id := must(t)(w.sim.CustomerStarts(w.customer(), "Hello"))
		for range messages {
			must(t)(w.sim.CustomerReplies(id, "Is anybody there?"))
		}
		w.settle(time.Minute)
		w.reload(rules)
		before := calls(w, simulator.EffectTag)
		told := map[string]int{}
		var mu sync.Mutex
		var people sync.WaitGroup
		for _, rule := range []string{"a", "b"} {
			people.Go(func() {
				answer, err := w.app.Replay(w.t.Context(), operations.ReplayRequest{Topic: "conversation.user.replied", Rules: []string{rule}, Run: true, Limit: 10})
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				told["stored"] += answer.Count(operations.ReplayStored)
				told["failed"] += answer.Count(operations.ReplayFailed)
			})
		}
		people.Wait()
		w.settle(time.Minute)
		if done := calls(w, simulator.EffectTag) - before; done != told["stored"] || told["stored"]+told["failed"] != 2*messages || done < messages {
			t.Errorf("%d tags, and they were told %v", done, told)
		}
	})
}

// TestReplay_what_was_known_then does not keep a rule from being asked now.
func TestReplay_what_was_known_then(t *testing.T) {
	rules := onReplies(`{ name: vip, when: conversation.user.replied, if: 'contact.custom_attributes.plan == "gold"', then: [tag: VIP] }`)
	for name, refused := range map[string]bool{"a look-up was refused": true, "it was another value": false} {
		t.Run(name, func(t *testing.T) {
			inBubbleWith(t, rules, simulator.Options{}, calmly, func(w *world) {
				contact := w.customer()
				gold := func() {
					if err := w.sim.SetContactAttribute(contact, "plan", "gold"); err != nil {
						t.Fatal(err)
					}
				}
				if refused {
					gold()
					w.sim.FaultNext(simulator.Fault{Kind: simulator.FailBefore, Endpoint: "GET /contacts/{id}", Times: 10, Status: 403})
				}
				must(t)(w.sim.CustomerReplies(must(t)(w.sim.CustomerStarts(contact, "Hello")), "Is anybody there?"))
				w.settle(time.Minute)
				time.Sleep(time.Hour)
				w.sim.SetFaults(simulator.Faults{})
				if !refused {
					gold()
				}
				before := calls(w, simulator.EffectTag)
				r := operations.ReplayRequest{Topic: "conversation.user.replied", Rules: []string{"vip"}}
				want(t, "told", w.replay(r), map[string]int{"may run": 1})
				r.Run = true
				w.replay(r)
				if n := calls(w, simulator.EffectTag) - before; n != 1 {
					t.Errorf("%d tags, want 1", n)
				}
			})
		})
	}
}

// TestI8_replay_is_for_the_rules_of_whoever_asked: a replica that has not reloaded yet leaves it to those that
// have, and tells so when it is asked itself.
func TestI8_replay_is_for_the_rules_of_whoever_asked(t *testing.T) {
	const conversations = 120
	inCluster(t, 3, onReplies("{ name: other, when: ping, then: [close] }"), simulator.Options{}, func(*world) {}, func(c *cluster) {
		for range conversations {
			must(t)(c.sim.CustomerReplies(must(t)(c.sim.CustomerStarts(c.customer(), "Hello")), "Is anybody there?"))
		}
		time.Sleep(time.Minute)
		c.settle(5 * time.Minute)
		before := calls(c.world, simulator.EffectTag)
		c.writeRules(onReplies("{ name: new, when: conversation.user.replied, then: [tag: New] }"))
		if err := c.replicas[0].app.Reload(); err != nil {
			t.Fatal(err)
		}
		answer, err := c.replicas[0].app.Replay(c.t.Context(), operations.ReplayRequest{
			Topic: "conversation.user.replied", Rules: []string{"new"}, Run: true, Limit: 200,
		})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(30 * time.Second)
		c.settle(5 * time.Minute)
		if stored, tags := answer.Count(operations.ReplayStored), calls(c.world, simulator.EffectTag)-before; stored != conversations || tags != conversations {
			t.Errorf("%d of %d replayed, %d tags", stored, conversations, tags)
		}
	})
}
