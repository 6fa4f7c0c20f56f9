package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// Replicas that share a database know of each other by rows which each renews every few seconds. One
// that was not seen for long is taken for dead by whoever notices first: its row goes, and with it
// all its claims, in one transaction. If it was only stopped, it finds its row gone when it is woken,
// cannot write under any of its claims, and joins again under another id.

// DefaultTakeover is Options.Takeover when that is 0.
const DefaultTakeover = 30 * time.Second

// beatEvery is how often a replica says that it is alive.
func (s *Store) beatEvery() time.Duration { return s.takeover / 6 }

// aliveFor is for how long after a sign of life a replica may act: less than until others take its work
// over.
func (s *Store) aliveFor() time.Duration { return s.takeover * 2 / 3 }

// ErrCutOff says that this replica has not reached the database for so long that another may have
// taken its work over. Nothing may be sent.
var ErrCutOff = errors.New("this replica has lost touch with the others")

// ErrNewerSchema says that this replica was taken for dead, and that the schema has become a newer one than
// this program knows meanwhile. As at a start, it does not join.
var ErrNewerSchema = errors.New("the database's schema is newer than this program: run a newer switchboard")

// Replica is a process that works on the database.
type Replica struct {
	ID        int64
	Name      string // for people: host and pid
	Version   string // of the program
	Schema    int    // that it knows
	Ruleset   string // hash of its rules
	RulesAt   time.Time
	StartedAt time.Time
	SeenAt    time.Time
}

// member is this process among the replicas.
type member struct {
	mu      sync.Mutex
	beating chan struct{} // holds one while a sign of life is given
	joined  bool
	retired bool // it decides nothing any more
	// changed says that there is something to tell the others.
	changed chan struct{}
	self    Replica
	fences  int64 // claims so far
	// stranger stands for the id where there are no replicas.
	stranger int64
	all      []Replica // living, as of the last beat, the oldest first
	beat     time.Time // when the last that succeeded was begun, on this machine's clock
}

// Join makes this process known to the others; KeepAlive goes on with that. It does nothing when
// nobody shares the database. One that is slow to answer is asked again, for as long as a replica may be
// silent: it may be busy with the replicas that run.
func (s *Store) Join(ctx context.Context, name, version, ruleset string) error {
	if !s.Shared() {
		return nil
	}
	s.member.mu.Lock()
	s.member.self = Replica{Name: name, Version: version, Schema: s.schema, Ruleset: ruleset, RulesAt: s.Now()}
	s.member.joined = true
	s.member.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, s.takeover)
	defer cancel()
	err := s.Beat(ctx)
	for errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		err = s.Beat(ctx)
	}
	return err
}

// SetRuleset makes known that this replica has loaded other rules.
func (s *Store) SetRuleset(hash string) {
	s.member.mu.Lock()
	defer s.member.mu.Unlock()
	if s.member.self.Ruleset == hash || s.member.retired {
		return
	}
	s.member.self.Ruleset, s.member.self.RulesAt = hash, s.Now()
	s.member.tell()
}

// Retire makes known that this replica decides nothing any more, whatever its rules: it stops. Until it
// leaves it is as one whose rules are older than all others.
func (s *Store) Retire() {
	s.member.mu.Lock()
	defer s.member.mu.Unlock()
	s.member.retired = true
	s.member.self.Ruleset, s.member.self.RulesAt = "", time.Time{}
	s.member.tell()
}

// tell has KeepAlive tell the others soon.
func (m *member) tell() {
	select {
	case m.changed <- struct{}{}:
	default:
	}
}

// KeepAlive renews the sign of life until ctx ends. It ends before with ErrNewerSchema: then this program
// must not go on.
func (s *Store) KeepAlive(ctx context.Context) error {
	if !s.Shared() {
		return nil
	}
	ticker := time.NewTicker(s.beatEvery())
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-s.member.changed:
		case <-ctx.Done():
			return nil
		}
		bounded, cancel := context.WithTimeout(ctx, s.beatEvery())
		err := s.Beat(bounded)
		cancel()
		switch {
		case errors.Is(err, ErrNewerSchema):
			return err
		case err != nil && ctx.Err() == nil:
			s.log.WarnContext(ctx, "cannot tell the other replicas that this one is alive", "err", err, "cut_off", s.Alive() != nil)
		}
	}
}

