package engine

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"switchboard/internal/rules"
	"switchboard/internal/store"
)

// desk is a store with an engine and the runner of schedules, which run between start and stop.
type desk struct {
	t     *testing.T
	path  string
	store *store.Store
	api   *api
	rules *rules.Ruleset
	stop  func()

	mostResults int
}

func newDesk(t *testing.T, text string) *desk {
	t.Helper()
	rs, problems := rules.Parse([]rules.Source{{Name: "rules.yaml", Text: []byte(text)}})
	if rs == nil {
		t.Fatal(problems)
	}
	return &desk{t: t, path: filepath.Join(t.TempDir(), "state.db"), api: &api{answers: map[string]string{}}, rules: rs}
}

// found are the conversations that every search finds.
func (d *desk) found(ids ...string) {
	items := make([]string, len(ids))
	for i, id := range ids {
		items[i] = fmt.Sprintf(`{"type":"conversation","id":%q,"state":"open"}`, id)
	}
	d.api.mu.Lock()
	defer d.api.mu.Unlock()
	d.api.answers["POST /conversations/search"] = `{"type":"conversation.list","conversations":[` + strings.Join(items, ",") + `]}`
}

func (d *desk) start() {
	d.t.Helper()
	var err error
	if d.store, err = store.Open(context.Background(), "sqlite:"+d.path, store.Options{}); err != nil {
		d.t.Fatal(err)
	}
	facts := newTestFacts(d.t, d.api, nil)
	ruleset := func() *rules.Ruleset { return d.rules }
	e := New(Options{Store: d.store, Rules: ruleset, Poll: time.Hour, Facts: facts})
	s := NewSweeps(SweepOptions{
		Store: d.store, Rules: ruleset, Client: facts.client, Workspace: func() string { return "ws" }, Ready: facts.ready, Stored: e.Nudge,
		MostResults: d.mostResults,
	})
	ctx, cancel := context.WithCancel(context.Background())
	var loops sync.WaitGroup
	loops.Go(func() { e.Run(ctx, context.Background()) })
	loops.Go(func() { s.Run(ctx, context.Background()) })
	d.stop = func() {
		cancel()
		loops.Wait()
		_ = d.store.Close()
	}
}

// row is what is stored of the only schedule.
func (d *desk) row() store.Sweep {
	d.t.Helper()
	list, err := d.store.Sweeps(context.Background(), "ws")
	if err != nil || len(list) != 1 {
		d.t.Fatal(list, err)
	}
	return list[0]
}

const dublin = `
version: 1
rules:
  - name: morning
    every: { cron: "0 8 * * mon-fri", timezone: Europe/Dublin }
    search: { state: open }
    then: [{ tag: Seen }]
`

// TestSweeps_a_week_with_daylight_saving goes through the weeks in which clocks in Dublin go on and
// go back. A search is made at eight, on five days of the week.
func TestSweeps_a_week_with_daylight_saving(t *testing.T) {
	for begin, want := range map[string]string{
		"2000-03-23": "23 08:00 GMT, 24 08:00 GMT, 27 08:00 IST, 28 08:00 IST, 29 08:00 IST",
		"2000-10-26": "26 08:00 IST, 27 08:00 IST, 30 08:00 GMT, 31 08:00 GMT, 01 08:00 GMT",
	} {
		synctest.Test(t, func(t *testing.T) {
			zone, err := time.LoadLocation("Europe/Dublin")
			if err != nil {
				t.Fatal(err)
			}
			from, _ := time.Parse(time.DateOnly, begin)
			time.Sleep(time.Until(from))
			d := newDesk(t, dublin)
			d.found("1")
			d.start()
			var got []string
			time.Sleep(30 * time.Second) // between minutes
			for end := from.AddDate(0, 0, 7); time.Now().Before(end); time.Sleep(time.Minute) {
				for range d.api.taken() {
					got = append(got, time.Now().Truncate(time.Minute).In(zone).Format("02 15:04 MST"))
				}
			}
			d.stop()
			if got := strings.Join(got, ", "); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
}

// taken are the calls since it was asked last.
func (a *api) taken() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	calls := a.calls
	a.calls = nil
	return calls
}

// TestI2_a_page_that_is_read_twice loses the cursor of a page whose events were stored, as a crash
// between the two does. Each result is evaluated once.
func TestI2_a_page_that_is_read_twice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, dublin)
		d.found("1", "2", "3")
		d.start()
		time.Sleep(time.Second)
		before := d.row()
		if before.Running || !before.DueAt.IsZero() || before.NextAt.Format(time.DateTime) != "2000-01-03 08:00:00" {
			t.Fatalf("%+v", before)
		}
		time.Sleep(time.Until(before.NextAt) + time.Minute)
		after := d.row()
		if after.Running || after.Results != 3 || !after.DueAt.Equal(before.NextAt) {
			t.Fatalf("%+v", after)
		}
		d.stop()

		d.start()
		time.Sleep(time.Second) // its loop has read the row as it was, and has nothing to do
		lost := after
		lost.Running, lost.Results, lost.Pages = true, 0, 0
		if err := d.store.SaveSweep(context.Background(), &lost); err != nil {
			t.Fatal(err)
		}
		d.stop()
		d.start()
		d.found("3", "2", "1", "4") // one is new
		time.Sleep(time.Hour)
		if row := d.row(); row.Running || row.Results != 1 {
			t.Errorf("%+v, want one more", row)
		}
		if n := d.actions(); !slices.Equal(n, []string{"conversation/1", "conversation/2", "conversation/3", "conversation/4"}) {
			t.Errorf("actions on %v", n)
		}
		d.stop()
	})
}

