package doctor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"switchboard/internal/operations"
)

// service looks whether a service answers, and whether it reaches Intercom.
func service(ctx context.Context, p *Patient) (found []Finding) {
	d, err := p.told(ctx)
	if err != nil {
		return []Finding{unheard(p, err)}
	}
	if !d.Running {
		return []Finding{warn("no service answers at "+p.Admin+": what follows was read from "+d.Database.Path, "start it with \"switchboard serve\", or name its console with --admin")}
	}
	for _, w := range d.Workspaces {
		if w.Trouble != "" {
			found = append(found, named(w.Name, []Finding{fail("the service sends nothing: "+w.Trouble, "see the findings about intercom")})...)
		}
	}
	if d.Version != p.Version {
		found = append(found, note(fmt.Sprintf("the service is version %s, and this program %s", d.Version, p.Version), ""))
	}
	return anyOr(found, "version %s runs since %s ago", d.Version, ago(d.Now.Sub(d.Started)))
}

// unheard says why nothing is known of the service.
func unheard(p *Patient, err error) Finding {
	if errors.Is(err, context.DeadlineExceeded) {
		return fail("the service at "+p.Admin+" does not answer in time", "see its log, and whether its database answers")
	}
	return fail(err.Error(), "name the console of the service with --admin, or its database with --database")
}

// The bounds of what a database should be.
const (
	largeLog   = 256 << 20 // bytes of a write-ahead log; it is given back at 64 MiB
	slowCommit = 500 * time.Millisecond
)

// database looks at the database.
func database(ctx context.Context, p *Patient) (found []Finding) {
	d, err := p.told(ctx)
	if err != nil {
		return []Finding{unknown("service")}
	}
	db := d.Database
	if db.Error != "" {
		found = append(found, fail("the database does not do its work: "+db.Error, "see whether its disk is full, who owns its files, and whether the server takes writes"))
	}
	found = append(found, schema(db)...)
	if db.LogBytes > largeLog {
		found = append(found, warn(fmt.Sprintf("the write-ahead log has %s beside %s of the database", size(db.LogBytes), size(db.Bytes)),
			"look for another program that has the file open, such as a backup tool: it keeps the log from being worked off"))
	}
	if took := time.Duration(db.WriteSeconds * float64(time.Second)); took > slowCommit {
		found = append(found, warn(fmt.Sprintf("a small write took %s", took.Round(time.Millisecond)), "see what else uses the disk; Intercom serves endpoints that answer within 500 ms first"))
	}
	found = append(found, readable(db.Kind, db.Path)...)
	return anyOr(found, "%s takes writes; %s, schema version %d", db.Path, size(db.Bytes), db.Schema)
}

// schema compares the version of the schema with the one that the program knows.
func schema(db operations.DatabaseHealth) []Finding {
	text := fmt.Sprintf("the database's schema is version %d, and the program knows %d", db.Schema, db.SchemaKnown)
	switch {
	case db.Schema > db.SchemaKnown:
		return []Finding{fail(text, "run the newest version of switchboard that was used with it")}
	case db.Schema < db.SchemaKnown && db.Error == "":
		return []Finding{note(text+": the next start brings it up to date", "take a backup before")}
	}
	return nil
}

// readable looks who may read the file: it holds what customers wrote.
func readable(kind, path string) []Finding {
	info, err := os.Stat(path)
	if kind != "sqlite" || err != nil || info.Mode().Perm()&others == 0 {
		return nil // that of another machine is not seen here
	}
	return []Finding{warn(fmt.Sprintf("%s can be read by others: its mode is %#o, and it holds what customers wrote", path, info.Mode().Perm()), "chmod 600 "+path)}
}

func size(n int64) string {
	for _, unit := range []struct {
		name  string
		bytes int64
	}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}} {
		if n >= unit.bytes {
			return fmt.Sprintf("%.1f %s", float64(n)/float64(unit.bytes), unit.name)
		}
	}
	return fmt.Sprintf("%d bytes", n)
}

// databaseClock compares the clock of a server with that of the machine which asked it.
func databaseClock(ctx context.Context, p *Patient) []Finding {
	d, err := p.told(ctx)
	switch {
	case err != nil:
		return []Finding{unknown("service")}
	case d.Database.Kind != "postgres":
		return []Finding{fine("a file has no clock of its own")}
	}
	return []Finding{clockFinding("here", "PostgreSQL's", time.Duration(d.Database.AheadSeconds*float64(time.Second)))}
}

// How much should be left on a disk, in bytes and in hundredths of it, and in hundredths of its inodes.
const (
	littleSpace, noSpace = 1 << 30, 100 << 20
	littlePart           = 5
	littleInodes         = 2
)

// disk looks at the file system that a database in a file is on.
func disk(ctx context.Context, p *Patient) (found []Finding) {
	d, err := p.told(ctx)
	switch {
	case err != nil:
		return []Finding{unknown("service")}
	case d.Disk == nil && d.Database.Kind == "postgres":
		return []Finding{fine("the server keeps the database")}
	case d.Disk == nil:
		return []Finding{note("this system does not tell how much space is left", "")}
	}
	s := d.Disk
	text := fmt.Sprintf("%s of %s are free in %s", size(s.FreeBytes), size(s.Bytes), s.Path)
	const fix = "make room; a shorter --retention keeps fewer events"
	switch {
	case s.FreeBytes < noSpace:
		found = append(found, fail(text+": soon no event can be taken", fix))
	case s.FreeBytes < littleSpace && s.FreeBytes*100 < s.Bytes*littlePart:
		found = append(found, warn(text, fix))
	}
	if s.Inodes > 0 && s.FreeInodes*100 < s.Inodes*littleInodes {
		found = append(found, warn(fmt.Sprintf("%d of %d inodes are free in %s", s.FreeInodes, s.Inodes, s.Path), "delete small files that nobody needs"))
	}
	return anyOr(found, "%s", text)
}

