package main

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"time"

	"switchboard/internal/operations"
)

type backupCmd struct {
	Path   string `arg:"" help:"File that the copy is written to, on the machine of the service."`
	Force  bool   `short:"f" help:"Replace an older copy that is there."`
	Format string `help:"Print text or json." enum:"text,json" default:"text"`

	stateOf
}

// Help is shown below the flags.
func (*backupCmd) Help() string {
	return `Copies the SQLite database while the service runs and takes events. The copy appears when it is complete
and checked, is readable for its owner only, and is itself a database that serve opens. It is the
service that writes it, with the service's rights.

In the copy, what was planned and people would see twice counts as in doubt: a service that is started on
it reads back before it sends. See docs/operations.md before you go back to a copy.

PostgreSQL has its own tool; for such a database the command says how to call it.

Examples:
  switchboard backup /var/backups/switchboard.db
  switchboard backup --force --admin http://127.0.0.1:9090 nightly.db

Exit code: 0 fine, 1 refused (a file that is there, PostgreSQL), 2 wrong usage, 3 it could not be made.`
}

// Run makes the copy.
func (c *backupCmd) Run(ctx context.Context, io streams) error {
	path, err := filepath.Abs(c.Path)
	if err != nil {
		return usageError{err}
	}
	answer, err := operate(ctx, io, c.stateOf, "backup", operations.BackupRequest{Path: path, Replace: c.Force}, operations.MakeBackup)
	if err != nil {
		return err
	}
	if c.Format == "json" {
		return json.NewEncoder(io.out).Encode(answer)
	}
	took := time.Duration(answer.Seconds * float64(time.Second)).Round(time.Millisecond)
	_, err = fmt.Fprintf(io.out, "%s: %.1f MB in %s, the state of %s; %s in doubt\n",
		answer.Path, float64(answer.Bytes)/1e6, took, answer.At.Format(time.RFC3339), plural(answer.Doubted, "planned action"))
	return err
}
