package setup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// InTheWay are files that are there already.
type InTheWay struct{ Paths []string }

func (e *InTheWay) Error() string {
	return strings.Join(e.Paths, ", ") + " would be overwritten: choose another folder, or say --force"
}

// Put writes the files, all or none. What is there is replaced only with force.
func (p *Plan) Put(force bool) (err error) {
	if err := p.free(); err != nil && !force {
		return err
	}
	var undo []func() error
	defer func() {
		for i := len(undo) - 1; i >= 0 && err != nil; i-- {
			err = errors.Join(err, undo[i]())
		}
	}()
	var staged []string
	defer func() {
		for _, path := range staged {
			_ = os.Remove(path) // those that were put are gone from there
		}
	}()
	for _, f := range p.Files {
		made, err := makeFolder(filepath.Dir(f.Path), f.Secret)
		undo = append(undo, made...)
		if err != nil {
			return err
		}
		path, err := stage(f)
		if path != "" {
			staged = append(staged, path)
		}
		if err != nil {
			return fmt.Errorf("write %s: %w", f.Path, err)
		}
	}
	var old []string
	for i, f := range p.Files {
		back, kept, err := move(staged[i], f.Path, force)
		undo = append(undo, back...)
		if kept != "" {
			old = append(old, kept)
		}
		if err != nil {
			return fmt.Errorf("put %s: %w", f.Path, err)
		}
	}
	for _, path := range old {
		_ = os.Remove(path) // all is done; what is left over does no harm
	}
	return nil
}

// free tells which files are in the way.
func (p *Plan) free() error {
	var taken []string
	for _, f := range p.Files {
		if _, err := os.Lstat(f.Path); err == nil {
			taken = append(taken, f.Path)
		}
	}
	if len(taken) > 0 {
		return &InTheWay{taken}
	}
	return nil
}

// makeFolder makes a folder and those above it that are missing, and tells how to take them away again.
func makeFolder(dir string, secret bool) (undo []func() error, err error) {
	mode := fs.FileMode(0o755)
	if secret {
		mode = 0o700
	}
	var missing []string
	for at := dir; ; at = filepath.Dir(at) {
		if _, err := os.Stat(at); err == nil || at == filepath.Dir(at) {
			break
		}
		missing = append(missing, at)
	}
	for i := len(missing) - 1; i >= 0; i-- {
		if err := os.Mkdir(missing[i], mode); err != nil {
			return undo, err
		}
		undo = append(undo, func() error { return os.Remove(missing[i]) })
	}
	return undo, nil
}

// stage writes a file beside its place. No other but the owner can read it from the first moment on.
func stage(f File) (path string, err error) {
	out, err := os.CreateTemp(filepath.Dir(f.Path), ".switchboard-init-*")
	if err != nil {
		return "", err
	}
	_, err = out.WriteString(f.Text)
	if err == nil {
		err = out.Chmod(f.Mode)
	}
	if err == nil {
		err = out.Sync()
	}
	return out.Name(), errors.Join(err, out.Close())
}

// move puts a file into its place. A link fails if there is something, whoever made it meanwhile. With force,
// what is there is kept under the name that is returned, until all is done.
func move(from, to string, force bool) (undo []func() error, kept string, err error) {
	if force {
		kept = from + ".old"
		switch err := os.Rename(to, kept); {
		case errors.Is(err, fs.ErrNotExist):
			kept = ""
		case err != nil:
			return nil, "", err
		default:
			undo = append(undo, func() error { return os.Rename(kept, to) })
		}
	}
	if err := os.Link(from, to); err != nil {
		return undo, kept, err
	}
	return append(undo, func() error { return os.Remove(to) }), kept, nil
}
