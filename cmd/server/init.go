package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"switchboard/internal/app"
	"switchboard/internal/setup"
	"switchboard/internal/workspace"
)

type initCmd struct {
	Dir string `arg:"" optional:"" help:"Folder for the files; this one if none is named."`

	Region    string `help:"Where the workspace is hosted: us, eu or au; auto finds out." enum:"auto,us,eu,au" default:"auto" env:"INTERCOM_REGION"`
	BaseURL   string `help:"Intercom's API, in place of a region." env:"INTERCOM_BASE_URL" placeholder:"URL"`
	Admin     string `help:"Teammate whom actions are made as: e-mail, name or id; the token's own if nobody is named." placeholder:"NAME"`
	PublicURL string `name:"public-url" help:"Address that Intercom will send to, such as https://hooks.acme.test." env:"SWITCHBOARD_PUBLIC_URL" placeholder:"URL"`
	With      string `help:"Write as well what starts the service: a systemd unit, or a compose file." enum:"none,systemd,compose" default:"none"`
	Yes       bool   `help:"Ask nothing: take the defaults, and write."`
	Force     bool   `help:"Overwrite files that are there."`
	DryRun    bool   `help:"Write nothing; show what would be written."`
	Format    string `help:"How the outcome is printed: text or json." enum:"text,json" default:"text"`
}

// Help is shown below the flags.
func (*initCmd) Help() string {
	return `Connects a workspace: checks the access token, region and teammate with Intercom, says which permissions and topics
to choose in the Developer Hub, and writes rules (all in shadow) with the names of the workspace, tests of them, files
for the secrets, and settings. Everything is written or nothing, and no file is overwritten without --force.

What is missing is asked for, if there is a terminal. Secrets are no flags: they come from INTERCOM_ACCESS_TOKEN and
INTERCOM_CLIENT_SECRET, or from the files that INTERCOM_ACCESS_TOKEN_FILE and INTERCOM_CLIENT_SECRET_FILE name, or are
asked for without being shown.

Examples:
  switchboard init
  switchboard init --admin ops-bot@acme.test --public-url https://hooks.acme.test /etc/switchboard
  switchboard init --yes --with compose --format json
  switchboard init --dry-run

Exit code: 0 fine, 2 wrong usage or an answer that cannot be, 3 Intercom cannot be asked, or files are in the way.`
}

// Run asks, checks and writes.
func (c *initCmd) Run(ctx context.Context, io streams) error {
	var p *prompter
	if !c.Yes {
		p = newPrompter(io)
	}
	return c.run(ctx, io, p)
}

// run does it with somebody who answers, or nil.
func (c *initCmd) run(ctx context.Context, io streams, p *prompter) error {
	if p == nil && !c.Yes && !c.DryRun {
		return usageError{errors.New("there is no terminal to ask at: say --yes to take the defaults, or --dry-run to see them")}
	}
	r, err := c.request(ctx, io, p)
	if err != nil {
		return err
	}
	plan, err := setup.Make(ctx, r)
	if err != nil {
		return err
	}
	if !c.DryRun {
		if p != nil {
			if err := c.confirm(p, plan); err != nil {
				return err
			}
		}
		if err := plan.Put(c.Force); err != nil {
			return err
		}
	}
	return c.tell(io, r, plan)
}

// request finds out what there is to know.
func (c *initCmd) request(ctx context.Context, io streams, p *prompter) (r setup.Request, err error) {
	if r.Token, err = initSecret(p, "INTERCOM_ACCESS_TOKEN", "Access token (Developer Hub, Configure, Authentication)"); err != nil {
		return r, err
	}
	if r.Client, err = initSecret(p, "INTERCOM_CLIENT_SECRET", "Client secret (Developer Hub, Basic information)"); err != nil {
		return r, err
	}
	region := c.Region
	if c.BaseURL != "" {
		region = ""
	}
	if r.Found, err = setup.Find(ctx, clientsOf(c.BaseURL, r.Token.Value), region); err != nil {
		return r, err
	}
	c.connected(io, r.Found)
	if r.Admin, err = c.admin(p, r.Found); err != nil {
		return r, usageError{err}
	}
	if r.PublicURL, err = c.publicURL(p); err != nil {
		return r, usageError{err}
	}
	dir := c.Dir
	if dir == "" && p != nil {
		if dir, err = p.ask("Folder for the files", "."); err != nil {
			return r, err
		}
	}
	if r.Dir, err = filepath.Abs(cmp.Or(dir, ".")); err != nil {
		return r, err
	}
	r.BaseURL, r.Program = c.BaseURL, program()
	if c.With != "none" {
		r.With = c.With
	}
	return r, nil
}

