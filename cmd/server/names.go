package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"switchboard/internal/app"
	"switchboard/internal/diag"
	"switchboard/internal/intercom"
	"switchboard/internal/rules"
	"switchboard/internal/workspace"
)

// namesOf is where check takes the names of the workspace from, if it does.
type namesOf struct {
	Online   bool   `help:"Ask Intercom whether the names in the rules exist." xor:"names"`
	Snapshot string `help:"Look the names in the rules up in this file, which \"switchboard snapshot\" wrote; - is standard input." placeholder:"FILE" xor:"names"`

	workspaceOf
}

// checkNames checks the names in rules that are fine by themselves. against says what they were
// compared with; it is empty if they were not.
func (n *namesOf) checkNames(ctx context.Context, io streams, rs *rules.Ruleset) (problems []diag.Problem, against string, err error) {
	var s *workspace.Snapshot
	switch {
	case rs == nil:
		return nil, "", nil
	case n.Online:
		s, err = n.read(ctx, io.err)
	case n.Snapshot != "":
		s, err = readSnapshot(n.Snapshot, io)
	default:
		return nil, "", nil
	}
	if err != nil {
		return nil, "", err
	}
	against = fmt.Sprintf("names checked against %s (%s)", s.Workspace.Name, s.Workspace.ID)
	if !n.Online {
		against += " as of " + s.TakenAt.UTC().Format("2006-01-02 15:04 UTC")
	}
	return workspace.Check(rs, s), against, nil
}

// readSnapshot reads the file, and notes what it does not have.
func readSnapshot(path string, io streams) (s *workspace.Snapshot, err error) {
	if path == "-" {
		s, err = workspace.Decode("standard input", io.in)
	} else {
		s, err = openSnapshot(path)
	}
	if err == nil && len(s.Missing()) > 0 {
		_, err = fmt.Fprintf(io.err, "switchboard: the snapshot has no %s: such names are not checked\n", strings.Join(s.Missing(), ", "))
	}
	return s, err
}

func openSnapshot(path string) (s *workspace.Snapshot, err error) {
	f, err := os.Open(path) //nolint:gosec // the user names the file
	if err != nil {
		return nil, fmt.Errorf("--snapshot: %s %s; \"switchboard snapshot --output %s\" writes it", path, plainError(err), path)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return workspace.Decode(path, f)
}

// workspaceOf is the workspace whose names are asked for.
type workspaceOf struct {
	Workspaces string `help:"File that names several workspaces, as for serve." env:"SWITCHBOARD_WORKSPACES" placeholder:"FILE"`
	Workspace  string `help:"Name of the one to ask, if the file names several." placeholder:"NAME"`

	apiAddress
}

// read asks Intercom for the names. What it does not tell is noted.
func (w *workspaceOf) read(ctx context.Context, notes io.Writer) (*workspace.Snapshot, error) {
	one, err := w.chosen(notes)
	if err != nil {
		return nil, err
	}
	client, err := intercom.New(intercom.Options{
		BaseURL: one.BaseURL, Token: one.Token, Budget: intercom.Unpaced{}, UserAgent: "switchboard/" + version(),
	})
	if err != nil {
		return nil, usageError{err}
	}
	s, missing, err := workspace.Read(ctx, client, time.Now())
	if err != nil {
		return nil, err
	}
	if one.ID != "" && s.Workspace.ID != one.ID {
		return nil, fmt.Errorf("the access token belongs to the workspace %s, not to %s", s.Workspace.ID, one.ID)
	}
	for _, err := range missing {
		_, _ = fmt.Fprintln(notes, "switchboard:", err)
	}
	return s, nil
}

// chosen is the workspace that the settings name.
func (w *workspaceOf) chosen(notes io.Writer) (one app.Workspace, err error) {
	if w.Workspaces == "" {
		if w.Workspace != "" {
			return one, usageError{errors.New("--workspace chooses one of those that --workspaces names")}
		}
		if one.Token, err = secret("INTERCOM_ACCESS_TOKEN"); err == nil && one.Token == "" {
			err = errors.New("set INTERCOM_ACCESS_TOKEN, the access token of your app")
		}
		if err == nil {
			one.BaseURL, err = w.url()
		}
		if err != nil {
			err = usageError{err}
		}
		return one, err
	}
	list, problems := readWorkspaces(w.Workspaces)
	if len(problems) > 0 {
		if err := diag.WriteText(notes, problems, colorful(notes)); err != nil {
			return one, err
		}
		return one, exitError(exitProblems)
	}
	if w.Workspace == "" && len(list) == 1 {
		return list[0], nil
	}
	names := make([]string, len(list))
	for i, one := range list {
		names[i] = one.Name
	}
	i := slices.IndexFunc(list, func(one app.Workspace) bool {
		return w.Workspace != "" && (one.Name == w.Workspace || one.ID == w.Workspace)
	})
	if i < 0 {
		return one, usageError{fmt.Errorf("--workspace %q: choose one of %s", w.Workspace, strings.Join(names, ", "))}
	}
	return list[i], nil
}
