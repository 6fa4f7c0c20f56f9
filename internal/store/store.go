// Package store keeps all state of Switchboard in one database: the events that were
// acknowledged, the decisions on them, and the actions that follow. It is the only package
// that speaks SQL.
//
// # Taking events in
//
// The notifications of one commit are appended as one compressed segment (segment.go); then
// they may be acknowledged. Before subjects are claimed, in the same transaction, the oldest
// segments are filed: each event gets its row, its place in the inbox, and duplicates end. So
// intake costs an append, and what indexes cost is paid when nobody waits for an answer.
//
// # Work and lanes
//
// Work is claimed by subject and by lane. In the events lane a subject has events to
// evaluate, in the actions lane it has actions to run. A claim is a lease with a fence: a
// number that is new for every claim and that every later write must repeat. Who lost a
// lease can therefore change nothing any more; its writes end with ErrLost. Within a claim
// the oldest piece of work comes first, so a subject keeps its order whoever does the work
// (I3), while different subjects proceed side by side.
//
// # Timers
//
// A timer waits as a row (timers.go). When it is due, the transaction that claims subjects makes
// an event of it, which takes its place behind the events that the subject has already. The row
// stays until that event is decided, so that those can still cancel it or start it again. Nothing
// is kept in memory: after a start the next claim finds what came due meanwhile.
//
// # The states of an action
//
//	planned ──> attempting ──> done
//	   │            │ └──────> parked   in doubt for good; a person decides
//	   │            └────────> dead     failed for good (dead letter)
//	   ├──> done, dead                  kinds that may be repeated skip "attempting"
//	   └──> held                        an earlier action of its run died or was parked
//
// "attempting" is written before a call whose repetition people would see. An action that
// is found in that state after a crash is in doubt and is read back before anything is
// sent again (I4).
//
// # Picks and lines
//
// Who was picked for an action is recorded under its claim, on the condition that there was no
// other pick in the workspace since the facts for it were read (picks.go). Conversations that
// nobody of a team can take stand in the team's line until an action ends that (waiting.go).
//
// # What holds after a crash
//
// Every exported method that writes is one transaction and returns after its commit. With
// SQLite the journal is a write-ahead log with synchronous=FULL, so a commit survives the
// loss of the process at any instant, and of power if the disk keeps its word. Writes of
// concurrent callers share a commit (group commit, see writer.go).
//
// # Replicas
//
// With PostgreSQL several processes work on one database (replicas.go). Each renews a sign of life;
// the claims of one that has given none for long are released by the others. A process that was only
// stopped finds its claims gone, writes nothing, and, since it asks Alive before, sends nothing. All
// go by the database's clock (clock.go), those with the newest rules decide, and one of them leads.
// Statements are the same for both databases (dialect.go).
package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"

	"switchboard/internal/event"
)

// Errors that callers tell apart.
var (
	// ErrLost says that a claim is not held any more, or that somebody else has already done
	// the work. The caller must let go of it; nothing was written.
	ErrLost = errors.New("the claim is lost")
	// ErrInUse says that another process has the database.
	ErrInUse = errors.New("the database is in use")
	// ErrRemembered says that a rule has used up a quota meanwhile, for events of other
	// subjects: the decision was made on a state that has passed. Evaluate the event again.
	ErrRemembered = errors.New("the rule has run for this meanwhile")
	// ErrClosed says that the store has been closed.
	ErrClosed = errors.New("the store is closed")
)

// Options are the settings of a store.
type Options struct {
	// Logger is told about migrations and failing commits; nil discards.
	Logger *slog.Logger
	// Registerer takes the store's metrics; nil takes none.
	Registerer prometheus.Registerer
	// Takeover is after how long without a sign of life the work of a replica is taken over by others;
	// the same for all of them. DefaultTakeover if 0.
	Takeover time.Duration
	// Clock takes the place of the clock that everybody goes by: the database's, or this machine's
	// when nobody shares the database. Tests set it.
	Clock func() time.Time
	// Dial takes the place of net.Dialer.DialContext for connections to PostgreSQL, if set.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// Driver is the name of the database/sql driver that takes the place of "sqlite", if set: one that
	// wraps it, so that tests can have a disk that is slow or full.
	Driver string
	// SingleCommits switches group commit off: every write is a transaction of its own. It
	// exists so that a benchmark can show what group commit is worth.
	SingleCommits bool
}

// Store is the state of Switchboard. It is safe for concurrent use.
type Store struct {
	log      *slog.Logger
	path     string
	dialect  *dialect
	clock    *clock
	takeover time.Duration
	schema   int // the version that this program knows
	read     *sql.DB
	care     *sql.DB  // for signs of life; nil when nobody shares the database
	reads    sync.Map // query to *sql.Stmt: parsing a query costs more than running it
	writer   *writer
	member   member
	unlock   func() error
	metrics  *metrics

	recent   *lru.Cache[eventKey, struct{}]   // events that are stored for certain
	segments *lru.Cache[int64, []event.Event] // read not long ago
}

