package tools

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/dotenv"
	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
)

// loadCompose reads the file as docker compose does: schema, variables of .env, references.
func loadCompose(t *testing.T, env map[string]string) (*types.Project, error) {
	t.Helper()
	dir, err := filepath.Abs("../compose")
	if err != nil {
		t.Fatal(err)
	}
	return loader.LoadWithContext(context.Background(), types.ConfigDetails{
		WorkingDir:  dir,
		ConfigFiles: []types.ConfigFile{{Filename: filepath.Join(dir, "compose.yaml")}},
		Environment: env,
	})
}

func exampleEnv(t *testing.T) map[string]string {
	t.Helper()
	env, err := dotenv.Read("../compose/.env.example")
	if err != nil {
		t.Fatal(err)
	}
	return env
}

func TestCompose(t *testing.T) {
	project, err := loadCompose(t, exampleEnv(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range project.Services {
		t.Run(s.Name, func(t *testing.T) { contained(t, s) })
	}
	switchboard := project.Services["switchboard"]
	if got := *switchboard.Deploy.Replicas; got != 2 {
		t.Errorf("%d replicas", got)
	}
	for _, network := range []string{"database", "metrics"} {
		if !project.Networks[network].Internal {
			t.Errorf("network %s can be reached from outside", network)
		}
	}
}

// contained are the rules for every container.
func contained(t *testing.T, s types.ServiceConfig) {
	if !s.ReadOnly || !slices.Equal(s.CapDrop, []string{"ALL"}) || !slices.Contains(s.SecurityOpt, "no-new-privileges:true") {
		t.Error("it can do more than it needs")
	}
	if s.HealthCheck == nil || s.Restart != "unless-stopped" {
		t.Error("nobody notices when it is down")
	}
	if s.Deploy == nil || s.Deploy.Resources.Limits == nil || s.Deploy.Resources.Limits.MemoryBytes == 0 || s.Deploy.Resources.Limits.Pids == 0 {
		t.Error("it may use up the machine")
	}
	if _, tag, ok := strings.Cut(s.Image, ":"); !ok || tag == "latest" {
		t.Errorf("image %s has no version", s.Image)
	}
	for name, value := range s.Environment {
		if value != nil && strings.Contains(name, "PASSWORD") && !strings.HasPrefix(*value, "/run/secrets/") {
			t.Errorf("%s is a secret in the environment", name)
		}
	}
	for _, v := range s.Volumes {
		if v.Type == types.VolumeTypeBind && !v.ReadOnly {
			t.Errorf("%s can be written to", v.Source)
		}
	}
	for _, p := range s.Ports {
		if s.Name != "proxy" && p.HostIP != "127.0.0.1" {
			t.Errorf("port %d can be reached from other machines", p.Target)
		}
	}
}

// Every file that is mounted is in the repository, but for those that the operator makes.
func TestCompose_mounts(t *testing.T) {
	project, err := loadCompose(t, exampleEnv(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range project.Services {
		for _, v := range s.Volumes {
			if v.Type != types.VolumeTypeBind || filepath.Base(v.Source) == "rules" {
				continue
			}
			if _, err := os.Stat(v.Source); err != nil {
				t.Errorf("%s: %v", s.Name, err)
			}
		}
	}
}

// Prometheus finds the token of the consoles where compose puts it.
func TestCompose_token_of_prometheus(t *testing.T) {
	project, err := loadCompose(t, exampleEnv(t))
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("../prometheus/prometheus.yaml")
	if err != nil {
		t.Fatal(err)
	}
	asked := regexp.MustCompile(`credentials_file: /run/secrets/(\S+)`).FindSubmatch(text)
	if asked == nil {
		t.Fatal("prometheus.yaml names no file with the token below /run/secrets")
	}
	if !slices.ContainsFunc(project.Services["prometheus"].Secrets, func(s types.ServiceSecretConfig) bool { return s.Source == string(asked[1]) }) {
		t.Errorf("prometheus.yaml asks for the secret %s, which compose does not give to Prometheus", asked[1])
	}
}

// A setting that is forgotten is an error with its name.
func TestCompose_settings_are_missed(t *testing.T) {
	for _, name := range []string{"SWITCHBOARD_VERSION", "SWITCHBOARD_DOMAIN", "INTERCOM_REGION"} {
		env := exampleEnv(t)
		delete(env, name)
		if _, err := loadCompose(t, env); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("without %s: %v", name, err)
		}
	}
}
