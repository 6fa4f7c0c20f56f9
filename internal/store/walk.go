package store

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"
)

// A walk looks through rows from the newest to the oldest, a stretch at a time, for those that are meant. It
// stops when it has enough, or when it has looked for long enough: then it tells how far it came, and whoever
// asked may go on from there. So no question takes long, whatever is asked, and what only few of a million rows
// have needs no index that every event would pay for.
type walk[Row any] struct {
	table, key string // events and seq, or actions and id
	at         string // the column that tells when a row was made: it grows with the key
	columns    string // what scan reads
	// source selects the keys, as k, of the rows that are looked at, and ends with a condition.
	source string
	args   []any // of source
	// filters are the conditions that rows must meet, with ? for the parameter; values are those of the
	// parameters.
	filters []string
	values  []any
	scan    func(*sql.Rows) (Row, error)
	keyOf   func(Row) int64
	// check leaves out those that are not meant after all, and may complete the others.
	check func(context.Context, []Row) ([]Row, error)
}

// Page says which part of an answer is meant.
type Page struct {
	Since, Until time.Time // when it was stored, or planned: from Since on, before Until
	Before       int64     // those with a smaller number; 0 is all
	Limit        int
	// Most is how many rows are looked at, about; mostSearched if 0.
	Most int
}

// Searched tells where a page ends.
type Searched struct {
	// Next is the Before of the next page; 0 when there is no more.
	Next int64
	// Rows are how many were looked at.
	Rows int
	// To is set when the page ended because it had looked for long enough: what came after that was searched.
	To time.Time
}

const (
	// firstStretch is how many rows are looked at first, and longStretch how long a stretch may take before the
	// next one is shorter.
	firstStretch = 500
	longStretch  = 8 * time.Millisecond
	// fewest are asked for at once.
	fewest = 20
	// A page ends after longSearch, or after mostSearched rows.
	longSearch   = 40 * time.Millisecond
	mostSearched = 250_000
	// disorder is how much later a row may have been made than one with a greater number. It is more only if a
	// clock was set back.
	disorder = 10 * time.Minute
)

// also adds a condition with one parameter.
func (w *walk[Row]) also(condition string, value any) {
	w.filters, w.values = append(w.filters, condition), append(w.values, value)
}

// within adds those of times.
func (w *walk[Row]) within(p Page) {
	if !p.Since.IsZero() {
		w.also(w.at+" >= ?", micros(p.Since))
	}
	if !p.Until.IsZero() {
		w.also(w.at+" < ?", micros(p.Until))
	}
}

// page finds the rows of a page.
func (w *walk[Row]) page(ctx context.Context, s *Store, p Page) (list []Row, end Searched, err error) {
	w.within(p)
	lowest, before, err := w.bounds(ctx, s, p)
	if err != nil {
		return nil, end, err
	}
	most := cmp.Or(p.Most, mostSearched)
	for began, length := time.Now(), min(firstStretch, most); ; {
		step := time.Now()
		low, n, err := w.stretch(ctx, s, max(lowest, 1), before, length)
		if err != nil || n == 0 {
			return list, end, err
		}
		found, err := w.found(ctx, s, low, before, p.Limit+1-len(list))
		if err != nil {
			return nil, end, err
		}
		if list = append(list, found...); len(list) > p.Limit {
			list = list[:p.Limit]
			end.Next = w.keyOf(list[p.Limit-1])
			return list, end, nil
		}
		before, end.Rows = low, end.Rows+n
		took := time.Since(step)
		length = nextLength(length, took)
		if time.Since(began)+took > longSearch || end.Rows >= most {
			end.Next = before
			_, at, _, err := w.madeAt(ctx, s, before)
			end.To = fromMicros(at)
			return list, end, err
		}
	}
}

// nextLength makes stretches longer as long as they take no time.
func nextLength(length int, took time.Duration) int {
	switch {
	case took < longStretch/2:
		return min(2*length, mostSearched/4)
	case took > longStretch:
		return max(length/2, firstStretch)
	}
	return length
}

// stretch are the next rows that are looked at: n of them, the last of which has the key low.
func (w *walk[Row]) stretch(ctx context.Context, s *Store, lowest, before int64, length int) (low int64, n int, err error) {
	args := slices.Concat(w.args, []any{before, lowest})
	rows, err := s.readOnce(ctx, "SELECT coalesce(min(k), 0), count(*) FROM (SELECT k FROM ("+w.source+") q WHERE k < "+arg(len(args)-1)+
		" AND k >= "+arg(len(args))+" ORDER BY k DESC "+limit(length)+") q", args...)
	if err != nil {
		return 0, 0, err
	}
	err = eachRow(rows, func(r *sql.Rows) error { return r.Scan(&low, &n) })
	return low, n, err
}

