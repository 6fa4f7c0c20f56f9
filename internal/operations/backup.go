package operations

import (
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"time"

	"switchboard/internal/actions"
	"switchboard/internal/store"
)

// BackupRequest says where a copy of the database goes, on the machine that has the database.
type BackupRequest struct {
	Path    string `json:"path"` // absolute
	Replace bool   `json:"replace,omitempty"`
}

// BackupAnswer is the copy that was made.
type BackupAnswer struct {
	Path    string    `json:"path"`
	Bytes   int64     `json:"bytes"`
	At      time.Time `json:"at"`
	Seconds float64   `json:"seconds"`
	// Doubted are the planned actions that a service on the copy will read back before it sends them.
	Doubted int `json:"doubted"`
}

// MakeBackup copies the database.
func MakeBackup(ctx context.Context, s *store.Store, r BackupRequest) (BackupAnswer, error) {
	if !filepath.IsAbs(r.Path) {
		return BackupAnswer{}, refuse("the path %q is not absolute", r.Path)
	}
	b, err := s.Backup(ctx, store.BackupOptions{Path: filepath.Clean(r.Path), Replace: r.Replace, Visible: visible})
	if errors.Is(err, store.ErrBackup) {
		return BackupAnswer{}, &Refused{err}
	}
	return BackupAnswer{Path: r.Path, Bytes: b.Bytes, At: b.At.UTC(), Seconds: b.Took.Seconds(), Doubted: b.Doubted}, err
}

// visible tells whether people would see it if an action happened twice. What this program does not know
// fails for itself.
func visible(kind string, params json.RawMessage) bool {
	k, ok := actions.Lookup(kind)
	return ok && !k.Repeatable(params)
}
