package app_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"switchboard/internal/simulator"
)

// TestI8_a_config_map_is_reloaded swaps rules as Kubernetes does: every version is a folder of its own,
// a link "..data" names it, and that link is replaced by a rename. The files of all versions have one
// size and one time, so that only the swap itself can be noticed.
func TestI8_a_config_map_is_reloaded(t *testing.T) {
	t.Parallel()
	for name, path := range map[string]string{"a folder": "", "a file": "rules.yaml"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mount := configMap{t: t, dir: t.TempDir()}
			mount.write("..first", "First!")
			inBubbleWith(t, "version: 1\nrules: []\n", simulator.Options{}, func(w *world) {
				w.options.Rules = []string{filepath.Join(mount.dir, path)}
			}, func(w *world) {
				for _, step := range []struct{ write, want string }{{"", "First!"}, {"Second", "Second"}, {"Third!", "Third!"}} {
					if step.write != "" {
						mount.write(".."+step.write, step.write)
						time.Sleep(3 * time.Second)
					}
					id := must(t)(w.sim.CustomerStarts(w.customer(), "Hello"))
					w.settle(time.Minute)
					if c, _ := w.sim.Conversation(id); c.Title != step.want {
						t.Errorf("the rules set %q, not %q", c.Title, step.want)
					}
				}
			})
		})
	}
}

// configMap is a folder that is filled as a volume of a ConfigMap is.
type configMap struct {
	t   *testing.T
	dir string
}

// write makes a version and swaps it in; the one before is removed.
func (m configMap) write(version, title string) {
	m.t.Helper()
	text := "version: 1\nrules:\n  - name: r\n    when: conversation.user.created\n    then:\n      - set: { title: " + title + " }\n"
	file, data := filepath.Join(m.dir, version, "rules.yaml"), filepath.Join(m.dir, "..data")
	before, _ := os.Readlink(data)
	old := time.Unix(1, 0)
	for _, err := range []error{
		os.Mkdir(filepath.Join(m.dir, version), 0o755),
		os.WriteFile(file, []byte(text), 0o600),
		os.Chtimes(file, old, old),
		os.Symlink(version, data+"_tmp"),
		os.Rename(data+"_tmp", data),
	} {
		if err != nil {
			m.t.Fatal(err)
		}
	}
	if before == "" {
		if err := os.Symlink(filepath.Join("..data", "rules.yaml"), filepath.Join(m.dir, "rules.yaml")); err != nil {
			m.t.Fatal(err)
		}
		return
	}
	if err := os.RemoveAll(filepath.Join(m.dir, before)); err != nil {
		m.t.Fatal(err)
	}
}
