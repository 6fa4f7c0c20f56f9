package ruletest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"switchboard/internal/diag"
	"switchboard/internal/event"
	"switchboard/internal/rules"
)

// Saved is what Save has written.
type Saved struct {
	Test, Record string   // the files
	Kept         []string // what could not be masked, because rules decide by it
	Runs         int      // how many rules are expected to run
}

// Save makes a test of a record, for the rules in rulesPaths: a file of tests, and the masked record beside
// it. Neither may exist. What is expected is what those rules do.
func Save(ctx context.Context, name string, rulesPaths []string, r *rules.Record) (*Saved, error) {
	base, suffix := cutSuffix(name)
	if suffix == "" {
		return nil, fmt.Errorf("%s: the name of a file of tests ends in .test.yaml", name)
	}
	rs, problems := rules.Load(rulesPaths)
	if rs == nil {
		return nil, &ProblemsError{problems}
	}
	masked, kept, err := Mask(ctx, rs, r)
	if err != nil {
		return nil, err
	}
	d, err := rs.Evaluate(ctx, masked.Input())
	if err != nil {
		return nil, err
	}
	saved := &Saved{Test: name, Record: base + ".event.json", Kept: kept}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false) // people read it
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(masked); err != nil {
		return nil, err
	}
	test, err := saved.document(rs, rulesPaths, masked, d)
	if err != nil {
		return nil, err
	}
	if err := writeNew(saved.Record, text.Bytes()); err != nil {
		return nil, err
	}
	if err := writeNew(saved.Test, test); err != nil {
		return nil, errors.Join(err, os.Remove(saved.Record)) // or it would be in the way of the next try
	}
	return saved, nil
}

// ProblemsError is rules or a file of tests with errors.
type ProblemsError struct{ Problems []diag.Problem }

func (e *ProblemsError) Error() string { return "the rules cannot be used" }

// writeNew writes a file that must not exist.
func writeNew(name string, text []byte) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	switch {
	case errors.Is(err, fs.ErrExist):
		return fmt.Errorf("%s is there already: remove it, or choose another name", name)
	case err != nil:
		return fmt.Errorf("write a test: %w", err)
	}
	_, err = f.Write(text)
	if closing := f.Close(); err == nil {
		err = closing
	}
	return err
}

// document is the file of tests.
func (s *Saved) document(rs *rules.Ruleset, rulesPaths []string, r *rules.Record, d *rules.Decision) ([]byte, error) {
	var paths []string
	for _, path := range rulesPaths {
		relative, err := relativeTo(filepath.Dir(s.Test), path)
		if err != nil {
			return nil, err
		}
		paths = append(paths, relative)
	}
	var expect any = "nothing"
	var list []any
	for _, o := range d.Rules {
		entry := node("rule", o.Rule)
		switch {
		case o.Verdict == rules.Ran:
			s.Runs++
			entry.add("then", written(rs, r, o, o.Actions))
		case o.Would != nil:
			entry.add("would", written(rs, r, o, o.Would))
		case o.Verdict == rules.Failed:
			entry.add("fails", o.Reason)
		default:
			continue
		}
		list = append(list, entry.Node)
	}
	if list != nil {
		expect = list
	}
	name := fmt.Sprintf("%s of %s", r.Topic, r.CreatedAt.UTC().Format(time.DateTime))
	doc := node("version", 1)
	if len(paths) == 1 {
		doc.add("rules", paths[0])
	} else {
		doc.add("rules", paths)
	}
	test := node("name", name)
	test.add("events", []any{node("record", filepath.Base(s.Record)).Node})
	test.add("expect", expect)
	doc.add("tests", []any{test.Node})
	var b bytes.Buffer
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	if err := e.Encode(doc.Node); err != nil {
		return nil, err
	}
	return b.Bytes(), e.Close()
}

func relativeTo(dir, path string) (string, error) {
	from, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	to, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	relative, err := filepath.Rel(from, to)
	return filepath.ToSlash(relative), err
}

// mapping is a mapping that keeps the order of its keys.
type mapping struct{ *yaml.Node }

func node(key string, v any) mapping {
	m := mapping{&yaml.Node{Kind: yaml.MappingNode}}
	m.add(key, v)
	return m
}

