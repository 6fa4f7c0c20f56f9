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
//
// There are two lines. Intake goes first, because Intercom waits for it and gives slow
// endpoints a lower place; what it has stored can be worked on a little later. A few of the
// others are let in with every commit all the same, so that work goes on under any load.
type writer struct {
	conn    *sql.Conn
	db      *sql.DB
	intake  chan *put
	ops     chan op
	single  bool // one operation in each transaction
	others  int  // how many that are not intake go into the next transaction
	turn    int  // transactions so far
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

// Bounds of a transaction, and with them of how long the first in line waits for the last.
// Half of 32 connections that wait for one commit write their next requests while the other
// half has its commit: more in one transaction would be fewer in a second.
const (
	mostIntake = 16
	mostOthers = 64
	otherCost  = 8 // events that one of the others is worth
	otherTurn  = 8 // every which transaction has one of them at least
	lineLength = 1024
)

func newWriter(db *sql.DB, m *metrics, o Options) (*writer, error) {
	conn, err := db.Conn(background)
	if err != nil {
		return nil, fmt.Errorf("connect for writing: %w", err)
	}
	w := &writer{
		conn: conn, db: db, single: o.SingleCommits, others: 1,
		intake:  make(chan *put, lineLength),
		ops:     make(chan op, lineLength),
		quit:    make(chan struct{}),
		done:    make(chan struct{}),
		metrics: m,
	}
	go w.loop()
	return w, nil
}

// do runs fn in a transaction and returns after the commit. When ctx ends first, do returns
// early and the write may or may not happen.
func (w *writer) do(ctx context.Context, fn func(*tx) error) error {
	o := op{ctx: ctx, run: fn, done: make(chan error, 1)}
	return enter(ctx, w, w.ops, o, o.done)
}

// enter puts v in line and waits for its end.
func enter[T any](ctx context.Context, w *writer, line chan<- T, v T, done <-chan error) error {
	select {
	case <-w.quit:
		return ErrClosed
	default:
	}
	select {
	case line <- v:
	case <-w.quit:
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-done:
		return err
	case <-w.done:
		// The loop ended: either it answered before, or it never saw us.
		select {
		case err := <-done:
			return err
		default:
			return ErrClosed
		}
	case <-ctx.Done():
		return ctx.Err()
	}
}

// batch is what goes into one transaction.
type batch struct {
	puts []*put
	ops  []op
}

func (b *batch) len() int { return len(b.puts) + len(b.ops) }

func (b *batch) reset() {
	clear(b.puts)
	clear(b.ops)
	b.puts, b.ops = b.puts[:0], b.ops[:0]
}

func (w *writer) loop() {
	defer close(w.done)
	t := &tx{conn: w.conn, stmts: map[string]*sql.Stmt{}}
	defer t.close()
	var b batch
	for {
		b.reset()
		select {
		case p := <-w.intake:
			b.puts = append(b.puts, p)
		case o := <-w.ops:
			b.ops = append(b.ops, o)
		case <-w.quit: // those who were let in are served
			if w.gather(&b); b.len() == 0 {
				return
			}
		}
		if !w.single {
			w.gather(&b)
		}
		w.commit(t, &b)
	}
}

// gather adds those who wait in line. While intake keeps coming, the others take a share of the
// places that it leaves, because each of them costs about as much as several events, and one
// place in every few transactions in any case. In a quiet hour their number doubles from one
// transaction to the next.
func (w *writer) gather(b *batch) {
	b.puts = drain(w.intake, b.puts, mostIntake-len(b.puts))
	if w.turn++; len(b.puts) == 0 {
		w.others = min(max(2*w.others, 1), mostOthers)
	} else if w.others = (mostIntake - len(b.puts)) / otherCost; w.others == 0 && w.turn%otherTurn == 0 {
		w.others = 1
	}
	b.ops = drain(w.ops, b.ops, w.others-len(b.ops))
}

// drain adds up to n of those who wait in one line.
func drain[T any](line <-chan T, to []T, n int) []T {
	for range n {
		select {
		case v := <-line:
			to = append(to, v)
		default:
			return to
		}
	}
	return to
}

// commit runs the batch in one transaction. When a part of it fails, everything is taken
// back and each part gets a transaction of its own, so that nobody fails for another's
// reason.
func (w *writer) commit(t *tx, b *batch) {
	w.metrics.commits.Inc()
	w.metrics.writes.Add(float64(b.len()))
	err := t.transact(func() error {
		if err := t.putAll(b.puts); err != nil {
			return err
		}
		for _, o := range b.ops {
			if o.ctx.Err() != nil {
				continue // its caller is gone; answered below
			}
			if err := o.run(t); err != nil {
				return err
			}
		}
		return nil
	})
	together := err == nil || b.len() == 1
	for _, p := range b.puts {
		err := err
		if !together {
			err = t.transact(func() error { return t.putAll([]*put{p}) })
		}
		p.done <- err
	}
	for _, o := range b.ops {
		err := err
		if !together {
			err = t.transact(func() error { return o.run(t) })
		}
		if err == nil {
			err = o.ctx.Err() // it may have been left out
		}
		o.done <- err
	}
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

// background is what statements run with. The connection outlives every caller, and a
// context that can end costs the driver a goroutine per statement.
var background = context.Background()

// tx is the transaction that is under way on the writing connection. Its statements are
// prepared once and kept.
type tx struct {
	conn  *sql.Conn
	stmts map[string]*sql.Stmt
	// Space for segments, used again each time.
	segment, scratch []byte
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
	s, err := t.conn.PrepareContext(background, query)
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
	res, err := s.ExecContext(background, args...)
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
	switch err := s.QueryRowContext(background, args...).Scan(dest...); {
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
	rows, err := s.QueryContext(background, args...)
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