// TestI2_a_pass_that_was_cut_off_is_not_the_last has put the events of a page and lost that it did,
// and then the results behind it have moved up: only another pass finds them.
func TestI2_a_pass_that_was_cut_off_is_not_the_last(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, dublin)
		d.found("1", "2")
		d.start()
		time.Sleep(time.Second)
		time.Sleep(time.Until(d.row().NextAt) + time.Minute)
		lost := d.row()
		lost.Running, lost.Results, lost.Pages, lost.Fresh = true, 0, 0, 0
		if err := d.store.SaveSweep(context.Background(), &lost); err != nil {
			t.Fatal(err)
		}
		d.stop()
		pages := []string{
			`{"conversations":[{"id":"1"},{"id":"2"}],"pages":{"next":{"starting_after":"c"}}}`, // both are known
			`{"conversations":[]}`,
			`{"conversations":[{"id":"3"}]}`,
		}
		d.api.answer = func(string) string {
			page := pages[0]
			pages = append(pages[1:], `{"conversations":[]}`)
			return page
		}
		d.start()
		time.Sleep(time.Hour)
		if row := d.row(); row.Running || row.Results != 1 || row.Pass != 2 {
			t.Errorf("%+v, want the third found", row)
		}
		d.stop()
	})
}

// actions are the subjects of the actions that the first events led to, in order.
func (d *desk) actions() (subjects []string) {
	d.t.Helper()
	for seq := range int64(20) {
		list, err := d.store.ActionsOf(context.Background(), seq)
		if err != nil {
			d.t.Fatal(err)
		}
		for _, a := range list {
			subjects = append(subjects, a.Subject)
		}
	}
	slices.Sort(subjects)
	return subjects
}

// TestSweeps_events_that_wait_hold_the_next_occurrence keeps the events of a sweep from being
// evaluated: the next one is skipped although all pages were read.
func TestSweeps_events_that_wait_hold_the_next_occurrence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, strings.Replace(dublin, "then:", "if: contact.email == 'x'\n    then:", 1))
		d.api.answers["POST /conversations/search"] = `{"conversations":[{"type":"conversation","id":"1","contacts":{"contacts":[{"id":"c1"}]}}]}`
		d.api.answers["GET /contacts/c1"], d.api.answers["GET /conversations/1"] = "503", "503"
		d.start()
		time.Sleep(time.Second)
		time.Sleep(time.Until(d.row().NextAt) + time.Hour)
		first := d.row()
		time.Sleep(24 * time.Hour)
		if row := d.row(); row.Running || !row.DueAt.Equal(first.DueAt) || !row.NextAt.Equal(first.NextAt.Add(24*time.Hour)) {
			t.Errorf("%+v, want the second day skipped", row)
		}
		d.api.mu.Lock()
		d.api.answers["GET /contacts/c1"] = `{"id":"c1","email":"x"}`
		d.api.answers["GET /conversations/1"] = `{"type":"conversation","id":"1","contacts":{"contacts":[{"id":"c1"}]}}`
		d.api.mu.Unlock()
		time.Sleep(24 * time.Hour)
		if row := d.row(); !row.DueAt.Equal(first.DueAt.Add(48 * time.Hour)) {
			t.Errorf("%+v, want the third day", row)
		}
		d.stop()
	})
}

// TestSweeps_a_clock_that_was_ahead has stored a time that is far away.
func TestSweeps_a_clock_that_was_ahead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, dublin)
		d.found("1")
		d.start()
		time.Sleep(time.Second)
		row := d.row()
		want := row.NextAt
		row.NextAt = row.NextAt.AddDate(50, 0, 0)
		if err := d.store.SaveSweep(context.Background(), &row); err != nil {
			t.Fatal(err)
		}
		d.stop()
		d.start()
		time.Sleep(time.Minute)
		if got := d.row().NextAt; !got.Equal(want) {
			t.Errorf("next is %s, want %s", got, want)
		}
		d.stop()
	})
}

// endless is a search that never comes to an end: every page has a next one.
type endless struct {
	pages int
	again bool // the same results on every page
}

func (e *endless) answer() string {
	first := e.pages * sweepPage
	if e.again {
		first = 0
	}
	e.pages++
	items := make([]string, sweepPage)
	for i := range items {
		items[i] = fmt.Sprintf(`{"type":"conversation","id":"%d"}`, first+i+1)
	}
	return fmt.Sprintf(`{"conversations":[%s],"pages":{"next":{"starting_after":"c%d"}}}`, strings.Join(items, ","), e.pages)
}

// TestSweeps_are_bounded lets searches go on for ever, with new results and with those that were
// found.
func TestSweeps_are_bounded(t *testing.T) {
	for again, want := range map[bool]int{false: 60, true: sweepPage} {
		synctest.Test(t, func(t *testing.T) {
			d := newDesk(t, strings.Replace(dublin, "then:", "state: shadow\n    then:", 1))
			d.mostResults = 60
			search := &endless{again: again}
			d.api.answer = func(call string) string {
				if call == "POST /conversations/search" {
					return search.answer()
				}
				return "404"
			}
			d.start()
			time.Sleep(time.Second)
			time.Sleep(time.Until(d.row().NextAt) + time.Hour)
			if row := d.row(); row.Running || row.Results != want || search.pages > 10 {
				t.Errorf("%d pages, %+v", search.pages, row)
			}
			d.stop()
		})
	}
}