// found are up to n rows of a stretch that are meant.
func (w *walk[Row]) found(ctx context.Context, s *Store, low, before int64, n int) (list []Row, err error) {
	args := slices.Concat(w.args, []any{before, low})
	var where strings.Builder
	for i, condition := range w.filters {
		args = append(args, w.values[i])
		where.WriteString(" AND " + strings.ReplaceAll(condition, "?", arg(len(args))))
	}
	query := "SELECT " + w.columns + " FROM " + w.part() + where.String() + " ORDER BY " + w.table + "." + w.key + " DESC "
	for len(list) < n {
		most := max(n-len(list), fewest)
		rows, err := s.readOnce(ctx, query+limit(most), args...)
		if err != nil {
			return nil, err
		}
		var some []Row
		if err := eachRow(rows, func(r *sql.Rows) error {
			row, err := w.scan(r)
			some = append(some, row)
			return err
		}); err != nil {
			return nil, err
		}
		if len(some) == 0 {
			return list, nil
		}
		args[len(w.args)] = w.keyOf(some[len(some)-1])
		meant, err := w.check(ctx, some)
		if list = append(list, meant...); err != nil || len(some) < most {
			return list, err
		}
	}
	return list, nil
}

// part are the rows from one key (the second parameter behind those of the source) up to another (the first).
func (w *walk[Row]) part() string {
	key := w.table + "." + w.key
	low, before := arg(len(w.args)+2), arg(len(w.args)+1)
	if w.source == w.all() {
		return w.table + " WHERE " + key + " < " + before + " AND " + key + " >= " + low
	}
	return w.table + " WHERE " + key + " IN (SELECT k FROM (" + w.source + ") q WHERE k < " + before + " AND k >= " + low + ")"
}

// all selects the keys of all rows.
func (w *walk[Row]) all() string { return "SELECT " + w.key + " AS k FROM " + w.table + " WHERE 1 = 1" }

// bounds are the keys between which rows can be that were made in the times asked for: from the first on, and
// before the second.
func (w *walk[Row]) bounds(ctx context.Context, s *Store, p Page) (lowest, before int64, err error) {
	const beyond = int64(1) << 62
	before = beyond
	if p.Before > 0 {
		before = min(p.Before, beyond)
	}
	if !p.Since.IsZero() {
		if lowest, err = w.firstSince(ctx, s, p.Since.Add(-disorder)); err != nil {
			return 0, 0, err
		}
	}
	if !p.Until.IsZero() {
		first, err := w.firstSince(ctx, s, p.Until.Add(disorder))
		if err != nil {
			return 0, 0, err
		}
		before = min(before, first)
	}
	return lowest, before, nil
}

// firstSince is a key before which all rows are older than a time, found by halving.
func (w *walk[Row]) firstSince(ctx context.Context, s *Store, at time.Time) (int64, error) {
	var low, high int64
	rows, err := s.readOnce(ctx, "SELECT coalesce(min("+w.key+"), 0) FROM "+w.table+" UNION ALL SELECT coalesce(max("+w.key+"), 0) + 1 FROM "+w.table)
	if err != nil {
		return 0, err
	}
	err = eachRow(rows, func(r *sql.Rows) error {
		var key int64
		err := r.Scan(&key)
		low, high = min(low, key), max(high, key)
		return err
	})
	for err == nil && low < high {
		middle := low + (high-low)/2
		key, made, ok, err2 := w.madeAt(ctx, s, middle)
		switch {
		case err2 != nil:
			err = err2
		case !ok || made >= micros(at):
			high = middle
		default:
			low = key + 1
		}
	}
	return low, err
}

// madeAt is when the first row was made from a key on.
func (w *walk[Row]) madeAt(ctx context.Context, s *Store, from int64) (key, at int64, ok bool, err error) {
	rows, err := s.query(ctx, "SELECT "+w.key+", "+w.at+" FROM "+w.table+" WHERE "+w.key+" >= $1 ORDER BY "+w.key+" LIMIT 1", from)
	if err != nil {
		return 0, 0, false, err
	}
	err = eachRow(rows, func(r *sql.Rows) error { ok = true; return r.Scan(&key, &at) })
	return key, at, ok, err
}

// readOnce runs a read whose text differs from one question to the next: its statement is not kept.
func (s *Store) readOnce(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	s.dialect.cleanArgs(args)
	rows, err := s.read.QueryContext(ctx, s.dialect.text(query), args...)
	if err != nil {
		return nil, fmt.Errorf("search the store: %w", err)
	}
	return rows, nil
}
