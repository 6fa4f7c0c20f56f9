package setup

import (
	"context"
	"errors"
	"io/fs"
	"math/rand/v2"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"switchboard/internal/intercom"
	"switchboard/internal/simulator"
	"switchboard/internal/workspace"
)

// regions are simulated workspaces, each of which knows one token.
func regions(t *testing.T, tokens map[string]string) func(region string) (*intercom.Client, error) {
	t.Helper()
	addresses := map[string]string{}
	for region, token := range tokens {
		sim := simulator.New(simulator.Options{Token: token, Region: strings.ToUpper(region)})
		simulator.DemoWorkspace(sim)
		api := httptest.NewServer(sim.Handler())
		t.Cleanup(api.Close)
		addresses[region] = api.URL
	}
	return func(region string) (*intercom.Client, error) {
		return intercom.New(intercom.Options{BaseURL: addresses[region], Token: "mine", Budget: intercom.Unpaced{}})
	}
}

// A wrong region looks like a wrong token: the one that fits is found, or named.
func TestFind_regions(t *testing.T) {
	client := regions(t, map[string]string{"us": "other", "eu": "other", "au": "mine"})
	f, err := Find(t.Context(), client, "auto")
	if err != nil || f.Region != "au" || f.Snapshot.Workspace.Region != "AU" {
		t.Fatalf("Find = %+v, %v", f, err)
	}
	if f, err = Find(t.Context(), client, "au"); err != nil || f.Region != "au" {
		t.Errorf("Find in au = %+v, %v", f, err)
	}
	if _, err = Find(t.Context(), client, "eu"); err == nil || err.Error() != "the access token is of the region au, not of eu: say --region au" {
		t.Errorf("Find in eu: %v", err)
	}
	nobodys := regions(t, map[string]string{"us": "other", "eu": "other", "au": "other"})
	for _, region := range []string{"auto", "us"} {
		if _, err = Find(t.Context(), nobodys, region); err == nil || !strings.Contains(err.Error(), "copy it again from the Developer Hub") || strings.Contains(err.Error(), "mine") {
			t.Errorf("Find of a token that nobody knows: %v", err)
		}
	}
}

func TestAdmin(t *testing.T) {
	f := &Found{Me: &intercom.Me{Admin: intercom.Admin{ID: "1"}}, Snapshot: &workspace.Snapshot{
		Workspace: workspace.Workspace{Name: "Acme"},
		Admins: []workspace.Admin{
			{ID: "1", Name: "Ops Bot", Email: "ops-bot@acme.test"}, {ID: "2", Name: "Ada", Email: "ada@acme.test", InboxSeat: true},
		},
	}}
	for _, who := range []string{"2", "ADA@acme.test", "ada"} {
		if a, err := f.Admin(who); err != nil || a.ID != "2" {
			t.Errorf("Admin(%q) = %v, %v", who, a, err)
		}
	}
	for who, want := range map[string]string{"": "Ops Bot has no inbox seat", "adda@acme.test": `did you mean "ada@acme.test"?`, "nobody": `no teammate "nobody" in Acme`} {
		if _, err := f.Admin(who); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Admin(%q): %v, want %s", who, err, want)
		}
	}
}

func request(dir string, f *Found) Request {
	return Request{
		Dir: dir, Found: f, Admin: workspace.Admin{ID: "1", Name: "Ops", Email: "ops@acme.test", InboxSeat: true},
		Token: Secret{Value: "t0ken"}, Client: Secret{Value: "s3cret"},
	}
}

func foundWith(zone string, teams, tags []string) *Found {
	s := &workspace.Snapshot{
		Workspace: workspace.Workspace{ID: "abc", Name: "Acme"}, Teams: []workspace.Team{}, Tags: []workspace.Tag{},
		Admins: []workspace.Admin{{ID: "1", Name: "Ops", Email: "ops@acme.test", InboxSeat: true}},
	}
	for i, name := range teams {
		s.Teams = append(s.Teams, workspace.Team{ID: string(rune('a' + i)), Name: name})
	}
	for i, name := range tags {
		s.Tags = append(s.Tags, workspace.Tag{ID: string(rune('a' + i)), Name: name})
	}
	return &Found{Region: "eu", Me: &intercom.Me{App: intercom.App{Timezone: zone}}, Snapshot: s}
}

