package chaos_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"switchboard/internal/app"
	"switchboard/internal/chaos"
	"switchboard/internal/simulator"
	"switchboard/internal/store"
	"switchboard/internal/store/storetest"
)

const (
	token  = "test-token"
	secret = "test-client-secret"
)

// world is Intercom, a load balancer, and replicas of Switchboard on one database, in a bubble.
type world struct {
	t        *testing.T
	schedule chaos.Schedule
	variant  variant
	log      *record
	rules    string
	url      string // of the database

	sim      *simulator.Simulator
	cast     simulator.Cast
	api      *http.Server
	apiConns *simulator.PipeListener
	stopSim  context.CancelFunc
	deliver  *http.Client
	turn     atomic.Int64
	jumped   atomic.Int64 // how far the clock was set

	replicas []*replica
	active   map[int]chaos.Fault // of Intercom, by number
	ids      map[int]string      // of conversations
	tasks    sync.WaitGroup

	mu     sync.Mutex // guards what follows, and the replicas
	starts []time.Time
	stops  []chaos.Stop
}

// replica is one process, and those that take its place.
type replica struct {
	number   int
	disk     *disk
	app      *app.App // nil: it does not run
	link     *link
	trap     *trap
	client   *http.Client
	listener *simulator.PipeListener // nil: the load balancer does not know it
	front    *simulator.PipeListener // that of what runs
	paused   bool
}

// variant is a Switchboard that is broken on purpose; the zero value is the real one.
type variant struct {
	// ackEarly answers notifications before they are stored.
	ackEarly bool
	// blindRetry sends a call again when its answer was lost.
	blindRetry bool
	// rewrite changes what is sent to the database.
	rewrite func([]byte) []byte
	// apart gives each replica a database, and with it a budget, of its own.
	apart bool
	// noRecovery leaves out what makes up for missed events: it hides what is broken.
	noRecovery bool
	// settle is after how long a call in doubt is read back, if set.
	settle time.Duration
}

// perform runs a schedule and returns what was seen.
func perform(t *testing.T, s chaos.Schedule, v variant) *chaos.Evidence {
	t.Helper()
	var e *chaos.Evidence
	dir := tempDir(t)
	url := "sqlite:" + filepath.Join(dir, "state.db")
	if s.Replicas > 1 && !v.apart {
		// What a stopped replica has locked is locked for this long by the clock on the wall, and the one
		// in the bubble waits.
		url = storetest.PostgresURL(t, dir) + "&idle_in_transaction_session_timeout=1000"
	}
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, s, v, dir, url)
		defer w.close()
		e = w.run()
	})
	return e
}

// tempDir is a folder in memory, where there is one: an fsync would cost more time than all the rest.
func tempDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "switchboard-chaos-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func newWorld(t *testing.T, s chaos.Schedule, v variant, dir, url string) *world {
	t.Helper()
	w := &world{
		t: t, schedule: s, variant: v, log: newRecord(t, s), rules: filepath.Join(dir, "rules.yaml"), url: url,
		active: map[int]chaos.Fault{}, ids: map[int]string{}, apiConns: simulator.NewPipeListener(),
	}
	w.writeRules(chaos.Rules)
	w.deliver = &http.Client{Transport: &http.Transport{DialContext: w.balance, DisableKeepAlives: true}}
	w.sim = simulator.New(simulator.Options{
		Token: token, Secret: secret, WebhookURL: "http://switchboard" + app.WebhookPath, HTTP: w.deliver, Seed: s.Seed,
		RateLimit: s.RateLimit, Delivery: simulator.DeliveryOptions{DuplicateRate: s.Duplicates, Jitter: s.Jitter},
	})
	w.cast = simulator.DemoWorkspace(w.sim)
	w.applyFaults()
	w.api = &http.Server{Handler: w.sim.Handler(), ReadHeaderTimeout: time.Minute}
	go func() { _ = w.api.Serve(w.apiConns) }()
	var ctx context.Context
	ctx, w.stopSim = context.WithCancel(context.Background())
	go func() { _ = w.sim.Run(ctx) }()
	for i := range s.Replicas {
		r := &replica{number: i, disk: &disk{change: v.rewrite}}
		w.replicas = append(w.replicas, r)
		w.start(r)
	}
	return w
}

