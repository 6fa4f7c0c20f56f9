package store

import (
	"context"
	"database/sql"
	"fmt"
	"sync/atomic"
	"time"
)

// clock is what all who share a database go by. Leases, due times and the order of what happened on
// several machines mean the same for all of them only on one clock, which is the database's. Between
// two questions it goes on as this machine counts seconds, whatever somebody sets the time of day to.
type clock struct {
	now  func() time.Time // instead, if set
	last atomic.Pointer[reading]
}

// reading is the time of the database at a moment of ours.
type reading struct{ theirs, ours time.Time }

func (c *clock) Now() time.Time {
	if c.now != nil {
		return c.now()
	}
	r := c.last.Load()
	if r == nil {
		return time.Now()
	}
	return r.theirs.Add(time.Since(r.ours))
}

// slowest is how long a question may take whose answer is still worth something, once there is one.
const slowest = 500 * time.Millisecond

// ask reads the database's clock.
func (c *clock) ask(ctx context.Context, db *sql.DB) error {
	if c.now != nil {
		return nil
	}
	before := time.Now()
	var at int64
	if err := db.QueryRowContext(ctx, "SELECT cast(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT)").Scan(&at); err != nil {
		return fmt.Errorf("read the database's clock: %w", err)
	}
	if took := time.Since(before); took < slowest || c.last.Load() == nil {
		c.last.Store(&reading{theirs: time.UnixMicro(at).UTC(), ours: before.Add(took / 2)})
	}
	return nil
}