// Open opens the database that url names, such as "sqlite:switchboard.db", and brings its
// schema up to date. A database that another process has open is refused with ErrInUse.
func Open(ctx context.Context, url string, o Options) (*Store, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if err := CheckURL(url); err != nil {
		return nil, err
	}
	if path, ok := strings.CutPrefix(url, "sqlite:"); ok {
		return openSQLite(ctx, path, o)
	}
	return openPostgres(ctx, url, o)
}

func newStore(path string, unlock func() error, d *dialect, o Options) *Store {
	recent, err := lru.New[eventKey, struct{}](mostRecent)
	segments, err2 := lru.New[int64, []event.Event](mostSegments)
	if err := errors.Join(err, err2); err != nil {
		panic(err) // only for a size below 1
	}
	return &Store{
		member: member{stranger: newReplicaID(), changed: make(chan struct{}, 1), beating: make(chan struct{}, 1)},
		log:    o.Logger, path: path, dialect: d, clock: &clock{now: o.Clock}, takeover: cmp.Or(o.Takeover, DefaultTakeover), unlock: unlock,
		metrics: newMetrics(o.Registerer), recent: recent, segments: segments,
	}
}

// mostSegments is how many segments stay in memory, which is 8 MB at the very most: larger ones
// than usual do not stay.
const mostSegments = 32

// CheckURL tells what is wrong with the form of a database URL, without opening anything.
func CheckURL(url string) error {
	scheme, path, ok := strings.Cut(url, ":")
	switch {
	case !ok:
		return fmt.Errorf("database %q has no scheme: write sqlite:%s", url, url)
	case scheme == "sqlite" && path != "":
		return nil
	case scheme == "sqlite":
		return errors.New("database sqlite: names no file: write sqlite:switchboard.db")
	case scheme == "postgres" || scheme == "postgresql":
		if _, err := pgx.ParseConfig(url); err != nil {
			return fmt.Errorf("database: %w", err) // pgx keeps passwords out of it
		}
		return nil
	}
	// The whole value may hold a password, so only the scheme is repeated.
	return fmt.Errorf("database scheme %q is not supported: write sqlite:FILE or postgres://USER@HOST/NAME", scheme)
}

// Close waits for writes in flight and closes the database. Later calls fail with ErrClosed.
func (s *Store) Close() error {
	err := errors.Join(s.writer.close(), s.read.Close(), s.unlock())
	if s.care != nil {
		err = errors.Join(err, s.care.Close())
	}
	return err
}

// Path is the file the state is kept in, or the server and the name of the database.
func (s *Store) Path() string { return s.path }

// Shared tells whether other replicas may work on the same database.
func (s *Store) Shared() bool { return s.dialect == &postgresDialect }

// Now is the time by the clock that everybody goes by who shares the database.
func (s *Store) Now() time.Time { return s.clock.Now() }

// Ping tells whether the store can read and write, by doing both.
func (s *Store) Ping(ctx context.Context) error {
	if _, err := s.exists(ctx, "SELECT 1"); err != nil {
		return err
	}
	return s.writer.do(ctx, func(t *tx) error {
		_, err := t.exec("INSERT INTO pulse (id, at) VALUES (1, $1) ON CONFLICT (id) DO UPDATE SET at = excluded.at", micros(s.Now()))
		return err
	})
}

// query runs a read.
func (s *Store) query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	rows, err := s.queryRows(ctx, query, args)
	if err != nil {
		return nil, fmt.Errorf("read from the store: %w", err)
	}
	return rows, nil
}

func (s *Store) queryRows(ctx context.Context, query string, args []any) (*sql.Rows, error) {
	s.dialect.cleanArgs(args)
	if !s.dialect.prepared {
		return s.read.QueryContext(ctx, s.dialect.text(query), args...)
	}
	// Queries come from a small fixed set, so their statements are kept.
	stmt, ok := s.reads.Load(query)
	if !ok {
		prepared, err := s.read.PrepareContext(ctx, s.dialect.text(query))
		if err != nil {
			return nil, err
		}
		var raced bool
		if stmt, raced = s.reads.LoadOrStore(query, prepared); raced {
			_ = prepared.Close()
		}
	}
	return stmt.(*sql.Stmt).QueryContext(ctx, args...)
}

// micros and fromMicros turn times into what is stored. The zero time is 0: no column of the
// schema holds a time before 1970.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func fromMicros(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.UnixMicro(n).UTC()
}
