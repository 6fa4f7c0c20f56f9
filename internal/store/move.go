package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// ErrMove says that a state cannot be moved, and why.
var ErrMove = errors.New("nothing was moved")

// Moved is a table whose rows have been copied.
type Moved struct {
	Table string `json:"table"`
	Rows  int64  `json:"rows"`
}

// notMoved are the tables that each database has for itself.
var notMoved = []string{"schema_migrations", "replicas", "locks", "pulse"}

// Move copies the whole state of one database into another that has none, in one transaction: it is there
// with all that belongs to it, or not at all. Neither may be in use. Rows keep their numbers, and those
// that come later get higher ones than any that there ever were. progress is told of each table.
func Move(ctx context.Context, from, to string, o Options, progress func(Moved)) (moved []Moved, err error) {
	if from == to {
		return nil, fmt.Errorf("%w: both are the same database", ErrMove)
	}
	source, err := Open(ctx, from, o)
	if err != nil {
		return nil, fmt.Errorf("the source: %w", err)
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	target, err := Open(ctx, to, o)
	if err != nil {
		return nil, fmt.Errorf("the target: %w", err)
	}
	defer func() { err = errors.Join(err, target.Close()) }()

	// Nothing but opening has been done to either, so the connections that write are free.
	out, err := source.beginMove(ctx)
	if err != nil {
		return nil, fmt.Errorf("the source, %s: %w", source.path, err)
	}
	defer func() { err = errors.Join(err, ignoreDone(out.Rollback())) }()
	in, err := target.beginMove(ctx)
	if err != nil {
		return nil, fmt.Errorf("the target, %s: %w", target.path, err)
	}
	defer func() { err = errors.Join(err, ignoreDone(in.Rollback())) }()
	m := move{source: source, target: target, out: out, in: in}
	if moved, err = m.all(ctx, progress); err != nil {
		return nil, err
	}
	return moved, in.Commit()
}

// beginMove begins a transaction that sees one state and that no replica can begin to work beside.
func (s *Store) beginMove(ctx context.Context) (t *sql.Tx, err error) {
	level := sql.LevelDefault
	if s.Shared() {
		level = sql.LevelRepeatableRead
	}
	if t, err = s.writer.db.BeginTx(ctx, &sql.TxOptions{Isolation: level}); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, ignoreDone(t.Rollback()))
		}
	}()
	if !s.Shared() {
		return t, nil // the lock on the file keeps others away
	}
	for _, query := range []string{
		"SET LOCAL statement_timeout = 0", "SET LOCAL idle_in_transaction_session_timeout = 0",
		"SET LOCAL lock_timeout = '10s'", "LOCK TABLE replicas IN SHARE MODE", // nobody joins or renews until the end
	} {
		if _, err := t.ExecContext(ctx, query); err != nil {
			return t, err
		}
	}
	all, err := replicas(ctx, t)
	if err != nil {
		return t, err
	}
	var living []string
	for _, r := range all {
		if r.SeenAt.After(s.Now().Add(-s.takeover)) {
			living = append(living, r.Name)
		}
	}
	if len(living) > 0 {
		return t, fmt.Errorf("%w: %w by %s: stop that first", ErrMove, ErrInUse, strings.Join(living, ", "))
	}
	return t, nil
}

// move copies from one transaction to another.
type move struct {
	source, target *Store
	out, in        *sql.Tx
}

func (m *move) all(ctx context.Context, progress func(Moved)) (moved []Moved, err error) {
	tables, err := m.tables(ctx)
	if err != nil {
		return nil, err
	}
	for _, table := range tables {
		if n, err := count(ctx, m.in, table); err != nil {
			return nil, err
		} else if n > 0 {
			return nil, fmt.Errorf("%w: the target, %s, is not empty: %s has %d rows", ErrMove, m.target.path, table, n)
		}
	}
	for _, table := range tables {
		n, err := m.table(ctx, table)
		if err != nil {
			return nil, fmt.Errorf("copy %s: %w", table, err)
		}
		moved = append(moved, Moved{table, n})
		progress(moved[len(moved)-1])
	}
	// Whoever held claims is gone, as after a start.
	if _, err := m.in.ExecContext(ctx, "UPDATE lanes SET fence = 0, dirty = 0, visible_at = 0"); err != nil {
		return nil, err
	}
	return moved, m.sequences(ctx)
}

// tables are those to be copied: both databases have the same.
func (m *move) tables(ctx context.Context) ([]string, error) {
	from, err := m.source.tables(ctx, m.out)
	if err != nil {
		return nil, err
	}
	to, err := m.target.tables(ctx, m.in)
	if err != nil {
		return nil, err
	}
	if !slices.Equal(from, to) {
		return nil, fmt.Errorf("%w: the source has the tables %v and the target %v", ErrMove, from, to)
	}
	return from, nil
}

