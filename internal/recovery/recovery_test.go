package recovery_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"switchboard/internal/event"
	"switchboard/internal/intercom"
	"switchboard/internal/recovery"
	"switchboard/internal/simulator"
	"switchboard/internal/store"
	"switchboard/internal/store/storetest"
)

// office is a desk with a recovery that looks after it, in a synctest bubble.
type office struct {
	*desk
	store   *store.Store
	options recovery.Options
	leads   atomic.Bool
	log     *bytes.Buffer
	reg     *prometheus.Registry
}

func inOffice(t *testing.T, fn func(o *office)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		o := &office{desk: newDesk(t), log: &bytes.Buffer{}, reg: prometheus.NewRegistry()}
		conns := simulator.NewPipeListener()
		server := &http.Server{Handler: o.Handler(), ReadHeaderTimeout: time.Minute}
		go func() { _ = server.Serve(conns) }()
		api := conns.Client()
		client, err := intercom.New(intercom.Options{
			BaseURL: "http://intercom", Token: "token", HTTP: api, Budget: intercom.NewMemoryBudget(intercom.BudgetOptions{}),
		})
		if err != nil {
			t.Fatal(err)
		}
		o.store, err = store.Open(context.Background(), storetest.URL(t, filepath.Join(t.TempDir(), "state.db")), store.Options{Clock: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		o.leads.Store(true)
		o.options = recovery.Options{
			Store: o.store, Client: client, Workspace: func() string { return "ws" }, Wants: func(string) bool { return true },
			Every: 5 * time.Minute, Leads: o.leads.Load, Logger: slog.New(slog.NewTextHandler(o.log, nil)), Registerer: o.reg,
		}
		fn(o)
		_ = o.store.Close()
		_ = server.Close()
		api.CloseIdleConnections()
		synctest.Wait()
	})
}

// run lets the loop work for a time.
func (o *office) run(d time.Duration) {
	o.t.Helper()
	o.reg = prometheus.NewRegistry()
	o.options.Registerer = o.reg
	r := recovery.New(o.options)
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	var filing sync.WaitGroup
	filing.Go(func() { // the engine files what has arrived
		for ctx.Err() == nil {
			_ = o.store.File(context.Background())
			time.Sleep(100 * time.Millisecond)
		}
	})
	r.Run(ctx, context.Background())
	filing.Wait()
	_ = o.store.File(context.Background())
}

// events are the ids of all events on a conversation, in order.
func (o *office) events(id string) (ids []string) {
	o.t.Helper()
	list, err := o.store.EventsOn(context.Background(), "ws", "conversation/"+id)
	if err != nil {
		o.t.Fatal(err)
	}
	for _, ev := range list {
		ids = append(ids, ev.ID)
	}
	return ids
}

func (o *office) watermark() time.Time {
	o.t.Helper()
	row, _, err := o.store.RecoveryOf(context.Background(), "ws")
	if err != nil {
		o.t.Fatal(err)
	}
	return row.Watermark
}

func (o *office) count(name string) int {
	o.t.Helper()
	n := 0
	for _, e := range o.Journal() {
		if e.Endpoint == name {
			n++
		}
	}
	return n
}

// something is a conversation in which two things happened.
func (o *office) something() string {
	o.t.Helper()
	id, err := o.CustomerStarts(o.customer, "Help")
	if err != nil {
		o.t.Fatal(err)
	}
	time.Sleep(time.Second)
	if _, err := o.AdminReplies(id, o.admin, "Yes?", ""); err != nil {
		o.t.Fatal(err)
	}
	return id
}

func TestI11_the_loop(t *testing.T) {
	inOffice(t, func(o *office) {
		before := o.something()
		time.Sleep(time.Hour)
		o.run(time.Minute) // the first time
		if got := o.events(before); len(got) != 0 {
			t.Errorf("history was recovered: %q", got)
		}
		id := o.something()
		time.Sleep(time.Hour)
		o.run(time.Minute)
		got := o.events(id)
		if len(got) != 2 || !strings.HasSuffix(got[0], "conversation.user.created") || !strings.HasSuffix(got[1], "conversation.admin.replied") {
			t.Errorf("recovered %q", got)
		}
		if behind := time.Since(o.watermark()); behind > 4*time.Minute {
			t.Errorf("the watermark is %s behind", behind)
		}
		read := o.count("GET /conversations/{id}")
		o.run(21 * time.Minute) // several passes: one reads it again, because what it knew was with the one before
		if n := o.count("GET /conversations/{id}") - read; n > 1 {
			t.Errorf("a conversation that did not change was read %d times", n)
		}
		if n := testutil.ToFloat64(counter(t, o.reg, "switchboard_recovery_passes_total", "done")); n != 5 {
			t.Errorf("%v passes in 21 minutes", n)
		}
	})
}