func (w *world) writeRules(text string) {
	if err := os.WriteFile(w.rules, []byte(text), 0o600); err != nil {
		w.t.Error(err)
	}
}

// balance gives each notification to the next replica that takes connections.
func (w *world) balance(ctx context.Context, network, addr string) (net.Conn, error) {
	err := error(&net.OpError{Op: "dial", Net: network, Err: errGone})
	for range w.replicas {
		r := w.replicas[int(w.turn.Add(1))%len(w.replicas)]
		w.mu.Lock()
		listener := r.listener
		w.mu.Unlock()
		if listener == nil {
			continue
		}
		var conn net.Conn
		if conn, err = listener.DialContext(ctx, network, addr); err == nil {
			return conn, nil
		}
	}
	return nil, err
}

// now is the clock that Switchboard goes by.
func (w *world) now() time.Time { return time.Now().Add(time.Duration(w.jumped.Load())) }

func (w *world) options(r *replica, l *link) app.Options {
	t := &trap{base: &http.Transport{DialContext: l.dial(w.apiConns.DialContext, nil), MaxIdleConnsPerHost: 64}, link: l}
	t.fall = func(f chaos.Fault) { w.fall(r, l, f.For) }
	t.stop = func(f chaos.Fault) {
		w.pause(r, l)
		time.AfterFunc(f.For, func() { w.wake(r, l) })
	}
	var transport http.RoundTripper = t
	if w.variant.blindRetry {
		transport = blind{t}
	}
	front := simulator.NewPipeListener()
	o := app.Options{
		Database: w.url, Clock: w.now, Rules: []string{w.rules}, Listener: l.listener(front),
		Token: token, Secrets: []string{secret}, BaseURL: "http://intercom", HTTP: &http.Client{Transport: transport},
		Registry: prometheus.NewRegistry(), Logger: slog.New(slog.NewTextHandler(w.log, nil)).With("process", r.number),
		Settle: w.variant.settle, DialDatabase: l.dial((&net.Dialer{}).DialContext, r.disk), DatabaseDriver: fileDriver,
	}
	if w.variant.noRecovery {
		o.RecoverEvery = -1
	}
	if path, ok := bytes.CutPrefix([]byte(w.url), []byte("sqlite:")); ok {
		if w.variant.apart {
			path = fmt.Appendf(path, "-%d", r.number)
			o.Database = "sqlite:" + string(path)
		}
		useFile(string(path), &file{l, r.disk})
	}
	r.trap, r.client, r.front = t, o.HTTP, front
	return o
}

// start starts a process, again and again until it runs, as a supervisor does.
func (w *world) start(r *replica) {
	for {
		l := newLink()
		w.mu.Lock()
		o := w.options(r, l)
		r.link = l
		w.starts = append(w.starts, time.Now())
		w.mu.Unlock()
		a, err := app.New(context.Background(), o)
		if err == nil {
			a.Start()
			w.mu.Lock()
			defer w.mu.Unlock()
			r.app, r.listener = a, r.front
			if w.variant.ackEarly {
				r.listener = w.early(r.front, l)
			}
			return
		}
		w.log.printf("process=%d does not start: %v\n", r.number, err)
		l.cut()
		_ = r.front.Close()
		time.Sleep(time.Second)
	}
}

// fall kills a process and starts another after a while.
func (w *world) fall(r *replica, l *link, after time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if r.app == nil || r.link != l || l.dead() {
		return
	}
	l.cut()
	a := r.app
	r.app, r.listener, r.paused = nil, nil, false
	w.tasks.Go(func() {
		gone, cancel := context.WithCancel(context.Background())
		cancel()
		_ = a.Stop(gone) // it says what was cut off
		time.Sleep(after)
		w.start(r)
	})
}

