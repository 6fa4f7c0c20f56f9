package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"strconv"
	"strings"

	"switchboard/internal/event"
)

// Search says which stored events are meant; what is left out does not matter.
type Search struct {
	Workspace string
	// Topic is exact, or with * for any text.
	Topic   string
	Subject string
	// Named is the number of an event, the id of a notification, or a subject with or without its kind; if
	// nothing is named so, the id of a part.
	Named string
	// Ran is a rule that ran, and AnyRan that any did.
	Ran    string
	AnyRan bool
	// Traced are texts that the trace of the decision holds.
	Traced []string
	// Meant, if set, has the last word on an event that was found.
	Meant func(Found) bool
	Page
}

// Found is an event that was found, without its payload.
type Found struct {
	event.Event
	// Waiting says that it is not decided yet.
	Waiting bool
	// Decision is what the rules decided; its Seq is 0 if there is none. It has what DecisionOf fills in.
	Decision Decision
}

// foundColumns are those of an event, and whether it is not decided yet.
const foundColumns = `seq, workspace, id, topic, subject, part, created_at, received_at, CASE WHEN EXISTS (
	SELECT 1 FROM inbox i WHERE i.workspace = events.workspace AND i.subject = events.subject AND i.seq = events.seq) THEN 1 ELSE 0 END`

// Search returns a page of the events that are meant, the newest first.
func (s *Store) Search(ctx context.Context, q Search) ([]Found, Searched, error) {
	w := &walk[Found]{
		table: "events", key: "seq", at: "received_at", keyOf: func(f Found) int64 { return f.Seq },
		columns: foundColumns, scan: scanFound,
		check: func(ctx context.Context, list []Found) ([]Found, error) { return s.meant(ctx, q, list) },
	}
	if err := s.start(ctx, w, q); err != nil {
		return nil, Searched{}, err
	}
	if q.Workspace != "" {
		w.also("workspace = ?", q.Workspace)
	}
	switch {
	case strings.Contains(q.Topic, "*"):
		w.also("topic LIKE ? ESCAPE '!'", strings.ReplaceAll(likeLiterally.Replace(q.Topic), "*", "%"))
	case q.Topic != "":
		w.also("topic = ?", q.Topic)
	}
	if q.Subject != "" {
		w.also("subject = ?", q.Subject)
	}
	if q.Ran != "" {
		w.also("EXISTS (SELECT 1 FROM runs r WHERE r.seq = events.seq AND r.rule = ?)", q.Ran)
	}
	if q.AnyRan {
		w.also("EXISTS (SELECT 1 FROM runs r WHERE r.seq = events.seq AND r.seq > ?)", 0)
	}
	for _, text := range q.Traced {
		w.also("EXISTS (SELECT 1 FROM decisions d WHERE d.seq = events.seq AND d.trace LIKE ? ESCAPE '!')", "%"+likeLiterally.Replace(text)+"%")
	}
	return w.page(ctx, s, q.Page)
}

func scanFound(r *sql.Rows) (f Found, err error) {
	var created, received int64
	err = r.Scan(&f.Seq, &f.Workspace, &f.ID, &f.Topic, &f.Subject, &f.Part, &created, &received, &f.Waiting)
	f.CreatedAt, f.ReceivedAt = fromMicros(created), fromMicros(received)
	return f, err
}

// start chooses the rows that are looked at: the fewest for which there is an index.
func (s *Store) start(ctx context.Context, w *walk[Found], q Search) error {
	w.source = w.all()
	switch {
	case q.Named != "":
		source, args, err := s.named(ctx, q.Workspace, q.Named)
		if err != nil {
			return err
		}
		if there, err := s.exists(ctx, "SELECT 1 FROM ("+source+") q LIMIT 1", args...); err != nil {
			return err
		} else if there {
			w.source, w.args = source, args
		} else {
			w.also("part = ?", q.Named)
		}
	case q.Subject != "":
		workspaces, err := s.workspacesOr(ctx, q.Workspace)
		if err != nil {
			return err
		}
		w.source, w.args = ofSubjects([]any{q.Subject}, workspaces)
	case q.Ran != "":
		w.source, w.args = "SELECT seq AS k FROM runs WHERE rule = $1", []any{q.Ran}
	}
	return nil
}

