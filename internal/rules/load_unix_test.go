//go:build unix

package rules

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// Nobody may ever write into a pipe: it is refused, not waited for.
func TestLoad_pipes(t *testing.T) {
	dir := t.TempDir()
	pipe, link := filepath.Join(dir, "pipe.yaml"), filepath.Join(dir, "link.yaml")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Skip("no pipes here:", err)
	}
	if err := os.Symlink(pipe, link); err != nil {
		t.Skip("no links here:", err)
	}
	for path, want := range map[string]int{pipe: 1, link: 1, dir: 2} {
		rs, problems := Load([]string{path})
		if rs != nil || len(problems) != want || problems[0].Message != "cannot be read: it is not a file" {
			t.Errorf("%s: %v, %v", path, rs, problems)
		}
	}
}
