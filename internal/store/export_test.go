package store

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"testing/fstest"
	"time"

	"switchboard/internal/event"
)

// SetSchemaVersion pretends that a newer program has migrated the database.
func SetSchemaVersion(s *Store, version int) error {
	return s.writer.do(context.Background(), func(t *tx) error {
		_, err := t.exec("INSERT INTO schema_migrations (version) VALUES ($1)", version)
		return err
	})
}

// ForgetRecent makes the store forget which events it knows without asking the database.
func ForgetRecent(s *Store) { s.recent.Purge() }

// DamageSegments overwrites all that is stored so far, as a bad disk would.
func DamageSegments(s *Store) {
	must(s.writer.do(context.Background(), func(t *tx) error {
		_, err := t.exec("UPDATE segments SET data = $1", []byte("\x09damaged"))
		return err
	}))
}

// PutTogether stores events in one segment.
func PutTogether(s *Store, events []event.Event) {
	puts := make([]*put, len(events))
	for i, ev := range events {
		puts[i] = &put{ev: ev}
	}
	must(s.writer.do(context.Background(), func(t *tx) error { return t.putSegment(puts) }))
}

// Segments is how many segments are kept.
func Segments(s *Store) int { return len(segmentsOf(s)) }

// AllStored are the events of all segments.
func AllStored(s *Store) []event.Event {
	var all []event.Event
	for _, data := range segmentsOf(s) {
		events, err := decodeSegment(data)
		must(err)
		all = append(all, events...)
	}
	return all
}

func segmentsOf(s *Store) (list [][]byte) {
	rows, err := s.query(context.Background(), "SELECT data FROM segments ORDER BY id")
	must(err)
	must(eachRow(rows, func(r *sql.Rows) error {
		var data []byte
		err := r.Scan(&data)
		list = append(list, data)
		return err
	}))
	return list
}

// InFlightAboutPlan is how SQLite looks for actions in flight, a step a line.
func InFlightAboutPlan(s *Store) (steps []string) {
	rows, err := s.query(context.Background(), "EXPLAIN QUERY PLAN "+inFlightAbout, "ws", "%x%")
	must(err)
	must(eachRow(rows, func(r *sql.Rows) error {
		var id, parent, unused int
		var step string
		err := r.Scan(&id, &parent, &unused, &step)
		steps = append(steps, step)
		return err
	}))
	return steps
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// MakeFirstVersion makes a database as the first version of the schema has it, where a rule has
// remembered a key.
func MakeFirstVersion(ctx context.Context, path, workspace, rule, key string) error {
	text, err := sqliteMigrations.ReadFile("migrations/sqlite/0001_start.sql")
	if err != nil {
		return err
	}
	db, err := sql.Open("sqlite", sqliteDSN(path))
	if err != nil {
		return err
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	first := fstest.MapFS{"m/0001_start.sql": {Data: text}}
	if _, err := migrate(ctx, conn, first, "m", time.Time{}, slog.New(slog.DiscardHandler)); err != nil {
		return err
	}
	if err := conn.Close(); err != nil {
		return err
	}
	if _, err := db.ExecContext(ctx, "INSERT INTO remembered (workspace, rule, key, seq, at) VALUES ($1, $2, $3, 1, 1)", workspace, rule, key); err != nil {
		return err
	}
	return db.Close()
}

// FillDecided stores n events that were decided, as fast as it can, with payloads that resemble those of
// notifications.
func FillDecided(s *Store, n int) error {
	const each = 32
	payload := func(i int) []byte {
		return fmt.Appendf(nil, `{"type":"notification_event","id":"old%d","topic":"conversation.user.replied","data":{"item":{"id":"%d","text":%q}}}`,
			i, i, strings.Repeat(strconv.Itoa(i*7919)+" ", 40))
	}
	trace := `{"rules":[{"rule":"refunds","verdict":"did not match"}]}`
	for done := 0; done < n; {
		err := s.writer.do(context.Background(), func(t *tx) error {
			for range 60 {
				puts, events := make([]*put, each), make([]event.Event, each)
				for i := range puts {
					at := fromMicros(1_700_000_000_000_000 + int64(done)*1e6)
					events[i] = event.Event{
						Workspace: "ws", ID: fmt.Sprintf("old-%x-%d", uint64(done)*0x9e3779b97f4a7c15, done), Topic: "conversation.user.replied",
						Subject: fmt.Sprint("conversation/", 1_000_000+done%200_000), Part: strconv.Itoa(done),
						CreatedAt: at, ReceivedAt: at, Payload: payload(done),
					}
					puts[i] = &put{ev: events[i]}
					done++
				}
				segment, err := t.insertSegment(puts)
				if err != nil {
					return err
				}
				var rows []any
				for i, ev := range events {
					rows = append(rows, ev.Workspace, ev.ID, ev.Topic, ev.Subject, ev.Part, micros(ev.CreatedAt), micros(ev.ReceivedAt), segment, i)
				}
				var seqs []int64
				if err := t.insert(&insertEvents, rows, func(r *sql.Rows) error {
					var seq int64
					var workspace, id string
					err := r.Scan(&seq, &workspace, &id)
					seqs = append(seqs, seq)
					return err
				}); err != nil {
					return err
				}
				for _, seq := range seqs {
					if err := t.send(nil, "INSERT INTO decisions (seq, workspace, ruleset, evaluated_at, trace) VALUES ($1, $2, $3, $4, $5)",
						seq, "ws", "r", int64(1), trace); err != nil {
						return err
					}
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Settle lets the database do what it would do in a quiet hour.
func Settle(s *Store) error {
	if s.dialect.prepared {
		return s.writer.do(context.Background(), func(t *tx) error {
			_, err := t.exec("ANALYZE")
			return err
		})
	}
	conn, err := s.care.Conn(context.Background())
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	for _, statement := range []string{"SET statement_timeout = 0", "VACUUM ANALYZE", "RESET statement_timeout"} {
		if _, err := conn.ExecContext(context.Background(), statement); err != nil {
			return err
		}
	}
	return nil
}

// BeginAttemptAsBefore10 begins an attempt as a replica does that does not know the tenth version of the schema.
func BeginAttemptAsBefore10(s *Store, action int64, at time.Time) {
	must(s.writer.do(context.Background(), func(t *tx) error {
		_, err := t.exec("UPDATE actions SET state = 'attempting', attempted_at = $1 WHERE id = $2", micros(at), action)
		return err
	}))
}
