package setup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
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
	var u undo
	defer func() {
		if err != nil {
			err = errors.Join(err, u.run())
		}
	}()
	staged, err := p.stage(&u)
	defer func() {
		for _, path := range staged {
			_ = os.Remove(path) // what was put has another name as well
		}
	}()
	if err != nil {
		return err
	}
	old, err := p.move(&u, staged, force)
	if err != nil {
		return err
	}
	for _, path := range old {
		_ = os.Remove(path) // all is done; what is left over does no harm
	}
	return nil
}

// undo are the steps that take back what was done, in the order in which it was done.
type undo []func() error

func (u *undo) add(step func() error) { *u = append(*u, step) }

func (u *undo) run() (err error) {
	for _, step := range slices.Backward(*u) {
		err = errors.Join(err, step())
	}
	return err
}

// stage writes every file beside its place.
func (p *Plan) stage(u *undo) (staged []string, err error) {
	for _, f := range p.Files {
		if err := makeFolder(u, filepath.Dir(f.Path), f.Secret); err != nil {
			return staged, err
		}
		path, err := stage(f)
		if path != "" {
			staged = append(staged, path)
		}
		if err != nil {
			return staged, fmt.Errorf("write %s: %w", f.Path, err)
		}
	}
	return staged, nil
}

// move puts every file into its place; old are the names under which those are kept that were there.
func (p *Plan) move(u *undo, staged []string, force bool) (old []string, err error) {
	for i, f := range p.Files {
		kept, err := move(u, staged[i], f.Path, force)
		if kept != "" {
			old = append(old, kept)
		}
		if err != nil {
			return old, fmt.Errorf("put %s: %w", f.Path, err)
		}
	}
	return old, nil
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

// makeFolder makes a folder and those above it that are missing.
func makeFolder(u *undo, dir string, secret bool) error {
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
	for _, folder := range slices.Backward(missing) {
		if err := os.Mkdir(folder, mode); err != nil {
			return err
		}
		u.add(func() error { return os.Remove(folder) })
	}
	return nil
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
func move(u *undo, from, to string, force bool) (kept string, err error) {
	if force {
		kept = from + ".old"
		switch err := os.Rename(to, kept); {
		case errors.Is(err, fs.ErrNotExist):
			kept = ""
		case err != nil:
			return "", err
		default:
			u.add(func() error { return os.Rename(kept, to) })
		}
	}
	if err := os.Link(from, to); err != nil {
		return kept, err
	}
	u.add(func() error { return os.Remove(to) })
	return kept, nil
}
