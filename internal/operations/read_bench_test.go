package operations_test

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"switchboard/internal/event"
	"switchboard/internal/operations"
	"switchboard/internal/store"
)

// BenchmarkPages asks what the console asks, with 1,000,000 events stored (20,000 with -short). Each question is
// asked askedPages times, where it has more pages for one after the other; p95-ms is how long the slowest but for
// one in twenty took, and pages how many it takes until there is no more, up to askedPages.
//
//	go test ./internal/operations -run '^$' -bench Pages -benchtime 1x
func BenchmarkPages(b *testing.B) {
	n := 1_000_000
	if testing.Short() {
		n = 20_000
	}
	path := filepath.Join(b.TempDir(), "state.db")
	fillPages(b, path, n)
	s, err := store.Open(b.Context(), "sqlite:"+path, store.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	middle := epoch.Add(time.Duration(n/2) * time.Second)
	for _, q := range []struct {
		name string
		r    operations.EventsRequest
	}{
		{"newest", operations.EventsRequest{}},
		{"a full page", operations.EventsRequest{Limit: 200}},
		{"a topic", operations.EventsRequest{Topic: "conversation.admin.*"}},
		{"a topic that never occurs", operations.EventsRequest{Topic: "conversation.never"}},
		{"a topic like none", operations.EventsRequest{Topic: "*never*"}},
		{"a conversation", operations.EventsRequest{Subject: "conversation/77"}},
		{"a contact", operations.EventsRequest{Subject: "contact/77"}},
		{"a contact with most events", operations.EventsRequest{Subject: "contact/busy"}},
		{"nothing has the subject", operations.EventsRequest{Subject: "contact/none"}},
		{"a rule that ran often", operations.EventsRequest{Rule: "often", Outcome: "ran"}},
		{"a rule that ran often, a topic that never occurs", operations.EventsRequest{Rule: "often", Outcome: "ran", Topic: "conversation.never"}},
		{"a rule that ran once", operations.EventsRequest{Rule: "once-long-ago", Outcome: "ran"}},
		{"a rule, whatever it did", operations.EventsRequest{Rule: "often"}},
		{"a rule that did something once", operations.EventsRequest{Rule: "once-long-ago"}},
		{"held back", operations.EventsRequest{Outcome: "held_back"}},
		{"would have run", operations.EventsRequest{Outcome: "would_have_run"}},
		{"failed, and none did", operations.EventsRequest{Outcome: "failed"}},
		{"ran", operations.EventsRequest{Outcome: "ran"}},
		{"the number of an event", operations.EventsRequest{Text: "1234"}},
		{"the id of a notification", operations.EventsRequest{Text: "notif_1234"}},
		{"the id of a conversation", operations.EventsRequest{Text: "c1002"}},
		{"a part", operations.EventsRequest{Text: fmt.Sprint("p", n-300)}},
		{"nothing has the text", operations.EventsRequest{Text: "refund"}},
		{"a time", operations.EventsRequest{Since: middle, Until: middle.Add(time.Hour)}},
		{"a time and a topic that never occurs", operations.EventsRequest{Until: middle, Topic: "conversation.never"}},
		{"another workspace", operations.EventsRequest{Workspace: "other"}},
	} {
		b.Run("events/"+q.name, func(b *testing.B) {
			askPages(b, func() (bool, error) {
				page, err := reader.Events(b.Context(), s, q.r)
				q.r.Before = page.Next
				return page.Next != 0, err
			})
		})
	}
	for _, q := range []struct {
		name string
		r    operations.ActionsRequest
	}{
		{"newest", operations.ActionsRequest{}},
		{"dead", operations.ActionsRequest{State: store.StateDead}},
		{"dead, an error that none has", operations.ActionsRequest{State: store.StateDead, Error: "none"}},
		{"planned", operations.ActionsRequest{State: store.StatePlanned}},
		{"a rule that ran once", operations.ActionsRequest{Rule: "once-long-ago"}},
		{"a kind that none has", operations.ActionsRequest{Kind: "count"}},
		{"a conversation", operations.ActionsRequest{Subject: "conversation/77"}},
		{"a contact with most events", operations.ActionsRequest{Subject: "contact/busy"}},
		{"an error that none has", operations.ActionsRequest{Error: "none"}},
	} {
		b.Run("actions/"+q.name, func(b *testing.B) {
			askPages(b, func() (bool, error) {
				page, err := reader.Actions(b.Context(), s, q.r)
				q.r.Before = page.Next
				return page.Next != 0, err
			})
		})
	}
	for _, q := range []struct {
		name string
		ask  func() error
	}{
		{"event", func() error {
			_, err := reader.Event(b.Context(), s, operations.EventRequest{Event: "1234"})
			return err
		}},
		{"action", func() error {
			_, err := reader.Action(b.Context(), s, operations.ActionRequest{ID: 1234})
			return err
		}},
		{"conversation", func() error {
			_, err := reader.Conversation(b.Context(), s, operations.SubjectRequest{Subject: "conversation/77"})
			return err
		}},
		{"contact with most events", func() error {
			_, err := reader.Conversation(b.Context(), s, operations.SubjectRequest{Subject: "contact/busy"})
			return err
		}},
		{"timers", func() error { _, err := reader.Timers(b.Context(), s, operations.TimersRequest{}); return err }},
		{"timers of a rule that has none", func() error {
			_, err := reader.Timers(b.Context(), s, operations.TimersRequest{Rule: "none"})
			return err
		}},
		{"choices", func() error { _, err := reader.Choices(b.Context(), s, operations.ChoicesRequest{}); return err }},
	} {
		b.Run(q.name, func(b *testing.B) { askPages(b, func() (bool, error) { return false, q.ask() }) })
	}
}

const askedPages = 40

// askPages asks and reports how long the answers took.
func askPages(b *testing.B, ask func() (more bool, err error)) {
	b.Helper()
	for range b.N {
		var took []float64
		pages, ended := 0, false
		for range askedPages {
			began := time.Now()
			more, err := ask()
			if err != nil {
				b.Fatal(err)
			}
			took = append(took, time.Since(began).Seconds()*1000)
			if !ended {
				pages++
				ended = !more
			}
		}
		slices.Sort(took)
		b.ReportMetric(took[len(took)*95/100], "p95-ms")
		b.ReportMetric(took[len(took)-1], "max-ms")
		b.ReportMetric(float64(pages), "pages")
	}
}

// fillPages makes a database of n decided events, one each second. On every eighth a rule ran, with two actions.
func fillPages(b *testing.B, path string, n int) {
	b.Helper()
	s, err := store.Open(b.Context(), "sqlite:"+path, store.Options{})
	if err != nil {
		b.Fatal(err)
	}
	if _, err := s.Put(b.Context(), event.Event{ID: "first", Workspace: "ws", Topic: "ping", Subject: "other/1", CreatedAt: epoch, ReceivedAt: epoch, Payload: []byte(`{}`)}); err != nil {
		b.Fatal(err)
	}
	if _, err := s.Claim(b.Context(), store.LaneEvents, "", 1, time.Now(), time.Minute); err != nil {
		b.Fatal(err)
	}
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=synchronous(off)&_pragma=cache_size(-200000)")
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	const (
		counted = "WITH RECURSIVE n(i) AS (SELECT ? UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?) "
		at      = "1772442000000000 + i * 1000000"
		// One event in ten is about a contact, mostly about one that is busy.
		subject = `CASE WHEN i % 10 > 0 THEN 'conversation/' || CASE WHEN i % 997 = 5 THEN 'c' || i ELSE i * 7919 % 90001 END
			WHEN i % 20 = 0 THEN 'contact/busy' ELSE 'contact/' || i * 7919 % 9001 END`
		outcome = `CASE WHEN i = 3000 THEN '{"rule":"once-long-ago","file":"rules.yaml","line":9,"verdict":"ran"},' ELSE '' END ||
			'{"rule":"often","file":"rules.yaml","line":3,"verdict":"' || CASE i % 8 WHEN 0 THEN 'ran","actions":[{"kind":"tag","params":{"tags":["Refund"]},"summary":"tag Refund"},{"kind":"note","params":{"body":"x"},"summary":"note x"}]' WHEN 1 THEN 'held_back","held_by":"once","reason":"ran already"' ELSE 'did_not_match"' END ||
			'},{"rule":"other","file":"rules.yaml","line":12,"verdict":"' || CASE WHEN i % 500 = 0 THEN 'held_back","held_by":"shadow","would":[{"kind":"tag","summary":"tag Refund"}]' ELSE 'did_not_match"' END || '}'`
	)
	text := `x'` + fmt.Sprintf("%x", `{"type":"contact","id":"5f2b8a","email":"ada@acme.test","name":"Ada","custom_attributes":{"plan":"enterprise","seats":40,"region":"eu"},"tags":{"data":[]}}`) + `'`
	for from := 1; from < n; from += 50_000 {
		to := min(from+50_000, n)
		for _, statement := range []string{
			`INSERT INTO events (workspace, id, topic, subject, part, created_at, received_at, segment, position)
				SELECT 'ws', 'notif_' || CASE WHEN i = 1234 THEN i ELSE hex(randomblob(8)) END, CASE i % 4 WHEN 0 THEN 'conversation.admin.replied' ELSE 'conversation.user.replied' END,
				` + subject + `, 'p' || i, ` + at + `, ` + at + `, 1, 0 FROM n`,
			`INSERT INTO decisions (seq, workspace, ruleset, evaluated_at, trace)
				SELECT i + 1, 'ws', 'r', ` + at + `, '{"ruleset":"r","event":"n","at":"2026-03-02T09:00:00Z","considered":2,"total":2,"rules":[' || ` + outcome + ` || '],"lookups":{"contact/5f2b8a":' || cast(` + text + ` AS text) || '}}' FROM n`,
			`INSERT INTO runs (seq, workspace, subject, rule, ruleset, planned_at)
				SELECT i + 1, 'ws', ` + subject + `, CASE WHEN i = 3000 THEN 'once-long-ago' ELSE 'often' END, 'r', ` + at + ` FROM n WHERE i % 8 = 0`,
			`INSERT INTO actions (run, seq, workspace, subject, rule, kind, params, admin, state, attempts, due_at, attempted_at, planned_at, received_at, finished_at, error, detail)
				SELECT i / 8, i + 1, 'ws', ` + subject + `, CASE WHEN i = 3000 THEN 'once-long-ago' ELSE 'often' END, k, p, '', CASE WHEN i % 4000 = 0 THEN 'dead' WHEN i > 1 AND i % 40000 = 8 THEN 'planned' ELSE 'done' END,
				1, 0, 0, ` + at + `, ` + at + `, ` + at + `, CASE WHEN i % 4000 = 0 THEN '422 the tag cannot be put on' ELSE '' END, 'tag Refund'
				FROM n, (SELECT 'tag' AS k, '{"tags":["Refund"]}' AS p UNION ALL SELECT 'note', '{"body":"x"}') WHERE i % 8 = 0`,
			`INSERT OR IGNORE INTO timers (workspace, subject, rule, seq, event, topic, part, happened_at, started_at, due_at, place, clock, version)
				SELECT 'ws', 'conversation/' || i, 'often', i, 'n', 'conversation.user.created', '', ` + at + `, ` + at + `, ` + at + `, 1, '15m', 1 FROM n WHERE i % 20 = 0`,
		} {
			if _, err := db.ExecContext(b.Context(), counted+statement, from, to); err != nil {
				b.Fatal(statement, err)
			}
		}
	}
}