// Beat renews the sign of life, takes over from replicas that are dead, and learns who is there.
func (s *Store) Beat(ctx context.Context) error {
	m := &s.member
	ctx, cancel := context.WithTimeout(ctx, s.beatEvery())
	defer cancel()
	select {
	case m.beating <- struct{}{}: // two at once would register twice after a burial
		defer func() { <-m.beating }()
	case <-ctx.Done():
		return fmt.Errorf("renew the sign of life: %w", ctx.Err())
	}
	m.mu.Lock()
	self, joined, last := m.self, m.joined, m.beat
	m.mu.Unlock()
	if !joined {
		return nil
	}
	// After an outage of the database all look dead. Whoever is the first to reach it must give the
	// others the time to say that they live.
	fresh := time.Since(last) < s.takeover/2
	begun := time.Now()
	if err := s.clock.ask(ctx, s.care); err != nil {
		return err
	}
	was, before := self.ID, self
	var dead, all []Replica
	err := s.inCare(ctx, func(t *sql.Tx) (err error) {
		self, dead = before, nil // it may be the second try
		if err := renew(ctx, t, &self, s.Now()); err != nil {
			return err
		}
		if fresh {
			if dead, err = bury(ctx, t, s.Now().Add(-s.takeover)); err != nil {
				return err
			}
		}
		all, err = replicas(ctx, t)
		return err
	})
	if err != nil {
		return fmt.Errorf("renew the sign of life: %w", err)
	}
	m.mu.Lock()
	m.self.ID, m.self.StartedAt = self.ID, self.StartedAt
	m.all, m.beat = all, begun
	m.mu.Unlock()
	for _, r := range dead {
		s.log.WarnContext(ctx, "a replica is dead: its work is taken over", "replica", r.Name, "last_seen", r.SeenAt)
	}
	switch {
	case was == 0:
		s.log.InfoContext(ctx, "joined the other replicas", "replica", self.Name, "replicas", len(all))
	case was != self.ID:
		s.log.ErrorContext(ctx, "this replica was taken for dead and its work taken over; it joins again", "replica", self.Name)
	}
	return nil
}

// renew writes the row of a replica; one that has none, or none any more, gets one under a new id.
func renew(ctx context.Context, t *sql.Tx, r *Replica, now time.Time) error {
	res, err := t.ExecContext(ctx, "UPDATE replicas SET seen_at = $1, ruleset = $2, rules_at = $3 WHERE id = $4",
		micros(now), r.Ruleset, micros(r.RulesAt), r.ID)
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); n > 0 || err != nil {
		return err
	}
	var schema int
	if err := t.QueryRowContext(ctx, "SELECT max(version) FROM schema_migrations").Scan(&schema); err != nil {
		return err
	}
	if schema > r.Schema {
		return fmt.Errorf("%w (version %d, this one knows %d)", ErrNewerSchema, schema, r.Schema)
	}
	r.ID, r.StartedAt = newReplicaID(), now
	_, err = t.ExecContext(ctx, `
		INSERT INTO replicas (id, name, version, schema, ruleset, rules_at, started_at, seen_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $7)`,
		r.ID, cleanText(r.Name), cleanText(r.Version), r.Schema, r.Ruleset, micros(r.RulesAt), micros(now))
	return err
}

// bury takes the rows and the claims of replicas away that are dead.
func bury(ctx context.Context, t *sql.Tx, seenBefore time.Time) (dead []Replica, err error) {
	rows, err := t.QueryContext(ctx, "DELETE FROM replicas WHERE id IN (SELECT id FROM replicas WHERE seen_at < $1 FOR UPDATE SKIP LOCKED) RETURNING "+replicaColumns, micros(seenBefore))
	if err != nil {
		return nil, err
	}
	if dead, err = scanReplicas(rows); err != nil {
		return nil, err
	}
	for _, r := range dead {
		if err := releaseAllOf(ctx, t, r.ID); err != nil {
			return nil, err
		}
	}
	return dead, nil
}

func releaseAllOf(ctx context.Context, t *sql.Tx, replica int64) error {
	_, err := t.ExecContext(ctx, "UPDATE lanes SET fence = 0, dirty = 0, visible_at = 0 WHERE fence >= $1 AND fence < $2",
		replica<<fenceBits, (replica+1)<<fenceBits)
	return err
}

const replicaColumns = "id, name, version, schema, ruleset, rules_at, started_at, seen_at"

func replicas(ctx context.Context, t *sql.Tx) ([]Replica, error) {
	rows, err := t.QueryContext(ctx, "SELECT "+replicaColumns+" FROM replicas ORDER BY started_at, id")
	if err != nil {
		return nil, err
	}
	return scanReplicas(rows)
}

func scanReplicas(rows *sql.Rows) (list []Replica, err error) {
	err = eachRow(rows, func(rows *sql.Rows) error {
		var r Replica
		var rulesAt, started, seen int64
		err := rows.Scan(&r.ID, &r.Name, &r.Version, &r.Schema, &r.Ruleset, &rulesAt, &started, &seen)
		r.RulesAt, r.StartedAt, r.SeenAt = fromMicros(rulesAt), fromMicros(started), fromMicros(seen)
		list = append(list, r)
		return err
	})
	return list, err
}

// leaveWithin bounds the leaving, which has this time even when that of the stop is over.
const leaveWithin = 2 * time.Second

