package setup

import (
	"bytes"
	"cmp"
	"embed"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"text/template"
	"time"

	"switchboard/internal/workspace"
)

//go:embed text
var texts embed.FS

var templates = template.Must(template.New("").Funcs(template.FuncMap{"quote": quote, "list": listed}).ParseFS(texts, "text/*"))

// draft is what the rules are written from.
type draft struct {
	Workspace workspace.Workspace
	Name      string // of the workspace, in one line
	Admin     string // e-mail, or id where there is none
	Timezone  string
	// Known tells whether the time zone is the workspace's own.
	Known                    bool
	Money, Technical, Urgent target
	Admins, Teams, Tags      []string
}

// target is where a rule sends conversations: a team and a tag of the workspace, as far as it has such.
type target struct{ Team, Tag string }

// Any tells whether there is anything to do.
func (t target) Any() bool { return t.Team != "" || t.Tag != "" }

// newDraft chooses names that the workspace has.
func newDraft(f *Found, admin workspace.Admin) draft {
	teams := usable(f.Snapshot.Teams, func(t workspace.Team) string { return t.Name })
	tags := usable(f.Snapshot.Tags, func(t workspace.Tag) string { return t.Name })
	d := draft{
		Workspace: f.Snapshot.Workspace, Name: listed([]string{f.Snapshot.Workspace.Name}), Admin: cmp.Or(admin.Email, admin.ID), Timezone: "UTC", Teams: teams, Tags: tags,
		Money:     target{like(teams, "finance", "billing", "payment", "account"), like(tags, "refund", "billing", "payment", "invoice")},
		Technical: target{like(teams, "technical", "engineer", "tech", "develop", "product"), like(tags, "bug", "technical", "issue", "problem")},
		Urgent:    target{like(teams, "priority", "escalat", "urgent", "vip"), like(tags, "urgent", "escalat", "priority")},
	}
	if zone := f.Me.App.Timezone; zone != "" {
		if _, err := time.LoadLocation(zone); err == nil && zone != "Local" {
			d.Timezone, d.Known = zone, true
		}
	}
	for names, missing := range map[*[]string]bool{&d.Teams: f.Snapshot.Teams == nil, &d.Tags: f.Snapshot.Tags == nil, &d.Admins: f.Snapshot.Admins == nil} {
		if missing {
			*names = []string{"not known: the token may not read them"}
		}
	}
	for _, a := range f.Snapshot.Admins {
		name := cmp.Or(a.Email, a.Name)
		if !a.InboxSeat {
			name += " (no seat)"
		}
		d.Admins = append(d.Admins, name)
	}
	return d
}

// usable are the names that mean one thing each, are no templates, and can be written in a rules file as they are.
func usable[T any](list []T, name func(T) string) (names []string) {
	for _, one := range list {
		n := strings.TrimSpace(name(one))
		same := func(other T) bool { return strings.EqualFold(strings.TrimSpace(name(other)), n) }
		odd := n == "" || strings.Contains(n, "{{") || n != strings.Join(strings.Fields(n), " ")
		if i := slices.IndexFunc(list, same); odd || slices.ContainsFunc(list[i+1:], same) {
			continue
		}
		names = append(names, n)
	}
	return names
}

// like is the first name in which a word begins with one of the beginnings, the most fitting of which is first.
func like(names []string, beginnings ...string) string {
	for _, beginning := range beginnings {
		word := regexp.MustCompile(`(?i)(^|[^\pL])` + beginning)
		if i := slices.IndexFunc(names, word.MatchString); i >= 0 {
			return names[i]
		}
	}
	return ""
}

// quote writes a text as YAML: what JSON quotes, YAML reads.
func quote(s string) (string, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(s)
	return strings.TrimSuffix(b.String(), "\n"), err
}

// mostListed is how many names a comment lists.
const mostListed = 40

// listed writes names into a comment.
func listed(names []string) string {
	more := ""
	if len(names) > mostListed {
		names, more = names[:mostListed], ", ..."
	}
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(strings.Fields(strings.Join(names, ", ")+more), " ")
}

// filled fills the template of a file in.
func filled(file string, with any) (string, error) {
	var b bytes.Buffer
	err := templates.ExecuteTemplate(&b, file+".tmpl", with)
	return b.String(), err
}