func (m mapping) add(key string, v any) {
	k, value := &yaml.Node{}, &yaml.Node{}
	_ = k.Encode(key)
	if inner, ok := v.(*yaml.Node); ok {
		value = inner
	} else {
		_ = value.Encode(v) // texts, numbers, lists and mappings
	}
	m.Content = append(m.Content, k, value)
}

// written are actions as files of tests have them. A form is taken only if it gives the very parameters when
// it is read again; otherwise the kind alone stands for whatever it does.
func written(rs *rules.Ruleset, r *rules.Record, o rules.Outcome, list []rules.Planned) []any {
	out := []any{}
	for i, a := range list {
		out = append(out, writtenAction(rs, r, o, a, i))
	}
	return out
}

func writtenAction(rs *rules.Ruleset, r *rules.Record, o rules.Outcome, a rules.Planned, index int) any {
	for _, form := range forms(a, r.Decision.At) {
		entry := any(a.Kind)
		if form != nil {
			entry = node(a.Kind, form).Node
		}
		n := &yaml.Node{}
		if inner, ok := entry.(*yaml.Node); ok {
			n = inner
		} else {
			_ = n.Encode(entry)
		}
		text, err := yaml.Marshal(n)
		if err != nil {
			continue
		}
		reader, root := rules.NewReader(rules.Source{Text: text})
		if root == nil {
			continue
		}
		reader.Declare(rs.Counters())
		kind, spec, ok := reader.Action(root)
		if !ok || spec == nil || len(reader.Problems()) > 0 {
			continue
		}
		params, err := planOn(expectedAction{kind, spec}, r.Input().Event, r.Decision.At, o.Rule, index, "")
		if err == nil && words(kind, params) == words(a.Kind, a.Params) {
			return entry
		}
	}
	return a.Kind
}

// forms are how an action may be written; nil is the kind alone.
func forms(a rules.Planned, now time.Time) []any {
	var p struct {
		planned
		Pick *struct {
			Order    string `json:"order"`
			TakeAway bool   `json:"take_away"`
			Capacity int    `json:"capacity"`
			Wait     bool   `json:"wait"`
			Prefer   bool   `json:"prefer_last"`
		} `json:"pick"`
	}
	if json.Unmarshal(a.Params, &p) != nil && len(a.Params) > 0 {
		return nil
	}
	switch a.Kind {
	case "tag", "untag":
		var names any = p.Tags
		if len(p.Tags) == 1 {
			names = p.Tags[0]
		}
		onContact := node("name", names)
		onContact.add("on", event.KindContact)
		return []any{names, onContact.Node}
	case "assign":
		to := node("team", p.Team)
		if p.Admin != "" {
			to = node("admin", p.Admin)
		}
		if k := p.Pick; k != nil {
			to.add("pick", k.Order)
			if k.Capacity > 0 {
				to.add("capacity", k.Capacity)
			}
			if k.Wait {
				to.add("otherwise", "wait")
			}
			if k.Prefer {
				to.add("prefer", "last_assignee")
			}
		}
		return []any{"nobody", to.Node}
	case "note", "reply":
		return []any{plainBody(p.Body), p.Body}
	case "close":
		if p.Body != "" {
			return []any{node("reply", plainBody(p.Body)).Node, node("reply", p.Body).Node}
		}
		return []any{nil}
	case "open":
		return []any{nil}
	case "snooze":
		return []any{(time.Duration(p.Until-now.Unix()) * time.Second).String()}
	case "set":
		set := mapping{&yaml.Node{Kind: yaml.MappingNode}}
		if p.Title != "" {
			set.add("title", p.Title)
		}
		if key := map[string]string{event.KindConversation: "attributes", event.KindContact: "contact", event.KindTicket: "ticket"}[p.On]; len(p.Attributes) > 0 {
			set.add(key, p.Attributes)
		}
		return []any{set.Node}
	}
	return nil
}

// plainBody is HTML without paragraphs, if it is no more than those.
func plainBody(html string) string {
	text := strings.NewReplacer("</p><p>", "\n\n", "</p>\n<p>", "\n\n", "<p>", "", "</p>", "", "<br>\n", "\n", "<br>", "\n").Replace(html)
	return strings.TrimSpace(text)
}
