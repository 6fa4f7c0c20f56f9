package setup

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"switchboard/internal/diag"
	"switchboard/internal/rules"
	"switchboard/internal/ruletest"
	"switchboard/internal/workspace"
)

// Secret is a secret, or the file that it is in already.
type Secret struct{ Value, Path string }

// Request says what is to be made.
type Request struct {
	Dir   string // absolute
	Found *Found
	// BaseURL is Intercom's API in place of a region; may be empty.
	BaseURL       string
	Admin         workspace.Admin
	Token, Client Secret
	// PublicURL is the address that Intercom will send to; may be empty.
	PublicURL string
	// With is what else is to be written: "systemd" or "compose"; empty for nothing.
	With string
	// Program is the path of this program, for systemd.
	Program string
}

// File is a file to be put.
type File struct {
	Path string // absolute
	Mode fs.FileMode
	Text string
	// About says in a few words what is in it; Secret that the text must not be shown.
	About  string
	Secret bool
}

// Plan is what will be put, and what is left to do.
type Plan struct {
	Files []File
	// Topics are those to choose in the Developer Hub.
	Topics []string
	// Needed are the permissions that the rules need.
	Needed []string
}

// plain are the paths that shells, systemd and compose read alike.
var plain = regexp.MustCompile(`^[A-Za-z0-9_./@+-]+$`)

// Make drafts the files, and makes sure that they are right.
func Make(ctx context.Context, r Request) (*Plan, error) {
	if !plain.MatchString(r.Dir) {
		return nil, fmt.Errorf("the folder %q has spaces or signs in its path that settings cannot have: choose another", r.Dir)
	}
	d := newDraft(r.Found, r.Admin)
	rulesText, err := filled("rules.yaml", d)
	if err != nil {
		return nil, err
	}
	testText, err := filled("rules.test.yaml", d)
	if err != nil {
		return nil, err
	}
	rs, err := proved(ctx, rulesText, testText, r.Found.Snapshot)
	if err != nil {
		return nil, err
	}
	p := &Plan{Topics: topicsOf(rs), Needed: workspace.Needed(rs)}
	p.Files = []File{
		{Path: filepath.Join(r.Dir, "rules.yaml"), Mode: 0o644, Text: rulesText, About: "rules, all in shadow"},
		{Path: filepath.Join(r.Dir, "rules.test.yaml"), Mode: 0o644, Text: testText, About: "their tests"},
	}
	token, client := p.secret(r, r.Token, "access-token"), p.secret(r, r.Client, "client-secret")
	p.Files = append(p.Files, File{
		Path: filepath.Join(r.Dir, "switchboard.env"), Mode: 0o600, Text: r.settings(token, client), About: "settings",
	})
	if r.With == "" {
		return p, nil
	}
	starter, err := r.starter()
	p.Files = append(p.Files, starter)
	return p, err
}

// secret plans a file for a secret that is in none yet, and gives the path.
func (p *Plan) secret(r Request, s Secret, name string) string {
	if s.Path != "" {
		return s.Path
	}
	path := filepath.Join(r.Dir, "secrets", name)
	p.Files = append(p.Files, File{Path: path, Mode: 0o600, Text: s.Value + "\n", About: strings.ReplaceAll(name, "-", " "), Secret: true})
	return path
}

// settings are the environment of the service.
func (r Request) settings(token, client string) string {
	lines := []string{
		"# Settings of switchboard; README.md has the list. Secrets are in files of their own.",
		"INTERCOM_ACCESS_TOKEN_FILE=" + token,
		"INTERCOM_CLIENT_SECRET_FILE=" + client,
	}
	if r.BaseURL != "" {
		lines = append(lines, "INTERCOM_BASE_URL="+r.BaseURL)
	} else {
		lines = append(lines, "INTERCOM_REGION="+r.Found.Region)
	}
	lines = append(lines,
		"SWITCHBOARD_RULES="+filepath.Join(r.Dir, "rules.yaml"),
		"DATABASE_URL=sqlite:"+filepath.Join(r.Dir, "switchboard.db"))
	if r.PublicURL != "" {
		lines = append(lines, "SWITCHBOARD_PUBLIC_URL="+r.PublicURL)
	}
	return strings.Join(lines, "\n") + "\n"
}

// starters are the files that start the service, by what --with calls them.
var starters = map[string]File{
	"systemd": {Path: "switchboard.service", About: "a unit for systemd"},
	"compose": {Path: "compose.yaml", About: "a service for docker compose"},
}

// starter is what starts the service.
func (r Request) starter() (f File, err error) {
	f = starters[r.With]
	f.Text, err = filled(f.Path, struct {
		Program, Dir string
		User, Group  int
	}{r.Program, r.Dir, os.Getuid(), os.Getgid()})
	f.Path, f.Mode = filepath.Join(r.Dir, f.Path), 0o644
	return f, err
}

// proved makes sure that check with the names and test pass, by doing both in a folder of its own.
func proved(ctx context.Context, rulesText, testText string, names *workspace.Snapshot) (rs *rules.Ruleset, err error) {
	dir, err := os.MkdirTemp("", "switchboard-init-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	at, tests := filepath.Join(dir, "rules.yaml"), filepath.Join(dir, "rules.test.yaml")
	for path, text := range map[string]string{at: rulesText, tests: testText} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			return nil, err
		}
	}
	found := rules.Check([]string{at})
	if found.Ruleset != nil {
		found.AddOnline(workspace.Check(found.Ruleset, names))
	}
	if len(found.Problems) > 0 {
		return nil, wrong(found.Problems)
	}
	return found.Ruleset, pass(ctx, tests)
}

// pass runs tests of rules.
func pass(ctx context.Context, tests string) error {
	file, problems := ruletest.Load(tests)
	if file == nil {
		return wrong(problems)
	}
	report, err := ruletest.Run(ctx, []*ruletest.File{file}, nil, nil)
	if err != nil {
		return err
	}
	for _, result := range report.Results {
		if len(result.Failures) > 0 {
			var text strings.Builder
			_ = ruletest.WriteResult(&text, result) // a Builder takes everything
			return fmt.Errorf("a test of the rules for this workspace fails, which is a mistake of this program: %s", text.String())
		}
	}
	return nil
}

func wrong(problems []diag.Problem) error {
	var text strings.Builder
	_ = diag.WriteText(&text, problems, false) // a Builder takes everything
	return fmt.Errorf("the rules for this workspace are not right, which is a mistake of this program: %s", text.String())
}

// compared are the topics that tell what people did themselves, for "switchboard shadow".
var compared = []string{"conversation.admin.assigned", "conversation_part.tag.created"}

// topicsOf are the topics that the rules listen to or wait for, and those.
func topicsOf(rs *rules.Ruleset) (topics []string) {
	for _, r := range rs.Rules() {
		topics = append(topics, r.When...)
		topics = append(topics, r.CancelOn...)
	}
	topics = append(topics, compared...)
	slices.Sort(topics)
	return slices.Compact(topics)
}