// Whatever a workspace's names are, what is written passes check, with the names, and its own tests: Make does
// both, so that it succeeds is what is shown.
func TestMake_any_names(t *testing.T) {
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 1))
	pieces := []string{
		"Refund", "Bug", "Finance", "Technical", "VIP", "Priority", "Billing", " ", "'", `"`, "{{", "}}", "#", ": ", "- ", "\\", "é", "日本", "\u2028", "\t", "\n", "&", "*x", "%", "null", "7", "@", "$(x)", "`",
	}
	name := func() string {
		var b strings.Builder
		for range 1 + random.IntN(4) {
			b.WriteString(pieces[random.IntN(len(pieces))])
		}
		return b.String()
	}
	names := func() (list []string) {
		for range random.IntN(8) {
			list = append(list, name())
		}
		return list
	}
	used := 0
	for range 150 {
		teams, tags := names(), names()
		zone := []string{"", "Europe/Dublin", "America/New_York", "Nowhere/Land", "Local"}[random.IntN(5)]
		f := foundWith(zone, teams, tags)
		f.Snapshot.Workspace.Name = name()
		p, err := Make(t.Context(), request("/nowhere", f))
		if err != nil {
			t.Fatalf("seed %d: teams %q, tags %q, zone %q: %v", seed, teams, tags, zone, err)
		}
		if strings.Contains(p.Files[0].Text, "assign: {") {
			used++
		}
	}
	if used < 25 {
		t.Errorf("seed %d: only %d of the rules name a team: the draw shows little", seed, used)
	}
}

