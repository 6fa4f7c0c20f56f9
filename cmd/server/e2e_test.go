package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"switchboard/internal/simulator"
	"switchboard/internal/webhook"
)

// everyMessage answers each message of a customer so that the answer names the message, and
// does all that follows in one run, so that the order of effects can be checked.
const everyMessage = `
version: 1
rules:
  - name: answer-everything
    when: [conversation.user.created, conversation.user.replied]
    then:
      - tag: Seen
      - note: "noted {{ message.text }}"
      - reply: "answer to {{ message.text }}"
  - name: wait-for-quiet
    when: conversation.user.replied
    after: 2s
    then:
      - note: "quiet since part {{ event.part }}"
`

// TestKilled is the promise of the whole program: whatever happens to the process, every
// acknowledged event leads to its actions exactly once and in order (I1, I2, I3, I4), and a
// timer fires once, whenever the process was killed.
//
// The service runs as a process and is killed with SIGKILL five times at random moments,
// while Intercom carries out some replies and notes and then breaks the connection.
func TestKilled(t *testing.T) {
	const conversations, perConversation, kills = 100, 5, 5
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))

	sim := simulator.New(simulator.Options{
		Token: testToken, Secret: testSecret, Seed: seed, NoEcho: true, RateLimit: 100_000,
		Faults: simulator.Faults{Rules: []simulator.Fault{
			{Kind: simulator.ResetAfter, Endpoint: "POST /conversations/{id}/reply", Rate: 0.1},
			{Kind: simulator.FailAfter, Endpoint: "POST /conversations/{id}/reply", Rate: 0.05},
			{Kind: simulator.FailBefore, Endpoint: "POST /conversations/{id}/reply", Rate: 0.05},
			{Kind: simulator.ResetBefore, Rate: 0.03},
		}},
	})
	api := httptest.NewServer(sim.Handler())
	defer api.Close()
	defer func() { _ = sim.Close() }()

	dir := t.TempDir()
	rules := writeFile(t, dir, "rules.yaml", everyMessage)
	start := func() *process {
		return startProcess(t, api.URL, rules, filepath.Join(dir, "state.db"), "--settle", "200ms")
	}
	events := writeConversations(t, sim, conversations, perConversation)

	service := &current{process: start()}
	var sending sync.WaitGroup
	for i, conversation := range events {
		random := rand.New(rand.NewPCG(seed, uint64(i)))
		sending.Go(func() {
			for _, body := range conversation { // in order: a customer writes one after the other
				pause(time.Duration(random.IntN(1200)) * time.Millisecond)
				service.deliver(t, body)
			}
		})
	}
	for range kills {
		pause(time.Duration(100+random.IntN(700)) * time.Millisecond)
		service.replace(func(old *process) *process {
			waiting := old.metric(t, "switchboard_queue_actions")
			old.kill()
			t.Logf("killed after %d calls with %v actions waiting", len(sim.Journal()), waiting)
			return start()
		})
	}
	sending.Wait()

	p := service.get()
	waitUntil(t, time.Minute, "all events are evaluated and all actions done", func() bool { return p.idle(t) })
	if dead, parked := p.metric(t, "switchboard_dead_letters"), p.metric(t, "switchboard_parked_actions"); dead != 0 || parked != 0 {
		t.Errorf("%v dead letters, %v parked actions; want none: %s", dead, parked, p.stderr)
	}
	doubts := 0
	for _, e := range sim.Journal() {
		if e.Fault == simulator.ResetAfter {
			doubts++
		}
	}
	t.Logf("%d calls, %d cut off after their effect", len(sim.Journal()), doubts)
	if doubts == 0 {
		t.Error("no call was cut off after its effect: the test has shown nothing")
	}
	for _, c := range sim.Conversations() {
		checkConversation(t, c, perConversation)
	}
}

