package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"gopkg.in/yaml.v3"

	"switchboard/internal/app"
	"switchboard/internal/doctor"
	"switchboard/internal/intercom"
	"switchboard/internal/operations"
	"switchboard/internal/store"
)

type doctorCmd struct {
	Rules      []string `help:"Rule files or folders, as for serve." default:"rules.yaml" env:"SWITCHBOARD_RULES"`
	Workspaces string   `help:"File that names several workspaces, as for serve." env:"SWITCHBOARD_WORKSPACES" placeholder:"FILE"`
	PublicURL  string   `name:"public-url" help:"Address that Intercom sends to, to be looked at as well." env:"SWITCHBOARD_PUBLIC_URL" placeholder:"URL"`
	Format     string   `help:"How findings are printed: text or json." enum:"text,json" default:"text"`
	FailOn     string   `help:"The least level that makes the exit code 1: note, warning or error." enum:"note,warning,error" default:"warning"`

	stateOf
	apiAddress
}

// Help is shown below the flags.
func (*doctorCmd) Help() string {
	return `Looks at settings, rules, Intercom, the service that runs and its database, and says of each thing whether it is
fine and, if not, what to do. It changes nothing. Give it the settings that the service has; it asks the service at
--admin (with SWITCHBOARD_ADMIN_TOKEN) or, when none answers, the database. docs/doctor.md has every check.

Examples:
  switchboard doctor
  switchboard doctor --public-url https://hooks.acme.test/webhooks/intercom
  switchboard doctor --fail-on error --format json

Exit code: 0 fine, 1 something of the level --fail-on was found, 2 wrong usage, 3 there is nothing to look at.`
}

// Run looks at everything and prints what it finds.
func (c *doctorCmd) Run(ctx context.Context, io streams) error {
	patient, err := c.patient()
	if err != nil {
		return err
	}
	if err := c.nothing(ctx, patient); err != nil {
		return err
	}
	found := doctor.Run(ctx, patient)
	if err := c.print(io, found); err != nil {
		return err
	}
	if doctor.Worst(found) >= levelOf(c.FailOn) {
		return exitError(exitProblems)
	}
	return nil
}

func levelOf(name string) doctor.Level {
	for _, l := range []doctor.Level{doctor.Note, doctor.Warning} {
		if l.String() == name {
			return l
		}
	}
	return doctor.Error
}

// patient is the set-up that the settings describe. What is wrong with them is for a check to say.
func (c *doctorCmd) patient() (*doctor.Patient, error) {
	if c.PublicURL != "" {
		c.PublicURL = webhookAddress(c.PublicURL)
	}
	p := &doctor.Patient{
		Version: version(), Database: c.Database, Admin: c.Admin, PublicURL: c.PublicURL, SecretFiles: map[string]string{},
	}
	for _, name := range []string{"INTERCOM_ACCESS_TOKEN", "INTERCOM_CLIENT_SECRET", "SWITCHBOARD_ADMIN_TOKEN", "SWITCHBOARD_VIEW_TOKEN", "SWITCHBOARD_HTTP_SECRET"} {
		if path := os.Getenv(name + "_FILE"); path != "" {
			p.SecretFiles[name+"_FILE"] = path
		}
	}
	ask := sync.OnceValues(func() (operations.Diagnosis, error) {
		ctx, cancel := context.WithTimeout(context.Background(), 4*time.Second)
		defer cancel()
		return c.diagnosis(ctx)
	})
	p.Ask = func(context.Context) (operations.Diagnosis, error) { return ask() }
	if c.Workspaces != "" {
		c.several(p)
		return p, nil
	}
	return p, c.single(p)
}

// webhookAddress adds the path of webhooks to an address without one.
func webhookAddress(address string) string {
	if _, rest, ok := strings.Cut(address, "://"); ok && !strings.Contains(strings.TrimSuffix(rest, "/"), "/") {
		return strings.TrimSuffix(address, "/") + app.WebhookPath
	}
	return address
}

