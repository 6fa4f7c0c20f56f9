package doctor

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"switchboard/internal/diag"
)

// others are the rights of everybody but the owner.
const others = 0o077

// secrets looks at the settings, and at who may read the files with secrets.
func secrets(_ context.Context, p *Patient) (found []Finding) {
	for _, wrong := range p.Settings {
		found = append(found, fail(wrong, "see the table of settings in README.md; \"switchboard init\" writes them"))
	}
	for _, setting := range slices.Sorted(maps.Keys(p.SecretFiles)) {
		found = append(found, secretFile(setting, p.SecretFiles[setting])...)
	}
	if len(p.SecretFiles) == 0 {
		return anyOr(found, "complete, in the environment")
	}
	return anyOr(found, "complete; %s with secrets, for their owner alone", plural(len(p.SecretFiles), "file"))
}

func secretFile(setting, path string) []Finding {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return []Finding{fail(fmt.Sprintf("%s names %s, which cannot be read: %s", setting, path, reason(err)), "name a file that the service can read")}
	case info.Size() == 0:
		return []Finding{fail(fmt.Sprintf("%s names %s, which is empty", setting, path), "put the secret into it")}
	case info.Mode().Perm()&others != 0:
		return []Finding{warn(fmt.Sprintf("%s (%s) can be read by others: its mode is %#o", path, setting, info.Mode().Perm()), "chmod 600 "+path)}
	}
	return nil
}

// reason is why a file could not be read, without its name.
func reason(err error) string {
	if e, ok := err.(*fs.PathError); ok { //nolint:errorlint // os.Stat gives it as it is
		return e.Err.Error()
	}
	return err.Error()
}

// rulesFiles looks at the rules on disk.
func rulesFiles(ctx context.Context, p *Patient) (found []Finding) {
	for _, w := range p.Workspaces {
		found = append(found, named(w.Name, rulesOf(ctx, w))...)
	}
	return found
}

func rulesOf(ctx context.Context, w *Workspace) []Finding {
	found := writable(w.Rules)
	r := w.report(ctx)
	errors := slices.DeleteFunc(slices.Clone(r.Problems), func(p diag.Problem) bool { return p.Severity != diag.Error })
	warnings := len(r.Problems) - len(errors)
	const look = "\"switchboard check\" shows where and why"
	switch {
	case len(errors) > 0:
		return append(found, fail(fmt.Sprintf("the rules have %s; the first: %s", plural(len(errors), "error"), inOneLine(errors[0])), look))
	case r.Ruleset == nil:
		return append(found, fail("the rules cannot be read", look))
	case warnings > 0:
		found = append(found, note("the rules have "+plural(warnings, "warning"), look))
	}
	return anyOr(found, "%s (ruleset %s)", plural(len(r.Ruleset.Rules()), "rule"), r.Ruleset.Hash())
}

// writable tells of rules that anybody may change: whoever does decides what is sent to customers.
func writable(paths []string) (found []Finding) {
	for _, path := range paths {
		_ = filepath.WalkDir(path, func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.Type()&fs.ModeSymlink != 0 {
				return nil //nolint:nilerr // what cannot be read is a problem of the rules
			}
			if info, err := d.Info(); err == nil && info.Mode().Perm()&0o002 != 0 && info.Mode()&fs.ModeSticky == 0 {
				found = append(found, warn(name+" can be changed by everybody on this machine", "chmod o-w "+name))
			}
			return nil
		})
	}
	return found
}

func inOneLine(p diag.Problem) string {
	text := p.Message
	if p.File != "" && p.Line > 0 {
		text = fmt.Sprintf("%s:%d: %s", p.File, p.Line, text)
	} else if p.File != "" {
		text = p.File + ": " + text
	}
	return text
}