// ofSubjects selects the events about subjects. Each of the two indexes wants its own condition.
func ofSubjects(subjects, workspaces []any) (source string, args []any) {
	args = append(append(args, subjects...), workspaces...)
	where := "subject IN (" + params(1, len(subjects)) + ") AND workspace IN (" + params(len(subjects)+1, len(workspaces)) + ")"
	return "SELECT seq AS k FROM events WHERE " + where + " AND " + ofConversation +
		" UNION ALL SELECT seq AS k FROM events WHERE " + where + " AND substr(subject, 1, 13) <> 'conversation/'", args
}

// params are n parameters from a number on.
func params(from, n int) string {
	list := make([]string, n)
	for i := range list {
		list[i] = arg(from + i)
	}
	return strings.Join(list, ", ")
}

// named selects what a text names. The workspaces are asked one by one, as the index by id wants it.
func (s *Store) named(ctx context.Context, workspace, text string) (source string, args []any, err error) {
	workspaces, err := s.workspacesOr(ctx, workspace)
	if err != nil {
		return "", nil, err
	}
	subjects := []any{text}
	for _, kind := range []string{event.KindConversation, event.KindContact, event.KindCompany, event.KindTicket, event.KindAdmin} {
		subjects = append(subjects, kind+"/"+text)
	}
	source, args = ofSubjects(subjects, workspaces)
	source += " UNION SELECT seq AS k FROM events WHERE id = $1 AND workspace IN (" + params(len(subjects)+1, len(workspaces)) + ")"
	if seq, err := strconv.ParseInt(text, 10, 64); err == nil {
		source += " UNION SELECT seq AS k FROM events WHERE seq = " + strconv.FormatInt(seq, 10) +
			" AND workspace IN (" + params(len(subjects)+1, len(workspaces)) + ")"
	}
	return source, args, nil
}

// workspacesOr are the workspaces that events are of, or the one that is asked for.
func (s *Store) workspacesOr(ctx context.Context, one string) ([]any, error) {
	if one != "" {
		return []any{one}, nil
	}
	names, err := s.Workspaces(ctx)
	list := make([]any, 0, len(names)+1)
	for _, name := range names {
		list = append(list, name)
	}
	return append(list, ""), err // never none
}

// Workspaces are the workspaces that stored events are of.
func (s *Store) Workspaces(ctx context.Context) ([]string, error) {
	return s.distinct(ctx, "SELECT workspace FROM events WHERE workspace > $1 ORDER BY workspace LIMIT 1")
}

// RulesRun are the rules that have run on stored events.
func (s *Store) RulesRun(ctx context.Context) ([]string, error) {
	return s.distinct(ctx, "SELECT rule FROM runs WHERE rule > $1 ORDER BY rule LIMIT 1")
}

// mostNames are how many different names are listed.
const mostNames = 500

// distinct lists the values of a column, each found by the one before: an index has many rows of each.
func (s *Store) distinct(ctx context.Context, next string) (list []string, err error) {
	for name, ok := "", true; ok && len(list) < mostNames; {
		rows, err := s.query(ctx, next, name)
		if err != nil {
			return nil, err
		}
		ok = false
		if err := eachRow(rows, func(r *sql.Rows) error { ok = true; return r.Scan(&name) }); err != nil {
			return nil, err
		}
		if ok {
			list = append(list, name)
		}
	}
	return list, nil
}

// meant reads the decisions on events, and leaves out events that are not meant.
func (s *Store) meant(ctx context.Context, q Search, list []Found) ([]Found, error) {
	if err := s.addDecisions(ctx, list); err != nil {
		return nil, err
	}
	kept := list[:0]
	for _, f := range list {
		// SQLite takes small and large letters for the same.
		if q.Topic != "" && !likeTopic(q.Topic, f.Topic) || q.Meant != nil && !q.Meant(f) {
			continue
		}
		kept = append(kept, f)
	}
	return kept, nil
}

