package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"embed"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
)

//go:embed migrations/postgres/*.sql
var postgresMigrations embed.FS

// How many connections a replica has at the most: one takes events in, some write, some read.
const (
	postgresOperators = 6
	postgresReaders   = 4
)

// stoppedPatience is how long a session may leave a transaction open without saying anything. A
// process that was stopped in the midst of one must not keep the others from its rows for longer.
const stoppedPatience = 5 * time.Second

// openPostgres opens a database that several replicas share.
func openPostgres(ctx context.Context, url string, o Options) (_ *Store, err error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("database: %w", err) // pgx keeps passwords out of it
	}
	for name, value := range map[string]string{
		"application_name":                    "switchboard",
		"idle_in_transaction_session_timeout": strconv.FormatInt(stoppedPatience.Milliseconds(), 10),
		"statement_timeout":                   strconv.FormatInt(postgresDialect.patience.Milliseconds(), 10),
		"synchronous_commit":                  "on", // I1: whatever the server's default is
	} {
		if _, set := config.RuntimeParams[name]; !set {
			config.RuntimeParams[name] = value
		}
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = 5 * time.Second
	}
	if config.DialFunc = dial; o.Dial != nil {
		config.DialFunc = o.Dial
	}
	if config.ValidateConnect == nil { // not a standby, nor what was the primary before a failover
		config.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	}
	pool := func(most int) *sql.DB {
		db := stdlib.OpenDB(*config)
		db.SetMaxOpenConns(most)
		db.SetMaxIdleConns(most)
		db.SetConnMaxIdleTime(5 * time.Minute)
		return db
	}
	name := fmt.Sprintf("postgres://%s/%s", net.JoinHostPort(config.Host, strconv.Itoa(int(config.Port))), config.Database)
	s := newStore(name, func() error { return nil }, &postgresDialect, o)
	db := pool(1 + postgresOperators)
	s.read, s.care = pool(postgresReaders), pool(2)
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("open database %s: %w", name, err), s.read.Close(), s.care.Close(), db.Close())
		}
	}()
	if s.schema, err = migratePostgres(ctx, db, o); err != nil {
		return nil, err
	}
	if err := s.clock.ask(ctx, s.read); err != nil {
		return nil, err
	}
	if err := s.remember(ctx); err != nil {
		return nil, err
	}
	if o.Registerer != nil {
		if err := o.Registerer.Register(collector{s}); err != nil {
			return nil, err
		}
	}
	s.writer = newWriter(db, s.dialect, postgresOperators, s.metrics, o)
	return s, nil
}

// migrationLock is the number of the advisory lock that lets one replica at a time migrate.
const migrationLock = 0x5357_4954_4348 // "SWITCH"

// migratePostgres brings the schema up to date, one replica at a time.
func migratePostgres(ctx context.Context, db *sql.DB, o Options) (version int, err error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	// Of the session: each migration is a transaction of its own. Others wait for as long as it takes.
	if _, err := conn.ExecContext(ctx, "SET statement_timeout = 0"); err != nil {
		return 0, err
	}
	defer func() { _, _ = conn.ExecContext(context.WithoutCancel(ctx), "RESET statement_timeout") }()
	if _, err := conn.ExecContext(ctx, "SELECT pg_advisory_lock($1)", int64(migrationLock)); err != nil {
		return 0, fmt.Errorf("wait for other replicas to migrate: %w", err)
	}
	defer func() {
		_, _ = conn.ExecContext(context.WithoutCancel(ctx), "SELECT pg_advisory_unlock($1)", int64(migrationLock))
	}()
	now := clock{now: o.Clock}
	if err := now.ask(ctx, db); err != nil {
		return 0, err
	}
	return migrate(ctx, conn, postgresMigrations, "migrations/postgres", now.Now().Add(-max(o.Takeover, DefaultTakeover)), o.Logger)
}

// Codes of PostgreSQL, see its appendix "Error Codes".
const (
	codeSerialization = "40001"
	codeDeadlock      = "40P01"
	codeReadOnly      = "25006" // a server that is not the primary any more
	codeIdle          = "25P03" // the session was silent for too long within a transaction
)

// broken tells whether an error is that of a connection that is no good any more, as after a restart of
// the server.
func broken(err error) bool {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		// Class 57 is operator intervention: shut down, crashed, starting up. Not a statement that took too long.
		return strings.HasPrefix(e.Code, "57P") || strings.HasPrefix(e.Code, "08") || e.Code == codeReadOnly || e.Code == codeIdle
	}
	_, connecting := errors.AsType[*pgconn.ConnectError](err)
	if connecting { // the server is not there: the next transaction may find it
		return false
	}
	_, network := errors.AsType[net.Error](err)
	return network && !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, driver.ErrBadConn) || pgconn.SafeToRetry(err)
}

// inTheWay tells whether the database ended a transaction for the sake of another, so that it may
// simply be run again.
func inTheWay(err error) bool {
	e, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (e.Code == codeSerialization || e.Code == codeDeadlock)
}