// counter is one series of what is registered.
func counter(t *testing.T, reg *prometheus.Registry, name, label string) prometheus.Collector {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	g := prometheus.NewGauge(prometheus.GaugeOpts{Name: "found"})
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == name && len(m.GetLabel()) == 1 && m.GetLabel()[0].GetValue() == label {
				g.Set(m.GetCounter().GetValue())
			}
		}
	}
	return g
}

func TestI11_only_the_leader_looks(t *testing.T) {
	inOffice(t, func(o *office) {
		o.leads.Store(false)
		time.AfterFunc(10*time.Minute, func() { o.leads.Store(true) })
		o.run(9 * time.Minute)
		if n := o.count("POST /conversations/search"); n != 0 {
			t.Errorf("%d searches by a replica that does not lead", n)
		}
		o.run(2 * time.Minute)
		if n := o.count("POST /conversations/search"); n != 1 {
			t.Errorf("%d searches by a replica that leads now", n)
		}
	})
}

// A search that fails moves nothing, and is made again soon.
func TestI11_a_failed_search_moves_nothing(t *testing.T) {
	inOffice(t, func(o *office) {
		o.run(time.Minute)
		id := o.something()
		time.Sleep(time.Hour)
		was := o.watermark()
		for range 3 {
			o.FaultNext(simulator.Fault{Kind: simulator.FailBefore, Endpoint: "GET /conversations/{id}"})
		}
		o.run(4 * time.Second)
		if !o.watermark().Equal(was) || len(o.events(id)) != 0 {
			t.Errorf("the watermark moved by %s", o.watermark().Sub(was))
		}
		o.run(time.Minute)
		if o.watermark().Equal(was) || len(o.events(id)) != 2 {
			t.Errorf("after the trouble: watermark %s, events %q", o.watermark(), o.events(id))
		}
		if !strings.Contains(o.log.String(), "failed and is made again") {
			t.Error("the log does not say so")
		}
	})
}

// A conversation that is refused or gone does not keep the others.
func TestI11_one_conversation_does_not_stop_all(t *testing.T) {
	inOffice(t, func(o *office) {
		o.run(time.Minute)
		ids := []string{o.something(), o.something(), o.something()}
		time.Sleep(time.Hour)
		o.FaultNext(simulator.Fault{Kind: simulator.FailBefore, Status: 403, Endpoint: "GET /conversations/{id}"})
		o.FaultNext(simulator.Fault{Kind: simulator.FailBefore, Status: 404, Endpoint: "GET /conversations/{id}"})
		o.run(time.Minute)
		n := 0
		for _, id := range ids {
			n += len(o.events(id))
		}
		if n != 2 || time.Since(o.watermark()) > 5*time.Minute {
			t.Errorf("%d events recovered, watermark %s behind", n, time.Since(o.watermark()))
		}
		if n := testutil.ToFloat64(counter(t, o.reg, "switchboard_recovery_unreadable_conversations_total", "unreadable")); n != 1 {
			t.Errorf("%v conversations cannot be read", n)
		}
	})
}

func TestI11_what_nobody_wants_is_left(t *testing.T) {
	inOffice(t, func(o *office) {
		o.options.Wants = func(topic string) bool { return topic == "conversation.admin.replied" }
		o.run(time.Minute)
		id := o.something()
		time.Sleep(time.Hour)
		o.run(time.Minute)
		if got := o.events(id); len(got) != 1 || !strings.HasSuffix(got[0], "conversation.admin.replied") {
			t.Errorf("recovered %q", got)
		}
	})
}

