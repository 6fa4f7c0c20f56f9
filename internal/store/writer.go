package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
)

// writer runs the writes of all callers on the one connection that writes. Callers that
// arrive while a commit is under way wait in line, and all who wait share the next
// transaction: a commit costs one fsync however many events it holds. A caller alone
// commits at once, so an idle service stays quick.
type writer struct {
	conn    *sql.Conn
	db      *sql.DB
	ops     chan op
	most    int // operations in one transaction
	quit    chan struct{}
	done    chan struct{}
	close1  sync.Once
	metrics *metrics
}

// op is one caller's write. run may be called twice: when another op of its transaction
// failed, each is tried again by itself. It must not change anything but the database and
// variables that it sets anew each time.
type op struct {
	ctx  context.Context
	run  func(*tx) error
	done chan error
}

// mostOps bounds a transaction, and with it how long the first in line waits for the last.
const mostOps = 256

func newWriter(db *sql.DB, o Options) (*writer, error) {
	// The connection outlives every caller, so it has no caller's context. Nor do the
	// statements: a context that can end costs the driver a goroutine per statement.
	conn, err := db.Conn(context.Background())
	if err != nil {
		return nil, fmt.Errorf("connect for writing: %w", err)
	}
	w := &writer{
		conn: conn, db: db, most: mostOps,
		ops:     make(chan op, mostOps),
		quit:    make(chan struct{}),
		done:    make(chan struct{}),
		metrics: newMetrics(o.Registerer),
	}
	if o.SingleCommits {
		w.most = 1
	}
	go w.loop()
	return w, nil
}

// do runs fn in a transaction and returns after the commit. When ctx ends first, do returns
// early and the write may or may not happen.
func (w *writer) do(ctx context.Context, fn func(*tx) error) error {
	o := op{ctx: ctx, run: fn, done: make(chan error, 1)}
	select {
	case <-w.quit:
		return ErrClosed
	default:
	}
	select {
	case w.ops <- o:
	case <-w.quit:
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-o.done:
		return err
	case <-w.done:
		// The loop ended: either it answered before, or it never saw the op.
		select {
		case err := <-o.done:
			return err
		default:
			return ErrClosed
		}
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (w *writer) loop() {
	defer close(w.done)
	t := &tx{conn: w.conn, stmts: map[string]*sql.Stmt{}}
	defer t.close()
	batch := make([]op, 0, w.most)
	for {
		batch = batch[:0]
		select {
		case o := <-w.ops:
			batch = append(batch, o)
		case <-w.quit:
			select { // those who were let in are served
			case o := <-w.ops:
				batch = append(batch, o)
			default:
				return
			}
		}
	gather:
		for len(batch) < w.most {
			select {
			case o := <-w.ops:
				batch = append(batch, o)
			default:
				break gather
			}
		}
		w.commit(t, batch)
		clear(batch)
	}
}

// commit runs the batch in one transaction. When an op fails, everything is taken back and
// each op gets a transaction of its own, so that nobody fails for another's reason.
func (w *writer) commit(t *tx, batch []op) {
	err := t.transact(func() error {
		for _, o := range batch {
			if err := o.ctx.Err(); err != nil {
				continue // its caller is gone; answered below
			}
			if err := o.run(t); err != nil {
				return err
			}
		}
		return nil
	})
	w.metrics.commits.Inc()
	w.metrics.writes.Add(float64(len(batch)))
	switch {
	case err == nil || len(batch) == 1:
		for _, o := range batch {
			o.done <- orContext(err, o.ctx)
		}
	default:
		for _, o := range batch {
			o.done <- orContext(t.transact(func() error { return o.run(t) }), o.ctx)
		}
	}
}

// orContext is the answer for an op: the error, if any. An op that was skipped because its
// context had ended gets the context's error; its caller has stopped listening anyway.
func orContext(err error, ctx context.Context) error {
	if err != nil {
		return err
	}
	return ctx.Err()
}

func (w *writer) close() error {
	var err error
	w.close1.Do(func() {
		close(w.quit)
		<-w.done
		err = errors.Join(w.conn.Close(), w.db.Close())
	})
	return err
}

// tx is the transaction that is under way on the writing connection. Its statements are
// prepared once and kept.
type tx struct {
	conn  *sql.Conn
	stmts map[string]*sql.Stmt
}

func (t *tx) transact(fn func() error) error {
	if _, err := t.exec("BEGIN IMMEDIATE"); err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	if err := fn(); err != nil {
		_, _ = t.exec("ROLLBACK") // SQLite may have done it already
		return err
	}
	if _, err := t.exec("COMMIT"); err != nil {
		_, _ = t.exec("ROLLBACK")
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

func (t *tx) stmt(query string) (*sql.Stmt, error) {
	if s, ok := t.stmts[query]; ok {
		return s, nil
	}
	s, err := t.conn.PrepareContext(context.Background(), query)
	if err != nil {
		return nil, fmt.Errorf("prepare %q: %w", firstWords(query), err)
	}
	t.stmts[query] = s
	return s, nil
}

// exec runs a statement and tells how many rows it changed.
func (t *tx) exec(query string, args ...any) (int64, error) {
	s, err := t.stmt(query)
	if err != nil {
		return 0, err
	}
	res, err := s.Exec(args...)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", firstWords(query), err)
	}
	return res.RowsAffected()
}

// queryRow runs a statement that returns at most one row; ok is false when there is none.
func (t *tx) queryRow(query string, args []any, dest ...any) (ok bool, err error) {
	s, err := t.stmt(query)
	if err != nil {
		return false, err
	}
	switch err := s.QueryRow(args...).Scan(dest...); {
	case errors.Is(err, sql.ErrNoRows):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("%s: %w", firstWords(query), err)
	}
	return true, nil
}

// query runs a statement that returns rows, and hands each to scan.
func (t *tx) query(query string, args []any, scan func(*sql.Rows) error) error {
	s, err := t.stmt(query)
	if err != nil {
		return err
	}
	rows, err := s.Query(args...)
	if err != nil {
		return fmt.Errorf("%s: %w", firstWords(query), err)
	}
	return eachRow(rows, scan)
}

func (t *tx) close() {
	for _, s := range t.stmts {
		_ = s.Close()
	}
}

// eachRow hands every row to scan and closes the rows.
func eachRow(rows *sql.Rows, scan func(*sql.Rows) error) error {
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return fmt.Errorf("scan: %w", err)
		}
	}
	return rows.Err()
}

// firstWords names a statement in an error without repeating all of it.
func firstWords(query string) string {
	const most = 40
	out := make([]byte, 0, most)
	space := true
	for i := 0; i < len(query) && len(out) < most; i++ {
		c := query[i]
		if c == '\n' || c == '\t' || c == ' ' {
			if !space {
				out = append(out, ' ')
			}
			space = true
			continue
		}
		space = false
		out = append(out, c)
	}
	return string(out)
}
