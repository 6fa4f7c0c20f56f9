package app_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"switchboard/internal/simulator"
)

// quiet is a workspace that tells nothing of what happens in it: schedules need no notifications.
var quiet = simulator.Options{Topics: []string{"ping"}}

// searches counts the searches of conversations so far.
func (w *world) searches() (n int) {
	for _, e := range w.sim.Journal() {
		if e.Endpoint == "POST /conversations/search" {
			n++
		}
	}
	return n
}

// await lets time pass until something is so.
func (w *world) await(what string, most time.Duration, so func() bool) {
	w.t.Helper()
	for deadline := time.Now().Add(most); !so(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			w.t.Fatalf("%s did not come within %s", what, most)
		}
	}
}

func (w *world) logged(text string) int { return strings.Count(w.log.String(), text) }

// sleepUntil lets the bubble's clock go on; the world begins on 1 January 2000.
func sleepUntil(t *testing.T, at string) {
	t.Helper()
	when, err := time.Parse(time.DateTime, at)
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Until(when))
}

const staleRules = `
version: 1
rules:
  - name: stale
    every: { cron: "0 8 * * *", timezone: Europe/Dublin }
    search:
      operator: AND
      value:
        - { field: state, operator: "=", value: open }
        - { field: updated_at, operator: "<", value: "{{ now() - duration('72h') }}" }
    then:
      - note: "Closed, because nobody wrote for three days."
      - close
`

// staleWorld has n conversations that nobody has written in for days, and one that is fresh; it
// begins shortly before the sweep.
func staleWorld(t *testing.T, n int, stale *[]string, fresh *string) func(w *world) {
	return func(w *world) {
		for range n {
			*stale = append(*stale, must(t)(w.sim.CustomerStarts(w.customer(), "Hello")))
		}
		sleepUntil(t, "2000-01-05 07:59:00")
		*fresh = must(t)(w.sim.CustomerStarts(w.customer(), "Hello"))
	}
}

// checkStale tells whether every stale conversation was closed exactly once, and no other.
func (w *world) checkStale(stale []string, fresh string) {
	w.t.Helper()
	for _, id := range stale {
		c, _ := w.sim.Conversation(id)
		closes := 0
		for _, p := range c.Parts {
			if p.Type == "close" {
				closes++
			}
		}
		if n := len(w.texts(id)); n != 1 || closes != 1 || c.State != simulator.StateClosed {
			w.t.Errorf("%s is %s and has %d notes and was closed %d times", id, c.State, n, closes)
		}
	}
	if c, _ := w.sim.Conversation(fresh); c.State != simulator.StateOpen || len(w.texts(fresh)) > 0 {
		w.t.Error("the fresh conversation was swept, too")
	}
}

// slowSearch makes searches of conversations take a while, and refuses them for now after so many.
type slowSearch struct {
	base    http.RoundTripper
	made    atomic.Int64
	refused atomic.Int64 // from this one on; 0 for none
}

func (s *slowSearch) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Path != "/conversations/search" {
		return s.base.RoundTrip(r)
	}
	select {
	case <-time.After(100 * time.Millisecond):
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	if from := s.refused.Load(); s.made.Add(1) >= from && from > 0 {
		const body = `{"type":"error.list","errors":[{"code":"service_unavailable","message":"Sorry"}]}`
		return &http.Response{
			StatusCode: http.StatusServiceUnavailable, Header: http.Header{"Content-Type": {"application/json"}}, Request: r,
			Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)),
		}, nil
	}
	return s.base.RoundTrip(r)
}

// slow takes the place of the way to Intercom.
func (w *world) slow() *slowSearch {
	s := &slowSearch{base: w.options.HTTP.Transport}
	w.options.HTTP.Transport = s
	return s
}