// fewFiles is the least that a process should be allowed to open, and mostUsed how many hundredths of it may be.
const fewFiles, mostUsed = 1024, 75

// openFiles looks at the limit of files and connections that the service's process has.
func openFiles(ctx context.Context, p *Patient) []Finding {
	d, err := p.told(ctx)
	switch {
	case err != nil || !d.Running:
		return []Finding{unknown("service")}
	case d.Files == nil:
		return []Finding{note("this system does not tell how many files a process may open", "")}
	}
	text := fmt.Sprintf("the service has %d of %d files and connections open", d.Files.Open, d.Files.Most)
	const fix = "raise the limit (LimitNOFILE= in the systemd unit, ulimit -n in a shell)"
	switch {
	case d.Files.Open*100 > d.Files.Most*mostUsed:
		return []Finding{warn(text, fix)}
	case d.Files.Most < fewFiles:
		return []Finding{note(text+", which is few for a flood of webhooks", fix)}
	}
	return []Finding{fine("%s", text)}
}

// How long something may wait.
const waitsLong, waitsTooLong = time.Minute, 10 * time.Minute

// backlog looks at what waits to be decided or done.
func backlog(ctx context.Context, p *Patient) (found []Finding) {
	d, err := p.told(ctx)
	if err != nil {
		return []Finding{unknown("service")}
	}
	for _, line := range []struct {
		what   string
		n      int
		oldest time.Time
		fix    string
	}{
		{"event", d.Waiting.Events, d.Waiting.OldestEvent, "see the log for errors of the engine"},
		{"action", d.Waiting.Actions, d.Waiting.OldestAction, "see whether Intercom is reached, and whether the rate limit is used up (switchboard_budget_remaining)"},
	} {
		age := d.Now.Sub(line.oldest)
		text := fmt.Sprintf("%s wait, the oldest for %s", plural(line.n, line.what), ago(age))
		switch {
		case line.n == 0 || age < waitsLong:
		case age < waitsTooLong || line.what == "action": // an action may wait for its next attempt
			found = append(found, warn(text, line.fix))
		default:
			found = append(found, fail(text, line.fix))
		}
	}
	return anyOr(found, "%s and %s wait", plural(d.Waiting.Events, "event"), plural(d.Waiting.Actions, "action"))
}

// timers looks for timers that should have been decided.
func timers(ctx context.Context, p *Patient) []Finding {
	d, err := p.told(ctx)
	if err != nil {
		return []Finding{unknown("service")}
	}
	if d.Waiting.TimersOverdue == 0 {
		return []Finding{fine("none is overdue")}
	}
	late := d.Now.Sub(d.Waiting.OldestTimer)
	text := fmt.Sprintf("%s overdue, the oldest by %s", plural(d.Waiting.TimersOverdue, "timer"), ago(late))
	const fix = "see whether the service runs and decides; after a start, timers wait until missed events were looked for"
	if late < waitsTooLong {
		return []Finding{warn(text, fix)}
	}
	return []Finding{fail(text, fix)}
}

// deadLetters looks for actions that wait for a person.
func deadLetters(ctx context.Context, p *Patient) (found []Finding) {
	d, err := p.told(ctx)
	if err != nil {
		return []Finding{unknown("service")}
	}
	if n := d.Waiting.Dead; n > 0 {
		found = append(found, warn(fmt.Sprintf("%s failed for good, and %d behind are held", plural(n, "action"), d.Waiting.Held), "see them in the console; \"switchboard retry\" tries them again"))
	}
	if n := d.Waiting.Parked; n > 0 {
		found = append(found, warn(plural(n, "action")+" parked: they may have been done, or came too late for a customer", "look at each conversation, then \"switchboard retry ID --parked sent\" (or again)"))
	}
	return anyOr(found, "no action waits for a person")
}

// replicas compares those that share the database.
func replicas(ctx context.Context, p *Patient) (found []Finding) {
	d, err := p.told(ctx)
	if err != nil {
		return []Finding{unknown("service")}
	}
	versions, rulesets := map[string][]string{}, map[string][]string{}
	for _, r := range d.Replicas {
		versions[r.Version] = append(versions[r.Version], r.Name)
		rulesets[r.Ruleset] = append(rulesets[r.Ruleset], r.Name)
	}
	if len(versions) > 1 {
		found = append(found, warn("replicas run different versions: "+groups(versions), "end the rolling upgrade: restart those with the older one"))
	}
	if len(rulesets) > 1 {
		found = append(found, warn("replicas have different rules, and those with the newest decide: "+groups(rulesets), "give all of them the same rules"))
	}
	return anyOr(found, "%s", alike(d))
}

func alike(d operations.Diagnosis) string {
	if len(d.Replicas) < 2 {
		return "there is one"
	}
	return fmt.Sprintf("%d with the same version and rules", len(d.Replicas))
}

// groups writes who has what, in a steady order.
func groups(by map[string][]string) string {
	var words []string
	for _, what := range sortedKeys(by) {
		words = append(words, what+" ("+strings.Join(by[what], ", ")+")")
	}
	return strings.Join(words, ", ")
}
