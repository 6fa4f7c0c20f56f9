package main

import (
	"context"
	"errors"
	"fmt"

	"switchboard/internal/store"
)

type migrateCmd struct {
	From string `required:"" placeholder:"URL" help:"The database that has the state, such as sqlite:switchboard.db."`
	To   string `required:"" placeholder:"URL" help:"The database that is to have it, without any, such as postgres://switchboard@db.internal/switchboard."`
}

// Help is shown below the flags.
func (*migrateCmd) Help() string {
	return `Copies all state from one database to another: from SQLite to PostgreSQL when one machine becomes several,
or back. Stop the service first: a database in use is refused, and so is a target that has state. The copy
is one transaction; when it fails the target is as empty as before. The source stays as it is. Start the
service on one of the two from then on, and never on both.

Examples:
  switchboard migrate --from sqlite:switchboard.db --to postgres://switchboard@db.internal/switchboard
  switchboard migrate --from postgres://switchboard@db.internal/switchboard --to sqlite:switchboard.db

Exit code: 0 fine, 1 refused, 2 wrong usage, 3 it could not be done; then nothing was moved.`
}

// Run moves the state.
func (c *migrateCmd) Run(ctx context.Context, io streams) error {
	for _, url := range []string{c.From, c.To} {
		if err := store.CheckURL(url); err != nil {
			return usageError{err}
		}
	}
	if err := databaseExists(c.From); err != nil {
		return fmt.Errorf("--from: %w", err)
	}
	moved, err := store.Move(ctx, c.From, c.To, store.Options{}, func(m store.Moved) {
		_, _ = fmt.Fprintf(io.err, "%s: %s\n", m.Table, plural(int(m.Rows), "row"))
	})
	if errors.Is(err, store.ErrMove) {
		_, _ = fmt.Fprintln(io.err, "switchboard:", err)
		return exitError(exitProblems)
	}
	if err != nil {
		return fmt.Errorf("nothing was moved: %w", err)
	}
	rows := int64(0)
	for _, m := range moved {
		rows += m.Rows
	}
	_, err = fmt.Fprintf(io.out, "%s in %s moved; start the service with the new --database, and not with the old one any more\n",
		plural(int(rows), "row"), plural(len(moved), "table"))
	return err
}
