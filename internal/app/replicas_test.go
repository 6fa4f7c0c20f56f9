package app_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"switchboard/internal/app"
	"switchboard/internal/simulator"
	"switchboard/internal/store/storetest"
)

// cluster is several replicas of Switchboard on one database, and one Intercom, in a bubble.
type cluster struct {
	*world
	replicas []*replica
}

// replica is one of them. All that it says to the outside passes its gate.
type replica struct {
	app      *app.App
	options  app.Options
	listener *simulator.PipeListener
	gate     *gate
}

// inCluster runs fn in a world with n replicas. It needs PostgreSQL.
func inCluster(t *testing.T, n int, rules string, o simulator.Options, change func(*world), fn func(c *cluster)) {
	t.Helper()
	url := storetest.PostgresURL(t, t.TempDir())
	synctest.Test(t, func(t *testing.T) {
		c := &cluster{world: newWorld(t, rules, o)}
		c.options.Database, c.options.Clock = url, time.Now
		change(c.world)
		c.deliver.Transport.(*http.Transport).DisableKeepAlives = true // each notification goes to another replica
		for range n {
			c.replicas = append(c.replicas, &replica{gate: newGate()})
		}
		for i := range c.replicas {
			c.startReplica(i)
		}
		c.app = c.replicas[0].app // whose store settle asks
		defer c.closeAll()
		fn(c)
	})
}

func (c *cluster) startReplica(i int) {
	c.t.Helper()
	r := c.replicas[i]
	r.gate.mend()
	r.options, r.listener = c.options, simulator.NewPipeListener()
	r.options.Registry = prometheus.NewRegistry()
	r.options.Listener = r.gate.listener(r.listener)
	r.options.HTTP = &http.Client{Transport: &http.Transport{DialContext: r.gate.dial(c.apiConns.DialContext), MaxIdleConnsPerHost: 64}}
	r.options.DialDatabase = r.gate.dial((&net.Dialer{}).DialContext)
	a, err := app.New(context.Background(), r.options)
	if err != nil {
		c.t.Fatal(err)
	}
	r.app = a
	a.Start()
	c.balance()
}

// balance has notifications go to the replicas that run.
func (c *cluster) balance() {
	var list []*simulator.PipeListener
	for _, r := range c.replicas {
		if r.listener != nil {
			list = append(list, r.listener)
		}
	}
	if len(list) > 0 {
		c.intakes.Store(&list)
	}
}

// stopReplica stops one as SIGTERM does, or, at once, about as SIGKILL does.
func (c *cluster) stopReplica(i int, atOnce bool) {
	c.t.Helper()
	r := c.replicas[i]
	r.listener = nil
	c.balance()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if atOnce {
		r.gate.cut()
		cancel()
	}
	if err := r.app.Stop(ctx); err != nil && !atOnce {
		c.t.Error("stop: ", err)
	}
	r.app = nil
	r.options.HTTP.CloseIdleConnections()
	for _, other := range c.replicas {
		if other.app != nil {
			c.app = other.app
		}
	}
}

func (c *cluster) closeAll() {
	for i, r := range c.replicas {
		if r.app != nil {
			c.stopReplica(i, false)
		}
	}
	c.stopSim()
	_ = c.sim.Close()
	_ = c.api.Close()
	c.deliver.CloseIdleConnections()
	synctest.Wait()
	if c.t.Failed() && testing.Verbose() {
		c.t.Log(c.log.String())
	}
}

// gate stands between a replica and everything else. While it is shut nothing passes, and nothing
// fails: the replica is as good as stopped, but for its clock.
type gate struct {
	mu   sync.Mutex
	open chan struct{} // closed while the gate is open
	gone bool          // whoever is behind it has died: nothing it writes arrives
}

func (g *gate) cut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.gone = true
}

func (g *gate) mend() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.gone = false
}

func (g *gate) dead() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.gone {
		return errors.New("the process is dead")
	}
	return nil
}

func newGate() *gate {
	g := &gate{open: make(chan struct{})}
	close(g.open)
	return g
}

func (g *gate) shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.open = make(chan struct{})
}

func (g *gate) reopen() {
	g.mu.Lock()
	defer g.mu.Unlock()
	close(g.open)
}

func (g *gate) pass() {
	g.mu.Lock()
	open := g.open
	g.mu.Unlock()
	<-open
}

type dialer = func(ctx context.Context, network, addr string) (net.Conn, error)

func (g *gate) dial(dial dialer) dialer {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		g.pass()
		if err := g.dead(); err != nil {
			return nil, err
		}
		conn, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return gatedConn{conn, g}, nil
	}
}

func (g *gate) listener(l net.Listener) net.Listener { return gatedListener{l, g} }

type gatedListener struct {
	net.Listener
	gate *gate
}

func (l gatedListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return gatedConn{conn, l.gate}, nil
}

type gatedConn struct {
	net.Conn
	gate *gate
}

func (c gatedConn) Read(b []byte) (int, error) {
	c.gate.pass() // waiting at a socket would keep the clock of the bubble from moving
	n, err := c.Conn.Read(b)
	c.gate.pass()
	return n, err
}

func (c gatedConn) Write(b []byte) (int, error) {
	c.gate.pass()
	if err := c.gate.dead(); err != nil {
		_ = c.Close() // as the system does when a process dies: nobody waits for an answer
		return 0, err
	}
	return c.Conn.Write(b)
}

// TestGate_dead: whoever reads from a connection of a dead process gets an error. At a socket it would wait for an
// answer to what never arrived, and the clock of the bubble, which alone could end that, would stand still.
func TestGate_dead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		defer func() { _ = theirs.Close() }()
		g := newGate()
		conn := gatedConn{ours, g}
		g.cut()
		if _, err := conn.Write([]byte("bye")); err == nil {
			t.Error("what a dead process writes arrives")
		}
		if _, err := conn.Read(make([]byte, 1)); err == nil {
			t.Error("a dead process reads")
		}
	})
}

