package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"sync"
	"time"
)

// writer runs the writes of all callers. Callers that arrive while a commit is under way wait
// in line, and all who wait share the next transaction: a commit costs one fsync however many
// events it holds. A caller alone commits at once, so an idle service stays quick.
//
// SQLite has one connection that writes, and one loop that serves it. PostgreSQL takes writes side
// by side and lets their commits share an fsync by itself: there intake has a loop and a connection
// of its own, and the others have several, with one operation in each transaction, so that no
// operation holds its rows for longer than it needs them. All of them together would take most of the
// machine and of the server, so while many wait for intake only one of them goes on beside it.
//
// There are two lines. Intake goes first, because Intercom waits for it and gives slow
// endpoints a lower place; what it has stored can be worked on a little later. A few of the
// others are let in with every commit all the same, so that work goes on under any load.
type writer struct {
	db      *sql.DB
	dialect *dialect
	intake  chan *put
	ops     chan op
	pauses  chan pause
	quit    chan struct{}
	done    chan struct{} // closed when all loops have ended
	close1  sync.Once
	metrics *metrics
	// permits are what the loops need that do not take events in, one for each transaction. Intake keeps
	// all but one to itself while it is busy.
	permits chan struct{}
}

// loop serves a line or both on a connection of its own.
type loop struct {
	*writer
	intake <-chan *put // nil: it serves the other line only
	ops    <-chan op   // nil: it serves intake only
	single bool        // one operation in each transaction
	most   int         // events in one transaction
	others int         // how many that are not intake go into the next transaction
	turn   int         // transactions so far
	lately int         // events in a transaction, weighted by how recent it is, times latelyTurns
	kept   int         // permits that are kept from the others
}

// op is one caller's write. run may be called twice: when another op of its transaction
// failed, each is tried again by itself. It must not change anything but the database and
// variables that it sets anew each time.
type op struct {
	ctx  context.Context
	run  func(*tx) error
	done chan error
}

// pause is what a loop does between two transactions.
type pause struct {
	run  func() error
	done chan error
}

// Bounds of a transaction, and with them of how long the first in line waits for the last.
// Half of 32 connections that wait for one commit write their next requests while the other
// half has its commit: more in one transaction would be fewer in a second.
const (
	mostIntake = 16
	// mostIntakeAlone is that where others do not wait meanwhile, and each statement is a round trip.
	mostIntakeAlone = 64
	mostOthers      = 64
	otherCost       = 8 // events that one of the others is worth
	otherTurn       = 8 // every which transaction has one of them at least
	lineLength      = 1024
)

// When intake goes before what would otherwise be done beside it.
const (
	busyIntake  = 4                     // with this many events in a transaction
	latelyTurns = 8                     // on the average of about as many transactions
	calmIntake  = 10 * time.Millisecond // and not once none has come for that long
)

// newWriter starts the loops of a writer that owns db. operators is how many loops serve the
// operations beside the one that takes events in; 0 has one loop serve both.
func newWriter(db *sql.DB, d *dialect, operators int, m *metrics, o Options) *writer {
	w := &writer{
		db: db, dialect: d,
		intake:  make(chan *put, lineLength),
		ops:     make(chan op, lineLength),
		pauses:  make(chan pause),
		quit:    make(chan struct{}),
		done:    make(chan struct{}),
		metrics: m,
		permits: make(chan struct{}, operators),
	}
	first := &loop{writer: w, intake: w.intake, ops: w.ops, single: o.SingleCommits, most: mostIntake, others: 1}
	loops := []*loop{first}
	if operators > 0 {
		first.ops, first.most = nil, mostIntakeAlone
	}
	for range operators {
		w.permits <- struct{}{}
		loops = append(loops, &loop{writer: w, ops: w.ops, single: true})
	}
	var running sync.WaitGroup
	for _, l := range loops {
		running.Go(l.run)
	}
	go func() {
		running.Wait()
		close(w.done)
	}()
	return w
}

// do runs fn in a transaction and returns after the commit. When ctx ends first, do returns
// early and the write may or may not happen.
func (w *writer) do(ctx context.Context, fn func(*tx) error) error {
	o := op{ctx: ctx, run: fn, done: make(chan error, 1)}
	return enter(ctx, w, w.ops, o, o.done)
}

