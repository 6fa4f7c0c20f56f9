package operations

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"switchboard/internal/store"
)

// TestDiagnose_without_a_service tells what the database knows, also of one that does not answer.
func TestDiagnose_without_a_service(t *testing.T) {
	s, err := store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "state.db"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now().Truncate(time.Microsecond)
	if err := s.BeginRecovery(t.Context(), "abc", began); err != nil {
		t.Fatal(err)
	}
	d, err := Diagnostician{Version: "v1"}.Diagnose(t.Context(), s, DiagnosisRequest{})
	if err != nil || d.Running || d.Version != "v1" || d.Database.Error != "" || d.Database.Kind != "sqlite" || d.Disk == nil || d.Disk.Bytes == 0 {
		t.Errorf("diagnosis %+v, %v", d, err)
	}
	if len(d.Workspaces) != 1 || d.Workspaces[0].ID != "abc" || !d.Workspaces[0].SearchedThrough.Equal(began) {
		t.Errorf("workspaces %+v", d.Workspaces)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	d, err = Diagnostician{}.Diagnose(t.Context(), s, DiagnosisRequest{})
	if err != nil || !strings.Contains(d.Database.Error, "closed") {
		t.Errorf("of a closed database: %q, %v", d.Database.Error, err)
	}
}