func (s *Store) tables(ctx context.Context, t *sql.Tx) (list []string, err error) {
	query := "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY name"
	if s.Shared() {
		query = `SELECT cast(table_name AS TEXT) AS name FROM information_schema.tables
			WHERE table_schema = current_schema() AND table_type = 'BASE TABLE' ORDER BY name`
	}
	rows, err := t.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	err = eachRow(rows, func(r *sql.Rows) error {
		var name string
		err := r.Scan(&name)
		if !slices.Contains(notMoved, name) {
			list = append(list, name)
		}
		return err
	})
	slices.Sort(list) // the databases have their own ideas of order
	return list, err
}

func count(ctx context.Context, t *sql.Tx, table string) (n int64, err error) {
	err = t.QueryRowContext(ctx, "SELECT count(*) FROM "+table).Scan(&n)
	return n, err
}

// Rows go in statements of so many at the most, and of so many bytes.
const (
	moveRows  = 100
	moveBytes = 4 << 20
)

// table copies the rows of one table, and tells how many there are, on both sides.
func (m *move) table(ctx context.Context, table string) (copied int64, err error) {
	rows, err := m.out.QueryContext(ctx, "SELECT * FROM "+table)
	if err != nil {
		return 0, err
	}
	columns, err := rows.Columns()
	if err != nil {
		return 0, errors.Join(err, rows.Close())
	}
	var values []any
	size := 0
	flush := func() error {
		if len(values) == 0 {
			return nil
		}
		m.target.dialect.cleanArgs(values)
		_, err := m.in.ExecContext(ctx, insertRows(table, columns, len(values)/len(columns)), values...)
		values, size = values[:0], 0
		return err
	}
	err = eachRow(rows, func(r *sql.Rows) error {
		row, bytes, err := scanRow(r, len(columns))
		if err != nil {
			return err
		}
		values, size, copied = append(values, row...), size+bytes, copied+1
		if len(values) < moveRows*len(columns) && size < moveBytes {
			return nil
		}
		return flush()
	})
	if err == nil {
		err = flush()
	}
	if err != nil {
		return 0, err
	}
	had, err1 := count(ctx, m.out, table)
	has, err2 := count(ctx, m.in, table)
	if err := errors.Join(err1, err2); err != nil {
		return 0, err
	}
	if had != copied || has != copied {
		return 0, fmt.Errorf("the source has %d rows, %d were copied, and the target has %d", had, copied, has)
	}
	return copied, nil
}

func scanRow(r *sql.Rows, columns int) (row []any, size int, err error) {
	row = make([]any, columns)
	places := make([]any, columns)
	for i := range row {
		places[i] = &row[i]
	}
	err = r.Scan(places...)
	for i, value := range row {
		switch v := value.(type) {
		case nil: // no column may be null: it is how the driver of SQLite gives an empty BLOB
			row[i] = []byte{}
		case string:
			size += len(v)
		case []byte:
			if size += len(v); v == nil { // another way in which it does
				row[i] = []byte{}
			}
		}
	}
	return row, size, err
}

func insertRows(table string, columns []string, rows int) string {
	var b strings.Builder
	b.WriteString("INSERT INTO " + table + " (" + strings.Join(columns, ", ") + ") VALUES ")
	for n := range rows * len(columns) {
		switch {
		case n == 0:
			b.WriteString("(")
		case n%len(columns) == 0:
			b.WriteString("), (")
		default:
			b.WriteString(", ")
		}
		b.WriteString("$" + strconv.Itoa(n+1))
	}
	return b.String() + ")"
}

// numberedTables are the tables that number their rows, and by which column. No number is given twice, not even
// that of a row which is gone: others may still name it.
var numberedTables = map[string]string{"segments": "id", "events": "seq", "runs": "id", "actions": "id"}

// sequences has the target number on from where the source is.
func (m *move) sequences(ctx context.Context) error {
	for table, column := range numberedTables {
		last, err := m.source.lastNumber(ctx, m.out, table, column)
		if err != nil {
			return fmt.Errorf("read the last number of %s: %w", table, err)
		}
		if last == 0 {
			continue
		}
		if m.target.Shared() {
			_, err = m.in.ExecContext(ctx, "SELECT setval(pg_get_serial_sequence($1, $2), $3)", table, column, last)
		} else if _, err = m.in.ExecContext(ctx, "DELETE FROM sqlite_sequence WHERE name = $1", table); err == nil {
			_, err = m.in.ExecContext(ctx, "INSERT INTO sqlite_sequence (name, seq) VALUES ($1, $2)", table, last)
		}
		if err != nil {
			return fmt.Errorf("set the last number of %s: %w", table, err)
		}
	}
	return nil
}

// lastNumber is the highest number that a table has ever given; 0 when it gave none.
func (s *Store) lastNumber(ctx context.Context, t *sql.Tx, table, column string) (last int64, err error) {
	if !s.Shared() {
		err = t.QueryRowContext(ctx, "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = $1", table).Scan(&last)
		return last, err
	}
	var sequence string
	if err := t.QueryRowContext(ctx, "SELECT pg_get_serial_sequence($1, $2)", table, column).Scan(&sequence); err != nil {
		return 0, err
	}
	err = t.QueryRowContext(ctx, "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM "+sequence).Scan(&last) // quoted by the server
	return last, err
}
