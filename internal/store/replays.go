package store

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"switchboard/internal/event"
)

// Decided says which decided events are meant; what is left out does not matter.
type Decided struct {
	Workspace    string
	After        int64 // those that arrived after this one
	Seqs         []int64
	IDs          []string // of notifications
	Topic        string
	Subject      string
	Since, Until time.Time // when it happened: from Since on, before Until
	// Own are those too that Switchboard made itself: when a timer came due, a schedule found something,
	// or an event was replayed.
	Own bool
	// Bare leaves the payloads out.
	Bare bool
	// Newest takes the newest ones in place of the oldest, if there are more than Limit.
	Newest bool
	Limit  int // at the most so many
}

// where is the condition, and the values for it.
func (d Decided) where() (string, []any) {
	var where strings.Builder
	var args []any
	where.WriteString("WHERE EXISTS (SELECT 1 FROM decisions d WHERE d.seq = events.seq)")
	if !d.Own {
		where.WriteString(" AND topic NOT IN ('" + event.TopicTimer + "', '" + event.TopicSchedule + "') AND substr(id, 1, 7) <> 'replay/'")
	}
	also := func(condition string, value any) {
		args = append(args, value)
		where.WriteString(" AND " + condition + arg(len(args)))
	}
	if d.After > 0 {
		also("seq > ", d.After)
	}
	if d.Workspace != "" {
		also("workspace = ", d.Workspace)
	}
	if d.Topic != "" {
		also("topic = ", d.Topic)
	}
	if d.Subject != "" {
		also("subject = ", d.Subject)
	}
	if !d.Since.IsZero() {
		also("created_at >= ", micros(d.Since))
	}
	if !d.Until.IsZero() {
		also("created_at < ", micros(d.Until))
	}
	if len(d.Seqs)+len(d.IDs) > 0 {
		var seqs, ids, named []string
		for _, seq := range d.Seqs {
			seqs = append(seqs, strconv.FormatInt(seq, 10))
		}
		for _, id := range d.IDs {
			args = append(args, id)
			ids = append(ids, arg(len(args)))
		}
		if len(seqs) > 0 {
			named = append(named, "seq IN ("+strings.Join(seqs, ", ")+")")
		}
		if len(ids) > 0 {
			named = append(named, "id IN ("+strings.Join(ids, ", ")+")")
		}
		where.WriteString(" AND (" + strings.Join(named, " OR ") + ")")
	}
	order := " ORDER BY seq "
	if d.Newest {
		order += "DESC "
	}
	return where.String() + order + limit(d.Limit), args
}

// FindDecided returns the events that are meant, in the order of their arrival. One whose payload a
// damaged disk took has none.
func (s *Store) FindDecided(ctx context.Context, d Decided) ([]event.Event, error) {
	where, args := d.where()
	s.dialect.cleanArgs(args)
	// The text differs from one question to the next, so its statement is not kept.
	rows, err := s.read.QueryContext(ctx, s.dialect.text("SELECT "+eventColumns+" FROM events "+where), args...)
	if err != nil {
		return nil, fmt.Errorf("look for events: %w", err)
	}
	list, err := s.scanEvents(ctx, rows, !d.Bare)
	if d.Newest {
		slices.Reverse(list)
	}
	return list, err
}

// MostReplays is how often one event is replayed at the most.
const MostReplays = 100

// Replays returns the events that are replays of an event, oldest first, without their payloads.
func (s *Store) Replays(ctx context.Context, workspace string, of int64) (list []event.Event, err error) {
	ids, args := make([]string, MostReplays), []any{workspace}
	for i := range ids {
		args = append(args, event.Replay{Of: of, Number: i + 1}.ID())
		ids[i] = arg(len(args))
	}
	rows, err := s.query(ctx, twinColumns+" AND id IN ("+strings.Join(ids, ", ")+") ORDER BY seq", args...)
	if err != nil {
		return nil, err
	}
	err = eachRow(rows, func(r *sql.Rows) error {
		ev, err := scanTwin(r)
		list = append(list, ev)
		return err
	})
	return list, err
}

// Named returns the event with an id, if it is filed.
func (s *Store) Named(ctx context.Context, workspace, id string) (ev event.Event, ok bool, err error) {
	rows, err := s.query(ctx, "SELECT "+eventColumns+" FROM events WHERE workspace = $1 AND id = $2", workspace, id)
	if err != nil {
		return event.Event{}, false, err
	}
	list, err := s.scanEvents(ctx, rows, true)
	if err != nil || len(list) == 0 {
		return event.Event{}, false, err
	}
	return list[0], true, nil
}