// TestI2_I4_stale_conversations_are_closed_once sweeps over several pages, and is killed after each
// search and between them.
func TestI2_I4_stale_conversations_are_closed_once(t *testing.T) {
	t.Parallel()
	for _, kills := range []int{0, 1, 3} {
		t.Run(strconv.Itoa(kills)+" kills", func(t *testing.T) {
			var stale []string
			var fresh string
			begin := staleWorld(t, 60, &stale, &fresh)
			inBubbleWith(t, staleRules, quiet, func(w *world) {
				w.slow()
				begin(w)
			}, func(w *world) {
				for kill := range kills {
					// A search was made; its results are here, and actions run.
					seen := w.searches()
					w.await("a search", 2*time.Minute, func() bool { return w.searches() > seen })
					time.Sleep(time.Duration(kill) * 70 * time.Millisecond)
					if w.logged("sweep ended") > 0 {
						t.Fatal("it ended before it was killed ", kill+1, " times")
					}
					w.kill()
				}
				w.await("the end of the sweep", 10*time.Minute, func() bool { return w.logged("sweep ended") > 0 })
				w.settle(10 * time.Minute)
				w.checkStale(stale, fresh)
				if n := w.logged(`msg="sweep begins"`); n != 1 {
					t.Errorf("it began %d times", n)
				}
				if kills == 0 { // what was found when it was killed may not be counted
					if !strings.Contains(w.log.String(), "result=finished") || !strings.Contains(w.log.String(), "results=60") {
						t.Error("the log does not say that it has found 60")
					}
					if n := w.metric("switchboard_sweep_results_total", "rule", "stale"); n != 60 {
						t.Errorf("%v results are counted", n)
					}
					if n := w.metric("switchboard_sweeps_total", "result", "finished"); n != 1 {
						t.Errorf("%v finished sweeps are counted", n)
					}
				}
			})
		})
	}
}

// byPlace makes the cursors of a search count places among the results of the moment, as a service
// may do that promises no order: what leaves the search moves up what stands behind it.
type byPlace struct{ base http.RoundTripper }

func (b byPlace) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Path != "/conversations/search" {
		return b.base.RoundTrip(r)
	}
	var in struct {
		Query      json.RawMessage `json:"query"`
		Pagination struct {
			PerPage int    `json:"per_page"`
			After   string `json:"starting_after"`
		} `json:"pagination"`
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		return nil, err
	}
	from, _ := strconv.Atoi(in.Pagination.After)
	body := fmt.Sprintf(`{"query":%s,"pagination":{"per_page":150}}`, in.Query)
	r = r.Clone(r.Context())
	r.Body, r.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
	r.GetBody = nil
	resp, err := b.base.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	var out struct {
		Type          string            `json:"type"`
		Conversations []json.RawMessage `json:"conversations"`
		Pages         map[string]any    `json:"pages"`
	}
	err = json.NewDecoder(resp.Body).Decode(&out)
	_ = resp.Body.Close()
	to := min(from+in.Pagination.PerPage, len(out.Conversations))
	out.Pages = map[string]any{"type": "pages"}
	if to < len(out.Conversations) {
		out.Pages["next"] = map[string]any{"starting_after": strconv.Itoa(to)}
	}
	out.Conversations = out.Conversations[min(from, to):to]
	text, err2 := json.Marshal(out)
	if err != nil || err2 != nil {
		return nil, fmt.Errorf("%w, %w", err, err2)
	}
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(text)), int64(len(text))
	return resp, nil
}

// TestSchedule_nothing_is_missed_when_pages_move closes what the search finds while it is read.
func TestSchedule_nothing_is_missed_when_pages_move(t *testing.T) {
	t.Parallel()
	var stale []string
	var fresh string
	begin := staleWorld(t, 60, &stale, &fresh)
	inBubbleWith(t, staleRules, quiet, func(w *world) {
		w.options.HTTP.Transport = byPlace{w.options.HTTP.Transport}
		begin(w)
	}, func(w *world) {
		w.await("the end of the sweep", 10*time.Minute, func() bool { return w.logged("sweep ended") > 0 })
		w.settle(10 * time.Minute)
		w.checkStale(stale, fresh)
	})
}

const hourly = `
version: 1
rules:
  - name: hourly
    every: "0 * * * *"
    search: { state: open }
    then: [note: Seen]
`

// oneConversation is the only one there is, in a world that begins at half past nine.
func oneConversation(t *testing.T, id *string) func(w *world) {
	return func(w *world) {
		*id = must(t)(w.sim.CustomerStarts(w.customer(), "Hello"))
		sleepUntil(t, "2000-01-02 09:30:00")
	}
}

// TestSchedule_missed_occurrences_are_one_run stops the service over five of them.
func TestSchedule_missed_occurrences_are_one_run(t *testing.T) {
	t.Parallel()
	var id string
	inBubbleWith(t, hourly, quiet, oneConversation(t, &id), func(w *world) {
		sleepUntil(t, "2000-01-02 10:10:00")
		if n := len(w.texts(id)); n != 1 {
			t.Errorf("%d notes after the first hour", n)
		}
		w.stop()
		sleepUntil(t, "2000-01-02 15:20:00")
		w.listenAnew()
		w.start()
		sleepUntil(t, "2000-01-02 15:21:00")
		if n := len(w.texts(id)); n != 2 {
			t.Errorf("%d notes after the downtime, want one more", n)
		}
		sleepUntil(t, "2000-01-02 16:01:00")
		if n := len(w.texts(id)); n != 3 {
			t.Errorf("%d notes after the next hour", n)
		}
	})
}