// checkConversation finds for each of the customer's messages one note and one answer, in
// the order of the messages.
func checkConversation(t *testing.T, c simulator.Conversation, messages int) {
	t.Helper()
	var did []string
	quiet, last := map[string]int{}, ""
	for _, p := range c.Parts {
		text := plain(p.Body)
		switch {
		case p.Author.Type != "admin":
			last = "quiet since part " + p.ID
		case p.Type == "note" && strings.HasPrefix(text, "quiet since"):
			quiet[text]++
		case p.Type == "note" || p.Type == "comment":
			did = append(did, text)
		}
	}
	// Timers of earlier messages may have been started again in time; that of the last was not.
	for text, n := range quiet {
		if n != 1 {
			t.Errorf("conversation %s: %q %d times", c.ID, text, n)
		}
	}
	if quiet[last] != 1 {
		t.Errorf("conversation %s: no %q among %v", c.ID, last, quiet)
	}
	var want []string
	for i := range messages {
		text := fmt.Sprintf("message %d of %s", i, c.ID)
		want = append(want, "noted "+text, "answer to "+text)
	}
	if strings.Join(did, "\n") != strings.Join(want, "\n") {
		t.Errorf("conversation %s:\n%s\nwant:\n%s", c.ID, strings.Join(did, "\n"), strings.Join(want, "\n"))
	}
	if len(c.Tags) != 1 {
		t.Errorf("conversation %s has tags %v", c.ID, c.Tags)
	}
}

func plain(html string) string {
	return strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(html), "<p>"), "</p>")
}

// writeConversations lets customers write, and returns the notifications of each
// conversation in order.
func writeConversations(t *testing.T, sim *simulator.Simulator, n, messages int) [][][]byte {
	t.Helper()
	contact := sim.AddContact(simulator.Contact{Name: "A customer", Email: "customer@example.com"})
	bodies := make([][][]byte, n)
	index := map[string]int{}
	for i := range n {
		id, err := sim.CustomerStarts(contact, "hello")
		if err != nil {
			t.Fatal(err)
		}
		index["conversation/"+id] = i
		for m := range messages {
			if _, err := sim.CustomerReplies(id, fmt.Sprintf("message %d of %s", m, id)); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, note := range sim.Notifications() {
		if i, ok := index[note.Subject]; ok && note.Topic == "conversation.user.replied" {
			bodies[i] = append(bodies[i], note.Body())
		}
	}
	return bodies
}

// idle tells whether nothing waits. What waits for time becomes an event, and that an action, and an event may
// start a timer between two of its questions: so it looks twice.
func (p *process) idle(t *testing.T) bool {
	t.Helper()
	for range 2 {
		if p.metric(t, `switchboard_timers_waiting{rule="wait-for-quiet"}`) != 0 ||
			p.metric(t, "switchboard_events_waiting") != 0 || p.metric(t, "switchboard_queue_actions") != 0 {
			return false
		}
	}
	return true
}

// current is the process that runs now; it changes when one is killed.
type current struct {
	mu      sync.RWMutex
	process *process
}

func (c *current) get() *process {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.process
}

// replace swaps the process. Senders go on meanwhile and meet a closed port, as Intercom
// would.
func (c *current) replace(with func(*process) *process) {
	next := with(c.get())
	c.mu.Lock()
	defer c.mu.Unlock()
	c.process = next
}

// deliver sends a notification until it is acknowledged.
func (c *current) deliver(t *testing.T, body []byte) {
	for range 2000 {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, c.get().webhook, bytes.NewReader(body))
		if err != nil {
			t.Error(err)
			return
		}
		req.Header.Set("X-Hub-Signature", webhook.Sign(testSecret, body))
		resp, err := http.DefaultClient.Do(req)
		if err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return
			}
		}
		pause(10 * time.Millisecond)
	}
	t.Error("a notification was never acknowledged")
}

// waitUntil asks again and again until the condition holds.
func waitUntil(t testing.TB, most time.Duration, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(most); time.Now().Before(deadline); pause(20 * time.Millisecond) {
		if holds() {
			return
		}
	}
	t.Fatalf("after %s it still does not hold that %s", most, what)
}