func TestMake(t *testing.T) {
	f := foundWith("Europe/Dublin", []string{"Support", "Accounts", "Tech"}, []string{"Debug", "bug report", "VIP"})
	r := request("/srv/switchboard", f)
	r.Client = Secret{Value: "s3cret", Path: "/run/secret"}
	r.PublicURL, r.With, r.Program = "https://hooks.acme.test/webhooks/intercom", "systemd", "/usr/bin/switchboard"
	p, err := Make(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	text := map[string]File{}
	for _, file := range p.Files {
		text[strings.TrimPrefix(file.Path, "/srv/switchboard/")] = file
	}
	for path, wants := range map[string][]string{
		"rules.yaml":           {`- assign: { team: "Accounts" }`, `- assign: { team: "Tech" }`, `- tag: "bug report"`, `timezone: "Europe/Dublin"`, `admin: "ops@acme.test"`, "teams      Support, Accounts, Tech"},
		"secrets/access-token": {"t0ken"},
		"switchboard.env":      {"INTERCOM_ACCESS_TOKEN_FILE=/srv/switchboard/secrets/access-token", "INTERCOM_CLIENT_SECRET_FILE=/run/secret", "INTERCOM_REGION=eu", "SWITCHBOARD_PUBLIC_URL=https://hooks.acme.test/webhooks/intercom"},
		"switchboard.service":  {"ExecStart=/usr/bin/switchboard serve", "EnvironmentFile=/srv/switchboard/switchboard.env"},
	} {
		for _, want := range wants {
			if !strings.Contains(text[path].Text, want) {
				t.Errorf("%s lacks %q:\n%s", path, want, text[path].Text)
			}
		}
	}
	for path, file := range text {
		if holds := strings.Contains(file.Text, "t0ken") || strings.Contains(file.Text, "s3cret"); holds != file.Secret || holds && file.Mode != 0o600 {
			t.Errorf("%s: secret %v, mode %o", path, file.Secret, file.Mode)
		}
	}
	if _, there := text["secrets/client-secret"]; there {
		t.Error("a secret that is in a file is written into another")
	}
	if strings.Count(text["rules.yaml"].Text, "state: shadow") != strings.Count(text["rules.yaml"].Text, "- name:") {
		t.Error("not every rule is in shadow")
	}
	if !slices.Contains(p.Topics, "conversation.user.created") || !slices.Contains(p.Topics, "conversation.admin.replied") || !slices.Contains(p.Needed, workspace.WriteTags) {
		t.Errorf("topics %q, permissions %q", p.Topics, p.Needed)
	}
}

// tree is what is in a folder: paths with their texts.
func tree(t *testing.T, dir string) (list []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(dir, path)
		if !d.IsDir() {
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			name += " = " + string(text)
		}
		list = append(list, name)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// All files are put or none, whichever of them cannot be, with and without force, and what was there is as it was.
func TestPut_all_or_nothing(t *testing.T) {
	names := []string{"a", "b", "sub/c", "sub/deep/d", "e"}
	for _, force := range []bool{false, true} {
		for broken := range names {
			dir := t.TempDir()
			if force {
				for _, name := range []string{"a", "e"} {
					if err := os.WriteFile(filepath.Join(dir, name), []byte("before"), 0o600); err != nil {
						t.Fatal(err)
					}
				}
			}
			var p Plan
			for i, name := range names {
				path := filepath.Join(dir, name)
				if i == broken {
					path = filepath.Join(dir, strings.Repeat("x", 300)) // no file system has such a name
				}
				p.Files = append(p.Files, File{Path: path, Mode: 0o600, Text: "after", Secret: i == 3})
			}
			before := tree(t, dir)
			if err := p.Put(force); err == nil {
				t.Fatalf("file %d was put", broken)
			}
			if after := tree(t, dir); !slices.Equal(before, after) {
				t.Errorf("force %v, file %d cannot be put: there is %q, and there was %q", force, broken, after, before)
			}
			p.Files[broken].Path = filepath.Join(dir, names[broken])
			if err := p.Put(force); err != nil {
				t.Fatal(err)
			}
			want := []string{".", "a = after", "b = after", "e = after", "sub", "sub/c = after", "sub/deep", "sub/deep/d = after"}
			if after := tree(t, dir); !slices.Equal(after, want) {
				t.Errorf("force %v: there is %q", force, after)
			}
		}
	}
}

func TestPut_in_the_way(t *testing.T) {
	dir := t.TempDir()
	there := filepath.Join(dir, "b")
	if err := os.WriteFile(there, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := Plan{Files: []File{{Path: filepath.Join(dir, "a"), Mode: 0o600}, {Path: there, Mode: 0o600}}}
	taken, ok := errors.AsType[*InTheWay](p.Put(false))
	if !ok || !slices.Equal(taken.Paths, []string{there}) {
		t.Errorf("in the way: %v", taken)
	}
	if got := tree(t, dir); !slices.Equal(got, []string{".", "b = mine"}) {
		t.Errorf("there is %q", got)
	}
}

func TestFind_ends_with_its_context(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	<-ctx.Done()
	if _, err := Find(ctx, regions(t, map[string]string{"us": "mine"}), "us"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Find = %v", err)
	}
}

// What starts the service names the files that are written, and is YAML where it should be.
func TestMake_starters(t *testing.T) {
	for with, wants := range map[string][]string{
		"systemd": {"ExecStart=/usr/bin/switchboard serve\n", "EnvironmentFile=/srv/sw/switchboard.env\n", "User=" + strconv.Itoa(os.Getuid()) + "\n"},
		"compose": {`volumes: ["/srv/sw:/srv/sw"]`, "env_file: switchboard.env", `TMPDIR: "/srv/sw"`, `working_dir: "/srv/sw"`},
	} {
		r := request("/srv/sw", foundWith("", nil, nil))
		r.With, r.Program = with, "/usr/bin/switchboard"
		p, err := Make(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		starter := p.Files[len(p.Files)-1]
		for _, want := range wants {
			if !strings.Contains(starter.Text, want) {
				t.Errorf("%s lacks %q:\n%s", starter.Path, want, starter.Text)
			}
		}
		if with == "compose" {
			var doc map[string]any
			if err := yaml.Unmarshal([]byte(starter.Text), &doc); err != nil || doc["services"] == nil {
				t.Errorf("compose.yaml is no YAML with services: %v", err)
			}
		}
	}
}