// between runs fn between two transactions: where there is one loop, none is under way meanwhile. When
// ctx ends first, it returns early and fn may or may not run.
func (w *writer) between(ctx context.Context, fn func() error) error {
	p := pause{run: fn, done: make(chan error, 1)}
	return enter(ctx, w, w.pauses, p, p.done)
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

func (l *loop) run() {
	t := &tx{dialect: l.dialect, db: l.db, stmts: map[string]*sql.Stmt{}, texts: map[string]string{}}
	defer t.close()
	var b batch
	for {
		b.reset()
		select {
		case p := <-l.intake:
			b.puts = append(b.puts, p)
		case o := <-l.ops:
			b.ops = append(b.ops, o)
		case p := <-l.pauses:
			p.done <- p.run()
			continue
		case <-l.calm():
			l.lately = 0
			l.keep(0)
			continue
		case <-l.quit: // those who were let in are served
			if l.gather(&b); b.len() == 0 {
				l.keep(0)
				return
			}
		}
		if !l.single {
			l.gather(&b)
		}
		if l.intake == nil {
			<-l.permits
			l.commit(t, &b)
			l.permits <- struct{}{}
			continue
		}
		l.before(len(b.puts))
		l.commit(t, &b)
	}
}

// before has intake keep permits to itself if there are many events in its transactions.
func (l *loop) before(events int) {
	l.lately += events - l.lately/latelyTurns
	if l.lately >= busyIntake*latelyTurns {
		l.keep(max(cap(l.permits)-1, 0))
	} else {
		l.keep(0)
	}
}

// calm ends the time in which permits are kept, once nothing comes any more.
func (l *loop) calm() <-chan time.Time {
	if l.kept == 0 {
		return nil
	}
	return time.After(calmIntake)
}

// keep has intake keep n permits from the others, or as many as are not in use.
func (l *loop) keep(n int) {
	for ; l.kept > n; l.kept-- {
		l.permits <- struct{}{}
	}
	for ; l.kept < n; l.kept++ {
		select {
		case <-l.permits:
		default: // the next transaction may find it
			return
		}
	}
}

// gather adds those who wait in line. While intake keeps coming, the others take a share of the
// places that it leaves, because each of them costs about as much as several events, and one
// place in every few transactions in any case. In a quiet hour their number doubles from one
// transaction to the next.
func (l *loop) gather(b *batch) {
	b.puts = drain(l.intake, b.puts, l.most-len(b.puts))
	if l.turn++; len(b.puts) == 0 {
		l.others = min(max(2*l.others, 1), mostOthers)
	} else if l.others = (l.most - len(b.puts)) / otherCost; l.others == 0 && l.turn%otherTurn == 0 {
		l.others = 1
	}
	b.ops = drain(l.ops, b.ops, l.others-len(b.ops))
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
func (l *loop) commit(t *tx, b *batch) {
	l.metrics.commits.Inc()
	l.metrics.writes.Add(float64(b.len()))
	transact := t.transact
	if len(b.ops) == 0 && l.dialect.putSegment != "" && inOneSegment(b.puts) == len(b.puts) {
		transact = t.alone
	}
	err := transact(func() error {
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
		err = w.db.Close()
	})
	return err
}

// background is what statements of SQLite run with. The connection outlives every caller, and a
// context that can end costs the driver a goroutine per statement.
var background = context.Background()

// tx is the transaction that is under way on the writing connection of a loop.
type tx struct {
	dialect *dialect
	db      *sql.DB
	conn    *sql.Conn            // nil until it is needed, and after it broke
	stmts   map[string]*sql.Stmt // prepared once and kept, if the dialect asks for that
	texts   map[string]string    // statements as the dialect writes them
	waiting []statement          // to be sent, see send
	ctx     context.Context      // of this transaction
	// Space for segments, used again each time.
	segment, scratch []byte
}

// mostTries is how often a transaction is tried.
const mostTries = 5

// transact runs fn in a transaction. One that the database ended for the sake of another is run again,
// and one whose connection proves to be broken before its end.
func (t *tx) transact(fn func() error) error { return t.again(func() error { return t.once(fn) }) }

func (t *tx) again(once func() error) error {
	for try := 1; ; try++ {
		err := once()
		if err == nil || try == mostTries || !inTheWay(err) && !broken(err) || errors.Is(err, errUnknown) {
			return err
		}
	}
}

// errUnknown says that the connection broke while a transaction was committed: it may have been.
var errUnknown = errors.New("whether it was committed is not known")

// alone runs fn, which makes one statement, without a transaction around it. It may be made twice.
func (t *tx) alone(fn func() error) error { return t.again(func() error { return t.onceAlone(fn) }) }

func (t *tx) onceAlone(fn func() error) error {
	ctx, cancel := t.dialect.bound()
	defer cancel()
	if err := t.connect(ctx); err != nil {
		return err
	}
	err := fn()
	if err != nil {
		t.disconnect() // it may be for the connection's sake
	}
	return err
}

// connect makes sure that there is a connection for what is done within ctx.
func (t *tx) connect(ctx context.Context) error {
	t.ctx = ctx
	if t.conn != nil {
		return nil
	}
	conn, err := t.db.Conn(ctx)
	if err != nil {
		return fmt.Errorf("connect for writing: %w", err)
	}
	t.conn = conn
	return nil
}

func (t *tx) once(fn func() error) error {
	ctx, cancel := t.dialect.bound()
	defer cancel()
	if err := t.connect(ctx); err != nil {
		return err
	}
	t.waiting = t.waiting[:0]
	if err := t.send(nil, t.dialect.begin); err != nil {
		t.disconnect()
		return fmt.Errorf("begin: %w", err)
	}
	err := fn()
	if err == nil {
		err = t.flush()
	}
	if err != nil {
		t.rollback()
		return err
	}
	if _, err := t.exec("COMMIT"); err != nil {
		t.rollback()
		if broken(err) {
			err = errors.Join(err, errUnknown)
		}
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

// rollback ends a transaction that failed, by whatever it takes.
func (t *tx) rollback() {
	if t.dialect.prepared {
		_, _ = t.exec("ROLLBACK") // SQLite may have done it already
		return
	}
	t.waiting = t.waiting[:0]
	ctx, cancel := t.dialect.bound() // the time for the transaction may be up
	defer cancel()
	if _, err := t.conn.ExecContext(ctx, "ROLLBACK"); err != nil {
		t.disconnect()
	}
}

// disconnect lets go of a connection that may be broken: the next transaction takes another.
func (t *tx) disconnect() {
	if t.dialect.prepared {
		return // there is no other, and a file does not break
	}
	_ = t.conn.Raw(func(any) error { return driver.ErrBadConn }) // so that it is closed and not used again
	_ = t.conn.Close()
	t.conn = nil
}

// exec runs a statement and tells how many rows it changed.
func (t *tx) exec(query string, args ...any) (int64, error) {
	var res sql.Result
	err := t.run(query, args, func(s *sql.Stmt, text string) (err error) {
		if s != nil {
			res, err = s.ExecContext(t.ctx, args...)
		} else {
			res, err = t.conn.ExecContext(t.ctx, text, args...)
		}
		return err
	})
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// queryRow runs a statement that returns at most one row; ok is false when there is none.
func (t *tx) queryRow(query string, args []any, dest ...any) (ok bool, err error) {
	err = t.query(query, args, func(r *sql.Rows) error {
		if ok {
			return nil
		}
		ok = true
		return r.Scan(dest...)
	})
	return ok && err == nil, err
}

// query runs a statement that returns rows, and hands each to scan.
func (t *tx) query(query string, args []any, scan func(*sql.Rows) error) error {
	var rows *sql.Rows
	err := t.run(query, args, func(s *sql.Stmt, text string) (err error) {
		if s != nil {
			rows, err = s.QueryContext(t.ctx, args...) //nolint:rowserrcheck // eachRow does
		} else {
			rows, err = t.conn.QueryContext(t.ctx, text, args...) //nolint:rowserrcheck // eachRow does
		}
		return err
	})
	if err != nil {
		return err
	}
	if err := eachRow(rows, scan); err != nil {
		return fmt.Errorf("%s: %w", firstWords(query), err)
	}
	return nil
}

// run hands a statement to do as the dialect wants it: prepared, or as a text.
func (t *tx) run(query string, args []any, do func(s *sql.Stmt, text string) error) error {
	if err := t.flush(); err != nil {
		return err
	}
	t.dialect.cleanArgs(args)
	s, text, err := t.stmt(query)
	if err == nil {
		err = do(s, text)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", firstWords(query), err)
	}
	return nil
}

func (t *tx) stmt(query string) (s *sql.Stmt, text string, err error) {
	if s, ok := t.stmts[query]; ok {
		return s, "", nil
	}
	if text = t.text(query); !t.dialect.prepared {
		return nil, text, nil
	}
	if s, err = t.conn.PrepareContext(background, text); err != nil {
		return nil, "", fmt.Errorf("prepare: %w", err)
	}
	t.stmts[query] = s
	return s, "", nil
}

// text is a statement as the dialect writes it.
func (t *tx) text(query string) string {
	text, ok := t.texts[query]
	if !ok {
		text = t.dialect.text(query)
		t.texts[query] = text
	}
	return text
}

func (t *tx) close() {
	for _, s := range t.stmts {
		_ = s.Close()
	}
	if t.conn != nil {
		_ = t.conn.Close()
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
