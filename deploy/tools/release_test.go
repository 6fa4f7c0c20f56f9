package tools

import (
	"slices"
	"strings"
	"testing"

	"github.com/goreleaser/goreleaser/v2/pkg/config"
)

// TestRelease reads the file as goreleaser does: a misspelt field is an error.
func TestRelease(t *testing.T) {
	project, err := config.Load("../../.goreleaser.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range project.Builds {
		if !slices.Contains(b.Flags, "-trimpath") || !slices.Contains(b.Env, "CGO_ENABLED=0") || b.ModTimestamp != "{{ .CommitTimestamp }}" {
			t.Errorf("build %s depends on where and when it is made", b.Main)
		}
		if !strings.Contains(strings.Join(b.Ldflags, " "), "-X main.released=v{{ .Version }}") {
			t.Errorf("build %s does not know its version", b.Main)
		}
	}
	if len(project.SBOMs) == 0 || project.Checksum.NameTemplate == "" {
		t.Error("nobody can tell what is in a release, or whether it is whole")
	}
	for _, a := range project.Archives {
		for _, f := range a.Files {
			if f.Info.MTime != "{{ .CommitDate }}" || f.Info.Owner == "" {
				t.Errorf("%s has the time and the owner of whoever made the release", f.Source)
			}
		}
	}
}