// program is the path of this program.
func program() string {
	path, err := os.Executable()
	if err != nil {
		return "switchboard"
	}
	return path
}

// initSecret takes a secret from the environment, from a file that it names, or from whoever is there.
func initSecret(p *prompter, name, question string) (s setup.Secret, err error) {
	value, err := secret(name)
	switch {
	case err != nil:
		return s, usageError{err}
	case value != "":
		if path := os.Getenv(name + "_FILE"); path != "" {
			s.Path, err = filepath.Abs(path)
		}
		s.Value = value
		return s, err
	case p == nil:
		return s, usageError{fmt.Errorf("set %s, or %s_FILE to the file that holds it", name, name)}
	}
	s.Value, err = p.secret(question)
	return s, err
}

// connected says whose token it is, as soon as that is known.
func (c *initCmd) connected(io streams, f *setup.Found) {
	where := ""
	if f.Region != "" {
		where = ", region " + f.Region
	}
	_, _ = fmt.Fprintf(io.err, "connected to %s (%s)%s; the token is that of %s\n", f.Snapshot.Workspace.Name, f.Snapshot.Workspace.ID, where, f.Me.Name)
	for _, missing := range f.Missing {
		_, _ = fmt.Fprintln(io.err, "switchboard:", missing)
	}
}

// admin is the teammate who acts.
func (c *initCmd) admin(p *prompter, f *setup.Found) (workspace.Admin, error) {
	if c.Admin != "" || p == nil {
		return f.Admin(c.Admin)
	}
	otherwise := ""
	if _, err := f.Admin(""); err == nil {
		otherwise = cmp.Or(f.Me.Email, string(f.Me.ID))
	}
	who, err := p.askUntil("Teammate whom actions are made as (e-mail, name or id)", otherwise, func(who string) error {
		if who == "" {
			return errors.New("name one")
		}
		_, err := f.Admin(who)
		return err
	})
	if err != nil {
		return workspace.Admin{}, err
	}
	return f.Admin(who)
}

// publicURL is the address that Intercom sends to, with its path; empty if nobody knows it yet.
func (c *initCmd) publicURL(p *prompter) (address string, err error) {
	address = c.PublicURL
	if address == "" && p != nil {
		address, err = p.askUntil("Address that Intercom will send to, such as https://hooks.acme.test (empty: later)", "", usableAddress)
		if err != nil {
			return "", err
		}
	}
	if err := usableAddress(address); err != nil || address == "" {
		return "", err
	}
	return webhookAddress(address), nil
}

func usableAddress(address string) error {
	if address == "" {
		return nil
	}
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return fmt.Errorf("%q: Intercom sends to https addresses only, such as https://hooks.acme.test", address)
	}
	return nil
}

// confirm shows what will be written and asks whether it should be.
func (c *initCmd) confirm(p *prompter, plan *setup.Plan) error {
	for _, f := range plan.Files {
		if _, err := fmt.Fprintf(p.out, "  %s  (%s)\n", f.Path, f.About); err != nil {
			return err
		}
	}
	yes, err := p.agree("Write these files?")
	if err == nil && !yes {
		return errNoAnswer
	}
	return err
}

// outcome is what init tells of.
type outcome struct {
	DryRun      bool                `json:"dry_run"`
	Workspace   workspace.Workspace `json:"workspace"`
	Region      string              `json:"region,omitempty"`
	Admin       workspace.Admin     `json:"admin"`
	Permissions []permissionTold    `json:"permissions"`
	Topics      []string            `json:"topics"`
	Webhook     string              `json:"webhook,omitempty"`
	Files       []fileTold          `json:"files"`
	Steps       []string            `json:"steps"` // what is to be done by hand
	Next        []string            `json:"next"`  // commands
}

