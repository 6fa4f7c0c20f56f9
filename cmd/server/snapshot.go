package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"switchboard/internal/workspace"
)

type snapshotCmd struct {
	Output string `short:"o" help:"File to write; without it the names are printed." placeholder:"FILE"`

	workspaceOf
}

// Help is shown below the flags.
func (*snapshotCmd) Help() string {
	return `Reads the names of teammates, teams, tags, ticket types and attributes, and writes them as JSON. The file holds
no secrets and nothing of customers, and its order never changes, so it can be kept beside the rules:
"switchboard check --snapshot FILE" then checks names where Intercom cannot be asked, such as in CI.
docs/snapshot.md describes it.

The access token is taken from INTERCOM_ACCESS_TOKEN, or from the file that INTERCOM_ACCESS_TOKEN_FILE
names, as for serve. It takes about eight calls.

Examples:
  switchboard snapshot --output workspace.json
  switchboard snapshot --region eu > workspace.json
  switchboard snapshot --workspaces workspaces.yaml --workspace acme -o acme.json

Exit code: 0 fine, 1 the workspaces file is wrong, 2 wrong usage, 3 the names cannot be read or written.`
}

// Run writes the snapshot.
func (c *snapshotCmd) Run(ctx context.Context, io streams) error {
	s, err := c.read(ctx, io.err)
	if err != nil {
		return err
	}
	if c.Output == "" {
		return s.Write(io.out)
	}
	if err := writeSnapshot(c.Output, s); err != nil {
		return fmt.Errorf("write the snapshot: %w", err)
	}
	_, err = fmt.Fprintf(io.err, "%s has the names of %s (%s)\n", c.Output, s.Workspace.Name, s.Workspace.ID)
	return err
}

// writeSnapshot writes the file as a whole, or leaves the one that is there.
func writeSnapshot(path string, s *workspace.Snapshot) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".switchboard-snapshot-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	err = s.Write(f)
	if err == nil {
		err = f.Chmod(0o644) // to be read by whoever reads the rules
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
