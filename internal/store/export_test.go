package store

import (
	"context"
	"database/sql"
	"log/slog"
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