// restart stops a process as SIGTERM does, and starts another.
func (w *world) restart(r *replica) {
	w.mu.Lock()
	a, l := r.app, r.link
	if a == nil || r.paused {
		w.mu.Unlock()
		return
	}
	r.app, r.listener = nil, nil
	w.mu.Unlock()
	begun := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	err := a.Stop(ctx)
	w.mu.Lock()
	w.stops = append(w.stops, chaos.Stop{At: begun, Took: time.Since(begun), Err: err, Excused: l.dead() || w.troubled(r, begun)})
	w.mu.Unlock()
	l.cut()
	w.start(r)
}

// troubled tells whether the database of a replica was in trouble since then, or a moment before.
func (w *world) troubled(r *replica, since time.Time) bool {
	began := w.starts[0]
	for _, f := range w.schedule.Faults {
		switch f.Trouble {
		case chaos.NoDatabase, chaos.SlowDisk, chaos.BreakCommit, chaos.BreakSession, chaos.Pause, chaos.PauseBefore, chaos.Jump:
			from, to := began.Add(f.At), began.Add(f.At+f.For+30*time.Second)
			if f.Replica == r.number && to.After(since) && from.Before(time.Now()) {
				return true
			}
		default:
		}
	}
	return false
}

// close ends everything.
func (w *world) close() {
	for _, r := range w.replicas {
		w.mu.Lock()
		a := r.app
		r.app, r.listener = nil, nil
		w.mu.Unlock()
		if a != nil {
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			_ = a.Stop(ctx)
			cancel()
		}
		r.link.cut()
	}
	w.stopSim()
	_ = w.sim.Close()
	_ = w.api.Close()
	w.deliver.CloseIdleConnections()
	synctest.Wait()
}

// evidence is what there is to be seen when all is over.
func (w *world) evidence(rest bool, waiting string) *chaos.Evidence {
	w.mu.Lock()
	defer w.mu.Unlock()
	e := &chaos.Evidence{
		Schedule: w.schedule, Began: w.starts[0], Journal: w.sim.Journal(), Deliveries: w.sim.Deliveries(), Notifications: w.sim.Notifications(), Windows: w.sim.Windows(),
		Conversations: w.sim.Conversations(), AtRest: rest, Waiting: waiting, Starts: w.starts, Stops: w.stops,
		Recovers: !w.variant.noRecovery,
	}
	for _, r := range w.replicas {
		for _, state := range []store.ActionState{store.StateDead, store.StateParked, store.StateHeld} {
			list, err := r.app.Store().ActionsIn(context.Background(), state, 1000)
			if err != nil {
				w.t.Error(err)
			}
			for _, a := range list {
				e.Left = append(e.Left, left(a))
			}
		}
		if !w.variant.apart {
			break
		}
	}
	return e
}

func left(a store.Action) chaos.Left {
	var params struct {
		Body string `json:"body"`
	}
	_ = json.Unmarshal(a.Params, &params) // other kinds have other parameters
	_, conversation, _ := bytes.Cut([]byte(a.Subject), []byte("/"))
	return chaos.Left{Conversation: string(conversation), Kind: a.Kind, Text: chaos.Plain(params.Body), State: string(a.State), Error: a.Error}
}

// record is what the replicas say, in a file where it was asked for.
type record struct {
	mu sync.Mutex
	to io.Writer
}

func newRecord(t *testing.T, s chaos.Schedule) *record {
	t.Helper()
	if *logs == "" {
		return &record{to: io.Discard}
	}
	f, err := os.Create(filepath.Join(*logs, fmt.Sprintf("seed-%d-of-%d.log", s.Seed, s.Replicas)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return &record{to: f}
}

func (r *record) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.to.Write(p)
}

func (r *record) printf(format string, args ...any) { fmt.Fprintf(r, format, args...) }