type permissionTold struct {
	Name   string           `json:"name"`
	Answer workspace.Answer `json:"answer"`
	Needed bool             `json:"needed"`
}

type fileTold struct {
	Path  string `json:"path"`
	Mode  string `json:"mode"`
	About string `json:"about"`
	Text  string `json:"text,omitempty"` // with --dry-run, and never of a secret
}

// tell prints what was done and what is left to do.
func (c *initCmd) tell(io streams, r setup.Request, plan *setup.Plan) error {
	o := c.outcome(r, plan)
	if c.Format == "json" {
		enc := json.NewEncoder(io.out)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		return enc.Encode(o)
	}
	var b strings.Builder
	for _, f := range o.Files {
		verb := "wrote"
		if c.DryRun {
			verb = "would write"
		}
		fmt.Fprintf(&b, "%s %s  (%s, mode %s)\n", verb, f.Path, f.About, f.Mode)
		if f.Text != "" {
			fmt.Fprintf(&b, "\n%s\n", indented(f.Text))
		}
	}
	b.WriteString("\nTo be done in the Developer Hub (https://app.intercom.com/a/apps/_/developer-hub):\n")
	for i, step := range o.Steps {
		fmt.Fprintf(&b, "  %d. %s\n", i+1, strings.ReplaceAll(step, "\n", "\n     "))
	}
	b.WriteString("\nNext:\n")
	for _, command := range o.Next {
		fmt.Fprintf(&b, "  %s\n", command)
	}
	b.WriteString("Once it runs, \"switchboard doctor\" says whether all is well.\n")
	_, err := fmt.Fprint(io.out, b.String())
	return err
}

func indented(text string) string {
	return "    " + strings.ReplaceAll(strings.TrimSuffix(text, "\n"), "\n", "\n    ") + "\n"
}

func (c *initCmd) outcome(r setup.Request, plan *setup.Plan) outcome {
	o := outcome{
		DryRun: c.DryRun, Workspace: r.Found.Snapshot.Workspace, Region: r.Found.Region, Admin: r.Admin, Topics: plan.Topics, Webhook: r.PublicURL,
		Steps: steps(r, plan),
		Next: []string{
			unsetSecrets() + "set -a; . " + filepath.Join(r.Dir, "switchboard.env") + "; set +a",
			"switchboard check --online && switchboard test",
			"switchboard serve",
		},
	}
	needed := map[string]bool{}
	for _, name := range plan.Needed {
		needed[name] = true
	}
	for _, p := range r.Found.Permissions {
		o.Permissions = append(o.Permissions, permissionTold{p.Name, p.Answer, needed[p.Name]})
	}
	for _, f := range plan.Files {
		told := fileTold{Path: f.Path, Mode: fmt.Sprintf("%04o", f.Mode), About: f.About}
		if c.DryRun && !f.Secret {
			told.Text = f.Text
		}
		o.Files = append(o.Files, told)
	}
	return o
}

// unsetSecrets takes secrets out of the shell's environment that are in files now: serve refuses both.
func unsetSecrets() string {
	var set []string
	for _, name := range []string{"INTERCOM_ACCESS_TOKEN", "INTERCOM_CLIENT_SECRET"} {
		if os.Getenv(name) != "" {
			set = append(set, name)
		}
	}
	if len(set) == 0 {
		return ""
	}
	return "unset " + strings.Join(set, " ") + "; "
}

// steps are what Intercom's API neither tells nor does.
func steps(r setup.Request, plan *setup.Plan) []string {
	permissions := "Configure, Authentication: these permissions are needed, and whether the app may write cannot be asked:\n" + strings.Join(plan.Needed, ", ")
	if lacking := r.Found.Refused(plan.Needed); len(lacking) > 0 {
		permissions += "\nThe token lacks " + strings.Join(lacking, ", ") + ": tick that, and install the app again."
	}
	address := cmp.Or(r.PublicURL, "https://YOUR-HOST"+app.WebhookPath)
	return []string{
		permissions,
		"Configure, Webhooks, when the service runs: enter " + address + " and choose the topics\n" + strings.Join(plan.Topics, "\n"),
	}
}