// TestSchedule_if_late stops the service over five occurrences: with a bound, the only one that is made
// up for is one that was missed by less.
func TestSchedule_if_late(t *testing.T) {
	t.Parallel()
	for late, want := range map[string]int{"skip": 1, "{ skip: 10m }": 1, "{ skip: 30m }": 2, "{ skip: 5h }": 2, "run": 2} {
		var id string
		rules := strings.Replace(hourly, "    every:", "    if_late: "+late+"\n    every:", 1)
		inBubbleWith(t, rules, quiet, oneConversation(t, &id), func(w *world) {
			sleepUntil(t, "2000-01-02 10:10:00")
			w.stop()
			sleepUntil(t, "2000-01-02 15:20:00")
			w.listenAnew()
			w.start()
			sleepUntil(t, "2000-01-02 15:21:00")
			if n := len(w.texts(id)); n != want {
				t.Errorf("if_late: %s: %d notes after the downtime, want %d", late, n, want)
			}
			sleepUntil(t, "2000-01-02 16:01:00")
			if n := len(w.texts(id)); n != want+1 {
				t.Errorf("if_late: %s: %d notes after the next hour, want %d", late, n, want+1)
			}
		})
	}
}

// TestSchedule_sweeps_do_not_pile_up lets the search fail over three occurrences.
func TestSchedule_sweeps_do_not_pile_up(t *testing.T) {
	t.Parallel()
	var id string
	inBubbleWith(t, hourly, quiet, oneConversation(t, &id), func(w *world) {
		sleepUntil(t, "2000-01-02 09:59:30")
		w.sim.Outage(true)
		sleepUntil(t, "2000-01-02 12:30:00")
		w.sim.Outage(false)
		sleepUntil(t, "2000-01-02 12:50:00")
		if n := len(w.texts(id)); n != 1 {
			t.Errorf("%d notes, want that of the first sweep, late", n)
		}
		if n := w.metric("switchboard_sweeps_total", "result", "skipped"); n != 2 {
			t.Errorf("%v were skipped, want those of 11 and 12", n)
		}
		if n := w.logged("sweep skipped"); n != 1 {
			t.Errorf("the log says so %d times", n)
		}
		sleepUntil(t, "2000-01-02 13:01:00")
		if n := len(w.texts(id)); n != 2 {
			t.Errorf("%d notes after the next hour", n)
		}
	})
}

// TestI6_a_search_that_is_refused_ends_one_occurrence loudly, and the next one is tried again.
func TestI6_a_search_that_is_refused_ends_one_occurrence(t *testing.T) {
	t.Parallel()
	var id string
	alone := oneConversation(t, &id)
	inBubbleWith(t, hourly, quiet, func(w *world) { withoutRecovery(w); alone(w) }, func(w *world) {
		w.sim.FaultNext(simulator.Fault{Kind: simulator.FailBefore, Status: 422, Endpoint: "POST /conversations/search"})
		sleepUntil(t, "2000-01-02 10:30:00")
		if n := w.metric("switchboard_sweeps_total", "result", "failed"); n != 1 || len(w.texts(id)) != 0 {
			t.Errorf("%v failed, %d notes", n, len(w.texts(id)))
		}
		if !strings.Contains(w.log.String(), `level=ERROR msg="sweep ended"`) {
			t.Error("the log does not say so")
		}
		sleepUntil(t, "2000-01-02 11:01:00")
		if n := len(w.texts(id)); n != 1 {
			t.Errorf("%d notes after the next hour", n)
		}
	})
}

// TestI8_reload_in_a_sweep changes another rule, which the sweep does not feel, and then what it
// searches for, which ends it.
func TestI8_reload_in_a_sweep(t *testing.T) {
	t.Parallel()
	for change, want := range map[string]int{
		"  - {name: other, when: conversation.user.created, then: [close]}\n": 60,
		"": 25,
	} {
		t.Run(strconv.Itoa(want), func(t *testing.T) {
			var stale []string
			var fresh string
			var search *slowSearch
			begin := staleWorld(t, 60, &stale, &fresh)
			inBubbleWith(t, staleRules, quiet, func(w *world) {
				withoutRecovery(w)
				search = w.slow()
				search.refused.Store(2)
				begin(w)
			}, func(w *world) {
				w.await("the second search", 2*time.Minute, func() bool { return search.made.Load() == 2 })
				text := staleRules + change
				if change == "" {
					text = strings.Replace(staleRules, "72h", "71h", 1)
				}
				w.writeRules(text)
				if err := w.app.Reload(); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Second)
				search.refused.Store(0)
				time.Sleep(10 * time.Minute)
				w.settle(10 * time.Minute)
				n := 0
				for _, id := range stale {
					n += len(w.texts(id))
				}
				if n != want || w.logged("sweep ended early") != map[bool]int{true: 1}[change == ""] {
					t.Errorf("%d of 60 were swept, want %d", n, want)
				}
			})
		})
	}
}

