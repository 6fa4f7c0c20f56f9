package store

import (
	"database/sql"
	"strings"
)

// insertion is an INSERT of as many rows as there are. Most of what a statement costs is not
// its row, so many rows go with one; only few different numbers of rows do, so that the
// statements can be kept.
type insertion struct {
	columns int
	queries [len(insertSizes)]string
}

// insertSizes are the numbers of rows that one statement inserts, most first.
var insertSizes = [...]int{64, 32, 16, 8, 4, 2, 1}

var (
	insertEvents = newInsertion("events (workspace, id, topic, subject, part, created_at, received_at, segment, position)", 9,
		"ON CONFLICT DO NOTHING RETURNING seq, workspace, id")
	insertInbox = newInsertion("inbox (workspace, subject, seq, received_at)", 4, "")
	// insertWork notes that subjects have work. When a row exists, older work decides when it
	// is due, and whoever holds it learns by "dirty" that more has come.
	insertWork = newInsertion("lanes (lane, workspace, subject, visible_at)", 4,
		"ON CONFLICT (lane, workspace, subject) DO UPDATE SET dirty = 1")
)

// newInsertion writes the statements with parameters by position: the driver finds a numbered
// one by comparing it with every argument, which for many rows is most of the time.
func newInsertion(into string, columns int, then string) insertion {
	in := insertion{columns: columns}
	for i, n := range insertSizes {
		var b strings.Builder
		b.WriteString("INSERT INTO " + into + " VALUES ")
		for row := range n {
			for col := range columns {
				switch {
				case col > 0:
					b.WriteString(", ")
				case row > 0:
					b.WriteString("), (")
				default:
					b.WriteString("(")
				}
				b.WriteString("?")
			}
		}
		in.queries[i] = b.String() + ") " + then
	}
	return in
}

// insert inserts the rows whose values stand one after the other. What they return goes to
// scan.
func (t *tx) insert(in *insertion, values []any, scan func(*sql.Rows) error) error {
	for i, n := range insertSizes {
		for size := n * in.columns; len(values) >= size; values = values[size:] {
			var err error
			if scan == nil {
				err = t.send(nil, in.queries[i], values[:size:size]...)
			} else {
				err = t.query(in.queries[i], values[:size], scan)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}