// Leave says that this replica is gone, and gives back what it still holds. It does so also when ctx has
// ended, as it has after a stop that took all its time: otherwise the others would wait until they take
// this replica for dead.
func (s *Store) Leave(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaveWithin)
	defer cancel()
	m := &s.member
	m.mu.Lock()
	id := m.self.ID
	m.joined, m.self.ID, m.all = false, 0, nil
	m.mu.Unlock()
	if id == 0 {
		return nil
	}
	err := s.inCare(ctx, func(t *sql.Tx) error {
		if _, err := t.ExecContext(ctx, "DELETE FROM replicas WHERE id = $1", id); err != nil {
			return err
		}
		return releaseAllOf(ctx, t, id)
	})
	if err != nil {
		return fmt.Errorf("leave the other replicas: %w", err)
	}
	return nil
}

// inCare runs fn in a transaction outside the lines of the writer: a sign of life must not wait
// behind work.
func (s *Store) inCare(ctx context.Context, fn func(*sql.Tx) error) error {
	for try := 1; ; try++ {
		err := s.onceInCare(ctx, fn)
		if err == nil || try == mostTries || !inTheWay(err) {
			return err
		}
	}
}

func (s *Store) onceInCare(ctx context.Context, fn func(*sql.Tx) error) (err error) {
	conn, err := s.care.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil && !inTheWay(err) { // it may be for the connection's sake: take another the next time
			_ = conn.Raw(func(any) error { return driver.ErrBadConn })
		}
		_ = conn.Close()
	}()
	t, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := fn(t); err != nil {
		return errors.Join(err, ignoreDone(t.Rollback()))
	}
	return t.Commit()
}

func ignoreDone(err error) error {
	if errors.Is(err, sql.ErrTxDone) {
		return nil
	}
	return err
}

// Alive tells, before anything is sent, whether this replica may act: with ErrCutOff it may not,
// because others may have taken its work over.
func (s *Store) Alive() error {
	m := &s.member
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.joined {
		return nil
	}
	// A process that was stopped finds that time has passed; a machine that slept finds it on the
	// other clock only.
	if quiet := time.Since(m.beat); quiet >= s.aliveFor() {
		return ErrCutOff
	}
	if quiet := time.Now().Round(0).Sub(m.beat.Round(0)); quiet >= s.aliveFor() || quiet <= -s.aliveFor() {
		return ErrCutOff
	}
	return nil
}

// Holds tells, before anything is sent for a claim, whether this replica may act, and is still the one
// that claimed: with ErrLost it has been taken for dead since, and others have its work.
func (s *Store) Holds(c Claim) error {
	if err := s.Alive(); err != nil {
		return err
	}
	m := &s.member
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.joined && c.Fence>>fenceBits != m.self.ID {
		return ErrLost
	}
	return nil
}

// Outdated tells whether another living replica has loaded other rules after this one did. Then it
// is for that one to decide on events: in a rolling restart every event is decided by the newest
// rules that are there.
func (s *Store) Outdated() bool {
	s.member.mu.Lock()
	defer s.member.mu.Unlock()
	newest, others := s.member.newest()
	return others && newest.Ruleset != s.member.self.Ruleset
}

// Leads tells whether this is the one replica that does what only one must do: the oldest of those
// that have the newest rules.
func (s *Store) Leads() bool {
	if !s.Shared() {
		return true
	}
	if s.Alive() != nil {
		return false
	}
	s.member.mu.Lock()
	defer s.member.mu.Unlock()
	newest, ok := s.member.newest()
	if !ok || newest.Ruleset != s.member.self.Ruleset {
		return false
	}
	for _, r := range s.member.all {
		if r.Ruleset == newest.Ruleset {
			return r.ID == s.member.self.ID
		}
	}
	return false
}

// newest is the living replica that was the last to load its rules; ok is false when none is known.
func (m *member) newest() (newest Replica, ok bool) {
	for _, r := range m.all {
		if r.ID == m.self.ID {
			r.Ruleset, r.RulesAt = m.self.Ruleset, m.self.RulesAt // it may have loaded others since
		}
		if !ok || r.RulesAt.After(newest.RulesAt) {
			newest, ok = r, true
		}
	}
	return newest, ok
}

// Replicas are the living replicas, as of the last sign of life, the oldest first; this one's id is
// self. There are none when nobody shares the database.
func (s *Store) Replicas() (all []Replica, self int64) {
	s.member.mu.Lock()
	defer s.member.mu.Unlock()
	return append(all, s.member.all...), s.member.self.ID
}

// fenceBits are how many bits of a fence count; those above are the id of the replica.
const fenceBits = 32

func newReplicaID() int64 { return 1 + rand.Int64N(1<<30-1) } //nolint:gosec // it is no secret

// nextFence gives a number that no other claim has: the replica's id, and a count that begins
// somewhere. Equality is all that is asked of a fence, so rows of idle subjects can be deleted
// without losing count.
func (s *Store) nextFence() int64 {
	s.member.mu.Lock()
	defer s.member.mu.Unlock()
	id := s.member.self.ID
	if id == 0 {
		id = s.member.stranger
	}
	s.member.fences = (s.member.fences + 1) & (1<<fenceBits - 1)
	return id<<fenceBits | s.member.fences
}