// TestI7_stop_in_a_sweep ends within the time of a call, and goes on after the start.
func TestI7_stop_in_a_sweep(t *testing.T) {
	t.Parallel()
	var stale []string
	var fresh string
	begin := staleWorld(t, 60, &stale, &fresh)
	inBubbleWith(t, staleRules, quiet, func(w *world) {
		w.slow()
		begin(w)
	}, func(w *world) {
		for page := 1; page <= 3; page++ {
			seen := w.searches()
			w.await("a page", 2*time.Minute, func() bool { return w.searches() > seen })
			before := time.Now()
			w.restart()
			if took := time.Since(before); took > 5*time.Second {
				t.Errorf("the stop took %s", took)
			}
		}
		w.await("the end of the sweep", 10*time.Minute, func() bool { return w.logged("sweep ended") > 0 })
		w.settle(10 * time.Minute)
		w.checkStale(stale, fresh)
	})
}

// TestSchedule_contacts_and_tickets searches for other things than conversations.
func TestSchedule_contacts_and_tickets(t *testing.T) {
	t.Parallel()
	const rules = `
version: 1
rules:
  - name: contacts
    every: 1h
    search: { contacts: { role: user } }
    if: contact.email != nil
    then: [tag: { name: Seen, on: contact }]
  - name: tickets
    every: 1h
    search: { tickets: { admin_assignee_id: 0, open: true } }
    if: ticket.open == true
    then: [tag: Seen]
`
	var ticket string
	inBubbleWith(t, rules, quiet, func(w *world) {
		types := w.sim.TicketTypes()
		ticket = must(t)(w.sim.CustomerOpensTicket(w.customer(), types[0].ID, map[string]any{}))
	}, func(w *world) {
		time.Sleep(61 * time.Minute)
		users, tagged := 0, 0
		for _, c := range w.sim.Contacts() {
			if c.Role == "user" {
				users++
				tagged += len(c.Tags)
			}
		}
		if users == 0 || tagged != users {
			t.Errorf("%d of %d contacts are tagged", tagged, users)
		}
		if tk, _ := w.sim.Ticket(ticket); len(tk.Thread.Tags) != 1 {
			t.Errorf("the ticket has the tags %v", tk.Thread.Tags)
		}
	})
}

// TestI5_customers_do_not_wait_for_a_sweep lets customers write while a sweep has 400 calls to make
// within a limit of 40 in ten seconds. Before a customer's reply there are the actions of two pages at
// the most, whatever is still to come.
func TestI5_customers_do_not_wait_for_a_sweep(t *testing.T) {
	t.Parallel()
	const more = `
  - name: hello
    when: conversation.user.replied
    then: [reply: "Hello"]
`
	var stale []string
	var fresh string
	o := simulator.Options{Topics: []string{"ping", "conversation.user.replied"}, RateLimit: 40}
	inBubbleWith(t, staleRules+more, o, staleWorld(t, 200, &stale, &fresh), func(w *world) {
		w.await("a search", 2*time.Minute, func() bool { return w.searches() > 0 })
		for range 3 {
			time.Sleep(5 * time.Second)
			before, had := time.Now(), len(w.texts(fresh))
			must(t)(w.sim.CustomerReplies(fresh, "Is anybody there?"))
			w.await("the reply", 2*time.Minute, func() bool { return len(w.texts(fresh)) > had })
			if wait := time.Since(before); wait > 15*time.Second {
				t.Errorf("the customer waited %s", wait)
			}
			if w.logged("sweep ended") > 0 {
				t.Error("the sweep ended too early to be in the way")
			}
		}
		w.await("the end of the sweep", 10*time.Minute, func() bool { return w.logged("sweep ended") > 0 })
		w.settle(10 * time.Minute)
		for _, id := range stale {
			if n := len(w.texts(id)); n != 1 {
				t.Errorf("%s has %d notes", id, n)
			}
		}
		for _, window := range w.sim.Windows() {
			if window.Used > 40 || window.Rejected > 0 {
				t.Errorf("%+v", window)
			}
		}
	})
}
