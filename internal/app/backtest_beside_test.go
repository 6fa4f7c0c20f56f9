package app_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"switchboard/internal/backtest"
	"switchboard/internal/operations"
	"switchboard/internal/simulator"
)

const (
	noteAll = `
version: 1
rules:
  - { name: seen, when: conversation.user.replied, then: [note: seen] }
`
	noteAcme = `
version: 1
rules:
  - { name: seen, when: conversation.user.replied, if: 'company.name == "Acme"', then: [note: seen] }
`
)

// written has customers write in conversations of their own.
func written(w *world, customers int) {
	w.t.Helper()
	for i, c := range w.sim.Contacts()[:customers] {
		id := must(w.t)(w.sim.CustomerStarts(c.ID, "Hello"))
		must(w.t)(w.sim.CustomerReplies(id, fmt.Sprintf("message %d", i)))
	}
	w.settle(time.Minute)
}

// TestBacktest_fetches_and_changes_nothing: what was not recorded is read from Intercom, within the limit, each once.
func TestBacktest_fetches_and_changes_nothing(t *testing.T) {
	inBubble(t, noteAll, simulator.Options{NoEcho: true}, func(w *world) {
		written(w, 5)
		r := operations.BacktestRequest{New: mustParseRules(t, noteAcme).Sources()}
		for fetch, want := range map[int]struct{ calls, unknown, beyond int }{0: {0, 5, 0}, 3: {3, 2, 2}, 100: {5, 0, 0}} {
			last := len(w.sim.Journal())
			r.Fetch = fetch
			report, err := w.app.Backtest(w.t.Context(), r)
			if err != nil {
				t.Fatal(err)
			}
			got := report.Fetched
			if fetch == 0 {
				if got != nil {
					t.Errorf("%+v was fetched and nobody asked", got)
				}
				got = &backtest.Fetched{}
			}
			if one := report.Rules[0]; got.Calls != want.calls || one.Unknown != want.unknown || got.Beyond != want.beyond || one.Fetched != want.calls {
				t.Errorf("at most %d: %+v, %+v", fetch, got, one)
			}
			calls := w.sim.JournalSince(last)
			for _, call := range calls {
				if call.Endpoint != "GET /contacts/{id}/companies" || call.Effect != simulator.EffectNone {
					t.Errorf("it called %s", call.Endpoint)
				}
			}
			if len(calls) != want.calls {
				t.Errorf("%d calls, want %d", len(calls), want.calls)
			}
		}
	})
}

// slowCompanies keeps whoever reads companies waiting until they give up.
type slowCompanies struct {
	next   http.RoundTripper
	asking atomic.Int32
}

func (s *slowCompanies) RoundTrip(r *http.Request) (*http.Response, error) {
	if strings.HasSuffix(r.URL.Path, "/companies") {
		s.asking.Add(1)
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	return s.next.RoundTrip(r)
}

// TestBacktest_beside_the_work: decisions and actions go on while a backtest runs, there is one at a time, and it ends
// with its time, with whoever asked, and with the service.
func TestBacktest_beside_the_work(t *testing.T) {
	slow := &slowCompanies{}
	inBubbleWith(t, noteAll, simulator.Options{NoEcho: true}, func(w *world) {
		slow.next = w.options.HTTP.Transport
		w.options.HTTP = &http.Client{Transport: slow}
		w.options.Timeout = 24 * time.Hour
	}, func(w *world) {
		written(w, 3)
		ended := make(chan error, 1)
		begin := func(ctx context.Context, timeout time.Duration) {
			before := slow.asking.Load()
			go func() {
				_, err := w.app.Backtest(ctx, operations.BacktestRequest{
					New: mustParseRules(t, noteAcme).Sources(), Fetch: 10, TimeoutSeconds: timeout.Seconds(),
				})
				ended <- err
			}()
			for slow.asking.Load() == before {
				time.Sleep(time.Second)
			}
		}
		ends := func(what, want string) {
			t.Helper()
			if err := <-ended; err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %q", what, err, want)
			}
		}

		ctx, leave := context.WithCancel(w.t.Context())
		begin(ctx, time.Hour)
		notes := len(w.sim.Journal())
		written(w, 3)
		if done := len(w.sim.JournalSince(notes)); done < 3 {
			t.Errorf("%d calls were made beside the backtest", done)
		}
		_, err := w.app.Backtest(w.t.Context(), operations.BacktestRequest{New: mustParseRules(t, noteAcme).Sources()})
		if err == nil || err.Error() != "another backtest is running: try again when it has ended" {
			t.Errorf("a second one: %v", err)
		}
		leave()
		ends("who asked is gone", "context canceled")

		began := time.Now()
		begin(w.t.Context(), 90*time.Second)
		ends("its time", "the backtest took longer than 1m30s: it had come to 2")
		if took := time.Since(began); took > 91*time.Second {
			t.Errorf("it took %s", took)
		}

		begin(w.t.Context(), time.Hour)
		began = time.Now()
		w.stop()
		ends("the service stops", "the service stops: ask again when it runs")
		if took := time.Since(began); took > time.Second {
			t.Errorf("the service and its backtest took %s to stop", took)
		}
	})
}
