package store

import (
	"context"
	"strconv"
	"strings"
	"time"

	"switchboard/internal/event"
)

// dialect is what differs between the databases. All statements are written once, for PostgreSQL,
// but for the parameters of inserts, which are "?"; text makes of one what the database understands.
type dialect struct {
	name string
	// text turns a statement into the form that is sent.
	text func(query string) string
	// prepared: statements are prepared by us and kept. pgx keeps them by itself.
	prepared bool
	// begin starts a transaction.
	begin string
	// putSegment, if not empty, stores a segment ($1) and its arrival ($2 events, received at $3) in one
	// statement, which needs no transaction around it.
	putSegment string
	// patience bounds a transaction; 0 does not. A file answers or fails; a server may do neither.
	patience time.Duration
	// vacuum gives space that is not used any more back to the file system, a little of it; empty
	// when the database sees to that.
	vacuum string
	// mostFiled and mostClaims are how many events are filed and how many subjects are claimed in one
	// transaction, if there are as many: with SQLite intake waits meanwhile.
	mostFiled, mostClaims int
	// clean makes a text one that the database can hold.
	clean func(string) string
}

var sqliteDialect = dialect{
	name: "sqlite", text: withoutRowLocks, prepared: true, begin: "BEGIN IMMEDIATE",
	vacuum: "PRAGMA incremental_vacuum(1000)",
	clean:  func(s string) string { return s }, mostFiled: 16, mostClaims: 8,
}

var postgresDialect = dialect{
	name: "postgres", text: numbered, begin: "BEGIN",
	putSegment: `
		WITH s AS (INSERT INTO segments (data) VALUES ($1) RETURNING id)
		INSERT INTO arrivals (segment, events, received_at) SELECT id, $2, $3 FROM s`,
	patience: 15 * time.Second,
	clean:    cleanText, mostFiled: 64, mostClaims: 32,
}

// withoutRowLocks takes out what SQLite needs not: it has one writer at a time.
func withoutRowLocks(query string) string {
	return rowLocks.Replace(query)
}

var rowLocks = strings.NewReplacer(" FOR UPDATE SKIP LOCKED", "", " FOR UPDATE", "")

// numbered gives parameters by position their numbers.
func numbered(query string) string {
	if !strings.Contains(query, "?") {
		return query
	}
	var b strings.Builder
	b.Grow(len(query) + len(query)/4)
	n := 0
	for i := range len(query) {
		if query[i] != '?' {
			b.WriteByte(query[i])
			continue
		}
		n++
		b.WriteString("$" + strconv.Itoa(n))
	}
	return b.String()
}

// cleanText takes out what a text of PostgreSQL cannot hold: the character 0, and bytes that are no
// UTF-8, such as a character that was cut off.
func cleanText(s string) string {
	if strings.IndexByte(s, 0) >= 0 {
		s = strings.ReplaceAll(s, "\x00", "\uFFFD")
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

// cleanArgs does that with the texts among the arguments of a statement, in place.
func (d *dialect) cleanArgs(args []any) {
	for i, arg := range args {
		if s, ok := arg.(string); ok {
			if cleaned := d.clean(s); len(cleaned) != len(s) || cleaned != s {
				args[i] = cleaned
			}
		}
	}
}

// cleanEvent does that with what becomes columns of an event.
func (d *dialect) cleanEvent(ev *event.Event) {
	for _, text := range []*string{&ev.Workspace, &ev.ID, &ev.Topic, &ev.Subject, &ev.Part} {
		*text = d.clean(*text)
	}
}

// bound is the context of a transaction.
func (d *dialect) bound() (context.Context, context.CancelFunc) {
	if d.patience == 0 {
		return background, func() {}
	}
	return context.WithTimeout(background, d.patience)
}
