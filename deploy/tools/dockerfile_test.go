package tools

import (
	"context"
	"encoding/json"
	"os"
	"slices"
	"testing"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/client/llb/sourceresolver"
	"github.com/moby/buildkit/frontend/dockerfile/dockerfile2llb"
	"github.com/moby/buildkit/solver/pb"
	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

// TestDockerfile asks BuildKit's own linter, with every check that it has.
func TestDockerfile(t *testing.T) {
	text, err := os.ReadFile("../Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	for _, problem := range lint(t, text) {
		t.Error(problem)
	}
}

// Were nothing found in a bad file, nothing found in ours would say nothing.
func TestDockerfile_lint_finds(t *testing.T) {
	found := lint(t, []byte("from golang AS Build\nARG API_TOKEN=x\nCMD serve\n"))
	for _, want := range []string{"StageNameCasing", "JSONArgsRecommended", "SecretsUsedInArgOrEnv"} {
		if !slices.ContainsFunc(found, func(got string) bool { return len(got) > len(want) && got[:len(want)] == want }) {
			t.Errorf("%s is not among what was found: %q", want, found)
		}
	}
}

func lint(t *testing.T, text []byte) []string {
	t.Helper()
	results, err := dockerfile2llb.DockerfileLint(context.Background(), text, dockerfile2llb.ConvertOpt{
		MetaResolver: noRegistry{},
		SourceMap:    &llb.SourceMap{Filename: "Dockerfile", Definition: &llb.Definition{}, Data: text},
	})
	if err != nil {
		t.Fatal(err)
	}
	var problems []string
	for _, w := range results.Warnings {
		problems = append(problems, w.RuleName+": "+w.Detail)
	}
	if results.Error != nil {
		problems = append(problems, "error: "+results.Error.Message)
	}
	return problems
}

// noRegistry says of every image that it is for this platform and holds nothing.
type noRegistry struct{}

func (noRegistry) ResolveImageConfig(_ context.Context, ref string, _ sourceresolver.Opt) (string, digest.Digest, []byte, error) {
	config, err := json.Marshal(ocispecs.Image{Platform: ocispecs.Platform{OS: "linux", Architecture: "amd64"}})
	return ref, digest.FromBytes(config), config, err
}

func (noRegistry) ResolveSourceMetadata(context.Context, *pb.SourceOp, sourceresolver.Opt) (*sourceresolver.MetaResponse, error) {
	return &sourceresolver.MetaResponse{}, nil
}
