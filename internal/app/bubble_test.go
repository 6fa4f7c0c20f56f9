package app_test

import (
	"bytes"
	"context"
	"errors"
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
	"switchboard/internal/simulator"
	"switchboard/internal/store/storetest"
)

// world is a whole Switchboard and a whole Intercom in one testing/synctest bubble: real
// HTTP over pipes, a real database, and a clock that jumps to whatever happens next.
type world struct {
	t     *testing.T
	sim   *simulator.Simulator
	app   *app.App
	rules string // path of the rules file
	db    string
	log   *syncBuffer

	options  app.Options
	intakes  atomic.Pointer[[]*simulator.PipeListener] // of the replicas that run now
	turn     atomic.Int64
	api      *http.Server
	apiConns *simulator.PipeListener
	stopSim  context.CancelFunc
	deliver  *http.Client
}

// inBubble runs fn in a world with the given rules. o changes the simulator's options.
func inBubble(t *testing.T, rules string, o simulator.Options, fn func(w *world)) {
	t.Helper()
	inBubbleWith(t, rules, o, func(*world) {}, fn)
}

// inBubbleWith does the same; change may change the options of the app before it starts.
func inBubbleWith(t *testing.T, rules string, o simulator.Options, change, fn func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, rules, o)
		change(w)
		w.start()
		defer w.close()
		fn(w)
	})
}

const (
	token  = "test-token"
	secret = "test-client-secret"
)

func newWorld(t *testing.T, rules string, o simulator.Options) *world {
	t.Helper()
	dir := t.TempDir()
	w := &world{t: t, rules: filepath.Join(dir, "rules.yaml"), db: filepath.Join(dir, "state.db"), log: &syncBuffer{}}
	w.writeRules(rules)

	w.apiConns = simulator.NewPipeListener()
	w.listenAnew()
	o.Token, o.Secret, o.WebhookURL = token, secret, "http://switchboard"+app.WebhookPath
	toIntake := &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		list := *w.intakes.Load() // one after the other, as a load balancer does
		return list[int(w.turn.Add(1))%len(list)].DialContext(ctx, network, addr)
	}}
	w.deliver = &http.Client{Transport: toIntake}
	o.HTTP = w.deliver
	w.sim = simulator.New(o)
	simulator.DemoWorkspace(w.sim)
	w.api = &http.Server{Handler: w.sim.Handler(), ReadHeaderTimeout: time.Minute}
	go func() { _ = w.api.Serve(w.apiConns) }()
	var ctx context.Context
	ctx, w.stopSim = context.WithCancel(context.Background())
	go func() { _ = w.sim.Run(ctx) }()
	w.options = app.Options{
		Database: storetest.URL(t, w.db), Clock: time.Now, RecoverEvery: 24 * time.Hour, Rules: []string{w.rules}, Listener: w.options.Listener,
		Token: token, Secrets: []string{secret}, BaseURL: "http://intercom", HTTP: w.apiConns.Client(),
		Logger: slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	return w
}

// listenAnew gives the next app a listener of its own: the last one was closed with its app.
func (w *world) listenAnew() {
	listener := simulator.NewPipeListener()
	w.intakes.Store(&[]*simulator.PipeListener{listener})
	w.options.Listener = listener
}

func (w *world) writeRules(text string) {
	w.t.Helper()
	if err := os.WriteFile(w.rules, []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) start() {
	w.t.Helper()
	w.options.Registry = prometheus.NewRegistry()
	a, err := app.New(context.Background(), w.options)
	if err != nil {
		w.t.Fatal(err)
	}
	w.app = a
	a.Start()
}

// restart stops the app cleanly and starts another on the same state.
func (w *world) restart() {
	w.t.Helper()
	w.stop()
	w.listenAnew()
	w.start()
}

// kill cuts off what the app is doing and starts another on the same state.
func (w *world) kill() {
	w.t.Helper()
	now, cancel := context.WithCancel(context.Background())
	cancel()
	_ = w.app.Stop(now) // it says that calls were cut off
	w.listenAnew()
	w.start()
}

func (w *world) stop() {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := w.app.Stop(ctx); err != nil {
		w.t.Error("stop: ", err)
	}
}

func (w *world) close() {
	w.stop()
	w.stopSim()
	_ = w.sim.Close()
	_ = w.api.Close()
	w.deliver.CloseIdleConnections()
	w.options.HTTP.CloseIdleConnections()
	synctest.Wait()
	if w.t.Failed() && testing.Verbose() {
		w.t.Log(w.log.String())
	}
}

// settle lets time pass until nothing waits any more, at most for the given time.
func (w *world) settle(most time.Duration) {
	w.t.Helper()
	calm := 0 // an action makes a notification, which makes an event: look twice
	for deadline := time.Now().Add(most); calm < 2; time.Sleep(max(100*time.Millisecond, most/500)) {
		delivered := w.sim.WaitDelivered(contextIn(100*time.Millisecond)) == nil
		st, err := w.app.Store().Stats(context.Background())
		if err != nil {
			w.t.Fatal(err)
		}
		calm++
		if st.EventsWaiting > 0 || st.ActionsWaiting > 0 || !delivered {
			calm = 0
		}
		if time.Now().After(deadline) {
			w.t.Errorf("after %s there still waits %+v", most, st)
			return
		}
	}
}

func contextIn(d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	_ = cancel // the time ends it
	return ctx
}

// must returns the id of what a person did.
func must(t *testing.T) func(id string, err error) string {
	return func(id string, err error) string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
}

// texts are the bodies of the parts that admins made through the API, in order.
func (w *world) texts(conversation string) []string {
	w.t.Helper()
	c, ok := w.sim.Conversation(conversation)
	if !ok {
		w.t.Fatal("no conversation ", conversation)
	}
	var list []string
	for _, p := range c.Parts {
		if p.AppPackageCode != "" && p.Body != "" {
			list = append(list, p.Body)
		}
	}
	return list
}

func (w *world) customer() string {
	w.t.Helper()
	list := w.sim.Contacts()
	if len(list) == 0 {
		w.t.Fatal(errors.New("no contacts"))
	}
	return list[0].ID
}

// metric is the total of a counter over the series that have this value of a label.
func (w *world) metric(name, label, value string) (total float64) {
	w.t.Helper()
	families, err := w.options.Registry.Gather()
	if err != nil {
		w.t.Error(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			fits := label == ""
			for _, l := range m.GetLabel() {
				fits = fits || l.GetName() == label && l.GetValue() == value
			}
			if f.GetName() == name && fits {
				total += m.GetCounter().GetValue()
			}
		}
	}
	return total
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}
