package store

import (
	"context"
	"fmt"
	"os"
	"time"

	"switchboard/internal/event"
)

// Load stores events that are filed and decided, each with a run, an action that is done and its
// attempt, a thousand in a transaction.
func Load(s *Store, events []event.Event) {
	for len(events) > 0 {
		n := min(1000, len(events))
		must(s.writer.do(context.Background(), func(t *tx) error {
			for i := 0; i < n; i += mostIntake {
				var puts []*put
				for _, ev := range events[i:min(i+mostIntake, n)] {
					puts = append(puts, &put{ev: ev})
				}
				if err := t.putSegment(puts); err != nil {
					return err
				}
			}
			for i := 0; i < n; i += t.dialect.mostFiled {
				if _, err := t.file(time.Now()); err != nil {
					return err
				}
			}
			return t.decideAll()
		}))
		events = events[n:]
	}
}

// decideAll decides on all events that wait.
func (t *tx) decideAll() error {
	for _, query := range []string{
		`INSERT INTO decisions (seq, workspace, ruleset, evaluated_at, trace)
		 SELECT seq, workspace, 'abc', received_at, '{"rules":[{"name":"first","outcome":"ran","why":"true"}]}' FROM inbox`,
		`INSERT INTO runs (seq, workspace, subject, rule, ruleset, planned_at) SELECT seq, workspace, subject, 'first', 'abc', received_at FROM inbox`,
		`INSERT INTO actions (run, seq, workspace, subject, rule, kind, params, admin, state, attempts, due_at, attempted_at, planned_at, received_at, finished_at, error, detail)
		 SELECT r.id, r.seq, r.workspace, r.subject, r.rule, 'tag', '{"tag":"Refund"}', '', 'done', 1, planned_at, 0, planned_at, planned_at, planned_at, '', 'tagged Refund'
		 FROM runs r JOIN inbox i ON i.seq = r.seq`,
		`INSERT INTO attempts (action, attempt, started_at, finished_at, result, error)
		 SELECT a.id, 1, planned_at, planned_at, 'done', '' FROM actions a JOIN inbox i ON i.seq = a.seq`,
		"DELETE FROM inbox", "DELETE FROM lanes",
	} {
		if _, err := t.exec(query); err != nil {
			return err
		}
	}
	return nil
}

// Size is how large the file is, how large the log beside it, and how many pages are not used.
func Size(s *Store) (file, log int64, free int) {
	info, err := os.Stat(s.path)
	must(err)
	if wal, err := os.Stat(s.path + "-wal"); err == nil {
		log = wal.Size()
	}
	must(s.read.QueryRowContext(context.Background(), "PRAGMA freelist_count").Scan(&free))
	return info.Size(), log, free
}

// ReadOn begins to read the state of this moment; it ends when the function is called.
func ReadOn(s *Store) (end func()) {
	t, err := s.read.BeginTx(context.Background(), nil)
	must(err)
	must(t.QueryRowContext(context.Background(), "SELECT count(*) FROM events").Scan(new(int)))
	return func() { must(t.Rollback()) }
}

// SizeString is that for people.
func SizeString(s *Store) string {
	file, log, free := Size(s)
	return fmt.Sprintf("%.1f MB, log %.1f MB, %d free pages", float64(file)/1e6, float64(log)/1e6, free)
}