// A database from before there was a recovery goes on after its last event.
func TestI11_an_older_database(t *testing.T) {
	inOffice(t, func(o *office) {
		before := o.something()
		time.Sleep(time.Hour)
		ev := event.Event{
			ID: "notif_1", Workspace: "ws", Topic: "conversation.user.created", Subject: "conversation/1",
			CreatedAt: time.Now(), ReceivedAt: time.Now(), Payload: []byte("{}"),
		}
		if _, err := o.store.Put(context.Background(), ev); err != nil {
			t.Fatal(err)
		}
		if err := o.store.File(context.Background()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		after := o.something()
		time.Sleep(time.Hour)
		o.run(time.Minute)
		if len(o.events(before)) != 0 || len(o.events(after)) != 2 {
			t.Errorf("recovered %q and %q", o.events(before), o.events(after))
		}
	})
}

// Hundreds of conversations are on several pages, which move while they are read.
func TestI11_many_pages(t *testing.T) {
	inOffice(t, func(o *office) {
		o.run(time.Minute)
		var ids []string
		for range 400 {
			ids = append(ids, o.something())
		}
		time.Sleep(time.Hour)
		o.run(4 * time.Minute)
		for _, id := range ids {
			if len(o.events(id)) != 2 {
				t.Fatalf("recovered %q", o.events(id))
			}
		}
	})
}

func TestI11_backfill_over_HTTP(t *testing.T) {
	inOffice(t, func(o *office) {
		id := o.something()
		time.Sleep(time.Hour)
		h := recovery.New(o.options).Handler(context.Background())
		ask := func(body string) (int, []recovery.Line) {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequestWithContext(context.Background(), http.MethodPost, "/api/v1/backfill", strings.NewReader(body)))
			var lines []recovery.Line
			for d := json.NewDecoder(w.Body); ; {
				var l recovery.Line
				if err := d.Decode(&l); errors.Is(err, io.EOF) {
					return w.Code, lines
				} else if err != nil {
					t.Fatal(err)
				}
				lines = append(lines, l)
			}
		}
		since := time.Now().Add(-2 * time.Hour).Format(time.RFC3339)
		for _, c := range []struct {
			body    string
			total   int
			found   int
			recover bool
		}{
			{fmt.Sprintf(`{"since":%q,"dry_run":true}`, since), 2, 2, false},
			{fmt.Sprintf(`{"since":%q,"max_age":"10m"}`, since), 2, 0, true},
			{fmt.Sprintf(`{"since":%q}`, since), 0, 0, true},
		} {
			code, lines := ask(c.body)
			if err := o.store.File(context.Background()); err != nil {
				t.Fatal(err)
			}
			last := lines[len(lines)-1].Report
			if code != http.StatusOK || last == nil || last.Total() != c.total || len(last.Found) != c.found || c.recover != (len(o.events(id)) == 2) {
				t.Errorf("%s: %d %+v, events %q", c.body, code, last, o.events(id))
			}
		}
		for _, wrong := range []string{``, `{}`, `[]`, `{"since":"yesterday"}`, `{"since":"2999-01-01T00:00:00Z"}`, `{"sinse":1}`, fmt.Sprintf(`{"since":%q,"max_age":"old"}`, since)} {
			if code, lines := ask(wrong); code != http.StatusBadRequest || len(lines) != 1 || lines[0].Error == "" {
				t.Errorf("%s: %d %+v", wrong, code, lines)
			}
		}
	})
}

// What is younger than the grace is left, and looked at again although nothing has changed since.
func TestI11_what_was_young_is_looked_at_again(t *testing.T) {
	inOffice(t, func(o *office) {
		o.run(time.Minute)
		o.options.Every = 30 * time.Second
		o.SetFaults(simulator.Faults{Latency: simulator.Latency{Min: 15 * time.Second}}) // a pass takes its time
		id := o.something()
		time.AfterFunc(100*time.Second, func() {
			if got := o.events(id); len(got) != 0 {
				t.Errorf("recovered within the grace: %q", got)
			}
		})
		o.run(8 * time.Minute)
		if got := o.events(id); len(got) != 2 {
			t.Errorf("recovered %q", got)
		}
	})
}

// The young come with the old of their conversation, in order.
func TestI11_order_comes_before_grace(t *testing.T) {
	inOffice(t, func(o *office) {
		o.run(time.Minute)
		id := o.something()
		time.Sleep(10 * time.Minute)
		if _, err := o.AdminCloses(id, o.admin, ""); err != nil {
			t.Fatal(err)
		}
		o.run(30 * time.Second)
		got := o.events(id)
		if !slices.ContainsFunc(got, func(id string) bool { return strings.HasSuffix(id, "conversation.admin.closed") }) || len(got) != 3 {
			t.Errorf("recovered %q", got)
		}
	})
}
