package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"switchboard/internal/simulator"
	"switchboard/internal/store/storetest"
	"switchboard/internal/webhook"
)

// TestKilledReplicas is TestKilled with three processes on one PostgreSQL. Some are killed and started
// again; one after the other is stopped (SIGSTOP) for longer than the others wait for it, and woken.
func TestKilledReplicas(t *testing.T) {
	const conversations, perConversation, disturbances = 60, 5, 6
	database := storetest.PostgresURL(t, t.TempDir())
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))

	sim := simulator.New(simulator.Options{
		Token: testToken, Secret: testSecret, Seed: seed, NoEcho: true, RateLimit: 100_000,
		Faults: simulator.Faults{
			Latency: simulator.Latency{Min: 10 * time.Millisecond, Max: 150 * time.Millisecond},
			Rules: []simulator.Fault{
				{Kind: simulator.ResetAfter, Endpoint: "POST /conversations/{id}/reply", Rate: 0.05},
				{Kind: simulator.ResetBefore, Rate: 0.03},
			},
		},
	})
	api := httptest.NewServer(sim.Handler())
	defer api.Close()
	defer func() { _ = sim.Close() }()
	rules := writeFile(t, t.TempDir(), "rules.yaml", everyMessage)
	start := func() *process {
		return startProcess(t, api.URL, rules, database, "--settle", "200ms", "--takeover", "3s")
	}
	events := writeConversations(t, sim, conversations, perConversation)

	b := &balancer{client: &http.Client{Timeout: 700 * time.Millisecond}}
	for i := range b.processes {
		b.processes[i].Store(start())
	}
	var sending sync.WaitGroup
	for i, conversation := range events {
		random := rand.New(rand.NewPCG(seed, uint64(i)))
		sending.Go(func() {
			for _, body := range conversation {
				pause(time.Duration(random.IntN(5000)) * time.Millisecond)
				b.deliver(t, body)
			}
		})
	}
	taken := 0
	count := func(p *process) { taken += strings.Count(p.stderr.String(), "was taken for dead") }
	for n := range disturbances {
		pause(time.Duration(200+random.IntN(500)) * time.Millisecond)
		i := n % len(b.processes)
		p := b.processes[i].Load()
		if n%2 == 0 {
			p.kill()
			count(p)
			b.processes[i].Store(start())
			continue
		}
		_ = p.cmd.Process.Signal(syscall.SIGSTOP)
		pause(4 * time.Second)
		// On a busy machine the others may need longer to find that it does not answer.
		other := b.processes[(i+1)%len(b.processes)].Load()
		waitUntil(t, time.Minute, "a stopped replica counts as dead", func() bool {
			living := other.metric(t, "switchboard_replicas")
			return 0 < living && living < float64(len(b.processes))
		})
		_ = p.cmd.Process.Signal(syscall.SIGCONT)
	}
	sending.Wait()

	p := b.processes[0].Load()
	waitUntil(t, time.Minute, "all events are evaluated and all actions done", func() bool { return p.idle(t) })
	if dead, parked := p.metric(t, "switchboard_dead_letters"), p.metric(t, "switchboard_parked_actions"); dead != 0 || parked != 0 {
		t.Errorf("%v dead letters, %v parked actions; want none: %s", dead, parked, p.stderr)
	}
	for _, c := range sim.Conversations() {
		checkConversation(t, c, perConversation)
	}
	for i := range b.processes {
		count(b.processes[i].Load())
	}
	t.Logf("%d calls; %d times one that was woken found its work taken over", len(sim.Journal()), taken)
	if taken == 0 {
		t.Error("nobody was taken for dead: the test has shown nothing")
	}
}

// balancer hands notifications to replicas in turn.
type balancer struct {
	client    *http.Client
	processes [3]atomic.Pointer[process]
	turn      atomic.Int64
}

// deliver sends a notification to one replica after the other until one acknowledges it.
func (b *balancer) deliver(t *testing.T, body []byte) {
	for range 500 {
		p := b.processes[int(b.turn.Add(1))%len(b.processes)].Load()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.webhook, bytes.NewReader(body))
		if err != nil {
			t.Error(err)
			return
		}
		req.Header.Set("X-Hub-Signature", webhook.Sign(testSecret, body))
		resp, err := b.client.Do(req)
		if err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return
			}
		}
		pause(10 * time.Millisecond)
	}
	t.Error("a notification was never acknowledged: ", fmt.Sprintf("%.80s", body))
}