// FindEvent returns the events with a number or an id: the one with the number, if there is one.
func (s *Store) FindEvent(ctx context.Context, workspace, name string) (list []Found, err error) {
	workspaces, err := s.workspacesOr(ctx, workspace)
	if err != nil {
		return nil, err
	}
	in := " AND workspace IN (" + params(2, len(workspaces)) + ")"
	if seq, err := strconv.ParseInt(name, 10, 64); err == nil {
		list, err = s.foundWhere(ctx, "seq = $1"+in, append([]any{seq}, workspaces...))
		if err != nil || len(list) > 0 {
			return list, err
		}
	}
	return s.foundWhere(ctx, "id = $1"+in, append([]any{name}, workspaces...))
}

func (s *Store) foundWhere(ctx context.Context, where string, args []any) (list []Found, err error) {
	rows, err := s.readOnce(ctx, "SELECT "+foundColumns+" FROM events WHERE "+where+" ORDER BY seq LIMIT 2", args...)
	if err != nil {
		return nil, err
	}
	if err := eachRow(rows, func(r *sql.Rows) error {
		f, err := scanFound(r)
		list = append(list, f)
		return err
	}); err != nil {
		return nil, err
	}
	return list, s.addDecisions(ctx, list)
}

// NewTopics are the topics of the newest events.
func (s *Store) NewTopics(ctx context.Context) (list []string, err error) {
	rows, err := s.query(ctx, "SELECT DISTINCT topic FROM (SELECT topic FROM events ORDER BY seq DESC "+limit(newEvents)+") e")
	if err != nil {
		return nil, err
	}
	err = eachRow(rows, func(r *sql.Rows) error {
		var topic string
		err := r.Scan(&topic)
		list = append(list, topic)
		return err
	})
	return list, err
}

// newEvents are so many.
const newEvents = 5000

func (s *Store) addDecisions(ctx context.Context, list []Found) error {
	seqs := make([]int64, len(list))
	place := make(map[int64]*Found, len(list))
	for i := range list {
		seqs[i], place[list[i].Seq] = list[i].Seq, &list[i]
	}
	decisions, err := s.DecisionsOf(ctx, seqs)
	for seq, d := range decisions {
		place[seq].Decision = d
	}
	return err
}

// DecisionsOf returns the stored decisions on events, by the number of the event, as DecisionOf does.
func (s *Store) DecisionsOf(ctx context.Context, seqs []int64) (map[int64]Decision, error) {
	rows, err := s.readOnce(ctx, "SELECT seq, ruleset, evaluated_at, trace FROM decisions WHERE seq IN ("+numbers(seqs)+")")
	if err != nil {
		return nil, err
	}
	list := make(map[int64]Decision, len(seqs))
	err = eachRow(rows, func(r *sql.Rows) error {
		var d Decision
		var at int64
		var trace string
		err := r.Scan(&d.Seq, &d.Ruleset, &at, &trace)
		d.At, d.Trace = fromMicros(at), json.RawMessage(trace)
		list[d.Seq] = d
		return err
	})
	return list, err
}

// numbers are numbers as SQL lists them; a list of none holds what no number is.
func numbers(list []int64) string {
	if len(list) == 0 {
		return "-1"
	}
	var b strings.Builder
	for i, n := range list {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(strconv.FormatInt(n, 10))
	}
	return b.String()
}

// likeTopic tells whether a topic is like a pattern, in which * stands for any text.
func likeTopic(pattern, topic string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == topic
	}
	first, last := parts[0], parts[len(parts)-1]
	if len(topic) < len(first)+len(last) || !strings.HasPrefix(topic, first) || !strings.HasSuffix(topic, last) {
		return false
	}
	topic = topic[len(first) : len(topic)-len(last)]
	for _, part := range parts[1 : len(parts)-1] {
		i := strings.Index(topic, part)
		if i < 0 {
			return false
		}
		topic = topic[i+len(part):]
	}
	return true
}