const countingRules = `
version: 1
rules:
  - name: note-each
    when: conversation.user.replied
    then:
      - note: "one of {{ message.text }}"
      - tag: Seen
      - note: "two of {{ message.text }}"
  - name: welcome
    when: conversation.user.created
    once: conversation
    then:
      - reply: "Hello, we have your message"
`

// chat has customers start conversations and write in them, and returns the texts that the rules must
// lead to in each, in their order. Before each round of messages it calls between.
func (c *cluster) chat(conversations, messages int, pause time.Duration, between func(round int)) (want map[string][]string) {
	c.t.Helper()
	want = map[string][]string{}
	var ids []string
	for range conversations {
		id := must(c.t)(c.sim.CustomerStarts(c.customer(), "Hello"))
		ids = append(ids, id)
		want[id] = []string{"Hello, we have your message"}
	}
	time.Sleep(pause) // what arrives at two replicas at once has no order
	for n := range messages {
		time.Sleep(pause)
		between(n)
		for i, id := range ids {
			text := fmt.Sprintf("message %d of %d", n, i)
			must(c.t)(c.sim.CustomerReplies(id, text))
			want[id] = append(want[id], "one of "+text, "two of "+text)
			time.Sleep(pause)
		}
	}
	return want
}

// check holds what was done against what should be.
func (c *cluster) check(want map[string][]string) {
	c.t.Helper()
	for id, texts := range want {
		got := c.texts(id)
		for i, text := range got {
			got[i] = strings.TrimSuffix(strings.TrimPrefix(text, "<p>"), "</p>")
		}
		if !slices.Equal(got, texts) {
			c.t.Errorf("conversation %s:\n got %q\nwant %q", id, got, texts)
		}
	}
}

// TestI4_replicas: three replicas, effects once and in order; one is stopped for longer than others
// wait for it, woken, and can change nothing; one is killed.
func TestI4_replicas(t *testing.T) {
	slow := simulator.Options{Faults: simulator.Faults{Latency: simulator.Latency{Min: 50 * time.Millisecond, Max: 900 * time.Millisecond}}}
	t.Run("all well", func(t *testing.T) {
		inCluster(t, 3, countingRules, slow, func(*world) {}, func(c *cluster) {
			want := c.chat(12, 4, 50*time.Millisecond, func(int) {})
			c.settle(5 * time.Minute)
			c.check(want)
		})
	})
	t.Run("one is stopped for a minute", func(t *testing.T) {
		inCluster(t, 3, countingRules, slow, func(*world) {}, func(c *cluster) {
			stopped := c.replicas[1]
			want := c.chat(12, 4, 50*time.Millisecond, func(round int) {
				if round == 2 {
					stopped.listener = nil
					c.balance()
					stopped.gate.shut()
					time.AfterFunc(time.Minute, stopped.gate.reopen)
				}
			})
			time.Sleep(70 * time.Second)
			c.settle(5 * time.Minute)
			c.check(want)
			if log := c.log.String(); !strings.Contains(log, "a replica is dead") || !strings.Contains(log, "taken for dead") {
				t.Error("nobody took it for dead: the test has shown nothing")
			}
		})
	})
	t.Run("one is killed and comes back", func(t *testing.T) {
		inCluster(t, 3, countingRules, slow, func(*world) {}, func(c *cluster) {
			want := c.chat(12, 4, 50*time.Millisecond, func(round int) {
				if round == 2 { // between two messages: one that it refused would come a minute later, after others
					c.stopReplica(2, true)
				}
			})
			time.Sleep(40 * time.Second)
			c.startReplica(2)
			c.settle(5 * time.Minute)
			c.check(want)
		})
	})
}

// TestI8_rolling_restart: replicas are restarted one after the other with other rules, while events
// come. Each is decided once, and timers of the new rules end nowhere.
func TestI8_rolling_restart(t *testing.T) {
	const before = `
version: 1
rules:
  - name: note-each
    when: conversation.user.replied
    then:
      - note: "seen: {{ message.text }}"
`
	const after = before + `
  - name: remind
    when: conversation.user.replied
    after: 3s
    then:
      - note: "due: {{ message.text }}"
`
	inCluster(t, 3, before, simulator.Options{}, func(*world) {}, func(c *cluster) {
		id := must(t)(c.sim.CustomerStarts(c.customer(), "Hello"))
		said := 0
		say := func(n int) {
			for range n {
				said++
				must(t)(c.sim.CustomerReplies(id, fmt.Sprint("message ", said)))
				time.Sleep(500 * time.Millisecond)
			}
		}
		say(5)
		c.options.Rules = []string{filepath.Join(t.TempDir(), "after.yaml")}
		c.rules = c.options.Rules[0]
		c.writeRules(after)
		for i := range c.replicas {
			c.stopReplica(i, false)
			c.startReplica(i)
			say(20)
		}
		time.Sleep(10 * time.Second)
		c.settle(time.Minute)
		seen, due := 0, 0
		for _, text := range c.texts(id) {
			if strings.Contains(text, "seen:") {
				seen++
			}
			if strings.Contains(text, "due:") {
				due++
			}
		}
		if seen != said {
			t.Errorf("%d of %d messages were noted", seen, said)
		}
		// Each message starts the timer anew, so only the last fires; and the newest rules decided.
		if texts := c.texts(id); due != 1 || !strings.Contains(texts[len(texts)-1], fmt.Sprint("due: message ", said)) {
			t.Errorf("%d reminders; the last note is %q", due, texts[len(texts)-1])
		}
	})
}