// single is the one workspace of the settings.
func (c *doctorCmd) single(p *doctor.Patient) error {
	base, err := c.url()
	if err != nil {
		return usageError{err}
	}
	w := &doctor.Workspace{Rules: c.Rules, Region: c.Region}
	if c.BaseURL != "" {
		w.Region = ""
	}
	token, err := secret("INTERCOM_ACCESS_TOKEN")
	p.Settings = appendTrouble(p.Settings, err)
	if err == nil && token == "" {
		p.Settings = append(p.Settings, "there is no access token: set INTERCOM_ACCESS_TOKEN or INTERCOM_ACCESS_TOKEN_FILE")
	}
	signing, err := secret("INTERCOM_CLIENT_SECRET")
	p.Settings = appendTrouble(p.Settings, err)
	switch {
	case err == nil && signing == "":
		p.Settings = append(p.Settings, "there is no client secret: set INTERCOM_CLIENT_SECRET or INTERCOM_CLIENT_SECRET_FILE")
	case slices.Contains(splitSecrets(signing), ""):
		p.Settings = append(p.Settings, "one of the client secrets in INTERCOM_CLIENT_SECRET is empty: anybody could sign with it")
	}
	if token != "" {
		w.Client = clientsOf(base, token)
	}
	p.Workspaces = append(p.Workspaces, w)
	return nil
}

// appendTrouble adds an error of the settings. One of a file is that of the file's check.
func appendTrouble(list []string, err error) []string {
	if _, ofFile := errors.AsType[*os.PathError](err); err == nil || ofFile {
		return list
	}
	return append(list, err.Error())
}

// several are the workspaces that a file names.
func (c *doctorCmd) several(p *doctor.Patient) {
	list, problems := readWorkspaces(c.Workspaces)
	for _, problem := range problems {
		p.Settings = append(p.Settings, fmt.Sprintf("%s:%d: %s", problem.File, problem.Line, problem.Message))
	}
	for _, one := range list {
		p.Workspaces = append(p.Workspaces, &doctor.Workspace{
			Name: one.Name, ID: one.ID, Rules: one.Rules, Client: clientsOf(one.BaseURL, one.Token),
		})
	}
	for _, path := range secretPaths(c.Workspaces) {
		p.SecretFiles["file: "+path+" in "+c.Workspaces] = path
	}
}

// secretPaths are the files that a workspaces file says secrets are in.
func secretPaths(file string) (paths []string) {
	text, err := os.ReadFile(file) //nolint:gosec // the operator names the file
	var doc yaml.Node
	if err != nil || yaml.Unmarshal(text, &doc) != nil {
		return nil // which is told when it is read as a whole
	}
	var walk func(*yaml.Node)
	walk = func(n *yaml.Node) {
		for i, child := range n.Content {
			if n.Kind == yaml.MappingNode && i%2 == 1 && n.Content[i-1].Value == "file" && child.Kind == yaml.ScalarNode {
				path := child.Value
				if !filepath.IsAbs(path) {
					path = filepath.Join(filepath.Dir(file), path)
				}
				paths = append(paths, path)
			}
			walk(child)
		}
	}
	walk(&doc)
	return paths
}

// clientsOf makes clients for a token, in a region or at the address in the settings.
func clientsOf(base, token string) func(region string) (*intercom.Client, error) {
	return func(region string) (*intercom.Client, error) {
		at := base
		if region != "" {
			var err error
			if at, err = intercom.RegionURL(region); err != nil {
				return nil, err
			}
		}
		return intercom.New(intercom.Options{
			BaseURL: at, Token: token, Budget: intercom.Unpaced{}, Timeout: 4 * time.Second, UserAgent: "switchboard/" + version(),
		})
	}
}

// diagnosis asks the service or, when nobody listens there, the database.
func (c *doctorCmd) diagnosis(ctx context.Context) (d operations.Diagnosis, err error) {
	if c.Admin != "" {
		err = c.ask(ctx, "diagnosis", operations.DiagnosisRequest{}, &d, func(json.RawMessage) {})
		if !nobodyListens(err) {
			return d, err
		}
	}
	if err := databaseExists(c.Database); err != nil {
		return d, &nowhere{fmt.Errorf("no service answers at %s, and %w", c.Admin, err)}
	}
	have, known, err := store.SchemaOf(ctx, c.Database)
	if err != nil || have != known { // opening it would change it
		d.Now, d.Database.Schema, d.Database.SchemaKnown = time.Now(), have, known
		return d, err
	}
	s, err := c.open(ctx)
	if err != nil {
		return d, err
	}
	d, err = operations.Diagnostician{Version: version()}.Diagnose(ctx, s, operations.DiagnosisRequest{})
	return d, errors.Join(err, s.Close())
}

// nowhere is the error where there is neither a service nor a database.
type nowhere struct{ error }

// nothing tells when there is nothing that could be looked at.
func (c *doctorCmd) nothing(ctx context.Context, p *doctor.Patient) error {
	for _, w := range p.Workspaces {
		if w.Client != nil || rulesExist(w.Rules) == nil {
			return nil
		}
	}
	if c.Workspaces != "" {
		return nil
	}
	_, err := p.Ask(ctx)
	if _, none := errors.AsType[*nowhere](err); none {
		return fmt.Errorf("there is nothing to look at: no rules and no access token are named, and %w", err)
	}
	return nil
}

// print writes what was found.
func (c *doctorCmd) print(io streams, found []doctor.Finding) error {
	if c.Format == "json" {
		enc := json.NewEncoder(io.out)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		return enc.Encode(struct {
			Worst    doctor.Level     `json:"worst"`
			Findings []doctor.Finding `json:"findings"`
		}{doctor.Worst(found), found})
	}
	if err := printFindings(io, found); err != nil {
		return err
	}
	count := func(l doctor.Level) (n int) {
		for _, f := range found {
			if f.Level == l {
				n++
			}
		}
		return n
	}
	_, err := fmt.Fprintf(io.out, "\n%s, %s, %s, %d fine\n", plural(count(doctor.Error), "error"), plural(count(doctor.Warning), "warning"),
		plural(count(doctor.Note), "note"), count(doctor.OK))
	return err
}

// printFindings writes one after the other, and behind them in a line each what could not be looked at.
func printFindings(io streams, found []doctor.Finding) error {
	unseen := map[string][]string{}
	for _, f := range found {
		if f.See != "" {
			if !slices.Contains(unseen[f.See], f.Check) {
				unseen[f.See] = append(unseen[f.See], f.Check)
			}
			continue
		}
		if err := printFinding(io, f); err != nil {
			return err
		}
	}
	for _, see := range slices.Sorted(maps.Keys(unseen)) {
		if _, err := fmt.Fprintf(io.out, "· not looked at, see %s: %s\n", see, strings.Join(unseen[see], ", ")); err != nil {
			return err
		}
	}
	return nil
}

// marks stand before findings, by level.
var marks = []string{"✓", "·", "!", "✗"}

func printFinding(io streams, f doctor.Finding) error {
	text := f.Text
	if f.Workspace != "" {
		text = f.Workspace + ": " + text
	}
	if _, err := fmt.Fprintf(io.out, "%s %-14s  %s\n", marks[f.Level], f.Check, text); err != nil || f.Level == doctor.OK {
		return err
	}
	lines := []string{}
	if f.Fix != "" {
		lines = append(lines, f.Fix)
	}
	if f.Level > doctor.Note {
		lines = append(lines, "more: "+f.Docs)
	}
	for _, line := range lines {
		if _, err := fmt.Fprintf(io.out, "  %-14s  %s\n", "", line); err != nil {
			return err
		}
	}
	return nil
}
